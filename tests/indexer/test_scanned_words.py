"""The places of recognised words: kept beside the original, read back, and no trouble when they are damaged."""

from __future__ import annotations

from indexer.chunk import Chunked
from indexer.extract import Extracted
from indexer.extraction_io import read_extracted, write_extracted
from indexer.scanned_words import read_words, words_path, write_words
from indexer.types import DocumentKind, ExtractionReport, PlacedWord, Source

WORDS = {3: (PlacedWord("Close", 60.04, 100.0, 90.0, 112.0), PlacedWord("阀门", 95.0, 100.0, 120.0, 112.0))}


def test_words_are_read_back_by_page(tmp_path):
    original = tmp_path / f"{'a' * 64}.pdf"
    write_words(original, WORDS)
    assert words_path(original).name == f"{'a' * 64}.words.json.gz"
    assert read_words(original, 3)[1] == WORDS[3][1] and read_words(original, 3)[0].x0 == 60.0
    assert read_words(original, 4) == () and read_words(tmp_path / "other.pdf", 3) == ()
    for damaged in (b"", b"no gzip", words_path(original).read_bytes()[:20]):
        words_path(original).write_bytes(damaged)
        assert read_words(original, 3) == ()


def test_an_interrupted_build_keeps_them_with_what_it_read(tmp_path):
    source = Source("a.pdf", "A", DocumentKind.MANUAL)
    write_extracted(tmp_path / "x.jsonl.gz", Extracted(source, ExtractionReport(3), Chunked((), (), ()), words=WORDS))
    assert read_extracted(tmp_path / "x.jsonl.gz").words[3][1] == WORDS[3][1]
