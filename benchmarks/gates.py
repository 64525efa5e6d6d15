"""May a new bilingual body become the default? The recorded figures of `bilingual` against what is asked of it.

    python -m benchmarks gates      after `python -m benchmarks bilingual`; exit code 1 when a required figure is missed

Required: English retrieval within a point of the unchanged body's, by the point estimates, and English vectors near its
own. Wanted: what Chinese should reach; missing it is said, and does not bar the body. Only records of the very weights
that ship count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.common import product_embedder
from benchmarks.report import newest

BODY = "bilingual"
MOST_POINTS_LOST = 1.0
LEAST_COSINE = 0.97


@dataclass(frozen=True, slots=True)
class Gate:
    """One figure: where it stands (part, words the row must hold, column), and the least it may be."""

    name: str
    part: str
    row: tuple[str, ...]
    column: str
    least: float
    required: bool


def _english() -> list[Gate]:
    return [
        Gate(f"English retrieval, {name}, {hit}, hybrid: points lost", "english", (name, f"{BODY}, hybrid"),
             f"{hit}, points to english", -MOST_POINTS_LOST, True)
        for name in ("ohr-text", "tv", "s10") for hit in ("hit@1", "hit@5")
    ]  # fmt: skip


GATES: Sequence[Gate] = (
    *_english(),
    Gate("English vectors, sentences: cosine to the unchanged body", "parallel-english", (BODY,), "held-out sentences", LEAST_COSINE, True),
    Gate("English vectors, passages: cosine to the unchanged body", "parallel-english", (BODY,), "manual passages", LEAST_COSINE, True),
    Gate("translations found first, zh → en", "parallel", (BODY, "held-out documents"), "zh → en", 95, False),
    Gate("translations found first, en → zh", "parallel", (BODY, "held-out documents"), "en → zh", 95, False),
    Gate("cmrc trial, dense hit@1", "reading", (f"{BODY}, dense",), "hit@1", 65, False),
    Gate("cmrc trial, dense hit@5", "reading", (f"{BODY}, dense",), "hit@5", 85, False),
    Gate("DRCD dev, dense hit@1", "reading", (f"{BODY}, dense",), "DRCD dev hit@1", 65, False),
    Gate("DRCD dev, dense hit@5", "reading", (f"{BODY}, dense",), "DRCD dev hit@5", 85, False),
    Gate("Dobot codes, zh → en within 10", "codes", (f"{BODY}, dense", "Dobot"), "zh → en hit@10", 80, False),
    Gate("Dobot codes, en → zh within 10", "codes", (f"{BODY}, dense", "Dobot"), "en → zh hit@10", 80, False),
    Gate("xArm codes, zh → en within 10", "codes", (f"{BODY}, dense", "xArm"), "zh → en hit@10", 80, False),
    Gate("xArm codes, en → zh within 10", "codes", (f"{BODY}, dense", "xArm"), "en → zh hit@10", 80, False),
    Gate("encoder speed, ratio", "speed", (BODY,), "ratio", 0.95, False),
)  # fmt: skip


def measured(gate: Gate, records: Mapping[tuple[str, str], Mapping[str, Any]], weights: str) -> float | None:
    """The figure of a gate in the newest record; None when it has not been measured with these weights (sha256)."""
    record = records.get(("bilingual", gate.part))
    own = re.compile(rf"\b{BODY}: \d+ numbers, weights {weights[:12]}")
    if record is None or not any(own.search(note) for note in record["notes"]):
        return None
    column = next((i for i, name in enumerate(record["columns"]) if i and gate.column in name), None)
    for row in record["rows"]:
        cells = " | ".join(row[:2]).lower()
        if column is not None and all(word.lower() in cells for word in gate.row):
            number = re.match(r"[+-]?\d+(?:\.\d+)?", row[column])
            return float(number[0]) if number else None
    return None


def main(arguments: Sequence[str] | None = None) -> None:
    """Print every gate with its figure. Exits with 1 when a required one is missed or was not measured."""
    records = newest()
    weights = product_embedder().weights_sha256
    barred = False
    for gate in GATES:
        found = measured(gate, records, weights)
        passed = found is not None and found >= gate.least
        barred |= gate.required and not passed
        verdict = "passed" if passed else "MISSED" if gate.required else "below what is wanted"
        print(
            f"{verdict:21} {gate.name}: {'not measured' if found is None else f'{found:g}'} (at least {gate.least:g})"
        )
    if barred:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
