"""Sums and rankings that a question wants of the fault reports, over a small index."""

from __future__ import annotations

from datetime import date

import pytest
from small_plant import asked

from copilot.tally import Measure, tally_asked
from copilot.types import AnswerStatus, Question

FILES = {
    "TC-8/TC-8_manual.md": "# TC-8 turning centre\n\n## Stopping\n\nBefore the door is opened the spindle must have been stopped for 20 s.\n\n"
    "## Parameters\n\n| Code | Function | Default |\n|---|---|---|\n| P1-07 | 减速停机时间 | 6 s |\n",
    "FL-2/FL-2_manual.md": "# FL-2 filling line\n\n## Air\n\nThe filter of the line is cleaned monthly.\n",
    "log.csv": "Order,Date,Machine,Component,Symptom,Action,Downtime (h),Cost\n"
    "1,2024-02-03,TC-8,chuck,chuck slips,jaws replaced,2.5,100\n2,2024-03-04,TC-8,chuck,chuck slips again,jaws ground,4,50.5\n"
    "3,2024-06-07,TC-8,turret,turret does not turn,cleaned,,30\n4,2024-06-09,FL-2,capper,caps crooked,head aligned,9,20\n"
    "5,2023-06-09,FL-2,capper,caps crooked,head aligned,1.5,900\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    with asked(tmp_path_factory.mktemp("tally"), FILES, lambda: date(2025, 3, 10)) as copilot:
        yield lambda text: copilot.ask(Question(text))


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("What was the total downtime of TC-8 in 2024?", "3 fault reports for TC-8, 2024; the last on 2024-06-07; 6.5 h of downtime in total (2 of them state it)."),
        ("How much did the repairs of TC-8 cost in 2024?", "cost 180.5 in total."),
        ("Which machine had the most breakdowns?", "Fault reports by machine: TC-8 (3), FL-2 (2)."),
        ("Which machine had the most downtime in 2024?", "Hours of downtime by machine: FL-2 (9), TC-8 (6.5)."),
        ("which machine cost the most", "Cost by machine: FL-2 (920), TC-8 (180.5)."),
        ("Which machine cost the most to repair?", "Cost by machine: FL-2 (920), TC-8 (180.5)."),
        ("Which machine had the fewest faults?", "Fault reports by machine: FL-2 (2), TC-8 (3)."),
        ("Which component of TC-8 fails most often?", "Fault reports by component: chuck (2), turret (1)."),
        ("How long was TC-8 down in 2024?", "6.5 h of downtime in total"),
        ("What was the most expensive repair?", "The highest cost: 900 (2023-06-09)."),
        ("the cheapest repair of TC-8", "The lowest cost: 30 (2024-06-07)."),
        ("longest stoppage of TC-8", "The longest downtime: 4 h (2024-03-04)."),
        ("最贵的一次维修花了多少", "最高费用：900（2023-06-09）。"),
        ("how much did the chuck repairs cost in total", "cost 150.5 in total"),
        ("How much was spent on jaws in total in 2024?", "what speaks of all that is asked: 2; cost 150.5 in total"),
        ("MTBF of TC-8", "Mean time between reports"),
        ("TC-8在2024年总停机时间是多少", "累计停机 6.5 小时（其中 2 条写明）"),
        ("TC-8 2024年停机多久", "累计停机 6.5 小时"),
        ("TC-8在2024年停机时间是多少", "累计停机 6.5 小时"),
        ("哪台机器故障最多", "各机器的故障记录数：TC-8 (3)，FL-2 (2)。"),
        ("2024年维修费用最高的是哪台设备", "各机器的费用：TC-8 (180.5)，FL-2 (20)。"),
        ("故障最多的是哪个部件", "各部件的故障记录数：capper (2)，chuck (2)，turret (1)。"),
    ],
)  # fmt: skip
def test_what_is_counted(ask, question, line):
    answer = ask(question)
    assert answer.status is AnswerStatus.ANSWERED
    assert line in answer.text
    assert answer.citations  # the reports it rests on


@pytest.mark.parametrize(
    "question", ["how much did the gripper repairs cost in total", "what was the most expensive gripper repair?"]
)
def test_nothing_is_summed_where_no_record_speaks_of_it(ask, question):
    answer = ask(question)
    assert answer.status is AnswerStatus.NO_EVIDENCE or "none of them speaks of what is asked" in answer.text
    assert "in total" not in answer.text and "highest cost" not in answer.text


def test_what_is_asked_about_is_no_word_for_counting(ask):
    assert "cost 100 in total" in ask("how much did the jaws replaced on TC-8 in total cost in February 2024").text


def test_nobody_is_named_where_no_column_says_who(ask):
    answer = ask("who fixed the chuck of TC-8 last time?")
    assert answer.status is AnswerStatus.NO_EVIDENCE
    assert "The fault reports do not say who did the work." in answer.text


def test_years_and_machines_without_reports_are_said_to_have_none(ask):
    assert "No fault reports for TC-8, 2022" in ask("What was the total downtime of TC-8 in 2022?").text
    assert "cost" not in ask("What was the most expensive repair of TC-8 in 2022?").text.casefold()


@pytest.mark.parametrize(
    "question",
    [
        "How long must the spindle be stopped before the door is opened?",
        "Which machine is the heaviest?",
        "Which part needs the most oil?",
        "减速停机时间参数是多少",
        "停机多久才能打开门",
        "How much does a filter cost?",
        "What is the total length of the machine?",
        "Which component protects the motor?",
    ],
)
def test_what_a_manual_says_is_not_counted(question):
    assert tally_asked(question) is None


def test_the_measure_of_a_ranking():
    assert tally_asked("which machine broke down most").measure is Measure.REPORTS
    assert tally_asked("哪台设备停机时间最长").measure is Measure.DOWNTIME
    assert tally_asked("which part was the most expensive to repair").measure is Measure.COST


@pytest.mark.parametrize(
    ("question", "measure", "fewest"),
    [
        ("whats the single dearest work order ever on B", Measure.COST, False),
        ("which repair cost the most?", Measure.COST, False),
        ("the cheapest repair of the press", Measure.COST, True),
        ("HP-200停机最长的一次是哪次", Measure.DOWNTIME, False),
        ("最贵的一次维修花了多少", Measure.COST, False),
    ],
)
def test_the_one_report_with_the_most(question, measure, fewest):
    found = tally_asked(question)
    assert found is not None and found.single
    assert (found.measure, found.by, found.fewest) == (measure, None, fewest)
