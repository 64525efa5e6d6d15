"""Extraction in worker processes: PDFium and the parsers may crash or swell without taking the build down."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED as FIRST
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.errors import ReadError
from indexer.extract import Extracted, ExtractSettings, extract
from indexer.types import DocumentKind

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_TELL_EVERY_S = 0.25  # of one file; pages of plain text take milliseconds
_LISTEN_EVERY_S = 0.25
_LONGEST_ID = 1500  # characters; what several processes write into one pipe stays whole below 4096 bytes


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


class FileState(StrEnum):
    """Where a file stands in a build."""

    READING = "reading"
    READ = "read"
    LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True)
class FileStep:
    """How far one file is: at `page` of `pages` (0 where that is not known); `reason` says why it was left out."""

    document_id: str
    state: FileState
    page: int = 0
    pages: int = 0
    reason: str = ""


Told = Callable[[FileStep], None]

_counters: dict[str, object] = {}
_telling: Connection[tuple[str, int, int], None] | None = None  # in a worker: to the build


def run_job(job: Job, told: Told | None = None) -> Extracted:
    """Extract one file in this process; raises ReadError. Which page is read is told now and then."""
    from indexer.embedders import ModelTokenCounter
    from indexer.model_folder import resolve_model

    if job.model not in _counters:
        _counters[job.model] = ModelTokenCounter(resolve_model(job.model))
    counter = _counters[job.model]
    assert isinstance(counter, ModelTokenCounter)
    last = 0.0

    def at(page: int, pages: int) -> None:
        nonlocal last
        if (now := time.monotonic()) - last < _TELL_EVERY_S:
            return
        last = now
        if told is not None:
            told(FileStep(job.document_id, FileState.READING, page, pages))
        elif _telling is not None and len(job.document_id) < _LONGEST_ID:
            with contextlib.suppress(OSError):  # nobody listens any more
                _telling.send((job.document_id, page, pages))

    at(0, 0)
    last = 0.0
    return extract(job.path, job.document_id, job.machine, job.kind, job.settings, counter, at)


def extract_all(
    jobs: Sequence[Job], workers: int, told: Told | None = None
) -> Iterator[tuple[Job, Extracted | ReadError]]:
    """Yield each job with its result as it finishes. A file that kills its worker is tried once more alone.

    With one worker, or for a few small files, everything runs in this process. `told` hears which files are being read,
    and at which page.
    """
    if workers <= 1 or len(jobs) < 2 or sum(_size(job.path) for job in jobs) < 1_000_000:
        for job in jobs:
            yield job, _attempt(job, told)
        return
    pending = list(jobs)
    suspects: list[Job] = []
    while pending:
        futures: dict[Future[Extracted], Job] = {}
        with _listening(told) as (telling, listen):
            pool = _pool(workers, telling)
            try:
                while pending or futures:
                    while pending and len(futures) < 2 * workers:  # bounded, so that results do not pile up
                        job = pending.pop(0)
                        futures[pool.submit(run_job, job)] = job
                    done, _ = wait(futures, _LISTEN_EVERY_S if told else None, return_when=FIRST)
                    listen()
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


@contextlib.contextmanager
def _listening(told: Told | None) -> Iterator[tuple[Connection[tuple[str, int, int], None] | None, Callable[[], None]]]:
    """What workers tell through, None when nobody wants to hear it, and what passes on all that they told.

    A plain pipe and no queue: a worker that dies holds no lock, and one that goes on when nobody listens gets an error
    instead of waiting.
    """
    if told is None:
        yield None, lambda: None
        return
    import multiprocessing

    heard, telling = multiprocessing.Pipe(duplex=False)

    def listen() -> None:
        with contextlib.suppress(OSError, EOFError):
            while heard.poll():
                document_id, page, pages = heard.recv()
                told(FileStep(document_id, FileState.READING, page, pages))

    with heard, telling:
        yield telling, listen


def _attempt(job: Job, told: Told | None) -> Extracted | ReadError:
    try:
        return run_job(job, told)
    except ReadError as error:
        return error


def _alone(job: Job) -> Extracted | ReadError:
    pool = _pool(1, None)
    try:
        return pool.submit(run_job, job).result()
    except ReadError as error:
        return error
    except BrokenProcessPool:
        return ReadError("its reader crashed or ran out of memory")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _pool(workers: int, telling: Connection[tuple[str, int, int], None] | None) -> ProcessPoolExecutor:
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(telling,))


def _begin(telling: Connection[tuple[str, int, int], None] | None) -> None:
    """Workers leave interrupts to the parent and write nothing to the terminal."""
    import logging
    import signal

    global _telling
    _telling = telling
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable(logging.WARNING)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
