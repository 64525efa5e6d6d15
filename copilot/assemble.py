"""Settings into objects. Nothing else puts the parts together; everything here is light until it is used."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from copilot.config import Settings, SettingsError
from finetune.body.compose import NAME, composed_folder
from indexer.home import Home

if TYPE_CHECKING:
    from pathlib import Path

    from copilot.engine import Copilot
    from copilot.protocols import Generator, LanguageModel, Rarity, Rewriter
    from copilot.rerank import ReadingReranker, RerankedSearch
    from copilot.retrieve import HybridRetriever
    from copilot.service import Service
    from copilot.understand import Understander
    from finetune.feedback import FeedbackStore
    from finetune.network import Body
    from finetune.protocols import Router
    from finetune.registry import Registry
    from finetune.types import Route
    from indexer.build import BuildSettings
    from indexer.embedders import OnnxEmbedder
    from indexer.protocols import ReportPredictor
    from indexer.store import Index

GENERATORS = ("extractive", "transformers", "openai")
OF_ONE_QUESTION = 32
"""Vectors to remember so that search, evidence and sentences embed a question once between them."""


def make_home(settings: Settings) -> Home:
    """The home folder; nothing is created yet."""
    return Home(settings.home)


def embedder_model(settings: Settings) -> str | Path:
    """The name or folder of the encoder in force; the bilingual one that ships is composed if it is not there yet.

    Raises BodyError when its delta is damaged or the cache cannot be written.
    """
    chosen = settings.indexer.embedder
    return composed_folder(make_home(settings).cache_folder) if chosen == NAME else chosen


def make_embedder(settings: Settings, remember: int = OF_ONE_QUESTION) -> OnnxEmbedder:
    """The encoder that the settings name; `remember` is how many vectors of questions and sentences it keeps.

    Raises EncoderError when it is not on this machine.
    """
    from indexer.embedders import OnnxEmbedder

    indexer = settings.indexer
    return OnnxEmbedder(
        embedder_model(settings),
        cache_dir=make_home(settings).cache_folder,
        max_tokens=indexer.max_tokens,
        threads=indexer.threads or None,
        remember=remember,
    )


def make_reading_embedder(settings: Settings, remember: int = OF_ONE_QUESTION) -> OnnxEmbedder:
    """The encoder for questions to an index; raises NoIndexError first, so that nothing is prepared where there is none."""
    make_home(settings).require_current()
    return make_embedder(settings, remember)


def make_build_settings(settings: Settings) -> BuildSettings:
    """How `indexer.build.build` is to work."""
    from indexer.build import BuildSettings
    from indexer.chunk import ChunkSettings
    from indexer.extract import ExtractSettings

    indexer = settings.indexer
    chunk = ChunkSettings(max_tokens=indexer.max_tokens, target_tokens=indexer.target_tokens)
    extract = ExtractSettings(chunk, indexer.ocr, indexer.ocr_languages, dict(indexer.columns))
    return BuildSettings(
        str(embedder_model(settings)), extract, indexer.workers, predict_threshold=indexer.predict_threshold
    )


def make_report_predictors(settings: Settings) -> list[ReportPredictor]:
    """What fills columns that fault reports lack, as far as there are models for it and the settings want it."""
    if not settings.indexer.predict_columns:
        return []
    from copilot.report_columns import report_predictors

    cache = make_home(settings).cache_folder
    return report_predictors(
        make_registry(settings), lambda: make_body(settings), cache, settings.indexer.threads or None
    )


def open_index(settings: Settings, embedder: OnnxEmbedder | None = None) -> Index:
    """The generation that answers; with an embedder, checked to be the one it was built with.

    Raises NoIndexError, MismatchError, StoreError.
    """
    from indexer.store import Index

    if embedder is None:
        return Index.open(make_home(settings))
    return Index.open(make_home(settings), embedder.name, embedder.weights_sha256)


def make_retriever(settings: Settings, index: Index, embedder: OnnxEmbedder) -> HybridRetriever:
    """Hybrid search over an opened index."""
    from copilot.retrieve import HybridRetriever, RetrieveSettings

    chosen = settings.copilot
    weights = replace(
        RetrieveSettings.suiting(embedder), candidates=chosen.candidates, dense_weight=chosen.dense_weight
    )
    if chosen.dense_weight_chinese is not None:
        weights = replace(weights, dense_weight_chinese=chosen.dense_weight_chinese)
    return HybridRetriever(index, embedder, weights)


def make_registry(settings: Settings) -> Registry:
    """The model versions: those that ship with the program and the plant's own."""
    from finetune.registry import SHIPPED_FOLDER, Registry

    return Registry(settings.home / "models", SHIPPED_FOLDER)


def make_body(settings: Settings) -> Body:
    """The shared body of all model versions; composed if it is not there yet. Raises BodyError."""
    from finetune.network import Body

    cache = make_home(settings).cache_folder
    return Body(composed_folder(cache), cache)


def make_feedback_store(settings: Settings) -> FeedbackStore:
    """What operators said of answers."""
    from finetune.feedback import FeedbackStore

    return FeedbackStore(settings.home / "feedback")


def load_routes(settings: Settings) -> tuple[Route, ...]:
    """The routes in force, in the order of their file. Raises RoutesError."""
    from pathlib import Path

    from finetune import router

    file: Path | None = Path(settings.copilot.routes).expanduser() if settings.copilot.routes else None
    return router.load_routes(file)


def make_router(settings: Settings, embedder: OnnxEmbedder) -> tuple[Router, tuple[Route, ...]]:
    """The router with the routes it knows: the fine-tuned one where its labels are the routes in force.

    Else, for routes of the plant's own that nothing was fine-tuned on yet, the one that compares with seed questions.
    Raises RoutesError, BodyError, and RegistryError when the version in force is damaged.
    """
    from copilot.seed_cache import SeedCache
    from finetune.router import ROUTER_TASK, FineTunedRouter, SeedRouter
    from finetune.types import OUT_OF_SCOPE

    routes = load_routes(settings)
    registry = make_registry(settings)
    cache = make_home(settings).cache_folder
    if registry.current(ROUTER_TASK) is not None:
        tuned = FineTunedRouter(registry, make_body(settings), cache, threads=settings.indexer.threads or None)
        if {route.name for route in routes} | {OUT_OF_SCOPE} == set(tuned.labels()):
            return tuned, routes
    return SeedRouter(routes, SeedCache(embedder, cache)), routes


def make_understander(settings: Settings, index: Index, embedder: OnnxEmbedder) -> Understander:
    """What reads questions."""
    from copilot.understand import Understander

    router, routes = make_router(settings, embedder)
    return Understander(index, router, routes, confident=settings.copilot.route_confidence)


def make_generator(
    settings: Settings,
    index: Index,
    embedder: OnnxEmbedder,
    name: str | None = None,
    model: LanguageModel | None = None,
) -> Generator:
    """What writes answers; `name` stands in for the setting, `model` is one made before.

    Raises SettingsError, see `make_language_model`.
    """
    from copilot.generate.extractive import ExtractiveGenerator

    extractive = ExtractiveGenerator(index, embedder, make_rarity(index))
    model = model or make_language_model(settings, name)
    if model is None:
        return extractive
    from copilot.generate.checked import CheckedGenerator

    return CheckedGenerator(model, extractive, index, embedder, max_tokens=settings.copilot.llm_max_tokens)


def make_rewriter(model: LanguageModel | None) -> Rewriter | None:
    """What fills in follow-ups with the language model's help; None without one: the rules do it alone."""
    if model is None:
        return None
    from copilot.generate.rewriting import ModelRewriter

    return ModelRewriter(model)


def make_language_model(settings: Settings, name: str | None = None) -> LanguageModel | None:
    """The language model of the generator `name` (else the setting's), not loaded yet; None for "extractive".

    Raises SettingsError for a name that is not one of GENERATORS, and when a setting it needs is empty.
    """
    from copilot.config import api_key

    chosen = settings.copilot
    name = name or chosen.generator
    if name == "extractive":
        return None
    if name not in GENERATORS:
        raise SettingsError(f"there is no generator '{name}'; choose from {', '.join(GENERATORS)}")
    from copilot.generate.pump import Limits

    limits = Limits(chosen.llm_connect_s, chosen.llm_first_token_s, chosen.llm_timeout_s)
    if name == "openai":
        from copilot.generate.openai import OpenAIModel

        if not chosen.base_url.strip():
            raise SettingsError("the generator 'openai' needs copilot.base_url, as in \"http://127.0.0.1:11434/v1\"")
        return OpenAIModel(
            chosen.base_url.strip(),
            chosen.model,
            api_key=api_key(),
            limits=limits,
            context_tokens=chosen.llm_context_tokens,
            temperature=chosen.llm_temperature,
            retries=chosen.llm_retries,
        )
    from copilot.generate.transformers import TransformersModel

    if not chosen.model.strip():
        raise SettingsError("the generator 'transformers' needs copilot.model, the folder or name of a language model")
    return TransformersModel(
        chosen.model,
        limits=limits,
        context_tokens=chosen.llm_context_tokens,
        temperature=chosen.llm_temperature,
        download=chosen.llm_download,
    )


def make_rarity(index: Index) -> Rarity:
    """How much a token tells in this index, 0..1: its inverse document frequency against that of an unknown one."""

    def rarity(token: str) -> float:
        highest = float(index.lexical.idf_of_count(0))
        return max(0.0, min(1.0, index.lexical.idf(token) / highest)) if highest > 0 else 1.0

    return rarity


def make_reranker(settings: Settings) -> ReadingReranker | None:
    """What reads the passages found; None where the settings or a missing version switch it off.

    Raises BodyError, and RegistryError when the version in force is damaged.
    """
    from copilot.rerank import READER_TASK, ReadingReranker
    from finetune.reading.model import Reader

    version = make_registry(settings).current(READER_TASK) if settings.copilot.reader else None
    if version is None:
        return None
    reader = Reader(version.folder, make_body(settings), make_home(settings).cache_folder)
    return ReadingReranker(reader, depth=settings.copilot.reader_depth)


def make_search(
    settings: Settings, index: Index, embedder: OnnxEmbedder, reranker: ReadingReranker | None = None
) -> RerankedSearch:
    """Search for questions as written, the first hits read where a reader is in force. `reranker` is one made before."""
    from copilot.rerank import RerankedSearch

    return RerankedSearch(make_retriever(settings, index, embedder), reranker or make_reranker(settings))


def make_copilot(
    settings: Settings,
    index: Index,
    embedder: OnnxEmbedder,
    generator: str | None = None,
    routing: tuple[Router, tuple[Route, ...]] | None = None,
    reranker: ReadingReranker | None = None,
    language_model: LanguageModel | None = None,
) -> Copilot:
    """Everything that answers questions, over an opened index. `generator` stands in for the setting.

    `routing`, `reranker` and `language_model` are what `make_router`, `make_reranker` and `make_language_model` gave,
    where several copilots share them.
    """
    from copilot.engine import Copilot
    from copilot.evidence import THRESHOLD, Calibration, EvidenceJudge
    from copilot.understand import Understander

    rarity = make_rarity(index)
    reranker = reranker or make_reranker(settings)
    threshold = THRESHOLD if settings.copilot.evidence_threshold is None else settings.copilot.evidence_threshold
    judge = EvidenceJudge(
        embedder,
        rarity,
        threshold=threshold,
        stored=index.vectors_of,
        reads_chinese=embedder.reads_chinese,
        calibration=None if reranker is None else Calibration.of(reranker.calibration),
    )
    router, routes = routing or make_router(settings, embedder)
    language_model = language_model or make_language_model(settings, generator)
    return Copilot(
        knowledge=index,
        understander=Understander(
            index, router, routes, confident=settings.copilot.route_confidence, rewriter=make_rewriter(language_model)
        ),
        retriever=make_retriever(settings, index, embedder),
        judge=judge,
        reranker=reranker,
        generator=make_generator(
            settings, index, embedder, "extractive" if language_model is None else None, language_model
        ),
        model_versions={
            "embedder": f"{embedder.name}@{index.manifest.weights_sha256[:12]}",
            "router": router.name,
            **({} if reranker is None else {"reader": reranker.version}),
        },
        min_k=settings.copilot.min_k,
    )


def make_service(settings: Settings) -> Service:
    """What the browser page and the HTTP API ask; one per process.

    Several questions are answered at once, so each takes its share of the cores: on a machine that is busy, threads that
    wait for each other at every layer of the encoder cost more than they gain.
    """
    from copilot.service.service import Service
    from indexer.encoder import available_cores

    cores = available_cores()
    running = settings.server.running or min(4, cores)
    indexer = replace(settings.indexer, threads=settings.indexer.threads or max(1, cores // running))
    return Service(replace(settings, indexer=indexer, server=replace(settings.server, running=running)))
