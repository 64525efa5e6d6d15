"""Characters of a page to lines in reading order: columns found, borderless tables told from running text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from indexer.readers.pdf_tables import RuledTable
from indexer.readers.pdf_text import Box, Char
from indexer.readers.text_tools import LIST_MARKER, clean_text, is_cjk

FontOf = Callable[[int], tuple[float, bool, float]]
_REPEATED = 80
_LEADER = re.compile(r"(?:\s*[.．…·_]){5,}\s*")


@dataclass(slots=True)
class Piece:
    """Characters of one line without a wide gap between them."""

    text: str
    x0: float
    top: float
    x1: float
    bottom: float
    size: float
    bold: bool
    chars: list[Char] = field(default_factory=list)

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


@dataclass(slots=True)
class Line:
    """One line of one column; `left` and `right` are the column's edges."""

    text: str
    x0: float
    top: float
    x1: float
    bottom: float
    size: float
    bold: bool
    left: float
    right: float


@dataclass(slots=True)
class PdfTable:
    """A table at its place; `box` on the page, `ruled` when lines were drawn around its cells."""

    rows: list[list[str]]
    box: Box
    header_rows: int
    ruled: bool


Item = Line | PdfTable


def lay_out(chars: Sequence[Char], tables: Sequence[RuledTable], font_of: FontOf) -> list[Item]:
    """Lines and tables of a page in reading order. Slanted or upright text (stamps, spine titles) is put last."""
    pieces, rotated = make_pieces(chars, font_of)
    placed: list[PdfTable] = []
    for table in tables:
        rows, header_rows = _cells(table, font_of)
        placed.append(PdfTable(rows, table.box, header_rows, True))
    out = arrange(pieces, placed)
    for piece in rotated:
        out.append(Line(piece.text, piece.x0, piece.top, piece.x1, piece.bottom, piece.size, False, piece.x0, piece.x1))
    return out


def arrange(pieces: Sequence[Piece], tables: Sequence[PdfTable]) -> list[Item]:
    """Put pieces and tables in reading order, column after column, and join the pieces of each line."""
    out: list[Item] = []
    for group in _groups(pieces, tables):
        out.extend(_finish_group(group))
    return out


def make_pieces(chars: Sequence[Char], font_of: FontOf) -> tuple[list[Piece], list[Piece]]:
    """Chain characters in the file's order while they continue one line, then mend lines the file had torn apart."""
    chains: list[list[Char]] = []
    for char in chars:
        if chains:
            last = chains[-1][-1]
            height = max(last.bottom - last.top, char.bottom - char.top, 1.0)
            overlap = min(last.bottom, char.bottom) - max(last.top, char.top)
            gap = 0.0 if char.x0 == last.x0 and char.x1 == last.x1 else char.x0 - last.x1
            small = min(last.bottom - last.top, char.bottom - char.top)
            if overlap > 0.5 * small and -0.5 * height < gap < 1.25 * height:
                chains[-1].append(char)
                continue
        chains.append([char])
    straight: list[Piece] = []
    rotated: list[Piece] = []
    current: list[Char] | None = None
    for chain in chains:
        size, bold, angle = font_of(chain[len(chain) // 2].index)
        if min(angle, 360 - angle) > 4:
            if current is not None and chain[0].index - current[-1].index <= 3:
                current.extend(chain)
                rotated[-1] = _piece(current, size, bold)
            else:
                current = list(chain)
                rotated.append(_piece(current, size, bold))
            continue
        current = None
        straight.append(_piece(chain, size, bold))
    return _mend(straight), [p for p in rotated if len(p.text) > 3]


def _piece(chars: list[Char], size: float, bold: bool) -> Piece:
    return Piece(
        chars_text(chars), min(c.x0 for c in chars), min(c.top for c in chars), max(c.x1 for c in chars),
        max(c.bottom for c in chars), size, bold, chars,
    )  # fmt: skip


def chars_text(chars: Sequence[Char]) -> str:
    """The text of characters on one line: spaces where the file has them or where a gap shows one."""
    out: list[str] = []
    previous: Char | None = None
    for char in chars:
        if previous is not None:
            height = max(char.bottom - char.top, 1.0)
            gap = char.x0 - previous.x1
            both = is_cjk(previous.text) and is_cjk(char.text)
            if char.x0 <= previous.x0 and char.x1 <= previous.x1:
                gap = 0.0  # both letters of a ligature have one box
            if (char.spaced and not (both and gap < 0.45 * height)) or gap > (0.5 if both else 0.22) * height:
                out.append(" ")
        out.append(char.text)
        previous = char
    return clean_text("".join(out)).strip()


def _mend(pieces: list[Piece]) -> list[Piece]:
    """Join pieces that touch on one line although the file draws them apart or out of order."""
    pieces = [p for p in pieces if p.text]
    pieces.sort(key=lambda p: p.middle)
    out: list[Piece] = []
    i = 0
    while i < len(pieces):
        row = [pieces[i]]
        i += 1
        while i < len(pieces) and pieces[i].middle - row[-1].middle < 0.3 * min(
            pieces[i].bottom - pieces[i].top, row[-1].bottom - row[-1].top
        ):
            row.append(pieces[i])
            i += 1
        row.sort(key=lambda p: p.x0)
        merged = [row[0]]
        for piece in row[1:]:
            last = merged[-1]
            height = max(last.bottom - last.top, piece.bottom - piece.top)
            if -0.4 * height < piece.x0 - last.x1 < 0.85 * height:
                size = last.size if len(last.text) >= len(piece.text) else piece.size
                merged[-1] = _piece(last.chars + piece.chars, size, last.bold and piece.bold)
            else:
                merged.append(piece)
        out.extend(merged)
    return out


def _cells(table: RuledTable, font_of: FontOf) -> tuple[list[list[str]], int]:
    """Cell texts of a ruled table, a cell over several rows repeated in each; and the number of header rows."""
    rows, columns = len(table.ys) - 1, len(table.xs) - 1
    texts: dict[tuple[int, int], str] = {}
    bold: dict[tuple[int, int], bool] = {}
    for cell, chars in table.chars.items():
        lines = _cell_lines(chars)
        texts[cell] = "\n".join(lines)
        bold[cell] = font_of(chars[0].index)[1]
    out: list[list[str]] = []
    for r in range(rows):
        row = []
        for c in range(columns):
            owner = table.owner[r, c]
            text = texts.get(owner, "") if owner[1] == c else ""
            # Long texts over several rows are layout, not a value that holds for each row.
            row.append(text if owner[0] == r or len(text) <= _REPEATED else "")
        out.append(row)
    first = [table.owner[0, c] for c in range(columns)]
    depth = 0
    if columns > 1 and len(set(first)) > 1:
        starts = [bold.get(cell, False) for cell in set(first) if texts.get(cell)]
        second = [bold.get(table.owner[1, c], False) for c in range(columns) if texts.get(table.owner[1, c])]
        if starts and all(starts) and second and not all(second):
            depth = 1
    for c in range(columns):  # a title over several columns is repeated for each of them, in the first row only
        owner = table.owner[0, c]
        if owner[1] != c and len(set(first)) > 1:
            out[0][c] = texts.get(owner, "")
    return out, depth


def _cell_lines(chars: Sequence[Char]) -> list[str]:
    ordered = sorted(chars, key=lambda c: (c.top + c.bottom) / 2)
    rows: list[list[Char]] = []
    for char in ordered:
        if rows:
            last = rows[-1][-1]
            if (char.top + char.bottom) / 2 - (last.top + last.bottom) / 2 < 0.35 * (char.bottom - char.top):
                rows[-1].append(char)
                continue
        rows.append([char])
    if len(rows) >= 4 and sum(len(row) == 1 for row in rows) > 0.7 * len(rows) and not is_cjk(ordered[0].text):
        # Upright lettering: letters stand above each other, the file's own order spells the words.
        return [clean_text("".join((" " if c.spaced and n else "") + c.text for n, c in enumerate(chars)))]
    return [text for text in (chars_text(sorted(row, key=lambda c: c.x0)) for row in rows) if text]


# -- columns ---------------------------------------------------------------------------------------------------------

_Box = Piece | PdfTable


def _edges(item: _Box) -> Box:
    return item.box if isinstance(item, PdfTable) else (item.x0, item.top, item.x1, item.bottom)


def _groups(pieces: Sequence[Piece], tables: Sequence[PdfTable]) -> list[list[_Box]]:
    items: list[_Box] = [*pieces, *tables]
    groups: list[list[_Box]] = []
    single = False
    for group, in_column in _split(items, 0):
        if groups and single and not in_column:
            groups[-1].extend(group)
        else:
            groups.append(list(group))
        single = not in_column
    return groups


def _split(items: list[_Box], depth: int) -> list[tuple[list[_Box], bool]]:
    """Groups in reading order, each with whether it is one of several columns."""
    if len(items) < 6 or depth > 6:
        return [(items, False)] if items else []
    gutter = _gutter(items)
    if gutter is None:
        return _split_at_gap(items, depth)
    left = [i for i in items if _edges(i)[2] <= gutter + 2]
    right = [i for i in items if _edges(i)[0] >= gutter - 2]
    chosen = {id(i) for i in left} | {id(i) for i in right}
    spanning = sorted((i for i in items if id(i) not in chosen), key=lambda i: _edges(i)[1])
    if not _are_columns(left, right):
        return [(items, False)]
    out: list[tuple[list[_Box], bool]] = []
    tops = [_edges(s)[1] for s in spanning]
    for n in range(len(spanning) + 1):
        low = tops[n - 1] if n else float("-inf")
        high = tops[n] if n < len(tops) else float("inf")
        band_left = [i for i in left if low <= _middle(i) < high]
        band_right = [i for i in right if low <= _middle(i) < high]
        for side in (band_left, band_right):
            if side:
                parts = _split(side, depth + 3)
                out.extend((group, True) for group, _ in parts)
        if n < len(spanning):
            out.append(([spanning[n]], False))
    return out


def _middle(item: _Box) -> float:
    box = _edges(item)
    return (box[1] + box[3]) / 2


def _split_at_gap(items: list[_Box], depth: int) -> list[tuple[list[_Box], bool]]:
    """Cut at the widest blank strip, since columns may fill only part of a page."""
    ordered = sorted(items, key=lambda i: _edges(i)[1])
    best, where, bottom = 0.0, 0, _edges(ordered[0])[3]
    for n in range(1, len(ordered)):
        gap = _edges(ordered[n])[1] - bottom
        if gap > best:
            best, where = gap, n
        bottom = max(bottom, _edges(ordered[n])[3])
    if best < 4 or depth > 5:
        return [(items, False)]
    return _split(ordered[:where], depth + 1) + _split(ordered[where:], depth + 1)


def _gutter(items: list[_Box]) -> float | None:
    """The x of a strip that at most a fifth of the items cross and that has text on both sides, or None."""
    x_low, x_high = min(_edges(i)[0] for i in items), max(_edges(i)[2] for i in items)
    width = x_high - x_low
    if width < 200:
        return None
    step = 3.0
    size = int(width / step) + 1
    delta = [0] * (size + 2)
    for item in items:
        x0, _, x1, _ = _edges(item)
        delta[int((x0 - x_low) / step)] += 1
        delta[min(size, int((x1 - x_low) / step)) + 1] -= 1
    crossings, total = [], 0
    for value in delta[:size]:
        total += value
        crossings.append(total)
    start, stop = int(size * 0.2), int(size * 0.8)
    limit = 0.2 * len(items)
    best: tuple[float, float] | None = None
    n = start
    while n < stop:
        if crossings[n] > limit:
            n += 1
            continue
        m = n
        while m < stop and crossings[m] == crossings[n]:
            m += 1
        if (m - n) * step >= 9:
            score = crossings[n] - 0.02 * (m - n) * step
            if best is None or score < best[0]:
                best = (score, x_low + (n + m) / 2 * step)
        n = m
    return best[1] if best else None


def _are_columns(left: list[_Box], right: list[_Box]) -> bool:
    """Whether two sides are columns of running text rather than the cells of one table or labels with values."""
    a = [i for i in left if isinstance(i, Piece)]
    b = [i for i in right if isinstance(i, Piece)]
    if len(a) < 3 or len(b) < 3:
        return False
    spans = [max(p.x1 for p in side) - min(p.x0 for p in side) for side in (a, b)]
    fills = [median(p.x1 - p.x0 for p in side) / span for side, span in zip((a, b), spans, strict=True)]
    lengths = [median(sum(2 if is_cjk(c) else 1 for c in p.text) for p in side) for side in (a, b)]
    if min(spans) < 85 or min(lengths) < 12:
        return False
    if min(fills) > 0.7:
        return True
    small, large = sorted((a, b), key=len)
    middles = sorted(p.middle for p in large)
    aligned = sum(any(abs(m - p.middle) < 0.25 * (p.bottom - p.top) for m in middles) for p in small) / len(small)
    return aligned < 0.7 and len(small) >= 4


# -- rows, borderless tables -----------------------------------------------------------------------------------------


def _finish_group(group: list[_Box]) -> list[Item]:
    """Rows of one column as lines; runs of rows whose pieces stand under each other as tables."""
    left, right = min(_edges(i)[0] for i in group), max(_edges(i)[2] for i in group)
    rows: list[list[Piece] | PdfTable] = []
    for item in sorted(group, key=_middle):
        if isinstance(item, PdfTable):
            rows.append(item)
            continue
        last = rows[-1] if rows else None
        if isinstance(last, list) and item.middle - last[-1].middle < 0.35 * min(
            item.bottom - item.top, last[-1].bottom - last[-1].top
        ):
            last.append(item)
        else:
            rows.append([item])
    # A table's middle says little about where a tall table begins: order by the top edge.
    rows.sort(key=lambda r: r.box[1] + 1 if isinstance(r, PdfTable) else min(p.top for p in r))
    out: list[Item] = []
    n = 0
    while n < len(rows):
        row = rows[n]
        if isinstance(row, PdfTable):
            out.append(row)
            n += 1
            continue
        row.sort(key=lambda p: p.x0)
        end, table = _aligned_table(rows, n)
        if table is not None:
            out.append(table)
            n = end
            continue
        line = _line(row, left, right)
        if line.text:
            out.append(line)
        n += 1
    return out


def _line(row: list[Piece], left: float, right: float) -> Line:
    text = _LEADER.sub(" ", " ".join(p.text for p in row)).strip()
    longest = max(row, key=lambda p: len(p.text))
    return Line(
        text, row[0].x0, min(p.top for p in row), row[-1].x1, max(p.bottom for p in row), longest.size,
        all(p.bold for p in row), left, right,
    )  # fmt: skip


def _aligned_table(rows: Sequence[list[Piece] | PdfTable], start: int) -> tuple[int, PdfTable | None]:
    """A table without rules that begins at row `start`: at least three rows whose pieces form the same columns."""
    first = rows[start]
    if isinstance(first, PdfTable) or len(first) < 2:
        return start, None
    run: list[list[Piece]] = []
    columns: list[tuple[float, float]] = []
    n = start
    while n < len(rows):
        row = rows[n]
        if isinstance(row, PdfTable):
            break
        if run:
            height = max(p.bottom - p.top for p in row)
            if min(p.top for p in row) - max(p.bottom for p in run[-1]) > 1.3 * height:
                break
        row.sort(key=lambda p: p.x0)
        merged = _merge_intervals([*columns, *((p.x0, p.x1) for p in row)])
        if run and len(merged) < min(len(columns), 2):
            break
        if len(row) == 1 and len(merged) < len(columns):
            break
        if run and len(merged) < len(columns) and len(merged) < max(len(row), 2):
            break
        run.append(row)
        columns = merged
        n += 1
    while run and len(run[-1]) == 1 and run[-1][0].x0 < columns[0][1]:
        run.pop()
        n -= 1
    multi = [row for row in run if len(row) > 1]
    if len(multi) < 3 or len(columns) < 2 or len(multi) < 0.5 * len(run):
        return start, None
    if sum(len(row) for row in multi) < 0.6 * len(multi) * len(columns):
        return start, None
    cells = [
        [" ".join(p.text for p in row if lo - 1 <= (p.x0 + p.x1) / 2 <= hi + 1) for lo, hi in columns] for row in run
    ]
    firsts = [row[0] for row in cells if row[0]]
    if (
        not firsts
        or all(LIST_MARKER.fullmatch(f + " ") for f in firsts)
        or any(_LEADER.search(c) for r in cells for c in r)
    ):
        return start, None
    if len(columns) == 2 and sum(row[1].strip().isdigit() for row in cells) > 0.7 * len(cells):
        return start, None  # a table of contents
    folded: list[list[str]] = []
    for position, texts in enumerate(cells):
        close = position > 0 and min(p.top for p in run[position]) - max(p.bottom for p in run[position - 1]) < 4
        if folded and close and not texts[0] and sum(map(bool, texts)) <= max(1, len(columns) // 2):
            folded[-1] = [f"{a}\n{b}" if a and b else a or b for a, b in zip(folded[-1], texts, strict=True)]
        else:
            folded.append(texts)
    if len(folded) < 3:
        return start, None
    flat = [p for row in run for p in row]
    box = (min(p.x0 for p in flat), min(p.top for p in flat), max(p.x1 for p in flat), max(p.bottom for p in flat))
    return n, PdfTable(folded, box, 0, False)


def _merge_intervals(intervals: list[tuple[float, float]]) -> list[tuple[float, float]]:
    out: list[tuple[float, float]] = []
    for low, high in sorted(intervals):
        if out and low <= out[-1][1] + 3:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return out
