"""The store on disk: whole after kill -9, with many writers, on a full disk; and files in and out."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from finetune.errors import FeedbackError
from finetune.feedback import FeedbackStore
from finetune.feedback_tables import example_lines, raw_lines, read_table, write_lines
from finetune.review import Decision
from finetune.types import Feedback, Verdict

ROUTES = ("troubleshooting", "procedure", "out_of_scope")
REPOSITORY = Path(__file__).parents[2]
ENTRY = Feedback(
    "a1", "为什么 E-207?", "procedure", Verdict.DOWN, "troubleshooting", "wrong\nkind", ("c1", "c2"),
    datetime(2025, 3, 1, 12, tzinfo=UTC), 0.4, "Peter Kern",
)  # fmt: skip
WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from finetune.feedback import FeedbackStore
from finetune.types import Feedback, Verdict
store, name = FeedbackStore(Path(sys.argv[1])), sys.argv[2]
for number in range(int(sys.argv[3])):
    text = f"{name} {number} " + "why " * 200
    print(store.append(Feedback("", text, "procedure", Verdict.UP, None, "", (), datetime.now(UTC), author=name)), flush=True)
"""


@pytest.fixture
def store(tmp_path):
    return FeedbackStore(tmp_path / "feedback")


def numbered(number, **changes):
    return replace(ENTRY, question=f"question {number}", **changes)


def writer(folder, name, count):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(count)],
        stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
    )  # fmt: skip


def test_an_entry_comes_back_as_it_was_without_its_author(store):
    entry_id = store.append(ENTRY)
    (stored,) = store.all()
    assert stored.id == entry_id and len(entry_id) == 16
    assert replace(stored.feedback, author="") == replace(ENTRY, author="")
    assert stored.feedback.author == store.identity("peter  KERN") != store.identity("Peter Kerner")
    assert "Kern" not in (store.folder / "feedback.jsonl").read_text(encoding="utf-8")


def test_nobody_stays_nobody_and_another_home_hashes_differently(store, tmp_path):
    store.append(replace(ENTRY, author="  "))
    assert store.all()[0].feedback.author == ""
    assert store.identity("x") != FeedbackStore(tmp_path / "other").identity("x")


def test_the_same_entry_is_stored_once(store):
    assert store.append(ENTRY) == store.append(ENTRY)
    assert store.append(replace(ENTRY, created_at=datetime(2025, 3, 2))) != store.append(ENTRY)
    assert len(store.all()) == 2


def test_an_empty_store_reads_as_empty_and_creates_nothing(store):
    assert store.all() == () and store.pending() == [] and store.problems() == ()
    assert store.examples(ROUTES)[0] == ()
    assert not store.folder.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"question": " \n"}, "no question"),
        ({"question": "x" * 10_001}, "10001 characters"),
        ({"comment": "x" * 10_001}, "10001 characters"),
        ({"route": "", "corrected_route": None}, "no route"),
        ({"corrected_route": " "}, "is empty"),
        ({"confidence": float("nan")}, "from 0 to 1"),
        ({"confidence": 1.5}, "from 0 to 1"),
    ],
)
def test_entries_that_make_no_sense_are_refused_in_one_line(store, changes, said):
    with pytest.raises(FeedbackError, match=said) as caught:
        store.extend([ENTRY, replace(ENTRY, **changes)])
    assert "\n" not in str(caught.value)
    assert store.all() == ()


def test_half_a_character_from_a_browser_is_taken(store):
    store.append(replace(ENTRY, question="pump \ud83d leaks"))
    assert store.all()[0].feedback.question == "pump ? leaks"


def test_a_torn_last_line_is_set_aside_and_reported(store):
    store.append(numbered(1))
    path = store.folder / "feedback.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:60])
    assert [stored.feedback.question for stored in store.all()] == ["question 1"]
    assert path.read_bytes() == whole
    assert (store.folder / "feedback.jsonl.torn").read_bytes() == whole[:60] + b"\n"
    (problem,) = store.problems()
    assert "1 line(s) that a crash cut off" in problem
    store.append(numbered(2))
    assert len(store.all()) == 2


def test_what_was_torn_can_be_said_again(store):
    store.append(ENTRY)
    path = store.folder / "feedback.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    store.append(ENTRY)
    assert [stored.feedback.question for stored in store.all()] == [ENTRY.question]


def test_a_line_that_lacks_only_its_line_break_is_kept(store):
    store.append(numbered(1))
    path = store.folder / "feedback.jsonl"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    store.append(numbered(2))
    assert len(store.all()) == 2 and store.problems() == ()


def test_damaged_lines_are_named_and_lose_no_other(store):
    for number in range(3):
        store.append(numbered(number))
    path = store.folder / "feedback.jsonl"
    lines = path.read_bytes().split(b"\n")
    newer = lines[2].replace(b'"schema": 1', b'"schema": 9')
    path.write_bytes(b"\n".join([lines[0], b'{"id": 3}', b"\xff\xfe", b"[1]", b"\0" * 40, lines[1], newer, b""]))
    assert [stored.feedback.question for stored in store.all()] == ["question 0", "question 1"]
    problems = store.problems()
    assert [f"line {number} " in problem for number, problem in zip(range(2, 6), problems, strict=False)] == [True] * 4
    assert "schema 9" in problems[4]
    store.append(numbered(7))
    assert len(store.all()) == 3


def test_many_writers_lose_nothing_when_some_are_killed(store):
    store.append(ENTRY)
    writers = [writer(store.folder, f"w{number}", 100_000 if number < 3 else 40) for number in range(5)]
    promised = []

    def listen(process):
        for line in process.stdout:
            promised.append(line.strip())

    listeners = [threading.Thread(target=listen, args=(process,)) for process in writers]
    for thread in listeners:
        thread.start()
    deadline = time.monotonic() + 60
    while len(promised) < 60 and time.monotonic() < deadline:
        time.sleep(0.01)
    for process in writers[:3]:
        process.send_signal(signal.SIGKILL)
    for process, thread in zip(writers, listeners, strict=True):
        process.wait(60)
        thread.join(60)
        process.stdout.close()
    assert [process.returncode for process in writers[3:]] == [0, 0]
    stored = {one.id for one in store.all()}
    assert len(promised) >= 80 and set(promised) <= stored
    assert all("damaged" not in problem for problem in store.problems())
    assert len((store.folder / "feedback.jsonl").read_bytes().splitlines()) == len(stored)
    store.append(numbered(1))
    assert len(store.all()) == len(stored) + 1


def test_threads_share_a_store(store):
    threads = [
        threading.Thread(target=lambda start: [store.append(numbered(start + n)) for n in range(10)], args=(100 * t,))
        for t in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.all()) == 60


def test_a_full_disk_stores_nothing_and_harms_nothing(store, monkeypatch):
    store.append(numbered(1))
    before = (store.folder / "feedback.jsonl").read_bytes()
    real = os.write

    def full(handle, data):
        if len(data) > 20:
            return real(handle, bytes(data)[:20])  # what still fits
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(FeedbackError, match="disk is full"):
        store.append(numbered(2, comment="x" * 11))
    monkeypatch.undo()
    assert (store.folder / "feedback.jsonl").read_bytes() == before
    store.append(numbered(2))
    assert len(store.all()) == 2 and store.problems() == ()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_that_is_full(store):
    store.append(numbered(1))
    (store.folder / "reviews.jsonl").symlink_to("/dev/full")
    with pytest.raises(FeedbackError, match="disk is full"):
        store.review(store.all()[0].id, Decision.ACCEPT)
    assert len(store.all()) == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "feedback").write_text("a file")
    with pytest.raises(FeedbackError, match=r"cannot write to .*feedback"):
        FeedbackStore(tmp_path / "feedback").append(ENTRY)


def test_a_damaged_salt_is_an_error_with_the_remedy(store):
    store.append(ENTRY)
    (store.folder / "salt").write_text("oops")
    with pytest.raises(FeedbackError, match="restore it from a backup"):
        store.append(numbered(2))


def test_reviews_are_kept_and_take_effect(store):
    first, second, third = (store.append(numbered(number)) for number in range(3))
    store.review(first[:8], Decision.ACCEPT, reviewer="Boss", known_routes=ROUTES)
    store.review(second, Decision.CORRECT, "procedure", known_routes=ROUTES)
    assert [stored.id for stored, _ in store.pending()] == [third]
    store.review(third, Decision.DROP)
    again = FeedbackStore(store.folder)
    examples, report = again.examples(ROUTES)
    assert [(e.text, e.label) for e in examples] == [("question 0", "troubleshooting"), ("question 1", "procedure")]
    assert report.reviewed == 2 and "Boss" not in (store.folder / "reviews.jsonl").read_text()


@pytest.mark.parametrize(
    ("entry", "decision", "route", "said"),
    [
        ("ffffffff", Decision.DROP, None, "no feedback has the id 'ffffffff'"),
        ("", Decision.DROP, None, "no feedback has the id"),
        (None, Decision.CORRECT, "nonsense", "no route 'nonsense'; the routes are troubleshooting, procedure"),
        (None, Decision.CORRECT, None, "a route goes with correct only"),
        (None, Decision.DROP, "procedure", "a route goes with correct only"),
    ],
)
def test_reviews_that_make_no_sense(store, entry, decision, route, said):
    entry_id = store.append(ENTRY)
    with pytest.raises(FeedbackError, match=said):
        store.review(entry_id if entry is None else entry, decision, route, known_routes=ROUTES)
    assert store.reviews() == ()


# --- files ------------------------------------------------------------------------------------------------------------


def jsonl(tmp_path, *rows):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join(r if isinstance(r, bytes) else json.dumps(r).encode() for r in rows) + b"\n")
    return path


def test_bad_rows_are_named_by_line_and_lose_no_other(tmp_path):
    table = read_table(
        jsonl(
            tmp_path,
            {"question": "good", "route": "procedure"},
            b"",
            b'{"question": "cut',
            {"question": "q", "route": "nonsense"},
            {"text": "t", "label": "nonsense"},
            {"text": " ", "label": "procedure"},
            {"question": "q"},
            {"question": ["q"], "route": "procedure"},
            {"question": "q", "route": "procedure", "verdict": "meh"},
            {"question": "q", "route": "procedure", "created_at": "yesterday"},
            {"question": "q", "route": "procedure", "confidence": 7},
            "油".encode("gb18030"),
            b"[1]",
            {"text": "last", "label": "Out of scope", "colour": "red"},
        ),
        ROUTES,
    )
    assert [(e.question, e.route, e.corrected_route) for e in table.entries] == [
        ("good", "procedure", None), ("last", "", "out_of_scope"),
    ]  # fmt: skip
    assert [row.line for row in table.rejected] == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert "unknown route 'nonsense'; the routes are troubleshooting" in table.rejected[1].reason
    assert table.ignored_columns == ("colour",)


def test_a_file_cut_off_midway_gives_what_is_whole(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "a", "label": "procedure"}\n{"text": "b", "la')
    table = read_table(path, ROUTES)
    assert len(table.entries) == 1
    assert [(row.line, row.reason) for row in table.rejected] == [(2, "is cut off")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_in_the_encodings_of_spreadsheets(tmp_path, encoding, delimiter):
    rows = [
        ["Question", "route", "corrected_route", "author"],
        ["主轴为什么过热，怎么处理？", "procedure", "troubleshooting", "张伟"],
    ]
    path = tmp_path / "rows.csv"
    path.write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode(encoding))
    (feedback,) = read_table(path, ROUTES).entries
    assert feedback.question == rows[1][0] and feedback.author == "张伟"
    assert feedback.verdict is Verdict.DOWN and feedback.corrected_route == "troubleshooting"


def test_csv_rows_of_the_wrong_width_and_open_quotes_are_named(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('text,label\n"two\nlines",procedure\na, b,procedure\nc,procedure\nd,"never closed\ne,procedure\n')
    table = read_table(path, ROUTES)
    assert [entry.question for entry in table.entries] == ["two\nlines", "c"]
    assert [row.line for row in table.rejected] == [4, 6]
    assert "3 cells, the header has 2" in table.rejected[0].reason and "quotes" in table.rejected[1].reason


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"text,label\n", "a header and no rows"),
        ("a.csv", b"frage,antwort\nx,y\n", "has the columns frage, antwort; needed are question with route"),
        ("a.csv", b"text,label,label\nx,y,z\n", "column 'label' twice"),
        ("a.csv", "text,label\nÖl,procedure\n".encode("cp1252"), "neither UTF-8, UTF-16 nor GB18030"),
        ("a.csv", b"PK\x03\x04\x00\x00\x08\x00" * 20, "neither UTF-8"),
        ("a.jsonl", '{"text": "a"}'.encode("utf-16"), "not UTF-8"),
        ("a.jsonl", b'{"text": "a", "label": "nonsense"}\n', "none of its 1 rows can be taken; line 1: has the unknown label"),
        ("missing.csv", None, "cannot be read"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read_say_so_in_one_line(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(FeedbackError, match=said) as caught:
        read_table(tmp_path / name, ROUTES)
    assert "\n" not in str(caught.value)


def test_importing_again_adds_nothing(store, tmp_path):
    path = jsonl(
        tmp_path,
        {"text": "a", "label": "procedure"},
        {"text": "a", "label": "procedure"},
        {"text": "b", "label": "procedure"},
    )
    for expected in (2, 0):
        table = read_table(path, ROUTES)
        assert store.extend(table.entries, "import", table.timeless).new == expected
    assert len(store.all()) == 2


def test_a_raw_export_comes_back_as_the_same_entries(store, tmp_path):
    store.append(ENTRY)
    store.append(numbered(2, author=""))
    store.review(store.all()[0].id, Decision.ACCEPT)
    path = tmp_path / "raw.jsonl"
    write_lines(path, raw_lines(store.all(), store.reviews()))
    table = read_table(path, ROUTES, author="")
    assert table.rejected == () and table.ignored_columns == ()
    assert store.extend(table.entries, "import", table.timeless).new == 0
    other = FeedbackStore(tmp_path / "other")
    assert other.extend(table.entries, "import", table.timeless).ids == tuple(stored.id for stored in store.all())


def test_exported_examples_are_masked_and_whole(store, tmp_path):
    store.append(replace(ENTRY, question="ask Peter, +49 170 1234567, about E-207"))
    path = tmp_path / "train.jsonl"
    write_lines(path, example_lines(store.examples(ROUTES)[0]))
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "text": "ask <name>, <phone>, about E-207", "label": "troubleshooting",
    }  # fmt: skip
    with pytest.raises(FeedbackError, match="is a folder"):
        write_lines(tmp_path, [])
    with pytest.raises(FeedbackError, match="cannot be written"):
        write_lines(tmp_path / "nowhere" / "x.jsonl", [])
