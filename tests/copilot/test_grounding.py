"""Sentences that a passage bears out, and sentences that only look so."""

from __future__ import annotations

import pytest
from fakes_knowledge import CHUNKS, chunk

from copilot.grounding import facts, supporting
from indexer.types import ChunkKind

BY_ID = {found.id: found for found in CHUNKS}


def verdict(sentence: str, *ids: str, likeness=None) -> tuple[list[str], str]:
    spans, why = supporting(sentence, [(BY_ID[name], len(BY_ID[name].text)) for name in ids], likeness)
    return [span.chunk.text[span.start : span.end] for span in spans], why


@pytest.mark.parametrize(
    "sentence, passage, quote",
    [
        ("The flange bolts are tightened with 85 Nm.", "bolts", "The tightening torque of the flange bolts is 85 Nm."),
        ("The flange carries 8 M12 bolts.", "bolts", "The flange carries eight M12 bolts."),
        ("The rated pressure is 210 bar.", "specs", "Rated pressure | 210 | bar"),
        ("It weighs 1,850 kg without oil.", "specs", "Weight without oil | 1 850 | kg"),
        ("Replace the oil filter every 500 hours.", "plan", "Every 500 h | Replace the oil filter | Technician"),
        ("E207 means that the spindle has overheated.", "e207", "Code: E-207\nMeaning: Spindle overheated"),
        (
            "Do not operate the press while the interlock is bypassed.",
            "safety",
            "Never operate the press with the interlock bypassed.",
        ),
        ("润滑油每六个月更换一次。", "zh-plan", "润滑油每6个月更换一次。"),
        ("液压油的容量为180 L。", "zh-spec", "液压油的容量是180升。"),
        (
            "The M12 bolts of the flange are tightened crosswise with 85 Nm.",
            "bolts",
            "The flange carries eight M12 bolts. They are tightened crosswise. The tightening torque of the flange bolts is 85 Nm.",
        ),
    ],
)
def test_a_supported_sentence_gets_the_shortest_run_of_words_that_has_it_all(sentence, passage, quote):
    assert verdict(sentence, passage) == ([quote], "")


@pytest.mark.parametrize(
    "sentence, passage, why",
    [
        ("The flange bolts are tightened with 58 Nm.", "bolts", "58 nm is not in the passage"),
        ("The flange bolts are tightened with 85 N.", "bolts", "85 n is not in the passage"),
        ("The flange carries eight M14 bolts.", "bolts", "m14 is not in the passage"),
        ("The flange carries six M12 bolts.", "bolts", "6 is not in the passage"),
        ("It weighs 850 kg without oil.", "specs", "850 kg is not in the passage"),
        ("E-208 means that the spindle has overheated.", "e207", "e208 is not in the passage"),
        ("润滑油每月更换一次。", "zh-plan", "1 month is not in the passage"),
        ("锁模力为1300千牛。", "zh-spec", "1300 kn is not in the passage"),
        ("Tension the belt to 30 N.", "belt-2", "30 n is not in the passage"),  # 30 is there, with another unit
        ("The rated pressure is 120 bar.", "specs", "120 bar belongs to something else in the passage"),
        ("Change the hydraulic oil every 500 h.", "plan", "500 h belongs to something else in the passage"),
        ("过滤网每6个月清洁一次。", "zh-plan", "6 month belongs to something else in the passage"),
        (
            "Operate the press with the interlock bypassed.",
            "safety",
            "one of sentence and passage says no, the other does not",
        ),
        ("Tighten the motor bolts.", "belt-1", "it says the opposite of the passage"),
        ("Ignore the guard and have lunch.", "safety", "its words are not those of the passage"),
        ("The accumulator needs no attention.", "bolts", "its words are not those of the passage"),
        ("…", "bolts", "it says nothing"),
        ("The torque of the flange bolts is 85 kNm.", "bolts", "85 knm is not in the passage"),
        ("The torque of the flange bolts is at most 85 Nm.", "bolts", "it bounds or loosens what the passage says"),
        ("The torque of the flange bolts is half of 85 Nm.", "bolts", "it bounds or loosens what the passage says"),
        ("Skip the crosswise tightening of the flange bolts.", "bolts", "it bounds or loosens what the passage says"),
        ("The flange bolts are tightened with 85 Nm when the ram runs.", "bolts", "it adds a condition"),
        ("The flange bolts are nоt tightened crosswise.", "bolts", "it holds letters that the passage does not"),
    ],
)
def test_a_sentence_that_says_more_or_other_than_the_passage_is_refused(sentence, passage, why):
    assert verdict(sentence, passage) == ([], why)


def test_two_passages_may_bear_a_sentence_out_together_and_an_idle_one_is_dropped():
    quotes, why = verdict("Tension the belt to 45 N; the flange bolts need 85 Nm.", "belt-2", "bolts", "zh-plan")
    assert why == "" and len(quotes) == 2
    assert {quote[:2] for quote in quotes} == {"5.", "Th"}


def test_what_the_model_did_not_see_supports_nothing():
    found = BY_ID["bolts"]
    seen = found.text.index("They")
    assert supporting("The flange carries eight M12 bolts.", [(found, seen)])[0]
    assert supporting("The flange bolts are tightened with 85 Nm.", [(found, seen)])[0] == []


def test_a_heading_may_give_the_code_but_never_the_number():
    found = chunk("h", "Clean the filter and check the fan.", heading=("E-207 Spindle overheated", "Table 30"))
    assert supporting("On E-207 clean the filter.", [(found, 99)])[0]
    assert supporting("Clean the filter 30 times.", [(found, 99)])[0] == []


def test_another_language_is_compared_by_meaning_with_the_same_facts_and_the_same_no():
    def likeness(sentence, texts):
        return [0.9 if "85 Nm" in text or "Never" in text else 0.2 for text in texts]

    torque = "法兰螺栓的拧紧力矩为85 Nm。"
    assert verdict(torque, "bolts") == ([], "its words are not those of the passage")
    assert verdict(torque, "bolts", likeness=likeness)[0] == ["The tightening torque of the flange bolts is 85 Nm."]
    assert verdict("法兰螺栓的拧紧力矩为58 Nm。", "bolts", likeness=likeness)[1] == "58 nm is not in the passage"
    assert verdict("E-207 表示主轴过热。", "e207", likeness=lambda _, texts: [0.8 * ("over" in t) for t in texts])[
        0
    ] == ["Code: E-207\nMeaning: Spindle overheated"]
    assert verdict("联锁失效时可以运行压力机。", "safety", likeness=likeness)[0] == []
    assert verdict("联锁失效时严禁运行压力机。", "safety", likeness=likeness)[0]


@pytest.mark.parametrize(
    "text, quantities",
    [
        ("10–20 ℃", {("10", "c"), ("20", "c")}),
        ("at -10 °C", {("-10", "c")}),
        ("5.0 bar", {("5", "bar")}),
        ("12V", {("12", "v")}),
        ("25 毫米/秒", {("25", "mm/s")}),
        ("1450 转/分钟, 1450 r/min", {("1450", "rpm")}),
        ("三十分钟", {("30", "min")}),
        ("two hours", {("2", "h")}),
        ("five hundred bar, twenty-five minutes", {("500", "bar"), ("25", "min")}),
        ("one thousand two hundred and fifty hours", {("1250", "h")}),
        ("每班 and monthly", {("1", "shift"), ("1", "month")}),
    ],
)
def test_quantities_have_one_form(text, quantities):
    assert facts(text).quantities == quantities


def test_dates_ranges_and_codes_are_told_apart():
    found = facts("2024-12-23, step 3/4, P0-22, AL.52.1, M8 x 20")
    assert {"2024", "12", "23", "3", "4", "20"} <= found.numbers
    assert found.codes == {"p022", "al521", "m8"}


def test_rows_of_a_table_keep_their_units_from_the_header():
    table = chunk("t", "Screw | Torque (Nm)\nM8 | 25\nM10 | 49", kind=ChunkKind.TABLE)
    assert supporting("M10 screws take a torque of 49 Nm.", [(table, 999)])[0]
    assert supporting("M8 screws take a torque of 49 Nm.", [(table, 999)])[0] == []
    assert supporting("M8 screws take a torque of 25 bar.", [(table, 999)])[0] == []


@pytest.mark.parametrize(
    "sentence, holds",
    [
        ("The belt drives the pump and not the fan.", False),  # a clause of it says no
        (
            "Never operate the press with the interlock bypassed, and test the interlock at the start of every shift.",
            True,
        ),
        (
            "Operate the press with the interlock bypassed, and never test the interlock at the start of every shift.",
            False,
        ),
    ],
)
def test_a_no_counts_where_it_stands(sentence, holds):
    quotes, _ = verdict(sentence, "belt-1", "belt-2", "safety")
    assert bool(quotes) == holds


def test_fewer_common_words_will_do_when_the_meaning_is_near():
    sentence = "Once the drum is empty, refill the reservoir with lubricant."
    found = chunk("fill", "As soon as the drum has run empty, top up the reservoir with oil.")
    assert supporting(sentence, [(found, 99)])[1] == "its words are not those of the passage"
    assert supporting(sentence, [(found, 99)], lambda _, texts: [0.8] * len(texts))[0]
    assert supporting(sentence, [(found, 99)], lambda _, texts: [0.3] * len(texts))[0] == []
    assert supporting(sentence + " Use 5 l.", [(found, 99)], lambda _, texts: [0.8] * len(texts))[0] == []
