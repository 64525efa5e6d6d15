"""Answers made of the best few sentences, rows or list items; some forms only shift what is best."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from copilot.conditions import Conditions
from copilot.generate.eligible import (
    is_due,
    may_tell_how,
    meeting_most,
    naming_the_command,
    naming_the_thing,
    of_the_kind_asked,
    saying_when,
)
from copilot.generate.fault_table import also_listed
from copilot.generate.quoting import Quoter, plain, report_piece
from copilot.parameters import are_entries, title_at
from copilot.protocols import Knowledge
from copilot.safety import is_protection_rule, is_rule
from copilot.scoring import GENERIC, Candidate, starts_with_pronoun, wants_value
from copilot.sentences import Unit, UnitKind, split
from copilot.synonyms import actions_in, said_otherwise, words_in
from copilot.table_rows import Row, are_of_others, fitting, meets_only_the_work, row_at, rows_of, same_table
from copilot.table_values import is_record
from copilot.things import asks_for_designation
from copilot.types import Piece, Understanding
from copilot.units import (
    asks_for_interval,
    asks_for_value,
    quantities,
    units_asked,
)
from copilot.wording import say
from finetune.types import AnswerForm
from indexer.analysis import fold, tokens
from indexer.safety_notes import warning_signal
from indexer.types import Chunk, ChunkKind

MAX_ITEMS = 8
_WARNING_CHARACTERS = 700
_LIMITS: dict[AnswerForm, tuple[int, float]] = {  # units at most, and the share of the best score they must reach
    AnswerForm.VALUE: (2, 0.88),
    AnswerForm.INTERVALS: (3, 0.8),
    AnswerForm.WARNINGS: (3, 0.7),
    AnswerForm.CAUSES: (3, 0.8),
    AnswerForm.STEPS: (4, 0.6),
}
_DEFAULT_LIMIT = (3, 0.8)
_BESIDE_A_ROW = 0.8  # share of a row's score from which a sentence elsewhere is quoted below it
_MOST_ROWS = 20  # of a whole table that is asked for by its name
# One place, quoted so that it can be followed: where its section is short, all of it; else with the lines that say what it
# is about and how to get there, and what comes next up to a few lines. Three places, each cut to its best sentence, read
# worse and were scored lower against answers by other hands. Lengths are words; two Chinese characters count as one.
_CHUNKS, _SEVERAL_CHUNKS = 1, 3
_LEAD_WORDS = 40
_WHOLE_WORDS = 60
_ASKED = re.compile(r"\s*(?:Q(?:uestion)?\s*\d*|问题?\s*\d*)\s*[:：.、]", re.IGNORECASE)
_ANSWERED = re.compile(r"(?:^|(?<=[\s?？]))(?:A(?:nswer)?\s*\d*|答案?\s*\d*)\s*[:：.、]", re.IGNORECASE)
_ANSWER_UNITS = 9  # of a question with its answer
_TERSE = (AnswerForm.VALUE, AnswerForm.INTERVALS, AnswerForm.WARNINGS)  # a number, a rule: nothing around it
_HAN = re.compile(r"[\u3400-\u9fff]")
_REMEDY_UNITS = 2  # what follows a symptom in prose is most often what to do about it


def answer_passages(
    understanding: Understanding, candidates: Sequence[Candidate], quoter: Quoter, knowledge: Knowledge
) -> Iterator[Piece]:
    """The best one to three units with what they need to be read alone, chunk by chunk in reading order.

    Where a value is asked for, the rows of a table are those that meet its conditions best, see `copilot.table_rows`.
    """
    form = understanding.form
    if form is AnswerForm.WARNINGS:
        candidates = _prefer_rules(candidates, rows=asks_for_value(understanding.text))
    asked = bool(units_asked(understanding.text)) or asks_for_designation(understanding.text)
    valued = wants_value(understanding) or (form is not AnswerForm.STEPS and asked)
    if valued or form is AnswerForm.INTERVALS:  # what was done once is no rule, where there are manuals
        candidates = [one for one in candidates if one.chunk.kind is not ChunkKind.FAULT_REPORT] or candidates
    elif form is AnswerForm.STEPS:
        candidates = [one for one in candidates if may_tell_how(one)]
    limit, share = _LIMITS[AnswerForm.VALUE] if valued else _LIMITS.get(form, _DEFAULT_LIMIT)
    if valued:
        candidates = meeting_most(of_the_kind_asked(understanding, naming_the_thing(understanding, candidates)), share)
    if asks_for_interval(understanding.text):
        candidates = saying_when(candidates)
    candidates = naming_the_command(understanding, candidates)
    chosen = _choose(candidates, limit, share, _SEVERAL_CHUNKS if form in _TERSE else _CHUNKS)
    if form in (AnswerForm.STEPS, AnswerForm.CAUSES, AnswerForm.INTERVALS) and chosen:
        beside = _told_beside(chosen[0], candidates)
        chosen += [
            one for one in beside if one not in chosen and (form is not AnswerForm.INTERVALS or one.met > chosen[0].met)
        ]
    if form is AnswerForm.INTERVALS and not wants_value(understanding) and any(map(is_due, chosen)):
        chosen = [candidate for candidate in chosen if is_due(candidate)]
    if form is AnswerForm.WARNINGS:
        chosen.sort(key=lambda candidate: candidate.chunk.kind is not ChunkKind.WARNING)
    if valued or asks_for_value(understanding.text) or form is AnswerForm.INTERVALS:
        whole = _whole_table(understanding, chosen, knowledge)
        rows, chosen = ([whole], []) if whole else _rows_asked_for(understanding, chosen, knowledge)
        rows = [group if whole else _in_units_asked(understanding, group) for group in rows]
        if asks_for_interval(understanding.text):
            rows = [kept for group in rows if (kept := _about_the_work(understanding, group))]
        yield from _tables(understanding, rows, quoter, ask=not whole)
    for chunk in dict.fromkeys(candidate.chunk for candidate in chosen):
        mine = [candidate for candidate in chosen if candidate.chunk is chunk]
        if chunk.kind is ChunkKind.FAULT_REPORT:
            yield report_piece(chunk, quoter)
        elif chunk.kind is ChunkKind.WARNING and len(chunk.text) <= _WARNING_CHARACTERS and form is AnswerForm.WARNINGS:
            yield quoter.span(chunk, 0, len(chunk.text), " ".join(chunk.text.split()))
        else:
            units = _in_context(understanding, chunk, mine)
            alone = form in _TERSE or _stand_alone(chunk, units)
            yield from quoter.units(chunk, units if alone else _readable(chunk, units))
            if chunk is chosen[0].chunk:
                yield from also_listed(understanding, chunk, knowledge, quoter)


def _told_beside(best: Candidate, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best sentence of another passage, where a row leads and says the same in fewer words: how to turn the arm back."""
    if best.unit.kind not in (UnitKind.ROW, UnitKind.FIELD) or best.chunk.kind is ChunkKind.FAULT_REPORT:
        return []
    shared = best.met
    others = (one for one in candidates if one.chunk is not best.chunk and one.unit.kind is UnitKind.SENTENCE)
    one = next(others, None)
    near = one is not None and one.score >= _BESIDE_A_ROW * best.score and 2 * len(one.met & shared) >= len(shared)
    return [one] if one is not None and near and one.chunk.kind is not ChunkKind.FAULT_REPORT else []


def _rows_asked_for(
    understanding: Understanding, chosen: Sequence[Candidate], knowledge: Knowledge
) -> tuple[list[list[Row]], list[Candidate]]:
    """The rows that fit the question for each table that is among the chosen, and what is chosen besides.

    A row that leads makes all that follow from other chunks second best; they are left as they are.
    """
    question = Conditions.of(understanding.text, understanding.terms)
    tables: list[list[Row]] = []
    rest: list[Candidate] = []
    for candidate in chosen:
        row = row_at(candidate.chunk, candidate.unit.start)
        if row is None:
            rest.append(candidate)
        elif not any(same_table(row, rows[0]) for rows in tables):
            source = candidate.chunk.source
            tables.append(fitting(question, row, knowledge.section(source.document_id, candidate.chunk.section)))
    told = [rows for rows in tables if not all(meets_only_the_work(question, row) for row in rows)]
    tables = told if told or rest else tables
    meant = [rows for rows in tables if not are_of_others(question, understanding.text, rows)]
    leads = bool(tables) and row_at(chosen[0].chunk, chosen[0].unit.start) is not None
    if leads and tables[0] not in meant:
        return [], []  # what follows speaks of those others as well
    return meant, rest


def _in_units_asked(understanding: Understanding, rows: list[Row]) -> list[Row]:
    """Of several rows those with a value in a unit that the question asks for, where any has one."""
    units = units_asked(understanding.text)
    held = [row for row in rows if any(q.dimension in units for cell in row.cells for q in quantities(cell.value))]
    return held or rows


def _about_the_work(understanding: Understanding, rows: list[Row]) -> list[Row]:
    """The rows for the work that a question asks about: how often a part is cleaned is not how often it is replaced."""
    asked = actions_in(understanding.text)
    if not asked:
        return rows
    question = Conditions.of(understanding.text, understanding.terms)
    rows = [row for row in rows if not meets_only_the_work(question, row)]
    told = [(row, actions_in(" ; ".join(cell.text for cell in row.cells))) for row in rows]
    return [row for row, work in told if not work or work & asked]


def _whole_table(understanding: Understanding, chosen: Sequence[Candidate], knowledge: Knowledge) -> list[Row]:
    """All rows of the best row's table, where its title and columns hold all that is asked for: "the maintenance schedule"."""
    found = (row_at(candidate.chunk, candidate.unit.start) for candidate in chosen)
    row = next(filter(None, found), None)
    if row is None or understanding.form is not AnswerForm.INTERVALS or asks_for_interval(understanding.text):
        return []
    title = words_in(" ; ".join((*row.chunk.heading[-2:], *(cell.label for cell in row.cells))))
    title |= said_otherwise(understanding.others, title)
    terms = {term for term in understanding.terms if term not in GENERIC and (len(term) > 1 or term.isascii())}
    own = {token for cell in row.cells for token in tokens(cell.text)} - title
    if not terms or not terms <= title or terms & own:
        return []
    section = knowledge.section(row.chunk.source.document_id, row.chunk.section)
    rows = [other for chunk in section for other in rows_of(chunk) if same_table(other, row)]
    return rows if len(rows) <= _MOST_ROWS else []


def _tables(
    understanding: Understanding, tables: Sequence[Sequence[Row]], quoter: Quoter, ask: bool = True
) -> Iterator[Piece]:
    """The rows; where several fit, under a line that has the reader `ask` which of them is meant."""
    for rows in tables:
        if len(rows) > 1 and ask:
            columns = say(understanding.language, "listed").join(_telling_columns(rows))
            key = "several_rows_by" if columns else "several_rows"
            yield quoter.frame(say(understanding.language, key, columns=columns))
        for chunk in dict.fromkeys(row.chunk for row in rows):
            mine = [row for row in rows if row.chunk is chunk]
            if any(row.inherited for row in mine):
                for row in mine:
                    yield from quoter.row(row)
            else:
                yield from quoter.units(chunk, [unit for row in mine for unit in row.units])


def _telling_columns(rows: Sequence[Row]) -> list[str]:
    """The names of the columns, but for the last, in which the rows differ: what a reader has to know to choose."""
    cells = [{cell.label: cell.text for cell in (*row.cells, *row.inherited) if cell.text} for row in rows]
    labels = [cell.label for cell in rows[0].cells if cell.label]
    return [plain(label) for label in labels[:-1] if len({named.get(label, "") for named in cells}) > 1]


def protection_rules(candidates: Sequence[Candidate], quoter: Quoter) -> Iterator[Piece]:
    """At most two sentences in which the documents command or forbid something about a protective device."""
    found = [candidate for candidate in candidates if is_protection_rule(candidate.unit.text)]
    texts: set[str] = set()
    for candidate in found:
        if len(texts) == 2:
            return
        if (key := _key(candidate.unit)) not in texts:
            texts.add(key)
            yield from quoter.units(candidate.chunk, [candidate.unit])


def _prefer_rules(candidates: Sequence[Candidate], *, rows: bool) -> list[Candidate]:
    """Warnings and rules before what only speaks of the same things; without `rows`, table rows are last of all."""

    def passed(candidate: Candidate) -> bool:
        row = not rows and row_at(candidate.chunk, candidate.unit.start) is not None
        return row and not is_rule(candidate.unit.text)

    raised = [
        replace(
            candidate,
            score=candidate.score
            + 0.25 * (candidate.chunk.kind is ChunkKind.WARNING)
            + 0.15 * is_rule(candidate.unit.text)
            - 0.25 * passed(candidate),
        )
        for candidate in candidates
    ]
    return sorted(raised, key=lambda candidate: -candidate.score)


def _choose(candidates: Sequence[Candidate], limit: int, share: float, most: int) -> list[Candidate]:
    """The candidates of the best `most` chunks, no two alike, each close enough to the best."""
    if not candidates:
        return []
    top = candidates[0].score
    chunks = list(dict.fromkeys(candidate.chunk.id for candidate in candidates))[:most]
    chosen: list[Candidate] = []
    for candidate in candidates:
        if len(chosen) == limit or candidate.score < share * top:
            break
        if candidate.chunk.id not in chunks or any(_alike(candidate.unit, other.unit) for other in chosen):
            continue
        if candidate.unit.kind is UnitKind.FIELD and any(other.chunk is candidate.chunk for other in chosen):
            continue  # a row of one is quoted whole
        chosen.append(candidate)
    return chosen


def _key(unit: Unit) -> str:
    return fold("".join(unit.text.split()))


def _alike(one: Unit, other: Unit) -> bool:
    """Whether two units say the same in nearly the same words."""
    if _key(one) == _key(other):
        return True
    first, second = set(tokens(one.text)), set(tokens(other.text))
    return len(first & second) > 0.85 * max(1, min(len(first), len(second))) and abs(len(first) - len(second)) <= 3


def _in_context(understanding: Understanding, chunk: Chunk, chosen: Sequence[Candidate]) -> list[Unit]:
    units = split(chunk.text, chunk.kind)
    if any(candidate.unit.kind is UnitKind.FIELD for candidate in chosen):
        return units if is_record(units) else [candidate.unit for candidate in chosen]
    wanted: set[int] = set()
    for candidate in chosen:
        place = candidate.order
        wanted.add(place)
        if (title := title_at(chunk.text, candidate.unit.start)) is not None:
            wanted.update(
                other for other in range(place) if units[other].start < title[1] and title[0] < units[other].end
            )
        wanted.update(_notice_around(chunk, units, place))
        first = place
        while (
            first > 0
            and first > place - 2
            and units[first].kind is UnitKind.SENTENCE
            and starts_with_pronoun(units[first].text)
        ):
            first -= 1
            wanted.add(first)
        wanted.update(_answered_at(units, place))
        if understanding.form is AnswerForm.CAUSES and units[place].kind is UnitKind.SENTENCE and len(chosen) == 1:
            wanted.update(range(place + 1, min(len(units), place + 1 + _REMEDY_UNITS)))
        if _introduces(units[place]):
            wanted.update(_list_after(units, place))
        elif units[place].kind is UnitKind.ITEM:
            wanted.update(_list_around(understanding, chunk, units, place))
    return [units[place] for place in sorted(wanted) if units[place].kind is not UnitKind.HEADER]


def _answered_at(units: Sequence[Unit], place: int) -> range:
    """The units of a question and answer ("Q4: ...? A4: ...") that hold a place: one is no use without the other."""
    starts = [other for other, unit in enumerate(units) if _ASKED.match(unit.text)]
    first = max((start for start in starts if start <= place), default=None)
    if first is None or not any(_ANSWERED.search(unit.text) for unit in units[first : first + 3]):
        return range(0)
    end = min((start for start in starts if start > place), default=len(units))
    return range(first, min(end, first + _ANSWER_UNITS))


def _notice_around(chunk: Chunk, units: Sequence[Unit], place: int) -> list[int]:
    """All sentences of the notice that a unit is part of: what to do stands behind the danger, on the same line."""
    line = units[place].line
    same = [other for other, unit in enumerate(units) if unit.line == line]
    return same if warning_signal(chunk.text[units[same[0]].start :]) is not None else []


def _stand_alone(chunk: Chunk, chosen: Sequence[Unit]) -> bool:
    """Whether what is chosen is an entry of a list of like ones, to which its neighbours add nothing: a question with its answer, the
    description of a parameter, an entry of a menu."""
    if any(_ASKED.match(unit.text) or title_at(chunk.text, unit.start) is not None for unit in chosen):
        return True
    steps = [unit for unit in split(chunk.text, chunk.kind) if unit.kind is UnitKind.STEP]
    return any(unit in steps for unit in chosen) and are_entries([unit.text for unit in steps])


def _readable(chunk: Chunk, chosen: list[Unit]) -> list[Unit]:
    """The units with what their reader needs: the whole of a short section, else its lead and what follows at once."""
    units = [unit for unit in split(chunk.text, chunk.kind) if unit.kind is not UnitKind.HEADER]
    if not chosen or any(unit.kind in (UnitKind.ROW, UnitKind.FIELD) for unit in units):
        return chosen
    if sum(map(_length, units)) <= _WHOLE_WORDS:
        return units
    places = {units.index(unit) for unit in chosen}
    first = min(places)
    if sum(map(_length, units[:first])) <= _LEAD_WORDS:
        places.update(range(first))
    else:
        introducing = [place for place in range(first) if _introduces(units[place])]
        places.update([0, *introducing[-1:]])
    place, length = max(places) + 1, sum(_length(units[place]) for place in places)
    while place < len(units) and units[place].kind is UnitKind.SENTENCE:
        length += _length(units[place])
        if length > _WHOLE_WORDS:
            break
        places.add(place)
        place += 1
    return [units[place] for place in sorted(places)]


def _length(unit: Unit) -> int:
    han = len(_HAN.findall(unit.text))
    return len(_HAN.sub(" ", unit.text).split()) + (han + 1) // 2


def _introduces(unit: Unit) -> bool:
    return unit.text.rstrip().endswith((":", "："))


def _list_after(units: Sequence[Unit], place: int) -> list[int]:
    """The list items (or else the next sentence) that a line ending in a colon introduces."""
    out = []
    for position in range(place + 1, min(len(units), place + 1 + MAX_ITEMS)):
        if units[position].kind not in (UnitKind.ITEM, UnitKind.STEP):
            break
        out.append(position)
    return out or ([place + 1] if place + 1 < len(units) else [])


def _list_around(understanding: Understanding, chunk: Chunk, units: Sequence[Unit], place: int) -> list[int]:
    """The whole short list of an item when the question is about what the list is of, not about that one item."""
    first = last = place
    while first > 0 and units[first - 1].kind is UnitKind.ITEM:
        first -= 1
    while last + 1 < len(units) and units[last + 1].kind is UnitKind.ITEM:
        last += 1
    intro = first - 1 if first > 0 and _introduces(units[first - 1]) else None
    about = set(tokens(" ".join(chunk.heading[-1:]) + " " + (units[intro].text if intro is not None else "")))
    own = set(tokens(units[place].text))
    terms = set(understanding.terms)
    if last - first + 1 <= MAX_ITEMS and len(terms & about) > len((terms & own) - about):
        return [*([intro] if intro is not None else []), *range(first, last + 1)]
    return [intro] if intro is not None else []
