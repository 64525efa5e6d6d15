"""Feedback in files: tables that people bring along, and exports.

In comes JSONL (UTF-8) or CSV (comma, semicolon or tab; UTF-8, UTF-16, GB18030), with the columns question, route,
verdict, corrected_route, comment, author, created_at, or with text and label. Out goes JSONL: {"text", "label"}, masked,
or everything as it is stored. A row that cannot be used is named by its line and loses no other row.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from finetune.errors import FeedbackError
from finetune.feedback import MAX_CHARACTERS, to_json
from finetune.journal import write_whole
from finetune.review import Review, Stored, latest_reviews
from finetune.types import Example, Feedback, Verdict

_COLUMNS = (
    "question", "route", "verdict", "corrected_route", "comment", "author", "created_at", "confidence", "answer_id",
    "cited_chunk_ids",
)  # fmt: skip
_UNUSED = frozenset({"id", "schema", "source", "review", "language", "style"})  # of our own files, without a use here
_WANTED = "question with route or corrected_route, or text with label"
_MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not taken."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows as feedback. `timeless` are the positions of entries the file gives no time for."""

    entries: tuple[Feedback, ...]
    timeless: frozenset[int]
    rejected: tuple[Rejected, ...]
    ignored_columns: tuple[str, ...]


def read_table(path: Path, known_routes: Collection[str], author: str = "import", now: datetime | None = None) -> Table:
    """Read a file of feedback. `author` stands where a row names none; `now` where it has no time.

    Raises FeedbackError when the file cannot be read at all: missing, not text, without the columns, or no row of it
    usable.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise FeedbackError(f"{path} has more than {_MAX_BYTES >> 20} MiB; split it")
        data = path.read_bytes()
    except OSError as error:
        raise FeedbackError(f"{path} cannot be read: {error.strerror or error}; check the name") from error
    if not data.strip():
        raise FeedbackError(f"{path} is empty; give rows with {_WANTED}")
    as_json = path.suffix.lower() in (".jsonl", ".json", ".ndjson") or data.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"{"
    rows = _json_rows(data, path) if as_json else _csv_rows(path)
    now = now or datetime.now(UTC)
    entries: list[Feedback] = []
    timeless: set[int] = set()
    rejected: list[Rejected] = []
    ignored: dict[str, None] = {}
    for number, row in rows:
        if isinstance(row, str):
            rejected.append(Rejected(number, row))
            continue
        try:
            feedback, timed = _feedback(row, known_routes, author, now)
        except ValueError as error:
            rejected.append(Rejected(number, str(error)))
            continue
        ignored |= {
            key: None for key in row if key not in _COLUMNS and key not in ("text", "label") and key not in _UNUSED
        }
        if not timed:
            timeless.add(len(entries))
        entries.append(feedback)
    if not entries and rejected:
        first = rejected[0]
        raise FeedbackError(f"{path}: none of its {len(rejected)} rows can be taken; line {first.line}: {first.reason}")
    if not entries:
        raise FeedbackError(f"{path} has a header and no rows; give rows with {_WANTED}")
    return Table(tuple(entries), frozenset(timeless), tuple(rejected), tuple(ignored))


def _json_rows(data: bytes, path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:1000]:
        raise FeedbackError(f"{path} is not UTF-8 text; save it as UTF-8")
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError:
            yield number, "is not UTF-8 text; save the file as UTF-8"
        except (ValueError, RecursionError) as error:
            cut = number == len(lines)  # no line break behind it
            yield number, "is cut off" if cut else f"is not JSON ({error})"
        else:
            if isinstance(row, dict):
                yield number, {str(key).strip().lower(): value for key, value in row.items()}
            else:
                yield number, 'is no object; write {"question": ..., "corrected_route": ...}'


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    from indexer.fault_reports.encodings import sniff_encoding

    encoding = sniff_encoding(path)
    text = path.read_bytes().decode(encoding, "replace")
    if encoding in ("cp1252", "latin-1") or "\0" in text:
        raise FeedbackError(f"{path} is neither UTF-8, UTF-16 nor GB18030 text; save it as CSV in UTF-8")
    text = text.removeprefix("\ufeff")
    first = text.lstrip("\r\n").splitlines()[0]
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(max(csv.field_size_limit(), 10 * MAX_CHARACTERS))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    begins = 1
    try:
        for cells in reader:
            number, begins = begins, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip().lower() for cell in cells]
                _check_header(header, path)
            elif len(cells) != len(header):
                yield (
                    number,
                    f"has {len(cells)} cells, the header has {len(header)}; a text with {delimiter!r} in it needs quotes",
                )
            else:
                yield number, dict(zip(header, (cell.strip() for cell in cells), strict=True))
    except csv.Error as error:
        if header is None:
            raise FeedbackError(f"{path} is no CSV table ({error}); give rows with {_WANTED}") from error
        yield begins, f"cannot be read as CSV ({error}), nor what follows it; check its quotes"


def _check_header(header: Sequence[str], path: Path) -> None:
    has = set(header)
    if twice := next((name for name in header if name and header.count(name) > 1), None):
        raise FeedbackError(f"{path} has the column '{twice}' twice; rename one")
    if not ({"text", "label"} <= has or ("question" in has and has & {"route", "corrected_route"})):
        raise FeedbackError(f"{path} has the columns {', '.join(header)[:200]}; needed are {_WANTED}")


def _feedback(row: dict[str, Any], known: Collection[str], author: str, now: datetime) -> tuple[Feedback, bool]:
    """One row, and whether it gives a time. Raises ValueError with what is wrong with it."""
    examples = "question" not in row and "text" in row
    question = _cell(row, "text" if examples else "question")
    if not question:
        raise ValueError(f"has no {'text' if examples else 'question'}")
    if len(question) > MAX_CHARACTERS or len(_cell(row, "comment")) > MAX_CHARACTERS:
        raise ValueError(f"has a text of more than {MAX_CHARACTERS} characters")
    if examples:
        route, corrected = "", _route(_cell(row, "label"), known, "label")
        if not corrected:
            raise ValueError("has no label")
    else:
        route = _route(_cell(row, "route"), known, "route")
        corrected = _route(_cell(row, "corrected_route"), known, "corrected_route")
        if not route and not corrected:
            raise ValueError("has neither route nor corrected_route")
    said = _cell(row, "verdict").lower() or ("down" if corrected and corrected != route else "up")
    if said not in ("up", "down"):
        raise ValueError(f"has the verdict '{said[:40]}'; write up or down")
    if said == "up" and not route and not corrected:
        raise ValueError("has the verdict up and no route")
    when = _cell(row, "created_at")
    try:
        at = datetime.fromisoformat(when) if when else now
    except ValueError:
        raise ValueError(f"has the time '{when[:40]}'; write it as 2025-03-31 or 2025-03-31T14:05:00+02:00") from None
    return Feedback(
        answer_id=_cell(row, "answer_id"),
        question=question,
        route=route,
        verdict=Verdict(said),
        corrected_route=corrected or None,
        comment=_cell(row, "comment"),
        cited_chunk_ids=_chunk_ids(row.get("cited_chunk_ids")),
        created_at=at,
        confidence=_confidence(row.get("confidence")),
        author=_cell(row, "author") or author,
    ), bool(when)


def _cell(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"has a {name} that is no text")
    return value.strip()


def _route(given: str, known: Collection[str], column: str) -> str:
    """The route as the routes file spells it; "" for an empty cell."""
    if not given or given in known:
        return given
    for name in known:
        if name.casefold() == given.casefold().replace(" ", "_").replace("-", "_"):
            return name
    raise ValueError(f"has the unknown {column} '{given[:60]}'; the routes are {', '.join(known)}")


def _confidence(value: Any) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"has the confidence {str(value)[:40]!r}; write a number from 0 to 1") from None
    if not 0 <= number <= 1:
        raise ValueError(f"has the confidence {number}; it must be from 0 to 1")
    return number


def _chunk_ids(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def example_lines(examples: Sequence[Example]) -> list[bytes]:
    """Training rows: {"text", "label"}, one a line."""
    return [_line({"text": example.text, "label": example.label}) for example in examples]


def raw_lines(entries: Sequence[Stored], reviews: Sequence[Review]) -> list[bytes]:
    """Entries as they are stored, names and numbers of people included, each with the review that counts."""
    decided = latest_reviews(reviews)
    lines = []
    for stored in entries:
        review = decided.get(stored.id)
        said = review and {
            "decision": review.decision.value,
            "route": review.route,
            "reviewer": review.reviewer,
            "decided_at": review.decided_at.isoformat(),
        }
        lines.append(_line({**to_json(stored), "review": said}))
    return lines


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace") + b"\n"


def write_lines(path: Path, lines: Sequence[bytes]) -> None:
    """Write an export, whole or not at all. Raises FeedbackError."""
    if path.is_dir():
        raise FeedbackError(f"{path} is a folder; name a file")
    try:
        write_whole(path.absolute(), lines)
    except OSError as error:
        raise FeedbackError(f"{path} cannot be written: {error.strerror or error}; nothing was exported") from error
