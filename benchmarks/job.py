"""One build in a process of its own, so that its memory can be watched: `python -m benchmarks.job HOME PATH [--real]`.

Prints one line of JSON: chunks, seconds by stage, this process's peak memory and its largest child's in MB,
and the CPU time of all its processes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from benchmarks.common import product_embedder, product_model
from benchmarks.corpora import real_vectors
from benchmarks.stub import StubEmbedder
from indexer.build import BuildSettings, build
from indexer.home import Home
from indexer.protocols import Embedder


def peak_mb(of_children: bool = False) -> float:
    """Peak resident memory of this process, or of the largest finished child, in MB (10^6 bytes); 0 on Windows."""
    try:
        import resource
    except ImportError:
        return 0.0
    used = resource.getrusage(resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF).ru_maxrss
    return used * (1 if sys.platform == "darwin" else 1024) / 1e6


def cpu_seconds() -> float:
    """CPU time of this process and its finished children, which other load on the machine hardly changes."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("path", type=Path)
    parser.add_argument("--real", action="store_true", help="embed with the real encoder instead of the stub")
    options = parser.parse_args()
    ours = product_embedder()
    embedder: Embedder = ours if options.real else StubEmbedder(real_vectors(), ours.name, ours.weights_sha256)
    stages: dict[str, float] = {}
    began: list[tuple[str, float]] = []

    def progress(stage: str, done: int, total: int) -> None:
        now = time.perf_counter()
        if began and began[-1][0] != stage:
            stages[began[-1][0]] = stages.get(began[-1][0], 0.0) + now - began[-1][1]
        if not began or began[-1][0] != stage:
            began.append((stage, now))

    cpu = cpu_seconds()
    start = time.perf_counter()
    result = build(Home(options.home), [options.path], embedder, BuildSettings(product_model()), progress=progress)
    seconds = time.perf_counter() - start
    if began:
        stages[began[-1][0]] = stages.get(began[-1][0], 0.0) + start + seconds - began[-1][1]
    print(json.dumps({
        "chunks": result.chunks, "documents": len(result.added), "quarantined": [q.reason for q in result.quarantined],
        "seconds": seconds, "cpu_seconds": cpu_seconds() - cpu, "stages": stages, "peak_mb": peak_mb(), "child_peak_mb": peak_mb(of_children=True),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
