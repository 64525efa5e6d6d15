"""The examples in docstrings are run: an example that is wrong is worse than none."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
MODULES = sorted(
    ".".join(file.relative_to(REPOSITORY).with_suffix("").parts)
    for package in ("copilot", "finetune", "indexer", "ui")
    for file in (REPOSITORY / package).rglob("*.py")
    if ">>> " in file.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name):
    done = doctest.testmod(importlib.import_module(name))
    assert done.attempted and not done.failed
