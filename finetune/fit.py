"""Examples in, a fine-tuned classifier out: the story of one training. Imports torch where layers are fine-tuned."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from finetune.classifier import ClassifierParts, decide
from finetune.dataset import clean, folds, same_text, split
from finetune.errors import DataError
from finetune.evaluate import Evaluation, evaluate
from finetune.linear import Linear, fit_linear
from finetune.network import Body, Layers, Matrix, Network, merged, unchanged
from finetune.scope import Scope, calibrate
from finetune.types import OUT_OF_SCOPE, Example

if TYPE_CHECKING:
    from finetune.train import TrainSettings

Say = Callable[[str], None]
Change = Callable[[str, np.random.Generator], str]
Targets = npt.NDArray[np.int64]

MANY = 3_000  # examples from which the layers are not learnt a second time from everything
OUTSIDE, UNLABELLED = -1, -2  # in place of a class: out of scope, and a text that nobody labelled
_FOLDS = 5
_OWN_ROW = 10  # out-of-scope examples from which they get a logit of their own
_COMMON = 0.05  # share of the examples from which on out of scope is also learnt like a class
_KEPT_VECTORS = 4_000


@dataclass(frozen=True, slots=True)
class Fitted:
    """A classifier, its measures on examples held out of its training, and what the card should tell.

    `vectors` (n, d) belong to the first n of `examples`.
    """

    parts: ClassifierParts
    examples: tuple[Example, ...]
    vectors: Matrix
    held_out: Evaluation | None
    notes: tuple[str, ...]
    curve: tuple[dict[str, Any], ...]
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lessons:
    """What teachers say of texts, for a student: `shares` (n, classes), each row's sum 1.

    The classes are the labels in order, and out of scope where the teachers have a logit for it. `origins` are the examples
    that the texts are variants of ("" for a text without a label): while one is held out, so are its variants.
    """

    texts: tuple[str, ...]
    origins: tuple[str, ...]
    shares: Matrix


@dataclass(frozen=True, slots=True)
class _Data:
    """Texts with their class, -1 being out of scope, -2 unknown; `shares` (n, classes) is what teachers say of them."""

    texts: list[str]
    targets: Targets
    labels: tuple[str, ...]
    shares: Matrix | None = None

    def take(self, rows: Sequence[int]) -> _Data:
        shares = None if self.shares is None else self.shares[list(rows)]
        return _Data([self.texts[i] for i in rows], self.targets[list(rows)], self.labels, shares)

    def names(self) -> list[str]:
        return [OUT_OF_SCOPE if target < 0 else self.labels[target] for target in self.targets]


def fit_classifier(
    examples: Sequence[Example], validation: Sequence[Example], settings: TrainSettings, body: Body, cache: Path,
    *, work: Path | None = None, say: Say | None = None, change: Change | None = None, lessons: Lessons | None = None,
    hold_out_seed: int | None = None,
) -> Fitted:  # fmt: skip
    """Fine-tune on `examples`; `validation`, where there is any, stops, calibrates and sets the threshold.

    Without it, part of the examples is held out for that; the layers are then learnt again from all of them, as often as
    was best, unless there are MANY. `work` keeps the state of the training, `cache` the body's graph; `change` augments
    texts; `lessons` are what teachers say. What is held out is drawn by the settings' seed, or by `hold_out_seed`. Raises
    DataError for examples that cannot be learnt from, TrainingError when the training fails.
    """
    data, notes = _data(examples)
    fit = _Fit(data, settings, body, cache, work, say or (lambda line: None), change, lessons)
    fit.say(f"{len(data.texts)} examples of {len(data.labels)} labels; computing their vectors")
    changes: Layers = {}
    curve: tuple[dict[str, Any], ...] = ()
    unchanged = fit.vectors(data.texts, changes)
    if validation:
        held, more = _validation(validation, data)
        notes += more
        learnt = list(range(len(data.texts)))
    else:
        learnt, rest = _split(data, settings.seed if hold_out_seed is None else hold_out_seed)
        held = data.take(rest)
    if settings.method == "head" and not validation:
        scope, measured = _cross_validated(fit, unchanged)
    else:
        part = fit.part(learnt)
        if settings.method != "head":
            changes, curve, best = fit.layers(part, unchanged[learnt], held, settings, "first")
        linear = fit.linear(fit.vectors(part.texts, changes), part)
        scope, measured = _judged(fit, linear, fit.vectors(held.texts, changes), held)
        if changes and len(learnt) < len(data.texts) < MANY:
            fit.say("learning from everything, the examples held out so far included")
            whole = fit.part(range(len(data.texts)))
            changes, _, _ = fit.layers(whole, unchanged, None, replace(settings, epochs=best), "everything")
    whole = fit.part(range(len(data.texts)))
    vectors = fit.vectors(whole.texts, changes) if changes or lessons else unchanged
    parts = ClassifierParts(data.labels, fit.linear(vectors, whole), fit.own_row, scope, changes, settings.max_tokens)
    order = np.random.default_rng(settings.seed).permutation(len(data.texts))
    names, sources = data.names(), {example.text: example.source for example in examples}
    kept = tuple(Example(data.texts[i], names[i], sources.get(data.texts[i], "seed")) for i in order)
    return Fitted(parts, kept, vectors[order[:_KEPT_VECTORS]], measured, tuple(notes), curve, asdict(settings))


class _Fit:
    """What every step of one training shares."""

    def __init__(
        self, data: _Data, settings: TrainSettings, body: Body, cache: Path, work: Path | None, say: Say, change: Change | None,
        lessons: Lessons | None = None,
    ) -> None:  # fmt: skip
        self._settings, self._body, self._cache, self._work = settings, body, cache, work
        self.data, self.seed = data, settings.seed
        self.say, self._change = say, change
        self._tokens = body.tokens(settings.max_tokens)
        outliers = int((data.targets < 0).sum())
        self.own_row = outliers >= _OWN_ROW
        self._common = outliers >= _COMMON * len(data.texts) and self.own_row
        self._lessons = _aligned(lessons, data, self.own_row) if lessons else None

    def part(self, rows: Sequence[int]) -> _Data:
        """These examples, and what teachers say of them, of their variants, and of texts that nobody labelled."""
        data = self.data.take(rows)
        if self._lessons is None:
            return data
        own, more, origins = self._lessons
        assert own.shares is not None and more.shares is not None
        kept = np.flatnonzero(np.isin(origins, [*rows, UNLABELLED]))
        return _Data(
            data.texts + [more.texts[i] for i in kept], np.concatenate([data.targets, more.targets[kept]]), data.labels,
            np.concatenate([own.shares[list(rows)], more.shares[kept]]),
        )  # fmt: skip

    def vectors(self, texts: Sequence[str], changes: Layers) -> Matrix:
        """(n, d) by the body with these changes."""
        threads = self._settings.threads or None
        network = unchanged(self._body, self._cache, threads)
        if changes:
            network = Network(self._body, "changed", lambda: merged(self._body.layers(), changes), None, threads)
        return network.pooled(self._tokens.ids(texts))

    def linear(self, vectors: Matrix, data: _Data) -> Linear:
        """The last step, with a row for being out of scope where there are enough examples of it."""
        targets = data.targets.copy()
        classes = len(data.labels) + self.own_row
        if self.own_row:
            targets[targets == OUTSIDE] = len(data.labels)
        wanted: Targets | Matrix = targets
        if data.shares is not None:
            wanted = _mixed(targets, data.shares, self._settings.distil)
        rows = np.flatnonzero(targets >= 0 if data.shares is None else wanted.sum(axis=1) > 0)
        balanced = self._settings.class_weights == "balanced"
        return fit_linear(vectors[rows], [data.texts[i] for i in rows], wanted[rows], classes, balanced=balanced)

    def layers(
        self, data: _Data, vectors: Matrix, held: _Data | None, settings: TrainSettings, stage: str
    ) -> tuple[Layers, tuple[dict[str, Any], ...], int]:  # fmt: skip
        """(what changed in the layers, the learning curve, the best epoch); nothing changed where epoch 0 was best.

        `vectors` belong to the first texts of `data`: the head begins with those of them that have a class.
        """
        from finetune.learner import Learner
        from finetune.tasks import SequenceTask
        from finetune.train import train

        classes = len(data.labels) + self._common
        targets = np.where((data.targets == OUTSIDE) & self._common, len(data.labels), data.targets)
        rows = np.flatnonzero(targets[: len(vectors)] >= 0)
        first = fit_linear(vectors[rows], [data.texts[i] for i in rows], targets[rows], classes, wide_weight=0.0)
        learner = Learner(self._body, settings.method, settings.rank, settings.seed)
        held_out = None
        if held is not None:
            own = np.where((held.targets < 0) & self._common, len(data.labels), held.targets)
            held_out = (held.texts, own)
        task = SequenceTask(
            self._tokens.ids,
            data.texts,
            targets,
            (first.weight, first.bias),
            settings,
            held_out,
            self._change,
            self._shares(data),
        )
        work = self._work / stage if self._work else None
        trained = train(learner, task, settings, work, self.say)
        if trained.best_epoch == 0:
            self.say("fine-tuning the layers gained nothing on the examples held out; the head alone is learnt")
            return {}, tuple(dict(row) for row in trained.curve), 0
        return learner.changes(), tuple(dict(row) for row in trained.curve), trained.best_epoch

    def _shares(self, data: _Data) -> Matrix | None:
        """(n, classes) for the layers, which know out of scope as a class only where it is common."""
        if data.shares is None:
            return None
        shares = data.shares.copy()
        if self.own_row and not self._common:
            outside = shares[:, -1] > 0.5
            shares = shares[:, :-1] / np.maximum(shares[:, :-1].sum(axis=1, keepdims=True), 1e-9)
            shares[outside] = 0
        if not self._common:
            shares[data.targets == OUTSIDE] = 0
        return shares


def _aligned(lessons: Lessons, data: _Data, own_row: bool) -> tuple[_Data, _Data, Targets]:
    """(the examples with their shares, the other texts, the example each of these is a variant of or UNLABELLED)."""
    place = {text: row for row, text in enumerate(data.texts)}
    shares = np.zeros((len(data.texts), lessons.shares.shape[1]), dtype=np.float32)
    others, origins = [], []
    for row, (text, origin) in enumerate(zip(lessons.texts, lessons.origins, strict=True)):
        if text in place:
            shares[place[text]] = lessons.shares[row]
        elif not origin or origin in place:
            others.append(row)
            origins.append(place.get(origin, UNLABELLED))
    targets = np.array([UNLABELLED if i == UNLABELLED else data.targets[i] for i in origins], dtype=np.int64)
    theirs = lessons.shares[others]
    if not own_row:  # teachers without a logit for it cannot say that a text is out of scope
        shares[data.targets == OUTSIDE] = 0
        theirs[targets == OUTSIDE] = 0
    more = _Data([lessons.texts[i] for i in others], targets, data.labels, theirs)
    return replace(data, shares=shares), more, np.array(origins, dtype=np.int64)


def _mixed(targets: Targets, shares: Matrix, distil: float) -> Matrix:
    """(n, classes): teachers and labels in the proportion of `distil`; where one of them is silent, the other alone."""
    out = shares.copy()
    labelled = np.flatnonzero(targets >= 0)
    taught = shares.sum(axis=1) > 0
    out[labelled] *= distil
    out[labelled, targets[labelled]] += np.where(taught[labelled], 1 - distil, 1.0)
    return out


def digest(examples: Sequence[Example], validation: Sequence[Example], settings: TrainSettings) -> str:
    """Equal for trainings that lead to the same result."""
    from finetune.train import settings_key

    lines = [settings_key(settings)]
    for group in (examples, validation):
        lines += ["", *sorted(f"{example.label}\0{example.text}" for example in group)]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()


def _data(examples: Sequence[Example]) -> tuple[_Data, list[str]]:
    cleaned = clean(examples)
    notes = list(cleaned.notes)
    counts = Counter(example.label for example in cleaned.examples)
    labels = tuple(sorted(set(counts) - {OUT_OF_SCOPE}))
    if len(labels) < 2:
        raise DataError(
            f"There is {len(labels)} label besides {OUT_OF_SCOPE} in the examples ({', '.join(labels) or 'none'}); give at "
            f"least two to tell apart"
        )
    if few := [label for label in labels if counts[label] == 1]:
        notes.append(f"{len(few)} labels have one example only: {', '.join(few[:5])}; give more")
    place = {label: number for number, label in enumerate(labels)}
    targets = np.array([place.get(example.label, -1) for example in cleaned.examples], dtype=np.int64)
    return _Data([example.text for example in cleaned.examples], targets, labels), notes


def _validation(examples: Sequence[Example], data: _Data) -> tuple[_Data, list[str]]:
    """The validation examples as data, without labels that are not learnt and texts that are learnt from."""
    place = {label: number for number, label in enumerate(data.labels)} | {OUT_OF_SCOPE: -1}
    learnt = {same_text(text) for text in data.texts}
    usable = [example for example in examples if example.label in place]
    fresh = [example for example in usable if same_text(example.text) not in learnt]
    notes = []
    if unknown := {example.label for example in examples} - set(place):
        notes.append(
            f"validation labels that no example to learn from has were left out: {', '.join(sorted(unknown)[:5])}"
        )
    if len(fresh) < len(usable):
        notes.append(f"{len(usable) - len(fresh)} validation texts are also learnt from and were left out")
    if not any(place[example.label] >= 0 for example in fresh):
        raise DataError(
            "The validation examples share no label, or all their texts, with those to learn from; give others"
        )
    targets = np.array([place[example.label] for example in fresh], dtype=np.int64)
    return _Data([example.text for example in fresh], targets, data.labels), notes


def _split(data: _Data, seed: int) -> tuple[list[int], list[int]]:
    """(rows to learn from, rows held out); of few out-of-scope examples more are held out, to set the threshold."""
    count = len(data.texts)
    share = 0.2 if count < 1_500 else 0.1 if count < MANY else 0.05
    names = data.names()
    inside = [i for i in range(count) if data.targets[i] >= 0]
    outside = [i for i in range(count) if data.targets[i] < 0]
    learnt, held = [], []
    for rows, part in ((inside, share), (outside, min(0.5, max(share, 50 / max(1, len(outside)))))):
        left, right = split([names[i] for i in rows], [data.texts[i] for i in rows], part, seed)
        learnt += [rows[i] for i in left]
        held += [rows[i] for i in right]
    return sorted(learnt), sorted(held)


def _judged(fit: _Fit, linear: Linear, vectors: Matrix, held: _Data) -> tuple[Scope, Evaluation | None]:
    if not held.texts:
        return Scope(), None
    both = linear.logits(vectors, held.texts)
    return _measured(both, held, fit.own_row)


def _measured(both: Matrix, held: _Data, own_row: bool) -> tuple[Scope, Evaluation]:
    logits, own = (both[:, :-1], both[:, -1]) if own_row else (both, None)
    scope = calibrate(logits, own, held.targets)
    found = decide(logits, own, held.labels, scope)
    return scope, evaluate(held.names(), [p.label for p in found], [p.confidence for p in found])


def _cross_validated(fit: _Fit, vectors: Matrix) -> tuple[Scope, Evaluation | None]:
    """Logits of every example by a head that has not seen it: nothing need be held out of the head that is kept."""
    data = fit.data
    where = np.array(folds(data.names(), data.texts, _FOLDS, fit.seed))
    both = np.zeros((len(data.texts), len(data.labels) + fit.own_row), dtype=np.float32)
    judged = np.zeros(len(data.texts), dtype=bool)
    for number in range(_FOLDS if len(data.texts) < MANY else 1):  # of many examples a fifth tells enough
        out = np.flatnonzero(where == number)
        rest = np.flatnonzero(where != number)
        if not len(out) or not (data.targets[rest] >= 0).any():
            continue
        linear = fit.linear(vectors[rest], data.take(rest.tolist()))
        both[out] = linear.logits(vectors[out], [data.texts[i] for i in out])
        judged[out] = True
    if judged.sum() < 5:
        return Scope(), None
    rows = np.flatnonzero(judged)
    return _measured(both[rows], data.take(rows.tolist()), fit.own_row)
