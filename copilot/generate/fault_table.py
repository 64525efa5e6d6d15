"""Tables of failures (FMEA and the like) with a row for every cause: what the rows about the same failure say besides.

A failure with three causes has three rows, alike in part, failure mode and effect. The best one is quoted whole, of the others
what they add in the column that the question asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from copilot.generate.quoting import Quoter
from copilot.protocols import Knowledge
from copilot.sentences import Unit, split
from copilot.table_values import is_record
from copilot.types import Piece, Understanding
from copilot.wording import say
from finetune.types import AnswerForm
from indexer.analysis import fold
from indexer.chinese import both_scripts
from indexer.types import Chunk, ChunkKind

_RATING = re.compile(
    both_scripts(r"^(?:no\.?|nr\.?|#|item|id|row|line)$|severity|occurrence|detection|\brpn\b|rating|^序号$|严重度|频度|发生度|探测度|检测度|风险"),
    re.IGNORECASE,
)  # fmt: skip
_MOST = 7  # other rows
_MOST_ROWS = 2_000  # of a table that is looked through


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(both_scripts(text), re.IGNORECASE)


# (what a question says, what the column is called); the first that fits counts.
_COLUMNS = (
    (
        _pattern(r"\beffects?\b|\bconsequences?\b|\bwhat happens\b|\bnotice\b|\bresults? in\b|\blead to\b|后果|影响|会怎么?样|现象"),
        _pattern(r"\beffects?\b|\bconsequences?\b|\bsymptoms?\b|影响|后果|现象"),
    ),
    (
        _pattern(r"\bwhat (?:to do|should|can (?:i|we) do)\b|\bactions?\b|\bremed(?:y|ies)\b|\bprevent\b|\bfix\b|怎么办|措施|对策|处理|预防"),
        _pattern(r"\bactions?\b|\bremed(?:y|ies)\b|\bmeasures?\b|\bsolutions?\b|措施|对策|处理|建议"),
    ),
    (_pattern(r""), _pattern(r"\bcauses?\b|\breasons?\b|原因|起因")),
)  # fmt: skip


def also_listed(understanding: Understanding, row: Chunk, knowledge: Knowledge, quoter: Quoter) -> Iterator[Piece]:
    """What other rows about the same failure have in the column asked for; nothing for a row without such a column."""
    if understanding.form not in (AnswerForm.CAUSES, AnswerForm.AUTO) or row.kind is not ChunkKind.TABLE:
        return
    cells = split(row.text, row.kind)
    place = _column(understanding.text, cells)
    if place is None:
        return
    section = knowledge.section(row.source.document_id, row.section)
    if not 1 < len(section) <= _MOST_ROWS:
        return
    label, failure = _label(cells[place]), _failure(cells, place)
    if not failure:
        return
    said = {fold(_value(cells[place]))}
    others: list[tuple[Chunk, Unit]] = []
    for chunk in section:
        units = split(chunk.text, chunk.kind) if chunk.id != row.id else []
        cell = next((unit for unit in units if _label(unit) == label), None)
        if cell is None or _failure(units, units.index(cell)) != failure or fold(_value(cell)) in said:
            continue
        said.add(fold(_value(cell)))
        others.append((chunk, cell))
    if others:
        yield quoter.frame(say(understanding.language, "also_listed", column=label))
    for chunk, cell in others[:_MOST]:
        yield quoter.span(chunk, cell.start, cell.end, f"• {_value(cell)}")


def _column(question: str, cells: Sequence[Unit]) -> int | None:
    """The place of the cell that the question asks for; None where the row is none of a table of failures."""
    if not cells or not is_record(cells):
        return None
    for asked, named in _COLUMNS:
        if asked.search(question):
            found = [place for place, cell in enumerate(cells) if place and named.search(_label(cell))]
            if found:
                return found[0]
    return None


def _failure(cells: Sequence[Unit], place: int) -> tuple[str, ...]:
    """What a row is about: its cells before the one asked for, but for its number and its ratings."""
    return tuple(fold(cell.text) for cell in cells[:place] if not _RATING.search(_label(cell)))


def _label(cell: Unit) -> str:
    return cell.text.partition(": ")[0]


def _value(cell: Unit) -> str:
    return cell.text.partition(": ")[2]
