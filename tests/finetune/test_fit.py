"""From examples to a classifier: what is learnt, held out, noted and refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import toys

from finetune import fit as fit_module
from finetune.errors import DataError
from finetune.fit import fit_classifier
from finetune.train import TrainSettings
from finetune.types import OUT_OF_SCOPE, Example

HEAD = TrainSettings(method="head")
LAYERS = TrainSettings(
    method="full", epochs=3, batch_size=16, learning_rate=4e-3, head_learning_rate=2e-2, patience=2, device="cpu"
)  # fmt: skip


def fitted(small, examples, validation=(), settings=HEAD, **more):
    return fit_classifier(examples, validation, settings, small.body, small.cache, **more)


def answers(small, found, examples):
    from finetune.network import Network, merged

    network = Network(small.body, "x", lambda: merged(small.body.layers(), found.parts.changes), None, 1)
    texts = [e.text for e in examples]
    return found.parts.decide(network.pooled(small.body.tokens(96).ids(texts)), texts)


def accuracy(small, found, examples) -> float:
    return float(np.mean([p.label == e.label for p, e in zip(answers(small, found, examples), examples, strict=True)]))


def test_a_head_is_judged_by_cross_validation_and_learns_from_everything(small):
    examples = toys.rows(90, seed=1)
    found = fitted(small, examples)
    assert found.held_out is not None and found.held_out.n == 90 and found.held_out.accuracy > 0.8
    assert found.held_out.ece < 0.2
    assert accuracy(small, found, toys.apart(60, examples, seed=2)) > 0.8
    assert found.parts.labels == toys.LABELS and not found.parts.outliers and found.parts.changes == {}
    assert sorted(e.text for e in found.examples) == sorted(e.text for e in examples)
    assert found.vectors.shape == (90, 32) and np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-4)
    assert found.settings["method"] == "head" and found.curve == ()


def test_layers_are_learnt_on_a_part_and_then_on_everything(small, tmp_path):
    examples = toys.rows(60, seed=1)
    said: list[str] = []
    found = fitted(small, examples, settings=LAYERS, work=tmp_path, say=said.append)
    assert found.held_out is not None and 10 <= found.held_out.n <= 14
    if found.parts.changes:  # epoch 0 was not the best
        assert any("everything" in line for line in said) and (tmp_path / "everything").is_dir()
        assert all("embeddings" not in name for name in found.parts.changes)
    assert len(found.examples) == 60 and [row["epoch"] for row in found.curve][:1] == [1]
    assert accuracy(small, found, toys.apart(30, examples, seed=2)) > 0.7


def test_many_examples_are_not_learnt_twice(small, monkeypatch):
    monkeypatch.setattr(fit_module, "MANY", 50)
    said: list[str] = []
    found = fitted(small, toys.rows(60, seed=1), settings=replace(LAYERS, epochs=1, patience=1), say=said.append)
    assert len(found.examples) == 60 and not any("everything" in line for line in said)


def test_where_layers_gain_nothing_the_head_alone_is_kept(small, monkeypatch):
    from finetune.tasks import SequenceTask

    scores = iter([0.9, 0.1, 0.2])
    monkeypatch.setattr(SequenceTask, "score", lambda self, learner: next(scores))
    said: list[str] = []
    found = fitted(small, toys.rows(60, seed=1), settings=LAYERS, say=said.append)
    assert found.parts.changes == {} and any("gained nothing" in line for line in said)
    assert accuracy(small, found, toys.rows(60, seed=1)) > 0.9


def test_validation_rows_are_never_learnt_and_judge(small):
    examples, validation = toys.rows(60, seed=1), toys.apart(30, toys.rows(60, seed=1), seed=2)
    mixed = [*validation, *examples[:6], Example("stalled pump", "unheard of"), Example("poem", OUT_OF_SCOPE)]
    found = fitted(small, examples, mixed)
    assert found.held_out is not None and found.held_out.n == 31
    assert not {e.text for e in validation} & {e.text for e in found.examples}
    assert any("unheard of" in note for note in found.notes)
    assert any(note.startswith("6 validation texts are also learnt from") for note in found.notes)


@pytest.mark.parametrize("useless", ["learnt", "labels", "outside"])
def test_validation_that_cannot_judge_is_refused(small, useless):
    examples = toys.rows(30, seed=1)
    given = {
        "learnt": examples[:10],
        "labels": [replace(e, label="other") for e in toys.rows(30, seed=2)],
        "outside": [replace(e, label=OUT_OF_SCOPE) for e in toys.apart(5, examples, seed=2)],
    }
    with pytest.raises(DataError, match="The validation examples share no label") as caught:
        fitted(small, examples, given[useless])
    assert "\n" not in str(caught.value)


def test_a_label_with_one_example_is_learnt_and_noted(small):
    examples = [*toys.rows(40, seed=1, labels=("fault", "howto")), Example("which grease goes into the gearbox", "oil")]
    for settings in (HEAD, replace(LAYERS, epochs=1)):
        found = fitted(small, examples, settings=settings)
        assert "oil" in found.parts.labels and any("one example only: oil" in note for note in found.notes)
        other, own = answers(small, found, [examples[0], examples[-1]])
        assert own.probabilities["oil"] > other.probabilities["oil"] > 0


def test_labels_of_few_examples_each(small):
    """Nothing can be held out then."""
    examples = [Example(text, label) for label, text in (("a", "pump"), ("a", "fan"), ("b", "door"), ("b", "lamp"))]
    for settings in (HEAD, replace(LAYERS, epochs=1)):
        found = fitted(small, examples, settings=settings)
        assert found.held_out is None
        assert [p.label for p in answers(small, found, examples)] == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("labels", "said"),
    [([], "There is 0 label"), (["a"], r"There is 1 label .*\(a\)"), (["a", OUT_OF_SCOPE], "give at least two")],
)
def test_one_label_is_not_enough(small, labels, said):
    with pytest.raises(DataError, match=said) as caught:
        fitted(small, [Example(f"{label} {word}", label) for label in labels for word in toys.FILLERS])
    assert "\n" not in str(caught.value)


def test_contradictions_are_noted_and_left_out(small):
    examples = [*toys.rows(30, seed=1), Example("oil?", "fault"), Example("OIL", "howto")]
    found = fitted(small, examples)
    assert len(found.examples) == 30 and any("contradictory" in note for note in found.notes)


@pytest.mark.parametrize("method", ["head", "full"])
def test_out_of_scope_is_learnt_and_found(small, method):
    labels = (*toys.LABELS, OUT_OF_SCOPE)
    examples = toys.rows(160, seed=1, labels=labels)
    found = fitted(small, examples, settings=HEAD if method == "head" else LAYERS)
    assert found.parts.labels == toys.LABELS and found.parts.outliers
    assert len(found.parts.linear.bias) == 4
    held = toys.apart(80, examples, seed=2, labels=labels)
    said = answers(small, found, held)
    outside = [p.label == OUT_OF_SCOPE for p, e in zip(said, held, strict=True) if e.label == OUT_OF_SCOPE]
    inside = [p.label == e.label for p, e in zip(said, held, strict=True) if e.label != OUT_OF_SCOPE]
    assert np.mean(outside) > 0.55 and np.mean(inside) > 0.65
    assert found.held_out is not None and found.held_out.out_of_scope_recall is not None
    for prediction in said:
        assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-4)
        assert prediction.confidence == prediction.probabilities[prediction.label]
        assert list(prediction.probabilities) == [*toys.LABELS, OUT_OF_SCOPE]


def test_a_few_out_of_scope_rows_get_no_logit_of_their_own(small):
    examples = [*toys.rows(60, seed=1), *toys.rows(6, seed=1, labels=(OUT_OF_SCOPE,))]
    for settings in (HEAD, replace(LAYERS, epochs=1)):
        found = fitted(small, examples, settings=settings)
        assert not found.parts.outliers and len(found.parts.linear.bias) == 3
        assert sum(e.label == OUT_OF_SCOPE for e in found.examples) == 6


def test_equal_seeds_give_equal_classifiers(small):
    examples = toys.rows(60, seed=1)
    for settings in (HEAD, replace(LAYERS, epochs=1)):
        one, other = (fitted(small, examples, settings=settings) for _ in range(2))
        assert one.examples == other.examples and one.parts.scope == other.parts.scope
        assert np.array_equal(one.parts.linear.weight, other.parts.linear.weight)
        assert np.array_equal(one.vectors, other.vectors)


def test_the_sources_of_the_examples_are_kept(small):
    examples = [
        *toys.rows(20, seed=1, source="a.csv"),
        *toys.apart(20, toys.rows(20, seed=1), seed=3, source="feedback"),
    ]
    assert {e.text: e.source for e in fitted(small, examples).examples} == {e.text: e.source for e in examples}
