"""`copilot ask` and `copilot chat`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from copilot import assemble, terminal
from copilot.commands import gaps
from copilot.commands.common import DONE, AskedLine, InputError, answer_lines, known_machine, one_question, taken
from copilot.config import Settings
from copilot.errors import CopilotError

if TYPE_CHECKING:
    from copilot.engine import Copilot
    from copilot.types import Answer, Turn
    from indexer.store import Index

_REMEMBERED = 8  # turns of a conversation
_HELP = "Ask a question. /machine NAME keeps to one machine, /machine alone to none; /more tells more; /quit or Ctrl-D ends."


@contextlib.contextmanager
def opened_copilot(settings: Settings, generator: str | None = None) -> Iterator[tuple[Copilot, Index]]:
    """The copilot over the index that answers, and that index; closed at the end."""
    if generator is not None and generator not in assemble.GENERATORS:
        raise CopilotError(f"there is no generator '{generator}'; choose from {', '.join(assemble.GENERATORS)}")
    embedder = assemble.make_reading_embedder(settings)
    with assemble.open_index(settings, embedder) as index:
        yield assemble.make_copilot(settings, index, embedder, generator), index


def ask(
    settings: Settings,
    words: Sequence[str],
    file: Path | None,
    machine: str | None,
    generator: str | None,
    as_json: bool,
    log_gap: bool = False,
    more: bool = False,
) -> int:
    """Answer one question, or every line of a file; with `log_gap`, note what the documents do not answer.

    With `more`, the rest of the sections quoted follows each answer.
    """
    question = one_question(words, file)
    from copilot.cite import answer_to_json, answer_to_text
    from copilot.types import Question

    with opened_copilot(settings, generator) as (copilot, index):
        chosen = known_machine(machine, index.machines())
        if question is not None:
            answer = copilot.ask(Question(question, chosen))
            answer = copilot.more(answer) if more else answer
            if as_json:
                terminal.write_json(answer_to_json(answer))
            else:
                terminal.write(answer_to_text(answer))
            gaps.log(settings, answer, log_gap, quiet=as_json)
            return DONE
        assert file is not None

        def reply(line: AskedLine) -> None:
            # A machine that nobody knows is answered, not refused: the answer says which machines there are.
            answer = copilot.ask(Question(line.question, line.machine or chosen))
            answer = copilot.more(answer) if more else answer
            if as_json:
                given = {} if line.id is None else {"id": line.id}
                terminal.write_json({**answer_to_json(answer), **given})
            else:
                terminal.heading(line.question)
                terminal.write(answer_to_text(answer) + "\n")
            if log_gap:
                gaps.log(settings, answer, True)

        return answer_lines(file, as_json, reply)


def chat(settings: Settings, machine: str | None, generator: str | None) -> int:
    """Questions and answers until the input ends."""
    from copilot.cite import answer_to_text
    from copilot.types import Question

    with opened_copilot(settings, generator) as (copilot, index):
        chosen = known_machine(machine, index.machines())
        earlier: tuple[Turn, ...] = ()
        answer: Answer | None = None
        if sys.stdin.isatty():
            terminal.note(_HELP)
        for text in _inputs():
            if text in ("/quit", "/exit"):
                break
            try:
                if text == "/machine" or text.startswith("/machine "):
                    chosen = known_machine(text.removeprefix("/machine").strip() or None, index.machines())
                    terminal.note(f"Machine: {chosen or 'all'}")
                elif text == "/more" and answer is not None:
                    terminal.write("\n" + answer_to_text(copilot.more(answer)) + "\n")
                elif text.startswith("/"):
                    terminal.note(_HELP)
                else:
                    answer = copilot.ask(Question(taken(text), chosen, earlier=earlier))
                    earlier = (*earlier, answer.turn)[-_REMEMBERED:]
                    terminal.write("\n" + answer_to_text(answer) + "\n")
            except CopilotError as error:
                terminal.note(f"Error: {error}")
    return DONE


def _inputs() -> Iterator[str]:
    """Lines that say something, until the input ends."""
    prompt = "> " if sys.stdin.isatty() else ""
    if prompt:
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401  (gives input() a history and editing keys)
    while True:
        try:
            line = input(prompt).strip()
        except EOFError:
            if prompt:
                terminal.write()
            return
        except UnicodeDecodeError:
            raise InputError("stdin is not UTF-8 text; convert it to UTF-8") from None
        if line:
            yield line
