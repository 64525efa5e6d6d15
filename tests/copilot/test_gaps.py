"""The log of unanswered questions: appended by many, read after damage, put together by machine and meaning."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from copilot import gaps
from copilot.cli import run
from tests.fakes import HashingEmbedder

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def gap(question, machine=None, hours=0, nearest=()):
    return gaps.Gap(
        question, machine, "en", "specification", "no_evidence", 0.1, nearest, "v1", "cli", NOON + timedelta(hours=hours)
    )  # fmt: skip


def test_what_is_appended_is_read_again(tmp_path):
    first = gap("How long is the belt?", "PK-3", 1, (("PK-3/manual.md", 1),))
    second = gap("皮带多长？", None, 2)
    gaps.append(tmp_path, first)
    gaps.append(tmp_path, second)
    assert gaps.read(tmp_path) == [first, second]


def test_many_writers_and_a_torn_line(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: gaps.append(tmp_path, gap(f"question {n}")), range(40)))
    file = tmp_path / gaps.FILE
    file.write_bytes(file.read_bytes() + b'{"schema": 1, "question": "cut o')
    gaps.append(tmp_path, gap("after the crash", hours=1))
    found = [one.question for one in gaps.read(tmp_path)]
    assert sorted(found[:-1]) == sorted(f"question {n}" for n in range(40))
    assert found[-1] == "after the crash"


def test_lines_of_another_program_are_passed_over(tmp_path):
    gaps.append(tmp_path, gap("a"))
    file = tmp_path / gaps.FILE
    file.write_bytes(b'{"schema": 99}\n[1]\nnot json\n' + file.read_bytes())
    assert [one.question for one in gaps.read(tmp_path)] == ["a"]


def test_no_log_is_an_empty_one(tmp_path):
    assert gaps.read(tmp_path) == [] and not (tmp_path / gaps.FILE).exists()


def test_clusters_by_machine_and_meaning():
    asked = [
        gap("belt length of the conveyor", "PK-3", 0, (("m.md", 1),)),
        gap("conveyor belt length", "PK-3", 2, (("m.md", 1), ("m.md", 2))),
        gap("conveyor belt length", "PK-3", 3),
        gap("refrigerant in the cooler", "PK-3", 1),
        gap("conveyor belt length", "VM-5", 4),
    ]
    found = gaps.clusters(asked, HashingEmbedder(64).embed_questions)
    assert [(one.machine, len(one.gaps)) for one in found] == [("PK-3", 3), ("VM-5", 1), ("PK-3", 1)]
    assert found[0].question == "conveyor belt length"
    assert found[0].nearest[0] == ("m.md", 1)
    assert (found[0].first, found[0].last) == (asked[0].created_at, asked[2].created_at)


def test_clusters_of_nothing_and_of_one():
    embed = HashingEmbedder(64).embed_questions
    assert gaps.clusters([], embed) == []
    assert [one.question for one in gaps.clusters([gap("alone")], embed)] == ["alone"]


@pytest.fixture
def gap_home(own_home, plant_home):
    """A home of its own that shares the plant's index, so that a log can be written to it."""
    for part in ("index", "documents"):
        (own_home / part).symlink_to(plant_home / part, target_is_directory=True)
    return own_home


def test_ask_logs_a_gap_only_when_told(gap_home, capsys):
    question = (
        "How much refrigerant does the cabinet cooler of the packing line hold? Call Peter Miller, peter@plant.example"
    )
    assert run(["ask", question, "--machine", "PK-3", "--home", str(gap_home)]) == 0
    assert "--log-gap" in capsys.readouterr().err
    assert gaps.read(gap_home) == []
    assert run(["ask", question, "--machine", "PK-3", "--log-gap", "--json", "--home", str(gap_home)]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "no_evidence"
    assert run(["ask", "What does alarm E-207 mean?", "--machine", "HP-200", "--log-gap", "--home", str(gap_home)]) == 0
    capsys.readouterr()
    [logged] = gaps.read(gap_home)
    assert logged.machine == "PK-3" and "<email>" in logged.question and "peter@" not in logged.question
    assert logged.nearest and logged.status == "no_evidence"
    again = replace(logged, question="refrigerant charge of the packing line's cabinet cooler", created_at=NOON)
    gaps.append(gap_home, again)
    assert run(["eval", "gaps", "--json", "--home", str(gap_home)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["n"] == 2
    assert [cluster["count"] for cluster in report["clusters"]] == [2]
    assert run(["eval", "gaps", "--home", str(gap_home)]) == 0
    assert "PK-3" in capsys.readouterr().out


def test_gaps_without_any(own_home, capsys):
    assert run(["eval", "gaps", "--home", str(own_home)]) == 0
    assert "--log-gap" in capsys.readouterr().out
