"""What a classifier is worth: accuracy, F1 per class, calibration, and out-of-scope questions found. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from finetune.errors import DataError
from finetune.gate import ece
from finetune.types import OUT_OF_SCOPE


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Precision, recall and F1 of one class, 0..1, and how many examples have it."""

    precision: float
    recall: float
    f1: float
    count: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Measures of n predictions, 0..1. None where they make no sense: no in-scope or no out-of-scope examples.

    `accuracy` counts all examples, out of scope being one more label; `macro_f1` is over the labels that occur among
    the examples; `in_scope_accuracy` takes a refused in-scope example as wrong; `ece` is the expected calibration error
    with 15 bins (Guo et al. 2017).
    """

    n: int
    accuracy: float
    macro_f1: float
    micro_f1: float
    in_scope_accuracy: float | None
    out_of_scope_recall: float | None
    ece: float
    per_class: Mapping[str, ClassScore]

    def to_json(self) -> dict[str, Any]:
        """As `copilot finetune evaluate --json` prints it."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "per_class"}
        rounded = {name: round(value, 6) if isinstance(value, float) else value for name, value in values.items()}
        return rounded | {
            "per_class": {
                name: {
                    "precision": round(s.precision, 6),
                    "recall": round(s.recall, 6),
                    "f1": round(s.f1, 6),
                    "n": s.count,
                }
                for name, s in self.per_class.items()
            }
        }


def evaluate(gold: Sequence[str], predicted: Sequence[str], confidence: Sequence[float]) -> Evaluation:
    """Compare predictions with the truth. Raises DataError for none, or lengths that differ."""
    if not gold or not len(gold) == len(predicted) == len(confidence):
        raise DataError(
            f"{len(gold)} labels, {len(predicted)} predictions and {len(confidence)} confidences cannot be compared"
        )
    right = np.array([g == p for g, p in zip(gold, predicted, strict=True)])
    inside = np.array([g != OUT_OF_SCOPE for g in gold])
    per_class = {}
    for name in sorted({*gold}):
        hits = sum(g == p == name for g, p in zip(gold, predicted, strict=True))
        said, there = sum(p == name for p in predicted), sum(g == name for g in gold)
        precision, recall = hits / said if said else 0.0, hits / there
        f1 = 2 * hits / (said + there)
        per_class[name] = ClassScore(precision, recall, f1, there)
    accuracy = float(right.mean())
    return Evaluation(
        n=len(gold),
        accuracy=accuracy,
        macro_f1=float(np.mean([score.f1 for score in per_class.values()])),
        micro_f1=accuracy,  # one label each: micro precision, recall and accuracy are the same number
        in_scope_accuracy=float(right[inside].mean()) if inside.any() else None,
        out_of_scope_recall=float(right[~inside].mean()) if not inside.all() else None,
        ece=ece(np.asarray(confidence, dtype=np.float64), right),
        per_class=per_class,
    )


def entity_spans(tags: Sequence[str]) -> set[tuple[int, int, str]]:
    """(begin, end, name) of every entity in BIO tags; an I- without its B- begins one."""
    spans, begin, name = set(), 0, ""
    for place, tag in enumerate([*tags, "O"]):
        if name and (tag == "O" or tag.startswith("B-") or tag[2:] != name):
            spans.add((begin, place, name))
            name = ""
        if tag != "O" and not name:
            begin, name = place, tag[2:]
    return spans


def span_f1(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, float]:
    """Micro precision, recall and F1 of whole entities, exact borders and name (as CoNLL-2003 counts them)."""
    hits = said = there = 0
    for one, other in zip(gold, predicted, strict=True):
        left, right = entity_spans(one), entity_spans(other)
        hits, said, there = hits + len(left & right), said + len(right), there + len(left)
    return {
        "precision": hits / said if said else 0.0,
        "recall": hits / there if there else 0.0,
        "f1": 2 * hits / (said + there) if said + there else 0.0,
    }
