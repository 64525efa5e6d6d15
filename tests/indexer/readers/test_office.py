"""Word, PowerPoint and Excel files made with their own libraries, and containers that must be refused."""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import ReadError
from indexer.readers import ReadLimits
from indexer.types import BlockKind, PageStatus


def make_docx(path: Path) -> None:
    import docx

    document = docx.Document()
    document.add_heading("Gearbox manual", 0)
    document.add_heading("Oil change", 2)
    document.add_paragraph("Drain the oil while it is warm.")
    document.add_paragraph("Open the drain plug", style="List Number")
    document.add_paragraph("Close it again", style="List Number")
    table = document.add_table(rows=3, cols=3)
    for r, row in enumerate([["Code", "Cause", "Remedy"], ["A1", "Low oil", "Refill"], ["", "Leak", "Seal"]]):
        for c, text in enumerate(row):
            table.cell(r, c).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    document.add_paragraph("WARNING")
    document.add_paragraph("Hot oil burns the skin.")
    document.save(str(path))


def test_docx_keeps_body_order_numbers_and_merged_cells(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "gear.docx"
    make_docx(path)
    document = read(path)
    blocks = document.pages[0].blocks
    assert [b.kind for b in blocks] == [
        BlockKind.HEADING, BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.LIST_ITEM,
        BlockKind.TABLE, BlockKind.PARAGRAPH,
    ]  # fmt: skip
    assert (blocks[0].level, blocks[1].level) == (1, 2)
    assert [b.text for b in blocks[3:5]] == ["1. Open the drain plug", "2. Close it again"]
    assert blocks[5].header_rows == 1 and blocks[5].rows[2] == ("A1", "Leak", "Seal")
    assert blocks[6].text == "WARNING: Hot oil burns the skin."


def test_docx_under_the_suffix_of_a_pdf_is_read_with_a_warning(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "gear.pdf"
    make_docx(path)
    document = read(path)
    assert "Drain the oil" in document.pages[0].text
    assert any("docx" in warning for warning in document.warnings)


def test_pptx_slides_are_pages(tmp_path: Path, read: Any) -> None:
    from pptx import Presentation

    path = tmp_path / "training.pptx"
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Lockout"
    slide.placeholders[1].text = "Switch off\nAttach the lock"
    slide.notes_slide.notes_text_frame.text = "Show the lock to the class."
    deck.slides.add_slide(deck.slide_layouts[6])
    deck.save(str(path))
    pages = read(path).pages
    assert [p.status for p in pages] == [PageStatus.TEXT, PageStatus.BLANK]
    assert pages[0].blocks[0].kind is BlockKind.HEADING and pages[0].blocks[0].text == "Lockout"
    assert [b.text for b in pages[0].blocks[1:3]] == ["• Switch off", "• Attach the lock"]
    assert pages[0].blocks[-1].text == "Show the lock to the class."


def test_xlsx_finds_the_header_below_title_rows(tmp_path: Path, read: Any) -> None:
    import openpyxl

    path = tmp_path / "codes.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "故障代码"
    sheet["B2"] = "Fault codes of line 3"
    for row in (
        ["Code", "Since", "Limit"],
        ["E1", datetime.date(2024, 3, 1), 4.5],
        ["E2", datetime.datetime(2024, 3, 2, 8, 30), 7.0],
    ):
        sheet.append([None, *row])
    other = book.create_sheet("hidden")
    other.sheet_state = "hidden"
    other["A1"] = "secret"
    book.save(path)
    document = read(path)
    blocks = document.pages[0].blocks
    assert blocks[0].text == "故障代码" and blocks[1].text == "Fault codes of line 3"
    assert blocks[2].rows == (
        ("Code", "Since", "Limit"),
        ("E1", "2024-03-01", "4.5"),
        ("E2", "2024-03-02 08:30:00", "7"),
    )
    assert blocks[2].header_rows == 1
    assert len(document.pages) == 1 and any("hidden" in w for w in document.warnings)


def rewrite(source: Path, target: Path, member: str, data: bytes) -> None:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name != member:
                new.writestr(name, old.read(name))
        new.writestr(member, data)


@pytest.mark.parametrize(
    ("member", "data", "message"),
    [
        ("word/media/big.bin", b"\0" * 30_000_000, "packed over"),
        ("../evil.txt", b"x", "outside the container"),
        ("word/extra.xml", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "entities"),
    ],
)
def test_hostile_containers_are_refused(tmp_path: Path, read: Any, member: str, data: bytes, message: str) -> None:
    make_docx(tmp_path / "good.docx")
    bad = tmp_path / "bad.docx"
    rewrite(tmp_path / "good.docx", bad, member, data)
    with pytest.raises(ReadError, match=message):
        read(bad)


def test_size_limit_truncation_and_plain_zip(tmp_path: Path, read: Any) -> None:
    good = tmp_path / "good.docx"
    make_docx(good)
    with pytest.raises(ReadError, match="unpacks to more than"):
        read(good, ReadLimits(max_unzipped_bytes=1000))
    cut = tmp_path / "cut.docx"
    cut.write_bytes(good.read_bytes()[:3000])
    with pytest.raises(ReadError, match="truncated or damaged"):
        read(cut)
    archive = tmp_path / "archive.docx"
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("readme.txt", "hello")
    with pytest.raises(ReadError, match="zip archive"):
        read(archive)
    old = tmp_path / "old.doc"
    old.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000)
    with pytest.raises(ReadError, match="old binary office file"):
        read(old)
