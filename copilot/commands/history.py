"""`copilot history` and `copilot history similar`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from copilot import assemble, terminal
from copilot.commands.common import DONE, UsageError, known_machine, taken
from copilot.config import Settings

if TYPE_CHECKING:
    from indexer.fault_reports import MixedCount, StoredReport
    from indexer.store import Index

_FIELDS = (
    "report_id", "date", "machine", "component", "code", "symptom", "cause", "action", "failure_mode", "downtime_hours", "cost",
)  # fmt: skip
_MARGIN = 12  # hits fetched beyond k: a code's rows in the manuals come first and are left out here


def count(settings: Settings, by: str, machine: str | None, since: str | None, predicted: bool, as_json: bool) -> int:
    """Count fault reports by one of their fields: what they record, with `predicted` also what models guessed, apart."""
    from indexer.fault_reports.table import MIXED, By

    if by not in get_args(By):
        raise UsageError(f"--by is '{by}'; choose from {', '.join(get_args(By))}")
    if predicted and by not in MIXED:
        raise UsageError(f"--predicted goes with --by {' or '.join(MIXED)}; '{by}' is never predicted")
    with assemble.open_index(settings) as index:
        table = index.fault_reports
        chosen = known_machine(machine, _machines(index))
        groups = table.count(by, chosen, since)  # type: ignore[arg-type]
        mixed = table.count_mixed(by, chosen, since) if by in MIXED else []
        predictors = table.predictors(by) if predicted else []
        total = table.total(chosen, since)
        reliability = table.mtbf_mttr(chosen)
    guessed = sum(group.predicted_reports for group in mixed)
    if as_json:
        found: dict[str, Any] = {
            "by": by,
            "machine": chosen,
            "since": since,
            "total": total,
            "groups": [_rounded(group._asdict()) for group in (mixed if predicted else groups)],
            "reliability": _rounded(reliability._asdict()),
        }
        if by in MIXED:
            found["predicted"] = guessed
        if predicted:
            found["predictors"] = predictors
        terminal.write_json(found)
        return DONE
    if not total:
        terminal.write("No fault report matches." if reliability.reports else "No fault reports are indexed.")
        return DONE
    if predicted:
        _show_mixed(by, mixed)
    else:
        terminal.table(
            [by, "reports", "downtime h", "cost"],
            [[group.key, group.reports, _number(group.downtime_hours), _number(group.cost)] for group in groups],
            right=(1, 2, 3),
        )
    terminal.write("\n" + _counted(by, total, sum(group.reports for group in groups), guessed, predicted, predictors))
    if reliability.mtbf_days is not None:
        repair = f", mean downtime {reliability.mttr_hours:.1f} h" if reliability.mttr_hours is not None else ""
        terminal.write(
            f"{chosen or 'All machines'}, {reliability.first} to {reliability.last}: "
            f"mean time between reports {reliability.mtbf_days:.1f} days{repair}."
        )
    return DONE


def _show_mixed(by: str, mixed: Sequence[MixedCount]) -> None:
    rows: list[list[object]] = []
    for group in mixed:
        line = group.together()
        hours, cost = _number(line.downtime_hours), _number(line.cost)
        rows.append([line.key, line.reports, group.predicted_reports or "", hours, cost])
    terminal.table([by, "reports", "of which predicted", "downtime h", "cost"], rows, right=(1, 2, 3, 4))


def _counted(by: str, total: int, recorded: int, guessed: int, predicted: bool, predictors: Sequence[str]) -> str:
    name = by.replace("_", " ")
    said = f"{total} reports" + (f", {total - recorded} of them without {name}" if recorded < total else "") + "."
    if not guessed:
        return said + (f" For none of these a {name} is predicted." if predicted and recorded < total else "")
    if predicted:
        return f"{said} For {guessed} of these the {name} is a prediction ({', '.join(predictors)}), not a record."
    return f"{said} For {guessed} of these a {name} is predicted; --predicted counts them in."


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    """Sums to the hundredth; what is behind it is an artefact of adding."""
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in values.items()}


def similar(settings: Settings, words: Sequence[str], k: int, machine: str | None, as_json: bool) -> int:
    """The fault reports most like a text, best first."""
    text = taken(" ".join(words))
    embedder = assemble.make_reading_embedder(settings)
    from copilot.types import Question
    from finetune.types import RetrievalPlan
    from indexer.types import ChunkKind

    with assemble.open_index(settings, embedder) as index:
        chosen = known_machine(machine, _machines(index))
        understanding = assemble.make_understander(settings, index, embedder).understand(Question(text, chosen))
        plan = RetrievalPlan({"manual": 0.0, "fault_report": 1.0}, k + _MARGIN)
        hits = assemble.make_retriever(settings, index, embedder).retrieve(replace(understanding, plan=plan), plan.k)
        hits = [hit for hit in hits if hit.chunk.kind is ChunkKind.FAULT_REPORT][:k]
        records = index.fault_reports.records(chunk_ids=[hit.chunk.id for hit in hits], limit=None, predicted=True)
    by_chunk = {record.chunk_id: record for record in records}
    rows = [
        report_to_json(rank, hit.score, by_chunk[hit.chunk.id])
        for rank, hit in enumerate((hit for hit in hits if hit.chunk.id in by_chunk), 1)
    ]
    if as_json:
        terminal.write_json({"text": text, "machine": chosen, "reports": rows})
    elif not rows:
        terminal.write("No fault report resembles this.")
    else:
        columns = ["date", "machine", "component", "code", "failure_mode", "symptom", "cause", "action"]
        if not any(_shown(row, "failure_mode") for row in rows):
            columns.remove("failure_mode")
        terminal.table(["", *columns], [[row["rank"], *(_shown(row, name) for name in columns)] for row in rows], (0,))
    return DONE


def report_to_json(rank: int, score: float, stored: StoredReport) -> dict[str, Any]:
    """A fault report as `copilot history similar --json` prints it; what is predicted stands apart from its columns."""
    return {
        "rank": rank,
        "score": round(score, 6),
        "document": stored.document_id,
        "row": stored.report.row,
        **{name: getattr(stored.report, name) for name in _FIELDS},
        "predicted": {
            name: {"value": guess.value, "confidence": round(guess.confidence, 4), "predictor": guess.predictor}
            for name, guess in stored.predicted.items()
        },
    }


def _shown(row: Mapping[str, Any], name: str) -> str:
    """A column's value, or the predicted one marked as that."""
    if row[name]:
        return str(row[name])
    guess = row["predicted"].get(name)
    return f"{guess['value']} (predicted, {guess['confidence']:.2f})" if guess else ""


def _machines(index: Index) -> list[str]:
    return sorted({*index.machines(), *index.fault_reports.machines()})


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"
