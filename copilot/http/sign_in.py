"""Signing in and out in a browser: a plain form, in the browser's language."""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from copilot.http.guard import session_cookie, session_of
from copilot.service.errors import LimitError
from copilot.users import SignInError, Users

router = APIRouter(include_in_schema=False)
_WORDS = {
    "en": {"title": "Sign in", "name": "Name", "password": "Password", "wrong": "The name or the password is wrong.",
           "wait": "Too many wrong tries. Try again in {seconds} s."},
    "zh": {"title": "登录", "name": "用户名", "password": "密码", "wrong": "用户名或密码错误。", "wait": "尝试次数过多，请在 {seconds} 秒后重试。"},
}  # fmt: skip


@router.get("/login")
def form(request: Request) -> Response:
    """The form."""
    return _page(request)


@router.post("/login")
def sign_in(request: Request, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = "") -> Response:
    """Begin a session and go to the page."""
    users: Users = request.app.state.users
    address = request.client.host if request.client else ""
    try:
        secret = users.sign_in(name, password, address)
    except SignInError:
        return _page(request, _words(request)["wrong"], 401, name)
    except LimitError as error:
        seconds = round(error.retry_after_s or 1) or 1
        refused = _page(request, _words(request)["wait"].format(seconds=seconds), 429, name)
        refused.headers["Retry-After"] = str(seconds)
        return refused
    request.app.state.service.audit.record("sign_in", name, None, address)
    answer = RedirectResponse("/", 303)
    answer.headers["set-cookie"] = session_cookie(secret, request.url.scheme == "https")
    return answer


@router.post("/logout")
def sign_out(request: Request) -> Response:
    """End the session."""
    users: Users = request.app.state.users
    if secret := session_of(request.headers.get("cookie", "")):
        users.sign_out(secret)
    answer = RedirectResponse("/login", 303)
    answer.headers["set-cookie"] = session_cookie("", request.url.scheme == "https")
    return answer


def _language(request: Request) -> str:
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def _words(request: Request) -> dict[str, str]:
    return _WORDS[_language(request)]


def _page(request: Request, said: str = "", status: int = 200, name: str = "") -> HTMLResponse:
    words = _words(request)
    complaint = f"<p role=alert>{escape(said)}</p>" if said else ""
    return HTMLResponse(
        f"<!doctype html><html lang={_language(request)}><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Factory copilot</title><style>body{{font:18px/1.5 system-ui,sans-serif;max-width:22rem;margin:12vh auto;"
        "padding:0 1rem;color-scheme:light dark}input,button{font:inherit;width:100%;box-sizing:border-box;padding:.7rem;"
        "margin:.3rem 0 1rem;border-radius:.5rem;border:1px solid #888}button{background:#1f5eff;color:#fff;border:0;"
        "min-height:3.2rem}[role=alert]{color:#c62828}</style>"
        f"<h1>{words['title']}</h1>{complaint}<form method=post action=/login>"
        f"<label>{words['name']}<input name=name value='{escape(name, quote=True)}' autocomplete=username required autofocus></label>"
        f"<label>{words['password']}<input name=password type=password autocomplete=current-password required></label>"
        f"<button>{words['title']}</button></form>",
        status,
        {"Cache-Control": "no-store"},
    )
