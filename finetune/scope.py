"""In scope or not: how sure a classifier must be, learnt from texts held out of its training.

A text's scope score is a weighted sum of three facts about its logits: the highest one, how far it leads the second, and, where
out-of-scope examples were learnt from, how far their own logit lies above it. The weights come from a logistic
regression where enough out-of-scope examples were held out; else the highest logit alone speaks (Vaze et al. 2022,
"Open-Set Recognition: A Good Closed-Set Classifier is All You Need?"). The threshold is chosen on the same held-out texts and on
nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from finetune.network import Matrix

LOST = 0.005  # share of the in-scope texts that may be refused for the sake of those out of scope
_ENOUGH = 20  # held-out out-of-scope texts from which weights are learnt


@dataclass(frozen=True, slots=True)
class Scope:
    """Calibration of a classifier: probability of being in scope = sigmoid(slope * (score - threshold)).

    `temperature` divides the logits before the softmax (Guo et al. 2017); `weights` (3,) make the score.
    """

    temperature: float = 1.0
    weights: tuple[float, float, float] = (1.0, 0.0, 0.0)
    threshold: float = -1e9
    slope: float = 1.0

    def scores(self, logits: Matrix, own: Matrix | None) -> Matrix:
        """(n,) scores of (n, classes) logits; `own` (n,) is the logit of being out of scope, where there is one."""
        return np.asarray(facts(logits, own) @ np.array(self.weights), dtype=np.float32)

    def inside(self, scores: Matrix) -> Matrix:
        """(n,) probabilities of being in scope; above 0.5 from the threshold on."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self.slope * (scores - self.threshold), -30, 30))), dtype=np.float32)

    def to_json(self) -> dict[str, Any]:
        """For the card."""
        return {
            "temperature": self.temperature, "weights": list(self.weights), "threshold": self.threshold, "slope": self.slope,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scope:
        """From the card."""
        a, b, c = (float(value) for value in data["weights"])
        return cls(float(data["temperature"]), (a, b, c), float(data["threshold"]), float(data["slope"]))


def facts(logits: Matrix, own: Matrix | None) -> Matrix:
    """(n, 3): the highest logit, its lead over the second, and its lead over the logit of being out of scope (or 0)."""
    ordered = np.sort(logits, axis=1)
    highest = ordered[:, -1]
    lead = highest - ordered[:, -2] if logits.shape[1] > 1 else np.zeros_like(highest)
    return np.stack(
        [highest, np.minimum(lead, 5.0), highest - own if own is not None else np.zeros_like(highest)], axis=1
    )


def softmax(logits: Matrix, temperature: float = 1.0) -> Matrix:
    """(n, classes) probabilities."""
    scaled = logits / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def calibrate(logits: Matrix, own: Matrix | None, targets: npt.NDArray[np.int64], lost: float = LOST) -> Scope:
    """Fit on held-out texts: (n, classes) logits, (n,) out-of-scope logits or None, and targets, -1 being out of scope."""
    inside = targets >= 0
    if inside.sum() < 5:
        return Scope()
    temperature = _temperature(logits[inside], targets[inside])
    known = facts(logits, own)
    weights = np.array([1.0, 0.0, 0.0])
    outside = int((~inside).sum())
    if outside >= _ENOUGH:
        weights = _weights(known, inside)
    elif own is not None:
        weights = np.array([0.5, 0.0, 0.5])
    # As a version at work computes them, to the last bit: the threshold may be one of these scores.
    scores = Scope(weights=(float(weights[0]), float(weights[1]), float(weights[2]))).scores(logits, own)
    threshold = float(np.quantile(scores[inside], lost, method="lower"))  # between two scores, one more would be lost
    if outside >= _ENOUGH:
        threshold = _best_threshold(scores, inside, threshold)
    # The slope that makes "in scope" most probable where it is true; without counter-examples, one that makes the
    # median text as good as certain.
    middle = float(np.median(scores[inside])) - threshold
    slope = 4.0 / max(middle, 1e-3)
    if outside >= _ENOUGH:
        grid = slope * np.geomspace(0.25, 4, 17)
        slope = float(min(grid, key=lambda s: _loss(s * (scores - threshold), inside)))
    return Scope(temperature, (float(weights[0]), float(weights[1]), float(weights[2])), threshold, float(slope))


def _temperature(logits: Matrix, targets: npt.NDArray[np.int64]) -> float:
    """The one of a fine grid with the least negative log-likelihood."""
    rows = np.arange(len(targets))

    def loss(temperature: float) -> float:
        return -float(np.log(softmax(logits, temperature)[rows, targets] + 1e-9).mean())

    return float(min(np.geomspace(0.2, 5, 65), key=loss))


def _weights(known: Matrix, inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression

    spread = known.std(axis=0)
    spread[spread == 0] = 1.0
    model = LogisticRegression(C=1.0, class_weight="balanced").fit(known / spread, inside)
    return np.asarray(np.maximum(model.coef_[0], 0) / spread)  # no fact may speak against its own sense


def _best_threshold(scores: Matrix, inside: npt.NDArray[np.bool_], highest: float) -> float:
    """The threshold with the best mean of both recalls among those that lose no more than `highest` does."""
    candidates = [value for value in np.unique(scores) if value <= highest] or [highest]
    return float(max(candidates, key=lambda t: (scores[inside] >= t).mean() + (scores[~inside] < t).mean()))


def _loss(logit: Matrix, inside: npt.NDArray[np.bool_]) -> float:
    return float(np.mean(np.logaddexp(0, np.where(inside, -logit, logit))))
