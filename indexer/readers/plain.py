"""Plain text in any common encoding; headings guessed from numbering, underlines and capitals."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from indexer.chinese import both_scripts
from indexer.errors import ReadError
from indexer.readers.text_tools import LIST_MARKER, clean_text, has_cjk, heading, join_lines, paragraph
from indexer.types import Block, BlockKind

_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,4})\.?\s+([A-Z\u3400-\u9fff].{1,80})$")
_CHAPTER = re.compile(
    both_scripts(
        r"^(?:(?:chapter|section|appendix|part)\s+[\dIVXA-Z]+\b.{0,80}|第[一二三四五六七八九十百\d]+[章节篇].{0,40})$"
    ),
    re.I,
)
_UNDERLINE = re.compile(r"^([=\-~*^_#])\1{2,}\s*$")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


def decode(data: bytes, name: str) -> str:
    """Text of a file: by its byte order mark, as UTF-16 or UTF-8 when it fits, else the likeliest legacy encoding.

    Raises ReadError for binary data.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                return data.decode(encoding, errors="replace")
    sample = data[:65536]
    control = sum(sample.count(bytes([c])) for c in range(0x20) if c not in (9, 10, 12, 13, 27))
    if control > 0.02 * len(sample) or b"\0" in sample:
        text = _wide(data, sample)
        if text is None:
            raise ReadError(f"{name}: binary data, no document format known to this program")
        return text
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    for encoding in _legacy_order(sample):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    from charset_normalizer import from_bytes

    best = from_bytes(data[:1_000_000]).best()
    return data.decode(best.encoding if best else "utf-8", errors="replace")


def _wide(data: bytes, sample: bytes) -> str | None:
    """The text of UTF-16 data without a byte order mark, or None when it is none: nearly all must be usual letters."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    order = ("utf-16-be", "utf-16-le") if even > odd else ("utf-16-le", "utf-16-be")
    for encoding in order:
        try:
            text = data[: len(data) // 2 * 2].decode(encoding)
        except UnicodeDecodeError:
            continue
        head = text[:2000]
        usual = sum(" " <= c <= "\u024f" or "\u2010" <= c <= "\u9fff" or c >= "\uff00" or c in "\r\n\t" for c in head)
        if usual > 0.95 * len(head) and sum("\u2500" <= c <= "\u2fff" for c in head) < 0.2 * len(head):
            return text
    return None


def _legacy_order(sample: bytes) -> list[str]:
    """Legacy encodings that the sample can be, likeliest first, by the share of everyday characters.

    In GB2312, Big5 and Shift-JIS the frequent characters come first, so their lead bytes lie in known ranges.
    """
    runs = re.findall(rb"[\x80-\xff]+", sample)
    high = sum(map(len, runs))
    single = sum(len(run) == 1 for run in runs)
    scores = {"gb18030": 0.0, "big5": 0.0, "shift_jis": 0.0, "cp1252": single / max(1, high)}
    checks: dict[str, Callable[[int, int], bool]] = {
        "gb18030": lambda a, b: b >= 0xA1 and (0xB0 <= a <= 0xD7 or 0xA1 <= a <= 0xA3),
        "big5": lambda a, b: 0xA4 <= a <= 0xC6 or (0xA1 <= a <= 0xA3 and b < 0xA1),
        "shift_jis": lambda a, b: a in (0x82, 0x83) or 0x88 <= a <= 0x97 or (a == 0x81 and b < 0x90),
    }
    for encoding, common in checks.items():
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            decoder.decode(sample, final=False)
        except UnicodeDecodeError:
            continue
        pairs = good = n = 0
        while n < len(sample) - 1:
            if sample[n] < 0x80:
                n += 1
                continue
            if encoding == "shift_jis" and 0xA1 <= sample[n] <= 0xDF:  # half-width katakana, rare in manuals
                pairs, n = pairs + 1, n + 1
                continue
            pairs += 1
            good += common(sample[n], sample[n + 1])
            n += 2
        scores[encoding] = good / max(1, pairs)
    if scores["cp1252"] > 0.5:
        scores["cp1252"] += 1.0
    return [name for name, score in sorted(scores.items(), key=lambda item: -item[1]) if score > 0.0]


def text_blocks(text: str) -> list[Block]:
    """Blocks of plain text: blank lines part paragraphs; headings, list items and column tables are recognised."""
    lines = [line.rstrip() for line in clean_text(text.replace("\f", "\n\n")).expandtabs(8).split("\n")]
    blocks: list[Block] = []
    pending: list[str] = []
    kind = BlockKind.PARAGRAPH
    level = 0

    def close() -> None:
        nonlocal kind, level
        if pending:
            blocks.append(Block(kind, join_lines(pending), level=level))
            pending.clear()
        kind, level = BlockKind.PARAGRAPH, 0

    for n, line in enumerate(lines):
        stripped = line.strip()
        after = lines[n + 1].strip() if n + 1 < len(lines) else ""
        before = lines[n - 1].strip() if n else ""
        if not stripped:
            close()
        elif _UNDERLINE.match(stripped):
            if not (pending or (blocks and blocks[-1].kind is BlockKind.HEADING)):
                close()
        elif after and _UNDERLINE.match(after) and len(stripped) <= 100 and not before:
            close()
            blocks.append(heading(stripped, 1 if after[0] in "=#*" else 2))
        elif found := _heading_level(stripped, before, after):
            close()
            blocks.append(heading(stripped, found))
        elif LIST_MARKER.match(line):
            close()
            kind, level = BlockKind.LIST_ITEM, min(5, (len(line) - len(line.lstrip())) // 4)
            pending.append(stripped)
        else:
            # A much shorter line before this one ended its paragraph, unless it breaks off in mid sentence.
            last = pending[-1] if pending else ""
            if (
                last
                and len(last) < 40
                and kind is BlockKind.PARAGRAPH
                and not stripped[0].islower()
                and last[-1] in ".:;。：；！!?"
            ):
                close()
            pending.append(stripped)
    close()
    return blocks or ([paragraph(clean_text(text).strip())] if text.strip() else [])


def _heading_level(line: str, before: str, after: str) -> int:
    match = _NUMBERED.match(line)
    if match and not before and line[-1] not in ".;,。；，":
        depth = match[1].count(".") + 1
        if depth > 1 or not after:
            return min(6, depth)
    if _CHAPTER.match(line) and not before:
        return 1
    letters = [c for c in line if c.isalpha()]
    if not before and len(letters) >= 4 and not has_cjk(line) and all(c.isupper() for c in letters) and len(line) <= 70:
        return 2 if line[-1] not in ".;," and not re.match(r"^(DANGER|WARNING|CAUTION|NOTICE|ATTENTION)\b", line) else 0
    return 0
