"""What a reader must know of an answer's sources: which edition is cited, and which other source disagrees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from copilot.editions import disagreements, editions_cited, supersedes
from copilot.generate.quoting import Quoter
from copilot.kinds import is_of_another
from copilot.types import Citation, Piece, Subject
from copilot.wording import say
from indexer.types import Chunk, Hit, Source

MAX_DISAGREEMENTS = 3


def about_sources(
    language: str,
    citations: Sequence[Citation],
    chunks: Sequence[Chunk],
    hits: Sequence[Hit],
    subject: Subject | None = None,
) -> Iterator[Piece]:
    """A line for each cited document of another machine than those asked about, and for each with another edition; then
    what other sources state with another number. `chunks` are those cited."""
    quoter = Quoter(language, known=citations)
    pieces = []
    elsewhere = [chunk.source for chunk in chunks if subject is not None and is_of_another(subject, chunk)]
    for source in dict.fromkeys(elsewhere):
        key = "another_machine" if source.machine else "another_kind"
        pieces.append(quoter.frame(say(language, key, title=source.title, machine=source.machine)))
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
