"""A generation as one reader may see it: some documents hidden, some records added that are not indexed yet.

Both happen below everything that asks: the connection of a view has temporary views in the place of the tables, so that
every query, whoever writes it, meets only what may be seen. Positions of hidden chunks are left out of what the searches
may return. What stays common are statistics of words (document frequencies), which order results and show none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer import code_registry, fault_reports
from indexer.chunk import embedding_text
from indexer.extract import Extracted, content_sha256
from indexer.lexical_index import Bm25Index
from indexer.protocols import FloatMatrix, ReportPredictor
from indexer.rows import INSERT_CHUNK, INSERT_DOCUMENT, chunk_row, document_row
from indexer.store import KINDS, TABLES, Index, code_key
from indexer.types import ChunkKind
from indexer.vector_index import ExactIndex, FaissIndex
from indexer.windows import WindowIndex

Positions = npt.NDArray[np.int64]
_WITH_DOCUMENT = ("chunks", "warnings", "code_entries", "fault_reports", "documents", "quarantine")


@dataclass(frozen=True, slots=True)
class Addition:
    """Chunks and fault reports beyond a generation: `database` holds its tables, `texts` and `vectors` row i for
    position `first` + i of the whole. `kinds` and `machines` are those of the chunks."""

    first: int
    database: bytes
    texts: tuple[str, ...]
    vectors: FloatMatrix
    kinds: tuple[ChunkKind, ...]
    machines: tuple[str | None, ...]


def addition(
    base: Index,
    path: Path,
    extracted: Extracted,
    embed: Callable[[Sequence[str]], FloatMatrix],
    predictors: Sequence[ReportPredictor] = (),
    threshold: float = 0.5,
) -> Addition | None:
    """What a file, `extracted`, holds beyond the generation; None when all its chunks are there already.

    Chunks and reports get the ids that a build would give them. `embed` gives the vectors of chunks' texts, (n, dimension).
    """
    known = base.positions_of([chunk.id for chunk in extracted.content.chunks])
    chunks = [chunk for chunk in extracted.content.chunks if chunk.id not in known]
    if not chunks:
        return None
    first, sha256 = base.manifest.chunk_count, content_sha256(path)
    texts = [embedding_text(chunk) for chunk in chunks]
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(TABLES)
        code_registry.create_schema(connection)
        fault_reports.create_schema(connection)
        connection.execute(INSERT_DOCUMENT, document_row(extracted, "", str(path), sha256, "", ""))
        connection.executemany(INSERT_CHUNK, (chunk_row(at, chunk) for at, chunk in enumerate(chunks, first)))
        wanted = {chunk.id for chunk in chunks}
        pairs = [(report, chunk_id) for report, chunk_id in extracted.reports if chunk_id in wanted]
        fault_reports.insert_many(connection, extracted.source.document_id, iter(pairs), normalise_code=code_key)
        fault_reports.predict_missing(connection, predictors, threshold, {extracted.source.document_id})
        # The generation numbers its own from 1 up.
        connection.execute("UPDATE predicted_values SET report = -report")
        connection.execute("UPDATE fault_reports SET id = -id")
        connection.commit()
        database = connection.serialize()
    finally:
        connection.close()
    return Addition(
        first, database, tuple(texts), embed(texts),
        tuple(chunk.kind for chunk in chunks), tuple(chunk.source.machine for chunk in chunks),
    )  # fmt: skip


class IndexView(Index):
    """One generation with documents hidden and records added; see the module. Shares the base's mapped files.

    `hidden` says of a document id whether it must not be seen. The base stays open as long as the view is used.
    """

    def __init__(self, base: Index, hidden: Callable[[str], bool], added: Addition | None = None) -> None:
        super().__init__(base.folder, base.manifest)
        self._base = base
        self._added = added
        connection = self._connection
        if added is not None:
            connection.execute("ATTACH ':memory:' AS added")
            connection.deserialize(added.database, name="added")
        self.hidden = frozenset(
            document_id for document_id in _documents(connection, added is not None) if hidden(document_id)
        )
        _hide(connection, self.hidden, added is not None)
        shown = {name: sha for name, sha in base.manifest.documents.items() if name not in self.hidden}
        self.manifest = replace(base.manifest, documents=shown)

    @cached_property
    def vectors(self) -> FaissIndex:
        """The base's vectors, those of the addition behind them."""
        if self._added is None:
            return self._base.vectors
        return _Vectors(self._base.vectors, self._added.vectors)  # type: ignore[return-value]

    @cached_property
    def windows(self) -> WindowIndex:
        """The base's parts; what was added is judged by its own vectors alone until the next build."""
        if self._added is None:
            return self._base.windows
        return _Windows(self._base.windows)  # type: ignore[return-value]

    @cached_property
    def lexical(self) -> Bm25Index:
        """The base's postings, those of the addition behind them."""
        if self._added is None:
            return self._base.lexical
        return _Lexical(self._base.lexical, self._added.texts)  # type: ignore[return-value]

    @cached_property
    def _kind_of(self) -> npt.NDArray[np.uint8]:
        if self._added is None:
            return self._base._kind_of
        more = np.array([KINDS.index(kind) for kind in self._added.kinds], dtype=np.uint8)
        return np.concatenate([self._base._kind_of, more])

    @cached_property
    def _machine_number(self) -> dict[str, int]:
        names = list(self._base._machine_names)
        for name in self._added.machines if self._added is not None else ():
            if name is not None and name not in names:
                names.append(name)
        return {name: number for number, name in enumerate(names, 1)}

    @cached_property
    def _machine_of(self) -> npt.NDArray[np.int32]:
        if self._added is None:
            return self._base._machine_of
        numbers = self._machine_number
        more = np.array([0 if name is None else numbers[name] for name in self._added.machines], dtype=np.int32)
        return np.concatenate([self._base._machine_of, more])

    @cached_property
    def _readable(self) -> npt.NDArray[np.bool_] | None:
        """Which positions may be found; None when all may."""
        if not self.hidden:
            return None
        mask = np.zeros(len(self._kind_of), dtype=bool)
        mask[[row["position"] for row in self._rows("SELECT position FROM chunks")]] = True
        return mask

    def allowed(self, machine: str | None = None, kinds: Sequence[ChunkKind] | None = None) -> Positions | None:
        """As `Index.allowed`, hidden chunks left out."""
        if machine is None and kinds is None and self._readable is None:
            return None
        mask = np.ones(len(self._kind_of), dtype=bool) if self._readable is None else self._readable.copy()
        if machine is not None:
            # A machine that only hidden documents name is none at all.
            number = self._machine_number.get(machine, -1) if machine in self._machine_names else -1
            mask &= (self._machine_of == number) | (self._machine_of == 0)
        if kinds is not None:
            mask &= np.isin(self._kind_of, [KINDS.index(kind) for kind in kinds])
        return np.flatnonzero(mask)


def _documents(connection: sqlite3.Connection, added: bool) -> set[str]:
    tables = ["main.documents", "main.quarantine", *(["added.documents"] if added else [])]
    return {row[0] for table in tables for row in connection.execute(f"SELECT document_id FROM {table}")}


def _hide(connection: sqlite3.Connection, hidden: Collection[str], added: bool) -> None:
    """Put views in the place of the tables. Names without a schema are looked up among temporary objects first."""
    connection.execute("CREATE TEMP TABLE hidden (document_id TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.executemany("INSERT INTO hidden VALUES (?)", [(name,) for name in hidden])
    connection.commit()
    seen = "document_id NOT IN (SELECT document_id FROM temp.hidden)"
    for table in _WITH_DOCUMENT:
        parts = [f"SELECT * FROM main.{table} WHERE {seen}"]
        if added and table in ("chunks", "fault_reports"):
            parts.append(f"SELECT * FROM added.{table} WHERE {seen}")
        elif added and table == "documents":
            new = "document_id NOT IN (SELECT document_id FROM main.documents)"
            parts.append(f"SELECT * FROM added.documents WHERE {seen} AND {new}")
        connection.execute(f"CREATE TEMP VIEW {table} AS {' UNION ALL '.join(parts)}")
    if connection.execute("SELECT 1 FROM main.sqlite_master WHERE name = 'predicted_values'").fetchone():
        parts = ["SELECT * FROM main.predicted_values", *(["SELECT * FROM added.predicted_values"] if added else [])]
        shown = " UNION ALL ".join(
            f"{part} WHERE report IN (SELECT id FROM {part.split()[3].split('.')[0]}.fault_reports WHERE {seen})"
            for part in parts
        )
        connection.execute(f"CREATE TEMP VIEW predicted_values AS {shown}")


class _Vectors:
    """Two vector indexes as one, the second's positions behind the first's."""

    def __init__(self, base: FaissIndex, more: FloatMatrix) -> None:
        self._base = base
        self._more = ExactIndex(more)
        self.dimension = base.dimension

    def __len__(self) -> int:
        return len(self._base) + len(self._more)

    def search(
        self, questions: FloatMatrix, k: int, allowed: Positions | None = None
    ) -> tuple[npt.NDArray[np.float32], Positions]:
        """See `indexer.protocols.VectorIndex`."""
        first = len(self._base)
        here = there = None
        if allowed is not None:
            here, there = allowed[allowed < first], allowed[allowed >= first] - first
        scores, positions = self._base.search(questions, k, here)
        more_scores, more_positions = self._more.search(questions, k, there)
        more_positions = np.where(more_positions < 0, -1, more_positions + first)
        scores = np.concatenate([scores, more_scores], axis=1)
        positions = np.concatenate([positions, more_positions], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(positions, order, axis=1)

    def vectors(self, positions: Positions) -> FloatMatrix:
        """The vectors at these positions, (n, dimension) float32."""
        positions = np.asarray(positions, dtype=np.int64)
        first = len(self._base)
        out = np.empty((len(positions), self.dimension), dtype=np.float32)
        inside = positions < first
        out[inside] = self._base.vectors(positions[inside])
        out[~inside] = self._more.vectors(positions[~inside] - first)
        return out


class _Windows:
    """The parts of the base's chunks; a chunk beyond them has none."""

    def __init__(self, base: WindowIndex) -> None:
        self._base = base

    def best(self, positions: Positions, question: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """See `indexer.windows.WindowIndex.best`."""
        positions = np.asarray(positions, dtype=np.int64)
        out = np.full(len(positions), np.nan, dtype=np.float32)
        inside = positions < len(self._base)
        out[inside] = self._base.best(positions[inside], question)
        return out


class _Lexical:
    """Two BM25 indexes as one; how rare a word is, the base says."""

    def __init__(self, base: Bm25Index, texts: Sequence[str]) -> None:
        self._base = base
        self._more = base.beside(texts)

    def __len__(self) -> int:
        return len(self._base) + len(self._more)

    def scores(self, question_terms: Sequence[str]) -> npt.NDArray[np.float32]:
        """See `Bm25Index.scores`."""
        return np.concatenate([self._base.scores(question_terms), self._more.scores(question_terms)])

    def idf(self, token: str) -> float:
        """See `Bm25Index.idf`; a word that only the addition holds counts as held once."""
        if not self._base.contains(token) and self._more.contains(token):
            return float(self._base.idf_of_count(1))
        return self._base.idf(token)

    def idf_of_count(self, count: int) -> np.float32:
        """See `Bm25Index.idf_of_count`."""
        return self._base.idf_of_count(count)

    def contains(self, token: str) -> bool:
        """Whether any chunk holds this token."""
        return self._base.contains(token) or self._more.contains(token)
