"""The search for settings: it begins with those given, goes on after an interruption, and says what it cannot do."""

from __future__ import annotations

import builtins
from dataclasses import replace

import pytest
import toys

from finetune import tune as tune_module
from finetune.errors import TrainingError
from finetune.registry import Registry
from finetune.retrain import Request, retrain
from finetune.train import TrainSettings
from finetune.tune import tune

LORA = TrainSettings(method="lora", epochs=1, batch_size=16, lora_learning_rate=4e-3, patience=2, device="cpu", rank=8)


def test_the_first_trial_is_what_was_given_and_the_best_is_taken(small, tmp_path):
    said: list[str] = []
    found = tune(toys.rows(80, seed=1), LORA, 3, small.body, small.cache, tmp_path, say=said.append)
    assert len(found.trials) == 3 and len(said) == 3
    first = next(trial for trial in found.trials if trial["number"] == 0)
    assert first["tried"] == "" and "as given" in said[0]
    others = [trial for trial in found.trials if trial["number"]]
    assert all("lora_learning_rate" in trial["tried"] for trial in others)
    assert found.trials[0]["score"] == max(trial["score"] for trial in found.trials) >= first["score"]
    assert 1e-3 <= found.settings.lora_learning_rate <= 16e-3
    assert found.settings.epochs == 1 and found.settings.method == "lora"
    assert f"{first['score']:.3f} with those given" in found.note


def test_an_interrupted_search_goes_on(small, tmp_path, monkeypatch):
    examples = toys.rows(60, seed=1)
    real, calls = tune_module.fit_classifier, []

    def stops(*args, **more):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args, **more)

    monkeypatch.setattr(tune_module, "fit_classifier", stops)
    with pytest.raises(KeyboardInterrupt):
        tune(examples, LORA, 3, small.body, small.cache, tmp_path)
    said: list[str] = []
    found = tune(examples, LORA, 3, small.body, small.cache, tmp_path, say=said.append)
    assert len(calls) == 4 and said[0] == "going on with a search of 1 trials"
    assert len(found.trials) == 3


def test_what_cannot_be_searched_is_said(small, tmp_path, monkeypatch):
    examples = toys.rows(60, seed=1)
    with pytest.raises(TrainingError, match="head has no settings"):
        tune(examples, replace(LORA, method="head"), 3, small.body, small.cache, tmp_path)
    with pytest.raises(TrainingError, match="1 trials compares nothing"):
        tune(examples, LORA, 1, small.body, small.cache, tmp_path)
    with pytest.raises(TrainingError, match="collect more"):
        tune(toys.rows(9, seed=1), LORA, 2, small.body, small.cache, tmp_path)
    real = builtins.__import__

    def missing(name, *args, **more):
        if name == "optuna":
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(TrainingError, match=r"factory-copilot\[train\]"):
        tune(examples, LORA, 3, small.body, small.cache, tmp_path)


def test_a_retraining_takes_the_best_and_writes_it_on_the_card(small, tmp_path):
    registry = Registry(tmp_path / "registry")
    request = Request("colours", tuple(toys.rows(60, seed=1)), fresh=True, search=2)
    outcome = retrain(request, LORA, registry, small.body, tmp_path / "cache")
    assert "2 settings were tried" in outcome.notes[0]
    card = registry.get("colours", outcome.version).card
    assert any("2 settings were tried" in note for note in card["notes"])
    assert not list((tmp_path / "cache" / "training").glob("*"))
