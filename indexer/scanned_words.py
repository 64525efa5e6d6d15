"""Where the words of scanned pages stand, beside the original they were read from, so that a quote can be marked there.

documents/<sha256>.words.json.gz    {"<page>": [[text, x0, top, x1, bottom], ...]}, points from the top left corner

The name begins like the original's, so both are kept and dropped together. What cannot be read counts as not there: only
marks are lost with it.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from indexer.types import PlacedWord

SUFFIX = ".words.json.gz"
_DIGITS = 1  # a tenth of a point is finer than any mark


def words_path(original: Path) -> Path:
    """Where the words of an original are kept."""
    return original.with_name(original.name.split(".")[0] + SUFFIX)


def write_words(original: Path, words: Mapping[int, Sequence[PlacedWord]]) -> None:
    """Keep the words of an original's scanned pages, by 1-based page. Raises OSError."""
    path = words_path(original)
    temporary = path.with_name(path.name + ".part")
    with gzip.open(temporary, "wt", encoding="utf-8", compresslevel=6) as file:
        json.dump({page: words_to_json(placed) for page, placed in words.items()}, file, ensure_ascii=False)
    os.replace(temporary, path)


def read_words(original: Path, page: int) -> tuple[PlacedWord, ...]:
    """The words of one page, 1-based; empty where none are kept."""
    try:
        with gzip.open(words_path(original), "rt", encoding="utf-8") as file:
            return words_from_json(json.load(file).get(str(page), ()))
    except (OSError, EOFError, ValueError, TypeError, IndexError, AttributeError):
        return ()


def words_to_json(words: Sequence[PlacedWord]) -> list[list[Any]]:
    """Words in plain values."""
    return [
        [word.text, *(round(edge, _DIGITS) for edge in (word.x0, word.top, word.x1, word.bottom))] for word in words
    ]


def words_from_json(rows: Sequence[Sequence[Any]]) -> tuple[PlacedWord, ...]:
    """Words from plain values."""
    return tuple(PlacedWord(str(row[0]), *(float(edge) for edge in row[1:5])) for row in rows)
