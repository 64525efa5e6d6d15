"""Questions that ask which substance, part or tool."""

from __future__ import annotations

import pytest

from copilot.table_values import Cell
from copilot.things import count_in, counts_things, thing_asked


@pytest.mark.parametrize(
    "question",
    [
        "Which grease for the linear guides of the machining centre?",
        "What kind of oil goes into the gear motors?",
        "What type of battery does the control use?",
        "What are the guides lubricated with?",
        "导轨用什么润滑脂？",
        "主轴加哪种油",
        "液压油的牌号是什么？",
    ],
)
def test_asks_which(question):
    assert thing_asked(question) is not None


@pytest.mark.parametrize(
    "question",
    [
        "What oil pressure is normal?",
        "How often is the oil changed?",
        "What is the oil change interval?",
        "Which alarm means low oil?",
        "油位多少正常？",
        "机油多久换一次？",
    ],
)
def test_asks_for_something_else(question):
    assert thing_asked(question) is None


LUBRICATION = [
    Cell("Place", "Linear guides"),
    Cell("Lubricant", "Grease NLGI 2"),
    Cell("Amount", "4 g"),
    Cell("Interval", "500 h"),
]


def test_the_cell_that_names_the_thing():
    grease = thing_asked("Which grease for the linear guides?")
    assert [grease.is_named_by(cell) for cell in LUBRICATION] == [False, True, False, False]
    assert grease.is_in(LUBRICATION)


@pytest.mark.parametrize(
    ("question", "text", "named"),
    [
        ("Which oil does it take?", "Synthetic gear oil VG 220", True),
        ("Which oil does it take?", "Hydraulic oil HLP 46, zinc free", True),
        ("Which oil does it take?", "Oil level low", False),
        ("Which grease goes in?", "Drawbar force, grease the gripper", False),
        ("Which battery is in the probe?", "Encoder battery empty", False),
        ("Which battery is in the probe?", "Lithium battery CR2032", True),
        ("用什么油？", "合成螺杆油，黏度等级 46", True),
        ("用什么油？", "油过滤器", False),
        ("用什么油？", "拆下油过滤器，擦净座面", False),
    ],
)
def test_names_and_what_only_speaks_of_the_thing(question, text, named):
    assert thing_asked(question).is_named_by(Cell("", text)) is named


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("3. Fill the magazine with no more than 250 pieces.", 1.0),
        ("Tool places in the magazine ; 48 ; -", 0.5),
        ("B11.1 ; Blank magazine ; 120 mm", -1.0),
        ("3. Fill the magazine.", -1.0),
    ],
)
def test_how_many(text, worth):
    assert counts_things("How many blanks may I put in the magazine?")
    assert count_in(text) == worth


@pytest.mark.parametrize("question", ["How many hours does it take?", "How many bar?", "How much oil?", "要多少牛米？"])
def test_an_amount_is_no_count(question):
    assert not counts_things(question)
