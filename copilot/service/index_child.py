"""Indexing as a process of its own: the task as JSON on stdin, progress and outcome as JSON lines on stdout.

Run by `copilot.service.jobs`. A line is {"stage", "done", "total"}, {"file": a `FileStep`} or, the last one, {"result"}
or {"error"}.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

_APART_S = 0.2


def main() -> int:
    """Build as told."""
    from copilot import assemble
    from copilot.commands.index import result_to_json
    from copilot.config import load_settings
    from copilot.errors import CopilotError
    from finetune.errors import FinetuneError
    from indexer.build import build
    from indexer.errors import IndexerError
    from indexer.types import DocumentKind

    task = json.load(sys.stdin)
    started = time.perf_counter()
    last = ("", 0.0)

    def tell(stage: str, done: int, total: int) -> None:
        nonlocal last
        now = time.perf_counter()
        if stage != last[0] or done == total or now - last[1] >= _APART_S:
            last = (stage, now)
            _write({"stage": stage, "done": done, "total": total})

    try:
        settings = load_settings(Path(task["home"]), Path(task["config"]) if task["config"] else None)
        settings = replace(
            settings, indexer=replace(settings.indexer, threads=settings.indexer.threads or task["threads"])
        )
        result = build(
            assemble.make_home(settings), [Path(path) for path in task["paths"]], assemble.make_embedder(settings),
            assemble.make_build_settings(settings), machine=task["machine"],
            kind=DocumentKind(task["kind"]) if task["kind"] else None, rebuild=task["rebuild"], remove=task["remove"],
            predictors=assemble.make_report_predictors(settings), progress=tell,
            files=lambda step: _write({"file": asdict(step)}),
        )  # fmt: skip
    except (CopilotError, IndexerError, FinetuneError) as error:
        _write({"error": " ".join(str(error).split())})
        return 1
    _write({"result": result_to_json(result, time.perf_counter() - started)})
    return 0


def _write(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
