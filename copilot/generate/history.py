"""Answers about the past: the fault reports that match, and a line counted from their table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from copilot.generate.quoting import Quoter, report_piece
from copilot.period import Period
from copilot.protocols import Knowledge
from copilot.scoring import Candidate, is_about_the_past
from copilot.tally import Measure, Tally, tally_asked
from copilot.types import Piece, Understanding
from copilot.wording import say
from indexer.analysis import fold
from indexer.fault_reports.table import By, FaultReportTable, StoredReport
from indexer.types import Chunk, ChunkKind, Hit

MAX_REPORTS = 3
_RANKED = 5
_MOST = re.compile(
    r"\bmost (?:often|frequent|frequently|common)|\bpareto\b|\btop\b.{0,20}\b(?:faults?|failures?|errors?|"
    r"alarms?)\b|最常见|最多|最频繁|排名"
)
_LAST = re.compile(
    r"\b(?:last time|the last (?:one|repair|fault|report)|latest|most recent(?:ly)?)\b|上(?:一)?次|最近一次|上回"
)


@dataclass(frozen=True, slots=True)
class _Filter:
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


def answer_history(
    understanding: Understanding, candidates: Sequence[Candidate], knowledge: Knowledge, quoter: Quoter
) -> Iterator[Piece]:
    """A counted line when the question names a machine, code, part or year, then up to three reports."""
    table = knowledge.fault_reports
    limits = _limits(understanding, table)
    tally = tally_asked(understanding.text)
    records = _records(table, limits) if limits.named or tally else []
    text = understanding.text.casefold()
    if records or (limits.named and table.total()):
        yield quoter.frame(_counted(understanding, limits, records, table, tally))
    if tally and tally.by and (line := _ranking(understanding, tally, tally.by, records)):
        yield quoter.frame(line)
    elif records and _MOST.search(text) and not limits.machines:
        yield from _pareto(understanding, table, limits, quoter)
    if (
        tally
        and tally.measure is Measure.RELIABILITY
        and not limits.machines
        and (line := _reliability(understanding, table, limits))
    ):
        yield quoter.frame(line)
    if limits.named and not records:
        return
    for chunk in _chunks(understanding, candidates, records, knowledge, limits):
        yield report_piece(chunk, quoter)


def last_repair(understanding: Understanding, knowledge: Knowledge, quoter: Quoter) -> Iterator[Piece]:
    """What fixed the code asked for last time, on the machine whose code it is, from the newest report that says so."""
    best = next((match.entry for match in understanding.codes if match.entry.definition), None)
    if best is not None:
        machine = understanding.about or best.machine
        for record in knowledge.fault_reports.records(machine=machine, code=best.code, limit=20):
            chunk = knowledge.chunk(record.chunk_id) if record.report.action else None
            if chunk is not None:
                yield quoter.frame(say(understanding.language, "last_time"))
                yield report_piece(chunk, quoter)
                return


def reports_among(hits: Sequence[Hit]) -> list[Chunk]:
    """The fault reports among the hits, best first."""
    return [hit.chunk for hit in hits if hit.chunk.kind is ChunkKind.FAULT_REPORT]


def _limits(understanding: Understanding, table: FaultReportTable) -> _Filter:
    code = understanding.codes[0].entry.code if understanding.codes else None
    if code is None and understanding.unknown_codes:
        code = understanding.unknown_codes[0]
    period = understanding.period if table.total() else None
    if period and period.written and period.written in f"{code or ''} {understanding.about or ''}":
        period = None  # "alarm 2023" names a code
    return _Filter(
        understanding.about,
        code,
        _named(understanding, table, "component"),
        _named(understanding, table, "failure_mode"),
        period,
        () if understanding.about or understanding.subject is None else understanding.subject.machines,
    )


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


def _records(table: FaultReportTable, limits: _Filter) -> list[StoredReport]:
    found = table.records(
        machine=limits.machine, code=limits.code, component=limits.component, failure_mode=limits.failure_mode,
        since=limits.since, until=limits.until, limit=None,
    )  # fmt: skip
    return [one for one in found if one.report.machine in limits.machines] if limits.machines else found


def _counted(
    understanding: Understanding,
    limits: _Filter,
    records: Sequence[StoredReport],
    table: FaultReportTable,
    tally: Tally | None,
) -> str:
    language = understanding.language
    parts = [
        limits.machine,
        *limits.machines,
        limits.component,
        limits.failure_mode,
        _in_words(language, limits.period),
    ]
    if limits.code:
        parts.append(say(language, "code", code=limits.code))
    subject = say(language, "comma").join(part for part in parts if part) or say(language, "all_reports")
    if not records:
        line = say(language, "no_reports", subject=subject)
        there = table.mtbf_mttr(limits.machine)
        if limits.period and there.first:  # nothing in the period asked for: which one is there
            line += say(language, "reports_run", first=there.first, last=there.last)
        return line
    line = say(language, "report" if len(records) == 1 else "reports", count=len(records), subject=subject)
    if records[0].report.date:
        line += say(language, "last_on", date=records[0].report.date)
    stated = [value for record in records if tally and (value := _measured(tally.measure, record)) is not None]
    if tally and stated and tally.measure in (Measure.DOWNTIME, Measure.COST):
        line += say(language, tally.measure.value, sum=_short(sum(stated)))
        if len(stated) < len(records):
            line += say(language, "stated", count=len(stated))
    return line + say(language, "stop")


def _measured(measure: Measure, record: StoredReport) -> float | None:
    report = record.report
    return {Measure.DOWNTIME: report.downtime_hours, Measure.COST: report.cost}.get(measure, 1.0)


def _ranking(understanding: Understanding, tally: Tally, by: By, records: Sequence[StoredReport]) -> str:
    """The groups with the most reports, hours or cost, or the fewest; "" where no report names one."""
    sums: dict[str, float] = {}
    for record in records:
        name, value = getattr(record.report, by), _measured(tally.measure, record)
        if name and value is not None:
            sums[name] = sums.get(name, 0.0) + value
    ranked = sorted(sums.items(), key=lambda item: (item[1] if tally.fewest else -item[1], item[0]))[:_RANKED]
    if not ranked:
        return ""
    language = understanding.language
    listed = say(language, "comma").join(f"{name} ({_short(value)})" for name, value in ranked)
    measure = Measure.REPORTS if tally.measure is Measure.RELIABILITY else tally.measure
    title = say(language, f"{measure}_by", by=say(language, f"of_{by}"))
    return say(language, "most", by=title, list=listed) + say(language, "stop")


def _in_words(language: str, period: Period | None) -> str:
    """A period as the answer names it: as reports write it, or with its first and last day."""
    if period is None or period.written:
        return period.written if period else ""
    key = "span" if period.since and period.until else "span_since" if period.since else "span_until"
    return say(language, key, since=period.since, until=period.until)


def _pareto(understanding: Understanding, table: FaultReportTable, limits: _Filter, quoter: Quoter) -> Iterator[Piece]:
    language = understanding.language
    groups: tuple[By, ...] = ("code", "failure_mode", "component")
    for by in groups:
        lines = table.count(by, machine=limits.machine, since=limits.since, until=limits.until)[:3]
        if lines:
            listed = say(language, "comma").join(f"{line.key} ({line.reports})" for line in lines)
            yield quoter.frame(say(language, "most", by=say(language, f"by_{by}"), list=listed) + say(language, "stop"))


def _reliability(understanding: Understanding, table: FaultReportTable, limits: _Filter) -> str:
    found = table.mtbf_mttr(limits.machine, limits.since, limits.until)
    if found.mtbf_days is None and found.mttr_hours is None:
        return ""
    words = {
        "mtbf": "–" if found.mtbf_days is None else _short(found.mtbf_days),
        "mttr": "–" if found.mttr_hours is None else _short(found.mttr_hours),
        "first": found.first or "–",
        "last": found.last or "–",
    }
    return say(understanding.language, "reliability", **words) + say(understanding.language, "stop")


def _chunks(
    understanding: Understanding,
    candidates: Sequence[Candidate],
    records: Sequence[StoredReport],
    knowledge: Knowledge,
    limits: _Filter,
) -> list[Chunk]:
    """The reports to show: found ones that match the limits first; the newest ones fill up."""
    allowed = {record.chunk_id: None for record in records}
    best: dict[str, float] = {}
    chunks: dict[str, Chunk] = {}
    for candidate in candidates:
        chunk = candidate.chunk
        if chunk.kind is ChunkKind.FAULT_REPORT and (not limits.named or chunk.id in allowed):
            best[chunk.id] = best.get(chunk.id, 0.0) + candidate.overlap
            chunks[chunk.id] = chunk
    names = " ".join(filter(None, (limits.machine, limits.code, limits.component, limits.failure_mode)))
    said = fold(names)
    topics = [
        term for term in understanding.terms if term not in said and not term.isdigit() and not is_about_the_past(term)
    ]
    newest = [known for name in list(allowed)[:MAX_REPORTS] if (known := knowledge.chunk(name)) is not None]
    if limits.named and (not topics or (_LAST.search(understanding.text) and limits.code)):
        return newest
    top = max(best.values(), default=0.0)
    found = [chunks[chunk_id] for chunk_id, score in best.items() if top and score >= 0.5 * top]
    found.sort(key=lambda chunk: -best[chunk.id])
    found.extend(chunk for chunk in newest if chunk not in found)
    return found[:MAX_REPORTS]


def _short(number: float) -> str:
    return f"{number:.1f}".rstrip("0").rstrip(".")
