"""`/api/versions`, `/api/train` and `/api/schedule`. For engineers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from copilot.http.common import CurrentUser, TheService
from finetune.registry import VersionInfo
from finetune.schedule import ScheduleState, next_due
from finetune.timers import format_interval

router = APIRouter(prefix="/api", tags=["training"])


class TaskBody(BaseModel):
    """A task, the router by default."""

    model_config = ConfigDict(extra="forbid")

    task: str = "router"


class SwitchBody(TaskBody):
    """`seen` is the version that answers as far as the client knows; where another does by now, nothing changes (409)."""

    seen: str | None = None


class VersionBody(SwitchBody):
    """A version of a task."""

    version: str


class ScheduleBody(BaseModel):
    """How often to train ("7d", "12h"), and from how much new feedback on; null ends it."""

    model_config = ConfigDict(extra="forbid")

    every: str | None
    min_feedback: int = Field(50, ge=0)


@router.get("/versions")
def versions(service: TheService, user: CurrentUser, task: str | None = None) -> dict[str, Any]:
    """The model versions, oldest first, with what was measured of them."""
    return {"versions": [version_to_json(info) for info in service.versions(user, task)]}


@router.post("/versions/promote")
def promote(body: VersionBody, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """Let a version answer."""
    service.promote(body.task, body.version, user, body.seen)
    return {"task": body.task, "version": body.version}


@router.post("/versions/rollback")
def rollback(body: SwitchBody, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """Let the version answer that did before."""
    return {"task": body.task, "version": service.rollback(body.task, user, body.seen)}


@router.post("/train", status_code=202)
def train(body: TaskBody, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """Train on the feedback now, at the lowest priority; /api/jobs/JOB says how far it is."""
    return {"job": service.train(user, body.task)}


@router.get("/drift")
def drift(service: TheService, user: CurrentUser, task: str = "router") -> dict[str, Any]:
    """How the last questions differ from those that the version learnt from."""
    report = service.drift(user, task)
    return {"level": report.level, "lines": list(report.lines)}


@router.get("/schedule")
def schedule(service: TheService, user: CurrentUser) -> dict[str, Any]:
    """The schedule of trainings."""
    return schedule_to_json(service.schedule(user))


@router.put("/schedule")
def set_schedule(body: ScheduleBody, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """Set or end it."""
    return schedule_to_json(service.set_schedule(user, body.every, body.min_feedback))


def version_to_json(info: VersionInfo) -> dict[str, Any]:
    """A version in plain values."""
    return {
        "task": info.task, "version": info.version, "created_at": info.created_at.isoformat(), "current": info.current,
        "state": info.state, "reason": info.reason, "method": info.card.get("method"), "examples": info.card.get("examples"),
        "metrics": info.card.get("metrics", {}),
    }  # fmt: skip


def schedule_to_json(state: ScheduleState | None) -> dict[str, Any]:
    """A schedule in plain values; {"every": null} for none."""
    if state is None:
        return {"every": None}
    return {
        "every": format_interval(state.interval),
        "min_feedback": state.min_feedback,
        "next": next_due(state).isoformat(),
        "last_run": state.last_run.isoformat() if state.last_run else None,
        "last_decision": state.last_decision,
    }
