"""Answers to "what must I watch out for": the rules of the place asked about, in order, the prohibitions among them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from copilot.generate.procedures import ranked_sections, section_units
from copilot.generate.quoting import Quoter
from copilot.protocols import Knowledge, Rarity
from copilot.safety import is_rule
from copilot.scoring import Candidate
from copilot.sentences import UnitKind
from copilot.types import Piece, Understanding
from indexer.analysis import tokens
from indexer.chinese import both_scripts
from indexer.types import ChunkKind

MAX_SENTENCES = 5
_MIND = re.compile(
    both_scripts(
        r"\bwhat (?:do|must|should|shall|have|has) (?:i|we|one|you|operators?)(?: to)? (?:watch|mind|look out|pay attention|consider|"
        r"observe|be careful|note|keep in mind|bear in mind|remember)|\b(?:any|which|what)(?: \w+)? precautions?\b|\banything to "
        r"(?:watch|mind|consider|note)|注意(?:些)?(?:什么|哪些|啥|事项)|注意事项|需要小心|要小心什么|有(?:什么|哪些)(?:要求|规定|禁忌)"
    ),
    re.IGNORECASE,
)
_LIMIT = re.compile(
    both_scripts(
        r"\b(?:only|at least|at most|no more than|not|must|should|before|below|above)\b|不|禁|应|须|要|防止|以上|以下"
    ),
    re.IGNORECASE,
)


def asks_what_to_mind(question: str) -> bool:
    """Whether a question wants precautions rather than steps, a value or a cause."""
    return bool(_MIND.search(question))


def answer_what_to_mind(
    understanding: Understanding,
    candidates: Sequence[Candidate],
    knowledge: Knowledge,
    quoter: Quoter,
    rarity: Rarity | None = None,
) -> Iterator[Piece]:
    """The sentences of the best section that command, forbid or limit, in reading order; nothing when it has none."""
    terms = set(understanding.terms)
    for _, chunk in ranked_sections(understanding, candidates, rarity):
        parts = knowledge.section(chunk.source.document_id, chunk.section) or [chunk]
        units = [
            (part, unit)
            for part, unit in section_units(parts)
            if unit.kind in (UnitKind.SENTENCE, UnitKind.ITEM) and part.kind is not ChunkKind.WARNING
        ]
        rules = [placed for placed in units if is_rule(placed[1].text) or _LIMIT.search(placed[1].text)]
        if not rules:
            continue
        best = sorted(
            rules,
            key=lambda placed: (-is_rule(placed[1].text), -len(terms & set(tokens(placed[1].text))), placed[1].start),
        )[:MAX_SENTENCES]
        for part in dict.fromkeys(part for part, _ in units):
            yield from quoter.units(part, [unit for where, unit in units if where == part and (where, unit) in best])
        return
