"""The choices that a setting lists, and the one that a question is about: "What does PD001 = 2 mean?". Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise

from indexer.chinese import both_scripts

_MEANS = re.compile(
    both_scripts(
        r"\bmean(?:s|ing)?\b|\bstands? for\b|\bwhat (?:is|does|happens)\b|表示|代表|意思|含义|意义|是什么|什么作用"
    ),
    re.IGNORECASE,
)
_NUMBER = r"\s*(\d{1,3})(?![\d.,]*\d)(?!\s?(?:%|°|Ω|℃|(?:[kM]?W|[kMG]?Hz|m?[sAVm]|bar|Nm|rpm)\b))"
_CHOSEN = re.compile(
    both_scripts(
        rf"(?:[=＝]|\b(?:set|equals?|switched|configured|selected)(?: (?:to|at|as))?\b|\b(?:value|option|choice)(?: of)?\b"
        rf"|设置?[为成]|设定[为成]|等于|选择?为?|[值数]为?是?){_NUMBER}"
    ),
    re.IGNORECASE,
)
_INLINE = re.compile(r"(?<![\w.,:：=＝-])(\d{1,3})\s*[:：=＝]\s*(?=[^\s\d])")
_LINE = re.compile(r"^[ \t]*(\d{1,3})[ \t]+(?=[^\s\d])", re.MULTILINE)
_AROUND = " \t\n;；,，、|/"


def option_asked(question: str) -> int | None:
    """The value whose meaning is asked; None for every other question.

    >>> option_asked("What does PD001 = 2 mean?"), option_asked("P0-02设为1是什么意思"), option_asked("set PD001 to 2")
    (2, 1, None)
    """
    chosen = _CHOSEN.search(question) if _MEANS.search(question) else None
    return int(chosen[1]) if chosen else None


def options(text: str) -> Mapping[int, str]:
    """Value -> the choice as printed, its value before it; nothing where no ascending row of choices is listed.

    >>> options("0：Operator 1：External terminal 2：Communication port")[1]
    '1：External terminal'
    >>> dict(options("Tighten at 10: 30 Nm"))
    {}
    """
    for pattern in (_INLINE, _LINE):
        marks = list(pattern.finditer(text))
        values = [int(mark[1]) for mark in marks]
        if len(marks) > 1 and all(a < b for a, b in pairwise(values)):
            ends = [*(mark.start() for mark in marks[1:]), len(text)]
            return {
                value: text[mark.start() : end].split("\n")[0].strip(_AROUND)
                for value, mark, end in zip(values, marks, ends, strict=True)
            }
    return {}


def chosen_option(question: str, texts: Iterable[str]) -> str:
    """The choice that the question is about, as printed in one of the texts; "" where none or several differ."""
    value = option_asked(question)
    if value is None:
        return ""
    found = {listed[value] for text in texts if value in (listed := options(text))}
    return found.pop() if len(found) == 1 else ""
