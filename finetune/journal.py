"""A file that only grows, a line at a time: whole after a crash and a full disk, one writer at a time.

A line goes in one piece and is synced before `append` returns. So only the last line can be torn, and only one that
nobody was promised; the next to open the file sets it aside in `<name>.torn`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from finetune.durable import sync_folder
from finetune.errors import FeedbackError

_WAIT_SECONDS = 30
_BINARY = getattr(os, "O_BINARY", 0)
_APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | _BINARY


class Journal:
    """One such file. `lock` gives the context in which its folder is this caller's alone."""

    def __init__(self, path: Path, lock: Callable[[], AbstractContextManager[None]]) -> None:
        self.path = path
        self.torn = path.with_name(path.name + ".torn")
        self._lock = lock

    def append(self, lines: Sequence[bytes]) -> None:
        """Append whole lines (without line breaks), all or none. The caller holds the lock. Raises OSError."""
        if not lines:
            return
        data = b"".join(line + b"\n" for line in lines)
        fresh = not self.path.exists()
        handle = os.open(self.path, _APPEND, 0o600)
        try:
            self._repair(handle)
            size = os.fstat(handle).st_size
            try:
                _write_all(handle, data)
                os.fsync(handle)
            except BaseException:
                with contextlib.suppress(OSError):  # if not even this works, the next writer sets the rest aside
                    os.ftruncate(handle, size)
                raise
        finally:
            os.close(handle)
        if fresh:
            sync_folder(self.path.parent)

    def lines(self) -> list[bytes]:
        """Every whole line, without its line break. Raises FeedbackError when the file cannot be read."""
        data = read_bytes(self.path)
        if data and not data.endswith(b"\n"):
            # A writer at work, or one that died: with the lock in hand it can only be the latter.
            with contextlib.suppress(FeedbackError), self._lock():
                self.mended()
            data = read_bytes(self.path)
            data = data[: data.rfind(b"\n") + 1]
        return data.split(b"\n")[:-1]

    def mended(self) -> bytes:
        """The content, after setting aside what a crash tore. The caller holds the lock. Raises OSError."""
        if not self.path.exists():
            return b""
        handle = os.open(self.path, _APPEND)
        try:
            self._repair(handle)
        finally:
            os.close(handle)
        return self.path.read_bytes()

    def problems(self) -> list[str]:
        """What crashes left behind, one line."""
        count = read_bytes(self.torn).count(b"\n")
        said = (
            f"{self.torn}: {count} line(s) that a crash cut off were set aside; look through them, then remove the file"
        )
        return [said] if count else []

    def _repair(self, handle: int) -> None:
        """Make the file end with a whole line: end one that lacks only its line break, set aside what a crash tore."""
        size = os.fstat(handle).st_size
        if not size:
            return
        os.lseek(handle, size - 1, os.SEEK_SET)
        if os.read(handle, 1) == b"\n":
            return
        data = self.path.read_bytes()
        tail = data[data.rfind(b"\n") + 1 :]
        with contextlib.suppress(ValueError, RecursionError):
            if isinstance(json.loads(tail.decode("utf-8")), dict):
                _write_all(handle, b"\n")
                os.fsync(handle)
                return
        aside = os.open(self.torn, _APPEND, 0o600)
        try:
            _write_all(aside, tail + b"\n")
            os.fsync(aside)
        finally:
            os.close(aside)
        os.ftruncate(handle, len(data) - len(tail))
        os.fsync(handle)


@contextlib.contextmanager
def locked(folder: Path, name: str = "lock") -> Iterator[None]:
    """Hold the lock `name` in a folder, which the system releases when its holder dies. Raises FeedbackError.

    What the system says about writing, inside the context, becomes a FeedbackError too.
    """
    from filelock import FileLock, Timeout

    with _disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / name, timeout=_WAIT_SECONDS, poll_interval=0.01)
        try:
            lock.acquire()
        except Timeout as error:
            raise FeedbackError(
                f"{folder} has been locked by another process for {_WAIT_SECONDS} s; nothing was stored, try again"
            ) from error
        try:
            yield
        finally:
            lock.release()


@contextlib.contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FeedbackError(
                f"the disk is full, so nothing was stored in {folder}; what was there before is unharmed. Free some space"
            ) from error
        raise FeedbackError(
            f"cannot write to {folder}: {error.strerror or error}; check it, or use another --home"
        ) from error


def read_bytes(path: Path) -> bytes:
    """The content of a file, nothing when there is none. Raises FeedbackError when it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise FeedbackError(f"{path} cannot be read ({error.strerror or error}); check its permissions") from error


def write_whole(path: Path, lines: Sequence[bytes]) -> None:
    """Write a file beside its place and move it there: whole or not at all. Only its owner may read it. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.new")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        try:
            _write_all(handle, b"".join(lines))
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
