"""How fast the encoder turns chunks into vectors, and what share of the CPU's bfloat16 peak it reaches.

    python benchmarks/encoder.py [--repeats 5] [--texts 256] [--no-peers] [--json FILE]

Everything runs interleaved in one process: in each repeat every back end takes its turn at every length, and the
matrix peak is measured between them; medians are printed. FLOPs count real tokens only, padding is not work.
Peers: sentence-transformers in its default float32 and in bfloat16, the same model, sorted batches of 32.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from indexer.embedders import OnnxEmbedder
from indexer.encoder import available_cores
from indexer.model_folder import resolve_model

# One token each in the default model's vocabulary, so that a text's length in tokens is known.
WORDS = (
    "valve motor pressure pump belt sensor alarm oil water gear shaft cable switch error replace check remove open "
    "close clean front rear left right upper lower speed power supply unit control panel reset stop start machine tool"
).split()
LENGTHS = (64, 128, 206, 256)


def make_texts(lengths: list[int], seed: int) -> list[str]:
    """Random texts with these token counts, special tokens included."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, length - 2)) for length in lengths]


def flops(lengths: list[int], config: dict[str, Any]) -> float:
    """Multiply-adds times two of the transformer layers: projections, feed-forward, attention products."""
    hidden, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    per_token = 2 * (4 * hidden * hidden + 2 * hidden * inner)
    return float(sum(layers * (n * per_token + 4 * n * n * hidden) for n in lengths))


def peak_gflops(torch: Any) -> float:
    """bfloat16 matrix products of a large square and of the encoder's own widest shape; the better of the two."""
    best = 0.0
    for m, k, n in ((2048, 2048, 2048), (8192, 384, 1536)):
        a, b = torch.randn(m, k, dtype=torch.bfloat16), torch.randn(k, n, dtype=torch.bfloat16)
        times = []
        for _ in range(12):
            start = time.perf_counter()
            a @ b
            times.append(time.perf_counter() - start)
        # The median of a burst: a single lucky product is no rate that anything could sustain.
        best = max(best, 2 * m * k * n / statistics.median(times[2:]) / 1e9)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--texts", type=int, default=256, help="texts per measurement; peers get a quarter")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", type=Path, help="keeps the exported model between runs")
    options = parser.parse_args()

    import torch

    torch.set_num_threads(available_cores())
    cache = options.cache or Path(tempfile.mkdtemp(prefix="encoder-bench-"))
    embedder = OnnxEmbedder(cache_dir=cache)
    model = resolve_model()
    config = json.loads((model.transformer / "config.json").read_text(encoding="utf-8"))

    rng = np.random.default_rng(7)
    mix = [int(n) for n in np.clip(rng.normal(160, 60, 2 * options.texts), 20, 256)]
    cases = {str(n): [n] * options.texts for n in LENGTHS} | {"mix": mix}
    backends: dict[str, tuple[Callable[[list[str]], Any], int]] = {"ours": (embedder.embed_documents, 1)}
    if not options.no_peers:
        from sentence_transformers import SentenceTransformer

        for name, dtype in (("st_f32", torch.float32), ("st_bf16", torch.bfloat16)):
            peer = SentenceTransformer(str(model.path), device="cpu", model_kwargs={"dtype": dtype})

            def encode(texts: list[str], peer: Any = peer) -> Any:
                return peer.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False)

            backends[name] = (encode, 4)
    for encode_texts, _ in backends.values():
        encode_texts(make_texts([32, 128, 256] * 8, 1))

    rates: dict[str, dict[str, list[float]]] = {case: {name: [] for name in backends} for case in cases}
    shares: dict[str, list[float]] = {case: [] for case in cases}
    gflops: dict[str, list[float]] = {case: [] for case in cases}
    peaks: list[float] = []
    for repeat in range(options.repeats):
        for case, lengths in cases.items():
            before = peak_gflops(torch)
            for name, (encode_texts, divisor) in backends.items():
                some = lengths[: len(lengths) // divisor]
                texts = make_texts(some, 100 + repeat)
                start = time.perf_counter()
                encode_texts(texts)
                seconds = time.perf_counter() - start
                rates[case][name].append(len(texts) / seconds)
                if name == "ours":
                    around = [before, peak_gflops(torch)]
                    peaks += around
                    gflops[case].append(flops(some, config) / seconds / 1e9)
                    shares[case].append(gflops[case][-1] / statistics.mean(around))

    result = {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": platform.processor() or platform.machine(),
        "cores": available_cores(),
        "runtime": embedder.encoder.bulk_description(),
        "bf16_peak_gflops": statistics.median(peaks),
        "cases": {
            case: {
                "chunks_per_s": {name: statistics.median(values) for name, values in rates[case].items()},
                "gflops": statistics.median(gflops[case]),
                "share_of_peak": statistics.median(shares[case]),
            }
            for case in cases
        },
    }
    print(f"{result['runtime']}; bf16 matrix peak {result['bf16_peak_gflops']:.0f} GFLOP/s (median)")
    header = "".join(f"{name:>10}" for name in backends)
    ratios = "   x f32  x bf16" if len(backends) > 1 else ""
    print(f"{'tokens':>8}{header}   chunks/s{'GFLOP/s':>10}{'of peak':>9}{ratios}")
    for case in cases:
        medians = {name: statistics.median(values) for name, values in rates[case].items()}
        line = f"{case:>8}" + "".join(f"{value:10.1f}" for value in medians.values())
        line += f"{'':11}{statistics.median(gflops[case]):10.0f}{statistics.median(shares[case]):9.0%}"
        if len(backends) > 1:
            line += f"{medians['ours'] / medians['st_f32']:8.1f}{medians['ours'] / medians['st_bf16']:8.1f}"
        print(line)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
