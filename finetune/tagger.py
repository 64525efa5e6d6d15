"""A fine-tuned tagger at work: a text in, the components, failures and actions it names out. No torch.

A version's folder holds `head.safetensors`, `layers.safetensors` where layers were fine-tuned, and `card.json`. Each word
is judged by the state of its first token; of all ways to tag the words only those are considered that make sense (an
I-Component stands behind a Component), and the likeliest is found by Viterbi's method, in the manner of a conditional
random field (Lafferty et al. 2001).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finetune.evaluate import entity_spans
from finetune.network import Body, Matrix, Network
from finetune.version_model import HEAD, network_of, opened, read_card, write_layers
from indexer.encoder import TextTokens

KIND = "tagger"
OUTSIDE = "O"
FORBIDDEN = -1e4  # added to the score of a transition that makes no sense

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_LETTER = f"[^\\W_{_HAN}]"
_WORD = re.compile(
    f"(?P<han>[{_HAN}]+)"
    r"|(?:[A-Za-z]\.){2,}"  # R.H.S.
    r"|[A-Za-z]/[A-Za-z]+(?![\w/])"  # c/o, u/s, l/h
    rf"|{_LETTER}+(?:(?:[-'’]|(?<=\d)[.,](?=\d)){_LETTER}+)*"
    r"|\S"
)
_HAN_RUN = re.compile(f"[{_HAN}]+")
_ONE_HAN = re.compile(f"[{_HAN}]")
_ENDS = frozenset(".!?;。！？；")

Transitions = Matrix
_Segment = Callable[[str], list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Tag:
    """A run of words with a name. `begin`, `end` count characters of a text, or words where words were given.

    `confidence` is the mean probability of its words' tags, 0..1.
    """

    begin: int
    end: int
    name: str
    confidence: float
    text: str


@dataclass(frozen=True, slots=True)
class TaggerParts:
    """All that is learnt: `names` of what is found, the head (`classes(names)` rows), and the transition scores.

    `transitions` (k + 1, k) are added when one class follows another; the last row is for a text's first word.
    """

    names: tuple[str, ...]
    weight: Matrix
    bias: Matrix
    transitions: Transitions
    changes: Mapping[str, Matrix]
    max_tokens: int


class Tagger:
    """One version, loaded at the first text. Safe to share between threads."""

    def __init__(self, folder: Path, body: Body, cache: Path, threads: int | None = None) -> None:
        """`folder` holds a version as `write_tagger` wrote it; `cache` keeps its graph."""
        self.folder = folder
        self._body, self._cache, self._threads = body, cache, threads

    def tag(self, text: str | Sequence[str]) -> tuple[Tag, ...]:
        """What a text, or a list of words, names, in order. Raises RegistryError when the version is damaged."""
        return self.tag_all([text])[0]

    def tag_all(self, texts: Sequence[str | Sequence[str]]) -> list[tuple[Tag, ...]]:
        """As `tag`, for many texts at once."""
        out = []
        places = [
            words(text, self._tokens.segment) if isinstance(text, str) else grouped(text, self._tokens.segment)
            for text in texts
        ]
        split = [
            [text[begin:end] if isinstance(text, str) else "".join(text[begin:end]) for begin, end in place]
            for text, place in zip(texts, places, strict=True)
        ]
        judged = judge(self.parts, self._tokens, self._network, split)
        for text, place, (tags, sure) in zip(texts, places, judged, strict=True):
            found = []
            for first, end, name in sorted(entity_spans(tags)):
                at, to = place[first][0], place[end - 1][1]
                said = text[at:to] if isinstance(text, str) else " ".join(text[at:to])
                found.append(Tag(at, to, name, float(sure[first:end].mean()), said))
            out.append(tuple(found))
        return out

    @cached_property
    def card(self) -> dict[str, Any]:
        """The version's card."""
        return read_card(self.folder)

    @cached_property
    def parts(self) -> TaggerParts:
        """What was learnt."""
        return read_tagger(self.folder, self._body)

    @cached_property
    def _tokens(self) -> WordTokens:
        return WordTokens(self._body, self.parts.max_tokens)

    @cached_property
    def _network(self) -> Network:
        return network_of(self.folder, self.parts.changes, self._body, self._cache, self._threads)


def judge(
    parts: TaggerParts, tokens: WordTokens, network: Network, texts: Sequence[Sequence[str]]
) -> list[tuple[list[str], Matrix]]:
    """The BIO tag of each word of each text, and its (words,) probability."""
    tags = classes(parts.names)
    windows = tokens.windows(texts)
    out: list[tuple[list[str], Matrix]] = [([], np.zeros(0, np.float32)) for _ in texts]
    for window, states in zip(windows, network.hidden([window.ids for window in windows]), strict=True):
        best, spread = decode(states[window.firsts] @ parts.weight.T + parts.bias, parts.transitions)
        before, sure = out[window.text]
        own = spread[np.arange(len(best)), best]
        out[window.text] = (before + [tags[number] for number in best], np.concatenate([sure, own]))
    return out


def words(text: str, segment: _Segment | None = None) -> list[tuple[int, int]]:
    """(begin, end) of every word and sign; `segment` cuts runs of Chinese characters, single ones without it."""
    out = []
    for match in _WORD.finditer(text):
        if not match["han"]:
            out.append(match.span())
            continue
        run = match.group()
        cuts = segment(run) if segment else [(i, i + 1) for i in range(len(run))]
        out += [(match.start() + begin, match.start() + end) for begin, end in cuts]
    return out


def grouped(given: Sequence[str], segment: _Segment) -> list[tuple[int, int]]:
    """(begin, end) of the words that are one to the body: single Chinese characters in a row are cut by `segment`."""
    out: list[tuple[int, int]] = []
    begin = 0
    while begin < len(given):
        end = begin
        while end < len(given) and _ONE_HAN.fullmatch(given[end]):
            end += 1
        if end > begin:
            out += [(begin + left, begin + right) for left, right in segment("".join(given[begin:end]))]
        else:
            end = begin + 1
            out.append((begin, end))
        begin = end
    return out


@dataclass(frozen=True, slots=True)
class Window:
    """As many words of the text numbered `text` as fit: their token ids, and the place of each word's first token.

    The words are those from `begin` on.
    """

    text: int
    begin: int
    ids: list[int]
    firsts: list[int]


class WordTokens:
    """Words as tokens of the body."""

    def __init__(self, body: Body, max_tokens: int) -> None:
        self._tokens = TextTokens(body.folder, None)
        self._file, self._room = body.folder.tokenizer, max(4, max_tokens) - 2

    def windows(self, texts: Sequence[Sequence[str]]) -> list[Window]:
        """Every text in as many windows as it needs, in order; a text without words has none."""
        known = self._ids({word for text in texts for word in text})
        return [window for number, text in enumerate(texts) for window in self._windows(number, text, known)]

    def is_chinese(self, word: str) -> bool:
        """Whether a word is Chinese characters alone."""
        return _HAN_RUN.fullmatch(word) is not None

    def segment(self, run: str) -> list[tuple[int, int]]:
        """A run of Chinese characters cut where the body's own tokens end, and those of more than two into pairs.

        A long token may be what is done and to what it is done ("更换轴承"); a tag could only mark all of it.
        """
        cuts = [span for span in self._cutter.encode(run, add_special_tokens=False).offsets if span[1] > span[0]]
        if not cuts or [0, *(end for _, end in cuts)] != [*(begin for begin, _ in cuts), len(run)]:
            return [(i, i + 1) for i in range(len(run))]  # there is a character that the tokeniser drops
        return [(i, min(i + 2, end)) for begin, end in cuts for i in range(begin, end, 2)]

    @cached_property
    def _cutter(self) -> Any:
        from tokenizers import Tokenizer

        cutter = Tokenizer.from_file(str(self._file))
        cutter.no_padding()
        cutter.no_truncation()
        return cutter

    @cached_property
    def _edges(self) -> tuple[int, int]:
        first, last = self._tokens.ids([""])[0]
        return first, last

    def _ids(self, found: set[str]) -> dict[str, list[int]]:
        order = sorted(found)
        (unknown,) = self._tokens.ids(["𪚥"])  # stands for what the tokeniser drops
        return {
            word: ids[1:-1][: self._room] or unknown[1:2]
            for word, ids in zip(order, self._tokens.ids(order), strict=True)
        }

    def _windows(self, number: int, text: Sequence[str], known: Mapping[str, list[int]]) -> Iterator[Window]:
        begin = 0
        while begin < len(text):
            end, used = begin, 0
            while end < len(text) and used + len(known[text[end]]) <= self._room:
                used += len(known[text[end]])
                end += 1
            if end < len(text):  # rather between sentences
                stops = [place + 1 for place in range(begin, end) if text[place] in _ENDS]
                end = stops[-1] if stops and stops[-1] > begin + (end - begin) // 2 else end
            ids, firsts = [self._edges[0]], []
            for word in text[begin:end]:
                firsts.append(len(ids))
                ids += known[word]
            yield Window(number, begin, [*ids, self._edges[1]], firsts)
            begin = end


def classes(names: Sequence[str]) -> list[str]:
    """The tags in the order of the head's rows: O, then B- and I- of every name."""
    return [OUTSIDE, *(f"{edge}-{name}" for name in names for edge in "BI")]


def legal(names: Sequence[str]) -> Transitions:
    """(k + 1, k): 0 where one class may follow another, the last row being a text's start, else FORBIDDEN."""
    tags = classes(names)
    allowed = np.zeros((len(tags) + 1, len(tags)), dtype=np.float32)
    for row, before in enumerate([*tags, OUTSIDE]):
        for column, tag in enumerate(tags):
            if tag.startswith("I-") and before[2:] != tag[2:]:
                allowed[row, column] = FORBIDDEN
    return allowed


def decode(emissions: Matrix, transitions: Transitions) -> tuple[list[int], Matrix]:
    """The likeliest classes of n >= 1 words by (n, k) logits, and the (n, k) probabilities over all ways to tag them."""
    count, size = emissions.shape
    between, start = transitions[:-1].astype(np.float64), transitions[-1]
    forward = np.empty((count, size))
    backward = np.zeros((count, size))
    best = np.empty((count, size))
    source = np.zeros((count, size), dtype=np.int64)
    forward[0] = best[0] = start + emissions[0]
    for place in range(1, count):
        steps = best[place - 1][:, None] + between
        source[place] = steps.argmax(axis=0)
        best[place] = steps.max(axis=0) + emissions[place]
        forward[place] = _log_sum(forward[place - 1][:, None] + between, 0) + emissions[place]
    for place in range(count - 2, -1, -1):
        backward[place] = _log_sum(between + (emissions[place + 1] + backward[place + 1])[None], 1)
    path = [int(best[-1].argmax())]
    for place in range(count - 1, 0, -1):
        path.append(int(source[place, path[-1]]))
    both = forward + backward
    return path[::-1], np.exp(both - _log_sum(both, 1)[:, None]).astype(np.float32)


def _log_sum(values: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float64]:
    top = values.max(axis=axis, keepdims=True)
    summed: npt.NDArray[np.float64] = np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis)
    return summed


def write_tagger(folder: Path, parts: TaggerParts) -> dict[str, Any]:
    """Write all files but the card; returns what the card must say under "model"."""
    from safetensors.numpy import save_file

    head = {"weight": parts.weight, "bias": parts.bias, "transitions": parts.transitions}
    save_file({name: np.ascontiguousarray(value, dtype=np.float32) for name, value in head.items()}, folder / HEAD)
    write_layers(folder, parts.changes)
    return {"kind": KIND, "names": list(parts.names), "max_tokens": parts.max_tokens}


def read_tagger(folder: Path, body: Body) -> TaggerParts:
    """Read what `write_tagger` wrote. Raises RegistryError when it is damaged, of another kind or of another body."""
    with opened(folder, body, KIND) as (model, head, changes):
        names = tuple(map(str, model["names"]))
        size = len(classes(names))
        shapes = {name: head[name].shape for name in ("weight", "bias", "transitions")}
        if [*shapes.values()] != [(size, body.words.shape[1]), (size,), (size + 1, size)]:
            raise ValueError(f"a head of shapes {shapes} for {len(names)} names")
        return TaggerParts(
            names, head["weight"], head["bias"], head["transitions"], changes, int(model["max_tokens"])
        )  # fmt: skip
