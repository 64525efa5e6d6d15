"""Reads the written documents back as plain text per page, and turns the question lists into checked records."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from . import manuals, questions, reports

DOCUMENTS = {
    "press": manuals.PRESS,
    "mill": manuals.MILL,
    "mill_alarms": manuals.MILL_ALARMS,
    "packer": manuals.PACKER,
    "schedule_b": manuals.SCHEDULE_B,
    "compressor": manuals.COMPRESSOR,
    "reports": reports.FILE,
}


def squeeze(text: str) -> str:
    """Lower case, one blank for any white space, and none beside Chinese characters, where lines may break."""
    text = re.sub(r"\s+", " ", text.replace("\ufffe", "")).lower()
    return re.sub(r"(?<=[\u3000-\u9fff\uff00-\uffef]) | (?=[\u3000-\u9fff\uff00-\uffef])", "", text)


def stands_in(text: str, squeezed: str) -> bool:
    """Whether `text` stands in the squeezed text as whole words; a number inside a longer number does not count."""
    return bool(re.search(rf"(?<![a-z0-9.]){re.escape(squeeze(text))}(?![a-z0-9]|[.]\d)", squeezed))


def page_texts(path: Path) -> list[str]:
    """The text of each page of a PDF; a single text for the other formats, one per sheet for a workbook."""
    if path.suffix == ".pdf":
        import pypdfium2

        pdf = pypdfium2.PdfDocument(path)
        try:
            return [page.get_textpage().get_text_range() for page in pdf]
        finally:
            pdf.close()
    if path.suffix == ".docx":
        import docx
        from docx.table import Table

        parts = []
        for block in docx.Document(str(path)).iter_inner_content():
            rows = [" ".join(c.text for c in r.cells) for r in block.rows] if isinstance(block, Table) else [block.text]
            parts += rows
        return ["\n".join(parts)]
    if path.suffix == ".xlsx":
        import openpyxl

        book = openpyxl.load_workbook(path, read_only=True)
        return ["\n".join(" ".join(str(c) for c in r if c is not None) for r in s.values) for s in book]
    return [path.read_text(encoding="utf-8")]


def records(folder: Path) -> list[dict[str, Any]]:
    """All questions as records; raise ValueError for an expected string that stands nowhere in its document."""
    texts = {key: [squeeze(page) for page in page_texts(folder / name)] for key, name in DOCUMENTS.items()}
    found: list[dict[str, Any]] = []
    for line in questions.ANSWERABLE.strip().splitlines():
        kind, machine, key, question, expected, *more = (part.strip() for part in line.split("|"))
        anchor = squeeze(more[0] if more else expected)
        pages = [n for n, text in enumerate(texts[key], start=1) if anchor in text and squeeze(expected) in text]
        if not pages:
            raise ValueError(f"{question!r}: {expected!r} stands nowhere in {DOCUMENTS[key]}; mend the question")
        if len(pages) > 1:
            raise ValueError(f"{question!r}: {expected!r} stands on pages {pages}; give an anchor of one page")
        record: dict[str, Any] = {"question": question}
        if not machine.startswith("("):
            record["machine"] = machine
        record |= {"language": "zh" if machine == "AC-75" else "en", "answerable": True, "document": DOCUMENTS[key]}
        found.append(record | {"page": pages[0], "expected": expected, "kind": kind})
    everything = " ".join(text for pages in texts.values() for text in pages)
    for line in questions.UNANSWERABLE.strip().splitlines():
        language, machine, question, kind, absent = (part.strip() for part in line.split("|"))
        must_not = absent.split(";")
        for text in must_not:
            if stands_in(text, everything):
                raise ValueError(f"{question!r} should have no answer, but {text!r} stands in the documents")
        record = {"question": question} | ({"machine": machine} if machine else {})
        record |= {"language": language, "answerable": False, "document": None, "page": None, "expected": None}
        found.append(record | {"kind": kind, "must_not": must_not})
    return [{"id": f"s{n:02d}", **record} for n, record in enumerate(found, start=1)]


def write_questions(folder: Path, target: Path) -> int:
    """Write the questions about the plant in `folder` to `target` and return how many there are."""
    lines = [json.dumps(record, ensure_ascii=False) for record in records(folder)]
    target.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    return len(lines)
