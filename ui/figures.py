"""The figures of a cited page as pictures of their own: small beside the page, large when tapped."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.readers.pdf_figures import find_figures, image_marks
from indexer.readers.pdf_text import PDFIUM_LOCK, drawn_objects, read_content
from ui.marks import Box

if TYPE_CHECKING:
    from PIL.Image import Image

_WIDTH = 1000  # pixels of the longer side: enough to read a screen's lettering, enlarged on a tablet
_MOST_SCALE = 3.0
_MOST_SHOWN = 3
_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as PNG or JPEG (`media`), `width` by `height` pixels; `box` is its place in points on the page."""

    data: bytes
    media: str
    width: int
    height: int
    box: Box


def draw_figures(path: Path, number: int, beside: Sequence[Box] = ()) -> tuple[Figure, ...]:
    """The figures of a page (1-based) of a PDF, those nearest to the boxes `beside` first; () where it has none.

    `beside` are places in points. Raises OSError when the file is gone, ValueError when it is no PDF or lacks the page.
    """
    import pypdfium2

    with PDFIUM_LOCK:
        try:
            document = pypdfium2.PdfDocument(path)
        except pypdfium2.PdfiumError as error:
            raise ValueError(f"{path.name} cannot be shown as a PDF ({error})") from error
        try:
            if not 1 <= number <= len(document):
                raise ValueError(f"{path.name} has no page {number}; it has {len(document)}")
            boxes = _nearest(_boxes(document, number), beside)[:_MOST_SHOWN]
            page = document[number - 1]
            cut = [(box, _cut(page, box)) for box in boxes]
        finally:
            document.close()
    return tuple(Figure(*_encoded(image), image.width, image.height, box) for box, image in cut)


def _boxes(document: Any, number: int) -> list[Box]:
    page = document[number - 1]
    drawn = list(drawn_objects(page))
    if not drawn:
        return []
    content = read_content(page, page.get_textpage())
    repeated = set()
    for other in (number - 1, number + 1):
        if any(one.image_bytes for one in drawn) and 1 <= other <= len(document):
            repeated |= image_marks(list(drawn_objects(document[other - 1])))
    return find_figures(drawn, content.chars, content.width, content.height, repeated)


def _nearest(boxes: Sequence[Box], beside: Sequence[Box]) -> list[Box]:
    if not beside:
        return list(boxes)
    middle = sum(top + bottom for _, top, _, bottom in beside) / (2 * len(beside))
    return sorted(boxes, key=lambda box: max(box[1] - middle, middle - box[3], 0.0))


def _cut(page: Any, box: Box) -> Image:
    """The part of a page, drawn as large as is of use. The crop is made here: PDFium's own does not know rotation."""
    scale = min(_MOST_SCALE, _WIDTH / max(1.0, box[2] - box[0], box[3] - box[1]))
    whole: Image = page.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB")
    x0, top, x1, bottom = (round(edge * scale) for edge in box)
    return whole.crop((x0, top, min(whole.width, max(x1, x0 + 1)), min(whole.height, max(bottom, top + 1))))


def _encoded(image: Image) -> tuple[bytes, str]:
    """Drawings as PNG, photographs as JPEG: each is a fraction of the other's size."""
    from PIL.Image import Dither

    out = io.BytesIO()
    if image.getcolors(4096) is None:
        image.save(out, "JPEG", quality=_QUALITY, optimize=True)
        return out.getvalue(), "image/jpeg"
    image.quantize(64, dither=Dither.NONE).save(out, "PNG", compress_level=6)
    return out.getvalue(), "image/png"
