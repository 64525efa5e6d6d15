"""When the server ends, streams that only wait for news (a page keeps one open) end at once, as if their readers had left.

Without this, a server that is stopped waits for every open page, and then cuts the streams off with a line of error each.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Ending:
    """The middleware. Whoever stops the server sets `begun` in its loop once all answers were given."""

    def __init__(self, app: ASGIApp, begun: asyncio.Event) -> None:
        self._app = app
        self._begun = begun

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        whole = False

        async def receiving() -> Message:
            # A request is read undisturbed. Whoever goes on asking waits for its reader to leave.
            nonlocal whole
            if whole:
                return await self._leaving(receive)
            message = await receive()
            whole = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        await self._app(scope, receiving, send)

    async def _leaving(self, receive: Receive) -> Message:
        if self._begun.is_set():
            return {"type": "http.disconnect"}
        coming: asyncio.Future[Any] = asyncio.ensure_future(receive())  # type: ignore[arg-type]
        ending = asyncio.ensure_future(self._begun.wait())
        try:
            await asyncio.wait((coming, ending), return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else {"type": "http.disconnect"}
        finally:
            coming.cancel()
            ending.cancel()
