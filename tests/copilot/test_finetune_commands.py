"""`copilot finetune ...`, `copilot route` and `copilot eval router`: what is printed, and which exit code."""

from __future__ import annotations

import json
import re

import pytest
import toys
from models import tiny_model

from copilot import assemble
from copilot.cli import run
from finetune.types import Example

EVALUATION = ["n", "accuracy", "macro_f1", "micro_f1", "in_scope_accuracy", "out_of_scope_recall", "ece", "per_class"]
DECISION = ["id", "question", "route", "confidence", "probabilities"]
ROUTES = {"troubleshooting", "procedure", "specification", "safety", "maintenance", "history", "out_of_scope"}
FIRST = toys.rows(60, seed=1)
OTHERS = toys.apart(40, FIRST, seed=2)


@pytest.fixture(scope="module")
def small_body(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("small") / "small-bert", {"pooling_mode": "mean"})


@pytest.fixture
def cli(small_body, tmp_path, monkeypatch, capsys):
    """The command line in this process, its home empty and its body small: (exit code, stdout, stderr)."""
    monkeypatch.setattr(assemble, "composed_folder", lambda cache: small_body)
    monkeypatch.setattr("finetune.registry.SHIPPED_FOLDER", tmp_path / "nothing shipped")

    def call(*words):
        code = run([*map(str, words), "--home", str(tmp_path / "home")])
        written = capsys.readouterr()
        return code, written.out, written.err

    return call


@pytest.fixture
def data(tmp_path):
    return toys.write_rows(tmp_path / "rows.jsonl", FIRST), toys.write_rows(tmp_path / "others.jsonl", OTHERS)


@pytest.fixture
def trained(cli, data):
    code, out, err = cli("finetune", "run", "--task", "lines", "--data", data[0], "--method", "head", "--json")
    assert code == 0, err
    return json.loads(out)


# --- run --------------------------------------------------------------------------------------------------------


def test_run_as_json(cli, data, trained):
    assert list(trained) == [
        "task", "version", "promoted", "reasons", "notes", "examples", "left_out", "held_out",
    ]  # fmt: skip
    assert (trained["version"], trained["promoted"], trained["examples"], trained["left_out"]) == ("v0001", True, 60, 0)
    assert list(trained["held_out"]) == EVALUATION
    code, out, err = cli("finetune", "run", "--task", "lines", "--data", data[0], "--method", "head")
    assert code == 0 and "lines v0002: kept, not promoted: " in out and "On 60 examples held out: accuracy " in out
    assert "computing their vectors" in err


def test_rows_left_out_are_named_and_the_exit_code_is_3(cli, data):
    with data[0].open("a") as file:
        file.write('torn\n{"text": "a"}\n')
    code, out, err = cli("finetune", "run", "--task", "lines", "--data", data[0], "--method", "head", "--json")
    assert code == 3 and json.loads(out)["left_out"] == 2
    assert [line.split(": ")[:2] for line in err.splitlines() if line.startswith("Left out")] == [
        ["Left out", "rows.jsonl:61"], ["Left out", "rows.jsonl:62"],
    ]  # fmt: skip
    assert cli("finetune", "evaluate", "--task", "lines", "--data", data[0], "--json")[0] == 3


def test_validation_rows_judge(cli, data):
    code, out, _ = cli(
        "finetune", "run", "--task", "lines", "--data", data[0], "--validation", data[1], "--method", "head", "--json"
    )
    assert code == 0 and json.loads(out)["held_out"]["n"] == 40
    command = json.loads(cli("finetune", "versions", "--json")[1])
    assert command["versions"][0]["metrics"]["n"] == 40


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "--task", "lines"], 2, "give --data"),
        (["run", "--task", "lines", "--data", "nowhere.jsonl"], 1, "No such file"),
        (["run", "--task", "lines", "--data", "."], 1, "cannot be read"),
        (["run", "--task", "lines", "--data", "utf16.csv"], 1, "save the file as UTF-8"),
        (["run", "--task", "lines", "--data", "gb.csv"], 1, "save the file as UTF-8"),
        (["run", "--task", "lines", "--data", "columns.csv"], 1, 'there is no "text"'),
        (["run", "--task", "lines", "--data", "empty.csv"], 1, "no usable rows"),
        (["run", "--task", "lines", "--data", "one.csv", "--method", "head"], 1, "give at least two"),
        (["run", "--task", "lines", "--data", "rows.jsonl", "--validation", "one.csv"], 1, "share no label"),
        (["run", "--task", "../lines", "--data", "rows.jsonl"], 1, "cannot be used"),
        (["run", "--task", "", "--data", "rows.jsonl"], 1, "cannot be used"),
        (["run", "--task", "lines", "--data", "rows.jsonl", "--epochs", "-1"], 2, "0 or more"),
        (["run", "--task", "lines", "--data", "rows.jsonl", "--augment", "2"], 1, "augment"),
        (["run", "--task", "lines", "--data", "rows.jsonl", "--ensemble", "-1"], 2, "0 or more"),
        (["run", "--task", "lines", "--data", "rows.jsonl", "--ensemble", "1"], 1, "2 versions or more"),
        (
            ["run", "--task", "lines", "--data", "rows.jsonl", "--ensemble", "2", "--method", "head"],
            1,
            "whatever the seed",
        ),
        (["run", "--task", "lines", "--data", "rows.jsonl", "--unlabelled", "gb.csv"], 2, "without --ensemble"),
        (["run", "--task", "lines", "--data", "rows.jsonl", "--ensemble", "2", "--unlabelled", "gb.csv"], 1, "UTF-8"),
        (
            ["run", "--task", "lines", "--data", "rows.jsonl", "--ensemble", "2", "--unlabelled", "labels.csv"],
            1,
            '"question"',
        ),
        (["evaluate", "--task", "lines", "--data", "rows.jsonl"], 1, "no version of the task 'lines'"),
        (["evaluate", "--task", "lines", "--data", "rows.jsonl", "--version", "v7"], 1, "'v7'"),
        (["promote", "v0009", "--task", "lines"], 1, "no version 'v0009'"),
        (["promote", "../v1", "--task", "lines"], 1, "cannot be used"),
        (["rollback", "--task", "lines"], 1, "nothing to roll back"),
        (["schedule", "--every", "often"], 1, "often"),
        (["schedule", "--every", "7d", "--min-feedback", "-1"], 2, "0 or more"),
        (["drift", "--task", "lines", "--file", "rows.jsonl"], 1, "no version of the task 'lines'"),
    ],
)
def test_what_is_wrong_is_one_line(cli, data, tmp_path, monkeypatch, words, code, said):
    monkeypatch.chdir(tmp_path)
    table = "text,label\n轴承坏,故障\n"
    (tmp_path / "utf16.csv").write_bytes(table.encode("utf-16"))
    (tmp_path / "gb.csv").write_bytes(table.encode("gb18030"))
    (tmp_path / "columns.csv").write_text("question,route\na,b\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "labels.csv").write_text("label\nfault\n")
    (tmp_path / "one.csv").write_text("text,label\n" + "".join(f"{word} jammed,other\n" for word in toys.FILLERS))
    found, out, err = cli("finetune", *words)
    lines = [line for line in err.splitlines() if "computing their vectors" not in line]
    assert found == code and out == "" and len(lines) == 1
    assert lines[0].startswith("Error: ") and said in lines[0] and "unexpected" not in lines[0]
    assert json.loads(cli("finetune", "versions", "--json")[1]) == {"versions": []}


@pytest.mark.parametrize(
    "words",
    [["run", "--method", "magic"], ["evaluate"], ["promote"], ["run", "--seed", "x"], ["paint"], ["run", "--speed"]],
)
def test_wrong_usage_is_2(cli, words):
    code, out, err = cli("finetune", *words)
    assert code == 2 and out == "" and err.splitlines()[-1].startswith("Error: ")


def test_a_cache_that_cannot_be_written_is_one_line(cli, data, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "cache").write_text("")
    words = ["finetune", "run", "--task", "lines", "--data", data[0]]
    assert cli(*words, "--method", "head")[0] == 0, "the head needs no state"
    code, _, err = cli(*words, "--method", "full", "--epochs", "1")
    assert code == 1 and "cannot be written" in err.splitlines()[-1] and "unexpected" not in err


def test_an_ensemble_is_learnt_from_the_command_line(cli, data, tmp_path):
    (tmp_path / "asked.csv").write_text("question\nask Peter Kern why the pump leaks\n\nwhat leaks at the oven\n")
    words = ["--method", "lora", "--epochs", "1", "--ensemble", "2", "--unlabelled", tmp_path / "asked.csv"]
    code, out, err = cli("finetune", "run", "--task", "lines", "--data", data[0], *words, "--json")
    told = json.loads(out)
    assert code == 0 and told["promoted"] and told["examples"] == 60, err
    assert told["notes"][0].startswith("learnt from what 2 versions say together (seeds 0, 1)")
    assert "member 2 of 2: " in err and "student: " in err and "Peter" not in err
    card = json.loads((tmp_path / "home" / "models" / "lines" / "v0001" / "card.json").read_text(encoding="utf-8"))
    assert card["command"].endswith("--unlabelled asked.csv --method lora --epochs 1 --ensemble 2")
    code, _, err = cli("finetune", "run", "--task", "tags", "--data", tagged(tmp_path), "--ensemble", "2")
    assert code == 2 and "leave them out for a tagger" in err


def tagged(folder):
    path = folder / "tagged.jsonl"
    path.write_text('{"tokens": ["pump", "leaks"], "tags": ["B-Component", "O"]}\n')
    return path


# --- evaluate ---------------------------------------------------------------------------------------------------


def test_evaluate(cli, data, trained):
    code, out, err = cli("finetune", "evaluate", "--task", "lines", "--data", data[1], "--json")
    measured = json.loads(out)
    assert code == 0 and err == "" and len(out.splitlines()) == 1
    assert list(measured) == EVALUATION and measured["n"] == 40 and measured["accuracy"] > 0.8
    assert measured["out_of_scope_recall"] is None and set(measured["per_class"]) == set(toys.LABELS)
    assert set(measured["per_class"]["fault"]) == {"precision", "recall", "f1", "n"}
    code, out, _ = cli("finetune", "evaluate", "--task", "lines", "--data", data[1], "--version", "v0001")
    assert code == 0 and re.match(r"lines v0001: n 40, accuracy [01]\.", out) and "\nfault " in out


def test_a_label_that_the_version_does_not_know_is_named(cli, data, trained):
    with data[1].open("a") as file:
        file.write('{"text": "pump squeaks", "label": "noise"}\n')
    code, out, err = cli("finetune", "evaluate", "--task", "lines", "--data", data[1], "--json")
    assert code == 0 and err == "Note: v0001 has no label noise; rows with it count as wrong\n"
    assert json.loads(out)["per_class"]["noise"]["f1"] == 0 and json.loads(out)["n"] == 41


def test_a_damaged_version_is_one_line(cli, data, trained, tmp_path):
    head = tmp_path / "home" / "models" / "lines" / "v0001" / "head.safetensors"
    whole = head.read_bytes()
    for damage in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        head.write_bytes(damage)
        code, out, err = cli("finetune", "evaluate", "--task", "lines", "--data", data[1], "--json")
        assert code == 1 and out == "" and len(err.splitlines()) == 1 and "head.safetensors" in err
    code, out, _ = cli("finetune", "versions", "--task", "lines", "--json")
    assert code == 0 and json.loads(out)["versions"][0]["state"] == "damaged"


# --- versions ---------------------------------------------------------------------------------------------------


def test_versions_promote_and_rollback(cli, data, trained):
    cli("finetune", "run", "--task", "lines", "--data", data[0], "--method", "head", "--json")
    listed = json.loads(cli("finetune", "versions", "--json")[1])["versions"]
    assert [(v["task"], v["version"], v["current"]) for v in listed] == [
        ("lines", "v0001", True),
        ("lines", "v0002", False),
    ]
    assert set(listed[0]) == {
        "task", "version", "created_at", "current", "state", "reason", "method", "examples", "metrics",
    }  # fmt: skip
    assert listed[1]["state"] == "kept" and listed[1]["reason"] and listed[0]["method"] == "head"
    code, out, _ = cli("finetune", "promote", "v0002", "--task", "lines", "--json")
    assert code == 0 and json.loads(out) == {"task": "lines", "version": "v0002", "before": "v0001"}
    assert cli("finetune", "promote", "v0002", "--task", "lines")[1] == "lines: v0002 answers now\n"
    code, out, _ = cli("finetune", "rollback", "--task", "lines")
    assert code == 0 and out == "lines: v0001 answers now instead of v0002\n"
    code, out, err = cli("finetune", "rollback", "--task", "lines", "--json")
    assert code == 1 and out == "" and "no earlier version" in err and len(err.splitlines()) == 1
    code, out, _ = cli("finetune", "versions")
    assert code == 0 and "* " in out and "v0002" in out and out.endswith("* answers now\n")
    assert "No versions yet" in cli("finetune", "versions", "--task", "other")[1]


def test_drift(cli, trained, tmp_path):
    path = tmp_path / "recent.jsonl"
    path.write_text("".join(json.dumps({"question": e.text}) + "\n" for e in OTHERS))
    code, out, _ = cli("finetune", "drift", "--task", "lines", "--file", path, "--json")
    assert code == 0 and set(json.loads(out)) == {"level", "lines", "questions"} and json.loads(out)["questions"] == 40
    path.write_text("torn\n")
    assert cli("finetune", "drift", "--task", "lines", "--file", path)[0] == 2


# --- schedule ---------------------------------------------------------------------------------------------------


def test_schedule(cli):
    nothing = {
        "every": None,
        "min_feedback": None,
        "next": None,
        "last_run": None,
        "last_decision": None,
        "command": None,
    }
    assert cli("finetune", "schedule") == (
        0,
        "There is no schedule; copilot finetune schedule --every 7d sets one.\n",
        "",
    )
    assert json.loads(cli("finetune", "schedule", "--json")[1]) == nothing
    code, out, _ = cli("finetune", "schedule", "--every", "7d", "--min-feedback", "30", "--json")
    told = json.loads(out)
    assert code == 0 and set(told) == set(nothing)
    assert (told["every"], told["min_feedback"], told["last_run"]) == ("7d", 30, None)
    assert told["command"][-6:-2] == ["finetune", "run", "--task", "router"]
    code, out, _ = cli("finetune", "schedule")
    assert code == 0 and out.startswith("Every 7d where at least 30 new entries")
    assert "OnCalendar=" in out and "# cron" in out and "<Task" in out
    assert cli("finetune", "schedule", "--off") == (0, "The schedule was removed.\n", "")
    assert json.loads(cli("finetune", "schedule", "--off", "--json")[1]) == nothing


def test_a_schedule_of_another_task_says_what_it_lacks(cli):
    code, out, err = cli("finetune", "schedule", "--task", "lines", "--every", "7d", "--json")
    assert code == 0 and json.loads(out)["command"][-4:-2] == ["--task", "lines"]
    assert len(err.splitlines()) == 1 and "add --data FILE" in err


# --- the router -------------------------------------------------------------------------------------------------


@pytest.fixture
def router(cli):
    code, out, err = cli("finetune", "run", "--method", "head", "--json")
    assert code == 0, err
    return json.loads(out)


def test_the_router_learns_from_its_routes_and_answers(cli, router, tmp_path):
    assert router["task"] == "router" and router["promoted"] and router["examples"] > 150
    code, out, err = cli("route", "How do I replace the suction hose?", "轴承多久加一次油？", "--json")
    assert code == 0 and err == ""
    decisions = [json.loads(line) for line in out.splitlines()]
    assert [list(decision) for decision in decisions] == [DECISION, DECISION]
    for decision in decisions:
        assert set(decision["probabilities"]) == ROUTES and decision["route"] in ROUTES
        assert decision["confidence"] == decision["probabilities"][decision["route"]]
        assert sum(decision["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert decisions[0]["id"] is None and decisions[0]["question"] == "How do I replace the suction hose?"
    explained = json.loads(cli("route", "How do I replace the hose?", "--explain", "--json")[1])
    assert list(explained) == [*DECISION, "router", "nearest"] and explained["router"] == "router/v0001"
    assert [set(near) for near in explained["nearest"]] == [{"text", "label", "cosine"}] * 3
    code, out, _ = cli("route", "How do I replace the hose?")
    assert code == 0 and "learnt from: " in out and "router: router/v0001" in out
    path = tmp_path / "questions.jsonl"
    path.write_text('{"id": 7, "question": "oil?"}\ntorn\n{"id": "x", "text": "泵漏油"}\n{"id": 9}\n', encoding="utf-8")
    code, out, err = cli("route", "--file", path, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 3 and [line["id"] for line in lines] == [7, None, "x", 9] and len(err.splitlines()) == 2
    assert list(lines[0]) == list(lines[2]) == DECISION and set(lines[1]) == {"id", "line", "error"}
    path.write_text(
        '{"question": "How do I replace the hose?", "route": "procedure"}\n{"text": "oil?", "label": "history"}\n{"text": "a"}\n'
    )
    code, out, err = cli("eval", "router", path, "--json")
    assert code == 3 and len(err.splitlines()) == 1
    assert list(json.loads(out))[: len(EVALUATION)] == EVALUATION and json.loads(out)["n"] == 2


def _say(cli, *more):
    for word in toys.FILLERS:
        words = (f"who signs off the {word}", "--route", "procedure", "--correct", "safety")
        code, _, err = cli("feedback", "add", *words, *more)
        assert code == 0, err


def test_feedback_teaches_the_router(cli, router):
    _say(cli)
    code, out, _ = cli("finetune", "run", "--method", "head", "--json")
    told = json.loads(out)
    assert code == 0 and told["version"] == "v0002" and told["examples"] > router["examples"] + 10


def test_one_operator_against_all_that_is_known_waits_for_a_reviewer(cli, router):
    _say(cli, "--author", "Kim")
    code, out, err = cli("finetune", "run", "--method", "head", "--json")
    learnt = json.loads(out)["examples"] - router["examples"]
    assert code == 0 and learnt <= 0.1 * len(toys.FILLERS)  # what his words are near to may be of either label
    (said,) = [line for line in err.splitlines() if "one operator alone wait for a reviewer" in line]
    assert "who signs off the" in said and said.endswith("see `copilot feedback review`")
    waiting = json.loads(cli("feedback", "list", "--json")[1])["entries"]
    assert len(waiting) == len(toys.FILLERS)


def test_rows_for_the_router_are_masked_and_must_name_routes(cli, router, tmp_path):
    rows = [
        {"text": "ask Peter Kern, +49 170 1234567, why E-207 comes back", "label": "troubleshooting"},
        {"text": "pump hums", "label": "trubleshooting"},
        {"text": "what is the capital of France", "label": "out_of_scope"},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, err = cli("finetune", "run", "--data", path, "--method", "head", "--json")
    assert code == 3 and json.loads(out)["left_out"] == 1
    (said,) = [line for line in err.splitlines() if "trubleshooting" in line]
    assert said.startswith("Left out: rows.jsonl: there is no route 'trubleshooting' (1 rows); the routes are history,")
    kept = (tmp_path / "home" / "models" / "router" / "v0002" / "examples.jsonl").read_text(encoding="utf-8")
    assert "Peter" not in kept and "1234567" not in kept and "why E-207 comes back" in kept and "<name>" in kept
    assert "capital of France" in kept


def test_route_wants_a_question(cli):
    for words in ([], ["what", "--file", "x"], [" "]):
        code, out, err = cli("route", *words)
        assert code == 2 and out == "" and len(err.splitlines()) == 1


# --- with the real body -----------------------------------------------------------------------------------------


def test_a_plants_own_classifier_from_file_to_answer(command, own_home, tmp_path):
    """Forty rows in two languages, in processes of their own."""
    asked = {
        "electric": ["the motor hums but does not start", "fuse F3 blows again", "变频器报过流", "接触器不吸合", "sensor gives no signal"],
        "hydraulic": ["oil drips from the cylinder", "pressure falls below 80 bar", "液压油温度太高", "油管接头漏油", "the valve block is noisy"],
    }  # fmt: skip
    where = ["at the press", "on line 2", "since this morning", "在二号线"]
    rows = [Example(f"{text} {place}", label) for label, texts in asked.items() for text in texts for place in where]
    path = toys.write_rows(tmp_path / "rows.jsonl", rows)
    ran = command(
        "finetune", "run", "--task", "trade", "--data", path, "--method", "head", "--json", "--home", own_home
    )
    assert ran.code == 0, ran.err
    assert ran.json()["promoted"] and ran.json()["held_out"]["accuracy"] > 0.8
    fresh = [
        Example("the drive trips with overcurrent", "electric"), Example("hydraulic oil leaks at the hose", "hydraulic"),
        Example("电机不转", "electric"), Example("油缸漏油", "hydraulic"),
    ]  # fmt: skip
    path = toys.write_rows(tmp_path / "fresh.jsonl", fresh)
    ran = command("finetune", "evaluate", "--task", "trade", "--data", path, "--json", "--home", own_home)
    assert ran.code == 0, ran.err
    assert list(ran.json()) == EVALUATION and ran.json()["n"] == 4
