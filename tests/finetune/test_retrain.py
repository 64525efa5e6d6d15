"""The learning loop: first, worse and better versions, replay, roll-back, and what happens when something breaks."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
import toys

from finetune import retrain as retrain_module
from finetune.classifier import EXAMPLES, Classifier, read_kept_examples
from finetune.dataset import same_text
from finetune.errors import BusyTrainingError, DataError, FinetuneError, RegistryError, TrainingError
from finetune.network import Body
from finetune.registry import Registry
from finetune.retrain import FROZEN, Request, evaluate_version, frozen_set, retrain
from finetune.train import TrainSettings
from finetune.types import Example
from finetune.version_model import HEAD

SETTINGS = TrainSettings(method="head")
LAYERS = TrainSettings(
    method="full", epochs=4, batch_size=8, learning_rate=4e-3, head_learning_rate=2e-2, patience=9, device="cpu"
)  # fmt: skip
FIRST = toys.rows(60, seed=1)
FROZEN_ROWS = toys.apart(60, FIRST, seed=2)
MORE = toys.apart(150, [*FIRST, *FROZEN_ROWS], seed=3)


def turned(examples):
    """Every label one further: garbage."""
    return [replace(e, label=toys.LABELS[(toys.LABELS.index(e.label) + 1) % 3]) for e in examples]


class Plant:
    """A registry with what trains into it."""

    def __init__(self, small, folder):
        self.body, self.folder, self.cache = small.body, folder, folder / "cache"
        self.registry = Registry(folder / "models")

    def train(self, rows, validation=(), settings=SETTINGS, say=None, body=None, gate=None, **more):
        request = Request("lines", tuple(rows), tuple(validation), **more)
        return retrain(request, settings, self.registry, body or self.body, self.cache, say=say, gate=gate)

    def current(self):
        return self.registry.current("lines")

    def learnt(self, version):
        return {e.text: e.label for e in read_kept_examples(self.registry.get("lines", version).folder)}

    def accuracy(self, version=None):
        info = self.registry.get("lines", version) if version else self.current()
        return evaluate_version(Classifier(info.folder, self.body, self.cache), FROZEN_ROWS).accuracy

    def everything(self):
        """All files of the registry but locks, with their content."""
        return {
            path.relative_to(self.folder): path.read_bytes()
            for path in (self.folder / "models").rglob("*")
            if path.is_file() and path.suffix != ".lock"
        }


@pytest.fixture
def plant(small, tmp_path):
    return Plant(small, tmp_path)


def refused(what, kind=FinetuneError) -> str:
    with pytest.raises(kind) as caught:
        what()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- versions ---------------------------------------------------------------------------------------------------


def test_the_first_version_answers_at_once_and_says_what_it_is(plant):
    outcome = plant.train(FIRST, FROZEN_ROWS, command="copilot finetune run --data a.csv", licence="ours")
    assert outcome.promoted and outcome.version == "v0001" and outcome.examples == 60
    info = plant.current()
    assert info.version == "v0001" and info.card["parent"] is None
    card = info.card
    assert card["parent_body"] == {"name": "small-bert", "sha256": plant.body.sha256}
    assert (card["method"], card["licence"], card["command"]) == ("head", "ours", "copilot finetune run --data a.csv")
    assert card["metrics"]["n"] == 60 and card["metrics_on"] == "validation file"
    assert card["metrics"]["accuracy"] == pytest.approx(outcome.held_out.accuracy, abs=1e-6)  # rounded on the card
    assert outcome.held_out.accuracy == plant.accuracy()
    assert card["examples"] == {"count": 60, "sources": {"toy": 60}}
    assert set(frozen_set(info)) == set(FROZEN_ROWS)
    plant.registry.verify(info.folder)
    assert not list((plant.folder / "models" / "lines").glob("staging-*"))
    assert not list((plant.cache / "training").glob("*"))


def test_garbage_is_kept_with_a_reason_and_the_first_still_answers(plant):
    plant.train(FIRST, FROZEN_ROWS)
    before = plant.accuracy()
    outcome = plant.train(turned([*FIRST, *MORE]))
    assert not outcome.promoted and outcome.version == "v0002" and outcome.reasons
    assert any("frozen set" in reason for reason in outcome.reasons)
    assert plant.current().version == "v0001" and plant.accuracy() == before > 0.7
    second = plant.registry.get("lines", "v0002")
    assert second.state == "kept" and second.reason == "; ".join(outcome.reasons) and second.card["parent"] == "v0001"
    assert plant.accuracy("v0002") < 0.4


def test_a_better_one_answers_and_can_be_rolled_back(plant):
    plant.train(FIRST[:9], FROZEN_ROWS)
    weak = plant.accuracy()
    outcome = plant.train([*FIRST, *MORE])
    assert outcome.promoted, outcome.reasons
    assert plant.current().version == "v0002" and plant.accuracy() > weak + 0.1
    assert any("better" in reason for reason in outcome.reasons)
    assert plant.registry.rollback("lines") == "v0001" and plant.accuracy() == weak
    # The next one is compared with the one that answers now, and named after neither.
    again = plant.train([*FIRST, *MORE])
    assert again.version == "v0003" and again.promoted
    assert plant.registry.get("lines", "v0003").card["parent"] == "v0001"


def test_as_good_is_not_better(plant):
    plant.train([*FIRST, *MORE], FROZEN_ROWS)
    outcome = plant.train([])
    assert not outcome.promoted and "does not show it better" in "; ".join(outcome.reasons)


def test_another_label_needs_a_person_or_a_word(plant):
    from finetune.gate import GateSettings

    plant.train(FIRST[:9], FROZEN_ROWS)
    rows = [*FIRST, *MORE, *[Example(f"{word} pump where", "place") for word in toys.FILLERS]]
    outcome = plant.train(rows)
    assert not outcome.promoted and any("the labels changed: added place" in reason for reason in outcome.reasons)
    allowed = plant.train(rows, gate=GateSettings(allow_label_changes=True))
    assert any("new label 'place'" in note for note in allowed.notes)


# --- what is learnt ---------------------------------------------------------------------------------------------


def test_old_rows_are_replayed_and_new_ones_count_where_they_contradict(plant):
    plant.train(FIRST)
    changed = replace(FIRST[0], text=FIRST[0].text.upper() + "!", label="value", source="feedback")
    plant.train([changed, *MORE[:5]])
    learnt = plant.learnt("v0002")
    assert len(learnt) == 65 and learnt[changed.text] == "value" and FIRST[0].text not in learnt
    card = plant.registry.get("lines", "v0002").card
    assert card["examples"]["sources"] == {"toy": 64, "feedback": 1}
    plant.train(MORE[:30], fresh=True)
    assert set(plant.learnt("v0003")) <= {e.text for e in MORE[:30]}


def test_the_frozen_set_is_handed_on_and_never_learnt(plant):
    plant.train([*FIRST, *FROZEN_ROWS[:5]], FROZEN_ROWS)
    plant.train([*MORE[:15], *turned(FROZEN_ROWS[:10])], MORE[100:140])
    for version in ("v0001", "v0002"):
        frozen = frozen_set(plant.registry.get("lines", version))
        assert set(frozen) == set(FROZEN_ROWS)
        assert not {same_text(e.text) for e in FROZEN_ROWS} & {same_text(text) for text in plant.learnt(version)}


def test_a_share_of_many_new_rows_judges_this_time_and_is_learnt_next_time(plant):
    plant.train(FIRST, FROZEN_ROWS)
    plant.train(MORE[:50])
    now = set(plant.learnt("v0002"))
    aside = {e.text for e in MORE[:50]} - now
    assert len(aside) == 10
    plant.registry.promote("lines", "v0002", "by hand")
    plant.train(MORE[:50])
    assert aside <= set(plant.learnt("v0003")), "ten rows are too few to keep some back again"


def test_with_nothing_to_learn_from_nothing_happens(plant):
    assert "There are no examples to learn from" in refused(lambda: plant.train([]), DataError)
    assert "give at least two" in refused(lambda: plant.train(toys.rows(9, labels=("fault",))), DataError)
    assert plant.current() is None and plant.registry.versions("lines") == []
    assert not list((plant.folder / "models" / "lines").glob("staging-*"))


# --- what breaks ------------------------------------------------------------------------------------------------


def test_of_two_trainings_at_once_the_second_is_refused(plant):
    refusals: list[str] = []

    def say(line: str) -> None:
        if not refusals:
            thread = threading.Thread(
                target=lambda: refusals.append(refused(lambda: plant.train(MORE), BusyTrainingError))
            )  # fmt: skip
            thread.start()
            thread.join()

    assert plant.train(FIRST, say=say).promoted
    assert len(refusals) == 1 and "wait until it ends" in refusals[0]
    assert [info.version for info in plant.registry.versions("lines")] == ["v0001"]


class Stop(BaseException):
    pass


def test_a_training_that_was_killed_goes_on_when_it_is_run_again(small, plant, tmp_path):
    def stop(line: str) -> None:
        if line.startswith("epoch 3 "):
            raise Stop

    with pytest.raises(Stop):
        plant.train(FIRST, settings=LAYERS, say=stop)
    assert plant.registry.versions("lines") == []
    (left,) = (plant.cache / "training").iterdir()
    other = plant.cache / "training" / ("lines-" + "0" * 16)
    foreign = plant.cache / "training" / ("lines-two-" + "0" * 16)
    for folder in (other, foreign):
        folder.mkdir()
    said: list[str] = []
    outcome = plant.train(FIRST, settings=LAYERS, say=said.append)
    assert outcome.promoted and next(line for line in said if line.startswith("epoch")).startswith("epoch 3 ")
    assert not left.exists() and not other.exists() and foreign.exists()
    whole = Plant(small, tmp_path / "whole")
    whole.train(FIRST, settings=LAYERS)
    one, two = (p.current().card["files"] for p in (plant, whole))
    names = set(one) - {"curve.jsonl", "curve.png"}
    assert names == set(two) - {"curve.jsonl", "curve.png"} and {HEAD, EXAMPLES, FROZEN} <= names
    assert all(one[name]["sha256"] == two[name]["sha256"] for name in names)
    curves = [json.loads(line)["epoch"] for line in (plant.current().folder / "curve.jsonl").read_text().splitlines()]
    assert curves == [1, 2, 3, 4]


@pytest.mark.parametrize("what", ["write_classifier", "_write_rows", "publish", "state"])
@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("I/O error: No space left on device (os error 28)")]
)
def test_a_full_disk_leaves_everything_as_it_was(plant, monkeypatch, what, error):
    plant.train(FIRST, FROZEN_ROWS)
    before, answered = plant.everything(), plant.accuracy()

    def full(*args, **more):
        raise error

    if what == "publish":
        monkeypatch.setattr("finetune.registry.seal", full)
    elif what == "state":
        monkeypatch.setattr("finetune.train.torch.save", full)
    else:
        monkeypatch.setattr(retrain_module, what, full)
    settings = replace(LAYERS, epochs=1) if what == "state" else SETTINGS
    said = refused(lambda: plant.train(MORE, settings=settings), TrainingError if what == "state" else RegistryError)
    assert "make room" in said or ("The disk is full" in said and "still answers" in said)
    assert plant.everything() == before and plant.accuracy() == answered
    assert not list((plant.folder / "models" / "lines").glob("staging-*"))
    monkeypatch.undo()
    assert plant.train(MORE[:15]).version == "v0002"


def test_a_damaged_version_is_one_line_and_a_fresh_training_helps(plant):
    plant.train(FIRST, FROZEN_ROWS)
    head = plant.current().folder / HEAD
    head.write_bytes(head.read_bytes()[:-10])
    said = refused(lambda: plant.train(MORE), RegistryError)
    assert "is damaged: 'head.safetensors'" in said
    outcome = plant.train(MORE, fresh=True)
    assert not outcome.promoted and "promote this one by hand" in outcome.reasons[0]
    plant.registry.promote("lines", "v0002", "by hand")
    assert plant.current().version == "v0002" and plant.accuracy() > 0.8


def test_damage_that_keeps_the_size_is_noticed_when_versions_are_compared(plant):
    plant.train(FIRST, FROZEN_ROWS)
    head = plant.current().folder / HEAD
    head.write_bytes(b"\xff" * head.stat().st_size)
    outcome = plant.train(MORE)
    assert not outcome.promoted and "could not be asked" in outcome.reasons[0] and "\n" not in outcome.reasons[0]
    assert plant.registry.get("lines", "v0002").state == "kept"


def test_examples_that_cannot_be_read_stop_a_replay_but_not_a_fresh_training(plant):
    plant.train(FIRST, FROZEN_ROWS)
    examples = plant.current().folder / EXAMPLES
    examples.write_bytes(b"?" * examples.stat().st_size)
    assert "--fresh" in refused(lambda: plant.train(MORE), RegistryError)
    assert plant.train(MORE, fresh=True).version == "v0002"


def test_with_another_body_the_new_version_waits_for_a_person(plant, small, tmp_path):
    from safetensors.numpy import load_file, save_file

    plant.train(FIRST, FROZEN_ROWS)
    shutil.copytree(small.body.folder.path, tmp_path / "other")
    weights = load_file(tmp_path / "other" / "model.safetensors")
    weights["encoder.layer.0.output.dense.bias"] += np.float32(0.1)
    save_file(weights, tmp_path / "other" / "model.safetensors")
    outcome = plant.train(MORE, body=Body(tmp_path / "other", plant.cache))
    assert not outcome.promoted and "was fine-tuned on the body" in outcome.reasons[0]


def test_a_version_promoted_meanwhile_is_not_overrun(plant, monkeypatch):
    plant.train(FIRST[:9], FROZEN_ROWS)
    plant.train(MORE[:10])  # kept or not: another version that a person promotes while the third is judged
    plant.registry.promote("lines", "v0001", "by hand")
    real = retrain_module.compare

    def compare(*args):
        decision = real(*args)
        plant.registry.promote("lines", "v0002", "by hand")
        return decision

    monkeypatch.setattr(retrain_module, "compare", compare)
    assert "was compared with 'v0001'" in refused(lambda: plant.train([*FIRST, *MORE]), RegistryError)
    assert plant.current().version == "v0002"
