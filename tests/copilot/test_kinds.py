"""Machines named by their kind: learned from how documents are called, found in questions of both languages."""

from __future__ import annotations

import pytest

from copilot.kinds import KindFinder, is_of, is_of_another, speaks_of
from indexer.types import Chunk, ChunkKind, DocumentKind, Opening, Source


def opening(path: str, title: str, machine: str | None = None, text: str = "", *heading: str) -> Opening:
    return Opening(Source(path, title, DocumentKind.MANUAL, machine), heading, text)


PLANT = [
    opening("MX-400/mx400.pdf", "Instruction manual: vertical machining center MX-400", "MX-400"),
    opening("MX-400/alarms.xlsx", "MX-400 alarm list", "MX-400"),
    opening("KP-63/kp.pdf", "KP-63 Eccentric Press - Operating Instructions", "KP-63"),
    opening("HY-250/hy.pdf", "HY-250 hydraulic press manual", "HY-250"),
    opening("GA-30/ga30_cn.pdf", "GA-30 螺杆式空气压缩机 使用说明书", "GA-30"),
    opening("BC-12/doc-4711.pdf", "DOC-4711", "BC-12", "This manual describes the belt conveyor BC-12. Read it first."),
    opening("RX-9/rx9.pdf", "RX-9 Degreaser, user guide", "RX-9"),
    opening("轧制/manual.pdf", "四辊矫直机操作手册", "轧制一号"),
    opening("general/safety.pdf", "Site rules", "general"),
]
FINDER = KindFinder(PLANT, ["MX-400", "KP-63", "HY-250", "GA-30", "BC-12", "RX-9", "轧制一号", "general"])


@pytest.mark.parametrize(
    ("question", "machine"),
    [
        ("Which grease for the spindle of the machining centre?", "MX-400"),
        ("加工中心的主轴用什么油？", "MX-400"),
        ("How is the oil of the compressor changed?", "GA-30"),
        ("Which oil goes into the compressor gearbox?", "GA-30"),
        ("空压机多久换一次油", "GA-30"),
        ("belt conveyor: tension of the belt", "BC-12"),
        ("输送机的皮带怎么张紧？", "BC-12"),
        ("Why does the degreaser stop?", "RX-9"),
        ("矫直机的辊子怎么换？", "轧制一号"),
        ("Where is the valve of the eccentric press?", "KP-63"),
    ],
)
def test_the_kind_names_the_machine_in_both_languages(question, machine):
    found = FINDER.subject(question)
    assert found is not None and found.machine == machine
    assert all(name.startswith((machine, "轧制")) for name in found.documents)


def test_all_documents_of_the_machine_belong_to_it_and_those_of_no_machine_to_none():
    found = FINDER.subject("the machining centre")
    assert found.documents == {"MX-400/mx400.pdf", "MX-400/alarms.xlsx"}
    assert "KP-63/kp.pdf" in found.others and "general/safety.pdf" not in found.others


@pytest.mark.parametrize("question", ["What must I check before starting the press?", "冲床的滑块怎么调？"])
def test_a_kind_of_two_machines_means_both(question):
    found = FINDER.subject(question)
    assert found.machines == ("HY-250", "KP-63") and found.machine is None


@pytest.mark.parametrize(
    "question",
    [
        "Press the green button twice",
        "How do I press a bearing into the housing?",
        "Which key must I press first?",
        "What is the tightening torque of the flange bolts?",
        "如何更换滤芯？",
    ],
)
def test_verbs_and_other_words_name_no_machine(question):
    assert FINDER.subject(question) is None


def test_a_kind_that_the_plant_does_not_have_is_named_all_the_same():
    found = FINDER.subject("How do I balance the centrifuge?")
    assert found.words == ("centrifuge",) and not found.known and "离心机" in found.also


def test_a_folder_of_manuals_is_no_machine_and_its_documents_are_told_apart():
    folder = [opening("manuals/lathe.pdf", "lathe", "manuals"), opening("manuals/saw.pdf", "Band saw S1", "manuals")]
    found = KindFinder(folder, ["manuals"]).subject("the oil of the lathe")
    assert found.documents == {"manuals/lathe.pdf"} and found.others == {"manuals/saw.pdf"}


def test_what_reports_say_of_a_machine_names_it():
    found = KindFinder([], ["M-17"], [("M-17", "Spritzguss / injection molding machine 3")]).subject("注塑机坏了几次")
    assert found.machine == "M-17"


def test_a_part_of_another_machine_is_told_from_its_silence():
    found = FINDER.subject("Which oil goes into the compressor?")
    truck = Source("TR-5/tr5.pdf", "TR-5 reach truck", DocumentKind.MANUAL, "TR-5")
    plant = KindFinder([*PLANT, Opening(truck)], ["TR-5"])
    found = plant.subject("Which oil goes into the compressor?")

    def passage(text: str, source: Source = truck) -> Chunk:
        return Chunk("c", source, (1, 1), (), ChunkKind.TEXT, text)

    own, part, silent = passage("油", PLANT[4].source), passage("The compressor needs oil."), passage("Fill in oil.")
    assert is_of(found, own) and not is_of_another(found, own)
    assert is_of_another(found, part) and speaks_of(found, part)
    assert is_of_another(found, silent) and not speaks_of(found, silent)
    press = FINDER.subject("the press")
    assert not speaks_of(press, passage("Press reset. Then press home.")) and speaks_of(
        press, passage("Stop the press.")
    )
