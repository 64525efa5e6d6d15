"""The seams of the indexer. Each protocol has one or two methods; adapters convert at the edge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from indexer.types import Document, Source

FloatMatrix = npt.NDArray[np.float32]


class DocumentReader(Protocol):
    """Turns one file of one format family into a Document."""

    suffixes: frozenset[str]
    """Lower-case suffixes with the dot that this reader claims."""

    def read(self, path: Path, source: Source) -> Document:
        """Read the whole file. Page numbers start at 1 and never have gaps.

        Raises ReadError, with one line fit for the user, when the file cannot be used at all; a page that cannot be
        read is kept with its status instead.
        """
        ...


class Embedder(Protocol):
    """Maps texts to unit vectors. Documents and questions are separate, so that models with prefixes fit."""

    @property
    def name(self) -> str:
        """What the manifest records, e.g. "all-MiniLM-L6-v2"."""
        ...

    @property
    def weights_sha256(self) -> str:
        """Digest of the weights; another one means another index."""
        ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...

    def embed_documents(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> FloatMatrix:
        """Return (n, dimension) float32, L2-normalised, row i for texts[i]. `progress` gets the texts done so far.

        Raises EncoderError when the model cannot be loaded or run. An empty sequence gives shape (0, dimension).
        """
        ...

    def embed_questions(self, texts: Sequence[str]) -> FloatMatrix:
        """As embed_documents, for questions; meant for a few at a time."""
        ...


class TokenCounter(Protocol):
    """Counts tokens as the encoder will, special tokens included."""

    def __call__(self, text: str) -> int: ...


class VectorIndex(Protocol):
    """Nearest neighbours by inner product over unit vectors."""

    def search(
        self, questions: FloatMatrix, k: int, allowed: npt.NDArray[np.int64] | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Return (scores, positions), both (n, k), best first; where fewer exist, score -inf and position -1.

        `questions` is (n, dimension) float32. `allowed` limits the search to those positions (sorted, unique).
        """
        ...


class LexicalIndex(Protocol):
    """BM25 over code-aware tokens."""

    def search(self, question: str, k: int, allowed: npt.NDArray[np.int64] | None = None) -> list[tuple[int, float]]:
        """Return up to k (position, score) with score > 0, best first, ties by position; `allowed` limits the positions."""
        ...


class Guess(NamedTuple):
    """What a column of a fault report probably holds; `confidence` is 0..1."""

    value: str
    confidence: float


class ReportPredictor(Protocol):
    """Guesses what columns of a fault report would hold that its export leaves empty."""

    @property
    def name(self) -> str:
        """Task and version, as "failure_mode/v0003"; stored beside every value. Another name means guessing anew."""
        ...

    @property
    def fields(self) -> tuple[str, ...]:
        """The columns it fills, of `indexer.fault_reports.PREDICTABLE`; no two predictors fill the same one."""
        ...

    def predict(self, texts: Sequence[str]) -> Sequence[Mapping[str, Guess]]:
        """For each text, in order, field -> guess; a field it has no opinion about is left out.

        Called with some hundred different texts at a time. Raises PredictionError when its model cannot be loaded or
        run.
        """
        ...
