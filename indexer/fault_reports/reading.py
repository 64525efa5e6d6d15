"""An export file to fault reports in one call: open, map the columns on a sample, parse the stream."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from indexer.fault_reports.columns import SAMPLE_ROWS, ColumnMap, map_columns
from indexer.fault_reports.exports import open_export
from indexer.fault_reports.parse import Problems, parse_reports
from indexer.types import FaultReport


@dataclass(frozen=True, slots=True)
class ReportExport:
    """An opened export. `reports` is read once; `problems` is complete when it has been read to the end."""

    columns: ColumnMap
    reports: Iterator[FaultReport]
    problems: Problems

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the columns and, so far, the rows gave cause to say."""
        return (*self.columns.warnings, *self.problems.lines())


def read_reports(path: Path, mapping: Mapping[str, str] = MappingProxyType({})) -> ReportExport:
    """Open an export and map its columns on the first 500 rows; rows are parsed while `reports` is iterated.

    Raises ReadError as `open_export` and `map_columns` do.
    """
    header, rows = open_export(path)
    sample = list(itertools.islice(rows, SAMPLE_ROWS))
    columns = map_columns(header, sample, mapping)
    problems = Problems()
    return ReportExport(columns, parse_reports(itertools.chain(sample, rows), columns, problems), problems)
