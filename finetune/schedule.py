"""Training on a schedule, inside a server that runs anyway.

    models/schedule.json    interval, least feedback, when it last ran, what became of it
    models/schedule.jsonl   every decision: time, decision, reason

A run is noted before it begins and after it ends, so a restart knows all: a run missed while nothing was running is
made up once, one that was cut short is begun again, and one that was cut short twice waits for its next turn, since it
may be what brings the machine down. Times are UTC.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from finetune.child import ChildTraining as ChildTraining
from finetune.durable import append_json, read_json_lines, write_text
from finetune.errors import BusyTrainingError, TrainingError
from finetune.timers import cron_line as cron_line
from finetune.timers import format_interval
from finetune.timers import parse_interval as parse_interval
from finetune.timers import systemd_units as systemd_units
from finetune.timers import windows_task as windows_task

_STATE, _LOG = "schedule.json", "schedule.jsonl"
_SCHEMA = 1
_MOST_ATTEMPTS = 2
_PATIENCE_S = 10

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """What is remembered between restarts.

    `last_run` is when the last finished run began. `started_at` is set while one is under way, or was cut short;
    `attempts` counts how often it was begun.
    """

    interval: timedelta
    min_feedback: int
    set_at: datetime
    last_run: datetime | None = None
    last_decision: str = ""
    started_at: datetime | None = None
    attempts: int = 0


class Due(NamedTuple):
    """Whether to train now. `kind` is early, feedback, due, again (after a cut) or given_up (cut too often)."""

    due: bool
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class ScheduleEntry:
    """One line of the log. `decision` is set, off, skipped, started, ran, failed or interrupted."""

    time: datetime
    decision: str
    reason: str


# --- the state ---


def read_schedule(home: Path) -> ScheduleState | None:
    """The schedule of a home folder, or None if there is none. Raises TrainingError when the file is damaged."""
    path = _models(home) / _STATE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    try:
        if data["schema"] != _SCHEMA:
            raise ValueError(f"schema {data['schema']!r}, this program reads {_SCHEMA}")
        state = ScheduleState(
            interval=parse_interval(data["interval"]), min_feedback=int(data["min_feedback"]), set_at=_when(data["set_at"]),
            last_run=_when(data["last_run"]) if data["last_run"] else None, last_decision=str(data["last_decision"]),
            started_at=_when(data["started_at"]) if data["started_at"] else None, attempts=int(data["attempts"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError, TrainingError) as error:
        raise _damaged(path, str(error)) from error
    return state


def set_schedule(home: Path, interval: timedelta, min_feedback: int, now: datetime) -> ScheduleState:
    """Begin a schedule or change it; when it last ran is kept. The first run is due one interval from now."""
    if min_feedback < 0:
        raise TrainingError(f"The least feedback is {min_feedback}; it must be 0 or more")
    parse_interval(format_interval(interval))  # only what can be written can be read again
    with _changing(home):
        with contextlib.suppress(TrainingError):  # a damaged schedule is replaced
            if (old := read_schedule(home)) is not None:
                state = replace(old, interval=interval, min_feedback=min_feedback)
                _write(home, state)
                _note(home, now, "set", f"every {format_interval(interval)}, from {min_feedback} new feedback on")
                return state
        state = ScheduleState(interval, min_feedback, now)
        _write(home, state)
        _note(home, now, "set", f"every {format_interval(interval)}, from {min_feedback} new feedback on")
    return state


def remove_schedule(home: Path, now: datetime) -> bool:
    """End the schedule; returns whether there was one. The log stays."""
    with _changing(home):
        if not (_models(home) / _STATE).exists():
            return False
        (_models(home) / _STATE).unlink()
        _note(home, now, "off", "the schedule was removed")
    return True


def schedule_log(home: Path) -> list[ScheduleEntry]:
    """Every decision, oldest first."""
    found = []
    for entry in read_json_lines(_models(home) / _LOG):
        with contextlib.suppress(KeyError, TypeError, ValueError):
            found.append(ScheduleEntry(_when(entry["time"]), str(entry["decision"]), str(entry["reason"])))
    return found


def next_due(state: ScheduleState) -> datetime:
    """When the next run is due, which may be long past."""
    return (state.last_run or state.set_at) + state.interval


def due(state: ScheduleState, now: datetime, new_feedback: int) -> Due:
    """Whether to train now, given how much feedback came in since the last run began. However many turns were missed,
    one run makes up for them. Too little feedback leaves the run due until there is enough."""
    if state.started_at is not None and state.attempts >= _MOST_ATTEMPTS:
        return Due(False, "given_up", f"it was cut short {state.attempts} times; the next turn is in its usual time")
    if state.started_at is not None:
        return Due(True, "again", f"the run begun {_clock_words(state.started_at)} was cut short")
    # A time in the future means that the clock was wrong then; waiting for it could take years.
    turned_back = (state.last_run or state.set_at) > now + timedelta(minutes=5)
    if now < next_due(state) and not turned_back:
        return Due(False, "early", f"the next run is due {_clock_words(next_due(state))}")
    if new_feedback < state.min_feedback:
        return Due(False, "feedback", f"too little new feedback: {new_feedback} of {state.min_feedback}")
    return Due(True, "due", f"due since {_clock_words(min(next_due(state), now))}, {new_feedback} new feedback")


# --- running ---


def machine_busy(most: float = 0.75) -> str:
    """A reason not to begin a training: the load average of the last minute is above `most` per core; else ''.

    Systems without a load average (Windows) are never busy by this measure; low priority has to do there.
    """
    if not hasattr(os, "getloadavg"):
        return ""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    return f"load average {load:.1f} on {cores} cores" if load > most * cores else ""


class Scheduler:
    """Looks at the clock now and then, and trains when it is time, there is feedback and nobody needs the machine.

    Several may run on one home folder; one of them trains. Nothing it meets stops the server: errors are logged.
    """

    def __init__(
        self,
        home: Path,
        run: Callable[[], str],
        new_feedback: Callable[[datetime | None], int],
        *,
        busy: Callable[[], str] = machine_busy,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        poll_s: float = 60.0,
    ) -> None:
        """`run` trains and says in one line what came of it (`ChildTraining`); if it has a method `stop`, that is
        called when the server stops. `new_feedback(since)` counts. `busy` gives a reason to wait, or ''."""
        self._home = home
        self._run = run
        self._new_feedback = new_feedback
        self._busy = busy
        self._clock = clock
        self._poll_s = poll_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin looking, in a thread of its own."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._loop, name="finetune-schedule", daemon=True)
            self._thread.start()

    def stop(self, timeout_s: float = 15.0) -> None:
        """End the thread, and a training that it runs; that is begun again after the next start."""
        self._stopping.set()
        if (end := getattr(self._run, "stop", None)) is not None:
            end()
        if self._thread is not None:
            self._thread.join(timeout_s)
            self._thread = None

    def tick(self) -> ScheduleEntry | None:
        """One look: trains if it is time. Returns the decision, or None when there was none to make."""
        state = read_schedule(self._home)
        if state is None:
            return None
        verdict = self._due(state)
        if verdict.kind == "early":
            return None
        if verdict.due and (reason := self._busy()):
            verdict = Due(False, "busy", f"the machine is needed: {reason}")
        if verdict.kind in ("feedback", "busy"):
            return self._skip(verdict.reason, verdict.kind)
        from filelock import FileLock, Timeout

        lock = FileLock(str(_models(self._home) / "schedule.lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return self._skip("another process is at it", "other")
        try:
            state = read_schedule(self._home)  # it may have been done while we looked
            verdict = self._due(state) if state is not None else Due(False, "off", "")
            if state is not None and verdict.kind == "given_up":
                return self._finish("failed", verdict.reason, state.started_at or self._clock())
            return self._train(verdict) if verdict.due else None
        finally:
            lock.release()

    def _due(self, state: ScheduleState) -> Due:
        now = self._clock()
        verdict = due(state, now, state.min_feedback)
        return due(state, now, self._new_feedback(state.last_run)) if verdict.kind == "due" else verdict

    def _train(self, verdict: Due) -> ScheduleEntry:
        began = self._clock()
        self._change(lambda state: replace(state, started_at=began, attempts=state.attempts + 1))
        _note(self._home, began, "started", verdict.reason)
        try:
            told = self._run()
        except BusyTrainingError as error:
            self._change(lambda state: replace(state, started_at=None, attempts=0))
            return self._skip(str(error), "other")
        except Exception as error:
            if self._stopping.is_set():
                self._change(lambda state: replace(state, started_at=None, attempts=0))
                return _note(self._home, self._clock(), "interrupted", str(error))
            return self._finish("failed", str(error) or type(error).__name__, began)
        return self._finish("ran", told, began)

    def _finish(self, decision: str, reason: str, began: datetime) -> ScheduleEntry:
        self._change(
            lambda state: replace(
                state, last_run=began, last_decision=f"{decision}: {reason}", started_at=None, attempts=0
            )
        )
        return _note(self._home, self._clock(), decision, reason)

    def _skip(self, reason: str, why: str) -> ScheduleEntry:
        """Log that it waits, once per reason and not at every look."""
        last = (read_json_lines(_models(self._home) / _LOG) or [{}])[-1]
        if last.get("decision") == "skipped" and last.get("why") == why:
            return ScheduleEntry(self._clock(), "skipped", reason)
        self._change(lambda state: replace(state, last_decision=f"skipped: {reason}"))
        return _note(self._home, self._clock(), "skipped", reason, why=why)

    def _change(self, change: Callable[[ScheduleState], ScheduleState]) -> None:
        """Change what is stored by now, so that a schedule set in the meantime is not undone."""
        with _changing(self._home):
            state = read_schedule(self._home)
            if state is not None:
                _write(self._home, change(state))

    def _loop(self) -> None:
        said = ""
        while not self._stopping.wait(self._poll_s):
            try:
                self.tick()
                said = ""
            except Exception as error:
                if str(error) != said:  # the same trouble every minute is told once
                    said = str(error)
                    _logger.warning("the schedule of trainings: %s", error)
                    with contextlib.suppress(Exception):
                        _note(self._home, self._clock(), "failed", said)


def _models(home: Path) -> Path:
    return home / "models"


def _write(home: Path, state: ScheduleState) -> None:
    data: dict[str, Any] = {
        "schema": _SCHEMA, "interval": format_interval(state.interval), "min_feedback": state.min_feedback,
        "set_at": state.set_at.isoformat(), "last_run": state.last_run.isoformat() if state.last_run else None,
        "last_decision": state.last_decision,
        "started_at": state.started_at.isoformat() if state.started_at else None, "attempts": state.attempts,
    }  # fmt: skip
    write_text(_models(home) / _STATE, json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def _note(home: Path, now: datetime, decision: str, reason: str, **more: str) -> ScheduleEntry:
    append_json(_models(home) / _LOG, {"time": now.isoformat(), "decision": decision, "reason": reason, **more})
    return ScheduleEntry(now, decision, reason)


@contextlib.contextmanager
def _changing(home: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        _models(home).mkdir(parents=True, exist_ok=True)
        with FileLock(str(_models(home) / "schedule.json.lock"), timeout=_PATIENCE_S):
            yield
    except Timeout as error:
        raise TrainingError(
            f"Another process has been changing the schedule for {_PATIENCE_S} seconds; try again"
        ) from error
    except OSError as error:
        raise TrainingError(
            f"The schedule cannot be written to {_models(home)}: {error.strerror or error}; check the disk and its "
            f"permissions"
        ) from error


def _when(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def _clock_words(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _damaged(path: Path, what: str) -> TrainingError:
    return TrainingError(f"{path} is damaged ({what}); set it again with `copilot finetune schedule --every 7d`")
