"""Is every warning of a manual found, bound to its section, and shown with whatever is cited of that section?

    python -m benchmarks safety [--no-save]

The gold knows nothing of our readers: the plain text of each PDF's pages, as PDFium gives it, is scanned for lines that
open with a signal word in English or Chinese. Each must be (1) a warning of the index on that page, (2) among the
warnings shown when any chunk of the section it stands in is cited. Over the PDFs of manual_pdfs and the sample plant.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import MissingData, Table, built, need, product_embedder
from copilot.safety import bind_warnings
from copilot.sample_plant import plant_folder
from indexer.store import Index
from indexer.types import Chunk

_SIGNAL_LINE = re.compile(
    r"^[^\w\n]*(?:\d+[.)、][ \t]*)?(?:[a-z][ \t])?(DANGER|WARNING|CAUTION|NOTICE|ATTENTION|Danger|Warning|Caution|Notice|Attention|"
    r"危险|警告|注意事项|注意|小心|当心|警示)[ \t]*(?:[:：!！]|$|z[ \t]|[•●▪][ \t])",
    re.MULTILINE,
)
_PAGE_RUNS_ON = 200
_LETTERS = 18  # of the gold's own words that must stand in our text of the warning


@dataclass(frozen=True, slots=True)
class Found:
    """A warning as the plain text of a page has it: its page (1-based) and its first letters, squeezed."""

    page: int
    key: str
    shown: str


def squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def gold(path: Path) -> Iterator[Found]:
    """The warnings that a plain scan of a PDF's text finds."""
    import pypdfium2

    pdf = pypdfium2.PdfDocument(path)
    for number, page in enumerate(pdf, 1):
        text = page.get_textpage().get_text_range().replace("\r\n", "\n")
        for match in _SIGNAL_LINE.finditer(text):
            words = text[match.start(1) : match.start(1) + _PAGE_RUNS_ON]
            end = re.search(r"[.!。！](?=\s|$)|[。！]|\n(?=\s*\d+[.)、])", words[match.end(1) - match.start(1) + 2 :])
            if end is not None:
                words = words[: match.end(1) - match.start(1) + 2 + end.start()]
            yield Found(number, squeezed(words)[:_LETTERS], words.replace("\n", " ")[:70])
    pdf.close()


def check(index: Index, document: str, path: Path) -> tuple[list[Found], list[Found], list[Found]]:
    """(all gold warnings, those the index has not, those that some chunk of their section does not bring)."""
    chunks = [c for c in index.chunks_at(range(index.manifest.chunk_count)) if c.source.document_id == document]
    notes = {
        (note.page, squeezed(note.text))
        for section in {chunk.section for chunk in chunks}
        for note in index.warnings(document, section)
    }
    found = list(gold(path))
    lost = [one for one in found if not any(abs(page - one.page) <= 1 and one.key in text for page, text in notes)]
    unbound = [one for one in found if not _shown(one, chunks, index)]
    return found, lost, unbound


def _shown(one: Found, chunks: Sequence[Chunk], index: Index) -> bool:
    """Whether each chunk of the section a warning stands in brings it along when it is cited."""
    sections = {c.section for c in chunks if c.pages[0] <= one.page <= c.pages[1] and one.key in squeezed(c.text)}
    if not sections:  # it runs over the end of a chunk
        sections = {
            c.section for c in chunks if c.pages[0] <= one.page <= c.pages[1] and one.key[:8] in squeezed(c.text)
        }
    return bool(sections) and all(
        any(one.key in squeezed(warning.text) for warning in bind_warnings([chunk], index))
        for chunk in chunks
        if chunk.section in sections
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks safety", description=__doc__.split("\n")[0])
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args(arguments)
    folders = {"sample plant": plant_folder()}
    try:
        folders["manual_pdfs"] = need("manual_pdfs")
    except MissingData as missing:
        print(missing)
    table = Table(
        "safety", "warnings", "Warnings: found by a plain scan of the pages, in the index, shown with every chunk of their section",
        ["document", "on the pages", "in the index", "shown"],
    )  # fmt: skip
    total = [0, 0, 0]
    embedder = product_embedder()
    for name, folder in folders.items():
        with built(f"safety_{name.replace(' ', '_')}", [(folder, None)], embedder) as index:
            for path in sorted(folder.rglob("*.pdf")):
                document = path.relative_to(folder).as_posix()
                found, lost, unbound = check(index, document, path)
                for one in dict.fromkeys((*lost, *unbound)):
                    print(f"  not shown: {document} page {one.page}: {one.shown}")
                counts = [len(found), len(found) - len(lost), len(found) - len(unbound)]
                total = [a + b for a, b in zip(total, counts, strict=True)]
                if found:
                    table.add(path.name, *map(str, counts))
    table.add("all", *map(str, total))
    table.publish(not options.no_save)


if __name__ == "__main__":
    main()
