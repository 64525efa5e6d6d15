"""What goes wrong in typing and spelling, in English and Chinese: slips of the keys, and how people write who do not know better.

The kinds are those that studies of misspellings count (Kukich 1992, "Techniques for automatically correcting words in
text"): a letter dropped, doubled, swapped or taken from the next key; a word written by its sound ("presure", "wich",
"shedule"). A Chinese one is another character of the same sound, as an input method offers it, or one that looks alike.
A model that never saw such words reads them badly (Belinkov & Bisk 2018, "Synthetic and natural noise both break neural
machine translation"). Used by `finetune.augment`, whose rules hold here too: pure, never empty, the label stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

_T = TypeVar("_T")

HAN = "\u3400-\u9fff"
HAS_HAN = re.compile(f"[{HAN}]")
HAS_LATIN = re.compile(r"[A-Za-z]")
CODE_WORDS = "errors?|err|alarms?|alm|faults?|flt|warnings?|codes?|parameters?|params?|par|trouble|message|msg|event"


def happens(rng: np.random.Generator, probability: float) -> bool:
    """Whether something that happens so often happens now."""
    return bool(rng.random() < probability)


def pick(rng: np.random.Generator, items: Sequence[_T]) -> _T:
    """One of the items."""
    return items[int(rng.random() * len(items))]


# --- Keys and sounds ----------------------------------------------------------------------------------------------

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
HOMOPHONES = """
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
SAME_SOUND = {sign: group.replace(sign, "") for group in HOMOPHONES for sign in group}

# A word that may be mistyped: no capitals inside, nothing of a code, a path or an address beside it.
_WORD = re.compile(r"(?<![A-Za-z0-9_À-ɏ./$#@-])[A-Za-z][a-z]{3,}(?![A-Za-z0-9_À-ɏ@/]|[-.:][A-Za-z0-9])")
_NAMES_A_CODE = re.compile(rf"(?:{CODE_WORDS}|number)\s*[:#]?\s*-?\d", re.IGNORECASE)
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

# --- Particles, which a hurried hand leaves out ---------------------------------------------------------------------

_ASK_ZH = "什么|什麼|啥|哪|谁|誰|几|幾|多少|多久|怎么|怎麼|怎样|咋|如何"
PARTICLE = re.compile(r"[的了吗嗎呢吧啊]")
_CLAUSE = re.compile(r"[，。？！；、,?!;\s]")
_PAST_OF = re.compile(f"是|{_ASK_ZH}")
_ASKS_NEXT = re.compile(_ASK_ZH)
_PAST_ZH = re.compile("上一?[次回]|[前去]年|昨天|以前|从前|最近|曾经|刚才")


def harmless(text: str, match: re.Match[str]) -> bool:
    """Whether the particle found can go without changing what is asked or when it happened."""
    at, sign = match.start(), match[0]
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if not before or not HAS_HAN.match(before):
        return False
    inside = bool(after) and bool(HAS_HAN.match(after))
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


# --- Slips ----------------------------------------------------------------------------------------------------------


def typo(text: str, rng: np.random.Generator) -> str:
    """One or two slips: a neighbouring key, a letter dropped, doubled or swapped; a Chinese character of the same sound
    or a dropped particle. Codes, numbers and their units, acronyms and words of fewer than four letters stay.
    """
    spots: list[tuple[int, int]] = []
    if HAS_LATIN.search(text):
        units = [match.span() for match in _MEASURES.finditer(text)]
        for match in _WORD.finditer(text):
            start, end = match.span()
            if not _NAMES_A_CODE.match(text, start) and not any(a <= start < b for a, b in units):
                spots.append((start, end))
    if HAS_HAN.search(text):
        guarded = {at for match in _HAN_MEASURES.finditer(text) for at in range(*match.span())}
        spots += [(at, at + 1) for at, sign in enumerate(text) if sign in SAME_SOUND and at not in guarded]
        spots += [(match.start(), match.start()) for match in PARTICLE.finditer(text) if harmless(text, match)]
    if not spots:
        return text
    chosen = [pick(rng, spots)]
    if len(spots) >= 6 and happens(rng, 0.3):
        # one word or character further, so that two slips never meet in one place
        other = pick(rng, spots)
        if other[0] > chosen[0][1] or other[1] < chosen[0][0]:
            chosen.append(other)
    for start, end in sorted(chosen, reverse=True):
        if start == end:  # a particle
            text = text[:start] + text[start + 1 :]
        elif end - start == 1:
            text = text[:start] + pick(rng, SAME_SOUND[text[start]]) + text[end:]
        else:
            text = text[:start] + _slip(text[start:end], rng) + text[end:]
    return text


def _slip(word: str, rng: np.random.Generator) -> str:
    """A word of four letters or more with one slip behind its first letter; other than the word, and no word that asks."""
    for _ in range(8):
        at = 1 + int(rng.random() * (len(word) - 1))
        kind = int(rng.random() * 4)
        if kind == 0:
            slipped = word[:at] + pick(rng, _NEAR[word[at]]) + word[at + 1 :]
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


# --- Misspelling ------------------------------------------------------------------------------------------------------

# How English is written by its sound: what stands there, and what is written instead; one of them a word.
_BY_SOUND = tuple(
    (re.compile(pattern), news.split("|"))
    for pattern, news in (
        (r"(?<=\w)([bcdfglmnprstz])\1", r"\1"), (r"(?<=[aeiou])([lmnprst])(?=[aeiou])", r"\1\1"),
        ("ei", "ie"), ("ie", "ei|y"), (r"(?<=\w)tion", "sion|tin"), (r"(?<=\w)ssion|(?<=\w)sion", "tion"), ("ph", "f"),
        ("ck", "k|c"), ("c(?=[eiy])", "s"), (r"(?<=\w)s(?=[eiy])", "c"), (r"c(?=[aourl])", "k"), (r"(?<=\w)k(?=\w)", "ck|c"),
        ("^wh", "w"), ("^kn", "n"), ("^wr", "r"), (r"(?<=[aeiou])gh", ""), ("mb$", "m"), ("sch", "sh|sk"), ("dge", "ge|dg"),
        ("tch", "ch"), ("qu", "kw|q"), ("x", "cks"), (r"(?<=\w)z", "s"), (r"(?<=\w)th", "t"), ("^h(?=y)", ""), ("mn", "m"),
        ("ea", "ee|e"), ("ee", "ea|e"), ("ai|ay", "a|ei"), ("oa|ow", "o"), ("ou", "o|u"), ("au|aw", "o|a"), ("oo", "u|o"), ("ui", "u|i"),
        (r"(?<=\w{2})er\b", "or|ar|r"), (r"(?<=\w{2})[oa]r\b", "er"), (r"ure\b", "er|ur"), ("an(?=ce|t)", "en"), ("en(?=ce|t)", "an"),
        ("able$", "ible"), ("ible$", "able"), ("[ae]l$", "le|el|al"), (r"(?<=[^aeiou])le$", "el|al"), ("[ae]ry$", "ry|ery|ary"),
        (r"age$", "ige"), (r"(?<=[^aeiou])e$", ""), (r"(?<=\w{2})ed$", "d|t"), (r"(?<=[^aeiou])ing$", "eing|in"), ("y(?=[a-z])", "i"),
        (r"(?<=[a-z][bcdfghklmnprstvw])[aeiou](?=[bcdfghklmnprstvw]\w)", "|a|e|i"), ("re$", "er"), ("s$", ""),
    )
)  # fmt: skip
# Words of three letters that go wrong too; what comes of them is still no other word of this list.
_SHORT_WORDS = frozenset("how why who the and for can are has you its our now out".split())
_ANY_WORD = re.compile(r"(?<![A-Za-z0-9_À-ɏ./$#@-])[A-Za-z][a-z]{2,}(?![A-Za-z0-9_À-ɏ@/'’]|[-.:][A-Za-z0-9])")

# What asks may be written by its sound where that spells nothing else (怎莫, 甚么, 多酒): it is never made, nor hidden.
_ASKS_BY_SOUND = {
    "么": "莫末摸",
    "麼": "莫末",
    "什": "甚神肾",
    "久": "就酒旧",
    "何": "河合和",
    "样": "洋羊",
    "候": "侯后厚",
    "如": "入",
    "应": "因英",
    "须": "需许",
    "该": "改",
}
# Characters that look alike, by threes at most; guarded as those that sound alike.
_ALIKE = """
土士 人入 日曰 天夫 牛午 刀力 风凤 拨拔 侯候 折拆 竟竞 历厉 轮抡 阀伐 鸣呜 传转 枪抢 检捡 栓拴 棒捧 技枝 杆秆 极级 板扳 渣碴 温湿 滤虑 塞寨 磨摩
缸红 钢纲 铜桐 键健 密蜜 喷愤 坏杯 阻组 绝纶 缘绿 线钱浅 清情晴 洗冼 池驰 架驾 班斑 按桉 幕暮墓 载栽裁 限恨 辐幅 偏编 躁燥 徽微 撤撒 赔陪 拌绊 漏满
粗租 细纽 住往 冲种 泄泻 模摸 贷货 颗颖 底低 护沪 间问 晃晄 换焕 烧绕 烤拷 焊悍 丝纱 链莲 销锁
""".split()
_SAME_SHAPE = {sign: group.replace(sign, "") for group in reversed(_ALIKE) for sign in group}


def misspell(text: str, rng: np.random.Generator) -> str:
    """Several words wrong, as people write who do not know better: by their sound, by a look-alike, or by a slip.

    Between a twelfth and two fifths of what may go wrong does, and one word at least. Codes, numbers and their units and
    acronyms stay, as for `typo`.
    """
    share = 0.12 + 0.28 * rng.random()
    changed = text
    if HAS_LATIN.search(text):
        changed = _misspelt_words(changed, rng, share)
    if HAS_HAN.search(text):
        changed = _misspelt_characters(changed, rng, share / 2)
    return changed if changed != text else typo(text, rng)


def _misspelt_words(text: str, rng: np.random.Generator, share: float) -> str:
    units = [match.span() for match in _MEASURES.finditer(text)]
    words = [
        match
        for match in _ANY_WORD.finditer(text)
        if (len(match[0]) > 3 or match[0].lower() in _SHORT_WORDS)
        and not _NAMES_A_CODE.match(text, match.start())
        and not any(a <= match.start() < b for a, b in units)
    ]
    if not words:
        return text
    chosen = {int(rng.random() * len(words))} | {i for i in range(len(words)) if happens(rng, share)}
    for match in reversed([words[i] for i in sorted(chosen)]):
        text = text[: match.start()] + _misspelt(match[0], rng) + text[match.end() :]
    return text


def _misspelt(word: str, rng: np.random.Generator) -> str:
    """The word written wrongly; its first letter's case stays."""
    small = word.lower()
    if happens(rng, 0.35):
        return _slip(word, rng)
    able = [(match, news) for pattern, news in _BY_SOUND for match in pattern.finditer(small)]
    for _ in range(4):
        if not able:
            break
        match, news = pick(rng, able)
        new = small[: match.start()] + match.expand(pick(rng, news)) + small[match.end() :]
        if new != small and len(new) > 1 and new not in _OTHER_WORDS | _SHORT_WORDS:
            return new.capitalize() if word[0].isupper() else new
    return _slip(word, rng)


def _misspelt_characters(text: str, rng: np.random.Generator, share: float) -> str:
    guarded = {at for match in _HAN_MEASURES.finditer(text) for at in range(*match.span())}
    asked = {at for match in _ASKS_NEXT.finditer(text) for at in range(*match.span())}
    past = {at for match in _PAST_ZH.finditer(text) for at in range(*match.span())}
    spots = [
        at
        for at, sign in enumerate(text)
        if at not in guarded | asked | past and (sign in SAME_SOUND or sign in _SAME_SHAPE)
    ]
    signs = list(text)
    if spots:
        for at in {pick(rng, spots)} | {at for at in spots if happens(rng, share)}:
            alike = _SAME_SHAPE.get(signs[at], "")
            others = alike if alike and (signs[at] not in SAME_SOUND or happens(rng, 0.25)) else SAME_SOUND[signs[at]]
            signs[at] = pick(rng, others)
    asking = [at for at in sorted(asked) if signs[at] in _ASKS_BY_SOUND]
    if asking and (not spots or happens(rng, 0.2)):
        at = pick(rng, asking)
        signs[at] = pick(rng, _ASKS_BY_SOUND[signs[at]])
    return "".join(signs)
