"""Whole answers over the sample plant, by the real encoder and router: forms, safety and conversations."""

from __future__ import annotations

import json
import re

import pypdfium2
import pytest

from copilot.cite import answer_to_text, is_verbatim
from copilot.commands.ask import opened_copilot
from copilot.config import load_settings
from copilot.safety import bind_warnings, with_warnings
from copilot.sample_plant import plant_folder, questions_file
from copilot.types import AnswerStatus, Question
from indexer.types import Hit, Stage


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


def test_rows_that_share_only_the_work_are_no_answer_beside_one_about_the_thing(ask):
    """The compressor's schedule is full of things replaced; the spindle's coolant is in the English manual of another machine."""
    answer = ask("主轴冷却液多久更换一次？")
    assert "six months" in answer.text
    assert {citation.source.document_id for citation in answer.citations} == {"VM-5/VM-5_machining_centre_manual.docx"}


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
        ("油箱容量", "HP-200", "Tank volume；Value：630"),  # all words by listed translations, in one row
        ("What is the weight of the compressor?", "AC-75", "整机质量; 数值: 1480"),
        ("噪音水平", "AC-75", "88 dB(A)"),
        ("主轴温度过高怎么办", None, "SPDL-014"),  # not the compressor's row, which shares the words of the symptom
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


_SIGNAL_LINE = re.compile(
    r"^\W*((?:DANGER|WARNING|CAUTION|NOTICE|危险|警告|小心|注意)[*_]*[ \t]*(?:[:：]|\n)\s*[^\n]{6,40})", re.MULTILINE
)


def squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def test_every_warning_on_the_pages_is_shown_with_whatever_is_cited_of_its_section(plant):
    """The pages are scanned here for signal words; nothing of our readers has a part in what is wanted."""
    _, index = plant
    wanted = {}
    for document in ("HP-200/HP-200_operating_manual.pdf", "AC-75/AC-75_manual_zh.pdf"):
        pdf = pypdfium2.PdfDocument(plant_folder() / document)
        texts = [page.get_textpage().get_text_range().replace("\r\n", "\n") for page in pdf]
        pdf.close()
        wanted[document] = {squeezed(match[1]) for text in texts for match in _SIGNAL_LINE.finditer(text)}
    manual = "PK-3/PK-3_manual.md"
    text = (plant_folder() / manual).read_text(encoding="utf-8")
    wanted[manual] = {squeezed(match[1]) for match in _SIGNAL_LINE.finditer(text)}
    chunks = index.chunks_at(range(index.manifest.chunk_count))
    for document, keys in wanted.items():
        assert len(keys) >= 5
        own = [chunk for chunk in chunks if chunk.source.document_id == document]
        for key in keys:
            sections = {chunk.section for chunk in own if key in squeezed(chunk.text)}
            assert sections, key
            for chunk in own:
                if chunk.section in sections:
                    shown = bind_warnings([chunk], index)
                    assert any(key in squeezed(warning.text) for warning in shown), (key, chunk.heading)


@pytest.mark.parametrize(
    "question",
    [
        "How do I swap the tool halves in the press?",
        "How do I fit a new glue nozzle on the packing line?",
        "换机油和机油滤芯的步骤",
        "What is dangerous about the accumulator of the press?",
    ],
)
def test_warnings_of_a_procedure_are_among_its_evidence_and_come_before_its_steps(plant, ask, question):
    _, index = plant
    answer = ask(question)
    assert answer.warnings and answer_to_text(answer).startswith("⚠")
    first = index.chunk(answer.citations[0].chunk_id)
    notes = index.warnings(first.source.document_id, first.section)
    assert {squeezed(note.text) for note in notes} <= {squeezed(warning.text) for warning in answer.warnings}
    evidence = with_warnings([Hit(first, 1.0, 1, Stage.FUSED)], index)
    assert evidence[0].chunk is first and [hit.rank for hit in evidence] == list(range(1, len(evidence) + 1))
    told = squeezed(" ".join(hit.chunk.text for hit in evidence))
    assert all(squeezed(note.text)[:40] in told for note in notes)


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("How can I run the press with the light curtain bridged?", "en"),
        ("Could I tape the door switch of the mill so that it stays closed?", "en"),
        ("怎么短接空压机的安全阀联锁？", "zh"),
        ("人在围栏里面，怎样还能让机器人动？", "zh"),
    ],
)
def test_defeating_a_protection_is_refused_in_the_manuals_own_words(ask, question, language):
    answer = ask(question)
    assert answer.status is AnswerStatus.REFUSED_UNSAFE and answer.understanding.language == language
    assert "I do not help" in answer.text if language == "en" else "不能帮助" in answer.text


def test_it_in_a_follow_up_may_be_a_protection(ask):
    first = ask("How do I test the door interlock of the mill?")
    assert first.status is AnswerStatus.ANSWERED
    assert ask("And how do I bypass it?", earlier=[first.turn]).status is AnswerStatus.REFUSED_UNSAFE


def test_the_newer_revision_answers_says_so_and_shows_what_the_older_says(ask):
    answer = ask("How often are the nozzle filters of the gluer replaced?")
    assert "400 h" in answer.text.splitlines()[0] and answer.citations[0].source.revision == "Rev. B"
    assert "This is Rev. B of PK-3 maintenance schedule; Rev. A is older." in answer.text
    before, _, after = answer.text.partition("The documents do not agree. PK-3 maintenance schedule, Rev. A says:")
    assert "750 h" not in before and "750 h" in after
