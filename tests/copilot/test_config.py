"""Settings: which of the four sources wins, and what is said about wrong ones."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import copilot.config
from copilot.assemble import make_embedder
from copilot.config import (
    CopilotSettings,
    IndexerSettings,
    Settings,
    SettingsError,
    default_home,
    demo_home,
    load_settings,
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


def test_defaults_without_any_source(tmp_path):
    settings = load_settings(environment={})
    assert settings.home == default_home()
    assert settings.indexer == IndexerSettings()
    assert settings.copilot == CopilotSettings()
    assert settings.file is None


def test_flags_win_over_environment_over_file_over_defaults(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "copilot.toml").write_text("[indexer]\nocr_languages = 'deu'\nworkers = 3\nthreads = 5\n", encoding="utf-8")
    environment = {"COPILOT_INDEXER_WORKERS": "7", "COPILOT_INDEXER_THREADS": "8"}
    settings = load_settings(home, None, {"indexer": {"threads": 9, "ocr": None}}, environment)
    assert settings.indexer.ocr_languages == "deu"
    assert settings.indexer.workers == 7
    assert settings.indexer.threads == 9
    assert settings.indexer.ocr is True  # a flag not given changes nothing
    assert settings.file == home / "copilot.toml"


def test_home_flag_wins_over_environment(tmp_path):
    environment = {"COPILOT_HOME": str(tmp_path / "named")}
    assert load_settings(environment=environment).home == tmp_path / "named"
    assert load_settings(tmp_path / "flag", environment=environment).home == tmp_path / "flag"


def test_file_in_home_comes_before_the_one_in_the_working_directory(tmp_path):
    Path("copilot.toml").write_text("[copilot]\nmin_k = 11\n", encoding="utf-8")
    home = tmp_path / "home"
    assert load_settings(home, environment={}).copilot.min_k == 11
    home.mkdir()
    (home / "copilot.toml").write_text("[copilot]\nmin_k = 12\n", encoding="utf-8")
    assert load_settings(home, environment={}).copilot.min_k == 12
    given = tmp_path / "given.toml"
    given.write_text("[copilot]\nmin_k = 13\n", encoding="utf-8")
    assert load_settings(home, given, environment={}).copilot.min_k == 13


def test_columns_map_our_names_to_theirs(tmp_path):
    Path("copilot.toml").write_text('[indexer.columns]\nmachine = "设备"\nsymptom = "Störung"\n', encoding="utf-8")
    assert load_settings(environment={}).indexer.columns == {"machine": "设备", "symptom": "Störung"}


def test_routes_file_is_relative_to_the_settings_file(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "copilot.toml").write_text('[copilot]\nroutes = "mine.toml"\n', encoding="utf-8")
    assert load_settings(home, environment={}).copilot.routes == str(home / "mine.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[indexer]\nembeder = 'x'", r"unknown key 'embeder' in \[indexer\]; the keys are embedder, .*columns"),
        ("[indexr]\nocr = true", r"unknown key 'indexr'; the tables are \[indexer\], \[copilot\]"),
        ("ocr = true", r"unknown key 'ocr'"),
        ("copilot = 3", r"'copilot' is not a table"),
        ("[indexer]\nocr = 'yes'", r"indexer.ocr is 'yes'; it must be true or false"),
        ("[indexer]\nworkers = true", r"indexer.workers is True; it must be a whole number"),
        ("[indexer]\nworkers = 1.5", r"indexer.workers is 1.5; it must be a whole number"),
        ("[indexer]\nmax_tokens = 4", r"indexer.max_tokens is 4; it must be from 32 to 8192"),
        ("[indexer]\nmax_tokens = 100\ntarget_tokens = 200", r"target_tokens is 200, above indexer.max_tokens \(100\)"),
        ("[copilot]\nevidence_threshold = 2", r"copilot.evidence_threshold is 2.0; it must be from 0 to 1"),
        (
            "[indexer.columns]\nmachin = 'x'",
            r"unknown key 'machin' in \[indexer.columns\]; the keys are report_id, date",
        ),
        ("[indexer]\ncolumns = {machine = 3}", r"indexer.columns is .*; it must be a table of texts"),
        ("[indexer", r"cannot be read .* mend it"),
    ],
)
def test_wrong_files_are_refused_with_what_is_valid(tmp_path, text, said):
    Path("copilot.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=said) as caught:
        load_settings(environment={})
    assert "\n" not in str(caught.value)
    assert "copilot.toml" in str(caught.value) or "max_tokens" in text


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("COPILOT_INDEXER_OCR", "perhaps", "is 'perhaps'; write true or false"),
        ("COPILOT_INDEXER_WORKERS", "many", "write a whole number"),
        ("COPILOT_INDEXER_SPEED", "1", "unknown key 'speed'"),
        ("COPILOT_INDEXER_COLUMNS", "x", "cannot be set here"),
        ("COPILOT_MIN_K", "0", "must be from 1 to 1000"),
    ],
)
def test_wrong_variables_are_named(name, value, said):
    with pytest.raises(SettingsError, match=re.escape(said)) as caught:
        load_settings(environment={name: value})
    assert name in str(caught.value)


def test_variables_of_other_programs_are_left_alone():
    assert load_settings(environment={"COPILOT_AGENT_TOKEN": "x"}).copilot == CopilotSettings()


def test_missing_settings_file_and_home_that_is_a_file(tmp_path):
    with pytest.raises(SettingsError, match="does not exist"):
        load_settings(None, tmp_path / "none.toml", environment={})
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="which is a file"):
        load_settings(tmp_path / "file", environment={})


def test_smaller_chunks_take_a_fitting_target(tmp_path):
    Path("copilot.toml").write_text("[indexer]\nmax_tokens = 128\n", encoding="utf-8")
    assert load_settings(environment={}).indexer.target_tokens == 120


def test_demo_lives_apart_from_the_users_documents(tmp_path):
    named = load_settings(environment={"COPILOT_HOME": str(tmp_path)})
    assert demo_home(named, None) == tmp_path / "demo"
    assert demo_home(load_settings(tmp_path, environment={}), tmp_path) == tmp_path


def test_defaults_agree_with_the_packages_they_configure():
    from copilot.retrieve import RetrieveSettings
    from finetune.body.compose import NAME
    from indexer.chunk import ChunkSettings
    from indexer.extract import ExtractSettings
    from indexer.model_folder import DEFAULT_MAX_TOKENS

    indexer, answering = IndexerSettings(), CopilotSettings()
    assert (indexer.max_tokens, indexer.target_tokens) == (ChunkSettings().max_tokens, ChunkSettings().target_tokens)
    assert (indexer.ocr, indexer.ocr_languages) == (ExtractSettings().ocr, ExtractSettings().ocr_languages)
    assert (indexer.embedder, indexer.max_tokens) == (NAME, DEFAULT_MAX_TOKENS)
    assert answering.candidates == RetrieveSettings().candidates
    assert answering.dense_weight == RetrieveSettings().dense_weight


def test_example_file_shows_every_key_at_its_default(tmp_path):
    example = Path(copilot.config.__file__).with_name("copilot.toml.example").read_text(encoding="utf-8")
    Path("copilot.toml").write_text(example, encoding="utf-8")
    settings = load_settings(environment={})
    assert (settings.indexer, settings.copilot) == (IndexerSettings(), CopilotSettings())
    uncommented = re.sub(r"^# (?=\w+ = )", "", example, flags=re.MULTILINE)
    shown = tomllib.loads(uncommented)
    assert set(shown["indexer"]) == {entry.name for entry in fields(IndexerSettings)}
    assert set(shown["copilot"]) == {entry.name for entry in fields(CopilotSettings)}


def test_a_question_is_embedded_once_for_all_that_compare_with_it(tmp_path, monkeypatch):
    made: list[str] = []

    def encode(self, texts):
        made.extend(texts)
        return np.ones((len(texts), 4), dtype=np.float32)

    monkeypatch.setattr("indexer.encoder.Encoder.encode_few", encode)
    embedder = make_embedder(Settings(tmp_path, IndexerSettings(embedder="all-MiniLM-L6-v2")))
    for others in ([], [], ["a sentence", "another"]):  # search, evidence, sentences
        embedder.embed_questions(["what pressure", *others])
    assert made == ["what pressure", "a sentence", "another"]
