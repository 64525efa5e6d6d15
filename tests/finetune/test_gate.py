from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from finetune.errors import GateError
from finetune.gate import GateSettings, Judged, ece, judge, sign_test

LABELS = ("history", "maintenance", "procedure", "safety", "out_of_scope")


class Case:
    """A model's answers to `size` questions per label, all right but those made wrong by `miss`."""

    def __init__(self, size: int = 40, labels: tuple[str, ...] = LABELS, confidence: float = 0.9) -> None:
        self.gold = [label for label in labels for _ in range(size)]
        self.answers = list(self.gold)
        self.labels = labels
        self.confidence = confidence

    def miss(self, label: str, *places: int) -> Case:
        """Give the questions at `places` among those of `label` the next label instead."""
        start = self.gold.index(label)
        for place in places:
            self.answers[start + place] = self.labels[(self.labels.index(label) + 1) % len(self.labels)]
        return self

    def judged(self, labels: tuple[str, ...] = ()) -> Judged:
        return Judged(tuple(self.gold), tuple(self.answers), np.full(len(self.gold), self.confidence), labels)


def usual(size: int = 40) -> Case:
    """A tenth of each label wrong, as 0.9 of confidence promises."""
    case = Case(size)
    for label in LABELS:
        case.miss(label, *range(size // 10))
    return case


def feedback(right: int, n: int = 20) -> Judged:
    answers = ["safety"] * right + ["history"] * (n - right)
    return Judged(("safety",) * n, tuple(answers), np.full(n, 0.9))


def one_line_each(decision) -> None:
    assert decision.reasons and all("\n" not in line for line in decision.reasons)
    assert all(math.isfinite(value) for value in decision.figures.values())
    json.dumps(dict(decision.figures), allow_nan=False)


def test_better_on_feedback_and_no_worse_is_promoted():
    decision = judge(usual().judged(), usual().judged(), feedback(10), feedback(16))
    assert decision.promote, decision.reasons
    assert decision.figures["feedback_wins"] == 6 and decision.figures["feedback_losses"] == 0
    assert decision.figures["frozen_macro_f1_now"] == decision.figures["frozen_macro_f1_candidate"]
    assert any("10 -> 16 of 20" in line for line in decision.reasons)
    one_line_each(decision)


def test_worse_or_no_better_on_feedback_is_kept():
    for after in (4, 9):
        decision = judge(usual().judged(), usual().judged(), feedback(10), feedback(after))
        assert not decision.promote and "not better" in decision.reasons[0]
    swapped = Judged(("safety",) * 20, ("history",) * 10 + ("safety",) * 10, np.full(20, 0.9))
    decision = judge(usual().judged(), usual().judged(), feedback(10), swapped)  # won ten, lost ten
    assert not decision.promote and "won 10, lost 10" in decision.reasons[0]
    decision = judge(usual().judged(), usual().judged(), feedback(10), feedback(11))  # one coin toss
    assert not decision.promote and "50%" in decision.reasons[0]
    lenient = GateSettings(feedback_level=0.5)
    assert judge(usual().judged(), usual().judged(), feedback(10), feedback(11), lenient).promote


def test_without_telling_feedback_the_frozen_set_must_show_it_better_beyond_noise():
    better = Case().miss("safety", 0, 1).miss("history", 0, 1)
    better.confidence = 0.97
    none = Judged((), (), np.array([]))
    for pair in ((None, None), (feedback(20), feedback(20)), (none, none)):
        assert judge(usual().judged(), better.judged(), *pair).promote
        same = judge(usual().judged(), usual().judged(), *pair)
        assert not same.promote and "better beyond noise" in same.reasons[0]
    barely = usual()
    barely.answers[0] = "history"
    assert not judge(usual().judged(), barely.judged()).promote


@pytest.mark.parametrize("size", [20, 40, 100, 400])
def test_one_class_that_collapses_keeps_a_candidate_that_is_better_elsewhere(size):
    candidate = Case(size).miss("safety", *range(size * 3 // 10))
    candidate.confidence = 0.94
    decision = judge(usual(size).judged(), candidate.judged(), feedback(10), feedback(20))
    assert not decision.promote
    assert decision.reasons[0].startswith("class 'safety' is down by 20.0 points of recall"), decision.reasons
    assert decision.figures["recall_change/safety"] == pytest.approx(-0.2)
    assert decision.figures["recall_change/history"] == pytest.approx(0.1)
    one_line_each(decision)


def test_three_points_are_the_limit_where_a_class_is_large_enough_to_tell():
    size = 1000
    for lost, promoted in ((29, True), (31, False)):
        candidate = usual(size).miss("safety", *range(100, 100 + lost))
        decision = judge(usual(size).judged(), candidate.judged(), feedback(10), feedback(20), GateSettings(max_drop=1))
        told = [line for line in decision.reasons if "class 'safety'" in line]
        assert bool(told) is not promoted, decision.reasons


def test_in_a_class_of_twenty_one_lost_question_is_luck_and_three_are_not():
    """One question is 5 points there. Nothing else changed, so there is little luck to plead."""
    verdicts = {}
    for lost in (1, 2, 3):
        candidate = usual(20).miss("safety", *range(5, 5 + lost))
        decision = judge(usual(20).judged(), candidate.judged(), feedback(10), feedback(20))
        verdicts[lost] = any("class 'safety'" in line for line in decision.reasons)
    assert verdicts[1] is False and verdicts[3] is True


def test_losses_that_come_with_as_many_wins_are_luck():
    candidate = Case(20)
    for label in LABELS:  # other questions wrong than before, as many of them
        candidate.miss(label, 10, 11)
    decision = judge(usual(20).judged(), candidate.judged(), feedback(10), feedback(20))
    assert decision.promote, decision.reasons


def test_equally_good_candidates_pass_mostly_even_with_many_classes():
    """Strict, but not impossible: of candidates as good as the current one, most may answer."""
    rng = np.random.default_rng(3)
    for classes, size, least in ((6, 20, 12), (40, 30, 10)):
        labels = tuple(f"label{i:02d}" for i in range(classes))
        gold = tuple(label for label in labels for _ in range(size))
        passed = 0
        for _ in range(20):
            sides = []
            common = rng.random(len(gold)) < 0.12
            for _ in range(2):
                wrong = common ^ (rng.random(len(gold)) < 0.02)
                other = rng.integers(1, classes, len(gold))
                answers = tuple(
                    labels[(labels.index(g) + int(o)) % classes] if w else g
                    for g, w, o in zip(gold, wrong, other, strict=True)
                )
                sides.append(Judged(gold, answers, np.full(len(gold), 0.87)))
            decision = judge(*sides, feedback(10), feedback(20), GateSettings(resamples=400))
            passed += decision.promote
        assert passed >= least, (classes, passed)


def test_a_small_loss_everywhere_is_found_where_no_class_alone_shows_it():
    size = 200
    candidate = usual(size)
    for label in LABELS:
        candidate.miss(label, *range(100, 105))  # 2.5 points each
    decision = judge(usual(size).judged(), candidate.judged(), feedback(10), feedback(20))
    assert not decision.promote and "lower beyond noise" in decision.reasons[0]
    assert not any("class" in line for line in decision.reasons)


def test_a_tiny_frozen_set_excuses_nothing():
    now, worse = Case(4), Case(4).miss("safety", 0)
    now.confidence = worse.confidence = 0.95
    decision = judge(now.judged(), worse.judged(), feedback(10), feedback(20))
    assert not decision.promote and "may not fall at all" in decision.reasons[0]
    assert any("judged together" in note for note in decision.notes)


def test_many_classes_too_small_to_judge_alone_are_judged_together():
    labels = tuple(f"label{i:02d}" for i in range(30))
    now, worse = Case(3, labels), Case(3, labels)
    for label in labels[:8]:
        worse.miss(label, 0)
    decision = judge(now.judged(), worse.judged(), feedback(10), feedback(20), GateSettings(max_drop=1))
    assert any("recall" in line and "label29" in line for line in decision.reasons)


def test_overconfidence_keeps_a_candidate_that_answers_alike():
    sure = usual(100)
    sure.confidence = 0.999
    decision = judge(usual(100).judged(), sure.judged(), feedback(10), feedback(20))
    assert not decision.promote and "calibration error" in decision.reasons[0]
    assert decision.figures["ece_candidate"] == pytest.approx(0.099)
    slightly = usual(100)
    slightly.confidence = 0.94
    assert judge(usual(100).judged(), slightly.judged(), feedback(10), feedback(20)).promote
    # One that was badly calibrated before may stay so, but get no worse.
    assert judge(sure.judged(), sure.judged(), feedback(10), feedback(20)).promote


def test_an_anchor_stops_losses_that_add_up():
    now, candidate, anchor = usual(200), usual(200), Case(200)
    assert judge(now.judged(), candidate.judged(), feedback(10), feedback(20)).promote
    decision = judge(now.judged(), candidate.judged(), feedback(10), feedback(20), anchor=anchor.judged())
    assert not decision.promote and "the version to hold on to" in decision.reasons[0]


def test_changed_labels_are_said_and_promote_nothing_unless_allowed():
    old, new = LABELS[:-1], LABELS
    now, candidate = usual().judged(old), usual().judged(new)
    decision = judge(now, candidate, feedback(10), feedback(16))
    assert not decision.promote and "added out_of_scope" in decision.reasons[0]
    assert any("36 of its 40" in note for note in decision.notes)
    assert decision.figures["frozen_n"] == 160  # compared on what both know
    allowed = judge(now, candidate, feedback(10), feedback(16), GateSettings(allow_label_changes=True))
    assert allowed.promote and "added" in allowed.notes[0]
    back = judge(candidate, now, feedback(10), feedback(16))
    assert "removed out_of_scope" in back.reasons[0]
    absent = judge(now, usual().judged((*LABELS, "spare")), feedback(10), feedback(16))
    assert any("'spare'" in note and "no question" in note for note in absent.notes)
    nothing = judge(usual().judged(("x",)), usual().judged(("y",)), feedback(10), feedback(16))
    assert not nothing.promote and "no question" in nothing.reasons[-1]


def test_a_label_the_current_version_never_gives_is_pointed_out():
    now = Case().miss("safety", *range(40))
    decision = judge(now.judged(), usual().judged(), feedback(10), feedback(16))
    assert any("never gives safety" in note for note in decision.notes)


def test_the_same_question_gives_the_same_answer():
    args = (usual().judged(), usual().miss("safety", 20, 21).judged(), feedback(10), feedback(16))
    assert judge(*args) == judge(*args)


@pytest.mark.parametrize(
    ("frozen", "said"),
    [
        ((Judged((), (), np.array([])),) * 2, "no questions"),
        ((usual().judged(), usual(20).judged()), "other questions"),
        ((usual().judged(), Judged(("a",), ("a", "b"), np.array([1.0]))), "1 labels, 2 answers"),
        ((Judged(("a",), ("a",), np.array([math.nan])),) * 2, "confidence nan"),
        ((Judged(("a",), ("a",), np.array([1.5])),) * 2, "confidence 1.5"),
        ((Judged(("a",), ("a",), np.array([[0.5]])),) * 2, "shape"),
    ],
)
def test_what_cannot_be_compared_is_an_error(frozen, said):
    with pytest.raises(GateError, match=said):
        judge(*frozen)
    with pytest.raises(GateError):
        judge(usual().judged(), usual().judged(), feedback(3), None)


@pytest.mark.parametrize("wrong", [{"max_class_drop": 3.0}, {"resamples": 5}, {"min_frozen": -1}, {"confidence": -0.1}])
def test_settings_out_of_range(wrong):
    with pytest.raises(GateError, match=next(iter(wrong))):
        GateSettings(**wrong)


# --- against brute force ---


def test_ece_by_hand():
    assert ece([], []) == 0
    assert ece([0.8] * 10, [1] * 8 + [0] * 2) == pytest.approx(0)
    assert ece([0.9] * 10, [0] * 10) == pytest.approx(0.9)
    # Bins of a third: 0.3 and 1/3 in the first, 0.9 and 1.0 in the last.
    value = ece([0.3, 1 / 3, 0.9, 1.0, 0.0], [1, 0, 1, 0, 0], bins=3)
    first, last = 3 * abs(1 / 3 - (0.3 + 1 / 3 + 0) / 3), 2 * abs(0.5 - 0.95)
    assert value == pytest.approx((first + last) / 5)


def test_sign_test_counts_every_outcome():
    for wins, losses in ((0, 0), (3, 0), (2, 3), (5, 1)):
        tosses = list(itertools.product((0, 1), repeat=wins + losses))
        assert sign_test(wins, losses) == pytest.approx(sum(sum(t) >= wins for t in tosses) / len(tosses))


def test_macro_f1_and_its_bootstrap_agree_with_plain_counting():
    rng = np.random.default_rng(5)
    gold = tuple(LABELS[i] for i in np.sort(rng.integers(0, 4, 120)))
    names = (*LABELS, "other")  # "out_of_scope" and "other" are nobody's gold
    sides = []
    for _ in range(2):
        answers = tuple(g if rng.random() < 0.8 else names[rng.integers(0, 6)] for g in gold)
        sides.append(Judged(gold, answers, np.full(120, 0.8)))

    def plain(model: Judged, chosen) -> float:
        values = []
        for label in sorted(set(gold)):
            right = sum(gold[i] == label == model.predicted[i] for i in chosen)
            given = sum(model.predicted[i] == label for i in chosen)
            values.append(2 * right / (given + sum(gold[i] == label for i in chosen)))
        return float(np.mean(values))

    figures = judge(*sides).figures
    assert figures["frozen_macro_f1_now"] == pytest.approx(plain(sides[0], range(120)))
    assert figures["frozen_macro_f1_candidate"] == pytest.approx(plain(sides[1], range(120)))
    places = [[i for i in range(120) if gold[i] == label] for label in sorted(set(gold))]
    differences = []
    for _ in range(1500):
        chosen = np.concatenate([rng.choice(mine, len(mine)) for mine in places])
        differences.append(plain(sides[1], chosen) - plain(sides[0], chosen))
    low, high = np.quantile(differences, [0.05, 0.95])
    assert figures["frozen_difference_low"] == pytest.approx(low, abs=0.012)
    assert figures["frozen_difference_high"] == pytest.approx(high, abs=0.012)
