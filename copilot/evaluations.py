"""An evaluation: measures per question, their means by route and language, what changed, and where the last one lies.

evaluations/<kind>.json            the last evaluation of each kind ("retrieval", "answers", "router")
evaluations/<kind>_baseline.json   the one that later ones are compared with, where one was saved
evaluations/history.jsonl          one line per evaluation: when, over how many questions, its means

Comparing is paired: only questions that both evaluations hold count, and a measure has become worse when the 95 %
bootstrap interval of its mean difference over them lies below zero (Efron and Tibshirani 1993). Latency is reported,
never judged: other work on the machine moves it.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from copilot.errors import CopilotError
from finetune.durable import append_json, read_json_lines, write_text

KINDS = ("retrieval", "answers", "router")
SCHEMA = 1
RESAMPLES = 2_000
LEAST_DROP = 0.005
"""A smaller drop of a mean is never called worse, however sure it is."""


class EvaluationError(CopilotError):
    """An evaluation or a baseline cannot be read, written or compared; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One question: measures 0..1, higher is better, by name; `ms` is how long it took.

    `expected` and `got` are what should have come and what came, to be read; of a router the two labels.
    """

    id: str
    question: str
    route: str
    language: str
    values: Mapping[str, float]
    ms: float | None = None
    expected: str = ""
    got: str = ""
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All rows of one run. `figures` are measures that are no means of rows (macro-F1, calibration error);
    `versions` names the index and the models."""

    kind: str
    file: str
    rows: tuple[Row, ...]
    created_at: datetime
    figures: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def measures(self) -> list[str]:
        """Names of the rows' measures, in the order they first come."""
        return list(dict.fromkeys(name for row in self.rows for name in row.values))

    def means(self) -> dict[str, float]:
        """Mean of each measure over the rows that have it."""
        return _means(self.rows)

    def latency_ms(self) -> dict[str, float]:
        """p50 and p95; empty when nothing was timed."""
        spent = [row.ms for row in self.rows if row.ms is not None]
        if not spent:
            return {}
        middle, high = np.percentile(spent, (50, 95))
        return {"p50": round(float(middle), 1), "p95": round(float(high), 1)}

    def by(self, key: str) -> dict[str, dict[str, float]]:
        """Means, and `n`, by "route" or "language"."""
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(getattr(row, key), []).append(row)
        return {name: {"n": float(len(rows)), **_means(rows)} for name, rows in sorted(groups.items())}

    def worst(self, measure: str) -> list[Row]:
        """Rows below 1 in a measure, the lowest first."""
        return sorted((row for row in self.rows if row.values.get(measure, 1.0) < 1), key=lambda r: r.values[measure])


@dataclass(frozen=True, slots=True)
class Change:
    """A measure before and after over the same `n` questions; `low` and `high` bound the difference with 95 %."""

    measure: str
    n: int
    before: float
    after: float
    low: float
    high: float

    @property
    def worse(self) -> bool:
        """Beyond noise."""
        return self.high < 0 and self.before - self.after >= LEAST_DROP

    @property
    def better(self) -> bool:
        """Beyond noise."""
        return self.low > 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed since `baseline`. `paired` questions are in both, `alone` only in one of them."""

    baseline: Evaluation
    paired: int
    alone: int
    changes: tuple[Change, ...]

    @property
    def worse(self) -> list[Change]:
        """The measures that became worse beyond noise."""
        return [change for change in self.changes if change.worse]

    def to_json(self) -> dict[str, Any]:
        """For `copilot eval ... --json`."""
        return {
            "created_at": self.baseline.created_at.isoformat(),
            "paired": self.paired,
            "unpaired": self.alone,
            "regressed": [change.measure for change in self.worse],
            "changes": [
                {
                    "measure": c.measure, "n": c.n, "before": round(c.before, 4), "after": round(c.after, 4),
                    "low": round(c.low, 4), "high": round(c.high, 4), "worse": c.worse,
                }
                for c in self.changes
            ],
        }  # fmt: skip


def compare(now: Evaluation, baseline: Evaluation, seed: int = 0) -> Comparison:
    """Compare question by question. Raises EvaluationError for another kind, or when no question is in both."""
    if now.kind != baseline.kind:
        raise EvaluationError(f"the baseline is an evaluation of {baseline.kind}, not of {now.kind}; name another one")
    before = {(row.id, row.question): row for row in baseline.rows}
    pairs = [(before[row.id, row.question], row) for row in now.rows if (row.id, row.question) in before]
    if not pairs:
        raise EvaluationError(
            f"no question of {now.file} is in the baseline, which was made of {baseline.file}; save a new one with "
            "--save-baseline"
        )
    changes = []
    for measure in now.measures():
        both = [
            (old.values[measure], new.values[measure])
            for old, new in pairs
            if measure in old.values and measure in new.values
        ]
        if both:
            values = np.asarray(both, dtype=np.float64)
            low, high = _interval(values[:, 1] - values[:, 0], seed)
            old, new = (float(mean) for mean in values.mean(axis=0))
            changes.append(Change(measure, len(both), old, new, low, high))
    return Comparison(baseline, len(pairs), len(now.rows) + len(baseline.rows) - 2 * len(pairs), tuple(changes))


def interval(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of a mean."""
    return _interval(np.asarray(values, dtype=np.float64), seed)


def _interval(values: Any, seed: int) -> tuple[float, float]:
    if not len(values):
        return 0.0, 0.0
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def _means(rows: Sequence[Row]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.values.items():
            found.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in found.items()}


# --- on disk ---


def save(home: Path, evaluation: Evaluation, baseline: bool = False) -> None:
    """Keep an evaluation as the last one of its kind, and, if wanted, as what later ones are compared with."""
    folder = home / "evaluations"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(to_json(evaluation), ensure_ascii=False, allow_nan=False)
        write_text(folder / f"{evaluation.kind}.json", text)
        if baseline:
            write_text(folder / f"{evaluation.kind}_baseline.json", text)
        line = {
            "kind": evaluation.kind, "created_at": evaluation.created_at.isoformat(timespec="seconds"), "n": len(evaluation.rows),
            "file": evaluation.file, "means": evaluation.means(), "figures": dict(evaluation.figures),
            "latency_ms": evaluation.latency_ms(), "versions": dict(evaluation.versions),
        }  # fmt: skip
        append_json(folder / "history.jsonl", line)
    except OSError as error:
        raise EvaluationError(
            f"{folder} cannot be written ({error.strerror or error}); check it, or use another --home"
        ) from error


def write(path: Path, evaluation: Evaluation) -> None:
    """Write an evaluation to a file of the user's, to be compared with later."""
    try:
        write_text(path.absolute(), json.dumps(to_json(evaluation), ensure_ascii=False, allow_nan=False))
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written ({error.strerror or error}); name another file") from error


def last(home: Path) -> dict[str, Evaluation]:
    """The last evaluation of each kind, by kind; damaged ones are left out."""
    found = {}
    for kind in KINDS:
        path = home / "evaluations" / f"{kind}.json"
        if path.is_file():
            try:
                found[kind] = read(path)
            except EvaluationError:
                continue
    return found


def history(home: Path) -> list[dict[str, Any]]:
    """One entry per evaluation that was kept, oldest first: kind, created_at, n, file, means, figures, latency_ms, versions."""
    return read_json_lines(home / "evaluations" / "history.jsonl")


def stored_baseline(home: Path, kind: str) -> Evaluation | None:
    """The baseline kept in a home folder, if there is one."""
    path = home / "evaluations" / f"{kind}_baseline.json"
    return read(path) if path.is_file() else None


def read(path: Path) -> Evaluation:
    """An evaluation from a file. Raises EvaluationError."""
    try:
        return _from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise EvaluationError(f"there is no baseline {path}; make it with --save-baseline") from None
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read ({error.strerror or error}); check it") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EvaluationError(
            f"{path} is no evaluation of this program ({error}); name another, or save a new one"
        ) from error


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as it is stored."""
    return {
        "schema": SCHEMA, "kind": evaluation.kind, "file": evaluation.file,
        "created_at": evaluation.created_at.isoformat(timespec="seconds"), "machine": platform.machine(),
        "figures": dict(evaluation.figures), "versions": dict(evaluation.versions),
        "rows": [
            {
                "id": row.id, "question": row.question, "route": row.route, "language": row.language,
                "values": {name: round(value, 6) for name, value in row.values.items()},
                "ms": None if row.ms is None else round(row.ms, 2), "expected": row.expected, "got": row.got,
                "confidence": None if row.confidence is None else round(row.confidence, 4),
            }
            for row in evaluation.rows
        ],
    }  # fmt: skip


def _from_json(data: Any) -> Evaluation:
    if data["schema"] != SCHEMA:
        raise ValueError(f"schema {data['schema']!r}, this program reads {SCHEMA}")
    if data["kind"] not in KINDS:
        raise ValueError(f"kind {data['kind']!r}")
    when = datetime.fromisoformat(data["created_at"])
    return Evaluation(
        data["kind"],
        str(data["file"]),
        tuple(
            Row(
                str(row["id"]), str(row["question"]), str(row["route"]), str(row["language"]),
                {str(name): float(value) for name, value in row["values"].items()},
                None if row["ms"] is None else float(row["ms"]), str(row["expected"]), str(row["got"]),
                None if row["confidence"] is None else float(row["confidence"]),
            )
            for row in data["rows"]
        ),
        when if when.tzinfo is not None else when.replace(tzinfo=UTC),
        {str(name): float(value) for name, value in data["figures"].items()},
        {str(name): str(value) for name, value in data["versions"].items()},
    )  # fmt: skip
