"""What the body learns from: sentence pairs with their source and licence, made-up questions from our own glossary,
passages, and questions with their paragraphs. Nothing is tokenised here.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from finetune.errors import BodyError

GLOSSARY = Path(__file__).with_name("glossary.tsv")
TEMPLATES = Path(__file__).with_name("templates.toml")
HELD_OUT = ("errorcodes-dobot", "fuxa", "ugs")  # never learnt from: what the body does on a source it has not seen

_LINES = re.compile(r"(\d+)[–-](\d+)")


@dataclass(frozen=True, slots=True)
class Pair:
    """An English text and its Chinese translation."""

    english: str
    chinese: str
    source: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A question, a passage that answers it, and one that looks alike but does not."""

    question: str
    passage: str
    other: str
    source: str


@dataclass(frozen=True, slots=True)
class CorpusSettings:
    """How much of what. A source above `cap` pairs gives a random part of itself; one in `preferred` is doubled."""

    cap: int = 12_000
    share_alike: bool = True
    preferred: tuple[str, ...] = (
        "neuron", "cncjs", "piper", "esp-iot-solution", "mavlink", "qgroundcontrol", "thingsboard", "inventree", "linuxcnc", "klipper", "cura",
        "prusaslicer", "qcadoo", "esp-hw-design", "hertzbeat",
    )  # fmt: skip
    made_up: int = 60_000
    long_tokens: int = 220
    words: int = 8_000  # the most frequent words added as tokens; 0 adds none, the glossary's neither
    held_out: tuple[str, ...] = HELD_OUT
    seed: int = 0
    files: tuple[str, ...] = field(default=("permissive", "sharealike"))


def sentence_pairs(folder: Path, settings: CorpusSettings) -> dict[str, list[Pair]]:
    """Pairs by source, in the order of the files, held-out sources left out.

    `folder` holds `permissive.tsv.gz`, `sharealike.tsv.gz` and a README.md whose tables give each source's lines.
    Raises BodyError when a file is missing or its tables do not cover it.
    """
    out: dict[str, list[Pair]] = {}
    for name in settings.files:
        if name == "sharealike" and not settings.share_alike:
            continue
        ranges = _ranges(folder / "README.md", name)
        try:
            with gzip.open(folder / f"{name}.tsv.gz", "rt", encoding="utf-8") as file:
                lines = [line.rstrip("\n").split("\t") for line in file]
        except OSError as error:
            raise BodyError(f"The sentence pairs cannot be read: {error}; give the folder that holds them") from error
        if not ranges or max(last for _, last in ranges.values()) != len(lines):
            raise BodyError(
                f"The tables of {folder / 'README.md'} do not cover the {len(lines)} lines of {name}.tsv.gz"
            )
        for source, (first, last) in ranges.items():
            if source not in settings.held_out:
                out[source] = [Pair(english, chinese, source) for english, chinese in lines[first - 1 : last]]
    return out


def _ranges(readme: Path, name: str) -> dict[str, tuple[int, int]]:
    return {row["source"]: (int(row["first"]), int(row["last"])) for row in source_table(readme, name)}


def source_table(readme: Path, name: str) -> list[dict[str, str]]:
    """The rows of one file's table of sources: source, repository, licence, first and last line.

    Raises BodyError when the page cannot be read.
    """
    try:
        text = readme.read_text(encoding="utf-8")
    except OSError as error:
        raise BodyError(f"The table of sources cannot be read: {error}") from error
    section = re.search(rf"^###\s+{name}\s*$(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    out = []
    for line in section[1].splitlines() if section else ():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        lines = next((found for cell in cells if (found := _LINES.fullmatch(cell))), None)
        if lines and len(cells) >= 3:
            repository = cells[1].replace("<br>", "; ")
            out.append(
                {"source": cells[0], "repository": repository, "licence": cells[2], "first": lines[1], "last": lines[2]}
            )
    return out


def chosen_pairs(sources: Mapping[str, Sequence[Pair]], settings: CorpusSettings) -> list[Pair]:
    """The pairs of one corpus: big sources thinned to `cap` at random, preferred ones twice."""
    rng = random.Random(settings.seed)
    out: list[Pair] = []
    for source, pairs in sources.items():
        some = list(pairs) if len(pairs) <= settings.cap else rng.sample(list(pairs), settings.cap)
        out += some * (2 if source in settings.preferred else 1)
    return out


def long_pairs(sources: Mapping[str, Sequence[Pair]], count: int, settings: CorpusSettings) -> Iterator[Pair]:
    """Passages: neighbouring pairs of one source joined, about 60 to `long_tokens` tokens of English (4 letters each)."""
    rng = random.Random(settings.seed + 1)
    names = sorted(sources)
    for _ in range(count):
        source = rng.choice(names)
        pairs = sources[source]
        start, room = rng.randrange(len(pairs)), 4 * rng.randint(60, settings.long_tokens)
        english: list[str] = []
        chinese: list[str] = []
        for pair in pairs[start : start + 40]:
            room -= len(pair.english) + 1
            if room < 0 and english:
                break
            english.append(pair.english)
            chinese.append(pair.chinese)
        yield Pair(" ".join(english), "".join(chinese), source)


def made_up_pairs(count: int, seed: int = 0) -> list[Pair]:
    """The glossary's terms, and its terms put into our question and sentence templates at random; no duplicates."""
    rng = random.Random(seed)
    terms: dict[str, list[tuple[str, str]]] = defaultdict(list)
    with GLOSSARY.open(encoding="utf-8", newline="") as file:
        for category, english, chinese in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            terms[category].append((english, chinese))
    templates = tomllib.loads(TEMPLATES.read_text(encoding="utf-8"))
    out = {Pair(english, chinese, "glossary") for some in terms.values() for english, chinese in some}
    kinds = [(kind, template) for kind, some in templates.items() for template in some]
    for _ in range(20 * count):
        if len(out) >= count:
            break
        kind, (english, chinese) = rng.choice(kinds)
        x = rng.choice(terms["component" if kind == "component_fault" else kind])
        y = rng.choice(terms["fault" if kind == "component_fault" else "component"])
        english, chinese = (
            text.replace("{x}", a).replace("{y}", b) for text, a, b in ((english, x[0], y[0]), (chinese, x[1], y[1]))
        )
        out.add(Pair(english, chinese, "templates"))
    return sorted(out, key=lambda pair: (pair.english, pair.chinese))


def english_passages(files: Sequence[Path], count: int, seed: int = 0) -> list[str]:
    """Windows of 200 to 900 characters of SQuAD-format contexts, and their questions, half and half."""
    rng = random.Random(seed)
    contexts, questions = [], []
    for file in files:
        for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
            for paragraph in article["paragraphs"]:
                contexts.append(paragraph["context"])
                questions += [qa["question"] for qa in paragraph["qas"]]
    if not contexts:
        return []
    out = rng.sample(questions, min(len(questions), count // 2))
    while len(out) < count:
        context = rng.choice(contexts)
        size = rng.randint(200, 900)
        start = rng.randrange(max(1, len(context) - size + 1))
        out.append(context[start : start + size])
    return out


def reading(file: Path, source: str, window: int = 320, seed: int = 0) -> list[Reading]:
    """Questions of a SQuAD-format file with the window of their paragraph that holds the answer.

    The other passage is, among 64 other paragraphs drawn at random, the one that shares most character pairs with the
    question: as hard a negative as can be had without a second index.
    """
    rng = random.Random(seed)
    paragraphs: list[tuple[str, list[tuple[str, int]]]] = []
    for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            qas = [
                (qa["question"], int(qa["answers"][0]["answer_start"])) for qa in paragraph["qas"] if qa.get("answers")
            ]
            paragraphs.append((paragraph["context"], qas))
    pairs_of_characters = [_bigrams(context) for context, _ in paragraphs]
    out = []
    for number, (context, qas) in enumerate(paragraphs):
        for question, at in qas:
            asked = _bigrams(question)
            drawn = [i for i in rng.sample(range(len(paragraphs)), min(64, len(paragraphs))) if i != number]
            best = max(drawn, key=lambda i: len(asked & pairs_of_characters[i]))
            out.append(
                Reading(
                    question, _window(context, at, window, rng), _window(paragraphs[best][0], 0, window, rng), source
                )
            )
    return out


def _window(text: str, at: int, size: int, rng: random.Random) -> str:
    start = max(0, min(at - rng.randint(0, size // 2), len(text) - size))
    return text[start : start + size]


def _bigrams(text: str) -> set[str]:
    return {text[i : i + 2] for i in range(len(text) - 1)}
