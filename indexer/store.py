"""A published generation, opened for reading.

index.sqlite     documents, chunks, warnings, fault-code registry, fault reports
vectors.faiss    one fp16 row a chunk, in the order of `chunks.position`
windows.faiss    fp16 rows of the parts of long chunks, windows.npy where those of each chunk begin (see windows)
terms.npy ...    the BM25 index (see lexical_index), in the same order
machines.npy     (n,) int32: which machine a chunk belongs to, 0 = none;  kinds.npy (n,) uint8: which kind it is
manifest.json    how to read it rightly; written last
"""

from __future__ import annotations

import functools
import json
import re
import sqlite3
import threading
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer import code_registry
from indexer.analysis import ANALYSER
from indexer.codes import candidates, normal_forms
from indexer.errors import MismatchError, StoreError
from indexer.fault_reports.table import FaultReportTable
from indexer.home import Home
from indexer.lexical_index import Bm25Index
from indexer.protocols import FloatMatrix
from indexer.types import (
    Chunk,
    ChunkKind,
    CodeMatch,
    DocumentKind,
    DocumentRecord,
    ExtractionReport,
    Manifest,
    Opening,
    Source,
    WarningNote,
)
from indexer.vector_index import FaissIndex
from indexer.windows import WindowIndex

SCHEMA = 4
KINDS: tuple[ChunkKind, ...] = tuple(ChunkKind)

TABLES = """
CREATE TABLE IF NOT EXISTS documents (
    document_id TEXT PRIMARY KEY, root TEXT NOT NULL, path TEXT NOT NULL, sha256 TEXT NOT NULL, stamp TEXT NOT NULL,
    title TEXT NOT NULL, kind TEXT NOT NULL, machine TEXT, revision TEXT, report TEXT NOT NULL, root_settings TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS chunks (
    position INTEGER PRIMARY KEY, chunk_id TEXT NOT NULL UNIQUE, document_id TEXT NOT NULL, first_page INTEGER NOT NULL,
    last_page INTEGER NOT NULL, heading TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, section INTEGER NOT NULL,
    ocr INTEGER NOT NULL, machine TEXT, embedding_key BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS chunks_document ON chunks (document_id, section);
CREATE TABLE IF NOT EXISTS warnings (
    document_id TEXT NOT NULL, section INTEGER NOT NULL, ordinal INTEGER NOT NULL, signal TEXT NOT NULL, text TEXT NOT NULL,
    page INTEGER NOT NULL, heading TEXT NOT NULL, PRIMARY KEY (document_id, ordinal)
) STRICT;
CREATE TABLE IF NOT EXISTS quarantine (document_id TEXT PRIMARY KEY, reason TEXT NOT NULL, stamp TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS excluded (path TEXT PRIMARY KEY) STRICT;
"""


def code_key(code: str) -> str:
    """How fault reports join with the registry: separators and leading zeros dropped."""
    return normal_forms(code).keys[2][0]


def source_of(row: sqlite3.Row) -> Source:
    """The Source of a documents row."""
    return Source(row["document_id"], row["title"], DocumentKind(row["kind"]), row["machine"], row["revision"])


class Index:
    """One generation. Safe to share between threads; close it when done. Opening touches no more than the manifest."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._lock = threading.RLock()
        self._connection = _connect(folder / "index.sqlite")
        self.codes = code_registry.CodeRegistry(self._connection)
        self.fault_reports = FaultReportTable(self._connection, normalise_code=code_key)
        self._sources: dict[str, Source] = {}

    @classmethod
    def open(
        cls,
        home: Home,
        embedder: str | None = None,
        weights_sha256: str | None = None,
        chunker: str | None = None,
        searchable: bool = True,
    ) -> Index:
        """Open the generation that answers. What is given must agree with its manifest, else MismatchError.

        With `searchable` every file is mapped now, so that the index goes on answering when its folder is deleted by
        later builds; without, only the tables are, which spares the start-up of the search libraries.
        """
        version = home.require_current()
        manifest = read_manifest(home.generation(version))
        check_manifest(manifest, embedder, weights_sha256, chunker)
        index = cls(home.generation(version), manifest)
        if searchable:
            _ = (index.vectors, index.windows, index.lexical, index._machine_of, index._kind_of)
        return index

    def close(self) -> None:
        """Release the files."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @functools.cached_property
    def vectors(self) -> FaissIndex:
        """The dense index, mapped on first use."""
        return FaissIndex.open(self.folder / "vectors.faiss")

    @functools.cached_property
    def windows(self) -> WindowIndex:
        """The vectors of the parts of chunks, mapped on first use."""
        return WindowIndex.open(self.folder)

    @functools.cached_property
    def lexical(self) -> Bm25Index:
        """The BM25 index, mapped on first use."""
        return Bm25Index.open(self.folder)

    @functools.cached_property
    def _machine_of(self) -> npt.NDArray[np.int32]:
        return np.asarray(_load(self.folder / "machines.npy"), dtype=np.int32)

    @functools.cached_property
    def _kind_of(self) -> npt.NDArray[np.uint8]:
        return np.asarray(_load(self.folder / "kinds.npy"), dtype=np.uint8)

    @functools.cached_property
    def _machine_names(self) -> list[str]:
        rows = self._rows("SELECT DISTINCT machine FROM chunks WHERE machine IS NOT NULL ORDER BY machine")
        return [row["machine"] for row in rows]

    def machines(self) -> list[str]:
        """The machines that documents or fault reports belong to, in alphabetical order."""
        return list(self._machine_names)

    def allowed(
        self, machine: str | None = None, kinds: Sequence[ChunkKind] | None = None
    ) -> npt.NDArray[np.int64] | None:
        """Positions of a machine's chunks and of those bound to no machine, of these kinds; None when all are allowed."""
        if machine is None and kinds is None:
            return None
        mask = np.ones(len(self._kind_of), dtype=bool)
        if machine is not None:
            number = self._machine_names.index(machine) + 1 if machine in self._machine_names else -1
            mask &= (self._machine_of == number) | (self._machine_of == 0)
        if kinds is not None:
            mask &= np.isin(self._kind_of, [KINDS.index(kind) for kind in kinds])
        return np.flatnonzero(mask)

    def kinds_at(self, positions: npt.NDArray[np.int64]) -> list[ChunkKind]:
        """What the chunks at these positions hold, without reading them."""
        return [KINDS[number] for number in self._kind_of[positions]]

    def chunks_at(self, positions: Sequence[int]) -> list[Chunk]:
        """The chunks at these positions, in this order."""
        found: dict[int, Chunk] = {}
        wanted = list(dict.fromkeys(int(p) for p in positions))
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ", ".join("?" for _ in part)
            for row in self._rows(f"SELECT * FROM chunks WHERE position IN ({marks})", part):
                found[row["position"]] = self._chunk(row)
        return [found[int(p)] for p in positions if int(p) in found]

    def positions_of(self, chunk_ids: Sequence[str]) -> dict[str, int]:
        """chunk id -> position for the ids that exist."""
        marks = ", ".join("?" for _ in chunk_ids)
        rows = self._rows(f"SELECT chunk_id, position FROM chunks WHERE chunk_id IN ({marks})", list(chunk_ids))
        return {row["chunk_id"]: row["position"] for row in rows}

    def vectors_of(self, chunk_ids: Sequence[str]) -> FloatMatrix:
        """The stored vectors of existing chunks, (n, dimension) float32, in this order."""
        places = self.positions_of(chunk_ids)
        return self.vectors.vectors(np.array([places[chunk_id] for chunk_id in chunk_ids], dtype=np.int64))

    def chunk(self, chunk_id: str) -> Chunk | None:
        """The chunk with this id, or None."""
        rows = self._rows("SELECT * FROM chunks WHERE chunk_id = ?", [chunk_id])
        return self._chunk(rows[0]) if rows else None

    def section(self, document_id: str, section: int) -> list[Chunk]:
        """The chunks of one section in reading order."""
        rows = self._rows(
            "SELECT * FROM chunks WHERE document_id = ? AND section = ? ORDER BY position", [document_id, section]
        )
        return [self._chunk(row) for row in rows]

    def document_chunks(self, document_id: str) -> list[Chunk]:
        """All chunks of a document in reading order; empty when there is none."""
        rows = self._rows("SELECT * FROM chunks WHERE document_id = ? ORDER BY position", [document_id])
        return [self._chunk(row) for row in rows]

    def openings(self) -> list[Opening]:
        """How each manual begins, in the order of their ids; those without any text are left out."""
        rows = self._rows(
            "SELECT c.* FROM chunks c JOIN (SELECT MIN(position) AS first FROM chunks WHERE kind <> ? GROUP BY document_id)"
            " ON c.position = first ORDER BY c.document_id",
            [ChunkKind.FAULT_REPORT.value],
        )
        return [Opening(chunk.source, chunk.heading, chunk.text) for chunk in map(self._chunk, rows)]

    def positions_of_documents(
        self, document_ids: Collection[str], machines: Collection[str] = ()
    ) -> npt.NDArray[np.int64]:
        """The sorted positions of these documents' chunks, and of these machines' fault reports in any document."""
        rows = self._rows(
            "SELECT position FROM chunks WHERE document_id IN (SELECT value FROM json_each(?))"
            " OR (kind = ? AND machine IN (SELECT value FROM json_each(?))) ORDER BY position",
            [json.dumps(sorted(document_ids)), ChunkKind.FAULT_REPORT.value, json.dumps(sorted(machines))],
        )
        return np.array([row["position"] for row in rows], dtype=np.int64)

    def neighbours(self, chunk: Chunk, before: int = 1, after: int = 1) -> list[Chunk]:
        """The chunks around one in its document, itself included, in reading order."""
        rows = self._rows("SELECT position FROM chunks WHERE chunk_id = ?", [chunk.id])
        if not rows:
            return [chunk]
        at = rows[0]["position"]
        found = self._rows(
            "SELECT * FROM chunks WHERE document_id = ? AND position BETWEEN ? AND ? ORDER BY position",
            [chunk.source.document_id, at - before, at + after],
        )
        return [self._chunk(row) for row in found]

    def warnings(self, document_id: str, section: int) -> list[WarningNote]:
        """The warnings of a section and of the headings above it, in reading order."""
        own = self._rows(
            "SELECT heading FROM chunks WHERE document_id = ? AND section = ? LIMIT 1", [document_id, section]
        )
        rows = self._rows("SELECT * FROM warnings WHERE document_id = ? ORDER BY ordinal", [document_id])
        path = tuple(json.loads(own[0]["heading"])) if own else ()
        notes = []
        for row in rows:
            heading = tuple(json.loads(row["heading"]))
            above = bool(heading) and bool(path) and len(heading) < len(path) and path[: len(heading)] == heading
            if row["section"] == section or above:
                notes.append(WarningNote(document_id, row["section"], row["signal"], row["text"], row["page"], heading))
        return notes

    def lookup_codes(self, question: str, machine: str | None = None) -> list[CodeMatch]:
        """The registry's entries that the question names, best first."""
        with self._lock:
            return self.codes.lookup(self._without_machines(question), machine, question)

    def suggest_codes(self, question: str, machine: str | None = None) -> list[tuple[str, str]]:
        """(written, existing code) for codes in the question that are one slip away from an existing one."""
        with self._lock:
            return self.codes.suggest(self._without_machines(question), machine)

    def unknown_codes(self, question: str) -> list[str]:
        """Codes the question surely names that no document holds."""
        with self._lock:
            return self.codes.unknown(self._without_machines(question))

    def _without_machines(self, question: str) -> str:
        """The question with the names of machines blanked: HP-200 is a machine, not a code."""
        for name in self._machine_names:
            parts = [re.escape(part) for part in re.findall(r"[^\W\d_]+|\d+", name)]
            if any(part.isdigit() for part in parts) and len(parts) > 1:
                pattern = rf"(?<![A-Za-z0-9]){r'[-_. ]?'.join(parts)}(?![A-Za-z0-9])"  # 主泵 may follow at once
                question = re.sub(pattern, lambda m: " " * len(m[0]), question, flags=re.IGNORECASE)
        for word, model in self._title_models:
            pattern = rf"(?<![A-Za-z0-9]){re.escape(word)}[-_ ]+{re.escape(model)}(?![A-Za-z0-9])"
            question = re.sub(pattern, lambda m: " " * len(m[0]), question, flags=re.IGNORECASE)
        return question

    @functools.cached_property
    def _title_models(self) -> list[tuple[str, str]]:
        """(word, model) pairs of titles that name a product by a word and what looks like a code: ("MINI", "E3")."""
        titles = {row["title"] for row in self._rows("SELECT DISTINCT title FROM documents")}
        pairs = {
            (title[: one.start].split()[-1], one.written)
            for title in titles
            for one in candidates(title)
            if one.bare and not one.written.isdigit()
        }
        return sorted(pairs)

    def documents(self) -> list[DocumentRecord]:
        """All documents in the order of their ids."""
        rows = self._rows(
            "SELECT d.*, (SELECT COUNT(*) FROM chunks c WHERE c.document_id = d.document_id) AS chunk_count,"
            " (SELECT COUNT(*) FROM code_entries e WHERE e.document_id = d.document_id AND e.definition = 1) AS code_count"
            " FROM documents d ORDER BY d.document_id"
        )
        return [
            DocumentRecord(
                row["document_id"], row["title"], DocumentKind(row["kind"]), row["machine"], row["revision"], row["path"],
                row["sha256"], row["chunk_count"], row["code_count"], report_from_json(row["report"]),
            )
            for row in rows
        ]  # fmt: skip

    def quarantine(self) -> list[tuple[str, str]]:
        """(document_id, reason) of the inputs that the last runs left out."""
        return [(r["document_id"], r["reason"]) for r in self._rows("SELECT * FROM quarantine ORDER BY document_id")]

    def quarantine_stamp(self, document_id: str) -> str | None:
        """The stamp of a quarantined file when it was tried, or None."""
        rows = self._rows("SELECT stamp FROM quarantine WHERE document_id = ?", [document_id])
        return str(rows[0]["stamp"]) if rows else None

    def excluded(self) -> list[str]:
        """Paths of documents removed by hand, which stay out although their folder is indexed."""
        return [row["path"] for row in self._rows("SELECT path FROM excluded")]

    def document_rows(self) -> list[sqlite3.Row]:
        """The documents table as stored, for the build."""
        return self._rows("SELECT * FROM documents")

    def _chunk(self, row: sqlite3.Row) -> Chunk:
        source = self._source(row["document_id"])
        if row["machine"] != source.machine:
            source = Source(source.document_id, source.title, source.kind, row["machine"], source.revision)
        return Chunk(
            row["chunk_id"], source, (row["first_page"], row["last_page"]), tuple(json.loads(row["heading"])),
            ChunkKind(row["kind"]), row["text"], row["section"], bool(row["ocr"]),
        )  # fmt: skip

    def _source(self, document_id: str) -> Source:
        if document_id not in self._sources:
            (row,) = self._rows("SELECT * FROM documents WHERE document_id = ?", [document_id])
            self._sources[document_id] = source_of(row)
        return self._sources[document_id]

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        try:
            with self._lock:
                return self._connection.execute(sql, tuple(values)).fetchall()
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{self.folder / 'index.sqlite'} is damaged ({error}). Run `copilot index --rollback`, or `copilot index --rebuild`."
            ) from error


def _connect(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute("SELECT document_id FROM documents LIMIT 1").fetchall()
    except sqlite3.Error as error:
        raise StoreError(
            f"{path} cannot be read ({error}). Run `copilot index --rollback`, or `copilot index --rebuild`."
        ) from error
    return connection


def _load(path: Path) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path} cannot be read ({error}). Run `copilot index --rollback`, or `copilot index --rebuild`."
        ) from error
    return array


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a generation, its files' sizes checked; raises StoreError when it is damaged."""
    path = folder / "manifest.json"
    remedy = "Run `copilot index --rollback`, or `copilot index --rebuild`."
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise MismatchError(
                f"The index in {folder} has format {data['schema']}, this version reads {SCHEMA}. Run `copilot index --rebuild`."
            )
        manifest = Manifest(
            version=data["version"], schema=data["schema"], embedder=data["embedder"], weights_sha256=data["weights_sha256"],
            dimension=data["dimension"], analyser=data["analyser"], chunker=data["chunker"], documents=data["documents"],
            chunk_count=data["chunk_count"], created_at=datetime.fromisoformat(data["created_at"]), files=data["files"],
            roots=tuple((str(p), m, k) for p, m, k in data["roots"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged ({type(error).__name__}: {error}). {remedy}") from error
    for name, stamp in manifest.files.items():
        size = int(stamp.split(":")[0])
        file = folder / name
        actual = file.stat().st_size if file.is_file() else -1
        if actual != size:
            said = "is missing" if actual < 0 else f"has {actual} bytes instead of {size}"
            raise StoreError(f"{file} {said}: the index is damaged. {remedy}")
    return manifest


def recorded_roots(folder: Path) -> tuple[tuple[str, str | None, str | None], ...]:
    """The paths a generation was made of, (path, machine, kind), whatever its format; raises StoreError when unreadable."""
    try:
        data = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        return tuple((str(path), machine, kind) for path, machine, kind in data["roots"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"The manifest in {folder} is damaged ({error}); name the folders to index again.") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest; to be called when every other file is complete."""
    data = {name: getattr(manifest, name) for name in manifest.__dataclass_fields__}
    data["created_at"] = manifest.created_at.isoformat()
    data["documents"] = dict(manifest.documents)
    (folder / "manifest.json").write_text(json.dumps(data, ensure_ascii=False, indent=1), encoding="utf-8")


def check_manifest(manifest: Manifest, embedder: str | None, weights_sha256: str | None, chunker: str | None) -> None:
    """Compare a manifest with the settings in force; None leaves a part unchecked. Raises MismatchError."""
    wanted = (
        ("embedder", manifest.embedder, embedder),
        ("encoder's weights", manifest.weights_sha256, weights_sha256),
        ("analyser", manifest.analyser, ANALYSER),
        ("chunker", manifest.chunker, chunker),
    )
    for what, there, here in wanted:
        if here is not None and there != here:
            raise MismatchError(
                f"The index was built with {what} {_short(there)}, the settings say {_short(here)}. "
                "Run `copilot index --rebuild`, or put back the settings it was built with."
            )


def _short(value: str) -> str:
    return value[:12] + "…" if re.fullmatch(r"[0-9a-f]{40,}", value) else repr(value)


def report_to_json(report: ExtractionReport) -> str:
    """An extraction report as JSON text."""
    return json.dumps({name: getattr(report, name) for name in report.__dataclass_fields__}, ensure_ascii=False)


def report_from_json(text: str) -> ExtractionReport:
    """The inverse of report_to_json."""
    data: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(text).items()}
    return ExtractionReport(**data)
