"""What a question narrows its answer down by: sizes, models, positions, modes, and ranges that a quantity must lie in.

A value beside the wrong one of these is worse than none, so they decide between the rows of one table. Pure functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from copilot.measures import measure
from copilot.synonyms import OtherWords, actions_in, other_words, said_otherwise, words_in
from copilot.units import Quantity, quantities
from indexer.analysis import fold, holds_chinese, tokens

_LEAST = re.compile(
    r"(?:≥|>=?|\b(?:above|over|from|more than|greater than|at least|min\.?|minimum|exceeding)|大于|高于|超过|至少|不低于|不小于)\s*$",
    re.IGNORECASE,
)
_MOST = re.compile(
    r"(?:≤|<=?|\b(?:below|under|up to|less than|at most|max\.?|maximum|no more than|not exceeding)|小于|低于|至多|不超过|不大于|不高于)\s*$",
    re.IGNORECASE,
)
_AND_MORE = re.compile(r"\s*(?:以上|及以上|or (?:more|above|higher)|and (?:more|above|over|higher))", re.IGNORECASE)
_AND_LESS = re.compile(r"\s*(?:以下|及以下|以内|or (?:less|below|lower)|and (?:less|below|under|lower))", re.IGNORECASE)
_PARTS = re.compile(r"(?<=[\d.])\s*(?:–|~|～|…|\.\.\.?|-|\bto\b|\band\b|至|到)\s*(?=[-+−]?\d)")
_LETTER = re.compile(r"(?<![\w.'’-])([A-Z])(?![\w'’-]|\.\w)")
_NAMED_LETTER = re.compile(
    r"\b(?:format|size|type|class|model|mode|group|zone|grade|variant|version|series|stage|level|position|axis|station|"
    r"pump|valve|line|phase|channel|side|unit|column|row|program|programme|cylinder|motor|bearing|press|machine)s?\s+A\b|"
    r"A\s*(?:型|类|级|组|区|轴|侧|线|档|挡|泵|阀|模式|号)",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"(?<![\w])([A-Z])\s*(?:to|–|-|…|至|到|～|~)\s*([A-Z])(?![\w])")
# Single characters that tell one place or state from another; any other one alone says too little.
TELLING = frozenset("左右前后上下内外高低冷热新旧进出大小")


@dataclass(frozen=True, slots=True)
class Stretch:
    """The values from `low` to `high` of one dimension, in its base unit."""

    dimension: str
    low: float
    high: float

    def holds(self, other: Stretch) -> bool:
        """Whether the other lies within this one."""
        slack = 1e-9 * max(1.0, abs(other.low), abs(other.high))
        return self.dimension == other.dimension and self.low - slack <= other.low and other.high <= self.high + slack


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a question: its telling words, its single capital letters (format B), its quantities.

    `others` are other words for its own, which count as if they were those; `actions` the work it is about.
    """

    words: frozenset[str]
    letters: frozenset[str]
    stretches: tuple[Stretch, ...]
    others: tuple[OtherWords, ...] = ()
    actions: frozenset[str] = frozenset()

    @classmethod
    def of(cls, question: str, terms: Sequence[str]) -> Conditions:
        """`terms` are the question's informative tokens, see `copilot.types.Understanding`."""
        letters = {found[1] for found in _LETTER.finditer(question)} - {"I"}
        if not _NAMED_LETTER.search(question):
            letters -= {"A"}
        said = {token for found in quantities(question) for token in tokens(question[found.start : found.end])}
        words = {
            term for term in terms if term not in said and (len(term) > 1 or not holds_chinese(term) or term in TELLING)
        }
        return cls(
            frozenset(words),
            frozenset(letters),
            tuple(stretches(question)),
            other_words(question),
            actions_in(question),
        )

    def met_by(self, cells: Sequence[str], *, work: bool = True) -> frozenset[str]:
        """The conditions that the cells of a row meet, by name; words count wherever they stand.

        Without `work`, being about the work asked for counts nothing: the name of a column is not.
        """
        text = " ; ".join(cells)
        own = words_in(text)
        met = self.words & (own | said_otherwise(self.others, own))
        met |= {f"action {name}" for name in self.actions & actions_in(text)} if work else set()
        met |= {f"letter {letter}" for letter in self.letters if _has_letter(text, letter)}
        found = [stretch for cell in cells for stretch in stretches(cell)]
        met |= {
            f"stretch {place}"
            for place, wanted in enumerate(self.stretches)
            if any(stretch.holds(wanted) for stretch in found)
        }
        return frozenset(met)


def stretches(text: str) -> list[Stretch]:
    """Every quantity of a text as the values it allows: "20…30 mm", "up to 5 mm", "50% 以上", or just the one.

    >>> [(s.low, s.high) for s in stretches("20…30 mm, above 50 %, 3 mm")]
    [(0.02, 0.03), (50.0, inf), (0.003, 0.003)]
    """
    return [stretch for quantity in quantities(text) if (stretch := _stretch(text, quantity)) is not None]


def _stretch(text: str, quantity: Quantity) -> Stretch | None:
    found = measure(quantity.unit)
    if found is None:
        return None
    values = [_number(part) for part in _PARTS.split(quantity.number)]
    if any(value is None for value in values):
        return None
    scaled = [value * found.factor + found.offset for value in values if value is not None]
    low, high = (min(scaled), max(scaled))
    before, behind = text[: quantity.start], text[quantity.end :]
    if len(scaled) == 1:
        if _LEAST.search(before) or _AND_MORE.match(behind):
            high = math.inf
        elif _MOST.search(before) or _AND_LESS.match(behind):
            low = -math.inf
    if found.dimension == "temperature":  # kelvin; nothing in a plant needs them exactly
        low, high = round(low, 6), round(high, 6)
    return Stretch(found.dimension, low, high)


def _number(written: str) -> float | None:
    digits = fold(written).strip().lstrip("+±").replace("−", "-").replace(" ", "").replace(" ", "")
    if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", digits):
        digits = digits.replace(",", "")
    try:
        return float(digits.replace(",", "."))
    except ValueError:
        return None


def _has_letter(text: str, letter: str) -> bool:
    if re.search(rf"(?<![\w]){letter}(?![\w])|{letter}(?=\s*[\u3400-\u9fff])(?<![A-Za-z]{letter})", text):
        return True
    return any(first <= letter <= last for first, last in _LETTERS.findall(text))
