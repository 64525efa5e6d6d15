"""Training: feedback to review, versions with their figures, run now, promote, roll back, schedule, drift."""

# No postponed annotations here: gradio reads those of event handlers, and `gr` is imported inside functions.
from html import escape
from typing import TYPE_CHECKING, Any

from copilot.service.access import Role, User
from copilot.service.errors import ConflictError
from ui.common import ERRORS, EVENTS, QUIET, data_of, inform, warn
from ui.jobs import jobs_html, under_way
from ui.session import Session
from ui.versions import feedback_html, task_name, versions_html

if TYPE_CHECKING:
    from ui.app import Page

_REVIEWED = 50


class Training:
    """What the tab's events do, free of components."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.service = page.service

    def queue(self, session: Session, user: User) -> str:
        """The feedback that waits, least certain first."""
        words = self.page.words(session)
        try:
            waiting = self.service.feedback_queue(user)
        except ERRORS as error:
            return f'<p class="fc-note">{escape(words.said(error))}</p>'
        return feedback_html(waiting[:_REVIEWED], self.service.routes(), words)

    def versions(self, session: Session, user: User) -> str:
        """All versions, the newest of each task first."""
        words = self.page.words(session)
        try:
            return versions_html(self.service.versions(user), words)
        except ERRORS as error:
            return f'<p class="fc-note">{escape(words.said(error))}</p>'

    def jobs(self, session: Session, user: User) -> tuple[str, bool]:
        """Trainings under way."""
        if not user.role.includes(Role.ENGINEER):
            return "", False
        jobs = [job for job in self.service.jobs(user) if job.kind == "train"]
        return jobs_html(jobs, self.page.words(session), ("train",)), under_way(jobs)

    def schedule(self, session: Session, user: User) -> str:
        """The schedule in words."""
        words = self.page.words(session)
        try:
            state = self.service.schedule(user)
        except ERRORS as error:
            return f'<p class="fc-note">{escape(words.said(error))}</p>'
        if state is None:
            return f'<p class="fc-note">{escape(words("training.schedule_none"))}</p>'
        hours = round(state.interval.total_seconds() / 3600)
        every = f"{hours // 24}d" if hours % 24 == 0 else f"{hours}h"
        told = [words("training.schedule_is", every=every, least=state.min_feedback)]
        if state.last_run is not None:
            when = f"{state.last_run:%Y-%m-%d %H:%M}"
            told.append(words("training.last_run", when=when, decision=words.said(state.last_decision)))
        return f"<p>{escape(' '.join(told))}</p>"

    def drift(self, session: Session, user: User) -> str:
        """How the last questions differ from those learnt from."""
        words = self.page.words(session)
        try:
            report = self.service.drift(user)
        except ERRORS as error:
            return f'<p class="fc-note">{escape(words.said(error))}</p>'
        lines = "".join(f"<li>{escape(words.said(line))}</li>" for line in report.lines)
        title = words.of("training", f"level_{report.level}").removeprefix("training.")
        return f'<div class="fc-panel fc-level-{escape(report.level)}"><h3>{escape(title)}</h3><ul>{lines}</ul></div>'

    def act(self, session: Session, wanted: dict[str, Any], user: User) -> tuple[bool, str]:
        """Decide on an entry, promote or roll back; (whether it was done, what to say)."""
        words = self.page.words(session)
        what, value, task = (str(wanted.get(key, "")) for key in ("fc", "value", "task"))
        seen = str(wanted.get("seen", "")) or None  # the version that answered when the list was shown
        switches = what in ("promote", "rollback")
        try:
            if what in ("accept", "drop"):
                self.service.feedback_decide(value, what, user)
            elif what == "correct":
                self.service.feedback_decide(value, "correct", user, str(wanted.get("route", "")))
            elif what == "promote":
                self.service.promote(task, value, user, seen)
            elif what == "rollback":
                value = self.service.rollback(task, user, seen)
        except ConflictError:
            return False, words("training.version_conflict" if switches else "training.conflict")
        except ERRORS as error:
            return False, words.said(error)
        if switches:
            return True, words("training.promoted", task=task_name(task, words), version=value)
        return True, words("training.decided")


def build(page: "Page", session: Any) -> tuple[Any, list[Any], list[Any]]:
    """The components of the tab; returns what brings them up to date: function, inputs, outputs."""
    import gradio as gr

    training, local = Training(page), page.localised
    with gr.Row():
        with gr.Column(scale=1, min_width=340):
            review_title = gr.HTML(js_on_load=None)
            queue = gr.HTML(elem_id="fc-queue", js_on_load=EVENTS, apply_default_css=False)
            drift_title = gr.HTML(js_on_load=None)
            look = gr.Button("Compare now", elem_id="fc-drift-look", elem_classes="fc-plain")
            drift = gr.HTML(elem_id="fc-drift", js_on_load=None, apply_default_css=False)
        with gr.Column(scale=1, min_width=340):
            versions_title = gr.HTML(js_on_load=None)
            with gr.Row(elem_classes="fc-field-row"):
                task = gr.Dropdown(["router"], value="router", elem_id="fc-task", scale=2, min_width=220)
                train = gr.Button("Train now", variant="primary", elem_id="fc-train", scale=1, min_width=140)
            jobs = gr.HTML(elem_id="fc-trainings", js_on_load=None)
            with gr.Row(elem_classes="fc-field-row"):
                every = gr.Textbox(value="7d", elem_id="fc-every", max_length=10, min_width=150)
                least = gr.Number(value=50, precision=0, elem_id="fc-least", min_width=120)
                planned = gr.Button("Set", elem_id="fc-schedule", elem_classes="fc-plain", min_width=140)
            schedule = gr.HTML(elem_id="fc-planned", js_on_load=None)
            versions = gr.HTML(elem_id="fc-versions", js_on_load=EVENTS, apply_default_css=False)
    clock = gr.Timer(2.0, active=False)

    for title, key in ((review_title, "review"), (drift_title, "drift"), (versions_title, "versions")):
        local.rendered(title, _heading(f"training.{key}"))
    local.add(look, value="training.drift_look")
    local.add(task, label="training.task")
    local.add(train, value="training.train")
    local.add(every, label="training.every")
    local.add(least, label="training.least")
    local.add(planned, value="training.schedule")

    def opened(state: Session, request: gr.Request) -> tuple[Any, ...]:
        user = page.user_of(request)
        if not user.role.includes(Role.ENGINEER):
            return gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip()
        html, running = training.jobs(state, user)
        tasks = sorted({info.task for info in page.service.versions(user)} | {"router"})
        return (
            training.queue(state, user), training.versions(state, user), training.schedule(state, user), html,
            gr.Timer(active=running), gr.update(choices=[(task_name(name, page.words(state)), name) for name in tasks]),
        )  # fmt: skip

    def acted(state: Session, event: gr.EventData, request: gr.Request) -> tuple[str, str]:
        user = page.user_of(request)
        done, told = training.act(state, data_of(event), user)
        (inform if done else warn)(told, page.words(state))
        return training.queue(state, user), training.versions(state, user)

    def started(state: Session, name: str, request: gr.Request) -> tuple[Any, Any]:
        user = page.user_of(request)
        try:
            page.service.train(user, name)
        except ERRORS as error:
            warn(page.words(state).said(error), page.words(state))
        html, running = training.jobs(state, user)
        return html, gr.Timer(active=running)

    def ticked(state: Session, request: gr.Request) -> tuple[Any, ...]:
        user = page.user_of(request)
        html, running = training.jobs(state, user)
        return html, gr.Timer(active=running), gr.skip() if running else training.versions(state, user)

    def plan(state: Session, span: str, count: float | None, request: gr.Request) -> str:
        user = page.user_of(request)
        try:
            page.service.set_schedule(user, span.strip() or None, int(count or 0))
        except ERRORS as error:
            warn(page.words(state).said(error), page.words(state))
        return training.schedule(state, user)

    def compared(state: Session, request: gr.Request) -> str:
        return training.drift(state, page.user_of(request))

    queue.fc_act(acted, [session], [queue, versions], **QUIET)
    versions.fc_act(acted, [session], [queue, versions], **QUIET)
    train.click(started, [session, task], [jobs, clock], **QUIET)
    clock.tick(ticked, [session], [jobs, clock, versions], **QUIET)
    planned.click(plan, [session, every, least], [schedule], **QUIET)
    look.click(compared, [session], [drift], **{**QUIET, "show_progress": "full"})
    return opened, [session], [queue, versions, schedule, jobs, clock, task]


def _heading(key: str) -> Any:
    return lambda words, session: {"value": f'<h2 class="fc-heading">{escape(words(key))}</h2>'}
