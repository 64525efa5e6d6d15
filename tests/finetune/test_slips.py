"""Misspelling in both languages: what it looks like, and what must survive it. Typing slips: `test_augment`."""

from __future__ import annotations

import difflib
import re

import numpy as np
import pytest

from finetune import slips
from finetune.slips import misspell


def many(text: str, count: int = 300) -> set[str]:
    rng = np.random.default_rng(5)
    return {misspell(text, rng) for _ in range(count)}


@pytest.mark.parametrize(
    ("word", "spelt"),
    [
        ("pressure", {"presure"}), ("which", {"wich"}), ("bearing", {"beering"}), ("maintenance", {"maintenence"}),
        ("phase", {"fase"}), ("replacing", {"replaceing"}), ("schedule", {"shedule"}), ("tighten", {"titen"}),
    ],
)  # fmt: skip
def test_words_are_written_by_their_sound(word, spelt):
    assert spelt <= many(word, 3_000)


def test_several_words_go_wrong_and_are_still_to_be_read():
    text = "how often should the bearing of the main spindle be greased with the manual pump"
    changed = many(text)
    counts = [sum(a != b for a, b in zip(text.split(), one.split(), strict=True)) for one in changed]
    assert min(counts) >= 1 and max(counts) >= 4 and 1.5 < np.mean(counts) < 5
    alike = [difflib.SequenceMatcher(None, text, one).ratio() for one in changed]
    assert min(alike) > 0.75 and len(changed) > 250


def test_no_slip_makes_another_word_that_asks_or_tells_of_the_past():
    for text in ("when", "where", "what", "last", "how", "who", "why"):
        assert not (many(text) - {text}) & (slips._OTHER_WORDS | slips._SHORT_WORDS)


def test_capitals_stay_first_letters():
    assert all(one[0] == "R" and one[1:] == one[1:].lower() for one in many("Replacement"))


@pytest.mark.parametrize(
    "kept", ["E-207", "P0-15", "25 Nm", "PLC", "10 minutes", "0.35 MPa", "error 14", "30度", "三次"]
)
def test_codes_numbers_units_and_acronyms_stay(kept):
    sentence = f"please check {kept} at the hydraulic pump" if kept.isascii() else f"油泵压力报警{kept}怎么处理"
    changed = many(sentence)
    assert len(changed) > 20 and all(kept in one for one in changed)


def test_chinese_is_written_with_what_sounds_or_looks_alike():
    changed = many("主轴轴承的润滑油怎么更换")
    assert all(len(one) == 12 for one in changed) and len(changed) > 50
    assert any("怎莫" in one for one in changed) and any("滑" not in one for one in changed)
    shapes = many("请检查枪头", 2_000)
    assert any("捡" in one for one in shapes) and any("抢" in one for one in shapes)


def test_what_denies_counts_or_is_past_stays():
    text = "上次没换过的滤芯三个月不能用了吗"
    for one in many(text):
        assert all(sign in one for sign in ("上次", "没", "过", "三个", "不", "了"))


def test_the_tables_hold_nothing_that_decides():
    signs = "".join(slips._ALIKE)
    assert not set(signs) & set(
        "〇零一二两三四五六七八九十百千万半几不没未无非别勿禁谁哪那怎什何多少了吗过去可能必会已"
    )
    for group in slips._ALIKE:
        assert 2 <= len(group) <= 3 and len(set(group)) == len(group)
    for sign, others in slips._ASKS_BY_SOUND.items():
        assert sign not in others
    assert all(re.compile(pattern) for pattern, _ in slips._BY_SOUND)
