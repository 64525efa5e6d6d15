"""The bilingual body: its vocabulary, its delta, its composition and, on a handful of sentences, its training."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from finetune.body.compose import composed_folder
from finetune.body.delta import CARD, DELTA, VOCABULARY, read_delta, write_delta
from finetune.body.vocabulary import Vocabulary, extended_tokenizer, row_sources, select
from finetune.errors import BodyError
from indexer.embedders import OnnxEmbedder
from indexer.model_folder import resolve_model

ROOT = Path(__file__).parent.parent.parent
TEXTS = ["变频器过热报警，请检查冷却风扇。", "检查变频器的输出电压。", "更换冷却风扇之前请切断电源。"] * 10


@pytest.fixture(scope="module")
def plain() -> dict:
    return json.loads(resolve_model().tokenizer.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def vocabulary(plain: dict) -> Vocabulary:
    old = tokenizer(plain)
    return select(
        TEXTS,
        plain["model"]["vocab"],
        terms=["变频器", "冷却风扇"],
        min_count=5,
        traditional={"變": "变", "頻": "频", "門": "门"},
        is_unknown=lambda sign: "[UNK]" in old.encode(sign).tokens,
    )


@pytest.fixture(scope="module")
def delta(tmp_path_factory: pytest.TempPathFactory, vocabulary: Vocabulary) -> Path:
    """A delta with rows of its own and one changed layer."""
    folder = tmp_path_factory.mktemp("delta")
    parent = load_file(resolve_model().transformer / "model.safetensors")
    rng = np.random.default_rng(0)
    name = "encoder.layer.0.output.dense.weight"
    taught = {
        "new_rows": rng.normal(0, 0.05, (len(vocabulary.row_names), 384)).astype(np.float32),
        name: parent[name] + rng.normal(0, 0.001, parent[name].shape).astype(np.float32),
        "encoder.layer.0.output.dense.bias": parent["encoder.layer.0.output.dense.bias"],
    }
    vocabulary.write(folder / "vocabulary.json")
    write_delta(
        folder,
        taught,
        parent,
        folder / "vocabulary.json",
        {"data": "none"},
        parent_sha256=resolve_model().weights_sha256(),
    )
    return folder


def tokenizer(content: dict) -> Tokenizer:
    made = Tokenizer.from_str(json.dumps(content))
    made.no_truncation()
    made.no_padding()
    return made


@pytest.mark.parametrize(
    "text",
    [
        "Err14 on the drive: replace 6ES7 315-2AG10, 0x1A or SRVO-062",
        "P0301 = 3.5 bar (±0.2), 25 °C — see p. 12…",
        "naïve café ½ ™ #1",
        "10 kΩ, Φ25, a ≠ b",
    ],
)
def test_english_digits_and_codes_keep_the_tokens_they_had(plain: dict, vocabulary: Vocabulary, text: str) -> None:
    assert tokenizer(extended_tokenizer(plain, vocabulary)).encode(text).ids == tokenizer(plain).encode(text).ids


def test_words_are_matched_longest_first_and_the_rest_by_character(plain: dict, vocabulary: Vocabulary) -> None:
    made = tokenizer(extended_tokenizer(plain, vocabulary))
    assert made.encode("请更换冷却风扇Err14").tokens[1:-1] == ["请", "更换", "冷却风扇", "er", "##r", "##14"]
    assert "[UNK]" not in made.encode("龙门铣床主轴轴承").tokens, "every character of GB 2312 has a token"
    assert made.encode("25℃").tokens[1:-1] == ["25", "℃"]


def test_traditional_and_full_width_forms_share_the_row_of_the_plain_form(plain: dict, vocabulary: Vocabulary) -> None:
    known = plain["model"]["vocab"]
    rows = row_sources(vocabulary, known)
    sources = dict(zip(vocabulary.tokens, rows[len(known) :], strict=True))
    ids = {token: number for number, token in enumerate(vocabulary.tokens, len(known))}
    assert sources["頻"] == sources["频"] == ids["频"]
    assert sources["Ｅ"] == known["e"]
    assert sources["２"] == known["2"]
    made = tokenizer(extended_tokenizer(plain, vocabulary))
    assert made.encode("頻").ids[1] == ids["頻"], "the tokens themselves stay apart"
    assert rows[known["門"]] == ids["门"], "also where the old vocabulary holds the traditional form"


def test_chinese_characters_of_the_old_vocabulary_get_new_rows_and_nothing_else_does(
    plain: dict, vocabulary: Vocabulary
) -> None:
    known = plain["model"]["vocab"]
    rows = row_sources(vocabulary, known)
    replaced = {token for token, number in known.items() if rows[number] != number}
    assert replaced == {*vocabulary.relearnt, "門"}
    assert {"不", "水", "火"} <= replaced
    assert rows[known["水"]] == len(known) + len(vocabulary.tokens) + vocabulary.relearnt.index("水")


def test_a_token_of_the_body_cannot_be_added_again(plain: dict, vocabulary: Vocabulary) -> None:
    with pytest.raises(BodyError, match="'pump' is in the body's vocabulary already"):
        extended_tokenizer(plain, Vocabulary((), ("pump",), (), {}))


def test_delta_gives_back_rows_and_differences_to_a_127th_of_the_largest(delta: Path) -> None:
    read = read_delta(delta)
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 0.05, read.rows.shape).astype(np.float32)
    step = np.abs(rows).max(axis=1, keepdims=True) / 127
    assert (np.abs(read.rows - rows) <= 0.51 * step + 1e-6).all()
    assert list(read.differences) == ["encoder.layer.0.output.dense.weight"], "what did not change is not stored"


def test_composed_body_differs_only_where_the_delta_says(
    delta: Path, tmp_path: Path, vocabulary: Vocabulary, plain: dict
) -> None:
    known = plain["model"]["vocab"]
    folder = composed_folder(tmp_path, delta)
    parent = load_file(resolve_model().transformer / "model.safetensors")
    made = load_file(folder / "model.safetensors")
    words = "embeddings.word_embeddings.weight"
    assert len(made[words]) == len(parent[words]) + len(vocabulary.tokens)
    same = np.ones(len(parent[words]), dtype=bool)
    same[[known[token] for token in (*vocabulary.relearnt, "門")]] = False
    np.testing.assert_array_equal(made[words][: len(parent[words])][same], parent[words][same])
    assert not np.array_equal(made[words][known["水"]], parent[words][known["水"]])
    changed = [name for name in parent if name != words and not np.array_equal(parent[name], made[name])]
    assert changed == ["encoder.layer.0.output.dense.weight"]
    stamp = (folder / "model.safetensors").stat().st_mtime_ns
    assert composed_folder(tmp_path, delta) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == stamp, "composed once"


def test_composed_body_runs_and_tells_chinese_characters_apart(delta: Path, tmp_path: Path) -> None:
    body = OnnxEmbedder(composed_folder(tmp_path, delta), cache_dir=tmp_path)
    english = OnnxEmbedder(cache_dir=tmp_path)
    assert body.reads_chinese and not english.reads_chinese
    assert body.weights_sha256 != english.weights_sha256
    texts = ["The pump is leaking oil.", "Replace the cooling fan before the drive overheats."]
    near = (body.embed_questions(texts) * english.embed_questions(texts)).sum(axis=1)
    assert near.min() > 0.98, "a thousandth on one layer hardly moves English"
    chinese = body.embed_questions(["水泵漏油", "主轴轴承"])
    assert chinese[0] @ chinese[1] < 0.999
    assert body.token_counter()("请更换冷却风扇") == 5


def test_transformers_cuts_texts_as_we_do(delta: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = composed_folder(tmp_path, delta)
    theirs, ours = AutoTokenizer.from_pretrained(str(folder)), Tokenizer.from_file(str(folder / "tokenizer.json"))
    ours.no_padding()
    for text in ["变频器Err14过热，25℃", "Check the pump.", "變頻器　Ｅ２０７"]:
        assert theirs(text)["input_ids"] == ours.encode(text).ids


def test_damaged_delta_is_refused(delta: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(delta, copy)
    with (copy / DELTA).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x55")
    with pytest.raises(BodyError, match="is damaged: sha256"):
        composed_folder(tmp_path / "cache", copy)
    (copy / CARD).unlink()
    with pytest.raises(BodyError, match="cannot be read"):
        composed_folder(tmp_path / "cache", copy)
    assert list((tmp_path / "cache" / "body").glob(".composing-*")) == []


def test_delta_of_another_parent_is_refused(delta: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(delta, copy)
    card = json.loads((copy / CARD).read_text(encoding="utf-8"))
    (copy / CARD).write_text(json.dumps(card | {"parent_sha256": "0" * 64}), encoding="utf-8")
    with pytest.raises(BodyError, match="belongs to other weights"):
        composed_folder(tmp_path / "cache", copy)


def test_half_a_composition_is_made_anew(delta: Path, tmp_path: Path) -> None:
    folder = composed_folder(tmp_path, delta)
    weights = folder / "model.safetensors"
    size = weights.stat().st_size
    for damage in ((folder.parent / "composed.json").unlink, weights.unlink, lambda: os.truncate(weights, 1_000)):
        damage()
        assert composed_folder(tmp_path, delta) == folder
        assert weights.stat().st_size == size


def test_two_processes_may_compose_at_a_time(delta: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from finetune.body.compose import composed_folder;"
        "print(composed_folder(*map(Path, sys.argv[1:])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(delta)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)]
    folders = {process.communicate(timeout=120)[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert folders == {str(composed_folder(tmp_path, delta))}
    assert not list((tmp_path / "body").glob(".composing-*"))


def test_a_cache_that_cannot_be_written_is_said(delta: Path, tmp_path: Path) -> None:
    (tmp_path / "body").write_text("in the way")
    with pytest.raises(BodyError, match="make that folder writable"):
        composed_folder(tmp_path, delta)


def test_sentence_transformers_gives_the_same_vectors(delta: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    folder = composed_folder(tmp_path, delta)
    texts = ["更换变频器的冷却风扇", "Replace the fan of the drive."]
    theirs = SentenceTransformer(str(folder), device="cpu").encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(OnnxEmbedder(folder, cache_dir=tmp_path).embed_questions(texts), theirs, atol=1e-4)


def test_vocabulary_of_another_format_is_refused(delta: Path, tmp_path: Path) -> None:
    content = json.loads((delta / VOCABULARY).read_text(encoding="utf-8"))
    (tmp_path / "v.json").write_text(json.dumps(content | {"format": 99}), encoding="utf-8")
    with pytest.raises(BodyError, match="format 99"):
        Vocabulary.read(tmp_path / "v.json")
