"""What flows through the copilot: Question -> Understanding -> Hit -> Piece -> Answer. All values are frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from copilot.period import Period
from copilot.synonyms import OtherWords
from finetune.types import AnswerForm, RetrievalPlan, RouteDecision
from indexer.types import CodeMatch, Hit, Source


class AnswerStatus(StrEnum):
    """How an answer ended. All four are answers; none is an error."""

    ANSWERED = "answered"
    NO_EVIDENCE = "no_evidence"
    OUT_OF_SCOPE = "out_of_scope"
    REFUSED_UNSAFE = "refused_unsafe"


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange of a conversation, as far as the question after it may lean on it: plain values, fit to be stored.

    `asked` is the question as typed, `text` the same with what it left out filled in (what was searched with), `topic`
    the words that say what it was about. `machine` is the one it was limited to, `codes` those it named (as in the
    registry). `section` is the (document_id, section) of the first place cited, if any; `source_machine` the machine whose
    documents alone were cited, if the question named none.
    """

    asked: str
    text: str
    topic: str
    language: str
    route: str
    machine: str | None = None
    codes: tuple[str, ...] = ()
    section: tuple[str, int] | None = None
    status: AnswerStatus = AnswerStatus.ANSWERED
    source_machine: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked. `machine` is a machine chosen beside the text (a flag, a list box), if any.

    `earlier` are the turns of the conversation before it, oldest first: `(*earlier, answer.turn)` after each answer.
    Only the last few are looked at.
    """

    text: str
    machine: str | None = None
    id: str | None = None
    earlier: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """Machines that a question names by their kind ("the press", 空压机) rather than by name.

    `words` are those of the question, `also` the words that stand for the same kinds. `machines` and `documents` are of
    that kind (both empty: the question names a kind that no document is of); `others` are documents of other machines.
    """

    words: tuple[str, ...]
    also: tuple[str, ...]
    machines: tuple[str, ...] = ()
    documents: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()

    @property
    def known(self) -> bool:
        """Whether any document or fault report is of that kind."""
        return bool(self.machines or self.documents)

    @property
    def machine(self) -> str | None:
        """The one machine it is, if it is one."""
        return self.machines[0] if len(self.machines) == 1 else None


@dataclass(frozen=True, slots=True)
class Understanding:
    """A question, understood.

    `text` is the question to search with, `language` "en" or "zh". `route` is the router's verdict; `plan` and `form`
    are what follows from it (everything and AUTO when the router was unsure: `sure` is false then).
    `topic` are the words that say what the question is about, its own or those of the turn it goes on from; it goes on
    from an earlier turn when `follows`. `codes` are the registry entries the question names, best first; `unknown_codes` those written codes no document
    has, `suggestions` (written, existing code) pairs one slip apart. `machine` limits the search; it is spelled as in
    the index when `machine_known`; where only its kind is named, `subject` says which machines that can be: their passages
    go first, and those of other machines count only as far as they speak of that kind. `terms` are the question's informative tokens (see indexer.analysis), those that
    name the machine left out.
    """

    question: Question
    text: str
    language: str
    route: RouteDecision
    plan: RetrievalPlan
    form: AnswerForm
    sure: bool
    codes: tuple[CodeMatch, ...] = ()
    unknown_codes: tuple[str, ...] = ()
    suggestions: tuple[tuple[str, str], ...] = ()
    machine: str | None = None
    machine_known: bool = True
    terms: tuple[str, ...] = ()
    unsafe: bool = False
    """Whether the question asks to defeat a guard, an interlock or a lock-out."""

    @property
    def turn(self) -> Turn:
        """The exchange as far as only its question is known."""
        return Turn(
            asked=self.question.text,
            text=self.text,
            topic=self.topic or self.text,
            language=self.language,
            route=self.route.route,
            machine=self.machine if self.machine_known else None,
            codes=tuple(dict.fromkeys(match.entry.code for match in self.codes)),
        )

    topic: str = ""
    follows: bool = False
    subject: Subject | None = None
    section: tuple[str, int] | None = None
    """(document_id, section) that the answer before it came from, for a question that asks more of the same thing."""
    period: Period | None = None
    """The period of time it names, as days; what a question about the past is limited to."""
    others: tuple[OtherWords, ...] = ()
    """Other words for some of its terms, see `copilot.synonyms`."""

    @property
    def about(self) -> str | None:
        """The machine asked about: named, or the only one of the kind named."""
        return self.machine or (self.subject.machine if self.subject is not None else None)


@dataclass(frozen=True, slots=True)
class Warning:
    """A safety notice as printed. `signal` is DANGER, WARNING, CAUTION or NOTICE; `text` is verbatim."""

    signal: str
    text: str
    source: Source
    page: int
    section: int = 0


@dataclass(frozen=True, slots=True)
class Citation:
    """What a marker stands for: citation 2 is "[2]" in the text.

    A quote is a run of neighbouring lines or sentences of one chunk, verbatim; each quote has one marker of its own,
    and every sentence, row or step taken from it carries that marker. `pages` is (first, last) of the chunk, 1-based;
    `start` is where the quote begins in the chunk's text, in characters (it ends at start + len(quote)), -1 if unknown.
    Where it stands on the page as a viewer extracts it, `copilot.locate` finds out.
    """

    marker: int
    source: Source
    pages: tuple[int, int]
    quote: str
    chunk_id: str
    ocr: bool = False
    start: int = -1
    printed: str = ""
    """The quote as the page has it, where that differs: the cells of a row without the names of their columns."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A quoted value in other units, computed by us: "265 bar" and ("26.5 MPa", "3,840 psi")."""

    value: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an answer's text as it is made, with the citations that become known with it.

    `generator` says who wrote it where that is not the generator asked: another one that stands in.
    A new sentence or line begins with the blank or line break before it. `ours` marks frame words, which no marker backs.
    `conversions` are those that the text gives, each in the words of the text.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    generator: str = ""
    ours: bool = False
    conversions: tuple[Conversion, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """How well the hits bear on the question: `score` 0..1 and the parts it was made of, by name."""

    score: float
    parts: Mapping[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()  # informative terms of the question that no hit holds


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with all that is needed to check it. `evidence` are the hits it rests on (the nearest ones if none)."""

    id: str
    question: Question
    status: AnswerStatus
    text: str
    warnings: tuple[Warning, ...]
    citations: tuple[Citation, ...]
    evidence: tuple[Hit, ...]
    understanding: Understanding
    index_version: str
    model_versions: Mapping[str, str]
    generator: str
    timings_ms: Mapping[str, float]
    evidence_score: float = 0.0
    withheld: tuple[str, ...] = ()
    """Sentences left out because their quotes do not bear them out."""
    short: str = ""
    """The few words that answer (a value with its unit, a name, yes or no), where they are sure; they rest on a quote."""
    conversions: tuple[Conversion, ...] = ()
    """The values that the text also gives in other units; all other numbers of it stand in a quote."""

    @property
    def turn(self) -> Turn:
        """This exchange as the next question of the conversation may lean on it; see `Question.earlier`."""
        understood = self.understanding
        among = {hit.chunk.id: hit.chunk for hit in self.evidence}
        cited = next((among[cited.chunk_id] for cited in self.citations if cited.chunk_id in among), None)
        section = None if cited is None else (cited.source.document_id, cited.section)
        machines = {citation.source.machine for citation in self.citations}
        one = machines.pop() if len(machines) == 1 and self.status is AnswerStatus.ANSWERED else None
        return replace(understood.turn, section=section, status=self.status, source_machine=one)
