"""BM25 over code-aware tokens, as plain memory-mapped arrays.

Why not a library: k1 and b decide much on manuals (0.9 / 0.4 against the usual 1.2 / 0.75 gains several points, see
benchmarks/RESULTS.md) and full-text engines fix them; fusing by score also needs the exact score of any chunk.

Files, all little-endian `.npy` without pickles: `terms` (u,) uint64 hashes sorted; `offsets` (u + 1,) int64;
`positions` (p,) int32 and `frequencies` (p,) uint16, the postings of term i in [offsets[i], offsets[i + 1]) sorted by
position; `lengths` (n,) int32 tokens of each chunk. A term is the first 8 bytes of BLAKE2b of its UTF-8 text.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.analysis import question_tokens, tokens
from indexer.errors import StoreError

FILES = ("terms", "offsets", "positions", "frequencies", "lengths")


@lru_cache(maxsize=500_000)
def term_hash(token: str) -> int:
    """The 64-bit name of a token. Two of a million tokens share one with a chance below 1e-7."""
    return int.from_bytes(hashlib.blake2b(token.encode(), digest_size=8).digest(), "little")


class Bm25Index:
    """BM25 (Robertson & Zaragoza 2009, with the non-negative idf that Lucene uses) over memory-mapped postings.

    k1 = 0.9 and b = 0.4 are the values Trotman, Puurula & Burgess 2014 and Anserini found best across collections.
    """

    def __init__(
        self,
        terms: npt.NDArray[np.uint64],
        offsets: npt.NDArray[np.int64],
        positions: npt.NDArray[np.int32],
        frequencies: npt.NDArray[np.uint16],
        lengths: npt.NDArray[np.int32],
        k1: float = 0.9,
        b: float = 0.4,
    ) -> None:
        self._terms, self._offsets, self._positions = terms, offsets, positions
        self._frequencies, self._lengths = frequencies, lengths
        self._k1, self._b = k1, b
        self._norm: npt.NDArray[np.float32] | None = None
        self._whole: Bm25Index | None = None

    def __len__(self) -> int:
        return len(self._lengths)

    @classmethod
    def build(cls, texts: Iterable[str]) -> Bm25Index:
        """Index texts; text i gets position i."""
        return cls._from_postings(*_postings(texts))

    @classmethod
    def open(cls, folder: Path) -> Bm25Index:
        """Map the files of a folder; raises StoreError when one is missing or does not fit the others."""
        try:
            arrays = [np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in FILES]
        except (OSError, ValueError) as error:
            raise StoreError(
                f"The lexical index in {folder} cannot be read ({error}). Run `copilot index --rebuild`."
            ) from error
        terms, offsets, positions, frequencies, _ = arrays
        if len(offsets) != len(terms) + 1 or len(positions) != len(frequencies) or int(offsets[-1]) != len(positions):
            raise StoreError(
                f"The lexical index in {folder} is damaged: its files do not fit together. Run `copilot index --rebuild`."
            )
        return cls(*arrays)

    def write(self, folder: Path) -> None:
        """Write the five files into an existing folder."""
        arrays: tuple[npt.NDArray[Any], ...] = (
            self._terms, self._offsets, self._positions, self._frequencies, self._lengths,
        )  # fmt: skip
        for name, array in zip(FILES, arrays, strict=True):
            np.save(folder / f"{name}.npy", array, allow_pickle=False)

    def updated(self, keep: npt.NDArray[np.int64], texts: Iterable[str]) -> Bm25Index:
        """A new index: the chunks at positions `keep` (in that order), then `texts`. Nothing kept is tokenised again."""
        place = np.full(len(self), -1, dtype=np.int32)
        place[keep] = np.arange(len(keep), dtype=np.int32)
        moved = place[np.asarray(self._positions)] if len(self._positions) else np.empty(0, np.int32)
        stays = moved >= 0
        terms = np.repeat(np.asarray(self._terms), np.diff(self._offsets))[stays]
        new_terms, new_positions, new_frequencies, new_lengths = _postings(texts)
        return self._from_postings(
            np.concatenate([terms, new_terms]),
            np.concatenate([moved[stays], new_positions + np.int32(len(keep))]),
            np.concatenate([np.asarray(self._frequencies)[stays], new_frequencies]),
            np.concatenate([np.asarray(self._lengths)[keep], new_lengths]),
        )

    def beside(self, texts: Iterable[str]) -> Bm25Index:
        """An index of a few texts more, whose scores compare with this one's: how rare words are, this one says."""
        more = self._from_postings(*_postings(texts))
        more._whole = self
        return more

    @property
    def _mean_length(self) -> float:
        if self._whole is not None and len(self._whole):
            return self._whole._mean_length
        return float(np.asarray(self._lengths, dtype=np.float32).mean()) if len(self._lengths) else 1.0

    @classmethod
    def _from_postings(
        cls,
        term_of: npt.NDArray[np.uint64],
        positions: npt.NDArray[np.int32],
        frequencies: npt.NDArray[np.uint16],
        lengths: npt.NDArray[np.int32],
    ) -> Bm25Index:
        order = np.lexsort((positions, term_of))
        term_of = term_of[order]
        terms, starts = np.unique(term_of, return_index=True)
        offsets = np.append(starts, len(term_of)).astype(np.int64)
        return cls(terms, offsets, positions[order], frequencies[order], lengths)

    def scores(self, question_terms: Sequence[str]) -> npt.NDArray[np.float32]:
        """The BM25 score of every chunk for these tokens, shape (n,); 0 where none occurs."""
        out = np.zeros(len(self), dtype=np.float32)
        if self._norm is None:
            lengths = np.asarray(self._lengths, dtype=np.float32)
            self._norm = self._k1 * (1 - self._b + self._b * lengths / max(self._mean_length, 1e-9))
        for term in dict.fromkeys(question_terms):
            start, end = self._range(term)
            if start == end:
                continue
            at = self._positions[start:end]
            frequency = self._frequencies[start:end].astype(np.float32)
            idf = self.idf_of_count(end - start) if self._whole is None else np.float32(self._whole._idf_held(term))
            out[at] += idf * frequency * (self._k1 + 1) / (frequency + self._norm[at])
        return out

    def idf_of_count(self, count: int) -> np.float32:
        """Inverse document frequency of a term that occurs in `count` chunks; positive."""
        return np.float32(np.log1p((len(self) - count + 0.5) / (count + 0.5)))

    def idf(self, token: str) -> float:
        """Inverse document frequency of a token; the highest there is when no chunk holds it."""
        start, end = self._range(token)
        return float(self.idf_of_count(end - start))

    def _idf_held(self, token: str) -> float:
        """As `idf`, of a token that some text holds, if none of these."""
        start, end = self._range(token)
        return float(self.idf_of_count(max(1, end - start)))

    def contains(self, token: str) -> bool:
        """Whether any chunk holds this token."""
        start, end = self._range(token)
        return end > start

    def search(self, question: str, k: int, allowed: npt.NDArray[np.int64] | None = None) -> list[tuple[int, float]]:
        """Up to k (position, score) with score > 0, best first, ties by position; `allowed` limits the positions."""
        scores = self.scores(question_tokens(question))
        return top(scores, k, allowed)

    def _range(self, token: str) -> tuple[int, int]:
        name = np.uint64(term_hash(token))
        at = int(np.searchsorted(self._terms, name))
        if at < len(self._terms) and self._terms[at] == name:
            return int(self._offsets[at]), int(self._offsets[at + 1])
        return 0, 0


def top(
    scores: npt.NDArray[np.float32], k: int, allowed: npt.NDArray[np.int64] | None = None
) -> list[tuple[int, float]]:
    """The k best positive scores as (position, score), ties by position."""
    if allowed is not None:
        positions = allowed[scores[allowed] > 0]
    else:
        positions = np.flatnonzero(scores > 0)
    if len(positions) > k:
        # Keep every position that ties with the k-th, so that ties are broken by position and not by the partition.
        values = scores[positions]
        kth = np.partition(values, len(values) - k)[len(values) - k]
        positions = positions[values >= kth]
    order = np.lexsort((positions, -scores[positions]))[:k]
    return [(int(p), float(scores[p])) for p in positions[order]]


def _postings(
    texts: Iterable[str],
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32], npt.NDArray[np.uint16], npt.NDArray[np.int32]]:
    terms: list[npt.NDArray[np.uint64]] = []
    positions: list[npt.NDArray[np.int32]] = []
    frequencies: list[npt.NDArray[np.uint16]] = []
    lengths: list[int] = []
    for position, text in enumerate(texts):
        found = tokens(text)
        counts = Counter(found)
        lengths.append(len(found))
        terms.append(np.fromiter((term_hash(t) for t in counts), np.uint64, len(counts)))
        positions.append(np.full(len(counts), position, np.int32))
        frequencies.append(np.fromiter((min(c, 65_535) for c in counts.values()), np.uint16, len(counts)))
    if not terms:
        return np.empty(0, np.uint64), np.empty(0, np.int32), np.empty(0, np.uint16), np.empty(0, np.int32)
    return np.concatenate(terms), np.concatenate(positions), np.concatenate(frequencies), np.array(lengths, np.int32)
