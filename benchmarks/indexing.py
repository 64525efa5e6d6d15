"""Bulk indexing: the same chunk texts embedded, indexed for both kinds of search and written to disk by every system.

    python -m benchmarks indexing [--chunks 600] [--repeats 3] [--no-build] [--no-save]

Interleaved: in each repeat every system takes its turn; medians. Peers run at their defaults (float32, their batch
size) and at their best (bfloat16 weights, sorted by length, larger batches). Reading and chunking are no part of the
comparison; `build()` over whole folders is timed apart.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.common import CACHE, DATA, SEED, MissingData, Table, need, our_embedder, searchable_texts
from benchmarks.stub import StubEmbedder
from indexer.build import BuildSettings, build
from indexer.embedders import OnnxEmbedder
from indexer.home import Home
from indexer.lexical_index import Bm25Index
from indexer.model_folder import DEFAULT_MODEL, resolve_model
from indexer.protocols import FloatMatrix
from indexer.store import Index
from indexer.vector_index import FaissIndex

BATCHES = (32, 64, 128)


def sample_texts(count: int) -> list[str]:
    """`count` chunk texts of the manuals, drawn with the seed; cut by the product, embedded by no one yet."""
    roots = [need("manuals_md"), need("manual_pdfs")]
    kept = CACHE / "indexing_texts.json"
    if kept.is_file():
        texts = json.loads(kept.read_text(encoding="utf-8"))
    else:
        home = Home(CACHE / "homes" / "indexing_texts")
        shutil.rmtree(home.folder, ignore_errors=True)
        build(home, roots, StubEmbedder(np.eye(384, dtype=np.float32)), BuildSettings(DEFAULT_MODEL))
        with Index.open(home) as index:
            texts = searchable_texts(index)
        shutil.rmtree(home.folder, ignore_errors=True)
        kept.write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
    rng = np.random.default_rng(SEED)
    return [texts[i] for i in rng.permutation(len(texts))[:count]]


@lru_cache(maxsize=2)
def _sentence_transformer(half: bool) -> Any:
    """The peers' encoder; `half` loads bfloat16 weights."""
    import torch
    from sentence_transformers import SentenceTransformer

    from indexer.encoder import available_cores

    torch.set_num_threads(available_cores())
    options: dict[str, Any] = {"model_kwargs": {"dtype": torch.bfloat16}} if half else {}
    return SentenceTransformer(str(resolve_model().path), device="cpu", **options)


def _encode(texts: Sequence[str], half: bool, batch: int) -> FloatMatrix:
    """(n, d) float32; sentence-transformers sorts by length itself."""
    vectors = _sentence_transformer(half).encode(
        list(texts), batch_size=batch, normalize_embeddings=True, show_progress_bar=False, convert_to_tensor=True
    )
    made: FloatMatrix = vectors.float().numpy()
    return made


def ours(embedder: OnnxEmbedder, texts: Sequence[str], folder: Path) -> None:
    """Embed, both indexes, texts, written."""
    vectors = embedder.embed_documents(texts)
    FaissIndex.build(vectors, embedder.dimension).write(folder / "vectors.faiss")
    Bm25Index.build(texts).write(folder)
    (folder / "texts.json").write_text(json.dumps(list(texts), ensure_ascii=False), encoding="utf-8")


def txtai(texts: Sequence[str], folder: Path, half: bool, batch: int) -> None:
    """Default: its own pipeline from the model's folder. Best: the same index around a bfloat16 encoder."""
    from txtai import Embeddings

    if half:
        config: dict[str, Any] = {"method": "external", "transform": lambda batch_: _encode(batch_, True, batch)}
    else:
        config = {"path": str(resolve_model().path), "gpu": False}
    index = Embeddings({**config, "hybrid": True, "content": True})
    # txtai embeds what it is given in portions of 500 in order; handing over all at once lets the encoder sort them.
    if half:
        index.config["batch"] = len(texts)
    index.index((i, text, None) for i, text in enumerate(texts))
    index.save(str(folder / "txtai"))
    index.close()


def haystack(texts: Sequence[str], folder: Path, half: bool, batch: int) -> None:
    """In-memory store with BM25 and embeddings, saved to disk; embedded as its sentence-transformers component does."""
    from haystack import Document
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    store = InMemoryDocumentStore()
    vectors = _encode(texts, half, batch).tolist()
    store.write_documents(
        [Document(content=t, embedding=v) for t, v in zip(texts, vectors, strict=True)], policy=_overwrite()
    )
    store.save_to_disk(str(folder / "haystack.json"))


def _overwrite() -> Any:
    from haystack.document_stores.types import DuplicatePolicy

    return DuplicatePolicy.OVERWRITE


def langchain(texts: Sequence[str], folder: Path, half: bool, batch: int) -> None:
    """FAISS and BM25Retriever; only FAISS can be saved."""
    from langchain_community.retrievers import BM25Retriever
    from langchain_community.vectorstores import FAISS
    from langchain_core.embeddings import Embeddings

    class Own(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            rows: list[list[float]] = _encode(texts, half, batch).tolist()
            return rows

        def embed_query(self, text: str) -> list[float]:
            return self.embed_documents([text])[0]

    FAISS.from_texts(list(texts), Own()).save_local(str(folder / "faiss"))
    BM25Retriever.from_texts(list(texts), preprocess_func=peers.jieba_cut)


def _best_batch(texts: Sequence[str]) -> int:
    """The batch size with which the bfloat16 encoder is fastest here; the peers' best uses it."""
    some = list(texts[: max(64, len(texts) // 6)])
    times = {}
    for batch in BATCHES:
        start = time.perf_counter()
        _encode(some, True, batch)
        times[batch] = time.perf_counter() - start
    return min(times, key=lambda b: times[b])


def compare(count: int, repeats: int, save: bool) -> None:
    """All systems on the same texts, interleaved."""
    texts = sample_texts(count)
    embedder = our_embedder()
    warm = texts[:24]
    embedder.embed_documents(warm)
    _encode(warm, False, 32)
    _encode(warm, True, 32)
    batch = _best_batch(texts)
    systems: dict[str, Callable[[Path], None]] = {
        "ours": lambda folder: ours(embedder, texts, folder),
        "txtai, default": lambda folder: txtai(texts, folder, False, 32),
        "haystack, default": lambda folder: haystack(texts, folder, False, 32),
        "LangChain, default": lambda folder: langchain(texts, folder, False, 32),
        "txtai at its best": lambda folder: txtai(texts, folder, True, batch),
        "haystack at its best": lambda folder: haystack(texts, folder, True, batch),
        "LangChain at its best": lambda folder: langchain(texts, folder, True, batch),
    }
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    for repeat in range(repeats):
        for name, run in systems.items():
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                run(Path(folder))
                seconds[name].append(time.perf_counter() - start)
            print(f"  {repeat + 1}/{repeats} {name}: {seconds[name][-1]:.1f} s", flush=True)
    table = Table(
        "indexing", "chunks", f"Bulk indexing of {len(texts)} chunks: embed, both indexes, write",
        ["system", "seconds (median)", "chunks/s", "ours is faster by"],
        notes=[
            f"{repeats} interleaved repeats, medians; ratios are medians of the ratios within a repeat",
            f"best: bfloat16 weights, sorted by length, batch {batch} (fastest of {BATCHES}); default: float32, batch 32",
            "haystack's core has no local encoder: it gets sentence-transformers, as its integration does",
            peers.versions(),
        ],
    )  # fmt: skip
    for name, values in seconds.items():
        middle = statistics.median(values)
        ratio = statistics.median(v / o for v, o in zip(values, seconds["ours"], strict=True))
        table.add(name, f"{middle:.1f}", f"{len(texts) / middle:.1f}", "" if name == "ours" else f"{ratio:.2f} x")
    table.publish(save)


def whole_build(save: bool) -> None:
    """build() over real folders, from files to a published generation."""
    table = Table("indexing", "build", "build() over real folders, end to end",
                  ["folder", "documents", "chunks", "seconds", "chunks/s"])  # fmt: skip
    embedder = our_embedder()
    embedder.embed_documents(["warm"] * 20)
    for name in ("manual_pdfs", "manuals_md", "excavator_mwo"):
        if not (DATA / name).exists():
            continue
        home = Home(CACHE / "homes" / f"build_{name}")
        shutil.rmtree(home.folder, ignore_errors=True)
        start = time.perf_counter()
        result = build(home, [DATA / name], embedder, BuildSettings(DEFAULT_MODEL))
        took = time.perf_counter() - start
        table.add(name, len(result.added), result.chunks, f"{took:.1f}", f"{result.chunks / took:.1f}")
        table.notes += [f"left out of {name}: {bad.document_id}: {bad.reason}" for bad in result.quarantined]
        print(f"  {name}: {took:.1f} s", flush=True)
        shutil.rmtree(home.folder, ignore_errors=True)
    table.publish(save)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks indexing", description=__doc__.split("\n")[0])
    parser.add_argument("--chunks", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-build", action="store_true", help="leave the end-to-end build out")
    parser.add_argument("--no-compare", action="store_true", help="only the end-to-end build")
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args(arguments)
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        if not options.no_compare:
            compare(options.chunks, options.repeats, not options.no_save)
        if not options.no_build:
            whole_build(not options.no_save)
    except MissingData as missing:
        print(missing)


if __name__ == "__main__":
    main()
