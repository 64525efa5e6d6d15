"""`copilot finetune run`, `evaluate`, `versions`, `promote`, `rollback`, `drift` and `schedule`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot import assemble, terminal
from copilot.commands.common import DONE, PARTLY, UsageError

if TYPE_CHECKING:
    from copilot.config import Settings
    from finetune.registry import Registry, VersionInfo
    from finetune.retrain import Outcome, Request
    from finetune.types import Example

ROUTER = "router"
METHODS = ("full", "lora", "head")
_SCHEDULE = ("every", "min_feedback", "next", "last_run", "last_decision", "command")
_SHOWN = 20  # rows left out that are named one by one

# --- options ----------------------------------------------------------------------------------------------------------


def add_task(parser: argparse.ArgumentParser) -> None:
    """`--task`, for every verb."""
    parser.add_argument("--task", default=ROUTER, metavar="NAME", help="what is classified; router by default")


def add_run(parser: argparse.ArgumentParser) -> None:
    """The options of `finetune run`."""
    add_task(parser)
    parser.add_argument("--data", type=Path, metavar="FILE", help='rows of "text" and "label", or "tokens" and "tags"')
    parser.add_argument(
        "--validation", type=Path, metavar="FILE", help="rows to stop, calibrate and judge by; never learnt"
    )
    parser.add_argument(
        "--method", choices=METHODS, help="what of the model learns; lora for the tasks that ship, else full"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=0, help="at most so many; by default by the number of rows")
    parser.add_argument("--threads", type=int, default=0, help="cores to use; all by default")
    parser.add_argument("--augment", type=float, metavar="SHARE", help="of the texts, changed anew in every epoch")
    parser.add_argument(
        "--search", type=int, default=0, metavar="TRIALS", help="try so many settings first, take the best"
    )
    parser.add_argument(
        "--ensemble", type=int, default=0, metavar="K", help="learn from what K versions of other seeds say together; takes K + 1 trainings"
    )  # fmt: skip
    parser.add_argument(
        "--unlabelled", type=Path, metavar="FILE", help='with --ensemble: rows of "text" or "question" that they speak about too'
    )  # fmt: skip
    parser.add_argument("--fresh", action="store_true", help="do not replay what the current version learnt from")
    parser.add_argument("--new-labels", action="store_true", help="a version with other labels may be promoted")
    parser.add_argument("--licence", default="the plant's own data", help="of the rows, for the card")


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """The options of `finetune evaluate`."""
    add_task(parser)
    parser.add_argument("--data", type=Path, metavar="FILE", required=True, help='rows of "text" and "label"')
    parser.add_argument("--version", metavar="V", help="instead of the one that answers")


def add_promote(parser: argparse.ArgumentParser) -> None:
    """The options of `finetune promote`."""
    add_task(parser)
    parser.add_argument("version", metavar="VERSION", help="see copilot finetune versions")


def add_schedule(parser: argparse.ArgumentParser) -> None:
    """The options of `finetune schedule`."""
    add_task(parser)
    parser.add_argument("--every", metavar="T", help="7d, 12h or 30m; without it, what is set is shown")
    parser.add_argument(
        "--min-feedback", type=int, default=50, metavar="N", help="new feedback below which nothing runs"
    )
    parser.add_argument("--off", action="store_true", help="train on no schedule any more")
    parser.add_argument("--run", action="store_true", help="stay and train when it is due, until interrupted")


# --- verbs ------------------------------------------------------------------------------------------------------------


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Train a version of a task; promote it when it is the first, or better than the one that answers."""
    from finetune.dataset import is_tagged
    from finetune.version_folder import check_task_name

    check_task_name(args.task)
    _check(args)
    if args.data is not None and is_tagged(args.data):
        return _run_tagger(settings, args)
    from finetune.augment import change
    from finetune.gate import GateSettings
    from finetune.retrain import retrain

    request, left_out = _request(settings, args)
    for line in left_out[:_SHOWN]:
        terminal.note(f"Left out: {line}")
    with terminal.training() as tell:
        outcome = retrain(
            request, _train_settings(args), assemble.make_registry(settings), assemble.make_body(settings),
            assemble.make_home(settings).cache_folder, gate=GateSettings(allow_label_changes=args.new_labels),
            say=tell, change=change,
        )  # fmt: skip
    _tell(outcome, args.as_json, len(left_out))
    return PARTLY if left_out else DONE


def _run_tagger(settings: Settings, args: argparse.Namespace) -> int:
    from finetune.fit_tagger import tagger_settings
    from finetune.retrain_tagger import retrain_tagger

    if args.ensemble or args.unlabelled:
        raise UsageError("--ensemble and --unlabelled are for classifiers; leave them out for a tagger")
    if args.search:
        raise UsageError("--search is for classifiers; a tagger has no settings to search")
    own = tagger_settings(method=args.method or "full", seed=args.seed, epochs=args.epochs, threads=args.threads)
    with terminal.training() as tell:
        outcome = retrain_tagger(
            args.task, args.data, args.validation, own, assemble.make_registry(settings),
            assemble.make_body(settings), assemble.make_home(settings).cache_folder, licence=args.licence,
            command=_command(args), say=tell,
        )  # fmt: skip
    _tell(outcome, args.as_json, 0)
    return DONE


def _check(args: argparse.Namespace) -> None:
    if min(args.epochs, args.threads, args.search, args.ensemble) < 0:
        raise UsageError("--epochs, --threads, --search and --ensemble must be 0 or more")
    if args.unlabelled and not args.ensemble:
        raise UsageError("--unlabelled teaches nothing without --ensemble; give both")


def _train_settings(args: argparse.Namespace) -> Any:
    from finetune.recipes import recipe

    return recipe(
        args.task,
        method=args.method,
        seed=args.seed,
        epochs=args.epochs or None,
        threads=args.threads,
        augment=args.augment,
    )


def _request(settings: Settings, args: argparse.Namespace) -> tuple[Request, list[str]]:
    """What to learn from, and the rows that were left out. The router also learns from feedback and a plant's seeds."""
    from finetune.dataset import read_examples, read_texts
    from finetune.privacy import mask
    from finetune.retrain import Request

    rows: list[Example] = []
    validation: tuple[Example, ...] = ()
    left_out: list[str] = []
    if args.data is not None:
        reading = read_examples(args.data)
        rows += reading.examples
        left_out += reading.left_out
    if args.validation is not None:
        reading = read_examples(args.validation)
        validation = reading.examples
        left_out += reading.left_out
    unlabelled: tuple[str, ...] = ()
    if args.unlabelled is not None:
        texts, torn = read_texts(args.unlabelled)
        unlabelled = tuple(mask(text).text for text in texts)  # questions as they were asked, by people
        left_out += torn
    if args.task == ROUTER:
        rows, more = _for_the_router(settings, rows, args.data)
        judging, others = _for_the_router(settings, validation, args.validation)
        validation = tuple(judging)
        left_out += [*more, *others]
        rows += _router_rows(settings, args.threads)
    elif args.data is None:
        raise UsageError("give --data with the rows to learn from")
    return Request(
        args.task, tuple(rows), validation, fresh=args.fresh, licence=args.licence, command=_command(args),
        search=args.search, ensemble=args.ensemble, unlabelled=unlabelled,
    ), left_out  # fmt: skip


def _for_the_router(settings: Settings, rows: Sequence[Example], file: Path | None) -> tuple[list[Example], list[str]]:
    """A file's rows as the router may learn them, persons masked as in feedback; and what was left out: labels that are no routes."""
    from collections import Counter
    from dataclasses import replace

    from finetune.privacy import mask
    from finetune.types import OUT_OF_SCOPE

    known = {route.name for route in assemble.load_routes(settings)} | {OUT_OF_SCOPE} if rows else set()
    unknown = Counter(example.label for example in rows if example.label not in known)
    masked = [replace(example, text=mask(example.text).text) for example in rows if example.label in known]
    routes = ", ".join(sorted(known))
    said = [
        f"{file and file.name}: there is no route {label!r} ({count} rows); the routes are {routes}"
        for label, count in unknown.items()
    ]
    return masked, said


def _router_rows(settings: Settings, threads: int) -> list[Example]:
    """The seeds of the routes file and what operators said, masked and settled."""
    from collections import Counter

    from finetune.doubt import judge_on
    from finetune.types import Example

    routes = assemble.load_routes(settings)
    seeds = [Example(seed, route.name, "routes") for route in routes for seed in route.seeds]
    store = assemble.make_feedback_store(settings)
    current = assemble.make_registry(settings).current(ROUTER)
    known = list(seeds)
    if current is not None:
        from finetune.classifier import read_kept_examples

        known += read_kept_examples(current.folder)
    judge = judge_on(assemble.make_body(settings), assemble.make_home(settings).cache_folder, known, threads)
    counts = Counter(example.label for example in known)
    said, report = store.examples([route.name for route in routes], others=counts, judge=judge)
    for line in report.lines():
        terminal.note(line)
    return [*seeds, *said]


def _command(args: argparse.Namespace) -> str:
    words = ["copilot", "finetune", "run", "--task", args.task, "--seed", str(args.seed)]
    for name in ("data", "validation", "unlabelled"):
        if (path := getattr(args, name)) is not None:
            words += [f"--{name}", path.name]
    if args.method:
        words += ["--method", args.method]
    if args.epochs:
        words += ["--epochs", str(args.epochs)]
    if args.search:
        words += ["--search", str(args.search)]
    if args.ensemble:
        words += ["--ensemble", str(args.ensemble)]
    return shlex.join(words)


def _tell(outcome: Outcome, as_json: bool, left_out: int) -> None:
    measured = outcome.held_out.to_json() if outcome.held_out else None
    if as_json:
        terminal.write_json({
            "task": outcome.task, "version": outcome.version, "promoted": outcome.promoted,
            "reasons": list(outcome.reasons), "notes": list(outcome.notes), "examples": outcome.examples,
            "left_out": left_out, "held_out": measured,
        })  # fmt: skip
        return
    for line in outcome.notes:
        terminal.note(f"Note: {line}")
    if measured:
        shown = ", ".join(
            f"{name} {measured[name]:.3f}" for name in ("accuracy", "macro_f1", "ece", "f1") if name in measured
        )
        terminal.write(f"On {measured['n']} examples held out: {shown}")
    verb = "promoted" if outcome.promoted else "kept, not promoted"
    terminal.write(f"{outcome.task} {outcome.version}: {verb}: {'; '.join(outcome.reasons)}")


def evaluate(settings: Settings, task: str, data: Path, version: str | None, as_json: bool) -> int:
    """Measure a version on labelled rows."""
    from finetune.classifier import Classifier
    from finetune.dataset import read_examples
    from finetune.retrain import evaluate_version
    from finetune.types import OUT_OF_SCOPE

    registry = assemble.make_registry(settings)
    info = _version(registry, task, version)
    reading = read_examples(data)
    registry.verify(info.folder)
    model = Classifier(info.folder, assemble.make_body(settings), assemble.make_home(settings).cache_folder)
    measured = evaluate_version(model, reading.examples)
    known = {*model.parts.labels, OUT_OF_SCOPE}
    if strange := sorted({example.label for example in reading.examples} - known):
        terminal.note(f"Note: {info.version} has no label {', '.join(strange[:5])}; rows with it count as wrong")
    for line in reading.left_out[:_SHOWN]:
        terminal.note(f"Left out: {line}")
    if as_json:
        terminal.write_json(measured.to_json())
    else:
        numbers = {
            name: value for name, value in measured.to_json().items() if name != "per_class" and value is not None
        }
        terminal.write(f"{task} {info.version}: " + ", ".join(f"{name} {value}" for name, value in numbers.items()))
        terminal.table(
            ["label", "precision", "recall", "F1", "n"],
            [
                [n, f"{s.precision:.3f}", f"{s.recall:.3f}", f"{s.f1:.3f}", s.count]
                for n, s in measured.per_class.items()
            ],
            right=(1, 2, 3, 4),
        )
    return PARTLY if reading.left_out else DONE


def _version(registry: Registry, task: str, version: str | None) -> VersionInfo:
    from finetune.errors import RegistryError

    info = registry.get(task, version) if version else registry.current(task)
    if info is None:
        known = ", ".join(registry.tasks()) or "none"
        raise RegistryError(f"There is no version of the task {task!r}; tasks with versions: {known}")
    return info


def versions(settings: Settings, task: str | None, as_json: bool) -> int:
    """List the versions of a task, or of all."""
    registry = assemble.make_registry(settings)
    tasks = [task] if task else registry.tasks()
    rows = [info for name in tasks for info in registry.versions(name)]
    if as_json:
        terminal.write_json({
            "versions": [
                {
                    "task": info.task, "version": info.version, "created_at": info.created_at.isoformat(),
                    "current": info.current, "state": info.state, "reason": info.reason,
                    "method": info.card.get("method"), "examples": info.card.get("examples"),
                    "metrics": {k: v for k, v in info.card.get("metrics", {}).items() if k != "per_class"},
                }
                for info in rows
            ]
        })  # fmt: skip
        return DONE
    if not rows:
        terminal.write("No versions yet: copilot finetune run --task NAME --data FILE trains one.")
        return DONE
    terminal.table(
        ["", "task", "version", "made", "state", "method", "accuracy", "why"],
        [
            [
                "*" if info.current else "", info.task, info.version, f"{info.created_at.astimezone():%Y-%m-%d %H:%M}",
                info.state, info.card.get("method", ""), _number(info.card.get("metrics", {}).get("accuracy")),
                terminal.excerpt(info.reason, 100),
            ]
            for info in rows
        ],
    )  # fmt: skip
    terminal.write("\n* answers now")
    return DONE


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else ""


def promote(settings: Settings, task: str, version: str, as_json: bool) -> int:
    """Let a version answer, by a person's decision."""
    registry = assemble.make_registry(settings)
    before = registry.current(task)
    registry.promote(task, version, "asked for")
    return _moved(task, before.version if before else None, version, as_json)


def rollback(settings: Settings, task: str, as_json: bool) -> int:
    """Let the version answer that did before."""
    registry = assemble.make_registry(settings)
    before = registry.current(task)
    return _moved(task, before.version if before else None, registry.rollback(task), as_json)


def _moved(task: str, before: str | None, now: str, as_json: bool) -> int:
    if as_json:
        terminal.write_json({"task": task, "version": now, "before": before})
    else:
        terminal.write(f"{task}: {now} answers now" + (f" instead of {before}" if before and before != now else ""))
    return DONE


def schedule(settings: Settings, args: argparse.Namespace) -> int:
    """Set, show or end the schedule, and print how to have the operating system keep it instead."""
    from finetune import schedule as plan
    from finetune.errors import TrainingError
    from finetune.timers import format_interval

    if args.task != ROUTER:
        terminal.note(
            f"Note: only the router learns from feedback, and copilot serve trains no other task; for {args.task} add --data FILE to"
            f" the command below and have the operating system run it"
        )
    now = datetime.now(UTC)
    if args.off:
        ended = plan.remove_schedule(settings.home, now)
        if args.as_json:
            terminal.write_json(dict.fromkeys(_SCHEDULE))
        else:
            terminal.write("The schedule was removed." if ended else "There was no schedule.")
        return DONE
    if args.every:
        if args.min_feedback < 0:
            raise UsageError("--min-feedback must be 0 or more")
        plan.set_schedule(settings.home, plan.parse_interval(args.every), args.min_feedback, now)
    state = plan.read_schedule(settings.home)
    if state is None:
        if args.as_json:
            terminal.write_json(dict.fromkeys(_SCHEDULE))
        else:
            terminal.write("There is no schedule; copilot finetune schedule --every 7d sets one.")
        return DONE
    command = [
        sys.executable,
        "-m",
        "copilot.cli",
        "finetune",
        "run",
        "--task",
        args.task,
        "--home",
        str(settings.home.absolute()),
    ]
    every = format_interval(state.interval)
    if args.as_json:
        values = (
            every, state.min_feedback, plan.next_due(state).isoformat(),
            state.last_run.isoformat() if state.last_run else None, state.last_decision, command,
        )  # fmt: skip
        terminal.write_json(dict(zip(_SCHEDULE, values, strict=True)))
    else:
        terminal.write(
            f"Every {every} where at least {state.min_feedback} new entries of feedback wait; next on "
            f"{plan.next_due(state).astimezone():%Y-%m-%d %H:%M}, while copilot serve or this command with --run runs."
        )
        if state.last_decision:
            terminal.write(f"Last decision: {state.last_decision}")
        terminal.heading("Or let the operating system do it (it trains whatever the feedback):")
        for name, text in plan.systemd_units(command, state.interval).items():
            terminal.write(f"# {name}\n{text}")
        for title, make in (("cron", plan.cron_line), ("Windows task, for PowerShell", plan.windows_task)):
            try:
                terminal.write(f"# {title}\n{make(command, state.interval)}\n")
            except TrainingError as error:
                terminal.write(f"# {title}: {error}\n")
    return _stay(settings, command) if args.run else DONE


def _stay(settings: Settings, command: list[str]) -> int:
    """Train when it is due, until interrupted."""
    import threading

    scheduler = make_scheduler(settings, command)
    scheduler.start()
    try:
        threading.Event().wait()
    finally:
        scheduler.stop()
    return DONE


def make_scheduler(settings: Settings, command: list[str]) -> Any:
    """What trains in the background of a process that runs anyway."""
    from finetune.child import ChildTraining
    from finetune.schedule import Scheduler

    store = assemble.make_feedback_store(settings)

    def new_feedback(since: datetime | None) -> int:
        return sum(1 for stored in store.all() if since is None or stored.feedback.created_at > since)

    return Scheduler(settings.home, ChildTraining(command, settings.home / "models"), new_feedback)


def drift(settings: Settings, task: str, file: Path, as_json: bool) -> int:
    """Compare recent questions with those the version was trained on: routes, out of scope, low confidence."""
    from copilot.commands.common import read_questions
    from finetune.classifier import Classifier, read_kept_examples
    from finetune.drift import watch

    info = _version(assemble.make_registry(settings), task, None)
    model = Classifier(info.folder, assemble.make_body(settings), assemble.make_home(settings).cache_folder)
    recent = [line.question for line in read_questions(file) if not line.error]
    if not recent:
        raise UsageError(f"{file} has no questions")
    learnt = [example.text for example in read_kept_examples(info.folder)]
    before, now = (
        [(p.label, p.confidence) for p in model.predict(texts)] for texts in (learnt[:2_000], recent)
    )  # fmt: skip
    report = watch(before, now)
    if as_json:
        terminal.write_json({"level": report.level, "lines": list(report.lines), "questions": len(recent)})
    else:
        terminal.write(f"{report.level}: {len(recent)} questions")
        for line in report.lines:
            terminal.write(f"  {line}")
    return DONE
