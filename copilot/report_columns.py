"""What fills the empty columns of fault reports: the failure-mode classifier and the maintenance tagger.

Both are model versions like the router's. Nothing is loaded before the first text; a version that is missing predicts
nothing, and one that is damaged says so when it is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from finetune.errors import FinetuneError, RegistryError
from finetune.registry import SHIPPED, Registry, VersionInfo
from finetune.types import OUT_OF_SCOPE
from indexer.errors import PredictionError
from indexer.protocols import Guess, ReportPredictor

if TYPE_CHECKING:
    from finetune.network import Body

FAILURE_MODE_TASK, TAGGER_TASK = "failure_mode", "tagger"
_COLUMN_OF = {"Component": "component", "Action": "action"}  # the tagger's Failure is no class that could be counted


class Labelled(Protocol):
    """A classifier's verdict on one text."""

    @property
    def label(self) -> str: ...
    @property
    def confidence(self) -> float: ...


class Labeller(Protocol):
    """As `finetune.classifier.Classifier`."""

    def predict(self, texts: Sequence[str]) -> Sequence[Labelled]: ...


class Named(Protocol):
    """A run of words that a tagger named."""

    @property
    def name(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def confidence(self) -> float: ...


class TextTagger(Protocol):
    """As `finetune.tagger.Tagger`."""

    def tag_all(self, texts: Sequence[str]) -> Sequence[Sequence[Named]]: ...


class FailureModes:
    """The class of a text as its failure mode; what is out of the classifier's scope has none."""

    fields: tuple[str, ...] = ("failure_mode",)

    def __init__(self, name: str, load: Callable[[], Labeller]) -> None:
        """`load` makes the classifier when the first text comes."""
        self.name = name
        self._load = load
        self._model: Labeller | None = None

    def predict(self, texts: Sequence[str]) -> list[Mapping[str, Guess]]:
        """See `indexer.protocols.ReportPredictor`."""
        try:
            self._model = self._model or self._load()
            found = self._model.predict(texts)
        except FinetuneError as error:
            raise PredictionError(str(error)) from error
        return [
            {} if one.label == OUT_OF_SCOPE else {"failure_mode": Guess(one.label, one.confidence)} for one in found
        ]


class TaggedColumns:
    """The surest component and the surest action that a text names, in its own words."""

    fields: tuple[str, ...] = tuple(_COLUMN_OF.values())

    def __init__(self, name: str, load: Callable[[], TextTagger]) -> None:
        """`load` makes the tagger when the first text comes."""
        self.name = name
        self._load = load
        self._model: TextTagger | None = None

    def predict(self, texts: Sequence[str]) -> list[Mapping[str, Guess]]:
        """See `indexer.protocols.ReportPredictor`."""
        try:
            self._model = self._model or self._load()
            found = self._model.tag_all(texts)
        except FinetuneError as error:
            raise PredictionError(str(error)) from error
        return [_surest(tags) for tags in found]


class Unusable:
    """Stands for a version that cannot be read, so that indexing reports without empty columns goes on unhindered."""

    def __init__(self, task: str, fields: tuple[str, ...], reason: str) -> None:
        self.name = f"{task}/unusable"
        self.fields = fields
        self._reason = reason

    def predict(self, texts: Sequence[str]) -> list[Mapping[str, Guess]]:
        """Raises PredictionError, always."""
        raise PredictionError(self._reason)


def report_predictors(
    registry: Registry, body: Callable[[], Body], cache: Path, threads: int | None = None
) -> list[ReportPredictor]:
    """One predictor for each of the two tasks that has a version. `body` is called when the first text comes."""
    return [
        *_of_task(registry, FAILURE_MODE_TASK, FailureModes.fields, lambda info: FailureModes(
            version_name(info), lambda: _classifier(info, body(), cache, threads))),
        *_of_task(registry, TAGGER_TASK, TaggedColumns.fields, lambda info: TaggedColumns(
            version_name(info), lambda: _tagger(info, body(), cache, threads))),
    ]  # fmt: skip


def version_name(info: VersionInfo) -> str:
    """Task and version; the one that ships has the beginning of a digest, because another program ships another."""
    if info.version != SHIPPED:
        return f"{info.task}/{info.version}"
    files = sorted((name, entry["sha256"]) for name, entry in info.card["files"].items())
    return f"{info.task}/{SHIPPED}-{hashlib.sha256(repr(files).encode()).hexdigest()[:8]}"


def _of_task(
    registry: Registry, task: str, fields: tuple[str, ...], make: Callable[[VersionInfo], ReportPredictor]
) -> list[ReportPredictor]:
    try:
        info = registry.current(task)
    except RegistryError as error:
        return [Unusable(task, fields, str(error))]
    return [make(info)] if info is not None else []


def _classifier(info: VersionInfo, body: Body, cache: Path, threads: int | None) -> Labeller:
    from finetune.classifier import Classifier

    return Classifier(info.folder, body, cache, threads)


def _tagger(info: VersionInfo, body: Body, cache: Path, threads: int | None) -> TextTagger:
    from finetune.tagger import Tagger

    return Tagger(info.folder, body, cache, threads)


def _surest(tags: Sequence[Named]) -> Mapping[str, Guess]:
    best: dict[str, Guess] = {}
    for tag in tags:
        column = _COLUMN_OF.get(tag.name)
        if column is not None and (column not in best or tag.confidence > best[column].confidence):
            best[column] = Guess(tag.text, tag.confidence)
    return best
