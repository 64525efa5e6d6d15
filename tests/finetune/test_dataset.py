"""Files of examples: every encoding and damage met in a plant, cleaning, and splits without twins on both sides."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from finetune.dataset import (
    MAX_CHARACTERS,
    MAX_LABEL,
    clean,
    folds,
    is_tagged,
    read_examples,
    read_tagged,
    same_text,
    split,
    twin_key,
)
from finetune.errors import DataError
from finetune.types import Example

ROWS = [("pump leaks", "fault"), ("主轴过热报警", "故障"), ("how to, exactly?", "howto")]


def texts(reading):
    return [(example.text, example.label) for example in reading.examples]


def refused(path, read=read_examples) -> str:
    with pytest.raises(DataError) as caught:
        read(path)
    said = str(caught.value)
    assert "\n" not in said and path.name in said
    return said


# --- formats ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "CSV"])
def test_every_format_gives_the_same_rows(tmp_path, kind, ending, mark):
    path = tmp_path / f"rows.{kind}"
    if kind == "jsonl":
        lines = [json.dumps({"text": text, "label": label, "more": 1}, ensure_ascii=False) for text, label in ROWS]
        lines.insert(1, "")
    else:
        sign = "\t" if kind == "tsv" else ","
        lines = [sign.join(["label", "text"]), *(f'{label}{sign}"{text}"' for text, label in ROWS)]
    path.write_bytes((mark + ending.join(lines) + ending).encode())
    reading = read_examples(path)
    assert texts(reading) == ROWS and reading.left_out == ()
    assert {example.source for example in reading.examples} == {path.name}


def test_a_quoted_field_may_hold_line_breaks_and_blanks_are_tidied(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('text,label\n"the pump\n  leaks ""badly""",  fault \n', encoding="utf-8")
    assert texts(read_examples(path)) == [('the pump leaks "badly"', "fault")]


def test_whole_numbers_are_labels_but_truth_values_are_not(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a", "label": 7}\n{"text": "b", "label": true}\n{"text": "c", "label": 1.5}\n')
    reading = read_examples(path)
    assert texts(reading) == [("a", "7")]
    assert [line.split(": ")[0] for line in reading.left_out] == ["rows.jsonl:2", "rows.jsonl:3"]


def test_rows_that_cannot_be_used_are_named_by_their_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    bad = [
        '{"text": "torn, "lab', "[1, 2]", "null", '{"text": "", "label": "x"}', '{"text": "  ", "label": "x"}',
        '{"text": "no label"}', '{"label": "no text"}', '{"text": null, "label": "x"}', '{"text": "a", "label": null}',
        '{"text": "a", "label": " "}', json.dumps({"text": "a", "label": "x" * (MAX_LABEL + 1)}), "[" * 5_000,
        '{"text": ["a"], "label": "x"}', "9" * 6_000,
    ]  # fmt: skip
    path.write_text('{"text": "good", "label": "x"}\n' + "\n".join(bad), encoding="utf-8")
    reading = read_examples(path)
    assert texts(reading) == [("good", "x")]
    assert [line.split(": ")[0] for line in reading.left_out] == [f"rows.jsonl:{n + 2}" for n in range(len(bad))]
    assert all("\n" not in line and len(line) < 300 for line in reading.left_out)


def test_short_and_long_rows_of_a_table(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\nonly text\ngood,fault,more,cells\n,fault\n", encoding="utf-8")
    reading = read_examples(path)
    assert texts(reading) == [("good", "fault")] and len(reading.left_out) == 2


def test_long_texts_are_cut_and_half_characters_replaced_in_texts_and_labels(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"text": "x" * 20_000, "label": "a"}) + '\n{"text": "b\\ud800", "label": "c\\udfff"}\n')
    long, half = read_examples(path).examples
    assert len(long.text) == MAX_CHARACTERS
    assert (half.text, half.label) == ("b?", "c?")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "big5"])
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_other_encodings_are_refused_with_the_remedy(tmp_path, encoding, kind):
    path = tmp_path / f"rows.{kind}"
    text = 'text,label\n"主軸溫度",故障\n' if kind == "csv" else '{"text": "主軸溫度", "label": "故障"}\n'
    path.write_bytes(text.encode(encoding))
    assert "UTF-8" in refused(path)


def test_the_line_of_a_bad_byte_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "a", "label": "b"}\n{"text": "\xff", "label": "b"}\n')
    assert "rows.jsonl:2:" in refused(path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.jsonl", "", "no usable rows"),
        ("rows.csv", "text,label\n", "no usable rows"),
        ("rows.csv", "Question;Route\na;b\n", '"Question;Route"'),
        ("rows.csv", "text,route\na,b\n", '"label"'),
        ("rows.jsonl", '{"question": "a", "route": "b"}\n', '"question", "route"'),
        ("rows.jsonl", '[{"text": "a", "label": "b"}]', "not a JSON object"),
        ("rows.jsonl", "text,label\na,b\n", "not JSON"),
        ("rows.jsonl", '{"text": "a\0"}', "NUL"),
    ],
)
def test_files_without_usable_rows_are_one_line(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert said in refused(path)


def test_what_is_no_file_is_one_line(tmp_path):
    assert "cannot be read" in refused(tmp_path)
    assert "No such file" in refused(tmp_path / "nowhere.jsonl")
    assert not is_tagged(tmp_path) and not is_tagged(tmp_path / "nowhere.jsonl")


# --- tags -------------------------------------------------------------------------------------------------------


def test_tagged_rows(tmp_path):
    path = tmp_path / "tags.jsonl"
    path.write_text(
        '{"tokens": ["pump", "leaks"], "tags": ["B-Part", "O"]}\n'
        '{"tokens": ["pump"], "tags": ["O", "O"]}\n{"tokens": ["a"], "tags": ["Part"]}\n{"tokens": [1], "tags": ["O"]}\n'
        '{"tokens": [], "tags": []}\ntorn\n',
        encoding="utf-8",
    )
    assert is_tagged(path)
    found, left_out = read_tagged(path)
    assert [(one.tokens, one.tags) for one in found] == [(("pump", "leaks"), ("B-Part", "O"))]
    assert [line.split(": ")[0] for line in left_out] == [f"tags.jsonl:{n}" for n in range(2, 7)]
    path.write_text('{"text": "a", "label": "b"}\n')
    assert not is_tagged(path) and '"tokens" and "tags" must be lists' in refused(path, read_tagged)
    path.write_text('{"tokens": ["a"], "tags": []}\n')
    assert "no usable rows" in refused(path, read_tagged)


# --- cleaning ---------------------------------------------------------------------------------------------------


def test_repeats_and_contradictions():
    given_ = [
        ("Pump leaks!", "fault"), ("pump  LEAKS", "fault"), ("ｐｕｍｐ leaks", "howto"),  # most frequent: fault
        ("oil?", "value"), ("OIL", "howto"),  # a tie: left out
        ("door", "fault"),
        ("?!", "howto"), ("...", "howto"),
    ]  # fmt: skip
    cleaned = clean(Example(*row) for row in given_)
    assert [(e.text, e.label) for e in cleaned.examples] == [
        ("Pump leaks!", "fault"), ("door", "fault"), ("?!", "howto"), ("...", "howto"),
    ]  # fmt: skip
    repeats, settled, dropped = cleaned.notes
    assert repeats.startswith("2 ") and settled.startswith("1 ") and dropped.startswith("1 ") and "'oil?'" in dropped
    assert clean([]).examples == () and clean([]).notes == ()


LABELLED = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["E-{}", "pump {} leaks", "换油 {}", "{}", "x {} {}"]), st.integers(0, 30)),
    max_size=60,
)  # fmt: skip


@hypothesis_settings(max_examples=80, deadline=None)
@given(LABELLED, st.floats(0.05, 0.5), st.integers(0, 5))
def test_a_split_keeps_twins_together_and_every_label_learnt(drawn, share, seed):
    labels = [label for label, _, _ in drawn]
    lines = [form.format(number, number + 1) for _, form, number in drawn]
    learnt, held = split(labels, lines, share, seed)
    assert sorted(learnt + held) == list(range(len(lines))) and learnt == sorted(learnt) and held == sorted(held)
    assert {labels[i] for i in learnt} == set(labels)
    both = {(labels[i], twin_key(lines[i])) for i in learnt} & {(labels[i], twin_key(lines[i])) for i in held}
    assert not both
    counts = Counter(labels)
    assert all(counts[labels[i]] >= 4 for i in held)
    assert (learnt, held) == split(labels, lines, share, seed)


@hypothesis_settings(max_examples=80, deadline=None)
@given(LABELLED, st.integers(2, 6), st.integers(0, 5))
def test_folds_keep_twins_together(drawn, count, seed):
    labels = [label for label, _, _ in drawn]
    lines = [form.format(number, number + 1) for _, form, number in drawn]
    found = folds(labels, lines, count, seed)
    assert len(found) == len(lines) and set(found) <= set(range(count))
    of_twin: dict[tuple[str, str], set[int]] = {}
    for label, line, number in zip(labels, lines, found, strict=True):
        of_twin.setdefault((label, twin_key(line)), set()).add(number)
    assert all(len(numbers) == 1 for numbers in of_twin.values())
    assert found == folds(labels, lines, count, seed)


def test_shares_are_those_asked_for():
    lines = [f"{a}{b}" for a in "abcdefghij" for b in "klmnopqrst"]
    labels = ["big"] * 80 + ["small"] * 17 + ["few"] * 3
    _, held = split(labels, lines, 0.2, 3)
    counts = Counter(labels[i] for i in held)
    assert counts == {"big": 16, "small": 3}
    assert split(labels, lines, 0.2, 4)[1] != held
    spread = folds(labels, lines, 5, 3)
    for name, least, most in (("big", 16, 16), ("small", 3, 4), ("few", 0, 1)):
        own = Counter(number for number, label in zip(spread, labels, strict=True) if label == name)
        assert all(least <= own[number] <= most for number in range(5))


def test_what_is_the_same_and_what_a_twin():
    assert same_text("Ｅ－207：Stop!") == same_text("e 207 stop") != same_text("e 208 stop")
    assert same_text("主轴过热。") == same_text("主轴过热") and same_text("?") == "?"
    assert twin_key("E-207 stop") == twin_key("e31 STOP!") != twin_key("e31 go")
