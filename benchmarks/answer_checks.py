"""Scores of an answer's text, and an independent look at its citations: the page is read again, not by our readers."""

from __future__ import annotations

import html
import json
import re
import string
import unicodedata
import zipfile
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

from copilot.measures import follows
from copilot.types import Answer, AnswerStatus, Citation
from indexer.types import DocumentKind

_MARKER = re.compile(r"\s*\[\d{1,3}\]")
_STEP = re.compile(r"^\s*(?:\d{1,3}[.)、]|[•·–-])\s+", re.MULTILINE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def plain(text: str) -> str:
    """An answer's text without markers."""
    return _MARKER.sub("", text).strip()


def short_span(answer: Answer) -> str | None:
    """The short answer that the reader marked, where the answer brings one."""
    for holder in (answer, *answer.citations):
        for name in ("short", "span", "short_answer"):
            value: Any = getattr(holder, name, None)
            if isinstance(value, str) and value.strip():
                return value
            if isinstance(value, tuple) and len(value) == 2 and isinstance(holder, Citation):
                return holder.quote[value[0] : value[1]]
    return None


class RougeL:
    """ROUGE-L F1 by the package rouge_score, without stemming; Chinese, Japanese and Korean text by characters."""

    def __init__(self) -> None:
        from rouge_score.rouge_scorer import RougeScorer
        from rouge_score.tokenizers import Tokenizer

        class ByCharacter(Tokenizer):  # type: ignore[misc]
            def tokenize(self, text: str) -> list[str]:
                return re.findall(
                    r"[a-z0-9]+|[\u3040-\u30ff\u3400-\u9fff]", unicodedata.normalize("NFKC", text).lower()
                )

        self._words = RougeScorer(["rougeL"], use_stemmer=False)
        self._characters = RougeScorer(["rougeL"], tokenizer=ByCharacter())

    def __call__(self, reference: str, text: str) -> tuple[float, float, float]:
        """(F1, precision, recall), 0..1."""
        scorer = self._characters if re.search(r"[\u3400-\u9fff]", reference) else self._words
        score = scorer.score(reference, text)["rougeL"]
        return float(score.fmeasure), float(score.precision), float(score.recall)


def _squad(text: str) -> str:
    """SQuAD's normal form: lower case, no punctuation, no articles."""
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def token_f1(reference: str, text: str) -> float:
    """Token F1 as OHR-Bench (Zhang et al. 2024) counts it: SQuAD's, but yes and no must be the whole answer."""
    wanted, got = _squad(reference), _squad(text)
    if wanted != got and {wanted, got} & {"yes", "no", "noanswer"}:
        return 0.0
    shared = sum((Counter(wanted.split()) & Counter(got.split())).values())
    return 2 * shared / (len(wanted.split()) + len(got.split())) if shared else 0.0


def cites_page(answer: Answer, document: str, page: int) -> bool:
    """Whether a citation points to that document and 1-based page."""
    return any(
        (c.source.document_id == document or Path(c.source.document_id).stem == document)
        and c.pages[0] <= page <= c.pages[1]
        for c in answer.citations
    )


def found_again(citation: Citation, folder: Path) -> tuple[bool, bool] | None:
    """(the whole quote stands on the cited pages, its words do); None where the page has no text to read.

    A quote is what `copilot ask --json` gives. The second is for what cannot lie together: the cells and columns of a page
    are read by us in another order than by pypdfium2, page text has mark-up within sentences. Each line, cell or name of a
    column, without the number of a step, must then have its words on the page in the same order.
    """
    if citation.ocr or citation.source.kind is DocumentKind.FAULT_REPORT:
        return None
    page = pages_text(folder / citation.source.document_id, *citation.pages)
    if not page.strip():
        return None
    if _bare(citation.printed or citation.quote) in _bare(page):
        return True, True
    there = _words(page)
    parts = [_words(part) for line in citation.quote.splitlines() for part in _cells(_STEP.sub("", line))]
    return False, all(_in_order(part, there) for part in parts)


def _in_order(part: tuple[str, ...], page: tuple[str, ...]) -> bool:
    rest = iter(page)
    return all(word in rest for word in part)


def _cells(line: str) -> list[str]:
    """A line, or header and cell of each "Header: cell", and the cells of "a | b" and "a; b"."""
    return [
        part
        for cell in re.split(r"\s\|\s|\t|;\s", line)
        for part in re.split(r"(?<=[^\s:]):\s|：", cell)
        if part.strip()
    ]


def _bare(text: str) -> str:
    """For comparing: NFKC, lower case, without white space, hyphens, list signs and mark-up."""
    flat = unicodedata.normalize("NFKC", text).lower()
    return re.sub(r"[\s\u00ad\u2010-\u2015\u2022\u00b7\uf000-\uf0ff\u25a0\u25cf\u25aa*`_#|$\\\ufffe\u0002-]+", "", flat)


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    """Words and numbers in order, parted words joined; Chinese and Japanese text by characters."""
    flat = re.sub(r"(?:[\u00ad\u0002\ufffe]|(?<=\w)-)\s*\n\s*", "", unicodedata.normalize("NFKC", text).lower())
    return tuple(re.findall(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+", flat))


@lru_cache(maxsize=4096)
def pages_text(file: Path, first: int, last: int) -> str:
    """The text of 1-based pages of a file, read by pypdfium2 or plainly; whole files where there are no pages."""
    suffix = file.suffix.lower()
    if suffix == ".pdf":
        return "\n".join(_pdf(file)[first - 1 : last])
    if suffix == ".json":
        data = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(data, list) and data and "page_idx" in data[0]:
            text = "\n".join(row["text"] for row in data if first <= row["page_idx"] + 1 <= last)
            return html.unescape(re.sub(r"</?[a-z][^>]*>", " ", text))
        return " ".join(_strings(data))
    if suffix in (".docx", ".xlsx", ".pptx"):
        with zipfile.ZipFile(file) as archive:
            parts = [archive.read(n).decode("utf-8", "replace") for n in archive.namelist() if n.endswith(".xml")]
        # A run of text may end within a word, a paragraph or cell does not.
        text = re.sub(r"</(?:\w+:)?(?:p|tc|c|si|v)>", "\n", " ".join(parts))
        return html.unescape(re.sub(r"<[^>]+>", "", text))
    return file.read_text(encoding="utf-8", errors="replace")


@lru_cache(maxsize=64)
def _pdf(file: Path) -> list[str]:
    import pypdfium2

    document = pypdfium2.PdfDocument(file)
    return [page.get_textpage().get_text_bounded() for page in document]


def _strings(data: Any) -> list[str]:
    if isinstance(data, str):
        return [data]
    values = data.values() if isinstance(data, dict) else data if isinstance(data, list) else []
    return [text for value in values for text in _strings(value)]


def unsupported_numbers(answer: Answer) -> list[str]:
    """Numbers of an answer's text that stand in none of its quotes, in no warning and not in the question.

    A number that the answer lists as converted must follow from a value that stands there; the names and revisions of the
    documents cited, which a line of ours may name, count as well. Answers from fault reports are left out: they count,
    and what is counted stands in no quote.
    """
    if answer.status is not AnswerStatus.ANSWERED or any(
        c.source.kind is DocumentKind.FAULT_REPORT for c in answer.citations
    ):
        return []
    sources = [*(c.source for c in answer.citations), *(h.chunk.source for h in answer.evidence)]
    held = " ".join(
        [
            *(c.printed or c.quote for c in answer.citations), *(w.text for w in answer.warnings), answer.question.text,
            *(f"{s.title} {s.revision or ''} {s.document_id}" for s in sources),
        ]
    )  # fmt: skip
    known = set(_NUMBER.findall(unicodedata.normalize("NFKC", held)))
    for made in answer.conversions:
        if set(_NUMBER.findall(made.value)) <= known:
            known |= {n for other in made.others if follows(other, made.value) for n in _NUMBER.findall(other)}
    said = _NUMBER.findall(unicodedata.normalize("NFKC", _STEP.sub("", plain(answer.text))))
    return [number for number in said if number not in known]
