"""The last linear step: what scikit-learn fits is what numpy applies."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from finetune import linear
from finetune.linear import fit_linear
from finetune.wide import Wide


def cloud(classes: int, each: int = 20, seed: int = 0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, 8))
    targets = np.repeat(np.arange(classes), each)
    vectors = (centres[targets] + rng.normal(0, 0.7, (len(targets), 8))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = ["pump", "fan", "door", "lamp"]
    texts = [f"{words[target]} {rng.choice(['left', 'right', 'upper'])}" for target in targets]
    return vectors, texts, targets


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_probabilities_are_those_of_scikit_learn(classes):
    vectors, texts, targets = cloud(classes)
    model = fit_linear(vectors, texts, targets, classes, wide_weight=0.0)
    reference = LogisticRegression(C=10.0, max_iter=300, tol=linear.TOLERANCE).fit(vectors, targets)
    logits = model.logits(vectors, texts)
    assert logits.shape == (len(texts), classes) and logits.dtype == np.float32
    assert np.allclose(softmax(logits), reference.predict_proba(vectors), atol=1e-4)
    assert model.wide_weight.shape[0] == len(model.buckets) == 0


def test_the_wide_part_is_added_as_it_was_fitted():
    vectors, texts, targets = cloud(3)
    model = fit_linear(vectors, texts, targets, 3)
    wide = Wide.of(texts, 1.0).matrix(texts)
    deep, words = (
        LogisticRegression(C=10.0, max_iter=300, tol=linear.TOLERANCE)
        .fit(features, targets)
        .decision_function(features)
        for features in (vectors, wide)
    )
    assert np.allclose(model.logits(vectors, texts), deep + linear.WIDE_WEIGHT * words, atol=2e-2)


def test_words_decide_where_vectors_cannot():
    vectors, texts, targets = cloud(3)
    blind = np.full_like(vectors, 1 / np.sqrt(8))
    model = fit_linear(blind, texts, targets, 3)
    assert (model.logits(blind, texts).argmax(1) == targets).all()
    unseen = model.logits(blind[:2], ["", "zzz qqq"])
    assert np.isfinite(unseen).all() and np.allclose(unseen[0], unseen[1])
    alone = fit_linear(blind, texts, targets, 3, wide_weight=0.0)
    assert np.ptp(alone.logits(blind, texts), axis=0).max() < 1e-6


def test_a_class_without_a_text_is_never_chosen():
    vectors, texts, targets = cloud(2)
    logits = fit_linear(vectors, texts, targets * 2, 4).logits(vectors, texts)
    assert set(logits.argmax(1)) <= {0, 2} and (logits[:, [1, 3]] < logits[:, [0, 2]].min() - 10).all()
    only = fit_linear(vectors[:5], texts[:5], np.full(5, 1), 3).logits(vectors, texts)
    assert (only.argmax(1) == 1).all()


def test_with_many_texts_rare_pieces_are_left_out(monkeypatch):
    monkeypatch.setattr(linear, "_RARE", 50)
    vectors, texts, targets = cloud(3)
    texts[0] += " zebra"
    model = fit_linear(vectors, texts, targets, 3)
    assert (model.wide.idf > 0).sum() == len(model.buckets)
    assert np.allclose(
        model.logits(vectors[:1], ["pump left zebra"]), model.logits(vectors[:1], ["pump left"]), atol=0.2
    )
    assert model.wide.row("zebra")[0].size == 0
    assert np.isclose(np.linalg.norm(model.wide.row("zebra pump")[1]), 1.0)


def test_balanced_classes_help_the_rare_one():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(210, 8)).astype(np.float32)
    targets = np.array([0] * 200 + [1] * 10)
    vectors[200:, 0] += 1.0
    texts = [""] * 210
    found = [
        fit_linear(vectors, texts, targets, 2, balanced=balanced).logits(vectors, texts).argmax(1)[200:].mean()
        for balanced in (False, True)
    ]
    assert found[1] > found[0] and found[1] >= 0.7


def softmax(logits):
    weights = np.exp(logits - logits.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def test_whole_shares_are_labels_and_split_ones_pull_between():
    vectors, texts, targets = cloud(3)
    whole = np.eye(3, dtype=np.float32)[targets]
    labelled, shared = (fit_linear(vectors, texts, wanted, 3) for wanted in (targets, whole))
    assert np.allclose(labelled.logits(vectors, texts), shared.logits(vectors, texts), atol=0.1)
    torn = whole.copy()
    torn[targets == 1] = [0.5, 0.5, 0.0]
    found = softmax(fit_linear(vectors, texts, torn, 3).logits(vectors, texts))[targets == 1].mean(axis=0)
    assert abs(found[0] - found[1]) < 0.15 and found[2] < 0.15


def test_many_balanced_classes_with_wrong_labels_are_learnt_all_the_same():
    """The loss is flat where training begins: many classes of equal size, a fifth of the labels wrong, vectors much alike."""
    rng = np.random.default_rng(0)
    classes, each = 150, 40
    centres = rng.normal(size=(classes, 96)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    gold = np.repeat(np.arange(classes), each)
    vectors = 1.0 + 2.0 * centres[gold] + rng.normal(scale=0.1, size=(len(gold), 96)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    told = np.where(rng.random(len(gold)) < 0.2, rng.integers(0, classes, len(gold)), gold)
    texts = [f"w{label}" for label in gold]
    linear = fit_linear(vectors, texts, told, classes, wide_weight=0.0)
    assert (linear.logits(vectors, texts).argmax(axis=1) == gold).mean() > 0.95
