"""Whether a newly trained version may answer in place of the current one. Pure: predictions in, a decision out.

A candidate is promoted when all of this holds; otherwise every rule it failed is named.

1. **Labels.** Both versions know the same labels. Where they do not, figures over the labels they share are still
   given, but a person has to decide.
2. **Overall.** Macro-F1 on the frozen set is not lower beyond noise: the one-sided 95 % interval of the difference,
   by paired bootstrap (Koehn 2004; Berg-Kirkpatrick et al. 2012), reaches 0. In a wide interval much can hide, so
   the drop itself may not pass 3 points either. Below `min_frozen` questions noise excuses nothing at all.
3. **Classes.** No class may be down, in recall or in F1, by more than 3 points *and* more than luck. In a class of 20
   one question is 5 points, and of 77 classes some lose a few by luck alone, so the 3 points need a test that knows
   size and number of classes: for each question it is tossed up which model gave which of the two answers; a drop
   counts when, in units of its own spread, in at most `class_level` of the tosses *any* class drops as much (a
   paired permutation test with the maximum statistic, Westfall and Young 1993). A model that changes few answers
   has no such luck to plead, so even two questions lost, and none won, can stop it. Where a class loses more than
   `collapse` points net and at least `collapse_questions` (or log2 of the number of classes, if that is more), luck
   is not asked. Classes below `min_class_size` are judged as one. In simulations (3 to 150 classes of 20 to 100
   questions, 3 to 6 in 100 answers changed) this rule stopped 15 to 25 in 100 candidates as good as the current
   version, and, with one class truly down by 20 points, 84 to 100 in 100, or 68 where there were 150 classes of 30.
4. **Calibration.** The expected calibration error (ECE, Guo et al. 2017) is at most `max_ece`, or at most
   `ece_tolerance` above the current version's, or no more than a perfectly calibrated model would show on as many
   questions (consistency resampling, Bröcker and Smith 2007).
5. **Better.** On recent feedback it has more right than the current version, and by an exact sign test on the
   questions that only one of them has right, luck explains that in at most `feedback_level` of cases. That level is
   lenient: rules 2 to 4 prevent harm, this one only prevents change for nothing. When feedback cannot tell the two
   apart (there is none, or both are right and wrong on the same questions), macro-F1 on the frozen set must be higher
   beyond noise, by bootstrap and sign test both, as the bootstrap alone is too sure of itself on a few questions.

Many small losses, each within noise, add up over versions. So rules 2 and 3 can also be asked of an `anchor`, an
earlier version that no later one may fall behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import ceil, comb, log2
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from finetune.errors import GateError
from finetune.paired import Floats, Ints, tabulate

_EPSILON = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One model on one set of questions, in the set's order.

    `gold` and `predicted` are labels ("out_of_scope" is one like any other), `confidence` is the probability of
    `predicted`, shape (n,), 0..1. `labels` are those the model can give; empty means unknown.
    """

    gold: tuple[str, ...]
    predicted: tuple[str, ...]
    confidence: npt.NDArray[np.floating[Any]]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GateSettings:
    """The rules' numbers; shares and differences are 0..1, so 0.03 is 3 points."""

    resamples: int = 2000
    seed: int = 0
    confidence: float = 0.95
    """How sure one must be to call a difference on the frozen set real."""
    max_drop: float = 0.03
    """The most macro-F1 may fall, noise or not."""
    max_class_drop: float = 0.03
    class_level: float = 0.25
    """A class's drop counts when luck gives one like it, in any class, in at most this share of cases."""
    collapse: float = 0.1
    collapse_questions: int = 3
    min_class_size: int = 5
    min_frozen: int = 30
    """With fewer frozen questions, the candidate may not be worse at all."""
    max_ece: float = 0.05
    ece_tolerance: float = 0.02
    feedback_level: float = 0.25
    allow_label_changes: bool = False
    """Whether a candidate with other labels may be promoted on the labels both know."""

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            share = entry.type in ("float", float)
            if (share and not 0 <= value <= 1) or (entry.name == "resamples" and value < 100) or value < 0:
                least = "from 0 to 1" if share else "100 or more" if entry.name == "resamples" else "0 or more"
                raise GateError(f"The gate's {entry.name} is {value!r}; it must be {least}")


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The verdict. `reasons` are the rules that failed, or how each was met; `notes` are worth knowing either way."""

    promote: bool
    reasons: tuple[str, ...]
    figures: Mapping[str, float]
    notes: tuple[str, ...] = ()


def judge(
    frozen_now: Judged,
    frozen_candidate: Judged,
    feedback_now: Judged | None = None,
    feedback_candidate: Judged | None = None,
    settings: GateSettings | None = None,
    *,
    anchor: Judged | None = None,
) -> GateDecision:
    """Decide whether the candidate may replace the current version; the rules stand at the head of this module.

    Each pair is on the same questions in the same order. Raises GateError when it is not, when the frozen set is empty,
    or when a confidence is not from 0 to 1.
    """
    settings = settings or GateSettings()
    verdict = _Verdict([], [], [], {})
    _check("frozen set", frozen_now, frozen_candidate)
    if not frozen_now.gold:
        raise GateError("The frozen set has no questions, so nothing can be compared; add labelled questions to it")
    given = feedback_now is not None and feedback_candidate is not None and feedback_now.gold
    if (feedback_now is None) != (feedback_candidate is None):
        raise GateError("Recent feedback was answered by one version only; let both answer it")
    shared = _labels(frozen_now, frozen_candidate, settings, verdict)
    now, candidate = _on(shared, frozen_now), _on(shared, frozen_candidate)
    if not now.gold:
        verdict.failed.append("no question of the frozen set has a label that both versions know")
        return GateDecision(False, tuple(verdict.failed), verdict.figures, tuple(verdict.notes))
    better = _overall(now, candidate, settings, verdict)
    _classes(now, candidate, settings, verdict)
    if anchor is not None:
        _check("frozen set", frozen_now, anchor)
        aside = _Verdict([], [], [], {})
        _overall(_on(shared, anchor), candidate, settings, aside)
        _classes(_on(shared, anchor), candidate, settings, aside)
        verdict.failed.extend(f"against the version to hold on to: {line}" for line in aside.failed)
    _calibration(now, candidate, settings, verdict)
    told = False
    if given:
        assert feedback_now is not None and feedback_candidate is not None
        _check("recent feedback", feedback_now, feedback_candidate)
        told = _feedback(_on(shared, feedback_now), _on(shared, feedback_candidate), settings, verdict)
    if not told:
        why = "recent feedback does not tell the versions apart" if given else "there is no recent feedback"
        if better:
            verdict.met.append(f"{why}, but the frozen set shows it better beyond noise")
        else:
            verdict.failed.append(f"{why}, and the frozen set does not show it better beyond noise")
    reasons = verdict.failed or verdict.met
    return GateDecision(not verdict.failed, tuple(reasons), verdict.figures, tuple(verdict.notes))


def ece(confidence: npt.ArrayLike, correct: npt.ArrayLike, bins: int = 15) -> float:
    """Expected calibration error: mean |accuracy - confidence| over bins of equal width, weighted by their questions.

    `confidence` and `correct` have shape (n,); bin i holds (i/bins, (i+1)/bins], the first also 0, as in Guo et al.
    2017, "On Calibration of Modern Neural Networks". 0 for no questions. Small sets show some error even of a
    perfect model.
    """
    sure = np.asarray(confidence, dtype=np.float64)
    right = np.asarray(correct, dtype=np.float64)
    if not sure.size:
        return 0.0
    gaps = np.bincount(_bins(sure, bins), weights=right - sure, minlength=bins)
    return float(np.abs(gaps).sum() / sure.size)


def sign_test(wins: int, losses: int) -> float:
    """How likely a fair coin gives at least `wins` of `wins + losses`: the exact one-sided sign test (McNemar's)."""
    n = wins + losses
    return float(sum(comb(n, k) for k in range(wins, n + 1)) / 2**n)


class _Verdict(NamedTuple):
    """What the rules find, collected."""

    failed: list[str]
    met: list[str]
    notes: list[str]
    figures: dict[str, float]


# --- the rules ---


def _labels(now: Judged, candidate: Judged, settings: GateSettings, verdict: _Verdict) -> frozenset[str] | None:
    """The labels both know, or None when they are the same or unknown."""
    if not now.labels or not candidate.labels:
        unseen = sorted(set(candidate.predicted) & set(now.gold) - set(now.predicted) - set(now.labels))
        if unseen:
            verdict.notes.append(
                f"the current version never gives {_listed(unseen)}, the candidate does; is it a new label?"
            )
        return None
    added, removed = sorted(set(candidate.labels) - set(now.labels)), sorted(set(now.labels) - set(candidate.labels))
    if not added and not removed:
        return None
    changes = [f"{what} {_listed(names)}" for what, names in (("added", added), ("removed", removed)) if names]
    line = f"the labels changed: {' and '.join(changes)}; the gate compares only the labels that both versions know"
    if settings.allow_label_changes:
        verdict.notes.append(line)
    else:
        verdict.failed.append(f"{line}, so look at the figures and promote by hand if they are right")
    for label in added:
        asked = [i for i, gold in enumerate(candidate.gold) if gold == label]
        if asked:
            right = sum(candidate.predicted[i] == label for i in asked)
            verdict.notes.append(f"new label {label!r}: {right} of its {len(asked)} frozen questions are right")
        else:
            verdict.notes.append(f"new label {label!r}: the frozen set has no question of it; add some")
    return frozenset(now.labels) & frozenset(candidate.labels)


def _overall(now: Judged, candidate: Judged, settings: GateSettings, verdict: _Verdict) -> bool:
    """Rule 2; returns whether the candidate is better beyond noise."""
    table = tabulate(now.gold, now.predicted, candidate.predicted)
    before, after = (table.macro_f1(table.counts[None, :], which)[0] for which in (table.now, table.candidate))
    drawn = table.bootstrap(settings.resamples, np.random.default_rng(settings.seed))
    differences = table.macro_f1(drawn, table.candidate) - table.macro_f1(drawn, table.now)
    low, high = np.quantile(differences, [1 - settings.confidence, settings.confidence])
    wins, losses = _wins(now, candidate)
    n = len(now.gold)
    verdict.figures.update(
        frozen_n=float(n), frozen_macro_f1_now=float(before), frozen_macro_f1_candidate=float(after),
        frozen_difference_low=float(low), frozen_difference_high=float(high),
        frozen_accuracy_now=_accuracy(now), frozen_accuracy_candidate=_accuracy(candidate),
        frozen_wins=float(wins), frozen_losses=float(losses),
    )  # fmt: skip
    change = after - before
    told = f"macro-F1 on the frozen set {_points(before)} -> {_points(after)} ({n} questions)"
    if n < settings.min_frozen and change < -_EPSILON:
        verdict.failed.append(f"{told}: with fewer than {settings.min_frozen} questions it may not fall at all")
    elif high < -_EPSILON:
        verdict.failed.append(f"{told}: lower beyond noise (the change is at most {_points(high)} points)")
    elif change < -settings.max_drop - _EPSILON:
        verdict.failed.append(f"{told}: down by more than {_points(settings.max_drop)} points")
    else:
        verdict.met.append(f"{told}: not worse beyond noise")
    return bool(low > _EPSILON) and sign_test(wins, losses) <= 1 - settings.confidence + _EPSILON


def _classes(now: Judged, candidate: Judged, settings: GateSettings, verdict: _Verdict) -> None:
    """Rule 3."""
    table = tabulate(now.gold, now.predicted, candidate.predicted)
    sizes = table.sizes
    big = np.flatnonzero(sizes >= settings.min_class_size)
    small = np.flatnonzero(sizes < settings.min_class_size)
    observed = table.drops(np.zeros((1, len(table.counts)), dtype=np.int64), big, small)[0]
    tossed = np.random.default_rng(settings.seed + 1).binomial(
        table.counts, 0.5, (settings.resamples, len(table.counts))
    )
    by_luck = table.drops(tossed, big, small)
    spread = np.sqrt((by_luck**2).mean(axis=0))
    known = spread > _EPSILON
    units = np.where(known, spread, 1.0)
    most = np.where(known, by_luck / units, 0.0).max(axis=1)
    p = (1 + (most[:, None] >= observed / units - _EPSILON).sum(axis=0)) / (1 + settings.resamples)
    names = [table.classes[place] for place in big]
    what = [(name, "recall") for name in names] + [(name, "F1") for name in names]
    if small.size:
        what.append((_listed([table.classes[place] for place in small]), "recall"))
        verdict.notes.append(
            f"too few frozen questions to judge alone (below {settings.min_class_size}), judged together: {what[-1][0]}"
        )
    lost = _net_losses(now, candidate, table.classes)
    enough = max(settings.collapse_questions, ceil(log2(len(table.classes))))
    worst: dict[str, tuple[float, str]] = {}
    for (name, measure), drop, chance in zip(what, observed, p, strict=True):
        if measure == "recall" and name in lost:
            verdict.figures[f"recall_change/{name}"] = float(-drop)
        elif measure == "F1":
            verdict.figures[f"f1_change/{name}"] = float(-drop)
        collapsed = (
            measure == "recall" and drop > settings.collapse + _EPSILON
            and lost.get(name, 0) >= enough
        )  # fmt: skip
        if drop > settings.max_class_drop + _EPSILON and (collapsed or chance <= settings.class_level):
            luck = "a collapse" if collapsed else f"luck explains it in {chance:.0%} of cases"
            line = (
                f"class {name!r} is down by {_points(drop)} points of {measure} on the frozen set, more than "
                f"{_points(settings.max_class_drop)}; {luck}"
            )
            if drop > worst.get(name, (0.0, ""))[0]:
                worst[name] = (float(drop), line)
    verdict.figures["class_luck"] = float(p[observed > settings.max_class_drop + _EPSILON].min(initial=1.0))
    if worst:
        verdict.failed.extend(line for _, line in sorted(worst.values(), reverse=True))
    else:
        verdict.met.append(f"no class is down by more than {_points(settings.max_class_drop)} points beyond luck")


def _calibration(now: Judged, candidate: Judged, settings: GateSettings, verdict: _Verdict) -> None:
    """Rule 4."""
    before, after = ece(now.confidence, _right(now)), ece(candidate.confidence, _right(candidate))
    by_luck = _ece_by_luck(candidate.confidence, settings)
    limit = max(settings.max_ece, before + settings.ece_tolerance, by_luck)
    verdict.figures.update(ece_now=before, ece_candidate=after, ece_limit=limit)
    told = f"calibration error {_points(before)} -> {_points(after)} points"
    if after > limit + _EPSILON:
        verdict.failed.append(f"{told}, at most {_points(limit)} are allowed: its confidences cannot be relied upon")
    else:
        verdict.met.append(f"{told}: still calibrated")


def _feedback(now: Judged, candidate: Judged, settings: GateSettings, verdict: _Verdict) -> bool:
    """Rule 5's first half; returns whether feedback tells the two apart."""
    wins, losses = _wins(now, candidate)
    p, n = sign_test(wins, losses), len(now.gold)
    verdict.figures.update(
        feedback_n=float(n), feedback_wins=float(wins), feedback_losses=float(losses), feedback_luck=p,
        feedback_accuracy_now=_accuracy(now), feedback_accuracy_candidate=_accuracy(candidate),
    )  # fmt: skip
    if not wins and not losses:
        return False
    right = [int(_right(model).sum()) for model in (now, candidate)]
    told = f"right on recent feedback: {right[0]} -> {right[1]} of {n}"
    if wins > losses and p <= settings.feedback_level + _EPSILON:
        verdict.met.append(f"{told}: better")
    elif wins > losses:
        verdict.failed.append(
            f"{told} (won {wins}, lost {losses}): too little to call it better; luck explains it in {p:.0%} of cases, "
            f"at most {settings.feedback_level:.0%} are allowed"
        )
    else:
        verdict.failed.append(f"{told} (won {wins}, lost {losses}): not better")
    return True


# --- counting ---


def _ece_by_luck(confidence: npt.NDArray[np.floating[Any]], settings: GateSettings) -> float:
    """The ECE that a perfectly calibrated model with these confidences stays below in `settings.confidence` of cases."""
    sure = np.asarray(confidence, dtype=np.float64)
    rng = np.random.default_rng(settings.seed + 2)
    errors = [ece(sure, rng.random(sure.size) < sure) for _ in range(min(settings.resamples, 500))]
    return float(np.quantile(errors, settings.confidence))


def _bins(confidence: Floats, bins: int) -> Ints:
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def _net_losses(now: Judged, candidate: Judged, classes: Sequence[str]) -> dict[str, int]:
    lost = dict.fromkeys(classes, 0)
    for gold, first, second in zip(now.gold, now.predicted, candidate.predicted, strict=True):
        lost[gold] += (first == gold) - (second == gold)
    return lost


def _wins(now: Judged, candidate: Judged) -> tuple[int, int]:
    """Questions that only the candidate has right, and that only the current version has right."""
    before, after = _right(now), _right(candidate)
    return int((after & ~before).sum()), int((before & ~after).sum())


def _right(model: Judged) -> npt.NDArray[np.bool_]:
    return np.array([a == b for a, b in zip(model.gold, model.predicted, strict=True)], dtype=np.bool_)


def _accuracy(model: Judged) -> float:
    return float(_right(model).mean()) if model.gold else 0.0


def _on(labels: frozenset[str] | None, model: Judged) -> Judged:
    """The model on the questions whose gold label is one of `labels`; None means all."""
    if labels is None:
        return model
    mine = [index for index, gold in enumerate(model.gold) if gold in labels]
    return Judged(
        tuple(model.gold[i] for i in mine),
        tuple(model.predicted[i] for i in mine),
        model.confidence[mine],
        model.labels,
    )


def _check(what: str, now: Judged, candidate: Judged) -> None:
    for name, model in (("current version", now), ("candidate", candidate)):
        sure = np.asarray(model.confidence, dtype=np.float64)
        if not len(model.gold) == len(model.predicted) == sure.size or sure.ndim != 1:
            raise GateError(
                f"On the {what}, the {name} has {len(model.gold)} labels, {len(model.predicted)} answers and "
                f"confidences of shape {sure.shape}; give one of each per question"
            )
        bad = sure[~((sure >= 0) & (sure <= 1 + _EPSILON))]
        if bad.size:
            raise GateError(f"On the {what}, the {name} has the confidence {bad[0]}; give probabilities from 0 to 1")
    if now.gold != candidate.gold:
        raise GateError(f"On the {what}, the two versions answered other questions; let both answer the same set")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _points(share: float) -> str:
    return f"{100 * share:.1f}"
