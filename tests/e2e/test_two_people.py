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
    (home / "copilot.toml").write_text("[server]\nupload_mb = 2\n", encoding="utf-8")
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


def test_a_document_is_removed_once_and_the_second_is_told(two, plant, tmp_path):
    anna, egon = two
    file = tmp_path / "FL-2_flusher.md"
    file.write_text("# Flusher FL-2\n\nThe flusher FL-2 <img src=x onerror=alert(1)> rinses for 40 s.\n", "utf-8")
    open_tab(anna, "Library")
    anna.wait_for_selector("#fc-documents .fc-document")
    anna.click("#fc-add button >> nth=0")
    anna.set_input_files("#fc-files input[type=file]", str(file))
    anna.wait_for_selector("#fc-files :text('FL-2')")
    anna.click("#fc-upload")
    mine = anna.locator("#fc-documents .fc-document", has_text="Flusher FL-2")
    mine.wait_for(timeout=120_000)

    open_tab(egon, "文档库")
    egon.locator("#fc-find textarea, #fc-find input").press_sequentially("FL-2")  # brings his list up to date
    his = egon.locator("#fc-documents .fc-document", has_text="Flusher FL-2")
    his.wait_for()
    for one in (mine, his):
        one.locator(".fc-menu summary").click()
    mine.locator("[data-fc=remove]").click()
    his.locator("[data-fc=remove]").click()
    # Whether the removal is under way or over by then, he is told in his language, and no second one begins.
    egon.wait_for_selector(":text('其他人正在移除'), :text('已被其他人移除')")
    mine.wait_for(state="detached", timeout=120_000)
    egon.locator("#fc-find textarea, #fc-find input").fill("")
    egon.wait_for_selector("#fc-documents .fc-document:has-text('HP-200')")
    his.wait_for(state="detached")
    assert anna.locator("#fc-library-jobs .fc-job:has-text('Removing')").count() == 1
    assert anna.evaluate("document.querySelectorAll('#fc-documents img').length") == 0


def test_a_page_whose_session_is_over_leads_to_the_sign_in_form(two, plant):
    _, egon = two
    egon.context.clear_cookies()
    egon.fill("#fc-text textarea", ASKED)
    egon.click("#fc-send")
    egon.wait_for_selector("[role=alert]:has-text('登录已失效')")
    egon.fill("input[name=name]", "egon")
    egon.fill("input[name=password]", "wrong")
    egon.click("button")
    egon.wait_for_selector("[role=alert]:has-text('用户名或密码错误')")
    egon.fill("input[name=password]", PASSWORD)
    egon.click("button")
    egon.wait_for_selector(".fc-asks button")
    assert egon.locator("input[name=password]").count() == 0, "signed in, the form is gone"


def test_refusals_are_in_the_language_of_the_page(two, plant, tmp_path):
    _, egon = two
    assert egon.evaluate("document.documentElement.lang") == "zh"
    open_tab(egon, "文档库")
    egon.wait_for_selector("#fc-documents .fc-document")
    egon.click("#fc-add button >> nth=0")
    (tmp_path / "tool.exe").write_bytes(b"MZ")
    egon.set_input_files("#fc-files input[type=file]", str(tmp_path / "tool.exe"))
    egon.wait_for_selector("#fc-files :text('tool')")
    egon.click("#fc-upload")
    egon.wait_for_selector(":text('格式无法识别')")
    with (tmp_path / "large.pdf").open("wb") as file:
        file.truncate(3 << 20)
    egon.set_input_files("#fc-files input[type=file]", str(tmp_path / "large.pdf"))
    egon.wait_for_selector("#fc-upload-said :text('一次最多')")
    open_tab(egon, "故障记录")
    egon.fill("#fc-report-symptom textarea", "漏油")
    egon.fill("#fc-report-date textarea, #fc-report-date input", "昨天")
    egon.click("#fc-report-save")
    egon.wait_for_selector("#fc-report-said .fc-error:has-text('请写成 YYYY-MM-DD')")
