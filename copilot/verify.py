"""The last gate of every answer, whoever wrote it: a sentence stands only as far as its quotes bear it out.

Each sentence must carry a marker, and every number, unit and code in it must occur in the quotes of its markers (in any
spelling, see `copilot.grounding`), else it is withheld. Our own frame words and our own conversions of a quoted value
are excepted; a conversion must follow from a value that is quoted. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from copilot.cite import markers
from copilot.grounding import facts, lacking
from copilot.measures import CONVERTED, conversions, follows
from copilot.sentences import UnitKind, is_bullet, sentence_spans, split, step_number
from copilot.table_values import cells_of
from copilot.types import Citation, Piece
from copilot.wording import is_frame, say
from indexer.analysis import fold
from indexer.codes import candidates, normal_forms
from indexer.types import Chunk

_MARK = re.compile(r"\[\d{1,3}\]")
_BEHIND = re.compile(rf"(?:{CONVERTED.pattern.replace('(?P<pairs>', '(?:')}|\s*\[\d{{1,3}}\])+\s*")
_SIGN = re.compile(
    r"^\s*(?:[(（]?(?:\d{1,3}|[a-zA-Z])[.)）、]|(?:step|步骤)\s*\d{1,3}[.:：]?|[•●*–—-])\s*", re.IGNORECASE
)
_LABEL = re.compile(r"[^:：.。!?]{1,60}[:：]\s*\S")


@dataclass(frozen=True, slots=True)
class Withheld:
    """A sentence that was left out, and the one line that says why."""

    sentence: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What is left of a text: its sound sentences, the citations they use, and what was withheld, in order."""

    text: str
    citations: tuple[Citation, ...] = ()
    withheld: tuple[Withheld, ...] = ()


def verified(
    text: str, citations: Sequence[Citation], chunks: Mapping[str, Chunk], ours: Collection[str] = ()
) -> Verified:
    """Keep the sentences of a text that their quotes bear out.

    `citations` are those its markers stand for, `chunks` the chunks they quote, by id (a citation whose quote is not
    verbatim in its chunk backs nothing), `ours` lines of our own words, which need no marker. A marker counts for the
    sentence it follows; for a whole line where that is a step, an item or a labelled cell.
    """
    named = set(markers(text))
    backing = {one.marker: _Backing.of(one, chunks.get(one.chunk_id)) for one in citations if one.marker in named}
    own = {line.strip() for lines in ours for line in lines.splitlines()}
    lines: list[str] = []
    withheld: list[Withheld] = []
    for line in text.split("\n"):
        if not any(map(str.isalnum, line)) or line.strip() in own or is_frame(line.strip()):
            lines.append(line)
            continue
        kept = ""
        for sentence in _sentences(line, backing):
            reason = _fault(sentence, backing)
            if reason:
                withheld.append(Withheld(_MARK.sub("", sentence).strip(), reason))
            else:
                kept += sentence
        if kept.strip():
            lines.append(kept.rstrip())
    used = set(markers("\n".join(lines)))
    return Verified(
        "\n".join(lines).strip("\n"), tuple(one for one in citations if one.marker in used), tuple(withheld)
    )


class Gate:
    """Lets an answer through as it is written, piece by piece, without the sentences that must not stand.

    `chunks_of` gives the chunks that citations quote, by id.
    """

    def __init__(self, language: str, chunks_of: Callable[[Sequence[Citation]], Mapping[str, Chunk]]) -> None:
        self.withheld: list[Withheld] = []
        self._language = language
        self._chunks_of = chunks_of
        self._citations: list[Citation] = []
        self._shown: set[int] = set()

    @property
    def nothing_left(self) -> bool:
        """Whether something was withheld and nothing that is backed by a quote came through."""
        return bool(self.withheld) and not self._shown

    def through(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """The pieces that may be shown; last, one line that says how many sentences are missing, if any are."""
        waiting: list[Piece] = []
        for piece in pieces:
            if waiting and (piece.ours or piece.text[:1].isspace()):
                yield from self._checked(waiting)
                waiting = []
            if piece.ours:
                yield piece
            else:
                waiting.append(piece)
        yield from self._checked(waiting)
        if self.withheld:
            count = len(self.withheld)
            key = "withheld_one" if count == 1 else "withheld"
            yield Piece("\n" + say(self._language, key, count=count), ours=True)

    def _checked(self, pieces: Sequence[Piece]) -> Iterator[Piece]:
        text = "".join(piece.text for piece in pieces)
        self._citations.extend(citation for piece in pieces for citation in piece.citations)
        found = verified(text, self._citations, self._chunks_of(self._citations))
        self.withheld.extend(found.withheld)
        if found.text.strip():
            new = tuple(citation for citation in found.citations if citation.marker not in self._shown)
            self._shown.update(citation.marker for citation in new)
            blank = text[: len(text) - len(text.lstrip())]
            rest = text[len(text.rstrip()) :]
            made = tuple(one for piece in pieces for one in piece.conversions if one.value in found.text)
            yield replace(pieces[0], text=blank + found.text.strip() + rest, citations=new, conversions=made)


@dataclass(frozen=True, slots=True)
class _Backing:
    """What a citation's quote can back: its words, its columns' names, and the names around it (headings, title ...)."""

    quote: str
    columns: tuple[str, ...]
    around: str
    sound: bool

    @classmethod
    def of(cls, citation: Citation, chunk: Chunk | None) -> _Backing:
        if chunk is None:
            return cls(citation.quote, (), "", False)
        source = chunk.source
        around = (*chunk.heading, source.title, source.machine or "", source.document_id)
        heads = [unit for unit in split(chunk.text, chunk.kind) if unit.kind is UnitKind.HEADER]
        columns = tuple(name for head in heads for name in cells_of(head.text))
        return cls(
            citation.quote, columns, " ; ".join((*around, *columns)), _squeezed(citation.quote) in _squeezed(chunk.text)
        )


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _sentences(line: str, backing: Mapping[int, _Backing]) -> Iterator[str]:
    """The stretches of a line that are judged as one, each with the markers behind it and the blank after those."""
    if _is_block(line):
        yield line
        return
    blanked = line
    for pattern in (CONVERTED, _MARK):
        blanked = pattern.sub(lambda found: " " * len(found[0]), blanked)
    starts = [start for start, _ in sentence_spans(blanked)] or [0]
    stretches = []
    for place, start in enumerate(starts):
        end = starts[place + 1] if place + 1 < len(starts) else len(line)
        stretches.append(line[0 if place == 0 else _after_marks(line, start) : _after_marks(line, end)])
    begun = ""
    for stretch in stretches:  # a sentence without a marker that stands in the next one's quote belongs to it
        begun += stretch
        numbers = markers(stretch)
        bare = _squeezed(_MARK.sub("", begun))
        if numbers and begun != stretch and not any(bare in _squeezed(_quote(backing, n)) for n in numbers):
            yield begun[: -len(stretch)]
            begun = stretch
        if numbers:
            yield begun
            begun = ""
    if begun.strip():
        yield begun


def _quote(backing: Mapping[int, _Backing], marker: int) -> str:
    return backing[marker].quote if marker in backing else ""


def _after_marks(line: str, place: int) -> int:
    """The place behind the markers that directly follow."""
    match = _BEHIND.match(line, place)
    return match.end() if match else place


def _is_block(line: str) -> bool:
    """Whether a line is a step, an item, a table row or a labelled cell: one statement, whatever full stops it holds."""
    return step_number(line) is not None or is_bullet(line) or " | " in line or bool(_LABEL.match(_MARK.sub("", line)))


def _fault(sentence: str, backing: Mapping[int, _Backing]) -> str:
    """Why a sentence must not stand, or ""."""
    numbers = markers(sentence)
    if not numbers:
        return "it carries no marker"
    unknown = [number for number in numbers if number not in backing]
    if unknown:
        return f"marker [{unknown[0]}] stands for nothing"
    cited = [backing[number] for number in numbers]
    if not all(one.sound for one in cited):
        return "its quote is not in the document"
    quotes = "\n".join(one.quote for one in cited)
    said = _MARK.sub(" ", sentence)
    if not CONVERTED.search(said) and any(_is_verbatim(said, one) for one in cited):
        return ""  # most sentences, without a look at the facts
    there = facts("\n".join([quotes, *(name for one in cited for name in one.columns)]))
    around = facts("\n".join(one.around for one in cited))
    for match in CONVERTED.finditer(said):
        for value, results in conversions(match["pairs"]):
            if lacking(facts(value), there, around):
                return f"{value} is not in the quote"
            if wrong := [result for result in results if not follows(result, value)]:
                return f"{wrong[0]} does not follow from {value}"
    said = CONVERTED.sub(" ", said)
    if any(_is_verbatim(said, one) for one in cited):
        return ""
    missing = [fact for fact in lacking(facts(_SIGN.sub("", said)), there, around) if not _is_code(fact, said, quotes)]
    return f"{missing[0]} is not in the quote" if missing else ""


def _is_verbatim(said: str, cited: _Backing) -> bool:
    """Whether a sentence, or each of its cells without the name of its column, is a part of the quote."""
    quote = _squeezed(cited.quote)
    if _squeezed(said) in quote:
        return True
    for column in filter(None, cited.columns):
        said = re.sub(rf"{re.escape(column)}\s*[:：]\s*", "\n", said)
    cells = [_squeezed(cell).strip(";；") for cell in said.split("\n")]
    return len(cells) > 1 and all(cell in quote for cell in cells)


def _is_code(fact: str, said: str, quotes: str) -> bool:
    """Whether what seems to be missing is a code that the quotes write otherwise: "E 207", or E-207 for "alarm 207"."""
    parts = list(re.finditer(r"[a-z]+|\d+", fold(quotes)))
    joined = set()
    for first in range(len(parts)):
        for last in range(first, min(first + 6, len(parts))):
            between = fold(quotes)[parts[last - 1].end() : parts[last].start()] if last > first else ""
            if not re.fullmatch(r"[-_./:+# ]?", between):
                break
            joined.add("".join(part[0] for part in parts[first : last + 1]))
    if not fact.isdigit():
        return fact in joined
    spoken = {form for found in candidates(said) if found.strong for form in normal_forms(found.written).keys[3]}
    return fact.lstrip("0") in spoken and any(
        normal_forms(code).family is not None and fact.lstrip("0") in normal_forms(code).keys[3] for code in joined
    )
