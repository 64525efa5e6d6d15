"""Drift watch: do operators ask other questions than those the router was trained on?

Three things are compared between the training period and now: the mix of routes, by the population stability index
(PSI, sum of (now - before) * ln(now / before); 0.1 and 0.25 are its customary thresholds, Siddiqi 2006), the share of
out-of-scope questions, and the share of questions the router was unsure of, both by Fisher's exact test of two
proportions. PSI grows with chance alone when questions are few, so it must also pass what chance gives: the same
questions, dealt at random into two periods of the same sizes. A change is reported when it is both large and no chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from finetune.errors import FinetuneError
from finetune.types import OUT_OF_SCOPE

NONE, WATCH, ALARM = "none", "watch", "alarm"
LOW_CONFIDENCE = 0.5
_LEVELS = (NONE, WATCH, ALARM)


@dataclass(frozen=True, slots=True)
class DriftSettings:
    """Thresholds, each for (watch, alarm); shares are 0..1."""

    low_confidence: float = LOW_CONFIDENCE
    """Below this confidence the router counts as unsure."""
    psi: tuple[float, float] = (0.1, 0.25)
    rise: tuple[float, float] = (0.05, 0.15)
    """How much a share must have changed."""
    chance: tuple[float, float] = (0.01, 0.001)
    """How unlikely chance must be."""
    min_questions: int = 50
    """Fewer than this in either period say nothing."""
    resamples: int = 5000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Mix:
    """A period's questions, counted: by route, and how many the router was unsure of. Small enough for a card."""

    routes: Mapping[str, int]
    low_confidence: int

    @property
    def total(self) -> int:
        """The number of questions."""
        return sum(self.routes.values())

    @classmethod
    def of(cls, questions: Sequence[tuple[str, float]], low_confidence: float = LOW_CONFIDENCE) -> Mix:
        """Count (route, confidence) pairs; a confidence below `low_confidence` is unsure."""
        routes: dict[str, int] = {}
        for route, _ in questions:
            routes[route] = routes.get(route, 0) + 1
        return cls(routes, sum(confidence < low_confidence for _, confidence in questions))

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"routes": dict(sorted(self.routes.items())), "low_confidence": self.low_confidence}

    @classmethod
    def from_json(cls, data: Any) -> Mix:
        """Raises FinetuneError when the counts make no sense."""
        try:
            mix = cls({str(k): int(v) for k, v in data["routes"].items()}, int(data["low_confidence"]))
            if min(mix.routes.values(), default=0) >= 0 and 0 <= mix.low_confidence <= mix.total:
                return mix
        except (AttributeError, KeyError, TypeError, ValueError):
            pass
        raise FinetuneError(
            f"The question mix {str(data)[:80]!r} of the training period makes no sense; train again to count it anew"
        )


@dataclass(frozen=True, slots=True)
class DriftReport:
    """`level` is "none", "watch" or "alarm"; `lines` say what was compared, the worst first."""

    level: str
    lines: tuple[str, ...]
    figures: Mapping[str, float]


def watch(
    before: Mix | Sequence[tuple[str, float]],
    now: Mix | Sequence[tuple[str, float]],
    settings: DriftSettings | None = None,
) -> DriftReport:
    """Compare the training period's questions with recent ones, as (route, confidence) pairs or counted.

    With fewer than `min_questions` in either, the level is "none" and the line says so.
    """
    settings = settings or DriftSettings()
    then, recent = (m if isinstance(m, Mix) else Mix.of(m, settings.low_confidence) for m in (before, now))
    figures: dict[str, float] = {"before_n": float(then.total), "now_n": float(recent.total)}
    for mix, period in ((then, "the training period"), (recent, "recent use")):
        if mix.total < settings.min_questions:
            line = f"{mix.total} questions of {period} are known; it takes {settings.min_questions} to tell a drift"
            return DriftReport(NONE, (line,), figures)
    found = [
        _route_mix(then, recent, settings, figures),
        _share("out of scope", then.routes.get(OUT_OF_SCOPE, 0), recent.routes.get(OUT_OF_SCOPE, 0), then, recent,
               settings, figures, falls_too=True),
        _share("low confidence", then.low_confidence, recent.low_confidence, then, recent, settings, figures),
    ]  # fmt: skip
    found.sort(key=lambda entry: -entry[0])
    return DriftReport(_LEVELS[found[0][0]], tuple(line for _, line in found), figures)


def psi(before: Sequence[int], now: Sequence[int]) -> float:
    """Population stability index of two rows of counts; half a question is added to each, so that none is 0."""
    return float(_psi(np.asarray(before)[None, :], np.asarray(now)[None, :])[0])


def two_proportions(hits_before: int, n_before: int, hits_now: int, n_now: int) -> float:
    """Two-sided p of Fisher's exact test that two shares are the same, 0..1."""
    hits, total = hits_before + hits_now, n_before + n_now
    least, most = max(0, hits - n_before), min(hits, n_now)
    logs = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, total + 1)))))
    k = np.arange(least, most + 1)
    ways = _choose(logs, n_now, k) + _choose(logs, n_before, hits - k) - _choose(logs, total, np.array([hits]))
    mine = ways[hits_now - least]
    return float(min(1.0, np.exp(ways[ways <= mine + 1e-7]).sum()))


def _route_mix(before: Mix, now: Mix, settings: DriftSettings, figures: dict[str, float]) -> tuple[int, str]:
    names = sorted(set(before.routes) | set(now.routes))
    then = np.array([before.routes.get(name, 0) for name in names])
    recent = np.array([now.routes.get(name, 0) for name in names])
    value = psi(then.tolist(), recent.tolist())
    dealt = np.random.default_rng(settings.seed).multivariate_hypergeometric(
        then + recent, int(recent.sum()), settings.resamples
    )
    by_luck = _psi(then + recent - dealt, dealt)
    p = (1 + int((by_luck >= value - 1e-12).sum())) / (1 + settings.resamples)
    level = sum(
        value >= least and p <= chance for least, chance in zip(settings.psi, settings.chance, strict=True)
    )  # fmt: skip
    figures.update(psi=value, psi_luck=p)
    shares = sorted(
        ((abs(b / now.total - a / before.total), name, a / before.total, b / now.total)
         for name, a, b in zip(names, then.tolist(), recent.tolist(), strict=True)),
        reverse=True,
    )  # fmt: skip
    _, name, was, is_now = shares[0]
    line = (
        f"{_LEVELS[level]}: route mix, PSI {value:.2f} (watch from {settings.psi[0]:g}, alarm from {settings.psi[1]:g}; "
        f"chance {_chance(p)}); most changed: {name} {was:.0%} -> {is_now:.0%}"
    )
    return level, line


def _share(
    what: str,
    hits_before: int,
    hits_now: int,
    before: Mix,
    now: Mix,
    settings: DriftSettings,
    figures: dict[str, float],
    *,
    falls_too: bool = False,
) -> tuple[int, str]:
    was, is_now = hits_before / before.total, hits_now / now.total
    p = two_proportions(hits_before, before.total, hits_now, now.total)
    size = abs(is_now - was) if falls_too else is_now - was
    level = sum(
        size >= least - 1e-12 and p <= chance for least, chance in zip(settings.rise, settings.chance, strict=True)
    )
    key = what.replace(" ", "_")
    figures.update({f"{key}_before": was, f"{key}_now": is_now, f"{key}_luck": p})
    return level, f"{_LEVELS[level]}: {what} {was:.1%} -> {is_now:.1%} of the questions (chance {_chance(p)})"


def _psi(before: npt.NDArray[Any], now: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Row by row, for counts of shape (r, K)."""
    a, b = before + 0.5, now + 0.5
    a, b = a / a.sum(axis=1, keepdims=True), b / b.sum(axis=1, keepdims=True)
    index: npt.NDArray[np.float64] = ((b - a) * np.log(b / a)).sum(axis=1)
    return index


def _choose(logs: npt.NDArray[np.float64], n: int, k: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    ways: npt.NDArray[np.float64] = logs[n] - logs[k] - logs[n - k]
    return ways


def _chance(p: float) -> str:
    return "below 0.1 %" if p < 0.001 else f"{100 * p:.{0 if p >= 0.1 else 1}f} %" if math.isfinite(p) else "unknown"
