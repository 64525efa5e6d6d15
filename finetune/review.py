"""Feedback and reviews -> examples to train on, with a report of what was left out and why. Pure: no files, no clock.

Who is believed, in this order: a reviewer; the majority of named operators, one vote each; operators without a name,
who share one vote and count only where nobody named has spoken. What stays undecided gives no example, nor does what one
operator alone says against everything else that is known (`finetune.doubt`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from finetune.privacy import mask
from finetune.types import Example, Feedback, Verdict
from indexer.analysis import fold


class Decision(StrEnum):
    """What a reviewer made of an entry."""

    ACCEPT = "accept"  # the operator's correction holds or, without one, the route that was taken
    CORRECT = "correct"  # another route, named in the review
    DROP = "drop"  # nothing to learn from


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored entry. `feedback.author` is an identity (see `finetune.feedback`), never a name; "" where unknown."""

    id: str
    feedback: Feedback
    source: str = "operator"


@dataclass(frozen=True, slots=True)
class Review:
    """A reviewer's decision on one entry; the last one on an entry counts. `route` is given with CORRECT only."""

    feedback_id: str
    decision: Decision
    route: str | None
    reviewer: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Caps:
    """How much one operator may teach before a reviewer has looked at it. What two named operators agree on is free.

    Of one author the newest are taken: in all, at most `share` of the examples from feedback, or `least` where that is
    more; and of those that move questions away from one and the same route, at most `moved_share` of the examples that
    this route has, or `moved_least`. It is the moved ones that ruin a class: measured with a linear classifier on
    embeddings, a class of n examples lost at worst 1.4 / n of its recall with each hostile one, so 0.02 keeps that
    below 3 points. What was imported, or said at the command line in nobody's name, is not held to the second cap.
    """

    share: float = 0.2
    least: int = 20
    moved_share: float = 0.02
    moved_least: int = 2


@dataclass(frozen=True, slots=True)
class Voice:
    """A question and the label that counts for it. `author` is None where two named people or a reviewer stand behind it."""

    text: str
    label: str
    author: str | None
    judged: bool  # false: it speaks on others but is not itself in question
    against: frozenset[str] = frozenset()
    """In a tie, who says otherwise: neither side is judged by what the other teaches."""
    rivals: frozenset[str] = frozenset()
    """In a tie, the other labels: the likeliest counts, however small its lead."""


Judge = Callable[[Sequence[Voice]], Sequence[str | None]]
"""For each voice the label that everything else points to, or None where it is not doubted; see `finetune.doubt`."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A correction that is not learnt from: by everything else the question belongs to `expected`."""

    text: str
    label: str
    expected: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One question with several labels. `votes` counts authors per label; `label` is None when nothing decided."""

    text: str
    votes: Mapping[str, int]
    label: str | None
    decided_by: str  # "reviewer", "majority", "the rest" (see `finetune.doubt`) or "tie"


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """What became of the feedback. Counts are of entries unless said otherwise."""

    entries: int
    examples: int
    by_label: Mapping[str, int]  # examples
    reviewed: int  # examples that rest on a reviewer's decision
    dropped: int
    unlabelled: int  # the answer was disliked, no route named, nobody has reviewed it
    empty: int  # no word is left of the question, perhaps after masking
    unknown_labels: Mapping[str, int]
    duplicates: int  # further entries on a question that already counts
    capped: Mapping[str, int]  # examples left out per author, because one operator must not outvote the rest
    contradictions: tuple[Contradiction, ...]
    doubted: tuple[Doubtful, ...] = ()  # corrections of one operator alone that everything else contradicts
    masked: Mapping[str, int] = field(default_factory=dict)  # placeholders in the examples, per kind
    problems: tuple[str, ...] = ()  # lines of the stored files that cannot be read

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """What a person should know, most important first; empty when everything was used as it is."""
        said = [f"{problem}" for problem in self.problems]
        for label, count in self.unknown_labels.items():
            said.append(
                f"{count} left out: there is no route '{label}' any more; correct them with `copilot feedback review`"
            )
        undecided = [one for one in self.contradictions if one.label is None]
        for one in undecided:
            said.append(f'undecided, so left out: "{one.text[:80]}" is {_listed(one.votes)}; a reviewer decides')
        if decided := len(self.contradictions) - len(undecided):
            said.append(f"{decided} contradictory question(s) decided by a reviewer, the majority or all the rest")
        if self.doubted:
            first = self.doubted[0]
            said.append(
                f"{len(self.doubted)} correction(s) of one operator alone wait for a reviewer, because everything else contradicts "
                f'them, such as "{first.text[:80]}": {first.label}, by the rest {first.expected}; see `copilot feedback review`'
            )
        if self.capped:
            said.append(
                f"{sum(self.capped.values())} examples of {len(self.capped)} operator(s) left out, "
                "so that none outvotes the rest; reviewed ones count in full"
            )
        if self.unlabelled:
            said.append(f"{self.unlabelled} disliked answers wait for a reviewer to name the route")
        if self.empty:
            said.append(f"{self.empty} left out: no question in them")
        return said


def _listed(votes: Mapping[str, int]) -> str:
    return ", ".join(f"{label} ({count})" for label, count in votes.items())


def question_key(text: str) -> str:
    """What makes two questions the same: case, punctuation, width and blanks do not matter. "" for no words at all."""
    return " ".join(re.findall(r"\w+", fold(text)))


@lru_cache(maxsize=50_000)
def _masked(question: str) -> str:
    return " ".join(mask(question).text.split())


def proposed_label(feedback: Feedback) -> str | None:
    """What an entry says without a reviewer: its correction, else the route it confirms, else nothing."""
    if feedback.corrected_route:
        return feedback.corrected_route
    return feedback.route if feedback.verdict is Verdict.UP else None


def label_of(stored: Stored, review: Review | None) -> str | None:
    """The label an entry stands for after its review, or None."""
    feedback = stored.feedback
    if review is None:
        return proposed_label(feedback)
    if review.decision is Decision.DROP:
        return None
    if review.decision is Decision.CORRECT:
        return review.route
    return feedback.corrected_route or feedback.route or None


def latest_reviews(reviews: Sequence[Review]) -> dict[str, Review]:
    """Per entry the review that counts: the last one, in the order they were stored."""
    return {review.feedback_id: review for review in reviews}


@dataclass(frozen=True, slots=True)
class _Vote:
    place: int  # in the order of the entries
    text: str
    label: str
    author: str
    moved_from: str | None  # the route the question would be taken from, "" when unknown; None when it is not moved
    by_operator: bool  # and not imported, or said at the command line in nobody's name
    at: datetime
    review: Review | None


def resolve(
    entries: Sequence[Stored],
    reviews: Sequence[Review],
    known_routes: Collection[str] | None = None,
    caps: Caps | None = None,
    others: Mapping[str, int] | None = None,
    problems: Sequence[str] = (),
    judge: Judge | None = None,
) -> tuple[tuple[Example, ...], FeedbackReport]:
    """Examples with masked texts, one per question, in the order in which the questions first came; and the report.

    `known_routes` are the labels allowed (None: any). `others` says how many examples per label the training has beside
    these; the caps on moved questions are in proportion to them. `judge` names the corrections that everything else contradicts;
    without it none is doubted. The order of the entries decides nothing but the order of the
    examples and which of two entries of the same moment is the newer.
    """
    decided = latest_reviews(reviews)
    groups: dict[str, list[_Vote]] = defaultdict(list)
    counts: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    for place, stored in enumerate(entries):
        review = decided.get(stored.id)
        label = label_of(stored, review)
        if label is None:
            counts["dropped" if review else "unlabelled"] += 1
            continue
        if known_routes is not None and label not in known_routes:
            unknown[label] += 1
            continue
        text = _masked(stored.feedback.question)
        key = question_key(text)
        if not question_key(re.sub(r"<(?:name|phone|email|badge)>", " ", text)):
            counts["empty"] += 1
            continue
        route = stored.feedback.route
        by_operator = stored.source == "operator"
        moved = route if by_operator and route != label else None
        author, at = stored.feedback.author, stored.feedback.created_at
        groups[key].append(_Vote(place, text, label, author, moved, by_operator, at, review))

    settled: list[tuple[Sequence[_Vote], _Settled]] = [(votes, _settle(votes)) for votes in groups.values()]
    doubted: tuple[Doubtful, ...] = ()
    if judge:
        settled, doubted = _judged(settled, judge)
    contradictions = tuple(one.contradiction for _, one in settled if one.contradiction)
    winners = [(votes, one.label) for votes, one in settled if one.label is not None]
    left_out = _over_caps(winners, caps or Caps(), others or {})
    examples: list[Example] = []
    reviewed = 0
    masked: Counter[str] = Counter()
    for votes, label in winners:
        if id(votes) in left_out:
            continue
        newest = _newest(votes, label)
        examples.append(Example(newest.text, label, "feedback"))
        reviewed += any(vote.review for vote in votes)
        masked.update(re.findall(r"<(name|phone|email|badge)>", newest.text))
    return tuple(examples), FeedbackReport(
        entries=len(entries),
        examples=len(examples),
        by_label=dict(sorted(Counter(example.label for example in examples).items())),
        reviewed=reviewed,
        dropped=counts["dropped"],
        unlabelled=counts["unlabelled"],
        empty=counts["empty"],
        unknown_labels=dict(unknown),
        duplicates=sum(len(votes) - 1 for votes in groups.values()),
        capped=dict(sorted(Counter(left_out.values()).items())),
        contradictions=contradictions,
        doubted=doubted,
        masked=dict(masked),
        problems=tuple(problems),
    )


def _age(vote: _Vote) -> tuple[datetime, int]:
    return vote.at, vote.place


@dataclass(frozen=True, slots=True)
class _Settled:
    """The label of one question, None where nothing decided; the contradiction if there was one; the labels of a tie."""

    label: str | None
    contradiction: Contradiction | None = None
    tied: tuple[str, ...] = ()


def _settle(votes: Sequence[_Vote]) -> _Settled:
    by_author = {vote.author: vote for vote in sorted(votes, key=_age)}  # the newest of each
    tally = Counter(vote.label for vote in by_author.values())
    labels = {vote.label for vote in votes}
    judged = [(vote.review.decided_at, vote.place, vote.label) for vote in votes if vote.review]
    label: str | None
    tied: tuple[str, ...] = ()
    if judged:
        label, by = max(judged)[2], "reviewer"
    else:
        named = Counter(vote.label for author, vote in by_author.items() if author)
        ranked = (named or tally).most_common()
        tied = tuple(name for name, count in ranked if count == ranked[0][1])
        label, by = (None, "tie") if len(tied) > 1 else (tied[0], "majority")
    if len(labels) == 1:
        return _Settled(label)
    shown = dict(sorted(((name, tally[name]) for name in labels), key=lambda item: (-item[1], item[0])))
    return _Settled(label, Contradiction(votes[-1].text, shown, label, by), tied if label is None else ())


def _alone(votes: Sequence[_Vote], label: str) -> str | None:
    """Who alone stands for this label, "" for people without a name; None for two named people or a reviewer."""
    if any(vote.review for vote in votes):
        return None
    named = {vote.author for vote in votes if vote.label == label} - {""}
    return None if len(named) > 1 else next(iter(named), "")  # somebody without a name may be the same person


def _judged(
    settled: Sequence[tuple[Sequence[_Vote], _Settled]], judge: Judge
) -> tuple[list[tuple[Sequence[_Vote], _Settled]], tuple[Doubtful, ...]]:
    """What is settled once all know of each other, and what one operator alone moved against everything else.

    A confirmed route is not doubted unless somebody contradicts it, the version that took it bears it out; what comes from the
    command line itself never is. Of a tie the label counts that what neither side teaches makes the likelier, unless it contradicts both.
    """
    voices, owners = [], []
    for place, (votes, one) in enumerate(settled):
        sides = frozenset(vote.author for vote in votes) if one.tied else frozenset()
        for label in one.tied or ((one.label,) if one.label is not None else ()):
            newest, author = _newest(votes, label), _alone(votes, label)
            questionable = newest.by_operator if one.tied else newest.moved_from is not None
            judged, rivals = author is not None and questionable, frozenset(one.tied) - {label}
            voices.append(Voice(newest.text, label, author, judged, sides - {author}, rivals))
            owners.append(place)
    left: dict[int, list[str]] = defaultdict(list)
    doubted = []
    for place, voice, expected in zip(owners, voices, judge(voices), strict=True):
        if expected is None:
            left[place].append(voice.label)
        elif not settled[place][1].tied:
            doubted.append(Doubtful(voice.text, voice.label, expected))
    out = []
    for place, (votes, one) in enumerate(settled):
        kept = left[place]
        if one.tied and len(kept) == 1 and one.contradiction:
            one = _Settled(kept[0], replace(one.contradiction, label=kept[0], decided_by="the rest"))
        elif one.label is not None and not kept:
            one = replace(one, label=None)
        out.append((votes, one))
    return out, tuple(doubted)


def _newest(votes: Sequence[_Vote], label: str) -> _Vote:
    return max((vote for vote in votes if vote.label == label), key=_age)


def _over_caps(winners: Sequence[tuple[Sequence[_Vote], str]], caps: Caps, others: Mapping[str, int]) -> dict[int, str]:
    """The examples beyond the caps: id of the list of votes -> author."""
    alone: dict[str, list[tuple[_Vote, Sequence[_Vote]]]] = defaultdict(list)
    for votes, label in winners:
        if (author := _alone(votes, label)) is not None:
            alone[author].append((_newest(votes, label), votes))
    # A class is as large as what nobody alone has put there: no one may enlarge it for a larger cap.
    lone = {id(votes) for candidates in alone.values() for _, votes in candidates}
    sizes = Counter(others) + Counter(label for votes, label in winners if id(votes) not in lone)
    left_out: dict[int, str] = {}
    kept: dict[str, list[Sequence[_Vote]]] = {}
    for author, candidates in alone.items():
        candidates.sort(key=lambda candidate: _age(candidate[0]), reverse=True)
        taken: Counter[str] = Counter()
        kept[author] = []
        for vote, votes in candidates:
            if vote.moved_from is not None:
                size = sizes[vote.moved_from] if vote.moved_from else min(sizes.values(), default=0)
                taken[vote.moved_from] += 1
                if taken[vote.moved_from] > max(caps.moved_least, int(caps.moved_share * size)):
                    left_out[id(votes)] = author
                    continue
            kept[author].append(votes)
    free = len(winners) - sum(map(len, alone.values()))
    ratio = caps.share / (1 - caps.share) if caps.share < 1 else float("inf")
    while True:  # one author's limit falls with what the others keep, so this ends
        total = free + sum(map(len, kept.values()))
        over = {
            author: limit
            for author, votes in kept.items()
            if len(votes) > (limit := max(caps.least, int(min(ratio * (total - len(votes)), len(votes)))))
        }
        if not over:
            return left_out
        for author, limit in over.items():
            left_out |= {id(votes): author for votes in kept[author][limit:]}
            del kept[author][limit:]


def queue(entries: Sequence[Stored], reviews: Sequence[Review]) -> list[tuple[Stored, bool]]:
    """What waits for a reviewer: (entry, whether its question is contradicted), the least certain first.

    Order: the router's confidence, where unknown last; then contradicted ones, disliked ones, older ones. An entry
    waits no longer when its question was decided after it came, unless it says otherwise than that decision.
    """
    decided = latest_reviews(reviews)
    keys = {stored.id: question_key(_masked(stored.feedback.question)) for stored in entries}
    verdicts: dict[str, set[str | None]] = defaultdict(set)
    ruled: dict[str, tuple[datetime, str]] = {}
    for stored in entries:
        review = decided.get(stored.id)
        label = label_of(stored, review)
        if review is None or review.decision is not Decision.DROP:
            verdicts[keys[stored.id]].add(label)
        if review and label is not None:
            earlier = ruled.get(keys[stored.id])
            if earlier is None or review.decided_at >= earlier[0]:
                ruled[keys[stored.id]] = (review.decided_at, label)
    waiting: list[tuple[Stored, bool]] = []
    for stored in entries:
        if stored.id in decided:
            continue
        ruling = ruled.get(keys[stored.id])
        if ruling and (stored.feedback.created_at <= ruling[0] or proposed_label(stored.feedback) == ruling[1]):
            continue
        waiting.append((stored, len(verdicts[keys[stored.id]]) > 1))
    return sorted(
        waiting,
        key=lambda one: (
            1.1 if one[0].feedback.confidence is None else one[0].feedback.confidence,
            not one[1],
            one[0].feedback.verdict is Verdict.UP,
            one[0].feedback.created_at,
        ),
    )
