"""What a question wants to know of the past and the fault reports have no column for: who did it, what it cost, how long it took."""

from __future__ import annotations

import re
from typing import Literal

from copilot.generate.who import asks_who, names_people
from indexer.chinese import both_scripts
from indexer.fault_reports.table import FaultReportTable

_COST = re.compile(
    both_scripts(
        r"\b(?:how much (?:did|was|has|have|were)\b.{0,60}?\b(?:cost|spent|pay|paid)|what did\b.{0,60}?\bcost|(?:the )?(?:repair |total )?costs? of|bill|invoice|price paid)\b"
        r"|(?:花了|用了)多少钱|多少钱|费用(?:是|为|有)?多少|维修费"
    ),
    re.IGNORECASE,
)
_DOWNTIME = re.compile(
    both_scripts(r"\b(?:how long|how many hours) (?:was|were|did)\b.{0,40}\b(?:down|stopped|standing|out of (?:service|order))\b|\bdowntime\b|停机(?:了)?(?:多久|多长时间|多少小时|时间)"),
    re.IGNORECASE,
)  # fmt: skip

Lacking = Literal["nobody_named", "no_cost_recorded", "no_downtime_recorded"]


def unrecorded(question: str, table: FaultReportTable, machine: str | None) -> Lacking | None:
    """What no fault report of the machine (of all, without one) has a value for, though the question asks for just that.

    None where the reports have it, where nothing of the kind is asked, and where there are no reports.
    """
    reports = table.total(machine=machine)
    if not reports:
        return None
    if asks_who(question):
        return None if names_people(table, machine) else "nobody_named"
    costs, downtimes = _COST.search(question), _DOWNTIME.search(question)
    if costs or downtimes:
        sums = table.count("machine", machine=machine) or table.count("month", machine=machine)
        if costs and not any(line.cost is not None for line in sums):
            return "no_cost_recorded"
        if downtimes and not any(line.downtime_hours is not None for line in sums):
            return "no_downtime_recorded"
    return None
