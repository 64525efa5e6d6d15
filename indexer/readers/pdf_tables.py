"""Ruled tables of a PDF page: the drawn lines become a grid, the grid's closed fields become cells."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from indexer.readers.pdf_text import Box, Char, PageContent, Segment

_SNAP = 3.0  # lines closer than this many points are one line


@dataclass(slots=True)
class RuledTable:
    """A grid of `len(ys) - 1` rows and `len(xs) - 1` columns; `owner` maps a field to the first field of its cell."""

    xs: list[float]
    ys: list[float]
    owner: dict[tuple[int, int], tuple[int, int]]
    chars: dict[tuple[int, int], list[Char]] = field(default_factory=lambda: defaultdict(list))

    @property
    def box(self) -> Box:
        return self.xs[0], self.ys[0], self.xs[-1], self.ys[-1]

    def cell_at(self, char: Char) -> tuple[int, int] | None:
        """The cell that holds the middle of the character, or None when it lies outside."""
        x, y = (char.x0 + char.x1) / 2, (char.top + char.bottom) / 2
        if not (self.xs[0] <= x <= self.xs[-1] and self.ys[0] <= y <= self.ys[-1]):
            return None
        row = min(bisect_right(self.ys, y) - 1, len(self.ys) - 2)
        column = min(bisect_right(self.xs, x) - 1, len(self.xs) - 2)
        return self.owner[row, column]


def find_tables(content: PageContent) -> tuple[list[RuledTable], list[Char]]:
    """The page's ruled tables with their characters, and the characters that are in none.

    Drawings and frames are told from tables by their cells: a table has at least four filled ones, in at least two
    rows and two columns.
    """
    if len(content.horizontal) + len(content.vertical) < 4 or len(content.horizontal) < 2:
        return [], content.chars
    horizontal, vertical = _merge(content.horizontal), _merge(content.vertical)
    for across, down in _open_tables(content, horizontal, vertical):
        horizontal += across
        vertical += down
    if not vertical:
        return [], content.chars
    if len(horizontal) + len(vertical) > 3000:
        return [], content.chars
    free = content.chars
    tables: list[RuledTable] = []
    candidates = [g for g in (_grid(h, v) for h, v in _components(horizontal, vertical)) if g is not None]
    # Small grids first: a table inside a page frame must win over the frame.
    for table in sorted(candidates, key=lambda t: (t.xs[-1] - t.xs[0]) * (t.ys[-1] - t.ys[0])):
        outside: list[Char] = []
        for char in free:
            cell = table.cell_at(char)
            if cell is None:
                outside.append(char)
            else:
                table.chars[cell].append(char)
        if _is_table(table):
            tables.append(table)
            free = outside
    return tables, free


def _is_table(table: RuledTable) -> bool:
    cells = set(table.owner.values())
    filled = {c for c in cells if table.chars.get(c)}
    rows, columns = {r for r, _ in filled}, {c for _, c in filled}
    if len(filled) < 4 or len(rows) < 2 or len(columns) < 2:
        return False
    return len(filled) >= 0.35 * len(cells)


def _open_tables(
    content: PageContent, merged: list[Segment], vertical: list[Segment]
) -> list[tuple[list[Segment], list[Segment]]]:
    """The missing lines (horizontal, vertical) of every table drawn with horizontal rules only.

    Column borders stand where the rules of most rows are pieced together, or, with four rules and more at the height
    of table rows, where no character of any row reaches. Rules may stand between rows only: the row above the first
    and the one below the last are taken in when their text keeps to the same columns.
    """
    stacks: dict[tuple[int, int], list[Segment]] = defaultdict(list)
    for segment in merged:
        if segment[2] - segment[1] > 60:
            stacks[round(segment[1] / 5), round(segment[2] / 5)].append(segment)
    out: list[tuple[list[Segment], list[Segment]]] = []
    for stack in stacks.values():
        stack.sort()
        ys = _positions([s[0] for s in stack])
        x0, x1 = stack[0][1], stack[0][2]
        if len(ys) < 3 or any(x0 - 3 < x < x1 + 3 and y1 > ys[0] + 3 and y0 < ys[-1] - 3 for x, y0, y1 in vertical):
            continue
        joints: dict[int, set[int]] = defaultdict(set)
        for y, a, b in content.horizontal:
            if ys[0] - 3 <= y <= ys[-1] + 3:
                for x in (a, b):
                    if x0 + 6 < x < x1 - 6:
                        joints[round(x / 2)].add(round(y / 3))
        borders = _positions([2.0 * x for x, at in joints.items() if len(at) >= 0.6 * len(ys)])
        heights = [b - a for a, b in pairwise(ys)]
        if not borders and len(ys) >= 4 and sorted(heights)[len(heights) // 2] < 60 and max(heights) < 200:
            borders = _blank_strips(content.chars, x0, ys[0], x1, ys[-1])
        if not borders:
            continue
        edges = [x0, *borders, x1]
        top = _outer_row(content.chars, edges, ys[0], -1) or ys[0]
        bottom = _outer_row(content.chars, edges, ys[-1], 1) or ys[-1]
        across = [(y, x0, x1) for y, inner in ((top, ys[0]), (bottom, ys[-1])) if y != inner]
        out.append((across, [(x, top, bottom) for x in edges]))
    return out


def _outer_row(chars: list[Char], edges: list[float], y: float, direction: int) -> float | None:
    """The far edge of a row of cells just above (-1) or below (+1) the rule at `y`, or None when there is none."""
    x0, x1 = edges[0] - 3, edges[-1] + 3
    near: list[Char] = []
    for char in chars:
        middle = (char.top + char.bottom) / 2
        if x0 - 200 < char.x0 < x1 + 200 and 0 < direction * (middle - y) < 60:
            near.append(char)
    near.sort(key=lambda c: direction * (c.top + c.bottom))
    taken: list[Char] = []
    reach = y
    while near:
        first = near[0]
        height = first.bottom - first.top
        line = [c for c in near if abs((c.top + c.bottom) - (first.top + first.bottom)) < height]
        distance = (first.top - reach) if direction > 0 else (reach - first.bottom)
        if distance > (0.35 * height if taken else 1.2 * height) or not _keeps_to_columns(line, edges):
            break
        taken += line
        reach = max(c.bottom for c in line) if direction > 0 else min(c.top for c in line)
        near = [c for c in near if c not in line]
    columns = {bisect_right(edges, (c.x0 + c.x1) / 2) for c in taken}
    if len(columns) < max(2, 0.5 * (len(edges) - 1)):
        return None
    return reach + direction * 1.5


def _keeps_to_columns(line: list[Char], edges: list[float]) -> bool:
    """Whether a line of text lies within the outer edges and breaks at every border that it passes."""
    ordered = sorted(line, key=lambda c: c.x0)
    if ordered[0].x0 < edges[0] - 3 or ordered[-1].x1 > edges[-1] + 3:
        return False
    for a, b in pairwise(ordered):
        if any(a.x1 - 1 <= x <= b.x0 + 1 for x in edges[1:-1]) and b.x0 - a.x1 < 0.5 * (a.bottom - a.top):
            return False
    return not any(c.x0 + 1 < x < c.x1 - 1 for c in ordered for x in edges[1:-1])


def _blank_strips(chars: list[Char], x0: float, top: float, x1: float, bottom: float) -> list[float]:
    """Middles of the strips at least 6 points wide that no character in the box enters."""
    spans = sorted(
        (c.x0, c.x1) for c in chars if c.x0 >= x0 - 2 and c.x1 <= x1 + 2 and top <= c.top and c.bottom <= bottom + 2
    )
    out: list[float] = []
    reach = spans[0][1] if spans else x1
    for low, high in spans:
        if low - reach >= 6:
            out.append((low + reach) / 2)
        reach = max(reach, high)
    return out


def _merge(segments: list[Segment]) -> list[Segment]:
    """Join collinear pieces that touch."""
    out: list[Segment] = []
    for position, start, end in sorted(segments):
        for i in range(len(out) - 1, max(-1, len(out) - 40), -1):
            at, a, b = out[i]
            if position - at > _SNAP * 0.6:
                continue
            if start <= b + _SNAP and end >= a - _SNAP:
                out[i] = (at, min(a, start), max(b, end))
                break
        else:
            out.append((position, start, end))
    return out


def _components(horizontal: list[Segment], vertical: list[Segment]) -> list[tuple[list[Segment], list[Segment]]]:
    """Groups of lines that cross or touch each other."""
    parent = list(range(len(horizontal) + len(vertical)))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, (y, x0, x1) in enumerate(horizontal):
        for j, (x, y0, y1) in enumerate(vertical):
            if x0 - _SNAP <= x <= x1 + _SNAP and y0 - _SNAP <= y <= y1 + _SNAP:
                parent[find(i)] = find(len(horizontal) + j)
    groups: dict[int, tuple[list[Segment], list[Segment]]] = {}
    for i, segment in enumerate(horizontal):
        groups.setdefault(find(i), ([], []))[0].append(segment)
    for j, segment in enumerate(vertical):
        groups.setdefault(find(len(horizontal) + j), ([], []))[1].append(segment)
    return [(h, v) for h, v in groups.values() if len(h) >= 2 and len(v) >= 1]


def _positions(values: list[float]) -> list[float]:
    out: list[list[float]] = []
    for value in sorted(values):
        if out and value - out[-1][-1] <= _SNAP:
            out[-1].append(value)
        else:
            out.append([value])
    return [sum(group) / len(group) for group in out]


def _grid(horizontal: list[Segment], vertical: list[Segment]) -> RuledTable | None:
    """A grid from the lines of one group. Sides left open by the printer are closed at the ends of the rules."""
    x_low, x_high = min(h[1] for h in horizontal), max(h[2] for h in horizontal)
    y_low, y_high = min(v[1] for v in vertical), max(v[2] for v in vertical)
    xs = _positions([v[0] for v in vertical])
    ys = _positions([h[0] for h in horizontal])
    if x_low < xs[0] - 12:
        xs.insert(0, x_low)
        vertical = [*vertical, (x_low, ys[0], ys[-1])]
    if x_high > xs[-1] + 12:
        xs.append(x_high)
        vertical = [*vertical, (x_high, ys[0], ys[-1])]
    if y_low < ys[0] - 8:
        ys.insert(0, y_low)
        horizontal = [*horizontal, (y_low, xs[0], xs[-1])]
    if y_high > ys[-1] + 8:
        ys.append(y_high)
        horizontal = [*horizontal, (y_high, xs[0], xs[-1])]
    if len(xs) < 3 or len(ys) < 3 or len(xs) > 60 or len(ys) > 400:
        return None
    by_x: dict[int, list[Segment]] = defaultdict(list)
    by_y: dict[int, list[Segment]] = defaultdict(list)
    for segment in vertical:
        by_x[_nearest(xs, segment[0])].append(segment)
    for segment in horizontal:
        by_y[_nearest(ys, segment[0])].append(segment)

    parent: dict[tuple[int, int], tuple[int, int]] = {}
    rows, columns = len(ys) - 1, len(xs) - 1
    for r in range(rows):
        for c in range(columns):
            parent[r, c] = (r, c)

    def find(cell: tuple[int, int]) -> tuple[int, int]:
        while parent[cell] != cell:
            cell = parent[cell]
        return cell

    for r in range(rows):
        for c in range(columns):
            if c + 1 < columns and not _covered(by_x[c + 1], ys[r], ys[r + 1]):
                parent[max(find((r, c)), find((r, c + 1)))] = min(find((r, c)), find((r, c + 1)))
            if r + 1 < rows and not _covered(by_y[r + 1], xs[c], xs[c + 1]):
                parent[max(find((r, c)), find((r + 1, c)))] = min(find((r, c)), find((r + 1, c)))
    return RuledTable(xs, ys, {cell: find(cell) for cell in parent})


def _nearest(values: list[float], value: float) -> int:
    i = bisect_right(values, value)
    if i == len(values) or (i > 0 and value - values[i - 1] <= values[i] - value):
        return i - 1
    return i


def _covered(segments: list[Segment], start: float, end: float) -> bool:
    length = sum(max(0.0, min(b, end) - max(a, start)) for _, a, b in segments)
    return length >= 0.6 * (end - start)
