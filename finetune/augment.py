"""The same question as other people would type it: with a slip, in a hurry, with other codes. The label stays.

For fresh variants of the examples in each epoch, and for the "typo" and "shorthand" questions of a benchmark. Every
change is a pure function of the text and the state of the generator, leaves a text alone where it does not apply, and
never makes it empty. Two things are guarded, because routes hang on them: what asks (how, why, how often, 多久, 怎么)
and what says that something is past (did, was, 上次, 过, a closing 的).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeVar

import numpy as np

_T = TypeVar("_T")
Style = Literal["typo", "shorthand"]

_HAN = "\u3400-\u9fff"
_HAS_HAN = re.compile(f"[{_HAN}]")
_HAS_LATIN = re.compile(r"[A-Za-z]")
_CONTENT = re.compile(r"[^\W_]")
_READABLE = re.compile(r"[^\W_].*[^\W_]", re.DOTALL)
_FINAL = re.compile(r"[\s?!.。？！…]+$")
_CODE_WORDS = "errors?|err|alarms?|alm|faults?|flt|warnings?|codes?|parameters?|params?|par|trouble|message|msg|event"


def change(text: str, rng: np.random.Generator) -> str:
    """One random change that fits the text; the text itself when none does."""
    rest = list(_CHANGES)
    while rest:
        draw = rng.random() * sum(weight for weight, _ in rest)
        place = 0
        while place < len(rest) - 1 and draw >= rest[place][0]:
            draw -= rest[place][0]
            place += 1
        changed = rest.pop(place)[1](text, rng)
        if changed != text:
            return changed
    return text


def variants(text: str, rng: np.random.Generator, style: Style) -> str:
    """The text with typing slips ("typo") or cut down to what a hurried person types ("shorthand")."""
    if style == "typo":
        return typo(text, rng)
    if style == "shorthand":
        return shorthand(text, rng)
    raise ValueError(f'there is no style {style!r}; use "typo" or "shorthand"')


def _chance(rng: np.random.Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def _pick(rng: np.random.Generator, items: Sequence[_T]) -> _T:
    return items[int(rng.random() * len(items))]


# --- Slips ------------------------------------------------------------------------------------------------------

_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ROWS_OFFSET = (0.0, 0.25, 0.75)


def _neighbours() -> dict[str, str]:
    """Letter -> the letters whose keys touch its key, rows staggered as on a QWERTY keyboard."""
    places = {key: (x + _ROWS_OFFSET[y], y) for y, row in enumerate(_KEYS) for x, key in enumerate(row)}
    return {
        key: "".join(other for other, (u, v) in places.items() if other != key and abs(u - x) <= 1 and abs(v - y) <= 1)
        for key, (x, y) in places.items()
    }


_NEAR = _neighbours()

# Characters of one syllable, tones apart, as an input method offers them. Left out on both sides: numerals, negations,
# what asks and what says that something is past, so that a slip never makes or hides one.
_HOMOPHONES = """
机级极积基计技记集 电点垫店 压牙鸭押 油由游邮 泵崩蹦 阀法发罚 轴周皱洲 承程成称城 齿尺池持 轮论伦 带袋代待 链连联练
滤率绿铝旅 芯心新信 封风峰缝锋 密蜜秘 温文稳问 度堵读独镀 速素塑 转砖专赚 动冻懂洞 检件间减键简建 查差插茶 修秀休锈
换环缓幻 警静经精净径晶 报爆保包 错措挫 故固鼓古顾 障张掌涨胀 码马麻 参残惨 数输书束属 设射摄舍 置值止纸直质制脂指
调条跳挑 正整证蒸 校角胶交脚绞教 气器汽启起期漆 缸刚钢岗 杆干感赶 刀到道导倒 具距聚锯局举 夹加架价家 口扣 类累泪
模磨膜末摩 板班版搬 管关灌罐惯 路炉录露 漏楼陋 水睡税 线限险现显先 缆栏拦蓝 停听厅庭 安按案暗 全圈泉权 人任认刃
工功供公弓共 作做坐座左 火货获活 热惹 冷愣 却缺确 液页业叶夜 位危围维微 控空孔恐 真针震振阵诊 闪扇善山 灯等登 屏平瓶凭
幕木目母 相箱向像象响项 材裁才采 料聊疗 焊含汗旱 隔割格歌 吸洗系细息西 尘沉晨衬 接节结解洁截 头投透 操槽草 号好耗毫
式试湿室视失石识 移仪依异易译 取区曲驱 伏服复负辅浮腐幅 变边编遍 频品拼 流留硫 量亮梁粮 力理离立历例里 螺落罗络
丝司思撕 冒毛帽铆 烟严验延沿研盐 声升生剩绳 音因引印阴 超潮吵 在再载 国锅果 损笋 坏怀槐 面免棉 放方防房仿 护户湖弧
罩照找 门们闷 锁所缩索 步部布补 配培赔陪 进紧近金 出除处初储触 入乳 松送颂 退推腿 卡咖 组足阻族 容溶熔绒融 此磁次刺词
提题体梯 单担但 弹碳探谈 滑化花划话 润闰 降讲奖浆 层蹭 装撞状桩 拆柴 泄卸斜屑写谢 盖改钙 定订顶钉 回灰挥辉 误物雾污屋务
分粉份 当档挡 跑抛泡炮 偏片骗 均菌军 运匀云 行型形性星 应硬影荧 恒横衡 比闭壁笔臂 冲充虫 长常厂场尝 断段短端 低底滴递
高告稿搞 大打搭达 小效消销 中重种钟终 刻壳客颗 煤霉梅 并病冰饼 通同筒铜桶 塞赛 扭牛纽钮 对队堆 强枪墙抢 光广逛
样氧阳养 手收首受守 绝觉决 原源圆员远缘 序续需虚 传穿串船 噪造早燥 逆泥腻 站战占沾粘 存寸村 盘判盼 快块筷 慢满漫
库裤枯 表标飙 外歪 自字资子 主注住助柱铸 来赖 用涌永勇 这折遮 伸深渗身 台太胎抬 床窗创闯 旋选悬 伤商 浓农 的地得
""".split()
_SAME_SOUND = {sign: group.replace(sign, "") for group in _HOMOPHONES for sign in group}

# A word that may be mistyped: no capitals inside, nothing of a code, a path or an address beside it.
_WORD = re.compile(r"(?<![A-Za-z0-9_À-ɏ./$#@-])[A-Za-z][a-z]{3,}(?![A-Za-z0-9_À-ɏ@/]|[-.:][A-Za-z0-9])")
_NAMES_A_CODE = re.compile(rf"(?:{_CODE_WORDS}|number)\s*[:#]?\s*-?\d", re.IGNORECASE)
_MEASURES = re.compile(
    r"(?<=\d)(?:\s|-)?(?:degrees?|volts?|amps?|bars?|percent|hours?|minutes?|mins|seconds?|days?|weeks?|months?|years?|ohms?|"
    r"microns?|litres?|liters?|met(?:re|er)s?|milli\w+|tons?|tonnes?|gallons?|newton\w*)\b",
    re.IGNORECASE,
)
_HAN_MEASURES = re.compile(r"[0-9０-９〇零一二两三四五六七八九十百千万几%％]\s?[\u3400-\u9fff]{1,2}")
# Slips that would spell another word which asks or tells of the past.
_OTHER_WORDS = frozenset(
    "were where when then than that what whit mist must want went wont wore last lost past late later latter safe save "
    "sage same need needs used uses once ones often soften does done have gave hove been being three there here these "
    "still stall never ever every very with without allow below after alter before".split()
)


def typo(text: str, rng: np.random.Generator) -> str:
    """One or two slips: a neighbouring key, a letter dropped, doubled or swapped; a Chinese character of the same sound
    or a dropped particle. Codes, numbers and their units, acronyms and words of fewer than four letters stay.
    """
    spots: list[tuple[int, int]] = []
    if _HAS_LATIN.search(text):
        units = [match.span() for match in _MEASURES.finditer(text)]
        for match in _WORD.finditer(text):
            start, end = match.span()
            if not _NAMES_A_CODE.match(text, start) and not any(a <= start < b for a, b in units):
                spots.append((start, end))
    if _HAS_HAN.search(text):
        guarded = {at for match in _HAN_MEASURES.finditer(text) for at in range(*match.span())}
        spots += [(at, at + 1) for at, sign in enumerate(text) if sign in _SAME_SOUND and at not in guarded]
        spots += [(match.start(), match.start()) for match in _PARTICLE.finditer(text) if _harmless(text, match)]
    if not spots:
        return text
    chosen = [_pick(rng, spots)]
    if len(spots) >= 6 and _chance(rng, 0.3):
        # one word or character further, so that two slips never meet in one place
        other = _pick(rng, spots)
        if other[0] > chosen[0][1] or other[1] < chosen[0][0]:
            chosen.append(other)
    for start, end in sorted(chosen, reverse=True):
        if start == end:  # a particle
            text = text[:start] + text[start + 1 :]
        elif end - start == 1:
            text = text[:start] + _pick(rng, _SAME_SOUND[text[start]]) + text[end:]
        else:
            text = text[:start] + _slip(text[start:end], rng) + text[end:]
    return text


def _slip(word: str, rng: np.random.Generator) -> str:
    """A word of four letters or more with one slip behind its first letter; other than the word, and no word that asks."""
    for _ in range(8):
        at = 1 + int(rng.random() * (len(word) - 1))
        kind = int(rng.random() * 4)
        if kind == 0:
            slipped = word[:at] + _pick(rng, _NEAR[word[at]]) + word[at + 1 :]
        elif kind == 1:
            slipped = word[:at] + word[at + 1 :]
        elif kind == 2:
            slipped = word[:at] + word[at] + word[at:]
        else:
            at = min(at, len(word) - 2)
            slipped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        if slipped != word and slipped.lower() not in _OTHER_WORDS:
            return slipped
    return word[0] + word[1] + word[1:]


# --- Shorthand --------------------------------------------------------------------------------------------------

_WH = r"how(?:\s(?:often|many\s\w+|much\s?\w*|long|far|hot|fast|high|deep|tight|big|soon))?|why|where|when|what|which\s\w+"
_START = r"(?:^|(?<=[.!?;:,]\s))"
_ASKING = r"how|what|why|when|where|which|who|whether|if|the"


_Rule = tuple[re.Pattern[str], str, float, tuple[str, ...]]


def _rules(*rows: tuple[str, str, float, str]) -> tuple[_Rule, ...]:
    """(what, by what, how likely, stretches of which a lower-cased text must hold one for the rule to be worth trying)."""
    flags = re.IGNORECASE | re.ASCII
    return tuple((re.compile(what, flags), new, chance, tuple(hints.split("|"))) for what, new, chance, hints in rows)


# Applied in order. Past forms (did, was, has been) and may, must, can I stay: they carry the difference between a
# record, a rule and an instruction.
# fmt: off
_POLITE = _rules(
    (r"^(?:hi|hello|hey|good\s(?:morning|day|evening)|excuse\sme)(?:\s(?:there|all|everyone|guys))?\s?[,!.:]\s+", "", 1, ""),
    (r"\b(?:could|can|would|will)\s(?:you|someone|somebody|anyone|anybody)\s(?:(?:please|kindly|maybe|quickly)\s)*"
     r"(?=(?:tell|explain|give|show|list|describe|say|walk|guide|help|check|find|look|write|name|remind|send)\b)",
     "", 1, " you|body|one "),
    (r"[,\s]*\bplease\b,?|[,\s]*\b(?:pls|plz|kindly)\b", "", 1, "please|pls|plz|kindly"),
    (rf"(?:\b(?:tell|show)\s(?:me|us)|\blet\s(?:me|us)\sknow|\bgive\sme(?=\sthe))\s(?=(?:{_ASKING})\b)", "", 1,
     "tell |show |let |give "),
    (rf"\b(?:do\syou\sknow|does\sany(?:one|body)\sknow|any\sidea|I\s(?:just\s)?(?:want|need|would\slike)\sto\sknow|"
     rf"I'd\slike\sto\sknow|I\swas\swondering|I\swonder)\s(?=(?:{_ASKING})\b)", "", 1, "know|idea|wonder"),
    (rf"{_START}(?:whether|if)\s(?=(?:it|I|we|the)\b[^,]*\?)", "", 1, "if |whether "),
    (rf"{_START}I(?:\s(?:want|would\slike)|'d\slike)\sto\s(?=\w)", "", 1, "want to|like to"),
    (r"[\s,.!]*\b(?:thanks|thank\syou|thx)(?:\s(?:a\slot|very\smuch|so\smuch|in\sadvance))?[\s.!]*$", "", 1, "thank|thx"),
)
_BARE_WH = re.compile(
    r"(?:how|why|where|when)(?:\s(?:to|do|does|is|are|(?:can|should|could)\s(?:I|we|you|one))\b|'s\b)", re.ASCII | re.I
)
_DROPPED = _rules(
    (r"\s?\b(?:actually|basically|exactly|simply|somehow)\b", "", 0.9, "actual|basic|exact|simply|somehow"),
    (r"^(?:is|are)\sthere\s(?:an?\s|any\s)?(?=\w)", "", 0.8, ""),
    (rf"{_START}there(?:'s|\sis|\sare)\s(?=\w)", "", 0.8, "there"),
    (r"\b(how(?:\s(?:often|long))?|where|when)\s(?:do|can|could|should|would)\s"
     r"(?:I|we|one|you(?!\s(?:feel|work|know|think|learn)))(?:\s(?:have|need)\sto)?\s(?=\w)", r"\1 ", 0.95, " do | can |ould "),
    (rf"\b({_WH})\s(?:do|does)\s(?!(?:you|not|I|we|one|that|this|it)\b)(?=\w)", r"\1 ", 0.95, " do | does "),
    (rf"\b({_WH})\s(?:do|does)\s(?:I|we|one)\s(?=\w)", r"\1 ", 0.95, " do | does "),
    (r"^(?:do|does)\s(?:(?:I|we)\s(?=need\b)|(?=(?:the|these|those|this|that|it|they)\b))", "", 0.9, ""),
    (r"\bhow\sto\s(?=\w)", "how ", 0.7, "how to"),
    (r"\b(how|what|where|when|who|why)['’]s\s(?=\w)", r"\1 ", 0.9, "'s |’s "),
    (r"(?<![\w'’.-])(?:is|are)\s(?!you|n[o']t\b)(?=\w)", "", 0.9, "is |are "),
    (r"^it\s(?=(?:safe|ok|okay|allowed|normal|possible|necessary|dangerous|permitted)\b)", "", 0.9, ""),
    (r"(?<![\w.'-])(?<!\d\s)(?:the|(?:an|(?-i:a)|^A)(?!\s(?:second|minute|hour|shift|day|week|month|year)))\s(?=[a-z0-9])", "", 0.95,
     "the |a |an "),
)
# fmt: on
_BARE_TEXT = re.compile(r"(how|why|where|when)\s((?:[^\s,;.?!]+\s?){1,9})", re.IGNORECASE)
# Behind how, why ... these stay where they are.
_STAYS_BEHIND = frozenset(
    "often many much long far hot fast high deep tight big soon come to do does is are can should could".split()
)

_ASK_ZH = "什么|什麼|啥|哪|谁|誰|几|幾|多少|多久|怎么|怎麼|怎样|咋|如何"
_PARTICLE = re.compile(r"[的了吗嗎呢吧啊]")
_CLAUSE = re.compile(r"[，。？！；、,?!;\s]")
_PAST_OF = re.compile(f"是|{_ASK_ZH}")
_ASKS_NEXT = re.compile(_ASK_ZH)
_POLITE_ZH = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"^(?:你好|您好|师傅)[，,！!。\s]+", ""),
        (
            r"(?:我?想)?(?:请问|請問|请教|請教|(?<![访询疑])问)(?:一下|下)(?:子)?[，,：:\s]*|请问[，,：:\s]*|請問[，,：:\s]*",
            "",
        ),
        (r"(?:麻烦|麻煩|劳驾|拜托)(?:你|您|各位)?(?=[帮幫把给給告说說讲講列查看发發解])", ""),
        (r"(?:能不能|能否|可不可以|可否|能|可以)?(?:请|請)?(?:你|您)?(?:告诉|告訴)我(?:一下|下)?[，,：:\s]*(?=\w)", ""),
        (r"我?想(?:知道|了解)(?:一下)?[，,：:\s]*(?=\w)", ""),
        (r"(?<![申邀聘宴敬提报呈])[请請](?![假客求示柬战缨辞]|[病年事产婚]假)(?=\w)", ""),
        (r"(?<=[说說讲講绍紹释釋看查找列])一下(?!子)", ""),
        (r"[，,。！!\s]*(?:谢谢|謝謝|多谢)(?:了|啦|您|你)?[。！!～~]*$", ""),
    )
)
_DROPPED_ZH = (
    (re.compile(r"(?<![还只总不要可但就都老又若正])是(?=(?:什么|啥|多少|几|哪|多大|多长|多久|怎么))"), "", 0.8),
    (re.compile(r"(?:应该|應該|到底|究竟|具体|需要)(?=(?:怎么|怎麼|怎样|如何|咋|多久|多少))"), "", 0.9),
)


def _harmless(text: str, match: re.Match[str]) -> bool:
    """Whether the particle found can go without changing what is asked or when it happened."""
    at, sign = match.start(), match[0]
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if not before or not _HAS_HAN.match(before):
        return False
    inside = bool(after) and bool(_HAS_HAN.match(after))
    clause = _CLAUSE.split(text[:at])[-1]
    if sign == "的":
        # "怎么修好的", "谁换的泵", "换的哪种油" ask for a record, without 的 for an instruction
        return (
            inside
            and len(clause) >= 2
            and before not in "目有真似标靶"
            and after not in "确士话"
            and not _PAST_OF.search(clause)
            and not _ASKS_NEXT.match(text, at + 1)
        )
    if inside or len(clause) < 2:
        return False
    return not (
        before == "干" or (before == "了" and sign in "吗嗎") or (sign == "了" and before in "为除罢算好不得没么")
    )


def shorthand(text: str, rng: np.random.Generator) -> str:
    """Cut down to key words: "Could you tell me how do I replace the belt?" -> "replace belt how".

    Polite forms always go; articles, auxiliaries and particles mostly. What asks, allows or tells of the past stays.
    """
    if not text.strip():
        return text
    short = _cut(text, rng, always=False)
    return short if short != text else _cut(text, rng, always=True)


def _cut(text: str, rng: np.random.Generator, always: bool) -> str:
    short, first = text, False
    if _HAS_LATIN.search(short):
        lower = short.lower()
        for pattern, new, _, hints in _POLITE:
            if any(map(lower.__contains__, hints)):
                short = _kept(short, pattern.sub(new, short).strip())
        first = bool(_BARE_WH.match(short))
        for pattern, new, chance, hints in _DROPPED:
            if any(map(lower.__contains__, hints)) and (always or _chance(rng, chance)):
                short = _kept(short, pattern.sub(new, short))
    if _HAS_HAN.search(short):
        for pattern, new in _POLITE_ZH:
            short = _kept(short, pattern.sub(new, short))
        for pattern, new, chance in _DROPPED_ZH:
            if pattern.search(short) and (always or _chance(rng, chance)):
                short = _kept(short, pattern.sub(new, short))
        short = _without_particles(short, rng, always)
    short = _kept(text, " ".join(short.split()).lstrip(" ,;:，；："))
    if always or _chance(rng, 0.75):
        short = _kept(short, _FINAL.sub("", short))
    if first and (found := _BARE_TEXT.fullmatch(short.rstrip("?？ "))) and _chance(rng, 0.5):
        rest = found[2].strip().removeprefix("to ")
        if rest.split()[0].lower() not in _STAYS_BEHIND:
            short = f"{rest} {found[1].lower()}"
    elif re.match(r"[A-Z][a-z]+\b", short) and (always or _chance(rng, 0.7)):
        short = short[0].lower() + short[1:]
    return short


def _kept(before: str, after: str) -> str:
    """`after`, unless nothing worth reading is left of it."""
    return after if _READABLE.search(after) else before


def _without_particles(text: str, rng: np.random.Generator, always: bool) -> str:
    out, last = [], 0
    for match in _PARTICLE.finditer(text):
        if _harmless(text, match) and (always or _chance(rng, 0.85)):
            out.append(text[last : match.start()])
            last = match.end()
    return _kept(text, "".join(out) + text[last:])


# --- Units ------------------------------------------------------------------------------------------------------

# The spellings of one unit: signs, then words, then Chinese (only written into Chinese text).
# fmt: off
_UNITS: tuple[tuple[str, str, str], ...] = (
    ("Nm|nm|N·m|N.m", "newton metres", "牛米|牛·米"),
    ("°C|℃|deg c|degC|deg. C", "degrees C|degrees celsius", "度|摄氏度"),
    ("°F|℉|deg f", "degrees F|degrees fahrenheit", "华氏度"), ("rpm|r/min|RPM|rev/min", "", "转/分|转每分钟"),
    ("kW|kw|KW", "kilowatts", "千瓦"), ("V|v", "volts|volt", "伏"), ("kV|kv|KV", "", "千伏"), ("A", "amps|amp", "安"),
    ("mA|ma|MA", "milliamps", "毫安"), ("Hz|hz|HZ", "hertz", "赫兹"), ("mm|MM", "millimetres|millimeters", "毫米"),
    ("cm|CM", "centimetres", "厘米"), ("µm|μm|um", "microns|micron", "微米"), ("m", "metres|meters", "米"),
    ("mm/s", "", "毫米/秒"), ("m/s", "", "米/秒"), ("m/min", "", "米/分"), ("l/min|L/min|lpm", "", "升/分"),
    ("bar|Bar|BAR", "bars", "巴"), ("MPa|Mpa|mpa|MPA", "", "兆帕"), ("kPa|kpa|KPa", "", "千帕"),
    ("kg|Kg|KG|kgs", "kilos", "公斤|千克"), ("t", "tonnes", "吨"), ("l|L", "litres|liters", "升"),
    ("ml|mL", "millilitres", "毫升"), ("s|sec", "seconds", "秒"), ("min|mins", "minutes", "分钟"),
    ("h|hrs", "hours", "小时"), ("Ω|ohm", "ohms", "欧|欧姆"), ("%|％", "percent|per cent", ""),
)
# fmt: on
_UNIT_OF = {name: row for row, group in enumerate(_UNITS) for part in group for name in part.split("|") if name}
_NAMES = "|".join(re.escape(name) for name in sorted(_UNIT_OF, key=len, reverse=True))
_NO_PART = r"(?![A-Za-z0-9/·²³])"
_WITH_UNIT = re.compile(
    rf"(?<![A-Za-z0-9_.,])(?<![A-Za-z]-)(?P<number>\d+(?:[.,]\d+)?)(?P<gap>\s?)(?P<unit>{_NAMES}){_NO_PART}"
    rf"|(?<![A-Za-z0-9/])(?P<alone>°C|℃|°F|℉|rpm|RPM|r/min|MPa|kPa|N·m){_NO_PART}"
)
_WARMTH = re.compile(r"[温热冷烫烧凉冻烤]")
_ANGLE = re.compile(r"[角斜倾弯转]")


def spelling_of_units(text: str, rng: np.random.Generator) -> str:
    """Units behind numbers spelled otherwise, or with or without the space: "10 Nm" -> "10nm", "95 °C" -> "95度"."""
    found = [match for match in _WITH_UNIT.finditer(text) if _is_unit(text, match)]
    if not found:
        return text
    sure = int(rng.random() * len(found))
    chinese = bool(_HAS_HAN.search(text))
    for place in range(len(found) - 1, -1, -1):
        match = found[place]
        if place != sure and not _chance(rng, 0.7):
            continue
        unit = match["alone"] or match["unit"]
        signs, words, han = _UNITS[_UNIT_OF[unit]]
        # words of the other language would be no spelling but a translation
        names = "|".join(filter(None, (signs, han if chinese else words))).split("|")
        others = [name for name in names if name != unit]
        if match["alone"]:
            text = text[: match.start()] + _pick(rng, others) + text[match.end() :]
            continue
        gap = match["gap"]
        name = _pick(rng, others) if others and _chance(rng, 0.8) else unit
        if name == unit:
            gap = "" if gap else " "
        elif chinese or not _HAS_LATIN.match(name):
            gap = "" if chinese and _HAS_HAN.match(name) else _pick(rng, ("", " "))
        else:
            gap = " " if name in words.split("|") else _pick(rng, ("", " "))
        text = text[: match.end("number")] + gap + name + text[match.end() :]
    return text


def _is_unit(text: str, match: re.Match[str]) -> bool:
    """Whether the sign behind the number is the unit it looks like: 度 of warmth, no "1 m" of "1 m3"."""
    if match["unit"] == "度":
        return bool(_WARMTH.search(text)) and not _ANGLE.search(text) and text[match.end() : match.end() + 1] != "电"
    return True


# --- Codes ------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"(?<![A-Za-z0-9_@./-])[A-Za-z0-9]+(?:[-._/][A-Za-z0-9]+)*(?![A-Za-z0-9_@])")
_HEX = re.compile(r"0x[0-9A-Fa-f]{2,8}")
_LETTERS_FIRST = re.compile(r"([A-Za-z]{1,8})(?=[^A-Za-z]).*\d.*", re.DOTALL)
_PART_NUMBER = re.compile(r"\d{1,2}[A-Z]{1,4}\d[A-Z0-9]*(?:-[A-Z0-9]*\d[A-Z0-9]*)*|\d{3,5}-[A-Z]{1,2}")
# A part number goes on behind a space: "6ES7 315-2AG10".
_GOES_ON = re.compile(r" (\d{3}-\d[A-Z]{2}\d{2})(?![A-Za-z0-9])")
# What has letters and digits and is no code: substances, threads, sizes, norms, ports, grades, squares and cubes.
_NO_CODE = re.compile(
    r"(?:co2|sf6|h2[os]?|[on][23]|nh3|cs-137|pm2\.5|r\d{3,4}[a-z]?|pt-?100\d?|rs-?(?:232|422|485)|ip\d\d|dn\d+|g\d/\d|h[67]|er\d\d|"
    r"m\d{1,2}(?:x[\d.]+)?|m[23](?:/\w+)?|[cmk]m[23]|l[123n](?:[-/]l[123n])*|(?:iso|din|en|iec|astm|gb)(?:[-/]t)?[-/]?\d.*|"
    r"(?:usb|hdmi|mp|ps|win|windows|covid|ipv|http|gpt|cat|vitamin|web|mg|nas|vg|sae|ww)-?\d.*|[ab]\d[ab]|n95|a[345]|b12|q[1-4]|x64|x86|4s|i[3579])",
    re.IGNORECASE,
)
_AFTER_NUMBER = (
    r"(?![A-Za-z0-9_%％°℃]|[.,:/-]\d|\s*(?:times?|seconds?|minutes?|mins?|hours?|days?|weeks?|months?|years?|mm|cm|bar|rpm|kg|volts?|"
    r"amps?|degrees?|percent|jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec|[次小分天台年月日个回秒起条项度米点种级遍位部]))"
)
_SPOKEN = re.compile(
    rf"(?:(?<![A-Za-z])(?:{_CODE_WORDS})(?:\s(?:code|number|no\.?))?\s*[:#]?\s*|(?<![A-Za-z])(?-i:E|F|P|Er|Err|ERR|AL|Al|Pr|Fn|WO|SO|PO)\s|"
    r"(?:报警|警报|告警|故障|报错|错误|代码|参数|功能码|编号|工单|订单)(?:号|码|代码|编号)?\s*[:：#]?\s*|报\s*)"
    rf"(?P<number>\d{{1,6}}){_AFTER_NUMBER}",
    re.IGNORECASE,
)
_KNOWN_WORDS = re.compile(_CODE_WORDS, re.IGNORECASE)
# Prefixes that name the same thing; a fault never becomes a parameter.
_SISTERS = (("e", "f", "a"), ("err", "alm", "flt"), ("pr", "fn", "pn"))
_SISTER_OF = {name: group for group in _SISTERS for name in group}
_LETTERS = "ABCDEFGHKLMNPRSTUVWX"
_SHOWN = ("OC", "OV", "UV", "OL", "OH", "GF", "LU", "PH", "EF", "CF")
_YEAR = re.compile(r"20[0-3]\d")
_RUNS = re.compile(r"\d+|[A-Za-z]+")


def other_code(text: str, rng: np.random.Generator) -> str:
    """Every code, parameter and part number replaced by another of its shape: E-207 -> E-413, P0-15 -> P2-08.

    The same code twice becomes the same other code twice. Numbers with units, sizes, norms and substances stay.
    """
    spans = [match.span("number") for match in _SPOKEN.finditer(text)]
    for match in _TOKEN.finditer(text):
        if _is_code(match[0]):
            more = _GOES_ON.match(text, match.end())
            spans.append((match.start(), more.end() if more else match.end()))
    if not spans:
        return text
    new: dict[str, str] = {}
    out, last = [], 0
    for start, end in sorted(spans):
        if start < last:
            continue
        code = text[start:end]
        if code not in new:
            new[code] = _other(code, rng)
        out += [text[last:start], new[code]]
        last = end
    return "".join(out) + text[last:]


def _is_code(token: str) -> bool:
    if not any("0" <= sign <= "9" for sign in token) or not _HAS_LATIN.search(token) or _NO_CODE.fullmatch(token):
        return False
    if token[0].isdigit():
        return bool(_HEX.fullmatch(token) or _PART_NUMBER.fullmatch(token))
    match = _LETTERS_FIRST.fullmatch(token)
    if match is None:
        return False
    head = match[1]
    # "line3" and "Robot-2" are words with a number
    return len(head) <= 3 or head.isupper() or bool(_KNOWN_WORDS.fullmatch(head))


def _other(code: str, rng: np.random.Generator) -> str:
    """Another code with letters, digits and signs in the same places."""
    for _ in range(10):
        if (other := _drawn(code, rng)) != code:
            return other
    at = max(place for place, sign in enumerate(code) if sign.isdigit())
    return code[:at] + str((int(code[at]) + 1) % 10) + code[at + 1 :]


def _drawn(code: str, rng: np.random.Generator) -> str:
    if _HEX.fullmatch(code):
        zeros = len(code) - 2 - len(code[2:].lstrip("0"))
        signs = "0123456789ABCDEF" if code.upper()[2:] == code[2:] else "0123456789abcdef"
        return code[: 2 + zeros] + "".join(_pick(rng, signs) for _ in code[2 + zeros :])
    out, last = [], 0
    for match in _RUNS.finditer(code):
        out.append(code[last : match.start()])
        run = match[0]
        if run[0].isdigit():
            out.append(_digits(run, rng))
        elif match.start() == 0:
            sisters = _SISTER_OF.get(run.lower())
            out.append(_cased(_pick(rng, sisters), run) if sisters and _chance(rng, 0.3) else run)
        elif len(run) == 2 and run.isupper() and code[0] in "Ee" and match.start() == 2:
            out.append(_pick(rng, _SHOWN))
        elif len(run) <= 2:
            out += [_cased(_pick(rng, _LETTERS), sign) for sign in run]
        else:
            out.append(run)
        last = match.end()
    return "".join(out) + code[last:]


def _digits(run: str, rng: np.random.Generator) -> str:
    if _YEAR.fullmatch(run):
        return f"20{10 + int(rng.random() * 20)}"
    zeros = len(run) - len(run.lstrip("0")) if len(run) >= 3 else 0
    size = len(run) - zeros
    low = 10 ** (size - 1) if len(run) >= 3 and size else int(run != "0")
    return "0" * zeros + (str(low + int(rng.random() * (10**size - low))).zfill(size) if size else "")


def _cased(text: str, like: str) -> str:
    return "".join(a.upper() if b.isupper() else a.lower() for a, b in zip(text, like, strict=True))


# --- Case, punctuation, width -----------------------------------------------------------------------------------

_WIDE_SIGNS = str.maketrans("？，。！：；（）％", "?,.!:;()%")
_NARROW_SIGNS = str.maketrans("?,!:;()%", "？，！：；（）％")
_TO_WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in (*range(48, 58), *range(65, 91), *range(97, 123))})
_TO_NARROW = str.maketrans({wide: narrow for narrow, wide in _TO_WIDE.items()})


def plain(text: str, rng: np.random.Generator) -> str:
    """Lower case, no closing punctuation, or signs of the other width (wide ones only in Chinese text)."""
    out = text
    options = [text.lower(), _FINAL.sub("", text), text.translate(_WIDE_SIGNS).translate(_TO_NARROW)]
    if _HAS_HAN.search(text):
        options += [text.translate(_NARROW_SIGNS) if "." not in text else text, text.translate(_TO_WIDE)]
    able = [option for option, new in enumerate(options) if new != text and _CONTENT.search(new)]
    if not able:
        return text
    chosen = _pick(rng, able)
    out = options[chosen]
    if chosen == 0 and _chance(rng, 0.5):
        out = _FINAL.sub("", out) or out
    elif chosen == 1 and _chance(rng, 0.5):
        out = out.lower()
    return out


_CHANGES = ((0.32, typo), (0.32, shorthand), (0.12, plain), (0.14, other_code), (0.1, spelling_of_units))
