"""Export files to (header, rows): CSV and its relatives, XLSX, JSON and JSONL. All streams; cells are strings."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from indexer.errors import ReadError
from indexer.fault_reports.encodings import sniff_encoding
from indexer.fault_reports.jsonrows import open_json

MAX_CELL = 1_048_576  # characters; more is a damaged file (an unclosed quote), not a fault report
SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".json", ".jsonl", ".ndjson"})
_HEADER_WITHIN = 30  # title rows and blank rows above the header, at most
_RULE = re.compile(r"^[\s|\-=_+]*$")

Rows = Iterator[list[str]]


def open_export(path: Path) -> tuple[list[str], Rows]:
    """Open an export; return its header and an iterator over its rows, padded to the header's length.

    CSV, TSV and the like: encoding (UTF-8, UTF-16, GB18030, Windows-1252) and delimiter (, ; tab |) are found out,
    quoted line breaks kept. XLSX: the first visible sheet with a header and rows, a sheet of work records preferred;
    calculated values, dates as YYYY-MM-DD. JSON (a list of objects, or an object holding one) and JSONL: the header is
    the union of all keys, nested objects flattened to "asset.id". Title rows above the header are skipped. A row longer
    than the header keeps its surplus cells. Rows are read while iterating, so memory stays bounded.

    Raises ReadError, here or while iterating: no such file, unknown format, no header, damaged file, a cell of over
    1,048,576 characters.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".xls":
        raise ReadError(f"'{path.name}' is an old Excel file; save it as .xlsx or .csv and index that")
    if suffix not in SUFFIXES:
        raise ReadError(f"'{path.name}' is no known export format; use one of {', '.join(sorted(SUFFIXES))}")
    try:
        if path.stat().st_size == 0:
            raise ReadError(f"'{path.name}' is empty")
        if suffix in (".xlsx", ".xlsm"):
            return _open_xlsx(path)
        if suffix in (".json", ".jsonl", ".ndjson"):
            header, rows = open_json(path, sniff_encoding(path))
            return header, _checked(rows, len(header), path)
        return _open_delimited(path)
    except OSError as error:
        raise ReadError(f"'{path.name}' cannot be read: {error.strerror or error}") from error


def _checked(rows: Iterator[Sequence[str]], width: int, path: Path) -> Rows:
    """Pad rows, drop rules ("-----") and refuse monstrous cells."""
    for number, row in enumerate(rows, start=1):
        cells = list(row)
        for position, cell in enumerate(cells, start=1):
            if len(cell) > MAX_CELL:
                raise _too_big(path, f"row {number}, cell {position}")
        if any(cells) and all(_RULE.match(cell) for cell in cells) and any(len(cell) > 4 for cell in cells):
            continue
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        cells.extend([""] * (width - len(cells)))
        yield cells


def _too_big(path: Path, where: str) -> ReadError:
    return ReadError(
        f"'{path.name}', {where}: a cell is longer than {MAX_CELL:,} characters; "
        f"look for an unclosed quote there and export the file again"
    )


def find_header(rows: Sequence[Sequence[str]]) -> int:
    """Position of the header among a table's first rows: the first one with as many names as the table has columns.

    Title rows fill few cells; data rows hold numbers and dates. Raises ValueError where no row can be a header.
    """
    widths = [sum(1 for cell in row if cell.strip()) for row in rows[: 2 * _HEADER_WITHIN]]
    usual = Counter(width for width in widths if width).most_common(1)
    if not usual:
        raise ValueError("no filled row")
    wanted = max(2 if max(widths) > 1 else 1, round(0.6 * usual[0][0]))
    for position, row in enumerate(rows[:_HEADER_WITHIN]):
        cells = [cell.strip() for cell in row if cell.strip()]
        if len(cells) < wanted or all(_RULE.match(cell) for cell in cells):
            continue
        names = [cell for cell in cells if not re.match(r"^[\d\s.,:/\-+%]+$", cell) and len(cell) <= 120]
        if len(names) >= 0.7 * len(cells):
            return position
    raise ValueError("no row of column names")


def _split_header(first: list[list[str]], path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        place = find_header(first)
    except ValueError:
        raise ReadError(
            f"'{path.name}' has no row of column names in its first {_HEADER_WITHIN} rows; add one"
        ) from None
    header = [" ".join(cell.split()) for cell in first[place]]
    while header and not header[-1]:
        header.pop()
    return header, first[place + 1 :]


# --- delimited text --------------------------------------------------------------------------------------------------


def _open_delimited(path: Path) -> tuple[list[str], Rows]:
    encoding = sniff_encoding(path)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        delimiter = sniff_delimiter(file.read(131_072), path)
    rows = _delimited_rows(path, encoding, delimiter)
    header, rest = _split_header(list(itertools.islice(rows, 2 * _HEADER_WITHIN)), path)
    return header, _checked(itertools.chain(rest, rows), len(header), path)


def _delimited_rows(path: Path, encoding: str, delimiter: str) -> Iterator[list[str]]:
    # The limit is the process's own; it is only ever raised, so that other readers keep theirs.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL))
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            yield from reader
        except csv.Error as error:
            if "field larger" in str(error):
                raise _too_big(path, f"near line {reader.line_num}") from error
            raise ReadError(f"'{path.name}', near line {reader.line_num}: {error}; export the file again") from error


def sniff_delimiter(sample: str, path: Path) -> str:
    """The delimiter that cuts most rows into equally many cells, more than one."""
    best, best_score = "\t" if path.suffix.lower() == ".tsv" else ",", 0.0
    for delimiter in (",", ";", "\t", "|"):
        try:
            rows = [row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if any(row)]
        except csv.Error:
            continue
        if len(rows) > 2:
            rows.pop()  # cut off by the sample's end, perhaps
        widths = Counter(len(row) for row in rows)
        width, count = max(widths.items(), key=lambda pair: (pair[1] if pair[0] > 1 else 0, pair[0]), default=(1, 0))
        if width > 1:
            score = count / len(rows) + min(width, 40) / 200
            if score > best_score:
                best, best_score = delimiter, score
    return best


# --- XLSX ------------------------------------------------------------------------------------------------------------


def _open_xlsx(path: Path) -> tuple[list[str], Rows]:
    import zipfile

    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, EOFError) as error:
        raise ReadError(f"'{path.name}' is no readable Excel workbook ({error}); save it again as .xlsx") from error
    try:
        name = _choose_sheet(book)
    except BaseException:
        book.close()
        raise
    if name is None:
        book.close()
        raise ReadError(f"'{path.name}' has no sheet with a row of column names and rows below it; add them")
    rows = _sheet_rows(book, name)
    header, rest = _split_header(list(itertools.islice(rows, 2 * _HEADER_WITHIN)), path)
    return header, _checked(_closing(itertools.chain(rest, rows), book, path), len(header), path)


def _choose_sheet(book: Any) -> str | None:
    from indexer.fault_reports.detect import looks_like_fault_reports

    usable: list[str] = []
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            continue
        first = list(itertools.islice(_sheet_rows(book, sheet.title), 200))
        try:
            place = find_header(first)
        except ValueError:
            continue
        if not any(any(row) for row in first[place + 1 :]):
            continue
        if looks_like_fault_reports(first[place], first[place + 1 :]):
            return str(sheet.title)
        usable.append(sheet.title)
    return usable[0] if usable else None


def _sheet_rows(book: Any, name: str) -> Iterator[list[str]]:
    sheet = book[name]
    sheet.reset_dimensions()  # other programs write wrong dimensions, and rows would be cut
    for row in sheet.iter_rows(values_only=True):
        yield [_cell_text(value) for value in row]


def _closing(rows: Iterator[list[str]], book: Any, path: Path) -> Iterator[list[str]]:
    import zipfile
    import zlib
    from xml.etree.ElementTree import ParseError

    try:
        yield from rows
    except (zipfile.BadZipFile, zlib.error, ParseError, ValueError, KeyError) as error:
        raise ReadError(f"'{path.name}' is damaged ({error}); save it again as .xlsx") from error
    finally:
        book.close()


def _cell_text(value: object) -> str:
    import datetime

    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(value, ".15g")
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, datetime.timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
    return str(value)
