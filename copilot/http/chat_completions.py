"""`/v1/models` and `/v1/chat/completions`: the copilot as a model for clients of OpenAI's API."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from copilot.cite import answer_to_json
from copilot.http.common import CurrentUser, TheService, error_to_json, events, first_of, last_of
from copilot.http.questions import citation_to_json
from copilot.service.errors import ServiceError
from copilot.types import Answer, Piece, Question

router = APIRouter(prefix="/v1", tags=["chat completions"])
MODEL = "factory-copilot"


class Message(BaseModel):
    """One message; of content parts only the texts count."""

    role: str
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """What it says."""
        if isinstance(self.content, list):
            return " ".join(str(part.get("text", "")) for part in self.content if part.get("type") == "text")
        return self.content or ""


class ChatBody(BaseModel):
    """As OpenAI's; what steers sampling is taken and means nothing here. `machine` is our own."""

    messages: list[Message]
    model: str = MODEL
    stream: bool = False
    machine: str | None = None


@router.get("/models")
def models(user: CurrentUser) -> dict[str, Any]:
    """The one model there is."""
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "plant"}]}


@router.post("/chat/completions")
async def complete(body: ChatBody, service: TheService, user: CurrentUser) -> Response:
    """Answer the last user message; those before it are the conversation it may go on from.

    The answer stands in `choices[0].message.content`, its citations and the whole answer in `citations` and `copilot`.
    """
    asked = [message.text for message in body.messages if message.role == "user"]
    if not asked or body.messages[-1].role != "user":
        raise ServiceError("the last of the messages must be of the user")
    machine = body.machine or None
    earlier = await run_in_threadpool(service.turns_of, asked[:-1], user, machine)
    first, rest = await first_of(service.ask(Question(asked[-1], machine, earlier=earlier), user))
    about = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": MODEL}
    if body.stream:
        chunks = _Chunks(about)
        return StreamingResponse(
            events(first, rest, chunks.shown, lambda error: _data(error_to_json(error)), "data: [DONE]\n\n"),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
    answer = await last_of(first, rest)
    assert isinstance(answer, Answer)
    message = {"role": "assistant", "content": _warned(answer) + answer.text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return JSONResponse({**about, "object": "chat.completion", "choices": [choice], "usage": usage, **_extra(answer)})


class _Chunks:
    """Pieces as chunks of OpenAI's stream. Warnings are known last and come as a text of their own, behind."""

    def __init__(self, about: dict[str, Any]) -> None:
        self._about = {**about, "object": "chat.completion.chunk"}
        self._begun = False

    def shown(self, item: Piece | Answer) -> str:
        """One item as events."""
        if isinstance(item, Piece):
            delta = {"content": item.text} if self._begun else {"role": "assistant", "content": item.text}
            self._begun = True
            return self._chunk(delta, None)
        warned = _warned(item).strip()
        return (self._chunk({"content": f"\n\n{warned}"}, None) if warned else "") + self._chunk(
            {}, "stop", _extra(item)
        )

    def _chunk(self, delta: dict[str, Any], reason: str | None, extra: dict[str, Any] | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _data({**self._about, "choices": [choice], **(extra or {})})


def _data(value: Any) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _warned(answer: Answer) -> str:
    return "".join(f"⚠ {' '.join(warning.text.split())}\n\n" for warning in answer.warnings)


def _extra(answer: Answer) -> dict[str, Any]:
    return {"citations": [citation_to_json(one) for one in answer.citations], "copilot": answer_to_json(answer)}
