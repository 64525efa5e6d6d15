"""Fault reports without a date, a machine or people in columns: found by their words, their number, the day in their text."""

from __future__ import annotations

from datetime import date

import pytest
from small_plant import asked

from copilot.types import AnswerStatus, Question

LOG = (
    "IDENT,PROBLEM,ACTION\n"
    "10341,VACUUM PUMP HAS POSSIBLE OIL LEAK,TIGHTENED NUTS\n"
    "10342,#3 CYL INTAKE LEAKS,REPLACED GASKET\n"
    "10343,#4 CYL LOW COMPRESSION,STAKED VALVE\n"
    "10344,DUCT TAPE ON OIL COOLER,REMOVED TAPE\n"
    "10345,PROP STRIKE,REPLACED PROP\n"
    "10346,PROP STRIKE AGAIN,CHECKED CRANKSHAFT\n"
    "10347,VACUUM PUMP NOISY,REPLACED PUMP\n"
)
RECORDS = (
    "异常类型,现象,部件,原因,处理\n"
    "网络停运,4月22日5:38系统无法登录,主机,第三槽内存故障,更换内存\n"
    "网络停运,7月9日指标异常,数据库,误操作关机,重新启动\n"
    "接口异常,7月9日派单缓慢,主机,程序缺陷,升级程序\n"
    "接口异常,12月7日派单缓慢,主机,光纤断开,更换光纤\n"
)


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    files = {"log.csv": LOG, "records.csv": RECORDS}
    with asked(tmp_path_factory.mktemp("undated"), files, lambda: date(2026, 5, 6)) as copilot:
        yield lambda text: copilot.ask(Question(text))


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("vac pump leaking oil, what did they find last time", "TIGHTENED NUTS"),  # a word cut off
        ("#3 cyl intake leaks, what was done last time", "REPLACED GASKET"),  # a number that is no code
        ("similar cases: vacuum pump noisy", "REPLACED PUMP"),
        ("order 10344, what was done", "REMOVED TAPE"),
        ("how many entries mention a prop strike", "all that is asked: 2"),
        ("how many reports mention a prop strike", "all that is asked: 2"),
        ("4月22号系统无法登录，上次是什么原因", "第三槽"),  # 号 for 日, and a day that only the text has
        ("7月9号指标异常，上次怎么处理的", "重新启动"),
    ],
)
def test_a_record_is_found_by_what_it_tells(ask, question, said):
    answer = ask(question)
    assert answer.status is AnswerStatus.ANSWERED
    assert said in answer.text


def test_a_day_is_no_end_of_another(ask):
    assert (
        "更换光纤" not in ask("2月7号派单缓慢，上次怎么处理的").text.split("[1]")[0]
        or "没有日期" in ask("2月7号派单缓慢，上次怎么处理的").text
    )


def test_a_period_that_no_report_tells_is_said_to_be_unknown(ask):
    assert "The fault reports have no dates." in ask("how many prop strike reports last year").text


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("who fixed the prop strike", "The fault reports do not say who did the work."),
        ("what did the last prop strike repair cost", "The fault reports state no costs."),
        ("how long was it down for the last prop strike", "The fault reports state no downtime."),
    ],
)
def test_what_no_column_says_is_not_answered_with_something_else(ask, question, why):
    answer = ask(question)
    assert answer.status is AnswerStatus.NO_EVIDENCE
    assert why in answer.text
