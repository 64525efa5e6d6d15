"""What the schedule's log says of a training in the server: one line that a person can read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from copilot.service.training import ScheduledTraining
from finetune.errors import TrainingError
from finetune.schedule import Scheduler, read_schedule, schedule_log, set_schedule

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OUTCOME = {
    "task": "router", "version": "v0003", "promoted": False, "reasons": ["worse on recent feedback", "not calibrated"], "notes": ["x"] * 400,
}  # fmt: skip


class Training:
    """A child that prints its outcome and ends."""

    def __init__(self, home, said) -> None:
        self.home, self.said, self.stopped = home, said, False

    def __call__(self) -> str:
        (self.home / "models").mkdir(exist_ok=True)
        (self.home / "models" / "training.out").write_text(f"a line before\n{self.said}\n", encoding="utf-8")
        return self.said[:500]

    def stop(self) -> None:
        self.stopped = True


def test_the_log_tells_version_verdict_and_reasons(tmp_path):
    set_schedule(tmp_path, timedelta(days=7), 0, NOW - timedelta(days=8))
    child = Training(tmp_path, json.dumps(OUTCOME))
    training = ScheduledTraining(SimpleNamespace(home=tmp_path), "router", child)
    scheduler = Scheduler(tmp_path, training, lambda since: 1, busy=lambda: "", clock=lambda: NOW)
    said = "router v0003 kept, not promoted: worse on recent feedback; not calibrated"
    entry = scheduler.tick()
    assert entry is not None and (entry.decision, entry.reason) == ("ran", said)
    assert schedule_log(tmp_path)[-1].reason == said
    state = read_schedule(tmp_path)
    assert state is not None and state.last_decision == f"ran: {said}"
    scheduler.stop()
    assert child.stopped, "a server that stops ends the training too"


def test_a_training_without_an_outcome_is_an_error(tmp_path):
    training = ScheduledTraining(SimpleNamespace(home=tmp_path), "router", Training(tmp_path, "torn"))
    with pytest.raises(TrainingError, match="no outcome") as caught:
        training()
    assert "\n" not in str(caught.value)
