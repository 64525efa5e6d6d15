"""PDF files through PDFium: text with its place, ruled and aligned tables, outline, OCR for pages without text."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from indexer.errors import ReadError
from indexer.readers.limits import PageProgress, ReadLimits
from indexer.readers.ocr import recognise, usable_languages
from indexer.readers.pdf_blocks import Outline, RawPage, build_pages
from indexer.readers.pdf_layout import arrange, lay_out
from indexer.readers.pdf_tables import find_tables
from indexer.readers.pdf_text import PDFIUM_LOCK, PageContent, font_of, read_content
from indexer.readers.text_tools import clean_text, one_line
from indexer.types import Page, PageStatus

_GARBLED_SHARE = 0.3
_FEW_CHARACTERS = 25


def read_pdf(
    path: Path, limits: ReadLimits, told: PageProgress | None = None
) -> tuple[tuple[Page, ...], Outline, str, list[str]]:
    """(pages, outline, title of the file's properties, warnings), read page by page, one held at a time.

    Raises ReadError for encrypted, damaged and empty files and for more than `limits.max_pages` pages. A page that
    fails by itself is kept with status GARBLED and a warning.
    """
    import pypdfium2

    with PDFIUM_LOCK:
        try:
            pdf = pypdfium2.PdfDocument(path)
        except pypdfium2.PdfiumError as error:
            if "password" in str(error).lower() or "security" in str(error).lower():
                raise ReadError(f"{path.name}: the PDF is encrypted; save a copy without a password") from error
            raise ReadError(f"{path.name}: damaged or truncated PDF ({error}); export it again") from error
        except OSError as error:
            raise ReadError(f"{path.name}: cannot be opened ({error.strerror or error})") from error
        count = len(pdf)
        outline, title = _outline(pdf, count), str(pdf.get_metadata_dict().get("Title") or "")
    try:
        if count == 0:
            raise ReadError(f"{path.name}: the PDF has no pages")
        if count > limits.max_pages:
            raise ReadError(f"{path.name}: {count} pages, at most {limits.max_pages} are read; split the file")
        warnings: list[str] = []
        pages = []
        for number in range(1, count + 1):
            if told is not None:
                told(number, count)
            with PDFIUM_LOCK:
                try:
                    pages.append(_read_page(pdf, number, limits))
                except (pypdfium2.PdfiumError, ValueError, ArithmeticError, LookupError) as error:
                    pages.append(RawPage(number, 0.0, 0.0, [], PageStatus.GARBLED))
                    warnings.append(f"page {number} could not be read ({error})")
    finally:
        with PDFIUM_LOCK:
            pdf.close()
    return build_pages(pages, outline), outline, one_line(title), warnings


def _outline(pdf: Any, count: int) -> tuple[tuple[int, str, int], ...]:
    """(level from 1, title, 1-based page) of every bookmark that leads to a page; what can be read of a damaged one."""
    import pypdfium2

    out: list[tuple[int, str, int]] = []
    try:
        for mark in pdf.get_toc(max_depth=8):
            target = mark.get_dest()
            index = target.get_index() if target is not None else None
            title = " ".join(clean_text(mark.get_title()).split())
            if index is not None and 0 <= index < count and title and len(out) < 20_000:
                out.append((min(6, mark.level + 1), title, index + 1))
    except (pypdfium2.PdfiumError, ValueError, RecursionError):
        pass
    return tuple(out)


def _read_page(pdf: Any, number: int, limits: ReadLimits) -> RawPage:
    with closing(pdf[number - 1]) as page, closing(page.get_textpage()) as textpage:
        content = read_content(page, textpage)
        raw = RawPage(number, content.width, content.height)
        shown = len(content.chars)
        garbled = content.bad_chars > _GARBLED_SHARE * max(1, shown) and content.bad_chars > 5
        if garbled or _is_picture(content):
            if _try_ocr(page, raw, limits, shown):
                return raw
            if garbled:
                raw.status = PageStatus.GARBLED
                return raw
            raw.status = _status_without_text(page, content)
        tables, free = find_tables(content)
        raw.items = lay_out(free, tables, lambda index: font_of(textpage, index))
        return raw


def _coverage(content: PageContent) -> float:
    """Share of the page that its largest image, or all of them together when tiled, covers."""
    area = max(1.0, content.width * content.height)
    sizes = [
        max(0.0, min(x1, content.width) - max(x0, 0)) * max(0.0, min(y1, content.height) - max(y0, 0))
        for x0, y0, x1, y1 in content.images
    ]
    return min(1.0, sum(sizes) / area)


def _is_picture(content: PageContent) -> bool:
    """A page whose text, if any, must be in an image or in drawn outlines."""
    shown, cover = len(content.chars), _coverage(content)
    if shown == 0:
        return True
    if shown < _FEW_CHARACTERS:
        return cover > 0.3 or content.paths > 300
    return shown < 120 and cover > 0.8


def _status_without_text(page: Any, content: PageContent) -> PageStatus:
    """BLANK when nothing visible is on the page, else NO_TEXT; white scans are blank too."""
    if content.chars:
        return PageStatus.NO_TEXT
    return PageStatus.BLANK if not (content.images or content.paths) or _looks_blank(page) else PageStatus.NO_TEXT


def _try_ocr(page: Any, raw: RawPage, limits: ReadLimits, shown: int) -> bool:
    """Recognise the rendered page; True when more was found than the file's own text gives."""
    if not usable_languages(limits) or _looks_blank(page):
        return False
    # A larger sheet has larger print: an A4 page's worth of pixels is enough and keeps memory bounded.
    scale = min(limits.ocr_dpi / 72.0, 12.0 * limits.ocr_dpi / max(raw.width, raw.height, 1.0))
    found = recognise(page.render(scale=scale, grayscale=True).to_pil(), scale, limits)
    if sum(len(piece.text) for piece in found.pieces) <= max(shown, 2) or found.confidence < 0.3:
        return False
    raw.items = arrange(found.pieces, [])
    raw.status, raw.confidence, raw.words = PageStatus.OCR, found.confidence, found.words
    return True


def _looks_blank(page: Any) -> bool:
    """Whether next to nothing differs from the paper in a small rendering; white scans are blank too."""
    histogram = page.render(scale=0.5, grayscale=True).to_pil().histogram()
    paper = max(range(len(histogram)), key=histogram.__getitem__)
    marked = sum(n for shade, n in enumerate(histogram) if abs(shade - paper) > 60)
    return bool(marked < 0.0004 * sum(histogram))
