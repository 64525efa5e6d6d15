"""Two people, each in a browser of their own, change the same thing: the second is told, and nothing is lost."""

from __future__ import annotations

import json

import pytest

from tests.conftest import run_copilot
from tests.e2e.conftest import WAIT_MS, ask, copy_home, open_tab, start_server

ASKED = "what torque for the separator cover bolts of the compressor"
PASSWORD = "a long pass phrase"


def text_of(page, selector):
    return " ".join(page.locator(selector).inner_text().split())


@pytest.fixture(scope="module")
def plant(plant_home, tmp_path_factory):
    """A server with two engineers."""
    home = copy_home(plant_home, tmp_path_factory.mktemp("two") / "home")
    for name in ("anna", "egon"):
        made = run_copilot(
            "users",
            "add",
            name,
            "--role",
            "engineer",
            "--password-stdin",
            "--home",
            home,
            stdin=f"{PASSWORD}\n".encode(),
        )
        assert made.code == 0, made.err
    server = start_server(home)
    yield server
    server.stop()


@pytest.fixture
def two(browser, plant):
    """Their pages: Anna's in English, Egon's in Chinese."""
    pages, contexts = [], []
    for name, locale in (("anna", "en-US"), ("egon", "zh-CN")):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, locale=locale)
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.goto(plant.url, wait_until="load")
        page.fill("input[name=name]", name)
        page.fill("input[name=password]", PASSWORD)
        page.click("button")
        page.wait_for_selector(".fc-asks button")
        pages.append(page)
        contexts.append(context)
    yield pages
    for context in contexts:
        context.close()


def reviews(server):
    """The decisions that are stored."""
    return [
        json.loads(line)
        for file in (server.home / "feedback").glob("review*.jsonl")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]


def test_the_same_feedback_is_decided_once_and_the_second_is_told(two, plant):
    anna, egon = two
    ask(anna, ASKED)
    anna.click(".fc-meta .fc-menu summary")
    anna.click("[data-fc=route][data-value=history]")
    anna.wait_for_selector(".fc-meta .fc-thanks")
    open_tab(anna, "Training")
    open_tab(egon, "训练")
    for page in two:
        page.locator("#fc-queue .fc-document", has_text="separator cover bolts").first.wait_for()
    anna.locator("#fc-queue .fc-document", has_text="separator cover bolts").first.locator("[data-fc=accept]").click()
    anna.locator("#fc-queue .fc-document", has_text="separator cover bolts").wait_for(state="detached")
    entry = egon.locator("#fc-queue .fc-document", has_text="separator cover bolts").first
    entry.locator(".fc-menu summary").click()
    entry.locator("[data-fc=correct][data-route=safety]").click()
    egon.wait_for_selector(":text('其他人已先处理了这一条')")
    entry.wait_for(state="detached")  # his list is up to date
    made = reviews(plant)
    assert [(one["decision"], one["route"]) for one in made] == [("accept", None)]
