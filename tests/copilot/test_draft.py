"""Drafted questions: the format `eval` reads, true to their pages, the same for the same seed, both languages, all kinds."""

from __future__ import annotations

import json

import pytest

from copilot import draft as drafting
from copilot.cli import run
from copilot.evaluate import gold_question
from indexer.home import Home
from indexer.store import Index


@pytest.fixture(scope="module")
def index(plant_home):
    with Index.open(Home(plant_home)) as opened:
        yield opened


def flat(text):
    return "".join(text.split())


def test_what_is_expected_stands_on_the_page_named(index):
    found = drafting.drafts(index, 200)
    assert len(found) == 200
    for one in found:
        if one.expected is not None:
            texts = [
                chunk.text
                for chunk in index.document_chunks(one.document)
                if chunk.pages[0] <= one.page <= chunk.pages[1]
            ]
            assert any(flat(one.expected) in flat(text) for text in texts), one
        assert (one.document is None) == (one.kind == "unknown_code")


def test_kinds_languages_and_machines_take_turns(index):
    found = drafting.drafts(index, 60)
    assert {one.kind for one in found} == set(drafting.KINDS)
    assert {one.language for one in found} == {"en", "zh"}
    assert {one.machine for one in found} == {"HP-200", "VM-5", "PK-3", "AC-75"}
    assert all(one.language == "zh" for one in found if one.machine == "AC-75" and one.kind == "procedure")
    assert len({(one.machine, one.question) for one in found}) == 60


def test_the_seed_decides(index):
    assert drafting.drafts(index, 30, seed=1) == drafting.drafts(index, 30, seed=1)
    assert drafting.drafts(index, 30, seed=1) != drafting.drafts(index, 30, seed=2)
    assert {one.machine for one in drafting.drafts(index, 20, machine="VM-5")} == {"VM-5"}


def test_codes_that_nothing_defines(index):
    unknown = [one for one in drafting.drafts(index, 120) if one.kind == "unknown_code"]
    assert unknown
    for one in unknown:
        assert not index.lookup_codes(one.question, one.machine)


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("7.5 Changing the tool", "changing the tool"),
        ("7.5 更换变频器散热风扇", "更换变频器散热风扇"),
        ("Table 8: Maintenance intervals", "maintenance intervals"),
        ("PK-3 packaging line", "PK-3 packaging line"),
        ("CNC start", "CNC start"),
        ("3", ""),
        ("A", ""),
    ],
)
def test_titles(heading, title):
    assert drafting._bare_title(heading) == title


def test_the_command(plant_home, capsys, tmp_path):
    where = ["--home", str(plant_home)]
    assert run(["eval", "draft", "--count", "12", "--json", *where]) == 0
    written = capsys.readouterr()
    lines = [json.loads(line) for line in written.out.splitlines()]
    assert len(lines) == 12 and "12 drafts" in written.err
    assert all(line["draft"] and gold_question(1, line).question for line in lines)
    file = tmp_path / "questions.jsonl"
    assert run(["eval", "draft", "--count", "12", "--output", str(file), *where]) == 0
    assert [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] == lines
    capsys.readouterr()
    assert run(["eval", "draft", "--output", str(file), *where]) == 1
    assert "is there already" in capsys.readouterr().err
    assert run(["eval", "draft", "--machine", "XY", *where]) == 1
    assert run(["eval", "draft", "--count", "0", *where]) == 2
    capsys.readouterr()


def test_drafts_can_be_scored(own_home, plant_home, capsys, tmp_path):
    for part in ("index", "documents"):
        (own_home / part).symlink_to(plant_home / part, target_is_directory=True)
    file = tmp_path / "questions.jsonl"
    assert run(["eval", "draft", "--count", "10", "--output", str(file), "--home", str(own_home)]) == 0
    assert run(["eval", "retrieval", str(file), "--json", "--home", str(own_home)]) == 0
    written = capsys.readouterr()
    assert json.loads(written.out)["hit@5"] > 0.5
    assert "drafts that nobody confirmed" in written.err
