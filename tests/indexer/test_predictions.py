"""Predicted columns of fault reports: beside what is recorded, once per text, kept or made anew as the versions say."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

import pytest

from indexer.build import BuildSettings, build
from indexer.errors import MismatchError, PredictionError, StoreError
from indexer.fault_reports import FaultReportTable, create_schema, delete_document, insert_many, predict_missing
from indexer.fault_reports import predictions as predictions_module
from indexer.home import Home
from indexer.protocols import Guess
from indexer.store import Index
from indexer.types import DocumentKind, FaultReport
from tests.fakes import HashingEmbedder

SETTINGS = BuildSettings("all-MiniLM-L6-v2", workers=1)

ORDERS = """Order,Date,Machine,Component,Failure Mode,Description,Action,Downtime (h)
1001,2024-03-01,HP-200,Cooler,Overheating,Oil leaks at the flange,cleaned cooler,1.5
1002,2024-04-07,HP-200,,,Oil leaks at the flange,tightened,4
1003,2024-05-11,VM-5,Spindle,,Spindle noisy,,16
1004,2024-05-12,VM-5,,leaking,Hose leaks,new hose,0.5
1005,2024-06-02,HP-200,,,Oil leaks at the flange,tightened,
1006,2024-06-03,HP-200,,,Nobody knows,looked,1
"""
ORDERS_ZH = """工单号,日期,设备,部件,故障现象,处理措施,停机时间(小时)
2001,2024-03-05,注塑机1,,液压管漏油,更换密封圈,2
2002,2024-03-09,注塑机1,油泵,油泵噪音大,,3
"""


class Modes:
    """Failure modes by a word in the text; remembers what it was asked."""

    name = "failure_mode/v0001"
    fields: tuple[str, ...] = ("failure_mode",)
    rules = (("leak", "Leaking", 0.9), ("漏", "泄漏", 0.8), ("noisy", "Noise", 0.6), ("噪音", "Noise", 0.3))

    def __init__(self, name: str | None = None) -> None:
        self.name = name or self.name
        self.calls: list[list[str]] = []

    @property
    def texts(self) -> list[str]:
        return [text for call in self.calls for text in call]

    def predict(self, texts: Sequence[str]) -> list[dict[str, Guess]]:
        self.calls.append(list(texts))
        return [self._guess(text) for text in texts]

    def _guess(self, text: str) -> dict[str, Guess]:
        for word, mode, confidence in self.rules:
            if word in text:
                return {"failure_mode": Guess(mode, confidence)}
        return {}


class Parts(Modes):
    """Components and actions; also an opinion on a column that is none of its business."""

    name = "tagger/v0001"
    fields = ("component", "action")

    def _guess(self, text: str) -> dict[str, Guess]:
        if "flange" in text:
            return {"component": Guess(" flange ", 0.7), "failure_mode": Guess("Flanged", 0.99)}
        return {"action": Guess("listen", 0.55)} if "noisy" in text else {"component": Guess("", 0.9)}


class Broken(Modes):
    """Fails at the second batch."""

    def predict(self, texts: Sequence[str]) -> list[dict[str, Guess]]:
        if self.calls:
            raise PredictionError("the version v0002 is damaged; promote another version")
        return super().predict(texts)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture
def plant(tmp_path):
    folder = tmp_path / "plant"
    folder.mkdir()
    (folder / "orders.csv").write_text(ORDERS, encoding="utf-8")
    return folder


def run(home, *paths, predictors=(), settings=SETTINGS, embedder=None, **options):
    return build(home, list(paths), embedder or HashingEmbedder(), settings, predictors=predictors, **options)


def guesses(home):
    """report id -> column -> (value, confidence, predictor)"""
    with Index.open(home) as index:
        return {
            stored.report.report_id: {name: tuple(guess) for name, guess in stored.predicted.items()}
            for stored in index.fault_reports.records(limit=None, predicted=True)
        }


def test_only_empty_columns_are_predicted_and_recorded_ones_stay(home, plant):
    result = run(home, plant, predictors=[Modes(), Parts()])
    assert result.predicted == {"failure_mode": 3, "component": 2, "action": 1} and not result.unpredicted
    leak, flange = ("Leaking", 0.9, "failure_mode/v0001"), ("flange", 0.7, "tagger/v0001")
    assert guesses(home) == {
        "1001": {},
        "1002": {"failure_mode": leak, "component": flange},
        "1003": {"failure_mode": ("Noise", 0.6, "failure_mode/v0001"), "action": ("listen", 0.55, "tagger/v0001")},
        "1004": {},
        "1005": {"failure_mode": leak, "component": flange},
        "1006": {},
    }
    with Index.open(home) as index:
        table = index.fault_reports
        plain = {stored.report.report_id: stored for stored in table.records(limit=None)}
        assert plain["1002"].report.failure_mode is None and plain["1002"].predicted == {}
        assert table.records(failure_mode="Noise") == []  # nobody recorded that
        # What is searched and quoted is what the export says.
        texts = [chunk.text for chunk in index.chunks_at(range(index.manifest.chunk_count))]
        assert not any("Leaking" in text or "Noise" in text for text in texts)


def test_counts_keep_recorded_and_predicted_apart(home, plant):
    run(home, plant, predictors=[Modes(), Parts()])
    with Index.open(home) as index:
        table = index.fault_reports
        assert [(line.key, line.reports) for line in table.count("failure_mode")] == [
            ("Overheating", 1),
            ("leaking", 1),
        ]
        mixed = {line.key: line for line in table.count_mixed("failure_mode")}
        # The plant's own spelling names the group; downtime is kept apart, too.
        assert mixed["leaking"] == ("leaking", 1, 0.5, None, 2, 4.0, None)
        assert mixed["leaking"].together() == ("leaking", 3, 4.5, None)
        assert mixed["Overheating"][1:] == (1, 1.5, None, 0, None, None)
        assert mixed["Noise"][1:] == (0, None, None, 1, 16.0, None)
        assert next(iter(mixed)) == "leaking"  # most reports first
        only = table.count_mixed("failure_mode", machine="hp-200", since="2024-05")
        assert [(line.key, line.predicted_reports) for line in only] == [("Leaking", 1)]
        assert table.predictors("failure_mode") == ["failure_mode/v0001"]
        with pytest.raises(StoreError, match="choose from component, failure_mode"):
            table.count_mixed("machine")


def test_each_text_is_asked_once_in_batches_with_progress(home, plant, monkeypatch):
    monkeypatch.setattr(predictions_module, "BATCH", 2)
    told = []
    modes, parts = Modes(), Parts()
    run(home, plant, predictors=[modes, parts], progress=lambda *what: told.append(what))
    assert sorted(modes.texts) == ["Nobody knows", "Oil leaks at the flange", "Spindle noisy"]
    assert sorted(parts.texts) == ["Hose leaks", "Nobody knows", "Oil leaks at the flange", "Spindle noisy"]
    assert [len(call) for call in modes.calls + parts.calls] == [2, 1, 2, 2]
    assert [what[1:] for what in told if what[0] == "predict"] == [(2, 7), (3, 7), (5, 7), (7, 7)]


def test_an_update_asks_for_new_reports_only(home, plant):
    run(home, plant, predictors=[Modes()])
    before = guesses(home)
    (plant / "orders_zh.csv").write_text(ORDERS_ZH, encoding="utf-8")
    modes = Modes()
    result = run(home, predictors=[modes])
    assert sorted(modes.texts) == ["油泵噪音大", "液压管漏油"]
    assert result.predicted == {"failure_mode": 1}  # the other is too unsure
    found = guesses(home)
    assert found.pop("2001") == {"failure_mode": ("泄漏", 0.8, "failure_mode/v0001")} and found.pop("2002") == {}
    assert found == before
    (plant / "orders.csv").rename(plant / "renamed.csv")
    modes = Modes()
    assert run(home, predictors=[modes]).renamed and modes.calls == []
    assert guesses(home)["1002"] == before["1002"]
    (plant / "renamed.csv").unlink()
    run(home, predictors=[Modes()])
    with Index.open(home) as index:
        assert index.fault_reports.count_mixed("failure_mode") == [("泄漏", 0, None, None, 1, 2.0, None)]


def test_another_version_or_threshold_guesses_anew_without_embedding(home, plant):
    first = run(home, plant, predictors=[Modes()])
    assert not run(home, predictors=[Modes()]).published
    newer = Modes("failure_mode/v0002")
    second = run(home, predictors=[newer])
    assert second.published and second.version != first.version and second.embedded == 0
    assert len(newer.texts) == 3 and second.predicted == {"failure_mode": 3}
    assert guesses(home)["1003"]["failure_mode"][2] == "failure_mode/v0002"
    strict = BuildSettings("all-MiniLM-L6-v2", workers=1, predict_threshold=0.7)
    assert run(home, predictors=[newer], settings=strict).predicted == {"failure_mode": 2}
    assert guesses(home)["1003"] == {}
    # One more model does not disturb the other's values.
    parts, again = Parts(), Modes("failure_mode/v0002")
    assert run(home, predictors=[again, parts], settings=strict).published
    assert again.calls == [] and len(parts.texts) == 4
    # Switched off, they are gone.
    assert run(home, settings=strict).published
    assert not any(guesses(home).values())
    assert not run(home, settings=strict).published


def test_nothing_is_asked_where_no_report_lacks_anything(home, tmp_path):
    class Untouchable(Modes):
        def predict(self, texts):
            raise AssertionError("asked")

    (tmp_path / "manual.md").write_text("# Press\n\nStop the pump.\n")
    run(home, tmp_path / "manual.md", predictors=[Untouchable()])
    assert not run(home, predictors=[Untouchable("failure_mode/v0002")]).published
    (tmp_path / "full.csv").write_text("".join(ORDERS.splitlines(keepends=True)[:2]), encoding="utf-8")
    run(home, tmp_path / "full.csv", kind=DocumentKind.FAULT_REPORT, predictors=[Untouchable("failure_mode/v0002")])
    assert len(guesses(home)) == 1


def test_a_failing_predictor_leaves_what_there_was(home, plant, monkeypatch):
    monkeypatch.setattr(predictions_module, "BATCH", 2)
    run(home, plant, predictors=[Modes()])
    before = guesses(home)
    result = run(home, predictors=[Broken("failure_mode/v0002"), Parts()])
    assert result.published and result.unpredicted == ("the version v0002 is damaged; promote another version",)
    assert result.predicted == {"component": 2, "action": 1}
    found = guesses(home)
    assert {
        name: {"failure_mode": guess["failure_mode"]} if "failure_mode" in guess else {}
        for name, guess in found.items()
    } == before
    # Runs without changes do not try again and again, the next publication does.
    assert not run(home, predictors=[Broken("failure_mode/v0002"), Parts()]).published
    (plant / "note.md").write_text("# Note\n\nNew.\n")
    mended = Modes("failure_mode/v0002")
    assert run(home, predictors=[mended, Parts()]).predicted == {"failure_mode": 3}
    assert len(mended.texts) == 3


def test_an_index_of_another_format_is_refused_and_rebuilt(home, plant):
    version = run(home, plant).version
    manifest = json.loads((home.generation(version) / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["schema"] == 4
    for other in (3, 99):
        manifest["schema"] = other
        (home.generation(home.current_version()) / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        with pytest.raises(MismatchError, match=rf"format {other}, this version reads 4.*--rebuild"):
            Index.open(home)
        assert run(home, rebuild=True).published
        with Index.open(home) as index:
            assert index.manifest.schema == 4
            assert index.fault_reports.total() == 6


def test_reports_without_a_symptom_are_guessed_by_what_else_they_say():
    connection = sqlite3.connect(":memory:")
    create_schema(connection)
    said = [("leak", None, "x"), (None, "noisy", "leak"), (" ", None, "漏油"), (None, None, None)]
    reports = [
        FaultReport(str(number), None, None, None, None, *texts, row=number) for number, texts in enumerate(said, 1)
    ]
    insert_many(connection, "a.csv", [(report, f"c{report.row}") for report in reports])
    modes = Modes()
    assert predict_missing(connection, [modes], 0.5, ["a.csv"]).stored == {"failure_mode": 3}
    assert sorted(modes.texts) == ["leak", "noisy", "漏油"]
    delete_document(connection, "a.csv")
    assert connection.execute("SELECT COUNT(*) FROM predicted_values").fetchone() == (0,)
    # Numbers of deleted reports are given again; no value of theirs may come back.
    insert_many(connection, "b.csv", [(reports[3], "c9")])
    assert FaultReportTable(connection).records(predicted=True)[0].predicted == {}
    connection.close()
