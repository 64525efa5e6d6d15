"""What a reader must know of an answer's sources: which edition is cited, and which other source disagrees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from copilot.editions import disagreements, editions_cited, supersedes
from copilot.generate.quoting import Quoter
from copilot.types import Citation, Piece
from copilot.wording import say
from indexer.types import Hit, Source

MAX_DISAGREEMENTS = 3


def about_sources(language: str, citations: Sequence[Citation], hits: Sequence[Hit]) -> Iterator[Piece]:
    """A line for each cited document with another edition, then what other sources state with another number."""
    quoter = Quoter(language, known=citations)
    pieces = []
    for cited, other in editions_cited(citations, hits):
        key = "edition_newer" if supersedes(cited, other) else "edition_older"
        line = say(language, key, cited=cited.revision, other=other.revision, title=cited.title)
        pieces.append(quoter.frame(line))
    for found in list(disagreements(citations, hits))[:MAX_DISAGREEMENTS]:
        pieces.append(quoter.frame(say(language, "disagree", source=_named(found.chunk.source))))
        pieces.extend(quoter.units(found.chunk, [found.unit]))
    for place, piece in enumerate(pieces):
        yield piece if place else Piece("\n" + piece.text, piece.citations, ours=piece.ours)


def _named(source: Source) -> str:
    return f"{source.title}, {source.revision}" if source.revision else source.title
