"""Document -> chunks that fit the encoder and make sense alone. Pure: no files, no models but the token counter given.

Rules, in this order:
1. A chunk never crosses a heading. Every chunk carries the path of headings above it.
2. Rows of a code table are chunks of their own, written "Header: cell"; rows of other tables are packed together under
   a repeated header, a row never cut unless it alone is too long. A small table stays in the text around it.
3. A numbered procedure stays whole when it fits; else it is cut between steps. What introduces it (a sentence ending in a
   colon, a warning) stays with its first step.
4. Everything else is packed in reading order up to the budget, page by page; a paragraph too long is split between
   sentences.

The budget is `max_tokens` of the encoder's own tokenizer, heading path and special tokens included.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from indexer.analysis import holds_chinese, is_chinese
from indexer.chinese import both_scripts
from indexer.codes import (
    Found,
    code_columns,
    context_tokens,
    counts_rows,
    line_definition,
    mentions,
    row_definitions,
)
from indexer.contents import contents_lines
from indexer.protocols import TokenCounter
from indexer.safety_notes import cell_notes, embedded_notes, is_signal_alone, note_text, warning_signal
from indexer.table_text import (
    filled,
    first_value,
    merged_header,
    record_lines,
    record_pieces,
    records,
    row_line,
    split_record,
)
from indexer.types import (
    Block,
    BlockKind,
    Chunk,
    ChunkKind,
    CodeEntry,
    Document,
    PageStatus,
    Source,
    WarningNote,
)

CHUNKER = "headings+procedures+rows/7"
_NOTE_BLOCKS = 24  # blocks behind a signal word that may belong to it


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """Sizes in tokens of the encoder. `target_tokens` is aimed at for running text, `max_tokens` never passed."""

    max_tokens: int = 256
    target_tokens: int = 240
    heading_tokens: int = 48

    @property
    def name(self) -> str:
        """What the manifest records; another value means another index."""
        return f"{CHUNKER}:{self.max_tokens}/{self.target_tokens}/{self.heading_tokens}"


@dataclass(frozen=True, slots=True)
class Chunked:
    """All that one document contributes to the index."""

    chunks: tuple[Chunk, ...]
    codes: tuple[CodeEntry, ...]
    warnings: tuple[WarningNote, ...]


_STEP = re.compile(
    both_scripts(
        r"^\s*(?:(?:step|步骤)\s*\d+|\(?\d{1,2}[.)、]|\d{1,2}\s|[(（]\d{1,2}[)）]|[a-z][.)]\s|[①-⑳]|第[一二三四五六七八九十]+步)"
    ),
    re.IGNORECASE,
)
_INTRODUCES = re.compile(r"[:：]\s*$")


def _belongs_to_a_warning(heading: Block, before: Sequence[tuple[int, Block, bool]]) -> bool:
    """Whether what looks like a heading is a signal word, or the first line of what one warns of."""
    if is_signal_alone(heading.text):
        return True
    return bool(before) and is_signal_alone(before[-1][1].text) and len(heading.text.split()) > 6


def embedding_text(chunk: Chunk) -> str:
    """What the encoder and BM25 read of a chunk: its heading path above its text."""
    if is_heading_alone(chunk):
        return " > ".join(chunk.heading)
    return f"{' > '.join(chunk.heading)}\n{chunk.text}" if chunk.heading else chunk.text


def is_heading_alone(chunk: Chunk) -> bool:
    """Whether a chunk is a heading with nothing under it: it can be found, but answers nothing."""
    return bool(chunk.heading) and chunk.text == chunk.heading[-1]


def chunk_document(document: Document, settings: ChunkSettings, count_tokens: TokenCounter) -> Chunked:
    """Cut one document; chunks come in reading order with ids that depend on its content and settings alone."""
    return _Chunker(document, settings, count_tokens).run()


@dataclass(slots=True)
class _Unit:
    """A piece that stays together: a paragraph, a list item, a whole procedure step, a table row."""

    text: str
    page: int
    tokens: int
    kind: ChunkKind = ChunkKind.TEXT
    glue: bool = False  # keep with the next unit
    ocr: bool = False


@dataclass(slots=True)
class _Section:
    heading: tuple[str, ...]
    number: int
    page: int
    blocks: list[tuple[int, Block, bool]] = field(default_factory=list)


class _Chunker:
    def __init__(self, document: Document, settings: ChunkSettings, count_tokens: TokenCounter) -> None:
        self.document = document
        self.settings = settings
        self.source: Source = document.source
        self.count: Callable[[str], int] = lambda text: max(0, count_tokens(text) - 2) if text else 0
        self.chunks: list[Chunk] = []
        self.codes: list[CodeEntry] = []
        self.warnings: list[WarningNote] = []
        self._heading_cost = 0

    def run(self) -> Chunked:
        for section in self._sections():
            self._section(section)
        return Chunked(tuple(self.chunks), tuple(self.codes), tuple(self.warnings))

    # --- sections ---

    def _sections(self) -> Iterator[_Section]:
        """Runs of blocks under one heading. A heading with nothing under it before a deeper one yields no section."""
        contents = contents_lines(self.document)
        stack: list[tuple[int, str]] = []
        number = 0
        current = _Section((), number, 1)
        pending = False  # the current heading has not been shown by any section yet
        for page in self.document.pages:
            ocr = page.status is PageStatus.OCR
            blocks = page.blocks or ((Block(BlockKind.PARAGRAPH, page.text),) if page.text.strip() else ())
            for index, block in enumerate(blocks):
                if (page.number, index) in contents:
                    continue
                if block.kind is BlockKind.HEADING and _belongs_to_a_warning(block, current.blocks):
                    block = Block(BlockKind.PARAGRAPH, block.text)
                if block.kind is not BlockKind.HEADING:
                    current.blocks.append((page.number, block, ocr))
                    pending = False
                    continue
                title = " ".join(block.text.split())
                if not title:
                    continue
                if current.blocks:
                    yield current
                elif pending and stack and stack[-1][0] >= block.level:
                    yield current  # a heading alone is kept: its words must be found
                while stack and stack[-1][0] >= block.level:
                    stack.pop()
                stack.append((block.level, title))
                number += 1
                current = _Section(tuple(text for _, text in stack), number, page.number)
                pending = True
        if current.blocks or pending:
            yield current

    def _section(self, section: _Section) -> None:
        heading = self._fit_heading(section.heading)
        self._heading_cost = self.count(" > ".join(heading)) + 2
        far = context_tokens([*section.heading[:-1], self.source.title, self.source.document_id])
        context = f"{context_tokens(section.heading[-1:])}\n{far}"
        if section.heading:
            found = line_definition(
                section.heading[-1], context_tokens([*section.heading[:-1], self.source.title]), heading=True
            )
            first_chunk = len(self.chunks)
        else:
            found, first_chunk = None, 0
        units: list[_Unit] = []
        for index, (page, block, ocr) in enumerate(section.blocks):
            for signal, text in cell_notes(block) if block.kind is BlockKind.TABLE else ():
                self._note(section, page, signal, text)
            small = self._small_table(block, page, ocr, context) if block.kind is BlockKind.TABLE else None
            if small is not None:
                units.append(small)
                continue
            if block.kind is BlockKind.TABLE:
                self._pack(units, section, heading)
                units = []
                self._table(block, page, ocr, section, heading, context)
                continue
            behind = [later for _, later, _ in section.blocks[index + 1 : index + 1 + _NOTE_BLOCKS]]
            units.extend(self._units(block, page, ocr, behind, section))
        self._pack(units, section, heading)
        if not section.blocks and section.heading:
            self._emit([_Unit(section.heading[-1], section.page, self.count(section.heading[-1]))], section, heading)
        new = self.chunks[first_chunk:]
        if found is not None and new:
            self._register(replace(found, title=found.title or section.heading[-1]), context, new[0], section.page)
        self._line_codes(new, context)

    def _fit_heading(self, heading: tuple[str, ...]) -> tuple[str, ...]:
        """The innermost headings that fit the heading budget; at least the last one, cut if need be."""
        kept: list[str] = []
        spent = 0
        for title in reversed(heading):
            cost = self.count(title) + 1
            if kept and spent + cost > self.settings.heading_tokens:
                break
            while cost > self.settings.heading_tokens * 2 and len(title) > 40:
                title = title[: int(len(title) * 0.8)].rstrip() + "…"
                cost = self.count(title) + 1
            kept.append(title)
            spent += cost
        return tuple(reversed(kept))

    # --- units of running text ---

    def _note(self, section: _Section, page: int, signal: str, text: str) -> None:
        self.warnings.append(WarningNote(self.source.document_id, section.number, signal, text, page, section.heading))

    def _units(self, block: Block, page: int, ocr: bool, behind: Sequence[Block], section: _Section) -> Iterator[_Unit]:
        following = behind[0] if behind else None
        text = block.text.strip() if block.kind is not BlockKind.CODE else block.text.rstrip()
        if not text:
            return
        signal = warning_signal(text)
        glue = False
        kind = ChunkKind.TEXT
        if signal is not None:
            kind, glue = ChunkKind.WARNING, True
            self._note(section, page, signal, note_text(text, behind))
        elif block.kind is BlockKind.LIST_ITEM and _STEP.match(text):
            kind = ChunkKind.PROCEDURE
        elif (
            following is not None
            and following.kind in (BlockKind.LIST_ITEM, BlockKind.CODE)
            and _INTRODUCES.search(text)
        ):
            glue = True
        for embedded, note in embedded_notes(text) if signal is None else ():
            self._note(section, page, embedded, note)
        tokens = self.count(text)
        limit = self._limit()
        if tokens <= limit:
            yield _Unit(text, page, tokens, kind, glue, ocr)
            return
        for piece in self._split(text, limit):
            yield _Unit(piece, page, self.count(piece), kind, False, ocr)

    def _limit(self) -> int:
        return max(32, self.settings.max_tokens - 2 - self._heading_cost)

    def _split(self, text: str, limit: int) -> list[str]:
        """Split one long text between lines, then sentences, then words; for Chinese too."""
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        splitter = RecursiveCharacterTextSplitter(
            separators=[
                "\n\n",
                "\n",
                "(?<=[。！？])",
                r"(?<=[.!?])\s+",
                "(?<=[；;])",
                r"(?<=[,，、:：])\s*",
                r"\s+",
                "",
            ],
            is_separator_regex=True,
            keep_separator=True,
            chunk_size=limit,
            chunk_overlap=0,
            length_function=self.count,
        )
        return [piece.strip() for piece in splitter.split_text(text) if piece.strip()]

    def _pack(self, units: Sequence[_Unit], section: _Section, heading: tuple[str, ...]) -> None:
        """Fill chunks with units in order; procedures whole when they fit, glued units together."""
        limit = self._limit()
        target = min(limit, max(32, self.settings.target_tokens - 2 - self._heading_cost))
        current: list[_Unit] = []
        for group in _groups(units, limit):
            size = sum(unit.tokens for unit in group)
            filled = sum(unit.tokens for unit in current)
            glued = bool(current) and current[-1].glue
            room = limit if group[0].kind is ChunkKind.PROCEDURE and glued else target
            # A new page is a new chunk, so that a citation names one page; what is glued together stays together.
            turned = (
                bool(current) and not glued and group[0].page != current[-1].page and not _one_procedure(current, group)
            )
            if current and (turned or filled + size > room):
                carry: list[_Unit] = []
                while (
                    current and current[-1].glue and sum(u.tokens for u in carry) + current[-1].tokens + size <= limit
                ):
                    carry.insert(0, current.pop())
                if current:
                    self._emit(current, section, heading)
                current = carry
            current.extend(group)
        if current:
            self._emit(current, section, heading)

    # --- tables ---

    def _small_table(self, block: Block, page: int, ocr: bool, context: str) -> _Unit | None:
        """A table that stays in the text around it: a few rows without codes; None for any other."""
        header = merged_header(block.rows[: block.header_rows])
        rows = block.rows[block.header_rows :]
        if not rows or block.caption or len(header) > 8 or code_columns(header, rows, f"{context} {' '.join(header)}"):
            return None
        text = "\n".join(line for line in (row_line(header), *(row_line(row) for row in rows)) if line)
        tokens = self.count(text)
        return _Unit(text, page, tokens, ChunkKind.TABLE, ocr=ocr) if 0 < tokens <= self._limit() // 3 else None

    def _table(
        self, block: Block, page: int, ocr: bool, section: _Section, heading: tuple[str, ...], context: str
    ) -> None:
        header = merged_header(block.rows[: block.header_rows])
        rows = block.rows[block.header_rows :]
        if not rows:
            rows, header = block.rows, ()
        near, _, far = context.partition("\n")
        context = f"{context_tokens([near, block.caption, *header])}\n{far}"
        if block.caption and (not heading or block.caption != heading[-1]):
            heading = (*heading, " ".join(block.caption.split()))
            heading = self._fit_heading(heading)
            self._heading_cost = self.count(" > ".join(heading)) + 2
        columns = code_columns(header, rows, context)
        limit = self._limit()
        if columns:
            ordinal = counts_rows(header, rows, columns[0])
            for lines in records(rows, columns):
                row = lines[0]
                pieces = record_pieces(header, lines, columns, limit, self.count, self._split)
                defined = row_definitions(header, row, columns, ordinal)
                first = len(self.chunks)
                for piece in pieces:
                    self._emit([_Unit(piece, page, 0, ChunkKind.TABLE, ocr=ocr)], section, heading)
                short = " ".join(cell for cell in row if len(cell) <= 40)  # names, not explanations
                row_context = f"{context}\n{' '.join(short.split())[:300]}"
                for found in defined:
                    self._register(found, row_context, self.chunks[first], page)
                # A row in several languages: the piece that speaks Chinese answers a Chinese question.
                chinese = next((n for n, piece in enumerate(pieces) if is_chinese(piece)), 0)
                if chinese and not holds_chinese(pieces[0]):
                    for found in defined:
                        title = first_value(pieces[chinese], len(columns))
                        self._register(replace(found, title=title), row_context, self.chunks[first + chinese], page)
            return
        head = row_line(header)
        head_tokens = self.count(head)
        wide = head_tokens > limit // 3 or len(header) > 8
        packed: list[str] = []
        spent = 0
        for row, whole in zip(rows, filled(rows), strict=True):
            line = record_lines(header, whole) if wide else row_line(row if packed else whole)
            if not line or not any(cell.strip() for cell in row):
                continue
            tokens = self.count(line)
            if tokens + (0 if wide else head_tokens) > limit:
                self._flush_rows(packed, head, wide, page, ocr, section, heading)
                packed, spent = [], 0
                for piece in split_record(header, row, (0,), limit, self.count, self._split):
                    self._emit([_Unit(piece, page, 0, ChunkKind.TABLE, ocr=ocr)], section, heading)
                continue
            if packed and (wide or spent + tokens + head_tokens > self.settings.target_tokens - self._heading_cost):
                self._flush_rows(packed, head, wide, page, ocr, section, heading)
                packed, spent = [], 0
                line = line if wide else row_line(whole)
            packed.append(line)
            spent += tokens
        self._flush_rows(packed, head, wide, page, ocr, section, heading)

    def _flush_rows(
        self,
        packed: list[str],
        head: str,
        wide: bool,
        page: int,
        ocr: bool,
        section: _Section,
        heading: tuple[str, ...],
    ) -> None:
        if packed:
            text = "\n".join(packed if wide or not head else [head, *packed])
            self._emit([_Unit(text, page, 0, ChunkKind.TABLE, ocr=ocr)], section, heading)

    # --- output ---

    def _emit(self, units: Sequence[_Unit], section: _Section, heading: tuple[str, ...]) -> None:
        text = "\n".join(unit.text for unit in units)
        pages = [unit.page for unit in units]
        kinds = [unit.kind for unit in units]
        if all(kind is ChunkKind.WARNING for kind in kinds):
            kind = ChunkKind.WARNING
        elif 2 * sum(u.tokens or 1 for u in units if u.kind is ChunkKind.TABLE) > sum(u.tokens or 1 for u in units):
            kind = ChunkKind.TABLE
        elif sum(kind is ChunkKind.PROCEDURE for kind in kinds) >= 2:
            kind = ChunkKind.PROCEDURE
        else:
            kind = ChunkKind.TEXT
        digest = hashlib.sha256(
            "\x1f".join((self.source.document_id, str(len(self.chunks)), *heading, text)).encode()
        ).hexdigest()
        self.chunks.append(
            Chunk(
                id=digest[:20],
                source=self.source,
                pages=(min(pages), max(pages)),
                heading=heading,
                kind=kind,
                text=text,
                section=section.number,
                ocr=any(unit.ocr for unit in units),
            )
        )

    def _register(self, found: Found, context: str, chunk: Chunk, page: int) -> None:
        self.codes.append(
            CodeEntry(
                code=found.code,
                forms=found.forms,
                context=context[:1000],
                title=found.title,
                chunk_id=chunk.id,
                document_id=self.source.document_id,
                page=page,
                machine=self.source.machine,
                definition=found.definition,
                ordinal=found.ordinal,
            )
        )

    def _line_codes(self, chunks: Sequence[Chunk], context: str) -> None:
        """Codes that lines of running text define, and those it only mentions."""
        defined = {(entry.chunk_id, entry.code) for entry in self.codes[-len(chunks) * 40 :]} if chunks else set()
        for chunk in chunks:
            if chunk.kind is not ChunkKind.TABLE:
                for line in chunk.text.splitlines():
                    found = line_definition(line, context)
                    if found is not None and (chunk.id, found.code) not in defined:
                        defined.add((chunk.id, found.code))
                        self._register(found, context, chunk, chunk.pages[0])
            for code in mentions(chunk.text)[:12]:
                if (chunk.id, code) not in defined:
                    defined.add((chunk.id, code))
                    self._register(Found(code, (), "", False), " ".join(chunk.heading)[:120], chunk, chunk.pages[0])


def _groups(units: Sequence[_Unit], limit: int) -> Iterator[list[_Unit]]:
    """Units that stay together: a run of steps with what stands between them, when it fits; else one by one."""
    index = 0
    while index < len(units):
        if units[index].kind is ChunkKind.PROCEDURE:
            end = index
            while end < len(units) and (units[end].kind is ChunkKind.PROCEDURE or units[end].kind is ChunkKind.WARNING):
                end += 1
            run = list(units[index:end])
            if sum(unit.tokens for unit in run) <= limit:
                yield run
            else:
                for unit in run:
                    yield [unit]
            index = end
            continue
        run = [units[index]]
        while run[-1].glue and index + len(run) < len(units):
            following = units[index + len(run)]
            if following.kind is ChunkKind.PROCEDURE or sum(u.tokens for u in run) + following.tokens > limit:
                break
            run.append(following)
        yield run
        index += len(run)


def _one_procedure(before: Sequence[_Unit], after: Sequence[_Unit]) -> bool:
    return before[-1].kind is ChunkKind.PROCEDURE and after[0].kind is ChunkKind.PROCEDURE
