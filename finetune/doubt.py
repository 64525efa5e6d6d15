"""Corrections that everything else contradicts: they wait for a reviewer instead of being learnt.

A correction is judged by what all others teach: by a ridge regression of the labels on the body's vectors, which knows what sets
labels apart, and by the nearest texts, which know where two labels lie close. Both learn from the trusted examples and from every
other author's feedback, and are asked about this author's; where another label leads by more than all but a few trusted examples
are ever contradicted by, the correction is doubted. This is the pruning of confident learning
(Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels") with the authors as folds:
nobody's entries bear each other out, however many they are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finetune.network import Body, unchanged
from finetune.review import Judge, Voice, question_key
from finetune.types import Example

SHARE = 0.05  # of the trusted examples that would be doubted, each judged by all others
RIDGE = 1.0  # added to the diagonal; vectors have unit length. From 0.3 to 10 it hardly matters
NEAREST = 10  # texts whose labels count beside the regression
SHARPNESS = 10.0  # of their weights, exp(sharpness * cosine): one 0.1 nearer counts 2.7 times as much
MAX_TOKENS = 96
LEAST_TRUSTED = 50  # with fewer there is too little to contradict anybody
LEAST_OF_LABEL = 5  # examples by others: of a label that is only now being taught nobody else knows enough

Vectors = Callable[[Sequence[str]], npt.NDArray[np.float32]]
"""n texts -> (n, d) unit vectors."""
_Doubles = npt.NDArray[np.float64]
_BLOCK = 512


def contradicted(voices: Sequence[Voice], trusted: Sequence[Example], vectors: Vectors) -> list[str | None]:
    """A `finetune.review.Judge`, given what it needs.

    `trusted` are the examples beside the feedback; one that repeats a voice is left out, it may have been learnt from it.
    Vectors are asked for only where somebody is judged.
    """
    found: list[str | None] = [None] * len(voices)
    spoken = {question_key(voice.text) for voice in voices}
    trusted = [example for example in trusted if question_key(example.text) not in spoken]
    if len(trusted) < LEAST_TRUSTED or not any(voice.judged for voice in voices):
        return found
    names = [*(example.label for example in trusted), *(voice.label for voice in voices)]
    labels = sorted(set(names))
    place = {label: number for number, label in enumerate(labels)}
    targets = np.array([place[name] for name in names])
    inputs = _with_constant(vectors([*(example.text for example in trusted), *(voice.text for voice in voices)]))
    authors: list[str | None] = [*([None] * len(trusted)), *(voice.author for voice in voices)]

    whole = _Sums.of(inputs, targets, len(labels))
    limit = _limit(inputs[: len(trusted)], targets[: len(trusted)], len(labels))
    asked_without: dict[frozenset[str | None], list[int]] = defaultdict(list)
    for row, voice in enumerate(voices, len(trusted)):
        if voice.judged:
            asked_without[voice.against | {voice.author}].append(row)
    for parties, asked in asked_without.items():
        own = np.array([i for i, name in enumerate(authors) if name in parties], dtype=np.int64)
        others = whole.without(_Sums.of(inputs[own], targets[own], len(labels)))
        known = Counter(names) - Counter(names[i] for i in own)
        rest = np.setdiff1d(np.arange(len(targets)), own)
        scores = inputs[asked] @ others.weights() + _near(inputs[asked], inputs[rest], targets[rest], len(labels))
        lead, best = _lead(scores, targets[asked])
        for row, said, ahead, label in zip(asked, scores, lead, best, strict=True):
            if known[names[row]] < LEAST_OF_LABEL:
                continue
            rivals = [place[name] for name in voices[row - len(trusted)].rivals if name in place]
            likelier = max(rivals, key=lambda rival: said[rival], default=targets[row])
            if ahead > limit:
                found[row - len(trusted)] = labels[label]
            elif said[likelier] > said[targets[row]]:
                found[row - len(trusted)] = labels[likelier]
    return found


def judge_on(body: Body, cache: Path, trusted: Sequence[Example], threads: int = 0) -> Judge:
    """The judge of corrections by the vectors of the unchanged body, on all cores by default. Nothing is computed before it is asked."""

    def judge(voices: Sequence[Voice]) -> list[str | None]:
        network, tokens = unchanged(body, cache, threads), body.tokens(MAX_TOKENS)
        return contradicted(voices, trusted, lambda texts: network.pooled(tokens.ids(texts)))

    return judge


@dataclass(frozen=True, slots=True)
class _Sums:
    """What a ridge regression needs of its examples: (d, d) products of the inputs, (d, labels) with the targets."""

    inputs: _Doubles
    targets: _Doubles

    @classmethod
    def of(cls, inputs: _Doubles, targets: npt.NDArray[Any], labels: int) -> _Sums:
        return cls(inputs.T @ inputs, inputs.T @ np.eye(labels)[targets])

    def without(self, part: _Sums) -> _Sums:
        return _Sums(self.inputs - part.inputs, self.targets - part.targets)

    def inverse(self) -> _Doubles:
        return np.asarray(np.linalg.inv(self.inputs + RIDGE * np.eye(len(self.inputs))))

    def weights(self) -> _Doubles:
        return self.inverse() @ self.targets


def _limit(inputs: _Doubles, targets: npt.NDArray[Any], labels: int) -> float:
    """The lead of another label that all but SHARE of the trusted examples stay below, each left out of its own judging.

    Leaving one out has a closed form: the residual is divided by one minus the example's leverage.
    """
    sums = _Sums.of(inputs, targets, labels)
    inverse = sums.inverse()
    own = np.eye(labels)[targets]
    leverage = np.einsum("ij,jk,ik->i", inputs, inverse, inputs)[:, None]
    scores = (inputs @ (inverse @ sums.targets) - leverage * own) / (1 - leverage)
    scores += _near(inputs, inputs, targets, labels, same=True)
    return max(0.0, float(np.quantile(_lead(scores, targets)[0], 1 - SHARE)))


def _near(asked: _Doubles, known: _Doubles, targets: npt.NDArray[Any], labels: int, *, same: bool = False) -> _Doubles:
    """(n, labels) shares of the labels among the nearest of `known`, by cosine; with `same` both are equal and nobody is near itself."""
    out = np.zeros((len(asked), labels))
    table = known[:, :-1].astype(np.float32).T  # without the constant
    count = min(NEAREST, len(known) - same)
    for begin in range(0, len(asked), _BLOCK):
        cosines = asked[begin : begin + _BLOCK, :-1].astype(np.float32) @ table
        rows = np.arange(len(cosines))
        if same:
            cosines[rows, begin + rows] = -np.inf
        near = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        weights = np.exp(SHARPNESS * (cosines[rows[:, None], near] - 1))
        np.add.at(out, (begin + rows[:, None], targets[near]), weights / weights.sum(axis=1, keepdims=True))
    return out


def _lead(scores: _Doubles, targets: npt.NDArray[Any]) -> tuple[_Doubles, npt.NDArray[np.int64]]:
    """(how far the best other label is ahead of the given one, that label) for (n, labels) scores."""
    rows = np.arange(len(scores))
    others = scores.copy()
    others[rows, targets] = -np.inf
    best = others.argmax(axis=1)
    return others[rows, best] - scores[rows, targets], best


def _with_constant(vectors: npt.NDArray[np.float32]) -> _Doubles:
    return np.hstack([vectors.astype(np.float64), np.ones((len(vectors), 1))])
