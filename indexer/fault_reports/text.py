"""The searchable text of one fault report: pure, short, and in the record's own language."""

from __future__ import annotations

import re

from indexer.types import FaultReport

_CJK = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[A-Za-zÀ-ÿ]")
_WORD = re.compile(r"[^\W\d_]{3,}|[\u3400-\u9fff]{2,}")
_MACHINE_MADE = re.compile(
    r"\d_\d|^[\w\-]*\d[\w\-]*$|https?://|@|^(?:true|false|yes|no)$|^(?-i:[A-Z]+(?:_[A-Z]+)+)$", re.IGNORECASE
)
_EXTRA_CHARACTERS = 160  # of the columns that we have no name for; the rest stays in the table

_ENGLISH = {
    "symptom": "Symptom: ",
    "cause": "Cause: ",
    "action": "Action: ",
    "downtime": "Downtime: {} h",
    "cost": "cost: {}",
    "id": "Work order {}",
    "sep": "; ",
    "colon": ": ",
}
_CHINESE = {
    "symptom": "现象：",
    "cause": "原因：",
    "action": "处理：",
    "downtime": "停机：{} 小时",
    "cost": "费用：{}",
    "id": "工单 {}",
    "sep": "；",
    "colon": "：",
}


def report_text(report: FaultReport) -> str:
    """Readable lines: what and where first, then symptom, cause and action, then the numbers.

    Chinese labels where the record's texts are Chinese, English ones otherwise. Of the columns without a name of ours,
    those with words in them follow up to 160 characters, a word already said and machine-made values left out.
    """
    told = " ".join(filter(None, (report.symptom, report.cause, report.action))) or " ".join(
        filter(None, (report.component, report.failure_mode, report.machine, *report.extra.values()))
    )
    # A Chinese character carries about as much as three letters.
    words = _CHINESE if 3 * len(_CJK.findall(told)) > len(_LATIN.findall(told)) else _ENGLISH
    head = [report.date, report.machine, report.component, report.code, report.failure_mode]
    if not report.report_id.startswith("row-") and len(report.report_id) >= 4:
        head.append(words["id"].format(report.report_id))
    lines = [" | ".join(part for part in head if part)]
    for name, value in (("symptom", report.symptom), ("cause", report.cause), ("action", report.action)):
        if value:
            lines.append(words[name] + value)
    numbers = []
    if report.downtime_hours is not None:
        numbers.append(words["downtime"].format(_short(report.downtime_hours)))
    if report.cost is not None:
        numbers.append(words["cost"].format(_short(report.cost)))
    if numbers:
        lines.append(words["sep"].join(numbers))
    lines.extend(_extra_line(report, "\n".join(lines).lower(), words))
    return "\n".join(line for line in lines if line)


def _extra_line(report: FaultReport, said: str, words: dict[str, str]) -> list[str]:
    parts, room = [], _EXTRA_CHARACTERS
    for name, value in report.extra.items():
        if not _WORD.search(value) or _MACHINE_MADE.search(value) or value.lower() in said:
            continue
        part = name + words["colon"] + value
        if len(part) > room:
            if room < 60:
                continue
            part = part[: room - 1].rstrip() + "…"
        parts.append(part)
        said += f"\n{value.lower()}"
        room -= len(part)
    return [words["sep"].join(parts)] if parts else []


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
