"""`copilot index`, `copilot remove` and `copilot documents`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot import assemble, terminal
from copilot.commands.common import DONE, PARTLY, UsageError
from copilot.config import Settings
from indexer.types import DocumentKind, DocumentRecord, Quarantined

if TYPE_CHECKING:
    from indexer.build import BuildResult

_SHOWN = 20  # quarantined inputs named one by one on the terminal; `copilot documents` lists them all


def index(
    settings: Settings,
    paths: Sequence[Path],
    machine: str | None = None,
    kind: str | None = None,
    *,
    rebuild: bool = False,
    watch: bool = False,
    as_json: bool = False,
) -> int:
    """Bring the index in line with the paths and every path given before; with `watch`, again after every change."""
    if machine is not None and not machine.strip():
        raise UsageError("--machine is empty; name a machine")
    code = _index_once(settings, paths, machine, kind, rebuild, as_json)
    if watch:
        for _ in _changes(settings):
            code = _index_again(settings, as_json)
    return code


def _index_once(
    settings: Settings, paths: Sequence[Path], machine: str | None, kind: str | None, rebuild: bool, as_json: bool
) -> int:
    started = time.perf_counter()
    result = run_build(settings, paths, machine=machine, kind=kind, rebuild=rebuild)
    seconds = time.perf_counter() - started
    if as_json:
        terminal.write_json(result_to_json(result, seconds))
    else:
        terminal.write(_summary(result, seconds))
    name_quarantined(result.quarantined)
    for path in result.unreachable:
        terminal.note(f"{path} cannot be reached; its documents stay in the index until it is back.")
    return PARTLY if result.quarantined else DONE


def run_build(
    settings: Settings,
    paths: Sequence[Path],
    *,
    machine: str | None = None,
    kind: str | None = None,
    rebuild: bool = False,
    remove: Sequence[str] = (),
) -> BuildResult:
    """`indexer.build.build` with the settings' parts; progress and what was predicted are told on stderr."""
    from indexer.build import build

    embedder = assemble.make_embedder(settings)
    with terminal.progress() as tell:
        result = build(
            assemble.make_home(settings),
            paths,
            embedder,
            assemble.make_build_settings(settings),
            machine=machine.strip() if machine else None,
            kind=DocumentKind(kind) if kind else None,
            rebuild=rebuild,
            remove=remove,
            predictors=assemble.make_report_predictors(settings),
            progress=tell,
        )
    name_predicted(result)
    return result


def _index_again(settings: Settings, as_json: bool) -> int:
    """One more run while watching: what goes wrong is told, and the next change gets its chance."""
    from finetune.errors import FinetuneError
    from indexer.errors import IndexerError

    try:
        return _index_once(settings, (), None, None, False, as_json)
    except (IndexerError, FinetuneError) as error:
        terminal.note(f"Error: {error}")
        return PARTLY


def _changes(settings: Settings) -> Iterator[None]:
    """Wait for files below the indexed folders to change; changes within 1.6 s count as one."""
    from watchfiles import DefaultFilter, watch

    with assemble.open_index(settings) as opened:
        roots = [Path(path) for path, _, _ in opened.manifest.roots]
    home = settings.home.resolve()
    usual = DefaultFilter()

    def outside_home(change: Any, path: str) -> bool:
        return usual(change, path) and not Path(path).resolve().is_relative_to(home)

    present = [root for root in roots if root.exists()]
    terminal.note(f"Watching {len(present)} paths for changes; Ctrl-C ends it.")
    for _ in watch(*present, watch_filter=outside_home, debounce=1600, step=200, raise_interrupt=True):
        yield


def rollback(settings: Settings, as_json: bool) -> int:
    """Answer from the generation before the current one again."""
    home = assemble.make_home(settings)
    with home.writer():
        version = home.rollback()
    if as_json:
        terminal.write_json({"version": version, "rolled_back": True})
    else:
        terminal.write(f"The index is back at version {version}.")
    return DONE


def remove(settings: Settings, documents: Sequence[str], as_json: bool) -> int:
    """Take documents out of the index for good."""
    started = time.perf_counter()
    with assemble.open_index(settings) as opened:
        known = {record.document_id for record in opened.documents()}
    if missing := [name for name in documents if name not in known]:
        raise UsageError(f"no document '{missing[0]}' is in the index; `copilot documents` lists them")
    result = run_build(settings, (), remove=list(dict.fromkeys(documents)))
    if as_json:
        terminal.write_json(result_to_json(result, time.perf_counter() - started))
    else:
        terminal.write(_summary(result, time.perf_counter() - started))
    name_quarantined(result.quarantined)
    return DONE


def documents(settings: Settings, as_json: bool) -> int:
    """List what is in the index, with what could and could not be read of it."""
    with assemble.open_index(settings) as opened:
        records, quarantined = opened.documents(), opened.quarantine()
        version = opened.manifest.version
    if as_json:
        terminal.write_json(
            {
                "index_version": version,
                "documents": [record_to_json(record) for record in records],
                "quarantined": [{"document": name, "reason": reason} for name, reason in quarantined],
            }
        )
        return DONE
    terminal.table(
        ["document", "kind", "machine", "pages", "read", "tables", "chunks", "codes", "remarks"],
        [
            [
                record.document_id, record.kind.value, record.machine or "", record.report.pages,
                f"{record.report.coverage:.0%}", record.report.tables, record.chunks, record.codes, _remarks(record),
            ]
            for record in records
        ],
        right=(3, 4, 5, 6, 7),
    )  # fmt: skip
    if quarantined:
        terminal.write("\nLeft out:")
        for name, reason in quarantined:
            terminal.write(f"  {name}: {reason}")
    return DONE


def name_predicted(result: BuildResult) -> None:
    """Say on stderr how many empty columns of fault reports were predicted, and which model could not be used."""
    if result.predicted:
        counts = ", ".join(f"{count} × {name.replace('_', ' ')}" for name, count in sorted(result.predicted.items()))
        terminal.note(f"Predicted where fault reports say nothing: {counts}.")
    for reason in result.unpredicted:
        terminal.note(f"Columns of fault reports were not predicted: {reason}")


def name_quarantined(quarantined: Sequence[Quarantined]) -> None:
    """Say on stderr what was left out and why."""
    for entry in quarantined[:_SHOWN]:
        terminal.note(f"Left out: {entry.document_id}: {entry.reason}")
    if len(quarantined) > _SHOWN:
        terminal.note(f"Left out: {len(quarantined) - _SHOWN} more; `copilot documents` lists them.")


def result_to_json(result: BuildResult, seconds: float) -> dict[str, Any]:
    """The outcome of a build as `copilot index --json` prints it."""
    return {
        "version": result.version,
        "published": result.published,
        "added": list(result.added),
        "changed": list(result.changed),
        "renamed": [{"from": old, "to": new} for old, new in result.renamed],
        "removed": list(result.removed),
        "unchanged": result.unchanged,
        "quarantined": [{"document": entry.document_id, "reason": entry.reason} for entry in result.quarantined],
        "unreachable": list(result.unreachable),
        "chunks": result.chunks,
        "embedded": result.embedded,
        "predicted": dict(sorted(result.predicted.items())),
        "seconds": round(seconds, 3),
    }


def record_to_json(record: DocumentRecord) -> dict[str, Any]:
    """A document as `copilot documents --json` prints it; pages are 1-based, coverage is 0..1."""
    report = record.report
    return {
        "document": record.document_id,
        "title": record.title,
        "kind": record.kind.value,
        "machine": record.machine,
        "revision": record.revision,
        "pages": report.pages,
        "blank": list(report.blank),
        "scanned": list(report.scanned),
        "no_text": list(report.no_text),
        "garbled": list(report.garbled),
        "tables": report.tables,
        "chunks": record.chunks,
        "codes": record.codes,
        "coverage": round(report.coverage, 4),
        "warnings": list(report.warnings),
        "path": record.path,
        "sha256": record.sha256,
    }


def _summary(result: BuildResult, seconds: float) -> str:
    counts = {
        "added": len(result.added),
        "changed": len(result.changed),
        "renamed": len(result.renamed),
        "removed": len(result.removed),
        "unchanged": result.unchanged,
        "left out": len(result.quarantined),
    }
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "no documents"
    end = f"{result.chunks} chunks, {result.embedded} embedded, {seconds:.1f} s"
    if not result.published:
        return f"Nothing has changed: {said}; {end}. Version {result.version} goes on answering."
    return f"Indexed: {said}; {end}. Version {result.version} answers now."


def _remarks(record: DocumentRecord) -> str:
    report = record.report
    said = [
        f"{what}: p. {_runs(numbers)}"
        for what, numbers in (("OCR", report.scanned), ("no text", report.no_text), ("garbled", report.garbled))
        if numbers
    ]
    if report.warnings:
        said.append(report.warnings[0] + (f" (+{len(report.warnings) - 1})" if len(report.warnings) > 1 else ""))
    return "; ".join(said)


def _runs(numbers: Sequence[int]) -> str:
    """'1-3, 7' for 1, 2, 3, 7."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(terminal.pages(first, last) for first, last in runs)
