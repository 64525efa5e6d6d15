"""What every VectorIndex must do, numbers compared with a brute force written out here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from indexer.protocols import FloatMatrix, VectorIndex
from indexer.vector_index import ExactIndex, FaissIndex

Make = Callable[[FloatMatrix, Path], VectorIndex]


def _opened(vectors: FloatMatrix, folder: Path) -> VectorIndex:
    FaissIndex.build(vectors, dimension=vectors.shape[1]).write(folder / "v.faiss")
    return FaissIndex.open(folder / "v.faiss")


MAKERS: dict[str, Make] = {
    "exact": lambda vectors, folder: ExactIndex(vectors),
    "faiss": lambda vectors, folder: FaissIndex.build(vectors, dimension=vectors.shape[1]),
    "faiss-opened": _opened,
}


def clustered(rows: int, dimension: int, seed: int, spread: float = 0.6) -> FloatMatrix:
    """Unit vectors around a few dozen centres, as texts of a few dozen subjects are."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((40, dimension))
    vectors = centres[rng.integers(0, 40, rows)] + spread * rng.standard_normal((rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
class TestVectorIndexContract:
    def test_finds_what_brute_force_finds(self, make: Make, tmp_path: Path) -> None:
        vectors, questions = clustered(5000, 96, 1), clustered(40, 96, 2)
        scores, positions = make(vectors, tmp_path).search(questions, 10)
        truth = questions @ vectors.T
        best = np.argsort(-truth, axis=1)[:, :10]
        overlap = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(positions, best, strict=True)])
        assert scores.dtype == np.float32 and positions.dtype == np.int64
        assert overlap >= 0.98
        assert np.all(np.diff(scores, axis=1) <= 0)
        np.testing.assert_allclose(scores, np.take_along_axis(truth, positions, 1), atol=1e-3)

    def test_searches_allowed_rows_only(self, make: Make, tmp_path: Path) -> None:
        vectors, questions = clustered(2000, 64, 3), clustered(12, 64, 4)
        allowed = np.arange(5, 2000, 37, dtype=np.int64)
        _, positions = make(vectors, tmp_path).search(questions, 5, allowed)
        best = allowed[np.argsort(-(questions @ vectors[allowed].T), axis=1)[:, :5]]
        assert np.isin(positions, allowed).all()
        assert np.mean([len(set(a) & set(b)) / 5 for a, b in zip(positions, best, strict=True)]) >= 0.98

    @pytest.mark.parametrize("allowed", [None, np.array([1, 2], dtype=np.int64)])
    def test_fills_up_when_k_exceeds_what_there_is(
        self, make: Make, tmp_path: Path, allowed: np.ndarray | None
    ) -> None:
        vectors = clustered(3, 32, 5)
        scores, positions = make(vectors, tmp_path).search(vectors[1:2], 6, allowed)
        found = 3 if allowed is None else 2
        assert scores.shape == positions.shape == (1, 6)
        assert positions[0, 0] == 1 and (positions[0, :found] >= 0).all()
        assert (positions[0, found:] == -1).all() and np.isneginf(scores[0, found:]).all()

    def test_nothing_allowed_no_rows_no_questions_and_k_zero(self, make: Make, tmp_path: Path) -> None:
        vectors = clustered(4, 32, 6)
        index = make(vectors, tmp_path)
        assert (index.search(vectors, 2, np.empty(0, dtype=np.int64))[1] == -1).all()
        assert index.search(vectors[:0], 2)[0].shape == (0, 2)
        assert index.search(vectors, 0)[1].shape == (4, 0)
        scores, positions = make(vectors[:0], tmp_path).search(vectors, 3)
        assert (positions == -1).all() and np.isneginf(scores).all()

    def test_wrong_dimension_names_both(self, make: Make, tmp_path: Path) -> None:
        with pytest.raises(Exception, match=r"\(1, 8\).*dimension 32"):
            make(clustered(4, 32, 7), tmp_path).search(np.ones((1, 8), dtype=np.float32), 1)
