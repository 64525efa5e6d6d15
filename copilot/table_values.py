"""The cells of table rows with the unit that belongs to each, wherever it stands: in the cell, the head of its column or
of its row, a column of units. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from copilot.measures import measure
from copilot.sentences import Unit, UnitKind, split
from copilot.units import quantities
from indexer.safety_notes import warning_signal
from indexer.types import Chunk, ChunkKind

_PIPED = (".md", ".markdown", ".txt", ".rst", ".adoc", ".asciidoc")
"""Documents in which a bar stands between the cells."""
_IN_BRACKETS = re.compile(
    r"[(（\[]\s*([^()（）\[\]]{1,12})\s*[)）\]]\s*$|,\s*(?:in\s+)?(\S{1,6})\s*$|\bin\s+(\S{1,4})\s*$"
)
_NUMBER = re.compile(r"[-+±]?\d[\d.,]*(?:\s*(?:–|—|-|~|～|to|至|到|\.\.\.?|…)\s*[-+±]?\d[\d.,]*)?")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell. `unit` is that of its number, where the cell is no more than a number; "" otherwise."""

    label: str
    text: str
    unit: str = ""

    @property
    def value(self) -> str:
        """The cell with its unit beside its number."""
        return f"{self.text} {self.unit}" if self.unit else self.text


def header_of(chunk: Chunk, row: Unit | None = None) -> list[str]:
    """The column names of the table that a row of a chunk belongs to, of its first table without one; empty for none."""
    heads = [unit for unit in split(chunk.text, chunk.kind) if unit.kind is UnitKind.HEADER]
    above = [unit for unit in heads if row is None or unit.start < row.start]
    return cells_of(above[0 if row is None else -1].text) if above else []


def cells_of(row: str) -> list[str]:
    """The cells of a row line; the blank of an empty first or last one may be gone."""
    return [cell.strip() for cell in re.split(r"(?:^| )\|(?: |$)", row)]


def as_printed(chunk: Chunk, start: int, end: int) -> str:
    """A span of a chunk as its page has it; "" where that is the span itself.

    A row that we write "Header: cell" or "cell | cell" is printed as cells one after the other. The names of columns that
    hold numbers ("at 400 V") come first, on a line of their own: the words of an answer may rest on them.
    """
    if chunk.kind is ChunkKind.FAULT_REPORT:
        return ""  # a record, which has no page
    between = " | " if chunk.source.document_id.lower().endswith(_PIPED) else " "
    units = [unit for unit in split(chunk.text, chunk.kind) if start <= unit.start and unit.end <= end]
    if chunk.kind is ChunkKind.TABLE and len(units) > 0 and is_record(units):
        cells = record_cells(units)
        names = [cell.label for cell in cells if cell.label]
        rows = [between.join(cell.text for cell in cells)]
        out = "\n".join([between.join(names), *rows] if any(map(str.isdigit, "".join(names))) else rows)
    else:
        lines = chunk.text[start:end].splitlines()
        out = "\n".join(between.join(filter(None, cells_of(line))) if " | " in line else line for line in lines)
    return "" if out == chunk.text[start:end] else out


def is_record(units: Sequence[Unit]) -> bool:
    """Whether the units of a table chunk are the cells of one row; notices set in a table's frame are none."""
    return all(unit.kind is UnitKind.FIELD and warning_signal(unit.text) is None for unit in units)


def row_cells(chunk: Chunk, row: Unit) -> list[Cell]:
    """The cells of a row of a table of several rows."""
    header, cells = header_of(chunk, row), cells_of(row.text)
    labels = header if len(header) == len(cells) else [""] * len(cells)
    return _with_units(list(zip(labels, cells, strict=True)))


def record_cells(units: Sequence[Unit]) -> list[Cell]:
    """The cells of a row written as "Label: value" lines."""
    pairs = []
    for unit in units:
        label, colon, value = unit.text.partition(": ")
        pairs.append((label, value) if colon else ("", unit.text))
    return _with_units(pairs)


def _with_units(pairs: Sequence[tuple[str, str]]) -> list[Cell]:
    alone = [text for _, text in pairs if measure(text) is not None and not any(map(str.isdigit, text))]
    common = alone[0] if len(alone) == 1 else ""
    if not alone and pairs and not _NUMBER.fullmatch(pairs[0][1].strip()):
        common = _bracketed(pairs[0][1])  # "Oil filling (l) | 2.4 | 3.8": models are the columns
    return [Cell(label, text, _unit_of(label, text, common)) for label, text in pairs]


def _unit_of(label: str, text: str, common: str) -> str:
    if not _NUMBER.fullmatch(text.strip()) or quantities(text):
        return ""
    return _bracketed(label) or common


def _bracketed(name: str) -> str:
    """The unit at the end of a column's or row's name: "Torque (Nm)", "length, mm"; "" where there is none."""
    named = _IN_BRACKETS.search(name)
    unit = next((part for part in named.groups() if part), "") if named else ""
    return unit if unit and measure(unit) is not None else ""
