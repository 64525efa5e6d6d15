"""Helpers for the reader tests: a source and short ways to look at blocks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.readers import ReadLimits, read_document
from indexer.types import Document, DocumentKind, Source

Read = Callable[..., Document]


@pytest.fixture
def read() -> Read:
    def go(path: Path, limits: ReadLimits | None = None) -> Document:
        return read_document(path, Source(path.name, path.stem, DocumentKind.MANUAL), limits or ReadLimits(ocr=False))

    return go
