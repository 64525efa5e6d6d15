"""JSON exports as rows: a list of objects, one object per line, or an object that holds such a list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.errors import ReadError

_BLOCK = 1 << 16
_MAX_RECORD = 1 << 23  # characters of one object; more is no fault report
_MAX_WRAPPED = 1 << 26  # characters of a file whose list stands inside an object: it has to be read whole


def open_json(path: Path, encoding: str) -> tuple[list[str], Iterator[list[str]]]:
    """Return (header, rows). Reads the file twice, first for the keys, so that a late key gets its column too."""
    keys: dict[str, None] = {}
    count = 0
    for record in _records(path, encoding):
        keys.update(dict.fromkeys(_flat(record)))
        count += 1
    if not count or not keys:
        raise ReadError(f"'{path.name}' holds no objects; export a list of objects or one object per line")
    header = list(keys)

    def rows() -> Iterator[list[str]]:
        for record in _records(path, encoding):
            flat = _flat(record)
            yield [flat.get(key, "") for key in header]

    return header, rows()


def _records(path: Path, encoding: str) -> Iterator[dict[str, Any]]:
    """All objects of the file, in order."""
    for number, value in enumerate(_values(path, encoding), start=1):
        if not isinstance(value, dict):
            raise ReadError(f"'{path.name}', value {number} is no object but {type(value).__name__}; export objects")
        inner = [item for item in value.values() if isinstance(item, list) and item and isinstance(item[0], dict)]
        if number == 1 and len(inner) == 1 and len(inner[0]) > 1:
            yield from (item for item in inner[0] if isinstance(item, dict))
        else:
            yield value


def _values(path: Path, encoding: str) -> Iterator[Any]:
    """Values of a JSON list, or of a sequence of JSON texts, read in blocks."""
    decoder = json.JSONDecoder()
    with path.open(encoding=encoding, errors="replace") as file:
        buffer, place, ended, in_list = "", 0, False, False
        needed = 1
        while True:
            if not ended and len(buffer) - place < needed:
                more = file.read(max(_BLOCK, needed))
                ended = not more
                buffer, place = buffer[place:] + more, 0
            place = _skip(buffer, place, " \t\r\n,\ufeff" + ("]" if in_list else ""))
            if place == len(buffer):
                if ended:
                    return
                continue
            if not in_list and buffer[place] == "[":
                in_list, place = True, place + 1
                continue
            try:
                value, place = decoder.raw_decode(buffer, place)
            except json.JSONDecodeError as error:
                size = len(buffer) - place
                limit = _MAX_RECORD if in_list else _MAX_WRAPPED
                if ended or size > limit:
                    what = "a record is too big" if size > limit else error.msg
                    raise ReadError(f"'{path.name}' is no readable JSON ({what}); export it again") from error
                needed = 2 * size + 1  # doubling keeps the whole read linear
                continue
            needed = 1
            yield value


def _skip(text: str, place: int, blanks: str) -> int:
    while place < len(text) and text[place] in blanks:
        place += 1
    return place


def _flat(record: dict[str, Any], prefix: str = "", depth: int = 0) -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and depth < 2:
            flat.update(_flat(value, f"{name}.", depth + 1))
        else:
            flat[name] = _text(value)
    return flat


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(value, ".15g")
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return "; ".join(_text(item) for item in value)
    return json.dumps(value, ensure_ascii=False)
