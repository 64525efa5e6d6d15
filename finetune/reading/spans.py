"""The likeliest spans of begin and end logits. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.float32]


def best_spans(begin: Logits, end: Logits, longest: int, count: int) -> list[tuple[int, int, float]]:
    """(first token, last token, summed logits) of the best `count` spans of at most `longest` tokens, best first."""
    size = len(begin)
    scores = np.triu(begin[:, None] + end[None])
    outside = np.tril(np.ones((size, size), dtype=bool), -1) | np.triu(np.ones((size, size), dtype=bool), longest)
    scores[outside] = -np.inf
    flat = scores.ravel()
    least = np.partition(flat, -count)[-count] if count < flat.size else -np.inf
    good = np.flatnonzero(flat >= least)  # sorting all of a thousand times as many takes longer than the rest
    best = good[np.argsort(-flat[good], kind="stable")[:count]]
    places = (np.unravel_index(int(place), scores.shape) for place in best)
    return [(int(a), int(b), float(scores[a, b])) for a, b in places if np.isfinite(scores[a, b])]
