"""Answers made by hand for the tests of the page."""

from __future__ import annotations

from copilot.types import Answer, AnswerStatus, Citation, Question, Understanding, Warning
from finetune.types import AnswerForm, RetrievalPlan, RouteDecision
from indexer.types import Chunk, ChunkKind, CodeEntry, CodeMatch, DocumentKind, Hit, Source, Stage

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'


def source(name="HP-200/manual.pdf", title="Press", machine="HP-200"):
    return Source(name, title, DocumentKind.MANUAL, machine, "D")


def chunk(text, kind=ChunkKind.TEXT, heading=("8 Faults", "8.2 Alarm table"), chunk_id="c1", of=None):
    return Chunk(chunk_id, of or source(), (13, 13), heading, kind, text, 4)


def answer(
    text="Close V17. [1]",
    citations=None,
    warnings=(),
    status=AnswerStatus.ANSWERED,
    question="What now?",
    route="troubleshooting",
    machine=None,
    codes=(),
    suggestions=(),
    evidence=None,
    asked_machine=None,
):
    if citations is None:
        citations = (Citation(1, source(), (13, 13), "Close V17.", "c1"),)
    asked = Question(question, asked_machine)
    entries = tuple(
        CodeMatch(CodeEntry(code, (), "", "", "c1", "HP-200/manual.pdf", 13, "HP-200", True), code, 0, 1.0)
        for code in codes
    )
    understanding = Understanding(
        asked, question, "en", RouteDecision(route, 0.934, {}), RetrievalPlan(), AnswerForm.AUTO, True,
        codes=entries, suggestions=suggestions, machine=machine,
    )  # fmt: skip
    if evidence is None:
        evidence = (Hit(chunk("Close V17."), 1.0, 1, Stage.FUSED),)
    return Answer(
        "a1", asked, status, text, tuple(warnings), tuple(citations), tuple(evidence), understanding, "v", {}, "extractive",
        {"total": 120.0},
    )  # fmt: skip


def warning(text="DANGER: Crushing.", signal="DANGER"):
    return Warning(signal, text, source(), 10, 4)
