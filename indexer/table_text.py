"""How the rows of a table are written in a chunk: as lines of cells, or as "Header: cell" records. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence


def merged_header(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """One header from several header rows: the distinct texts of each column joined."""
    if not rows:
        return ()
    return tuple(
        " ".join(dict.fromkeys(" ".join(cell.split()) for cell in column if cell.strip()))
        for column in zip(*rows, strict=False)
    )


def _flat(cell: str) -> str:
    return " ".join(cell.replace("|", "¦").split())


def row_line(row: Sequence[str]) -> str:
    """A row as one line of cells; "" when all are empty."""
    cells = [_flat(cell) for cell in row]
    return " | ".join(cells) if any(cells) else ""


def cell_line(header: Sequence[str], index: int, cell: str) -> str:
    """A cell as "Header: cell"; the cell alone where its column has no header."""
    name = _flat(header[index]) if index < len(header) else ""
    return f"{name}: {' '.join(cell.split())}" if name else " ".join(cell.split())


def record_lines(header: Sequence[str], row: Sequence[str]) -> str:
    """A row as "Header: cell" lines, empty cells left out."""
    return "\n".join(cell_line(header, index, cell) for index, cell in enumerate(row) if cell.strip())


def column_groups(header: Sequence[str], row: Sequence[str], keys: Sequence[int]) -> list[list[int]]:
    """The non-empty columns besides the keys; neighbours that share what stands before a dot form one group."""
    groups: list[list[int]] = []
    last = ""
    for index, cell in enumerate(row):
        if index in keys or not cell.strip():
            continue
        name = header[index] if index < len(header) else ""
        prefix = name.rpartition(".")[0]
        if groups and prefix and prefix == last:
            groups[-1].append(index)
        else:
            groups.append([index])
        last = prefix
    return groups


def first_value(piece: str, keys: int) -> str:
    """The first cell of a record's piece after its key cells, without its header."""
    lines = piece.splitlines()
    return lines[min(keys, len(lines) - 1)].partition(": ")[2][:200]
