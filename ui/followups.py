"""Questions that suggest themselves after an answer. Pure."""

from __future__ import annotations

import re

from copilot.types import Answer, AnswerStatus
from ui.words import Words

MOST = 3
_NUMBERING = re.compile(r"^\s*(?:\d+(?:\.\d+)*\.?|[A-Z]\.|第[一二三四五六七八九十\d]+[章节])\s+")
_CAPTION = re.compile(r"^\s*(?:table|figure|fig\.?|表|图)\s*\d", re.IGNORECASE)
_LONGEST_HEADING = 60


def follow_ups(answer: Answer, words: Words) -> list[str]:
    """At most three questions in the interface's language, the likeliest first; none of them the one just asked."""
    asked = answer.question.text.strip().casefold()
    wanted = _after_no(answer, words) if answer.status is AnswerStatus.NO_EVIDENCE else _after_yes(answer, words)
    fresh = [text for text in dict.fromkeys(wanted) if text.casefold() != asked]
    return fresh[:MOST]


def _after_no(answer: Answer, words: Words) -> list[str]:
    return [words("follow.mean", code=code) for _, code in answer.understanding.suggestions]


def _after_yes(answer: Answer, words: Words) -> list[str]:
    if answer.status is not AnswerStatus.ANSWERED:
        return []
    understanding = answer.understanding
    route = understanding.route.route
    codes = list(dict.fromkeys(match.entry.code for match in understanding.codes))
    machine = understanding.machine or _machine_of(answer)
    heading = _heading_of(answer)
    out: list[str] = []
    for code in codes[:1]:
        if route == "history":
            out.append(words("follow.mean", code=code))
        else:
            out.append(words("follow.last_time", code=code))
        often = "follow.how_often_machine" if machine else "follow.how_often"
        out.append(words(often, code=code, machine=machine))
    if heading and route == "procedure" and not answer.warnings:
        out.append(words("follow.safety", heading=heading))
    if heading and route in ("maintenance", "specification", "safety"):
        out.append(words("follow.how", heading=heading))
    if machine and route != "history":
        out.append(words("follow.past", machine=machine))
    if machine and route != "maintenance":
        out.append(words("follow.due", machine=machine))
    return out


def _machine_of(answer: Answer) -> str | None:
    """The machine of everything cited, when it is one."""
    machines = {citation.source.machine for citation in answer.citations if citation.source.machine}
    return machines.pop() if len(machines) == 1 else None


def _heading_of(answer: Answer) -> str:
    """The heading of the first place cited, its number left out; "" when there is none or it is a whole sentence.

    Captions of tables and figures are no headings: nothing is asked about them.
    """
    chunks = {hit.chunk.id: hit.chunk for hit in answer.evidence}
    for citation in answer.citations:
        chunk = chunks.get(citation.chunk_id)
        if chunk is not None and chunk.heading:
            sections = [heading for heading in chunk.heading if not _CAPTION.match(heading)]
            heading = _NUMBERING.sub("", sections[-1]) if sections else ""
            return heading if len(heading) <= _LONGEST_HEADING else ""
    return ""
