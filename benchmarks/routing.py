"""Routing and fine-tuning: intent sets, the feedback loop, what a training and a question cost, the router that ships.

    python -m benchmarks routing [--part sets feedback time router] [--sets clinc150 banking77 ...]
                                 [--methods full lora head] [--seeds 0 1 2] [--no-save]

Without `--part` all four are measured, or only the sets where `--sets` names some. Every set has a table of its own,
recorded when it is done. The feedback loop uses the method "head" unless `--methods` says otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks import routing_data as data
from benchmarks.common import (
    CACHE,
    HERE,
    MissingData,
    Table,
    product_embedder,
    product_model,
)
from benchmarks.routing_data import SETS, Split
from benchmarks.routing_feedback import feedback
from benchmarks.routing_systems import (
    METHODS,
    PLAIN,
    Answers,
    System,
    about_body,
    answers,
    cell,
    fine_tune,
    inside,
    macro_f1,
    ours,
    right,
    setfit,
    shared_body,
)
from finetune.classifier import Classifier, write_classifier
from finetune.fit import Fitted
from finetune.types import Example

EXAMPLES = 2_000  # of a fine-tune again, as it comes up after some months of feedback
QUESTIONS = 200
LATENCY_RUNS = 3


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    sets: Sequence[str]
    methods: Sequence[str]
    seeds: Sequence[int]
    limit: int | None
    save: bool


# sets


def systems(
    methods: Sequence[str], split: Split, seeds: Sequence[int]
) -> tuple[dict[str, tuple[System, Sequence[int]]], list[str]]:
    """Name -> (system, its seeds), and notes on those left out. Plain ones have nothing left to chance."""
    found: dict[str, tuple[System, Sequence[int]]] = {f"ours, {method}": (ours(method), seeds) for method in methods}
    found |= {name: (system, seeds[:1]) for name, system in PLAIN.items()}
    notes = []
    if not find_spec("setfit"):
        notes.append("setfit is not installed and was left out")
    elif len(split.train) > data.FEW_SHOT:
        notes.append(f"setfit was left out: it pairs its texts, too many of them above {data.FEW_SHOT}")
    else:
        found["setfit, 20 pairs a text"] = (setfit, seeds[:1])
    return found, notes


def sets(options: Options) -> None:
    """Accuracy, refusals and training time on every set, one table each."""
    for name in options.sets:
        try:
            split = SETS[name]()
        except MissingData as missing:
            print(missing)
            continue
        if options.limit:
            split = data.few(split, options.limit)
        one_set(split, options)
        if split.folds:
            cross_validation(split, options)


def one_set(split: Split, options: Options) -> None:
    gold = [example.label for example in split.test]
    texts = [example.text for example in split.test]
    ranges = (
        f"; the range over the seeds {', '.join(map(str, options.seeds))} in round brackets"
        if len(options.seeds) > 1
        else ""
    )
    columns = ["system", "in scope, no refusals", "in scope, with refusals"]
    if split.outside:
        columns += ["out-of-scope recall", "all questions"]
    chosen, left_out = systems(options.methods, split, options.seeds)
    table = Table(
        "routing", f"set-{split.name}",
        f"{split.title}: {len(split.train)} to learn from, {len(split.labels)} labels, {len(split.test)} asked",
        [*columns, "macro-F1", "ECE", "training s"],
        notes=[
            *split.notes,
            "no refusals: the best label in scope; with refusals: an in-scope question called out of scope is an error; "
            "macro-F1 (out of scope being one more label) and ECE (15 bins) are with refusals",
            f"95 % bootstrap intervals over questions in square brackets, of the mean over the seeds{ranges}",
            "the plain systems know out of scope as one more label where it is learnt from, and have no threshold",
            *left_out, about_body(),
        ],
    )  # fmt: skip
    told: dict[str, None] = {}
    for name, (system, seeds) in chosen.items():
        got: list[Answers] = []
        for seed in seeds:
            try:
                got.append(system(split.train, texts, seed))
            except Exception as error:  # a peer that fails must not cost the others' rows
                if name.startswith("ours"):
                    raise
                table.notes.append(f"{name} failed: {type(error).__name__}: {str(error)[:120]}")
                break
            print(f"  {split.name}, {name}, seed {seed}: {_line(got[-1], gold)}", flush=True)
        if got:
            table.add(name, *_cells(got, gold, split.outside))
            told |= dict.fromkeys(note for one in got for note in one.notes)
    table.notes += (f"while learning: {note}" for note in told)
    table.publish(options.save)


def _cells(got: Sequence[Answers], gold: Sequence[str], outside: bool) -> list[str]:
    rows = inside(gold)
    cells = [cell([right(one.forced, gold, rows) for one in got]), cell([right(one.said, gold, rows) for one in got])]
    if outside:
        cells += [cell([right(one.said, gold, ~rows) for one in got]), cell([right(one.said, gold) for one in got])]
    measures = [one.measures(gold) for one in got]
    certain = got[0].confidence is not None
    return [
        *cells, f"{100 * statistics.mean(m.macro_f1 for m in measures):.1f}",
        f"{100 * statistics.mean(m.ece for m in measures):.1f}" if certain else "-",
        f"{statistics.mean(one.seconds for one in got):.1f}",
    ]  # fmt: skip


def _line(one: Answers, gold: Sequence[str]) -> str:
    measures = one.measures(gold)
    recall = measures.out_of_scope_recall
    return (
        f"in scope {100 * right(one.forced, gold, inside(gold)).mean():.1f}, with refusals "
        f"{100 * (measures.in_scope_accuracy or 0):.1f}"
        + (f", out-of-scope recall {100 * recall:.1f}" if recall is not None else "") + f"; {one.seconds:.0f} s"
    )  # fmt: skip


def cross_validation(split: Split, options: Options) -> None:
    """A small set as a whole: every text is asked once, of a training on the other folds."""
    from finetune.dataset import folds

    everything = [*split.train, *split.test]
    gold = [example.label for example in everything]
    where = np.array(folds(gold, [example.text for example in everything], split.folds, 0))
    seed = options.seeds[0]
    table = Table(
        "routing", f"folds-{split.name}", f"{split.title}: {split.folds} folds over all {len(everything)} texts",
        ["system", "micro-F1, no refusals", "mean of the folds", "lowest fold", "highest fold", "with refusals", "training s"],
        notes=[
            "first column: over all texts, with the 95 % bootstrap interval; texts that differ in numbers or signs only lie "
            "in one fold, so that none is asked after learning from its twin",
            f"seed {seed} alone; training s is of one fold", about_body(),
        ],
    )  # fmt: skip
    for name, (system, _) in systems(options.methods, split, [seed])[0].items():
        if system is setfit:  # minutes a fold; its row on the split as it comes must do
            continue
        forced, said = np.zeros(len(everything)), np.zeros(len(everything))
        shares, seconds = [], []
        for number in range(split.folds):
            out = np.flatnonzero(where == number)
            asked = [everything[i].text for i in out]
            own = [gold[i] for i in out]
            got = system([everything[i] for i in np.flatnonzero(where != number)], asked, seed)
            forced[out], said[out] = right(got.forced, own), right(got.said, own)
            shares.append(100 * float(forced[out].mean()))
            seconds.append(got.seconds)
        print(f"  {split.name}, {name}, {split.folds} folds: {statistics.mean(shares):.1f}", flush=True)
        table.add(
            name, cell([forced]), f"{statistics.mean(shares):.1f} ± {statistics.stdev(shares):.1f}", f"{min(shares):.1f}",
            f"{max(shares):.1f}", cell([said]), f"{statistics.mean(seconds):.1f}",
        )  # fmt: skip
    table.notes.append("± is the standard deviation over the folds")
    table.publish(options.save)


# feedback


def feedback_part(options: Options) -> None:
    """The feedback loop, by each method asked for; see `benchmarks.routing_feedback`."""
    for method in options.methods:
        feedback(method, options.seeds[0], options.limit, options.save)


# time

_LATENCY = """
import json, sys, time
from pathlib import Path
from finetune.classifier import Classifier
from finetune.network import Body
folder, body, cache, questions = sys.argv[1:5]
texts = json.loads(Path(questions).read_text(encoding="utf-8"))
start = time.perf_counter()
classifier = Classifier(Path(folder), Body(Path(body), Path(cache)), Path(cache))
classifier.predict(texts[:1])
first = time.perf_counter() - start
took = []
for text in texts:
    start = time.perf_counter()
    classifier.predict([text])
    took.append(time.perf_counter() - start)
assert "torch" not in sys.modules, "predicting imported torch"
print(json.dumps([first, took]))
"""


def timing(options: Options) -> None:
    """Wall time of a fine-tune again with 2,000 examples, and of single questions in a fresh process."""
    split = data.clinc150()
    examples = data.subset(split.train, options.limit or EXAMPLES)
    asked = [example.text for example in data.subset(split.test, QUESTIONS)]
    table = Table(
        "routing", "time", f"A fine-tune with {len(examples)} examples of CLINC150, and single questions after it",
        ["method", "training s", "first question s", "median ms", "p99 ms", "in scope, no refusals"],
        notes=[
            f"training: from the examples to the classifier, vectors included; one run, torch threads {_torch_threads()}",
            f"questions: {len(asked)} one by one by Classifier.predict in a fresh process that never imports torch, "
            f"median of {LATENCY_RUNS} processes; the first question also loads the version and, with the layers changed, "
            "reads its kept graph (building that, at the very first question, is not counted)",
            about_body(),
        ],
    )  # fmt: skip
    gold = [example.label for example in split.test][: options.limit]
    texts = [example.text for example in split.test][: options.limit]
    for method in options.methods:
        fitted, seconds = fine_tune(examples, method, options.seeds[0])
        folder = write_version(CACHE / "versions" / method, fitted)
        runs = [latency(folder, asked) for _ in range(LATENCY_RUNS + 1)][1:]
        marks = right(answers(fitted.parts, texts).forced, gold, inside(gold))
        table.add(
            method, f"{seconds:.0f}", f"{statistics.median(run[0] for run in runs):.2f}",
            f"{1000 * statistics.median(statistics.median(run[1]) for run in runs):.1f}",
            f"{1000 * statistics.median(float(np.percentile(run[1], 99)) for run in runs):.1f}", cell([marks]),
        )  # fmt: skip
        print(f"  {method}: {seconds:.0f} s", flush=True)
    table.publish(options.save)


def write_version(folder: Path, fitted: Fitted) -> Path:
    """A version's folder as the product reads it, without the registry's seal."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = write_classifier(folder, fitted.parts, fitted.examples, fitted.vectors)
    body = shared_body()
    card = {"model": model, "parent_body": {"name": body.name, "sha256": body.sha256}}
    (folder / "card.json").write_text(json.dumps(card, ensure_ascii=False), encoding="utf-8")
    return folder


def latency(folder: Path, questions: Sequence[str]) -> tuple[float, list[float]]:
    """(seconds to the first answer, seconds of every question) in a fresh process."""
    file = CACHE / "versions" / "questions.json"
    file.write_text(json.dumps(list(questions), ensure_ascii=False), encoding="utf-8")
    command = [sys.executable, "-c", _LATENCY, str(folder), product_model(), str(CACHE / "model"), str(file)]
    done = subprocess.run(
        command, cwd=HERE.parent, env={**os.environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the process that asks single questions failed: {done.stderr.strip()[-400:]}")
    first, took = json.loads(done.stdout.splitlines()[-1])
    return float(first), [float(value) for value in took]


def _torch_threads() -> int:
    import torch

    return int(torch.get_num_threads())


# router


def router(options: Options) -> None:
    """The router as it ships on the frozen questions, by language and style, beside the first router and plain ones."""
    from finetune.registry import SHIPPED_FOLDER
    from finetune.router import SeedRouter, load_routes

    rows = data.router_questions(data.SEEDS_FOLDER / "test.jsonl")
    learnt = [Example(row["text"], row["label"]) for row in data.router_questions(data.SEEDS_FOLDER / "train")]
    if options.limit:
        rows, learnt = rows[:: max(1, len(rows) // options.limit)], list(data.subset(learnt, 4 * options.limit))
    texts, gold = [row["text"] for row in rows], [row["label"] for row in rows]
    found: dict[str, Answers] = {}
    notes = []
    folder = SHIPPED_FOLDER / "router"
    if (folder / "card.json").is_file():
        said = Classifier(folder, shared_body(), CACHE / "model").predict(texts)
        found["the router, as shipped"] = Answers(
            [one.label for one in said], [], np.array([one.confidence for one in said]), 0.0
        )
    else:
        notes.append("router v1 is not among the weights yet (finetune/weights/router); it was left out")
        print(f"  {notes[-1]}", flush=True)
    seeds = SeedRouter(load_routes(), product_embedder())
    decided = [seeds.route(text) for text in texts]
    found["seed questions and cues (SeedRouter)"] = Answers(
        [one.route for one in decided], [], np.array([one.confidence for one in decided]), 0.0
    )
    for name, system in PLAIN.items():
        found[name] = system(learnt, texts, 0)
    groups = {
        name: np.array([row[key] == name for row in rows])
        for key, names in (("language", ("en", "zh")), ("style", ("plain", "shorthand", "typo"))) for name in names
    }  # fmt: skip
    table = Table(
        "routing", "router", f"The router on the frozen set: {len(rows)} questions written by other hands, never learnt from",
        ["system", "macro-F1", "accuracy", "out-of-scope recall", "in scope, with refusals", "ECE",
         *(f"macro-F1, {name} ({group.sum()})" for name, group in groups.items())],
        notes=[
            "asked macro-F1 at least 95 and ECE at most 5 (15 bins); 95 % bootstrap intervals, also of macro-F1, over questions",
            f"the plain systems learn from the same {len(learnt)} seed questions of finetune/seeds/router/train; SeedRouter "
            "from its few in routes.toml",
            *notes, about_body(),
        ],
    )  # fmt: skip
    for name, one in found.items():
        measures = one.measures(gold)
        marks, scope = right(one.said, gold), inside(gold)
        table.add(
            name, macro_f1(gold, one.said), cell([marks]), cell([marks[~scope]]), cell([marks[scope]]),
            f"{100 * measures.ece:.1f}" if one.confidence is not None else "-",
            *(macro_f1([gold[i] for i in np.flatnonzero(g)], [one.said[i] for i in np.flatnonzero(g)]) for g in groups.values()),
        )  # fmt: skip
        if name.startswith("router v1"):
            told = (f"{label} {100 * score.f1:.1f}" for label, score in measures.per_class.items())
            table.notes.append(f"F1 of {name}: {', '.join(told)}")
    table.publish(options.save)


PARTS: Mapping[str, Callable[[Options], None]] = {
    "sets": sets,
    "feedback": feedback_part,
    "time": timing,
    "router": router,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks routing", description=__doc__.split("\n")[0])
    parser.add_argument("--part", nargs="+", choices=tuple(PARTS), help="all by default; the sets alone with --sets")
    parser.add_argument("--sets", nargs="+", choices=tuple(SETS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, help="all; for the feedback loop, head")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--limit", type=int, help=argparse.SUPPRESS)  # a short trial; never recorded
    parser.add_argument("--no-save", action="store_true")
    given = parser.parse_args(arguments)
    for name in given.part or (("sets",) if given.sets else PARTS):
        options = Options(
            given.sets or tuple(SETS), given.methods or (("head",) if name == "feedback" else METHODS), given.seeds,
            given.limit, not given.no_save and given.limit is None,
        )  # fmt: skip
        try:
            PARTS[name](options)
        except (MissingData, ImportError) as missing:
            print(missing)


if __name__ == "__main__":
    main()
