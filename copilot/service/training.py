"""Trainings beside the chat: the schedule that runs in the server, and how questions of late differ from those learnt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from copilot import assemble
from copilot.service.errors import ConflictError, NotFoundError, ServiceError
from copilot.service.jobs import run_training, training_command

if TYPE_CHECKING:
    from copilot.config import Settings
    from finetune.child import ChildTraining
    from finetune.drift import DriftReport
    from finetune.registry import Registry
    from finetune.schedule import Scheduler

_LEARNT = 2_000


def make_training(settings: Settings, task: str, pause: Callable[[], str]) -> ChildTraining:
    """A training as a child process, halted while `pause` gives a reason."""
    from finetune.child import ChildTraining

    return ChildTraining(training_command(settings, task), settings.home / "models", pause=pause)


class ScheduledTraining:
    """A training whose outcome is told in one line, as the schedule's log keeps it: the version, and why it answers or not."""

    def __init__(self, settings: Settings, task: str, training: ChildTraining) -> None:
        self._settings, self._task, self._training = settings, task, training

    def __call__(self) -> str:
        """Raises what the training does, and TrainingError when it ends without an outcome."""
        found = run_training(self._settings, self._task, self._training)
        verb = "promoted" if found["promoted"] else "kept, not promoted"
        return f"{found['task']} {found['version']} {verb}: {'; '.join(found['reasons'])}"

    def stop(self) -> None:
        """End the training, if there is one."""
        self._training.stop()


def make_scheduler(settings: Settings, pause: Callable[[], str]) -> Scheduler:
    """What trains the router when it is due, while the server runs."""
    from finetune.schedule import Scheduler

    store = assemble.make_feedback_store(settings)

    def new_feedback(since: datetime | None) -> int:
        return sum(1 for stored in store.all() if since is None or stored.feedback.created_at > since)

    training = ScheduledTraining(settings, "router", make_training(settings, "router", pause))
    return Scheduler(settings.home, training, new_feedback)


def drift_report(settings: Settings, task: str, recent: Sequence[str]) -> DriftReport:
    """Compare questions with those that the version in force was trained on. Raises NotFoundError, ServiceError."""
    from finetune.classifier import Classifier, read_kept_examples
    from finetune.drift import watch

    info = assemble.make_registry(settings).current(task)
    if info is None:
        raise NotFoundError(f"there is no version of the task {task!r}")
    if not recent:
        raise ServiceError("there are no questions yet to compare with")
    model = Classifier(info.folder, assemble.make_body(settings), assemble.make_home(settings).cache_folder)
    learnt = [example.text for example in read_kept_examples(info.folder)][:_LEARNT]
    before, now = ([(p.label, p.confidence) for p in model.predict(texts)] for texts in (learnt, list(recent)))
    return watch(before, now)


def promote(registry: Registry, task: str, version: str, who: str, seen: str | None = None) -> None:
    """Let a version answer. Raises ConflictError when another than `seen` answers by now."""
    _check_seen(registry, task, seen)
    registry.promote(task, version, f"asked for by {who}")


def roll_back(registry: Registry, task: str, who: str, seen: str | None = None) -> str:
    """Let the version answer that did before; returns its name. Raises ConflictError as `promote`."""
    _check_seen(registry, task, seen)
    return registry.rollback(task, f"asked for by {who}")


def _check_seen(registry: Registry, task: str, seen: str | None) -> None:
    if seen is None:
        return
    now = next((info.version for info in registry.versions(task) if info.current), "")
    if now != seen:
        raise ConflictError(f"{now or 'no version'} of {task} answers by now, and no longer {seen}; look again")
