from __future__ import annotations

import json
import math

import numpy as np
import pytest

from finetune.drift import Mix, psi, two_proportions, watch
from finetune.errors import FinetuneError


def questions(low: int = 0, **routes: int) -> list[tuple[str, float]]:
    """So many of each route; the first `low` with a low confidence."""
    flat = [route for route, count in routes.items() for _ in range(count)]
    return [(route, 0.3 if place < low else 0.9) for place, route in enumerate(flat)]


USUAL = questions(procedure=300, safety=150, history=50, out_of_scope=20, low=26)


def test_the_same_mix_is_no_drift_even_with_few_questions():
    assert watch(USUAL, USUAL).level == "none"
    few = questions(procedure=29, safety=16, history=6, out_of_scope=2, low=3)
    assert watch(USUAL, few).level == "none"


def test_random_periods_of_one_mix_hardly_ever_raise_anything():
    """PSI alone would: with 60 questions over 12 routes chance alone often passes 0.1."""
    rng = np.random.default_rng(0)
    names = [f"route{i}" for i in range(12)]
    raised, by_psi_alone = 0, 0
    for _ in range(60):
        before, now = ([(names[i], float(rng.random())) for i in rng.integers(0, 12, n)] for n in (400, 60))
        report = watch(before, now)
        raised += report.level != "none"
        by_psi_alone += report.figures["psi"] >= 0.1
    assert by_psi_alone > 20 and raised <= 3


@pytest.mark.parametrize(
    ("now", "level", "said"),
    [
        (questions(procedure=20, safety=20, history=200), "alarm", "history 10% -> 83%"),
        (questions(procedure=300, safety=150, history=50, out_of_scope=60, low=28), "watch", "out of scope 3.8% -> 10.7%"),
        (questions(procedure=150, safety=75, history=25, out_of_scope=90, low=17), "alarm", "out of scope 3.8% -> 26.5%"),
        (questions(procedure=300, safety=150, history=50, out_of_scope=20, low=70), "watch", "low confidence 5.0% -> 13.5%"),
        (questions(procedure=300, safety=150, history=50, out_of_scope=20, low=200), "alarm", "low confidence 5.0% -> 38.5%"),
        (questions(procedure=250, safety=120, lubrication=150), "alarm", "lubrication 0% -> 29%"),
    ],
)  # fmt: skip
def test_what_changed_is_said_first(now, level, said):
    report = watch(USUAL, now)
    assert report.level == level, report.lines
    assert report.lines[0].startswith(level) and len(report.lines) == 3
    assert any(said in line for line in report.lines if line.startswith(level))
    assert all(math.isfinite(value) for value in report.figures.values())


def test_growing_confidence_is_no_alarm():
    assert watch(questions(procedure=500, low=300), questions(procedure=500, low=5)).level == "none"


def test_too_few_questions_say_so():
    report = watch(USUAL, questions(history=12))
    assert report.level == "none" and report.lines[0].startswith("12 questions of recent use")
    assert "training period" in watch([], USUAL).lines[0]


def test_a_mix_goes_through_a_card_and_gives_the_same_report():
    now = questions(procedure=100, history=100, low=40)
    mix = Mix.from_json(json.loads(json.dumps(Mix.of(USUAL).as_json())))
    assert mix == Mix.of(USUAL) and mix.total == 520 and mix.low_confidence == 26
    assert watch(mix, now) == watch(USUAL, now)


@pytest.mark.parametrize("data", [None, {}, {"routes": {"a": -1}, "low_confidence": 0},
                                  {"routes": {"a": 1}, "low_confidence": 2}, {"routes": [], "low_confidence": "x"}])  # fmt: skip
def test_a_mix_that_makes_no_sense(data):
    with pytest.raises(FinetuneError, match="makes no sense"):
        Mix.from_json(data)


def test_two_proportions_against_counting():
    def brute(a: int, n: int, b: int, m: int) -> float:
        ways = {k: math.comb(m, k) * math.comb(n, a + b - k) for k in range(min(m, a + b) + 1) if a + b - k <= n}
        return sum(w for w in ways.values() if w <= ways[b]) / sum(ways.values())

    for case in ((3, 10, 9, 12), (0, 5, 5, 5), (0, 50, 0, 50), (50, 50, 10, 10), (7, 90, 1, 20)):
        assert two_proportions(*case) == pytest.approx(brute(*case))
    assert two_proportions(1000, 100_000, 1400, 100_000) < 1e-10


def test_psi_is_zero_for_equal_shares_and_symmetric():
    assert psi([100, 300], [100, 300]) == pytest.approx(0)
    assert psi([100, 300], [300, 100]) == pytest.approx(psi([300, 100], [100, 300]))
    assert psi([500, 500], [800, 200]) == pytest.approx(0.3 * math.log(1.6) - 0.3 * math.log(0.4), rel=0.01)
