"""Who did a repair: the column of an export that names people, where it has one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from indexer.chinese import both_scripts
from indexer.fault_reports.table import FaultReportTable

_ASKED = re.compile(
    both_scripts(
        r"\bwho(?:se)?\b(?!\s+(?:said|says|told|reported|wrote|noticed|found))|\bby whom\b|\bwhich (?:technician|mechanic|fitter|electrician|engineer|colleague|operator|person)\b"
        r"|谁|何人|哪[个位名一]{0,2}(?:师傅|人(?!工)|技术员|维修工|电工|工程师|同事|操作工)"
    ),
    re.IGNORECASE,
)
# Those who did it before those who are responsible for it; who reported a fault has not mended it.
_COLUMNS = tuple(
    re.compile(both_scripts(pattern), re.IGNORECASE)
    for pattern in (
        r"technician|mechanic|fitter|electrician|craft|\b(?:done|performed|executed|completed|repaired|fixed|closed) by\b"
        r"|维修(?:人|工|员|师)|处理人|执行人|检修人|作业人|修理人|技术员|师傅|完成人",
        r"\bassigned\b|\bassignee\b|\bworker\b|\bemployee\b|\bengineer\b|\bresponsible\b|\bowner\b|负责人|责任人|工程师|班组",
    )
)

_LOOKED_AT = 5_000


def asks_who(question: str) -> bool:
    """Whether a question wants a person named.

    >>> asks_who("who fixed this last time"), asks_who("上次是哪个师傅修的"), asks_who("how was it fixed")
    (True, True, False)
    """
    return bool(_ASKED.search(question))


def person_in(extra: Mapping[str, str]) -> tuple[str, str] | None:
    """(column, name) of who did the work, from the columns of a record without a name of ours; None where none says so.

    >>> person_in({"Shift": "2", "Technician ID": "T117"}), person_in({"Reported by": "K. Sato"})
    (('Technician ID', 'T117'), None)
    """
    for pattern in _COLUMNS:
        for column, value in extra.items():
            if value.strip() and pattern.search(column):
                return column, value.strip()
    return None


def names_people(table: FaultReportTable, machine: str | None) -> bool:
    """Whether any of the newest records, of one machine or of all, says who did the work."""
    newest = table.records(machine=machine, limit=_LOOKED_AT)
    return any(person_in(record.report.extra) is not None for record in newest)
