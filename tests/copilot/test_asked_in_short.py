"""Whole answers over the sample plant to questions in the words of a workshop: short forms, work, things, and what is not said."""

from __future__ import annotations

import pytest

from copilot.commands.ask import opened_copilot
from copilot.config import load_settings
from copilot.types import AnswerStatus, Question


@pytest.fixture(scope="module")
def ask(plant_home):
    with opened_copilot(load_settings(plant_home)) as (copilot, _):
        yield lambda text, machine=None: copilot.ask(Question(text, machine))


@pytest.mark.parametrize(
    ("question", "short", "lacks"),
    [
        ("空压机空滤多久换一次", "2000 h", "每周"),
        ("空压机散热器多久清洗一次？", "2000 h", "4000 h"),
        ("压机液压油多久换一次", "4,000 h", "hoses"),
        ("What is the safety valve setting of the compressor?", "0.95 MPa", "F0.31"),
        ("温控阀芯的备件号是多少", "AC-TV-0071", "拧紧"),
        ("How often is the air filter of the compressor replaced?", "2000 h", "每周"),
        ("How often is the coolant of the machining centre changed?", "six months", "4,000 h"),
        ("When is the gear oil in the gear motors changed?", "15,000 h", "4,000 h"),
        ("Which oil do the gear motors of the packaging line take?", "Synthetic gear oil VG 220", "CG 68"),
        ("hyd oil type for the press", "Hydraulic oil HLP 46, zinc free", "17,400"),
        ("Which fuse is F3 on the packaging line?", "6.3 A", "not in the documents"),
    ],
)
def test_short_answers(ask, question, short, lacks):
    answer = ask(question)
    assert (answer.status, answer.short) == (AnswerStatus.ANSWERED, short)
    assert lacks not in answer.text


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ("How do I restart the packaging line after an E-stop?", "press the blue reset button"),
        ("How do I change the oil of the compressor?", "加入新油 45 L"),
        ("包装线急停后怎么恢复", "press the blue reset button"),
        ("怎么更换加工中心编码器电池", "2. Pull out the old block of four cells"),
        ("加工中心导轨用什么油", "CG 68"),
        ("Which grease for the linear guides of the machining centre?", "CG 68"),
        ("空压机用什么油", "合成螺杆油，黏度等级 46"),
        ("油分芯堵了有什么现象？", "油气分离芯堵塞"),
        ("变频报过流怎么处理", "变频器加速过电流"),
    ],
)
def test_other_words_and_the_other_language(ask, question, holds):
    assert holds in ask(question).text


@pytest.mark.parametrize(
    ("question", "machine"),
    [
        ("Who is the supplier of the robot arm?", None),
        ("Who is the supplier of the hot melt glue?", None),
        ("What does a new spindle cost?", None),
        ("Which viscosity of oil does the press gearbox need?", "HP-200"),
        ("What is the diameter of the ball screw of the press?", None),
        ("空压机冷却水流量多少？", None),
        ("空压机皮带多久换一次？", None),
        ("主机轴承的型号是多少？", "AC-75"),
    ],
)
def test_what_the_documents_do_not_say(ask, question, machine):
    assert ask(question, machine).status is AnswerStatus.NO_EVIDENCE


def test_no_question_about_the_plant_stays_out_of_scope(ask):
    assert ask("What is the price of gold?").status is AnswerStatus.OUT_OF_SCOPE


@pytest.mark.parametrize("question", ["What is the maintenance schedule of the press?", "空压机保养计划"])
def test_a_table_asked_for_by_its_title_is_shown_whole(ask, question):
    answer = ask(question)
    rows = [line for line in answer.text.splitlines() if line.startswith(("Interval: ", "周期："))]
    assert len(rows) > 8 and answer.short == ""
