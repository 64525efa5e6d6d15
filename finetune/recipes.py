"""The settings that suit the tasks that ship; other tasks take the defaults of `TrainSettings`. Imports torch when asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finetune.train import TrainSettings

RECIPES: Mapping[str, Mapping[str, Any]] = {
    "router": {
        "method": "lora", "rank": 32, "lora_learning_rate": 1e-3, "epochs": 9, "augment": 0.3, "patience": 9,
    },
    "failure_mode": {"method": "lora", "epochs": 8},
    "reader": {
        "method": "full", "learning_rate": 2e-4, "layer_decay": 0.9, "batch_size": 16, "token_dropout": 0.02,
        "warm_up": 0.06, "augment": 0.12, "patience": 100,
    },
    "tagger": {
        "method": "lora", "lora_learning_rate": 1e-3, "head_learning_rate": 2e-3, "epochs": 7, "batch_size": 16,
        "label_smoothing": 0.0, "patience": 10,
    },
}  # fmt: skip


def recipe(task: str, **given: Any) -> TrainSettings:
    """The task's settings; what is given and not None comes first."""
    from finetune.train import TrainSettings

    return TrainSettings(
        **{**RECIPES.get(task, {}), **{name: value for name, value in given.items() if value is not None}}
    )
