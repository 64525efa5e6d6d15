"""What the router knows and what it decides. Routes are data: see `routes.toml` and `finetune.router.load_routes`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

OUT_OF_SCOPE = "out_of_scope"
"""The one route with a meaning of its own: the question is no concern of the plant."""


class AnswerForm(StrEnum):
    """The shape an answer takes."""

    AUTO = "auto"  # whatever shape the best evidence has
    CAUSES = "causes"  # symptom, causes and remedies; what fixed it last time
    STEPS = "steps"  # a whole procedure, in order
    VALUE = "value"  # the value with its unit and row
    WARNINGS = "warnings"  # warnings verbatim, then the rules
    INTERVALS = "intervals"  # when something is due
    HISTORY = "history"  # past fault reports, counted
    REFUSAL = "refusal"  # a polite no


@dataclass(frozen=True, slots=True)
class RetrievalPlan:
    """Where to search and how much to bring back.

    `weights` maps a collection ("manual", "fault_report") to its weight in the fusion, 0 or more; 0 leaves it out.
    `k` is the number of hits wanted.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: {"manual": 1.0, "fault_report": 1.0})
    k: int = 10


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of question. `cues` are words or phrases that speak for it, `seeds` example questions."""

    name: str
    description: str
    seeds: tuple[str, ...]
    cues: tuple[str, ...]
    plan: RetrievalPlan
    form: AnswerForm


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """The router's verdict. `confidence` is the probability of `route`, 0..1; `probabilities` sum to 1."""

    route: str
    confidence: float
    probabilities: Mapping[str, float]


class Verdict(StrEnum):
    """What an operator thought of an answer."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Feedback:
    """One operator's word on one answer. `confidence` is the router's, 0..1, where known; `author` who said it."""

    answer_id: str
    question: str
    route: str
    verdict: Verdict
    corrected_route: str | None
    comment: str
    cited_chunk_ids: tuple[str, ...]
    created_at: datetime
    confidence: float | None = None
    author: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text. `source` says where it is from: "seed", "feedback" or the name of a file."""

    text: str
    label: str
    source: str = "seed"
