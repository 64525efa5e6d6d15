"""Alarm, error, parameter and part codes: their normal forms, where documents define them, how questions name them.

Pure functions over text; the registry that stores what is found here is in `code_registry.py`.

A code is matched in levels, from the same text down to the same value in another base (see `CodeMatch.level`).
Each level is a *key*: two writings of a code match at the first level on which they share a key.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from indexer.analysis import question_tokens
from indexer.chinese import both_scripts, simplified

# Abbreviated prefixes that only say "this is a fault code", by family: E-207 and Err 207 are one code, E-3 and F-3 two.
_FAMILIES: dict[str, str] = {
    **dict.fromkeys(("e", "er", "err", "ec"), "error"),
    **dict.fromkeys(("a", "al", "alm"), "alarm"),
    **dict.fromkeys(("f", "flt", "fc"), "fault"),
    **dict.fromkeys(("w", "wrn", "warn"), "warning"),
    **dict.fromkeys(("p", "pr", "par", "param"), "parameter"),
}
# What the text around a code of plain digits must say for an abbreviated prefix to match it ("Err 4" for row "4").
_FAMILY_CONTEXT: dict[str, re.Pattern[str]] = {
    **dict.fromkeys(
        ("error", "alarm", "fault", "warning"),
        re.compile(both_scripts(r"error|alarm|fault|warn|code|报警|警报|告警|故障|错误|代码"), re.IGNORECASE),
    ),
    "parameter": re.compile(both_scripts(r"param|setting|参数|功能码|设置"), re.IGNORECASE),
}
# Words a person says instead of a prefix ("alarm 207", "fault code 12", "报警号4"); they fit every family.
_WORDS = "error|errors|alarm|alarms|fault|faults|warning|warnings|code|codes|parameter|parameters|setting|settings|option|message|status|event|trouble"
_SPOKEN = _WORDS + "|err|alm|flt|warn|param|par|msg|number|no|id"
_SPOKEN_ZH = "错误|报警|警报|告警|故障|警告|代码|参数|功能码|设置|设定|编号|编码|信息|状态码|码|号"
_NEUTRAL = frozenset([*_WORDS.split("|"), *_SPOKEN_ZH.split("|"), "msg", "number", "no", "id", "$", "#"])

_TOKEN = re.compile(r"[$#]?-?[A-Za-z0-9]+(?:[-‐‑–._/:][A-Za-z0-9]+)*|[\u4e00-\u9fff]+")
_SEPARATORS = re.compile(r"[-‐‑–_.:/#\s()\[\]（）【】]+")
_PIECES = re.compile(r"[a-z]+|\d+|[\u4e00-\u9fff]+|\$")
_HEX = re.compile(r"0x([0-9a-f]+)|([0-9a-f]*\d[0-9a-f]*)h")


def fold_code(text: str) -> str:
    """A code without case, width and dash variants, spaces at its ends removed."""
    folded = simplified(unicodedata.normalize("NFKC", text).casefold()).strip()
    return re.sub(r"[‐‑–—−]", "-", folded)


@dataclass(frozen=True, slots=True)
class Normal:
    """The normal forms of one written code. `keys[level]` are the texts it can be matched by on that level."""

    keys: tuple[tuple[str, ...], ...]
    family: str | None
    """error, alarm ... when the prefix only names a family; "" when there is none or a spoken word; None for any other."""
    hexadecimal: bool = False


LEVELS = 6


@lru_cache(maxsize=65_536)
def normal_forms(code: str) -> Normal:
    """All keys of a written code, by level.

    >>> normal_forms("E-207").keys[1], normal_forms("alarm 207").keys[3]
    (('e207',), ('207',))
    """
    folded = fold_code(code)
    negative = bool(re.match(r"-\d", folded))
    squeezed = ("-" if negative else "") + _SEPARATORS.sub("", folded)
    pieces = [("-" + p if negative and i == 0 else p) for i, p in enumerate(_PIECES.findall(folded.lstrip("-")))]
    stripped = "|".join(_strip_zeros(piece) for piece in pieces)
    head = pieces[0] if pieces else ""
    has_prefix = bool(head) and not head.lstrip("-").isdigit()
    family = "" if not has_prefix or head in _NEUTRAL else _FAMILIES.get(head)
    rest = pieces[1:] if has_prefix else pieces
    number = (
        ".".join(_strip_zeros(piece) for piece in rest) if rest and all(p.lstrip("-").isdigit() for p in rest) else ""
    )
    hexadecimal = _HEX.fullmatch(squeezed)
    value = str(int(hexadecimal[1] or hexadecimal[2], 16)) if hexadecimal else ""
    if hexadecimal:
        family, number = "", ""
        stripped = "0x" + (hexadecimal[1] or hexadecimal[2]).lstrip("0")
    same_family = (number,) if number and family is not None else ()
    return Normal(
        keys=(
            (re.sub(r"\s+", "", folded),),
            (squeezed,),
            (stripped,),
            same_family,
            (number,) if number else (),
            (value,) if value else ((number,) if number.isdigit() else ()),
        ),
        family=family,
        hexadecimal=bool(hexadecimal),
    )


def _strip_zeros(piece: str) -> str:
    return (piece.lstrip("0") or "0") if piece.isdigit() else piece


def may_match(question: Normal, entry: Normal, level: int, context: str) -> bool:
    """Whether two codes that share a key on `level` can be the same, given what stands around the entry.

    Below level 3 the text is the same, so they can. On level 3 the prefixes must name one family, or one of them is
    missing and the context names it; level 4 is for questions that give a number alone; on level 5 one must be hexadecimal,
    and no letter before the other: "C23" is not 0x17.
    """
    if level <= 2:
        return True
    if level == 3:
        if question.family is None or entry.family is None:
            return False
        if question.family == entry.family or question.family == "":
            return True
        near = context.split("\n")[0]
        if question.family != "parameter" and _FAMILY_CONTEXT["parameter"].search(near):
            return False  # "E-230" is no row of a parameter table
        return entry.family == "" and bool(_FAMILY_CONTEXT[question.family].search(context))
    if level == 4:
        return question.family == ""
    return question.hexadecimal != entry.hexadecimal and None not in (question.family, entry.family)


def is_among_faults(code: str, context: str) -> bool:
    """Whether a code may be that of a fault: by its prefix, or by what stands around it.

    >>> is_among_faults("SRVO-204", "Alarm code, cause"), is_among_faults("G19", "Plane select")
    (True, False)
    """
    return normal_forms(code).family is not None or bool(_AMONG_FAULTS.search(context))


def names_table(initial: str, context: str) -> bool:
    """Whether the table that a code of plain digits stands in is one of faults whose name begins with this letter.

    >>> names_table("C", "Controller Error Code"), names_table("C", "Servo Error Code")
    (True, False)
    """
    near = context.split("\n")[0]
    words = re.findall(r"[a-z]{4,}", near.casefold())
    return bool(_FAULT_CONTEXT.search(near)) and any(
        word.startswith(initial.casefold()) and not is_generic(word) and not _CODE_HEADER.fullmatch(word)
        for word in words
    )


# --- Where documents define codes -------------------------------------------------------------------------------

_CODE_HEADER = re.compile(
    both_scripts(
        r"code|alarm|error|fault|warning|\bno\b\.?|number|\bid\b|parameter|\bparam|\bpar\b|display|signal|\$|order|part|article|item|"
        r"register|address|key|代码|编码|故障码|报警|故障|错误|编号|序号|功能码|参数|显示|型号|订货|物料|地址|\bnr\b|#"
    ),
    re.IGNORECASE,
)
_TEXT_HEADER = re.compile(
    both_scripts(
        r"description|meaning|cause|remedy|solution|message|text|action|name|title|reason|default|range|unit|value|level|priority|"
        r"名称|说明|描述|原因|对策|处理|措施|方法|内容|含义|范围|默认|出厂|单位|备注|等级|级别|页"
    ),
    re.IGNORECASE,
)
_DISPLAY_HEADER = re.compile(both_scripts(r"code|display|panel|keypad|代码|故障码|显示"), re.IGNORECASE)
_ORDINAL_HEADER = re.compile(both_scripts(r"序号|^\s*(?:no\.?|#|nr\.?|item)\s*$"), re.IGNORECASE)
CODE_CONTEXT = re.compile(
    both_scripts(
        r"code|alarm|error|fault|warning|parameter|setting|diagnos|troubleshoot|message|代码|报警|故障|错误|警告|参数|功能码|设置"
    ),
    re.IGNORECASE,
)
_FAULT_CONTEXT = re.compile(
    both_scripts(r"code|alarm|error|fault|warning|message|代码|报警|故障|错误|警告"), re.IGNORECASE
)
_FAULT_WORD = re.compile(
    both_scripts(r"alarms?|errors?|faults?|warnings?|报警|警报|告警|错误|故障|警告"), re.IGNORECASE
)
_AMONG_FAULTS = re.compile(
    both_scripts(
        r"alarm|error|fault|fail|warning|messages?\b|trip|event|diagnos|trouble|causes?\b|remed|correct|countermeasure|solution|"
        r"报警|警报|告警|故障|错误|警告|原因|对策|处理|措施|排除|异常"
    ),
    re.IGNORECASE,
)
_LETTER_DIGIT = re.compile(
    r"(?:0x[0-9a-f]{1,8}|[$#]\d{1,5}|[a-z]{1,8}[-_.:/ ]?(?:[a-z]{1,4}[-_.:/ ]?)?\d[a-z0-9]*(?:[-_./ ]?[a-z0-9]+){0,4}"
    r"|\d[a-z0-9]*[a-z][a-z0-9]*(?:[-_./ ][a-z0-9]+){0,3}|\d{1,4}(?:[.-]\d{1,4}){1,3}|[a-z]{2}\d{3,})",
    re.IGNORECASE,
)
_X_CODE = re.compile(r"[A-Z]{2}\d{2,5}")
_INITIAL = re.compile(r"([A-Z])[- ]?\d{1,4}", re.IGNORECASE)
_DIGITS = re.compile(r"-?\d{1,6}")
_UNITLIKE = re.compile(
    r"-?\d+(?:\.\d+)?\s*(?:mm|cm|m|kg|g|v|a|w|kw|hz|khz|s|ms|min|h|nm|bar|mpa|kpa|°c|rpm|%|us|mb|gb|kb)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Found:
    """A code found in a document: as printed, whether it is explained there, and its short meaning."""

    code: str
    forms: tuple[str, ...]
    title: str
    definition: bool
    column: str = ""
    ordinal: bool = False


def split_cell(cell: str) -> list[str]:
    """The codes a cell names: "E01/E02", "Err02、Err03", "P0 - 22 P0 - 23" are two, "AL.52.1" and "315-2AG10/2" are one.

    Of a range ("Err27~Err31") both ends count.
    """
    cell = re.sub(r"\s*([-‐‑–])\s*", r"\1", cell.strip())
    for separator in (
        r"[、,，;；]|\s+(?:or|and|或|和|及|to|至)\s+|(?<=\w)/(?=[A-Za-z]+\d)|\s*[~～]\s*|(?<=\d)-(?=[A-Za-z]+\s?\d)",
        r"\s+(?=[A-Za-z$]+\d)",
    ):
        parts = [part.strip() for part in re.split(separator, cell) if part.strip()]
        if len(parts) > 1 and all(_looks_like_code(part) or _DIGITS.fullmatch(part) for part in parts):
            return parts
    return [cell]


def _looks_like_code(cell: str) -> bool:
    cell = cell.strip().strip("*`'\"[]()")
    return bool(cell) and len(cell) <= 32 and bool(_LETTER_DIGIT.fullmatch(cell)) and not _UNITLIKE.fullmatch(cell)


def _is_display(cell: str) -> bool:
    """Whether a cell may be what a panel shows: OC, LU, OL2, "E.oH"."""
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z.-]{1,5}\d?", cell.strip())) and any(c.isupper() for c in cell)


def code_columns(header: Sequence[str], rows: Sequence[Sequence[str]], context: str) -> list[int]:
    """Which columns of a table name its rows by code, best first; [] when it is no code table.

    A column counts when most of its cells look like codes (letters and digits) and are distinct; one of plain digits
    counts only when its header or the table's heading says that it is a code, and no better column exists.
    """
    width = max((len(row) for row in rows), default=0)
    lettered: list[tuple[float, int]] = []
    digits: list[tuple[float, int]] = []
    for column in range(width):
        name = header[column] if column < len(header) else ""
        cells = [row[column].strip() for row in rows if column < len(row) and row[column].strip()]
        if not cells or len(cells) < 0.4 * len(rows):
            continue
        named = bool(_CODE_HEADER.search(name)) and not _TEXT_HEADER.search(name)
        distinct = len(set(cells)) / len(cells)
        parts = [part for cell in cells for part in split_cell(cell)]
        share = sum(_looks_like_code(part) for part in parts) / len(parts)
        plain = sum(bool(_DIGITS.fullmatch(part)) for part in parts) / len(parts)
        if share + plain >= 0.7 and share >= 0.25 and (distinct >= 0.5 or column == 0) and (named or share >= 0.6):
            lettered.append((share + distinct + (1.0 if named else 0.0) - 0.15 * column, column))
        elif (
            _DISPLAY_HEADER.search(name)
            and distinct >= 0.8
            and sum(map(_is_display, parts)) + share >= 0.8 * len(parts)
        ):
            lettered.append((distinct + 0.5 - 0.15 * column, column))
        elif plain >= (0.6 if named else 0.8) and distinct >= 0.8 and (named or column == 0):
            ordinal = bool(_ORDINAL_HEADER.search(name))
            evidence = named and not ordinal
            if evidence or CODE_CONTEXT.search(f"{context} {' '.join(header)}"):
                digits.append((distinct + (1.0 if evidence else 0.0) - 0.15 * column, column))
    if lettered:
        best = [column for _, column in sorted(lettered, reverse=True)]
        return best[:2]
    return [column for _, column in sorted(digits, reverse=True)][:1]


def counts_rows(header: Sequence[str], rows: Sequence[Sequence[str]], column: int) -> bool:
    """Whether a column merely numbers the rows 1, 2, 3 ... under a header such as 序号 or No."""
    name = header[column] if column < len(header) else ""
    cells = [row[column].strip() for row in rows if column < len(row) and row[column].strip()]
    return bool(_ORDINAL_HEADER.search(name)) and cells[:3] == ["1", "2", "3"][: len(cells)]


def row_definitions(
    header: Sequence[str], row: Sequence[str], columns: Sequence[int], ordinal: bool = False
) -> list[Found]:
    """The codes one table row defines, given the code columns; `title` is its first descriptive cell."""
    title = next(
        (
            cell.strip()
            for index, cell in enumerate(row)
            if index not in columns and len(cell.strip()) > 1 and not _DIGITS.fullmatch(cell.strip())
        ),
        "",
    )
    out: list[Found] = []
    for column in columns:
        if column >= len(row) or not row[column].strip():
            continue
        name = header[column] if column < len(header) else ""
        for code in split_cell(row[column]):
            code = code.strip("*`'\" ")
            if (
                _looks_like_code(code)
                or _DIGITS.fullmatch(code)
                or (_is_display(code) and _DISPLAY_HEADER.search(name))
            ):
                forms = (f"${code}",) if name.lstrip("\"' ").startswith("$") and code[0] != "$" else ()
                out.append(
                    Found(code=code, forms=forms, title=title[:200], definition=True, column=name, ordinal=ordinal)
                )
    return out


_LINE_DEFINITION = re.compile(
    r"^\s*(?:[-*•·]\s+|\d+[.)、]\s+)?[*`_\"\[(]{0,3}"
    rf"(?P<word>(?:(?:{_WORDS})\s*[:#：]?\s*(?:code\s*)?|(?:{_SPOKEN_ZH})\s*[:#：]?\s*))?"
    r"(?P<code>0x[0-9a-f]{1,8}|[$]\d{1,5}|-?\d{1,6}|[a-z]{1,6}[-_. ]?\d[a-z0-9]*(?:[-_.][a-z0-9]+)*)"
    r"[*`_\"\])]{0,3}\s*(?P<mark>[:：]|=|[-–—](?=\s)|\s{2,}|(?=\s[A-Z\u4e00-\u9fff(（]))\s*(?P<text>\S.*)?$",
    re.IGNORECASE,
)


def line_definition(line: str, context: str, heading: bool = False) -> Found | None:
    """The code that a heading or list line defines ("E-207 Spindle overheat", "- 12: soft limit"), or None.

    A code of digits only counts when the line itself or the headings above say that codes are listed, and the
    line separates it with a colon, an equals sign or a dash.
    """
    match = _LINE_DEFINITION.match(line)
    if match is None or not (match["text"] or heading):
        return None
    code = match["code"].strip()
    lettered = any(character.isalpha() for character in code) or code[0] in "$"
    spoken = bool(match["word"])
    in_context = bool(CODE_CONTEXT.search(context))
    strong_mark = bool(match["mark"]) and match["mark"].strip() != ""
    if _UNITLIKE.fullmatch(code):
        return None
    if lettered:
        # Running text may begin with a model name; only a heading or a separated line explains a code.
        accepted = (in_context or spoken) and (heading or strong_mark)
    else:
        # Lists under a parameter ("0: coast, 1: ramp") are its choices, not codes.
        listed = bool(_FAULT_CONTEXT.search(context)) and strong_mark and not heading
        accepted = spoken or (listed and "." not in line[: match.end("code") + 1])
    if not accepted:
        return None
    written = (match["word"] or "").strip() + code if spoken and not lettered else code
    return Found(
        code=code,
        forms=(written,) if written != code else (),
        title=(match["text"] or "").strip()[:200],
        definition=True,
    )


_MENTION = re.compile(
    r"(?<![\w.-])(?:[A-Z]{1,5}[-.]?\d{1,5}(?:[-.]\d{1,4}){0,2}|0x[0-9A-Fa-f]{2,8}|\d[A-Z]{1,3}\d[ -]?\d{3}-\d[A-Z]{2}\d{2})(?![\w-])"
)


def mentions(text: str) -> list[str]:
    """Codes that running text mentions, as written, distinct, in order."""
    return list(dict.fromkeys(match[0] for match in _MENTION.finditer(text) if not _UNITLIKE.fullmatch(match[0])))


# --- How questions name them ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stretch of a question that may name a code.

    `strong`: it looks like a code whatever the registry holds. `bare`: nothing says "code" beside it, so that only a code
    written alike can answer it: a plain number, or the end of a product's name ("SKR MINI E3", "Ender V2").
    `initial`: the single letter before a number where a code is asked for; it may be a table's, "C23" that of controller errors.
    `fault`: whether the word before its number is one for faults, so that a parameter of that number is not meant.
    """

    written: str
    strong: bool
    start: int
    end: int
    bare: bool = False
    initial: str = ""
    fault: bool = False


_SPOKEN_NUMBER = re.compile(
    both_scripts(
        rf"(?:(?<![A-Za-z])(?P<en>{_SPOKEN})s?(?:\s+(?:code|codes|number|no\.?|id))?|(?P<zh>(?:{_SPOKEN_ZH})+))"
        # A hyphen right behind the word parts it from the number ("alarm-12"); behind a space it is a sign ("code -12").
        r"(?:\s+is|\s+为|是)?(?:-|\s*[:：#№.]\s*|\s+)?(?P<number>-?\d{1,6}(?:[.-]\d{1,4}){0,2}|0x[0-9a-f]{1,8})(?![A-Za-z0-9_])"
    ),
    re.IGNORECASE,
)
_SETTING = re.compile(r"\$\s+(?P<number>\d{1,4})(?![A-Za-z0-9_])")
_BARE = re.compile(
    both_scripts(
        r"(?<![A-Za-z0-9_.,+/-])(?P<number>\d{1,6})(?![A-Za-z0-9_%°℃/-]|[.,]\d|\s*(?:minutes?|hours?|days?|weeks?|months?|years?|seconds?|times?|"
        r"degrees?|pages?|steps?|mm|cm|bar|nm|rpm|volts?|amps?|percent|分钟|小时|天|年|个|月|日|次|台|秒|米|度|页|步|级|岁|块|条|项|倍|点)(?![a-z]))"
    ),
    re.IGNORECASE,
)
_COUNTED = re.compile(
    both_scripts(
        r"(?:\b(?:pages?|steps?|sections?|chapters?|fig(?:ure)?s?\.?|tables?|items?|versions?|levels?|channels?|ports?|stations?|lines?|phases?|part|"
        r"hdmi|usb|type|model|after|every|within|than|not|instead of|below|above|under|over)|第|每|约|共|大于|小于|超过)\s*$"
    ),
    re.IGNORECASE,
)
_SHOWN = re.compile(
    both_scripts(
        rf"(?<![A-Za-z])(?:{_SPOKEN}|display(?:s|ed)?|show(?:s|ing|n)?|shown|reports?|says|throws?|threw|thrown)(?![A-Za-z])|{_SPOKEN_ZH}|报|显示|提示|出现"
    ),
    re.IGNORECASE,
)
# What a call gives back: "returns -8", "返回-3"; only a negative number is surely a code there.
_RETURNED = re.compile(
    both_scripts(
        r"(?:\b(?:returns?|returned|gives?|gave|got|gets?|getting)(?: (?:me|us|back|a|an|the|code|value))*\s*|(?:返回|回)(?:了|值|个|为|是)*\s*)"
        r"(?P<number>-\d{1,4})(?![\w.])"
    ),
    re.IGNORECASE,
)
_NUMBER_SPOKEN = re.compile(
    both_scripts(
        r"(?<![A-Za-z0-9_.])(?P<number>\d{1,6})\s*(?:号)?(?P<zh>报警|警报|告警|故障|错误|参数)|(?<![\w.])#(?P<hash>\d{1,6})(?!\w)"
    ),
    re.IGNORECASE,
)
_DIMENSIONS = re.compile(r"[23]D", re.IGNORECASE)
_IN_DIMENSIONS = re.compile(r"[\s-]*(?:print|model|view|scan|cad|打印|模型|扫描)", re.IGNORECASE)
_STRONG = re.compile(
    r"(?:[a-z]{1,5}[-_.: ]?\d{1,5}(?:[-_.]\d{1,4}){0,2}|0x[0-9a-f]{1,8}|[$]\d{1,4}|[a-z]{2,8}[-_.]\d{1,5})",
    re.IGNORECASE,
)


_NAME_BEFORE = re.compile(r"(?:(?<![\w-])[A-Z][A-Za-z]+[ \-]+)+$")
_CODE_WORDS = rf"{_SPOKEN}|codes?|display(?:s|ed)?|show(?:s|ing|n)?|trip(?:s|ped)?|reports?|says|mean(?:s|ing)?"
_CODE_WORDS_ZH = rf"{_SPOKEN_ZH}|报|显示|提示|出现|意思"
_SAYS_CODE = re.compile(
    both_scripts(rf"(?<![A-Za-z])(?:{_CODE_WORDS}|what|which)(?![A-Za-z])|{_CODE_WORDS_ZH}"), re.IGNORECASE
)
_ASKS_CODE = re.compile(both_scripts(rf"(?<![A-Za-z])(?:{_CODE_WORDS})(?![A-Za-z])|{_CODE_WORDS_ZH}"), re.IGNORECASE)


def candidates(question: str) -> list[Candidate]:
    """Every way a question may name a code, longest first at each place; the registry decides which exist.

    Runs of up to four neighbouring tokens are joined ("6ES7 315-2AG10", "Err 207", "e 207"), spoken prefixes with a
    number are taken as one ("alarm code 4", "报警 207").
    """
    text = simplified(unicodedata.normalize("NFKC", question))
    out: dict[tuple[int, int], Candidate] = {}
    spoken_spans: list[tuple[int, int]] = []
    for match in _SPOKEN_NUMBER.finditer(text):
        word = (match["en"] or match["zh"]).casefold()
        written = match["number"] if _neutral(word) else f"{word} {match['number']}"
        out[match.span()] = Candidate(written, True, *match.span(), fault=bool(_FAULT_WORD.fullmatch(word)))
        spoken_spans.append(match.span("number"))
    for match in _NUMBER_SPOKEN.finditer(text):
        if match["zh"]:
            number = match["number"]
            out.setdefault(match.span(), Candidate(f"{match['zh']} {number}", True, *match.span()))
        else:
            out.setdefault(match.span(), Candidate(match["hash"], True, *match.span()))
    for match in _RETURNED.finditer(text):
        out.setdefault(match.span(), Candidate(match["number"], False, *match.span()))
    for match in _SETTING.finditer(text):
        out.setdefault(match.span(), Candidate(f"${match['number']}", True, *match.span()))
    found = [match for match in _TOKEN.finditer(text) if not _is_han(match[0])]
    for first in range(len(found)):
        for last in range(first, min(first + 4, len(found))):
            start, end = found[first].start(), found[last].end()
            piece = text[start:end]
            if first == last and re.fullmatch(r"[A-Z][A-Za-z.]{1,5}", piece) and sum(c.isupper() for c in piece) >= 2:
                out.setdefault((start, end), Candidate(piece, False, start, end))  # what a panel shows: OC, LU
            if len(piece) > 40 or not any(character.isdigit() for character in piece):
                continue
            if last > first and re.search(r"[,;!?。，；？、]|\.\s", piece):
                break
            single = first == last
            if _DIMENSIONS.fullmatch(piece) and _IN_DIMENSIONS.match(text[end:]):
                continue  # a 3D printer
            if single and re.fullmatch(r"-?\d+(?:\.\d+)?", piece):
                continue  # a bare number names a code only behind a spoken prefix
            if (
                not single
                and re.fullmatch(rf"(?:{_SPOKEN})\s.*", piece, re.IGNORECASE)
                and not re.search(r"\d[A-Za-z]|[A-Za-z]\d", piece)
            ):
                continue  # taken above
            strong = bool(_STRONG.fullmatch(piece)) and (single or len(found[first][0]) <= 5)
            if not single and not re.match(r"[A-Za-z0-9$#]+\s+[-A-Za-z0-9._/]*\d", piece):
                continue
            named = single and strong and _ends_a_name(text, start, end)
            opens = not text[:start].strip()
            lettered = _INITIAL.fullmatch(piece) if opens or _ASKS_CODE.search(text) else None
            out.setdefault(
                (start, end),
                Candidate(piece, strong and single and not named, start, end, named, lettered[1] if lettered else ""),
            )
    if not any(candidate.strong for candidate in out.values()) and (_SHOWN.search(text) or _says_nothing_else(text)):
        for match in _BARE.finditer(text):
            if _COUNTED.search(text[: match.start()]):
                continue
            out.setdefault(match.span(), Candidate(match["number"], False, *match.span(), bare=True))
    return sorted(out.values(), key=lambda c: (c.start, -(c.end - c.start)))


def _ends_a_name(text: str, start: int, end: int) -> bool:
    """Whether what looks like a code ends a product's name: right behind a word in capitals, and not asked as a code.

    The first word of a sentence has a capital anyway, so one more word of the name must stand before it there.
    """
    before = _NAME_BEFORE.search(text[:start])
    shouted = text.isupper() and text.isascii() and any(map(str.isalpha, text[end:]))  # capitals say nothing there
    if before is None or shouted:
        return False
    words = before[0].split()
    opens = not text[: before.start()].strip() or text[: before.start()].rstrip()[-1] in ".!?:;,"
    if any(_SAYS_CODE.search(word) for word in words) or (opens and len(words) < 2 and not words[-1].isupper()):
        return False
    return not _SAYS_CODE.search(text[max(0, before.start() - 12) : start]) and not _SAYS_CODE.match(
        text[end : end + 14].lstrip()
    )


def _says_nothing_else(text: str) -> bool:
    """Whether a question is about a number alone: "8752", "what does 1548 mean"."""
    words = [word for word in question_tokens(text) if not any(character.isdigit() for character in word)]
    return sum(word not in ("mean", "help", "pleas") and not is_generic(word) for word in words) <= 1


def is_generic(word: str) -> bool:
    """Whether a token only says that a code follows (error, code, 报警), so that it tells tables apart poorly."""
    return word in _NEUTRAL or word in _FAMILIES


def _neutral(word: str) -> bool:
    """Whether a spoken word fits every family ("alarm 4", "编号4"), unlike an abbreviation ("err 4")."""
    return word not in _FAMILIES


def _is_han(text: str) -> bool:
    return "\u4e00" <= text[0] <= "\u9fff"


def written_variants(code: str) -> list[str]:
    """The ways operators write a code: separators dropped, changed, spaced, other case, spoken prefix.

    Used by the benchmark and by tests; it is what look-up promises to resolve.
    """
    folded = unicodedata.normalize("NFKC", code).strip()
    match = re.fullmatch(r"([A-Za-z]+)[-_. ]?(\d[\w.-]*)", folded)
    out = [folded, folded.lower(), folded.upper()]
    if match:
        letters, rest = match.groups()
        out += [
            f"{letters}{rest}",
            f"{letters}-{rest}",
            f"{letters} {rest}",
            f"{letters.lower()}{rest}",
            f"{letters.lower()} {rest}",
        ]
    return list(dict.fromkeys(out))


def iter_definition_lines(text: str, context: str) -> Iterator[tuple[str, Found]]:
    """Yield (line, found) for each line of a chunk's text that defines a code."""
    for line in text.splitlines():
        found = line_definition(line, context)
        if found is not None:
            yield line, found


def context_tokens(parts: Iterable[str]) -> str:
    """The context of a code as plain words: camel case and underscores split, repeats dropped."""
    text = " ".join(part for part in parts if part)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    text = re.sub(r"[_/\\|.-]+", " ", text)
    return " ".join(dict.fromkeys(text.split()))
