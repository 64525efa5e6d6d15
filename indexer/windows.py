"""Vectors of a chunk's parts: what a long chunk says in one place is drowned in the mean of the whole.

A chunk of more than a window's length has, beside its own vector, one for each window: sentences and lines in a row, under the
end of its heading path. A passage is as good as its best part (Dai & Callan 2019, "Deeper Text Understanding for IR with
Contextual Neural Language Modeling", MaxP); here that counts half, the whole chunk the other half, since a part alone loses
what it is about. Measured in docs/experiments.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.chunk import is_heading_alone
from indexer.errors import StoreError
from indexer.protocols import FloatMatrix
from indexer.types import Chunk
from indexer.vector_index import FaissIndex

WINDOW_TOKENS = 96  # another size wants another `store.SCHEMA`, so that indexes of the old one are refused
HEADINGS = 2  # of the heading path, counted from its end, above each window
_HAN = re.compile(r"[\u3400-\u9fff]")
_PIECE = re.compile(r"(?<=[。！？；!?;\n])|(?<=\.)\s+")

Positions = npt.NDArray[np.int64]


def window_texts(chunk: Chunk) -> list[str]:
    """What is embedded of the parts of a chunk; nothing when it fits into one window."""
    if is_heading_alone(chunk):
        return []
    parts = list(_windows(chunk.text))
    if len(parts) < 2:
        return []
    above = " > ".join(chunk.heading[-HEADINGS:])
    return [f"{above}\n{part}" if above else part for part in parts]


def _windows(text: str) -> Iterator[str]:
    held, size = "", 0.0
    for piece in _PIECE.split(text):
        if not piece or not piece.strip():
            continue
        tokens = _tokens(piece)
        if held and size + tokens > WINDOW_TOKENS:
            yield held
            held, size = "", 0.0
        held = f"{held} {piece}" if held and not _HAN.match(piece) and not held.endswith("\n") else held + piece
        size += tokens
    if held:
        yield held


def _tokens(text: str) -> float:
    """About how many tokens a text has: windows need no better, and stay the same with every encoder."""
    han = len(_HAN.findall(text))
    return 0.8 * han + 0.25 * (len(text) - han)


class WindowIndex:
    """The parts' vectors in half precision, those of one chunk side by side: rows `starts[p]` to `starts[p + 1]`."""

    def __init__(self, vectors: FaissIndex, starts: Positions) -> None:
        self._vectors = vectors
        self._starts = starts

    def __len__(self) -> int:
        """How many chunks it covers."""
        return len(self._starts) - 1

    @classmethod
    def derive(cls, old: WindowIndex | None, keep: Positions, new: FloatMatrix, counts: Sequence[int]) -> Self:
        """Those of the chunks `keep` of `old`, in that order, then of new chunks: `counts[i]` rows of `new` each."""
        kept = np.zeros(0, dtype=np.int64) if old is None else old.rows_of(keep)[0]
        sizes = np.zeros(0, dtype=np.int64) if old is None else np.diff(old._starts)[keep]
        vectors = (
            FaissIndex.build(new, dimension=int(new.shape[1]))
            if old is None
            else FaissIndex.derive(old._vectors, kept, new)
        )
        sizes = np.concatenate([sizes, np.asarray(counts, dtype=np.int64)])
        return cls(vectors, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map the two files of a folder. Raises StoreError when one is missing or they do not fit together."""
        vectors = FaissIndex.open(folder / "windows.faiss")
        try:
            starts = np.load(folder / "windows.npy", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise StoreError(
                f"The parts of chunks in {folder} cannot be read ({error}). Run `copilot index --rebuild`."
            ) from error
        if starts.ndim != 1 or not len(starts) or int(starts[-1]) != len(vectors):
            raise StoreError(f"The parts of chunks in {folder} do not fit together. Run `copilot index --rebuild`.")
        return cls(vectors, starts)

    def write(self, folder: Path) -> None:
        """Write both files into an existing folder."""
        self._vectors.write(folder / "windows.faiss")
        np.save(folder / "windows.npy", self._starts, allow_pickle=False)

    def rows_of(self, positions: Positions) -> tuple[Positions, Positions]:
        """(rows of the parts of these chunks one after another, how many each has)."""
        first = self._starts[positions]
        counts = self._starts[positions + 1] - first
        within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(first, counts) + within, counts

    def vectors_of(self, position: int) -> FloatMatrix:
        """The vectors of one chunk's parts, (n, dimension) float32."""
        rows, _ = self.rows_of(np.array([position], dtype=np.int64))
        return self._vectors.vectors(rows)

    def best(self, positions: Positions, question: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(len(positions),) the best cosine of each chunk's parts with a unit vector; NaN for a chunk without parts."""
        rows, counts = self.rows_of(np.asarray(positions, dtype=np.int64))
        out = np.full(len(counts), np.nan, dtype=np.float32)
        if len(rows):
            cosines = self._vectors.vectors(rows) @ question
            has = counts > 0
            starts = (np.cumsum(counts) - counts)[has]
            out[has] = np.maximum.reduceat(cosines, starts)
        return out


def with_parts(whole: npt.NDArray[np.float32], best: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The cosine that counts: the mean of the whole chunk's and its best part's, the whole's where there are no parts."""
    return np.where(np.isnan(best), whole, (whole + best) / 2).astype(np.float32)
