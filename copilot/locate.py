"""Where a quote stands in the text of a page, by position, so that a viewer can mark it.

A quote is verbatim in its chunk; the page's own text breaks lines elsewhere, hyphenates, uses ligatures, and sets the
cells of a table apart. So letters are compared without blanks and hyphens; what is not found whole is looked for line by
line, then cell by cell, each as near as possible behind the one before.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

_LEAST = 0.6
"""Share of a quote's letters that must be found for it to count as found."""
_DROPPED = re.compile(r"[\s\u00ad\u200b-\u200d\ufeff‐‑–—-]")
_BULLETS = re.compile(r"^\s*[•●○◦▪■□·➢➤►▶√✓*]\s*")


def locate(quote: str, page: str) -> list[tuple[int, int]]:
    """The spans [start, end) of a page's text that hold a quote, in order; empty when it is not there.

    >>> locate("the blue valve", "Open the blue\\nvalve now.")
    [(5, 19)]
    """
    squeezed = _Squeezed(page)
    found, letters = _spans(quote, squeezed)
    total = len(_squeeze(quote))
    return _merged(found, page) if total and letters >= _LEAST * total else []


def locate_in(quote: str, pages: Mapping[int, str]) -> dict[int, list[tuple[int, int]]]:
    """The spans of a quote on each page that holds some of it, by page number; whole on one page where it can be.

    `pages` maps the numbers of the pages a citation names to their text.
    """
    for number, text in pages.items():
        if (spans := locate(quote, text)) and _covered(quote, text, spans):
            return {number: spans}
    out: dict[int, list[tuple[int, int]]] = {}
    letters = 0
    for number, text in pages.items():
        spans, some = _spans(quote, _Squeezed(text))
        if spans:
            out[number] = _merged(spans, text)
            letters += some
    return out if letters >= _LEAST * len(_squeeze(quote)) else {}


def _covered(quote: str, text: str, spans: list[tuple[int, int]]) -> bool:
    return len(_squeeze("".join(text[a:b] for a, b in spans))) >= 0.95 * len(_squeeze(quote))


class _Squeezed:
    """A text's letters, folded, without blanks and hyphens, each with the place it came from."""

    def __init__(self, text: str) -> None:
        letters: list[str] = []
        self.places: list[int] = []
        for place, character in enumerate(text):
            if _DROPPED.match(character):
                continue
            for letter in unicodedata.normalize("NFKC", character).casefold():
                if not _DROPPED.match(letter):
                    letters.append(letter)
                    self.places.append(place)
        self.letters = "".join(letters)

    def find(self, wanted: str, after: int) -> int:
        """The first place of some letters behind `after`, else the first at all, else -1."""
        behind = self.letters.find(wanted, after)
        return behind if behind >= 0 else self.letters.find(wanted)


def _squeeze(text: str) -> str:
    return _Squeezed(text).letters


def _spans(quote: str, page: _Squeezed) -> tuple[list[tuple[int, int]], int]:
    """The spans of a quote's parts, and how many of its letters they hold."""
    out: list[tuple[int, int]] = []
    letters = after = 0
    for part in _parts(quote, page):
        wanted = _squeeze(part)
        place = page.find(wanted, after)
        if place >= 0:
            after = place + len(wanted)
            letters += len(wanted)
            out.append((page.places[place], page.places[after - 1] + 1))
    return out, letters


def _parts(quote: str, page: _Squeezed) -> Iterator[str]:
    """The quote whole, or the largest parts of it that may stand on the page: lines, cells, labels and values."""
    if _squeeze(quote) and _squeeze(quote) in page.letters:
        yield quote
        return
    for line in quote.splitlines():
        bare = _BULLETS.sub("", line)
        wanted = _squeeze(bare)
        if not wanted:
            continue
        if wanted in page.letters:
            yield bare
            continue
        for cell in re.split(r"\s\|\s?|\|\s", bare):
            if _squeeze(cell) and _squeeze(cell) in page.letters:
                yield cell
            elif ":" in cell or "：" in cell:  # "Torque (Nm): 85": the column's name stands elsewhere
                yield from (part for part in re.split(r"[:：]\s*", cell, maxsplit=1) if _squeeze(part))


def _merged(spans: list[tuple[int, int]], page: str) -> list[tuple[int, int]]:
    """Spans in order; those with nothing but blanks between them are one."""
    out: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if out and not page[out[-1][1] : start].strip():
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out
