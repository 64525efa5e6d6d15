"""`copilot feedback ...`: what is printed, what is stored, which exit code."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from copilot.commands import feedback
from copilot.commands.common import UsageError
from copilot.config import load_settings
from finetune.errors import FeedbackError
from finetune.feedback import FeedbackStore

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def settings(tmp_path):
    return load_settings(tmp_path / "home", environment={})


@pytest.fixture
def store(settings):
    return FeedbackStore(settings.home / "feedback")


@pytest.fixture
def add(settings, capsys):
    """Store one entry; return its id."""

    def call(question, route="procedure", correct=None, verdict=None, author="", comment=""):
        assert feedback.add(settings, question.split(" "), route, verdict, correct, author, comment, True) == 0
        return json.loads(capsys.readouterr().out)["id"]

    return call


def review(settings, entry=None, accept=False, correct=None, drop=False, as_json=False, ask=None):
    return feedback.review(settings, entry, accept, correct, drop, "", as_json, ask)


def test_list_shows_the_newest_first_and_masks(settings, add, capsys):
    add("ask Peter about E-207", author="Anna")
    entry = add("how often to grease", "procedure", "maintenance", comment="call 13812345678")
    assert feedback.list_entries(settings, None, None, 20, True) == 0
    listed = json.loads(capsys.readouterr().out)
    assert set(listed) == {"total", "entries", "problems"} and listed["total"] == 2
    first, second = listed["entries"]
    assert first["id"] == entry and first["verdict"] == "down" and first["corrected_route"] == "maintenance"
    assert first["comment"] == "call <phone>" and first["review"] is None
    assert second["question"] == "ask <name> about E-207" and second["verdict"] == "up"
    assert second["author"].startswith("u-")
    assert feedback.list_entries(settings, None, "down", 20, False) == 0
    shown = capsys.readouterr().out
    assert entry[:8] in shown and "maintenance" in shown and "E-207" not in shown


def test_list_limits_and_dates(settings, add, capsys):
    for number in range(3):
        add(f"question {number}")
    feedback.list_entries(settings, None, None, 2, False)
    assert "2 of 3; --limit 0 shows all." in capsys.readouterr().out
    feedback.list_entries(settings, "2020-02", None, 0, True)
    assert json.loads(capsys.readouterr().out)["total"] == 3
    feedback.list_entries(settings, "2199", None, 0, False)
    assert capsys.readouterr().out == "No feedback matches.\n"
    for wrong in ("last week", "2025-13", "0000"):
        with pytest.raises(UsageError, match="write YYYY"):
            feedback.list_entries(settings, wrong, None, 0, False)


def test_an_empty_home_stays_empty(settings, tmp_path, capsys):
    assert feedback.list_entries(settings, None, None, 20, False) == 0
    assert review(settings, as_json=True) == 0
    assert feedback.export(settings, tmp_path / "x.jsonl", False, False) == 0
    assert (tmp_path / "x.jsonl").read_bytes() == b"" and not settings.home.exists()


def test_one_decision_by_id(settings, add, store, capsys):
    accepted, corrected, dropped = add("a b"), add("c d"), add("e f")
    assert review(settings, accepted[:6], accept=True) == 0
    assert review(settings, corrected, correct="safety", as_json=True) == 0
    assert review(settings, dropped, drop=True) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{accepted[:8]}: accepted" and lines[2].endswith(": dropped")
    assert json.loads(lines[1])["review"]["route"] == "safety"
    assert [(e.text, e.label) for e in store.examples()[0]] == [("a b", "procedure"), ("c d", "safety")]
    assert store.pending() == []


@pytest.mark.parametrize(
    "wrong",
    [{"entry": "abcd"}, {"accept": True}, {"correct": "safety"}, {"drop": True}, {"entry": "abcd", "correct": "x"}],
)
def test_half_a_decision_is_wrong_usage(settings, add, wrong):
    add("a b")
    with pytest.raises(UsageError):
        review(settings, **wrong)


def test_an_unknown_id_is_our_error(settings, add):
    add("a b")
    with pytest.raises(FeedbackError, match="no feedback has the id 'zzzz'"):
        review(settings, "zzzz", accept=True)


def test_the_queue_as_json(settings, add, capsys):
    add("q one", "procedure")
    add("q one", "procedure", "safety", author="A")
    assert review(settings, as_json=True) == 0
    queue = json.loads(capsys.readouterr().out)
    assert [entry["contradicted"] for entry in queue["pending"]] == [True, True]
    assert queue["pending"][0]["verdict"] == "down" and "safety" in queue["routes"]


def test_without_a_terminal_the_interview_is_refused(settings, add, monkeypatch):
    add("a b")
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115
    with pytest.raises(UsageError, match="no terminal"):
        review(settings)


def test_the_interview_stores_every_decision_at_once(settings, add, store, capsys):
    ids = [add(f"question {number}", "procedure") for number in range(6)]
    said = iter(["a", "x", "c", "nonsense", "safety", "c", "", "d", "s", "c", "2", "q"])
    seen = []

    def ask(prompt):
        seen.append(len(store.reviews()))
        return next(said)

    assert review(settings, ask=ask) == 0
    by_id = {one.feedback_id: (one.decision.value, one.route) for one in store.reviews()}
    assert by_id == {
        ids[0]: ("accept", None), ids[1]: ("correct", "safety"), ids[2]: ("drop", None), ids[4]: ("correct", "procedure"),
    }  # fmt: skip
    assert seen == [0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    out = capsys.readouterr().out
    assert "question 3" in out and out.rstrip().endswith("4 decided, 1 skipped, 1 left.")


def test_the_end_of_input_ends_the_interview(settings, add, store, capsys):
    add("a b")

    def ask(prompt):
        raise EOFError

    assert review(settings, ask=ask) == 0
    assert "0 decided, 0 skipped, 1 left." in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_the_interview_on_a_terminal(settings, add, store):
    import pty

    add("ask Peter about the pump")
    ours, theirs = pty.openpty()
    program = (
        "from copilot.commands import feedback; from copilot.config import load_settings; from pathlib import Path; import sys\n"
        "feedback.review(load_settings(Path(sys.argv[1])), None, False, None, False, 'Boss', False)"
    )
    os.write(ours, b"c\nsafety\n")
    done = subprocess.run(
        [sys.executable, "-c", program, str(settings.home)], stdin=theirs, capture_output=True, text=True,
        cwd=REPOSITORY, timeout=60, check=False,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, done.stderr
    assert "ask <name> about the pump" in done.stdout and "1 decided, 0 skipped, 0 left." in done.stdout
    assert [one.route for one in store.reviews()] == ["safety"]


def test_export_writes_training_rows_and_reports(settings, add, tmp_path, capsys):
    add("ask Peter how to bleed it", "procedure", author="A")
    add("is it safe", "procedure", "safety", author="A")
    add("is it safe", "procedure", author="B")
    file = tmp_path / "train.jsonl"
    assert feedback.export(settings, file, False, True) == 0
    done = capsys.readouterr()
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"text": "ask <name> how to bleed it", "label": "procedure"}
    ]
    told = json.loads(done.out)
    assert told["rows"] == 1 and told["report"]["contradictions"][0]["decided_by"] == "tie"
    assert "undecided" in done.err
    assert feedback.export(settings, Path("-"), False, False) == 0
    assert json.loads(capsys.readouterr().out)["label"] == "procedure"
    with pytest.raises(UsageError):
        feedback.export(settings, Path("-"), False, True)


def test_export_raw_keeps_everything(settings, add, tmp_path, capsys):
    entry = add("ask Peter")
    review(settings, entry, drop=True)
    capsys.readouterr()
    assert feedback.export(settings, tmp_path / "raw.jsonl", True, False) == 0
    (row,) = [json.loads(line) for line in (tmp_path / "raw.jsonl").read_text().splitlines()]
    assert row["question"] == "ask Peter" and row["review"]["decision"] == "drop"
    assert os.name != "posix" or (tmp_path / "raw.jsonl").stat().st_mode & 0o077 == 0


def test_import_names_what_it_leaves_out(settings, store, tmp_path, capsys):
    file = tmp_path / "rows.csv"
    file.write_text("text,label,shift\ndoor stuck,troubleshooting,A\noil?,nonsense,B\ndoor stuck,troubleshooting,A\n")
    assert feedback.import_file(settings, file, "import", False, True) == 3
    done = capsys.readouterr()
    told = json.loads(done.out)
    assert (told["added"], told["duplicates"]) == (1, 1) and told["ignored_columns"] == ["shift"]
    assert told["quarantined"] == [{"line": 3, "reason": told["quarantined"][0]["reason"]}]
    assert done.err.count("Error: line 3 of") == 1 and "unknown label 'nonsense'" in done.err
    assert feedback.import_file(settings, file, "import", False, False) == 3
    assert capsys.readouterr().out == "0 entries added, 2 were there already, 1 rows left out.\n"
    (stored,) = store.all()
    assert stored.source == "import" and stored.feedback.author == store.identity("import")


def test_imported_rows_may_count_as_reviewed(settings, store, tmp_path, capsys):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"text": f"door {n}", "label": "safety"}) + "\n" for n in range(60)))
    assert feedback.import_file(settings, file, "import", False, False) == 0
    assert store.examples()[1].examples == 20
    assert feedback.import_file(settings, file, "import", True, True) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["accepted"] == 60
    assert store.examples()[1].examples == 60 and store.pending() == []
    assert feedback.import_file(settings, file, "import", True, False) == 0
    assert len(store.reviews()) == 60


def test_add_checks_what_it_is_given(settings, store):
    for changes in ({"route": "nonsense"}, {"correct": "nonsense"}, {"route": None, "correct": None}, {"words": [" "]}):
        given = {"words": ["pump"], "route": "procedure", "verdict": None, "correct": None, **changes}
        with pytest.raises(UsageError):
            feedback.add(settings, **given, author="", comment="", as_json=False)
    assert store.all() == ()


def test_a_plants_own_routes_count(tmp_path, capsys):
    routes = tmp_path / "routes.toml"
    routes.write_text('[welding]\ndescription = "x"\nform = "auto"\nseeds = ["weld?"]\n')
    settings = load_settings(tmp_path / "home", flags={"copilot": {"routes": str(routes)}}, environment={})
    assert feedback.add(settings, ["arc"], "welding", None, None, "", "", False) == 0
    with pytest.raises(UsageError, match="choose from welding"):
        feedback.add(settings, ["arc"], "procedure", None, None, "", "", False)


def test_damage_is_reported_beside_the_result(settings, add, store, capsys):
    add("a b")
    with (store.folder / "feedback.jsonl").open("ab") as file:
        file.write(b'{"id": "cut off')
    assert feedback.list_entries(settings, None, None, 20, True) == 0
    done = capsys.readouterr()
    assert json.loads(done.out)["total"] == 1 and len(json.loads(done.out)["problems"]) == 1
    assert done.err.startswith("Note: ") and "cut off" in done.err


@pytest.mark.parametrize(
    ("options", "words", "expected"),
    [
        (feedback.add_list, ["--since", "2025", "--verdict", "up", "--limit", "0"], {"since": "2025", "limit": 0}),
        (
            feedback.add_review,
            ["--id", "ab12", "--correct", "safety"],
            {"id": "ab12", "correct": "safety", "accept": False},
        ),
        (feedback.add_export, ["-", "--raw"], {"file": Path("-"), "raw": True}),
        (feedback.add_import, ["x.csv", "--accept"], {"author": "import", "accept": True}),
        (feedback.add_add, ["why", "so", "--correct", "safety"], {"words": ["why", "so"], "route": None}),
    ],
)
def test_options(options, words, expected):
    parser = argparse.ArgumentParser()
    options(parser)
    parsed = vars(parser.parse_intermixed_args(words))
    assert expected.items() <= parsed.items()
