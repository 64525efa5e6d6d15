"""How many questions run and wait at once, and how many one user may ask a minute."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from copilot.service.errors import BusyError, LimitError, TimedOutError

_REMEMBERED = 10_000  # users whose recent questions are counted


class Admission:
    """`running` questions at a time; up to `waiting` more wait their turn, in the order they came."""

    def __init__(self, running: int, waiting: int) -> None:
        self._most_running, self._most_waiting = running, waiting
        self._condition = threading.Condition()
        self._queue: deque[object] = deque()
        self._running = 0
        self._closed = False

    @property
    def running(self) -> int:
        """Questions being answered."""
        return self._running

    @property
    def waiting(self) -> int:
        """Questions that wait."""
        return len(self._queue)

    @contextmanager
    def slot(self, deadline: float) -> Iterator[None]:
        """Hold a place until the context ends. `deadline` is of time.monotonic().

        Raises BusyError when too many wait or the service stops, TimedOutError when no place came free in time.
        """
        self._enter(deadline)
        try:
            yield
        finally:
            with self._condition:
                self._running -= 1
                self._condition.notify_all()

    def _enter(self, deadline: float) -> None:
        ticket = object()
        with self._condition:
            if self._closed:
                raise BusyError("the service is shutting down; ask again in a minute", 60)
            if self._running >= self._most_running and len(self._queue) >= self._most_waiting:
                raise BusyError(
                    f"{self._running + len(self._queue)} questions are being answered or wait already; "
                    "ask again in a few seconds",
                    5,
                )
            self._queue.append(ticket)
            try:
                while self._queue[0] is not ticket or self._running >= self._most_running:
                    if not self._condition.wait(max(0.0, deadline - time.monotonic())):
                        raise TimedOutError("no turn came free in the time allowed; ask again", 5)
                self._running += 1
            finally:
                self._queue.remove(ticket)
                self._condition.notify_all()

    def close(self, timeout_s: float) -> bool:
        """Take no more questions and wait for those admitted; returns whether all ended in time."""
        with self._condition:
            self._closed = True
            return self._condition.wait_for(lambda: not self._running and not self._queue, timeout_s)


class RateLimit:
    """At most `per_minute` events of one key, counted by a bucket that fills evenly; 0 means no limit."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one event. Raises LimitError when the bucket is empty."""
        if self._per_minute <= 0:
            return
        now = self._clock()
        with self._lock:
            level, seen = self._buckets.pop(key, (float(self._per_minute), now))
            level = min(float(self._per_minute), level + (now - seen) * self._per_minute / 60)
            allowed = level >= 1
            self._buckets[key] = (level - 1 if allowed else level, now)
            while len(self._buckets) > _REMEMBERED:
                self._buckets.popitem(last=False)
        if not allowed:
            wait = (1 - level) * 60 / self._per_minute
            raise LimitError(f"more than {self._per_minute} questions a minute; ask again in {wait:.0f} s", wait)
