"""`copilot audit verify` and `copilot audit export`."""

from __future__ import annotations

import json
from pathlib import Path

from copilot import terminal
from copilot.audit import AuditLog
from copilot.commands.common import DONE, FAILED
from copilot.config import Settings

_COLUMNS = ("n", "time", "action", "who", "role", "address", "status", "text", "documents", "answer", "index_version")


def verify(settings: Settings, as_json: bool) -> int:
    """Follow the chain of hashes; exit code 1 when a line was changed, moved, taken out or torn."""
    verdict = AuditLog(settings.home / "audit").verify()
    if as_json:
        terminal.write_json(
            {
                "ok": not verdict.problems,
                "lines": verdict.lines,
                "head": verdict.head,
                "problems": list(verdict.problems),
            }
        )
    else:
        for problem in verdict.problems:
            terminal.write(problem)
        whole = "the chain is whole" if not verdict.problems else f"{len(verdict.problems)} problem(s)"
        terminal.write(f"{verdict.lines} lines: {whole}. The last one's hash is {verdict.head}")
    return FAILED if verdict.problems else DONE


def export(settings: Settings, file: Path, as_json: bool) -> int:
    """Write the events, oldest first, with their texts where those are kept: CSV, or JSONL by the file's name."""
    from copilot.service.tables import csv_text
    from finetune.journal import write_whole

    events = list(AuditLog(settings.home / "audit").events())
    if file.suffix.lower() == ".csv":
        rows = [{**event, "documents": "; ".join(event.get("documents", ()))} for event in events]
        lines = [csv_text(_COLUMNS, rows).encode("utf-8", "replace")]
    else:
        lines = [json.dumps(event, ensure_ascii=False).encode("utf-8", "replace") + b"\n" for event in events]
    write_whole(file, lines)
    if as_json:
        terminal.write_json({"file": str(file), "events": len(events)})
    else:
        terminal.write(f"{len(events)} events written to {file}.")
    return DONE
