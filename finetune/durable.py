"""Small files that survive a crash: replaced whole by one rename, or grown line by line."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from indexer.home import sync_folder as sync_folder

_FULL = (errno.ENOSPC, errno.EDQUOT)
_TRIES = 20


def write_text(path: Path, text: str) -> None:
    """Replace a file by one atomic rename; a crash leaves the old content. Callers see to it that one writes at a time."""
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    for attempt in range(_TRIES):
        try:
            os.replace(temporary, path)
            break
        except PermissionError:
            # Windows refuses while another process has the file open to read, which takes it microseconds.
            if os.name != "nt" or attempt == _TRIES - 1:
                raise
            time.sleep(0.02)
    sync_folder(path.parent)


def append_json(path: Path, entry: Mapping[str, Any]) -> None:
    """Add one line to a JSONL file and sync it. A torn last line, left by a crash, is closed first."""
    line = json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n"
    with path.open("ab+") as file:
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = "\n" + line
        file.write(line.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSONL file, oldest first. No file is an empty one; lines torn by a crash are left out."""
    entries: list[dict[str, Any]] = []
    with contextlib.suppress(FileNotFoundError):
        for line in path.read_bytes().splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict):
                    entries.append(entry)
    return entries


def sync_file(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def is_disk_full(error: BaseException) -> bool:
    """Whether an error, ours or of a library written in another language, comes from a full disk."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    text = str(error)
    return "No space left on device" in text or "os error 28" in text
