"""Answers to questions that name a code: the row or section that defines it, never that of another code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from copilot.generate.quoting import Quoter
from copilot.protocols import Knowledge
from copilot.sentences import Unit, UnitKind, split
from copilot.table_values import cells_of
from copilot.types import Piece, Understanding
from copilot.wording import say
from indexer.analysis import tokens
from indexer.codes import fold_code, line_definition, normal_forms
from indexer.types import Chunk, ChunkKind, CodeEntry, CodeMatch

MAX_FAMILIES = 3
_SECTION_CHARACTERS = 1_500
_LINES_AFTER = 6


def definitions(understanding: Understanding) -> list[list[CodeMatch]]:
    """For each code the question writes, the definitions that fit it equally well, at most three of them."""
    groups: dict[str, list[CodeMatch]] = {}
    for match in understanding.codes:
        if match.entry.definition:
            groups.setdefault(fold_code(match.written), []).append(match)
    return [_equals(group) for group in groups.values()]


def _equals(group: Sequence[CodeMatch]) -> list[CodeMatch]:
    best = max(match.score for match in group)
    fitting = [match for match in group if match.score >= best - 1e-9]
    meanings = {_meaning(match.entry) for match in fitting if match.entry.title}
    fitting += [match for match in group if match not in fitting and _meaning(match.entry) in meanings]
    level = min(match.level for match in fitting)
    kept: list[CodeMatch] = []
    for match in fitting:
        same_place = any(
            match.entry.chunk_id == other.entry.chunk_id and match.entry.code == other.entry.code for other in kept
        )
        if match.level == level and not same_place:
            kept.append(match)
    return kept[:MAX_FAMILIES]


def _meaning(entry: CodeEntry) -> tuple[str, str]:
    """The machine and the short meaning: one fault that two documents list has both in common."""
    return entry.machine or "", " ".join(tokens(entry.title))


def answer_codes(understanding: Understanding, knowledge: Knowledge, quoter: Quoter) -> Iterator[Piece]:
    """The definition of each code asked for; several equal ones each under a line that tells them apart."""
    for group in definitions(understanding):
        found = [(match, chunk, text) for match in group if (chunk := knowledge.chunk(match.entry.chunk_id)) is not None
                 for text in [list(_definition(match.entry, chunk, knowledge))] if text]  # fmt: skip
        found = _distinct(found)
        if not found:
            continue
        first = found[0][0]
        if first.level == 4 and not first.written.strip().isdigit():
            yield quoter.frame(say(understanding.language, "same_number", written=first.written, code=first.entry.code))
        if len(found) > 1:
            yield quoter.frame(say(understanding.language, "several_codes", code=first.written))
        for match, chunk, text in found:
            if len(found) > 1:
                yield quoter.frame(f"— {_context(match.entry, chunk)}")
            for place, unit in text:
                if unit.kind is UnitKind.ROW:
                    yield from quoter.fields(place, unit)
            for place in dict.fromkeys(place for place, _ in text):
                yield from quoter.units(
                    place, [unit for where, unit in text if where == place and unit.kind is not UnitKind.ROW]
                )


_Text = list[tuple[Chunk, Unit]]


def _distinct(found: Sequence[tuple[CodeMatch, Chunk, _Text]]) -> list[tuple[CodeMatch, Chunk, _Text]]:
    """One of each: the same words printed twice are one meaning; of one meaning the row that holds all words of another says more."""
    out: dict[str, tuple[CodeMatch, Chunk, _Text]] = {}
    for match, chunk, text in found:
        out.setdefault("".join("".join(unit.text.split()) for _, unit in text), (match, chunk, text))
    once = list(out.values())
    words = [frozenset(tokens(" ".join(unit.text for _, unit in text))) for _, _, text in once]
    return [
        one
        for place, one in enumerate(once)
        if not any(
            words[place] < words[other] and _meaning(one[0].entry) == _meaning(once[other][0].entry)
            for other in range(len(once))
        )
    ]


def _context(entry: CodeEntry, chunk: Chunk) -> str:
    """What tells one family from another: the machine, the document, the innermost headings."""
    parts = [entry.machine or "", chunk.source.title, *chunk.heading[-2:]]
    return " > ".join(dict.fromkeys(part for part in parts if part))


def _definition(entry: CodeEntry, chunk: Chunk, knowledge: Knowledge) -> Iterator[tuple[Chunk, Unit]]:
    units = split(chunk.text, chunk.kind)
    if chunk.kind is ChunkKind.TABLE:
        rows = [unit for unit in units if unit.kind is UnitKind.ROW]
        if not rows:
            yield from ((chunk, unit) for unit in units)
            return
        exact = [row for row in rows if _is_row_of(entry, row.text)]
        yield from ((chunk, row) for row in exact[:1])
        return
    if chunk.kind is ChunkKind.FAULT_REPORT:
        yield from ((chunk, unit) for unit in units)
        return
    if any(_names(entry, heading) for heading in chunk.heading[-1:]):
        yield from _section(chunk, knowledge)
        return
    yield from ((chunk, unit) for unit in _lines_of(entry, chunk, units))


def _is_row_of(entry: CodeEntry, row: str) -> bool:
    """Whether a row's first cells hold the code: on its own, or as one of a few in a cell."""
    wanted = {normal_forms(form).keys[1][0] for form in (entry.code, *entry.forms)}
    for cell in cells_of(row):
        if normal_forms(cell).keys[1][0] in wanted:
            return True
        if any(normal_forms(part).keys[1][0] in wanted for part in re.split(r"[,;/、，；\s()（）]+", cell)[:6] if part):
            return True
    return False


def _names(entry: CodeEntry, text: str) -> bool:
    """Whether a text holds the code as a word of its own."""
    for form in (entry.code, *entry.forms):
        parts = re.findall(r"[^\W\d_]+|\d+", fold_code(form))
        body = r"[\s\-_.:/#]*".join(re.escape(part) for part in parts)
        if parts and re.search(rf"(?<![a-z0-9]){body}(?![a-z0-9])(?![-.]\d)", fold_code(text)):
            return True
    return False


def _section(chunk: Chunk, knowledge: Knowledge) -> Iterator[tuple[Chunk, Unit]]:
    """The section a code heads, in order, as far as an answer can hold it."""
    length = 0
    for part in knowledge.section(chunk.source.document_id, chunk.section) or [chunk]:
        for unit in split(part.text, part.kind):
            length += len(unit.text)
            if length > _SECTION_CHARACTERS and unit.kind is not UnitKind.STEP:
                return
            if unit.kind is not UnitKind.HEADER:
                yield part, unit


def _lines_of(entry: CodeEntry, chunk: Chunk, units: Sequence[Unit]) -> list[Unit]:
    """The line or sentence that defines a code, and what follows it up to the next code's."""
    context = " ".join(chunk.heading)
    starts = [place for place, unit in enumerate(units) if _names(entry, unit.text)]
    if not starts:
        return []
    defining = [place for place in starts if _defined(units[place].text, context)]
    start = (defining or starts)[0]
    out = [units[start]]
    for unit in units[start + 1 : start + 1 + _LINES_AFTER]:
        if not defining and unit.line != units[start].line:
            break
        if _defined(unit.text, context):
            break
        out.append(unit)
    return out


def _defined(line: str, context: str) -> bool:
    return line_definition(line, context) is not None
