"""The audit log: who asked what, how it ended, and which documents answered. Lines are chained by hashes.

    <home>/audit/log.jsonl      one event a line; "prev" is the SHA-256 of the line before, so that no line can be
                                changed, taken out or moved without every later one giving it away
    <home>/audit/head.json      number and hash of the last line, so that a cut end is noticed as well
    <home>/audit/texts.sqlite   what was asked; a line of the log only has its salted hash, so that a text can be removed
                                when its time is over and the chain still verifies
    <home>/audit/salt           the key of pseudonyms

A chain proves that nothing was changed in between; whoever can write to the folder could make a whole new one. Note the
hash that `copilot audit verify` prints somewhere else to rule that out too.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from copilot.errors import CopilotError
from finetune.errors import FeedbackError
from finetune.journal import Journal, locked, write_whole

FIRST = "0" * 64
"""What the first line follows from."""


class AuditError(CopilotError):
    """The log cannot be written or read."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found: how many lines there are, the hash of the last one, and one line for everything wrong."""

    lines: int
    head: str
    problems: tuple[str, ...] = ()


class AuditLog:
    """The log of one home folder. Safe with many threads and processes; the folder appears with the first event."""

    def __init__(self, folder: Path, pseudonyms: bool = False) -> None:
        """`pseudonyms` puts salted hashes in the place of names, and leaves addresses out."""
        self.folder = folder
        self._pseudonyms = pseudonyms
        self._journal = Journal(folder / "log.jsonl", lambda: locked(folder))
        self._lock = threading.Lock()
        self._last: tuple[int, int, str] = (0, 0, FIRST)  # size of the file, number and hash of its last line
        self._salt: bytes | None = None
        self._opened: sqlite3.Connection | None = None

    def who(self, name: str) -> str:
        """What stands for a user here: the name, or its pseudonym."""
        if not self._pseudonyms:
            return name
        return "u-" + hmac.new(self._key(), name.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:16]

    def record(self, action: str, user: str, text: str | None = None, address: str = "", **fields: Any) -> None:
        """Append one event, on disk when this returns. Raises AuditError."""
        event: dict[str, Any] = {"action": action, "who": self.who(user), **fields}
        if address and not self._pseudonyms:
            event["address"] = address
        with self._lock, _errors(self.folder), locked(self.folder):
            self._append(event, text)

    def forget(self, days: int, now: datetime | None = None) -> int:
        """Remove the texts older than so many days, and note that; returns how many. The chain stays whole."""
        before = (now or datetime.now(UTC)) - timedelta(days=days)
        if not (self.folder / "texts.sqlite").exists():
            return 0
        with self._lock, _errors(self.folder), locked(self.folder):
            with self._texts() as db:
                gone = db.execute("DELETE FROM texts WHERE time < ?", (_stamp(before),)).rowcount
            if gone and self._opened is not None:  # nor may the write-ahead log keep them
                self._opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if gone:
                self._append({"action": "forget", "who": "", "before": _stamp(before), "texts": gone}, None)
        return gone

    def verify(self) -> Verdict:
        """Follow the chain from its beginning. Raises AuditError when the file cannot be read."""
        data = _read(self.folder / "log.jsonl")
        lines = data.split(b"\n")
        problems = []
        if lines.pop():
            problems.append(f"line {len(lines) + 1} is torn: a crash cut it off, or its end was removed")
        texts = self._all_texts()
        before, number = FIRST, 0
        for place, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
                number, previous = int(event["n"]), str(event["prev"])
            except (ValueError, KeyError, TypeError):
                problems.append(f"line {place} cannot be read: it was changed")
                before = _hash(line)
                continue
            if previous != before:
                problems.append(
                    f"line {place} does not follow from the one before: that was changed, moved or taken out"
                )
            elif number != place:
                problems.append(f"line {place} has the number {number}")
            if number in texts and _commitment(*texts[number]) != event.get("text_sha256"):
                problems.append(f"the text of line {place} was changed")
            before = _hash(line)
        problems += self._compared_with_head(len(lines), lines)
        for problem in self._journal.problems():
            problems.append(problem)
        return Verdict(len(lines), before, tuple(problems))

    def events(self) -> Iterator[dict[str, Any]]:
        """Every event that can be read, oldest first, with its text where that is still kept."""
        texts = self._all_texts()
        for line in _read(self.folder / "log.jsonl").split(b"\n")[:-1]:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                yield {**event, "text": texts.get(event.get("n"), ("", None))[1]}

    def _append(self, event: Mapping[str, Any], text: str | None) -> None:
        number, before = self._end()
        salt = secrets.token_hex(16)
        line = {"n": number + 1, "time": _stamp(datetime.now(UTC)), **event}
        if text is not None:
            line["text_sha256"] = _commitment(salt, text)
            with self._texts() as db:
                # A line of this number that a crash left without its event is none.
                db.execute("INSERT OR REPLACE INTO texts VALUES (?, ?, ?, ?)", (number + 1, line["time"], salt, text))
        data = json.dumps({**line, "prev": before}, ensure_ascii=False).encode("utf-8", "replace")
        self._journal.append([data])
        size = self._journal.path.stat().st_size
        self._last = (size, number + 1, _hash(data))
        head = self.folder / ".head.new"
        head.write_text(json.dumps({"n": number + 1, "sha256": _hash(data)}))
        os.replace(head, self.folder / "head.json")

    def _end(self) -> tuple[int, str]:
        """Number and hash of the last line; read anew when another process wrote."""
        self._journal.mended()
        path = self._journal.path
        size = path.stat().st_size if path.exists() else 0
        if size != self._last[0]:
            lines = _read(path).split(b"\n")[:-1]
            self._last = (size, len(lines), _hash(lines[-1]) if lines else FIRST)
        return self._last[1], self._last[2]

    def _compared_with_head(self, count: int, lines: Sequence[bytes]) -> list[str]:
        try:
            head = json.loads((self.folder / "head.json").read_text())
            number, digest = int(head["n"]), str(head["sha256"])
        except FileNotFoundError:
            return ["head.json is missing; whether lines are missing at the end cannot be told"] if count else []
        except (OSError, ValueError, KeyError, TypeError):
            return ["head.json cannot be read; whether lines are missing at the end cannot be told"]
        if count < number:
            return [f"{number - count} line(s) are missing at the end, from line {count + 1} on"]
        if _hash(lines[number - 1]) != digest:
            return [f"line {number} was changed after it was written"]
        return []

    @contextlib.contextmanager
    def _texts(self) -> Iterator[sqlite3.Connection]:
        if self._opened is None:
            opened = sqlite3.connect(self.folder / "texts.sqlite", timeout=30, check_same_thread=False)
            opened.execute("PRAGMA journal_mode = WAL")
            opened.execute("PRAGMA synchronous = NORMAL")
            opened.execute("PRAGMA secure_delete = ON")
            opened.execute(
                "CREATE TABLE IF NOT EXISTS texts (n INTEGER PRIMARY KEY, time TEXT NOT NULL, salt TEXT NOT NULL, "
                "text TEXT NOT NULL) STRICT"
            )
            self._opened = opened
        with self._opened:
            yield self._opened

    def close(self) -> None:
        """Release the file of texts."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _all_texts(self) -> dict[int, tuple[str, str]]:
        if not (self.folder / "texts.sqlite").exists():
            return {}
        with self._lock, _errors(self.folder), self._texts() as db:
            return {row[0]: (row[1], row[2]) for row in db.execute("SELECT n, salt, text FROM texts")}

    def _key(self) -> bytes:
        if self._salt is None:
            path = self.folder / "salt"
            with _errors(self.folder), locked(self.folder):
                if not path.exists():
                    write_whole(path, [secrets.token_hex(32).encode() + b"\n"])
                self._salt = path.read_bytes().strip()
        return self._salt


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _commitment(salt: str, text: str) -> str:
    return hashlib.sha256(f"{salt}\x1f{text}".encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise AuditError(f"{path} cannot be read: {error.strerror or error}; check its permissions") from error


@contextlib.contextmanager
def _errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (FeedbackError, sqlite3.Error, OSError) as error:
        raise AuditError(f"the audit log in {folder} cannot be written ({error}); check the disk") from error
