"""The command line's contract over the sample plant: JSON field by field, exit codes, one-line errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from copilot.cli import run

PRESS_MANUAL = "HP-200/HP-200_operating_manual.pdf"
ANSWER_FIELDS = {
    "id", "question", "status", "text", "route", "confidence", "machine", "codes", "warnings", "citations",
    "index_version", "model_versions", "generator", "timings_ms", "short", "conversions",
}  # fmt: skip
ROUTES = {"troubleshooting", "procedure", "specification", "safety", "maintenance", "history", "out_of_scope"}


@pytest.fixture
def cli(plant_home, capsys):
    """The command line in this process, over the sample plant: (exit code, stdout, stderr)."""

    def call(*arguments, home=plant_home):
        words = [str(word) for word in arguments]
        code = run([words[0], *words[1:], "--home", str(home)])
        written = capsys.readouterr()
        return code, written.out, written.err

    return call


def test_search_json(command, plant_home):
    ran = command("search", "E207 on the press", "-k", 3, "--json", "--home", plant_home)
    assert ran.code == 0
    found = ran.json()
    assert set(found) == {"question", "hits"}
    assert found["question"] == "E207 on the press"
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3]
    first = found["hits"][0]
    assert set(first) == {"rank", "score", "document", "pages", "heading", "kind", "text"}
    assert (first["document"], first["pages"], first["kind"]) == (PRESS_MANUAL, [13, 13], "table")
    assert "E-207" in first["text"]
    assert isinstance(first["heading"], list) and all(isinstance(part, str) for part in first["heading"])
    scores = [hit["score"] for hit in found["hits"]]
    assert scores == sorted(scores, reverse=True)


def test_ask_json_and_its_citations(command, plant_home):
    ran = command("ask", "What should I do when E207 shows up on the press?", "--json", "--home", plant_home)
    assert ran.code == 0
    answer = ran.json()
    assert set(answer) == ANSWER_FIELDS
    assert answer["status"] == "answered"
    assert answer["codes"][0] == "E-207"
    assert answer["route"] in ROUTES and 0 <= answer["confidence"] <= 1
    assert answer["generator"] == "extractive"
    assert set(answer["model_versions"]) == {"embedder", "router", "reader"}
    assert answer["timings_ms"]["total"] > 0
    for citation in answer["citations"]:
        assert set(citation) - {"passage"} == {"marker", "document", "title", "pages", "quote"}
        assert f"[{citation['marker']}]" in answer["text"]
    assert (answer["citations"][0]["document"], answer["citations"][0]["pages"]) == (PRESS_MANUAL, [13, 13])
    assert "check the precharge after section 7.6" in answer["citations"][0]["quote"]


def test_warnings_come_with_document_and_page(cli):
    code, out, _ = cli("ask", "How do I swap the tool halves in the press?", "--json")
    warnings = json.loads(out)["warnings"]
    assert code == 0 and warnings
    assert all(set(warning) == {"signal", "text", "document", "page"} for warning in warnings)
    assert warnings[0]["document"] == PRESS_MANUAL and warnings[0]["page"] == 10
    assert warnings[0]["signal"] in ("DANGER", "WARNING")


def test_ask_in_words_puts_warnings_first_and_sources_last(cli):
    code, out, _ = cli("ask", "How do I swap the tool halves in the press?")
    assert code == 0
    assert out.startswith("⚠ ")
    assert out.rstrip().splitlines()[-1].startswith("[")
    assert f"{PRESS_MANUAL} p. 10" in out


def test_ask_imports_neither_torch_nor_gradio(plant_home):
    program = (
        "import sys\nfrom copilot.cli import run\n"
        f"code = run(['ask', 'What does E-207 mean?', '--json', '--home', {str(plant_home)!r}])\n"
        "heavy = {'torch', 'gradio', 'transformers', 'sentence_transformers', 'openvino'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "answered"


def test_help_imports_little():
    program = (
        "import sys\nfrom copilot.cli import run\nassert run(['--help']) == 0\n"
        "heavy = {'numpy', 'rich', 'indexer', 'faiss', 'torch', 'platformdirs'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    verbs = ("demo", "index", "documents", "remove", "search", "ask", "chat", "route", "history", "eval", "doctor")
    assert all(f"  {verb} " in done.stdout for verb in verbs)


def test_version(command):
    assert command("--version").out.startswith("factory-copilot")


def test_documents_json(cli):
    code, out, _ = cli("documents", "--json")
    listed = json.loads(out)
    assert code == 0
    assert set(listed) == {"index_version", "documents", "quarantined"}
    by_name = {entry["document"]: entry for entry in listed["documents"]}
    manual = by_name[PRESS_MANUAL]
    assert set(manual) == {
        "document", "title", "kind", "machine", "revision", "pages", "blank", "scanned", "no_text", "garbled", "tables",
        "chunks", "codes", "coverage", "warnings", "path", "sha256",
    }  # fmt: skip
    assert (manual["kind"], manual["machine"], manual["pages"]) == ("manual", "HP-200", 20)
    assert manual["scanned"] + manual["no_text"] == [20]  # the scanned page: read where tesseract is, else reported
    assert len(manual["sha256"]) == 64 and manual["chunks"] > 50 and manual["codes"] > 10 and manual["tables"] > 5
    assert by_name["fault_reports.csv"]["kind"] == "fault_report"
    assert listed["quarantined"] == []


def test_documents_as_a_table(cli):
    code, out, _ = cli("documents")
    assert code == 0
    assert out.splitlines()[0].split()[:3] == ["document", "kind", "machine"]
    assert any(line.startswith("AC-75/AC-75_manual_zh.pdf  ") for line in out.splitlines())


def test_route_needs_no_index(own_home, command):
    ran = command("route", "How do I change the oil?", "err 3 是什么原因？", "--json", "--home", own_home)
    assert ran.code == 0
    first, second = ran.lines()
    assert set(first) == {"id", "question", "route", "confidence", "probabilities"}
    assert second["question"] == "err 3 是什么原因？"
    for decision in (first, second):
        assert set(decision["probabilities"]) == ROUTES
        assert decision["route"] in ROUTES
        assert decision["confidence"] == max(decision["probabilities"].values())


def test_history_counts_what_the_export_holds(cli):
    from copilot.sample_plant import plant_folder

    rows = (plant_folder() / "fault_reports.csv").read_text(encoding="utf-8-sig").count("HP-200")
    code, out, _ = cli("history", "--by", "machine", "--json")
    counted = json.loads(out)
    assert code == 0
    assert set(counted) == {"by", "machine", "since", "total", "groups", "reliability"}
    groups = {group["key"]: group for group in counted["groups"]}
    assert set(groups["HP-200"]) == {"key", "reports", "downtime_hours", "cost"}
    assert 0 < groups["HP-200"]["reports"] <= rows
    assert counted["total"] >= sum(group["reports"] for group in groups.values())
    code, out, _ = cli("history", "--by", "month", "--machine", "hp 200", "--since", "2024", "--json")
    months = json.loads(out)
    assert months["machine"] == "HP-200"
    assert months["groups"] and all(group["key"] >= "2024-01" for group in months["groups"])
    assert months["total"] < groups["HP-200"]["reports"]


def test_history_similar_gives_reports_of_that_kind(command, plant_home):
    ran = command("history", "similar", "glue nozzle blocked", "-k", 3, "--json", "--home", plant_home)
    found = ran.json()
    assert set(found) == {"text", "machine", "reports"}
    assert [report["rank"] for report in found["reports"]] == [1, 2, 3]
    assert all("nozzle" in report["component"] for report in found["reports"])
    assert {"document", "row", "date", "machine", "symptom", "cause", "action", "downtime_hours"} <= set(
        found["reports"][0]
    )


def test_machine_in_any_writing_limits_the_search(cli):
    code, out, _ = cli("search", "alarm 204", "--machine", "hp_200", "--json")
    hits = json.loads(out)["hits"]
    assert code == 0
    assert {hit["document"].split("/")[0] for hit in hits} <= {"HP-200", "fault_reports.csv"}


def test_unknown_machine_lists_the_known_ones(cli):
    for verb in ("search", "ask"):
        code, out, err = cli(verb, "pump", "--machine", "XY-1")
        assert (code, out) == (1, "")
        assert err == "Error: no document belongs to the machine 'XY-1'; the machines are: AC-75, HP-200, PK-3, VM-5\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "pump", "-k", "0"),
        ("search", "pump", "-k", "x"),
        ("ask", ""),
        ("ask", "   "),
        ("ask",),
        ("search", "pump", "--file", "f.jsonl"),
        ("route",),
        ("history", "--by", "colour"),
        ("history", "similar", " "),
        ("ask", "pump", "--nonsense"),
        ("nonsense",),
        ("index", "--kind", "poem", "."),
        ("index", "--rollback", "."),
        ("remove", "no-such-document"),
    ],
)
def test_wrong_usage_is_exit_code_2(cli, arguments):
    code, out, err = cli(*arguments)
    assert code == 2
    assert out == ""
    assert err.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("search", "pump"), "Nothing has been indexed in"),
        (("documents",), "Nothing has been indexed in"),
        (("index", "/no/such/folder"), "Give a folder or file that exists"),
        (("index",), "Nothing to index"),
        (("index", "--rollback"), "no earlier generation"),
        (("ask", "pump", "--generator", "parrot"), "choose from extractive"),
        (("ask", "pump", "--config", "/no/such.toml"), "does not exist"),
    ],
)
def test_our_errors_are_one_line_and_exit_code_1(cli, own_home, arguments, said):
    code, out, err = cli(*arguments, home=own_home)
    assert (code, out) == (1, "")
    assert said in err
    assert len(err.splitlines()) == 1 + ("looking for changes" in err) and err.splitlines()[-1].startswith("Error: ")


def test_since_that_is_no_date(cli):
    code, out, err = cli("history", "--since", "yesterday")
    assert code == 1 and out == "" and "write YYYY, YYYY-MM or YYYY-MM-DD" in err


def test_endless_question_is_cut_with_a_notice(cli):
    code, out, err = cli("ask", "pump noise " * 9_000, "--json")
    assert code == 0
    assert "only the first 2000 are taken" in err
    assert len(json.loads(out)["question"]) <= 2000


def test_unexpected_error_is_one_line_with_a_hint(cli, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("copilot.assemble.make_embedder", broken)
    code, out, err = cli("search", "pump")
    assert (code, out) == (1, "")
    assert (
        err
        == "Error: unexpected ZeroDivisionError: a bug. Run the same command with --debug to see where it comes from.\n"
    )
    code, _, err = cli("search", "pump", "--debug")
    assert code == 1 and "Traceback" in err and "in broken" in err


def test_interrupt_is_one_line_and_exit_code_130(cli, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("copilot.assemble.make_embedder", interrupted)
    code, out, err = cli("index", ".")
    assert (code, out) == (130, "")
    assert err.strip() == "Interrupted. The work done is kept; the same command goes on from there."


def test_ascii_terminal_gets_utf8(command, plant_home):
    env = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    ran = command("ask", "err 3 是什么原因？", "--machine", "AC-75", "--json", "--home", plant_home, env=env)
    assert ran.code == 0, ran.err
    assert "变频器" in ran.out


@pytest.mark.skipif(os.name != "posix", reason="needs a shell with pipes")
def test_closed_pipe_leaves_no_traceback(plant_home):
    line = f'"{sys.executable}" -m copilot.cli documents --home "{plant_home}" | true'
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_question_from_stdin_must_be_utf8(command, plant_home):
    asked = command("search", "-", "-k", 1, "--json", "--home", plant_home, stdin="油气分离罐\n".encode())
    assert asked.json()["question"] == "油气分离罐"
    wrong = command("search", "-", "--home", plant_home, stdin="油气分离罐".encode("gb18030"))
    assert wrong.code == 1 and wrong.err == "Error: stdin is not UTF-8 text; convert it to UTF-8\n"


def test_chat_goes_on_after_errors(command, plant_home):
    script = "/machine press-of-doom\n/machine hp200\nWhat does E-207 mean?\n\n/machine\n/quit\nnever asked\n"
    ran = command("chat", "--home", plant_home, stdin=script.encode())
    assert ran.code == 0
    assert "E-207" in ran.out and "[1]" in ran.out
    assert "the machines are: AC-75" in ran.err
    assert "Machine: HP-200" in ran.err and "Machine: all" in ran.err


def test_doctor_finds_everything_whole(cli):
    code, out, _ = cli("doctor", "--json")
    report = json.loads(out)
    assert code == 0 and report["ok"] is True
    states = {check["name"]: check["state"] for check in report["checks"]}
    assert states["encoder"] == states["index"] == states["originals"] == states["encoder export"] == "ok"


def test_eval_on_the_sample_questions(cli, tmp_path):
    from copilot.sample_plant import questions_file

    lines = questions_file().read_text(encoding="utf-8").splitlines()
    some = [line for line in lines if json.loads(line)["id"] in {"s01", "s10", "s34", "s46", "s55"}]
    file = tmp_path / "some.jsonl"
    file.write_text("\n".join(some), encoding="utf-8")
    code, out, _ = cli("eval", "retrieval", file, "--json")
    scores = json.loads(out)
    assert code == 0
    assert scores["n"] == 3 and set(scores["ranks"]) == {"s01", "s10", "s34"}
    assert scores["hit@5"] == 1.0 and 0 < scores["mrr"] <= 1
    code, out, _ = cli("eval", "answers", file, "--json")
    scores = json.loads(out)
    assert code == 0
    assert (scores["answerable"], scores["unanswerable"]) == (3, 2)
    assert scores["refusal_recall"] == 1.0 and scores["answered_share"] == 1.0


@pytest.mark.parametrize("words", [["demo", "--ui"], ["demo"]])
def test_demo_serves_only_when_told(words, monkeypatch, tmp_path, capsys):
    from copilot import demo
    from copilot.commands import serve

    served = []
    monkeypatch.setattr(demo, "run", lambda settings, home: 0)
    monkeypatch.setattr(serve, "serve", lambda settings, host, port, page=True: served.append(settings.home) or 0)
    monkeypatch.setenv("COPILOT_HOME", str(tmp_path))
    assert run(words) == 0
    assert served == ([tmp_path / "demo"] if "--ui" in words else [])
    monkeypatch.setattr(demo, "run", lambda settings, home: 1)
    served.clear()
    assert run(words) == 1 and served == []


def test_documents_remove_is_remove(cli):
    code, out, err = cli("documents", "remove", "no/such.pdf")
    assert code == 2 and out == "" and "no/such.pdf" in err


def test_sums_are_told_to_the_hundredth(cli):
    code, out, _ = cli("history", "--by", "component", "--json")
    assert code == 0
    for group in json.loads(out)["groups"]:
        assert group["downtime_hours"] == round(group["downtime_hours"], 2) and group["cost"] == round(group["cost"], 2)
