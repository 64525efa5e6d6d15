"""Writes the Word manual and the alarm workbook with fixed time stamps, so that the same content gives the same bytes."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

from .markup import Item
from .mill_alarms import ALARMS, MESSAGES, rows

STAMP = datetime(2024, 3, 1, 8, 0, 0)
SHADES = {"DANGER": "F4C7CC", "WARNING": "FBDDB9", "CAUTION": "FCF2BF", "NOTICE": "CFE0F3"}


def _write_fixed(path: Path, data: bytes) -> None:
    """Rewrite a zip package with its members in order and all dated alike."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package,
    ):
        for name in source.namelist():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(member, source.read(name))
    path.write_bytes(target.getvalue())


def _restart_numbering(document: Any, base: Any) -> int:
    """Add a numbering instance that starts at 1 again and return its number."""
    from docx.oxml.ns import qn

    numbering = document.part.numbering_part.element
    abstract = numbering.num_having_numId(base).abstractNumId.val
    instance = numbering.add_num(abstract)
    override = instance.add_lvlOverride(ilvl=0)
    override.add_startOverride(1)
    return int(instance.get(qn("w:numId")))


def _shaded_box(document: Any, item: Item) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    table = document.add_table(rows=1, cols=1, style="Table Grid")
    cell = table.cell(0, 0)
    shading = OxmlElement("w:shd")
    shading.set(qn("w:val"), "clear")
    shading.set(qn("w:fill"), SHADES[item.label])
    cell._tc.get_or_add_tcPr().append(shading)
    paragraph = cell.paragraphs[0]
    paragraph.add_run(f"{item.label}: ").bold = True
    paragraph.add_run(item.text)
    document.add_paragraph()


def write_docx(path: Path, items: list[Item], *, title: str, subtitle: str, header: str) -> None:
    """Write the items as a Word document with heading styles, real numbered lists, tables and notice boxes."""
    import docx

    document = docx.Document()
    properties = document.core_properties
    properties.title, properties.author, properties.created, properties.modified = title, "Sample plant", STAMP, STAMP
    properties.last_modified_by, properties.revision = "Sample plant", 1
    document.sections[0].header.paragraphs[0].text = header
    document.add_heading(title, level=0)
    document.add_paragraph(subtitle)
    list_style = document.styles["List Number"]
    base = list_style.element.pPr.numPr.numId.val
    number = base
    for item in items:
        if item.kind == "heading":
            document.add_heading(item.text, level=item.level)
        elif item.kind == "bullet":
            document.add_paragraph(item.text, style="List Bullet")
        elif item.kind == "step":
            if item.label == "1":
                number = _restart_numbering(document, base)
            paragraph = document.add_paragraph(item.text, style="List Number")
            properties_of_list = paragraph._p.get_or_add_pPr().get_or_add_numPr()
            properties_of_list.get_or_add_numId().val = number
            properties_of_list.get_or_add_ilvl().val = 0
        elif item.kind == "box":
            _shaded_box(document, item)
        elif item.kind == "table":
            document.add_paragraph(item.text, style="Caption")
            table = document.add_table(rows=0, cols=len(item.rows[0]), style="Table Grid")
            for position, row in enumerate(item.rows):
                for cell, value in zip(table.add_row().cells, row, strict=True):
                    cell.text = value
                    if position == 0:
                        cell.paragraphs[0].runs[0].bold = True
            document.add_paragraph()
        else:
            document.add_paragraph(item.text)
    target = io.BytesIO()
    document.save(target)
    _write_fixed(path, target.getvalue())


def write_alarms(path: Path) -> None:
    """Write the alarm workbook: each sheet has title rows above its header, as exported lists have."""
    import openpyxl
    from openpyxl.styles import Alignment, Font, PatternFill

    book = openpyxl.Workbook()
    book.properties.creator, book.properties.created, book.properties.modified = "Sample plant", STAMP, STAMP
    plans = (
        ("Alarms", ALARMS, ("Alarm", "Text", "Cause", "Remedy"), "VM-5 alarm list, control software 5.2"),
        ("Messages", MESSAGES, ("No.", "Message", "Cause", "What to do"), "VM-5 messages of the program run"),
    )
    for name, text, header, title in plans:
        sheet = book.create_sheet(name)
        sheet.append([title])
        sheet.append(["Document VM5-AL-07, issued 2024-03-01", None, None, "Print on A4 landscape"])
        sheet.append([])
        sheet.append(header)
        sheet["A1"].font = Font(bold=True, size=14)
        for cell in sheet[4]:
            cell.font = Font(bold=True, color="FFFFFF")
            cell.fill = PatternFill("solid", fgColor="2F4A63")
        for code, *rest in rows(text):
            sheet.append([int(code) if code.isdigit() else code, *rest])
        for column, width in zip("ABCD", (12, 38, 50, 52), strict=True):
            sheet.column_dimensions[column].width = width
        for row in sheet.iter_rows(min_row=5):
            for cell in row:
                cell.alignment = Alignment(wrap_text=True, vertical="top", horizontal="left")
        sheet.freeze_panes = "A5"
    del book["Sheet"]
    target = io.BytesIO()
    book.save(target)
    data = target.getvalue()
    # openpyxl stamps the time of saving over the one set above
    cleaned = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(cleaned, "w") as package:
        for member in source.namelist():
            content = source.read(member)
            if member == "docProps/core.xml":
                stamp = f"{STAMP:%Y-%m-%dT%H:%M:%SZ}".encode()
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, content)
            package.writestr(member, content)
    _write_fixed(path, cleaned.getvalue())
