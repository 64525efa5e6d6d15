"""One file -> all that it contributes to the index. Runs in a worker process; its result is cached by content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexer.chunk import Chunked, ChunkSettings, chunk_document
from indexer.errors import ReadError
from indexer.protocols import TokenCounter
from indexer.readers.limits import PageProgress
from indexer.types import (
    Chunk,
    ChunkKind,
    DocumentKind,
    ExtractionReport,
    FaultReport,
    PlacedWord,
    Source,
)


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was got out of one file. `reports` are (report, chunk id) of a CMMS export, else empty.

    `words` are those of the pages that were recognised, by 1-based page.
    """

    source: Source
    report: ExtractionReport
    content: Chunked
    reports: tuple[tuple[FaultReport, str], ...] = ()
    words: Mapping[int, tuple[PlacedWord, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExtractSettings:
    """What decides the extraction of a file besides its content."""

    chunk: ChunkSettings = ChunkSettings()
    ocr: bool = True
    ocr_languages: str = "eng+chi_sim"
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Changes whenever the same file would give something else."""
        return f"{self.chunk.name};ocr={self.ocr},{self.ocr_languages};columns={sorted(self.columns.items())}"


def content_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes; raises ReadError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise ReadError(_reason(error)) from error
    return digest.hexdigest()


def extract(
    path: Path,
    document_id: str,
    machine: str | None,
    kind: DocumentKind | None,
    settings: ExtractSettings,
    count_tokens: TokenCounter,
    told: PageProgress | None = None,
) -> Extracted:
    """Read and chunk one file. `kind` None means: look whether it is a CMMS export. Raises ReadError."""
    source = Source(document_id, path.stem, kind or DocumentKind.MANUAL, machine)
    try:
        if path.stat().st_size == 0:
            raise ReadError("the file is empty")
        if kind is not DocumentKind.MANUAL and _is_export(path, forced=kind is DocumentKind.FAULT_REPORT):
            return _extract_reports(path, replace(source, kind=DocumentKind.FAULT_REPORT), settings, count_tokens)
        return _extract_manual(path, source, settings, count_tokens, told)
    except OSError as error:
        raise ReadError(_reason(error)) from error
    except RecursionError as error:
        raise ReadError("its structure is nested too deeply") from error
    except MemoryError as error:
        raise ReadError("it needs more memory than there is") from error


def _is_export(path: Path, forced: bool) -> bool:
    from indexer.fault_reports import SUFFIXES, looks_like_fault_reports, open_export

    if path.suffix.lower() not in SUFFIXES:
        if forced and path.suffix.lower() not in {".pdf", ".docx", ".md", ".html", ".htm", ".txt", ".pptx"}:
            raise ReadError(
                f"fault reports are read from {', '.join(sorted(SUFFIXES))} files, not {path.suffix or 'a file without suffix'}"
            )
        return False
    if forced:
        return True
    try:
        header, rows = open_export(path)
        sample = [row for row, _ in zip(rows, range(200), strict=False)]
    except ReadError:
        return False  # the general readers say what is wrong with it
    return looks_like_fault_reports(header, sample)


def _extract_manual(
    path: Path, source: Source, settings: ExtractSettings, count_tokens: TokenCounter, told: PageProgress | None
) -> Extracted:
    from indexer.readers import ReadLimits, read_document, report

    document = read_document(path, source, ReadLimits(ocr=settings.ocr, ocr_languages=settings.ocr_languages), told)
    content = chunk_document(document, settings.chunk, count_tokens)
    summary = report(document)
    if not content.chunks and not summary.no_text and not summary.garbled:
        raise ReadError("it holds no text")
    words = {page.number: page.words for page in document.pages if page.words}
    return Extracted(document.source, summary, content, words=words)


def _extract_reports(path: Path, source: Source, settings: ExtractSettings, count_tokens: TokenCounter) -> Extracted:
    from indexer.fault_reports import read_reports, report_text

    export = read_reports(path, settings.columns)
    chunks: list[Chunk] = []
    pairs: list[tuple[FaultReport, str]] = []
    limit = settings.chunk.max_tokens
    for report in export.reports:
        if report.machine is None and source.machine is not None:
            report = replace(report, machine=source.machine)
        text = report_text(report)
        if not text.strip():
            continue
        # A token is at least one character long, so short records need no counting.
        pieces = [text] if len(text) <= limit - 2 else _pieces(text, limit, count_tokens)
        first = ""
        for piece in pieces:
            digest = hashlib.sha256(f"{source.document_id}\x1f{len(chunks)}\x1f{piece}".encode()).hexdigest()[:20]
            first = first or digest
            chunks.append(
                Chunk(
                    id=digest,
                    source=replace(source, machine=report.machine),
                    pages=(1, 1),
                    heading=(),
                    kind=ChunkKind.FAULT_REPORT,
                    text=piece,
                    section=report.row,
                )
            )
        pairs.append((report, first))
    if not chunks:
        raise ReadError("it has a header but no records")
    summary = ExtractionReport(
        pages=1, tables=1, characters=sum(len(chunk.text) for chunk in chunks), warnings=tuple(export.warnings)
    )
    return Extracted(source, summary, Chunked(tuple(chunks), (), ()), tuple(pairs))


def _pieces(text: str, limit: int, count_tokens: TokenCounter) -> list[str]:
    """A record too long for one chunk: its first line repeated above each piece."""
    if count_tokens(text) <= limit:
        return [text]
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    head, _, rest = text.partition("\n")
    room = max(48, limit - count_tokens(head) - 4)
    splitter = RecursiveCharacterTextSplitter(
        separators=["\n", "(?<=[。！？.!?;；])", r"\s+", ""], is_separator_regex=True, chunk_size=room, chunk_overlap=0,
        length_function=count_tokens,
    )  # fmt: skip
    parts = [part.strip() for part in splitter.split_text(rest or head) if part.strip()]
    return [f"{head}\n{part}" if count_tokens(f"{head}\n{part}") <= limit else part for part in parts]


def _reason(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, FileNotFoundError):
        return "it vanished while the folder was being read"
    return (error.strerror or str(error))[:200]
