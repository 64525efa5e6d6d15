"""RESULTS.md from results.jsonl: the newest record of every part. `python -m benchmarks report`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.common import HERE, RESULTS

TITLES = {
    "retrieval": "Retrieval",
    "reading": "Reader",
    "answers": "Answers",
    "grounding": "Checks on a language model's text",
    "codes": "Exact codes",
    "safety": "Warnings",
    "indexing": "Bulk indexing",
    "encoder": "Encoder",
    "bilingual": "Bilingual body",
    "routing": "Routing and fine-tuning",
    "tagging": "Tagging",
    "scale": "Scale",
    "cold": "Cold start",
    "load": "Load",
}

HEAD = """# Results

Written by `python -m benchmarks report` from `results.jsonl` (the newest record of every part); do not edit by hand.
How to run each measurement: [README.md](README.md). Brackets are 95 % bootstrap intervals. Peers ran in the same process family on
the same machine with the same weights. Other work may have shared the machine: ratios say more than absolute times.
"""


def newest() -> dict[tuple[str, str], dict[str, Any]]:
    """The last record of every (benchmark, part)."""
    records: dict[tuple[str, str], dict[str, Any]] = {}
    if RESULTS.is_file():
        for line in RESULTS.read_text(encoding="utf-8").splitlines():
            if line.strip():
                record = json.loads(line)
                records[record["benchmark"], record["part"]] = record
    return records


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(record: Mapping[str, Any]) -> list[str]:
    rows: Sequence[Sequence[str]] = record["rows"]
    lines = [f"### {record['title']}", "", "| " + " | ".join(map(_cell, record["columns"])) + " |"]
    lines.append("|" + "---|" * len(record["columns"]))
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    about = record["machine"]
    lines.append("")
    lines += [note if note.startswith("![") else f"- {note}" for note in record["notes"]]
    lines.append(f"- {record['date']}, seed {record['seed']}; {about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB, "
                 f"load {about['load_1_min']}; Python {about['python']}")  # fmt: skip
    return [*lines, ""]


def _place(benchmark: str) -> int:
    return list(TITLES).index(benchmark) if benchmark in TITLES else len(TITLES)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write RESULTS.md."""
    records = newest()
    lines = [HEAD]
    titles = {
        **{name: name.capitalize() for name, _ in records},
        **TITLES,
    }  # a benchmark without a title is not left out
    for benchmark, title in sorted(titles.items(), key=lambda item: _place(item[0])):
        own = [record for (name, _), record in records.items() if name == benchmark]
        if own:
            lines.append(f"## {title}\n")
            for record in own:
                lines += _table(record)
    if not records:
        lines.append("Nothing has been measured yet.\n")
    (HERE / "RESULTS.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    print(f"wrote {HERE / 'RESULTS.md'}: {len(records)} tables")


if __name__ == "__main__":
    main()
