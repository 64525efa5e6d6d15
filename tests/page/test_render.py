"""An answer as HTML: what is shown first, what can be tapped, and that nothing from outside becomes markup."""

from __future__ import annotations

from dataclasses import replace

from bs4 import BeautifulSoup

from copilot.types import AnswerStatus, Citation
from indexer.types import ChunkKind, DocumentKind, Hit, Source, Stage
from tests.made_answers import EVIL, answer, chunk, source, warning
from ui.followups import follow_ups
from ui.passages import chunk_html, passage_html, quote_span
from ui.render import Said, conversation_html, notice_html, pending_html, turn_html
from ui.words import languages, preferred, words_for

EN, ZH = words_for("en"), words_for("zh")
ROUTES = ("troubleshooting", "procedure", "history", "plant_own")


def soup(html):
    return BeautifulSoup(html, "html.parser")


def text_of(found):
    return " ".join(found.get_text(" ").split())


def test_warnings_come_first_verbatim_and_lead_to_their_page():
    page = soup(turn_html(answer(warnings=[warning(), warning("CAUTION: Edges.", "CAUTION")]), EN, ROUTES))
    shown = page.select_one(".fc-answer").find(True)
    assert "fc-warnings" in shown["class"] and shown["role"] == "alert"
    assert [text_of(one) for one in page.select(".fc-warning p")] == ["DANGER: Crushing.", "CAUTION: Edges."]
    assert [one["data-number"] for one in page.select("[data-fc=warning]")] == ["0", "1"]


def test_markers_are_links_to_their_citation():
    page = soup(turn_html(answer(), EN, ROUTES))
    marker = page.select_one(".fc-text [data-fc=cite]")
    assert (marker["data-answer"], marker["data-number"], marker.text) == ("a1", "1", "1")
    assert "[1]" not in page.select_one(".fc-text").text


def test_a_procedure_is_a_list_to_tick_off():
    text = "1. Stop the pump. [1]\n2. Close V17. [1]\nThen wait. [1]"
    page = soup(turn_html(answer(text), EN, ROUTES))
    boxes = page.select("ol.fc-steps input[type=checkbox]")
    assert [box["data-key"] for box in boxes] == ["a1:0", "a1:1"]
    assert [text_of(step) for step in page.select(".fc-step")] == ["1. Stop the pump. 1", "2. Close V17. 1"]
    assert page.select_one(".fc-progress")["data-told"] == "{done} of {all} done"


def test_a_single_numbered_line_is_no_procedure():
    assert not soup(turn_html(answer("2. Close V17. [1]"), EN)).select("input[type=checkbox]")


def test_cells_of_a_table_are_terms():
    cited = Citation(1, source(), (13, 13), "Code: E-207\nRemedy: Close V17", "c1")
    page = soup(turn_html(answer("Code: E-207 [1]\nRemedy: Close V17 [1]", (cited,)), EN))
    assert [dt.text for dt in page.select(".fc-fields dt")] == ["Code", "Remedy"]
    assert text_of(page.select(".fc-fields dd")[1]) == "Close V17 1"


def test_each_row_is_a_list_of_its_own():
    cited = [Citation(n, source(), (9, 9), f"Joint: Screw {n}\nTorque: {n}0 Nm", "c1") for n in (1, 2)]
    text = "Joint: Screw 1 [1]\nTorque: 10 Nm [1]\nJoint: Screw 2 [2]\nTorque: 20 Nm [2]"
    lists = soup(turn_html(answer(text, tuple(cited)), EN)).select(".fc-fields")
    assert [[text_of(dd) for dd in one.select("dd")] for one in lists] == [
        ["Screw 1 1", "10 Nm 1"],
        ["Screw 2 2", "20 Nm 2"],
    ]


def test_a_row_in_one_line_is_a_term_for_each_of_its_cells():
    cited = Citation(1, source(), (5, 5), "项目：安全阀开启压力；数值：0.95；单位：MPa", "c1")
    text = "项目：安全阀开启压力；数值：0.95；单位：MPa（换算：0.95 MPa ≈ 9.5 bar） [1]"
    page = soup(turn_html(answer(text, (cited,)), ZH))
    assert [dt.text for dt in page.select(".fc-fields dt")] == ["项目", "数值", "单位"]
    assert [text_of(dd) for dd in page.select(".fc-fields dd")] == [
        "安全阀开启压力", "0.95", "MPa（换算：0.95 MPa ≈ 9.5 bar） 1",
    ]  # fmt: skip


def test_a_colon_in_a_sentence_makes_no_term():
    page = soup(turn_html(answer("Note: close V17. [1]"), EN))
    assert not page.select(".fc-fields") and "Note: close V17." in text_of(page.select_one(".fc-text"))


def test_the_few_words_that_answer_stand_out_and_what_was_withheld_is_said():
    made = replace(answer(), short="175 bar", withheld=("It holds 180 bar.",))
    page = soup(turn_html(made, EN))
    assert page.select_one(".fc-short").text == "175 bar" and "do not bear it out: 1 sentence." in text_of(page)
    assert not soup(turn_html(answer(), EN)).select(".fc-short")


def test_a_past_report_is_shown_as_it_stands():
    quote = "2024-12-23 | HP-200 | E-207\nSymptom: pressure low\nCause: seal leaking"
    cited = Citation(1, source("fault_reports.csv", "fault_reports"), (1, 1), quote, "c1")
    page = soup(turn_html(answer("• 2024-12-23, HP-200, E-207 — Symptom: pressure low. [1]", (cited,)), EN))
    assert [text_of(fact) for fact in page.select(".fc-reports .fc-facts li")] == ["2024-12-23", "HP-200", "E-207", "1"]
    assert [dt.text for dt in page.select(".fc-reports dt")] == ["Symptom", "Cause"]


def test_route_confidence_and_machine_are_shown_and_can_be_corrected():
    page = soup(turn_html(answer(machine="HP-200"), EN, ROUTES))
    meta = text_of(page.select_one(".fc-meta"))
    assert "Understood as: Fault or alarm · 93 % sure" in meta and "HP-200 (found in the question)" in meta
    assert [one["data-value"] for one in page.select("[data-fc=route]")] == ["procedure", "history", "plant_own"]
    assert page.select("[data-fc=route]")[2].text == "plant_own"
    corrected = soup(turn_html(answer(), EN, ROUTES, Said(route="history")))
    assert not corrected.select("[data-fc=route]") and "stored: Past faults" in text_of(corrected)


def test_thumbs_go_once_they_were_used():
    assert soup(turn_html(answer(), EN)).select("[data-fc=up]")
    said = soup(turn_html(answer(), EN, said=Said(verdict="up")))
    assert not said.select("[data-fc=up], [data-fc=down]") and "Thank you" in text_of(said)


def test_a_no_shows_the_nearest_pages_and_takes_a_report():
    hit = Hit(chunk("Oil: HLP 46"), 0.3, 1, Stage.FUSED)
    made = answer("The documents do not say.", (), status=AnswerStatus.NO_EVIDENCE, evidence=(hit,))
    page = soup(turn_html(made, EN))
    assert text_of(page.select_one(".fc-refusal")) == "The documents do not say"
    assert page.select_one("[data-fc=nearest]")["data-number"] == "0"
    assert page.select_one("[data-fc=gap]")
    assert not soup(turn_html(made, EN, said=Said(gap=True))).select("[data-fc=gap]")


def test_an_unsafe_question_is_refused_without_nearest_pages():
    made = answer("I do not help.", (), status=AnswerStatus.REFUSED_UNSAFE)
    page = soup(turn_html(made, EN))
    assert "fc-refused_unsafe" in page.select_one(".fc-answer")["class"]
    assert not page.select("[data-fc=nearest], [data-fc=gap]")


def test_markup_from_outside_is_shown_as_text():
    evil = Source(EVIL, EVIL, DocumentKind.MANUAL, EVIL, EVIL)
    cited = Citation(1, evil, (1, 1), f"{EVIL}: {EVIL}\nSymptom: {EVIL}", "c1")
    hostile = answer(f"{EVIL} [1]\n1. {EVIL} [1]\n2. {EVIL} [1]\n• {EVIL} [1]", (cited,), [warning(EVIL, EVIL)],
                     question=EVIL, route=EVIL, machine=EVIL, codes=(EVIL,), asked_machine=EVIL)  # fmt: skip
    pages = [
        turn_html(hostile, EN, (EVIL,), Said(route=EVIL)),
        turn_html(answer(EVIL, (), status=AnswerStatus.NO_EVIDENCE, suggestions=((EVIL, EVIL),),
                         evidence=(Hit(chunk(EVIL, heading=(EVIL,), of=evil), 1.0, 1, Stage.FUSED),)), EN, (EVIL,)),
        pending_html(EVIL, EVIL, f"{EVIL} [1]", EN),
        notice_html(EVIL, EVIL, EVIL),
        conversation_html([], EN, [EVIL]),
        passage_html([chunk(f"{EVIL} | {EVIL}\n{EVIL}: {EVIL}", kind, (EVIL,)) for kind in ChunkKind], "c1", EVIL),
    ]  # fmt: skip
    for html in pages:
        page = soup(html)
        assert not page.find_all(["script", "img", "iframe"]), html
        assert not [tag for tag in page.find_all(True) for name in tag.attrs if name.startswith("on")], html
        assert "alert" in page.text or any("alert" in str(tag.attrs) for tag in page.find_all(True))


def test_a_quote_is_marked_where_it_stands_whatever_its_line_breaks():
    assert quote_span("Open valve\nV17 slowly.", "valve  V17") == (5, 14)
    assert quote_span("Open valve", "pump") is None and quote_span("Open", " ") is None
    page = soup(chunk_html(chunk("Open it.\nClose V17 now."), quote_span("Open it.\nClose V17 now.", "Close V17")))
    assert [mark.text for mark in page.select("mark")] == ["Close V17"]


def test_the_row_of_a_table_is_marked_cell_by_cell():
    text = "Interval | Work\n50 h | Grease\n4,000 h | Change the oil"
    page = soup(chunk_html(chunk(text, ChunkKind.TABLE), quote_span(text, "4,000 h | Change the oil")))
    assert [th.text for th in page.select("th")] == ["Interval", "Work"]
    assert [mark.text for mark in page.select("tr.fc-row td mark")] == ["4,000 h", "Change the oil"]


def test_a_fault_report_is_marked_fact_by_fact():
    text = "2024-12-23 | HP-200\nSymptom: low\nCause: seal"
    page = soup(chunk_html(chunk(text, ChunkKind.FAULT_REPORT), (0, len(text))))
    assert [mark.text for mark in page.select("mark")] == ["2024-12-23", "HP-200", "Symptom", "low", "Cause", "seal"]


def test_captions_are_no_headings_to_ask_about():
    made = answer(route="specification")
    [hit] = made.evidence[:1]
    under = replace(hit.chunk, heading=("3.1 Main data", "Table 2: Main data of the unit"))
    asked = follow_ups(replace(made, evidence=(replace(hit, chunk=under),)), EN)
    assert any("Main data?" in text for text in asked) and not any("Table 2" in text for text in asked)


def test_follow_ups_suit_the_answer():
    asked = follow_ups(answer(codes=("E-207",), machine="HP-200"), EN)
    assert asked[:2] == ["What fixed E-207 last time?", "How often has E-207 occurred on HP-200?"]
    steps = follow_ups(answer(route="procedure"), EN)
    assert steps[0] == "What are the dangers: Alarm table?"
    unknown = answer(status=AnswerStatus.NO_EVIDENCE, suggestions=(("E-230", "E-203"),))
    assert follow_ups(unknown, ZH) == ["E-203 是什么意思？"]
    assert follow_ups(answer(status=AnswerStatus.OUT_OF_SCOPE), EN) == []
    assert "What fixed E-207 last time?" not in follow_ups(
        answer(codes=("E-207",), question="what fixed E-207 last time?"), EN
    )


def test_every_language_has_the_same_texts_with_the_same_gaps():
    import re

    gaps = re.compile(r"\{(\w+)\}")
    for words in languages().values():
        assert set(words.texts) == set(EN.texts), words.code
        for key, text in EN.texts.items():
            assert set(gaps.findall(words.texts[key])) == set(gaps.findall(text)), (words.code, key)


def test_the_browser_says_which_language():
    assert preferred("zh-CN,zh;q=0.9,en;q=0.8") == "zh"
    assert preferred("fr-FR,fr;q=0.9,zh;q=0.5,en;q=0.1") == "zh"
    assert preferred("fr;q=x, ,en") == "en" and preferred("") == "en"
