"""What the tabs' event handlers share."""

from __future__ import annotations

from html import escape
from typing import Any

from copilot.errors import CopilotError
from finetune.errors import FinetuneError
from indexer.errors import IndexerError
from ui.words import Words

ERRORS = (CopilotError, IndexerError, FinetuneError)
"""What the service refuses or fails with; each says in one line what to do. `Words.said` puts it into the page's language."""

QUIET: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None, "api_visibility": "private"}
"""Events that do not wait for one another, show no veil, and are no API."""

EVENTS = "window.fc.bind(element, trigger, watch, ['fc_ask', 'fc_show', 'fc_say', 'fc_open', 'fc_act'])"
"""Taps on what carries `data-fc` become these events; see `ui/static/page.js`."""


def data_of(event: Any) -> dict[str, Any]:
    """What was tapped: the data attributes of a `gr.EventData`."""
    data = event._data
    return data if isinstance(data, dict) else {}


def inform(text: str, words: Words, seconds: float = 5) -> None:
    """Say in a corner of the page that something was done, or what is missing. Gradio takes its text for HTML, so it is escaped."""
    import gradio as gr

    gr.Info(escape(text), duration=seconds, title=words("page.info"))


def warn(text: str, words: Words) -> None:
    """Say in a corner of the page that something was not done, and why. Escaped as well."""
    import gradio as gr

    gr.Warning(escape(text), title=words("page.warning"))
