"""The fused hits put into a better order by a model that reads each beside the question.

The score is the fused one mixed with the model's relevance, so that neither alone decides: the fusion knows how rare the
words are in this index, the model what the sentence says. Hits of codes stay in front, and where a question is answered by
look-up (codes, the history) nothing is read, which saves the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from copilot.types import Understanding
from finetune.types import AnswerForm
from indexer.analysis import is_chinese
from indexer.chunk import embedding_text
from indexer.types import Chunk, Hit, Reading, Span, Stage

READER_TASK = "reader"
WEIGHT = 0.3  # of a reader that was not calibrated


class Searcher(Protocol):
    """Searches for a question as written."""

    def search(self, question: str, k: int, machine: str | None = None) -> list[Hit]: ...


class PassageReader(Protocol):
    """Reads passages beside a question; see `finetune.reading.model.Reader`."""

    version: str
    calibration: Mapping[str, Any]

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]: ...


class ReadingReranker:
    """Reads the first `depth` hits. `weight` is the model's against the fusion's 1, by the question's language."""

    name = "reader"

    def __init__(
        self, reader: PassageReader, *, depth: int = 8, weight: float | None = None, weight_chinese: float | None = None
    ) -> None:
        """Weights not given are those of the reader's calibration."""
        chosen = reader.calibration.get("order", {})
        self._weight = float(chosen.get("en", WEIGHT)) if weight is None else weight
        self._weight_chinese = float(chosen.get("zh", WEIGHT)) if weight_chinese is None else weight_chinese
        self._marks = frozenset(
            reader.calibration.get("spans", ("en", "zh"))
        )  # languages whose spans are to be trusted
        self._reader = reader
        self.version = f"{READER_TASK}@{reader.version}"
        self.calibration = reader.calibration
        self.depth = depth

    def rerank(self, understanding: Understanding, hits: Sequence[Hit]) -> list[Hit]:
        """See `copilot.protocols.Reranker`; the hits that were read bring their `reading`."""
        if understanding.form is AnswerForm.HISTORY or any(m.entry.definition for m in understanding.codes):
            return list(hits)
        return self.order(understanding.text, understanding.language, hits)

    def order(self, question: str, language: str, hits: Sequence[Hit]) -> list[Hit]:
        """The hits of a question, reordered."""
        front = [hit for hit in hits if hit.stage is Stage.CODE]
        rest = [hit for hit in hits if hit.stage is not Stage.CODE]
        read = rest[: self.depth]
        readings = self._reader.read(question, [embedding_text(hit.chunk) for hit in read])
        weight = self._weight_chinese if language == "zh" else self._weight
        scored = [
            replace(hit, score=(hit.score + weight * reading.relevance) / (1 + weight), stage=Stage.RERANKED, reading=_inside(hit.chunk, reading, language in self._marks))
            for hit, reading in zip(read, readings, strict=True)
        ]  # fmt: skip
        scored += [replace(hit, score=hit.score / (1 + weight), stage=Stage.RERANKED) for hit in rest[self.depth :]]
        scored.sort(key=lambda hit: -hit.score)
        return [replace(hit, rank=rank) for rank, hit in enumerate([*front, *scored], 1)]


class RerankedSearch:
    """A search for questions as written whose first hits were read; without a reranker the plain search."""

    def __init__(self, retriever: Searcher, reranker: ReadingReranker | None) -> None:
        self._retriever, self._reranker = retriever, reranker

    def search(self, question: str, k: int, machine: str | None = None) -> list[Hit]:
        """Up to k hits over all collections, best first."""
        if self._reranker is None:
            return self._retriever.search(question, k, machine)
        hits = self._retriever.search(question, max(k, self._reranker.depth), machine)
        if hits and hits[0].stage is Stage.CODE:  # looked up: nothing to weigh
            return hits[:k]
        return self._reranker.order(question, "zh" if is_chinese(question) else "en", hits)[:k]


def _inside(chunk: Chunk, reading: Reading, marks: bool) -> Reading:
    """The reading with spans in the chunk's text instead of what was shown; a span of the heading alone is dropped.

    Without `marks` all are.
    """
    before = len(embedding_text(chunk)) - len(chunk.text)
    spans = tuple(
        Span(max(0, span.begin - before), span.end - before, span.confidence)
        for span in reading.spans
        if marks and span.end - before > 0
    )
    return replace(reading, spans=spans)
