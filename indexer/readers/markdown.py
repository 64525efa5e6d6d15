"""Markdown to blocks: CommonMark with tables, front matter, admonitions and shortcodes of site generators."""

from __future__ import annotations

import re
from typing import Any

from indexer.readers.grid import table_block
from indexer.readers.html import html_blocks, mark_signal
from indexer.readers.text_tools import SIGNAL_KINDS, clean_text, heading, join_lines, one_line, paragraph
from indexer.types import Block, BlockKind

_FRONT = re.compile(r"\A\ufeff?\s*---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_SHORTCODE = re.compile(r"\{\{[<%/#!]?.*?\}\}|\{%-?.*?-?%\}", re.S)
_LAYOUT_KEYS = frozenset(
    [
        "layout",
        "category",
        "categories",
        "permalink",
        "author",
        "authors",
        "contrib",
        "date",
        "lastmod",
        "weight",
        "draft",
        "type",
        "url",
        "slug",
        "aliases",
        "sidebar",
        "nav_order",
        "parent",
        "has_children",
        "toc",
        "image",
        "images",
        "cover",
        "menu",
        "linktitle",
        "excerpt",
        "published",
        "group",
        "since",
        "hidden",
        "title",
    ]
)
_KINDS = "|".join(k for k in SIGNAL_KINDS if k.isascii())
_OPEN_BOX = re.compile(
    rf"\{{%-?\s*(?:alert|panel|callout|notice|note|warning|danger|caution)\b[^%]*?%\}}|"
    rf"\{{\{{[<%]\s*(?:callout|alert|admonition|notice|hint|note|warning|danger|caution)\b[^}}]*\}}\}}|"
    rf"^:::+\s*(?:{_KINDS})\b.*$",
    re.I | re.M,
)
_CLOSE_BOX = re.compile(
    r"\{%-?\s*end(?:alert|panel|callout|notice|note|warning|danger|caution)\s*-?%\}|"
    r"\{\{[<%]\s*/\s*(?:callout|alert|admonition|notice|hint|note|warning|danger|caution)\s*[%>]\}\}|^:::+\s*$",
    re.I | re.M,
)
_KIND_WORD = re.compile(rf"\b({_KINDS})\b", re.I)
_INDENTED_BOX = re.compile(r'^(\s*)(?:!!!|\?\?\?\+?)\s+(\w+)(?:\s+"([^"]*)")?\s*$')
_FENCE = re.compile(r"^\s*(```|~~~)")


def split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """The YAML front matter as a mapping (empty when there is none or it is broken) and the text after it."""
    match = _FRONT.match(text)
    if not match:
        return {}, text
    from indexer.readers.structured import load_yaml

    try:
        loaded = load_yaml(match[1], "front matter")
    except ValueError:
        return {}, text[match.end() :]
    return (loaded if isinstance(loaded, dict) else {}), text[match.end() :]


def markdown_blocks(text: str) -> tuple[list[Block], str]:
    """Blocks of a Markdown file and its title from the front matter ("" when it has none)."""
    front, body = split_front_matter(text.replace("\r\n", "\n").replace("\r", "\n"))
    title = one_line(str(front.get("title") or front.get("name") or ""))
    blocks: list[Block] = []
    inner = _boxed(body)
    if title and not (inner and inner[0].kind is BlockKind.HEADING and inner[0].text.lower() == title.lower()):
        blocks.append(heading(title, 1))
    blocks.extend(_front_blocks(front))
    return [*blocks, *inner], title


def _front_blocks(front: dict[str, Any]) -> list[Block]:
    """What front matter says to a reader: descriptions, codes, parameters; layout settings are left out."""
    from indexer.readers.structured import records_table

    out: list[Block] = []
    for key, value in front.items():
        if str(key).lower() in _LAYOUT_KEYS or value in (None, "", [], {}) or isinstance(value, bool):
            continue
        if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
            block = records_table(value, caption=str(key))
            out.extend([block] if block else [])
        elif isinstance(value, str) and ("\n" in value or len(value) > 60):
            out.extend(_boxed(value))
        elif isinstance(value, list):
            out.append(paragraph(f"{key}: " + ", ".join(one_line(str(v)) for v in value if not isinstance(v, dict))))
        elif isinstance(value, str | int | float):
            told = str(key).lower() in ("brief", "description", "summary", "subtitle")
            out.append(paragraph(one_line(str(value) if told else f"{key}: {value}")))
    return out


def _boxed(text: str) -> list[Block]:
    """Blocks of Markdown in which warning boxes of other dialects are recognised first."""
    blocks: list[Block] = []
    position = 0
    while match := _OPEN_BOX.search(text, position):
        end = _CLOSE_BOX.search(text, match.end())
        if end is None:
            break
        blocks.extend(_indented(text[position : match.start()]))
        kind = _KIND_WORD.search(match.group())
        inside = _indented(text[match.end() : end.start()])
        blocks.extend(mark_signal(kind[1], inside) if kind else inside)
        position = end.end()
    blocks.extend(_indented(text[position:]))
    return blocks


def _indented(text: str) -> list[Block]:
    """Handles `!!! warning` boxes, whose content is indented."""
    if "!!!" not in text and "???" not in text:
        return _parse(text)
    blocks: list[Block] = []
    plain: list[str] = []
    lines = text.split("\n")
    n = 0
    while n < len(lines):
        match = _INDENTED_BOX.match(lines[n])
        if not match:
            plain.append(lines[n])
            n += 1
            continue
        indent = len(match[1]) + 2
        inside: list[str] = []
        n += 1
        while n < len(lines) and (not lines[n].strip() or len(lines[n]) - len(lines[n].lstrip()) >= indent):
            inside.append(lines[n].strip())
            n += 1
        blocks.extend(_parse("\n".join(plain)))
        plain = []
        blocks.extend(mark_signal(match[2], _parse("\n".join(inside))))
    return blocks + _parse("\n".join(plain))


def _parse(text: str) -> list[Block]:
    if not text.strip():
        return []
    from markdown_it import MarkdownIt

    out_of_code = []
    fenced = False
    for line in text.split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        out_of_code.append(line if fenced else _SHORTCODE.sub("", line))
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return _Tokens(parser.parse("\n".join(out_of_code))).blocks()


class _Tokens:
    """Turns the flat token stream of the parser into blocks."""

    def __init__(self, tokens: list[Any]) -> None:
        self.tokens = tokens
        self.out: list[Block] = []
        self.lists: list[tuple[bool, int]] = []  # (ordered, next number)
        self.marker: str | None = None
        self.quote = 0

    def blocks(self) -> list[Block]:
        n = 0
        while n < len(self.tokens):
            n = self._take(n)
        return self.out

    def _take(self, n: int) -> int:
        token = self.tokens[n]
        kind = token.type
        if kind == "heading_open":
            text = inline_text(self.tokens[n + 1])
            text = re.sub(r"\s*\{#[\w-]+\}\s*$", "", text)
            if text:
                self.out.append(heading(text, int(token.tag[1])))
            return n + 3
        if kind in ("bullet_list_open", "ordered_list_open"):
            self.lists.append((kind[0] == "o", int(token.attrs.get("start", 1))))
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self.lists.pop()
        elif kind == "list_item_open":
            ordered, number = self.lists[-1]
            self.marker = f"{number}." if ordered else "•"
            self.lists[-1] = (ordered, number + 1)
        elif kind == "blockquote_open":
            end = self._closing(n, "blockquote_open", "blockquote_close")
            inner = _Tokens(self.tokens[n + 1 : end]).blocks()
            self.out.extend(_alert(inner))
            return end + 1
        elif kind == "inline":
            self._paragraph(inline_text(token))
        elif kind in ("fence", "code_block"):
            code = clean_text(token.content).strip("\n")
            if code.strip():
                self.out.append(Block(BlockKind.CODE, code))
        elif kind == "html_block":
            self.out.extend(html_blocks(token.content))
        elif kind == "table_open":
            end = self._closing(n, "table_open", "table_close")
            self._table(self.tokens[n + 1 : end])
            return end + 1
        return n + 1

    def _closing(self, n: int, opening: str, closing: str) -> int:
        depth = 0
        for m in range(n, len(self.tokens)):
            depth += (self.tokens[m].type == opening) - (self.tokens[m].type == closing)
            if depth == 0:
                return m
        return len(self.tokens)

    def _paragraph(self, text: str) -> None:
        if not text:
            return
        if self.marker is not None:
            level = min(5, len(self.lists) - 1)
            self.out.append(Block(BlockKind.LIST_ITEM, f"{self.marker} {text}", level=level))
            self.marker = None
        else:
            self.out.append(paragraph(text))

    def _table(self, tokens: list[Any]) -> None:
        rows: list[list[str]] = []
        header_rows = 0
        for token in tokens:
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "inline":
                rows[-1].append(inline_text(token))
            elif token.type == "thead_close":
                header_rows = len(rows) if any(any(row) for row in rows) else 0
        block = table_block(rows, header_rows)
        if block is not None:
            self.out.append(block)


def _alert(inner: list[Block]) -> list[Block]:
    """A quotation that is a warning box: "[!WARNING]" on its first line."""
    if inner and (match := re.match(r"^\[!(\w+)\]\s*", inner[0].text)):
        rest = inner[0].text[match.end() :].strip()
        head = [paragraph(rest)] if rest else []
        return mark_signal(match[1], [*head, *inner[1:]])
    return inner


def inline_text(token: Any) -> str:
    """Text of an inline token: link texts kept, addresses dropped, code verbatim, tags removed, breaks made spaces."""
    parts: list[str] = []
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif child.type == "html_inline" and re.match(r"<(br|/?p|/?div|/?li)\b", child.content, re.I):
            parts.append(" ")
        elif child.type == "image":
            alt = one_line(child.content)
            if len(alt) > 3 and (" " in alt or len(alt) > 15) and not re.search(r"\.(png|jpe?g|gif|svg)$", alt, re.I):
                parts.append(alt)
    return one_line(join_lines("".join(parts).split("\n")))
