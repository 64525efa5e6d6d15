"""The HTTP application: the API's routes over a service, the guard around them, and the browser page behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response

from copilot.http import chat_completions, faults, feedback, library, questions, sign_in, state, training
from copilot.http.common import add_error_handlers
from copilot.http.ending import Ending
from copilot.http.guard import Guard
from copilot.service import Service

_THREADS = 128  # of requests that wait for a turn; how many run is the service's to say


def make_app(service: Service, mount_page: Callable[[FastAPI], Any] | None = None) -> FastAPI:
    """The application. `mount_page` adds the browser page at "/", behind the API's routes.

    Starting it starts the service, stopping it stops the service. Under `app.state` stand `service`, `users`, and
    `ending`: an asyncio.Event that ends all streams which only wait, see `copilot.http.ending`.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        from anyio.to_thread import current_default_thread_limiter

        current_default_thread_limiter().total_tokens = _THREADS
        service.start()
        yield
        service.close()

    app = FastAPI(
        title="Factory copilot", docs_url=None, redoc_url=None, openapi_url="/openapi.json", lifespan=lifespan
    )
    app.state.service = service
    app.state.users = service.users
    app.state.ending = asyncio.Event()
    add_error_handlers(app)
    for module in (questions, library, faults, feedback, training, state, chat_completions, sign_in):
        app.include_router(module.router)
    if mount_page is None:
        app.get("/", include_in_schema=False)(_root)
    else:
        app = mount_page(app) or app
    server = service.settings.server
    app.add_middleware(
        Guard, users=service.users, host=server.host, names=server.hosts.split(","), upload_bytes=server.upload_mb << 20
    )
    app.add_middleware(Ending, begun=app.state.ending)
    return app


def _root() -> Response:
    return PlainTextResponse("Factory copilot. The API is described at /docs and /openapi.json.\n")
