"""Questions as they are asked in a workshop: in few words, about a variant that is not listed, in a unit, about who did it."""

from __future__ import annotations

import pytest
from small_plant import asked

from copilot.generate.who import asks_who, person_in
from copilot.machine_names import find_machine
from copilot.types import AnswerStatus, Question
from copilot.units import names_of, units_asked

PRESS = """# Press HP-200

## 1 Technical data

| Quantity | Value | Unit |
|---|---|---|
| Output, format A to C | 42 | cartons/min |
| Output, format D and E | 28 | cartons/min |
| Delivery of pump P2 | 45 | l/min |
| Motor of pump P2 | 3 | kW |

## 2 Spare parts

| Part number | Part | On stock | Delivery |
|---|---|---|---|
| HP-F1-1007 | Return filter element | 4 | 1 week |
| HP-F2-0522 | Circulation filter element | 2 | 1 week |
| HP-TB-0016 | Toothed belt of the slide encoder | 1 | 2 weeks |

## 2.1 Registers

| Register | Content |
|---|---|
| 40005 | Code of the fault |
| 40020 | Start and stop |

## 3 Alarms

| Code | Meaning | Cause | Remedy |
|---|---|---|---|
| E-410 | Battery of the control low | Battery old | Replace within 14 days |
| E-412 | Oil too cold | Heater R31 broken | Measure the heater: 48 ohm |
| E-411 | Arm not in position | Chip in the cam box | Turn back by hand crank, clean |

## 4 Tool changer

When the arm has stopped halfway, turn the arm back with the hand crank at the motor end: seven turns anticlockwise.

## 5 Parameters

| Number | Meaning | Range | Unit |
|---|---|---|---|
| P-02 | Pressing speed | 5 to 22 | mm/s |

## 6 Frequent questions

Q1: Why does the layer fall apart on the pallet?
A1: The acceleration is too high.
Lower it in steps of 10 % with parameter 512.
Q2: Why is the panel dark?
A2: The fuse F7 in the left cabinet has blown, or somebody has switched the supply of the panel off at Q4 while cleaning.
Q3: Why does the horn sound every few minutes?
A3: A message waits that nobody has acknowledged. Press the blue button beside the panel for two seconds, then read the list.

## 7 Maintenance

| Interval | Work |
|---|---|
| Weekly | Clean the suction cups |
| 400 h | Replace the nozzle filters |
"""

DRIVE = """# Drive HY-1

## 1 Descriptions of the parameters

PD004 Base Frequency
Set Range: 0.01 to 400 Hz. Factory Setting: 50.
This parameter is set by the plate of the motor.

PD005 Max. Operating Frequency
Set Range: 10 to 400 Hz. Factory Setting: 50.
This parameter is set for the maximum operating frequency of the drive.

PD009 Carrier
Set Range: 0 to 15. Factory Setting: 5.
The higher the carrier is, the quieter the motor will run, and the more heat the drive itself will have to give off to the cabinet.

PD006 Source of commands
Set Range: 0 to 2. Factory Setting: 0.
1: Set by terminals at the maximum frequency of the drive.
2: Set by communication.

## 2 Menu

1. Cal : Calibrate the encoder.
2. MotType : Type of the motor.
3. Mode : Mode of work.
4. UartBaud : Set the baud rate of the serial port.
5. UartAddr : Address of the serial port.
6. Protect : Stops the motor when its shaft is held for longer than the time that was chosen in the entry before this one.
7. Screen : The time after which the display goes dark, so that it lasts longer; any key wakes it up again at once.
8. Restore : Goes back to the values that the drive had when it left the works, and then asks for the calibration again.
"""

REPORTS = """Order,Date,Machine,Component,Alarm Code,Short Text,Cause,Action Taken,Technician ID
4001,2023-03-02,HP-200,holding valve,,Slide drifts,V14 cartridge scored,new cartridge in V14,T117
4002,2024-05-06,HP-200,accumulator,E-410,pressure low,bladder porous,bladder replaced,T104
4003,2024-06-07,HP-200,accumulator,E-410,pressure low,valve dirty,valve cleaned,T121
4004,2024-07-08,HP-200,main pump,,pump loud,air drawn in,fitting tightened,T121
4005,2024-07-09,HP-200,palletiser,,layer falls apart again,accel too high,512 from 70 to 60,T102
"""


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    files = {"HP-200/manual.md": PRESS, "HY-1/manual.md": DRIVE, "reports.csv": REPORTS}
    with asked(tmp_path_factory.mktemp("workshop"), files) as copilot:
        yield lambda question, machine=None: copilot.ask(Question(question, machine=machine))


@pytest.mark.parametrize(
    ("question", "machine", "holds"),
    [
        ("last time: who replaced the cartridge of V14?", "HP-200", "T117 (2023-03-02)"),
        ("who changed the bladder of the accumulator last time", "HP-200", "T104 (2024-05-06)"),
        ("HP-200上次故障记录，是谁修的", None, "T102（2024-07-09）"),
        (
            "when did V14 get a new cartridge last time?",
            "HP-200",
            "what speaks of all that is asked: 1, the last on 2023-03-02",
        ),
    ],
)
def test_who_did_it_and_when(ask, question, machine, holds):
    assert holds in ask(question, machine).text


def test_a_question_that_names_nobody_is_told_of_nobody(ask):
    assert "Technician" not in ask("how often did the accumulator fail so far", "HP-200").text


def test_the_column_of_people():
    assert person_in({"Shift": "2", "维修人": "张三"}) == ("维修人", "张三")
    assert person_in({"Reported by": "K. Sato"}) is None
    assert asks_who("上次谁修的") and not asks_who("what was it")


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ("how many cartons/min is the output of format B", "42", "28"),
        ("how many cartons/min is the output of format F", None, ""),
        ("part number of the return filter element", "HP-F1-1007", "HP-F2"),
        ("part number of the pilot filter element", None, ""),
        ("how many kW has the motor of pump P2", "3", "45"),
        ("how many ohms has the motor of pump P2", None, ""),
        ("E-410, how many volts has the battery", None, ""),
        ("how often do the suction cups have to be replaced", None, ""),
        ("how often are the suction cups cleaned", "Weekly", "400"),
        ("how often is the toothed belt of the slide encoder replaced", None, ""),
        ("what is the content of register 40005", "Code of the fault", "Start"),
        ("what is the content of register 40008", None, ""),
        ("what is the order number of heater R31", None, ""),
    ],
)
def test_the_value_of_another_variant_is_no_answer(ask, question, right, wrong):
    answer = ask(question, "HP-200")
    if right is None:
        assert answer.status is not AnswerStatus.ANSWERED, answer.text
    else:
        assert right in answer.text and (not wrong or wrong not in answer.text)


def test_the_tag_of_a_pump_is_no_parameter(ask):
    assert "Pressing speed" not in ask("what does pump P2 deliver", "HP-200").text
    assert "Pressing speed" in ask("what is parameter P-02", "HP-200").text


def test_a_row_and_the_passage_that_says_how(ask):
    answer = ask("arm stopped halfway, how do I turn it back with the crank", "HP-200")
    assert "seven turns anticlockwise" in answer.text


def test_an_answer_of_the_manual_is_quoted_to_its_end_and_before_the_last_repair(ask):
    text = ask("the layer falls apart on the pallet, why", "HP-200").text
    assert "steps of 10 %" in text and "fuse F7" not in text
    assert "70 to 60" not in text or text.index("steps of 10 %") < text.index("70 to 60")


def test_a_parameter_described_in_prose_is_how(ask):
    text = ask("How do I set the maximum operating frequency?", "HY-1").text
    assert text.startswith("PD005") and "PD004" not in text


def test_entries_of_a_menu_are_no_steps(ask):
    text = ask("How do I set the baud rate of the serial port?", "HY-1").text
    assert "UartBaud" in text and "Calibrate" not in text


def test_a_spare_part_is_no_way_to_do_something(ask):
    assert "HP-TB-0016" not in ask("how do I take out the toothed belt of the slide encoder, steps", "HP-200").text


MACHINES = ["Dobot", "SERVO57D", "xArm", "HY-inverter", "HP-200", "Press"]


@pytest.mark.parametrize(
    ("text", "machine"),
    [
        ("which port on the Dobot", "Dobot"),
        ("Dobot指令没有反应", "Dobot"),
        ("57D串口默认波特率", "SERVO57D"),
        ("HY变频器不让电机反转", "HY-inverter"),
        ("payload of the xArm 6", "xArm"),
        ("HP-200主泵有异响", "HP-200"),
        ("Press the red button", None),
        ("where is the hy part", None),
    ],
)
def test_names_as_only_names_are_written(text, machine):
    found = find_machine(text, MACHINES)
    assert (found and found[0]) == machine


@pytest.mark.parametrize(
    ("question", "units", "kinds"),
    [
        ("换刀臂电机多少千瓦", {"power"}, {"power"}),
        ("what vacuum should the gripper pull in bar", {"pressure"}, {"pressure"}),
        ("Nm for the suction flange bolts", {"torque"}, {"torque"}),
        ("amp shows AL.33.1", set(), {"current"}),
        ("what pressure does the pump deliver", set(), {"pressure"}),
        ("what torque and speed has the motor", set(), {"torque", "speed"}),
        ("what happens at 3 bar", set(), set()),
    ],
)
def test_units_asked_for(question, units, kinds):
    assert set(units_asked(question)) == units
    assert set(names_of(question)) == kinds
