"""What the benchmarks share: where data and caches lie, the machine's description, intervals, tables, the record."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finetune.body.compose import composed_folder
from indexer.build import BuildSettings, build
from indexer.embedders import OnnxEmbedder
from indexer.encoder import available_cores
from indexer.home import Home
from indexer.model_folder import DEFAULT_MODEL
from indexer.store import Index

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("COPILOT_BENCH_DATA") or HERE.parents[1] / "shared" / "data")
CACHE = HERE / ".cache"
RESULTS = HERE / "results.jsonl"
SEED = 0
RESAMPLES = 2_000

_PACKAGES = ("torch", "sentence-transformers", "onnxruntime", "openvino", "faiss-cpu", "txtai", "haystack-ai",
             "langchain-community", "langchain-classic", "rank-bm25")  # fmt: skip


class MissingData(Exception):
    """A benchmark's input is not on this machine; it is skipped, with this line."""


def need(*parts: str) -> Path:
    """A file or folder of the data; raises MissingData where it is not there."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        raise MissingData(f"{path} is not there; set COPILOT_BENCH_DATA to the folder that holds {parts[0]}/")
    return path


def machine() -> dict[str, Any]:
    """CPU, memory, load and versions, for the record."""
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = re.findall(r"model name\s*:\s*(.+)", info.read_text(encoding="utf-8"))
        cpu = names[0].strip() if names else cpu
    memory = Path("/proc/meminfo")
    kib = re.search(r"MemTotal:\s*(\d+)", memory.read_text(encoding="utf-8")) if memory.is_file() else None
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "cpu": cpu,
        "cores": available_cores(),
        "memory_gib": round(int(kib.group(1)) / 2**20, 1) if kib else None,
        "load_1_min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": versions,
    }


def interval(values: Sequence[float] | npt.NDArray[Any]) -> tuple[float, float, float]:
    """(mean, low, high): the 95 % percentile bootstrap over questions, seed 0, 2,000 resamples."""
    array = np.asarray(values, dtype=np.float64)
    if not len(array):
        return 0.0, 0.0, 0.0
    rng = np.random.default_rng(SEED)
    means = array[rng.integers(0, len(array), (RESAMPLES, len(array)))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(array.mean()), float(low), float(high)


def percent(values: Sequence[float] | npt.NDArray[Any]) -> str:
    """The mean as a percentage with its interval, as in "85.3 [81.4, 88.9]"."""
    mean, low, high = interval(values)
    return f"{100 * mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


@dataclass
class Table:
    """One table of one benchmark: shown on the terminal, recorded, and written into RESULTS.md by `report`."""

    benchmark: str
    part: str
    title: str
    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def add(self, *cells: object) -> None:
        """One row, as text."""
        self.rows.append([str(cell) for cell in cells])

    def publish(self, save: bool = True) -> None:
        """Print the table with machine, date and seed; append it to results.jsonl."""
        about = machine()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        print(f"\n## {self.title}\n")
        widths = [max(_width(row[i]) for row in [list(self.columns), *self.rows]) for i in range(len(self.columns))]
        for row in [list(self.columns), ["-" * w for w in widths], *self.rows]:
            print("  ".join(cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True)).rstrip())
        for note in self.notes:
            print(f"  - {note}")
        print(f"  {about['cpu']}, {about['cores']} cores, load {about['load_1_min']}; {now}; seed {SEED}", flush=True)
        if save:
            entry = {
                "benchmark": self.benchmark, "part": self.part, "title": self.title, "date": now, "seed": SEED,
                "machine": about, "columns": list(self.columns), "rows": self.rows, "notes": self.notes, **self.extra,
            }  # fmt: skip
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _width(text: str) -> int:
    """Columns a terminal gives a text; Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def our_embedder() -> OnnxEmbedder:
    """The unchanged body, which the peers run too, its exported graph kept in the cache; `bilingual` measures the other."""
    return OnnxEmbedder(cache_dir=CACHE / "model")


def product_model() -> str:
    """The folder of the bilingual body, which the product uses by default, composed into the cache."""
    return str(composed_folder(CACHE / "model"))


def product_embedder() -> OnnxEmbedder:
    """The encoder the product uses by default."""
    return OnnxEmbedder(product_model(), cache_dir=CACHE / "model")


@contextmanager
def built(name: str, roots: Sequence[tuple[Path, str | None]], embedder: OnnxEmbedder) -> Iterator[Index]:
    """An index made by the real build() over (path, machine) roots, in a home folder of its own under .cache.

    The home is made anew for each run, so that the code as it is now is measured.
    """
    import shutil

    home = Home(CACHE / "homes" / name)
    shutil.rmtree(home.folder, ignore_errors=True)
    by_machine: dict[str | None, list[Path]] = {}
    for path, owner in roots:
        by_machine.setdefault(owner, []).append(path)
    for owner, paths in by_machine.items():
        result = build(home, paths, embedder, BuildSettings(DEFAULT_MODEL), machine=owner)
        for bad in result.quarantined:
            print(f"  left out: {bad.document_id}: {bad.reason}")
    with Index.open(home) as index:
        yield index


def squeezed(text: str) -> str:
    """A text for comparing: NFKC, lower case, no white space."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower()


def text_key(texts: Sequence[str]) -> str:
    """A name for a list of texts, by content."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:24]


def chunk_count(index: Index) -> int:
    """Chunks of an index."""
    return index.manifest.chunk_count


def searchable_texts(index: Index) -> list[str]:
    """Every chunk's text as our encoder and BM25 read it (heading path above the text), by position."""
    from indexer.chunk import embedding_text

    return [embedding_text(chunk) for chunk in index.chunks_at(range(chunk_count(index)))]
