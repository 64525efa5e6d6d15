"""The few words of an answer that answer: a value with its unit, a name, yes or no. Nothing where that is not certain.

A row of a table is read by its columns, a sentence by the quantity asked for, and what a reader marked is taken where it
is sure; see `copilot.yes_no` for the rest. All lies in what the answer quotes. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from copilot.conditions import Conditions, stretches
from copilot.options import chosen_option
from copilot.scoring import GENERIC, wants_value
from copilot.synonyms import said_otherwise, words_in
from copilot.table_rows import Row, rows_of, value_cell
from copilot.table_values import Cell
from copilot.things import asks_for_designation, counts_things, has_designation, thing_asked
from copilot.types import Citation, Understanding
from copilot.units import (
    asks_for_interval,
    asks_for_value,
    dimensions_asked,
    has_number,
    names_of,
    quantities,
    states_interval,
)
from copilot.yes_no import asks_yes_or_no, yes_or_no
from finetune.types import AnswerForm
from indexer.analysis import question_tokens
from indexer.types import Chunk, ChunkKind, Hit

SURE = 0.5
_SHARE, _SHARE_CHINESE = 0.5, 0.2
_LONGEST = 120  # characters; what is longer is no short answer
_ACROSS = re.compile(r"\n| \| ")
_CALLED = re.compile(r"\b(?:what|which|who|whose)\b|什么|哪|谁|多少", re.IGNORECASE)


def short_answer(
    understanding: Understanding,
    citations: Sequence[Citation],
    chunks: Mapping[str, Chunk],
    hits: Sequence[Hit],
    sure: float = SURE,
) -> str:
    """The words that answer, or "".

    `chunks` are those cited, by id; `hits` bring the reading of a reader, whose spans count from `sure` on. Where the
    answer shows several rows that fit, none of them is the answer.
    """
    if understanding.form is AnswerForm.REFUSAL:  # and yet answered, by the evidence
        understanding = replace(understanding, form=AnswerForm.AUTO)
    if asks_yes_or_no(understanding.text):
        relevance = {hit.chunk.id: hit.reading.relevance for hit in hits if hit.reading is not None}
        return yes_or_no(understanding, citations, chunks, relevance)
    if option := chosen_option(understanding.text, (citation.quote for citation in citations)):
        return option if len(option) <= _LONGEST else ""
    quoted = [(citation, chunks[citation.chunk_id]) for citation in citations if citation.chunk_id in chunks]
    rows = [row for citation, chunk in quoted for row in _rows_quoted(citation, chunk)]
    if rows:
        found = _of_rows(understanding, rows)
    else:
        found = _marked(understanding, citations, hits, sure) or _only_quantity(understanding, quoted)
    return found if len(found) <= _LONGEST else ""


def _rows_quoted(citation: Citation, chunk: Chunk) -> list[Row]:
    """The rows that a quote is of; one with merged cells is quoted from the row on that those begin in."""
    rows = [row for row in rows_of(chunk) if _within(row.units[0].start, row.end, citation)]
    whole = [row for row in rows if row.inherited and (row.start, row.end) == _place(citation)]
    return whole or rows


def _place(citation: Citation) -> tuple[int, int]:
    return citation.start, citation.start + len(citation.quote)


def _of_rows(understanding: Understanding, rows: Sequence[Row]) -> str:
    """The value of the one row that has what is asked for, if it speaks of what the question speaks of."""
    question = Conditions.of(understanding.text, understanding.terms)
    asked = dimensions_asked(understanding.text)
    interval = asks_for_interval(understanding.text) or (
        understanding.form is AnswerForm.INTERVALS and not wants_value(understanding)
    )
    thing = thing_asked(understanding.text)
    designation = asks_for_designation(understanding.text)
    number = thing is None and (interval or wants_value(understanding) or asks_for_value(understanding.text))

    counted = counts_things(understanding.text)

    def wanted(row: Row, cell: Cell) -> float:
        if any(stretch.holds(given) for stretch in stretches(cell.value) for given in question.stretches):
            return 0.0  # the condition, not what holds under it
        if counted and cell is row.cells[0]:
            return 0.0
        if designation:
            return 2.0 if asks_for_designation(cell.label) else 1.0 if has_designation(cell.value) else 0.0
        if thing is not None:
            return 1.0 if thing.is_named_by(cell) else 0.0
        found = {quantity.dimension for quantity in quantities(cell.value)}
        if not interval and "time" not in asked and states_interval(cell.value):
            return 0.0
        if interval:
            return 1.0 if states_interval(cell.value) or "time" in found else 0.0
        if found & asked:
            return 2.0
        if number and has_number(cell.value):
            return 1.0 if found and not asked else 0.5
        named = set(question_tokens(cell.label))
        return 0.5 if not number and named and named <= question.words and _CALLED.search(understanding.text) else 0.0

    answering = [row for row in rows if any(wanted(row, cell) > 0 for cell in row.cells if cell.text)]
    if len(answering) != 1 or not _speaks_of(understanding, answering[0]):
        return ""
    cell = value_cell(answering[0], question, partial(wanted, answering[0]))
    return "" if cell is None else cell.value


def _speaks_of(understanding: Understanding, row: Row) -> bool:
    """Whether a row and what stands above it hold enough of the question's words; of Chinese, pairs of characters."""
    chunk = row.chunk
    source = chunk.source
    cells = [*row.inherited, *row.cells]
    around = (*chunk.heading, source.title, source.machine or "", *(f"{cell.label} {cell.value}" for cell in cells))
    there = words_in(" ; ".join(around))
    kinds = {quantity.dimension for cell in cells for quantity in quantities(cell.value)}
    for kind, words in names_of(understanding.text).items():
        if kind in kinds:
            there.update(token for word in words for token in question_tokens(word))
    terms = [term for term in understanding.terms if term not in GENERIC and (len(term) > 1 or term.isascii())]
    there |= said_otherwise(understanding.others, there)
    met = sum(term in there for term in terms)
    return met > (_SHARE_CHINESE if understanding.language == "zh" else _SHARE) * len(terms)


def _marked(understanding: Understanding, citations: Sequence[Citation], hits: Sequence[Hit], sure: float) -> str:
    """The likeliest span of a reader that lies in a quote, verbatim, with the unit of its number."""
    read = {hit.chunk.id: hit for hit in hits if hit.reading is not None}
    asked = dimensions_asked(understanding.text) if wants_value(understanding) else frozenset()
    best, text = sure, ""
    for citation in citations:
        hit = read.get(citation.chunk_id)
        if hit is None or hit.reading is None:
            continue
        for span in hit.reading.spans:
            begin, end = _with_unit(hit.chunk.text, span.begin, span.end)
            said = hit.chunk.text[begin:end]
            if not _within(begin, end, citation) or span.confidence <= best or _ACROSS.search(said):
                continue
            found = {quantity.dimension for quantity in quantities(said)}
            if asked and not found & asked and (found or any(map(str.isdigit, said))):
                continue  # a value, but of another kind or of none
            best, text = span.confidence, " ".join(said.split())
    return text


def _only_quantity(understanding: Understanding, quoted: Sequence[tuple[Citation, Chunk]]) -> str:
    """The one quantity of the kind asked for in all that is quoted."""
    asked = dimensions_asked(understanding.text) if wants_value(understanding) else frozenset()
    if not asked or any(chunk.kind is ChunkKind.FAULT_REPORT for _, chunk in quoted):
        return ""
    if len(asked) > 1:
        return ""  # "how long is there dangerous voltage": which of them is asked for?
    found = {
        " ".join(citation.quote[quantity.start : quantity.end].split())
        for citation, _ in quoted
        for quantity in quantities(citation.quote)
        if quantity.dimension in asked
    }
    return found.pop() if len(found) == 1 else ""


def _with_unit(text: str, begin: int, end: int) -> tuple[int, int]:
    """A span, widened to the whole quantity where it is only a part of one: "41" of "41 Hz"."""
    for quantity in quantities(text[max(0, begin - 20) : end + 20]):
        first, last = quantity.start + max(0, begin - 20), quantity.end + max(0, begin - 20)
        if first <= begin < last and begin < end <= last:
            return first, last
    return begin, end


def _within(begin: int, end: int, citation: Citation) -> bool:
    return citation.start >= 0 and citation.start <= begin and end <= citation.start + len(citation.quote)
