"""The command line: its verbs and their options. What a verb does stands in `copilot.commands`.

This module is imported for every `--help`, so it imports next to nothing; each verb imports what it needs.
Exit codes: 0 done; 1 an error of ours, in one line; 2 wrong usage; 3 done, but some inputs were left out; 130 Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from copilot.config import Settings


class Kind(StrEnum):
    """What --kind takes."""

    MANUAL = "manual"
    FAULT_REPORT = "fault_report"


class By(StrEnum):
    """What --by takes."""

    MACHINE = "machine"
    CODE = "code"
    COMPONENT = "component"
    FAILURE_MODE = "failure_mode"
    MONTH = "month"


_GROUP: dict[str, Any] = {
    "add_completion": False,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
app = typer.Typer(help="Answers from your factory's own manuals and fault reports, offline.", **_GROUP)
history_app = typer.Typer(help="Count past fault reports, or find those like a text.", **_GROUP)
eval_app = typer.Typer(help="Score retrieval or answers on questions with known places.", **_GROUP)
app.add_typer(history_app, name="history")
app.add_typer(eval_app, name="eval")

Home = Annotated[
    Path | None, typer.Option("--home", help="Home folder (else COPILOT_HOME, else the user's data folder).")
]
Config = Annotated[Path | None, typer.Option("--config", help="Settings file (else copilot.toml in the home folder).")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error came from.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Machine = Annotated[str | None, typer.Option("--machine", "-m", help="Keep to this machine.")]
Generator = Annotated[str | None, typer.Option("--generator", help="What writes the answer: extractive.")]
K = Annotated[int, typer.Option("-k", min=1, max=1000, help="How many hits.")]
File = Annotated[Path | None, typer.Option("--file", help='JSONL, one {"id", "question", "machine"} a line; - is stdin.')]
Words = Annotated[list[str] | None, typer.Argument(metavar="QUESTION", help="The question; - reads it from stdin.")]
Questions = Annotated[Path, typer.Argument(metavar="FILE", help="JSONL with question, document, page, expected ...")]


@app.callback(invoke_without_command=True)
def start(context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    if version:
        from importlib.metadata import PackageNotFoundError
        from importlib.metadata import version as installed

        from copilot import terminal

        try:
            terminal.write(f"factory-copilot {installed('factory-copilot')}")
        except PackageNotFoundError:
            terminal.write("factory-copilot (not installed, run from its sources)")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def demo(home: Home = None, config: Config = None, debug: Debug = False) -> int:
    """Index the bundled sample plant and ask it questions."""
    from copilot import demo as sample

    return sample.run(_settings(home, config), home)


@app.command()
def index(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATH", help="Folders or files; none: all given before.")] = None,
    machine: Annotated[str | None, typer.Option("--machine", "-m", help="The machine these documents belong to.")] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="What they are, where it should not be guessed.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay and follow changes.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Read everything again.")] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Go back to the index before this one.")] = False,
    no_ocr: Annotated[bool, typer.Option("--no-ocr", help="Leave scanned pages unread.")] = False,
    as_json: Json = False,
    home: Home = None,
    config: Config = None,
    debug: Debug = False,
) -> int:
    """Index manuals and fault reports; unchanged files cost nothing."""
    from copilot.commands import index as command
    from copilot.commands.common import UsageError

    settings = _settings(home, config, {"indexer": {"ocr": False if no_ocr else None}})
    if rollback:
        if paths or watch or rebuild or machine is not None or kind is not None:
            raise UsageError("--rollback goes with no PATH and no other option but --home and --json")
        return command.rollback(settings, as_json)
    chosen = kind.value if kind else None
    return command.index(settings, paths or (), machine, chosen, rebuild=rebuild, watch=watch, as_json=as_json)


@app.command()
def documents(as_json: Json = False, home: Home = None, config: Config = None, debug: Debug = False) -> int:
    """List the indexed documents and what could not be read of them."""
    from copilot.commands import index as command

    return command.documents(_settings(home, config), as_json)


@app.command()
def remove(
    names: Annotated[list[str], typer.Argument(metavar="DOCUMENT", help="As `copilot documents` shows them.")],
    as_json: Json = False,
    home: Home = None,
    config: Config = None,
    debug: Debug = False,
) -> int:
    """Take documents out of the index."""
    from copilot.commands import index as command

    return command.remove(_settings(home, config), names, as_json)


@app.command()
def search(
    words: Words = None,
    file: File = None,
    k: K = 10,
    machine: Machine = None,
    as_json: Json = False,
    home: Home = None,
    config: Config = None,
    debug: Debug = False,
) -> int:
    """Find passages, codes first."""
    from copilot.commands import search as command

    return command.search(_settings(home, config), words or (), file, k, machine, as_json)


@app.command()
def ask(
    words: Words = None,
    file: File = None,
    machine: Machine = None,
    generator: Generator = None,
    as_json: Json = False,
    home: Home = None,
    config: Config = None,
    debug: Debug = False,
) -> int:
    """Answer a question, with quotes, documents and pages."""
    from copilot.commands import ask as command

    return command.ask(_settings(home, config), words or (), file, machine, generator, as_json)


@app.command()
def chat(
    machine: Machine = None,
    generator: Generator = None,
    home: Home = None,
    config: Config = None,
    debug: Debug = False,
) -> int:
    """Ask one question after another."""
    from copilot.commands import ask as command

    return command.chat(_settings(home, config), machine, generator)


@app.command()
def route(
    questions: Annotated[list[str] | None, typer.Argument(metavar="QUESTION", help="One or more questions.")] = None,
    file: File = None,
    as_json: Json = False,
    home: Home = None,
    config: Config = None,
    debug: Debug = False,
) -> int:
    """Say which kind of question each question is."""
    from copilot.commands import search as command

    return command.route(_settings(home, config), questions or (), file, as_json)


@history_app.callback(invoke_without_command=True)
def history(
    context: typer.Context,
    by: Annotated[By, typer.Option("--by", help="What to count by.")] = By.MACHINE,
    machine: Machine = None,
    since: Annotated[str | None, typer.Option("--since", help="From YYYY, YYYY-MM or YYYY-MM-DD on.")] = None,
    as_json: Json = False,
    home: Home = None,
    config: Config = None,
    debug: Debug = False,
) -> int:
    """Count past fault reports, or find those like a text."""
    if context.invoked_subcommand is not None:
        context.obj = {"machine": machine, "json": as_json, "home": home, "config": config}
        return 0
    from copilot.commands import history as command

    return command.count(_settings(home, config), by.value, machine, since, as_json)


@history_app.command()
def similar(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="TEXT", help="What is happening.")],
    k: K = 10,
    machine: Machine = None,
    as_json: Json = False,
    home: Home = None,
    config: Config = None,
    debug: Debug = False,
) -> int:
    """Find the fault reports most like a text, and what was done."""
    from copilot.commands import history as command

    before = context.obj or {}
    settings = _settings(home or before.get("home"), config or before.get("config"))
    return command.similar(settings, words, k, machine or before.get("machine"), as_json or before.get("json", False))


@eval_app.command("retrieval")
def eval_retrieval(
    file: Questions, k: K = 10, as_json: Json = False, home: Home = None, config: Config = None, debug: Debug = False
) -> int:
    """hit@1, hit@5 and MRR of the right page."""
    from copilot.commands import eval as command

    return command.retrieval(_settings(home, config), file, k, as_json)


@eval_app.command("answers")
def eval_answers(
    file: Questions,
    generator: Generator = None,
    as_json: Json = False,
    home: Home = None,
    config: Config = None,
    debug: Debug = False,
) -> int:
    """How many questions are answered rightly, and how many unanswerable ones are refused."""
    from copilot.commands import eval as command

    return command.answers(_settings(home, config), file, generator, as_json)


@app.command()
def doctor(as_json: Json = False, home: Home = None, config: Config = None, debug: Debug = False) -> int:
    """Check that everything is there and whole."""
    from copilot.commands import doctor as command

    return command.doctor(_settings(home, config), as_json)


def _settings(home: Path | None, config: Path | None, flags: dict[str, dict[str, Any]] | None = None) -> Settings:
    from copilot.config import load_settings

    return load_settings(home, config, flags)


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line; return its exit code. Errors become one line on stderr."""
    from copilot import terminal

    words = list(arguments)
    options = words[: words.index("--")] if "--" in words else words
    debug = "--debug" in options
    terminal.prepare(debug)
    try:
        code = app(words, prog_name="copilot", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        kept = "The work done is kept; the same command goes on from there." if words[:1] == ["index"] else ""
        terminal.note(f"Interrupted. {kept}".strip())
        return 130
    except BrokenPipeError:
        terminal.discard_output()
        return 141  # as a program ended by SIGPIPE
    except Exception as error:
        if debug and not _is_usage(error):
            sys.excepthook(type(error), error, error.__traceback__)
        return _explain(error)


def _explain(error: Exception) -> int:
    """Write the one line for an error; return the exit code that belongs to it."""
    from copilot import terminal
    from copilot.commands.common import UsageError
    from copilot.errors import CopilotError
    from finetune.errors import FinetuneError
    from indexer.errors import IndexerError

    if _is_usage(error):
        error.show()  # type: ignore[attr-defined]
        return 2
    if isinstance(error, CopilotError | FinetuneError | IndexerError):
        terminal.note(f"Error: {error}")
        return 2 if isinstance(error, UsageError) else 1
    terminal.note(
        f"Error: unexpected {type(error).__name__}: {terminal.excerpt(str(error), 300)}. "
        "Run the same command with --debug to see where it comes from."
    )
    return 1


def _is_usage(error: Exception) -> bool:
    """Whether the command-line parser raised it: its errors know how to show themselves."""
    return hasattr(error, "show") and any(base.__name__ == "ClickException" for base in type(error).__mro__)


def main() -> None:
    """The console command `copilot`."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
