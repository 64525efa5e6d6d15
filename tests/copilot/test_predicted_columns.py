"""Predicted columns on the command line: marked, counted when asked, and made of the plant's own model versions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from copilot import assemble
from copilot.cli import run
from copilot.config import load_settings
from copilot.report_columns import FailureModes, TaggedColumns, Unusable, report_predictors, version_name
from finetune.errors import RegistryError
from finetune.registry import SHIPPED, Registry, VersionInfo
from indexer.errors import PredictionError
from indexer.protocols import Guess
from tests.fakes import HashingEmbedder

ORDERS = """Order,Date,Machine,Component,Failure Mode,Description,Action,Downtime (h)
1001,2024-03-01,HP-200,Cooler,Overheating,Oil too hot,cleaned cooler,1.5
1002,2024-04-07,HP-200,,,Oil leaks at the flange,tightened,4
1003,2024-05-11,VM-5,Spindle,Leaking,Coolant everywhere,new seal,2
1004,2024-05-12,VM-5,,,Hose leaks,,0.5
1005,2024-06-02,HP-200,,,Nobody knows,looked,
"""


class Rules:
    """Everything that leaks is Leaking; the last word is the part."""

    name = "rules/v0001"
    fields = ("failure_mode", "component")

    def predict(self, texts):
        return [
            {"failure_mode": Guess("Leaking", 0.824), "component": Guess(text.split()[-1], 0.51)}
            if "leaks" in text
            else {}
            for text in texts
        ]


class Encoder(HashingEmbedder):
    reads_chinese = False


@pytest.fixture
def predictors(monkeypatch):
    given = [Rules()]
    monkeypatch.setattr(assemble, "make_report_predictors", lambda settings: given)
    return given


@pytest.fixture
def cli(tmp_path, capsys, monkeypatch):
    """The command line in this process, without the real encoder and without models that ship."""
    monkeypatch.setattr(assemble, "make_embedder", lambda *_: Encoder())
    monkeypatch.setattr("finetune.registry.SHIPPED_FOLDER", tmp_path / "nothing-shipped")
    home = tmp_path / "home"
    home.mkdir()
    (home / "copilot.toml").write_text('[indexer]\nembedder = "all-MiniLM-L6-v2"\nworkers = 1\n', encoding="utf-8")

    def call(*arguments):
        code = run([*map(str, arguments), "--home", str(home)])
        written = capsys.readouterr()
        return code, json.loads(written.out) if "--json" in arguments else written.out, written.err

    return call


@pytest.fixture
def orders(tmp_path) -> Path:
    file = tmp_path / "orders.csv"
    file.write_text(ORDERS, encoding="utf-8")
    return file


def test_indexing_tells_what_was_predicted(cli, orders, predictors):
    code, result, err = cli("index", orders, "--json")
    assert code == 0 and result["predicted"] == {"component": 2, "failure_mode": 2}
    assert "predicting what fault reports leave empty (3)" in err
    assert "Predicted where fault reports say nothing: 2 × component, 2 × failure mode." in err


def test_history_counts_predictions_only_when_told(cli, orders, predictors):
    cli("index", orders)
    _, plain, _ = cli("history", "--by", "failure_mode", "--json")
    assert {group["key"]: group["reports"] for group in plain["groups"]} == {"Leaking": 1, "Overheating": 1}
    assert set(plain["groups"][0]) == {"key", "reports", "downtime_hours", "cost"}
    assert plain["predicted"] == 2 and plain["total"] == 5
    _, told, _ = cli("history", "--by", "failure_mode", "--predicted", "--json")
    assert told["groups"][0] == {
        "key": "Leaking", "reports": 1, "downtime_hours": 2.0, "cost": None,
        "predicted_reports": 2, "predicted_downtime_hours": 4.5, "predicted_cost": None,
    }  # fmt: skip
    assert (told["predicted"], told["predictors"]) == (2, ["rules/v0001"])
    _, machines, _ = cli("history", "--by", "machine", "--json")
    assert set(machines) == {"by", "machine", "since", "total", "groups", "reliability"}


def test_history_in_words_marks_predictions(cli, orders, predictors):
    cli("index", orders)
    _, plain, _ = cli("history", "--by", "failure_mode")
    assert [line.split() for line in plain.splitlines()[:3]] == [
        ["failure_mode", "reports", "downtime", "h", "cost"], ["Leaking", "1", "2.0"], ["Overheating", "1", "1.5"],
    ]  # fmt: skip
    assert (
        "5 reports, 3 of them without failure mode. For 2 of these a failure mode is predicted; --predicted counts them "
        "in." in plain
    )
    _, told, _ = cli("history", "--by", "failure_mode", "--predicted")
    assert "of which predicted" in told.splitlines()[0]
    assert told.splitlines()[1].split() == ["Leaking", "3", "2", "6.5"]
    assert told.splitlines()[2].split() == ["Overheating", "1", "1.5"]
    assert "For 2 of these the failure mode is a prediction (rules/v0001), not a record." in told
    _, told, _ = cli("history", "--by", "component", "--predicted", "--since", "2024-06")
    assert "1 reports, 1 of them without component. For none of these a component is predicted." in told


@pytest.mark.parametrize("by", ["machine", "code", "month"])
def test_what_is_never_predicted_is_refused(cli, orders, by):
    cli("index", orders)
    code, _, err = cli("history", "--by", by, "--predicted")
    assert code == 2 and "--predicted goes with --by component or failure_mode" in err


def test_similar_reports_show_predictions_marked(cli, orders, predictors):
    cli("index", orders)
    _, found, _ = cli("history", "similar", "hose leaks", "--json")
    first = found["reports"][0]
    assert first["report_id"] == "1004" and first["failure_mode"] is None and first["component"] is None
    assert first["predicted"] == {
        "component": {"value": "leaks", "confidence": 0.51, "predictor": "rules/v0001"},
        "failure_mode": {"value": "Leaking", "confidence": 0.824, "predictor": "rules/v0001"},
    }
    _, shown, _ = cli("history", "similar", "hose leaks", "-k", "5")
    rows = {row.split()[1]: row for row in shown.splitlines()[1:]}
    assert "failure_mode" in shown.splitlines()[0]
    assert "Leaking (predicted, 0.82)" in rows["2024-05-12"] and "leaks (predicted, 0.51)" in rows["2024-05-12"]
    assert "predicted" not in rows["2024-05-11"] and "Leaking" in rows["2024-05-11"]


def test_without_models_nothing_is_predicted_and_nothing_fails(cli, orders):
    code, result, err = cli("index", orders, "--json")
    assert code == 0 and result["predicted"] == {} and "predict" not in err
    _, counted, _ = cli("history", "--by", "component", "--predicted", "--json")
    assert (counted["predicted"], counted["predictors"]) == (0, [])
    _, shown, _ = cli("history", "similar", "hose leaks")
    assert "predicted" not in shown


def test_a_damaged_version_is_named_and_the_index_is_made(cli, orders, predictors):
    predictors[:] = [
        Unusable("failure_mode", ("failure_mode",), "the pointer is damaged; run copilot finetune rollback")
    ]
    code, result, err = cli("index", orders, "--json")
    assert code == 0 and result["added"] == ["orders.csv"] and result["predicted"] == {}
    assert "were not predicted: the pointer is damaged; run copilot finetune rollback" in err


@dataclass(frozen=True)
class Said:
    label: str
    confidence: float


@dataclass(frozen=True)
class Tagged:
    name: str
    text: str
    confidence: float


def test_the_classifier_has_no_mode_for_what_is_out_of_scope():
    loaded = []

    class Model:
        def predict(self, texts):
            return [Said("out_of_scope", 0.9) if "?" in text else Said("Leaking", 0.6) for text in texts]

    predictor = FailureModes("failure_mode/v0001", lambda: loaded.append(1) or Model())
    assert not loaded
    assert predictor.predict(["hose", "why?"]) == [{"failure_mode": Guess("Leaking", 0.6)}, {}]
    predictor.predict(["again"])
    assert loaded == [1]


def test_the_surest_component_and_action_of_a_text_count():
    class Model:
        def tag_all(self, texts):
            hose, pump = Tagged("Component", "hose", 0.6), Tagged("Component", "pump", 0.8)
            return [[hose, Tagged("Failure", "leaking", 0.9), pump, Tagged("Action", "replace", 0.7)], []]

    (first, second) = TaggedColumns("tagger/v0001", Model).predict(["a", "b"])
    assert first == {"component": Guess("pump", 0.8), "action": Guess("replace", 0.7)} and second == {}


def test_errors_of_a_model_become_the_indexers():
    def load():
        raise RegistryError("v0002 is damaged; promote another version")

    for predictor in (FailureModes("x", load), TaggedColumns("x", load)):
        with pytest.raises(PredictionError, match="v0002 is damaged"):
            predictor.predict(["text"])


def test_predictors_are_those_that_have_a_version(tmp_path):
    def body():
        raise AssertionError("no model may be loaded before there is a text")

    registry = Registry(tmp_path / "models", tmp_path / "shipped")
    assert report_predictors(registry, body, tmp_path) == []
    (tmp_path / "models" / "tagger").mkdir(parents=True)
    (tmp_path / "models" / "tagger" / "CURRENT").write_text("v0009\n")
    (unusable,) = report_predictors(registry, body, tmp_path)
    assert unusable.fields == ("component", "action")
    with pytest.raises(PredictionError, match=r"v0009.*rollback --task tagger"):
        unusable.predict(["text"])


def test_a_version_of_the_plant_fills_failure_modes(tmp_path):
    registry = Registry(tmp_path / "home" / "models")
    card = {
        "data_sha256": "0", "parent": None, "method": "head", "hyper_parameters": {}, "metrics": {}, "licence": "own",
        "command": "",
    }  # fmt: skip
    with registry.stage("failure_mode") as staged:
        (staged / "head.safetensors").write_bytes(b"none")
        version = registry.publish("failure_mode", staged, card)
    registry.promote("failure_mode", version, "test")
    settings = load_settings(tmp_path / "home", environment={})
    names = [predictor.name for predictor in assemble.make_report_predictors(settings)]
    assert f"failure_mode/{version}" in names
    off = load_settings(tmp_path / "home", None, {"indexer": {"predict_columns": False}}, {})
    assert assemble.make_report_predictors(off) == []


def test_another_shipped_version_has_another_name():
    def shipped(digest):
        card = {"files": {"head.safetensors": {"sha256": digest, "size": 1}}}
        return VersionInfo("tagger", SHIPPED, Path(), datetime(2024, 1, 1, tzinfo=UTC), True, "shipped", "", card)

    names = {version_name(shipped(digest)) for digest in ("a", "b")}
    assert len(names) == 2 and all(name.startswith("tagger/shipped-") for name in names)
