"""Questions that name a machine by its kind, over a small index: what is searched, what is refused, what is said of it."""

from __future__ import annotations

from datetime import date

import pytest
from small_plant import asked

from copilot.types import AnswerStatus, Question

FILES = {
    "TC-8/TC-8_manual.md": "# TC-8 turning centre\n\n## Lubrication\n\nThe guideways are wetted with slideway oil of class 68 by the "
    "central pump. The chuck is greased with 5 g every week.\n\n## Alarms\n\n| Alarm | Meaning | Remedy |\n|---|---|---|\n"
    "| 311 | Chuck pressure low | Raise the pressure |\n| 312 | Tailstock not home | Move it home |\n",
    "FL-2/FL-2_manual.md": "# FL-2 filling line\n\n## Lubrication\n\nGrease the linear guides of the gantry with 4 g of NLGI 2 every "
    "500 hours.\n\n## Air\n\nThe compressor of the filling line stands behind it; its filter is cleaned monthly.\n\n## Alarms\n\n"
    "| Alarm | Meaning | Remedy |\n|---|---|---|\n| 311 | Bottle jam | Clear the starwheel |\n| 399 | Cap missing | Fill the caps |\n",
    "KV-22/KV-22_手册.md": "# KV-22 螺杆空气压缩机\n\n## 保养\n\n润滑油每 4000 小时更换一次。\n\n## 排水\n\n每班打开排水阀排水。\n",
    "general/rules.md": "# Site rules\n\n## Gloves\n\nWear cut-resistant gloves when chips are removed.\n",
    "log.csv": "Order,Date,Machine,Component,Symptom,Action\n"
    "1,2024-02-03,TC-8,chuck,chuck slips,jaws replaced\n2,2025-03-04,TC-8,chuck,chuck slips again,jaws ground\n"
    "3,2025-06-07,FL-2,capper,caps crooked,head aligned\n4,2025-06-09,KV-22,皮带,皮带断裂停机,更换皮带\n",
}
TODAY = date(2026, 3, 10)


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    with asked(tmp_path_factory.mktemp("kinds"), FILES, lambda: TODAY) as copilot:
        yield copilot


def documents(answer):
    return {citation.source.document_id.split("/")[0] for citation in answer.citations}


@pytest.mark.parametrize(
    ("question", "machine"),
    [
        ("How is the chuck of the turning centre greased?", "TC-8"),
        ("What lubricates the guideways of the lathe?", "TC-8"),
        ("压缩机的润滑油多久更换一次？", "KV-22"),
        ("空压机的润滑油多久更换一次？", "KV-22"),
    ],
)
def test_the_manual_of_that_machine_answers(plant, question, machine):
    answer = plant.ask(question)
    assert answer.status is AnswerStatus.ANSWERED
    assert documents(answer) == {machine} and answer.understanding.about == machine


def test_another_machine_does_not_answer_in_its_place(plant):
    assert plant.ask("How much NLGI 2 grease do the gantry linear guides need?").status is AnswerStatus.ANSWERED
    answer = plant.ask("How much NLGI 2 grease do the gantry linear guides of the turning centre need?")
    assert "FL-2" not in documents(answer) and "4 g" not in answer.text


@pytest.mark.parametrize("question", ["How do I balance the rotor of the centrifuge?", "离心机的转鼓怎么清洗？"])
def test_a_kind_that_stands_nowhere_is_refused(plant, question):
    answer = plant.ask(question)
    assert answer.status in (AnswerStatus.NO_EVIDENCE, AnswerStatus.OUT_OF_SCOPE)
    assert answer.understanding.subject is not None and not answer.understanding.subject.known


def test_a_part_of_another_machine_answers_and_is_named_as_such(plant):
    answer = plant.ask("How often is the filter of the compressor of the filling line cleaned?")
    assert answer.status is AnswerStatus.ANSWERED and "monthly" in answer.text and documents(answer) == {"FL-2"}
    other = plant.ask("How often is the filter of the compressor cleaned?")
    assert documents(other) <= {"FL-2", "KV-22"}
    if "FL-2" in documents(other):
        assert "another machine (FL-2)" in other.text


def test_documents_of_no_machine_stay_in(plant):
    answer = plant.ask("Which gloves do I wear when chips are removed from the lathe?")
    assert "cut-resistant" in answer.text and "another machine" not in answer.text


@pytest.mark.parametrize(
    ("question", "meaning"),
    [
        ("alarm 311 on the turning centre", "Chuck pressure low"),
        ("What is alarm 311 of the filling line?", "Bottle jam"),
    ],
)
def test_a_code_is_that_of_the_kind_named(plant, question, meaning):
    answer = plant.ask(question)
    assert meaning in answer.text and len(documents(answer)) == 1


def test_a_code_that_only_another_machine_has_is_said_to_be_its(plant):
    answer = plant.ask("What does alarm 399 mean on the lathe?")
    assert "Cap missing" in answer.text and "another machine (FL-2)" in answer.text


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("How often did the lathe fail last year?", "1 fault report for TC-8, 2025-01-01 to 2025-12-31"),
        ("How many faults did the turning centre have since January 2024?", "2 fault reports for TC-8, since 2024-01-01"),
        ("How many faults did the TC-8 have last month?", "No fault reports for TC-8, 2026-02-01 to 2026-02-28. The fault reports run from 2024-02-03 to 2025-03-04."),
        ("How many faults were there in 2025?", "3 fault reports for 2025"),
        ("空压机去年发生过几次故障？", "KV-22，2025-01-01 至 2025-12-31：共 1 条故障记录"),
        ("车床上个月发生过几次故障？", "TC-8，2026-02-01 至 2026-02-28：没有故障记录。现有故障记录从 2024-02-03 到 2025-03-04。"),
    ],
)  # fmt: skip
def test_the_history_of_a_period_says_which_it_is(plant, question, line):
    answer = plant.ask(question)
    assert answer.status is AnswerStatus.ANSWERED and line in answer.text


def test_what_the_question_is_taken_for_can_be_looked_at(plant):
    understood = plant.understand(Question("the lathe last year"))
    assert understood.machine is None and understood.subject.machine == understood.about == "TC-8"
    assert (understood.period.since, understood.period.until) == (date(2025, 1, 1), date(2025, 12, 31))


def test_a_kind_that_is_a_part_of_the_machine_stays_a_word_of_the_question(plant):
    terms = plant.understand(Question("when was the chiller of the turning centre topped up")).terms
    assert "chiller" in terms and "centr" not in terms
