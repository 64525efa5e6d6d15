"""Evaluation and health: the service at a glance, checks, the last evaluation, and what was asked in vain."""

# No postponed annotations here: gradio reads those of event handlers, and `gr` is imported inside functions.
import shutil
from html import escape
from typing import TYPE_CHECKING, Any

from copilot.service.access import Role, User
from ui.charts import figures_html
from ui.common import ERRORS, QUIET
from ui.evaluations import Evaluated, evaluated_html
from ui.session import Session
from ui.versions import evaluation_html, task_name

if TYPE_CHECKING:
    from ui.app import Page

_GAPS = 20


class Health:
    """What the tab's events do, free of components."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.service = page.service

    def service_html(self, session: Session) -> str:
        """Figures of the running service."""
        words = self.page.words(session)
        health = self.service.health()
        free = shutil.disk_usage(self.service.settings.home).free
        figures = [
            (
                words("health.status"),
                words("health.state_ok") if health["status"] == "ok" else words.said(health["status"]),
            ),
            (words("health.ready"), words("health.yes" if health["ready"] else "health.no")),
            (words("health.running"), str(health["running"])),
            (words("health.waiting"), str(health["waiting"])),
            (words("health.uptime"), words("health.minutes", value=round(health["uptime_s"] / 60))),
            (words("health.disk"), f"{free / 1e9:,.0f} GB"),
        ]
        if (used := memory_bytes()) is not None:
            figures.insert(5, (words("health.memory"), f"{used / 1e6:,.0f} MB"))
        index = f'<p class="fc-note">{escape(words("health.index_version"))}: {escape(str(health["index_version"] or "–"))}</p>'
        return figures_html(figures) + index

    def checks_html(self, session: Session, user: User) -> str:
        """What `copilot doctor` finds."""
        from copilot.commands.doctor import examine

        user.require(Role.ENGINEER, "health")
        words = self.page.words(session)
        rows = "".join(
            f'<li class="fc-check fc-{check.state.value}"><b>{escape(words.text("check", check.name.replace(" ", "_"), check.name))}</b>'
            f'<span class="fc-chip">{escape(words(f"health.state_{check.state.value}"))}</span>'
            f"<p>{escape(words.said(check.detail))}</p></li>"
            for check in examine(self.service.settings)
        )
        return f'<ul class="fc-checks">{rows}</ul>'

    def evaluation_html(self, session: Session, user: User) -> str:
        """The last evaluations over the plant's own questions."""
        found = Evaluated(
            self.service.evaluations(user),
            self.service.evaluation_history(user),
            self.service.evaluations_compared(user),
        )
        return evaluated_html(found, self.page.words(session))

    def models_html(self, session: Session, user: User) -> str:
        """The figures of the version in force of every task."""
        words = self.page.words(session)
        parts = []
        for info in self.service.versions(user):
            metrics = info.card.get("metrics") or {}
            if not info.current or not metrics:
                continue
            figures = [
                (words(f"training.{name}"), f"{metrics[name]:.3f}")
                for name in ("accuracy", "macro_f1")
                if isinstance(metrics.get(name), int | float)
            ]
            told = evaluation_html(metrics, words)
            if not figures and not told:
                continue
            title = f"{task_name(info.task, words)} · {info.version}"
            parts.append(
                f'<section class="fc-panel"><h3>{escape(title)}</h3>{figures_html(figures) if figures else ""}{told}</section>'
            )
        return "".join(parts) or f'<p class="fc-note">{escape(words("health.models_none"))}</p>'

    def gaps_html(self, session: Session, user: User) -> str:
        """What was asked in vain, the most frequent first."""
        words = self.page.words(session)
        found = self.service.gap_clusters(user)[:_GAPS]
        if not found:
            return f'<p class="fc-note">{escape(words("health.gaps_none"))}</p>'
        rows = "".join(
            f'<li class="fc-document"><div><b>{escape(one.question)}</b><div class="fc-chips">'
            f'<span class="fc-chip">{escape(words.count("health.times", len(one.gaps), count=len(one.gaps)))}</span>'
            f'<span class="fc-chip">{escape(one.machine or words("answer.no_machine"))}</span></div></div></li>'
            for one in found
        )
        return f'<ul class="fc-documents">{rows}</ul>'


def memory_bytes() -> int | None:
    """The memory this process holds now; None where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            import os

            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def build(page: "Page", session: Any) -> tuple[Any, list[Any], list[Any]]:
    """The components of the tab; returns what brings them up to date: function, inputs, outputs."""
    import gradio as gr

    health, local = Health(page), page.localised
    titles = {}
    with gr.Row():
        with gr.Column(scale=1, min_width=340):
            titles["service"] = gr.HTML(js_on_load=None)
            service = gr.HTML(elem_id="fc-service", js_on_load=None, apply_default_css=False)
            titles["gaps"] = gr.HTML(js_on_load=None)
            gaps = gr.HTML(elem_id="fc-gaps", js_on_load=None, apply_default_css=False)
            titles["models"] = gr.HTML(js_on_load=None)
            models = gr.HTML(elem_id="fc-models", js_on_load=None, apply_default_css=False)
        with gr.Column(scale=1, min_width=340):
            titles["doctor"] = gr.HTML(js_on_load=None)
            again = gr.Button("Look again", elem_id="fc-health-again", elem_classes="fc-plain")
            checks = gr.HTML(elem_id="fc-checks-box", js_on_load=None, apply_default_css=False)
    titles["evaluation"] = gr.HTML(js_on_load=None)
    evaluation = gr.HTML(elem_id="fc-evaluation", js_on_load=None, apply_default_css=False)
    for key, title in titles.items():
        local.rendered(title, _heading(f"health.{key}"))
    local.add(again, value="health.refresh")

    def looked(state: Session, request: gr.Request) -> list[Any]:
        user = page.user_of(request)
        out: list[Any] = []
        for look in (health.gaps_html, health.evaluation_html, health.models_html, health.checks_html):
            try:
                out.append(look(state, user))
            except ERRORS as error:
                out.append(f'<p class="fc-note">{escape(page.words(state).said(error))}</p>')
        return [health.service_html(state), *out]

    shown = [service, gaps, evaluation, models, checks]
    again.click(looked, [session], shown, **QUIET)
    return looked, [session], shown


def _heading(key: str) -> Any:
    return lambda words, session: {"value": f'<h2 class="fc-heading">{escape(words(key))}</h2>'}
