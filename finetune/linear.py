"""The last, linear step of a text classifier: the body's vector and the wide features to one logit per class.

Fitting uses scikit-learn; applying needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from finetune.network import Matrix
from finetune.wide import BUCKETS, Wide

REGULARISATION = 10.0  # C of the logistic regression; its inverse weighs the squared weights
WIDE_WEIGHT = 0.3  # length of a text's wide features beside the body's vector of length 1
_NEVER = -30.0
_RARE = 3_000  # from so many texts on, pieces that occur in one text only are left out


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
    vectors: Matrix, texts: Sequence[str], targets: npt.NDArray[np.int64], classes: int,
    *, regularisation: float = REGULARISATION, wide_weight: float = WIDE_WEIGHT, balanced: bool = False,
) -> Linear:  # fmt: skip
    """Multinomial logistic regression. `targets` (n,) are from 0..classes-1; a class without a text is never chosen."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression

    wide = Wide.of(texts, wide_weight if wide_weight else 1.0)
    matrix = wide.matrix(texts)
    often = np.asarray((matrix > 0).sum(axis=0)).ravel()
    buckets = np.flatnonzero(often >= (2 if len(texts) >= _RARE else 1)) if wide_weight else np.empty(0, dtype=np.int64)
    # The wide row is as long with its rare pieces left out as without: their inverse frequencies count as 0.
    idf = np.zeros(BUCKETS, dtype=np.float32)
    idf[buckets] = wide.idf[buckets]
    wide = Wide(idf, wide.weight)
    present = np.unique(targets)
    features = vectors if not len(buckets) else hstack([csr_matrix(vectors), wide.matrix(texts)[:, buckets]]).tocsr()
    whole = np.zeros((classes, features.shape[1]), dtype=np.float32)
    bias = np.full(classes, _NEVER, dtype=np.float32)
    if len(present) == 1:
        bias[present] = 0.0
    else:
        model = LogisticRegression(
            C=regularisation, max_iter=200, tol=1e-3, class_weight="balanced" if balanced else None
        )
        model.fit(features, targets)
        rows, constants = model.coef_, model.intercept_
        if len(present) == 2:  # one row stands for both
            rows, constants = np.vstack([-rows, rows]) / 2, np.concatenate([-constants, constants]) / 2
        whole[present], bias[present] = rows, constants
    width = vectors.shape[1]
    return Linear(np.ascontiguousarray(whole[:, :width]), bias, wide, buckets, np.ascontiguousarray(whole[:, width:].T))
