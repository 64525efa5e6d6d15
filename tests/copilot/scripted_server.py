"""An OpenAI-compatible server that does as a test tells it, request by request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Reply:
    """What one request is answered with, over the handler that holds it."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler

    def begin(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        self._handler.send_response(status)
        for name, value in {"Content-Type": kind, "Connection": "close", **headers}.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()

    def raw(self, text: str) -> None:
        self._handler.wfile.write(text.encode())
        self._handler.wfile.flush()

    def event(self, data: object) -> None:
        self.raw(f"data: {json.dumps(data, ensure_ascii=False)}\n\n")

    def say(self, *pieces: str, finish: str | None = "stop") -> None:
        for piece in pieces:
            self.event(
                {"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": piece}}]}
            )
        if finish:
            self.event(
                {
                    "id": "1",
                    "object": "chat.completion.chunk",
                    "choices": [{"index": 0, "delta": {}, "finish_reason": finish}],
                }
            )
            self.raw("data: [DONE]\n\n")

    def fails(self, status: int, message: str, **headers: str) -> None:
        self.begin(status, "application/json", **headers)
        self.raw(json.dumps({"error": {"message": message}}))


Script = Callable[[Reply], None]


class ScriptedServer:
    """Answers the n-th chat request by the n-th script, the last one again and again; keeps what it was asked."""

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.asked: list[dict] = []
        self.keys: list[str | None] = []
        self.gone = threading.Event()
        """Set when a client hung up while it was written to."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                Reply(self).begin(kind="application/json")
                self.wfile.write(json.dumps({"object": "list", "data": [{"id": "tiny", "object": "model"}]}).encode())

            def do_POST(self) -> None:
                server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                server.keys.append(self.headers["Authorization"])
                script = server.scripts[min(len(server.asked), len(server.scripts)) - 1]
                try:
                    script(Reply(self))
                except (BrokenPipeError, ConnectionResetError):
                    server.gone.set()

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def plays(self, *scripts: Script) -> None:
        self.scripts, self.asked, self.keys = list(scripts), [], []

    def says(self, *pieces: str, finish: str | None = "stop") -> None:
        """Answer every request with this text."""

        def script(reply: Reply) -> None:
            reply.begin()
            reply.say(*pieces, finish=finish)

        self.plays(script)

    @contextmanager
    def running(self) -> Iterator[ScriptedServer]:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()


def endless(reply: Reply) -> None:
    """Words until the client hangs up."""
    reply.begin()
    while True:
        reply.say("word ", finish=None)
        time.sleep(0.01)


def silent(reply: Reply) -> None:
    """Signs of life, and no word, until the client hangs up."""
    reply.begin()
    while True:
        reply.raw(": keep-alive\n\n")
        time.sleep(0.01)
