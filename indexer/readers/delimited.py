"""CSV and TSV: encoding, delimiter and header found by looking; ragged rows padded with a warning."""

from __future__ import annotations

import csv
import io
from collections import Counter

from indexer.errors import ReadError
from indexer.readers.grid import is_number, table_block
from indexer.readers.limits import ReadLimits
from indexer.readers.text_tools import clean_text, heading, make_page
from indexer.types import Block, Page

_DELIMITERS = ",;\t|"


def delimiter_of(text: str) -> str:
    """The delimiter that gives the first rows the same number of cells, at least two; a comma when none does."""
    best, best_score = ",", 0.0
    sample = text[:200_000]
    for delimiter in _DELIMITERS:
        widths: list[int] = []
        try:
            for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
                if row:
                    widths.append(len(row))
                if len(widths) >= 60:
                    break
        except csv.Error:
            continue
        if not widths:
            continue
        width, count = Counter(widths).most_common(1)[0]
        score = (count / len(widths)) * min(width, 8) if width > 1 else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best


def read_delimited(text: str, name: str, limits: ReadLimits, title: str) -> tuple[list[Page], list[str]]:
    """(pages, warnings): one page with one table. Raises ReadError for a cell or a row count above the limits."""
    previous = csv.field_size_limit(limits.max_cell_characters)
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text)):
            cells = [" ".join(clean_text(cell).split()) for cell in row]
            if any(cells):
                rows.append(cells)
            if len(rows) > limits.max_rows:
                raise ReadError(f"{name}: more than {limits.max_rows} rows; split the file")
    except csv.Error as error:
        if "field larger" in str(error):
            raise ReadError(
                f"{name}: a cell is longer than {limits.max_cell_characters} characters; check its quotes"
            ) from error
        raise ReadError(f"{name}: not readable as a table ({error})") from error
    finally:
        csv.field_size_limit(previous)
    if not rows:
        raise ReadError(f"{name}: no rows in it")
    width = Counter(len(row) for row in rows).most_common(1)[0][0]
    ragged = sum(len(row) != width for row in rows)
    warnings = [f"{ragged} of {len(rows)} rows have another number of cells than {width}; padded"] if ragged else []
    blocks: list[Block] = [heading(title, 1)]
    while len(rows) > 2 and len(rows[0]) < width and sum(map(bool, rows[0])) == 1 and width > 1:
        blocks.append(heading("".join(rows.pop(0)), 2))  # title rows above the table
    table = table_block(rows, 1 if _has_header(rows) else 0)
    if table is not None:
        blocks.append(table)
    return [make_page(1, blocks)], warnings


def _has_header(rows: list[list[str]]) -> bool:
    """The first row of an export names its columns unless it holds numbers or repeats a value."""
    if len(rows) < 2:
        return False
    filled = [cell for cell in rows[0] if cell]
    return bool(filled) and not any(is_number(cell) for cell in filled) and max(map(len, filled)) <= 100
