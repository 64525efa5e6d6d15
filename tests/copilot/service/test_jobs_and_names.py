"""Jobs, names of uploads, admission, rate limit, tables for spreadsheets, sudden rises: small parts by themselves."""

from __future__ import annotations

import threading
import time
from datetime import date, timedelta

import pytest

from copilot.service.admission import Admission, RateLimit
from copilot.service.errors import BusyError, LimitError, ServiceError, TimedOutError
from copilot.service.jobs import Jobs, JobState
from copilot.service.statistics import _rises
from copilot.service.tables import csv_text
from copilot.service.uploads import safe_parts


def soon(seconds=5.0):
    return time.monotonic() + seconds


def test_questions_take_turns_and_too_many_are_refused():
    admission = Admission(running=1, waiting=1)
    order = []

    def wait():
        with admission.slot(soon()):
            order.append("second")

    with admission.slot(soon()):
        thread = threading.Thread(target=wait)
        thread.start()
        while not admission.waiting:
            time.sleep(0.001)
        with pytest.raises(BusyError) as refused, admission.slot(soon()):
            pass
        assert refused.value.retry_after_s == 5
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert (admission.running, admission.waiting) == (0, 0)


def test_no_turn_in_time_is_told_and_leaves_no_trace():
    admission = Admission(running=1, waiting=5)
    with admission.slot(soon()):
        with pytest.raises(TimedOutError), admission.slot(soon(0.01)):
            pass
        assert admission.waiting == 0


def test_closing_lets_those_admitted_finish():
    admission = Admission(running=2, waiting=5)
    with admission.slot(soon()):
        assert not admission.close(0.01)
        with pytest.raises(BusyError, match="shutting down"), admission.slot(soon()):
            pass
    assert admission.close(1)


def test_the_rate_of_one_does_not_bind_another():
    now = [0.0]
    limit = RateLimit(2, lambda: now[0])
    limit.take("anna")
    limit.take("anna")
    with pytest.raises(LimitError) as refused:
        limit.take("anna")
    assert refused.value.retry_after_s == pytest.approx(30)
    limit.take("bert")
    now[0] += 31
    limit.take("anna")


def test_jobs_of_a_lane_go_one_after_the_other_and_failures_are_told():
    ended = []
    jobs = Jobs(ended.append)
    running = threading.Event()

    def first(update):
        running.wait(5)
        update(stage="read", done=1, total=2)

    def second(update):
        raise ServiceError("this\nwent wrong")

    one, two = jobs.add("index", "anna", first, ["a.md"]), jobs.add("index", "anna", second)
    while jobs.find(one).state is not JobState.RUNNING:
        time.sleep(0.001)
    assert jobs.find(two).state is JobState.WAITING
    assert jobs.find(one).files == {"a.md": "waiting"}
    running.set()
    jobs.stop()
    assert (jobs.find(one).state, jobs.find(one).stage) == (JobState.DONE, "read")
    jobs = Jobs(ended.append)
    two = jobs.add("index", "anna", second)
    while not jobs.find(two).finished_at:
        time.sleep(0.001)
    assert jobs.find(two).error == "this went wrong"
    assert jobs.all()[0].state is JobState.FAILED


@pytest.mark.parametrize(
    "name, parts",
    [
        ("manual.pdf", ["manual.pdf"]),
        ("../../etc/passwd", ["etc", "passwd"]),
        ("..\\..\\boot.ini", ["boot.ini"]),
        ("C:\\plant\\HP 200.pdf", ["plant", "HP 200.pdf"]),
        (".hidden.md", ["hidden.md"]),
        ("a/b/c/d/e/f.md", ["c", "d", "e", "f.md"]),
        ("<img src=x onerror=1>.md", ["_img src=x onerror=1_.md"]),
        ("con.txt", ["_con.txt"]),
        ("手册.pdf", ["手册.pdf"]),
        ("x\x00y\n.md", ["x_y_.md"]),
    ],
)
def test_names_from_outside_are_made_safe(name, parts):
    assert safe_parts(name) == parts


@pytest.mark.parametrize("name", ["", ".", "..", "/", "../..", "   ", "C:\\"])
def test_no_name_is_refused(name):
    with pytest.raises(ServiceError, match="no name"):
        safe_parts(name)


def test_long_names_keep_their_suffix():
    (part,) = safe_parts("x" * 500 + ".pdf")
    assert len(part) == 120 and part.endswith(".pdf")


def test_a_spreadsheet_runs_nothing():
    cells = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "  =1", "plain", "5-7", -5, None]
    text = csv_text(["=h"], [{"=h": cell} for cell in cells])
    rows = text.removeprefix("\ufeff").split("\r\n")
    assert rows[0] == "'=h"
    for row in rows[1:8]:
        assert row.lstrip('"').startswith("'")
    assert rows[8:11] == ["plain", "5-7", "-5"]


def test_a_sudden_rise_is_told_from_chance():
    last = date(2024, 6, 3)
    quiet = {last - timedelta(days=7 * back): 1 for back in range(1, 13)}
    assert _rises({("all", ""): {**quiet, last: 2}}, last) == []
    ((rise),) = _rises({("code", "E1"): {**quiet, last: 9}, ("code", "E2"): {last: 1}}, last)
    assert (rise.by, rise.key, rise.reports, rise.usual) == ("code", "E1", 9, 1.0)
