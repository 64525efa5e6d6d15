"""Turning units of chunks into text with markers.

The one rule: a quote is a run of neighbouring units of one chunk, verbatim; it has one marker, and every sentence, row
or step taken from it carries that marker. The same quote again keeps its marker.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from copilot.measures import conversions, converted, measure
from copilot.sentences import Unit, UnitKind, split
from copilot.table_rows import Row
from copilot.table_values import as_printed, cells_of, header_of, record_cells, row_cells
from copilot.types import Citation, Conversion, Piece
from copilot.units import quantities
from copilot.wording import say
from indexer.chinese import both_scripts
from indexer.types import Chunk

_BLOCK = frozenset({UnitKind.STEP, UnitKind.ITEM, UnitKind.ROW, UnitKind.FIELD})
MAX_CONVERTED = 3
_GOES_ON = frozenset("/·⋅*²³^")
_DIFFERENCE = re.compile(
    both_scripts(
        r"\b(?:difference|higher|lower|hotter|colder|rise|rises|drop|drops|deviation|tolerance|by more than|per (?:hour|minute))\b|"
        r"±|温差|温升|[升高低]出|比.{0,12}[高低]|偏差|误差"
    ),
    re.IGNORECASE,
)
"""Where a temperature is a difference, 8 °C is not 46 °F."""
_BRACKETED = re.compile(r"\[(\d{1,3})\]")


class Quoter:
    """Numbers the quotes of one answer, from 1, and lays their units out as pieces of text.

    Numbering goes on behind the citations `known` already. With `convert`, values are also given in the units used beside theirs: those of these dimensions, all when empty.
    """

    def __init__(
        self, language: str, *, convert: Collection[str] | None = None, known: Sequence[Citation] = ()
    ) -> None:
        self._language = language
        self._known = len(known)
        self._convert = convert
        self._citations: dict[tuple[str, str], Citation] = {}
        self._told: set[Citation] = set()
        self._made: list[Conversion] = []  # since the last piece
        self._started = False

    @property
    def citations(self) -> tuple[Citation, ...]:
        """All citations so far, by marker."""
        return tuple(self._citations.values())

    def cite(self, chunk: Chunk, start: int, end: int) -> Citation:
        """The citation of a span of a chunk's text."""
        quote = chunk.text[start:end]
        known = self._citations.get((chunk.id, quote))
        if known is None:
            known = Citation(
                self._known + len(self._citations) + 1,
                chunk.source,
                chunk.pages,
                quote,
                chunk.id,
                chunk.ocr,
                start,
                as_printed(chunk, start, end),
            )
            self._citations[(chunk.id, quote)] = known
        return known

    def frame(self, text: str) -> Piece:
        """A line of our own words, which no marker backs."""
        return Piece(self._line(text), ours=True)

    def units(self, chunk: Chunk, units: Sequence[Unit]) -> Iterator[Piece]:
        """The units, in order, run by run. Sentences share a line; steps, items and rows have their own."""
        everything = split(chunk.text, chunk.kind)
        order = {(unit.start, unit.end): place for place, unit in enumerate(everything)}
        ordered = sorted(units, key=lambda unit: unit.start)
        for run in _runs(ordered, order):
            citation = self.cite(chunk, run[0].start, run[-1].end)
            new: tuple[Citation, ...] = (citation,)
            previous: Unit | None = None
            for unit in run:
                head = self._head_cited(chunk, unit, everything)
                new += tuple(one for one in head if one.marker > citation.marker and one not in self._told)
                self._told.update(head)
                text = " ".join(
                    [self._words(chunk, unit, everything), *(f"[{one.marker}]" for one in (citation, *head))]
                )
                alone = unit.kind in _BLOCK or (previous is not None and previous.kind in _BLOCK) or previous is None
                yield Piece(self._line(text) if alone else f" {text}", new, conversions=self._taken())
                new, previous = (), unit

    def row(self, row: Row) -> Iterator[Piece]:
        """A row of a table; where cells are merged, with what it takes over from the rows above, which are quoted too."""
        if not row.inherited:
            yield from self.units(row.chunk, row.units)
            return
        citation = self.cite(row.chunk, row.start, row.end)
        cells = [f"{cell.label}{say(self._language, 'colon')}{cell.text}" for cell in row.inherited]
        text = plain(
            say(self._language, "cell_end").join([*cells, *_labelled(row.chunk, row.units[0], self._language)])
        )
        text += self._converted(_values(row.chunk, row.units[0]), text)
        yield Piece(self._line(f"{text} [{citation.marker}]"), (citation,), conversions=self._taken())

    def _head_cited(self, chunk: Chunk, unit: Unit, everything: Sequence[Unit]) -> tuple[Citation, ...]:
        """The citation of the line of column names, for a row whose columns are told apart by numbers ("WR-35")."""
        heads = [other for other in everything if other.kind is UnitKind.HEADER and other.start < unit.start]
        if not heads or unit.kind is not UnitKind.ROW or not any(map(str.isdigit, heads[-1].text)):
            return ()
        head = heads[-1]
        return (self.cite(chunk, head.start, head.end),)

    def fields(self, chunk: Chunk, row: Unit) -> Iterator[Piece]:
        """A row of a table of several rows, one labelled cell a line."""
        citation = self.cite(chunk, row.start, row.end)
        new: tuple[Citation, ...] = (citation,)
        for cell, value in zip(_labelled(chunk, row, self._language), _values(chunk, row), strict=True):
            text = f"{cell}{self._converted([value], cell)} [{citation.marker}]"
            yield Piece(self._line(text), new, conversions=self._taken())
            new = ()

    def span(self, chunk: Chunk, start: int, end: int, text: str) -> Piece:
        """A span of a chunk written out as `text` on a line of its own."""
        citation = self.cite(chunk, start, end)
        return Piece(self._line(f"{plain(text)} [{citation.marker}]"), (citation,))

    def written(self, text: str, spans: Sequence[tuple[Chunk, int, int]], *, alone: bool) -> Piece:
        """A sentence that is no quotation, backed by one quote for each span; `alone` puts it on a line of its own."""
        cited = tuple(self.cite(*span) for span in spans)
        marked = " ".join([plain(text), *dict.fromkeys(f"[{citation.marker}]" for citation in cited)])
        return Piece(self._line(marked) if alone or not self._started else f" {marked}", cited)

    def notes(self) -> Iterator[Piece]:
        """What the reader must know about the quotes: which of them were read by OCR."""
        read = [f"[{citation.marker}]" for citation in self.citations if citation.ocr]
        if read:
            yield self.frame(say(self._language, "ocr", markers=" ".join(read)))

    def _words(self, chunk: Chunk, unit: Unit, everything: Sequence[Unit]) -> str:
        if unit.kind is UnitKind.ROW:
            text = say(self._language, "cell_end").join(_labelled(chunk, unit, self._language))
            return text + self._converted(_values(chunk, unit), text)
        if unit.kind is UnitKind.FIELD and self._convert is not None:
            cells = dict(zip([one.text for one in everything], record_cells(everything), strict=True))
            return plain(unit.text) + self._converted([cells[unit.text].value], unit.text)
        return plain(unit.text) + self._converted([unit.text], unit.text)

    def _converted(self, values: Sequence[str], said: str) -> str:
        """ " (converted: 6 bar ≈ 87 psi)" for the values of a unit that are wanted in other units as well, or ""."""
        if self._convert is None or _DIFFERENCE.search(said):
            return ""
        found = [
            quantity
            for value in values
            for quantity in quantities(value)
            if value[quantity.end : quantity.end + 1] not in _GOES_ON  # 5 mm/step is no length
        ]
        wanted = [q for q in found if not self._convert or q.dimension in self._convert]
        pairs = dict.fromkeys(pair for q in wanted if (pair := converted(q.number, q.unit, self._language)))
        given = {known.symbol for q in found if (known := measure(q.unit))}
        pairs = {pair: None for pair in pairs if not any(f" {unit}" in pair.partition("≈")[2] for unit in given)}
        if not pairs:
            return ""
        shown = "; ".join(list(pairs)[:MAX_CONVERTED])
        self._made.extend(Conversion(value, tuple(others)) for value, others in conversions(shown))
        return say(self._language, "converted", pairs=shown)

    def _taken(self) -> tuple[Conversion, ...]:
        made, self._made = tuple(self._made), []
        return made

    def _line(self, text: str) -> str:
        text, self._started = (f"\n{text}" if self._started else text), True
        return text


def report_piece(chunk: Chunk, quoter: Quoter) -> Piece:
    """A fault report on one line: what and where first, then what was wrong and what fixed it."""
    head, *rest = [line.strip() for line in chunk.text.strip().splitlines() if line.strip()]
    start = len(chunk.text) - len(chunk.text.lstrip())
    return quoter.span(
        chunk, start, len(chunk.text.rstrip()), "• " + head.replace(" | ", ", ") + " — " + " ".join(map(_closed, rest))
    )


def _closed(line: str) -> str:
    return (
        line
        if line.endswith((".", "。", "!", "?", ";", "；", "！", "？"))
        else line + ("。" if re.search(r"[\u3400-\u9fff]$", line) else ".")
    )


def plain(text: str) -> str:
    """Text of a document with nothing in it that could be taken for a marker of ours: "[3]" becomes "(3)"."""
    return _BRACKETED.sub(r"(\1)", text)


def _values(chunk: Chunk, row: Unit) -> list[str]:
    """The cells of a row as `_labelled` lays them out, each with its unit."""
    cells = row_cells(chunk, row)
    return [cell.value for cell in cells if cell.text] if len(header_of(chunk, row)) == len(cells) else [row.text]


def _labelled(chunk: Chunk, row: Unit, language: str) -> list[str]:
    header, cells = header_of(chunk, row), cells_of(row.text)
    if len(header) != len(cells):
        return [plain(row.text)]
    colon = say(language, "colon")
    return [plain(f"{name}{colon}{cell}" if name else cell) for name, cell in zip(header, cells, strict=True) if cell]


def _runs(units: Sequence[Unit], order: dict[tuple[int, int], int]) -> Iterator[list[Unit]]:
    run: list[Unit] = []
    for unit in units:
        if run and order.get((unit.start, unit.end), -1) != order.get((run[-1].start, run[-1].end), -3) + 1:
            yield run
            run = []
        run.append(unit)
    if run:
        yield run
