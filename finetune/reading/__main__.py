"""python -m finetune.reading train|pack: the reader that ships, from public data. See `sources` for the data.

`train` keeps its state after every shard in --work and goes on from there; it can be stopped at any time, and `pack`
writes the best state so far as a version into --to.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

from finetune.errors import FinetuneError
from finetune.reading import sources
from finetune.reading.examples import Group
from finetune.reading.synthetic import synthetic_groups
from indexer.errors import IndexerError

HERE = Path(__file__).resolve().parent
# name -> (share of the groups, negatives a group)
MIX = {"new_wiki": (0.25, 1), "reddit": (0.2, 1), "covidqa": (0.07, 1), "cmrc": (0.2, 1), "manuals": (0.12, 2),
       "crossing": (0.03, 1), "synthetic": (0.12, 2)}  # fmt: skip
HELD_OUT = 120


def all_groups(folder: Path, model: Path, count: int, rng: np.random.Generator) -> tuple[list[Group], list[Group]]:
    """(to learn from, held out), shuffled."""
    size = {name: round(count * share) for name, (share, _) in MIX.items()}
    negatives = {name: number for name, (_, number) in MIX.items()}
    learn, held = sources.split_new_wiki(folder)
    squad = folder / "squadshifts" / "datasets"
    parts = [
        sources.squad_groups(learn, "squadshifts new_wiki", size["new_wiki"], negatives["new_wiki"], rng),
        sources.squad_groups(
            sources.read_squad(squad / "reddit_v1.0.json"),
            "squadshifts reddit",
            size["reddit"],
            negatives["reddit"],
            rng,
        ),
        sources.covid_groups(folder, size["covidqa"], negatives["covidqa"], rng),
        sources.squad_groups(
            sources.split_cmrc(folder)[0],
            "cmrc2018 train",
            size["cmrc"],
            negatives["cmrc"],
            rng,
        ),
        sources.heading_groups(sources.manual_chunks(folder, model), size["manuals"], negatives["manuals"], rng),
        sources.crossing_groups(folder, size["crossing"], negatives["crossing"], rng),
        synthetic_groups(size["synthetic"], negatives["synthetic"], rng),
    ]
    groups = [group for part in parts for group in part]
    groups = [groups[int(i)] for i in rng.permutation(len(groups))]
    wiki = sources.squad_groups(held, "squadshifts new_wiki", HELD_OUT // 2, 3, rng)
    return groups[HELD_OUT // 2 :], [*wiki, *groups[: HELD_OUT // 2]]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m finetune.reading", description=__doc__)
    parser.add_argument("action", choices=("train", "pack"))
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--work", type=Path, default=Path("build/reader"))
    parser.add_argument("--cache", type=Path, default=Path("build/reader-cache"))
    parser.add_argument("--to", type=Path, default=HERE.parent / "weights" / "reader")
    parser.add_argument("--groups", type=int, default=27_000)
    parser.add_argument("--shards", type=int, default=20)
    parser.add_argument("--passes", type=int, default=2, help="how often all groups are read, in windows drawn anew")
    parser.add_argument(
        "--minutes", type=float, default=0, help="end after so many, whatever is left (0: learn from all)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        if options.action == "train":
            _train(options)
        else:
            from finetune.reading.pack import pack

            pack(options.work, options.to, options.cache, {"data": sources.LICENCES})
    except (FinetuneError, IndexerError) as error:
        _say(str(error))
        return 1
    return 0


def _train(options: argparse.Namespace) -> None:
    from finetune.augment import change
    from finetune.body.compose import composed_folder
    from finetune.learner import Learner
    from finetune.network import Body
    from finetune.reading.pairs import PairTokens
    from finetune.reading.task import Encoder, ReadingTask
    from finetune.recipes import recipe
    from finetune.train import train

    settings = recipe(
        "reader",
        seed=options.seed,
        threads=options.threads,
        epochs=options.shards * options.passes,
        minutes=options.minutes,
    )
    body = Body(composed_folder(options.cache), options.cache)
    rng = np.random.default_rng(options.seed)
    groups, held_out = all_groups(options.data, body.folder.path, options.groups, rng)
    counts = {name: sum(group.source == name for group in groups) for name in sorted({g.source for g in groups})}
    _say(f"{len(groups)} questions, {sum(1 + len(g.negatives) for g in groups)} pairs: {counts}")
    learner = Learner(body, settings.method, seed=settings.seed, frozen=settings.frozen_layers)
    task = ReadingTask(
        Encoder(PairTokens(body.folder)), groups, options.shards, learner.width, settings, held_out, change
    )
    done = train(learner, task, settings, options.work, _say)
    _say(f"best after shard {done.best_epoch}: {done.score}")


def _say(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
