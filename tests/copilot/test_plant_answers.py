"""Whole answers over the sample plant, by the real encoder and router: forms, safety and conversations."""

from __future__ import annotations

import json
import re

import pytest

from copilot.cite import is_verbatim
from copilot.commands.ask import opened_copilot
from copilot.config import load_settings
from copilot.sample_plant import questions_file
from copilot.types import AnswerStatus, Question


@pytest.fixture(scope="module")
def plant(plant_home):
    with opened_copilot(load_settings(plant_home)) as (copilot, index):
        yield copilot, index


@pytest.fixture
def ask(plant):
    return lambda text, machine=None, earlier=(): plant[0].ask(Question(text, machine, earlier=tuple(earlier)))


@pytest.fixture(scope="module")
def answered(plant):
    """Every question of the sample plant with its answer."""
    rows = [json.loads(line) for line in questions_file().read_text(encoding="utf-8").splitlines()]
    return [(row, plant[0].ask(Question(row["question"], row.get("machine")))) for row in rows]


def test_every_quote_stands_where_it_says_and_nothing_had_to_be_withheld(plant, answered):
    _, index = plant
    for row, answer in answered:
        assert answer.withheld == (), row
        for citation in answer.citations:
            chunk = index.chunk(citation.chunk_id)
            assert chunk.text[citation.start : citation.start + len(citation.quote)] == citation.quote
            assert is_verbatim(citation.quote, chunk.text)


@pytest.mark.parametrize(
    ("question", "machine", "holds"),
    [
        ("冬季机组启动要注意什么", "AC-75", "低于 2 °C 时控制器禁止启动"),
        ("At what pressure does the relief valve of the press open?", None, "265; Unit: bar (converted: 265 bar ≈ 26.5 MPa"),
        ("安全阀多大压力起跳？", None, "0.95；单位：MPa（换算：0.95 MPa ≈ 9.5 bar）"),
        ("What is the permitted ambient temperature of the press?", None, "5 to 40 °C ≈ 41 to 104 °F"),
        ("F0.12", None, "供气压力设定"),
        ("What tools do I need to change the glue nozzle?", None, "socket 13 mm"),
        ("怎么调整皮带张力？", None, "tension screws"),
    ],
)  # fmt: skip
def test_forms_of_answers(ask, question, machine, holds):
    assert holds in ask(question, machine).text


@pytest.mark.parametrize("question", ["冷却塔水温太高会怎样", "锅炉压力过高怎么办"])
def test_equipment_that_is_not_in_the_plant_is_refused(ask, question):
    assert ask(question).status is not AnswerStatus.ANSWERED


def test_a_procedure_over_a_page_break_is_whole_and_in_order(ask):
    lines = [line for line in ask("How do I swap the tool halves in the press?").text.splitlines() if line]
    assert [int(re.match(r"(\d+)\.", line)[1]) for line in lines] == list(range(1, 16))
