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
from finetune.network import Body, Matrix, Network, merged
from finetune.scope import Scope, softmax
from finetune.types import OUT_OF_SCOPE, Example
from finetune.wide import BUCKETS, Wide
from indexer.model_folder import file_sha256

HEAD, LAYERS, EXAMPLES, VECTORS = "head.safetensors", "layers.safetensors", "examples.jsonl", "examples.npy"
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
        changes = self.parts.changes
        key = file_sha256(self.folder / LAYERS)[:24] if changes else "unchanged"
        return Network(
            self._body,
            f"{self._body.sha256[:12]}-{key}",
            lambda: merged(self._body.layers(), changes),
            self._cache,
            self._threads,
        )

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


def read_card(folder: Path) -> dict[str, Any]:
    """A version's card. Raises RegistryError."""
    try:
        card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        return card
    except (OSError, ValueError) as error:
        raise RegistryError(f"The card in {folder} cannot be read ({error}); promote another version") from error


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
    if parts.changes:
        half = {name: np.ascontiguousarray(value.astype(np.float16)) for name, value in parts.changes.items()}
        save_file(half, folder / LAYERS)
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
    from safetensors.numpy import load_file

    card = read_card(folder)
    try:
        model = card["model"]
        if model["kind"] != KIND:
            raise RegistryError(f"{folder} holds a {model['kind']}, not a {KIND}; name the right task")
        if card["parent_body"]["sha256"] != body.sha256:
            raise RegistryError(
                f"{folder} was fine-tuned on the body {card['parent_body']['name']}, this is {body.name} with other "
                f"weights; fine-tune it again"
            )
        head = load_file(folder / HEAD)
        changes = load_file(folder / LAYERS) if (folder / LAYERS).is_file() else {}
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
    except RegistryError:
        raise
    except Exception as error:  # safetensors has its own class; each means that the folder is not whole
        raise RegistryError(f"{folder} is damaged ({str(error)[:160]}); promote another version") from error
