"""One training of one task, from rows to a promoted or kept version: the learning loop.

replay what the current version learnt -> add the new rows -> fit -> publish -> judge against the current version ->
promote, or keep and say why
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.classifier import Classifier, read_kept_examples, write_classifier
from finetune.dataset import same_text
from finetune.errors import DataError, RegistryError
from finetune.evaluate import Evaluation, evaluate
from finetune.fit import Fitted, digest, fit_classifier
from finetune.gate import GateDecision, GateSettings, Judged, judge
from finetune.network import Body
from finetune.registry import Registry, VersionInfo
from finetune.types import OUT_OF_SCOPE, Example

if TYPE_CHECKING:
    from finetune.fit_tagger import TagScores
    from finetune.train import TrainSettings

Say = Callable[[str], None]
FROZEN, CURVE_FILES = "frozen.jsonl", ("curve.jsonl", "curve.png")
FEEDBACK_SHARE = 0.2  # of the new rows: kept out of this training to judge it, learnt from in the next one
MIN_NEW = 20  # new rows from which a share of them is kept to judge
_MOST_OLD = 1_000  # replayed rows that stand in where there is no frozen set


@dataclass(frozen=True, slots=True)
class Request:
    """What to train. `fresh` leaves out what the current version learnt; `command` goes on the card.

    With `search` above 0 so many settings are tried first, see `finetune.tune`; with `ensemble` above 0 so many versions are learnt
    and one from them, see `finetune.ensemble`, which also hears of the texts in `unlabelled`.
    """

    task: str
    rows: tuple[Example, ...]
    validation: tuple[Example, ...] = ()
    frozen: tuple[Example, ...] = ()
    fresh: bool = False
    licence: str = "the plant's own data"
    command: str = ""
    search: int = 0
    ensemble: int = 0
    unlabelled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a training: the version, whether it answers now, and why; its measures on rows held out."""

    task: str
    version: str
    promoted: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    held_out: Evaluation | TagScores | None
    examples: int


def retrain(
    request: Request, settings: TrainSettings, registry: Registry, body: Body, cache: Path,
    *, gate: GateSettings | None = None, say: Say | None = None, change: Callable[[str, np.random.Generator], str] | None = None,
) -> Outcome:  # fmt: skip
    """Train, judge and (only when better) promote a version of a task.

    A first version is promoted at once. Where the current one cannot be read, only a `fresh` training goes on, and a
    person decides. Raises BusyTrainingError while another training of the task runs, and DataError, TrainingError or
    RegistryError; then nothing has changed.
    """
    current, trouble = _current(request, registry)
    with registry.stage(request.task) as staged:
        old = read_kept_examples(current.folder) if current and not request.fresh else ()
        frozen = _frozen(request, current)
        judged, rows = _put_aside(request, current, old, settings.seed)
        never = {same_text(example.text) for example in (*frozen, *judged)}
        examples = _merged(
            [e for e in old if same_text(e.text) not in never], [e for e in rows if same_text(e.text) not in never]
        )
        key = digest(examples, request.validation, settings)
        work = _work_folder(cache, request.task, key)
        found: tuple[str, ...] = ()
        if request.search:
            from finetune.tune import tune

            tuned = tune(examples, settings, request.search, body, cache, work / "search", say=say, change=change)
            settings, found = tuned.settings, (tuned.note,)
        fit = fit_classifier
        if request.ensemble:
            fit = _ensemble(request, never)
        fitted = fit(examples, request.validation, settings, body, cache, work=work, say=say, change=change)
        fitted = replace(fitted, notes=(*found, *fitted.notes))
        card = _card(request, settings, fitted, current, body, key)
        card["model"] = write_classifier(staged, fitted.parts, fitted.examples, fitted.vectors)
        _write_rows(staged / FROZEN, frozen)
        curves = work / "student" / "first" if request.ensemble else work / "first"
        for name in CURVE_FILES:
            if (curves / name).is_file():
                shutil.copyfile(curves / name, staged / name)
        version = registry.publish(request.task, staged, card)
    shutil.rmtree(work, ignore_errors=True)
    if trouble:
        registry.keep(request.task, version, trouble)
        return Outcome(
            request.task, version, False, (trouble,), fitted.notes, fitted.held_out, len(fitted.examples)
        )  # fmt: skip
    promoted, reasons, notes = _decide(request.task, version, current, frozen, judged, registry, body, cache, gate)
    return Outcome(
        request.task, version, promoted, reasons, (*fitted.notes, *notes), fitted.held_out, len(fitted.examples)
    )


def _ensemble(request: Request, never: set[str]) -> Callable[..., Fitted]:
    """`fit_ensemble` as `fit_classifier` is called; what a version is judged by is not taught either."""
    from finetune.ensemble import EnsembleSettings, fit_ensemble

    texts = tuple(text for text in request.unlabelled if same_text(text) not in never)
    return partial(fit_ensemble, ensemble=EnsembleSettings(request.ensemble, unlabelled=texts))


def _current(request: Request, registry: Registry) -> tuple[VersionInfo | None, str]:
    """The version that answers, and, where nothing of it is needed, why it cannot be asked."""
    try:
        return registry.current(request.task), ""
    except RegistryError as error:
        if not request.fresh:
            raise
        return None, _not_asked(error)


def _not_asked(error: RegistryError) -> str:
    return f"the current version could not be asked ({error}); promote this one by hand if its figures are right"


def _work_folder(cache: Path, task: str, key: str) -> Path:
    """Where the state of this training is kept; what trainings on other rows left is removed. The task is locked."""
    work = cache / "training" / f"{task}-{key[:16]}"
    for left in work.parent.glob("*"):
        if left != work and left.name[:-17] == task and left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
    return work


def _decide(
    task: str, version: str, current: VersionInfo | None, frozen: Sequence[Example], judged: Sequence[Example],
    registry: Registry, body: Body, cache: Path, gate: GateSettings | None,
) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:  # fmt: skip
    if current is None:
        registry.promote(task, version, "the first version of this task")
        return True, ("the first version of this task",), ()
    try:
        decision = compare(registry, current, registry.get(task, version), frozen, judged, body, cache, gate)
    except RegistryError as error:  # the current version cannot be read: nothing to compare with
        reason = _not_asked(error)
        registry.keep(task, version, reason)
        return False, (reason,), ()
    reason = "; ".join(decision.reasons)
    if decision.promote:
        registry.promote(task, version, reason, instead_of=current.version)
    else:
        registry.keep(task, version, reason)
    return decision.promote, decision.reasons, decision.notes


def compare(
    registry: Registry, now: VersionInfo, candidate: VersionInfo, frozen: Sequence[Example], recent: Sequence[Example],
    body: Body, cache: Path, gate: GateSettings | None = None,
) -> GateDecision:  # fmt: skip
    """The gate's word on two versions; where no frozen set was given, a sample of what the current one learnt."""
    known = list(frozen)
    if not known:
        known = list(read_kept_examples(now.folder))[:_MOST_OLD]
    models = [Classifier(info.folder, body, cache) for info in (now, candidate)]
    first, second = (judged(model, known) for model in models)
    if not recent:
        return judge(first, second, settings=gate)
    return judge(first, second, judged(models[0], recent), judged(models[1], recent), gate)


def judged(model: Classifier, examples: Sequence[Example]) -> Judged:
    """What a version says of examples, for the gate."""
    found = model.predict([example.text for example in examples])
    return Judged(
        tuple(example.label for example in examples),
        tuple(prediction.label for prediction in found),
        np.array([prediction.confidence for prediction in found], dtype=np.float64),
        (*model.parts.labels, OUT_OF_SCOPE),
    )


def evaluate_version(model: Classifier, examples: Sequence[Example]) -> Evaluation:
    """Measure a version on labelled texts."""
    found = model.predict([example.text for example in examples])
    return evaluate([e.label for e in examples], [p.label for p in found], [p.confidence for p in found])


def frozen_set(version: VersionInfo) -> tuple[Example, ...]:
    """The examples that a version and all after it are judged on and never learn from."""
    return _read_rows(version.folder / FROZEN)


def _frozen(request: Request, current: VersionInfo | None) -> tuple[Example, ...]:
    own = request.frozen or (frozen_set(current) if current else ()) or request.validation
    return tuple(dict.fromkeys(own))


def _put_aside(
    request: Request, current: VersionInfo | None, old: Sequence[Example], seed: int
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:  # fmt: skip
    """(new rows the current version has not seen, to judge by; all other rows)."""
    if current is None:
        return (), request.rows
    try:
        seen = {same_text(example.text) for example in old or read_kept_examples(current.folder)}
    except RegistryError:
        if not request.fresh:
            raise
        return (), request.rows
    new = [i for i, example in enumerate(request.rows) if same_text(example.text) not in seen]
    if len(new) < MIN_NEW:
        return (), request.rows
    rng = np.random.default_rng(seed)
    aside = set(rng.permutation(new)[: max(1, round(FEEDBACK_SHARE * len(new)))].tolist())
    return tuple(request.rows[i] for i in sorted(aside)), tuple(e for i, e in enumerate(request.rows) if i not in aside)


def _merged(old: Sequence[Example], new: Sequence[Example]) -> tuple[Example, ...]:
    """Old and new examples; where they contradict each other, the new ones count."""
    fresh = {same_text(example.text) for example in new}
    out = (*(example for example in old if same_text(example.text) not in fresh), *new)
    if not out:
        raise DataError("There are no examples to learn from; give some with --data, or collect feedback first")
    return out


def _card(
    request: Request, settings: TrainSettings, fitted: Fitted, current: VersionInfo | None, body: Body, key: str
) -> dict[str, Any]:  # fmt: skip
    sources: dict[str, int] = {}
    for example in fitted.examples:
        sources[example.source] = sources.get(example.source, 0) + 1
    return {
        "data_sha256": key, "parent": current.version if current else None,
        "parent_body": {"name": body.name, "sha256": body.sha256}, "method": settings.method,
        "hyper_parameters": fitted.settings, "metrics": fitted.held_out.to_json() if fitted.held_out else {},
        "metrics_on": "validation file" if request.validation else "examples held out, or cross-validation for method head",
        "licence": request.licence, "command": request.command or f"copilot finetune run --task {request.task}",
        "examples": {"count": len(fitted.examples), "sources": sources}, "notes": list(fitted.notes),
    }  # fmt: skip


def _write_rows(path: Path, examples: Sequence[Example]) -> None:
    lines = [json.dumps({"text": e.text, "label": e.label, "source": e.source}, ensure_ascii=False) for e in examples]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def _read_rows(path: Path) -> tuple[Example, ...]:
    if not path.is_file():
        return ()
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return tuple(Example(row["text"], row["label"], row.get("source", "seed")) for row in rows)
    except (OSError, ValueError, KeyError) as error:
        raise RegistryError(f"{path} cannot be read ({error}); promote another version") from error
