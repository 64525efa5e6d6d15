"""The table of contents of a document, which would be found in place of the sections it points to."""

from __future__ import annotations

import re

from indexer.types import BlockKind, Document

_CONTENTS_LINE = re.compile(r"^(?P<title>.*?\S)[\s.·…_-]*\s(?:\d{1,4}|[ivxlc]{1,6}|[A-Z]?\d{0,2}-\d{1,3})\s*$")


def contents_lines(document: Document) -> set[tuple[int, int]]:
    """(page, block) of the lines of a table of contents: a title that is a heading elsewhere, and a page number.

    They would be found in place of the section they point to. A few such lines by chance are left alone.
    """
    headings = {
        _squeezed(block.text) for page in document.pages for block in page.blocks if block.kind is BlockKind.HEADING
    }
    headings |= {_squeezed(title) for _, title, _ in document.outline}
    found: set[tuple[int, int]] = set()
    for page in document.pages:
        for index, block in enumerate(page.blocks):
            if block.kind in (BlockKind.TABLE, BlockKind.CODE) or not block.text.strip():
                continue
            lines = block.text.strip().splitlines()
            matches = [_CONTENTS_LINE.match(line.strip()) for line in lines]
            if all(match and _squeezed(match["title"]) in headings for match in matches):
                found.add((page.number, index))
    return found if len(found) >= 4 else set()


def _squeezed(title: str) -> str:
    return re.sub(r"[\W_]+", "", title).casefold()
