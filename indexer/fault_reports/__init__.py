"""Fault reports: work-order exports read, mapped to our names, stored and counted.

The parts are loaded when they are asked for: a question needs the table, not the parsers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indexer.fault_reports.columns import ColumnMap, map_columns
    from indexer.fault_reports.detect import looks_like_fault_reports
    from indexer.fault_reports.exports import SUFFIXES, open_export
    from indexer.fault_reports.names import FIELDS
    from indexer.fault_reports.parse import Problems, parse_reports
    from indexer.fault_reports.predictions import Predictions, predict_missing, signatures
    from indexer.fault_reports.reading import ReportExport, read_reports
    from indexer.fault_reports.table import (
        PREDICTABLE,
        Count,
        FaultReportTable,
        MixedCount,
        PredictedValue,
        Reliability,
        StoredReport,
        create_schema,
        delete_document,
        insert_many,
    )
    from indexer.fault_reports.text import report_text

_HOMES = {
    "ColumnMap": "columns",
    "map_columns": "columns",
    "looks_like_fault_reports": "detect",
    "SUFFIXES": "exports",
    "open_export": "exports",
    "FIELDS": "names",
    "Problems": "parse",
    "parse_reports": "parse",
    "ReportExport": "reading",
    "read_reports": "reading",
    "Predictions": "predictions",
    "predict_missing": "predictions",
    "signatures": "predictions",
    "PREDICTABLE": "table",
    "Count": "table",
    "FaultReportTable": "table",
    "MixedCount": "table",
    "PredictedValue": "table",
    "Reliability": "table",
    "StoredReport": "table",
    "create_schema": "table",
    "delete_document": "table",
    "insert_many": "table",
    "report_text": "text",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "FIELDS",
    "PREDICTABLE",
    "SUFFIXES",
    "ColumnMap",
    "Count",
    "FaultReportTable",
    "MixedCount",
    "PredictedValue",
    "Predictions",
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
    "predict_missing",
    "read_reports",
    "report_text",
    "signatures",
]
