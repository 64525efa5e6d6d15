"""Errors of finetune.

    FinetuneError
    ├── BodyError            the bilingual body cannot be taught, composed or checked
    ├── RoutesError          the routes file cannot be read, or one of its entries makes no sense
    ├── DataError            examples cannot be read, or cannot be learnt from
    ├── FeedbackError        feedback cannot be read, written or reviewed
    ├── TrainingError        a training cannot go on
    │   └── BusyTrainingError    another training of the task is running
    ├── RegistryError        a model version is missing, damaged or of another body
    └── GateError            versions cannot be compared

Every message says what happened, which value, and what to do. Exceptions of other libraries end at the adapter.
"""

from __future__ import annotations


class FinetuneError(Exception):
    """Base of everything finetune raises on purpose."""


class RoutesError(FinetuneError):
    """A routes file is missing, is not TOML, or has an unknown key, a missing field or a bad value."""


class BodyError(FinetuneError):
    """The delta, its vocabulary or the training data of the bilingual body is missing, damaged or of another parent."""


class DataError(FinetuneError):
    """A file of examples has the wrong columns, encoding or labels, or too few examples to learn from."""


class FeedbackError(FinetuneError):
    """Feedback or a review is malformed, names what does not exist, or cannot be stored."""


class TrainingError(FinetuneError):
    """A training was given settings that make no sense, or failed: a loss that is no number, a full disk."""


class BusyTrainingError(TrainingError):
    """Another training of the same task is running."""


class RegistryError(FinetuneError):
    """A version is missing, damaged, of another body or not written by this program, or a name is unusable."""


class GateError(FinetuneError):
    """Two versions cannot be compared: other questions, no questions, lengths that differ."""
