"""A finished run -> the delta that ships, with its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from finetune.body.compose import SHIPPED
from finetune.body.corpus import CorpusSettings, source_table
from finetune.body.delta import write_delta
from finetune.body.parent import read_json, tokens_of, weights_of
from finetune.body.train import RUN, WEIGHTS
from finetune.body.vocabulary import Vocabulary, row_sources
from finetune.errors import BodyError
from indexer.model_folder import resolve_model


def pack(run: Path, data: Path, pairs: Path, others: Mapping[str, str], target: Path = SHIPPED) -> None:
    """Write the delta of the run in `run`, made on the prepared folder `data`, into `target`.

    `pairs` is the folder of sentence pairs, for their sources and licences; `others` gives those of what else was used.
    Raises BodyError when the run is not finished or something is missing.
    """
    parent = resolve_model()
    prepared, settings = read_json(data / "card.json"), read_json(run / RUN)
    if settings["step"] < settings["steps"]:
        raise BodyError(f"{run} stands at step {settings['step']} of {settings['steps']}; finish the run first")
    if prepared["parent_sha256"] != parent.weights_sha256():
        raise BodyError(f"{data} was prepared with other weights than {parent.name} has; prepare it again")
    with np.load(run / WEIGHTS) as file:
        taught = {name: file[name] for name in file.files}
    vocabulary = Vocabulary.read(data / "vocabulary.json")
    known = tokens_of(parent)
    if len(taught["new_rows"]) != len(vocabulary.row_names):
        raise BodyError(f"{run} has {len(taught['new_rows'])} rows, its vocabulary {len(vocabulary.row_names)}")
    read = {row - len(known) for row in row_sources(vocabulary, known) if row >= len(known)}
    taught["new_rows"][np.setdiff1d(np.arange(len(vocabulary.row_names)), sorted(read))] = 0  # aliases read others
    card = {"sources": _sources(pairs, prepared["pairs"], others), "prepared": prepared, "run": settings}
    write_delta(
        target, taught, weights_of(parent), data / "vocabulary.json", card, parent_sha256=parent.weights_sha256()
    )


def _sources(pairs: Path, counts: Mapping[str, int], others: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    out: dict[str, list[dict[str, Any]]] = {
        group: [
            {
                "source": row["source"],
                "repository": row["repository"],
                "licence": row["licence"],
                "pairs": counts[row["source"]],
            }
            for row in source_table(pairs / "README.md", group)
            if row["source"] in counts
        ]
        for group in CorpusSettings().files
    }
    out["other"] = [{"source": name, "licence": licence} for name, licence in others.items()]
    return out
