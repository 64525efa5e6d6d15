"""Scores of retrieval and of answers over questions with known places. Pure functions over what was found.

A line of a question file has "question", and may have "id", "machine", "answerable" (true unless said otherwise),
"document", "page" (a 1-based number, or a list of them) and "expected" (words that a right answer holds).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from copilot.errors import CopilotError
from copilot.types import Answer, AnswerStatus
from indexer.types import Hit


class GoldError(CopilotError):
    """A question file holds a line whose expectations make no sense."""


@dataclass(frozen=True, slots=True)
class GoldQuestion:
    """A question and what is known about it. No `pages` means that any page of the document will do."""

    id: str
    question: str
    machine: str | None = None
    answerable: bool = True
    document: str | None = None
    pages: tuple[int, ...] = ()
    expected: str | None = None


def gold_question(number: int, fields: Mapping[str, Any]) -> GoldQuestion:
    """A line of a question file. Raises GoldError naming the line and the field."""
    answerable, document, page = fields.get("answerable", True), fields.get("document"), fields.get("page")
    expected = fields.get("expected")
    pages = page if isinstance(page, list) else [] if page is None else [page]
    for name, fits in (
        ("answerable", isinstance(answerable, bool)),
        ("document", document is None or isinstance(document, str)),
        ("expected", expected is None or isinstance(expected, str)),
        ("page", all(isinstance(one, int) and not isinstance(one, bool) and one >= 1 for one in pages)),
    ):
        if not fits:
            raise GoldError(f'line {number}: "{name}" is {fields[name]!r}, which makes no sense here; mend the line')
    return GoldQuestion(
        str(fields.get("id", number)), fields["question"], fields.get("machine") or None, answerable,
        document or None, tuple(pages), expected or None,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RetrievalScores:
    """`hit_at_1`, `hit_at_5` and `mrr` (of the first right hit among the first k), 0..1, over `n` questions.

    `ranks` maps a question's id to the rank of its first right hit, None when none of the k is right.
    """

    n: int
    k: int
    hit_at_1: float
    hit_at_5: float
    mrr: float
    ranks: Mapping[str, int | None]


def right_rank(gold: GoldQuestion, hits: Sequence[Hit]) -> int | None:
    """The rank of the first hit in the right document and on a right page, or None."""
    for hit in hits:
        first, last = hit.chunk.pages
        if same_document(gold.document or "", hit.chunk.source.document_id) and (
            not gold.pages or any(first <= page <= last for page in gold.pages)
        ):
            return hit.rank
    return None


def same_document(expected: str, found: str) -> bool:
    """Whether two document ids name one document, even when a folder above it was indexed, or one below."""
    return expected == found or found.endswith("/" + expected) or expected.endswith("/" + found)


def score_retrieval(found: Sequence[tuple[GoldQuestion, Sequence[Hit]]], k: int) -> RetrievalScores:
    """Score hits of questions that have a `document`; others are left out."""
    ranks = {gold.id: right_rank(gold, hits[:k]) for gold, hits in found if gold.document}
    n = len(ranks)
    reciprocal = sum(1 / rank for rank in ranks.values() if rank)
    return RetrievalScores(
        n,
        k,
        _share(sum(rank == 1 for rank in ranks.values()), n),
        _share(sum(rank is not None and rank <= 5 for rank in ranks.values()), n),
        _share(reciprocal, n),
        ranks,
    )


@dataclass(frozen=True, slots=True)
class AnswerScores:
    """Shares 0..1. Of the answerable questions: `answered`, `expected_found` (of those with `expected`: it stands in
    the answer or its quotes) and `cited_right` (of those with a document: a citation points to it and to the page).
    Of the unanswerable ones: `refused` (refusal recall). The tuples name the questions that went wrong.
    """

    n: int
    answerable: int
    unanswerable: int
    answered: float
    expected_found: float
    cited_right: float
    refused: float
    false_refusals: tuple[str, ...]
    not_found: tuple[str, ...]
    not_refused: tuple[str, ...]


def score_answers(found: Sequence[tuple[GoldQuestion, Answer]]) -> AnswerScores:
    """Score answers to answerable and unanswerable questions."""
    yes = [(gold, answer) for gold, answer in found if gold.answerable]
    no = [(gold, answer) for gold, answer in found if not gold.answerable]
    refusals = tuple(gold.id for gold, answer in yes if answer.status is not AnswerStatus.ANSWERED)
    checked = [(gold, answer) for gold, answer in yes if gold.expected]
    lacking = tuple(gold.id for gold, answer in checked if not holds(answer, gold.expected or ""))
    placed = [(gold, answer) for gold, answer in yes if gold.document]
    wrong = tuple(gold.id for gold, answer in no if answer.status is AnswerStatus.ANSWERED)
    return AnswerScores(
        n=len(found),
        answerable=len(yes),
        unanswerable=len(no),
        answered=_share(len(yes) - len(refusals), len(yes)),
        expected_found=_share(len(checked) - len(lacking), len(checked)),
        cited_right=_share(sum(_cites(gold, answer) for gold, answer in placed), len(placed)),
        refused=_share(len(no) - len(wrong), len(no)),
        false_refusals=refusals,
        not_found=lacking,
        not_refused=wrong,
    )


def holds(answer: Answer, expected: str) -> bool:
    """Whether an answer's text, quotes or warnings hold these words; case, width and blanks do not matter."""
    if answer.status is not AnswerStatus.ANSWERED:
        return False
    texts = (
        answer.text,
        *(citation.quote for citation in answer.citations),
        *(warning.text for warning in answer.warnings),
    )
    return any(_squeezed(expected) in _squeezed(text) for text in texts)


def _cites(gold: GoldQuestion, answer: Answer) -> bool:
    return any(
        same_document(gold.document or "", citation.source.document_id)
        and (not gold.pages or any(citation.pages[0] <= page <= citation.pages[1] for page in gold.pages))
        for citation in answer.citations
    )


def _squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _share(part: float, whole: int) -> float:
    return part / whole if whole else 0.0
