"""Which files an indexing run is about: folders walked, links that loop left out, names made unique.

A document's id is its path relative to the folder that was given, with forward slashes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import IndexerError
from indexer.types import Quarantined


@dataclass(frozen=True, slots=True)
class Root:
    """A folder or file that is kept in the index, with what was said about it on the command line."""

    path: str
    machine: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may become a document. `stamp` is "size:mtime_ns": while it stays, the content is not read again."""

    root: Root
    path: Path
    document_id: str
    machine: str | None
    size: int
    stamp: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What one walk over the roots found. `unreachable` roots keep their documents: they may come back."""

    candidates: tuple[Candidate, ...]
    quarantined: tuple[Quarantined, ...]
    unreachable: tuple[Root, ...]


def make_root(path: Path, machine: str | None = None, kind: str | None = None) -> Root:
    """The root for a path given by the user; raises IndexerError when nothing is there."""
    try:
        resolved = path.expanduser().resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise IndexerError(f"Cannot index {path}: {_reason(error)}. Give a folder or file that exists.") from error
    return Root(str(resolved), machine, kind)


def scan(roots: Sequence[Root], is_candidate: Callable[[Path], bool]) -> Scan:
    """Walk the roots in order; ids that two roots share get the later root's folder name in front."""
    found: list[Candidate] = []
    quarantined: list[Quarantined] = []
    unreachable: list[Root] = []
    taken: set[str] = set()
    seen_files: set[str] = set()
    for root in roots:
        base = Path(root.path)
        if not base.exists():
            unreachable.append(root)
            continue
        single = base.is_file()
        for path in [base] if single else _walk(base, quarantined):
            name = base.name if single else path.relative_to(base).as_posix()
            if not single and not is_candidate(path):
                continue
            try:
                status = path.stat()
            except OSError as error:
                quarantined.append(Quarantined(name, _reason(error)))
                continue
            real = os.path.realpath(path)
            if real in seen_files:
                continue  # a link to a file that is indexed already, or one root inside another
            seen_files.add(real)
            document_id = _printable(name)
            if document_id in taken:
                document_id = f"{_printable(base.parent.name if single else base.name)}/{document_id}"
            count = 2
            unique = document_id
            while unique in taken:
                unique, count = f"{document_id} ({count})", count + 1
            taken.add(unique)
            parts = path.relative_to(base).parts if not single else ()
            machine = root.machine or (_printable(parts[0]) if len(parts) > 1 else None)
            found.append(
                Candidate(root, path, unique, machine, status.st_size, f"{status.st_size}:{status.st_mtime_ns}")
            )
    return Scan(tuple(found), tuple(quarantined), tuple(unreachable))


def _walk(base: Path, quarantined: list[Quarantined]) -> Iterator[Path]:
    """Files below a folder in a stable order, hidden ones left out; linked folders are followed once each."""
    visited: set[tuple[int, int]] = set()
    stack = [base]
    while stack:
        folder = stack.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in visited and status.st_ino:
                continue
            visited.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            name = folder.relative_to(base).as_posix() if folder != base else base.name
            quarantined.append(Quarantined(_printable(name), _reason(error)))
            continue
        folders = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                if entry.is_dir():
                    folders.append(Path(entry.path))
                elif entry.is_file() or entry.is_symlink():
                    yield Path(entry.path)
            except OSError as error:
                quarantined.append(
                    Quarantined(_printable(Path(entry.path).relative_to(base).as_posix()), _reason(error))
                )
        stack.extend(reversed(folders))


def _printable(name: str) -> str:
    """The name as valid Unicode without control characters; undecodable bytes become "?"."""
    text = name.encode("utf-8", "replace").decode("utf-8")
    return "".join(character if character.isprintable() else "?" for character in text)


def _reason(error: BaseException) -> str:
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, FileNotFoundError):
        return "it does not exist"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return str(error)
