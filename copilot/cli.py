"""The command line: its verbs and their options. What a verb does stands in `copilot.commands`.

This module runs for every `--help` and every question, so it imports next to nothing: argparse, one parser for the verb
that was called, and what that verb needs. (typer was tried: with pydantic behind it, it costs a third of a second.)
Exit codes: 0 done; 1 an error of ours, in one line; 2 wrong usage; 3 done, but some inputs were left out; 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from copilot.config import Settings

_INTERRUPTED = 130
_MOST_HITS = 1000
_KINDS = ("manual", "fault_report")
_ROLES = ("operator", "technician", "engineer", "admin")
_BY = ("machine", "code", "component", "failure_mode", "month")


class _Usage(Exception):
    """The words of the command line do not fit; holds the usage and what is wrong."""

    def __init__(self, usage: str, message: str) -> None:
        super().__init__(message)
        self.usage = usage


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Usage(self.format_usage(), message)


class Verb(NamedTuple):
    """One verb: what it is for, its options (`add`), and what it runs."""

    help: str
    add: Callable[[_Parser], None]
    run: Callable[[argparse.Namespace], int]


def _hits(text: str) -> int:
    count = int(text)
    if not 1 <= count <= _MOST_HITS:
        raise argparse.ArgumentTypeError(f"{count} is not from 1 to {_MOST_HITS}")
    return count


def _common(parser: _Parser) -> None:
    parser.add_argument("--home", type=Path, help="home folder (else COPILOT_HOME, else the user's data folder)")
    parser.add_argument("--config", type=Path, help="settings file (else copilot.toml in the home folder)")
    parser.add_argument("--debug", action="store_true", help="show where an error came from")


def _json(parser: _Parser) -> None:
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")


def _machine(parser: _Parser, what: str = "keep to this machine") -> None:
    parser.add_argument("--machine", "-m", metavar="M", help=what)


def _generator(parser: _Parser) -> None:
    parser.add_argument("--generator", metavar="G", help="what writes the answer: extractive, transformers or openai")


def _k(parser: _Parser) -> None:
    parser.add_argument("-k", type=_hits, default=10, help="how many hits, 10 by default")


def _questions(parser: _Parser) -> None:
    parser.add_argument("words", nargs="*", metavar="QUESTION", help="the question; - reads it from stdin")
    _file(parser)


def _file(parser: _Parser) -> None:
    parser.add_argument("--file", type=Path, help='JSONL, one {"id", "question", "machine"} a line; - is stdin')


def _settings(args: argparse.Namespace, flags: Mapping[str, Mapping[str, Any]] | None = None) -> Settings:
    from copilot.config import load_settings

    return load_settings(args.home, args.config, flags)


def _add_demo(parser: _Parser) -> None:
    parser.add_argument("--ui", action="store_true", help="then serve the sample plant's chat in a browser")


def _demo(args: argparse.Namespace) -> int:
    from copilot import demo

    settings = _settings(args)
    code = demo.run(settings, args.home)
    if code or not args.ui:
        return code
    from dataclasses import replace

    from copilot.commands import serve
    from copilot.config import demo_home

    return serve.serve(replace(settings, home=demo_home(settings, args.home)), None, None)


def _add_index(parser: _Parser) -> None:
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="folders or files; none: all given before")
    _machine(parser, "the machine these documents belong to")
    parser.add_argument("--kind", choices=_KINDS, help="what they are, where it should not be guessed")
    parser.add_argument("--watch", action="store_true", help="stay and follow changes")
    parser.add_argument("--rebuild", action="store_true", help="read everything again")
    parser.add_argument("--rollback", action="store_true", help="go back to the index before this one")
    parser.add_argument("--no-ocr", action="store_true", help="leave scanned pages unread")
    _json(parser)


def _index(args: argparse.Namespace) -> int:
    from copilot.commands import index
    from copilot.commands.common import UsageError

    settings = _settings(args, {"indexer": {"ocr": False if args.no_ocr else None}})
    if args.rollback:
        if args.paths or args.watch or args.rebuild or args.machine is not None or args.kind:
            raise UsageError("--rollback goes with no PATH and no other option but --home and --json")
        return index.rollback(settings, args.as_json)
    return index.index(
        settings, args.paths, args.machine, args.kind, rebuild=args.rebuild, watch=args.watch, as_json=args.as_json
    )


def _documents(args: argparse.Namespace) -> int:
    from copilot.commands import index

    return index.documents(_settings(args), args.as_json)


def _add_remove(parser: _Parser) -> None:
    parser.add_argument("names", nargs="+", metavar="DOCUMENT", help="as `copilot documents` shows them")
    _json(parser)


def _remove(args: argparse.Namespace) -> int:
    from copilot.commands import index

    return index.remove(_settings(args), args.names, args.as_json)


def _add_search(parser: _Parser) -> None:
    for add in (_questions, _k, _machine, _json):
        add(parser)


def _search(args: argparse.Namespace) -> int:
    from copilot.commands import search

    return search.search(_settings(args), args.words, args.file, args.k, args.machine, args.as_json)


def _add_ask(parser: _Parser) -> None:
    for add in (_questions, _machine, _generator, _json):
        add(parser)
    parser.add_argument("--log-gap", action="store_true", help="note the question where the documents do not answer it")
    parser.add_argument("--more", action="store_true", help="with the rest of the sections quoted")


def _ask(args: argparse.Namespace) -> int:
    from copilot.commands import ask

    return ask.ask(
        _settings(args), args.words, args.file, args.machine, args.generator, args.as_json, args.log_gap, args.more
    )  # fmt: skip


def _add_chat(parser: _Parser) -> None:
    _machine(parser)
    _generator(parser)


def _chat(args: argparse.Namespace) -> int:
    from copilot.commands import ask

    return ask.chat(_settings(args), args.machine, args.generator)


def _add_route(parser: _Parser) -> None:
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help="one or more questions")
    parser.add_argument(
        "--explain", action="store_true", help="with probabilities, version and the nearest questions learnt"
    )
    _file(parser)
    _json(parser)


def _route(args: argparse.Namespace) -> int:
    from copilot.commands import search

    return search.route(_settings(args), args.questions, args.file, args.explain, args.as_json)


def _add_history(parser: _Parser) -> None:
    parser.add_argument("--by", choices=_BY, default="machine", help="what to count by")
    _machine(parser)
    parser.add_argument("--since", metavar="D", help="from YYYY, YYYY-MM or YYYY-MM-DD on")
    parser.add_argument("--predicted", action="store_true", help="count predicted failure modes or components too")
    _json(parser)
    parser.epilog = "copilot history similar TEXT finds the reports most like a text."


def _history(args: argparse.Namespace) -> int:
    from copilot.commands import history

    return history.count(_settings(args), args.by, args.machine, args.since, args.predicted, args.as_json)


def _add_similar(parser: _Parser) -> None:
    parser.add_argument("words", nargs="+", metavar="TEXT", help="what is happening")
    for add in (_k, _machine, _json):
        add(parser)


def _similar(args: argparse.Namespace) -> int:
    from copilot.commands import history

    return history.similar(_settings(args), args.words, args.k, args.machine, args.as_json)


def _add_eval(parser: _Parser) -> None:
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="JSONL: question, answerable, document, page, expected, answer, route; - is stdin",
    )
    parser.add_argument("--html", type=Path, metavar="REPORT", help="write a report with plots to this HTML file")
    parser.add_argument(
        "--baseline", type=Path, metavar="FILE", help="compare with this evaluation; exit code 1 when worse"
    )
    parser.add_argument(
        "--save-baseline",
        action="store_true",
        help="keep this one to compare with, in --baseline's FILE or in the home folder",
    )
    _json(parser)


def _add_eval_retrieval(parser: _Parser) -> None:
    _add_eval(parser)
    _k(parser)


def _add_eval_answers(parser: _Parser) -> None:
    _add_eval(parser)
    _generator(parser)


def _eval_options(args: argparse.Namespace) -> Any:
    from copilot.commands.eval import Options

    return Options(args.html, args.baseline, args.save_baseline, args.as_json)


def _eval_retrieval(args: argparse.Namespace) -> int:
    from copilot.commands import eval

    return eval.retrieval(_settings(args), args.file, args.k, _eval_options(args))


def _eval_answers(args: argparse.Namespace) -> int:
    from copilot.commands import eval

    return eval.answers(_settings(args), args.file, args.generator, _eval_options(args))


def _eval_router(args: argparse.Namespace) -> int:
    from copilot.commands import eval

    return eval.router(_settings(args), args.file, _eval_options(args))


def _add_gaps(parser: _Parser) -> None:
    _machine(parser, "of this machine only")
    _json(parser)


def _eval_gaps(args: argparse.Namespace) -> int:
    from copilot.commands import gaps

    return gaps.show(_settings(args), args.machine, args.as_json)


def _add_draft(parser: _Parser) -> None:
    parser.add_argument("--count", type=_hits, default=50, metavar="N", help="how many at most, 50 by default")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed proposes other questions")
    parser.add_argument("--output", type=Path, metavar="FILE", help="a new file for them, instead of stdout")
    _machine(parser, "from this machine's manuals only")
    parser.add_argument("--json", action="store_true", help="as without it: one JSON object a line")


def _eval_draft(args: argparse.Namespace) -> int:
    from copilot.commands import gaps

    return gaps.draft(_settings(args), args.count, args.seed, args.machine, args.output)


def _add_finetune(options: str) -> Callable[[_Parser], None]:
    def add(parser: _Parser) -> None:
        from copilot.commands import finetune

        getattr(finetune, f"add_{options}")(parser)
        _json(parser)

    return add


def _finetune_run(args: argparse.Namespace) -> int:
    from copilot.commands import finetune

    return finetune.run(_settings(args), args)


def _finetune_evaluate(args: argparse.Namespace) -> int:
    from copilot.commands import finetune

    return finetune.evaluate(_settings(args), args.task, args.data, args.version, args.as_json)


def _add_versions(parser: _Parser) -> None:
    parser.add_argument("--task", metavar="NAME", help="of this task only")
    _json(parser)


def _finetune_versions(args: argparse.Namespace) -> int:
    from copilot.commands import finetune

    return finetune.versions(_settings(args), args.task, args.as_json)


def _finetune_promote(args: argparse.Namespace) -> int:
    from copilot.commands import finetune

    return finetune.promote(_settings(args), args.task, args.version, args.as_json)


def _finetune_rollback(args: argparse.Namespace) -> int:
    from copilot.commands import finetune

    return finetune.rollback(_settings(args), args.task, args.as_json)


def _finetune_schedule(args: argparse.Namespace) -> int:
    from copilot.commands import finetune

    return finetune.schedule(_settings(args), args)


def _add_drift(parser: _Parser) -> None:
    from copilot.commands import finetune

    finetune.add_task(parser)
    parser.add_argument(
        "--file", type=Path, required=True, metavar="FILE", help="recent questions, as for copilot ask --file"
    )
    _json(parser)


def _finetune_drift(args: argparse.Namespace) -> int:
    from copilot.commands import finetune

    return finetune.drift(_settings(args), args.task, args.file, args.as_json)


def _add_feedback(options: str) -> Callable[[_Parser], None]:
    def add(parser: _Parser) -> None:
        from copilot.commands import feedback

        getattr(feedback, f"add_{options}")(parser)
        _json(parser)

    return add


def _feedback_list(args: argparse.Namespace) -> int:
    from copilot.commands import feedback

    return feedback.list_entries(_settings(args), args.since, args.verdict, args.limit, args.as_json)


def _feedback_review(args: argparse.Namespace) -> int:
    from copilot.commands import feedback

    return feedback.review(
        _settings(args), args.id, args.accept, args.correct, args.drop, args.reviewer, args.as_json
    )  # fmt: skip


def _feedback_export(args: argparse.Namespace) -> int:
    from copilot.commands import feedback

    return feedback.export(_settings(args), args.file, args.raw, args.as_json)


def _feedback_import(args: argparse.Namespace) -> int:
    from copilot.commands import feedback

    return feedback.import_file(_settings(args), args.file, args.author, args.accept, args.as_json)


def _feedback_add(args: argparse.Namespace) -> int:
    from copilot.commands import feedback

    return feedback.add(
        _settings(args), args.words, args.route, args.verdict, args.correct, args.author, args.comment, args.as_json
    )


def _doctor(args: argparse.Namespace) -> int:
    from copilot.commands import doctor

    return doctor.doctor(_settings(args), args.as_json)


def _add_backup(parser: _Parser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the archive (ZIP)")
    _json(parser)


def _backup(args: argparse.Namespace) -> int:
    from copilot.commands import backup

    return backup.backup(_settings(args), args.file, args.as_json)


def _add_restore(parser: _Parser) -> None:
    _add_backup(parser)
    parser.add_argument("--force", action="store_true", help="replace what the home folder holds")


def _restore(args: argparse.Namespace) -> int:
    from copilot.commands import backup

    return backup.restore(_settings(args), args.file, args.force, args.as_json)


def _models_list(args: argparse.Namespace) -> int:
    from copilot.commands import models

    return models.show(_settings(args), args.as_json)


def _add_import(parser: _Parser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a version's folder, with card.json")
    parser.add_argument("--task", metavar="NAME", help="the task it must be of")
    _json(parser)


def _models_import(args: argparse.Namespace) -> int:
    from copilot.commands import models

    return models.take(_settings(args), args.folder, args.task, args.as_json)


def _models_verify(args: argparse.Namespace) -> int:
    from copilot.commands import models

    return models.verify(_settings(args), args.as_json)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"{port} is not from 0 to 65535")
    return port


def _add_serve(parser: _Parser) -> None:
    parser.add_argument("--host", metavar="H", help="address to listen on, 127.0.0.1 by default")
    parser.add_argument(
        "--port", metavar="P", type=_port, help="port to listen on, 7860 by default; 0 takes a free one"
    )
    parser.add_argument("--api-only", action="store_true", help="without the browser page")


def _serve(args: argparse.Namespace) -> int:
    from copilot.commands import serve

    return serve.serve(_settings(args), args.host, args.port, not args.api_only)


def _user_name(parser: _Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="the user's name")


def _password(parser: _Parser) -> None:
    parser.add_argument("--password-stdin", action="store_true", help="read the password from stdin, one line")


def _add_users_add(parser: _Parser) -> None:
    _user_name(parser)
    parser.add_argument("--role", choices=_ROLES, default="operator", help="what the user may do; operator by default")
    _password(parser)
    _json(parser)


def _users_add(args: argparse.Namespace) -> int:
    from copilot.commands import users

    return users.add(_settings(args), args.name, args.role, args.password_stdin, args.as_json)


def _users_list(args: argparse.Namespace) -> int:
    from copilot.commands import users

    return users.list_users(_settings(args), args.as_json)


def _add_users_remove(parser: _Parser) -> None:
    _user_name(parser)
    _json(parser)


def _users_remove(args: argparse.Namespace) -> int:
    from copilot.commands import users

    return users.remove(_settings(args), args.name, args.as_json)


def _add_users_passwd(parser: _Parser) -> None:
    _user_name(parser)
    parser.add_argument("--role", choices=_ROLES, help="change the role instead")
    _password(parser)
    _json(parser)


def _users_passwd(args: argparse.Namespace) -> int:
    from copilot.commands import users

    return users.passwd(_settings(args), args.name, args.role, args.password_stdin, args.as_json)


def _add_users_token(parser: _Parser) -> None:
    _user_name(parser)
    parser.add_argument("--label", metavar="L", default="", help="what the token is for")
    parser.add_argument("--revoke", metavar="ID", help="end this token instead; `copilot users list` shows the ids")
    _json(parser)


def _users_token(args: argparse.Namespace) -> int:
    from copilot.commands import users

    return users.token(_settings(args), args.name, args.label, args.revoke, args.as_json)


def _audit_verify(args: argparse.Namespace) -> int:
    from copilot.commands import audit

    return audit.verify(_settings(args), args.as_json)


def _add_audit_export(parser: _Parser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="to write: .csv, else JSONL")
    _json(parser)


def _audit_export(args: argparse.Namespace) -> int:
    from copilot.commands import audit

    return audit.export(_settings(args), args.file, args.as_json)


VERBS: Mapping[str, Verb] = {
    "demo": Verb("index the bundled sample plant and ask it questions", _add_demo, _demo),
    "index": Verb("index manuals and fault reports; unchanged files cost nothing", _add_index, _index),
    "documents": Verb("list the indexed documents and what could not be read of them", _json, _documents),
    "remove": Verb("take documents out of the index", _add_remove, _remove),
    "search": Verb("find passages, codes first", _add_search, _search),
    "ask": Verb("answer a question, with quotes, documents and pages", _add_ask, _ask),
    "chat": Verb("ask one question after another", _add_chat, _chat),
    "route": Verb("say which kind of question each question is", _add_route, _route),
    "history": Verb("count past fault reports", _add_history, _history),
    "history similar": Verb("find the fault reports most like a text", _add_similar, _similar),
    "eval retrieval": Verb("recall, hits, MRR and nDCG of the right page", _add_eval_retrieval, _eval_retrieval),
    "eval answers": Verb("how right answers, citations and refusals are", _add_eval_answers, _eval_answers),
    "eval router": Verb("how many questions take the right route", _add_eval, _eval_router),
    "eval gaps": Verb("what was asked in vain, put together by machine and meaning", _add_gaps, _eval_gaps),
    "eval draft": Verb("propose questions from the manuals, for a person to confirm", _add_draft, _eval_draft),
    "finetune run": Verb(
        "fine-tune a classifier; promote it when it is the first, or better", _add_finetune("run"), _finetune_run
    ),
    "finetune evaluate": Verb("measure a version on labelled rows", _add_finetune("evaluate"), _finetune_evaluate),
    "finetune versions": Verb("list versions, which answers, and why", _add_versions, _finetune_versions),
    "finetune promote": Verb("let a version answer", _add_finetune("promote"), _finetune_promote),
    "finetune rollback": Verb("let the version before answer again", _add_finetune("task"), _finetune_rollback),
    "finetune schedule": Verb("train every so often", _add_finetune("schedule"), _finetune_schedule),
    "finetune drift": Verb("compare recent questions with those learnt from", _add_drift, _finetune_drift),
    "feedback list": Verb("show what operators said of answers", _add_feedback("list"), _feedback_list),
    "feedback review": Verb(
        "accept, correct or drop feedback, the least certain first", _add_feedback("review"), _feedback_review
    ),
    "feedback export": Verb("write feedback as rows to train on", _add_feedback("export"), _feedback_export),
    "feedback import": Verb("take feedback from a file", _add_feedback("import"), _feedback_import),
    "feedback add": Verb("say what was wrong or right with a route", _add_feedback("add"), _feedback_add),
    "backup": Verb("pack the home folder, without its caches, into one file", _add_backup, _backup),
    "restore": Verb("make the home folder out of a backup, whole or not at all", _add_restore, _restore),
    "models list": Verb("list the models: those that ship and the plant's own", _json, _models_list),
    "models import": Verb("take in a model version from elsewhere, checked", _add_import, _models_import),
    "models verify": Verb("check every file of every model", _json, _models_verify),
    "serve": Verb("serve the chat in a browser and the HTTP API", _add_serve, _serve),
    "users add": Verb("let somebody sign in", _add_users_add, _users_add),
    "users list": Verb("list who may sign in, with roles and tokens", _json, _users_list),
    "users remove": Verb("let somebody sign in no more", _add_users_remove, _users_remove),
    "users passwd": Verb("change a password, or a role", _add_users_passwd, _users_passwd),
    "users token": Verb("make a token for the API, or end one", _add_users_token, _users_token),
    "audit verify": Verb("check that nothing in the audit log was changed", _json, _audit_verify),
    "audit export": Verb("write the audit log to a file", _add_audit_export, _audit_export),
    "doctor": Verb("check that everything is there and whole", _json, _doctor),
}


def _overview() -> str:
    width = max(map(len, VERBS)) + 2
    lines = [f"  {name:<{width}}{verb.help}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "Usage: copilot VERB ...   (copilot VERB --help says more; copilot --version)",
            "",
            "Answers from your factory's own manuals and fault reports, offline.",
            "",
            *lines,
        ]
    )


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"factory-copilot {version('factory-copilot')}"
    except PackageNotFoundError:
        return "factory-copilot (not installed, run from its sources)"


def _carry_out(words: Sequence[str]) -> int:
    from copilot import terminal

    if not words or words[0] in ("--help", "-h", "help"):
        terminal.write(_overview())
        return 0
    if words[0] == "--version":
        terminal.write(_version())
        return 0
    if list(words[:2]) == ["documents", "remove"]:
        words = words[1:]  # `copilot remove`, as one who has just listed them says it
    name = " ".join(words[:2]) if " ".join(words[:2]) in VERBS else words[0]
    if name not in VERBS:
        below = [verb for verb in VERBS if verb.startswith(f"{name} ")]
        if below and len(words) > 1 and words[1] in ("--help", "-h"):
            terminal.write("\n".join(f"copilot {verb}: {VERBS[verb].help}" for verb in below))
            return 0
        known = below or VERBS
        raise _Usage(
            "Usage: copilot VERB ...\n", f"there is no '{' '.join(words[:2])}'; choose from {', '.join(known)}"
        )
    verb = VERBS[name]
    parser = _Parser(prog=f"copilot {name}", description=f"{verb.help[0].upper()}{verb.help[1:]}.", allow_abbrev=False)
    verb.add(parser)
    _common(parser)
    return verb.run(parser.parse_intermixed_args(words[len(name.split()) :]))


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line; return its exit code. Errors become one line on stderr."""
    from copilot import terminal

    words = list(arguments)
    debug = "--debug" in (words[: words.index("--")] if "--" in words else words)
    terminal.prepare(debug)
    try:
        code = _carry_out(words)
        sys.stdout.flush()
        return code
    except SystemExit as done:  # argparse ends so after --help
        return done.code if isinstance(done.code, int) else 0
    except KeyboardInterrupt:
        kept = (
            "The work done is kept; the same command goes on from there."
            if words[:1] == ["index"] or words[:2] == ["finetune", "run"]
            else ""
        )
        terminal.note(f"Interrupted. {kept}".strip())
        return _INTERRUPTED
    except BrokenPipeError:
        terminal.discard_output()
        return 141  # as a program ended by SIGPIPE
    except _Usage as error:
        sys.stderr.write(error.usage)
        terminal.note(f"Error: {error}")
        return 2
    except Exception as error:
        if debug:
            sys.excepthook(type(error), error, error.__traceback__)
        return _explain(error)


def _explain(error: Exception) -> int:
    """Write the one line for an error; return the exit code that belongs to it."""
    from copilot import terminal
    from copilot.commands.common import UsageError
    from copilot.errors import CopilotError
    from finetune.errors import FinetuneError
    from indexer.errors import IndexerError

    if isinstance(error, CopilotError | FinetuneError | IndexerError):
        terminal.note(f"Error: {error}")
        return 2 if isinstance(error, UsageError) else 1
    terminal.note(
        f"Error: unexpected {type(error).__name__}: {terminal.excerpt(str(error), 300)}. "
        "Run the same command with --debug to see where it comes from."
    )
    return 1


def main() -> None:
    """The console command `copilot`."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
