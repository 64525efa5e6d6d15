"""Refuses zip containers (DOCX, PPTX, XLSX) that would swamp the machine or carry XML tricks, unopened."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from indexer.errors import ReadError
from indexer.readers.limits import ReadLimits

_TRICKS = tuple(mark.encode(code) for mark in ("<!DOCTYPE", "<!ENTITY") for code in ("utf-8", "utf-16-le", "utf-16-be"))
_CHUNK = 1 << 20


def check_zip(path: Path, limits: ReadLimits) -> list[str]:
    """Unpack the whole container into nothing and return its member names.

    Raises ReadError for too many members, too large or too tightly packed content, paths that leave the container,
    encrypted members, damaged data and XML with a document type or entities.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > limits.max_zip_members:
                raise ReadError(
                    f"{path.name}: {len(members)} members in the container, at most {limits.max_zip_members}"
                )
            total = 0
            for member in members:
                name = PurePosixPath(member.filename.replace("\\", "/"))
                if name.is_absolute() or ".." in name.parts:
                    raise ReadError(f"{path.name}: member {member.filename!r} points outside the container; refused")
                if member.flag_bits & 0x1:
                    raise ReadError(f"{path.name}: the container is encrypted; save it without a password")
                total = _stream(archive, member, total, path.name, limits)
            return [member.filename for member in members]
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise ReadError(f"{path.name}: truncated or damaged container ({error}); export the file again") from error
    except Exception as error:
        if type(error).__module__ == "zlib":
            raise ReadError(f"{path.name}: damaged container ({error}); export the file again") from error
        raise


def _stream(archive: zipfile.ZipFile, member: zipfile.ZipInfo, total: int, name: str, limits: ReadLimits) -> int:
    """Read one member to its end, checking as it grows; return the new total of bytes."""
    is_xml = member.filename.lower().endswith((".xml", ".rels", ".vml"))
    size, tail = 0, b""
    with archive.open(member) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if total + size > limits.max_unzipped_bytes:
                raise ReadError(f"{name}: unpacks to more than {limits.max_unzipped_bytes} bytes; refused")
            if size > 1_000_000 and size > limits.max_zip_ratio * max(1, member.compress_size):
                raise ReadError(
                    f"{name}: member {member.filename!r} is packed over {limits.max_zip_ratio:.0f}:1; refused"
                )
            if is_xml and any(mark in tail + chunk for mark in _TRICKS):
                raise ReadError(f"{name}: member {member.filename!r} declares a document type or entities; refused")
            tail = chunk[-32:]
    return total + size
