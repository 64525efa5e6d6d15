"""Does the evidence bear on the question? A transparent score, so that "the documents do not say" is a decision.

score = coverage and meaning, averaged by how much each can know, plus a little where word search and meaning agree,
minus what is missing: a code or number asked for that the hits lack, names nobody in the hits has heard of, and a kind of
machine that stands nowhere. Where a question names a machine by its kind, passages of other machines count less. Each part is in `Evidence.parts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from copilot.kinds import is_of, is_of_another, speaks_of
from copilot.parts_glossary import head_word, parts_missing, parts_named
from copilot.protocols import Rarity
from copilot.scoring import GENERIC, HISTORY_WORDS, is_about_the_past, term_weights
from copilot.synonyms import SAYS, OtherWords, said_otherwise, words_in
from copilot.tally import beside_tally, tally_asked
from copilot.types import Evidence, Subject, Understanding
from finetune.types import AnswerForm
from indexer.analysis import fold, is_chinese, question_tokens, stem, tokens
from indexer.chinese import both_scripts
from indexer.chunk import embedding_text
from indexer.protocols import Embedder, FloatMatrix
from indexer.types import ChunkKind, Hit, Stage

THRESHOLD = 0.4
EVEN = 0.3  # relevance that speaks neither for nor against; at most 2 of the sample plant's 45 answerable questions are refused
_TOP = 5
_MEANING_TOP = 3  # passages compared with the question by meaning
_TORN_PAIR = 0.5
_WORDS_SAY = 0.55  # share of the words in the score, the rest being the meaning's
# A question in another language of which one passage holds all words by listed translations, and what that adds.
_WHOLLY_TRANSLATED = 0.95 * SAYS
_TRANSLATION_SAYS = 0.12
_UNREAD_CHINESE_SAY = 0.75  # the same for a Chinese question when the encoder knows no Chinese
_OF_ANOTHER = 0.8  # what a passage of another machine is worth that has the kind asked about as a part, or mentions it
_UNHELD = 0.999  # rarity from which no passage holds a word
_PROPER = re.compile(r"(?<![.!?。]\s)(?<!^)\b[A-Z][a-z]{2,}\b")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# What a manual says only of itself: what things cost, who makes or sells them, whom to call.
_TRADE = tuple(
    re.compile(both_scripts(words), re.IGNORECASE)
    for words in (
        r"\b(?:prices?|costs?|expensive)\b|价格|价钱|多少钱|报价|[€$￥]\s?\d",
        r"\b(?:suppliers?|vendors?|manufacturers?|manufactured by|makers?|made by|who makes|sold by|who sells)\b|供应商|供货商|厂家|制造商|厂商|生产商",
        r"\b(?:tele)?phone (?:number|no)\b|\btel\b|\bhotline\b|\be-?mail\b|电话|热线|邮箱",
    )
)
# The last characters of Chinese words for equipment: one that no hit holds names a thing that is not in the plant.
_EQUIPMENT = frozenset("塔炉窑泵阀罐釜桶箱柜仪梯车吊缸轴轮链筛磨钻锯床钳钩辊")
_SHORT_NUMBER = 3  # digits
_SAID_BEFORE = "alarms?|errors?|err|e|faults?|codes?|events?|status|trips?|warnings?|messages?|no|number|#|报警|警报|告警|错误|故障|代码|警告|编号|码|号"
_SURELY_MEANT = 0.8  # meaning from which a passage in the other language is about that thing all the same
# Words of questions that documents seldom repeat: their absence says nothing.
_ASKING_WORDS = """
often much many long mean means cause causes fix solve repair happen explain describe difference purpose function
best way
reason why problem issue wrong check know find show tell enable able possible correct recommended value required
"""
_ASKING = frozenset(stem(word) for word in _ASKING_WORDS.split())


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a reader's relevance is worth in the score: `weights`, by the question's language, on its log-odds."""

    weights: Mapping[str, float]

    @classmethod
    def of(cls, calibration: Mapping[str, Any]) -> Calibration | None:
        """From what a reader's version brings; None where the reader was found to be no help."""
        weights = calibration.get("evidence")
        return cls(weights) if weights else None

    def gain(self, language: str, relevance: float) -> float:
        """What the best relevance of a passage adds to the score; below 0 where it is less than EVEN."""
        return self.weights.get(language, 0.0) * (log_odds(relevance) - log_odds(EVEN))


def log_odds(probability: float) -> float:
    """The logit, at most 6 either way: beyond that a model's certainty means nothing."""
    clipped = min(max(probability, 0.0025), 0.9975)
    return float(np.log(clipped / (1 - clipped)))


def readings(hits: Sequence[Hit]) -> tuple[float, float] | None:
    """The best relevance among the hits read, and the best confidence in an answer, each as good as its passage is relevant."""
    read = [hit.reading for hit in hits if hit.reading is not None]
    if not read:
        return None
    return max(r.relevance for r in read), max(r.relevance * r.answerable for r in read)


class EvidenceJudge:
    """Scores hits for a question; see the module for how. Without an embedder the words alone decide.

    `cosine_floor` and `cosine_full` are the cosines of question and passage that count 0 and 1; they suit one encoder.
    `stored` gives the vectors of chunks by id, (n, dimension); without it the passages are embedded again.
    `reads_chinese` says whether the encoder does. `calibration` says what a reader's relevance adds.
    """

    def __init__(
        self,
        embedder: Embedder | None = None,
        rarity: Rarity | None = None,
        *,
        threshold: float = THRESHOLD,
        cosine_floor: float = 0.2,
        cosine_full: float = 0.65,
        stored: Callable[[Sequence[str]], FloatMatrix] | None = None,
        reads_chinese: bool = False,
        calibration: Calibration | None = None,
    ) -> None:
        self.threshold = threshold
        self._calibration = calibration
        self._embedder = embedder
        self._rarity = rarity
        self._floor = cosine_floor
        self._full = cosine_full
        self._stored = stored
        self._chinese_say = _WORDS_SAY if reads_chinese else _UNREAD_CHINESE_SAY

    def judge(self, understanding: Understanding, hits: Sequence[Hit]) -> Evidence:
        """See `copilot.protocols.Judge`."""
        if not hits:
            return Evidence(0.0, {"hits": 0.0}, understanding.terms)
        if understanding.codes and any(match.entry.definition for match in understanding.codes):
            return Evidence(1.0, {"code": 1.0})
        lacking = [code for code in understanding.unknown_codes if not _holds(code, hits)]
        if lacking and not understanding.codes:
            return Evidence(0.0, {"unknown_code": 1.0}, tuple(lacking))
        past = understanding.form is AnswerForm.HISTORY and any(
            hit.chunk.kind is ChunkKind.FAULT_REPORT for hit in hits
        )
        tally = tally_asked(understanding.text) if past else None
        topics = set(understanding.terms)
        if tally:
            topics &= set(question_tokens(beside_tally(understanding.text, tally)))
        if past and all(_only_past(term) or term.isdigit() for term in topics):
            return Evidence(1.0, {"history": 1.0})  # nothing is asked but what the table counts
        top = list(hits[:_TOP])
        bags = [_bag(hit) for hit in hits]
        weights = self._weights(understanding, hits)
        coverages = [_coverage(weights, bag, understanding.others) for bag in bags[:_TOP]]
        coverage = max(coverages)
        everywhere = set().union(*bags, *(said_otherwise(understanding.others, bag) for bag in bags))
        missing = tuple(term for term in weights if term not in everywhere and weights[term] > 0)
        cosines = self._cosines(understanding, top[:_MEANING_TOP])
        subject = understanding.subject
        if subject is not None and subject.known:
            shares = [_OF_ANOTHER if is_of_another(subject, hit.chunk) else 1.0 for hit in top]
            coverages = [share * one for share, one in zip(shares, coverages, strict=True)]
            coverage = max(coverages)
            cosines = [share * one for share, one in zip(shares, cosines, strict=False)]
        meaning = max(0.0, min(1.0, (max(cosines) - self._floor) / (self._full - self._floor))) if cosines else 0.0
        same_language = _in_its_language(understanding, top)
        say = self._chinese_say if understanding.language == "zh" else _WORDS_SAY
        lexical_say = say if same_language else 0.1
        score = lexical_say * coverage + (1 - lexical_say) * meaning if cosines else coverage
        if cosines and not same_language and coverage >= _WHOLLY_TRANSLATED:
            score += _TRANSLATION_SAYS
        agree = (
            bool(cosines)
            and same_language
            and coverage > 0.3
            and coverages.index(coverage) == cosines.index(max(cosines))
        )
        if understanding.form is not AnswerForm.HISTORY and _trade_asked(understanding.text, hits):
            return Evidence(0.0, {"trade": 1.0, "coverage": coverage}, missing)
        unknown = self._unknown_names(understanding, missing) if same_language else 0.0
        if meaning < _SURELY_MEANT and any(term in _EQUIPMENT for term in missing) and same_language:
            unknown = 1.0
        if subject is not None and self._is_unheard_of(subject, hits):
            unknown = 1.0
        if not same_language and meaning < _SURELY_MEANT:
            unknown = max(unknown, self._missing_parts(understanding, hits))
        if same_language and meaning < _SURELY_MEANT:
            unknown = max(unknown, self._parts_nobody_names(understanding, hits, bags))
        numbers = _missing_numbers(understanding, top) if same_language else 0.0
        score += 0.05 * agree - 0.25 * unknown - 0.2 * numbers
        parts = {
            "coverage": coverage, "meaning": meaning, "agreement": float(agree), "unknown_names": unknown,
            "missing_numbers": numbers,
        }  # fmt: skip
        score = max(0.0, min(1.0, score))
        read = readings(hits)
        if not read:
            return Evidence(score, parts, missing)
        relevance, answerable = read
        parts |= {"words_and_meaning": score, "relevance": relevance, "answerable": answerable}
        # Across languages the reader has learnt little, and the calibration has seen no such questions.
        if self._calibration is not None and same_language:
            score = max(0.0, min(1.0, score + self._calibration.gain(understanding.language, relevance)))
        return Evidence(score, parts, missing)

    def _weights(self, understanding: Understanding, hits: Sequence[Hit]) -> dict[str, float]:
        past = understanding.form is AnswerForm.HISTORY
        weights = term_weights(understanding.terms, (hit.chunk.text for hit in hits), self._rarity)
        return {
            term: weight
            * (0.1 if past and term in HISTORY_WORDS else 0.35 if term in _ASKING or term in GENERIC else 1.0)
            * (_TORN_PAIR if self._torn(term) else 1.0)
            for term, weight in weights.items()
        }

    def _torn(self, term: str) -> bool:
        """Whether a pair of Chinese characters stands nowhere in the index: mostly the end of one word and the next."""
        return len(term) == 2 and is_chinese(term) and self._rarity is not None and self._rarity(term) > _UNHELD

    def _cosines(self, understanding: Understanding, top: Sequence[Hit]) -> list[float]:
        if self._embedder is None:
            return []
        if self._stored is not None:
            question = self._embedder.embed_questions([understanding.text])[0]
            return [float(cosine) for cosine in self._stored([hit.chunk.id for hit in top]) @ question]
        # All as questions: that path is made for a few texts, the other one for bulk.
        vectors = self._embedder.embed_questions([understanding.text, *(embedding_text(hit.chunk) for hit in top)])
        return [float(cosine) for cosine in vectors[1:] @ vectors[0]]

    def _missing_parts(self, understanding: Understanding, hits: Sequence[Hit]) -> float:
        """Share of the machine parts in a question, 0..1, that no hit in the other language has under any name."""
        named = _parts(understanding)
        missing = parts_missing(named, [_everything(hit) for hit in hits])
        otherwise = set().union(*(said_otherwise(understanding.others, _bag(hit)) for hit in hits))
        missing = tuple(part for part in missing if not set(question_tokens(part)) <= otherwise)
        return len(missing) / len(named) if named else 0.0

    def _parts_nobody_names(self, understanding: Understanding, hits: Sequence[Hit], bags: Sequence[set[str]]) -> float:
        """Share of the machine parts in a question, 0..1, for which no hit has a word: the gearbox of a press without one.

        Where a value or an interval is asked for, a record of a fault that mentions such a part does not count.
        """
        named = _parts(understanding)
        recorded = understanding.form in (AnswerForm.VALUE, AnswerForm.INTERVALS)
        manuals = [
            bag
            for hit, bag in zip(hits, bags, strict=True)
            if not recorded or hit.chunk.kind is not ChunkKind.FAULT_REPORT
        ]
        there = set().union(*manuals, *(said_otherwise(understanding.others, bag) for bag in manuals))
        lacking = [part for part in named if not head_word(part) & there]
        return len(lacking) / len(named) if named else 0.0

    def _is_unheard_of(self, subject: Subject, hits: Sequence[Hit]) -> bool:
        """Whether no document is about the kind of machine asked about, and none has a word for it."""
        if subject.known or self._rarity is None or any(speaks_of(subject, hit.chunk) for hit in hits):
            return False
        return not any(all(self._rarity(token) <= _UNHELD for token in tokens(word)) for word in subject.also)

    def _unknown_names(self, understanding: Understanding, missing: Sequence[str]) -> float:
        """Share of the proper names in the question, 0..1, that no hit holds."""
        if understanding.language == "zh":
            names = [token for token in understanding.terms if token.isascii() and token.isalpha() and len(token) > 2]
        else:
            names = [stem(fold(name)) for name in _PROPER.findall(understanding.text)]
        return sum(name in missing for name in names) / len(names) if names else 0.0


def _trade_asked(question: str, hits: Sequence[Hit]) -> bool:
    """Whether a question wants a price, a maker or a telephone number, and no passage of a manual speaks of one.

    What a repair cost is no price, and a passage about the part says nothing of who sells it.
    """
    asked = [words for words in _TRADE if words.search(question)]
    texts = [_everything(hit) for hit in hits if hit.chunk.kind is not ChunkKind.FAULT_REPORT]
    return any(not any(words.search(text) for text in texts) for words in asked)


def _only_past(term: str) -> bool:
    """Whether a term only asks about the past; a pair of Chinese characters also where both belong to such words (次是, 修的)."""
    if is_about_the_past(term):
        return True
    return len(term) == 2 and is_chinese(term) and all(c == "的" or is_about_the_past(c) for c in term)


def _parts(understanding: Understanding) -> dict[str, frozenset[str]]:
    """The machine parts that a question names, but for the words for its machine."""
    question = understanding.text
    for words in understanding.subject.words if understanding.subject is not None else ():
        question = question.replace(words, " ")
    return parts_named(question)


def _in_its_language(understanding: Understanding, top: Sequence[Hit]) -> bool:
    """Whether the question and a passage that may answer are in one language, so that its words must be found.

    Where the question is about one kind of machine, or one machine, its manual may be in the other language while
    passages of other machines and records of faults are not: they do not count then.
    """
    about = [hit for hit in top if hit.chunk.kind is not ChunkKind.FAULT_REPORT]
    if understanding.subject is not None and understanding.subject.known:
        subject = understanding.subject
        about = [hit for hit in about if is_of(subject, hit.chunk)]
    return any(is_chinese(hit.chunk.text) == (understanding.language == "zh") for hit in about or top)


def _bag(hit: Hit) -> set[str]:
    return words_in(_everything(hit))


def _coverage(weights: dict[str, float], bag: set[str], others: Sequence[OtherWords]) -> float:
    total = sum(weights.values())
    otherwise = said_otherwise(others, bag)
    held = sum(w * (1.0 if term in bag else SAYS) for term, w in weights.items() if term in bag | otherwise)
    return held / total if total else 0.0


def _missing_numbers(understanding: Understanding, top: Sequence[Hit]) -> float:
    """Share of the question's plain numbers, 0..1, that none of the top hits holds; the machine's own do not count."""
    machine = set(_NUMBER.findall(understanding.machine or ""))
    wanted = [number for number in dict.fromkeys(_NUMBER.findall(understanding.text)) if number not in machine]
    if not wanted:
        return 0.0
    there = {number for hit in top for number in _NUMBER.findall(f"{' '.join(hit.chunk.heading)} {hit.chunk.text}")}
    return sum(number not in there for number in wanted) / len(wanted)


def _holds(code: str, hits: Sequence[Hit]) -> bool:
    """Whether a hit, its heading or its document's name holds a code, whatever its separators; "M8" is in "M8x20"."""
    pieces = re.findall(r"[^\W\d_]+|\d+", fold(code))
    written = r"[\W_]*".join(map(re.escape, pieces))
    # A short number alone is everywhere: as a code it stands behind the word for one ("error 19", "#3").
    short = len(pieces) == 1 and pieces[0].isdigit() and len(pieces[0]) <= _SHORT_NUMBER
    before = rf"(?<![a-z])(?:{_SAID_BEFORE})(?:\s+is|[是为])?[\W_]{{0,3}}" if short else r"(?<![a-z0-9])"
    behind = (
        rf"|(?<![\w.]){written}\s*号?\s*(?:报警|警报|告警|错误|故障)|(?:^|[|\n:：])\s*{written}\s*(?:$|[|\n])"
        if short
        else ""
    )
    pattern = re.compile(before + written + r"(?!\d)" + behind)
    return any(
        hit.stage is Stage.CODE or pattern.search(text) or _in_a_range(pieces, text)
        for hit in hits
        for text in [fold(_everything(hit))]
    )


def _in_a_range(pieces: Sequence[str], text: str) -> bool:
    """Whether a text names a range of codes that holds one: F3 of "fuses F1 to F6"."""
    if len(pieces) != 2 or pieces[0].isdigit() or not pieces[1].isdigit():
        return False
    prefix = re.escape(pieces[0])
    return any(
        int(first) <= int(pieces[1]) <= int(last)
        for first, last in re.findall(
            rf"(?<![a-z0-9]){prefix}[\W_]?(\d{{1,4}})\s*(?:to|\.\.\.?|[-–—…~]|至|到)\s*{prefix}[\W_]?(\d{{1,4}})(?!\d)",
            text,
        )
    )


def _everything(hit: Hit) -> str:
    source = hit.chunk.source
    return " ".join((*hit.chunk.heading, source.title, source.document_id, source.machine or "", hit.chunk.text))
