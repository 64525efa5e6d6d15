"""The cited place beside the answer: a page of a PDF with the words marked, or the passage of another document."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Protocol

from copilot.errors import CopilotError
from copilot.types import Answer
from indexer.errors import IndexerError
from indexer.types import Chunk, DocumentRecord, Source
from ui.figures import Figure
from ui.pages import PageImages
from ui.passages import chunk_html, passage_html, quote_span
from ui.render import place_words
from ui.words import Words

_MOST_CHUNKS = 40


class Documents(Protocol):
    """What the viewer asks for; a user sees only what they may read. All raise CopilotError when there is none."""

    def document(self, document_id: str) -> DocumentRecord:
        """What the index knows of a document."""

    def file(self, document_id: str) -> Path:
        """The original, as kept."""

    def chunk(self, chunk_id: str) -> Chunk:
        """A passage."""

    def section(self, document_id: str, section: int) -> list[Chunk]:
        """The passages of a section in reading order."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is to be shown: pages (first, last) of a document, or the passage `chunk_id`, with `quote` marked."""

    source: Source
    pages: tuple[int, int]
    quote: str
    label: str
    chunk_id: str | None = None
    section: int | None = None


def places_of(answer: Answer, words: Words) -> list[Place]:
    """Everything an answer points at, in order: citations, warnings, and where it has no citation the nearest pages."""
    out = [
        Place(cited.source, cited.pages, cited.quote, words("answer.source", marker=cited.marker), cited.chunk_id)
        for cited in answer.citations
    ]
    out += [
        Place(warned.source, (warned.page, warned.page), warned.text, warned.signal, section=warned.section)
        for warned in answer.warnings
    ]
    if not answer.citations:
        out += [
            Place(hit.chunk.source, hit.chunk.pages, hit.chunk.text, words("answer.nearest"), hit.chunk.id)
            for hit in answer.evidence
        ]
    return out


def place_index(answer: Answer, wanted: str, number: int) -> int | None:
    """Where in `places_of` a tapped "cite" (its marker), "warning" or "nearest" (its number) is; None when nowhere."""
    cited = [citation.marker for citation in answer.citations]
    if wanted == "cite":
        return cited.index(number) if number in cited else None
    if wanted == "warning" and 0 <= number < len(answer.warnings):
        return len(cited) + number
    if wanted == "nearest" and not cited and 0 <= number < len(answer.evidence):
        return len(answer.warnings) + number
    return None


def viewer_html(
    place: Place | None, documents: Documents, images: PageImages, words: Words, at: int = 0, of: int = 1
) -> str:
    """The place as HTML, with buttons to the place before and after. What cannot be shown is said in one line."""
    if place is None:
        return f'<div class="fc-viewer fc-empty"><p>{escape(words("chat.source_empty"))}</p></div>'
    try:
        body, number = _body(place, documents, images, words)
    except (CopilotError, IndexerError, OSError, ValueError) as error:
        body, number = f'<p class="fc-error">{escape(words.said(error))}</p>', ""
    previous, following = at > 0, at + 1 < of
    buttons = (
        _button("previous", "‹", words("answer.previous"), previous)
        + f'<span class="fc-count">{at + 1} / {of}</span>'
        + _button("next", "›", words("answer.next"), following)
    )
    title = escape(place.source.title or place.source.document_id)
    return (
        f'<div class="fc-viewer"><header><div class="fc-viewer-title"><small>{escape(place.label)}</small>'
        f"<h3>{title}</h3><small>{escape(number or _small(place, words))}</small></div>"
        f"<nav>{buttons if of > 1 else ''}{_button('close', '✕', words('answer.close'))}</nav></header>{body}</div>"
    )


def _small(place: Place, words: Words) -> str:
    return place_words(place.source, place.pages, words).rpartition(" · ")[2]


def _button(wanted: str, sign: str, label: str, enabled: bool = True) -> str:
    off = "" if enabled else " disabled"
    return (
        f'<button type="button" data-fc="{wanted}" aria-label="{escape(label)}" title="{escape(label)}"{off}>'
        f"{escape(sign)}</button>"
    )


def _body(place: Place, documents: Documents, images: PageImages, words: Words) -> tuple[str, str]:
    source = place.source
    file = documents.file(source.document_id)
    if file.suffix.lower() == ".pdf":
        return _page(place, documents, file, images, words)
    if place.chunk_id is not None:
        chunk = documents.chunk(place.chunk_id)
        around = documents.section(source.document_id, chunk.section) or [chunk]
        shown = around[:_MOST_CHUNKS] if chunk in around[:_MOST_CHUNKS] else [chunk]
        return f'<div class="fc-paper">{passage_html(shown, chunk.id, place.quote)}</div>', ""
    around = documents.section(source.document_id, place.section) if place.section is not None else []
    html = "".join(
        f'<div class="fc-passage">{chunk_html(chunk, quote_span(chunk.text, place.quote))}</div>' for chunk in around
    )
    return f'<div class="fc-paper">{html or f"<p>{escape(place.quote)}</p>"}</div>', ""


def _page(place: Place, documents: Documents, file: Path, images: PageImages, words: Words) -> tuple[str, str]:
    before = after = ""
    ocr = False
    if place.chunk_id is not None:
        chunk = documents.chunk(place.chunk_id)
        ocr = chunk.ocr
        if span := quote_span(chunk.text, place.quote):
            before, after = chunk.text[: span[0]], chunk.text[span[1] :]
    first, last = place.pages
    drawn = images.draw(file, range(first, last + 1), place.quote, before, after)
    number = words("answer.page_of", page=drawn.page, pages=drawn.pages)
    alt = escape(f"{place.source.title}, {number}")
    note = ""
    if ocr:
        said = "answer.scanned" if drawn.boxes else "answer.scanned_unmarked"
        note = f'<p class="fc-note">{escape(words(said))}</p>'
    elif not drawn.boxes:
        note = f'<p class="fc-note">{escape(words("answer.not_located"))}</p>'
    if not drawn.boxes and place.quote:
        note += f"<blockquote>{escape(place.quote)}</blockquote>"
    top = max(0.0, (drawn.boxes[0][1] / drawn.height - 0.1) * 100) if drawn.boxes else 0.0
    data = base64.b64encode(drawn.png).decode("ascii")
    return (
        f'{note}{figures_html(images.figures(file, drawn), words)}<div class="fc-page" tabindex="0" data-top="{top:.1f}">'
        f'<img alt="{alt}" width="{drawn.width}" height="{drawn.height}" src="data:image/png;base64,{data}"></div>',
        number,
    )


def figures_html(figures: Sequence[Figure], words: Words) -> str:
    """Figures as thumbnails in a row; a tap shows one large. "" without any."""
    if not figures:
        return ""
    shown = "".join(
        f'<button type="button" data-fc="figure" data-close="{escape(words("answer.close"))}" title="{escape(words("answer.enlarge"))}">'
        f'<img alt="{escape(words("answer.figure", number=number, count=len(figures)))}" width="{one.width}" height="{one.height}" '
        f'src="data:{one.media};base64,{base64.b64encode(one.data).decode("ascii")}"></button>'
        for number, one in enumerate(figures, 1)
    )
    label = escape(words("answer.figures"))
    return f'<div class="fc-figure-row" role="group" aria-label="{label}"><small>{label}</small>{shown}</div>'
