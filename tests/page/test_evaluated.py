"""The last evaluations on the page: plain words in both languages, plots that add up, failures, and what changed."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup

from copilot import evaluations
from copilot.evaluations import Evaluation, Row
from copilot.service.access import LOCAL, Role, User
from tests.made_answers import EVIL
from ui.charts import Line, lines_html
from ui.evaluations import Evaluated, evaluated_html, measure_name
from ui.session import Session
from ui.tabs.health import Health
from ui.words import words_for

EN, ZH = words_for("en"), words_for("zh")
WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def soup(html):
    return BeautifulSoup(html, "html.parser")


def text_of(found):
    return " ".join(found.get_text(" ").split())


def row(number, route="procedure", language="en", got="the answer", confidence=None, **values):
    return Row(str(number), f"question {number}", route, language, values, 120.0, "HP-200.pdf p. 3", got, confidence)


ANSWERS = Evaluation(
    "answers", "questions.jsonl",
    (row(1, answered=1.0, cited=1.0), row(2, "safety", "zh", answered=0.0, cited=0.0), row(3, refused=1.0)), WHEN,
)  # fmt: skip
RETRIEVAL = Evaluation(
    "retrieval", "questions.jsonl",
    tuple(row(n, **{"hit@1": float(rank == 1), "hit@5": 1.0, "mrr": 1 / rank}) for n, rank in enumerate((1, 1, 2, 4))), WHEN,
)  # fmt: skip
ROUTER = Evaluation(
    "router", "routes.jsonl",
    (Row("1", "why?", "history", "en", {"accuracy": 0.0}, None, "history", "safety", 0.35),
     Row("2", "how?", "procedure", "en", {"accuracy": 1.0}, None, "procedure", "procedure", 0.97)), WHEN,
    figures={"macro_f1": 0.5, "ece": 0.04},
)  # fmt: skip


def shown(*which, history=(), compared=None, words=EN):
    return soup(evaluated_html(Evaluated({one.kind: one for one in which}, history, compared), words))


def test_figures_are_in_plain_words_in_both_languages():
    page = shown(ANSWERS)
    tiles = [text_of(tile) for tile in page.select(".fc-figures > div")]
    assert tiles[:3] == ["50 % Answerable questions answered", "50 % Answers that cite a right page",
                         "100 % Questions without an answer refused"]  # fmt: skip
    assert "120 ms per question; 95 % within 120 ms" in tiles
    assert "2026-01-02 03:04 UTC, 3 questions of questions.jsonl" in text_of(page)
    chinese = text_of(shown(ANSWERS, words=ZH))
    assert "回答正确吗？" in chinese and "50 % 有答案的问题得到回答" in chinese and "questions of" not in chinese


@pytest.mark.parametrize("words", [EN, ZH])
def test_every_measure_that_is_stored_has_a_name(words):
    for measure in ("hit@1", "hit@5", "mrr", "answered", "expected", "em", "f1", "rouge_l", "cited", "cited_precision",
                    "refused", "citation_precision", "numbers_supported", "accuracy", "macro_f1", "ece"):  # fmt: skip
        assert measure_name(measure, words) != measure


def test_groups_are_bars_with_their_share_and_count():
    plots = shown(ANSWERS).select(".fc-plots")
    assert "Value or part" not in text_of(plots[0])
    bars = [text_of(bar) for bar in plots[0].select(".fc-chart")[0].select("li")]
    assert bars == ["How to do it 100 % 2", "Safety 0 % 1"]
    assert [text_of(bar) for bar in plots[1].select(".fc-chart")[0].select("li")] == [
        "English 100 % 2",
        "Chinese 0 % 1",
    ]


def test_what_failed_can_be_read():
    failures = shown(ANSWERS).select("details")[-1]
    assert text_of(failures.summary) == "1 question that failed" and "question 2" in text_of(failures)
    assert "No question failed." in text_of(shown(RETRIEVAL))
    assert "Past faults Safety" in text_of(shown(ROUTER).select("details")[-1])


def test_the_plots_of_each_kind_are_there():
    curve = shown(RETRIEVAL).select_one("svg")
    assert [dot.text for dot in curve.select("circle title")][:4] == [
        "1: 50.0 %",
        "2: 75.0 %",
        "3: 75.0 %",
        "4: 100.0 %",
    ]
    router = shown(ROUTER)
    assert [cell.text for cell in router.select(".fc-confusion td")] == ["", "", "1", "", "1", "", "", "", ""]
    assert "30–40 % 0 % 1" in text_of(router) and "Calibration error" in text_of(router)


def test_the_past_is_a_line_from_the_second_evaluation_on():
    entry = {"kind": "answers", "created_at": "2026-01-01T00:00:00", "means": {"answered": 0.25, "cited": None}}
    assert not shown(ANSWERS, history=[entry]).select("svg")
    page = shown(ANSWERS, history=[entry, {**entry, "created_at": "2026-01-02T00:00:00"}, {**entry, "kind": "router"}])
    assert text_of(page.select_one("svg").parent.h4) == "The last evaluations"
    assert len(page.select("svg g")[0].select("circle")) == 2


def test_a_baseline_says_what_became_worse():
    before = Evaluation("answers", "questions.jsonl", tuple(row(n, answered=1.0) for n in range(40)), WHEN)
    after = Evaluation("answers", "questions.jsonl", tuple(row(n, answered=float(n > 20)) for n in range(40)), WHEN)
    page = shown(after, compared={"answers": evaluations.compare(after, before)})
    assert "Answerable questions answered 100 % 48 % worse" in text_of(page)


def test_lines_leave_gaps_and_markup_is_text():
    page = soup(lines_html(EVIL, [EVIL, "b"], [Line(EVIL, [0.5, None])]))
    assert not page.find_all(["script", "img"]) and len(page.select("circle")) == 1
    assert lines_html("x", [], []) == ""
    hostile = Evaluation(
        "answers", EVIL, (row(EVIL, EVIL, EVIL, EVIL, answered=0.0), row(2, "b", "c", answered=0.0)), WHEN
    )
    assert not shown(hostile).find_all(["script", "img"])


def test_nothing_evaluated_says_how_to(tmp_path):
    assert "copilot eval answers" in text_of(shown())


def test_the_tab_shows_what_the_home_keeps_to_engineers(tmp_path):
    from copilot import assemble
    from copilot.config import load_settings
    from copilot.service.errors import AccessError

    evaluations.save(tmp_path, ANSWERS, baseline=True)
    service = assemble.make_service(load_settings(tmp_path))
    try:
        health = Health(SimpleNamespace(service=service, words=lambda session: words_for(session.language)))
        assert "Are the answers right?" in health.evaluation_html(Session(), LOCAL)
        assert "回答正确吗" in health.evaluation_html(Session(language="zh"), LOCAL)
        with pytest.raises(AccessError):
            health.evaluation_html(Session(), User("olga", Role.OPERATOR))
    finally:
        service.close()
