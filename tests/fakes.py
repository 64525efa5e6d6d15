"""Stand-ins good enough to rank, for tests that are about something else than the encoder."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np

from indexer.protocols import FloatMatrix

# Words and codes as they stand, and single Chinese characters, which become pairs below.
_WORDS = re.compile(r"[\u3400-\u9fff]|[^\W_]+(?:[.\-][^\W_]+)*")


class HashingEmbedder:
    """Bag of hashed words and of pairs of Chinese characters; equal words give near vectors, in every process alike.

    A word's first five letters count too, so that "bearing" and "bearings" meet.
    """

    name = "hashing"
    weights_sha256 = hashlib.sha256(b"hashing bag of words, 1").hexdigest()
    max_tokens = 256

    def __init__(self, dimension: int = 512) -> None:
        self.dimension = dimension

    def embed_documents(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> FloatMatrix:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            words = tokens(text)[: self.max_tokens]
            for word in words:
                self._add(vectors[row], word, 1.0)
                if len(word) > 5:
                    self._add(vectors[row], word[:5], 0.5)
            if not words:  # a unit vector nevertheless, far from the others
                self._add(vectors[row], "\0empty", 1.0)
            np.multiply(np.sign(vectors[row]), np.sqrt(np.abs(vectors[row])), out=vectors[row])
            norm = float(np.linalg.norm(vectors[row]))
            if norm == 0:  # opposite signs cancelled out exactly
                vectors[row, 0] = norm = 1.0
            vectors[row] /= norm
            if progress:
                progress(row + 1)
        return vectors

    def embed_questions(self, texts: Sequence[str]) -> FloatMatrix:
        return self.embed_documents(texts)

    def _add(self, vector: FloatMatrix, word: str, weight: float) -> None:
        digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
        number = int.from_bytes(digest, "little")
        vector[number % self.dimension] += weight if number >> 63 else -weight


def tokens(text: str) -> list[str]:
    """Return lower-case words, codes whole, and pairs of adjacent Chinese characters."""
    found = _WORDS.findall(unicodedata.normalize("NFKC", text).lower())
    result: list[str] = []
    for place, word in enumerate(found):
        if "\u3400" <= word[0] <= "\u9fff":
            after = found[place + 1] if place + 1 < len(found) else ""
            result.append(word + after if after and "\u3400" <= after[0] <= "\u9fff" else word)
        else:
            result.append(word)
    return result


def count_tokens(text: str) -> int:
    """A TokenCounter: words and pairs, plus the two markers an encoder adds."""
    return len(tokens(text)) + 2
