"""Questions proposed from the plant's own manuals, for a person to confirm: what `copilot eval` then measures with.

Each comes from one place (a procedure, a table's row, a code, a warning, a section), is asked in that place's language and knows the
document, the page and, where there is a short one, the text that a right answer holds. Codes that nothing defines give
questions without an answer. The wording comes from a few templates per kind, so a person should put the questions in their own
words: drafts repeat the manual's, which makes them easier than real ones.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.analysis import is_chinese
from indexer.store import Index
from indexer.types import Chunk, ChunkKind, DocumentKind

KINDS = ("procedure", "table", "code", "warning", "section", "unknown_code")

_TEMPLATES: dict[str, dict[str, Sequence[str]]] = {
    "procedure": {
        "en": ("What are the steps for {title}?", "How is this done: {title}?", "Step by step, please: {title}."),
        "zh": ("{title}的步骤是什么？", "怎么做：{title}？", "请一步一步说明：{title}。"),
    },
    "table": {
        "en": ("What is the {header} for {subject}?", "{subject}: which {header}?", "Which {header} does {subject} have?"),
        "zh": ("{subject}的{header}是什么？", "{subject}对应的{header}是多少？", "请问{subject}的{header}？"),
    },
    "code": {
        "en": ("What does {subject} mean?", "The display shows {subject}. What is it?", "{subject} again, what is wrong?"),
        "zh": ("{subject}是什么意思？", "屏幕显示{subject}，是什么问题？", "又出现{subject}，怎么回事？"),
    },
    "warning": {
        "en": ("Which dangers are there with {title}?", "What must I watch out for: {title}?", "{title}: what could hurt me?"),
        "zh": ("{title}有哪些危险？", "关于{title}，要注意什么？", "{title}有什么安全要求？"),
    },
    "section": {
        "en": ("What does the manual say about {title}?", "Where can I read about {title}?", "Tell me about {title}."),
        "zh": ("关于{title}，手册怎么说？", "{title}在哪里有说明？", "请介绍{title}。"),
    },
}  # fmt: skip
_ROUTES = {"procedure": "procedure", "table": "specification", "code": "troubleshooting", "warning": "safety", "unknown_code": "troubleshooting"}  # fmt: skip
_NUMBERING = re.compile(
    r"^(?:chapter|section|table|figure|表|图|第)?\s*(?:\d{1,3}|[A-Z]\d{0,2}(?=\.\d))(?:\.\d+)*\s*(?:[章节条]|[.:：)）])?\s+"
    r"|^[一二三四五六七八九十]+[、.]\s*|^[表图]\s*\d+\s*[：:]\s*",
    re.IGNORECASE,
)
_FIELD = re.compile(r"^(?P<header>[^:：\n]{1,40}?)\s*[:：]\s*(?P<cell>\S.*)$")
_STEP = re.compile(r"^\s*(?:\d{1,3}|[a-z])[.)、]\s*(?P<step>\S.*)$", re.MULTILINE)
_SENTENCE = re.compile(r"^.*?(?:[.!?](?=\s|$)|[。！？])", re.DOTALL)
_DIGITS = re.compile(r"\d+")
_MOST_EXPECTED = 120
_TITLE_CHARACTERS = (2, 70)


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposed question. `page` is 1-based; `expected` stands on it word for word; both None where nothing answers."""

    kind: str
    question: str
    language: str
    machine: str | None
    document: str | None
    page: int | None
    expected: str | None

    def to_json(self, number: int) -> dict[str, Any]:
        """A line of a question file, as `copilot eval` reads it; "draft" goes when a person has confirmed it."""
        return {
            "id": f"d{number:03}", "question": self.question, "machine": self.machine, "language": self.language,
            "answerable": self.document is not None, "document": self.document, "page": self.page, "expected": self.expected,
            "route": _ROUTES.get(self.kind), "kind": self.kind, "draft": True,
        }  # fmt: skip


def drafts(index: Index, count: int, seed: int = 0, machine: str | None = None) -> list[Draft]:
    """Up to `count` different questions, the kinds and documents taking turns; the same index and seed give the same ones.

    `machine` keeps to that machine's manuals. Fault reports are not asked about.
    """
    chance = random.Random(seed)
    pools: dict[tuple[str, str], list[Draft]] = {}
    for draft in _proposed(index, machine, chance):
        pools.setdefault((draft.kind, draft.document or draft.machine or ""), []).append(draft)
    for pool in pools.values():
        chance.shuffle(pool)
    turns = {kind: [pool for (of, _), pool in sorted(pools.items()) if of == kind] for kind in KINDS}
    chosen: dict[str, Draft] = {}
    while len(chosen) < count and any(turns.values()):
        for kind in KINDS:
            if len(chosen) < count and turns[kind]:
                pool = turns[kind].pop(0)
                draft = pool.pop()
                chosen.setdefault(f"{draft.machine} {draft.question.casefold()}", draft)
                if pool:
                    turns[kind].append(pool)
    return list(chosen.values())


def _proposed(index: Index, machine: str | None, chance: random.Random) -> Iterator[Draft]:
    made: dict[tuple[str | None, str], set[str | None]] = {}
    everything: list[Draft] = []
    seen_sections: set[tuple[str, int]] = set()
    for chunk in index.chunks_at(range(index.manifest.chunk_count)):
        if chunk.source.kind is DocumentKind.FAULT_REPORT or (machine and chunk.source.machine != machine):
            continue
        found = list(_of_chunk(index, chunk, chance))
        place = (chunk.source.document_id, chunk.section)
        if place not in seen_sections:
            seen_sections.add(place)
            found += _of_warnings(index, chunk, chance)
        everything += found
    for draft in everything:
        made.setdefault((draft.machine, draft.question), set()).add(draft.expected)
    # A question with two answers would be unfair: which of them is meant?
    yield from (draft for draft in everything if len(made[draft.machine, draft.question]) == 1)


def _of_chunk(index: Index, chunk: Chunk, chance: random.Random) -> Iterator[Draft]:
    language = "zh" if is_chinese(" ".join(chunk.heading[-1:]) + chunk.text) else "en"

    def draft(kind: str, expected: str | None, **words: str) -> Draft:
        question = _asked(kind, language, chance, words)
        source = chunk.source
        return Draft(kind, question, language, source.machine, source.document_id, chunk.pages[0], expected)

    title = _title(chunk)
    if chunk.kind is ChunkKind.TABLE:
        yield from _of_row(index, chunk, language, draft, chance)
    elif title and chunk.kind is ChunkKind.PROCEDURE:
        first = _STEP.search(chunk.text)
        yield draft("procedure", _short(first["step"]) if first else None, title=title)
    elif title and chunk.kind is ChunkKind.TEXT and len(chunk.text) >= 80 and chunk.pages[0] == chunk.pages[1]:
        yield draft("section", None, title=title)


def _of_row(
    index: Index, chunk: Chunk, language: str, draft: Callable[..., Draft], chance: random.Random
) -> Iterator[Draft]:
    """Of a row written "Header: cell": one of its cells; a code's meaning; a code that is none."""
    fields = [(m["header"].strip(), m["cell"].strip()) for line in chunk.text.splitlines() if (m := _FIELD.match(line))]
    if not 2 <= len(fields) <= 12 or len(fields) != len(chunk.text.strip().splitlines()):
        return
    subject = fields[0][1]
    if len(subject) > 60 or not re.search(r"[^\W\d_]", subject):
        return
    matches = [m for m in index.lookup_codes(subject, chunk.source.machine) if m.entry.code == subject]
    others = [(header, cell) for header, cell in fields[1:] if len(cell) > 1]
    if matches and matches[0].entry.definition:
        title = matches[0].entry.title
        if title and title in chunk.text:
            yield draft("code", _short(title), subject=subject)
        if (unknown := _unknown(index, subject, chunk.source.machine, chance)) is not None:
            question = _asked("code", language, chance, {"subject": unknown})
            yield Draft("unknown_code", question, language, chunk.source.machine, None, None, None)
    elif others:
        header, cell = chance.choice(others)
        wanted = header if language == "zh" or header.isupper() else header[:1].lower() + header[1:]
        yield draft("table", _short(cell), subject=subject, header=wanted)


def _of_warnings(index: Index, chunk: Chunk, chance: random.Random) -> Iterator[Draft]:
    for note in index.warnings(chunk.source.document_id, chunk.section):
        title = _bare_title(note.heading[-1]) if note.heading else ""
        if note.section == chunk.section and title:
            language = "zh" if is_chinese(title) else "en"
            question = _asked("warning", language, chance, {"title": title})
            source = chunk.source
            yield Draft("warning", question, language, source.machine, source.document_id, note.page, _short(note.text))


def _unknown(index: Index, code: str, machine: str | None, chance: random.Random) -> str | None:
    """A code of the same form that nothing defines: the last number of it changed."""
    number = [*_DIGITS.finditer(code)][-1:]
    for match in number:
        for _ in range(20):
            other = f"{chance.randrange(10 ** len(match[0])):0{len(match[0])}}"
            written = code[: match.start()] + other + code[match.end() :]
            if not index.lookup_codes(written, machine) and not index.lookup_codes(written):
                return written
    return None


def _asked(kind: str, language: str, chance: random.Random, words: dict[str, str]) -> str:
    return chance.choice(_TEMPLATES[kind][language]).format(**words)


def _title(chunk: Chunk) -> str:
    return _bare_title(chunk.heading[-1]) if chunk.heading else ""


def _bare_title(heading: str) -> str:
    """A heading without its number, or nothing when it is no good for a question."""
    title = _NUMBERING.sub("", " ".join(heading.split())).strip(" .:：-–")
    least, most = _TITLE_CHARACTERS
    if not least <= len(title) <= most or not re.search(r"[^\W\d_]{2}", title):
        return ""
    first, *_ = title.split()
    keep = is_chinese(title) or not first.isalpha() or first.isupper()
    return title if keep else title[:1].lower() + title[1:]


def _short(text: str) -> str:
    """The first sentence, cut at a word to what a person would still check."""
    first = _SENTENCE.match(text.strip())
    wanted = (first[0] if first else text).strip()
    if len(wanted) <= _MOST_EXPECTED:
        return wanted
    cut = wanted[:_MOST_EXPECTED]
    return (cut if is_chinese(cut) else cut.rsplit(" ", 1)[0]).strip()
