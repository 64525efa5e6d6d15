"""Does the reader help? Answer spans, order of the hits before and after, both languages.

    python -m benchmarks reading [--parts spans order] [--limit N] [--no-save]

`spans`: EM and F1 on squadshifts new_wiki (articles held out of the training), cmrc trial and drcd dev, by SQuAD's rules,
Chinese by characters. `order`: hit@1 and hit@5 of the product's search without and with the reader, on the sets of
`retrieval` and on paragraphs of the Chinese sets.
"""

from __future__ import annotations

import argparse
import re
import shutil
import string
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from benchmarks import retrieval
from benchmarks.common import (
    CACHE,
    DATA,
    SEED,
    MissingData,
    Table,
    built,
    need,
    percent,
    product_embedder,
    product_model,
)
from copilot.rerank import ReadingReranker
from copilot.retrieve import HybridRetriever, RetrieveSettings
from finetune.network import Body
from finetune.reading.model import Reader
from finetune.reading.sources import Paragraph, read_squad, split_new_wiki
from finetune.registry import SHIPPED_FOLDER
from indexer.analysis import is_chinese
from indexer.chunk import embedding_text
from indexer.types import Reading

PARTS = ("spans", "order")
DEPTH = 8
_PARAGRAPHS = 400
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def shipped_reader(folder: Path | None = None, *, int8: bool = True) -> Reader:
    """The version that ships, or the one in `folder`."""
    body = Body(Path(product_model()), CACHE / "model")
    return Reader(folder or SHIPPED_FOLDER / "reader", body, CACHE / "model", int8=int8)


def normal(text: str) -> list[str]:
    """Tokens in SQuAD's normal form; every Chinese character is one."""
    text = unicodedata.normalize("NFKC", text).lower()
    text = "".join(" " if c in string.punctuation or unicodedata.category(c)[0] == "P" else c for c in text)
    return re.findall(r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+", _ARTICLES.sub(" ", text))


def em_f1(text: str, answers: Sequence[str]) -> tuple[float, float]:
    """The best exact match and token F1 over the answers."""
    got = normal(text)
    scores = []
    for answer in answers:
        gold = normal(answer)
        both = sum((Counter(got) & Counter(gold)).values())
        scores.append((float(got == gold), 2 * both / max(1, len(got) + len(gold))))
    return max(s[0] for s in scores), max(s[1] for s in scores)


def windows(text: str, size: int, step: int) -> list[tuple[int, str]]:
    """Pieces of a long text that overlap, with where they begin."""
    return [(begin, text[begin : begin + size]) for begin in range(0, max(1, len(text) - (size - step)), step)]


def spans(reader: Reader, limit: int, save: bool) -> None:
    """EM and F1 of the likeliest span, the paragraph given."""
    table = Table(
        "reading", "spans", "Answer spans, the paragraph given", ["set", "questions", "EM", "F1", "answer in top 3 spans (F1)"],
        notes=["new_wiki: articles never trained on; published F1 there 88.7 (BERT-base, 12 layers, 768 wide, on all of SQuAD)",
               "cmrc trial and drcd dev were never trained on; F1 by characters", f"at most {limit} questions a set, drawn with seed {SEED}"],
    )  # fmt: skip
    for name, paragraphs in _span_sets():
        asked = [(p, a) for p in paragraphs for a in p.asked]
        chosen = [asked[int(i)] for i in np.random.default_rng(SEED).permutation(len(asked))[:limit]]
        scores = []
        for paragraph, question in chosen:
            chinese = is_chinese(paragraph.text)
            pieces = windows(paragraph.text, 330 if chinese else 1_000, 230 if chinese else 700)
            readings = reader.read(question.question, [piece for _, piece in pieces])
            found = [
                (span.confidence * (0.2 + reading.relevance), piece[span.begin : span.end])
                for reading, (_, piece) in zip(readings, pieces, strict=True)
                for span in reading.spans
            ]
            found.sort(reverse=True)
            best = [em_f1(text, question.answers) for _, text in found[:3]] or [(0.0, 0.0)]
            scores.append((*best[0], max(f1 for _, f1 in best)))
        values = np.array(scores)
        table.add(name, len(chosen), *(percent(values[:, i]) for i in range(3)))
    table.publish(save)


def _span_sets() -> Iterator[tuple[str, list[Paragraph]]]:
    yield "squadshifts new_wiki, held-out articles", split_new_wiki(DATA)[1]
    yield "cmrc 2018 trial", read_squad(need("cmrc2018", "squad-style-data", "cmrc2018_trial.json"))
    yield "drcd dev (traditional script)", read_squad(need("drcd", "DRCD_dev.json"))


def order_tasks(limit: int) -> Iterator[retrieval.Task]:
    """The sets of `retrieval`, and paragraphs of the Chinese sets, a file each."""
    for part in retrieval.PARTS:
        yield retrieval.TASKS[part]()
    for name, file in (
        ("cmrc", need("cmrc2018", "squad-style-data", "cmrc2018_trial.json")), ("drcd", need("drcd", "DRCD_dev.json")),
    ):  # fmt: skip
        yield paragraph_task(name, f"{file.stem}: paragraphs", read_squad(file), limit)


def paragraph_task(name: str, title: str, paragraphs: Sequence[Paragraph], limit: int) -> retrieval.Task:
    """Each paragraph a file; the right "page" is the paragraph's."""
    folder = CACHE / "corpora" / f"paragraphs_{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(SEED)
    kept = [paragraphs[int(i)] for i in rng.permutation(len(paragraphs))[:_PARAGRAPHS]]
    files, questions = [], []
    for number, paragraph in enumerate(kept):
        file = folder / f"p{number:04d}.txt"
        file.write_text(paragraph.text, encoding="utf-8")
        files.append(file)
        questions += [retrieval.Question(asked.question, (file.stem, 1)) for asked in paragraph.asked]
    chosen = [questions[int(i)] for i in rng.permutation(len(questions))[:limit]]
    return retrieval.Task(name, title, files, chosen, "page")


def order(reader: Reader, limit: int, save: bool, names: Sequence[str] = ()) -> None:
    """hit@1 and hit@5 before and after, for several weights of the reader."""
    weights = (0.0, 0.15, 0.3, 0.6, 1.0, 2.0, 100.0)
    table = Table(
        "reading", "order", f"Order of the hits without and with the reader ({DEPTH} passages read)",
        ["set", "questions", *(f"weight {w:g}: hit@1 / hit@5" for w in weights)],
        notes=["weight 0 is the fused order; the product's own encoder", "chosen weights: see copilot.rerank"],
    )  # fmt: skip
    for task in order_tasks(limit):
        if names and task.name not in names:
            continue
        folder = CACHE / "corpora" / f"reading_{task.name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in task.files:
            shutil.copyfile(file, folder / file.name)
        embedder = product_embedder()
        with built(f"reading_{task.name}", [(folder, None)], embedder) as index:
            retriever = HybridRetriever(index, embedder, RetrieveSettings.suiting(embedder))
            judge = retrieval.Judge(index.chunks_at(range(index.manifest.chunk_count)), task.unit)
            hits = [retriever.search(q.text, 10) for q in task.questions]
            cached = [
                reader.read(q.text, [embedding_text(h.chunk) for h in some[:DEPTH]])
                for q, some in zip(task.questions, hits, strict=True)
            ]
            cells = []
            for weight in weights:
                found = []
                for question, some, readings in zip(task.questions, hits, cached, strict=True):
                    ranking = ReadingReranker(
                        _Known(readings), depth=DEPTH, weight=weight, weight_chinese=weight
                    ).order(question.text, "en", some)
                    places = index.positions_of([h.chunk.id for h in ranking])
                    found.append(judge([places[h.chunk.id] for h in ranking], question.gold)[:2])
                values = np.array(found, dtype=float)
                cells.append(" / ".join(f"{100 * value:.1f}" for value in values.mean(axis=0)))
            table.add(task.title, len(task.questions), *cells)
            print("  " + task.title, *cells, flush=True)
    table.publish(save)


class _Known:
    """Gives readings made before."""

    version, calibration = "known", MappingProxyType({})

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = list(readings)

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        return self._readings[: len(passages)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks reading", description=__doc__.split("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--sets", nargs="+", default=(), help="of the part `order`")
    parser.add_argument("--limit", type=int, default=1_000, help="questions a set")
    parser.add_argument("--reader", type=Path, help="a version's folder instead of the one that ships")
    parser.add_argument("--float", action="store_true", help="float32 instead of int8")
    parser.add_argument("--no-save", action="store_true", help="do not append to results.jsonl")
    options = parser.parse_args(arguments)
    reader = shipped_reader(options.reader, int8=not options.float)
    try:
        if "spans" in options.parts:
            spans(reader, options.limit, not options.no_save)
        if "order" in options.parts:
            order(reader, options.limit, not options.no_save, options.sets)
    except MissingData as missing:
        print(missing)


if __name__ == "__main__":
    main()
