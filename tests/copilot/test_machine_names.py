from __future__ import annotations

import pytest

from copilot.machine_names import find_machine, unknown_designation

LETTERED = ["A", "B", "C", "Conveyor"]


@pytest.mark.parametrize(
    ("text", "machine", "words"),
    [
        ("when was excavator A greased?", "A", "excavator a"),
        ("B号挖机座椅换过几次", "B", "b号挖机"),
        ("C机06年换油管", "C", "c机"),
        ("what about the horn on B?", "B", "b"),
        ("A short circuit", None, None),  # an article
        ("grade C bolts", None, None),
    ],
)
def test_a_lettered_machine_is_found_by_what_stands_beside_its_letter(text, machine, words):
    assert find_machine(text, LETTERED) == (None if machine is None else (machine, words))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("hoses on excavator G", "excavator G"),
        ("G号挖机发动机", "G号挖机"),
        ("hoses on excavator B", None),
        ("pump P is loud", None),  # a part
        ("error G on the press", None),
        ("When does the machine I use need oil?", None),
        ("press F to save", None),
        ("the machine X axis is noisy", None),
        ("设备 X 轴报警", None),
    ],
)
def test_a_letter_that_no_machine_has_is_another_machine(text, named):
    assert unknown_designation(text, LETTERED) == named
    assert unknown_designation(text, ["HP-200", "A"]) is None  # one lettered machine says nothing of others


@pytest.mark.parametrize(
    ("text", "machine"),
    [("homing on linuxcnc is slow", "LinuxCNC"), ("the config is lost", None), ("linuxcnc 报错", "LinuxCNC")],
)
def test_a_name_with_a_capital_inside_is_one_in_small_letters_too(text, machine):
    found = find_machine(text, ["LinuxCNC", "Config"])
    assert (found[0] if found else None) == machine


@pytest.mark.parametrize(
    ("text", "machine", "unknown"),
    [
        ("machine 2 is down", "2", None),
        ("2号机漏油", "2", None),
        ("machine no. 9", None, "machine no. 9"),
        ("pump 2 is leaking", None, None),  # a part
        ("oil for the excavator 500 hour service", None, None),
        ("5月3号液压泵坏了", None, None),  # a day
        ("7月20号机器坏了", None, None),
    ],
)
def test_numbers_name_machines_only_where_nothing_else_has_them(text, machine, unknown):
    machines = ["1", "2", "3"]
    found = find_machine(text, machines)
    assert (found[0] if found else None) == machine
    assert unknown_designation(text, machines) == unknown
