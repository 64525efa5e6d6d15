"""Examples from files, cleaned and split. Nothing here learns; the same input gives the same output."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finetune.errors import DataError
from finetune.types import Example
from indexer.analysis import fold

_DIGITS = re.compile(r"\d+")
_SIGNS = re.compile(r"[\W_]+")
MAX_CHARACTERS = 8_000
MAX_LABEL = 120


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file gave: `examples` in its order, and one line for every row that was left out."""

    examples: tuple[Example, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaggedText:
    """Tokens with a BIO tag each: "B-Component", "I-Component" or "O"."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    source: str = "seed"


def read_examples(path: Path) -> Reading:
    """Read rows of "text" and "label" from JSONL (one object per line), CSV or TSV.

    Rows that cannot be used are left out and named; DataError when the file cannot be read, is not text in UTF-8, lacks
    a column or has no usable row.
    """
    examples: list[Example] = []
    left_out: list[str] = []
    for number, row in _rows(path):
        if isinstance(row, str):
            left_out.append(f"{path.name}:{number}: {row}")
            continue
        if missing := [key for key in ("text", "label") if key not in row]:
            if not examples and len(left_out) < 2 and "text" not in row:
                raise DataError(
                    f'{path}:{number}: there is no "{missing[0]}" in it, but {_names(row)}; give rows of "text" and "label"'
                )
            left_out.append(f'{path.name}:{number}: there is no "{missing[0]}"')
            continue
        text, label = row["text"], row["label"]
        if not isinstance(text, str) or not isinstance(label, str | int) or isinstance(label, bool):
            left_out.append(f'{path.name}:{number}: "text" and "label" must be texts')
        elif not text.strip():
            left_out.append(f'{path.name}:{number}: the "text" is empty')
        elif not str(label).strip() or len(str(label)) > MAX_LABEL:
            left_out.append(f'{path.name}:{number}: the "label" is empty or longer than {MAX_LABEL} characters')
        else:
            examples.append(Example(_tidy(text), _tidy(str(label)), path.name))
    if not examples:
        why = f"; the first trouble is {left_out[0]}" if left_out else ""
        raise DataError(f"{path} has no usable rows{why}; give one JSON object per line, or CSV, with text and label")
    return Reading(tuple(examples), tuple(left_out))


def read_tagged(path: Path) -> tuple[tuple[TaggedText, ...], tuple[str, ...]]:
    """Read rows of "tokens" and "tags" (BIO) from JSONL; as `read_examples` otherwise."""
    out, left_out = [], []
    for number, row in _rows(path):
        if isinstance(row, str):
            left_out.append(f"{path.name}:{number}: {row}")
            continue
        tokens, tags = row.get("tokens"), row.get("tags")
        if not (isinstance(tokens, list) and isinstance(tags, list)):
            raise DataError(f'{path}:{number}: "tokens" and "tags" must be lists, found {_names(row)}')
        if len(tokens) != len(tags) or not tokens or not all(isinstance(t, str) and t for t in (*tokens, *tags)):
            left_out.append(
                f"{path.name}:{number}: {len(tokens)} tokens and {len(tags)} tags; give one tag for each token"
            )
        elif bad := next((tag for tag in tags if tag != "O" and not re.fullmatch(r"[BI]-.+", tag)), None):
            left_out.append(f"{path.name}:{number}: the tag {bad!r} is neither O nor of the form B-Name or I-Name")
        else:
            out.append(TaggedText(tuple(tokens), tuple(tags), path.name))
    if not out:
        raise DataError(f"{path} has no usable rows" + (f"; the first trouble is {left_out[0]}" if left_out else ""))
    return tuple(out), tuple(left_out)


def read_texts(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read the texts of rows with "text" or "question", whatever else they hold; as `read_examples` otherwise."""
    texts, left_out = [], []
    for number, row in _rows(path):
        if isinstance(row, str):
            left_out.append(f"{path.name}:{number}: {row}")
        elif not isinstance(text := row.get("text", row.get("question")), str) or not text.strip():
            left_out.append(f'{path.name}:{number}: there is no "text" or "question" in it, but {_names(row)}')
        else:
            texts.append(_tidy(text))
    if not texts:
        why = f"; the first trouble is {left_out[0]}" if left_out else ""
        raise DataError(
            f'{path} has no usable rows{why}; give one JSON object per line, or CSV, with "text" or "question"'
        )
    return tuple(texts), tuple(left_out)


def is_tagged(path: Path) -> bool:
    """Whether a file of examples holds tokens with tags; False too when it cannot be read."""
    try:
        for _, row in _rows(path):
            return not isinstance(row, str) and "tokens" in row
    except DataError:
        pass
    return False


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """(line number, row), or (line number, what is wrong with it)."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = raw[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{place}: this is not UTF-8 ({error.reason}); save the file as UTF-8") from error
    if "\0" in text:
        raise DataError(f"{path} is no text file (it has NUL characters); save it as UTF-8 text")
    if path.suffix.lower() in (".csv", ".tsv"):
        reader = csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        try:
            for row in reader:
                columns = {k: v or "" for k, v in row.items() if isinstance(k, str) and not isinstance(v, list)}
                yield reader.line_num, columns
        except csv.Error as error:
            raise DataError(f"{path}:{reader.line_num}: this is not CSV ({error})") from error
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, f"this is not JSON ({str(error)[:80]})"
            continue
        yield number, found if isinstance(found, dict) else "this is not a JSON object"


def _names(row: Mapping[str, Any]) -> str:
    return ", ".join(f'"{key}"' for key in list(row)[:6]) or "nothing"


def _tidy(text: str) -> str:
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())[:MAX_CHARACTERS]


def same_text(text: str) -> str:
    """A form that is equal for texts that differ in case, width, spaces and signs only."""
    folded = fold(text)
    return _SIGNS.sub(" ", folded).strip() or folded.strip()


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Examples without repeats and contradictions, and what was done about them, one line each."""

    examples: tuple[Example, ...]
    notes: tuple[str, ...]


def clean(examples: Iterable[Example]) -> Cleaned:
    """Keep one example of each text. A text with several labels keeps the most frequent one, and goes when two tie."""
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[same_text(example.text)].append(example)
    kept, repeats, settled, dropped = [], 0, 0, []
    for group in groups.values():
        counts = Counter(example.label for example in group).most_common()
        if len(counts) > 1 and counts[0][1] == counts[1][1]:
            dropped.append(f"{group[0].text[:60]!r} ({', '.join(label for label, _ in counts[:3])})")
            continue
        settled += len(counts) > 1
        repeats += len(group) - 1
        kept.append(next(example for example in group if example.label == counts[0][0]))
    notes = []
    if repeats:
        notes.append(f"{repeats} repeated texts were counted once")
    if settled:
        notes.append(f"{settled} texts with several labels keep the most frequent one")
    if dropped:
        notes.append(f"{len(dropped)} texts with contradictory labels were left out: {'; '.join(dropped[:3])}")
    return Cleaned(tuple(kept), tuple(notes))


def twin_key(text: str) -> str:
    """Equal for texts that differ in numbers and signs only: such twins of one label never stand on both sides of a split."""
    return _DIGITS.sub("0", same_text(text)).replace(" ", "")


def split(labels: Sequence[str], texts: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """(rows to learn from, rows held out): `share` of every label, its twins together, at least one of each label learnt.

    Labels with fewer than four texts are learnt from only. Both lists are in order.
    """
    rng = np.random.default_rng(seed)
    by_label: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, (label, text) in enumerate(zip(labels, texts, strict=True)):
        by_label[label][twin_key(text)].append(row)
    held: set[int] = set()
    for label in sorted(by_label):
        groups = [by_label[label][key] for key in sorted(by_label[label])]
        if sum(map(len, groups)) < 4 or len(groups) < 2:
            continue
        wanted = max(1, round(share * sum(map(len, groups))))
        taken = 0
        for place in rng.permutation(len(groups))[:-1]:
            if taken + len(groups[place]) > wanted and taken:
                continue
            held.update(groups[place])
            taken += len(groups[place])
            if taken >= wanted:
                break
    return [row for row in range(len(texts)) if row not in held], sorted(held)


def folds(labels: Sequence[str], texts: Sequence[str], count: int, seed: int) -> list[int]:
    """The fold (0..count-1) of every row: labels spread evenly, the twins of a label together."""
    rng = np.random.default_rng(seed)
    fold_of: dict[tuple[str, str], int] = {}
    out = [0] * len(texts)
    sizes: dict[str, list[int]] = defaultdict(lambda: [0] * count)
    for row in rng.permutation(len(texts)):
        key = (labels[row], twin_key(texts[row]))
        if key not in fold_of:
            own = sizes[labels[row]]
            # the emptiest fold of this label; all labels' first texts would fall into fold 0 without the shift
            shift = int(rng.integers(count))
            fold_of[key] = min(range(count), key=lambda i: (own[i], (i + shift) % count))
        out[row] = fold_of[key]
        sizes[labels[row]][fold_of[key]] += 1
    return out
