"""A language model's text as it arrives -> whole sentences with the passages they cite."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from copilot.sentences import is_bullet, sentence_spans, step_number

_MOST_CITED = 8
_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_OPEN_THOUGHT = "<think"
_END_OF_THOUGHT = re.compile(r".*</think(?:ing)?>", re.DOTALL)  # its beginning may have been part of the prompt
_MARK = (
    r"[\[【［]\s*\^?(?:passages?|sources?|段落|来源)?\s*\d{1,3}(?:\s*(?:[,，、;；]|[-–~]|and|和)\s*\d{1,3})*\s*[\]】］]"
)
_MARKS = re.compile(rf"\s*{_MARK}")
_LEADING = re.compile(rf"(?:\s*{_MARK})+[.。]?")
_GLUED = re.compile(r"(?<=[.!?])(?=[\[【［]\s*\^?\d)")
_EMPHASIS = re.compile(r"\*\*|__|`|^\s*#{1,6}\s+|^\s*>\s+")
_ITEM = re.compile(r"^\s*(?:(?P<number>\d{1,3}|[a-zA-Z])[.)、]|[-*•])\s+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, or one whole list line, of a model.

    `text` is without its markers and list sign, `sign` that sign ("1." or "•"), `cited` the numbers of the passages it
    cites, `alone` says that a line begins with it.
    """

    text: str
    cited: tuple[int, ...]
    sign: str = ""
    alone: bool = False


class Arriving:
    """Takes text as it comes and gives sentences out as soon as it is sure that they, and their markers, are whole."""

    def __init__(self) -> None:
        self._buffer = ""
        self._at_line = True
        self.thought = False
        """Whether all that came before was a model thinking aloud; whoever reads sets it back."""

    def feed(self, text: str) -> Iterator[Sentence]:
        """The sentences that are complete with this text."""
        self._buffer += text
        if "think" in self._buffer and self._strip_thoughts():
            return
        while "\n" in self._buffer:
            line, self._buffer = self._buffer.split("\n", 1)
            yield from self._line(line)
            self._at_line = True
        if self._buffer.rstrip()[-1:] in "]】］" or len(self._buffer) > 8:
            yield from self._begun_line()

    def end(self, whole: bool = True) -> Iterator[Sentence]:
        """What is left; an unfinished sentence only when the text is `whole`."""
        rest, self._buffer = self._buffer, ""
        if rest.lstrip().startswith(_OPEN_THOUGHT):
            return
        spans = _marked(rest)
        if not whole and spans and not _is_ended(spans[-1]):
            spans.pop()
        for sentence in spans if not _is_item(rest) else ([rest] if whole else []):
            yield from self._sentence(sentence)

    def _strip_thoughts(self) -> bool:
        """Drop thoughts; true while one is still going on."""
        self._buffer = _THOUGHT.sub("", self._buffer)
        if _END_OF_THOUGHT.match(self._buffer):
            self._buffer = _END_OF_THOUGHT.sub("", self._buffer)
            self.thought = self._at_line = True
        return self._buffer.lstrip().startswith(_OPEN_THOUGHT)

    def _line(self, line: str) -> Iterator[Sentence]:
        for sentence in [line] if _is_item(line) else _marked(line):
            yield from self._sentence(sentence)

    def _begun_line(self) -> Iterator[Sentence]:
        """Sentences of a line that goes on: all but the last, and not that before it while markers may follow."""
        if _is_item(self._buffer) or self._buffer.lstrip()[:1] in ("<", ""):
            return
        *done, last = _marked(self._buffer) or [""]
        if not done or last.lstrip()[:1] in ("", "[", "【", "［"):
            return
        self._buffer = last
        for sentence in done:
            yield from self._sentence(sentence)

    def _sentence(self, written: str) -> Iterator[Sentence]:
        text = _EMPHASIS.sub("", _MARKS.sub("", written))
        item = _ITEM.match(text)
        sign = "" if item is None else f"{item['number']}." if item["number"] else "•"
        body = re.sub(r"\s+([.,;:!?。，；：！？])", r"\1", text[item.end() :] if item else text)
        body = " ".join("".join(c for c in body if unicodedata.category(c)[0] != "C" or c == "\t").split())
        if any(character.isalnum() for character in body):
            yield Sentence(body, tuple(_numbers(written)), sign, self._at_line)
            self._at_line = False


def _is_item(line: str) -> bool:
    return step_number(line) is not None or is_bullet(line)


def _is_ended(sentence: str) -> bool:
    return bool(re.search(r"[.!?。！？；]$", _MARKS.sub("", sentence).rstrip())) or bool(_MARKS.search(sentence[-5:]))


def _marked(line: str) -> list[str]:
    """The sentences of a line, each with the markers that follow it."""
    line = _GLUED.sub(" ", line)
    out: list[str] = []
    for start, end in sentence_spans(line):
        text = line[start:end]
        if out and (leading := _LEADING.match(text)):
            out[-1] += " " + leading[0].strip()
            text = text[leading.end() :]
        if text.strip():
            out.append(text)
    return out


def _numbers(text: str) -> list[int]:
    """The passages a sentence cites, in order; [1-3] are three."""
    out: list[int] = []
    for mark in _MARKS.findall(text):
        for first, last in re.findall(r"(\d{1,3})(?:\s*[-–~]\s*(\d{1,3}))?", mark):
            out.extend(range(int(first), min(int(last or first), int(first) + _MOST_CITED) + 1))
    return list(dict.fromkeys(out))[:_MOST_CITED]
