"""The parts of long chunks, and what they add to a chunk's own vector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.errors import StoreError
from indexer.types import Chunk, ChunkKind, DocumentKind, Source
from indexer.windows import WINDOW_TOKENS, WindowIndex, window_texts, with_parts

LONG = " ".join(
    f"Sentence number {n} says how the feed pump of line {n} is vented and filled again." for n in range(20)
)


def chunk(text: str, heading: tuple[str, ...] = ("Manual", "Pumps", "Venting")) -> Chunk:
    return Chunk("id", Source("a.md", "A", DocumentKind.MANUAL), (1, 1), heading, ChunkKind.TEXT, text)


def unit(*numbers: float) -> np.ndarray:
    vector = np.array(numbers, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def test_a_long_chunk_is_cut_between_sentences_under_the_end_of_its_heading_path() -> None:
    found = window_texts(chunk(LONG))
    assert len(found) > 2
    assert all(text.startswith("Pumps > Venting\n") for text in found)
    bodies = [text.split("\n", 1)[1] for text in found]
    assert " ".join(bodies) == LONG, "every sentence is in one window, in order"
    assert all(body.endswith(".") for body in bodies)
    assert max(map(len, bodies)) < 5 * WINDOW_TOKENS


def test_chinese_sentences_are_cut_at_their_own_stops() -> None:
    text = "".join(f"第{n}步，打开排气阀并检查压力表的读数是否正常。" for n in range(20))
    found = window_texts(chunk(text, ()))
    assert len(found) > 2
    assert "".join(found) == text


@pytest.mark.parametrize("text", ["Vent the pump.", "", "   "])
def test_a_short_chunk_has_no_parts(text: str) -> None:
    assert window_texts(chunk(text)) == []


def _index() -> WindowIndex:
    """Three chunks: two parts, none, one."""
    rows = np.stack([unit(1, 0), unit(0, 1), unit(1, 1)])
    return WindowIndex.derive(None, np.zeros(0, dtype=np.int64), rows, [2, 0, 1])


def test_the_best_part_counts_and_a_chunk_without_parts_has_none() -> None:
    best = _index().best(np.array([2, 0, 1]), unit(0, 1))
    assert best[:2] == pytest.approx([np.sqrt(0.5), 1.0], abs=1e-3)
    assert np.isnan(best[2])
    assert with_parts(np.array([0.2, 0.4, 0.3], dtype=np.float32), best) == pytest.approx([0.4536, 0.7, 0.3], abs=1e-3)


def test_kept_chunks_keep_their_parts_and_new_ones_follow() -> None:
    derived = WindowIndex.derive(_index(), np.array([2, 1]), unit(1, 0)[None], [1, 0])
    assert len(derived) == 4
    assert derived.best(np.arange(4), unit(1, 0))[[0, 2]] == pytest.approx([np.sqrt(0.5), 1.0], abs=1e-3)
    assert np.isnan(derived.best(np.arange(4), unit(1, 0))[[1, 3]]).all()
    assert derived.vectors_of(0) == pytest.approx(unit(1, 1)[None], abs=1e-3)


def test_it_is_read_as_written_and_damage_is_noticed(tmp_path: Path) -> None:
    _index().write(tmp_path)
    opened = WindowIndex.open(tmp_path)
    assert opened.best(np.array([0]), unit(1, 0)) == pytest.approx([1.0], abs=1e-3)
    np.save(tmp_path / "windows.npy", np.array([0, 2, 2, 7]))
    with pytest.raises(StoreError, match="do not fit together"):
        WindowIndex.open(tmp_path)
    (tmp_path / "windows.npy").unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        WindowIndex.open(tmp_path)
