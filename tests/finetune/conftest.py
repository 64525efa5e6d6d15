"""A body of two small layers, and rows of a toy problem: what the tests of fine-tuning learn on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from models import tiny_model

from finetune.network import Body


@dataclass(frozen=True)
class Small:
    """The body with a cache of its own."""

    body: Body
    cache: Path


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Small:
    """A BERT of 2 layers and width 32 with random weights; not to be written to."""
    folder = tmp_path_factory.mktemp("small")
    tiny_model(folder / "small-bert", {"pooling_mode": "mean"})
    return Small(Body(folder / "small-bert", folder / "cache"), folder / "cache")
