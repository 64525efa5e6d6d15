"""Evaluations: what is worse beyond noise, what is kept, and the report."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from copilot import evaluations
from copilot.eval_report import report, write_report
from copilot.evaluations import Evaluation, EvaluationError, Row, compare

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def evaluation(values, kind="retrieval", **more):
    """One row per value of hit@5; routes and languages take turns."""
    rows = tuple(
        Row(
            str(n), f"question {n} <b>&", ("procedure", "safety")[n % 2], ("en", "zh")[n % 3 == 0],
            {"hit@5": value, "mrr": value / 2}, 10.0 + n, "manual.pdf p. 3", "other.pdf p. 1", 0.7,
        )
        for n, value in enumerate(values)
    )  # fmt: skip
    return Evaluation(kind, "questions.jsonl", rows, NOON, {"ece": 0.1}, {"index": "v1"}, **more)


def test_means_groups_and_latency():
    one = evaluation([1, 0, 1, 1])
    assert one.means() == {"hit@5": 0.75, "mrr": 0.375}
    assert one.by("route")["safety"] == {"n": 2.0, "hit@5": 0.5, "mrr": 0.25}
    assert set(one.by("language")) == {"en", "zh"}
    assert one.latency_ms() == {"p50": 11.5, "p95": pytest.approx(12.85, abs=0.06)}
    assert [row.id for row in one.worst("hit@5")] == ["1"]


def test_one_question_more_or_less_is_noise_and_many_are_not():
    before = evaluation([1.0] * 40)
    one_lost = evaluation([0.0] + [1.0] * 39)
    ten_lost = evaluation([0.0] * 10 + [1.0] * 30)
    assert not compare(one_lost, before).worse
    assert [change.measure for change in compare(ten_lost, before).worse] == ["hit@5", "mrr"]
    assert [change.better for change in compare(before, ten_lost).changes] == [True, True]
    same = compare(before, before)
    assert not same.worse and (same.paired, same.alone) == (40, 0)


def test_only_questions_in_both_are_compared():
    before, now = evaluation([1.0] * 10), evaluation([1.0] * 12)
    found = compare(now, before)
    assert (found.paired, found.alone) == (10, 2)
    other = replace(now, rows=tuple(replace(row, question="another") for row in now.rows))
    with pytest.raises(EvaluationError, match="no question"):
        compare(other, before)
    with pytest.raises(EvaluationError, match="evaluation of router"):
        compare(now, evaluation([1], kind="router"))


def test_a_measure_that_is_new_is_not_compared():
    before, now = evaluation([1.0, 1.0]), evaluation([1.0, 1.0])
    now = replace(now, rows=tuple(replace(row, values={**row.values, "new": 0.0}) for row in now.rows))
    assert [change.measure for change in compare(now, before).changes] == ["hit@5", "mrr"]


def test_what_is_kept_is_read_again(tmp_path):
    one = evaluation([1, 0.5])
    evaluations.save(tmp_path, one)
    assert evaluations.last(tmp_path) == {"retrieval": one}
    assert evaluations.stored_baseline(tmp_path, "retrieval") is None
    evaluations.save(tmp_path, one, baseline=True)
    assert evaluations.stored_baseline(tmp_path, "retrieval") == one
    assert [entry["means"]["hit@5"] for entry in evaluations.history(tmp_path)] == [0.75, 0.75]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 99}', '{"schema": 1, "kind": "x"}', "\x00"])
def test_a_damaged_baseline_is_one_line(tmp_path, text):
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(EvaluationError, match="no evaluation of this program") as error:
        evaluations.read(tmp_path / "b.json")
    assert "\n" not in str(error.value)
    with pytest.raises(EvaluationError, match="--save-baseline"):
        evaluations.read(tmp_path / "none.json")
    (tmp_path / "evaluations").mkdir()
    (tmp_path / "evaluations" / "router.json").write_text(text)
    assert evaluations.last(tmp_path) == {}


class Page(HTMLParser):
    """Tags that stay open, ids, and what would be fetched."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.fetched, self.tags = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        given = dict(attributes)
        self.ids += [given["id"]] if "id" in given else []
        self.fetched += [v for k, v in given.items() if k in ("src", "href", "xlink:href") and not v.startswith("#")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in ("meta", "br"):
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def router_evaluation():
    rows = tuple(
        Row(str(n), f"q{n}", label, "en", {"accuracy": float(label == got)}, 2.0, label, got, 0.5 + n / 10)
        for n, (label, got) in enumerate([("safety", "safety"), ("$a$_route", "safety"), ("维护", "维护")])
    )
    return Evaluation("router", "rows.jsonl", rows, NOON, {"macro_f1": 0.5})


@pytest.mark.parametrize("kind", ["retrieval", "answers", "router"])
def test_the_report_is_one_whole_page(tmp_path, kind):
    if kind == "router":
        now = router_evaluation()
    else:
        now = evaluation([1, 0, 0.5, 1], kind)
        if kind == "answers":
            rows = [
                replace(r, values={"answered": 1.0, "rouge_l": 0.4, "f1": 0.3, "cited": r.values["hit@5"]})
                for r in now.rows
            ]
            now = replace(now, rows=tuple(rows))
    write_report(tmp_path / "report.html", now, compare(now, now))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == [] and page.fetched == []
    assert page.tags.count("svg") >= 3
    assert len(page.ids) == len(set(page.ids))
    for used in re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", text):
        assert used in page.ids
    assert "Against the baseline" in text
    if kind != "router":
        assert "question 1 &lt;b&gt;&amp;" in text
    assert report(now, compare(now, now)) == text


def test_a_report_that_cannot_be_written(tmp_path):
    with pytest.raises(EvaluationError, match="cannot be written"):
        write_report(tmp_path / "nowhere" / "report.html", evaluation([1]))
