"""First vectors of the new tokens: from the English words they are translated by, or drawn at random to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FloatMatrix = npt.NDArray[np.float32]
_BEST = 8  # English pieces that make up one vector


def random_rows(embedding: FloatMatrix, count: int, seed: int = 0) -> FloatMatrix:
    """(count, d) rows drawn from the normal distribution of the known rows, dimension by dimension."""
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((count, embedding.shape[1])) * embedding.std(axis=0) + embedding.mean(axis=0)
    rows: FloatMatrix = drawn.astype(np.float32)
    return rows


def aligned_rows(
    embedding: FloatMatrix,
    english: Sequence[Sequence[int]],
    chinese: Sequence[Sequence[int]],
    names: Sequence[str],
    seed: int = 0,
    min_count: int = 3,
) -> FloatMatrix:
    """(len(names), d) first rows: each the weighted mean of the English pieces that occur in the translations.

    `embedding` is (v, d). `english` are the token ids of one side of sentence pairs; `chinese` are, for the other side,
    the numbers of the rows that occur, from 0. The weight of a piece is the square of its Dice coefficient with the row
    over the pairs (Dice 1945), the eight best counting. A tenth of a random row keeps rows of the same translations apart.
    What occurs in less than `min_count` pairs becomes the mean of its characters' rows, where those occur, and else stays
    random.
    """
    from scipy import sparse

    known, count = len(embedding), len(names)
    rows = random_rows(embedding, count, seed)
    left = _presence(chinese, count)
    right = _presence([[t for t in ids if t < known] for ids in english], known)
    right_counts = np.asarray(right.sum(axis=0)).ravel()
    left_counts = np.asarray(left.sum(axis=0)).ravel()
    together = sparse.csr_matrix(left.T @ right)
    for row in np.flatnonzero(left_counts >= min_count):
        part = slice(together.indptr[row], together.indptr[row + 1])
        pieces = together.indices[part]
        dice = 2 * together.data[part] / (left_counts[row] + right_counts[pieces])
        best = np.argsort(-dice)[:_BEST]
        weights = dice[best] ** 2
        if weights.sum() > 0:
            mean = (weights[:, None] * embedding[pieces[best]]).sum(axis=0) / weights.sum()
            rows[row] = 0.9 * mean + 0.1 * rows[row]
    at = {name: row for row, name in enumerate(names)}
    for number, name in enumerate(names):
        if left_counts[number] >= min_count or len(name) == 1:
            continue
        if seen := [at[c] for c in name if c in at and left_counts[at[c]] >= min_count]:
            rows[number] = 0.9 * rows[seen].mean(axis=0) + 0.1 * rows[number]
    return rows


def _presence(ids: Sequence[Sequence[int]], width: int) -> Any:  # scipy has no stubs
    """(len(ids), width) sparse: 1 where a token occurs in a text, however often."""
    from scipy import sparse

    sets = [np.unique(np.asarray(some, dtype=np.int64)) for some in ids]
    ends = np.cumsum([0, *(len(some) for some in sets)])
    columns = np.concatenate(sets) if sets else np.empty(0, dtype=np.int64)
    return sparse.csr_matrix((np.ones(len(columns), dtype=np.float32), columns, ends), shape=(len(sets), width))
