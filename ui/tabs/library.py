"""The library: documents in, what could be read of them, preview, removal."""

# No postponed annotations here: gradio reads those of event handlers, and `gr` is imported inside functions.
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.service.access import Role, User
from copilot.service.errors import ConflictError, NotFoundError
from indexer.errors import NoIndexError
from ui.common import ERRORS, EVENTS, QUIET, data_of, inform, warn
from ui.documents import documents_html, preview_html
from ui.jobs import jobs_html, under_way
from ui.session import Session
from ui.watching import watched_html
from ui.words import Words

if TYPE_CHECKING:
    from ui.app import Page

_KINDS = ("manual", "fault_report")
_JOBS = ("upload", "remove", "index")


class Library:
    """What the library's events do, free of components."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.service = page.service

    def may_change(self, user: User) -> bool:
        """Whether the user may add and remove documents."""
        return user.role.includes(Role.ENGINEER)

    def documents(self, session: Session, user: User, search: str = "") -> str:
        """The list of documents."""
        words = self.page.words(session)
        try:
            found = self.service.documents(user)
        except NoIndexError:
            return documents_html((), (), words)
        except ERRORS as error:  # an index that cannot be opened is no empty library
            return f'<p class="fc-error">{escape(words.said(error))}</p>'
        return documents_html(found.records, found.quarantined, words, search, self.may_change(user))

    def jobs(self, session: Session, user: User) -> tuple[str, bool]:
        """The work in progress, and whether any of it has not ended."""
        if not self.may_change(user):
            return "", False
        jobs = self.service.jobs(user)
        return jobs_html(jobs, self.page.words(session), _JOBS), under_way(jobs)

    def remove(self, session: Session, user: User, document_id: str) -> str:
        """Take a document out; returns what stands in the way, or ""."""
        words = self.page.words(session)
        if session.previewed and session.previewed[0] == document_id:
            session.previewed = None
        try:
            self.service.remove_document(document_id, user)
        except ConflictError:
            return words("library.conflict", document=document_id)
        except NotFoundError:
            return words("library.gone", document=document_id)
        except ERRORS as error:
            return self.page.words(session).said(error)
        return ""

    def watched(self, session: Session, user: User) -> str:
        """The watched folders."""
        if not self.may_change(user):
            return ""
        return watched_html(self.service.watched(user), self.service.settings.server.watch, self.page.words(session))

    def watch(self, session: Session, user: User, folder: str, machine: str) -> tuple[bool, str]:
        """Begin to watch a folder; (whether it is now, what to say)."""
        words = self.page.words(session)
        if not folder.strip():
            return False, words("library.watch_which")
        try:
            self.service.watch_folder(Path(folder.strip()), user, machine.strip() or None)
        except ERRORS as error:
            return False, words.said(error)
        return True, words("library.watch_begun", folder=folder.strip())

    def unwatch(self, session: Session, user: User, folder: str) -> str:
        """Stop watching a folder; what to say."""
        try:
            self.service.unwatch_folder(folder, user)
        except ERRORS as error:
            return self.page.words(session).said(error)
        return self.page.words(session)("library.watch_ended", folder=folder)

    def preview(self, session: Session, user: User) -> str:
        """The document and page that the session looks at."""
        words = self.page.words(session)
        if session.previewed is None:
            return f'<div class="fc-viewer fc-empty"><p>{escape(words("library.preview_empty"))}</p></div>'
        document_id, page = session.previewed
        try:
            record = self.service.document(document_id, user)
            chunks = self.service.chunks(document_id, user)
            file = self.service.document_file(document_id, user)
            drawn = self.page.images.draw(file, [page]) if file.suffix.lower() == ".pdf" else None
            return preview_html(record, chunks, drawn, words, page)
        except (*ERRORS, OSError, ValueError) as error:
            return f'<p class="fc-error">{escape(words.said(error))}</p>'

    def look(self, session: Session, wanted: dict[str, Any]) -> None:
        """Open a document, turn its page, close it."""
        what = wanted.get("fc")
        if what == "preview":
            session.previewed = (str(wanted.get("value", "")), 1)
        elif what == "close":
            session.previewed = None
        elif session.previewed is not None and what in ("previous", "next"):
            name, page = session.previewed
            session.previewed = (name, max(1, page + (1 if what == "next" else -1)))


def build(page: "Page", session: Any) -> None:
    """The components of the library and what they do."""
    import gradio as gr

    library, local = Library(page), page.localised
    with gr.Row(elem_id="fc-library"):
        with gr.Column(scale=5, min_width=340):
            with gr.Accordion("Add documents", open=False, elem_id="fc-add") as adding:
                with gr.Row():
                    files = gr.File(file_count="multiple", elem_id="fc-files", height=150, min_width=220)
                    folder = gr.File(file_count="directory", elem_id="fc-folder", height=150, min_width=220)
                upload_said = gr.HTML(elem_id="fc-upload-said", js_on_load=None)
                with gr.Row(elem_classes="fc-field-row"):
                    machine = gr.Textbox(elem_id="fc-upload-machine", scale=2, min_width=180)
                    kind = gr.Dropdown([("Recognise", ""), *((name, name) for name in _KINDS)], value="", min_width=160)
                    upload = gr.Button("Add to the library", variant="primary", elem_id="fc-upload", min_width=160)
            with gr.Accordion("Watched folders", open=False, elem_id="fc-watch") as watching:
                watched = gr.HTML(elem_id="fc-watched", js_on_load=EVENTS, apply_default_css=False)
                with gr.Row(elem_classes="fc-field-row") as watch_form:
                    watch_path = gr.Textbox(elem_id="fc-watch-path", scale=3, min_width=220, max_length=2000)
                    watch_machine = gr.Textbox(elem_id="fc-watch-machine", scale=2, min_width=180, max_length=200)
                    watch = gr.Button("Watch", elem_id="fc-watch-begin", elem_classes="fc-plain", min_width=140)
                watch_note = gr.HTML(js_on_load=None)
            with gr.Row(equal_height=True, elem_id="fc-library-bar"):
                search = gr.Textbox(show_label=False, container=False, elem_id="fc-find", scale=3, min_width=180)
                reindex = gr.Button("Look for changes", elem_id="fc-reindex", elem_classes="fc-plain", min_width=190)
                rebuild = gr.Button(
                    "Read everything again", elem_id="fc-rebuild", elem_classes="fc-plain", min_width=190
                )
            jobs = gr.HTML(elem_id="fc-library-jobs", js_on_load=None)
            listed = gr.HTML(elem_id="fc-documents", js_on_load=EVENTS, apply_default_css=False)
        with gr.Column(scale=4, min_width=320, elem_id="fc-preview-side"):
            preview = gr.HTML(elem_id="fc-preview", js_on_load=EVENTS, apply_default_css=False)
    clock = gr.Timer(1.0, active=False)

    local.add(adding, label="library.add")
    local.add(files, label="library.files")
    local.add(folder, label="library.folder")
    local.add(machine, label="library.machine")
    local.rendered(kind, lambda words, state: {"label": words("library.kind"), "choices": _kinds(words)})
    local.add(upload, value="library.upload")
    local.rendered(
        upload_said, lambda words, state: {"value": _too_large_html(words, page.service.settings.server.upload_mb)}
    )
    local.add(search, placeholder="library.search", label="library.search")
    local.add(reindex, value="library.reindex")
    local.add(rebuild, value="library.rebuild")
    local.add(watching, label="library.watch")
    local.add(watch_path, label="library.watch_path")
    local.add(watch_machine, label="library.machine")
    local.add(watch, value="library.watch_begin")
    local.rendered(watch_note, lambda words, state: {"value": f'<p class="fc-note">{words("library.watch_note")}</p>'})

    def status(state: Session, user: User) -> tuple[Any, Any]:
        html, running = library.jobs(state, user)
        return html, gr.Timer(active=running)

    def opened(state: Session, request: gr.Request) -> tuple[Any, ...]:
        user = page.user_of(request)
        may = library.may_change(user)
        return (
            library.documents(state, user),
            library.preview(state, user),
            library.watched(state, user),
            *[gr.update(visible=may)] * 4,
            gr.update(visible=user.role.includes(Role.ADMIN)),
            *status(state, user),
        )

    def start(state: Session, request: gr.Request, work: Any) -> tuple[Any, Any]:
        user = page.user_of(request)
        try:
            work(user)
        except ERRORS as error:
            warn(page.words(state).said(error), page.words(state))
        return status(state, user)

    def uploaded(
        state: Session, chosen: list[str] | None, whole: list[str] | None, name: str, sort: str, request: gr.Request
    ) -> tuple[Any, ...]:
        paths = [Path(path) for path in (*(chosen or []), *(whole or []))]
        if not paths:
            inform(page.words(state)("library.nothing"), page.words(state), 3)
            return gr.skip(), gr.skip(), *status(state, page.user_of(request))
        sent = [(path.name, path) for path in paths]
        work = start(state, request, lambda user: page.service.upload(sent, user, name.strip() or None, sort or None))
        return None, None, *work

    def again(state: Session, request: gr.Request) -> tuple[Any, Any]:
        return start(state, request, lambda user: page.service.reindex(user))

    def anew(state: Session, request: gr.Request) -> tuple[Any, Any]:
        return start(state, request, lambda user: page.service.reindex(user, rebuild=True))

    def acted(state: Session, find: str, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        wanted = data_of(event)
        user = page.user_of(request)
        if wanted.get("fc") != "remove":
            library.look(state, wanted)
            return library.preview(state, user), gr.skip(), gr.skip(), gr.skip()
        trouble = library.remove(state, user, str(wanted.get("value", "")))
        if trouble:
            warn(trouble, page.words(state))
        fresh = library.documents(state, user, find or "") if trouble else gr.skip()
        return library.preview(state, user), *status(state, user), fresh

    def begin(state: Session, path: str, name: str, request: gr.Request) -> tuple[Any, ...]:
        user = page.user_of(request)
        ok, told = library.watch(state, user, path or "", name or "")
        (inform if ok else warn)(told, page.words(state))
        emptied = ("", "") if ok else (gr.skip(), gr.skip())
        return library.watched(state, user), *emptied, *status(state, user)

    def ended(state: Session, event: gr.EventData, request: gr.Request) -> str:
        user = page.user_of(request)
        inform(library.unwatch(state, user, str(data_of(event).get("value", ""))), page.words(state))
        return library.watched(state, user)

    def ticked(state: Session, words: str, request: gr.Request) -> tuple[Any, ...]:
        user = page.user_of(request)
        html, timer = status(state, user)
        running = library.jobs(state, user)[1]
        return html, timer, gr.skip() if running else library.documents(state, user, words or "")

    def searched(state: Session, words: str, request: gr.Request) -> str:
        return library.documents(state, page.user_of(request), words or "")

    shown = [jobs, clock]
    upload.click(uploaded, [session, files, folder, machine, kind], [files, folder, *shown], **QUIET)
    reindex.click(again, [session], shown, **QUIET)
    rebuild.click(anew, [session], shown, **QUIET)
    listed.fc_act(acted, [session, search], [preview, *shown, listed], **QUIET)
    preview.fc_show(acted, [session, search], [preview, *shown, listed], **QUIET)
    search.change(
        searched, [session, search], [listed], trigger_mode="always_last", **QUIET
    )  # `input` does not come for a field that was emptied
    clock.tick(ticked, [session, search], [*shown, listed], **QUIET)
    watch.click(begin, [session, watch_path, watch_machine], [watched, watch_path, watch_machine, *shown], **QUIET)
    watched.fc_act(ended, [session], [watched], **QUIET)
    page.on_open(opened, [session], [listed, preview, watched, adding, watching, reindex, rebuild, watch_form, *shown])


def _too_large_html(words: Words, most: int) -> str:
    """Where `page.js` says that files are too large; empty until then. With what stands on the fields that take files:
    Gradio would write that in the browser's language, whatever the page's is."""
    drop = words("library.drop").replace("\\", "").replace('"', "").replace("<", "")
    return (
        f'<style>:root {{ --fc-drop: "{drop}"; }}</style>'
        f'<p class="fc-error" role="alert" data-most="{most}" data-told="{escape(words("library.too_large"))}"></p>'
    )


def _kinds(words: Words) -> list[tuple[str, str]]:
    return [(words("library.kind_auto"), ""), *((words(f"library.kind_{name}"), name) for name in _KINDS)]
