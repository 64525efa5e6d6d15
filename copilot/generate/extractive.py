"""Answers made of the documents' own sentences, rows and steps. No model writes anything here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from copilot.generate.codes import answer_codes, definitions
from copilot.generate.history import answer_history, last_repair, reports_among
from copilot.generate.passages import answer_passages, protection_rules
from copilot.generate.precautions import answer_what_to_mind, asks_what_to_mind
from copilot.generate.procedures import answer_procedure
from copilot.generate.quoting import Quoter, report_piece
from copilot.kinds import words_for_machines
from copilot.parameters import title_at
from copilot.protocols import Knowledge, Rarity
from copilot.scoring import GENERIC, HISTORY_WORDS, Candidate, UnitScorer
from copilot.sentences import UnitKind
from copilot.synonyms import said_otherwise, words_in
from copilot.table_rows import is_setting, rows_of
from copilot.types import Piece, Understanding
from copilot.units import asks_for_value, dimensions_asked, quantities, units_asked
from copilot.wording import say
from finetune.types import AnswerForm
from indexer.analysis import question_tokens, tokens
from indexer.protocols import Embedder
from indexer.types import ChunkKind, Hit, Stage

_HOW = re.compile(
    r"\bhow (?:do|to|can|should|must|is|are|does)\b|\bwhat (?:(?:do|should|must|shall|can) (?:i|we|you)|to) do\b|\bsteps?\b|\bprocedure\b"
    r"|如何|怎么|怎样|咋|步骤|流程",
    re.IGNORECASE,
)

_IN_PASSING = 2  # words of a question beyond its code, from which it may speak of the code in passing
_MOST_OF_IT = 0.5  # share of them that a passage must hold to go before the code's definition
_LEADING = 5  # candidates among which a parameter is looked for
# What is done to any parameter.
_SETTING = frozenset("set chang adjust modifi configur alter 设置 设定 修改 更改 调整 调节 改变".split())


_BESIDE_REPORTS = 0.5  # share of the best report's score from which a manual's passage is quoted before it


class ExtractiveGenerator:
    """Picks the answer from the hits, in the form that the route, or else the best evidence, calls for.

    With an embedder, sentences are also compared by meaning (at most 24 are embedded per question). `depth` is how many
    hits are read for sentences.
    """

    name = "extractive"

    def __init__(
        self, knowledge: Knowledge, embedder: Embedder | None = None, rarity: Rarity | None = None, *, depth: int = 8
    ) -> None:
        self._knowledge = knowledge
        self._embedder = embedder
        self._rarity = rarity
        self._depth = depth

    def versions(self) -> Mapping[str, str]:
        return {}

    def generate(self, understanding: Understanding, evidence: Sequence[Hit]) -> Iterator[Piece]:
        """See `copilot.protocols.Generator`."""
        wants_value = understanding.form is AnswerForm.VALUE or (
            understanding.form is AnswerForm.AUTO and asks_for_value(understanding.text)
        )
        quoter = Quoter(understanding.language, convert=dimensions_asked(understanding.text) if wants_value else None)
        yield from self._pieces(understanding, evidence, quoter)
        yield from quoter.notes()

    def safety_text(self, understanding: Understanding, evidence: Sequence[Hit]) -> Iterator[Piece]:
        """What the documents say about the protection that a refused question wants defeated; may be nothing."""
        quoter = Quoter(understanding.language)
        first = True
        for piece in protection_rules(self._candidates(understanding, evidence), quoter):
            if first:
                yield Piece("\n" + say(understanding.language, "unsafe_rules") + "\n", ours=True)
            yield piece
            first = False

    def _pieces(self, understanding: Understanding, evidence: Sequence[Hit], quoter: Quoter) -> Iterator[Piece]:
        form = understanding.form
        if definitions(understanding) and form is not AnswerForm.HISTORY and self._have_the_unit(understanding):
            if form is not AnswerForm.STEPS and (beside := self._in_passing(understanding, evidence)):
                yield from answer_passages(understanding, beside, quoter, self._knowledge)
                return
            found = False
            for piece in answer_codes(understanding, self._knowledge, quoter):
                found = True
                yield piece
            if found:
                if form is AnswerForm.STEPS:
                    yield from self._beyond_the_code(understanding, evidence, quoter)
                elif form is AnswerForm.VALUE:
                    yield from self._said_of_the_code(understanding, evidence, quoter)
                if form in (AnswerForm.CAUSES, AnswerForm.AUTO):
                    yield from last_repair(understanding, self._knowledge, quoter)
                return
        candidates = self._candidates(understanding, evidence)
        found = False
        for piece in self._formed(understanding, candidates, quoter):
            found = True
            yield piece
        if not found:
            candidates = [candidate for candidate in candidates if candidate.overlap > 0 or self._embedder is not None]
            yield from answer_passages(understanding, candidates, quoter, self._knowledge)

    def _in_passing(self, understanding: Understanding, evidence: Sequence[Hit]) -> list[Candidate]:
        """What speaks of a code and of far more of the question than the code's definitions do: "bed levelling is off after G28"."""
        codes = {token for match in understanding.codes for token in question_tokens(match.written)}
        more = {
            term
            for term in understanding.terms
            if term not in codes | _machine_words()
            and term not in GENERIC
            and term not in HISTORY_WORDS
            and len(term) > 1
        }
        if len(more) < _IN_PASSING:
            return []
        chunks = [
            self._knowledge.chunk(match.entry.chunk_id) for match in understanding.codes if match.entry.definition
        ]
        said = words_in(" ".join(" ".join((*chunk.heading, chunk.text)) for chunk in chunks if chunk))
        defined = len(more & (said | said_otherwise(understanding.others, said)))
        numbers = {token for token in codes if any(map(str.isdigit, token))}
        found = [
            one
            for one in self._candidates(understanding, evidence)
            for told in [words_in(" ".join((one.chunk.text, *one.chunk.heading[-1:])))]
            if numbers & set(tokens(" ".join((one.unit.text, *one.chunk.heading[-1:]))))
            and len(more & (told | said_otherwise(understanding.others, told)))
            >= max(_IN_PASSING, defined + _IN_PASSING, _MOST_OF_IT * len(more))
        ]
        return found if found and found[0].chunk.kind is not ChunkKind.FAULT_REPORT else []

    def _said_of_the_code(
        self, understanding: Understanding, evidence: Sequence[Hit], quoter: Quoter
    ) -> Iterator[Piece]:
        """What a passage says of a parameter beyond its row, where the question names more than it: "F0.31 in summer"."""
        written = {match.written for match in understanding.codes}
        codes = {token for name in written for token in question_tokens(name)}
        more = {term for term in understanding.terms if term not in codes and term not in GENERIC and len(term) > 1}
        hits = [hit for hit in evidence if hit.stage is not Stage.CODE]
        for one in self._candidates(understanding, hits):
            if (
                one.unit.kind in (UnitKind.SENTENCE, UnitKind.ITEM)
                and one.has_value
                and more & one.met
                and codes <= set(tokens(one.unit.text))
            ):
                yield from quoter.units(one.chunk, [one.unit])
                return

    def _have_the_unit(self, understanding: Understanding) -> bool:
        """Whether the definitions of the codes asked for have a value in the unit that the question names, if it names one."""
        units = units_asked(understanding.text)
        if not units:
            return True
        chunks = (
            self._knowledge.chunk(match.entry.chunk_id) for match in understanding.codes if match.entry.definition
        )
        texts = (
            text
            for chunk in chunks
            if chunk
            for text in (chunk.text, *(cell.value for row in rows_of(chunk) for cell in row.cells))
        )
        return any(found.dimension in units for text in texts for found in quantities(text))

    def _beyond_the_code(
        self, understanding: Understanding, evidence: Sequence[Hit], quoter: Quoter
    ) -> Iterator[Piece]:
        """The steps asked for beside a code ("alarm 62: how do I replace the cells?"), where a section has them."""
        codes = {token for match in understanding.codes for token in question_tokens(match.written)}
        asked = replace(understanding, terms=tuple(term for term in understanding.terms if term not in codes))
        if len(asked.terms) > 1:
            hits = [hit for hit in evidence if hit.stage is not Stage.CODE]
            yield from answer_procedure(asked, self._candidates(asked, hits), self._knowledge, quoter, self._rarity)

    def _formed(self, understanding: Understanding, candidates: Sequence[Candidate], quoter: Quoter) -> Iterator[Piece]:
        """The answer in the form asked for; nothing when the evidence does not have it."""
        form = understanding.form
        if form is AnswerForm.HISTORY:
            yield from answer_history(understanding, candidates, self._knowledge, quoter)
        elif asks_what_to_mind(understanding.text) and form is not AnswerForm.CAUSES:
            yield from answer_what_to_mind(understanding, candidates, self._knowledge, quoter, self._rarity)
        elif form is AnswerForm.STEPS or (
            form in (AnswerForm.AUTO, AnswerForm.WARNINGS) and self._looks_like_steps(understanding, candidates)
        ):
            if not self._is_a_setting(understanding, candidates) and not _row_says_more(understanding, candidates):
                yield from answer_procedure(understanding, candidates, self._knowledge, quoter, self._rarity)
        elif (
            candidates
            and candidates[0].chunk.kind is ChunkKind.FAULT_REPORT
            and form not in (AnswerForm.VALUE, AnswerForm.INTERVALS)
            and not units_asked(understanding.text)
        ):
            # What the manual says of it goes before what was done last time.
            told = [one for one in candidates if one.chunk.kind is not ChunkKind.FAULT_REPORT and one.met]
            if told and told[0].score >= _BESIDE_REPORTS * candidates[0].score:
                yield from answer_passages(understanding, told, quoter, self._knowledge)
            best = [candidate.hit for candidate in candidates if candidate.score >= 0.8 * candidates[0].score]
            for chunk in list(dict.fromkeys(reports_among(best)))[:2]:
                yield report_piece(chunk, quoter)

    def _looks_like_steps(self, understanding: Understanding, candidates: Sequence[Candidate]) -> bool:
        if not candidates or not _HOW.search(understanding.text):
            return False
        best = candidates[0]
        return best.unit.kind is UnitKind.STEP or best.chunk.kind is ChunkKind.PROCEDURE

    def _is_a_setting(self, understanding: Understanding, candidates: Sequence[Candidate]) -> bool:
        """Whether one row of a table of parameters holds all that is to be done ("restore the factory settings") and no list of
        steps does: then the parameter is how."""
        wanted = {
            term
            for term in understanding.terms
            if term not in GENERIC and term not in _SETTING and (len(term) > 1 or term.isascii())
        }
        if len(wanted) < 2 or not candidates:
            return False
        settings = [one for one in candidates[:_LEADING] if wanted <= one.met and is_setting(one.chunk, one.unit.start)]
        if not settings:
            return False
        text = settings[0].chunk.text
        if (at := title_at(text, settings[0].unit.start)) is not None:
            title = words_in(text[slice(*at)])
            if 2 * len(wanted & (title | said_otherwise(understanding.others, title))) >= len(wanted):
                return True  # the description of that parameter: lists near it are of its neighbours
        steps = answer_procedure(
            understanding, candidates, self._knowledge, Quoter(understanding.language), self._rarity
        )
        said = words_in(" ".join(piece.text for piece in steps))
        return not wanted <= said | said_otherwise(understanding.others, said)

    def _candidates(self, understanding: Understanding, evidence: Sequence[Hit]) -> list[Candidate]:
        return UnitScorer(understanding, evidence[: self._depth], self._embedder, self._rarity).candidates()


@cache
def _machine_words() -> frozenset[str]:
    """The tokens of the words for kinds of machines: "the machining centre" says where a code was seen, not what is asked of it."""
    return frozenset(token for word in words_for_machines() for token in tokens(word))


def _row_says_more(understanding: Understanding, candidates: Sequence[Candidate]) -> bool:
    """Whether the best candidate is a row that holds all that any good step has of the question, and more of it.

    "Every shift: break the curtain with the test rod" says how the curtain is tested; a list of steps that only mentions the
    curtain does not.
    """
    best = candidates[0] if candidates else None
    if best is None or best.unit.kind not in (UnitKind.ROW, UnitKind.FIELD) or understanding.codes:
        return False
    good = [one for one in candidates[:_LEADING] if one.unit.kind not in (UnitKind.ROW, UnitKind.FIELD)]
    return bool(good) and all(one.met < best.met for one in good)
