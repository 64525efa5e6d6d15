"""One archive of a home folder, and a home folder out of one.

A backup is a ZIP file of everything but the caches: settings, documents, the index that answers, the plant's own model
versions, feedback and logs. Its `manifest.json`, written last, lists every file with size and sha256.

It may be made while others ask and index. What is backed up is a snapshot: files that never change again (generations,
originals, model versions) are linked aside first and packed from there, files that grow are copied up to their last
whole line, SQLite databases through SQLite. A restore unpacks beside the home folder, checks every file, and only then
moves it into place; until that moment nothing is touched, and what cannot be moved is moved back.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import sqlite3
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from copilot.errors import CopilotError
from finetune.durable import sync_folder
from indexer.errors import StoreError
from indexer.home import Home

FORMAT = "factory-copilot-backup"
SCHEMA = 1
MANIFEST = "manifest.json"
Progress = Callable[[str, int, int], None]

_LEFT_OUT = {"cache", "demo"}  # made again when needed; the demonstration's home is a home of its own
_STAGING = re.compile(
    r"(backup|restore|replaced|staging)-[0-9a-f-]+|staging|\..*\.new|.*\.new|.*\.lock|lock|.*-(wal|shm|journal)"
)
_PACKED = {".pdf", ".docx", ".xlsx", ".pptx", ".png", ".jpg", ".jpeg", ".zip", ".gz", ".safetensors", ".faiss"}
_TRIES = 5
_BLOCK = 1 << 20
_MOST_MANIFEST = 64 << 20  # bytes
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class BackupError(CopilotError):
    """A backup cannot be written, or an archive cannot be restored; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What an archive holds: `files` and `size` (bytes, unpacked), the index version that answers, when it was made."""

    path: Path
    files: int
    size: int
    index_version: str | None
    created_at: datetime


def backup(home: Path, target: Path, progress: Progress | None = None) -> Backup:
    """Pack a home folder into one file, which appears when it is whole; one of ours that is there is replaced.

    Raises BackupError: nothing to back up, a target that is something else, no permission, a full disk.
    """
    target = target.expanduser().absolute()
    _check_target(target)
    if not home.is_dir():
        raise BackupError(f"there is no home folder {home}; give --home, or index something first")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")
    staging = home / f"backup-{secrets.token_hex(4)}"
    with _disk(f"writing {target}"):
        try:
            version, files = _snapshot(home, staging, {target, temporary})
            if not files:
                raise BackupError(f"{home} holds nothing to back up; index something first, or check --home")
            manifest = _pack(staging, sorted(files), temporary, version, progress)
            os.replace(temporary, target)
            sync_folder(target.parent)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            temporary.unlink(missing_ok=True)
    return _described(target, manifest)


def restore(archive: Path, home: Path, force: bool = False, progress: Progress | None = None) -> Backup:
    """Make a home folder out of an archive, whole or not at all. The caches of a home that is replaced are kept.

    Raises BackupError for an archive that is damaged, not ours, made by a newer program or unsafe, for a home folder
    that holds something (unless `force`), a full disk; BusyError when another process is indexing into it.
    """
    archive = archive.expanduser().absolute()
    home = home.resolve()
    taken = _taken(home)
    if taken and not force:
        raise BackupError(
            f"{home} holds something already ({taken[0]}); name an empty --home, or replace it with --force"
        )
    with _opened(archive) as (packed, manifest), _disk(f"restoring into {home}"):
        _check_space(home, manifest)
        if home.is_dir():
            _restore_into(packed, manifest, archive, home, progress)
        else:
            _restore_beside(packed, manifest, archive, home, progress)
    return _described(archive, manifest)


def read_manifest(archive: Path) -> Mapping[str, Any]:
    """The manifest of an archive, its entries' names and sizes checked. Raises BackupError."""
    with _opened(archive) as (_, manifest):
        return manifest


# --- making a snapshot ---


def _snapshot(home: Path, staging: Path, skipped: set[Path]) -> tuple[str | None, list[str]]:
    """Link or copy what belongs into a backup below `staging`; (index version, names with /)."""
    for attempt in range(_TRIES):
        staging.mkdir()
        version = Home(home).current_version()
        try:
            names = [_take(home, staging, name) for name in _wanted(home, version, staging, skipped)]
            if version is not None and "index/CURRENT" in names:  # it may have moved since
                (staging / "index/CURRENT").unlink()
                (staging / "index/CURRENT").write_text(f"{version}\n", encoding="utf-8")
        except FileNotFoundError:  # another process published or pruned meanwhile
            names = []
        else:
            # While a generation is there, so are its originals.
            there = version is None or (Home(home).generation(version) / "manifest.json").is_file()
            if there and _pointers_lead(staging):
                return version, names
        shutil.rmtree(staging)
        if attempt == _TRIES - 1:
            break
    raise BackupError(f"{home} changed {_TRIES} times while it was read; try again when less is going on there")


def _wanted(home: Path, version: str | None, staging: Path, skipped: set[Path]) -> Iterator[str]:
    """Names of the files to take; pointers before what they point to, so that what they name is taken too."""
    stack = [home]
    while stack:
        entries = sorted(stack.pop().iterdir(), key=lambda entry: (entry.name != "CURRENT", entry.name))
        for entry in entries:
            name = entry.relative_to(home).as_posix()
            if entry == staging or entry in skipped or _STAGING.fullmatch(entry.name) or entry.is_symlink():
                continue
            if entry.is_dir():
                parts = PurePosixPath(name).parts
                old = parts[0] == "index" and len(parts) == 2 and parts[1] != version
                if name not in _LEFT_OUT and not old:
                    stack.append(entry)
            elif entry.is_file():
                yield name


def _take(home: Path, staging: Path, name: str) -> str:
    source, target = home / name, staging / name
    target.parent.mkdir(parents=True, exist_ok=True)
    top = PurePosixPath(name).parts[0]
    if top in ("index", "documents", "models") and not name.endswith(".jsonl"):
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError:  # a file system without links
            shutil.copyfile(source, target)
    elif _is_sqlite(source):
        with (
            contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as one,
            contextlib.closing(sqlite3.connect(target)) as other,
        ):
            one.backup(other)
    else:
        data = source.read_bytes()
        if name.endswith(".jsonl"):
            data = data[: data.rfind(b"\n") + 1]
        target.write_bytes(data)
    return name


def _is_sqlite(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(16) == b"SQLite format 3\0"


def _pointers_lead(staging: Path) -> bool:
    """Whether every version that a model pointer names first was taken with it ("shipped" comes with the program)."""
    for pointer in staging.glob("models/*/CURRENT"):
        named = pointer.read_text(encoding="utf-8").split()[:1]
        if named and named[0] != "shipped" and not (pointer.parent / named[0] / "card.json").is_file():
            return False
    return True


def _pack(
    staging: Path, names: list[str], target: Path, version: str | None, progress: Progress | None
) -> dict[str, Any]:
    listed: dict[str, dict[str, Any]] = {}
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with (
        os.fdopen(handle, "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=1) as packed,
    ):
        for done, name in enumerate(names):
            if progress:
                progress("pack", done, len(names))
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            stored = Path(name).suffix.lower() in _PACKED
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            with (staging / name).open("rb") as source, packed.open(entry, "w", force_zip64=True) as sink:
                listed[name] = _copied(source, sink)
        manifest = {
            "format": FORMAT, "schema": SCHEMA, "program": _program(), "index_version": version,
            "index_schema": _index_schema(staging, version), "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "files": listed,
        }  # fmt: skip
        packed.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
        packed.close()
        file.flush()
        os.fsync(file.fileno())
    if progress:
        progress("pack", len(names), len(names))
    return manifest


def _copied(source: IO[bytes], sink: IO[bytes], most: int | None = None) -> dict[str, Any]:
    """Copy a stream; its size and sha256. Stops one byte after `most`, which is then too large."""
    digest, size = hashlib.sha256(), 0
    while block := source.read(_BLOCK):
        digest.update(block)
        size += len(block)
        if most is not None and size > most:
            break
        sink.write(block)
    return {"size": size, "sha256": digest.hexdigest()}


def _index_schema(staging: Path, version: str | None) -> int | None:
    if version is None:
        return None
    data = json.loads((staging / "index" / version / "manifest.json").read_text(encoding="utf-8"))
    return int(data["schema"])


def _program() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("factory-copilot")
    except PackageNotFoundError:
        return "sources"


def _check_target(target: Path) -> None:
    if target.is_dir():
        raise BackupError(f"{target} is a folder; name a file, such as {target / 'copilot-backup.zip'}")
    if not target.parent.is_dir():
        raise BackupError(f"the folder {target.parent} does not exist; make it, or name another file")
    if target.exists():
        try:
            read_manifest(target)
        except BackupError as error:
            raise BackupError(f"{target} is there already and is no backup of ours; name another file") from error


# --- reading an archive ---


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, Any]]]:
    """An archive and its manifest, all names, kinds and sizes checked. Raises BackupError."""
    try:
        packed = zipfile.ZipFile(archive)
    except FileNotFoundError:
        raise BackupError(f"there is no file {archive}; check the name") from None
    except IsADirectoryError:
        raise BackupError(f"{archive} is a folder; name the file that `copilot backup` wrote") from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise _damaged(archive, f"it cannot be opened: {error}") from None
    except OSError as error:
        raise BackupError(f"{archive} cannot be read ({error.strerror or error}); check its permissions") from error
    with packed:
        manifest = _manifest(packed, archive)
        _check_entries(packed, manifest, archive)
        yield packed, manifest


def _manifest(packed: zipfile.ZipFile, archive: Path) -> dict[str, Any]:
    foreign = BackupError(f"{archive} is no backup of this program; name a file that `copilot backup` wrote")
    try:
        entry = packed.getinfo(MANIFEST)
    except KeyError:
        raise foreign from None
    if entry.file_size > _MOST_MANIFEST:
        raise foreign
    try:
        manifest = json.loads(packed.read(MANIFEST).decode("utf-8"))
    except (
        zipfile.BadZipFile,
        ValueError,
        RecursionError,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise _damaged(archive, f"its manifest cannot be read: {error}") from None
    except Exception as error:  # zlib has an error class of its own
        raise _damaged(archive, f"its manifest cannot be read: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise foreign
    if manifest.get("schema") != SCHEMA:
        raise BackupError(
            f"{archive} has the format {manifest.get('schema')!r}, this program reads {SCHEMA}; restore it with the "
            f"program that made it ({manifest.get('program')}) or a newer one"
        )
    from indexer.store import SCHEMA as INDEX_SCHEMA

    if (manifest.get("index_schema") or 0) > INDEX_SCHEMA:  # an older one says itself that it wants to be rebuilt
        raise BackupError(
            f"{archive} holds an index of format {manifest['index_schema']!r}, this program reads {INDEX_SCHEMA}; restore it "
            f"with the program that made it ({manifest.get('program')})"
        )
    return manifest


def _check_entries(packed: zipfile.ZipFile, manifest: Mapping[str, Any], archive: Path) -> None:
    files = manifest.get("files")
    entries = [entry for entry in packed.infolist() if entry.filename != MANIFEST]
    if not isinstance(files, dict) or not files:
        raise _damaged(archive, "its manifest lists no files")
    for name in (*files, *(entry.filename for entry in entries)):
        if not _is_safe(name):
            raise BackupError(
                f"{archive} holds the name {name[:80]!r}, which leads out of the home folder; it is not restored"
            )
    names = [entry.filename for entry in entries]
    if (
        len({unicodedata.normalize("NFC", name).casefold() for name in names}) != len(names)
        or len(packed.infolist()) != len(names) + 1
    ):
        raise _damaged(archive, "it holds one name twice")
    if odd := sorted(set(names) ^ set(files)):
        raise _damaged(archive, f"{odd[0]!r} is not both in it and on its manifest")
    for entry in entries:
        stamp = files[entry.filename]
        if (entry.external_attr >> 16) & 0o170000 not in (0, 0o100000):
            raise BackupError(
                f"{archive} holds {entry.filename!r}, which is a link or no plain file; it is not restored"
            )
        fits = isinstance(stamp, dict) and isinstance(stamp.get("sha256"), str) and entry.file_size == stamp.get("size")
        if not fits or entry.flag_bits & 1:
            raise _damaged(archive, f"{entry.filename!r} is not what its manifest says")


def _is_safe(name: str) -> bool:
    """Whether a name stays inside the folder it is unpacked into, on every system."""
    path = PurePosixPath(name)
    if not name or "\\" in name or ":" in name or path.is_absolute() or str(path) != name:
        return False
    return not any(
        part in ("..", ".") or part != part.rstrip(". ") or _RESERVED.fullmatch(part)
        or any(unicodedata.category(letter) == "Cc" for letter in part)
        for part in path.parts
    )  # fmt: skip


def _unpack(
    packed: zipfile.ZipFile, manifest: Mapping[str, Any], archive: Path, folder: Path, progress: Progress | None
) -> None:
    files = manifest["files"]
    for done, (name, stamp) in enumerate(files.items()):
        if progress:
            progress("unpack", done, len(files))
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as sink:
            try:
                with packed.open(name) as source:
                    found = _copied(source, sink, stamp["size"])
            except OSError as error:
                if error.errno is not None:
                    raise
                raise _damaged(archive, f"{name!r} cannot be unpacked: {error}") from error
            except Exception as error:  # zipfile, zlib and struct each have classes of their own
                raise _damaged(archive, f"{name!r} cannot be unpacked: {error}") from error
            sink.flush()
            os.fsync(sink.fileno())
        if found != {"size": stamp["size"], "sha256": stamp["sha256"]}:
            raise _damaged(archive, f"{name!r} is not what its manifest says")
        if PurePosixPath(name).parts[0] not in ("index", "documents", "models"):
            path.chmod(0o600)
    for inner in {path for path in folder.rglob("*") if path.is_dir()} | {folder}:
        sync_folder(inner)
    if progress:
        progress("unpack", len(files), len(files))


# --- into place ---


def _taken(home: Path) -> list[str]:
    """What a home folder holds besides caches and locks."""
    if not home.exists():
        return []
    if not home.is_dir():
        raise BackupError(f"{home} is a file; name a folder with --home")
    found = []
    for entry in sorted(home.rglob("*")):
        name = entry.relative_to(home)
        if name.parts[0] not in _LEFT_OUT and entry.is_file() and not _STAGING.fullmatch(entry.name):
            found.append(name.as_posix())
            break
    return found


def _restore_beside(
    packed: zipfile.ZipFile, manifest: Mapping[str, Any], archive: Path, home: Path, progress: Progress | None
) -> None:
    """Unpack beside a home folder that is not there, then one rename."""
    home.parent.mkdir(parents=True, exist_ok=True)
    staged = home.with_name(f".{home.name}.restore-{secrets.token_hex(4)}")
    try:
        staged.mkdir(mode=0o700)
        _unpack(packed, manifest, archive, staged, progress)
        os.rename(staged, home)
        sync_folder(home.parent)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _restore_into(
    packed: zipfile.ZipFile, manifest: Mapping[str, Any], archive: Path, home: Path, progress: Progress | None
) -> None:
    """Unpack inside a home folder that is there, then exchange everything in it but the caches; undone on any failure."""
    tag = secrets.token_hex(4)
    staged, aside = home / f"restore-{tag}", home / f"replaced-{tag}"
    with Home(home).writer():  # nobody may be indexing; the lock's folder moves, so it is let go before that
        staged.mkdir(mode=0o700)
        try:
            _unpack(packed, manifest, archive, staged, progress)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
    moved: list[tuple[Path, Path]] = []
    try:
        aside.mkdir(mode=0o700)
        for entry in sorted(home.iterdir()):
            if entry not in (staged, aside) and entry.name not in _LEFT_OUT:
                _move(entry, aside / entry.name, moved)
        for entry in sorted(staged.iterdir()):
            _move(entry, home / entry.name, moved)
        sync_folder(home)
    except BaseException:
        for source, target in reversed(moved):
            os.rename(target, source)
        shutil.rmtree(staged, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)
        raise
    shutil.rmtree(staged, ignore_errors=True)
    shutil.rmtree(aside, ignore_errors=True)


def _move(source: Path, target: Path, moved: list[tuple[Path, Path]]) -> None:
    os.rename(source, target)
    moved.append((source, target))


def _check_space(home: Path, manifest: Mapping[str, Any]) -> None:
    needed = sum(int(stamp["size"]) for stamp in manifest["files"].values())
    folder = home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise BackupError(
            f"the backup unpacks to {needed / 1e6:.0f} MB, and {folder} has {free / 1e6:.0f} MB left; free some space"
        )


def _described(path: Path, manifest: Mapping[str, Any]) -> Backup:
    files = manifest["files"]
    return Backup(
        path,
        len(files),
        sum(int(stamp["size"]) for stamp in files.values()),
        manifest.get("index_version"),
        datetime.fromisoformat(str(manifest["created_at"])),
    )


def _damaged(archive: Path, what: str) -> BackupError:
    return BackupError(f"{archive} is damaged ({what}); nothing was changed, use another backup")


@contextlib.contextmanager
def _disk(doing: str) -> Iterator[None]:
    """Full disks and missing permissions become one line."""
    try:
        yield
    except (StoreError, CopilotError):
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BackupError(
                f"the disk is full ({doing}); nothing was changed, free some space and try again"
            ) from error
        raise BackupError(f"{doing} failed: {error.strerror or error}; check the place and its permissions") from error
