"""Questions with reference answers: two emanual_qa manuals, ohrbench, Chinese car questions, the sample plant."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.common import CACHE, need
from benchmarks.retrieval import ohrbench


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the reference answer, and where it stands (`page` is 1-based); `keywords` a right answer holds."""

    id: str
    text: str
    reference: str = ""
    document: str | None = None
    page: int | None = None
    section: str | None = None
    machine: str | None = None
    answerable: bool = True
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerSet:
    """Questions and the folder to index for them. `fill` puts the files there."""

    name: str
    title: str
    questions: Sequence[Asked]
    fill: Callable[[Path], None]

    def folder(self) -> Path:
        """The folder to index, filled anew."""
        folder = CACHE / "corpora" / f"answers_{self.name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.fill(folder)
        return folder


def _copying(files: Sequence[Path]) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        for file in files:
            shutil.copyfile(file, folder / file.name)

    return fill


def _lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def tv() -> AnswerSet:
    """213 paraphrased questions on a smart TV's manual, each with an answer written by a person."""
    rows = _lines(need("emanual_qa", "tv_qa_dev.jsonl"))
    asked = [
        Asked(f"tv{n}", str(r["question"]), str(r["answer"]), section=str(r["section"])) for n, r in enumerate(rows)
    ]
    return AnswerSet(
        "tv", "smart TV manual", asked, _copying([need("emanual_qa", "smart_tv_remote_manual_corpus.json")])
    )


def s10() -> AnswerSet:
    """50 questions on a telephone's manual, likewise."""
    with need("emanual_qa", "s10_50_questions.csv").open(encoding="utf-8", newline="") as file:
        asked = [
            Asked(f"s10-{r['question_id']}", r["question"], r["answer"], section=r["section_path"])
            for r in csv.DictReader(file)
        ]
    return AnswerSet("s10", "Galaxy S10 manual", asked, _copying([need("emanual_qa", "s10_manual_corpus.json")]))


def ohr() -> AnswerSet:
    """361 questions with short answers on 8 manuals, three of them read from PDF; gold pages count from 0 there."""
    rows = _lines(need("ohrbench", "qas_manual_dev.jsonl"))
    asked = [
        Asked(
            str(r["ID"]), str(r["questions"]), str(r["answers"]), document=str(r["doc_name"]).split("/")[-1],
            page=int(str(r["evidence_page_no"])) + 1,
        )
        for r in rows
    ]  # fmt: skip
    return AnswerSet("ohr", "ohrbench manuals", asked, _copying(ohrbench(True).files))


def plant() -> AnswerSet:
    """The sample plant's own 60 questions, 15 of them without an answer in it."""
    from copilot.sample_plant import plant_folder, questions_file

    asked = [
        Asked(
            str(r["id"]), str(r["question"]), document=str(r.get("document") or "") or None,
            page=int(str(r["page"])) if isinstance(r.get("page"), int) else None, machine=str(r.get("machine") or "") or None,
            answerable=bool(r["answerable"]), keywords=(str(r["expected"]),) if r.get("expected") else (),
        )
        for r in _lines(questions_file())
    ]  # fmt: skip
    return AnswerSet("plant", "sample plant", asked, lambda folder: _copy_tree(plant_folder(), folder))


def _copy_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)


def car() -> AnswerSet:
    """103 Chinese questions on a car's manual, each with the passages it was given: a folder per question."""
    gold = json.loads(need("carmanual_zh", "data", "gold_result.json").read_text(encoding="utf-8"))
    prompts = json.loads(need("carmanual_zh", "benchmark", "bench_data.json").read_text(encoding="utf-8"))
    asked = [
        Asked(
            f"q{n:03}", str(row["question"]), str(row["answer"]), machine=f"q{n:03}", keywords=tuple(row["keywords"]),
            answerable=bool(row["keywords"]),
        )
        for n, row in enumerate(gold)
    ]  # fmt: skip

    def fill(folder: Path) -> None:
        for n in range(len(gold)):
            own = folder / f"q{n:03}"
            own.mkdir()
            (own / "passages.txt").write_text(_passages(prompts[str(n)]), encoding="utf-8")

    return AnswerSet("car", "Chinese car manual (passages given)", asked, fill)


def _passages(prompt: str) -> str:
    """The passages of one of the set's prompts: what stands between the instructions and the question."""
    inside = prompt.split("用户手册:", 1)[-1].rsplit("问题:", 1)[0]
    return "\n\n".join(re.sub(r"^\s*\d+:\s*", "", line).strip() for line in inside.splitlines() if line.strip())


# The machines of the workshop questions and what is indexed for each, below the folder of the data.
_MACHINES: dict[str, dict[str, tuple[str, ...]]] = {
    "drives": {
        "DLC32": ("manual_pdfs/mks_laser/*.pdf",),
        "GE300": ("manuals_md/vfd_zh/docs/GE300-series-soft-start-manual/*.md",),
        "HY-inverter": ("manual_pdfs/huanyang_vfd/*.pdf",),
        "SERVO42C": ("manual_pdfs/mks_servo42c/*.pdf",),
        "SK600": ("manuals_md/vfd_zh/docs/SK600-Series-Universal-Variable-Frequency-Driver-User-Manual/*.md",),
        "SKR-mini": ("manual_pdfs/btt/BTT SKR MINI E3 V2.0 Instruction Manual.pdf",),
    },
    "robots": {
        "CR": ("error_codes/dobot/*.json",),
        "Dobot": ("manual_pdfs/dobot_zh/*.pdf",),
        "NEETS": ("manual_pdfs/neets_timken/neets_part_04.pdf",),
        "SERVO57D": ("manual_pdfs/mks_servo/*.pdf",),
        "xArm": ("error_codes/xarm/*.md", "error_codes/xarm/*.json"),
    },
    "firmware": {
        "Grbl": ("error_codes/grbl/*.csv", "error_codes/grbl/*.md"),
        "Klipper": ("manuals_md/klipper/*.md",),
        "LinuxCNC": tuple(
            f"manuals_md/linuxcnc/{part}/*.adoc" for part in ("gcode", "config", "integrator", "motion", "user", "plasma", "common")
        ),
        "Marlin": ("manuals_md/marlin/_gcode/*.md", "manuals_md/marlin/_features/*.md", "manuals_md/marlin/_hardware/*.md"),
        "Prusa": ("error_codes/yaml/*.yaml",),
    },
    "logs": {"": ("aviation_maintnet/*.csv",)},
    "fleet": {"": ("excavator_mwo/input/*.csv",), "Truck": ("fmea_qa/data/dataset/fmea_dataset_filled.csv",)},
}  # fmt: skip
WORKSHOP = {
    "workshop_plant": "sample plant",
    "workshop_drives": "drives and boards",
    "workshop_robots": "robots, servo, wiring manual",
    "workshop_firmware": "firmware of printers and machine tools",
    "workshop_logs": "problems and actions of aircraft, no dates",
    "workshop_fleet": "work orders of excavators, failures of a truck",
}


def workshop(name: str) -> AnswerSet:
    """Questions as they are asked on a shop floor, by other hands than the rules: some of them without an answer in what is indexed."""
    from copilot.sample_plant import plant_folder

    part = name.removeprefix("workshop_")
    rows = [row for row in _lines(Path(__file__).with_name("questions_workshop.jsonl")) if row["set"] == part]
    asked = [
        Asked(
            str(r["id"]), str(r["question"]), document=str(r.get("document") or "") or None,
            page=int(str(r["page"])) if isinstance(r.get("page"), int) else None, machine=str(r.get("machine") or "") or None,
            answerable=bool(r["answerable"]), keywords=(str(r["expected"]),) if r.get("expected") else (),
        )
        for r in rows
    ]  # fmt: skip
    if part == "plant":
        return AnswerSet(name, WORKSHOP[name], asked, lambda folder: _copy_tree(plant_folder(), folder))
    files = {machine: [f for g in globs for f in sorted(need(*g.split("/")[:-1]).glob(g.split("/")[-1]))]
             for machine, globs in _MACHINES[part].items()}  # fmt: skip

    def fill(folder: Path) -> None:
        for machine, mine in files.items():
            (folder / machine).mkdir(exist_ok=True)
            for file in mine:
                shutil.copyfile(file, folder / machine / file.name)

    return AnswerSet(name, WORKSHOP[name], asked, fill)


SETS: dict[str, Callable[[], AnswerSet]] = {
    "s10": s10, "tv": tv, "ohr": ohr, "plant": plant, "car": car,
    **{name: partial(workshop, name) for name in WORKSHOP},
}  # fmt: skip
