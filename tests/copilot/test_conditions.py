from __future__ import annotations

import math

import pytest

from copilot.conditions import Conditions, stretches
from indexer.analysis import question_tokens


def met(question, *cells):
    return Conditions.of(question, question_tokens(question)).met_by(cells)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("20…30 °C", 20, 30), ("-10 to 5 °C", -10, 5), ("180～200 ℃", 180, 200), ("above 50 %", 50, math.inf), ("up to 40 %", -math.inf, 40),
        ("50% 以上", 50, math.inf), ("60% 以下", -math.inf, 60), ("≤ 3 bar", -math.inf, 3e5), ("1,250 mm", 1.25, 1.25), ("不低于 0.4 MPa", 4e5, math.inf),
    ],
)  # fmt: skip
def test_what_a_quantity_allows(text, low, high):
    [stretch] = stretches(text)
    offset = 273.15 if stretch.dimension == "temperature" else 0.0
    assert (stretch.low, stretch.high) == pytest.approx((low + offset, high + offset))


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ("gap for a 450 mm wide web", "300…600 mm", "600…900 mm"),
        ("waiting time at 68 °F", "15…25 °C", "25…40 °C"),
        ("烘干时间，含水率30%", "25% 以上", "25% 以下"),
        ("speed in format B", "formats A to C", "formats D and E"),
        ("过滤器B型的流量", "B型", "C型"),
        ("play at a feed of 90 mm/min", "1…2 mm/s", "80 mm to 100 mm"),
        ("filter for 6 m³/h", "50 to 150 l/min", "5 to 10 m3/min"),
    ],
)
def test_a_condition_is_met_by_its_range_and_no_other(question, right, wrong):
    assert met(question, right) > met(question, wrong)


def test_an_article_is_no_letter_and_a_quantity_no_word():
    assert not Conditions.of("A belt", ()).letters and not Conditions.of("Is A belt in I", ()).letters
    assert Conditions.of("oil for class A", ()).letters == {"A"}
    assert "20" not in Conditions.of("at 20 °C", ("20", "c")).words
