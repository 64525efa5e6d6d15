"""Traditional and simplified Chinese as one: texts folded for comparing, patterns that fit both scripts.

Documents and questions of Taiwan, Hong Kong and older exports meet those of the mainland only when both are written
alike. Nothing that is shown or quoted passes through here.
"""

from __future__ import annotations

import re
from functools import cache

from indexer.traditional import SIMPLIFIED, TRADITIONAL

_HAN = re.compile(r"[\u4e00-\u9fff]")


@cache
def _table() -> dict[int, str]:
    return {ord(traditional): simplified for traditional, simplified in zip(TRADITIONAL, SIMPLIFIED, strict=True)}


@cache
def _forms() -> dict[str, str]:
    """A simplified character -> the traditional ones that are folded to it."""
    forms: dict[str, str] = {}
    for traditional, simplified in zip(TRADITIONAL, SIMPLIFIED, strict=True):
        forms[simplified] = forms.get(simplified, "") + traditional
    return forms


def simplified(text: str) -> str:
    """The text with every traditional character replaced by its simplified form, character by character.

    The length stays, so positions in the result are positions in the text. Follows OpenCC's table for single
    characters (https://github.com/BYVoid/OpenCC).

    >>> simplified("壓縮機的濾芯")
    '压缩机的滤芯'
    """
    return text if text.isascii() else text.translate(_table())


def both_scripts(pattern: str) -> str:
    """A regular expression written in simplified characters, made to fit traditional ones as well.

    >>> both_scripts("警告|危[险急]")
    '警告|危[险險急]'
    """
    out: list[str] = []
    inside = False  # of a class [...]
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\":
            out.append(pattern[at : at + 2])
            at += 2
            continue
        if sign == "[" and not inside:
            inside = True
        elif sign == "]" and inside and pattern[at - 1 : at] != "[":
            inside = False
        others = _forms().get(sign, "") if _HAN.match(sign) else ""
        out.append((sign + others if inside else f"[{sign}{others}]") if others else sign)
        at += 1
    return "".join(out)
