"""Files that come in through the browser or the API: names made safe, contents written whole, below one folder.

<home>/uploads/<kind>/<machine>/<name>      kind is auto, manual or fault_report; indexed from the folder of its kind
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from copilot.service.errors import ServiceError, TooLargeError

KINDS = ("manual", "fault_report")
_DEPTH = 4  # folders kept of a name that has some
_LONGEST = 120  # characters of one part
_BLOCK = 1 << 20
_BAD = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")


class Uploads:
    """The folder of uploads of one home."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self._most = most_bytes

    def store(self, files: Iterable[tuple[str, BinaryIO | Path]], machine: str | None, kind: str | None) -> list[Path]:
        """Write the files; all of them or, when one is refused, none. Returns where they are.

        Raises ServiceError for a name or format that cannot be taken, TooLargeError beyond the limit.
        """
        from indexer.readers import SUPPORTED_SUFFIXES

        if kind is not None and kind not in KINDS:
            raise ServiceError(f"kind is {kind!r}; choose from {', '.join(KINDS)}")
        base = self.root(kind)
        if machine is not None and machine.strip():
            base = base / _part(machine)
        made: list[tuple[Path, Path]] = []
        left = self._most
        try:
            for name, content in files:
                target = base.joinpath(*safe_parts(name))
                if target.suffix.lower() not in SUPPORTED_SUFFIXES:
                    raise ServiceError(
                        f"{target.name!r} is of no known format; the formats are {', '.join(sorted(SUPPORTED_SUFFIXES))}"
                    )
                target.parent.mkdir(parents=True, exist_ok=True)
                aside = target.with_name(f".{secrets.token_hex(6)}.part")
                made.append((aside, target))
                left = _copy(content, aside, left, self._most)
            if not made:
                raise ServiceError("the upload holds no file; send one or more")
            for aside, target in made:
                if target.is_dir():
                    raise ServiceError(f"{target.name!r} is the name of a folder here; rename the file")
                os.replace(aside, target)
        except BaseException:
            for aside, _ in made:
                with contextlib.suppress(OSError):
                    aside.unlink(missing_ok=True)
            raise
        return [target for _, target in made]

    def root(self, kind: str | None) -> Path:
        """The folder that files of a kind are indexed from."""
        return self.folder / (kind or "auto")

    def holds(self, path: Path) -> bool:
        """Whether a file came in here."""
        return path.resolve().is_relative_to(self.folder.resolve())


def safe_parts(name: str) -> list[str]:
    """A name from outside as parts of a path that stays where it is put. Raises ServiceError when nothing is left.

    >>> safe_parts("../../etc/passwd.txt"), safe_parts("C:\\\\manuals\\\\HP 200.pdf")
    (['etc', 'passwd.txt'], ['manuals', 'HP 200.pdf'])
    """
    parts = [part for part in name.replace("\\", "/").split("/") if part.strip(". ")]
    if parts and re.fullmatch(r"[A-Za-z]:", parts[0]):
        parts = parts[1:]
    if not parts:
        raise ServiceError(f"{name!r} is no name for a file")
    return [_part(part) for part in parts[-_DEPTH:]]


def _part(text: str) -> str:
    clean = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    clean = "".join(c if c.isprintable() else "_" for c in _BAD.sub("_", clean)).replace("/", "_").replace("\\", "_")
    clean = clean.strip().lstrip(".").rstrip(". ")
    if len(clean) > _LONGEST:
        stem, dot, suffix = clean.rpartition(".")
        clean = f"{stem[: _LONGEST - len(suffix) - 1]}.{suffix}" if dot and len(suffix) <= 10 else clean[:_LONGEST]
    if not clean:
        raise ServiceError(f"{text!r} is no name for a file or machine")
    return f"_{clean}" if _DEVICES.fullmatch(clean) else clean


def _copy(content: BinaryIO | Path, target: Path, left: int, most: int) -> int:
    """Copy in blocks; returns how many bytes are left of the limit."""
    with contextlib.ExitStack() as opened:
        source = opened.enter_context(content.open("rb")) if isinstance(content, Path) else content
        file = opened.enter_context(target.open("xb"))
        while block := source.read(_BLOCK):
            left -= len(block)
            if left < 0:
                raise TooLargeError(f"the upload is larger than {most >> 20} MB; send fewer files at a time")
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return left
