"""What a build hears of each file: the page it is at, in this process and from workers, and what became of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from copilot.sample_plant import plant_folder
from indexer import worker
from indexer.build import BuildSettings, build
from indexer.extract import ExtractSettings
from indexer.home import Home
from indexer.model_folder import DEFAULT_MODEL
from indexer.worker import FileState, FileStep, Job, extract_all
from tests.fakes import HashingEmbedder

MANUAL = plant_folder() / "HP-200/HP-200_operating_manual.pdf"


def jobs(*paths: Path) -> list[Job]:
    settings = ExtractSettings(ocr=False)
    return [Job(path, path.name, None, None, DEFAULT_MODEL, settings.chunk.max_tokens, settings) for path in paths]


def test_pages_are_told_in_this_process(monkeypatch):
    monkeypatch.setattr(worker, "_TELL_EVERY_S", 0.0)
    told: list[FileStep] = []
    ((_, outcome),) = extract_all(jobs(MANUAL), 1, told.append)
    assert outcome.report.pages == 20
    assert [step.page for step in told] == list(range(21)) and told[-1].pages == 20
    assert {step.state for step in told} == {FileState.READING} and told[0].pages == 0


@pytest.mark.slow
def test_pages_are_told_by_workers_and_a_file_that_cannot_be_read_stops_none(tmp_path):
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 nothing more" + bytes(1_000_000))  # large enough for workers to be started
    shutil.copyfile(MANUAL, tmp_path / "manual.pdf")
    told: list[FileStep] = []
    outcomes = {
        job.document_id: found for job, found in extract_all(jobs(broken, tmp_path / "manual.pdf"), 2, told.append)
    }
    assert {name: type(found).__name__ for name, found in outcomes.items()} == {
        "broken.pdf": "ReadError", "manual.pdf": "Extracted",
    }  # fmt: skip
    assert {step.document_id for step in told} == {"broken.pdf", "manual.pdf"}
    assert any(step.pages == 20 for step in told if step.document_id == "manual.pdf")


def test_a_build_tells_what_became_of_each_file(tmp_path):
    folder = tmp_path / "plant"
    folder.mkdir()
    (folder / "one.md").write_text("# Splicer\n\nThe splicer tension is 31 N.\n", encoding="utf-8")
    (folder / "two.pdf").write_bytes(b"%PDF-1.7 nothing more")
    told: list[FileStep] = []
    settings = BuildSettings(model=DEFAULT_MODEL, workers=1)
    build(Home(tmp_path / "home"), [folder], HashingEmbedder(), settings, files=told.append)
    last = {step.document_id: step for step in told}
    assert (last["one.md"].state, last["one.md"].pages) == (FileState.READ, 1)
    assert last["two.pdf"].state is FileState.LEFT_OUT and "damaged" in last["two.pdf"].reason
