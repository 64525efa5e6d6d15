"""The index and the copilot that answer now, opened once and shared by all requests.

When the index's pointer, the router's or the recorded fault reports move, the next request opens anew; requests under
way go on with what they began with, and its files are closed when the last of them ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from copilot import assemble
from copilot.service.access import AccessRules, Role

if TYPE_CHECKING:
    from copilot.config import Settings
    from copilot.engine import Copilot
    from copilot.protocols import LanguageModel
    from copilot.rerank import ReadingReranker, RerankedSearch
    from copilot.service.recorded import RecordedReports
    from finetune.protocols import Router
    from finetune.types import Route
    from indexer.embedders import OnnxEmbedder
    from indexer.store import Index


_REMEMBERED = 20_000  # vectors, 30 MB at 384 numbers
_TASKS = ("router", "reader")
Routing: TypeAlias = "tuple[Router, tuple[Route, ...]]"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one role asks: the index as it may see it, and what answers over it."""

    index: Index
    copilot: Copilot
    retriever: RerankedSearch


class Opened:
    """One generation with its models, opened; a reading for every role. Closed when nobody uses it any more."""

    def __init__(self, token: object, base: Index, readings: dict[Role, Reading]) -> None:
        self.token = token
        self.base = base
        self._readings = readings
        self._lock = threading.Lock()
        self._users = 1  # whoever holds it as the current one

    def reading(self, role: Role) -> Reading:
        """What this role asks."""
        return self._readings[role]

    def take(self) -> None:
        """One more uses it."""
        with self._lock:
            self._users += 1

    def release(self) -> None:
        """One fewer uses it; the last one closes the files."""
        with self._lock:
            self._users -= 1
            last = not self._users
        if last:
            for index in {id(one.index): one.index for one in self._readings.values()}.values():
                index.close()
            self.base.close()
            _give_memory_back()


def _give_memory_back() -> None:
    """What was freed, to the system: the allocator of glibc keeps it otherwise, a third of the server's memory."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another libc has no such call
        ctypes.CDLL(None).malloc_trim(0)


class Library:
    """Opens what answers, and opens it again when it moved. Raises NoIndexError while there is nothing."""

    def __init__(self, settings: Settings, rules: AccessRules, recorded: RecordedReports) -> None:
        self._settings = settings
        self._rules = rules
        self._recorded = recorded
        self._registry = assemble.make_registry(settings)
        self._home = assemble.make_home(settings)
        self._lock = threading.Lock()
        self._current: Opened | None = None
        self._embedder: OnnxEmbedder | None = None
        self._loaded: tuple[object, tuple[Routing, ReadingReranker | None]] | None = None
        self._language_model: LanguageModel | None = None

    @contextlib.contextmanager
    def reading(self, role: Role) -> Iterator[Reading]:
        """What this role asks now; it stays whole until the context ends, whatever is published meanwhile."""
        opened = self._take()
        try:
            yield opened.reading(role)
        finally:
            opened.release()

    def warm_up(self) -> None:
        """Load what the first question and the first report of a fault would wait for."""
        opened = self._take()
        try:
            for _ in opened.reading(Role.ADMIN).copilot.stream("What is to be done?"):
                pass
            self._recorded.warm_up(opened.base, self.embedder)
        finally:
            opened.release()
        _give_memory_back()  # loading the models leaves as much behind

    def refresh(self) -> None:
        """Open anew if something moved, so that no question waits for it."""
        self._take().release()

    @property
    def is_open(self) -> bool:
        """Whether something is open."""
        return self._current is not None

    @property
    def embedder(self) -> OnnxEmbedder:
        """The encoder, made once."""
        if self._embedder is None:
            self._embedder = assemble.make_reading_embedder(self._settings, _REMEMBERED)
        return self._embedder

    def close(self) -> None:
        """Let go of what is open; requests under way keep theirs."""
        with self._lock:
            current, self._current = self._current, None
        if current is not None:
            current.release()

    def _take(self) -> Opened:
        with self._lock:
            token = self._token()
            if self._current is None or self._current.token != token:
                opened = self._open(token)
                before, self._current = self._current, opened
                if before is not None:
                    before.release()
            self._current.take()
            return self._current

    def _models(self, embedder: OnnxEmbedder) -> tuple[Routing, ReadingReranker | None]:
        """Router and reader, loaded anew only when a pointer of theirs moved; the language model is loaded once."""
        token = tuple(self._registry.pointer_token(task) for task in _TASKS)
        if self._loaded is None or self._loaded[0] != token:
            models = (assemble.make_router(self._settings, embedder), assemble.make_reranker(self._settings))
            self._loaded = (token, models)
            self._language_model = self._language_model or assemble.make_language_model(self._settings)
        return self._loaded[1]

    def _token(self) -> object:
        version = self._home.require_current()
        return version, *(self._registry.pointer_token(task) for task in _TASKS), self._recorded.stamp()

    def _open(self, token: object) -> Opened:
        from indexer.view import IndexView

        embedder = self.embedder
        base = assemble.open_index(self._settings, embedder)
        try:
            added = self._recorded.addition(base, embedder)
            routing, reranker = self._models(embedder)
            made: dict[Role, Reading] = {}
            readings: dict[Role, Reading] = {}
            for role, tier in self._rules.tiers().items():
                if tier not in made:
                    index = IndexView(base, self._rules.hidden_from(tier), added)
                    made[tier] = Reading(
                        index,
                        assemble.make_copilot(
                            self._settings,
                            index,
                            embedder,
                            routing=routing,
                            reranker=reranker,
                            language_model=self._language_model,
                        ),
                        assemble.make_search(self._settings, index, embedder, reranker),
                    )
                readings[role] = made[tier]
        except BaseException:
            base.close()
            raise
        return Opened(token, base, readings)
