"""The maintenance tagger by cross-validation on MaintIE: whole entities of its five top classes, and of our three names."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import CACHE, MissingData, Table, need, product_model
from finetune.data_sets import maintie
from finetune.dataset import TaggedText, folds
from finetune.evaluate import entity_spans
from finetune.network import Body, Network, merged

Entities = list[set[tuple[int, int, str]]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on every fold's rest, tag the fold, record one table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks tagging", description=__doc__)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", nargs="+", type=int, metavar="FOLD", help="measure these folds only (from 0)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--names", nargs="+", choices=("top", "own"), default=["top", "own"])
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args(arguments)
    try:
        folder = need("maintie")
    except MissingData as missing:
        print(missing)
        return
    chosen = options.only if options.only else list(range(options.folds))
    table = Table(
        "tagging", "maintie", f"Entities of maintenance work orders, {options.folds}-fold cross-validation on MaintIE",
        ["tags", "seed", "precision", "recall", "F1", "F1 of each fold", "with inner entities", "F1 of each tag"],
    )  # fmt: skip
    body = Body(Path(product_model()), CACHE)
    began = time.perf_counter()
    for names in options.names:
        texts = maintie(folder, names)
        every = _all_entities(folder) if names == "top" else None
        for seed in options.seeds:
            where = folds([""] * len(texts), [" ".join(text.tokens) for text in texts], options.folds, seed)
            found: dict[int, list[str]] = {}
            for number in chosen:
                rows = [i for i, fold in enumerate(where) if fold == number]
                learnt = [texts[i] for i, fold in enumerate(where) if fold != number]
                tags = _tagged(learnt, [texts[i] for i in rows], body, options, seed)
                found.update(zip(rows, tags, strict=True))
                print(f"  {names}, seed {seed}, fold {number}: F1 {_figures(texts, found, rows)[2]:.2f}", flush=True)
            table.add(*_row(names, seed, texts, found, where, chosen, every))
    _notes(table, options, chosen, time.perf_counter() - began)
    table.publish(not options.no_save)


def _tagged(
    learnt: Sequence[TaggedText], fold: Sequence[TaggedText], body: Body, options: argparse.Namespace, seed: int
) -> list[list[str]]:
    """Tags of a fold's words. The last epoch's weights are taken: nothing of the fold, and nothing held out, chooses."""
    from finetune.fit_tagger import learn_tagger, tagger_settings
    from finetune.tagger import WordTokens, judge

    settings = tagger_settings(epochs=options.epochs, seed=seed, threads=options.threads)
    parts = learn_tagger(learnt, settings, body)
    network = Network(body, "fold", lambda: merged(body.layers(), parts.changes), None)
    tokens = WordTokens(body, settings.max_tokens)
    return [tags for tags, _ in judge(parts, tokens, network, [text.tokens for text in fold])]


def _row(
    names: str, seed: int, texts: Sequence[TaggedText], found: dict[int, list[str]], where: Sequence[int],
    chosen: Sequence[int], every: Entities | None,
) -> list[Any]:  # fmt: skip
    from finetune.fit_tagger import score_tags

    rows = sorted(found)
    each = [_figures(texts, found, [i for i in rows if where[i] == number])[2] for number in chosen]
    precision, recall, f1 = _figures(texts, found, rows)
    per_name = score_tags([texts[i].tags for i in rows], [found[i] for i in rows]).per_name
    inner = "" if every is None else f"{_f1([every[i] for i in rows], [entity_spans(found[i]) for i in rows])[2]:.1f}"
    own = ", ".join(f"{name} {100 * score['f1']:.1f} ({score['n']:.0f})" for name, score in per_name.items())
    folds_f1 = f"{np.mean(each):.1f} ± {np.std(each):.1f}: " + " ".join(f"{value:.1f}" for value in each)
    return [
        "5 top classes" if names == "top" else "ours", seed, f"{precision:.1f}", f"{recall:.1f}", f"{f1:.1f}", folds_f1,
        inner, own,
    ]  # fmt: skip


def _figures(
    texts: Sequence[TaggedText], found: dict[int, list[str]], rows: Sequence[int]
) -> tuple[float, float, float]:
    return _f1([entity_spans(texts[i].tags) for i in rows], [entity_spans(found[i]) for i in rows])


def _f1(gold: Entities, predicted: Entities) -> tuple[float, float, float]:
    """(precision, recall, F1) in per cent, over all entities."""
    hits = sum(len(left & right) for left, right in zip(gold, predicted, strict=True))
    said, there = sum(map(len, predicted)), sum(map(len, gold))
    return 100 * hits / max(1, said), 100 * hits / max(1, there), 200 * hits / max(1, said + there)


def _all_entities(folder: Path) -> Entities:
    """Every entity of every text, those within others included."""
    rows = json.loads((folder / "data" / "gold_release.json").read_text(encoding="utf-8"))
    return [{(e["start"], e["end"], e["type"].split("/")[0]) for e in row["entities"]} for row in rows]


def _notes(table: Table, options: argparse.Namespace, chosen: Sequence[int], seconds: float) -> None:
    from finetune.fit_tagger import tagger_settings

    shown = ("epochs", "batch_size", "learning_rate", "layer_decay", "token_dropout", "method")
    own = asdict(tagger_settings(epochs=options.epochs))
    table.notes += [
        f"folds {', '.join(map(str, chosen))} of {options.folds}, drawn anew for each seed, texts that differ in numbers only "
        "together; weights of the last epoch, so that nothing is chosen on the fold",
        "an entity counts when borders and tag are right; of entities within others of the same class the longest is meant; "
        '"with inner entities" takes all of them as the truth, of which a tagger of one layer cannot find about a ninth',
        "published, on one test set of 108 texts and with inner entities: SpERT 87.4",
        "ours: Component, Failure (undesirable states, processes and properties), Action",
        f"{', '.join(f'{name} {own[name]}' for name in shown)}; {seconds:.0f} s",
    ]


if __name__ == "__main__":
    main()
