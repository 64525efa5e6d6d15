"""Folders that are watched because somebody said so on the page: kept over restarts, one file.

<home>/watched.json    [{"path", "machine", "kind", "by", "since"}], replaced as a whole
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from copilot.service.errors import ConflictError, NotFoundError
from finetune.durable import write_text

FILE = "watched.json"


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A folder of the server, by its whole path. `by` is who asked for it, `since` UTC, ISO 8601."""

    path: str
    machine: str | None
    kind: str | None
    by: str
    since: str

    @property
    def reachable(self) -> bool:
        """Whether the folder is there now; a network drive may not be."""
        return Path(self.path).is_dir()


class Watched:
    """The watched folders of one home. Thread-safe; `changed` is called after every change."""

    def __init__(self, home: Path, changed: Callable[[], None] = lambda: None) -> None:
        self._file = home / FILE
        self._changed = changed
        self._lock = threading.Lock()
        self._known: dict[str, WatchedFolder] | None = None

    def folders(self) -> list[WatchedFolder]:
        """All of them, in the order they were added."""
        with self._lock:
            return list(self._read().values())

    def add(self, folder: WatchedFolder) -> None:
        """Watch one more. Raises ConflictError when it, or a folder around it, is watched already."""
        path = Path(folder.path)
        with self._lock:
            known = self._read()
            around = next((one for one in known.values() if path.is_relative_to(one.path)), None)
            if around is not None:
                raise ConflictError(
                    f"{around.path} is watched already, since {around.since[:16]}; there is nothing to do"
                )
            self._write({**known, folder.path: folder})
        self._changed()

    def remove(self, path: str) -> None:
        """Watch it no more. Raises NotFoundError."""
        with self._lock:
            known = self._read()
            if path not in known:
                raise NotFoundError(f"{path} is not watched (any more)")
            self._write({name: one for name, one in known.items() if name != path})
        self._changed()

    def _read(self) -> dict[str, WatchedFolder]:
        if self._known is None:
            try:
                rows: list[dict[str, Any]] = json.loads(self._file.read_text(encoding="utf-8"))
                self._known = {row["path"]: WatchedFolder(**row) for row in rows}
            except FileNotFoundError:
                self._known = {}
            except (
                OSError,
                ValueError,
                TypeError,
                KeyError,
            ):  # damaged: watching is said anew, documents are not touched
                self._known = {}
        return self._known

    def _write(self, known: dict[str, WatchedFolder]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_text(self._file, json.dumps([asdict(one) for one in known.values()], ensure_ascii=False, indent=1))
        self._known = known
