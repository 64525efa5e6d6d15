"""Extraction in worker processes: PDFium and the parsers may crash or swell without taking the build down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED as FIRST
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import ReadError
from indexer.extract import Extracted, ExtractSettings, extract
from indexer.types import DocumentKind


@dataclass(frozen=True, slots=True)
class Job:
    """One file to extract. `tokenizer` is the folder of the encoder's tokenizer, so that workers count as it does."""

    path: Path
    document_id: str
    machine: str | None
    kind: DocumentKind | None
    model: str
    max_tokens: int
    settings: ExtractSettings


_counters: dict[str, object] = {}


def run_job(job: Job) -> Extracted:
    """Extract one file in this process; raises ReadError."""
    from indexer.embedders import ModelTokenCounter
    from indexer.model_folder import resolve_model

    if job.model not in _counters:
        _counters[job.model] = ModelTokenCounter(resolve_model(job.model))
    counter = _counters[job.model]
    assert isinstance(counter, ModelTokenCounter)
    return extract(job.path, job.document_id, job.machine, job.kind, job.settings, counter)


def extract_all(jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, Extracted | ReadError]]:
    """Yield each job with its result as it finishes. A file that kills its worker is tried once more alone.

    With one worker, or for a few small files, everything runs in this process.
    """
    if workers <= 1 or len(jobs) < 2 or sum(_size(job.path) for job in jobs) < 1_000_000:
        for job in jobs:
            yield job, _attempt(job)
        return
    pending = list(jobs)
    suspects: list[Job] = []
    while pending:
        pool = _pool(workers)
        futures: dict[Future[Extracted], Job] = {}
        try:
            while pending or futures:
                while pending and len(futures) < 2 * workers:  # bounded, so that results do not pile up
                    job = pending.pop(0)
                    futures[pool.submit(run_job, job)] = job
                done, _ = wait(futures, return_when=FIRST)
                for future in done:
                    job = futures.pop(future)
                    try:
                        yield job, future.result()
                    except ReadError as error:
                        yield job, error
                    except BrokenProcessPool:
                        suspects.append(job)
                        raise
        except BrokenProcessPool:
            suspects.extend(futures.values())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    for job in suspects:
        yield job, _alone(job)


def _attempt(job: Job) -> Extracted | ReadError:
    try:
        return run_job(job)
    except ReadError as error:
        return error


def _alone(job: Job) -> Extracted | ReadError:
    pool = _pool(1)
    try:
        return pool.submit(run_job, job).result()
    except ReadError as error:
        return error
    except BrokenProcessPool:
        return ReadError("its reader crashed or ran out of memory")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _pool(workers: int) -> ProcessPoolExecutor:
    import multiprocessing

    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_quiet)


def _quiet() -> None:
    """Workers leave interrupts to the parent and write nothing to the terminal."""
    import logging
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable(logging.WARNING)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
