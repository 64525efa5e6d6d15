"""`copilot eval retrieval`, `copilot eval answers` and `copilot eval router`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from copilot import assemble, terminal
from copilot.commands.ask import opened_copilot
from copilot.commands.common import DONE, AskedLine, InputError, answer_lines
from copilot.config import Settings
from copilot.evaluate import GoldQuestion, gold_question, score_answers, score_retrieval
from indexer.types import Hit

Found = TypeVar("Found")


def retrieval(settings: Settings, file: Path, k: int, as_json: bool) -> int:
    """Print hit@1, hit@5 and MRR of a file's questions."""
    from copilot.understand import find_machine

    embedder = assemble.make_reading_embedder(settings)
    with assemble.open_index(settings, embedder) as index:
        retriever = assemble.make_retriever(settings, index, embedder)

        def hits(gold: GoldQuestion) -> Sequence[Hit]:
            named = find_machine(gold.machine, index.machines()) if gold.machine else None
            return retriever.search(gold.question, max(k, 5), named[0] if named else None)

        found, code = _answered(file, hits)
    scores = score_retrieval(found, max(k, 5))
    if not scores.n:
        raise InputError(f'{file} has no question with a "document"; nothing can be scored')
    if as_json:
        terminal.write_json(
            {
                "n": scores.n,
                "k": scores.k,
                "hit@1": round(scores.hit_at_1, 4),
                "hit@5": round(scores.hit_at_5, 4),
                "mrr": round(scores.mrr, 4),
                "ranks": dict(scores.ranks),
            }
        )
        return code
    terminal.write(
        f"{scores.n} questions: hit@1 {scores.hit_at_1:.1%}, hit@5 {scores.hit_at_5:.1%}, MRR@{scores.k} {scores.mrr:.3f}"
    )
    _name("Not among the first 5", [name for name, rank in scores.ranks.items() if rank is None or rank > 5])
    return code


def answers(settings: Settings, file: Path, generator: str | None, as_json: bool) -> int:
    """Print how many answerable questions are answered, rightly so, and how many others are refused."""
    from copilot.types import Question

    with opened_copilot(settings, generator) as (copilot, _):
        found, code = _answered(file, lambda gold: copilot.ask(Question(gold.question, gold.machine, gold.id)))
    scores = score_answers(found)
    if not scores.n:
        raise InputError(f"{file} has no question; nothing can be scored")
    if as_json:
        terminal.write_json(
            {
                "n": scores.n,
                "answerable": scores.answerable,
                "unanswerable": scores.unanswerable,
                "answered_share": round(scores.answered, 4),
                "expected_share": round(scores.expected_found, 4),
                "cited_share": round(scores.cited_right, 4),
                "refusal_recall": round(scores.refused, 4),
                "false_refusals": list(scores.false_refusals),
                "expected_missing": list(scores.not_found),
                "not_refused": list(scores.not_refused),
            }
        )
        return code
    terminal.write(
        f"{scores.answerable} answerable questions: {scores.answered:.1%} answered, {scores.expected_found:.1%} with the "
        f"expected words, {scores.cited_right:.1%} citing the right page"
    )
    terminal.write(f"{scores.unanswerable} unanswerable questions: {scores.refused:.1%} refused")
    _name("Refused though answerable", scores.false_refusals)
    _name("Without the expected words", scores.not_found)
    _name("Answered though unanswerable", scores.not_refused)
    return code


def _answered(file: Path, answer: Callable[[GoldQuestion], Found]) -> tuple[list[tuple[GoldQuestion, Found]], int]:
    """Every usable question of a file with what `answer` makes of it; bad lines are named and left out."""
    found: list[tuple[GoldQuestion, Found]] = []

    def one(line: AskedLine) -> None:
        fields = {**(line.fields or {}), "question": line.question}
        gold = gold_question(line.number, fields)
        found.append((gold, answer(gold)))

    return found, answer_lines(file, False, one) or DONE


def _name(what: str, ids: Iterable[str]) -> None:
    if listed := ", ".join(ids):
        terminal.write(f"{what}: {listed}")


def router(settings: Settings, file: Path, as_json: bool) -> int:
    """Print accuracy, F1 and calibration of the router on rows of "question" (or "text") and "route" (or "label")."""
    from finetune.evaluate import evaluate

    router, _ = assemble.make_router(settings, assemble.make_embedder(settings))
    rows: list[tuple[str, str, float]] = []

    def answer(line: AskedLine) -> None:
        fields = line.fields or {}
        label = fields.get("route") or fields.get("label")
        if not isinstance(label, str):
            raise InputError('there is no "route" (or "label") in it')
        decision = router.route(line.question)
        rows.append((label, decision.route, decision.confidence))

    code = answer_lines(file, False, answer)  # stdout is for the figures
    if not rows:
        raise InputError(f'{file} has no question with a "route"; nothing can be scored')
    measured = evaluate([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])
    if as_json:
        terminal.write_json(measured.to_json())
        return code
    terminal.write(
        f"{measured.n} questions by {router.name}: accuracy {measured.accuracy:.1%}, macro-F1 {measured.macro_f1:.3f}, "
        f"calibration error {measured.ece:.3f}"
    )
    for name, score in measured.per_class.items():
        terminal.write(f"  {name}: precision {score.precision:.2f}, recall {score.recall:.2f}, {score.count} questions")
    return code
