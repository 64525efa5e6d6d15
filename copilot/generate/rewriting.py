"""A language model fills in what a follow-up leaves out. What it writes is checked: it may repeat the conversation, not add to it.

"And the torque?" after "How do I replace the drive belt of the VM-5?" becomes "What is the torque for the drive belt of the
VM-5?". Names, codes and numbers must stand in the conversation or the question, and those of the question must be kept; so
must nearly all other words. Whatever fails, the rules of `copilot.followup` are what counts.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Sequence

from copilot.errors import GeneratorError
from copilot.prompt import Message, as_data
from copilot.protocols import LanguageModel
from copilot.types import Turn
from indexer.analysis import fold, is_chinese, question_tokens, stem, tokens

_log = logging.getLogger(__name__)
_RECENT = 4  # turns shown
_MOST_CHARACTERS = 300
_MOST_TOKENS = 96
_REST_S = 30.0  # a model that failed is not asked again for so long
_NEW_WORDS = 0.2  # share of the informative words that may be new: a verb in the place of "how about"
_NAMED = re.compile(r"(?<![A-Za-z])[A-Z][A-Za-z]*[A-Z\d][\w.-]*|\d[\w.,-]*|(?<!^)(?<![.?!]\s)\b[A-Z][a-z]{2,}\b")
_LABEL = re.compile(r"^\s*(?:question|rewritten(?: question)?|改写(?:后的问题)?|问题)\s*[:：]\s*", re.IGNORECASE)

_SYSTEM = {
    "en": "You rewrite the last question of a conversation so that it can be understood alone. Put in what it leaves out (the "
    "machine, the part, the code, the work) from the questions before it, word for word. Add nothing else, answer nothing. "
    "If it can be understood alone, repeat it unchanged. Write the question only, on one line, in its own language.",
    "zh": "请改写对话中的最后一个问题，使它单独也能看懂。把省略的内容（机器、部件、代码、工作）按前面问题的原词补上，不要添加其他内容，不要回答。"
    "如果它单独就能看懂，原样重复。只写这个问题，一行，用它自己的语言。",
}
_FRAME = {"en": ("Questions before:", "Last question:"), "zh": ("前面的问题：", "最后一个问题：")}


class ModelRewriter:
    """Rewrites follow-ups with a language model; see `copilot.protocols.Rewriter`."""

    def __init__(self, model: LanguageModel, *, max_tokens: int = _MOST_TOKENS) -> None:
        self._model = model
        self._max_tokens = max_tokens
        self._away_until = 0.0

    def rewrite(self, text: str, earlier: Sequence[Turn]) -> str | None:
        """The question with what it leaves out; None when it stands alone, the model fails or its text may not be used."""
        if not earlier or time.monotonic() < self._away_until:
            return None
        try:
            with contextlib.closing(self._model.stream(_messages(text, earlier), self._max_tokens)) as pieces:  # type: ignore[type-var]
                written = "".join(pieces)
        except GeneratorError as error:
            _log.warning("a follow-up was not rewritten: %s", error)
            self._away_until = time.monotonic() + _REST_S
            return None
        written = _cleaned(written)
        if fold(written) == fold(text):
            return None
        if why := objection(written, text, earlier):
            _log.info("a rewritten follow-up is not used, %s: %s", why, written)
            return None
        return written


def objection(written: str, text: str, earlier: Sequence[Turn]) -> str:
    """Why a rewritten question may not stand for the one asked; "" when it may.

    It may hold only names, codes and numbers of the conversation, and must hold all of the question's.
    """
    if not written or len(written) > max(_MOST_CHARACTERS, 2 * len(text)) or "\n" in written:
        return "it is no single question"
    if is_chinese(written) != is_chinese(text):
        return "it is in another language"
    said = [text, *(part for turn in earlier for part in _said(turn))]
    known = {token for part in said for token in tokens(part)}
    squeezed = _squeezed(" ".join(said))
    for name in _NAMED.findall(written):
        if _squeezed(name) not in squeezed or not ({stem(fold(name)), *tokens(name)} & known):
            return f"it brings in {name}"
    if lost := [name for name in _NAMED.findall(text) if _squeezed(name) not in _squeezed(written)]:
        return f"it leaves out {lost[0]}"
    words = [word for word in question_tokens(written) if not (is_chinese(word) and len(word) < 2)]
    new = [word for word in words if word not in known]
    if any(any(map(str.isdigit, word)) for word in new):
        return f"it brings in {new[0]}"
    # In Chinese a joint of two known words is a new pair.
    allowed = _NEW_WORDS if not is_chinese(written) else 2 * _NEW_WORDS
    return f"it brings in {', '.join(new[:3])}" if len(new) > max(1, allowed * len(words)) else ""


def _said(turn: Turn) -> tuple[str, ...]:
    return turn.asked, turn.text, turn.topic, turn.machine or "", turn.source_machine or "", *turn.codes


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", fold(text))


def _cleaned(written: str) -> str:
    """A model's text without thinking aloud, label and quotation marks."""
    written = re.sub(r"<think>.*?(?:</think>|$)", "", written, flags=re.DOTALL).strip()
    return _LABEL.sub("", written).strip().strip("\"“”'`").strip()


def _messages(text: str, earlier: Sequence[Turn]) -> list[Message]:
    language = "zh" if is_chinese(text) else "en"
    before, last = _FRAME[language]
    told = []
    for turn in earlier[-_RECENT:]:
        machine = turn.machine or turn.source_machine
        told.append(
            as_data(" ".join(turn.text.split()))[:_MOST_CHARACTERS] + (f" ({as_data(machine)})" if machine else "")
        )
    return [
        Message("system", _SYSTEM[language]),
        Message("user", "\n".join([before, *(f"- {line}" for line in told), "", last, as_data(text)])),
    ]
