"""The heads while they learn, for `finetune.train`: a class for a text, a score for a pair, a span, a class for each token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from finetune.learner import Learner, pad, pooled
from finetune.network import Matrix
from finetune.train import TrainSettings

Ids = Sequence[Sequence[int]]
Rows = npt.NDArray[np.int64]
NO_CLASS, UNLABELLED = -1, -2
_SCORE_BATCH = 128


def _lengths(ids: Ids) -> Rows:
    return np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))


class SequenceTask:
    """A text's class: cross-entropy, supervised contrast (Khosla et al. 2020), and no class for outliers.

    Targets of NO_CLASS are texts of no class: the head is taught to be undecided about them (Hendrycks et al. 2019,
    "Deep Anomaly Detection with Outlier Exposure"). Where `shares` say what teachers think of a text, part of the loss is
    how far the head is from that (Hinton et al. 2015, "Distilling the Knowledge in a Neural Network"); UNLABELLED texts
    have nothing else.
    """

    def __init__(
        self,
        tokenise: Callable[[Sequence[str]], Ids],
        texts: Sequence[str],
        targets: Rows,
        first: tuple[Matrix, Matrix],
        settings: TrainSettings,
        held_out: tuple[Sequence[str], Rows] | None = None,
        change: Callable[[str, np.random.Generator], str] | None = None,
        shares: Matrix | None = None,
    ) -> None:
        """`first` is the head to begin with, (classes, d) and (classes,); `change` augments a text; `shares` are (n, classes),
        rows of 0 where no teacher spoke.
        """
        weight, bias = first
        self.head = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight))
            self.head.bias.copy_(torch.from_numpy(bias))
        self._tokenise, self._texts, self._change = tokenise, texts, change
        self._plain = list(tokenise(texts))
        self._ids = self._plain
        self._targets = torch.from_numpy(targets.astype(np.int64))
        self._settings = settings.checked()
        self._shares = None if shares is None else torch.from_numpy(shares.astype(np.float32))
        self._held_out = (tokenise(held_out[0]), held_out[1]) if held_out and len(held_out[0]) else None
        counts = np.bincount(targets[targets >= 0], minlength=weight.shape[0])
        balanced = len(targets) / (weight.shape[0] * np.maximum(counts, 1))
        self._weights = (
            torch.from_numpy(balanced.astype(np.float32)).to(self._settings.device)
            if settings.class_weights == "balanced"
            else None
        )

    def lengths(self, epoch: int) -> Rows:
        """See `train.Task`. Each epoch changes other texts in other ways."""
        share = self._settings.augment
        if share and self._change is not None:
            rng = np.random.default_rng([self._settings.seed, epoch, 1])
            chosen = np.flatnonzero(rng.random(len(self._texts)) < share)
            changed = self._tokenise([self._change(self._texts[int(i)], rng) for i in chosen])
            self._ids = list(self._plain)
            for place, ids in zip(chosen, changed, strict=True):
                self._ids[place] = ids
        return _lengths(self._ids)

    def losses(self, learner: Learner, rows: Rows) -> dict[str, Tensor]:
        """See `train.Task`."""
        settings = self._settings
        ids, mask = pad([self._ids[i] for i in rows], settings.device)
        vectors = pooled(learner(ids, mask, token_dropout=settings.token_dropout), mask)
        logits = self.head(vectors)
        targets = self._targets[torch.from_numpy(rows)].to(settings.device)
        known, outside = targets >= 0, targets == NO_CLASS
        out: dict[str, Tensor] = {}
        if bool(known.any()):
            out["cross-entropy"] = functional.cross_entropy(
                logits[known], targets[known], weight=self._weights, label_smoothing=settings.label_smoothing
            )
            if settings.contrast:
                out["contrast"] = settings.contrast * contrast(
                    vectors[known], targets[known], settings.contrast_temperature
                )
        if settings.outlier and bool(outside.any()):
            undecided = -functional.log_softmax(logits[outside], dim=-1).mean(-1)
            out["outliers"] = settings.outlier * undecided.sum() / len(rows)
        if self._shares is not None:
            shares = self._shares[torch.from_numpy(rows)].to(settings.device)
            taught = shares.sum(1) > 0
            if "cross-entropy" in out:
                out["cross-entropy"] = (1 - settings.distil) * out["cross-entropy"]
            if bool(taught.any()):
                apart = distillation(logits[taught], shares[taught], settings.distil_temperature)
                out["distillation"] = settings.distil * apart
        return out or {"nothing": logits.sum() * 0}

    def score(self, learner: Learner) -> float | None:
        """Accuracy on the rows held out that have a class."""
        if self._held_out is None:
            return None
        ids, targets = self._held_out
        found = []
        for begin in range(0, len(ids), _SCORE_BATCH):
            some, mask = pad(ids[begin : begin + _SCORE_BATCH], self._settings.device)
            found.append(self.head(pooled(learner(some, mask), mask)).argmax(-1).cpu().numpy())
        known = targets != NO_CLASS
        return float((np.concatenate(found)[known] == targets[known]).mean()) if known.any() else None


def distillation(logits: Tensor, shares: Tensor, temperature: float) -> Tensor:
    """Mean divergence of the softened head from the softened teachers; times T², so that its gradients keep their size.

    `shares` are the teachers' probabilities, of which the softened ones are the T-th roots, scaled to a sum of 1.
    """
    wanted = functional.softmax(torch.log(shares.clamp(min=1e-6)) / temperature, dim=-1)
    found = functional.log_softmax(logits / temperature, dim=-1)
    return temperature**2 * functional.kl_div(found, wanted, reduction="batchmean")


def contrast(vectors: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Supervised contrastive loss of one batch; 0 where no class occurs twice."""
    scores = vectors @ vectors.T / temperature
    self_ = torch.eye(len(targets), dtype=torch.bool, device=vectors.device)
    same = (targets[:, None] == targets[None]) & ~self_
    paired = same.any(1)
    if not bool(paired.any()):
        return vectors.sum() * 0
    log = scores.masked_fill(self_, -1e4)
    log = log - torch.logsumexp(log, dim=1, keepdim=True)
    return -((log * same).sum(1)[paired] / same.sum(1)[paired]).mean()


class TokenTask:
    """A class for every word: each word is judged by its first token; the rest, at NO_CLASS, does not count."""

    def __init__(
        self, ids: Ids, targets: Ids, classes: int, width: int, settings: TrainSettings,
        held_out: tuple[Ids, Ids] | None = None, measure: Callable[[list[list[int]]], float] | None = None,
    ) -> None:  # fmt: skip
        """`targets` are aligned with `ids`; `measure` scores the classes found for the held-out texts, token by token."""
        torch.manual_seed(settings.seed)
        self.head = nn.Linear(width, classes)
        self._ids, self._targets, self._settings = ids, targets, settings.checked()
        self._held_out, self._measure = held_out, measure

    def lengths(self, epoch: int) -> Rows:
        """See `train.Task`."""
        return _lengths(self._ids)

    def losses(self, learner: Learner, rows: Rows) -> dict[str, Tensor]:
        """See `train.Task`."""
        settings = self._settings
        ids, mask = pad([self._ids[i] for i in rows], settings.device)
        targets, _ = pad([self._targets[i] for i in rows], settings.device, NO_CLASS)
        logits = self.head(
            functional.dropout(learner(ids, mask, token_dropout=settings.token_dropout), 0.1, learner.training)
        )
        loss = functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=NO_CLASS, label_smoothing=settings.label_smoothing
        )
        return {"cross-entropy": loss}

    def score(self, learner: Learner) -> float | None:
        """What `measure` says of the held-out texts."""
        if self._held_out is None or self._measure is None:
            return None
        found: list[list[int]] = []
        ids = self._held_out[0]
        for begin in range(0, len(ids), _SCORE_BATCH):
            block = ids[begin : begin + _SCORE_BATCH]
            some, mask = pad(block, self._settings.device)
            best = self.head(learner(some, mask)).argmax(-1).cpu().numpy()
            found += [row[: len(own)].tolist() for row, own in zip(best, block, strict=True)]
        return self._measure(found)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two texts in one sequence, with `types` 0 and 1 for their tokens, and a target each."""

    ids: Ids
    types: Ids
    targets: Sequence[float] | Sequence[tuple[int, int]]


class PairTask:
    """How well a passage answers a question, as a score: binary cross-entropy on the first token's state."""

    def __init__(self, pairs: Pairs, width: int, settings: TrainSettings, held_out: Pairs | None = None) -> None:
        torch.manual_seed(settings.seed)
        self.head = nn.Linear(width, 1)
        self._pairs, self._settings, self._held_out = pairs, settings.checked(), held_out

    def lengths(self, epoch: int) -> Rows:
        """See `train.Task`."""
        return _lengths(self._pairs.ids)

    def losses(self, learner: Learner, rows: Rows) -> dict[str, Tensor]:
        """See `train.Task`."""
        targets = torch.tensor([float(self._pairs.targets[i]) for i in rows], device=self._settings.device)  # type: ignore[arg-type]
        return {
            "cross-entropy": functional.binary_cross_entropy_with_logits(
                self._scores(learner, self._pairs, rows), targets
            )
        }

    def score(self, learner: Learner) -> float | None:
        """Average precision over the pairs held out."""
        if self._held_out is None:
            return None
        from sklearn.metrics import average_precision_score

        rows = np.arange(len(self._held_out.ids))
        found = [
            self._scores(learner, self._held_out, rows[i : i + _SCORE_BATCH]).cpu()
            for i in range(0, len(rows), _SCORE_BATCH)
        ]
        return float(average_precision_score(np.array(self._held_out.targets) > 0.5, torch.cat(found).numpy()))

    def _scores(self, learner: Learner, pairs: Pairs, rows: Rows) -> Tensor:
        hidden = _pair_states(learner, pairs, rows, self._settings)[0]
        scores: Tensor = self.head(hidden[:, 0])[:, 0]
        return scores


class SpanTask:
    """Where an answer begins and ends in the second text; (0, 0) says that there is none (Devlin et al. 2019)."""

    def __init__(self, pairs: Pairs, width: int, settings: TrainSettings, held_out: Pairs | None = None) -> None:
        torch.manual_seed(settings.seed)
        self.head = nn.Linear(width, 2)
        self._pairs, self._settings, self._held_out = pairs, settings.checked(), held_out

    def lengths(self, epoch: int) -> Rows:
        """See `train.Task`."""
        return _lengths(self._pairs.ids)

    def losses(self, learner: Learner, rows: Rows) -> dict[str, Tensor]:
        """See `train.Task`."""
        begin, end = self._edges(learner, self._pairs, rows)
        targets = torch.tensor([self._pairs.targets[i] for i in rows], device=self._settings.device)
        return {
            "begin": functional.cross_entropy(begin, targets[:, 0]) / 2,
            "end": functional.cross_entropy(end, targets[:, 1]) / 2,
        }

    def score(self, learner: Learner) -> float | None:
        """Share of the held-out pairs whose both edges are right."""
        if self._held_out is None:
            return None
        right = 0
        rows = np.arange(len(self._held_out.ids))
        for at in range(0, len(rows), _SCORE_BATCH):
            some = rows[at : at + _SCORE_BATCH]
            begin, end = (edge.argmax(-1).cpu().tolist() for edge in self._edges(learner, self._held_out, some))
            right += sum((b, e) == tuple(self._held_out.targets[i]) for b, e, i in zip(begin, end, some, strict=True))  # type: ignore[arg-type]
        return right / max(1, len(rows))

    def _edges(self, learner: Learner, pairs: Pairs, rows: Rows) -> tuple[Tensor, Tensor]:
        hidden, types = _pair_states(learner, pairs, rows, self._settings)
        allowed = types.bool()
        allowed[:, 0] = True  # the first token stands for "no answer"
        logits = self.head(hidden).masked_fill(~allowed[..., None], -1e4)
        return logits[..., 0], logits[..., 1]


def _pair_states(learner: Learner, pairs: Pairs, rows: Rows, settings: TrainSettings) -> tuple[Tensor, Tensor]:
    ids, mask = pad([pairs.ids[i] for i in rows], settings.device)
    types, _ = pad([pairs.types[i] for i in rows], settings.device)
    return learner(ids, mask, types, settings.token_dropout), types
