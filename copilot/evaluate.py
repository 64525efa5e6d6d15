"""Scores of retrieval and of answers over questions with known places. Pure functions over what was found.

A line of a question file has "question", and may have "id", "machine", "answerable" (true unless said otherwise),
"document", "page" (a 1-based number, or a list of them), "expected" (words that a right answer holds), "answer" (a
whole reference answer), "route" or "kind", and "language".
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from copilot.cite import is_verbatim
from copilot.errors import CopilotError
from copilot.measures import follows
from copilot.text_scores import exact_match, rouge_l, token_f1
from copilot.types import Answer, AnswerStatus, Citation
from indexer.types import DocumentKind, Hit

_MARKER = re.compile(r"\s*\[\d{1,3}\]")
_STEP = re.compile(r"^\s*\d{1,3}[.)、]\s", re.MULTILINE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


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
    answer: str | None = None
    route: str | None = None
    language: str | None = None

    @property
    def reference(self) -> str | None:
        """What an answer's text is compared with: the whole reference answer, else the expected words."""
        return self.answer or self.expected


def gold_question(number: int, fields: Mapping[str, Any]) -> GoldQuestion:
    """A line of a question file. Raises GoldError naming the line and the field."""
    answerable, document, page = fields.get("answerable", True), fields.get("document"), fields.get("page")
    expected, reference = fields.get("expected"), fields.get("answer")
    route, language = fields.get("route", fields.get("kind")), fields.get("language")
    pages = page if isinstance(page, list) else [] if page is None else [page]
    for name, fits in (
        ("answerable", isinstance(answerable, bool)),
        ("document", document is None or isinstance(document, str)),
        ("expected", expected is None or isinstance(expected, str)),
        ("answer", reference is None or isinstance(reference, str)),
        ("route" if "route" in fields else "kind", route is None or isinstance(route, str)),
        ("language", language is None or isinstance(language, str)),
        ("page", all(isinstance(one, int) and not isinstance(one, bool) and one >= 1 for one in pages)),
    ):
        if not fits:
            raise GoldError(f'line {number}: "{name}" is {fields[name]!r}, which makes no sense here; mend the line')
    return GoldQuestion(
        str(fields.get("id", number)), fields["question"], fields.get("machine") or None, answerable,
        document or None, tuple(pages), expected or None, reference or None, route or None, language or None,
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


def retrieval_values(gold: GoldQuestion, hits: Sequence[Hit], k: int) -> dict[str, float]:
    """A question's retrieval measures, each 0..1, over its first k hits.

    `hit@1`, `hit@5`, `hit@k`: a right page among the first hits; `recall@k`: share of the right pages covered;
    `mrr`: reciprocal rank of the first right hit; `ndcg@k`: a hit gains 1 when it covers a right page that none before
    it covers (Järvelin and Kekäläinen 2002). Without pages, the document is the one right place.
    """
    wanted = set(gold.pages) or {0}
    left, gains = set(wanted), []
    for hit in hits[:k]:
        first, last = hit.chunk.pages
        right = same_document(gold.document or "", hit.chunk.source.document_id)
        covered = {page for page in left if right and (page == 0 or first <= page <= last)}
        left -= covered
        gains.append(1.0 if covered else 0.0)
    rank = right_rank(gold, hits[:k])
    ideal = sum(1 / math.log2(place + 2) for place in range(min(len(wanted), k)))
    return {
        "hit@1": float(rank == 1),
        "hit@5": float(rank is not None and rank <= 5),
        f"hit@{k}": float(rank is not None),
        f"recall@{k}": 1 - len(left) / len(wanted),
        "mrr": 1 / rank if rank else 0.0,
        f"ndcg@{k}": sum(gain / math.log2(place + 2) for place, gain in enumerate(gains)) / ideal,
    }


def answer_values(gold: GoldQuestion, answer: Answer, texts: Mapping[str, str]) -> dict[str, float]:
    """A question's answer measures, each 0..1, those that make sense for it.

    Of an answerable question: `answered`; `expected` (its expected words stand in the answer); `em`, `f1`, `rouge_l`
    of the text against the reference; `cited` (some citation names the right page) and `cited_precision` (share of the
    citations that do). Of an unanswerable one: `refused`. Of any with citations: `citation_precision` (share of quotes
    that stand verbatim in their passage; `texts` maps chunk ids to passages) and `numbers_supported` (every number of
    the text stands in a quote, a warning or the question).
    """
    given = answer.status is AnswerStatus.ANSWERED
    values: dict[str, float] = {}
    if not gold.answerable:
        values["refused"] = float(not given)
    else:
        values["answered"] = float(given)
        if gold.expected:
            values["expected"] = float(holds(answer, gold.expected))
        if gold.reference:
            text = _without_markers(answer.text) if given else ""
            values["em"] = exact_match(gold.reference, text)
            values["f1"] = token_f1(gold.reference, text)
            values["rouge_l"] = rouge_l(gold.reference, text)
        if gold.document:
            right = [_points(gold, citation) for citation in answer.citations]
            values["cited"] = float(any(right))
            if right:
                values["cited_precision"] = sum(right) / len(right)
    if answer.citations:
        verbatim = [is_verbatim(c.quote, texts.get(c.chunk_id, "")) for c in answer.citations]
        values["citation_precision"] = sum(verbatim) / len(verbatim)
        # What is counted from fault reports stands in no quote.
        if given and all(c.source.kind is not DocumentKind.FAULT_REPORT for c in answer.citations):
            values["numbers_supported"] = float(not unsupported_numbers(answer))
    return values


def unsupported_numbers(answer: Answer) -> list[str]:
    """Numbers of the text that stand in no quote, no warning, no cited document's name and not in the question.

    Those the answer lists as converted count as supported where they follow from a value that stands there; the numbers
    of steps do not count.
    """
    sources = [*(c.source for c in answer.citations), *(hit.chunk.source for hit in answer.evidence)]
    held = [
        *(c.quote for c in answer.citations),
        *(w.text for w in answer.warnings),
        *(f"{source.title} {source.revision or ''} {source.document_id}" for source in sources),
        answer.question.text,
    ]
    known = _numbers(" ".join(held))
    for made in answer.conversions:
        if set(_numbers(made.value)) <= set(known):
            known += [n for other in made.others if follows(other, made.value) for n in _numbers(other)]
    said = _numbers(_STEP.sub("", _without_markers(answer.text)))
    return [number for number in said if number not in known]


def _numbers(text: str) -> list[str]:
    return _NUMBER.findall(unicodedata.normalize("NFKC", text))


def _without_markers(text: str) -> str:
    return _MARKER.sub("", text).strip()


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
    return any(_points(gold, citation) for citation in answer.citations)


def _points(gold: GoldQuestion, citation: Citation) -> bool:
    """Whether a citation names the right document and a right page."""
    return same_document(gold.document or "", citation.source.document_id) and (
        not gold.pages or any(citation.pages[0] <= page <= citation.pages[1] for page in gold.pages)
    )


def _squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _share(part: float, whole: int) -> float:
    return part / whole if whole else 0.0
