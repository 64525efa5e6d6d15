"""Safety: the warnings bound to what an answer quotes, and questions that ask how to defeat a protection.

Such a question is refused, with the manual's own safety text. The patterns look for a defeating verb with a protective
device as its object; testing, resetting, replacing or adjusting a device is ordinary work and passes, and so does
asking what a bypass would lead to or why it is forbidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from copilot.defeat import means_to_defeat
from copilot.protocols import Knowledge
from copilot.types import Warning
from indexer.analysis import fold
from indexer.types import Chunk, Hit

SIGNALS = ("DANGER", "WARNING", "CAUTION", "NOTICE")
"""Signal words of ANSI Z535 and ISO 3864-2, gravest first."""
RESERVED_FOR = 3
"""For how many sections among the hits the warnings are brought in."""


def bind_warnings(chunks: Iterable[Chunk], knowledge: Knowledge) -> tuple[Warning, ...]:
    """The warnings of the sections that chunks stand in, each once, gravest first, then in the order of the chunks."""
    found: dict[str, Warning] = {}
    seen: set[tuple[str, int]] = set()
    for chunk in chunks:
        place = (chunk.source.document_id, chunk.section)
        if place in seen:
            continue
        seen.add(place)
        for note in knowledge.warnings(*place):
            warning = Warning(note.signal.upper(), note.text, chunk.source, note.page, note.section)
            found.setdefault(fold("".join(note.text.split())), warning)
    return tuple(sorted(found.values(), key=lambda warning: _gravity(warning.signal)))


def with_warnings(hits: Sequence[Hit], knowledge: Knowledge) -> list[Hit]:
    """The hits, the first RESERVED_FOR of them followed by the chunks that hold the warnings of their sections.

    So a generator reads the warnings of what it may tell, wherever their own likeness to the question would put them. They
    count no more than the last hit and bring no reading: that they stand in a section says nothing of whether they answer.
    """
    seen = {hit.chunk.id for hit in hits}
    reserved: list[Hit] = []
    places = dict.fromkeys((hit.chunk.source.document_id, hit.chunk.section) for hit in hits)
    for place in list(places)[:RESERVED_FOR]:
        for chunk in _holding_warnings(place, knowledge):
            if chunk.id not in seen:
                seen.add(chunk.id)
                reserved.append(replace(hits[-1], chunk=chunk, reading=None))
    out = [*hits[:RESERVED_FOR], *reserved, *hits[RESERVED_FOR:]]
    return [replace(hit, rank=rank) for rank, hit in enumerate(out, 1)]


def _holding_warnings(place: tuple[str, int], knowledge: Knowledge) -> list[Chunk]:
    """The chunks of a section, and of those above it, in which its warnings stand."""
    notes = knowledge.warnings(*place)
    sections = dict.fromkeys(note.section for note in notes)
    chunks = [chunk for section in sections for chunk in knowledge.section(place[0], section)]
    wanted = ["".join(note.text.split())[:60] for note in notes]
    squeezed = (("".join(chunk.text.split()), chunk) for chunk in chunks)
    return [chunk for held, chunk in squeezed if any(text in held for text in wanted)]


def _gravity(signal: str) -> int:
    return SIGNALS.index(signal) if signal in SIGNALS else len(SIGNALS)


# --- Defeating a protection, English -------------------------------------------------------------------------------

_DEVICE = (
    r"(?:(?:safety|protective|door|gate|guard|machine|light|laser|limit)[\s-]+)*"
    r"(?:inter-?locks?(?:\s+(?:switch|relay|key|circuit)(?:es|s)?)?|guards?|guarding|guard\s+(?:switch|door|lock)(?:es|s)?|light\s+(?:curtain|barrier|grid)s?|"
    r"(?:safety|protective)[\s-]+(?:\w+[\s-]+)?(?:switch|door|gate|relay|circuit|fence|device|scanner|mat|edge|plc|controller|system|feature|function|"
    r"sensor|cover|stop|chain|loop|curtain|lock|key|shield|screen)(?:es|s)?|safeties|safety|(?:door|gate)\s+(?:switch|sensor|lock)(?:es|s)?|"
    r"e-?stops?|emergency[\s-]+stops?(?:\s+\w+)?|two[\s-]hand(?:ed)?\s+(?:controls?|buttons?|operation)|enabling\s+(?:switch|device)|dead-?man(?:'s)?\s+\w+|"
    r"lock-?\s?outs?(?:\s*/?\s*(?:and\s+)?tag-?\s?outs?)?|loto|protective\s+(?:cover|hood|housing)s?|overspeed\s+\w+|(?:\w+\s+){0,2}(?:limit|end)\s+switch(?:es)?|(?:low|high)[\s-]+(?:\w+[\s-]+)?cut-?offs?|pressure\s+relief\s+valves?)"
)
_DEFEAT = (
    r"by-?pass(?:ing|es)?|defeat(?:ing)?|overrid(?:e|ing)|circumvent(?:ing)?|disabl(?:e|ing)|deactivat(?:e|ing)|jumper(?:ing)?|"
    r"bridg(?:e|ing)(?:\s+(?:out|over))?|short(?:-circuit(?:ing)?|ing)?(?:\s+out)?|tap(?:e|ing)\s+(?:over|down|up)?|ty?i?(?:e|ing)\s+down|wedg(?:e|ing)|"
    r"cheat(?:ing)?|trick(?:ing)?|fool(?:ing)?|spoof(?:ing)?|get(?:ting)?\s+(?:around|round|past|rid\s+of)|work(?:ing)?\s+around|skip(?:ping)?|ignor(?:e|ing)|"
    r"hot-?wir(?:e|ing)|block(?:ing)?\s+(?:out|open)?|jam(?:ming)?|simulat(?:e|ing)|tamper(?:ing)?\s+with|sabotag(?:e|ing)|(?:turn|switch)(?:ing)?\s+off|"
    r"shut(?:ting)?\s+off|tak(?:e|ing)\s+out\s+of\s+(?:service|operation)|knock(?:ing)?\s+out"
)
_ARTICLE = (
    r"(?:\s+(?:the|a|an|all|any|that|this|these|those|my|our|its|of|on|from|annoying|stupid|damn|faulty|"
    r"broken|front|rear|left|right|upper|lower|main|\w+'s))*"
)
_EN_DEFEAT = re.compile(
    rf"\b(?:{_DEFEAT}){_ARTICLE}\s+(?:\w+\s+)?{_DEVICE}(?!\s*(?:alarm|message|warning|fault|error|valve|"
    rf"screen saver|lamp|test))\b"
)
_EN_OFF = re.compile(
    rf"\b(?:turn|switch|shut){_ARTICLE}\s+(?:\w+\s+)?{_DEVICE}\s+off\b|\b(?:tie|tape|block|jam|hold|wedge){_ARTICLE}\s+(?:\w+\s+)?{_DEVICE}\s+(?:down|shut|open|closed|back)\b"
)
_EN_PUT_OFF = re.compile(
    r"\b(?:turn|switch|shut)(?:ing)?\s+off\b.*\be(?:mergency)?[\s-]*stop"
)  # also: "turn off at the e-stop"
_OPERATE = (
    r"(?:run|running|operat(?:e|ing)|start|starting|cycl(?:e|ing)|us(?:e|ing)|jog|jogging|"
    r"keep(?:ing)?\s+(?:it\s+|the\s+\w+\s+)?(?:running|going)|weld(?:ing)?|cut(?:ting)?|work(?:ing)?)"
)
_EN_OPEN = re.compile(
    rf"\b{_OPERATE}\b.{{0,60}}\b(?:with|while|when)\b.{{0,25}}\b(?:{_DEVICE}|doors?|covers?|hood)\b.{{0,25}}\b(?:open|opened|removed|off|disabled|bypassed|missing)\b|"
    rf"\b{_OPERATE}\b.{{0,60}}\bwithout\b(?:\s+(?:the|a|any|its|closing|fitting|using|my|our))*\s+(?:\w+\s+)?{_DEVICE}|"
    rf"\bwithout\s+(?:locking\s+(?:it\s+)?(?:out|off)|(?:doing\s+|a\s+|the\s+)?(?:lock-?\s?out|loto)|tagging\s+out)|"
    rf"\b(?:remov(?:e|ing)|tak(?:e|ing)\s+off|open(?:ing)?|reach(?:ing)?\s+(?:past|over|around|behind|through))\b.{{0,25}}\b{_DEVICE}\b.{{0,40}}\b(?:while|when|as)\b.{{0,25}}"
    rf"\b(?:running|moving|in\s+motion|operating|live|energi[sz]ed|turning)\b|"
    rf"\b(?:cut(?:ting)?(?:\s+off)?|break(?:ing)?|remov(?:e|ing)|tak(?:e|ing)\s+off)\b.{{0,15}}\b(?:someone|somebody|else|other|another|colleague|co-?worker|his|her|their)\b.{{0,25}}\b(?:pad)?lock"
)
# The question is about the bypass, not for it; or it wants it prevented, found or undone.
_EN_ABOUT = re.compile(
    r"\bwhat (?:happens|would happen|will happen|are the (?:risks|dangers|consequences)|is the (?:risk|"
    r"danger))|\bwhy\b.{0,40}\b(?:not|never|forbidden|prohibited|dangerous|must)\b|"
    r"\b(?:prevent|detect|avoid|stop (?:people|someone|operators)|protect(?:ed)? against|notice|find out|"
    r"check)\w*\b.{0,40}\b(?:bypass|defeat|tamper|overrid|disabl|remov)|"
    r"\b(?:is|was|been|are|were|has been|being)\s+(?:\w+\s+)?(?:bypassed|defeated|disabled|overridden|tampered|"
    r"deactivated)|"
    r"\b(?:undo|remove|end|cancel|after)\b.{0,15}\b(?:bypass|override|muting)|\bre-?enabl|\bnot to (?:bypass|"
    r"defeat|override|disable)"
)

# --- Defeating a protection, Chinese -------------------------------------------------------------------------------

_ZH_DEVICE = (
    r"(?:安全|防护|保护)?(?:联锁|连锁|互锁|光栅|光幕|安全门(?:开关|锁|锁扣|传感器)?|防护(?:罩|门|栏|装置)|护罩|安全(?:继电器|开关|装置|保护|功能|回路|锁|栏|销|地毯|传感器)|门(?:开关|锁|磁)|"
    r"急停(?:按钮|开关|回路)?|紧急停止(?:按钮|开关)?|双手(?:按钮|启动|操作|控制)|限位保护|上锁挂牌|挂牌上锁|锁定挂牌|使能开关|安全阀|保护装置)"
)
_ZH_DEFEAT = (
    r"短接|短路|屏蔽|旁路|(?<!起)跳过|绕过|绕开|避开|停用|禁用|失效|骗过|欺骗|封住|卡住|堵住|挡住|遮住|捆住|"
    r"绑住|粘住|破解|取消|强制|忽略|跨接|短掉|干掉|甩掉|拔掉|剪断"
)
_ZH_BETWEEN = r"(?:掉|了|该|这个|那个|所有|机器的?|设备的?|的|门的?|上的?|一下|\s|[\w-]{0,6}){0,3}?"
_ZH_RUNNING = r"(?:运行|运转|开机|启动|生产|工作|开动|作业|加工|操作)"
_ZH_ASKED = re.compile(
    rf"(?:{_ZH_DEFEAT}){_ZH_BETWEEN}{_ZH_DEVICE}|(?:把|将|让|使|给){_ZH_BETWEEN}{_ZH_DEVICE}.{{0,4}}(?:{_ZH_DEFEAT}|关掉|关闭掉|拆掉)|"
    rf"{_ZH_DEVICE}.{{0,4}}(?:怎么|如何|怎样|能不能|可以|可否|能否)?(?:{_ZH_DEFEAT})|"
    rf"(?:关闭|关掉|解除|解掉){_ZH_BETWEEN}(?:光栅|光幕|(?:安全)?(?:联锁|连锁|互锁)|安全(?:功能|保护|回路|继电器))|"
    rf"(?:打开|拆掉|拆下|拆除|不装|不关|没有|没装|卸下|开着|取下){_ZH_BETWEEN}(?:{_ZH_DEVICE}|门|盖).{{0,10}}{_ZH_RUNNING}|"
    rf"(?:不停机|不断电|不停电|带电|{_ZH_RUNNING}(?:中|时|的时候)).{{0,8}}(?:打开|拆掉|拆下|拆除|卸下){_ZH_BETWEEN}{_ZH_DEVICE}|"
    r"(?:不|没|免|省去|省掉)(?:用|做|进行)?(?:上锁|挂牌|锁定).{0,8}(?:可以|能|直接|就|维修|检修|操作|怎么|如何|进|吗)|(?:剪|撬|拆)(?:掉|开|断)?(?:别人|他人|同事).{0,3}(?:锁|挂牌)"
)
_ZH_ABOUT = re.compile(
    r"哪(?:一)?次|是谁|算不算|违规|为什么.{0,12}(?:不能|不可以|不准|不允许|不得|禁止|要)|会怎么?样|会发生|后果|有什么(?:危险|风险)|是否(?:被|已)|有没有被|防止|避免|严禁|被(?:人)?(?:短接|屏蔽|旁路|绕过|拆)|检查.{0,6}是否|恢复|误报|失效(?:了|怎么|如何|的原因|原因|报警|故障)|"
    r"(?:报警|故障|信号).{0,6}(?:怎么|如何|原因)"
)
# "急停怎么取消" is the release of a pressed button, which every operator needs.
_ZH_RELEASE = re.compile(
    r"(?:取消|强制){0,1}.{0,2}(?:急停|紧急停止)(?:按钮|开关|状态)?.{0,4}(?:取消|复位|解除|松开|释放|恢复)?"
)
_ZH_HARD = re.compile(r"短接|短路|屏蔽|旁路|跳过|绕过|绕开|停用|禁用|失效|骗过|欺骗|封住|卡住|破解|跨接|短掉|拔掉|剪断")


def asks_to_defeat(question: str, topic: str = "") -> bool:
    """Whether a question asks how (or whether) to defeat a guard, an interlock, an emergency stop or a lock-out.

    `topic` is what an "it" in the question stands for, if it goes on from another one.

    >>> asks_to_defeat("How do I bypass the door interlock?"), asks_to_defeat("How do I test the door interlock?")
    (True, False)
    """
    text = " ".join(fold(question).replace("’", "'").split())
    if topic and (device := _PROTECTION.search(fold(topic))):
        text = re.sub(r"\b(?:it|that|this|them)\b|它|(?:这|那)个?", device[0], text)
    if _EN_ABOUT.search(text) or _ZH_ABOUT.search(text):
        return False
    if _EN_DEFEAT.search(text) and not _EN_PUT_OFF.search(text):
        return True
    if _EN_OFF.search(text) or _EN_OPEN.search(text) or means_to_defeat(text):
        return True
    asked = _ZH_ASKED.search(text)
    if asked is None:
        return False
    release = _ZH_RELEASE.fullmatch(asked[0])
    return not (release and "取消" in asked[0] and not _ZH_HARD.search(asked[0]))


_RULE = re.compile(
    r"\b(?:never|must not|do not|don't|prohibited|forbidden|not permitted|not allowed|always|only)\b|严禁|禁止|"
    r"不得|不准|切勿|请勿|必须|务必",
    re.IGNORECASE,
)
_PROTECTION = re.compile(rf"{_DEVICE}|{_ZH_DEVICE}|bypass|defeat|联锁|防护|护罩", re.IGNORECASE)


def is_rule(sentence: str) -> bool:
    """Whether a sentence commands or forbids."""
    return bool(_RULE.search(sentence))


def is_protection_rule(sentence: str) -> bool:
    """Whether a sentence commands or forbids something about a protective device."""
    return is_rule(sentence) and bool(_PROTECTION.search(fold(sentence)))
