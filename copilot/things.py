"""Questions that ask which substance, part or tool, and how many of a thing: not an amount in some unit, not an interval.

"Which grease for the linear guides?" is often taken for a question about maintenance, and the row of a lubrication table has the
grease, its amount and the interval side by side. "How many blanks?" is not answered by 120 mm. Text in, text out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from copilot.table_values import Cell
from copilot.units import quantities, states_interval
from indexer.analysis import fold
from indexer.chinese import both_scripts

_THING = (
    r"(?:oils?|grease|lubricants?|lube|fluids?|coolants?|refrigerants?|glues?|adhesives?|sealants?|solvents?|pastes?|gas|fuel|"
    r"batter(?:y|ies)|fuses?|bulbs?|filters?|belts?|bearings?|seals?|o-rings?|hoses?|cables?|wrench(?:es)?|spanners?|sockets?|"
    r"tools?|bolts?|screws?|nozzles?|cleaners?|cleaning agents?|detergents?|spare parts?|materials?|alloys?|steels?|wires?|films?)"
)
_NOT_OF = (
    r"(?![\s-]+(?:interval|change|level|pressure|temp|quantity|amount|volume|capacity|flow|torque|tension|life|consumption|"
    r"sizes?|gauges?|cross[- ]sections?|number|speed|length|diameter|concentration))"
)
_WHICH = re.compile(
    rf"\b(?:which|what)\s+(?:(?:is|are)\s+the\s+(?:right|correct|recommended|specified|proper)\s+)?"
    rf"(?:(?:kind|type|sort|grade|brand|make|class|viscosity)s?\s+(?:of\s+)?)?(?:[a-z-]+\s+){{0,2}}?({_THING})\b{_NOT_OF}|"
    rf"\b({_THING})\s+(?:type|grade|class|specification)\b",
    re.IGNORECASE,
)
_WITH = re.compile(r"\b(?:with what|what\b.{1,60}\b(?:lubricated|greased|topped up|filled) with)\b", re.IGNORECASE)
_THING_ZH = "润滑油脂|润滑脂|润滑油|液压油|齿轮油|黄油|油脂|机油|油|脂|冷却液|切削液|清洗剂|清洁剂|制冷剂|液|剂|胶|电池|保险丝|熔断器|滤芯|皮带|轴承|密封圈|工具|扳手|材料"
_WHICH_ZH = re.compile(
    rf"(?:什么|哪[一]?种|哪个|何种|啥)(?:牌号|型号|规格|类型|品牌|样)?的?[\u3400-\u9fff]{{0,2}}?({_THING_ZH})(?![位压温量管泵缸箱路度])|"
    rf"({_THING_ZH})的?(?:牌号|标号|型号|品牌|种类)(?:是|用)?(?:什么|哪|多少|啥)"
)
_LUBRICANTS = ("oil", "grease", "lubricant", "paste", "油", "脂", "油脂", "润滑剂")
_GENERAL = frozenset(("tool", "material", "spare part", "工具", "材料"))
_LUBRICANT = re.compile(r"oils?|grease|lubricants?|lube|.*[油脂]")
# What kind of lubricant, battery ... it is, behind its name ("oil CG 68", "grease, NLGI class 2", 油，黏度等级 46), before it
# ("HLP 46 oil", 46号液压油), or as an adjective ("copper paste", 锂基脂). Quantities are blanked before: "3 ml of oil" names none.
# Words in capitals run on for lines in manuals: each repetition begins with its separator, so that there is one way to match.
_KIND_BEHIND = (
    r"(?:[\s,(]{1,4}(?:(?-i:[A-Z][\w/-]*)|class|grade|type|viscosity|no\.?)){0,5}\s*(?-i:[A-Z]*)[-\s]?\d[\w./-]*"
)
_KIND_BEFORE = r"(?-i:\b[A-Z][\w/-]*)(?:\s(?-i:[A-Z]+)){0,3}[-\s]?\d[\w./-]*\s+(?:[a-z]+\s+)?"
_KIND_WORD = (
    r"(?:synthetic|mineral|lithium|calcium|silicone|copper|graphite|molybdenum|ptfe|ceramic|food[-\s]grade|metal-free|zinc[-\s]free|"
    r"alkaline|neutral|isopropyl|low-viscosity|high-temperature)\b[-\s]+(?:[a-z]+\s+){0,2}?"
)
_KIND_BEHIND_ZH = r"[，,（(]?\s*(?:[黏粘]度等级|牌号|型号|规格)?[为：:是]?\s*[A-Za-z]*[-\s]?\d"
_KIND_BEFORE_ZH = r"(?:[A-Za-z]+[-\s]?\d+[A-Za-z]*|\d+\s*[号#])\s*[\u3400-\u9fff]{0,4}?"
_KIND_WORD_ZH = r"(?:合成|矿物|抗磨|锂基|钙基|二硫化钼|硅基?|铜基?|石墨|食品级|防锈|中性|碱性)[\u3400-\u9fff]{0,3}?"
# Questions for what a part is ordered or looked up by, and writings of such a designation.
_DESIGNATION = re.compile(
    both_scripts(
        r"\b(?:part|order(?:ing)?|article|item|material|catalog(?:ue)?|model|type)[\s-]+(?:numbers?|nos?\b\.?|codes?|designations?)|\bdesignations?\b|"
        r"型号|牌号|料号|备件号|零件号|部件号|订货号|物料号"
    ),
    re.IGNORECASE,
)
_DESIGNATED = re.compile(
    r"(?<![A-Za-z0-9])(?!(?:Steps?|Tables?|Sections?|Chapters?|Fig|Figures?|Pages?|Items?|Rev)\b)[A-Z][A-Za-z]{0,5}[-/\s]?(?:[A-Z]{1,8}[-/\s]){0,3}[A-Z]{0,8}\d[\w./-]*|(?<![\w.,-])\d+[A-Z][\w-]*|(?<![\w.,-])\d{4,}(?![\w.,])|"
    r"(?:等级|grade|class|type)\s*[A-Z]*\d|\d+\s*[号#]"
)
_HOW_MANY = re.compile(
    r"\bhow many\s+(?P<thing>(?:(?!may\b|can\b|do\b|does\b|did\b|are\b|is\b|should\b|must\b|have\b|has\b|will\b|fit\b|go\b|in\b|on\b|of\b|per\b)[\w-]+\s*){1,4})|"
    r"(?:多少|几)(?P<zh>[个片块条只把台根颗张层件组套支])",
    re.IGNORECASE,
)
_PIECES = re.compile(
    both_scripts(
        r"\d\s*(?:pieces|pcs|parts|items|units|places|positions|pairs|sheets|layers|[个片块条只把台根颗张层件组套支])"
    ),
    re.IGNORECASE,
)
_NUMBER_WORD = re.compile(
    both_scripts(
        r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b|"
        r"[一二两三四五六七八九十]+[个片块条只把台根颗张层件组套支]"
    ),
    re.IGNORECASE,
)
_PLAIN_NUMBER = re.compile(r"(?<![\w.,-])\d{1,6}(?![\w-]|[.,]\d)")


@dataclass(frozen=True, slots=True)
class Thing:
    """What a question asks the name of: its words, any of which may be the head of the answer ("oil" of "gear oil VG 220")."""

    words: tuple[str, ...]

    @property
    def is_in_its_name(self) -> bool:
        """Whether its word is a part of what answers: "gear oil", but "socket 13 mm" for a tool."""
        return not _GENERAL.intersection(self.words)

    def is_named_by(self, cell: Cell) -> bool:
        """Whether a cell is the name of such a thing: in a column for them, or with its word as its head, and no work or interval.

        What only says how much of it there is names none: "battery below 3 V", "residual oil 3 mg/m³".
        """
        text = fold(cell.text).strip()
        if not text.strip(" -–—") or states_interval(text):
            return False
        if _head(self.words).search(fold(cell.label)):
            return True
        bare = without_quantities(text)
        named = _head(self.words).search(bare.strip())
        measured = len(bare.rstrip()) < len(text) and not _specified(self.words).search(without_quantities(cell.text))
        return named is not None and not measured

    def is_specified_in(self, text: str) -> bool:
        """Whether running text says which: the word for the thing with a designation or a word for its kind."""
        return bool(_specified(self.words).search(without_quantities(text)))

    def is_in(self, cells: Sequence[Cell]) -> bool:
        """Whether a row names one, besides what the row is about: its first cell, unless that is the thing and another says which."""
        if any(self.is_named_by(cell) for cell in cells[1:]):
            return True
        return bool(cells) and self.is_named_by(cells[0]) and has_designation("", cells)


@lru_cache(maxsize=64)
def _head(words: tuple[str, ...]) -> re.Pattern[str]:
    """A word at the end of its phrase, or with a designation behind it ("grease NLGI 2"); not "grease the pins", 油过滤器."""
    latin = "|".join(re.escape(word) for word in words if word.isascii())
    han = "|".join(re.escape(word) for word in words if not word.isascii())
    parts = []
    if latin:
        parts.append(rf"^(?:[a-z-]+\s+){{0,4}}(?:{latin})s?(?=$|\s*[,;(（]|\s+(?:[a-z]+\s+)?\S*\d)")
    if han:
        parts.append(rf"(?:{han})(?![\u3400-\u9fff])")
    return re.compile("|".join(parts))


@lru_cache(maxsize=64)
def _specified(words: tuple[str, ...]) -> re.Pattern[str]:
    """A word with what tells its kind beside it."""
    latin = "|".join(re.escape(word) for word in words if word.isascii())
    han = "|".join(re.escape(word) for word in words if not word.isascii())
    parts = []
    if latin:
        name = rf"\b(?:{latin})s?\b"
        parts += [rf"{name}{_KIND_BEHIND}", rf"{_KIND_BEFORE}{name}", rf"\b{_KIND_WORD}{name}"]
    if han:
        name = rf"(?:{han})(?![位压温量管泵缸箱路度])"
        parts += [rf"{name}{_KIND_BEHIND_ZH}", rf"{_KIND_BEFORE_ZH}{name}", rf"{_KIND_WORD_ZH}{name}"]
    return re.compile("|".join(parts), re.IGNORECASE)


def asks_for_designation(question: str) -> bool:
    """Whether a question asks for a type designation or a part number.

    >>> asks_for_designation("What is the part number of the seal?"), asks_for_designation("轴承是什么型号"), asks_for_designation("Which part is worn?")
    (True, True, False)
    """
    return bool(_DESIGNATION.search(question))


def has_designation(text: str, cells: Sequence[Cell] = ()) -> bool:
    """Whether a text holds a designation; of a row any cell but the first, which may be the code of a fault, and any in a column for them.

    >>> has_designation("Bearing 6205-2Z"), has_designation("Grease the bearing every 500 h, see 7.2")
    (True, False)
    """
    if not cells:
        return bool(_DESIGNATED.search(without_quantities(text)))
    columns = [cell.text for cell in cells if _DESIGNATION.search(cell.label)]
    texts = columns or [cell.value for cell in cells[1:]]
    return any(bool(_DESIGNATED.search(without_quantities(part))) for part in texts)


def without_quantities(text: str) -> str:
    """A text with its numbers with units blanked, and the number of a step."""
    rest = list(text)
    for quantity in quantities(text):
        rest[quantity.start : quantity.end] = " " * (quantity.end - quantity.start)
    return re.sub(r"^\s*\d{1,2}[.)]\s", " ", "".join(rest))


@lru_cache(maxsize=256)
def thing_asked(question: str) -> Thing | None:
    """The thing that a question asks the name of; None when it asks for none.

    >>> thing_asked("Which fuse protects the pump?"), thing_asked("What oil pressure is normal?")
    (Thing(words=('fuse',)), None)
    """
    found = _WHICH.search(question) or _WHICH_ZH.search(question)
    if found is None:
        return Thing(_LUBRICANTS) if _WITH.search(question) else None
    named = fold(next(part for part in found.groups() if part))
    if _LUBRICANT.fullmatch(named):
        return Thing(_LUBRICANTS)
    return Thing((re.sub(r"ies$", "y", named) if named.endswith("ies") else re.sub(r"(?<=[^s])s$", "", named),))


def counts_things(question: str) -> bool:
    """Whether a question asks how many of a thing, so that a plain number answers.

    >>> counts_things("How many blanks may I put in?"), counts_things("How many bar at the inlet?"), counts_things("要几个吸盘")
    (True, False, True)
    """
    found = _HOW_MANY.search(question)
    if found is None:
        return False
    return bool(found["zh"]) or not quantities(f"1 {found['thing'].split()[0]}")


def count_in(text: str, cells: Sequence[Cell] = ()) -> float:
    """How well a text answers how many: 1 with a number of pieces, 0.5 with a plain number, -1 with neither.

    Of a row all cells but the first count, which is what the row is about (station 10).
    """
    if cells:
        text = " ; ".join(cell.value for cell in cells[1:])
    if _PIECES.search(text):
        return 1.0
    body = without_quantities(text)
    return 0.5 if _PLAIN_NUMBER.search(body) or _NUMBER_WORD.search(body) else -1.0
