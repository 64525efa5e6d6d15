"""The few words of an answer that answer, where a reader marked them in what is quoted."""

from __future__ import annotations

from collections.abc import Sequence

from copilot.types import Citation
from indexer.types import Hit

SURE = 0.5


def short_answer(citations: Sequence[Citation], hits: Sequence[Hit], sure: float = SURE) -> str:
    """The likeliest span, verbatim, of those that lie in a quote; empty where none is likely enough."""
    read = {hit.chunk.id: hit for hit in hits if hit.reading is not None}
    best, text = sure, ""
    for citation in citations:
        hit = read.get(citation.chunk_id)
        if hit is None or hit.reading is None:
            continue
        begin = hit.chunk.text.find(citation.quote)
        end = begin + len(citation.quote)
        for span in hit.reading.spans:
            if begin >= 0 and begin <= span.begin and span.end <= end and span.confidence > best:
                best, text = span.confidence, " ".join(hit.chunk.text[span.begin : span.end].split())
    return text
