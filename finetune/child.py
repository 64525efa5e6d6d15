"""A training as a child process that keeps out of the way: lowest priority, few threads, paused while asked to."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from finetune.errors import BusyTrainingError, TrainingError
from finetune.timers import thread_limits

_LINE = 500
_OK = (0, 3)  # 3: done, but some inputs were left out
_GRACE_S = 10.0


def nobody_asks() -> str:
    """A reason to pause that never applies."""
    return ""


class ChildTraining:
    """Runs a command to its end and returns the last line it printed. Call it; `stop()` from another thread ends it.

    The child holds a lock in `folder`, even when the process that started it dies, so there are never two. What it
    prints is in `training.out` and `training.err` there.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        threads: int | None = None,
        pause: Callable[[], str] = nobody_asks,
        poll_s: float = 1.0,
    ) -> None:
        """`threads` is half the cores by default. While `pause()` gives a reason, the child is halted (not on Windows)."""
        self._command = list(command)
        self._folder = folder
        self._threads = threads or max(1, (os.cpu_count() or 1) // 2)
        self._pause = pause
        self._poll_s = poll_s
        self._stop = threading.Event()

    def stop(self) -> None:
        """End the child, if there is one; this call and later ones raise TrainingError."""
        self._stop.set()

    def __call__(self) -> str:
        """Raises TrainingError when the command fails or is stopped, BusyTrainingError when one is still running."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with _hold(self._folder / "training.lock") as inherited:
                return self._run(inherited)
        except OSError as error:
            raise TrainingError(
                f"The training {self._command[0]!r} cannot be started in {self._folder}: {error.strerror or error}; "
                f"check the disk and the installation"
            ) from error

    def _run(self, inherited: tuple[int, ...]) -> str:
        out, err = self._folder / "training.out", self._folder / "training.err"
        with out.open("wb") as told, err.open("wb") as complained:
            process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=told, stderr=complained,
                env={**os.environ, **thread_limits(self._threads)}, **_apart(inherited),
            )  # fmt: skip
        try:
            if os.name == "posix":
                with contextlib.suppress(OSError):  # it may have ended already
                    os.setpriority(os.PRIO_PGRP, process.pid, 19)
            code = self._wait(process)
        finally:
            _end(process)
        if code in _OK:
            return _last_line(out) or "it ended without a word"
        raise TrainingError(
            f"The training ended with exit code {code}: {_last_line(err) or 'no message'}; see {err} for all it said"
        )

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        halted = False
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=self._poll_s)
            if self._stop.is_set():
                raise TrainingError(
                    "The training was stopped because the server stops; it is made up after the restart"
                )
            wanted = bool(self._pause())
            if wanted != halted and os.name == "posix":
                _signal(process, signal.SIGSTOP if wanted else signal.SIGCONT)
                halted = wanted


def _apart(inherited: tuple[int, ...]) -> dict[str, Any]:
    """A group of its own, so that all of it can be halted and ended, and Ctrl-C in the server's terminal passes it by."""
    if os.name == "posix":
        return {"start_new_session": True, "pass_fds": inherited}
    flags = ("BELOW_NORMAL_PRIORITY_CLASS", "CREATE_NEW_PROCESS_GROUP", "CREATE_NO_WINDOW")
    return {"creationflags": sum(getattr(subprocess, flag, 0) for flag in flags)}


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    if os.name == "posix":
        _signal(process, signal.SIGCONT)
        _signal(process, signal.SIGTERM)
    else:
        process.terminate()
    try:
        process.wait(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        if os.name == "posix":
            _signal(process, signal.SIGKILL)
        else:
            process.kill()
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


@contextlib.contextmanager
def _hold(path: Path) -> Any:
    """Hold a lock; gives the descriptors by which a child holds it as well. Raises BusyTrainingError."""
    busy = BusyTrainingError("A scheduled training begun earlier is still running; wait until it ends")
    if os.name == "posix":
        import fcntl

        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise busy from None
            yield (handle,)
        finally:
            os.close(handle)  # unlocks only when the child has gone, too: the lock belongs to the open file
    else:
        from filelock import FileLock, Timeout

        lock = FileLock(str(path), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise busy from None
        try:
            yield ()
        finally:
            lock.release()


def _last_line(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64 * 1024))
        lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")[:_LINE]
