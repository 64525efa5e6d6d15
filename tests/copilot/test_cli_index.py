"""Indexing from the command line: what is said about added, changed, renamed, removed and unreadable files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from models import tiny_model

from copilot.cli import run

FIELDS = {
    "version", "published", "added", "changed", "renamed", "removed", "unchanged", "quarantined", "unreachable", "chunks",
    "embedded", "predicted", "seconds",
}  # fmt: skip

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def manuals(tmp_path):
    folder = tmp_path / "manuals"
    (folder / "CX-9").mkdir(parents=True)
    (folder / "CX-9" / "conveyor.md").write_text(
        "# Conveyor CX-9\n\n## Alarms\n\n| Code | Meaning |\n|---|---|\n| C-101 | Belt slips on the drum |\n",
        encoding="utf-8",
    )
    (folder / "notes.txt").write_text("Grease the bearings of the fan every 500 hours.\n", encoding="utf-8")
    return folder


@pytest.fixture
def cli(own_home, capsys):
    import json

    def call(*arguments):
        code = run([*map(str, arguments), "--home", str(own_home)])
        written = capsys.readouterr()
        return code, json.loads(written.out) if "--json" in arguments else written.out, written.err

    return call


def test_a_folder_through_its_life(cli, manuals):
    code, first, err = cli("index", manuals, "--json")
    assert code == 0 and set(first) == FIELDS
    assert first["added"] == ["CX-9/conveyor.md", "notes.txt"] and first["published"] is True
    assert first["embedded"] == first["chunks"] > 0
    assert "looking for changes" in err and "\x1b" not in err  # plain lines where there is no terminal

    code, again, _ = cli("index", "--json")
    assert (code, again["published"], again["unchanged"], again["version"]) == (0, False, 2, first["version"])

    (manuals / "notes.txt").rename(manuals / "fan.txt")
    (manuals / "CX-9" / "conveyor.md").write_text("# Conveyor CX-9\n\nThe belt is 12 m long.\n", encoding="utf-8")
    code, changed, _ = cli("index", manuals, "--json")
    assert changed["changed"] == ["CX-9/conveyor.md"]
    assert changed["renamed"] == [{"from": "notes.txt", "to": "fan.txt"}]

    (manuals / "fan.txt").unlink()
    code, gone, _ = cli("index", "--json")
    assert gone["removed"] == ["fan.txt"]

    code, back, _ = cli("index", "--rollback", "--json")
    assert code == 0 and back == {"version": changed["version"], "rolled_back": True}


def test_unreadable_inputs_are_named_and_exit_code_is_3(cli, manuals):
    (manuals / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing of the kind")
    (manuals / "empty.docx").write_bytes(b"")
    code, result, err = cli("index", manuals, "--json")
    assert code == 3
    assert [entry["document"] for entry in result["quarantined"]] == ["broken.pdf", "empty.docx"]
    assert all(entry["reason"] for entry in result["quarantined"])
    assert "Left out: broken.pdf: " in err and "Left out: empty.docx: " in err
    assert len(result["added"]) == 2
    code, listed, _ = cli("documents", "--json")
    assert code == 0
    assert [entry["document"] for entry in listed["quarantined"]] == ["broken.pdf", "empty.docx"]


def test_machine_and_kind_are_taken_from_the_flags(cli, manuals):
    code, _, _ = cli("index", manuals / "notes.txt", "--machine", "Fan F-2", "--kind", "manual")
    assert code == 0
    _, listed, _ = cli("documents", "--json")
    assert [(d["document"], d["machine"], d["kind"]) for d in listed["documents"]] == [
        ("notes.txt", "Fan F-2", "manual")
    ]


def test_removed_documents_stay_out(cli, manuals):
    cli("index", manuals)
    code, result, _ = cli("remove", "notes.txt", "--json")
    assert code == 0 and result["removed"] == ["notes.txt"]
    _, again, _ = cli("index", "--json")
    assert again["added"] == []
    _, listed, _ = cli("documents", "--json")
    assert [entry["document"] for entry in listed["documents"]] == ["CX-9/conveyor.md"]


def test_columns_of_an_export_from_the_settings_file(cli, own_home, tmp_path):
    export = tmp_path / "export.csv"
    rows = "".join(f"2024-03-{day:02d};Q{day % 2};belt torn again;belt replaced\n" for day in range(1, 21))
    export.write_text("Wann;Zeile7;Was war;Getan\n" + rows, encoding="utf-8")
    (own_home / "copilot.toml").write_text(
        '[indexer.columns]\ndate = "Wann"\nmachine = "Zeile7"\nsymptom = "Was war"\naction = "Getan"\n',
        encoding="utf-8",
    )
    code, _, err = cli("index", export, "--kind", "fault_report")
    assert code == 0, err
    _, counted, _ = cli("history", "--by", "machine", "--json")
    assert {group["key"]: group["reports"] for group in counted["groups"]} == {"Q0": 10, "Q1": 10}


def test_another_embedder_is_refused_with_the_remedy(cli, manuals, own_home):
    cli("index", manuals)
    (own_home / "copilot.toml").write_text("[indexer]\nmax_tokens = 128\n", encoding="utf-8")
    code, _, err = cli("index")
    assert code == 1 and "`copilot index --rebuild`" in err
    code, out, _ = cli("index", "--rebuild")
    assert code == 0 and out.startswith("Indexed: 2 added")


def test_an_index_of_the_english_encoder_is_refused_under_the_bilingual_one(cli, manuals, own_home):
    (own_home / "copilot.toml").write_text('[indexer]\nembedder = "all-MiniLM-L6-v2"\n', encoding="utf-8")
    assert cli("index", manuals)[0] == 0
    (own_home / "copilot.toml").unlink()
    for arguments in (("ask", "What does C-101 mean?"), ("index",)):
        code, _, err = cli(*arguments)
        assert code == 1
        assert "built with embedder 'all-MiniLM-L6-v2', the settings say 'all-MiniLM-L6-v2-en-zh'" in err
        assert "`copilot index --rebuild`" in err
    assert cli("index", "--rebuild")[0] == 0
    assert "C-101" in cli("ask", "What does C-101 mean?")[1]


def test_a_plants_own_model_takes_the_encoders_place(cli, manuals, own_home):
    tiny_model(own_home / "models" / "mine", {"pooling_mode_mean_tokens": True})
    (own_home / "copilot.toml").write_text('[indexer]\nembedder = "./models/mine"\nmax_tokens = 64\n', encoding="utf-8")
    assert cli("index", manuals)[0] == 0
    _, answer, _ = cli("ask", "What does C-101 mean?", "--json")
    assert answer["model_versions"]["embedder"].startswith("mine@")
    assert "Belt slips on the drum" in answer["text"]


def test_a_damaged_bilingual_encoder_is_named_by_doctor(cli, manuals, own_home, monkeypatch, tmp_path):
    from finetune.body import compose

    copy = tmp_path / "delta"
    shutil.copytree(compose.SHIPPED, copy)
    with (copy / "delta.safetensors").open("ab") as file:
        file.write(b"x")
    shutil.rmtree(own_home / "cache")
    monkeypatch.setattr("copilot.assemble.composed_folder", lambda cache: compose.composed_folder(cache, copy))
    code, report, _ = cli("doctor", "--json")
    assert code == 1
    broken = {check["name"]: check["detail"] for check in report["checks"] if check["state"] == "broken"}
    assert "delta.safetensors is damaged" in broken["encoder"]


def test_no_index_is_said_before_anything_is_composed(capsys, tmp_path):
    code = run(["ask", "What does C-101 mean?", "--home", str(tmp_path / "typo")])
    assert code == 1 and "Nothing has been indexed" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


def test_doctor_finds_a_damaged_file(cli, manuals, own_home):
    cli("index", manuals)
    (damaged,) = own_home.glob("index/2*/vectors.faiss")
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 0xFF
    damaged.write_bytes(bytes(content))
    code, report, _ = cli("doctor", "--json")
    assert code == 1 and report["ok"] is False
    (broken,) = [check for check in report["checks"] if check["state"] == "broken"]
    assert broken["name"] == "index" and "vectors.faiss is damaged" in broken["detail"]


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_watch_follows_a_new_file_and_ends_on_interrupt(manuals, own_home):
    import json

    process = subprocess.Popen(
        [sys.executable, "-m", "copilot.cli", "index", str(manuals), "--watch", "--json", "--home", str(own_home)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        # Under a test run in the background of a script interrupts are ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        assert len(json.loads(process.stdout.readline())["added"]) == 2
        while "Watching" not in process.stderr.readline():
            pass
        time.sleep(1)  # the watcher starts after its message
        (manuals / "new.txt").write_text("The lamp of the door is a 24 V type.\n", encoding="utf-8")
        assert json.loads(process.stdout.readline())["added"] == ["new.txt"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("Interrupted.") and "Traceback" not in err
