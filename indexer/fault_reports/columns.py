"""Which column of a work-order export is which: the names propose, the cells decide."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from indexer.errors import ReadError
from indexer.fault_reports import names, values
from indexer.fault_reports.names import FIELDS

TEXT_FIELDS = ("symptom", "cause", "action")
SAMPLE_ROWS = 500
_MIN_SCORE = 0.45
_MIN_FURTHER_TEXT = 0.6  # a second or third column joins a text field from here on
_MIN_FALLBACK = 0.55  # a second date or machine column fills the gaps of the first from here on
_LETTER = re.compile(r"[^\W\d_]")
_CJK = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Where each of our fields stands in an export's rows, and how its cells are to be read.

    `fields` maps our name to column positions from 0. Text fields (symptom, cause, action) join all their columns; of
    several date or machine columns the first filled one counts. `date_orders` holds, per date column, "dmy" or "mdy",
    or "" where the sample did not decide. `decimals` holds the decimal mark per number column, `downtime_unit` the
    hours in one unit of the downtime column. `warnings` are lines for the user.
    """

    header: tuple[str, ...]
    fields: Mapping[str, tuple[int, ...]]
    date_orders: Mapping[int, str] = field(default_factory=dict)
    decimals: Mapping[int, str] = field(default_factory=dict)
    downtime_unit: float = 1.0
    warnings: tuple[str, ...] = ()

    def columns(self, our_name: str) -> tuple[str, ...]:
        """The names of the columns that feed one of our fields."""
        return tuple(self.header[position] for position in self.fields.get(our_name, ()))

    @property
    def unmapped(self) -> tuple[str, ...]:
        """The columns that only go to `FaultReport.extra`."""
        used = set(itertools.chain.from_iterable(self.fields.values()))
        return tuple(name for position, name in enumerate(self.header) if position not in used)


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What a sample of one column's cells shows; shares are of the filled cells, 0..1."""

    filled: int
    distinct: int
    dates: float
    numbers: float
    durations: float
    letters: float
    codes: float
    mean_length: float  # characters; a Chinese character counts for three, as it says about as much

    @property
    def uniqueness(self) -> float:
        return self.distinct / self.filled if self.filled else 0.0


_CODE = re.compile(r"^(?=.*\d)[A-Za-z$#]{0,6}[ _.\-/]?[A-Za-z0-9][\w.\-/]{0,11}$")


def column_facts(cells: Sequence[str]) -> ColumnFacts:
    """Measure a sample of one column."""
    filled = [cell for raw in cells if (cell := values.clean(raw)) and not values.is_null_date(cell)]
    count = len(filled)
    if not count:
        return ColumnFacts(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    tally = Counter(filled)

    def share(test: Callable[[str], bool]) -> float:
        return sum(number for cell, number in tally.items() if test(cell)) / count

    return ColumnFacts(
        filled=count,
        distinct=len(tally),
        dates=share(lambda cell: values.parse_date(cell) is not None),
        numbers=share(lambda cell: values.parse_number(cell) is not None),
        durations=share(lambda cell: values.parse_hours(cell) is not None),
        letters=share(lambda cell: _LETTER.search(cell) is not None),
        codes=share(lambda cell: _CODE.match(cell) is not None),
        mean_length=sum((len(cell) + 2 * len(_CJK.findall(cell))) * number for cell, number in tally.items()) / count,
    )


def content_factor(our_name: str, facts: ColumnFacts) -> float:
    """How well the cells bear out a name, 0..1. An empty column halves its chance: a rival with content wins."""
    if not facts.filled:
        return 0.5
    if our_name == "date":
        return 0.0 if facts.dates < 0.5 else 0.5 + facts.dates / 2
    if our_name == "downtime_hours":
        return 0.0 if facts.durations < 0.5 else 0.5 + facts.durations / 2
    if our_name == "cost":
        return 0.0 if facts.numbers < 0.5 else 0.5 + facts.numbers / 2
    if our_name == "report_id":
        prose = facts.mean_length > 40
        return 0.1 if prose else 1.0 if facts.uniqueness >= 0.9 else 0.4 + 0.5 * facts.uniqueness
    if our_name == "code":
        return 0.1 if facts.mean_length > 80 else 0.6 + 0.4 * facts.codes
    if our_name in TEXT_FIELDS:
        if facts.letters < 0.3:
            return 0.6 if facts.codes > 0.5 else 0.1  # "cause: C03" is a catalogue code, "problem: 1" is a flag
        return 0.3 if facts.mean_length < 2 or facts.dates > 0.7 else 1.0
    # machine, component, failure_mode: short labels that come back
    if facts.dates > 0.7 and facts.letters < 0.5 and facts.mean_length > 7:
        return 0.1
    return 0.35 if facts.mean_length > 110 else 0.8 if facts.filled > 20 and facts.uniqueness > 0.95 else 1.0


def unique_names(header: Sequence[str]) -> tuple[str, ...]:
    """Trimmed column names; an empty one becomes "column 3", a repeated one "Description (2)"."""
    seen: Counter[str] = Counter()
    result = []
    for number, raw in enumerate(header, start=1):
        name = " ".join(raw.split()) or f"column {number}"
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(result)


def map_columns(
    header: Sequence[str], rows: Sequence[Sequence[str]], mapping: Mapping[str, str] = MappingProxyType({})
) -> ColumnMap:
    """Find our fields in an export's columns.

    `rows` is a sample (the first 500 are looked at); the more, the better dates and numbers are understood. `mapping`
    gives {our name: their column} and beats every guess; an empty column name says that the export has no such field.
    Columns are found by name in English, German and Chinese (see `names`), rivals are settled by content, and where
    no text column is known by name, the column with the longest texts becomes the symptom (with a warning).

    Raises ReadError when `mapping` has a name that is not ours or a column that the export lacks.
    """
    columns = unique_names(header)
    facts = [
        column_facts([row[position] if position < len(row) else "" for row in rows[:SAMPLE_ROWS]])
        for position in range(len(columns))
    ]
    warnings: list[str] = []
    fixed = _check_mapping(columns, mapping)
    fields = _assign(columns, facts, fixed)
    _guess_by_content(columns, facts, fields, fixed, warnings)
    date_orders = {}
    for position in fields.get("date", ()):
        cells = [row[position] for row in rows if position < len(row)]
        date_orders[position] = settle_date_order(values.vote_date_order(cells), columns[position], warnings)
    decimals = {
        position: values.vote_decimal(row[position] for row in rows[:SAMPLE_ROWS] if position < len(row))
        for our_name in ("downtime_hours", "cost")
        for position in fields.get(our_name, ())
    }
    unit = _downtime_unit(columns, facts, fields, rows, warnings)
    ordered = {our_name: tuple(fields[our_name]) for our_name in FIELDS if fields.get(our_name)}
    return ColumnMap(columns, ordered, date_orders, decimals, unit, tuple(warnings))


def settle_date_order(votes: tuple[int, int, int], column: str, warnings: list[str]) -> str:
    """Return "dmy" or "mdy", or "" where nothing decides; says contradictions in `warnings`."""
    day_first, month_first, _ = votes
    if day_first and month_first:
        order = "dmy" if day_first >= month_first else "mdy"
        warnings.append(
            f"column '{column}': {day_first} dates can only be day first and {month_first} only month first; "
            f"doubtful ones are read as {'day' if order == 'dmy' else 'month'} first; check the export's date format"
        )
        return order
    return "dmy" if day_first else "mdy" if month_first else ""


def _check_mapping(columns: tuple[str, ...], mapping: Mapping[str, str]) -> dict[str, int | None]:
    """our name -> position; None where the mapping says that there is no such column."""
    by_form = {names.normal_form(column): position for position, column in reversed(list(enumerate(columns)))}
    fixed: dict[str, int | None] = {}
    for our_name, column in mapping.items():
        if our_name not in FIELDS:
            raise ReadError(f"unknown field '{our_name}' in the column mapping; choose from {', '.join(FIELDS)}")
        wanted = " ".join(column.split())
        if not wanted:
            fixed[our_name] = None
            continue
        position = columns.index(wanted) if wanted in columns else by_form.get(names.normal_form(wanted))
        if position is None:
            raise ReadError(
                f"the column mapping names column '{column}' for {our_name}, which the export lacks; "
                f"its columns are {', '.join(columns)}"
            )
        fixed[our_name] = position
    return fixed


def _assign(
    columns: tuple[str, ...], facts: Sequence[ColumnFacts], fixed: Mapping[str, int | None]
) -> dict[str, list[int]]:
    """Give each column to the field it fits best, best pairs first."""
    fields: dict[str, list[int]] = {our_name: [place] for our_name, place in fixed.items() if place is not None}
    used = {position for position in fixed.values() if position is not None}
    pairs = []
    for position, column in enumerate(columns):
        for our_name, score in names.name_scores(column).items():
            weighted = score * content_factor(our_name, facts[position])
            if our_name not in fixed and weighted >= _MIN_SCORE:
                pairs.append((-weighted, position, our_name))
    for negative, position, our_name in sorted(pairs):
        score, taken = -negative, our_name in fields
        if position in used:
            continue
        if taken and not facts[position].filled:
            continue
        if our_name in TEXT_FIELDS:
            joins = not taken or score >= _MIN_FURTHER_TEXT
        elif our_name in ("date", "machine"):
            joins = not taken or score >= _MIN_FALLBACK
        else:
            joins = not taken
        if joins:
            fields.setdefault(our_name, []).append(position)
            used.add(position)
    for our_name in TEXT_FIELDS:
        # A text field of several columns reads in the export's own order: short text, then long text.
        if our_name in fields:
            fields[our_name].sort()
    return fields


def _guess_by_content(
    columns: tuple[str, ...],
    facts: Sequence[ColumnFacts],
    fields: dict[str, list[int]],
    fixed: Mapping[str, int | None],
    warnings: list[str],
) -> None:
    """Fill a missing date and a missing text from columns whose cells speak for themselves."""
    used = set(itertools.chain.from_iterable(fields.values()))
    free = [position for position in range(len(columns)) if position not in used and facts[position].filled]
    if "date" not in fields and "date" not in fixed:
        dated = [
            p for p in free if facts[p].dates >= 0.9 and facts[p].numbers < 0.5 and not names.is_planned(columns[p])
        ]
        if dated:
            fields["date"] = dated[:1]
            warnings.append(f"column '{columns[dated[0]]}' is taken for the date because its cells are dates")
            free.remove(dated[0])
    if not any(our_name in fields for our_name in TEXT_FIELDS) and "symptom" not in fixed:
        prose = [p for p in free if facts[p].letters > 0.8 and facts[p].mean_length >= 12 and facts[p].dates < 0.5]
        if prose:
            best = max(prose, key=lambda p: facts[p].mean_length * min(1.0, 0.2 + facts[p].uniqueness))
            fields["symptom"] = [best]
            warnings.append(f"column '{columns[best]}' is taken for the symptom because it holds the longest texts")


def _downtime_unit(
    columns: tuple[str, ...],
    facts: Sequence[ColumnFacts],
    fields: Mapping[str, Sequence[int]],
    rows: Sequence[Sequence[str]],
    warnings: list[str],
) -> float:
    """Hours in one unit of the downtime column: from its header, else from a unit column beside it, else 1."""
    if not fields.get("downtime_hours"):
        return 1.0
    position = fields["downtime_hours"][0]
    if names.is_stand_in(columns[position]):
        warnings.append(
            f"the export has no downtime column; '{columns[position]}' (repair or labour hours) stands in for it"
        )
    unit = values.header_unit(columns[position])
    if unit is not None:
        return unit
    for beside in (position + 1, position - 1):
        if 0 <= beside < len(columns) and re.search("unit|单位|einheit", columns[beside].lower()):
            units = {row[beside].strip() for row in rows[:SAMPLE_ROWS] if beside < len(row) and row[beside].strip()}
            if len(units) == 1 and (unit := values.header_unit(f"({units.pop()})")) is not None:
                return unit
    if facts[position].numbers > 0.5 and not names.is_stand_in(columns[position]):
        warnings.append(f"column '{columns[position]}' names no unit; its numbers are taken as hours")
    return 1.0
