"""Vectors of the router's seed questions, kept in the cache folder: they are the same for every question asked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from indexer.protocols import Embedder, FloatMatrix


class SeedCache:
    """An embedder that looks up lists of questions in files; single questions go straight through.

    A list is known by the encoder, its weights and its texts. What cannot be read or written is computed.
    """

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        self._embedder = embedder
        self._folder = folder
        self.name = embedder.name
        self.dimension = embedder.dimension
        self.max_tokens = embedder.max_tokens

    @property
    def weights_sha256(self) -> str:
        """As the embedder's own."""
        return self._embedder.weights_sha256

    def embed_documents(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> FloatMatrix:
        """As the embedder's own."""
        return self._embedder.embed_documents(texts, progress)

    def embed_questions(self, texts: Sequence[str]) -> FloatMatrix:
        """(n, dimension) float32 unit vectors, from the file when this list was embedded before."""
        if len(texts) < 2:
            return self._embedder.embed_questions(texts)
        key = json.dumps([self.name, self.weights_sha256, self.max_tokens, list(texts)], ensure_ascii=False)
        file = self._folder / f"seeds-{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:32]}.npy"
        with contextlib.suppress(OSError, ValueError, EOFError):
            kept = np.load(file, allow_pickle=False)
            if kept.shape == (len(texts), self.dimension) and kept.dtype == np.float32 and np.isfinite(kept).all():
                return np.asarray(kept, dtype=np.float32)
        vectors = self._embedder.embed_questions(texts)
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary = file.with_name(f"{file.name}.{os.getpid()}.new")
            with temporary.open("wb") as stream:
                np.save(stream, np.asarray(vectors, dtype=np.float32), allow_pickle=False)
            os.replace(temporary, file)
        return vectors
