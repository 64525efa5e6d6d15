"""Writes the maintenance system's export: three years of work orders, drawn from the failure modes with a seed."""

from __future__ import annotations

import csv
import io
import math
import random
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from . import report_modes, report_modes_zh

FILE = "fault_reports.csv"
HEADER = (
    "Order No", "Date", "Functional Location", "Machine", "Component", "Alarm Code", "Short Text", "Cause", "Action Taken",
    "Downtime h", "Cost EUR", "Technician ID",
)  # fmt: skip
START, YEARS = date(2022, 1, 3), 3
PLACES = {"HP-200": "PRS-10", "VM-5": "MCH-20", "PK-3": "PCK-30", "AC-75": "UTL-40"}
CREWS = {"HP-200": ("T104", "T117", "T121"), "VM-5": ("T109", "T121", "T133"), "PK-3": ("T102", "T128"),
         "AC-75": ("T140", "T142")}  # fmt: skip
# what stands after the report as people type it at the terminal; most add nothing
REMARKS = (
    "",
    "",
    "",
    "",
    "",
    "",
    " - pls check",
    ", line stopped",
    " (night shift)",
    ", 2nd time",
    " asap",
    ", see photo",
)
REMARKS_ZH = ("", "", "", "", "，请检修", "，影响生产", "（夜班）", "，上周也有过")


@dataclass(frozen=True, slots=True)
class Mode:
    """One failure mode and the words written about it."""

    machine: str
    component: str
    code: str
    per_year: float
    trend: float
    downtime: float
    cost: float
    symptoms: tuple[str, ...]
    causes: tuple[str, ...]
    actions: tuple[str, ...]
    fits: tuple[str, ...]


def modes(text: str) -> list[Mode]:
    """Parse the failure modes written in the format of `report_modes`."""
    found = []
    for block in text.strip().split("\n= "):
        head, *lines = block.removeprefix("= ").splitlines()
        machine, component, code, *numbers = (part.strip() for part in head.split("|"))
        words = {line[0]: tuple(part.strip() for part in line[2:].split("|")) for line in lines if line.strip()}
        found.append(Mode(machine, component, code, *(float(n) for n in numbers), words["s"], words["c"], words["a"],
                          tuple(words["f"][0].split())))  # fmt: skip
    return found


def _mistype(text: str, rng: random.Random) -> str:
    """Swap, drop or double one letter of a longer word, now and then; codes and numbers stay as they are."""
    words = text.split(" ")
    places = [i for i, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    if not places or rng.random() > 0.14:
        return text
    i = rng.choice(places)
    word, at = words[i], rng.randrange(1, len(words[i]) - 2)
    kind = rng.randrange(3)
    if kind == 0:
        words[i] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    else:
        words[i] = word[:at] + word[at] * (2 if kind == 1 else 0) + word[at + 1 :]
    return " ".join(words)


def _typed(text: str, rng: random.Random) -> str:
    text = _mistype(text, rng)
    chance = rng.random()
    if chance < 0.12:
        return text.upper()
    return text[:1].upper() + text[1:] if chance < 0.4 else text


def _skewed(median: float, rng: random.Random, spread: float = 0.55) -> float:
    return median * math.exp(rng.gauss(0.0, spread))


def generate(seed: int) -> list[tuple[str, ...]]:
    """Return the rows in order of date, without the header."""
    rng = random.Random(seed)
    drafts: list[tuple[date, Mode]] = []
    for mode in (*modes(report_modes.MODES), *modes(report_modes_zh.MODES)):
        for year in range(YEARS):
            growth = 1.0 + (mode.trend - 1.0) * year / (YEARS - 1)
            expected = mode.per_year * growth
            count = (
                max(1, round(rng.gauss(expected, 0.12 * expected))) if expected >= 1.3 else int(rng.random() < expected)
            )
            for _ in range(count):
                day = rng.randrange(364)
                if ("01" in mode.code[-2:] and mode.machine == "AC-75") or mode.code in ("E-221", "SPDL-014"):
                    day = min(363, max(0, round(rng.gauss(200, 38))))  # heat faults crowd in summer
                when = START + timedelta(days=365 * year + day)
                if when.weekday() == 6:
                    when += timedelta(days=1)
                drafts.append((when, mode))
    drafts.sort(key=lambda draft: (draft[0], draft[1].machine, draft[1].component))
    rows = []
    order = 4000217
    for when, mode in drafts:
        order += rng.randrange(1, 9)
        chinese = mode.machine == "AC-75"
        symptom = rng.choice(mode.symptoms)
        symptom = symptom + rng.choice(REMARKS_ZH) if chinese else _typed(symptom + rng.choice(REMARKS), rng)
        number = rng.randrange(len(mode.causes))
        cause = "" if rng.random() < 0.18 else mode.causes[number]
        fitting = [a for a, f in zip(mode.actions, mode.fits, strict=True) if f == "-" or str(number) in f]
        action = rng.choice(fitting or mode.actions)
        downtime = max(0.1, round(_skewed(mode.downtime, rng), 1))
        cost = round(_skewed(mode.cost, rng, 0.4), 2)
        rows.append(
            (
                str(order),
                when.isoformat(),
                f"{PLACES[mode.machine]}-{mode.machine}",
                mode.machine,
                mode.component,
                "" if rng.random() < 0.08 else mode.code,
                symptom,
                cause if chinese else _mistype(cause, rng),
                action if chinese else _typed(action, rng),
                f"{downtime:.1f}",
                f"{cost:.2f}",
                rng.choice(CREWS[mode.machine]),
            )
        )
    return rows


def write_reports(folder: Path, *, seed: int) -> int:
    """Write the export as UTF-8 CSV and return the number of work orders."""
    rows = generate(seed)
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(rows)
    (folder / FILE).write_text(target.getvalue(), encoding="utf-8", newline="")
    return len(rows)
