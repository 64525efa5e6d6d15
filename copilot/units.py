"""Quantities in text: numbers with their units, and which kind of quantity a question asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from indexer.analysis import UNITS, fold
from indexer.chinese import both_scripts

_ZH_UNITS = (
    "毫米|厘米|微米|公里|米|毫升|升|千克|公斤|克|吨|毫秒|秒钟|秒|分钟|小时|天|日|周|个月|月|年|兆帕|千帕|帕|毫安|安培|安|毫伏|千伏|伏特|伏|千牛|千瓦|瓦|"
    "赫兹|千赫|牛顿米|牛·米|牛米|牛顿|牛|转/分钟|转/分|转每分|转|摄氏度|度|次|件|欧姆|兆欧|欧|分贝|巴"
)
_EN_WORDS = (
    "millimet(?:er|re)s?|centimet(?:er|re)s?|met(?:er|re)s?|lit(?:er|re)s?|grams?|kilograms?|tons?|tonnes?|seconds?|minutes?|hours?|"
    "days?|weeks?|months?|years?|shifts?|volts?|amperes?|amps?|watts?|ohms?|degrees?|revolutions|turns?|cycles|strokes|times|percent"
)
_RATES = "r/min|rev/min"  # "r" alone is no unit
_UNIT = "|".join(sorted((re.escape(unit) for unit in UNITS if unit != "%"), key=len, reverse=True))
_NUMBER = r"[-+±]?\d+(?:[.,  ]\d+)*"
QUANTITY = re.compile(
    both_scripts(
        rf"(?P<number>(?:{_NUMBER})(?:\s*(?:[-–~～…]|to|and|至|到|\.\.\.?)\s*(?:{_NUMBER}))?)\s*"
        rf"(?:(?P<sign>%|‰|°\s?[cf]?|℃|℉|[kmgµμ]?ω|μm|µm|μs)|(?P<han>{_ZH_UNITS})|(?P<latin>(?:n[·.⋅*]m|{_RATES}|{_UNIT}|{_EN_WORDS}))(?![a-z0-9]))"
    ),
    re.IGNORECASE,
)
# What follows the letters of a unit makes another one of it: mm/s is a speed, kN/m² no force, 2.5 mm² no length.
_GOES_ON = re.compile(
    both_scripts(
        r"(?:[²³]|\^[23])?(?:(?:/|[·⋅*](?!\s))(?:分钟|小时|秒|分|天|米|转|升|(?:min|sec|rev|mm|cm|km|hr|kg|ml|s|h|m|l|g|d|r|k)[²³23]?)(?![a-z0-9]))*"
    ),
    re.IGNORECASE,
)
_PLAIN_NUMBER = re.compile(r"(?<![\w.-])[-+±]?\d+(?:[.,]\d+)*(?![\w-])")

_DIMENSIONS: dict[str, str] = {}
for _dimension, _names in {
    "torque": "newtonmeter newtonmetre ftlb nm ncm n·m n.m n⋅m n*m 牛米 牛·米 牛顿米",
    "length": "feet mm cm m km um µm μm in inch inches ft 毫米 厘米 微米 米 公里",
    "mass": "kilo kg g mg t lb lbs 千克 公斤 克 吨 gram grams kilogram kilograms ton tons tonne tonnes",
    "force": "n kn 牛 牛顿 千牛",
    "pressure": "bar mbar mpa kpa pa psi 兆帕 千帕 帕 巴",
    "temperature": "celsius fahrenheit c °c f °f k ℃ ℉ ° °c 摄氏度 度 degree degrees",
    "voltage": "v kv mv 伏 伏特 千伏 毫伏 volt volts",
    "current": "a ma 安 安培 毫安 amp amps ampere amperes",
    "power": "kilowatt va w kw kva hp 瓦 千瓦 watt watts",
    "frequency": "hertz hz khz mhz ghz 赫兹 千赫",
    "speed": "rpm r/min rev/min m/s m/min mm/s mm/min cm/s km/h in/s 转/分 转/分钟 转每分 转 毫米/秒 毫米/分 毫米/分钟 米/秒 米/分 米/分钟 公里/小时",
    "time": "min s sec ms us μs h hr hrs 秒 秒钟 毫秒 分钟 小时 天 日 周 月 个月 年 second seconds minute "
    "minutes hour hours day days week "
    "weeks month months year years shift shifts",
    "volume": "l ml cc 升 毫升 liter litre liters litres",
    "resistance": "ohm kohm mohm ω kω mω gω µω μω 欧 欧姆 兆欧 ohms",
    "share": "% ‰ percent",
    "sound": "decibel db 分贝",
    "flow": "l/min l/h l/s ml/min m3/h m3/min m³/min m³/h 升/分 升/分钟 升/小时 毫升/分钟 立方米/小时",
}.items():
    for _name in _names.split():
        _DIMENSIONS.setdefault(_name, _dimension)

_ASKED: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (dimension, re.compile(pattern, re.IGNORECASE))
    for dimension, pattern in (
        ("torque", r"\btorques?\b|\btight|扭矩|力矩|拧紧"),
        ("length", r"(?<!fuse )(?<!wire )(?<!cable )(?<!thread )(?<!mesh )\bsize\b|\b(?:length|width|height|depth|diameter|bore|distance|thick|thickness|clearance|gap|backlash|"
                   r"how (?:long(?! (?:does|do|did|will|would|must|should|may|can|has|have)\b)|wide|deep|high|tall|far|thick)|"
         r"dimensions?|stroke|travel|accuracy)\b|长度|宽度|高度|深度|直径|[孔内外缸]径|距离|间隙|厚度|行程|尺寸|精度|多长|多宽|多高|多厚"),
        ("mass", r"\b(?:weights?|weigh|heavy|mass|payload|load)\b|重量|质量|负载|多重|承重"),
        ("force", r"\bforces?\b|(?<!扭)力(?!矩)"),
        ("pressure", r"\bpressures?\b|压力|气压|液压"),
        ("temperature", r"\b(?:temperatures?|hot|cold|heat)\b|温度|多热"),
        ("voltage", r"\b(?:voltages?|volts?|supply|power supply)\b|电压|供电|电源"),
        ("current", r"\b(?:currents?|amps?|amperage|fuse)\b|电流|保险丝"),
        ("power", r"\b(?:power|wattage|watts?)\b|功率"),
        ("frequency", r"\bfrequenc(?:y|ies)\b|频率"),
        ("speed", r"\b(?:speeds?|rpm|how fast|velocity)\b|转速|速度"),
        ("time", r"\b(?:how (?:long|often)|time|wait|interval|hours?|minutes?|seconds?|duration|life|lifetime|"
                 r"when|schedule)\b|多久|时间|间隔|周期|寿命|等待"),
        ("volume", r"\b(?:volume|capacity|how much (?:oil|coolant|water|fluid|fuel)|litres?|liters?)\b|容量|"
                   r"容积|油量|加多少"),
        ("flow", r"\b(?:per (?:minute|hour)|flow(?: rate)?(?! (?:chart|diagram|path|direction))|delivery rate|delivers?)\b|流量|排量|每分钟|每小时"),
        ("resistance", r"\b(?:resistance|ohms?)\b|电阻|阻值"),
        ("sound", r"\b(?:loud|noise|sound|decibels?)\b|噪[声音]|声压|分贝"),
        ("share", r"\b(?:percent|percentage|humidity|ratio|concentration)\b|百分|湿度|浓度|比例"),
    )
)  # fmt: skip
# Units that a question asks for: "in bar", "how many kW", "Nm for the flange bolts", 多少欧. Short ones that are words count only there.
_UNIT_WORDS = (
    r"n[·.]?m|ft[-·. ]?lbs?|newton ?met(?:er|re)s?|m?bar|psi|[mk]?pa|[kM]?va|kw|kilowatts?|watts?|hp|[kmg]?hz|hertz|rpm|k?ohms?|m?volts?|m?amps?|"
    r"amperes?|lit(?:er|re)s?|kgs?|kilos?|kilograms?|grams?|tons?|tonnes?|mm|millimet(?:er|re)s?|cm|inch(?:es)?|feet|degrees?|celsius|fahrenheit|"
    r"minutes?|mins|seconds?|secs?|hours?|hrs?|days?|weeks?|months?|years?|decibels?|db|l/min|percent"
)
_UNIT_ASKED = re.compile(
    both_scripts(
        rf"(?:\b(?:in|how many|what|which|max\.?|maximum|min\.?|minimum|rated|nominal)\s+)(?P<en>{_UNIT_WORDS})(?![\w/-])"
        rf"|^\s*(?P<first>{_UNIT_WORDS})(?=\s+(?:for|of|on|to|at)\b)"
        rf"|(?:多少|几个?)\s*(?P<zh>(?:{_ZH_UNITS})|(?:{_UNIT})(?![a-z0-9]))"
    ),
    re.IGNORECASE,
)
_RATE = re.compile(both_scripts(r"\b(?:per|an|each|every) (?:minute|hour|second)\b|每(?:分钟|小时|秒)"), re.IGNORECASE)
_VALUE_QUESTION = re.compile(
    both_scripts(
        r"\bhow (?:much|many|long|often|far|fast|heavy|high|hot|large|big|thick|deep|wide|tall|strong)\b|\b(?:what|"
        r"which)(?:['’]?s| is| are| was)?\s*(?:the )?"
        r"(?:max|min|value|torque|voltage|pressure|speed|temperature|range|size|weight|default|rated|nominal|number|rate)|多少|多大|多高|多长|多久|多重|几个|几次"
    ),
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:what|which)(?:'s| is| are| was| were)?(?:\s+(?!do\b|does\b|did\b|can\b|should\b|must\b|could\b|may\b|might\b|will\b|would\b|"
    r"happens?\b|causes?\b|makes?\b|if\b|when\b|to\b|for\b|of\b|with\b|on\b|in\b|at\b|after\b|before\b)[\w-]+){1,5}",
    re.IGNORECASE,
)
"""What a question asks for by name: "what is the permitted waiting time"; what follows is its conditions."""
_WHAT = re.compile(
    r"\b(?:what|which)(?:['’]?s| is| are| was)?((?:\s+(?!(?:of|for|at|on|in|does|do|did|should|must|can)\b)[\w-]+){1,4})",
    re.IGNORECASE,
)
_HOW_MUCH = re.compile(both_scripts(r"([\u3400-\u9fff]{2,8}?)(?:是|为|有|要|需)*(?:多少|多大|多高|多快|几)"))
_A_DATE = re.compile(r"what|which", re.IGNORECASE)  # "what year", "which day": no duration
_AND = re.compile(r"\b(?:and|or)\b|,", re.IGNORECASE)
_INTERVAL_QUESTION = re.compile(
    both_scripts(
        r"\b(?:how often|at what intervals?|how frequently) (?:is|are|do|does|must|should|shall|can|to|has|have|need)\b|"
        r"(?:多久|多长时间|几[天周年]|几个月|多少(?:小时|天|周|个月|年)).{0,12}[一1]次|每?隔?多久(?:要|需|应|该|就)?(?:换|更换|检|清|润滑|保养|加)"
    ),
    re.IGNORECASE,
)
_HAPPENED = re.compile(
    both_scripts(
        r"\b(?:happen\w*|occur\w*|fail\w*|faults?|alarms?|reports?|reported|break\w*|stops?|trips?|jams?|jammed|appear\w*|was|were|been|had|did|"
        r"so far|last|past|since|ago|recorded)\b|过|以前|历史|发生|出现|故障|上次|记录|报警|坏"
    ),
    re.IGNORECASE,
)
INTERVAL = re.compile(
    both_scripts(
        r"\b(?:every|each|per|after|once (?:a|per|every))\s+(?:\w+\s+){0,2}?(?:\d[\d.,  ]*|one|two|three|four|five|"
        r"six|ten|twelve)?\s*"
        r"(?:operating |working |running |service )?(?:h|hrs?|hours?|days?|weeks?|months?|years?|shifts?|cycles|km|"
        r"strokes|start-?up|use)\b|"
        r"\b(?:daily|weekly|monthly|quarterly|yearly|annual(?:ly)?|biannual(?:ly)?|half-yearly|hourly|intervals?|"
        r"at least once|before each|after each)\b|"
        r"每(?:天|日|周|月|季|年|班|次|隔|\s*\d+|半年|[一二两三四五六七八九十]+)|日检|周检|月检|年检|定期|间隔|周期|(?:\d+|[一二两三四五六七八九十半]+)\s*(?:个?小时|天|周|个月|年)"
    ),
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit. `dimension` is "torque", "length" ..., "" when unknown; [start, end) is its span."""

    number: str
    unit: str
    dimension: str
    start: int
    end: int


def quantities(text: str) -> list[Quantity]:
    """Every number with a unit in a text, in order; a unit that is not known as a whole has no dimension.

    >>> [(q.number, q.unit, q.dimension) for q in quantities("Torque 30 Nm, 10–20 ℃, 每 500 小时")]
    [('30', 'Nm', 'torque'), ('10–20', '℃', 'temperature'), ('500', '小时', 'time')]
    >>> [(q.unit, q.dimension) for q in quantities("7 mm/s, 12 kN/m², 3 mm")]
    [('mm/s', 'speed'), ('kN/m²', ''), ('mm', 'length')]
    """
    found = []
    for match in QUANTITY.finditer(text):
        unit = match["sign"] or match["han"] or match["latin"]
        if match.start() and (text[match.start() - 1].isalnum() and text[match.start() - 1].isascii()):
            continue  # the digits of a code: M8 x 20 keeps its 20, E207 has no quantity
        more = _GOES_ON.match(text, match.end())
        unit += more[0] if more else ""
        end = more.end() if more else match.end()
        found.append(Quantity(match["number"].strip(), unit, _dimension_of(unit), match.start(), end))
    return found


def _dimension_of(unit: str) -> str:
    folded = fold(unit)
    return _DIMENSIONS.get(folded, _DIMENSIONS.get(folded.replace(" ", ""), ""))


def has_number(text: str) -> bool:
    """Whether a text holds a number that is no part of a code."""
    return bool(_PLAIN_NUMBER.search(text)) or bool(QUANTITY.search(text))


def dimensions_asked(question: str) -> frozenset[str]:
    """The kinds of quantity a question asks for, by its words; empty when it names none.

    >>> sorted(dimensions_asked("how much water per minute")), sorted(dimensions_asked("how many minutes"))
    (['flow', 'volume'], ['time'])
    """
    return frozenset(names_of(question))


def names_of(question: str) -> dict[str, frozenset[str]]:
    """The kinds of quantity a question asks for, each with its words that say so; a unit asked for decides alone.

    >>> sorted(names_of("what vacuum does the gripper pull in bar")), sorted(names_of("线圈多少欧"))
    (['pressure'], ['resistance'])
    """
    found = {
        dimension: frozenset(
            match[0] for match in pattern.finditer(_RATE.sub(" ", question) if dimension == "time" else question)
        )
        for dimension, pattern in _ASKED
    }
    named = {dimension: words for dimension, words in found.items() if words}
    asked = _WHAT.search(question)
    at_once = [dimension for dimension, pattern in _ASKED if asked and dimension in named and pattern.search(asked[1])]
    if (
        asked and len(at_once) == 1 and not _AND.search(asked[1])
    ):  # "what pressure does the pump deliver" asks for no flow
        named = {at_once[0]: named[at_once[0]]}
    units = units_asked(question)
    return {dimension: words | named.get(dimension, frozenset()) for dimension, words in units.items()} or named


def value_asked(question: str) -> dict[str, frozenset[str]]:
    """The kinds of quantity of which a question wants just the value: "what speed", 电流是多少; not each that it speaks of.

    >>> value_asked("what is the rated power"), value_asked("充电速度优先有什么区别"), sorted(value_asked("额定电流是多少"))
    ({'power': frozenset({'power'})}, {}, ['current'])
    """
    asked = " ".join(found[1] for found in (*_WHAT.finditer(question), *_HOW_MUCH.finditer(question)))
    return {
        dimension: words for dimension, pattern in _ASKED if (words := frozenset(m[0] for m in pattern.finditer(asked)))
    }


def units_asked(question: str) -> dict[str, frozenset[str]]:
    """The kinds of quantity whose unit a question names without a number: only such a value answers it.

    >>> units_asked("Nm for the suction flange bolts"), units_asked("what happens at 3 bar")
    ({'torque': frozenset({'Nm'})}, {})
    """
    out: dict[str, frozenset[str]] = {}
    for match in _UNIT_ASKED.finditer(_RATE.sub(" ", question)):
        unit = match["en"] or match["first"] or match["zh"]
        folded = re.sub(r"[-·. ]", "", fold(unit))
        dimension = (
            _dimension_of(unit) or _dimension_of(folded) or _dimension_of(folded.rstrip("s"))
        )  # fmt: skip
        if dimension and not (dimension == "time" and _A_DATE.match(match[0])):
            out[dimension] = out.get(dimension, frozenset()) | {unit}
    return out


def asks_for_value(question: str) -> bool:
    """Whether a question wants a number ("how much", "what pressure", "多少"), whatever its route."""
    if _VALUE_QUESTION.search(question):
        return True
    named = _NAMED.search(question)
    return named is not None and bool(dimensions_asked(named[0]))


def asks_for_interval(question: str) -> bool:
    """Whether a question asks how often something is to be done, not how often something has happened.

    >>> asks_for_interval("How often is the fan cleaned?"), asks_for_interval("How often did the fan fail?")
    (True, False)
    """
    return bool(_INTERVAL_QUESTION.search(question)) and not _HAPPENED.search(question)


def states_interval(text: str) -> bool:
    """Whether a text says how often or after what time something is due."""
    return bool(INTERVAL.search(text))
