"""The training data and the training loop of the bilingual body, on a handful of sentences."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from finetune.body.corpus import CorpusSettings, chosen_pairs, long_pairs, made_up_pairs, reading, sentence_pairs
from finetune.body.initialise import aligned_rows, random_rows
from finetune.body.prepare import Inputs, load, prepare
from finetune.errors import BodyError

PARTS = {
    "pump": "水泵",
    "valve": "阀门",
    "fan": "风扇",
    "belt": "皮带",
    "motor": "电机",
    "bearing": "轴承",
    "filter": "滤芯",
}
ACTS = {
    "Replace the {}": "更换{}",
    "Check the {}": "检查{}",
    "Clean the {}": "清洁{}",
    "Stop the {}": "停止{}",
    "Where is the {}?": "{}在哪里？",
}
LINES = [(e.format(a), z.format(b)) for e, z in ACTS.items() for a, b in PARTS.items()]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    for name, lines in (("permissive", LINES), ("sharealike", LINES[:6])):
        with gzip.open(folder / f"{name}.tsv.gz", "wt", encoding="utf-8") as file:
            file.writelines(f"{english}\t{chinese}\n" for english, chinese in lines)
    (folder / "README.md").write_text(
        "### permissive\n| source | repository | licence | pairs | lines |\n|---|---|---|---|---|\n"
        "| plant | a @ b | MIT | 30 | 1–30 | parts |\n| fuxa | c @ d | MIT | 5 | 31–35 | screens |\n\n"
        "### sharealike\n| klipper | e @ f | GPL | 6 | 1–6 | printers |\n",
        encoding="utf-8",
    )
    return folder


def test_sources_are_taken_by_their_lines_and_some_held_out(pairs: Path) -> None:
    found = sentence_pairs(pairs, CorpusSettings())
    assert {name: len(some) for name, some in found.items()} == {"plant": 30, "klipper": 6}
    assert found["plant"][29].english == LINES[29][0]
    assert list(sentence_pairs(pairs, CorpusSettings(share_alike=False))) == ["plant"]
    chosen = chosen_pairs(found, CorpusSettings(cap=10))
    assert sum(p.source == "plant" for p in chosen) == 10, "thinned"
    assert sum(p.source == "klipper" for p in chosen) == 12, "preferred, so twice"


def test_tables_that_do_not_cover_the_file_are_an_error(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(BodyError, match="cannot be read"):
        sentence_pairs(tmp_path, CorpusSettings())
    for file in pairs.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    readme = tmp_path / "README.md"
    readme.write_text(readme.read_text(encoding="utf-8").replace("31–35", "31–34"), encoding="utf-8")
    with pytest.raises(BodyError, match="do not cover the 35 lines of permissive"):
        sentence_pairs(tmp_path, CorpusSettings())


def test_passages_join_neighbours_of_one_source(pairs: Path) -> None:
    sources = sentence_pairs(pairs, CorpusSettings())
    for passage in long_pairs(sources, 20, CorpusSettings(long_tokens=60)):
        texts = [p.english for p in sources[passage.source]]
        assert any(passage.english.startswith(text) for text in texts)
    assert max(passage.english.count(" ") for passage in long_pairs(sources, 20, CorpusSettings())) > 20


def test_made_up_sentences_say_the_same_in_both_languages() -> None:
    made = made_up_pairs(5_000, seed=3)
    assert made == made_up_pairs(5_000, seed=3)
    assert len(made) == len(set(made)) == 5_000
    assert not [p for p in made if "{" in p.english + p.chinese]
    assert all(p.english.isascii() for p in made)
    assert sum(p.source == "templates" for p in made) > 1_000


def test_questions_get_the_window_that_holds_their_answer(tmp_path: Path) -> None:
    articles = []
    for n in range(6):
        context = "。".join(f"第{n}节第{i}条说明设备{n}{i}" for i in range(90))
        answer = f"设备{n}70"
        qa = {
            "question": f"第{n}节第70条说明什么？",
            "answers": [{"text": answer, "answer_start": context.index(answer)}],
        }
        articles.append({"title": str(n), "paragraphs": [{"context": context, "qas": [qa]}]})
    (tmp_path / "r.json").write_text(json.dumps({"data": articles}), encoding="utf-8")
    for n, item in enumerate(reading(tmp_path / "r.json", "own", window=120)):
        assert len(item.passage) == 120
        assert f"设备{n}70" in item.passage
        assert f"第{n}节" not in item.other


def test_aligned_rows_come_near_the_words_they_are_translated_by() -> None:
    embedding = np.eye(6, 16, dtype=np.float32)
    english = [[0, 1], [0, 2], [0, 3], [4, 5], [4, 1], [4, 2, 99]]
    chinese = [[0], [0], [0], [1], [1], [1]]
    rows = aligned_rows(embedding, english, chinese, ["泵", "阀", "油", "泵阀"])
    assert rows[0].argmax() == 0 and rows[1].argmax() == 4
    np.testing.assert_array_equal(rows[2], random_rows(embedding, 4)[2])
    np.testing.assert_allclose(rows[3], 0.9 * rows[:2].mean(axis=0) + 0.1 * random_rows(embedding, 4)[3], rtol=1e-6)


@pytest.fixture(scope="module")
def data(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    prepare(Inputs(pairs, None, (), None), folder, CorpusSettings(made_up=0), lambda _: None)
    return folder


def test_prepared_data_hold_tokens_and_teacher_in_step(data: Path) -> None:
    columns, teacher = load(data, "pairs")
    assert teacher is not None and teacher.shape == (len(columns["chinese"]), 384)
    assert len(columns["english"]) == len(columns["chinese"]) > 3_000, "the glossary is always in"
    np.testing.assert_allclose(np.linalg.norm(teacher[:5].astype(np.float32), axis=1), 1, atol=1e-2)
    card = json.loads((data / "card.json").read_text(encoding="utf-8"))
    assert card["pairs"]["klipper"] == 12 and "fuxa" not in card["pairs"]
    with pytest.raises(BodyError, match="prepare it again"):
        load(data, "nothing")


@pytest.mark.slow
def test_training_brings_translations_together_and_goes_on_where_it_stopped(data: Path, tmp_path: Path) -> None:
    from finetune.body.train import CURVE, WEIGHTS, TrainSettings, train

    settings = TrainSettings(steps=12, batch_tokens=400, warm_up=2, report_every=4, row_learning_rate=5e-3)
    train(data, tmp_path / "whole", settings, lambda _: None)
    stopped = tmp_path / "stopped"

    def stop(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, stopped, settings, stop)
    with np.load(stopped / WEIGHTS) as half:
        assert half["new_rows"].shape == np.load(data / "rows.npy").shape, "what was learnt so far can be looked at"
    train(data, stopped, settings, lambda _: None)
    curves = [
        [json.loads(line) for line in (f / CURVE).read_text().splitlines()] for f in (tmp_path / "whole", stopped)
    ]
    assert [point["step"] for point in curves[0]] == [point["step"] for point in curves[1]] == [4, 8, 12]
    assert curves[0][-1]["pairs cosine"] < curves[0][0]["pairs cosine"], "translations come nearer"
    with np.load(tmp_path / "whole" / "student.npz") as whole, np.load(stopped / "student.npz") as resumed:
        assert sorted(whole.files) == sorted(resumed.files)
        np.testing.assert_allclose(whole["new_rows"], resumed["new_rows"], atol=2e-3)
        assert np.abs(whole["new_rows"] - np.load(data / "rows.npy")).max() > 1e-3
    with pytest.raises(BodyError, match="holds a run with other settings"):
        train(data, stopped, TrainSettings(steps=25), lambda _: None)


@pytest.mark.slow
def test_a_finished_run_becomes_a_delta_with_its_sources(data: Path, pairs: Path, tmp_path: Path) -> None:
    from finetune.body.compose import composed_folder
    from finetune.body.pack import pack
    from finetune.body.train import RUN, TrainSettings, train
    from indexer.embedders import OnnxEmbedder

    run = tmp_path / "run"
    train(data, run, TrainSettings(steps=1, batch_tokens=200, learning_rate=1e-6), lambda _: None)
    pack(run, data, pairs, {"own": "Apache-2.0"}, tmp_path / "delta")
    card = json.loads((tmp_path / "delta" / "card.json").read_text(encoding="utf-8"))
    assert [(s["source"], s["licence"]) for s in card["sources"]["permissive"]] == [("plant", "MIT")]
    assert card["sources"]["sharealike"][0]["source"] == "klipper" and card["sources"]["other"][0]["source"] == "own"
    body = OnnxEmbedder(composed_folder(tmp_path, tmp_path / "delta"), cache_dir=tmp_path)
    near = (
        body.embed_questions(["Check the pump."])[0]
        @ OnnxEmbedder(cache_dir=tmp_path).embed_questions(["Check the pump."])[0]
    )
    assert near > 0.999
    content = json.loads((run / RUN).read_text(encoding="utf-8"))
    (run / RUN).write_text(json.dumps(content | {"steps": 9}), encoding="utf-8")
    with pytest.raises(BodyError, match="stands at step 1 of 9"):
        pack(run, data, pairs, {}, tmp_path / "delta")
