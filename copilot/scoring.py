"""How well a unit of text bears on a question: overlap of rare words, what stands around it, and likeness of meaning.

Rarity is an inverse document frequency (Sparck Jones 1972) over the units of the hits, mixed with the corpus's own
when the index offers it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from copilot.options import option_asked, options
from copilot.parameters import speaks_of_settings, without_ranges
from copilot.protocols import Rarity
from copilot.sentences import Unit, UnitKind, split
from copilot.synonyms import SAYS, actions_in, said_otherwise, words_in
from copilot.table_values import Cell, is_record, record_cells, row_cells
from copilot.things import count_in, counts_things, thing_asked
from copilot.types import Understanding
from copilot.units import asks_for_value, dimensions_asked, has_number, names_of, quantities, states_interval
from finetune.types import AnswerForm
from indexer.analysis import question_tokens, tokens
from indexer.chinese import both_scripts
from indexer.protocols import Embedder
from indexer.types import Chunk, ChunkKind, Hit

# Words that are rare enough to escape the stop list, and yet name no topic: they must not decide what is quoted.
_GENERIC_WORDS = """
use make get go need want work mean thing set way possibl correct right happen find show give know see look help let
take put
machin devic unit system equip part oper plant manual page document valu number type kind much mani often long step
procedur instruct follow new old one two good bad best first problem issu question answer reason notic potenti like inform list describ descript
recommend requir proper properli current user person someon anyth someth
机器 设备 需要 进行 使用 方法 步骤 问题 情况 内容 哪种 多久 多大 多长 意思 表示 知道 介绍 说明 操作 通过 我们 你们
有什 时应 应当 可能 注意 关于
"""
GENERIC = frozenset(_GENERIC_WORDS.split())
# What questions about the past say without naming a topic.
_HISTORY_WORDS = """
time last occur happen fault fail failur report mani often histori previous past fix repair order work record show
list befor
year month week quarter day ever downtim caus code alarm error machin most frequent common recent stop break broke
broken down breakdown outag stoppag who whom technician
date need pls pleas wo wos nr number total amount bill cost spent ever mention entri log ticket job singl come came appear seen all everi each similar up
上次 次数 多次 几次 出现 现过 发生 生过 故障 障记 记录 维修 修记 以前 之前 历史 怎么 么修 修好 处理 报警 警出 代码
最近 近一 一次 今年 去年 停机 机时 时间 坏了 坏过 坏几 了几 过几 本月 本周 上周 个月
是谁 谁修 谁处 谁换 师傅 哪位 哪天 是哪 哪一 一天 几号 费用 用多 多少 花了 工单 最后 一共 总共 合计
"""
HISTORY_WORDS = frozenset(_HISTORY_WORDS.split())


def is_about_the_past(term: str) -> bool:
    """Whether a token of a question only asks about the past; single Chinese characters are parts of such words."""
    return term in HISTORY_WORDS or (
        len(term) == 1 and not term.isascii() and any(term in word for word in HISTORY_WORDS)
    )


_ASKS_CODE = re.compile(
    r"\b(?:which|what) (?:\w+ )?(?:parameters?|settings?|function codes?|menu items?|codes?|registers?)\b|"
    r"哪个(?:参数|功能码|代码)|(?:参数|功能码|代码)(?:是|号是)?(?:哪|什么|多少)|什么参数|哪一?个?参数",
    re.IGNORECASE,
)
_DEFAULT = re.compile(
    both_scripts(
        r"\bdefaults?\b|\bfactory[- ](?:set(?:ting)?s?|value|preset)\b|\bout of the box\b|\bex works\b|默认|出厂(?:值|设置|设定|默认)?|缺省|预设值"
    ),
    re.IGNORECASE,
)
_JUST_SAYS = 12  # characters of a heading that only says "Default"
_ASKS_COMMAND = re.compile(
    both_scripts(
        r"\b(?:which|what)(?:['’]?s| is| are)? (?:the )?(?:\w+ ){0,2}?(?:commands?|g-?codes?|m-?codes?|macros?|instructions? to send)\b|\bcommands? (?:for|to|that)\b|"
        r"(?:哪一?|什么|啥)(?:[条个种]|样的)?(?:[GMgm]代?码|指令|命令|宏)|(?:发|输入|敲)(?:什么|哪[条个]|啥)(?:指令|命令|代码)?(?:$|[?？来去能可])|(?:指令|命令)(?:是|叫)?(?:什么|哪)"
    ),
    re.IGNORECASE,
)
# What is typed or sent: G28, M420 S1, SET_SKEW CLEAR=1, $32=1, "git pull".
_COMMAND = re.compile(
    r"(?<![\w$.-])(?:[GM]\d{1,4}(?:\.\d)?(?![\w.])(?!\s*(?:bolts?|screws?|nuts?|threads?|keys?|x\s?\d|×|螺))|[A-Z][A-Z0-9]*_[A-Z0-9_]+|\$[A-Za-z0-9#]+(?:=\S+)?|(?:sudo|git|pip3?|apt|apt-get|systemctl) [\w./~-]+)"
)
_CODE_CELL = re.compile(
    r"[A-Za-z]{1,4}\s?\d{0,3}(?:\s?[-_.]\s?\d{1,4}){1,2}|[A-Za-z]{1,4}\d{1,5}|[$#]\d{1,5}|0x[0-9A-Fa-f]+"
)
_HELPS = re.compile(
    r"\b(?:causes?|reasons?|remed(?:y|ies)|corrections?|corrective|actions?|measures?|solutions?|what to do|fix)\b|原因|处理|对策|措施|排除|解决",
    re.IGNORECASE,
)
"""The columns of a table of faults: what a row of it says is what to do about a symptom."""
_OF_FAULT_ROWS = {AnswerForm.CAUSES: 0.2, AnswerForm.STEPS: -0.2}
"""What such a row gains; where the way to do something is asked for, its few words about a symptom are not it."""
_NO_HELP = 0.1  # what a step of some work, or a row of another table, loses where a fault is asked about
_LABEL_SAYS = 0.3
_SAME_WORK, _OTHER_WORK = 0.15, 0.2
_NAMES_THING = 0.3  # a row or sentence that names the grease asked for
_COUNTED = 0.2
_IS_OPTION = 1.0  # the choice of a setting whose value is asked about
_MEANING_UNITS = 14
_READ = 0.3  # what a unit gains in which the reader is certain to see the answer
_RELEVANT = 0.2  # of the passage as a whole
_ENDS = (".", "!", "?", ":", ";", "。", "！", "？", "：", "；", ")", "”", "…")
_PRONOUN = re.compile(
    r"(?:it|they|them|this|these|those|that|its|their|he|she|such|otherwise|then|thus|therefore|in this case|"
    r"if so|if not|"
    r"also|however|both)\b"
    r"|此|该|这|它|其中|其他|否则|因此|然后|同时|但",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit with its place among the hits and its score; `order` is its position in its chunk's list of units."""

    unit: Unit
    hit: Hit
    order: int
    score: float = 0.0
    overlap: float = 0.0
    met: frozenset[str] = frozenset()
    """The question's terms that it or what names it (column, heading, title, unit of its value) holds."""
    has_value: bool = False
    """Whether it has a value of a kind that the question asks for; any number where it names no kind."""

    @property
    def chunk(self) -> Chunk:
        return self.hit.chunk


def states_default(candidate: Candidate, cells: Sequence[Cell]) -> bool:
    """Whether a unit says what something is set to when it comes: in its words, or in a column for it."""
    columns = [cell for cell in cells if _DEFAULT.search(cell.label)]
    return any(has_number(cell.text) or cell.text.strip(" -–—") for cell in columns) or (
        bool(_DEFAULT.search(candidate.unit.text)) and len(candidate.unit.text) > _JUST_SAYS
    )


def asks_for_command(question: str) -> bool:
    """Whether a question wants what is to be typed or sent.

    >>> asks_for_command("which g-code turns the fan on"), asks_for_command("查看状态用什么命令"), asks_for_command("which fan is loud")
    (True, True, False)
    """
    return bool(_ASKS_COMMAND.search(question))


def names_command(candidate: Candidate) -> bool:
    """Whether a unit has something that is typed or sent."""
    return bool(_COMMAND.search(candidate.unit.text))


def wants_value(understanding: Understanding) -> bool:
    """Whether a value answers: by the form, or where the form leaves it open or is about intervals, by the question."""
    form, text = understanding.form, understanding.text
    if form is AnswerForm.INTERVALS:
        return bool(dimensions_asked(text) - {"time"})
    return form is AnswerForm.VALUE or (form is AnswerForm.AUTO and asks_for_value(text))


def _whole_rows(chunk: Chunk) -> list[Unit]:
    """The units of a chunk; a row of a table that is a chunk of its own is one unit, not one for each cell."""
    units = split(chunk.text, chunk.kind)
    if chunk.kind is not ChunkKind.TABLE or len(units) < 2 or not is_record(units):
        return units
    first, last = units[0], units[-1]
    return [Unit(first.start, last.end, UnitKind.FIELD, first.line, " ; ".join(unit.text for unit in units))]


def starts_with_pronoun(sentence: str) -> bool:
    """Whether a sentence leans on the one before it."""
    return bool(_PRONOUN.match(sentence.lstrip()))


def term_weights(terms: Sequence[str], texts: Iterable[str], rarity: Rarity | None = None) -> dict[str, float]:
    """A weight above 0 for each term: rare among the texts (and in the corpus) weighs more, generic words little.

    Tokens of one word of several forms (e-207, e207, 207) share the weight of the longest.
    """
    bags = [set(tokens(text)) for text in texts]
    weights = {}
    for term in terms:
        weight = math.log(1 + (len(bags) + 1) / (1 + sum(term in bag for bag in bags)))
        if rarity is not None:
            weight *= 0.3 + 0.7 * rarity(term)
        if term in GENERIC:
            weight *= 0.25
        if any(character.isdigit() for character in term):
            weight *= 1.3
        if any(term != other and term in other and any(c.isdigit() for c in other) for other in terms):
            weight *= 0.3
        weights[term] = max(weight, 1e-3)
    return weights


class UnitScorer:
    """Scores the units of hits for one question; higher is better, about 0..2, comparable within the question."""

    def __init__(
        self,
        understanding: Understanding,
        hits: Sequence[Hit],
        embedder: Embedder | None = None,
        rarity: Rarity | None = None,
    ) -> None:
        self._understanding = understanding
        self._hits = tuple(hits)
        self._embedder = embedder
        self._rarity = rarity
        self._dimensions = dimensions_asked(understanding.text)
        form = understanding.form
        self._wants_code = bool(_ASKS_CODE.search(understanding.text))
        self._wants_default = bool(_DEFAULT.search(understanding.text))
        self._wants_command = asks_for_command(understanding.text)
        self._records: dict[str, list[Cell]] = {}
        self._actions = actions_in(understanding.text)
        self._thing = thing_asked(understanding.text)
        self._counts = counts_things(understanding.text)
        self._option = option_asked(understanding.text)
        self._wants_interval = form is AnswerForm.INTERVALS and self._thing is None
        self._wants_value = wants_value(understanding) and (self._thing is None or bool(self._dimensions))
        self._quantity_words = {
            dimension: {token for word in words for token in question_tokens(word)}
            for dimension, words in names_of(understanding.text).items()
        }

    def candidates(self) -> list[Candidate]:
        """All units of the hits, scored, best first; ties in the order of the hits."""
        found: list[Candidate] = []
        for hit in self._hits:
            found.extend(
                Candidate(unit, hit, order)
                for order, unit in enumerate(_whole_rows(hit.chunk))
                if unit.kind is not UnitKind.HEADER and any(map(str.isalnum, unit.text))
            )
        weights = term_weights(self._understanding.terms, (candidate.unit.text for candidate in found), self._rarity)
        bags = [words_in(self._said(candidate)) for candidate in found]
        scored = [self._lexical(candidate, place, found, bags, weights) for place, candidate in enumerate(found)]
        scored.sort(key=lambda candidate: -candidate.score)
        return _add_reading(self._add_meaning(scored))

    def _lexical(
        self,
        candidate: Candidate,
        place: int,
        found: Sequence[Candidate],
        bags: Sequence[set[str]],
        weights: dict[str, float],
    ) -> Candidate:
        total = sum(weights.values()) or 1.0
        own = bags[place]
        around: set[str] = set()
        for other in (place - 1, place + 1):
            if 0 <= other < len(found) and found[other].hit is candidate.hit:
                around |= bags[other]
        labels = " ".join(cell.label for cell in self._cells(candidate))
        context = words_in(" ".join((*candidate.chunk.heading[-2:], labels)))
        if self._wants_value:  # "54 Hz" says that it is a frequency
            context |= self._words_of_quantities(candidate)
        title = set(tokens(f"{candidate.chunk.source.title} {' '.join(candidate.chunk.heading[:-2])}"))
        others = self._understanding.others
        as_own, as_context = said_otherwise(others, own), said_otherwise(others, own | context)
        overlap = sum(w * (1.0 if term in own else SAYS) for term, w in weights.items() if term in own | as_own) / total
        score = 0.0
        for term, weight in weights.items():
            if term in own:
                score += weight
            elif term in as_own:
                score += SAYS * weight
            elif term in context:
                score += 0.6 * weight
            elif term in as_context:
                score += 0.6 * SAYS * weight
            elif term in around:
                score += 0.25 * weight
            elif term in title:
                score += 0.2 * weight
        score = score / total + 0.3 / (1 + candidate.hit.rank)
        met = frozenset(term for term in weights if term in own | as_own | context | as_context | title)
        score += self._bonus(candidate, bool(overlap))
        return replace(candidate, score=score, overlap=overlap, met=met, has_value=self._has_value(candidate))

    def _said(self, candidate: Candidate) -> str:
        """What a candidate says itself: of a row its cells, which the names of the columns are not part of."""
        cells = self._cells(candidate) if candidate.unit.kind is UnitKind.FIELD else []
        said = " ; ".join(cell.text for cell in cells) or candidate.unit.text
        return without_ranges(said) if speaks_of_settings(said) else said

    def _has_value(self, candidate: Candidate) -> bool:
        cells = self._cells(candidate)
        text = " ; ".join(cell.value for cell in cells) if cells else candidate.unit.text
        if self._counts:
            return count_in(candidate.unit.text, cells) > 0
        if self._dimensions:
            return any(quantity.dimension in self._dimensions for quantity in quantities(text))
        return has_number(text)

    def _words_of_quantities(self, candidate: Candidate) -> set[str]:
        """The question's names for the kinds of quantity that a candidate has a value of."""
        cells = self._cells(candidate)
        found = quantities(" ; ".join(cell.value for cell in cells) if cells else candidate.unit.text)
        return set().union(*(self._quantity_words.get(quantity.dimension, ()) for quantity in found))

    def _bonus(self, candidate: Candidate, overlaps: bool) -> float:
        text, bonus = candidate.unit.text, 0.0
        cells = self._cells(candidate)
        bonus += _LABEL_SAYS * self._named_by(cells) + self._does_what_is_asked(cells)
        if self._thing is not None and (self._thing.is_in(cells) if cells else self._thing.is_specified_in(text)):
            bonus += _NAMES_THING
        if self._option is not None and options(candidate.chunk.text).get(self._option) == text.strip():
            bonus += _IS_OPTION
        if self._counts:
            bonus += _COUNTED * count_in(text, cells)
        if self._wants_code and any(_CODE_CELL.fullmatch(cell.text.strip()) for cell in cells):
            bonus += 0.3
        if self._wants_default and states_default(candidate, cells):
            bonus += _NAMES_THING
        if self._wants_command and names_command(candidate):
            bonus += _NAMES_THING
        helps = any(_HELPS.search(cell.label) for cell in cells)
        if self._understanding.form in _OF_FAULT_ROWS and helps:
            bonus += _OF_FAULT_ROWS[self._understanding.form]
        elif self._understanding.form is AnswerForm.CAUSES and (candidate.unit.kind is UnitKind.STEP or cells):
            bonus -= 0.0 if self._understanding.codes else _NO_HELP
        if self._wants_value:
            found = quantities(" ; ".join(cell.value for cell in cells) if cells else text)
            if self._dimensions and any(quantity.dimension in self._dimensions for quantity in found):
                bonus += 0.5
            elif found or has_number(text):
                bonus += 0.15 if not self._dimensions else 0.05
        told = " ; ".join(f"{cell.label}: {cell.text}" for cell in cells if cell.text.strip(" -–—")) or text
        if self._wants_interval and states_interval(told):
            bonus += 0.35
        words = set(tokens(text))
        length = len(words)
        if candidate.unit.kind is UnitKind.SENTENCE and not text.rstrip().endswith(_ENDS):  # a title or a torn line
            heading = set(tokens(" ".join(candidate.chunk.heading[-2:])))
            bonus -= 0.6 if words <= heading else 0.3 if length < 8 else 0.1
        if length < 3 and candidate.chunk.kind is not ChunkKind.TABLE:
            bonus -= 0.25
        elif length > 70:
            bonus -= 0.1
        if text.rstrip().endswith(("?", "？")):
            bonus -= 0.15
        return bonus if overlaps or bonus < 0 else 0.6 * bonus

    def _cells(self, candidate: Candidate) -> list[Cell]:
        if candidate.unit.kind is UnitKind.ROW:
            return row_cells(candidate.chunk, candidate.unit)
        if candidate.unit.kind is UnitKind.FIELD and candidate.chunk.kind is ChunkKind.TABLE:
            if candidate.chunk.id not in self._records:
                self._records[candidate.chunk.id] = record_cells(split(candidate.chunk.text, candidate.chunk.kind))
            return self._records[candidate.chunk.id]
        return []

    def _named_by(self, cells: Sequence[Cell]) -> float:
        """How exactly a cell is what the question speaks of, 0..1: all of its words asked for, and many of those asked."""
        asked = set(self._understanding.terms)
        best = 0.0
        for cell in cells:
            words = {token for token in question_tokens(cell.text) if token not in GENERIC and not token.isdigit()}
            there = words_in(cell.text)
            otherwise = set().union(*(other.tokens for other in self._understanding.others if other.held <= there))
            shared = len(words & (asked | otherwise))
            if len(words) > 1 and shared:
                best = max(best, (shared / len(words)) * min(1.0, 2 * shared / max(1, len(asked))))
        return best

    def _does_what_is_asked(self, cells: Sequence[Cell]) -> float:
        """What a row gains for the work asked for (replacing), and loses where it is about other work only (cleaning)."""
        if not cells or not self._actions or self._understanding.form is AnswerForm.CAUSES:
            return 0.0
        told = actions_in(" ; ".join(cell.text for cell in cells))
        return 0.0 if not told else _SAME_WORK if told & self._actions else -_OTHER_WORK

    def _add_meaning(self, scored: list[Candidate]) -> list[Candidate]:
        """Add the cosine of the question to the best units; some of each good hit, so that a paraphrase has a chance."""
        if self._embedder is None or not scored:
            return scored
        chosen: list[Candidate] = []
        for hit in self._hits[:3]:  # the first units of the best hits, whatever their words
            chosen.extend([candidate for candidate in scored if candidate.hit is hit][:3])
        chosen.extend(
            [candidate for candidate in scored if candidate not in chosen][: max(0, _MEANING_UNITS - len(chosen))]
        )
        vectors = self._embedder.embed_questions(
            [self._understanding.text, *(_with_heading(candidate) for candidate in chosen)]
        )
        cosines = vectors[1:] @ vectors[0]
        meaning = {id(candidate): float(cosine) for candidate, cosine in zip(chosen, cosines, strict=True)}
        merged = [
            replace(candidate, score=candidate.score + 0.6 * max(0.0, meaning.get(id(candidate), 0.0)))
            for candidate in scored
        ]
        return sorted(merged, key=lambda candidate: -candidate.score)


def _add_reading(scored: list[Candidate]) -> list[Candidate]:
    """Raise the units of passages that a reader finds relevant, and those in which it marked an answer."""
    raised = [
        replace(candidate, score=candidate.score + _RELEVANT * _relevance(candidate) + _READ * _marked(candidate))
        for candidate in scored
    ]
    return sorted(raised, key=lambda candidate: -candidate.score)


def _relevance(candidate: Candidate) -> float:
    return candidate.hit.reading.relevance if candidate.hit.reading else 0.0


def _marked(candidate: Candidate) -> float:
    """How sure a reader is, 0..1, that the answer lies in the unit; a span across units counts in each by its share."""
    reading, unit = candidate.hit.reading, candidate.unit
    if reading is None:
        return 0.0
    found = [
        span.confidence * max(0, min(span.end, unit.end) - max(span.begin, unit.start)) / max(1, span.end - span.begin)
        for span in reading.spans
    ]
    return reading.relevance * max(found, default=0.0)


def _with_heading(candidate: Candidate) -> str:
    heading = candidate.chunk.heading[-1] if candidate.chunk.heading else ""
    return f"{heading}. {candidate.unit.text}" if heading else candidate.unit.text
