from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import indexer.encoder as encoder_module
from indexer.encoder import Encoder, make_batches
from indexer.errors import EncoderError
from indexer.export import discard, exported_folder, is_whole
from indexer.model_folder import DEFAULT_MODEL_SHA256, resolve_model

SENTENCES = [
    "Replace the oil filter of the hydraulic unit every 500 operating hours.",
    "WARNING: disconnect the mains and wait ten minutes before opening the inverter.",
    "Alarm E-201 means that the spindle drive is overloaded.",
    "更换液压油滤芯前请切断电源，并等待系统压力降为零。",
    "变频器报警 F0.12：直流母线过电压，请检查制动电阻。",
    "Tighten the M8 bolts crosswise to 25 N·m.",
    "ok",
    "Check the belt tension. " * 60,
] + [f"Step {n}: " + "open the valve and read the pressure gauge, " * n for n in range(1, 14)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def encoder(cache: Path) -> Encoder:
    return Encoder(resolve_model(), cache, max_tokens=256)


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    model = sentence_transformers.SentenceTransformer(str(resolve_model().path), device="cpu")
    model.max_seq_length = 256
    return model.encode(SENTENCES, normalize_embeddings=True, show_progress_bar=False)


def test_questions_equal_sentence_transformers(encoder: Encoder, reference: np.ndarray) -> None:
    assert (encoder.encode_few(SENTENCES) * reference).sum(1).min() >= 0.9999


def test_bulk_path_equals_sentence_transformers_within_its_precision(encoder: Encoder, reference: np.ndarray) -> None:
    cosines = (encoder.encode_many(SENTENCES) * reference).sum(1)
    assert cosines.mean() >= 0.999 and cosines.min() >= 0.995


def test_without_openvino_onnxruntime_does_both(
    cache: Path, reference: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    encoder = Encoder(resolve_model(), cache, max_tokens=256, threads=1)
    assert (encoder.encode_many(SENTENCES) * reference).sum(1).min() >= 0.9999
    assert encoder.bulk_description() == "ONNX Runtime f32, 1 threads"


def test_windows_and_equal_texts_do_not_change_the_result(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = SENTENCES + SENTENCES[::-1]
    whole = encoder.encode_many(texts)
    monkeypatch.setattr(encoder_module, "WINDOW_TEXTS", 10)
    assert (encoder.encode_many(texts) * whole).sum(1).min() > 0.999


def test_longer_texts_are_read_up_to_the_limit_not_to_the_one_in_the_tokeniser_file(encoder: Encoder) -> None:
    base = "pump " * 180
    vectors = encoder.encode_few([base + "fire alarm siren " * 20, base + "fire alarm siren " * 20 + "x " * 500, base])
    assert vectors[0] @ vectors[2] < 0.99  # words after the 128th token count
    longer = encoder.encode_few(["pump " * 254, "pump " * 254 + "fire alarm siren"])
    assert longer[0] @ longer[1] > 0.99999  # those after the 256th do not


def test_odd_texts_are_encoded(encoder: Encoder) -> None:
    vectors = encoder.encode_few(["", " \n\t", "\udc80 broken", "a\0b", "é" * 3000, "🔧"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)


def test_serves_several_threads_at_once(cache: Path) -> None:
    encoder = Encoder(resolve_model(), cache, max_tokens=256)
    expected = encoder.encode_few(SENTENCES)
    results: dict[int, np.ndarray] = {}

    def work(number: int) -> None:
        results[number] = (encoder.encode_few if number % 2 else encoder.encode_many)(SENTENCES)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4 and all((r * expected).sum(1).min() > 0.995 for r in results.values())


def test_batches_hold_every_text_once_with_little_padding() -> None:
    rng = np.random.default_rng(0)
    ids = [[1] * int(n) for n in rng.integers(1, 257, 500)]
    batches = list(make_batches(ids, pad_id=9, batch_tokens=1024, step=8))
    assert sorted(np.concatenate([b.rows for b in batches]).tolist()) == list(range(500))
    for batch in batches:
        assert batch.ids.shape == batch.mask.shape and batch.ids.size <= 1024
        assert batch.mask.sum(1).tolist() == [len(ids[row]) for row in batch.rows]
        assert (batch.ids[batch.mask == 0] == 9).all() and (batch.ids[batch.mask == 1] == 1).all()
    assert sum(b.mask.sum() for b in batches) / sum(b.mask.size for b in batches) > 0.93


def test_few_texts_are_not_padded_to_the_longest() -> None:
    lengths = [250, 40, 38, 12, 11, 11, 240]
    batches = list(make_batches([[1] * n for n in lengths], pad_id=9, step=1, most_padding=24))
    assert [batch.rows.tolist() for batch in batches] == [[0, 6], [1, 2], [3, 4, 5]]
    assert [batch.mask.size - batch.mask.sum() for batch in batches] == [10, 2, 2]


def test_no_torch_and_no_network_in_this_process(cache: Path, encoder: Encoder) -> None:
    encoder.encode_few(["exported before"])
    code = (
        "import sys\n"
        "calls = []\n"
        "sys.addaudithook(lambda event, args: calls.append(event)\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.sendto', 'subprocess.Popen') else None)\n"
        "from pathlib import Path\n"
        "from indexer.embedders import OnnxEmbedder\n"
        "embedder = OnnxEmbedder(cache_dir=Path(sys.argv[1]))\n"
        "embedder.weights_sha256, embedder.dimension, embedder.max_tokens\n"
        "assert not {'onnxruntime', 'openvino', 'tokenizers', 'torch'} & set(sys.modules)\n"
        "embedder.embed_questions(['a'])\n"
        "assert 'openvino' not in sys.modules\n"
        "embedder.embed_documents([f'text {n}' for n in range(40)])\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
        "assert not calls, calls\n"
    )
    root = Path(encoder_module.__file__).resolve().parent.parent
    done = subprocess.run([sys.executable, "-c", code, str(cache)], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_damaged_export_is_noticed_and_made_again(encoder: Encoder, cache: Path, tmp_path: Path) -> None:
    import shutil

    encoder.encode_few(["exported before"])
    shutil.copytree(cache, tmp_path / "cache")
    model = resolve_model()
    folder = exported_folder(model, tmp_path / "cache", DEFAULT_MODEL_SHA256)
    graph = (folder / "encoder.onnx").read_bytes()
    (folder / "encoder.onnx").write_bytes(b"\xff" * len(graph))  # the size on the card still fits
    assert is_whole(folder) and not is_whole(folder, thorough=True)
    repaired = Encoder(model, tmp_path / "cache", max_tokens=256)
    assert not repaired.verify()
    assert repaired.encode_few(["a"]) @ encoder.encode_few(["a"]).T > 0.9999
    assert repaired.verify()
    (folder / "weights.bin").write_bytes(b"")  # now the size does not
    assert not is_whole(folder)
    discard(folder)
    assert not folder.exists()


def test_missing_torch_and_unwritable_cache_are_told_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\")")
    (blocked / "onnx.py").write_text("raise ModuleNotFoundError(\"No module named 'onnx'\")")
    monkeypatch.setenv("PYTHONPATH", str(blocked))
    with pytest.raises(EncoderError, match="needs torch, transformers and onnx"):
        Encoder(resolve_model(), tmp_path / "cache", max_tokens=256).encode_few(["a"])
    assert [p.name for p in (tmp_path / "cache" / "encoder").iterdir()] == ["weights.json"]
    (tmp_path / "file").write_text("")
    with pytest.raises(EncoderError, match="Cannot write the encoder's cache"):
        Encoder(resolve_model(), tmp_path / "file", max_tokens=256).encode_few(["a"])


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    model = resolve_model()
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    from dataclasses import replace

    with pytest.raises(EncoderError, match="damaged: sha256"):
        replace(model, weights=(tmp_path / "model.safetensors",)).weights_sha256()


def test_card_tells_what_was_exported(encoder: Encoder, cache: Path) -> None:
    encoder.encode_few(["exported before"])
    card = json.loads((exported_folder(resolve_model(), cache, DEFAULT_MODEL_SHA256) / "card.json").read_text())
    assert card["model"] == "all-MiniLM-L6-v2" and card["pooling"] == ["mean"] and card["dimension"] == 384
