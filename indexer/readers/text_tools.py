"""Text helpers shared by all readers: cleaning, joining of lines, list markers, safety words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace

from indexer.chinese import both_scripts
from indexer.types import Block, BlockKind, Page, PageStatus

_DROPPED = {c: None for c in (*range(0x00, 0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F)}
_DROPPED |= {c: None for c in (0x00AD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, 0xFFFE, 0xFFFF)}
_SPACES = {c: " " for c in (0x00A0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000, 0x2028, 0x2029)}
# Bullets of the symbol fonts that word processors use come out as private-use characters.
_BULLETS = {c: "•" for c in (0xF0B7, 0xF0A7, 0xF06C, 0xF06E, 0xF0D8, 0xF075, 0xF076, 0xF09F, 0xF0A8, 0xF071, 0xF0FC)}


def _compatibility() -> dict[int, str]:
    """Characters whose NFKC form is the same sign for a reader: ligatures, radicals, full-width letters and digits."""
    ranges = (
        (0xFB00, 0xFB06),
        (0x2E80, 0x2FD5),
        (0xF900, 0xFAFF),
        (0xFF10, 0xFF19),
        (0xFF21, 0xFF3A),
        (0xFF41, 0xFF5A),
    )
    out: dict[int, str] = {}
    for first, last in ranges:
        for code in range(first, last + 1):
            folded = unicodedata.normalize("NFKC", chr(code))
            if folded != chr(code):
                out[code] = folded
    # NFKC leaves these radicals of CJK fonts alone although they stand for the ordinary character.
    out |= {
        0x2EA0: "民",
        0x2EC5: "见",
        0x2EC6: "角",
        0x2ECB: "车",
        0x2ED3: "长",
        0x2ED4: "门",
        0x2EDA: "页",
        0x2EDB: "风",
    }
    out |= {0x2EE9: "黄", 0x2EE2: "马", 0x2EF0: "龙", 0x2EDD: "食", 0x2EC4: "西", 0x2EAF: "糸", 0x2ECE: "⻎"}
    return out


_TABLE: dict[int, str | None] = {}
_COMBINED = re.compile(r"[^\W\d_][\u0300-\u036f]+")
_CJK = re.compile(r"[\u2e80-\u2fdf\u3001-\u303f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_LETTER_CJK = re.compile(r"[\u3400-\u9fff\u3040-\u30ff]")
LIST_MARKER = re.compile(
    both_scripts(
        r"^\s*(?:[•●○◦▪■□◆◇➢►▶✓✔★–—·※*-]\s+|[•●○◦▪■□◆◇➢►▶✓✔※]|"
        r"\(?\d{1,3}[.)](?!\d)\s*|（\d{1,3}）\s*|\d{1,3}[、．）]\s*|[①-⑳]\s*|\(?[a-zA-Z]\)\s+|[a-z]\.\s+|"
        r"\(?[ivx]{1,4}[.)]\s+|[Ss]tep\s+\d+\s*[:.)]\s*|步骤\s*\d+\s*[:：.]?\s*)"
    )
)
SIGNAL_ALONE = re.compile(
    both_scripts(r"^[\W_]*(DANGER|WARNINGS?|CAUTIONS?|NOTICE|ATTENTION|危险|警告|注意|小心)(?:事项)?[\W_]*$"),
    re.IGNORECASE,
)
_SIGNAL_START = re.compile(
    both_scripts(r"^(?:DANGER|WARNING|CAUTION|NOTICE|ATTENTION|危险|警告|注意|小心)\b|^(?:危险|警告|注意|小心)"),
    re.IGNORECASE,
)
SIGNAL_KINDS = {
    "danger": "DANGER", "error": "DANGER", "critical": "DANGER", "warning": "WARNING", "warn": "WARNING",
    "caution": "CAUTION", "attention": "ATTENTION", "notice": "NOTICE", "important": "IMPORTANT", "note": "NOTE",
    "tip": "TIP", "hint": "TIP", "info": "NOTE", "危险": "危险", "警告": "警告", "注意": "注意", "小心": "小心",
}  # fmt: skip


def clean_text(text: str) -> str:
    """Drop control and zero-width characters, fold look-alikes that only a font needed; keep ², °, µ, ℃ and Ω."""
    if text.isascii() and text.isprintable():
        return text
    if not _TABLE:
        _TABLE.update(_compatibility() | _SPACES | _BULLETS | _DROPPED)
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_TABLE)
    return _COMBINED.sub(lambda m: unicodedata.normalize("NFC", m.group()), text)


def one_line(text: str) -> str:
    """The cleaned text with every run of white space made one space."""
    return " ".join(clean_text(text).split())


def is_cjk(character: str) -> bool:
    """Whether the character belongs to a script written without spaces, its punctuation included."""
    return bool(_CJK.match(character))


def has_cjk(text: str) -> bool:
    """Whether the text holds at least one Chinese or Japanese letter."""
    return bool(_LETTER_CJK.search(text))


def join_lines(lines: Iterable[str]) -> str:
    """Join the lines of one paragraph: words broken by a hyphen are mended, Chinese lines meet without a space."""
    out = ""
    for raw in lines:
        line = raw.strip()
        if not line:
            continue
        if not out:
            out = line
        elif len(out) > 2 and out[-1] in "-\u2010\u00ad" and out[-2].isalpha() and line[0].islower():
            last = out.rsplit(None, 1)[-1]
            # "self-check-" style compounds and single letters ("x-axis") keep their hyphen.
            out = out + line if "-" in last[:-1] or len(last) < 3 else out[:-1] + line
        elif (is_cjk(out[-1]) and is_cjk(line[0])) or (out[-1] == "/" and not out.endswith(" /")):
            out += line
        else:
            out += " " + line
    return out


def with_signal(kind: str, text: str) -> str:
    """Prefix the safety word of an admonition ("warning" -> "WARNING: ...") unless the text begins with one."""
    signal = SIGNAL_KINDS.get(kind.strip().lower())
    if not signal or not text:
        return text
    # A box may carry its own word, also in another language than its class: "注意 ..." in a "warning" box.
    own = _SIGNAL_START.match(text)
    return text if own or text[: len(signal)].upper() == signal.upper() else f"{signal}: {text}"


def bind_signals(blocks: Sequence[Block]) -> list[Block]:
    """Merge a safety word that stands alone with the block it announces, so that the two are never separated."""
    out: list[Block] = []
    pending: Block | None = None
    for block in blocks:
        if pending is not None:
            word = pending.text.strip(" :：!！.。⚠\ufe0f【】[]()（）*_\u3000")
            if block.kind in (BlockKind.PARAGRAPH, BlockKind.LIST_ITEM) and not SIGNAL_ALONE.match(block.text):
                colon = "：" if has_cjk(word) else ": "
                out.append(Block(BlockKind.PARAGRAPH, word + colon + block.text))
                pending = None
                continue
            out.append(replace(pending, kind=BlockKind.PARAGRAPH, level=0))
            pending = None
        if block.kind in (BlockKind.PARAGRAPH, BlockKind.HEADING) and SIGNAL_ALONE.match(block.text):
            pending = block
        else:
            out.append(block)
    if pending is not None:
        out.append(pending)
    return out


def block_text(block: Block) -> str:
    """The block as plain text; a table is one row a line with " | " between cells, after its caption."""
    if block.kind is not BlockKind.TABLE:
        return block.text
    rows = [" | ".join(cell for cell in row) for row in block.rows]
    return "\n".join([block.caption, *rows] if block.caption else rows)


def make_page(
    number: int, blocks: Sequence[Block], status: PageStatus = PageStatus.TEXT, confidence: float = 1.0
) -> Page:
    """A page from its blocks; a page of status TEXT without any text becomes BLANK."""
    kept = tuple(b for b in bind_signals(blocks) if b.text.strip() or b.rows)
    text = "\n".join(block_text(b) for b in kept)
    if not text.strip() and status is PageStatus.TEXT:
        status = PageStatus.BLANK
    return Page(number, text, kept, status, confidence)


def heading(text: str, level: int = 1) -> Block:
    """A heading block with its level held within 1..6."""
    return Block(BlockKind.HEADING, one_line(text), level=max(1, min(6, level)))


def paragraph(text: str) -> Block:
    """A paragraph block."""
    return Block(BlockKind.PARAGRAPH, text)
