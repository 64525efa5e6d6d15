"""Rows as CSV that a spreadsheet shows and does not run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from indexer.fault_reports.names import FIELDS

if TYPE_CHECKING:
    from indexer.fault_reports import StoredReport

_RUNS = ("=", "+", "-", "@", "\t", "\r")


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A CSV file with a header, UTF-8 with a mark so that Excel reads Chinese.

    A text that a spreadsheet would take for a formula gets a ' in front (OWASP, CSV injection); numbers stay numbers.
    """
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([_cell(column) for column in columns])
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
    return "\ufeff" + written.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_RUNS) or text.startswith(_RUNS) else text


def holding(reports: Iterable[StoredReport], text: str) -> list[StoredReport]:
    """The fault reports that hold all words of a text, in any of their columns; case does not matter."""
    wanted = text.casefold().split()
    return [one for one in reports if all(word in _whole(one) for word in wanted)]


def _whole(stored: StoredReport) -> str:
    return " ".join(str(getattr(stored.report, name) or "") for name in FIELDS).casefold()
