"""The unchanged body that the delta belongs to: its tokens and weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.errors import BodyError
from indexer.model_folder import ModelFolder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WEIGHTS = "model.safetensors"
WORDS = "embeddings.word_embeddings.weight"


def read_json(path: Path, remedy: str = "make it again") -> dict[str, Any]:
    """A JSON object. Raises BodyError, ending in the remedy, when it cannot be read."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content
    except (OSError, ValueError) as error:
        raise BodyError(f"Cannot read {path}: {error}; {remedy}") from error


def tokenizer_of(model: ModelFolder) -> dict[str, Any]:
    """The content of the model's tokenizer.json."""
    return read_json(model.tokenizer, "reinstall the model")


def tokens_of(model: ModelFolder) -> dict[str, int]:
    """Every token of the model's vocabulary with its id."""
    tokens: dict[str, int] = tokenizer_of(model)["model"]["vocab"]
    return tokens


def weights_of(model: ModelFolder) -> dict[str, npt.NDArray[np.float32]]:
    """The transformer's weights by name."""
    from safetensors.numpy import load_file

    weights: dict[str, npt.NDArray[np.float32]] = load_file(model.transformer / WEIGHTS)
    return weights
