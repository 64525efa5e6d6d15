"""A few files as a plant that can be asked: a real index and the product's parts over it, with an embedder that needs no weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from fakes import HashingEmbedder

from copilot.assemble import make_rarity
from copilot.engine import Copilot
from copilot.evidence import EvidenceJudge
from copilot.generate.extractive import ExtractiveGenerator
from copilot.retrieve import HybridRetriever
from copilot.understand import Understander
from finetune.router import SeedRouter, load_routes
from indexer.build import BuildSettings, build
from indexer.home import Home
from indexer.store import Index


@contextmanager
def asked(root: Path, files: Mapping[str, str], today: Callable[[], date] = date.today) -> Iterator[Copilot]:
    """Write the files below `root`, index them, and answer from them."""
    for name, text in files.items():
        file = root / "plant" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    home, embedder = Home(root / "home"), HashingEmbedder()
    assert not build(home, [root / "plant"], embedder, BuildSettings("all-MiniLM-L6-v2", workers=1)).quarantined
    with Index.open(home) as index:
        rarity, routes = make_rarity(index), load_routes()
        yield Copilot(
            knowledge=index,
            understander=Understander(index, SeedRouter(routes), routes, today=today),
            retriever=HybridRetriever(index, embedder),
            judge=EvidenceJudge(None, rarity),
            generator=ExtractiveGenerator(index, None, rarity),
        )
