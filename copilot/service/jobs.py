"""Long work beside the chat: what a job is and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
    units of it. `files` says of each file of an upload: waiting, done, unchanged, or why it was left out. `result` is what
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
    result: Mapping[str, object] | None = None
    error: str = ""
    finished_at: str | None = None
