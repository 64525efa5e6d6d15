"""Parameters that a manual describes in prose: "PD005 Max. Operating Frequency / Set Range: 10.00-400.00 Hz ...".

Drive manuals list their parameters in a table and describe them once more in a chapter, each under a line with its code
and name. The range and the factory setting below that line tell it from any other mention of a code. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from indexer.chinese import both_scripts

_TITLE = re.compile(
    r"^[ \t]*(?P<code>[A-Za-z]{1,4}[-_.]?\d{1,4}(?:[-_.]\d{1,3})*)[ \t:：]+(?=[^\W\d]).*$", re.MULTILINE
)
_SETTING = re.compile(
    both_scripts(
        r"\b(?:set(?:ting)?|adjust(?:ment)?) ?ranges?\b|\b(?:factory|default) (?:settings?|values?)\b|\bdefault\s*[:：]"
        r"|设[定置]范围|调[节整]范围|出厂(?:设[定置]|[值默])|默认值|缺省值|[初预][始设]值"
    ),
    re.IGNORECASE,
)
_RANGE = re.compile(
    both_scripts(
        r"(?:\b(?:set(?:ting)?|adjust(?:ment)?) ?ranges?|\bunits?|\b(?:factory|default) (?:settings?|values?)|\bdefault"
        r"|设[定置]范围|调[节整]范围|单位|出厂(?:设[定置]|[值默])|默认值|缺省值|[初预][始设]值)\s*[:：]\s*\S+(?:\s?(?:Hz|s|S|V|A|%))?"
    ),
    re.IGNORECASE,
)
_ENTRY = re.compile(r"^\s*\d{1,3}\s*[.、)）]\s*(?P<label>[^\s:：][^:：]{0,24}?)\s*[:：]")
_SENTENCE_WORDS = 3  # a label of more words is part of a sentence


def speaks_of_settings(text: str) -> bool:
    """Whether a text gives the range or the factory setting of something."""
    return bool(_SETTING.search(text))


def without_ranges(text: str) -> str:
    """A text without "Set Range: 0-10", "Factory Setting: 00": these are labels, and no talk of factory settings.

    >>> without_ranges("Set Range: 00-10 Unit: 1 Factory Setting: 00 Restores the factory setting.").strip()
    'Restores the factory setting.'
    """
    return _RANGE.sub(" ", text)


def title_at(text: str, start: int) -> tuple[int, int] | None:
    """Where the title of the parameter stands (begin, end) whose description holds the place `start` of a text; None outside any.

    >>> text = "PD005 Max. Frequency\\nSet Range: 10-400 Hz\\nThe highest frequency of the inverter."
    >>> title_at(text, text.index("The")), title_at("See E12 below\\nand go on.", 16)
    ((0, 20), None)
    """
    title = None
    end = len(text)
    for found in _TITLE.finditer(text):
        if found.start() > start:
            end = found.start()
            break
        title = found
    if title is None or not speaks_of_settings(text[title.start() : end]):
        return None
    return title.span()


def are_entries(items: Sequence[str]) -> bool:
    """Whether numbered items are the entries of a menu, each with its name before a colon: these are no steps.

    >>> are_entries(["1. Cal : calibrate", "2. MotType : type of motor", "3. Mode : mode of work", "4. Ma : current"])
    True
    >>> are_entries(["1. Switch off.", "2. Open the door: it is heavy.", "3. Look.", "4. Close it."])
    False
    """
    if len(items) < 4:
        return False
    labels = [found["label"] for item in items if (found := _ENTRY.match(item))]
    short = [label for label in labels if len(label.split()) <= _SENTENCE_WORDS]
    names = [label for label in short if len(label.split()) == 1]
    return len(short) >= 0.75 * len(items) and len(names) >= 0.6 * len(short)
