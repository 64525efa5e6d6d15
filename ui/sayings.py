"""Lines that other parts of the program say in English, in the language of the page.

The service, the indexer and the trainings each say what happened in one English line, wherever it is read: on the command
line, in the API, in lists that the index keeps for years. The page looks such a line up in the table [said] of its
language. There the English line stands as the program writes it, with {names} for what is filled in, and beside it the
line that is shown; `{name:said}` is a line of the table itself. `tests/page/test_sayings.py` finds all such lines in the
sources and names those that a language lacks.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

_GAP = re.compile(r"\{(\w+)(:said)?\}")
_BETWEEN = "; "  # what joins several lines into one, as the reasons of the gate
_MOST_PARTS = 24
_LONGEST = 4_000  # characters; a longer line is no message of ours


@dataclass(frozen=True, slots=True)
class _Saying:
    pattern: re.Pattern[str]
    inner: frozenset[str]  # gaps that hold a saying
    told: str
    literal: int  # characters outside the gaps


class Sayings:
    """One language's lines. Raises ValueError for a line that is nothing but gaps, or names one it does not have."""

    def __init__(self, table: Mapping[str, str]) -> None:
        made = [_saying(english, told) for english, told in table.items()]
        # What says most comes first: "no route X; the routes are Y" before "no X".
        self._sayings = sorted(made, key=lambda one: -one.literal)
        self._found = functools.lru_cache(maxsize=4_096)(self._look)

    def __bool__(self) -> bool:
        return bool(self._sayings)

    def __call__(self, line: str) -> str | None:
        """The line in this language; None for one that is not known.

        >>> Sayings({"{count} of {what:said} left": "剩 {count} {what}", "files": "个文件"})("3 of files left")
        '剩 3 个文件'
        """
        return self._found(line) if len(line) <= _LONGEST else None

    def _look(self, line: str) -> str | None:
        return self._one(line) or self._several(line)

    def _one(self, line: str) -> str | None:
        for saying in self._sayings:
            if found := saying.pattern.fullmatch(line):
                values = {
                    name: (self(value) or value) if name in saying.inner else value
                    for name, value in found.groupdict().items()
                }
                return saying.told.format_map(values)
        return None

    def _several(self, line: str) -> str | None:
        """Lines joined by semicolons, the longest known one first; None unless all are known."""
        parts = line.split(_BETWEEN)
        if not 1 < len(parts) <= _MOST_PARTS:
            return None
        told: list[str] = []
        at = 0
        while at < len(parts):
            for end in range(len(parts), at, -1):
                if (one := self._one(_BETWEEN.join(parts[at:end]))) is not None:
                    told.append(one)
                    at = end
                    break
            else:
                return None
        return _BETWEEN.join(told)


def _saying(english: str, told: str) -> _Saying:
    pattern, last = [], 0
    names: list[str] = []
    inner: set[str] = set()
    for gap in _GAP.finditer(english):
        pattern.append(re.escape(english[last : gap.start()]))
        pattern.append(f"(?P={gap[1]})" if gap[1] in names else f"(?P<{gap[1]}>.*?)")
        names.append(gap[1])
        inner |= {gap[1]} if gap[2] else set()
        last = gap.end()
    pattern.append(re.escape(english[last:]))
    literal = len(_GAP.sub("", english).strip())
    unknown = set(re.findall(r"\{(\w*)", told)) - set(names)
    if not literal or unknown:
        raise ValueError(
            f"[said] {english!r} = {told!r}: {'it is nothing but gaps' if not literal else sorted(unknown)}"
        )
    return _Saying(re.compile("".join(pattern)), frozenset(inner), told, literal)
