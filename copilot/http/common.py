"""What the routes share: who asks, the service, errors as JSON, and streams of events."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from copilot.errors import CopilotError
from copilot.service import Service
from copilot.service.access import User
from copilot.service.errors import ServiceError
from finetune.errors import FinetuneError
from indexer.errors import BusyError, IndexerError, NoIndexError

_logger = logging.getLogger("copilot.http")
_T = TypeVar("_T")
_END: Any = object()


def _user(request: Request) -> User:
    user: User = request.state.user
    return user


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


CurrentUser = Annotated[User, Depends(_user)]
TheService = Annotated[Service, Depends(_service)]


def error_status(error: Exception) -> int:
    """The HTTP status that belongs to an error of ours."""
    if isinstance(error, ServiceError):
        return error.status
    if isinstance(error, NoIndexError | BusyError):
        return 503
    return 400 if isinstance(error, CopilotError | FinetuneError | IndexerError) else 500


def error_to_json(error: Exception) -> dict[str, Any]:
    """An error as every response gives it; what was not foreseen is logged and not told."""
    status = error_status(error)
    if status == 500:
        _logger.error("unexpected %s", type(error).__name__, exc_info=error)
        return {"error": {"type": "UnexpectedError", "message": "something went wrong here; the log says what"}}
    return {"error": {"type": type(error).__name__, "message": " ".join(str(error).split())}}


def error_response(error: Exception) -> Response:
    """An error as a response."""
    headers = {}
    wait = getattr(error, "retry_after_s", None)
    if wait is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    return JSONResponse(error_to_json(error), error_status(error), headers)


def add_error_handlers(app: FastAPI) -> None:
    """Every error becomes {"error": {"type", "message"}}, one line."""

    def ours(_: Request, error: Exception) -> Response:
        return error_response(error)

    def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        said = f"{where}: {first['msg']}"
        return JSONResponse({"error": {"type": "RequestError", "message": said}}, 422)

    def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        said = {"error": {"type": "RequestError", "message": str(error.detail)}}
        return JSONResponse(said, error.status_code, dict(error.headers or {}))

    for kind in (CopilotError, FinetuneError, IndexerError, Exception):
        app.add_exception_handler(kind, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


async def first_of(items: Iterator[_T]) -> tuple[_T, AsyncIterator[_T]]:
    """The first item, whose errors may still become a status, and the others as they come.

    The iterator is closed when the client goes away, so that its work ends and its place is free.
    """
    try:
        first = await run_in_threadpool(next, items)
    except BaseException:
        await run_in_threadpool(_close, items)
        raise

    async def rest() -> AsyncIterator[_T]:
        try:
            while (item := await run_in_threadpool(next, items, _END)) is not _END:
                yield item
        finally:
            _close(items)

    return first, rest()


async def last_of(first: _T, rest: AsyncIterator[_T]) -> _T:
    """The last item, the others passed by."""
    last = first
    async for item in rest:
        last = item
    return last


async def events(
    first: _T, rest: AsyncIterator[_T], shown: Callable[[_T], str], failed: Callable[[Exception], str], end: str = ""
) -> AsyncIterator[str]:
    """Server-sent events; an error midway is an event as well."""
    try:
        yield shown(first)
        async for item in rest:
            yield shown(item)
        if end:
            yield end
    except Exception as error:
        yield failed(error)
    finally:
        await rest.aclose()  # type: ignore[attr-defined]


def event(name: str, data: Any) -> str:
    """One server-sent event with JSON."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _close(items: Iterator[Any]) -> None:
    close = getattr(items, "close", None)
    if close is not None:
        close()
