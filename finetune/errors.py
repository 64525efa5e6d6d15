"""Errors of finetune.

    FinetuneError
    ├── BodyError            the bilingual body cannot be taught, composed or checked
    └── RoutesError          the routes file cannot be read, or one of its entries makes no sense

Every message says what happened, which value, and what to do. Exceptions of other libraries end at the adapter.
"""

from __future__ import annotations


class FinetuneError(Exception):
    """Base of everything finetune raises on purpose."""


class RoutesError(FinetuneError):
    """A routes file is missing, is not TOML, or has an unknown key, a missing field or a bad value."""


class BodyError(FinetuneError):
    """The delta, its vocabulary or the training data of the bilingual body is missing, damaged or of another parent."""
