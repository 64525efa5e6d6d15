"""Codes asked for as a panel shows them, and the choices of a setting, over a small index."""

from __future__ import annotations

import pytest
from small_plant import asked

from copilot.options import chosen_option, option_asked, options
from copilot.types import AnswerStatus, Question

FILES = {
    "arm/arm_codes.md": "# Arm codes\n\n## Controller Error Code\n\n- 23: Joint beyond its range\n- 31: Collision\n\n## Servo Error Code\n\n"
    "- 23: Encoder battery low\n- 40: Over current\n\n## Lift Servo Error Code\n\n- 40: Lift motor over current\n",
    "arm/arm_manual.md": "# Arm manual\n\n## Controller errors\n\n| Error code | Meaning | Remedy |\n|---|---|---|\n"
    "| 23 | Joint beyond its range | Jog the joint back and press home |\n| 31 | Collision | Free the arm |\n\n"
    "## Modbus functions\n\n| Code | Function |\n|---|---|\n| 0x17 | Read and write registers |\n| 0x06 | Write a register |\n",
    "drive/drive_manual.md": "# Drive manual\n\n## Parameters\n\n| Code | Function | Range | Default |\n|---|---|---|---|\n"
    "| P0-02 | Source of commands | 0: keypad 1: terminals 2: bus | 0 |\n| P0-03 | Top speed | 0 to 60 Hz | 50 |\n"
    "| P0-30 | Reset of parameters | 0: nothing 8: restore the factory settings | 0 |\n\n"
    "## Storing settings in the factory\n\n1. Press MENU.\n2. Choose a bank for the settings.\n3. Press ENTER.\n\n"
    "## Kind of stop\n\n0: decelerating stop\n\n1: coasting stop\n\n2: stop by brake\n\n"
    "## Drive faults\n\n| Fault | Cause | Remedy |\n|---|---|---|\n| Overload | Drive too small | Inspect the load of the drive |\n",
    "drive/驱动器手册.md": "# 驱动器手册\n\n## 参数\n\n| 功能码 | 名称 | 设定范围 | 出厂值 |\n|---|---|---|---|\n"
    "| P7-10 | 停机方式 | 0：减速停机 1：自由停机 | 0 |\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    with asked(tmp_path_factory.mktemp("codes"), FILES) as copilot:
        yield lambda text: copilot.ask(Question(text))


def test_the_letter_of_a_panel_names_the_table_and_the_row_with_the_remedy_answers_for_both_documents(ask):
    answer = ask("What does error C23 mean?")
    assert "Jog the joint back" in answer.text
    assert "Encoder battery" not in answer.text and "registers" not in answer.text
    assert "several meanings" not in answer.text  # the list and the table say one thing
    assert "Encoder battery low" in ask("error S23").text


def test_a_longer_title_of_another_table_is_another_meaning(ask):
    text = ask("error code 40").text
    assert "Over current" in text and "Lift motor over current" in text


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("What does P0-02 = 1 mean?", "1: terminals"),
        ("P0-02 is set to 2, what does that mean?", "2: bus"),
        ("P7-10设为1是什么意思", "1：自由停机"),
        ("P7-10=0表示什么", "0：减速停机"),
    ],
)
def test_the_choice_asked_about_is_the_short_answer(ask, question, short):
    answer = ask(question)
    assert answer.short == short
    assert any(short in citation.quote for citation in answer.citations)


def test_a_parameter_that_does_all_that_is_asked_is_how(ask):
    answer = ask("How do I restore the factory settings?")
    assert "P0-30" in answer.text and "MENU" not in answer.text
    assert "Press MENU" in ask("How do I store settings in a bank in the factory?").text


def test_choices_of_a_setting_are_no_steps(ask):
    """As steps they began with 1."""
    assert ask("How do I stop the drive?").text.startswith("0: decelerating stop")


def test_how_often_needs_something_that_says_when(ask):
    assert ask("How often must the load of the drive be inspected?").status is AnswerStatus.NO_EVIDENCE
    assert ask("How do I inspect the load of the drive?").status is AnswerStatus.ANSWERED


@pytest.mark.parametrize("question", ["What does P0-02 mean?", "What does P0-02 = 7 mean?", "How do I set P0-02 to 1?"])
def test_no_choice_is_named_where_none_is_asked_or_listed(ask, question):
    assert ":" not in ask(question).short


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("what happens when CN-05 is set to 12", 12),
        ("what does option 3 of Pr.7 stand for", 3),
        ("F1.01等于2代表什么", 2),
        ("what is the pressure at 3 bar", None),
        ("What does P1 = 50 Hz mean?", None),
        ("What does P1 = 2.5 mean?", None),
        ("Set P1 = 2", None),
    ],
)
def test_values_asked_about(question, value):
    assert option_asked(question) == value


def test_choices_are_read_in_a_line_and_in_lines_and_nothing_else_is():
    assert options("0 stop\n1 run forward\n2 run back")[1] == "1 run forward"
    assert options("1=on；2=off")[2] == "2=off"
    assert not options("1. Open the cover\n2. Remove the screw")
    assert not options("from 10:30 to 11:45") and not options("3: run 1: stop")
    assert chosen_option("what does P1=1 mean", ["0: a 1: b", "0: a 1: c"]) == ""
