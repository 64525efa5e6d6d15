"""The gates a new bilingual body must pass read the right cells of the right records."""

from __future__ import annotations

from benchmarks.gates import GATES, Gate, measured

DIGEST = "0123456789ab" + "c" * 52
ENGLISH = {
    "columns": ["set", "system", "hit@1", "hit@5", "hit@1, points to english", "hit@5, points to english"],
    "rows": [
        ["tv", "english, hybrid", "61.5 [1, 2]", "85.4 [1, 2]", "", ""],
        ["tv", "bilingual, dense", "40.0 [1, 2]", "70.0 [1, 2]", "-5.0 [-6.0, -4.0]", "+1.0 [0.0, 2.0]"],
        ["tv", "bilingual, hybrid", "61.0 [1, 2]", "85.9 [1, 2]", "-0.5 [-2.0, +1.0]", "+0.5 [-1.0, +2.0]"],
    ],
    "notes": ["bodies: english: 384 numbers, weights aaaaaaaaaaaa; bilingual: 384 numbers, weights 0123456789ab"],
}


def gate(part: str, name: str) -> Gate:
    return next(g for g in GATES if g.part == part and name in g.name)


def test_a_gate_reads_its_row_and_column():
    records = {("bilingual", "english"): ENGLISH}
    assert measured(gate("english", "tv, hit@1"), records, DIGEST) == -0.5
    assert measured(gate("english", "tv, hit@5"), records, DIGEST) == 0.5
    assert measured(gate("english", "s10, hit@1"), records, DIGEST) is None
    assert measured(gate("parallel", "zh → en"), records, DIGEST) is None


def test_figures_of_other_weights_do_not_count():
    records = {("bilingual", "english"): ENGLISH}
    assert measured(gate("english", "tv, hit@1"), records, "f" * 64) is None


def test_english_is_required_and_chinese_wanted():
    assert {g.required for g in GATES if "English" in g.name} == {True}
    assert {g.required for g in GATES if "English" not in g.name} == {False}
