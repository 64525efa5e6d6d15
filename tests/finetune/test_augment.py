"""Changes of questions: what must survive each of them, and what must not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune import augment, slips
from finetune.augment import change, other_code, plain, shorthand, spelling_of_units, typo, variants
from finetune.slips import misspell

SEEDS = Path(augment.__file__).parent / "seeds" / "router" / "train"
CHANGES = (change, typo, misspell, shorthand, spelling_of_units, other_code, plain)
CODES = (
    "E-207",
    "P0-15",
    "Err14",
    "F0001",
    "AL.16",
    "0x7122",
    "SV0401",
    "e207",
    "ERR-3A-02",
    "6ES7 315-2AG10",
    "E.OC3",
)
SENTENCES = (
    "what does {} on the display mean",
    "Could you please tell me how to get rid of {} after the restart?",
    "请问{}是什么意思，怎么处理？",
    "变频器报{}，风扇不转了",
)
INTENT = re.compile(
    r"\b(?:how often|how many|how long|how|why|when|what|where|which|who|safe|last time|allowed|may|must|not|never|did|was|"
    r"been|had|can't|won't|before|without|every)\b|不|没|未|上次|去年|多久|多少|怎么|为什么|什么|哪|谁|几|能|要|必须|过|多长",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def questions() -> list[str]:
    """Every sixth of the router's own examples, English and Chinese."""
    lines = [line for path in sorted(SEEDS.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line)["text"] for line in lines[::6]]


def many(do, text: str, count: int = 40) -> set[str]:
    rng = np.random.default_rng(5)
    return {do(text, rng) for _ in range(count)}


def distance(a: str, b: str) -> int:
    """Letters inserted, dropped or replaced, or neighbours swapped (optimal string alignment)."""
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    d = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
    d[:, 0], d[0, :] = np.arange(len(a) + 1), np.arange(len(b) + 1)
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                d[i, j] = min(d[i, j], d[i - 2, j - 2] + 1)
    return int(d[-1, -1])


# --- All of them ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("do", CHANGES)
def test_real_questions_never_become_empty_and_equal_states_give_equal_texts(do, questions):
    one, two = np.random.default_rng(11), np.random.default_rng(11)
    first = [do(text, one) for text in questions]
    assert first == [do(text, two) for text in questions]
    assert all(re.search(r"[^\W_]", text) and text == text.strip() and "  " not in text for text in first)
    assert [do(text, one) for text in questions] != first or first == questions


@pytest.mark.parametrize("do", CHANGES)
@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=60) | st.text("aE0-5 .?的了吗请问换油温度°C", max_size=30), seed=st.integers(0, 1000))
def test_any_text_is_survived_and_only_an_empty_one_gives_nothing(do, text, seed):
    changed = do(text, np.random.default_rng(seed))
    assert bool(changed) == bool(text)


@pytest.mark.parametrize("do", [typo, misspell, shorthand, plain, spelling_of_units])
def test_numbers_survive_all_but_other_codes(do, questions):
    rng = np.random.default_rng(2)
    for text in (text for text in questions if re.search(r"\d|[一二三四五六七八九十百]", text)):
        changed = do(text, rng)
        narrow = "".join(chr(ord(sign) - 0xFEE0) if "０" <= sign <= "９" else sign for sign in changed)
        assert re.findall(r"\d+", narrow) == re.findall(r"\d+", text)
        if do in (typo, misspell):
            numerals = "[一二两三四五六七八九十百千万半]"
            assert re.findall(numerals, changed) == re.findall(numerals, text)


def test_most_questions_change_and_differently_each_time(questions):
    rng = np.random.default_rng(0)
    assert np.mean([change(text, rng) != text for text in questions]) > 0.97
    assert len(many(change, "Could you tell me how often the belt of the E-207 conveyor is tightened to 10 Nm?")) > 20
    assert len(many(change, "请问主轴轴承的润滑脂多久加一次，温度到60度正常吗？")) > 20


# --- Typos ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("do", [typo, misspell, shorthand])
def test_codes_survive_typos_and_shorthand(do, sentence, code):
    text = sentence.format(code)
    changed = many(do, text)
    assert text not in changed and all(code in one for one in changed)


def test_a_typo_is_one_or_two_slips_in_longer_words(questions):
    rng = np.random.default_rng(1)
    counts = []
    for text in questions:
        changed = typo(text, rng)
        counts.append(distance(text, changed))
        before, after = (re.findall(r"(?<![\w'-])[A-Za-z]{1,3}(?![\w'-])", t) for t in (text, changed))
        assert [word for word in after if word in before] == before, "words below four letters stay"
    assert max(counts) == 2 and np.mean([count >= 1 for count in counts]) > 0.97
    assert typo("PLC I/O ok 25 Nm", rng) == "PLC I/O ok 25 Nm"


def test_a_slip_makes_no_other_word_that_asks_or_tells_of_the_past():
    for text, others in (
        ("when", {"then"}),
        ("where", {"were", "here"}),
        ("last", {"lost", "past"}),
        ("what", {"that"}),
    ):
        slips = many(typo, text, 400)
        assert len(slips) > 5 and not slips & others and text not in slips


def test_chinese_slips_keep_the_sound_and_what_matters():
    text = "主轴温度不高，上次没换过轴承，为什么多久都在报警"
    for one in many(typo, text, 200):
        assert len(one) == len(text)
        changed = [(a, b) for a, b in zip(text, one, strict=True) if a != b]
        assert 1 <= len(changed) <= 2 and all(b in slips.SAME_SOUND[a] for a, b in changed)
        assert all(word in one for word in ("不", "没", "过", "为什么", "多久", "上"))
    assert len(many(typo, text, 200)) > 30
    assert {"水泵密封怎么换", "水泵的密风怎么换"} <= many(typo, "水泵的密封怎么换", 400)


def test_the_table_of_sounds_holds_each_character_once_and_none_that_decides():
    signs = "".join(slips.HOMOPHONES)
    assert len(signs) == len(set(signs)) and len(slips.HOMOPHONES) >= 150
    assert all(len(group) >= 2 for group in slips.HOMOPHONES)
    assert not set(signs) & set(
        "〇零一二两三四五六七八九十百千万半几不没未无非别勿禁谁哪那怎什么何多久少了吗过去可能必会"
    )


# --- Shorthand --------------------------------------------------------------------------------------------------


def test_shorthand_of_a_polite_question():
    found = many(shorthand, "Could you please tell me how do I replace the belt?", 200)
    assert {"replace belt how", "how replace belt"} <= found
    assert not any(word in one.lower().split() for one in found for word in ("could", "please", "tell", "me"))


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("Is it safe to reach into the feeder?", "safe to reach into feeder"),
        ("How often do we have to grease the bearing?", "how often grease bearing"),
        ("Hello, can you tell me if the pump was repaired last year?", "pump was repaired last year"),
        ("What is the torque of the M8 screws?", "what torque of M8 screws"),
        ("How did we fix the leak the last time?", "how did we fix leak last time"),
        ("There's a burning smell at the drive.", "burning smell at drive"),
        ("请问主轴轴承多久换一次呢？", "主轴轴承多久换一次"),
        ("麻烦您告诉我P0-15怎么设置，谢谢！", "P0-15怎么设置"),
        ("额定电流是多少？", "额定电流多少"),
        ("请说一下更换滤芯的步骤", "说更换滤芯步骤"),
        ("可以戴手套操作车床吗？", "可以戴手套操作车床"),
        ("Please check 主轴轴承的温度 on the HMI？", "check 主轴轴承温度 on HMI"),
    ],
)
def test_the_shortest_form(text, short):
    found = many(shorthand, text, 200)
    assert short in found, sorted(found)[:5]
    assert text not in found and all(len(one) <= len(text) for one in found)


@pytest.mark.parametrize(
    "text",
    [
        "谁换的泵",
        "上次怎么修好的",
        "换了吗",
        "换的哪种油",
        "请假怎么办理",
        "目的",
        "停一下就跳",
        "怎么了",
        "thanks",
        "请问",
        "a",
    ],
)
def test_chinese_that_would_ask_something_else_stays(text):
    assert many(shorthand, text) == {text}


def test_intent_survives_shorthand(questions):
    rng = np.random.default_rng(4)
    changed = 0
    for text in questions:
        short = shorthand(text, rng)
        changed += short != text
        asked = text.replace("能告诉我", "")  # "can you tell me": what can be done is not asked there
        assert sorted(map(str.lower, INTENT.findall(short))) == sorted(map(str.lower, INTENT.findall(asked))), short
    assert changed > len(questions) / 2


# --- Codes ------------------------------------------------------------------------------------------------------


def shape(code: str) -> str:
    return re.sub(r"\d", "0", re.sub(r"[A-Z]", "A", re.sub(r"[a-z]", "a", code)))


@pytest.mark.parametrize("code", [code for code in CODES if not code.startswith("0x")] + ["WX-2024-0617", "2310-F"])
@pytest.mark.parametrize("sentence", SENTENCES)
def test_another_code_has_the_same_shape_and_is_another(sentence, code):
    text = sentence.format(code)
    head, tail = sentence.split("{}")
    found = many(other_code, text)
    assert len(found) > 10 or code == "E.OC3"
    for one in found:
        assert one.startswith(head) and one.endswith(tail)
        new = one[len(head) : len(one) - len(tail)]
        assert new != code and shape(new) == shape(code)


@pytest.mark.parametrize("text", ["0x7122 on the card", "代码0x0000007B"])
def test_hexadecimal_stays_hexadecimal(text):
    for one in many(other_code, text):
        assert one != text and re.search(r"0x[0-9A-F]+", one) and len(one) == len(text)


def test_a_fault_stays_a_fault_and_a_parameter_a_parameter():
    assert {one[0] for one in many(other_code, "E-207", 200)} == set("EFA")
    assert {one[:3] for one in many(other_code, "Err14", 200)} == {"Err", "Alm", "Flt"}
    assert {one[0] for one in many(other_code, "P0-15", 200)} == {"P"}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("alarm 207 since the restart", r"alarm \d{3} since the restart"),
        ("how do I clear error code 4711?", r"how do I clear error code \d{4}\?"),
        ("机床报警 506 怎么消除", r"机床报警 \d{3} 怎么消除"),
        ("E-207 and P0-15, then E-207 again", r"([EFA]-\d{3}) and P\d-\d\d, then \1 again"),
    ],
)
def test_spoken_numbers_and_repeats(text, kept):
    assert all(re.fullmatch(kept, one) and one != text for one in many(other_code, text))


@pytest.mark.parametrize(
    "text",
    [
        "tighten to 25 Nm at 24V, 8mm/s and 300 rpm",
        "after alarm 3 times in 5 minutes",
        "报警3次以后停机20分钟，油温60度",
        "M12 screws, PT100, RS485, CO2, IP65, 316L, 3-way valve, 250-tonne press",
        "line3 and robot2 at 192.168.0.1 in 2024",
        "4.5 m3/h",
        "L1-L2-L3",
    ],
)
def test_what_is_no_code_stays(text):
    assert many(other_code, text) == {text}


# --- Units, case, width -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "some", "all_match"),
    [
        ("tighten to 10 Nm", {"tighten to 10nm", "tighten to 10 newton metres"}, r"tighten to 10 ?[A-Za-z·. ]+"),
        ("95 °C at the inlet", {"95 deg c at the inlet", "95℃ at the inlet"}, r"95 ?\D+ at the inlet"),
        ("油温95℃正常吗", {"油温95度正常吗", "油温95摄氏度正常吗"}, r"油温95\D+正常吗"),
        ("油温95度正常吗", {"油温95℃正常吗", "油温95 °C正常吗"}, r"油温95\D+正常吗"),
        ("1450 rpm motor", {"1450 r/min motor", "1450RPM motor"}, r"1450 ?[A-Za-z/]+ motor"),
        ("max rpm?", {"max r/min?", "max RPM?"}, r"max [A-Za-z/]+\?"),
        ("3 bar", {"3bar", "3 Bar"}, r"3 ?[Bb][Aa][Rr]s?"),
    ],
)
def test_units_are_spelled_otherwise(text, some, all_match):
    found = many(spelling_of_units, text, 200)
    assert some <= found and text not in found
    assert all(re.fullmatch(all_match, one) for one in found)


@pytest.mark.parametrize(
    "text", ["A-38 form", "E-20 A", "P-204 lost", "M18 thread", "转角10度", "in 2 machines", "5 m3 tank"]
)
def test_what_is_no_unit_stays(text):
    assert many(spelling_of_units, text) == {text}


def test_units_are_not_translated():
    english = many(spelling_of_units, "25 Nm, 95 °C, 1450 rpm, 3 bar, 2 mm, 8 kg and 20 litres", 200)
    assert len(english) > 100 and not any(re.search("[\u4e00-\u9fff]", one) for one in english)
    chinese = many(spelling_of_units, "扭矩25 Nm，温度95 °C，间隙2毫米，重8公斤", 200)
    assert len(chinese) > 100 and not any(re.search("metres|degrees|kilos|celsius", one) for one in chinese)


def test_plain_changes_case_signs_and_width_only(questions):
    assert many(plain, "Why does E-207 come?") == {
        "why does e-207 come?",
        "why does e-207 come",
        "Why does E-207 come",
    }
    assert {"油温高？", "油温高"} <= many(plain, "油温高?")
    assert "Ｅ２０７怎么处理" in many(plain, "E207怎么处理")
    assert many(plain, "??") == {"??"} and many(plain, "belt") == {"belt"}


def test_variants_by_name():
    text = "Could you check the spindle of E-207?"
    for style, do in (("typo", typo), ("shorthand", shorthand)):
        assert variants(text, np.random.default_rng(3), style) == do(text, np.random.default_rng(3)) != text
    with pytest.raises(ValueError, match="shorthand"):
        variants(text, np.random.default_rng(3), "loud")
