"""Masking: people out, machines in."""

from __future__ import annotations

from itertools import pairwise

import pytest

from finetune.privacy import find, mask
from finetune.router import load_routes

PEOPLE = [
    ("ask Peter why E-207 comes back", "ask <name> why E-207 comes back"),
    ("ask peter how to reset F05", "ask <name> how to reset F05"),
    ("Ask Mr. Smith about the press", "Ask Mr. <name> about the press"),
    ("mr smith says it leaks", "mr <name> says it leaks"),
    ("technician Kowalczyk replaced bearing 6204", "technician <name> replaced bearing 6204"),
    ("The technician Jan van der Berg set P0.02 to 50", "The technician <name> set P0.02 to 50"),
    ("Peter's shift had alarm 207", "<name>'s shift had alarm 207"),
    ("Hi Brigitte, why does the pump stop?", "Hi <name>, why does the pump stop?"),
    ("Pump is dry. Thanks, Joe Brown", "Pump is dry. Thanks, <name>"),
    ("Why is axis 2 slow?\nBest regards\nM. Oyelaran", "Why is axis 2 slow?\nBest regards\n<name>"),
    ("Operator: Maria Lopez", "Operator: <name>"),
    ("my name is Obafemi and the door is stuck", "my name is <name> and the door is stuck"),
    ("Herr Grünwald meint, der Filter ist zu", "Herr <name> meint, der Filter ist zu"),
    ("问张师傅怎么处理E-207", "问<name>师傅怎么处理E-207"),
    ("王工说要换轴承6204", "<name>工说要换轴承6204"),
    ("联系李经理看一下报警", "联系<name>经理看一下报警"),
    ("欧阳师傅昨天修过主轴", "<name>师傅昨天修过主轴"),
    ("让张伟检查主轴", "让<name>检查主轴"),
    ("问王强怎么调整张力", "问<name>怎么调整张力"),
    ("我是李小明，机器报警了", "我是<name>，机器报警了"),
    ("小王换了滤芯以后还漏", "小<name>换了滤芯以后还漏"),
    ("报修人：陈建国", "报修人：<name>"),
    ("周工在吗？主轴过热", "<name>工在吗？主轴过热"),
]
NUMBERS = [
    ("call +49 170 1234567 when SRVO-062 is on", "call <phone> when SRVO-062 is on"),
    ("call me at (555) 234-5678", "call me at <phone>"),
    ("phone: 030/1234567", "phone: <phone>"),
    ("0049 711 123456 24 V is missing", "<phone> 24 V is missing"),
    ("reach us on 0171 2345678", "reach us on <phone>"),
    ("报警后打13812345678", "报警后打<phone>"),
    ("电话 139-1234-5678", "电话 <phone>"),
    ("电话：１３８１２３４５６７８", "电话：<phone>"),
    ("维修部 0755-26401234", "维修部 <phone>"),
    ("分机8012找维修", "分机<phone>找维修"),
    ("+86 138 1234 5678 is our service", "<phone> is our service"),
    ("write to h.meier+cnc@plant-x.de about COM3", "write to <email> about COM3"),
    ("发到zhang@example.com", "发到<email>"),
    ("badge number 88231 does not open door 4", "badge number <badge> does not open door 4"),
    ("employee A-4711 is locked out of the HMI", "employee <badge> is locked out of the HMI"),
    ("工号10234打不开柜门", "工号<badge>打不开柜门"),
    ("10234号员工被锁在外面", "<badge>号员工被锁在外面"),
    ("身份证号 11010519491231002X", "身份证号 <badge>"),
    ("Personalnummer: 12345 gesperrt", "Personalnummer: <badge> gesperrt"),
]
MACHINES = """
What does alarm E-207 mean on COM3?
The part number is 0445-120-123, serial number 13812345678
X offset +100 200 300 400 mm
Encoder shows +2147483647 counts
ping 10.0.0.1 fails on eth0, phone at 10.0.0.7
ask Siemens for the S7-1200 firmware
Ask the technician about Mode 3
Operator Panel is dark
Technician Mode Password
Engineer Station shows Fault 12
Call subroutine 9001 with P0.02
why does parameter P1.014 = 12345678
calibrated on 2024-05-12 at 12:30
tel. 2024-05-12
Contact NO on terminal 13 and 14
Supply +24 V and +5 V, ext. 250 mm, extension 400 mm
See Section 3, Table 4 and Figure 12
What is the badge reader voltage?
badge reader shows E-207 3 times
Order no. 6ES7 315-2AH14-0AB0
Allen key 5 mm, Phillips screwdriver, Morse taper 3
Operator 2 cannot log in
Robert Bosch GmbH pump 0 986 123 456
Thanks in advance
Hi Pressure alarm on line 2
I am getting SRVO-062 BZAL alarm (G:1 A:2)
Mark the position and jack up the machine
Is CYL ext. 120 open?
AL.52.1 after 13500 rpm, torque 12 Nm
16-bit counter wraps at 65535, address 40001
张力怎么调？张紧轮坏了
加工工件的工艺参数在哪
加工号12345的程序
高级工程师模式密码
任何经理都可以进入吗
车间主任模式
白班长时间停机
最小余量是多少，小孔堵塞
万用表怎么用
电工需要什么证
老化的密封圈怎么换
叶轮和罗茨泵的间隙
谢谢，已经好了
通知单在哪里打印
报警 E-207 是什么意思？
请问许用扭矩是多少
陈旧的皮带要不要换
物料号 13912345678 的轴承
变频器参数0021-12345678
""".strip().splitlines()


@pytest.mark.parametrize(("text", "expected"), PEOPLE + NUMBERS)
def test_people_are_masked(text, expected):
    assert mask(text).text == expected
    assert mask(expected).text == expected


@pytest.mark.parametrize("text", MACHINES)
def test_machines_are_not(text):
    assert mask(text).text == text


def test_the_seed_questions_of_the_routes_stay_as_they_are():
    seeds = [seed for route in load_routes() for seed in route.seeds]
    assert len(seeds) > 100
    assert [seed for seed in seeds if mask(seed).text != seed] == []


def test_several_in_one_text_are_counted_by_kind():
    masked = mask("Ask Peter Kern, p.kern@plant.com or +49 170 1234567, badge 4711; E-207 on 10.0.0.1 since 2024-05-12")
    assert masked.text == "Ask <name>, <email> or <phone>, badge <badge>; E-207 on 10.0.0.1 since 2024-05-12"
    assert masked.counts == {"name": 1, "email": 1, "phone": 1, "badge": 1}


@pytest.mark.parametrize("piece", ["a", "1", "+1 ", "a.", "张", "Ab ", "0-", "@", "<name> "])
def test_long_texts_do_no_harm(piece):
    text = piece * (10_000 // len(piece))
    spans = find(text)
    assert all(a.end <= b.start for a, b in pairwise(spans))
