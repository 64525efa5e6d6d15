"""Large inputs made on the spot: manuals of recombined sentences, a CMMS export, a long PDF. All seeded."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import CACHE, SEED, need, our_embedder
from indexer.protocols import FloatMatrix

_SENTENCES_PER_SECTION = (5, 9)
_SECTIONS_PER_FILE = 500


def sentences() -> list[str]:
    """Sentences of the real Markdown manuals, 40 to 240 characters each."""
    found: dict[str, None] = {}
    for path in sorted(need("manuals_md").rglob("*.md")):
        text = re.sub(r"[`*_|#<>\[\]]", " ", path.read_text(encoding="utf-8", errors="replace"))
        for sentence in re.split(r"(?<=[.!?。！？])\s+|\n\s*\n", text):
            line = " ".join(sentence.split())
            if 40 <= len(line) <= 240:
                found[line] = None
    return list(found)


def real_vectors(count: int = 4_000) -> FloatMatrix:
    """(count, dimension) float32: embeddings of real sentences by the real encoder, kept in the cache."""
    file = CACHE / f"real_vectors_{count}.npy"
    if file.is_file():
        kept: FloatMatrix = np.load(file)
        return kept
    texts = sentences()
    rng = np.random.default_rng(SEED)
    vectors = our_embedder().embed_documents([texts[i] for i in rng.permutation(len(texts))[:count]])
    file.parent.mkdir(parents=True, exist_ok=True)
    np.save(file, vectors)
    return vectors


def manuals(folder: Path, chunks: int) -> Path:
    """A folder of Markdown manuals with about `chunks` sections of one chunk each; every section has numbers of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    texts = sentences()
    rng = np.random.default_rng(SEED)
    for start in range(0, chunks, _SECTIONS_PER_FILE):
        lines = [f"# Manual {start // _SECTIONS_PER_FILE:04d}", ""]
        for number in range(start, min(start + _SECTIONS_PER_FILE, chunks)):
            picked = rng.integers(0, len(texts), int(rng.integers(*_SENTENCES_PER_SECTION)))
            words = " ".join(texts[i] for i in picked).split()[:140]
            lines += [f"## Section {number} of unit {number % 97}", "",
                      " ".join(words) + f" Order number {700_000 + number}, torque {number % 311 + 2} Nm.", ""]  # fmt: skip
        (folder / f"manual_{start // _SECTIONS_PER_FILE:04d}.md").write_text("\n".join(lines), encoding="utf-8")
    return folder


def fault_reports(file: Path, rows: int) -> Path:
    """A CMMS export of `rows` work orders: the real ones repeated with other dates, numbers and machines."""
    with need("excavator_mwo", "input", "case_study_pdl.csv").open(encoding="utf-8", newline="") as source:
        records = [(r["OriginalShorttext"], r["MajorSystem"], r["Part"], r["Action"]) for r in csv.DictReader(source)]
    rng = np.random.default_rng(SEED)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(
            ["Order", "Date", "Machine", "Short text", "System", "Component", "Action", "Downtime h", "Cost"]
        )
        for number in range(rows):
            text, system, part, action = records[int(rng.integers(len(records)))]
            date = np.datetime64("2015-01-01") + int(rng.integers(3_650))
            writer.writerow([
                f"WO{4_000_000 + number}", str(date), f"EX-{int(rng.integers(40)):02d}", f"{text} at {number} h", system, part,
                action or "Repair", round(float(rng.exponential(4)), 1), round(float(rng.exponential(900)), 2),
            ])  # fmt: skip
    return file


def long_pdf(file: Path, pages: int) -> Path:
    """A text PDF of `pages` pages with headings, paragraphs and, on every fifth page, a ruled table; made by reportlab."""
    from reportlab.lib import colors
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Table, TableStyle

    styles = getSampleStyleSheet()
    texts = [t for t in sentences() if t.isascii()]
    rng = np.random.default_rng(SEED)
    grid = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.black)])

    def paragraph(count: int) -> str:
        words = " ".join(texts[i] for i in rng.integers(0, len(texts), count))
        return words.replace("&", "and").replace("<", "(").replace(">", ")")

    def story() -> Iterator[Flowable]:
        for page in range(1, pages + 1):
            yield Paragraph(f"{page} Chapter of unit {page % 60}", styles["Heading2"])
            if page % 5 == 0:
                rows = [["Parameter", "Name", "Range", "Default"]]
                rows += [[f"P{page:04d}.{i}", f"Ramp time {i}", f"0-{i * 10} s", str(i)] for i in range(1, 9)]
                yield Table(rows, style=grid)
            for _ in range(4 if page % 5 else 2):
                yield Paragraph(paragraph(4), styles["BodyText"])
            yield PageBreak()

    file.parent.mkdir(parents=True, exist_ok=True)
    SimpleDocTemplate(str(file), pagesize=A4).build(list(story()))
    return file


def questions(count: int = 300) -> list[str]:
    """Real questions on manuals, for timing."""
    import json

    found = [json.loads(line)["questions"] for line in need("ohrbench", "qas_manual_dev.jsonl").open(encoding="utf-8")]
    found += [json.loads(line)["question"] for line in need("emanual_qa", "tv_qa_dev.jsonl").open(encoding="utf-8")]
    rng = np.random.default_rng(SEED)
    return [found[i] for i in rng.permutation(len(found))[:count]]


def percentiles(milliseconds: Sequence[float]) -> tuple[float, float]:
    """(p50, p99)."""
    middle, high = np.percentile(np.asarray(milliseconds), (50, 99))
    return float(middle), float(high)
