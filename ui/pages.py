"""The cited page of a PDF as a picture with the quoted words marked."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.readers.pdf_text import PDFIUM_LOCK, read_content
from indexer.scanned_words import read_words
from ui.figures import Figure, draw_figures
from ui.marks import Box, Placed, find_marks

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH = 1240
"""Pixels across: small print of a page of A4 is legible on a tablet, two fingers enlarge it further."""
_MOST_PIXELS = 2600  # of the longer side, whatever the page's shape
_MARKER = (255, 224, 102)
_EDGE = (178, 86, 0)
_COLOURS = 64


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page as PNG. `page` of `pages` counts from 1; `boxes` are the marks in pixels, `share` what of the quote they
    cover (0..1: 0 where the quote stands elsewhere, or the page is a scan whose words' places are not kept).
    """

    png: bytes
    page: int
    pages: int
    width: int
    height: int
    boxes: tuple[Box, ...]
    share: float
    scale: float = 1.0  # pixels to the point


class PageImages:
    """Draws pages, keeping the last `keep` of them. Safe to use from several threads; PDFium itself works alone."""

    def __init__(self, keep: int = 48) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        self._made: OrderedDict[tuple[Any, ...], Any] = OrderedDict()

    def draw(
        self,
        path: Path,
        pages: Sequence[int],
        quote: str = "",
        before: str = "",
        after: str = "",
        width: int = WIDTH,
    ) -> PageImage:
        """The one of `pages` (1-based) that holds most of the quote, marked.

        `before` and `after` are the quote's surroundings in the text. Raises OSError when the file is gone, ValueError
        when it is no PDF or has none of these pages.
        """
        key = (str(path), tuple(pages), quote, before[-80:], after[:80], width)
        drawn: PageImage = self._kept(key, lambda: draw_page(path, pages, quote, before, after, width))
        return drawn

    def figures(self, path: Path, drawn: PageImage) -> tuple[Figure, ...]:
        """The figures of a page that was drawn, those nearest to its marks first. Raises as `draw`."""
        key = (str(path), drawn.page, drawn.boxes)
        by = drawn.scale
        beside = [(x0 / by, top / by, x1 / by, bottom / by) for x0, top, x1, bottom in drawn.boxes]
        found: tuple[Figure, ...] = self._kept(key, lambda: draw_figures(path, drawn.page, beside))
        return found

    def _kept(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        made = make()
        with self._lock:
            self._made[key] = made
            while len(self._made) > self._keep:
                self._made.popitem(last=False)
        return made


def draw_page(
    path: Path, pages: Sequence[int], quote: str = "", before: str = "", after: str = "", width: int = WIDTH
) -> PageImage:
    """As `PageImages.draw`, without keeping anything."""
    import pypdfium2

    if not path.is_file():
        raise FileNotFoundError(f"the original {path.name} is gone; index the document again")
    with PDFIUM_LOCK:
        try:
            document = pypdfium2.PdfDocument(path)
        except pypdfium2.PdfiumError as error:
            raise ValueError(f"{path.name} cannot be shown as a PDF ({error})") from error
        try:
            count = len(document)
            wanted = [number for number in dict.fromkeys(pages) if 1 <= number <= count]
            if not wanted:
                raise ValueError(f"{path.name} has no page {', '.join(map(str, pages)) or '0'}; it has {count}")
            number, boxes, share = _best_page(document, path, wanted, quote, before, after)
            page = document[number - 1]
            scale = min(width / page.get_width(), _MOST_PIXELS / max(page.get_width(), page.get_height()))
            image = page.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB")
        finally:
            document.close()
    placed = tuple((x0 * scale, top * scale, x1 * scale, bottom * scale) for x0, top, x1, bottom in boxes)
    return PageImage(_png(_highlighted(image, placed)), number, count, image.width, image.height, placed, share, scale)


def _best_page(
    document: Any, path: Path, pages: Sequence[int], quote: str, before: str, after: str
) -> tuple[int, tuple[Box, ...], float]:
    best: tuple[int, tuple[Box, ...], float] = (pages[0], (), 0.0)
    for number in pages if quote else ():
        marks = find_marks(_placed(document, path, number), quote, before, after)
        if marks.share > best[2]:
            best = (number, marks.boxes, marks.share)
        if marks.share == 1.0:
            break
    return best


def _placed(document: Any, path: Path, number: int) -> Sequence[Placed]:
    """The characters of a page; of a scan, which has none or a few, the words as they were recognised."""
    page = document[number - 1]
    chars = read_content(page, page.get_textpage()).chars
    recognised = read_words(path, number)
    return recognised or chars


def _highlighted(image: Image, boxes: Sequence[Box]) -> Image:
    """Like a text marker: what is dark stays dark. The edge tells the mark on coloured ground and to the colour-blind."""
    from PIL import Image as images
    from PIL import ImageChops, ImageDraw

    if not boxes:
        return image
    ink = images.new("RGB", image.size, (255, 255, 255))
    pen = ImageDraw.Draw(ink)
    for x0, top, x1, bottom in boxes:
        pen.rectangle((x0 - 3, top - 2, x1 + 3, bottom + 2), fill=_MARKER)
    marked = ImageChops.multiply(image, ink)
    pen = ImageDraw.Draw(marked)
    for x0, top, x1, bottom in boxes:
        pen.rectangle((x0 - 4, top - 3, x1 + 4, bottom + 3), outline=_EDGE, width=2)
    return marked


def _png(image: Image) -> bytes:
    """Few colours are enough for print, and a third of the bytes; a page with a photograph keeps its own."""
    from PIL import Image as images

    out = io.BytesIO()
    colours = image.getcolors(1 << 14)
    if colours is not None:
        image = image.quantize(_COLOURS, method=images.Quantize.FASTOCTREE, dither=images.Dither.NONE)
    image.save(out, "PNG", optimize=False, compress_level=6)
    return out.getvalue()
