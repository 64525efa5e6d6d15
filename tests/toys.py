"""Rows of a toy problem: the label hangs on one word of three."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from finetune.types import OUT_OF_SCOPE, Example

WORDS = {
    "fault": ["leaks", "stalled", "smokes", "jammed"],
    "howto": ["replace", "install", "adjust", "remove"],
    "value": ["torque", "pressure", "voltage", "speed"],
    OUT_OF_SCOPE: ["poem", "weather", "football", "movie"],
}
FILLERS = [
    "pump", "valve", "motor", "belt", "fan", "door", "lamp", "chain", "press", "oven", "spindle", "robot",
    "left", "right", "front", "rear", "upper", "lower", "small", "large",
]  # fmt: skip
LABELS = ("fault", "howto", "value")


def rows(count: int, *, labels=LABELS, seed: int = 0, source: str = "toy") -> list[Example]:
    """`count` different texts, the labels in turn; other seeds give mostly other texts."""
    rng = np.random.default_rng(seed)
    out: dict[str, Example] = {}
    while len(out) < count:
        label = labels[len(out) % len(labels)]
        words = [str(rng.choice(WORDS[label])), *map(str, rng.choice(FILLERS, 3, replace=False))]
        text = " ".join(words[i] for i in rng.permutation(4))
        out.setdefault(" ".join(sorted(words)), Example(text, label, source))
    return list(out.values())


def apart(count: int, taken: list[Example], **more) -> list[Example]:
    """`count` rows whose texts are not among those taken."""
    known = {example.text for example in taken}
    found = [example for example in rows(count + len(taken) + 40, **more) if example.text not in known]
    return found[:count]


def write_rows(path: Path, examples: list[Example]) -> Path:
    """As a file of examples."""
    lines = [json.dumps({"text": example.text, "label": example.label}) + "\n" for example in examples]
    path.write_text("".join(lines), encoding="utf-8")
    return path
