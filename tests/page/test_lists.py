"""Charts, documents, jobs, versions and the fault form as HTML: what they say, and that nothing from outside is markup."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup

from copilot.errors import CopilotError
from copilot.sample_plant import plant_folder
from copilot.service.access import LOCAL, Role, User
from copilot.service.jobs import FileSteps, Job, JobState
from copilot.service.tables import holding
from copilot.service.watched import WatchedFolder
from finetune.registry import VersionInfo
from finetune.review import Stored
from finetune.types import Feedback, Verdict
from indexer.protocols import Guess
from indexer.types import ChunkKind, DocumentKind, DocumentRecord, ExtractionReport
from indexer.worker import FileStep
from tests.made_answers import EVIL, answer, chunk
from ui.charts import Bar, Week, figures_html, pareto_html, table_html, trend_html
from ui.documents import documents_html, preview_html
from ui.jobs import jobs_html, under_way
from ui.pages import PageImages, draw_page
from ui.session import Session
from ui.tabs.faults import Faults, from_answer
from ui.tabs.library import Library
from ui.tabs.training import Training
from ui.versions import feedback_html, versions_html
from ui.watching import watched_html
from ui.words import words_for

EN, ZH = words_for("en"), words_for("zh")


def soup(html):
    return BeautifulSoup(html, "html.parser")


def text_of(found):
    return " ".join(found.get_text(" ").split())


def harmless(html):
    page = soup(html)
    assert not page.find_all(["script", "img"]), html
    assert not [tag for tag in page.find_all(True) for name in tag.attrs if name.startswith("on")], html


def record(name="HP-200/manual.pdf", title="Press", **report):
    return DocumentRecord(name, title, DocumentKind.MANUAL, "HP-200", "D", f"/plant/{name}", "0" * 64, 150, 100,
                          ExtractionReport(**{"pages": 20, **report}))  # fmt: skip


def test_a_pareto_is_ordered_and_adds_up():
    page = soup(pareto_html("By code", [Bar("E-1", 2), Bar("E-2", 5, 1), Bar("E-3", 0), Bar("液位低", 2)], EN))
    rows = [text_of(row) for row in page.select("li")]
    assert rows == ["E-2 5 + 1 60 %", "E-1 2 80 %", "液位低 2 100 %"]
    assert page.select_one(".fc-bar i")["style"] == "width:83.3%"
    assert "predicted" in text_of(page.select_one(".fc-key"))
    assert pareto_html("By code", [], EN) == ""
    assert "+2" in text_of(soup(pareto_html("x", [Bar(str(n), 1) for n in range(14)], EN)))


def test_the_trend_has_a_column_a_week_and_shows_a_rise():
    weeks = [Week("2026-01-05", 2), Week("2026-01-12", 0), Week("2026-01-19", 8)]
    page = soup(trend_html("Reports a week", weeks, ["2026-01-19"]))
    columns = page.select("rect")
    assert [column.title.text for column in columns] == ["2026-01-05: 2", "2026-01-12: 0", "2026-01-19: 8"]
    heights = [float(column["height"]) for column in columns]
    assert heights[1] == 0 and heights[2] == pytest.approx(4 * heights[0], rel=0.01)
    assert [column["class"] for column in columns] == [["fc-column"], ["fc-column"], ["fc-risen"]]
    assert trend_html("x", []) == ""


def test_lists_show_markup_as_text():
    report = record(EVIL, EVIL, warnings=(EVIL,))
    said = Feedback("a1", EVIL, EVIL, Verdict.DOWN, EVIL, EVIL, (), datetime.now(UTC))
    job = Job(EVIL, "upload", JobState.FAILED, EVIL, "", EVIL, files={EVIL: EVIL}, error=EVIL, finished_at="now")
    info = VersionInfo(EVIL, EVIL, Path(), datetime.now(UTC), True, EVIL, EVIL,
                       {"metrics": {"per_class": {EVIL: {"precision": 1, "recall": 1, "f1": 1, "n": 1}},
                                    "confusion": {EVIL: {EVIL: 1}}}})  # fmt: skip
    for html in (
        pareto_html(EVIL, [Bar(EVIL, 1)], EN), trend_html(EVIL, [Week(EVIL, 1)]), figures_html([(EVIL, EVIL)]),
        table_html([EVIL], [[EVIL]], EVIL), documents_html([report], [(EVIL, EVIL)], EN, "", True),
        preview_html(report, [chunk(EVIL, ChunkKind.TABLE, (EVIL,))], None, EN), jobs_html([job], EN),
        feedback_html([(Stored(EVIL, said), True)], [EVIL], EN), versions_html([info], EN),
    ):  # fmt: skip
        harmless(html)


def test_documents_say_what_could_be_read_and_are_searched():
    scanned = record("a.pdf", "Scan", scanned=(3,), no_text=(4, 5), garbled=(6,))
    html = documents_html([record(), scanned], [("b.pdf", "it is encrypted")], EN, "", may_change=True)
    page = soup(html)
    told = text_of(page)
    assert "Left out: it is encrypted" in told and "no text on pages 4, 5" in told and "pages by OCR: 3" in told
    assert "20 pages · 100 % read · 150 passages · 100 codes" in told and "85 % read" in told
    assert [one["data-value"] for one in page.select("[data-fc=remove]")] == ["HP-200/manual.pdf", "a.pdf"]
    assert not soup(documents_html([record()], [], EN)).select("[data-fc=remove]")
    assert "No document matches." in documents_html([record()], [], EN, "compressor")
    assert "Press" in documents_html([record()], [], EN, "press hp-200")
    two = [record("a.md", "Schedule"), record("b.md", "Schedule")]
    assert "2 revisions" in documents_html(two, [], EN)


def test_a_preview_has_the_page_and_what_was_read_of_it():
    drawn = draw_page(plant_folder() / "HP-200/HP-200_operating_manual.pdf", [13], width=300)
    page = soup(preview_html(record(), [chunk("on page 13"), chunk("elsewhere")], drawn, EN, 13))
    assert page.select_one("img") and "13 / 20" in text_of(page.select_one("nav"))
    only = soup(preview_html(record("a.md"), [chunk("all of it")], None, EN))
    assert not only.select("img") and "all of it" in text_of(only)


def test_jobs_say_how_far_they_are_and_what_became_of_files():
    steps = (FileStep("auto/a.pdf", "reading", 12, 340), FileStep("d.pdf", "reading"), FileStep("e.pdf", "left_out", reason="it is empty"),
             FileStep("f.md", "read", 1, 1))  # fmt: skip
    running = Job("1", "upload", JobState.RUNNING, "egon", "", "embed", 30, 120, {"a.pdf": "waiting"}, steps)
    ended = Job("2", "index", JobState.DONE, "egon", "", finished_at="now", files={"b.pdf": "done", "c.pdf": "it is empty"},
                steps=(FileStep("x/b.pdf", "read", 20, 20),))  # fmt: skip
    page = soup(jobs_html([running, ended], EN))
    assert page.select("progress")[0]["value"] == "25" and "indexing meanings 30/120" in text_of(page)
    assert [text_of(row) for row in page.select(".fc-files li")] == [
        "auto/a.pdf being read, page 12 of 340",
        "d.pdf being read",
        "e.pdf Left out: it is empty",
        "f.md read, 1 page",
        "b.pdf added · 20 pages",
        "c.pdf Left out: it is empty",
    ]
    assert "正在读取第 12 页，共 340 页" in jobs_html([running], ZH)
    assert under_way([running]) and not under_way([ended]) and jobs_html([], EN) == ""


def test_the_last_files_of_a_large_build_are_kept_and_all_that_failed():
    steps = FileSteps(most=3)
    for number in range(9):
        steps.note(FileStep(f"{number}.md", "reading", 1, 2))
        steps.note(FileStep(f"{number}.md", "left_out" if number < 2 else "read", 2, 2))
    steps.note(FileStep("now.pdf", "reading", 5, 9))
    assert [step.document_id for step in steps.shown()] == ["now.pdf", "0.md", "1.md", "8.md", "7.md", "6.md"]


def test_watched_folders_say_since_when_and_whether_they_are_there(tmp_path):
    there = WatchedFolder(str(tmp_path), "HP-200", "manual", "anna", "2026-01-02T03:04:05+00:00")
    page = soup(watched_html([there, replace(there, path="/no/such")], False, EN))
    assert "watched since 2026-01-02 03:04 UTC, by anna" in text_of(page) and "Manual" in text_of(page)
    assert [one["data-value"] for one in page.select("[data-fc=unwatch]")] == [str(tmp_path), "/no/such"]
    assert len(page.select(".fc-trouble")) == 1
    assert "No folder is watched" in watched_html([], False, EN) and "所有" in watched_html([], True, ZH)


def test_versions_show_figures_and_what_can_be_done():
    def version(name, current, state="promoted", **metrics):
        return VersionInfo(
            "router", name, Path(), datetime(2026, 1, 2, tzinfo=UTC), current, state, "better", {"metrics": metrics}
        )

    confusion = {"history": {"history": 9, "safety": 1}, "safety": {"safety": 4}}
    page = soup(versions_html([version("shipped", False, "shipped"), version("v0001", False, "damaged"),
                               version("v0002", True, accuracy=0.9, confusion=confusion)], EN))  # fmt: skip
    rows = page.select(".fc-document")
    assert [row.b.text for row in rows] == ["v0002", "v0001", "shipped"]
    assert [[one["data-fc"] for one in row.select("button")] for row in rows] == [["rollback"], [], ["promote"]]
    assert "accuracy: 0.900" in text_of(rows[0])
    assert [cell.text for cell in rows[0].select("td")] == ["9", "1", "", "4"]
    assert not soup(versions_html([version("shipped", True, "shipped")], EN)).select("button")


class Plant:
    """A service that knows some reports and one document."""

    def __init__(self):
        self.saved = []

    def machines(self, user):
        return ["HP-200"]

    def predict_fault(self, symptom, user):
        return {"component": Guess("seal", 0.9), "action": Guess("replace", 0.8)}

    def report_fault(self, fields, user):
        if fields.get("downtime_hours", 0) < 0:
            raise CopilotError("downtime_hours is -1; give 0 or more")
        self.saved.append(dict(fields))
        return "R-1"

    def fault_reports(self, user, find="", machine=None, limit=None, **limits):
        names = ("date", "machine", "component", "code", "symptom", "cause", "action", "failure_mode", "downtime_hours", "cost",
                 "report_id")  # fmt: skip
        rows = [("2026-01-02", "HP-200", "seal", "E-207", "oil leaking", None, None, None, 1.5, None, "R-7"),
                ("2026-01-01", "PK-3", None, None, "jam", None, None, None, None, None, "R-6")]  # fmt: skip
        reports = [SimpleNamespace(report=SimpleNamespace(**dict(zip(names, row, strict=True)))) for row in rows]
        return holding([one for one in reports if machine in (None, one.report.machine)], find)[:limit]

    def documents(self, user):
        return SimpleNamespace(records=(record(),), quarantined=())

    def jobs(self, user):
        return []

    def feedback_queue(self, user):
        user.require(Role.ENGINEER, "reviewing feedback")
        return []

    def routes(self):
        return ("history",)


def tab(kind):
    service = Plant()
    page = SimpleNamespace(service=service, words=lambda session: words_for(session.language), images=PageImages())
    return kind(page), service


def test_a_report_is_filled_in_from_the_conversation_and_the_symptom():
    faults, service = tab(Faults)
    assert from_answer(answer(codes=("E-207",), question="leak at the ram")) == {
        "machine": "HP-200", "code": "E-207", "symptom": "leak at the ram",
    }  # fmt: skip
    found, told = faults.suggest(Session(), LOCAL, "oil leaking at the ram")
    assert found == {"component": "seal"} and "Component: seal (90%)" in told
    assert faults.suggest(Session(), LOCAL, "oil") == ({}, "")
    assert faults.save(Session(), LOCAL, {"symptom": " ", "code": "E-207"}) == (False, "Say at least what happened.")
    ok, told = faults.save(Session(), LOCAL, {"symptom": "leak", "code": "", "downtime_hours": ""})
    assert ok and "R-1" in told and service.saved == [{"symptom": "leak"}]
    assert faults.save(Session(), LOCAL, {"symptom": "leak", "downtime_hours": -1})[1].startswith(
        "downtime_hours is -1"
    )


def test_reports_are_found_by_words_and_machine():
    faults, _ = tab(Faults)
    assert "1 of 1 reports" in faults.reports_html(Session(), LOCAL, None, "OIL e-207")
    assert "2 of 2 reports" in faults.reports_html(Session(), LOCAL, None, "")
    assert "没有故障记录" in faults.reports_html(Session(language="zh"), LOCAL, "PK-3", "oil")
    assert "find=oil+E-207" in faults.link(Session(), None, " oil E-207 ")
    assert "machine=HP-200" in faults.link(Session(), "HP-200") and "machine" not in faults.link(Session(), None)


def test_an_operator_is_offered_no_changes():
    operator = User("olga", Role.OPERATOR)
    library, _ = tab(Library)
    assert 'data-fc="remove"' not in library.documents(Session(), operator)
    assert 'data-fc="remove"' in library.documents(Session(), LOCAL)
    assert library.jobs(Session(), operator) == ("", False)
    training, _ = tab(Training)
    assert "takes the role engineer" in training.queue(Session(), operator)
    assert "Nothing waits" in training.queue(Session(), LOCAL)
