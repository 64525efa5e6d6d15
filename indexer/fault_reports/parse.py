"""Rows of an export to FaultReports, one at a time, with nothing lost and every problem told."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from indexer.fault_reports import values
from indexer.fault_reports.columns import TEXT_FIELDS, ColumnMap, settle_date_order
from indexer.types import FaultReport

_LOOK_AHEAD = 5000  # rows held back, at most, to find out whether day or month comes first
_KEPT_PER_KIND = 20
_CJK = re.compile(r"[\u3400-\u9fff]")


@dataclass(slots=True)
class Problems:
    """Collects what is wrong with single rows, in bounded memory: 20 lines per kind, then a count.

    `general` holds what concerns the whole export.
    """

    general: list[str] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, row: int, message: str) -> None:
        """Note a problem of one row (1-based, header not counted)."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] <= _KEPT_PER_KIND:
            self._lines.append(f"row {row}: {message}")

    def lines(self) -> tuple[str, ...]:
        """All warnings, the export's own first."""
        more = [
            f"{count - _KEPT_PER_KIND} more rows with the same problem: {kind}"
            for kind, count in self._counts.items()
            if count > _KEPT_PER_KIND
        ]
        return (*self.general, *self._lines, *more)

    def __len__(self) -> int:
        return len(self.general) + sum(self._counts.values())


def parse_reports(
    rows: Iterable[Sequence[str]], column_map: ColumnMap, problems: Problems | None = None, first_row: int = 1
) -> Iterator[FaultReport]:
    """Yield one FaultReport per row that is not blank, in order; streams.

    `first_row` is the number of the first of `rows`. A cell that cannot be read as its field asks (a date such as
    31/02/2020, a cost of "see invoice") is kept in `extra` under its column's name and told in `problems`, as are
    rows longer than the header. Where the sample left open whether day or month comes first, up to 5,000 rows are
    looked at ahead; if they do not say either, day first is assumed and told.
    """
    problems = Problems() if problems is None else problems
    stream = iter(rows)
    orders = dict(column_map.date_orders)
    if any(not order for order in orders.values()):
        ahead = list(itertools.islice(stream, _LOOK_AHEAD))
        _settle_orders(orders, ahead, column_map, problems)
        stream = itertools.chain(ahead, stream)
    parser = _RowParser(column_map, orders, problems)
    for number, row in enumerate(stream, start=first_row):
        report = parser.parse(number, row)
        if report is not None:
            yield report


def _settle_orders(
    orders: dict[int, str], rows: Sequence[Sequence[str]], column_map: ColumnMap, problems: Problems
) -> None:
    for position, order in orders.items():
        if order:
            continue
        column = column_map.header[position]
        votes = values.vote_date_order(row[position] for row in rows if position < len(row))
        settled = settle_date_order(votes, column, problems.general)
        if not settled and votes[2]:
            problems.general.append(
                f"column '{column}': dates such as 3/4/2023 could start with the day or the month; read as day first; "
                f"if that is wrong, export the dates as YYYY-MM-DD"
            )
        orders[position] = settled or "dmy"


class _RowParser:
    """Reads one row at a time; holds what is the same for all rows."""

    def __init__(self, column_map: ColumnMap, orders: dict[int, str], problems: Problems) -> None:
        self._header = column_map.header
        self._fields = column_map.fields
        self._decimals = column_map.decimals
        self._unit = column_map.downtime_unit
        self._orders = orders
        self._problems = problems
        self._actions = frozenset(column_map.fields.get("action", ()))

    def parse(self, number: int, row: Sequence[str]) -> FaultReport | None:
        cells = [values.clean(cell, keep_masked=position in self._actions) for position, cell in enumerate(row)]
        if not any(cells):
            return None
        cells.extend([None] * (len(self._header) - len(cells)))
        used: set[int] = set()
        texts = {name: self._text(name, cells, used) for name in TEXT_FIELDS}
        report_id, machine, component, code, mode = (
            self._first(name, cells, used) for name in ("report_id", "machine", "component", "code", "failure_mode")
        )
        date = self._date(number, cells, used)
        downtime = self._number("downtime_hours", number, cells, used)
        cost = self._number("cost", number, cells, used)
        extra = {self._name(place, number): cell for place, cell in enumerate(cells) if cell and place not in used}
        return FaultReport(
            report_id=report_id or f"row-{number}",
            date=date,
            machine=machine,
            component=component,
            code=code,
            symptom=texts["symptom"],
            cause=texts["cause"],
            action=texts["action"],
            failure_mode=mode,
            downtime_hours=downtime,
            cost=cost,
            row=number,
            extra=extra,
        )

    def _name(self, position: int, number: int) -> str:
        if position < len(self._header):
            return self._header[position]
        self._problems.add(
            "more cells than the header", number, f"cell {position + 1} stands beyond the header; kept in extra"
        )
        return f"column {position + 1}"

    def _first(self, name: str, cells: Sequence[str | None], used: set[int]) -> str | None:
        for position in self._fields.get(name, ()):
            if cell := cells[position]:
                used.add(position)
                return cell
        return None

    def _text(self, name: str, cells: Sequence[str | None], used: set[int]) -> str | None:
        """All columns of a text field; a text that another one contains (SAP repeats the short text) once only."""
        parts: list[str] = []
        for position in self._fields.get(name, ()):
            cell = cells[position]
            if not cell:
                continue
            used.add(position)
            if any(cell.lower() in part.lower() for part in parts):
                continue
            parts = [part for part in parts if part.lower() not in cell.lower()]
            parts.append(cell)
        mark = "；" if any(_CJK.search(part) for part in parts) else "; "
        return mark.join(parts) or None

    def _date(self, number: int, cells: Sequence[str | None], used: set[int]) -> str | None:
        for position in self._fields.get("date", ()):
            cell = cells[position]
            if not cell:
                continue
            if values.is_null_date(cell):
                used.add(position)
                continue
            order = cast(values.DateOrder, self._orders.get(position) or "dmy")
            if iso := values.parse_date(cell, order):
                used.add(position)
                self._check_order(number, position, cell, order)
                return iso
            self._unread(number, position, cell, "date")
        return None

    def _check_order(self, number: int, position: int, cell: str, order: str) -> None:
        day_first, month_first, _ = values.vote_date_order((cell,))
        if (month_first and order == "dmy") or (day_first and order == "mdy"):
            read, shown = ("day", "month") if order == "dmy" else ("month", "day")
            self._problems.add(
                "date in the other order",
                number,
                f"'{cell}' starts with the {shown}, but column '{self._header[position]}' is read as {read} first; "
                f"its other dates may be wrong, export them as YYYY-MM-DD",
            )

    def _number(self, name: str, number: int, cells: Sequence[str | None], used: set[int]) -> float | None:
        for position in self._fields.get(name, ()):
            cell = cells[position]
            if not cell:
                continue
            decimal = cast(values.Decimal, self._decimals.get(position, "."))
            if name == "cost":
                value = values.parse_number(cell, decimal)
            else:
                value = values.parse_hours(cell, self._unit, decimal)
                value = None if value is not None and value < 0 else value
            if value is not None:
                used.add(position)
                return round(value, 6)
            self._unread(number, position, cell, "duration" if name == "downtime_hours" else "number")
        return None

    def _unread(self, number: int, position: int, cell: str, wanted: str) -> None:
        column = self._header[position]
        shown = cell if len(cell) <= 40 else f"{cell[:40]}…"
        message = f"'{shown}' in column '{column}' is not a {wanted}; kept as text"
        self._problems.add(f"column '{column}' is not a {wanted}", number, message)
