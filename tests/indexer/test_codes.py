"""Codes: found where documents define them, and reached by every way operators write them."""

import sqlite3

import pytest

from indexer import code_registry
from indexer.code_registry import CodeRegistry
from indexer.codes import candidates, code_columns, line_definition, mentions, normal_forms, row_definitions, split_cell
from indexer.types import CodeEntry


def entry(code, context="alarm list", title="", forms=(), machine=None, definition=True):
    return CodeEntry(code, forms, context, title, f"{context}/{code}", context, 1, machine, definition)


@pytest.fixture
def registry():
    connection = sqlite3.connect(":memory:")
    code_registry.create_schema(connection)
    code_registry.insert_entries(
        connection,
        [
            entry("E-207", "press alarms", "spindle overheat"),
            entry("F-207", "press alarms", "coolant low"),
            entry("SRVO-062", "servo alarms", "BZAL"),
            entry("AL.52.1", "amplifier alarms", "deviation"),
            entry("F0.3", "parameters", "maximum frequency"),
            entry("F03", "drive faults", "overcurrent"),
            entry("6ES7 315-2AG10", "spare parts", "controller"),
            entry("P0301", "engine faults", "misfire"),
            entry("0x1A", "modbus exceptions", "illegal value"),
            entry("4", "alarm codes Alarm Code", "probe fail"),
            entry("4", "error codes Error Code", "homing not enabled"),
            entry("4", "setting codes $-Code Setting", "step enable invert", forms=("$4",)),
            entry("10", "Servo Code Map", "current detection"),
            entry("10", "Gripper Error Code Map", "gripper current"),
            entry("Err01", "变频器故障", "逆变单元保护"),
            entry("8752", "servo alarm id", "hardware overcurrent"),
            entry("P0-15", "参数", "载波频率"),
        ],
    )
    return CodeRegistry(connection)


@pytest.mark.parametrize(
    ("question", "code", "title"),
    [
        ("what does E207 mean", "E-207", "spindle overheat"),
        ("E-207", "E-207", "spindle overheat"),
        ("e 207 on the press", "E-207", "spindle overheat"),
        ("Err 207?", "E-207", "spindle overheat"),
        ("alarm 207", "E-207", "spindle overheat"),
        ("报警207怎么处理", "E-207", "spindle overheat"),
        ("207号报警", "E-207", "spindle overheat"),
        ("SRVO-062", "SRVO-062", "BZAL"),
        ("srvo 062", "SRVO-062", "BZAL"),
        ("srvo62", "SRVO-062", "BZAL"),
        ("AL.52.1", "AL.52.1", "deviation"),
        ("al 52.1", "AL.52.1", "deviation"),
        ("F0.3", "F0.3", "maximum frequency"),
        ("F03", "F03", "overcurrent"),
        ("replace 6es7315-2ag10", "6ES7 315-2AG10", "controller"),
        ("6ES7 315-2AG10", "6ES7 315-2AG10", "controller"),
        ("P0301 misfire", "P0301", "misfire"),
        ("0x1a", "0x1A", "illegal value"),
        ("alarm:4", "4", "probe fail"),
        ("error 4", "4", "homing not enabled"),
        ("$4", "4", "step enable invert"),
        ("servo error 10", "10", "current detection"),
        ("gripper error 10", "10", "gripper current"),
        ("what does error S10 mean", "10", "current detection"),
        ("G10 error", "10", "gripper current"),
        ("Err1", "Err01", "逆变单元保护"),
        ("故障代码01", "Err01", "逆变单元保护"),
        ("0x2230", "8752", "hardware overcurrent"),
        ("p0.15 是什么", "P0-15", "载波频率"),
        ("P015", "P0-15", "载波频率"),
    ],
)
def test_every_writing_reaches_the_row(registry, question, code, title):
    first = registry.lookup(question)[0].entry
    assert (first.code, first.title) == (code, title)


@pytest.mark.parametrize(
    "question", ["how do I connect HDMI 4", "step 10 of the list", "30 Nm torque", "E-3", "page 4"]
)
def test_numbers_that_are_no_codes_match_nothing(registry, question):
    assert registry.lookup(question) == []


@pytest.mark.parametrize(
    ("question", "suggested"),
    [("E-270", "E-207"), ("SRVO-063", "SRVO-062"), ("AL.52.2", "AL.52.1"), ("P0302", "P0301"), ("SRV-062", "SRVO-062")],
)
def test_a_slip_of_one_character_is_offered(registry, question, suggested):
    assert registry.lookup(question) == []
    assert suggested in [code for _, code in registry.suggest(question)]


def test_no_suggestion_for_an_existing_code_or_a_far_one(registry):
    assert registry.suggest("E-207") == []
    assert registry.suggest("XK-9911") == []
    assert registry.unknown("XK-9911 and E-207") == ["XK-9911"]


def test_machine_limits_the_look_up():
    connection = sqlite3.connect(":memory:")
    code_registry.create_schema(connection)
    code_registry.insert_entries(
        connection, [entry("E-1", "a", "one", machine="A"), entry("E-1", "b", "two", machine="B")]
    )
    registry = CodeRegistry(connection)
    assert {m.entry.title for m in registry.lookup("E1")} == {"one", "two"}
    assert [m.entry.title for m in registry.lookup("E1", machine="B")] == ["two"]


def test_deleting_a_document_takes_its_codes_and_keys():
    connection = sqlite3.connect(":memory:")
    code_registry.create_schema(connection)
    code_registry.insert_entries(connection, [entry("E-1", "a"), entry("E-2", "b")])
    code_registry.delete_document(connection, "a")
    registry = CodeRegistry(connection)
    assert registry.lookup("E-1") == [] and registry.lookup("E-2")
    assert connection.execute("SELECT COUNT(*) FROM code_keys WHERE entry = 1").fetchone() == (0,)


def test_code_columns_of_tables():
    assert code_columns(("Code", "Meaning"), [("E-201", "hot"), ("E-202", "low")], "") == [0]
    assert code_columns(("名称", "面板显示", "原因"), [("过流", "Err02", "短路"), ("过压", "Err05", "电压高")], "") == [
        1
    ]
    assert code_columns(("id", "level", "text"), [("16", "5", "a"), ("17", "5", "b"), ("18", "4", "c")], "alarms") == [
        0
    ]
    assert code_columns(("Fluid", "Volume"), [("Oil", "3 l"), ("Water", "4 l")], "capacities") == []
    assert code_columns(("Panel display", "Cause"), [("OC", "short"), ("LU", "low")], "") == [0]
    assert code_columns(("Step", "Torque"), [("1", "30 Nm"), ("2", "45 Nm")], "tightening") == []


def test_a_row_defines_each_of_its_codes():
    found = row_definitions(("Code", "Meaning"), ("E01/E02", "overload"), [0])
    assert [(f.code, f.title) for f in found] == [("E01", "overload"), ("E02", "overload")]
    assert split_cell("6ES7 315-2AG10") == ["6ES7 315-2AG10"]
    assert split_cell("P0 - 22 P0 - 23") == ["P0-22", "P0-23"]
    assert split_cell("PD148-PD 149") == ["PD148", "PD 149"]
    assert split_cell("Err27~Err31") == ["Err27", "Err31"]
    assert split_cell("P0 - 22 P0 - 23") == ["P0-22", "P0-23"]
    assert split_cell("PD148-PD 149") == ["PD148", "PD 149"]
    assert split_cell("Err27~Err31") == ["Err27", "Err31"]
    assert row_definitions(("$-Code", "Setting"), ("5", "invert"), [0])[0].forms == ("$5",)


@pytest.mark.parametrize(
    ("line", "context", "code"),
    [
        ("E-207: spindle overheat", "Alarm messages", "E-207"),
        ("- -12: application exception", "API Code", "-12"),
        ("3: soft limit", "Error codes", "3"),
        ("Err14：模块过热", "故障代码", "Err14"),
        ("1. Press the button", "Error codes", None),
        ("3.2 Power supply", "Error codes", None),
        ("HP-200 Hydraulic press manual", "Parameters", None),
        ("24 V: supply", "Error codes", None),
        ("E-207: spindle overheat", "Weekly notes", None),
    ],
)
def test_lines_that_define_a_code(line, context, code):
    found = line_definition(line, context)
    assert (found.code if found else None) == code


def test_mentions_in_running_text():
    assert mentions("After E-207 set P0.15 and part 6ES7 315-2AG10.") == ["E-207", "P0.15", "6ES7 315-2AG10"]


def test_normal_forms_keep_different_codes_apart():
    assert not set(normal_forms("F0.3").keys[2]) & set(normal_forms("F03").keys[2])
    assert normal_forms("-12").keys[1] != normal_forms("12").keys[1]


def test_candidates_join_neighbours():
    assert "6ES7 315-2AG10" in [c.written for c in candidates("order 6ES7 315-2AG10 now")]


@pytest.mark.parametrize(
    "question",
    [
        "How do I flash the SKR MINI E3?",
        "Creality Ender V2 belt tension",
        "the Galaxy S20 does not charge",
        "固件 SKR MINI E3 怎么刷",
    ],
)
def test_the_end_of_a_products_name_is_no_code_for_sure(question):
    assert not any(found.strong for found in candidates(question))


@pytest.mark.parametrize(
    "question",
    [
        "What does E3 mean?",
        "Press E207",
        "HP E3 error",
        "fault E3 on the Ender",
        "显示E3",
        "Servo Alarm E-207",
        "SPINDLE DRIVE E-207 WHAT NOW",
    ],
)
def test_a_code_is_one_where_the_question_asks_for_one(question):
    assert any(found.strong for found in candidates(question))


@pytest.mark.parametrize(
    ("question", "written"),
    [
        ("sdk call gives me -8", "-8"),
        ("move_line returned -9, why", "-9"),
        ("指令返回了-3", "-3"),
        ("换完驱动器报13184，线接反了？", "13184"),
        ("the servo throws 12816", "12816"),
    ],
)
def test_what_a_call_returns_or_a_drive_reports_is_a_code(question, written):
    assert written in [found.written for found in candidates(question)]


def test_a_letter_before_a_number_at_the_head_of_a_question_may_be_a_tables():
    assert [found.initial for found in candidates("C22 self collision keeps coming back")] == ["C"]


@pytest.mark.parametrize("question", ["error C26", "what does X10 mean", "Which bearing is S10?"])
def test_a_letter_is_no_table_and_no_hexadecimal_number_by_itself(registry, question):
    """0x1A is 26, and there are tables of servo and gripper faults with a 10."""
    assert not registry.lookup(question)
