"""What a question on the past limits the fault reports by: machine, code, part, kind of failure, time. And the records within it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date

from copilot.generate.records import MOST_COMPARED, told_in, words_told
from copilot.period import Period
from copilot.types import Understanding
from indexer.analysis import fold, tokens
from indexer.fault_reports.table import By, FaultReportTable, StoredReport, name_key

# Share of the records that speak of a component which must have it in their column, if the column shall limit them.
_FILLED = 0.5
_LOOKED_AT = 2_000  # the newest ones, of which that is seen


@dataclass(frozen=True, slots=True)
class Limits:
    """What a question limits the records by; `machines` where it names a kind of which there are several."""

    machine: str | None
    code: str | None
    component: str | None
    failure_mode: str | None
    period: Period | None
    machines: tuple[str, ...] = ()

    @property
    def named(self) -> bool:
        return any((self.machine, self.machines, self.code, self.component, self.failure_mode, self.period))

    @property
    def since(self) -> date | None:
        return self.period.since if self.period else None

    @property
    def until(self) -> date | None:
        return self.period.until if self.period else None


def limits_of(understanding: Understanding, table: FaultReportTable) -> Limits:
    """What the question names of what the reports have in columns."""
    code = _code(understanding, table)
    period = understanding.period if table.is_dated else None
    if period and period.written and period.written in f"{code or ''} {understanding.about or ''}":
        period = None  # "alarm 2023" names a code
    return Limits(
        understanding.about,
        code,
        _named(understanding, table, "component"),
        _named(understanding, table, "failure_mode"),
        period,
        () if understanding.about or understanding.subject is None else understanding.subject.machines,
    )


def widened(limits: Limits, records: list[StoredReport], table: FaultReportTable) -> tuple[Limits, list[StoredReport]]:
    """The limits without a component or failure mode that few of the records which speak of it have in their column.

    Not every export fills its columns: of 24 records that speak of the slew gearbox one may have "Slew" as its component. What
    alone limits them stays.
    """
    for name in ("component", "failure_mode"):
        value = getattr(limits, name)
        wider = replace(limits, component=None) if name == "component" else replace(limits, failure_mode=None)
        if value is None or not wider.named:
            continue
        wanted, key = set(tokens(value)), name_key(value)
        speak = [one for one in records_within(table, wider, _LOOKED_AT) if wanted <= words_told(one.report)]
        if sum(name_key(getattr(one.report, name) or "") == key for one in speak) < _FILLED * len(speak):
            limits, records = wider, records_within(table, wider)
    return limits, records


def on_the_day(
    period: Period, limits: Limits, records: list[StoredReport], table: FaultReportTable
) -> tuple[Limits, list[StoredReport], bool]:
    """Of a table without dates the records whose texts write the day asked about, 7月9日 for 7月9号; all, and True, where none does.

    The day tells more than a column: where the records it limits have none of that day, others may.
    """
    words = _day(period.words)
    day = re.compile(rf"(?<!\d){re.escape(words)}" + (r"(?!\d)" if words[-1:].isdigit() else ""))
    wider = replace(limits, component=None, failure_mode=None)
    for limited, listed in ((limits, records), (wider, records_within(table, wider))):
        if told := [record for record in listed if day.search(_day(told_in(record.report)))]:
            return limited, told, False
    return limits, records, True


def _day(text: str) -> str:
    return re.sub(r"(?<=\d)号", "日", "".join(fold(text).split()))


def _code(understanding: Understanding, table: FaultReportTable) -> str | None:
    """The code that limits the records: a fault's, or one that records have; the tag of a part (V14) is a word like others."""
    for match in understanding.codes:
        if match.entry.definition or table.records(machine=understanding.about, code=match.entry.code, limit=1):
            return match.entry.code
    written = next(iter(understanding.unknown_codes), "") if not understanding.codes else ""
    newest = table.records(machine=understanding.about, limit=MOST_COMPARED) if written else []
    told = (record.report for record in newest)
    named = any(fold(written) in fold(f"{one.component} {one.symptom} {one.cause} {one.action}") for one in told)
    return written if written and not named else None


def _named(understanding: Understanding, table: FaultReportTable, by: By) -> str | None:
    """The longest name of a group that the question holds as words."""
    text = fold(understanding.text)
    found = []
    for line in table.count(by, machine=understanding.about):
        name = fold(line.key).strip()
        if len(name) < 2:
            continue
        pattern = (
            re.escape(name)
            if re.search(r"[\u3400-\u9fff]", name)
            else rf"(?<![a-z0-9]){re.escape(name)}(?:e?s)?(?![a-z0-9])"
        )
        if re.search(pattern, text):
            found.append(line.key)
    return max(found, key=len) if found else None


def records_within(table: FaultReportTable, limits: Limits, most: int | None = None) -> list[StoredReport]:
    """The reports that the limits leave, newest first; at most so many, where that is said."""
    if most is None and not limits.named and table.total() <= MOST_COMPARED:
        return list(table.everything)
    found = table.records(
        machine=limits.machine, code=limits.code, component=limits.component, failure_mode=limits.failure_mode,
        since=limits.since, until=limits.until, limit=most,
    )  # fmt: skip
    return [one for one in found if one.report.machine in limits.machines] if limits.machines else found
