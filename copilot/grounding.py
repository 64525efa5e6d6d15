"""Is a sentence borne out by a passage, and by which words of it? Pure functions; what checks a language model's text.

A sentence holds when one run of neighbouring units of a passage (its quote) has every number, unit and code of the
sentence, most of its words (or some, where an encoder finds the meaning near), the same negation, and not the opposite of any of its directions. That is strict on what
hurts when it is wrong, and cannot judge meaning beyond it: a sentence that fails is withheld, never repaired.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from copilot.scoring import GENERIC
from copilot.sentences import Unit, UnitKind, split
from copilot.table_values import header_of
from copilot.units import quantities
from indexer.analysis import UNITS, fold, holds_chinese, question_tokens
from indexer.types import Chunk, ChunkKind

_LONGEST_RUN = 12  # units of one quote
_LEAST_WORDS = 0.6  # share of the sentence's words that its quotes must have
_FEW_WORDS = 0.4  # the share that will do when the meaning is near as well
_LEAST_LIKENESS = 0.65  # cosine; translations of short sentences have 0.7 to 0.97, others on one machine up to 0.6
_LENGTH_COST = 0.12  # what a further unit of a quote must bring
_DENIES = "one of sentence and passage says no, the other does not"
_LEAST_OWN = 0.15  # share that a second cited passage must add to keep its marker

_UNIT_NAMES: dict[str, str] = {}
for _name, _spellings in {
    "s": "s sec second seconds 秒 秒钟",
    "min": "min minute minutes 分钟",
    "h": "h hr hrs hour hours 小时",
    "day": "day days 天 日",
    "week": "week weeks 周",
    "month": "month months 月 个月",
    "year": "year years 年",
    "shift": "shift shifts 班",
    "c": "c °c ℃ 摄氏度",
    "f": "f °f ℉",
    "%": "% percent",
    "mm": "mm millimeter millimeters millimetre millimetres 毫米",
    "cm": "cm centimeter centimeters centimetre centimetres 厘米",
    "m": "m meter meters metre metres 米",
    "µm": "µm μm um 微米",
    "in": "in inch inches",
    "l": "l liter liters litre litres 升",
    "ml": "ml 毫升",
    "kg": "kg kilogram kilograms 千克 公斤",
    "g": "g gram grams 克",
    "t": "t ton tons tonne tonnes 吨",
    "bar": "bar 巴",
    "mpa": "mpa 兆帕",
    "kpa": "kpa 千帕",
    "pa": "pa 帕",
    "v": "v volt volts 伏 伏特",
    "kv": "kv 千伏",
    "mv": "mv 毫伏",
    "a": "a amp amps ampere amperes 安 安培",
    "ma": "ma 毫安",
    "w": "w watt watts 瓦",
    "kw": "kw 千瓦",
    "hz": "hz 赫兹",
    "khz": "khz 千赫",
    "n": "n 牛 牛顿",
    "kn": "kn 千牛",
    "nm": "nm n·m n.m n⋅m 牛米 牛·米 牛顿米",
    "rpm": "rpm r/min rev/min 转/分 转/分钟 转每分",
    "ohm": "ohm ohms ω 欧 欧姆",
    "time": "times 次 cycles",
    "turn": "turn turns 转",
    "degree": "degree degrees ° 度",
}.items():
    _UNIT_NAMES.update(dict.fromkeys(_spellings.split(), _name))
_UNIT_NAMES_CHINESE = {spelling: name for spelling, name in _UNIT_NAMES.items() if holds_chinese(spelling)}

_NUMBER_WORDS = {
    word: value
    for value, word in enumerate(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen".split(),
        start=1,
    )
} | {
    word: 10 * value
    for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_SCALES = {"hundred": 100, "thousand": 1000}
_WORD_NUMBER = re.compile(
    rf"\b(?:{'|'.join(_NUMBER_WORDS)})(?:[\s-]+(?:(?:and\s+)?(?:{'|'.join(_NUMBER_WORDS)})|{'|'.join(_SCALES)})\b)*",
    re.IGNORECASE,
)
_HAN_NUMBER = re.compile(
    r"[两二三四五六七八九十百]+(?=个|次|台|只|颗|根|条|块|片|圈|步|秒|分钟|小时|天|周|月|年|毫|厘|米|升|公斤|千克|度|倍)"
)
_HAN_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2}
# "Monthly" is one a month, so that it never stands for "every 6 months".
_INTERVALS = [
    (re.compile(pattern, re.IGNORECASE), name)
    for pattern, name in (
        (r"\bhourly\b|\b(?:every|each|per) hour\b|每小时", "h"),
        (r"\bdaily\b|\b(?:every|each|per) day\b|每[天日]", "day"),
        (r"\bweekly\b|\b(?:every|each|per) week\b|每周", "week"),
        (r"\bmonthly\b|\b(?:every|each|per) month\b|每个?月", "month"),
        (r"\byearly\b|\bannual(?:ly)?\b|\b(?:every|each|per) year\b|每年", "year"),
        (r"\b(?:every|each|per) shift\b|每班", "shift"),
    )
]
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?![\d])|(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d)")
_RUN = re.compile(r"[A-Za-z0-9]+(?:[-./_:,][A-Za-z0-9]+)*")
_PLAIN = re.compile(r"\d+(?:[.,]\d+)?")
_GLUED = re.compile(r"(\d+(?:[.,]\d+)?)([A-Za-zµ]+)")
_MINUS = re.compile(r"(?:^|[\s(|:：=±~（，至])[-−]$")

_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nothing|neither|nor|without|cannot|\w+n['’]t|forbidden|prohibited|avoid(?:s|ed|ing)?)\b"
    r"|不(?!锈|断|久|同|良|平|间断|仅|但|论|管|只|过[，,])|未(?!来)|勿|禁止|严禁|切忌|无(?!线|级|功|论|级|绳|刷)|没有|避免|(?<![识级类分特区])别(?=再|把|让|用)",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[,，;；:：。.!?！？]\s+|[，；：。！？\n|]|\b(?:but|because|so that)\b|(?<=[^\s])(?:但是?|否则|因为|以便)"
)
_OPPOSITES = [
    (re.compile(rf"\b(?:{one})\b" if one.isascii() else one, re.I), re.compile(rf"\b(?:{two})\b" if two.isascii() else two, re.I))
    for one, two in (
        ("open(?:s|ed|ing)?", "clos(?:e|es|ed|ing)"),
        ("increas(?:e|es|ed|ing)|rais(?:e|es|ed|ing)|higher", "decreas(?:e|es|ed|ing)|reduc(?:e|es|ed|ing)|lower(?:s|ed|ing)?"),
        ("left", "right"),
        ("clockwise", "counter-?clockwise|anti-?clockwise"),
        ("on", "off"),
        ("tighten(?:s|ed|ing)?|tension(?:s|ed|ing)?", "loosen(?:s|ed|ing)?|slacken(?:s|ed|ing)?|releas(?:e|es|ed|ing)"),
        ("before", "after"),
        ("up(?:wards?)?", "down(?:wards?)?"),
        ("min|minimum|at least", "max|maximum|at most"),
        ("above|over|more than", "below|under|less than"),
        ("start(?:s|ed|ing)?", "stop(?:s|ped|ping)?"),
        ("enabl(?:e|es|ed|ing)", "disabl(?:e|es|ed|ing)"),
        ("connect(?:s|ed|ing)?", "disconnect(?:s|ed|ing)?"),
        ("lock(?:s|ed|ing)?", "unlock(?:s|ed|ing)?"),
        ("install(?:s|ed|ing)?|insert(?:s|ed|ing)?|fit(?:s|ted|ting)?", "remov(?:e|es|ed|ing)"),
        ("cold", "hot|warm"),
        ("inlet", "outlet"),
        ("upper|top", "lower|bottom"),
        ("打开|开启|接通", "关闭|关上|切断|断开"),
        ("增大|增加|提高|升高|调高", "减小|减少|降低|调低"),
        ("左", "右"),
        ("(?<!逆)顺时针", "逆时针"),
        ("拧紧|紧固", "拧松|松开"),
        ("之前|前(?=[，,。]|$)", "之后|后(?=[，,。]|$)"),
        ("最小|至少|不小于|不低于", "最大|至多|不大于|不超过"),
        ("高于|大于|超过", "低于|小于"),
        ("启动", "停止|停机"),
        ("安装|装上", "拆下|拆除|卸下"),
        ("进口|入口", "出口"),
    )
]  # fmt: skip


# What bounds, scales or loosens a statement: said only where the passage says it too, in one of these ways.
_QUALIFIERS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:half|twice|double|doubled|triple|tripled|quarter|one third)\b|一半|半|[两双三]倍|加倍|减半",
        r"\b(?:at most|up to|max|maximum|no more than|not more than|(?:not|never|do not) exceed|below|less than|limit(?:ed)?|within)\b|[≤<]"
        r"|至多|最多|不超过|不得超过|不大于|最大|最高|最长|以下|以内|小于|低于",
        r"\b(?:at least|min|minimum|no less than|not less than|above|over|more than|exceed(?:s|ing)?)\b|[≥>]"
        r"|至少|最少|不低于|不少于|不小于|最小|最低|最短|以上|大于|高于|超过",
        r"\b(?:optional(?:ly)?|if you (?:like|want|wish)|need not|not necessary|unnecessary)\b|可选|不必|无需|不需要",
        r"\b(?:skip(?:s|ped|ping)?|omit(?:s|ted|ting)?|ignor(?:e|es|ed|ing)|leave out)\b|跳过|省略|忽略",
        r"\b(?:only|exclusively)\b|只|仅",
    )
]
_CONDITION = re.compile(
    r"\b(?:when|while|if|unless|until|during|because|after|before|once)\b([^,;.]+)|(?:当|如果|若|除非)([^，；。]+)",
    re.IGNORECASE,
)
_LOOKALIKE = re.compile(
    r"[\u0370-\u03ff\u0400-\u052f]"
)  # Greek and Cyrillic letters, some of which pass for Latin ones
_PREFIXED = re.compile(
    r"(?<![\w.])(\d+(?:\.\d+)?)\s*([kmMGTµncdh](?:Nm|N|Pa|bar|W|V|A|Hz|J|Wh|m|g|l|s|Ω))(?![A-Za-z0-9])"
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a text can be checked letter by letter.

    `numbers` are values without a unit beside them, `quantities` (value, unit) pairs, `codes` without separators;
    `units` are all units named anywhere.
    """

    numbers: frozenset[str] = frozenset()
    quantities: frozenset[tuple[str, str]] = frozenset()
    codes: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.numbers or self.quantities or self.codes)


@dataclass(frozen=True, slots=True)
class Span:
    """The words [start, end) of a chunk's text that bear a sentence out."""

    chunk: Chunk
    start: int
    end: int


@lru_cache(maxsize=512)
def facts(text: str) -> Facts:
    """The numbers, quantities, codes and units of a text, in normal forms.

    >>> found = facts("Tighten M12 with 85 Nm, at most two times, within 1 500 h (E-207).")
    >>> sorted(found.codes), sorted(found.quantities)
    (['e207', 'm12'], [('1500', 'h'), ('2', 'time'), ('85', 'nm')])
    """
    text = _THOUSANDS.sub(
        lambda found: re.sub(r"\D", "", found[0]),
        unicodedata.normalize("NFKC", text).replace("‐", "-").replace("‑", "-"),
    )
    text = _HAN_NUMBER.sub(lambda found: str(_han(found[0])), text)
    text = _WORD_NUMBER.sub(lambda found: _spelt(found[0]), text)
    pairs: set[tuple[str, str]] = set()
    taken: list[tuple[int, int]] = []
    for quantity in quantities(text):
        unit = unit_name(quantity.unit)
        for match in _PLAIN.finditer(quantity.number):
            negative = _is_negative(text, quantity.start + match.start())
            pairs.add((_value(match[0], negative), unit))
        taken.append((quantity.start, quantity.end))
    pairs |= {
        (_value(found[1], False), fold(found[2])) for found in _PREFIXED.finditer(text) if fold(found[2]) not in UNITS
    }
    pairs |= {("1", unit) for pattern, unit in _INTERVALS if pattern.search(text)}
    numbers: set[str] = set()
    codes: set[str] = set()
    for match in _RUN.finditer(text):
        if any(start <= match.start() < end for start, end in taken) and _PLAIN.match(match[0]):
            continue
        _sort(match[0], _is_negative(text, match.start()), numbers, pairs, codes)
    return Facts(frozenset(numbers), frozenset(pairs), frozenset(codes), units_in(text) | {unit for _, unit in pairs})


def denies(sentence: str) -> bool:
    """Whether a sentence says no, not, never, without, 不 ..."""
    return bool(_NEGATION.search(sentence))


def unit_name(unit: str) -> str:
    """One name for all spellings of a unit: "minutes" and "分钟" are "min", "毫米/秒" is "mm/s"."""
    folded = fold(unit).replace(" ", "")
    return _UNIT_NAMES.get(folded) or "/".join(_UNIT_NAMES.get(part, part) for part in folded.split("/"))


def units_in(text: str) -> frozenset[str]:
    """Units that stand in a text by themselves, as in the header of a column."""
    folded = fold(text)
    words = re.findall(r"[a-zµω°℃%]+(?:[/·.][a-z]+)*", folded)
    found = {unit_name(word) for word in words if word in _UNIT_NAMES or word in UNITS}
    return frozenset(found | {name for spelling, name in _UNIT_NAMES_CHINESE.items() if spelling in folded})


def lacking(wanted: Facts, there: Facts, around: Facts) -> list[str]:
    """What is wanted and not there; `around` (headings, column names) may add units and codes, never numbers."""
    values = there.numbers | {value for value, _ in there.quantities}
    out = [value for value in sorted(wanted.numbers) if value not in values]
    for value, unit in sorted(wanted.quantities):
        if (value, unit) in there.quantities:
            continue
        # In a table the number and its unit stand apart; a number that has another unit beside it does not count.
        if not (value in there.numbers and unit in there.units | around.units):
            out.append(f"{value} {unit}")
    return out + [code for code in sorted(wanted.codes) if code not in there.codes | around.codes]


Likeness = Callable[[str, Sequence[str]], Sequence[float]]
"""How near in meaning a sentence is to each of several texts, as cosines."""


def supporting(
    sentence: str, passages: Sequence[tuple[Chunk, int]], likeness: Likeness | None = None
) -> tuple[list[Span], str]:
    """The spans that bear a sentence out, one for each cited passage that helps, and "" — or [] and what is wrong.

    `passages` are chunks with the length of their text that may count. With `likeness`, fewer common words will do. A
    passage in another language than the sentence (English, Chinese) shares none with it: there `likeness` decides.
    """
    wanted, words = facts(sentence), _words(sentence)
    if not words and not wanted:
        return [], "it says nothing"
    han = holds_chinese(sentence)
    own = [entry for entry in passages if holds_chinese(entry[0].text) == han]
    spans, why = (
        _by_words(sentence, wanted, words, own, likeness) if own else ([], "its words are not those of the passage")
    )
    if not spans and likeness is not None and (foreign := [entry for entry in passages if entry not in own]):
        spans, why = _by_meaning(sentence, wanted, foreign, likeness)
    return spans, why


def _by_words(
    sentence: str,
    wanted: Facts,
    words: frozenset[str],
    passages: Sequence[tuple[Chunk, int]],
    likeness: Likeness | None,
) -> tuple[list[Span], str]:
    found = sorted(
        (best for chunk, shown in passages if (best := _best_run(wanted, words, chunk, shown)) is not None),
        key=lambda entry: -entry[1],
    )
    kept: list[Span] = []
    seen: set[str] = set()
    for span, _ in found:
        new = (words & _words(_text(span))) - seen
        helps = len(_missing(wanted, [*kept, span])) < len(_missing(wanted, kept))
        if not kept or helps or len(new) >= _LEAST_OWN * len(words):
            kept.append(span)
            seen |= new
    if missing := _missing(wanted, kept):
        return [], f"{missing[0]} is not in the passage"
    if strayed := _strayed(wanted, words, kept):
        return [], f"{strayed} belongs to something else in the passage"
    context = words & _words(" ; ".join(_place(span.chunk) for span in kept))
    share = len(seen | context) / len(words) if words else 1.0
    if words and not (seen or wanted):
        share = 0.0
    if share < _LEAST_WORDS and not (share >= _FEW_WORDS and _is_like(sentence, kept, likeness)):
        return [], "its words are not those of the passage"
    if wrong := _contradiction(sentence, [_text(span) for span in kept]) or _added(
        sentence, [_text(span) for span in kept]
    ):
        return [], wrong
    return kept, ""


def _is_like(sentence: str, spans: Sequence[Span], likeness: Likeness | None) -> bool:
    """Whether one of the quotes, or a sentence of it, means nearly the same."""
    if likeness is None:
        return False
    texts = [text for span in spans for text in (_text(span), *_groups(span))]
    return max(likeness(sentence, texts), default=0.0) >= _LEAST_LIKENESS


def _by_meaning(
    sentence: str, wanted: Facts, passages: Sequence[tuple[Chunk, int]], likeness: Likeness
) -> tuple[list[Span], str]:
    """One unit in another language that has all facts, the same negation, and nearly the same meaning.

    Of a table row told field by field, one field has the meaning; others may have the facts.
    """
    units = [(chunk, shown, unit) for chunk, shown in passages for unit in _telling_units(chunk, shown)]
    scores = likeness(sentence, [_told(unit) for _, _, unit in units])
    denied = denies(sentence)
    why = "its meaning is not that of the passage"
    for score, (chunk, shown, unit) in sorted(zip(scores, units, strict=True), key=lambda entry: -entry[0]):
        if score < _LEAST_LIKENESS:
            break
        span = _widened(Span(chunk, unit.start, unit.end), wanted, shown) if unit.kind is UnitKind.FIELD else None
        span = span or Span(chunk, unit.start, unit.end)
        if missing := _missing(wanted, [span]):
            why = f"{missing[0]} is not in the passage"
        elif denies(unit.text) != denied:
            why = _DENIES
        else:
            return [span], ""
    return [], why


def _telling_units(chunk: Chunk, shown: int) -> list[Unit]:
    units = split(chunk.text, chunk.kind)
    return [unit for unit in units if unit.end <= shown and (unit.kind is not UnitKind.HEADER or len(units) == 1)]


def _told(unit: Unit) -> str:
    """A field without the name of its column."""
    return re.split(r"[:：]\s*", unit.text, maxsplit=1)[-1] if unit.kind is UnitKind.FIELD else unit.text


def _widened(span: Span, wanted: Facts, shown: int) -> Span | None:
    """The shortest run of fields around one that has all facts, or None."""
    units = _telling_units(span.chunk, shown)
    runs = [
        Span(span.chunk, first.start, last.end)
        for first in units
        for last in units
        if first.start <= span.start and span.end <= last.end
    ]
    return next((run for run in sorted(runs, key=lambda run: run.end - run.start) if not _missing(wanted, [run])), None)


def _missing(wanted: Facts, kept: Sequence[Span]) -> list[str]:
    return lacking(wanted, _joined(facts(_text(span)) for span in kept), _joined(_around(span.chunk) for span in kept))


def _text(span: Span) -> str:
    return span.chunk.text[span.start : span.end]


def _strayed(wanted: Facts, words: frozenset[str], spans: Sequence[Span]) -> str:
    """A number or code that stands only in units about something else than the sentence, or "".

    Of the sentence's words and codes those count that tell the quoted units apart; a unit that gives a fact must share
    one of them, where any does. Else the pressure in row 1 could be given the number of row 3.
    """
    texts = [text for span in spans for text in _groups(span)]
    if len(texts) < 2:
        return ""
    bags = [_words(text) | facts(text).codes for text in texts]
    telling = [bag & (words | wanted.codes) - frozenset.intersection(*bags) for bag in bags]
    if not any(telling):
        return ""
    near = _joined(facts(text) for text, shared in zip(texts, telling, strict=True) if shared)
    return next(iter(lacking(wanted, near, _joined(_around(span.chunk) for span in spans))), "")


def _groups(span: Span) -> list[str]:
    """The units of a quote as far as they may speak of different things."""
    if any(unit.kind is UnitKind.FIELD for unit in split(span.chunk.text, span.chunk.kind)):
        return [_text(span)]
    return [unit.text for unit in _telling_units(span.chunk, span.end) if unit.start >= span.start]


def _joined(several: Iterable[Facts]) -> Facts:
    out = Facts()
    for one in several:
        out = Facts(
            out.numbers | one.numbers, out.quantities | one.quantities, out.codes | one.codes, out.units | one.units
        )
    return out


def _place(chunk: Chunk) -> str:
    """What a quote's place says: its headings, document, machine, and the column names of its table."""
    return " ; ".join((*chunk.heading, chunk.source.title, chunk.source.machine or "", " ; ".join(header_of(chunk))))


def _around(chunk: Chunk) -> Facts:
    return facts(_place(chunk))


@lru_cache(maxsize=64)
def _read(text: str, kind: ChunkKind) -> tuple[tuple[Unit, Facts, frozenset[str]], ...]:
    return tuple((unit, facts(unit.text), _words(unit.text)) for unit in split(text, kind))


def _best_run(wanted: Facts, words: frozenset[str], chunk: Chunk, shown: int) -> tuple[Span, float] | None:
    """The run of units with the most of what is wanted, the shortest of equals, and how good it is."""
    units = [entry for entry in _read(chunk.text, chunk.kind) if entry[0].end <= shown]
    around = _around(chunk)
    total = len(wanted.numbers) + len(wanted.quantities) + len(wanted.codes)
    best: tuple[Span, float] | None = None
    for first in range(len(units)):
        if units[first][0].kind is UnitKind.HEADER and len(units) > 1:
            continue
        there, shared = Facts(), frozenset[str]()
        for last in range(first, min(len(units), first + _LONGEST_RUN)):
            there, shared = _joined((there, units[last][1])), shared | (words & units[last][2])
            held = total - len(lacking(wanted, there, around)) if total else 0
            score = 2.0 * held / max(1, total) + len(shared) / max(1, len(words)) - _LENGTH_COST * (last - first)
            if best is None or score > best[1] + 1e-9:
                best = Span(chunk, units[first][0].start, units[last][0].end), score
    return best


def _contradiction(sentence: str, texts: Sequence[str]) -> str:
    """How a sentence says the opposite of what it cites, or ""."""
    if _denies_otherwise(sentence, texts):
        return _DENIES
    nearest = " ".join(_nearest(sentence, texts))
    for one, two in _OPPOSITES:
        more = [len(pattern.findall(sentence)) - len(pattern.findall(nearest)) for pattern in (one, two)]
        if min(more) < 0 < max(more):
            return "it says the opposite of the passage"
    return ""


def _added(sentence: str, texts: Sequence[str]) -> str:
    """A bound, a condition or a disguised letter that the passage does not have, or ""."""
    whole = " ".join(texts)
    if any(letter not in whole for letter in _LOOKALIKE.findall(sentence) if letter not in "µμΩω"):
        return "it holds letters that the passage does not"
    if any(pattern.search(sentence) and not pattern.search(whole) for pattern in _QUALIFIERS):
        return "it bounds or loosens what the passage says"
    theirs = _words(whole)
    for condition in _CONDITION.finditer(sentence):
        words = _words(condition[1] or condition[2])
        if words and not words & theirs:
            return "it adds a condition"
    return ""


def _denies_otherwise(sentence: str, texts: Sequence[str]) -> bool:
    """Whether some clause says no, or says it twice, where the clause most like it in the passage does not."""
    clauses = [(clause, _words(clause), _denials(clause)) for text in texts for clause in _clauses(text)]
    for said in _clauses(sentence):
        words = _words(said)
        shared = [(len(words & theirs) / max(1, len(words | theirs)), denials) for _, theirs, denials in clauses]
        most = max((share for share, _ in shared), default=0.0)
        if most == 0 and not _denials(said):
            continue
        if _denials(said) not in {denials for share, denials in shared if share >= 0.9 * most}:
            return True
    return False


def _clauses(text: str) -> list[str]:
    return [clause for clause in _CLAUSE.split(text) if clause and clause.strip()]


def _denials(text: str) -> int:
    return len(_NEGATION.findall(text))


def _nearest(sentence: str, texts: Sequence[str]) -> list[str]:
    """Of the quoted units those that share words with the sentence, most of them first; all when none does."""
    words = _words(sentence)
    shared = [(len(words & _words(unit.text)), unit.text) for text in texts for unit in split(text)]
    most = max((count for count, _ in shared), default=0)
    return [text for count, text in shared if most == 0 or count >= 0.5 * most]


def _words(text: str) -> frozenset[str]:
    """The informative words of a text: stems, and pairs of Chinese characters; quantities and codes are facts."""
    for quantity in reversed(quantities(text)):
        text = f"{text[: quantity.start]} {text[quantity.end :]}"
    return frozenset(
        token
        for token in question_tokens(text)
        if len(token) > 1 and token not in GENERIC and not any(character.isdigit() for character in token)
    )


def _sort(run: str, negative: bool, numbers: set[str], pairs: set[tuple[str, str]], codes: set[str]) -> None:
    """File one run of letters, digits and separators under what it is."""
    if not any(character.isdigit() for character in run):
        return
    if _PLAIN.fullmatch(run):
        numbers.add(_value(run, negative))
    elif (glued := _GLUED.fullmatch(run)) and fold(glued[2]) in UNITS:
        pairs.add((_value(glued[1], negative), unit_name(glued[2])))
    elif not any(character.isalpha() for character in run) and run.count(".") < 2:
        numbers.update(_value(part, False) for part in _PLAIN.findall(run))  # 10-20, 3/4, 2024-12-23
    else:
        codes.add(re.sub(r"[-./_:,]", "", run.lower()))


def _is_negative(text: str, start: int) -> bool:
    return bool(_MINUS.search(text, max(0, start - 3), start))


def _value(written: str, negative: bool) -> str:
    """A number in one writing: 5.0 and 5 are equal, a comma is a decimal sign here (thousands are joined before)."""
    try:
        value = Decimal(written.replace(",", ".")).normalize()
    except InvalidOperation:  # digits of another script
        return written
    return format(-value if negative else value, "f")


def _spelt(written: str) -> str:
    """Number words as digits; "one" alone stays, because it is a pronoun as often."""
    words = re.findall(r"[a-z]+", written.lower())
    if words == ["one"]:
        return written
    total = current = 0
    for word in words:
        if word in _SCALES:
            total, current = total + (current or 1) * _SCALES[word], 0
        else:
            current += _NUMBER_WORDS.get(word, 0)  # "and" is nothing
    return str(total + current)


def _han(written: str) -> int:
    total, current = 0, 0
    for character in written:
        if character in "十百":
            total += (current or 1) * (10 if character == "十" else 100)
            current = 0
        else:
            current = _HAN_DIGITS[character]
    return total + current
