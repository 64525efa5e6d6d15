"""The frame words of answers in English and Chinese. Quotes are never translated."""

from __future__ import annotations

from collections.abc import Mapping

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "no_evidence": "The documents do not say.",
        "nearest": "Nearest: {places}.",
        "place": "{document}, page {page}",
        "and": "; ",
        "unknown_code": "{code} is not in the documents.",
        "unknown_machine": "There are no documents for the machine {machine}. Known machines: {machines}.",
        "did_you_mean": " Did you mean {codes}?",
        "titled": "{code} ({title})",
        "or": " or ",
        "out_of_scope": "That is no question about the plant's machines. I answer from the manuals and fault "
        "reports indexed here.",
        "unsafe": "I do not help to defeat a guard, an interlock, an emergency stop or a lock-out. "
        "Stop the machine, lock it out, and call the person in charge of safety.",
        "unsafe_rules": "The documents say:",
        "several_codes": "{code} has several meanings; check which one applies:",
        "same_number": "{written} as such is not in the documents; the same number is {code}:",
        "last_time": "Last time:",
        "ocr": "{markers} read by OCR: check the page.",
        "reports": "{count} fault reports for {subject}",
        "report": "1 fault report for {subject}",
        "no_reports": "No fault reports for {subject}.",
        "reports_run": " The fault reports run from {first} to {last}.",
        "span": "{since} to {until}",
        "span_since": "since {since}",
        "span_until": "until {until}",
        "last_on": "; the last on {date}",
        "matching": "; what speaks of all that is asked: {count}",
        "that_last_on": ", the last on {date}",
        "also_listed": "Other rows on the same failure, {column}:",
        "nobody_named": "The fault reports do not say who did the work.",
        "no_cost_recorded": "The fault reports state no costs.",
        "no_downtime_recorded": "The fault reports state no downtime.",
        "who": "{column}: {list}",
        "did_it": "{name} ({date})",
        "downtime": "; {sum} h of downtime in total",
        "cost": "; cost {sum} in total",
        "highest_cost": "The highest cost: {value} ({date}).",
        "least_cost": "The lowest cost: {value} ({date}).",
        "highest_downtime": "The longest downtime: {value} h ({date}).",
        "least_downtime": "The shortest downtime: {value} h ({date}).",
        "no_cost": "None of them states a cost.",
        "no_downtime": "None of them states a downtime.",
        "stated": " ({count} of them state it)",
        "reports_by": "Fault reports by {by}",
        "downtime_by": "Hours of downtime by {by}",
        "cost_by": "Cost by {by}",
        "of_machine": "machine",
        "of_component": "component",
        "most": "{by}: {list}",
        "by_code": "Most frequent codes",
        "by_component": "Most affected components",
        "by_failure_mode": "Most frequent failure modes",
        "reliability": "Mean time between reports: {mtbf} days; mean downtime: {mttr} h ({first} to {last})",
        "period": "{since}",
        "stop": ".",
        "all_reports": "all machines",
        "code": "code {code}",
        "warnings": "SAFETY",
        "page": "p.",
        "sources": "Sources",
        "colon": ": ",
        "cell_end": "; ",
        "comma": ", ",
        "listed": ", ",
        "model_away": "The language model cannot be reached; this is quoted from the documents:",
        "model_slow": "The language model took too long; this is quoted from the documents:",
        "model_cut_off": "The language model's text broke off; this is quoted from the documents:",
        "model_failed": "The language model failed; this is quoted from the documents:",
        "model_unsupported": "The documents do not bear out what the language model wrote; this is quoted from them:",
        "model_steps": "The language model did not give every step in order; this is quoted from the documents:",
        "withheld_one": "1 sentence was withheld: the documents do not bear it out.",
        "withheld": "{count} sentences were withheld: the documents do not bear them out.",
        "partly": "The documents do not say more.",
        "more_from": "More from {heading}:",
        "edition_newer": "This is {cited} of {title}; {other} is older.",
        "edition_older": "This is {cited} of {title}; {other} is newer.",
        "another_machine": "That is from {title}, the document of another machine ({machine}).",
        "another_kind": "That is from {title}, the document of another machine.",
        "disagree": "The documents do not agree. {source} says:",
        "converted": " (converted: {pairs})",
        "short": "Short: {words}",
        "several_rows": "Several rows fit the question:",
        "several_rows_by": "Several rows fit the question; which one holds depends on {columns}:",
    },
    "zh": {
        "no_evidence": "文档中没有说明。",
        "nearest": "最接近的页面：{places}。",
        "place": "{document}，第 {page} 页",
        "and": "；",
        "unknown_code": "文档中没有 {code}。",
        "unknown_machine": "没有机器 {machine} 的文档。已有的机器：{machines}。",
        "did_you_mean": "您是指 {codes} 吗？",
        "titled": "{code}（{title}）",
        "or": " 或 ",
        "out_of_scope": "这个问题与工厂设备无关。我只根据已收录的手册和故障记录回答。",
        "unsafe": "我不能帮助使防护罩、联锁、急停或上锁挂牌失效。请停机、上锁挂牌，并联系安全负责人。",
        "unsafe_rules": "文档中的规定：",
        "several_codes": "{code} 有多种含义，请确认适用的一项：",
        "same_number": "文档中没有 {written}；编号相同的是 {code}：",
        "last_time": "上次：",
        "ocr": "{markers} 由 OCR 识别：请核对原页。",
        "reports": "{subject}：共 {count} 条故障记录",
        "report": "{subject}：共 1 条故障记录",
        "no_reports": "{subject}：没有故障记录。",
        "reports_run": "现有故障记录从 {first} 到 {last}。",
        "span": "{since} 至 {until}",
        "span_since": "{since} 以来",
        "span_until": "{until} 以前",
        "last_on": "；最近一次 {date}",
        "matching": "；其中 {count} 条与所问完全相符",
        "that_last_on": "，最近一次 {date}",
        "also_listed": "同一故障的其他行，{column}：",
        "nobody_named": "故障记录没有写明是谁做的。",
        "no_cost_recorded": "故障记录没有写明费用。",
        "no_downtime_recorded": "故障记录没有写明停机时间。",
        "who": "{column}：{list}",
        "did_it": "{name}（{date}）",
        "downtime": "；累计停机 {sum} 小时",
        "cost": "；费用合计 {sum}",
        "highest_cost": "最高费用：{value}（{date}）。",
        "least_cost": "最低费用：{value}（{date}）。",
        "highest_downtime": "最长停机：{value} 小时（{date}）。",
        "least_downtime": "最短停机：{value} 小时（{date}）。",
        "no_cost": "其中没有一条写明费用。",
        "no_downtime": "其中没有一条写明停机时间。",
        "stated": "（其中 {count} 条写明）",
        "reports_by": "各{by}的故障记录数",
        "downtime_by": "各{by}的停机小时数",
        "cost_by": "各{by}的费用",
        "of_machine": "机器",
        "of_component": "部件",
        "most": "{by}：{list}",
        "by_code": "最常见的代码",
        "by_component": "故障最多的部件",
        "by_failure_mode": "最常见的故障模式",
        "reliability": "平均报修间隔：{mtbf} 天；平均停机：{mttr} 小时（{first} 至 {last}）",
        "period": "{since}",
        "stop": "。",
        "all_reports": "全部机器",
        "code": "代码 {code}",
        "warnings": "安全",
        "page": "第",
        "sources": "来源",
        "colon": "：",
        "cell_end": "；",
        "comma": "，",
        "listed": "、",
        "model_away": "无法连接语言模型，以下引自文档：",
        "model_slow": "语言模型超时，以下引自文档：",
        "model_cut_off": "语言模型的回答中断，以下引自文档：",
        "model_failed": "语言模型出错，以下引自文档：",
        "model_unsupported": "文档不支持语言模型所写的内容，以下引自文档：",
        "model_steps": "语言模型没有按顺序给出全部步骤，以下引自文档：",
        "withheld_one": "有 1 句话未显示：文档中没有依据。",
        "withheld": "有 {count} 句话未显示：文档中没有依据。",
        "partly": "文档中没有更多说明。",
        "more_from": "{heading}，更多内容：",
        "edition_newer": "引用的是《{title}》{cited}；{other} 为旧版。",
        "edition_older": "引用的是《{title}》{cited}；{other} 为新版。",
        "another_machine": "以上引自《{title}》，属于另一台机器（{machine}）。",
        "another_kind": "以上引自《{title}》，属于另一台机器。",
        "disagree": "文档说法不一致。{source} 写道：",
        "converted": "（换算：{pairs}）",
        "short": "简答：{words}",
        "several_rows": "有几行符合问题：",
        "several_rows_by": "有几行符合问题，以{columns}为准：",
    },
}


def say(language: str, key: str, **values: object) -> str:
    """The frame words called `key` in "en" or "zh", filled with `values`.

    >>> say("en", "unknown_code", code="E-270")
    'E-270 is not in the documents.'
    """
    return _WORDS[language][key].format(**values)


def is_frame(line: str) -> bool:
    """Whether a line is one of the frame words that hold nothing to be filled in."""
    return line in _FIXED


_FIXED = frozenset(
    line.strip()
    for words in _WORDS.values()
    for text in words.values()
    if "{" not in text and len(text) > 3
    for line in text.splitlines()
)


def both(key: str) -> tuple[str, str]:
    """The unfilled frame words of both languages: what evaluation recognises an abstention by."""
    return _WORDS["en"][key], _WORDS["zh"][key]
