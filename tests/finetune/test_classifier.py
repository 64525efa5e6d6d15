"""A version's folder: written, read again, and refused in one line when it is not whole."""

from __future__ import annotations

import json
import shutil
import threading

import numpy as np
import pytest
import toys

from finetune.classifier import (
    EXAMPLES,
    VECTORS,
    Classifier,
    ClassifierParts,
    read_classifier,
    read_kept_examples,
    write_classifier,
)
from finetune.errors import RegistryError
from finetune.fit import fit_classifier
from finetune.network import Body
from finetune.train import TrainSettings
from finetune.types import OUT_OF_SCOPE
from finetune.version_model import HEAD, LAYERS

LABELS = (*toys.LABELS, OUT_OF_SCOPE)


@pytest.fixture(scope="module")
def fitted(small):
    examples = toys.rows(120, seed=1, labels=LABELS)
    return fit_classifier(examples, (), TrainSettings(method="head"), small.body, small.cache)


@pytest.fixture
def folder(small, fitted, tmp_path):
    """The fitted classifier with changed layers, as those of a fine-tuning."""
    rng = np.random.default_rng(0)
    name = "encoder.layer.1.output.dense.weight"
    changes = {
        f"{name}.a": rng.normal(0, 0.02, (2, 64)).astype(np.float32),
        f"{name}.b": rng.normal(0, 0.02, (32, 2)).astype(np.float32),
    }
    parts = ClassifierParts(
        fitted.parts.labels, fitted.parts.linear, True, fitted.parts.scope, changes, fitted.parts.max_tokens
    )  # fmt: skip
    model = write_classifier(tmp_path, parts, fitted.examples, fitted.vectors[:100])
    card = {"model": model, "parent_body": {"name": small.body.name, "sha256": small.body.sha256}}
    (tmp_path / "card.json").write_text(json.dumps(card))
    return tmp_path


def refused(what) -> str:
    with pytest.raises(RegistryError) as caught:
        what()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_read_is_what_was_written(small, fitted, folder):
    parts = read_classifier(folder, small.body)
    assert parts.labels == toys.LABELS and parts.outliers and parts.scope == fitted.parts.scope
    assert set(parts.changes) == {f"encoder.layer.1.output.dense.weight.{kind}" for kind in "ab"}
    texts = [e.text for e in fitted.examples]
    assert np.allclose(
        np.hstack([part.reshape(len(texts), -1) for part in parts.logits(fitted.vectors, texts)]),
        np.hstack([part.reshape(len(texts), -1) for part in fitted.parts.logits(fitted.vectors, texts)]),
        atol=2e-3,
    )
    assert list(read_kept_examples(folder)) == list(fitted.examples)
    assert {path.name for path in folder.iterdir()} == {HEAD, LAYERS, EXAMPLES, VECTORS, "card.json"}


def test_predictions(small, folder, tmp_path):
    model = Classifier(folder, small.body, tmp_path / "cache", 1)
    rows = toys.apart(60, toys.rows(120, seed=1, labels=LABELS), seed=2, labels=LABELS)
    found = model.predict([e.text for e in rows])
    assert np.mean([p.label == e.label for p, e in zip(found, rows, strict=True)]) > 0.75
    for prediction in found:
        assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-4)
        assert prediction.confidence == prediction.probabilities[prediction.label]
    alone = [model.predict([e.text])[0] for e in rows[:5]]
    assert [p.label for p in alone] == [p.label for p in found[:5]]
    assert model.predict([]) == []
    odd = model.predict(["", "   ", "\ud800", "x" * 100_000, "🙂" * 50, "pump\0leaks"])
    assert all(np.isfinite(p.confidence) and 0 <= p.confidence <= 1 for p in odd)


def test_blocks_give_what_all_at_once_gives(small, folder, tmp_path, monkeypatch):
    from finetune import classifier

    model = Classifier(folder, small.body, tmp_path / "cache", 1)
    texts = [e.text for e in toys.rows(30, seed=4)]
    whole = [p.label for p in model.predict(texts)]
    monkeypatch.setattr(classifier, "_BLOCK", 7)
    assert [p.label for p in model.predict(texts)] == whole


def test_the_nearest_texts_are_those_learnt(small, fitted, folder, tmp_path):
    model = Classifier(folder, small.body, tmp_path / "cache", 1)
    first = fitted.examples[0]
    near = model.nearest(first.text, 3)
    assert (near[0].text, near[0].label) == (first.text, first.label) and near[0].cosine > 0.9
    assert [n.cosine for n in near] == sorted((n.cosine for n in near), reverse=True)
    assert len(model.nearest("pump", 500)) == 100, "as many as have vectors"
    (folder / VECTORS).write_bytes(b"torn")
    assert "promote another version" in refused(lambda: Classifier(folder, small.body, tmp_path).nearest("pump"))


def test_threads_share_a_classifier(small, folder, tmp_path):
    model = Classifier(folder, small.body, tmp_path / "cache", 1)
    found = []
    threads = [threading.Thread(target=lambda: found.append(model.predict(["pump leaks"])[0])) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6 and len({p.label for p in found}) == 1


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("card.json", b"{"), ("card.json", b"{}"), ("card.json", b"[]"), ("card.json", None), (HEAD, b"torn"), (HEAD, None),
        (HEAD, b"\xff" * 500), (LAYERS, b"torn"),
    ],
)  # fmt: skip
def test_damage_is_one_line(small, folder, tmp_path, file, content):
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    said = refused(lambda: Classifier(folder, small.body, tmp_path / "cache").predict(["pump"]))
    assert str(folder) in said and "promote another version" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "tagger"}, "holds a tagger, not a classifier"),
        ({"labels": ["a"]}, "is damaged"),
        ({"outliers": False}, "is damaged"),
        ({"scope": {}}, "is damaged"),
    ],
)
def test_a_card_that_does_not_fit_is_one_line(small, folder, change, said):
    card = json.loads((folder / "card.json").read_text())
    card["model"] |= change
    (folder / "card.json").write_text(json.dumps(card))
    assert said in refused(lambda: read_classifier(folder, small.body))


def test_a_version_of_another_body_is_refused(small, folder, tmp_path):
    from safetensors.numpy import load_file, save_file

    shutil.copytree(small.body.folder.path, tmp_path / "other")
    weights = load_file(tmp_path / "other" / "model.safetensors")
    weights["embeddings.LayerNorm.bias"] += 1
    save_file(weights, tmp_path / "other" / "model.safetensors")
    other = Body(tmp_path / "other", tmp_path / "cache")
    said = refused(lambda: read_classifier(folder, other))
    assert "small-bert" in said and "fine-tune it again" in said
