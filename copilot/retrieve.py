"""Hybrid retrieval: codes looked up first, then BM25 and dense search fused.

Fusion is convex (Bruch, Gai & Ingber 2023, "An Analysis of Fusion Functions for Hybrid Retrieval"): each side's score is
divided by its best for this question, negative cosines count as 0, and the dense side weighs `dense_weight` against 1
(against less where the words of the question are hardly anywhere). A chunk in the other language than the question may be
scored by meaning alone instead.
It beat reciprocal rank fusion on every development set (benchmarks/RESULTS.md), because how much better the first hit
is than the second tells more than their order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

from copilot.kinds import is_of_another, speaks_of
from copilot.synonyms import SAYS, other_words
from copilot.types import Subject, Understanding
from indexer.analysis import holds_chinese, is_chinese, question_tokens, tokens
from indexer.chunk import is_heading_alone
from indexer.lexical_index import top
from indexer.protocols import Embedder
from indexer.store import Index
from indexer.types import Chunk, ChunkKind, CodeMatch, DocumentKind, Hit, Stage
from indexer.windows import with_parts

_BESIDE_A_KIND = r"(?:\b(?:of|on|in|at|for|from|to|with|by) )?(?:\b(?:the|our|my|this|that|a|an) )?{}(?:['’]?s\b)?的?"
# BM25 of the best hit against the summed IDF of the question, from which words have their full say. Questions on a manual
# of their own language mostly reach 0.5; in Chinese, where many pairs of characters belong to no word, 0.2.
ENOUGH, ENOUGH_CHINESE = 0.4, 0.2


@dataclass(frozen=True, slots=True)
class RetrieveSettings:
    """How to search. `candidates` is what each side hands to the fusion."""

    candidates: int = 100
    dense_weight: float = 0.6
    dense_weight_chinese: float = 0.4
    foreign_weight: float = 0.92  # the most a chunk of the other language scores by meaning alone; 0: not looked at
    foreign_candidates: int = 10
    translated_weight: float = 0.5  # how far a chunk that holds all words in the other language is raised to the best
    heading_alone_weight: float = 0.6  # a heading with nothing under it answers nothing
    spare: int = 16  # chunks read beyond those wanted, for what the weight above moves down
    code_hits: int = 6
    beside_subject_weight: float = 0.85  # of passages that are not of the kind of machine a question names
    pair_weight: float = 0.1  # how far a chunk with all neighbouring words of the question as neighbours is raised
    report_share: float = 0.5  # of the hits of a plain search, at most, while manuals have any to offer
    same_section_weight: float = (
        1.15  # of the section that a conversation is about, for a question that asks more of it
    )
    max_question_tokens: int = 128

    @classmethod
    def suiting(cls, embedder: Embedder) -> Self:
        """The defaults, and for an encoder that knows no Chinese next to no meaning where Chinese is asked or found."""
        reads_chinese = getattr(embedder, "reads_chinese", True)
        return cls() if reads_chinese else cls(dense_weight_chinese=0.1, foreign_weight=0.0)


_WORD = re.compile(r"[a-z][a-z0-9]+")
_BETWEEN = re.compile(r"[ -]{1,2}")


class HybridRetriever:
    """Searches one opened index. Stateless but for the index, so safe to share between threads."""

    def __init__(self, index: Index, embedder: Embedder, settings: RetrieveSettings = RetrieveSettings()) -> None:
        self._index = index
        self._embedder = embedder
        self._settings = settings

    def retrieve(self, understanding: Understanding, k: int) -> list[Hit]:
        """Up to k hits for an understood question; its route's plan weighs the collections against each other."""
        weights = {kind: understanding.plan.weights.get(kind.value, 1.0) for kind in DocumentKind}
        machine = understanding.machine if understanding.machine_known else None
        terms = frozenset(understanding.terms) if understanding.language == "zh" else frozenset()
        found = self._search(understanding.text, k, machine, understanding.codes, weights, understanding.subject, terms)
        return self._of_section_first(found, understanding.section)

    def _of_section_first(self, hits: list[Hit], section: tuple[str, int] | None) -> list[Hit]:
        """The hits, those of a section raised: where the conversation is about it, what it says of it goes first."""
        if section is None:
            return hits
        weight = self._settings.same_section_weight
        raised = [
            replace(hit, score=hit.score * weight)
            if hit.stage is not Stage.CODE and (hit.chunk.source.document_id, hit.chunk.section) == section
            else hit
            for hit in hits
        ]
        raised.sort(key=lambda hit: (hit.stage is not Stage.CODE, -hit.score))
        return [replace(hit, rank=rank) for rank, hit in enumerate(raised, 1)]

    def search(self, question: str, k: int, machine: str | None = None) -> list[Hit]:
        """Up to k hits for a question as written, over all collections alike."""
        hits = self._search(question, 2 * k, machine, self._index.lookup_codes(question, machine), {})
        return self._balanced(hits, k)

    def _balanced(self, hits: Sequence[Hit], k: int) -> list[Hit]:
        """The first k hits, fault reports beyond their share put behind: they are short, many and much alike."""
        room = max(1, round(k * self._settings.report_share))
        first: list[Hit] = []
        behind: list[Hit] = []
        for hit in hits:
            report = hit.stage is not Stage.CODE and hit.chunk.kind is ChunkKind.FAULT_REPORT
            (behind if report and room <= 0 else first).append(hit)
            room -= report
        return [replace(hit, rank=rank) for rank, hit in enumerate([*first, *behind][:k], 1)]

    def _search(
        self,
        question: str,
        k: int,
        machine: str | None,
        codes: Sequence[CodeMatch],
        weights: Mapping[DocumentKind, float],
        subject: Subject | None = None,
        terms: frozenset[str] = frozenset(),
    ) -> list[Hit]:
        found = self._code_hits(codes)[: min(k, self._settings.code_hits)]
        taken = {chunk.id for chunk, _ in found}
        for chunk, score in self._fused(question, k + len(taken), machine, weights, subject, terms):
            if len(found) >= k:
                break
            if chunk.id not in taken:
                found.append((chunk, score))
        return [
            Hit(chunk, score, rank, Stage.CODE if chunk.id in taken else Stage.FUSED)
            for rank, (chunk, score) in enumerate(found, 1)
        ]

    def _code_hits(self, codes: Sequence[CodeMatch]) -> list[tuple[Chunk, float]]:
        """The rows that define the codes of the question, in the registry's order, scored above every fused hit."""
        out: list[tuple[Chunk, float]] = []
        seen: set[str] = set()
        for match in codes:
            if not match.entry.definition or match.entry.chunk_id in seen:
                continue
            seen.add(match.entry.chunk_id)
            chunk = self._index.chunk(match.entry.chunk_id)
            if chunk is not None:
                out.append((chunk, 2.0 - 0.001 * len(out)))
        return out

    def _fused(
        self,
        question: str,
        k: int,
        machine: str | None,
        weights: Mapping[DocumentKind, float],
        subject: Subject | None = None,
        terms: frozenset[str] = frozenset(),
    ) -> list[tuple[Chunk, float]]:
        """(chunk, score in 0..1) of the fusion, best first. Of the question's tokens only the `terms` are searched, if any.

        Pairs of characters of 多长时间换一次 are everywhere and say nothing of the part.
        """
        settings = self._settings
        kinds = [k for k in ChunkKind if weights.get(_collection(k), 1.0) > 0]
        allowed = self._index.allowed(machine, kinds if len(kinds) < len(ChunkKind) else None)
        of_subject = self._of_subject(subject)
        if subject is not None and of_subject is not None:
            allowed = self._without_others(allowed, subject, of_subject)
        question = _about_the_machine_asked(question, subject)
        words = question_tokens(question)[: settings.max_question_tokens]
        words = [word for word in words if word in terms] or words
        lexical = self._index.lexical.scores(words) + self._otherwise(question, words)
        vector = self._embedder.embed_questions([question])
        _, near = self._index.vectors.search(vector, settings.candidates, allowed)
        translated = self._translated(question, words)
        positions = np.array(
            sorted(
                {int(p) for p in near[0] if p >= 0}
                | {p for p, _ in top(lexical, settings.candidates, allowed)}
                | {p for p, gain in top(translated, settings.foreign_candidates, allowed) if gain > 0}
            ),
            dtype=np.int64,
        )
        if not len(positions):
            return []
        cosine = with_parts(
            self._index.vectors.vectors(positions) @ vector[0], self._index.windows.best(positions, vector[0])
        )
        chinese = is_chinese(question)
        dense_weight = settings.dense_weight_chinese if chinese else settings.dense_weight
        say = self._say_of_words(words, float(lexical[positions].max()), ENOUGH_CHINESE if chinese else ENOUGH)
        score = _fuse(lexical[positions], cosine, dense_weight, say)
        # What another language's chunk may score: no word of the question can stand in it, so its meaning speaks, and
        # as far as the question's words are listed with a translation, those that it holds.
        near_in_meaning = _shares(cosine)
        raised = np.float32(settings.translated_weight) * translated[positions] * (1 - near_in_meaning)
        foreign = np.float32(settings.foreign_weight) * (near_in_meaning + raised)
        kinds_there = np.array(
            [weights.get(_collection(kind), 1.0) for kind in self._index.kinds_at(positions)], dtype=np.float32
        )
        score, foreign = score * kinds_there, foreign * kinds_there
        spare = settings.spare
        if of_subject is not None:
            of_it = np.where(np.isin(positions, of_subject), np.float32(1), np.float32(settings.beside_subject_weight))
            score, foreign, spare = score * of_it, foreign * of_it, 3 * spare
        order = np.lexsort((positions, -score))[: k + spare]
        if settings.foreign_weight:
            order = np.union1d(order, np.lexsort((positions, -foreign))[: settings.foreign_candidates])
        chunks = self._index.chunks_at([int(p) for p in positions[order]])
        pairs = WordPairs(question, self._index.lexical.idf)
        found = []
        for chunk, at in zip(chunks, order.tolist(), strict=True):
            if subject is not None and is_of_another(subject, chunk) and not speaks_of(subject, chunk):
                continue
            value = max(score[at], foreign[at]) if is_chinese(chunk.text) != chinese else score[at]
            value += settings.pair_weight * pairs.share_in(chunk.text) * (1 - value)
            found.append(
                (chunk, float(value) * (settings.heading_alone_weight if is_heading_alone(chunk) else 1.0), at)
            )
        return [(chunk, value) for chunk, value, _ in sorted(found, key=lambda row: (-row[1], positions[row[2]]))[:k]]

    def _translated(self, question: str, words: Sequence[str]) -> npt.NDArray[np.float32]:
        """Share of the question's words, by their IDF, that each chunk holds in the other language; 0 where it is not most of them.

        One common word of several ("pressure" of the safety valve's pressure) stands in too many chunks to say anything.
        """
        lexical = self._index.lexical
        held = np.zeros(len(lexical), dtype=np.float32)
        whole = sum(map(lexical.idf, words))
        if whole <= 0 or not self._settings.foreign_weight:
            return held
        chinese = is_chinese(question)
        found: dict[frozenset[str], npt.NDArray[np.bool_]] = {}
        for other in other_words(question):
            said = other.said & set(words)
            if not said or any(map(holds_chinese, other.tokens)) == chinese:
                continue
            there = np.all([lexical.scores([token]) > 0 for token in other.tokens], axis=0)
            found[said] = there | found.get(said, False)
        for said, there in found.items():
            held += there * np.float32(sum(map(lexical.idf, said)) / whole)
        return np.where(held > 0.5, np.minimum(held, np.float32(1)), np.float32(0))

    def _otherwise(self, question: str, words: Sequence[str]) -> npt.NDArray[np.float32]:
        """What each chunk's BM25 score gains by holding words of the question in other words, see `copilot.synonyms`.

        At most what the question's own words would give, by the share that other words are worth; nothing twice.
        """
        lexical = self._index.lexical
        gain = np.zeros(len(lexical), dtype=np.float32)
        best: dict[frozenset[str], npt.NDArray[np.float32]] = {}
        chinese = is_chinese(question)
        for other in other_words(question):
            said = other.said & set(words)
            if (
                not said
                or any(map(holds_chinese, other.tokens)) != chinese
                or not all(map(lexical.contains, other.tokens))
            ):
                continue
            parts = [lexical.scores([token]) for token in other.tokens]
            whole = sum(map(lexical.idf, other.tokens))
            scale = min(1.0, sum(map(lexical.idf, said)) / whole) if whole > 0 else 0.0
            found = np.where(np.all([part > 0 for part in parts], axis=0), scale * np.sum(parts, axis=0), 0)
            best[said] = np.maximum(best.get(said, gain), found.astype(np.float32))
        for said, found in best.items():
            gain = gain + SAYS * np.maximum(0, found - lexical.scores(sorted(said)))
        return gain.astype(np.float32)

    def _of_subject(self, subject: Subject | None) -> npt.NDArray[np.int64] | None:
        """Positions that belong to the kind of machine a question names; None when it names none that there is."""
        if subject is None or not subject.known:
            return None
        return self._index.positions_of_documents(subject.documents, subject.machines)

    def _without_others(
        self, allowed: npt.NDArray[np.int64] | None, subject: Subject, of_subject: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """What is allowed without the passages of other machines in which no word for the kind asked about stands.

        A hard filter would lose the compressor of a truck to the manual of the plant's compressor.
        """
        index = self._index
        if allowed is None:
            allowed = index.allowed(None, list(ChunkKind))
            assert allowed is not None
        machines = [name for name in index.machines() if name not in subject.machines] if subject.machines else []
        others = index.positions_of_documents(subject.others, machines)
        speak = np.zeros(len(others), dtype=bool)
        for word in subject.also:
            parts = [token for token in tokens(word) if len(token) > 1]
            if parts:
                speak |= np.all([index.lexical.scores([part])[others] > 0 for part in parts], axis=0)
        silent = np.setdiff1d(others[~speak], of_subject, assume_unique=True)
        return np.setdiff1d(allowed, silent, assume_unique=True)

    def _say_of_words(self, words: Sequence[str], best: float, enough: float) -> float:
        """How much the word search may say, 0..1: less when even its best hit shares little with the question.

        That is what a question in one language finds in documents of the other: a number, a sign, a name. Divided by
        its own best, such a hit would look as good as any.
        """
        lexical = self._index.lexical
        whole = sum(float(lexical.idf(word)) for word in dict.fromkeys(words))
        return min(1.0, best / (enough * whole)) ** 2 if whole > 0 else 0.0


def _about_the_machine_asked(question: str, subject: Subject | None) -> str:
    """A question without the words for the kind of machine whose passages go first anyway.

    They would find what names the machine: its introduction, for want of the part asked about. What is left must be enough.
    """
    if subject is None or not subject.known:
        return question
    left = question
    for word in sorted(subject.words, key=len, reverse=True):
        left = re.sub(_BESIDE_A_KIND.format(re.escape(word)), " ", left, flags=re.IGNORECASE)
    return " ".join(left.split()) if len(question_tokens(left)) > 1 and len(left) < len(question) else question


class WordPairs:
    """Neighbouring words of a question, "slide stroke", that a passage has as neighbours too (the ordered bigrams of Metzler and
    Croft 2005, "A Markov Random Field Model for Term Dependencies"). Chinese is searched by pairs of characters anyway.
    """

    def __init__(self, question: str, idf: Callable[[str], float]) -> None:
        said = set(question_tokens(question))  # without words that say nothing
        words = [(match, question_tokens(match[0])) for match in _WORD.finditer(question.lower())]
        self._patterns: list[tuple[re.Pattern[str], float]] = []
        for (left, first), (right, second) in pairwise(words):
            between = question[left.end() : right.start()]
            if len(first) == len(second) == 1 and {*first, *second} <= said and _BETWEEN.fullmatch(between):
                pattern = rf"\b{re.escape(first[0])}[a-z]*{_BETWEEN.pattern}{re.escape(second[0])}"
                self._patterns.append((re.compile(pattern, re.IGNORECASE), idf(first[0]) + idf(second[0])))
        self._whole = sum(weight for _, weight in self._patterns)

    def share_in(self, text: str) -> float:
        """How many of the pairs the text holds, 0..1, by how rare their words are."""
        if not self._whole:
            return 0.0
        return sum(weight for pattern, weight in self._patterns if pattern.search(text)) / self._whole


def _fuse(
    lexical: npt.NDArray[np.float32], cosine: npt.NDArray[np.float32], dense_weight: float, say: float = 1.0
) -> npt.NDArray[np.float32]:
    """Both sides divided by their best, added with weights `say` and `dense_weight`, scaled to 0..1."""
    whole = say + dense_weight or 1.0
    fused: npt.NDArray[np.float32] = ((say * _shares(lexical) + dense_weight * _shares(cosine)) / whole).astype(
        np.float32
    )
    return fused


def _shares(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scores divided by the best, 0..1; those below 0, and all when the best is, count 0."""
    best = float(scores.max())
    if best <= 0:
        return np.zeros_like(scores)
    return (np.maximum(scores, 0) / best).astype(np.float32)


def _collection(kind: ChunkKind) -> DocumentKind:
    return DocumentKind.FAULT_REPORT if kind is ChunkKind.FAULT_REPORT else DocumentKind.MANUAL
