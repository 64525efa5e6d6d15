"""The router's seed questions and the versions that ship: enough of each, nothing on both sides, made from what lies here."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from finetune.dataset import read_examples, same_text, twin_key
from finetune.privacy import find
from finetune.registry import SHIPPED_FOLDER
from finetune.retrain import FROZEN
from finetune.router import load_routes
from finetune.ship import SEEDS, seed_examples
from finetune.types import OUT_OF_SCOPE
from finetune.version_folder import verify_folder

ROUTES = {route.name for route in load_routes()}
VERSIONS = ("router", "failure_mode", "tagger")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    files = [*sorted((SEEDS / "train").glob("*.jsonl")), SEEDS / "test.jsonl"]
    return [
        {**json.loads(line), "file": file.name}
        for file in files for line in file.read_text(encoding="utf-8").splitlines()
    ]  # fmt: skip


def test_there_are_enough_of_every_route_in_both_languages(rows):
    learnt = Counter((row["label"], row["language"]) for row in rows if row["file"] != "test.jsonl")
    assert {label for label, _ in learnt} == ROUTES and {language for _, language in learnt} == {"en", "zh"}
    for route in ROUTES:
        english, chinese = learnt[route, "en"], learnt[route, "zh"]
        assert english + chinese >= (400 if route == OUT_OF_SCOPE else 150)
        assert 0.3 < english / (english + chinese) < 0.7
    asked = Counter(row["label"] for row in rows if row["file"] == "test.jsonl")
    assert set(asked) == ROUTES and min(asked.values()) >= 80


def test_no_question_stands_on_both_sides_nor_its_twin(rows):
    for key in (same_text, twin_key):
        learnt, asked = (
            {key(row["text"]) for row in rows if (row["file"] == "test.jsonl") is judge} for judge in (False, True)
        )
        assert not learnt & asked


def test_no_question_has_two_labels_or_names_a_person(rows):
    labels: dict[str, str] = {}
    for row in rows:
        assert labels.setdefault(same_text(row["text"]), row["label"]) == row["label"]
    assert not [row["text"] for row in rows if {span.kind for span in find(row["text"])} & {"phone", "email", "badge"}]


@pytest.mark.parametrize("task", VERSIONS)
def test_what_ships_is_whole_and_says_how_it_was_made(task):
    card = verify_folder(SHIPPED_FOLDER / task, task)
    assert card["licence"].startswith("Apache-2.0") and card["metrics"] and card["parent_body"]["sha256"]
    words = card["command"].split()
    assert words[:2] in (["make", task.replace("_", "-")], ["python", "-m"]), card["command"]
    if words[0] == "make":
        makefile = Path(__file__).parents[2] / "Makefile"
        assert f"\n{words[1]}: " in makefile.read_text(encoding="utf-8")


def test_the_shipped_router_was_made_from_these_questions_and_judged_by_those():
    folder = SHIPPED_FOLDER / "router"
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    lines = "\n".join(sorted(f"{example.label}\0{example.text}" for example in seed_examples()))
    assert card["data_sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    frozen = [
        (row["text"], row["label"])
        for row in map(json.loads, (folder / FROZEN).read_text(encoding="utf-8").splitlines())
    ]
    assert frozen == [(e.text, e.label) for e in read_examples(SEEDS / "test.jsonl").examples]
    assert card["test"]["n"] == len(frozen) and card["test"]["macro_f1"] > 0.93 and card["test"]["ece"] < 0.05


def test_all_heads_together_stay_small():
    sizes = [
        path.stat().st_size
        for path in SHIPPED_FOLDER.rglob("*") if path.is_file() and "body" not in path.relative_to(SHIPPED_FOLDER).parts
    ]  # fmt: skip
    assert sum(sizes) < 30e6
