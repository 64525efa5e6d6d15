"""Answers given and conversations had, per user, in SQLite: to show again, to search, to give feedback on."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from copilot import gaps
from copilot.cite import answer_to_json
from copilot.service.errors import NotFoundError
from copilot.types import Answer, AnswerStatus, Turn

_SCHEMA = """
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, title TEXT NOT NULL, created_at TEXT NOT NULL, changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS conversations_user ON conversations (user, changed_at);
CREATE TABLE IF NOT EXISTS answers (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, conversation TEXT, asked_at TEXT NOT NULL, question TEXT NOT NULL,
    text TEXT NOT NULL, answer TEXT NOT NULL, chunk_ids TEXT NOT NULL, turn TEXT NOT NULL, gap TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS answers_conversation ON answers (conversation, asked_at);
CREATE INDEX IF NOT EXISTS answers_asked ON answers (asked_at);
"""
_TITLE = 80  # characters


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation of a user; `title` is its first question. Times are UTC, ISO 8601."""

    id: str
    title: str
    created_at: str
    changed_at: str
    answers: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer. `answer` is as `copilot ask --json` prints it, `chunk_ids` are those of its citations,
    in their order; `turn` goes into `Question.earlier` when the conversation goes on."""

    answer_id: str
    asked_at: str
    question: str
    answer: dict[str, Any]
    chunk_ids: tuple[str, ...]
    turn: Turn
    conversation: str | None


class History:
    """The database of one home folder. Safe with many threads; nothing is created before the first answer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None

    def add(self, answer: Answer, user: str, conversation: str | None) -> None:
        """Keep an answer, at the end of a conversation of that user where one is named."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        shown = answer_to_json(answer)
        with self._lock, self._db() as db:
            if conversation is not None:
                owner = db.execute("SELECT user FROM conversations WHERE id = ?", (conversation,)).fetchone()
                if owner is not None and owner[0] != user:
                    raise NotFoundError(f"there is no conversation {conversation!r}")
                db.execute(
                    "INSERT INTO conversations VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET changed_at = ?",
                    (conversation, user, answer.question.text[:_TITLE], now, now, now),
                )
            db.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    answer.id, user, conversation, now, answer.question.text, answer.text, _json(shown),
                    _json([citation.chunk_id for citation in answer.citations]), _json(asdict(answer.turn)), _json(gaps.to_json(gaps.of_answer(answer, "service"))),
                ),
            )  # fmt: skip

    def find(self, answer_id: str, user: str | None = None) -> Exchange:
        """The answer of this id; of this user's only, where one is given. Raises NotFoundError."""
        rows = self._read(
            "SELECT * FROM answers WHERE id = ? AND (? IS NULL OR user = ?)", (answer_id, user, user)
        )  # fmt: skip
        if not rows:
            raise NotFoundError(f"there is no answer {answer_id!r}")
        return _exchange(rows[0])

    def gap(self, answer_id: str, user: str) -> gaps.Gap:
        """What an answer of this user lacked. Raises NotFoundError."""
        rows = self._read("SELECT gap FROM answers WHERE id = ? AND user = ?", (answer_id, user))
        if not rows:
            raise NotFoundError(f"there is no answer {answer_id!r}")
        return gaps.from_json(json.loads(rows[0][0]))

    def conversations(self, user: str, search: str = "", limit: int = 100) -> list[Conversation]:
        """A user's conversations, the last changed first; those that hold all words of `search`, where it says any."""
        where, values = ["c.user = ?"], [user]
        for word in search.split():
            where.append(
                "EXISTS (SELECT 1 FROM answers s WHERE s.conversation = c.id AND (s.question LIKE ? ESCAPE '\\' "
                "OR s.text LIKE ? ESCAPE '\\'))"
            )
            values += [f"%{_literal(word)}%"] * 2
        rows = self._read(
            "SELECT c.id, c.title, c.created_at, c.changed_at, (SELECT COUNT(*) FROM answers a WHERE a.conversation = c.id)"
            f" FROM conversations c WHERE {' AND '.join(where)} ORDER BY c.changed_at DESC, c.id LIMIT ?",
            (*values, max(0, limit)),
        )
        return [Conversation(*row) for row in rows]

    def exchanges(self, conversation: str, user: str) -> list[Exchange]:
        """A conversation from its beginning. Raises NotFoundError when it is none of that user's."""
        rows = self._read(
            "SELECT * FROM answers WHERE conversation = ? AND user = ? ORDER BY asked_at, rowid", (conversation, user)
        )
        if not rows:
            raise NotFoundError(f"there is no conversation {conversation!r}")
        return [_exchange(row) for row in rows]

    def check_owner(self, conversation: str, user: str) -> None:
        """Raise NotFoundError when the conversation is another's."""
        if self._read("SELECT 1 FROM conversations WHERE id = ? AND user <> ?", (conversation, user)):
            raise NotFoundError(f"there is no conversation {conversation!r}")

    def turns(self, conversation: str, user: str, most: int = 8) -> tuple[Turn, ...]:
        """The last turns of a conversation, oldest first; none of one that is new, or another's."""
        rows = self._read(
            "SELECT turn FROM answers WHERE conversation = ? AND user = ? ORDER BY asked_at DESC, rowid DESC LIMIT ?",
            (conversation, user, most),
        )
        return tuple(turn_from_json(json.loads(row[0])) for row in reversed(rows))

    def delete(self, user: str, conversation: str | None = None) -> int:
        """Delete a conversation of a user, or with None all that is kept of them; returns how many answers went."""
        with self._lock, self._db() as db:
            if conversation is None:
                gone = db.execute("DELETE FROM answers WHERE user = ?", (user,)).rowcount
                db.execute("DELETE FROM conversations WHERE user = ?", (user,))
            else:
                gone = db.execute(
                    "DELETE FROM answers WHERE user = ? AND conversation = ?", (user, conversation)
                ).rowcount
                db.execute("DELETE FROM conversations WHERE user = ? AND id = ?", (user, conversation))
        return gone

    def forget(self, days: int, now: datetime | None = None) -> int:
        """Delete answers older than so many days; returns how many."""
        earliest = ((now or datetime.now(UTC)) - timedelta(days=days)).isoformat(timespec="milliseconds")
        with self._lock, self._db() as db:
            gone = db.execute("DELETE FROM answers WHERE asked_at < ?", (earliest,)).rowcount
            db.execute(
                "DELETE FROM conversations WHERE id NOT IN (SELECT conversation FROM answers WHERE conversation NOT NULL)"
            )
        return gone

    def recent_questions(self, limit: int) -> list[str]:
        """The last questions of everybody, newest first, without saying whose."""
        return [row[0] for row in self._read("SELECT question FROM answers ORDER BY asked_at DESC LIMIT ?", (limit,))]

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _read(self, sql: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        with self._lock, self._db() as db:
            return db.execute(sql, tuple(values)).fetchall()

    def _db(self) -> sqlite3.Connection:
        if self._opened is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._opened = sqlite3.connect(self._path, check_same_thread=False, timeout=30)
            self._opened.row_factory = sqlite3.Row
            self._opened.execute("PRAGMA journal_mode = WAL")
            self._opened.execute("PRAGMA synchronous = NORMAL")
            self._opened.executescript(_SCHEMA)
            self._path.chmod(0o600)
        return self._opened


def new_conversation() -> str:
    """An id for a conversation that begins."""
    return uuid4().hex


def turn_from_json(fields: dict[str, Any]) -> Turn:
    """A turn as `dataclasses.asdict` and JSON left it."""
    section = fields.get("section")
    return Turn(
        **{
            **fields,
            "codes": tuple(fields["codes"]),
            "section": None if section is None else (str(section[0]), int(section[1])),
            "status": AnswerStatus(fields["status"]),
        }
    )


def _exchange(row: sqlite3.Row) -> Exchange:
    return Exchange(
        row["id"], row["asked_at"], row["question"], json.loads(row["answer"]), tuple(json.loads(row["chunk_ids"])),
        turn_from_json(json.loads(row["turn"])), row["conversation"],
    )  # fmt: skip


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")


def _literal(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
