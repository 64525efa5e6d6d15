"""A language model's answer, let through sentence by sentence as the passages bear it out.

A sentence is released as soon as it is whole: it must cite a passage of the prompt, and one quote of that passage must
have all its numbers, units and codes, most of its words, and its "not" (`copilot.grounding`). What fails is withheld,
and that is said. When nothing is left, or the model is away, too slow, cut off or failing, or leaves out a step of a
procedure, the extractive generator answers in its place, and one line says so.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from copilot.errors import CutOffError, GeneratorError, ModelAwayError, ModelSlowError
from copilot.generate.arriving import Arriving, Sentence
from copilot.generate.history import last_repair
from copilot.generate.quoting import Quoter
from copilot.grounding import Likeness, Span, facts, supporting
from copilot.prompt import Passage, Prompt, build_prompt
from copilot.protocols import Generator, Knowledge, LanguageModel
from copilot.safety import asks_to_defeat
from copilot.sentences import UnitKind, split
from copilot.types import Piece, Understanding
from copilot.wording import say
from finetune.types import AnswerForm
from indexer.protocols import Embedder
from indexer.types import Chunk, ChunkKind, Hit

_log = logging.getLogger(__name__)
_REST_S = 30.0  # a model that is away is not asked again for so long
_BRACKETED = re.compile(r"\[(\d{1,3})\]")
_ADDRESS = re.compile(r"\w+://\S+|\bwww\.\S+", re.IGNORECASE)
_MARKUP = re.compile(r"!\[|\]\s*\(|<\s*[a-z/!]", re.IGNORECASE)  # a page would load or link what stands there
_ABSTAINS = re.compile(
    r"\b(?:documents?|passages?|manuals?|texts?|sources?|information|context)\b.{0,40}\b(?:do|does|did)(?: not|n['’]t)\s+"
    r"(?:say|contain|mention|provide|specify|state|include|answer|address|give|describe|explain|cover|list)\b"
    r"|\b(?:not|never|nowhere)\s+(?:\w+\s+)?(?:mentioned|specified|stated|provided|found|given|described|covered|contained|answered)\b"
    r".{0,20}\b(?:in|by)\b.{0,20}\b(?:documents?|passages?|manuals?|texts?|sources?|context)\b"
    r"|\bno (?:information|answer|mention)\b|\bI (?:do not|don['’]t|cannot|can['’]t|am unable to) (?:know|answer|find|determine|say)\b"
    r"|(?:文档|段落|资料|手册|文中|原文|上文).{0,8}(?:没有|未|并未|无)(?:\S{0,6})(?:说明|提到|提及|提供|给出|包含|记载|涉及|答案|信息|内容|回答)"
    r"|(?:没有|未)(?:找到|提及|提到|提供)(?:相关|有关)?|无法(?:回答|确定|从|根据)|找不到(?:相关|答案)",
    re.IGNORECASE,
)


class CheckedGenerator:
    """Lets a language model write, and the passages decide what is shown.

    `standby` answers where the model does not, and always answers questions about the fault history, whose counts are
    computed. With an embedder, a sentence may cite a passage in the other language.
    """

    def __init__(
        self,
        model: LanguageModel,
        standby: Generator,
        knowledge: Knowledge,
        embedder: Embedder | None = None,
        *,
        max_tokens: int = 512,
    ) -> None:
        self._model = model
        self._standby = standby
        self._knowledge = knowledge
        self._embedder = embedder
        self._max_tokens = max_tokens
        self._away_until = 0.0

    @property
    def name(self) -> str:
        return self._model.name

    def versions(self) -> Mapping[str, str]:
        return {**self._standby.versions(), "language_model": self._model.name}

    def generate(self, understanding: Understanding, evidence: Sequence[Hit]) -> Iterator[Piece]:
        """See `copilot.protocols.Generator`; GeneratorError never leaves it."""
        if understanding.form is AnswerForm.HISTORY:
            yield from self._by_standby(understanding, evidence, 0, self._standby.name, "")
            return
        quoter = Quoter(understanding.language)
        checking = _Checking(quoter, self._likeness)
        reason = ""
        try:
            yield from self._written(understanding, evidence, checking)
        except GeneratorError as error:
            _log.warning("%s", error)
            reason = _reason(error)
            if isinstance(error, ModelAwayError):
                self._away_until = time.monotonic() + _REST_S
        reason = reason or checking.failure()
        if reason:
            before = len(quoter.citations)
            name = f"{self.name}, then {self._standby.name}" if before else f"{self._standby.name} for {self.name}"
            yield from quoter.notes()
            note = say(understanding.language, reason)
            yield from self._by_standby(understanding, evidence, before, name, f"\n{note}\n" if before else f"{note}\n")
        elif quoter.citations:
            yield from self._closing(understanding, checking)

    def _written(self, understanding: Understanding, evidence: Sequence[Hit], checking: _Checking) -> Iterator[Piece]:
        if time.monotonic() < self._away_until:
            raise _StillAway("the language model was away a moment ago and is not asked yet")
        budget = self._model.context_tokens() - self._max_tokens
        prompt = build_prompt(
            understanding,
            self._passages(evidence),
            budget=budget,
            count=self._model.count_tokens,
            earlier=[turn.asked for turn in understanding.question.earlier],
        )
        checking.begin(prompt)
        arriving = Arriving()
        with contextlib.closing(self._model.stream(prompt.messages, self._max_tokens)) as stream:  # type: ignore[type-var]
            try:
                for text in stream:
                    for sentence in arriving.feed(text):
                        yield from checking.check(sentence)
                    if arriving.thought:
                        arriving.thought = checking.forget()
                    if checking.hopeless:
                        return
            except GeneratorError:
                for sentence in arriving.end(whole=False):
                    yield from checking.check(sentence)
                raise
        for sentence in arriving.end():
            yield from checking.check(sentence)

    def _closing(self, understanding: Understanding, checking: _Checking) -> Iterator[Piece]:
        language, quoter = understanding.language, checking.quoter
        told = any(span.chunk.kind is ChunkKind.FAULT_REPORT for span in checking.spans)
        if understanding.codes and understanding.form in (AnswerForm.CAUSES, AnswerForm.AUTO) and not told:
            yield from last_repair(understanding, self._knowledge, quoter)
        if checking.abstained:
            yield quoter.frame(say(language, "partly"))
        if checking.withheld:
            count = len(checking.withheld)
            yield quoter.frame(say(language, "withheld_one" if count == 1 else "withheld", count=count))
        yield from quoter.notes()

    def _by_standby(
        self, understanding: Understanding, evidence: Sequence[Hit], after: int, name: str, note: str
    ) -> Iterator[Piece]:
        """The standby's answer, its markers counted on from `after`; the note only if there is one."""
        for piece in self._standby.generate(understanding, evidence):
            if note:
                yield Piece(note, generator=name, ours=True)
                note = ""
            yield replace(
                piece,
                text=_BRACKETED.sub(lambda found: f"[{int(found[1]) + after}]", piece.text),
                citations=tuple(replace(citation, marker=citation.marker + after) for citation in piece.citations),
                generator=name,
            )

    def _passages(self, evidence: Sequence[Hit]) -> list[Chunk]:
        """The hits' chunks, best first, a procedure followed by the rest of it."""
        out: dict[str, Chunk] = {}
        for hit in evidence:
            chunk = hit.chunk
            if chunk.kind is ChunkKind.PROCEDURE and chunk.id not in out:
                for other in self._knowledge.section(chunk.source.document_id, chunk.section):
                    if other.kind is ChunkKind.PROCEDURE:
                        out.setdefault(other.id, other)
            out.setdefault(chunk.id, chunk)
        return list(out.values())

    def _likeness(self, sentence: str, texts: Sequence[str]) -> list[float]:
        if self._embedder is None or not texts:
            return [0.0] * len(texts)
        asked = self._embedder.embed_questions([sentence])[0]
        return [float(score) for score in self._embedder.embed_documents(list(texts)) @ asked]


class _StillAway(GeneratorError):
    """The model was away less than half a minute ago."""


@dataclass
class _Checking:
    """What became of a model's sentences so far."""

    quoter: Quoter
    likeness: Likeness
    passages: Mapping[int, Passage] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    abstained: bool = False
    hopeless: bool = False
    _said: set[str] = field(default_factory=set)
    _numbered: int = 0

    def begin(self, prompt: Prompt) -> None:
        self.passages = {passage.number: passage for passage in prompt.passages}

    def check(self, sentence: Sentence) -> Iterator[Piece]:
        """The sentence as a piece if it holds; a note of it otherwise."""
        if sentence.text in self._said:
            return
        self._said.add(sentence.text)
        spans, why = self._support(sentence)
        if spans:
            self.spans += spans
            self._numbered += sentence.sign not in ("", "•")
            text = f"{sentence.sign} {sentence.text}".strip()
            yield self.quoter.written(
                text,
                [(span.chunk, span.start, span.end) for span in spans],
                alone=sentence.alone or bool(sentence.sign),
            )
        elif _ABSTAINS.search(sentence.text):
            self.abstained = True
        elif not (sentence.text.endswith((":", "：")) and not facts(sentence.text)):  # an introduction claims nothing
            _log.info("withheld, %s: %s", why, sentence.text)
            self.withheld.append(sentence.text)
            self.hopeless = self.hopeless or sentence.sign not in ("", "•")  # a step lost: the rest misleads

    def forget(self) -> bool:
        """All that came was thinking aloud, and none of it counts. Returns False."""
        self.withheld.clear()
        self._said.clear()
        self.abstained = self.hopeless = False
        return False

    def failure(self) -> str:
        """Why the standby must answer, as the key of the words that say so; "" when it need not."""
        if self.hopeless or (self._numbered > 1 and not self._whole_procedure()):
            return "model_steps" if self.spans else "model_unsupported"
        if not self.spans and (self.withheld or not self.abstained):
            return "model_unsupported"
        return ""

    def _support(self, sentence: Sentence) -> tuple[list[Span], str]:
        cited = [self.passages[number] for number in sentence.cited if number in self.passages]
        if not cited:
            return [], "it cites no passage" if not sentence.cited else "it cites a passage that there is not"
        if _MARKUP.search(sentence.text):
            return [], "it holds a link or markup"
        if (found := _ADDRESS.search(sentence.text)) and not any(found[0] in p.chunk.text for p in cited):
            return [], "it brings an address of its own"
        if asks_to_defeat(sentence.text):
            return [], "it tells how to defeat a protection"
        return supporting(sentence.text, [(p.chunk, p.shown) for p in cited], self.likeness)

    def _whole_procedure(self) -> bool:
        """Whether, of every section cited, the steps are all those that the passages have, in their order."""
        shown: dict[tuple[str, int], dict[str, None]] = {}
        said: dict[tuple[str, int], dict[str, None]] = {}
        for passage in self.passages.values():
            shown.setdefault(_place(passage.chunk), {}).update(_steps(passage.chunk, 0, len(passage.chunk.text)))
        for span in self.spans:
            said.setdefault(_place(span.chunk), {}).update(_steps(span.chunk, span.start, span.end))
        return all(list(steps) == list(shown[place]) for place, steps in said.items() if steps)


def _place(chunk: Chunk) -> tuple[str, int]:
    return chunk.source.document_id, chunk.section


def _steps(chunk: Chunk, start: int, end: int) -> dict[str, None]:
    """The steps of a stretch of a chunk, in order; overlapping chunks repeat some."""
    return {
        "".join(unit.text.split()): None
        for unit in split(chunk.text, chunk.kind)
        if unit.kind is UnitKind.STEP and start <= unit.start < end
    }


def _reason(error: GeneratorError) -> str:
    kinds = (
        (ModelAwayError, "model_away"),
        (_StillAway, "model_away"),
        (ModelSlowError, "model_slow"),
        (CutOffError, "model_cut_off"),
    )
    return next((key for kind, key in kinds if isinstance(error, kind)), "model_failed")
