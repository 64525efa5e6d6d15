"""What every request passes: names this server goes by, where a browser's request comes from, who asks, and sizes.

One ASGI middleware around everything, the browser page included. Signed-in browsers carry a cookie (HttpOnly,
SameSite=Strict), other programs a bearer token. A request that changes something and comes from a page of another
origin is refused (OWASP's check of Origin, Host and Sec-Fetch-Site); programs that are no browsers send neither. Names are checked because a foreign name that resolves to this machine (DNS rebinding) would give a
foreign page the same origin.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from copilot.http.headers import SECURITY_HEADERS
from copilot.service.access import LOCAL, User
from copilot.users import SESSION_HOURS, Users

COOKIE = "copilot_session"
PUBLIC = frozenset({"/login", "/logout", "/api/health", "/api/ready", "/favicon.ico"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_SMALL = 1 << 20  # bytes: the most of a body that is no upload
_UPLOADS = ("/api/documents", "/gradio_api/upload")


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


class Guard:
    """The middleware. `scope["state"]["user"]` is the User for everything behind it."""

    def __init__(self, app: ASGIApp, users: Users, host: str, names: Sequence[str], upload_bytes: int) -> None:
        """`host` is the address listened on, `names` further ones by which browsers may call the server."""
        self._app = app
        self._users = users
        self._loopback = is_loopback(host)
        self._names = frozenset(name.strip().casefold() for name in names if name.strip())
        self._upload_bytes = upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is None:
            user = self._user(scope, headers)
            if user is None and scope["path"] not in PUBLIC:
                refusal = _sign_in(scope, headers)
            elif user is not None:
                scope.setdefault("state", {})["user"] = user
        if refusal is not None:
            await _answer(scope, receive, send, *refusal)
            return
        limit = self._upload_bytes if scope["path"].startswith(_UPLOADS) else _SMALL
        if int(headers.get("content-length") or 0) > limit:
            await _answer(scope, receive, send, 413, _too_large(limit))
            return
        await self._app(scope, _limited(receive, limit), _with_headers(send))

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        name = (urlsplit(f"//{host}").hostname or "") if host else ""
        if name.casefold() not in self._names and (self._names or self._loopback) and not is_loopback(name):
            return 421, f"this server does not go by the name {name!r}; list it in [server] hosts"
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            return 400, "the length of the body is no number"
        if scope.get("method", "GET") in _SAFE and scope["type"] == "http":
            return None
        origin = headers.get("origin")
        foreign = urlsplit(origin).netloc.casefold() != host.casefold() if origin is not None else False
        if foreign or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "the request comes from a page of another origin"
        return None

    def _user(self, scope: Scope, headers: dict[str, str]) -> User | None:
        client = scope.get("client")
        address = client[0] if client else ""
        given = headers.get("authorization", "")
        if given.lower().startswith("bearer "):
            if (user := self._users.of_token(given[7:].strip(), address)) is not None:
                return user
            # Clients of OpenAI's API always send some key; without users there is nothing it could name.
        elif (user := self._users.of_session(session_of(headers.get("cookie", "")), address)) is not None:
            return user
        if self._loopback and not self._users.any():
            return User(LOCAL.name, LOCAL.role, address)
        return None


def session_of(cookies: str) -> str:
    """The session's secret in a Cookie header, or ""."""
    try:
        morsel = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""


def session_cookie(secret: str, secure: bool) -> str:
    """The Set-Cookie header that begins a session, or with "" ends it."""
    age = SESSION_HOURS * 3600 if secret else 0
    end = "; Secure" if secure else ""
    return f"{COOKIE}={secret}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{end}"


def _sign_in(scope: Scope, headers: dict[str, str]) -> tuple[int, str]:
    wants_page = scope.get("method") == "GET" and "text/html" in headers.get("accept", "")
    return (303, "/login") if wants_page else (401, "sign in, or send a token: Authorization: Bearer TOKEN")


async def _answer(scope: Scope, receive: Receive, send: Send, status: int, said: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [*SECURITY_HEADERS]
    if status == 303:
        headers += [(b"location", said.encode())]
        body = b""
    else:
        headers += [(b"content-type", b"application/json")]
        body = json.dumps({"error": {"type": "RequestError", "message": said}}).encode()
    if status == 401:
        headers += [(b"www-authenticate", b"Bearer")]
    headers += [(b"content-length", str(len(body)).encode())]
    if status == 413:
        headers += [(b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _too_large(limit: int) -> str:
    return f"the body is larger than {limit >> 20} MB"


def _limited(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413, _too_large(limit))  # of a length that was not told
        return message

    return counted


def _with_headers(send: Send) -> Send:
    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            had: list[Any] = list(message.get("headers", []))
            names = {name.lower() for name, _ in had}
            message = {**message, "headers": [*had, *(pair for pair in SECURITY_HEADERS if pair[0] not in names)]}
        await send(message)

    return adding
