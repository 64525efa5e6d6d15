"""Retrieval scores against ranks worked out by hand, and what a question file may hold."""

from __future__ import annotations

import math

import pytest

from copilot.evaluate import GoldError, gold_question, retrieval_values, right_rank, same_document, score_retrieval
from indexer.types import Chunk, ChunkKind, DocumentKind, Hit, Source, Stage


def hits(*places):
    """Hits at (document, first page, last page), in order."""
    return [
        Hit(
            Chunk(str(rank), Source(document, document, DocumentKind.MANUAL), (first, last), (), ChunkKind.TEXT, "text"),
            1.0 / rank, rank, Stage.FUSED,
        )
        for rank, (document, first, last) in enumerate(places, 1)
    ]  # fmt: skip


def gold(number, **fields):
    return gold_question(number, {"question": "?", **fields})


def test_scores_by_hand():
    found = [
        (gold(1, document="a.pdf", page=3), hits(("a.pdf", 2, 3), ("b.pdf", 1, 1))),  # rank 1
        (gold(2, document="a.pdf", page=[7, 9]), hits(("a.pdf", 2, 3), ("a.pdf", 9, 9))),  # rank 2
        (gold(3, document="a.pdf"), hits(("b.pdf", 1, 1))),  # never
        (gold(4, answerable=False), hits(("b.pdf", 1, 1))),  # no place: not counted
    ]
    scores = score_retrieval(found, 10)
    assert (scores.n, scores.hit_at_1, scores.hit_at_5) == (3, 1 / 3, 2 / 3)
    assert scores.mrr == pytest.approx((1 + 1 / 2) / 3)
    assert scores.ranks == {"1": 1, "2": 2, "3": None}


def test_measures_of_one_question_by_hand():
    question = gold(1, document="a.pdf", page=[3, 8])
    found = hits(("a.pdf", 1, 1), ("a.pdf", 3, 4), ("b.pdf", 8, 8), ("a.pdf", 3, 3), ("a.pdf", 8, 8))
    values = retrieval_values(question, found, 5)
    assert (values["hit@1"], values["hit@5"], values["recall@5"], values["mrr"]) == (0, 1, 1, 1 / 2)
    ideal = 1 + 1 / math.log2(3)
    assert values["ndcg@5"] == pytest.approx(
        (1 / math.log2(3) + 1 / math.log2(6)) / ideal
    )  # the second page 3 adds nothing
    assert retrieval_values(question, found, 4)["recall@4"] == 1 / 2
    assert retrieval_values(gold(2, document="a.pdf"), found, 5)["ndcg@5"] == 1
    assert set(retrieval_values(gold(3, document="c.pdf"), found, 5).values()) == {0.0}


def test_hits_beyond_k_do_not_count():
    far = hits(*[("b.pdf", 1, 1)] * 6, ("a.pdf", 1, 1))
    question = gold(1, document="a.pdf")
    assert right_rank(question, far) == 7
    assert score_retrieval([(question, far)], 5).mrr == 0


def test_documents_are_one_when_another_folder_was_indexed():
    assert same_document("press/manual.pdf", "manual.pdf")
    assert same_document("manual.pdf", "press/manual.pdf")
    assert not same_document("other_manual.pdf", "manual.pdf")


@pytest.mark.parametrize(
    "fields",
    [{"page": 0}, {"page": "3"}, {"document": 5}, {"answerable": "no"}, {"page": [True]}, {"answer": 3}, {"kind": 1}],
)
def test_expectations_that_make_no_sense_are_named(fields):
    with pytest.raises(GoldError, match="line 4"):
        gold(4, **fields)
