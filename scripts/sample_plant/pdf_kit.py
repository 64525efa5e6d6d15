"""Writes a manual in the light markup as a PDF: title page, contents, outline, running header and footer.

Output is the same bytes for the same content, font and reportlab version (invariant mode, no time stamps).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    FrameBreak,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)
from reportlab.platypus.tableofcontents import TableOfContents

from .markup import Item
from .scan import scanned_page

SIGNALS = {
    "DANGER": colors.HexColor("#c8102e"),
    "WARNING": colors.HexColor("#ef7d00"),
    "CAUTION": colors.HexColor("#f2c500"),
    "NOTICE": colors.HexColor("#1f5fa8"),
    "危险": colors.HexColor("#c8102e"),
    "警告": colors.HexColor("#ef7d00"),
    "注意": colors.HexColor("#f2c500"),
    "提示": colors.HexColor("#1f5fa8"),
}
LEFT, TOP, BOTTOM = 20 * mm, 24 * mm, 20 * mm
WIDTH, HEIGHT = A4[0] - 2 * LEFT, A4[1] - TOP - BOTTOM


@dataclass(frozen=True, slots=True)
class Cover:
    """What stands on the title page and in the running lines."""

    title: str
    subtitle: str
    lines: tuple[str, ...]
    header: str
    document_no: str
    contents: str = "Contents"
    page_word: str = "Page {page}"
    table_word: str = "Table {n}: {name}"
    figure_word: str = "Figure {n}: {name}"
    font: tuple[str, str] = ("Helvetica", "Helvetica-Bold")
    language: str = "en"
    figures: dict[str, Callable[[], Flowable]] = field(default_factory=dict)


def register_cjk(path: Path) -> tuple[str, str]:
    """Register the TrueType font (or collection) at `path`; the glyphs used are embedded, so the pages show anywhere."""
    pdfmetrics.registerFont(TTFont("SampleCJK", str(path), subfontIndex=0))
    return ("SampleCJK", "SampleCJK")


def missing_glyphs(text: str, font: str) -> str:
    """The characters of `text` for which the registered font has no glyph; they would show as blanks."""
    known = pdfmetrics.getFont(font).face.charToGlyph
    return "".join(sorted({char for char in text if not char.isspace() and ord(char) not in known}))


def _styles(cover: Cover) -> dict[str, ParagraphStyle]:
    regular, bold = cover.font
    wrap = "CJK" if cover.language == "zh" else None
    base = ParagraphStyle("text", fontName=regular, fontSize=9.6, leading=13.6, spaceAfter=5, wordWrap=wrap)

    def derived(name: str, **changes: Any) -> ParagraphStyle:
        return ParagraphStyle(name, parent=base, **changes)

    return {
        "text": base,
        "h1": derived(
            "h1", fontName=bold, fontSize=17, leading=22, spaceAfter=10, textColor=colors.HexColor("#12324f")
        ),
        "h2": derived("h2", fontName=bold, fontSize=12.5, leading=17, spaceBefore=8, spaceAfter=5, keepWithNext=1),
        "h3": derived("h3", fontName=bold, fontSize=10.4, leading=14, spaceBefore=5, spaceAfter=3, keepWithNext=1),
        "bullet": derived("bullet", leftIndent=14, bulletIndent=4, spaceAfter=2.5),
        "step": derived("step", leftIndent=20, bulletIndent=2, spaceAfter=4),
        "cell": derived("cell", fontSize=8.2, leading=10.6, spaceAfter=0),
        "head": derived("head", fontName=bold, fontSize=8.2, leading=10.6, spaceAfter=0, textColor=colors.white),
        "caption": derived("caption", fontName=bold, fontSize=8.6, leading=11, spaceBefore=6, spaceAfter=3),
        "signal": derived("signal", fontName=bold, fontSize=10, leading=12, spaceAfter=0, alignment=1),
        "box": derived("box", fontSize=9.2, leading=12.2, spaceAfter=0),
        "title": derived("title", fontName=bold, fontSize=30, leading=38, textColor=colors.HexColor("#12324f")),
        "subtitle": derived("subtitle", fontSize=15, leading=21, spaceAfter=16),
        "toc1": derived("toc1", fontName=bold, fontSize=10, leading=15, spaceAfter=0, spaceBefore=4),
        "toc2": derived("toc2", fontSize=9, leading=12.4, leftIndent=12, spaceAfter=0),
    }


class _Manual(BaseDocTemplate):
    """A document that enters its headings into the outline and the table of contents."""

    def __init__(self, target: io.BytesIO, cover: Cover, scan: bytes | None) -> None:
        super().__init__(
            target, pagesize=A4, invariant=1, title=cover.title, author="Sample plant", subject=cover.document_no,
            lang=cover.language,
        )  # fmt: skip
        self._cover, self._scan = cover, scan
        body = Frame(LEFT, BOTTOM, WIDTH, HEIGHT, 0, 0, 0, 0, id="body")
        half = (WIDTH - 8 * mm) / 2
        columns = [Frame(LEFT + i * (half + 8 * mm), BOTTOM, half, HEIGHT, 0, 0, 0, 0, id=f"column{i}") for i in (0, 1)]
        self.addPageTemplates(
            [
                PageTemplate("cover", [body]),
                PageTemplate("plain", [body], onPage=self._running_lines),
                PageTemplate("columns", columns, onPage=self._running_lines),
                PageTemplate("scan", [body], onPage=self._draw_scan),
            ]
        )

    def _running_lines(self, canvas: Any, _document: Any) -> None:
        cover = self._cover
        canvas.saveState()
        canvas.setFont(cover.font[0], 8)
        canvas.setFillColor(colors.HexColor("#555555"))
        canvas.drawString(LEFT, A4[1] - 14 * mm, cover.header)
        canvas.drawRightString(A4[0] - LEFT, A4[1] - 14 * mm, cover.document_no)
        canvas.line(LEFT, A4[1] - 16 * mm, A4[0] - LEFT, A4[1] - 16 * mm)
        canvas.line(LEFT, 14 * mm, A4[0] - LEFT, 14 * mm)
        canvas.drawString(LEFT, 10 * mm, cover.lines[0])
        canvas.drawRightString(A4[0] - LEFT, 10 * mm, cover.page_word.format(page=canvas.getPageNumber()))
        canvas.restoreState()

    def _draw_scan(self, canvas: Any, _document: Any) -> None:
        from reportlab.lib.utils import ImageReader

        canvas.drawImage(ImageReader(io.BytesIO(self._scan or b"")), 0, 0, A4[0], A4[1])

    def afterFlowable(self, flowable: Flowable) -> None:
        level = {"h1": 0, "h2": 1}.get(getattr(getattr(flowable, "style", None), "name", ""))
        if level is None or not isinstance(flowable, Paragraph):
            return
        text = flowable.getPlainText()
        key = f"s{self.page}-{text}"
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(text, key, level, closed=level == 0)
        self.notify("TOCEntry", (level, text, self.page, key))


def _box(item: Item, styles: dict[str, ParagraphStyle], width: float) -> Flowable:
    colour = SIGNALS[item.label]
    ink = colors.black if item.label in ("CAUTION", "注意") else colors.white
    signal = ParagraphStyle("s", parent=styles["signal"], textColor=ink)
    table = Table(
        [[Paragraph(escape(item.label), signal)], [Paragraph(escape(item.text), styles["box"])]], colWidths=[width]
    )
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (0, 0), colour),
                ("BOX", (0, 0), (-1, -1), 1, colour),
                ("TOPPADDING", (0, 0), (0, 0), 2),
                ("BOTTOMPADDING", (0, 0), (0, 0), 2),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ]
        )
    )
    return KeepTogether([Spacer(1, 3), table, Spacer(1, 7)])


def _table(item: Item, styles: dict[str, ParagraphStyle], width: float, name: str) -> list[Flowable]:
    count = len(item.rows[0])
    share = item.widths or tuple(100 / count for _ in range(count))
    header = [Paragraph(escape(cell), styles["head"]) for cell in item.rows[0]]
    cells = [[Paragraph(escape(cell), styles["cell"]) for cell in row] for row in item.rows[1:]]
    table = Table([header, *cells], colWidths=[width * part / sum(share) for part in share], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.5, colors.HexColor("#7a8794")),
                ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#2f4a63")),
                ("ROWBACKGROUNDS", (0, 1), (-1, -1), [colors.white, colors.HexColor("#f2f5f8")]),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 2.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
                ("LEFTPADDING", (0, 0), (-1, -1), 4),
                ("RIGHTPADDING", (0, 0), (-1, -1), 4),
            ]
        )
    )
    caption = [CondPageBreak(70), Paragraph(escape(name), styles["caption"])] if item.text else []
    return [*caption, table, Spacer(1, 9)]


def story(items: list[Item], cover: Cover, *, chapter_breaks: bool = True) -> tuple[list[Flowable], list[Item]]:
    """Turn items into flowables; the items of the scanned page come back apart, they are drawn as an image."""
    styles = _styles(cover)
    flow: list[Flowable] = []
    scanned: list[Item] = []
    width, in_scan = WIDTH, False
    tables = figures = 0
    first = True
    for item in items:
        if item.kind == "directive" and item.label == "end":
            if in_scan:
                flow += [Spacer(1, 1), NextPageTemplate("plain"), PageBreak()]
            else:
                flow += [NextPageTemplate("plain"), PageBreak()]
            width, in_scan = WIDTH, False
            first = True
        elif in_scan:
            scanned.append(item)
        elif item.kind == "heading" and item.level == 1:
            if chapter_breaks and not first:
                flow.append(CondPageBreak(HEIGHT * 0.45))
                flow.append(Spacer(1, 10))
            flow.append(Paragraph(escape(item.text), styles["h1"]))
            first = False
        elif item.kind == "heading":
            flow += [CondPageBreak(110), Paragraph(escape(item.text), styles[f"h{item.level}"])]
        elif item.kind == "text":
            flow.append(Paragraph(escape(item.text), styles["text"]))
        elif item.kind == "bullet":
            flow.append(Paragraph(escape(item.text), styles["bullet"], bulletText="•"))
        elif item.kind == "step":
            flow.append(Paragraph(escape(item.text), styles["step"], bulletText=f"{item.label}."))
        elif item.kind == "box":
            flow.append(_box(item, styles, width))
        elif item.kind == "table":
            tables += 1 if item.text else 0
            flow += _table(item, styles, width, cover.table_word.format(n=tables, name=item.text))
        elif item.label == "figure":
            figures += 1
            key, _, name = item.text.partition("|")
            caption = Paragraph(escape(cover.figure_word.format(n=figures, name=name)), styles["caption"])
            flow.append(KeepTogether([Spacer(1, 4), cover.figures[key](), caption, Spacer(1, 6)]))
        elif item.label == "columns":
            flow += [NextPageTemplate("columns"), PageBreak()]
            width, first = (WIDTH - 8 * mm) / 2, True
        elif item.label == "framebreak":
            flow.append(FrameBreak())
        elif item.label == "scan":
            flow += [NextPageTemplate("scan"), PageBreak()]
            in_scan = True
        elif item.label == "pagebreak":
            flow.append(PageBreak())
            first = True
        else:
            raise ValueError(
                f"unknown directive @{item.label}; use figure, columns, framebreak, scan, end or pagebreak"
            )
    return flow, scanned


def write_manual(path: Path, items: list[Item], cover: Cover, *, seed: int) -> None:
    """Write the whole manual to `path`."""
    styles = _styles(cover)
    flow, scanned = story(items, cover)
    scan = scanned_page(story(scanned, cover)[0], cover.font[0], seed=seed) if scanned else None
    toc = TableOfContents(dotsMinLevel=0, levelStyles=[styles["toc1"], styles["toc2"]])
    front: list[Flowable] = [Spacer(1, 60 * mm), Paragraph(escape(cover.title), styles["title"])]
    front.append(Paragraph(escape(cover.subtitle), styles["subtitle"]))
    front += [Paragraph(escape(line), styles["text"]) for line in cover.lines]
    front += [NextPageTemplate("plain"), PageBreak(), Paragraph(escape(cover.contents), styles["h1"]), toc, PageBreak()]
    target = io.BytesIO()
    _Manual(target, cover, scan).multiBuild([*front, *flow])
    path.write_bytes(target.getvalue())
