"""The same question as other people would type it: with a slip, in a hurry, with other codes. The label stays.

For fresh variants of the examples in each epoch, and for the "typo" and "shorthand" questions of a benchmark. Every
change is a pure function of the text and the state of the generator, leaves a text alone where it does not apply, and
never makes it empty. Two things are guarded, because routes hang on them: what asks (how, why, how often, 多久, 怎么)
and what says that something is past (did, was, 上次, 过, a closing 的).
"""

from __future__ import annotations

import re
from typing import Literal

import numpy as np

from finetune.slips import CODE_WORDS, HAS_HAN, HAS_LATIN, PARTICLE, happens, harmless, misspell, pick
from finetune.slips import typo as typo

Style = Literal["typo", "shorthand"]

_CONTENT = re.compile(r"[^\W_]")
_READABLE = re.compile(r"[^\W_].*[^\W_]", re.DOTALL)
_FINAL = re.compile(r"[\s?!.。？！…]+$")


def change(text: str, rng: np.random.Generator) -> str:
    """One random change that fits the text; the text itself when none does."""
    rest = list(_CHANGES)
    while rest:
        draw = rng.random() * sum(weight for weight, _ in rest)
        place = 0
        while place < len(rest) - 1 and draw >= rest[place][0]:
            draw -= rest[place][0]
            place += 1
        changed = rest.pop(place)[1](text, rng)
        if changed != text:
            return changed
    return text


def variants(text: str, rng: np.random.Generator, style: Style) -> str:
    """The text with typing slips ("typo") or cut down to what a hurried person types ("shorthand")."""
    if style == "typo":
        return typo(text, rng)
    if style == "shorthand":
        return shorthand(text, rng)
    raise ValueError(f'there is no style {style!r}; use "typo" or "shorthand"')


# --- Shorthand --------------------------------------------------------------------------------------------------

_WH = r"how(?:\s(?:often|many\s\w+|much\s?\w*|long|far|hot|fast|high|deep|tight|big|soon))?|why|where|when|what|which\s\w+"
_START = r"(?:^|(?<=[.!?;:,]\s))"
_ASKING = r"how|what|why|when|where|which|who|whether|if|the"


_Rule = tuple[re.Pattern[str], str, float, tuple[str, ...]]


def _rules(*rows: tuple[str, str, float, str]) -> tuple[_Rule, ...]:
    """(what, by what, how likely, stretches of which a lower-cased text must hold one for the rule to be worth trying)."""
    flags = re.IGNORECASE | re.ASCII
    return tuple((re.compile(what, flags), new, chance, tuple(hints.split("|"))) for what, new, chance, hints in rows)


# Applied in order. Past forms (did, was, has been) and may, must, can I stay: they carry the difference between a
# record, a rule and an instruction.
# fmt: off
_POLITE = _rules(
    (r"^(?:hi|hello|hey|good\s(?:morning|day|evening)|excuse\sme)(?:\s(?:there|all|everyone|guys))?\s?[,!.:]\s+", "", 1, ""),
    (r"\b(?:could|can|would|will)\s(?:you|someone|somebody|anyone|anybody)\s(?:(?:please|kindly|maybe|quickly)\s)*"
     r"(?=(?:tell|explain|give|show|list|describe|say|walk|guide|help|check|find|look|write|name|remind|send)\b)",
     "", 1, " you|body|one "),
    (r"[,\s]*\bplease\b,?|[,\s]*\b(?:pls|plz|kindly)\b", "", 1, "please|pls|plz|kindly"),
    (rf"(?:\b(?:tell|show)\s(?:me|us)|\blet\s(?:me|us)\sknow|\bgive\sme(?=\sthe))\s(?=(?:{_ASKING})\b)", "", 1,
     "tell |show |let |give "),
    (rf"\b(?:do\syou\sknow|does\sany(?:one|body)\sknow|any\sidea|I\s(?:just\s)?(?:want|need|would\slike)\sto\sknow|"
     rf"I'd\slike\sto\sknow|I\swas\swondering|I\swonder)\s(?=(?:{_ASKING})\b)", "", 1, "know|idea|wonder"),
    (rf"{_START}(?:whether|if)\s(?=(?:it|I|we|the)\b[^,]*\?)", "", 1, "if |whether "),
    (rf"{_START}I(?:\s(?:want|would\slike)|'d\slike)\sto\s(?=\w)", "", 1, "want to|like to"),
    (r"[\s,.!]*\b(?:thanks|thank\syou|thx)(?:\s(?:a\slot|very\smuch|so\smuch|in\sadvance))?[\s.!]*$", "", 1, "thank|thx"),
)
_BARE_WH = re.compile(
    r"(?:how|why|where|when)(?:\s(?:to|do|does|is|are|(?:can|should|could)\s(?:I|we|you|one))\b|'s\b)", re.ASCII | re.I
)
_DROPPED = _rules(
    (r"\s?\b(?:actually|basically|exactly|simply|somehow)\b", "", 0.9, "actual|basic|exact|simply|somehow"),
    (r"^(?:is|are)\sthere\s(?:an?\s|any\s)?(?=\w)", "", 0.8, ""),
    (rf"{_START}there(?:'s|\sis|\sare)\s(?=\w)", "", 0.8, "there"),
    (r"\b(how(?:\s(?:often|long))?|where|when)\s(?:do|can|could|should|would)\s"
     r"(?:I|we|one|you(?!\s(?:feel|work|know|think|learn)))(?:\s(?:have|need)\sto)?\s(?=\w)", r"\1 ", 0.95, " do | can |ould "),
    (rf"\b({_WH})\s(?:do|does)\s(?!(?:you|not|I|we|one|that|this|it)\b)(?=\w)", r"\1 ", 0.95, " do | does "),
    (rf"\b({_WH})\s(?:do|does)\s(?:I|we|one)\s(?=\w)", r"\1 ", 0.95, " do | does "),
    (r"^(?:do|does)\s(?:(?:I|we)\s(?=need\b)|(?=(?:the|these|those|this|that|it|they)\b))", "", 0.9, ""),
    (r"\bhow\sto\s(?=\w)", "how ", 0.7, "how to"),
    (r"\b(how|what|where|when|who|why)['’]s\s(?=\w)", r"\1 ", 0.9, "'s |’s "),
    (r"(?<![\w'’.-])(?:is|are)\s(?!you|n[o']t\b)(?=\w)", "", 0.9, "is |are "),
    (r"^it\s(?=(?:safe|ok|okay|allowed|normal|possible|necessary|dangerous|permitted)\b)", "", 0.9, ""),
    (r"(?<![\w.'-])(?<!\d\s)(?:the|(?:an|(?-i:a)|^A)(?!\s(?:second|minute|hour|shift|day|week|month|year)))\s(?=[a-z0-9])", "", 0.95,
     "the |a |an "),
)
# fmt: on
_BARE_TEXT = re.compile(r"(how|why|where|when)\s((?:[^\s,;.?!]+\s?){1,9})", re.IGNORECASE)
# Behind how, why ... these stay where they are.
_STAYS_BEHIND = frozenset(
    "often many much long far hot fast high deep tight big soon come to do does is are can should could".split()
)

_POLITE_ZH = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"^(?:你好|您好|师傅)[，,！!。\s]+", ""),
        (
            r"(?:我?想)?(?:请问|請問|请教|請教|(?<![访询疑])问)(?:一下|下)(?:子)?[，,：:\s]*|请问[，,：:\s]*|請問[，,：:\s]*",
            "",
        ),
        (r"(?:麻烦|麻煩|劳驾|拜托)(?:你|您|各位)?(?=[帮幫把给給告说說讲講列查看发發解])", ""),
        (r"(?:能不能|能否|可不可以|可否|能|可以)?(?:请|請)?(?:你|您)?(?:告诉|告訴)我(?:一下|下)?[，,：:\s]*(?=\w)", ""),
        (r"我?想(?:知道|了解)(?:一下)?[，,：:\s]*(?=\w)", ""),
        (r"(?<![申邀聘宴敬提报呈])[请請](?![假客求示柬战缨辞]|[病年事产婚]假)(?=\w)", ""),
        (r"(?<=[说說讲講绍紹释釋看查找列])一下(?!子)", ""),
        (r"[，,。！!\s]*(?:谢谢|謝謝|多谢)(?:了|啦|您|你)?[。！!～~]*$", ""),
    )
)
_DROPPED_ZH = (
    (re.compile(r"(?<![还只总不要可但就都老又若正])是(?=(?:什么|啥|多少|几|哪|多大|多长|多久|怎么))"), "", 0.8),
    (re.compile(r"(?:应该|應該|到底|究竟|具体|需要)(?=(?:怎么|怎麼|怎样|如何|咋|多久|多少))"), "", 0.9),
)


def shorthand(text: str, rng: np.random.Generator) -> str:
    """Cut down to key words: "Could you tell me how do I replace the belt?" -> "replace belt how".

    Polite forms always go; articles, auxiliaries and particles mostly. What asks, allows or tells of the past stays.
    """
    if not text.strip():
        return text
    short = _cut(text, rng, always=False)
    return short if short != text else _cut(text, rng, always=True)


def _cut(text: str, rng: np.random.Generator, always: bool) -> str:
    short, first = text, False
    if HAS_LATIN.search(short):
        lower = short.lower()
        for pattern, new, _, hints in _POLITE:
            if any(map(lower.__contains__, hints)):
                short = _kept(short, pattern.sub(new, short).strip())
        first = bool(_BARE_WH.match(short))
        for pattern, new, chance, hints in _DROPPED:
            if any(map(lower.__contains__, hints)) and (always or happens(rng, chance)):
                short = _kept(short, pattern.sub(new, short))
    if HAS_HAN.search(short):
        for pattern, new in _POLITE_ZH:
            short = _kept(short, pattern.sub(new, short))
        for pattern, new, chance in _DROPPED_ZH:
            if pattern.search(short) and (always or happens(rng, chance)):
                short = _kept(short, pattern.sub(new, short))
        short = _without_particles(short, rng, always)
    short = _kept(text, " ".join(short.split()).lstrip(" ,;:，；："))
    if always or happens(rng, 0.75):
        short = _kept(short, _FINAL.sub("", short))
    if first and (found := _BARE_TEXT.fullmatch(short.rstrip("?？ "))) and happens(rng, 0.5):
        rest = found[2].strip().removeprefix("to ")
        if rest.split()[0].lower() not in _STAYS_BEHIND:
            short = f"{rest} {found[1].lower()}"
    elif re.match(r"[A-Z][a-z]+\b", short) and (always or happens(rng, 0.7)):
        short = short[0].lower() + short[1:]
    return short


def _kept(before: str, after: str) -> str:
    """`after`, unless nothing worth reading is left of it."""
    return after if _READABLE.search(after) else before


def _without_particles(text: str, rng: np.random.Generator, always: bool) -> str:
    out, last = [], 0
    for match in PARTICLE.finditer(text):
        if harmless(text, match) and (always or happens(rng, 0.85)):
            out.append(text[last : match.start()])
            last = match.end()
    return _kept(text, "".join(out) + text[last:])


# --- Units ------------------------------------------------------------------------------------------------------

# The spellings of one unit: signs, then words, then Chinese (only written into Chinese text).
# fmt: off
_UNITS: tuple[tuple[str, str, str], ...] = (
    ("Nm|nm|N·m|N.m", "newton metres", "牛米|牛·米"),
    ("°C|℃|deg c|degC|deg. C", "degrees C|degrees celsius", "度|摄氏度"),
    ("°F|℉|deg f", "degrees F|degrees fahrenheit", "华氏度"), ("rpm|r/min|RPM|rev/min", "", "转/分|转每分钟"),
    ("kW|kw|KW", "kilowatts", "千瓦"), ("V|v", "volts|volt", "伏"), ("kV|kv|KV", "", "千伏"), ("A", "amps|amp", "安"),
    ("mA|ma|MA", "milliamps", "毫安"), ("Hz|hz|HZ", "hertz", "赫兹"), ("mm|MM", "millimetres|millimeters", "毫米"),
    ("cm|CM", "centimetres", "厘米"), ("µm|μm|um", "microns|micron", "微米"), ("m", "metres|meters", "米"),
    ("mm/s", "", "毫米/秒"), ("m/s", "", "米/秒"), ("m/min", "", "米/分"), ("l/min|L/min|lpm", "", "升/分"),
    ("bar|Bar|BAR", "bars", "巴"), ("MPa|Mpa|mpa|MPA", "", "兆帕"), ("kPa|kpa|KPa", "", "千帕"),
    ("kg|Kg|KG|kgs", "kilos", "公斤|千克"), ("t", "tonnes", "吨"), ("l|L", "litres|liters", "升"),
    ("ml|mL", "millilitres", "毫升"), ("s|sec", "seconds", "秒"), ("min|mins", "minutes", "分钟"),
    ("h|hrs", "hours", "小时"), ("Ω|ohm", "ohms", "欧|欧姆"), ("%|％", "percent|per cent", ""),
)
# fmt: on
_UNIT_OF = {name: row for row, group in enumerate(_UNITS) for part in group for name in part.split("|") if name}
_NAMES = "|".join(re.escape(name) for name in sorted(_UNIT_OF, key=len, reverse=True))
_NO_PART = r"(?![A-Za-z0-9/·²³])"
_WITH_UNIT = re.compile(
    rf"(?<![A-Za-z0-9_.,])(?<![A-Za-z]-)(?P<number>\d+(?:[.,]\d+)?)(?P<gap>\s?)(?P<unit>{_NAMES}){_NO_PART}"
    rf"|(?<![A-Za-z0-9/])(?P<alone>°C|℃|°F|℉|rpm|RPM|r/min|MPa|kPa|N·m){_NO_PART}"
)
_WARMTH = re.compile(r"[温热冷烫烧凉冻烤]")
_ANGLE = re.compile(r"[角斜倾弯转]")


def spelling_of_units(text: str, rng: np.random.Generator) -> str:
    """Units behind numbers spelled otherwise, or with or without the space: "10 Nm" -> "10nm", "95 °C" -> "95度"."""
    found = [match for match in _WITH_UNIT.finditer(text) if _is_unit(text, match)]
    if not found:
        return text
    sure = int(rng.random() * len(found))
    chinese = bool(HAS_HAN.search(text))
    for place in range(len(found) - 1, -1, -1):
        match = found[place]
        if place != sure and not happens(rng, 0.7):
            continue
        unit = match["alone"] or match["unit"]
        signs, words, han = _UNITS[_UNIT_OF[unit]]
        # words of the other language would be no spelling but a translation
        names = "|".join(filter(None, (signs, han if chinese else words))).split("|")
        others = [name for name in names if name != unit]
        if match["alone"]:
            text = text[: match.start()] + pick(rng, others) + text[match.end() :]
            continue
        gap = match["gap"]
        name = pick(rng, others) if others and happens(rng, 0.8) else unit
        if name == unit:
            gap = "" if gap else " "
        elif chinese or not HAS_LATIN.match(name):
            gap = "" if chinese and HAS_HAN.match(name) else pick(rng, ("", " "))
        else:
            gap = " " if name in words.split("|") else pick(rng, ("", " "))
        text = text[: match.end("number")] + gap + name + text[match.end() :]
    return text


def _is_unit(text: str, match: re.Match[str]) -> bool:
    """Whether the sign behind the number is the unit it looks like: 度 of warmth, no "1 m" of "1 m3"."""
    if match["unit"] == "度":
        return bool(_WARMTH.search(text)) and not _ANGLE.search(text) and text[match.end() : match.end() + 1] != "电"
    return True


# --- Codes ------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"(?<![A-Za-z0-9_@./-])[A-Za-z0-9]+(?:[-._/][A-Za-z0-9]+)*(?![A-Za-z0-9_@])")
_HEX = re.compile(r"0x[0-9A-Fa-f]{2,8}")
_LETTERS_FIRST = re.compile(r"([A-Za-z]{1,8})(?=[^A-Za-z]).*\d.*", re.DOTALL)
_PART_NUMBER = re.compile(r"\d{1,2}[A-Z]{1,4}\d[A-Z0-9]*(?:-[A-Z0-9]*\d[A-Z0-9]*)*|\d{3,5}-[A-Z]{1,2}")
# A part number goes on behind a space: "6ES7 315-2AG10".
_GOES_ON = re.compile(r" (\d{3}-\d[A-Z]{2}\d{2})(?![A-Za-z0-9])")
# What has letters and digits and is no code: substances, threads, sizes, norms, ports, grades, squares and cubes.
_NO_CODE = re.compile(
    r"(?:co2|sf6|h2[os]?|[on][23]|nh3|cs-137|pm2\.5|r\d{3,4}[a-z]?|pt-?100\d?|rs-?(?:232|422|485)|ip\d\d|dn\d+|g\d/\d|h[67]|er\d\d|"
    r"m\d{1,2}(?:x[\d.]+)?|m[23](?:/\w+)?|[cmk]m[23]|l[123n](?:[-/]l[123n])*|(?:iso|din|en|iec|astm|gb)(?:[-/]t)?[-/]?\d.*|"
    r"(?:usb|hdmi|mp|ps|win|windows|covid|ipv|http|gpt|cat|vitamin|web|mg|nas|vg|sae|ww)-?\d.*|[ab]\d[ab]|n95|a[345]|b12|q[1-4]|x64|x86|4s|i[3579])",
    re.IGNORECASE,
)
_AFTER_NUMBER = (
    r"(?![A-Za-z0-9_%％°℃]|[.,:/-]\d|\s*(?:times?|seconds?|minutes?|mins?|hours?|days?|weeks?|months?|years?|mm|cm|bar|rpm|kg|volts?|"
    r"amps?|degrees?|percent|jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec|[次小分天台年月日个回秒起条项度米点种级遍位部]))"
)
_SPOKEN = re.compile(
    rf"(?:(?<![A-Za-z])(?:{CODE_WORDS})(?:\s(?:code|number|no\.?))?\s*[:#]?\s*|(?<![A-Za-z])(?-i:E|F|P|Er|Err|ERR|AL|Al|Pr|Fn|WO|SO|PO)\s|"
    r"(?:报警|警报|告警|故障|报错|错误|代码|参数|功能码|编号|工单|订单)(?:号|码|代码|编号)?\s*[:：#]?\s*|报\s*)"
    rf"(?P<number>\d{{1,6}}){_AFTER_NUMBER}",
    re.IGNORECASE,
)
_KNOWN_WORDS = re.compile(CODE_WORDS, re.IGNORECASE)
# Prefixes that name the same thing; a fault never becomes a parameter.
_SISTERS = (("e", "f", "a"), ("err", "alm", "flt"), ("pr", "fn", "pn"))
_SISTER_OF = {name: group for group in _SISTERS for name in group}
_LETTERS = "ABCDEFGHKLMNPRSTUVWX"
_SHOWN = ("OC", "OV", "UV", "OL", "OH", "GF", "LU", "PH", "EF", "CF")
_YEAR = re.compile(r"20[0-3]\d")
_RUNS = re.compile(r"\d+|[A-Za-z]+")


def other_code(text: str, rng: np.random.Generator) -> str:
    """Every code, parameter and part number replaced by another of its shape: E-207 -> E-413, P0-15 -> P2-08.

    The same code twice becomes the same other code twice. Numbers with units, sizes, norms and substances stay.
    """
    spans = [match.span("number") for match in _SPOKEN.finditer(text)]
    for match in _TOKEN.finditer(text):
        if _is_code(match[0]):
            more = _GOES_ON.match(text, match.end())
            spans.append((match.start(), more.end() if more else match.end()))
    if not spans:
        return text
    new: dict[str, str] = {}
    out, last = [], 0
    for start, end in sorted(spans):
        if start < last:
            continue
        code = text[start:end]
        if code not in new:
            new[code] = _other(code, rng)
        out += [text[last:start], new[code]]
        last = end
    return "".join(out) + text[last:]


def _is_code(token: str) -> bool:
    if not any("0" <= sign <= "9" for sign in token) or not HAS_LATIN.search(token) or _NO_CODE.fullmatch(token):
        return False
    if token[0].isdigit():
        return bool(_HEX.fullmatch(token) or _PART_NUMBER.fullmatch(token))
    match = _LETTERS_FIRST.fullmatch(token)
    if match is None:
        return False
    head = match[1]
    # "line3" and "Robot-2" are words with a number
    return len(head) <= 3 or head.isupper() or bool(_KNOWN_WORDS.fullmatch(head))


def _other(code: str, rng: np.random.Generator) -> str:
    """Another code with letters, digits and signs in the same places."""
    for _ in range(10):
        if (other := _drawn(code, rng)) != code:
            return other
    at = max(place for place, sign in enumerate(code) if sign.isdigit())
    return code[:at] + str((int(code[at]) + 1) % 10) + code[at + 1 :]


def _drawn(code: str, rng: np.random.Generator) -> str:
    if _HEX.fullmatch(code):
        zeros = len(code) - 2 - len(code[2:].lstrip("0"))
        signs = "0123456789ABCDEF" if code.upper()[2:] == code[2:] else "0123456789abcdef"
        return code[: 2 + zeros] + "".join(pick(rng, signs) for _ in code[2 + zeros :])
    out, last = [], 0
    for match in _RUNS.finditer(code):
        out.append(code[last : match.start()])
        run = match[0]
        if run[0].isdigit():
            out.append(_digits(run, rng))
        elif match.start() == 0:
            sisters = _SISTER_OF.get(run.lower())
            out.append(_cased(pick(rng, sisters), run) if sisters and happens(rng, 0.3) else run)
        elif len(run) == 2 and run.isupper() and code[0] in "Ee" and match.start() == 2:
            out.append(pick(rng, _SHOWN))
        elif len(run) <= 2:
            out += [_cased(pick(rng, _LETTERS), sign) for sign in run]
        else:
            out.append(run)
        last = match.end()
    return "".join(out) + code[last:]


def _digits(run: str, rng: np.random.Generator) -> str:
    if _YEAR.fullmatch(run):
        return f"20{10 + int(rng.random() * 20)}"
    zeros = len(run) - len(run.lstrip("0")) if len(run) >= 3 else 0
    size = len(run) - zeros
    low = 10 ** (size - 1) if len(run) >= 3 and size else int(run != "0")
    return "0" * zeros + (str(low + int(rng.random() * (10**size - low))).zfill(size) if size else "")


def _cased(text: str, like: str) -> str:
    return "".join(a.upper() if b.isupper() else a.lower() for a, b in zip(text, like, strict=True))


# --- Case, punctuation, width -----------------------------------------------------------------------------------

_WIDE_SIGNS = str.maketrans("？，。！：；（）％", "?,.!:;()%")
_NARROW_SIGNS = str.maketrans("?,!:;()%", "？，！：；（）％")
_TO_WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in (*range(48, 58), *range(65, 91), *range(97, 123))})
_TO_NARROW = str.maketrans({wide: narrow for narrow, wide in _TO_WIDE.items()})


def plain(text: str, rng: np.random.Generator) -> str:
    """Lower case, no closing punctuation, or signs of the other width (wide ones only in Chinese text)."""
    out = text
    options = [text.lower(), _FINAL.sub("", text), text.translate(_WIDE_SIGNS).translate(_TO_NARROW)]
    if HAS_HAN.search(text):
        options += [text.translate(_NARROW_SIGNS) if "." not in text else text, text.translate(_TO_WIDE)]
    able = [option for option, new in enumerate(options) if new != text and _CONTENT.search(new)]
    if not able:
        return text
    chosen = pick(rng, able)
    out = options[chosen]
    if chosen == 0 and happens(rng, 0.5):
        out = _FINAL.sub("", out) or out
    elif chosen == 1 and happens(rng, 0.5):
        out = out.lower()
    return out


_CHANGES = (
    (0.22, typo), (0.2, misspell), (0.28, shorthand), (0.1, plain), (0.12, other_code), (0.08, spelling_of_units),
)  # fmt: skip
