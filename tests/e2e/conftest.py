"""A real browser on a real server over the sample plant. Skipped, with the reason, where there is no Chromium."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
          "--no-first-run", "--disable-dev-shm-usage"]  # fmt: skip
WAIT_MS = 45_000
"""The most that a test waits for something to appear; a slow machine is no failure."""


@dataclass
class Server:
    """`copilot serve` in a process of its own."""

    home: Path
    url: str
    process: subprocess.Popen[str]
    said: list[str]

    def stop(self) -> int:
        """End it as Ctrl-C does; its exit code."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def start_server(home: Path, *flags: str) -> Server:
    """Serve a home on a free port of this machine; returns once questions are answered at once."""
    process = subprocess.Popen(
        [sys.executable, "-m", "copilot.cli", "serve", "--home", str(home), "--port", "0", *flags],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    said: list[str] = []
    assert process.stdout is not None
    while line := process.stdout.readline():
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            break
    else:
        raise AssertionError("".join(said))
    threading.Thread(target=lambda: said.extend(process.stdout), daemon=True).start()  # or it would wait for a reader
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"{found[0]}/api/ready", timeout=5) as answer:
                if answer.status == 200:
                    return Server(home, found[0], process, said)
        except (urllib.error.URLError, OSError):
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError("".join(said))
        time.sleep(0.2)


def copy_home(source: Path, target: Path) -> Path:
    """A home that may be written to; what never changes in place is linked."""

    def take(one: str, other: str) -> None:
        linked = {"documents", "body", "encoder"} & set(Path(one).relative_to(source).parts)
        (os.link if linked else shutil.copy2)(one, other)

    shutil.copytree(source, target, copy_function=take)
    return target


@pytest.fixture(scope="session")
def server(plant_home, tmp_path_factory) -> Iterator[Server]:
    running = start_server(copy_home(plant_home, tmp_path_factory.mktemp("e2e") / "home"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(_BROWSERS)} is installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=_FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def shared_context(browser):
    """One for all tests that have no wish of their own: what the page loads is cached."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


@pytest.fixture
def open_page(browser, server, shared_context):
    """Opens the page: open_page(width=, height=, locale=, color_scheme=, url=). Nothing may be asked of another host."""
    opened, outside, errors = [], [], []

    def opening(width=1280, height=900, url=None, **options):
        address = url or server.url
        if (width, height, url, options) == (1280, 900, None, {}):
            shared_context.clear_cookies()
            page = shared_context.new_page()
            opened.append(page)
        else:
            context = browser.new_context(viewport={"width": width, "height": height}, **{"locale": "en-US", **options})
            opened.append(context)
            context.set_default_timeout(WAIT_MS)
            page = context.new_page()
        page.on("request", lambda asked: outside.append(asked.url) if not _own(asked.url, address) else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        return page

    yield opening
    for one in opened:
        one.close()
    assert outside == [], f"asked of another host: {outside[:3]}"
    assert errors == [], f"errors of the page's scripts: {errors[:3]}"


def _own(url: str, address: str) -> bool:
    return url.startswith((f"{address}/", "data:", "blob:")) or url == address


@pytest.fixture
def page(open_page):
    opened = open_page()
    opened.wait_for_selector(".fc-welcome")
    opened.wait_for_selector(".fc-asks button")  # the page has loaded what it shows
    return opened


def ask(page, question: str) -> None:
    """Type a question and wait for its whole answer."""
    ended = page.locator(".fc-turn .fc-actions, .fc-turn .fc-error")
    before = ended.count()
    page.fill("#fc-text textarea", question)
    page.click("#fc-send")
    ended.nth(before).wait_for()
    assert page.locator(".fc-turn .fc-error").all_inner_texts() == []


def open_tab(page, name: str) -> None:
    """Go to a tab by its name; on narrow screens it may be behind the three dots."""
    tab = page.get_by_role("tab", name=name, exact=True).first
    if not tab.is_visible():
        page.locator("#fc-tabs .overflow-menu > button").first.click()
        page.locator("#fc-tabs .overflow-dropdown button", has_text=name).first.click()
        return
    tab.click()
