"""Made-up manual passages with questions, in English and Chinese: rows of tables, sentences with values, procedures.

What readers learn from encyclopaedias lacks: "Header: cell" rows, packed rows, imperative steps, and a value that
belongs to another part or another property of the same part (the hardest wrong passage there is). All texts are our own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from finetune.reading.examples import Group, Passage

Both = tuple[str, str]  # English, Chinese

PARTS: Sequence[Both] = (
    ("hydraulic pump", "液压泵"),
    ("oil filter", "滤油器"),
    ("drive belt", "传动带"),
    ("spindle bearing", "主轴轴承"),
    ("coolant pump", "冷却泵"),
    ("servo motor", "伺服电机"),
    ("linear guide", "直线导轨"),
    ("ball screw", "滚珠丝杠"),
    ("air filter", "空气滤清器"),
    ("gearbox", "减速箱"),
    ("pressure switch", "压力开关"),
    ("safety valve", "安全阀"),
    ("accumulator", "蓄能器"),
    ("tool changer", "换刀装置"),
    ("clamping cylinder", "夹紧缸"),
    ("light curtain", "光幕"),
    ("door switch", "门开关"),
    ("control cabinet", "控制柜"),
    ("conveyor chain", "输送链"),
    ("vacuum pump", "真空泵"),
    ("cooling fan", "冷却风扇"),
    ("brake pad", "制动片"),
    ("proximity sensor", "接近开关"),
    ("encoder cable", "编码器电缆"),
    ("backup battery", "后备电池"),
    ("heat exchanger", "热交换器"),
    ("compressor", "压缩机"),
    ("dust collector", "除尘器"),
    ("touch screen", "触摸屏"),
    ("remote control", "遥控器"),
    ("power supply", "电源"),
    ("fuse", "熔断器"),
    ("print head", "打印头"),
    ("heated bed", "热床"),
    ("stepper driver", "步进驱动器"),
    ("frequency inverter", "变频器"),
    ("mains plug", "电源插头"),
    ("speaker", "扬声器"),
    ("memory card", "存储卡"),
    ("camera", "摄像头"),
)
PROPERTIES: Sequence[tuple[Both, Both, tuple[str, ...], tuple[float, float], Sequence[Both]]] = (
    # name, wording inside a sentence, units, range, other ways to ask
    (
        ("operating pressure", "工作压力"),
        ("The operating pressure of the {p} is {v}.", "{p}的工作压力为{v}。"),
        ("bar", "MPa", "psi"),
        (1, 250),
        (("what pressure does the {p} run at", "{p}运行时压力是多少"), ("{p} pressure", "{p} 压力")),
    ),
    (
        ("tightening torque", "拧紧力矩"),
        ("Tighten the screws of the {p} to {v}.", "{p}的螺钉按{v}拧紧。"),
        ("Nm",),
        (2, 300),
        (("how tight do the bolts of the {p} have to be", "{p}的螺栓要拧多紧"), ("{p} torque", "{p} 扭矩")),
    ),
    (
        ("maximum temperature", "最高温度"),
        ("The {p} must not get hotter than {v}.", "{p}温度不得超过{v}。"),
        ("°C", "°F"),
        (30, 260),
        (("how hot may the {p} get", "{p}最热可以到多少度"), ("{p} max temp", "{p} 温度上限")),
    ),
    (
        ("maintenance interval", "维护周期"),
        ("Service the {p} every {v}.", "{p}每{v}维护一次。"),
        ("h", "hours", "days", "months"),
        (8, 4000),
        (("how often must the {p} be serviced", "{p}多久保养一次"), ("{p} service interval", "{p} 保养周期")),
    ),
    (
        ("rated voltage", "额定电压"),
        ("The {p} is supplied with {v}.", "{p}由{v}供电。"),
        ("V", "VDC"),
        (5, 480),
        (("which voltage does the {p} need", "{p}需要多大电压"), ("{p} supply voltage", "{p} 电压")),
    ),
    (
        ("rated current", "额定电流"),
        ("The {p} draws at most {v}.", "{p}最大电流{v}。"),
        ("A", "mA"),
        (1, 90),
        (("how much current does the {p} draw", "{p}电流多大"), ("{p} current", "{p} 电流")),
    ),
    (
        ("oil quantity", "油量"),
        ("Fill the {p} with {v} of oil.", "{p}加注{v}机油。"),
        ("l", "ml", "litres"),
        (1, 400),
        (("how much oil goes into the {p}", "{p}要加多少油"), ("{p} oil capacity", "{p} 油量")),
    ),
    (
        ("speed", "转速"),
        ("The {p} turns at {v}.", "{p}转速为{v}。"),
        ("rpm", "1/min"),
        (100, 18000),
        (("how fast does the {p} turn", "{p}转多快"), ("{p} rpm", "{p} 转速")),
    ),
    (
        ("clearance", "间隙"),
        ("Set the clearance at the {p} to {v}.", "{p}处间隙调到{v}。"),
        ("mm", "µm", "in"),
        (1, 60),
        (("what gap has to be kept at the {p}", "{p}要留多大间隙"), ("{p} gap", "{p} 间隙")),
    ),
    (
        ("weight", "重量"),
        ("The {p} weighs {v}.", "{p}重{v}。"),
        ("kg", "lb", "g"),
        (1, 900),
        (("how heavy is the {p}", "{p}有多重"), ("{p} weight", "{p} 重量")),
    ),
    (
        ("delay time", "延时"),
        ("The {p} switches off after {v}.", "{p}在{v}后关闭。"),
        ("s", "ms", "min", "seconds"),
        (1, 600),
        (("after what time does the {p} switch off", "{p}多长时间后关闭"), ("{p} time-out", "{p} 延时")),
    ),
    (
        ("noise level", "噪声"),
        ("The {p} is no louder than {v}.", "{p}噪声不超过{v}。"),
        ("dB(A)",),
        (40, 95),
        (("how loud is the {p}", "{p}声音有多大"), ("{p} noise", "{p} 噪声")),
    ),
)
JOBS: Sequence[tuple[Both, Sequence[Both], Sequence[Both]]] = (
    # name, steps, other ways to ask
    (
        ("Replacing the {p}", "更换{p}"),
        (
            ("Switch off the main switch and lock it.", "断开总开关并上锁。"),
            ("Loosen the four screws and take off the cover.", "松开四颗螺钉，取下盖板。"),
            ("Pull the connector from the {p}.", "拔下{p}的插头。"),
            ("Fit the new {p} and tighten it by hand.", "装上新的{p}，用手拧紧。"),
            ("Check it for leaks.", "检查有无泄漏。"),
        ),
        (("how do I change the {p}", "怎么换{p}"), ("{p} is broken, how do I put in a new one", "{p}坏了，怎么换新的")),
    ),
    (
        ("Cleaning the {p}", "清洁{p}"),
        (
            ("Let the {p} cool down.", "让{p}冷却。"),
            ("Wipe it with a dry, lint-free cloth.", "用无绒干布擦拭。"),
            ("Never use solvents or compressed air.", "切勿使用溶剂或压缩空气。"),
            ("Let it dry before you switch on again.", "晾干后再通电。"),
        ),
        (("how can I clean the {p}", "怎样清洁{p}"), ("the {p} is dirty", "{p}脏了怎么办")),
    ),
    (
        ("Setting up the {p}", "设置{p}"),
        (
            ("Open the menu Settings and choose the {p}.", "打开“设置”菜单，选择{p}。"),
            ("Enter the value and press OK.", "输入数值并按“确定”。"),
            ("Wait until the lamp turns green.", "等待指示灯变绿。"),
        ),
        (("how can I adjust the {p}", "如何调整{p}"), ("where is the {p} set", "{p}在哪里设置")),
    ),
    (
        ("Connecting the {p}", "连接{p}"),
        (
            ("Run the cable through the gland.", "将电缆穿过密封套。"),
            ("Plug the cable of the {p} into socket X4.", "将{p}的电缆插入 X4 插座。"),
            ("Fasten the screws of the plug.", "拧紧插头螺钉。"),
            ("Switch on and watch the display.", "通电并观察显示屏。"),
        ),
        (("how do I hook up the {p}", "{p}怎么接"), ("which socket is the {p} plugged into", "{p}插哪个插座")),
    ),
    (
        ("Checking the {p}", "检查{p}"),
        (
            ("Start the machine in set-up mode.", "以调试模式启动机器。"),
            ("Listen for unusual noise at the {p}.", "听{p}有无异响。"),
            ("Measure three times and note the mean.", "测量三次，记录平均值。"),
        ),
        (("how do I test whether the {p} is all right", "怎么判断{p}是否正常"), ("{p} check", "{p} 检查")),
    ),
)
FAULTS: Sequence[tuple[Both, Both, Both]] = (
    # symptom, cause, remedy
    (
        ("{p} does not start", "{p}不启动"),
        ("overload relay has tripped", "过载继电器动作"),
        ("let it cool and reset the relay", "冷却后复位继电器"),
    ),
    (
        ("{p} gets too hot", "{p}过热"),
        ("cooling fins are dirty", "散热片脏污"),
        ("clean the fins with a brush", "用刷子清洁散热片"),
    ),
    (
        ("{p} makes noise", "{p}有异响"),
        ("air in the suction line", "吸油管进气"),
        ("tighten the fittings and bleed the line", "拧紧接头并排气"),
    ),
    (("{p} leaks", "{p}泄漏"), ("worn seal", "密封件磨损"), ("replace the seal kit", "更换密封组件")),
    (
        ("{p} gives no signal", "{p}无信号"),
        ("broken wire in the cable", "电缆断线"),
        ("measure the cable and renew it", "测量并更换电缆"),
    ),
    (
        ("{p} vibrates", "{p}振动"),
        ("loose mounting screws", "安装螺钉松动"),
        ("tighten the screws crosswise", "对角拧紧螺钉"),
    ),
    (
        ("{p} stops without a message", "{p}无故停止"),
        ("supply voltage drops", "供电电压下降"),
        ("check the terminals of the supply", "检查电源端子"),
    ),
)
_ASK: Sequence[Both] = (
    ("what is the {a} of the {p}", "{p}的{a}是多少"),
    ("{p} {a}", "{p} {a}"),
    ("which {a} applies to the {p}", "{p}的{a}应为多少"),
    ("tell me the {a} for the {p}", "请问{p}的{a}"),
)
_HEADINGS: Sequence[Both] = (
    ("Technical data", "技术数据"),
    ("Settings", "设定值"),
    ("Specifications", "规格"),
    ("Parameters", "参数"),
)
_OTHERS: Sequence[Both] = (
    ("Read this chapter before you begin.", "开始前请阅读本章。"),
    ("Wear gloves and safety glasses.", "佩戴手套和护目镜。"),
    ("Only trained staff may do this work.", "只有受过培训的人员才能进行此项工作。"),
    ("Spare parts are listed in the annex.", "备件见附录。"),
    ("The values hold for normal operation.", "数值适用于正常运行。"),
    ("Keep the work area clean.", "保持工作区域清洁。"),
    ("Dispose of used parts according to local rules.", "按当地规定处理废旧零件。"),
    ("See the circuit diagram for details.", "详见电路图。"),
)


def synthetic_groups(count: int, negatives: int, rng: np.random.Generator) -> list[Group]:
    """`count` groups, a third each of tables, sentences with values, and procedures or faults; half of them Chinese."""
    makers = (_table, _sentence, _procedure, _fault)
    chances = (0.35, 0.3, 0.2, 0.15)
    out: list[Group] = []
    while len(out) < count:
        language = int(rng.random() < 0.5)
        asked = 1 - language if rng.random() < 0.2 else language
        maker = makers[int(rng.choice(len(makers), p=chances))]
        out.append(maker(language, asked, negatives, rng))
    return out


def _pick(items: Sequence[Both], rng: np.random.Generator) -> Both:
    return items[int(rng.integers(len(items)))]


def _value(low: float, high: float, unit: str, chinese: bool, rng: np.random.Generator) -> str:
    number = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    text = f"{number:.1f}" if number < 20 and rng.random() < 0.4 else f"{number:.0f}"
    if chinese:
        unit = {
            "h": "小时",
            "hours": "小时",
            "days": "天",
            "months": "个月",
            "l": "升",
            "litres": "升",
            "s": "秒",
            "seconds": "秒",
            "min": "分钟",
        }.get(unit, unit)
    return f"{text} {unit}" if rng.random() < 0.85 else f"{text}{unit}"


def _parts(count: int, rng: np.random.Generator) -> list[Both]:
    return [PARTS[int(i)] for i in rng.permutation(len(PARTS))[:count]]


def _question(prop: int, part: Both, asked: int, rng: np.random.Generator) -> str:
    ways = [*_ASK, *PROPERTIES[prop][4]]
    text = ways[int(rng.integers(len(ways)))][asked].format(a=PROPERTIES[prop][0][asked], p=part[asked])
    if " " in text and rng.random() < 0.6 and not text.endswith(("多少", "吗")):
        text += "?" if asked == 0 and text.startswith(("what", "which", "how", "after")) else ""
    return text


def _table(language: int, asked: int, negatives: int, rng: np.random.Generator) -> Group:
    """A row "Header: cell", or a packed table, in which only the right part and property answer."""
    props = [int(i) for i in rng.permutation(len(PROPERTIES))[: int(rng.integers(2, 5))]]
    parts = _parts(negatives + 4, rng)
    head = (
        f"{rng.integers(1, 12)} {_pick(_HEADINGS, rng)[language]}"
        if rng.random() < 0.8
        else _pick(_HEADINGS, rng)[language]
    )
    units = {prop: PROPERTIES[prop][2][int(rng.integers(len(PROPERTIES[prop][2])))] for prop in props}
    name = ("Part", "部件")[language]

    def cells(part: Both) -> list[tuple[str, str]]:
        return [(name, part[language])] + [
            (PROPERTIES[prop][0][language], _value(*PROPERTIES[prop][3], units[prop], bool(language), rng))
            for prop in props
        ]

    question = _question(props[0], parts[0], asked, rng)
    if rng.random() < 0.5:  # a row a chunk
        row = cells(parts[0])
        order = [0, *(int(i) + 1 for i in rng.permutation(len(props)))]
        text, span = _rows(head, [row[i] for i in order], row[1][1])
        others = [_rows(head, [(k, v) for k, v in cells(part)], "")[0] for part in parts[1 : negatives + 1]]
        return Group(question, Passage(text, span), tuple(map(Passage, others)), "tables and sentences")
    table = [cells(part) for part in (parts[0], *parts[negatives + 1 :])]
    answer = table[0][1][1]
    wanted = table[0]
    rng.shuffle(table)  # type: ignore[arg-type]
    text = f"{head}\n" + " | ".join(k for k, _ in wanted)
    span = (0, 0)
    for row in table:
        line = " | ".join(v for _, v in row)
        if row is wanted or row[0][1] == wanted[0][1]:
            at = len(text) + 1 + len(row[0][1]) + 3
            span = (at, at + len(answer))
        text += f"\n{line}"
    rest = []
    for part in parts[1 : negatives + 1]:
        lines = [" | ".join(v for _, v in cells(p)) for p in (part, *parts[negatives + 1 : negatives + 3])]
        rest.append(Passage(f"{head}\n" + " | ".join(k for k, _ in wanted) + "\n" + "\n".join(lines)))
    return Group(question, Passage(text, span), tuple(rest), "tables and sentences")


def _rows(head: str, cells: Sequence[tuple[str, str]], answer: str) -> tuple[str, tuple[int, int] | None]:
    text, span = head, None
    for key, value in cells:
        text += f"\n{key}: "
        if value == answer and answer:
            span = (len(text), len(text) + len(value))
        text += value
    return text, span


def _sentence(language: int, asked: int, negatives: int, rng: np.random.Generator) -> Group:
    """Prose with a value; wrong are the same property of another part, and another property of the same part."""
    props = [int(i) for i in rng.permutation(len(PROPERTIES))[:3]]
    parts = _parts(negatives + 2, rng)
    joint = "" if language else " "

    def said(prop: int, part: Both) -> tuple[str, str]:
        _, sentence, units, (low, high), _ = PROPERTIES[prop]
        value = _value(low, high, units[int(rng.integers(len(units)))], bool(language), rng)
        return sentence[language].format(p=part[language], v=value), value

    def passage(sentences: list[str]) -> str:
        fill = [_OTHERS[int(i)][language] for i in rng.permutation(len(_OTHERS))[: int(rng.integers(1, 4))]]
        mixed = [*sentences, *fill]
        rng.shuffle(mixed)
        text = joint.join(mixed)
        return f"{_pick(_HEADINGS, rng)[language]}\n{text}" if rng.random() < 0.6 else text

    right, value = said(props[0], parts[0])
    text = passage([right, said(props[1], parts[1])[0]])
    at = text.index(right) + right.index(value)
    rest = [Passage(passage([said(props[0], parts[2])[0], said(props[1], parts[0])[0]]))]
    rest += [Passage(passage([said(props[2], parts[0])[0], said(props[1], parts[1])[0]])) for _ in range(negatives - 1)]
    return Group(
        _question(props[0], parts[0], asked, rng),
        Passage(text, (at, at + len(value))),
        tuple(rest[:negatives]),
        "tables and sentences",
    )


def _procedure(language: int, asked: int, negatives: int, rng: np.random.Generator) -> Group:
    """Numbered steps under a heading; wrong are the same job on another part and another job on this one."""
    jobs = [JOBS[int(i)] for i in rng.permutation(len(JOBS))[:2]]
    parts = _parts(2, rng)

    def passage(job: tuple[Both, Sequence[Both], Sequence[Both]], part: Both, titled: bool) -> tuple[str, int]:
        name, steps, _ = job
        head = (
            f"{rng.integers(1, 12)}.{rng.integers(1, 9)} {name[language].format(p=part[language])}\n" if titled else ""
        )
        lines = [f"{i}. {step[language].format(p=part[language])}" for i, step in enumerate(steps, 1)]
        return head + "\n".join(lines), len(head)

    name, _, ways = jobs[0]
    ways = [*ways, (name[0].lower(), name[1]), ("how to do: " + name[0].lower(), "如何" + name[1])]
    question = ways[int(rng.integers(len(ways)))][asked].format(p=parts[0][asked])
    text, begin = passage(jobs[0], parts[0], True)
    rest = [Passage(passage(jobs[0], parts[1], True)[0]), Passage(passage(jobs[1], parts[0], True)[0])]
    return Group(question, Passage(text, (begin, len(text))), tuple(rest[:negatives]), "tables and sentences")


def _fault(language: int, asked: int, negatives: int, rng: np.random.Generator) -> Group:
    """A row of a fault table, asked for its cause or its remedy."""
    faults = [FAULTS[int(i)] for i in rng.permutation(len(FAULTS))[:2]]
    parts = _parts(2, rng)
    names = (("Fault", "Cause", "Remedy"), ("故障", "原因", "处理方法"))[language]
    wants_cause = rng.random() < 0.5

    def row(fault: tuple[Both, Both, Both], part: Both) -> list[tuple[str, str]]:
        return [(name, cell[language].format(p=part[language])) for name, cell in zip(names, fault, strict=True)]

    head = ("Troubleshooting", "故障排除")[language]
    symptom = faults[0][0][asked].format(p=parts[0][asked])
    if asked:
        question = f"{symptom}，{'什么原因' if wants_cause else '怎么处理'}"
    else:
        question = f"{symptom}, {'why' if wants_cause else 'what can I do'}?"
    right = row(faults[0], parts[0])
    text, span = _rows(head, right, right[1 if wants_cause else 2][1])
    rest = [_rows(head, row(faults[0], parts[1]), "")[0], _rows(head, row(faults[1], parts[0]), "")[0]]
    return Group(question, Passage(text, span), tuple(map(Passage, rest[:negatives])), "tables and sentences")
