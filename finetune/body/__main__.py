"""python -m finetune.body prepare|train|pack|compose|plot: teach the body Chinese, on a CPU (hours) or a GPU (minutes)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from finetune.errors import FinetuneError
from indexer.errors import IndexerError

# What each machine is good for; every field of TrainSettings can be set on the command line besides.
RECIPES: dict[str, dict[str, Any]] = {
    "cpu": {"steps": 2_000, "batch_tokens": 4_200, "contrast": 0.15, "stage_two": 0.28, "device": "cpu"},
    "gpu": {"steps": 30_000, "batch_tokens": 32_000, "max_batch": 1_536, "device": "cuda", "learning_rate": 3e-4},
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of this package."""
    parser = argparse.ArgumentParser(prog="python -m finetune.body", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)

    verb = verbs.add_parser("prepare", help="tokenise the data and compute the teacher's vectors")
    verb.add_argument("--pairs", type=Path, required=True, help="folder with permissive.tsv.gz and its README.md")
    verb.add_argument("--chinese-reading", type=Path, help="questions on Chinese paragraphs, SQuAD format")
    verb.add_argument("--english-reading", type=Path, nargs="*", default=(), help="the same in English")
    verb.add_argument("--traditional", type=Path, help='lines of "traditional<TAB>simplified" characters')
    verb.add_argument("--cap", type=int, help="pairs taken from one source at most")
    verb.add_argument("--words", type=int, help="frequent words added as tokens; 0: characters alone")
    verb.add_argument("--no-share-alike", action="store_true", help="leave the share-alike pairs out")
    verb.add_argument("--to", type=Path, required=True)

    verb = verbs.add_parser("train", help="distil and contrast; goes on where it was stopped")
    verb.add_argument("--data", type=Path, required=True, help="what prepare wrote")
    verb.add_argument("--to", type=Path, required=True)
    verb.add_argument("--recipe", choices=RECIPES, default="cpu")
    verb.add_argument("--set", nargs="*", default=(), metavar="NAME=VALUE", help="settings of the run")

    verb = verbs.add_parser("pack", help="write the delta that ships, with its card")
    verb.add_argument("--data", type=Path, required=True)
    verb.add_argument("--run", type=Path, required=True, help="what train wrote")
    verb.add_argument(
        "--pairs", type=Path, required=True, help="the folder given to prepare: its sources go on the card"
    )
    verb.add_argument("--also", nargs="*", default=(), metavar="NAME=LICENCE", help="other data used, for the card")
    verb.add_argument("--to", type=Path)

    verb = verbs.add_parser("compose", help="make a sentence-transformers folder of a delta and print its path")
    verb.add_argument("--delta", type=Path, required=True)
    verb.add_argument("--cache", type=Path, required=True)

    verb = verbs.add_parser("plot", help="draw the learning curve of a run")
    verb.add_argument("--curve", type=Path, required=True, help="a run's curve.jsonl")
    verb.add_argument("--to", type=Path, required=True, help="the picture")

    options = parser.parse_args(arguments)
    try:
        globals()[f"_{options.verb}"](options)
    except (FinetuneError, IndexerError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _prepare(options: argparse.Namespace) -> None:
    from finetune.body.corpus import CorpusSettings
    from finetune.body.prepare import Inputs, prepare

    settings = CorpusSettings(share_alike=not options.no_share_alike)
    if options.cap:
        settings = replace(settings, cap=options.cap)
    if options.words is not None:
        settings = replace(settings, words=options.words)
    inputs = Inputs(options.pairs, options.chinese_reading, tuple(options.english_reading), options.traditional)
    prepare(inputs, options.to, settings, _say)


def _train(options: argparse.Namespace) -> None:
    from finetune.body.train import TrainSettings, train

    train(
        options.data, options.to, TrainSettings(**RECIPES[options.recipe] | _settings(options.set, TrainSettings)), _say
    )


def _settings(given: Sequence[str], of: type) -> dict[str, Any]:
    kinds = {field.name: str(field.type) for field in fields(of)}
    out: dict[str, Any] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in kinds:
            raise FinetuneError(f"There is no setting {name!r}; there are: {', '.join(kinds)}")
        try:
            out[name] = {"int": int, "float": float}.get(kinds[name], str)(value)
        except ValueError as error:
            raise FinetuneError(f"The setting {name} is {value!r}; it must be of type {kinds[name]}") from error
    return out


def _pack(options: argparse.Namespace) -> None:
    from finetune.body.compose import SHIPPED
    from finetune.body.pack import pack

    others = {name: licence for name, _, licence in (text.partition("=") for text in options.also)}
    pack(options.run, options.data, options.pairs, others, options.to or SHIPPED)


def _compose(options: argparse.Namespace) -> None:
    from finetune.body.compose import composed_folder

    print(composed_folder(options.cache, options.delta))  # noqa: T201


def _plot(options: argparse.Namespace) -> None:
    import json

    from matplotlib.figure import Figure

    try:
        rows = [json.loads(line) for line in options.curve.read_text(encoding="utf-8").splitlines()]
        steps, begun = [], 0
        for before, row in zip([{"step": 0}, *rows], rows, strict=False):  # a second leg counts from 0 again
            begun += before["step"] if row["step"] <= before["step"] else 0
            steps.append(begun + row["step"])
    except (OSError, ValueError, KeyError) as error:
        raise FinetuneError(f"{options.curve} is no learning curve ({error}); name a run's curve.jsonl") from error
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys(key for row in rows for key in row if key not in ("step", "leg")):
        axes.plot(steps, [row.get(name, float("nan")) for row in rows], label=name)
    axes.set_xlabel("step")
    axes.set_ylabel("mean loss of 50 steps")
    axes.set_yscale("log")
    axes.legend(fontsize="small")
    figure.savefig(options.to)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(main())
