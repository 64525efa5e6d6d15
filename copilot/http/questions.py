"""`/api/ask` and `/api/search`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from copilot.cite import answer_to_json, cited_to_json
from copilot.http.common import CurrentUser, TheService, error_to_json, event, events, first_of, last_of
from copilot.types import Answer, Citation, Piece, Question

router = APIRouter(prefix="/api", tags=["questions"])


class AskBody(BaseModel):
    """A question. `machine` keeps to one machine; with `conversation` the question may go on from those before it."""

    model_config = ConfigDict(extra="forbid")

    question: str
    machine: str | None = None
    id: str | int | None = None
    conversation: str | None = Field(None, max_length=64, pattern=r"^[\w-]+$")
    stream: bool = False


class SearchBody(BaseModel):
    """A search for passages."""

    model_config = ConfigDict(extra="forbid")

    question: str
    k: int = 10
    machine: str | None = None


@router.post("/ask")
async def ask(body: AskBody, request: Request, service: TheService, user: CurrentUser) -> Response:
    """Answer a question, as `copilot ask --json`; the header X-Answer-Id is what /api/feedback takes.

    With "stream": true, or `Accept: text/event-stream`, server-sent events: `piece` {"text", "citations"} as the text is
    made, at the end `answer` with the whole, or `error`.
    """
    question = Question(body.question, body.machine or None, None if body.id is None else str(body.id))
    first, rest = await first_of(service.ask(question, user, body.conversation))
    if body.stream or "text/event-stream" in request.headers.get("accept", ""):
        return StreamingResponse(
            events(first, rest, _event, lambda error: event("error", error_to_json(error)["error"])),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
    answer = await last_of(first, rest)
    assert isinstance(answer, Answer)
    shown = answer_to_json(answer) | ({} if body.id is None else {"id": body.id})
    return JSONResponse(shown, headers={"X-Answer-Id": answer.id, "Cache-Control": "no-store"})


@router.post("/search")
async def search(body: SearchBody, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """Find passages, codes first, as `copilot search --json`."""
    from copilot.commands.search import hits_to_json

    hits = await run_in_threadpool(service.search, body.question, user, body.k, body.machine)
    return hits_to_json(body.question, hits)


def citation_to_json(citation: Citation) -> dict[str, Any]:
    """A citation as in an answer, with the chunk that it quotes."""
    return {**cited_to_json(citation), "chunk": citation.chunk_id}


def _event(item: Piece | Answer) -> str:
    if isinstance(item, Piece):
        return event("piece", {"text": item.text, "citations": [citation_to_json(one) for one in item.citations]})
    return event("answer", {**answer_to_json(item), "answer_id": item.id})
