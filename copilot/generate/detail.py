"""What stands around an answer: the rest of the sections it quotes, for whoever wants more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from copilot.generate.quoting import Quoter
from copilot.protocols import Knowledge
from copilot.sentences import Unit, UnitKind, split
from copilot.types import Answer, Piece
from copilot.wording import say
from indexer.types import Chunk, ChunkKind

MAX_SECTIONS = 3
MAX_CHARACTERS = 2_500  # of one section


def more_of(answer: Answer, chunks: Mapping[str, Chunk], knowledge: Knowledge) -> Iterator[Piece]:
    """The units of the cited sections that the answer does not quote, in reading order; nothing when it quotes all.

    `chunks` are the chunks the answer cites, by id. Markers are counted on from the answer's.
    """
    language = answer.understanding.language
    quoter = Quoter(language, known=answer.citations)
    quoted = ["".join(citation.quote.split()) for citation in answer.citations]
    places = dict.fromkeys(
        (chunk.source.document_id, chunk.section)
        for citation in answer.citations
        if (chunk := chunks.get(citation.chunk_id)) is not None and chunk.kind is not ChunkKind.FAULT_REPORT
    )
    for place in list(places)[:MAX_SECTIONS]:
        parts = [part for part in knowledge.section(*place) if part.kind is not ChunkKind.WARNING]
        told = False
        for part, units in _rest(parts, quoted):
            if not told:
                heading = " > ".join(part.heading[-2:]) or part.source.title
                yield quoter.frame(say(language, "more_from", heading=heading))
                told = True
            yield from quoter.units(part, units)


def _rest(parts: Sequence[Chunk], quoted: Sequence[str]) -> Iterator[tuple[Chunk, list[Unit]]]:
    """Each part of a section with its units that no quote holds, as far as there is room."""
    room = MAX_CHARACTERS
    seen: set[str] = set()
    for part in parts:
        rest = []
        for unit in split(part.text, part.kind):
            squeezed = "".join(unit.text.split())
            if unit.kind is UnitKind.HEADER or squeezed in seen or any(squeezed in quote for quote in quoted):
                continue
            seen.add(squeezed)
            room -= len(unit.text)
            if room < 0:
                break
            rest.append(unit)
        if rest:
            yield part, rest
