"""The page: tabs over one service. `make_page` builds it, `mount_page` puts it into a FastAPI application."""

# No postponed annotations here: gradio reads those of event handlers, and `gr` is imported inside functions.
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from copilot.service.access import Role, User
from ui.common import QUIET, data_of
from ui.localised import Localised
from ui.pages import PageImages
from ui.session import Session
from ui.words import DEFAULT, Words, languages, wished, words_for

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

    from copilot.service import Service

_KEEP_UPLOADS_S = (3600, 6 * 3600)  # look every hour, delete what the browser sent six hours ago
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC")
_MONOSPACED = ("ui-monospace", "SFMono-Regular", "Consolas", "monospace")

UserOf = Callable[[Any], User]
Wired = tuple[Callable[..., Any], list[Any], list[Any]]
"""A function with the components that it takes and changes."""


@dataclass(frozen=True)
class Page:
    """What the tabs share. `user_of` tells who sent a request (`gr.Request`),
    `session` is the component that holds the `Session`."""

    service: "Service"
    user_of: UserOf
    session: Any
    localised: Localised = field(default_factory=Localised)
    images: PageImages = field(default_factory=PageImages)
    openings: list[Wired] = field(default_factory=list)
    translations: list[Wired] = field(default_factory=list)

    def on_open(self, fn: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
        """Run `fn` when the page has opened and whenever its language has changed."""
        self.openings.append((fn, inputs, outputs))

    def on_language(self, fn: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
        """Run `fn` when the language has changed: for what is shown only once somebody has looked (`Session.visited`)."""
        self.translations.append((fn, inputs, outputs))

    def words(self, session: Session) -> Words:
        """The texts in the session's language."""
        return words_for(session.language)


def user_of_request(request: Any) -> User:
    """The user that the HTTP layer found for a request (`gr.Request`); an error where it found none."""
    user = request.request.state.user
    if not isinstance(user, User):
        raise TypeError(f"the request names {user!r} as its user")
    return user


def make_page(service: "Service", user_of: UserOf = user_of_request) -> "gr.Blocks":
    """The page over a service. Mount it with `mount_page`, which adds the styles and scripts it needs."""
    import gradio as gr

    from ui.tabs import chat, faults, health, library, training

    with gr.Blocks(
        title="Factory copilot", analytics_enabled=False, fill_width=True, delete_cache=_KEEP_UPLOADS_S
    ) as blocks:
        session = gr.State(Session())
        page = Page(service, user_of, session)
        language = _header(page)
        with gr.Tabs(elem_id="fc-tabs") as tabs:
            with gr.Tab("Chat", id="chat", elem_id="fc-tab-chat") as chat_tab:
                log = chat.build(page, session)
            page.localised.add(chat_tab, label="page.chat")
            with gr.Tab("Library", id="library", elem_id="fc-tab-library") as library_tab:
                library.build(page, session)
            page.localised.add(library_tab, label="page.library")
            with gr.Tab("Fault history", id="faults", elem_id="fc-tab-faults") as faults_tab:
                inner, report = faults.build(page, session)
            page.localised.add(faults_tab, label="page.faults")
            with gr.Tab("Training", id="training", elem_id="fc-tab-training", visible=False) as training_tab:
                refresh_training = training.build(page, session)
            page.localised.add(training_tab, label="page.training")
            with gr.Tab("Health", id="health", elem_id="fc-tab-health", visible=False) as health_tab:
                refresh_health = health.build(page, session)
            page.localised.add(health_tab, label="page.health")

        _shown_when_visited(page, training_tab, "training", refresh_training)
        _shown_when_visited(page, health_tab, "health", refresh_health)

        def rights(request: gr.Request) -> list[Any]:
            engineer = page.user_of(request).role.includes(Role.ENGINEER)
            return [gr.Tab(visible=engineer), gr.Tab(visible=engineer)]

        page.on_open(rights, [], [training_tab, health_tab])

        def report_of(state: Session, event: gr.EventData) -> list[Any]:
            answer = state.find(str(data_of(event).get("answer", "")))
            fields = faults.from_answer(answer) if answer is not None else {}
            values = [fields.get(name, "") for name in ("machine", "code", "symptom")]
            return [gr.Tabs(selected="faults"), gr.Tabs(selected="record"), *values]

        log.fc_act(report_of, [session], [tabs, inner, *report], **QUIET)
        _wire(page, blocks, session, language)
    return blocks


def page_options() -> dict[str, Any]:
    """What `gradio.mount_gradio_app` must be given with the page: nothing in it names another host."""
    import gradio as gr

    static = resources.files("ui").joinpath("static")
    styles = static.joinpath("page.css").read_text(encoding="utf-8")
    script = static.joinpath("page.js").read_text(encoding="utf-8")
    return {
        "theme": gr.themes.Base(
            primary_hue=gr.themes.colors.blue,
            neutral_hue=gr.themes.colors.slate,
            text_size=gr.themes.sizes.text_lg,
            radius_size=gr.themes.sizes.radius_lg,
            font=_FONTS,
            font_mono=_MONOSPACED,
        ),
        "head": f"<style>{styles}</style><script>{script}</script>",  # `css` would be confined to what is inside the page
        "footer_links": [],
        "run_history": False,
        "show_error": False,
    }


def mount_page(
    app: "FastAPI",
    service: "Service | None" = None,
    path: str = "/",
    user_of: UserOf = user_of_request,
    **options: Any,
) -> "FastAPI":
    """Put the page under `path`, over `app.state.service` where none is given. `options` go to gradio's own function."""
    import gradio as gr

    blocks = make_page(service or app.state.service, user_of)
    blocks.queue(default_concurrency_limit=None, max_size=512, api_open=False)
    mounted: FastAPI = gr.mount_gradio_app(app, blocks, path, **{**page_options(), **options})
    mounted.state.sign_in_texts = sign_in_texts
    return mounted


def sign_in_texts(cookies: Mapping[str, str], accept_language: str) -> dict[str, str]:
    """The texts of the sign-in form (`copilot.http.sign_in.FormTexts`) in a browser's language."""
    words = wished(cookies, accept_language)
    mine = ("title", "name", "password", "wrong", "wait", "ended")
    return {"language": words.code, "product": words("page.title"), **{key: words(f"sign_in.{key}") for key in mine}}


def _header(page: Page) -> Any:
    import gradio as gr

    with gr.Row(elem_id="fc-header", equal_height=True):
        title = gr.HTML(elem_id="fc-title", scale=3, js_on_load=None)
        page.localised.rendered(title, lambda words, session: {"value": _title_html(words)})
        who = gr.HTML(elem_id="fc-who", scale=2, min_width=120, js_on_load=None)
        choices = [(words.name, code) for code, words in languages().items()]
        language = gr.Radio(choices, value=DEFAULT, show_label=False, container=False, elem_id="fc-language", scale=0)
        theme = gr.HTML(elem_id="fc-theme-box", scale=0, min_width=56, js_on_load=None)
        page.localised.rendered(theme, lambda words, session: {"value": _theme_html(words)})

    def named(state: Session, request: gr.Request) -> str:
        return who_html(page.user_of(request), page.words(state), page.service.users.any())

    page.on_open(named, [page.session], [who])
    return language


def _theme_html(words: Words) -> str:
    label = escape(words("page.theme"))
    return f'<button type="button" id="fc-theme" aria-label="{label}" title="{label}">◐</button>'


def _title_html(words: Words) -> str:
    return f'<h1><span aria-hidden="true">▣</span> {escape(words("page.title"))}</h1>'


def _wire(page: Page, blocks: Any, session: Any, language: Any) -> None:
    """What happens when the page opens, and when the language is changed."""
    import gradio as gr

    def opened(state: Session, request: gr.Request) -> list[Any]:
        words = wished(request.cookies, request.headers.get("accept-language", ""))
        state.language = words.code
        return [words.code, *page.localised.updates(words, state)]

    def changed(state: Session, code: str) -> list[Any]:
        state.language = words_for(code).code
        return page.localised.updates(words_for(code), state)

    outputs = page.localised.components
    loading = blocks.load(opened, [session], [language, *outputs], **QUIET)
    loading.then(None, [language], None, js="(code) => { window.fc.speaks(code); }", **QUIET)
    remember = "(state, code) => { window.fc.language(code); return [state, code]; }"
    changing = language.input(changed, [session, language], outputs, js=remember, **QUIET)
    for fn, inputs, shown in page.openings:
        loading.then(fn, inputs, shown, **QUIET)
        changing.then(fn, inputs, shown, **QUIET)
    for fn, inputs, shown in page.translations:
        changing.then(fn, inputs, shown, **QUIET)


def _shown_when_visited(page: Page, tab: Any, name: str, refresh: Wired) -> None:
    """Fill a tab when it is opened, and once more in another language if it had been."""
    import gradio as gr

    fn, inputs, outputs = refresh

    def visited(state: Session, request: gr.Request) -> Any:
        state.visited.add(name)
        return fn(state, request)

    def again(state: Session, request: gr.Request) -> Any:
        return fn(state, request) if name in state.visited else [gr.skip()] * len(outputs)

    tab.select(visited, inputs, outputs, **QUIET)
    page.on_language(again, inputs, outputs)


def who_html(user: User, words: Words, sign_in: bool) -> str:
    """Who is signed in, with the way out; or that nobody needs to sign in."""
    if not sign_in:
        return f'<p class="fc-note">{escape(words("page.sign_in_off"))}</p>'
    role = words.of("role", user.role.value)
    return (
        f"<form method='post' action='/logout'><span>{escape(words('page.signed_in', name=user.name, role=role))}</span>"
        f'<button type="submit">{escape(words("page.sign_out"))}</button></form>'
    )
