"""The one training loop: any head on the shared body, by any method, on a CPU or a GPU, resumable after every epoch.

First the head alone is fitted on the unchanged body, then both learn together, so that the layers are not distorted by a
head that knows nothing (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features"). What the head is and what it
is told apart by stands in `finetune.tasks`. Imports torch.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from finetune.errors import TrainingError
from finetune.learner import Learner

Say = Callable[[str], None]
STATE, CURVE, PLOT = "state.pt", "curve.jsonl", "curve.png"
_POOL_BATCHES = 16  # batches are cut from so many shuffled ones, sorted by length: hardly any padding
_TICK_S = 5.0


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How a head is fine-tuned. `epochs` 0 means by the number of examples, see `epochs_for`; rates are AdamW's."""

    method: str = "full"
    epochs: int = 0
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float = 1e-4
    lora_learning_rate: float = 6e-4
    head_learning_rate: float = 1e-3
    layer_decay: float = 0.9
    weight_decay: float = 0.01
    warm_up: float = 0.1
    token_dropout: float = 0.1
    label_smoothing: float = 0.1
    class_weights: str = "none"  # or "balanced"
    contrast: float = 0.5
    contrast_temperature: float = 0.1
    outlier: float = 0.5
    augment: float = 0.0  # share of the texts that are changed anew in every epoch
    rank: int = 16
    patience: int = 3
    max_tokens: int = 96
    seed: int = 0
    device: str = "auto"
    threads: int = 0
    minutes: float = 0.0  # above 0: the rates fall with the clock too, and training ends when the time is up
    frozen_layers: int = 0  # of the body, from below: a step costs less, and so does what is kept
    distil: float = 0.7  # share of the loss on what teachers say, where there are any; the labels have the rest
    distil_temperature: float = 2.0  # by which teacher and student are softened for that, see `finetune.ensemble`

    def checked(self) -> TrainSettings:
        """With the device chosen. Raises TrainingError for values that make no sense."""
        for name in (
            "learning_rate", "lora_learning_rate", "head_learning_rate", "batch_size", "accumulate", "rank", "patience",
            "contrast_temperature", "distil_temperature",
        ):  # fmt: skip
            if not getattr(self, name) > 0:
                raise TrainingError(f"The setting {name} is {getattr(self, name)}; it must be above 0")
        for name, least in (("epochs", 0), ("max_tokens", 4), ("minutes", 0), ("frozen_layers", 0)):
            if getattr(self, name) < least:
                raise TrainingError(f"The setting {name} is {getattr(self, name)}; it must be {least} or more")
        for name in ("token_dropout", "label_smoothing", "augment", "warm_up"):
            if not 0 <= getattr(self, name) < 1:
                raise TrainingError(f"The setting {name} is {getattr(self, name)}; it must be from 0 to below 1")
        if not 0 <= self.distil <= 1:
            raise TrainingError(f"The setting distil is {self.distil}; it must be from 0 to 1")
        if self.class_weights not in ("none", "balanced"):
            raise TrainingError(f"The setting class_weights is {self.class_weights!r}; choose none or balanced")
        if self.device == "auto":
            return replace(self, device="cuda" if torch.cuda.is_available() else "cpu")
        return self


class Task(Protocol):
    """What is learnt: a head, the loss of some rows, and how good it is by now."""

    head: nn.Module

    def lengths(self, epoch: int) -> npt.NDArray[np.int64]:
        """Tokens of every row; called once an epoch, before its first loss (augmentation may change them)."""
        ...

    def losses(self, learner: Learner, rows: npt.NDArray[np.int64]) -> dict[str, Tensor]:
        """Terms whose sum is to fall."""
        ...

    def score(self, learner: Learner) -> float | None:
        """A measure on the rows held out, higher is better; None without any."""
        ...


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training left: the best epoch (0: nothing learnt was better than the start), its score, and the curve."""

    best_epoch: int
    score: float | None
    curve: tuple[Mapping[str, float], ...]


def epochs_for(count: int) -> int:
    """Few examples are seen more often: 12 times below 600, 8 at 2,000, 4 at 15,000."""
    return int(np.clip(round(10 * (1000 / max(1, count)) ** 0.35), 3, 12))


def train(
    learner: Learner, task: Task, settings: TrainSettings, work: Path | None = None, say: Say | None = None
) -> Trained:
    """Fine-tune `learner` and the task's head in place; afterwards both are as in the best epoch.

    `work` keeps the state after every epoch, logs for TensorBoard and the learning curve; a training started again with
    the same settings and folder goes on from there. Raises TrainingError for a loss that is no number or a full disk.
    """
    settings = settings.checked()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    device = settings.device
    learner.to(device)
    task.head.to(device)
    count = len(task.lengths(0))
    epochs = settings.epochs or epochs_for(count)
    steps = max(1, epochs * math.ceil(count / settings.batch_size) // settings.accumulate)
    optimizer, schedule = _optimizer(learner, task.head, settings, steps)
    run = _Run(learner, task.head, optimizer, schedule, settings)
    learner.eval()
    with torch.no_grad():
        run.best(0, task.score(learner))
    start = run.restore(work)
    log = _Log(work, say, epochs, start)
    for epoch in range(start, epochs):
        if run.best_score is not None and epoch - run.best_epoch >= settings.patience:
            break
        if run.late():
            break
        began = time.monotonic()
        torch.manual_seed(settings.seed * 1_000 + epoch)
        learner.train()
        means: dict[str, list[float]] = {}
        batches = list(_batches(task.lengths(epoch), settings, epoch))
        for number, rows in enumerate(batches, 1):
            losses = task.losses(learner, rows)
            total: Tensor = torch.stack(list(losses.values())).sum()
            if not torch.isfinite(total):
                raise TrainingError(
                    f"The loss is {float(total.detach())} in epoch {epoch + 1}, batch {number}; lower the learning rates"
                )
            (total / settings.accumulate).backward()
            if number % settings.accumulate == 0 or number == len(batches):
                run.step()
            for name, value in losses.items():
                means.setdefault(name, []).append(float(value.detach()))
            log.tick(epoch, number, len(batches))
            if run.late():
                break
        learner.eval()
        with torch.no_grad():
            score = task.score(learner)
        run.best(epoch + 1, score)
        log.epoch(epoch + 1, {n: float(np.mean(v)) for n, v in means.items()}, score, time.monotonic() - began)
        run.save(work, epoch + 1)
    run.take_best()
    log.close()
    return Trained(run.best_epoch, run.best_score, tuple(log.curve))


def _optimizer(learner: Learner, head: nn.Module, settings: TrainSettings, steps: int) -> tuple[Any, Any]:
    rate = settings.lora_learning_rate if settings.method == "lora" else settings.learning_rate
    groups = learner.groups(rate, settings.layer_decay, settings.weight_decay)
    if own := [p for p in head.parameters() if p.requires_grad]:
        groups.append({"params": own, "lr": settings.head_learning_rate, "weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups, fused=True)
    warm = max(1, round(settings.warm_up * steps))
    began = time.monotonic()

    def factor(step: int) -> float:
        left = (steps - step) / max(1, steps - warm)
        if settings.minutes:
            left = min(left, 1 - (time.monotonic() - began) / (60 * settings.minutes))
        return min((step + 1) / warm, max(0.02, left))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def _batches(lengths: npt.NDArray[np.int64], settings: TrainSettings, epoch: int) -> Iterator[npt.NDArray[np.int64]]:
    rng = np.random.default_rng([settings.seed, epoch])
    order = rng.permutation(len(lengths))
    pool = settings.batch_size * _POOL_BATCHES
    for begin in range(0, len(order), pool):
        block = order[begin : begin + pool]
        block = block[np.argsort(-lengths[block], kind="stable")]
        cuts = [block[i : i + settings.batch_size] for i in range(0, len(block), settings.batch_size)]
        for place in rng.permutation(len(cuts)):
            yield cuts[place]


class _Run:
    """Learner, head and optimiser together: one step, the state on disk, and the best state so far in memory."""

    def __init__(
        self, learner: Learner, head: nn.Module, optimizer: Any, schedule: Any, settings: TrainSettings
    ) -> None:
        self._parts = {
            **{f"body.{name}": p for name, p in learner.named_parameters() if p.requires_grad},
            **{f"head.{name}": p for name, p in head.named_parameters()},
        }
        self._optimizer, self._schedule, self._settings = optimizer, schedule, settings
        self._began = time.monotonic()
        self.best_epoch = 0
        self.best_score: float | None = None
        self._kept: dict[str, Tensor] = {}

    def late(self) -> bool:
        """Whether the time given is up."""
        return 0 < self._settings.minutes < (time.monotonic() - self._began) / 60

    def step(self) -> None:
        torch.nn.utils.clip_grad_norm_([p for p in self._parts.values() if p.grad is not None], 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._schedule.step()

    def best(self, epoch: int, score: float | None) -> None:
        """Keep this state if it is the best; without scores the last one is. Of equal ones the later one."""
        if score is not None and self.best_score is not None and score < self.best_score:
            return
        self.best_epoch, self.best_score = epoch, score
        self._kept = {name: p.detach().clone() for name, p in self._parts.items()}

    def take_best(self) -> None:
        with torch.no_grad():
            for name, value in self._kept.items():
                self._parts[name].copy_(value)

    def save(self, work: Path | None, epoch: int) -> None:
        if work is None:
            return
        state = {
            "settings": settings_key(self._settings), "epoch": epoch, "parameters": {n: p.detach() for n, p in self._parts.items()},
            "optimizer": self._optimizer.state_dict(), "schedule": self._schedule.state_dict(),
            "best": self._kept, "best_epoch": self.best_epoch, "best_score": self.best_score,
        }  # fmt: skip
        aside = work / f"{STATE}.part"
        try:
            torch.save(state, aside)
            os.replace(aside, work / STATE)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            with suppress(OSError):
                aside.unlink()
            raise TrainingError(
                f"The state of the training cannot be written to {work} ({str(error)[:120]}); make room"
            ) from error

    def restore(self, work: Path | None) -> int:
        """The number of epochs that are done already."""
        if work is None or not (work / STATE).is_file():
            return 0
        try:
            state = torch.load(work / STATE, map_location=self._settings.device, weights_only=True)
        except Exception:  # cut off or damaged: begun again
            return 0
        shapes = {name: value.shape for name, value in state.get("parameters", {}).items()}
        if state.get("settings") != settings_key(self._settings) or shapes != {
            n: p.shape for n, p in self._parts.items()
        }:
            return 0
        with torch.no_grad():
            for name, value in state["parameters"].items():
                self._parts[name].copy_(value)
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._kept, self.best_epoch, self.best_score = state["best"], int(state["best_epoch"]), state["best_score"]
        return int(state["epoch"])


def settings_key(settings: TrainSettings) -> str:
    """Equal for settings that lead to the same result."""
    return json.dumps({k: v for k, v in asdict(settings).items() if k not in ("device", "threads")}, sort_keys=True)


class _Log:
    """Lines for the user, curve.jsonl, a plot, and events for TensorBoard where that is installed."""

    def __init__(self, work: Path | None, say: Say | None, epochs: int, done: int) -> None:
        """Of the curve in `work`, `done` epochs are kept. Raises TrainingError when that folder cannot be written."""
        self._work, self._say, self._epochs = work, say, epochs
        self.curve: list[dict[str, float]] = []
        self._writer: Any = None
        self._began, self._last = time.monotonic(), time.monotonic()
        if work is None:
            return
        try:
            work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(
                f"The state of the training cannot be written to {work} ({error.strerror or error}); make that folder "
                f"writable, or use another --home"
            ) from error
        with suppress(OSError, ValueError, KeyError, TypeError):
            rows = [json.loads(line) for line in (work / CURVE).read_text(encoding="utf-8").splitlines()]
            self.curve = [row for row in rows if row["epoch"] <= done]
        with suppress(ImportError):
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(work / "tensorboard"))

    def tick(self, epoch: int, batch: int, batches: int) -> None:
        if self._say and time.monotonic() - self._last > _TICK_S:
            self._last = time.monotonic()
            self._say(f"epoch {epoch + 1} of at most {self._epochs}: {100 * batch // batches} %")

    def epoch(self, epoch: int, means: Mapping[str, float], score: float | None, seconds: float) -> None:
        entry = {
            "epoch": epoch,
            **{name: round(value, 5) for name, value in means.items()},
            "seconds": round(seconds, 1),
        }
        if score is not None:
            entry["score"] = round(score, 5)
        self.curve.append(entry)
        if self._say:
            losses = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
            self._say(
                f"epoch {epoch} of at most {self._epochs}: {losses}"
                + (f"; held out {score:.4f}" if score is not None else "") + f"; {seconds:.0f} s"
            )  # fmt: skip
        if self._writer is not None:
            for name, value in entry.items():
                if name != "epoch":
                    self._writer.add_scalar(name, value, epoch)
        if self._work is not None:
            (self._work / CURVE).write_text("".join(json.dumps(row) + "\n" for row in self.curve), encoding="utf-8")

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._work is not None and self.curve:
            with suppress(ImportError):
                plot(self.curve, self._work / PLOT)


def plot(curve: list[dict[str, float]], path: Path) -> None:
    """Draw a learning curve: the losses, and the score on the right-hand scale. Raises ImportError without matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    epochs = [row["epoch"] for row in curve]
    for name in [key for key in curve[0] if key not in ("epoch", "seconds", "score")]:
        axes.plot(epochs, [row.get(name, float("nan")) for row in curve], label=name, marker=".")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.legend(loc="upper left")
    if "score" in curve[0]:
        right = axes.twinx()
        right.plot(epochs, [row.get("score", float("nan")) for row in curve], "k--", marker=".")
        right.set_ylabel("score on the rows held out")
    figure.savefig(path)
