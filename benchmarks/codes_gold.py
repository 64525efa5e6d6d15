"""The code tables of the benchmark, parsed here on their own (not by the product's readers), and how operators write codes.

Every row has its written variants. Where a table's numbers occur in another table of the same machine, a variant
carries the family's word ("gripper error 11"), as an operator's question must.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import MissingData, need


@dataclass(frozen=True, slots=True)
class Row:
    """One code. `texts` are its descriptions; the right chunk shows the code and one of them. `variants` are questions."""

    machine: str
    table: str
    code: str
    texts: tuple[str, ...]
    variants: tuple[str, ...]


def _unique(items: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for item in items if item.strip()))


def _number(code: str, family: str, part: str, word: str) -> Iterator[str]:
    """A code of digits whose table is named in front: "servo error", and "伺服" with "报警"."""
    zh = part + word
    yield f"{family} {code}"
    yield f"{family.capitalize()} {code}"
    yield f"{family.upper()} {code}"
    yield f"{family}: {code}"
    yield f"{family} {code}?"
    yield f"{family} code {code}"
    yield f"{family}-{code}"
    yield f"{family} no. {code}"
    yield f"what does {family} {code} mean"
    yield f"What does {family} {code} mean?"
    yield f"how do I clear {family} {code}"
    yield f"{zh} {code}"
    yield f"{zh}{code}"
    yield f"{zh}代码 {code}"
    yield f"{part}{code}号{word}"
    yield f"{zh} {code} 是什么意思"
    yield f"出现{zh}{code}怎么处理"


def _plain_number(code: str) -> Iterator[str]:
    """A code of digits that no other table of the machine has: any alarm word will do, or none."""
    yield code
    yield f"{code}?"
    for word in ("alarm", "Alarm", "ALARM", "error", "Error", "Err", "ERR", "fault"):
        yield f"{word} {code}"
    yield f"alarm{code}"
    yield f"Err{code}"
    yield f"alarm-{code}"
    yield f"alarm:{code}"
    yield f"alarm code {code}"
    yield f"error code {code}"
    yield f"alarm id {code}"
    yield f"what does {code} mean"
    yield f"what does alarm {code} mean?"
    yield f"the robot stopped with error {code}, what now"
    for word in ("报警", "故障代码", "错误代码", "错误", "报警代码"):
        yield f"{word} {code}"
    yield f"报警{code}"
    yield f"{code}号报警"
    yield f"{code} 是什么报警"
    yield f"机器人报 {code} 怎么办"


def _prefixed(prefix: str, digits: str, separators: tuple[str, ...] = ("", " ", "-")) -> Iterator[str]:
    """A code of letters and digits: its spellings, bare and inside a question."""
    spellings = []
    for letters in (prefix, prefix.lower(), prefix.upper()):
        spellings += [f"{letters}{separator}{digits}" for separator in separators]
    yield from spellings
    for spelling in dict.fromkeys(spellings):
        yield f"{spelling}?"
        yield f"what does {spelling} mean"
    yield f"What does {prefix}{digits} mean?"
    shown = prefix + digits
    for word in ("alarm", "error", "fault", "Alarm", "error code"):
        yield f"{word} {shown}"
    for word in ("报警", "故障代码", "故障", "错误代码"):
        yield f"{word} {shown}"
    yield f"报警{shown}"
    yield f"{shown}报警"
    yield f"{shown} 是什么故障"
    yield f"显示 {shown} 怎么处理"


def dobot() -> list[Row]:
    """Controller and servo alarms: decimal ids, the servo's also known in hexadecimal."""
    rows = []
    for file, family, part in (
        ("alarmController", "controller alarm", "控制器"),
        ("alarmServo", "servo alarm", "伺服"),
    ):
        entries = json.loads(need("error_codes", "dobot", f"{file}.json").read_text(encoding="utf-8"))
        texts: dict[int, list[str]] = {}
        for entry in entries:  # an id may stand twice; either row is right
            for language in ("en", "zh_CN"):
                words = entry[language]
                told = words["description"].strip() or words["cause"].strip()
                texts.setdefault(entry["id"], []).extend([told] if told else [])
        for number, told in texts.items():
            if not told:
                continue
            code = str(number)
            variants = [
                *_plain_number(code),
                *_number(code, f"Dobot {family}", f"Dobot {part}", "报警"),
                f"0x{number:04X}", f"0x{number:04x}", f"0x{number:X}", f"alarm 0x{number:04X}", f"报警 0x{number:04X}",
            ]  # fmt: skip
            rows.append(Row("Dobot", file, code, tuple(told), _unique(iter(variants))))
    return rows


_XARM = {
    "ServoCodeMap": ("servo error", "伺服", "报警"),
    "GripperErrorCodeMap": ("gripper error", "机械爪", "报警"),
    "ControllerErrorCodeMap": ("controller error", "控制器", "错误"),
    "ControllerWarnCodeMap": ("controller warning", "控制器", "警告"),
    "RobotiqErrorCodeMap": ("Robotiq error", "Robotiq ", "错误"),
    "BioGripperErrorCodeMap": ("BIO gripper error", "BIO 机械爪", "报警"),
    "LinearMotorErrorCodeMap": ("linear motor error", "直线滑轨", "报警"),
    "FtSensorErrorCodeMap": ("force torque sensor error", "力矩传感器", "报警"),
}


def xarm() -> list[Row]:
    """Eight tables that share their numbers: each variant names its table."""
    data = json.loads(need("error_codes", "xarm", "xarm_codes.json").read_text(encoding="utf-8"))
    rows = []
    for table, entries in data.items():
        family, part, word = _XARM[table]
        for code, languages in entries.items():
            if not code.isdigit():
                continue
            told = []
            for words in languages.values():
                # Several codes of one table share a title; then the description tells them apart.
                shared = sum(
                    other[language]["title"] == words["title"]
                    for other in entries.values()
                    for language in other
                    if other[language] is not words
                )
                told.append(words["desc"] if shared and words["desc"] else words["title"])
            rows.append(
                Row("xArm", table, code, tuple(t for t in told if t), _unique(_number(code, family, part, word)))
            )
    return rows


def grbl() -> list[Row]:
    """Alarms, errors, settings and build options: the first three share their numbers."""
    rows = []

    def table(name: str) -> list[list[str]]:
        with need("error_codes", "grbl", f"{name}_codes_en_US.csv").open(encoding="utf-8-sig", newline="") as file:
            return [[cell.strip() for cell in row] for row in csv.reader(file) if row][1:]

    for name, zh in (("alarm", "报警"), ("error", "错误")):
        for code, _, told in table(name):
            variants = [
                *_number(code, name, "", zh), *_number(code, f"grbl {name}", "grbl ", zh),
                f"{name.upper()}:{code}", f"{name}:{code}", f"{name}{code}", f"[{name.upper()}:{code}]",
                f"the screen says {name}:{code}",
            ]  # fmt: skip
            rows.append(Row("grbl", f"{name}_codes", code, (told,), _unique(iter(variants))))
    for code, _, _, told in table("setting"):
        variants = [
            f"${code}", f"$ {code}", f"${code}=", f"setting ${code}", f"Setting {code}", f"setting {code}",
            f"grbl setting {code}", f"grbl ${code}", f"parameter ${code}", f"what does ${code} do", f"What is ${code}?",
            f"参数 ${code}", f"设置 ${code}", f"设置 {code}", f"${code} 是什么参数",
        ]  # fmt: skip
        rows.append(Row("grbl", "setting_codes", code, (told,), _unique(iter(variants))))
    for code, told, _ in table("build_option"):
        variants = [f"build option {code}", f"build option code {code}", f"OPT: {code}", f"grbl build option {code}",
                    f"what does build option {code} mean"]  # fmt: skip
        rows.append(Row("grbl", "build_option_codes", code, (told,), _unique(iter(variants))))
    return rows


def prusa() -> list[Row]:
    """XX stands for the printer's number; a code may have one row per printer, any of them is right."""
    import yaml

    data = yaml.safe_load(need("error_codes", "yaml", "buddy-error-codes.yaml").read_text(encoding="utf-8"))
    titles: dict[str, list[str]] = {}
    for entry in data["Errors"]:
        titles.setdefault(str(entry["code"]), []).append(str(entry["title"]).replace("\n", " "))
    rows = []
    for code, told in titles.items():
        found = re.fullmatch(r"([A-Z]+)(\d+)", code)
        digits = found.group(2) if found else code
        variants = [
            *(_prefixed(found.group(1), digits) if found else _plain_number(code)),
            f"error {digits}", f"Err {digits}", f"error code {digits}", f"错误代码 {digits}", f"{digits}号错误",
            f"Prusa error {code}", f"my printer shows #{code}",
        ]  # fmt: skip
        rows.append(Row("Prusa", "errors", code, tuple(dict.fromkeys(told)), _unique(iter(variants))))
    return rows


def _cells(line: str) -> list[str]:
    """The cells of one row of a Markdown table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


VFD = ("manuals_md", "vfd_zh", "docs")
GE300 = "GE300-series-soft-start-manual"
SK600 = "SK600-Series-Universal-Variable-Frequency-Driver-User-Manual"


def sk600() -> list[Row]:
    """The frequency converter's faults: Err01 ... in the second column."""
    rows = []
    for line in need(*VFD, SK600, "11.md").read_text(encoding="utf-8").splitlines():
        cells = _cells(line)
        found = re.fullmatch(r"(Err)(\d+)", cells[1]) if len(cells) == 4 else None
        if not found:
            continue
        digits = found.group(2)
        short = str(int(digits))
        variants = [
            *_prefixed("Err", digits),
            f"Err{short}", f"Err {short}", f"E{digits}", f"E-{digits}", f"e{digits}", f"alarm {digits}", f"error {digits}",
            f"fault {digits}", f"报警 {digits}", f"故障代码 {digits}", f"故障代码 {short}", f"{digits}号报警",
            f"{short}号故障", f"变频器报 Err{digits} 是什么原因", f"变频器显示Err{digits}",
        ]  # fmt: skip
        rows.append(Row("SK600", "faults", cells[1], (cells[0],), _unique(iter(variants))))
    return rows


def ge300() -> list[Row]:
    """The soft starter's faults: plain numbers 1 to 14."""
    rows = []
    for line in need(*VFD, GE300, "soft-start-troubleshooting.md").read_text(encoding="utf-8").splitlines():
        cells = _cells(line)
        if len(cells) != 4 or not cells[0].isdigit():
            continue
        code = cells[0]
        variants = [
            *_number(code, "fault", "", "故障"),
            f"alarm {code}", f"error {code}", f"报警 {code}", f"报警代码 {code}", f"故障代码{code}", f"{code}号报警",
            f"软起动器报{code}号故障", f"软起动器 故障 {code}",
        ]  # fmt: skip
        rows.append(Row("GE300", "faults", code, (cells[1],), _unique(iter(variants))))
    return rows


SETS: dict[str, Callable[[], list[Row]]] = {
    "Dobot": dobot, "xArm": xarm, "grbl": grbl, "Prusa": prusa, "SK600": sk600, "GE300": ge300,
}  # fmt: skip


def roots() -> list[tuple[Path, str]]:
    """(file or folder, machine) for the index."""
    codes = need("error_codes")
    return [
        (codes / "dobot" / "alarmController.json", "Dobot"),
        (codes / "dobot" / "alarmServo.json", "Dobot"),
        (codes / "xarm" / "xarm_codes.json", "xArm"),
        *((path, "grbl") for path in sorted((codes / "grbl").glob("*.csv"))),
        (codes / "yaml" / "buddy-error-codes.yaml", "Prusa"),
        (need(*VFD, SK600), "SK600"),
        (need(*VFD, GE300), "GE300"),
    ]


def all_rows() -> list[Row]:
    """Every row of the sets that are there; raises MissingData when none is."""
    rows: list[Row] = []
    for make in SETS.values():
        try:
            rows += make()
        except MissingData as missing:
            print(missing)
    if not rows:
        raise MissingData("no code table is there; set COPILOT_BENCH_DATA")
    return rows
