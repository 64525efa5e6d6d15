"""The seams of finetune."""

from __future__ import annotations

from typing import Protocol

from finetune.types import RouteDecision


class Router(Protocol):
    """Decides which kind of question a question is."""

    @property
    def name(self) -> str:
        """What an answer records under `model_versions["router"]`."""
        ...

    def route(self, question: str) -> RouteDecision:
        """Decide for one question, in any language. Never raises for its wording: doubt is a low confidence."""
        ...
