"""Helpers for tables as rows of strings, whatever file they come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from indexer.chinese import both_scripts
from indexer.types import Block, BlockKind

_NUMERIC = re.compile(r"^[\s+\-±$€¥£]?[\d.,:/\s%°\-+]*\d[\d.,:/\s%°\-+]*$")
_HEADER_WORD = re.compile(
    both_scripts(
        r"\b(no|nr|code|name|description|desc|item|parameter|param|function|range|default|unit|value|type|cause|remedy|"
        r"action|fault|error|alarm|meaning|setting|address|byte|bit|date|model|part|qty|quantity|status|command|solution|"
        r"title|symptom|reason|measure|message|id)\b|代码|名称|说明|参数|功能|范围|默认|出厂|单位|原因|处理|对策|故障|报警|类型|描述|"
        r"序号|含义|内容|型号|设定|地址|备注|措施|现象|编号"
    ),
    re.IGNORECASE,
)

Rows = tuple[tuple[str, ...], ...]


def pad(rows: Iterable[Sequence[str]]) -> tuple[list[list[str]], int]:
    """Make all rows equally long; also say how many had to be lengthened."""
    listed = [list(row) for row in rows]
    width = max((len(row) for row in listed), default=0)
    short = sum(len(row) < width for row in listed)
    return [row + [""] * (width - len(row)) for row in listed], short


def trim(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Remove empty rows and empty columns."""
    kept = [list(row) for row in rows if any(cell.strip() for cell in row)]
    if not kept:
        return []
    used = [j for j in range(len(kept[0])) if any(row[j].strip() for row in kept)]
    return [[row[j] for j in used] for row in kept]


def is_number(cell: str) -> bool:
    """Whether the cell is only a number, date or range of numbers."""
    return bool(_NUMERIC.match(cell))


def looks_like_header(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a first row names columns: short words, no numbers, and unlike the rows below it."""
    filled = [cell for cell in row if cell.strip()]
    if len(filled) < 2 or len(filled) < len(row) * 0.5 or not below:
        return False
    if any(is_number(cell) for cell in filled) or max(map(len, filled)) > 80:
        return False
    if len(set(filled)) < len(filled) * 0.6:
        return False
    if any(_HEADER_WORD.search(cell) for cell in filled):
        return True
    body = [cell for r in below for cell in r if cell.strip()]
    if not body:
        return False
    numeric_columns = sum(
        1 for j in range(len(row)) if sum(is_number(r[j]) for r in below if r[j].strip()) > len(below) * 0.5
    )
    longer = sum(map(len, body)) / len(body) > 1.3 * sum(map(len, filled)) / len(filled)
    return numeric_columns > 0 or longer or not any(re.search(r"\d", cell) for cell in filled)


def table_block(rows: Sequence[Sequence[str]], header_rows: int | None = None, caption: str = "") -> Block | None:
    """A table block from rows of any length, or None where nothing is in them. None as header_rows means: guess."""
    padded, _ = pad(rows)
    trimmed = trim(padded)
    if not trimmed:
        return None
    if header_rows is None:
        header_rows = 1 if looks_like_header(trimmed[0], trimmed[1:]) else 0
    tupled = tuple(tuple(row) for row in trimmed)
    return Block(BlockKind.TABLE, rows=tupled, header_rows=min(header_rows, len(tupled)), caption=caption)
