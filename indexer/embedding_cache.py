"""Vectors an interrupted build had computed, by the content of the embedded text; emptied after each publication."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.protocols import FloatMatrix


def embedding_key(text: str) -> bytes:
    """16 bytes that name a text to be embedded."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class EmbeddingCache:
    """A SQLite file of fp16 vectors. A file of another encoder, or a damaged one, is started anew."""

    def __init__(self, path: Path, embedder: str, weights_sha256: str, dimension: int) -> None:
        self._path = path
        self._owner = f"{embedder}:{weights_sha256}:{dimension}"
        self._dimension = dimension
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> EmbeddingCache:
        try:
            self._open()
        except sqlite3.DatabaseError:
            self.close()
            self._path.unlink(missing_ok=True)
            self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was put is kept."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(self._path)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS owner (name TEXT PRIMARY KEY) STRICT")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL) STRICT, WITHOUT ROWID"
        )
        if [row[0] for row in self._connection.execute("SELECT name FROM owner")] != [self._owner]:
            self._connection.execute("DELETE FROM vectors")
            self._connection.execute("DELETE FROM owner")
            self._connection.execute("INSERT INTO owner VALUES (?)", (self._owner,))
        self._connection.commit()

    @property
    def _open_connection(self) -> sqlite3.Connection:
        assert self._connection is not None, "use the cache as a context manager"
        return self._connection

    def get(self, keys: Sequence[bytes]) -> dict[bytes, npt.NDArray[np.float16]]:
        """The stored vectors among these keys, each (dimension,) float16."""
        out: dict[bytes, npt.NDArray[np.float16]] = {}
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            marks = ", ".join("?" for _ in part)
            for key, blob in self._open_connection.execute(
                f"SELECT key, vector FROM vectors WHERE key IN ({marks})", part
            ):
                vector = np.frombuffer(blob, dtype=np.float16)
                if len(vector) == self._dimension:
                    out[key] = vector
        return out

    def put(self, keys: Sequence[bytes], vectors: FloatMatrix) -> None:
        """Store (n, dimension) float32 vectors and commit."""
        halves = vectors.astype(np.float16)
        self._open_connection.executemany(
            "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
            ((k, v.tobytes()) for k, v in zip(keys, halves, strict=True)),
        )
        self._open_connection.commit()

    def clear(self) -> None:
        """Forget everything and give the space back."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
