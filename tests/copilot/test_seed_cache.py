"""Seed vectors come from the file the second time, and a damaged file is no harm."""

from __future__ import annotations

import numpy as np
from fakes import HashingEmbedder

from copilot.seed_cache import SeedCache

SEEDS = ["how do I change the oil", "what does E-207 mean", "油分芯多久换一次"]


class Counting(HashingEmbedder):
    calls = 0

    def embed_questions(self, texts):
        self.calls += 1
        return super().embed_questions(texts)


def test_a_list_is_embedded_once_for_all_processes(tmp_path):
    plain = HashingEmbedder().embed_questions(SEEDS)
    first, second = Counting(), Counting()
    assert np.array_equal(SeedCache(first, tmp_path / "cache").embed_questions(SEEDS), plain)
    assert np.array_equal(SeedCache(second, tmp_path / "cache").embed_questions(SEEDS), plain)
    assert (first.calls, second.calls) == (1, 0)


def test_other_texts_and_other_weights_are_other_lists(tmp_path):
    embedder = Counting()
    SeedCache(embedder, tmp_path).embed_questions(SEEDS)
    SeedCache(embedder, tmp_path).embed_questions(SEEDS[:2])
    embedder.weights_sha256 = "other"
    SeedCache(embedder, tmp_path).embed_questions(SEEDS)
    assert embedder.calls == 3


def test_damaged_or_unwritable_cache_is_computed_anew(tmp_path):
    embedder = Counting()
    SeedCache(embedder, tmp_path).embed_questions(SEEDS)
    (file,) = tmp_path.glob("seeds-*.npy")
    for content in (b"", file.read_bytes()[:-7], b"\x00" * 300):
        file.write_bytes(content)
        assert SeedCache(embedder, tmp_path).embed_questions(SEEDS).shape == (3, embedder.dimension)
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert SeedCache(embedder, blocked / "cache").embed_questions(SEEDS).shape == (3, embedder.dimension)


def test_single_questions_pass_through(tmp_path):
    SeedCache(HashingEmbedder(), tmp_path).embed_questions(SEEDS[:1])
    assert not list(tmp_path.iterdir())
