"""Commands, defaults, codes named in passing, and tables with a row for every cause, over a small index."""

from __future__ import annotations

import pytest
from small_plant import asked

from copilot.types import AnswerStatus, Question

FILES = {
    "KX/KX_manual.md": "# KX controller\n\n## Corners\n\nThe corner velocity limits how fast a corner is taken, mostly below 40 mm/s. "
    "A high corner velocity shakes the frame.\n\nThe corner velocity is 5 mm/s by default.\n\n"
    "## Levelling\n\nHoming switches the bed levelling off. Send M420 S1 after G28 to keep the bed levelling on.\n\n"
    "## Fan\n\nThe part fan cools the print and is loud at full speed. The fan is turned on by M106 and off by M107.\n\n"
    "## Codes\n\n| Code | Meaning |\n|---|---|\n| G28 | Home all axes |\n| G19 | Plane select |\n",
    "KX/KX_errors.csv": "Error code,Message,Description\n9,Locked,Commands are locked out during alarm\n20,Unsupported,Unsupported command\n"
    "21,Modal,More than one command of a group\n",
    "AL/AL_alarms.csv": "Alarm,Cause,Remedy\n12,Door open,Close the door\n13,Battery low,Replace the battery\n14,Fan stopped,Clean the fan\n",
    "TR/TR_fmea.csv": "Subsystem,Component,Potential Failure Mode,Potential Effect(s) of Failure,Severity,Potential Cause(s) of Failure,Occurrence,Detection,RPN\n"
    "Hydraulics,Hoist cylinder,Leaking,Loss of oil,3,Worn seal,2,2,12\n"
    "Hydraulics,Hoist cylinder,Leaking,Loss of oil,3,Scored rod,2,3,18\n"
    "Hydraulics,Hoist cylinder,Bent,Tub does not lower,4,Physical impact,1,2,8\n"
    "Engine,Radiator,Leaking,Loss of coolant,3,Cap left off,2,2,12\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    with asked(tmp_path_factory.mktemp("commands"), FILES) as copilot:
        yield lambda text, machine=None: copilot.ask(Question(text, machine))


@pytest.mark.parametrize(
    ("question", "said", "left_out"),
    [
        ("default corner velocity of the KX", "5 mm/s by default", "shakes"),
        ("which command turns the fan on", "M106", "corner"),
        ("bed levelling is off after G28, what must be sent to keep it on", "M420 S1", "Home all axes"),
        ("what does G28 do", "Home all axes", "M420"),
        ("error 9", "locked out during alarm", "Plane"),
    ],
)
def test_what_is_asked_for_is_quoted_and_its_neighbour_is_not(ask, question, said, left_out):
    answer = ask(question, "KX")
    assert answer.status is AnswerStatus.ANSWERED
    assert said in answer.text
    assert left_out not in answer.text


def test_the_number_of_no_fault_is_unknown_whatever_else_has_it(ask):
    answer = ask("error 19", "KX")
    assert answer.status is AnswerStatus.NO_EVIDENCE
    assert "Plane" not in answer.text


def test_another_number_is_another_failure(ask):
    assert "Battery low" not in ask("what causes alarm 12", "AL").text


def test_other_causes_of_the_same_failure_are_listed(ask):
    answer = ask("what are the causes of a leaking hoist cylinder on the truck?", "TR")
    assert answer.status is AnswerStatus.ANSWERED
    assert "Worn seal" in answer.text and "Scored rod" in answer.text
    assert "Physical impact" not in answer.text and "Cap left off" not in answer.text
    assert all(citation.quote for citation in answer.citations)
