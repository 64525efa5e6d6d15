"""Cells that are printed once for several rows: each row that is found alone has them too."""

from __future__ import annotations

from pathlib import Path

from indexer.chunk import ChunkSettings, chunk_document
from indexer.types import Block, BlockKind, Document, DocumentKind, Page, Source

SOURCE = Source("press/manual.pdf", "Press manual", DocumentKind.MANUAL, "HP-200")


def words(text: str) -> int:
    return len(text.split())


def chunked(rows, **sizes):
    page = Page(1, "", (Block(BlockKind.HEADING, "6 Alarm codes", 1), Block(BlockKind.TABLE, rows=rows, header_rows=1)))
    return chunk_document(Document(SOURCE, Path("manual.pdf"), (page,)), ChunkSettings(**sizes), words)


CODES = (
    ("Code", "Meaning", "Cause", "Remedy"),
    ("E-101", "No pressure", "Pump off", "Switch it on"),
    ("", "", "Filter clogged", "Replace the filter"),
    ("E-102", "Oil too hot", "Cooler dirty", "Clean the cooler"),
)


def test_all_rows_of_a_merged_code_are_one_chunk():
    out = chunked(CODES)
    assert [chunk.text for chunk in out.chunks if "E-101" in chunk.text] == [
        "Code: E-101\nMeaning: No pressure\nCause: Pump off\nRemedy: Switch it on\n"
        "Cause: Filter clogged\nRemedy: Replace the filter"
    ]
    assert [entry.code for entry in out.codes if entry.definition] == ["E-101", "E-102"]


def test_rows_of_a_code_that_do_not_fit_together_each_have_the_code():
    long = "word " * 40
    rows = (("Code", "Cause", "Remedy"), ("E-101", f"Pump off {long}", "Switch on"), ("", f"Filter {long}", "Replace"))
    texts = [chunk.text for chunk in chunked((*rows, *CODES[3:4]), max_tokens=70, target_tokens=60).chunks]
    assert f"Code: E-101\nCause: Filter {long}".strip() + "\nRemedy: Replace" in texts


def test_a_group_named_before_the_code_is_named_for_each():
    rows = (("Drive", "Code", "Meaning"), ("Spindle", "A01", "Hot"), ("", "A02", "Blocked"), ("Feed", "A03", "Hot"))
    texts = [chunk.text for chunk in chunked(rows).chunks]
    assert "Drive: Spindle\nCode: A02\nMeaning: Blocked" in texts
    assert "Drive: Feed\nCode: A03\nMeaning: Hot" in texts


def test_the_first_row_of_a_later_piece_has_what_is_merged_above_it():
    points = [("", f"Grease point number {n} of the carriage", f"{n} h") for n in range(1, 40)]
    rows = (("Axis", "Work", "Interval"), ("Rear axis", "Work 0", "1 h"), *points)
    tables = [chunk.text.splitlines() for chunk in chunked(rows, max_tokens=120, target_tokens=100).chunks]
    assert len(tables) > 1
    assert all(lines[1].startswith("Rear axis | ") for lines in tables)
    assert sum(line.startswith("Rear axis") for lines in tables for line in lines) == len(tables)
