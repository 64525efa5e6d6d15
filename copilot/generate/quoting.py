"""Turning units of chunks into text with markers.

The one rule: a quote is a run of neighbouring units of one chunk, verbatim; it has one marker, and every sentence, row
or step taken from it carries that marker. The same quote again keeps its marker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from copilot.sentences import Unit, UnitKind, split
from copilot.types import Citation, Piece
from copilot.wording import say
from indexer.types import Chunk, ChunkKind

_BLOCK = frozenset({UnitKind.STEP, UnitKind.ITEM, UnitKind.ROW, UnitKind.FIELD})
_BRACKETED = re.compile(r"\[(\d{1,3})\]")


class Quoter:
    """Numbers the quotes of one answer, from 1, and lays their units out as pieces of text."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._citations: dict[tuple[str, str], Citation] = {}
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
            known = Citation(len(self._citations) + 1, chunk.source, chunk.pages, quote, chunk.id, chunk.ocr, start)
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
                text = f"{self._words(chunk, unit, everything)} [{citation.marker}]"
                alone = unit.kind in _BLOCK or (previous is not None and previous.kind in _BLOCK) or previous is None
                yield Piece(self._line(text) if alone else f" {text}", new)
                new, previous = (), unit

    def fields(self, chunk: Chunk, row: Unit) -> Iterator[Piece]:
        """A row of a table of several rows, one labelled cell a line."""
        citation = self.cite(chunk, row.start, row.end)
        new: tuple[Citation, ...] = (citation,)
        for cell in _labelled(chunk, row, self._language):
            yield Piece(self._line(f"{cell} [{citation.marker}]"), new)
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
        if unit.kind is UnitKind.ROW and any(other.kind is UnitKind.HEADER for other in everything):
            return say(self._language, "cell_end").join(_labelled(chunk, unit, self._language))
        return plain(unit.text)

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


def header_of(chunk: Chunk) -> list[str]:
    """The column names of a table chunk of several rows; empty for any other."""
    first, _, rest = chunk.text.partition("\n")
    return (
        [cell.strip() for cell in first.split(" | ")]
        if chunk.kind is ChunkKind.TABLE and " | " in first and rest
        else []
    )


def cells_of(row: str) -> list[str]:
    """The cells of a row line."""
    return [cell.strip() for cell in re.split(r" \|(?: |$)", row)]


def _labelled(chunk: Chunk, row: Unit, language: str) -> list[str]:
    header, cells = header_of(chunk), cells_of(row.text)
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
