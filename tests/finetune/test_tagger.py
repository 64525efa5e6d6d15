"""The tagger: words and windows, decoding, learning on a tiny model, and data sets turned into rows."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finetune.data_sets import excavator, failure_modes, made_up, maintie
from finetune.data_sets import main as data_sets
from finetune.dataset import TaggedText, read_examples, read_tagged
from finetune.errors import DataError, RegistryError
from finetune.evaluate import entity_spans
from finetune.fit_tagger import (
    as_body_words,
    fit_tagger,
    learn_tagger,
    score_tags,
    softened,
    tagger_settings,
    transitions,
)
from finetune.network import Body
from finetune.tagger import Tag, Tagger, TaggerParts, WordTokens, classes, decode, grouped, legal, words, write_tagger
from tests.models import tiny_model

NAMES = ("Component", "Failure")
PARTS = ["pump", "drive belt", "main motor", "valve", "air filter", "gearbox"]
FAULTS = ["leaking", "not working", "worn", "broken"]


def tagged(*pieces: tuple[str, str]) -> TaggedText:
    tokens: list[str] = []
    tags: list[str] = []
    for text, name in pieces:
        found = text.split()
        tokens += found
        tags += ["O"] * len(found) if not name else [f"{'I' if i else 'B'}-{name}" for i in range(len(found))]
    return TaggedText(tuple(tokens), tuple(tags))


ROWS = [
    tagged(*row)
    for part, fault in itertools.product(PARTS, FAULTS)
    for row in (
        [("the", ""), (part, "Component"), ("is", ""), (fault, "Failure")],
        [(fault, "Failure"), (part, "Component"), ("found", "")],
    )
]


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Body:
    folder = tmp_path_factory.mktemp("tagger")
    return Body(tiny_model(folder / "tiny", {"pooling_mode_mean_tokens": True}), folder / "cache")


def kept(folder: Path, parts, body: Body) -> Path:
    folder.mkdir(exist_ok=True)
    card = {"model": write_tagger(folder, parts), "parent_body": {"name": body.name, "sha256": body.sha256}}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def version(body: Body, tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = tagger_settings(epochs=10, batch_size=8, learning_rate=3e-3, head_learning_rate=1e-2, max_tokens=24,
                               threads=1, token_dropout=0.0)  # fmt: skip
    return kept(tmp_path_factory.mktemp("version") / "1", learn_tagger(ROWS, settings, body), body)


def test_decoding_is_the_best_of_all_legal_ways_and_its_probabilities_sum_over_them() -> None:
    rng = np.random.default_rng(0)
    scores = legal(NAMES) + rng.normal(size=(6, 5)).astype(np.float32)
    emissions = rng.normal(size=(4, 5)).astype(np.float32)
    tags = classes(NAMES)
    total: dict[tuple[int, ...], float] = {}
    for way in itertools.product(range(5), repeat=4):
        if all(
            tags[b][0] != "I" or (a >= 0 and tags[a][2:] == tags[b][2:])
            for a, b in zip((-1, *way), way, strict=False)
        ):  # fmt: skip
            total[way] = float(
                sum(emissions[i, c] + scores[-1 if not i else way[i - 1], c] for i, c in enumerate(way))
            )  # fmt: skip
    best, spread = decode(emissions, scores)
    assert tuple(best) == max(total, key=lambda way: total[way])
    weights = {way: np.exp(value) for way, value in total.items()}
    for place, number in itertools.product(range(4), range(5)):
        wanted = sum(w for way, w in weights.items() if way[place] == number) / sum(weights.values())
        assert spread[place, number] == pytest.approx(wanted, abs=1e-5)
    lure = np.array([[0, 0, 9, 0, 0], [0, 0, 0, 0, 9]], np.float32)  # I-Component, I-Failure: neither may stand there
    assert [tags[c] for c in decode(lure, legal(NAMES))[0]] in (
        ["B-Component", "I-Component"],
        ["B-Failure", "I-Failure"],
    )


def test_softening_keeps_the_tags_and_lowers_the_confidence() -> None:
    rng = np.random.default_rng(1)
    parts = TaggerParts(
        NAMES, rng.normal(size=(5, 8)).astype(np.float32), np.zeros(5, np.float32), legal(NAMES), {}, 24
    )
    soft = softened(parts, 3.0)
    states = 3 * rng.normal(size=(6, 8)).astype(np.float32)
    hard_tags, hard = decode(states @ parts.weight.T + parts.bias, parts.transitions)
    soft_tags, spread = decode(states @ soft.weight.T + soft.bias, soft.transitions)
    assert hard_tags == soft_tags and spread.max(axis=1).mean() < hard.max(axis=1).mean()


def test_one_word_is_decoded_too() -> None:
    best, spread = decode(np.array([[0, 2, 5, 1, 0]], np.float32), legal(NAMES))
    assert best == [1] and spread.sum() == pytest.approx(1) and spread[0, 2] == 0


def test_transitions_count_what_follows_what() -> None:
    scores = transitions(NAMES, [("B-Component", "I-Component", "O"), ("B-Component", "B-Failure", "O")])
    place = {tag: number for number, tag in enumerate(classes(NAMES))}
    assert scores[place["O"], place["I-Failure"]] < -1_000 > scores[-1, place["I-Component"]]
    assert scores[-1, place["B-Component"]] > scores[-1, place["B-Failure"]]
    assert scores[place["B-Component"], place["I-Component"]] > 0


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("C/O L/H PTO pump.", ["C/O", "L/H", "PTO", "pump", "."]),
        ("R.H.S. o-ring won't seal", ["R.H.S.", "o-ring", "won't", "seal"]),
        ("guages/senders, 1.5 bar", ["guages", "/", "senders", ",", "1.5", "bar"]),
        ("E-207报警", ["E-207", "报", "警"]),
        ("  ", []),
    ],
)
def test_words_of_raw_text(text: str, wanted: list[str]) -> None:
    assert [text[begin:end] for begin, end in words(text)] == wanted


def test_chinese_runs_are_cut_by_the_segmenter() -> None:
    def by_two(run: str) -> list[tuple[int, int]]:
        return [(i, min(i + 2, len(run))) for i in range(0, len(run), 2)]

    assert [span for span in words("更换轴承 M3", by_two)] == [(0, 2), (2, 4), (5, 7)]
    assert grouped(["更", "换", "轴", "承", "M3", "坏"], by_two) == [(0, 2), (2, 4), (4, 5), (5, 6)]


class Segments(WordTokens):
    """Cuts into pairs of characters."""

    def segment(self, run: str) -> list[tuple[int, int]]:
        return [(i, min(i + 2, len(run))) for i in range(0, len(run), 2)]


def test_the_bodys_long_words_are_cut_into_pairs(body: Body) -> None:
    tokens = WordTokens(body, 24)
    tokens._cutter.add_tokens(["更换轴承", "密封圈"])
    run = "需更换轴承密封圈"
    assert [run[a:b] for a, b in tokens.segment(run)] == ["需", "更换", "轴承", "密封", "圈"]


def test_tagged_chinese_is_put_into_the_bodys_words(body: Body) -> None:
    tokens = Segments(body, 24)
    row = TaggedText(("主轴", "电", "机", "过热"), ("B-Component", "I-Component", "I-Component", "B-Failure"))
    assert as_body_words(row, tokens).tokens == ("主轴", "电机", "过热")
    assert as_body_words(row, tokens).tags == ("B-Component", "I-Component", "B-Failure")
    crossed = TaggedText(("换", "泵", "体"), ("O", "B-Component", "I-Component"))
    assert as_body_words(crossed, tokens) == replace(crossed, tokens=("换", "泵", "体"))
    assert as_body_words(TaggedText(("x", "y"), ("I-A", "I-A")), tokens).tags == ("B-A", "I-A")


def test_windows_hold_every_word_once_and_stop_at_sentences(body: Body) -> None:
    tokens = WordTokens(body, 12)
    text = ["pump"] * 7 + ["."] + ["internationalisation"] * 6 + ["\u0007"]
    windows = tokens.windows([text, [], ["valve"]])
    assert [w.text for w in windows] == [0] * (len(windows) - 1) + [1 + 1]
    assert sum(len(w.firsts) for w in windows) == len(text) + 1
    assert all(len(w.ids) <= 12 for w in windows)
    assert windows[1].begin == 8, "the first window ends behind the full stop"
    whole = body.tokens(64).ids(["pump"])[0]
    assert windows[0].ids[:2] == whole[:2] and windows[0].ids[-1] == whole[-1]


def test_a_tagger_learns_and_tells_texts_and_words_alike(version: Path, body: Body, tmp_path: Path) -> None:
    tagger = Tagger(version, body, tmp_path, 1)
    found = tagger.tag_all([row.tokens for row in ROWS])
    hits = sum(
        {(t.begin, t.end, t.name) for t in tags} == entity_spans(row.tags)
        for tags, row in zip(found, ROWS, strict=True)
    )
    assert hits >= 0.9 * len(ROWS)
    text = "the  drive belt is WORN"
    assert [(t.text, t.name, text[t.begin : t.end]) for t in tagger.tag(text)] == [
        ("drive belt", "Component", "drive belt"), ("WORN", "Failure", "WORN"),
    ]  # fmt: skip
    assert all(0.5 < tag.confidence <= 1 for tag in tagger.tag(text))
    assert [(t.begin, t.end) for t in tagger.tag(["the", "drive", "belt", "is", "worn"])] == [(1, 3), (4, 5)]
    assert tagger.tag("") == () and tagger.tag([]) == ()


def test_long_texts_are_tagged_to_their_end(version: Path, body: Body, tmp_path: Path) -> None:
    text = " ".join(["the drive belt is worn ."] * 30)
    found = Tagger(version, body, tmp_path, 1).tag(text)
    assert found[-1].end > len(text) - 8 and len(found) >= 50
    assert all(isinstance(tag, Tag) and text[tag.begin : tag.end] == tag.text for tag in found)


def test_damaged_or_foreign_versions_are_refused(version: Path, body: Body, tmp_path: Path) -> None:
    card = json.loads((version / "card.json").read_text())
    for change, message in (
        ({"model": card["model"] | {"kind": "classifier"}}, "name the right task"),
        ({"parent_body": {"name": "other", "sha256": "0"}}, "fine-tune it again"),
        ({"model": card["model"] | {"names": ["Component"]}}, "damaged"),
        ({"model": {}}, "damaged"),
    ):
        for file in version.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        (tmp_path / "card.json").write_text(json.dumps(card | change))
        with pytest.raises(RegistryError, match=message):
            Tagger(tmp_path, body, tmp_path / "cache").tag("pump leaking")
    (tmp_path / "head.safetensors").write_bytes(b"x")
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(RegistryError, match="damaged"):
        Tagger(tmp_path, body, tmp_path / "cache").tag("pump leaking")


def test_fitting_holds_texts_out_and_then_learns_from_all(body: Body, tmp_path: Path) -> None:
    said: list[str] = []
    settings = tagger_settings(epochs=2, batch_size=8, learning_rate=3e-3, head_learning_rate=1e-2, threads=1)
    fitted = fit_tagger([*ROWS, ROWS[0]], [], settings, body, tmp_path, say=said.append)
    assert fitted.held_out is not None and 0 < fitted.held_out.n < len(ROWS) / 3
    assert set(fitted.held_out.per_name) == set(NAMES) and len(fitted.curve) == 2
    assert fitted.notes == ("1 repeated texts were counted once",) and len(fitted.examples) == len(ROWS)
    assert any("held out so far included" in line for line in said)
    json.dumps(fitted.held_out.to_json())


def test_validation_texts_that_are_learnt_or_strange_do_not_count(body: Body, tmp_path: Path) -> None:
    settings = tagger_settings(epochs=1, method="head", threads=1)
    new = tagged(("the", ""), ("oil cooler", "Component"), ("hums", "Noise"))
    fitted = fit_tagger(ROWS, [new, ROWS[3]], settings, body, tmp_path)
    assert fitted.held_out is not None and fitted.held_out.n == 1 and list(fitted.held_out.per_name) == ["Component"]
    assert fitted.parts.changes == {} and len(fitted.notes) == 2 and "Noise" in fitted.notes[1]
    with pytest.raises(DataError, match="give others"):
        fit_tagger(ROWS, ROWS[:2], settings, body, tmp_path)
    with pytest.raises(DataError, match="give tags"):
        fit_tagger([TaggedText(("all", "fine"), ("O", "O"))], [], settings, body, tmp_path)
    with pytest.raises(DataError, match="rows of tokens"):
        fit_tagger([], [], settings, body, tmp_path)


def test_scores_count_whole_entities() -> None:
    gold = [["B-A", "I-A", "O", "B-B"], ["O", "B-A"]]
    scores = score_tags(gold, [["B-A", "I-A", "O", "O"], ["B-A", "I-A"]])
    assert (scores.precision, scores.recall, scores.f1) == (0.5, pytest.approx(1 / 3), 0.4)
    assert scores.per_name == {"A": {"f1": 0.5, "n": 2.0}, "B": {"f1": 0.0, "n": 1.0}}
    with pytest.raises(DataError, match="cannot be compared"):
        score_tags([["O"]], [["O", "O"]])


def test_maintie_keeps_the_longest_of_nested_entities(tmp_path: Path) -> None:
    row = {
        "text": "", "tokens": ["fitters", "replace", "worn", "air", "filters"], "relations": [],
        "entities": [
            {"start": 4, "end": 5, "type": "PhysicalObject/A"}, {"start": 3, "end": 5, "type": "PhysicalObject/A"},
            {"start": 0, "end": 1, "type": "PhysicalObject/Organism/Person"}, {"start": 1, "end": 2, "type": "Activity/B"},
            {"start": 2, "end": 3, "type": "State/UndesirableState/DegradedState"},
        ],
    }  # fmt: skip
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "gold_release.json"
    path.write_text(json.dumps([row]))
    assert maintie(tmp_path)[0].tags == ("O", "B-Action", "B-Failure", "B-Component", "I-Component")
    assert maintie(tmp_path, "top")[0].tags[:3] == ("B-PhysicalObject", "B-Activity", "B-State")
    path.write_text("[1]")
    with pytest.raises(DataError, match="not the gold release"):
        maintie(tmp_path)


def test_failure_modes_and_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "input_data" / "raw").mkdir(parents=True)
    path = tmp_path / "input_data" / "raw" / "train.txt"
    path.write_text("stopped, no power,Electrical\n\nhole,Structural deficiency\n")
    assert [(e.text, e.label) for e in failure_modes(tmp_path)][:1] == [("stopped, no power", "Electrical")]
    to = tmp_path / "rows" / "fmc.jsonl"
    assert data_sets(["fmc", "--from", str(tmp_path), "--to", str(to)]) == 0
    assert data_sets(["fmc", "--from", str(tmp_path), "--to", str(to), "--append"]) == 0
    assert len(read_examples(to).examples) == 4
    path.write_text("no label\n")
    assert data_sets(["fmc", "--from", str(tmp_path), "--to", str(to)]) == 1
    assert "train.txt:1" in capsys.readouterr().err
    assert data_sets(["maintie", "--from", str(tmp_path), "--to", str(to)]) == 1
    with pytest.raises(SystemExit):
        data_sets(["fmc", "--to", str(to)])


def test_excavator_words_stand_for_the_codes_they_come_with(tmp_path: Path) -> None:
    lines = ["OriginalShorttext,MajorSystem,Part,Action,FM"]
    for part, number in itertools.product(("Pump", "Hose"), range(3)):
        lines += [
            f"{part.upper()} weeping at {number},,{part},,Leak",
            f"split {part} {number},,{part},,Structural Integrity",
        ]
        lines += [f"swap {part} no {number},,{part},Replace_Misc,"]
    lines += ["weeping again,,Pump,,Leak"]
    (tmp_path / "input").mkdir()
    path = tmp_path / "input" / "case_study_pdl.csv"
    path.write_text("\n".join(lines))
    found = {" ".join(row.tokens): row.tags for row in excavator(tmp_path)}
    assert len(found) == 18 and "weeping again" not in found, "its part is not named"
    assert found["PUMP weeping at 1"] == ("B-Component", "B-Failure", "O", "O")
    assert found["swap Hose no 2"] == ("B-Action", "B-Component", "O", "O")
    path.write_text("OriginalShorttext\nx\n")
    with pytest.raises(DataError, match="lacks the column"):
        excavator(tmp_path)


def test_made_up_reports_are_whole_and_in_both_languages(tmp_path: Path) -> None:
    rows = made_up(200, seed=1)
    assert rows == made_up(200, seed=1) and len({row.tokens for row in rows}) == 200
    chinese = [row for row in rows if any("\u4e00" <= c <= "\u9fff" for word in row.tokens for c in word)]
    assert 60 < len(chinese) < 140
    assert {name for row in rows for _, _, name in entity_spans(row.tags)} == {"Component", "Failure", "Action"}
    assert all("{" not in word and "[" not in word for row in rows for word in row.tokens)
    to = tmp_path / "rows.jsonl"
    assert data_sets(["glossary", "--to", str(to), "--count", "50"]) == 0
    assert len(read_tagged(to)[0]) == 50
