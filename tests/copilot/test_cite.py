from __future__ import annotations

import json
from dataclasses import replace

import pytest
from fakes_knowledge import CHUNKS, FakeKnowledge, WordRetriever

from copilot.cite import answer_to_json, answer_to_text, check, is_verbatim, markers, problems
from copilot.engine import Copilot
from copilot.errors import CitationError
from copilot.evidence import EvidenceJudge
from copilot.generate.extractive import ExtractiveGenerator
from copilot.types import Citation, Question
from copilot.understand import Understander
from finetune.router import SeedRouter, load_routes

BOLTS = next(found for found in CHUNKS if found.id == "bolts")
QUOTE = "They are tightened crosswise."
GOOD = Citation(1, BOLTS.source, BOLTS.pages, QUOTE, BOLTS.id)
ALL = {found.id: found for found in CHUNKS}


def answer(text, machine=None):
    knowledge, routes = FakeKnowledge(), load_routes()
    return Copilot(
        knowledge=knowledge,
        understander=Understander(knowledge, SeedRouter(routes), routes),
        retriever=WordRetriever(knowledge),
        judge=EvidenceJudge(),
        generator=ExtractiveGenerator(knowledge),
        model_versions={"router": "seeds/1"},
    ).ask(Question(text, machine, id="q1"))


def test_markers_in_order_each_once():
    assert markers("a [2] b [1] c [2] d [x] [1234]") == [2, 1]


def test_verbatim_tolerates_blanks_only():
    assert is_verbatim("a b\nc", "x a  b c y")
    assert is_verbatim("关闭 电源", "请关闭电源。")
    assert not is_verbatim("a c", "a b c")
    assert not is_verbatim("  ", "a")


def test_a_sound_text_has_no_problems():
    assert problems("Crosswise. [1]", [GOOD], ALL) == []
    check("Crosswise. [1]", [GOOD], ALL)


@pytest.mark.parametrize(
    ("text", "citations", "said"),
    [
        ("a [1] b [2]", [GOOD], r"marker \[2\] has no citation"),
        ("a", [GOOD], "has no marker"),
        ("a [1]", [replace(GOOD, quote="They are tightened in a row.")], "not in chunk bolts"),
        ("a [1]", [replace(GOOD, chunk_id="gone")], "unknown chunk gone"),
        ("a [1]", [replace(GOOD, pages=(3, 3))], "another place"),
        ("a [1]", [GOOD, GOOD], "share a marker"),
    ],
)
def test_faults_are_found_and_withheld(text, citations, said):
    with pytest.raises(CitationError, match=said):
        check(text, citations, ALL)


def test_json_follows_the_contract():
    found = answer_to_json(answer("How do I replace the drive belt of the HP 200?"))
    assert list(found) == [
        "id", "question", "status", "text", "route", "confidence", "machine", "codes", "warnings", "citations",
        "index_version", "model_versions", "generator", "timings_ms", "short", "conversions",
    ]  # fmt: skip
    assert found["id"] == "q1" and found["status"] == "answered" and found["machine"] == "HP-200"
    assert found["warnings"][0] == {
        "signal": "DANGER",
        "text": "DANGER! Moving parts. Lock out the main switch before you remove the guard.",
        "document": "press_manual.pdf",
        "page": 21,
    }
    assert [set(citation) for citation in found["citations"]] == [{"marker", "document", "title", "pages", "quote"}] * 2
    assert found["citations"][1]["pages"] == [22, 22]
    assert found["index_version"] == "v7" and found["generator"] == "extractive"
    assert found["model_versions"] == {"router": "seeds/1"}
    assert {"understand", "retrieve", "generate", "cite", "total"} <= set(found["timings_ms"])
    assert json.loads(json.dumps(found, ensure_ascii=False)) == found


def test_text_puts_warnings_first_and_sources_last():
    text = answer_to_text(answer("How do I replace the drive belt?"))
    assert text.startswith("⚠ DANGER!")
    assert (
        text.index("CAUTION: Sharp")
        < text.index("1. Switch")
        < text.index("[2] Press Manual, press_manual.pdf p. 22: “4.")
    )
    chinese = answer_to_text(answer("液压油容量是多少？"))
    assert "注塑机手册.pdf 第 6 页: “液压油的容量是180升。”" in chinese
