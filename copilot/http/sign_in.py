"""Signing in and out in a browser: a plain form, in the browser's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from copilot.http.guard import session_cookie, session_of
from copilot.service.errors import LimitError
from copilot.users import SignInError, Users

router = APIRouter(include_in_schema=False)
FormTexts = Callable[[Mapping[str, str], str], Mapping[str, str]]
"""Cookies and Accept-Language of a browser -> the texts of the form, as in `ENGLISH`. The page, which knows languages, gives
one (`app.state.sign_in_texts`); without a page the form is English."""
ENGLISH: Mapping[str, str] = {
    "language": "en", "product": "Factory copilot", "title": "Sign in", "name": "Name", "password": "Password",
    "wrong": "The name or the password is wrong.", "wait": "Too many wrong tries. Try again in {seconds} s.", "ended": "You were signed out. Sign in again.",
}  # fmt: skip


def english_form(cookies: Mapping[str, str], accept_language: str) -> Mapping[str, str]:
    """The texts of the form where no page gives others."""
    return ENGLISH


@router.get("/login")
def form(request: Request) -> Response:
    """The form; with `ended`, for a page whose session was over."""
    return _page(request, _texts(request)["ended"] if "ended" in request.query_params else "")


@router.post("/login")
def sign_in(request: Request, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = "") -> Response:
    """Begin a session and go to the page."""
    users: Users = request.app.state.users
    address = request.client.host if request.client else ""
    try:
        secret = users.sign_in(name, password, address)
    except SignInError:
        return _page(request, _texts(request)["wrong"], 401, name)
    except LimitError as error:
        seconds = round(error.retry_after_s or 1) or 1
        refused = _page(request, _texts(request)["wait"].format(seconds=seconds), 429, name)
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


def _texts(request: Request) -> Mapping[str, str]:
    texts: FormTexts = getattr(request.app.state, "sign_in_texts", english_form)
    return texts(request.cookies, request.headers.get("accept-language", ""))


def _page(request: Request, said: str = "", status: int = 200, name: str = "") -> HTMLResponse:
    words = {key: escape(text, quote=True) for key, text in _texts(request).items()}
    complaint = f"<p role=alert>{escape(said)}</p>" if said else ""
    return HTMLResponse(
        f"<!doctype html><html lang={words['language']}><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{words['title']} · {words['product']}</title><style>body{{font:18px/1.5 system-ui,sans-serif;max-width:22rem;"
        "margin:12vh auto;padding:0 1rem;color-scheme:light dark}input,button{font:inherit;width:100%;box-sizing:border-box;padding:.7rem;"
        "margin:.3rem 0 1rem;border-radius:.5rem;border:1px solid #888}button{background:#1f5eff;color:#fff;border:0;"
        "min-height:3.2rem}[role=alert]{color:#c62828}@media(prefers-color-scheme:dark){[role=alert]{color:#ff8a8f}}</style>"
        f"<h1>{words['product']}</h1><h2>{words['title']}</h2>{complaint}<form method=post action=/login>"
        f"<label>{words['name']}<input name=name value='{escape(name, quote=True)}' autocomplete=username required autofocus></label>"
        f"<label>{words['password']}<input name=password type=password autocomplete=current-password required></label>"
        f"<button>{words['title']}</button></form>",
        status,
        {"Cache-Control": "no-store"},
    )
