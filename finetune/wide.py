"""Words and pieces of words as features beside the body's vector: "wide and deep" (Cheng et al. 2016).

Few examples of a plant's own jargon ("dpr u/s", "跳停") tell more by their letters than by a vector learnt elsewhere.
Features are hashed (Weinberger et al. 2009), so that a version needs no vocabulary, and weighted by inverse document
frequency.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from indexer.analysis import fold

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BUCKETS = 1 << 14
_PARTS = re.compile(r"[\u3400-\u9fff]+|[^\W_\u3400-\u9fff]+|[?!%°]")


def pieces(text: str) -> Iterator[str]:
    """Words, pairs of words, two to four letters of a word with its borders; one to three Chinese characters in a row."""
    words = []
    for part in _PARTS.findall(fold(text)):
        if "\u3400" <= part[0] <= "\u9fff":
            words += list(part)
            for size in (2, 3):
                yield from ("c" + part[i : i + size] for i in range(len(part) - size + 1))
            continue
        words.append(part)
        edged = f"<{part}>"
        for size in (2, 3, 4):
            yield from ("c" + edged[i : i + size] for i in range(len(edged) - size + 1))
    yield from ("w" + word for word in words)
    yield from (f"p{a} {b}" for a, b in pairwise(words))


def counts(text: str) -> dict[int, int]:
    """Bucket -> how often."""
    return Counter(crc32(piece.encode()) % BUCKETS for piece in pieces(text))


@dataclass(frozen=True, slots=True)
class Wide:
    """Inverse document frequencies, (BUCKETS,) float32, 0 where training has nothing; scaled to `weight` per text."""

    idf: npt.NDArray[np.float32]
    weight: float

    @classmethod
    def of(cls, texts: Sequence[str], weight: float) -> Wide:
        """Count in which share of the texts each bucket occurs."""
        found: Counter[int] = Counter()
        for text in texts:
            found.update(counts(text).keys())
        idf = np.zeros(BUCKETS, dtype=np.float32)
        for bucket, count in found.items():
            idf[bucket] = math.log((1 + len(texts)) / (1 + count)) + 1
        return cls(idf, weight)

    def row(self, text: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """(buckets, values) of a text, of length `weight`; both empty for one with no known piece."""
        found = counts(text)
        buckets = np.fromiter(found.keys(), dtype=np.int64, count=len(found))
        values = (1 + np.log(np.fromiter(found.values(), dtype=np.float32, count=len(found)))) * self.idf[buckets]
        known = values > 0
        length = float(np.linalg.norm(values))
        if not known.any() or length == 0:
            return buckets[:0], values[:0].astype(np.float32)
        return buckets[known], (values[known] * (self.weight / length)).astype(np.float32)

    def matrix(self, texts: Sequence[str]) -> csr_matrix:
        """The rows of many texts, (n, BUCKETS) sparse."""
        from scipy.sparse import csr_matrix

        rows: list[Any] = [self.row(text) for text in texts]
        offsets = np.cumsum([0, *(len(buckets) for buckets, _ in rows)])
        columns = np.concatenate([buckets for buckets, _ in rows]) if rows else np.empty(0, np.int64)
        values = np.concatenate([values for _, values in rows]) if rows else np.empty(0, np.float32)
        return csr_matrix((values, columns, offsets), shape=(len(texts), BUCKETS))
