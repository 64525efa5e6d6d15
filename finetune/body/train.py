"""Teaching the body Chinese: distillation (Reimers & Gurevych 2020, "Making Monolingual Sentence Embeddings Multilingual
Using Knowledge Distillation"), then contrast between questions and passages on top of it.

Stage 1, pairs and passages: the student's vector of the Chinese text, and of every fifth English text, is pulled to the
unchanged body's vector of the English one (1 - cosine); the Chinese one is also told apart from the other texts of the
batch (InfoNCE, van den Oord et al. 2018, both directions). Stage 2 mixes in Chinese questions with their passage against the other passages of the batch
and one chosen to look alike. Batches hold texts of like length and a fixed number of tokens.

A run writes its state every few minutes and goes on from there when it is started again with the same settings.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from finetune.body.parent import tokens_of
from finetune.body.prepare import Ragged, load
from finetune.body.student import Student
from finetune.body.vocabulary import Vocabulary, row_sources
from finetune.errors import BodyError
from indexer.model_folder import resolve_model

STATE, WEIGHTS, CURVE, RUN = "state.pt", "student.npz", "curve.jsonl", "run.json"


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """One run. `steps` counts batches of `batch_tokens` Chinese tokens; the last `stage_two` of them also learn to read."""

    steps: int = 3_000
    batch_tokens: int = 6_000
    max_batch: int = 384
    method: str = "full"
    first_rows: str = "rows"
    start: str = ""  # a run whose layers this one starts from, instead of the unchanged body's
    learning_rate: float = 1.5e-4
    row_learning_rate: float = 2e-3
    warm_up: int = 100
    temperature: float = 0.05
    contrast: float = 0.1
    english_share: float = 0.2
    long_every: int = 12  # one batch of passages in so many, and one of English passages
    reading_every: int = 3
    stage_two: float = 0.2
    seed: int = 0
    device: str = "cpu"
    checkpoint_minutes: float = 10.0
    report_every: int = 50


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one kind of data: "pairs", "long", "english" or "reading"."""

    kind: str
    rows: npt.NDArray[np.int64]


def train(data: Path, target: Path, settings: TrainSettings, report: Callable[[str], None] = print) -> None:
    """Teach a student on the folder `data` that `prepare` wrote; the result is `target`/student.npz.

    Raises BodyError when the data are missing, or `target` holds a run with other settings.
    """
    target.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    vocabulary = Vocabulary.read(data / "vocabulary.json")
    known = tokens_of(resolve_model())
    first_rows = np.load(data / f"{settings.first_rows}.npy")
    # On a CPU fused attention spends more on its backward pass than all the matrix products together.
    student = Student(first_rows, np.array(row_sources(vocabulary, known)), settings.method, settings.device != "cpu")
    student.to(settings.device)
    student.eval()
    if settings.start:
        with np.load(Path(settings.start) / WEIGHTS) as file:
            student.load_layers({name: file[name] for name in file.files if name != "new_rows"})
    run = Run(student, settings)
    run.restore(target)
    sets = {kind: load(data, kind) for kind in ("pairs", "long", "english", "reading")}
    progress = _Progress(target / CURVE, settings, run.step, report)
    saved = time.monotonic()
    try:
        for batch in _batches(sets, settings, run.step):
            losses = _losses(student, batch, sets, settings)
            run.learn(losses)
            progress.add(run.step, len(batch.rows), losses)
            if time.monotonic() - saved > 60 * settings.checkpoint_minutes:
                run.save(target)
                saved = time.monotonic()
    except KeyboardInterrupt:  # nothing learnt is lost
        run.save(target)
        raise
    run.save(target)


class Run:
    """A student with its optimiser and the number of steps it has made."""

    def __init__(self, student: Student, settings: TrainSettings) -> None:
        self._student = student
        self._settings = settings
        groups = [{"params": [student.rows], "lr": settings.row_learning_rate, "weight_decay": 0.0}]
        if layers := student.layer_parameters():
            groups.append({"params": layers, "lr": settings.learning_rate, "weight_decay": 0.0})
        self._optimizer: Any = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
        self._schedule: Any = torch.optim.lr_scheduler.LambdaLR(self._optimizer, _rate(settings))
        self.step = 0

    def learn(self, losses: Mapping[str, Tensor]) -> None:
        """One step down the sum of the losses."""
        total: Tensor = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(total):
            raise BodyError(f"The loss is {float(total)} at step {self.step}; lower the learning rates")
        total.backward()
        torch.nn.utils.clip_grad_norm_([p for g in self._optimizer.param_groups for p in g["params"]], 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._schedule.step()
        self.step += 1

    def save(self, target: Path) -> None:
        """Write the state to go on from, and the weights as they are, each aside first."""
        changing = {name: p for name, p in self._student.named_parameters() if p.requires_grad}
        state = {
            "settings": json.dumps(asdict(self._settings)), "step": self.step, "parameters": changing,
            "optimizer": self._optimizer.state_dict(), "schedule": self._schedule.state_dict(),
        }  # fmt: skip
        torch.save(state, target / f"{STATE}.part")
        os.replace(target / f"{STATE}.part", target / STATE)
        write_student(self._student, target / WEIGHTS)
        (target / RUN).write_text(json.dumps({"step": self.step, **asdict(self._settings)}) + "\n", encoding="utf-8")

    def restore(self, target: Path) -> None:
        """Go on from the state in `target`, if there is one. Raises BodyError when its settings were others."""
        if not (target / STATE).is_file():
            return
        state = torch.load(target / STATE, map_location=self._settings.device, weights_only=True)
        free = ("device", "checkpoint_minutes", "report_every")  # they change nothing of what is learnt
        before, now = (
            {name: value for name, value in json.loads(text).items() if name not in free}
            for text in (state["settings"], json.dumps(asdict(self._settings)))
        )
        if before != now:
            raise BodyError(f"{target} holds a run with other settings ({state['settings']}); name another folder")
        with torch.no_grad():
            parameters = dict(self._student.named_parameters())
            for name, value in state["parameters"].items():
                parameters[name].copy_(value)
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self.step = int(state["step"])


class _Progress:
    """Tells how far a run is, and appends the mean losses to its curve."""

    def __init__(self, curve: Path, settings: TrainSettings, start: int, report: Callable[[str], None]) -> None:
        self._curve, self._settings, self._start, self._report = curve, settings, start, report
        self._began = time.monotonic()
        self._texts = 0
        self._recent: dict[str, list[float]] = {}

    def add(self, step: int, texts: int, losses: Mapping[str, Tensor]) -> None:
        self._texts += texts
        for name, value in losses.items():
            self._recent.setdefault(name, []).append(float(value.detach()))
        if step % self._settings.report_every:
            return
        means = {name: round(float(np.mean(values)), 4) for name, values in self._recent.items()}
        self._recent.clear()
        with self._curve.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **means}) + "\n")
        took = time.monotonic() - self._began
        left = took / (step - self._start) * (self._settings.steps - step)
        self._report(
            f"step {step} of {self._settings.steps}, {self._texts / took:.0f} texts/s, {left / 60:.0f} min left: {means}"
        )


def write_student(student: Student, path: Path) -> None:
    """Write the rows and the changed layers as one .npz, aside first."""
    aside = path.with_suffix(".part.npz")
    np.savez(aside, **{"new_rows": student.rows.detach().float().cpu().numpy(), **student.weights()})  # type: ignore[arg-type]
    os.replace(aside, path)


def _rate(settings: TrainSettings) -> Callable[[int], float]:
    def rate(step: int) -> float:
        if step < settings.warm_up:
            return (step + 1) / settings.warm_up
        done = (step - settings.warm_up) / max(1, settings.steps - settings.warm_up)
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    return rate


def _batches(sets: dict[str, Any], settings: TrainSettings, start: int) -> Iterator[Batch]:
    """The batches from step `start` on; the same for the same settings, so that a run can go on."""
    lengths = {
        "pairs": sets["pairs"][0]["chinese"].lengths,
        "long": sets["long"][0]["chinese"].lengths,
        "english": sets["english"][0]["english"].lengths,
        "reading": 2 * sets["reading"][0]["passage"].lengths
        if len(sets["reading"][0]["passage"])
        else np.empty(0, int),
    }
    streams = {
        kind: _stream(some, settings, number) for number, (kind, some) in enumerate(lengths.items()) if len(some)
    }
    second = round(settings.steps * (1 - settings.stage_two))
    for step in range(settings.steps):
        kind = "pairs"
        if step % settings.long_every == 3 and "long" in streams:
            kind = "long"
        elif step % settings.long_every == 9 and "english" in streams:
            kind = "english"
        elif step >= second and step % settings.reading_every == 1 and "reading" in streams:
            kind = "reading"
        rows = next(streams[kind])
        if step >= start:
            yield Batch(kind, rows)


def _stream(lengths: npt.NDArray[np.int64], settings: TrainSettings, salt: int) -> Iterator[npt.NDArray[np.int64]]:
    """Endless batches: a shuffled pool is cut into blocks, each sorted by length, its batches in random order."""
    rng = np.random.default_rng([settings.seed, salt])
    while True:
        order = rng.permutation(len(lengths))
        for begin in range(0, len(order), 50_000):
            block = order[begin : begin + 50_000]
            block = block[np.argsort(-(lengths[block] + rng.random(len(block))), kind="stable")]
            cuts, at = [], 0
            while at < len(block):
                size = int(min(settings.max_batch, max(8, settings.batch_tokens // max(1, int(lengths[block[at]])))))
                cuts.append(block[at : at + size])
                at += size
            if len(cuts) > 1 and len(cuts[-1]) < 8:
                cuts.pop()
            for i in rng.permutation(len(cuts)):
                yield cuts[i]


def _losses(student: Student, batch: Batch, sets: dict[str, Any], settings: TrainSettings) -> dict[str, Tensor]:
    columns, teacher = sets[batch.kind]
    if batch.kind == "reading":
        question = _vectors(student, columns["question"], batch.rows, settings)
        passages = torch.cat([_vectors(student, columns[name], batch.rows, settings) for name in ("passage", "other")])
        return {"reading": 0.5 * _contrast(question, passages, settings.temperature)}
    target = torch.from_numpy(teacher[batch.rows].astype(np.float32)).to(settings.device)
    if batch.kind == "english":
        return {"english": 5 * _apart(_vectors(student, columns["english"], batch.rows, settings), target)}
    chinese = _vectors(student, columns["chinese"], batch.rows, settings)
    losses = {
        f"{batch.kind} cosine": _apart(chinese, target),
        f"{batch.kind} contrast": settings.contrast * _contrast(chinese, target, settings.temperature, mutual=True),
    }
    some = batch.rows[:: max(1, round(1 / settings.english_share))] if settings.english_share else batch.rows[:0]
    if len(some):
        english = _vectors(student, columns["english"], some, settings)
        anchors = torch.from_numpy(teacher[some].astype(np.float32)).to(settings.device)
        losses[f"{batch.kind} english"] = 2 * _apart(english, anchors)
    return losses


def _apart(vectors: Tensor, target: Tensor) -> Tensor:
    return 1 - (vectors * functional.normalize(target, dim=-1)).sum(-1).mean()


def _contrast(left: Tensor, right: Tensor, temperature: float, mutual: bool = False) -> Tensor:
    """InfoNCE: left i belongs to right i. Rights that are almost the same as right i do not count as wrong."""
    same = (right[: len(left)].detach() @ right.detach().T) > 0.95
    same.fill_diagonal_(False)
    scores = (left @ right.T / temperature).masked_fill(same, -1e4)
    labels = torch.arange(len(left), device=left.device)
    loss = functional.cross_entropy(scores, labels)
    return (loss + functional.cross_entropy(scores.T[: len(left)], labels)) / 2 if mutual else loss


def _vectors(student: Student, texts: Ragged, rows: npt.NDArray[np.int64], settings: TrainSettings) -> Tensor:
    some = [texts[int(i)] for i in rows]
    width = max(map(len, some))
    ids = np.zeros((len(some), width), dtype=np.int64)
    mask = np.zeros_like(ids)
    for place, tokens in enumerate(some):
        ids[place, : len(tokens)] = tokens
        mask[place, : len(tokens)] = 1
    device = settings.device
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
        vectors: Tensor = student(torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device))
    return vectors
