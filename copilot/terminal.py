"""What the command line writes: results on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO

_STAGES = {
    "scan": "looking for changes",
    "read": "reading files",
    "lexical": "counting words",
    "embed": "embedding chunks",
    "predict": "predicting what fault reports leave empty",
    "verify": "checking the new index",
    "pack": "packing files",
    "unpack": "unpacking files",
    "ask": "asking questions",
    "draft": "drafting questions",
}


def prepare(debug: bool = False) -> None:
    """Make the streams write UTF-8 whatever the locale says, and keep libraries quiet and off the network."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(encoding="utf-8", errors="replace")
    if reconfigure := getattr(sys.stdin, "reconfigure", None):
        reconfigure(encoding="utf-8", errors="strict")
    for name, value in (
        ("HF_HUB_OFFLINE", "1"),
        ("TRANSFORMERS_OFFLINE", "1"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("GRADIO_ANALYTICS_ENABLED", "False"),
    ):
        os.environ.setdefault(name, value)
    if debug:
        import logging

        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s: %(message)s", force=True)


def write(text: str = "") -> None:
    """One piece of the result, with a line break, seen at once by whoever reads the pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def write_json(value: Any) -> None:
    """One JSON object on one line."""
    import json

    write(json.dumps(value, ensure_ascii=False, allow_nan=False))


def note(text: str) -> None:
    """One line beside the result."""
    sys.stderr.write(one_line(text) + "\n")
    sys.stderr.flush()


def one_line(text: str) -> str:
    """The text without line breaks and control characters, so that a message is one line."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


@contextlib.contextmanager
def progress(plain: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """A callback (stage, done, total): a bar per stage on a terminal, else one plain line per stage, if `plain`."""
    if _is_terminal(sys.stderr):
        with _bars() as tell:
            yield tell
        return
    said: set[str] = set()

    def tell_plainly(stage: str, done: int, total: int) -> None:
        if plain and stage not in said and (total or stage in ("scan", "verify")):
            said.add(stage)
            note(_STAGES.get(stage, stage) + (f" ({total})" if total and stage != "scan" else ""))

    yield tell_plainly


@contextlib.contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,
    )
    tasks: dict[str, TaskID] = {}
    with bars:

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                for earlier in tasks.values():
                    known = bars.tasks[earlier].total
                    bars.update(earlier, total=known or 1, completed=known or 1)
                tasks[stage] = bars.add_task(_STAGES.get(stage, stage), total=None)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield tell
        for task in tasks.values():
            bars.update(task, total=bars.tasks[task].total or 1, completed=bars.tasks[task].total or 1)


_EPOCH = re.compile(r"(?:(?P<who>.+): )?epoch (?P<epoch>\d+) of at most (?P<epochs>\d+): (?:(?P<percent>\d+) %$)?")


@contextlib.contextmanager
def training() -> Iterator[Callable[[str], None]]:
    """A callback for what a training says: on a terminal a bar follows its epochs, with the lines above it; else lines alone."""
    if not _is_terminal(sys.stderr):
        yield note
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    bars = Progress(*columns, console=Console(stderr=True), redirect_stdout=False)
    tasks: dict[str, TaskID] = {}
    with bars:

        def tell(line: str) -> None:
            found = _EPOCH.match(line)
            if found is None or found["percent"] is None:
                bars.console.print(one_line(line), markup=False, highlight=False)
            if found is not None:
                who = found["who"] or "training"
                if who not in tasks:
                    tasks[who] = bars.add_task(who, total=100)
                done = int(found["epoch"]) - (found["percent"] is not None) + int(found["percent"] or 0) / 100
                bars.update(tasks[who], completed=100 * done / int(found["epochs"]))

        yield tell


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()) -> None:
    """A table on stdout. `right` are the columns of numbers. On a terminal it folds to the width, else it is plain."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if _is_terminal(sys.stdout):
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        shown = Table(box=None, pad_edge=False, header_style="bold")
        for place, header in enumerate(headers):
            shown.add_column(header, justify="right" if place in right else "left", overflow="fold")
        for row in cells:
            shown.add_row(*(Text(cell) for cell in row))
        Console().print(shown)
        return
    lines = [list(headers), *[[one_line(cell) for cell in row] for row in cells]]
    widths = [max(_width(line[place]) for line in lines) for place in range(len(headers))]
    for line in lines:
        write(
            "  ".join(
                " " * (widths[place] - _width(cell)) + cell
                if place in right
                else cell + " " * (widths[place] - _width(cell))
                for place, cell in enumerate(line)
            ).rstrip()
        )


def heading(text: str) -> None:
    """A line that stands out on a terminal."""
    write(f"\x1b[1m{text}\x1b[0m" if _is_terminal(sys.stdout) and not os.environ.get("NO_COLOR") else text)


def discard_output() -> None:
    """Point stdout nowhere after its reader has gone, so that nothing complains when the process ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def pages(first: int, last: int) -> str:
    """'12' or '12-14'."""
    return str(first) if first == last else f"{first}-{last}"


def excerpt(text: str, width: int = 240) -> str:
    """The beginning of a text on one line."""
    flat = one_line(text)
    return flat if len(flat) <= width else flat[: width - 1].rstrip() + "…"


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty()


def _width(text: str) -> int:
    """Columns on a terminal: East Asian wide characters take two."""
    import unicodedata

    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)
