"""The table of fault reports: counts, records and reliability, checked by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from indexer.errors import StoreError
from indexer.fault_reports import FaultReportTable, create_schema, delete_document, insert_many
from indexer.types import FaultReport


def squeeze(code: str) -> str:
    return code.replace("-", "").replace(" ", "").upper()


def report(number: int, day: str | None, machine: str | None, code: str | None, **more: Any) -> FaultReport:
    values: dict[str, Any] = {"component": None, "symptom": None, "cause": None, "action": None, "row": number, **more}
    return FaultReport(report_id=f"WO-{number}", date=day, machine=machine, code=code, **values)


REPORTS = [
    report(1, "2023-01-01", "Press 1", "E-207", component="Pump", downtime_hours=2.0, cost=100.0, failure_mode="Leak"),
    report(2, "2023-01-11", "press  1", "E207", component="pump", downtime_hours=4.0, symptom="油压不足"),
    report(3, "2023-02-10", "Press 1", "E-105", component="Valve", cost=50.0, extra={"Shift": "night"}),
    report(4, "2023-02-12", "Saw", "e 207", downtime_hours=0.0),
    report(5, None, "Saw", None, downtime_hours=1.0),
    report(6, "2023-03-01", None, None),
]


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:")
    create_schema(opened)
    create_schema(opened)  # again does no harm
    assert insert_many(opened, "a.csv", ((item, f"c{item.row}") for item in REPORTS), squeeze) == 6
    yield opened
    opened.close()


@pytest.fixture
def table(connection: sqlite3.Connection) -> FaultReportTable:
    return FaultReportTable(connection, squeeze)


def test_counts_by_machine_join_spellings(table: FaultReportTable) -> None:
    assert table.count("machine") == [("Press 1", 3, 6.0, 150.0), ("Saw", 2, 1.0, None)]
    assert table.machines() == ["Press 1", "Saw"]
    assert table.total() == 6


def test_counts_by_code_use_the_normal_form_given(table: FaultReportTable) -> None:
    counts = table.count("code")
    assert [(line.reports, line.downtime_hours, line.cost) for line in counts] == [(3, 6.0, 100.0), (1, None, 50.0)]
    assert squeeze(counts[0].key) == "E207"
    assert table.count("code", machine="SAW") == [("e 207", 1, 0.0, None)]


def test_counts_by_component_failure_mode_and_month(table: FaultReportTable) -> None:
    assert [(line.key.lower(), line.reports) for line in table.count("component")] == [("pump", 2), ("valve", 1)]
    assert table.count("failure_mode") == [("Leak", 1, 2.0, 100.0)]
    months = [(line.key, line.reports) for line in table.count("month")]
    assert months == [("2023-01", 2), ("2023-02", 2), ("2023-03", 1)]


def test_periods_are_inclusive(table: FaultReportTable) -> None:
    assert table.total(since="2023-01-11", until="2023-02-10") == 2
    assert table.total(until="2023-01") == 2
    assert table.total(since=date(2023, 2, 12)) == 2
    assert table.total(since="2023") == 5  # the one without a date is in no period
    assert [line.key for line in table.count("machine", since="2023-02", until="2023-02")] == ["Press 1", "Saw"]


def test_records_come_back_whole_newest_first(table: FaultReportTable) -> None:
    stored = table.records(machine="PRESS 1")
    assert [item.report for item in stored] == [REPORTS[2], REPORTS[1], REPORTS[0]]
    assert (stored[0].document_id, stored[0].chunk_id) == ("a.csv", "c3")
    assert [item.report.row for item in table.records(code="E 207")] == [4, 2, 1]
    assert [item.report.row for item in table.records(limit=2)] == [6, 4]
    assert [item.report.row for item in table.records(limit=None)][-1] == 5
    assert [item.report.row for item in table.records(chunk_ids=["c1", "c6", "nope"])] == [6, 1]
    assert table.records(machine="' OR 1=1 --") == []


def test_mtbf_and_mttr(table: FaultReportTable) -> None:
    press = table.mtbf_mttr("Press 1")
    assert press.mtbf_days == pytest.approx((10 + 30) / 2)
    assert press.mttr_hours == pytest.approx(3.0)
    assert (press.reports, press.timed, press.first, press.last) == (3, 2, "2023-01-01", "2023-02-10")
    saw = table.mtbf_mttr("saw")
    assert (saw.mtbf_days, saw.mttr_hours, saw.reports) == (None, 0.5, 2)
    assert table.mtbf_mttr("unknown") == (0, None, None, 0, None, None)
    assert table.mtbf_mttr().mtbf_days == pytest.approx(20)


def test_a_document_is_removed_alone(connection: sqlite3.Connection, table: FaultReportTable) -> None:
    insert_many(connection, "b.csv", [(REPORTS[0], "d1")], squeeze)
    assert table.total() == 7
    assert delete_document(connection, "a.csv") == 6
    assert [(item.document_id, item.chunk_id) for item in table.records()] == [("b.csv", "d1")]
    assert delete_document(connection, "a.csv") == 0


def test_wrong_questions_say_what_is_right(table: FaultReportTable) -> None:
    with pytest.raises(StoreError, match="choose from machine, code, component, failure_mode, month"):
        table.count("colour")  # type: ignore[arg-type]
    for wrong in ("yesterday", "2023-13", "5/4/2023"):
        with pytest.raises(StoreError, match="YYYY-MM-DD"):
            table.total(since=wrong)


def test_sqlite_errors_become_ours() -> None:
    empty = sqlite3.connect(":memory:")
    with pytest.raises(StoreError, match="cannot be read"):
        FaultReportTable(empty).machines()
    with pytest.raises(StoreError, match="cannot be written"):
        insert_many(empty, "a.csv", [(REPORTS[0], "c1")])
    empty.close()


def test_the_table_is_strict_and_queries_use_indexes(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(
            "INSERT INTO fault_reports (document_id, chunk_id, row, report_id, extra, cost) "
            "VALUES ('d', 'c', 1, 'r', '{}', 'much')"
        )
    plan = connection.execute("EXPLAIN QUERY PLAN SELECT * FROM fault_reports WHERE machine_key = 'x'").fetchall()
    assert "fault_reports_machine" in plan[0][3]
