from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.errors import StoreError
from indexer.vector_index import ExactIndex, FaissIndex


def units(rows: int, seed: int = 0, dimension: int = 48) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_derived_index_equals_one_built_afresh(tmp_path: Path) -> None:
    old, new = units(500, 1), units(30, 2)
    FaissIndex.build(old).write(tmp_path / "a.faiss")
    keep = np.setdiff1d(np.arange(500), [0, 17, 499])
    derived = FaissIndex.derive(FaissIndex.open(tmp_path / "a.faiss"), keep, new)
    afresh = FaissIndex.build(np.vstack([old[keep], new]))
    everything = np.arange(len(afresh))
    assert len(derived) == 527
    np.testing.assert_array_equal(derived.vectors(everything), afresh.vectors(everything))
    derived.write(tmp_path / "b.faiss")
    again = FaissIndex.open(tmp_path / "b.faiss")
    assert again.search(new[:5], 1)[1].ravel().tolist() == [497, 498, 499, 500, 501]


def test_deriving_many_times_does_not_wear_the_vectors_down() -> None:
    index = first = FaissIndex.build(units(20))
    for _ in range(10):
        index = FaissIndex.derive(index, np.arange(20))
    np.testing.assert_array_equal(index.vectors(np.arange(20)), first.vectors(np.arange(20)))


def test_derive_keeps_nothing_or_refuses_a_row_that_is_not_there() -> None:
    index = FaissIndex.build(units(3))
    assert len(FaissIndex.derive(index, np.empty(0, dtype=np.int64))) == 0
    with pytest.raises(StoreError, match="row 3 of an index of 3 rows"):
        FaissIndex.derive(index, np.array([3]))


def test_vectors_come_back_in_the_order_asked() -> None:
    vectors = units(10)
    order = np.array([7, 0, 7])
    np.testing.assert_allclose(FaissIndex.build(vectors).vectors(order), vectors[order], atol=1e-3)
    np.testing.assert_array_equal(ExactIndex(vectors).vectors(order), vectors[order])
    assert FaissIndex.build(vectors).vectors(np.empty(0, dtype=np.int64)).shape == (0, 48)


def test_builds_from_several_matrices_and_from_a_memory_map(tmp_path: Path) -> None:
    vectors = units(64)
    np.save(tmp_path / "v.npy", vectors)
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    one, many = FaissIndex.build(mapped), FaissIndex.build(vectors[i : i + 9] for i in range(0, 64, 9))
    np.testing.assert_array_equal(one.vectors(np.arange(64)), many.vectors(np.arange(64)))


def test_shards_searched_in_threads_find_what_one_search_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = units(500)
    index = FaissIndex.build(vectors)
    questions = np.vstack([vectors[20], units(2, seed=5)])
    whole = index.search(questions, 40)
    monkeypatch.setattr("indexer.vector_index._SHARD", 100)
    monkeypatch.setattr("indexer.vector_index.available_cores", lambda: 3)
    sharded = index.search(questions, 40)
    np.testing.assert_array_equal(sharded[1], whole[1])
    np.testing.assert_array_equal(sharded[0], whole[0])
    assert sharded[1][0, 0] == 20
    monkeypatch.setattr("indexer.vector_index._SHARD", 200)
    assert index.search(questions, 400)[1][:, -1].min() >= 0, "a shard smaller than k leaves no gap in the result"


def test_file_takes_two_bytes_a_number(tmp_path: Path) -> None:
    FaissIndex.build(units(1000)).write(tmp_path / "v.faiss")
    assert (tmp_path / "v.faiss").stat().st_size < 1000 * 48 * 2 + 1000
    assert [p.name for p in tmp_path.iterdir()] == ["v.faiss"]


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "noise"])
def test_unusable_file_is_our_error_with_a_remedy(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "v.faiss"
    if damage != "missing":
        FaissIndex.build(units(50)).write(path)
        content = path.read_bytes()
        path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "noise": b"not an index" * 99}[damage])
    with pytest.raises(StoreError, match="rebuild the index"):
        FaissIndex.open(path)


def test_unwritable_place_is_our_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Cannot write the vector index"):
        FaissIndex.build(units(2)).write(tmp_path / "no such folder" / "v.faiss")


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(StoreError, match=r"\(2, 3\) do not fit"):
        FaissIndex.build([units(2), np.ones((2, 3), dtype=np.float32)])
    with pytest.raises(StoreError, match="pass dimension="):
        FaissIndex.build([])
    with pytest.raises(ValueError, match="has 2 rows"):
        FaissIndex.build(units(2)).search(units(1), 1, np.array([2]))
