"""Editions of one document: which is the newer, and where two sources disagree on a value. Pure functions.

Two documents are editions of one when they belong to the same machine, are named alike once their revision marks are
taken away, and state revisions that can be compared: letters, version numbers or dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from copilot.sentences import Unit, UnitKind, split
from copilot.types import Citation
from indexer.analysis import fold, is_chinese
from indexer.types import Chunk, ChunkKind, Hit, Source

_MARKS = re.compile(
    r"(?<![a-z])(?:rev(?:ision)?|ver(?:sion)?|issue|edition|v)[\s_.\-]*(?:[a-z](?![a-z])|\d+(?:\.\d+)*)|"
    r"(?:版本|版次|修订|第)\s*[a-z\d.]+\s*版?|[新旧]版|(?:19|20)\d\d[-/._]?\d{0,2}[-/._]?\d{0,2}"
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAMED = re.compile(
    r"\b(?:rev(?:ision)?|ver(?:sion)?|issue|edition|v)[\s.]*([a-z]\b|\d+(?:\.\d+)*)|(?:版本|修订|版次)\s*([a-z]|\d+(?:\.\d+)*)"
)
_LEAST_LETTERS = 12  # of a statement, for it to be the same one in another edition by more than chance
_LEAST_ELSEWHERE = 24  # the same in any other document of the machine


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A unit of another document that says the same as a cited one with another number."""

    chunk: Chunk
    unit: Unit
    cited: Source


def order(revision: str | None) -> tuple[str, tuple[int, ...]] | None:
    """(kind, rank) of a revision; of two of one kind the higher is the newer. None when it states no order.

    >>> order("Rev. B"), order("V1.2"), order("2021-03")
    (('letter', (2,)), ('number', (1, 2)), ('date', (2021, 3)))
    """
    text = fold(revision or "").strip()
    if re.fullmatch(r"(?:19|20)\d\d(?:[-/.]\d{1,2}){0,2}", text):
        return "date", tuple(int(part) for part in re.split(r"[-/.]", text))
    last = re.sub(r"^(?:rev(?:ision)?|ver(?:sion)?|issue|edition|v)[\s.:]*", "", text)
    if re.fullmatch(r"[a-z]", last):
        return "letter", (ord(last) - ord("a") + 1,)
    return ("number", tuple(int(part) for part in last.split("."))) if re.fullmatch(r"\d+(?:\.\d+)*", last) else None


def same_document(one: Source, other: Source) -> bool:
    """Whether two sources are editions of one document."""
    if one.document_id == other.document_id or one.machine != other.machine or one.kind is not other.kind:
        return False
    if is_chinese(one.title) != is_chinese(other.title):
        return False
    return _name(one.title) == _name(other.title) or _name(_stem(one)) == _name(_stem(other))


def supersedes(one: Source, other: Source) -> bool:
    """Whether a source is a newer edition of another."""
    mine, its = order(one.revision), order(other.revision)
    return bool(mine and its and mine[0] == its[0] and mine[1] > its[1] and same_document(one, other))


def newest_first(question: str, hits: Sequence[Hit]) -> list[Hit]:
    """The hits, those of an edition that another hit's supersedes put behind; a revision the question names comes first."""
    sources = {hit.chunk.source.document_id: hit.chunk.source for hit in hits}
    named = {found for match in _NAMED.finditer(fold(question)) for found in match.groups() if found}

    def behind(source: Source) -> bool:
        others = [other for other in sources.values() if same_document(other, source)]
        if named and others and any(_is_named(other, named) for other in (*others, source)):
            return not _is_named(source, named)
        return any(supersedes(other, source) for other in others)

    old = {name for name, source in sources.items() if behind(source)}
    ordered = sorted(hits, key=lambda hit: hit.chunk.source.document_id in old)
    return [replace(hit, rank=rank) for rank, hit in enumerate(ordered, 1)]


def editions_cited(citations: Sequence[Citation], hits: Sequence[Hit]) -> list[tuple[Source, Source]]:
    """(cited, other) pairs: the sources cited of which another edition is among the hits."""
    cited = {citation.source.document_id: citation.source for citation in citations}
    found = {
        hit.chunk.source.document_id: hit.chunk.source for hit in hits if hit.chunk.source.document_id not in cited
    }
    pairs = [(one, other) for one in cited.values() for other in found.values() if same_document(one, other)]
    return [(one, other) for one, other in pairs if supersedes(one, other) or supersedes(other, one)]


def disagreements(citations: Sequence[Citation], hits: Sequence[Hit]) -> Iterator[Disagreement]:
    """What other documents among the hits state in the same words as a quote, but for a number."""
    quoted = {
        (blank, citation.source.document_id): (citation.source, line)
        for citation in citations
        for line in (citation.quote, *citation.quote.splitlines())
        if (blank := _blanked(line))
    }
    seen: set[str] = set()
    said = {_squeezed(citation.quote) for citation in citations}
    for hit in hits:
        chunk = hit.chunk
        if chunk.kind is ChunkKind.FAULT_REPORT or not any(
            document != chunk.source.document_id and source.machine == chunk.source.machine
            for (_, document), (source, _) in quoted.items()
        ):
            continue
        for unit in split(chunk.text, chunk.kind):
            key, text = _blanked(unit.text), _squeezed(unit.text)
            if unit.kind is UnitKind.HEADER or not key or text in seen or any(text in quote for quote in said):
                continue
            for (blank, document), (source, line) in quoted.items():
                if (
                    blank == key
                    and document != chunk.source.document_id
                    and source.machine == chunk.source.machine
                    and _NUMBER.findall(fold(line)) != _NUMBER.findall(fold(unit.text))
                ):
                    seen.add(text)
                    yield Disagreement(chunk, unit, source)
                    break


def _comparable(source: Source, chunk: Chunk, statement: str) -> bool:
    """Whether the same words may be taken for the same matter: in another edition, or at length on the same machine."""
    if same_document(source, chunk.source):
        return True
    return (
        source.machine is not None
        and source.machine == chunk.source.machine
        and _letters(statement) >= _LEAST_ELSEWHERE
    )


def _is_named(source: Source, named: set[str]) -> bool:
    return re.sub(r"^(?:rev(?:ision)?|ver(?:sion)?|issue|edition|v)[\s.:]*", "", fold(source.revision or "")) in named


@lru_cache(maxsize=1024)  # each of the hits' documents is compared with each other one
def _name(text: str) -> str:
    return re.sub(r"[\W_]+", "", _MARKS.sub(" ", re.sub(r"_", " ", fold(text))))


def _stem(source: Source) -> str:
    return source.document_id.rpartition("/")[2].rpartition(".")[0]


def _squeezed(text: str) -> str:
    return "".join(fold(text).split())


def _blanked(text: str) -> str:
    """A statement with its numbers taken out; "" when it has none, or too few words to be told by."""
    folded = _squeezed(text)
    blank = _NUMBER.sub("#", folded)
    return blank if "#" in blank and _letters(blank) >= _LEAST_LETTERS else ""


def _letters(text: str) -> int:
    """Letters of a text, a Chinese character counted as two."""
    return sum(2 if "\u3400" <= character <= "\u9fff" else character.isalpha() for character in text)
