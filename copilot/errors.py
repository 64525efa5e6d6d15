"""Errors of the copilot.

    CopilotError
    ├── QuestionError        a question cannot be taken (empty, far too long)
    ├── CitationError        a generator produced a marker or a quote that its evidence does not bear out
    └── GeneratorError       a text generator cannot be loaded, reached or run

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
