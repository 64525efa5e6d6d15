"""A small plant held in memory: chunks by hand, the real code registry and fault-report table, a plain retriever."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from copilot.types import Understanding
from indexer.analysis import fold, question_tokens, tokens
from indexer.code_registry import CodeRegistry, insert_entries
from indexer.code_registry import create_schema as create_code_schema
from indexer.fault_reports.table import FaultReportTable, create_schema, insert_many
from indexer.types import (
    Chunk,
    ChunkKind,
    CodeEntry,
    CodeMatch,
    DocumentKind,
    FaultReport,
    Hit,
    Manifest,
    Opening,
    Source,
    Stage,
    WarningNote,
)


def source(document: str, machine: str | None = None, kind: DocumentKind = DocumentKind.MANUAL) -> Source:
    return Source(document, document.rsplit(".", 1)[0].replace("_", " ").title(), kind, machine, "B")


PRESS = source("press_manual.pdf", "HP-200")
ROBOT = source("robot_manual.pdf", "RX-7 Robot")
ZH = source("注塑机手册.pdf", "注塑机ZS120")
LOG = source("faults.csv", None, DocumentKind.FAULT_REPORT)


def chunk(
    name: str,
    text: str,
    where: Source = PRESS,
    *,
    page: int = 1,
    heading: Sequence[str] = (),
    kind: ChunkKind = ChunkKind.TEXT,
    section: int = 0,
    ocr: bool = False,
) -> Chunk:
    return Chunk(name, where, (page, page), tuple(heading), kind, text, section, ocr)


CHUNKS = (
    chunk(
        "e207",
        "Code: E-207\nMeaning: Spindle overheated\nCause: Coolant filter clogged; fan defective\nRemedy: Clean the filter and check the fan.",
        page=40, heading=("8 Faults", "8.2 Alarm list"), kind=ChunkKind.TABLE, section=12,
    ),
    chunk(
        "e208",
        "Code: E-208\nMeaning: Door open\nCause: Door not closed\nRemedy: Close the door and acknowledge.",
        page=40, heading=("8 Faults", "8.2 Alarm list"), kind=ChunkKind.TABLE, section=12,
    ),
    chunk(
        "robot-alarms",
        "Alarm | Meaning | Remedy\n301 | Joint limit reached | Jog the joint back\n302 | Encoder battery low | Replace the battery\n"
        "303 | Brake not released | Check the brake supply",
        ROBOT, page=9, heading=("Alarms",), kind=ChunkKind.TABLE, section=3,
    ),
    chunk(
        "gripper-alarms",
        "Alarm | Meaning | Remedy\n301 | Gripper pressure low | Raise the air pressure to 6 bar\n305 | Part lost | Check the fingers",
        ROBOT, page=11, heading=("Gripper alarms",), kind=ChunkKind.TABLE, section=4,
    ),
    chunk(
        "belt-1",
        "The belt drives the fan and the pump.\nTo replace the belt:\n1. Switch the main switch off and lock it.\n"
        "2. Remove the belt guard (4 screws, see Fig. 2).\n3. Slacken the motor bolts.",
        page=21, heading=("5 Maintenance", "5.3 Replacing the drive belt"), kind=ChunkKind.PROCEDURE, section=7,
    ),
    chunk(
        "belt-2",
        "4. Take the old belt off and fit the new one.\n5. Tension the belt to 45 N and tighten the bolts with 30 Nm.\n6. Refit the guard.",
        page=22, heading=("5 Maintenance", "5.3 Replacing the drive belt"), kind=ChunkKind.PROCEDURE, section=7,
    ),
    chunk(
        "specs",
        "Item | Value | Unit\nRated pressure | 210 | bar\nMotor power | 7.5 | kW\nOil volume of the tank | 120 | l\nWeight without oil | 1 850 | kg",
        page=5, heading=("2 Technical data",), kind=ChunkKind.TABLE, section=2,
    ),
    chunk(
        "bolts",
        "The flange carries eight M12 bolts. They are tightened crosswise. The tightening torque of the flange bolts is 85 Nm. "
        "See drawing No. 3 for their order.",
        page=18, heading=("4 Assembly", "4.2 Flange"), section=5,
    ),
    chunk(
        "plan",
        "Interval | Job | Who\nDaily | Check the oil level | Operator\nEvery 500 h | Replace the oil filter | Technician\n"
        "Every 2000 h | Change the hydraulic oil | Technician",
        page=20, heading=("5 Maintenance", "5.1 Schedule"), kind=ChunkKind.TABLE, section=6,
    ),
    chunk(
        "safety",
        "The guard door interlock stops the ram when the door opens. Never operate the press with the interlock bypassed. "
        "Test the interlock at the start of every shift: open the door and make sure that the ram stops.",
        page=3, heading=("1 Safety", "1.4 Interlocks"), section=1,
    ),
    chunk("ppe", "WARNING: Hot oil. Wear goggles and heat-resistant gloves when you change the hydraulic oil.", page=19,
          heading=("5 Maintenance",), kind=ChunkKind.WARNING, section=6),
    chunk(
        "scan", "The accumulator is charged with nitrogen to 90 bar.", page=30, heading=("6 Accumulator",), section=9, ocr=True,
    ),
    chunk(
        "leak", "Leaks at the cylinder have several reasons. It is usually the rod seal. The following causes are possible:\n"
        "• worn rod seal\n• scratched piston rod\n• loose gland nut",
        page=44, heading=("8 Faults", "8.4 Cylinder leaks"), section=13,
    ),
    chunk("zh-alarm", "报警号：E-51\n含义：料筒温度过高\n原因：热电偶松动\n处理：检查热电偶接线", ZH, page=33, heading=("报警一览",),
          kind=ChunkKind.TABLE, section=4),
    chunk("zh-mold", "更换模具的步骤如下：\n1. 关闭加热并等待料筒冷却。\n2. 用吊车吊住模具。\n3. 松开压板螺栓，取下模具。", ZH, page=15,
          heading=("模具", "更换模具"), kind=ChunkKind.PROCEDURE, section=2),
    chunk("zh-spec", "锁模力为1200千牛。料筒最高温度为350摄氏度。液压油的容量是180升。", ZH, page=6, heading=("技术参数",), section=1),
    chunk("zh-plan", "每周清洁一次过滤网。润滑油每6个月更换一次。", ZH, page=20, heading=("保养",), section=3),
    chunk("r1", "2024-03-01 | HP-200 | hydraulic pump | E-207\nSymptom: spindle hot after an hour\nCause: filter clogged\n"
          "Action: filter replaced", LOG, page=1, kind=ChunkKind.FAULT_REPORT, section=1),
    chunk("r2", "2024-05-12 | HP-200 | hydraulic pump\nSymptom: loud noise from the pump\nCause: air in the suction line\n"
          "Action: suction hose tightened", LOG, page=1, kind=ChunkKind.FAULT_REPORT, section=2),
    chunk("r3", "2023-11-20 | RX-7 Robot | gripper\nSymptom: part dropped\nAction: fingers replaced", LOG, page=1,
          kind=ChunkKind.FAULT_REPORT, section=3),
)  # fmt: skip

WARNINGS = (
    WarningNote(PRESS.document_id, 7, "CAUTION", "CAUTION: Sharp edges on the pulley.", 21, ("5.3",)),
    WarningNote(PRESS.document_id, 7, "DANGER", "DANGER! Moving parts. Lock out the main switch before you remove the guard.", 21, ("5.3",)),
    WarningNote(PRESS.document_id, 6, "WARNING", "WARNING: Hot oil. Wear goggles and heat-resistant gloves when you change the hydraulic oil.", 19, ("5",)),
    WarningNote(ZH.document_id, 2, "DANGER", "危险：模具可能坠落，严禁站在吊物下方。", 15, ("更换模具",)),
)  # fmt: skip

CODES = (
    CodeEntry(
        "E-207", (), "alarm list code press", "Spindle overheated", "e207", PRESS.document_id, 40, "HP-200", True
    ),
    CodeEntry("E-208", (), "alarm list code press", "Door open", "e208", PRESS.document_id, 40, "HP-200", True),
    CodeEntry(
        "301", (), "Alarms alarm", "Joint limit reached", "robot-alarms", ROBOT.document_id, 9, "RX-7 Robot", True
    ),
    CodeEntry(
        "302", (), "Alarms alarm", "Encoder battery low", "robot-alarms", ROBOT.document_id, 9, "RX-7 Robot", True
    ),
    CodeEntry(
        "303", (), "Alarms alarm", "Brake not released", "robot-alarms", ROBOT.document_id, 9, "RX-7 Robot", True
    ),
    CodeEntry(
        "301",
        (),
        "Gripper alarms alarm",
        "Gripper pressure low",
        "gripper-alarms",
        ROBOT.document_id,
        11,
        "RX-7 Robot",
        True,
    ),
    CodeEntry("E-51", (), "报警一览 报警号", "料筒温度过高", "zh-alarm", ZH.document_id, 33, ZH.machine, True),
)

REPORTS = (
    (FaultReport("1", "2024-03-01", "HP-200", "hydraulic pump", "E-207", "spindle hot after an hour", "filter clogged", "filter replaced",
                 downtime_hours=3.0), "r1"),
    (FaultReport("2", "2024-05-12", "HP-200", "hydraulic pump", None, "loud noise from the pump", "air in the suction line",
                 "suction hose tightened", downtime_hours=1.5), "r2"),
    (FaultReport("3", "2023-11-20", "RX-7 Robot", "gripper", None, "part dropped", None, "fingers replaced"), "r3"),
)  # fmt: skip


class FakeKnowledge:
    """An index over hand-made chunks; see `copilot.protocols.Knowledge`."""

    def __init__(
        self,
        chunks: Sequence[Chunk] = CHUNKS,
        warnings: Sequence[WarningNote] = WARNINGS,
        codes: Sequence[CodeEntry] = CODES,
        reports: Sequence[tuple[FaultReport, str]] = REPORTS,
    ) -> None:
        self.chunks = tuple(chunks)
        self._warnings = tuple(warnings)
        connection = sqlite3.connect(":memory:")
        create_code_schema(connection)
        insert_entries(connection, codes)
        create_schema(connection)
        insert_many(connection, LOG.document_id, reports)
        self._registry = CodeRegistry(connection)
        self.fault_reports = FaultReportTable(connection)
        self.manifest = Manifest(
            "v7", 1, "none", "", 0, "a", "c", {}, len(self.chunks), datetime(2024, 1, 1, tzinfo=UTC)
        )

    def chunk(self, chunk_id: str) -> Chunk | None:
        return next((found for found in self.chunks if found.id == chunk_id), None)

    def section(self, document_id: str, section: int) -> list[Chunk]:
        return [c for c in self.chunks if (c.source.document_id, c.section) == (document_id, section)]

    def warnings(self, document_id: str, section: int) -> list[WarningNote]:
        return [note for note in self._warnings if (note.document_id, note.section) == (document_id, section)]

    def lookup_codes(self, question: str, machine: str | None = None) -> list[CodeMatch]:
        return self._registry.lookup(question, machine)

    def suggest_codes(self, question: str, machine: str | None = None) -> list[tuple[str, str]]:
        return self._registry.suggest(question, machine)

    def openings(self) -> list[Opening]:
        manuals = [c for c in self.chunks if c.kind is not ChunkKind.FAULT_REPORT]
        first = {c.source.document_id: c for c in reversed(manuals)}
        return [Opening(c.source, c.heading, c.text) for _, c in sorted(first.items())]

    def machines(self) -> list[str]:
        named = {c.source.machine for c in self.chunks if c.source.machine}
        return sorted(named | set(self.fault_reports.machines()))


class WordRetriever:
    """Ranks chunks by the weight of the shared words; code hits first, the machine a hard filter."""

    def __init__(self, knowledge: FakeKnowledge) -> None:
        self._knowledge = knowledge

    def retrieve(self, understanding: Understanding, k: int) -> list[Hit]:
        hits = []
        for match in understanding.codes:
            found = self._knowledge.chunk(match.entry.chunk_id)
            if found is not None and all(found is not hit.chunk for hit in hits):
                hits.append(Hit(found, 10.0 - len(hits), len(hits) + 1, Stage.CODE))
        allowed = [c for c in self._knowledge.chunks if self._fits(c, understanding.machine)]
        bags = {c.id: set(tokens(" ".join((*c.heading, c.text)))) for c in allowed}
        scored = []
        for c in allowed:
            score = sum(
                math.log(1 + len(allowed) / (1 + sum(term in bag for bag in bags.values())))
                for term in question_tokens(understanding.text)
                if term in bags[c.id]
            )
            if score > 0 and all(c is not hit.chunk for hit in hits):
                scored.append((score, c))
        scored.sort(key=lambda entry: -entry[0])
        for score, c in scored[: max(0, k - len(hits))]:
            hits.append(Hit(c, score / 100, len(hits) + 1, Stage.FUSED))
        return hits[:k]

    @staticmethod
    def _fits(found: Chunk, machine: str | None) -> bool:
        if machine is None:
            return True
        if found.kind is ChunkKind.FAULT_REPORT:
            return fold(machine) in fold(found.text)
        return found.source.machine in (None, machine)


class WordEmbedder:
    """Hashed bag of stems, normalised: near texts share words."""

    name, weights_sha256, dimension, max_tokens = "words", "", 512, 256

    def embed_documents(self, texts: Sequence[str], progress: object = None) -> np.ndarray:
        out = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for token in question_tokens(text):
                out[row, sum(ord(c) * 31**i for i, c in enumerate(token[:12])) % self.dimension] += 1
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)

    def embed_questions(self, texts: Sequence[str]) -> np.ndarray:
        return self.embed_documents(texts)
