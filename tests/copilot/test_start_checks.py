"""Checks before a start, asked in operators' words and searched with those of manuals."""

from __future__ import annotations

import pytest

from copilot.start_checks import asks_what_to_check_before_start, in_words_of_manuals


@pytest.mark.parametrize(
    ("question", "searched"),
    [
        ("What must I check before starting the lathe?", "What must I check at the start of the shift, daily checks, the lathe?"),
        ("Which checks before I switch it on?", "Which checks at the start of the shift, daily checks,?"),
        ("What has to be inspected after a long standstill?", "What has to be inspected at the start of the shift, daily checks,?"),
        ("注塑机开机前要检查什么？", "注塑机班前检查，日常点检，要检查什么？"),
        ("周末过后启动前需要点检哪些项目？", "班前检查，日常点检， 需要点检哪些项目？"),
    ],
)  # fmt: skip
def test_the_words_of_manuals_take_the_place_of_the_start(question, searched):
    assert asks_what_to_check_before_start(question)
    assert in_words_of_manuals(question) == searched


@pytest.mark.parametrize(
    "question",
    [
        "How do I start the lathe?",
        "What must I check before starting the repair of the spindle?",
        "What is the oil pressure before starting?",
        "如何启动输送机？",
        "多久检查一次皮带？",
    ],
)
def test_other_questions_are_left_alone(question):
    assert not asks_what_to_check_before_start(question)
