"""Search for the settings of a training: trials on a part of the examples, the best settings for the real one.

The sampler is optuna's tree-structured Parzen estimator (Bergstra et al. 2011). The first trial is the settings as given, so
that the search never ends below them on the examples it was judged by. Those are held out of the examples to learn from; a
validation set that the caller judges by is not looked at. Every trial is kept in a journal: a search that was interrupted
goes on. Imports optuna and torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.dataset import clean, split
from finetune.errors import TrainingError
from finetune.fit import fit_classifier
from finetune.network import Body
from finetune.types import Example

if TYPE_CHECKING:
    from finetune.train import TrainSettings

HELD_OUT = 0.2
JOURNAL = "trials.log"


@dataclass(frozen=True, slots=True)
class Tuned:
    """The settings that were best, and every trial: number, score (macro-F1, 0..1) and what was tried, best first."""

    settings: TrainSettings
    trials: tuple[dict[str, Any], ...]

    @property
    def note(self) -> str:
        """What the search found, for a card."""
        first = next(trial for trial in self.trials if trial["number"] == 0)
        best = self.trials[0]
        return (
            f"{len(self.trials)} settings were tried on examples held out of the training: macro-F1 {first['score']:.3f} with "
            f"those given, {best['score']:.3f} with the best, {best['tried'] or 'the same'}"
        )


def tune(
    examples: Sequence[Example], settings: TrainSettings, trials: int, body: Body, cache: Path, work: Path,
    *, say: Callable[[str], None] | None = None, change: Callable[[str, np.random.Generator], str] | None = None,
) -> Tuned:  # fmt: skip
    """Try `trials` settings, the given ones first. `work` keeps the journal.

    Raises TrainingError when optuna is not installed, for the method "head", which has nothing to search, for fewer than two
    trials, and when too few examples can be held out; DataError as `fit_classifier` does.
    """
    optuna = _optuna()
    if settings.method == "head":
        raise TrainingError("The method head has no settings to search; choose --method lora or full")
    if trials < 2:
        raise TrainingError(f"A search of {trials} trials compares nothing; give 2 or more")
    cleaned = clean(examples).examples
    left, right = split([e.label for e in cleaned], [e.text for e in cleaned], HELD_OUT, settings.seed)
    if len(right) < 10:
        raise TrainingError(
            f"{len(right)} examples can be held out to compare settings by; collect more before a search"
        )
    learnt, held = [cleaned[i] for i in left], [cleaned[i] for i in right]
    work.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(work / JOURNAL)))
    study = optuna.create_study(
        study_name="settings", direction="maximize", storage=storage, load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=settings.seed, n_startup_trials=min(5, trials)),
    )  # fmt: skip
    if not study.trials:
        study.enqueue_trial(_given(settings))

    def score(trial: Any) -> float:
        tried = settings if trial.number == 0 else _suggested(trial, settings)
        if trial.number == 0:  # the sampler learns from it too
            _suggested(trial, settings)
        done = fit_classifier(learnt, held, tried, body, cache, change=change)
        found = done.held_out.macro_f1 if done.held_out else 0.0
        if say:
            say(
                f"trial {trial.number + 1} of {trials}: macro-F1 {found:.3f}, {_differences(settings, tried) or 'as given'}"
            )
        trial.set_user_attr("tried", _differences(settings, tried))
        trial.set_user_attr("settings", _plain(tried))
        return found

    finished = [t for t in study.trials if t.state.is_finished() and t.value is not None]
    if finished and say:
        say(f"going on with a search of {len(finished)} trials")
    study.optimize(score, n_trials=max(0, trials - len(finished)))
    ranked = sorted((t for t in study.trials if t.value is not None), key=lambda t: (-t.value, t.number))
    best = replace(settings, **ranked[0].user_attrs["settings"])
    rows = tuple({"number": t.number, "score": float(t.value), "tried": t.user_attrs["tried"]} for t in ranked)
    return Tuned(best, rows)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise TrainingError(
            'A search for settings needs the package optuna; install it with pip install "factory-copilot[train]"'
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _rate(settings: TrainSettings) -> str:
    return "lora_learning_rate" if settings.method == "lora" else "learning_rate"


def _suggested(trial: Any, settings: TrainSettings) -> TrainSettings:
    """One draw: a rate up to four times either way, and what keeps a small training from learning by heart."""
    rate = getattr(settings, _rate(settings))
    drawn: dict[str, Any] = {
        _rate(settings): rate * trial.suggest_float("rate", 0.25, 4.0, log=True),
        "token_dropout": trial.suggest_float("token_dropout", 0.0, 0.3),
        "label_smoothing": trial.suggest_float("label_smoothing", 0.0, 0.2),
        "contrast": trial.suggest_float("contrast", 0.0, 1.0),
        "augment": trial.suggest_float("augment", 0.0, 0.6),
    }
    if settings.method == "lora":
        drawn["rank"] = trial.suggest_categorical("rank", [8, 16, 32])
    return replace(settings, **drawn)


def _given(settings: TrainSettings) -> dict[str, Any]:
    given: dict[str, Any] = {
        "rate": 1.0, "token_dropout": settings.token_dropout, "label_smoothing": settings.label_smoothing,
        "contrast": settings.contrast, "augment": settings.augment,
    }  # fmt: skip
    return given | ({"rank": settings.rank} if settings.rank in (8, 16, 32) else {})


def _plain(settings: TrainSettings) -> dict[str, Any]:
    names = (_rate(settings), "token_dropout", "label_smoothing", "contrast", "augment", "rank")
    return {name: getattr(settings, name) for name in names}


def _differences(given: TrainSettings, tried: TrainSettings) -> str:
    before, after = _plain(given), _plain(tried)
    return ", ".join(f"{name} {value:.3g}" for name, value in after.items() if value != before[name])
