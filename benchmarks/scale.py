"""Does it hold at 100,000 chunks? Latency, agreement with exact search, cost per chunk, memory.

    python -m benchmarks scale [--parts latency growth reports pdf] [--chunks 100000] [--sizes 10000 50000 100000 200000]

The texts are recombined sentences of real manuals with numbers of their own. Except where said, vectors come from a
stub (real embeddings, moved a little), so that everything but the encoder is measured; questions are embedded for real.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import corpora
from benchmarks.common import CACHE, HERE, MissingData, Table, product_embedder, searchable_texts
from benchmarks.stub import StubEmbedder
from copilot.retrieve import HybridRetriever
from indexer.home import Home
from indexer.store import Index
from indexer.vector_index import ExactIndex

PARTS = ("latency", "growth", "reports", "pdf")


def run_job(home: Path, path: Path, real: bool = False) -> dict[str, Any]:
    """build() in a fresh process. Adds `tree_mb`: the peak of all its processes' resident memory together, sampled."""
    import psutil

    shutil.rmtree(home, ignore_errors=True)
    command = [sys.executable, "-m", "benchmarks.job", str(home), str(path), *(["--real"] if real else [])]
    process = subprocess.Popen(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True)
    peak = 0

    def watch() -> None:
        nonlocal peak
        me = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                family = [me, *me.children(recursive=True)]
                peak = max(peak, sum(p.memory_info().rss for p in family))
            except psutil.Error:
                pass
            time.sleep(0.1)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    printed, _ = process.communicate()
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"the build of {path.name} ended with code {process.returncode}")
    result: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    result["tree_mb"] = peak / 1e6
    return result


def scale_home(chunks: int) -> tuple[Path, dict[str, Any]]:
    """A home with `chunks` synthetic chunks, built anew, and what the build cost."""
    corpora.real_vectors()
    folder = corpora.manuals(CACHE / "corpora" / f"scale_{chunks}", chunks)
    home = CACHE / "homes" / f"scale_{chunks}"
    result = run_job(home, folder)
    shutil.rmtree(folder)
    print(f"  {result['chunks']} chunks built in {result['seconds']:.0f} s", flush=True)
    return home, result


def latency(chunks: int, save: bool) -> None:
    """Warm questions one after another, each embedded by the real encoder; agreement of the vector index."""
    home, _ = scale_home(chunks)
    embedder = product_embedder()
    asked = corpora.questions()
    with Index.open(Home(home)) as index:
        retriever = HybridRetriever(index, embedder)
        for question in asked[:20]:
            retriever.search(question, 10)
        times, embed, dense, words = [], [], [], []
        for question in asked:
            start = time.perf_counter()
            retriever.search(question, 10)
            times.append(1e3 * (time.perf_counter() - start))
            start = time.perf_counter()
            vector = embedder.embed_questions([question])
            middle = time.perf_counter()
            index.vectors.search(vector, 100)
            later = time.perf_counter()
            index.lexical.search(question, 100)
            embed.append(1e3 * (middle - start))
            dense.append(1e3 * (later - middle))
            words.append(1e3 * (time.perf_counter() - later))
        stub = StubEmbedder(corpora.real_vectors())
        exact = ExactIndex(stub.embed_documents(searchable_texts(index)))
        vectors = embedder.embed_questions(asked)
        _, ours = index.vectors.search(vectors, 10)
        overlaps = []
        for row, vector in zip(ours, vectors, strict=True):
            _, best = exact.search(vector[None, :], 10)
            overlaps.append(len(set(row.tolist()) & set(best[0].tolist())) / 10)
        table = Table(
            "scale", "latency", f"Warm questions over {len(index.lexical)} chunks, {len(asked)} real questions",
            ["step", "p50 ms", "p99 ms"],
            notes=[
                "whole: code look-up, question embedding, both searches, fusion, the ten chunks read",
                f"dense top 10 agrees with exact float32: {np.mean(overlaps):.4f} (lowest {min(overlaps):.1f})",
            ],
        )  # fmt: skip
        for name, values in (("whole hybrid question", times), ("question embedding", embed), ("dense search", dense),
                             ("BM25 search", words)):  # fmt: skip
            table.add(name, *(f"{v:.1f}" for v in corpora.percentiles(values)))
        table.publish(save)


def growth(sizes: Sequence[int], save: bool) -> None:
    """Cost per chunk as the index grows; the plot goes to benchmarks/plots/."""
    table = Table(
        "scale", "growth", "Cost of a build per chunk (without the encoder)",
        ["chunks", "seconds", "CPU seconds", "CPU ms per chunk", "peak MB, all processes", "index MB", "index bytes per chunk"],
        notes=["CPU time of all processes, which other load on the machine changes least",
               "![cost per chunk](plots/cost_per_chunk.png)"],
    )  # fmt: skip
    points = []
    for size in sizes:
        home, result = scale_home(size)
        bytes_ = sum(f.stat().st_size for f in (home / "index").rglob("*") if f.is_file())
        count = result["chunks"]
        points.append((count, 1e3 * result["cpu_seconds"] / count))
        table.add(count, f"{result['seconds']:.1f}", f"{result['cpu_seconds']:.1f}", f"{points[-1][1]:.2f}", f"{result['tree_mb']:.0f}",
                  f"{bytes_ / 1e6:.0f}", f"{bytes_ / count:.0f}")  # fmt: skip
        shutil.rmtree(home)
    if save:
        _plot(points)
    table.publish(save)


def _plot(points: Sequence[tuple[int, float]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder = HERE / "plots"
    folder.mkdir(exist_ok=True)
    figure, axes = pyplot.subplots(figsize=(5, 3))
    axes.plot([p[0] / 1_000 for p in points], [p[1] for p in points], marker="o")
    axes.set_xlabel("chunks in the index, thousands")
    axes.set_ylabel("build, CPU ms per chunk")
    axes.set_ylim(bottom=0)
    axes.set_title("Cost of a build per chunk, encoder not counted", fontsize=9)
    figure.tight_layout()
    figure.savefig(folder / "cost_per_chunk.png", dpi=90)
    pyplot.close(figure)


def reports(rows: int, save: bool) -> None:
    """Memory of indexing many fault reports, with the stub and, for a part, with the real encoder."""
    corpora.real_vectors()
    table = _memory_table("reports", f"Memory: {rows} fault reports")
    for count, real in ((rows, False), (min(5_000, rows), True)):
        file = corpora.fault_reports(CACHE / "corpora" / "reports" / "work_orders.csv", count)
        result = run_job(CACHE / "homes" / "reports", file, real)
        table.add(f"{count} reports", "real" if real else "stub", *_memory(result))
    table.publish(save)


def pdf(pages: int, save: bool) -> None:
    """Memory of indexing one long PDF, with the real encoder."""
    corpora.real_vectors()
    file = corpora.long_pdf(CACHE / "corpora" / "pdf" / f"manual_{pages}.pdf", pages)
    table = _memory_table("pdf", f"Memory: a PDF of {pages} pages")
    for real in (False, True):
        result = run_job(CACHE / "homes" / "pdf", file, real)
        table.add(f"{pages} pages, {file.stat().st_size / 1e6:.1f} MB", "real" if real else "stub", *_memory(result))
    table.publish(save)


def _memory_table(part: str, title: str) -> Table:
    return Table(
        "scale", part, title,
        ["input", "encoder", "chunks", "seconds", "peak MB", "largest child MB", "all processes MB"],
        notes=["peak: resident memory of the building process; all processes: sampled sum with its workers, shared pages counted "
               "twice"],
    )  # fmt: skip


def _memory(result: dict[str, Any]) -> list[str]:
    return [str(result["chunks"]), *(f"{result[k]:.0f}" for k in ("seconds", "peak_mb", "child_peak_mb", "tree_mb"))]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale", description=__doc__.split("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 50_000, 100_000, 200_000])
    parser.add_argument("--reports", type=int, default=100_000)
    parser.add_argument("--pages", type=int, default=1_600)
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args(arguments)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    save = not options.no_save
    try:
        if "latency" in options.parts:
            latency(options.chunks, save)
        if "growth" in options.parts:
            growth(options.sizes, save)
        if "reports" in options.parts:
            reports(options.reports, save)
        if "pdf" in options.parts:
            pdf(options.pages, save)
    except MissingData as missing:
        print(missing)


if __name__ == "__main__":
    main()
