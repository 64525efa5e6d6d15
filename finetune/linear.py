"""The last, linear step of a text classifier: the body's vector and the wide features to one logit per class.

Fitting uses scikit-learn; applying needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from finetune.network import Matrix
from finetune.wide import BUCKETS, Wide

REGULARISATION = 10.0  # C of the logistic regressions; its inverse weighs the squared weights
WIDE_WEIGHT = 0.5  # of the wide features' logits beside those of the body's vector
# Of the largest slope of the mean loss. It begins at about a hundredth divided by the number of classes, so that a coarser one
# can be met before the first step.
TOLERANCE = 1e-5
_NEVER = -30.0
_RARE = 3_000  # from so many texts on, pieces that occur in one text only are left out
_LEAST = 0.01  # shares below are left out


@dataclass(frozen=True, slots=True)
class Linear:
    """`weight` (classes, d), `bias` (classes,), and for the wide features in `buckets` (m,) `wide_weight` (m, classes)."""

    weight: Matrix
    bias: Matrix
    wide: Wide
    buckets: npt.NDArray[np.int64]
    wide_weight: Matrix

    def logits(self, vectors: Matrix, texts: Sequence[str]) -> Matrix:
        """(n, classes) float32 of (n, d) vectors and their texts."""
        out = vectors @ self.weight.T + self.bias
        if len(self.buckets):
            for place, text in enumerate(texts):
                buckets, values = self.wide.row(text)
                if len(buckets):
                    at = np.searchsorted(self.buckets, buckets)
                    out[place] += values @ self.wide_weight[at]
        return np.asarray(out, dtype=np.float32)


def fit_linear(
    vectors: Matrix, texts: Sequence[str], targets: npt.NDArray[np.int64] | Matrix, classes: int,
    *, regularisation: float = REGULARISATION, wide_weight: float = WIDE_WEIGHT, balanced: bool = False,
) -> Linear:  # fmt: skip
    """Two multinomial logistic regressions, on the vectors and on the wide features, their logits added.

    They are fitted apart: together, vectors that were fine-tuned on the same texts explain everything and leave the wide
    features nothing to learn. `targets` (n,) are from 0..classes-1, or (n, classes) of them how much each text counts for each
    class, as teachers would have it; a class without a text is never chosen.
    """
    weight, bias = _regression(vectors, targets, classes, regularisation, balanced)
    wide = Wide.of(texts, 1.0)
    matrix = wide.matrix(texts)
    often = np.asarray((matrix > 0).sum(axis=0)).ravel()
    buckets = np.flatnonzero(often >= (2 if len(texts) >= _RARE else 1)) if wide_weight else np.empty(0, dtype=np.int64)
    idf = np.zeros(BUCKETS, dtype=np.float32)
    idf[buckets] = wide.idf[buckets]
    wide = Wide(idf, 1.0)  # what is left out counts nothing in a text's length either
    if not len(buckets):
        return Linear(weight, bias, wide, buckets, np.zeros((0, classes), dtype=np.float32))
    own, constant = _regression(wide.matrix(texts)[:, buckets], targets, classes, regularisation, balanced)
    whole = bias + np.float32(wide_weight) * np.where(constant <= _NEVER, 0, constant)
    return Linear(
        weight, whole.astype(np.float32), wide, buckets, np.ascontiguousarray(np.float32(wide_weight) * own.T)
    )


def _regression(
    features: Any, targets: npt.NDArray[np.int64] | Matrix, classes: int, regularisation: float, balanced: bool
) -> tuple[Matrix, Matrix]:
    """(classes, features) weights and (classes,) constants; `features` may be sparse."""
    from sklearn.linear_model import LogisticRegression

    weights = None
    if targets.ndim == 2:  # a text counts once for each class it may belong to, by its share
        texts, classes_of = np.nonzero(targets >= _LEAST)
        features, weights, targets = features[texts], targets[texts, classes_of], classes_of
    present = np.unique(targets)
    weight = np.zeros((classes, features.shape[1]), dtype=np.float32)
    bias = np.full(classes, _NEVER, dtype=np.float32)
    if len(present) == 1:
        bias[present] = 0.0
        return weight, bias
    model = LogisticRegression(
        C=regularisation, max_iter=300, tol=TOLERANCE, class_weight="balanced" if balanced else None
    )
    model.fit(features, targets, sample_weight=weights)
    rows, constants = model.coef_, model.intercept_
    if len(present) == 2:  # one row stands for both
        rows, constants = np.vstack([-rows, rows]) / 2, np.concatenate([-constants, constants]) / 2
    weight[present], bias[present] = rows, constants
    return weight, bias
