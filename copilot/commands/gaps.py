"""`copilot eval gaps`: what people asked in vain. `copilot eval draft`: questions to measure with, for a person to confirm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from copilot import assemble, terminal
from copilot.commands.common import DONE, known_machine
from copilot.config import Settings
from copilot.errors import CopilotError

if TYPE_CHECKING:
    from copilot.types import Answer


def log(settings: Settings, answer: Answer, wanted: bool, quiet: bool = False) -> None:
    """Note a question without evidence in the home folder's log, or say how to, where nobody asked for it."""
    from copilot.types import AnswerStatus

    if answer.status is not AnswerStatus.NO_EVIDENCE:
        return
    if not wanted:
        if not quiet:
            terminal.note("Add --log-gap to note this question down; `copilot eval gaps` shows what is asked in vain.")
        return
    from copilot import gaps

    gaps.append(settings.home, gaps.of_answer(answer))
    terminal.note("Noted; `copilot eval gaps` shows what is asked in vain.")


def show(settings: Settings, machine: str | None, as_json: bool) -> int:
    """Print the logged questions, put together by machine and meaning, the most frequent first."""
    from copilot import gaps

    logged = gaps.read(settings.home)
    if machine is not None:
        chosen = known_machine(machine, sorted({gap.machine for gap in logged if gap.machine}))
        logged = [gap for gap in logged if gap.machine == chosen]
    found = gaps.clusters(logged, assemble.make_embedder(settings).embed_questions) if logged else []
    if as_json:
        terminal.write_json({"n": len(logged), "clusters": [gaps.cluster_to_json(cluster) for cluster in found]})
    elif not found:
        terminal.write(
            "Nothing was noted yet; `copilot ask --log-gap` notes questions that the documents do not answer."
        )
    else:
        terminal.table(
            ["asked", "machine", "question", "others", "last", "nearest"],
            [
                [
                    len(cluster.gaps), cluster.machine or "", terminal.excerpt(cluster.question, 100),
                    len({gap.question for gap in cluster.gaps}) - 1, f"{cluster.last:%Y-%m-%d}",
                    "; ".join(f"{document} p. {page}" for document, page in cluster.nearest[:1]),
                ]
                for cluster in found
            ],
            right=(0, 3),
        )  # fmt: skip
    return DONE


def draft(settings: Settings, count: int, seed: int, machine: str | None, output: Path | None) -> int:
    """Propose questions as lines of a question file, on stdout or in a new file."""
    from copilot.draft import drafts

    with assemble.open_index(settings) as index:
        chosen = known_machine(machine, index.machines())
        lines = [
            json.dumps(one.to_json(number), ensure_ascii=False)
            for number, one in enumerate(drafts(index, count, seed, chosen), 1)
        ]
    if not lines:
        raise CopilotError("the indexed documents hold nothing to ask about; index manuals first")
    if output is None:
        for line in lines:
            terminal.write(line)
    else:
        try:
            with output.open("x", encoding="utf-8", newline="\n") as file:
                file.write("\n".join(lines) + "\n")
        except FileExistsError:
            raise CopilotError(
                f"{output} is there already; name another file, so that no confirmed question is lost"
            ) from None
        except OSError as error:
            raise CopilotError(f"{output} cannot be written ({error.strerror or error}); name another file") from error
    terminal.note(
        f'{len(lines)} drafts. Read each against its page, put it in your own words, and take "draft" out; then `copilot eval` '
        "measures with it."
    )
    return DONE
