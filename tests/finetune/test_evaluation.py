"""Measures against scikit-learn's numbers and counts by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from finetune.errors import DataError
from finetune.evaluate import entity_spans, evaluate, span_f1
from finetune.types import OUT_OF_SCOPE

KEYS = ["n", "accuracy", "macro_f1", "micro_f1", "in_scope_accuracy", "out_of_scope_recall", "ece", "per_class"]


@pytest.mark.parametrize("seed", range(5))
def test_numbers_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    names = ["a", "b", "c", OUT_OF_SCOPE, "never asked"]
    gold = [str(name) for name in rng.choice(names[:4], 200, p=[0.5, 0.3, 0.05, 0.15])]
    predicted = [g if rng.random() < 0.7 else str(rng.choice(names)) for g in gold]
    measured = evaluate(gold, predicted, rng.random(200).tolist())
    there = sorted(set(gold))
    assert measured.accuracy == measured.micro_f1 == pytest.approx(accuracy_score(gold, predicted))
    assert measured.macro_f1 == pytest.approx(f1_score(gold, predicted, labels=there, average="macro", zero_division=0))
    expected = precision_recall_fscore_support(gold, predicted, labels=there, zero_division=0)
    for place, name in enumerate(there):
        score = measured.per_class[name]
        assert (score.precision, score.recall, score.f1, score.count) == pytest.approx(
            [part[place] for part in expected]
        )
    assert list(measured.per_class) == there
    outside = [p == OUT_OF_SCOPE for g, p in zip(gold, predicted, strict=True) if g == OUT_OF_SCOPE]
    inside = [p == g for g, p in zip(gold, predicted, strict=True) if g != OUT_OF_SCOPE]
    assert measured.out_of_scope_recall == pytest.approx(np.mean(outside))
    assert measured.in_scope_accuracy == pytest.approx(np.mean(inside))


def test_calibration_error_by_hand():
    # Bin of 0.95: three of four right; bin of 0.5: one of two right.
    measured = evaluate(["a"] * 6, ["a", "a", "a", "b", "a", "b"], [0.95] * 4 + [0.5] * 2)
    assert measured.ece == pytest.approx(4 / 6 * 0.2)


def test_what_makes_no_sense_is_none():
    assert evaluate(["a"], ["b"], [0.5]).out_of_scope_recall is None
    only = evaluate([OUT_OF_SCOPE], ["b"], [0.5])
    assert only.in_scope_accuracy is None and only.out_of_scope_recall == 0.0
    for wrong in (([], [], []), (["a"], [], [0.5]), (["a"], ["a"], [])):
        with pytest.raises(DataError, match="cannot be compared"):
            evaluate(*wrong)


def test_the_json_has_its_keys():
    told = evaluate(["a", "b"], ["a", "a"], [0.9, 0.8]).to_json()
    assert list(told) == KEYS and set(told["per_class"]["a"]) == {"precision", "recall", "f1", "n"}
    assert json.loads(json.dumps(told)) == told


def test_spans_of_tags():
    tags = "B-Part I-Part O I-Part B-Part B-Part I-Act O B-Act".split()
    assert entity_spans(tags) == {
        (0, 2, "Part"), (3, 4, "Part"), (4, 5, "Part"), (5, 6, "Part"), (6, 7, "Act"), (8, 9, "Act"),
    }  # fmt: skip
    assert entity_spans([]) == entity_spans(["O"]) == set()


def test_span_f1_by_hand():
    gold = [["B-Part", "I-Part", "O", "B-Act"], ["B-Part", "O"]]
    predicted = [["B-Part", "O", "O", "B-Act"], ["B-Act", "B-Part"]]  # one of two; none of one, two said
    assert span_f1(gold, predicted) == pytest.approx({"precision": 1 / 4, "recall": 1 / 3, "f1": 2 / 7})
    assert span_f1([["O"]], [["O"]]) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert span_f1(gold, gold)["f1"] == 1.0
    with pytest.raises(ValueError):
        span_f1(gold, gold[:1])
