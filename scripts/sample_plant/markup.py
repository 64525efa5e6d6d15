"""The light markup in which the sample manuals are written, parsed into a flat list of items.

One item per line: `# `, `## `, `### ` headings; `- ` bullets; `1. ` numbered steps; `!DANGER text` notice boxes;
`| a | b |` table rows, the first being the header, after an optional `Table: caption {widths in percent}`;
`@name argument` directives (figure, columns, scan, end, pagebreak); anything else is a paragraph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

CONTENT = Path(__file__).parent / "content"


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of a manual. `kind` is heading, text, bullet, step, box, table or directive."""

    kind: str
    text: str = ""
    level: int = 0
    label: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    widths: tuple[float, ...] = ()


def parse(text: str) -> list[Item]:
    """Parse a manual; raise ValueError naming the table whose rows differ in length."""
    items: list[Item] = []
    caption = ""
    rows: list[tuple[str, ...]] = []

    def close_table() -> None:
        nonlocal caption, rows
        if not rows:
            return
        if len({len(row) for row in rows}) != 1:
            raise ValueError(f"table {caption!r}: rows of different lengths; mend the content file")
        match = re.search(r"\s*\{([\d ,]+)\}\s*$", caption)
        widths = tuple(float(part) for part in match.group(1).split(",")) if match else ()
        name = caption[: match.start()] if match else caption
        items.append(Item("table", name, rows=tuple(rows), widths=widths))
        caption, rows = "", []

    for line in (*text.splitlines(), ""):
        line = line.strip()
        if line.startswith("|"):
            rows.append(tuple(cell.strip() for cell in line.strip("|").split("|")))
            continue
        close_table()
        if not line:
            continue
        if line.startswith("Table:") or line.startswith("表："):
            caption = line.split(":", 1)[-1].strip() if line.startswith("Table:") else line[2:].strip()
        elif match := re.match(r"(#{1,3}) (.+)", line):
            items.append(Item("heading", match.group(2), level=len(match.group(1))))
        elif match := re.match(r"!(\w+) (.+)", line):
            items.append(Item("box", match.group(2), label=match.group(1)))
        elif match := re.match(r"(\d+)\. (.+)", line):
            items.append(Item("step", match.group(2), label=match.group(1)))
        elif line.startswith("- "):
            items.append(Item("bullet", line[2:]))
        elif match := re.match(r"@(\w+) ?(.*)", line):
            items.append(Item("directive", match.group(2), label=match.group(1)))
        else:
            items.append(Item("text", line))
    return items


def load(name: str) -> list[Item]:
    """Parse the content file called `name`."""
    return parse((CONTENT / name).read_text(encoding="utf-8"))
