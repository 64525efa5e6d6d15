"""Which fault reports speak of what a question is about: in its words, in other words, in the other language. Pure functions.

An export seldom has a column that says "seat": the word stands in the short text, in the name of the location, or as "operators chair".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

from copilot.scoring import is_about_the_past
from copilot.synonyms import SAYS, OtherWords, actions_in, said_otherwise, words_in
from indexer.analysis import fold
from indexer.fault_reports.table import StoredReport
from indexer.types import FaultReport

MOST_COMPARED = 20_000  # records that are looked through one by one
_LEAST_SAID = 0.5  # share of what any record says of the topics that one must say to speak of them
_SHORTENED = 0.6  # what a word is worth that is a short form of the other: vac, vacuum
_SHORT, _FULL = (3, 4), 5  # letters of a short form, and at least of the stem of a whole word
_PARTICLES = "的了是吗呢在有"
_BETWEEN = re.compile(r"[\W_]+")
_SAME_WORK = 0.3  # what a record gains that tells of the work asked about


@dataclass(frozen=True, slots=True)
class Spoken:
    """Records that speak of the topics: `whole` of all of them, newest first; `shares` of how much each that speaks of most.

    `asked`: whether there were topics to compare with, so that an empty `whole` says that no record speaks of them.
    `shares` are pairs, best first: what a record says of the topics, 0 to about 1, and the record.
    """

    whole: tuple[StoredReport, ...] = ()
    asked: bool = False
    shares: tuple[tuple[float, StoredReport], ...] = ()


def told_in(report: FaultReport) -> str:
    """All that a record tells, but for its number, its date and its code."""
    parts = (report.component, report.symptom, report.cause, report.action, report.failure_mode, *report.extra.values())
    return " ; ".join(part for part in parts if part)


def words_told(report: FaultReport) -> frozenset[str]:
    """The words of all that a record tells, as `copilot.synonyms.words_in`; kept, for the records are the same for every question."""
    return _words(told_in(report))


def spoken_of(
    question: str, topics: Collection[str], others: Sequence[OtherWords], records: Sequence[StoredReport]
) -> Spoken:
    """The records (newest first) that speak of `topics`, the tokens of a question that do not limit them already.

    What is done is no topic where the thing is named: a "new load cell" says that it was replaced; where records tell of the
    same work, the others are left out. Rare topics weigh more (inverse document frequency among the records); one that no
    record has is left out of `shares`; of `whole` only such that are ends of Chinese words. A word cut off ("vac") counts in `shares` alone.
    """
    wanted = {term for term in topics if len(term) > 1}  # a single character says little
    wanted = {term for term in wanted if not actions_in(term)} or wanted
    if not wanted or not 1 <= len(records) <= MOST_COMPARED:
        return Spoken()
    may_speak = _prefilter(wanted, others)
    held: dict[int, dict[str, float]] = {}
    hinted: dict[int, dict[str, float]] = {}
    for place, record in enumerate(records):
        told = told_in(record.report)
        if may_speak(told):
            words = _words(told)
            otherwise = said_otherwise(others, words)
            found = {term: 1.0 if term in words else SAYS for term in wanted if term in words or term in otherwise}
            if found:
                held[place] = found
            found = found | {term: _SHORTENED for term in wanted - found.keys() if _is_shortened(term, words)}
            if found:
                hinted[place] = found
    wanted -= _torn(wanted, set().union(*held.values()) if held else set())
    whole = tuple(records[place] for place, found in held.items() if wanted and wanted <= found.keys())
    work = actions_in(question)
    same = tuple(record for record in whole if work & _work(told_in(record.report)))
    return Spoken(same or whole, bool(wanted), _shares(question, hinted, records))


@lru_cache(maxsize=MOST_COMPARED)
def _joined(told: str) -> str:
    return _BETWEEN.sub("", fold(told))


@lru_cache(maxsize=MOST_COMPARED)
def _words(told: str) -> frozenset[str]:
    return frozenset(words_in(told))


@lru_cache(maxsize=MOST_COMPARED)
def _work(told: str) -> frozenset[str]:
    return actions_in(told)


def _is_shortened(term: str, words: Set[str]) -> bool:
    return term.isascii() and any(word.startswith(term[: _SHORT[0]]) and _shortened(term, word) for word in words)


def _shortened(one: str, other: str) -> bool:
    """Whether one of two English words is the beginning of the other, cut off as in work orders: "cyl", "comp", "temp"."""
    short, full = sorted((one, other), key=len)
    return _SHORT[0] <= len(short) <= _SHORT[1] and len(full) >= _FULL and full.startswith(short) and full.isalpha()


def _torn(wanted: Set[str], held: Set[str]) -> set[str]:
    """The pairs of Chinese characters that no record has and that are ends of words: 调一 of 空调一共, where 空调 is held."""
    known = set("".join(term for term in held if not term.isascii())) | set(_PARTICLES)
    return {
        term
        for term in wanted - held
        if not term.isascii() and all(character in known or is_about_the_past(character) for character in term)
    }


def _shares(
    question: str, held: dict[int, dict[str, float]], records: Sequence[StoredReport]
) -> tuple[tuple[float, StoredReport], ...]:
    frequency: dict[str, int] = {}
    for found in held.values():
        for term in found:
            frequency[term] = frequency.get(term, 0) + 1
    weights = {term: math.log(1 + len(records) / count) for term, count in frequency.items()}
    total = sum(weights.values())
    work = actions_in(question)
    said = {}
    for place, found in held.items():
        share = sum(weights[term] * worth for term, worth in found.items()) / total
        same = bool(work) and bool(work & _work(told_in(records[place].report)))
        if share >= _LEAST_SAID:
            said[place] = share + _SAME_WORK * same
    ordered = sorted((-share, place) for place, share in said.items())
    return tuple((-share, records[place]) for share, place in ordered)


def _prefilter(wanted: Set[str], others: Iterable[OtherWords]) -> Callable[[str], bool]:
    """Whether a text can hold any of the words at all; a look at its letters, far cheaper than its tokens."""
    tokens = {term for other in others if other.said & wanted for term in other.tokens} | set(wanted)
    # A stem may end in another letter than its word (batteri, battery), R/H is the token rh, and a word may be cut off.
    pieces = {term[: _SHORT[0]] if term.isascii() else term for term in tokens}

    def may_speak(text: str) -> bool:
        joined = _joined(text)
        return any(piece in joined for piece in pieces)

    return may_speak
