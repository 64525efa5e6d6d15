"""What a question wants summed up or ranked from the fault reports: downtime, cost, reliability, the worst machine. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from indexer.analysis import holds_chinese
from indexer.chinese import both_scripts
from indexer.fault_reports.table import By


class Measure(StrEnum):
    """What is counted of each report."""

    REPORTS = "reports"
    DOWNTIME = "downtime"
    COST = "cost"
    RELIABILITY = "reliability"


@dataclass(frozen=True, slots=True)
class Tally:
    """A sum over the reports asked for, or with `by` a ranking of its groups; `words` say so in the question.

    `single`: the one report with the most of it is asked for, not a sum.
    """

    measure: Measure
    by: By | None
    fewest: bool
    words: tuple[str, ...]
    single: bool = False


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(both_scripts(text), re.IGNORECASE)


_PAST = r"(?:was|were|did|has|have|had)"
_MEASURES = (
    (Measure.RELIABILITY, _pattern(r"\bmtbf\b|\bmttr\b|\bmean (?:down)?time\b[\w ]{0,30}|平均(?:故障|无故障|修复|维修|停机|间隔)\w{0,6}")),
    (
        Measure.COST,
        _pattern(
            rf"\bhow much (?:money )?{_PAST}\b.{{0,60}}?\b(?:cost|spent|spend)\b|\b(?:total|overall|repair|maintenance) costs?\b"
            r"|\bcosts? of (?:the |all )?(?:repairs?|maintenance|faults?|failures?|breakdowns?)\b"
            r"|维修(?:总)?(?:费用|成本|花费)|(?:总|累计)(?:费用|花费)|费用(?:最高|最多|合计|总计)|花了多少(?:钱|费用)?"
        ),
    ),
    (
        Measure.DOWNTIME,
        _pattern(
            rf"\b(?:total |overall |accumulated )?downtime\b|\bhow (?:long|many hours|much time) {_PAST}\b.{{0,40}}?"
            r"\b(?:down|stopped|standing|idle|lost|out of (?:service|order))\b|\bhours (?:lost|of downtime)\b"
            r"|(?:总|累计)停机(?:时间|时长|小时)?|停机总?(?:时间|时长|小时)数?.{0,6}?(?:最长|最多|合计|一共|总共)"
            r"|[年月周季天].{0,12}?停机(?:时间|时长|小时数?)?(?:是|为|有|共)?(?:多少|多长|多久)"
            r"|停机总(?:时间|时长|小时)|(?:一共|总共|合计|累计).{0,4}?停机\w{0,2}|停机?了(?:多久|多长时间|多少小时|几个?小时)"
        ),
    ),
)  # fmt: skip
_JOB = r"(?:work ?orders?|wos?\b|repairs?|jobs?|tickets?|records?|reports?|faults?|failures?|breakdowns?|incidents?|stops?(?!\s+(?:distance|time|stroke|category|position))|stoppages?|outages?)\b(?!-)"
_ONE_JOB_ZH = r"(?:一?[次笔单项回]|工单|维修|故障|报修)"
_SINGLE = (
    (
        Measure.COST,
        _pattern(
            rf"\b(?:dearest|costliest|priciest|most expensive|most costly|cheapest)\b.{{0,30}}?\b{_JOB}|\bwhat was the (?:dearest|most expensive)\b"
            rf"|\b{_JOB}.{{0,40}}?\b(?:cost|costs) (?:us )?(?:the )?(?:most|least)\b|\bhighest (?:single )?(?:repair )?cost\b"
            rf"|(?:最贵|花钱最多|花费最[高多大]|费用最[高多大]|成本最高|单[笔次]最[高贵大])的?.{{0,6}}?{_ONE_JOB_ZH}|{_ONE_JOB_ZH}.{{0,8}}?(?:最贵|花钱最多|花费最[高多]|费用最[高多])"
        ),
    ),
    (
        Measure.DOWNTIME,
        _pattern(
            rf"\blongest\b.{{0,20}}?\b(?:downtime|{_JOB})|\b{_JOB}.{{0,30}}?\b(?:took|lasted) (?:the )?(?:longest|shortest)\b"
            rf"|停机(?:时间)?最[长久]的?.{{0,4}}?{_ONE_JOB_ZH}|{_ONE_JOB_ZH}.{{0,8}}?停机(?:时间)?最[长久]"
        ),
    ),
)
_SUPERLATIVE = r"(?:most|highest|longest|worst|largest|biggest|least|fewest|lowest|shortest)"
_MACHINES = "machine|equipment|asset|unit|line|excavator|digger|truck|vehicle|loader|dozer|crane|forklift|robot|press|lathe|mill|pump|compressor|conveyor"
_MACHINES_ZH = "机器|设备|机床|机台|产线|挖掘机|挖机|卡车|车辆?|铲车|叉车|机器人|压力机|泵|压缩机"
_MOST_ZH = r"最(?:多|长|高|大|频繁|容易|少|低|短)"
_GROUPS: tuple[tuple[By, re.Pattern[str]], ...] = (
    (
        "machine",
        _pattern(
            rf"\b(?:which|what) (?:of the |of our )?(?:{_MACHINES})s?\b.{{0,40}}?\b{_SUPERLATIVE}\b"
            rf"|\b(?:by|per|for each) machine\b|哪一?[台条套辆](?:{_MACHINES_ZH})?.{{0,18}}?{_MOST_ZH}"
            rf"|哪个(?:{_MACHINES_ZH}).{{0,18}}?{_MOST_ZH}|{_MOST_ZH}的是?(?:哪一?[台条套](?:机器|设备|机床|机台|产线)?"
            r"|(?:机器|设备|机床|机台|产线))|(?:按|每台)(?:机器|设备)"
        ),
    ),
    (
        "component",
        _pattern(
            rf"\b(?:which|what) (?:of the )?(?:component|part|assembl(?:y|ie)|module)s?\b.{{0,40}}?\b{_SUPERLATIVE}\b"
            rf"|\b(?:by|per|for each) component\b|(?:哪[个些种]?|什么)(?:部件|零件|部位|元件|配件|总成).{{0,18}}?{_MOST_ZH}"
            rf"|{_MOST_ZH}坏?的是?(?:哪[个些种]?)?(?:部件|零件|部位|元件|配件|总成)|按部件"
        ),
    ),
)
_RANKED_BY = (
    (Measure.COST, _pattern(r"\bcosts?\b|\bexpensive\b|费用|花费|成本")),
    (Measure.DOWNTIME, _pattern(r"\bdowntime\b|\bhours\b|停机(?:时间|时长|小时)")),
)
# English words that say what to count, of which a question may have others in between.
_COUNTING_WORDS = re.compile(
    r"\b(?:how|much|money|was|were|did|has|have|had|costs?|spent|spend|long|many|hours?|time|down(?:time)?|stopped|standing|idle|lost|out|of|"
    r"service|order|total|overall|accumulated|repairs?|maintenance|faults?|failures?|breakdowns?|which|what|our|most|highest|longest|worst|largest|"
    rf"biggest|least|fewest|lowest|shortest|by|per|for|each|component|part|assembly|module|expensive|costly|cheapest|dearest|"
    rf"costliest|priciest|single|took|lasted|mtbf|mttr|mean|between|the|us|{_JOB}|work)\b",
    re.IGNORECASE,
)
_MACHINE_NOUN = _pattern(rf"\b(?:{_MACHINES})s?\b")
_FEWEST = _pattern(r"\b(?:least|fewest|lowest|shortest)\b|最(?:少|低|短)")
_OF_A_MANUAL = _pattern(r"\b(?:parameters?|settings?|setpoints?)\b|参数|设定|设置|功能码")
_OF_THE_PAST = _pattern(
    r"\b(?:faults?|failures?|fail(?:s|ed)?|br(?:eak|oke)s?|breakdowns?|alarms?|repairs?|repaired|stops?|stopped|stoppages?|reports?|"
    r"work orders?|wos?|trouble|problems?|issues?|incidents?|replaced|cost (?:us |you )?(?:the )?(?:most|least)|(?:most|least) expensive)\b|故障|报警|维修|报修|停机|坏|出问题|工单|修理|更换"
)


def beside_tally(question: str, tally: Tally) -> str:
    """The question without the words that say what to count; what it is about may stand between them.

    >>> beside_tally(text := "How much did the last gearbox change cost?", tally_asked(text)).split()
    ['last', 'gearbox', 'change', '?']
    """
    for words in sorted(tally.words, key=len, reverse=True):
        kept = " " if holds_chinese(words) else _COUNTING_WORDS.sub(" ", words)
        if tally.by == "machine":
            kept = _MACHINE_NOUN.sub(" ", kept)
        question = question.replace(words, kept)
    return question


def tally_asked(question: str) -> Tally | None:
    """What is to be summed up; None for questions that want reports, or something of a manual.

    >>> tally_asked("What was the total downtime of the press in 2024?").measure.value
    'downtime'
    >>> tally_asked("哪台机器2023年故障最多").by, tally_asked("How long must the pump be stopped?")
    ('machine', None)
    """
    if _OF_A_MANUAL.search(question):
        return None
    measure, measured = next(
        ((kind, found) for kind, pattern in _MEASURES if (found := pattern.search(question))), (None, None)
    )
    by, grouped = next(
        ((name, found) for name, pattern in _GROUPS if (found := pattern.search(question))), (None, None)
    )
    if grouped is None:
        for kind, pattern in _SINGLE:
            if one := pattern.search(question):
                fewest = re.search(r"\b(?:cheapest|least|shortest)\b", one[0], re.IGNORECASE) is not None
                return Tally(kind, None, fewest, (one[0],), single=True)
    if measure is None and (grouped is None or not _OF_THE_PAST.search(question)):
        return None
    if measure is None:
        measure, measured = next(
            ((kind, found) for kind, pattern in _RANKED_BY if (found := pattern.search(question))),
            (Measure.REPORTS, None),
        )
    words = tuple(found[0] for found in (measured, grouped) if found)
    return Tally(measure, by, bool(_FEWEST.search(question)), words)
