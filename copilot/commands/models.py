"""`copilot models`: the versions that ship and the plant's own; versions from elsewhere; are all of them whole?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from copilot import assemble, terminal
from copilot.commands.common import DONE, FAILED
from copilot.config import Settings
from copilot.errors import CopilotError
from finetune.errors import FinetuneError, RegistryError
from finetune.registry import SHIPPED, Registry, VersionInfo
from indexer.errors import IndexerError


def show(settings: Settings, as_json: bool) -> int:
    """List the encoder and every version of every task: which answers, where it comes from, under which licence."""
    registry = assemble.make_registry(settings)
    rows = [info for task in registry.tasks() for info in registry.versions(task)]
    encoder = _encoder(settings)
    if as_json:
        terminal.write_json({"encoder": encoder, "models": [_to_json(info) for info in rows]})
        return DONE
    terminal.table(
        ["", "task", "version", "made", "state", "MB", "licence", "metrics"],
        [
            [
                "*" if info.current else "", info.task, info.version, f"{info.created_at.astimezone():%Y-%m-%d}", info.state,
                f"{_size(info) / 1e6:.1f}", terminal.excerpt(str(info.card.get("licence", "")), 40),
                ", ".join(f"{k} {v:.3f}" for k, v in _metrics(info).items() if k in ("accuracy", "macro_f1", "f1")),
            ]
            for info in rows
        ],
        right=(5,),
    )  # fmt: skip
    terminal.write(f"\n* answers now; all stand on the encoder {encoder['name']}, sha256 {encoder['sha256'][:12]}…")
    return DONE


def take(settings: Settings, source: Path, task: str | None, as_json: bool) -> int:
    """Take in a version's folder from elsewhere, after checking every file; the first of its task answers at once."""
    from finetune.version_folder import CARD, verify_folder

    registry = assemble.make_registry(settings)
    if not source.is_dir():
        raise CopilotError(f"{source} is no folder; name the folder of a version, which holds card.json")
    card = verify_folder(source)
    name = task or str(card["task"])
    if task is not None and task != card["task"]:
        raise CopilotError(f"{source} holds a version of the task {card['task']!r}, not of {task!r}; leave --task out")
    _check_body(settings, source, card)
    first = registry.current(name) is None
    with registry.stage(name) as staged:
        for file in card["files"]:
            (staged / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file, staged / file)
        kept = {
            key: value for key, value in card.items() if key not in ("schema", "task", "version", "created_at", "files")
        }
        origin = {"version": card["version"], "created_at": card["created_at"], "files": card["files"]}
        version = registry.publish(name, staged, {**kept, "imported": origin})
    _check_copy(registry, name, version, card["files"])
    if first:
        registry.promote(name, version, f"the first version of its task, imported from {source.name}")
    if as_json:
        terminal.write_json({"task": name, "version": version, "current": first, "source": str(source)})
    else:
        says = "it answers now" if first else f"`copilot finetune promote {version} --task {name}` lets it answer"
        terminal.write(f"Imported {name} {version} ({CARD} and {len(card['files'])} files whole); {says}.")
    return DONE


def verify(settings: Settings, as_json: bool) -> int:
    """Check every file of the encoder and of all versions by sha256; exit code 1 when one is damaged."""
    checked = list(_checked(settings))
    bad = [row for row in checked if not row["ok"]]
    if as_json:
        terminal.write_json({"ok": not bad, "models": checked})
    else:
        terminal.table(
            ["task", "version", "state", "found"],
            [[row["task"], row["version"], "whole" if row["ok"] else "damaged", row["detail"]] for row in checked],
        )
        terminal.write("\n" + (f"{len(bad)} damaged." if bad else "All are whole."))
    return FAILED if bad else DONE


def _checked(settings: Settings) -> Iterator[dict[str, Any]]:
    try:
        encoder = _encoder(settings)
        yield _row("encoder", encoder["name"], True, f"sha256 {encoder['sha256'][:12]}…")
    except (IndexerError, FinetuneError, OSError) as error:
        yield _row("encoder", settings.indexer.embedder, False, str(error))
    registry = assemble.make_registry(settings)
    for task in registry.tasks():
        for info in registry.versions(task):
            try:
                card = registry.verify(info.folder)
                yield _row(task, info.version, True, f"{len(card['files'])} files")
            except RegistryError as error:
                yield _row(task, info.version, False, str(error))
        try:
            registry.current(task)
        except RegistryError as error:
            yield _row(task, "CURRENT", False, str(error))


def _row(task: str, version: str, ok: bool, detail: str) -> dict[str, Any]:
    return {"task": task, "version": version, "ok": ok, "detail": terminal.one_line(detail)}


def _encoder(settings: Settings) -> dict[str, Any]:
    """The encoder in force; its weights are read and hashed."""
    from indexer.model_folder import resolve_model

    model = resolve_model(assemble.embedder_model(settings))
    return {"name": model.name, "sha256": model.weights_sha256(), "dimension": model.dimension}


def _to_json(info: VersionInfo) -> dict[str, Any]:
    return {
        "task": info.task,
        "version": info.version,
        "current": info.current,
        "state": info.state,
        "shipped": info.version == SHIPPED,
        "created_at": info.created_at.isoformat(),
        "reason": info.reason,
        "bytes": _size(info),
        "licence": info.card.get("licence"),
        "method": info.card.get("method"),
        "metrics": _metrics(info),
        "folder": str(info.folder),
    }


def _metrics(info: VersionInfo) -> dict[str, float]:
    """The single figures of a card."""
    metrics = info.card.get("metrics")
    found = metrics if isinstance(metrics, dict) else {}
    return {k: v for k, v in found.items() if isinstance(v, int | float) and not isinstance(v, bool)}


def _size(info: VersionInfo) -> int:
    return sum(int(entry["size"]) for entry in info.card.get("files", {}).values())


def _check_body(settings: Settings, source: Path, card: Any) -> None:
    """Refuse a version that was fine-tuned on another body: it could not answer here."""
    made_on = card.get("parent_body")
    if not isinstance(made_on, dict) or "sha256" not in made_on:
        return
    body = assemble.make_body(settings)
    if made_on["sha256"] != body.sha256:
        raise CopilotError(
            f"{source} was fine-tuned on the body {made_on.get('name')}, here is {body.name} with other weights; "
            "fine-tune it again here"
        )


def _check_copy(registry: Registry, task: str, version: str, files: Any) -> None:
    """Compare what was copied with the card it came with, not with the new one."""
    copied = registry.verify(registry.get(task, version).folder)["files"]
    if {name: entry["sha256"] for name, entry in copied.items()} != {n: e["sha256"] for n, e in files.items()}:
        raise CopilotError(f"the copy of {task} {version} differs from its source; delete it and import again")
