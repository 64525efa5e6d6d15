"""Answers made of the best few sentences, rows or list items; some forms only shift what is best."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from copilot.generate.quoting import Quoter, report_piece
from copilot.safety import is_protection_rule, is_rule
from copilot.scoring import Candidate, starts_with_pronoun
from copilot.sentences import Unit, UnitKind, split
from copilot.types import Piece, Understanding
from finetune.types import AnswerForm
from indexer.analysis import fold, tokens
from indexer.types import Chunk, ChunkKind

MAX_ITEMS = 8
_WARNING_CHARACTERS = 700
_LIMITS: dict[AnswerForm, tuple[int, float]] = {  # units at most, and the share of the best score they must reach
    AnswerForm.VALUE: (2, 0.88),
    AnswerForm.INTERVALS: (3, 0.8),
    AnswerForm.WARNINGS: (3, 0.7),
    AnswerForm.CAUSES: (3, 0.8),
    AnswerForm.STEPS: (4, 0.6),
}
_DEFAULT_LIMIT = (3, 0.8)
# One place, quoted so that it can be followed: where its section is short, all of it; else with the lines that say what it
# is about and how to get there, and what comes next up to a few lines. Three places, each cut to its best sentence, read
# worse and were scored lower against answers by other hands. Lengths are words; two Chinese characters count as one.
_CHUNKS, _SEVERAL_CHUNKS = 1, 3
_LEAD_WORDS = 40
_WHOLE_WORDS = 60
_TERSE = (AnswerForm.VALUE, AnswerForm.INTERVALS, AnswerForm.WARNINGS)  # a number, a rule: nothing around it
_HAN = re.compile(r"[\u3400-\u9fff]")
_REMEDY_UNITS = 2  # what follows a symptom in prose is most often what to do about it


def answer_passages(understanding: Understanding, candidates: Sequence[Candidate], quoter: Quoter) -> Iterator[Piece]:
    """The best one to three units with what they need to be read alone, chunk by chunk in reading order."""
    form = understanding.form
    if form is AnswerForm.WARNINGS:
        candidates = _prefer_rules(candidates)
    limit, share = _LIMITS.get(form, _DEFAULT_LIMIT)
    chosen = _choose(candidates, limit, share, _SEVERAL_CHUNKS if form in _TERSE else _CHUNKS)
    if form is AnswerForm.WARNINGS:
        chosen.sort(key=lambda candidate: candidate.chunk.kind is not ChunkKind.WARNING)
    for chunk in dict.fromkeys(candidate.chunk for candidate in chosen):
        mine = [candidate for candidate in chosen if candidate.chunk is chunk]
        if chunk.kind is ChunkKind.FAULT_REPORT:
            yield report_piece(chunk, quoter)
        elif chunk.kind is ChunkKind.WARNING and len(chunk.text) <= _WARNING_CHARACTERS:
            yield quoter.span(chunk, 0, len(chunk.text), " ".join(chunk.text.split()))
        else:
            units = _in_context(understanding, chunk, mine)
            yield from quoter.units(chunk, units if form in _TERSE else _readable(chunk, units))


def protection_rules(candidates: Sequence[Candidate], quoter: Quoter) -> Iterator[Piece]:
    """At most two sentences in which the documents command or forbid something about a protective device."""
    found = [candidate for candidate in candidates if is_protection_rule(candidate.unit.text)]
    texts: set[str] = set()
    for candidate in found:
        if len(texts) == 2:
            return
        if (key := _key(candidate.unit)) not in texts:
            texts.add(key)
            yield from quoter.units(candidate.chunk, [candidate.unit])


def _prefer_rules(candidates: Sequence[Candidate]) -> list[Candidate]:
    raised = [
        replace(
            candidate,
            score=candidate.score
            + 0.25 * (candidate.chunk.kind is ChunkKind.WARNING)
            + 0.15 * is_rule(candidate.unit.text),
        )
        for candidate in candidates
    ]
    return sorted(raised, key=lambda candidate: -candidate.score)


def _choose(candidates: Sequence[Candidate], limit: int, share: float, most: int) -> list[Candidate]:
    """The candidates of the best `most` chunks, no two alike, each close enough to the best."""
    if not candidates:
        return []
    top = candidates[0].score
    chunks = list(dict.fromkeys(candidate.chunk.id for candidate in candidates))[:most]
    chosen: list[Candidate] = []
    for candidate in candidates:
        if len(chosen) == limit or candidate.score < share * top:
            break
        if candidate.chunk.id not in chunks or any(_alike(candidate.unit, other.unit) for other in chosen):
            continue
        if candidate.unit.kind is UnitKind.FIELD and any(other.chunk is candidate.chunk for other in chosen):
            continue  # a row of one is quoted whole
        chosen.append(candidate)
    return chosen


def _key(unit: Unit) -> str:
    return fold("".join(unit.text.split()))


def _alike(one: Unit, other: Unit) -> bool:
    """Whether two units say the same in nearly the same words."""
    if _key(one) == _key(other):
        return True
    first, second = set(tokens(one.text)), set(tokens(other.text))
    return len(first & second) > 0.85 * max(1, min(len(first), len(second))) and abs(len(first) - len(second)) <= 3


def _in_context(understanding: Understanding, chunk: Chunk, chosen: Sequence[Candidate]) -> list[Unit]:
    units = split(chunk.text, chunk.kind)
    if any(candidate.unit.kind is UnitKind.FIELD for candidate in chosen):
        return units
    wanted: set[int] = set()
    for candidate in chosen:
        place = candidate.order
        wanted.add(place)
        first = place
        while (
            first > 0
            and first > place - 2
            and units[first].kind is UnitKind.SENTENCE
            and starts_with_pronoun(units[first].text)
        ):
            first -= 1
            wanted.add(first)
        if understanding.form is AnswerForm.CAUSES and units[place].kind is UnitKind.SENTENCE and len(chosen) == 1:
            wanted.update(range(place + 1, min(len(units), place + 1 + _REMEDY_UNITS)))
        if _introduces(units[place]):
            wanted.update(_list_after(units, place))
        elif units[place].kind is UnitKind.ITEM:
            wanted.update(_list_around(understanding, chunk, units, place))
    return [units[place] for place in sorted(wanted) if units[place].kind is not UnitKind.HEADER]


def _readable(chunk: Chunk, chosen: list[Unit]) -> list[Unit]:
    """The units with what their reader needs: the whole of a short section, else its lead and what follows at once."""
    units = split(chunk.text, chunk.kind)
    if not chosen or any(unit.kind in (UnitKind.HEADER, UnitKind.ROW, UnitKind.FIELD) for unit in units):
        return chosen
    if sum(map(_length, units)) <= _WHOLE_WORDS:
        return units
    places = {units.index(unit) for unit in chosen}
    first = min(places)
    if sum(map(_length, units[:first])) <= _LEAD_WORDS:
        places.update(range(first))
    else:
        introducing = [place for place in range(first) if _introduces(units[place])]
        places.update([0, *introducing[-1:]])
    place, length = max(places) + 1, sum(_length(units[place]) for place in places)
    while place < len(units) and units[place].kind is UnitKind.SENTENCE:
        length += _length(units[place])
        if length > _WHOLE_WORDS:
            break
        places.add(place)
        place += 1
    return [units[place] for place in sorted(places)]


def _length(unit: Unit) -> int:
    han = len(_HAN.findall(unit.text))
    return len(_HAN.sub(" ", unit.text).split()) + (han + 1) // 2


def _introduces(unit: Unit) -> bool:
    return unit.text.rstrip().endswith((":", "："))


def _list_after(units: Sequence[Unit], place: int) -> list[int]:
    """The list items (or else the next sentence) that a line ending in a colon introduces."""
    out = []
    for position in range(place + 1, min(len(units), place + 1 + MAX_ITEMS)):
        if units[position].kind not in (UnitKind.ITEM, UnitKind.STEP):
            break
        out.append(position)
    return out or ([place + 1] if place + 1 < len(units) else [])


def _list_around(understanding: Understanding, chunk: Chunk, units: Sequence[Unit], place: int) -> list[int]:
    """The whole short list of an item when the question is about what the list is of, not about that one item."""
    first = last = place
    while first > 0 and units[first - 1].kind is UnitKind.ITEM:
        first -= 1
    while last + 1 < len(units) and units[last + 1].kind is UnitKind.ITEM:
        last += 1
    intro = first - 1 if first > 0 and _introduces(units[first - 1]) else None
    about = set(tokens(" ".join(chunk.heading[-1:]) + " " + (units[intro].text if intro is not None else "")))
    own = set(tokens(units[place].text))
    terms = set(understanding.terms)
    if last - first + 1 <= MAX_ITEMS and len(terms & about) > len((terms & own) - about):
        return [*([intro] if intro is not None else []), *range(first, last + 1)]
    return [intro] if intro is not None else []
