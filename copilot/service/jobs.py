"""Long work beside the chat: indexing and training in child processes of the lowest priority, one of each at a time."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from copilot.service.errors import NotFoundError
from finetune.errors import TrainingError
from finetune.timers import thread_limits
from indexer.errors import IndexerError
from indexer.worker import FileState, FileStep

if TYPE_CHECKING:
    from copilot.config import Settings

_KEPT = 200
_GRACE_S = 10.0


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One job, as it stands when asked for.

    `kind` is upload, remove, index or train. `stage` is what is being done ("read", "embed", …), `done` of `total`
    units of it. `files` says of each file of an upload: waiting, done, unchanged, or why it was left out. `steps` say how
    far each file is that is being read, and what became of the last ones (see `FileSteps`). `result` is what
    came of it (as `copilot index --json` or `copilot finetune run --json` prints it), `error` one line when it failed.
    Times are UTC, ISO 8601.
    """

    id: str
    kind: str
    state: JobState
    user: str
    created_at: str
    stage: str = ""
    done: int = 0
    total: int = 0
    files: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[FileStep] = ()
    result: Mapping[str, Any] | None = None
    error: str = ""
    finished_at: str | None = None


class FileSteps:
    """How far the files of a build are: all that are being read, all left out (up to `most`), the last ones read."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self._reading: dict[str, FileStep] = {}
        self._left_out: dict[str, FileStep] = {}
        self._read: OrderedDict[str, FileStep] = OrderedDict()

    def note(self, step: FileStep) -> None:
        """Take in what was told last of a file."""
        self._reading.pop(step.document_id, None)
        if step.state == FileState.READING:
            self._reading[step.document_id] = step
        elif step.state == FileState.LEFT_OUT:
            if len(self._left_out) < self._most:
                self._left_out[step.document_id] = step
        else:
            self._read[step.document_id] = step
            while len(self._read) > self._most:
                self._read.popitem(last=False)

    def shown(self) -> tuple[FileStep, ...]:
        """Being read, left out, read: the last one first."""
        return (*self._reading.values(), *self._left_out.values(), *reversed(self._read.values()))


Update = Callable[..., None]
Work = Callable[[Update], None]


class Jobs:
    """The jobs of one service: each lane does one after the other, in the order they came."""

    def __init__(self, finished: Callable[[Job], None] = lambda job: None) -> None:
        """`finished` is told of every job that ended."""
        self._finished = finished
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lanes: dict[str, queue.Queue[tuple[str, Work] | None]] = {}
        self._threads: list[threading.Thread] = []

    def add(self, kind: str, user: str, work: Work, files: Sequence[str] = ()) -> str:
        """Put a job in line; returns its id. `work` is called with what changes the job's fields."""
        job_id = uuid.uuid4().hex[:12]
        job = Job(job_id, kind, JobState.WAITING, user, _now(), files=dict.fromkeys(files, "waiting"))
        lane = "train" if kind == "train" else "index"
        with self._lock:
            self._jobs[job_id] = job
            ended = [one.id for one in self._jobs.values() if one.finished_at]
            for old in ended[: max(0, len(self._jobs) - _KEPT)]:
                del self._jobs[old]
            if lane not in self._lanes:
                self._lanes[lane] = queue.Queue()
                thread = threading.Thread(
                    target=self._work, args=(self._lanes[lane],), name=f"jobs-{lane}", daemon=True
                )
                self._threads.append(thread)
                thread.start()
            self._lanes[lane].put((job_id, work))
        return job_id

    def find(self, job_id: str) -> Job:
        """The job as it stands. Raises NotFoundError."""
        with self._lock:
            if job_id not in self._jobs:
                raise NotFoundError(f"there is no job {job_id!r}")
            return self._jobs[job_id]

    def all(self) -> list[Job]:
        """The last jobs, newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def stop(self, timeout_s: float = 15.0) -> None:
        """Begin no more jobs and wait for the threads; the work itself is told to end by whoever gave it."""
        with self._lock:
            lanes, threads = list(self._lanes.values()), list(self._threads)
        for lane in lanes:
            with contextlib.suppress(queue.Empty):
                while True:
                    lane.get_nowait()
            lane.put(None)
        for thread in threads:
            thread.join(timeout_s)

    def _work(self, lane: queue.Queue[tuple[str, Work] | None]) -> None:
        while (item := lane.get()) is not None:
            job_id, work = item
            self._change(job_id, state=JobState.RUNNING)
            try:
                work(functools.partial(self._change, job_id))
                self._change(job_id, state=JobState.DONE, finished_at=_now())
            except Exception as error:
                self._change(job_id, state=JobState.FAILED, error=" ".join(str(error).split()), finished_at=_now())
            self._finished(self.find(job_id))

    def _change(self, job_id: str, **fields: Any) -> None:
        with self._lock:
            self._jobs[job_id] = replace(self._jobs[job_id], **fields)


class IndexRunner:
    """Runs `copilot.service.index_child`; `stop` ends it, and the next run goes on where it stopped."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def run(
        self,
        update: Update,
        paths: Sequence[str] = (),
        machine: str | None = None,
        kind: str | None = None,
        rebuild: bool = False,
        remove: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Index as told; returns what `copilot index --json` prints. Raises IndexerError with the child's own words."""
        threads = max(1, (os.cpu_count() or 1) // 2)
        task = {
            "home": str(self._settings.home), "config": str(self._settings.file) if self._settings.file else None,
            "paths": list(paths), "machine": machine, "kind": kind, "rebuild": rebuild, "remove": list(remove), "threads": threads,
        }  # fmt: skip
        apart: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {"creationflags": 0x4000}
        with subprocess.Popen(
            [sys.executable, "-m", "copilot.service.index_child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, encoding="utf-8", env={**os.environ, **thread_limits(threads)}, **apart,
        ) as process:  # fmt: skip
            self._process = process
            if os.name == "posix":
                with contextlib.suppress(OSError):
                    os.setpriority(os.PRIO_PGRP, process.pid, 19)
            if self._stopped:
                self._end()
            assert process.stdin is not None and process.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(task))
                process.stdin.close()
            said: dict[str, Any] = {}
            steps = FileSteps()
            for line in process.stdout:
                with contextlib.suppress(ValueError):
                    said = json.loads(line)
                    if "stage" in said:
                        update(**said)
                    elif "file" in said:
                        steps.note(FileStep(**said["file"]))
                        update(steps=steps.shown())
        self._process = None
        if "result" in said:
            result: dict[str, Any] = said["result"]
            return result
        raise IndexerError(
            said.get("error") or f"indexing ended with exit code {process.returncode}; it goes on with the next run"
        )

    def stop(self) -> None:
        """End a run under way, and any later one."""
        self._stopped = True
        self._end()

    def _end(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        else:
            process.terminate()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            if os.name == "posix":
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()


def training_command(settings: Settings, task: str) -> list[str]:
    """The command line that trains a task on what there is."""
    config = ["--config", str(settings.file)] if settings.file else []
    words = [sys.executable, "-m", "copilot.cli", "finetune", "run", "--task", task, "--json"]
    return [*words, "--home", str(settings.home.absolute()), *config]


def run_training(settings: Settings, task: str, training: Callable[[], str]) -> dict[str, Any]:
    """Train now; returns what `copilot finetune run --json` prints. Raises TrainingError."""
    said = training()
    try:
        found: dict[str, Any] = json.loads(
            (settings.home / "models" / "training.out").read_text("utf-8").splitlines()[-1]
        )
    except (OSError, ValueError, IndexError) as error:
        raise TrainingError(f"the training of {task} said {said!r}, which is no outcome; look at its log") from error
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
