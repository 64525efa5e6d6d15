"""`copilot eval gaps`: what people asked and the documents did not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot import assemble, terminal
from copilot.commands.common import DONE, known_machine
from copilot.config import Settings

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
