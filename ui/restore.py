"""Answers as the history keeps them (JSON) -> Answer, so that an earlier conversation is shown like a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from copilot.types import Answer, AnswerStatus, Citation, Conversion, Question, Understanding, Warning
from finetune.types import AnswerForm, RetrievalPlan, RouteDecision
from indexer.types import DocumentKind, Source


def restored(answer_id: str, kept: Mapping[str, Any], chunk_ids: Sequence[str], language: str = "en") -> Answer:
    """The answer that `answer_to_json` wrote. What it leaves out (hits, sections, plans) is empty.

    `chunk_ids` are those of its citations, in their order.
    """
    question = Question(str(kept["question"]), kept.get("machine"))
    route = RouteDecision(str(kept["route"]), float(kept["confidence"]), {})
    citations = tuple(
        Citation(
            int(cited["marker"]),
            _source(cited["document"], cited.get("title", "")),
            (int(cited["pages"][0]), int(cited["pages"][1])),
            str(cited.get("passage", cited["quote"])),
            chunk_id,
            printed=str(cited["quote"]) if "passage" in cited else "",
        )
        for cited, chunk_id in zip(kept["citations"], chunk_ids, strict=False)
    )
    warnings = tuple(
        Warning(str(told["signal"]), str(told["text"]), _source(told["document"], ""), int(told["page"]))
        for told in kept["warnings"]
    )
    return Answer(
        id=answer_id,
        question=question,
        status=AnswerStatus(kept["status"]),
        text=str(kept["text"]),
        warnings=warnings,
        citations=citations,
        evidence=(),
        understanding=Understanding(
            question,
            question.text,
            language,
            route,
            RetrievalPlan(),
            AnswerForm.AUTO,
            True,
            machine=kept.get("machine"),
        ),
        index_version=str(kept.get("index_version", "")),
        model_versions=dict(kept.get("model_versions", {})),
        generator=str(kept.get("generator", "")),
        timings_ms=dict(kept.get("timings_ms", {})),
        short=str(kept.get("short", "")),
        conversions=tuple(
            Conversion(str(one["value"]), tuple(map(str, one["others"]))) for one in kept.get("conversions", ())
        ),
    )


def _source(document_id: str, title: str) -> Source:
    return Source(document_id, title or document_id, DocumentKind.MANUAL)
