"""Cells, rows and texts of fault reports."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator

import pytest

from indexer.fault_reports import Problems, map_columns, parse_reports, report_text
from indexer.fault_reports.values import clean, parse_date, parse_hours, parse_number, vote_decimal
from indexer.types import FaultReport

HEADER = ["Work order", "Date", "Machine", "Problem", "Action", "Downtime (min)", "Cost", "Remarks"]


def read(header: list[str], rows: list[list[str]], **mapping: str) -> tuple[list[FaultReport], tuple[str, ...]]:
    columns = map_columns(header, rows, mapping)
    problems = Problems(list(columns.warnings))
    return list(parse_reports(rows, columns, problems)), problems.lines()


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2023-04-05", "2023-04-05"),
        ("2023/4/5 8:15", "2023-04-05"),
        ("2023-04-05T08:15:00Z", "2023-04-05"),
        ("2023-04-05 08:15:00.000", "2023-04-05"),
        ("2023-04-05T08:15:00+08:00", "2023-04-05"),
        ("20230405", "2023-04-05"),
        ("2023年4月5日", "2023-04-05"),
        ("2023年04月05日 下午3时20分", "2023-04-05"),
        ("5/4/2023", "2023-04-05"),
        ("05.04.23", "2023-04-05"),
        ("12/25/2023", "2023-12-25"),
        ("5-Apr-2023", "2023-04-05"),
        ("Apr 5, 2023 3:15 PM", "2023-04-05"),
        ("Wed 5 April 2023", "2023-04-05"),
        ("3. März 2023", "2023-03-03"),
        ("45021", "2023-04-05"),
        ("45021.75", "2023-04-05"),
        ("1680652800", "2023-04-05"),
        ("31/02/2020", None),
        ("0/1/00", None),
        ("2023-04-05 pump leaks", None),
        ("PM01", None),
        ("12", None),
        ("E-207", None),
        ("3 seal 2023", None),
    ],
)
def test_dates(text: str, iso: str | None) -> None:
    assert parse_date(text) == iso


def test_blanks_between_day_and_time_cost_nothing() -> None:
    assert parse_date("2024-03-05" + " " * 2_000 + "14:30") == "2024-03-05"
    assert parse_date("2024-03-05" + " " * 2_000 + "?") is None


def test_month_first_dates() -> None:
    assert parse_date("4/5/2023", "mdy") == "2023-04-05"
    assert parse_date("25/12/2023", "mdy") == "2023-12-25"
    assert parse_date("05.04.2023", "mdy") == "2023-04-05"  # dots are always day first


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("420", 420),
        ("1,234.56", 1234.56),
        ("1.234,56", 1234.56),
        ("1 234,5", 1234.5),
        ("$ 1,200", 1200),
        ("1,200 EUR", 1200),
        ("¥3,200.00", 3200),
        ("1.2万元", 12000),
        ("12.50-", -12.5),
        ("(12.50)", -12.5),
        ("-3", -3),
        (".5", 0.5),
        ("1.234.567", 1234567),
        ("1e3", 1000),
        ("PM01", None),
        ("see invoice", None),
        ("12/5", None),
        ("3 pumps", None),
    ],
)
def test_numbers(text: str, number: float | None) -> None:
    assert parse_number(text) == (None if number is None else pytest.approx(number))


def test_the_decimal_mark_is_the_columns() -> None:
    assert vote_decimal(["1.250", "80,10", "99,9"]) == ","
    assert parse_number("1.250", ",") == 1250
    assert parse_number("1.250", ".") == 1.25
    assert vote_decimal(["12", "1,250"]) == "."


@pytest.mark.parametrize(
    ("text", "unit", "hours"),
    [
        ("90", 1 / 60, 1.5),
        ("2", 24, 48),
        ("3:30", 1, 3.5),
        ("1:30:00", 1 / 60, 1.5),
        ("45 min", 1, 0.75),
        ("2h 30m", 1, 2.5),
        ("2小时30分钟", 1, 2.5),
        ("1.5天", 1, 36),
        ("half a day", 1, None),
        ("3 bolts", 1, None),
    ],
)
def test_durations(text: str, unit: float, hours: float | None) -> None:
    assert parse_hours(text, unit) == (None if hours is None else pytest.approx(hours))


@pytest.mark.parametrize("text", ["", "  ", "-", "N/A", "n/a", "None", "Removed", "无", "—", "#N/A", "\u00a0"])
def test_placeholders_are_nothing(text: str) -> None:
    assert clean(text) is None


def test_removed_is_a_repair_in_an_action_column() -> None:
    reports, _ = read(
        ["Work order", "Problem", "Action"], [["1", "Removed", "Removed"], ["2", "Guard  rattles\n", "Replaced"]]
    )
    assert (reports[0].symptom, reports[0].action) == (None, "Removed")
    assert reports[1].symptom == "Guard rattles"


def test_a_row_becomes_a_report_and_nothing_is_lost() -> None:
    rows = [
        ["WO-1", "13/04/2023", "P-103", "Seal leaks", "Seal replaced", "210", "$420.00", "night shift"],
        ["WO-2", "02/05/2023", "P-104", "Trips", "N/A", "unclear", "see invoice", "-"],
        ["", "", "", "", "", "", "", ""],
        ["", "31/02/2023", "P-104", "Trips again", "Reset", "", "", "", "surplus"],
    ]
    reports, lines = read(HEADER, rows)
    assert reports[0] == FaultReport(
        "WO-1", "2023-04-13", "P-103", None, None, "Seal leaks", None, "Seal replaced",
        None, 3.5, 420.0, 1, {"Remarks": "night shift"},
    )  # fmt: skip
    assert reports[1].date == "2023-05-02" and reports[1].action is None
    assert (reports[1].downtime_hours, reports[1].cost) == (None, None)
    assert reports[1].extra == {"Downtime (min)": "unclear", "Cost": "see invoice"}
    assert [report.row for report in reports] == [1, 2, 4]
    assert reports[2].report_id == "row-4"
    assert reports[2].extra == {"Date": "31/02/2023", "column 9": "surplus"}
    assert sum(line.startswith("row 2:") for line in lines) == 2
    assert sum(line.startswith("row 4:") for line in lines) == 2


def test_day_or_month_first_is_decided_by_the_column() -> None:
    header = ["Work order", "Date", "Problem"]
    month_first, lines = read(header, [["1", "4/5/2023", "leak"], ["2", "12/25/2023", "noise"]])
    assert [report.date for report in month_first] == ["2023-04-05", "2023-12-25"] and not lines
    day_first, lines = read(header, [["1", "4/5/2023", "leak"], ["2", "25/12/2023", "noise"]])
    assert [report.date for report in day_first] == ["2023-05-04", "2023-12-25"] and not lines


def test_ambiguous_dates_are_day_first_and_said() -> None:
    reports, lines = read(["Work order", "Date", "Problem"], [["1", "4/5/2023", "leak"], ["2", "6/7/2023", "noise"]])
    assert [report.date for report in reports] == ["2023-05-04", "2023-07-06"]
    assert len(lines) == 1 and "day first" in lines[0] and "'Date'" in lines[0]


def test_rows_after_the_sample_still_decide_the_order() -> None:
    sample = [[str(i), "4/5/2023", "leak"] for i in range(600)]
    columns = map_columns(["Work order", "Date", "Problem"], sample[:500])
    problems = Problems()
    reports = list(parse_reports([*sample, ["x", "4/25/2023", "leak"]], columns, problems))
    assert {report.date for report in reports} == {"2023-04-05", "2023-04-25"}
    assert not problems.lines()


def test_a_date_in_the_other_order_is_told() -> None:
    rows = [["1", "14/5/2023", "leak"], ["2", "15/7/2023", "noise"], ["3", "4/25/2023", "noise"]]
    columns = map_columns(["Work order", "Date", "Problem"], rows[:2])
    problems = Problems()
    reports = list(parse_reports(rows, columns, problems))
    assert reports[2].date == "2023-04-25"
    assert len(problems) == 1 and problems.lines()[0].startswith("row 3: '4/25/2023'")


def test_second_date_and_machine_columns_fill_gaps() -> None:
    header = ["Order", "Malfunction start", "Created on", "Equipment", "Functional Loc.", "Description"]
    rows = [
        ["1", "00.00.0000", "05.04.2023", "", "PL01-PRS", "noisy"],
        ["2", "06.04.2023", "07.04.2023", "E-1", "PL01-PRS", "stuck"],
        ["3", "08.04.2023", "09.04.2023", "E-2", "PL01-CUT", "torn"],
    ]
    reports, _ = read(header, rows)
    assert [(report.date, report.machine) for report in reports] == [
        ("2023-04-05", "PL01-PRS"),
        ("2023-04-06", "E-1"),
        ("2023-04-08", "E-2"),
    ]
    assert reports[0].extra == {}
    assert reports[1].extra == {"Created on": "07.04.2023", "Functional Loc.": "PL01-PRS"}


def test_several_text_columns_are_joined_without_repeating() -> None:
    header = ["Order", "Short text", "Long text", "故障原因", "原因分析"]
    rows = [
        ["1", "Pump noisy", "Pump noisy since the last oil change", "堵塞", "滤芯未按期更换"],
        ["2", "Fan stops", "Motor hot", "", "过载"],
    ]
    reports, _ = read(header, rows)
    assert reports[0].symptom == "Pump noisy since the last oil change"
    assert reports[0].cause == "堵塞；滤芯未按期更换"
    assert (reports[1].symptom, reports[1].cause) == ("Fan stops; Motor hot", "过载")


def test_problems_stay_few_however_many_rows_are_bad() -> None:
    columns = map_columns(["Work order", "Date", "Problem"], [["1", "2023-04-05", "leak"], ["2", "2023-04-06", "x"]])
    problems = Problems()
    reports = list(parse_reports((["1", "soon", "leak"] for _ in range(3000)), columns, problems))
    assert len(reports) == 3000 and all(report.extra == {"Date": "soon"} for report in reports)
    assert len(problems) == 3000
    assert len(problems.lines()) == 21 and problems.lines()[-1].startswith("2980 more rows")


def test_twenty_thousand_rows_stream_in_bounded_memory() -> None:
    sample = [["WO-0", "2023-04-05", "P-1", "leak", "sealed", "30", "4.5", ""]] * 50
    columns = map_columns(HEADER, sample)

    def rows() -> Iterator[list[str]]:
        for number in range(20_000):
            yield [f"WO-{number}", "13/04/2023", "P-1", f"leak {number} " + "x" * 400, "sealed", "30", "4.5", ""]

    stream = parse_reports(rows(), columns)
    first = next(stream)  # the look-ahead is held now
    tracemalloc.start()
    hours = first.downtime_hours or 0.0
    count = 1
    for report in stream:
        count += 1
        hours += report.downtime_hours or 0.0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (count, hours) == (20_000, 10_000)
    assert peak < 2_000_000


def test_english_text() -> None:
    report = FaultReport(
        "WO-77", "2023-04-05", "HP-200", "Hydraulic pump", "E-207", "No pressure", "Clogged filter", "Filter replaced",
        None, 3.5, 420.0, 1,
        {"Status": "CLSD", "Shift": "night shift", "Link": "https://x.y", "System": "hydraulic pump"},
    )  # fmt: skip
    assert report_text(report) == (
        "2023-04-05 | HP-200 | Hydraulic pump | E-207 | Work order WO-77\n"
        "Symptom: No pressure\nCause: Clogged filter\nAction: Filter replaced\n"
        "Downtime: 3.5 h; cost: 420\n"
        "Status: CLSD; Shift: night shift"
    )


def test_chinese_text() -> None:
    report = FaultReport(
        "row-1", None, "HP-200", "主油泵", "E-207", "油压不足", "滤芯堵塞", "更换滤芯", None, 3.5,
        None, 1, {"班组": "夜班"},
    )  # fmt: skip
    assert report_text(report) == (
        "HP-200 | 主油泵 | E-207\n现象：油压不足\n原因：滤芯堵塞\n处理：更换滤芯\n停机：3.5 小时\n班组：夜班"
    )


def test_many_extra_columns_do_not_swell_the_text() -> None:
    extra = {f"Remark {number}": f"some words about nothing in particular {number}" for number in range(40)}
    report = FaultReport("row-1", "2023-04-05", "P-1", None, None, "leak", None, None, extra=extra)
    assert len(report_text(report)) < 250
    assert report_text(FaultReport("row-2", None, None, None, None, None, None, None)) == ""


def test_reports_are_lazy() -> None:
    columns = map_columns(HEADER, [["1", "2023-04-05", "P-1", "leak", "sealed", "30", "4.5", ""]] * 3)
    endless = itertools.repeat(["1", "13/04/2023", "P-1", "leak", "sealed", "30", "4.5", ""])
    assert [report.row for report in itertools.islice(parse_reports(endless, columns), 3)] == [1, 2, 3]
