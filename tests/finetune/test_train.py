"""The training loop: it learns, repeats itself, goes on where it stopped, and says what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import toys

from finetune import train as train_module
from finetune.errors import TrainingError
from finetune.learner import Learner
from finetune.tasks import SequenceTask
from finetune.train import CURVE, STATE, TrainSettings, epochs_for, settings_key, train

SETTINGS = TrainSettings(
    epochs=4, batch_size=8, learning_rate=4e-3, lora_learning_rate=1e-2, head_learning_rate=2e-2, rank=4, patience=50, device="cpu"
)  # fmt: skip


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    """Plots take a second each; one test draws one."""
    real = train_module.plot
    monkeypatch.setattr(train_module, "plot", lambda curve, path: None)
    return real


class Run:
    """One training from scratch on the toy problem."""

    def __init__(self, small, settings=SETTINGS, held=True, count=32):
        self.settings = settings
        examples = toys.rows(count, seed=1)
        others = toys.apart(24, examples, seed=2) if held else []
        targets, wanted = (
            np.array([toys.LABELS.index(e.label) for e in some], dtype=np.int64) for some in (examples, others)
        )
        first = (np.zeros((3, 32), np.float32), np.zeros(3, np.float32))
        self.learner = Learner(small.body, settings.method, settings.rank, settings.seed)
        self.task = SequenceTask(
            small.body.tokens(32).ids, [e.text for e in examples], targets, first, settings,
            ([e.text for e in others], wanted) if held else None, lambda text, rng: text + " please" * int(rng.integers(3)),
        )  # fmt: skip
        self.said: list[str] = []

    def go(self, work=None, say=None):
        return train(self.learner, self.task, self.settings, work, say or self.hear)

    def hear(self, line: str) -> None:
        """How far an epoch is, is said as time passes: no test may hang on that."""
        if not line.endswith(" %"):
            self.said.append(line)

    def weights(self):
        return {
            **self.learner.changes(),
            **{n: p.detach().numpy().copy() for n, p in self.task.head.named_parameters()},
        }


def same(one, other) -> bool:
    return set(one) == set(other) and all(np.array_equal(one[name], other[name]) for name in one)


class Scores:
    """A task whose scores are given beforehand."""

    def __init__(self, task, scores):
        self.task, self.scores, self.head = task, iter(scores), task.head
        self.kept: list[torch.Tensor] = []

    def lengths(self, epoch):
        return self.task.lengths(epoch)

    def losses(self, learner, rows):
        return self.task.losses(learner, rows)

    def score(self, learner):
        self.kept.append(self.head.weight.detach().clone())
        return next(self.scores)


# --- it learns --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["full", "lora", "head"])
def test_the_loss_falls_and_only_what_may_learn_does(small, method):
    run = Run(small, replace(SETTINGS, method=method, epochs=6, label_smoothing=0.0))
    before = {name: value.detach().clone() for name, value in run.learner.bert.named_parameters()}
    trained = run.go()
    losses = [row["cross-entropy"] for row in trained.curve]
    assert len(losses) == 6 and losses[-1] < losses[0] - 0.02
    assert [row["epoch"] for row in trained.curve] == [1, 2, 3, 4, 5, 6]
    moved = {name for name, value in run.learner.bert.named_parameters() if not torch.equal(value, before[name])}
    assert not any("embeddings" in name for name in moved)
    if method == "head":
        assert not moved and run.learner.changes() == {}
    elif method == "lora":
        assert moved and all("lora_" in name for name in moved)
    else:
        assert len(moved) == 32 == len(run.learner.changes())


def test_equal_seeds_give_equal_weights_and_others_do_not(small):
    settings = replace(SETTINGS, augment=0.5, epochs=2)
    runs = [Run(small, settings), Run(small, settings), Run(small, replace(settings, seed=1))]
    trained = [run.go() for run in runs]
    assert same(runs[0].weights(), runs[1].weights())
    assert [dict(r, seconds=0) for r in trained[0].curve] == [dict(r, seconds=0) for r in trained[1].curve]
    assert not same(runs[0].weights(), runs[2].weights())


def test_steps_may_gather_several_batches(small):
    run = Run(small, replace(SETTINGS, accumulate=3, epochs=6))
    curve = run.go().curve
    assert curve[-1]["cross-entropy"] < curve[0]["cross-entropy"]


def test_few_examples_are_seen_more_often():
    assert [epochs_for(count) for count in (0, 10, 600, 2_000, 15_000, 10**7)] == [12, 12, 12, 8, 4, 3]


# --- it goes on -------------------------------------------------------------------------------------------------


class Stop(BaseException):
    pass


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("where", ["say", "task"])
def test_a_training_cut_short_goes_on_and_ends_as_if_it_had_not_been(small, tmp_path, method, where):
    settings = replace(SETTINGS, method=method, augment=0.3)
    whole = Run(small, settings)
    whole_trained = whole.go(tmp_path / "whole")
    cut = Run(small, settings)

    def stop(line):
        if line.startswith("epoch 3 "):
            raise Stop

    if where == "say":  # after epoch 3, before its state is written
        with pytest.raises(Stop):
            cut.go(tmp_path / "work", stop)
    else:  # in the midst of epoch 3
        real, calls = cut.task.losses, iter(range(100))

        def losses(learner, rows):
            if next(calls) == 9:
                raise Stop
            return real(learner, rows)

        cut.task.losses = losses
        with pytest.raises(Stop):
            cut.go(tmp_path / "work")
    again = Run(small, settings)
    trained = again.go(tmp_path / "work")
    assert [line.split(" of ")[0] for line in again.said] == ["epoch 3", "epoch 4"]
    assert same(whole.weights(), again.weights())
    assert (trained.best_epoch, trained.score) == (whole_trained.best_epoch, whole_trained.score)
    assert [dict(r, seconds=0) for r in trained.curve] == [dict(r, seconds=0) for r in whole_trained.curve]
    lines = (tmp_path / "work" / CURVE).read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4]


def test_a_training_that_had_ended_is_not_gone_on_with(small, tmp_path):
    first = Run(small, SETTINGS)
    first.go(tmp_path)
    second = Run(small, SETTINGS)
    trained = second.go(tmp_path)
    assert second.said == [] and same(first.weights(), second.weights()) and len(trained.curve) == 4


def test_one_that_had_stopped_early_is_not_gone_on_with_either(small, tmp_path):
    settings = replace(SETTINGS, patience=2, epochs=8)
    first, second = Run(small, settings), Run(small, settings)
    first.task, second.task = Scores(first.task, [0.1, 0.9, 0.2, 0.3]), Scores(second.task, [0.1, 1.0, 1.0])
    assert first.go(tmp_path).best_epoch == second.go(tmp_path).best_epoch == 1
    assert len(first.said) == 3 and second.said == []


@pytest.mark.parametrize("other", [{"seed": 5, "epochs": 2}, {"learning_rate": 1e-3, "epochs": 2}])
def test_the_state_of_other_settings_is_left_alone(small, tmp_path, other):
    Run(small, replace(SETTINGS, epochs=2)).go(tmp_path)
    alone, mixed = Run(small, replace(SETTINGS, **other)), Run(small, replace(SETTINGS, **other))
    alone.go()
    trained = mixed.go(tmp_path)
    assert same(alone.weights(), mixed.weights())
    assert [row["epoch"] for row in trained.curve] == list(range(1, len(alone.said) + 1))
    assert len((tmp_path / CURVE).read_text().splitlines()) == len(alone.said)


def test_device_and_cores_do_not_make_other_settings():
    assert settings_key(SETTINGS) == settings_key(replace(SETTINGS, device="cuda", threads=3))
    assert settings_key(SETTINGS) != settings_key(replace(SETTINGS, rank=5))


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn", "half", "foreign"])
def test_a_damaged_state_is_begun_again(small, tmp_path, damage):
    settings = replace(SETTINGS, epochs=2)
    first = Run(small, settings)
    first.go(tmp_path)
    state = tmp_path / STATE
    if damage == "half":
        state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])
    elif damage == "foreign":
        torch.save({"settings": settings_key(settings)}, state)
    else:
        state.write_bytes(damage)
    second = Run(small, settings)
    trained = second.go(tmp_path)
    assert len(second.said) == 2 == len(trained.curve) and same(first.weights(), second.weights())


# --- it stops ---------------------------------------------------------------------------------------------------


def test_it_stops_early_and_keeps_the_best_epoch(small):
    run = Run(small, replace(SETTINGS, epochs=20, patience=3))
    run.task = Scores(run.task, [0.1, 0.5, 0.8, 0.7, 0.75, 0.6, 0.9])
    trained = run.go()
    assert (trained.best_epoch, trained.score, len(trained.curve)) == (2, 0.8, 5)
    assert torch.equal(run.task.head.weight, run.task.kept[2])


def test_of_equally_good_epochs_the_last_counts(small):
    run = Run(small, replace(SETTINGS, patience=1))
    run.task = Scores(run.task, [0.5] * 5)
    assert run.go().best_epoch == 4


def test_when_nothing_is_better_than_the_start_the_start_is_kept(small):
    run = Run(small, replace(SETTINGS, patience=2))
    run.task = Scores(run.task, [0.9, 0.1, 0.2])
    trained = run.go()
    assert trained.best_epoch == 0 and run.learner.changes() == {}
    assert float(run.task.head.weight.detach().abs().sum()) == 0.0


def test_without_rows_held_out_the_last_epoch_counts(small):
    run = Run(small, held=False)
    trained = run.go()
    assert (trained.best_epoch, trained.score, len(trained.curve)) == (4, None, 4)
    assert "score" not in trained.curve[0]


# --- what goes wrong --------------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_is_an_error(small):
    run = Run(small)
    real, calls = run.task.losses, iter(range(100))

    def losses(learner, rows):
        return {name: value * (np.nan if next(calls) == 6 else 1) for name, value in real(learner, rows).items()}

    run.task.losses = losses
    with pytest.raises(TrainingError, match=r"The loss is nan in epoch 1, batch 4; lower the learning rates") as caught:
        run.go()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate": 0.0}, {"lora_learning_rate": -1.0}, {"head_learning_rate": float("nan")}, {"batch_size": 0},
        {"accumulate": 0}, {"rank": 0}, {"token_dropout": 1.0}, {"label_smoothing": -0.1}, {"augment": 1.5},
        {"warm_up": 1.0}, {"class_weights": "some"}, {"epochs": -1}, {"patience": 0}, {"max_tokens": 2},
        {"contrast_temperature": 0.0},
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(TrainingError, match=next(iter(wrong))) as caught:
        replace(SETTINGS, **wrong).checked()
    assert "\n" not in str(caught.value)


def test_a_method_that_is_none(small):
    with pytest.raises(TrainingError, match="choose from full, lora, head"):
        Learner(small.body, "magic")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("unexpected pos 64 vs 0")])
def test_a_full_disk_is_one_line_and_leaves_nothing_half(small, tmp_path, monkeypatch, error):
    def full(state, path):
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(train_module.torch, "save", full)
    with pytest.raises(TrainingError, match="make room") as caught:
        Run(small).go(tmp_path / "work")
    assert "\n" not in str(caught.value)
    assert not [path for path in (tmp_path / "work").iterdir() if path.name.startswith(STATE)]


def test_a_folder_that_cannot_be_made_is_one_line(small, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="cannot be written"):
        Run(small).go(tmp_path / "file" / "work")


# --- what it leaves ---------------------------------------------------------------------------------------------


def test_a_learning_curve_is_written_and_drawn(small, tmp_path, monkeypatch, undrawn):
    monkeypatch.setattr(train_module, "plot", undrawn)
    run = Run(small, replace(SETTINGS, epochs=2))
    trained = run.go(tmp_path)
    rows = [json.loads(line) for line in (tmp_path / CURVE).read_text().splitlines()]
    assert rows == [dict(row) for row in trained.curve]
    assert set(rows[0]) == {"epoch", "cross-entropy", "contrast", "seconds", "score"}
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert run.said[0].startswith("epoch 1 of at most 2: cross-entropy ") and "held out 0." in run.said[0]


def test_tensorboard_is_told_of_every_epoch(small, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trained = Run(small, replace(SETTINGS, epochs=2)).go(tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert {"cross-entropy", "contrast", "score", "seconds"} <= set(events.Tags()["scalars"])
    told = [event.value for event in events.Scalars("score")]
    assert told == pytest.approx([row["score"] for row in trained.curve], abs=1e-5)
