"""PDFs drawn on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from indexer.errors import ReadError
from indexer.readers import ReadLimits, report
from indexer.readers.ocr import usable_languages
from indexer.types import Block, BlockKind, PageStatus

WIDTH, HEIGHT = A4


def lines(
    canvas: Canvas, texts: list[str], x: float, y: float, step: float = 14, font: str = "Helvetica", size: float = 10
) -> float:
    canvas.setFont(font, size)
    for text in texts:
        canvas.drawString(x, y, text)
        y -= step
    return y


def grid(canvas: Canvas, rows: list[list[str]], x: float, y: float, widths: list[float], height: float = 18) -> float:
    canvas.setFont("Helvetica", 9)
    edges = [x]
    for width in widths:
        edges.append(edges[-1] + width)
    for n in range(len(rows) + 1):
        canvas.line(edges[0], y - n * height, edges[-1], y - n * height)
    for edge in edges:
        canvas.line(edge, y, edge, y - len(rows) * height)
    for n, row in enumerate(rows):
        for cell, edge in zip(row, edges, strict=False):
            canvas.drawString(edge + 3, y - n * height - 12, cell)
    return y - len(rows) * height


def tables(blocks: tuple[Block, ...]) -> list[Block]:
    return [b for b in blocks if b.kind is BlockKind.TABLE]


def test_two_columns_are_read_one_after_the_other(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "columns.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    left = [f"left column sentence number {n} runs on here" for n in range(20)]
    right = [f"right column sentence number {n} runs on too" for n in range(20)]
    for n in range(20):  # drawn line by line across the page, as careless producers do
        lines(canvas, [left[n]], 60, 700 - 14 * n)
        lines(canvas, [right[n]], 320, 700 - 14 * n)
    canvas.save()
    text = read(path).pages[0].text
    assert text.index("left column sentence number 19") < text.index("right column sentence number 0")


def test_ruled_table_stands_in_place_and_is_not_repeated(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "alarms.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    lines(canvas, ["The following alarms can be shown on the panel of the drive."], 60, 760)
    lines(canvas, ["Table 1: alarms"], 60, 740)
    rows = [
        ["Code", "Meaning", "Remedy"],
        ["E-201", "Overcurrent", "Check the motor cable"],
        ["E-202", "Overvoltage", "Extend the ramp"],
    ]
    y = grid(canvas, rows, 60, 720, [80, 150, 200])
    lines(canvas, ["After the remedy press RESET for two seconds and start again."], 60, y - 30)
    canvas.save()
    page = read(path).pages[0]
    kinds = [b.kind for b in page.blocks]
    assert kinds == [BlockKind.PARAGRAPH, BlockKind.TABLE, BlockKind.PARAGRAPH]
    table = page.blocks[1]
    assert table.rows == tuple(tuple(r) for r in rows) and table.header_rows == 1 and table.caption == "Table 1: alarms"
    assert page.text.count("E-201") == 1


def test_table_continued_on_the_next_page_repeats_its_header(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "long.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    rows = [["Parameter", "Name", "Default"]] + [[f"P{n:03}", f"name of {n}", str(n)] for n in range(30)]
    grid(canvas, rows[:16], 60, 780, [90, 200, 90])
    canvas.showPage()
    grid(canvas, rows[16:], 60, 780, [90, 200, 90])
    canvas.save()
    second = tables(read(path).pages[1].blocks)[0]
    assert second.header_rows == 1 and second.rows[0] == ("Parameter", "Name", "Default")
    assert second.rows[1] == ("P015", "name of 15", "15")


def test_aligned_columns_without_rules_are_a_table(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "aligned.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    for n, row in enumerate(
        [["Code", "Meaning", "Unit"], ["F01", "speed", "rpm"], ["F02", "torque", "Nm"], ["F03", "power", "kW"]]
    ):
        for cell, x in zip(row, (60, 180, 330), strict=True):
            lines(canvas, [cell], x, 700 - 14 * n)
    canvas.save()
    assert tables(read(path).pages[0].blocks)[0].rows[2] == ("F02", "torque", "Nm")


def test_running_titles_go_and_headings_stay(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "book.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    for n in range(1, 6):
        lines(canvas, ["ACME Drive Manual"], 60, 815, size=8)
        lines(canvas, [f"{n}.1 Cooling of unit {n}"], 60, 760, font="Helvetica-Bold", size=14)
        lines(
            canvas,
            [
                f"Body text of page {n} that is long enough to be taken as running text.",
                "It goes on in a second line of the para-",
                "graph and ends there.",
            ],
            60,
            730,
        )
        lines(canvas, [f"Page {n} of 5"], 280, 25, size=8)
        canvas.bookmarkPage(f"p{n}")
        canvas.addOutlineEntry(f"{n}.1 Cooling of unit {n}", f"p{n}", 0)
        canvas.showPage()
    canvas.save()
    document = read(path)
    for n, page in enumerate(document.pages, 1):
        assert "ACME" not in page.text and "of 5" not in page.text
        assert page.blocks[0].kind is BlockKind.HEADING and page.blocks[0].text == f"{n}.1 Cooling of unit {n}"
        assert "second line of the paragraph and ends there." in page.blocks[1].text
    assert document.outline[2] == (1, "3.1 Cooling of unit 3", 3)


def test_chinese_lines_join_without_spaces_and_warning_word_is_bound(tmp_path: Path, read: Any) -> None:
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    path = tmp_path / "zh.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    lines(
        canvas,
        ["变频器安装前请先切断电源并等待十分钟以上再进行任何接线操作以免发生触电危险", "事故。"],
        60,
        760,
        font="STSong-Light",
    )
    lines(canvas, ["警告"], 60, 700, font="STSong-Light")
    lines(canvas, ["通电时禁止打开外壳。"], 60, 660, font="STSong-Light")
    canvas.save()
    blocks = read(path).pages[0].blocks
    assert "触电危险事故。" in blocks[0].text
    assert blocks[-1].text == "警告：通电时禁止打开外壳。"


def test_numbered_steps_are_list_items(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "steps.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    lines(
        canvas,
        [
            "1. Switch the machine off.",
            "2. Open the cover and wait until the fan",
            "    has stopped.",
            "3. Replace the filter.",
        ],
        60,
        760,
    )
    canvas.save()
    items = [b.text for b in read(path).pages[0].blocks if b.kind is BlockKind.LIST_ITEM]
    assert items == [
        "1. Switch the machine off.",
        "2. Open the cover and wait until the fan has stopped.",
        "3. Replace the filter.",
    ]


def scan(path: Path, text: str | None) -> None:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("L", (1240, 1754), 255)
    if text:
        font = ImageFont.load_default(size=44)
        for n, line in enumerate(text.split("\n")):
            ImageDraw.Draw(image).text((120, 200 + 80 * n), line, fill=0, font=font)
    canvas = Canvas(str(path), pagesize=A4)
    from reportlab.lib.utils import ImageReader

    canvas.drawImage(ImageReader(image), 0, 0, WIDTH, HEIGHT)
    canvas.showPage()
    lines(canvas, ["A page with text of its own, so that the document is usable."], 60, 700)
    canvas.save()


def test_scanned_page_is_recognised_or_reported(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "scan.pdf"
    scan(path, "Tighten the coupling bolts\nbefore starting the pump")
    limits = ReadLimits()
    document = read(path, limits)
    page = document.pages[0]
    if usable_languages(limits):
        assert page.status is PageStatus.OCR and 0.3 < page.confidence <= 1.0
        assert "coupling bolts" in page.text
        coupling = next(word for word in page.words if word.text == "coupling")
        assert 150 < coupling.x0 < coupling.x1 < 300 and 90 < coupling.top < coupling.bottom < 125  # in points
        assert report(document).scanned == (1,)
    else:
        assert page.status is PageStatus.NO_TEXT and report(document).no_text == (1,)
    without = read(path, ReadLimits(ocr=False))
    assert without.pages[0].status is PageStatus.NO_TEXT and report(without).coverage == 0.5
    assert any("without readable text: 1" in w for w in without.warnings)


def test_white_scan_and_empty_page_are_blank(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "white.pdf"
    scan(path, None)
    assert [p.status for p in read(path).pages] == [PageStatus.BLANK, PageStatus.TEXT]


def test_rotated_page_reads_like_an_upright_one(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "turned.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    canvas.setPageRotation(90)
    canvas.rotate(90)
    lines(canvas, ["First line of the landscape sheet.", "Second line of the landscape sheet."], 100, -150)
    canvas.save()
    text = read(path).pages[0].text
    assert text.index("First line of the landscape sheet.") < text.index("Second line of the landscape sheet.")


def test_revision_and_title(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "x.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    canvas.setTitle("Pump P4 operating manual")
    lines(canvas, ["Revision: C", "All rights are reserved by the maker of the pump."], 60, 760)
    canvas.save()
    source = read(path).source
    assert source.title == "Pump P4 operating manual" and source.revision == "Rev. C"
    named = tmp_path / "Pump manual V1.0.4.pdf"
    named.write_bytes(path.read_bytes())
    assert read(named).source.revision == "V1.0.4"


def test_encrypted_and_truncated_files_are_refused(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "locked.pdf"
    canvas = Canvas(str(path), pagesize=A4, encrypt="secret")
    canvas.drawString(60, 700, "hidden")
    canvas.save()
    with pytest.raises(ReadError, match="encrypted"):
        read(path)
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\n1 0 obj <<")
    with pytest.raises(ReadError, match="damaged"):
        read(broken)
    with pytest.raises(ReadError, match="at most 1"):
        scan(tmp_path / "two.pdf", "text")
        read(tmp_path / "two.pdf", ReadLimits(ocr=False, max_pages=1))
