"""Text -> tokens for the lexical index: codes whole, in parts and joined; digits and units kept; CJK by characters.

Both sides of BM25 must use the same analyser, so the manifest records `ANALYSER` and opening refuses another one.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, cached_property, lru_cache
from itertools import pairwise

from indexer.chinese import simplified

ANALYSER = "codes+snowball-english+cjk-characters-and-bigrams/3"

# One alternative per script. A code-like run may be tied together by single separators: e-207, al.52.1, 6es7/315.
_RUN = re.compile(
    r"(?P<latin>[$#]?[^\W_\u2e80-\u9fff\uac00-\ud7af\u3040-\u30ff]+(?:[-‐‑–._/:'’+][^\W_\u2e80-\u9fff\uac00-\ud7af\u3040-\u30ff]+)*)"
    r"|(?P<cjk>[\u3400-\u4dbf\u4e00-\u9fff\u3040-\u30ff\uac00-\ud7af\uf900-\ufaff]+)"
)
_PARTS = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?")
_SPLIT = re.compile(r"[-‐‑–._/:'’+]")
_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")  # 1,500 -> 1500
_NUMBER_WITH_UNIT = re.compile(r"(\d+(?:\.\d+)?)([^\W\d_]+)")

UNITS = frozenset(
    "nm ncm mm cm m km um µm in inch inches ft kg g mg lb lbs t n kn bar mbar mpa kpa pa psi c °c f °f k v kv mv a ma "
    "w kw kva hp hz khz mhz ghz rpm min s sec ms us h hr hrs l ml cc l/min m/s m/min m3/h ohm kohm mohm db lux pcs % "
    "mah wh kwh gb mb kb dpi px nm/rad".split()
)

# Words that carry no topic in a question. Kept in the index, dropped from questions.
STOP_WORDS = frozenset(
    "a an the is are was were be been being do does did done am i me my we us our you your he she it its they them "
    "their this that these those there here what which who whom whose when where why how can could may might must "
    "shall should will would have has had having of to in on at by for from with about into onto as and or but if so "
    "than then too very just please tell explain any some such not no s t ll re ve d "
    # As they are typed on a telephone: without the apostrophe, or short.
    "doesnt dont didnt isnt arent wasnt werent wont cant cannot couldnt shouldnt wouldnt havent hasnt hadnt aint "
    "whats hows wheres whos thats theres ive youre theyre gonna kinda pls plz ok okay hey thx thanks btw "
    "seem seems really actually still again gets got keeps somebody someone anybody anyone don doesn didn isn wasn won".split()
)
STOP_BIGRAMS = frozenset(
    "什么 怎么 如何 怎样 为什 么办 是什 请问 哪些 哪个 哪里 多少 是否 可以 能否 吗 呢 的 了 是 么样 怎办 一下 应该 应如 "
    "该如 该怎 么处 有哪 哪几 几种 么是 何 是多 在哪 时候 候 么 什 怎 吗 呢 吧 在 和 有 我 你 他 这 那 个 会 要 与 及 或 请 为 被 把 "
    "如 就 都 也 很 到 从 对 哪 几 样 办 应 该 能 可 以 之 其 问".split()
)


def fold(text: str) -> str:
    """Compatibility-normalised (full-width to ASCII), case-folded, simplified text; length may change."""
    return simplified(unicodedata.normalize("NFKC", text).casefold())


class _Stemmers(threading.local):
    """A stemmer for each thread: it keeps the word it works on in itself, so two threads would mix theirs."""

    @cached_property
    def stem(self) -> Callable[[str], str]:
        import snowballstemmer

        stem: Callable[[str], str] = snowballstemmer.stemmer("english").stemWord
        return stem


_STEMMERS = _Stemmers()


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The Snowball English stem (Porter 2, https://snowballstem.org); words of other alphabets come back unchanged."""
    if len(word) < 4 or not word.isascii():
        return word
    return _STEMMERS.stem(word)


@lru_cache(maxsize=200_000)
def _latin(run: str) -> tuple[str, ...]:
    """Tokens of one run of letters, digits and separators."""
    if run.isalpha():
        return (stem(run),)
    body = run.lstrip("$#")
    if not any(character.isdigit() for character in run):  # well-known, it's, input/output
        pieces = [piece for piece in _SPLIT.split(body) if piece and piece not in {"s", "t"}]
        if len(pieces) < 2:
            return tuple(stem(piece) for piece in pieces)
        if "'" in run or "’" in run:
            return tuple(stem(piece) for piece in pieces)
        return (*(stem(piece) for piece in pieces), "".join(pieces))
    if _NUMBER.fullmatch(run):
        return (run,)
    unit = _NUMBER_WITH_UNIT.fullmatch(run)
    if unit and unit[2] in UNITS:
        return (run, unit[1], unit[2])
    # A code: whole, joined, and its parts; a part of one letter alone says nothing.
    whole = run
    joined = _SPLIT.sub("", body)
    out = [whole]
    if joined != whole:
        out.append(joined)
    for piece in _SPLIT.split(body):
        for part in (piece, *_PARTS.findall(piece)):
            if part and part not in out and (part.isdigit() or len(part) > 1):
                out.append(stem(part) if part.isalpha() else part)
            if part.isdigit() and part != "0" and part[0] == "0":
                out.append(part.lstrip("0"))
    return tuple(out)


def _cjk(run: str) -> Iterator[str]:
    """Single characters and bigrams: bigrams alone miss 油分芯 in 油气分离芯 (measured in benchmarks/RESULTS.md)."""
    yield from run
    for first, second in pairwise(run):
        yield first + second


def tokens(text: str) -> list[str]:
    """Tokens of a text in order, repeats kept.

    >>> tokens("Alarm E-207: 30 Nm")
    ['alarm', 'e-207', 'e207', '207', '30', 'nm', '30nm']
    """
    out: list[str] = []
    number = ""
    for match in _RUN.finditer(_THOUSANDS.sub("", fold(text))):
        run = match[0]
        if match.lastgroup == "cjk":
            out.extend(_cjk(run))
            number = ""
            continue
        out.extend(_latin(run))
        if number and run in UNITS:
            out.append(number + run)
        number = run if _NUMBER.fullmatch(run) else ""
    return out


def question_tokens(text: str) -> list[str]:
    """Distinct tokens of a question without its empty words, in order; all of them when nothing else is left."""
    found = list(dict.fromkeys(tokens(text)))
    kept = [token for token in found if token not in _stopped_tokens() and not _STOPPED_EDGE.fullmatch(token)]
    return kept or found


# Bigrams that a question word begins or ends: 何更 of 如何更换.
_STOPPED_EDGE = re.compile(r"[何么吗呢怎请].|.[怎吗呢么]")


@cache
def _stopped_tokens() -> frozenset[str]:
    return frozenset({stem(word) for word in STOP_WORDS} | STOP_WORDS | STOP_BIGRAMS)


_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")


def holds_chinese(text: str) -> bool:
    """Whether any Han character occurs."""
    return bool(_HAN.search(text))


def is_chinese(text: str) -> bool:
    """Whether a question is best answered in Chinese: a fifth or more of its letters are Han characters."""
    han = len(_HAN.findall(text))
    return han > 0 and han / sum(map(str.isalpha, text)) >= 0.2
