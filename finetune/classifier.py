"""A fine-tuned text classifier at work: text in, label and probabilities out. No torch; a few milliseconds a question.

A version's folder holds `head.safetensors`, `layers.safetensors` where layers were fine-tuned, `examples.jsonl` and
`examples.npy` (training texts and their vectors, to show the nearest), and `card.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from finetune.errors import RegistryError
from finetune.linear import Linear
from finetune.network import Body, Matrix, Network
from finetune.scope import Scope, softmax
from finetune.types import OUT_OF_SCOPE, Example
from finetune.version_model import HEAD, network_of, opened, read_card, write_layers
from finetune.wide import BUCKETS, Wide

EXAMPLES, VECTORS = "examples.jsonl", "examples.npy"
KIND = "classifier"
_BLOCK = 2_048


@dataclass(frozen=True, slots=True)
class Prediction:
    """`probabilities` sum to 1, out of scope among them where the classifier can refuse; `confidence` is `label`'s."""

    label: str
    confidence: float
    probabilities: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A training text near a question, with its cosine."""

    text: str
    label: str
    cosine: float


@dataclass(frozen=True, slots=True)
class ClassifierParts:
    """All that is learnt: in-scope `labels` (k), the last linear step (k rows, one more if `outliers`), and the scope."""

    labels: tuple[str, ...]
    linear: Linear
    outliers: bool
    scope: Scope
    changes: Mapping[str, Matrix]
    max_tokens: int

    def logits(self, vectors: Matrix, texts: Sequence[str]) -> tuple[Matrix, Matrix | None]:
        """(n, k) logits, and the (n,) logits of being out of scope where there were examples of it."""
        both = self.linear.logits(vectors, texts)
        return (both[:, :-1], both[:, -1]) if self.outliers else (both, None)

    def decide(self, vectors: Matrix, texts: Sequence[str]) -> list[Prediction]:
        """Predictions for (n, d) vectors and their texts."""
        return decide(*self.logits(vectors, texts), self.labels, self.scope) if len(texts) else []


def decide(logits: Matrix, own: Matrix | None, labels: Sequence[str], scope: Scope) -> list[Prediction]:
    """Predictions from (n, k) logits, with the (n,) logits of being out of scope where there are any."""
    inside = scope.inside(scope.scores(logits, own))
    spread = softmax(logits, scope.temperature) * inside[:, None]
    out = []
    for row, sure in zip(spread, inside, strict=True):
        probabilities = dict(zip(labels, map(float, row), strict=True)) | {OUT_OF_SCOPE: float(1 - sure)}
        label = OUT_OF_SCOPE if sure < 0.5 else labels[int(row.argmax())]
        out.append(Prediction(label, probabilities[label], probabilities))
    return out


class Classifier:
    """One version, loaded at the first text. Safe to share between threads."""

    def __init__(self, folder: Path, body: Body, cache: Path, threads: int | None = None) -> None:
        """`folder` holds a version as `write_classifier` wrote it; `cache` keeps its graph."""
        self.folder = folder
        self._body, self._cache, self._threads = body, cache, threads

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Label every text. Raises RegistryError when the version is damaged or was made on another body."""
        out: list[Prediction] = []
        for begin in range(0, len(texts), _BLOCK):
            some = texts[begin : begin + _BLOCK]
            out += self.parts.decide(self.vectors(some), some)
        return out

    def vectors(self, texts: Sequence[str]) -> Matrix:
        """(n, d) unit vectors of this version's layers."""
        return self._network.pooled(self._tokens.ids(texts))

    def nearest(self, text: str, k: int = 3) -> list[Neighbour]:
        """The training texts nearest to a text, best first."""
        examples, matrix = self._examples
        if not examples:
            return []
        cosines = matrix @ self.vectors([text])[0]
        best = np.argsort(-cosines)[:k]
        return [Neighbour(examples[i].text, examples[i].label, float(cosines[i])) for i in best]

    @cached_property
    def card(self) -> dict[str, Any]:
        """The version's card."""
        return read_card(self.folder)

    @cached_property
    def parts(self) -> ClassifierParts:
        """What was learnt."""
        return read_classifier(self.folder, self._body)

    @cached_property
    def _tokens(self) -> Any:
        return self._body.tokens(self.parts.max_tokens)

    @cached_property
    def _network(self) -> Network:
        return network_of(self.folder, self.parts.changes, self._body, self._cache, self._threads)

    @cached_property
    def _examples(self) -> tuple[list[Example], Matrix]:
        examples = list(read_kept_examples(self.folder))
        try:
            matrix = np.load(self.folder / VECTORS, allow_pickle=False).astype(np.float32)
        except (OSError, ValueError) as error:
            raise RegistryError(
                f"The vectors in {self.folder} cannot be read ({error}); promote another version"
            ) from error
        return examples[: len(matrix)], matrix


def read_kept_examples(folder: Path) -> tuple[Example, ...]:
    """The training examples a version kept, in order. Raises RegistryError when they cannot be read."""
    try:
        lines = (folder / EXAMPLES).read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        return tuple(Example(row["text"], row["label"], row.get("source", "seed")) for row in rows)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RegistryError(
            f"The examples in {folder} cannot be read ({error}); roll back, or train with --fresh"
        ) from error


def write_classifier(
    folder: Path, parts: ClassifierParts, examples: Sequence[Example], vectors: Matrix
) -> dict[str, Any]:
    """Write all files but the card; returns what the card must say under "model".

    `vectors` (n, d) belong to the first n of `examples`.
    """
    from safetensors.numpy import save_file

    linear = parts.linear
    head = {
        "weight": linear.weight, "bias": linear.bias, "buckets": linear.buckets.astype(np.int32),
        "idf": linear.wide.idf[linear.buckets], "wide_weight": linear.wide_weight.astype(np.float16),
    }  # fmt: skip
    save_file({name: np.ascontiguousarray(value) for name, value in head.items()}, folder / HEAD)
    write_layers(folder, parts.changes)
    with (folder / EXAMPLES).open("w", encoding="utf-8") as file:
        for example in examples:
            row = {"text": example.text, "label": example.label, "source": example.source}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    np.save(folder / VECTORS, vectors.astype(np.float16), allow_pickle=False)
    return {
        "kind": KIND, "labels": list(parts.labels), "outliers": parts.outliers, "scope": parts.scope.to_json(),
        "max_tokens": parts.max_tokens, "wide_weight": linear.wide.weight,
    }  # fmt: skip


def read_classifier(folder: Path, body: Body) -> ClassifierParts:
    """Read what `write_classifier` wrote. Raises RegistryError when it is damaged, of another kind or of another body."""
    with opened(folder, body, KIND) as (model, head, changes):
        idf = np.zeros(BUCKETS, dtype=np.float32)
        idf[head["buckets"]] = head["idf"]
        linear = Linear(
            head["weight"], head["bias"], Wide(idf, float(model["wide_weight"])), head["buckets"].astype(np.int64),
            head["wide_weight"].astype(np.float32),
        )  # fmt: skip
        labels = tuple(map(str, model["labels"]))
        if linear.weight.shape != (len(labels) + bool(model["outliers"]), body.words.shape[1]):
            raise ValueError(f"a head of shape {linear.weight.shape} for {len(labels)} labels")
        return ClassifierParts(
            labels, linear, bool(model["outliers"]), Scope.from_json(model["scope"]), changes, int(model["max_tokens"])
        )
