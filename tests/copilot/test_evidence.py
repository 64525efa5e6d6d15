from __future__ import annotations

import pytest
from fakes_knowledge import FakeKnowledge, WordEmbedder, WordRetriever, chunk

from copilot.evidence import EvidenceJudge
from copilot.scoring import UnitScorer, starts_with_pronoun, term_weights
from copilot.types import Question
from copilot.understand import Understander
from finetune.router import SeedRouter, load_routes
from indexer.types import Hit, Stage

ROUTES = load_routes()
KNOWLEDGE = FakeKnowledge()
UNDERSTANDER = Understander(KNOWLEDGE, SeedRouter(ROUTES), ROUTES)


def understand(text):
    return UNDERSTANDER.understand(Question(text))


def hits(*texts):
    return [Hit(chunk(f"c{n}", text), 1.0 / n, n, Stage.FUSED) for n, text in enumerate(texts, 1)]


def judge(text, found=None, embedder=None, **settings):
    understanding = understand(text)
    if found is None:
        found = WordRetriever(KNOWLEDGE).retrieve(understanding, 8)
    return EvidenceJudge(embedder, **settings).judge(understanding, found)


@pytest.mark.parametrize("embedder", [None, WordEmbedder()])
def test_good_evidence_scores_above_bad_evidence(embedder):
    good = judge("tightening torque of the flange bolts", embedder=embedder)
    bad = judge("torque of the propeller shaft coupling", embedder=embedder)
    assert good.score > 0.6 > 0.4 > bad.score
    assert "propel" in bad.missing and good.missing == ()
    assert ("meaning" in good.parts) and 0.0 <= bad.score <= good.score <= 1.0


def test_no_hits_no_evidence():
    assert judge("anything", []).score == 0.0


def test_a_defined_code_is_evidence_and_an_unknown_one_is_its_lack():
    assert judge("What is E-207?").score == 1.0
    assert judge("alarm E-999", hits("The alarm list of the press.")).score == 0.0
    assert judge("alarm E-999", hits("The alarm list names E-999 once.")).score > 0.4
    assert judge("torque of M8 screws", hits("The torque of the screws M8x20 is 25 Nm.")).score > 0.4
    assert judge("torque of M8 screws", hits("The torque of the screws M80 is 900 Nm.")).score == 0.0


def test_a_code_within_a_range_is_held():
    text = "Fuses F1 to F6 are slow 6.3 A."
    assert judge("What is the rating of the slow fuse F3?", hits(text)).score > 0.0
    assert judge("What is the rating of the slow fuse F9?", hits(text)).score == 0.0


def test_a_price_is_not_taken_from_what_only_speaks_of_the_part():
    assert judge("What does the drive belt cost?", hits("The drive belt drives the fan.")).score == 0.0
    assert judge("What does the drive belt cost?", hits("The price of the drive belt is 30 EUR.")).score > 0.4


def test_a_part_that_no_passage_names_counts_against():
    with_part, without = "The oil of the gearbox is CLP 220.", "The oil of the tank is HLP 46."
    question = "Which oil is in the gearbox?"
    assert judge(question, hits(with_part)).parts["unknown_names"] == 0.0
    assert judge(question, hits(without)).parts["unknown_names"] == 1.0


def test_a_missing_number_and_an_unknown_name_count_against():
    text = "Connect the cable of the sensor to input 4."
    assert judge("sensor cable input 4", hits(text)).score > judge("sensor cable input 9", hits(text)).score
    assert (
        judge("connect the sensor cable", hits(text)).score
        > judge("connect the Siemens sensor cable", hits(text)).score
    )


def test_history_without_a_topic_rests_on_the_table():
    found = [Hit(KNOWLEDGE.chunk("r1"), 1.0, 1, Stage.FUSED)]
    assert judge("How many times has this happened before?", found).parts == {"history": 1.0}


def test_rare_terms_weigh_more_and_generic_ones_less():
    weights = term_weights(("valv", "pump", "machin"), ["valve pump", "pump", "pump oil"])
    assert weights["valv"] > weights["pump"] > weights["machin"] > 0


def test_the_corpus_rarity_shifts_the_weights():
    weights = term_weights(("valv", "gland"), ["x"], lambda token: 1.0 if token == "gland" else 0.0)
    assert weights["gland"] > 2 * weights["valv"]


def test_titles_lose_to_sentences():
    where = chunk("t", "Flange bolts\nThe flange bolts are made of steel.", heading=("Flange bolts",))
    best = UnitScorer(understand("flange bolts"), [Hit(where, 1.0, 1, Stage.FUSED)]).candidates()[0]
    assert best.unit.text == "The flange bolts are made of steel."


def test_meaning_finds_the_unit_that_shares_words_with_no_other():
    where = chunk("t", "Red paint is used. Blue paint dries in 3 h.", heading=("Paint",))
    found = UnitScorer(understand("blue paint"), [Hit(where, 1.0, 1, Stage.FUSED)], WordEmbedder()).candidates()
    assert found[0].unit.text.startswith("Blue") and found[0].score > found[1].score


def test_pronouns():
    assert (
        starts_with_pronoun("It opens.")
        and starts_with_pronoun("此时打开。")
        and not starts_with_pronoun("Items open.")
    )
