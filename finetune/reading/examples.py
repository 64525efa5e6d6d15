"""What the reader learns from: a question, a passage that answers it, and passages that do not."""

from __future__ import annotations

from dataclasses import dataclass

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Passage:
    """A text as the engine shows it: heading path on the first line, where there is one.

    `span` are the characters of the answer. `marked` is false where the passage is known to answer, and the place is not.
    """

    text: str
    span: Span | None = None
    marked: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """One question. A negative that brings a `span` is the passage of the answer, to be cut so that the answer is outside."""

    question: str
    positive: Passage
    negatives: tuple[Passage, ...]
    source: str
