"""`copilot serve` as a process of its own, with users, the audit log and the page, on a port of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

REPOSITORY = Path(__file__).parents[3]
ASKED = "What should I do when E207 shows up on the press?"


@contextlib.contextmanager
def serving(home, *options):
    """The running process and a client for it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "copilot.cli", "serve", "--home", str(home), "--port", "0", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        address = re.search(r"http://\S+:\d+", line)
        assert address, line + process.stderr.read()
        with httpx.Client(base_url=address[0], timeout=60, trust_env=False) as client:
            yield process, client
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
        if process.poll() is None:
            process.kill()
        process.communicate()


def ready(client):
    """Wait until questions are answered at once."""
    for _ in range(1200):
        with contextlib.suppress(httpx.TransportError):
            if client.get("/api/ready").status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError("never ready")


@pytest.fixture(scope="module")
def home(plant_home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("serve") / "home"
    shutil.copytree(plant_home, folder)
    return folder


@pytest.mark.slow
def test_a_server_answers_shows_its_page_and_ends_in_order(home, command):
    with serving(home) as (process, client):
        ready(client)
        assert "<html" in client.get("/").text
        told = command("ask", ASKED, "--home", home, "--json").json()
        here = client.post("/api/ask", json={"question": ASKED}).json()
        assert here["text"] == told["text"]
        # A client that goes away midway frees its place.
        with client.stream("POST", "/api/ask", json={"question": ASKED, "stream": True}) as answered:
            next(answered.iter_raw())
        for _ in range(100):
            if not client.get("/api/health").json()["running"]:
                break
            time.sleep(0.05)
        assert client.get("/api/health").json()["running"] == 0
        # Stopped while it answers, it finishes the answer.
        said = []
        asking = threading.Thread(
            target=lambda: said.append(
                httpx.post(f"{client.base_url}/api/ask", json={"question": ASKED}, timeout=60, trust_env=False)
            )
        )
        asking.start()
        while not client.get("/api/health").json()["running"] and asking.is_alive():
            pass
        process.send_signal(signal.SIGTERM)
        asking.join()
        assert said[0].json()["text"] == told["text"]
        assert process.wait(30) == 0
    verified = command("audit", "verify", "--home", home, "--json").json()
    assert verified["ok"] and verified["lines"] >= 3
    exported = home.parent / "audit.csv"
    assert command("audit", "export", exported, "--home", home).code == 0
    assert ASKED in exported.read_text(encoding="utf-8-sig")
    with (home / "audit" / "log.jsonl").open("r+b") as file:
        file.seek(40)
        file.write(b"X")
    assert command("audit", "verify", "--home", home).code == 1


def test_a_taken_port_gets_one_line(home, command):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = command("serve", "--home", home, "--port", taken.getsockname()[1])
    assert ran.code == 1
    assert ran.err.count("\n") == 1 and "is taken; give another with --port" in ran.err


def test_others_are_let_in_only_when_there_are_users(own_home, command):
    ran = command("serve", "--home", own_home, "--host", "0.0.0.0", "--port", "0")
    assert ran.code == 1
    assert ran.err.count("\n") == 1 and "copilot users add" in ran.err


def test_users_and_tokens_on_the_command_line(plant_home, tmp_path, command):
    home = tmp_path / "home"
    shutil.copytree(plant_home, home)
    added = command(
        "users", "add", "anna", "--role", "engineer", "--password-stdin", "--home", home, stdin=b"long enough\n"
    )
    assert added.code == 0, added.err
    short = command("users", "add", "bert", "--password-stdin", "--home", home, stdin=b"short\n")
    assert short.code == 1 and "at least 8" in short.err
    token = command("users", "token", "anna", "--label", "cmms", "--home", home, "--json").json()["token"]
    (listed,) = command("users", "list", "--home", home, "--json").json()["users"]
    assert (listed["name"], listed["role"], listed["tokens"][0]["label"]) == ("anna", "engineer", "cmms")
    assert token not in json.dumps(listed)
    with serving(home, "--api-only") as (_, client):
        assert client.get("/api/machines").status_code == 401
        headers = {"Authorization": f"Bearer {token}"}
        assert "HP-200" in client.get("/api/machines", headers=headers).json()["machines"]
        assert command("users", "remove", "anna", "--home", home).code == 0
        # With the last user gone sign-in is off, and an unknown token is nobody's.
        assert client.get("/api/health").json()["status"] == "ok"
