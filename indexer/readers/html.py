"""HTML to blocks: headings, paragraphs, lists, tables, code and warning boxes; page furniture dropped."""

from __future__ import annotations

import re
from typing import Any

from indexer.readers.grid import table_block
from indexer.readers.text_tools import clean_text, heading, one_line, paragraph, with_signal
from indexer.types import Block, BlockKind

_DROPPED = (
    "script", "style", "nav", "footer", "noscript", "template", "svg", "head", "iframe", "form", "button", "canvas",
)  # fmt: skip
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_CONTAINERS = {
    "p", "div", "section", "article", "main", "ul", "ol", "dl", "table", "pre", "blockquote", "aside", "details",
    "header", "figure", "body", "html", *_HEADINGS,
}  # fmt: skip
_SIGNAL_CLASS = re.compile(
    r"\b(danger|warning|caution|notice|attention|important|note|tip|hint|error|critical)\b", re.I
)
_ROLE_DROPPED = ("navigation", "banner", "contentinfo", "search")


def html_title(text: str) -> str:
    """The text of the title element, or ""."""
    match = re.search(r"<title[^>]*>(.*?)</title>", text[:200_000], re.I | re.S)
    if not match:
        return ""
    from html import unescape

    return one_line(unescape(match[1]))


def html_blocks(text: str) -> list[Block]:
    """Blocks of a whole page or of a fragment."""
    from bs4 import BeautifulSoup
    from bs4.element import Comment

    soup: Any = BeautifulSoup(text, "lxml")
    for node in soup.find_all(string=lambda s: isinstance(s, Comment)):
        node.extract()
    for node in soup.find_all(_DROPPED):
        node.decompose()
    for role in _ROLE_DROPPED:
        for node in soup.find_all(attrs={"role": role}):
            if not node.decomposed:
                node.decompose()
    for node in soup.find_all(attrs={"hidden": True}):
        if not node.decomposed:
            node.decompose()
    for node in soup.find_all("br"):
        node.replace_with("\n")
    for node in soup.find_all("sup"):
        if re.fullmatch(r"\s*\[\d+\]\s*", node.get_text()):
            node.decompose()
    blocks: list[Block] = []
    root = soup.find("main") or soup.find("article") or soup.body or soup
    if root.name in ("main", "article") and soup.body and len(root.get_text()) < 0.5 * len(soup.body.get_text()):
        root = soup.body
    _walk(root, blocks, 0)
    return blocks


def _walk(node: Any, blocks: list[Block], depth: int) -> None:
    """Blocks of a container's children; loose text between them becomes paragraphs."""
    from bs4.element import NavigableString

    if depth > 200:
        return
    loose: list[str] = []

    def flush() -> None:
        joined = one_line("".join(loose))
        loose.clear()
        if joined:
            blocks.append(paragraph(joined))

    for child in node.children:
        if isinstance(child, NavigableString):
            loose.append(str(child))
            continue
        name = child.name
        if (
            name not in _CONTAINERS
            and name not in ("li", "dt", "dd", "center", "label")
            and not child.find(list(_CONTAINERS))
        ):
            loose.append(child.get_text())
            continue
        flush()
        if name in _HEADINGS:
            text = one_line(child.get_text(" "))
            text = text.rstrip("¶#").rstrip()
            if text:
                blocks.append(heading(text, _HEADINGS[name]))
        elif name in ("ul", "ol"):
            _list(child, blocks, 0, depth)
        elif name == "dl":
            _definitions(child, blocks)
        elif name == "table":
            _table(child, blocks, depth)
        elif name == "pre":
            blocks.append(Block(BlockKind.CODE, clean_text(child.get_text()).strip("\n")))
        elif signal := _signal_of(child):
            inner: list[Block] = []
            _walk(child, inner, depth + 1)
            blocks.extend(mark_signal(signal, inner))
        elif name == "p" and not child.find(list(_CONTAINERS)):
            lines = [one_line(part) for part in child.get_text().split("\n")]
            text = one_line(" ".join(lines))
            if text:
                blocks.append(paragraph(text))
        else:
            _walk(child, blocks, depth + 1)
    flush()


def _signal_of(node: Any) -> str:
    if node.name not in ("div", "aside", "section", "blockquote", "p", "details"):
        return ""
    classes = node.get("class") or []
    role = str(node.get("role") or "")
    joined = " ".join(classes) if isinstance(classes, list) else str(classes)
    if not (match := _SIGNAL_CLASS.search(re.sub(r"[-_]", " ", joined))):
        return "warning" if role == "alert" else ""
    return match[1]


def mark_signal(kind: str, inner: list[Block]) -> list[Block]:
    """The blocks of a warning box with its signal word at the beginning; the box's own title line is dropped."""
    signal = with_signal(kind, "x")[:-3]
    while inner and (inner[0].text.strip(" :!：！⚠️*").lower() in (kind.lower(), signal.lower(), "admonition-title")):
        inner = inner[1:]
    if not inner:
        return []
    first = inner[0]
    if first.kind in (BlockKind.PARAGRAPH, BlockKind.HEADING):
        return [paragraph(with_signal(kind, first.text)), *inner[1:]]
    if first.kind is BlockKind.LIST_ITEM:
        return [paragraph(with_signal(kind, first.text)), *inner[1:]]
    return [paragraph(f"{signal}:"), *inner]


def _list(node: Any, blocks: list[Block], level: int, depth: int) -> None:
    number = int(node.get("start") or 1) if node.name == "ol" and str(node.get("start") or "1").isdigit() else 1
    for item in node.find_all("li", recursive=False):
        marker = f"{number}." if node.name == "ol" else "•"
        number += 1
        parts: list[str] = []
        rest: list[Any] = []
        for child in item.children:
            if getattr(child, "name", None) in ("ul", "ol", "table", "pre", "dl"):
                rest.append(child)
            else:
                parts.append(child.get_text() if getattr(child, "name", None) else str(child))
        text = one_line(" ".join(parts))
        if text:
            blocks.append(Block(BlockKind.LIST_ITEM, f"{marker} {text}", level=min(level, 5)))
        for child in rest:
            if child.name in ("ul", "ol") and level < 20:
                _list(child, blocks, level + 1, depth)
            elif child.name == "table":
                _table(child, blocks, depth)
            elif child.name == "dl":
                _definitions(child, blocks)
            else:
                blocks.append(Block(BlockKind.CODE, clean_text(child.get_text()).strip("\n")))


def _definitions(node: Any, blocks: list[Block]) -> None:
    term = ""
    for child in node.find_all(["dt", "dd"]):
        text = one_line(child.get_text(" "))
        if child.name == "dt":
            if term:
                blocks.append(paragraph(term))
            term = text
        elif text:
            blocks.append(paragraph(f"{term}: {text}" if term else text))
            term = ""
    if term:
        blocks.append(paragraph(term))


def _span(cell: Any, name: str) -> int:
    value = str(cell.get(name) or "1")
    return max(1, min(int(value), 200)) if value.isdigit() else 1


def _table(node: Any, blocks: list[Block], depth: int) -> None:
    """Cells with their spans: a cell over rows is repeated in each, one over columns is repeated in the header only."""
    rows: list[list[str]] = []
    carried: dict[int, tuple[int, str]] = {}
    header_rows = 0
    own = [tr for tr in node.find_all("tr") if tr.find_parent("table") is node]
    layout = any(cell.find("table") for tr in own for cell in tr.find_all(["td"], recursive=False))
    if layout and len(own) <= 3 and depth < 50:
        for tr in own:
            for cell in tr.find_all(["td", "th"], recursive=False):
                _walk(cell, blocks, depth + 1)
        return
    for tr in own:
        cells = tr.find_all(["td", "th"], recursive=False)
        is_header = bool(cells) and (all(c.name == "th" for c in cells) or (tr.parent and tr.parent.name == "thead"))
        row: list[str] = []
        queue = list(cells)
        while queue or len(row) in carried:
            column = len(row)
            if column in carried:
                left, text = carried.pop(column)
                if left > 1:
                    carried[column] = (left - 1, text)
                row.append(text)
                continue
            cell = queue.pop(0)
            text = one_line(cell.get_text(" "))
            for k in range(_span(cell, "colspan")):
                value = text if k == 0 or is_header else ""
                if _span(cell, "rowspan") > 1:
                    carried[len(row)] = (_span(cell, "rowspan") - 1, value)
                row.append(value)
        if is_header and header_rows == len(rows):
            header_rows += 1
        rows.append(row)
    caption = node.find("caption")
    block = table_block(rows, header_rows or None, one_line(caption.get_text(" ")) if caption else "")
    if block is not None:
        blocks.append(block)
