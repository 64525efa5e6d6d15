"""Which of a question's candidates may answer it at all: those with the value, the part, the interval or the name that is asked for.

A passage about the right thing with the wrong property is the most dangerous answer there is. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from copilot.parts_glossary import head_word, parts_named
from copilot.scoring import Candidate, asks_for_command, names_command
from copilot.synonyms import said_otherwise, words_in
from copilot.table_rows import row_at
from copilot.table_values import Cell
from copilot.things import asks_for_designation, counts_things, has_designation, thing_asked
from copilot.types import Understanding
from copilot.units import (
    dimensions_asked,
    has_number,
    names_of,
    quantities,
    states_interval,
    units_asked,
    value_asked,
)
from indexer.analysis import question_tokens
from indexer.chinese import both_scripts

_AS_GOOD = 0.92  # share of a candidate's score from which another that has more of the question takes its place
_GOOD = 0.6  # share of the best score from which a candidate bears on the question
# Kinds of quantity whose words mean nothing else in a question; "long", "life", "load" and "supply" do.
_PLAIN_KINDS = frozenset({"torque", "pressure", "temperature", "voltage", "frequency", "flow", "resistance", "sound"})
# Others whose words may mean something else ("power steering", 充电速度优先), so that the question must ask for just that value.
_KINDS_ASKED = frozenset({"power", "current", "speed", "volume", "mass"})
_IN_WORDS = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve) (?:hours?|days?|weeks?|months?|years?|shifts?)\b",
    re.IGNORECASE,
)
_DESIGNATES = re.compile(
    both_scripts(r"\bpart (?:number|no)\b|\border(?:ing)? (?:number|no)\b|备件号|零件号|订货号|物料号"), re.IGNORECASE
)
_TAG = re.compile(r"(?<![A-Za-z0-9])[A-Z]{1,3}-?\d{1,3}(?![A-Za-z0-9])")
# Columns whose times say nothing of when work is due.
_NOT_DUE = re.compile(
    both_scripts(r"\b(?:deliver\w*|lead time|stock|warranty|guarantee)\b|交货|货期|库存|保修|质保"), re.IGNORECASE
)
_BRIEF = re.compile(r"s|ms|us|µs|μs|sec|secs?|seconds?|min|mins?|minutes?|秒|秒钟|毫秒|分钟", re.IGNORECASE)
_ON_CONDITION = re.compile(
    r"\b(?:when(?:ever)?|if|as soon as|before|after|regularly|periodically|on condition|maintenance-free)\b|时应|时须|时更换|免维护",
    re.IGNORECASE,
)


def may_tell_how(candidate: Candidate) -> bool:
    """Whether a unit may say how something is done: the row of a spare part does not."""
    row = row_at(candidate.chunk, candidate.unit.start)
    return row is None or not any(_DESIGNATES.search(cell.label) for cell in row.cells)


def of_the_kind_asked(understanding: Understanding, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates, none where the question asks for a kind of value (a flow, a count, a part number) that none of the good ones has.

    A number of another kind beside the right words is the most dangerous answer there is.
    """
    if asks_for_designation(understanding.text) and not dimensions_asked(understanding.text):
        return _designating(understanding, candidates)
    counted = counts_things(understanding.text)
    named = {kind: words for kind, words in names_of(understanding.text).items() if kind in _PLAIN_KINDS}
    named |= {kind: words for kind, words in value_asked(understanding.text).items() if kind in _KINDS_ASKED}
    named |= units_asked(understanding.text)
    if not candidates or not (counted or named):
        return list(candidates)
    near = [candidate for candidate in candidates if candidate.score >= _GOOD * candidates[0].score]
    if counted:
        return [candidate for candidate in near if candidate.has_value]
    if units := units_asked(understanding.text):
        told = [(one, _with_units(one)) for one in near if _names_the_part(understanding, one)]
        return [
            one
            for one, text in told
            if any(quantity.dimension in units for quantity in quantities(text))
            or ("time" in units and states_interval(text))
        ]
    said = {token for words in named.values() for word in words for token in question_tokens(word)}
    return [one for one in near if one.has_value or (said & one.met and has_number(one.unit.text))]


def _names_the_part(understanding: Understanding, candidate: Candidate) -> bool:
    """Whether a unit, its heading or its columns name one of the parts in a question by any of its names; true where it names none."""
    heads = _heads_of_parts(understanding)
    row = row_at(candidate.chunk, candidate.unit.start)
    labels = [cell.label for cell in row.cells] if row else []
    words = words_in(" ".join((candidate.unit.text, *labels, *candidate.chunk.heading[-2:])))
    words |= said_otherwise(understanding.others, words)
    return not heads or any(head & words for head in heads)


def _heads_of_parts(understanding: Understanding) -> set[frozenset[str]]:
    """The words by which a passage may call the parts that a question names, in either language."""
    named = parts_named(understanding.text)
    return {head_word(part) for names in (named, *named.values()) for part in names}


def _with_units(candidate: Candidate) -> str:
    """What a unit says, the cells of a row with the units of their columns."""
    row = row_at(candidate.chunk, candidate.unit.start)
    return " ; ".join(cell.value for cell in row.cells) if row else candidate.unit.text


def naming_the_thing(understanding: Understanding, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Of the good candidates those that name the oil, battery ... asked for, where any does; else those that are no rows.

    A row that speaks of the coolant has its tank, its pressure, its interval, and not what it is.
    """
    thing = thing_asked(understanding.text)
    if thing is None or not thing.is_in_its_name or not candidates:
        return list(candidates)

    near = [
        (candidate, row_at(candidate.chunk, candidate.unit.start))
        for candidate in candidates
        if candidate.score >= _GOOD * candidates[0].score
    ]
    naming = [one for one, row in near if (thing.is_in(row.cells) if row else thing.is_specified_in(one.unit.text))]
    return naming or [one for one, row in near if row is None] or list(candidates)


def _designating(understanding: Understanding, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that have a designation and a word for the part that the question names, if it names one."""
    heads = _heads_of_parts(understanding)
    own = _TAG.findall(understanding.text)  # heater R31 has an order number besides

    def fits(candidate: Candidate) -> bool:
        row = row_at(candidate.chunk, candidate.unit.start)
        cells = [Cell(cell.label, _without(cell.text, own)) for cell in row.cells] if row else ()
        if not has_designation(_without(candidate.unit.text, own), cells):
            return False
        words = words_in(" ".join((candidate.unit.text, *candidate.chunk.heading[-1:])))
        return not heads or any(head & words for head in heads)

    near = [candidate for candidate in candidates if candidate.score >= _GOOD * candidates[0].score]
    return [candidate for candidate in near if fits(candidate)]


def _without(text: str, words: Sequence[str]) -> str:
    for word in words:
        text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", " ", text)
    return text


def saying_when(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates, none where no good one, nor what it stands under, says when something is due: other facts on the part are
    no answer to "how often"."""

    def says(candidate: Candidate) -> bool:
        row = row_at(candidate.chunk, candidate.unit.start)
        told = (
            [f"{c.label}: {c.value}" for c in row.cells if not _NOT_DUE.search(c.label)]
            if row
            else [candidate.unit.text]
        )
        around = " ; ".join((*told, *candidate.chunk.heading[-2:]))
        return is_due(candidate, brief=False) or states_interval(around) or bool(_ON_CONDITION.search(around))

    near = [candidate for candidate in candidates if candidate.score >= _GOOD * candidates[0].score]
    if not any(map(says, near)):
        return []
    return [one for one in candidates if says(one) or row_at(one.chunk, one.unit.start) is None]


def naming_the_command(understanding: Understanding, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Where a command is asked for, of the good candidates those that have one, if any does."""
    if not candidates or not asks_for_command(understanding.text):
        return list(candidates)
    near = [one for one in candidates if one.score >= _GOOD * candidates[0].score and names_command(one)]
    return near or list(candidates)


def is_due(candidate: Candidate, *, brief: bool = True) -> bool:
    """Whether a unit says when something is due: what only speaks of the same part is no answer beside it.

    Without `brief`, seconds and minutes do not count: nothing is replaced that often.
    """
    row = row_at(candidate.chunk, candidate.unit.start)
    told = [cell.value for cell in row.cells if not _NOT_DUE.search(cell.label)] if row else [candidate.unit.text]
    text = " ; ".join(told)
    return bool(states_interval(text) or _IN_WORDS.search(text)) or any(
        quantity.dimension == "time" and (brief or not _BRIEF.fullmatch(quantity.unit)) for quantity in quantities(text)
    )


def meeting_most(candidates: Sequence[Candidate], share: float) -> list[Candidate]:
    """Without those that have less of the question than another about as good: the value of a neighbour of what is asked for."""
    near = [candidate for candidate in candidates if candidate.score >= share * candidates[0].score]
    passed = {
        id(one)
        for one in near
        if any(other.has_value and one.met < other.met and other.score >= _AS_GOOD * one.score for other in near)
    }
    return [candidate for candidate in candidates if id(candidate) not in passed]
