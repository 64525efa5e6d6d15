"""Errors of the indexer.

    IndexerError
    ├── ReadError            one input file cannot be used; it is quarantined, the build goes on
    ├── EncoderError         the encoder's weights are missing, damaged or of the wrong shape
    ├── PredictionError      a model that fills columns of fault reports cannot be used; the build goes on without it
    ├── StoreError           the home folder or an index generation cannot be read or written
    │   ├── NoIndexError     nothing has been published yet
    │   ├── MismatchError    the index was built with other settings than those in force
    │   └── BusyError        another process is writing
    └── BuildError           a build cannot go on (disk full, self-test failed)

Every message says what happened, which value, and what to do. Exceptions of other libraries end at the adapter.
"""

from __future__ import annotations


class IndexerError(Exception):
    """Base of everything the indexer raises on purpose."""


class ReadError(IndexerError):
    """One input cannot be read. `reason` is one line, fit for a quarantine list."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EncoderError(IndexerError):
    """The encoder cannot be loaded, exported or run."""


class PredictionError(IndexerError):
    """A predictor of fault-report columns cannot be loaded or run."""


class StoreError(IndexerError):
    """The home folder or one of its generations is unreadable or damaged."""


class NoIndexError(StoreError):
    """No generation has been published in this home folder."""


class MismatchError(StoreError):
    """The generation was written with other settings than those asked for; the message names the remedy."""


class BusyError(StoreError):
    """Another process holds the writer's lock."""


class BuildError(IndexerError):
    """The build stopped; the generation published before it still answers."""
