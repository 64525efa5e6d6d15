"""What flows through the indexer: file -> Document -> Chunk -> vectors and tokens -> generation.

All values are frozen; change them with `dataclasses.replace`. Pages are 1-based everywhere, as a viewer shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class DocumentKind(StrEnum):
    """What a document is; decides how it is read and which collection it is searched in."""

    MANUAL = "manual"
    FAULT_REPORT = "fault_report"


class BlockKind(StrEnum):
    """The structure a reader recognises inside a page."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    TABLE = "table"
    CODE = "code"


class PageStatus(StrEnum):
    """How the text of a page was obtained, or why there is none."""

    TEXT = "text"  # the file carries the text
    OCR = "ocr"  # recognised from the image: numbers and codes may be damaged
    BLANK = "blank"  # nothing is on the page
    NO_TEXT = "no_text"  # an image without text, and no OCR available or nothing recognised
    GARBLED = "garbled"  # text is there but unreadable (broken character map)


class ChunkKind(StrEnum):
    """What a chunk holds; the answer's form follows it."""

    TEXT = "text"
    PROCEDURE = "procedure"
    WARNING = "warning"
    TABLE = "table"
    FAULT_REPORT = "fault_report"


class Stage(StrEnum):
    """Which stage scored a hit. Scores are comparable within one stage only."""

    CODE = "code"
    DENSE = "dense"
    LEXICAL = "lexical"
    FUSED = "fused"
    RERANKED = "reranked"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a chunk comes from.

    `document_id` is the path relative to the indexed folder, with forward slashes, unique in a home folder.
    """

    document_id: str
    title: str
    kind: DocumentKind
    machine: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list item, table or literal block of one page.

    `level` is 1..6 for a heading (1 = outermost), the nesting depth from 0 for a list item.
    `text` is empty for a table. A list item's text keeps its own marker ("1.", "a)", "•").
    `rows` holds a table's cells, all rows equally long; the first `header_rows` of them are its header.
    `caption` is a table's title, when the reader knows it ("Table 4: alarms", a sheet's name).
    """

    kind: BlockKind
    text: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()
    header_rows: int = 0
    caption: str = ""


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """A recognised word and its box (x0, top, x1, bottom) in points from the page's top left corner, as shown."""

    text: str
    x0: float
    top: float
    x1: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `text` is the plain text in reading order; `blocks` is the same with its structure.

    Formats without pages (Markdown, HTML, spreadsheets ...) have page 1 only, or one page per sheet or slide.
    `confidence` is the mean word confidence of OCR, 0..1; 1.0 where the text was in the file. `words` are those of OCR
    in its reading order: the file itself does not tell where they stand.
    """

    number: int
    text: str
    blocks: tuple[Block, ...] = ()
    status: PageStatus = PageStatus.TEXT
    confidence: float = 1.0
    words: tuple[PlacedWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A file as read. `outline` is the file's own table of contents: (level, title, 1-based page)."""

    source: Source
    path: Path
    pages: tuple[Page, ...]
    outline: tuple[tuple[int, str, int], ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExtractionReport:
    """What was got out of one document; kept in the index and shown by `copilot documents`."""

    pages: int
    blank: tuple[int, ...] = ()
    scanned: tuple[int, ...] = ()  # pages read by OCR
    no_text: tuple[int, ...] = ()  # pages from which nothing could be read
    garbled: tuple[int, ...] = ()
    tables: int = 0
    characters: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def coverage(self) -> float:
        """Share of the non-blank pages whose text was read, 0..1."""
        expected = self.pages - len(self.blank)
        lost = len(self.no_text) + len(self.garbled)
        return 1.0 if expected <= 0 else max(0.0, 1.0 - lost / expected)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of one document that fits the encoder and makes sense alone.

    `id` is stable for the same document content and settings. `pages` is (first, last), 1-based.
    `heading` is the path of headings above it, outermost first. `text` is verbatim, tables as rows of cells.
    `section` numbers the section (run of blocks under one heading) within its document, so that a warning can be
    bound to the section it stands in.
    """

    id: str
    source: Source
    pages: tuple[int, int]
    heading: tuple[str, ...]
    kind: ChunkKind
    text: str
    section: int = 0
    ocr: bool = False


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """One row of the fault-code registry: a code as some document defines or mentions it.

    `code` is the code as printed, `forms` every other written form seen in that place, `context` the words around
    it that tell its family: near ones on the first line (column headers, caption, innermost heading), far ones on the
    second (outer headings, title, file name), the row's own words on the third. `title` is the short meaning when the
    row has one. `ordinal`: the number only counts the rows of its table, so any real code goes before it.
    `definition` is true where the document explains the code (table row, heading, list), false for a mere mention.
    """

    code: str
    forms: tuple[str, ...]
    context: str
    title: str
    chunk_id: str
    document_id: str
    page: int
    machine: str | None
    definition: bool
    ordinal: bool = False


@dataclass(frozen=True, slots=True)
class CodeMatch:
    """A registry entry that a question names.

    `written` is the code as the question writes it. `level` says how alike the two are: 0 the same text, 1 the same
    without separators, 2 the same without leading zeros, 3 the same number under another prefix of its family
    ("alarm 207" for E-207), 4 the same number only, 5 the same value in another base (0x1A for 26).
    `score` orders matches of one level by how well their context fits the question; higher is better.
    """

    entry: CodeEntry
    written: str
    level: int
    score: float


@dataclass(frozen=True, slots=True)
class Opening:
    """How a manual begins: its source, and the headings and text of its first chunk."""

    source: Source
    heading: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class WarningNote:
    """A DANGER/WARNING/CAUTION/NOTICE (危险/警告/小心/注意) as printed, bound to the section it stands in.

    `signal` is DANGER, WARNING, CAUTION or NOTICE; `text` is verbatim, its signal word included.
    """

    document_id: str
    section: int
    signal: str
    text: str
    page: int
    heading: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [begin, end) of a text that may answer; `confidence` is 0..1, against "no answer in here"."""

    begin: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model made of a text beside the question: how well it bears on it, 0..1, and where it answers, best first."""

    relevance: float
    spans: tuple[Span, ...] = ()

    @property
    def answerable(self) -> float:
        """The confidence of the best span, 0..1."""
        return self.spans[0].confidence if self.spans else 0.0


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found for a question. Higher scores are better; `rank` starts at 1.

    `reading` is there when a model read the chunk beside the question; its spans are characters of the chunk's text.
    """

    chunk: Chunk
    score: float
    rank: int
    stage: Stage
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class FaultReport:
    """One record of a CMMS export, columns mapped to our names; what the export lacks is None.

    `downtime_hours` and `cost` are numbers in the export's own currency; `extra` keeps the columns we have no name for.
    """

    report_id: str
    date: str | None  # ISO 8601, YYYY-MM-DD
    machine: str | None
    component: str | None
    code: str | None
    symptom: str | None
    cause: str | None
    action: str | None
    failure_mode: str | None = None
    downtime_hours: float | None = None
    cost: float | None = None
    row: int = 0  # 1-based row in the export, the header not counted
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An input that was left out, and the one line that says why."""

    document_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that is needed to read a generation rightly; written last, so its presence means the build was finished."""

    version: str
    schema: int
    embedder: str
    weights_sha256: str
    dimension: int
    analyser: str
    chunker: str
    documents: Mapping[str, str]  # document_id -> sha256 of the content
    chunk_count: int
    created_at: datetime
    files: Mapping[str, str] = field(default_factory=dict)  # file in the generation -> "bytes:sha256"
    roots: tuple[tuple[str, str | None, str | None], ...] = ()  # (path, machine, kind) given to `copilot index`


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A document of the index as `copilot documents` lists it. `path` is where it was read, `sha256` its content."""

    document_id: str
    title: str
    kind: DocumentKind
    machine: str | None
    revision: str | None
    path: str
    sha256: str
    chunks: int
    codes: int
    report: ExtractionReport
