"""Text that another thread makes, taken under time limits. What both kinds of language model stream through."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from copilot.errors import GeneratorError, ModelSlowError


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: to connect, until the first piece of text, and for the whole text."""

    connect_s: float = 3.0
    first_token_s: float = 60.0
    whole_s: float = 180.0


class Stop:
    """Tells the thread that makes the text that nobody wants it any more."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._actions: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def does(self, action: Callable[[], None]) -> None:
        """Run `action` when the text is no longer wanted; at once if that is so already. It must not raise."""
        with self._lock:
            if not self._event.is_set():
                self._actions.append(action)
                return
        action()

    def now(self) -> None:
        with self._lock:
            self._event.set()
            actions, self._actions = self._actions, []
        for action in actions:
            action()


Emit = Callable[[str], None]
_END = object()


def pumped(make: Callable[[Emit, Stop], None], limits: Limits) -> Iterator[str]:
    """Run `make(emit, stop)` in a thread and yield what it emits.

    Closing this iterator, or a limit that is passed, stops it. Raises what `make` raises (anything that is no
    GeneratorError becomes one) and ModelSlowError.
    """
    pieces: queue.SimpleQueue[str | Exception | object] = queue.SimpleQueue()
    stop = Stop()

    def run() -> None:
        try:
            make(pieces.put, stop)
        except GeneratorError as error:
            pieces.put(error)
        except Exception as error:  # the libraries behind raise whatever they like, out of memory included
            pieces.put(GeneratorError(f"the language model failed ({type(error).__name__}: {error})"))
        finally:
            pieces.put(_END)

    begun = time.monotonic()
    threading.Thread(target=run, name="language-model", daemon=True).start()
    started = False
    try:
        while True:
            allowed = limits.whole_s if started else min(limits.first_token_s, limits.whole_s)
            try:
                piece = pieces.get(timeout=max(0.0, begun + allowed - time.monotonic()))
            except queue.Empty:
                what = "the whole answer" if started else "the first word"
                setting = "llm_timeout_s" if allowed == limits.whole_s else "llm_first_token_s"
                raise ModelSlowError(
                    f"the language model took longer than {allowed:g} s for {what}; raise {setting}, or use a smaller model"
                ) from None
            if isinstance(piece, str):
                started = started or bool(piece)
                yield piece
            elif isinstance(piece, Exception):
                raise piece
            else:
                return
    finally:
        stop.now()
