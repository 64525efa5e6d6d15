"""`/api/feedback`, `/api/gaps` and `/api/conversations`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from copilot.http.common import CurrentUser, TheService

router = APIRouter(prefix="/api", tags=["feedback"])


class FeedbackBody(BaseModel):
    """What a user says of an answer they got; `answer_id` is the header X-Answer-Id of /api/ask."""

    model_config = ConfigDict(extra="forbid")

    answer_id: str
    verdict: str
    corrected_route: str | None = None
    comment: str = Field("", max_length=10_000)


class DecisionBody(BaseModel):
    """A reviewer's decision: accept, correct (with a route) or drop."""

    model_config = ConfigDict(extra="forbid")

    decision: str
    route: str | None = None


class GapBody(BaseModel):
    """An answer that the documents lack."""

    model_config = ConfigDict(extra="forbid")

    answer_id: str
    comment: str = Field("", max_length=10_000)


@router.post("/feedback", status_code=201)
def give(body: FeedbackBody, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """Say whether an answer was right, or which route would have been."""
    return {"id": service.feedback(body.answer_id, body.verdict, user, body.corrected_route, body.comment)}


@router.get("/feedback")
def queue(service: TheService, user: CurrentUser) -> dict[str, Any]:
    """What waits for a reviewer, least certain first; names and numbers are masked. For engineers."""
    from copilot.commands.feedback import entry_to_json

    pending = service.feedback_queue(user)
    return {
        "pending": [{**entry_to_json(stored, None), "contradicted": other} for stored, other in pending],
        "routes": list(service.routes()),
    }


@router.post("/feedback/{entry}/review")
def decide(entry: str, body: DecisionBody, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """Decide on an entry. For engineers. 409 when somebody decided on it before."""
    from copilot.commands.feedback import review_to_json

    return review_to_json(service.feedback_decide(entry, body.decision, user, body.route))


@router.post("/gaps", status_code=201)
def report_gap(body: GapBody, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """Say that the documents should have had an answer."""
    service.report_gap(body.answer_id, user, body.comment)
    return {"noted": True}


@router.get("/gaps")
def read_gaps(service: TheService, user: CurrentUser) -> dict[str, Any]:
    """What was asked in vain, as `copilot eval gaps --json`. For engineers."""
    from copilot.gaps import cluster_to_json

    return {"gaps": [cluster_to_json(cluster) for cluster in service.gap_clusters(user)]}


@router.get("/conversations")
def conversations(service: TheService, user: CurrentUser, search: Annotated[str, Query()] = "") -> dict[str, Any]:
    """The user's own conversations, the last one first."""
    return {"conversations": [asdict(one) for one in service.history(user, search)]}


@router.get("/conversations/export")
def export(service: TheService, user: CurrentUser) -> Response:
    """The user's own questions and answers as CSV."""
    disposition = {"Content-Disposition": 'attachment; filename="conversations.csv"'}
    return Response(service.export_history(user), media_type="text/csv; charset=utf-8", headers=disposition)


@router.get("/conversations/{conversation}")
def conversation(conversation: str, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """One of the user's own conversations."""
    found = service.conversation(conversation, user)
    return {"answers": [{"answer_id": one.answer_id, "asked_at": one.asked_at, **one.answer} for one in found]}


@router.delete("/conversations/{conversation}")
def forget(conversation: str, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """Delete one of the user's own conversations."""
    return {"deleted": service.delete_history(user, conversation)}
