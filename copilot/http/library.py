"""`/api/documents` and `/api/jobs`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import BaseModel, ConfigDict
from starlette.responses import FileResponse, JSONResponse, Response

from copilot.http.common import CurrentUser, TheService
from copilot.http.headers import FILE_POLICY
from copilot.service.access import Role

router = APIRouter(prefix="/api", tags=["documents"])
_SHOWN = {".pdf": "application/pdf", ".png": "image/png", ".jpg": "image/jpeg"}


@router.get("/documents")
def documents(service: TheService, user: CurrentUser) -> dict[str, Any]:
    """List the documents and what could not be read of them, as `copilot documents --json`."""
    from copilot.commands.index import record_to_json

    found = service.documents(user)
    shown = [record_to_json(record) for record in found.records]
    if not user.role.includes(Role.ENGINEER):
        for record in shown:
            del record["path"]  # where the plant keeps its files is not for everybody
    return {
        "index_version": found.version,
        "documents": shown,
        "quarantined": [{"document": name, "reason": reason} for name, reason in found.quarantined],
    }


@router.post("/documents", status_code=202)
def upload(
    service: TheService,
    user: CurrentUser,
    files: Annotated[list[UploadFile], File()],
    machine: Annotated[str | None, Form(max_length=200)] = None,
    kind: Annotated[str | None, Form()] = None,
) -> dict[str, Any]:
    """Take files and index them. For engineers. /api/jobs/JOB says how far it is."""
    user.require(Role.ENGINEER, "adding documents")
    job = service.upload([(file.filename or "", file.file) for file in files], user, machine or None, kind or None)
    return {"job": job}


@router.delete("/documents", status_code=202)
def remove(service: TheService, user: CurrentUser, document: Annotated[str, Query()]) -> dict[str, Any]:
    """Take a document out of the index. For engineers."""
    return {"job": service.remove_document(document, user)}


@router.get("/documents/file")
def original(service: TheService, user: CurrentUser, document: Annotated[str, Query()]) -> Response:
    """The original of a document."""
    path = service.document_file(document, user)
    media = _SHOWN.get(path.suffix.lower())
    answer = FileResponse(
        path,
        media_type=media or "application/octet-stream",
        filename=document.rsplit("/", 1)[-1],
        content_disposition_type="inline" if media else "attachment",
    )
    if media != "application/pdf":  # browsers show no PDF in a sandbox
        answer.headers["content-security-policy"] = FILE_POLICY
    return answer


@router.post("/documents/index", status_code=202)
def reindex(service: TheService, user: CurrentUser, rebuild: bool = False) -> dict[str, Any]:
    """Bring the index in line with the files. For engineers."""
    return {"job": service.reindex(user, rebuild)}


class FolderBody(BaseModel):
    """A folder of the machine that the server runs on."""

    model_config = ConfigDict(extra="forbid")

    path: str
    machine: str | None = None
    kind: Literal["manual", "fault_report"] | None = None


@router.post("/documents/folder", status_code=202)
def index_folder(body: FolderBody, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """Take a folder of the server into the index, and keep to it. For admins."""
    return {"job": service.index_folder(Path(body.path), user, body.machine or None, body.kind)}


@router.get("/documents/watched")
def watched(service: TheService, user: CurrentUser) -> dict[str, Any]:
    """The folders of the server whose changes are followed. For engineers."""
    folders = [{**asdict(one), "reachable": one.reachable} for one in service.watched(user)]
    return {"folders": folders, "all": service.settings.server.watch}


@router.post("/documents/watched", status_code=202)
def watch(body: FolderBody, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """Take a folder of the server into the index and follow its changes. For admins. 409 when it is watched already."""
    return {"job": service.watch_folder(Path(body.path), user, body.machine or None, body.kind)}


@router.delete("/documents/watched")
def unwatch(service: TheService, user: CurrentUser, path: Annotated[str, Query()]) -> dict[str, Any]:
    """Follow a folder's changes no more; its documents stay. For engineers."""
    service.unwatch_folder(path, user)
    return {"path": path}


@router.get("/machines")
def machines(service: TheService, user: CurrentUser) -> dict[str, Any]:
    """The machines there are documents or fault reports of."""
    return {"machines": service.machines(user)}


@router.get("/chunks/{chunk_id}")
def chunk(chunk_id: str, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """The passage that a citation names, whole."""
    found = service.chunk(chunk_id, user)
    return {
        "chunk": found.id,
        "document": found.source.document_id,
        "pages": list(found.pages),
        "heading": list(found.heading),
        "kind": found.kind.value,
        "text": found.text,
        "section": found.section,
    }


@router.get("/jobs")
def jobs(service: TheService, user: CurrentUser) -> dict[str, Any]:
    """The last jobs, newest first. For engineers."""
    return {"jobs": [asdict(job) for job in service.jobs(user)]}


@router.get("/jobs/{job_id}")
def job(job_id: str, service: TheService, user: CurrentUser) -> Response:
    """How far a job is. For engineers."""
    return JSONResponse(asdict(service.job(job_id, user)))
