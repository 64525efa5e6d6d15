"""The home folder: where generations, originals and caches lie, which generation answers, and who may write.

documents/<sha256><suffix>      originals, so that a citation can always be opened; see also `scanned_words`
index/CURRENT                   the version that answers; moved by one atomic rename
index/<version>/                a finished generation, never changed again
index/staging/                  the generation being built
index/writer.lock               held by the one writer
cache/                          exported encoder, work of an interrupted build; may be deleted at any time
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from indexer.errors import BuildError, BusyError, NoIndexError, StoreError

KEEP_GENERATIONS = 3


@dataclass(frozen=True, slots=True)
class Home:
    """Paths and pointers of one home folder. Nothing is created before it is needed."""

    folder: Path

    @property
    def index_folder(self) -> Path:
        """Holds the generations and the pointer."""
        return self.folder / "index"

    @property
    def documents_folder(self) -> Path:
        """Holds the originals by content."""
        return self.folder / "documents"

    @property
    def cache_folder(self) -> Path:
        """Holds what can be made again."""
        return self.folder / "cache"

    @property
    def staging_folder(self) -> Path:
        """The generation being built."""
        return self.index_folder / "staging"

    def generation(self, version: str) -> Path:
        """The folder of a generation."""
        return self.index_folder / version

    def versions(self) -> list[str]:
        """Finished generations, oldest first. The manifest is written last, so its presence means finished."""
        if not self.index_folder.is_dir():
            return []
        return sorted(
            entry.name
            for entry in self.index_folder.iterdir()
            if entry.name != "staging" and (entry / "manifest.json").is_file()
        )

    def current_version(self) -> str | None:
        """The version that answers, or None before the first build. Raises StoreError when the pointer is damaged."""
        pointer = self.index_folder / "CURRENT"
        try:
            version = pointer.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{pointer} cannot be read ({error}). {self._remedy()}") from error
        if not (self.generation(version) / "manifest.json").is_file() or "/" in version or not version:
            raise StoreError(f"{pointer} names the generation {version[:60]!r}, which is not there. {self._remedy()}")
        return version

    def _remedy(self) -> str:
        if self.versions():
            return "Run `copilot index --rollback` to answer from the last finished generation, or `copilot index --rebuild`."
        return "Run `copilot index --rebuild` with the folders to index."

    def require_current(self) -> str:
        """The version that answers; raises NoIndexError with the remedy when nothing was indexed."""
        version = self.current_version()
        if version is None:
            raise NoIndexError(
                f"Nothing has been indexed in {self.folder} yet. Run `copilot index FOLDER` first, or `copilot demo`."
            )
        return version

    def new_version(self) -> str:
        """A version name that sorts after every earlier one."""
        return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(2)}"

    def publish(self, version: str) -> None:
        """Turn the staging folder into the generation that answers, then drop the oldest beyond those kept.

        Two renames: the folder, then the pointer. A crash between them leaves the earlier generation answering.
        """
        _sync_tree(self.staging_folder)
        target = self.generation(version)
        os.replace(self.staging_folder, target)
        self._point(version)
        for old in self.versions()[:-KEEP_GENERATIONS]:
            if old != version:
                shutil.rmtree(self.generation(old), ignore_errors=True)

    def _point(self, version: str) -> None:
        temporary = self.index_folder / "CURRENT.new"
        with temporary.open("w", encoding="utf-8") as file:
            file.write(version + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.index_folder / "CURRENT")
        sync_folder(self.index_folder)

    def rollback(self) -> str:
        """Answer from the generation before the current one (or the newest, when the pointer is damaged)."""
        versions = self.versions()
        try:
            current = self.current_version()
        except StoreError:
            current = None
        earlier = [version for version in versions if current is None or version < current]
        if not earlier:
            raise StoreError(
                f"There is no earlier generation in {self.index_folder} to go back to; kept are: {', '.join(versions) or 'none'}."
            )
        self._point(earlier[-1])
        return earlier[-1]

    @contextlib.contextmanager
    def writer(self) -> Iterator[None]:
        """Hold the writer's lock; raises BusyError at once when another process has it."""
        from filelock import FileLock, Timeout

        with disk_errors(f"creating {self.index_folder}"):
            self.index_folder.mkdir(parents=True, exist_ok=True)
            self.cache_folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(self.index_folder / "writer.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise BusyError(
                f"Another process is indexing into {self.folder}. Wait until it ends, or use another --home; questions are answered meanwhile."
            ) from error
        except OSError as error:
            raise StoreError(
                f"Cannot write to {self.index_folder}: {error.strerror or error}. Check its permissions, or use another --home."
            ) from error
        try:
            yield
        finally:
            lock.release()


@contextlib.contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn a full disk or missing permission into one line that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BuildError(_FULL.format(doing=doing)) from error
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise StoreError(
                f"Cannot write ({doing}): {error.strerror}. Check the permissions, or use another --home."
            ) from error
        raise
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise BuildError(_FULL.format(doing=doing)) from error
        raise StoreError(f"Cannot write ({doing}): {error}. Check the disk, or use another --home.") from error


_FULL = (
    "The disk is full ({doing}). Free some space and run the same command again: it goes on where it stopped, "
    "and the generation before it still answers."
)


def sync_folder(folder: Path) -> None:
    """Wait until a folder's entries are on the disk, where the system can do that."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    sync_folder(folder)
