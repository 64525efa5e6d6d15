"""An embedder that costs nothing, so that everything but the encoder can be measured on many chunks."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np

from indexer.protocols import FloatMatrix

NOISE = 0.6  # length of the random part beside a real vector of length 1: neighbours at a cosine of about 0.7


class StubEmbedder:
    """Gives a text a real embedding, moved a little: which one and how far follows from the text alone.

    `name` and `weights_sha256` may be those of a real encoder, so that its questions can be asked of the index.
    """

    max_tokens = 256

    def __init__(self, base: FloatMatrix, name: str = "all-MiniLM-L6-v2", weights_sha256: str = "0" * 64) -> None:
        """`base` is (m, dimension) float32 unit vectors of real texts."""
        self._base = base
        self.name = name
        self.weights_sha256 = weights_sha256
        self.dimension = int(base.shape[1])

    def embed_documents(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> FloatMatrix:
        """(n, dimension) float32 unit vectors; equal texts get equal vectors."""
        out = np.empty((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            seed = zlib.crc32(text.encode())
            noise = np.random.default_rng(seed).standard_normal(self.dimension, dtype=np.float32)
            out[row] = self._base[seed % len(self._base)] + noise * (NOISE / np.sqrt(self.dimension))
        out /= np.linalg.norm(out, axis=1, keepdims=True)
        if progress is not None and len(texts):
            progress(len(texts))
        return out

    def embed_questions(self, texts: Sequence[str]) -> FloatMatrix:
        """As embed_documents."""
        return self.embed_documents(texts)
