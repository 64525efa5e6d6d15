"""Which machine a question names: by its name, its model, its initials, or a letter behind the word for its kind. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache

from copilot.kinds import words_for_machines
from indexer.analysis import fold
from indexer.chinese import both_scripts

_PARTS = re.compile(r"[a-z]+|\d+|[\u3400-\u9fff]+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_GENERAL = ("machine", "asset", "equipment", "unit", "line", "model", "station")
_GENERAL_ZH = ("设备", "机器", "机台", "产线", "机床", "编号")
_SHORT = re.compile(r"[A-Za-z]|\d{1,3}")
# What makes a letter an axis and a number a quantity: "machine X axis", "the excavator 500 hour service".
_NOT_MORE = (
    r"(?![\w/&'’-])(?!\s*(?:axis|axes|axle|phase|side|circuit|pole|轴|相))"
    r"(?!\s*(?:h|hrs?|hours?|days?|weeks?|months?|years?|t|tons?|tonnes?|bar|psi|kg|mm|cm|m|rpm|kw|hp|v|volts?|a|amps?|%|°|l|litres?|times)\b)"
)
_COINED = 5  # letters from which a word with a capital inside is a name in small letters, too
_LEAST_SHORT = 2  # machines with a letter or number for a name from which another letter must be another machine
# Plain words that are kinds of machines as well, before a number of something else: "drive 3", "pump 2", "fan 1", "scale 5".
_PARTS_AS_WELL = frozenset(
    {"press", "drive", "pump", "fan", "scale", "laser", "inverter", "valve", "model", "line", "unit", "station"}
)


def find_machine(text: str, machines: Sequence[str]) -> tuple[str, str] | None:
    """(machine as the index spells it, the words that name it), or None when none or several fit equally.

    Case, spaces, hyphens and underscores do not matter. A full name comes before a model designation in it ("HP-200"
    for "Hydraulic press HP-200") that belongs to one machine only; last come slips of the pen, never in digits.
    """
    folded = fold(text)
    machines = [name for name in machines if _tells(name, text) or _written_as(name, text)]
    full = [(name, match) for name in machines if (match := _name_pattern(name).search(folded)) and match[0].strip()]
    if full:
        longest = max(len(match[0]) for _, match in full)
        best = [(name, match[0]) for name, match in full if len(match[0]) == longest]
        inside = {name for name, _ in full}
        # Two different machines named in full: a comparison, no filter.
        if (
            len({name for name in inside if not any(name != other and fold(name) in fold(other) for other in inside)})
            > 1
        ):
            return None
        name, words = best[0]
        return name, _lettered(text).get(fold(name), words) if _SHORT.fullmatch(name) else words
    aliases: dict[str, set[str]] = {}
    for name in machines:
        for alias in _designations(name):
            aliases.setdefault(alias, set()).add(name)
    hits = {}
    for alias, names in aliases.items():
        match = _name_pattern(alias).search(folded)
        if match and len(names) == 1:
            hits[next(iter(names))] = match[0]
    if len(hits) == 1:
        return next(iter(hits.items()))
    return None if hits else _by_initials(text, machines) or _fuzzy(folded, machines)


def _by_initials(text: str, machines: Sequence[str]) -> tuple[str, str] | None:
    owners: dict[str, set[str]] = {}
    for name in machines:
        for word in _initials(name):
            owners.setdefault(word, set()).add(name)
    written = set(re.findall(r"(?<![A-Za-z0-9])[A-Z]{2,}(?![A-Za-z0-9])", text))
    hits = {next(iter(names)): fold(word) for word, names in owners.items() if word in written and len(names) == 1}
    return next(iter(hits.items())) if len(hits) == 1 else None


def _tells(name: str, text: str) -> bool:
    """Whether a name in a question can only be the machine's: a model name, several words, or behind "machine", "设备".

    Machines may be called "A", and folders "docs" or "config": such a word alone must not narrow the search.
    """
    parts = _PARTS.findall(fold(name))
    if any(part.isdigit() for part in parts) and any(part.isalpha() for part in parts):
        return True
    if len(parts) > 1 or (_HAN.search(name) and len(name) > 1):
        return True
    return fold(name) in _lettered(text) if _SHORT.fullmatch(name) else _behind_its_kind(name, text)


@cache
def _kind_words() -> tuple[str, str, str]:
    """Patterns of the words for machines: English ones, Chinese ones, and what stands behind a Chinese machine's letter."""
    words = sorted({*_GENERAL, *_GENERAL_ZH, *words_for_machines()}, key=len, reverse=True)
    latin = "|".join(r"[\s\-]+".join(map(re.escape, word.split())) for word in words if not _HAN.search(word))
    han = [both_scripts(re.escape(word)) for word in words if _HAN.search(word)]
    return latin, "|".join(han), "|".join([*han, "挖机", "铲车", "叉车", "线", "机", "车"])


@cache
def _patterns() -> tuple[re.Pattern[str], tuple[re.Pattern[str], ...]]:
    """(the word for a kind of machine, in folded text; a letter or number beside one: "excavator no. A", 设备A, A号挖机, A机).

    A letter is a name in capitals only ("the machine a man"), and 5月3号液压泵 names a day. Each is made once: they are long.
    """
    latin, han, behind = _kind_words()
    kinds = "|".join(word for word in latin.split("|") if word not in _PARTS_AS_WELL)
    alone = r"(?<![A-Za-z0-9月.-])"
    return (
        re.compile(rf"(?:\b(?:{latin})s?\s*(?:no\.?|number|#)?\s*|(?:{han})\s*)"),
        (
            re.compile(
                rf"(?i:\b(?:{kinds})s?\s*(?:no\.?|number|#)?\s*|\b(?:{latin})s?\s*(?:no\.?|number|#)\s*|(?:{han})\s*)"
                rf"(?P<name>[A-Z]|\d{{1,3}}){_NOT_MORE}"
            ),
            re.compile(rf"{alone}(?P<name>[A-Z]|\d{{1,3}})\s*[号#]\s*(?:{behind})"),
            re.compile(rf"{alone}(?P<name>[A-Z])\s*(?:[号#]|(?:{behind}))"),
        ),
    )


@lru_cache(maxsize=64)
def _lettered(text: str) -> dict[str, str]:
    """The letters and numbers that stand beside the word for a kind of machine, folded, each with all the words of it."""
    found: dict[str, str] = {}
    for pattern in _patterns()[1]:
        for match in pattern.finditer(text):
            found.setdefault(fold(match["name"]), fold(match[0]))
    return found


def _behind_its_kind(name: str, text: str) -> bool:
    """Whether a name stands behind the word for a kind of machine."""
    named, folded = _name_pattern(name), fold(text)
    return any(named.match(folded, match.end()) for match in _patterns()[0].finditer(folded))


def unknown_designation(text: str, machines: Sequence[str]) -> str | None:
    """The words that name a machine by a letter or number that no machine has, where others are called so; else None.

    >>> unknown_designation("when was excavator G greased?", ["A", "B"]), unknown_designation("G号挖机", ["A", "B"])
    ('excavator G', 'G号挖机')
    >>> unknown_designation("when was excavator A greased?", ["A", "B"]), unknown_designation("press 7", ["HP-200"])
    (None, None)
    """
    known = {fold(name) for name in machines if _SHORT.fullmatch(name)}
    if len(known) < _LEAST_SHORT:
        return None
    latin, han, behind = _kind_words()
    letters = [name for name in known if name.isalpha()]
    lettered = len(letters) >= _LEAST_SHORT
    shape = "[A-HJ-Z]" if lettered else r"\d{1,3}"  # I is the one who asks
    said = r"(?:no\.?|number|#)" + ("?" if lettered else "")
    kinds = "|".join(word for word in latin.split("|") if word not in _PARTS_AS_WELL)
    found = re.search(
        rf"(?i:\b(?:{kinds})\s+{said}\s*)(?P<name>{shape}){_NOT_MORE}"
        rf"|(?<![A-Za-z0-9月.-])(?P<first>{shape})\s*[号#]\s*(?:{behind})"
        + (rf"|(?:{han})\s*(?P<zh>{shape}){_NOT_MORE}" if lettered else "(?P<zh>(?!))"),
        text,
    )
    if found is None or fold(found["name"] or found["zh"] or found["first"]) in known:
        return None
    return found[0].strip()


def squeezed(name: str) -> str:
    """Letters and digits of a name, folded, without what stands between them.

    >>> squeezed("HP-200 / B")
    'hp200b'
    """
    return "".join(_PARTS.findall(fold(name)))


def _written_as(name: str, text: str) -> bool:
    """Whether a text has a lone word that names a machine as only a name is written: "NEETS", "xArm", "the Dobot", "on D".

    With one capital at its head it must not open an English sentence, where "Press" and "Config" are words like others.
    """
    if re.fullmatch(r"[A-Z]", name):  # "what about the horn on D?"
        return re.search(rf"\b(?:on|of|for|at|from)\s+{name}(?=$|[\s?.,;:!]){_NOT_MORE}", text) is not None
    if not re.fullmatch(r"[A-Za-z]{2,}", name) or not any(map(str.isupper, name)):
        return False
    # A capital inside ("LinuxCNC") makes it a name however it is typed.
    coined = len(name) >= _COINED and not name.isupper() and any(map(str.isupper, name[1:]))
    found = re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", text, re.IGNORECASE if coined else 0)
    if found is None:
        return False
    if any(map(str.isupper, name[1:])) or _HAN.search(text):
        return True
    return bool(text[: found.start()].strip()) and not re.search(r"[.!?:;。！？：；]\s*$", text[: found.start()])


def _name_pattern(name: str) -> re.Pattern[str]:
    parts = _PARTS.findall(fold(name))
    if not parts:
        return re.compile(r"(?!)")
    body = r"[\s\-‐‑–_/.#]*".join(re.escape(part) for part in parts)
    before = "" if _HAN.match(parts[0]) else r"(?<![a-z0-9])"
    after = "" if _HAN.match(parts[-1]) else r"(?![a-z0-9])"
    return re.compile(before + body + after)


def _designations(name: str) -> set[str]:
    """The words of a name that hold letters and digits: model names, which people use alone; "57D" of "SERVO57D", too."""
    words = re.findall(r"[a-z0-9]+(?:[-_./][a-z0-9]+)*", fold(name))
    joined = [word for word in words if re.search(r"\d", word) and re.search(r"[a-z]", word) and len(word) >= 3]
    ends = {found[0] for word in words if (found := re.search(r"(?<=[a-z])\d{2,}[a-z]{1,2}$", word))}
    return ends | (set(joined) if len(words) > 1 or len(joined) != 1 or _HAN.search(name) else set())


def _initials(name: str) -> set[str]:
    """The words of a name in capitals, without digits: "HY" of "HY-inverter"; they count only where written so."""
    return {word for word in re.findall(r"[A-Za-z0-9]+", name) if re.fullmatch(r"[A-Z]{2,}", word) and word != name}


def _fuzzy(folded: str, machines: Sequence[str]) -> tuple[str, str] | None:
    from rapidfuzz import fuzz

    words = re.findall(r"[a-z0-9][a-z0-9\-_/.]*[a-z0-9]|[a-z0-9]", folded)
    best: list[tuple[float, str, str]] = []
    for name in machines:
        wanted = squeezed(name)
        count = len(fold(name).split())
        if len(wanted) < 5 or _HAN.search(wanted):
            continue
        for size in {count, count + 1}:
            for start in range(len(words) - size + 1):
                phrase = " ".join(words[start : start + size])
                joined = re.sub(r"[^a-z0-9]", "", phrase)
                if re.findall(r"\d+", joined) == re.findall(r"\d+", wanted):
                    best.append((fuzz.ratio(joined, wanted), name, phrase))
    best = sorted((entry for entry in best if entry[0] >= 88.0), reverse=True)
    if not best or any(entry[0] == best[0][0] and entry[1] != best[0][1] for entry in best):
        return None
    return best[0][1], best[0][2]
