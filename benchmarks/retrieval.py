"""Does the right page or section come first? ohrbench manuals, a smart TV's manual, a telephone's manual.

    python -m benchmarks retrieval [--parts ohr-pdf ohr-text tv s10] [--no-tuned] [--no-save]

The real files are indexed with the real build(); all manuals of a set lie in one index and the question does not say
which it is about. Peers search the same chunk texts. Pages: a hit counts all pages its chunk cites.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import peers
from benchmarks.common import CACHE, DATA, MissingData, Table, built, need, our_embedder, percent, searchable_texts
from benchmarks.common import squeezed as _squeezed
from copilot.retrieve import HybridRetriever, RetrieveSettings
from indexer.embedders import OnnxEmbedder
from indexer.store import Index
from indexer.types import Chunk

PARTS = ("ohr-pdf", "ohr-text", "tv", "s10")


@dataclass(frozen=True, slots=True)
class Question:
    """`gold` is (document, page), 1-based, or (section,)."""

    text: str
    gold: tuple[str, int] | str


@dataclass(frozen=True, slots=True)
class Task:
    """A set: files to index and questions with their gold."""

    name: str
    title: str
    files: Sequence[Path]
    questions: Sequence[Question]
    unit: str  # "page" or "section"
    notes: Sequence[str] = ()


class Dense:
    """Our vectors alone."""

    name = "ours, dense only"

    def __init__(self, index: Index, embedder: OnnxEmbedder) -> None:
        self._index, self._embedder = index, embedder

    def search(self, question: str, k: int) -> list[int]:
        """Positions, best first."""
        _, positions = self._index.vectors.search(self._embedder.embed_questions([question]), k)
        return [int(p) for p in positions[0] if p >= 0]


class Words:
    """Our BM25 alone."""

    name = "ours, BM25 only"

    def __init__(self, index: Index) -> None:
        self._index = index

    def search(self, question: str, k: int) -> list[int]:
        """Positions, best first."""
        return [position for position, _ in self._index.lexical.search(question, k)]


class Hybrid:
    """What the product does for a question as written."""

    name = "ours, hybrid"

    def __init__(self, index: Index, embedder: OnnxEmbedder, machine: str | None = None) -> None:
        self._index = index
        self._retriever = HybridRetriever(index, embedder, RetrieveSettings.suiting(embedder))
        self.machine = machine

    def search(self, question: str, k: int) -> list[int]:
        """Positions, best first."""
        ids = [hit.chunk.id for hit in self._retriever.search(question, k, self.machine)]
        places = self._index.positions_of(ids)
        return [places[i] for i in ids]


def ohrbench(from_pdf: bool) -> Task:
    """361 questions on 8 manuals; evidence_page_no counts from 0, our pages from 1."""
    lines = need("ohrbench", "qas_manual_dev.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    questions = [
        Question(row["questions"], (row["doc_name"].split("/")[-1], int(row["evidence_page_no"]) + 1)) for row in rows
    ]
    files = []
    for name in sorted({str(q.gold[0]) for q in questions}):
        pdf = DATA / "ohrbench" / "pdf" / f"{name}.pdf"
        files.append(
            pdf if from_pdf and pdf.is_file() else need("ohrbench", "retrieval_base/gt/manual", f"{name}.json")
        )
    pdfs = sum(file.suffix == ".pdf" for file in files)
    source = f"{pdfs} manuals read from PDF, {len(files) - pdfs} from page text"
    return Task("ohr-pdf" if from_pdf else "ohr-text", f"ohrbench manuals, {source}", files, questions, "page")


def _deepest(path: str, titles: set[str], separator: str = ">") -> str | None:
    """The deepest part of a section path that is a section's title."""
    return next((p.strip() for p in reversed(path.split(separator)) if p.strip() in titles), None)


def _sections(name: str, title: str, corpus: Path, pairs: Sequence[tuple[str, str]]) -> Task:
    titles = {str(s["title"]).strip() for s in json.loads(corpus.read_text(encoding="utf-8")).values()}
    questions = []
    for text, path in pairs:
        gold = _deepest(path, titles)
        if gold is not None:
            questions.append(Question(text, gold))
    lost = len(pairs) - len(questions)
    notes = [f"{lost} questions whose path names no section are left out"] if lost else []
    return Task(
        name, f"{title}: {len(titles)} sections, {len(questions)} questions", [corpus], questions, "section", notes
    )


def tv() -> Task:
    """213 paraphrased questions on a smart TV's manual."""
    lines = need("emanual_qa", "tv_qa_dev.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    corpus = need("emanual_qa", "smart_tv_remote_manual_corpus.json")
    return _sections("tv", "smart TV manual", corpus, [(r["question"], r["section"]) for r in rows])


def s10() -> Task:
    """50 questions on a telephone's manual."""
    with need("emanual_qa", "s10_50_questions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    corpus = need("emanual_qa", "s10_manual_corpus.json")
    return _sections("s10", "Galaxy S10 manual", corpus, [(r["question"], r["section_path"]) for r in rows])


TASKS: dict[str, Callable[[], Task]] = {
    "ohr-pdf": lambda: ohrbench(True),
    "ohr-text": lambda: ohrbench(False),
    "tv": tv,
    "s10": s10,
}


class Judge:
    """Says for a ranking where the gold stands: among the hits as they come, and among the different units in order."""

    def __init__(self, chunks: Sequence[Chunk], unit: str) -> None:
        self._units = [self._of(chunk, unit) for chunk in chunks]

    @staticmethod
    def _of(chunk: Chunk, unit: str) -> list[object]:
        if unit == "page":
            name = Path(chunk.source.document_id).stem
            return [(name, page) for page in range(chunk.pages[0], chunk.pages[1] + 1)]
        return [_squeezed(heading) for heading in chunk.heading[-1:]]

    def __call__(self, ranking: Sequence[int], gold: object) -> tuple[bool, bool, bool, bool]:
        """(distinct@1, distinct@5, raw@1, raw@5)."""
        wanted = _squeezed(gold) if isinstance(gold, str) else gold
        distinct = list(dict.fromkeys(unit for at in ranking for unit in self._units[at]))
        raw = [wanted in self._units[at] for at in ranking[:5]]
        return wanted in distinct[:1], wanted in distinct[:5], any(raw[:1]), any(raw)


def measure(task: Task, tuned: bool, save: bool) -> None:
    """Index one set, ask every system, publish the table."""
    folder = CACHE / "corpora" / task.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in task.files:
        shutil.copyfile(file, folder / file.name)
    embedder = our_embedder()
    with built(task.name, [(folder, None)], embedder) as index:
        texts = searchable_texts(index)
        chunks = index.chunks_at(range(len(texts)))
        judge = Judge(chunks, task.unit)
        vectors = peers.Vectors()
        vectors.prepare([q.text for q in task.questions])
        spread = np.mean([c.pages[1] - c.pages[0] + 1 for c in chunks])
        missing = sum(
            not any((_squeezed(q.gold) if isinstance(q.gold, str) else q.gold) in u for u in judge._units)
            for q in task.questions
        )
        table = Table(
            "retrieval", task.name, f"{task.title}; {len(texts)} chunks",
            ["system", f"{task.unit} hit@1", f"{task.unit} hit@5", "raw hit@1", "raw hit@5"],
            notes=[
                f"hit@k: among the first k different {task.unit}s in the order of the hits; raw: among the {task.unit}s "
                "of the first k hits",
                *([f"a chunk cites {spread:.2f} pages on average"] if task.unit == "page" else []),
                f"the gold {task.unit} is in no chunk for {missing} of {len(task.questions)} questions",
                "95 % bootstrap intervals, 2,000 resamples",
                f"peers: {peers.versions()}; the same chunk texts and weights (float32)",
                "a peer's \"best\" is its best setting by hit@1 on these very questions, picked in its favour",
                *task.notes,
            ],
        )  # fmt: skip

        def ask(system: peers.System) -> np.ndarray:
            return np.array([judge(system.search(q.text, peers.DEPTH), q.gold) for q in task.questions], dtype=float)

        def row(name: str, hits: np.ndarray) -> None:
            table.add(name, *(percent(hits[:, i]) for i in range(4)))
            print(f"  {name}: " + " / ".join(f"{100 * hits[:, i].mean():.1f}" for i in range(4)), flush=True)

        for ours in (Hybrid(index, embedder), Words(index), Dense(index, embedder)):
            hits = ask(ours)
            row(ours.name, hits)
            if isinstance(ours, Hybrid):
                _list_failures(task, ours, hits, chunks)
        defaults: dict[str, tuple[str, np.ndarray]] = {}
        for name, make in peers.DEFAULTS.items():
            hits = ask(make(texts, vectors))
            row(name, hits)
            family = name.split()[0]
            if family not in defaults or hits[:, 0].mean() > defaults[family][1][:, 0].mean():
                defaults[family] = (name, hits)
        if tuned:
            for family, makers in peers.TUNED.items():
                best = defaults[family]
                for make in makers:
                    system = make(texts, vectors)
                    hits = ask(system)
                    if tuple(hits[:, :2].mean(axis=0)) > tuple(best[1][:, :2].mean(axis=0)):
                        best = (system.name, hits)
                row(f"{family} at its best ({best[0]})", best[1])
        table.publish(save)


def _list_failures(task: Task, system: Hybrid, hits: np.ndarray, chunks: Sequence[Chunk]) -> None:
    """Write the questions whose gold is not first, for reading."""
    with (CACHE / f"failures_{task.name}.jsonl").open("w", encoding="utf-8") as file:
        for question, row in zip(task.questions, hits, strict=True):
            if not row[0]:
                ranking = system.search(question.text, 3)
                got = [
                    {"document": chunks[p].source.document_id, "pages": chunks[p].pages, "heading": chunks[p].heading,
                     "text": chunks[p].text[:200]}
                    for p in ranking
                ]  # fmt: skip
                record = {"question": question.text, "gold": question.gold, "in_first_5": bool(row[1]), "got": got}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks retrieval", description=__doc__.split("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--no-tuned", action="store_true", help="peers at their defaults only")
    parser.add_argument("--no-save", action="store_true", help="do not append to results.jsonl")
    options = parser.parse_args(arguments)
    for part in options.parts:
        try:
            measure(TASKS[part](), not options.no_tuned, not options.no_save)
        except MissingData as missing:
            print(f"{part}: {missing}")


if __name__ == "__main__":
    main()
