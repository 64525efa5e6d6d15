"""How the rows of a table are written in a chunk: as lines of cells, or as "Header: cell" records. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Count = Callable[[str], int]
"""How many tokens a text has."""
Cut = Callable[[str, int], list[str]]
"""Cuts a text into pieces of so many tokens."""


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


def filled(rows: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """The rows, their empty leading cells taken over from the rows above: merged cells are printed once, for several rows.

    >>> filled([("Axis", "X"), ("", "Y"), ("Spindle", "")])
    [('Axis', 'X'), ('Axis', 'Y'), ('Spindle', '')]
    """
    out: list[tuple[str, ...]] = []
    for row in rows:
        first = next((index for index, cell in enumerate(row) if cell.strip()), 0)
        above = out[-1] if out and len(out[-1]) == len(row) else ()
        out.append((*above[:first], *row[first:]) if above else tuple(row))
    return out


def records(rows: Sequence[Sequence[str]], keys: Sequence[int]) -> list[list[tuple[str, ...]]]:
    """The rows of a table whose rows have codes in the columns `keys`, those of one code together.

    A row without a code whose first cell is empty goes on with the code above it: its cell is merged, or broken at the end
    of a page. What stands before the code (a group of codes) is taken over from above.
    """
    out: list[list[tuple[str, ...]]] = []
    whole = filled(rows)
    for row, full in zip(rows, whole, strict=True):
        if not any(cell.strip() for cell in row):
            continue
        coded = any(index < len(row) and row[index].strip() for index in keys)
        if out and not coded and not row[0].strip():
            out[-1].append(tuple(row))
        elif coded:
            front = min((index for index in keys if index < len(row) and row[index].strip()), default=0)
            out.append([(*full[:front], *row[front:])])
        else:
            out.append([tuple(row)])
    return out


def record_pieces(
    header: Sequence[str], lines: Sequence[Sequence[str]], keys: Sequence[int], limit: int, count: Count, cut: Cut
) -> list[str]:
    """The texts of one code's rows: one where it fits, else one a row, each with the key cells of the first."""
    text = "\n".join(record_lines(header, line) for line in lines)
    if count(text) <= limit:
        return [text]
    first = lines[0]
    out: list[str] = []
    for line in (first, *([first[at] if at in keys else cell for at, cell in enumerate(line)] for line in lines[1:])):
        text = record_lines(header, line)
        out.extend([text] if count(text) <= limit else split_record(header, line, keys, limit, count, cut))
    return out


def split_record(
    header: Sequence[str], row: Sequence[str], keys: Sequence[int], limit: int, count: Count, cut: Cut
) -> list[str]:
    """A row too long for one chunk, cut between cells; each piece repeats the key cells.

    Neighbouring columns of one group ("en.cause", "en.remedy") stay together when they fit; a cell that does not
    fit is cut between sentences by `cut`.
    """
    key = record_lines(header, [cell if index in keys else "" for index, cell in enumerate(row)])
    room = max(24, limit - count(key) - 1)
    if room < 32:
        key, room = "", limit
    pieces: list[str] = []
    current, spent = "", 0
    for group in column_groups(header, row, keys):
        text = "\n".join(cell_line(header, index, row[index]) for index in group)
        parts = [text] if count(text) <= room else cut(text, room)
        for part in parts:
            tokens = count(part)
            if current and spent + tokens > room:
                pieces.append(current)
                current, spent = "", 0
            current = f"{current}\n{part}" if current else part
            spent += tokens
    if current:
        pieces.append(current)
    return [f"{key}\n{piece}" if key else piece for piece in pieces] or [key]
