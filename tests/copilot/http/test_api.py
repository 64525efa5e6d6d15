"""The HTTP API in process, over the sample plant, sign-in off: same answers as the command line, every route, bad input."""

from __future__ import annotations

import io
import json
import shutil
import time
import zipfile
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from copilot import assemble
from copilot.config import load_settings
from copilot.http.app import make_app

ASKED = "What should I do when E207 shows up on the press?"
MARKUP = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def service(plant_home, tmp_path_factory):
    home = tmp_path_factory.mktemp("api") / "home"
    shutil.copytree(plant_home, home)
    settings = load_settings(home)
    return assemble.make_service(replace(settings, server=replace(settings.server, upload_mb=2, rate_per_minute=0)))


@pytest.fixture(scope="module")
def api(service):
    with TestClient(make_app(service), base_url="http://127.0.0.1") as client:
        yield client


def ask(api, question=ASKED, **more):
    return api.post("/api/ask", json={"question": question, **more})


def finished(api, answer):
    """The job that a request began, when it is over."""
    assert answer.status_code == 202, answer.text
    for _ in range(1200):
        job = api.get(f"/api/jobs/{answer.json()['job']}").json()
        if job["finished_at"]:
            return job
        time.sleep(0.1)
    raise AssertionError(job)


def events(text):
    """(name, data) of server-sent events."""
    return [
        (block.split("\n")[0].removeprefix("event: "), json.loads(block.split("\ndata: ")[1]))
        for block in text.strip().split("\n\n")
    ]


# --- questions ---


@pytest.mark.parametrize("question", [ASKED, "怎样更换油分芯？", "Who won the cup?"])
def test_answers_are_the_command_lines(api, plant_home, command, question):
    told = command("ask", question, "--home", plant_home, "--json").json()
    answered = ask(api, question)
    here = answered.json()
    assert here["id"] == answered.headers["X-Answer-Id"]
    for fields in (told, here):
        del fields["id"], fields["timings_ms"]
    assert here == told


def test_an_answer_as_events(api):
    for how in (
        {"json": {"question": ASKED, "stream": True}},
        {"json": {"question": ASKED}, "headers": {"Accept": "text/event-stream"}},
    ):
        answered = api.post("/api/ask", **how)
        assert answered.headers["content-type"].startswith("text/event-stream")
        *pieces, (name, answer) = events(answered.text)
        assert {kind for kind, _ in pieces} == {"piece"} and name == "answer"
        assert "".join(piece["text"] for _, piece in pieces).strip() == answer["text"]


def test_a_conversation_goes_on(api):
    ask(api, "How is the accumulator of the HP-200 precharged?", conversation="c1")
    followed = ask(api, "And what warnings apply?", conversation="c1").json()
    assert followed["machine"] == "HP-200"
    (kept,) = api.get("/api/conversations", params={"search": "precharged"}).json()["conversations"]
    assert (kept["id"], kept["answers"]) == ("c1", 2)
    assert len(api.get("/api/conversations/c1").json()["answers"]) == 2
    assert api.delete("/api/conversations/c1").json() == {"deleted": 2}
    assert api.get("/api/conversations/c1").status_code == 404


def test_a_search_is_the_command_lines(api, plant_home, command):
    told = command("search", "accumulator", "-k", "3", "--home", plant_home, "--json").json()
    assert api.post("/api/search", json={"question": "accumulator", "k": 3}).json() == told


def test_as_a_model_of_openais_api(api):
    assert api.get("/v1/models").json()["data"][0]["id"] == "factory-copilot"
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How is the accumulator of the HP-200 precharged?"},
        {"role": "assistant", "content": "..."},
        {"role": "user", "content": [{"type": "text", "text": "And what warnings apply?"}]},
    ]
    body = {"model": "factory-copilot", "messages": messages, "temperature": 0}
    whole = api.post("/v1/chat/completions", json=body).json()
    assert whole["copilot"]["machine"] == "HP-200"
    assert whole["copilot"]["text"] in whole["choices"][0]["message"]["content"]
    assert whole["citations"][0]["document"].startswith("HP-200/")
    streamed = api.post("/v1/chat/completions", json={**body, "stream": True}).text.strip().split("\n\n")
    assert streamed[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in streamed[:-1]]
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert said.startswith(whole["copilot"]["text"].split("\n")[0])
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop" and chunks[-1]["citations"] == whole["citations"]
    assert api.post("/v1/chat/completions", json={"messages": []}).status_code == 400


# --- documents, faults, feedback ---


def test_documents_in_and_out(api, plant_home, command):
    told = command("documents", "--home", plant_home, "--json").json()
    listed = api.get("/api/documents").json()
    assert [d["document"] for d in listed["documents"]] == [d["document"] for d in told["documents"]]
    manual = b"# Zorblatt ZX-1\n\nThe zorblatt tension is 47 kN. Check it every 300 hours.\n"
    files = [("files", ("zorblatt.md", manual)), ("files", ("broken.pdf", b"%PDF-1.4 nothing"))]
    job = finished(api, api.post("/api/documents", files=files, data={"machine": "ZX-1"}))
    assert (job["state"], job["files"]["ZX-1/zorblatt.md"]) == ("done", "done")
    assert job["files"]["ZX-1/broken.pdf"] not in ("done", "unchanged")
    answer = ask(api, "What is the zorblatt tension?").json()
    assert "47 kN" in answer["text"] and answer["citations"][0]["document"] == "ZX-1/zorblatt.md"
    assert api.get("/api/documents/file", params={"document": "ZX-1/zorblatt.md"}).content == manual
    # A revision under the same name takes its place; removed, it is never cited again.
    files = [("files", ("zorblatt.md", manual.replace(b"47 kN", b"52 kN")))]
    finished(api, api.post("/api/documents", files=files, data={"machine": "ZX-1"}))
    assert "52 kN" in ask(api, "What is the zorblatt tension?").json()["text"]
    finished(api, api.delete("/api/documents", params={"document": "ZX-1/zorblatt.md"}))
    gone = ask(api, "What is the zorblatt tension?").json()
    assert not any(citation["document"].startswith("ZX-1") for citation in gone["citations"])
    assert api.get("/api/documents/file", params={"document": "ZX-1/zorblatt.md"}).status_code == 404
    files = [("files", ("zorblatt.md", manual))]
    job = finished(api, api.post("/api/documents", files=files, data={"machine": "ZX-1"}))
    assert job["files"] == {"ZX-1/zorblatt.md": "done"}


def test_a_fault_report_is_found_at_once_and_after_the_next_index(api):
    report = {
        "symptom": "=HYPERLINK(evil) belt shredder hums",
        "machine": "BS-7",
        "action": MARKUP,
        "downtime_hours": 2,
    }
    report_id = api.post("/api/faults", json=report).json()["report_id"]

    def found():
        (row,) = api.get("/api/faults", params={"machine": "BS-7"}).json()["reports"]
        assert (row["report_id"], row["symptom"], row["action"]) == (report_id, report["symptom"], MARKUP)
        answer = ask(api, "What was done when the belt shredder hums on BS-7?").json()
        assert report_id in answer["citations"][0]["quote"]
        return answer["index_version"]

    before = found()
    assert finished(api, api.post("/api/documents/index"))["state"] == "done"
    assert found() != before
    counted = api.get("/api/faults/statistics", params={"machine": "BS-7"}).json()
    assert (counted["total"], counted["reliability"]["mttr_hours"]) == (1, 2.0)
    counts = api.get("/api/faults/statistics", params={"machine": "BS-7", "format": "csv"})
    assert counts.headers["content-type"].startswith("text/csv") and "machine,BS-7,1,,2.0,,2.0" in counts.text
    table = api.get("/api/faults", params={"machine": "BS-7", "format": "csv"})
    assert "'=HYPERLINK(evil)" in table.text and ",=HYPERLINK" not in table.text
    guessed = api.get("/api/faults/predict", params={"symptom": "hydraulic oil leaking at the pump"}).json()
    assert all(0 <= guess["confidence"] <= 1 for guess in guessed.values())


def test_feedback_and_gaps(api):
    answered = ask(api, "How often is the gearbox polished?")
    answer_id = answered.headers["X-Answer-Id"]
    given = api.post(
        "/api/feedback", json={"answer_id": answer_id, "verdict": "down", "corrected_route": "maintenance"}
    )
    entry = given.json()["id"]
    assert entry in [one["id"] for one in api.get("/api/feedback").json()["pending"]]
    decided = api.post(f"/api/feedback/{entry}/review", json={"decision": "accept"})
    assert decided.json()["decision"] == "accept"
    # A second reviewer who saw the same queue is told, and undoes nothing.
    assert api.post(f"/api/feedback/{entry}/review", json={"decision": "drop"}).status_code == 409
    assert api.post("/api/gaps", json={"answer_id": answer_id}).status_code == 201
    assert [gap["question"] for gap in api.get("/api/gaps").json()["gaps"]] == ["How often is the gearbox polished?"]
    assert api.post("/api/feedback", json={"answer_id": "none", "verdict": "up"}).status_code == 404


# --- state ---


def test_state_and_description(api):
    assert api.get("/api/ready").json() == {"ready": True}
    assert api.get("/api/health").json()["status"] == "ok"
    assert 'copilot_answers_total{route="' in api.get("/metrics").text
    described = api.get("/openapi.json").json()
    assert {"/api/ask", "/api/faults", "/v1/chat/completions"} <= set(described["paths"])
    page = api.get("/docs").text
    assert "/api/search" in page and "//" not in page.replace("</", "")
    policy = api.get("/docs").headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")


# --- bad input and attacks ---


@pytest.mark.parametrize(
    "body, status",
    [
        ({"question": ""}, 400),
        ({"question": "  \n "}, 400),
        ({"question": "x" * 3000}, 400),
        ({}, 422),
        ({"question": 5}, 422),
        ({"question": "x", "colour": "red"}, 422),
        ({"question": "x", "conversation": "../../etc"}, 422),
        ([], 422),
    ],
)
def test_bad_questions_get_one_line(api, body, status):
    answered = api.post("/api/ask", json=body)
    assert answered.status_code == status
    assert "\n" not in answered.json()["error"]["message"] and "Traceback" not in answered.text


def test_other_types_of_content_are_refused(api):
    for body, kind in (
        (b"question=x", "application/x-www-form-urlencoded"),
        (b"{", "application/json"),
        (b"\xff", "text/plain"),
    ):
        answered = api.post("/api/ask", content=body, headers={"content-type": kind})
        assert answered.status_code == 422
        assert set(answered.json()) == {"error"}


def test_markup_in_a_question_stays_text(api):
    answered = ask(api, f"{MARKUP} What does E207 mean?")
    assert answered.headers["content-type"] == "application/json"
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.json()["question"].startswith(MARKUP)


@pytest.mark.parametrize(
    "name", ["../../../evil.md", "..\\..\\evil.md", "/etc/evil.md", "C:\\evil.md", "a/../../evil.md"]
)
def test_an_upload_stays_in_its_folder(api, service, name):
    job = finished(api, api.post("/api/documents", files=[("files", (name, b"# Evil\n\nNothing to see."))]))
    assert all(".." not in one for one in job["files"])
    home = service.settings.home
    found = [path for path in home.parent.rglob("*evil.md") if path.is_file()]
    assert found and all(path.is_relative_to(home / "uploads" / "auto") for path in found)


@pytest.mark.parametrize(
    "document", ["../users.sqlite", "/etc/passwd", "..%2f..%2fetc/passwd", "audit/log.jsonl", "\x00"]
)
def test_only_documents_are_handed_out(api, document):
    assert api.get("/api/documents/file", params={"document": document}).status_code == 404
    assert api.delete("/api/documents", params={"document": document}).status_code == 404


def test_uploads_of_no_use_are_refused_whole(api, service):
    before = sorted((service.settings.home / "uploads").rglob("*"))
    files = [("files", ("fine.md", b"# Fine")), ("files", ("tool.exe", b"MZ"))]
    assert "known format" in api.post("/api/documents", files=files).json()["error"]["message"]
    assert api.post("/api/documents", files=[("files", ("..", b"x"))]).status_code in (400, 422)
    assert api.post("/api/documents", files=[("files", ("x.md", b"x"))], data={"kind": "poem"}).status_code == 400
    assert sorted((service.settings.home / "uploads").rglob("*")) == before


def test_huge_bodies_are_refused(api):
    assert api.post("/api/ask", content=b" " * (1 << 20) + b"{}").status_code == 413
    assert api.post("/api/documents", files=[("files", ("big.md", b"x" * (3 << 20)))]).status_code == 413

    def endless():
        for _ in range(40):
            yield b" " * (1 << 16)

    assert api.post("/api/ask", content=endless(), headers={"content-type": "application/json"}).status_code == 413


def test_a_zip_bomb_is_left_out_and_named(api):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for part in range(6):
            archive.writestr(f"word/document{part or ''}.xml", b"0" * (200 << 20))
    assert packed.tell() < 2 << 20
    job = finished(api, api.post("/api/documents", files=[("files", ("bomb.docx", packed.getvalue()))]))
    assert job["state"] == "done"
    assert job["files"]["bomb.docx"] not in ("done", "unchanged")


def test_a_page_of_another_origin_changes_nothing(api):
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:8080"},
    ):
        assert api.post("/api/faults", json={"symptom": "forged"}, headers=headers).status_code == 403
    assert api.post("/api/faults", json={"symptom": "own"}, headers={"Origin": "http://127.0.0.1"}).status_code == 201


def test_a_foreign_name_of_this_machine_is_refused(api):
    assert api.get("/api/documents", headers={"Host": "evil.example"}).status_code == 421
    assert api.get("/api/documents", headers={"Host": "localhost:7860"}).status_code == 200
