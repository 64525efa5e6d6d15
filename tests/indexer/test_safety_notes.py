from __future__ import annotations

import pytest

from indexer.safety_notes import cell_notes, embedded_notes, is_signal_alone, note_text, warning_signal
from indexer.types import Block, BlockKind

P, L = BlockKind.PARAGRAPH, BlockKind.LIST_ITEM


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("Caution z Do not touch the heat sink.", "CAUTION"),
        ("! Caution z Check the voltage.", "CAUTION"),
        ("a Danger", "DANGER"),
        ("Warning", "WARNING"),
        ("警告", "WARNING"),
        ("Danger indicates that people may be killed.", None),
        ("Caution labels are yellow.", None),
        ("Attention is paid to the seals.", None),
    ],
)
def test_signal_words_with_bullets_and_icons(text, signal):
    assert warning_signal(text) == signal


def test_a_signal_word_alone_takes_what_follows_until_steps_or_another_begin():
    behind = [Block(P, "Hot oil. Wear goggles."), Block(L, "1. Drain the oil."), Block(P, "More.")]
    assert is_signal_alone("WARNING") and note_text("WARNING", behind) == "WARNING\nHot oil. Wear goggles."
    bullets = [Block(L, "• Wear goggles."), Block(L, "• Wear gloves."), Block(P, "The oil is changed once a year.")]
    assert note_text("CAUTION", bullets) == "CAUTION\n• Wear goggles.\n• Wear gloves."
    assert note_text("DANGER", [Block(P, "CAUTION: hot")]) == "DANGER"
    torn = [
        Block(P, "These tapes pass current and"),
        Block(P, "are a hazard. Do not use them."),
        Block(P, "Other tapes."),
    ]
    assert note_text("WARNING", torn) == "WARNING\nThese tapes pass current and\nare a hazard. Do not use them."


def test_a_warning_may_go_on_over_bullets_of_its_own_kind():
    behind = [Block(P, "z Never open the cover."), Block(P, "The lamp shows the charge.")]
    assert note_text("Danger z Wait ten minutes.", behind) == "Danger z Wait ten minutes.\nz Never open the cover."


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("连接跳帽; 注意：选择该功能就不能使用外部开关！", [("NOTICE", "注意：选择该功能就不能使用外部开关！")]),
        ("Fit the cap. WARNING: The spring is under load. Wear goggles.", [("WARNING", "WARNING: The spring is under load. Wear goggles.")]),
        ("The word warning: a sign.", []),
        ("运行时注意：温度", []),
    ],
)  # fmt: skip
def test_warnings_inside_a_paragraph(text, found):
    assert list(embedded_notes(text)) == found


def test_warnings_in_the_cells_of_a_table():
    rows = (("Step", "Remark"), ("Drain", "CAUTION: Hot oil."), ("Warning", "E-12"))
    assert list(cell_notes(Block(BlockKind.TABLE, rows=rows))) == [("CAUTION", "CAUTION: Hot oil.")]
