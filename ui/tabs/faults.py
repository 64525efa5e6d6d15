"""Fault history: record a report, see what the reports say when counted, find and download them."""

# No postponed annotations here: gradio reads those of event handlers, and `gr` is imported inside functions.
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from copilot.service.access import User
from copilot.types import Answer
from indexer.fault_reports.names import FIELDS
from ui.charts import Bar, Week, figures_html, pareto_html, table_html, trend_html
from ui.common import ERRORS, QUIET
from ui.session import Session
from ui.words import Words

if TYPE_CHECKING:
    from copilot.service.statistics import FaultStatistics
    from indexer.fault_reports.table import StoredReport
    from ui.app import Page

COLUMNS = tuple(name for name in FIELDS if name != "report_id")
_FORM = ("date", "machine", "code", "symptom", "component", "failure_mode", "cause", "action", "downtime_hours")
_PERIODS = {"all_time": None, "last_year": 365, "last_quarter": 91, "last_month": 30}
_SHOWN = 100
_MOST = 100_000  # reports of one download
_TREND_WEEKS = 104


class Faults:
    """What the tab's events do, free of components."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.service = page.service

    def machines(self, user: User) -> list[str]:
        """The machines to choose from."""
        try:
            return list(self.service.machines(user))
        except ERRORS:
            return []

    def statistics(self, session: Session, user: User, machine: str | None, period: str) -> str:
        """The charts over a machine (None: all) and a period."""
        words = self.page.words(session)
        days = _PERIODS.get(period)
        try:
            since = None
            if days is not None:
                last = self.service.fault_reports(user, machine=machine, limit=1)
                newest = date.fromisoformat(last[0].report.date) if last and last[0].report.date else date.today()
                since = (newest - timedelta(days=days)).isoformat()
            counted = self.service.fault_statistics(user, machine, since)
        except ERRORS as error:
            return f'<p class="fc-error">{escape(words.said(error))}</p>'
        link = _download(words("faults.download"), "api/faults/statistics", machine=machine, since=since)
        return statistics_html(counted, words) + (f'<p class="fc-download">{link}</p>' if counted.total else "")

    def reports(self, user: User, machine: str | None, find: str) -> "list[StoredReport]":
        """The reports of a machine that hold all words, newest first."""
        return list(self.service.fault_reports(user, find=find, machine=machine, limit=None))

    def reports_html(self, session: Session, user: User, machine: str | None, find: str) -> str:
        """The newest of those reports as a table."""
        words = self.page.words(session)
        try:
            rows = self.reports(user, machine, find)
        except ERRORS as error:
            return f'<p class="fc-error">{escape(words.said(error))}</p>'
        if not rows:
            return f'<p class="fc-note">{escape(words("faults.none"))}</p>'
        shown = [[getattr(row.report, name) for name in COLUMNS[:-1]] for row in rows[:_SHOWN]]
        told = words("faults.table_shown", shown=len(shown), total=len(rows))
        return table_html([_label(name, words) for name in COLUMNS[:-1]], shown, told)

    def link(self, session: Session, machine: str | None, find: str = "") -> str:
        """The link to those reports as CSV: the API gives them out, safe to open in a spreadsheet."""
        return _download(
            self.page.words(session)("faults.download"),
            "api/faults",
            limit=_MOST,
            machine=machine,
            find=find.strip() or None,
        )

    def suggest(self, session: Session, user: User, symptom: str) -> tuple[dict[str, str], str]:
        """What the symptom suggests for component and failure mode, and that in words."""
        if len(symptom.split()) < 2 and len(symptom) < 4:
            return {}, ""
        try:
            guesses = self.service.predict_fault(symptom, user)
        except ERRORS:
            return {}, ""
        words = self.page.words(session)
        found: dict[str, str] = {name: guesses[name].value for name in ("component", "failure_mode") if name in guesses}
        listed = ", ".join(
            f"{words(f'faults.{name}')}: {value} ({guesses[name].confidence:.0%})" for name, value in found.items()
        )
        return found, words("faults.suggested", what=listed) if found else ""

    def save(self, session: Session, user: User, fields: Mapping[str, Any]) -> tuple[bool, str]:
        """Store the report; (whether it was, what to say)."""
        words = self.page.words(session)
        if not str(fields.get("symptom") or "").strip():
            return False, words("faults.need")
        given = {name: value for name, value in fields.items() if value not in (None, "")}
        try:
            if "downtime_hours" in given:
                given["downtime_hours"] = float(str(given["downtime_hours"]).strip().replace(",", "."))
        except ValueError:
            return False, words("faults.no_number", value=given["downtime_hours"])
        try:
            report = self.service.report_fault(given, user)
        except ERRORS as error:
            return False, words.said(error)
        return True, words("faults.saved", report=report)


def from_answer(answer: Answer) -> dict[str, str]:
    """What a conversation tells of a fault: machine, code and the operator's own words."""
    understood = answer.understanding
    machines = {citation.source.machine for citation in answer.citations if citation.source.machine}
    machine = understood.machine or (machines.pop() if len(machines) == 1 else "")
    codes = [match.entry.code for match in understood.codes]
    return {"machine": machine, "code": codes[0] if codes else "", "symptom": answer.question.text}


def statistics_html(counted: "FaultStatistics", words: Words) -> str:
    """Figures, what rises suddenly, the trend and the Paretos."""
    if not counted.total:
        return f'<p class="fc-note">{escape(words("faults.none"))}</p>'
    whole = counted.reliability
    hours = sum(line.downtime_hours or 0 for line in counted.counts["machine"])
    figures = [(words("faults.total"), str(counted.total))]
    if whole.mtbf_days is not None:
        figures.append((words("faults.mtbf"), words("faults.days", value=f"{whole.mtbf_days:.1f}")))
    if whole.mttr_hours is not None:
        figures.append((words("faults.mttr"), words("faults.hours", value=f"{whole.mttr_hours:.1f}")))
    if hours:
        figures.append((words("faults.downtime_total"), words("faults.hours", value=f"{hours:,.0f}")))
    weeks = [Week(week.monday, week.reports) for week in counted.weeks[-_TREND_WEEKS:]]
    risen = [rise.monday for rise in counted.rises]
    parts = [figures_html(figures), _rises(counted, words), trend_html(words("faults.trend"), weeks, risen)]
    charts = []
    for by in ("machine", "code", "component", "failure_mode"):
        mixed = counted.mixed.get(by)
        bars = (
            [Bar(line.key, line.reports, line.predicted_reports) for line in mixed]
            if mixed is not None
            else [Bar(line.key, line.reports) for line in counted.counts[by]]
        )
        charts.append(pareto_html(words(f"faults.by_{by}"), bars, words))
    parts.append(f'<div class="fc-charts">{"".join(charts)}</div>')
    rows = [
        (name, one.reports, _rounded(one.mtbf_days), _rounded(one.mttr_hours))
        for name, one in counted.by_machine.items()
    ]
    columns = [words(f"faults.{key}") for key in ("machine", "total", "mtbf_days", "mttr_hours")]
    parts.append(table_html(columns, rows, words("faults.reliability")))
    return "".join(parts)


def _rises(counted: "FaultStatistics", words: Words) -> str:
    if not counted.rises:
        return f'<p class="fc-note">{escape(words("faults.no_rise"))}</p>'
    rows = "".join(
        f"<li>{escape(words('faults.rise', what=rise.key or words('faults.all_reports'), reports=rise.reports, monday=rise.monday, usual=f'{rise.usual:g}'))}</li>"
        for rise in counted.rises[:6]
    )
    return f'<div class="fc-rises" role="alert"><ul>{rows}</ul></div>'


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _download(told: str, path: str, **limits: object) -> str:
    """A link to a table of the API as CSV."""
    query = urlencode({"format": "csv", **{name: value for name, value in limits.items() if value is not None}})
    return f'<a class="fc-link" href="{path}?{escape(query)}" download>{escape(told)}</a>'


def _label(name: str, words: Words) -> str:
    keys = {"downtime_hours": "downtime"}
    return words(f"faults.{keys.get(name, name)}")


def build(page: "Page", session: Any) -> tuple[Any, Sequence[Any]]:
    """The components of the tab; returns the inner tabs and the form's fields, which the chat fills."""
    import gradio as gr

    faults, local = Faults(page), page.localised
    with gr.Tabs(elem_id="fc-fault-tabs", selected="record") as tabs:
        with gr.Tab("Record a fault", id="record") as record_tab, gr.Column(elem_id="fc-record"):
            with gr.Row():
                machine = gr.Dropdown([], allow_custom_value=True, elem_id="fc-report-machine", min_width=160)
                code = gr.Textbox(elem_id="fc-report-code", max_length=200, min_width=140)
                day = gr.Textbox(elem_id="fc-report-date", max_length=10, min_width=140)
            symptom = gr.Textbox(lines=3, elem_id="fc-report-symptom", max_length=4000)
            hint = gr.HTML(elem_id="fc-hint", js_on_load=None)
            with gr.Row():
                component = gr.Textbox(elem_id="fc-report-component", max_length=400, min_width=160)
                mode = gr.Textbox(elem_id="fc-report-mode", max_length=400, min_width=160)
                downtime = gr.Textbox(
                    elem_id="fc-report-downtime", max_length=12, min_width=140
                )  # a number field begins with 0
            with gr.Row():
                cause = gr.Textbox(lines=2, elem_id="fc-report-cause", max_length=4000, min_width=200)
                action = gr.Textbox(lines=2, elem_id="fc-report-action", max_length=4000, min_width=200)
            with gr.Row():
                save = gr.Button("Save", variant="primary", elem_id="fc-report-save", scale=3)
                clear = gr.Button("Clear", elem_id="fc-report-clear", elem_classes="fc-plain", scale=1)
            said = gr.HTML(elem_id="fc-report-said", js_on_load=None)
        with gr.Tab("Statistics", id="statistics") as statistics_tab:
            with gr.Row():
                chart_machine = gr.Dropdown([("All machines", "")], value="", elem_id="fc-chart-machine", min_width=160)
                period = gr.Dropdown([("All", "all_time")], value="all_time", elem_id="fc-chart-period", min_width=160)
            charts = gr.HTML(elem_id="fc-charts-box", js_on_load=None, apply_default_css=False)
        with gr.Tab("Reports", id="reports") as reports_tab:
            with gr.Row(equal_height=True):
                list_machine = gr.Dropdown([("All machines", "")], value="", elem_id="fc-list-machine", min_width=160)
                find = gr.Textbox(elem_id="fc-list-find", scale=2, min_width=180)
                fetch = gr.HTML(elem_id="fc-list-download", min_width=160, js_on_load=None)
            listed = gr.HTML(elem_id="fc-list", js_on_load=None, apply_default_css=False)

    local.add(record_tab, label="faults.record")
    local.add(statistics_tab, label="faults.statistics")
    local.add(reports_tab, label="faults.reports")
    named = {"machine": machine, "code": code, "date": day, "symptom": symptom, "component": component, "failure_mode": mode,
             "downtime": downtime, "cause": cause, "action": action}  # fmt: skip
    for key, component_of in named.items():
        local.add(component_of, label=f"faults.{key}")
    local.add(save, value="faults.save")
    local.add(clear, value="faults.clear")
    local.add(find, label="faults.find")
    local.add(chart_machine, label="faults.machine")
    local.add(list_machine, label="faults.machine")
    local.rendered(
        period,
        lambda words, state: {
            "label": words("faults.period"),
            "choices": [(words(f"faults.{key}"), key) for key in _PERIODS],
        },
    )
    form = [day, machine, code, symptom, component, mode, cause, action, downtime]

    def emptied() -> list[Any]:
        return [str(date.today()), *[""] * 8]

    def opened(state: Session, request: gr.Request) -> tuple[Any, ...]:
        user = page.user_of(request)
        machines = faults.machines(user)
        every = [(page.words(state)("chat.every_machine"), ""), *((name, name) for name in machines)]
        return gr.update(choices=machines), gr.update(choices=every), gr.update(choices=every), str(date.today())

    def suggested(state: Session, text: str, part: str, kind: str, request: gr.Request) -> tuple[Any, Any, str]:
        found, told = faults.suggest(state, page.user_of(request), text or "")
        html = f'<p class="fc-note">{escape(told)}</p>' if told else ""
        return (
            gr.skip() if part or "component" not in found else found["component"],
            gr.skip() if kind or "failure_mode" not in found else found["failure_mode"],
            html,
        )

    def saved(
        state: Session, on: str, name: str, number: str, what: str, part: str, kind: str, why: str, done: str,
        hours: str, request: gr.Request,
    ) -> list[Any]:  # fmt: skip
        given = (on, name, number, what, part, kind, why, done, hours)
        ok, told = faults.save(state, page.user_of(request), dict(zip(_FORM, given, strict=True)))
        tone = "fc-thanks" if ok else "fc-error"
        html = f'<p class="{tone}" role="status">{escape(told)}</p>'
        return [*(emptied() if ok else [gr.skip()] * len(form)), html, "" if ok else gr.skip()]

    def cleared() -> list[Any]:
        return [*emptied(), "", ""]

    def counted(state: Session, name: str, span: str, request: gr.Request) -> str:
        state.visited.add("statistics")
        return faults.statistics(state, page.user_of(request), name or None, span or "all_time")

    def found(state: Session, name: str, text: str, request: gr.Request) -> tuple[str, str]:
        state.visited.add("reports")
        html = faults.reports_html(state, page.user_of(request), name or None, text or "")
        return html, faults.link(state, name or None, text or "")

    def counted_again(state: Session, name: str, span: str, request: gr.Request) -> Any:
        return counted(state, name, span, request) if "statistics" in state.visited else gr.skip()

    def found_again(state: Session, name: str, text: str, request: gr.Request) -> Any:
        return found(state, name, text, request) if "reports" in state.visited else (gr.skip(), gr.skip())

    symptom.blur(suggested, [session, symptom, component, mode], [component, mode, hint], **QUIET)
    symptom.change(
        suggested, [session, symptom, component, mode], [component, mode, hint], trigger_mode="always_last", **QUIET
    )
    save.click(saved, [session, *form], [*form, said, hint], **QUIET)
    clear.click(cleared, None, [*form, said, hint], **QUIET)
    gr.on(
        [chart_machine.input, period.input, statistics_tab.select], counted, [session, chart_machine, period], [charts],
        trigger_mode="always_last", **QUIET,
    )  # fmt: skip
    gr.on(  # one event, so that an earlier answer never comes after a later one; `input` does not come for an emptied field
        [list_machine.input, find.change, reports_tab.select], found, [session, list_machine, find], [listed, fetch],
        trigger_mode="always_last", **QUIET,
    )  # fmt: skip
    page.on_language(counted_again, [session, chart_machine, period], [charts])
    page.on_language(found_again, [session, list_machine, find], [listed, fetch])
    page.on_open(opened, [session], [machine, chart_machine, list_machine, day])
    return tabs, [machine, code, symptom]
