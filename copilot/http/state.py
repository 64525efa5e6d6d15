"""`/api/health`, `/api/ready`, `/metrics` and the description of the API."""

from __future__ import annotations

from dataclasses import asdict
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response

from copilot.http.common import CurrentUser, TheService
from copilot.service.access import Role

router = APIRouter(tags=["state"])


@router.get("/api/health")
async def health(request: Request, service: TheService) -> dict[str, Any]:
    """Whether the process works; with what it has to do for those signed in."""
    found = await run_in_threadpool(service.health)
    return found if getattr(request.state, "user", None) is not None else {"status": found["status"]}


@router.get("/api/ready")
async def ready(service: TheService) -> Response:
    """200 when questions are answered at once, else 503."""
    is_ready = service.ready()
    return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)


@router.get("/api/doctor")
def doctor(service: TheService, user: CurrentUser) -> dict[str, Any]:
    """What `copilot doctor` finds. For engineers."""
    return {"checks": [asdict(check) for check in service.doctor(user)]}


@router.get("/metrics")
def metrics(service: TheService, user: CurrentUser) -> Response:
    """Counters for Prometheus. For engineers."""
    user.require(Role.ENGINEER, "metrics")
    return Response(service.metrics.text(), media_type=service.metrics.media_type)


@router.get("/docs", include_in_schema=False)
def docs(request: Request) -> Response:
    """The routes as a plain page; the usual one would fetch its scripts from another host."""
    schema = request.app.openapi()
    rows = "".join(
        f"<tr><td><code>{escape(method.upper())}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation.get('description', operation.get('summary', '')))}</td></tr>"
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    )
    return HTMLResponse(
        "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Factory copilot: API</title>"
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
        "td{vertical-align:top;padding:.4rem .8rem;border-top:1px solid #8886;white-space:pre-line}</style>"
        f"<h1>Factory copilot: API</h1><p>The whole description: <a href='openapi.json'>openapi.json</a></p><table>{rows}</table>"
    )
