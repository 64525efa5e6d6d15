"""Chooses the reader of a file by its content and its suffix, and turns every failure into one ReadError."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import replace
from pathlib import Path

from indexer.errors import ReadError
from indexer.readers.limits import PageProgress, ReadLimits
from indexer.readers.metadata import choose_title, guess_revision
from indexer.readers.text_tools import make_page
from indexer.types import BlockKind, Document, ExtractionReport, Page, PageStatus, Source

_FAMILIES = {
    "pdf": (".pdf",),
    "docx": (".docx", ".docm", ".dotx"),
    "pptx": (".pptx", ".pptm", ".ppsx"),
    "xlsx": (".xlsx", ".xlsm", ".xltx"),
    "csv": (".csv", ".tsv", ".tab"),
    "json": (".json", ".jsonl", ".ndjson"),
    "yaml": (".yaml", ".yml"),
    "html": (".html", ".htm", ".xhtml"),
    "markdown": (".md", ".markdown", ".mdx"),
    "asciidoc": (".adoc", ".asciidoc", ".asc"),
    "text": (".txt", ".text", ".log", ".rst"),
    "email": (".eml",),
}
_BY_SUFFIX = {suffix: family for family, suffixes in _FAMILIES.items() for suffix in suffixes}
SUPPORTED_SUFFIXES: frozenset[str] = frozenset(_BY_SUFFIX)
"""Lower-case suffixes, with the dot, of the formats that can be read."""

# Old binary formats are taken up so that the user is told what to do with them.
_NAMED_ONLY = frozenset((".doc", ".xls", ".ppt", ".rtf", ".odt", ".ods", ".odp"))
_BINARY = {"pdf", "docx", "pptx", "xlsx"}
_NO_MANUALS = frozenset(
    [
        "license",
        "licence",
        "copying",
        "copyright",
        "notice",
        "authors",
        "contributors",
        "changelog",
        "makefile",
        "dockerfile",
    ]
)
_FOREIGN = (
    (b"\x89PNG", "a PNG image"), (b"\xff\xd8\xff", "a JPEG image"), (b"GIF8", "a GIF image"), (b"BM", "a BMP image"),
    (b"II*\0", "a TIFF image"), (b"MM\0*", "a TIFF image"), (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"), (b"\x7fELF", "a program"), (b"MZ", "a program"), (b"{\\rtf", "an RTF file"),
)  # fmt: skip


def is_candidate(path: Path) -> bool:
    """Whether a file of a folder should be tried: no hidden or lock file, no licence text, a suffix that we know.

    Old binary office files are candidates too: reading them fails with the advice to save them in the new format.
    """
    name = path.name
    if name.startswith((".", "~$", "~", "._")) or name.endswith("~"):
        return False
    if path.stem.lower() in _NO_MANUALS and path.suffix.lower() in ("", ".txt", ".md"):
        return False
    return path.suffix.lower() in SUPPORTED_SUFFIXES or path.suffix.lower() in _NAMED_ONLY


def read_document(
    path: Path, source: Source, limits: ReadLimits | None = None, told: PageProgress | None = None
) -> Document:
    """Read a whole file. Page numbers start at 1 without gaps.

    The content decides about the format; a suffix that says otherwise gives a warning. Where `source` has no revision
    or only the file's name as title, what the document states is put in its place. Raises ReadError with one line
    when the file cannot be used at all.
    """
    limits = limits or ReadLimits()
    path = Path(path)
    data_head = _check_file(path, limits)
    warnings: list[str] = []
    family = _family(path, data_head, warnings)
    outline: tuple[tuple[int, str, int], ...] = ()
    try:
        pages, outline, title, found = _read(path, family, limits, told)
    except (ReadError, KeyboardInterrupt):
        raise
    except Exception as error:
        # Parsers of foreign formats fail in countless ways; the caller needs one error and one line.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ReadError(f"{path.name}: damaged or unusual {family} file ({reason}); export it again") from error
    warnings.extend(found)
    if not any(p.text.strip() for p in pages) and all(p.status in (PageStatus.TEXT, PageStatus.BLANK) for p in pages):
        raise ReadError(f"{path.name}: nothing to read in it, all {len(pages)} page(s) are blank")
    prose = family in ("pdf", "docx", "pptx")
    revision = source.revision or guess_revision(path.stem, pages if prose else ())
    if source.title in ("", path.stem, path.name, source.document_id):
        markup = family in ("html", "markdown", "asciidoc", "email")
        source = replace(source, title=choose_title(path, title, pages, prose or markup, markup))
    for status, word in (
        (PageStatus.NO_TEXT, "without readable text"),
        (PageStatus.GARBLED, "with unreadable characters"),
    ):
        numbers = [p.number for p in pages if p.status is status]
        if numbers:
            listed = ", ".join(map(str, numbers[:20])) + (" ..." if len(numbers) > 20 else "")
            warnings.append(f"{len(numbers)} page(s) {word}: {listed}")
    return Document(replace(source, revision=revision), path, pages, outline, tuple(warnings))


def report(document: Document) -> ExtractionReport:
    """Count what was got out of a document."""
    by_status: dict[PageStatus, list[int]] = {status: [] for status in PageStatus}
    for page in document.pages:
        by_status[page.status].append(page.number)
    return ExtractionReport(
        pages=len(document.pages),
        blank=tuple(by_status[PageStatus.BLANK]),
        scanned=tuple(by_status[PageStatus.OCR]),
        no_text=tuple(by_status[PageStatus.NO_TEXT]),
        garbled=tuple(by_status[PageStatus.GARBLED]),
        tables=sum(b.kind is BlockKind.TABLE for p in document.pages for b in p.blocks),
        characters=sum(len(p.text) for p in document.pages),
        warnings=document.warnings,
    )


def _check_file(path: Path, limits: ReadLimits) -> bytes:
    """The first 64 kB of a readable, regular, non-empty file within the size limit."""
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise ReadError(f"{path.name}: not a regular file")
        if info.st_size == 0:
            raise ReadError(f"{path.name}: the file is empty")
        if info.st_size > limits.max_file_bytes:
            raise ReadError(
                f"{path.name}: {info.st_size} bytes, at most {limits.max_file_bytes} are read; split the file"
            )
        if not os.access(path, os.R_OK):
            raise ReadError(f"{path.name}: no permission to read it; change its access rights")
        with path.open("rb") as stream:
            return stream.read(65536)
    except FileNotFoundError as error:
        raise ReadError(f"{path.name}: the file is gone; it was moved or deleted") from error
    except PermissionError as error:
        raise ReadError(f"{path.name}: no permission to read it; change its access rights") from error
    except OSError as error:
        raise ReadError(f"{path.name}: cannot be read ({error.strerror or error})") from error


def _family(path: Path, head: bytes, warnings: list[str]) -> str:
    """The format family by content, with a warning when the suffix claims another one."""
    suffix = path.suffix.lower()
    claimed = _BY_SUFFIX.get(suffix)
    actual = _family_of_content(path, head, claimed)
    if claimed != actual:
        warnings.append(f"the suffix {suffix!r} does not fit, the content is {actual}; read as {actual}")
    return actual


def _family_of_content(path: Path, head: bytes, claimed: str | None) -> str:
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK"):
        return _family_of_zip(path)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        content = path.read_bytes() if path.stat().st_size < 200_000_000 else head
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise ReadError(f"{path.name}: the file is encrypted; save a copy without a password")
        raise ReadError(f"{path.name}: an old binary office file; save it as DOCX, PPTX or XLSX")
    for magic, what in _FOREIGN:
        if head.startswith(magic) and not (magic in (b"BM", b"MZ") and b"\0" not in head):
            raise ReadError(f"{path.name}: {what}, not a document that can be read")
    start = head[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    looks_html = start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or (
        start.startswith(b"<?xml") and b"<html" in start
    )
    if looks_html and claimed not in ("markdown", "html", "email"):
        return "html"
    if claimed is None or claimed in _BINARY:
        if claimed in _BINARY:
            raise ReadError(f"{path.name}: no {claimed.upper()} inside, truncated or another format; export it again")
        raise ReadError(
            f"{path.name}: format {path.suffix or 'without suffix'} is not supported; save it as PDF, DOCX or text"
        )
    return claimed


def _family_of_zip(path: Path) -> str:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ReadError(f"{path.name}: truncated or damaged office file ({error}); export it again") from error
    for member, family in (
        ("word/document.xml", "docx"),
        ("ppt/presentation.xml", "pptx"),
        ("xl/workbook.xml", "xlsx"),
    ):
        if member in names:
            return family
    if any(re.match(r"word/document\d*\.xml$", name) for name in names):
        return "docx"
    raise ReadError(f"{path.name}: a zip archive without an office document in it; unpack it first")


_Read = tuple[tuple[Page, ...], tuple[tuple[int, str, int], ...], str, list[str]]


def _read(path: Path, family: str, limits: ReadLimits, told: PageProgress | None) -> _Read:
    """(pages, outline, title stated in the file, warnings)."""
    if family == "pdf":
        from indexer.readers.pdf import read_pdf

        return read_pdf(path, limits, told)
    if family in ("docx", "pptx", "xlsx"):
        return _read_office(path, family, limits)
    data = path.read_bytes()
    if family == "email":
        from indexer.readers.email_message import read_email

        blocks, title = read_email(data, path.name)
        return (make_page(1, blocks),), (), title, []
    from indexer.readers.plain import decode, text_blocks

    text = decode(data, path.name)
    del data
    if not text.strip():
        raise ReadError(f"{path.name}: the file holds only white space")
    if family == "csv":
        from indexer.readers.delimited import read_delimited

        pages, warnings = read_delimited(text, path.name, limits, path.stem)
        return tuple(pages), (), "", warnings
    if family in ("json", "yaml"):
        return _read_structured(text, path.name, family, limits), (), "", []
    if family == "html":
        from indexer.readers.html import html_blocks, html_title

        return (make_page(1, html_blocks(text)),), (), html_title(text), []
    if family == "markdown":
        from indexer.readers.markdown import markdown_blocks

        blocks, title = markdown_blocks(text)
        return (make_page(1, blocks),), (), title, []
    if family == "asciidoc":
        from indexer.readers.asciidoc import asciidoc_blocks

        blocks, title = asciidoc_blocks(text)
        return (make_page(1, blocks),), (), title, []
    return (make_page(1, text_blocks(text)),), (), "", []


def _read_office(path: Path, family: str, limits: ReadLimits) -> _Read:
    from indexer.readers.zip_guard import check_zip

    check_zip(path, limits)
    warnings: list[str] = []
    if family == "docx":
        from indexer.readers.docx import read_docx

        pages, title = read_docx(path)
    elif family == "pptx":
        from indexer.readers.pptx import read_pptx

        pages, title = read_pptx(path)
    else:
        from indexer.readers.xlsx import read_xlsx

        pages, title, warnings = read_xlsx(path, limits)
    return tuple(pages), (), title, warnings


def _read_structured(text: str, name: str, family: str, limits: ReadLimits) -> tuple[Page, ...]:
    from indexer.readers.structured import load_json, load_yaml, structured_pages

    if family == "json":
        value = load_json(text, name)
    else:
        try:
            value = load_yaml(text, name, limits.max_nodes)
        except ValueError as error:
            raise ReadError(f"{error}; mend the file") from error
    pages = structured_pages(value, limits, name)
    if len(pages) > limits.max_pages:
        raise ReadError(f"{name}: {len(pages)} pages, at most {limits.max_pages} are read; split the file")
    return tuple(pages)
