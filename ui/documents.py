"""The library as HTML: documents with what could be read of them, and a preview of a page with its passages. Pure."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Sequence
from html import escape

from indexer.types import Chunk, DocumentRecord
from ui.pages import PageImage
from ui.passages import chunk_html
from ui.render import revision_words
from ui.words import Words

_MOST = 500
_PREVIEWED = 60  # passages
_ABOUT_PAGES = re.compile(r"\d+ page\(s\) with")  # warnings that only repeat the pages named above them


def documents_html(
    records: Sequence[DocumentRecord],
    quarantined: Sequence[tuple[str, str]],
    words: Words,
    search: str = "",
    may_change: bool = False,
) -> str:
    """The documents whose name, title, machine or revision hold all words of `search`; what was left out first."""
    wanted = search.casefold().split()

    def holds(*texts: str | None) -> bool:
        whole = " ".join(text for text in texts if text).casefold()
        return all(word in whole for word in wanted)

    revisions = Counter((record.title, record.machine) for record in records)
    shown = [record for record in records if holds(record.document_id, record.title, record.machine, record.revision)]
    left_out = [(name, why) for name, why in quarantined if holds(name)]
    if not shown and not left_out:
        return f'<p class="fc-note">{escape(words("library.no_match" if search else "library.none"))}</p>'
    rows = [_left_out(name, why, words) for name, why in left_out]
    rows += [_row(one, revisions[(one.title, one.machine)], words, may_change) for one in shown[:_MOST]]
    return f'<ul class="fc-documents">{"".join(rows)}</ul>'


def _left_out(name: str, why: str, words: Words) -> str:
    return (
        f'<li class="fc-document fc-left-out"><div><b>{escape(name)}</b>'
        f'<p class="fc-error">{escape(words("library.left_out"))}: {escape(words.said(why))}</p></div></li>'
    )


def _row(record: DocumentRecord, revisions: int, words: Words, may_change: bool) -> str:
    report = record.report
    name = escape(record.document_id)
    facts = [words.count("library.pages", report.pages, pages=report.pages), words("library.coverage", percent=round(100 * report.coverage)),
             words.count("library.passages", record.chunks, count=record.chunks)]  # fmt: skip
    if record.codes:
        facts.append(words.count("library.codes", record.codes, count=record.codes))
    troubles = [
        words(f"library.{key}", pages=_pages(pages))
        for key, pages in (("scanned", report.scanned), ("no_text", report.no_text), ("garbled", report.garbled))
        if pages
    ]
    troubles += [words.said(line) for line in report.warnings if not _ABOUT_PAGES.match(line)]
    chips = [words.text("library", f"kind_{record.kind.value}", record.kind.value)]
    chips += [record.machine] if record.machine else []
    chips += [revision_words(record.revision, words)] if record.revision else []
    if revisions > 1:
        chips.append(words("library.other_revisions", count=revisions))
    marks = "".join(f'<span class="fc-chip">{escape(chip)}</span>' for chip in chips)
    told = "".join(f'<p class="fc-trouble">{escape(text)}</p>' for text in troubles)
    remove = ""
    if may_change:
        remove = (
            f'<details class="fc-menu"><summary>{escape(words("library.remove"))}</summary>'
            f"<div><p>{escape(words('library.remove_ask'))}</p>"
            f'<button type="button" data-fc="remove" data-value="{name}">{escape(words("library.remove"))}</button></div></details>'
        )
    return (
        f'<li class="fc-document"><div><b>{escape(record.title)}</b><small>{name}</small><div class="fc-chips">{marks}</div>'
        f"<small>{escape(' · '.join(facts))}</small>{told}</div><div class='fc-buttons'>"
        f'<button type="button" data-fc="preview" data-value="{name}">{escape(words("library.preview"))}</button>{remove}'
        "</div></li>"
    )


def preview_html(
    record: DocumentRecord, chunks: Sequence[Chunk], drawn: PageImage | None, words: Words, page: int = 1
) -> str:
    """A page as a picture, where the document has some, with the passages read from it; else its passages."""
    of_page = [chunk for chunk in chunks if drawn is None or chunk.pages[0] <= page <= chunk.pages[1]]
    read = words("library.of_page" if drawn else "library.whole")
    parts: list[str] = []
    heading: tuple[str, ...] = ()
    for chunk in of_page[:_PREVIEWED]:
        if chunk.heading != heading and chunk.heading:
            parts.append(f'<p class="fc-path">{escape(" › ".join(chunk.heading))}</p>')
        heading = chunk.heading
        parts.append(f'<div class="fc-passage fc-boxed">{chunk_html(chunk)}</div>')
    if len(of_page) > _PREVIEWED:
        parts.append(f'<p class="fc-note">… +{len(of_page) - _PREVIEWED}</p>')
    image = navigation = ""
    if drawn is not None:
        data = base64.b64encode(drawn.png).decode("ascii")
        image = (
            f'<div class="fc-page"><img width="{drawn.width}" height="{drawn.height}" alt="{escape(record.title)}" '
            f'src="data:image/png;base64,{data}"></div>'
        )
        navigation = (
            f"{_turn('previous', '‹', words('answer.previous'), page > 1)}"
            f'<span class="fc-count">{page} / {drawn.pages}</span>'
            f"{_turn('next', '›', words('answer.next'), page < drawn.pages)}"
        )
    return (
        f'<div class="fc-viewer"><header><div class="fc-viewer-title"><h3>{escape(record.title)}</h3>'
        f"<small>{escape(record.document_id)}</small></div><nav>{navigation}"
        f"{_turn('close', '✕', words('answer.close'), True)}</nav></header>{image}"
        f'<h4>{escape(read)}</h4><div class="fc-paper">{"".join(parts)}</div></div>'
    )


def _turn(wanted: str, sign: str, label: str, enabled: bool) -> str:
    off = "" if enabled else " disabled"
    return f'<button type="button" data-fc="{wanted}" aria-label="{escape(label)}"{off}>{sign}</button>'


def _pages(pages: Sequence[int], most: int = 12) -> str:
    shown = ", ".join(map(str, pages[:most]))
    return f"{shown}, …" if len(pages) > most else shown
