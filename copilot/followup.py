"""Follow-ups: a question that leans on the ones before it, filled in from them. No language model; text in, text out.

Four kinds are known. "What about E-208?" and "and on the other press?" ask the last question again with another code
or machine. "How long does that take?" asks something new of the same thing: the topic is added to it, and likewise to "What tools do I need?" and 要拧多少牛米, which
name nothing but what is asked for. "And the filter?" asks the same of another thing: only the machine and the code stay. A question that stands alone is left alone, so that
a change of topic takes nothing along.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from copilot.types import Turn
from indexer.analysis import fold, is_chinese, question_tokens, stem
from indexer.codes import Candidate, candidates

_RECENT = 4
_SHORT, _SHORT_CHINESE = 2, 4  # informative words (characters in Chinese) up to which an ellipsis needs a topic

_BARE_CHINESE = 2
# What can be asked of any thing: a question that holds no other words is about the thing before.
_ASKED_FOR = frozenset(
    stem(word)
    for word in """
    tool tools part parts spare material materials torque interval time duration step steps number size quantity amount pressure
    temperature speed value setting settings tolerance clearance gap thread length width height depth diameter weight grade
    brand limit limits cost price people person persons gloves protection protective equipment ppe warning warnings risk
    danger dangerous cause causes reason reasons remedy remedies page manual section order wrench spanner socket
    screwdriver key nm frequency often long much many force voltage current power capacity volume level kind type
    """.split()
)
_ASKS_MORE = frozenset(
    stem(word)
    for word in """
    need needed needs require required use used take takes necessary set correct exact right maximum max minimum min
    allowed permitted recommended tighten tightening apply special other else exactly normally usually happen first last new
    know see find look check wear mind done get
    """.split()
)
_ASKED_FOR_ZH = re.compile(
    r"工具|备件|零件|配件|材料|扭矩|力矩|牛·?米|拧紧|[拧用加装调设打]到?|时间|周期|间隔|步骤|型号|规格|牌号|数量|用量|压力|温度|转速|"
    r"数值|公差|间隙|尺寸|长度|直径|重量|大小|原因|危险|风险|手套|防护|费用|价格|注意|事项|分钟|小时|毫米|升|巴|兆帕|安培|伏特?|"
    r"第?几[步页章个人]|多[大高重快深]|最[大小高低]|大概|大约|一般|通常|才行?|合适|正确|才?够|还|也|又|会|得|有|个|把|先|后|再|次|我们?|我"
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_ASKED_ZH = re.compile(
    r"多长时间|多久|是?多少|[几一][次回]|怎么样?|如何|怎样|什么|哪[些个]|需要|应该?|可以|要|吗|呢|是"
)
_GO_ON = re.compile(
    r"^\s*(?:and|also|or|but|so|then|ok(?:ay)?|well|right)?[\s,]*(?:what|how) about\b|"
    r"^\s*(?:and|or|but)\b(?!/)|^\s*(?:the )?same (?:for|on|with|question)\b|"
    r"^\s*(?:那么|那|还有|以及|然后|另外|同样)|呢\s*[?？。]?\s*$",
    re.IGNORECASE,
)
_FRAME = re.compile(
    r"^\s*(?:and|also|or|but|so|then|ok(?:ay)?|well|right)?[\s,]*(?:(?:what|how) about|what if it (?:is|was))?\s*"
    r"(?:(?:for|on|with|at|in)\b)?\s*(?:the|a|an)?\s*|"
    r"^\s*(?:那么|那|还有|以及|然后|另外|同样)[\s，,]*(?:如果)?(?:是|换成|对于|在)?",
    re.IGNORECASE,
)
_BACK = re.compile(
    r"\b(?:it|its|they|them|their|that|this|these|those|the same|there|afterwards|the (?:other|second|next|first|last) "
    r"(?:one|step|way|cause|remedy))\b(?!\s+(?:is|would be|will be)\s+(?:safe|possible|allowed|ok|necessary)\s+to\b)|"
    r"它们?|(?<![\u4e00-\u9fff])(?:这|那|该|此)(?:个|种|些|样|项|步|里|台|时)?|这(?:个|种|些|样|项|步|里)|上述|其中|同样的?|之后",
    re.IGNORECASE,
)
_EMPTY_IT = re.compile(
    r"\bis it (?:safe|possible|allowed|ok|okay|normal|necessary|dangerous)\b.*\bto\s+\w+\s+(?!it\b)", re.IGNORECASE
)
_OTHER = re.compile(
    r"\bthe other (?P<what>[a-z]+)\b|另(?:外)?一?(?:台|个|部)(?P<was>[\u4e00-\u9fff]{0,6}?)(?=呢|上|的|怎|如|$|[?？。，])",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"^\s*(?:(?:please|can you|could you)\s+)*(?:how (?:do|can|should|must|would|is|are|to)\s*(?:i|we|you|one)?|"
    r"(?:what|which) (?:special )?(?:tools?|parts?|materials?) (?:do|are|is) (?:i |we |you )?(?:need|needed|required)(?: to| for)?|"
    r"what (?:is|are|does|do|was|were|should (?:i|we) do (?:when|if|after))|which|when|where|why (?:does|do|is|are)|"
    r"tell me (?:about|how to)|show me|steps? (?:to|for)|procedure (?:to|for|of))\s+(?:the |a |an )?|"
    r"^\s*(?:请问|请)?(?:我)?(?:应该?)?(?:如何|怎么样?|怎样|为什么)|(?:是什么(?:意思|原因)?|怎么办|怎么处理|怎么回事|有哪些|是多少|吗|呢)?\s*[?？。!！.]*\s*$",
    re.IGNORECASE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Resolved:
    """A question with what it left out. `machine` is the one carried over (None: none), `follows` the turn leant on.

    `other_machine` holds the words that mean another machine than the last one, when nothing says which.
    """

    text: str
    topic: str
    machine: str | None = None
    follows: Turn | None = None
    other_machine: str = ""
    rewritten: bool = False  # by a language model, not by the rules


def topic_of(text: str) -> str:
    """What a question is about: its words without those that only ask.

    >>> topic_of("How do I replace the drive belt?"), topic_of("如何更换油滤芯？")
    ('replace the drive belt', '更换油滤芯')
    """
    topic = _ASKING.sub("", text).strip(" ?？。.!！,，")
    return topic or text.strip()


def resolve(
    text: str,
    earlier: Sequence[Turn],
    named_machine: tuple[str, str] | None,
    machines: Sequence[str],
    by_kind: Callable[[str], tuple[str, str] | None] = lambda _: None,
) -> Resolved:
    """Fill in what a question leaves out.

    `named_machine` is (machine, the words that name it) when the question names one, `machines` are all there are.
    `by_kind` says the same of a text that names the one machine of a kind.
    """
    alone = Resolved(text, topic_of(text))
    turns = [turn for turn in earlier[-_RECENT:] if turn.topic]
    if not turns:
        return alone
    last = turns[-1]
    named_machine = named_machine or by_kind(text)
    goes_on = bool(_GO_ON.search(text))
    codes = [found.written for found in _codes(text, named_machine[1] if named_machine else "")]
    other = _OTHER.search(text)
    rest = _rest(text, [*codes, *([named_machine[1]] if named_machine else []), *([other[0]] if other else [])])
    if (codes or named_machine or other) and not rest:
        return _again(text, last, codes, named_machine, other, machines, by_kind)
    leans = bool(_BACK.search(text)) and not _EMPTY_IT.search(text)
    if other and (leans or goes_on):
        return _again(text, last, codes, named_machine, other, machines, by_kind)
    short = len(rest) <= (_SHORT_CHINESE if is_chinese(text) else _SHORT)
    asks_of_it = bool(rest) and set(rest) <= _ASKED_FOR | _ASKS_MORE and not set(rest).isdisjoint(_ASKED_FOR)
    bare = asks_of_it if not is_chinese(text) else _is_bare_chinese(text)
    if codes or not (leans or goes_on or bare or (short and not rest)):
        return alone
    machine = named_machine[0] if named_machine else last.machine or last.source_machine
    if goes_on and not leans and not bare and len(rest) > 1:  # the same machine, another thing
        carried = " ".join(last.codes) if short else ""
        return Resolved(f"{text} {carried}".strip(), topic_of(_FRAME.sub("", text)), machine, last)
    return Resolved(_joined(text, last.topic), last.topic, machine, last)


def _is_bare_chinese(text: str) -> bool:
    """Whether a question has hardly a word that says of what: 多久换一次, 要拧多少牛米."""
    left = _ASKED_ZH.sub("", text)
    return min(
        len(_HAN.findall(left)), len(_HAN.findall(_ASKED_FOR_ZH.sub("", left))) + 1
    ) <= _BARE_CHINESE and not re.search(r"[A-Za-z]{2,}", left)


def _rest(text: str, known: Sequence[str]) -> list[str]:
    """The informative words of a question that are no code, no machine and no word of going on."""
    left = fold(_FRAME.sub("", text))
    for words in known:
        left = left.replace(fold(words), " ")
    left = re.sub(
        r"上?[呢吗啊]\s*[?？。]?\s*$|\b(?:one|machine|device|same|other|long|often|much|many|take|takes|happen)\b|要|多久|多长",
        " ",
        left,
    )
    return [token for token in question_tokens(left) if any(map(str.isalnum, token)) and token in _informative(left)]


def _informative(text: str) -> set[str]:
    from indexer.analysis import STOP_BIGRAMS, STOP_WORDS

    return {token for token in question_tokens(text) if token not in STOP_WORDS and token not in STOP_BIGRAMS}


def _again(
    text: str,
    last: Turn,
    codes: Sequence[str],
    named: tuple[str, str] | None,
    other: re.Match[str] | None,
    machines: Sequence[str],
    by_kind: Callable[[str], tuple[str, str] | None],
) -> Resolved:
    """The last question once more, with another code or machine in the place of its own."""
    asked, topic = last.text, last.topic
    machine: str | None = last.machine
    unresolved = ""
    if named:
        machine = named[0]
    elif other:
        rest = [name for name in machines if name != last.machine]
        machine, unresolved = (rest[0], "") if len(rest) == 1 else (None, other[0])
    if codes:
        asked, topic = (_with_code(one, codes[0], last.machine or "") for one in (asked, topic))
    if machine != last.machine and last.machine:
        asked, topic = (_without(one, last.machine, by_kind) for one in (asked, topic))
    return Resolved(asked, topic, machine, last, unresolved)


def _codes(text: str, machine: str) -> list[Candidate]:
    """What must be a code in a text; the name of a machine ("HP-200") is none."""
    letters = _squeezed(machine)
    return [found for found in candidates(text) if found.strong and _squeezed(found.written) != letters]


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", fold(text))


def _with_code(text: str, code: str, machine: str) -> str:
    found = _codes(text, machine)
    if not found:
        return _joined(text, code)
    start, end = found[0].start, found[0].end
    return text[:start] + code + text[end:]


def _without(text: str, machine: str, by_kind: Callable[[str], tuple[str, str] | None]) -> str:
    """A question without what names the machine: another one takes its place as a filter."""
    from copilot.machine_names import find_machine

    found = find_machine(text, [machine])
    if found is None:
        found = by_kind(text)
        if found is None or found[0] != machine:
            return text
    at = fold(text).find(fold(found[1]))
    if at < 0 or len(fold(text)) != len(text):
        return text
    left = re.sub(r"\s*\b(?:on|of|at|in|for|with)\s+(?:the\s+|our\s+)?$|\s*在$", "", text[:at])
    return " ".join((left + text[at + len(found[1]) :].removeprefix("的")).split())


def _joined(text: str, topic: str) -> str:
    return f"{topic}：{text}" if is_chinese(topic) else f"{text} ({topic})"
