"""Columns that an export leaves empty, guessed from what the reports say and kept apart from what they record.

A report is guessed by its symptom; without one, by its cause; without that, by its action. Every text is given to a
model once, however many reports say it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from indexer.errors import IndexerError
from indexer.fault_reports.table import PREDICTABLE, name_key
from indexer.protocols import Guess, ReportPredictor

BATCH = 512
_MOST_CHARACTERS = 200  # of a value
_TOLD = "COALESCE(NULLIF(TRIM(symptom), ''), NULLIF(TRIM(cause), ''), NULLIF(TRIM(action), ''))"
_WORK = """
CREATE TEMP TABLE IF NOT EXISTS to_guess (number INTEGER PRIMARY KEY, who INTEGER NOT NULL, told TEXT NOT NULL, UNIQUE (who, told));
CREATE TEMP TABLE IF NOT EXISTS told_by (number INTEGER NOT NULL, report INTEGER NOT NULL, PRIMARY KEY (number, report)) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS guessed (number INTEGER NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, value_key TEXT NOT NULL, confidence REAL NOT NULL);
DELETE FROM to_guess;
DELETE FROM told_by;
"""


@dataclass(frozen=True, slots=True)
class Predictions:
    """What came of it: column -> values stored; why a predictor could not be used, one line each."""

    stored: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def signatures(predictors: Sequence[ReportPredictor], threshold: float) -> dict[str, str]:
    """Column -> what decides its predictions: the model version and the confidence asked for."""
    return {name: f"{predictor.name};{threshold:g}" for predictor in predictors for name in predictor.fields}


def predict_missing(
    connection: sqlite3.Connection,
    predictors: Sequence[ReportPredictor],
    threshold: float,
    added: Collection[str],
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Predictions:
    """Store guesses of at least `threshold` confidence for columns that reports lack. The caller commits.

    Only reports of the documents `added` are looked at, unless a column's predictions were made by another version or
    with another threshold: then all are made anew. A column without a predictor loses its predictions. When a predictor
    fails, the values that its column had stay. `tell` gets the texts done and all there are.
    """
    wanted = signatures(predictors, threshold)
    made = {row[0]: (row[1], row[2]) for row in connection.execute("SELECT field, signature, failed FROM predictors")}
    _forget(connection, [name for name in PREDICTABLE if name not in wanted])
    if not predictors or connection.execute("SELECT 1 FROM fault_reports LIMIT 1").fetchone() is None:
        _remember(connection, wanted)
        return Predictions()
    for statement in filter(str.strip, _WORK.split(";")):
        connection.execute(statement)
    anew = [any(made.get(name) != (wanted[name], 0) for name in predictor.fields) for predictor in predictors]
    for number, predictor in enumerate(predictors):
        _collect(connection, number, predictor.fields, None if anew[number] else added)
    total = connection.execute("SELECT COUNT(*) FROM to_guess").fetchone()[0]
    stored: dict[str, int] = {}
    problems = []
    done = 0
    for number, predictor in enumerate(predictors):
        # Set aside until the predictor is through: never half of the reports guessed by one version, half by another.
        connection.execute("DELETE FROM guessed")
        failed = False
        try:
            for texts in _batches(connection, number):
                guesses = predictor.predict([told for _, told in texts])
                connection.executemany(
                    "INSERT INTO guessed VALUES (?, ?, ?, ?, ?)", _rows(texts, guesses, predictor, threshold)
                )
                done += len(texts)
                tell(done, total)
        except IndexerError as error:
            problems.append(str(error))
            failed = True
        else:
            if anew[number]:
                _forget(connection, predictor.fields)
            stored.update(_store(connection, predictor))
        _remember(connection, {name: wanted[name] for name in predictor.fields}, failed)
    return Predictions(stored, tuple(problems))


def _forget(connection: sqlite3.Connection, fields: Sequence[str]) -> None:
    for name in fields:
        connection.execute("DELETE FROM predicted_values WHERE field = ?", (name,))
        connection.execute("DELETE FROM predictors WHERE field = ?", (name,))


def _remember(connection: sqlite3.Connection, made: Mapping[str, str], failed: bool = False) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO predictors VALUES (?, ?, ?)",
        [(name, signature, int(failed)) for name, signature in made.items()],
    )


def _collect(connection: sqlite3.Connection, who: int, fields: Sequence[str], added: Collection[str] | None) -> None:
    """Note the texts of reports that lack one of these columns, and which reports say them."""
    lacking = " OR ".join(f"{name} IS NULL" for name in fields)
    where = f"({lacking}) AND {_TOLD} IS NOT NULL"
    if added is not None:
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS added (document_id TEXT PRIMARY KEY) WITHOUT ROWID")
        connection.executemany("INSERT OR IGNORE INTO added VALUES (?)", [(document_id,) for document_id in added])
        where += " AND document_id IN (SELECT document_id FROM temp.added)"
    connection.execute(
        f"INSERT INTO to_guess (who, told) SELECT DISTINCT ?, {_TOLD} FROM fault_reports WHERE {where}", (who,)
    )
    connection.execute(
        f"INSERT INTO told_by SELECT number, id FROM fault_reports JOIN to_guess ON who = ? AND told = {_TOLD} WHERE {where}",
        (who,),
    )


def _batches(connection: sqlite3.Connection, who: int) -> Iterator[list[tuple[int, str]]]:
    last = -1
    while rows := connection.execute(
        "SELECT number, told FROM to_guess WHERE who = ? AND number > ? ORDER BY number LIMIT ?", (who, last, BATCH)
    ).fetchall():
        last = rows[-1][0]
        yield [(row[0], row[1]) for row in rows]


def _rows(
    texts: Sequence[tuple[int, str]],
    guesses: Sequence[Mapping[str, Guess]],
    predictor: ReportPredictor,
    threshold: float,
) -> Iterator[tuple[int, str, str, str, float]]:
    """The guesses that are sure enough, for columns that are the predictor's."""
    for (number, _), found in zip(texts, guesses, strict=True):
        for name, guess in found.items():
            value = " ".join(guess.value.split())[:_MOST_CHARACTERS]
            if name in predictor.fields and value and guess.confidence >= threshold:
                yield number, name, value, name_key(value), float(guess.confidence)


def _store(connection: sqlite3.Connection, predictor: ReportPredictor) -> dict[str, int]:
    """Give the guesses for each text to every report that says it and lacks the column; column -> values stored."""
    counts = {}
    for name in predictor.fields:
        added = connection.execute(
            f"INSERT OR REPLACE INTO predicted_values SELECT report, field, value, value_key, confidence, ? "
            f"FROM guessed CROSS JOIN told_by USING (number) CROSS JOIN fault_reports ON id = report "
            f"WHERE field = ? AND {name} IS NULL",
            (predictor.name, name),
        )
        if added.rowcount:
            counts[name] = added.rowcount
    return counts
