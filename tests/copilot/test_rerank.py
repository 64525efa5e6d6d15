"""Hits reordered by a reader, what the judge and the sentences make of its readings, and the short answer."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest
from fakes_knowledge import FakeKnowledge, chunk

from copilot import scoring
from copilot.evidence import EVEN, Calibration, EvidenceJudge
from copilot.rerank import ReadingReranker
from copilot.scoring import UnitScorer
from copilot.short_answer import short_answer
from copilot.types import Citation, Question
from copilot.understand import Understander
from finetune.router import SeedRouter, load_routes
from finetune.types import AnswerForm
from indexer.chunk import embedding_text
from indexer.types import Hit, Reading, Span, Stage

ROUTES = load_routes()
KNOWLEDGE = FakeKnowledge()
UNDERSTANDER = Understander(KNOWLEDGE, SeedRouter(ROUTES), ROUTES)


class WordReader:
    """Thinks a passage relevant that holds its word, and the word the answer."""

    version = "test"
    calibration: ClassVar[dict[str, object]] = {"order": {"en": 1.0, "zh": 0.0}}

    def __init__(self, word: str) -> None:
        self.word = word
        self.read_passages: list[str] = []

    def read(self, question, passages):
        self.read_passages += passages
        out = []
        for passage in passages:
            at = passage.find(self.word)
            spans = (Span(at, at + len(self.word), 0.9),) if at >= 0 else (Span(0, 3, 0.1),)
            out.append(Reading(0.95 if at >= 0 else 0.05, spans))
        return out


def understand(text):
    return UNDERSTANDER.understand(Question(text))


def hits(*texts, stage=Stage.FUSED):
    return [Hit(chunk(f"c{n}", text), 1.0 - 0.1 * n, n, stage) for n, text in enumerate(texts, 1)]


def test_what_the_reader_finds_relevant_moves_up_and_is_marked():
    found = hits("Oil the chain weekly.", "The lamp is green.", "Set the pressure to 60 bar.")
    reader = WordReader("60 bar")
    ordered = ReadingReranker(reader).rerank(understand("which pressure"), found)
    assert [hit.chunk.id for hit in ordered] == ["c3", "c1", "c2"]
    assert [hit.rank for hit in ordered] == [1, 2, 3]
    assert all(hit.stage is Stage.RERANKED and 0 <= hit.score <= 1 for hit in ordered)
    span = ordered[0].reading.spans[0]
    assert ordered[0].chunk.text[span.begin : span.end] == "60 bar"
    assert reader.read_passages[0] == embedding_text(found[0].chunk)


def test_a_weight_of_nothing_leaves_the_order_by_language():
    found = hits("链条每周加油。", "压力设为 60 bar。")
    ordered = ReadingReranker(WordReader("60 bar")).rerank(understand("压力应设为多少？"), found)
    assert [hit.chunk.id for hit in ordered] == ["c1", "c2"]


def test_spans_are_dropped_in_a_language_that_is_not_to_be_trusted():
    reader = WordReader("60 bar")
    reader.calibration = {"spans": ["en"]}
    found = hits("Set the pressure to 60 bar.")
    assert ReadingReranker(reader).order("q", "en", found)[0].reading.spans
    assert ReadingReranker(reader).order("问", "zh", found)[0].reading.spans == ()


def test_code_hits_stay_in_front_and_only_the_first_few_are_read():
    code = hits("E-207: low pressure.", stage=Stage.CODE)
    found = [*code, *hits(*(f"text {n}" for n in range(9)))]
    reader = WordReader("text 5")
    ordered = ReadingReranker(reader, depth=6).order("what", "en", found)
    assert ordered[0] is not found[0] and ordered[0].chunk is code[0].chunk and ordered[0].stage is Stage.CODE
    assert ordered[1].chunk.text == "text 5"
    assert len(reader.read_passages) == 6 and len(ordered) == len(found)
    assert [hit.reading is None for hit in ordered].count(True) == 1 + 3


def test_questions_answered_by_look_up_are_not_read():
    reader = WordReader("x")
    found = hits("one", "two")
    history = replace(understand("when was the pump repaired"), form=AnswerForm.HISTORY)
    assert ReadingReranker(reader).rerank(history, found) == found
    assert ReadingReranker(reader).rerank(understand("What is E-207?"), found) == found
    assert reader.read_passages == []


def test_a_span_in_the_heading_is_no_span_of_the_text():
    found = [Hit(chunk("c1", "Turn it by hand.", heading=("Torque 60 bar",)), 1.0, 1, Stage.FUSED)]
    ordered = ReadingReranker(WordReader("60 bar")).order("q", "en", found)
    assert ordered[0].reading.spans == ()
    assert ordered[0].reading.answerable == 0.0


def test_sentences_gain_by_the_relevance_of_their_passage_and_most_where_the_answer_is_marked():
    understanding = understand("what is the pump pressure")
    plain = hits("The pressure of the pump is checked. Normal at the pump is 60 bar.")
    marked = ReadingReranker(WordReader("60 bar")).order(understanding.text, "en", plain)
    before, after = (
        {candidate.unit.text: candidate.score for candidate in UnitScorer(understanding, found).candidates()}
        for found in (plain, marked)
    )
    gained = {text: after[text] - before[text] for text in before}
    relevance = marked[0].reading.relevance
    assert gained["The pressure of the pump is checked."] == pytest.approx(scoring._RELEVANT * relevance)
    assert gained["Normal at the pump is 60 bar."] > gained["The pressure of the pump is checked."] + 0.2


CALIBRATION = Calibration({"en": 0.1})


def test_the_judge_believes_the_reader_as_far_as_it_is_calibrated():
    understanding = understand("which pressure for the coolant pump")
    good = ReadingReranker(WordReader("60 bar")).order("q", "en", hits("Set the pump pressure to 60 bar."))
    bad = ReadingReranker(WordReader("99 bar")).order("q", "en", hits("Set the pump pressure to 60 bar."))
    judge = EvidenceJudge(calibration=CALIBRATION)
    plain = EvidenceJudge().judge(understanding, good).score
    assert judge.judge(understanding, good).score > plain > judge.judge(understanding, bad).score
    assert {"relevance", "answerable", "words_and_meaning"} <= set(judge.judge(understanding, good).parts)
    unread = hits("Set the pump pressure to 60 bar.")
    assert judge.judge(understanding, unread) == EvidenceJudge().judge(understanding, unread)


def test_even_relevance_changes_nothing_and_another_language_is_left_alone():
    calibration = Calibration({"en": 0.1})
    assert calibration.gain("en", EVEN) == 0 and calibration.gain("zh", 0.9) == 0
    assert calibration.gain("en", 0.9) > 0 > calibration.gain("en", 0.1)
    assert Calibration.of({}) is None and Calibration.of({"evidence": {}}) is None
    assert Calibration.of({"evidence": {"en": 0.05}}) == Calibration({"en": 0.05})
    understanding = understand("which pressure for the pump")
    read = ReadingReranker(WordReader("60 bar")).order("q", "en", hits("Set the pump pressure to 60 bar."))
    other = EvidenceJudge(calibration=Calibration({"zh": 0.1}))
    assert other.judge(understanding, read) == EvidenceJudge().judge(understanding, read)


def test_the_short_answer_lies_in_a_quote():
    [hit] = ReadingReranker(WordReader("60 bar")).order("q", "en", hits("Read this. Set it to 60 bar at most."))
    asked = understand("what is it set to")

    def short(quote, hit=hit, **parts):
        start = hit.chunk.text.index(quote)
        cited = [Citation(1, hit.chunk.source, hit.chunk.pages, quote, hit.chunk.id, start=start)]
        return short_answer(asked, cited, {hit.chunk.id: hit.chunk}, [hit], **parts)

    assert short("Set it to 60 bar at most.") == "60 bar"
    assert short("Read this.") == ""
    assert short("Set it to 60 bar at most.", sure=0.99) == ""
    [unread] = hits("Read this. Set it to 60 bar at most.")
    assert short("Set it to 60 bar at most.", unread) == ""
