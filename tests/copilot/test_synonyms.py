"""Other words for what a question says: short forms, everyday words, the other language; and the work it is about."""

from __future__ import annotations

import pytest
from fakes_knowledge import chunk

from copilot.conditions import Conditions
from copilot.synonyms import actions_in, other_words, said_otherwise, words_for_work, words_in
from copilot.table_rows import fitting, rows_of
from indexer.analysis import question_tokens
from indexer.types import ChunkKind


def says(question: str, text: str) -> bool:
    return bool(said_otherwise(other_words(question), words_in(text)))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("空滤多久换一次", "空气过滤器 | 更换 | 2000 h"),
        ("油滤什么时候换？", "机油滤清器每 500 小时更换"),
        ("油分芯寿命", "油气分离器滤芯"),
        ("变频报过流", "变频器加速过电流"),
        ("急停按下后怎么恢复", "紧急停止后请先复位"),
        ("How do I reset the E-stop?", "Pull out the emergency stop button."),
        ("emergency stops", "E-Stop circuit open"),
        ("Where is the HMI?", "The touch screen is on the right."),
        ("PSU output", "The power supply unit delivers 24 V."),
        ("max oil temp", "Oil temperature, highest"),
        ("hyd. pump noise", "hydraulic pump"),
        ("Which lube goes into it?", "Lubricant: see the table"),
        ("How often is the air filter replaced?", "空气过滤器 更换"),
        ("联轴器多久检查一次", "Check the coupling"),
        ("油压多少", "Read the pressure of the oil at the gauge"),
        ("怎么更换编码器电池", "Replacing the batteries of the encoders"),
        ("注塑机液压油多久换一次", "Change the oil after 5,000 h"),
        ("输送线急停后怎么恢复", "To restart, press the blue button"),
        ("The ram sinks at rest", "Slide drifts downwards"),
        ("导轨用什么油", "The way lubrication takes CG 220"),
    ],
)  # fmt: skip
def test_texts_that_say_it_in_other_words(question, text):
    assert says(question, text)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("空滤多久换一次", "油过滤器 | 更换"),
        ("空气压缩机多重", "空气过滤器"),
        ("回油滤芯多久换", "机油滤清器每 500 小时更换"),
        ("What is the stopping time?", "emergency off"),
        ("The driver of the truck", "frequency inverter"),
        ("油压多少", "The pressure of the air; oil is added"),
    ],
)
def test_texts_that_say_something_else(question, text):
    assert not says(question, text)


def test_the_longest_word_counts_and_nothing_stands_for_itself():
    others = other_words("机油滤清器")
    assert all("空气" not in other.held for other in others)
    assert all(not set(other.tokens) <= other.said for other in others)


def test_a_phrase_counts_where_its_words_stand_side_by_side():
    assert says("gearbox oil", "Fill the gear unit") and not says("gearbox oil", "Reduce the speed")
    assert not says("gearbox oil", "Unit: bar. Change gear.")


def test_work_in_other_words():
    others = words_for_work("How often is the coolant changed?")
    assert said_otherwise(others, words_in("The coolant is replaced every six months.")) == {"chang"}
    assert said_otherwise(words_for_work("多久换一次"), words_in("Replace the filter")) == {"换"}
    assert not said_otherwise(others, words_in("Check the coolant"))
    assert said_otherwise(words_for_work("How often is it lubricated?"), words_in("Grease the pins")) == {"lubric"}


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("空滤多久换一次", {"replace"}),
        ("换热器温度", set()),
        ("切换到手动模式", set()),
        ("每周清洁空气过滤器", {"clean"}),
        ("Replacement of the filter; clean the housing", {"replace", "clean"}),
        ("How often must it be greased?", {"lubricate"}),
        ("检查并更换", {"check", "replace"}),
        ("Pressure 6 bar", set()),
    ],
)
def test_work_that_a_text_names(text, actions):
    assert actions_in(text) == actions


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ("空滤多久换一次", "更换空气过滤器 | 2000 h"),
        ("空滤多久清理一次", "清洁空气过滤器 | 每周"),
        ("油滤多久换一次", "更换机油滤清器 | 1000 h"),
    ],
)
def test_the_row_of_the_work_asked_for_is_the_one_that_fits(question, row):
    table = chunk(
        "t",
        "工作 | 周期\n清洁空气过滤器 | 每周\n更换空气过滤器 | 2000 h\n更换机油滤清器 | 1000 h",
        kind=ChunkKind.TABLE,
    )
    rows = rows_of(table)
    for chosen in rows:
        found = fitting(Conditions.of(question, question_tokens(question)), chosen, [table])
        assert [one.units[0].text for one in found] in ([row], [chosen.units[0].text])
    own = next(one for one in rows if one.units[0].text == row)
    assert fitting(Conditions.of(question, question_tokens(question)), own, [table]) == [own]
