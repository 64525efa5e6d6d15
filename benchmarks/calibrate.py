"""Fits how the shipped reader's scores become an order and a refusal: weights and thresholds, written into its version.

    python -m benchmarks.calibrate [--limit N] [--reader FOLDER]

Nothing here is a dev set. Indexed are: half of the paragraphs of the new_wiki articles held out of the training, half of the
paragraphs of cmrc train held out of it, the manuals of Klipper and Marlin, and made-up tables. Asked are questions whose passage is in the
index and questions whose passage is not: those of the other half (same topics), headings of another program's manual,
made-up questions on tables that are not there.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.answers import home_with_shared_cache, opened_home
from benchmarks.common import CACHE, DATA, SEED, product_embedder, product_model, squeezed, text_key
from benchmarks.reading import shipped_reader
from copilot.evidence import Calibration
from copilot.rerank import ReadingReranker
from copilot.types import Question
from finetune.reading import sources
from finetune.reading.model import CALIBRATION, Reader
from finetune.reading.synthetic import synthetic_groups
from finetune.registry import SHIPPED_FOLDER
from indexer.build import BuildSettings, build

LEAST_GAIN = 0.03  # share of the unanswerable that the reader must add, else the judge does without it
SPANS = ("en",)  # languages in which a span is mostly right; see `python -m benchmarks reading --parts spans`
FALSE_REFUSALS = 0.05  # of the training-side questions; other documents than these will have more
EVIDENCE_WEIGHTS = (0.0, 0.02, 0.04, 0.06, 0.08)
READ = 8  # passages of a question
DEPTHS = (2, 4, 6, 8)
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 1.0, 1.5, 2.5)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the words that its right passage holds; None when no passage indexed does."""

    text: str
    gold: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the pipeline made of a question: features of the evidence, and (fused score, relevance, right) of its hits."""

    language: str
    answerable: bool
    parts: Mapping[str, float]  # of the evidence; without the reader's where a rule decided
    hits: tuple[tuple[float, float, bool], ...]


def corpora(limit: int) -> dict[str, tuple[list[tuple[str, str]], list[Asked]]]:
    """Name -> ([(file name, text)], questions)."""
    rng = np.random.default_rng(SEED + 1)
    out = {}
    for name, paragraphs in (("wiki", sources.split_new_wiki(DATA)[1]), ("cmrc", sources.split_cmrc(DATA)[1])):
        order = rng.permutation(len(paragraphs))
        kept = {int(i) for i in order[: len(order) // 2]}
        files = [(f"{i:04d}.txt", paragraphs[i].text) for i in sorted(kept)]
        asked = [
            Asked(a.question, p.text[max(0, a.span[0] - 30) : a.span[1] + 30] if i in kept else None)
            for i, p in enumerate(paragraphs)
            for a in p.asked
        ]
        out[name] = files, asked
    kept_chunks = CACHE / "manual_chunks.json"
    if not kept_chunks.is_file():
        kept_chunks.write_text(json.dumps(sources.manual_chunks(DATA, Path(product_model()))), encoding="utf-8")
    chunks = json.loads(kept_chunks.read_text(encoding="utf-8"))
    some = {name: [texts[int(i)] for i in rng.permutation(len(texts))] for name, texts in chunks.items()}
    inside = some["klipper"][:500] + some["marlin"][:400]
    outside = some["linuxcnc"][:250] + some["neets"][:120]
    files = [(f"{i:04d}.md", "# " + text.replace("\n", "\n\n", 1)) for i, text in enumerate(inside)]
    asked = [Asked(g.question, g.positive.text[-120:]) for g in sources.heading_groups({"m": inside}, 300, 1, rng)]
    asked += [Asked(g.question, None) for g in sources.heading_groups({"m": outside}, 200, 1, rng)]
    out["manuals"] = files, [a for a in asked if len(a.text.split()) > 2]
    groups = synthetic_groups(500, 2, rng)
    files = [(f"{i:04d}.md", "# " + g.positive.text.replace("\n", "\n\n", 1)) for i, g in enumerate(groups[:250])]
    there = {g.question for g in groups[:250]}
    out["made_up"] = (
        files,
        [
            *(Asked(g.question, g.positive.text[slice(*(g.positive.span or (0, 0)))]) for g in groups[:250]),
            *(Asked(g.question, None) for g in groups[250:] if g.question not in there),
        ],
    )
    return {name: (files, _drawn(asked, limit, rng)) for name, (files, asked) in out.items()}


def _drawn(asked: Sequence[Asked], limit: int, rng: np.random.Generator) -> list[Asked]:
    """`limit` questions, half of them without an answer."""
    parts = [[a for a in asked if (a.gold is None) == missing] for missing in (False, True)]
    return [part[int(i)] for part in parts for i in rng.permutation(len(part))[: limit // 2]]


def see(name: str, files: Sequence[tuple[str, str]], asked: Sequence[Asked], reader: Reader) -> list[Seen]:
    """Ask a corpus its questions, through the product's own parts."""
    home = home_with_shared_cache(f"calibrate_{name}")
    folder = CACHE / "corpora" / f"calibrate_{name}"
    stamp = folder.with_suffix(".sha256")
    key = text_key([part for file in files for part in file])
    if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == key and home.current_version()):
        for old in (folder, home.index_folder, home.documents_folder):
            shutil.rmtree(old, ignore_errors=True)
        folder.mkdir(parents=True)
        for file, text in files:
            (folder / file).write_text(text, encoding="utf-8")
        build(home, [folder], product_embedder(), BuildSettings(product_model()))
        stamp.write_text(key, encoding="utf-8")
    reranker = ReadingReranker(reader, weight=0.0, weight_chinese=0.0)
    out = []
    with opened_home(home) as (copilot, _):
        for question in asked:
            understanding = copilot._understander.understand(Question(question.text))
            hits = copilot._retriever.retrieve(understanding, READ)
            read = reranker.order(question.text, understanding.language, hits)
            evidence = copilot._judge.judge(understanding, read)
            gold = squeezed(question.gold or "")
            out.append(Seen(
                understanding.language, question.gold is not None, evidence.parts,
                tuple((h.score, h.reading.relevance, bool(gold) and gold in squeezed(h.chunk.text)) for h in read if h.reading),
            ))  # fmt: skip
    print(f"  {name}: {len(out)} questions seen", flush=True)
    return out


def fit(seen: Sequence[Seen]) -> tuple[float, str]:
    """(what the reader's relevance is worth to refuse, 0 where it adds less than LEAST_GAIN; what each weight does)."""
    usable = [s for s in seen if {"words_and_meaning", "relevance"} <= s.parts.keys()]
    answerable = np.array([s.answerable for s in usable])
    recall = {}
    for weight in EVIDENCE_WEIGHTS:
        calibration = Calibration({"": weight})
        scores = np.array([s.parts["words_and_meaning"] + calibration.gain("", s.parts["relevance"]) for s in usable])
        recall[weight] = float((scores[~answerable] < np.quantile(scores[answerable], FALSE_REFUSALS)).mean())
    best = max(recall.values())
    chosen = next(weight for weight, share in recall.items() if share >= best - 0.003)
    told = (
        f"{len(usable)} questions; refused of those without an answer at {100 * FALSE_REFUSALS:.0f} % false refusals, by weight: "
        + ", ".join(f"{weight:g}: {100 * share:.1f} %" for weight, share in recall.items())
    )
    return (chosen if recall[chosen] >= recall[0.0] + LEAST_GAIN else 0.0), told


def best_weight(seen: Sequence[Seen]) -> tuple[float, str]:
    """The reader's weight in the order by mean reciprocal rank; the least of those that are as good as the best."""
    ranks = [mean_reciprocal_rank(seen, weight, READ) for weight in WEIGHTS]
    best = max(ranks)
    chosen = next(w for w, rank in zip(WEIGHTS, ranks, strict=True) if rank >= best - 0.003)
    return chosen, ", ".join(f"{w:g}: {rank:.3f}" for w, rank in zip(WEIGHTS, ranks, strict=True))


def mean_reciprocal_rank(seen: Sequence[Seen], weight: float, depth: int) -> float:
    """Of the questions whose right passage is among the hits, when the first `depth` are read."""
    reciprocal = []
    for one in seen:
        if any(right for *_, right in one.hits):
            fused = sorted(one.hits, key=lambda hit: -hit[0])
            read = [(score + weight * relevance, right) for score, relevance, right in fused[:depth]]
            ordered = sorted([*read, *((score, right) for score, _, right in fused[depth:])], key=lambda hit: -hit[0])
            reciprocal.append(1 / (1 + next(i for i, (_, right) in enumerate(ordered) if right)))
    return float(np.mean(reciprocal))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibrate", description=__doc__.split("\n")[0])
    parser.add_argument("--limit", type=int, default=400, help="questions of each corpus")
    parser.add_argument("--reader", type=Path, default=SHIPPED_FOLDER / "reader", help="the version to calibrate")
    options = parser.parse_args(arguments)
    reader = shipped_reader(options.reader)
    seen = {name: see(name, *both, reader) for name, both in corpora(options.limit).items()}
    result: dict[str, Any] = {"evidence": {}, "order": {}, "spans": SPANS, "measured": {}}
    for language in ("en", "zh"):
        mine = {name: [s for s in rows if s.language == language] for name, rows in seen.items()}
        everything = [s for rows in mine.values() for s in rows]
        weight, told = fit(everything)
        print(language, "evidence:", told, "->", weight or "not used")
        if weight:
            result["evidence"][language] = weight
        per = {name: best_weight(rows) for name, rows in mine.items() if len(rows) > 20}
        result["order"][language], mixed = best_weight(everything)
        for name, (_, ranks) in per.items():
            print(f"  order, {name}: {ranks}")
        print(f"  order, all: {mixed} -> {result['order'][language]}")
        depths = ", ".join(
            f"{depth}: {mean_reciprocal_rank(everything, result['order'][language], depth):.3f}" for depth in DEPTHS
        )
        print(f"  by passages read: {depths}")
        result["measured"][language] = {
            "refusals": told, "mean reciprocal rank by weight": mixed, "mean reciprocal rank by passages read": depths,
        }  # fmt: skip
    _write(options.reader, result)


def _write(folder: Path, result: dict[str, Any]) -> None:
    """Into the version, which is sealed anew: with this file, and with a card.md that was written meanwhile."""
    from finetune.version_folder import CARD, seal

    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CALIBRATION).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    seal(folder, card["task"], card["version"], card)


if __name__ == "__main__":
    main()
