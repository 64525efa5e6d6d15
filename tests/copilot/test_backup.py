"""Backups: a snapshot taken while others write, a home made out of one, and archives that must not be restored."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import threading
import zipfile

import pytest

from copilot import backup as backups
from copilot.backup import BackupError, backup, read_manifest, restore
from copilot.cli import run
from indexer.errors import BusyError
from indexer.home import Home


@pytest.fixture
def home(tmp_path):
    """A small home: pointers, a generation, older ones, a journal with a torn line, a database, caches, locks."""
    folder = tmp_path / "home"
    for name, text in {
        "copilot.toml": "[copilot]\n",
        "index/CURRENT": "v2\n",
        "index/v2/manifest.json": '{"schema": 3}',
        "index/v2/index.sqlite": "the index",
        "index/v1/manifest.json": '{"schema": 3}',
        "index/writer.lock": "",
        "index/staging/half": "half",
        "documents/ab12.pdf": "%PDF",
        "models/router/CURRENT": "v0001\nshipped\n",
        "models/router/v0001/card.json": "{}",
        "models/router/staging-1-2/x": "x",
        "feedback/feedback.jsonl": '{"a": 1}\n{"b": 2}\n{"torn',
        "feedback/salt": "salt",
        "feedback/lock": "",
        "cache/encoder/graph": "made again",
        "demo/index/CURRENT": "v9",
        "gaps.jsonl": "",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with sqlite3.connect(folder / "audit.sqlite") as base:
        base.execute("create table t (x)")
        base.execute("insert into t values (7)")
    return folder


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_what_is_in_a_backup(home, tmp_path):
    made = backup(home, tmp_path / "b.zip")
    manifest = read_manifest(made.path)
    assert sorted(manifest["files"]) == [
        "audit.sqlite", "copilot.toml", "documents/ab12.pdf", "feedback/feedback.jsonl", "feedback/salt", "gaps.jsonl",
        "index/CURRENT", "index/v2/index.sqlite", "index/v2/manifest.json", "models/router/CURRENT",
        "models/router/v0001/card.json",
    ]  # fmt: skip
    assert (made.files, made.index_version) == (11, "v2")
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600 or os.name == "nt"
    assert not [entry for entry in home.iterdir() if entry.name.startswith("backup-")]


def test_a_restored_home_is_the_one_backed_up(home, tmp_path):
    made = backup(home, tmp_path / "b.zip")
    restore(made.path, tmp_path / "other" / "place")
    found = content(tmp_path / "other" / "place")
    assert found["feedback/feedback.jsonl"] == b'{"a": 1}\n{"b": 2}\n'  # without the torn line
    for name in ("copilot.toml", "documents/ab12.pdf", "index/CURRENT", "index/v2/index.sqlite", "feedback/salt"):
        assert found[name] == (home / name).read_bytes()
    with sqlite3.connect(tmp_path / "other" / "place" / "audit.sqlite") as base:
        assert base.execute("select x from t").fetchall() == [(7,)]
    assert sorted(found) == sorted(read_manifest(made.path)["files"])


def test_a_home_that_holds_something_is_replaced_only_by_force(home, tmp_path):
    made = backup(home, tmp_path / "b.zip")
    other = tmp_path / "other"
    for name in ("index/CURRENT", "documents/old.pdf", "cache/encoder/graph"):
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_text("old")
    before = content(other)
    with pytest.raises(BackupError, match="--force"):
        restore(made.path, other)
    assert content(other) == before
    restore(made.path, other, force=True)
    after = content(other)
    assert "documents/old.pdf" not in after and after["index/CURRENT"] == b"v2\n"
    assert after["cache/encoder/graph"] == b"old"  # caches are kept
    assert sorted(entry.name for entry in other.iterdir()) == [
        "audit.sqlite", "cache", "copilot.toml", "documents", "feedback", "gaps.jsonl", "index", "models",
    ]  # fmt: skip


def test_a_home_with_nothing_but_caches_counts_as_empty(home, tmp_path):
    made = backup(home, tmp_path / "b.zip")
    (tmp_path / "other" / "cache").mkdir(parents=True)
    (tmp_path / "other" / "cache" / "x").write_text("x")
    restore(made.path, tmp_path / "other")
    assert content(tmp_path / "other")["index/CURRENT"] == b"v2\n"


def test_what_cannot_be_moved_is_moved_back(home, tmp_path, monkeypatch):
    made = backup(home, tmp_path / "b.zip")
    before = content(home)
    move, count = backups._move, iter(range(100))

    def failing(source, target, moved):
        if next(count) == 8:
            raise PermissionError(13, "Permission denied")
        move(source, target, moved)

    monkeypatch.setattr(backups, "_move", failing)
    with pytest.raises(BackupError, match="Permission denied"):
        restore(made.path, home, force=True)
    assert content(home) == before


def test_nobody_may_be_indexing(home, tmp_path):
    made = backup(home, tmp_path / "b.zip")
    with Home(home).writer():
        backup(home, tmp_path / "during.zip")  # a backup may be made meanwhile
        with pytest.raises(BusyError):
            restore(made.path, home, force=True)


def test_a_backup_made_while_others_publish(home, tmp_path):
    """Generations come and go while backups are made; every archive holds one that is whole."""
    stop = threading.Event()

    def publish():
        number = 2
        while not stop.is_set():
            number += 1
            new = home / "index" / "staging"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            for name in ("index.sqlite", "a", "b", "c"):
                (new / name).write_text(f"v{number}")
            (new / "manifest.json").write_text('{"schema": 3}')
            os.rename(new, home / "index" / f"v{number}")
            Home(home)._point(f"v{number}")
            shutil.rmtree(home / "index" / f"v{number - 3}", ignore_errors=True)
            stop.wait(0.01)

    worker = threading.Thread(target=publish)
    worker.start()
    try:
        for number in range(8):
            made = backup(home, tmp_path / f"{number}.zip")
            with zipfile.ZipFile(made.path) as packed:
                version = packed.read("index/CURRENT").decode().strip()
                assert version == made.index_version
                if version != "v2":
                    assert packed.read(f"index/{version}/c").decode() == version
    finally:
        stop.set()
        worker.join()


def test_only_a_backup_of_ours_is_replaced(home, tmp_path):
    target = tmp_path / "b.zip"
    target.write_text("someone's work")
    with pytest.raises(BackupError, match="name another file"):
        backup(home, target)
    assert target.read_text() == "someone's work"
    target.unlink()
    backup(home, target)
    (home / "copilot.toml").write_text("[indexer]\n")
    backup(home, target)
    with zipfile.ZipFile(target) as packed:
        assert packed.read("copilot.toml") == b"[indexer]\n"


def test_nothing_to_back_up(tmp_path):
    with pytest.raises(BackupError, match="no home folder"):
        backup(tmp_path / "none", tmp_path / "b.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BackupError, match="nothing to back up"):
        backup(tmp_path / "empty", tmp_path / "b.zip")
    with pytest.raises(BackupError, match="does not exist"):
        backup(tmp_path / "empty", tmp_path / "nowhere" / "b.zip")
    assert not (tmp_path / "b.zip").exists()


def repacked(source, target, change=None, names=None, manifest=None, mode=None):
    """An archive with other contents, names, manifest or file modes."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == "manifest.json" and manifest:
                fields = json.loads(data)
                manifest(fields)
                data = json.dumps(fields).encode()
            info = zipfile.ZipInfo((names or {}).get(entry.filename, entry.filename))
            info.external_attr = (mode or {}).get(entry.filename, 0o600) << 16
            new.writestr(info, (change or {}).get(entry.filename, data))
    return target


def moved_out(name):
    def change(manifest):
        manifest["files"][name] = manifest["files"].pop("copilot.toml")

    return {"names": {"copilot.toml": name}, "manifest": change}


UNFIT = {
    "other content": ({"change": {"copilot.toml": b"[copilot]\t"}}, "damaged"),
    "another size": ({"change": {"copilot.toml": b"x"}}, "damaged"),
    "not on the manifest": ({"names": {"copilot.toml": "settings.toml"}}, "damaged"),
    "path upwards": (moved_out("../evil.toml"), "leads out"),
    "path inside and upwards": (moved_out("documents/../../evil.toml"), "leads out"),
    "absolute path": (moved_out("/tmp/evil.toml"), "leads out"),
    "drive": (moved_out("C:/evil.toml"), "leads out"),
    "backslashes": (moved_out("..\\evil.toml"), "leads out"),
    "device name": (moved_out("nul.toml"), "leads out"),
    "same name in capitals": (moved_out("GAPS.jsonl"), "twice"),
    "link": ({"mode": {"copilot.toml": 0o120777}}, "link"),
    "newer": ({"manifest": lambda fields: fields.update(schema=2)}, "newer"),
    "newer index": ({"manifest": lambda fields: fields.update(index_schema=99)}, "index of format 99"),
    "foreign": ({"manifest": lambda fields: fields.update(format="other")}, "no backup of this program"),
    "manifest without files": ({"manifest": lambda fields: fields.update(files={})}, "damaged"),
    "manifest of nonsense": ({"change": {"manifest.json": b"[1, 2]"}}, "no backup of this program"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_unfit_archives_are_refused_and_change_nothing(home, tmp_path, name):
    how, says = UNFIT[name]
    made = backup(home, tmp_path / "b.zip")
    bad = repacked(made.path, tmp_path / "bad.zip", **how)
    before = content(home)
    with pytest.raises(BackupError, match=says) as error:
        restore(bad, home, force=True)
    assert "\n" not in str(error.value)
    assert content(home) == before
    with pytest.raises(BackupError):
        restore(bad, tmp_path / "fresh")
    assert not (tmp_path / "fresh").exists()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["b.zip", "bad.zip", "home"]


def test_cut_off_and_foreign_files_are_refused(home, tmp_path):
    made = backup(home, tmp_path / "b.zip")
    data = made.path.read_bytes()
    for length in (0, 10, len(data) // 2, len(data) - 10):
        (tmp_path / "bad.zip").write_bytes(data[:length])
        with pytest.raises(BackupError, match=r"damaged|no backup"):
            restore(tmp_path / "bad.zip", tmp_path / "fresh")
    broken = bytearray(data)
    broken[data.index(b"%PDF")] ^= 0xFF
    (tmp_path / "bad.zip").write_bytes(broken)
    with pytest.raises(BackupError, match="damaged"):
        restore(tmp_path / "bad.zip", tmp_path / "fresh")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as packed:
        packed.writestr("a.txt", "a")
    with pytest.raises(BackupError, match="no backup of this program"):
        restore(tmp_path / "other.zip", tmp_path / "fresh")
    with pytest.raises(BackupError, match="no file"):
        restore(tmp_path / "none.zip", tmp_path / "fresh")
    assert not (tmp_path / "fresh").exists()


def test_restore_and_ask(command, plant_home, tmp_path, own_home):
    """The sample plant's home, backed up, restored elsewhere, asked; the encoder's cache is linked to save its export."""
    made = command("backup", tmp_path / "plant.zip", "--home", plant_home, "--json")
    assert made.code == 0, made.err
    assert set(made.json()) == {"file", "files", "bytes", "index_version", "created_at"}
    restored = command("restore", tmp_path / "plant.zip", "--home", own_home, "--json")
    assert restored.code == 0, restored.err
    assert restored.json()["index_version"] == made.json()["index_version"]
    answer = command("ask", "What should I do when E207 shows up on the press?", "--home", own_home, "--json").json()
    assert answer["status"] == "answered" and answer["index_version"] == made.json()["index_version"]
    assert answer["citations"][0]["document"] == "HP-200/HP-200_operating_manual.pdf"
    again = command("restore", tmp_path / "plant.zip", "--home", own_home)
    assert again.code == 1 and "--force" in again.err and len(again.err.splitlines()) == 1


def test_usage(capsys, tmp_path):
    assert run(["backup", "--home", str(tmp_path)]) == 2
    assert run(["restore", "--home", str(tmp_path)]) == 2
    capsys.readouterr()
