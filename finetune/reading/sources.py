"""Public data -> groups to learn from. Only data whose trained weights may be passed on is read here; see `LICENCES`.

FOLDER holds the sets as their authors published them: squadshifts, covidqa, cmrc2018, manuals_md (without its `vfd_zh`,
which is for measuring only), manual_pdfs/neets_timken, parallel_zh_en.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finetune.errors import DataError
from finetune.reading.examples import Group, Passage
from finetune.reading.negatives import nearest

LICENCES = {
    "squadshifts new_wiki": "CC BY 4.0 (Miller et al. 2020), without the articles held out",
    "squadshifts reddit": "CC BY 4.0 (Miller et al. 2020)",
    "covidqa": "Apache-2.0 (Möller et al. 2020)",
    "cmrc2018 train": "CC BY-SA 4.0 (Cui et al. 2019): weights under the same terms",
    "klipper": "GPL-3.0 documentation",
    "linuxcnc": "GPL-2.0 / GFDL documentation",
    "marlin": "GPL-3.0 documentation",
    "neets": "public domain (US Navy)",
    "parallel_zh_en permissive": "CC BY, CC0, MIT, Apache-2.0, BSD, PSF, PostgreSQL; see the body's card",
    "tables and sentences": "Apache-2.0: made up for this project",
}
HELD_OUT_ARTICLES = 8  # of new_wiki's 48, the last in the order of their titles' digests
HELD_OUT_CMRC = 400  # paragraphs, for `benchmarks.calibrate`; the version of 24 November has still learnt from some
_HEAD = re.compile(r"^[\d.\s]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question on a paragraph, as SQuAD's format has it; `span` is the answer's characters."""

    question: str
    span: tuple[int, int]
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph with its article's title and its questions."""

    title: str
    text: str
    asked: tuple[Asked, ...]


def read_squad(path: Path) -> list[Paragraph]:
    """A file in SQuAD's format. Raises DataError when it is not."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))["data"]
        return [
            Paragraph(str(article.get("title") or ""), paragraph["context"], tuple(_asked(paragraph)))
            for article in data
            for paragraph in article["paragraphs"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is not readable in SQuAD's format ({error}); give the folder of the data sets"
        ) from error


def _asked(paragraph: dict[str, object]) -> Iterator[Asked]:
    context = str(paragraph["context"])
    for entry in paragraph["qas"]:  # type: ignore[attr-defined]
        answers = [answer for answer in entry["answers"] if str(answer.get("text", "")).strip()]
        spans = []
        for answer in answers:
            text, at = answer["text"], int(answer.get("answer_start", -1))
            if at < 0 or context[at : at + len(text)] != text:
                at = context.find(text)
            if at >= 0:
                spans.append((at, at + len(text)))
        if spans:
            yield Asked(
                str(entry["question"]),
                min(spans, key=lambda span: span[1] - span[0]),
                tuple(a["text"] for a in answers),
            )


def split_new_wiki(folder: Path) -> tuple[list[Paragraph], list[Paragraph]]:
    """(to learn from, held out) of squadshifts new_wiki, parted by article."""
    import hashlib

    paragraphs = read_squad(folder / "squadshifts" / "datasets" / "new_wiki_v1.0.json")
    titles = sorted({p.title for p in paragraphs}, key=lambda title: hashlib.sha256(title.encode()).hexdigest())
    held = set(titles[-HELD_OUT_ARTICLES:])
    return [p for p in paragraphs if p.title not in held], [p for p in paragraphs if p.title in held]


def split_cmrc(folder: Path) -> tuple[list[Paragraph], list[Paragraph]]:
    """(to learn from, held out) of cmrc2018's training part; the last paragraphs are held out."""
    paragraphs = read_squad(folder / "cmrc2018" / "train-pseudo-cmrc2018.json")
    return paragraphs[:-HELD_OUT_CMRC], paragraphs[-HELD_OUT_CMRC:]


def squad_groups(
    paragraphs: Sequence[Paragraph], source: str, count: int, negatives: int, rng: np.random.Generator
) -> list[Group]:
    """`count` questions; negatives are like paragraphs without the answer, or the rest of a long one of its own."""
    flat = [(place, asked) for place, paragraph in enumerate(paragraphs) for asked in paragraph.asked]
    chosen = [flat[int(i)] for i in rng.permutation(len(flat))[:count]]
    near = nearest([asked.question for _, asked in chosen], [f"{p.title} {p.text[:3000]}" for p in paragraphs], 12)
    out = []
    for (place, asked), others in zip(chosen, near, strict=True):
        own = paragraphs[place]
        answer = own.text[slice(*asked.span)].lower()
        fit = [o for o in others if o != place and answer not in paragraphs[o].text.lower()]
        titled = bool(own.title) and own.title != "Filtered_Reddit_Comments" and rng.random() < 0.5
        rest = [_titled(paragraphs[o], titled, rng) for o in _hard(fit, negatives, rng)]
        if len(own.text) > 500 and rng.random() < 0.4:
            rest[-1:] = [Passage(own.text, asked.span)]
        if rest:
            positive = _titled(own, titled, rng, asked.span)
            out.append(Group(asked.question, positive, tuple(rest), source))
    return out


def _hard(places: Sequence[int], count: int, rng: np.random.Generator) -> list[int]:
    """`count` of the likest, the likest more often."""
    if len(places) <= count:
        return list(places)
    weights = 1 / (1.0 + np.arange(len(places)))
    return [places[int(i)] for i in rng.choice(len(places), count, replace=False, p=weights / weights.sum())]


def _titled(
    paragraph: Paragraph, titled: bool, rng: np.random.Generator, span: tuple[int, int] | None = None
) -> Passage:
    if not titled:
        return Passage(paragraph.text, span)
    head = paragraph.title.replace("_", " ") + "\n"
    return Passage(head + paragraph.text, (span[0] + len(head), span[1] + len(head)) if span else None)


def covid_groups(folder: Path, count: int, negatives: int, rng: np.random.Generator) -> list[Group]:
    """Questions on long papers: the window of the answer against other windows of the same paper."""
    pieces: list[Paragraph] = []
    for paper in read_squad(folder / "covidqa" / "200423_covidQA.json"):
        for begin in range(0, len(paper.text), 900):
            end = begin + 1_100
            inside = [
                Asked(a.question, (a.span[0] - begin, a.span[1] - begin), a.answers)
                for a in paper.asked
                if a.span[0] >= begin and a.span[1] <= end and a.span[0] < begin + 900
            ]
            pieces.append(Paragraph("", paper.text[begin:end], tuple(inside)))
    return squad_groups(pieces, "covidqa", count, negatives, rng)


def manual_chunks(folder: Path, model: Path) -> dict[str, list[str]]:
    """Manual -> its chunks as the engine reads them, made by the indexer itself."""
    from indexer.chunk import embedding_text, is_heading_alone
    from indexer.errors import ReadError
    from indexer.extract import ExtractSettings
    from indexer.types import DocumentKind
    from indexer.worker import Job, extract_all

    roots = {name: folder / "manuals_md" / name for name in ("klipper", "linuxcnc", "marlin")}
    files = [
        (name, path)
        for name, root in roots.items()
        for path in sorted(root.rglob("*"))
        if path.suffix in (".md", ".adoc")
    ]
    files = [(name, path) for name, path in files if not re.search(r"_[a-z]{2}(_[A-Z]{2})?\.adoc$", path.name)]
    files.append(("neets", folder / "manual_pdfs" / "neets_timken" / "neets_part_04.pdf"))
    jobs = [
        Job(path, path.name, name, DocumentKind.MANUAL, str(model), 256, ExtractSettings(ocr=False))
        for name, path in files
    ]
    out: dict[str, list[str]] = {}
    for job, found in extract_all(jobs, 2):
        if isinstance(found, ReadError):
            continue
        texts = [
            embedding_text(c)
            for c in found.content.chunks
            if c.heading and not is_heading_alone(c) and len(c.text) > 80
        ]
        out.setdefault(str(job.machine), []).extend(texts)
    return {name: list(dict.fromkeys(sorted(texts))) for name, texts in out.items()}


_ASK = (
    "how do I {}",
    "how to {}",
    "what is {}",
    "where do I find {}",
    "{}",
    "{}",
    "{}?",
    "tell me about {}",
    "what does the manual say on {}",
)


def heading_groups(chunks: dict[str, list[str]], count: int, negatives: int, rng: np.random.Generator) -> list[Group]:
    """A heading, or a sentence taken out, as the question for the text it stands above."""
    out = []
    total = sum(map(len, chunks.values()))
    for name, texts in chunks.items():
        some = rng.permutation(len(texts))[: round(count * len(texts) / total) + 1]
        asked = [(int(i), *_asked_of(texts[int(i)], rng)) for i in some]
        asked = [entry for entry in asked if len(entry[1].split()) >= 2]
        near = nearest([question for _, question, _ in asked], texts, 15)
        for (place, question, shown), others in zip(asked, near, strict=True):
            path = texts[place].split("\n", 1)[0]
            fit = [o for o in others if o != place and texts[o].split("\n", 1)[0] != path]
            rest = tuple(Passage(texts[o]) for o in _hard(fit, negatives, rng))
            if rest:
                out.append(Group(question, Passage(shown, marked=False), rest, name))
    return out


def _asked_of(text: str, rng: np.random.Generator) -> tuple[str, str]:
    """(question, passage): of the heading, which the passage then mostly lacks, or of a sentence that is taken out."""
    path, body = text.split("\n", 1)
    parts = [_HEAD.sub("", part).strip() for part in path.split(" > ")]
    if rng.random() < 0.3:
        sentences = [s for s in re.split(r"(?<=[.!?])\s+", body) if 40 < len(s) < 200]
        if len(sentences) > 2:
            sentence = sentences[int(rng.integers(len(sentences)))]
            return sentence.rstrip("."), f"{path}\n{body.replace(sentence, '', 1)}"
    question = _ASK[int(rng.integers(len(_ASK)))].format(parts[-1].lower() if rng.random() < 0.5 else parts[-1])
    if len(parts) > 1 and (len(parts[-1].split()) < 2 or rng.random() < 0.4):
        question = f"{question} {parts[-2]}" if rng.random() < 0.5 else f"{parts[-2]}: {question}"
    if rng.random() < 0.4:
        return question, text
    kept = " > ".join(parts[:-1])
    return question, f"{kept}\n{body}" if kept else body


def crossing_groups(folder: Path, count: int, negatives: int, rng: np.random.Generator) -> list[Group]:
    """A line in one language for the passage that says it in the other, among lines of the same source."""
    path = folder / "parallel_zh_en" / "permissive.tsv.gz"
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}); give the folder of the data sets") from error
    rows = rows[:120_000]  # industrial and hardware sources come first, programming later
    out = []
    for begin in rng.integers(0, len(rows) - 400, count * 2):
        near = [r for r in rows[int(begin) : int(begin) + 300] if len(r) == 2 and 25 < len(r[0]) < 260]
        if len(near) < 4 * (negatives + 1):
            continue
        picked = [near[int(i)] for i in rng.permutation(len(near))[: 4 * (negatives + 1)]]
        side = int(rng.random() < 0.5)  # the question's side; the passage is of the other
        passages = [[r[1 - side] for r in picked[i : i + 4]] for i in range(0, len(picked), 4)]
        question = picked[0][side]
        rng.shuffle(passages[0])
        text = (" " if side else "").join(passages[0])
        at = text.find(picked[0][1 - side])
        rest = tuple(Passage((" " if side else "").join(lines)) for lines in passages[1:])
        out.append(
            Group(question, Passage(text, (at, at + len(picked[0][1 - side]))), rest, "parallel_zh_en permissive")
        )
        if len(out) == count:
            break
    return out
