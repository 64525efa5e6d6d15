"""The chat: question and answer on the left, the cited page on the right (below it on a phone)."""

# No postponed annotations here: gradio reads those of event handlers, and `gr` is imported inside functions.
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.service.access import User
from copilot.types import Answer, AnswerStatus, Question
from indexer.errors import NoIndexError
from indexer.types import Chunk, DocumentRecord
from ui.common import ERRORS, EVENTS, QUIET, data_of, inform, warn
from ui.icons import icon
from ui.render import Said, conversation_html, notice_html, pending_html, turn_html
from ui.restore import restored
from ui.session import Session
from ui.viewer import place_index, places_of, viewer_html
from ui.words import Words

if TYPE_CHECKING:
    from ui.app import Page

_logger = logging.getLogger("ui.chat")
_REFRESH_S = 0.12  # between two showings of a text that is being written
_EXAMPLES = 4
_ALL = ""  # the machine list's value for "all machines"


@dataclass(frozen=True, slots=True)
class UserDocuments:
    """`ui.viewer.Documents` for one user of the service."""

    service: Any
    user: User

    def document(self, document_id: str) -> DocumentRecord:
        """See `ui.viewer.Documents`."""
        record: DocumentRecord = self.service.document(document_id, self.user)
        return record

    def file(self, document_id: str) -> Path:
        """See `ui.viewer.Documents`."""
        path: Path = self.service.document_file(document_id, self.user)
        return path

    def chunk(self, chunk_id: str) -> Chunk:
        """See `ui.viewer.Documents`."""
        chunk: Chunk = self.service.chunk(chunk_id, self.user)
        return chunk

    def section(self, document_id: str, section: int) -> list[Chunk]:
        """See `ui.viewer.Documents`."""
        chunks: list[Chunk] = self.service.section(document_id, section, self.user)
        return chunks


class Chat:
    """What the chat's events do, free of components: sessions in, HTML out."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.service = page.service

    def log(self, session: Session, examples: list[str] | None = None, trouble: str = "") -> str:
        """The conversation as HTML."""
        words = self.page.words(session)
        routes = self.service.routes()
        turns: list[str] = []
        for place, answer in enumerate(session.answers):
            turns += session.notices.get(place, [])
            turns.append(turn_html(answer, words, routes, session.said.get(answer.id)))
        turns += session.notices.get(len(session.answers), [])
        if session.asking is not None:
            turns.append(pending_html(*session.asking, session.written, words))
        return conversation_html(turns, words, examples or [], trouble)

    def welcome(self, session: Session, user: User) -> str:
        """The conversation, or questions to begin with."""
        if session.answers or session.asking or session.notices:
            return self.log(session)
        words = self.page.words(session)
        machines, trouble = [], ""
        try:
            machines = self.service.machines(user)
        except NoIndexError:
            trouble = words("chat.no_index")
        except ERRORS as error:
            trouble = words.said(error)
        keys = ("follow.past", "follow.due")
        examples = [words(key, machine=machine) for machine in machines for key in keys]
        return self.log(session, examples[:_EXAMPLES], trouble)

    def viewer(self, session: Session, user: User) -> str:
        """What is shown beside the conversation."""
        words = self.page.words(session)
        documents = UserDocuments(self.service, user)
        return viewer_html(session.place(), documents, self.page.images, words, session.at, len(session.places))

    def ask(self, session: Session, text: str, machine: str | None, user: User) -> Iterator[bool]:
        """Answer, changing the session; yields True whenever there is something new to show, and last the end."""
        words = self.page.words(session)
        text = text.strip()
        run = session.ask(text, machine)
        yield True
        question = Question(text, machine, earlier=tuple(session.turns))
        pieces = self.service.ask(question, user, session.conversation)
        shown = time.monotonic()
        try:
            for piece in pieces:
                if session.run != run:
                    return
                if isinstance(piece, Answer):
                    session.add(piece)
                    session.places, session.at = places_of(piece, words), 0
                    if piece.status is not AnswerStatus.ANSWERED:
                        session.places = []
                else:
                    session.written += piece.text
                    if time.monotonic() - shown > _REFRESH_S:
                        shown = time.monotonic()
                        yield True
        except ERRORS as error:
            if session.run == run:
                session.note(notice_html(text, machine, words.said(error), "error"))
        except Exception:  # the conversation must not wait for ever for an answer that never comes
            _logger.exception("a question could not be answered")
            if session.run == run:
                session.note(notice_html(text, machine, words("chat.failed"), "error"))
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
        yield session.run == run

    def stop(self, session: Session) -> None:
        """End the question under way, keeping what was written of it."""
        if session.asking is None:
            return
        session.run += 1
        text, machine = session.asking
        stopped = self.page.words(session)("chat.stopped")
        session.note(notice_html(text, machine, " ".join([session.written.strip(), stopped]).strip()))

    def show(self, session: Session, wanted: dict[str, Any]) -> None:
        """Open a place that was tapped, or go to the one before or after."""
        words = self.page.words(session)
        what = wanted.get("fc")
        if what == "close":
            session.places, session.at = [], 0
        elif what in ("previous", "next"):
            session.at = max(0, min(len(session.places) - 1, session.at + (1 if what == "next" else -1)))
        elif answer := session.find(str(wanted.get("answer", ""))):
            at = place_index(answer, str(what), _number(wanted.get("number")))
            if at is not None:
                session.places, session.at = places_of(answer, words), at

    def say(self, session: Session, wanted: dict[str, Any], user: User) -> str:
        """Store what was said of an answer; returns an error's line or ""."""
        answer = session.find(str(wanted.get("answer", "")))
        if answer is None:
            return ""
        said = session.said.get(answer.id, Said())
        what, comment = wanted.get("fc"), str(wanted.get("comment", ""))[:2000]
        try:
            if what == "route":
                route = str(wanted.get("value", ""))
                self.service.feedback(answer.id, "down", user, route, "")
                said = replace(said, route=route)
            elif what in ("up", "down"):
                self.service.feedback(answer.id, what, user, None, comment)
                said = replace(said, verdict=what)
            elif what == "gap":
                self.service.report_gap(answer.id, user, comment)
                said = replace(said, gap=True)
        except ERRORS as error:
            return self.page.words(session).said(error)
        session.said[answer.id] = said
        return ""

    def open(self, session: Session, conversation: str, user: User) -> None:
        """Go on with an earlier conversation."""
        exchanges = self.service.conversation(conversation, user)
        session.begin()
        session.conversation = conversation
        for exchange in exchanges:
            answer = restored(exchange.answer_id, exchange.answer, exchange.chunk_ids, exchange.turn.language)
            session.answers.append(answer)
            session.turns.append(exchange.turn)

    def history(self, session: Session, search: str, user: User) -> str:
        """The user's conversations as a list to tap."""
        words = self.page.words(session)
        try:
            found = self.service.history(user, search, 50)
        except ERRORS as error:
            return f'<p class="fc-error">{escape(words.said(error))}</p>'
        if not found:
            return f'<p class="fc-note">{escape(words("chat.no_history"))}</p>'
        rows = "".join(
            f'<li><button type="button" data-fc="open" data-value="{escape(one.id)}"><b>{escape(one.title)}</b>'
            f"<small>{escape(one.changed_at[:16].replace('T', ' '))} UTC · {escape(words.count('chat.answers', one.answers, count=one.answers))}"
            "</small></button></li>"
            for one in found
        )
        return f'<ul class="fc-history">{rows}</ul>'


def build(page: "Page", session: Any) -> Any:
    """The components of the chat and what they do; returns the conversation, whose `fc_act` records a fault."""
    import gradio as gr

    chat = Chat(page)
    local = page.localised
    with gr.Row(elem_id="fc-chat"):
        with gr.Column(scale=5, min_width=340, elem_id="fc-main"):
            with gr.Row(elem_id="fc-bar", equal_height=True):
                machine = gr.Dropdown(
                    [("All machines", _ALL)], value=_ALL, elem_id="fc-machine", scale=3, min_width=180
                )
                new = gr.Button("New conversation", elem_id="fc-new", scale=1, min_width=120)
                mine = gr.Button("My questions", elem_id="fc-mine", scale=1, min_width=120)
            log = gr.HTML(elem_id="fc-log", js_on_load=EVENTS, apply_default_css=False)
            with gr.Row(elem_id="fc-composer", equal_height=True):
                text = gr.Textbox(
                    lines=1, max_lines=5, show_label=False, container=False, max_length=2000, elem_id="fc-text", scale=8,
                    autofocus=True, min_width=160,
                )  # fmt: skip
                speak = gr.HTML(elem_id="fc-speak-box", scale=0, min_width=0, js_on_load="window.fc.speech(element)")
                send = gr.Button("Ask", variant="primary", elem_id="fc-send", scale=1, min_width=88)
                stop = gr.Button("Stop", variant="stop", elem_id="fc-stop", scale=1, min_width=88, visible="hidden")
        with gr.Column(scale=4, min_width=320, elem_id="fc-side"):
            with gr.Column(visible=False, elem_id="fc-history") as panel:
                with gr.Row(equal_height=True):
                    search = gr.Textbox(show_label=False, container=False, elem_id="fc-search", scale=3, min_width=140)
                    export = gr.HTML(elem_id="fc-export", scale=1, min_width=96, js_on_load=None)
                found = gr.HTML(elem_id="fc-found", js_on_load=EVENTS, apply_default_css=False)
            viewer = gr.HTML(elem_id="fc-viewer-box", js_on_load=EVENTS, apply_default_css=False)
    opened = gr.State(False)

    local.rendered(machine, lambda words, state: {"label": words("chat.machine")})
    local.add(new, value="chat.new")
    local.add(mine, value="chat.history")
    local.add(text, placeholder="chat.placeholder", label="chat.placeholder")  # the label is for screen readers
    local.add(send, value="chat.ask")
    local.add(stop, value="chat.stop")
    local.add(search, placeholder="chat.search_history", label="chat.search_history")
    local.rendered(export, lambda words, state: {"value": _export_html(words)})
    local.rendered(speak, lambda words, state: {"value": _speak_html(words)})

    def running(state: Session) -> tuple[Any, Any]:
        busy = state.asking is not None
        return gr.update(visible="hidden" if busy else True), gr.update(visible=True if busy else "hidden")

    def ask(state: Session, asked: str, chosen: str, request: gr.Request) -> Iterator[Any]:
        words = page.words(state)
        if not asked.strip():
            inform(words("chat.empty"), words, 3)
            return
        user = page.user_of(request)
        cleared: Any = ""
        for fresh in chat.ask(state, asked, chosen or None, user):
            if fresh:
                done = state.asking is None
                shown = chat.viewer(state, user) if done else gr.skip()
                yield chat.log(state), shown, cleared, *running(state)
                cleared = gr.skip()

    def ask_tapped(state: Session, chosen: str, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        yield from ask(state, str(data_of(event).get("value", "")), chosen, request)

    def stopped(state: Session) -> tuple[Any, ...]:
        chat.stop(state)
        return chat.log(state), *running(state)

    def show(state: Session, event: gr.EventData, request: gr.Request) -> str:
        chat.show(state, data_of(event))
        return chat.viewer(state, page.user_of(request))

    def say(state: Session, event: gr.EventData, request: gr.Request) -> str:
        trouble = chat.say(state, data_of(event), page.user_of(request))
        if trouble:
            warn(trouble, page.words(state))
        return chat.log(state)

    def begin(state: Session, request: gr.Request) -> tuple[Any, ...]:
        state.begin()
        user = page.user_of(request)
        return chat.welcome(state, user), chat.viewer(state, user), "", *running(state)

    def toggle(state: Session, is_open: bool, request: gr.Request) -> tuple[Any, ...]:
        html = chat.history(state, "", page.user_of(request)) if not is_open else gr.skip()
        return not is_open, gr.update(visible=not is_open), html

    def searched(state: Session, words: str, request: gr.Request) -> str:
        return chat.history(state, words or "", page.user_of(request))

    def reopen(state: Session, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        user = page.user_of(request)
        try:
            chat.open(state, str(data_of(event).get("value", "")), user)
        except ERRORS as error:
            warn(page.words(state).said(error), page.words(state))
        return chat.log(state), chat.viewer(state, user), False, gr.update(visible=False)

    def loaded(state: Session, request: gr.Request) -> tuple[Any, ...]:
        user = page.user_of(request)
        words = page.words(state)
        try:
            machines = chat.service.machines(user)
        except ERRORS:
            machines = []
        choices = [(words("chat.every_machine"), _ALL), *((name, name) for name in machines)]
        return gr.update(choices=choices), chat.welcome(state, user), chat.viewer(state, user)

    asking = [log, viewer, text, send, stop]
    gr.on([send.click, text.submit], ask, [session, text, machine], asking, trigger_mode="once", **QUIET)
    log.fc_ask(ask_tapped, [session, machine], asking, trigger_mode="once", **QUIET)
    stop.click(stopped, [session], [log, send, stop], **QUIET)
    log.fc_show(show, [session], [viewer], **QUIET)
    viewer.fc_show(show, [session], [viewer], **QUIET)
    log.fc_say(say, [session], [log], **QUIET)
    new.click(begin, [session], asking, **QUIET)
    opening = mine.click(toggle, [session, opened], [opened, panel, found], **QUIET)
    opening.then(None, None, None, js="() => setTimeout(() => window.fc.reveal('#fc-history'), 50)", **QUIET)
    search.change(
        searched, [session, search], [found], trigger_mode="always_last", **QUIET
    )  # `input` does not come for a field that was emptied
    found.fc_open(reopen, [session], [log, viewer, opened, panel], **QUIET)
    page.on_open(loaded, [session], [machine, log, viewer])
    return log


def _speak_html(words: Words) -> str:
    label = escape(words("chat.speak"))
    return (
        f'<button type="button" id="fc-speak" hidden aria-label="{label}" title="{label}" '
        f'data-listening="{escape(words("chat.listening"))}" '
        f'data-speech="{escape(words("language.speech"))}">{icon("mic")}</button>'
    )


def _export_html(words: Words) -> str:
    return f'<a class="fc-link" href="api/conversations/export" download>{escape(words("chat.export"))}</a>'


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return -1
