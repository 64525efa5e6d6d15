"""What one open page knows: its conversation, what is shown beside it, its language. One per browser tab."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import uuid4

from copilot.types import Answer, Turn
from ui.render import Said
from ui.viewer import Place

REMEMBERED = 8  # turns that a question may lean on


@dataclass
class Session:
    """Changed in place by the page's events. `run` counts questions: an older one that still runs knows it is over."""

    language: str = "en"
    conversation: str = ""  # begins with its first question: gradio copies one Session for every browser tab
    answers: list[Answer] = field(default_factory=list)
    notices: dict[int, list[str]] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    at: int = 0
    run: int = 0
    asking: tuple[str, str | None] | None = None
    written: str = ""
    previewed: tuple[str, int] | None = None  # in the library: document, page
    visited: set[str] = field(default_factory=set)  # tabs that are filled when they are opened

    def begin(self) -> None:
        """Start a new conversation; the language stays."""
        self.conversation = ""
        self.answers, self.notices, self.said, self.turns = [], {}, {}, []
        self.places, self.at = [], 0
        self.run += 1
        self.asking, self.written = None, ""

    def ask(self, text: str, machine: str | None) -> int:
        """A question begins; returns its number."""
        self.conversation = self.conversation or uuid4().hex
        self.run += 1
        self.asking, self.written = (text, machine), ""
        return self.run

    def add(self, answer: Answer) -> None:
        """An answer is complete."""
        self.answers.append(answer)
        self.turns = [*self.turns, answer.turn][-REMEMBERED:]
        self.asking, self.written = None, ""

    def note(self, html: str) -> None:
        """A turn that ended without an answer."""
        self.notices.setdefault(len(self.answers), []).append(html)
        self.asking, self.written = None, ""

    def find(self, answer_id: str) -> Answer | None:
        """An answer of this conversation."""
        return next((answer for answer in self.answers if answer.id == answer_id), None)

    def place(self) -> Place | None:
        """What is shown beside the conversation."""
        return self.places[self.at] if 0 <= self.at < len(self.places) else None
