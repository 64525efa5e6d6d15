"""In scope or not: what the threshold costs, what it finds, and what is kept on the card."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from finetune.scope import LOST, Scope, calibrate, facts, softmax


def logits_of(inside: int, outside: int, gap: float, seed: int = 0, classes: int = 4):
    """Logits whose highest is `gap` above the rest for texts in scope, and none higher for those out of it."""
    rng = np.random.default_rng(seed)
    targets = np.concatenate([rng.integers(0, classes, inside), np.full(outside, -1)])
    logits = rng.normal(0, 1, (inside + outside, classes)).astype(np.float32)
    logits[np.arange(inside), targets[:inside]] += gap
    own = rng.normal(0, 1, inside + outside).astype(np.float32) + np.where(targets < 0, 2.0, -2.0).astype(np.float32)
    return logits, own, targets


@hypothesis_settings(max_examples=25, deadline=None)
@given(st.integers(5, 300), st.sampled_from([0, 5, 30]), st.booleans(), st.floats(0, 0.2), st.integers(0, 1000))
def test_no_more_than_the_share_asked_is_lost(inside, outside, own_row, lost, seed):
    logits, own, targets = logits_of(inside, outside, 2.0, seed)
    own = own if own_row else None
    scope = calibrate(logits, own, targets, lost)
    refused = scope.inside(scope.scores(logits, own))[targets >= 0] < 0.5
    assert refused.sum() <= lost * inside + 1e-9


@pytest.mark.parametrize("own_row", [False, True])
def test_what_is_clearly_out_of_scope_is_found(own_row):
    logits, own, targets = logits_of(300, 60, 12.0)
    scope = calibrate(logits, own if own_row else None, targets)
    others, other_own, gold = logits_of(300, 60, 12.0, seed=9)
    sure = scope.inside(scope.scores(others, other_own if own_row else None))
    assert (sure[gold < 0] < 0.5).mean() > 0.95
    assert (sure[gold >= 0] >= 0.5).mean() > 0.97
    assert sure[gold >= 0].mean() > 0.9 and sure[gold < 0].mean() < 0.2


def test_without_counter_examples_the_highest_logit_speaks():
    logits, own, targets = logits_of(200, 0, 8.0)
    scope = calibrate(logits, None, targets)
    assert scope.weights == (1.0, 0.0, 0.0)
    assert scope.threshold == pytest.approx(np.quantile(logits.max(1), LOST, method="lower"))
    median = np.full((1, 4), 0, dtype=np.float32)
    median[0, 0] = np.median(logits.max(1))
    assert float(scope.inside(scope.scores(median, None))[0]) == pytest.approx(1 / (1 + np.exp(-4)), abs=0.01)
    assert calibrate(logits, own, targets).weights == (0.5, 0.0, 0.5)


def test_with_next_to_nothing_to_go_by_nothing_is_refused():
    for inside, outside in ((0, 30), (4, 30), (4, 0)):
        scope = calibrate(*logits_of(inside, outside, 2.0))
        assert scope == Scope() and (scope.inside(scope.scores(np.full((3, 2), -50, np.float32), None)) > 0.99).all()


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_too_much_or_too_little_confidence(factor):
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 2, (1500, 4)).astype(np.float32)
    targets = np.array([rng.choice(4, p=row / row.sum()) for row in softmax(honest).astype(np.float64)])
    assert calibrate(honest * factor, None, targets).temperature == pytest.approx(factor, rel=0.15)


def test_a_scope_survives_its_card():
    scope = calibrate(*logits_of(200, 40, 3.0))
    again = Scope.from_json(json.loads(json.dumps(scope.to_json())))
    assert again == scope
    logits, own, _ = logits_of(50, 50, 3.0, seed=4)
    assert np.array_equal(again.inside(again.scores(logits, own)), scope.inside(scope.scores(logits, own)))


def test_facts_and_softmax():
    logits = np.array([[1, 4, 3], [9, 0, 1]], dtype=np.float32)
    assert facts(logits, np.array([5, -1], np.float32)).tolist() == [[4, 1, -1], [9, 5, 10]]  # a lead counts up to 5
    assert facts(logits, None)[:, 2].tolist() == [0, 0]
    assert facts(logits[:, :1], None).tolist() == [[1, 0, 0], [9, 0, 0]]
    spread = softmax(logits, 2.0)
    assert np.allclose(spread.sum(1), 1) and spread[0, 1] / spread[0, 2] == pytest.approx(np.exp(0.5), rel=1e-5)
    assert np.isfinite(softmax(np.array([[1e4, -1e4]], np.float32))).all()
