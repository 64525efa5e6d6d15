"""Answers about the past: the fault reports that match, and a line counted from their table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from copilot.generate.limits import Limits, limits_of, on_the_day, records_within, widened
from copilot.generate.quoting import Quoter, report_piece
from copilot.generate.records import MOST_COMPARED, Spoken, spoken_of, told_in
from copilot.generate.who import asks_who, person_in
from copilot.period import Period
from copilot.protocols import Knowledge
from copilot.scoring import GENERIC, Candidate, is_about_the_past
from copilot.tally import Measure, Tally, beside_tally, tally_asked
from copilot.types import Piece, Understanding
from copilot.wording import say
from indexer.analysis import is_chinese, tokens
from indexer.fault_reports.table import By, FaultReportTable, StoredReport
from indexer.types import Chunk, ChunkKind, Hit

MAX_REPORTS = 3
_RANKED = 5
_AS_MUCH, _ABOUT_AS_MUCH = 0.9, 0.7  # of what the best record says of a question; the second across languages
_HALF_AS_MUCH = 0.5  # from which a record is shown behind those
_MOST = re.compile(
    r"\bmost (?:often|frequent|frequently|common)|\bpareto\b|\btop\b.{0,20}\b(?:faults?|failures?|errors?|"
    r"alarms?)\b|最常见|最多|最频繁|排名"
)
_HOW_MANY_ZH = re.compile(
    r"(?:一共|总共|合计|累计|共)?(?:[发出]生?[了过]?|有[过]?|是)?(?:多少|几)[次条回起例个张单]?(?:记录|工单|故障)?"
)
_NUMBERED = re.compile(
    r"(?:^\s*|\b(?:orders?|reports?|records?|tickets?|entry|wo|job|no\.?|number|id)[\s:#.]*|#\s*|(?:工单|记录|单号|编号|报修单)号?[\s:：]*)"
    r"([A-Za-z]{0,4}-?\d{3,})(?![\w.,]*\d)(?!年)",
    re.IGNORECASE,
)
_COUNTS = re.compile(
    r"\bhow (?:many|often)\b|\bnumber of\b|\bcount\b|\bnr of\b|多少|几[次条回起例个]|次数|条数", re.IGNORECASE
)
_LAST = re.compile(
    r"\b(?:last time|the last (?:one|repair|fault|report)|latest|most recent(?:ly)?|lately|when (?:did|was|were)|who\b.{0,60}\blast)\b"
    r"|\blast[?.!\s]*$|上(?:一)?次|最近(?:一|1?[次回])|上回|最后一次"
)


def answer_history(
    understanding: Understanding, candidates: Sequence[Candidate], knowledge: Knowledge, quoter: Quoter
) -> Iterator[Piece]:
    """A counted line when the question names a machine, code, part or year, then up to three reports."""
    table = knowledge.fault_reports
    limits = limits_of(understanding, table)
    tally = tally_asked(understanding.text)
    counts = bool(_COUNTS.search(understanding.text))
    few = table.total() <= MOST_COMPARED
    records = records_within(table, limits) if limits.named or tally or few else []
    limits, records = widened(limits, records, table)
    undated = understanding.period is not None and table.total() > 0 and not table.is_dated
    if understanding.period is not None and undated and few:
        limits, records, undated = on_the_day(understanding.period, limits, records, table)
    text = understanding.text.casefold()
    asked = _HOW_MANY_ZH.sub(" ", beside_tally(understanding.text, tally) if tally else understanding.text)
    spoken = spoken_of(asked, _topics(understanding, limits, asked), understanding.others, records)
    if (records and (limits.named or tally or (counts and spoken.whole))) or (limits.named and table.total()):
        yield quoter.frame(_counted(understanding, limits, records, spoken, table, tally))
    if undated:
        yield quoter.frame(say(understanding.language, "undated"))
    relevant = _relevant(spoken, records, tally)
    if tally and tally.single and relevant:
        yield from _outstanding(understanding, tally, relevant, knowledge, quoter)
        return
    if tally and tally.by and (line := _ranking(understanding, tally, tally.by, relevant)):
        yield quoter.frame(line)
    elif records and (limits.named or tally) and _MOST.search(text) and not limits.machines:
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
    shown = _chunks(understanding, candidates, records, spoken, knowledge, limits)
    if asks_who(text) and (line := _people(understanding, shown, records)):
        yield quoter.frame(line)
    for chunk in shown:
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


def _topics(understanding: Understanding, limits: Limits, asked: str) -> list[str]:
    """The terms of a question that neither limit the records nor only say that something is past."""
    names = " ".join(filter(None, (limits.machine, limits.code, limits.component, limits.failure_mode)))
    words = set(tokens(names))
    still = set(tokens(asked))
    return [
        term
        for term in understanding.terms
        if term in still
        and term not in words
        and not term.isdigit()
        and not is_about_the_past(term)
        and term not in GENERIC
    ]


def _people(understanding: Understanding, shown: Sequence[Chunk], records: Sequence[StoredReport]) -> str:
    """Who did what is shown, with the date; "" where the export does not say."""
    language = understanding.language
    by_chunk = {record.chunk_id: record for record in records}
    listed, column = [], ""
    for chunk in shown:
        record = by_chunk.get(chunk.id)
        person = person_in(record.report.extra) if record else None
        if record and person:
            column = column or person[0]
            listed.append(say(language, "did_it", date=record.report.date or "–", name=person[1]))
    if not listed:
        return ""
    return say(language, "who", column=column, list=say(language, "comma").join(listed)) + say(language, "stop")


def _counted(
    understanding: Understanding,
    limits: Limits,
    records: Sequence[StoredReport],
    spoken: Spoken,
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
    matching = spoken.whole
    summed = _relevant(spoken, records, tally)
    if tally and spoken.asked and not matching and (not summed or tally.by is None):
        line += say(language, "nearest_records", count=len(summed)) if summed else say(language, "none_speaks")
    if tally and tally.single:
        return line + say(language, "stop")
    if matching:
        line += say(language, "matching", count=len(matching))
        if matching[0].report.date and not tally:
            line += say(language, "that_last_on", date=matching[0].report.date)
    stated = [value for record in summed if tally and (value := _measured(tally.measure, record)) is not None]
    if tally and stated and tally.measure in (Measure.DOWNTIME, Measure.COST):
        line += say(language, tally.measure.value, sum=_short(sum(stated)))
        if len(stated) < len(summed):
            line += say(language, "stated", count=len(stated))
    return line + say(language, "stop")


def _relevant(spoken: Spoken, records: Sequence[StoredReport], tally: Tally | None) -> Sequence[StoredReport]:
    """What is summed and ranked: records that speak of all that is asked, else those that come nearest; all where nothing more is asked.

    A ranking of machines or parts names many things besides ("lines of the export"): without whole matches it is of all.
    """
    if not spoken.asked or (tally and tally.by and not spoken.whole and spoken.shares):
        return records
    best = spoken.shares[0][0] if spoken.shares else 0.0
    return spoken.whole or [one for share, one in spoken.shares if share >= _AS_MUCH * best]


def _measured(measure: Measure, record: StoredReport) -> float | None:
    report = record.report
    return {Measure.DOWNTIME: report.downtime_hours, Measure.COST: report.cost}.get(measure, 1.0)


def _outstanding(
    understanding: Understanding,
    tally: Tally,
    records: Sequence[StoredReport],
    knowledge: Knowledge,
    quoter: Quoter,
) -> Iterator[Piece]:
    """The one record with the most of what is asked, or the least, and those behind it, best first."""
    valued = [(value, one) for one in records if (value := _measured(tally.measure, one)) is not None]
    valued.sort(key=lambda pair: pair[0] if tally.fewest else -pair[0])
    if not valued:
        yield quoter.frame(say(understanding.language, f"no_{tally.measure.value}"))
        return
    value, first = valued[0]
    name = "least" if tally.fewest else "highest"
    yield quoter.frame(
        say(understanding.language, f"{name}_{tally.measure.value}", value=_short(value), date=first.report.date or "–")
    )
    for chunk in _known([one.chunk_id for _, one in valued], knowledge):
        yield report_piece(chunk, quoter)


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


def _pareto(understanding: Understanding, table: FaultReportTable, limits: Limits, quoter: Quoter) -> Iterator[Piece]:
    language = understanding.language
    groups: tuple[By, ...] = ("code", "failure_mode", "component")
    for by in groups:
        lines = table.count(by, machine=limits.machine, since=limits.since, until=limits.until)[:3]
        if lines:
            listed = say(language, "comma").join(f"{line.key} ({line.reports})" for line in lines)
            yield quoter.frame(say(language, "most", by=say(language, f"by_{by}"), list=listed) + say(language, "stop"))


def _reliability(understanding: Understanding, table: FaultReportTable, limits: Limits) -> str:
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
    spoken: Spoken,
    knowledge: Knowledge,
    limits: Limits,
) -> list[Chunk]:
    """The reports to show: found ones that match the limits first; the newest ones fill up.

    Where the last time is asked for, or when something was done, the newest ones that match the whole question come first.
    """
    listed = {record.chunk_id: record for record in records}
    allowed = dict.fromkeys(listed)
    best: dict[str, float] = {}
    chunks: dict[str, Chunk] = {}
    for candidate in candidates:
        chunk = candidate.chunk
        if chunk.kind is ChunkKind.FAULT_REPORT and (not limits.named or chunk.id in allowed):
            best[chunk.id] = best.get(chunk.id, 0.0) + candidate.overlap
            chunks[chunk.id] = chunk
    topics = _topics(understanding, limits, understanding.text)
    # Where they are counted, those that are counted are shown.
    newest_first = bool(_LAST.search(understanding.text)) or (
        not limits.named and bool(_COUNTS.search(understanding.text))
    )
    newest = _known(list(allowed), knowledge)
    if limits.named and (not topics or (newest_first and limits.code)):
        return newest
    if near := _nearest(understanding, spoken, listed, best, newest_first, limits.named):
        beside = newest if limits.code or limits.component or limits.failure_mode else []
        shown = _known([record.chunk_id for record in near], knowledge)
        return [*shown, *(chunk for chunk in beside if chunk not in shown)][:MAX_REPORTS]
    top = max(best.values(), default=0.0)
    found = [chunks[chunk_id] for chunk_id, score in best.items() if top and score >= 0.5 * top]
    order = {chunk_id: place for place, chunk_id in enumerate(allowed)}  # newest first
    found.sort(key=lambda chunk: order.get(chunk.id, len(order)) if newest_first else -best[chunk.id])
    found.extend(chunk for chunk in newest if chunk not in found)
    return found[:MAX_REPORTS]


def _nearest(
    understanding: Understanding,
    spoken: Spoken,
    records: Mapping[str, StoredReport],
    found: Mapping[str, float],
    newest_first: bool,
    named: bool,
) -> Sequence[StoredReport]:
    """The records that speak of what is asked, the newest first where the last time is asked for or they are counted, else the best.

    Across languages, and where nothing limits the records, the words alone say little: there the place that search gave
    a record counts as much. A record that is asked for by its number comes before all others.
    """
    written = set(_NUMBERED.findall(understanding.text)) - {
        understanding.period.written if understanding.period else ""
    }
    if numbered := [one for one in records.values() if one.report.report_id in written]:
        return numbered
    if spoken.whole and newest_first:
        return spoken.whole
    scored, enough = list(spoken.shares), _AS_MUCH
    other = bool(scored) and is_chinese(understanding.text) != is_chinese(told_in(scored[0][1].report))
    if other or not named:
        top = max(found.values(), default=0.0) or 1.0
        said = {one.chunk_id: share for share, one in scored}
        both = [
            (said.get(name, 0.0) + found.get(name, 0.0) / top, one)
            for name, one in records.items()
            if name in said or name in found
        ]
        scored = sorted(both, key=lambda pair: -pair[0])
        enough = _ABOUT_AS_MUCH if other else _AS_MUCH
    near = [one for score, one in scored if score >= enough * scored[0][0]]
    if newest_first:
        near.sort(key=lambda one: one.report.date or "", reverse=True)
    there = {one.chunk_id for one in near}
    near += [one for one in spoken.whole if one.chunk_id not in there]
    there |= {one.chunk_id for one in near}
    behind = (one for score, one in scored if score >= _HALF_AS_MUCH * scored[0][0])
    near += [one for one in behind if one.chunk_id not in there]
    return near


def _known(chunk_ids: Sequence[str], knowledge: Knowledge) -> list[Chunk]:
    return [known for name in chunk_ids[:MAX_REPORTS] if (known := knowledge.chunk(name)) is not None]


def _short(number: float) -> str:
    return f"{number:.1f}".rstrip("0").rstrip(".")
