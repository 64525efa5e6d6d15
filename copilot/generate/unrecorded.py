"""What a question wants to know of the past and the fault reports have no column for: who did it, what it cost, how long it took."""

from __future__ import annotations

import re
from typing import Literal

from copilot.generate.who import asks_who, names_people
from indexer.chinese import both_scripts
from indexer.fault_reports.table import FaultReportTable

_COST = re.compile(
    both_scripts(
        r"\bhow much (?:did|was|has|have|were)\b.{0,60}?\b(?:cost|spent|pay|paid)\b|\bwhat (?:did|does)\b.{0,60}?\bcost\b|\b(?:total|repair) costs? of\b"
        r"|\bwhat (?:is|was) the (?:cost|bill|invoice|price)\b|(?:花了|用了)?多少钱|费用(?:是|为|有)?多少"
    ),
    re.IGNORECASE,
)
_DOWNTIME = re.compile(
    both_scripts(
        r"\b(?:how long|how many hours) (?:was|were|did)\b.{0,40}\b(?:down|stopped|standing|out of (?:service|order))\b"
        r"|\b(?:how much|total|hours of) downtime\b|停机(?:了)?(?:多久|多长时间|多少小时)|(?:总|累计)停机"
    ),
    re.IGNORECASE,
)

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
    if _COST.search(question) and not table.states("cost", machine):
        return "no_cost_recorded"
    if _DOWNTIME.search(question) and not table.states("downtime_hours", machine):
        return "no_downtime_recorded"
    return None
