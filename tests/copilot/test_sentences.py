from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.sentences import UnitKind, is_bullet, split, step_number
from indexer.types import ChunkKind


def texts(text, kind=ChunkKind.TEXT):
    return [unit.text for unit in split(text, kind)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Stop. Wait.", ["Stop.", "Wait."]),
        ("See No. 3 and Fig. 2. Then go on.", ["See No. 3 and Fig. 2.", "Then go on."]),
        ("Use oil, e.g. HLP 46. Fill 3.5 l.", ["Use oil, e.g. HLP 46.", "Fill 3.5 l."]),
        ("Tighten with 3.5 Nm. Check.", ["Tighten with 3.5 Nm.", "Check."]),
        ("Is it on? Yes!", ["Is it on?", "Yes!"]),
        ("关闭电源。等待5分钟；打开门！", ["关闭电源。", "等待5分钟；", "打开门！"]),
        ("Wait 5 min. Open the valve.", ["Wait 5 min.", "Open the valve."]),
        ("The max. value is 5. It is set.", ["The max. value is 5.", "It is set."]),
        ("One line\nAnother line", ["One line", "Another line"]),
        ("a wrapped line that\ngoes on here. End.", ["a wrapped line that goes on here.", "End."]),
    ],
)
def test_sentences(text, expected):
    assert texts(text) == expected


def test_lists_are_units_by_line():
    kinds = [unit.kind for unit in split("Do:\n1. Open. Wait.\n2) Close\n• part\n- other\nEnd.")]
    assert kinds == [
        UnitKind.SENTENCE, UnitKind.STEP, UnitKind.STEP, UnitKind.ITEM, UnitKind.ITEM, UnitKind.SENTENCE,
    ]  # fmt: skip


def test_tables_of_one_row_and_of_several():
    one = split("Code: E-1\nRemedy: Stop. Wait.", ChunkKind.TABLE)
    assert [unit.kind for unit in one] == [UnitKind.FIELD, UnitKind.FIELD]
    several = split("Code | Remedy\nE-1 | Stop. Wait.\nE-2 | Go", ChunkKind.TABLE)
    assert [unit.kind for unit in several] == [UnitKind.HEADER, UnitKind.ROW, UnitKind.ROW]


@pytest.mark.parametrize(
    ("line", "number"),
    [("3. Open", 3), ("12) Open", 12), ("(4) Open", 4), ("b) Open", 2), ("Step 5: open", 5), ("第三步 打开", 3), ("第十二步：打开", 12),
     ("步骤2：打开", 2), ("④打开", 4), ("2、打开", 2), ("3.5 Nm is right", None), ("2.1 Intro", None), ("Open", None), ("2024 was good", None), ("7.", None)],
)  # fmt: skip
def test_step_numbers(line, number):
    assert step_number(line) == number


def test_bullets():
    assert is_bullet("• worn seal") and is_bullet("- worn seal") and is_bullet("·检查")
    assert not is_bullet("-5 °C") and not is_bullet("plain")


@given(
    st.text(alphabet=st.sampled_from("abc AB.12 \n。！？；|•-:)("), max_size=120),
    st.sampled_from(list(ChunkKind)),
)
def test_units_are_spans_that_hold_every_visible_character(text, kind):
    units = split(text, kind)
    assert all(before.end <= after.start for before, after in pairwise(units))
    held = "".join("".join(text[unit.start : unit.end].split()) for unit in units)
    assert held == "".join(text.split())


def test_the_units_of_a_text_are_found_once_and_given_out_as_lists_of_their_own():
    first = split("One. Two.")
    first.pop()
    again = split("One. Two.")
    assert texts("One. Two.") == ["One.", "Two."]
    assert again[0] is first[0] and again is not split("One. Two.")
