"""The folder of one model version: any files, and `card.json`, written last, which lists them with size and sha256.

    card.json   schema, task, version, created_at, files {name: {sha256, size}}, data_sha256, parent, method,
                hyper_parameters, metrics, licence, command, and whatever else the training wants to say

A folder without a card is unfinished. Formats that run code when they are read (pickles) are not accepted.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from finetune.durable import sync_file, sync_folder, write_text
from finetune.errors import RegistryError
from indexer.model_folder import file_sha256

CARD = "card.json"
SCHEMA = 1
GIVEN = ("data_sha256", "parent", "method", "hyper_parameters", "metrics", "licence", "command")
"""What the card must say besides what `seal` fills in; `parent` may be None."""
_FILLED = ("schema", "task", "version", "created_at", "files")
_CODE = frozenset({".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib"})
_CLUTTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})  # left by file managers that only looked
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MOST_BYTES = 120

Card = Mapping[str, Any]


def check_task_name(name: str) -> str:
    """The name, if it can be a folder on every system: letters and digits of any language, `-`, `_`, `.`.

    Raises RegistryError, with a usable spelling where there is one.
    """
    usable = re.sub(r"\.+$", "", _kept(unicodedata.normalize("NFKC", name)))
    if name and name == usable and len(name.encode("utf-8")) <= _MOST_BYTES and not _RESERVED.fullmatch(name):
        return name
    better = usable if usable and usable != name and not _RESERVED.fullmatch(usable) else "router"
    if len(better.encode("utf-8")) > _MOST_BYTES:
        better = "router"
    raise RegistryError(
        f"The task name {name[:80]!r} cannot be used; use letters, digits, '-', '_' and '.', beginning with a letter "
        f"or digit, at most {_MOST_BYTES} bytes, for example {better!r}"
    )


def check_version_name(name: str) -> str:
    """The name, if it can be a version's. Raises RegistryError."""
    if _VERSION.fullmatch(name) and not name.endswith(".") and not _RESERVED.fullmatch(name):
        return name
    raise RegistryError(
        f"The version name {name[:80]!r} cannot be used; versions have names such as v0003, see "
        f"`copilot finetune versions`"
    )


def seal(folder: Path, task: str, version: str, card: Card) -> dict[str, Any]:
    """Finish a version: list its files, sync them, write the card last. Returns the whole card.

    Raises RegistryError when the card lacks a key of `GIVEN`, holds what JSON cannot, or a file is unacceptable.
    """
    if missing := [key for key in GIVEN if key not in card]:
        raise RegistryError(f"The card of a new version of task {task!r} lacks {missing[0]!r}; add it to the card")
    files = _files(folder)
    if not files:
        raise RegistryError(f"The new version of task {task!r} in {folder} has no files; save the model there first")
    whole = {
        "schema": SCHEMA, "task": check_task_name(task), "version": check_version_name(version),
        "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        **{key: value for key, value in card.items() if key not in _FILLED},
        "files": {name: {"sha256": file_sha256(path), "size": path.stat().st_size} for name, path in files.items()},
    }  # fmt: skip
    try:
        text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise RegistryError(
            f"The card of a new version of task {task!r} cannot be written ({error}); mend it"
        ) from error
    for path in files.values():
        sync_file(path)
    for inner in {path.parent for path in files.values()}:
        sync_folder(inner)
    write_text(folder / CARD, text)
    mode = (folder / CARD).stat().st_mode & 0o777
    for path in files.values():
        path.chmod(mode)  # some libraries make their files readable by their owner only
    return whole


def read_card(folder: Path, task: str | None = None, version: str | None = None) -> Card:
    """The card of a finished version, its files compared by size only; `verify_folder` reads them.

    `task` and `version` are what the card must say, where given. Raises RegistryError with the remedy.
    """
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _bad(folder, "has no card.json, so it is unfinished or not a model version") from None
    except (OSError, ValueError, RecursionError) as error:
        raise _bad(folder, f"has a card.json that cannot be read ({error})") from error
    if not isinstance(card, dict) or "schema" not in card:
        raise _bad(folder, "has a card.json that this program did not write")
    if card["schema"] != SCHEMA:
        raise RegistryError(
            f"The version in {folder} has the schema {card['schema']!r}, this program reads {SCHEMA}; "
            f"use the program that made it, or train again"
        )
    if missing := [key for key in (*_FILLED, *GIVEN) if key not in card]:
        raise _bad(folder, f"has a card.json without {missing[0]!r}")
    for key, expected in (("task", task), ("version", version)):
        if expected is not None and card[key] != expected:
            raise _bad(folder, f"is foreign here: its card says {key} {card[key]!r}, its place says {expected!r}")
    created_at(card, folder)
    _check_files(folder, card["files"])
    return MappingProxyType(card)


def verify_folder(folder: Path, task: str | None = None, version: str | None = None) -> Card:
    """The card of a version whose every file is the one on the card, by sha256, with nothing besides.

    Raises RegistryError naming the first file that is damaged, missing, unlisted or unacceptable.
    """
    card = read_card(folder, task, version)
    present = _files(folder)
    if unlisted := sorted(set(present) - set(card["files"])):
        raise _bad(folder, f"holds {unlisted[0]!r}, which its card does not list")
    for name, expected in card["files"].items():
        if name not in present:
            raise _bad(folder, f"lacks {name!r}")
        try:
            found = file_sha256(present[name])
        except OSError as error:
            raise _bad(folder, f"has a file {name!r} that cannot be read ({error.strerror or error})") from error
        if found != expected["sha256"]:
            raise _bad(
                folder, f"is damaged: {name!r} has sha256 {found[:12]}, its card says {str(expected['sha256'])[:12]}"
            )
    return card


def is_model_card(folder: Path) -> bool:
    """Whether the folder has a card of ours, or one that nobody can read; a card of another kind says no."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except ValueError:
        return True
    except OSError:
        return False
    return isinstance(card, dict) and "schema" in card


def created_at(card: Card, folder: Path) -> datetime:
    """When the version was made. Raises RegistryError when the card says nothing sensible."""
    try:
        when = datetime.fromisoformat(card["created_at"])
    except (TypeError, ValueError):
        raise _bad(folder, f"has a card.json with the time {card['created_at']!r}") from None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def _check_files(folder: Path, files: Any) -> None:
    if not isinstance(files, dict) or not files:
        raise _bad(folder, "has a card.json that lists no files")
    for name, entry in files.items():
        _check_name(folder, name)
        if not isinstance(entry, dict) or not isinstance(entry.get("sha256"), str) or "size" not in entry:
            raise _bad(folder, f"has a card.json without sha256 and size of {name!r}")
        try:
            size = (folder / name).lstat().st_size
        except OSError:
            raise _bad(folder, f"lacks {name!r}") from None
        if size != entry["size"]:
            raise _bad(folder, f"is damaged: {name!r} has {size} bytes, its card says {entry['size']}")


def _check_name(folder: Path, name: str) -> None:
    path = PurePosixPath(name)
    odd = "\\" in name or ":" in name or any(unicodedata.category(letter) == "Cc" for letter in name)
    if odd or not name or path.is_absolute() or ".." in path.parts or str(path) != name or name == CARD:
        raise _bad(folder, f"has a card.json with the file name {name[:80]!r}, which leads elsewhere")
    if path.suffix.lower() in _CODE:
        raise _bad(folder, f"holds {name!r}, a format that can run code when it is read")


def _files(folder: Path) -> dict[str, Path]:
    """Name -> path of every file of a version but its card. Raises RegistryError for links and formats with code."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise _bad(folder, f"holds {name!r}, a link")
        if path.is_dir() or path.name in _CLUTTER or name in (CARD, f"{CARD}.new"):
            continue
        if not path.is_file():
            raise _bad(folder, f"holds {name!r}, which is no plain file")
        _check_name(folder, name)
        found[name] = path
    return found


def _kept(name: str) -> str:
    """The name with what cannot be used replaced by `_`, and a usable beginning."""
    usable = "".join(c if c in "-_." or unicodedata.category(c)[0] in "LNM" else "_" for c in name.strip())
    return usable.lstrip("-_.")


def _bad(folder: Path, what: str) -> RegistryError:
    return RegistryError(
        f"The version in {folder} {what}; restore the folder from a backup, or delete it and choose another version "
        f"(`copilot finetune versions`)"
    )
