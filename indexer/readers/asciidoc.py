"""AsciiDoc to blocks, line by line: headings, lists, tables, admonitions, listings; includes are left out."""

from __future__ import annotations

import csv
import io
import re

from indexer.readers.grid import table_block
from indexer.readers.html import mark_signal
from indexer.readers.text_tools import clean_text, heading, join_lines, one_line, paragraph
from indexer.types import Block, BlockKind

_HEADING = re.compile(r"^(={1,6}|#{1,6})\s+(\S.*?)(?:\s+=+)?$")
_ATTRIBUTE = re.compile(r"^:(!?[\w-]+!?):(?:\s+(.*))?$")
_BLOCK_ATTRIBUTES = re.compile(r"^\[([^\]]*)\]\s*$")
_ANCHOR = re.compile(r"^\[\[[^\]]*\]\]\s*$")
_LIST = re.compile(r"^\s*(\*{1,5}|-|\.{1,5}|\d{1,3}[.)]|[a-z][.)])\s+(\S.*)$")
_CALLOUT = re.compile(r"^<(\d+|\.)>\s+(.*)$")
_TERM = re.compile(r"^\s*(\S.*?)(?:::|:::|;;)(?:\s+(.*))?$")
_ADMONITION = re.compile(r"^(NOTE|TIP|IMPORTANT|WARNING|CAUTION|DANGER|NOTICE|ATTENTION):\s+(.*)$")
_ADMONITION_NAMES = frozenset(["NOTE", "TIP", "IMPORTANT", "WARNING", "CAUTION", "DANGER", "NOTICE", "ATTENTION"])
_FENCE = re.compile(r"^(-{4,}|\.{4,}|={4,}|\*{4,}|_{4,}|\+{4,}|/{4,}|--|```.*)\s*$")
_MACRO_LINE = re.compile(r"^(?:include|image|video|audio|toc|ifdef|ifndef|ifeval|endif|indexterm)::?.*\]$")
_CELL_SPEC = r"(?:(\d+)?(?:\.(\d+))?([+*]))?[<^>]?(?:\.[<^>])?([adehlmsv])?"
_CELL = re.compile(rf"(?:^|(?<=\s)|(?<=\|)){_CELL_SPEC}(?<!\\)\|")


def inline(text: str, attributes: dict[str, str] | None = None) -> str:
    """One line of text: links and references become their words, marks of emphasis and index terms vanish."""
    text = re.sub(r"\(\(\(.*?\)\)\)", "", text)
    text = re.sub(r"\(\(([^()]+)\)\)", r"\1", text)
    text = re.sub(r"<<([^<>,]+),\s*([^<>]*)>>", r"\2", text)
    text = re.sub(r"<<([^<>]+)>>", lambda m: re.split(r"[:#]", m[1])[-1].replace("-", " "), text)
    text = re.sub(r"\[\[[^\]]*\]\]", "", text)
    text = re.sub(r"(?:link|xref|mailto|anchor):+([^\s\[]*)\[([^\]]*)\]", lambda m: _label(m[2]) or m[1], text)
    text = re.sub(r"(?:https?|ftp)://[^\s\[\]]+\[([^\]]*)\]", lambda m: _label(m[1]), text)
    text = re.sub(r"(?:image|icon|footnoteref|indexterm2?|video):{1,2}[^\s\[]*\[([^\]]*)\]", "", text)
    text = re.sub(r"footnote:[^\s\[]*\[([^\]]*)\]", r" (\1)", text)
    text = re.sub(r"(?:kbd|btn|pass|stem|latexmath|asciimath):[a-z,]*\[([^\]]*)\]", r"\1", text)
    text = re.sub(r"menu:([^\[]+)\[([^\]]*)\]", lambda m: f"{m[1]} > {m[2]}" if m[2] else m[1], text)
    text = re.sub(r"\[[.#\w\s=\"',-]*\](?=[#*_`+])", "", text)
    if attributes:
        text = re.sub(r"\{([\w-]+)\}", lambda m: attributes.get(m[1].lower(), m[0]), text)
    text = text.replace("{nbsp}", " ").replace("{empty}", "").replace("{plus}", "+")
    text = re.sub(r"\+\+\+(.*?)\+\+\+|\$\$(.*?)\$\$", lambda m: m[1] or m[2] or "", text)
    for mark in (r"\*\*", "__", "``", r"\+\+", "##"):
        text = re.sub(rf"{mark}(\S(?:.*?\S)?){mark}", r"\1", text)
    text = re.sub(r"(?<![\w`])`\+?([^`]+?)\+?`(?!\w)", r"\1", text)
    for mark in (r"\*", "_", r"\+", "#"):
        text = re.sub(rf"(?<![\w{mark}\\]){mark}(\S(?:[^\n]*?\S)??){mark}(?![\w{mark}])", r"\1", text)
    text = re.sub(r"\^([^\s^]{1,12})\^|~([^\s~]{1,12})~", lambda m: m[1] or m[2], text)
    text = re.sub(r"\s\+$", "", text)
    return one_line(text.replace("(C)", "©").replace("(R)", "®").replace("\\|", "|"))


def _label(text: str) -> str:
    return text.split(",")[0].strip('^" ') if "=" in text else text.strip('^" ')


def asciidoc_blocks(text: str) -> tuple[list[Block], str]:
    """Blocks of a file and its title ("" without one)."""
    reader = _Reader(clean_text(text).expandtabs(4).split("\n"))
    blocks = reader.read()
    return blocks, reader.title


class _Reader:
    """Goes through the lines once; `delimiter` ends a nested block."""

    def __init__(self, lines: list[str], attributes: dict[str, str] | None = None, depth: int = 0) -> None:
        self.lines = lines
        self.n = 0
        self.depth = depth
        self.attributes: dict[str, str] = attributes if attributes is not None else {}
        self.out: list[Block] = []
        self.title = ""
        self.pending: list[str] = []
        self.item: tuple[str, int] | None = None
        self.style = ""
        self.caption = ""
        self.counters: dict[int, int] = {}

    def read(self) -> list[Block]:
        while self.n < len(self.lines):
            line = self.lines[self.n].rstrip()
            self.n += 1
            self._line(line)
        self._close()
        return self.out

    def _close(self) -> None:
        if not self.pending:
            self.item = None
            return
        text = inline(join_lines(re.sub(r"\s\+$", "", line) for line in self.pending), self.attributes)
        self.pending = []
        if self.item is not None:
            marker, level = self.item
            if text:
                self.out.append(Block(BlockKind.LIST_ITEM, f"{marker} {text}".strip(), level=level))
        elif text:
            signal = self.style.upper()
            block = paragraph(text)
            self.out.extend(mark_signal(signal, [block]) if signal in _ADMONITION_NAMES else [block])
        self.item, self.style, self.caption = None, "", ""

    def _line(self, line: str) -> None:
        stripped = line.strip()
        if not stripped:
            self._close()
        elif stripped.startswith("//") and not stripped.startswith("////"):
            return
        elif match := _ATTRIBUTE.match(stripped):
            if match[2] and not match[1].startswith("!"):
                self.attributes[match[1].lower()] = inline(match[2])
        elif stripped == "+" or _ANCHOR.match(stripped) or _MACRO_LINE.match(stripped) or stripped in ("'''", "<<<"):
            self._close()
        elif stripped.startswith(("|===", ",===", ":===", "!===")):
            self._close()
            self._table(stripped)
        elif _FENCE.match(stripped):
            self._close_keeping_style()
            self._delimited(stripped)
        elif (match := _BLOCK_ATTRIBUTES.match(stripped)) and not self.pending:
            self.style = match[1].split(",")[0].split("%")[0].split("#")[0].strip(' ".') or self.style
            if 'options="header"' in match[1] or "%header" in match[1]:
                self.style = "header"
        elif (match := _HEADING.match(line)) and not self.pending:
            level = len(match[1])
            text = inline(match[2], self.attributes)
            if level == 1 and not self.title:
                self.title = text
            if text:
                self.out.append(heading(text, level))
            self.style = ""
        elif self._underlined(stripped):
            return
        elif re.match(r"^\.[^\s.]", stripped) and not self.pending:
            self.caption = inline(stripped[1:], self.attributes)
            following = next((x for x in self.lines[self.n : self.n + 3] if x.strip() and not x.startswith("[")), "")
            if not following.startswith(("|===", ",===")) and self.caption:
                self.out.append(paragraph(self.caption))
        elif match := _ADMONITION.match(stripped):
            self._close()
            self.style, self.pending = match[1], [match[2]]
        elif match := _LIST.match(line):
            self._close()
            self._list_item(line, match[1], match[2])
        elif match := _CALLOUT.match(stripped):
            self._close()
            self.item, self.pending = (f"{match[1]}.", 0), [match[2]]
        elif "::" in stripped and (match := _TERM.match(stripped)) and not self.pending:
            self._term(match[1], match[2] or "")
        elif line.startswith(" ") and not self.pending and self.item is None:
            self._literal(line)
        else:
            self.pending.append(stripped)

    def _close_keeping_style(self) -> None:
        style = self.style
        had = bool(self.pending)
        self._close()
        self.style = "" if had else style

    def _underlined(self, title: str) -> bool:
        """Headings of the two-line form, and the page title of a manual page."""
        if self.pending or self.n >= len(self.lines) or not re.search(r"\w", title):
            return False
        under = self.lines[self.n].rstrip()
        if len(under) < 3 or len(set(under)) != 1 or under[0] not in "=-~^+" or abs(len(under) - len(title)) > 2:
            return False
        self.n += 1
        text = inline(title, self.attributes)
        self.out.append(heading(text, "=-~^+".index(under[0]) + 1))
        if under[0] == "=" and not self.title:
            self.title = text
        return True

    def _list_item(self, line: str, mark: str, text: str) -> None:
        indent = len(line) - len(line.lstrip())
        level = len(mark) - 1 if mark[0] in "*." else min(5, indent // 2)
        if mark[0] == ".":
            last = self.out[-1] if self.out else None
            fresh = last is None or last.kind is not BlockKind.LIST_ITEM or level not in self.counters
            self.counters[level] = 1 if fresh else self.counters[level] + 1
            for deeper in [k for k in self.counters if k > level]:
                del self.counters[deeper]
            mark = f"{self.counters[level]}."
        elif mark[0] in "*-":
            mark = "•"
        self.item, self.pending = (mark, min(5, level)), [re.sub(r"^\[[ xX*]\]\s*", "", text)]

    def _term(self, term: str, text: str) -> None:
        """A labelled list: the label joins the text that follows it."""
        body = [text] if text.strip() else []
        while not body and self.n < len(self.lines):
            line = self.lines[self.n].strip()
            if not line:
                self.n += 1
                continue
            if (
                _FENCE.match(line)
                or _HEADING.match(line)
                or _BLOCK_ATTRIBUTES.match(line)
                or _LIST.match(line)
                or line[0] in "|+."
            ):
                break
            if _TERM.match(line) and "::" in line:
                break
            body.append(line)
            self.n += 1
        label = inline(term, self.attributes)
        while body and self.n < len(self.lines):
            line = self.lines[self.n].strip()
            if (
                not line
                or line == "+"
                or _FENCE.match(line)
                or _LIST.match(self.lines[self.n])
                or _BLOCK_ATTRIBUTES.match(line)
            ):
                break
            if "::" in line and _TERM.match(line):
                break
            body.append(line)
            self.n += 1
        text = inline(join_lines(body), self.attributes)
        self.out.append(paragraph(f"{label}: {text}" if text else label))

    def _literal(self, line: str) -> None:
        lines = [line]
        while self.n < len(self.lines) and self.lines[self.n].strip():
            lines.append(self.lines[self.n].rstrip())
            self.n += 1
        if any(len(x) - len(x.lstrip()) == 0 for x in lines[1:]) or not any(
            re.search(r"[=;{}()<>$#/]|^\s+[a-z]+ -", x) for x in lines
        ):
            self.pending.extend(x.strip() for x in lines)
            self._close()
        else:
            self.out.append(Block(BlockKind.CODE, "\n".join(x.strip("\n") for x in lines)))

    def _delimited(self, fence: str) -> None:
        inner: list[str] = []
        closing = "```" if fence.startswith("```") else fence
        while self.n < len(self.lines):
            line = self.lines[self.n].rstrip()
            self.n += 1
            if line.strip() == closing:
                break
            inner.append(line)
        style, self.style = self.style, ""
        if fence.startswith("////"):
            return
        nested = fence[0] in "=*_" or fence == "--"
        if nested and self.depth < 20 and style.lower() not in ("source", "listing"):
            blocks = _Reader(inner, self.attributes, self.depth + 1).read()
            self.out.extend(mark_signal(style, blocks) if style.upper() in _ADMONITION_NAMES else blocks)
            return
        if fence[0] == "+":
            from indexer.readers.html import html_blocks

            self.out.extend(html_blocks("\n".join(inner)))
            return
        code = "\n".join(inner).strip("\n")
        if code.strip():
            self.out.append(Block(BlockKind.CODE, code))

    def _table(self, opening: str) -> None:
        """Cells up to the closing mark; the number of columns comes from the first row or the `cols` attribute."""
        closing, inner = opening.strip(), []
        first_line = self.n
        while self.n < len(self.lines):
            line = self.lines[self.n].rstrip()
            self.n += 1
            if line.strip() == closing:
                break
            inner.append(line)
        before = "\n".join(self.lines[max(0, first_line - 4) : first_line - 1])
        options = re.findall(r"^\[([^\n]*)\]\s*$", before, re.M)
        option = options[-1] if options else ""
        rows = self._csv_rows(inner) if opening[0] in ",:" or "format=" in option else self._cell_rows(inner, option)
        blank_second = (
            len([x for x in inner[:3] if x.strip()]) < len(inner[:3]) and bool(inner) and bool(inner[0].strip())
        )
        header = 1 if "header" in option or (blank_second and len(rows) > 1 and len(inner[1].strip()) == 0) else None
        block = table_block(rows, header, self.caption)
        if block is not None:
            self.out.append(block)
        self.caption = self.style = ""

    def _csv_rows(self, lines: list[str]) -> list[list[str]]:
        return [[inline(c, self.attributes) for c in row] for row in csv.reader(io.StringIO("\n".join(lines))) if row]

    def _cell_rows(self, lines: list[str], option: str) -> list[list[str]]:
        cells: list[tuple[str, int, int]] = []  # text, cells in the source line's row, column span
        width = 0
        text_lines = [line for line in lines if not line.strip().startswith("//")]
        spans: list[int] = []
        repeats: list[int] = []
        texts: list[list[str]] = []
        for line in text_lines:
            parts: list[str] = []
            position = 0
            found = list(_CELL.finditer(line))
            if found and texts:
                texts[-1].append(line[: found[0].start()])
            elif not found and texts:
                texts[-1].append(line)
            for match, following in zip(found, [*found[1:], None], strict=False):
                position = match.end()
                parts.append(line[position : following.start() if following else len(line)])
                count = int(match[1] or 1)
                spans.append(min(count, 50) if match[3] == "+" else 1)
                repeats.append(min(count, 200) if match[3] == "*" else 1)
                texts.append([parts[-1]])
            if not width and found:
                width = sum(s * r for s, r in zip(spans, repeats, strict=True))
        wanted = re.search(r'cols="?([^"\]]+)"?', option)
        if wanted:
            spec = wanted[1]
            many = re.match(r"^\s*(\d+)\s*\*", spec)
            width = int(many[1]) if many else len([c for c in re.split(r"[,;]", spec) if c.strip() or True])
            if spec.strip().isdigit():
                width = 1
        for n, parts in enumerate(texts):
            joined = inline(join_lines(parts), self.attributes)
            cells.extend([(joined, 0, spans[n])] * repeats[n])
        rows: list[list[str]] = []
        row: list[str] = []
        for text, _, span in cells:
            row.extend([text] + [""] * (span - 1))
            if len(row) >= max(width, 1):
                rows.append(row)
                row = []
        if row:
            rows.append(row)
        return rows
