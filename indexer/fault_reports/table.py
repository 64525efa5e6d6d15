"""The fault reports of one index generation as a SQLite table: exact records and computed statistics."""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date as Date
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

from indexer.chinese import both_scripts, simplified
from indexer.errors import StoreError
from indexer.types import FaultReport

By = Literal["machine", "code", "component", "failure_mode", "month"]
PREDICTABLE = ("component", "failure_mode", "action")
"""The columns that may be predicted where an export leaves them empty."""
MIXED = ("component", "failure_mode")
"""Those of them that reports are counted by."""

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS fault_reports (
        id INTEGER PRIMARY KEY,
        document_id TEXT NOT NULL,
        chunk_id TEXT NOT NULL,
        row INTEGER NOT NULL,
        report_id TEXT NOT NULL,
        date TEXT CHECK (date IS NULL OR date LIKE '____-__-__'),
        machine TEXT, machine_key TEXT,
        component TEXT, component_key TEXT,
        code TEXT, code_key TEXT,
        symptom TEXT, cause TEXT, action TEXT,
        failure_mode TEXT, failure_mode_key TEXT,
        downtime_hours REAL,
        cost REAL,
        extra TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS fault_reports_machine ON fault_reports (machine_key, date)",
    "CREATE INDEX IF NOT EXISTS fault_reports_code ON fault_reports (code_key, date)",
    "CREATE INDEX IF NOT EXISTS fault_reports_date ON fault_reports (date)",
    "CREATE INDEX IF NOT EXISTS fault_reports_document ON fault_reports (document_id)",
    "CREATE INDEX IF NOT EXISTS fault_reports_chunk ON fault_reports (chunk_id)",
    # Beside the reports, never in them: what an export says and what a model guesses must not be mistaken.
    """
    CREATE TABLE IF NOT EXISTS predicted_values (
        report INTEGER NOT NULL,
        field TEXT NOT NULL CHECK (field IN ('component', 'failure_mode', 'action')),
        value TEXT NOT NULL, value_key TEXT NOT NULL,
        confidence REAL NOT NULL,
        predictor TEXT NOT NULL,
        PRIMARY KEY (report, field)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS predicted_values_field ON predicted_values (field, value_key)",
    "CREATE TABLE IF NOT EXISTS predictors (field TEXT PRIMARY KEY, signature TEXT NOT NULL, failed INTEGER NOT NULL) STRICT",
)
_COLUMNS = (
    "document_id, chunk_id, row, report_id, date, machine, machine_key, component, component_key, code, code_key, "
    "symptom, cause, action, failure_mode, failure_mode_key, downtime_hours, cost, extra"
)
_DESCRIBES = re.compile(
    both_scripts(
        r"description|designation|\btype\b|\bkind\b|(?:machine|equipment|asset|object).?name|名称|类型|描述|类别"
    ),
    re.IGNORECASE,
)
_LONGEST_DESCRIPTION = 60
_PERIOD = re.compile(r"^\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?$")

NormaliseCode = Callable[[str], str]


class Count(NamedTuple):
    """One line of a Pareto: downtime and cost are sums, None where no report of the group gives one."""

    key: str
    reports: int
    downtime_hours: float | None
    cost: float | None


class MixedCount(NamedTuple):
    """One line of a Pareto of recorded and predicted values, the two apart; the first three numbers are recorded ones."""

    key: str
    reports: int
    downtime_hours: float | None
    cost: float | None
    predicted_reports: int
    predicted_downtime_hours: float | None
    predicted_cost: float | None

    def together(self) -> Count:
        """Recorded and predicted as one."""
        return Count(
            self.key,
            self.reports + self.predicted_reports,
            _sum(self.downtime_hours, self.predicted_downtime_hours),
            _sum(self.cost, self.predicted_cost),
        )


class PredictedValue(NamedTuple):
    """What a column probably holds that the export leaves empty, and the model version that says so."""

    value: str
    confidence: float
    predictor: str


class Reliability(NamedTuple):
    """How often a machine fails and for how long.

    `mtbf_days` is the mean time between consecutive dated reports, None below two of them; `mttr_hours` the mean
    downtime of the `timed` reports that state one, None without any. `first` and `last` are the dates it rests on.
    """

    reports: int
    mtbf_days: float | None
    mttr_hours: float | None
    timed: int
    first: str | None
    last: str | None


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A fault report with the document and chunk it is cited by; `predicted` has columns that `report` lacks."""

    report: FaultReport
    document_id: str
    chunk_id: str
    predicted: Mapping[str, PredictedValue] = field(default_factory=dict)


def name_key(name: str) -> str:
    """The form in which names of machines, components and failure modes are compared: width, case, script and space aside."""
    return " ".join(simplified(unicodedata.normalize("NFKC", name).casefold()).split())


def create_schema(connection: sqlite3.Connection) -> None:
    """Create the table and its indexes where they do not exist yet. Raises StoreError."""
    with _errors("created"):
        for statement in _SCHEMA:
            connection.execute(statement)


def insert_many(
    connection: sqlite3.Connection,
    document_id: str,
    reports: Iterable[tuple[FaultReport, str]],
    normalise_code: NormaliseCode = name_key,
) -> int:
    """Add (report, chunk id) pairs of one document, streaming; return how many. The caller commits.

    `normalise_code` maps a code as printed to the form codes are joined by; the same one belongs to the queries.
    Raises StoreError.
    """
    count = 0

    def rows() -> Iterator[tuple[Any, ...]]:
        nonlocal count
        for report, chunk_id in reports:
            count += 1
            yield (
                document_id, chunk_id, report.row, report.report_id, report.date,
                report.machine, _key(report.machine), report.component, _key(report.component),
                report.code, normalise_code(report.code) if report.code else None,
                report.symptom, report.cause, report.action, report.failure_mode, _key(report.failure_mode),
                report.downtime_hours, report.cost, json.dumps(dict(report.extra), ensure_ascii=False),
            )  # fmt: skip

    marks = ", ".join("?" * (_COLUMNS.count(",") + 1))
    with _errors("written"):
        connection.executemany(f"INSERT INTO fault_reports ({_COLUMNS}) VALUES ({marks})", rows())
    return count


def delete_document(connection: sqlite3.Connection, document_id: str) -> int:
    """Remove a document's reports; return how many. The caller commits. Raises StoreError."""
    with _errors("changed"):
        connection.execute(
            "DELETE FROM predicted_values WHERE report IN (SELECT id FROM fault_reports WHERE document_id = ?)",
            (document_id,),
        )
        return connection.execute("DELETE FROM fault_reports WHERE document_id = ?", (document_id,)).rowcount


class FaultReportTable:
    """Questions to the table. Machines and codes are compared in normal form; all SQL is parameterised.

    `since` and `until` are inclusive and may be dates or text: YYYY, YYYY-MM or YYYY-MM-DD; reports without a date
    fall outside every period. Raises StoreError for another form and where the table cannot be read.
    """

    def __init__(self, connection: sqlite3.Connection, normalise_code: NormaliseCode = name_key) -> None:
        self._connection = connection
        self._normalise_code = normalise_code

    def count(
        self,
        by: By,
        machine: str | None = None,
        since: str | Date | None = None,
        until: str | Date | None = None,
    ) -> list[Count]:
        """Reports, downtime and cost per group, most reports first; months in order of time (key YYYY-MM).

        Reports that lack the grouping value are left out; `total` counts them in. A group is shown in its most
        frequent spelling.
        """
        if by not in get_args(By):
            raise StoreError(f"fault reports cannot be counted by '{by}'; choose from {', '.join(get_args(By))}")
        counts = list(self._recorded(by, *self._where(machine=machine, since=since, until=until)).values())
        return counts if by == "month" else sorted(counts, key=lambda line: (-line.reports, line.key))

    def count_mixed(
        self,
        by: str,
        machine: str | None = None,
        since: str | Date | None = None,
        until: str | Date | None = None,
    ) -> list[MixedCount]:
        """As `count`, reports whose value is predicted included but apart; most reports of both kinds first.

        `by` is one of MIXED. A recorded spelling is shown before a predicted one.
        """
        if by not in MIXED:
            raise StoreError(f"values are not predicted by '{by}'; choose from {', '.join(MIXED)}")
        where, values = self._where(machine=machine, since=since, until=until)
        recorded, predicted = self._recorded(by, where, values), self._predicted(by, where, values)
        nothing = Count("", 0, None, None)
        lines = []
        for group in {**recorded, **predicted}:
            own, guessed = recorded.get(group, nothing), predicted.get(group, nothing)
            lines.append(MixedCount(own.key or guessed.key, *own[1:], *guessed[1:]))
        return sorted(lines, key=lambda line: (-line.reports - line.predicted_reports, line.key))

    def predictors(self, by: str) -> list[str]:
        """The model versions whose values stand for this column, in the order of their names."""
        if not self._has_predictions:
            return []
        rows = self._all("SELECT DISTINCT predictor FROM predicted_values WHERE field = ? ORDER BY 1", [by])
        return [row[0] for row in rows]

    def is_outdated(self, signatures: Mapping[str, str]) -> bool:
        """Whether other predictions are wanted than were made, for a column that some report lacks.

        `signatures` are those of `predictions.signatures`; a column without one shall have no predictions.
        """
        made: dict[str, str] = {}
        if self._has_predictions:
            made = dict(self._all("SELECT field, signature FROM predictors", []))
        return any(
            made.get(name) != signatures.get(name)
            and bool(self._all(f"SELECT 1 FROM fault_reports WHERE {name} IS NULL LIMIT 1", []))
            for name in PREDICTABLE
        )

    def total(
        self, machine: str | None = None, since: str | Date | None = None, until: str | Date | None = None
    ) -> int:
        """How many reports there are, whatever they lack."""
        where, values = self._where(machine=machine, since=since, until=until)
        return int(self._all(f"SELECT COUNT(*) FROM fault_reports WHERE {where}", values)[0][0])

    def records(
        self,
        machine: str | None = None,
        code: str | None = None,
        component: str | None = None,
        failure_mode: str | None = None,
        since: str | Date | None = None,
        until: str | Date | None = None,
        chunk_ids: Iterable[str] | None = None,
        limit: int | None = 50,
        predicted: bool = False,
    ) -> list[StoredReport]:
        """The reports themselves, newest first, undated ones last. `limit` None means all.

        What limits them is compared with recorded values only; `predicted` adds predicted ones to the result.
        """
        where, values = self._where(
            machine=machine, code=code, component=component, failure_mode=failure_mode, since=since, until=until
        )
        if chunk_ids is not None:
            where += " AND chunk_id IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(list(chunk_ids)))
        rows = self._all(
            f"SELECT id, document_id, chunk_id, row, report_id, date, machine, component, code, symptom, cause, action, "
            f"failure_mode, downtime_hours, cost, extra FROM fault_reports WHERE {where} "
            f"ORDER BY date IS NULL, date DESC, document_id, row LIMIT ?",
            [*values, -1 if limit is None else max(0, limit)],
        )
        guesses = self._guesses([row[0] for row in rows]) if predicted else {}
        return [_stored(row[1:], guesses.get(row[0])) for row in rows]

    def states(self, column: Literal["cost", "downtime_hours"], machine: str | None = None) -> bool:
        """Whether any report, of one machine or of all, has a value there."""
        where, values = self._where(machine=machine)
        return bool(self._all(f"SELECT 1 FROM fault_reports WHERE {where} AND {column} IS NOT NULL LIMIT 1", values))

    @cached_property
    def is_dated(self) -> bool:
        """Whether any report has a date; where none has, their texts may name days."""
        return bool(self._all("SELECT 1 FROM fault_reports WHERE date IS NOT NULL LIMIT 1", []))

    @cached_property
    def everything(self) -> tuple[StoredReport, ...]:
        """All reports, newest first, kept in memory: the table of a generation does not change. Look at `total` before."""
        return tuple(self.records(limit=None))

    def _guesses(self, ids: list[int]) -> dict[int, dict[str, PredictedValue]]:
        found: dict[int, dict[str, PredictedValue]] = {}
        if ids and self._has_predictions:
            rows = self._all(
                "SELECT report, field, value, confidence, predictor FROM predicted_values "
                "WHERE report IN (SELECT value FROM json_each(?)) ORDER BY report, field",
                [json.dumps(ids)],
            )
            for report, name, *value in rows:
                found.setdefault(report, {})[name] = PredictedValue(*value)
        return found

    def machines(self) -> list[str]:
        """Every machine named in a report, in its most frequent spelling, in alphabetical order."""
        return sorted(line.key for line in self.count("machine"))

    def descriptions(self) -> list[tuple[str, str]]:
        """(machine, text) pairs of what exports say beside a machine's number, from columns that describe it."""
        rows = self._all(
            "SELECT machine, extra FROM fault_reports WHERE id IN "
            "(SELECT MAX(id) FROM fault_reports WHERE machine IS NOT NULL GROUP BY machine_key)",
            [],
        )
        return [
            (machine, text)
            for machine, extra in rows
            for column, text in json.loads(extra).items()
            if _DESCRIBES.search(column) and isinstance(text, str) and 0 < len(text) <= _LONGEST_DESCRIPTION
        ]

    def mtbf_mttr(
        self, machine: str | None = None, since: str | Date | None = None, until: str | Date | None = None
    ) -> Reliability:
        """Mean time between reports and mean downtime of one machine, from the reports of a period if one is given.

        Without a machine, of all of them together: gaps are taken within each machine and then pooled.
        """
        where, values = self._where(machine=machine, since=since, until=until)
        reports, timed, hours, first, last = self._all(
            f"SELECT COUNT(*), COUNT(downtime_hours), AVG(downtime_hours), MIN(date), MAX(date) "
            f"FROM fault_reports WHERE {where}",
            values,
        )[0]
        # The gaps between consecutive dates add up to last minus first, so no ordering is needed.
        days, gaps = self._all(
            f"SELECT SUM(days), SUM(gaps) FROM (SELECT julianday(MAX(date)) - julianday(MIN(date)) AS days, "
            f"COUNT(*) - 1 AS gaps FROM fault_reports WHERE {where} AND date IS NOT NULL GROUP BY machine_key)",
            values,
        )[0]
        return Reliability(reports, days / gaps if gaps else None, hours, timed, first, last)

    def _recorded(self, by: str, where: str, values: list[Any]) -> dict[str, Count]:
        key, shown = ("substr(date, 1, 7)", "substr(date, 1, 7)") if by == "month" else (f"{by}_key", by)
        return _groups(
            self._all(
                f"SELECT {key}, {shown}, COUNT(*), SUM(downtime_hours), SUM(cost) FROM fault_reports "
                f"WHERE {where} AND {key} IS NOT NULL GROUP BY 1, 2 ORDER BY 1, COUNT(*) DESC, 2",
                values,
            )
        )

    def _predicted(self, by: str, where: str, values: list[Any]) -> dict[str, Count]:
        if not self._has_predictions:
            return {}
        return _groups(
            self._all(
                f"SELECT value_key, value, COUNT(*), SUM(downtime_hours), SUM(cost) FROM fault_reports "
                f"JOIN predicted_values ON report = id AND field = '{by}' "
                f"WHERE {where} AND {by}_key IS NULL GROUP BY 1, 2 ORDER BY 1, COUNT(*) DESC, 2",
                values,
            )
        )

    @cached_property
    def _has_predictions(self) -> bool:
        """Indexes of format 2 have no table for them."""
        return bool(self._all("SELECT 1 FROM sqlite_master WHERE name = 'predicted_values'", []))

    def _where(
        self,
        *,
        machine: str | None = None,
        code: str | None = None,
        component: str | None = None,
        failure_mode: str | None = None,
        since: str | Date | None = None,
        until: str | Date | None = None,
    ) -> tuple[str, list[Any]]:
        clauses, values = ["1"], []
        for column, value in (
            ("machine_key", _key(machine)),
            ("code_key", None if code is None else self._normalise_code(code)),
            ("component_key", _key(component)),
            ("failure_mode_key", _key(failure_mode)),
        ):
            if value is not None:
                clauses.append(f"{column} = ?")
                values.append(value)
        if since is not None:
            clauses.append("date >= ?")
            values.append(_period(since))
        if until is not None:
            clauses.append("date <= ?")
            values.append(_period(until) + "~")  # "~" sorts after every digit and hyphen: the whole period is in
        return " AND ".join(clauses), values

    def _all(self, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
        with _errors("read"):
            return self._connection.execute(sql, values).fetchall()


class _errors:
    """Turns SQLite's exceptions into StoreError."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise StoreError(
                f"the table of fault reports cannot be {self._what}: {error}; "
                f"rebuild the index with `copilot index --rebuild`"
            ) from error


def _key(name: str | None) -> str | None:
    return None if name is None else name_key(name)


def _sum(left: float | None, right: float | None) -> float | None:
    return right if left is None else left if right is None else left + right


def _groups(rows: Iterable[tuple[Any, ...]]) -> dict[str, Count]:
    """Lines of (group, spelling, reports, hours, cost) as one count a group, in the first spelling."""
    groups: dict[str, Count] = {}
    for group, spelling, reports, hours, cost in rows:
        before = groups.get(group)
        if before is None:
            groups[group] = Count(spelling, reports, hours, cost)
        else:
            groups[group] = Count(
                before.key, before.reports + reports, _sum(before.downtime_hours, hours), _sum(before.cost, cost)
            )
    return groups


def _period(value: str | Date) -> str:
    text = value.strftime("%Y-%m-%d") if isinstance(value, Date) else value.strip()
    if not _PERIOD.match(text):
        raise StoreError(f"'{value}' is no date; write YYYY, YYYY-MM or YYYY-MM-DD")
    return text


def _stored(row: tuple[Any, ...], predicted: Mapping[str, PredictedValue] | None = None) -> StoredReport:
    document_id, chunk_id, number, report_id, date, machine, component, code, symptom, cause, action, *rest = row
    failure_mode, downtime, cost, extra = rest
    report = FaultReport(
        report_id=report_id,
        date=date,
        machine=machine,
        component=component,
        code=code,
        symptom=symptom,
        cause=cause,
        action=action,
        failure_mode=failure_mode,
        downtime_hours=downtime,
        cost=cost,
        row=number,
        extra=json.loads(extra),
    )
    # Recorded values win, whatever the other table holds.
    lacking = {name: guess for name, guess in (predicted or {}).items() if getattr(report, name) is None}
    return StoredReport(report, document_id, chunk_id, lacking)
