"""Copilot.ask(): a question in, a cited answer out."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from copilot import cite, safety
from copilot.editions import newest_first
from copilot.generate.detail import more_of
from copilot.generate.extractive import ExtractiveGenerator
from copilot.generate.sources import about_sources
from copilot.generate.unrecorded import Lacking, unrecorded
from copilot.parts_glossary import parts_named
from copilot.protocols import Generator, Judge, Knowledge, Reranker, Retriever
from copilot.short_answer import short_answer
from copilot.types import Answer, AnswerStatus, Citation, Evidence, Piece, Question, Understanding
from copilot.understand import Understander
from copilot.verify import Gate
from copilot.wording import say
from finetune.types import OUT_OF_SCOPE, AnswerForm, RetrievalPlan
from indexer.types import Chunk, ChunkKind, Hit

_NEAREST = 3
_NEAR = 0.6  # relevance of a passage from which a question is about the plant, if not answered
_SPOKEN_OF = 0.4  # share of a question's words in one passage from which the documents speak of its thing


class Copilot:
    """Answers questions over one opened index. All parts are given; see `copilot.assemble` for how they are made.

    `min_k` is the least number of hits to fetch. An answer records `model_versions` and the generator's.
    """

    def __init__(
        self,
        *,
        knowledge: Knowledge,
        understander: Understander,
        retriever: Retriever,
        judge: Judge,
        generator: Generator,
        reranker: Reranker | None = None,
        model_versions: Mapping[str, str] | None = None,
        min_k: int = 8,
    ) -> None:
        self._knowledge = knowledge
        self._understander = understander
        self._retriever = retriever
        self._judge = judge
        self._generator = generator
        self._reranker = reranker
        self._model_versions = dict(model_versions or {})
        self._min_k = min_k
        self._quoting = ExtractiveGenerator(knowledge)  # a refusal quotes, whatever writes the other answers

    def ask(self, question: Question | str) -> Answer:
        """Answer one question.

        Raises QuestionError for an empty or endless one, CitationError when a generator cites what is not there.
        """
        *_, answer = self.stream(question)
        assert isinstance(answer, Answer)
        return answer

    def understand(self, question: Question) -> Understanding:
        """What `ask` would take the question for, without a language model's help. Raises QuestionError."""
        return self._understander.understand(question)

    def stream(self, question: Question | str) -> Iterator[Piece | Answer]:
        """As `ask`, yielding the pieces of the text as they are made and the whole, checked answer last."""
        question = Question(question) if isinstance(question, str) else question
        clock = _Clock()
        with clock.stage("understand"):
            understanding = self._understander.understand(question, rewriting=True)
        hits, evidence = self._search(understanding, clock)
        if evidence.score < self._judge.threshold and understanding.sure:
            # The route may have been wrong, or its plan too narrow: everything is searched before the answer is no.
            everywhere = replace(understanding, plan=RetrievalPlan(k=understanding.plan.k))
            others, found = self._search(everywhere, clock)
            if found.score >= self._judge.threshold:
                understanding, hits, evidence = everywhere, others, found
        status = self._status(understanding, evidence)
        pieces: list[Piece] = []
        with clock.stage("generate"):
            gate = Gate(understanding.language, lambda cited: self._cited(cited, hits))
            for piece in gate.through(self._with_sources(understanding, hits, status)):
                pieces.append(piece)
                yield piece
            if not pieces or gate.nothing_left:  # good hits, and yet no sentence that answers
                status = AnswerStatus.NO_EVIDENCE
                pieces = list(self._write(understanding, hits, status))
                yield from pieces
        with clock.stage("cite"):
            text = "".join(piece.text for piece in pieces).strip()
            citations = tuple(citation for piece in pieces for citation in piece.citations)
            chunks = self._cited(citations, hits)
            cite.check(text, citations, chunks)
            warnings = safety.bind_warnings(chunks.values(), self._knowledge)
        yield Answer(
            id=uuid.uuid4().hex,
            question=question,
            status=status,
            text=text,
            warnings=warnings,
            citations=citations,
            evidence=_rests_on(hits, citations),
            understanding=understanding,
            index_version=self._knowledge.manifest.version,
            model_versions={**self._model_versions, **self._generator.versions()},
            generator=next((piece.generator for piece in pieces if piece.generator), self._generator.name),
            timings_ms=clock.spent(),
            evidence_score=evidence.score,
            withheld=tuple(one.sentence for one in gate.withheld),
            conversions=tuple(dict.fromkeys(one for piece in pieces for one in piece.conversions)),
            short=short_answer(understanding, citations, chunks, hits) if status is AnswerStatus.ANSWERED else "",
        )

    def more(self, answer: Answer) -> Answer:
        """An answer with the rest of the sections it quotes; the same answer when it quotes nothing or all of them."""
        chunks = self._cited(answer.citations, answer.evidence)
        gate = Gate(answer.understanding.language, lambda cited: self._cited(cited, answer.evidence))
        pieces = list(gate.through(more_of(answer, chunks, self._knowledge)))
        added = tuple(citation for piece in pieces for citation in piece.citations)
        if not added:
            return answer
        text = f"{answer.text}\n\n{''.join(piece.text for piece in pieces).strip()}"
        citations = (*answer.citations, *added)
        cite.check(text, citations, self._cited(citations, answer.evidence))
        conversions = (*answer.conversions, *(one for piece in pieces for one in piece.conversions))
        return replace(answer, text=text, citations=citations, conversions=tuple(dict.fromkeys(conversions)))

    def _search(self, understanding: Understanding, clock: _Clock) -> tuple[Sequence[Hit], Evidence]:
        with clock.stage("retrieve"):
            hits = self._retriever.retrieve(understanding, max(self._min_k, understanding.plan.k))
        if self._reranker is not None:
            with clock.stage("rerank"):
                hits = self._reranker.rerank(understanding, hits)
        hits = newest_first(understanding.question.text, hits)
        with clock.stage("judge"):
            evidence = self._judge.judge(understanding, hits)
            if (lacking := self._unrecorded(understanding)) is not None:
                evidence = Evidence(0.0, {lacking: 1.0})
        if understanding.form in (AnswerForm.WARNINGS, AnswerForm.STEPS) or any(
            hit.chunk.kind is ChunkKind.PROCEDURE for hit in hits[: safety.RESERVED_FOR]
        ):
            hits = safety.with_warnings(hits, self._knowledge)
        return hits, evidence

    def _unrecorded(self, understanding: Understanding) -> Lacking | None:
        """What a question on the past asks for that no fault report says."""
        if understanding.form is not AnswerForm.HISTORY:
            return None
        return unrecorded(understanding.text, self._knowledge.fault_reports, understanding.machine)

    def _status(self, understanding: Understanding, evidence: Evidence) -> AnswerStatus:
        """The router alone refuses nothing: what it calls out of scope is answered when the evidence is good."""
        if understanding.unsafe:
            return AnswerStatus.REFUSED_UNSAFE
        if not understanding.machine_known or evidence.score < self._judge.threshold:
            outside = (
                understanding.sure
                and understanding.route.route == OUT_OF_SCOPE
                and not _of_a_plant(understanding, evidence)
            )
            return AnswerStatus.OUT_OF_SCOPE if outside else AnswerStatus.NO_EVIDENCE
        return AnswerStatus.ANSWERED

    def _with_sources(self, understanding: Understanding, hits: Sequence[Hit], status: AnswerStatus) -> Iterator[Piece]:
        """What is written, and below an answer which edition it cites and what other sources say differently."""
        cited: list[Citation] = []
        for piece in self._write(understanding, hits, status):
            cited.extend(piece.citations)
            yield piece
        if status is AnswerStatus.ANSWERED and cited:
            chunks = list(self._cited(cited, hits).values())
            yield from about_sources(understanding.language, cited, chunks, hits, understanding.subject)

    def _write(self, understanding: Understanding, hits: Sequence[Hit], status: AnswerStatus) -> Iterator[Piece]:
        language = understanding.language
        if status is AnswerStatus.ANSWERED:
            if understanding.form is AnswerForm.REFUSAL:
                understanding = replace(understanding, form=AnswerForm.AUTO)
            yield from self._generator.generate(understanding, hits)
        elif status is AnswerStatus.REFUSED_UNSAFE:
            yield Piece(say(language, "unsafe"), ours=True)
            yield from self._quoting.safety_text(understanding, hits)
        elif status is AnswerStatus.OUT_OF_SCOPE:
            yield Piece(say(language, "out_of_scope"), ours=True)
        else:
            yield Piece(self._abstention(understanding, hits), ours=True)

    def _abstention(self, understanding: Understanding, hits: Sequence[Hit]) -> str:
        """Why there is no answer, what may have been meant, and the nearest pages."""
        language = understanding.language
        if not understanding.machine_known:
            known = say(language, "comma").join(self._knowledge.machines()) or "–"
            return say(language, "unknown_machine", machine=understanding.machine, machines=known)
        if understanding.suggestions:
            return " ".join(self._suggestion(understanding, written) for written in dict(understanding.suggestions))
        text = say(language, "no_evidence")
        if (lacking := self._unrecorded(understanding)) is not None:
            text = " ".join([text, say(language, lacking)])
        if understanding.unknown_codes and not understanding.codes:
            unknown = [say(language, "unknown_code", code=code) for code in understanding.unknown_codes]
            text = " ".join([text, *unknown])
        places = dict.fromkeys(
            say(language, "place", document=hit.chunk.source.document_id, page=hit.chunk.pages[0])
            for hit in hits[:_NEAREST]
        )
        return f"{text} {say(language, 'nearest', places=say(language, 'and').join(places))}" if places else text

    def _suggestion(self, understanding: Understanding, written: str) -> str:
        language = understanding.language
        titled = []
        for code in dict.fromkeys(code for asked, code in understanding.suggestions if asked == written):
            titles = [
                match.entry.title
                for match in self._knowledge.lookup_codes(code, understanding.machine)
                if match.entry.code == code
            ]
            title = next((title for title in titles if title), "")
            titled.append(say(language, "titled", code=code, title=title) if title else code)
        return say(language, "unknown_code", code=written) + say(
            language, "did_you_mean", codes=say(language, "or").join(titled[:3])
        )

    def _cited(self, citations: Sequence[Citation], hits: Sequence[Hit]) -> dict[str, Chunk]:
        """The chunks cited, by id, in the order of their markers."""
        among = {hit.chunk.id: hit.chunk for hit in hits}
        found = (
            (citation.chunk_id, among.get(citation.chunk_id) or self._knowledge.chunk(citation.chunk_id))
            for citation in citations
        )
        return {chunk_id: chunk for chunk_id, chunk in found if chunk is not None}


def _of_a_plant(understanding: Understanding, evidence: Evidence) -> bool:
    """Whether a question names a machine, a kind of machine, a part or a code: then it is about the plant, answered or not.

    So it is where the price or maker of something is asked for that the documents do speak of.
    """
    named = understanding.machine is not None and understanding.question.machine is None and not understanding.follows
    kind = understanding.subject is not None or bool(understanding.unknown_codes)
    traded = bool(evidence.parts.get("trade")) and evidence.parts.get("coverage", 0.0) >= _SPOKEN_OF
    near = evidence.parts.get("relevance", 0.0) >= _NEAR  # a reader finds that a passage speaks of it
    return named or kind or traded or near or bool(parts_named(understanding.text))


def _rests_on(hits: Sequence[Hit], citations: Sequence[Citation]) -> tuple[Hit, ...]:
    """The hits quoted, or the nearest ones when nothing is."""
    quoted = {citation.chunk_id for citation in citations}
    return tuple(hit for hit in hits if hit.chunk.id in quoted) or tuple(hits[:_NEAREST])


class _Clock:
    """Milliseconds per stage, in order, and in all."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._stages[name] = self._stages.get(name, 0.0) + (time.perf_counter() - start) * 1000

    def spent(self) -> dict[str, float]:
        return {**self._stages, "total": (time.perf_counter() - self._begun) * 1000}
