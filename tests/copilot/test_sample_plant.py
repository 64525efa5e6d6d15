"""The bundled sample plant: the files are there, real, and every question's page holds what it says it holds."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from copilot.sample_plant import plant_folder, questions_file

MACHINES = {"HP-200", "VM-5", "PK-3", "AC-75"}
KINDS = {"troubleshooting", "procedure", "specification", "safety", "maintenance", "history", "out_of_scope"}
PRESS = "HP-200/HP-200_operating_manual.pdf"
COMPRESSOR = "AC-75/AC-75_manual_zh.pdf"
SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def plain(text: str) -> str:
    """Lower case without any white space: line breaks of a page do not matter."""
    return re.sub(r"\s+", "", text).lower()


def pages_of(path: Path) -> list[str]:
    if path.suffix == ".pdf":
        pdf = pypdfium2.PdfDocument(path)
        texts = [page.get_textpage().get_text_range() for page in pdf]
        pdf.close()
        return texts
    if path.suffix == ".docx":
        with zipfile.ZipFile(path) as package:
            return [re.sub(r"<[^>]+>", " ", package.read("word/document.xml").decode("utf-8"))]
    if path.suffix == ".xlsx":
        import openpyxl

        book = openpyxl.load_workbook(path, read_only=True)
        return [" ".join(str(cell) for row in sheet.values for cell in row if cell is not None) for sheet in book]
    return [path.read_text(encoding="utf-8")]


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    folder = plant_folder()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): pages_of(path) for path in files}


@pytest.fixture(scope="module")
def questions() -> list[dict[str, Any]]:
    return [json.loads(line) for line in questions_file().read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def orders() -> list[dict[str, str]]:
    text = (plant_folder() / "fault_reports.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def test_four_machines_each_with_a_folder_and_all_small_enough(texts: dict[str, list[str]]) -> None:
    folders = {path.name for path in plant_folder().iterdir() if path.is_dir()}
    assert folders == MACHINES
    assert {Path(name).suffix for name in texts} == {".pdf", ".docx", ".xlsx", ".md", ".csv"}
    assert sum(path.stat().st_size for path in plant_folder().rglob("*") if path.is_file()) < 4_000_000


def test_manuals_are_long_enough_to_search_in(texts: dict[str, list[str]]) -> None:
    def words(name: str) -> int:
        return len(re.findall(r"[^\W_]+", " ".join(texts[name])))

    assert 18 <= len(texts[PRESS]) <= 30 and words(PRESS) > 3000
    assert words("VM-5/VM-5_machining_centre_manual.docx") > 3000
    assert words("PK-3/PK-3_manual.md") > 3000
    assert len(texts[COMPRESSOR]) >= 12
    assert len(re.findall(r"[\u4e00-\u9fff]", "".join(texts[COMPRESSOR]))) > 5000


def test_press_manual_has_an_outline_and_running_lines(texts: dict[str, list[str]]) -> None:
    pdf = pypdfium2.PdfDocument(plant_folder() / PRESS)
    outline = [(mark.get_title(), mark.level) for mark in pdf.get_toc()]
    assert ("8 Faults and alarms", 0) in outline
    assert ("7.6 Checking and charging the accumulator", 1) in outline
    for number, text in enumerate(texts[PRESS][1:-1], start=2):
        assert "HP2-OM-04 EN Rev D" in text
        assert f"Page {number}" in text


def test_one_procedure_runs_across_a_page_break(texts: dict[str, list[str]]) -> None:
    first = next(n for n, text in enumerate(texts[PRESS]) if "Select set-up mode with S15 and the setter key" in text)
    last = next(n for n, text in enumerate(texts[PRESS]) if "Retighten the upper clamp screws" in text)
    assert last == first + 1


def test_the_last_page_of_the_press_manual_is_an_image_without_text(texts: dict[str, list[str]]) -> None:
    empty = [n for n, text in enumerate(texts[PRESS], start=1) if not text.strip()]
    assert empty == [len(texts[PRESS])]
    page = pypdfium2.PdfDocument(plant_folder() / PRESS)[empty[0] - 1]
    pixels = page.render(scale=1).to_pil().convert("L")
    assert len(set(pixels.crop((100, 400, 400, 700)).tobytes())) > 5  # noisy paper, not a blank page


def test_chinese_manual_shows_its_characters_without_any_installed_font() -> None:
    data = (plant_folder() / COMPRESSOR).read_bytes()
    assert b"/FontFile2" in data
    assert "℃" not in "".join(pages_of(plant_folder() / COMPRESSOR))  # the font has no such glyph


def test_alarm_workbook_has_two_sheets_with_title_rows_above_the_header() -> None:
    import openpyxl

    book = openpyxl.load_workbook(plant_folder() / "VM-5/VM-5_alarm_list.xlsx")
    rows = {sheet.title: list(sheet.values) for sheet in book}
    assert list(rows) == ["Alarms", "Messages"]
    codes = [row[0] for sheet in rows.values() for row in sheet[4:]]
    assert all(sheet[3][0] in ("Alarm", "No.") for sheet in rows.values())
    assert len(codes) >= 60 and len(set(codes)) == len(codes)
    assert {"SERV-062", "AL.52.1", 204} <= set(codes)


def test_the_two_revisions_of_the_schedule_differ_in_one_value(texts: dict[str, list[str]]) -> None:
    old, new = (texts[f"PK-3/PK-3_maintenance_schedule_rev_{letter}.md"][0].splitlines() for letter in "AB")
    changed = [(a, b) for a, b in zip(old, new, strict=False) if a != b and a.startswith("|")]
    assert len(changed) == 1
    assert "750 h" in changed[0][0] and "400 h" in changed[0][1]


def test_questions_are_complete(questions: list[dict[str, Any]]) -> None:
    assert len(questions) == 60 == len({question["id"] for question in questions})
    assert sum(not question["answerable"] for question in questions) == 15
    assert sum(question["language"] == "zh" and question["answerable"] for question in questions) >= 12
    assert {question["kind"] for question in questions} == KINDS
    assert {question.get("machine") for question in questions} == MACHINES | {None}


def test_every_expected_string_stands_on_its_page(questions: list[dict[str, Any]], texts: dict[str, list[str]]) -> None:
    for question in questions:
        if question["answerable"]:
            page = texts[question["document"]][question["page"] - 1]
            assert plain(question["expected"]) in plain(page), question


def test_what_must_not_be_answered_stands_nowhere(questions: list[dict[str, Any]], texts: dict[str, list[str]]) -> None:
    everything = " ".join(page for pages in texts.values() for page in pages).lower()
    for question in questions:
        for absent in question.get("must_not", ()):
            pattern = rf"(?<![a-z0-9.]){re.escape(absent.lower())}(?![a-z0-9]|[.]\d)"
            assert not re.search(pattern, everything), question


def test_work_orders_look_like_an_export(orders: list[dict[str, str]]) -> None:
    assert len(orders) >= 450
    assert {order["Machine"] for order in orders} == MACHINES
    numbers = [int(order["Order No"]) for order in orders]
    assert numbers == sorted(set(numbers))
    dates = [date.fromisoformat(order["Date"]) for order in orders]
    assert dates == sorted(dates) and (dates[-1] - dates[0]).days > 900
    assert all(float(order["Downtime h"]) > 0 and float(order["Cost EUR"]) > 0 for order in orders)
    chinese = [order for order in orders if re.search(r"[\u4e00-\u9fff]", order["Short Text"])]
    assert len(chinese) >= 50 and {order["Machine"] for order in chinese} == {"AC-75"}


def test_few_failure_modes_dominate_and_one_is_rising(orders: list[dict[str, str]]) -> None:
    modes = Counter((order["Machine"], order["Component"]) for order in orders)
    top = sum(count for _, count in modes.most_common(len(modes) // 4))
    assert top > 0.45 * len(orders)
    nozzle = Counter(order["Date"][:4] for order in orders if order["Component"] == "glue nozzle")
    assert nozzle["2022"] < nozzle["2023"] < nozzle["2024"]
    texts = Counter(order["Short Text"].lower() for order in orders)
    assert texts.most_common(1)[0][1] <= 12  # wording varies


@pytest.fixture
def generator() -> Iterator[Any]:
    if not SCRIPTS.is_dir():
        pytest.skip("the generator comes with a checkout only")
    sys.path.insert(0, str(SCRIPTS))
    try:
        from sample_plant import office_kit, reports

        yield (office_kit, reports)
    finally:
        sys.path.remove(str(SCRIPTS))


def test_generator_writes_the_same_bytes_again(generator: Any, tmp_path: Path) -> None:
    office_kit, reports = generator
    reports.write_reports(tmp_path, seed=20240301)
    office_kit.write_alarms(tmp_path / "alarms.xlsx")
    assert (tmp_path / "fault_reports.csv").read_bytes() == (plant_folder() / "fault_reports.csv").read_bytes()
    first = (tmp_path / "alarms.xlsx").read_bytes()
    office_kit.write_alarms(tmp_path / "alarms.xlsx")
    assert (tmp_path / "alarms.xlsx").read_bytes() == first
