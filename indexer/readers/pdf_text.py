"""Characters, rules and images of one PDF page through PDFium, in top-down page coordinates (points)."""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

PDFIUM_LOCK = threading.RLock()
"""PDFium is not thread-safe: every call into it, for any file, is made while this lock is held."""

Box = tuple[float, float, float, float]
Segment = tuple[float, float, float]  # position across, start, end
_MOST_PATHS = 20_000


@dataclass(slots=True)
class Char:
    """One visible character with its box (x0, top, x1, bottom); `spaced` when white space stood before it."""

    text: str
    x0: float
    top: float
    x1: float
    bottom: float
    index: int
    spaced: bool


@dataclass(slots=True)
class PageContent:
    """What one page draws. `horizontal` rules are (y, x0, x1), `vertical` ones (x, y0, y1)."""

    width: float
    height: float
    chars: list[Char] = field(default_factory=list)
    horizontal: list[Segment] = field(default_factory=list)
    vertical: list[Segment] = field(default_factory=list)
    images: list[Box] = field(default_factory=list)
    paths: int = 0
    bad_chars: int = 0


@dataclass(frozen=True, slots=True)
class Drawn:
    """An image or a path. `image_bytes` is the size of an image's data, 0 for a path; `free`: a path that is not made of
    upright and level lines only."""

    box: Box
    image_bytes: int
    free: bool


class _Frame:
    """Maps PDF user space (origin bottom left, before rotation) to the page as shown (origin top left)."""

    def __init__(self, page: Any) -> None:
        left, bottom, right, top = page.get_bbox()
        self.left, self.bottom, self.right, self.top = left, bottom, right, top
        self.rotation = page.get_rotation() % 360
        width, height = right - left, top - bottom
        self.width, self.height = (height, width) if self.rotation in (90, 270) else (width, height)

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        x0, x1 = left - self.left, right - self.left
        y0, y1 = self.top - top, self.top - bottom
        if self.rotation == 0:
            return x0, y0, x1, y1
        if self.rotation == 90:
            return self.width - y1, x0, self.width - y0, x1
        if self.rotation == 180:
            return self.width - x1, self.height - y1, self.width - x0, self.height - y0
        return y0, self.height - x1, y1, self.height - x0


def read_content(page: Any, textpage: Any) -> PageContent:
    """Collect the characters, rules and images of one open page. The caller holds PDFIUM_LOCK."""
    frame = _Frame(page)
    content = PageContent(frame.width, frame.height)
    _read_chars(textpage, frame, content)
    _read_objects(page, frame, content)
    return content


def _read_chars(textpage: Any, frame: _Frame, content: PageContent) -> None:
    import pypdfium2.raw as raw

    handle, rect = textpage.raw, raw.FS_RECTF()
    pointer = ctypes.byref(rect)
    unicode_of, box_of = raw.FPDFText_GetUnicode, raw.FPDFText_GetLooseCharBox
    chars, spaced, high = content.chars, True, 0
    for index in range(textpage.count_chars()):
        code = unicode_of(handle, index)
        if 0xD800 <= code < 0xDC00:
            high = code
            continue
        if 0xDC00 <= code < 0xE000 and high:
            code, high = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00), 0
        if code in (0x20, 0x0A, 0x0D, 0x09, 0xA0, 0x3000):
            spaced = True
            continue
        if code == 2 or code == 0xFFFE:  # PDFium's sign for a hyphen at the end of a line
            code = 0x2D
        if code < 0x20 or code == 0xFFFD or 0xE000 <= code <= 0xF8FF or code >= 0xF0000:
            if not 0xF020 <= code <= 0xF0FF:  # symbol fonts sit there and hold bullets and arrows
                content.bad_chars += 1
            if code < 0x20:
                continue
        if not box_of(handle, index, pointer):
            continue
        x0, top, x1, bottom = frame.box(rect.left, rect.bottom, rect.right, rect.top)
        if x1 < 0 or bottom < 0 or x0 > frame.width or top > frame.height:
            spaced = True
            continue
        text = chr(code)
        if (
            chars
            and chars[-1].text == text
            and abs(chars[-1].x0 - x0) < 0.25 * (x1 - x0)
            and abs(chars[-1].top - top) < 1
        ):
            # The same letter twice in one place is bold made by printing twice, unless one ligature gave both.
            pair = (raw.FPDFText_GetTextObject(handle, chars[-1].index), raw.FPDFText_GetTextObject(handle, index))
            if ctypes.cast(pair[0], ctypes.c_void_p).value != ctypes.cast(pair[1], ctypes.c_void_p).value:
                continue
        chars.append(Char(text, x0, top, x1, bottom, index, spaced))
        spaced = False


def _read_objects(page: Any, frame: _Frame, content: PageContent) -> None:
    import pypdfium2.raw as raw

    for item, kind, box, matrix in _objects(page, frame):
        if kind == raw.FPDF_PAGEOBJ_IMAGE:
            content.images.append(box)
            continue
        content.paths += 1
        if content.paths < _MOST_PATHS:
            _add_path(raw, item, box, matrix, frame, content)


def _objects(page: Any, frame: _Frame) -> Iterator[tuple[Any, int, Box, tuple[float, ...] | None]]:
    """Every path and image as (object, its type, box on the page, matrix of the forms around it), forms opened."""
    import pypdfium2.raw as raw

    def walk(
        count: int, get: Any, matrix: tuple[float, ...] | None, depth: int
    ) -> Iterator[tuple[Any, int, Box, tuple[float, ...] | None]]:
        left, bottom, right, top = (ctypes.c_float() for _ in range(4))
        for position in range(count):
            item = get(position)
            kind = raw.FPDFPageObj_GetType(item)
            if kind == raw.FPDF_PAGEOBJ_FORM and depth < 4:
                inner = _multiply(_matrix_of(raw, item), matrix)
                yield from walk(
                    raw.FPDFFormObj_CountObjects(item),
                    lambda i, f=item: raw.FPDFFormObj_GetObject(f, i),
                    inner,
                    depth + 1,
                )
            if kind not in (raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_IMAGE):
                continue
            if not raw.FPDFPageObj_GetBounds(item, left, bottom, right, top):
                continue
            corners = (left.value, bottom.value, right.value, top.value)
            if matrix is not None:
                corners = _apply(matrix, corners)
            yield item, kind, frame.box(*corners), matrix

    return walk(raw.FPDFPage_CountObjects(page.raw), lambda i: raw.FPDFPage_GetObject(page.raw, i), None, 0)


def drawn_objects(page: Any) -> Iterator[Drawn]:
    """The images and visible paths of one open page. The caller holds PDFIUM_LOCK."""
    import pypdfium2.raw as raw

    frame = _Frame(page)
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    for number, (item, kind, box, _) in enumerate(_objects(page, frame)):
        if number >= _MOST_PATHS:
            return
        if kind == raw.FPDF_PAGEOBJ_IMAGE:
            yield Drawn(box, int(raw.FPDFImageObj_GetImageDataRaw(item, None, 0)), False)
        elif raw.FPDFPath_GetDrawMode(item, fill, stroke) and (fill.value or stroke.value):
            yield Drawn(box, 0, _is_free(raw, item))


def _is_free(raw: Any, item: Any) -> bool:
    """Whether a path has a curve or a slanted line, which rules, boxes and tables have not."""
    x, y = ctypes.c_float(), ctypes.c_float()
    last: tuple[float, float] | None = None
    for i in range(min(raw.FPDFPath_CountSegments(item), 40)):
        segment = raw.FPDFPath_GetPathSegment(item, i)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_BEZIERTO:
            return True
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = (x.value, y.value)
        if kind == raw.FPDF_SEGMENT_LINETO and last is not None:
            across, along = abs(point[0] - last[0]), abs(point[1] - last[1])
            if min(across, along) > 0.5:
                return True
        last = point
    return False


def _add_path(
    raw: Any, item: Any, box: Box, matrix: tuple[float, ...] | None, frame: _Frame, content: PageContent
) -> None:
    """Turn a path into rules: a thin box is one rule, a rectangle four, a longer path one per straight piece."""
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    if not raw.FPDFPath_GetDrawMode(item, fill, stroke) or not (fill.value or stroke.value):
        return
    x0, top, x1, bottom = box
    width, height = x1 - x0, bottom - top
    if height <= 3 and width > 4:
        content.horizontal.append(((top + bottom) / 2, x0, x1))
        return
    if width <= 3 and height > 4:
        content.vertical.append(((x0 + x1) / 2, top, bottom))
        return
    if width <= 4 or height <= 4:
        return
    count = raw.FPDFPath_CountSegments(item)
    if count <= 5 and not stroke.value and width > 0.95 * frame.width and height > 0.9 * frame.height:
        return  # the page's background
    if count < 4 or count > 4000:
        return
    for y0, xa, y1, xb in _straight_pieces(raw, item, count, matrix, frame):
        if abs(y0 - y1) < 1 and abs(xa - xb) > 4:
            content.horizontal.append(((y0 + y1) / 2, min(xa, xb), max(xa, xb)))
        elif abs(xa - xb) < 1 and abs(y0 - y1) > 4:
            content.vertical.append(((xa + xb) / 2, min(y0, y1), max(y0, y1)))


def _straight_pieces(
    raw: Any, item: Any, count: int, matrix: tuple[float, ...] | None, frame: _Frame
) -> list[tuple[float, float, float, float]]:
    """The straight pieces of a path as (y0, x0, y1, x1) on the page as shown."""
    own = _multiply(_matrix_of(raw, item), matrix)
    x, y = ctypes.c_float(), ctypes.c_float()
    pieces: list[tuple[float, float, float, float]] = []
    start: tuple[float, float] | None = None
    last: tuple[float, float] | None = None
    for i in range(count):
        segment = raw.FPDFPath_GetPathSegment(item, i)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        a, b, c, d, e, f = own
        px, py = a * x.value + c * y.value + e, b * x.value + d * y.value + f
        sx, sy, _, _ = frame.box(px, py, px, py)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_LINETO and last is not None:
            pieces.append((last[1], last[0], sy, sx))
        if kind == raw.FPDF_SEGMENT_MOVETO:
            start = (sx, sy)
        last = (sx, sy)
        if start is not None and raw.FPDFPathSegment_GetClose(segment):
            pieces.append((last[1], last[0], start[1], start[0]))
    return pieces


def _matrix_of(raw: Any, item: Any) -> tuple[float, ...]:
    matrix = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(item, matrix):
        return (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    return (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)


def _multiply(first: tuple[float, ...], second: tuple[float, ...] | None) -> tuple[float, ...]:
    if second is None:
        return first
    a, b, c, d, e, f = first
    p, q, r, s, t, u = second
    return (a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u)


def _apply(matrix: tuple[float, ...], box: Box) -> Box:
    a, b, c, d, e, f = matrix
    xs = [a * x + c * y + e for x in (box[0], box[2]) for y in (box[1], box[3])]
    ys = [b * x + d * y + f for x in (box[0], box[2]) for y in (box[1], box[3])]
    return min(xs), min(ys), max(xs), max(ys)


def font_of(textpage: Any, index: int) -> tuple[float, bool, float]:
    """(size in points as shown, bold, angle in degrees) of the character at `index`."""
    import pypdfium2.raw as raw

    matrix, flags = raw.FS_MATRIX(), ctypes.c_int()
    nominal = raw.FPDFText_GetFontSize(textpage.raw, index)
    scale = 1.0
    if raw.FPDFText_GetMatrix(textpage.raw, index, matrix):
        scale = math.hypot(matrix.c, matrix.d) or 1.0
    buffer = ctypes.create_string_buffer(96)
    length = raw.FPDFText_GetFontInfo(textpage.raw, index, buffer, 96, flags)
    name = buffer.value.decode("utf-8", "replace").lower() if 0 < length <= 96 else ""
    bold = any(word in name for word in ("bold", "black", "heavy", "simhei", "黑体")) or bool(flags.value & (1 << 18))
    if not bold:
        bold = raw.FPDFText_GetFontWeight(textpage.raw, index) >= 600
    if not bold:
        item = raw.FPDFText_GetTextObject(textpage.raw, index)
        bold = bool(item) and raw.FPDFTextObj_GetTextRenderMode(item) == raw.FPDF_TEXTRENDERMODE_FILL_STROKE
    return nominal * scale, bold, math.degrees(raw.FPDFText_GetCharAngle(textpage.raw, index)) % 360
