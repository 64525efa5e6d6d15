"""The seams of the copilot. Each protocol is declared here, where it is consumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from copilot.types import Evidence, Piece, Turn, Understanding
from indexer.types import Chunk, CodeMatch, Hit, Manifest, Opening, WarningNote

if TYPE_CHECKING:
    from copilot.prompt import Message
    from indexer.fault_reports.table import FaultReportTable


class Knowledge(Protocol):
    """An opened index, as the answering side reads it."""

    @property
    def manifest(self) -> Manifest: ...

    @property
    def fault_reports(self) -> FaultReportTable:
        """The structured table of fault reports; empty when no export was indexed."""
        ...

    def chunk(self, chunk_id: str) -> Chunk | None: ...

    def section(self, document_id: str, section: int) -> list[Chunk]:
        """The chunks of one section in reading order; empty when there is none."""
        ...

    def warnings(self, document_id: str, section: int) -> list[WarningNote]:
        """The notes of that section and those that stand directly under the headings above it, in reading order."""
        ...

    def lookup_codes(self, question: str, machine: str | None = None) -> list[CodeMatch]:
        """Registry entries the question names, best first, definitions first."""
        ...

    def suggest_codes(self, question: str, machine: str | None = None) -> list[tuple[str, str]]:
        """(written, existing code) pairs for codes that nothing defines but that are one slip away."""
        ...

    def machines(self) -> list[str]: ...

    def openings(self) -> list[Opening]:
        """How each manual begins."""
        ...


class Retriever(Protocol):
    """Finds chunks for a question."""

    def retrieve(self, understanding: Understanding, k: int) -> list[Hit]:
        """Up to k hits, best first: code hits (stage CODE), then fused ones. The machine is a hard filter."""
        ...


class Reranker(Protocol):
    """Puts hits into a better order."""

    name: str

    def rerank(self, understanding: Understanding, hits: Sequence[Hit]) -> list[Hit]:
        """The same hits with scores and ranks of stage RERANKED, best first; code hits stay in front."""
        ...


class Rarity(Protocol):
    """How much a token tells, 0..1: near 0 for a word every page holds, 1 for one that few or none hold."""

    def __call__(self, token: str) -> float: ...


class Judge(Protocol):
    """Weighs the evidence."""

    threshold: float
    """The score from which a question is answered."""

    def judge(self, understanding: Understanding, hits: Sequence[Hit]) -> Evidence:
        """Score how well the hits bear on the question, 0..1; no hits score 0."""
        ...


class Generator(Protocol):
    """Writes the answer, piece by piece, from evidence alone."""

    @property
    def name(self) -> str: ...

    def generate(self, understanding: Understanding, evidence: Sequence[Hit]) -> Iterator[Piece]:
        """Yield the text in order; a piece brings the citations of the markers it holds.

        Yields nothing when no sentence of the evidence answers. Raises GeneratorError when it cannot run.
        """
        ...

    def versions(self) -> Mapping[str, str]:
        """Names and versions of the models it uses; empty for none."""
        ...


class Rewriter(Protocol):
    """Fills in what a follow-up leaves out."""

    def rewrite(self, text: str, earlier: Sequence[Turn]) -> str | None:
        """The question so that it stands alone; None when there is nothing to fill in, or it could not be done.

        Adds no name, code or number that is not in the turns before it. Raises nothing.
        """
        ...


class LanguageModel(Protocol):
    """Writes text from a chat's messages. Light until it is used; may be used from several threads."""

    @property
    def name(self) -> str:
        """The kind and the model, as answers record them: "openai:qwen3"."""
        ...

    def context_tokens(self) -> int:
        """The most tokens that prompt and text may have together. Raises GeneratorError when it cannot be loaded."""
        ...

    def count_tokens(self, text: str) -> int:
        """The tokens of a text, or an upper estimate of them."""
        ...

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        """Yield the text in pieces of any size; closing the iterator stops the model.

        Raises ModelAwayError, ModelSlowError, CutOffError after the last piece of a text that was not finished, and
        GeneratorError for anything else that goes wrong.
        """
        ...

    def check(self) -> str:
        """One line on what was found, without writing anything; raises GeneratorError, saying what to do."""
        ...
