"""Where on a page the words of a quote stand: characters with boxes in, rectangles out. Pure functions.

A quote is verbatim up to blanks and line breaks, but tables are quoted cell by cell ("a | b", "Header: cell") while the
page has header and cells apart. So the quote is looked for whole first, then line by line, then cell by cell, then as
runs of words; what occurs in several places is taken nearest to what is certain. Only letters and digits are compared:
bullets, hyphens at line ends and full-width punctuation come out of PDFs in many forms.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

Box = tuple[float, float, float, float]
"""x0, top, x1, bottom in points from the page's top left corner."""

_LEAST = 3  # letters and digits of a run of words that are worth a mark of their own
_NEAR = 160.0  # points within which a loose run of words must stand to what is certain
_WORD = re.compile(r"[A-Za-z0-9]+|[^\W_]")


class Placed(Protocol):
    """A visible character, or a recognised word, with its box."""

    @property
    def text(self) -> str:
        """What it says."""

    @property
    def x0(self) -> float:
        """Left."""

    @property
    def top(self) -> float:
        """Top."""

    @property
    def x1(self) -> float:
        """Right."""

    @property
    def bottom(self) -> float:
        """Bottom."""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, end) of the page's reading order that the quote's words stand on."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Marks:
    """What was found of a quote on one page. `share` is the part of its letters and digits found, 0..1."""

    spans: tuple[Span, ...]
    boxes: tuple[Box, ...]
    share: float


class PageText:
    """The letters and digits of a page, each with its character's place in reading order."""

    def __init__(self, chars: Sequence[Placed]) -> None:
        self.chars = chars
        letters: list[str] = []
        self.at: list[int] = []
        for place, char in enumerate(chars):
            for letter in _letters(char.text):
                letters.append(letter)
                self.at.append(place)
        self.text = "".join(letters)

    def occurrences(self, wanted: str) -> list[Span]:
        """Every place where these letters and digits stand in a row, as spans of characters."""
        out = []
        found = self.text.find(wanted)
        while wanted and found >= 0:
            out.append(Span(self.at[found], self.at[found + len(wanted) - 1] + 1))
            found = self.text.find(wanted, found + 1)
        return out

    def middle(self, span: Span) -> tuple[float, float]:
        """The middle of a span's first character and its last: (x, y) in points."""
        first, last = self.chars[span.start], self.chars[span.end - 1]
        return (first.x0 + last.x1) / 2, (first.top + last.bottom) / 2


def find_marks(chars: Sequence[Placed], quote: str, before: str = "", after: str = "") -> Marks:
    """The places of a quote's words on a page.

    `before` and `after` are the text around the quote in its document; they settle which of several equal places is
    meant. Nothing found is no error: `boxes` is empty and `share` 0.
    """
    page = PageText(chars)
    wanted = _letters(quote)
    if not wanted or not page.text:
        return Marks((), (), 0.0)
    whole = page.occurrences(wanted)
    if whole:
        spans = [_best_placed(page, whole, _letters(before), _letters(after))]
        return Marks(tuple(spans), tuple(line_boxes(chars, spans)), 1.0)
    spans, found = _piecewise(page, quote)
    spans = _merged(spans)
    return Marks(tuple(spans), tuple(line_boxes(chars, spans)), min(1.0, found / len(wanted)))


def line_boxes(chars: Sequence[Placed], spans: Sequence[Span]) -> Iterator[Box]:
    """One rectangle for each stretch of a span on one line."""
    for span in spans:
        box: Box | None = None
        for char in chars[span.start : span.end]:
            new = (char.x0, char.top, char.x1, char.bottom)
            if box is not None and _one_line(box, new):
                box = (min(box[0], new[0]), min(box[1], new[1]), max(box[2], new[2]), max(box[3], new[3]))
                continue
            if box is not None:
                yield box
            box = new
        if box is not None:
            yield box


def _letters(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKC", text).casefold() if letter.isalnum())


def _one_line(box: Box, new: Box) -> bool:
    overlap = min(box[3], new[3]) - max(box[1], new[1])
    height = min(box[3] - box[1], new[3] - new[1])
    return overlap > 0.5 * height and -2 * height < new[0] - box[2] < 1.2 * max(height, 1)


def _best_placed(page: PageText, spans: Sequence[Span], before: str, after: str) -> Span:
    """The place whose surroundings are most like those of the quote in its document."""
    if len(spans) == 1:
        return spans[0]

    def likeness(span: Span) -> int:
        ahead = "".join(_letters(char.text) for char in page.chars[max(0, span.start - 80) : span.start])
        behind = "".join(_letters(char.text) for char in page.chars[span.end : span.end + 80])
        return _common(ahead[::-1], before[::-1]) + _common(behind, after)

    return max(spans, key=likeness)


def _common(one: str, other: str) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _piecewise(page: PageText, quote: str) -> tuple[list[Span], int]:
    """Spans for as many pieces of the quote as there are, and how many letters and digits they hold."""
    pieces = [piece for line in quote.splitlines() for piece in _pieces(page, line)]
    certain = sorted(
        (found for piece in pieces if (found := (piece, page.occurrences(_letters(piece))))[1]),
        key=lambda found: (len(found[1]), -len(found[0])),
    )
    anchors: list[Span] = []
    spans: list[Span] = []
    letters = 0
    for piece, places in certain:
        best = min(places, key=lambda span: (span in spans, _distance(page, span, anchors)))
        if len(_letters(piece)) < _LEAST and _distance(page, best, anchors) > _NEAR:
            continue
        anchors.append(best)
        spans.append(best)
        letters += len(_letters(piece))
    for piece in pieces:
        if not page.occurrences(_letters(piece)):
            for span, count in _runs(page, piece, anchors):
                spans.append(span)
                letters += count
    return spans, letters


def _pieces(page: PageText, line: str) -> Iterator[str]:
    """A line as the longest pieces that can stand together on a page: itself, its cells, or a cell without its header."""
    if page.occurrences(_letters(line)):
        yield line
        return
    cells = [cell for cell in line.split(" | ") if _letters(cell)]
    for cell in cells:
        header, colon, value = cell.partition(": ")
        apart = colon and not page.occurrences(_letters(cell)) and _letters(value)
        yield value if apart else cell
        del header


def _runs(page: PageText, piece: str, anchors: list[Span]) -> Iterator[tuple[Span, int]]:
    """The longest runs of a piece's words that stand on the page, near what is certain already."""
    words = [match[0] for match in _WORD.finditer(unicodedata.normalize("NFKC", piece).casefold())]
    start = 0
    while start < len(words):
        end, places = start, []
        for stop in range(start + 1, len(words) + 1):
            found = page.occurrences("".join(words[start:stop]))
            if not found:
                break
            end, places = stop, found
        if end == start:
            start += 1
            continue
        run = "".join(words[start:end])
        best = min(places, key=lambda span: _distance(page, span, anchors))
        near = not anchors or _distance(page, best, anchors) <= _NEAR
        if near and (len(run) >= _LEAST or anchors):
            anchors.append(best)
            yield best, len(run)
        start = end


def _distance(page: PageText, span: Span, anchors: Sequence[Span]) -> float:
    """How far a span is from the nearest anchor, in points; lines apart count more than columns apart."""
    if not anchors:
        return 0.0
    x, y = page.middle(span)
    places = (page.middle(anchor) for anchor in anchors)
    return min(3 * abs(y - other_y) + 0.25 * abs(x - other_x) for other_x, other_y in places)


def _merged(spans: Sequence[Span]) -> list[Span]:
    out: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, one.end)):
        if out and span.start <= out[-1].end:
            out[-1] = Span(out[-1].start, max(out[-1].end, span.end))
        else:
            out.append(span)
    return out
