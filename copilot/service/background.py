"""What goes on beside requests while a server runs: warming up, the schedule of trainings, forgetting in time."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.service.access import Role
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

    def _watch(self) -> None:
        """Index again when files below the indexed folders change; changes within 1.6 s count as one."""
        while self._service.settings.server.watch:
            try:
                with self._service.library.reading(Role.ADMIN) as reading:
                    roots = [Path(path) for path, _, _ in reading.index.manifest.roots]
                home = self._service.settings.home.resolve()
                present = [root for root in roots if root.exists() and not root.resolve().is_relative_to(home)]
                if present and self._changed(present):
                    self._service.follow_changes()
            except Exception as error:
                _logger.warning("the indexed folders cannot be watched: %s", error)
            if self._stopping.wait(_WATCH_AGAIN_S):
                return

    def _changed(self, roots: list[Path]) -> bool:
        """Wait for a change; after a minute, look whether there are other roots."""
        from watchfiles import watch

        for changes in watch(
            *roots, debounce=1600, step=200, stop_event=self._stopping, rust_timeout=60_000, yield_on_timeout=True
        ):
            return bool(changes)
        return False
