"""`copilot serve`: the chat in a browser and the HTTP API, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from copilot import assemble, terminal
from copilot.commands.common import DONE
from copilot.config import Settings
from copilot.errors import CopilotError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from copilot.service import Service

PAGE = "ui.app:mount_page"
"""What adds the browser page to the application: a function of (app, service) that returns the application. It is
named and not imported, because this package does not know the one above it."""
_LAST_ANSWERS_S = 30.0
_LAST_WORDS_S = 0.5  # in which an answer that is whole reaches its page, where it goes through a queue
_LAST_REQUESTS_S = 5  # for other requests under way: uploads, lists, pictures of pages


class ServeError(CopilotError):
    """The server cannot be started as asked for."""


def serve(settings: Settings, host: str | None, port: int | None, page: bool = True) -> int:
    """Serve until interrupted; answers under way are finished."""
    server = replace(
        settings.server, host=host or settings.server.host, port=settings.server.port if port is None else port
    )
    settings = replace(settings, server=server)
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_OFFLINE="1", DO_NOT_TRACK="1")
    service = assemble.make_service(settings)
    with contextlib.closing(listen(settings, service)) as listening:
        loading = threading.Thread(target=_load_page, daemon=True) if page else None
        if loading is not None:
            loading.start()  # takes seconds, as does what follows
        _greet(settings, service, listening)
        run(service, listening, _page_of(service, loading))
    return DONE


def listen(settings: Settings, service: Service) -> socket.socket:
    """The socket, bound before anything slow begins. Raises ServeError when that cannot or must not be."""
    from copilot.http.guard import is_loopback

    server = settings.server
    if not is_loopback(server.host) and not service.users.any():
        raise ServeError(
            f"there are no users yet, and {server.host} can be reached by others; add one with "
            "`copilot users add NAME --role admin`, or serve on 127.0.0.1"
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ServeError(f"{server.host!r} is no address of this machine ({error.strerror}); check --host") from error
    listening = socket.socket(family, kind, protocol)
    if os.name == "posix":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(512)
    except OSError as error:
        listening.close()
        taken = f"port {server.port} of {server.host} is taken"
        said = (
            taken
            if error.errno in (98, 48, 10048)
            else f"cannot listen on {server.host} port {server.port} ({error.strerror})"
        )
        raise ServeError(f"{said}; give another with --port, or 0 for any") from error
    return listening


def run(service: Service, listening: socket.socket, mount_page: Callable[[FastAPI], Any] | None) -> None:
    """Serve on a socket until SIGINT or SIGTERM."""
    import uvicorn

    from copilot.http.app import make_app

    app = make_app(service, mount_page)

    class Server(uvicorn.Server):
        """Finishes the answers, then ends the streams that pages keep open: those would never end by themselves."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            answering = service.admission.running + service.admission.waiting
            await asyncio.to_thread(service.admission.close, _LAST_ANSWERS_S)
            if answering:
                await asyncio.sleep(_LAST_WORDS_S)
            app.state.ending.set()
            await super().shutdown(sockets)

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=_LAST_REQUESTS_S,
        timeout_keep_alive=30, h11_max_incomplete_event_size=64 * 1024, lifespan="on",
    )  # fmt: skip
    server = Server(config)
    # uvicorn raises the signal that ended it once more, when all is done; being stopped is no failure.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listening])
    finally:
        signal.signal(signal.SIGTERM, before)
    terminal.note("Stopped.")


def _greet(settings: Settings, service: Service, listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    terminal.write(f"Factory copilot: http://{shown}:{port}/ (API at /docs; Ctrl-C ends it)")
    sys.stdout.flush()
    if not service.users.any():
        terminal.note("Sign-in is off: whoever uses this machine may do everything. `copilot users add` turns it on.")
    if assemble.make_home(settings).current_version() is None:
        terminal.note("Nothing is indexed yet; add documents in the library, or with `copilot index`.")


def _load_page() -> Any:
    """The function that PAGE names, or None where there is no such package."""
    module, _, name = PAGE.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        return None


def _page_of(service: Service, loading: threading.Thread | None) -> Callable[[FastAPI], Any] | None:
    if loading is None:
        return None
    loading.join()
    mount = _load_page()
    return None if mount is None else lambda app: mount(app, service)
