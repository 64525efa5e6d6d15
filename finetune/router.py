"""Routing a question: the routes file, the fine-tuned router, and the one that compares with seed questions and cue words.

`SeedRouter` needs no training and no weights beyond the encoder that retrieval uses anyway: it serves a plant whose own
routes nothing was fine-tuned on yet.
"""

from __future__ import annotations

import re
import threading
import tomllib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from finetune.classifier import Classifier, Neighbour, Prediction
from finetune.errors import RegistryError, RoutesError
from finetune.network import Body
from finetune.registry import PointerToken, Registry
from finetune.types import OUT_OF_SCOPE, AnswerForm, RetrievalPlan, Route, RouteDecision
from indexer.analysis import fold
from indexer.protocols import Embedder, FloatMatrix

ROUTER_TASK = "router"
DEFAULT_ROUTES = Path(__file__).with_name("routes.toml")
_KEYS = frozenset({"description", "form", "k", "weights", "cues", "seeds"})
_COLLECTIONS = frozenset({"manual", "fault_report"})
_HAN = re.compile(r"[\u3400-\u9fff]")
# A code, a parameter or a number: nobody's small talk.
_TECHNICAL = re.compile(
    r"(?<![a-z0-9])[a-z]{1,5}[-._]?\d+|\d+\s?(?:nm|mm|bar|rpm|hz|v|a|kw|°c|℃)(?![a-z])", re.IGNORECASE
)


def load_routes(path: Path | None = None) -> tuple[Route, ...]:
    """Read a routes file, by default the one of this package, in the order of the file.

    Raises RoutesError naming the file, the route and the key when something is missing, unknown or of the wrong kind.
    """
    path = path or DEFAULT_ROUTES
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RoutesError(f"{path}: cannot be read as a routes file ({error}); mend or remove it") from error
    if not data:
        raise RoutesError(f"{path}: holds no routes; add at least one [name] table")
    return tuple(_route(path, name, entry) for name, entry in data.items())


def _route(path: Path, name: str, entry: Any) -> Route:
    where = f"{path}: route {name!r}"
    if not isinstance(entry, dict):
        raise RoutesError(f"{where} is not a table; write it as [{name}]")
    if unknown := sorted(set(entry) - _KEYS):
        raise RoutesError(f"{where} has the unknown key {unknown[0]!r}; the keys are {', '.join(sorted(_KEYS))}")
    if missing := sorted({"description", "form", "seeds"} - set(entry)):
        raise RoutesError(f"{where} lacks {missing[0]!r}; add it")
    try:
        form = AnswerForm(entry["form"])
    except ValueError:
        raise RoutesError(
            f"{where} has the form {entry['form']!r}; the forms are {', '.join(form.value for form in AnswerForm)}"
        ) from None
    weights = entry.get("weights", {collection: 1.0 for collection in sorted(_COLLECTIONS)})
    if not isinstance(weights, dict) or set(weights) - _COLLECTIONS:
        raise RoutesError(f"{where} has weights {weights!r}; give numbers for {', '.join(sorted(_COLLECTIONS))}")
    if not all(isinstance(value, int | float) and value >= 0 for value in weights.values()) or not any(
        weights.values()
    ):
        raise RoutesError(f"{where} has weights {weights!r}; they must be 0 or more, and one must be above 0")
    k = entry.get("k", 10)
    if not isinstance(k, int) or k < 1:
        raise RoutesError(f"{where} has k = {k!r}; it must be a whole number of 1 or more")
    for key in ("seeds", "cues"):
        texts = entry.get(key, [])
        if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
            raise RoutesError(f"{where} has {key} that are not a list of texts; write them as strings in brackets")
    if not entry["seeds"]:
        raise RoutesError(f"{where} has no seeds; give at least one example question")
    return Route(
        name=name,
        description=str(entry["description"]),
        seeds=tuple(entry["seeds"]),
        cues=tuple(entry.get("cues", ())),
        plan=RetrievalPlan({key: float(value) for key, value in weights.items()}, k),
        form=form,
    )


class FineTunedRouter:
    """The current version of the task "router"; a promotion or rollback is noticed at the next question.

    Safe to share between threads: a question is answered whole by the version it began with.
    """

    def __init__(
        self, registry: Registry, body: Body, cache: Path, task: str = ROUTER_TASK, threads: int | None = None
    ) -> None:
        """Nothing is read yet. `cache` keeps the version's graph, `threads` limits the cores used."""
        self._registry, self._body, self._cache, self._task = registry, body, cache, task
        self._threads = threads
        self._lock = threading.Lock()
        self._loaded: tuple[PointerToken, str, Classifier] | None = None

    @property
    def name(self) -> str:
        """Task and version, as "router/v0003"."""
        return f"{self._task}/{self._current()[1]}"

    def route(self, question: str) -> RouteDecision:
        """Decide for one question; see `finetune.protocols.Router`. Raises RegistryError when no version can be read."""
        return _decision(self._current()[2].predict([question])[0])

    def route_many(self, questions: Sequence[str]) -> list[RouteDecision]:
        """Decide for many at once, more quickly."""
        return [_decision(found) for found in self._current()[2].predict(questions)]

    def labels(self) -> tuple[str, ...]:
        """The routes that the version knows, out of scope included."""
        return (*self._current()[2].parts.labels, OUT_OF_SCOPE)

    def nearest(self, question: str, k: int = 3) -> list[Neighbour]:
        """The questions it learnt from that are nearest."""
        return self._current()[2].nearest(question, k)

    def _current(self) -> tuple[PointerToken, str, Classifier]:
        with self._lock:
            if self._loaded is None or self._registry.changed_since(self._loaded[0]):
                token = self._registry.pointer_token(self._task)
                info = self._registry.current(self._task)
                if info is None:
                    raise RegistryError(
                        f"There is no version of {self._task!r}; say copilot finetune run --task {self._task}"
                    )
                if self._loaded is None or self._loaded[1] != info.version:
                    classifier = Classifier(info.folder, self._body, self._cache, self._threads)
                    classifier.parts  # noqa: B018  # read now, so that a damaged version is noticed here
                    self._loaded = (token, info.version, classifier)
                else:
                    self._loaded = (token, *self._loaded[1:])
            return self._loaded


def _decision(found: Prediction) -> RouteDecision:
    return RouteDecision(found.label, found.confidence, found.probabilities)


class SeedRouter:
    """Routes by likeness to seed questions (mean of the two nearest) plus cue words.

    The two are added and turned into probabilities by a softmax. Without an embedder only cues count.
    Out of scope is decided on strong grounds only: a cue or a near-identical seed speaks for it, no other route's cue
    and no technical code or quantity against it. Otherwise its probability is set to 0: refusing a plant's question
    costs more than searching in vain.
    """

    name = "seeds/1"

    def __init__(
        self,
        routes: Sequence[Route],
        embedder: Embedder | None = None,
        *,
        cue_weight: float = 0.22,
        temperature: float = 0.1,
        same_question: float = 0.8,
    ) -> None:
        """`cue_weight` is what a cue adds to a cosine; from the cosine `same_question` on, a seed is the question."""
        if not routes:
            raise RoutesError("no routes were given; load them with load_routes()")
        self._routes = tuple(routes)
        self._embedder = embedder
        self._cue_weight = cue_weight
        self._temperature = temperature
        self._same_question = same_question

    def route(self, question: str) -> RouteDecision:
        """Decide for one question; see `finetune.protocols.Router`."""
        names = [route.name for route in self._routes]
        likeness, nearest = self._likeness(question)
        cues = self._cues(question)
        logits = (likeness + self._cue_weight * cues) / self._temperature
        weights = np.exp(logits - logits.max())
        if OUT_OF_SCOPE in names:
            place = names.index(OUT_OF_SCOPE)
            others = float(cues.sum() - cues[place])
            clear = (cues[place] > 0 or nearest[place] >= self._same_question) and not others
            if len(names) > 1 and (not clear or _TECHNICAL.search(question)):
                weights[place] = 0.0
        weights /= weights.sum()
        best = int(weights.argmax())
        return RouteDecision(
            names[best],
            float(weights[best]),
            {name: float(weight) for name, weight in zip(names, weights, strict=True)},
        )

    def _likeness(self, question: str) -> tuple[FloatMatrix, FloatMatrix]:
        """Per route, the mean cosine of the two nearest seeds, and that of the nearest; both of shape (routes,)."""
        mean = np.zeros(len(self._routes), dtype=np.float32)
        nearest = np.zeros(len(self._routes), dtype=np.float32)
        if self._embedder is None or not question.strip():
            return mean, nearest
        cosines = self._seed_matrix @ self._embedder.embed_questions([question])[0]
        start = 0
        for place, route in enumerate(self._routes):
            mine = np.sort(cosines[start : start + len(route.seeds)])[::-1]
            mean[place], nearest[place] = mine[:2].mean(), mine[0]
            start += len(route.seeds)
        return mean, nearest

    @cached_property
    def _seed_matrix(self) -> FloatMatrix:
        assert self._embedder is not None
        return self._embedder.embed_questions([seed for route in self._routes for seed in route.seeds])

    def _cues(self, question: str) -> FloatMatrix:
        """Per route, how many of its cues the question holds, at most two. Shape (routes,).

        A cue inside a longer one that is also there does not count: "how many" in "how many times".
        """
        text = fold(question).replace("’", "'")
        spans = [
            (match.start(), match.end(), place)
            for place, route in enumerate(self._routes)
            for cue in self._patterns[route.name]
            if (match := cue.search(text))
        ]
        counts = np.zeros(len(self._routes), dtype=np.float32)
        for start, end, place in spans:
            if not any(a <= start and end <= b and b - a > end - start for a, b, _ in spans):
                counts[place] += 1
        return np.minimum(counts, 2)

    @cached_property
    def _patterns(self) -> Mapping[str, tuple[re.Pattern[str], ...]]:
        return {route.name: tuple(_cue(cue) for cue in route.cues) for route in self._routes}


def _cue(cue: str) -> re.Pattern[str]:
    folded = re.escape(fold(cue)).replace(r"\ ", r"\s+")
    return re.compile(folded if _HAN.search(cue) else rf"(?<!\w){folded}(?!\w)")
