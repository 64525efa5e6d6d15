"""Export files in their formats and encodings."""

from __future__ import annotations

import codecs
import csv
import datetime
import json
import tracemalloc
from pathlib import Path

import pytest

from indexer.errors import ReadError
from indexer.fault_reports import open_export, read_reports
from indexer.fault_reports.exports import MAX_CELL

HEADER = ["工单号", "日期", "设备", "故障现象", "处理措施", "停机时间(分钟)"]
ROWS = [
    ["WX1", "2023-04-05", "HP-200", "油压不足，主机停机", "更换滤芯", "210"],
    ["WX2", "2023-04-06", "HP-201", "主轴异响", "更换轴承", "90"],
    ["WX3", "2023-04-07", "HP-201", "漏油", "更换密封圈", "30"],
]


def write(path: Path, rows: list[list[str]], encoding: str = "utf-8", delimiter: str = ",") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def load(path: Path) -> tuple[list[str], list[list[str]]]:
    header, rows = open_export(path)
    return header, list(rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encodings_and_delimiters(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = write(tmp_path / "export.csv", [HEADER, *ROWS], encoding, delimiter)
    assert load(path) == (HEADER, ROWS)


def test_umlauts_in_a_windows_encoding(tmp_path: Path) -> None:
    rows = [["Auftrag", "Kurztext", "Maßnahme"], ["1", "Förderband läuft für Schicht", "Öl geprüft"], ["2", "Tür"]]
    assert load(write(tmp_path / "sap.csv", rows, "cp1252", ";")) == (rows[0], [rows[1], ["2", "Tür", ""]])


def test_utf16_tab_separated_with_mark_as_excel_saves_it(tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    text = "\r\n".join("\t".join(row) for row in [HEADER, *ROWS])
    path.write_bytes(codecs.BOM_UTF16_LE + text.encode("utf-16-le"))
    assert load(path) == (HEADER, ROWS)


def test_ragged_rows_quoted_newlines_and_commas(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(
        'WO,Date,Problem,Action\n1,2023-04-05,"leak at\nflange, left",sealed\n2,2023-04-06,noise\n'
        "3,2023-04-07,hot,cleaned,more\n4,2023-04-08,torn,replaced,,\n\n",
        encoding="utf-8",
    )
    header, rows = load(path)
    assert header == ["WO", "Date", "Problem", "Action"]
    assert rows[0] == ["1", "2023-04-05", "leak at\nflange, left", "sealed"]
    assert rows[1] == ["2", "2023-04-06", "noise", ""]
    assert rows[2] == ["3", "2023-04-07", "hot", "cleaned", "more"]
    assert rows[3] == ["4", "2023-04-08", "torn", "replaced"]


def test_titles_above_the_header_and_rules_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(
        "Order list of plant 1\nPrinted 05.04.2023\n\n| Order | Bas. start | Description |\n|------|-------|-------|\n"
        "| 40001 | 05.04.2023 | Pump noisy |\n| 40002 | 06.04.2023 | Hose torn |\n| 40003 | 07.04.2023 | Fan hot |\n",
        encoding="utf-8",
    )
    header, rows = load(path)
    assert header == ["", "Order", "Bas. start", "Description"]
    assert [row[1].strip() for row in rows] == ["40001", "40002", "40003"]
    reports = list(read_reports(path).reports)
    assert [(report.report_id, report.date, report.symptom) for report in reports][1] == (
        "40002",
        "2023-04-06",
        "Hose torn",
    )


def test_a_monstrous_cell_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("WO,Problem\n1,ok\n2,ok\n" + "3,ok\n" * 200)
        file.write('4,"' + "x" * (MAX_CELL + 10) + '"\n')
    _, rows = open_export(path)
    with pytest.raises(ReadError, match="cell is longer than"):
        list(rows)
    big = "y" * (MAX_CELL // 2)
    fine = write(tmp_path / "fine.csv", [["WO", "Problem"], ["1", big], ["2", "ok"]])
    assert load(fine)[1][0] == ["1", big]


def test_workbook_with_titles_dates_and_a_better_second_sheet(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = "Legend"
    for row in [["Code", "Meaning"], ["A", "open"], ["B", "closed"]]:
        book.active.append(row)
    sheet = book.create_sheet("Orders")
    sheet.append(["Work orders of plant 1"])
    sheet.append([])
    sheet.append(["Work order", "Date", "Machine", "Problem", "Action", "Downtime (h)", "Cost", None])
    sheet.append([1001, datetime.datetime(2023, 4, 5), "P-1", "leak", "sealed", datetime.timedelta(hours=1.5), 12.5])
    sheet.append([1002, datetime.datetime(2023, 4, 6, 8, 30), "P-2", None, "sealed", 2, 1e3])
    book.save(tmp_path / "book.xlsx")
    header, rows = load(tmp_path / "book.xlsx")
    assert header == ["Work order", "Date", "Machine", "Problem", "Action", "Downtime (h)", "Cost"]
    assert rows == [
        ["1001", "2023-04-05", "P-1", "leak", "sealed", "1:30:00", "12.5"],
        ["1002", "2023-04-06 08:30:00", "P-2", "", "sealed", "2", "1000"],
    ]
    reports = list(read_reports(tmp_path / "book.xlsx").reports)
    assert [(report.date, report.downtime_hours, report.cost) for report in reports] == [
        ("2023-04-05", 1.5, 12.5),
        ("2023-04-06", 2.0, 1000.0),
    ]


def test_json_lines_lists_and_wrapped_lists(tmp_path: Path) -> None:
    records = [
        {"工单号": "WX1", "故障现象": "漏油", "asset": {"id": 7, "name": "压机"}, "标签": ["油", "泵"]},
        {"工单号": "WX2", "故障现象": "异响", "late": 2.0, "done": True, "none": None},
    ]
    header = ["工单号", "故障现象", "asset.id", "asset.name", "标签", "late", "done", "none"]
    expected = [["WX1", "漏油", "7", "压机", "油; 泵", "", "", ""], ["WX2", "异响", "", "", "", "2", "TRUE", ""]]
    lines = tmp_path / "a.jsonl"
    lines.write_text("\n".join(json.dumps(record, ensure_ascii=False) for record in records), encoding="utf-8")
    plain = tmp_path / "b.json"
    plain.write_text(json.dumps(records, indent=2, ensure_ascii=False), encoding="gb18030")
    wrapped = tmp_path / "c.json"
    wrapped.write_text(json.dumps({"total": 2, "items": records}), encoding="utf-8-sig")
    for path in (lines, plain, wrapped):
        assert load(path) == (header, expected), path.name


def test_json_records_across_read_blocks(tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    path.write_text(json.dumps([{"id": number, "text": "x" * (number % 3000)} for number in range(500)]))
    rows = load(path)[1]
    assert [int(row[0]) for row in rows] == list(range(500))
    assert [len(row[1]) for row in rows] == [number % 3000 for number in range(500)]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("old.xls", b"\xd0\xcf\x11\xe0", "save it as .xlsx"),
        ("bad.xlsx", b"no zip at all", "no readable Excel"),
        ("empty.csv", b"", "is empty"),
        ("numbers.csv", b"1,2,3\n4,5,6\n7,8,9\n", "no row of column names"),
        ("broken.json", b'[{"a": 1}, {"b": ', "no readable JSON"),
        ("words.json", b'["a", "b"]', "no object"),
        ("none.json", b"[]", "no objects"),
        ("x.pdf", b"%PDF", "no known export format"),
    ],
)
def test_unusable_files_say_why(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ReadError, match=says) as error:
        load(path)
    assert name in error.value.reason and "\n" not in error.value.reason


def test_a_missing_file_is_a_read_error(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="cannot be read"):
        open_export(tmp_path / "nowhere.csv")


def test_a_long_csv_streams(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(20_000):
            row = [f"WX{number}", "2023/4/5", f"HP-{number % 9}", "油压不足，主机停机" * 5, "更换滤芯", "30"]
            writer.writerow(row)
    tracemalloc.start()
    export = read_reports(path, {"machine": "设备"})
    hours = sum(report.downtime_hours or 0 for report in export.reports)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert hours == 10_000
    assert not export.warnings
    assert peak < 16_000_000  # the look-ahead of 5,000 rows; the whole export would be several times that
