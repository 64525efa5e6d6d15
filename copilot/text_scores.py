"""How alike an answer's text and a reference are: exact match, token F1, ROUGE-L. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_TOKEN = re.compile(r"[^\W_\u3040-\u30ff\u3400-\u9fff]+(?:[.,]\d+)*|[\u3040-\u30ff\u3400-\u9fff]")
_ARTICLES = frozenset({"a", "an", "the"})


def tokens(text: str) -> list[str]:
    """Words and numbers in lower case; Chinese and Japanese text by characters.

    >>> tokens("Set P12 to 0.5 s. 等待5秒")
    ['set', 'p12', 'to', '0.5', 's', '等', '待', '5', '秒']
    """
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).lower())


def exact_match(reference: str, text: str) -> float:
    """1.0 when both have the same tokens but for articles (as SQuAD, Rajpurkar et al. 2016), else 0.0."""
    return float(_bare(reference) == _bare(text))


def token_f1(reference: str, text: str) -> float:
    """F1 of the tokens shared, articles left out, whatever their order (SQuAD's; by characters for Chinese, as CMRC's)."""
    wanted, got = _bare(reference), _bare(text)
    shared = sum((Counter(wanted) & Counter(got)).values())
    return 2 * shared / (len(wanted) + len(got)) if shared else 0.0


def rouge_l(reference: str, text: str) -> float:
    """ROUGE-L F1 (Lin 2004): by the longest common subsequence of tokens."""
    from rapidfuzz.distance import LCSseq

    wanted, got = tokens(reference), tokens(text)
    shared = LCSseq.similarity(wanted, got)
    return 2 * shared / (len(wanted) + len(got)) if shared else 0.0


def _bare(text: str) -> list[str]:
    return [token for token in tokens(text) if token not in _ARTICLES]
