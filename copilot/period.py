"""The period of time a question names: "last year", "since March", 上个月, 近三个月, 2023-05. Pure; today's date is given."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from indexer.analysis import fold


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` to `until`, both included; None is open. `words` are those of the question.

    `written` is the year or month as reports write it, where the question gives just that ("2023", "2023-05").
    """

    since: date | None
    until: date | None
    words: str
    written: str = ""


_MONTHS = {
    name: number
    for number, names in enumerate(
        "january jan|february feb|march mar|april apr|may|june jun|july jul|august aug|september sept sep|october oct|"
        "november nov|december dec".split("|"),
        1,
    )
    for name in names.split()
}
_NUMBERS = {
    word: n for n, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), 1)
}
_DIGITS_ZH = {character: n for n, character in enumerate("一二三四五六七八九十", 1)} | {"两": 2, "半": 0}
_UNITS_ZH = {
    "天": "day",
    "日": "day",
    "周": "week",
    "星期": "week",
    "礼拜": "week",
    "月": "month",
    "季度": "quarter",
    "年": "year",
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_NUMBER = r"\d{1,3}|" + "|".join(_NUMBERS)
_YEAR = r"(?:19|20)\d\d"
_SHORT_YEAR = rf"{_YEAR}|['’]\d\d"
_IN = re.compile(r"\b(?:in|of)\s*$")
# What a number before a month belongs to: "press 2 May 2025", "error 20 March".
_OWNER = re.compile(r"(?:\b(?:errors?|alarms?|faults?|codes?|press|pump|machine|line|unit|axis|no\.?|number)|#)\s*$")
_NOT_A_YEAR = r"(?<![\w.-])"
_NUMBER_ZH = r"\d{1,3}|[一二两三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九半]"
_UNIT_ZH = "天|日|周|星期|礼拜|月|季度|年"

# A point or stretch of time, by the name of the function that reads it below.
_STRETCH = "|".join(
    (
        rf"(?:the )?(?:last|past|previous) (?P<n>{_NUMBER}) (?P<n_unit>day|week|month|quarter|year)s?",
        r"(?:the )?past (?P<past>day|week|month|quarter|year)",
        r"(?P<which>this|last|previous|current) (?P<unit>week|month|quarter|year)",
        r"(?P<before_last>the year before last)",
        r"(?P<day>today|yesterday)",
        rf"(?P<iso>{_NOT_A_YEAR}{_YEAR}[-/.](?:1[0-2]|0?[1-9])(?:[-/.](?:[12]\d|3[01]|0?[1-9]))?(?![\w-]))",
        rf"(?:q(?P<quarter>[1-4])\s+(?P<q_year>{_YEAR}))",
        rf"(?:(?:(?<![\w.,:/-])(?P<d_first>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?\s+(?:of\s+)?)?(?P<month>{_MONTH})\b\.?"
        rf"(?:\s+(?P<m_day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?\b(?![\d:]),?)?(?:\s*(?:of\s+)?(?P<m_year>{_SHORT_YEAR})\b)?)",
        rf"(?:{_NOT_A_YEAR}(?P<year>{_YEAR})(?![\w-]|年))",
        rf"(?:最近|近|过去|前)的?(?P<zn>{_NUMBER_ZH})(?:个)?(?P<zn_unit>{_UNIT_ZH})(?:之?内|来)?",
        r"(?P<z_which>今年|本年度?|去年|前年|今天|昨天|前天|(?:本|这个?|当|上个?)(?:周|星期|礼拜|月|季度))(?:的?(?P<z_in>1[0-2]|[1-9])月份?)?",
        rf"(?:(?P<z_year>{_YEAR})年(?:(?P<z_month>1[0-2]|0?[1-9])月份?(?P<z_day>[12]\d|3[01]|0?[1-9])?[日号]?)?)",
        r"(?:(?<![\d.])(?P<zs_year>\d\d)年(?P<zs_month>1[0-2]|0?[1-9])月份?(?P<zs_day>[12]\d|3[01]|0?[1-9])?[日号]?)",
        r"(?:(?<![\d.])(?P<zs_only>\d\d)年(?=里|间|全年|换|更换|修|维修|坏|报|出|发生|故障|停机|一共|总共|共|有几|有多少))",
        r"(?:(?<![\d个])(?P<z_only>1[0-2]|[1-9])月(?:份|(?P<z_only_day>[12]\d|3[01]|[1-9])[日号])?)",
    )
)
_ONE = re.compile(_STRETCH)
_OPEN = re.compile(r"(?:\bsince|\bfrom|\bafter|自从?|从)\s*$")
_OPEN_BEHIND = re.compile(r"^\s*(?:以来|之后|以后|至今|到现在|起|开始)|^\s+(?:on(?:wards?)?|until (?:now|today))\b")
_CLOSED = re.compile(r"(?:\buntil|\bbefore|\bup to)\s*(?:the end of\s*)?$")
_TO = re.compile(r"^\s*(?:to|until|and|through|-|–|至|到|和)\s*$")
_MONTH_ALONE = re.compile(
    r"(?:\b(?:since|in|during|from|until|before|after|of|to|and|this|last|every|between|for)|自从?|从)\s*$"
)


def find_period(question: str, today: date) -> Period | None:
    """The period a question names, relative to `today`; None when it names none.

    "last year" and 上个月 are those of the calendar, "the last three months" counts back from today, and a month without
    a year is the latest that has begun.
    """
    text = fold(question)
    found = [(match, span) for match in _ONE.finditer(text) if (span := _span(match, text, today)) is not None]
    if not found:
        return None
    match, (since, until) = found[0]
    before, behind = text[: match.start()], text[match.end() :]
    start, end = match.span()
    if len(found) > 1 and _TO.match(text[match.end() : found[1][0].start()]):
        # "from March to May 2024": the year of the second is that of the first as well.
        other = found[1]
        later = other[1][1]
        if match["month"] and not match["m_year"]:
            since = since.replace(year=later.year - (since.month > later.month))
        return Period(since, later, text[start : other[0].end()])
    if opened := _OPEN.search(before):
        first = until + timedelta(days=1) if until and "after" in opened[0] else since
        return Period(first, None, text[opened.start() : end])
    if opened := _OPEN_BEHIND.match(behind):
        return Period(since, None, text[start : end + opened.end()])
    if closed := _CLOSED.search(before):
        last = since - timedelta(days=1) if since and "before" in closed[0] else until
        return Period(None, last, text[closed.start() : end])
    return Period(since, until, match[0], _written(match))


def _written(match: re.Match[str]) -> str:
    if match["year"]:
        return match["year"]
    if match["iso"]:
        return "-".join(part.zfill(2) for part in re.split(r"[-/.]", match["iso"]))
    if match["z_year"]:
        parts = [match["z_year"], match["z_month"], match["z_day"]]
        return "-".join(part.zfill(2) for part in parts if part)
    return ""


def _span(match: re.Match[str], text: str, today: date) -> tuple[date, date] | None:
    """First and last day of what was found; None where the words only look like it ("may", "3月" of a number)."""
    for group, read in _READ.items():
        if match[group]:
            return read(match, text, today)
    return None


def _months_back(day: date, count: int) -> date:
    month = day.year * 12 + day.month - 1 - count
    year, month = divmod(month, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _month(year: int, month: int) -> tuple[date, date]:
    return date(year, month, 1), date(year, month, monthrange(year, month)[1])


def _back(count: int, unit: str, today: date) -> tuple[date, date]:
    """So many units up to today."""
    if unit in ("day", "week"):
        return today - timedelta(days=count * (7 if unit == "week" else 1)), today
    return _months_back(today, count * {"month": 1, "quarter": 3, "year": 12}[unit]), today


def _calendar(unit: str, ago: int, today: date) -> tuple[date, date]:
    """The week, month, quarter or year of the calendar so many before this one."""
    if unit == "week":
        monday = today - timedelta(days=today.weekday() + 7 * ago)
        return monday, monday + timedelta(days=6)
    if unit == "year":
        return date(today.year - ago, 1, 1), date(today.year - ago, 12, 31)
    if unit == "quarter":
        first = _months_back(date(today.year, 3 * ((today.month - 1) // 3) + 1, 1), 3 * ago)
        return first, _month(first.year, first.month + 2)[1]
    first = _months_back(today.replace(day=1), ago)
    return _month(first.year, first.month)


def _number(word: str) -> int:
    if word.isdigit():
        return int(word)
    if word in _NUMBERS:
        return _NUMBERS[word]
    if "十" in word and len(word) > 1:
        tens, ones = word.split("十")
        return 10 * (_DIGITS_ZH[tens] if tens else 1) + (_DIGITS_ZH[ones] if ones else 0)
    return _DIGITS_ZH[word]


def _counted(match: re.Match[str], _: str, today: date) -> tuple[date, date]:
    return _back(_number(match["n"]), match["n_unit"], today)


def _counted_zh(match: re.Match[str], _: str, today: date) -> tuple[date, date]:
    if match["zn"] == "半":
        return _back(6, "month", today) if match["zn_unit"] == "年" else _back(15, "day", today)
    return _back(_number(match["zn"]), _UNITS_ZH[match["zn_unit"]], today)


def _named_month(match: re.Match[str], text: str, today: date) -> tuple[date, date] | None:
    month, year, day, first = _MONTHS[match["month"]], match["m_year"], match["m_day"], match["d_first"]
    before = text[: match.start()]
    first = None if first and _OWNER.search(before) else first
    if (
        day
        and day.startswith("0")
        and not year
        and (first or _IN.search(before))
        and not re.match(r"\s*[-–/,]\s*\d", text[match.end() :])
    ):
        year, day = day, None  # "in May 08" and "10 Sept 07" name years; "May 08" and "May 05, 2024" days
    day = day or first
    # "may" and "march" are verbs as well, "dec" and "sun" parts of words: alone they need a word of time before them.
    if not year and not (day and len(match["month"]) > 3) and not _MONTH_ALONE.search(text[: match.start()]):
        return None
    return _one(_full_year(year, today) if year else _latest(month, today), month, int(day) if day else None)


def _full_year(written: str, today: date) -> int:
    """A year of two digits is the latest such one that has begun: 08 is 2008, 98 is 1998."""
    digits = written.lstrip("'’")
    if len(digits) == 4:
        return int(digits)
    century = today.year // 100 * 100
    return century + int(digits) - 100 * (century + int(digits) > today.year)


def _latest(month: int, today: date) -> int:
    return today.year if month <= today.month else today.year - 1


def _one(year: int, month: int, day: int | None) -> tuple[date, date] | None:
    if day is None:
        return _month(year, month)
    return (date(year, month, day),) * 2 if day <= monthrange(year, month)[1] else None


def _iso(match: re.Match[str], _: str, __: date) -> tuple[date, date] | None:
    year, month, *day = (int(part) for part in re.split(r"[-/.]", match["iso"]))
    return _one(year, month, day[0] if day else None)


def _relative_zh(match: re.Match[str], _: str, today: date) -> tuple[date, date]:
    words = match["z_which"]
    days = {"今天": 0, "昨天": 1, "前天": 2}
    if words in days:
        return (today - timedelta(days=days[words]),) * 2
    years = {"今": 0, "本年": 0, "去": 1, "前": 2}
    ago = next((ago for start, ago in years.items() if words.startswith(start)), None)
    if ago is not None and "年" in words:
        return _month(today.year - ago, int(match["z_in"])) if match["z_in"] else _calendar("year", ago, today)
    unit = next(unit for word, unit in _UNITS_ZH.items() if words.endswith(word))
    return _calendar(unit, int(words.startswith("上")), today)


def _dated_zh(match: re.Match[str], _: str, __: date) -> tuple[date, date] | None:
    year, month, day = int(match["z_year"]), match["z_month"], match["z_day"]
    return _one(year, int(month), int(day) if day else None) if month else (date(year, 1, 1), date(year, 12, 31))


def _short_zh(match: re.Match[str], _: str, today: date) -> tuple[date, date] | None:
    if match["zs_only"]:
        year = _full_year(match["zs_only"], today)
        return date(year, 1, 1), date(year, 12, 31)
    day = match["zs_day"]
    return _one(_full_year(match["zs_year"], today), int(match["zs_month"]), int(day) if day else None)


def _month_zh(match: re.Match[str], _: str, today: date) -> tuple[date, date] | None:
    month, day = int(match["z_only"]), match["z_only_day"]
    return _one(_latest(month, today), month, int(day) if day else None)


_READ: dict[str, Callable[[re.Match[str], str, date], tuple[date, date] | None]] = {
    "n": _counted,
    "past": lambda match, _, today: _back(1, match["past"], today),
    "which": lambda match, _, today: _calendar(match["unit"], int(match["which"] in ("last", "previous")), today),
    "before_last": lambda _, __, today: _calendar("year", 2, today),
    "day": lambda match, _, today: (today - timedelta(days=int(match["day"] == "yesterday")),) * 2,
    "iso": _iso,
    "quarter": lambda match, _, __: (
        date(int(match["q_year"]), 3 * int(match["quarter"]) - 2, 1),
        _month(int(match["q_year"]), 3 * int(match["quarter"]))[1],
    ),
    "month": _named_month,
    "year": lambda match, _, __: (date(int(match["year"]), 1, 1), date(int(match["year"]), 12, 31)),
    "zn": _counted_zh,
    "z_which": _relative_zh,
    "z_year": _dated_zh,
    "zs_year": _short_zh,
    "zs_only": _short_zh,
    "z_only": _month_zh,
}
