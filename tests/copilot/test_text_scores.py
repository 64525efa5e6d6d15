"""Likeness of texts, by hand, in both languages, and ROUGE-L against a plain table of the longest common subsequence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.text_scores import exact_match, rouge_l, token_f1, tokens


def test_tokens_keep_numbers_and_split_chinese():
    assert tokens("Tighten to 1.5 Nm, then P-12.") == ["tighten", "to", "1.5", "nm", "then", "p", "12"]
    assert tokens("关闭V17阀") == ["关", "闭", "v17", "阀"]


def test_articles_and_punctuation_do_not_count():
    assert exact_match("The filter.", "filter") == 1.0
    assert exact_match("filter", "filters") == 0.0


@pytest.mark.parametrize(
    ("reference", "text", "f1", "rouge"),
    [
        ("close the valve", "open valve close", 2 * 2 / 5, 2 * 1 / 6),
        ("更换滤芯", "更换油滤芯", 2 * 4 / 9, 2 * 4 / 9),
        ("every 500 h", "", 0.0, 0.0),
        ("every 500 h", "every 500 h", 1.0, 1.0),
    ],
)
def test_by_hand(reference, text, f1, rouge):
    assert token_f1(reference, text) == pytest.approx(f1)
    assert rouge_l(reference, text) == pytest.approx(rouge)


@given(st.lists(st.sampled_from("abcd"), max_size=9), st.lists(st.sampled_from("abcd"), max_size=9))
def test_rouge_l_is_that_of_the_longest_common_subsequence(first, second):
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, a in enumerate(first, 1):
        for j, b in enumerate(second, 1):
            table[i][j] = table[i - 1][j - 1] + 1 if a == b else max(table[i - 1][j], table[i][j - 1])
    longest = table[-1][-1]
    expected = 2 * longest / (len(first) + len(second)) if longest else 0.0
    assert rouge_l(" ".join(first), " ".join(second)) == pytest.approx(expected)
