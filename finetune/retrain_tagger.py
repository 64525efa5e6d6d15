"""One training of a tagger, from rows of tokens and tags to a promoted or kept version."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.dataset import TaggedText, read_tagged
from finetune.evaluate import span_f1
from finetune.fit_tagger import fit_tagger
from finetune.network import Body
from finetune.registry import Registry, VersionInfo
from finetune.retrain import FROZEN, Outcome
from finetune.tagger import Tagger, write_tagger

if TYPE_CHECKING:
    from finetune.train import TrainSettings


def retrain_tagger(
    task: str, data: Path, validation: Path | None, settings: TrainSettings, registry: Registry, body: Body, cache: Path,
    *, licence: str, command: str, say: Callable[[str], None] | None = None,
) -> Outcome:  # fmt: skip
    """Train a version; the first is promoted at once, a later one when it finds more of the frozen texts' entities rightly.

    The frozen texts are the validation file of the first version that had one. Raises DataError, TrainingError,
    RegistryError, BusyTrainingError; then nothing has changed.
    """
    rows, left_out = read_tagged(data)
    held = read_tagged(validation)[0] if validation else ()
    current = registry.current(task)
    with registry.stage(task) as staged:
        frozen = _frozen(current) or held
        never = {text.tokens for text in frozen}
        learnt = [row for row in rows if row.tokens not in never]
        key = hashlib.sha256("\n".join(sorted(" ".join(row.tokens + row.tags) for row in rows)).encode()).hexdigest()
        work = cache / "training" / f"{task}-{key[:12]}-{settings.method}-{settings.seed}"
        fitted = fit_tagger(learnt, held, settings, body, cache, work=work, say=say)
        model = write_tagger(staged, fitted.parts)
        lines = [json.dumps({"tokens": list(t.tokens), "tags": list(t.tags)}, ensure_ascii=False) for t in frozen]
        (staged / FROZEN).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        card: dict[str, Any] = {
            "data_sha256": key, "parent": current.version if current else None,
            "parent_body": {"name": body.name, "sha256": body.sha256}, "method": settings.method,
            "hyper_parameters": fitted.settings, "metrics": fitted.held_out.to_json() if fitted.held_out else {},
            "licence": licence, "command": command, "model": model, "examples": {"count": len(fitted.examples)},
            "notes": [*fitted.notes, *left_out[:20]],
        }  # fmt: skip
        version = registry.publish(task, staged, card)
    shutil.rmtree(work, ignore_errors=True)
    if current is None:
        reason = "the first version of this task"
        registry.promote(task, version, reason)
        return Outcome(task, version, True, (reason,), fitted.notes, fitted.held_out, len(fitted.examples))
    before, now = (_f1(info, frozen, body, cache) for info in (current, registry.get(task, version)))
    if not frozen:
        reason = "there is no frozen set to compare on; give --validation"
    else:
        reason = f"span F1 {now:.3f} against {before:.3f} on the {len(frozen)} frozen texts"
    if frozen and now > before:
        registry.promote(task, version, reason, instead_of=current.version)
        return Outcome(task, version, True, (reason,), fitted.notes, fitted.held_out, len(fitted.examples))
    registry.keep(task, version, reason)
    return Outcome(task, version, False, (reason,), fitted.notes, fitted.held_out, len(fitted.examples))


def _frozen(current: VersionInfo | None) -> tuple[TaggedText, ...]:
    path = current.folder / FROZEN if current else None
    return read_tagged(path)[0] if path and path.is_file() and path.stat().st_size else ()


def _f1(info: VersionInfo, texts: Sequence[TaggedText], body: Body, cache: Path) -> float:
    if not texts:
        return 0.0
    tagger = Tagger(info.folder, body, cache)
    found = []
    for text, tags in zip(texts, tagger.tag_all([list(text.tokens) for text in texts]), strict=True):
        row = ["O"] * len(text.tokens)
        for tag in tags:
            row[tag.begin : tag.end] = [f"B-{tag.name}", *[f"I-{tag.name}"] * (tag.end - tag.begin - 1)]
        found.append(row)
    return span_f1([list(text.tags) for text in texts], found)["f1"]
