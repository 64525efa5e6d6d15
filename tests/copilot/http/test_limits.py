"""Limits as a client meets them: one line, a status, and when to try again."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from copilot import assemble
from copilot.config import load_settings
from copilot.http.app import make_app

ASKED = {"question": "What does alarm E-207 mean?"}


@pytest.fixture(scope="module")
def home(plant_home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("limits") / "home"
    shutil.copytree(plant_home, folder)
    return folder


@pytest.fixture
def serving(home):
    """Makes a client of a service with these settings of [server]."""
    made = []

    def make(**server):
        settings = load_settings(home)
        service = assemble.make_service(replace(settings, server=replace(settings.server, **server)))
        made.append(service)
        return service, TestClient(make_app(service), base_url="http://127.0.0.1")

    yield make
    for service in made:
        service.close()


def refused(answer):
    error = answer.json()["error"]
    return answer.status_code, error["type"], "\n" in error["message"], int(answer.headers.get("Retry-After", 0))


def test_whoever_asks_too_often_is_told_when_to_ask_again(serving):
    _, client = serving(rate_per_minute=2)
    for path in ("/api/ask", "/api/search"):
        assert client.post(path, json=ASKED).status_code == 200
    status, kind, lines, wait = refused(client.post("/api/ask", json=ASKED))
    assert (status, kind, lines) == (429, "LimitError", False) and 1 <= wait <= 30


def test_beyond_the_queue_a_question_is_refused_at_once_and_answered_later(serving):
    service, client = serving(rate_per_minute=0, running=1, waiting=0)
    with service.admission.slot(time.monotonic() + 10):
        for body in (ASKED, {**ASKED, "stream": True}):
            assert refused(client.post("/api/ask", json=body)) == (503, "BusyError", False, 5)
        chat = {"messages": [{"role": "user", "content": ASKED["question"]}]}
        assert refused(client.post("/v1/chat/completions", json=chat)) == (503, "BusyError", False, 5)
    assert client.post("/api/ask", json=ASKED).json()["status"] == "answered"


def test_who_waits_too_long_is_told(serving):
    service, client = serving(rate_per_minute=0, running=1, waiting=5, time_out_s=0.05)
    with service.admission.slot(time.monotonic() + 10):
        assert refused(client.post("/api/ask", json=ASKED)) == (504, "TimedOutError", False, 5)
    assert service.admission.waiting == 0
