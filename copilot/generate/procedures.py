"""Answers that are a procedure: all its steps, in order, from every chunk of its section."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from copilot.generate.quoting import Quoter
from copilot.parameters import are_entries, speaks_of_settings
from copilot.protocols import Knowledge, Rarity
from copilot.scoring import Candidate, term_weights
from copilot.sentences import Unit, UnitKind, split, step_number
from copilot.synonyms import said_otherwise, words_in
from copilot.types import Piece, Understanding
from indexer.analysis import fold
from indexer.chinese import both_scripts
from indexer.types import Chunk, ChunkKind

MAX_LINES = 60
MAX_SENTENCES = 10
NAMED_BY_HEADING = 0.4
"""Share of the question's weight that a heading must hold for its section to be taken as the procedure asked for."""
MAX_NEEDED = 12
_STEPS_SAY = 0.25
_HIT_SAYS = 0.3
_CLEARLY = 0.85
_NEEDS = re.compile(
    both_scripts(
        r"^\W*(?:(?:required|special|necessary|recommended) )?(?:tools?|(?:spare )?parts?|consumables?|materials?|equipment)"
        r"(?:(?: and|,| or| required| needed| necessary| tools?| parts?| materials?| equipment)+)?\s*[:：]|"
        r"\b(?:tools?|parts?|materials?|equipment)\b.{0,30}\b(?:needed|required|necessary)\b|"
        r"\b(?:you (?:will )?need|is needed|are needed|is required|are required)\b|"
        r"(?:所需|需要|准备|必备)(?:的)?(?:工具|备件|材料|耗材|零件)|(?:工具|备件|材料|耗材)\s*[:：]"
    ),
    re.IGNORECASE,
)
_CHOICE = re.compile(r"\s*\d{1,3}\s*[:：]")
_Placed = tuple[Chunk, Unit]


def answer_procedure(
    understanding: Understanding,
    candidates: Sequence[Candidate],
    knowledge: Knowledge,
    quoter: Quoter,
    rarity: Rarity | None = None,
) -> Iterator[Piece]:
    """What the best section needs (tools, parts), then its steps; nothing when no good section holds a list of steps.

    A section that is told in prose and is clearly the better one is not passed over for another's list.
    """
    without = 0.0
    for score, chunk in ranked_sections(understanding, candidates, rarity):
        parts = knowledge.section(chunk.source.document_id, chunk.section) or [chunk]
        steps = _best_list(understanding, _lists(parts))
        if not steps:
            if chunk.kind is not ChunkKind.TABLE:  # a row that speaks of it is no telling how
                without = max(without, score)
            continue
        numbered = any(unit.kind is UnitKind.STEP for _, unit in steps)
        if score < (_CLEARLY if numbered else 1.0) * without:
            break
        told = [*_needed(parts, steps), *steps]
        for part in dict.fromkeys(part for part, _ in told):
            yield from quoter.units(part, [unit for where, unit in told if where == part])
        return
    told = _told_in_prose(understanding, candidates, knowledge, rarity)
    for part in dict.fromkeys(part for part, _ in told):
        yield from quoter.units(part, [unit for where, unit in told if where == part])


def _needed(parts: Sequence[Chunk], steps: Sequence[_Placed]) -> list[_Placed]:
    """The lines of the section before its steps that say which tools, parts and materials are needed."""
    units = section_units(parts)
    first = units.index(steps[0])
    taken = {id(unit) for _, unit in steps}
    out: list[_Placed] = []
    for place, (part, unit) in enumerate(units[:first]):
        if id(unit) in taken or part.kind is ChunkKind.WARNING or not _NEEDS.search(unit.text):
            continue
        out.append((part, unit))
        if unit.text.rstrip().endswith((":", "：")):
            out.extend(itertools.takewhile(lambda placed: placed[1].kind is UnitKind.ITEM, units[place + 1 : first]))
    return list(dict.fromkeys(out))[:MAX_NEEDED]


def _told_in_prose(
    understanding: Understanding, candidates: Sequence[Candidate], knowledge: Knowledge, rarity: Rarity | None
) -> list[_Placed]:
    """The sentences of the section whose own heading names what is to be done: not every manual numbers its steps.

    What the heading leaves out, the text may say for half as much: "To restart, ..." under "Emergency stop".
    """
    chunks = {c.chunk.id: c.chunk for c in candidates if c.chunk.heading and c.chunk.kind is ChunkKind.TEXT}
    weights = term_weights(
        understanding.terms, (f"{' '.join(chunk.heading)} {chunk.text}" for chunk in chunks.values()), rarity
    )
    total = sum(weights.values())
    best: Chunk | None = None
    highest = NAMED_BY_HEADING
    for chunk in chunks.values():
        heading, body = words_in(chunk.heading[-1]), words_in(chunk.text)
        heading |= said_otherwise(understanding.others, heading)
        body |= said_otherwise(understanding.others, body)
        say = {term: 1.0 if term in heading else 0.5 if term in body else 0.0 for term in weights}
        named = sum(weight * say[term] for term, weight in weights.items()) / total if total else 0.0
        if named > highest:
            best, highest = chunk, named
    if best is None:
        return []
    parts = knowledge.section(best.source.document_id, best.section) or [best]
    return section_units(parts)[:MAX_SENTENCES]


def ranked_sections(
    understanding: Understanding, candidates: Sequence[Candidate], rarity: Rarity | None = None
) -> list[tuple[float, Chunk]]:
    """(score, a chunk) of up to three sections worth a look, best first: those that speak of the question most."""
    if not candidates:
        return []
    best: dict[tuple[str, int], tuple[float, Chunk]] = {}
    chunks = {candidate.chunk.id: candidate.chunk for candidate in candidates}
    weights = term_weights(
        understanding.terms, (f"{' '.join(chunk.heading)} {chunk.text}" for chunk in chunks.values()), rarity
    )
    total = sum(weights.values()) or 1.0
    seen: set[str] = set()
    for candidate in candidates:  # best unit of each chunk first
        chunk = candidate.chunk
        if chunk.id in seen:
            continue
        seen.add(chunk.id)
        heading, body = words_in(" ".join(chunk.heading[-2:])), words_in(chunk.text)
        heading |= said_otherwise(understanding.others, heading)
        body |= said_otherwise(understanding.others, body | heading)
        score = candidate.score + _HIT_SAYS * candidate.hit.score
        score += 0.6 * sum(weight for term, weight in weights.items() if term in heading) / total
        spoken_of = sum(weight for term, weight in weights.items() if term in body | heading) / total
        score += 0.4 * spoken_of
        has_steps = sum(step_number(line) is not None for line in chunk.text.splitlines()) >= 2
        if chunk.kind is ChunkKind.PROCEDURE or has_steps:  # a list about something else is no reason to take it
            score += _STEPS_SAY * min(1.0, 2 * spoken_of)
        place = (chunk.source.document_id, chunk.section)
        if place not in best or score > best[place][0]:
            best[place] = (score, chunk)
    ranked = sorted(best.values(), key=lambda entry: -entry[0])
    return [(score, chunk) for score, chunk in ranked if score >= 0.7 * ranked[0][0]][:3]


def _lists(parts: Sequence[Chunk]) -> list[list[_Placed]]:
    """The numbered lists of a section, each with the line that introduces it; bulleted ones when there are none.

    The choices of a setting ("0: keypad", "1: terminals") and the entries of a menu are no steps.
    """
    units = section_units(parts)
    choices = any(_CHOICE.match(unit.text) and unit.text.lstrip().startswith("0") for _, unit in units)
    choices = choices or any(speaks_of_settings(part.text) for part in parts)
    numbered = [
        steps
        for steps in _collect(units, UnitKind.STEP)
        for items in [[unit.text for _, unit in steps if unit.kind is UnitKind.STEP]]
        if not (choices and all(map(_CHOICE.match, items))) and not are_entries(items)
    ]
    return numbered or [items for items in _collect(units, UnitKind.ITEM) if len(items) >= 2]


def section_units(parts: Sequence[Chunk]) -> list[_Placed]:
    """The units of neighbouring chunks in order; what an overlap repeats is left out."""
    out: list[_Placed] = []
    recent: list[str] = []
    for number, part in enumerate(parts):
        units = split(part.text, part.kind) if part.kind is not ChunkKind.TABLE else []
        fresh = False
        for unit in units:
            same = fold("".join(unit.text.split()))
            if number and not fresh and same in recent:
                continue
            fresh = True
            if unit.kind is not UnitKind.HEADER:
                out.append((part, unit))
        recent = [fold("".join(unit.text.split())) for unit in units]
    return out


def _collect(units: Sequence[_Placed], kind: UnitKind) -> list[list[_Placed]]:
    lists: list[list[_Placed]] = []
    current: list[_Placed] = []
    last_number = 0
    pending: list[_Placed] = []  # lines since the last step: they belong to the procedure only if a step follows
    for place, (part, unit) in enumerate(units):
        if unit.kind is not kind:
            if current and unit.kind is UnitKind.ITEM:
                current.extend([*pending, (part, unit)])
                pending = []
            elif current:
                pending.append((part, unit))
            continue
        number = step_number(unit.text) if kind is UnitKind.STEP else None
        lettered = (
            number is not None
            and unit.text.lstrip()[:1].isalpha()
            and not unit.text.lower().startswith(("step", "步骤"))
        )
        if number is not None and current and not lettered and number <= last_number and (number == 1 or pending):
            lists.append(current)
            current, pending = [], []
        if kind is UnitKind.ITEM and len(pending) > 1:
            lists.append(current)
            current, pending = [], []
        if not current:
            current.extend(
                before for before in units[max(0, place - 1) : place] if before[1].text.endswith((":", "："))
            )
        current.extend([*pending, (part, unit)])
        pending = []
        if number is not None and not lettered:
            last_number = number
    if current:
        lists.append(current)
    return [list_[:MAX_LINES] for list_ in lists]


def _best_list(understanding: Understanding, lists: Sequence[list[_Placed]]) -> list[_Placed]:
    if not lists:
        return []
    weights = term_weights(understanding.terms, (" ".join(unit.text for _, unit in list_) for list_ in lists))

    def score(list_: list[_Placed]) -> float:
        bag = words_in(" ".join(unit.text for _, unit in list_))
        bag |= said_otherwise(understanding.others, bag)
        return sum(weight for term, weight in weights.items() if term in bag) + (0.1 if len(list_) > 1 else 0.0)

    return max(lists, key=score)
