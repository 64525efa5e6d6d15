"""Long work as HTML: what is being done, how far it is, and what became of each file. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ui.words import Words

if TYPE_CHECKING:
    from copilot.service.jobs import Job

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
    stage = f" · {escape(job.stage)}" + (f" {job.done}/{job.total}" if job.total else "") if state == "running" else ""
    error = f'<p class="fc-error">{escape(job.error)}</p>' if job.error else ""
    rows = "".join(
        f"<li><span>{escape(name)}</span><b>{escape(words.of('library', f'file_{said}') if said.isalpha() else said)}</b></li>"
        for name, said in list(job.files.items())[:_FILES]
    ).replace("library.", "")
    files = f'<ul class="fc-files">{rows}</ul>' if rows else ""
    said = escape(words.of("library", f"state_{state}"))
    return (
        f'<li class="fc-job fc-{escape(state)}"><p><b>{escape(words.of("library", f"job_{job.kind}"))}</b> · {said}{stage}</p>'
        f'<progress max="100" value="{share}">{share} %</progress>{error}{files}</li>'
    )
