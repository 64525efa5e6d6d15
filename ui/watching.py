"""The watched folders as HTML: which there are, since when, whether they can be reached, and the way to stop. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ui.words import Words

if TYPE_CHECKING:
    from copilot.service.watched import WatchedFolder


def watched_html(folders: Sequence[WatchedFolder], every: bool, words: Words) -> str:
    """The folders with a button each to stop. `every`: the settings say that all indexed folders are watched."""
    note = f'<p class="fc-note">{escape(words("library.watch_all"))}</p>' if every else ""
    if not folders:
        return note or f'<p class="fc-note">{escape(words("library.watch_none"))}</p>'
    return f'{note}<ul class="fc-documents">{"".join(_row(one, words) for one in folders)}</ul>'


def _row(folder: WatchedFolder, words: Words) -> str:
    path = escape(folder.path)
    chips = [folder.machine] if folder.machine else []
    if folder.kind:
        chips.append(words.text("library", f"kind_{folder.kind}", folder.kind))
    marks = "".join(f'<span class="fc-chip">{escape(chip)}</span>' for chip in chips)
    since = words("library.watch_since", when=folder.since[:16].replace("T", " "), who=folder.by)
    away = "" if folder.reachable else f'<p class="fc-trouble">{escape(words("library.watch_away"))}</p>'
    return (
        f'<li class="fc-document"><div><b>{path}</b>{f"""<div class="fc-chips">{marks}</div>""" if marks else ""}'
        f'<small>{escape(since)}</small>{away}</div><div class="fc-buttons"><button type="button" data-fc="unwatch" '
        f'data-value="{path}">{escape(words("library.watch_stop"))}</button></div></li>'
    )
