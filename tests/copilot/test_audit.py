"""The audit log: chained, durable, private; whatever is done to it is found and named."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from copilot.audit import AuditLog


@pytest.fixture
def log(tmp_path):
    made = AuditLog(tmp_path / "audit")
    for number in range(5):
        made.record("ask", "anna", f"question {number}", "10.0.0.1", status="answered", documents=["a.pdf"])
    return made


def lines_of(log):
    return (log.folder / "log.jsonl").read_bytes().splitlines(keepends=True)


def rewritten(log, lines):
    (log.folder / "log.jsonl").write_bytes(b"".join(lines))
    return AuditLog(log.folder).verify().problems


def test_a_whole_log_verifies_and_goes_on(log):
    assert log.verify().problems == ()
    AuditLog(log.folder).record("ask", "bert", "another")  # another process
    log.record("ask", "anna", "and on")
    verdict = log.verify()
    assert (verdict.lines, verdict.problems) == (7, ())
    assert [event["text"] for event in log.events()][-2:] == ["another", "and on"]


def test_many_threads_make_one_chain(log):
    threads = [
        threading.Thread(target=lambda: [log.record("ask", "x", "y") for _ in range(10)]) for _ in range(4)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdict = log.verify()
    assert (verdict.lines, verdict.problems) == (45, ())


def test_a_changed_line_is_named(log):
    lines = lines_of(log)
    lines[2] = lines[2].replace(b"anna", b"eve!")
    assert any("line 4 does not follow" in problem for problem in rewritten(log, lines))


def test_the_last_line_changed_is_named(log):
    lines = lines_of(log)
    lines[4] = lines[4].replace(b"anna", b"eve!")
    assert any("line 5 was changed" in problem for problem in rewritten(log, lines))


def test_a_line_taken_out_moved_or_cut_off_is_named(log):
    lines = lines_of(log)
    assert any("line 3 does not follow" in p for p in rewritten(log, [*lines[:2], *lines[3:]]))
    assert any("does not follow" in p for p in rewritten(log, [lines[1], lines[0], *lines[2:]]))
    assert rewritten(log, lines[:3]) == ("2 line(s) are missing at the end, from line 4 on",)
    assert any("line 2 cannot be read" in p for p in rewritten(log, [lines[0], b"nonsense\n", *lines[2:]]))


def test_a_torn_line_is_named_and_set_aside_by_the_next_event(log):
    with (log.folder / "log.jsonl").open("ab") as file:
        file.write(b'{"n": 6, "time"')
    assert any("line 6 is torn" in problem for problem in log.verify().problems)
    log.record("ask", "anna", "after the crash")
    verdict = log.verify()
    assert verdict.lines == 6
    assert len(verdict.problems) == 1 and "set aside" in verdict.problems[0]


def test_a_changed_text_is_named(log):
    import sqlite3

    with sqlite3.connect(log.folder / "texts.sqlite") as db:
        db.execute("UPDATE texts SET text = 'harmless' WHERE n = 2")
    assert log.verify().problems == ("the text of line 2 was changed",)


def test_texts_go_when_their_time_is_over_and_the_chain_stays(log):
    assert log.forget(30) == 0
    assert log.forget(30, datetime.now(UTC) + timedelta(days=31)) == 5
    verdict = log.verify()
    assert (verdict.lines, verdict.problems) == (6, ())
    assert [event["text"] for event in log.events()] == [None] * 6
    assert b"question 3" not in b"".join(path.read_bytes() for path in log.folder.iterdir() if path.is_file())


def test_pseudonyms_hide_names_and_addresses(tmp_path):
    log = AuditLog(tmp_path / "audit", pseudonyms=True)
    for name in ("anna", "bert", "anna"):
        log.record("ask", name, "x", "10.0.0.1")
    written = (tmp_path / "audit" / "log.jsonl").read_text()
    assert "anna" not in written and "10.0.0.1" not in written
    first, second, third = (json.loads(line)["who"] for line in written.splitlines())
    assert first == third != second
    assert AuditLog(tmp_path / "other", pseudonyms=True).who("anna") != first
