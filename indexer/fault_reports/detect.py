"""Is this table a work-order export? Precision first: a code table read as history would falsify every statistic."""

from __future__ import annotations

import re
from collections.abc import Sequence

from indexer.chinese import both_scripts
from indexer.fault_reports import names, values
from indexer.fault_reports.columns import SAMPLE_ROWS, TEXT_FIELDS, ColumnMap, column_facts, map_columns

_FMEA = re.compile(
    both_scripts(
        r"\b(?:rpn|severity|occurrence|detection|detectability|failure effects?|effects? failure|potential failure mode|"
        r"potential causes?|current controls?|criticality)\b"
        r"|风险顺序数|风险优先|严重度|严重程度|频度|发生度|探测度|检测度|失效影响|失效后果|潜在失效|现行控制"
    )
)
_DEFINITION = re.compile(
    both_scripts(
        r"\b(?:meaning|definition|default|range|min|max|minimum|maximum|unit|units|setting|settings|parameter|register|"
        r"bedeutung|possible cause|possible causes|probable cause|causes|remedies|solutions?|countermeasures?|"
        r"mögliche ursache|ursachen|what to do|reset method|level)\b"
        r"|含义|定义|出厂值|缺省|默认值|设定范围|参数|寄存器|可能原因|可能的原因|单位|地址|复位方法"
    )
)
_QUESTION = re.compile(both_scripts(r"\b(?:question|answer|intent|label|utterance|prompt)\b|提问|答案|意图|标签"))
_REVISION = re.compile(
    both_scripts(r"\b(?:version|revision|rev|author|approved|changes?|release|edition)\b|版本|修订|作者|批准|编制|变更")
)
_SCHEDULE = re.compile(both_scripts(r"\b(?:interval|frequency|next due|due date|next service|cycle)\b|周期|间隔|下次"))
_MAINTENANCE = re.compile(
    both_scripts(
        r"fault|failure|breakdown|broken|repair|maint|malfunc|equipment|asset|machine|work ?order|downtime|defect|"
        r"technician|wonum|symptom|notifctn|notification|functional loc|anlage|störung|instandhaltung|technischer platz|"
        r"故障|维修|设备|报修|停机|检修|机台|工单|异常"
    )
)
_KNOWN = {"machine", "component", "code", "cause", "action", "failure_mode"}
_ORDER = re.compile(
    both_scripts(
        r"^(?:work ?order.*|wonum|wo(?: (?:no|num|number|id|#))?|.*ticket.*|job (?:no|number|id|card)|auftrag.*|"
        r"order (?:no|number)|.*request.*|.*工单.*|.*单号|报修单.*|维修单.*)$"
    )
)
_PLAIN_ID = re.compile(
    both_scripts(
        r"^(?:id|ident|uid|identifier|no|nr|number|key|index|record.*|report.*|log id|entry id|记录.*|报告.*)$"
    )
)
_IMPERATIVE = re.compile(
    both_scripts(
        r"^(?:please|check|inspect|replace|verify|ensure|make sure|contact|clean|reset|adjust|increase|decrease|reduce|use|"
        r"remove|install|restart|turn|set|tighten|confirm|see|refer|call|wait|do not|power|connect|disconnect|prüfen)\b"
        r"|^(?:请|检查|确认|联系|增大|减小|参见|参考|避免|降低|延长)"
    ),
    re.IGNORECASE,
)
_STAMP = re.compile(
    both_scripts(r"\d{1,2}月\d{1,2}日|\b\d{1,2}[:：]\d{2}\b|\b\d{4}-\d{1,2}-\d{1,2}\b|\b\d{1,2}/\d{1,2}/\d{2,4}\b")
)


def looks_like_fault_reports(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """True where each row records work that was done or a fault that occurred, with a free text about it.

    `rows` is a sample. Yes needs a free-text column and one of: real dates, with maintenance words in the header; the
    number of a work order or ticket; plain record numbers (not numbered from 1, as a troubleshooting list is) beside
    both a problem and an action that reads like a report, not like advice; or texts that mostly carry dates or times
    themselves.
    FMEA tables, code tables, parameter lists, question sets, revision histories and maintenance schedules are none.
    """
    sample = [row for row in rows[:SAMPLE_ROWS] if any(cell.strip() for cell in row)]
    if len(header) < 2 or not sample:
        return False
    forms = [names.normal_form(name) for name in header]
    joined = " ; ".join(forms)
    if len(set(_FMEA.findall(joined))) >= 2 or _QUESTION.search(joined):
        return False
    columns = map_columns(header, sample)
    if not _has_free_text(columns, sample):
        return False
    order_number = _has_order_number(columns, forms, sample)
    if _is_dated(columns, sample):
        return _dated_records(columns, forms, joined, order_number)
    if _DEFINITION.search(joined):
        return False
    if order_number:
        return _about_maintenance(columns, forms)
    return _numbered_reports(columns, forms, sample) or _stamped_texts(columns, sample)


def _cells(sample: Sequence[Sequence[str]], position: int) -> list[str]:
    return [row[position].strip() for row in sample if position < len(row) and row[position].strip()]


def _has_free_text(columns: ColumnMap, sample: Sequence[Sequence[str]]) -> bool:
    for name in TEXT_FIELDS:
        for position in columns.fields.get(name, ()):
            facts = column_facts(_cells(sample, position))
            if facts.filled and facts.letters > 0.5 and facts.mean_length >= 6 and facts.codes < 0.6:
                return True
    return False


def _is_dated(columns: ColumnMap, sample: Sequence[Sequence[str]]) -> bool:
    for position in columns.fields.get("date", ()):
        cells = [cell for cell in _cells(sample, position) if not values.is_null_date(cell)]
        good = sum(1 for cell in cells if values.parse_date(cell))
        if good >= 0.6 * len(cells) and good >= 0.3 * len(sample):
            return True
    return False


def _dated_records(columns: ColumnMap, forms: list[str], joined: str, order_number: bool) -> bool:
    if order_number and _about_maintenance(columns, forms):
        return True
    if _SCHEDULE.search(joined) or (_REVISION.search(joined) and "machine" not in columns.fields):
        return False
    known = len(_KNOWN & set(columns.fields))
    if not any(_MAINTENANCE.search(form) for form in forms):
        return known >= 3
    return known >= 1 or any(name in columns.fields for name in ("report_id", "downtime_hours", "cost"))


def _about_maintenance(columns: ColumnMap, forms: list[str]) -> bool:
    """Sales orders have numbers and dates too."""
    return any(_MAINTENANCE.search(form) for form in forms) or len(_KNOWN & set(columns.fields)) >= 2


def _has_order_number(columns: ColumnMap, forms: list[str], sample: Sequence[Sequence[str]]) -> bool:
    for position in columns.fields.get("report_id", ()):
        facts = column_facts(_cells(sample, position))
        if _ORDER.match(forms[position]) and facts.filled >= 0.8 * len(sample):
            numbered = [cell for cell in _cells(sample, position) if re.search(r"\d", cell)]
            return facts.uniqueness >= 0.5 and len(numbered) >= 0.8 * facts.filled
    return False


def _numbered_reports(columns: ColumnMap, forms: list[str], sample: Sequence[Sequence[str]]) -> bool:
    """Record numbers without dates: an id, a problem and what was done about it."""
    fields = columns.fields
    if "code" in fields or not {"report_id", "symptom", "action"} <= set(fields):
        return False
    position = fields["report_id"][0]
    if not _PLAIN_ID.match(forms[position]):
        return False
    ids = _cells(sample, position)
    if len(ids) < 0.9 * len(sample) or len(set(ids)) < 0.95 * len(ids) or len(ids) < 3:
        return False
    numbers = sorted(int(number.group()) for cell in ids if (number := re.search(r"\d+", cell)))
    if len(numbers) < len(ids):
        return False
    # Records are numbered on and on; codes start low or leave gaps between their groups.
    dense = (numbers[-1] - numbers[0] + 1) <= 5 * len(numbers)
    if numbers[0] < 100 or not dense:
        return False
    actions = [cell for place in fields["action"] for cell in _cells(sample, place)]
    advice = sum(1 for cell in actions if _IMPERATIVE.match(cell))
    return bool(actions) and advice < 0.5 * len(actions)


def _stamped_texts(columns: ColumnMap, sample: Sequence[Sequence[str]]) -> bool:
    """Neither number nor date column, but the texts tell what happened when."""
    if "code" in columns.fields or "symptom" not in columns.fields or not {"cause", "action"} & set(columns.fields):
        return False
    texts = [" ".join(row[place] for place in columns.fields["symptom"] if place < len(row)) for row in sample]
    return sum(1 for text in texts if _STAMP.search(text)) >= 0.6 * len(texts)
