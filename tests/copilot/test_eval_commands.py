"""`copilot eval`: figures as JSON and in words, the report, the baseline's exit code, bad files."""

from __future__ import annotations

import json

import pytest

from copilot import evaluations
from copilot.cli import run
from copilot.sample_plant import questions_file


@pytest.fixture
def eval_home(own_home, plant_home):
    """A home of its own that shares the plant's index."""
    for part in ("index", "documents"):
        (own_home / part).symlink_to(plant_home / part, target_is_directory=True)
    return own_home


@pytest.fixture
def cli(eval_home, capsys):
    def call(*words):
        code = run([*(str(word) for word in words), "--home", str(eval_home)])
        written = capsys.readouterr()
        return code, written.out, written.err

    return call


@pytest.fixture
def questions(tmp_path):
    lines = questions_file().read_text(encoding="utf-8").splitlines()
    wanted = {"s01", "s02", "s06", "s10", "s34", "s46", "s55"}
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(line for line in lines if json.loads(line)["id"] in wanted), encoding="utf-8")
    return path


def test_retrieval_json(cli, questions, eval_home):
    code, out, err = cli("eval", "retrieval", questions, "--json")
    told = json.loads(out)
    assert code == 0, err
    assert list(told)[:6] == ["n", "k", "hit@1", "hit@5", "mrr", "ranks"]
    assert set(told["measures"]) == {"hit@1", "hit@5", "hit@10", "recall@10", "mrr", "ndcg@10"}
    assert told["measures"]["hit@5"] == told["hit@5"] and told["measures"]["mrr"] == pytest.approx(
        told["mrr"], abs=1e-3
    )
    assert told["latency_ms"]["p95"] >= told["latency_ms"]["p50"] > 0
    assert sum(group["n"] for group in told["by_route"].values()) == told["n"] == 5
    assert evaluations.last(eval_home)["retrieval"].means()["hit@5"] == pytest.approx(told["hit@5"], abs=1e-3)


def test_answers_json_and_report(cli, questions, tmp_path):
    code, out, err = cli("eval", "answers", questions, "--json", "--html", tmp_path / "report.html")
    told = json.loads(out)
    assert code == 0, err
    assert (told["answerable"], told["unanswerable"]) == (5, 2)
    assert told["measures"]["refused"] == told["refusal_recall"]
    assert told["measures"]["answered"] == told["answered_share"]
    assert told["measures"]["citation_precision"] == 1.0
    assert {"em", "f1", "rouge_l", "cited", "expected", "numbers_supported"} <= set(told["measures"])
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert "report.html" in err


def test_worse_than_the_baseline_is_exit_code_1(cli, questions, tmp_path):
    base = tmp_path / "base.json"
    assert cli("eval", "retrieval", questions, "--baseline", base)[0] == 1  # none there yet
    assert cli("eval", "retrieval", questions, "--baseline", base, "--save-baseline")[0] == 0
    code, out, _ = cli("eval", "retrieval", questions, "--baseline", base, "--json")
    assert code == 0 and json.loads(out)["baseline"]["regressed"] == []
    lines = [json.loads(line) | {"document": "elsewhere.pdf"} for line in questions.read_text().splitlines()]
    questions.write_text("\n".join(map(json.dumps, lines)))  # now every hit is wrong
    code, out, err = cli("eval", "retrieval", questions, "--baseline", base, "--json")
    assert code == 1 and "hit@1" in json.loads(out)["baseline"]["regressed"]
    assert "Worse than the baseline beyond noise" in err


def test_a_baseline_in_the_home_folder(cli, questions, eval_home):
    assert cli("eval", "retrieval", questions, "--save-baseline")[0] == 0
    assert evaluations.stored_baseline(eval_home, "retrieval") is not None
    code, out, _ = cli("eval", "retrieval", questions)
    assert code == 0 and "Against the baseline" in out
    other = questions.with_name("other.jsonl")
    other.write_text(
        json.dumps({"question": "Which oil goes into the press?", "document": "HP-200/HP-200_operating_manual.pdf"})
    )
    code, out, _ = cli("eval", "retrieval", other)
    assert code == 0 and "Against the baseline" not in out  # other questions: nothing to compare


def test_router(cli, tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [
        ("What does E-207 mean?", "troubleshooting"),
        ("怎样更换油分芯？", "procedure"),
        ("Who won the cup?", "out_of_scope"),
    ]
    path.write_text(
        "\n".join(json.dumps({"question": q, "route": r}, ensure_ascii=False) for q, r in rows), encoding="utf-8"
    )
    code, out, err = cli("eval", "router", path, "--json")
    told = json.loads(out)
    assert code == 0, err
    assert told["n"] == 3 and told["measures"]["accuracy"] == pytest.approx(told["accuracy"], abs=1e-3)
    assert set(told["by_language"]) == {"en", "zh"}


@pytest.mark.parametrize("verb", ["retrieval", "answers", "router"])
def test_files_that_cannot_be_scored(cli, tmp_path, verb):
    def failed(path):
        code, out, err = cli("eval", verb, path)
        assert code == 1 and out == "" and "Traceback" not in err
        return err

    assert "cannot be read" in failed(tmp_path / "none.jsonl")
    path = tmp_path / "bad.jsonl"
    path.write_text("")
    assert "nothing can be scored" in failed(path)
    path.write_text('not json\n{"question": "?", "document": "a", "page": 0, "route": 7}\n')
    assert "line 1" in failed(path)
    path.write_bytes("问题".encode("utf-16"))
    assert "UTF-8" in failed(path)


def test_bad_lines_are_named_and_the_rest_is_scored(cli, questions):
    questions.write_text(questions.read_text() + '\n{"question": "x", "document": 5}\n')
    code, out, err = cli("eval", "retrieval", questions, "--json")
    assert code == 3 and json.loads(out)["n"] == 5
    assert '"document" is 5' in err
