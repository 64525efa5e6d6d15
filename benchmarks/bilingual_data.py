"""The inputs of the bilingual benchmark: the bodies, and sentence pairs, reading sets, code tables, manuals and intents."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import CACHE, HERE, SEED, MissingData, need, squeezed, text_key
from indexer.analysis import holds_chinese
from indexer.embedders import OnnxEmbedder
from indexer.model_folder import DEFAULT_MODEL
from indexer.protocols import FloatMatrix

DEV_PERMISSIVE = 1_618  # the first lines of the held-out file come from permissively licensed sources
# Sources that no training may touch: (file, first line, last line), 1-based.
HELD_OUT = {
    "errorcodes-dobot": ("permissive", 5_868, 6_313),
    "fuxa": ("permissive", 6_314, 6_953),
    "ugs": ("sharealike", 18_962, 19_680),
}
QUESTIONS = HERE / "questions_bilingual.jsonl"
CAR = ("carmanual_zh", "benchmark", "bench_data.json")
RIGHT_SHARE = 0.6  # of the gold passage's bigrams, for a chunk to count as holding it
MOST_SHARE = 0.95  # of what the fullest chunk holds, for a chunk to count as holding the most


class Body:
    """One encoder. `model` is its name or folder; what it has embedded is kept for the run."""

    def __init__(self, name: str, model: str) -> None:
        self.name, self.model = name, model
        self.embedder = OnnxEmbedder(model, cache_dir=CACHE / "model")
        self._kept: dict[str, FloatMatrix] = {}

    def documents(self, texts: Sequence[str]) -> FloatMatrix:
        """(n, dimension) unit vectors by the bulk path."""
        return self._once("d", texts, self.embedder.embed_documents)

    def questions(self, texts: Sequence[str]) -> FloatMatrix:
        """(n, dimension) unit vectors by the path of questions."""
        return self._once("q", texts, self.embedder.embed_questions)

    def _once(self, kind: str, texts: Sequence[str], embed: Callable[[Sequence[str]], FloatMatrix]) -> FloatMatrix:
        key = kind + text_key(texts)
        if key not in self._kept:
            self._kept[key] = embed(texts)
        return self._kept[key]

    def cut(self, texts: Sequence[str]) -> int:
        """How many texts are longer than it reads."""
        lengths = self.embedder.token_counter().count_many(texts)
        return sum(length > self.embedder.max_tokens for length in lengths)


def bodies_of(given: Sequence[str] | None) -> list[Body]:
    """The unchanged body, then those given as NAME=FOLDER, or the composed one."""
    bodies = [Body("english", DEFAULT_MODEL)]
    if given is None:
        try:
            from finetune.body.compose import composed_folder
            from finetune.errors import BodyError
        except ImportError as error:
            print(f"no composed body ({error}); only the unchanged one is measured")
            return bodies
        try:
            bodies.append(Body("bilingual", str(composed_folder(CACHE / "model"))))
        except BodyError as error:
            print(f"{error}; only the unchanged one is measured")
    for item in given or ():
        name, mark, folder = item.partition("=")
        if not mark or not name or not folder:
            raise SystemExit(f"--bodies {item!r}: give NAME=FOLDER")
        if name in {body.name for body in bodies}:
            raise SystemExit(f"--bodies {item!r}: there is a body {name!r} already; give it another name")
        bodies.append(Body(name, folder))
    return bodies


def about(bodies: Sequence[Body]) -> str:
    """The bodies and their sizes, for a note."""
    return "bodies: " + "; ".join(
        f"{body.name}: {body.embedder.dimension} numbers, weights {body.embedder.weights_sha256[:12]}"
        for body in bodies
    )


@dataclass(frozen=True, slots=True)
class Pairs:
    """Translations: `english[i]` and `chinese[i]` say the same."""

    name: str
    english: Sequence[str]
    chinese: Sequence[str]


@dataclass(frozen=True, slots=True)
class Reading:
    """Questions with the place of the paragraph they were asked about."""

    name: str
    paragraphs: Sequence[str]
    questions: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class CodeText:
    """One row in one language: what the code means, and that with cause and remedy."""

    told: str
    whole: str


@dataclass(frozen=True, slots=True)
class Maker:
    """A maker's code table in both languages, row by row; a side without any text is empty."""

    name: str
    english: Sequence[CodeText]
    chinese: Sequence[CodeText]


@dataclass(frozen=True, slots=True)
class ManualQuestion:
    """A question in both languages and the passage that answers it; `source` is "drive manuals" or "car manual"."""

    name: str
    chinese: str
    english: str
    source: str
    passage: str


@dataclass(frozen=True, slots=True)
class Manuals:
    """What to index: folders of Markdown manuals, and texts without a file by name. `lost` questions have no passage."""

    folders: Sequence[Path]
    contexts: dict[str, str]
    questions: Sequence[ManualQuestion]
    lost: int


def _pairs(lines: Iterator[str]) -> tuple[list[str], list[str]]:
    english, chinese = [], []
    for line in lines:
        en, _, zh = line.rstrip("\n").partition("\t")
        english.append(en.strip())
        chinese.append(zh.strip())
    return english, chinese


def dev_pairs(limit: int | None = None) -> Pairs:
    """The held-out pairs of many sources."""
    with need("parallel_zh_en", "dev.tsv").open(encoding="utf-8", newline="\n") as file:
        return Pairs("held-out documents, all", *_pairs(islice(file, limit)))


def held_out_sources(limit: int | None = None) -> list[Pairs]:
    """The pairs of every source that is never trained on; of pairs that share a string on either side the first stays."""
    out = []
    for name, (group, first, last) in HELD_OUT.items():
        with gzip.open(need("parallel_zh_en", f"{group}.tsv.gz"), "rt", encoding="utf-8", newline="\n") as file:
            english, chinese = _pairs(islice(file, first - 1, last))
        seen: tuple[set[str], set[str]] = set(), set()
        kept = []
        for en, zh in zip(english, chinese, strict=True):
            keys = squeezed(en), squeezed(zh)
            if keys[0] not in seen[0] and keys[1] not in seen[1]:
                kept.append((en, zh))
            seen[0].add(keys[0])
            seen[1].add(keys[1])
        kept = kept[:limit]
        out.append(Pairs(name, [en for en, _ in kept], [zh for _, zh in kept]))
    return out


def passages(count: int) -> list[str]:
    """English paragraphs of real manuals, 200 to 1,200 characters each, drawn with the benchmarks' seed."""
    found: dict[str, None] = {}
    for path in sorted(need("manuals_md").rglob("*.md")):
        for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8", errors="replace")):
            text = " ".join(re.sub(r"[`*_|#<>\[\]]", " ", block).split())
            if 200 <= len(text) <= 1_200 and not holds_chinese(text):
                found[text] = None
    texts = list(found)
    return [texts[i] for i in np.random.default_rng(SEED).permutation(len(texts))[:count]]


def _reading(name: str, file: Path, limit: int | None) -> Reading:
    places: dict[str, int] = {}
    questions = []
    for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            text = paragraph["context"].strip()
            if limit is not None and len(places) >= limit and text not in places:
                continue
            place = places.setdefault(text, len(places))
            questions += [(qa["question"].strip(), place) for qa in paragraph["qas"]]
    return Reading(name, list(places), questions)


def reading_sets(limit: int | None = None) -> list[Reading]:
    """Chinese reading comprehension used as retrieval: simplified and traditional script."""
    return [
        _reading("CMRC 2018 trial", need("cmrc2018", "squad-style-data", "cmrc2018_trial.json"), limit),
        _reading("DRCD dev", need("drcd", "DRCD_dev.json"), limit),
    ]


def _joined(*parts: str) -> str:
    return "\n".join(part for part in dict.fromkeys(part.strip() for part in parts) if part)


def dobot() -> Maker:
    """Controller and servo alarms; a few have no description in one language."""
    sides: dict[str, list[CodeText]] = {"en": [], "zh_CN": []}
    for name in ("alarmController", "alarmServo"):
        for entry in json.loads(need("error_codes", "dobot", f"{name}.json").read_text(encoding="utf-8")):
            for language, texts in sides.items():
                words = entry[language]
                told = words["description"].strip()
                texts.append(CodeText(told, _joined(told, words["cause"], words["solution"])))
    return Maker("Dobot", sides["en"], sides["zh_CN"])


def xarm() -> Maker:
    """Eight tables; where several codes of a table share a title, the second field tells what the code means."""
    sides: dict[str, list[CodeText]] = {"en": [], "cn": []}
    data = json.loads(need("error_codes", "xarm", "xarm_codes.json").read_text(encoding="utf-8"))
    for entries in data.values():
        for entry in entries.values():
            for language, texts in sides.items():
                words = entry.get(language) or {"title": "", "desc": ""}
                title, more = words["title"].strip(), words["desc"].strip()
                alike = sum(other.get(language, {}).get("title", "").strip() == title for other in entries.values())
                texts.append(CodeText(more if alike > 1 and more else title, _joined(title, more)))
    return Maker("xArm", sides["en"], sides["cn"])


def _contexts() -> tuple[dict[str, str], dict[str, str]]:
    """Texts to index by name, and any text a question may name by the first 16 digits of its digest.

    Each prompt of the file holds numbered contexts, one a line. A question may name the context, with or without its
    number, or the whole prompt.
    """
    index: dict[str, str] = {}
    named: dict[str, str] = {}
    for prompt in json.loads(need(*CAR).read_text(encoding="utf-8")).values():
        spellings = [prompt]
        for line in re.findall(r"(?m)^[^\S\n]*(\d+:.*)$", prompt):
            bare = line.partition(":")[2]
            spellings += [line, line.strip(), bare, bare.strip()]
            index[_digest(bare.strip())] = bare.strip()
        named.update((_digest(text), text) for text in spellings)
    return index, named


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def manual_questions(limit: int | None = None) -> Manuals:
    """The questions on Chinese manuals and what they search; raises MissingData while there are none.

    A line of the file has "id", "zh", "en", "file" (below the data folder), and either "lines" [first, last], 1-based, of
    a Markdown manual, or "context" with "span" [start, end) in characters of it.
    """
    if not QUESTIONS.is_file():
        raise MissingData(f"{QUESTIONS} is not there")
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines() if line.strip()]
    folders: dict[Path, None] = {}
    contexts: dict[str, str] = {}
    named: dict[str, str] = {}
    questions = []
    # The index holds everything any question is about; `limit` only shortens the list of questions.
    for row in rows:
        parts = row["file"].split("/")
        if "lines" in row:
            path = need(*parts)
            folders[path.parent] = None
            first, last = row["lines"]
            lines = path.read_text(encoding="utf-8").split("\n")
            source, passage = "drive manuals", "\n".join(lines[first - 1 : last])
        else:
            if not named:
                contexts, named = _contexts()
            start, end = row["span"]
            source, passage = "car manual", named.get(row["context"], "")[start:end]
        if bigrams(passage):
            questions.append(ManualQuestion(str(row["id"]), row["zh"], row["en"], source, passage))
    return Manuals(list(folders), contexts, questions[:limit], len(rows) - len(questions))


def bigrams(text: str) -> frozenset[str]:
    """Pairs of neighbouring letters, digits and Han characters; none across a space, a mark or the edge of a cell.

    Tags and targets of links are left out, and so is white space between Han characters, where it is a line's end only:
    a table's row and the chunk made of it then compare well.
    """
    plain = re.sub(r"<[^<>\n]{1,80}>|\]\([^()\n]*\)", " ", text)
    plain = unicodedata.normalize("NFKC", plain).lower()
    plain = re.sub(r"(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])", "", plain)
    return frozenset(run[i : i + 2] for run in re.findall(r"[^\W_]+", plain) for i in range(len(run) - 1))


def right_chunks(passage: str, chunks: Sequence[frozenset[str]]) -> tuple[set[int], set[int]]:
    """Positions of the chunks, given by their bigrams, that hold enough of the passage; and of those that hold the most.

    Rows of one table may share most of their words, so that enough alone takes a neighbour for the row meant.
    """
    wanted = bigrams(passage)
    shares = np.array([len(wanted & own) for own in chunks]) / max(1, len(wanted))
    most = max(RIGHT_SHARE, MOST_SHARE * float(shares.max(initial=0.0)))
    enough, best = np.flatnonzero(shares >= RIGHT_SHARE), np.flatnonzero(shares >= most)
    return {int(at) for at in enough}, {int(at) for at in best}


def utterances(limit: int | None = None) -> list[dict[str, Any]]:
    """Chinese commands to an assistant with "text", "domain" and "intent" (not a string where it is unknown)."""
    rows: list[dict[str, Any]] = json.loads(
        need("smp2019_zh", "SMP-2019-NLU", "train.json").read_text(encoding="utf-8")
    )
    order = np.random.default_rng(SEED).permutation(len(rows))  # the file is sorted by label
    return [rows[i] for i in order[:limit]]
