"""The feedback loop: a router that learns from its operators, from careless ones, and from one who means harm.

Questions of CLINC150 come in five parts. The first is what the plant starts with; the others come as operators' feedback
on the version before, pass review and caps (`finetune.review.resolve`), and are learnt together with all before them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from benchmarks import routing_data as data
from benchmarks.common import SEED, Table
from benchmarks.routing_systems import Answers, about_body, answers, cell, fine_tune, inside, plain_vectors, right
from finetune.classifier import ClassifierParts
from finetune.doubt import contradicted
from finetune.review import Caps, Judge, Stored, resolve
from finetune.types import OUT_OF_SCOPE, Example, Feedback, Verdict

ROUNDS = 5
OPERATORS = 20
WRONG = 0.2
ALLOWED = 3 + 1e-9  # points of recall that a class may lose
TARGETS = 10  # labels a hostile operator goes for
_NO_CAPS = Caps(share=1.0, least=10**9, moved_share=1.0, moved_least=10**9)
_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Loop:
    """What every run of the loop shares."""

    method: str
    seed: int
    parts: Sequence[Sequence[Example]]
    asked: Sequence[Example]

    @property
    def texts(self) -> list[str]:
        """The questions of the test."""
        return [example.text for example in self.asked]

    @property
    def gold(self) -> list[str]:
        """Their labels."""
        return [example.label for example in self.asked]

    def learn(self, examples: Sequence[Example]) -> tuple[ClassifierParts, Answers]:
        """One training, and its answers to the test."""
        fitted, seconds = fine_tune(examples, self.method, self.seed, quiet=True)
        return fitted.parts, answers(fitted.parts, self.texts, seconds)


def judge(trusted: Sequence[Example]) -> Judge:
    """The product's judge of corrections (`finetune.doubt`), on vectors that are computed once."""
    return lambda voices: contradicted(voices, trusted, plain_vectors)


def told(question: str, route: str, label: str, author: str, moment: int) -> Stored:
    """An operator's word: the route was right, or another one is."""
    agreed = route == label
    feedback = Feedback(
        answer_id="", question=question, route=route, verdict=Verdict.UP if agreed else Verdict.DOWN,
        corrected_route=None if agreed else label, comment="", cited_chunk_ids=(),
        created_at=_BEGIN + timedelta(minutes=moment), author=author,
    )  # fmt: skip
    return Stored(f"{moment:016x}", feedback)


@dataclass(frozen=True, slots=True)
class Run:
    """A loop that ran: answers after each round, all feedback, and the last round's notes."""

    answers: list[Answers]
    stored: list[Stored]
    left_out: int  # by the caps
    doubted: int
    doubted_wrong: int  # of these
    wrong: int


def rounds(loop: Loop, share_wrong: float, first: tuple[ClassifierParts, Answers]) -> Run:
    """Five rounds; `share_wrong` of the arriving labels are another label, drawn at random."""
    rng = np.random.default_rng([SEED, round(100 * share_wrong)])
    labels = sorted({example.label for example in loop.parts[0]})
    parts, said = first
    run, left_out, doubted, doubted_wrong = [said], 0, 0, 0
    wrong: set[str] = set()
    stored: list[Stored] = []
    for number, arriving in enumerate(loop.parts[1:], 2):
        routes = answers(parts, [example.text for example in arriving]).said
        for place, (example, route) in enumerate(zip(arriving, routes, strict=True)):
            label = example.label
            if rng.random() < share_wrong:
                label = str(rng.choice([name for name in labels if name != label]))
                wrong.add(example.text)
            stored.append(told(example.text, route, label, f"operator {place % OPERATORS + 1}", len(stored)))
        base = loop.parts[0]
        examples, report = resolve(stored, [], labels, None, Counter(e.label for e in base), judge=judge(base))
        left_out, doubted = sum(report.capped.values()), len(report.doubted)
        doubted_wrong = sum(one.text in wrong for one in report.doubted)
        start = time.perf_counter()
        parts, said = loop.learn([*loop.parts[0], *examples])
        run.append(said)
        print(
            f"  {loop.method}, {100 * share_wrong:.0f} % wrong, round {number}: {_share(loop, said):.1f} in scope, "
            f"{left_out} left out by the caps, {doubted} doubted; {time.perf_counter() - start:.0f} s", flush=True,
        )  # fmt: skip
    return Run(run, stored, left_out, doubted, doubted_wrong, len(wrong))


def _share(loop: Loop, said: Answers) -> float:
    return 100 * float(right(said.said, loop.gold, inside(loop.gold)).mean())


def feedback(method: str, seed: int, limit: int | None, save: bool) -> None:
    """Both tables of the loop: the rounds, and what one hostile operator can do."""
    split = data.clinc150()
    if limit:
        split = data.few(split, limit)
    loop = Loop(method, seed, data.stratified(split.train, ROUNDS), split.test)
    first = loop.learn(loop.parts[0])
    clean = rounds(loop, 0.0, first)
    noisy = rounds(loop, WRONG, first)
    _, whole = loop.learn(split.train)
    _rounds_table(loop, clean, noisy, whole, save)
    _hostile_table(loop, clean, save)


def _rounds_table(loop: Loop, clean: Run, noisy: Run, whole: Answers, save: bool) -> None:
    gold, rows = loop.gold, inside(loop.gold)
    table = Table(
        "routing", f"feedback-{loop.method}",
        f"The feedback loop on CLINC150 in {ROUNDS} rounds, method {loop.method}",
        ["round", "examples", "in scope, with refusals", "change, points", "out-of-scope recall",
         f"in scope, {100 * WRONG:.0f} % of new labels wrong", "out-of-scope recall, the same", "training s"],
        notes=[
            f"round 1 is a fifth of the training questions, stratified; each later fifth comes as feedback of {OPERATORS} "
            "operators on the version before, without a reviewer, and everything so far is learnt anew (replay); every "
            "label is in the first round, so the in-scope accuracy is that of the first round's classes",
            f"wrong labels: {noisy.wrong} of {len(noisy.stored)}, each another label drawn at random",
            f"left out by the caps at the end: {clean.left_out} of the clean run, {noisy.left_out} of the other",
            f"doubted at the end, so that they wait for a reviewer: {clean.doubted} of the clean run; {noisy.doubted} of the other, "
            f"{noisy.doubted_wrong} of them wrong",
            _classes_lost(loop, clean.answers[-1], noisy.answers[-1]),
            about_body(),
        ],
    )  # fmt: skip
    shares = [_share(loop, said) for said in clean.answers]
    sizes = np.cumsum([len(part) for part in loop.parts])
    for number, (good, bad) in enumerate(zip(clean.answers, noisy.answers, strict=True)):
        table.add(
            number + 1, sizes[number], cell([right(good.said, gold, rows)]),
            f"{shares[number] - shares[number - 1]:+.1f}" if number else "", cell([right(good.said, gold, ~rows)]),
            cell([right(bad.said, gold, rows)]), cell([right(bad.said, gold, ~rows)]), f"{good.seconds:.0f}",
        )  # fmt: skip
    table.add(
        "all at once", sizes[-1], cell([right(whole.said, gold, rows)]), f"{shares[-1] - _share(loop, whole):+.1f} (last round)",
        cell([right(whole.said, gold, ~rows)]), "", "", f"{whole.seconds:.0f}",
    )  # fmt: skip
    worst = min(b - a for a, b in pairwise(shares))
    table.notes.insert(
        0, f"worst change of a round: {worst:+.1f} points (asked: none below -1); last round against all at once: "
        f"{shares[-1] - _share(loop, whole):+.1f} points (asked: within 1); with wrong labels the last round ends "
        f"{_share(loop, noisy.answers[-1]) - shares[-1]:+.1f} points from the clean one",
    )  # fmt: skip
    table.publish(save)


def _classes_lost(loop: Loop, clean: Answers, noisy: Answers) -> str:
    """What the wrong labels cost single classes in the last round."""
    said = []
    for level, names in (("intent", {}), ("domain", data.domains())):
        was, now = (_recalls(loop, one, names) for one in (clean, noisy))
        drops = {label: 100 * (was[label] - now[label]) for label in was if label != OUT_OF_SCOPE}
        worst = max(drops, key=lambda label: drops[label])
        down = sum(drop > ALLOWED for drop in drops.values())
        said.append(f"{level} {drops[worst]:.1f} ({worst}), {down} of {len(drops)} down by more than 3")
    return f"wrong labels against the clean run, last round, largest drop of recall in points (asked: none above 3): {'; '.join(said)}"


# one hostile operator


def _hostile_table(loop: Loop, clean: Run, save: bool) -> None:
    """One operator among those of the clean run, by three ways of harm, with what protects from him and without."""
    table = Table(
        "routing", f"feedback-hostile-{loop.method}",
        f"One hostile operator of {OPERATORS + 1} on CLINC150, method {loop.method}: the last round against the clean one",
        ["labels", "what he does", "protection", "his entries", "examples learnt", "in scope", "points", "largest drop of a class",
         "classes down by more than 3", "largest drop of a target"],
        notes=[
            "asked: no class down by more than 3 points of recall with all protection; refusals count as errors",
            "all: caps, and corrections that everything else contradicts wait for a reviewer; caps: these alone",
            f"targets: {TARGETS} intents, or 3 domains; a target's questions are moved to one other label. New questions: the "
            "target's training questions, each with a word more, so that nobody else has voted on them. The same questions: those "
            "that the others have given feedback on, word for word",
            "nobody reviews; the route each question was given is what the clean run's versions answered",
        ],
    )  # fmt: skip
    levels: dict[str, Mapping[str, str]] = {"intents": {}, "domains": data.domains()}
    for level, names in levels.items():
        _hostile_level(table, loop, clean, level, names)
    sizes = Counter(label for label in loop.gold if label != OUT_OF_SCOPE)
    table.notes.append(
        f"a class is asked {min(sizes.values())} times as an intent, so that one question is {100 / min(sizes.values()):.0f} "
        "points there; 15 times as often as a domain"
    )
    table.notes.append(about_body())
    table.publish(save)


def _hostile_level(table: Table, loop: Loop, clean: Run, level: str, names: Mapping[str, str]) -> None:
    def named(label: str) -> str:
        return names.get(label, label)

    base = [Example(example.text, named(example.label)) for example in loop.parts[0]]
    honest = [
        told(one.feedback.question, named(one.feedback.route), named(one.feedback.corrected_route or one.feedback.route),
             one.feedback.author, place)
        for place, one in enumerate(clean.stored)
    ]  # fmt: skip
    here = Loop(loop.method, loop.seed, loop.parts, [Example(e.text, named(e.label)) for e in loop.asked])
    everything = [Example(example.text, named(example.label)) for part in loop.parts for example in part]
    labels = sorted({example.label for example in base})
    others = Counter(example.label for example in base)

    def learnt(stored: Sequence[Stored], caps: Caps | None, doubt: Judge | None) -> tuple[Answers, int]:
        examples, _ = resolve(stored, [], labels, caps, others, judge=doubt)
        return here.learn([*base, *examples])[1], len(examples)

    by_the_rest = judge(base)
    protections = (("all", None, by_the_rest), ("caps", None, None), ("none", _NO_CAPS, None))
    before, count = (
        learnt(honest, None, by_the_rest)
        if names
        else (clean.answers[-1], len(resolve(honest, [], labels, None, others, judge=by_the_rest)[0]))
    )
    was = _recalls(here, before)
    table.add(level, "nothing", "all", 0, count, f"{_share(here, before):.1f}", "", "", "", "")
    rng = np.random.default_rng(SEED)
    inner = [label for label in labels if label != OUT_OF_SCOPE]
    drawn = [str(label) for label in rng.permutation(inner)[: min(3 if names else TARGETS, len(inner))]]
    moved = {label: inner[(inner.index(label) + 1) % len(inner)] for label in drawn}
    every = {label: inner[(inner.index(label) + 1) % len(inner)] for label in inner}
    for what, entries in {
        "moves new questions of the targets": _new_questions(honest, everything, moved),
        "moves the same questions of the targets": _same_questions(honest, moved),
        "moves the same questions of every label": _same_questions(honest, every),
    }.items():
        # A contradiction of two people gives no example, so there is nothing left to protect from.
        for protection, caps, doubt in protections if "new" in what else protections[:1]:
            after, count = learnt([*honest, *entries], caps, doubt)
            now = _recalls(here, after)
            drops = {label: 100 * (was[label] - now[label]) for label in inner}
            worst = max(drops, key=lambda label: drops[label])
            aimed = max(drops[label] for label in drawn)
            table.add(
                level, what, protection, len(entries), count, f"{_share(here, after):.1f}",
                f"{_share(here, after) - _share(here, before):+.1f}", f"{drops[worst]:.1f} ({worst})",
                f"{sum(drop > ALLOWED for drop in drops.values())} of {len(drops)}", f"{aimed:.1f}",
            )  # fmt: skip
            print(f"  {level}, {what}, protection {protection}: largest drop {drops[worst]:.1f}", flush=True)


def _recalls(loop: Loop, said: Answers, names: Mapping[str, str] | None = None) -> dict[str, float]:
    """Recall of each label, or of what `names` makes of the labels."""
    named = names or {}
    own = [named.get(label, label) for label in loop.gold]
    gold = np.array(own)
    marks = right([named.get(label, label) for label in said.said], own)
    return {str(label): float(marks[gold == label].mean()) for label in np.unique(gold)}


def _new_questions(honest: Sequence[Stored], examples: Sequence[Example], moved: Mapping[str, str]) -> list[Stored]:
    """Questions of the targets that nobody has asked before: as near as can be to those that teach the targets."""
    routes = {one.feedback.question: one.feedback.route for one in honest}
    aimed = [example for example in examples if example.label in moved]
    return [
        told(f"{example.text} please", routes.get(example.text, example.label), moved[example.label], "hostile", len(honest) + i)
        for i, example in enumerate(aimed)
    ]  # fmt: skip


def _same_questions(honest: Sequence[Stored], moved: Mapping[str, str]) -> list[Stored]:
    """A contradiction to every honest word on the targets."""
    entries: list[Stored] = []
    for one in honest:
        label = one.feedback.corrected_route or one.feedback.route
        if label in moved:
            moment = len(honest) + len(entries)
            entries.append(told(one.feedback.question, one.feedback.route, moved[label], "hostile", moment))
    return entries
