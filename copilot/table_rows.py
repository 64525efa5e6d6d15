"""Which rows of a table answer a question: those that meet all of its conditions, and no other beside them.

Neighbouring rows differ in one word ("front", "rear") or one range, and share all others with the question, so a
score over all words may well prefer the wrong one. Rows are therefore compared with the other rows of their table by
what tells them apart. Pure functions, but for the sections they are given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from copilot.conditions import Conditions
from copilot.parameters import title_at
from copilot.scoring import GENERIC
from copilot.sentences import Unit, UnitKind, split
from copilot.synonyms import actions_in
from copilot.table_values import Cell, cells_of, is_record, record_cells, row_cells
from copilot.units import has_number
from indexer.analysis import fold, stem, tokens
from indexer.chinese import both_scripts
from indexer.types import Chunk, ChunkKind

MAX_ROWS = 6
_CLEARLY = 1.2
"""How many times another row's weight the met conditions of the right one must have."""


_SETTING_CODE = re.compile(
    both_scripts(r"功能码|参数|代码|编号|\b(?:code|parameter|param|par|setting|no|number)\b"), re.IGNORECASE
)
_OF_FAULTS = re.compile(
    both_scripts(r"故障|报警|原因|对策|处理|解决|\b(?:alarm|fault|error|cause|remedy|solution|action)s?\b"),
    re.IGNORECASE,
)


_LONE_LETTER = re.compile(r"(?<![\w.'’-])[A-Z](?![\w'’-])")
_THREAD = re.compile(r"(?<![A-Za-z0-9])M\d{1,3}(?![A-Za-z0-9])", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"(?<![\d.,])\d{4,6}(?![\d.,])")
_PAIR = re.compile(r"(?=\b([a-z]{4,})[ -]([a-z]{4,})\b)")


@dataclass(frozen=True, slots=True)
class Row:
    """A row: `units` are one line of a table of several rows, or the "Label: cell" lines of a row that is a chunk.

    `inherited` is what its empty leading cells take over from the rows above (merged cells), and `start`
    is where the topmost of those begins, or the row itself, in the chunk's text.
    """

    chunk: Chunk
    units: tuple[Unit, ...]
    cells: tuple[Cell, ...]
    inherited: tuple[Cell, ...] = ()
    start: int = 0

    @property
    def end(self) -> int:
        return self.units[-1].end


def rows_of(chunk: Chunk) -> list[Row]:
    """The rows of a chunk's tables, in order: of a table that is the chunk, and of small ones among its text."""
    units = split(chunk.text, chunk.kind)
    if chunk.kind is ChunkKind.TABLE and units and is_record(units):
        return [Row(chunk, tuple(units), tuple(record_cells(units)), start=units[0].start)]
    out: list[Row] = []
    width = 0
    above: list[tuple[str, int]] = []  # text and place of the last filled cell of each column
    for unit in units:
        if unit.kind is UnitKind.HEADER:
            width, above = len(cells_of(unit.text)), []
        if unit.kind is not UnitKind.ROW:
            continue
        cells = row_cells(chunk, unit)
        if len(cells) != width:
            above = []
            continue
        empty = next((place for place, cell in enumerate(cells) if cell.text), 0)
        taken = above[:empty] if len(above) == width else []
        start = min((place for text, place in taken if text), default=unit.start)
        inherited = tuple(Cell(cell.label, text) for cell, (text, _) in zip(cells, taken, strict=False) if text)
        out.append(Row(chunk, (unit,), tuple(cells), inherited, start))
        above = [
            above[place] if place < empty and len(above) == width else (cell.text, unit.start)
            for place, cell in enumerate(cells)
        ]
    return out


def fitting(question: Conditions, chosen: Row, section: Sequence[Chunk]) -> list[Row]:
    """The rows of the chosen row's table that meet most of the question's conditions, in reading order.

    `section` holds the chunks of the table's section. One row where one is clearly best; several where they meet the
    same conditions, so that the question does not tell which is meant; just the chosen one where that would be more
    than a reader wants, or nothing tells the rows apart.
    """
    rows = _table(chosen, section)
    own = next((place for place, row in enumerate(rows) if _same(row, chosen)), None)
    if own is None or len(rows) < 2:
        return [chosen]
    met = [_met(question, row) for row in rows]
    shared = frozenset.intersection(*met)
    met = [those - shared for those in met]  # what every row has tells none apart
    totals = [sum(map(_weight, those)) for those in met]
    if shared and not any(totals):  # the table is about what is asked, and the question leaves the rest open
        return rows if len(rows) <= MAX_ROWS and all(map(_has_number, rows)) else [chosen]
    if not shared and not any(totals):  # asked in other words or another language: its twins may as well be meant
        twins = [row for row in rows if _same(row, chosen) or _like_named(row, chosen)]
        return twins if len(twins) <= MAX_ROWS and all(map(_has_number, twins)) else [chosen]
    best = max(range(len(rows)), key=lambda place: (totals[place], place == own))
    kept = {
        place
        for place in range(len(rows))
        if totals[best] and totals[place] * _CLEARLY > totals[best] and not any(met[place] < those for those in met)
    }
    if own in kept or not kept:
        kept = {place for place in kept | {own} if _alike(met[place], met[own])}
    elif not met[own] < met[best]:
        kept.add(own)  # it has something of the question that the other lacks: the reader decides
    if len(kept) > MAX_ROWS:
        kept = {own}
    return [rows[place] for place in sorted(kept)]


def meets_only_the_work(question: Conditions, row: Row) -> bool:
    """Whether a row shares nothing with the question but what is to be done: that something is replaced, and not what."""
    met = _met(question, row)
    return bool(met) and all(actions_in(condition) for condition in met)


def are_of_others(question: Conditions, text: str, rows: Sequence[Row]) -> bool:
    """Whether rows list what the question asks about for other variants only: format F where A to E are listed, M64 where M20
    and M30 are, the pilot filter where the return filter and the circulation filter are.

    `text` is the question. The thing asked about is not in the table then, and its neighbours' values would be wrong ones.
    """
    told = [" ; ".join((*(cell.text for cell in row.inherited), *(cell.value for cell in row.cells))) for row in rows]
    if not told:
        return False
    met = frozenset().union(*(_met(question, row) for row in rows))
    if question.letters and not any(f"letter {letter}" in met for letter in question.letters):
        return all(_LONE_LETTER.search(one) for one in told)
    sizes = {size.upper() for size in _THREAD.findall(text)}
    if sizes and all(map(_THREAD.search, told)):
        return not any(sizes & {size.upper() for size in _THREAD.findall(one)} for one in told)
    numbers = {number for number in _LONG_NUMBER.findall(text) if not re.fullmatch(r"(?:19|20)\d\d", number)}
    if numbers and all(map(_LONG_NUMBER.search, told)):  # register 40008, where 40005 and 40020 are listed
        return not any(numbers & set(_LONG_NUMBER.findall(one)) for one in told)
    return _another_modifier(question, text, [cell.text for row in rows for cell in row.cells], len(rows), met)


def _another_modifier(question: Conditions, text: str, cells: Sequence[str], rows: int, met: frozenset[str]) -> bool:
    """Whether the word before a thing ("pilot filter") is in no row, while the rows have several others before the same thing."""
    for before, thing in _PAIR.findall(fold(text)):
        noun, modifier = stem(thing), stem(before)
        if (
            noun not in met
            or noun in GENERIC
            or modifier in met
            or modifier not in question.words
            or modifier in GENERIC
        ):
            continue
        others = {stem(found[0]) for cell in cells for found in _PAIR.findall(fold(cell)) if stem(found[1]) == noun}
        if len(others) > 1 and modifier not in others and len([c for c in cells if noun in tokens(c)]) >= rows:
            return True
    return False


def same_table(one: Row, other: Row) -> bool:
    """Whether two rows belong to one table: the same section and columns."""
    first, second = {cell.label for cell in one.cells}, {cell.label for cell in other.cells}
    return (
        one.chunk.source.document_id == other.chunk.source.document_id
        and one.chunk.section == other.chunk.section
        and one.chunk.heading == other.chunk.heading
        and 2 * len(first & second) > min(len(first), len(second))
    )


def row_at(chunk: Chunk, start: int) -> Row | None:
    """The row of a chunk that a place in its text belongs to, or None."""
    return next((row for row in rows_of(chunk) if row.units[0].start <= start < row.end), None)


def is_setting(chunk: Chunk, start: int) -> bool:
    """Whether a parameter is told of at this place: in a row with a code to set and neither cause nor remedy, or in prose."""
    if title_at(chunk.text, start) is not None:
        return True
    row = row_at(chunk, start)
    if row is None or any(_OF_FAULTS.search(cell.label) for cell in row.cells):
        return False
    return any(_SETTING_CODE.search(cell.label) and re.search(r"[A-Za-z$].*\d", cell.text) for cell in row.cells)


def value_cell(row: Row, question: Conditions, wanted: Callable[[Cell], float]) -> Cell | None:
    """The cell of a row that answers, or None where more than one may.

    Of the cells that `wanted` gives more than 0, the one whose column the question names best, then the one it gives most.
    """
    scored = [(cell, wanted(cell)) for cell in row.cells if cell.text]
    ranked = sorted(
        (
            (len(question.met_by([cell.label], work=False)), score, place)
            for place, (cell, score) in enumerate(scored)
            if score > 0
        ),
        reverse=True,
    )
    blank = [cell.label for cell, _ in scored if not any(map(str.isalnum, cell.text))]  # "*", "-"
    named = max((len(question.met_by([label], work=False)) for label in blank), default=0)
    if not ranked or named > ranked[0][0] or (len(ranked) > 1 and ranked[0][:2] == ranked[1][:2]):
        return None  # the column that is asked for has no value here: another's is none
    return scored[ranked[0][2]][0]


def _table(chosen: Row, section: Sequence[Chunk]) -> list[Row]:
    chunks = list(dict.fromkeys(section))
    if chosen.chunk not in chunks:
        chunks.append(chosen.chunk)
    rows = [row for chunk in chunks for row in rows_of(chunk) if same_table(row, chosen)]
    alike: dict[tuple[Cell, ...], Row] = {}  # what is printed twice is one row
    for row in rows:
        alike.setdefault((*row.inherited, *row.cells), row)
    kept = {id(row) for row in alike.values() if row.cells != chosen.cells}
    return [row for row in rows if id(row) in kept or _same(row, chosen)]


def _has_number(row: Row) -> bool:
    return any(has_number(cell.text) for cell in row.cells)


def _met(question: Conditions, row: Row) -> frozenset[str]:
    return question.met_by([*(cell.text for cell in row.inherited), *(cell.value for cell in row.cells if cell.text)])


def _weight(condition: str) -> float:
    """A range or a letter counts more than a word, a word more than a single character or a word that names no topic."""
    if condition.startswith(("stretch ", "letter ")):
        return 1.5
    return 0.5 if len(condition) == 1 or condition in GENERIC else 1.0


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two rows meet the same conditions, or nearly: pairs of Chinese characters match by chance."""
    return 5 * len(one & other) >= 3 * len(one | other)


def _like_named(one: Row, other: Row) -> bool:
    """Whether the names of two rows, their first cells, differ in a word or two only: "upper half" and "lower half"."""
    first, second = (set(tokens(row.cells[0].value)) if row.cells else set() for row in (one, other))
    return bool(first and second) and 5 * len(first & second) >= 3 * len(first | second)


def _same(one: Row, other: Row) -> bool:
    return one.chunk.id == other.chunk.id and one.units[0].start == other.units[0].start
