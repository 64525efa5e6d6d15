"""A chunk's text -> units: the sentences, list items, table rows and table fields an answer can be made of.

Units are spans of the text, so whatever is quoted is verbatim. A line of a list or table is one unit; prose is split at
sentence ends (English and Chinese), not at the full stops of numbers, abbreviations and figure references.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from indexer.chinese import both_scripts
from indexer.types import ChunkKind


class UnitKind(StrEnum):
    """What a unit is."""

    SENTENCE = "sentence"
    STEP = "step"  # a list item with a number or letter
    ITEM = "item"  # a list item with a bullet
    HEADER = "header"  # the header line of a table of several rows, alone in its chunk or among text
    ROW = "row"  # one of its rows
    FIELD = "field"  # "Header: cell" of a table chunk of one row


@dataclass(frozen=True, slots=True)
class Unit:
    """A span [start, end) of a chunk's text; `line` counts the lines of the chunk from 0."""

    start: int
    end: int
    kind: UnitKind
    line: int
    text: str


_STEP = re.compile(
    both_scripts(
        r"\s*(?:[(（\[]?(?P<number>\d{1,3})(?:[.)）\]、:：]|(?=\s{2,}))(?!\d)|(?P<letter>[a-zA-Z])[.)）]\s|"
        r"第(?P<ordinal>[一二三四五六七八九十\d]{1,3})步|(?:step|步骤)\s*(?P<word>\d{1,3}|[一二三四五六七八九十]{1,3})(?![\d.]\d)|"
        r"(?P<circled>[①-⑳]))\s*"
    ),
    re.IGNORECASE,
)
_BULLET = re.compile(r"\s*[•●○◦▪■□–—*·➢➤►▶√✓-]\s+\S|\s*[•●▪■➢➤►▶·]\S")
_HAN_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")}
_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？；]+[”’」』）)]*|;(?=\s*[\u3400-\u9fff])")
_CELL_ENDS = re.compile(r"(?:^| )\|(?= |$)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[（])(?:no|nos|nr|fig|figs|figure|eq|sec|sect|ch|chap|p|pp|art|vol|ref|tab|approx|ca|max|min|dia|temp|"
    r"e\.g|i\.e|etc|cf|vs|incl|excl|resp|viz|al|dr|mr|mrs|ms|st|inc|ltd|co|corp|dept|est|ext|tel|rev|ver|pos|qty|pt)\.$",
    re.IGNORECASE,
)


def step_number(line: str) -> int | None:
    """The number a list line is marked with ("3." is 3, "b)" is 2, "第三步" is 3, "④" is 4), or None."""
    match = _STEP.match(line)
    if match is None or not line[match.end() :].strip():
        return None
    if match["letter"]:
        return ord(match["letter"].lower()) - ord("a") + 1
    if match["circled"]:
        return ord(match["circled"]) - ord("①") + 1
    written = match["number"] or match["ordinal"] or match["word"]
    return int(written) if written.isdigit() else _han_number(written)


def _han_number(written: str) -> int:
    tens, mark, ones = written.rpartition("十")
    if not mark:
        return _HAN_DIGITS.get(written[-1], 1)
    return 10 * (_HAN_DIGITS.get(tens, 1) if tens else 1) + (_HAN_DIGITS.get(ones, 0) if ones else 0)


def is_bullet(line: str) -> bool:
    """Whether a line is marked with a bullet."""
    return bool(_BULLET.match(line))


def split(text: str, kind: ChunkKind = ChunkKind.TEXT) -> list[Unit]:
    """The units of a chunk's text, in order; together they hold every visible character of it.

    >>> [unit.text for unit in split("See No. 3. Turn it by 3.5 Nm. 关闭电源。等待。")]
    ['See No. 3.', 'Turn it by 3.5 Nm.', '关闭电源。', '等待。']
    """
    return list(_split(text, kind))


@lru_cache(maxsize=512)  # one answer comes to the same few chunks a dozen times
def _split(text: str, kind: ChunkKind) -> tuple[Unit, ...]:
    lines = list(_lines(text))
    in_table = _tables([text[a:b] for a, b in lines]) if kind is not ChunkKind.FAULT_REPORT else {}
    units: list[Unit] = []
    number = 0
    while number < len(lines):
        start, end = lines[number]
        line = text[start:end]
        first = number
        if number in in_table:
            units.append(_unit(text, start, end, in_table[number], first))
        elif (kind is ChunkKind.TABLE and not in_table) or kind is ChunkKind.FAULT_REPORT:
            units.append(_unit(text, start, end, UnitKind.FIELD, first))
        elif step_number(line) is not None:
            number, end = _join(text, lines, number)
            units.append(_unit(text, start, end, UnitKind.STEP, first))
        elif is_bullet(line):
            number, end = _join(text, lines, number)
            units.append(_unit(text, start, end, UnitKind.ITEM, first))
        else:
            number, end = _join(text, lines, number)
            units.extend(_unit(text, a, b, UnitKind.SENTENCE, first) for a, b in _sentences(text, start, end))
        number += 1
    return tuple(units)


def _tables(lines: Sequence[str]) -> dict[int, UnitKind]:
    """The numbers of the lines that are header or row of a table: neighbours with as many cells, small tables in text too."""
    out: dict[int, UnitKind] = {}
    widths = [len(_CELL_ENDS.findall(line)) for line in lines]
    number = 0
    while number < len(lines):
        last = number
        while widths[number] and last + 1 < len(lines) and widths[last + 1] == widths[number]:
            last += 1
        if last > number:
            out |= {number: UnitKind.HEADER} | dict.fromkeys(range(number + 1, last + 1), UnitKind.ROW)
        number = last + 1
    return out


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of one line of prose."""
    return list(_sentences(text, 0, len(text)))


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the non-blank lines, without the blanks around them."""
    for match in re.finditer(r"[^\n]+", text):
        line = match[0].rstrip()
        if stripped := line.lstrip():
            yield match.start() + len(line) - len(stripped), match.start() + len(line)


def _join(text: str, lines: Sequence[tuple[int, int]], number: int) -> tuple[int, int]:
    """(last line, end) of the unit that starts on a line: a line that goes on in lower case is a wrapped one."""
    end = lines[number][1]
    while number + 1 < len(lines):
        start, stop = lines[number + 1]
        following = text[start:stop]
        if not (following[0].islower() and text[end - 1] not in ".!?:;。！？：；" and step_number(following) is None):
            break
        number, end = number + 1, stop
    return number, end


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    begin = start
    for match in _END.finditer(text, start, end):
        if match[0].startswith(".") and len(match[0]) == 1 and match.end() < end:
            after = text[match.end() : end].lstrip()[:1]
            if _ABBREVIATION.search(text[begin : match.end()]) and not _closes(text[begin : match.end()], after):
                continue
            if after.islower():
                continue
        if text[begin : match.end()].strip():
            yield begin, match.end()
        begin = match.end()
        while begin < end and text[begin].isspace():
            begin += 1
    if text[begin:end].strip():
        yield begin, end


def _closes(sentence: str, after: str) -> bool:
    """Whether an abbreviation ends its sentence all the same: "etc." or "min." before a capital letter."""
    return bool(re.search(r"\b(?:etc|min|max|approx|co|inc|ltd|temp)\.$", sentence, re.IGNORECASE)) and after.isupper()


def _unit(text: str, start: int, end: int, kind: UnitKind, line: int) -> Unit:
    return Unit(start, end, kind, line, re.sub(r"\s*\n\s*", " ", text[start:end]))
