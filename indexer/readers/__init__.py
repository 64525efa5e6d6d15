"""Readers: one file of any supported format in, a Document with pages and blocks out."""

from __future__ import annotations

from indexer.readers.limits import PageProgress, ReadLimits
from indexer.readers.reading import SUPPORTED_SUFFIXES, is_candidate, read_document, report

__all__ = ["SUPPORTED_SUFFIXES", "PageProgress", "ReadLimits", "is_candidate", "read_document", "report"]
