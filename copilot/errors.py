"""Errors of the copilot.

    CopilotError
    ├── QuestionError        a question cannot be taken (empty, far too long)
    ├── CitationError        a generator produced a marker or a quote that its evidence does not bear out
    └── GeneratorError       a text generator cannot be loaded, reached or run
        ├── ModelAwayError   its model is not on this machine, or its server does not answer
        ├── ModelSlowError   it took longer than the settings allow
        └── CutOffError      its text ended before it was finished

Lack of evidence is an answer, not an error. Every message says what happened, which value, and what to do.
"""

from __future__ import annotations


class CopilotError(Exception):
    """Base of everything the copilot raises on purpose."""


class QuestionError(CopilotError):
    """The question is empty or longer than the limit; the message names the limit."""


class CitationError(CopilotError):
    """A marker resolves to no citation, or a quote is not in the chunk it names."""


class GeneratorError(CopilotError):
    """A generator's model or server is missing, damaged or does not answer."""


class ModelAwayError(GeneratorError):
    """The model's folder or package is missing, or its server cannot be reached or refuses."""


class ModelSlowError(GeneratorError):
    """The first token or the whole text took longer than its limit; the message names the limit and the setting."""


class CutOffError(GeneratorError):
    """The text ended at the token limit, or the connection did, before the model was done."""
