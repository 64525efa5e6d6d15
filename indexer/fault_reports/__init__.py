"""Fault reports: work-order exports read, mapped to our names, stored and counted."""

from indexer.fault_reports.columns import ColumnMap, map_columns
from indexer.fault_reports.detect import looks_like_fault_reports
from indexer.fault_reports.exports import SUFFIXES, open_export
from indexer.fault_reports.names import FIELDS
from indexer.fault_reports.parse import Problems, parse_reports
from indexer.fault_reports.reading import ReportExport, read_reports
from indexer.fault_reports.table import (
    Count,
    FaultReportTable,
    Reliability,
    StoredReport,
    create_schema,
    delete_document,
    insert_many,
)
from indexer.fault_reports.text import report_text

__all__ = [
    "FIELDS",
    "SUFFIXES",
    "ColumnMap",
    "Count",
    "FaultReportTable",
    "Problems",
    "Reliability",
    "ReportExport",
    "StoredReport",
    "create_schema",
    "delete_document",
    "insert_many",
    "looks_like_fault_reports",
    "map_columns",
    "open_export",
    "parse_reports",
    "read_reports",
    "report_text",
]
