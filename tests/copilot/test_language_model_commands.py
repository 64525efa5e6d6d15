"""The command line with a language model behind it: settings, answers, fall-back, doctor."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from scripted_server import ScriptedServer

from copilot.cli import run

TORQUE = "What does alarm E-207 mean on the press?"


@pytest.fixture(scope="module")
def server():
    with ScriptedServer().running() as running:
        yield running


@pytest.fixture
def said(plant_home, capsys, monkeypatch, server):
    """A command line over the sample plant, with the scripted server named in the environment."""
    monkeypatch.setenv("COPILOT_BASE_URL", server.url)
    monkeypatch.setenv("COPILOT_LLM_RETRIES", "0")

    def call(*words):
        code = run([*words, "--home", str(plant_home)])
        written = capsys.readouterr()
        return code, written.out, written.err

    return call


def citing(server, text: str, words: str):
    """Answer with a text, {n} being the number of the passage with some words in it."""

    def script(reply):
        prompt = server.asked[-1]["messages"][-1]["content"]
        found = re.search(r"<passage \w+ (\d+)>(?:(?!</passage).)*" + re.escape(words), prompt, re.S)
        reply.begin()
        reply.say(text.format(n=found[1]))

    server.plays(script)


def test_an_answer_by_a_model_is_cited_and_its_writer_named(said, server):
    citing(
        server, "E-207 means that the accumulator pressure drops too fast. [{n}]", "Accumulator pressure drops too fast"
    )
    code, out, err = said("ask", TORQUE, "--generator", "openai", "--json")
    answer = json.loads(out)
    assert code == 0 and err == "" and answer["generator"] == "openai:tiny"
    assert answer["text"].startswith("E-207 means that the accumulator pressure drops too fast. [1]\nLast time:")
    assert answer["citations"][0]["document"] == "HP-200/HP-200_operating_manual.pdf"
    assert answer["model_versions"]["language_model"] == "openai:tiny"


def test_a_chinese_question_about_an_english_manual_may_be_answered_in_chinese(said, server):
    citing(server, "蓄能器压力下降过快。[{n}]", "Accumulator pressure drops too fast")
    _, out, _ = said("ask", "报警 E-207 是什么意思？", "--machine", "HP-200", "--generator", "openai", "--json")
    answer = json.loads(out)
    assert answer["text"].startswith("蓄能器压力下降过快。 [1]")
    assert "Accumulator pressure drops too fast" in answer["citations"][0]["quote"]


def test_a_failing_server_leaves_the_quoted_answer_and_says_why(command, plant_home, server):
    server.plays(lambda reply: reply.fails(500, "no memory"))
    environment = {"COPILOT_BASE_URL": server.url, "COPILOT_LLM_RETRIES": "0"}
    ran = command("ask", TORQUE, "--generator", "openai", "--json", "--home", plant_home, env=environment)
    answer = ran.json()
    assert ran.code == 0 and answer["text"].startswith("The language model cannot be reached; this is quoted")
    assert "Remedy: Close V17" in answer["text"] and answer["generator"].startswith("extractive for openai")
    assert "no memory" in ran.err and len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    "words, told",
    [
        (("--generator", "transformers"), "needs copilot.model"),
        (("--generator", "nonsense"), "choose from extractive, transformers, openai"),
    ],
)
def test_a_missing_setting_is_an_error_before_anything_is_asked(said, words, told):
    code, _, err = said("ask", TORQUE, *words)
    assert code == 1 and told in err


def test_openai_needs_an_address(said, monkeypatch):
    monkeypatch.delenv("COPILOT_BASE_URL")
    code, _, err = said("ask", TORQUE, "--generator", "openai")
    assert code == 1 and "needs copilot.base_url" in err


def doctor_line(out: str) -> dict:
    (check,) = [check for check in json.loads(out)["checks"] if check["name"] == "language model"]
    return check


def test_the_doctor_asks_the_server(said, server, monkeypatch):
    assert doctor_line(said("doctor", "--json")[1])["detail"] == "none: answers are quotations"
    monkeypatch.setenv("COPILOT_GENERATOR", "openai")
    assert doctor_line(said("doctor", "--json")[1]) == {
        "name": "language model", "state": "ok", "detail": f"{server.url} answers, model tiny"
    }  # fmt: skip
    monkeypatch.setenv("COPILOT_MODEL", "other")
    found = doctor_line(said("doctor", "--json")[1])
    assert found["state"] == "warning" and "it serves: tiny" in found["detail"]
    monkeypatch.setenv("COPILOT_GENERATOR", "transformers")
    assert "cannot be loaded" in doctor_line(said("doctor", "--json")[1])["detail"]
    monkeypatch.delenv("COPILOT_MODEL")
    assert doctor_line(said("doctor", "--json")[1])["state"] == "broken"


def test_quoted_answers_load_no_language_model(plant_home):
    code = (
        "import sys; from copilot.cli import run; "
        f"run(['ask', {TORQUE!r}, '--home', {str(plant_home)!r}]); "
        "print([name for name in ('torch', 'openai', 'transformers', 'httpx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
