"""Operators' feedback on disk: append-only, safe with many writers, whole after a crash.

feedback/feedback.jsonl     one entry a line; what was said, by whom as a salted hash, under an id of its content
feedback/reviews.jsonl      one decision of a reviewer a line; the last one on an entry counts
feedback/*.torn             what a crash left of a line that was never finished, set aside
feedback/salt, lock         the key of the hashes; held by whoever writes

How nothing is lost: `finetune.journal`. Questions and comments are stored as they came; names and numbers in them are
masked on the way to examples (`finetune.privacy`).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import math
import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from finetune.errors import FeedbackError
from finetune.journal import Journal, locked, write_whole
from finetune.review import Caps, Decision, FeedbackReport, Judge, Review, Stored, queue, resolve
from finetune.types import Example, Feedback, Verdict
from indexer.analysis import fold

SCHEMA = 1
MAX_CHARACTERS = 10_000
"""The longest question, and the longest comment, that is taken."""
_IDENTITY = re.compile(r"u-[0-9a-f]{16}")
_LINE_ID = re.compile(rb'^\{"id": "([0-9a-f]{16})"', re.MULTILINE)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Added:
    """What `FeedbackStore.extend` did: the ids in the order given, and how many of them were not there before."""

    ids: tuple[str, ...]
    new: int


class FeedbackStore:
    """The feedback of one home folder. Light to make; the folder appears with the first entry.

    Every method may be called from many threads and processes at once. Raises FeedbackError, in one line, for values
    that make no sense, a full disk, a folder that cannot be written, or another writer that does not finish.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is `feedback` in the home folder."""
        self.folder = folder
        self._entries = Journal(folder / "feedback.jsonl", lambda: locked(folder))
        self._reviews = Journal(folder / "reviews.jsonl", lambda: locked(folder))

    def append(self, feedback: Feedback, source: str = "operator") -> str:
        """Store one entry, on disk when this returns; return its id. The same entry twice is stored once."""
        return self.extend([feedback], source).ids[0]

    def extend(self, entries: Sequence[Feedback], source: str = "operator", timeless: Collection[int] = ()) -> Added:
        """Store all of the entries or, when anything fails, none.

        `timeless` are the positions of entries whose `created_at` was made up, as for a file without times: they are
        recognised when they come again at another time.
        """
        for feedback in entries:
            _check(feedback)
        if not entries:
            return Added((), 0)
        with locked(self.folder):
            salt = self._salt()
            known = {match.decode() for match in _LINE_ID.findall(self._entries.mended())}
            ids: list[str] = []
            lines: list[bytes] = []
            for place, feedback in enumerate(entries):
                clean = replace(feedback, author=_identity(feedback.author, salt), created_at=_utc(feedback.created_at))
                fields = _to_json(clean)
                counted = {k: v for k, v in fields.items() if k != "created_at" or place not in timeless}
                entry_id = hashlib.sha256(_line(counted)).hexdigest()[:16]
                ids.append(entry_id)
                if entry_id not in known:
                    known.add(entry_id)
                    lines.append(_line({"id": entry_id, "schema": SCHEMA, **fields, "source": source}))
            self._entries.append(lines)
        return Added(tuple(ids), len(lines))

    def review(
        self,
        entry: str,
        decision: Decision,
        route: str | None = None,
        reviewer: str = "",
        known_routes: Collection[str] | None = None,
        at: datetime | None = None,
    ) -> Review:
        """Store a decision on the entry of this id, or the only one whose id begins so. `at` is now by default."""
        stored = self.find(entry)
        if (decision is Decision.CORRECT) != (route is not None):
            raise FeedbackError(
                f"a review says {decision.value} and names the route {route!r}; a route goes with correct only"
            )
        wanted = route or stored.feedback.corrected_route or stored.feedback.route
        if decision is not Decision.DROP:
            if not wanted:
                raise FeedbackError(
                    f"entry {stored.id} names no route that could be accepted; correct it to one, or drop it"
                )
            if known_routes is not None and wanted not in known_routes:
                raise FeedbackError(f"there is no route '{wanted}'; the routes are {', '.join(known_routes)}")
        return self._decide([stored.id], decision, route, reviewer, at)[0]

    def accept(self, ids: Sequence[str], reviewer: str = "") -> int:
        """Accept all of these entries at once that nobody has decided on yet; return how many. Ids are whole ones."""
        decided = {review.feedback_id for review in self.reviews()}
        there = {stored.id for stored in self.all()}
        chosen = [entry for entry in dict.fromkeys(ids) if entry in there and entry not in decided]
        return len(self._decide(chosen, Decision.ACCEPT, None, reviewer, None))

    def _decide(
        self, ids: Sequence[str], decision: Decision, route: str | None, reviewer: str, at: datetime | None
    ) -> list[Review]:
        if not ids:
            return []
        with locked(self.folder):
            who, when = _identity(reviewer, self._salt()), _utc(at or datetime.now(UTC))
            reviews = [Review(entry, decision, route, who, when) for entry in ids]
            self._reviews.append([_line(_review_to_json(review)) for review in reviews])
        return reviews

    def all(self) -> tuple[Stored, ...]:
        """Every entry, in the order stored. Lines that cannot be read are left out; `problems` names them."""
        return tuple(self._read(self._entries, _stored)[0])

    def reviews(self) -> tuple[Review, ...]:
        """Every decision, in the order stored."""
        return tuple(self._read(self._reviews, _review)[0])

    def find(self, entry: str) -> Stored:
        """The entry of this id, or the only one whose id begins so (4 characters or more)."""
        found = [
            stored for stored in self.all() if stored.id == entry or (len(entry) >= 4 and stored.id.startswith(entry))
        ]
        if len(found) != 1:
            many = f"{len(found)} entries have ids that begin with" if found else "no feedback has the id"
            raise FeedbackError(f"{many} {entry!r}; `copilot feedback list` shows the ids")
        return found[0]

    def pending(self) -> list[tuple[Stored, bool]]:
        """What waits for a reviewer, least certain first: (entry, whether its question is contradicted)."""
        return queue(self.all(), self.reviews())

    def examples(
        self,
        known_routes: Collection[str] | None = None,
        caps: Caps | None = None,
        others: Mapping[str, int] | None = None,
        judge: Judge | None = None,
    ) -> tuple[tuple[Example, ...], FeedbackReport]:
        """What the feedback teaches, masked, one example per question, and the report; see `finetune.review.resolve`."""
        return resolve(self.all(), self.reviews(), known_routes, caps, others, self.problems(), judge)

    def problems(self) -> tuple[str, ...]:
        """One line for every stored line that cannot be read, and for what crashes left behind."""
        return (*self._read(self._entries, _stored)[1], *self._read(self._reviews, _review)[1])

    def identity(self, author: str) -> str:
        """What stands for this author in the store; "" for nobody."""
        if not author.strip() or _IDENTITY.fullmatch(author):
            return _identity(author, b"")
        with locked(self.folder):
            return _identity(author, self._salt())

    def _salt(self) -> bytes:
        """The key of the hashes, made with the first entry. Needs the lock."""
        path = self.folder / "salt"
        with contextlib.suppress(FileNotFoundError):
            text = path.read_text(encoding="ascii", errors="replace").strip()
            if not re.fullmatch(r"[0-9a-f]{64}", text):
                raise FeedbackError(
                    f"{path} is damaged; restore it from a backup, or remove it: operators then count as new ones"
                )
            return bytes.fromhex(text)
        text = secrets.token_hex(32)
        write_whole(path, [text.encode() + b"\n"])
        return bytes.fromhex(text)

    def _read(self, journal: Journal, make: Callable[[dict[str, Any]], _T]) -> tuple[list[_T], list[str]]:
        """The lines of a file as objects, and what is wrong with the others."""
        made: list[_T] = []
        problems: list[str] = []
        for number, line in enumerate(journal.lines(), 1):
            if not line.strip():
                continue
            try:
                made.append(make(_object(line)))
            except _NewerError as error:
                problems.append(f"{journal.path} line {number}: {error}")
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                problems.append(
                    f"{journal.path} line {number} is damaged ({_short(error)}); it is left out, mend or remove it"
                )
        return made, [*problems, *journal.problems()]


class _NewerError(Exception):
    """A line of a later schema."""


def _check(feedback: Feedback) -> None:
    """Raise FeedbackError unless the entry can be stored."""
    if not feedback.question.strip():
        raise FeedbackError("the feedback has no question; give the question that was asked")
    for name, text in (("question", feedback.question), ("comment", feedback.comment)):
        if len(text) > MAX_CHARACTERS:
            raise FeedbackError(f"the {name} has {len(text)} characters; at most {MAX_CHARACTERS} are taken")
    if not feedback.route and not feedback.corrected_route:
        raise FeedbackError("the feedback names no route; give the route that was taken, or the right one")
    if feedback.corrected_route is not None and not feedback.corrected_route.strip():
        raise FeedbackError("the corrected route is empty; name a route, or leave it out")
    confidence = feedback.confidence
    if confidence is not None and not (math.isfinite(confidence) and 0 <= confidence <= 1):
        raise FeedbackError(f"the confidence is {confidence}; it must be from 0 to 1")


def to_json(stored: Stored) -> dict[str, Any]:
    """An entry in plain values, as it stands in the file."""
    return {"id": stored.id, "schema": SCHEMA, **_to_json(stored.feedback), "source": stored.source}


def _to_json(feedback: Feedback) -> dict[str, Any]:
    return {
        "answer_id": feedback.answer_id,
        "question": feedback.question,
        "route": feedback.route,
        "verdict": feedback.verdict.value,
        "corrected_route": feedback.corrected_route,
        "comment": feedback.comment,
        "cited_chunk_ids": list(feedback.cited_chunk_ids),
        "created_at": feedback.created_at.isoformat(),
        "confidence": feedback.confidence,
        "author": feedback.author,
    }


def _review_to_json(review: Review) -> dict[str, Any]:
    return {
        "id": review.feedback_id,
        "schema": SCHEMA,
        "decision": review.decision.value,
        "route": review.route,
        "reviewer": review.reviewer,
        "decided_at": review.decided_at.isoformat(),
    }


def _line(fields: dict[str, Any]) -> bytes:
    # Half a surrogate pair, as a browser may send it, has no UTF-8.
    return json.dumps(fields, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _object(line: bytes) -> dict[str, Any]:
    fields = json.loads(line.decode("utf-8"))
    if not isinstance(fields, dict):
        raise ValueError("no object")
    if fields["schema"] != SCHEMA:
        raise _NewerError(f"is of schema {fields['schema']!r}, this program knows {SCHEMA}; update it")
    return fields


def _stored(fields: dict[str, Any]) -> Stored:
    confidence = fields["confidence"]
    feedback = Feedback(
        answer_id=_text(fields["answer_id"]),
        question=_text(fields["question"]),
        route=_text(fields["route"]),
        verdict=Verdict(fields["verdict"]),
        corrected_route=None if fields["corrected_route"] is None else _text(fields["corrected_route"]),
        comment=_text(fields["comment"]),
        cited_chunk_ids=tuple(map(_text, fields["cited_chunk_ids"])),
        created_at=_utc(datetime.fromisoformat(fields["created_at"])),
        confidence=None if confidence is None else float(confidence),
        author=_text(fields["author"]),
    )
    _check_stored(feedback)
    return Stored(_text(fields["id"]), feedback, _text(fields["source"]))


def _check_stored(feedback: Feedback) -> None:
    try:
        _check(feedback)
    except FeedbackError as error:
        raise ValueError(str(error)) from error


def _review(fields: dict[str, Any]) -> Review:
    decision = Decision(fields["decision"])
    route = None if fields["route"] is None else _text(fields["route"])
    if (decision is Decision.CORRECT) != (route is not None):
        raise ValueError(f"{decision.value} with the route {route!r}")
    decided_at = _utc(datetime.fromisoformat(fields["decided_at"]))
    return Review(_text(fields["id"]), decision, route, _text(fields["reviewer"]), decided_at)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _utc(moment: datetime) -> datetime:
    """In UTC; a time without a zone is taken to be."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _identity(author: str, salt: bytes) -> str:
    name = " ".join(fold(author).split())
    if not name or _IDENTITY.fullmatch(name):
        return name
    return "u-" + hmac.new(salt, name.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:16]


def _short(error: Exception) -> str:
    said = f"no {error}" if isinstance(error, KeyError) else str(error)
    return said if len(said) <= 120 else said[:119] + "…"
