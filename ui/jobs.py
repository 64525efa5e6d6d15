"""Long work as HTML: what is being done, how far it is, and what became of each file. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ui.words import Words

if TYPE_CHECKING:
    from copilot.service.jobs import Job
    from indexer.worker import FileStep

_SHOWN = 4
_FILES = 200


def jobs_html(jobs: Sequence[Job], words: Words, kinds: Sequence[str] = ("upload", "remove", "index", "train")) -> str:
    """The last jobs of these kinds, newest first; "" without any."""
    shown = [job for job in jobs if job.kind in kinds][:_SHOWN]
    if not shown:
        return ""
    return f'<ul class="fc-jobs">{"".join(_job(job, words) for job in shown)}</ul>'


def under_way(jobs: Sequence[Job]) -> bool:
    """Whether any of them has not ended."""
    return any(job.finished_at is None for job in jobs)


def _job(job: Job, words: Words) -> str:
    state = job.state.value
    share = 100 if state == "done" else round(100 * job.done / job.total) if job.total else 0
    stage = ""
    if state == "running" and job.stage:
        count = f" {job.done}/{job.total}" if job.total else ""
        stage = f" · {escape(words.text('library', f'stage_{job.stage}', job.stage))}{count}"
    error = f'<p class="fc-error">{escape(words.said(job.error))}</p>' if job.error else ""
    rows = "".join(_file(*row) for row in _files(job, words)[:_FILES])
    files = f'<ul class="fc-files">{rows}</ul>' if rows else ""
    kind, said = words.text("library", f"job_{job.kind}", job.kind), words.text("library", f"state_{state}", state)
    return (
        f'<li class="fc-job fc-{escape(state)}"><p><b>{escape(kind)}</b> · {escape(said)}{stage}</p>'
        f'<progress max="100" value="{share}">{share} %</progress>{error}{files}</li>'
    )


Row = tuple[str, str, str]
"""A file's name, its state ("reading", "read", "left_out", "waiting" ...) and that in words."""


def _files(job: Job, words: Words) -> list[Row]:
    """The files of a job: those of an upload by the names they came with, then all others that were read."""
    steps = {step.document_id: step for step in job.steps}
    rows: list[Row] = []
    for name, said in job.files.items():
        known = next((one for one in steps if one == name or one.endswith(f"/{name}")), None)
        step = steps.pop(known) if known is not None else None
        if said == "waiting" and step is not None:
            rows.append(_step(step, words))
        elif said.isalpha():
            pages = (
                f" · {words.count('library.pages', step.pages, pages=step.pages)}" if step and step.pages > 1 else ""
            )
            rows.append((name, said, words.text("library", f"file_{said}", said) + pages))
        else:
            rows.append((name, "left_out", f"{words('library.left_out')}: {words.said(said)}"))
    return rows + [_step(step, words) for step in steps.values()]


def _step(step: FileStep, words: Words) -> Row:
    if step.state == "left_out":
        return step.document_id, "left_out", f"{words('library.left_out')}: {words.said(step.reason)}"
    if step.state == "reading" and step.pages:
        return step.document_id, "reading", words("library.file_at", page=step.page, pages=step.pages)
    if step.state == "reading":
        return step.document_id, "reading", words("library.file_reading")
    return step.document_id, "read", words.count("library.file_read", step.pages, pages=step.pages)


def _file(name: str, state: str, said: str) -> str:
    return f'<li class="fc-file-{escape(state)}"><span>{escape(name)}</span><b>{escape(said)}</b></li>'
