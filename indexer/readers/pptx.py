"""Slides: one page each, the title as heading, then texts and tables from top to bottom, then the notes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.readers.grid import table_block
from indexer.readers.text_tools import LIST_MARKER, heading, make_page, one_line, paragraph
from indexer.types import Block, BlockKind, Page, PageStatus


def read_pptx(path: Path) -> tuple[list[Page], str]:
    """(a page per slide, the title of the file's properties). A slide of pictures only has status NO_TEXT."""
    from pptx import Presentation

    deck = Presentation(str(path))
    pages = []
    for number, slide in enumerate(deck.slides, 1):
        blocks: list[Block] = []
        title = slide.shapes.title
        if title is not None and title.has_text_frame and one_line(title.text_frame.text):
            blocks.append(heading(title.text_frame.text, 1))
        shapes = [s for s in _flat(slide.shapes, 0) if title is None or s.shape_id != title.shape_id]
        pictures = False
        for shape in sorted(shapes, key=lambda s: (round((s.top or 0) / 200_000), s.left or 0)):
            pictures = pictures or (shape.shape_type is not None and "PICTURE" in str(shape.shape_type))
            if getattr(shape, "has_table", False) and shape.has_table:
                rows = [[one_line(cell.text) for cell in row.cells] for row in shape.table.rows]
                block = table_block(rows, 1 if shape.table.first_row else None)
                blocks.extend([block] if block else [])
            elif shape.has_text_frame:
                _frame(shape, blocks)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            for line in slide.notes_slide.notes_text_frame.text.split("\n"):
                if one_line(line):
                    blocks.append(paragraph(one_line(line)))
        status = PageStatus.NO_TEXT if pictures and not blocks else PageStatus.TEXT
        pages.append(make_page(number, blocks, status))
    return pages, one_line(deck.core_properties.title or "")


def _flat(shapes: Any, depth: int) -> Iterator[Any]:
    for shape in shapes:
        if hasattr(shape, "shapes") and depth < 10:
            yield from _flat(shape.shapes, depth + 1)
        else:
            yield shape


def _frame(shape: Any, blocks: list[Block]) -> None:
    body = (shape.is_placeholder and "BODY" in str(shape.placeholder_format.type)) or (
        shape.is_placeholder and "OBJECT" in str(shape.placeholder_format.type)
    )
    for item in shape.text_frame.paragraphs:
        text = one_line("".join(run.text for run in item.runs) or item.text)
        if not text:
            continue
        properties = item._p.pPr
        numbered = properties is not None and properties.find(".//{*}buAutoNum") is not None
        bullet = properties is not None and properties.find(".//{*}buChar") is not None
        plain = properties is not None and properties.find(".//{*}buNone") is not None
        if LIST_MARKER.match(text):
            blocks.append(Block(BlockKind.LIST_ITEM, text, level=min(5, item.level)))
        elif numbered:
            last = blocks[-1].text.split(".")[0] if blocks and blocks[-1].kind is BlockKind.LIST_ITEM else ""
            number = int(last) + 1 if last.isdigit() else 1
            blocks.append(Block(BlockKind.LIST_ITEM, f"{number}. {text}", level=min(5, item.level)))
        elif bullet or (body and not plain):
            blocks.append(Block(BlockKind.LIST_ITEM, f"• {text}", level=min(5, item.level)))
        else:
            blocks.append(paragraph(text))
