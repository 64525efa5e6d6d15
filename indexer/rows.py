"""Documents and chunks as rows of a generation's tables; `indexer.store` declares these and reads them."""

from __future__ import annotations

import json

from indexer.chunk import embedding_text
from indexer.embedding_cache import embedding_key
from indexer.extract import Extracted
from indexer.store import report_to_json
from indexer.types import Chunk

INSERT_DOCUMENT = "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_CHUNK = "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def document_row(
    extracted: Extracted, root: str, path: str, sha256: str, stamp: str, root_settings: str
) -> tuple[object, ...]:
    """The values of INSERT_DOCUMENT."""
    source = extracted.source
    return (
        source.document_id, root, path, sha256, stamp, source.title, source.kind.value, source.machine, source.revision,
        report_to_json(extracted.report), root_settings,
    )  # fmt: skip


def chunk_row(position: int, chunk: Chunk) -> tuple[object, ...]:
    """The values of INSERT_CHUNK."""
    return (
        position, chunk.id, chunk.source.document_id, *chunk.pages, json.dumps(chunk.heading, ensure_ascii=False), chunk.kind.value,
        chunk.text, chunk.section, int(chunk.ocr), chunk.source.machine, embedding_key(embedding_text(chunk)),
    )  # fmt: skip
