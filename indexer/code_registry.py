"""The fault-code registry: every code the documents define or mention, looked up before any search.

Stored in the generation's SQLite file: `code_entries` holds the rows, `code_keys` every key of every written form.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from indexer.analysis import is_chinese, question_tokens, tokens
from indexer.codes import (
    LEVELS,
    Candidate,
    Normal,
    candidates,
    is_among_faults,
    is_generic,
    may_match,
    names_table,
    normal_forms,
)
from indexer.types import CodeEntry, CodeMatch

SCHEMA = """
CREATE TABLE IF NOT EXISTS code_entries (
    entry INTEGER PRIMARY KEY, document_id TEXT NOT NULL, chunk_id TEXT NOT NULL, code TEXT NOT NULL, forms TEXT NOT NULL,
    context TEXT NOT NULL, title TEXT NOT NULL, page INTEGER NOT NULL, machine TEXT, definition INTEGER NOT NULL, ordinal INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS code_entries_document ON code_entries (document_id);
CREATE TABLE IF NOT EXISTS code_keys (
    key TEXT NOT NULL, level INTEGER NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (key, level, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS code_keys_entry ON code_keys (entry);
"""

_COLUMNS = "entry, document_id, chunk_id, code, forms, context, title, page, machine, definition, ordinal"


def create_schema(connection: sqlite3.Connection) -> None:
    """Create the two tables where they are missing."""
    connection.executescript(SCHEMA)


def insert_entries(connection: sqlite3.Connection, entries: Iterable[CodeEntry]) -> int:
    """Add entries with the keys of all their written forms; return how many were added."""
    count = 0
    for entry in entries:
        cursor = connection.execute(
            "INSERT INTO code_entries (document_id, chunk_id, code, forms, context, title, page, machine, definition, ordinal)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (entry.document_id, entry.chunk_id, entry.code, json.dumps(entry.forms, ensure_ascii=False), entry.context,
             entry.title, entry.page, entry.machine, int(entry.definition), int(entry.ordinal)),
        )  # fmt: skip
        keys = {
            (key, level, cursor.lastrowid)
            for form in (entry.code, *entry.forms)
            for level, level_keys in enumerate(normal_forms(form).keys)
            for key in level_keys
        }
        connection.executemany("INSERT OR IGNORE INTO code_keys VALUES (?, ?, ?)", keys)
        count += 1
    return count


def delete_document(connection: sqlite3.Connection, document_id: str) -> None:
    """Remove every entry of one document."""
    connection.execute(
        "DELETE FROM code_keys WHERE entry IN (SELECT entry FROM code_entries WHERE document_id = ?)", (document_id,)
    )
    connection.execute("DELETE FROM code_entries WHERE document_id = ?", (document_id,))


class CodeRegistry:
    """Look-up over the two tables of an open connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def lookup(
        self, question: str, machine: str | None = None, around: str | None = None, limit: int = 20
    ) -> list[CodeMatch]:
        """The entries a question names, best first: definitions before mentions, closer writings before looser ones.

        `machine` keeps that machine's entries and those bound to none. For each code written in the question only the
        closest level counts, so "F0.3" finds F0.3 and not F03 where both exist. `around` is the text whose words order
        equal matches, when it is more than the question (machine names, say).
        """
        matches: list[CodeMatch] = []
        covered: list[tuple[int, int]] = []
        words = question_tokens(around or question)
        for candidate in candidates(question):
            if any(start <= candidate.start and candidate.end <= end for start, end in covered):
                continue
            found = self._match(candidate, machine)
            if found:
                covered.append((candidate.start, candidate.end))
                matches.extend(_ranked(found, words))
        unique: dict[tuple[str, str], CodeMatch] = {}
        for match in matches:
            unique.setdefault((match.entry.chunk_id, match.entry.code), match)
        return sorted(unique.values(), key=lambda m: (not m.entry.definition,))[:limit]

    def suggest(self, question: str, machine: str | None = None) -> list[tuple[str, str]]:
        """(written, existing code) pairs for codes in the question that nothing defines but that are one slip away.

        A slip is one character changed, missing, added or swapped with its neighbour (Damerau-Levenshtein distance 1).
        """
        from rapidfuzz.distance import OSA

        out: list[tuple[str, str]] = []
        known: dict[str, str] | None = None
        for candidate in candidates(question):
            if not candidate.strong or self._match(candidate, machine):
                continue
            squeezed = normal_forms(candidate.written).keys[1][0]
            if len(squeezed) < 3:
                continue
            if known is None:
                rows = self._connection.execute(
                    "SELECT k.key, e.code FROM code_keys k JOIN code_entries e USING (entry)"
                    " WHERE k.level = 1 AND e.definition = 1 AND (? IS NULL OR e.machine IS NULL OR e.machine = ?)",
                    (machine, machine),
                )
                known = dict(rows.fetchall())
            near = sorted(
                code for key, code in known.items()
                if abs(len(key) - len(squeezed)) <= 1 and OSA.distance(key, squeezed, score_cutoff=1) == 1
            )  # fmt: skip
            out.extend((candidate.written, code) for code in near[:5])
        return out

    def unknown(self, question: str) -> list[str]:
        """Codes the question surely names that no document defines or mentions."""
        return [c.written for c in candidates(question) if c.strong and not self._match(c, None)]

    def count(self) -> int:
        """How many definitions the registry holds."""
        (number,) = self._connection.execute("SELECT COUNT(*) FROM code_entries WHERE definition = 1").fetchone()
        return int(number)

    def sample(self, limit: int) -> list[CodeEntry]:
        """Some definitions, evenly spread, for the self-test of a new generation."""
        step = max(1, self.count() // max(1, limit))
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM code_entries WHERE definition = 1 AND entry % ? = 0 LIMIT ?", (step, limit)
        )
        return [_entry(row) for row in rows]

    def _match(self, candidate: Candidate, machine: str | None) -> list[tuple[CodeEntry, int, str]]:
        """(entry, level, written) of the closest level on which a definition matches; of all levels for a spoken number."""
        asked = normal_forms(candidate.written)
        best: list[tuple[CodeEntry, int, str]] = []
        seen: set[CodeEntry] = set()
        spoken = asked.family == "" and not asked.hexadecimal  # "alarm 204" may mean 204, E-204 or SRVO-204
        for level in range(LEVELS):
            keys = asked.keys[level]
            if not keys or (
                candidate.bare and (level in (3, 4) or (not candidate.written.lstrip("-").isdigit() and level > 2))
            ):
                continue
            entries = self._entries(keys, level, machine)
            found = [
                (entry, level, candidate.written)
                for entry in entries
                if may_match(asked, self._closest_form(entry, keys, level), level, f"{entry.context} {entry.title}")
                and (level != 4 or not candidate.fault or is_among_faults(entry.code, f"{entry.context} {entry.title}"))
            ]
            if level == 4 and candidate.initial:  # as close as a prefix of the same family
                found += [
                    (entry, 3, candidate.written)
                    for entry in entries
                    if normal_forms(entry.code).family == "" and names_table(candidate.initial, entry.context)
                ]
            best.extend(b for b in found if b[0] not in seen)
            seen.update(entry for entry, _, _ in found)
            if any(entry.definition for entry, _, _ in found) and not spoken:
                return best
        return best

    def _closest_form(self, entry: CodeEntry, keys: Sequence[str], level: int) -> Normal:
        for form in (entry.code, *entry.forms):
            normal = normal_forms(form)
            if set(normal.keys[level]) & set(keys):
                return normal
        return normal_forms(entry.code)

    def _entries(self, keys: Sequence[str], level: int, machine: str | None) -> list[CodeEntry]:
        marks = ", ".join("?" for _ in keys)
        rows = self._connection.execute(
            f"SELECT DISTINCT {', '.join('e.' + c for c in _COLUMNS.split(', '))} FROM code_keys k JOIN code_entries e USING (entry)"
            f" WHERE k.level = ? AND k.key IN ({marks}) AND (? IS NULL OR e.machine IS NULL OR e.machine = ?)"
            " ORDER BY e.definition DESC, e.entry LIMIT 400",
            (level, *keys, machine, machine),
        )
        return [_entry(row) for row in rows]


def _ranked(found: list[tuple[CodeEntry, int, str]], words: Sequence[str]) -> list[CodeMatch]:
    """Order the entries one code matches by how well their context and title fit the question's other words.

    A word counts by how few of the entries share it, so "servo" tells the servo table from the gripper table; near
    context counts more than far. Between equals a title in the question's language comes first. The same number under
    a foreign prefix (level 4 and up) comes behind all others.
    """
    words = [word for word in words if not any(character.isdigit() for character in word)]  # the code says nothing
    words = [word for word in words if len(word) > 1 or not is_chinese(word)]  # bigrams say the same, once
    places: list[tuple[set[str], set[str], set[str]]] = []
    for entry, _, _ in found:
        close, around, row = (*entry.context.split("\n"), "", "")[:3]
        places.append(
            (set(tokens(f"{close} {entry.machine or ''}")), set(tokens(around)), set(tokens(f"{row} {entry.title}")))
        )
    chinese = any(is_chinese(word) for word in words)

    def weight(word: str) -> float:
        sharing = sum(any(word in place for place in entry) for entry in places)
        return (0.5 if is_generic(word) else 1.0) / (1 + sharing)

    def fit(weights: Mapping[str, float], entry: Sequence[set[str]]) -> float:
        """Each word counts where it stands nearest to the code."""
        return sum(
            share * next((near for near, place in zip(_NEARNESS, entry, strict=True) if word in place), 0.0)
            for word, share in weights.items()
        )

    asked = {word: weight(word) for word in words}
    meant = {word: 0.6 * share * weight(word) for word, share in equivalents(words).items() if word not in asked}
    matches = [
        CodeMatch(
            entry=entry,
            written=written,
            level=level,
            score=fit(asked, place) + fit(meant, place) + (0.001 if is_chinese(entry.title) == chinese else 0.0),
        )
        for (entry, level, written), place in zip(found, places, strict=True)
    ]
    return sorted(matches, key=lambda m: (not m.entry.definition, m.level >= 4, m.entry.ordinal, -m.score, m.level))


_NEARNESS = (1.0, 0.4, 0.3)  # words of the table's own headers, of outer headings and names, of the row
# Words of one meaning in control technology, so that a Chinese question tells English tables apart and the reverse.
# Alarm, error and fault are used for each other freely, so they stand together in a second row that counts little.
_SAME = (
    ("alarm", "报警", "警报", "告警"), ("error", "错误", "出错"), ("fault", "故障"), ("warning", "warn", "警告", "预警"),
    ("setting", "设置", "设定"), ("parameter", "param", "参数", "功能码"), ("controller", "控制器"), ("servo", "伺服"),
    ("driver", "drive", "驱动器", "驱动"), ("gripper", "夹爪", "机械爪", "手爪"), ("motor", "电机", "马达"), ("sensor", "传感器"),
    ("encoder", "编码器"), ("joint", "关节"), ("linear", "直线"), ("inverter", "变频器"), ("press", "压力机", "压机"),
    ("option", "选项"), ("system", "系统"), ("communication", "通信", "通讯"), ("spindle", "主轴"), ("robot", "机器人"),
)  # fmt: skip
_LOOSELY = (("alarm", "error", "fault", "报警", "错误", "故障", "警报", "告警"),)


def equivalents(words: Sequence[str]) -> dict[str, float]:
    """Tokens that mean the same as some of these, with how surely they do (1 or 0.2)."""
    have = set(words)
    out: dict[str, float] = {}
    for share, groups in ((0.2, _LOOSELY), (1.0, _SAME)):
        for group in groups:
            forms = [[token for token in tokens(word) if len(token) > 1] for word in group]
            if any(form and set(form) <= have for form in forms):
                out.update({token: share for form in forms for token in form if token not in have})
    return out


def _entry(row: Sequence[object]) -> CodeEntry:
    _, document_id, chunk_id, code, forms, context, title, page, machine, definition, ordinal = row
    return CodeEntry(
        code=str(code), forms=tuple(json.loads(str(forms))), context=str(context), title=str(title), chunk_id=str(chunk_id),
        document_id=str(document_id), page=int(str(page)), machine=None if machine is None else str(machine), definition=bool(definition),
        ordinal=bool(ordinal),
    )  # fmt: skip
