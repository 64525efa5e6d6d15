"""The cited place of a document without pages of its own (Markdown, HTML, DOCX, XLSX, CSV ...) as HTML, quote marked.

Pure functions from chunks to HTML; everything that comes from a document is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from copilot.sentences import is_bullet, step_number
from indexer.types import Chunk, ChunkKind

Span = tuple[int, int]
_FIELD = re.compile(r"(?P<name>[^:：\n]{1,60})(?P<colon>: |：)")


def quote_span(text: str, quote: str) -> Span | None:
    """Where a quote stands in a text, blanks and line breaks aside; None when it does not.

    >>> quote_span("Open valve\\nV17 slowly.", "valve V17")
    (5, 14)
    """
    places = [place for place, letter in enumerate(text) if not letter.isspace()]
    wanted = "".join(quote.split())
    found = "".join(text[place] for place in places).find(wanted) if wanted else -1
    return None if found < 0 else (places[found], places[found + len(wanted) - 1] + 1)


def passage_html(chunks: Sequence[Chunk], cited: str, quote: str) -> str:
    """The chunks of one section in order, that with the id `cited` marked where the quote stands.

    The heading path comes first, once.
    """
    if not chunks:
        return ""
    parts = []
    if heading := chunks[0].heading:
        path = ' <span aria-hidden="true">›</span> '.join(escape(title) for title in heading)
        parts.append(f'<p class="fc-path">{path}</p>')
    for chunk in chunks:
        span = quote_span(chunk.text, quote) if chunk.id == cited else None
        here = " fc-cited" if chunk.id == cited else ""
        parts.append(f'<div class="fc-passage{here}">{chunk_html(chunk, span)}</div>')
    return "".join(parts)


def chunk_html(chunk: Chunk, marked: Span | None = None) -> str:
    """A chunk's text as paragraphs, list items or a table, the span [start, end) of it marked."""
    if chunk.kind is ChunkKind.FAULT_REPORT:
        return report_html(chunk.text, marked)
    if chunk.kind is ChunkKind.TABLE:
        return _table(chunk.text, marked)
    return _lines(chunk.text, marked)


def marked_html(text: str, start: int, end: int, marked: Span | None) -> str:
    """text[start:end], escaped, with what of `marked` lies in it inside <mark>."""
    if marked is None or marked[1] <= start or marked[0] >= end:
        return escape(text[start:end])
    a, b = max(start, marked[0]), min(end, marked[1])
    return f"{escape(text[start:a])}<mark>{escape(text[a:b])}</mark>{escape(text[b:end])}"


def _spans(text: str, separator: str, start: int = 0, end: int | None = None) -> Iterator[Span]:
    end = len(text) if end is None else end
    while True:
        found = text.find(separator, start, end)
        if found < 0:
            yield start, end
            return
        yield start, found
        start = found + len(separator)


def _lines(text: str, marked: Span | None) -> str:
    out = []
    for start, end in _spans(text, "\n"):
        line = text[start:end]
        kind = "fc-item" if step_number(line) is not None or is_bullet(line) else "fc-line"
        out.append(f'<p class="{kind}">{marked_html(text, start, end, marked)}</p>')
    return "".join(out)


def _table(text: str, marked: Span | None) -> str:
    lines = list(_spans(text, "\n"))
    if not any(" | " in text[start:end] for start, end in lines):
        return _fields(text, lines, marked)
    rows = []
    for number, (start, end) in enumerate(lines):
        tag = "th" if number == 0 else "td"
        cells = "".join(f"<{tag}>{marked_html(text, a, b, marked)}</{tag}>" for a, b in _spans(text, " | ", start, end))
        here = ' class="fc-row"' if marked and marked[0] < end and marked[1] > start else ""
        rows.append(f"<tr{here}>{cells}</tr>")
    return f'<div class="fc-scroll"><table class="fc-table">{"".join(rows)}</table></div>'


def report_html(text: str, marked: Span | None = None, extra: str = "") -> str:
    """A fault report: its first line's facts as chips (with the HTML `extra` behind them), the rest as fields."""
    lines = list(_spans(text, "\n"))
    first, last = lines[0]
    facts = "".join(f"<li>{marked_html(text, a, b, marked)}</li>" for a, b in _spans(text, " | ", first, last))
    return f'<ul class="fc-facts">{facts}{f"<li>{extra}</li>" if extra else ""}</ul>{_fields(text, lines[1:], marked)}'


def _fields(text: str, lines: Sequence[Span], marked: Span | None) -> str:
    """ "Header: cell" lines as a list of terms."""
    rows = []
    for start, end in lines:
        found = _FIELD.match(text, start, end)
        if found is None:
            rows.append(f"<div><dd>{marked_html(text, start, end, marked)}</dd></div>")
            continue
        name = marked_html(text, start, found.end("name"), marked)
        rows.append(f"<div><dt>{name}</dt><dd>{marked_html(text, found.end(), end, marked)}</dd></div>")
    return f'<dl class="fc-fields">{"".join(rows)}</dl>' if rows else ""
