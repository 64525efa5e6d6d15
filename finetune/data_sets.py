"""Public data sets of fault reports as rows to fine-tune on: `python -m finetune.data_sets NAME [--from FOLDER] --to FILE.jsonl`.

fmc        observation -> failure mode, after ISO 14224 (classifier rows: "text", "label")
maintie    work orders with entities (tagger rows: "tokens", "tags")
excavator  work orders with coded columns, tagged weakly: a word stands for the code it nearly always comes with
glossary   made-up fault reports in English and Chinese, of our own glossary and `tagger_words.toml`
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from finetune.dataset import TaggedText
from finetune.errors import DataError
from finetune.tagger import OUTSIDE, words
from finetune.types import Example
from indexer.analysis import stem

WORDS = Path(__file__).with_name("tagger_words.toml")
GLOSSARY = Path(__file__).with_name("body") / "glossary.tsv"
COMPONENT, FAILURE, ACTION = "Component", "Failure", "Action"

_OWN_NAMES = (
    ("PhysicalObject/Organism", None),  # boilermakers are no components
    ("PhysicalObject", COMPONENT),
    ("State/UndesirableState", FAILURE),
    ("Process/UndesirableProcess", FAILURE),  # leaking, creeping
    ("Property/UndesirableProperty", FAILURE),  # crack, hole, noise
    ("Activity", ACTION),
)
_COLUMNS = {"MajorSystem": COMPONENT, "Part": COMPONENT, "Action": ACTION, "FM": FAILURE}
_SURE, _OFTEN = 0.8, 4  # share and number of a word's rows with one code from which it stands for that code
_SLOT = re.compile(r"(\{[caf]\}|\[x\])")


def failure_modes(folder: Path, part: str = "train") -> list[Example]:
    """The rows of `fmc`: `part` is "train" or "dev". Raises DataError."""
    path = folder / "input_data" / "raw" / f"{part}.txt"
    out = []
    for number, line in enumerate(_read(path).splitlines(), 1):
        text, comma, label = line.rpartition(",")
        if not line.strip():
            continue
        if not (comma and text.strip() and label.strip()):
            raise DataError(f"{path}:{number}: {line[:60]!r} is not of the form observation,failure mode")
        out.append(Example(text.strip(), label.strip(), "fmc"))
    return out


def maintie(folder: Path, names: str = "own") -> list[TaggedText]:
    """The texts of MaintIE, tagged by "own" names (Component, Failure, Action) or by the scheme's "top" classes.

    Entities of MaintIE stand within others of the same top class ("air filters" and its "filters"): of those the longest is
    kept, so that tags tell all there is. Own names: whatever is undesirable, be it a state, a process or a property, is a
    Failure; persons and what is desirable are left out. Raises DataError.
    """
    path = folder / "data" / "gold_release.json"
    own = _own_name if names == "own" else _top_name
    out = []
    try:
        for row in json.loads(_read(path)):
            tags = [OUTSIDE] * len(row["tokens"])
            entities = [(entity["start"], entity["end"], own(entity["type"])) for entity in row["entities"]]
            for begin, end, name in sorted(entities, key=lambda entity: (entity[0] - entity[1], entity[0])):
                if name and all(tag == OUTSIDE for tag in tags[begin:end]):
                    tags[begin:end] = [f"B-{name}", *[f"I-{name}"] * (end - begin - 1)]
            out.append(TaggedText(tuple(row["tokens"]), tuple(tags), "maintie"))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not the gold release of MaintIE ({error!r}); give its folder") from error
    return out


def _own_name(kind: str) -> str | None:
    return next((name for begin, name in _OWN_NAMES if kind.startswith(begin)), None)


def _top_name(kind: str) -> str | None:
    return kind.split("/")[0]


def excavator(folder: Path) -> list[TaggedText]:
    """The work orders of `excavator_mwo` with weak tags; only those whose every code is found in the text.

    The codes are the plant's, not the text's words ("FM" is "Leak", the text says "weeping"). What stands for a code is
    counted: a word four fifths of whose rows have it; with several such codes the most frequent one, then the one that has
    the word in its name. Raises DataError.
    """
    path = folder / "input" / "case_study_pdl.csv"
    rows: list[tuple[list[str], dict[str, set[str]]]] = []
    try:
        for row in csv.DictReader(_read(path).lstrip("\ufeff").splitlines()):
            text = row["OriginalShorttext"]
            codes: dict[str, set[str]] = defaultdict(set)
            for column, name in _COLUMNS.items():
                codes[name].update(code for code in row[column].split("_") if code and code != "Misc")
            rows.append(([text[begin:end] for begin, end in words(text)], dict(codes)))
    except (KeyError, AttributeError) as error:
        raise DataError(f"{path} lacks the column {error}; give the folder of the excavator work orders") from error
    name_of = _words_of_codes(rows)
    out, seen = [], set()
    for found, codes in rows:
        tags: list[str] = []
        for word in found:
            name = name_of.get(_key(word), "")
            begun = bool(tags) and tags[-1][2:] == name
            tags.append(OUTSIDE if not name else f"{'I' if begun and name != ACTION else 'B'}-{name}")
        told = {tag[2:] for tag in tags if tag != OUTSIDE}
        key = " ".join(found).lower()
        if found and key not in seen and told >= {name for name, own in codes.items() if own} and len(told) > 1:
            seen.add(key)
            out.append(TaggedText(tuple(found), tuple(tags), "excavator"))
    return out


def _words_of_codes(rows: Sequence[tuple[Sequence[str], Mapping[str, set[str]]]]) -> dict[str, str]:
    """A word's key -> the name of the code it stands for."""
    count: Counter[str] = Counter()
    with_code: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for found, codes in rows:
        for word in {_key(word) for word in found if len(word) > 2 and word.isalpha()}:
            count[word] += 1
            with_code[word].update((name, code) for name, own in codes.items() for code in own)
    out = {}
    for word, times in count.items():
        said = [(often, word in {_key(part) for part in code.split()}, name)
                for (name, code), often in with_code[word].items() if often >= _SURE * times]  # fmt: skip
        if times >= _OFTEN and said:
            out[word] = max(said)[2]
    return out


def _key(word: str) -> str:
    return stem(word.lower())


def made_up(count: int, seed: int = 0) -> list[TaggedText]:
    """Fault reports put together at random, half of them Chinese, the tags being known by construction; no duplicates."""
    rng = random.Random(seed)
    lists = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    terms: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for category, english, chinese in csv.reader(
        _read(GLOSSARY).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE
    ):  # fmt: skip
        terms[category].append((english, chinese))
    out: dict[tuple[str, ...], TaggedText] = {}
    for _ in range(20 * count):
        if len(out) >= count:
            break
        side = rng.randrange(2)
        own = lists[("en", "zh")[side]]
        drawn = {
            "{c}": [*own["components"], *(pair[side] for pair in terms["component"])],
            "{f}": own["failures"] if rng.random() < 0.6 else [pair[side] for pair in terms["fault"]],
            "{a}": own["actions"], "[x]": own["fillers"],
        }  # fmt: skip
        row = _filled(rng.choice(own["templates"]), drawn, rng)
        out.setdefault(row.tokens, row)
    return list(out.values())


def _filled(template: str, drawn: Mapping[str, Sequence[str]], rng: random.Random) -> TaggedText:
    names = {"{c}": COMPONENT, "{f}": FAILURE, "{a}": ACTION}
    tokens: list[str] = []
    tags: list[str] = []
    upper = rng.random() < 0.3
    for piece in _SLOT.split(template):
        text = rng.choice(drawn[piece]) if piece in drawn else piece
        found = [text[begin:end] for begin, end in words(text)]
        tokens += [word.upper() if upper else word for word in found]
        name = names.get(piece)
        tags += [OUTSIDE if not name else f"{'I' if place else 'B'}-{name}" for place in range(len(found))]
    return TaggedText(tuple(tokens), tuple(tags), "made up")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); give the folder of the data set") from error


def write_rows(rows: Iterable[Example | TaggedText], path: Path, append: bool = False) -> int:
    """One JSON object a line, as `dataset.read_examples` and `read_tagged` read them. Returns how many."""
    written = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a" if append else "w", encoding="utf-8") as file:
        for row in rows:
            entry: dict[str, Any] = (
                {"text": row.text, "label": row.label}
                if isinstance(row, Example)
                else {"tokens": row.tokens, "tags": row.tags}
            )
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            written += 1
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """Turn one data set into rows; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m finetune.data_sets", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    readers: dict[str, Callable[[argparse.Namespace], Sequence[Example | TaggedText]]] = {
        "fmc": lambda given: failure_modes(given.folder, given.part),
        "maintie": lambda given: maintie(given.folder, given.names),
        "excavator": lambda given: excavator(given.folder),
        "glossary": lambda given: made_up(given.count, given.seed),
    }
    parser.add_argument("name", choices=list(readers))
    parser.add_argument("--from", dest="folder", type=Path, metavar="FOLDER", help="the data set's own folder")
    parser.add_argument("--to", type=Path, required=True, metavar="FILE.jsonl")
    parser.add_argument("--append", action="store_true", help="add to what the file holds")
    parser.add_argument("--part", choices=("train", "dev"), default="train", help="of fmc")
    parser.add_argument("--names", choices=("own", "top"), default="own", help="of maintie's tags")
    parser.add_argument("--count", type=int, default=1_500, help="of made-up reports")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    if given.folder is None and given.name != "glossary":
        parser.error(f"{given.name} needs --from FOLDER")
    try:
        count = write_rows(readers[given.name](given), given.to, given.append)
    except DataError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(f"{count} rows in {given.to}", file=sys.stderr)  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
