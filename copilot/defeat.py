"""Asking to defeat a protection, by what is meant rather than by set phrases: two or three ideas that meet in a question.

A protective device and a means of cheating it; a machine in motion and a guard that is open or gone; a hand and something
that turns; another person's lock and its removal; a relief valve and its stopping. English and Chinese. See
`copilot.safety.asks_to_defeat` for the set phrases and for what is only talked about.
"""

from __future__ import annotations

import re

_D = (
    r"(?:guards?|guarding|covers?|hoods?|lids?|doors?|gates?|fences?|cages?|shields?|interlocks?|light (?:curtain|grid|barrier)s?|"
    r"(?:safety|protective) \w+|scanners?|e-?stops?|emergency stops?(?: \w+)?|two-?hand(?:ed)? \w+|enabling (?:switch|device)s?|dead-?man \w+|"
    r"(?:door|gate|guard|limit) (?:switch|contact|lock|sensor)(?:es|s)?)"
)
_STRICT_D = (
    r"(?:interlocks?|light (?:curtain|grid|barrier)s?|(?:safety|protective) (?!valve)\w+|scanners?|e-?stops?|emergency stops?(?: \w+)?|"
    r"two-?hand(?:ed)? \w+|enabling (?:switch|device)s?|dead-?man \w+|(?:door|gate|guard) (?:switch|contact|lock|sensor)(?:es|s)?|guards?)"
)
_CHEAT = (
    r"(?:magnets?|zip-?ties?|cable ties?|rubber bands?|wedges?|screwdriver into|jumpers?|bridged?|twist\w* together|fak(?:e|ed|ing)|fool|cheat|trick|"
    r"ignor(?:e|es|ing)|silenc(?:e|ing) (?=the |an |this )(?!\w+ (?:alarm|horn|buzzer))|out of the (?:circuit|loop|chain)|(?:stays?|always|permanently|keep\w*|remains?) (?:\w+ ){0,3}(?:pressed|closed|shut)|"
    r"(?:thinks?|believes?) (?:that )?(?:it|the \w+) (?:is|was)|(?:from|without|not|stop\w*) (?:\w+ ){0,2}check(?:ing|s)?|"
    r"(?:switch|turn|shut)(?:ed|ing)?\b.{0,40}\boff|taken? out|left out|disconnect\w* .{0,20}\bto (?:run|start|work)|only (?:use )?one hand|one hand free)"
)
_MOVES = (
    r"(?:run(?:s|ning)?|turn(?:s|ing)?|rotat(?:es?|ing)|spin(?:s|ning)?|mov(?:es?|ing)|start(?:s|ing|ed)?|cut(?:s|ting)?|cycl(?:es?|ing)|operat(?:es?|e|ing)|"
    r"work(?:s|ing)?|produc(?:es?|ing)|weld(?:s|ing)?|going|in motion)"
)
_OPEN = rf"(?:{_D}\b.{{0,20}}\b(?:open|up|off|away|removed|missing|not (?:shut|closed|fitted))|(?:without|removing|open(?:ing)?|taking off|take) (?:the |its |any |all )?{_D})"
_EN = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{_STRICT_D}\b.{{0,60}}\b{_CHEAT}\b",
        rf"\b{_CHEAT}\b.{{0,60}}\b{_STRICT_D}\b",
        rf"\b(?:switch|turn|shut)\b.{{0,20}}\b{_STRICT_D}\b.{{0,25}}\boff\b",
        rf"\b{_MOVES}\b.{{0,40}}\b(?:with|although|though|even if|even when|even though|despite|while)\b.{{0,30}}\b{_OPEN}",
        rf"\b{_D} (?:is |are |was )?(?:open|removed|off|missing|defeated|bypassed)\b.{{0,12}}\b(?:keep|continue|carry on|still|can (?:i|we))\b.{{0,15}}\b{_MOVES}\b",
        rf"\b(?:with|having)\b.{{0,15}}\b{_STRICT_D}\b.{{0,6}}\b(?:defeated|bypassed|disabled|overridden|jumpered)\b",
        rf"\b{_STRICT_D}\b.{{0,30}}\b(?:tape|tie|wedge|strap) (?:it|them|that)\b",
        r"\b(?:while|with|when) (?:my|your|his|her) (?:hands?|arms?|fingers?|head)\b.{0,20}\b(?:between|inside|in|under)\b.{0,60}\b(?:allowed|ok|okay|possible|can i)\b|\b(?:start|run|mov)\w*\b.{0,30}\bwhile (?:my|your) (?:hands?|arms?|fingers?)\b",
        rf"\b(?:leave|keep|have|hold)\b.{{0,15}}\b{_D}\b.{{0,10}}\b(?:up|open|off)\b.{{0,20}}\b(?:while|when|and|during)\b.{{0,30}}\b{_MOVES}",
        r"\b(?:get|make|let|have|keep|start|run|move|operate)\b.{0,40}\b(?:although|though|even if|with)\b.{0,15}\b(?:somebody|someone|a person|people|anybody|i am|i'm)\b.{0,15}\b(?:inside|in the (?:cell|fence|cage)|behind)",
        rf"\b(?:somebody|someone|people|i am|i'm)\b.{{0,15}}\binside\b.{{0,25}}\b(?:fence|cell|cage|guard)\b.{{0,40}}\b{_MOVES}",
        rf"\b(?:reach(?:ing)?|put(?:ting)? (?:my|your|a|the) (?:hand|arm|finger)s?|grab|touch|clean|clear|wipe)\b.{{0,30}}\bwhile (?:it|they|the \w+) (?:is |are )?(?:still )?{_MOVES}\b",
        rf"\b(?:faster|speed up|quicker|save time|more output)\b.{{0,40}}\b(?:by )?(?:remov\w+|without|open\w+|tak\w+ off) (?:the |its )?{_D}\b",
        r"\b(?:someone else|somebody else|a colleague|my colleague|another (?:person|worker|team)|the other shift|his|her|their)(?:['’]?s)?\b.{0,15}\b(?:pad)?locks?\b.{0,12}\b(?:off|away|open|remove|cut)",
        r"\b(?:really|actually|always) (?:have|need) to (?:lock|tag)\b.{0,60}\b(?:small|quick|short|minute|just|only)|\b(?:skip|without|instead of) (?:the )?(?:lock-?(?:ing )?out|loto|tag-?(?:ging )?out)\b",
        r"\b(?:plug|block|cap|gag|weld|wire|tie|stop|tighten)\b.{0,25}\b(?:relief|safety) valves?\b.{0,30}\b(?:so|to stop|from|shut|closed|not|never)\b",
        r"\b(?:relief|safety) valves?\b.{0,40}\b(?:higher|above|beyond|more) than\b.{0,20}\b(?:plate|allowed|permitted|rated|limit|mark|says?)",
    )
)

_ZD = (
    r"(?:联锁|连锁|互锁|光栅|光幕|安全门|防护门|防护罩|护罩|罩子|护栏|围栏|门(?:开关|锁|磁|信号)|急停(?:按钮|线|开关|回路)?|紧急停止\S{0,2}|双手\S{0,2}按钮|双手\S{0,2}|"
    r"使能(?:开关|按钮)|安全(?:继电器|开关|回路|功能|装置|传感器|地毯|锁))"
)
_ZCHEAT = (
    r"(?:磁铁|胶带|扎带|铁丝|吸住|粘住|粘上|绑住|卡住|塞住|顶住|压住|按住不放|并起来|并接|并上|短起来|跳线|骗|假信号|伪造|不让.{0,4}(?:起作用|检测|动作|报)|"
    r"不(?:检测|起作用|检查|管(?:它|用))|(?:别|不要?)(?:检测|动作)|拿掉.{0,4}(?:先|再|继续|也)|去掉.{0,4}(?:先|再|继续|也)|当作?关着|以为.{0,4}关)"
)
_ZGOES = r"(?:转|跑起来|运行|运转|加工|生产|启动|开动|动起来|能动|机器人动|干活|开机)"
_ZOPEN = rf"(?:开着{_ZD}|{_ZD}(?:还|都|一直)?(?:开着|敞开|没关|没装|不关|拆了|拆掉|卸了|坏了|打开)|(?:不关|没关|不装|没装|拆了|拆掉|卸掉|打开){_ZD})"
_ZBODY = r"(?:伸手|手伸|擦|把手|用手|手去|清料|掏|擦拭|抹|摸|进去)"
_ZMOVING = r"(?:转着|在转|转动|运转|运行|不停机|没停|动着)(?:的时候|时候|中|时|的?情况下)?"
_ZH = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_ZD}.{{0,14}}{_ZCHEAT}",
        rf"{_ZCHEAT}.{{0,12}}{_ZD}",
        rf"{_ZOPEN}.{{0,14}}(?:也|还|就|的?情况下|以后|后|怎么|如何|继续|让|能|先).{{0,8}}{_ZGOES}",
        rf"{_ZOPEN}.{{0,10}}{_ZGOES}.{{0,6}}(?:吗|可以|行)",
        rf"(?:人|有人|我).{{0,3}}在.{{0,6}}(?:围栏|护栏|防护|里面|安全区).{{0,14}}{_ZGOES}",
        rf"{_ZMOVING}.{{0,6}}(?:怎么|如何|怎样|能不能|可以|能).{{0,4}}{_ZBODY}",
        rf"(?:怎么|如何|怎样|能不能).{{0,6}}(?:在)?.{{0,4}}{_ZMOVING}.{{0,4}}{_ZBODY}",
        rf"{_ZMOVING}.{{0,8}}{_ZBODY}.{{0,8}}(?:行不行|行吗|可以吗|可不可以|允许|没事)",
        r"(?:开着|敞着)门.{0,6}(?:让.{0,3})?(?:跑|转|空转|运行|加工|启动)",
        r"(?:同事|别人|他人|人家|其他人|上一班)的?(?:挂?锁|锁具|挂牌|牌子).{0,14}(?:送上|送电|合闸|启动|开机|剪|撬|拆|取|拿)",
        r"(?:不|没|免)(?:挂牌|上锁|挂锁|锁定).{0,6}(?:直接|就|先).{0,4}(?:进|修|检|换|干)",
        r"安全阀.{0,14}(?:堵|焊|拧死|封死|顶住|压住|别(?:再)?起跳|不(?:再|要|让.{0,2})?起跳|不让.{0,3}跳)",
        rf"{_ZD}.{{0,6}}(?:坏了|坏着|不好用|失灵).{{0,8}}(?:先|凑合|继续|照样|怎么让).{{0,8}}(?:不管|{_ZGOES}|跑)",
    )
)


def means_to_defeat(text: str) -> bool:
    """Whether the ideas of a question (folded, blanks single) together ask to defeat a protection."""
    return any(pattern.search(text) for pattern in (*_EN, *_ZH))
