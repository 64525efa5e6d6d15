"""Nearest neighbours by inner product: FaissIndex for use, ExactIndex to compare with.

Both search every vector, so that nothing is missed and rows can be filtered freely; half precision keeps 1,000,000
vectors of 384 numbers in 768 MB on disk, mapped into memory rather than read.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from indexer.encoder import available_cores
from indexer.errors import StoreError
from indexer.protocols import FloatMatrix

Positions = npt.NDArray[np.int64]

_BLOCK = 65_536  # rows handled at a time: about 100 MB of float32 at 384 numbers
_INTERACTIVE = 8  # up to so many questions one thread is faster than waking the others
_SHARD = 32_768  # rows below which a single question is not worth a second thread
_MOST_SHARDS = 4  # one question is bound by memory: more readers than this share the same bandwidth


class ExactIndex:
    """Float32 brute force in numpy; the measure of every other index, and good for a few thousand vectors."""

    def __init__(self, vectors: FloatMatrix) -> None:
        """Take (n, dimension) float32; not copied."""
        self._vectors = _matrix(vectors)
        self.dimension = int(self._vectors.shape[1])

    def __len__(self) -> int:
        return len(self._vectors)

    def search(
        self, questions: FloatMatrix, k: int, allowed: Positions | None = None
    ) -> tuple[npt.NDArray[np.float32], Positions]:
        """Return (scores, positions), both (n, k); see VectorIndex. Ties go to the lower position."""
        questions, k = _request(questions, k, self.dimension)
        rows = np.arange(len(self), dtype=np.int64) if allowed is None else _allowed(allowed, len(self))
        scores, positions = _nothing(len(questions), k)
        found = min(k, len(rows))
        if found:
            all_scores = questions @ (self._vectors if allowed is None else self._vectors[rows]).T
            best = np.argsort(-all_scores, axis=1, kind="stable")[:, :found]
            scores[:, :found] = np.take_along_axis(all_scores, best, axis=1)
            positions[:, :found] = rows[best]
        return scores, positions

    def vectors(self, positions: Positions) -> FloatMatrix:
        """Return the vectors at these positions, (len(positions), dimension) float32."""
        return self._vectors[_allowed(positions, len(self))]


class FaissIndex:
    """A flat index in half precision (faiss scalar quantiser); position = row. One file with the suffix `.faiss`."""

    def __init__(self, index: Any) -> None:
        """Wrap a faiss IndexScalarQuantizer; use `build`, `derive` or `open` to get one."""
        self._index = index
        self._threads: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self.dimension = int(index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def build(cls, vectors: FloatMatrix | Iterable[FloatMatrix], dimension: int | None = None) -> Self:
        """Index a matrix (n, dimension) float32, or several one after another.

        `dimension` is needed only where there may be no matrix at all. Raises StoreError on a wrong shape.
        """
        matrices = [vectors] if isinstance(vectors, np.ndarray) else vectors
        index: Any = None if dimension is None else _empty(dimension)
        for matrix in matrices:
            matrix = np.asarray(matrix)  # a memory map stays one: only blocks of it are read below
            if index is None:
                index = _empty(int(matrix.shape[1])) if matrix.ndim == 2 else None
            _append(index, matrix)
        if index is None:
            raise StoreError("An index without any matrix needs its dimension; pass dimension=")
        return cls(index)

    @classmethod
    def derive(cls, old: FaissIndex, keep: Positions, new: FloatMatrix | None = None) -> Self:
        """Make an index of the rows `keep` of `old`, in that order, followed by the rows of `new`.

        Stored codes are copied as they are: kept vectors do not change, and memory beyond the result is one block.
        """
        faiss = _faiss()
        keep = np.asarray(keep, dtype=np.int64)
        if len(keep) and (keep.min() < 0 or keep.max() >= len(old)):
            raise StoreError(f"Cannot keep row {int(keep.max())} of an index of {len(old)} rows; rebuild the index")
        index = _empty(old.dimension)
        if len(keep):
            size = int(old._index.code_size)
            codes = faiss.rev_swig_ptr(old._index.codes.data(), len(old) * size).reshape(len(old), size)
            for start in range(0, len(keep), _BLOCK):
                index.add_sa_codes(np.ascontiguousarray(codes[keep[start : start + _BLOCK]]))
        if new is not None:
            _append(index, np.asarray(new))
        return cls(index)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map a file written by `write`. Raises StoreError when it is missing, damaged or of another type."""
        faiss = _faiss()
        if not path.is_file():
            raise StoreError(f"The vector index {path} is missing; rebuild the index")
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except Exception as error:  # faiss raises RuntimeError, a C++ allocation failure or an assertion as Exception
            raise StoreError(f"The vector index {path} is damaged ({_short(error)}); rebuild the index") from error
        if not isinstance(index, faiss.IndexScalarQuantizer) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise StoreError(f"The vector index {path} holds a {type(index).__name__}; rebuild the index")
        if index.sq.qtype != faiss.ScalarQuantizer.QT_fp16 or index.codes.size() != index.ntotal * index.code_size:
            raise StoreError(f"The vector index {path} is damaged (sizes do not fit); rebuild the index")
        return cls(index)

    def write(self, path: Path) -> None:
        """Write the one file, aside first, flushed to the disk. Raises StoreError when that fails."""
        faiss = _faiss()
        aside = path.with_name(path.name + ".part")
        try:
            faiss.write_index(self._index, str(aside))
            with aside.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(aside, path)
        except (OSError, RuntimeError) as error:
            with contextlib.suppress(OSError):
                aside.unlink()
            raise StoreError(f"Cannot write the vector index {path}: {_short(error)}; free some space") from error

    def search(
        self, questions: FloatMatrix, k: int, allowed: Positions | None = None
    ) -> tuple[npt.NDArray[np.float32], Positions]:
        """Return (scores, positions), both (n, k); see VectorIndex."""
        faiss = _faiss()
        questions, k = _request(questions, k, self.dimension)
        scores, positions = _nothing(len(questions), k)
        found = len(self) if allowed is None else len(_allowed(allowed, len(self)))
        found = min(k, found)
        if not found or not len(questions):
            return scores, positions
        parameters = None
        if allowed is not None:
            bits = np.zeros(len(self), dtype=bool)
            bits[allowed] = True
            bitmap = np.packbits(bits, bitorder="little")
            selector = faiss.IDSelectorBitmap(bitmap)  # keeps a reference to the array
            parameters = faiss.SearchParameters(sel=selector)
        interactive = len(questions) <= _INTERACTIVE
        shards = min(available_cores(), _MOST_SHARDS, len(self) // _SHARD)
        if interactive and shards > 1 and parameters is None:
            best, rows = self._search_shards(questions, found, shards)
        else:
            faiss.omp_set_num_threads(1 if interactive else available_cores())
            best, rows = self._index.search(questions, found, params=parameters)
        missing = rows < 0
        best[missing] = -np.inf  # faiss marks an empty place with the lowest finite number
        scores[:, :found], positions[:, :found] = best, rows
        return scores, positions

    def _search_shards(
        self, questions: FloatMatrix, found: int, shards: int
    ) -> tuple[npt.NDArray[np.float32], Positions]:
        """Search ranges of rows in threads of their own and merge: faiss itself gives one question one thread."""
        faiss = _faiss()
        edges = np.linspace(0, len(self), shards + 1).astype(int)

        def search(shard: int) -> tuple[npt.NDArray[np.float32], Positions]:
            faiss.omp_set_num_threads(1)  # the setting belongs to a thread
            rows_of_shard = faiss.IDSelectorRange(int(edges[shard]), int(edges[shard + 1]))
            parameters = faiss.SearchParameters(sel=rows_of_shard)
            best, rows = self._index.search(questions, found, params=parameters)
            return np.where(rows < 0, -np.inf, best), rows

        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(_MOST_SHARDS - 1, thread_name_prefix="vector-search")
        others = [self._threads.submit(search, shard) for shard in range(1, shards)]
        parts = [search(0), *(other.result() for other in others)]
        best = np.concatenate([scores for scores, _ in parts], axis=1)
        rows = np.concatenate([positions for _, positions in parts], axis=1)
        order = np.argsort(-best, axis=1, kind="stable")[:, :found]
        return np.take_along_axis(best, order, axis=1), np.take_along_axis(rows, order, axis=1)

    def vectors(self, positions: Positions) -> FloatMatrix:
        """Return the vectors at these positions as stored, (len(positions), dimension) float32."""
        positions = _allowed(positions, len(self))
        if not len(positions):
            return np.empty((0, self.dimension), dtype=np.float32)
        result: FloatMatrix = self._index.reconstruct_batch(np.ascontiguousarray(positions))
        return result


def _faiss() -> Any:
    import faiss  # late: a quarter of a second, and not every command searches

    return faiss


def _empty(dimension: int) -> Any:
    faiss = _faiss()
    return faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)


def _append(index: Any, vectors: npt.NDArray[Any]) -> None:
    if index is None or vectors.ndim != 2 or vectors.shape[1] != index.d:
        expected = "?" if index is None else index.d
        raise StoreError(f"Vectors of shape {vectors.shape} do not fit an index of shape (n, {expected}); rebuild it")
    for start in range(0, len(vectors), _BLOCK):
        index.add(np.ascontiguousarray(vectors[start : start + _BLOCK], dtype=np.float32))


def _matrix(vectors: npt.NDArray[Any]) -> FloatMatrix:
    matrix: FloatMatrix = np.asarray(vectors, dtype=np.float32)
    if matrix.ndim != 2:
        raise StoreError(f"Vectors must be a matrix (n, dimension), not of shape {matrix.shape}")
    return matrix


def _request(questions: FloatMatrix, k: int, dimension: int) -> tuple[FloatMatrix, int]:
    questions = np.ascontiguousarray(questions, dtype=np.float32)
    if questions.ndim != 2 or questions.shape[1] != dimension:
        raise StoreError(
            f"Question vectors of shape {questions.shape} do not fit an index of dimension {dimension}; "
            f"use the encoder the index was built with"
        )
    if k < 0:
        raise ValueError(f"k is {k}; give 0 or more")
    return questions, k


def _allowed(positions: Positions, rows: int) -> Positions:
    positions = np.asarray(positions, dtype=np.int64)
    if len(positions) and (positions.min() < 0 or positions.max() >= rows):
        raise ValueError(f"positions reach from {positions.min()} to {positions.max()}; the index has {rows} rows")
    return positions


def _nothing(questions: int, k: int) -> tuple[npt.NDArray[np.float32], Positions]:
    return np.full((questions, k), -np.inf, dtype=np.float32), np.full((questions, k), -1, dtype=np.int64)


def _short(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1][:160] if lines else type(error).__name__
