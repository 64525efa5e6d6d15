"""`copilot models`: what is listed, what is imported and what is refused, and damage found by its sha256."""

from __future__ import annotations

import json
import shutil

import pytest

from copilot.cli import run
from finetune.registry import SHIPPED_FOLDER


@pytest.fixture
def cli(own_home, capsys):
    def call(*words):
        code = run([*(str(word) for word in words), "--home", str(own_home)])
        written = capsys.readouterr()
        return code, written.out, written.err

    return call


def test_list(cli):
    code, out, _ = cli("models", "list", "--json")
    listed = json.loads(out)
    assert code == 0
    assert listed["encoder"]["name"] == "all-MiniLM-L6-v2-en-zh" and len(listed["encoder"]["sha256"]) == 64
    router = next(one for one in listed["models"] if one["task"] == "router")
    assert (router["version"], router["current"], router["shipped"]) == ("shipped", True, True)
    assert router["bytes"] > 0 and router["licence"]
    assert "router" in cli("models", "list")[1]


def test_import_leaves_the_decision_to_a_person(cli, tmp_path, own_home):
    shutil.copytree(SHIPPED_FOLDER / "router", tmp_path / "from_elsewhere")
    code, out, err = cli("models", "import", tmp_path / "from_elsewhere", "--json")
    assert code == 0, err
    assert json.loads(out) == {
        "task": "router", "version": "v0001", "current": False, "source": str(tmp_path / "from_elsewhere"),
    }  # fmt: skip
    card = json.loads((own_home / "models" / "router" / "v0001" / "card.json").read_text())
    assert card["imported"]["version"] and card["version"] == "v0001"
    assert cli("finetune", "promote", "v0001", "--task", "router")[0] == 0
    code, out, _ = cli("route", "What does E-207 mean?", "--json")
    assert code == 0 and json.loads(out)["route"] == "troubleshooting"
    code, out, _ = cli("models", "verify", "--json")
    assert code == 0 and json.loads(out)["ok"]
    head = own_home / "models" / "router" / "v0001" / "head.safetensors"
    data = bytearray(head.read_bytes())
    data[-1] ^= 1
    head.write_bytes(data)
    code, out, _ = cli("models", "verify", "--json")
    bad = [row for row in json.loads(out)["models"] if not row["ok"]]
    assert code == 1 and ("router", "v0001") in {(row["task"], row["version"]) for row in bad}
    assert "damaged" in bad[0]["detail"]


def test_what_is_not_imported(cli, tmp_path, own_home):
    source = tmp_path / "version"
    shutil.copytree(SHIPPED_FOLDER / "tagger", source)

    def refused(*more):
        code, out, err = cli("models", "import", source, *more)
        assert code == 1 and out == "" and len(err.splitlines()) == 1
        assert not list((own_home / "models").glob("*/v*"))
        return err

    assert "not of 'router'" in refused("--task", "router")
    (source / "extra.pkl").write_bytes(b"x")
    assert "can run code" in refused()
    (source / "extra.pkl").unlink()
    (source / "head.safetensors").write_bytes(b"x")
    assert "damaged" in refused()
    card = json.loads((source / "card.json").read_text())
    shutil.copyfile(SHIPPED_FOLDER / "tagger" / "head.safetensors", source / "head.safetensors")
    (source / "card.json").write_text(json.dumps(card | {"parent_body": {"name": "other", "sha256": "0" * 64}}))
    assert "other weights" in refused()
    (source / "card.json").unlink()
    assert "card.json" in refused()
    shutil.rmtree(source)
    assert "no folder" in refused()
