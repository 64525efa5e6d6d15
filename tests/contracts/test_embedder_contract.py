"""What every Embedder must do; the real one and the stand-in alike."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.embedders import OnnxEmbedder
from indexer.protocols import Embedder
from tests.fakes import HashingEmbedder

TEXTS = [
    "Replace the oil filter of the hydraulic unit every 500 operating hours.",
    "Alarm E-201: the spindle drive is overloaded. Reduce the feed rate.",
    "更换液压油滤芯前请切断电源。",
    "The cafeteria opens at noon.",
    "",
]


@pytest.fixture(scope="module", params=["hashing", "onnx"])
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    if request.param == "hashing":
        return HashingEmbedder()
    return OnnxEmbedder(cache_dir=tmp_path_factory.mktemp("cache"))


class TestEmbedderContract:
    def test_states_what_a_manifest_records(self, embedder: Embedder) -> None:
        assert embedder.name and len(embedder.weights_sha256) == 64
        assert embedder.dimension > 0 and embedder.max_tokens == 256

    def test_gives_unit_vectors_of_the_promised_shape(self, embedder: Embedder) -> None:
        for vectors in (embedder.embed_documents(TEXTS), embedder.embed_questions(TEXTS)):
            assert vectors.shape == (len(TEXTS), embedder.dimension) and vectors.dtype == np.float32
            np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=2e-3)
        assert embedder.embed_documents([]).shape == (0, embedder.dimension)
        assert embedder.embed_questions([]).shape == (0, embedder.dimension)

    def test_ranks_the_passage_that_answers_first(self, embedder: Embedder) -> None:
        questions = ["when do I change the hydraulic oil filter", "what does E-201 mean", "液压油滤芯 更换"]
        scores = embedder.embed_questions(questions) @ embedder.embed_documents(TEXTS).T
        assert scores.argmax(axis=1).tolist() == [0, 1, 2]

    def test_keeps_the_order_and_does_not_depend_on_the_neighbours(self, embedder: Embedder) -> None:
        many = [f"step {n}: " + "tighten the bolt " * (n % 25) for n in range(70)] + TEXTS + TEXTS
        together = embedder.embed_documents(many)
        apart = embedder.embed_questions(many)
        assert (together * apart).sum(1).min() > 0.998
        np.testing.assert_array_equal(together[70:75], together[75:80])

    def test_progress_rises_to_the_number_of_texts(self, embedder: Embedder) -> None:
        seen: list[int] = []
        embedder.embed_documents([f"text {n % 30}" for n in range(60)], seen.append)
        assert seen == sorted(seen) and seen[-1] == 60
