"""Parts of machines in English and Chinese, so that a part which a manual of the other language lacks is noticed.

Across languages no word of a question can stand in a passage, and meaning alone hardly tells the compressor's oil from the oil
of its gearbox. The terms are those that taught the encoder Chinese (`finetune/body/glossary.tsv`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib import resources

from indexer.analysis import fold, is_chinese, tokens

_KIND = "component"
_LEAST_LETTERS = 4  # "key", "rack" and the like are plain words as well


@cache
def _terms() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    """(English -> Chinese, Chinese -> English) terms of parts, folded."""
    english: dict[str, set[str]] = {}
    chinese: dict[str, set[str]] = {}
    text = resources.files("finetune").joinpath("body", "glossary.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        kind, *pair = line.split("\t")
        if kind == _KIND and len(pair) == 2:
            one, other = fold(pair[0]), fold(pair[1])
            english.setdefault(one, set()).add(other)
            chinese.setdefault(other, set()).add(one)
    return (
        {term: frozenset(same) for term, same in english.items() if len(term) >= _LEAST_LETTERS},
        {term: frozenset(same) for term, same in chinese.items() if len(term) > 1},
    )


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    english, chinese = (sorted(terms, key=len, reverse=True) for terms in _terms())
    return (
        re.compile(rf"(?<![a-z])({'|'.join(map(re.escape, english))})(?:e?s)?(?![a-z])"),
        re.compile("|".join(map(re.escape, chinese))),
    )


def parts_named(question: str) -> dict[str, frozenset[str]]:
    """The parts a question names, each with what it is called in the other language; the longest terms only.

    >>> sorted(parts_named("Which oil goes into the gearbox?")["gearbox"])
    ['减速箱', '齿轮箱']
    """
    chinese = is_chinese(question)
    terms, pattern = _terms()[chinese], _patterns()[chinese]
    found = {match[1] if not chinese else match[0] for match in pattern.finditer(fold(question))}
    return {term: terms[term] for term in found}


def parts_missing(parts: Mapping[str, Collection[str]], passages: Sequence[str]) -> tuple[str, ...]:
    """Which of `parts_named` no passage of the other language has under any name.

    A passage may call a part by the last word of its name ("pump" of "oil pump", 阀门 of 排水阀门): that counts as named.
    """
    texts = [fold(text) for text in passages]
    bags = [set(tokens(text)) for text in texts]

    def named(term: str) -> bool:
        if is_chinese(term):
            return any(term in text or term[-2:] in text for text in texts)
        words = tokens(term)
        return bool(words) and any(words[-1] in bag for bag in bags)

    return tuple(term for term, same in parts.items() if not any(map(named, same)))


def head_word(part: str) -> frozenset[str]:
    """The tokens by which a passage may call a part: the last word of its name, the last two characters of a Chinese one."""
    return frozenset(tokens(part[-2:])) - set(part) if is_chinese(part) else frozenset(tokens(part)[-1:])
