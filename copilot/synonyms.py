"""Other words for what a question says: short forms of the workshop, everyday words, and names in the other language.

A manual says 空气过滤器, a fitter 空滤; neither shares a word with the other, and their meaning alone does not tell the right row
from its neighbour. The words stand in `synonyms.toml`; names of parts in both languages in `finetune/body/glossary.tsv`, where
Chinese words with one English name stand for each other as well. Pure functions over those two files.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import pairwise

from indexer.analysis import fold, holds_chinese, question_tokens, stem, tokens

SAYS = 0.75
"""What other words are worth beside the question's own."""
_KINDS = frozenset({"component", "parameter", "fault"})
_ARTICLES = frozenset(("the", "a", "an"))
_LEAST_HEAD = 5  # shorter ones are plain words: end, bit, bus
_LEAST_LETTERS = 4  # "key", "nut" and the like are plain words as well
# 换 alone is a verb only where it is no part of another word: 换热器, 切换.
# c/o and c/out are "change out" in work orders.
_LONE = {
    "replace": re.compile(
        r"(?<![转切交变互兑替更])换(?![热向气挡档算能流新掉])|(?<![a-z])c\s?/\s?o(?:ut)?(?![a-z])(?!\s+(?:contact|relay|valve|switch))|\bchange[\s-]?outs?\b|\br\s?&\s?r\b|\b(?:rplc|repl)\b"
    )
}


@dataclass(frozen=True, slots=True)
class OtherWords:
    """One other way to say some words of a question: what `words_in` a text must hold, and the question's tokens it stands for.

    `tokens` are those that an index holds of it: in a passage where all stand, it most likely stands.
    """

    held: frozenset[str]
    said: frozenset[str]
    tokens: tuple[str, ...]


def other_words(question: str) -> tuple[OtherWords, ...]:
    """The other ways to say what a question says, in both languages; the longest words of it count, each once.

    >>> any("急停" in other.held for other in other_words("紧急停止后怎么复位？"))
    True
    """
    return _other_words(fold(question))


def words_in(text: str) -> set[str]:
    """The tokens of a text, and the pairs of English ones that stand side by side, so that phrases are found in it.

    "Level of the oil" has the pair of "oil level" as well.

    >>> sorted(words_in("Gear unit")), "oil level" in words_in("Check the level of the oil")
    (['gear', 'gear unit', 'unit'], True)
    """
    found = tokens(text)
    pairs = {f"{one} {other}" for one, other in pairwise(found) if one.isascii() and other.isascii()}
    for place in (place for place, token in enumerate(found) if token == "of" and place):
        owner = next((token for token in found[place + 1 : place + 3] if token not in _ARTICLES), "")
        pairs.add(f"{owner} {found[place - 1]}")
    return {*found, *pairs}


def said_otherwise(others: Iterable[OtherWords], words: Set[str]) -> frozenset[str]:
    """The question's tokens that a text, given as `words_in` it, holds in other words."""
    return frozenset().union(*(other.said for other in others if other.held <= words))


def words_for_work(question: str) -> tuple[OtherWords, ...]:
    """The other ways to say what is done: "renewed" of "replaced", in both languages. Too common to search by."""
    words, _ = _actions()
    listed: dict[str, list[str]] = _data()["actions"]  # type: ignore[assignment]
    folded = fold(question)
    asked: dict[frozenset[str], str] = {frozenset({token}): words[token] for token in tokens(folded) if token in words}
    asked |= {frozenset(question_tokens(found[0])): words[found[0]] for found in _actions()[1].finditer(folded)}
    asked |= {frozenset(question_tokens("换")): name for name, lone in _LONE.items() if lone.search(folded)}
    return tuple(
        other for said, name in asked.items() for word in listed[name] if (other := _as_other(word, said)) is not None
    )


def actions_in(text: str) -> frozenset[str]:
    """The kinds of work a text names, by the names of `synonyms.toml`: "replace", "clean", "check" ...

    >>> sorted(actions_in("Clean the filter; renew it every year")), sorted(actions_in("空滤多久换一次"))
    (['clean', 'replace'], ['replace'])
    """
    folded = fold(text)
    words, pattern = _actions()
    found = {words[match[0]] for match in pattern.finditer(folded)}
    found |= {words[token] for token in set(tokens(folded)) if token in words}
    found |= {name for name, lone in _LONE.items() if lone.search(folded)}
    return frozenset(found)


@lru_cache(maxsize=512)
def _other_words(question: str) -> tuple[OtherWords, ...]:
    meanings, pattern = _meanings(), _pattern()
    found: dict[OtherWords, None] = {}
    for match in pattern.finditer(question):
        word = _listed(match[0], meanings)
        if word is None:
            continue
        said = frozenset(question_tokens(match[0]))
        for other in meanings[word]:
            if (said_so := _as_other(other, said)) is not None:
                found[said_so] = None
    return tuple(found)


def _as_other(phrase: str, said: frozenset[str]) -> OtherWords | None:
    """A phrase in the place of the words `said`; None where it says no more than those.

    Of Chinese the pairs of characters are looked for, of English the pairs of words, which say where they stand.
    """
    found = tokens(phrase)
    if holds_chinese(phrase):
        found = [token for token in found if len(token) > 1]
        held = frozenset(found)
    else:
        held = frozenset(f"{one} {other}" for one, other in pairwise(found)) or frozenset(found)
    return OtherWords(held, said, tuple(dict.fromkeys(found))) if found and not set(found) <= said else None


def _listed(written: str, meanings: dict[str, tuple[str, ...]]) -> str | None:
    """The listed word that a question's words are a spelling of."""
    plain = re.sub(r"[\s\-_/]+", " ", written)
    forms = (written, plain, plain[:-1], plain[:-2])
    return next((form for form in forms if form in meanings), None)


@cache
def _data() -> dict[str, object]:
    return tomllib.loads(resources.files("copilot").joinpath("synonyms.toml").read_text(encoding="utf-8"))


@cache
def _meanings() -> dict[str, tuple[str, ...]]:
    """The other words for each listed word, folded, in the order of the files."""
    data = _data()
    out: dict[str, dict[str, None]] = {}

    def add(word: str, others: Iterable[str]) -> None:
        plain = re.sub(r"[\s\-_/]+", " ", fold(word))
        out.setdefault(plain, {}).update(dict.fromkeys(fold(other) for other in others if fold(other) != fold(word)))

    glossary = _of_glossary()
    groups: Sequence[Sequence[str]] = [*data["same"], *glossary]  # type: ignore[misc]
    for group in groups:
        for word in group:
            add(word, group)
    for first, *others in (*data["loose"], *_by_their_heads(glossary)):  # type: ignore[misc]
        add(first, others)
    return {word: tuple(others) for word, others in out.items()}


def _of_glossary() -> list[tuple[str, ...]]:
    """Each English name of the glossary with its Chinese ones."""
    groups: dict[str, list[str]] = {}
    text = resources.files("finetune").joinpath("body", "glossary.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        kind, *pair = line.split("\t")
        if kind in _KINDS and len(pair) == 2 and len(pair[0]) >= _LEAST_LETTERS and len(pair[1]) > 1:
            groups.setdefault(pair[0], [pair[0]]).append(pair[1])
    return [tuple(group) for group in groups.values()]


def _by_their_heads(glossary: Sequence[tuple[str, ...]]) -> list[tuple[str, str]]:
    """(Chinese name, last word of its English one) where that word ends no other name: 冷水机 is a "water chiller", and "the chiller"."""
    ends: dict[str, set[str]] = {}
    groups = [group for group in glossary if not holds_chinese(group[0])]
    for english, *_ in groups:
        ends.setdefault(english.split()[-1], set()).add(english)
    return [
        (chinese, english.split()[-1])
        for english, *same in groups
        for chinese in same
        if len(english.split()) > 1 and len(ends[english.split()[-1]]) == 1 and len(english.split()[-1]) >= _LEAST_HEAD
    ]


@cache
def _pattern() -> re.Pattern[str]:
    """Any listed word, the longest at each place."""
    words = sorted(_meanings(), key=len, reverse=True)
    latin = "|".join(r"[\s\-_/]*".join(map(re.escape, word.split())) for word in words if not holds_chinese(word))
    han = "|".join(re.escape(word) for word in words if holds_chinese(word))
    return re.compile(rf"(?<![a-z0-9])(?:{latin})(?:e?s)?(?![a-z0-9])|{han}")


@cache
def _actions() -> tuple[dict[str, str], re.Pattern[str]]:
    """(the action of each word, stemmed where English; a pattern of the Chinese words)."""
    listed: dict[str, list[str]] = _data()["actions"]  # type: ignore[assignment]
    words = {(word if holds_chinese(word) else stem(word)): name for name, group in listed.items() for word in group}
    han = sorted((word for word in words if holds_chinese(word)), key=len, reverse=True)
    return words, re.compile("|".join(han))
