"""The row that meets all of a question's conditions, in tables of machines that no other test speaks of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes_knowledge import FakeKnowledge, WordEmbedder, WordRetriever, chunk, source

from copilot.cite import answer_to_json, answer_to_text
from copilot.conditions import Conditions
from copilot.engine import Copilot
from copilot.evaluate import unsupported_numbers
from copilot.evidence import EvidenceJudge
from copilot.generate.extractive import ExtractiveGenerator
from copilot.sentences import split
from copilot.table_rows import fitting, rows_of
from copilot.table_values import as_printed
from copilot.types import Conversion, Question
from copilot.understand import Understander
from finetune.router import SeedRouter, load_routes
from indexer.types import ChunkKind

WINDER = source("winder_manual.pdf", "WR winder")
MOULDER = source("注塑机ZD手册.pdf", "ZD注塑机")


def table(name, text, where=WINDER, *, section, heading=("Data",)):
    return chunk(name, text, where, heading=heading, kind=ChunkKind.TABLE, section=section)


CHUNKS = (
    table("models", "Property | WR-20 | WR-35 | WR-50\nOil filling of the gearbox (l) | 2.4 | 3.8 | 6.1\nSound level | 71 dB | 73 dB | 76 dB\n"
          "Weight | 940 kg | 1,310 kg | 1,870 kg", section=1, heading=("Technical data",)),
    table("brake", "Reel width (mm) | Paper | Film\n100…300 | 1.2 bar | 0.8 bar\n300…600 | 1.9 bar | 1.3 bar\n600…900 | 2.7 bar | 2.1 bar",
          section=2, heading=("Brake pressure",)),
    table("wait", "Room temperature | Mode | Waiting time (min)\n5…15 °C | eco | 18\n5…15 °C | full load | 26\n15…25 °C | eco | 12\n"
          "15…25 °C | full load | 21", section=3, heading=("Waiting time before opening the chamber",)),
    table("cap-1", "Screw: Bearing cap\nPosition: drive side\nSize: M10\nTorque (Nm): 49", section=4, heading=("Screws",)),
    table("cap-2", "Screw: Bearing cap\nPosition: operator side\nSize: M8\nTorque (Nm): 25", section=4, heading=("Screws",)),
    table("knife", "Screw: Motor foot\nPosition: both sides\nSize: M12\nTorque (Nm): 85", section=4, heading=("Screws",)),
    table("merged", "Nozzle | Medium | Flow\nflat jet | water | 14 l/min\n | emulsion | 11 l/min\nfull cone | water | 22 l/min\n | emulsion | 19 l/min",
          section=5, heading=("Flow of the nozzles",)),
    chunk("nip", "The nip roller gap is set to 0.15 mm with the feeler gauge.", WINDER, heading=("Nip roller",), section=6),
    table("zh-models", "项目 | ZD-120 | ZD-200 | ZD-320\n锁模力（kN） | 1200 | 2000 | 3200\n液压油箱容量（L） | 180 | 260 | 410", MOULDER, section=1,
          heading=("主要参数",)),
    table("zh-dry", "材料 | 环境湿度 | 干燥时间（h）\nABS | 50% 以下 | 2\nABS | 50% 以上 | 4\nPC | 50% 以下 | 3\nPC | 50% 以上 | 6", MOULDER, section=2,
          heading=("干燥时间",)),
    table("zh-plate-1", "部位: 模板压板\n位置: 动模侧\n规格: M16\n扭矩（N·m）: 210", MOULDER, section=3, heading=("螺栓扭矩",)),
    table("zh-plate-2", "部位: 模板压板\n位置: 定模侧\n规格: M20\n扭矩（N·m）: 400", MOULDER, section=3, heading=("螺栓扭矩",)),
)  # fmt: skip


@pytest.fixture(scope="module")
def ask():
    knowledge = FakeKnowledge(CHUNKS, (), (), ())
    routes = load_routes()
    copilot = Copilot(
        knowledge=knowledge,
        understander=Understander(knowledge, SeedRouter(routes), routes),
        retriever=WordRetriever(knowledge),
        judge=EvidenceJudge(),
        generator=ExtractiveGenerator(knowledge, WordEmbedder()),
    )
    return lambda text: copilot.ask(Question(text))


@pytest.mark.parametrize(
    ("question", "holds", "lacks", "short"),
    [
        ("How much oil goes into the gearbox of the WR-35?", "WR-35: 3.8", "dB", "3.8 l"),
        ("What is the sound level of the WR-50?", "76 dB", "1,870", "76 dB"),
        ("What brake pressure for film on a reel of 450 mm width?", "Film: 1.3 bar", "2.1 bar", "1.3 bar"),
        ("What is the waiting time in eco mode at 20 °C before opening the chamber?", "12", "26", "12 min"),
        ("What torque for the bearing cap on the operator side?", "Torque (Nm): 25", "49", "25 Nm"),
        ("What torque for the bearing cap on the drive side?", "Torque (Nm): 49", ": 25", "49 Nm"),
        ("What is the flow of the full cone nozzle with emulsion?", "full cone; Medium: emulsion; Flow: 19 l/min", "14", "19 l/min"),
        ("ZD-200的液压油箱容量是多少？", "ZD-200：260", "2000", "260 L"),
        ("湿度60%时PC的干燥时间是多少？", "PC；环境湿度：50% 以上；干燥时间（h）：6", "：4", "6 h"),
        ("定模侧模板压板的螺栓扭矩是多少？", "400", "210", "400 N·m"),
    ],
)  # fmt: skip
def test_the_row_that_meets_all_conditions(ask, question, holds, lacks, short):
    answer = ask(question)
    assert holds in answer.text and lacks not in answer.text, answer.text
    assert answer.short == short
    assert answer.withheld == ()


@pytest.mark.parametrize(
    ("question", "frame", "values"),
    [
        ("What torque for the screws of the bearing cap?", "which one holds depends on Position, Size:", ("49", "25")),
        ("What is the waiting time at 10 °C before opening the chamber?", "depends on Mode:", ("18", "26")),
        ("模板压板的螺栓扭矩是多少？", "以位置、规格为准：", ("210", "400")),
        ("ABS的干燥时间是多少？", "以环境湿度为准：", ("2", "4")),
    ],
)
def test_rows_that_fit_alike_are_all_shown_with_what_tells_them_apart(ask, question, frame, values):
    answer = ask(question)
    assert frame in answer.text and all(f" {value}" in answer.text or f"：{value}" in answer.text for value in values)
    assert answer.short == ""
    assert "85" not in answer.text and "PC" not in answer.text


@pytest.mark.parametrize(
    ("question", "terms", "names"),
    [
        ("上压板螺栓的扭矩", ("上", "压板", "螺栓", "扭矩"), ["Platen bolt, upper side", "Platen bolt, lower side"]),
        ("上压板 upper", ("upper",), ["Platen bolt, upper side"]),
    ],
)
def test_of_twins_asked_for_in_another_language_both_are_shown(question, terms, names):
    torques = table(
        "bolts", "Joint | Torque (Nm)\nPlaten bolt, upper side | 210\nPlaten bolt, lower side | 95\nFoot anchor | 700",
        section=9, heading=("Bolts",),
    )  # fmt: skip
    for chosen in rows_of(torques)[:2]:
        found = fitting(Conditions.of(question, terms), chosen, [torques])
        assert {names[0]} <= {row.cells[0].text for row in found} <= {*names, chosen.cells[0].text}
    anchor = fitting(Conditions.of("地脚螺栓", ("地脚",)), rows_of(torques)[2], [torques])
    assert [row.cells[0].text for row in anchor] == ["Foot anchor"]


def test_a_column_told_by_a_number_is_quoted_with_its_name(ask):
    answer = ask("How much oil goes into the gearbox of the WR-35?")
    assert {citation.quote for citation in answer.citations} == {
        "Oil filling of the gearbox (l) | 2.4 | 3.8 | 6.1",
        "Property | WR-20 | WR-35 | WR-50",
    }


def test_merged_cells_are_taken_over_from_above():
    merged = next(one for one in CHUNKS if one.id == "merged")
    rows = rows_of(merged)
    assert [[cell.text for cell in row.inherited] for row in rows] == [[], ["flat jet"], [], ["full cone"]]
    assert merged.text[rows[3].start : rows[3].end].startswith("full cone | water")


@pytest.mark.parametrize(
    ("where", "text", "printed"),
    [
        (WINDER, "Screw: Motor foot\nSize: M12\nTorque (Nm): 85", "Motor foot M12 85"),
        (WINDER, "Drive | Belt\nTraverse | 6PK900", "Drive Belt\nTraverse 6PK900"),
        (WINDER, "Heater: rear\nPower at 400 V: 3 kW", "Heater Power at 400 V\nrear 3 kW"),
        (source("winder.md"), "Screw: Motor foot\nSize: M12", "Motor foot | M12"),
        (source("winder.md"), "Drive | Belt\nTraverse | 6PK900", ""),
        (MOULDER, "材料: PC\n干燥时间（h）: 6", "PC 6"),
    ],
)
def test_a_row_is_quoted_as_its_page_has_it(where, text, printed):
    found = chunk("c", text, where, kind=ChunkKind.TABLE)
    assert as_printed(found, 0, len(text)) == printed
    assert as_printed(replace(found, kind=ChunkKind.FAULT_REPORT), 0, len(text)) == ""


def test_sentences_are_quoted_as_they_are():
    text = "The nip roller gap is set to 0.15 mm.\n1. Lock it."
    assert as_printed(chunk("c", text, WINDER), 0, len(text)) == ""


def test_converted_values_are_listed_and_every_other_number_is_quoted(ask):
    answer = ask("What torque for the bearing cap on the operator side?")
    assert [(one.value, one.others) for one in answer.conversions] == [("25 Nm", ("18.4 lbf·ft",))]
    assert "(converted: 25 Nm ≈ 18.4 lbf·ft)" in answer.text
    assert unsupported_numbers(answer) == []
    assert unsupported_numbers(replace(answer, conversions=())) == ["18.4"]
    lying = replace(answer, conversions=(Conversion("25 Nm", ("99 lbf·ft",)),))
    assert unsupported_numbers(lying) == ["18.4"]


def test_json_and_terminal_show_the_short_answer_first_and_the_row_as_printed(ask):
    answer = ask("What torque for the bearing cap on the operator side?")
    shown = answer_to_json(answer)
    assert shown["short"] == "25 Nm" and shown["conversions"] == [{"value": "25 Nm", "others": ["18.4 lbf·ft"]}]
    assert shown["citations"][0]["quote"] == "Bearing cap operator side M8 25"
    assert shown["citations"][0]["passage"].startswith("Screw: Bearing cap")
    assert answer_to_text(answer).startswith("Short: 25 Nm\n\n")
    assert answer_to_text(ask("定模侧模板压板的螺栓扭矩是多少？")).startswith("简答：400 N·m\n\n")


def test_a_small_table_among_text_is_a_table_too():
    text = (
        "The dryer stands beside the press. Its fan is checked every week.\nAir | Fan speed (rpm)\ncold | 900\nwarm | 1400\n"
        "Oil the hinge. It squeaks."
    )
    found = chunk("c", text, WINDER)
    assert [(row.cells[0].label, row.cells[1].value) for row in rows_of(found)] == [
        ("Air", "900 rpm"),
        ("Air", "1400 rpm"),
    ]
    kinds = [unit.kind.value for unit in split(text)]
    assert kinds == ["sentence", "sentence", "header", "row", "row", "sentence", "sentence"]
    assert [unit.kind.value for unit in split("Read this.\n" + text.split("\n", 1)[1], ChunkKind.TABLE)][:2] == [
        "sentence",
        "header",
    ]
