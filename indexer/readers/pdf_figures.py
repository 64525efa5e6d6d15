"""Where a page of a PDF has figures: pictures and drawings of a size worth showing, not logos, rules, tables or scans."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from indexer.readers.pdf_text import Box, Char, Drawn

_CELL = 3.0  # points; what stands in neighbouring cells belongs together
_REACH = 2  # cells that parts of one drawing may stand apart
_LEAST_WIDTH, _LEAST_HEIGHT = 60.0, 45.0  # points
_LEAST_SHARE, _MOST_SHARE = 0.012, 0.75  # of the page; a larger picture is the page itself, scanned or its background
_MOST_ASPECT = 9.0
_MARGIN = 0.12  # the part of the page above and below which a low picture is a logo
_LOGO_HEIGHT = 0.09
_FREE_PARTS = 3  # curves and slanted lines that make lines a drawing ...
_FREE_SHARE = 0.08  # ... and their part of it: a table with an arrow in it is a table
_TEXT_SHARE = 0.28  # of its area that text may cover; a box around a paragraph has more
_TILES = 1.5  # points between the tiles that one picture is cut into
_PADDING = 6.0
_MOST = 6

Mark = tuple[int, int, int, int, int]
"""An image's box in whole points and the size of its data: the same on the next page means a letterhead."""


def image_marks(drawn: Sequence[Drawn]) -> set[Mark]:
    """What tells the images of a page from those of another."""
    return {_mark(one) for one in drawn if one.image_bytes}


def find_figures(
    drawn: Sequence[Drawn], chars: Sequence[Char], width: float, height: float, repeated: Collection[Mark] = ()
) -> list[Box]:
    """Boxes of the figures in reading order, in points from the top left corner; empty on a scan.

    `width` and `height` are the page's. `repeated` are marks of images (`image_marks`) that stand on other pages in the
    same place.
    """
    page = max(1.0, width * height)
    images = [_clipped(one.box, width, height) for one in drawn if one.image_bytes and _mark(one) not in repeated]
    if sum(map(_area, images)) > _MOST_SHARE * page:
        return []
    found = [box for box in _joined(images) if _is_shown(box, width, height) and _text_share(box, chars) < _TEXT_SHARE]
    paths = [one for one in drawn if not one.image_bytes and not _is_frame(one.box, width, height)]
    for box, parts in _drawings(paths, width, height):
        free = sum(part.free for part in parts)
        apart = all(_area(_common(box, other)) < 0.3 * _area(box) for other in found)
        drawing = free >= max(_FREE_PARTS, _FREE_SHARE * len(parts))
        if drawing and apart and _is_shown(box, width, height) and _text_share(box, chars) < _TEXT_SHARE:
            found.append(box)
    padded = (_clipped(_grown(box, _PADDING), width, height) for box in found)
    return sorted(padded, key=lambda box: (round(box[1] / 20), box[0]))[:_MOST]


def _mark(one: Drawn) -> Mark:
    x0, top, x1, bottom = (round(edge) for edge in one.box)
    return x0, top, x1, bottom, one.image_bytes


def _is_shown(box: Box, width: float, height: float) -> bool:
    """Large enough to tell something, and no letterhead."""
    across, tall = box[2] - box[0], box[3] - box[1]
    if across < _LEAST_WIDTH or tall < _LEAST_HEIGHT or max(across / tall, tall / across) > _MOST_ASPECT:
        return False
    if not _LEAST_SHARE <= _area(box) / max(1.0, width * height) <= _MOST_SHARE:
        return False
    in_margin = box[3] < _MARGIN * height or box[1] > (1 - _MARGIN) * height
    return not (in_margin and tall < _LOGO_HEIGHT * height)


def _is_frame(box: Box, width: float, height: float) -> bool:
    return box[2] - box[0] > 0.8 * width and box[3] - box[1] > 0.7 * height


def _joined(images: Sequence[Box]) -> list[Box]:
    """Images with the tiles of one picture put together."""
    out: list[Box] = []
    for box in sorted(images, key=lambda one: (one[1], one[0])):
        while True:
            near = next((one for one in out if _area(_common(_grown(one, _TILES), box)) > 0 and _fits(one, box)), None)
            if near is None:
                break
            out.remove(near)
            box = _union(near, box)
        out.append(box)
    return out


def _fits(one: Box, other: Box) -> bool:
    """Whether two boxes overlap, or have an edge in common as tiles have."""
    same_columns = abs(one[0] - other[0]) < _TILES and abs(one[2] - other[2]) < _TILES
    same_rows = abs(one[1] - other[1]) < _TILES and abs(one[3] - other[3]) < _TILES
    return same_columns or same_rows or _area(_common(one, other)) > 0.1 * min(_area(one), _area(other))


def _drawings(paths: Sequence[Drawn], width: float, height: float) -> Iterator[tuple[Box, list[Drawn]]]:
    """Paths that stand close together, as (box, paths): the page as a raster, its connected regions."""
    if len(paths) < _FREE_PARTS:
        return
    import numpy as np
    from scipy import ndimage

    columns, rows = int(width / _CELL) + 2, int(height / _CELL) + 2
    covered = np.zeros((rows, columns), dtype=bool)

    def cells(box: Box, reach: int = 0) -> tuple[int, int, int, int]:
        x0, top, x1, bottom = (int(max(0.0, edge) / _CELL) for edge in box)
        return max(0, top - reach), min(rows, bottom + 1 + reach), max(0, x0 - reach), min(columns, x1 + 1 + reach)

    for path in paths:
        top, bottom, left, right = cells(path.box, _REACH)
        covered[top:bottom, left:right] = True
    regions, _ = ndimage.label(covered)
    by_region: dict[int, list[Drawn]] = {}
    for path in paths:
        top, _, left, _ = cells(path.box)
        region = int(regions[min(top, rows - 1), min(left, columns - 1)])
        by_region.setdefault(region, []).append(path)
    for parts in by_region.values():
        box = parts[0].box
        for part in parts[1:]:
            box = _union(box, part.box)
        yield _clipped(box, width, height), parts


def _text_share(box: Box, chars: Sequence[Char]) -> float:
    """How much of a box is covered by characters, 0..1."""
    inside = sum(_area(_common(box, (one.x0, one.top, one.x1, one.bottom))) for one in chars)
    return inside / max(1.0, _area(box))


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _common(one: Box, other: Box) -> Box:
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])


def _union(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _grown(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _clipped(box: Box, width: float, height: float) -> Box:
    return _common(box, (0.0, 0.0, width, height))
