"""A question and a passage as one sequence of tokens: [CLS] question [SEP] passage [SEP], and back to characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from finetune.errors import RegistryError
from indexer.encoder import tokenisable
from indexer.model_folder import ModelFolder

QUESTION_TOKENS = 40


@dataclass(frozen=True, slots=True)
class Tokens:
    """The token ids of a text and the characters (begin, end) that each stands for."""

    ids: Sequence[int]
    offsets: Sequence[tuple[int, int]]

    def cut(self, begin: int, end: int) -> Tokens:
        """Some of the tokens."""
        return Tokens(self.ids[begin:end], self.offsets[begin:end])

    def covering(self, begin: int, end: int) -> tuple[int, int] | None:
        """First and last token of the characters [begin, end); None when no token is among them."""
        inside = [place for place, (left, right) in enumerate(self.offsets) if left < end and right > begin]
        return (inside[0], inside[-1]) if inside else None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts in one sequence: `types` is 0 for the question, 1 for the passage, whose first token is at `first`."""

    ids: list[int]
    types: list[int]
    first: int
    passage: Tokens


class PairTokens:
    """Makes pairs with the body's tokeniser. Safe to share between threads."""

    def __init__(self, model: ModelFolder) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer: Any = Tokenizer.from_file(str(model.tokenizer))
        except Exception as error:  # the library raises bare Exception
            raise RegistryError(f"Cannot read {model.tokenizer}: {error}; reinstall the program") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        begin, end = (self._tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]"))
        if begin is None or end is None:
            raise RegistryError(f"{model.tokenizer} has no [CLS] and [SEP]; reinstall the program")
        self._begin, self._end = int(begin), int(end)

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text, without special ones."""
        clean = [tokenisable(text) for text in texts]
        return [
            Tokens(found.ids, found.offsets) for found in self._tokenizer.encode_batch(clean, add_special_tokens=False)
        ]

    def room(self, question: Tokens, max_tokens: int) -> int:
        """Tokens that are left for a passage."""
        return max_tokens - min(len(question.ids), QUESTION_TOKENS) - 3

    def pair(self, question: Tokens, passage: Tokens, max_tokens: int) -> Pair:
        """Both in one sequence of at most `max_tokens`, the passage cut at its end."""
        asked = list(question.ids[:QUESTION_TOKENS])
        shown = passage.cut(0, self.room(question, max_tokens))
        ids = [self._begin, *asked, self._end, *shown.ids, self._end]
        types = [0] * (len(asked) + 2) + [1] * (len(shown.ids) + 1)
        return Pair(ids, types, len(asked) + 2, shown)


def window(tokens: Tokens, room: int, rng: np.random.Generator, around: tuple[int, int] | None = None) -> Tokens:
    """At most `room` neighbouring tokens, drawn; with `around` those of a span are among them, as far as they fit."""
    count = len(tokens.ids)
    if count <= room:
        return tokens
    low, high = 0, count - room
    if around is not None:
        low, high = max(0, min(around[1] - room + 1, high)), max(0, min(around[0], high))
        low = min(low, high)
    begin = int(rng.integers(low, high + 1))
    return tokens.cut(begin, begin + room)
