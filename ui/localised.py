"""Components whose texts follow the language: noted as they are made, updated together when it changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ui.words import Words

if TYPE_CHECKING:
    from ui.session import Session

Update = dict[str, Any]
Render = Callable[[Words, "Session"], Update]


class Localised:
    """`add` names the properties that hold a text and its key; `rendered` a function for all that is not one text."""

    def __init__(self) -> None:
        self._components: list[Any] = []
        self._renders: list[Render] = []

    def add(self, component: Any, **keys: str) -> Any:
        """The component, its properties (label="page.chat", ...) kept in the language of the page."""

        def texts(words: Words, session: Session) -> Update:
            return {name: words(key) for name, key in keys.items()}

        return self.rendered(component, texts)

    def rendered(self, component: Any, render: Render) -> Any:
        """The component, updated with what `render` gives. Raises ValueError for a component noted twice."""
        if any(component is known for known in self._components):
            raise ValueError(f"{component!r} is noted twice; put all its properties into one call")
        self._components.append(component)
        self._renders.append(render)
        return component

    @property
    def components(self) -> list[Any]:
        """In the order of `updates`."""
        return list(self._components)

    def updates(self, words: Words, session: Session) -> list[Any]:
        """One update per component."""
        import gradio as gr

        return [gr.update(**render(words, session)) for render in self._renders]
