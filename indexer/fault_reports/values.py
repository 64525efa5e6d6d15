"""Cell values of work-order exports: dates, numbers, durations and the many ways of saying "nothing".

Pure functions over strings. Two things cannot be read from one cell alone and are voted on over a column: whether
day or month comes first (`vote_date_order`), and which of "," and "." is the decimal mark (`vote_decimal`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from indexer.chinese import both_scripts, simplified

DateOrder = Literal["dmy", "mdy"]
Decimal = Literal[".", ","]

_SPACE = re.compile(r"[\s\u00a0\u200b\ufeff]+")
_NOTHING_WORDS = (
    "- -- --- — – / \\ . ? n/a na n.a. #n/a none null nil nan nat tbd unknown #value! #ref! <null> (null) (blank) "
    "无 暂无 不详 未知 空 没有 keine entfällt"
)
_NOTHING = frozenset(_NOTHING_WORDS.split())
_MASKED = frozenset({"removed", "redacted", "<removed>", "[removed]", "[redacted]", "***"})


def clean(text: str, *, keep_masked: bool = False) -> str | None:
    """Collapse white space; None for an empty cell or a placeholder such as "-", "N/A" or "无".

    "Removed" is what anonymised exports write over a value, but it is also a whole repair ("Removed"): pass
    `keep_masked` for a column that holds actions.
    """
    value = _SPACE.sub(" ", text).strip()
    if not value:
        return None
    lowered = simplified(value.lower())
    if lowered in _NOTHING or (lowered in _MASKED and not keep_masked):
        return None
    return value


# --- dates -----------------------------------------------------------------------------------------------------------

_YEAR_FIRST = re.compile(r"^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)")
_COMPACT = re.compile(r"^((?:19|20)\d{2})(\d{2})(\d{2})(?!\d)")
_CHINESE = re.compile(both_scripts(r"^(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*[日号]?"))
_YEAR_LAST = re.compile(r"^(\d{1,2})\s?([-/.])\s?(\d{1,2})\s?\2\s?(\d{4}|\d{2})(?!\d)")
_DAY_NAMED = re.compile(r"^(\d{1,2})(?:st|nd|rd|th)?[.\s\-/]*([^\W\d_]{3,9})[.,\s\-/]*(\d{4}|\d{2})(?!\d)")
_NAMED_DAY = re.compile(r"^([^\W\d_]{3,9})\.?[\s\-]*(\d{1,2})(?:st|nd|rd|th)?[,\s\-]+(\d{4})(?!\d)")
_WEEKDAY = re.compile(r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]?\s+(?=\S)", re.IGNORECASE)
_TIME_TAIL = re.compile(
    both_scripts(
        r"^[\sT,\-]*(?:(?:上午|下午)?\s*\d{1,2}\s*[:：.h时点]\s*(?:\d{1,2})?(?:\s*[:：.分]\s*\d{0,2}(?:[.,]\d+)?\s*秒?)?"
        r"|\d{4}(?:\d{2})?)?\s*(?:[ap]\.?m\.?|uhr|hrs)?\s*(?:z|utc|gmt|[+-]\d{2}:?\d{2})?\s*(?:[（(]?(?:星期|周).[）)]?)?$"
    ),
    re.IGNORECASE,
)
_SERIAL = re.compile(r"^(\d{5})(?:\.\d+)?$")
_EPOCH = re.compile(r"^(\d{10})(\d{3})?$")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan", "feb", "mar mär mrz", "apr", "may mai", "jun", "jul", "aug", "sep", "oct okt", "nov", "dec dez",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_NULL_DATES = frozenset({"00.00.0000", "0000-00-00", "00/00/0000", "0000-00-00 00:00:00", "00000000"})


def is_null_date(text: str) -> bool:
    """True for the all-zero date that databases write for "no date"."""
    return text in _NULL_DATES


def parse_date(text: str, order: DateOrder = "dmy", *, serials: bool = True) -> str | None:
    """Return YYYY-MM-DD, or None where the cell is no calendar date between 1950 and 2100.

    Reads ISO and other year-first forms, 20230405, 2023年4月5日, 5-Apr-2023 and April 5, 2023 (English and German
    months), and numbers with the year last, where `order` says what comes first; a first number above 12 can only be
    a day and a second one above 12 can only be a day too, whatever `order` says. Dates with dots are always day first.
    A time of day after the date is allowed and dropped. With `serials`, Excel day numbers (5 digits) and Unix seconds
    or milliseconds are read as well: only sensible where the column is known to hold dates.
    """
    text = _WEEKDAY.sub("", text.strip())
    for pattern, groups in ((_YEAR_FIRST, (1, 3, 4)), (_CHINESE, (1, 2, 3)), (_COMPACT, (1, 2, 3))):
        if match := pattern.match(text):
            year, month, day = (int(match.group(group)) for group in groups)
            return _iso(year, month, day, text[match.end() :])
    if match := _YEAR_LAST.match(text):
        first, second, year = int(match.group(1)), int(match.group(3)), _full_year(match.group(4))
        month_first = (order == "mdy" and match.group(2) != "." and first <= 12) or second > 12
        day, month = (second, first) if month_first else (first, second)
        return _iso(year, month, day, text[match.end() :])
    if match := _DAY_NAMED.match(text):
        named = _MONTHS.get(match.group(2)[:3].lower())
        return _iso(_full_year(match.group(3)), named, int(match.group(1)), text[match.end() :]) if named else None
    if match := _NAMED_DAY.match(text):
        named = _MONTHS.get(match.group(1)[:3].lower())
        return _iso(int(match.group(3)), named, int(match.group(2)), text[match.end() :]) if named else None
    return _from_serial(text) if serials else None


def _full_year(text: str) -> int:
    year = int(text)
    if len(text) == 4:
        return year
    return year + (1900 if year >= 70 else 2000)


def _iso(year: int, month: int, day: int, tail: str) -> str | None:
    if not 1950 <= year <= 2100 or not _TIME_TAIL.match(" ".join(tail.split())):
        return None
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def _from_serial(text: str) -> str | None:
    if match := _SERIAL.match(text):
        days = int(match.group(1))
        # Excel counts from 1899-12-30 (its 1900 leap-year error included); below 18264 lies before 1950.
        return (date(1899, 12, 30) + timedelta(days=days)).isoformat() if 18264 <= days <= 73050 else None
    if match := _EPOCH.match(text):
        moment = datetime.fromtimestamp(int(match.group(1)), tz=UTC)
        return moment.date().isoformat() if 1971 <= moment.year <= 2100 else None
    return None


def vote_date_order(values: Iterable[str]) -> tuple[int, int, int]:
    """Count the values that can only be day first, only month first, and either (3/4/2023)."""
    day_first = month_first = either = 0
    for value in values:
        match = _YEAR_LAST.match(value.strip())
        if match is None or match.group(2) == ".":
            continue
        first, second = int(match.group(1)), int(match.group(3))
        if first > 12 >= second:
            day_first += 1
        elif second > 12 >= first:
            month_first += 1
        elif first != second:
            either += 1
    return day_first, month_first, either


# --- numbers ---------------------------------------------------------------------------------------------------------

_CURRENCY = r"(?:[$€£¥￥₹]|(?:us|au|ca|nz|hk|sg|a|c)\$|eur|usd|cny|rmb|gbp|jpy|chf|aud|cad|nzd|sgd|hkd|inr|krw|twd|rs\.?|元|人民币|块)"
_NUMBER = re.compile(
    both_scripts(
        rf"^(?P<open>\()?\s*(?P<sign>[-+])?\s*{_CURRENCY}?\s*(?P<sign2>[-+])?(?P<digits>[.,]?\d[\d.,'’\s]*)(?P<after>-)?"
        rf"\s*(?P<wan>万)?\s*{_CURRENCY}?\s*(?P<close>\))?$"
    ),
    re.IGNORECASE,
)
_SCIENTIFIC = re.compile(r"^[-+]?\d+(?:\.\d+)?e[-+]?\d+$", re.IGNORECASE)


def parse_number(text: str, decimal: Decimal = ".") -> float | None:
    """Return the number in a cell, or None where it is none.

    Understands currencies before and after, thousands marks, a minus sign before or after (as SAP prints it),
    negative numbers in brackets and 万 (ten thousand). `decimal` settles the cases that either reading would fit
    ("1,234"); where both marks stand in the cell, the last one is the decimal mark.
    """
    text = text.strip()
    if _SCIENTIFIC.match(text):
        return float(text)
    match = _NUMBER.match(text)
    if match is None or bool(match["open"]) != bool(match["close"]):
        return None
    digits = re.sub(r"[\s'’]", "", match["digits"]).rstrip(".,")
    mark = _decimal_mark(digits) or decimal
    digits = digits.replace("," if mark == "." else ".", "").replace(mark, ".")
    if digits.count(".") > 1:
        return None
    value = float(digits)
    if match["wan"]:
        value *= 10_000
    negative = match["open"] or match["after"] or "-" in (match["sign"], match["sign2"])
    return -value if negative and value else value


def _decimal_mark(digits: str) -> Decimal | None:
    """The decimal mark that this one number proves, or None where it does not say."""
    comma, dot = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and dot >= 0:
        return "," if comma > dot else "."
    mark: Decimal = "," if comma >= 0 else "."
    other: Decimal = "." if mark == "," else ","
    if mark not in digits:
        return None
    if digits.count(mark) > 1:
        return other  # 1.234.567: the mark separates thousands
    whole, _, fraction = digits.partition(mark)
    grouped = len(fraction) == 3 and 1 <= len(whole) <= 3 and whole != "0"
    return None if grouped else mark


def vote_decimal(values: Iterable[str]) -> Decimal:
    """The decimal mark that most of a column's numbers prove; "." where none does."""
    votes = {",": 0, ".": 0}
    for value in values:
        match = _NUMBER.match(value.strip())
        if match and (mark := _decimal_mark(re.sub(r"[\s'’]", "", match["digits"]).rstrip(".,"))):
            votes[mark] += 1
    return "," if votes[","] > votes["."] else "."


# --- durations -------------------------------------------------------------------------------------------------------

_UNIT_HOURS = {
    24.0: "d day days tag tage 天 日",
    1.0: "h hr hrs hour hours std stunde stunden 小时 个小时 工时 时",
    1 / 60: "m min mins minute minutes minuten 分钟 分",
    1 / 3600: "s sec secs second seconds sek sekunden 秒 秒钟",
}
_HOURS_OF = {name: hours for hours, names in _UNIT_HOURS.items() for name in names.split()}
_PIECE = re.compile(r"(\d+(?:[.,]\d+)?)\s*([^\W\d_]+)\.?[\s,;+]*")
_CLOCK = re.compile(r"^(\d{1,4}):(\d{2})(?::(\d{2})(?:\.\d+)?)?$")
_HEADER_UNIT = re.compile(
    both_scripts(
        r"(?:^|[\s_(（\[【/,.]|in )(d|days?|tage?|h|hrs?|hours?|std|stunden?|min|mins|minutes?|minuten|s|secs?|seconds?)\b"
        r"|([a-z]hrs|hours|minutes)$|(天|小时|工时|分钟|秒|(?<=[(（])[分时日](?=[)）]))"
    ),
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def header_unit(header: str) -> float | None:
    """Hours in the unit that a column's header names ("Downtime (min)" gives 1/60), or None where it names none."""
    found: float | None = None
    for match in _HEADER_UNIT.finditer(_CAMEL.sub(" ", header).replace("_", " ")):
        word = (match.group(1) or match.group(2) or match.group(3)).lower()
        word = simplified(word)
        found = 1.0 if word.endswith("hrs") else _HOURS_OF.get(word, found)
    return found


def parse_hours(text: str, unit: float = 1.0, decimal: Decimal = ".") -> float | None:
    """Return a duration in hours, or None. A unit in the cell ("2小时30分", "45 min") beats the column's `unit`.

    "3:30" and "3:30:00" are hours and minutes (and seconds).
    """
    text = text.strip()
    if match := _CLOCK.match(text):
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return hours + minutes / 60 + seconds / 3600 if minutes < 60 and seconds < 60 else None
    number = parse_number(text, decimal)
    if number is not None:
        return number * unit
    total, end = 0.0, 0
    for match in _PIECE.finditer(text):
        amount = parse_number(match.group(1), decimal)
        hours_per = _HOURS_OF.get(simplified(match.group(2).lower()))
        if match.start() != end or amount is None or hours_per is None:
            return None
        total, end = total + amount * hours_per, match.end()
    return total if end and end == len(text) else None
