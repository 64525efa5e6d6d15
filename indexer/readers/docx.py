"""Word documents: headings by style and outline level, computed list numbers, tables with merged cells, text boxes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.chinese import both_scripts
from indexer.readers.grid import table_block
from indexer.readers.text_tools import LIST_MARKER, clean_text, heading, make_page, one_line, paragraph
from indexer.types import Block, BlockKind, Page

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_HEADING_STYLE = re.compile(both_scripts(r"^(?:heading|标题|überschrift|titre)\s*(\d)$"), re.I)
_CHINESE = "零一二三四五六七八九十"


def read_docx(path: Path) -> tuple[list[Page], str]:
    """(one page with the body in order, the title of the file's properties)."""
    import docx

    document = docx.Document(str(path))
    numbers = _Numbers(document)
    blocks: list[Block] = []
    for item in document.iter_inner_content():
        if hasattr(item, "rows"):
            block = _table(item)
            blocks.extend([block] if block else [])
        else:
            _paragraph(item._p, document, numbers, blocks)
    return [make_page(1, blocks)], one_line(document.core_properties.title or "")


def _texts(node: Any, boxes: bool = False) -> Iterator[str]:
    """Visible text of an element; deleted text, fallbacks and (unless asked for) text boxes are passed over."""
    for child in node:
        tag = child.tag
        if tag in (f"{_W}del", f"{_MC}Fallback", f"{_W}rPr", f"{_W}pPr", f"{_W}instrText"):
            continue
        if tag == f"{_W}txbxContent" and not boxes:
            continue
        if tag == f"{_W}t":
            yield child.text or ""
        elif tag == f"{_W}tab":
            yield "\t"
        elif tag in (f"{_W}br", f"{_W}cr"):
            yield "\n"
        elif tag == f"{_W}noBreakHyphen":
            yield "-"
        elif isinstance(tag, str):
            yield from _texts(child, boxes)
            if tag in (f"{_W}p", f"{_W}tc"):
                yield "\n"


def _paragraph(node: Any, document: Any, numbers: _Numbers, blocks: list[Block]) -> None:
    text = one_line("".join(_texts(node)))
    if text:
        level = _level(node, document)
        number, depth = numbers.of(node)
        if level:
            blocks.append(heading(f"{number} {text}" if number and number != "•" else text, level))
        elif number:
            blocks.append(Block(BlockKind.LIST_ITEM, f"{number} {text}", level=min(5, depth)))
        elif LIST_MARKER.match(text):
            blocks.append(Block(BlockKind.LIST_ITEM, text))
        else:
            blocks.append(paragraph(text))
    for box in node.iter(f"{_W}txbxContent"):
        if any(parent.tag == f"{_MC}Fallback" for parent in box.iterancestors()):
            continue
        for inner in box.iter(f"{_W}p"):
            boxed = one_line("".join(_texts(inner)))
            if boxed:
                blocks.append(paragraph(boxed))


def _styles(node: Any, document: Any) -> Iterator[Any]:
    """The paragraph's style elements, its own first, then what it is based on."""
    properties = node.find(f"{_W}pPr")
    reference = properties.find(f"{_W}pStyle") if properties is not None else None
    identifier = reference.get(f"{_W}val") if reference is not None else None
    for _ in range(10):
        if identifier is None:
            return
        style = next(
            (s for s in document.styles.element.iter(f"{_W}style") if s.get(f"{_W}styleId") == identifier), None
        )
        if style is None:
            return
        yield style
        based = style.find(f"{_W}basedOn")
        identifier = based.get(f"{_W}val") if based is not None else None


def _level(node: Any, document: Any) -> int:
    """Heading level 1..6 from the outline level or the style's name, else 0."""
    sources = [node.find(f"{_W}pPr")]
    for style in _styles(node, document):
        name = style.find(f"{_W}name")
        label = name.get(f"{_W}val") if name is not None else ""
        if match := _HEADING_STYLE.match(label or ""):
            return max(1, min(6, int(match[1])))
        if (label or "").lower() in ("title", "标题"):
            return 1
        sources.append(style.find(f"{_W}pPr"))
    for source in sources:
        outline = source.find(f"{_W}outlineLvl") if source is not None else None
        if outline is not None:
            value = int(outline.get(f"{_W}val") or 9)
            return min(6, value + 1) if value < 9 else 0
    return 0


class _Numbers:
    """Counts list paragraphs the way the numbering part of the file defines."""

    def __init__(self, document: Any) -> None:
        self.levels: dict[str, dict[int, tuple[str, str, int]]] = {}
        self.counts: dict[str, dict[int, int]] = {}
        self.abstract: dict[str, str] = {}
        self.document = document
        try:
            root = document.part.numbering_part.element
        except (KeyError, NotImplementedError, AttributeError):
            return
        for abstract in root.iter(f"{_W}abstractNum"):
            levels = {}
            for level in abstract.iter(f"{_W}lvl"):
                found = {name: level.find(f"{_W}{name}") for name in ("numFmt", "lvlText", "start")}
                values = {k: (v.get(f"{_W}val") if v is not None else None) for k, v in found.items()}
                start = values["start"] or "1"
                levels[int(level.get(f"{_W}ilvl"))] = (
                    values["numFmt"] or "decimal", values["lvlText"] or "", int(start) if start.isdigit() else 1,
                )  # fmt: skip
            self.levels[abstract.get(f"{_W}abstractNumId")] = levels
        for number in root.iter(f"{_W}num"):
            reference = number.find(f"{_W}abstractNumId")
            if reference is not None:
                self.abstract[number.get(f"{_W}numId")] = reference.get(f"{_W}val")

    def of(self, node: Any) -> tuple[str, int]:
        """(the number or bullet of a paragraph, its depth), or ("", 0) for a paragraph outside lists."""
        sources = [node.find(f"{_W}pPr"), *(s.find(f"{_W}pPr") for s in _styles(node, self.document))]
        identifier, depth = None, None
        for source in sources:
            properties = source.find(f"{_W}numPr") if source is not None else None
            if properties is None:
                continue
            for name in ("numId", "ilvl"):
                found = properties.find(f"{_W}{name}")
                if found is not None and name == "numId" and identifier is None:
                    identifier = found.get(f"{_W}val")
                elif found is not None and name == "ilvl" and depth is None:
                    depth = int(found.get(f"{_W}val"))
        depth = depth or 0
        if identifier in (None, "0"):
            return "", 0
        abstract = self.abstract.get(str(identifier), "")
        levels = self.levels.get(abstract, {})
        style, pattern, start = levels.get(depth, ("bullet", "", 1))
        # Lists that share a definition but have their own number are separate lists.
        counts = self.counts.setdefault(str(identifier), {})
        counts[depth] = counts.get(depth, start - 1) + 1
        for deeper in [k for k in counts if k > depth]:
            del counts[deeper]
        if style in ("bullet", "none"):
            return "•", depth
        text = re.sub(
            r"%(\d)",
            lambda m: _format(
                counts.get(int(m[1]) - 1, levels.get(int(m[1]) - 1, ("", "", 1))[2]),
                levels.get(int(m[1]) - 1, ("decimal", "", 1))[0],
            ),
            pattern,
        )
        return clean_text(text) or f"{counts[depth]}.", depth


def _format(value: int, style: str) -> str:
    if style in ("lowerLetter", "upperLetter"):
        letter = chr(ord("a") + (value - 1) % 26)
        return letter if style == "lowerLetter" else letter.upper()
    if style in ("lowerRoman", "upperRoman"):
        out, rest = "", value
        for number, sign in ((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")):
            while rest >= number:
                out, rest = out + sign, rest - number
        return out if style == "lowerRoman" else out.upper()
    if style.startswith("chineseCounting") or style == "ideographDigital" or style == "japaneseCounting":
        if value <= 10:
            return _CHINESE[value]
        return ("" if value < 20 else _CHINESE[value // 10 % 10]) + "十" + (_CHINESE[value % 10] if value % 10 else "")
    return str(value)


def _table(table: Any) -> Block | None:
    """Rows of a table; a cell over rows is repeated in each, one over columns stands in its first column."""
    rows: list[list[str]] = []
    seen_texts: dict[Any, str] = {}
    header_rows = 0
    for index, row in enumerate(table.rows):
        cells: list[str] = [""] * row.grid_cols_before
        previous = None
        for cell in row.cells:
            element = cell._tc
            if element not in seen_texts:
                seen_texts[element] = one_line("".join(_texts(element, boxes=True)))
            cells.append("" if element is previous and index > 0 else seen_texts[element])
            previous = element
        rows.append(cells)
        properties = row._tr.trPr
        if properties is not None and properties.find(f"{_W}tblHeader") is not None and header_rows == index:
            header_rows += 1
    if rows and len(set(rows[0])) == 1 and len(rows[0]) > 1 and len(rows) > 2:  # a title over all columns
        return table_block(rows[1:], max(0, header_rows - 1) or None, rows[0][0])
    return table_block(rows, header_rows or None)
