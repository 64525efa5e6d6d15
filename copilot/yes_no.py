"""Yes or no, where one quoted sentence says it: it holds all that the question speaks of, and grants, denies or states it.

Strict on purpose. A sentence with a condition of its own ("only", "unless", "if") is no plain answer, a sentence that
merely speaks of the same things is none at all, and nothing that may hurt is ever allowed. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from copilot.grounding import denies, facts, lacking
from copilot.scoring import GENERIC
from copilot.sentences import UnitKind, split
from copilot.types import Citation, Understanding
from finetune.types import AnswerForm
from indexer.analysis import holds_chinese, tokens
from indexer.types import Chunk, ChunkKind

_ENGLISH = re.compile(
    r"^\s*(?:(?P<may>can|could|may)|(?P<must>must|should|shall|need)|(?:is|are|was|were|does|do|did|will|has|have))\s+\S",
    re.IGNORECASE,
)
_POSSIBLE = re.compile(r"^\s*(?:is|are)\s+(?:it\s+)?(?:possible|permitted|allowed|ok|okay|safe)\b", re.IGNORECASE)
_MANDATORY = re.compile(
    r"^\s*(?:is|are)\s+(?:it\s+)?(?:mandatory|necessary|required|obligatory)\b|\bhave to\b", re.IGNORECASE
)
_OPEN = re.compile(r"\bor\b|还是|什么|怎|哪|多少|几|为何", re.IGNORECASE)
_CHINESE = re.compile(r"吗[？?]?\s*$|能否|可否|是否|能不能|可不可以|是不是|需不需要|要不要")
_CHINESE_MAY = re.compile(r"可以|能|可否|允许")
_CHINESE_MUST = re.compile(r"必须|需要|应|要")
_GRANTS = re.compile(
    r"\b(?:can|may|could|allow(?:s|ed)?|permit(?:s|ted)?|able to|possible|support(?:s|ed)?|let(?:s)? you|enables? you)\b|可以?|能够?|允许|支持",
    re.IGNORECASE,
)
_ORDERS = re.compile(
    r"\b(?:must|shall|should|need(?:s|ed)? to|required|necessary|mandatory|always|have to|has to)\b|必须|务必|应|需",
    re.IGNORECASE,
)
_BUT = re.compile(
    r"\b(?:only|unless|except|if|when|while|until|provided|depending|however|but|some|certain|otherwise|without)\b|"
    r"只|仅|除非|除|如果|若|当|但|否则|部分|某些|之前|前不得",
    re.IGNORECASE,
)
_LEAST = 0.9  # share of the question's words that sentence, heading and title hold
_LEAST_READ = 0.75  # the same where a reader finds the passage relevant
_RELEVANT = 0.8
_ASKED = re.compile(r"可不可以|能不能|是不是|需不需要|要不要|能否|可否|是否|吗")
_FRAME = frozenset(
    "possibl permit allow ok okay safe mandatori necessari requir need user document accord manual state mention".split()
)


def asks_yes_or_no(question: str) -> bool:
    """Whether a question wants yes or no.

    >>> asks_yes_or_no("Can the hose be repaired?"), asks_yes_or_no("Is it 5 or 6 bar?"), asks_yes_or_no("滤芯可以水洗吗？")
    (True, False, True)
    """
    if _OPEN.search(_ASKED.sub("", question)):
        return False
    return bool(_CHINESE.search(question)) if holds_chinese(question) else bool(_ENGLISH.search(question))


def yes_or_no(
    understanding: Understanding,
    citations: Sequence[Citation],
    chunks: Mapping[str, Chunk],
    relevance: Mapping[str, float] = MappingProxyType({}),
) -> str:
    """ "Yes", "No" ("是", "否") or, where no quoted sentence settles it, "".

    `relevance` is how much a reader finds each chunk to be about the question, by id.
    """
    question = understanding.text
    if denies(_ASKED.sub("", question)) or understanding.unsafe:
        return ""
    told = {
        verdict
        for citation in citations
        if (chunk := chunks.get(citation.chunk_id)) is not None and chunk.kind is not ChunkKind.FAULT_REPORT
        for unit in split(chunk.text, chunk.kind)
        if unit.kind in (UnitKind.SENTENCE, UnitKind.ITEM, UnitKind.STEP)
        and citation.start <= unit.start
        and unit.end <= citation.start + len(citation.quote)
        and (verdict := _verdict(understanding, unit.text, chunk, relevance.get(chunk.id, 0.0))) is not None
    }
    if len(told) != 1:
        return ""
    yes = told.pop()
    if yes and understanding.form is AnswerForm.WARNINGS:
        return ""  # what is safe, the reader decides with the warnings at hand
    return ("是" if yes else "否") if understanding.language == "zh" else ("Yes" if yes else "No")


def _verdict(understanding: Understanding, sentence: str, chunk: Chunk, relevance: float) -> bool | None:
    """True or False where the sentence settles the question, None where it does not."""
    question = understanding.text
    if _BUT.search(sentence) or sentence.rstrip().endswith(("?", "？", ":", "：")):
        return None
    around = " ; ".join((*chunk.heading[-2:], chunk.source.title))
    wanted = [term for term in understanding.terms if term not in GENERIC | _FRAME]
    own, named = set(tokens(sentence)), set(tokens(around))
    if len(wanted) < 2 or sum(term in own for term in wanted) < 0.6 * len(wanted):
        return None
    least = _LEAST_READ if relevance >= _RELEVANT else _LEAST
    if sum(term in own or term in named for term in wanted) < least * len(wanted):
        return None
    if lacking(facts(question), facts(sentence), facts(around)):
        return None
    no = denies(sentence)
    if _asks_leave(question):
        return not no if no or _GRANTS.search(sentence) else None
    if _asks_duty(question):
        return not no if no or _ORDERS.search(sentence) else None
    return not no


def _asks_leave(question: str) -> bool:
    found = _ENGLISH.search(question)
    return (
        bool(found and found["may"])
        or bool(_POSSIBLE.search(question))
        or bool(holds_chinese(question) and _CHINESE_MAY.search(question))
    )


def _asks_duty(question: str) -> bool:
    found = _ENGLISH.search(question)
    return (
        bool(found and found["must"])
        or bool(_MANDATORY.search(question))
        or bool(holds_chinese(question) and _CHINESE_MUST.search(question))
    )
