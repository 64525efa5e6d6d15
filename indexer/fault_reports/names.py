"""How exports call the columns that we know.

Names are compared in the form that `normal_form` gives: lower case, words apart, brackets gone, so "BscStartDate" and
"Bsc. start date" are one. The lists themselves are in `name_lists`.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from indexer.chinese import simplified
from indexer.fault_reports import name_lists

FIELDS = (
    "report_id",
    "date",
    "machine",
    "component",
    "code",
    "symptom",
    "cause",
    "action",
    "failure_mode",
    "downtime_hours",
    "cost",
)

_EXACT_ONLY = frozenset(name_lists.EXACT_ONLY.split())
_NOT_DONE = frozenset(name_lists.NOT_DONE.split())
_CJK = re.compile(r"[\u3400-\u9fff]")
_BRACKETS = re.compile(r"[(（\[【][^)）\]】]*[)）\]】]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_APART = re.compile(r"[^\w#]+|_+")
_UNIT_TAIL = re.compile(
    r"(?: in)? (?:h|hrs?|mins?|eur|euro|usd|cny|rmb|gbp|元|万元|分钟|小时|天)$| in (?:hours|minutes|days)$"
)
_SUFFIX_FACTOR = 0.88
_FUZZY_FACTOR = 0.9
_FUZZY_FROM = 88.0


@functools.lru_cache(maxsize=4096)
def normal_form(header: str) -> str:
    """Lower case, words apart by one space, brackets and units gone, "date of failure" turned to "failure date"."""
    text = simplified(unicodedata.normalize("NFKC", header))
    text = _BRACKETS.sub(" ", text) if _BRACKETS.sub("", text).strip() else text
    text = _APART.sub(" ", _CAMEL.sub(" ", text)).strip().lower()
    text = _UNIT_TAIL.sub("", text) or text
    head, of, rest = text.partition(" of ")
    if of and rest:
        text = f"{rest.removeprefix('the ')} {head}"
    return text


@functools.lru_cache(maxsize=1)
def _lookup() -> tuple[dict[str, dict[str, float]], dict[str, tuple[tuple[str, float], ...]]]:
    """field -> {squeezed name: weight}, and field -> ((normal name, weight), ...), longest first."""
    squeezed: dict[str, dict[str, float]] = {}
    suffixes: dict[str, tuple[tuple[str, float], ...]] = {}
    for field, lists in name_lists.NAMES.items():
        weights: dict[str, float] = {}
        stand_ins = {0.55: name_lists.STAND_INS} if field == "downtime_hours" else {}
        for weight, names in [*lists.items(), *stand_ins.items()]:
            for name in names.split(";"):
                weights.setdefault(normal_form(name.strip()), weight)
        squeezed[field] = {name.replace(" ", ""): weight for name, weight in weights.items()}
        usable = ((name, weight) for name, weight in weights.items() if name not in _EXACT_ONLY)
        suffixes[field] = tuple(sorted(usable, key=lambda pair: -len(pair[0])))
    return squeezed, suffixes


def is_stand_in(header: str) -> bool:
    """True where the column holds repair or labour hours rather than downtime."""
    name = normal_form(header)
    flat = name.replace(" ", "")
    return any(flat.endswith(normal_form(other).replace(" ", "")) for other in name_lists.STAND_INS.split("; "))


def is_planned(header: str) -> bool:
    """True where the header speaks of something planned, due or advised."""
    name = normal_form(header)
    return bool(_NOT_DONE & set(name.split())) or any(word in name for word in _NOT_DONE if _CJK.search(word))


def name_scores(header: str) -> dict[str, float]:
    """Score, 0..1, of each of our fields that the header's name may mean.

    An equal name counts most, then a known name at the end of the header (the head of an English or Chinese noun
    phrase: "Work_Order_Total_Actual_Cost"), then a misspelt one (rapidfuzz ratio of at least 88 over 6 letters).
    """
    name = normal_form(header)
    flat = name.replace(" ", "")
    if not flat:
        return {}
    squeezed, suffixes = _lookup()
    damping = 0.45 if is_planned(header) else 1.0
    found: dict[str, float] = {}
    for field in FIELDS:
        exact = squeezed[field].get(flat)
        score = exact if exact is not None else _partial(name, flat, squeezed[field], suffixes[field])
        if score:
            found[field] = score * damping
    if any(score in squeezed[field].values() and flat in squeezed[field] for field, score in found.items()):
        # One equal name silences what only resembles it ("cause code" is not "fault code").
        found = {field: score for field, score in found.items() if flat in squeezed[field]}
    return found


def _partial(name: str, flat: str, squeezed: dict[str, float], suffixes: tuple[tuple[str, float], ...]) -> float:
    chinese = bool(_CJK.search(name))
    for known, weight in suffixes:
        if name.endswith(known) and (chinese or name[: -len(known)].endswith(" ")):
            return weight * _SUFFIX_FACTOR
    if len(flat) < 6 or chinese:
        return 0.0
    from rapidfuzz import fuzz, process

    best = process.extractOne(flat, [known for known in squeezed if len(known) >= 6], scorer=fuzz.ratio)
    if best is None or best[1] < _FUZZY_FROM:
        return 0.0
    return squeezed[best[0]] * _FUZZY_FACTOR * best[1] / 100
