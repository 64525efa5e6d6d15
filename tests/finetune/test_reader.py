"""The reader: data to learn from, windows, spans, a small training, and the version made of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from finetune.errors import DataError, RegistryError, TrainingError
from finetune.learner import Learner
from finetune.network import Network
from finetune.reading.examples import Group, Passage
from finetune.reading.model import CALIBRATION, Memory, Reader, write_reader
from finetune.reading.negatives import nearest
from finetune.reading.pack import pack
from finetune.reading.pairs import PairTokens, window
from finetune.reading.sources import heading_groups, read_squad, squad_groups
from finetune.reading.spans import best_spans
from finetune.reading.synthetic import synthetic_groups
from finetune.reading.task import UNMARKED, Encoder, ReadingTask
from finetune.train import TrainSettings, train
from finetune.version_folder import seal
from indexer.types import Reading

SETTINGS = TrainSettings(
    method="full", epochs=2, batch_size=8, learning_rate=1e-2, layer_decay=1.0, token_dropout=0.0, patience=9, threads=1
)
COLOURS = ("red", "blue", "green", "black", "white", "yellow")


@pytest.fixture(scope="module")
def tokens(small):
    return PairTokens(small.body.folder)


def colour_groups(count: int, seed: int) -> list[Group]:
    """Which colour a thing has: only one passage is about the thing."""
    rng = np.random.default_rng(seed)
    things = ("door", "lamp", "cable", "pump")
    out = []
    for _ in range(count):
        right, wrong = (things[int(i)] for i in rng.permutation(len(things))[:2])
        colour = COLOURS[int(rng.integers(len(COLOURS)))]
        text = f"the {right} is {colour}"
        span = (text.index(colour), len(text))
        out.append(Group(f"colour of the {right}", Passage(text, span), (Passage(f"the {wrong} is {colour}"),), "toy"))
    return out


def test_the_best_spans_are_in_order_and_not_too_long():
    begin = np.array([0, 5, 1, 0], dtype=np.float32)
    end = np.array([9, 0, 2, 4], dtype=np.float32)
    assert best_spans(begin, end, 4, 2) == [(0, 0, 9.0), (1, 3, 9.0)]
    assert best_spans(begin, end, 2, 9)[1] == (1, 2, 7.0)
    assert all(0 <= last - first < 2 for first, last, _ in best_spans(begin, end, 2, 9))
    assert best_spans(begin[:1], end[:1], 4, 3) == [(0, 0, 9.0)]


def test_the_best_spans_are_those_of_all():
    rng = np.random.default_rng(5)
    for size in (1, 2, 7, 30):
        begin, end = (rng.integers(0, 4, size).astype(np.float32) for _ in range(2))  # with ties
        every = [(a, b, float(begin[a] + end[b])) for a in range(size) for b in range(a, min(size, a + 5))]
        every.sort(key=lambda span: (-span[2], span[0], span[1]))
        for count in (1, 3, 200):
            assert best_spans(begin, end, 5, count) == every[:count]


def test_a_pair_leads_back_to_the_characters(tokens):
    question, passage = tokens.tokens(["how hot?", "The oil must not get hotter than 60 °C."])
    pair = tokens.pair(question, passage, 64)
    assert len(pair.ids) == len(pair.types) and pair.types[pair.first - 1] == 0 and pair.types[pair.first] == 1
    place = passage.covering(33, 35)
    assert place is not None
    text = "The oil must not get hotter than 60 °C."
    assert text[passage.offsets[place[0]][0] : passage.offsets[place[1]][1]] == "60"
    assert passage.covering(500, 510) is None
    assert len(tokens.pair(question, passage, 12).ids) == 12


def test_a_window_keeps_what_it_is_drawn_around(tokens):
    [whole] = tokens.tokens([" ".join(f"word{i}" for i in range(80))])
    rng = np.random.default_rng(0)
    place = whole.covering(200, 206)
    assert place is not None
    for _ in range(30):
        shown = window(whole, 20, rng, place)
        assert len(shown.ids) == 20
        assert shown.covering(200, 206) is not None
    assert window(whole, 500, rng) is whole


def test_a_negative_cut_from_the_right_passage_lacks_the_answer(tokens):
    text = " ".join(f"step{i}" for i in range(120))
    span = (text.index("step60"), text.index("step60") + 6)
    group = Group("which step", Passage(text, span), (Passage(text, span), Passage("short", (0, 5))), "toy")
    [encoded] = Encoder(tokens, 64, 64, 0.0).encode([group], np.random.default_rng(0))
    assert len(encoded.ids) == 2  # of the short one nothing is left
    assert encoded.edges[0][0] > 0 and encoded.edges[1] == (0, 0)
    wanted = tokens.tokens(["step60"])[0].ids
    joined = [",".join(map(str, ids)) for ids in encoded.ids]
    assert ",".join(map(str, wanted)) + "," in joined[0] + ","
    assert f",{wanted[0]},{wanted[1]}," not in joined[1] or len(wanted) < 2


def test_an_unmarked_passage_teaches_no_span(tokens):
    group = Group("heading", Passage("text of the section", marked=False), (Passage("other text"),), "toy")
    [encoded] = Encoder(tokens).encode([group], np.random.default_rng(0))
    assert encoded.edges == [(UNMARKED, UNMARKED), (0, 0)]


@pytest.mark.parametrize("seed", [0, 1])
def test_made_up_questions_are_answered_where_they_say(seed):
    groups = synthetic_groups(200, 2, np.random.default_rng(seed))
    assert len(groups) == 200
    for group in groups:
        span = group.positive.span
        assert span is not None and 0 <= span[0] < span[1] <= len(group.positive.text)
        assert group.positive.text[slice(*span)].strip()
        assert 1 <= len(group.negatives) <= 2
        assert all(group.positive.text != negative.text for negative in group.negatives)
        assert "{" not in group.question + group.positive.text
    assert any("一" <= c <= "鿿" for g in groups for c in g.question)


def test_squad_files_become_groups_with_hard_negatives(tmp_path):
    paragraphs = [
        {"context": f"The {name} pump runs at {n} bar. It was made in town {n}.",
         "qas": [{"question": f"pressure of the {name} pump", "id": str(n), "answers": [{"text": f"{n} bar", "answer_start": 0}]}]}
        for n, name in enumerate(("feed", "drain", "oil", "water", "gear"), 10)
    ]  # fmt: skip
    path = tmp_path / "set.json"
    path.write_text(json.dumps({"data": [{"title": "Pumps", "paragraphs": paragraphs}]}), encoding="utf-8")
    read = read_squad(path)
    assert read[0].text[slice(*read[0].asked[0].span)] == "10 bar"  # a wrong answer_start is found again
    groups = squad_groups(read, "toy", 5, 2, np.random.default_rng(0))
    assert len(groups) == 5
    for group in groups:
        answer = group.positive.text[slice(*group.positive.span)]
        assert answer.endswith(" bar") and all(answer not in negative.text for negative in group.negatives)
    path.write_text('{"data": 1}', encoding="utf-8")
    with pytest.raises(DataError, match=r"set\.json is not readable"):
        read_squad(path)


def test_headings_ask_for_their_sections():
    texts = [f"Manual > {n} Setting the {name} pump\nOpen the {name} valve and turn the {name} screw {n} times." for n, name in enumerate(("feed", "drain", "oil", "water"))]  # fmt: skip
    groups = heading_groups({"m": texts}, 4, 1, np.random.default_rng(3))
    assert groups and all(not group.positive.marked for group in groups)
    for group in groups:
        assert group.negatives[0].text.split("\n")[0] != group.positive.text.split("\n")[0]


def test_the_likest_passages_come_first():
    assert nearest(["oil pump pressure"], ["cable of the lamp", "the pressure of the oil pump", "oil filter"], 2) == [
        [1, 2]
    ]


def test_training_and_the_version_made_of_it(small, tokens, tmp_path):
    settings = replace(SETTINGS, epochs=6)
    groups = colour_groups(240, 1)
    task = ReadingTask(Encoder(tokens, 64, 64, 0.0), groups, 2, 32, settings, colour_groups(30, 2))
    learner = Learner(small.body, "full", frozen=1)
    before = {n: p.detach().clone() for n, p in learner.named_parameters() if "layer.0." in n}
    trained = train(learner, task, settings, tmp_path / "work")
    assert trained.score is not None and trained.score > 0.75
    assert all(bool((dict(learner.named_parameters())[n] == p).all()) for n, p in before.items())

    pack(tmp_path / "work", tmp_path / "reader", small.cache, body=small.body)
    made = {int8: Reader(tmp_path / "reader", small.body, tmp_path / "cache", 1, int8=int8) for int8 in (False, True)}
    right = 0
    for group in groups[:20]:
        texts = [group.positive.text, group.negatives[0].text]
        exact, quick = (made[int8].read(group.question, texts) for int8 in (False, True))
        right += exact[0].relevance > exact[1].relevance
        assert abs(exact[0].relevance - quick[0].relevance) < 0.35
        assert all(0 <= span.begin < span.end <= len(texts[0]) for span in exact[0].spans)
    assert right >= 15
    assert made[False].read("anything", []) == []
    long = " ".join([groups[1].positive.text] * 9)
    alone = Reader(tmp_path / "reader", small.body, tmp_path / "cache", 1).read(groups[0].question, texts[:1])
    assert made[True].read(groups[0].question, [texts[0], long])[:1] == alone  # whatever else is read with it
    assert made[False].calibration == {}
    (tmp_path / "reader" / CALIBRATION).write_text("{", encoding="utf-8")
    with pytest.raises(RegistryError, match="cannot be read"):
        Reader(tmp_path / "reader", small.body, None)


def test_what_was_just_read_is_not_read_again(monkeypatch):
    monkeypatch.setattr("finetune.reading.model._REMEMBERED", 2)
    asked = []

    def read(question, passages):
        asked.append((question, *passages))
        return [Reading(len(passage) / 10) for passage in passages]

    memory = Memory()
    assert [r.relevance for r in memory.of("q", ["a", "bb", "a"], read)] == [0.1, 0.2, 0.1]
    assert [r.relevance for r in memory.of("q", ["bb", "ccc"], read)] == [0.2, 0.3]
    memory.of("other", ["bb"], read)
    memory.of("q", ["bb"], read)  # two others were read after it
    memory.of("q", [], read)
    assert asked == [("q", "a", "bb"), ("q", "ccc"), ("other", "bb"), ("q", "bb")]


def test_nothing_to_pack_is_said(small, tmp_path):
    with pytest.raises(TrainingError, match="holds no state"):
        pack(tmp_path, tmp_path / "reader", small.cache, body=small.body)


def test_a_training_ends_when_its_time_is_up(small, tokens):
    settings = replace(SETTINGS, epochs=50, minutes=0.001)
    task = ReadingTask(Encoder(tokens, 64, 64, 0.0), colour_groups(64, 1), 2, 32, settings, colour_groups(6, 2))
    assert len(train(Learner(small.body, "full"), task, settings).curve) < 50


def test_the_unchanged_layers_are_read_as_the_body_itself(small, tmp_path):
    layers = small.body.layers()
    rng = np.random.default_rng(0)
    head = {"relevance.weight": rng.normal(size=(1, 32)), "relevance.bias": np.zeros(1),
            "edges.weight": rng.normal(size=(2, 32)), "edges.bias": np.zeros(2)}  # fmt: skip
    folder = tmp_path / "reader"
    folder.mkdir()
    name = "encoder.layer.1.output.dense.weight"
    moved = layers[name] + rng.normal(size=layers[name].shape).astype(np.float32) * 0.01
    model = write_reader(folder, {n: v.astype(np.float32) for n, v in head.items()}, {name: moved}, layers)
    card = {"data_sha256": "", "parent": None, "parent_body": {"name": "small", "sha256": small.body.sha256}, "method": "full",
            "hyper_parameters": {}, "metrics": {}, "licence": "none", "command": "none", "model": model}  # fmt: skip
    seal(folder, "reader", "shipped", card)
    reader = Reader(folder, small.body, None, 1, int8=False)
    tokens = PairTokens(small.body.folder)
    pair = tokens.pair(*tokens.tokens(["a question", "a passage of some words"]), 64)
    [states] = Network(small.body, "x", lambda: {**layers, name: moved}, None, 1).hidden([pair.ids], [pair.types])
    expected = 1 / (1 + np.exp(-float(states[0] @ head["relevance.weight"][0])))
    assert reader.read("a question", ["a passage of some words"])[0].relevance == pytest.approx(expected, abs=0.02)
