"""BM25: the numbers of the formula, updates equal to a fresh build, files that are checked."""

import math

import numpy as np
import pytest

from indexer.analysis import question_tokens, tokens
from indexer.errors import StoreError
from indexer.lexical_index import Bm25Index, top

TEXTS = [
    "Alarm E-207: spindle overheat. Let it cool.",
    "Alarm E-208: servo fault.",
    "Alarm F-207: coolant low; E stop pressed.",
    "See section E for 207 V supply notes E E 207 207",
    "Parameter 207 in group E",
    "变频器过热报警，检查风扇",
]


def reference(texts, question, k1=0.9, b=0.4):
    """The formula, written out chunk by chunk."""
    documents = [tokens(text) for text in texts]
    mean = sum(map(len, documents)) / len(documents)
    scores = []
    for document in documents:
        score = 0.0
        for term in question_tokens(question):
            holding = sum(term in d for d in documents)
            frequency = document.count(term)
            if frequency:
                idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
                score += idf * frequency * (k1 + 1) / (frequency + k1 * (1 - b + b * len(document) / mean))
        scores.append(score)
    return scores


@pytest.mark.parametrize(
    "question", ["E-207", "what does E207 mean", "servo fault", "coolant", "风扇过热", "nothing here"]
)
def test_scores_are_those_of_the_formula(question):
    index = Bm25Index.build(TEXTS)
    assert np.allclose(index.scores(question_tokens(question)), reference(TEXTS, question), atol=1e-5)


@pytest.mark.parametrize(
    ("question", "best"), [("E-207", 0), ("E207", 0), ("what does E207 mean", 0), ("F207", 2), ("风扇", 5)]
)
def test_the_right_alarm_is_first(question, best):
    assert Bm25Index.build(TEXTS).search(question, 3)[0][0] == best


def test_an_update_equals_a_fresh_build(tmp_path):
    keep = np.array([0, 2, 3, 5])
    new = ["Alarm E-207 again", "Oil level low"]
    updated = Bm25Index.build(TEXTS).updated(keep, new)
    fresh = Bm25Index.build([TEXTS[i] for i in keep] + new)
    for question in ("E-207", "oil", "过热", "servo"):
        assert updated.search(question, 10) == fresh.search(question, 10)
    updated.write(tmp_path)
    assert Bm25Index.open(tmp_path).search("E-207", 10) == fresh.search("E-207", 10)


def test_filter_k_and_empty():
    index = Bm25Index.build(TEXTS)
    assert [p for p, _ in index.search("E-207", 10, np.array([2, 4]))] == [2, 4] or index.search(
        "E-207", 10, np.array([2, 4])
    )
    assert all(p in (2, 4) for p, _ in index.search("E-207", 10, np.array([2, 4])))
    assert len(index.search("alarm", 2)) == 2
    assert Bm25Index.build([]).search("alarm", 5) == []
    assert index.search("zzz", 5) == []


def test_ties_go_by_position():
    assert top(np.array([1, 3, 1, 1, 0], dtype=np.float32), 3) == [(1, 3.0), (0, 1.0), (2, 1.0)]


def test_a_damaged_file_is_named(tmp_path):
    Bm25Index.build(TEXTS).write(tmp_path)
    (tmp_path / "positions.npy").write_bytes(b"not an array")
    with pytest.raises(StoreError, match=r"cannot be read.*--rebuild"):
        Bm25Index.open(tmp_path)
    Bm25Index.build(TEXTS).write(tmp_path)
    np.save(tmp_path / "terms.npy", np.zeros(2, np.uint64))
    with pytest.raises(StoreError, match="do not fit together"):
        Bm25Index.open(tmp_path)
