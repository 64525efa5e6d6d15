"""Personal data out of questions, before anything is trained on: e-mail addresses, phone numbers, badge numbers, names.

`mask("ask Peter Kern, +49 170 1234567, why E-207 comes back")` gives "ask <name>, <phone>, why E-207 comes back".
Numbers are recognised by their shape and by the words before them, so that codes, part numbers, parameters, serial
ports, dates and addresses of machines (10.0.0.1) stay. People's names, English and Chinese, are in `finetune.names`.
Questions are about machines, so where a word may be either, it stays: this lowers the risk, and is no guarantee.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from indexer.chinese import simplified

KINDS = ("email", "badge", "phone", "name")
"""In the order of precedence: a part of the text that two kinds claim goes to the first."""


class Span(NamedTuple):
    """A piece of personal data: text[start:end] is of `kind`, one of KINDS."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with placeholders; `counts` says how many of each kind there are."""

    text: str
    counts: Mapping[str, int] = field(default_factory=dict)


def mask(text: str) -> Masked:
    """Replace personal data by <email>, <badge>, <phone>, <name>. Masking twice changes nothing more."""
    spans = find(text)
    pieces: list[str] = []
    place = 0
    for span in spans:
        pieces += [text[place : span.start], f"<{span.kind}>"]
        place = span.end
    return Masked("".join([*pieces, text[place:]]), dict(Counter(span.kind for span in spans)))


def find(text: str) -> list[Span]:
    """Where personal data stands, in order, without overlaps."""
    from finetune.names import find_names

    plain = simplified(text.translate(_HALF_WIDTH))  # one character for one, so positions stay
    found = [*_emails(plain), *_badges(plain), *_phones(plain)]
    found += (Span(start, end, "name") for start, end in find_names(plain))
    found += _extensions(plain, found)
    chosen: list[Span] = []
    for span in sorted(found, key=lambda span: (KINDS.index(span.kind), span.start, -span.end)):
        if all(span.end <= other.start or other.end <= span.start for other in chosen):
            chosen.append(span)
    return sorted(chosen)


_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}

_EMAIL = re.compile(r"(?<![\w.+%-])[a-z0-9][\w.+%-]*@(?:[a-z0-9-]+\.)+[a-z]{2,}", re.IGNORECASE | re.ASCII)

# What may stand behind a number that measures or counts something.
_UNIT = re.compile(
    r"\s?(?:nm|mm|cm|m|km|µm|um|v|kv|mv|a|ma|w|kw|hz|khz|mhz|bar|mbar|pa|kpa|mpa|psi|rpm|°|℃|c\b|s\b|ms|min|h\b|hours?|"
    r"days?|times|pcs|pieces|units?|counts?|pulses?|steps?|inc|cycles?|parts|baud|bytes?|kb|mb|l\b|ml|kg|g\b|%|"
    r"毫米|厘米|米|伏|安|千瓦|瓦|赫兹|转|次|秒|分钟|小时|天|个|件|条|脉冲|公斤|升|度)(?![a-z])",
    re.IGNORECASE,
)
# What stands before the number of a thing.
_THING = re.compile(
    r"(?:\b(?:parts?|order|orders|serial|item|article|material|model|type|catalog(?:ue)?|drawing|sn|s/n|pn|p/n|ref(?:erence)?|"
    r"batch|lot|stock|sku|invoice|ticket|work\s?order|document|version|firmware|teile?-?|artikel-?|bestell-?|serien-?|"
    r"program|parameter|address|register|counter|value|position)[\s.:#=-]{0,3}(?:no|nr|numbers?|num|nummer|code|id|is)?|"
    r"料号|序列号|订单号?|型号|物料(?:编码|编号|号)?|零件号?|图号|批号|编号|货号|件号|订货号|工单号?|程序号?|参数|地址|寄存器|计数)"
    r"[\s.:#=是为]{0,4}$",
    re.IGNORECASE,
)


def _of_a_thing(text: str, start: int, end: int) -> bool:
    return bool(_THING.search(text, max(0, start - 32), start) or _UNIT.match(text, end))


def _emails(text: str) -> Iterator[Span]:
    for match in _EMAIL.finditer(text):
        yield Span(match.start(), match.end(), "email")


_NUMBER_WORD = r"(?:no|nr|number|num|id|code)"
_BADGE = re.compile(
    r"(?<!\w)(?:"
    rf"(?:badge|employee)(?:\s*card)?(?:\s*(?:{_NUMBER_WORD}\b|\#))?|"
    rf"(?:staff|personnel|payroll|worker|clock|operator|technician|emp|mitarbeiter|id\s?card)(?:'s)?[\s.-]*(?:{_NUMBER_WORD}\b|\#)|"
    r"personal-?nummer|personal-?nr|pers\.?-?nr|mitarbeiter-?nummer|mitarbeiter-?nr|ausweis-?nummer|ausweis-?nr"
    r")\.?\s*(?:is|was|ist)?\s*[:=#]?\s*(?P<value>[a-z]{0,3}-?\d{2,12})(?![\w-])",
    re.IGNORECASE,
)
_BADGE_ZH = re.compile(
    r"(?:(?<![加施手分])工号|员工(?:编?号|证号?|卡号?)|工[牌卡]号?|厂牌号?|胸[牌卡]号?|职工(?:编?号|证号?)|人员编?号|身份证号?码?)"
    r"[\s:=是为]{0,4}(?P<value>[a-z]{0,4}-?\d{2,18}x?)(?![a-z0-9-])",
    re.IGNORECASE,
)
_BADGE_BEFORE_ZH = re.compile(
    r"(?<![\w.-])(?P<value>[a-z]{0,3}\d{3,8})\s?号(?:员工|工人|操作工|操作员|职工)", re.IGNORECASE | re.ASCII
)
_IDENTITY_ZH = re.compile(
    r"(?<![\w.-])\d{6}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\w)", re.ASCII
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def _badges(text: str) -> Iterator[Span]:
    for pattern, least in ((_BADGE, 2), (_BADGE_ZH, 2), (_BADGE_BEFORE_ZH, 3)):
        for match in pattern.finditer(text):
            start, end = match.span("value")
            bare = pattern is _BADGE and not re.search(
                _NUMBER_WORD + "|#|n", match[0][: start - match.start()], re.IGNORECASE
            )
            if sum(map(str.isdigit, match["value"])) >= (3 if bare else least) and not _UNIT.match(text, end):
                yield Span(start, end, "badge")
    for match in _IDENTITY_ZH.finditer(text):
        # ISO 7064 MOD 11-2: a number of 18 digits is a citizen's only with the right check character.
        check = "10X98765432"[sum(int(digit) * weight for digit, weight in zip(match[0], _WEIGHTS, strict=False)) % 11]
        if match[0][-1].upper() == check:
            yield Span(match.start(), match.end(), "badge")


# Country codes as the ITU assigns them, by what the number begins with.
_COUNTRY = re.compile(
    r"1|7|20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|2(?:1[1-368]|[2-69]\d)|3[578]\d|42[013]|5[09]\d|6[789]\d|"
    r"85[02356]|88[06]|9[679]\d"
)
_INTERNATIONAL = re.compile(
    r"(?<![\w+.])(?:\+|(?P<zeros>00)(?=[1-9]))\s?\d{1,12}(?:[ ./-]{0,2}(?:\(\d{1,5}\)|\d{1,12})){0,6}", re.ASCII
)
_MOBILE_ZH = re.compile(
    r"(?<![\w.-])(?:(?:\+|00)?86[ -]?)?1[3-9]\d(?:\d{8}|(?P<gap>[ -])\d{4}(?P=gap)\d{4})(?!\w|[.-]\d)", re.ASCII
)
_LANDLINE_ZH = re.compile(r"(?<![\w.-])(?:\(0\d{2,3}\) ?|0\d{2,3}-)[2-9]\d{6,7}(?:-\d{1,5})?(?!\w|[.-]\d)", re.ASCII)
_AMERICAN = re.compile(r"(?<![\w.-])(?:\([2-9]\d\d\) ?|[2-9]\d\d[.-])[2-9]\d\d[.-]\d{4}(?!\w|[.-]\d)", re.ASCII)
_MOBILE_DE = re.compile(r"(?<![\w.-])01[567]\d[ /-]{1,2}\d{3,8}(?:[ -]\d{2,5}){0,3}(?!\w|[.-]\d)", re.ASCII)
_CALLED = re.compile(
    r"(?:(?<!\w)(?:(?:tele)?phone|tel|telefon|mobile|mobil|handy|fax|cell(?=\s*:|\s?phone|\s+(?:no|number))|call(?:ed|ing)?|dial|ring|"
    r"reach|text|whatsapp|sms|rückruf|anruf)(?:\.|(?!\w))|"
    r"电话|手机号?码?|联系方式|致电|拨打?|打给?|来电|传真|短信|微信号?|QQ号?)"
    r"[\s.:=]{0,3}(?:(?:me|us|him|her|them|back|at|on|under|no|nr|number|phone|is|unter|是|为|号码?)[\s.:=]{0,3}){0,4}"
    r"(?P<number>\(?\d[\d ()/.-]{3,18}\d)(?!\w|[.-]\d)",
    re.IGNORECASE | re.ASCII,
)
_NO_PHONE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}.*|\d{1,3}(?:\.\d{1,3}){3}|\d+\.\d{1,4}", re.ASCII
)
_EXTENSION = re.compile(
    r"(?<!\w)(?:(?P<cue>call|phone|dial|reach|ring|at|on)\s+(?:me\s+|us\s+|him\s+|her\s+)?(?:at\s+|on\s+)?)?"
    r"(?:ext\.?|extension|durchwahl|dw)[\s.:]*(?P<value>\d{3,5})(?!\w|[.-]\d)",
    re.IGNORECASE | re.ASCII,
)
_EXTENSION_ZH = re.compile(r"(?:分机号?|转)[\s:]{0,2}(?P<value>\d{3,6})(?!\w|[.-]\d)", re.ASCII)
_WECHAT = re.compile(
    r"(?:微信号?|wechat(?:\s+id)?)[\s:是]{0,3}(?P<value>[a-z][\w-]{5,19})(?![\w-])", re.IGNORECASE | re.ASCII
)
_HAN = re.compile(r"[\u4e00-\u9fff]")


def _phones(text: str) -> Iterator[Span]:
    for match in _INTERNATIONAL.finditer(text):
        end = _end_of_international(text, match)
        if end is not None and not _of_a_thing(text, match.start(), end):
            yield Span(match.start(), end, "phone")
    shapes = [_MOBILE_ZH, _AMERICAN, _MOBILE_DE]
    if _HAN.search(text):  # elsewhere 010-62345678 is more likely a part
        shapes.append(_LANDLINE_ZH)
    for shape in shapes:
        for match in shape.finditer(text):
            if not _of_a_thing(text, match.start(), match.end()):
                yield Span(match.start(), match.end(), "phone")
    for match in _WECHAT.finditer(text):
        if "_" in match["value"] or any(map(str.isdigit, match["value"])):
            yield Span(*match.span("value"), "phone")
    for match in _CALLED.finditer(text):
        start, end = match.span("number")
        if _NO_PHONE.fullmatch(match["number"]) or _UNIT.match(text, end):
            continue
        if 6 <= sum(map(str.isdigit, match["number"])) <= 15:
            yield Span(start, end, "phone")


def _end_of_international(text: str, match: re.Match[str]) -> int | None:
    """Where the number ends, without a quantity that follows it; None when it is none."""
    end = match.end()
    while True:
        digits = re.sub(r"\D", "", text[match.start() : end])
        if match["zeros"]:
            digits = digits[2:]
        if len(digits) <= 15 and not _UNIT.match(text, end):
            break
        shorter = max(text.rfind(" ", match.start(), end), text.rfind("-", match.start(), end))
        if shorter <= match.start():
            return None
        end = shorter
    country = _COUNTRY.match(digits)
    if country is None or len(digits) < 9 or (digits[0] in "17" and len(digits) != 11):
        return None
    if match["zeros"] and text[match.start() + 2 + country.end()] not in " /-(":
        return None  # 00491701234567 may be any number with leading zeros
    return end


def _extensions(text: str, found: list[Span]) -> Iterator[Span]:
    """ "ext. 4711" is a phone where somebody is named or called, else perhaps an external supply or a stroke."""
    somebody = any(span.kind in ("name", "phone", "email") for span in found)
    for match in _EXTENSION.finditer(text):
        called = (match["cue"] or "").lower() in ("call", "phone", "dial", "reach", "ring")
        if (somebody or called) and not _UNIT.match(text, match.end()):
            yield Span(*match.span("value"), "phone")
    for match in _EXTENSION_ZH.finditer(text):
        if (match[0].startswith("分机") or (somebody and "电话" in text)) and not _UNIT.match(text, match.end()):
            yield Span(*match.span("value"), "phone")
