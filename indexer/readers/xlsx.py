"""Workbooks: one page per visible sheet, its name as heading; title rows, header row, merged cells recognised."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from indexer.errors import ReadError
from indexer.readers.grid import is_number, looks_like_header, table_block
from indexer.readers.limits import ReadLimits
from indexer.readers.text_tools import clean_text, heading, make_page, one_line, paragraph
from indexer.types import Block, Page

_STREAMED_BYTES = 8_000_000  # larger files are streamed, without merged cells


def read_xlsx(path: Path, limits: ReadLimits) -> tuple[list[Page], str, list[str]]:
    """(a page per visible sheet, the title of the file's properties, warnings). Values are those last calculated."""
    import openpyxl

    streamed = path.stat().st_size > _STREAMED_BYTES
    book = openpyxl.load_workbook(path, data_only=True, read_only=streamed)
    warnings: list[str] = []
    pages: list[Page] = []
    try:
        for sheet in book.worksheets:
            if sheet.sheet_state != "visible":
                warnings.append(f"hidden sheet {sheet.title!r} left out")
                continue
            rows = _rows(sheet, limits, path.name, streamed)
            pages.append(make_page(len(pages) + 1, _sheet_blocks(sheet.title, rows)))
        title = one_line(book.properties.title or "")
    finally:
        book.close()
    if not pages:
        raise ReadError(f"{path.name}: no visible sheet in the workbook")
    return pages, title, warnings


def cell_text(value: Any) -> str:
    """A cell as text: dates in ISO form, whole numbers without ".0", at most 12 significant digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        return (
            value.date().isoformat()
            if value.time() == datetime.time()
            else value.isoformat(sep=" ", timespec="seconds")
        )
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.12g}"
    return " ".join(clean_text(str(value)).split())


def _rows(sheet: Any, limits: ReadLimits, name: str, streamed: bool) -> list[list[str]]:
    rows: list[list[str]] = []
    for row in sheet.iter_rows(values_only=True):
        cells = [cell_text(value) for value in row]
        if any(len(cell) > limits.max_cell_characters for cell in cells):
            raise ReadError(
                f"{name}: a cell of sheet {sheet.title!r} is longer than {limits.max_cell_characters} characters"
            )
        rows.append(cells)
        if len(rows) > limits.max_rows:
            raise ReadError(f"{name}: sheet {sheet.title!r} has more than {limits.max_rows} rows; split the file")
    if not streamed:
        for merged in sheet.merged_cells.ranges:
            top, left = merged.min_row - 1, merged.min_col - 1
            # Down a column a merged cell means the same for every row; across columns it is a title.
            if top < len(rows) and merged.max_row - merged.min_row < 5000:
                for r in range(top + 1, min(merged.max_row, len(rows))):
                    rows[r][left] = rows[top][left]
    return rows


def _sheet_blocks(title: str, rows: list[list[str]]) -> list[Block]:
    blocks = [heading(title, 1)]
    parts = _split_at_blank_rows(rows)
    width = max((max(sum(map(bool, r)) for r in part) for part in parts), default=0)
    table: list[list[str]] = []
    header = 0
    found = False

    def flush() -> None:
        nonlocal table, header
        if table:
            block = table_block(table, header)
            blocks.extend([block] if block else [])
        table, header = [], 0

    for part in parts:
        start = _header_row(part, width)
        if start is None and table and _columns(part) <= _columns(table):
            table.extend(part)  # blank rows only part the groups of one table
            continue
        flush()
        lead = (
            part
            if start is None and len(part) <= 3 and max(sum(map(bool, r)) for r in part) <= 2
            else part[: start or 0]
        )
        for row in lead:
            blocks.append(paragraph(" ".join(cell for cell in row if cell)))
        rest = part[len(lead) :]
        if rest:
            table, header = list(rest), 1 if start is not None else 0
            found = True
    flush()
    return blocks if found or len(blocks) > 1 else []


def _columns(rows: list[list[str]]) -> set[int]:
    return {j for row in rows for j, cell in enumerate(row) if cell}


def _split_at_blank_rows(rows: list[list[str]]) -> list[list[list[str]]]:
    parts: list[list[list[str]]] = [[]]
    for row in rows:
        if any(row):
            parts[-1].append(row)
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]


def _header_row(part: list[list[str]], width: int) -> int | None:
    """The row that names the columns: the first wide one among the first fifteen, when it looks like names."""
    widest = max(sum(map(bool, row)) for row in part)
    for n, row in enumerate(part[:15]):
        filled = [cell for cell in row if cell]
        if len(filled) < max(2, 0.6 * widest):
            continue
        if n + 1 >= len(part):
            return None
        strings = sum(not is_number(cell) for cell in filled)
        if strings == len(filled) and (
            looks_like_header(_used(row, part), [_used(r, part) for r in part[n + 1 : n + 30]]) or n > 0
        ):
            return n
        return None
    return None


def _used(row: list[str], part: list[list[str]]) -> list[str]:
    columns = sorted(_columns(part))
    return [row[j] for j in columns]
