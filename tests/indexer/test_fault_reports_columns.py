"""Columns of exports found by name and content; what is a work-order export and what is not."""

from __future__ import annotations

import pytest

from indexer.errors import ReadError
from indexer.fault_reports import FIELDS, ColumnMap, looks_like_fault_reports, map_columns
from indexer.fault_reports.names import name_scores, normal_form


def cut(text: str) -> list[list[str]]:
    """Lines of cells parted by "|"; a line that starts with "|" goes on with the one before."""
    return [[cell.strip() for cell in line.split("|")] for line in text.strip().replace("\n|", "|").splitlines()]


SAP = cut("""
Order | Notification | Bas. start date | Functional Loc. | Equipment | Description | Long text
| Damage code text | Cause code text | Object part code text | Malfunctn start | Breakdown | Breakdown dur.
| Total act.costs | Planned costs | User status
4000123 | 10000456 | 05.04.2023 | PL01-PRS-02 | 10023 | Hydraulic pump noisy | Hydraulic pump noisy at start
| Leak | Worn seal | Pump | 04.04.2023 | X | 3,5 | 1.250,00 | 900,00 | CLSD
4000124 | 10000457 | 06.04.2023 | PL01-PRS-02 |  | Press stops |  | Blocked | Dirt | Valve | 06.04.2023 |  | 0,5
| 80,10 | 100,00 | REL
4000125 | 10000458 | 17.04.2023 | PL01-PRS-03 | 10024 | Leaking hose | found at inspection | Leak | Ageing
| Hose | 00.00.0000 |  | 0,0 | 42,00 | 50,00 | REL
""")
GERMAN = cut("""
Auftrag | Meldung | Eckstarttermin | Technischer Platz | Equipment | Kurztext | Ursache | Maßnahme
| Ausfalldauer (Std) | Istkosten
70011 | 12 | 03.05.2024 | W1-L2 | E-77 | Förderband steht | Motor defekt | Motor getauscht | 2,25 | 310,5
70012 | 13 | 04.05.2024 | W1-L2 | E-78 | Band läuft schief | Rolle fest | Rolle ersetzt | 1 | 99,90
""")
MAXIMO = cut("""
WONUM | DESCRIPTION | ASSETNUM | LOCATION | REPORTDATE | FAILURECODE | PROBLEMCODE | CAUSE | REMEDY | ACTLABHRS
| ACTTOTALCOST | STATUS
1001 | Pump 3 seal leaking | P-103 | BLD2 | 2023-04-05 08:15:00 | PUMPS | LEAK | Worn seal | Seal replaced | 2.5
| 420.00 | COMP
1002 | Fan vibrates | F-200 | BLD2 | 2023-04-07 10:00:00 | FANS | VIBRATION | Imbalance | Balanced | 1.0 | 90.00
| COMP
1003 | Pump 3 trips | P-103 | BLD2 | 2023-05-01 01:00:00 | PUMPS | TRIP | Overload | Reset and tested | 0.5
| 15.00 | CLOSE
""")
CHINESE = cut("""
工单号 | 报修时间 | 设备编号 | 设备名称 | 故障部位 | 故障代码 | 故障现象 | 故障原因 | 处理措施 | 停机时间(分钟)
| 维修费用（元） | 备注
WX20230405001 | 2023年4月5日 | HP-200 | 液压机 | 主油泵 | E-207 | 油压不足，主机停机 | 滤芯堵塞 | 更换滤芯 | 210
| ¥420.00 | 已验收
WX20230406002 | 2023年4月6日 | CNC-01 | 加工中心 | 主轴 | A12 | 主轴异响 | 轴承磨损 | 更换轴承 | 90 | 1,300 |
""")


def mapped(table: list[list[str]], **mapping: str) -> tuple[ColumnMap, dict[str, tuple[str, ...]]]:
    columns = map_columns(table[0], table[1:], mapping)
    return columns, {name: columns.columns(name) for name in columns.fields}


def test_sap_columns_are_found_whatever_their_abbreviation() -> None:
    columns, found = mapped(SAP)
    assert found["report_id"] == ("Notification",)
    assert found["date"] == ("Malfunctn start", "Bas. start date")
    assert found["machine"] == ("Equipment", "Functional Loc.")
    assert found["component"] == ("Object part code text",)
    assert found["symptom"] == ("Description", "Long text")
    assert found["cause"] == ("Cause code text",)
    assert found["failure_mode"] == ("Damage code text",)
    assert found["downtime_hours"] == ("Breakdown dur.",)
    assert found["cost"] == ("Total act.costs",)
    assert "Planned costs" in columns.unmapped and "Breakdown" in columns.unmapped
    assert set(columns.decimals.values()) == {","}


def test_german_columns() -> None:
    columns, found = mapped(GERMAN)
    assert found["date"] == ("Eckstarttermin",)
    assert found["machine"][0] == "Equipment"
    assert found["symptom"] == ("Kurztext",)
    assert (found["cause"], found["action"]) == (("Ursache",), ("Maßnahme",))
    assert found["downtime_hours"] == ("Ausfalldauer (Std)",) and columns.downtime_unit == 1.0
    assert found["cost"] == ("Istkosten",)
    assert found["report_id"] == ("Auftrag",)


def test_maximo_columns_and_labour_hours_as_a_named_stand_in() -> None:
    columns, found = mapped(MAXIMO)
    assert found == {
        "report_id": ("WONUM",),
        "date": ("REPORTDATE",),
        "machine": ("ASSETNUM",),
        "symptom": ("DESCRIPTION",),
        "cause": ("CAUSE",),
        "action": ("REMEDY",),
        "failure_mode": ("PROBLEMCODE",),
        "downtime_hours": ("ACTLABHRS",),
        "cost": ("ACTTOTALCOST",),
    }
    assert "FAILURECODE" in columns.unmapped  # classes such as PUMPS, no codes
    assert any("ACTLABHRS" in warning and "stands in" in warning for warning in columns.warnings)


def test_chinese_columns_with_units_in_brackets() -> None:
    columns, found = mapped(CHINESE)
    assert found["report_id"] == ("工单号",)
    assert found["date"] == ("报修时间",)
    assert found["machine"] == ("设备编号", "设备名称")
    assert found["component"] == ("故障部位",)
    assert found["code"] == ("故障代码",)
    assert (found["symptom"], found["cause"], found["action"]) == (("故障现象",), ("故障原因",), ("处理措施",))
    assert found["downtime_hours"] == ("停机时间(分钟)",) and columns.downtime_unit == pytest.approx(1 / 60)
    assert found["cost"] == ("维修费用（元）",)
    assert columns.unmapped == ("备注",)


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("Downtime (min)", 1 / 60),
        ("downtime_hours", 1),
        ("DowntimeMinutes", 1 / 60),
        ("Downtime [days]", 24),
        ("停机时间（小时）", 1),
        ("停机天数", 24),
        ("停机时长/min", 1 / 60),
        ("downtime in h", 1),
    ],
)
def test_downtime_units(header: str, unit: float) -> None:
    columns = map_columns(["Work order", header, "Problem"], [["1", "30", "stuck"], ["2", "45", "torn"]])
    assert columns.columns("downtime_hours") == (header,)
    assert columns.downtime_unit == pytest.approx(unit)
    assert not columns.warnings


def test_a_unit_nowhere_is_said() -> None:
    columns = map_columns(["Work order", "Downtime", "Problem"], [["1", "30", "stuck"], ["2", "45", "torn"]])
    assert columns.downtime_unit == 1.0
    assert "taken as hours" in columns.warnings[0]


def test_a_unit_column_beside_the_downtime_counts() -> None:
    rows = [["1", "30", "MIN", "stuck"], ["2", "45", "MIN", "torn"]]
    assert map_columns(["Order", "Breakdown dur.", "Unit", "Problem"], rows).downtime_unit == pytest.approx(1 / 60)


def test_content_settles_what_the_name_leaves_open() -> None:
    header = ["单号", "停机时间", "故障现象"]
    as_date = map_columns(header, [["A1", "2023-04-05 10:00", "漏油"], ["A2", "2023-04-06 11:30", "异响"]])
    as_hours = map_columns(header, [["A1", "2.5", "漏油"], ["A2", "0.5", "异响"]])
    assert as_date.columns("date") == ("停机时间",) and not as_date.columns("downtime_hours")
    assert as_hours.columns("downtime_hours") == ("停机时间",) and not as_hours.columns("date")
    # A start date full of "0/1/00" loses to the one with dates; an empty cost column to the filled one.
    header = ["ActStartDate", "Basic start date", "Total cost", "Actual total cost", "ShortText"]
    rows = [["0/1/00", "13/09/2001", "", "200", "light out"], ["0/1/00", "28/02/2006", "", "300", "hose torn"]]
    columns = map_columns(header, rows)
    assert columns.columns("date") == ("Basic start date",)
    assert columns.columns("cost") == ("Actual total cost",)


def test_planned_and_foreign_dates_are_no_record_date() -> None:
    rows = [["1", "2024-01-01", "2024-02-02", "seal torn"], ["2", "2024-01-09", "2024-02-03", "belt loose"]]
    columns = map_columns(["Work order", "Next due date", "Date of failure", "Problem"], rows)
    assert columns.columns("date") == ("Date of failure",)


def test_misspelt_and_unknown_headers() -> None:
    rows = [["1", "2024-01-01", "the conveyor belt ran off its roller"], ["2", "2024-01-09", "gearbox hot and loud"]]
    columns = map_columns(["Wrok order", "wann", "freier Bericht"], rows)
    assert columns.columns("report_id") == ("Wrok order",)
    assert columns.columns("date") == ("wann",)
    assert columns.columns("symptom") == ("freier Bericht",)
    assert len(columns.warnings) == 2 and all("is taken for" in warning for warning in columns.warnings)


def test_tails_of_longer_names_do_not_mislead() -> None:
    assert "report_id" not in name_scores("Work Order Type")
    assert "report_id" not in name_scores("User ID")
    assert "symptom" not in name_scores("Work centre description")
    assert "code" not in name_scores("Cause code")
    assert normal_form("BscStartDate") == "bsc start date"
    assert normal_form("Date of the failure (local)") == "failure date"


def test_an_explicit_mapping_beats_every_guess() -> None:
    columns, found = mapped(MAXIMO, machine="location", symptom="DESCRIPTION", downtime_hours="")
    assert found["machine"] == ("LOCATION",)
    assert "downtime_hours" not in found and not columns.warnings


def test_mapping_errors_list_the_choices() -> None:
    with pytest.raises(ReadError, match="unknown field 'machin'") as unknown:
        map_columns(MAXIMO[0], MAXIMO[1:], {"machin": "ASSETNUM"})
    assert all(name in unknown.value.reason for name in FIELDS)
    with pytest.raises(ReadError, match="'ASSET NUMBER' for machine") as missing:
        map_columns(MAXIMO[0], MAXIMO[1:], {"machine": "ASSET NUMBER"})
    assert "ASSETNUM" in missing.value.reason and "\n" not in missing.value.reason


def test_repeated_and_empty_column_names_stay_apart() -> None:
    columns = map_columns(["", "Description", "Description"], [["1", "a", "b"]])
    assert columns.header == ("column 1", "Description", "Description (2)")


@pytest.mark.parametrize("table", [SAP, GERMAN, MAXIMO, CHINESE], ids=["sap", "german", "maximo", "chinese"])
def test_exports_are_recognised(table: list[list[str]]) -> None:
    assert looks_like_fault_reports(table[0], table[1:])


RECORDS = {
    "numbered problems and actions": [
        ["IDENT", "PROBLEM", "ACTION"],
        *[[str(200001 + i), f"Cylinder {i} leaking oil", "REMOVED AND REPLACED GASKET"] for i in range(30)],
    ],
    "shift log": [
        ["Date", "Machine", "Problem", "Action taken", "Downtime (min)"],
        ["03/04/2023", "Press 2", "Light curtain tripped", "Cleaned lens", "12"],
        ["05/04/2023", "Press 4", "Oil leak at ram", "New seal fitted", "95"],
    ],
    "dated alarm history": [
        ["发生时间", "设备", "报警代码", "故障描述"],
        ["2024/3/1 08:12", "3号注塑机", "E-201", "料筒温度过高"],
        ["2024/3/2 09:40", "3号注塑机", "E-105", "安全门未关闭"],
    ],
}
OTHERS = {
    "alarm table": [
        ["Alarm code", "Meaning", "Cause", "Remedy"],
        ["E-207", "Oil pressure low", "Filter clogged", "Replace the filter"],
        ["E-208", "Oil too hot", "Cooler dirty", "Clean the cooler"],
    ],
    "alarm table with ids": [
        ["Fault ID", "Description", "Cause", "Action"],
        *[[str(2310 + i), f"Motor phase {i} overcurrent", "Load too high", "Check motor load"] for i in range(20)],
    ],
    "chinese alarm table": [
        ["故障代码", "故障名称", "故障原因", "处理措施"],
        ["E001", "过流", "加速时间过短", "延长加速时间"],
        ["E002", "过压", "输入电压过高", "检查电源"],
    ],
    "troubleshooting list": [
        ["No.", "Problem", "Cause", "Solution"],
        *[[str(i), f"The machine does not start {i}", "No power", "Switch on the main switch"] for i in range(1, 20)],
    ],
    "german message list": [
        ["Meldung", "Text", "Ursache", "Abhilfe"],
        *[[str(1000 + i), f"Achse {i} nicht referenziert", "Geber defekt", "Geber prüfen"] for i in range(20)],
    ],
    "parameter list": [
        ["Parameter", "Name", "Range", "Default", "Unit"],
        ["P0.01", "Acceleration time", "0-600", "10", "s"],
        ["P0.02", "Deceleration time", "0-600", "10", "s"],
    ],
    "fmea": [
        ["Component", "Failure Mode", "Effect of failure", "Severity", "Occurrence", "Detection", "RPN", "Action"],
        ["Pump", "Leak", "Loss of oil in the system", "4", "2", "3", "24", "Inspect seal weekly"],
    ],
    "chinese fmea": [
        ["部件", "失效模式", "失效影响", "严重度", "频度", "探测度", "故障原因", "措施", "日期"],
        ["油泵", "泄漏", "系统失压导致停机", "8", "3", "4", "密封老化", "每周检查密封", "2023-04-05"],
    ],
    "questions": [
        ["question_id", "question", "answer"],
        ["266", "How do I reset the machine after an alarm?", "Press the reset key for three seconds."],
    ],
    "revision history": [
        ["Date", "Version", "Description"],
        ["2023-04-05", "1.0", "First issue of this machine manual"],
        ["2023-09-01", "1.1", "Chapter on maintenance added"],
    ],
    "maintenance schedule": [
        ["Equipment", "Task description", "Interval", "Next due date"],
        ["Press 2", "Grease the main bearing", "500 h", "2024-05-01"],
        ["Press 3", "Change the hydraulic oil", "2000 h", "2024-06-01"],
    ],
    "sales orders": [
        ["Order number", "Date", "Customer", "Description", "Amount"],
        ["10001", "2023-04-05", "Miller Ltd", "Box of ball pens, blue", "12.50"],
        ["10002", "2023-04-06", "Smith Inc", "Paper, white, 500 sheets", "6.20"],
    ],
    "sensor log": [
        ["timestamp", "machine", "temperature", "pressure"],
        ["2023-04-05 08:00", "P-103", "44.1", "2.2"],
        ["2023-04-05 08:01", "P-103", "44.3", "2.2"],
    ],
    "parts list": [
        ["Item", "Part number", "Description", "Qty"],
        ["1", "4711-01", "Hexagon socket screw M6x20", "8"],
        ["2", "4711-02", "O-ring 20x2 NBR", "2"],
    ],
}


@pytest.mark.parametrize("name", RECORDS)
def test_records_of_work_are_recognised(name: str) -> None:
    assert looks_like_fault_reports(RECORDS[name][0], RECORDS[name][1:])


@pytest.mark.parametrize("name", OTHERS)
def test_other_tables_are_not(name: str) -> None:
    assert not looks_like_fault_reports(OTHERS[name][0], OTHERS[name][1:])


def test_an_empty_table_is_no_export() -> None:
    assert not looks_like_fault_reports([], [])
    assert not looks_like_fault_reports(SAP[0], [])
