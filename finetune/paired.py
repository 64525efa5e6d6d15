"""Two models' answers to the same questions, counted so that thousands of resamples cost next to nothing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Questions that agree in (gold, answer now, candidate's answer) counted together, T kinds over K classes.

    `now` and `candidate` are the answers' places in `classes`, -1 for a label that is nobody's gold; all of shape (T,).
    Figures of resamples are then products of small matrices, however many questions there are.
    """

    classes: tuple[str, ...]
    gold: Ints
    now: Ints
    candidate: Ints
    counts: Ints

    @property
    def sizes(self) -> Ints:
        """Questions per class, shape (K,)."""
        return np.bincount(self.gold, weights=self.counts, minlength=len(self.classes)).astype(np.int64)

    def bootstrap(self, resamples: int, rng: np.random.Generator) -> Ints:
        """Counts of `resamples` sets of the same size and mix of gold labels, shape (resamples, T)."""
        drawn = np.zeros((resamples, len(self.counts)), dtype=np.int64)
        for place in range(len(self.classes)):
            mine = np.flatnonzero(self.gold == place)
            size = self.counts[mine].sum()
            drawn[:, mine] = rng.multinomial(size, self.counts[mine] / size, size=resamples)
        return drawn

    def macro_f1(self, counts: Ints, answers: Ints) -> Floats:
        """Mean F1 over the classes of the gold labels, shape (resamples,), for counts of shape (resamples, T)."""
        right, given = self._sums(counts, answers)
        mean: Floats = (2 * right / (given + self.sizes)).mean(axis=1)
        return mean

    def drops(self, swapped: Ints, big: Ints, small: Ints) -> Floats:
        """How much the classes fall from now to candidate when `swapped` (r, T) of each kind change sides.

        Columns: recall of the classes `big`, their F1, and one recall for all of `small` if there are any.
        """
        stay = self.counts - swapped
        sizes = self.sizes
        sides = []
        for mine, theirs in ((self.now, self.candidate), (self.candidate, self.now)):
            right, given = (
                a + b for a, b in zip(self._sums(stay, mine), self._sums(swapped, theirs), strict=True)
            )  # fmt: skip
            columns = [right[:, big] / sizes[big], (2 * right / (given + sizes))[:, big]]
            if small.size:
                columns.append(right[:, small].sum(axis=1, keepdims=True) / sizes[small].sum())
            sides.append(np.concatenate(columns, axis=1))
        fallen: Floats = sides[0] - sides[1]
        return fallen

    def _sums(self, counts: Ints, answers: Ints) -> tuple[Floats, Floats]:
        """Per class, how many answers were right and how many were given, both (resamples, K)."""
        kinds = np.arange(len(answers))
        given = np.zeros((len(answers), len(self.classes)))
        told = answers >= 0
        given[kinds[told], answers[told]] = 1.0
        right = given * (answers == self.gold)[:, None]
        as_floats = counts.astype(np.float64)
        return as_floats @ right, as_floats @ given


def tabulate(gold: Sequence[str], now: Sequence[str], candidate: Sequence[str]) -> Table:
    """Count the questions of one set by kind; all three have one label per question."""
    classes = tuple(sorted(set(gold)))
    place = {name: index for index, name in enumerate(classes)}
    kinds: dict[tuple[int, int, int], int] = {}
    for label, first, second in zip(gold, now, candidate, strict=True):
        key = (place[label], place.get(first, -1), place.get(second, -1))
        kinds[key] = kinds.get(key, 0) + 1
    columns = np.array(sorted(kinds), dtype=np.int64)
    counts = np.array([kinds[key] for key in sorted(kinds)], dtype=np.int64)
    return Table(classes, columns[:, 0], columns[:, 1], columns[:, 2], counts)
