"""Questions that ask which substance, part or tool."""

from __future__ import annotations

import pytest

from copilot.table_values import Cell
from copilot.things import asks_for_designation, count_in, counts_things, has_designation, thing_asked


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


def test_a_value_of_the_thing_is_no_name_of_it():
    assert not thing_asked("Which battery is in the probe?").is_named_by(Cell("Cause", "Battery below 2.9 V"))
    assert thing_asked("Which battery is in the probe?").is_named_by(Cell("Part", "Lithium battery 3.6 V"))


def test_a_row_of_the_thing_itself_says_which_in_another_cell():
    battery = thing_asked("What type of battery is it?")
    assert battery.is_in([Cell("Part", "Backup battery"), Cell("Type", "CR2032")])
    assert not battery.is_in([Cell("Part", "Backup battery"), Cell("Voltage", "3 V")])


@pytest.mark.parametrize(
    ("question", "text", "specified"),
    [
        ("Which oil?", "The pump feeds 3 ml of oil CLP 220 per hour.", True),
        ("Which oil?", "Top up with oil (ISO VG 100).", True),
        ("Which oil?", "Fill 5 l of HLP 46 hydraulic oil into the tank.", True),
        ("Which grease?", "Coat the thread with copper paste.", True),
        ("用什么油？", "加注46号抗磨液压油。", True),
        ("用什么油脂？", "每个油嘴注入锂基润滑脂。", True),
        ("Which oil?", "Drain 12 l of oil at valve V3.", False),
        ("Which oil?", "3. Oil level 2 marks below full", False),
        ("Which grease?", "Grease the chain every 200 h.", False),
        ("用什么油？", "加入新油 45 L，油温 40 度。", False),
        ("用什么油？", "不同牌号的润滑油不得混用。", False),
    ],
)
def test_prose_that_says_which(question, text, specified):
    assert thing_asked(question).is_specified_in(text) is specified


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("What is the part number of the rod seal?", True),
        ("order no. of the filter", True),
        ("减速机轴承是什么型号？", True),
        ("密封圈的备件号", True),
        ("Which part is worn most?", False),
        ("轴承多久换一次？", False),
    ],
)
def test_asks_for_a_designation(question, asks):
    assert asks_for_designation(question) is asks


@pytest.mark.parametrize(
    ("text", "designates"),
    [
        ("Bearing SKF 6205-2RS", True),
        ("轴承 22220", True),
        ("润滑油，黏度等级 68", True),
        ("Replace the bearing when it is hotter than 80 °C, see Table 4 and section 7.2.", False),
        ("轴承振动超过 7.1 mm/s 应停机检修，每 2000 h 补脂", False),
    ],
)
def test_what_is_a_designation(text, designates):
    assert has_designation(text) is designates


def test_the_code_of_a_fault_designates_no_part_and_a_part_number_does():
    assert not has_designation("", [Cell("Code", "F14"), Cell("Cause", "Bearing of the fan worn")])
    assert has_designation("", [Cell("Part number", "KX-6205"), Cell("Part", "Bearing of the fan")])
    assert not has_designation("", [Cell("Part number", "-"), Cell("Part", "Bearing 6205")])


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


@pytest.mark.parametrize(
    "text", ["OIL " + "A" * 300, "oil " + "RISK OF EXPLOSION " * 60, "oil " + "A-" * 200, "油" + "A" * 300]
)
def test_long_runs_of_capitals_are_read_in_one_pass(text):
    """With patterns that can match in many ways these never come back."""
    asked = thing_asked("Which oil do I use?")
    assert asked is not None and not asked.is_specified_in(text)
    assert not has_designation(text, ())


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("residual oil 3 mg/m³", False),
        ("残油 3 mg/m³", False),
        ("oil 4 l", False),
        ("synthetic oil 4 l", True),
        ("synthetic screw oil", True),
        ("gear oil VG 220", True),
        ("合成螺杆油", True),
        ("46号液压油 6 L", True),
    ],
)
def test_how_much_oil_there_is_does_not_say_which(value, names):
    asked = thing_asked("Which oil goes into the compressor?")
    assert asked is not None and asked.is_named_by(Cell("Specification", value)) is names
