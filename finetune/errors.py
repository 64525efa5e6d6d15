"""Errors of finetune.

    FinetuneError
    └── RoutesError          the routes file cannot be read, or one of its entries makes no sense

Every message says what happened, which value, and what to do. Exceptions of other libraries end at the adapter.
"""

from __future__ import annotations


class FinetuneError(Exception):
    """Base of everything finetune raises on purpose."""


class RoutesError(FinetuneError):
    """A routes file is missing, is not TOML, or has an unknown key, a missing field or a bad value."""
