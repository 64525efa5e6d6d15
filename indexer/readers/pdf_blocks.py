"""Lines of a PDF to blocks: running titles dropped, headings, lists and paragraphs recognised, tables continued."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from indexer.chinese import both_scripts
from indexer.readers.grid import looks_like_header, table_block
from indexer.readers.pdf_layout import Item, Line, PdfTable
from indexer.readers.text_tools import LIST_MARKER, SIGNAL_ALONE, heading, is_cjk, join_lines, make_page
from indexer.types import Block, BlockKind, Page, PageStatus, PlacedWord

Outline = tuple[tuple[int, str, int], ...]
NUMBERED = re.compile(r"^(\d{1,2}(?:[.．]\d{1,2}){0,4})[.．、]?(?:\s+|(?=[\u3400-\u9fff]))(\S.*)$")
CHAPTER = re.compile(
    both_scripts(
        r"^(?:(?:chapter|section|appendix|part|annex)\s+(?:\d+|[ivx]+|[a-z])\b|第\s*[一二三四五六七八九十百\d]+\s*[章节篇部]|附录)"
    ),
    re.IGNORECASE,
)
CAPTION = re.compile(both_scripts(r"^(?:table|tab\.|表)\s*[\dA-Z一二三四五六七八九十]"), re.IGNORECASE)
_STEP = re.compile(r"^(\d{1,2})\s+[A-Z\u3400-\u9fff]\S*\s*\S")
_END = tuple(".!?:;。！？：；")
_UNIT = re.compile(r"^(?:mm|cm|m|kg|g|v|a|w|kw|hz|khz|mhz|s|ms|min|h|nm|%|°|℃|in|inch|ft|lb|psi|bar|kpa|mpa|℃)\b", re.I)


@dataclass(slots=True)
class RawPage:
    """One page before blocks are made."""

    number: int
    width: float
    height: float
    items: list[Item] = field(default_factory=list)
    status: PageStatus = PageStatus.TEXT
    confidence: float = 1.0
    words: tuple[PlacedWord, ...] = ()


def build_pages(raw: Sequence[RawPage], outline: Outline) -> tuple[Page, ...]:
    """Pages with blocks, in order; consumes the raw pages' items."""
    _drop_running_lines(raw, outline)
    style = _Style(raw, outline)
    pages = []
    carried: _Carried | None = None
    for page in raw:
        blocks, carried = _page_blocks(page, style, carried)
        made = make_page(page.number, blocks, page.status, page.confidence)
        pages.append(replace(made, words=page.words) if page.words else made)
        page.items = []
    return tuple(pages)


def _squeeze(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def _drop_running_lines(pages: Sequence[RawPage], outline: Outline) -> None:
    """Remove titles, footers and page numbers that stand at the same height on many pages.

    Numbers may differ from page to page, except in large print: "3.1 Cooling" there is a heading of its own page.
    """
    sizes: Counter[float] = Counter()
    for page in pages:
        for item in page.items:
            if isinstance(item, Line):
                sizes[round(item.size)] += len(item.text)
    large = 1.12 * sizes.most_common(1)[0][0] if sizes else 0.0
    titles = {(number, _squeeze(title)) for _, title, number in outline}

    def key_of(line: Line, at_top: bool) -> tuple[str, bool]:
        exact = line.size > large
        return (line.text.lower() if exact else re.sub(r"\d+|\b[ivxlc]+\b", "#", line.text.lower())), at_top

    seen: dict[tuple[str, bool], list[tuple[int, float]]] = defaultdict(list)
    for index, page in enumerate(pages):
        for line, at_top in _margin_lines(page):
            if (page.number, _squeeze(line.text)) not in titles:
                seen[key_of(line, at_top)].append((index, line.top))
    running: dict[tuple[str, bool], float] = {}
    for key, places in seen.items():
        numbers = {index for index, _ in places}
        span = max(numbers) - min(numbers) + 1
        where = median(top for _, top in places)
        steady = sum(abs(top - where) < 14 for _, top in places) >= 0.7 * len(places)
        if len(numbers) >= 3 and len(numbers) >= 0.3 * span and steady:
            running[key] = where
    for page in pages:
        gone = {
            id(line)
            for line, at_top in _margin_lines(page)
            if abs(running.get(key_of(line, at_top), -99.0) - line.top) < 14
            and (page.number, _squeeze(line.text)) not in titles
        }
        if gone:
            page.items = [item for item in page.items if id(item) not in gone]


def _margin_lines(page: RawPage) -> list[tuple[Line, bool]]:
    """The outermost lines in the upper and the lower eighth of the page."""
    lines = sorted((i for i in page.items if isinstance(i, Line)), key=lambda line: line.top)
    upper = [(line, True) for line in lines[:4] if line.bottom < 0.125 * page.height]
    lower = [(line, False) for line in lines[-4:] if line.top > 0.875 * page.height]
    return upper + lower


class _Style:
    """What is normal in this document: the size of running text, its leading, and which sizes are headings."""

    def __init__(self, pages: Sequence[RawPage], outline: Outline) -> None:
        sizes: Counter[float] = Counter()
        bold_characters = characters = 0
        gaps: list[float] = []
        for page in pages:
            if page.status is PageStatus.OCR:
                continue
            previous: Line | None = None
            for item in page.items:
                if not isinstance(item, Line):
                    previous = None
                    continue
                sizes[round(item.size * 2) / 2] += len(item.text)
                characters += len(item.text)
                bold_characters += len(item.text) if item.bold else 0
                if previous is not None and previous.left == item.left and 0 <= item.top - previous.bottom < 20:
                    gaps.append(item.top - previous.bottom)
                previous = item
        self.body = sizes.most_common(1)[0][0] if sizes else 10.0
        # Where every line is a paragraph of its own, the usual gap is no leading.
        self.leading = min(sorted(gaps)[len(gaps) // 3], 0.7 * self.body) if gaps else 2.0
        self.bold_means = characters > 0 and bold_characters < 0.3 * characters
        self.titles: dict[tuple[int, str], int] = {}
        for level, title, page_number in outline:
            for near in (page_number - 1, page_number, page_number + 1):
                self.titles.setdefault((near, _squeeze(title)), level)
        self.deepest = max((level for level, _, _ in outline), default=0) if len(outline) >= 3 else 0
        large = sorted((s for s, n in sizes.items() if s >= 1.15 * self.body and n >= 3), reverse=True)
        ranks: list[float] = []
        for size in large:
            if not ranks or ranks[-1] - size > 0.6:
                ranks.append(size)
        self.ranks = ranks

    def level_of(self, line: Line, number: int, ocr: bool, follows: bool) -> int:
        """The heading level of a line, or 0 for none."""
        text = line.text
        if SIGNAL_ALONE.match(text) or not any(c.isalpha() for c in text):
            return 0
        known = self.titles.get((number, _squeeze(text)))
        if known is not None and len(text) < 200:
            return min(6, known)
        if len(text) > (60 if is_cjk(text[0]) else 110) or text[-1] in ",;，；、。":
            return 0
        big = not ocr and line.size >= 1.15 * self.body
        strong = big or (not ocr and self.bold_means and line.bold)
        match = NUMBERED.match(text)
        if match and not _UNIT.match(match[2]) and not text.endswith("."):
            depth = len(re.split(r"[.．]", match[1].rstrip(".．")))
            named = match[2][0].isupper() or is_cjk(match[2][0])
            if strong and named:
                return min(6, depth)
            if depth >= 2 and named and len(text) < 70 and not any(mark in match[2] for mark in "=，。:："):
                return min(6, depth)
        if CHAPTER.match(text) and len(text) < 70 and (strong or line.x1 < line.left + 0.8 * (line.right - line.left)):
            return 1
        if LIST_MARKER.match(text) and not big:
            return 0
        if big and len(text) > 1 and not text.endswith("."):
            if self.deepest:
                return min(6, self.deepest + 1)
            return min(6, 1 + next((i for i, s in enumerate(self.ranks) if line.size >= s - 0.4), len(self.ranks)))
        short = len(text) <= (25 if is_cjk(text[0]) else 70) and len(text) > 2
        if strong and short and follows and text[-1] not in _END:
            return min(6, max(self.deepest, len(self.ranks)) + 1)
        return 0


@dataclass(slots=True)
class _Carried:
    """A table that ended a page: what is needed to recognise and head its continuation."""

    table: PdfTable
    header: list[list[str]]


def _page_blocks(page: RawPage, style: _Style, carried: _Carried | None) -> tuple[list[Block], _Carried | None]:
    blocks: list[Block] = []
    open_lines: list[Line] = []
    open_kind = BlockKind.PARAGRAPH
    heading_line: Line | None = None
    last_table: _Carried | None = None
    last_step: int | None = None

    def close() -> None:
        if open_lines:
            text = join_lines(line.text for line in open_lines)
            level = 0
            if open_kind is BlockKind.LIST_ITEM:
                level = max(0, min(5, round((open_lines[0].x0 - open_lines[0].left) / 20)))
            blocks.append(Block(open_kind, text, level=level))
            open_lines.clear()

    ocr = page.status is PageStatus.OCR
    for position, item in enumerate(page.items):
        if isinstance(item, PdfTable):
            close()
            heading_line = None
            caption = ""
            if blocks and CAPTION.match(blocks[-1].text) and len(blocks[-1].text) < 150:
                caption = blocks.pop().text
            block, last_table = _table(item, caption, carried if position == 0 else None)
            if block is not None:
                blocks.append(block)
            continue
        last_table = None
        previous = open_lines[-1] if open_lines else None
        level = style.level_of(item, page.number, ocr, _stands_apart(item, previous, page.items, position, style))
        if level and not (previous and _continues(previous, item, style) and not _looks_titled(item, style)):
            close()
            if (
                heading_line is not None and abs(heading_line.size - item.size) < 0.3 and blocks[-1].level == level
                and item.top - heading_line.bottom < 0.6 * item.size and not NUMBERED.match(item.text)
                and item.size > 1.15 * style.body
            ):  # fmt: skip
                blocks[-1] = heading(join_lines([blocks[-1].text, item.text]), level)
            else:
                blocks.append(heading(item.text, level))
            heading_line = item
            continue
        heading_line = None
        if step := _STEP.match(item.text):
            expected = 1 if last_step is None else last_step + 1
            if int(step[1]) in (1, expected) and (previous is None or not _inside_sentence(previous, item, open_kind)):
                close()
                open_kind, last_step = BlockKind.LIST_ITEM, int(step[1])
                open_lines.append(item)
                continue
        if LIST_MARKER.match(item.text) and not _inside_sentence(previous, item, open_kind):
            close()
            open_kind = BlockKind.LIST_ITEM
        elif previous is None or not _continues(previous, item, style):
            close()
            open_kind = BlockKind.PARAGRAPH
        open_lines.append(item)
    close()
    return blocks, last_table


def _looks_titled(line: Line, style: _Style) -> bool:
    return line.size >= 1.12 * style.body or (style.bold_means and line.bold) or bool(NUMBERED.match(line.text))


def _stands_apart(line: Line, previous: Line | None, items: Sequence[Item], position: int, style: _Style) -> bool:
    """Whether a bold line is a line of its own and not the end or beginning of bold running text."""
    following = items[position + 1] if position + 1 < len(items) else None
    if isinstance(following, Line) and following.bold and following.size == line.size and line.x1 > line.right - 30:
        return False
    return previous is None or not previous.bold or line.top - previous.bottom > style.leading + 2


def _inside_sentence(previous: Line | None, line: Line, kind: BlockKind) -> bool:
    """A line that begins with "380." or "a)" only because the sentence happened to break there."""
    if previous is None or line.top - previous.bottom > 0.6 * line.size or previous.text.endswith(_END):
        return False
    full = previous.x1 > previous.right - 0.06 * (previous.right - previous.left)
    return full and (line.text[0] in "-–—*·" or (kind is BlockKind.PARAGRAPH and line.text[0].isdigit()))


def _continues(previous: Line, line: Line, style: _Style) -> bool:
    """Whether a line belongs to the paragraph of the line before it."""
    height = max(previous.bottom - previous.top, line.bottom - line.top)
    moved = abs(previous.left - line.left) > 20 or line.top < previous.top - height
    if moved:  # from one column to the next
        return not previous.text.endswith(_END) and line.text[0].islower()
    if line.top - previous.bottom > style.leading + 0.5 * height:
        return False
    if abs(previous.size - line.size) > 0.12 * max(previous.size, line.size) or previous.bold != line.bold:
        return not previous.text.endswith(_END) and line.text[0].islower()
    if (
        (match := NUMBERED.match(line.text))
        and match[1].count(".")
        and not _inside_sentence(previous, line, BlockKind.PARAGRAPH)
    ):
        return False
    width = max(1.0, previous.right - previous.left)
    ended = previous.text.endswith(_END)
    short = previous.x1 < previous.right - 0.18 * width
    if ended and (short or line.x0 > previous.x0 + 0.8 * line.size):
        return False
    very_short = previous.x1 < previous.right - 0.4 * width
    return not (very_short and not line.text[0].islower())


def _table(table: PdfTable, caption: str, carried: _Carried | None) -> tuple[Block | None, _Carried]:
    rows = [[join_lines(cell.split("\n")) for cell in row] for row in table.rows]
    rows = [row for row in rows if any(row)]
    header_rows = table.header_rows
    if len(rows) > 2 and len(rows[0]) > 1 and sum(map(bool, rows[0])) == 1 and sum(map(bool, rows[1])) > 1:
        caption, rows, header_rows = caption or "".join(rows[0]), rows[1:], 0  # a title over all columns
    if rows and not header_rows and looks_like_header(rows[0], rows[1:]):
        header_rows = 1
    if carried is not None and carried.header and rows and _same_columns(carried.table, table):
        depth = len(carried.header)
        if rows[:depth] == carried.header:
            header_rows = depth
        elif not table.header_rows:
            rows, header_rows = [*carried.header, *rows], depth
    block = table_block(rows, header_rows, caption) if rows else None
    return block, _Carried(table, rows[:header_rows])


def _same_columns(first: PdfTable, second: PdfTable) -> bool:
    if len(first.rows[0]) != len(second.rows[0]):
        return False
    return abs(first.box[0] - second.box[0]) < 15 and abs(first.box[2] - second.box[2]) < 15
