"""Tokens: codes whole, in parts and joined; numbers with units; Chinese, Japanese and Korean as bigrams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.analysis import is_chinese, question_tokens, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("E-207", {"e-207", "e207", "207"}),
        ("E207", {"e207", "207"}),
        ("SRVO-062", {"srvo-062", "srvo062", "062", "62", "srvo"}),
        ("AL.52.1", {"al.52.1", "al521", "52"}),
        ("6ES7 315-2AG10", {"6es7", "315-2ag10", "3152ag10", "315"}),
        ("30 Nm", {"30", "nm", "30nm"}),
        ("0.5mm", {"0.5mm", "0.5", "mm"}),
        ("1,500 rpm", {"1500", "rpm", "1500rpm"}),
        ("ＡＬ１２　轴承", {"al12", "轴承"}),
        ("轴承温度", {"轴承", "承温", "温度"}),
        ("ポンプ", {"ポン", "ンプ"}),
        ("베어링", {"베어", "어링"}),
    ],
)
def test_tokens_hold_every_form(text, expected):
    assert expected <= set(tokens(text))


def test_inflections_meet_but_codes_do_not():
    assert tokens("bearings replaced") == tokens("bearing replacing")
    assert not {"e207"} & set(tokens("E-208"))


def test_question_words_are_dropped_unless_nothing_else_is_left():
    assert question_tokens("How do I replace the filter?") == tokens("replace filter")
    assert question_tokens("如何更换滤芯") == ["更", "换", "滤", "芯", "更换", "换滤", "滤芯"]
    assert question_tokens("what is it") == tokens("what is it")


@given(st.text(max_size=200))
def test_any_text_gives_tokens_without_spaces(text):
    assert all(token and not token.isspace() for token in tokens(text))


@given(st.from_regex(r"[A-Z]{1,4}-[0-9]{1,4}", fullmatch=True))
def test_a_code_shares_its_joined_form_with_every_way_to_separate_it(code):
    joined = code.replace("-", "").lower()
    for written in (code, code.replace("-", ""), code.replace("-", "."), code.lower()):
        assert joined in tokens(written)


def test_language_of_a_question():
    assert is_chinese("P0-15 是什么参数")
    assert not is_chinese("what is E-207 报警 on the hydraulic press, please tell me")


def test_threads_do_not_mix_their_words():
    from concurrent.futures import ThreadPoolExecutor

    from indexer.analysis import stem

    words = [
        f"{first}{middle}ing{last}"
        for first in ("relat", "hydraul", "operat")
        for middle in ("", "ion", "al")
        for last in ("", "s", "ly", "ness")
    ]
    wanted = [stem.__wrapped__(word) for word in words]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: [stem.__wrapped__(word) for word in words], range(400)))
    assert all(stems == wanted for stems in found)
