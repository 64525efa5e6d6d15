"""Fault reports recorded in the browser: on disk at once, found at once, in the table with the next index.

    <home>/recorded/recorded_fault_reports.jsonl     one report a line, in the columns that exports have; only ever appended to

The file is an export like any other, indexed from its folder. What it holds beyond the generation that answers is laid
over that (see `indexer.view`), with the ids that the next build will give.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot import assemble
from copilot.report_columns import FAILURE_MODE_TASK, TAGGER_TASK
from copilot.service.errors import ServiceError
from indexer.errors import PredictionError

if TYPE_CHECKING:
    from copilot.config import Settings
    from indexer.embedders import OnnxEmbedder
    from indexer.protocols import FloatMatrix, Guess, ReportPredictor
    from indexer.store import Index
    from indexer.view import Addition

FILE = "recorded_fault_reports.jsonl"
TEXTS = ("machine", "component", "code", "symptom", "cause", "action", "failure_mode")
NUMBERS = ("downtime_hours", "cost")
FIELDS = ("date", *TEXTS, *NUMBERS)
_MOST_CHARACTERS = 4_000


class RecordedReports:
    """The reports recorded here. Safe with many threads and processes."""

    def __init__(self, settings: Settings) -> None:
        from finetune.journal import Journal

        self._settings = settings
        self.folder = settings.home / "recorded"
        self.path = self.folder / FILE
        self._journal = Journal(self.path, self._locked)
        self._vectors: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._loaded: tuple[object, list[ReportPredictor]] | None = None

    def _locked(self) -> AbstractContextManager[None]:
        from finetune.journal import locked

        return locked(self.folder)

    def stamp(self) -> object:
        """Changes with every report."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return None

    def add(self, fields: Mapping[str, Any]) -> str:
        """Store one report, on disk when this returns; returns its id. Raises ServiceError for values of no sense."""
        row = checked_fields(fields)
        with self._locked():
            report_id = f"R-{date.today():%Y%m%d}-{secrets.token_hex(3)}"
            # Every column on every line: which there are must not depend on how far a reader looks.
            line = {"report_id": report_id, **{name: row.get(name, "") for name in FIELDS}}
            self._journal.append([json.dumps(line, ensure_ascii=False).encode("utf-8", "replace")])
        return report_id

    def addition(self, base: Index, embedder: OnnxEmbedder) -> Addition | None:
        """The reports that the generation does not hold yet."""
        if self.stamp() is None:
            return None
        return self._laid_over(self.path, base, embedder, lambda texts: self._embedded(texts, embedder))

    def warm_up(self, base: Index, embedder: OnnxEmbedder) -> None:
        """Load what the first report would wait for: the reader of exports, and the models that fill its columns."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / FILE
            line = {"report_id": "", **dict.fromkeys(FIELDS, ""), "symptom": "warming up"}
            path.write_text(json.dumps(line) + "\n", encoding="utf-8")
            self._laid_over(path, base, embedder, embedder.embed_documents)

    def _laid_over(
        self, path: Path, base: Index, embedder: OnnxEmbedder, embed: Callable[[Sequence[str]], FloatMatrix]
    ) -> Addition | None:
        """The reports of a file, as the view lays them over the generation; None when it has them all."""
        from indexer.errors import ReadError
        from indexer.extract import extract
        from indexer.types import DocumentKind
        from indexer.view import addition

        build = assemble.make_build_settings(self._settings)
        try:
            extracted = extract(
                path,
                self._document_id(base),
                None,
                DocumentKind.FAULT_REPORT,
                build.extract,
                embedder.token_counter(),
            )
        except ReadError:
            return None
        return addition(
            base, path, extracted, embed, self._predictors(), build.predict_threshold,
        )  # fmt: skip

    def predict(self, symptom: str) -> dict[str, Guess]:
        """What columns the symptom suggests, of those that the models know. Raises ServiceError for an empty one."""
        text = " ".join(symptom.split())[:_MOST_CHARACTERS]
        if not text:
            raise ServiceError("the symptom is empty; write what was seen")
        threshold = self._settings.indexer.predict_threshold
        found: dict[str, Guess] = {}
        for predictor in self._predictors():
            with contextlib.suppress(PredictionError):  # the form is filled in by hand then
                guesses = predictor.predict([text])[0]
                found |= {name: guess for name, guess in guesses.items() if guess.confidence >= threshold}
        return found

    def _predictors(self) -> list[ReportPredictor]:
        """The models in force, loaded once."""
        registry = assemble.make_registry(self._settings)
        tokens = tuple(registry.pointer_token(task) for task in (FAILURE_MODE_TASK, TAGGER_TASK))
        with self._lock:
            if self._loaded is None or self._loaded[0] != tokens:
                self._loaded = (tokens, assemble.make_report_predictors(self._settings))
            return self._loaded[1]

    def _embedded(self, texts: Sequence[str], embedder: OnnxEmbedder) -> FloatMatrix:
        """Each text embedded once: the same few reports are laid over again with every new one."""
        import numpy as np

        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        known = {text: self._vectors[text] for text in texts if text in self._vectors}
        if new:
            known.update(zip(new, embedder.embed_documents(new), strict=True))
        self._vectors = known
        matrix: FloatMatrix = np.stack([known[text] for text in texts])
        return matrix

    def _document_id(self, base: Index) -> str:
        """What the build calls the file; known once it was indexed."""
        path = str(self.path.resolve())
        return next((record.document_id for record in base.documents() if record.path == path), FILE)


def checked_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a new report that say something, each of its type; today's date where none is given."""
    if unknown := [name for name in fields if name not in FIELDS]:
        raise ServiceError(f"a fault report has no field {unknown[0]!r}; the fields are {', '.join(FIELDS)}")
    row: dict[str, Any] = {}
    for name in TEXTS:
        value = fields.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            raise ServiceError(f"{name} is {value!r}; it must be a text")
        text = " ".join("".join(c if c.isprintable() else " " for c in value).split())
        if len(text) > _MOST_CHARACTERS:
            raise ServiceError(f"{name} has {len(text)} characters; at most {_MOST_CHARACTERS} are taken")
        if text:
            row[name] = text
    for name in NUMBERS:
        value = fields.get(name)
        if value is None or value == "":
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = -1.0
        if isinstance(value, bool) or not 0 <= number < 1e9:
            raise ServiceError(f"{name} is {value!r}; it must be a number of 0 or more")
        row[name] = number
    if not row.get("symptom"):
        raise ServiceError("the report has no symptom; write what was seen")
    row["date"] = _date(fields.get("date"))
    return row


def _date(value: Any) -> str:
    if value is None or value == "":
        return date.today().isoformat()
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise ServiceError(f"date is {value!r}; write YYYY-MM-DD") from None
