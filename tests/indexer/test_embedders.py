from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import tiny_model

from indexer.embedders import OnnxEmbedder
from indexer.errors import EncoderError
from indexer.model_folder import resolve_model

TEXTS = ["Replace the filter.", "更换滤芯", "Alarm E-201: spindle overloaded, " * 8, "oil"] * 5 + ["one more"]


@pytest.mark.parametrize(
    ("pooling", "options"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, {}),
        ({"pooling_mode": "max"}, {}),
        ({"pooling_mode": "lasttoken"}, {"prompts": {"query": "query: ", "document": "passage: "}}),
        ({"pooling_mode_mean_tokens": True}, {"dense": True}),
    ],
    ids=["cls", "max", "lasttoken-prompts", "mean-dense"],
)
def test_other_models_equal_sentence_transformers(
    tmp_path: Path, pooling: dict[str, Any], options: dict[str, Any]
) -> None:
    folder = tiny_model(tmp_path / "tiny", pooling, **options)
    sentence_transformers = pytest.importorskip("sentence_transformers")
    peer = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    embedder = OnnxEmbedder(folder, cache_dir=tmp_path / "cache")
    assert (embedder.name, embedder.max_tokens) == ("tiny", 64)
    assert embedder.dimension == (20 if options.get("dense") else 32)
    questions, documents = embedder.embed_questions(TEXTS), embedder.embed_documents(TEXTS)
    expected = {"show_progress_bar": False, "normalize_embeddings": True}
    if options.get("prompts"):
        assert (questions * documents).sum(1).min() < 0.999  # the prompts differ
        np.testing.assert_allclose(questions, peer.encode(TEXTS, prompt_name="query", **expected), atol=1e-3)
        reference = peer.encode(TEXTS, prompt_name="document", **expected)
    else:
        reference = peer.encode(TEXTS, **expected)
        np.testing.assert_allclose(questions, reference, atol=1e-3)
    assert (documents * reference).sum(1).mean() >= 0.999


def test_default_model_is_known_before_anything_loads(tmp_path: Path) -> None:
    embedder = OnnxEmbedder(cache_dir=tmp_path)
    assert (embedder.name, embedder.dimension, embedder.max_tokens) == ("all-MiniLM-L6-v2", 384, 256)
    assert OnnxEmbedder("sentence-transformers/all-MiniLM-L6-v2", cache_dir=tmp_path).name == "all-MiniLM-L6-v2"
    assert OnnxEmbedder(cache_dir=tmp_path, max_tokens=100).max_tokens == 100
    assert list(tmp_path.iterdir()) == []


def test_weights_are_hashed_once_and_again_when_they_change(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "tiny", {"pooling_mode": "mean"})
    first = OnnxEmbedder(folder, cache_dir=tmp_path / "cache").weights_sha256
    assert OnnxEmbedder(folder, cache_dir=tmp_path / "cache").weights_sha256 == first
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes() + b" ")
    assert OnnxEmbedder(folder, cache_dir=tmp_path / "cache").weights_sha256 != first


def test_counts_tokens_uncut_with_the_special_ones(tmp_path: Path) -> None:
    counter = OnnxEmbedder(cache_dir=tmp_path).token_counter()
    assert counter("") == 2 and counter("oil pump") == 4 and counter("更换滤芯") == 6
    assert counter("oil " * 1000) == 1002
    assert counter.count_many(["oil", "oil pump", ""]) == [3, 4, 2] and counter.count_many([]) == []


def test_model_in_the_local_hub_cache_is_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "hub" / "models--acme--tiny"
    tiny_model(root / "snapshots" / "abc", {"pooling_mode": "mean"})
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("abc")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    model = resolve_model("acme/tiny")
    assert model.name == "acme/tiny" and model.path == root / "snapshots" / "abc"
    with pytest.raises(EncoderError, match="No model 'acme/other' on this machine"):
        resolve_model("acme/other")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("1_Pooling/config.json", '{"pooling_mode": "weightedmean"}', "pools by 'weightedmean'"),
        ("1_Pooling/config.json", '{"pooling_mode": "mean", "include_prompt": false}', "leaves its prompt out"),
        ("config.json", "{", "Cannot read"),
        ("modules.json", '[{"idx": 0, "path": "", "type": "x.models.CNN"}]', "has a module 'CNN'"),
        ("tokenizer.json", None, "has no tokenizer.json"),
        ("model.safetensors", None, "has no model.safetensors"),
    ],
)
def test_unsupported_or_incomplete_folder_is_told_plainly(
    tmp_path: Path, file: str, content: str | None, message: str
) -> None:
    folder = tiny_model(tmp_path / "tiny", {"pooling_mode": "mean"})
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    with pytest.raises(EncoderError, match=message):
        OnnxEmbedder(folder, cache_dir=tmp_path)


def test_max_tokens_without_room_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="at least 8"):
        OnnxEmbedder(cache_dir=tmp_path, max_tokens=2)


def test_vectors_are_remembered_within_bounds():
    import numpy as np

    from indexer.embedders import Memory

    made = []

    def make(texts):
        made.append(list(texts))
        return np.array([[len(text), ord(text[0])] for text in texts], dtype=np.float32)

    memory = Memory(3)
    assert memory.vectors(["aa", "b", "aa"], make).tolist() == [[2, 97], [1, 98], [2, 97]]
    assert memory.vectors(["b", "ccc"], make).tolist() == [[1, 98], [3, 99]]
    assert memory.vectors(["d"], make).tolist() == [[1, 100]]  # "aa", used longest ago, is dropped
    memory.vectors(["b", "ccc", "d"], make)
    memory.vectors(["aa"], make)
    assert made == [["aa", "b"], ["ccc"], ["d"], ["aa"]]
    assert Memory(0).vectors(["x"], make).tolist() == [[1, 120]]
