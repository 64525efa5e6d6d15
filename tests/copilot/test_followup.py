"""Follow-ups: what a question leaves out is taken from the turns before it, and a change of topic takes nothing along."""

from __future__ import annotations

import pytest

from copilot.followup import resolve, topic_of
from copilot.machine_names import find_machine
from copilot.types import Turn

MACHINES = ["HP-200", "HP-300", "VM-5"]


def turn(text: str, machine: str | None = None, codes: tuple[str, ...] = ()) -> Turn:
    return Turn(text, text, topic_of(text), "en", "procedure", machine, codes)


def ask(text: str, *earlier: Turn, machines=MACHINES):
    return resolve(text, earlier, find_machine(text, machines), machines)


def test_without_a_conversation_a_question_stays_as_it_is():
    found = ask("how long does that take?")
    assert (found.text, found.machine, found.follows) == ("how long does that take?", None, None)


@pytest.mark.parametrize(
    ("first", "codes", "then", "text"),
    [
        ("What does E-207 mean?", ("E-207",), "what about E-208?", "What does E-208 mean?"),
        ("What does E-207 mean?", ("E-207",), "and e208", "What does e208 mean?"),
        ("报警E-207是什么意思？", ("E-207",), "那E-208呢？", "报警E-208是什么意思？"),
    ],
)
def test_another_code_asks_the_same_of_it(first, codes, then, text):
    found = ask(then, turn(first, "HP-200", codes))
    assert (found.text, found.machine) == (text, "HP-200")


@pytest.mark.parametrize("then", ["and on the VM-5?", "what about the vm 5?", "那VM-5呢？", "VM-5上呢"])
def test_another_machine_asks_the_same_of_it(then):
    found = ask(then, turn("How do I change the filter on the HP-200?", "HP-200"))
    assert (found.text, found.machine) == ("How do I change the filter?", "VM-5")


@pytest.mark.parametrize(
    "then", ["and on the other press?", "what about the other machine?", "另一台呢", "另外一台呢？"]
)
def test_the_other_machine_is_known_when_there_are_two(then):
    earlier = turn("How do I change the filter?", "HP-200")
    assert ask(then, earlier, machines=["HP-200", "HP-300"]).machine == "HP-300"
    unresolved = ask(then, earlier)
    assert unresolved.machine is None and unresolved.other_machine


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("How do I replace the drive belt?", "how long does that take?"),
        ("How do I replace the drive belt?", "Which tools do I need for it?"),
        ("How do I replace the drive belt?", "how often?"),
        ("如何更换油滤芯？", "要多久？"),
        ("如何更换油滤芯？", "多久换一次？"),
        ("报警E-207是什么意思？", "怎么复位？"),
        ("How do I replace the drive belt?", "and the torque?"),
        ("如何更换油滤芯？", "这个需要什么工具？"),
    ],
)
def test_something_new_of_the_same_thing_takes_its_topic_along(first, then):
    found = ask(then, turn(first, "HP-200"))
    assert topic_of(first) in found.text and then in found.text and found.machine == "HP-200"


@pytest.mark.parametrize(
    "then",
    [
        "What is the rated voltage of the conveyor?",
        "Is it allowed to enter the cell alone?",
        "Who won the football match yesterday?",
        "How do I clean the nozzle?",
        "液压油的型号是什么？",
        "明天天气怎么样？",
    ],
)
def test_a_change_of_topic_takes_nothing_along(then):
    found = ask(then, turn("What does E-207 mean?", "HP-200", ("E-207",)))
    assert (found.text, found.machine, found.follows) == (then, None, None)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("How do I replace the wiper of the slide?", "What tools do I need?"),
        ("How do I replace the wiper of the slide?", "Which spare parts are needed?"),
        ("How do I replace the wiper of the slide?", "What is the tightening torque?"),
        ("How do I replace the wiper of the slide?", "How many people are required?"),
        ("怎样更换主轴轴承？", "要拧多少牛米？"),
        ("怎样更换主轴轴承？", "需要什么工具？"),
        ("怎样更换主轴轴承？", "用多大的扭矩拧紧？"),
        ("怎样更换主轴轴承？", "大概要多长时间？"),
    ],
)
def test_a_question_that_names_only_what_is_asked_for_is_about_the_thing_before(first, then):
    found = ask(then, turn(first, "VM-5"))
    assert topic_of(first) in found.text and then in found.text and found.machine == "VM-5"
    again = ask(then, turn(first, "VM-5"), Turn(then, found.text, found.topic, "en", "specification", "VM-5"))
    assert again.topic == topic_of(first)


@pytest.mark.parametrize(
    "then",
    ["What is the torque of the flange bolts?", "What oil pressure does the clamp need?", "法兰螺栓要拧多少牛米？"],
)
def test_a_question_that_names_a_thing_of_its_own_takes_nothing_along(then):
    assert ask(then, turn("How do I replace the wiper?", "VM-5")).text == then


def test_the_machine_whose_documents_answered_stays_where_none_was_named():
    before = Turn(
        "How do I replace the wiper?",
        "How do I replace the wiper?",
        "replace the wiper",
        "en",
        "procedure",
        source_machine="HP-300",
    )
    assert ask("how long does that take?", before).machine == "HP-300"
    assert ask("What is the rated voltage of the conveyor?", before).machine is None


@pytest.mark.parametrize("then", ["and on the lathe?", "what about the lathe?", "那车床呢？"])
def test_another_kind_of_machine_asks_the_same_of_it(then):
    def by_kind(text):
        kinds = {"lathe": "VM-5", "车床": "VM-5", "the press": "HP-200"}
        return next(((machine, word) for word, machine in kinds.items() if word in text), None)

    found = resolve(then, [turn("How do I change the filter on the press?", "HP-200")], None, MACHINES, by_kind)
    assert (found.text, found.machine) == ("How do I change the filter?", "VM-5")
