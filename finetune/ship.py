"""python -m finetune.ship router|failure_mode|tagger: train a version that ships with the program, and seal it.

The router learns from the seed questions of this package, the others from the files that `python -m finetune.data_sets` makes of
public data sets. `--to` is the folder of weights of this package by default.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from finetune.dataset import read_examples
from finetune.errors import FinetuneError
from finetune.recipes import RECIPES, recipe
from finetune.types import Example
from indexer.errors import IndexerError

if TYPE_CHECKING:
    from finetune.network import Body
    from finetune.train import TrainSettings

HERE = Path(__file__).resolve().parent
SEEDS = HERE / "seeds" / "router"
LICENCES = {
    "router": "Apache-2.0: the questions were written for this project",
    "failure_mode": "Apache-2.0: FMC-MWO2KG observations (Apache-2.0)",
    "tagger": "Apache-2.0; trained on MaintIE (MIT)",
}


# Where the rows are made first, of public data that FOLDER holds.
_COMMANDS = {"failure_mode": "make failure-mode DATA=FOLDER", "tagger": "make tagger DATA=FOLDER"}


def seed_examples() -> list[Example]:
    """The router's seed questions to learn from, in the order of their files."""
    files = sorted((SEEDS / "train").glob("*.jsonl"))
    return [replace(example, source="seed") for file in files for example in read_examples(file).examples]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m finetune.ship", description=__doc__)
    parser.add_argument("task", choices=RECIPES)
    parser.add_argument("--data", type=Path, help="rows to learn from; for the router its seeds")
    parser.add_argument("--test", type=Path, help="rows never learnt from, measured for the card")
    parser.add_argument("--to", type=Path, default=HERE / "weights")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "copilot-ship")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--ensemble", type=int, default=0, metavar="K", help="learn from what K versions say together")
    options = parser.parse_args(arguments)
    settings = recipe(options.task, seed=options.seed, threads=options.threads)
    try:
        ship(
            options.task, options.data, options.test, settings, options.to / options.task, options.cache, options.ensemble
        )  # fmt: skip
    except (FinetuneError, IndexerError) as error:
        _say(str(error))
        return 1
    return 0


def ship(
    task: str, data: Path | None, test: Path | None, settings: TrainSettings, target: Path, cache: Path, ensemble: int = 0
) -> None:  # fmt: skip
    """Train on `data`, measure on `test`, and write the sealed version `target`; what was there is replaced at the end.

    With `ensemble` above 0 so many versions are learnt and one from them, see `finetune.ensemble`; `cache` keeps them.
    """
    from finetune.body.compose import composed_folder
    from finetune.network import Body

    if data is None and task != "router":
        raise FinetuneError(f"Give --data for {task}; python -m finetune.data_sets makes it of a public data set")
    if ensemble and task == "tagger":
        raise FinetuneError("--ensemble is for classifiers; leave it out for the tagger")
    body = Body(composed_folder(cache), cache)
    staged = target.with_name(f".{target.name}.new")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        if task == "tagger":
            assert data is not None
            _tagger(data, test, settings, body, cache, staged)
        else:
            _classifier(task, data, test, settings, body, cache, staged, ensemble)
        shutil.rmtree(target, ignore_errors=True)
        staged.rename(target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _classifier(
    task: str, data: Path | None, test: Path | None, settings: TrainSettings, body: Body, cache: Path, staged: Path, ensemble: int,
) -> None:  # fmt: skip
    from finetune.augment import change
    from finetune.classifier import Classifier, write_classifier
    from finetune.fit import fit_classifier
    from finetune.retrain import FROZEN, evaluate_version
    from finetune.version_folder import seal

    if data is None:
        examples, test = seed_examples(), test or SEEDS / "test.jsonl"
    else:
        examples = list(read_examples(data).examples)
    fit = fit_classifier
    if ensemble:
        from finetune.ensemble import EnsembleSettings, fit_ensemble

        fit = partial(fit_ensemble, ensemble=EnsembleSettings(ensemble))
    fitted = fit(examples, (), settings, body, cache, work=cache / "training" / task, say=_say, change=change)
    model = write_classifier(staged, fitted.parts, fitted.examples, fitted.vectors)
    frozen = read_examples(test).examples if test else ()
    rows = [json.dumps({"text": e.text, "label": e.label, "source": "frozen"}, ensure_ascii=False) for e in frozen]
    (staged / FROZEN).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    card = _card(task, examples, settings, body, ensemble) | {
        "model": model, "metrics": fitted.held_out.to_json() if fitted.held_out else {},
        "metrics_on": "examples held out of the first training", "curve": list(fitted.curve), "hyper_parameters": fitted.settings,
        "notes": list(fitted.notes),
    }  # fmt: skip
    seal(staged, task, "shipped", card)
    if frozen:
        card["test"] = evaluate_version(Classifier(staged, body, cache), frozen).to_json()
        seal(staged, task, "shipped", card)
        _say(json.dumps({k: v for k, v in card["test"].items() if k != "per_class"}))


def _tagger(data: Path, test: Path | None, settings: TrainSettings, body: Body, cache: Path, staged: Path) -> None:
    from finetune.dataset import read_tagged
    from finetune.fit_tagger import fit_tagger
    from finetune.tagger import write_tagger
    from finetune.version_folder import seal

    texts, _ = read_tagged(data)
    fitted = fit_tagger(texts, (), settings, body, cache, work=cache / "training" / "tagger", say=_say)
    model = write_tagger(staged, fitted.parts)
    digest = [Example(" ".join(text.tokens), " ".join(text.tags)) for text in texts]
    seal(
        staged,
        "tagger",
        "shipped",
        _card("tagger", digest, settings, body)
        | {"model": model, "metrics": fitted.held_out.to_json() if fitted.held_out else {}},
    )


def _card(
    task: str, examples: Sequence[Example], settings: TrainSettings, body: Body, ensemble: int = 0
) -> dict[str, Any]:  # fmt: skip
    from dataclasses import asdict

    lines = "\n".join(sorted(f"{example.label}\0{example.text}" for example in examples))
    return {
        "data_sha256": hashlib.sha256(lines.encode()).hexdigest(), "parent": None,
        "parent_body": {"name": body.name, "sha256": body.sha256}, "method": settings.method,
        "hyper_parameters": asdict(settings), "licence": LICENCES[task],
        "command": _COMMANDS.get(task, f"python -m finetune.ship {task}") + (f" --ensemble {ensemble}" if ensemble else ""),
        "examples": {"count": len(examples)},
    }  # fmt: skip


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(main())
