"""Questions about what to check before a machine is started, in the words that manuals have over such lists. Text in, text out.

Operators say "before I start it after a weekend" or 开机前; manuals say "Start of shift", "Daily checks", 班前检查. Neither the
words nor their meaning are alike enough for a search to tell these lists from all else that speaks of starting and checking.
"""

from __future__ import annotations

import re

from indexer.analysis import is_chinese

_CHECKS = re.compile(
    r"\b(?:check(?:s|ed)?|inspect(?:ed|ions?)?|look at|test(?:ed)?)\b|检查|点检|确认|巡检", re.IGNORECASE
)
_IDLE = r"(?:weekend|holidays?|break|stand ?still|pause|shut ?down|long stop|night)"
_BEFORE = re.compile(
    r"\b(?:before|prior to)\s+(?:i |we |you |the operator )?(?:(?:can |may )?(?:start(?:ing)?(?:[- ]up)?|switch(?:ing)?(?: it)? on|turn(?:ing)?(?: it)? on|"
    r"power(?:ing)? (?:on|up)|beginning|the shift|each shift|work|production|use|using))\b(?:\s+up\b|\s+(?:it|on)\b)?|"
    rf"\bafter (?:a |the )?(?:long )?{_IDLE}\b|\bpre-?(?:start|use|operation)(?:al)?\b|"
    r"(?:每天|每日|每次|早上)?(?:开机|启动|起动|班|开工|上班|使用|开车|投产)(?:之?前)|(?:周末|假期|停机|放假)(?:过后|之?后)",
    re.IGNORECASE,
)
# "Before starting the repair" is about the repair.
_OF_A_JOB = re.compile(
    r"^\s*(?:the |a |any |with )?(?:repair|maintenance|work on|cleaning|replac|remov|chang|install|weld)", re.IGNORECASE
)


def asks_what_to_check_before_start(question: str) -> bool:
    """Whether a question wants the checks before a start."""
    found = _BEFORE.search(question)
    return found is not None and bool(_CHECKS.search(question)) and not _OF_A_JOB.match(question[found.end() :])


def in_words_of_manuals(question: str) -> str:
    """Such a question with the words of manuals in the place of its own for the start.

    >>> in_words_of_manuals("What must I check before starting the press after a weekend?")
    'What must I check at the start of the shift, daily checks, the press?'
    """
    words = "班前检查，日常点检，" if is_chinese(question) else "at the start of the shift, daily checks,"
    out = _BEFORE.sub("\0", question)
    out = out.replace("\0", words, 1).replace("\0", " ")
    return re.sub(r"\s+([?？,.])", r"\1", " ".join(out.split()))
