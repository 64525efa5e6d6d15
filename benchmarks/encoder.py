"""How fast the encoder turns chunks into vectors, and what share of the CPU's bfloat16 peak it reaches.

    python -m benchmarks encoder [--repeats 5] [--texts 256] [--no-peers] [--no-save]

Everything runs interleaved in one process: in each repeat every back end takes its turn at every length, and the
matrix peak is measured between them; medians are printed. FLOPs count real tokens only, padding is not work.
Peers: sentence-transformers in its default float32 and in bfloat16, the same model, sorted batches of 32.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.common import Table, our_embedder
from indexer.encoder import available_cores
from indexer.model_folder import resolve_model

# One token each in the default model's vocabulary, so that a text's length in tokens is known.
WORDS = (
    "valve motor pressure pump belt sensor alarm oil water gear shaft cable switch error replace check remove open "
    "close clean front rear left right upper lower speed power supply unit control panel reset stop start machine tool"
).split()
LENGTHS = (64, 128, 206, 256)
_LABELS = {"ours": "ours", "st_f32": "sentence-transformers float32", "st_bf16": "sentence-transformers bfloat16"}


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


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks encoder", description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--texts", type=int, default=256, help="texts per length; peers get a quarter, the mix 8 times")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args(arguments)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")

    import torch

    torch.set_num_threads(available_cores())
    embedder = our_embedder()
    model = resolve_model()
    config = json.loads((model.transformer / "config.json").read_text(encoding="utf-8"))

    rng = np.random.default_rng(7)
    mix = [int(n) for n in np.clip(rng.normal(160, 60, 8 * options.texts), 20, 256)]
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

    table = Table(
        "encoder", "", "Bulk encoding: chunks a second and share of the machine's bfloat16 peak",
        ["tokens a chunk", *(f"{_LABELS[name]}, chunks/s" for name in backends), "ours, GFLOP/s", "share of peak",
         *(f"ours / {_LABELS[name]}" for name in backends if name != "ours")],
        notes=[
            f"{embedder.encoder.bulk_description()}; bfloat16 matrix peak {statistics.median(peaks):.0f} GFLOP/s (median; "
            f"{min(peaks):.0f} to {max(peaks):.0f}), measured before and after each turn",
            f"mix: {len(mix)} chunks of 20 to 256 tokens, mean {statistics.mean(mix):.0f}; medians of {options.repeats} "
            "interleaved repeats; only real tokens count as work",
        ],
    )  # fmt: skip
    for case in cases:
        medians = {name: statistics.median(values) for name, values in rates[case].items()}
        table.add(case, *(f"{value:.0f}" for value in medians.values()), f"{statistics.median(gflops[case]):.0f}",
                  f"{statistics.median(shares[case]):.0%}",
                  *(f"{medians['ours'] / value:.1f}" for name, value in medians.items() if name != "ours"))  # fmt: skip
    table.publish(not options.no_save)


if __name__ == "__main__":
    main()
