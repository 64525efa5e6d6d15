"""Files of questions: one object per line, in order, with the ids given; a bad line loses nothing else."""

from __future__ import annotations

import json

import pytest

GOOD = [
    {"id": "a", "question": "What does E-207 mean?", "machine": "HP-200"},
    {"id": 7, "question": "err 3 是什么原因？", "machine": "AC-75"},
    {"question": "At what pressure does the relief valve open?"},
]


def written(tmp_path, *lines: object) -> str:
    file = tmp_path / "questions.jsonl"
    file.write_bytes(
        b"\n".join(line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode() for line in lines)
    )
    return str(file)


@pytest.mark.parametrize(("verb", "also"), [("search", ("-k", "2")), ("ask", ()), ("route", ())])
def test_ids_and_order_are_kept(command, plant_home, tmp_path, verb, also):
    ran = command(verb, "--file", written(tmp_path, *GOOD), *also, "--json", "--home", plant_home)
    assert ran.code == 0, ran.err
    lines = ran.lines()
    assert [line["question"] for line in lines] == [line["question"] for line in GOOD]
    assert [line["id"] for line in lines[:2]] == ["a", 7]
    if verb == "search":
        assert all(set(line) == {"id", "question", "hits"} and len(line["hits"]) == 2 for line in lines)
        assert lines[0]["hits"][0]["document"].startswith("HP-200/")
    if verb == "ask":
        assert lines[1]["citations"][0]["document"] == "AC-75/AC-75_manual_zh.pdf"


def test_bad_lines_are_named_and_nothing_else_is_lost(command, plant_home, tmp_path):
    file = written(
        tmp_path,
        GOOD[0],
        b"",
        b'{"id": "broken", "question": ',
        "\u6cb9".encode("gb18030") + b" oil",
        {"id": "empty", "question": "  "},
        {"id": "list", "question": ["x"]},
        b"[1, 2]",
        {"id": "stranger", "question": "pump", "machine": "XY-1"},
        {"id": "last", "question": "pump"},
    )
    ran = command("search", "--file", file, "-k", 1, "--json", "--home", plant_home)
    assert ran.code == 3
    lines = ran.lines()
    assert [line.get("line") for line in lines] == [None, 3, 4, 5, 6, 7, 8, None]
    assert [line["id"] for line in lines] == ["a", None, None, "empty", "list", None, "stranger", "last"]
    assert "not JSON" in lines[1]["error"] and "not UTF-8" in lines[2]["error"]
    assert "the machines are" in lines[6]["error"]
    assert len(lines[-1]["hits"]) == 1
    assert ran.err.count("Error: line ") == 6


def test_questions_from_stdin(command, plant_home):
    ran = command("route", "--file", "-", "--json", "--home", plant_home, stdin=json.dumps(GOOD[0]).encode())
    assert ran.json()["id"] == "a"


def test_file_with_a_byte_order_mark(command, plant_home, tmp_path):
    file = tmp_path / "bom.jsonl"
    file.write_text(json.dumps(GOOD[0]), encoding="utf-8-sig")
    assert command("route", "--file", file, "--json", "--home", plant_home).json()["id"] == "a"
    file.write_text(json.dumps(GOOD[0]), encoding="utf-16")
    wrong = command("route", "--file", file, "--json", "--home", plant_home)
    assert wrong.code == 1 and "is UTF-16 text; save it as UTF-8" in wrong.err


def test_missing_file(command, plant_home, tmp_path):
    ran = command("ask", "--file", tmp_path / "none.jsonl", "--json", "--home", plant_home)
    assert (ran.code, ran.out) == (1, "")
    assert "cannot be read" in ran.err and len(ran.err.splitlines()) == 1
