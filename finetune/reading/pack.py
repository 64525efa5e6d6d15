"""The state of a training -> a version that ships. The training may still be running: its best state so far is taken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finetune.body.compose import composed_folder
from finetune.errors import TrainingError
from finetune.network import Body
from finetune.reading.model import write_reader
from finetune.train import CURVE, STATE
from finetune.version_folder import seal

LICENCE = (
    "CC BY-SA 4.0 for the weights, because cmrc2018 (CC BY-SA 4.0) was among the data and documentation under GPL and GFDL; the "
    "code around them is the program's"
)


def pack(
    work: Path, target: Path, cache: Path, more: Mapping[str, Any] | None = None, body: Body | None = None
) -> None:
    """Write the best state of the training in `work` as the sealed version `target`; `more` goes onto its card.

    `body` is the one it was trained on, by default the one that ships.

    Raises TrainingError when there is no state yet.
    """
    import torch

    try:
        state = torch.load(work / STATE, map_location="cpu", weights_only=True)
    except Exception as error:
        raise TrainingError(f"{work} holds no state of a training ({error}); run `train` first") from error
    body = body or Body(composed_folder(cache), cache)
    parts = {name: value.float().numpy() for name, value in state["best"].items()}
    head = {name.removeprefix("head."): value for name, value in parts.items() if name.startswith("head.")}
    learnt = {name.removeprefix("body.bert."): value for name, value in parts.items() if name.startswith("body.bert.")}
    staged = target.with_name(f".{target.name}.new")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        model = write_reader(staged, head, learnt, body.layers())
        curve = [json.loads(line) for line in (work / CURVE).read_text(encoding="utf-8").splitlines()]
        card: dict[str, Any] = {
            "parent": None, "data_sha256": "", "parent_body": {"name": body.name, "sha256": body.sha256}, "method": "full",
            "hyper_parameters": json.loads(state["settings"]), "licence": LICENCE, "model": model, "curve": curve,
            "metrics": {"shard": int(state["best_epoch"]), "score": state["best_score"]},
            "metrics_on": "mean of first place, token F1 and average precision on 120 groups held out",
            "command": "make reader DATA=FOLDER", **(more or {}),
        }  # fmt: skip
        seal(staged, "reader", "shipped", card)
        shutil.rmtree(target, ignore_errors=True)
        staged.rename(target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
