"""What fault reports say when counted: Paretos, reliability, the trend a week, and what rises suddenly."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, get_args

from indexer.fault_reports.table import MIXED, By

if TYPE_CHECKING:
    from indexer.fault_reports import FaultReportTable, MixedCount, Reliability
    from indexer.fault_reports.table import Count

WEEKS = 12  # before the last one, that a rise is measured against
_CHANCE = 0.001
_LEAST = 3  # reports in a week below which nothing is called a rise


@dataclass(frozen=True, slots=True)
class Week:
    """Reports and downtime of the week that begins on `monday` (ISO 8601)."""

    monday: str
    reports: int
    downtime_hours: float


@dataclass(frozen=True, slots=True)
class Rise:
    """A sudden rise: `by` is machine, code, component, failure_mode or all, `key` which one; `reports` in the last
    week, `usual` the mean of the weeks before."""

    by: str
    key: str
    monday: str
    reports: int
    usual: float


@dataclass(frozen=True, slots=True)
class FaultStatistics:
    """Counts over the reports a user may read. `counts` is grouping -> lines, most reports first, months in order;
    for component and failure_mode the lines of `mixed` hold predicted values too, apart."""

    total: int
    counts: Mapping[str, Sequence[Count]]
    mixed: Mapping[str, Sequence[MixedCount]]
    reliability: Reliability
    by_machine: Mapping[str, Reliability]
    weeks: Sequence[Week]
    rises: Sequence[Rise]


def fault_statistics(
    table: FaultReportTable, machine: str | None = None, since: str | None = None, until: str | None = None
) -> FaultStatistics:
    """Count the table. Raises StoreError for a period that is none."""
    counts = {by: table.count(by, machine, since, until) for by in get_args(By)}
    mixed = {by: table.count_mixed(by, machine, since, until) for by in MIXED}
    machines = [machine] if machine is not None else [line.key for line in counts["machine"]]
    rows = table.records(machine=machine, since=since, until=until, limit=None)
    dated = [
        (date.fromisoformat(row.report.date), row.report) for row in rows if row.report.date is not None
    ]  # fmt: skip
    weekly: Counter[date] = Counter()
    hours: Counter[date] = Counter()
    grouped: dict[tuple[str, str], Counter[date]] = {}
    for day, report in dated:
        monday = day - timedelta(days=day.weekday())
        weekly[monday] += 1
        hours[monday] += report.downtime_hours or 0.0  # type: ignore[assignment]
        for by in ("machine", "code", "component", "failure_mode"):
            if key := getattr(report, by):
                grouped.setdefault((by, key), Counter())[monday] += 1
    weeks = _weeks(weekly, hours)
    rises = _rises({("all", ""): weekly, **grouped}, max(weekly)) if weekly else []
    return FaultStatistics(
        table.total(machine, since, until), counts, mixed, table.mtbf_mttr(machine, since, until),
        {name: table.mtbf_mttr(name, since, until) for name in machines}, weeks, rises,
    )  # fmt: skip


TABLE = ("by", "key", "reports", "predicted_reports", "downtime_hours", "mtbf_days", "mttr_hours")


def table_of(counted: FaultStatistics) -> list[dict[str, Any]]:
    """All of it as rows of `TABLE`: a line for each group (`by` is all, machine, code, component, failure_mode, month or week)."""
    whole = counted.reliability
    hours = round(sum(line.downtime_hours or 0 for line in counted.counts["machine"]), 2)
    rows: list[dict[str, Any]] = [
        {"by": "all", "key": "", "reports": counted.total, "downtime_hours": hours, **_means(whole)}
    ]
    for by, lines in counted.counts.items():
        for line in counted.mixed.get(by, lines):
            row = {"by": by, "key": line.key, "reports": line.reports, "downtime_hours": line.downtime_hours}
            row["predicted_reports"] = getattr(line, "predicted_reports", None)
            rows.append(row | (_means(counted.by_machine.get(line.key)) if by == "machine" else {}))
    rows += [
        {"by": "week", "key": one.monday, "reports": one.reports, "downtime_hours": one.downtime_hours}
        for one in counted.weeks
    ]
    return rows


def _means(one: Reliability | None) -> dict[str, Any]:
    if one is None:
        return {}
    means = {"mtbf_days": one.mtbf_days, "mttr_hours": one.mttr_hours}
    return {name: None if value is None else round(value, 2) for name, value in means.items()}


def _weeks(weekly: Mapping[date, int], hours: Mapping[date, float]) -> list[Week]:
    """Every week from the first report to the last, those without reports too."""
    if not weekly:
        return []
    monday, last = min(weekly), max(weekly)
    weeks = []
    while monday <= last:
        weeks.append(Week(monday.isoformat(), weekly.get(monday, 0), round(float(hours.get(monday, 0.0)), 2)))
        monday += timedelta(days=7)
    return weeks


def _rises(groups: Mapping[tuple[str, str], Mapping[date, int]], last: date) -> list[Rise]:
    """Groups whose last week holds more reports than chance explains, the strongest first.

    Reports a week are taken as Poisson with the mean of the `WEEKS` before (half a report added, so that one report
    after a quiet time is no alarm); a rise is a week that this would exceed once in a thousand, as a c-chart marks it
    (Montgomery, Introduction to Statistical Quality Control).
    """
    found = []
    for (by, key), weekly in groups.items():
        reports = weekly.get(last, 0)
        before = [weekly.get(last - timedelta(days=7 * back), 0) for back in range(1, WEEKS + 1)]
        usual = sum(before) / WEEKS
        expected = (sum(before) + 0.5) / WEEKS
        chance = _at_least(reports, expected)
        if reports >= _LEAST and chance < _CHANCE:
            found.append((chance, Rise(by, key, last.isoformat(), reports, round(usual, 2))))
    return [rise for _, rise in sorted(found, key=lambda pair: (pair[0], pair[1].by, pair[1].key))]


def _at_least(count: int, mean: float) -> float:
    """The chance that a Poisson variable is `count` or more."""
    below = sum(math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(count))
    return max(0.0, 1.0 - below)
