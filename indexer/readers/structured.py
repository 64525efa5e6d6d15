"""JSON and YAML to pages: paged documents, sections, tables of records, code maps, or plain "path: value" lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from indexer.chinese import simplified
from indexer.errors import ReadError
from indexer.readers.grid import table_block
from indexer.readers.limits import ReadLimits
from indexer.readers.text_tools import clean_text, heading, is_cjk, join_lines, make_page, one_line, paragraph
from indexer.types import Block, BlockKind, Page

_TEXT_KEYS = ("text", "content", "body", "page_content", "markdown", "md", "正文", "内容")
_PAGE_KEYS = ("page_idx", "page", "page_no", "page_number", "page_num", "pageno", "pagenumber", "页码")
_MARKED_HEADING = re.compile(r"^#{1,6} +\S|\\(?:sub)*section\*?\{", re.MULTILINE)
_TITLE_KEYS = ("title", "heading", "section", "section_title", "name", "header", "标题")
_ID_KEYS = frozenset(("id", "_id", "uid", "uuid", "key", "url", "link", "href", "source", "order", "index", "level"))
_CODE_KEYS = frozenset(
    ("code", "error", "error_code", "errorcode", "alarm", "fault", "number", "no", "代码", "故障代码")
)
_CODE_LIKE = re.compile(r"^(?:0x)?[A-Za-z]{0,6}[-_.]?\d[\w.\-]*$")


def load_json(text: str, name: str) -> Any:
    """The value of a JSON text, or the values of JSON lines. Raises ReadError naming the broken line."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ReadError(f"{name}: JSON nested too deeply") from error
    except json.JSONDecodeError as error:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) > 1 and lines[0].lstrip()[:1] in "{[":
            values = []
            for number, line in enumerate(lines, 1):
                try:
                    values.append(json.loads(line))
                except (json.JSONDecodeError, RecursionError):
                    if number == 1:
                        break
                    raise ReadError(f"{name}: line {number} is not JSON; mend or remove it") from error
            else:
                return values
        raise ReadError(f"{name}: not valid JSON ({error.msg} at line {error.lineno}); export it again") from error


def load_yaml(text: str, name: str, max_nodes: int = 1_000_000) -> Any:
    """The value of a YAML text by the safe loader, several documents as a list.

    Raises ValueError (ReadError is raised by the caller) for broken YAML and for aliases that unfold to more than
    `max_nodes` values.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        values = [v for v in yaml.load_all(text, Loader=loader) if v is not None]
    except (yaml.YAMLError, RecursionError) as error:
        problem = " ".join(str(getattr(error, "problem", error)).split())
        raise ValueError(f"{name}: not valid YAML ({problem})") from error
    value = values[0] if len(values) == 1 else values
    if "*" in text and "&" in text:
        _count_nodes(value, max_nodes, name)
    return value


def _count_nodes(value: Any, limit: int, name: str) -> None:
    stack, seen = [value], 0
    while stack:
        item = stack.pop()
        seen += 1
        if seen > limit:
            raise ValueError(f"{name}: its aliases unfold to more than {limit} values; refused")
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def structured_pages(value: Any, limits: ReadLimits, name: str) -> list[Page]:
    """Pages of a loaded value; see the module's docstring for the shapes that are recognised."""
    records = _records(value)
    if records is not None and (keys := _paged_keys(records)):
        return _paged(records, *keys)
    if records is not None and (keys := _section_keys(records)):
        return [make_page(1, _sections(records, *keys))]
    blocks: list[Block] = []
    _value_blocks(value, "", blocks, 1, limits)
    return [make_page(1, blocks)]


def _records(value: Any) -> list[dict[str, Any]] | None:
    """The objects of a list or of a map, when all values are objects."""
    items = list(value.values()) if isinstance(value, dict) else value
    if isinstance(items, list) and items and all(isinstance(i, dict) for i in items):
        return [{str(k): v for k, v in i.items()} for i in items]
    return None


def _key(records: Sequence[Mapping[str, Any]], names: Sequence[str], share: float = 0.9) -> str | None:
    for name in names:
        found = {k for r in records[:50] for k in r if simplified(k.lower()) == name}
        for key in found:
            if sum(key in r for r in records) >= share * len(records):
                return key
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value))


def _paged_keys(records: list[dict[str, Any]]) -> tuple[str, str] | None:
    text, page = _key(records, _TEXT_KEYS), _key(records, _PAGE_KEYS)
    if text is None or page is None or not all(_is_text(r.get(text) or "") for r in records):
        return None
    numbers = [r.get(page) for r in records]
    if not all(
        (isinstance(n, int) and not isinstance(n, bool)) or (isinstance(n, str) and n.strip().isdigit())
        for n in numbers
    ):
        return None
    return text, page


def _paged(records: list[dict[str, Any]], text_key: str, page_key: str) -> list[Page]:
    """One page per number; several objects of one page follow each other; missing numbers become blank pages."""
    from indexer.readers.latex import marked_up_blocks

    numbers = [int(r[page_key]) for r in records]
    shift = 1 if page_key.lower() == "page_idx" or min(numbers) == 0 else 0
    texts: dict[int, list[str]] = {}
    for number, record in zip(numbers, records, strict=True):
        value = record.get(text_key) or ""
        texts.setdefault(number + shift, []).append(value if isinstance(value, str) else "\n".join(value))
    last = max(texts)
    if last > 50 * len(texts) + 1000 or min(texts) < 1:  # numbers that are no page numbers
        texts = dict(enumerate(texts.values(), 1))
        last = len(texts)
    # Headings of a page's bare text are guesses, and a wrong one names every page that follows: only marked ones count.
    marked = any(_MARKED_HEADING.search(part) for parts in texts.values() for part in parts)
    pages = []
    for n in range(1, last + 1):
        blocks = marked_up_blocks("\n\n".join(texts.get(n, [])))
        if not marked:
            blocks = [paragraph(b.text) if b.kind is BlockKind.HEADING else b for b in blocks]
        pages.append(make_page(n, blocks))
    return pages


def _section_keys(records: list[dict[str, Any]]) -> tuple[str, str] | None:
    text, title = _key(records, _TEXT_KEYS), _key(records, _TITLE_KEYS)
    if text is None or title is None or text == title:
        return None
    if not all(_is_text(r.get(text) or "") and isinstance(r.get(title) or "", str) for r in records):
        return None
    others = {simplified(k.lower()) for r in records for k in r} - {text.lower(), title.lower()}
    if others & _CODE_KEYS:
        return None  # a table of codes that happens to have a title and a text
    length = sum(
        len(v) if isinstance(v, str) else sum(map(len, v)) for v in (r.get(text) or "" for r in records)
    ) / len(records)
    # Short texts beside several other fields are rows of a table; long ones are sections with some data about them.
    return (text, title) if length >= 200 or len(others - _ID_KEYS) <= 2 else None


def _sections(records: list[dict[str, Any]], text_key: str, title_key: str) -> list[Block]:
    from indexer.readers.latex import marked_up_blocks

    blocks: list[Block] = []
    for record in records:
        title, value = one_line(record.get(title_key) or ""), record.get(text_key) or ""
        if title:
            blocks.append(heading(title, 1))
        if isinstance(value, str):
            blocks.extend(marked_up_blocks(value))
        else:
            lines = [one_line(line) for line in value]
            if lines and lines[0].lower() == title.lower():
                lines = lines[1:]
            blocks.extend(paragraph(text) for text in join_broken_lines(lines))
    return blocks


def join_broken_lines(lines: Sequence[str]) -> list[str]:
    """Paragraphs from lines some of which were broken by a page's width: a line goes on when the sentence does."""
    out: list[list[str]] = []
    for line in (text for text in lines if text):
        if out:
            last = out[-1][-1]
            unfinished = last[-1] not in '.!?:;。！？：；"”)' and (
                len(last) >= 60 or last[-1] in ",，、(-" or last.rsplit(None, 1)[-1].lower() in _OPEN_WORDS
            )
            goes_on = line[0].islower() or line[0] in ",.;:)，。；：）"
            if goes_on or (unfinished and (not is_cjk(line[0]) or len(last) >= 30)):
                out[-1].append(line)
                continue
        out.append([line])
    return [join_lines(group) for group in out]


_OPEN_WORDS = frozenset(
    [
        "the",
        "a",
        "an",
        "and",
        "or",
        "of",
        "to",
        "in",
        "on",
        "at",
        "for",
        "with",
        "from",
        "by",
        "as",
        "is",
        "are",
        "be",
        "press",
        "tap",
        "select",
        "your",
        "this",
        "that",
    ]
)


def _value_blocks(value: Any, name: str, blocks: list[Block], level: int, limits: ReadLimits) -> None:
    """Blocks of any value: records as a table, groups under headings, the rest as "path: value" lines."""
    title = [heading(name.replace("_", " ") if " " not in name else name, level)] if name else []
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        block = records_table(value, limits=limits)
        blocks.extend([*title, block] if block else [])
        return
    if isinstance(value, dict) and _keyed(value) and not _all_code_maps(value):
        keys = [str(k) for k in value]
        header = "code" if sum(bool(_CODE_LIKE.match(k)) for k in keys) > 0.7 * len(keys) else "key"
        if any(header in record for record in value.values()):
            header = "entry"
        block = records_table(
            [{header: k, **v} for k, v in zip(keys, value.values(), strict=True)], limits=limits, first=header
        )
        blocks.extend([*title, block] if block else [])
        return
    if (
        isinstance(value, dict)
        and any(isinstance(v, dict | list) and _is_group(v) for v in value.values())
        and level < 6
    ):
        blocks.extend(title)
        rest: dict[str, Any] = {}
        for key, inner in value.items():
            if isinstance(inner, dict | list) and _is_group(inner):
                _value_blocks(inner, str(key), blocks, level + 1 if name else level, limits)
            else:
                rest[str(key)] = inner
        blocks.extend(_flat_blocks(rest))
        return
    blocks.extend(title)
    blocks.extend(_flat_blocks(value))


def _is_group(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(v, dict) for v in value)
    return _keyed(value) or any(isinstance(v, dict | list) and bool(v) and _is_group(v) for v in value.values())


def _keyed(value: Mapping[str, Any]) -> bool:
    """Whether a map holds records of one kind under their keys; a single one only when its key looks like a code."""
    enough = len(value) > 1 or any(_CODE_LIKE.match(str(key)) for key in value)
    return enough and _alike(list(value.values()))


def _alike(values: Sequence[Any]) -> bool:
    """Whether values are records of one kind: maps that share most of their keys."""
    if not values or not all(isinstance(v, dict) and v for v in values):
        return False
    keys = [set(v) for v in values]
    common = set.union(*keys)
    return len(common) <= 60 and sum(len(k) for k in keys) >= 0.5 * len(common) * len(keys)


def _all_code_maps(groups: Mapping[str, Any]) -> bool:
    """Whether every value maps codes to records: groups of codes may share their codes and are no records."""
    return all(
        isinstance(group, dict)
        and all(isinstance(record, dict) for record in group.values())
        and sum(bool(_CODE_LIKE.match(str(key))) for key in group) > 0.7 * len(group)
        for group in groups.values()
    )


def _flat_blocks(value: Any) -> list[Block]:
    return [paragraph(f"{path}: {text}" if path else text) for path, text in _leaves(value, "") if text]


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """(dotted path, text) of every scalar; a list of scalars is one text."""
    stack: list[tuple[str, Any]] = [(path, value)]
    while stack:
        at, item = stack.pop()
        if isinstance(item, dict):
            stack.extend((f"{at}.{k}" if at else str(k), v) for k, v in reversed(list(item.items())))
        elif isinstance(item, list) and any(isinstance(v, dict | list) for v in item):
            stack.extend((at, v) for v in reversed(item))
        elif isinstance(item, list):
            yield at, ", ".join(scalar(v) for v in item if v is not None)
        else:
            yield at, scalar(item)


def scalar(value: Any) -> str:
    """A scalar as printed in a table: true and false as words, None as nothing, numbers without a trailing ".0"."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return one_line(str(value)) if not isinstance(value, str) else " ".join(clean_text(value).split())


def records_table(
    records: Sequence[Mapping[str, Any]], caption: str = "", limits: ReadLimits | None = None, first: str = ""
) -> Block | None:
    """A table whose columns are the dotted paths of the records' values, in order of appearance; empty ones dropped."""
    columns: dict[str, None] = {first: None} if first else {}
    flat: list[dict[str, str]] = []
    for record in records:
        row: dict[str, str] = {}
        for path, text in _leaves(dict(record), ""):
            if text:
                row[path] = f"{row[path]}; {text}" if path in row else text
                columns.setdefault(path)
        flat.append(row)
        if limits is not None and len(columns) > 2000:
            raise ReadError("records with more than 2000 different fields; this is no table")
    if not columns:
        return None
    # Fields of one group ("en.cause", "en.remedy") stand together, even when the first records lack some of them.
    groups: dict[str, int] = {}
    for name in columns:
        groups.setdefault(name.rpartition(".")[0] or name, len(groups))
    names = sorted(columns, key=lambda name: groups[name.rpartition(".")[0] or name])
    rows = [names, *([row.get(name, "") for name in names] for row in flat if row)]
    return table_block(rows, 1, caption)
