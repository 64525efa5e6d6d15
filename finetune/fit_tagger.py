"""Tagged texts in, a fine-tuned tagger out: the story of one training. Imports torch where the head is learnt."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.dataset import TaggedText, same_text, split
from finetune.errors import DataError
from finetune.evaluate import entity_spans, span_f1
from finetune.fit import MANY
from finetune.network import Body, Matrix, Network, merged
from finetune.tagger import OUTSIDE, TaggerParts, WordTokens, classes, decode, grouped, judge, legal

if TYPE_CHECKING:
    from finetune.train import TrainSettings

Say = Callable[[str], None]
TRANSITION_WEIGHT = 0.3
_NO_CLASS = -1
_FEWEST = 20  # texts below which none is held out


@dataclass(frozen=True, slots=True)
class TagScores:
    """Whole entities found in `n` texts, exact borders and name, 0..1: micro figures, and F1 with count of every name."""

    n: int
    precision: float
    recall: float
    f1: float
    per_name: dict[str, dict[str, float]]

    def to_json(self) -> dict[str, Any]:
        """As a card keeps it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FittedTagger:
    """A tagger, its measures on texts held out of its training, and what the card should tell."""

    parts: TaggerParts
    examples: tuple[TaggedText, ...]
    held_out: TagScores | None
    notes: tuple[str, ...]
    curve: tuple[dict[str, Any], ...]
    settings: dict[str, Any]


def tagger_settings(**changes: Any) -> TrainSettings:
    """The settings that suit taggers: small batches, higher rates, hard targets."""
    from finetune.train import TrainSettings

    own: dict[str, Any] = {
        "batch_size": 16, "learning_rate": 2e-4, "head_learning_rate": 2e-3, "label_smoothing": 0.0, "patience": 4,
    }  # fmt: skip
    return TrainSettings(**(own | changes))


def fit_tagger(
    texts: Sequence[TaggedText], validation: Sequence[TaggedText], settings: TrainSettings, body: Body, cache: Path,
    *, work: Path | None = None, say: Say | None = None,
) -> FittedTagger:  # fmt: skip
    """Fine-tune on `texts`; `validation`, where there is any, says after which epoch to stop.

    Without it, part of the texts is held out for that; the tagger is then learnt again from all of them, for as many
    epochs as were best, unless there are MANY. `work` keeps the state of the training, `cache` the
    body's graph. Raises DataError for texts that cannot be learnt from, TrainingError when the training fails.
    """
    say = say or (lambda line: None)
    tokens = WordTokens(body, settings.max_tokens)
    rows, notes = _clean(texts, tokens)
    names = _names(rows)
    if validation:
        held, more = _validation(validation, rows, names, tokens)
        notes += more
        learnt = list(range(len(rows)))
    else:
        learnt, rest = _split(rows, settings.seed)
        held = [rows[i] for i in rest]
    say(f"{len(rows)} texts, tags for {', '.join(names)}")
    fit = _Fit(names, settings, body, tokens, work, say)
    parts, curve, best = fit.learn([rows[i] for i in learnt], held, settings, "first")
    measured, temperature = None, 1.0
    if held:
        key = f"{body.sha256[:12]}-unchanged"
        graphs = None if parts.changes else cache
        network = Network(body, key, lambda: merged(body.layers(), parts.changes), graphs, settings.threads or None)
        temperature = fit.temperature(parts, network, held)
        found = judge(parts, tokens, network, [row.tokens for row in held])
        measured = score_tags([row.tags for row in held], [tags for tags, _ in found])
    if len(learnt) < len(rows) < MANY:
        say("learning from everything, the texts held out so far included")
        parts, _, _ = fit.learn(rows, [], replace(settings, epochs=best or settings.epochs), "everything")
    return FittedTagger(softened(parts, temperature), tuple(rows), measured, tuple(notes), curve, asdict(settings))


def learn_tagger(
    texts: Sequence[TaggedText], settings: TrainSettings, body: Body, say: Say | None = None
) -> TaggerParts:
    """Fine-tune on all texts for as many epochs as the settings say, nothing held out. Raises as `fit_tagger`."""
    tokens = WordTokens(body, settings.max_tokens)
    rows, _ = _clean(texts, tokens)
    fit = _Fit(_names(rows), settings, body, tokens, None, say or (lambda line: None))
    return fit.learn(rows, [], settings, "everything")[0]


def score_tags(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> TagScores:
    """Compare BIO tags with the truth. Raises DataError for none, or lengths that differ."""
    if not gold or [len(tags) for tags in gold] != [len(tags) for tags in predicted]:
        raise DataError(f"{len(gold)} tagged texts and {len(predicted)} predictions cannot be compared word by word")
    per_name = {}
    for name in sorted({name for tags in gold for _, _, name in entity_spans(tags)}):
        own = span_f1([_only(tags, name) for tags in gold], [_only(tags, name) for tags in predicted])
        count = sum(one[2] == name for tags in gold for one in entity_spans(tags))
        per_name[name] = {"f1": own["f1"], "n": float(count)}
    return TagScores(len(gold), **span_f1(gold, predicted), per_name=per_name)


def _names(rows: Sequence[TaggedText]) -> tuple[str, ...]:
    names = tuple(sorted({name for row in rows for _, _, name in entity_spans(row.tags)}))
    if not names:
        raise DataError(f"None of the {len(rows)} texts has a tag besides {OUTSIDE}; give tags such as B-Component")
    return names


def _only(tags: Sequence[str], name: str) -> list[str]:
    return [tag if tag[2:] == name else OUTSIDE for tag in tags]


class _Fit:
    """What both trainings share."""

    def __init__(
        self, names: tuple[str, ...], settings: TrainSettings, body: Body, tokens: WordTokens, work: Path | None, say: Say
    ) -> None:  # fmt: skip
        self._names, self._settings, self._body, self._tokens = names, settings, body, tokens
        self._work, self._say = work, say
        self._classes = classes(names)
        self._number = {tag: number for number, tag in enumerate(self._classes)}

    def learn(
        self, rows: Sequence[TaggedText], held: Sequence[TaggedText], settings: TrainSettings, stage: str
    ) -> tuple[TaggerParts, tuple[dict[str, Any], ...], int]:
        """(what was learnt, the learning curve, the best epoch)."""
        from finetune.learner import Learner
        from finetune.tasks import TokenTask
        from finetune.train import train

        learner = Learner(self._body, settings.method, settings.rank, settings.seed)
        ids, targets = self._aligned(rows)
        held_out = self._aligned(held) if held else None

        def measure(found: list[list[int]]) -> float:
            assert held_out is not None
            tags: list[list[list[str]]] = [
                [
                    [self._classes[number] for number, wanted in zip(some, own, strict=True) if wanted != _NO_CLASS]
                    for some, own in zip(all_, held_out[1], strict=True)
                ]
                for all_ in (held_out[1], found)
            ]
            return span_f1(*tags)["f1"]

        task = TokenTask(ids, targets, len(self._classes), learner.width, settings, held_out, measure)
        trained = train(learner, task, settings, self._work / stage if self._work else None, self._say)
        weight, bias = (part.detach().float().cpu().numpy().copy() for part in (task.head.weight, task.head.bias))
        scores = transitions(self._names, [row.tags for row in rows])
        parts = TaggerParts(self._names, weight, bias, scores, learner.changes(), settings.max_tokens)
        return parts, tuple(dict(row) for row in trained.curve), trained.best_epoch

    def temperature(self, parts: TaggerParts, network: Network, held: Sequence[TaggedText]) -> float:
        """By what the scores must be divided for the held-out tags to be likeliest (Guo et al. 2017): 1 to 6."""
        ids, targets = self._aligned(held)
        emissions, gold = [], []
        for states, wanted in zip(network.hidden(ids), targets, strict=True):
            firsts = [place for place, number in enumerate(wanted) if number != _NO_CLASS]
            emissions.append(states[firsts] @ parts.weight.T + parts.bias)
            gold.append([wanted[place] for place in firsts])

        def surprise(temperature: float) -> float:
            total = 0.0
            for scores, own in zip(emissions, gold, strict=True):
                _, spread = decode(scores / temperature, parts.transitions / temperature)
                total -= float(np.log(np.maximum(spread[np.arange(len(own)), own], 1e-9)).sum())
            return total

        return min((1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0), key=surprise)

    def _aligned(self, rows: Sequence[TaggedText]) -> tuple[list[list[int]], list[list[int]]]:
        """Token ids, and for each token its word's class where it is a word's first, else _NO_CLASS."""
        windows = self._tokens.windows([row.tokens for row in rows])
        targets = []
        for window in windows:
            own = [_NO_CLASS] * len(window.ids)
            for place, first in enumerate(window.firsts):
                own[first] = self._number[rows[window.text].tags[window.begin + place]]
            targets.append(own)
        return [window.ids for window in windows], targets


def transitions(names: Sequence[str], tagged: Sequence[Sequence[str]]) -> Matrix:
    """Scores of one class following another, (k + 1, k): forbidden, or how much more often than by chance it does.

    The logarithms count by TRANSITION_WEIGHT only, since the states of the words know much of it already.
    """
    number = {tag: place for place, tag in enumerate(classes(names))}
    counts = np.ones((len(number) + 1, len(number)))
    for tags in tagged:
        for before, after in zip([-1, *(number[tag] for tag in tags)], (number[tag] for tag in tags), strict=False):
            counts[before, after] += 1
    share = counts.sum(axis=0) / counts.sum()
    gain = np.log(counts / counts.sum(axis=1, keepdims=True)) - np.log(share)
    return np.asarray(legal(names) + TRANSITION_WEIGHT * gain, dtype=np.float32)


def softened(parts: TaggerParts, temperature: float) -> TaggerParts:
    """The same tags with probabilities further from 0 and 1: all scores divided by the temperature."""
    return replace(
        parts, weight=parts.weight / np.float32(temperature), bias=parts.bias / np.float32(temperature),
        transitions=parts.transitions / np.float32(temperature),
    )  # fmt: skip


def as_body_words(row: TaggedText, tokens: WordTokens) -> TaggedText:
    """The same text in the words a raw text would be cut into: Chinese runs as the body's tokens, in whole tags.

    Tags are put into plain BIO on the way: an I- without its B- begins an entity.
    """
    pieces: list[str] = []
    tags: list[str] = []
    spans = {begin: (end, name) for begin, end, name in entity_spans(row.tags)}
    end, name = 0, ""
    for place, word in enumerate(row.tokens):
        if place in spans:
            end, name = spans[place]
        inside = place < end
        parts = list(word) if tokens.is_chinese(word) else [word]
        for number, part in enumerate(parts):
            starts = place in spans and number == 0
            pieces.append(part)
            tags.append(f"{'B' if starts else 'I'}-{name}" if inside else OUTSIDE)
    out: list[tuple[str, str]] = []
    for left, right in grouped(pieces, tokens.segment):
        own = tags[left:right]
        rest = OUTSIDE if own[0] == OUTSIDE else f"I-{own[0][2:]}"
        if all(tag == rest for tag in own[1:]):
            out.append(("".join(pieces[left:right]), own[0]))
        else:  # an entity begins or ends inside one of the body's tokens
            out += zip(pieces[left:right], own, strict=True)
    return TaggedText(tuple(piece for piece, _ in out), tuple(tag for _, tag in out), row.source)


def _clean(texts: Sequence[TaggedText], tokens: WordTokens) -> tuple[list[TaggedText], list[str]]:
    """Each text once, with its most frequent tags, the first of equally frequent ones."""
    groups: dict[str, list[TaggedText]] = defaultdict(list)
    for text in texts:
        if text.tokens:
            row = as_body_words(text, tokens)
            groups[" ".join(row.tokens).lower()].append(row)
    rows, settled = [], 0
    for group in groups.values():
        counts = Counter(row.tags for row in group)
        settled += len(counts) > 1
        wanted = counts.most_common(1)[0][0]
        rows.append(next(row for row in group if row.tags == wanted))
    if not rows:
        raise DataError("There is no text with a word in it to learn tags from; give rows of tokens and tags")
    notes = []
    if len(rows) < len(texts):
        notes.append(f"{len(texts) - len(rows)} repeated texts were counted once")
    if settled:
        notes.append(f"{settled} texts with several taggings keep the most frequent one")
    return rows, notes


def _validation(
    texts: Sequence[TaggedText], rows: Sequence[TaggedText], names: Sequence[str], tokens: WordTokens
) -> tuple[list[TaggedText], list[str]]:
    """The validation texts that are not learnt from, without names that are not learnt."""
    learnt = {same_text(" ".join(row.tokens)) for row in rows}
    given, _ = _clean(texts, tokens)
    fresh = [row for row in given if same_text(" ".join(row.tokens)) not in learnt]
    notes = []
    if len(fresh) < len(given):
        notes.append(f"{len(given) - len(fresh)} validation texts are also learnt from and were left out")
    if unknown := {tag[2:] for row in fresh for tag in row.tags if tag != OUTSIDE} - set(names):
        notes.append(f"names that occur in the validation texts only were left out: {', '.join(sorted(unknown)[:5])}")
        fresh = [
            replace(row, tags=tuple(OUTSIDE if tag[2:] in unknown else tag for tag in row.tags)) for row in fresh
        ]  # fmt: skip
    if not any(tag != OUTSIDE for row in fresh for tag in row.tags):
        raise DataError("The validation texts have no tag that is learnt, or are all learnt from; give others")
    return fresh, notes


def _split(rows: Sequence[TaggedText], seed: int) -> tuple[list[int], list[int]]:
    """(rows to learn from, rows held out); none of few, or where a name would be lost from what is learnt."""
    count = len(rows)
    if count < _FEWEST:
        return list(range(count)), []
    share = 0.15 if count < 2_000 else 0.1 if count < MANY else 0.05
    learnt, held = split([""] * count, [" ".join(row.tokens) for row in rows], share, seed)
    kept = {tag for i in learnt for tag in rows[i].tags}
    lost = [i for i in held if not kept.issuperset(rows[i].tags)]
    return sorted({*learnt, *lost}), [i for i in held if i not in set(lost)]
