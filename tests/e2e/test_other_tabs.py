"""Library, fault history, training and health in a real browser; sizes, and what each role sees."""

from __future__ import annotations

import csv
from datetime import UTC, datetime

import pytest

from copilot.evaluations import Evaluation, Row, save
from tests.conftest import run_copilot
from tests.e2e.conftest import ask, copy_home, open_tab, start_server

NOTE = "# Coolant station KS-9\n\n## 1 Filling\n\nThe coolant station KS-9 holds 340 litres of emulsion at 6 % concentration.\n"
QUESTION = "How many litres of emulsion does the coolant station KS-9 hold?"


def text_of(page, selector):
    return " ".join(page.locator(selector).inner_text().split())


def test_a_document_is_added_previewed_cited_and_removed(page, tmp_path):
    file = tmp_path / "KS-9_<b>note</b>.md".replace("<", "_").replace(">", "_").replace("/", "_")
    file.write_text(NOTE, encoding="utf-8")
    open_tab(page, "Library")
    page.wait_for_selector(".fc-document:has-text('HP-200 Hydraulic Press')")
    page.click("#fc-add button >> nth=0")
    page.set_input_files("#fc-files input[type=file]", str(file))
    page.wait_for_selector("#fc-files :text('KS-9')")
    page.click("#fc-upload")
    page.wait_for_selector(".fc-job.fc-done:has-text('added')", timeout=120_000)
    added = page.locator(".fc-document", has_text="Coolant station KS-9").first
    added.wait_for()
    added.locator("[data-fc=preview]").click()
    page.wait_for_selector("#fc-preview :text('340 litres')")

    open_tab(page, "Chat")
    ask(page, QUESTION)
    assert "340 litres" in text_of(page, ".fc-text")

    open_tab(page, "Library")
    added.locator(".fc-menu summary").click()
    added.locator("[data-fc=remove]").click()
    page.wait_for_selector(".fc-job.fc-done >> nth=1", timeout=120_000)
    added.wait_for(state="detached")
    open_tab(page, "Chat")
    page.click("#fc-new")
    page.wait_for_selector(".fc-welcome")
    ask(page, QUESTION)
    assert "KS-9_" not in text_of(page, ".fc-conversation")


def test_a_folder_is_watched_from_the_page_and_let_go(page, tmp_path):
    (tmp_path / "FS-4_feeder.md").write_text("# Feeder FS-4\n\nThe feeder FS-4 runs at 12 parts a minute.\n", "utf-8")
    open_tab(page, "Library")
    page.wait_for_selector(".fc-document")
    page.click("#fc-watch button >> nth=0")
    assert "No folder is watched" in text_of(page, "#fc-watched")
    page.fill("#fc-watch-path textarea, #fc-watch-path input", str(tmp_path / "none"))
    page.click("#fc-watch-begin")
    page.wait_for_selector(":text('there is no folder')")
    page.fill("#fc-watch-path textarea, #fc-watch-path input", str(tmp_path))
    page.click("#fc-watch-begin")
    page.wait_for_selector(f"#fc-watched .fc-document:has-text('{tmp_path.name}')")
    page.wait_for_selector(
        ".fc-job.fc-done .fc-file-read:has-text('FS-4_feeder.md'):has-text('read, 1 page')", timeout=120_000
    )
    page.wait_for_selector("#fc-documents .fc-document:has-text('Feeder FS-4')")
    page.click("#fc-watched [data-fc=unwatch]")
    page.wait_for_selector("#fc-watched :text('No folder is watched')")
    assert page.locator("#fc-documents .fc-document", has_text="Feeder FS-4").count() == 1  # its documents stay


def test_a_manuals_pages_are_turned_in_the_preview(page):
    open_tab(page, "Library")
    page.locator("#fc-find textarea, #fc-find input").press_sequentially("HP-200")
    page.wait_for_selector(".fc-document:has-text('PK-3')", state="detached")  # a list drawn anew would lose the click
    page.locator(".fc-document:has-text('HP-200 Hydraulic Press') [data-fc=preview]").click()
    page.wait_for_selector("#fc-preview .fc-page img")
    page.click("#fc-preview [data-fc=next]")
    page.wait_for_selector("#fc-preview .fc-count:has-text('2 / 20')")
    assert page.locator("#fc-preview .fc-page img").count() == 1


def test_a_fault_is_recorded_from_the_conversation_and_found_at_once(page):
    ask(page, "What should I do when E207 shows up on the press?")
    page.click("[data-fc=report]")
    page.wait_for_selector("#fc-report-symptom textarea")
    assert page.input_value("#fc-report-code textarea, #fc-report-code input") == "E-207"
    assert page.input_value("#fc-report-machine input") == "HP-200"
    page.fill("#fc-report-symptom textarea", "oil leaking at the ram seal, zebra stripe on the floor")
    page.fill("#fc-report-action textarea", "=HYPERLINK(0)")
    page.click("#fc-report-save")
    page.wait_for_selector("#fc-report-said .fc-thanks")

    page.get_by_role("tab", name="Reports", exact=True).click()
    page.locator("#fc-list-find textarea, #fc-list-find input").press_sequentially("zebra")
    page.wait_for_selector("#fc-list h3:has-text('1 of 1')")
    page.wait_for_selector("#fc-list-download a[href*='find=zebra']")  # what is saved is what is shown
    assert "zebra stripe" in text_of(page, "#fc-list tbody")
    with page.expect_download() as saved:
        page.click("#fc-list-download a")
    with open(saved.value.path(), encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["action"] for row in rows] == ["'=HYPERLINK(0)"]
    page.locator("#fc-list-find textarea, #fc-list-find input").fill("")
    page.wait_for_selector("#fc-list h3:has-text('100 of')")  # an emptied field finds all again

    open_tab(page, "Chat")
    page.click("#fc-new")
    page.wait_for_selector(".fc-welcome")
    ask(page, "Was there ever a zebra stripe on the floor at HP-200?")
    assert "zebra stripe" in text_of(page, ".fc-conversation .fc-answer")


def test_a_report_without_a_symptom_is_not_stored(page):
    open_tab(page, "Fault history")
    page.click("#fc-report-save")
    page.wait_for_selector("#fc-report-said .fc-error:has-text('what happened')")
    assert page.locator("#fc-report-said .fc-thanks").count() == 0


def test_statistics_are_charts_that_follow_the_machine(page):
    open_tab(page, "Fault history")
    page.get_by_role("tab", name="Statistics", exact=True).click()
    page.wait_for_selector(".fc-trend .fc-column >> nth=0")
    titles = page.locator(".fc-chart h3").all_inner_texts()
    assert titles == ["Reports a week", "By machine", "By code", "By component", "By failure mode"]
    assert "Mean time between reports" in text_of(page, ".fc-figures")
    page.click("#fc-chart-machine input")
    page.get_by_role("option", name="AC-75").click()
    page.wait_for_function("document.querySelectorAll('.fc-charts .fc-chart:first-child li').length === 1")


def test_feedback_is_reviewed_and_versions_are_shown(page):
    ask(page, "what torque for the separator cover bolts of the compressor")
    page.click(".fc-meta .fc-menu summary")
    page.click("[data-fc=route][data-value=history]")
    page.wait_for_selector(".fc-meta .fc-thanks")
    open_tab(page, "Training")
    entry = page.locator("#fc-queue .fc-document", has_text="separator cover bolts").first
    entry.wait_for()
    entry.locator("[data-fc=drop]").click()
    entry.wait_for(state="detached")
    versions = text_of(page, "#fc-versions")
    assert "router" in versions and "in force" in versions and "macro F1" in versions
    page.fill("#fc-every textarea, #fc-every input", "12h")
    page.click("#fc-schedule")
    page.wait_for_selector("#fc-planned :text('Every 12h')")


def test_health_shows_checks_and_figures(page, server):
    rows = [
        Row(str(n), f"question {n}", route, "en", {"answered": float(n > 2), "cited": 1.0}, 90.0, "p. 3", "came")
        for n, route in enumerate(("procedure", "safety", "procedure", "history"))
    ]
    for _ in range(2):
        save(server.home, Evaluation("answers", "own_questions.jsonl", tuple(rows), datetime.now(UTC)))
    open_tab(page, "Health")
    page.locator("#fc-checks-box .fc-check").first.wait_for()
    assert page.locator("#fc-checks-box .fc-broken").count() == 0
    assert "Questions waiting" in text_of(page, "#fc-service") and "macro F1" in text_of(page, "#fc-models")
    assert "Are the answers right?" in text_of(page, "#fc-evaluation")
    assert "25 % Answerable questions answered" in text_of(page, "#fc-evaluation")
    assert page.locator("#fc-evaluation svg").first.bounding_box()["height"] > 60
    page.locator("#fc-evaluation summary", has_text="3 questions that failed").click()
    page.wait_for_selector("#fc-evaluation td:has-text('question 2')")
    page.click("#fc-language label:has-text('中文')")
    page.wait_for_selector("h1:has-text('工厂助手')")
    page.wait_for_selector("#fc-evaluation h3:has-text('回答正确吗？')")


TABS = ("Chat", "Library", "Fault history", "Training", "Health")
_SMALL = """() => [...document.querySelectorAll('button, summary, input, textarea, a.fc-link')]
  .filter((one) => one.offsetParent !== null && one.type !== 'file' && !one.closest('[data-testid=status-tracker]'))
  .map((one) => [one.closest('label, button, summary') || one, one])
  .filter(([box]) => { const size = box.getBoundingClientRect(); return size.width > 1 && (size.height < 43.5 || size.width < 43.5)
     && !box.matches('.fc-marker, .fc-where, .fc-step input'); })
  .map(([box, one]) => `${one.tagName} ${one.id || one.className} ${box.getBoundingClientRect().height}`)"""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1024, 768)])
def test_nothing_overflows_and_everything_can_be_hit_with_gloves(open_page, width, height):
    page = open_page(width, height)
    page.wait_for_selector(".fc-asks button")
    ask(page, "How do I swap the tool halves in the press?")
    ready = {"Library": ".fc-document", "Training": "#fc-versions .fc-document", "Health": ".fc-check"}
    for name in TABS:
        open_tab(page, name)
        if name in ready:
            page.locator(ready[name]).first.wait_for()
        if name == "Fault history":
            page.get_by_role("tab", name="Reports", exact=True).click()
            page.wait_for_selector("#fc-list-download a")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate(_SMALL) == [], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(open_page, scheme):
    """Contrast of 4.5:1 and more (WCAG 2, AA) for the texts of an answer."""
    page = open_page(color_scheme=scheme)
    page.wait_for_selector(".fc-asks button")
    ask(page, "How do I swap the tool halves in the press?")
    for selector in (
        ".fc-text",
        ".fc-warning p",
        ".fc-warnings h3",
        ".fc-chip",
        ".fc-card small",
        ".fc-asked",
        "#fc-send",
    ):
        assert page.evaluate(_CONTRAST, selector) >= 4.5, selector


_CONTRAST = """(selector) => {
  const one = document.querySelector(selector);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  let ground = one, back = [0, 0, 0, 0];
  while (ground && (back.length > 3 && back[3] === 0)) { back = parse(getComputedStyle(ground).backgroundColor); ground = ground.parentElement; }
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const [a, b] = [light(parse(getComputedStyle(one).color)), light(back)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""


def test_each_role_sees_what_it_may_do(open_page, plant_home, tmp_path):
    home = copy_home(plant_home, tmp_path / "home")
    for name, role in (("olga", "operator"), ("egon", "engineer")):
        made = run_copilot(
            "users", "add", name, "--role", role, "--password-stdin", "--home", home, stdin=b"a long pass phrase\n"
        )
        assert made.code == 0, made.err
    server = start_server(home)
    try:
        for name, may in (("olga", False), ("egon", True)):
            page = open_page(url=server.url)
            page.fill("input[name=name]", name)
            page.fill("input[name=password]", "a long pass phrase")
            page.click("button")
            page.wait_for_selector(".fc-asks button")
            assert page.get_by_role("tab", name="Training", exact=True).count() == int(may)
            assert name in text_of(page, "#fc-who")
            open_tab(page, "Library")
            page.wait_for_selector(".fc-document")
            assert page.locator(".fc-document [data-fc=remove]").count() > 0 if may else True
            assert page.locator("#fc-reindex").is_visible() is may
            if (
                may
            ):  # an engineer sees what is watched and may end it; folders of the server are an administrator's to give
                page.click("#fc-watch button >> nth=0")
                page.wait_for_selector("#fc-watched :text('No folder is watched')")
            assert page.locator("#fc-watched").is_visible() is may and not page.locator("#fc-watch-path").is_visible()
            ask_tab = page.get_by_role("tab", name="Chat", exact=True).first
            ask_tab.click()
            ask(page, "hydraulic oil change interval")
    finally:
        assert server.stop() == 0  # with the pages still open
    assert not any("ERROR" in line or "Traceback" in line for line in server.said), "".join(server.said)


def test_earlier_questions_come_into_sight_beside_what_is_shown(open_page):
    """On a phone they are below the conversation, on a desktop above the cited page: neither may be out of sight."""
    for width, height in ((390, 844), (1440, 900)):
        page = open_page(width, height)
        page.wait_for_selector(".fc-asks button")
        ask(page, "What should I do when E207 shows up on the press?")
        page.wait_for_selector("#fc-viewer-box .fc-page img")
        page.click("#fc-mine")
        page.wait_for_selector("#fc-found [data-fc=open] small:has-text('1 answer')")
        page.wait_for_function(
            "() => { const top = document.querySelector('#fc-history').getBoundingClientRect().top;"
            " return top >= -2 && top < window.innerHeight / 2; }"
        )
        viewer = page.locator("#fc-viewer-box").bounding_box()
        assert viewer["x"] >= 0 and viewer["x"] + viewer["width"] <= width
