"""What was extracted from a file, as compressed JSON lines: lets an interrupted build go on without reading again."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from indexer.chunk import Chunked
from indexer.extract import Extracted
from indexer.scanned_words import words_from_json, words_to_json
from indexer.store import report_from_json, report_to_json
from indexer.types import Chunk, ChunkKind, CodeEntry, DocumentKind, FaultReport, PlacedWord, Source, WarningNote

FORMAT = 3


def cache_name(sha256: str, document_id: str, machine: str | None, kind: str | None, settings: str) -> str:
    """The file name for one extraction: content, name and settings decide it."""
    key = "\x1f".join((str(FORMAT), sha256, document_id, machine or "", kind or "", settings))
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:40] + ".jsonl.gz"


def write_extracted(path: Path, extracted: Extracted) -> None:
    """Write aside, then rename, so that a half-written file is never read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    with gzip.open(temporary, "wt", encoding="utf-8", compresslevel=1) as file:
        for record in _records(extracted):
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    os.replace(temporary, path)


def read_extracted(path: Path) -> Extracted | None:
    """The extraction in a file, or None when there is none or it is damaged."""
    if not path.is_file():
        return None
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return _from_records(json.loads(line) for line in file)
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError):
        path.unlink(missing_ok=True)
        return None


def _records(extracted: Extracted) -> Iterator[list[Any]]:
    source = extracted.source
    yield ["source", source.document_id, source.title, source.kind.value, source.machine, source.revision]
    yield ["report", report_to_json(extracted.report)]
    for c in extracted.content.chunks:
        yield ["chunk", c.id, c.pages, c.heading, c.kind.value, c.text, c.section, c.ocr, c.source.machine]
    for e in extracted.content.codes:
        yield ["code", e.code, e.forms, e.context, e.title, e.chunk_id, e.page, e.definition, e.ordinal]
    for w in extracted.content.warnings:
        yield ["warning", w.section, w.signal, w.text, w.page, w.heading]
    for r, chunk_id in extracted.reports:
        yield [
            "fault", chunk_id, r.report_id, r.date, r.machine, r.component, r.code, r.symptom, r.cause, r.action, r.failure_mode,
            r.downtime_hours, r.cost, r.row, dict(r.extra),
        ]  # fmt: skip
    for page, words in extracted.words.items():
        yield ["words", page, words_to_json(words)]
    yield ["end"]


def _from_records(records: Iterator[list[Any]]) -> Extracted:
    first = next(records)
    source = Source(first[1], first[2], DocumentKind(first[3]), first[4], first[5])
    report = report_from_json(next(records)[1])
    chunks: list[Chunk] = []
    codes: list[CodeEntry] = []
    warnings: list[WarningNote] = []
    faults: list[tuple[FaultReport, str]] = []
    words: dict[int, tuple[PlacedWord, ...]] = {}
    for record in records:
        kind, *v = record
        if kind == "chunk":
            own = source if v[7] == source.machine else replace(source, machine=v[7])
            chunks.append(Chunk(v[0], own, (v[1][0], v[1][1]), tuple(v[2]), ChunkKind(v[3]), v[4], v[5], v[6]))
        elif kind == "code":
            codes.append(
                CodeEntry(v[0], tuple(v[1]), v[2], v[3], v[4], source.document_id, v[5], source.machine, v[6], v[7])
            )
        elif kind == "warning":
            warnings.append(WarningNote(source.document_id, v[0], v[1], v[2], v[3], tuple(v[4])))
        elif kind == "fault":
            faults.append((FaultReport(*v[1:14]), v[0]))
        elif kind == "words":
            words[int(v[0])] = words_from_json(v[1])
        elif kind == "end":
            content = Chunked(tuple(chunks), tuple(codes), tuple(warnings))
            return Extracted(source, report, content, tuple(faults), words)
    raise ValueError("the file was cut off")
