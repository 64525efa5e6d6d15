"""`/api/faults`: fault reports, what they say when counted, and new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from copilot.http.common import CurrentUser, TheService
from copilot.service.recorded import FIELDS
from copilot.service.statistics import TABLE, table_of
from copilot.service.tables import csv_text

router = APIRouter(prefix="/api/faults", tags=["fault reports"])
_COLUMNS = ("document", "row", "report_id", *FIELDS)


class FaultBody(BaseModel):
    """A new fault report; `date` is today where it is left out. Numbers are hours, and the plant's own currency."""

    model_config = ConfigDict(extra="forbid")

    symptom: str
    date: str | None = None
    machine: str | None = None
    component: str | None = None
    code: str | None = None
    cause: str | None = None
    action: str | None = None
    failure_mode: str | None = None
    downtime_hours: float | None = None
    cost: float | None = None


@router.get("")
def reports(
    service: TheService,
    user: CurrentUser,
    machine: str | None = None,
    code: str | None = None,
    component: str | None = None,
    failure_mode: str | None = None,
    since: str | None = None,
    until: str | None = None,
    find: Annotated[str, Query(max_length=400)] = "",
    limit: Annotated[int, Query(ge=1, le=100_000)] = 100,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Any:
    """Fault reports, newest first, those that hold all words of `find`; what is predicted stands apart from what they record."""
    found = service.fault_reports(
        user, find=find, machine=machine, code=code, component=component, failure_mode=failure_mode, since=since, until=until,
        limit=limit, predicted=True,
    )  # fmt: skip
    rows = [report_to_json(stored) for stored in found]
    if form == "csv":
        return _csv(_COLUMNS, rows, "fault_reports.csv")
    return {"reports": rows}


@router.get("/statistics")
def statistics(
    service: TheService,
    user: CurrentUser,
    machine: str | None = None,
    since: str | None = None,
    until: str | None = None,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Any:
    """Paretos, MTBF and MTTR, the trend a week, and what rises suddenly; as CSV, a row for each group and week."""
    found = service.fault_statistics(user, machine, since, until)
    if form == "csv":
        return _csv(TABLE, table_of(found), "fault_statistics.csv")
    return {
        "total": found.total,
        "counts": {by: [line._asdict() for line in lines] for by, lines in found.counts.items()},
        "mixed": {by: [line._asdict() for line in lines] for by, lines in found.mixed.items()},
        "reliability": found.reliability._asdict(),
        "by_machine": {name: one._asdict() for name, one in found.by_machine.items()},
        "weeks": [asdict(week) for week in found.weeks],
        "rises": [asdict(rise) for rise in found.rises],
    }


@router.get("/predict")
def predict(symptom: str, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """What failure mode, component and action a symptom suggests."""
    return {name: guess._asdict() for name, guess in service.predict_fault(symptom, user).items()}


@router.post("", status_code=201)
def record(body: FaultBody, service: TheService, user: CurrentUser) -> dict[str, Any]:
    """Record a fault report; the next question may find it."""
    return {"report_id": service.report_fault(body.model_dump(exclude_none=True), user)}


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], name: str) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(csv_text(columns, rows), media_type="text/csv; charset=utf-8", headers=disposition)


def report_to_json(stored: Any) -> dict[str, Any]:
    """A report in plain values, as `copilot history similar --json` prints it, without rank and score."""
    from copilot.commands.history import report_to_json as ranked

    shown = ranked(0, 0.0, stored)
    return {name: value for name, value in shown.items() if name not in ("rank", "score")}
