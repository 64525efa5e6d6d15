"""`copilot eval retrieval`, `copilot eval answers` and `copilot eval router`: one way from a file of questions to figures.

Each verb says how a question is scored (`_Task`); reading the file, timing, printing, the report, the baseline and what
is kept in the home folder are the same for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from copilot import assemble, terminal
from copilot.commands.ask import opened_copilot
from copilot.commands.common import DONE, FAILED, AskedLine, InputError, answer_lines, read_questions
from copilot.config import Settings
from copilot.evaluate import (
    GoldQuestion,
    answer_values,
    gold_question,
    retrieval_values,
    score_answers,
    score_retrieval,
)
from copilot.evaluations import (
    Comparison,
    Evaluation,
    EvaluationError,
    Row,
    compare,
    interval,
    read,
    save,
    stored_baseline,
    write,
)
from copilot.types import Answer, Question
from indexer.analysis import is_chinese
from indexer.types import Hit

_NO_ROUTE = "unlabelled"


@dataclass(frozen=True, slots=True)
class Options:
    """What a user asked for besides the figures. `baseline` is a file to compare with, or to write with `save_baseline`;
    without it, `save_baseline` keeps the evaluation in the home folder as what later ones are compared with."""

    html: Path | None = None
    baseline: Path | None = None
    save_baseline: bool = False
    as_json: bool = False


@dataclass(slots=True)
class _Run:
    """One evaluation in the making. `score` gives a line's row (without its time), `summary` the verb's own figures."""

    kind: str
    score: Callable[[AskedLine], Row | None]
    summary: Callable[[], dict[str, Any]]
    versions: Mapping[str, str] = field(default_factory=dict)
    figures: Callable[[], dict[str, float]] = dict
    lines: Callable[[], list[str]] = list


def retrieval(settings: Settings, file: Path, k: int, options: Options) -> int:
    """Whether the right pages are found, and how early."""
    k = max(k, 5)
    found: list[tuple[GoldQuestion, Sequence[Hit]]] = []
    embedder = assemble.make_reading_embedder(settings)
    with assemble.open_index(settings, embedder) as index:
        from copilot.machine_names import find_machine

        retriever = assemble.make_search(settings, index, embedder)

        def score(line: AskedLine) -> Row | None:
            gold = _gold(line)
            if not gold.document:
                return None
            named = find_machine(gold.machine, index.machines()) if gold.machine else None
            hits = retriever.search(gold.question, k, named[0] if named else None)
            found.append((gold, hits))
            return _row(gold, retrieval_values(gold, hits, k), _places(gold), _hit_places(hits[:3]))

        def summary() -> dict[str, Any]:
            scores = score_retrieval(found, k)
            return {
                "n": scores.n, "k": k, "hit@1": round(scores.hit_at_1, 4), "hit@5": round(scores.hit_at_5, 4),
                "mrr": round(scores.mrr, 4), "ranks": dict(scores.ranks),
            }  # fmt: skip

        def lines() -> list[str]:
            ranks = score_retrieval(found, k).ranks
            return _named("Not among the first 5", [name for name, rank in ranks.items() if rank is None or rank > 5])

        versions = {"index": index.manifest.version, "embedder": embedder.name}
        run = _Run("retrieval", score, summary, versions, lines=lines)
        return _evaluate(settings, file, run, options, 'has no question with a "document"')


def answers(settings: Settings, file: Path, generator: str | None, options: Options) -> int:
    """Whether questions are answered rightly, quoted from the right page, and refused where nothing answers."""
    found: list[tuple[GoldQuestion, Answer]] = []
    versions: dict[str, str] = {}
    with opened_copilot(settings, generator) as (copilot, index):

        def score(line: AskedLine) -> Row | None:
            gold = _gold(line)
            answer = copilot.ask(Question(gold.question, gold.machine, gold.id))
            found.append((gold, answer))
            chunks = {c.chunk_id: index.chunk(c.chunk_id) for c in answer.citations}
            texts = {name: chunk.text for name, chunk in chunks.items() if chunk is not None}
            versions.update({"index": answer.index_version, "generator": answer.generator, **answer.model_versions})
            route = gold.route or answer.understanding.route.route
            should = gold.reference or _places(gold) if gold.answerable else "(not in the documents)"
            return _row(gold, answer_values(gold, answer, texts), should, answer.text, route)

        def summary() -> dict[str, Any]:
            scores = score_answers(found)
            return {
                "n": scores.n, "answerable": scores.answerable, "unanswerable": scores.unanswerable,
                "answered_share": round(scores.answered, 4), "expected_share": round(scores.expected_found, 4),
                "cited_share": round(scores.cited_right, 4), "refusal_recall": round(scores.refused, 4),
                "false_refusals": list(scores.false_refusals), "expected_missing": list(scores.not_found),
                "not_refused": list(scores.not_refused),
            }  # fmt: skip

        def lines() -> list[str]:
            scores = score_answers(found)
            return [
                *_named("Refused though answerable", scores.false_refusals),
                *_named("Without the expected words", scores.not_found),
                *_named("Answered though unanswerable", scores.not_refused),
            ]

        return _evaluate(
            settings, file, _Run("answers", score, summary, versions, lines=lines), options, "has no question"
        )


def router(settings: Settings, file: Path, options: Options) -> int:
    """Whether questions take the right route, and whether the router knows when it does not."""
    from finetune.evaluate import evaluate

    router, _ = assemble.make_router(settings, assemble.make_embedder(settings))
    labelled: list[tuple[str, str, float]] = []

    def score(line: AskedLine) -> Row | None:
        fields = line.fields or {}
        label = fields.get("route") or fields.get("label")
        if not isinstance(label, str):
            raise InputError('there is no "route" (or "label") in it')
        decision = router.route(line.question)
        labelled.append((label, decision.route, decision.confidence))
        right = {"accuracy": float(decision.route == label)}
        language = fields.get("language")
        spoken = language if isinstance(language, str) else _language(line.question)
        return Row(
            str(fields.get("id", line.number)), line.question, label, spoken, right, None, label, decision.route,
            decision.confidence,
        )  # fmt: skip

    def measured() -> Any:
        return evaluate(*map(list, zip(*labelled, strict=True)))

    def lines() -> list[str]:
        return [
            f"  {name}: precision {one.precision:.2f}, recall {one.recall:.2f}, {one.count} questions"
            for name, one in measured().per_class.items()
        ]

    def figures() -> dict[str, float]:
        return {"macro_f1": measured().macro_f1, "ece": measured().ece}

    run = _Run("router", score, lambda: measured().to_json(), {"router": router.name}, figures, lines)
    return _evaluate(settings, file, run, options, 'has no question with a "route"')


def _evaluate(settings: Settings, file: Path, run: _Run, options: Options, nothing: str) -> int:
    """Score every line, print, write the report, compare, keep. Exit code 1 when something became worse beyond noise."""
    baseline = _baseline(settings, run.kind, options)
    rows, code = _rows(file, run)
    if not rows:
        raise InputError(f"{file} {nothing}; nothing can be scored")
    evaluation = Evaluation(run.kind, file.name, tuple(rows), datetime.now(UTC), run.figures(), dict(run.versions))
    comparison = _compared(evaluation, baseline, options)
    if options.as_json:
        told = {**run.summary(), **_more(evaluation)}
        terminal.write_json(told | ({"baseline": comparison.to_json()} if comparison else {}))
    else:
        _print(evaluation, run.lines(), comparison)
    if options.html:
        from copilot.eval_report import write_report

        write_report(options.html, evaluation, comparison)
        terminal.note(f"The report is in {options.html}.")
    if options.baseline and options.save_baseline:
        write(options.baseline, evaluation)
    _keep(settings, evaluation, options)
    if comparison and comparison.worse:
        worse = ", ".join(f"{c.measure} {c.before:.3f} -> {c.after:.3f}" for c in comparison.worse)
        terminal.note(f"Worse than the baseline beyond noise: {worse}.")
        return FAILED
    return code


def _keep(settings: Settings, evaluation: Evaluation, options: Options) -> None:
    """The last evaluation is kept in the home folder; that it cannot be is an error only where a baseline was asked for."""
    wanted = options.save_baseline and options.baseline is None
    try:
        save(settings.home, evaluation, baseline=wanted)
    except EvaluationError as error:
        if wanted:
            raise
        terminal.note(f"The evaluation is not kept: {error}")


def _rows(file: Path, run: _Run) -> tuple[list[Row], int]:
    """A row per usable line, timed; bad lines are named and left out."""
    total = sum(line.error is None for line in read_questions(file)) if str(file) != "-" else 0
    rows: list[Row] = []
    drafts = 0
    with _progress(total) as step:

        def one(line: AskedLine) -> None:
            nonlocal drafts
            drafts += (line.fields or {}).get("draft") is True
            start = time.perf_counter()
            row = run.score(line)
            spent = 1000 * (time.perf_counter() - start)
            if row is not None:
                rows.append(
                    Row(
                        row.id,
                        row.question,
                        row.route,
                        row.language,
                        row.values,
                        spent,
                        row.expected,
                        row.got,
                        row.confidence,
                    )
                )
            step()

        code = answer_lines(file, False, one) or DONE
    if drafts:
        terminal.note(f'{drafts} of the questions are drafts that nobody confirmed ("draft" in {file.name}).')
    return rows, code


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    with terminal.progress(plain=False) as tell:
        done = 0

        def step() -> None:
            nonlocal done
            done += 1
            tell("ask", done, max(done, total))

        yield step


def _baseline(settings: Settings, kind: str, options: Options) -> Evaluation | None:
    """What to compare with: the file named, else what is kept in the home folder. Read before the work begins."""
    if options.save_baseline:
        return None
    if options.baseline:
        return read(options.baseline)
    return stored_baseline(settings.home, kind)


def _compared(evaluation: Evaluation, baseline: Evaluation | None, options: Options) -> Comparison | None:
    if baseline is None:
        return None
    try:
        return compare(evaluation, baseline)
    except EvaluationError:
        if options.baseline:
            raise
        return None  # the home folder's baseline is about other questions


def _more(evaluation: Evaluation) -> dict[str, Any]:
    """The means, the latency, and both by route and language."""

    def rounded(values: Mapping[str, float]) -> dict[str, float]:
        return {name: int(value) if name == "n" else round(value, 4) for name, value in values.items()}

    return {
        "measures": rounded(evaluation.means()),
        "latency_ms": evaluation.latency_ms(),
        "by_route": {name: rounded(values) for name, values in evaluation.by("route").items()},
        "by_language": {name: rounded(values) for name, values in evaluation.by("language").items()},
        "versions": dict(evaluation.versions),
    }


def _print(evaluation: Evaluation, lines: Sequence[str], comparison: Comparison | None) -> None:
    measures = evaluation.measures()
    groups = [("all", evaluation.rows)]
    for key in ("route", "language"):
        names = sorted({getattr(row, key) for row in evaluation.rows})
        if len(names) > 1:
            groups += [(name, tuple(r for r in evaluation.rows if getattr(r, key) == name)) for name in names]
    terminal.table(
        ["", "n", *measures],
        [[name, len(rows), *(_share(rows, measure) for measure in measures)] for name, rows in groups],
        right=tuple(range(1, len(measures) + 2)),
    )
    bounds = []
    for measure in measures:
        values = [row.values[measure] for row in evaluation.rows if measure in row.values]
        low, high = interval(values)
        bounds.append(f"{measure} {100 * low:.1f}–{100 * high:.1f}")
    terminal.write(f"\n95 % intervals: {', '.join(bounds)}")
    figures = [f"{name} {value:.3f}" for name, value in evaluation.figures.items()]
    if spent := evaluation.latency_ms():
        figures.append(f"latency p50 {spent['p50']:.0f} ms, p95 {spent['p95']:.0f} ms")
    terminal.write(", ".join(figures))
    for line in lines:
        terminal.write(line)
    if comparison:
        _print_comparison(comparison)


def _print_comparison(comparison: Comparison) -> None:
    base = comparison.baseline
    terminal.write(
        f"\nAgainst the baseline of {base.created_at:%Y-%m-%d %H:%M} UTC, {comparison.paired} questions in both:"
    )
    terminal.table(
        ["measure", "before", "after", "difference", "95 % interval", ""],
        [
            [
                c.measure, f"{100 * c.before:.1f}", f"{100 * c.after:.1f}", f"{100 * (c.after - c.before):+.1f}",
                f"{100 * c.low:+.1f} to {100 * c.high:+.1f}", "worse" if c.worse else "better" if c.better else "",
            ]
            for c in comparison.changes
        ],
        right=(1, 2, 3),
    )  # fmt: skip


def _share(rows: Sequence[Row], measure: str) -> str:
    values = [row.values[measure] for row in rows if measure in row.values]
    return f"{100 * sum(values) / len(values):.1f}" if values else "–"


def _gold(line: AskedLine) -> GoldQuestion:
    return gold_question(line.number, {**(line.fields or {}), "question": line.question})


def _row(gold: GoldQuestion, values: Mapping[str, float], expected: str, got: str, route: str | None = None) -> Row:
    language = gold.language or _language(gold.question)
    return Row(gold.id, gold.question, route or gold.route or _NO_ROUTE, language, values, None, expected, got)


def _language(text: str) -> str:
    return "zh" if is_chinese(text) else "en"


def _places(gold: GoldQuestion) -> str:
    pages = ", ".join(map(str, gold.pages))
    return f"{gold.document or ''}{f' p. {pages}' if pages else ''}"


def _hit_places(hits: Sequence[Hit]) -> str:
    return "; ".join(f"{hit.chunk.source.document_id} p. {terminal.pages(*hit.chunk.pages)}" for hit in hits)


def _named(what: str, ids: Sequence[str]) -> list[str]:
    return [f"{what}: {', '.join(ids)}"] if ids else []
