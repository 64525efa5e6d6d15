"""Are the answers right, are they quoted from the page they name, and does it say so when there is none?

    python -m benchmarks answers [--parts text refusals citations chinese workshop latency] [--sets s10 tv ohr plant car] [--no-peers]

Every question goes through the whole `ask` of the product over the real index. `.cache/answers_SET.jsonl` holds every
answer with its scores, for reading.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.answer_checks import (
    RougeL,
    cites_page,
    found_again,
    plain,
    short_span,
    token_f1,
    unsupported_numbers,
)
from benchmarks.answer_sets import SETS, WORKSHOP, AnswerSet, Asked
from benchmarks.common import CACHE, MissingData, Table, percent, product_embedder, product_model
from copilot.types import Answer, AnswerStatus, Question
from finetune.registry import SHIPPED_FOLDER
from indexer.build import BuildSettings, build
from indexer.home import Home

if TYPE_CHECKING:
    from copilot.engine import Copilot
    from indexer.store import Index

PARTS = ("text", "refusals", "citations", "chinese", "workshop", "latency")
_WARM = 20


@dataclass(frozen=True, slots=True)
class Asking:
    """A set's answers, in the order of its questions, and the milliseconds each took."""

    set: AnswerSet
    answers: Sequence[Answer]
    milliseconds: Sequence[float]
    chunks: int


class Copilots:
    """Builds each set's index once a run and asks its questions once."""

    def __init__(self, keep: bool) -> None:
        self._keep = keep
        self._built: set[str] = set()
        self._asked: dict[str, Asking] = {}
        self._embedder = product_embedder()

    @contextmanager
    def opened(self, of: AnswerSet) -> Iterator[tuple[Copilot, Index]]:
        """The product as it is assembled, over that set's index."""
        home = self._home(of.name)
        if of.name not in self._built:
            self._built.add(of.name)
            if not (self._keep and home.current_version()):
                self._build(of, home)
        with opened_home(home) as both:
            yield both

    def asked(self, name: str) -> Asking:
        """The answers to a set's own questions."""
        if name not in self._asked:
            of = SETS[name]()
            with self.opened(of) as (copilot, index):
                print(f"  {of.title}: {len(of.questions)} questions on {index.manifest.chunk_count} chunks", flush=True)
                answers, spent = ask_all(copilot, of.questions)
                self._asked[name] = Asking(of, answers, spent, index.manifest.chunk_count)
            _write_down(self._asked[name])
        return self._asked[name]

    def _home(self, name: str) -> Home:
        return home_with_shared_cache(f"answers_{name}")

    def _build(self, of: AnswerSet, home: Home) -> None:
        shutil.rmtree(home.index_folder, ignore_errors=True)
        shutil.rmtree(home.documents_folder, ignore_errors=True)
        result = build(home, [of.folder()], self._embedder, BuildSettings(product_model()))
        for bad in result.quarantined:
            print(f"  left out: {bad.document_id}: {bad.reason}")


def home_with_shared_cache(name: str) -> Home:
    """A home of a benchmark whose `cache` is the benchmarks' own, so that the encoder is exported once for all."""
    home = Home(CACHE / "homes" / name)
    shared = CACHE / "model"
    shared.mkdir(parents=True, exist_ok=True)
    home.folder.mkdir(parents=True, exist_ok=True)
    if not home.cache_folder.is_symlink():
        shutil.rmtree(home.cache_folder, ignore_errors=True)
        home.cache_folder.symlink_to(shared, target_is_directory=True)
    return home


@contextmanager
def opened_home(home: Home) -> Iterator[tuple[Copilot, Index]]:
    """The product with its default settings over a home."""
    from copilot import assemble
    from copilot.config import Settings

    settings = Settings(home.folder)
    embedder = assemble.make_embedder(settings)
    with assemble.open_index(settings, embedder) as index:
        yield assemble.make_copilot(settings, index, embedder), index


def ask_all(copilot: Copilot, questions: Sequence[Asked]) -> tuple[list[Answer], list[float]]:
    """Every question's answer and how many milliseconds it took, after a few questions to warm up."""
    for question in questions[:_WARM]:
        copilot.ask(Question(question.text, question.machine))
    answers, spent = [], []
    for question in questions:
        start = time.perf_counter()
        answers.append(copilot.ask(Question(question.text, question.machine, question.id)))
        spent.append(1000 * (time.perf_counter() - start))
    return answers, spent


def _write_down(asking: Asking) -> None:
    rouge = RougeL()
    with (CACHE / f"answers_{asking.set.name}.jsonl").open("w", encoding="utf-8") as file:
        for asked, answer in zip(asking.set.questions, asking.answers, strict=True):
            text = plain(answer.text)
            row = {
                "id": asked.id, "question": asked.text, "status": answer.status.value, "route": answer.understanding.route.route,
                "reference": asked.reference, "text": text, "span": short_span(answer), "gold": [asked.document, asked.page, asked.section],
                "cited": [[c.source.document_id, list(c.pages), c.printed or c.quote] for c in answer.citations], "evidence": answer.evidence_score,
                "nearest": [[h.chunk.source.document_id, list(h.chunk.pages), list(h.chunk.heading), h.chunk.text] for h in answer.evidence],
                "rouge_l": round(rouge(asked.reference, text)[0], 4), "f1": round(token_f1(asked.reference, text), 4),
            }  # fmt: skip
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _answered(answers: Sequence[Answer]) -> list[float]:
    return [float(answer.status is AnswerStatus.ANSWERED) for answer in answers]


def text(copilots: Copilots, names: Sequence[str], with_peers: bool, save: bool) -> None:
    """Answers against reference answers: ROUGE-L on whole answers, token F1 on short ones."""
    for name in [name for name in names if name in ("s10", "tv")]:
        asking = copilots.asked(name)
        _rouge_table(copilots, asking, with_peers).publish(save)
    if "ohr" in names:
        _short_table(copilots, copilots.asked("ohr"), with_peers).publish(save)


def _words(texts: Sequence[str]) -> str:
    return f"{np.median([len(text.split()) for text in texts]):.0f}"


def _rouge_table(copilots: Copilots, asking: Asking, with_peers: bool) -> Table:
    rouge, questions = RougeL(), asking.set.questions
    table = Table(
        "answers", asking.set.name, f"{asking.set.title}: answers to {len(questions)} questions, {asking.chunks} chunks",
        ["answer", "ROUGE-L F1", "precision", "recall", "answered", "words (median)"],
        notes=[
            "ROUGE-L by rouge_score without stemming, markers left out; an abstention is scored as it stands",
            f"reference answers have {_words([q.reference for q in questions])} words (median); asked: 0.60; "
            "published for S10: 0.604 (EMQAP)",
            "the gold section is what a system that knew the section and quoted all of it would get",
        ],
    )  # fmt: skip

    def row(name: str, texts: Sequence[str], answered: Sequence[float]) -> None:
        scores = np.array([rouge(q.reference, t) for q, t in zip(questions, texts, strict=True)])
        table.add(name, *(percent(scores[:, i]) for i in range(3)), percent(answered), _words(texts))

    row("ours", [plain(answer.text) for answer in asking.answers], _answered(asking.answers))
    row("(the gold section, whole)", _gold_sections(asking.set), [1.0] * len(questions))
    if with_peers:
        for name, texts in _peers(copilots, asking.set, table):
            row(name, texts, [1.0] * len(questions))
    return table


def _gold_sections(of: AnswerSet) -> list[str]:
    """The whole text of the section each question's path names; empty where it names none."""
    [file] = of.folder().iterdir()
    sections = json.loads(file.read_text(encoding="utf-8")).values()
    texts = {str(s["title"]).strip(): " ".join(s["text"]) for s in sections}
    out = []
    for asked in of.questions:
        parts = [p.strip() for p in reversed((asked.section or "").split(">"))]
        out.append(next((texts[p] for p in parts if p in texts), ""))
    return out


def _short_table(copilots: Copilots, asking: Asking, with_peers: bool) -> Table:
    questions = asking.set.questions
    table = Table(
        "answers", asking.set.name, f"{asking.set.title}: short answers to {len(questions)} questions, {asking.chunks} chunks",
        ["answer", "F1", "F1 without yes/no", "reference held", "page cited", "answered", "words (median)"],
        notes=[
            "F1 as OHR-Bench counts it: tokens after SQuAD's normal form; yes and no must be the whole answer, which "
            "quotations never are",
            "reference held: its tokens all stand in the answer; page cited: a citation names the gold page",
            "asked: F1 at least 45; published: F1@1 39.8 (7-8B language models, all domains)",
        ],
    )  # fmt: skip
    open_ended = np.array([q.reference.strip().lower().rstrip(".") not in ("yes", "no") for q in questions])

    def row(name: str, texts: Sequence[str], cited: Sequence[float] | None, answered: Sequence[float]) -> None:
        f1 = np.array([token_f1(q.reference, t) for q, t in zip(questions, texts, strict=True)])
        held = [float(_holds(t, q.reference)) for q, t in zip(questions, texts, strict=True)]
        table.add(name, percent(f1), percent(f1[open_ended]), percent(held), percent(cited) if cited is not None else "-",
                  percent(answered), _words(texts))  # fmt: skip

    cited = [
        float(cites_page(answer, q.document or "", q.page or 0))
        for q, answer in zip(questions, asking.answers, strict=True)
    ]
    whole = [plain(answer.text) for answer in asking.answers]
    row("ours, whole text", whole, cited, _answered(asking.answers))
    spans = [short_span(answer) for answer in asking.answers]
    if any(spans):
        mixed = [span or text for span, text in zip(spans, whole, strict=True)]
        row("ours, short span where there is one", mixed, cited, _answered(asking.answers))
        table.notes.append(f"{sum(map(bool, spans))} answers bring a short span")
    else:
        table.notes.append("no answer brings a short span")
    if with_peers:
        for name, texts in _peers(copilots, asking.set, table, reading=True):
            row(name, texts, None, [float(bool(text)) for text in texts])
    return table


def _holds(text: str, reference: str) -> bool:
    wanted = reference.lower().split()
    flat = " ".join(text.lower().split())
    return bool(wanted) and all(word.strip(".,;:!?") in flat for word in wanted)


def _peers(copilots: Copilots, of: AnswerSet, table: Table, *, reading: bool = False) -> list[tuple[str, list[str]]]:
    """What each peer's search puts first, as an answer: the whole passage, and its sentence nearest in meaning.

    With `reading` also what its own extractive reader marks with our weights, where it has one.
    """
    try:
        from benchmarks import peer_readers, peers

        versions = peers.versions()
        marking = peer_readers.readers(SHIPPED_FOLDER / "reader") if reading else {}
    except Exception as error:
        table.notes.append(f"peers left out: {error}")
        return []
    from benchmarks.common import searchable_texts

    with copilots.opened(of) as (_, index):
        texts = searchable_texts(index)
        bodies = [chunk.text for chunk in index.chunks_at(range(len(texts)))]
    vectors = peers.Vectors()
    vectors.prepare([q.text for q in of.questions])
    out = []
    for name, make in peers.DEFAULTS.items():
        system = make(texts, vectors)
        ranked = [system.search(q.text, peers.DEPTH) for q in of.questions]
        first = [next(iter(found), None) for found in ranked]
        for family in [family for family in marking if name.startswith(family)]:
            shown = [[bodies[at] for at in found[: peer_readers.PASSAGES]] for found in ranked]
            spans = [marking[family].answer(q.text, texts) for q, texts in zip(of.questions, shown, strict=True)]
            out.append((marking[family].name, spans))
        passages = ["" if at is None else bodies[at] for at in first]
        nearest = []
        for asked, passage in zip(of.questions, passages, strict=True):
            parts = [part for part in re.split(r"(?<=[.!?])\s+|\n", passage) if part.strip()] or [passage]
            likeness = vectors.texts(parts) @ vectors.question(asked.text) if len(parts) > 1 else [0.0]
            nearest.append(parts[int(np.argmax(likeness))])
        out += [(f"{name}: first passage", passages), (f"{name}: its nearest sentence", nearest)]
    table.notes.append(
        f"peers: {versions}; their answer is the first passage of their search over the same chunks, or the sentence of it nearest to "
        "the question by the same weights; for short answers also what haystack's extractive reader and txtai's extractive questions mark "
        "with our reader's weights in float32, haystack's in eight passages, txtai's in its first (no other reading model can be had here); LangChain's recipe marks nothing without a language model"
    )
    return out


def refusals(copilots: Copilots, names: Sequence[str], save: bool) -> None:
    """Questions whose answer is not in what was indexed, and false refusals of those whose answer is."""
    table = Table(
        "answers", "refusals", "Refusals: questions that the indexed documents do not answer",
        ["indexed", "asked", "questions", "refused", "statuses"],
        notes=[
            "every status but `answered` counts as refused",
            "some questions on one device may rightly be answered by the other's manual; none is left out",
            "asked: at least 70 % of the foreign questions, at most 10 % of its own; plant: 15 of 15, at most 2 of 45",
        ],
    )  # fmt: skip

    def row(indexed: str, asked: str, answers: Sequence[Answer]) -> None:
        refused = [1.0 - value for value in _answered(answers)]
        counts: dict[str, int] = {}
        for answer in answers:
            counts[answer.status.value] = counts.get(answer.status.value, 0) + 1
        listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        table.add(indexed, asked, len(answers), percent(refused), listed)

    if {"s10", "tv"} <= set(names):
        for own, other in (("tv", "s10"), ("s10", "tv")):
            mine, foreign = SETS[own](), SETS[other]()
            with copilots.opened(mine) as (copilot, _):
                answers, _ = ask_all(copilot, foreign.questions)
            row(mine.title, f"{foreign.title} (foreign)", answers)
            _write_down(Asking(AnswerSet(f"{own}_asked_{other}", "", foreign.questions, foreign.fill), answers, (), 0))
            row(mine.title, "its own", copilots.asked(own).answers)
    if "plant" in names:
        asking = copilots.asked("plant")
        pairs = list(zip(asking.set.questions, asking.answers, strict=True))
        row("sample plant", "not in it", [answer for asked, answer in pairs if not asked.answerable])
        row("sample plant", "its own", [answer for asked, answer in pairs if asked.answerable])
        wrong = [a.id for a, answer in pairs if a.answerable != (answer.status is AnswerStatus.ANSWERED)]
        table.notes.append(f"plant, on the wrong side: {', '.join(wrong) or 'none'}")
    table.publish(save)


def citations(copilots: Copilots, names: Sequence[str], save: bool) -> None:
    """Quotes looked up in the page they name, which is read anew; numbers of answers looked up in their quotes."""
    table = Table(
        "answers", "citations", "Citations: every quote looked up on the page it names",
        ["set", "quotes", "verbatim, whole", "verbatim, word by word", "not checkable", "answers", "numbers without support"],
        notes=[
            "pages are read again by pypdfium2 (PDF) or plainly, apart from the product's readers; white space, case, hyphens and "
            "list signs do not count",
            "word by word: the words of each line or cell stand on the page in the same order; for columns of a page, which pypdfium2 "
            "reads in another order, and for mark-up within sentences",
            "not checkable: read by OCR, no text on the page, or a fault report, which is a record written out",
            "numbers without support: answers whose text has a number that is in no quote, no warning, no name of a cited document and "
            "not in the question, nor listed by the answer as converted from one that is and recomputed; answers from fault reports, "
            "which count, are left out",
            "asked: 98 %",
        ],
    )  # fmt: skip
    pooled: list[tuple[bool, bool]] = []
    for name in [
        name for name in names if name not in WORKSHOP
    ]:  # tables of codes as JSON have no page to look them up on
        asking = copilots.asked(name)
        folder = CACHE / "corpora" / f"answers_{name}"
        if not folder.is_dir():
            folder = asking.set.folder()
        checked = [(c, found_again(c, folder)) for answer in asking.answers for c in answer.citations]
        looked = [result for _, result in checked if result is not None]
        pooled += looked
        bare = [(q, unsupported_numbers(a)) for q, a in zip(asking.set.questions, asking.answers, strict=True)]
        lacking = [(q.id, numbers) for q, numbers in bare if numbers]
        table.add(
            asking.set.title, len(checked), percent([float(whole) for whole, _ in looked]),
            percent([float(parts) for _, parts in looked]), len(checked) - len(looked),
            int(sum(_answered(asking.answers))), len(lacking),
        )  # fmt: skip
        if lacking:
            shown = "; ".join(f"{i}: {', '.join(numbers[:3])}" for i, numbers in lacking[:5])
            table.notes.append(f"{asking.set.title}, without support: {shown}")
        with (CACHE / f"citations_{name}.jsonl").open("w", encoding="utf-8") as file:
            for c, result in checked:
                if result is not None and not all(result):
                    record = {
                        "document": c.source.document_id,
                        "pages": c.pages,
                        "quote": c.printed or c.quote,
                        "whole, parts": result,
                    }
                    file.write(json.dumps(record, ensure_ascii=False) + "\n")
    if not pooled:
        return
    table.add(
        "all of these", len(pooled), percent([float(whole) for whole, _ in pooled]),
        percent([float(parts) for _, parts in pooled]), "", "", "",
    )  # fmt: skip
    table.publish(save)


def chinese(copilots: Copilots, save: bool) -> None:
    """Chinese answers over the passages given with each question, and over all of them together."""
    asking = copilots.asked("car")
    with copilots.opened(asking.set) as (copilot, _):
        anywhere = [Asked(q.id, q.text, q.reference, keywords=q.keywords) for q in asking.set.questions]
        others, _ = ask_all(copilot, anywhere)
    rouge = RougeL()
    table = Table(
        "answers", "chinese", f"Chinese answers: {len(asking.set.questions)} questions on a car's manual",
        ["passages", "key words", "ROUGE-L F1", "answered", "refused, of the unanswerable"],
        notes=["key words: share of a question's key words that stand in the answer's text; ROUGE-L by characters",
               "measured only: the data are neither learnt from nor copied"],
    )  # fmt: skip
    for name, answers in (("those given with the question", asking.answers), ("all together", others)):
        pairs = list(zip(asking.set.questions, answers, strict=True))
        yes = [(q, a) for q, a in pairs if q.answerable]
        table.add(
            name,
            percent([_keyword_share(q.keywords, plain(a.text)) for q, a in yes]),
            percent([rouge(q.reference, plain(a.text))[0] for q, a in yes]),
            percent(_answered([a for _, a in yes])),
            f"{sum(a.status is not AnswerStatus.ANSWERED for q, a in pairs if not q.answerable)} of {len(pairs) - len(yes)}",
        )  # fmt: skip
    table.publish(save)


def _keyword_share(keywords: Sequence[str], text: str) -> float:
    flat = "".join(text.lower().split())
    return float(np.mean([float("".join(word.lower().split()) in flat) for word in keywords]))


def workshop(copilots: Copilots, names: Sequence[str], save: bool) -> None:
    """Questions as they are asked on a shop floor: is the answer held, is it refused where there is none?"""
    table = Table(
        "answers", "workshop", "Questions of the shop floor: short, in own words, some across languages, some without an answer",
        ["indexed", "half", "answerable", "answered", "expected words held", "document cited", "unanswerable", "refused"],
        notes=[
            "written by hands that knew the documents and none of the rules, `questions_workshop.jsonl`; the unanswerable ones ask for a "
            "neighbour of what the documents say: another part, another property, a code that is not listed",
            "half: the odd ones were read while rules were written; of the even ones the counts were seen, and those that a change turned",
            "expected words: a few words or a number of the document, found letter by letter; a right answer from another place may lack them",
        ],
    )  # fmt: skip
    for name in [name for name in WORKSHOP if name in names]:
        asking = copilots.asked(name)
        pairs = list(zip(asking.set.questions, asking.answers, strict=True))
        for half, odd in (("odd", 1), ("even", 0)):
            mine = [(asked, answer) for asked, answer in pairs if int(re.sub(r"\D", "", asked.id)) % 2 == odd]
            there = [(asked, answer) for asked, answer in mine if asked.answerable]
            answered = _answered([answer for _, answer in there])
            held = [
                float(was and _squeezed(asked.keywords[0]) in _squeezed(plain(answer.text)))
                for (asked, answer), was in zip(there, answered, strict=True)
            ]
            cited = [
                float(any(c.source.document_id == asked.document for c in answer.citations)) for asked, answer in there
            ]
            refused = [1.0 - value for value in _answered([answer for asked, answer in mine if not asked.answerable])]
            table.add(asking.set.title, half, len(there), percent(answered), percent(held), percent(cited), len(refused),
                      percent(refused))  # fmt: skip
    table.publish(save)


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold().replace(",", "")


def latency(copilots: Copilots, chunks: int, save: bool) -> None:
    """The whole warm `ask`, question after question: at real size and at many chunks."""
    from benchmarks import corpora
    from benchmarks.scale import scale_home

    table = Table(
        "answers", "latency", "The whole `ask`, warm, one question after another",
        ["index", "chunks", "questions", "p50 ms", "p95 ms", "slowest stages, p50 ms"],
        notes=["the many chunks are those of the benchmark `scale`; questions are real ones on manuals",
               "asked at 100,000 chunks: p50 at most 250 ms, p95 at most 500 ms"],
    )  # fmt: skip

    def row(name: str, count: int, answers: Sequence[Answer], spent: Sequence[float]) -> None:
        stages = {
            s: float(np.median([a.timings_ms.get(s, 0.0) for a in answers]))
            for s in answers[0].timings_ms
            if s != "total"
        }
        slow = ", ".join(f"{s} {ms:.0f}" for s, ms in sorted(stages.items(), key=lambda item: -item[1])[:3])
        table.add(name, count, len(answers), *(f"{v:.0f}" for v in np.percentile(spent, (50, 95))), slow)

    for name in ("ohr", "plant"):
        try:
            asking = copilots.asked(name)
        except MissingData as missing:
            print(missing)
            continue
        row(asking.set.title, asking.chunks, asking.answers, asking.milliseconds)
    home = home_with_shared_cache(f"scale_{chunks}")
    if home.current_version() is None:
        shutil.rmtree(home.folder)
        scale_home(chunks)
        home = home_with_shared_cache(f"scale_{chunks}")
    questions = [Asked(str(n), question) for n, question in enumerate(corpora.questions())]
    with opened_home(home) as (copilot, index):
        answers, spent = ask_all(copilot, questions)
        row("recombined manuals", index.manifest.chunk_count, answers, spent)
    table.publish(save)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks answers", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--sets", nargs="+", choices=tuple(SETS), default=tuple(SETS))
    parser.add_argument("--chunks", type=int, default=100_000, help="of the large index that `latency` asks")
    parser.add_argument("--no-peers", action="store_true", help="ours only")
    parser.add_argument("--keep-index", action="store_true", help="take the indexes of the last run, if they are there")
    parser.add_argument("--no-save", action="store_true", help="do not append to results.jsonl")
    options = parser.parse_args(arguments)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    save = not options.no_save
    copilots = Copilots(options.keep_index)
    sets: list[str] = [name for name in options.sets if _there(name)]
    steps: dict[str, Any] = {
        "text": lambda: text(copilots, sets, not options.no_peers, save),
        "refusals": lambda: refusals(copilots, sets, save),
        "citations": lambda: citations(copilots, sets, save),
        "chinese": lambda: chinese(copilots, save) if "car" in sets else None,
        "workshop": lambda: workshop(copilots, sets, save),
        "latency": lambda: latency(copilots, options.chunks, save),
    }
    for part in options.parts:
        try:
            steps[part]()
        except MissingData as missing:
            print(f"{part}: {missing}")


def _there(name: str) -> bool:
    try:
        SETS[name]()
    except MissingData as missing:
        print(f"{name}: {missing}")
        return False
    return True


if __name__ == "__main__":
    main()
