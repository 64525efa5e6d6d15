"""Relevance and answer span learnt together, for `finetune.train`: the heads, their losses, and how good they are.

Of one question's passages the right one must score highest (cross-entropy over the group, as in localised contrastive
estimation, Gao, Dai & Callan 2021), and each score is a calibrated yes or no by itself (binary cross-entropy). The span
is Devlin et al. 2019's: begin and end, the first token standing for "no answer here".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from finetune.learner import Learner, pad
from finetune.reading.examples import Group, Passage
from finetune.reading.pairs import PairTokens, Tokens, window
from finetune.train import TrainSettings

Rows = npt.NDArray[np.int64]
UNMARKED = -100  # torch's index to leave out
_SCORE_GROUPS = 24


@dataclass(frozen=True, slots=True)
class Encoded:
    """A group as tokens: the right passage first; `edges` are first and last token of the answer in the whole sequence."""

    ids: list[list[int]]
    types: list[list[int]]
    edges: list[tuple[int, int]]

    @property
    def longest(self) -> int:
        return max(map(len, self.ids))


class Encoder:
    """Groups -> tokens, long passages cut to windows that are drawn anew each time."""

    def __init__(self, tokens: PairTokens, short: int = 120, long: int = 224, share_long: float = 0.25) -> None:
        """Most groups get `short` tokens a pair, `share_long` of them `long`."""
        self._tokens, self._short, self._long, self._share = tokens, short, long, share_long

    def encode(self, groups: Sequence[Group], rng: np.random.Generator) -> list[Encoded]:
        """All groups; a negative whose answer cannot be cut off is left out."""
        texts = [
            text
            for group in groups
            for text in (group.question, group.positive.text, *(n.text for n in group.negatives))
        ]
        found = iter(self._tokens.tokens(texts))
        out = []
        for group in groups:
            limit = self._long if rng.random() < self._share else self._short
            question = next(found)
            encoded = Encoded([], [], [])
            for passage in (group.positive, *group.negatives):
                whole = next(found)
                shown = self._shown(whole, passage, self._tokens.room(question, limit), passage is group.positive, rng)
                if shown is None:
                    continue
                pair = self._tokens.pair(question, shown, limit)
                encoded.ids.append(pair.ids)
                encoded.types.append(pair.types)
                encoded.edges.append(self._edges(pair.passage, pair.first, passage, passage is group.positive))
            out.append(encoded)
        return out

    def _shown(
        self, whole: Tokens, passage: Passage, room: int, positive: bool, rng: np.random.Generator
    ) -> Tokens | None:
        place = whole.covering(*passage.span) if passage.span else None
        if positive or place is None:
            return window(whole, room, rng, place)
        sides = [whole.cut(0, place[0]), whole.cut(place[1] + 1, len(whole.ids))]
        sides = [side for side in sides if len(side.ids) >= min(room, 30)]
        return window(sides[int(rng.integers(len(sides)))], room, rng) if sides else None

    def _edges(self, shown: Tokens, first: int, passage: Passage, positive: bool) -> tuple[int, int]:
        if not positive:
            return 0, 0
        place = shown.covering(*passage.span) if passage.span else None
        if place is None:
            return UNMARKED, UNMARKED
        return place[0] + first, place[1] + first


class ReadingHead(nn.Module):  # type: ignore[misc]  # torch is not followed by the type checker
    """Relevance from the first token's state, begin and end from every token's."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.relevance = nn.Linear(width, 1)
        self.edges = nn.Linear(width, 2)


class ReadingTask:
    """See `finetune.train.Task`. An epoch reads one shard of the groups, so that the state is kept after each."""

    def __init__(
        self,
        encoder: Encoder,
        groups: Sequence[Group],
        shards: int,
        width: int,
        settings: TrainSettings,
        held_out: Sequence[Group] = (),
        change: Callable[[str, np.random.Generator], str] | None = None,
    ) -> None:
        """`change` alters the wording of the share of questions that `settings.augment` says."""
        self._settings = settings.checked()
        torch.manual_seed(settings.seed)
        self.head = ReadingHead(width)
        self._encoder, self._change = encoder, change
        size = len(groups) // shards
        self._shards = [groups[i * size : (i + 1) * size] for i in range(shards)]
        self._shard: list[Encoded] = []
        self._held_out = encoder.encode(held_out, np.random.default_rng(settings.seed))

    def lengths(self, epoch: int) -> Rows:
        """See `train.Task`."""
        rng = np.random.default_rng([self._settings.seed, epoch, 2])
        groups = [self._changed(group, rng) for group in self._shards[epoch % len(self._shards)]]
        self._shard = self._encoder.encode(groups, rng)
        return np.array([group.longest for group in self._shard], dtype=np.int64)

    def _changed(self, group: Group, rng: np.random.Generator) -> Group:
        if self._change is None or rng.random() >= self._settings.augment:
            return group
        return Group(self._change(group.question, rng) or group.question, group.positive, group.negatives, group.source)

    def losses(self, learner: Learner, rows: Rows) -> dict[str, Tensor]:
        """See `train.Task`."""
        groups = [self._shard[int(i)] for i in rows]
        relevance, edges = self._read(learner, groups)
        device = relevance.device
        bounds = np.cumsum([0, *(len(group.ids) for group in groups)]).tolist()
        right = torch.zeros_like(relevance)
        right[bounds[:-1]] = 1
        order = [
            functional.cross_entropy(relevance[a:b][None], torch.zeros(1, dtype=torch.long, device=device))
            for a, b in pairwise(bounds)
            if b - a > 1
        ]
        targets = torch.tensor([edge for group in groups for edge in group.edges], device=device)
        span = [functional.cross_entropy(edges[..., side], targets[:, side], ignore_index=UNMARKED) for side in (0, 1)]
        out = {
            "relevance": functional.binary_cross_entropy_with_logits(relevance, right),
            "span": (span[0] + span[1]) / 2,
        }
        if order:
            out["order"] = torch.stack(order).mean()
        return out

    def score(self, learner: Learner) -> float | None:
        """Mean of: how often the right passage is first, how well the tokens of the span are met (F1), average precision."""
        if not self._held_out:
            return None
        first, overlap, scores, right = [], [], [], []
        for begin in range(0, len(self._held_out), _SCORE_GROUPS):
            groups = self._held_out[begin : begin + _SCORE_GROUPS]
            relevance, edges = (part.float().cpu() for part in self._read(learner, groups))
            at = 0
            for group in groups:
                mine = relevance[at : at + len(group.ids)]
                first.append(float(int(mine.argmax()) == 0))
                scores += mine.tolist()
                right += [1] + [0] * (len(group.ids) - 1)
                if group.edges[0][0] != UNMARKED:
                    overlap.append(_overlap(edges[at], group.edges[0]))
                at += len(group.ids)
        from sklearn.metrics import average_precision_score

        return float(np.mean([np.mean(first), np.mean(overlap), average_precision_score(right, scores)]))

    def _read(self, learner: Learner, groups: Sequence[Encoded]) -> tuple[Tensor, Tensor]:
        """Relevance (pairs,) and edges (pairs, tokens, 2), tokens of the question out of the question."""
        settings = self._settings
        ids, mask = pad([row for group in groups for row in group.ids], settings.device)
        types, _ = pad([row for group in groups for row in group.types], settings.device)
        hidden = learner(ids, mask, types, settings.token_dropout)
        allowed = types.bool()
        allowed[:, 0] = True
        edges = self.head.edges(hidden).masked_fill(~allowed[..., None], -1e4)
        return self.head.relevance(hidden[:, 0])[:, 0], edges


def _overlap(edges: Tensor, gold: tuple[int, int]) -> float:
    """F1 of the tokens of the best span against the gold one."""
    begin, end = best_span(edges[1:, 0].numpy(), edges[1:, 1].numpy())
    begin, end = begin + 1, end + 1
    both = min(end, gold[1]) - max(begin, gold[0]) + 1
    return max(0.0, 2 * both / ((end - begin + 1) + (gold[1] - gold[0] + 1)))


def best_span(begin: npt.NDArray[np.float32], end: npt.NDArray[np.float32], longest: int = 48) -> tuple[int, int]:
    """First and last token of the span whose summed logits are highest, at most `longest` tokens."""
    from finetune.reading.spans import best_spans

    first, last, _ = best_spans(begin, end, longest, 1)[0]
    return first, last
