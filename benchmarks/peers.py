"""The systems we are compared with, each searching the same chunk texts with vectors of the same weights.

txtai: its own hybrid index. haystack: in-memory BM25 and embedding retrievers joined. LangChain: FAISS and BM25Retriever
in an EnsembleRetriever at 0.5 / 0.5, the recipe of Langchain-Chatchat; its variant there cuts the text with jieba.
The vectors come from sentence-transformers in float32, made once and given to all of them.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("LANGCHAIN_TRACING_V2", "false")
os.environ.setdefault("KMP_DUPLICATE_LIB_OK", "TRUE")

import numpy as np

from benchmarks.common import CACHE, text_key
from indexer.model_folder import resolve_model
from indexer.protocols import FloatMatrix

warnings.filterwarnings("ignore", category=DeprecationWarning)  # the peers' own

DEPTH = 30  # hits asked of every system; enough for five different pages


class System(Protocol):
    """Searches an indexed list of texts; `search` returns positions, best first."""

    name: str

    def search(self, question: str, k: int) -> list[int]: ...


class Vectors:
    """sentence-transformers in float32 over the product's own weights; texts' vectors are kept on disk by content."""

    def __init__(self) -> None:
        self._questions: dict[str, FloatMatrix] = {}

    @cached_property
    def model(self) -> Any:
        import torch
        from sentence_transformers import SentenceTransformer

        from indexer.encoder import available_cores

        torch.set_num_threads(available_cores())
        return SentenceTransformer(str(resolve_model().path), device="cpu")

    def texts(self, texts: Sequence[str]) -> FloatMatrix:
        """(n, d) float32 unit vectors, one per text."""
        folder = CACHE / "peer_vectors"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{text_key(texts)}.npy"
        if file.is_file():
            kept: FloatMatrix = np.load(file)
            return kept
        made: FloatMatrix = self.model.encode(
            list(texts), batch_size=32, normalize_embeddings=True, show_progress_bar=False
        )
        np.save(file, made)
        return made

    def prepare(self, questions: Iterable[str]) -> None:
        """Embed many questions at once; later look-ups cost nothing."""
        missing = [q for q in dict.fromkeys(questions) if q not in self._questions]
        if missing:
            for question, row in zip(missing, self.texts(missing), strict=True):
                self._questions[question] = row

    def question(self, text: str) -> FloatMatrix:
        """(d,) float32 unit vector."""
        self.prepare([text])
        return self._questions[text]


class Txtai:
    """txtai's own index: FAISS and BM25, fused by it. `weight` is the dense share."""

    def __init__(self, name: str, texts: Sequence[str], vectors: Vectors, weight: float | None = None,
                 scoring: Mapping[str, Any] | None = None) -> None:  # fmt: skip
        from txtai import Embeddings

        self.name = name
        self._weight = weight
        made = vectors.texts(texts)
        rows = {text: i for i, text in enumerate(texts)}

        def transform(batch: Sequence[str]) -> FloatMatrix:
            return np.stack([made[rows[t]] if t in rows else vectors.question(t) for t in batch])

        config: dict[str, Any] = {"method": "external", "transform": transform, "content": False}
        config |= {"scoring": dict(scoring)} if scoring else {"hybrid": True}
        self._index = Embeddings(config)
        self._index.index((i, text, None) for i, text in enumerate(texts))

    def search(self, question: str, k: int) -> list[int]:
        return [int(found) for found, _ in self._index.search(question, k, weights=self._weight)]


class Haystack:
    """haystack's in-memory store with BM25 and embedding retrievers and its DocumentJoiner."""

    def __init__(self, name: str, texts: Sequence[str], vectors: Vectors, algorithm: str = "BM25L",
                 parameters: Mapping[str, float] | None = None, join: str = "reciprocal_rank_fusion",
                 weights: tuple[float, float] | None = None, depth: int = DEPTH,
                 parts: str = "both") -> None:  # fmt: skip
        from haystack import Document
        from haystack.components.joiners import DocumentJoiner
        from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore
        from haystack.document_stores.types import DuplicatePolicy

        logging.getLogger("haystack").setLevel(logging.ERROR)
        self.name = name
        self._vectors = vectors
        self._parts = parts
        self._depth = depth
        store = InMemoryDocumentStore(
            bm25_algorithm=algorithm, bm25_parameters=dict(parameters or {}),
            embedding_similarity_function="cosine", return_embedding=False,
        )  # fmt: skip
        made = vectors.texts(texts)
        documents = [Document(id=str(i), content=text, embedding=made[i].tolist()) for i, text in enumerate(texts)]
        store.write_documents(documents, policy=DuplicatePolicy.OVERWRITE)
        self._words = InMemoryBM25Retriever(store)
        self._meaning = InMemoryEmbeddingRetriever(store)
        self._joiner = DocumentJoiner(join_mode=join, weights=list(weights) if weights else None)

    def search(self, question: str, k: int) -> list[int]:
        depth = max(k, self._depth)
        words = self._words.run(query=question, top_k=depth)["documents"]
        if self._parts == "words":
            return [int(d.id) for d in words][:k]
        near = self._meaning.run(query_embedding=self._vectors.question(question).tolist(), top_k=depth)["documents"]
        joined = self._joiner.run(documents=[words, near], top_k=k)["documents"]
        return [int(d.id) for d in joined]


class LangChain:
    """FAISS and BM25Retriever in an EnsembleRetriever. `cut` is BM25's preprocessing, white space by default."""

    def __init__(self, name: str, texts: Sequence[str], vectors: Vectors, cut: Callable[[str], list[str]] | None = None,
                 weights: tuple[float, float] = (0.5, 0.5), depth: int = DEPTH, parts: str = "both",
                 parameters: Mapping[str, float] | None = None) -> None:  # fmt: skip
        from langchain_classic.retrievers import EnsembleRetriever
        from langchain_community.retrievers import BM25Retriever
        from langchain_community.vectorstores import FAISS
        from langchain_core.embeddings import Embeddings

        class Given(Embeddings):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return [[float(x) for x in row] for row in vectors.texts(texts)]

            def embed_query(self, text: str) -> list[float]:
                return [float(x) for x in vectors.question(text)]

        self.name = name
        metadatas = [{"at": i} for i in range(len(texts))]
        options: dict[str, Any] = {"preprocess_func": cut} if cut else {}
        if parameters:
            options["bm25_params"] = dict(parameters)
        words = BM25Retriever.from_texts(list(texts), metadatas=metadatas, **options)
        words.k = depth
        self._retriever: Any = words
        if parts == "both":
            pairs = list(zip(texts, vectors.texts(texts).tolist(), strict=True))
            store = FAISS.from_embeddings(pairs, Given(), metadatas=metadatas)
            near = store.as_retriever(search_kwargs={"k": depth})
            self._retriever = EnsembleRetriever(retrievers=[words, near], weights=list(weights), id_key="at")

    def search(self, question: str, k: int) -> list[int]:
        return [int(d.metadata["at"]) for d in self._retriever.invoke(question)][:k]


def jieba_cut(text: str) -> list[str]:
    """The preprocessing Langchain-Chatchat gives BM25Retriever."""
    import jieba

    jieba.setLogLevel(logging.ERROR)
    return [str(word) for word in jieba.lcut_for_search(text)]


def versions() -> str:
    """The peers' versions in one line."""
    from importlib.metadata import version

    return ", ".join(f"{p} {version(p)}" for p in ("txtai", "haystack-ai", "langchain-community", "langchain-classic"))


Factory = Callable[[Sequence[str], Vectors], System]

DEFAULTS: dict[str, Factory] = {
    "txtai hybrid": lambda t, v: Txtai("txtai hybrid", t, v),
    "haystack BM25 + dense, RRF": lambda t, v: Haystack("haystack BM25 + dense, RRF", t, v),
    "LangChain FAISS + BM25": lambda t, v: LangChain("LangChain FAISS + BM25", t, v),
    "LangChain FAISS + BM25 (jieba)": lambda t, v: LangChain("LangChain FAISS + BM25 (jieba)", t, v, cut=jieba_cut),
}

_BM25 = {"k1": 0.9, "b": 0.4}

# Settings a careful user of each might try. The best is picked on the test questions themselves: in the peer's favour.
TUNED: dict[str, list[Factory]] = {
    "txtai": [
        *(lambda t, v, w=w: Txtai(f"txtai, dense weight {w}", t, v, weight=w) for w in (0.3, 0.7)),
        lambda t, v: Txtai("txtai, RRF", t, v, scoring={"method": "bm25", "terms": True, "normalize": False}),
        lambda t, v: Txtai("txtai, Bayesian fusion", t, v,
                           scoring={"method": "bm25", "terms": True, "normalize": "bb25"}),
        *(lambda t, v, w=w: Txtai(f"txtai, BM25 k1 0.9 b 0.4, dense weight {w}", t, v, weight=w,
                                  scoring={"method": "bm25", "terms": True, "normalize": True, **_BM25})
          for w in (0.3, 0.5)),
    ],
    "haystack": [
        lambda t, v: Haystack("haystack, BM25Plus, RRF", t, v, algorithm="BM25Plus"),
        lambda t, v: Haystack("haystack, BM25Okapi k1 0.9 b 0.4, RRF of 100", t, v, algorithm="BM25Okapi",
                              parameters=_BM25, depth=100),
        lambda t, v: Haystack("haystack, BM25Okapi k1 0.9 b 0.4, RRF 0.7/0.3", t, v, algorithm="BM25Okapi",
                              parameters=_BM25, weights=(0.7, 0.3)),
        lambda t, v: Haystack("haystack, BM25Okapi k1 0.9 b 0.4, distribution-based fusion", t, v,
                              algorithm="BM25Okapi", parameters=_BM25, join="distribution_based_rank_fusion"),
    ],
    "LangChain": [
        lambda t, v: LangChain("LangChain (jieba), 0.7/0.3", t, v, cut=jieba_cut, weights=(0.7, 0.3)),
        lambda t, v: LangChain("LangChain (jieba), 0.3/0.7", t, v, cut=jieba_cut, weights=(0.3, 0.7)),
        lambda t, v: LangChain("LangChain (lower-cased jieba), BM25 k1 0.9 b 0.4, 100 candidates", t, v,
                               cut=lambda s: jieba_cut(s.lower()), depth=100, parameters=_BM25),
        lambda t, v: LangChain("LangChain (lower-cased jieba), BM25 k1 0.9 b 0.4, 0.7/0.3", t, v,
                               cut=lambda s: jieba_cut(s.lower()), weights=(0.7, 0.3), parameters=_BM25),
    ],
}  # fmt: skip
