"""A generation being built: documents dropped, renamed and added in staging, then vectors, BM25 and the self-test."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer import code_registry, fault_reports
from indexer.analysis import ANALYSER, question_tokens
from indexer.chunk import embedding_text
from indexer.embedding_cache import EmbeddingCache, embedding_key
from indexer.errors import BuildError
from indexer.extract import Extracted, ExtractSettings
from indexer.extraction_io import cache_name, read_extracted, write_extracted
from indexer.fault_reports import Predictions
from indexer.home import Home
from indexer.lexical_index import Bm25Index
from indexer.protocols import Embedder, FloatMatrix, ReportPredictor
from indexer.rows import INSERT_CHUNK, INSERT_DOCUMENT, chunk_row, document_row
from indexer.scan import Candidate, Root
from indexer.store import KINDS, SCHEMA, TABLES, Index, code_key, write_manifest
from indexer.types import Chunk, ChunkKind, DocumentKind, Manifest, Quarantined, Source
from indexer.vector_index import FaissIndex
from indexer.windows import WindowIndex, window_texts

Tell = Callable[[str, int, int], None]
_NEW = ("new.f32", "new_parts.f32")  # rows of float32 while a generation is built


class Draft:
    """The staging folder. Use `begin`, change documents, `write_vectors`, `finish`; leaving it unfinished deletes it."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, old: Index | None, roots: Sequence[Root]) -> None:
        self._folder = folder
        self._db = connection
        self._old = old
        self._roots = tuple(roots)
        self._old_count = old.manifest.chunk_count if old is not None else 0
        self._next = self._old_count
        self._done = False
        self._added: set[str] = set()

    @classmethod
    def begin(cls, home: Home, old: Index | None, roots: Sequence[Root], excluded: set[str]) -> Draft:
        """Start from a copy of the old generation's tables, or from nothing."""
        folder = home.staging_folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if old is not None:
            shutil.copyfile(old.folder / "index.sqlite", folder / "index.sqlite")
        connection = sqlite3.connect(folder / "index.sqlite")
        connection.row_factory = sqlite3.Row
        # A crash throws staging away, so the journal need not survive one.
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(TABLES)
        code_registry.create_schema(connection)
        fault_reports.create_schema(connection)
        connection.execute("CREATE TEMP TABLE reusable (key BLOB PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID")
        connection.execute("DELETE FROM excluded")
        connection.executemany("INSERT INTO excluded VALUES (?)", [(path,) for path in sorted(excluded)])
        return cls(folder, connection, old, roots)

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        if not self._done:
            shutil.rmtree(self._folder, ignore_errors=True)

    # --- documents ---

    def drop(self, document_id: str) -> None:
        """Remove a document; the vectors of its chunks stay at hand for texts that come back."""
        self._db.execute(
            "INSERT OR IGNORE INTO reusable SELECT embedding_key, position FROM chunks WHERE document_id = ? AND position < ?",
            (document_id, self._old_count),
        )
        self._db.execute("DELETE FROM chunks WHERE document_id = ?", (document_id,))
        self._db.execute("DELETE FROM warnings WHERE document_id = ?", (document_id,))
        self._db.execute("DELETE FROM documents WHERE document_id = ?", (document_id,))
        code_registry.delete_document(self._db, document_id)
        fault_reports.delete_document(self._db, document_id)

    def rename(self, old_id: str, candidate: Candidate) -> None:
        """The same content under another name: every row follows, nothing is read or embedded again."""
        new_id = candidate.document_id
        for table in ("chunks", "warnings", "code_entries", "fault_reports", "documents"):
            self._db.execute(f"UPDATE {table} SET document_id = ? WHERE document_id = ?", (new_id, old_id))
        self._db.execute(
            "UPDATE documents SET path = ?, root = ?, stamp = ? WHERE document_id = ?",
            (str(candidate.path), candidate.root.path, candidate.stamp, new_id),
        )

    def touch(self, kept: Mapping[str, Candidate]) -> None:
        """Remember the new times of files whose content did not change."""
        self._db.executemany(
            "UPDATE documents SET stamp = ?, root = ? WHERE document_id = ?",
            [(c.stamp, c.root.path, document_id) for document_id, c in kept.items()],
        )

    def add(self, candidate: Candidate, sha256: str, root_settings: str, extracted: Extracted) -> None:
        """Add a document that was read; one of the same id is replaced."""
        self.drop(candidate.document_id)
        self._added.add(candidate.document_id)
        source = extracted.source
        self._db.execute(
            INSERT_DOCUMENT,
            document_row(extracted, candidate.root.path, str(candidate.path), sha256, candidate.stamp, root_settings),
        )
        self._db.executemany(
            INSERT_CHUNK,
            (chunk_row(position, chunk) for position, chunk in enumerate(extracted.content.chunks, self._next)),
        )
        self._next += len(extracted.content.chunks)
        self._db.executemany(
            "INSERT INTO warnings VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(w.document_id, w.section, ordinal, w.signal, w.text, w.page, json.dumps(w.heading, ensure_ascii=False))
             for ordinal, w in enumerate(extracted.content.warnings)],
        )  # fmt: skip
        code_registry.insert_entries(self._db, extracted.content.codes)
        fault_reports.insert_many(self._db, source.document_id, iter(extracted.reports), normalise_code=code_key)

    def set_quarantine(self, entries: Sequence[tuple[Quarantined, str]]) -> None:
        """Replace the list of inputs that were left out; each with the stamp of the file that was tried."""
        self._db.execute("DELETE FROM quarantine")
        self._db.executemany(
            "INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?)",
            [(q.document_id, q.reason, stamp) for q, stamp in entries],
        )

    def cached_extraction(
        self, home: Home, candidate: Candidate, sha256: str, settings: ExtractSettings
    ) -> Extracted | None:
        """What an interrupted build had read of this very file, or None."""
        return read_extracted(_cache_path(home, candidate, sha256, settings))

    def cache_extraction(
        self, home: Home, candidate: Candidate, sha256: str, settings: ExtractSettings, extracted: Extracted
    ) -> None:
        """Keep what was read until the build is published."""
        write_extracted(_cache_path(home, candidate, sha256, settings), extracted)

    # --- vectors and BM25 ---

    def write_vectors(self, embedder: Embedder, cache: EmbeddingCache, window: int, tell: Tell) -> int:
        """Number the chunks, embed the new ones, write both indexes; return how many texts were embedded."""
        keep = np.array([row[0] for row in self._db.execute("SELECT position FROM chunks WHERE position < ? ORDER BY position",
                                                             (self._old_count,))], dtype=np.int64)  # fmt: skip
        self._renumber(len(keep))
        total = self._db.execute("SELECT COUNT(*) FROM chunks").fetchone()[0]
        new = total - len(keep)
        embedded, matrix, parts, counts = self._embed(new, len(keep), embedder, cache, window, tell)
        vectors = (
            FaissIndex.derive(self._old.vectors, keep, matrix)
            if self._old is not None
            else FaissIndex.build(matrix, dimension=embedder.dimension)
        )
        vectors.write(self._folder / "vectors.faiss")
        WindowIndex.derive(self._old.windows if self._old is not None else None, keep, parts, counts).write(
            self._folder
        )
        del matrix, parts
        for name in _NEW:
            (self._folder / name).unlink(missing_ok=True)
        tell("lexical", 0, total)
        texts = (embedding_text(chunk) for _, chunk, _ in self._stream(len(keep)))
        lexical = Bm25Index.build(texts) if self._old is None else self._old.lexical.updated(keep, texts)
        lexical.write(self._folder)
        self._write_filters(total)
        return embedded

    def _renumber(self, kept: int) -> None:
        """Close the gaps that dropped documents left, so that position = row in the indexes."""
        if kept == self._old_count and not self._gaps():
            return
        moves = [
            (new, row[0])
            for new, row in enumerate(self._db.execute("SELECT position FROM chunks ORDER BY position").fetchall())
            if new != row[0]
        ]
        self._db.executemany(
            "UPDATE chunks SET position = ? WHERE position = ?", moves
        )  # ascending, so never onto a taken one

    def _gaps(self) -> bool:
        row = self._db.execute("SELECT COUNT(*), COALESCE(MAX(position) + 1, 0) FROM chunks").fetchone()
        return bool(row[0] != row[1])

    def _embed(
        self, new: int, first: int, embedder: Embedder, cache: EmbeddingCache, window: int, tell: Tell
    ) -> tuple[int, FloatMatrix, FloatMatrix, list[int]]:
        """(texts of chunks embedded, (new, dimension) vectors, those of their parts, how many parts each chunk has)."""
        embedded = 0
        if new:
            tell("embed", 0, new)
        rows: list[tuple[Chunk, bytes]] = []
        counts: list[int] = []
        files = [(self._folder / name).open("wb") for name in _NEW]

        def flush() -> None:
            nonlocal embedded
            before = len(counts)
            texts = {key: embedding_text(chunk) for chunk, key in rows}
            known, known_parts = self._reusable(list(texts))
            parts = {key: window_texts(chunk) for chunk, key in rows if key not in known_parts}
            wanted = {key: text for key, text in texts.items() if key not in known}
            more = {embedding_key(part): part for found in parts.values() for part in found}
            held = cache.get([*wanted, *(key for key in more if key not in wanted)])
            missing = {key: text for key, text in (more | wanted).items() if key not in held}
            if missing:
                share = len(rows) / len(missing)
                vectors = embedder.embed_documents(
                    list(missing.values()), lambda n: tell("embed", min(new, before + round(n * share)), new)
                )
                cache.put(list(missing), vectors)
                held.update(zip(missing, vectors, strict=True))
            embedded += sum(key in missing for key in wanted)
            for _, key in rows:
                files[0].write(np.asarray(known.get(key, held.get(key)), dtype=np.float32).tobytes())
                own = known_parts[key] if key in known_parts else [held[embedding_key(part)] for part in parts[key]]
                counts.append(len(own))
                files[1].write(np.asarray(own, dtype=np.float32).tobytes())
            tell("embed", len(counts), new)
            rows.clear()

        for _, chunk, key in self._stream(first):
            rows.append((chunk, key))
            if len(rows) >= window:
                flush()
        if rows:
            flush()
        for file in files:
            file.close()
        matrix, parts = (_mapped(self._folder / name, embedder.dimension) for name in _NEW)
        return embedded, matrix, parts, counts

    def _reusable(self, keys: Sequence[bytes]) -> tuple[dict[bytes, npt.NDArray[np.float32]], dict[bytes, FloatMatrix]]:
        """The vectors of texts that the old generation held in documents dropped since, and those of their parts."""
        if self._old is None:
            return {}, {}
        found: list[tuple[bytes, int]] = []
        for start in range(0, len(keys), 500):
            part = list(keys[start : start + 500])
            marks = ", ".join("?" for _ in part)
            found.extend(
                (row[0], row[1])
                for row in self._db.execute(f"SELECT key, position FROM reusable WHERE key IN ({marks})", part)
            )
        vectors = self._old.vectors.vectors(np.array([position for _, position in found], dtype=np.int64))
        whole = dict(zip([key for key, _ in found], vectors, strict=True))
        return whole, {key: self._old.windows.vectors_of(position) for key, position in found}

    def _stream(self, first: int) -> Iterator[tuple[int, Chunk, bytes]]:
        """New chunks in order; only what the embedder reads is filled in."""
        reader = self._db.cursor()
        reader.execute(
            "SELECT position, document_id, heading, kind, text, embedding_key FROM chunks WHERE position >= ? ORDER BY position",
            (first,),
        )
        for position, document_id, heading, kind, text, key in reader:
            source = Source(document_id, "", DocumentKind.MANUAL)
            yield position, Chunk("", source, (1, 1), tuple(json.loads(heading)), ChunkKind(kind), text), key

    def _write_filters(self, total: int) -> None:
        names = [
            r[0]
            for r in self._db.execute("SELECT DISTINCT machine FROM chunks WHERE machine IS NOT NULL ORDER BY machine")
        ]
        number = {name: index + 1 for index, name in enumerate(names)}
        machines = np.zeros(total, dtype=np.int32)
        kinds = np.zeros(total, dtype=np.uint8)
        for position, machine, kind in self._db.execute("SELECT position, machine, kind FROM chunks"):
            machines[position] = number.get(machine, 0)
            kinds[position] = KINDS.index(ChunkKind(kind))
        np.save(self._folder / "machines.npy", machines, allow_pickle=False)
        np.save(self._folder / "kinds.npy", kinds, allow_pickle=False)

    def predict(self, predictors: Sequence[ReportPredictor], threshold: float, tell: Tell) -> Predictions:
        """Guess columns that fault reports lack; see `fault_reports.predict_missing`.

        It comes after the embedding, whose work is kept when a build is interrupted.
        """
        return fault_reports.predict_missing(
            self._db, predictors, threshold, self._added, lambda done, total: tell("predict", done, total)
        )

    # --- finish ---

    def finish(self, version: str, embedder: Embedder, chunker: str) -> Manifest:
        """Verify what was written with a self-test, then write the manifest. Raises BuildError when the test fails."""
        documents = {
            r[0]: r[1] for r in self._db.execute("SELECT document_id, sha256 FROM documents ORDER BY document_id")
        }
        total = self._db.execute("SELECT COUNT(*) FROM chunks").fetchone()[0]
        self._db.commit()
        self._db.close()
        files = {file.name: f"{file.stat().st_size}:{_sha256(file)}" for file in sorted(self._folder.iterdir())}
        manifest = Manifest(
            version=version, schema=SCHEMA, embedder=embedder.name, weights_sha256=embedder.weights_sha256,
            dimension=embedder.dimension, analyser=ANALYSER, chunker=chunker, documents=documents, chunk_count=total,
            created_at=datetime.now(UTC), files=files, roots=tuple((r.path, r.machine, r.kind) for r in self._roots),
        )  # fmt: skip
        with Index(self._folder, manifest) as index:
            self_test(index)
        write_manifest(self._folder, manifest)
        self._done = True
        return manifest


def self_test(index: Index, samples: int = 16) -> None:
    """Ask a generation for things it must find; raises BuildError naming the first it does not.

    All three stores agree in size; the vector of a chunk is nearest to itself; BM25 finds a chunk by its own words; a code of
    the registry is found by its own writing.
    """
    total = index.manifest.chunk_count
    if not len(index.vectors) == len(index.windows) == len(index.lexical) == total:
        raise BuildError(
            f"The self-test of the new index failed: {total} chunks, {len(index.vectors)} vectors, {len(index.windows)} chunks "
            f"with parts, {len(index.lexical)} in BM25. "
            "The earlier index still answers; run `copilot index --rebuild`."
        )
    positions = [int(p) for p in np.unique(np.linspace(0, total - 1, min(samples, total)).astype(int))] if total else []
    for position, chunk in zip(positions, index.chunks_at(positions), strict=True):
        vector = index.vectors.vectors(np.array([position], dtype=np.int64))
        scores, _ = index.vectors.search(vector, 1)
        if not scores[0, 0] >= float(vector[0] @ vector[0]) - 1e-2:
            raise BuildError(
                f"The self-test of the new index failed: the vector of chunk {chunk.id} does not find itself. Run it again."
            )
        words = question_tokens(embedding_text(chunk))
        if words and not index.lexical.scores(words)[position] > 0:
            raise BuildError(
                f"The self-test of the new index failed: BM25 does not find chunk {chunk.id} by its own words. Run it again."
            )
    for entry in index.codes.sample(samples):
        if index.chunk(entry.chunk_id) is None:
            raise BuildError(
                f"The self-test of the new index failed: code {entry.code!r} points to a chunk that is not there. Run it again."
            )


def _mapped(path: Path, dimension: int) -> FloatMatrix:
    """The float32 rows of a file, mapped."""
    rows = path.stat().st_size // (4 * dimension)
    return (
        np.memmap(path, dtype=np.float32, mode="r", shape=(rows, dimension))
        if rows
        else np.zeros((0, dimension), np.float32)
    )


def _cache_path(home: Home, candidate: Candidate, sha256: str, settings: ExtractSettings) -> Path:
    name = cache_name(sha256, candidate.document_id, candidate.machine, candidate.root.kind, settings.name)
    return home.cache_folder / "extracted" / name


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
