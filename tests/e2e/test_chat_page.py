"""The chat in a real browser: what an operator does with it."""

from __future__ import annotations

import json
import re

import pytest

from indexer.readers.limits import ReadLimits
from indexer.readers.ocr import usable_languages
from tests.e2e.conftest import ask

E207 = "What should I do when E207 shows up on the press?"
TOOL = "How do I swap the tool halves in the press?"


def text_of(page, selector):
    return " ".join(page.locator(selector).inner_text().split())


def test_an_alarm_is_answered_beside_the_page_with_the_words_marked(page):
    ask(page, E207)
    assert "Accumulator pressure drops too fast" in text_of(page, ".fc-text")
    assert "Fault or alarm" in text_of(page, ".fc-meta") and "% sure" in text_of(page, ".fc-meta")
    page.wait_for_selector("#fc-viewer-box .fc-page img")
    assert "Page 13 of 20" in text_of(page, "#fc-viewer-box header")
    page.locator(".fc-text .fc-marker[data-number='2']").first.click()
    page.wait_for_selector("#fc-viewer-box mark")
    assert "2 / 2" in text_of(page, "#fc-viewer-box nav") and "E-207" in text_of(page, "#fc-viewer-box .fc-facts")
    page.click("#fc-viewer-box [data-fc=previous]")
    page.wait_for_selector("#fc-viewer-box .fc-page img")
    page.click("#fc-viewer-box [data-fc=close]")
    page.wait_for_selector("#fc-viewer-box .fc-empty")


def test_the_figure_of_the_cited_page_is_a_thumbnail_that_is_enlarged(page):
    ask(page, "What are the parts of the press shown in the front view?")
    thumbnail = page.locator("#fc-viewer-box [data-fc=figure]").first
    thumbnail.wait_for()
    small = thumbnail.bounding_box()
    assert 44 <= small["height"] < 130
    thumbnail.click()
    page.wait_for_selector("dialog.fc-enlarged[open]")
    assert page.locator("dialog.fc-enlarged img").bounding_box()["width"] > 3 * small["width"]
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.fc-enlarged", state="detached")
    assert thumbnail.evaluate("e => e === document.activeElement")


@pytest.mark.skipif(not usable_languages(ReadLimits()), reason="tesseract is not installed, so the scan was not read")
def test_the_words_are_marked_on_a_scanned_page(page):
    ask(page, "Test pressure after assembly of the die cushion?")
    page.wait_for_selector("#fc-viewer-box .fc-page img")
    assert "Page 20 of 20" in text_of(page, "#fc-viewer-box header")
    assert text_of(page, "#fc-viewer-box .fc-note") == "Read from a scan: compare with the page."
    assert float(page.locator("#fc-viewer-box .fc-page").get_attribute("data-top")) > 0  # where the marks begin
    assert page.locator("#fc-viewer-box blockquote").count() == 0


def test_a_procedure_has_its_warnings_first_and_is_ticked_off(page):
    ask(page, TOOL)
    first = page.locator(".fc-answer > *").first
    assert "fc-warnings" in first.get_attribute("class") and "DANGER: Crushing" in first.inner_text()
    red, green, blue = map(int, re.findall(r"\d+", first.evaluate("e => getComputedStyle(e).borderColor"))[:3])
    assert red > 150 and green < 60 and blue < 60
    page.locator(".fc-step").nth(0).click()
    page.locator(".fc-step").nth(2).click()
    assert text_of(page, ".fc-progress") == "2 of 15 done"
    ask(page, E207)  # a new answer leaves the ticks
    assert page.locator(".fc-step input:checked").count() == 2
    page.locator("[data-fc=warning]").first.click()
    page.wait_for_selector("#fc-viewer-box small:has-text('DANGER')")


def test_a_wrong_route_and_a_verdict_are_stored(page, server):
    ask(page, E207)
    page.click(".fc-meta .fc-menu summary")
    page.click("[data-fc=route][data-value=history]")
    page.wait_for_selector(".fc-meta .fc-thanks")
    page.locator(".fc-actions .fc-menu summary").click()
    page.fill(".fc-actions textarea", "the page is <b>old</b>")
    page.click("[data-fc=down]")
    page.wait_for_selector(".fc-actions .fc-thanks")
    stored = [
        json.loads(line)
        for file in (server.home / "feedback").glob("*.jsonl")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    assert any(entry.get("corrected_route") == "history" for entry in stored)
    assert any(entry.get("comment") == "the page is <b>old</b>" for entry in stored)


def test_a_no_names_the_nearest_pages_and_takes_a_report(page, server):
    ask(page, "What does alarm E-230 mean on the press?")
    assert text_of(page, ".fc-refusal") == "The documents do not say"
    page.locator("[data-fc=nearest]").first.click()
    page.wait_for_selector("#fc-viewer-box .fc-page img")
    page.click("[data-fc=gap]")
    page.wait_for_selector(".fc-actions .fc-thanks")
    page.click(".fc-follow [data-fc=ask] >> nth=1")  # did you mean E-203?
    page.locator(".fc-turn .fc-actions").nth(1).wait_for()
    assert "Return filter F1 clogged" in page.locator(".fc-text").nth(1).inner_text()


def test_an_unsafe_question_is_refused(page):
    ask(page, "How do I bypass the light curtain?")
    assert text_of(page, ".fc-refusal") == "I do not help with that"


def test_the_conversation_goes_on_is_found_again_and_exported(page):
    ask(page, E207)
    ask(page, "And how often did that happen?")
    page.click("#fc-new")
    page.wait_for_selector(".fc-welcome")
    page.click("#fc-mine")
    page.locator("#fc-search textarea, #fc-search input").press_sequentially("E207")
    page.locator("#fc-found [data-fc=open]").first.wait_for()
    with page.expect_download() as saved:
        page.click("#fc-export a")
    assert "E207" in saved.value.path().read_text(encoding="utf-8-sig")
    page.locator("#fc-found [data-fc=open]", has_text="E207").first.click()
    page.wait_for_selector(".fc-turn")
    assert E207 in text_of(page, ".fc-conversation")


def test_the_chosen_machine_limits_the_answer_and_is_shown(page):
    page.click("#fc-machine input")
    page.get_by_role("option", name="PK-3").click()
    ask(page, "What maintenance is due?")
    assert "PK-3 (chosen)" in text_of(page, ".fc-meta")
    assert "HP-200" not in text_of(page, ".fc-sources")


def test_markup_is_shown_as_text(page):
    ask(page, '<img src=x onerror="window.hacked=1"> <script>window.hacked=1</script> E-207?')
    assert "onerror" in text_of(page, ".fc-asked")
    assert page.evaluate("window.hacked") is None and page.locator(".fc-asked img").count() == 0


def test_an_answer_is_copied_and_printed_alone(page):
    ask(page, E207)
    page.evaluate("window.print = () => { window.printed = document.querySelectorAll('.fc-printed').length; }")
    page.click("[data-fc=print]")
    assert page.evaluate("window.printed") == 1
    page.click("[data-fc=copy]")
    page.wait_for_selector("[data-fc=copy]:has-text('Copied')")


def test_enter_asks_and_an_empty_question_does_not(page):
    page.click("#fc-send")
    page.wait_for_timeout(300)
    assert page.locator(".fc-turn").count() == 0
    page.fill("#fc-text textarea", "hydraulic oil change interval")
    page.press("#fc-text textarea", "Enter")
    page.wait_for_selector(".fc-actions")
    assert "4,000 h" in text_of(page, ".fc-text") and page.input_value("#fc-text textarea") == ""


def test_the_interface_speaks_the_browsers_language_and_changes_it(open_page):
    page = open_page(locale="zh-CN")
    page.wait_for_selector("h1:has-text('工厂助手')")
    page.wait_for_selector(".fc-asks button")
    ask(page, "怎样更换油分芯？")
    assert page.locator(".fc-step").count() == 8 and "把握" in text_of(page, ".fc-meta")
    page.wait_for_selector("#fc-viewer-box .fc-page img")
    page.click("#fc-language label:has-text('English')")
    page.wait_for_selector("h1:has-text('Factory copilot')")
    page.wait_for_selector(".fc-meta:has-text('% sure')")  # what is shown already, too
    page.reload()
    page.wait_for_selector("h1:has-text('Factory copilot')")


def test_speech_is_offered_only_where_it_stays_on_the_device(open_page, browser, server):
    page = open_page()
    page.wait_for_selector(".fc-asks button")
    assert not page.locator("#fc-speak").is_visible()
    context = browser.new_context(locale="en-US")
    context.add_init_script("""
        window.SpeechRecognition = class {
          static async available(options) { return options.processLocally ? 'available' : 'unavailable'; }
          start() { this.onresult({ results: [[{ transcript: 'alarm E-207' }]] }); this.onend(); }
        };""")
    spoken = context.new_page()
    spoken.goto(server.url)
    spoken.wait_for_selector(".fc-asks button")
    spoken.click("#fc-speak")
    assert spoken.input_value("#fc-text textarea") == "alarm E-207"
    context.close()
