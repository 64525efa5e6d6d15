"""What goes on beside requests while a server runs: warming up, the schedule of trainings, forgetting in time."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.service.training import make_scheduler

if TYPE_CHECKING:
    from copilot.service.service import Service
    from finetune.schedule import Scheduler

_FORGET_EVERY_S = 3600.0
_LOOK_EVERY_S = 1.0
_WATCH_AGAIN_S = 0.5
_logger = logging.getLogger(__name__)


class Background:
    """Threads that a service starts and stops. Nothing that goes wrong in them stops the service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stopping = threading.Event()
        self._renewing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._scheduler: Scheduler | None = None

    def start(self) -> None:
        """Begin, once."""
        if self._threads:
            return
        self._scheduler = make_scheduler(self._service.settings, self._service.busy)
        self._scheduler.start()
        for work in (self._follow, self._forget, self._watch):
            thread = threading.Thread(target=work, name=f"service{work.__name__}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._scheduler is not None:
            self._scheduler.stop()
        for thread in self._threads:
            thread.join(5)

    def _follow(self) -> None:
        """Warm up, then open what was published meanwhile, so that no question waits for either."""
        said = ""
        warm = False
        while True:
            try:
                if warm:
                    self._service.library.refresh()
                else:
                    self._service.warm_up()
                    warm = True
                said = ""
            except Exception as error:
                if str(error) != said:
                    said = str(error)
                    _logger.warning("the index is not open: %s", said)
            if self._stopping.wait(_LOOK_EVERY_S):
                return

    def _forget(self) -> None:
        days = self._service.settings.server.retention_days
        while days:
            try:
                self._service.forget(days)
            except Exception as error:
                _logger.warning("old texts could not be removed: %s", error)
            if self._stopping.wait(_FORGET_EVERY_S):
                return

    def renew(self) -> None:
        """Look anew at which folders are to be watched."""
        self._renewing.set()

    def _watch(self) -> None:
        """Index again when files below the watched folders change; changes within 1.6 s count as one."""
        said = ""
        while True:
            try:
                self._renewing.clear()
                home = self._service.settings.home.resolve()
                paths = self._service.watched_paths()
                present = [path for path in paths if path.exists() and not path.resolve().is_relative_to(home)]
                if present and self._changed(present):
                    self._service.follow_changes()
                said = ""
            except Exception as error:
                if str(error) != said:  # there may be no index for days
                    said = str(error)
                    _logger.warning("the indexed folders cannot be watched: %s", said)
            if self._stopping.wait(_WATCH_AGAIN_S):
                return

    def _changed(self, folders: list[Path]) -> bool:
        """Wait for a change; after a minute, or when told to `renew`, look whether there are other folders."""
        from watchfiles import DefaultFilter, watch

        usual, home = DefaultFilter(), self._service.settings.home.resolve()

        def documents(change: Any, path: str) -> bool:  # what a build writes must not start another one
            return usual(change, path) and not Path(path).resolve().is_relative_to(home)

        for changes in watch(
            *folders, watch_filter=documents, debounce=1600, step=200, stop_event=_Any(self._stopping, self._renewing),
            rust_timeout=60_000, yield_on_timeout=True,
        ):  # fmt: skip
            return bool(changes)
        return False


class _Any:
    """An event that is set when one of several is."""

    def __init__(self, *events: threading.Event) -> None:
        self._events = events

    def is_set(self) -> bool:
        return any(event.is_set() for event in self._events)
