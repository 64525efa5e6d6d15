"""Where a document warns: signal words of ANSI Z535 and ISO 3864-2 in English and Chinese, and what belongs to them.

A warning opens a paragraph ("WARNING: Hot oil."), stands under a signal word of its own line, goes on over bullets, or
begins inside a paragraph or a table's cell. Pure functions over text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from indexer.chinese import both_scripts, simplified
from indexer.types import Block, BlockKind

MAX_CHARACTERS = 2_000
"""The most one notice may hold."""
_EMBEDDED_CHARACTERS = 500
_SIGNAL = re.compile(
    both_scripts(
        r"^\W{0,3}(?P<word>DANGER|WARNING|CAUTION|NOTICE|ATTENTION|IMPORTANT SAFETY|危险|警告|当心|小心|注意事项|注意|警示)"
        r"(?P<after>\s*[!！:：]|\s*$|\s*[-–—]\s|\s+(?=[A-Z\u4e00-\u9fff]))"
    ),
)
_BULLET = r"(?:[•●○■□▪◆➢►▶·–—-]|z)\s"  # z: the bullet of a symbol font that the file does not name
_SIGNAL_MIXED = re.compile(
    rf"^\W{{0,3}}(?P<word>danger|warning|caution|notice|attention)(?:\s*[!！:：]|\s+(?={_BULLET}))", re.IGNORECASE
)
# An icon may come out as a letter: "a Danger".
_ALONE = re.compile(
    both_scripts(r"^(?:\W{0,3}|[a-zA-Z!]\s+)(?P<word>danger|warning|caution|notice|attention|危险|警告|当心|小心|注意|警示)\s*[!！:：]?\W{0,2}$"), re.IGNORECASE
)  # fmt: skip
_EMBEDDED = re.compile(
    both_scripts(
        r"(?:(?<=[\n。；;！!])|(?<=[.;!:]\s))\s*(?P<text>(?P<word>危险|警告|当心|小心|注意|警示|DANGER|WARNING|CAUTION|Danger|Warning|Caution)"
        r"\s*[!！:：][^\n]+)"
    )
)
_SENTENCE_END = re.compile(r"[.!?。！？](?=\s|$)|[。！？]")
_SIGNALS = {
    "危险": "DANGER", "警告": "WARNING", "警示": "WARNING", "当心": "CAUTION", "小心": "CAUTION", "注意": "NOTICE", "注意事项": "NOTICE",
    "attention": "NOTICE", "important safety": "NOTICE",
}  # fmt: skip
_STEP = re.compile(
    both_scripts(r"^\s*(?:(?:step|步骤)\s*\d+|\(?\d{1,2}[.)、]|[(（]\d{1,2}[)）]|[①-⑳]|第[一二三四五六七八九十]+步)"),
    re.IGNORECASE,
)


def warning_signal(text: str) -> str | None:
    """DANGER, WARNING, CAUTION or NOTICE when the text opens with a signal word in English or Chinese, else None."""
    match = _SIGNAL.match(text) or _SIGNAL_MIXED.match(text) or _ALONE.match(text)
    return _signal(match["word"]) if match else None


def is_signal_alone(text: str) -> bool:
    """Whether a line is a signal word and nothing else, so that what follows is the warning."""
    return bool(_ALONE.match(text.strip()))


def note_text(text: str, following: Sequence[Block]) -> str:
    """A warning with what belongs to it of the blocks behind it, verbatim, a line for each block."""
    lines = [text]
    bulleted = bool(re.search(rf"(?:^|\s){_BULLET}", text[:40])) or is_signal_alone(text)
    for block in following:
        more = block.text.strip()
        if block.kind not in (BlockKind.PARAGRAPH, BlockKind.LIST_ITEM) or not more or warning_signal(more):
            break
        first = len(lines) == 1 and is_signal_alone(text)
        torn = (
            len(lines) > 1
            and is_signal_alone(text)
            and not lines[-1].rstrip().endswith((".", "!", "。", "！", ":", "："))
        )
        item = bulleted and bool(re.match(_BULLET, more)) and not _STEP.match(more)
        if not (first or torn or item) or sum(map(len, lines)) + len(more) > MAX_CHARACTERS:
            break
        lines.append(more)
    return "\n".join(lines)


def embedded_notes(text: str) -> Iterator[tuple[str, str]]:
    """(signal, text) of the warnings that begin inside a text that does not open with one."""
    for match in _EMBEDDED.finditer(text):
        found = match["text"].strip()
        if len(found) > _EMBEDDED_CHARACTERS:
            ends = [end.end() for end in _SENTENCE_END.finditer(found) if end.end() <= _EMBEDDED_CHARACTERS]
            found = found[: ends[-1] if ends else _EMBEDDED_CHARACTERS]
        yield _signal(match["word"]), found


def cell_notes(block: Block) -> Iterator[tuple[str, str]]:
    """(signal, text) of the cells of a table that open with a signal word and say something."""
    for cell in dict.fromkeys(cell.strip() for row in block.rows for cell in row):
        signal = warning_signal(cell)
        if signal is not None and not is_signal_alone(cell) and re.search(r"[!！:：]", cell[:24]):
            yield signal, cell


def _signal(word: str) -> str:
    return _SIGNALS.get(simplified(word.casefold()), word.upper())
