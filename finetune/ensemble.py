"""Several versions that differ in their seeds, and one student that learns what they say together.

Such an ensemble is right more often than its members and knows better how sure it may be (Dietterich 2000; Lakshminarayanan
et al. 2017), but costs as many times the work at every question. A student taught its probabilities keeps part of that for
the price of one (Buciluǎ et al. 2006, "Model Compression"; Hinton et al. 2015, "Distilling the Knowledge in a Neural
Network"), the more so where it hears of texts that the members have not learnt by heart: changed ones, and ones that
nobody labelled. Members and student are learnt by the one loop of `finetune.train`. Imports torch.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.classifier import ClassifierParts, read_classifier, write_classifier
from finetune.dataset import clean, same_text
from finetune.durable import is_disk_full
from finetune.errors import RegistryError, TrainingError
from finetune.fit import Change, Fitted, Lessons, Say, digest, fit_classifier
from finetune.network import Body, Layers, Matrix, Network, merged
from finetune.scope import softmax
from finetune.types import Example

if TYPE_CHECKING:
    from finetune.train import TrainSettings

VARIANTS = 1
"""Changed texts beside every example that the student hears of."""
_CARD = "card.json"
_BLOCK = 2_048


@dataclass(frozen=True, slots=True)
class EnsembleSettings:
    """How many members there are, and what the student hears beside the examples."""

    members: int = 3
    variants: int = VARIANTS
    unlabelled: tuple[str, ...] = ()

    def checked(self, settings: TrainSettings) -> EnsembleSettings:
        """Raises TrainingError for what makes no ensemble."""
        if self.members < 2:
            raise TrainingError(f"An ensemble of {self.members} is none; give 2 versions or more")
        if self.variants < 0:
            raise TrainingError(f"An ensemble cannot teach {self.variants} variants of a text; give 0 or more")
        if settings.method == "head":
            raise TrainingError("The method head gives one version whatever the seed; choose --method lora or full")
        return self


def fit_ensemble(
    examples: Sequence[Example], validation: Sequence[Example], settings: TrainSettings, body: Body, cache: Path,
    ensemble: EnsembleSettings,
    *, work: Path | None = None, say: Say | None = None, change: Change | None = None,
) -> Fitted:  # fmt: skip
    """Fine-tune members with the settings' seed and those after it, then a student on what they say together.

    Arguments as for `fit_classifier`. All of them hold out the same examples. `work` keeps every member that is finished and the
    state of the one under way, so that an interrupted training goes on. Raises what `fit_classifier` does, and TrainingError
    for an ensemble that makes no sense.
    """
    ensemble.checked(settings)
    tell = say or (lambda line: None)
    members, scores = [], []
    for number in range(ensemble.members):
        own = _of_member(settings, number)
        name = f"member {number + 1} of {ensemble.members}"
        parts, score = _member(examples, validation, own, settings.seed, body, cache, work, _named(tell, name), change)
        members.append(parts)
        scores.append(score)
    texts, origins = lesson_texts(examples, validation, ensemble, change, settings.seed)
    tell(f"the members say what they think of {len(texts)} texts")
    lessons = Lessons(texts, origins, shares(members, texts, body, settings.threads))
    own = _of_student(settings, len(texts), sum(text == origin for text, origin in zip(texts, origins, strict=True)))
    fitted = fit_classifier(
        examples, validation, own, body, cache, work=work / "student" if work else None, say=_named(tell, "student"),
        change=change, lessons=lessons, hold_out_seed=settings.seed,
    )  # fmt: skip
    return replace(
        fitted, notes=(_note(ensemble, settings, scores, fitted, len(texts)), *fitted.notes),
        settings=fitted.settings | {"members": ensemble.members, "variants": ensemble.variants},
    )  # fmt: skip


def lesson_texts(
    examples: Sequence[Example], validation: Sequence[Example], ensemble: EnsembleSettings, change: Change | None, seed: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:  # fmt: skip
    """(texts, the example that each is or is a variant of, "" where there is none): the examples first, no text twice.

    Nothing that is judged by is among them, nor a variant that reads like another example.
    """
    known = [example.text for example in clean(examples).examples]
    taken = {same_text(text) for text in (*known, *(example.text for example in validation))}
    texts, origins = list(known), list(known)

    def add(text: str, origin: str) -> None:
        if (key := same_text(text)) and key not in taken:
            taken.add(key)
            texts.append(text)
            origins.append(origin)

    if change is not None:
        rng = np.random.default_rng([seed, 2])
        for _ in range(ensemble.variants):
            for text in known:
                add(change(text, rng), text)
    for text in ensemble.unlabelled:
        add(text, "")
    return tuple(texts), tuple(origins)


def shares(members: Sequence[ClassifierParts], texts: Sequence[str], body: Body, threads: int = 0) -> Matrix:
    """(n, classes) the members' mean probabilities, each calibrated by its own temperature."""
    mean: Any = 0.0
    for parts in members:
        network = Network(body, "member", partial(_layers, body, parts), None, threads or None)
        tokens = body.tokens(parts.max_tokens)
        rows = []
        for begin in range(0, len(texts), _BLOCK):
            some = texts[begin : begin + _BLOCK]
            logits = parts.linear.logits(network.pooled(tokens.ids(some)), some)
            rows.append(softmax(logits, parts.scope.temperature))
        mean = mean + np.concatenate(rows) / len(members)
    return np.asarray(mean, dtype=np.float32)


def _layers(body: Body, parts: ClassifierParts) -> Layers:
    return merged(body.layers(), parts.changes)


def _of_member(settings: TrainSettings, number: int) -> TrainSettings:
    """A member's settings: another seed, and nothing of how it will teach, which must not have it learnt again."""
    plain = type(settings)()
    return replace(
        settings, seed=settings.seed + number, distil=plain.distil, distil_temperature=plain.distil_temperature
    )


def _of_student(settings: TrainSettings, texts: int, examples: int) -> TrainSettings:
    """The student's settings: as many steps as a member, though it hears more texts an epoch."""
    from finetune.train import epochs_for

    epochs = settings.epochs or epochs_for(examples)
    return replace(settings, epochs=max(2, round(epochs * examples / texts)))


def _member(
    examples: Sequence[Example], validation: Sequence[Example], settings: TrainSettings, hold_out_seed: int, body: Body,
    cache: Path, work: Path | None, say: Say, change: Change | None,
) -> tuple[ClassifierParts, float | None]:  # fmt: skip
    """(what one member learnt, its macro-F1 on what was held out), from `work` where it was finished before."""
    folder = work / f"member-{settings.seed}-{digest(examples, validation, settings)[:16]}" if work else None
    if folder is not None and (folder / _CARD).is_file():
        with suppress(RegistryError):  # damaged: learnt again
            kept = _read(folder, body)
            say("kept from before")
            return kept
    training = folder.with_name(f"{folder.name}.training") if folder else None
    fitted = fit_classifier(
        examples, validation, settings, body, cache, work=training, say=say, change=change, hold_out_seed=hold_out_seed
    )
    score = fitted.held_out.macro_f1 if fitted.held_out else None
    if folder is None or training is None:
        return fitted.parts, score
    _write(folder, fitted.parts, score, body)
    shutil.rmtree(training, ignore_errors=True)
    return _read(folder, body)  # as a training that goes on from here would have it


def _write(folder: Path, parts: ClassifierParts, score: float | None, body: Body) -> None:
    """Keep a member: whole or not at all."""
    aside = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        aside.mkdir(parents=True)
        model = write_classifier(aside, parts, (), np.zeros((0, parts.linear.weight.shape[1]), dtype=np.float32))
        card = {"model": model, "parent_body": {"name": body.name, "sha256": body.sha256}, "macro_f1": score}
        (aside / _CARD).write_text(json.dumps(card), encoding="utf-8")
        os.replace(aside, folder)
    except Exception as error:  # safetensors has its own class for a full disk
        shutil.rmtree(aside, ignore_errors=True)
        if not (isinstance(error, OSError) or is_disk_full(error)):
            raise
        raise TrainingError(
            f"A member of the ensemble cannot be written to {folder} ({str(error)[:120]}); make room"
        ) from error


def _read(folder: Path, body: Body) -> tuple[ClassifierParts, float | None]:
    parts = read_classifier(folder, body)
    return parts, json.loads((folder / _CARD).read_text(encoding="utf-8")).get("macro_f1")


def _named(say: Say, name: str) -> Callable[[str], None]:
    return lambda line: say(f"{name}: {line}")


def _note(
    ensemble: EnsembleSettings, settings: TrainSettings, scores: Sequence[float | None], fitted: Fitted, texts: int
) -> str:
    seeds = ", ".join(str(settings.seed + number) for number in range(ensemble.members))
    said = f"learnt from what {ensemble.members} versions say together (seeds {seeds}) of {texts} texts"
    if fitted.held_out is None or None in scores:
        return said
    theirs = ", ".join(f"{score:.3f}" for score in scores if score is not None)
    return (
        f"{said}; macro-F1 on what all of them held out: the versions {theirs}, this one {fitted.held_out.macro_f1:.3f}"
    )
