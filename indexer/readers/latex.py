"""Text with light mark-up as page extractors write it: Markdown, with LaTeX tables, formulas and escapes inside."""

from __future__ import annotations

import re

from indexer.readers.grid import table_block
from indexer.readers.plain import text_blocks
from indexer.types import Block

_TABULAR = re.compile(r"\\begin\{(tabular\*?|tabularx|longtable|array)\}(.*?)\\end\{\1\}", re.S)
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\{[a-zA-Z*]+\}(?:\[[^\]]*\])?")
_MARKDOWN = re.compile(r"^(#{1,6}\s|\s*[-*+]\s|\s*\d+\.\s|\|.*\||```|>\s|<table|<div)|\]\(|\*\*|!\[", re.M)
_SPAN = re.compile(r"\\multi(?:column|row)\{(\d+|\*)\}\{[^{}]*\}\{((?:[^{}]|\{[^{}]*\})*)\}")
_SYMBOLS = {
    "times": "×", "div": "÷", "pm": "±", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "neq": "≠", "approx": "≈",
    "circ": "°", "degree": "°", "mu": "µ", "Omega": "Ω", "omega": "ω", "alpha": "α", "beta": "β", "gamma": "γ",
    "delta": "δ", "Delta": "Δ", "theta": "θ", "phi": "φ", "pi": "π", "lambda": "λ", "sigma": "σ",
    "cdot": "·", "bullet": "•",
    "rightarrow": "→", "leftarrow": "←", "to": "→", "uparrow": "↑", "downarrow": "↓", "ldots": "…", "dots": "…",
    "checkmark": "✓", "square": "□", "triangle": "△", "infty": "∞", "sim": "~", "prime": "′", "quad": " ", "qquad": " ",
    "copyright": "©", "textregistered": "®", "trademark": "™", "Rightarrow": "⇒", "star": "★",
    "max": "max", "min": "min",
}  # fmt: skip


def clean_latex(text: str) -> str:
    """Plain text for LaTeX escapes and simple formulas: "$3 / 8-16 \\times 2$" becomes "3/8-16 × 2"."""
    if "\\" not in text and "$" not in text:
        return text
    text = re.sub(r"\\\((.*?)\\\)|\\\[(.*?)\\\]", lambda m: _formula(m[1] or m[2] or ""), text, flags=re.S)
    text = re.sub(r"(?<!\\)\$\$?([^$\n]{1,200}?)\$\$?", lambda m: _formula(m[1]) if _is_formula(m[1]) else m[0], text)
    text = _commands(text)
    return re.sub(r"\\([&%$#_{}])", r"\1", text)


def _is_formula(inside: str) -> bool:
    """Tells "$3 \\times 4$" from "$5 to $10"."""
    return bool(re.search(r"[\\^_{}=/+]|^\s*[\d.,\s\-]+\s*$|^\s*\w{1,3}\s*$", inside)) and not inside.endswith(
        (" to", " and")
    )


def _formula(text: str) -> str:
    text = re.sub(r"\\(?:text|mathrm|mathbf|operatorname|mathit|textbf|textit|mathbb)\s*\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"\\d?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"\1/\2", text)
    text = re.sub(r"\^\s*\{?\s*\\(?:circ|degree)\s*\}?", "°", text)
    text = re.sub(r"\^\s*\{?\s*\\prime\s*\\prime\s*\}?", "″", text)
    text = _commands(text).replace("~", " ")
    text = re.sub(r"\^\{?([23])\}?", lambda m: "²³"[int(m[1]) - 2], text)
    text = re.sub(r"[_^]\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"(?<=[\d)])\s*/\s*(?=[\d(])", "/", text)
    return re.sub(r"[{}]", "", text).strip()


def _commands(text: str) -> str:
    text = re.sub(r"\\(?:text\w*|mathrm|mathbf|underline|emph)\s*\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"\\(?:section|subsection|subsubsection|chapter)\*?\{([^{}]*)\}", r"\n## \1\n", text)
    text = re.sub(r"\\([A-Za-z]+)", lambda m: _SYMBOLS.get(m[1], m[0]), text)
    text = re.sub(
        r"\\(?:left|right|hline|cline\{[^}]*\}|toprule|midrule|bottomrule|centering|newline)(?![A-Za-z])", "", text
    )
    return re.sub(r"\\[,;:! ]", " ", text)


def marked_up_blocks(text: str) -> list[Block]:
    """Blocks of a text in plain form, Markdown, or either with LaTeX inside."""
    from indexer.readers.markdown import markdown_blocks

    blocks: list[Block] = []
    position = 0
    for match in _TABULAR.finditer(text):
        blocks.extend(_plain_or_markdown(text[position : match.start()]))
        table = _tabular(match[2])
        if table is not None:
            blocks.append(table)
        position = match.end()
    rest = text[position:]
    if "\\begin{tabular}" in rest:  # cut off at the page's end
        before, _, cut = rest.partition("\\begin{tabular}")
        blocks.extend(_plain_or_markdown(before))
        table = _tabular(cut)
        blocks.extend([table] if table else [])
        return blocks
    if not blocks and _MARKDOWN.search(rest):
        return markdown_blocks(clean_latex(_ENVIRONMENT.sub("", rest)))[0]
    return blocks + _plain_or_markdown(rest)


def _plain_or_markdown(text: str) -> list[Block]:
    from indexer.readers.markdown import markdown_blocks

    text = clean_latex(_ENVIRONMENT.sub("", text)).strip()
    if not text:
        return []
    return markdown_blocks(text)[0] if _MARKDOWN.search(text) else text_blocks(text)


def _tabular(body: str) -> Block | None:
    body = re.sub(r"^\s*(?:\[[^\]]*\])?\s*\{(?:[^{}]|\{[^{}]*\})*\}", "", body, count=1)
    body = re.sub(r"\\(?:hline|toprule|midrule|bottomrule|cline\{[^}]*\}|cmidrule(?:\([^)]*\))?\{[^}]*\})", "", body)
    rows: list[list[str]] = []
    for line in re.split(r"\\\\(?:\[[^\]]*\])?|\\tabularnewline", body):
        if not line.strip():
            continue
        row: list[str] = []
        for cell in re.split(r"(?<!\\)&", line):
            span = _SPAN.search(cell)
            text = " ".join(clean_latex(span[2] if span else cell).split())
            row.append(text)
            if span and "multicolumn" in cell and span[1].isdigit():
                row.extend([""] * (min(int(span[1]), 50) - 1))
        rows.append(row)
    return table_block(rows)
