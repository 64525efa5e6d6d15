"""Bodies side by side: what an encoder that also reads Chinese gains, and what it costs in English and in speed.

    python -m benchmarks bilingual [--bodies NAME=FOLDER ...] [--parts parallel reading codes manuals intents english speed]
                                   [--no-save]

The first body is always the unchanged default. Without `--bodies` the composed bilingual body stands beside it, where
the project can make one. What is right is decided after the search: no question holds any of it.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import bilingual_data as data
from benchmarks import retrieval
from benchmarks.bilingual_data import Body, about, bodies_of
from benchmarks.common import (
    CACHE,
    SEED,
    MissingData,
    Table,
    interval,
    percent,
    searchable_texts,
    squeezed,
)
from benchmarks.encoder import make_texts
from benchmarks.peers import DEPTH
from copilot.retrieve import HybridRetriever, RetrieveSettings, _fuse
from indexer.analysis import question_tokens
from indexer.build import BuildSettings, build
from indexer.chunk import ChunkSettings, chunk_document, embedding_text
from indexer.home import Home
from indexer.lexical_index import Bm25Index, top
from indexer.protocols import FloatMatrix
from indexer.store import Index
from indexer.types import Block, BlockKind, Document, DocumentKind, Page, Source
from indexer.windows import WindowIndex, window_texts, with_parts

DENSE_WEIGHT_CHINESE = RetrieveSettings().dense_weight_chinese  # for a body that reads Chinese
UNREAD_WEIGHT = 0.1  # for one that does not, see RetrieveSettings.suiting
PASSAGES = 2_000
SPEED_TEXTS = 512
SPEED_REPEATS = 5
ENGLISH_SETS = ("ohr-text", "tv", "s10")
REGULARISATION = (1.0, 10.0, 100.0)  # C of the logistic regression, chosen inside the training share

Marks = npt.NDArray[np.float64]
Search = Callable[[str], list[int]]


def settings_of(body: Body) -> RetrieveSettings:
    """How the product would search with this body."""
    return RetrieveSettings.suiting(body.embedder)


def points(marks: Marks, before: Marks) -> str:
    """A paired difference in percentage points with its interval."""
    mean, low, high = (100 * value for value in interval(marks - before))
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


@contextmanager
def indexed(name: str, paths: Sequence[Path], body: Body) -> Iterator[Index]:
    """An index made by the real build() in a home of this body's own, made anew; its chunks are cut by the body's tokens."""
    home = Home(CACHE / "homes" / f"bilingual_{name}_{body.name}")
    shutil.rmtree(home.folder, ignore_errors=True)
    for bad in build(home, paths, body.embedder, BuildSettings(body.model)).quarantined:
        print(f"  left out: {bad.document_id}: {bad.reason}")
    with Index.open(home) as index:
        yield index


# parallel


def found_first(asked: FloatMatrix, offered: FloatMatrix, from_texts: Sequence[str], to_texts: Sequence[str]) -> Marks:
    """1 where the nearest offered text translates the asked one; equal strings share their translations."""
    right: dict[str, set[str]] = {}
    for source, target in zip(from_texts, to_texts, strict=True):
        right.setdefault(squeezed(source), set()).add(squeezed(target))
    nearest = np.argmax(asked @ offered.T, axis=1)
    return np.array(
        [squeezed(to_texts[at]) in right[squeezed(source)] for source, at in zip(from_texts, nearest, strict=True)],
        dtype=np.float64,
    )


def parallel(bodies: Sequence[Body], limit: int | None, save: bool) -> None:
    """Translation retrieval, and how far English vectors have moved."""
    dev, held_out = data.dev_pairs(limit), data.held_out_sources(limit)
    edge = data.DEV_PERMISSIVE
    table = Table(
        "bilingual", "parallel", "Sentence pairs of technical documentation: the translation is the nearest of all",
        ["body", "pairs", "count", "zh → en", "en → zh"],
        notes=[
            f"held-out documents: each string is searched among the other language's {len(dev.english)}, also where only "
            "one licence group's strings are asked; the three named sources, untouched by training as wholes, are searched "
            "each within itself, pairs sharing a string with an earlier one removed",
            "both sides pass the bulk path; equal strings share their translations; 95 % bootstrap intervals over pairs",
            about(bodies),
        ],
    )  # fmt: skip
    for body in bodies:
        marks = both_ways(body, dev)
        for name, part in (
            (dev.name, slice(None)),
            ("held-out documents, permissive", slice(0, edge)),
            ("held-out documents, share-alike", slice(edge, None)),
        ):
            if len(marks[0][part]):
                table.add(body.name, name, len(marks[0][part]), *(percent(side[part]) for side in marks))
        for pairs in held_out:
            table.add(body.name, pairs.name, len(pairs.english), *map(percent, both_ways(body, pairs)))
    table.publish(save)
    _drift(bodies, dev.english, limit, save)


def both_ways(body: Body, pairs: data.Pairs) -> tuple[Marks, Marks]:
    english, chinese = body.documents(pairs.english), body.documents(pairs.chinese)
    return (
        found_first(chinese, english, pairs.chinese, pairs.english),
        found_first(english, chinese, pairs.english, pairs.chinese),
    )


def _drift(bodies: Sequence[Body], sentences: Sequence[str], limit: int | None, save: bool) -> None:
    sets = {"held-out sentences": sentences, "manual passages": data.passages(limit or PASSAGES)}
    columns = [f"{name} ({len(texts)}), {what}" for name, texts in sets.items() for what in ("mean", "lowest 5 %")]
    table = Table(
        "bilingual", "parallel-english", "Cosine of a body's English vectors to the unchanged body's", ["body", *columns],
        notes=["lowest 5 %: the cosine that 5 % of the texts fall below; the unchanged body against itself: by the float32 "
               "path against the bulk path, on the first 64 texts", about(bodies)],
    )  # fmt: skip
    first, *others = bodies
    cells: list[str] = []
    for texts in sets.values():
        cells += _cosines(first.documents(texts)[:64], first.questions(texts[:64]))
    table.add(first.name, *cells)
    for body in others:
        if body.embedder.dimension != first.embedder.dimension:
            table.add(body.name, *("-" for _ in columns))
            continue
        cells = []
        for texts in sets.values():
            cells += _cosines(body.documents(texts), first.documents(texts))
        table.add(body.name, *cells)
    table.publish(save)


def _cosines(a: FloatMatrix, b: FloatMatrix) -> tuple[str, str]:
    cosines = np.einsum("ij,ij->i", a, b)
    return f"{cosines.mean():.4f}", f"{np.percentile(cosines, 5):.4f}"


# reading


def _ranked(positions: npt.NDArray[np.int64], scores: npt.NDArray[Any], k: int) -> list[int]:
    return [int(p) for p in positions[np.lexsort((positions, -scores))[:k]]]


class Fusion:
    """Searches paragraphs by words, by vectors and by both, fused as the product does it."""

    def __init__(self, reading: data.Reading) -> None:
        limits = RetrieveSettings()
        self._candidates = limits.candidates
        self._bm25 = Bm25Index.build(reading.paragraphs)
        self._words = [
            self._bm25.scores(question_tokens(text)[: limits.max_question_tokens]) for text, _ in reading.questions
        ]
        self._gold = [place for _, place in reading.questions]

    def _judge(self, rankings: Sequence[Sequence[int]]) -> Marks:
        rows = [(gold in ranking[:1], gold in ranking[:5]) for ranking, gold in zip(rankings, self._gold, strict=True)]
        return np.array(rows, dtype=np.float64)

    def words(self) -> Marks:
        """(questions, 2): hit@1 and hit@5 of BM25."""
        return self._judge([[position for position, _ in top(scores, 5)] for scores in self._words])

    def dense(self, cosines: FloatMatrix) -> Marks:
        """The same for vectors; `cosines` is (questions, paragraphs)."""
        every = np.arange(cosines.shape[1])
        return self._judge([_ranked(every, row, 5) for row in cosines])

    def hybrid(self, cosines: FloatMatrix, dense_weight: float) -> Marks:
        """The same for the fusion of both sides' candidates."""
        every = np.arange(cosines.shape[1])
        rankings = []
        for lexical, cosine in zip(self._words, cosines, strict=True):
            found = {p for p, _ in top(lexical, self._candidates)} | set(_ranked(every, cosine, self._candidates))
            at = np.array(sorted(found), dtype=np.int64)
            rankings.append(_ranked(at, _fuse(lexical[at], cosine[at], dense_weight), 5))
        return self._judge(rankings)


def reading(bodies: Sequence[Body], limit: int | None, save: bool) -> None:
    """A Chinese question finds the paragraph it was asked about."""
    sets = data.reading_sets(limit)
    weights = sorted({UNREAD_WEIGHT, DENSE_WEIGHT_CHINESE, RetrieveSettings().dense_weight}, reverse=True)
    rows: dict[str, list[str]] = {"BM25, our analyser": []}
    notes = []
    for each in sets:
        fusion = Fusion(each)
        rows["BM25, our analyser"] += _hits(fusion.words())
        for body in bodies:
            asked = body.questions([text for text, _ in each.questions])
            whole = asked @ body.documents(each.paragraphs).T
            cosines = _as_indexed(body, asked, each.paragraphs)
            rows.setdefault(f"{body.name}, dense", []).extend(_hits(fusion.dense(cosines)))
            rows.setdefault(f"{body.name}, dense, one vector a paragraph", []).extend(_hits(fusion.dense(whole)))
            for weight in weights:
                hits = _hits(fusion.hybrid(cosines, weight))
                rows.setdefault(f"{body.name}, hybrid, dense weight {weight}", []).extend(hits)
            notes.append(
                f"{each.name}: {body.name} cuts {body.cut(each.paragraphs)} of {len(each.paragraphs)} paragraphs at "
                f"{body.embedder.max_tokens} tokens where it is one vector; BM25 reads them whole"
            )
        print(f"  {each.name}: {len(each.questions)} questions", flush=True)
    table = Table(
        "bilingual", "reading",
        "Chinese question to its paragraph: "
        + "; ".join(f"{s.name}, {len(s.questions)} questions on {len(s.paragraphs)} paragraphs" for s in sets),
        ["system", *(f"{s.name} hit@{k}" for s in sets for k in (1, 5))],
        notes=[
            *notes, "dense: every paragraph in chunks as the product cuts it, their parts counted in; the best chunk is the paragraph's", "hybrid: the product's convex fusion over the candidates of both sides; "
            f"{UNREAD_WEIGHT} is its weight for Chinese with a body that reads none, {DENSE_WEIGHT_CHINESE} with one that does", "95 % bootstrap intervals over questions",
            about(bodies),
        ],
    )  # fmt: skip
    for name, cells in rows.items():
        table.add(name, *cells)
    table.publish(save)


def _as_indexed(body: Body, asked: FloatMatrix, paragraphs: Sequence[str]) -> FloatMatrix:
    """(questions, paragraphs) cosines: each paragraph cut into chunks as the product cuts it, its best chunk's counts."""
    source = Source("paragraph", "", DocumentKind.MANUAL)
    count = body.embedder.token_counter()
    chunks = [
        chunk_document(
            Document(source, Path("paragraph"), (Page(1, text, (Block(BlockKind.PARAGRAPH, text),)),)),
            ChunkSettings(),
            count,
        ).chunks
        for text in paragraphs
    ]
    flat = [chunk for found in chunks for chunk in found]
    parts = [window_texts(chunk) for chunk in flat]
    vectors = body.documents([text for found in parts for text in found])
    index = WindowIndex.derive(None, np.zeros(0, dtype=np.int64), vectors, [len(found) for found in parts])
    whole = asked @ body.documents([embedding_text(chunk) for chunk in flat]).T
    every = np.arange(len(flat))
    cosines = np.stack(
        [with_parts(row, index.best(every, question)) for row, question in zip(whole, asked, strict=True)]
    )
    starts = np.cumsum([0, *map(len, chunks)])[:-1]
    return np.maximum.reduceat(cosines, starts, axis=1)


def _hits(marks: Marks) -> list[str]:
    return [percent(marks[:, i]) for i in range(marks.shape[1])]


# codes


def codes(bodies: Sequence[Body], limit: int | None, save: bool) -> None:
    """What an alarm means, told in one language, finds its row in the other."""
    table = Table(
        "bilingual", "codes", "A code's description finds the row in the other language",
        ["system", "maker", "zh asked", "en rows", "zh → en hit@1", "zh → en hit@10", "en asked", "zh rows",
         "en → zh hit@1", "en → zh hit@10"],
        notes=[
            "a row is searched as description, cause and remedy; the code itself is in neither side",
            "equal descriptions are asked once, and every row whose description equals a right one's is right; rows with an "
            "empty description are searched but not asked for",
            "95 % bootstrap intervals over descriptions", about(bodies),
        ],
    )  # fmt: skip
    makers = [data.dobot(), data.xarm()]
    cells: list[str]
    for maker in makers:
        english, chinese = maker.english[:limit], maker.chinese[:limit]
        for body in bodies:
            cells = []
            for asked, offered in ((chinese, english), (english, chinese)):
                questions, texts, right = _crossing(asked, offered)
                cosines = body.questions(questions) @ body.documents(texts).T
                rankings = np.argsort(-cosines, axis=1, kind="stable")
                cells += [str(len(questions)), str(len(texts)), *_hits(_within(rankings, right))]
            table.add(f"{body.name}, dense", maker.name, *cells)
        cells = []
        for asked, offered in ((chinese, english), (english, chinese)):
            questions, texts, right = _crossing(asked, offered)
            bm25 = Bm25Index.build(texts)
            lists = [[at for at, _ in bm25.search(question, 10)] for question in questions]
            cells += [str(len(questions)), str(len(texts)), *_hits(_within(lists, right))]
        table.add("BM25, our analyser", maker.name, *cells)
    table.publish(save)


def _crossing(
    asked: Sequence[data.CodeText], offered: Sequence[data.CodeText]
) -> tuple[list[str], list[str], list[set[int]]]:
    """Distinct questions, the other side's texts, and for each question the positions of the right ones."""
    rows = [at for at, row in enumerate(offered) if row.whole]
    by_told: dict[str, set[int]] = {}
    for place, at in enumerate(rows):
        by_told.setdefault(squeezed(offered[at].told), set()).add(place)
    questions: dict[str, str] = {}
    right: dict[str, set[int]] = {}
    for row, other in zip(asked, offered, strict=True):
        if row.told and other.told:
            key = squeezed(row.told)
            questions.setdefault(key, row.told)
            right.setdefault(key, set()).update(by_told[squeezed(other.told)])
    return list(questions.values()), [offered[at].whole for at in rows], list(right.values())


def _within(rankings: Sequence[Sequence[int]] | npt.NDArray[Any], right: Sequence[set[int]]) -> Marks:
    """(n, 2): whether a right position is among the first 1 and 10."""
    rows = [
        [any(int(at) in wanted for at in ranking[:k]) for k in (1, 10)]
        for ranking, wanted in zip(rankings, right, strict=True)
    ]
    return np.array(rows, dtype=np.float64)


# manuals


def manuals(bodies: Sequence[Body], limit: int | None, save: bool) -> None:
    """Questions in both languages on Chinese manuals, through build() and the product's search."""
    task = data.manual_questions(limit)
    folder = CACHE / "corpora" / "bilingual_contexts"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in task.contexts.items():
        (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    paths = [*task.folders, *([folder] if task.contexts else [])]
    sources = list(dict.fromkeys(question.source for question in task.questions))
    groups = {source: np.array([q.source == source for q in task.questions]) for source in sources}
    if len(groups) > 1:
        groups = {"all": np.ones(len(task.questions), dtype=bool), **groups}
    table = Table(
        "bilingual", "manuals", f"Questions in both languages on Chinese manuals: {len(task.questions)} questions",
        ["system", "about", "questions", *(f"{x} {y}" for x in ("zh", "en") for y in ("hit@1", "hit@5", "strict hit@1"))],
        notes=[
            f"all of {len(task.folders)} manuals and {len(task.contexts)} passages of a car's handbook lie in one index, the "
            "question does not say which it is about",
            f"right: a chunk, heading path included, with {data.RIGHT_SHARE:.0%} or more of the gold passage's character "
            "bigrams; raw hits, no two merged; strict: and no chunk holds clearly more, so that a neighbouring row of like "
            f"wording is wrong (at least {data.MOST_SHARE:.0%} of the fullest chunk's share)",
            "dense weight for Chinese: "
            + ", ".join(f"{body.name} {settings_of(body).dense_weight_chinese}" for body in bodies),
            *([f"{task.lost} questions whose passage is not in the data are left out"] if task.lost else []),
            "95 % bootstrap intervals over questions", about(bodies),
        ],
    )  # fmt: skip
    for body in bodies:
        with indexed("manuals", paths, body) as index:
            texts = [data.bigrams(text) for text in searchable_texts(index)]
            right = [data.right_chunks(question.passage, texts) for question in task.questions]
            counts = [len(enough) for enough, _ in right]
            strict = [len(best) for _, best in right]
            table.notes.append(
                f"{body.name}: {len(texts)} chunks, {statistics.mean(counts):.1f} right for a question on average "
                f"(strictly {statistics.mean(strict):.1f}), none for "
                f"{counts.count(0)} of {len(counts)}"
            )
            for name, search in _systems(index, body).items():
                marks = np.hstack([
                    _found([search(text) for text in asked], right)
                    for asked in ([q.chinese for q in task.questions], [q.english for q in task.questions])
                ])  # fmt: skip
                for group, at in groups.items():
                    table.add(f"{body.name}, {name}", group, int(at.sum()), *_hits(marks[at]))
                print(f"  {body.name}, {name}: " + " / ".join(f"{100 * v:.1f}" for v in marks.mean(axis=0)), flush=True)
    table.publish(save)


def _found(rankings: Sequence[Sequence[int]], right: Sequence[tuple[set[int], set[int]]]) -> Marks:
    rows = [
        (not enough.isdisjoint(ranking[:1]), not enough.isdisjoint(ranking[:5]), not best.isdisjoint(ranking[:1]))
        for ranking, (enough, best) in zip(rankings, right, strict=True)
    ]
    return np.array(rows, dtype=np.float64)


def _systems(index: Index, body: Body) -> dict[str, Search]:
    retriever = HybridRetriever(index, body.embedder, settings_of(body))
    dense, words = retrieval.Dense(index, body.embedder), retrieval.Words(index)

    def hybrid(question: str) -> list[int]:
        ids = [hit.chunk.id for hit in retriever.search(question, DEPTH)]
        places = index.positions_of(ids)
        return [places[i] for i in ids]

    return {
        "hybrid": hybrid,
        "dense": lambda question: dense.search(question, DEPTH),
        "BM25": lambda question: words.search(question, DEPTH),
    }


# intents


def intents(bodies: Sequence[Body], limit: int | None, save: bool) -> None:
    """A linear classifier over frozen vectors, against the same over characters."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV, KFold, train_test_split
        from sklearn.pipeline import make_pipeline
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        print(f"intents: scikit-learn is needed ({error}); install it with: pip install scikit-learn")
        return
    rows = data.utterances(limit and max(limit, 400))  # fewer do not fill the classes
    cells: dict[str, list[str]] = {}
    notes, columns = [], []
    for label in ("domain", "intent"):
        counts: dict[str, int] = {}
        for row in rows:
            if isinstance(row[label], str):
                counts[row[label]] = counts.get(row[label], 0) + 1
        kept = [row for row in rows if counts.get(row[label], 0) > 1]
        texts, labels = [row["text"] for row in kept], [row[label] for row in kept]
        train, test = train_test_split(np.arange(len(kept)), test_size=0.2, stratify=labels, random_state=SEED)
        target = np.array(labels)
        columns.append(f"{label} ({len(set(labels))} classes)")
        notes.append(
            f"{label}: {len(train)} to train, {len(test)} to test; {len(rows) - len(kept)} without a label or alone in "
            "their class are left out"
        )
        for name, features, body in [
            ("tf-idf of characters (1-2) + logistic regression", TfidfVectorizer(analyzer="char", ngram_range=(1, 2)), None),
            *((f"{body.name}, frozen + logistic regression", None, body) for body in bodies),
        ]:  # fmt: skip
            values: Any = body.questions(texts) if body else np.array(texts, dtype=object)
            steps = [LogisticRegression(max_iter=2_000, random_state=SEED)]
            model = GridSearchCV(
                make_pipeline(features, *steps) if features else make_pipeline(*steps),
                {"logisticregression__C": REGULARISATION}, cv=KFold(3, shuffle=True, random_state=SEED),
            )  # fmt: skip
            with threadpool_limits(1):  # matrices this small only wait for each other
                model.fit(values[train], target[train])
            marks = np.asarray(model.predict(values[test]) == target[test], dtype=np.float64)
            cells.setdefault(name, []).append(percent(marks))
            print(
                f"  {label}, {name}: {100 * marks.mean():.1f}, C {model.best_params_['logisticregression__C']}",
                flush=True,
            )
    table = Table(
        "bilingual", "intents", f"Chinese commands to an assistant: {len(rows)} of SMP 2019, accuracy", ["system", *columns],
        notes=[
            *notes, f"80/20 split, stratified, seed {SEED}; C of {', '.join(f'{c:g}' for c in REGULARISATION)} by three folds "
            "of the training share; 95 % bootstrap intervals over utterances", about(bodies),
        ],
    )  # fmt: skip
    for name, row_cells in cells.items():
        table.add(name, *row_cells)
    table.publish(save)


# english


def english(bodies: Sequence[Body], limit: int | None, save: bool) -> None:
    """The English retrieval sets with every body, the same way as `retrieval` measures them."""
    table = Table(
        "bilingual", "english", "English retrieval with every body", 
        ["set", "system", "hit@1", "hit@5", "hit@1, points to english", "hit@5, points to english"],
        notes=[
            "hit@k: among the first k different pages or sections in the order of the hits; each body has its own index",
            "points: the paired difference to the same system with the unchanged body; 95 % bootstrap intervals over questions",
        ],
    )  # fmt: skip
    for name in ENGLISH_SETS:
        try:
            task = retrieval.TASKS[name]()
        except MissingData as missing:
            print(missing)
            continue
        questions = task.questions[:limit]
        files = task.files
        if limit and task.unit == "page":
            wanted = {str(question.gold[0]) for question in questions}
            files = [file for file in files if file.stem in wanted]
        folder = CACHE / "corpora" / f"bilingual_{name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, folder / file.name)
        before: dict[str, Marks] = {}
        sizes = []
        for body in bodies:
            with indexed(name, [folder], body) as index:
                texts = searchable_texts(index)
                judge = retrieval.Judge(index.chunks_at(range(len(texts))), task.unit)
                sizes.append(f"{body.name} {len(texts)}")
                for system, search in _systems(index, body).items():
                    if system == "BM25":
                        continue
                    rows = [judge(search(question.text), question.gold)[:2] for question in questions]
                    marks = np.array(rows, dtype=np.float64)
                    first = before.setdefault(system, marks)
                    change = ["", ""] if body is bodies[0] else [points(marks[:, i], first[:, i]) for i in (0, 1)]
                    table.add(name, f"{body.name}, {system}", *_hits(marks), *change)
                    print(f"  {name}, {body.name}, {system}: {100 * marks[:, 0].mean():.1f}", flush=True)
        table.notes.append(f"{name}: {task.title}; {len(questions)} questions; chunks: {', '.join(sizes)}")
    table.notes.append(about(bodies))
    if table.rows:
        table.publish(save)


# speed


def speed(bodies: Sequence[Body], limit: int | None, save: bool) -> None:
    """Bulk encoding of the same English texts by every body in turn."""
    rng = np.random.default_rng(SEED)
    lengths = [int(n) for n in rng.integers(20, 257, limit or SPEED_TEXTS)]
    rates: dict[str, list[float]] = {body.name: [] for body in bodies}
    for body in bodies:
        body.embedder.encoder.encode_many(make_texts([32, 128, 256] * 8, SEED))
    for repeat in range(SPEED_REPEATS):
        texts = make_texts(lengths, 100 + repeat)
        for body in bodies if repeat % 2 == 0 else bodies[::-1]:
            start = time.perf_counter()
            body.embedder.encoder.encode_many(texts)
            rates[body.name].append(len(texts) / (time.perf_counter() - start))
    first = rates[bodies[0].name]
    table = Table(
        "bilingual", "speed", f"Bulk encoding of {len(lengths)} English texts of 20 to 256 tokens",
        ["body", "chunks/s", "slowest", "fastest", f"ratio to {bodies[0].name}", "tokens a text"],
        notes=[
            f"medians of {SPEED_REPEATS} repeats, the bodies by turns and in changing order; the ratio is the median of the "
            "repeats' ratios; tokens by the body's own tokeniser, at most its limit",
            *(f"{body.name}: {body.embedder.encoder.bulk_description()}" for body in bodies), about(bodies),
        ],
    )  # fmt: skip
    sample = make_texts(lengths, 100)
    for body in bodies:
        own = rates[body.name]
        ratio = statistics.median(a / b for a, b in zip(own, first, strict=True))
        tokens = np.minimum(body.embedder.token_counter().count_many(sample), body.embedder.max_tokens)
        table.add(body.name, f"{statistics.median(own):.0f}", f"{min(own):.0f}", f"{max(own):.0f}", f"{ratio:.2f}",
                  f"{tokens.mean():.1f}")  # fmt: skip
    table.publish(save)


PARTS: dict[str, Callable[[Sequence[Body], int | None, bool], None]] = {
    "parallel": parallel,
    "reading": reading,
    "codes": codes,
    "manuals": manuals,
    "intents": intents,
    "english": english,
    "speed": speed,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks bilingual", description=__doc__.split("\n")[0])
    parser.add_argument("--bodies", nargs="+", metavar="NAME=FOLDER", help="measured beside the unchanged body")
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=tuple(PARTS))
    parser.add_argument("--limit", type=int, help=argparse.SUPPRESS)  # a short trial; never recorded
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args(arguments)
    bodies = bodies_of(options.bodies)
    for name in options.parts:
        try:
            PARTS[name](bodies, options.limit, not options.no_save and options.limit is None)
        except MissingData as missing:
            print(missing)


if __name__ == "__main__":
    main()
