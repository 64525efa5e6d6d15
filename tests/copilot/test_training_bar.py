"""What a training shows: lines where nobody looks at a terminal, a bar that follows the epochs where somebody does."""

from __future__ import annotations

import io
import sys

import pytest

from copilot import terminal

LINES = [
    "60 examples of 3 labels; computing their vectors", "epoch 1 of at most 4: 50 %", "epoch 1 of at most 4: loss 0.3; 2 s",
    "member 2 of 2: epoch 3 of at most 4: 25 %", "student: epoch 1 of at most 2: loss [0.1]; 2 s",
]  # fmt: skip


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_every_line_is_one(capsys):
    with terminal.training() as tell:
        for line in LINES:
            tell(line)
    assert capsys.readouterr().err.splitlines() == LINES


@pytest.mark.parametrize(
    ("line", "who", "done"),
    [
        (LINES[1], "training", 12.5),
        (LINES[2], "training", 25),
        (LINES[3], "member 2 of 2", 56.25),
        (LINES[4], "student", 50),
    ],
)
def test_on_a_terminal_a_bar_follows(monkeypatch, line, who, done):
    from rich.progress import Progress

    bars: list[Progress] = []
    real = Progress.__init__

    def noted(self, *args, **more):
        real(self, *args, **more)
        bars.append(self)

    monkeypatch.setattr(Progress, "__init__", noted)
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    with terminal.training() as tell:
        tell(LINES[0])
        tell(line)
        (task,) = bars[0].tasks
        assert task.description == who and task.completed == pytest.approx(done)
    shown = screen.getvalue()
    assert LINES[0] in shown and ("loss" in shown) == ("loss" in line), (
        "shares of an epoch move the bar and are no lines"
    )
