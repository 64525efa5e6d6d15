"""What several verbs share: exit codes, questions from arguments and files, machines by name."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot import terminal
from copilot.errors import CopilotError

DONE = 0
FAILED = 1
USAGE = 2
PARTLY = 3  # done, but some inputs could not be taken; they are named on stderr


class UsageError(CopilotError):
    """The command line makes no sense; exit code 2."""


class MachineError(CopilotError):
    """A machine that the index does not know; the message lists those it knows."""


class InputError(CopilotError):
    """A file of questions, or one of its lines, cannot be read."""


@dataclass(frozen=True, slots=True)
class AskedLine:
    """One line of a file of questions. `id` is whatever JSON value the line gives, None without one.

    `error` says what is wrong with the line; `question` is empty then.
    """

    number: int
    id: Any
    question: str
    machine: str | None = None
    error: str | None = None
    fields: dict[str, Any] | None = None


def one_question(words: Sequence[str], file: Path | None) -> str | None:
    """The question on the command line ("-" reads it from stdin), or None when a file of questions is given instead.

    Raises UsageError when there is neither or both, or the question is empty.
    """
    if file is not None:
        if words:
            raise UsageError("give a QUESTION or --file, not both")
        return None
    if not words:
        raise UsageError("give a QUESTION, or --file with a file of questions")
    text = _stdin() if list(words) == ["-"] else " ".join(words)
    return taken(text)


def taken(text: str) -> str:
    """The question without needless blanks, cut to what is taken. Raises UsageError when nothing is left."""
    from copilot.understand import MAX_CHARACTERS

    # Bytes of an argument that are not valid in the locale's encoding arrive as lone surrogates.
    text = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    if not text:
        raise UsageError("the question is empty; write what you want to know")
    if len(text) > MAX_CHARACTERS:
        terminal.note(f"The question has {len(text)} characters; only the first {MAX_CHARACTERS} are taken.")
        text = text[:MAX_CHARACTERS].rstrip()
    return text


def read_questions(file: Path) -> Iterator[AskedLine]:
    """The lines of a JSONL file ("-": stdin) with "question" and perhaps "id" and "machine", one at a time, in order.

    A line that cannot be used comes with its `error`. Raises InputError when the file cannot be read at all.
    """
    name = "stdin" if str(file) == "-" else str(file)
    try:
        stream = sys.stdin.buffer if str(file) == "-" else file.open("rb")
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}; check --file") from error
    with stream:
        number = 0
        while True:
            try:
                raw = stream.readline()
            except OSError as error:
                raise InputError(f"{name} cannot be read: {error.strerror or error}; check --file") from error
            if not raw:
                return
            number += 1
            if number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise InputError(f"{name} is UTF-16 text; save it as UTF-8")
            if raw.strip():
                yield _line(raw, number, name)


def _line(raw: bytes, number: int, name: str) -> AskedLine:
    where = f"line {number} of {name}"
    try:
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        return AskedLine(number, None, "", error=f"{where} is not UTF-8 text; save the file as UTF-8")
    try:
        data = json.loads(text)
    except ValueError as error:
        return AskedLine(number, None, "", error=f"{where} is not JSON ({error})")
    except RecursionError:
        return AskedLine(number, None, "", error=f"{where} is nested too deeply")
    if not isinstance(data, dict):
        return AskedLine(number, None, "", error=f'{where} is no object; write {{"id": ..., "question": "..."}}')
    given = data.get("id")
    question, machine = data.get("question", data.get("text")), data.get("machine")
    if not isinstance(question, str) or not question.strip():
        return AskedLine(number, given, "", error=f'{where} has no "question" text')
    if machine is not None and not isinstance(machine, str):
        return AskedLine(number, given, "", error=f'{where} has a "machine" that is no text')
    return AskedLine(number, given, taken(question), machine or None, fields=data)


def answer_lines(file: Path, as_json: bool, answer: Callable[[AskedLine], None]) -> int:
    """Call `answer` for every line of a file; what fails is reported in its place, and the rest goes on."""
    code = DONE
    for line in read_questions(file):
        error = line.error
        if error is None:
            try:
                answer(line)
                continue
            except CopilotError as failure:
                error = f"line {line.number} of {file}: {failure}"
        code = PARTLY
        terminal.note(f"Error: {error}")
        if as_json:
            terminal.write_json({"id": line.id, "line": line.number, "error": terminal.one_line(error)})
    return code


def known_machine(given: str | None, machines: Sequence[str]) -> str | None:
    """The machine as the index spells it; case, blanks and hyphens do not matter. Raises MachineError."""
    if given is None:
        return None
    if not given.strip():
        raise UsageError("--machine is empty; name a machine")
    from copilot.machine_names import find_machine

    if given.strip() in machines:
        return given.strip()
    found = find_machine(given, machines)
    if found is None:
        known = ", ".join(machines) if machines else "none (documents in a folder of their own belong to a machine)"
        raise MachineError(f"no document belongs to the machine '{given.strip()}'; the machines are: {known}")
    return found[0]


def _stdin() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError:
        raise InputError("stdin is not UTF-8 text; convert it to UTF-8") from None
