"""build(): what is new, changed, renamed and deleted is followed; a crash at any moment leaves yesterday's index answering."""

import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from indexer import build as build_module
from indexer.build import BuildSettings, build
from indexer.chunk import ChunkSettings
from indexer.errors import BuildError, BusyError, IndexerError, MismatchError, NoIndexError, StoreError
from indexer.extract import ExtractSettings
from indexer.home import Home
from indexer.store import Index
from indexer.types import ChunkKind, DocumentKind
from tests.fakes import HashingEmbedder

SETTINGS = BuildSettings("all-MiniLM-L6-v2", workers=1, window=8)

MANUAL = """# Press manual

## Safety

WARNING: Never reach under the ram.

## Change the oil

WARNING: Hot oil burns.

1. Stop the pump.
2. Drain the oil at valve V3.
3. Fill 12 litres of HLP 46.

## Alarms

| Code | Meaning | Remedy |
|---|---|---|
| E-201 | Oil too hot | Clean the cooler |
| E-202 | Oil level low | Fill up |
"""
REPORTS = """Order,Date,Machine,Description,Cause,Action,Downtime (h)
1001,2024-03-01,HP-200,Oil too hot again,cooler dirty,cleaned cooler,1.5
1002,2024-04-07,HP-200,Ram drifts down,valve worn,replaced valve V7,4
1003,2024-05-11,VM-5,Spindle noisy,bearing worn,replaced bearing,16
1004,2024-05-12,VM-5,Coolant leaks,hose cracked,new hose,0.5
1005,2024-06-02,HP-200,Pump noisy,air in suction line,tightened flange,2
"""


@pytest.fixture
def plant(tmp_path):
    folder = tmp_path / "plant"
    (folder / "HP-200").mkdir(parents=True)
    (folder / "HP-200" / "manual.md").write_text(MANUAL, encoding="utf-8")
    (folder / "reports.csv").write_text(REPORTS, encoding="utf-8")
    (folder / '说明 书\'s "quoted" ..notes.txt').write_text("主轴温度过高时检查冷却液。\n", encoding="utf-8")
    return folder


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


class CountingEmbedder(HashingEmbedder):
    """Counts the texts it is given."""

    def __init__(self):
        super().__init__()
        self.texts = []

    def embed_documents(self, texts, progress=None):
        self.texts.extend(texts)
        return super().embed_documents(texts, progress)


def run(home, *paths, embedder=None, settings=SETTINGS, **options):
    return build(home, list(paths), embedder or HashingEmbedder(), settings, **options)


def ids(home):
    with Index.open(home) as index:
        return {record.document_id for record in index.documents()}


def test_first_build_reads_everything(home, plant):
    result = run(home, plant)
    assert result.published and not result.quarantined
    assert set(result.added) == ids(home) == {"HP-200/manual.md", "reports.csv", '说明 书\'s "quoted" ..notes.txt'}
    with Index.open(home) as index:
        assert index.machines() == ["HP-200", "VM-5"]
        assert index.lookup_codes("e201")[0].entry.title == "Oil too hot"
        assert [n.signal for n in index.warnings("HP-200/manual.md", index.chunks_at([1])[0].section)]
        assert index.fault_reports.count("machine")[0][:2] == ("HP-200", 3)
        kinds = {record.document_id: record.kind for record in index.documents()}
        assert kinds["reports.csv"] is DocumentKind.FAULT_REPORT
        originals = {p.name for p in home.documents_folder.iterdir()}
        assert {r.sha256 + Path(r.path).suffix for r in index.documents()} == originals


def test_unchanged_files_cost_nothing(home, plant):
    first = run(home, plant)
    embedder = CountingEmbedder()
    second = run(home, plant, embedder=embedder)
    assert (second.published, second.version, second.unchanged, embedder.texts) == (False, first.version, 3, [])


def test_a_touched_file_is_not_read_again(home, plant):
    run(home, plant)
    os.utime(plant / "HP-200" / "manual.md", (1, 1))
    embedder = CountingEmbedder()
    result = run(home, plant, embedder=embedder)
    assert result.changed == () and embedder.texts == []


def test_a_changed_file_embeds_only_its_new_chunks(home, plant):
    run(home, plant)
    (plant / "HP-200" / "manual.md").write_text(MANUAL.replace("12 litres", "14 litres"), encoding="utf-8")
    embedder = CountingEmbedder()
    result = run(home, plant, embedder=embedder)
    assert result.changed == ("HP-200/manual.md",)
    assert len(embedder.texts) == 1 and "14 litres" in embedder.texts[0]
    with Index.open(home) as index:
        texts = [c.text for c in index.chunks_at(range(index.manifest.chunk_count))]
    assert any("14 litres" in t for t in texts) and not any("12 litres" in t for t in texts)


def test_positions_and_vectors_stay_in_step_after_many_changes(home, plant):
    run(home, plant)
    (plant / "new.md").write_text("# New\n\nA new page about conveyors.\n", encoding="utf-8")
    run(home, plant)
    (plant / "HP-200" / "manual.md").unlink()
    run(home, plant)
    embedder = HashingEmbedder()
    with Index.open(home) as index:
        from indexer.chunk import embedding_text

        count = index.manifest.chunk_count
        chunks = index.chunks_at(range(count))
        assert len(chunks) == count
        expected = embedder.embed_documents([embedding_text(c) for c in chunks])
        assert np.allclose(index.vectors.vectors(np.arange(count)), expected, atol=1e-3)
        for position, chunk in enumerate(chunks):
            assert index.lexical.search(embedding_text(chunk), count)[0][1] > 0
            assert position in [p for p, _ in index.lexical.search(embedding_text(chunk), count)]


def test_renamed_files_are_followed_without_reading(home, plant):
    run(home, plant)
    (plant / "HP-200" / "manual.md").rename(plant / "HP-200" / "handbook.md")
    embedder = CountingEmbedder()
    result = run(home, plant, embedder=embedder)
    assert result.renamed == (("HP-200/manual.md", "HP-200/handbook.md"),)
    assert embedder.texts == [] and "HP-200/manual.md" not in ids(home)
    with Index.open(home) as index:
        assert index.lookup_codes("E-201")[0].entry.document_id == "HP-200/handbook.md"


def test_a_deleted_document_can_never_be_found_again(home, plant):
    run(home, plant)
    (plant / "HP-200" / "manual.md").unlink()
    result = run(home, plant)
    assert result.removed == ("HP-200/manual.md",)
    with Index.open(home) as index:
        assert index.lookup_codes("E-201") == []
        texts = [c.text for c in index.chunks_at(range(index.manifest.chunk_count))]
        assert not any("valve V3" in text for text in texts)
        assert index.lexical.search("drain the oil at valve V3", 50) == [] or all(
            "V3" not in index.chunks_at([p])[0].text for p, _ in index.lexical.search("V3", 50)
        )


def test_removed_by_hand_stays_out_until_indexed_by_name(home, plant):
    run(home, plant)
    run(home, remove=["HP-200/manual.md"])
    assert "HP-200/manual.md" not in ids(home)
    run(home, plant)
    assert "HP-200/manual.md" not in ids(home)
    run(home, plant / "HP-200" / "manual.md")
    assert "manual.md" in {Path(d).name for d in ids(home)}
    with pytest.raises(IndexerError, match=r"No document 'nope\.pdf'.*copilot documents"):
        run(home, remove=["nope.pdf"])


def test_two_folders_with_the_same_names_stay_apart(home, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manual.md").write_text(f"# {name}\n\nText of {name}.\n")
    run(home, tmp_path / "a", tmp_path / "b")
    assert ids(home) == {"manual.md", "b/manual.md"}


def test_machine_filter_keeps_documents_of_no_machine(home, plant):
    run(home, plant)
    with Index.open(home) as index:
        chunks = index.chunks_at(index.allowed("VM-5"))
        assert {c.source.machine for c in chunks} == {"VM-5", None}
        assert {c.kind for c in index.chunks_at(index.allowed(None, [ChunkKind.WARNING]))} <= {ChunkKind.WARNING}


def test_bad_files_are_quarantined_and_nothing_else_is_lost(home, plant):
    (plant / "empty.pdf").touch()
    (plant / "broken.pdf").write_bytes(b"%PDF-1.7\n" + os.urandom(400))
    (plant / "broken.docx").write_bytes(b"PK\x03\x04" + os.urandom(300))
    (plant / "loop").symlink_to(plant)
    (plant / "dangling.md").symlink_to(plant / "nowhere.md")
    result = run(home, plant)
    assert {q.document_id for q in result.quarantined} == {"empty.pdf", "broken.pdf", "broken.docx", "dangling.md"}
    assert all(q.reason and "\n" not in q.reason for q in result.quarantined)
    assert len(ids(home)) == 3
    with Index.open(home) as index:
        assert {name for name, _ in index.quarantine()} == {q.document_id for q in result.quarantined}
    again = run(home, plant)
    assert not again.published and len(again.quarantined) == 4


def test_a_file_that_turns_bad_keeps_its_earlier_text(home, plant):
    run(home, plant)
    (plant / "HP-200" / "manual.md").write_bytes(b"\x00\x01\x02" * 200)
    result = run(home, plant)
    assert [q.document_id for q in result.quarantined] == ["HP-200/manual.md"]
    assert "still answers" in result.quarantined[0].reason
    with Index.open(home) as index:
        assert index.lookup_codes("E-201")


def test_a_folder_that_is_away_keeps_its_documents(home, plant, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.md").write_text("# X\n\nText about pumps.\n")
    run(home, plant, other)
    shutil.move(other, tmp_path / "unplugged")
    result = run(home, plant)
    assert result.unreachable == (str(other),) and "x.md" in ids(home)
    with pytest.raises(IndexerError, match="does not exist"):
        run(home, other)


def test_a_file_that_vanishes_midway_is_named(home, plant, monkeypatch):
    original = build_module.content_sha256

    def vanish(path):
        digest = original(path)
        if path.name == "manual.md":
            path.unlink()
        return digest

    monkeypatch.setattr(build_module, "content_sha256", vanish)
    result = run(home, plant)
    assert [q.document_id for q in result.quarantined] == ["HP-200/manual.md"]
    assert "vanished" in result.quarantined[0].reason and len(ids(home)) == 2


def test_generations_are_kept_and_rolled_back(home, plant):
    versions = [run(home, plant).version]
    for n in range(4):
        (plant / "note.md").write_text(f"# Note\n\nNumber {n}.\n")
        versions.append(run(home, plant).version)
    assert home.versions() == versions[-3:]
    assert home.rollback() == versions[-2]
    with Index.open(home) as index:
        assert any("Number 2." in c.text for c in index.chunks_at(range(index.manifest.chunk_count)))
    home.rollback()
    with pytest.raises(StoreError, match="no earlier generation"):
        home.rollback()


def test_another_embedder_is_refused_with_the_remedy(home, plant):
    run(home, plant)
    with pytest.raises(MismatchError, match=r"embedder.*--rebuild"):
        Index.open(home, "other-model")
    other = HashingEmbedder()
    other.name = "other-model"
    with pytest.raises(MismatchError, match="--rebuild"):
        run(home, plant, embedder=other)
    assert run(home, embedder=other, rebuild=True).published
    with Index.open(home, "other-model") as index:
        assert index.manifest.chunk_count
    small = BuildSettings("all-MiniLM-L6-v2", ExtractSettings(ChunkSettings(max_tokens=128)), workers=1)
    with pytest.raises(MismatchError, match="chunker"):
        run(home, plant, embedder=other, settings=small)


def test_one_writer_at_a_time_and_readers_undisturbed(home, plant):
    run(home, plant)
    with home.writer(), pytest.raises(BusyError, match="Another process is indexing"):
        run(home, plant)
    with Index.open(home) as index:
        (plant / "note.md").write_text("# Note\n\nText.\n")
        for n in range(4):
            (plant / "note.md").write_text(f"# Note\n\nText {n}.\n")
            run(home, plant)
        assert index.lookup_codes("E-201") and index.vectors.search(HashingEmbedder().embed_questions(["oil"]), 3)


@pytest.mark.parametrize("name", ["index.sqlite", "vectors.faiss", "positions.npy", "manifest.json", "machines.npy"])
def test_a_damaged_generation_is_named_with_the_remedy(home, plant, name):
    first = run(home, plant).version
    (plant / "note.md").write_text("# Note\n\nText.\n")
    second = run(home, plant).version
    (home.generation(second) / name).write_bytes(b"damaged")
    with pytest.raises(StoreError, match=r"--r"):
        Index.open(home)
    with pytest.raises(StoreError, match=r"--r"):
        run(home, plant)
    assert home.rollback() == first
    with Index.open(home) as index:
        assert index.lookup_codes("E-201")
    assert run(home, rebuild=True).published and len(ids(home)) == 4


def test_a_damaged_pointer_is_named(home, plant):
    version = run(home, plant).version
    (home.index_folder / "CURRENT").write_text("garbage\n")
    with pytest.raises(StoreError, match=r"garbage.*rollback"):
        Index.open(home)
    assert home.rollback() == version and len(ids(home)) == 3


def test_no_index_yet(home):
    with pytest.raises(NoIndexError, match="copilot index"):
        Index.open(home)


def test_a_full_disk_stops_with_one_line_and_the_old_index_answers(home, plant, monkeypatch):
    version = run(home, plant).version
    (plant / "note.md").write_text("# Note\n\nText.\n")

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("indexer.generation.np.save", full)
    with pytest.raises(BuildError, match=r"disk is full.*still answers"):
        run(home, plant)
    with Index.open(home) as index:
        assert index.manifest.version == version
    monkeypatch.undo()
    assert run(home, plant).added == ("note.md",)


def test_sqlite_reports_a_full_disk_the_same_way(home, plant, monkeypatch):
    run(home, plant)
    (plant / "note.md").write_text("# Note\n\nText.\n")

    def full(*_args, **_kwargs):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("indexer.generation.code_registry.insert_entries", full)
    with pytest.raises(BuildError, match="disk is full"):
        run(home, plant)


def test_a_failing_self_test_is_not_published(home, plant, monkeypatch):
    version = run(home, plant).version
    (plant / "note.md").write_text("# Note\n\nText.\n")
    original = build_module.Draft.write_vectors

    def wrong(self, *args):
        embedded = original(self, *args)
        np.save(self._folder / "lengths.npy", np.zeros(1, np.int32))
        return embedded

    monkeypatch.setattr(build_module.Draft, "write_vectors", wrong)
    with pytest.raises(BuildError, match="self-test"):
        run(home, plant)
    assert home.current_version() == version


def test_a_mapping_settles_unknown_columns(home, tmp_path):
    (tmp_path / "log.csv").write_text("k1;k2;k3\n2024-01-02;Press 1;Ram stuck after start, oiled guide\n" * 3)
    columns = {"date": "k1", "machine": "k2", "symptom": "k3"}
    settings = BuildSettings("all-MiniLM-L6-v2", ExtractSettings(columns=columns), workers=1)
    run(home, tmp_path / "log.csv", kind=DocumentKind.FAULT_REPORT, settings=settings)
    with Index.open(home) as index:
        assert index.fault_reports.count("machine")[0][:2] == ("Press 1", 3)


KILLED = """
import sys, time
from pathlib import Path
from indexer.build import BuildSettings, build
from indexer.home import Home
from tests.fakes import HashingEmbedder

class Slow(HashingEmbedder):
    def embed_documents(self, texts, progress=None):
        time.sleep(0.05)
        print("window", flush=True)
        return super().embed_documents(texts, progress)

build(Home(Path(sys.argv[1])), [Path(sys.argv[2])], Slow(), BuildSettings("all-MiniLM-L6-v2", workers=1, window=4))
print("done", flush=True)
"""


@pytest.mark.parametrize("windows", [0, 3, 7])
def test_killed_at_any_moment_the_old_index_answers_and_the_next_run_resumes(home, plant, windows):
    version = run(home, plant).version
    for n in range(30):
        (plant / f"page{n}.md").write_text(f"# Page {n}\n\nText number {n} about conveyor belts.\n")
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(home.folder), str(plant)], stdout=subprocess.PIPE, text=True, cwd=root
    )
    for _ in range(windows):
        assert process.stdout.readline() == "window\n"
    if windows == 0:
        time.sleep(0.4)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with Index.open(home) as index:
        assert index.manifest.version == version and index.lookup_codes("E-201")
    embedder = CountingEmbedder()
    result = run(home, plant, embedder=embedder)
    assert len(result.added) == 30 and len(ids(home)) == 33
    assert len(embedder.texts) <= 30 - 4 * max(0, windows - 1)
    assert not home.staging_folder.exists()
