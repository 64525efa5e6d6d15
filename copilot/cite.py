"""Checking an answer's citations, and writing it out as JSON or text. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from copilot.errors import CitationError
from copilot.types import Answer, Citation, Warning
from copilot.wording import say
from indexer.types import Chunk

_MARKER = re.compile(r"\[(\d{1,3})\]")


def markers(text: str) -> list[int]:
    """The markers of a text in order, each once.

    >>> markers("Wait 5 min. [1] Open the valve. [2] [1]")
    [1, 2]
    """
    return list(dict.fromkeys(int(found) for found in _MARKER.findall(text)))


def is_verbatim(quote: str, text: str) -> bool:
    """Whether a quote stands in a text word for word; blanks and line breaks do not matter, an empty quote does."""
    wanted = "".join(quote.split())
    return bool(wanted) and wanted in "".join(text.split())


def problems(text: str, citations: Iterable[Citation], chunks: Mapping[str, Chunk]) -> list[str]:
    """What is wrong with a text's citations, one line each; empty when every marker and quote holds.

    `chunks` maps chunk ids to the chunks cited.
    """
    known = list(citations)
    by_marker = {citation.marker: citation for citation in known}
    out = [f"marker [{marker}] has no citation" for marker in markers(text) if marker not in by_marker]
    if len(by_marker) != len(known):
        out.append("two citations share a marker")
    used = set(markers(text))
    for citation in known:
        chunk = chunks.get(citation.chunk_id)
        if citation.marker not in used:
            out.append(f"citation [{citation.marker}] has no marker in the text")
        if chunk is None:
            out.append(f"citation [{citation.marker}] names the unknown chunk {citation.chunk_id}")
        elif not is_verbatim(citation.quote, chunk.text):
            out.append(f"the quote of [{citation.marker}] is not in chunk {citation.chunk_id}: {citation.quote[:60]!r}")
        elif citation.pages != chunk.pages or citation.source != chunk.source:
            out.append(f"citation [{citation.marker}] gives another place than its chunk {citation.chunk_id}")
    return out


def check(text: str, citations: Iterable[Citation], chunks: Mapping[str, Chunk]) -> None:
    """Raise CitationError, naming the first problem, when a marker or a quote does not hold."""
    if found := problems(text, citations, chunks):
        raise CitationError(f"{found[0]}; the answer is withheld, report the question to the copilot's maintainers")


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """An answer as the plain values of the command line's contract (`copilot ask --json`)."""
    understanding = answer.understanding
    return {
        "id": answer.question.id or answer.id,
        "question": answer.question.text,
        "status": answer.status.value,
        "text": answer.text,
        "route": understanding.route.route,
        "confidence": round(understanding.route.confidence, 4),
        "machine": understanding.machine,
        "codes": list(dict.fromkeys(match.entry.code for match in understanding.codes)),
        "warnings": [
            {
                "signal": warning.signal,
                "text": warning.text,
                "document": warning.source.document_id,
                "page": warning.page,
            }
            for warning in answer.warnings
        ],
        "citations": [cited_to_json(citation) for citation in answer.citations],
        "index_version": answer.index_version,
        "model_versions": dict(answer.model_versions),
        "generator": answer.generator,
        "timings_ms": {stage: round(spent, 2) for stage, spent in answer.timings_ms.items()},
        "short": answer.short,
        "conversions": [{"value": one.value, "others": list(one.others)} for one in answer.conversions],
    }


def cited_to_json(citation: Citation) -> dict[str, Any]:
    """A citation; `quote` is as printed, and where we write that otherwise (rows of tables), `passage` is how."""
    shown = {
        "marker": citation.marker,
        "document": citation.source.document_id,
        "title": citation.source.title,
        "pages": list(citation.pages),
        "quote": citation.printed or citation.quote,
    }
    return {**shown, "passage": citation.quote} if citation.printed else shown


def answer_to_text(answer: Answer) -> str:
    """An answer for a terminal: warnings, the few words that answer, the text, then what each marker stands for."""
    language = answer.understanding.language
    blocks = []
    if answer.warnings:
        blocks.append("\n".join(_warning_line(warning, language) for warning in answer.warnings))
    if answer.short:
        blocks.append(say(language, "short", words=answer.short))
    blocks.append(answer.text)
    if answer.citations:
        blocks.append("\n".join(citation_line(citation, language) for citation in answer.citations))
    return "\n\n".join(blocks)


def citation_line(citation: Citation, language: str = "en") -> str:
    """'[1] title, document p. 12: “quote”'."""
    quote = re.sub(r"\s*\n\s*", " / ", (citation.printed or citation.quote).strip())
    source = citation.source
    return f"[{citation.marker}] {_place(source.title, source.document_id, citation.pages, language)}: “{quote}”"


def _warning_line(warning: Warning, language: str) -> str:
    text = re.sub(r"\s*\n\s*", " ", warning.text.strip())
    place = _place("", warning.source.document_id, (warning.page, warning.page), language)
    return f"⚠ {text} ({place})"


def _place(title: str, document: str, pages: tuple[int, int], language: str) -> str:
    first, last = pages
    page = str(first) if first == last else f"{first}–{last}"
    numbered = f"第 {page} 页" if language == "zh" else f"{say(language, 'page')} {page}"
    return f"{title}, {document} {numbered}" if title and title != document else f"{document} {numbered}"
