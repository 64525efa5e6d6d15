"""Exact codes: is the right row first, however the code is written?

    python -m benchmarks codes [--no-peers] [--peer-sample 1500] [--only MACHINE] [--no-save]

A hit is right when the first chunk shows the code and the description of its row; the gold comes from the source
files, parsed apart from the product's readers (`codes_gold.py`). Failures are listed in `.cache/failures_codes.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from benchmarks import peers
from benchmarks.codes_gold import Row, all_rows, roots
from benchmarks.common import CACHE, SEED, MissingData, Table, built, our_embedder, percent, searchable_texts, squeezed
from benchmarks.retrieval import Hybrid
from indexer.chunk import embedding_text
from indexer.store import Index
from indexer.types import Chunk


class First:
    """The product's first hit for a question, several times faster than asking for it.

    A code hit stands before every fused hit, so the search behind it is left out; `check` compares with the whole.
    """

    def __init__(self, index: Index, whole: Hybrid) -> None:
        self._index, self._whole = index, whole

    def search(self, question: str, machine: str | None) -> int | None:
        """The position of the first hit, or None."""
        for match in self._index.lookup_codes(question, machine):
            if match.entry.definition:
                return self._index.positions_of([match.entry.chunk_id])[match.entry.chunk_id]
        return self._complete(question, machine)

    def _complete(self, question: str, machine: str | None) -> int | None:
        self._whole.machine = machine
        return next(iter(self._whole.search(question, 1)), None)

    def check(self, asked: Sequence[tuple[str, str | None]]) -> None:
        """Raise AssertionError where the short way differs from the retriever."""
        for question, machine in asked:
            short, whole = self.search(question, machine), self._complete(question, machine)
            if short != whole:
                raise AssertionError(f"{question!r}: the registry says chunk {short}, the retriever {whole}")


def _sample(count: int, wanted: int) -> list[int]:
    rng = np.random.default_rng(SEED)
    return [int(i) for i in np.sort(rng.choice(count, min(wanted, count), replace=False))]


class Gold:
    """Which chunks are right for a row; computed once per row."""

    def __init__(self, chunks: Mapping[int, Chunk]) -> None:
        self._texts = {at: embedding_text(chunk) for at, chunk in chunks.items()}
        self._squeezed = {at: squeezed(text) for at, text in self._texts.items()}
        self._families = {at: (chunk.source.document_id, chunk.heading) for at, chunk in chunks.items()}

    def right(self, row: Row) -> set[int]:
        """Positions of the chunks that show this row's code and description."""
        code = re.compile(rf"(?<![0-9A-Za-z]){re.escape(row.code)}(?![0-9A-Za-z])")
        told = [squeezed(text) for text in row.texts]
        found = set()
        for at, text in self._squeezed.items():
            document, heading = self._families[at]
            in_table = row.machine not in ("xArm", "grbl") or row.table in heading or row.table in document
            if in_table and any(t in text for t in told) and code.search(self._texts[at]):
                found.add(at)
        return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks codes", description=__doc__.split("\n")[0])
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument(
        "--sample", type=int, default=3_000, help="variants asked without the machine, drawn with seed 0"
    )
    parser.add_argument("--peer-sample", type=int, default=1_500, help="variants asked of each peer, drawn with seed 0")
    parser.add_argument("--only", help="one machine")
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args(arguments)
    try:
        rows = [row for row in all_rows() if options.only in (None, row.machine)]
        places = roots()
    except MissingData as missing:
        print(missing)
        return
    embedder = our_embedder()
    with built("codes", places, embedder) as index:
        texts = searchable_texts(index)
        chunks = index.chunks_at(range(len(texts)))
        by_machine: dict[str, dict[int, Chunk]] = defaultdict(dict)
        for at, chunk in enumerate(chunks):
            by_machine[chunk.source.machine or ""][at] = chunk
        cases: list[tuple[Row, str, set[int]]] = []
        lost: list[Row] = []
        for machine in dict.fromkeys(row.machine for row in rows):
            gold = Gold(by_machine[machine])
            for row in (r for r in rows if r.machine == machine):
                right = gold.right(row)
                if not right:
                    lost.append(row)
                cases += [(row, variant, right) for variant in row.variants]
        print(f"{len(rows)} codes, {len(cases)} written variants, {len(texts)} chunks")
        for row in lost:
            print(f"  no chunk shows {row.machine} {row.table} {row.code}: {row.texts}")

        asker = First(index, Hybrid(index, embedder))
        sample = _sample(len(cases), options.sample)
        asker.check([(cases[i][1], cases[i][0].machine) for i in sample[:: max(1, len(sample) // 200)]])
        first: list[bool] = []
        failures = []
        for row, variant, right in cases:
            got = asker.search(variant, row.machine)
            first.append(got in right)
            if not first[-1]:
                failures.append(_failure(row, variant, chunks, got))
        named: dict[int, bool] = {}
        for i in sample:
            row, variant, right = cases[i]
            named[i] = asker.search(variant if row.machine in variant else f"{row.machine} {variant}", None) in right
        with (CACHE / "failures_codes.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(failure, ensure_ascii=False) + "\n" for failure in failures)
        _publish_ours(cases, first, named, failures, lost, len(texts), not options.no_save)
        if not options.no_peers:
            _publish_peers(cases, first, by_machine, texts, options.peer_sample, not options.no_save)


def _failure(row: Row, variant: str, chunks: Sequence[Chunk], got: int | None) -> dict[str, object]:
    chunk = chunks[got] if got is not None else None
    return {
        "machine": row.machine, "table": row.table, "code": row.code, "question": variant, "expected": row.texts[0],
        "got_document": chunk.source.document_id if chunk else None, "got_heading": chunk.heading if chunk else None,
        "got": chunk.text[:160] if chunk else None,
        "same_row": bool(chunk) and row.code in re.findall(r"[0-9A-Za-z]+", chunk.text.split("\n", 1)[0]),
    }  # fmt: skip


def _publish_ours(
    cases: Sequence[tuple[Row, str, set[int]]], first: Sequence[bool], named: Mapping[int, bool],
    failures: Sequence[dict[str, object]], lost: Sequence[Row], size: int, save: bool,
) -> None:  # fmt: skip
    table = Table(
        "codes", "ours", f"Exact codes, every written variant: right row first; {size} chunks of six machines",
        ["machine", "table", "codes", "variants", "machine known", f"machine named ({len(named)} drawn)"],
        notes=[
            "machine known: the operator has chosen the machine, as with `--machine`; named: all machines are searched and "
            "the question starts with the machine's name",
            f"{len(failures)} failures, {len(lost)} rows in no chunk; {sum(bool(f['same_row']) for f in failures)} of the "
            "failures show a chunk that starts with the same code: another piece of a long row, or another table's row",
            "95 % bootstrap intervals over variants",
        ],
    )  # fmt: skip
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, (row, _, _) in enumerate(cases):
        groups[row.machine, row.table].append(i)
    marks = np.array(first, dtype=float)

    def without(at: Iterable[int]) -> str:
        drawn = [named[i] for i in at if i in named]
        return percent(drawn) if drawn else "-"

    for (machine, name), at in groups.items():
        codes = len({cases[i][0].code for i in at})
        table.add(machine, name, codes, len(at), percent(marks[at]), without(at))
    total = len({(r.machine, r.table, r.code) for r, _, _ in cases})
    table.add("all", "", total, len(cases), percent(marks), without(range(len(cases))))
    table.publish(save)
    for failure in failures[:40]:
        print(
            f"  {failure['machine']} {failure['question']!r}: expected {failure['expected']!r}, got {failure['got']!r}"
        )


def _publish_peers(
    cases: Sequence[tuple[Row, str, set[int]]], first: Sequence[bool], by_machine: Mapping[str, Mapping[int, Chunk]],
    texts: Sequence[str], sample: int, save: bool,
) -> None:  # fmt: skip
    """Every peer gets one index per machine, so that it too knows the machine."""
    chosen = _sample(len(cases), sample)
    vectors = peers.Vectors()
    vectors.prepare([cases[i][1] for i in chosen])
    table = Table(
        "codes", "peers", f"Exact codes against peers: right row first, {len(chosen)} variants drawn with seed {SEED}",
        ["system", "hit@1", *by_machine],
        notes=["each peer searches an index of the machine's own chunks: the machine is known to it", peers.versions()],
    )  # fmt: skip
    groups = {machine: [n for n, i in enumerate(chosen) if cases[i][0].machine == machine] for machine in by_machine}
    groups = {machine: at for machine, at in groups.items() if at}
    table.columns = ["system", "hit@1", *groups]

    def row(name: str, marks: np.ndarray) -> None:
        table.add(name, percent(marks), *(f"{100 * marks[at].mean():.1f}" for at in groups.values()))

    row("ours", np.array([first[i] for i in chosen], dtype=float))
    makers: dict[str, peers.Factory] = {
        **peers.DEFAULTS,
        "haystack BM25": lambda t, v: peers.Haystack("haystack BM25", t, v, parts="words"),
        "LangChain BM25 (jieba)": lambda t, v: peers.LangChain("", t, v, cut=peers.jieba_cut, parts="words"),
        "txtai hybrid, dense weight 0.1": lambda t, v: peers.Txtai("", t, v, weight=0.1),
    }
    own = {machine: list(by_machine[machine]) for machine in groups}
    for name, make in makers.items():
        marks = np.zeros(len(chosen))
        for machine, at in groups.items():
            system = make([texts[p] for p in own[machine]], vectors)
            for n in at:
                _, variant, right = cases[chosen[n]]
                got = system.search(variant, 1)
                marks[n] = bool(got) and own[machine][got[0]] in right
        row(name, marks)
        print(f"  {name}: {100 * marks.mean():.1f}", flush=True)
    table.publish(save)


if __name__ == "__main__":
    main()
