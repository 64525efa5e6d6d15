"""`copilot demo`: the bundled sample plant, indexed and asked."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from copilot import assemble, terminal
from copilot.commands.common import DONE
from copilot.config import Settings, demo_home
from copilot.sample_plant import plant_folder


class DemoQuestion(NamedTuple):
    """A question of the demonstration, and what it shows."""

    shows: str
    text: str
    machine: str | None = None


QUESTIONS = (
    DemoQuestion(
        "a code, written in another way than in the manual", "What should I do when E207 shows up on the press?"
    ),
    DemoQuestion("a whole procedure, its warnings first", "How do I swap the tool halves in the press?"),
    DemoQuestion("a value with its unit", "What torque for the bolts that hold the main cylinder of the press?"),
    DemoQuestion("a maintenance interval", "How often do the column bushings of the press get grease?"),
    DemoQuestion("what helped last time", "What did we do last time the glue nozzle was blocked?", "PK-3"),
    DemoQuestion("a Chinese manual, asked in Chinese", "err 3 是什么原因？", "AC-75"),
    DemoQuestion("a Chinese procedure", "怎样更换油分芯？", "AC-75"),
    DemoQuestion("a Chinese question, an English manual", "装箱机胶枪喷嘴怎么更换", "PK-3"),
    DemoQuestion("a code that no document has", "What does alarm E-230 mean on the press?", "HP-200"),
    DemoQuestion(
        "a question that the documents do not answer",
        "How much refrigerant does the cabinet cooler of the packing line hold?",
        "PK-3",
    ),
)


def run(settings: Settings, home: Path | None) -> int:
    """Index the sample plant into a home of its own, or take the one made before, and ask it the questions above."""
    from copilot.cite import answer_to_text
    from copilot.commands.ask import opened_copilot
    from copilot.commands.index import name_quarantined, run_build
    from copilot.types import Question

    folder = demo_home(settings, home)
    settings = replace(settings, home=folder)
    if home is None:
        _forget_other_plants(settings)
    terminal.note(f"The sample plant, four invented machines, goes into {folder}")
    result = run_build(settings, [plant_folder()])
    name_quarantined(result.quarantined)
    made = "indexed" if result.published else "indexed before"
    terminal.write(
        f"Sample plant {made}: {result.chunks} passages of {len(result.added) or result.unchanged} documents.\n"
    )
    with opened_copilot(settings) as (copilot, _):
        for number, asked in enumerate(QUESTIONS, 1):
            machine = f" (machine: {asked.machine})" if asked.machine else ""
            terminal.heading(f"{number}. {asked.text}{machine}")
            terminal.write(f"   shows: {asked.shows}\n")
            terminal.write(_indented(answer_to_text(copilot.ask(Question(asked.text, asked.machine)))) + "\n")
    terminal.write(f'Ask it yourself:   copilot ask --home "{folder}" "How is the oil of the press changed?"')
    terminal.write("Your own plant:    copilot index FOLDER, then copilot ask QUESTION")
    return DONE


def _forget_other_plants(settings: Settings) -> None:
    """Drop the index of a sample plant that lay elsewhere (another installation): it would be kept beside this one."""
    from indexer.errors import IndexerError

    home = assemble.make_home(settings)
    try:
        if home.current_version() is None:
            return
        with assemble.open_index(settings) as index:
            current = [path for path, _, _ in index.manifest.roots] == [str(plant_folder().resolve())]
    except IndexerError:
        current = False  # damaged, or of another version: made again, it is only a demonstration
    if not current:
        with home.writer():
            for version in home.versions():
                shutil.rmtree(home.generation(version), ignore_errors=True)
            (home.index_folder / "CURRENT").unlink(missing_ok=True)


def _indented(text: str) -> str:
    return "\n".join(f"   {line}".rstrip() for line in text.splitlines())
