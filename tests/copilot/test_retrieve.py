"""Hybrid retrieval over a small index of our own: codes first, fusion, machines, questions in the other language."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import HashingEmbedder

from copilot.retrieve import HybridRetriever, RetrieveSettings, WordPairs, _fuse
from indexer.build import BuildSettings, build
from indexer.home import Home
from indexer.store import Index
from indexer.types import Stage

MEANINGS = {
    "轴承": "bearing",
    "润滑": "lubrication grease",
    "冷却液": "coolant",
    "更换": "replace change",
    "主轴": "spindle",
}


class Translating(HashingEmbedder):
    """The hashing encoder with a dictionary: stands for a bilingual one."""

    name = "translating"

    def embed_documents(self, texts, progress=None):
        told = []
        for text in texts:
            for chinese, english in MEANINGS.items():
                text = text.replace(chinese, f" {english} ")
            told.append(text)
        return super().embed_documents(told, progress)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    root = tmp_path_factory.mktemp("retrieve")
    plant = root / "plant"
    files = {
        "mill/manual.md": "# Mill\n\n## Coolant\n\nReplace the coolant every six months and rinse the tank.\n\n"
        "## Spindle\n\nBearing lubrication: grease the spindle bearing with 3 g every 500 hours.\n\n"
        "## Alarms\n\n| Code | Meaning | Remedy |\n|---|---|---|\n| E-101 | Door open | Close the door |\n"
        "| E-102 | Oil low | Fill up oil |\n",
        "press/manual.md": "# Press\n\n## Coolant\n\nThe coolant pump of the press is below the table; coolant flows at 12 l/min.\n",
        "空压机/手册.md": "# 空压机\n\n## 日常检查\n\n每天检查油位。排气温度不得超过 105 度。\n\n## 安全\n\n检查之前切断电源。\n",
    }
    for name, text in files.items():
        file = plant / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    home = Home(root / "home")
    result = build(home, [plant], Translating(), BuildSettings("all-MiniLM-L6-v2", workers=1))
    assert not result.quarantined
    with Index.open(home) as opened:
        yield opened


def first(index, question: str, **given) -> str:
    settings = RetrieveSettings(**given)
    hit = HybridRetriever(index, Translating(), settings).search(question, 3)[0]
    return f"{Path(hit.chunk.source.document_id).parent.name}: {hit.chunk.heading[-1]}"


def test_a_code_is_looked_up_before_anything_is_searched(index):
    hit = HybridRetriever(index, Translating()).search("what does e102 mean", 3)[0]
    assert hit.stage is Stage.CODE
    assert "Oil low" in hit.chunk.text


def test_words_and_meaning_find_the_section(index):
    assert first(index, "How often is the spindle bearing greased?") == "mill: Spindle"


def test_machine_limits_the_search(index):
    hits = HybridRetriever(index, Translating()).search("coolant", 5, "press")
    assert {hit.chunk.source.machine for hit in hits} == {"press"}


def test_a_chinese_question_finds_the_english_section_although_chinese_text_shares_characters(index):
    question = "主轴轴承多久润滑一次，用什么油"  # 油 stands in the Chinese manual only
    assert first(index, question) == "mill: Spindle"
    assert first(index, question, dense_weight_chinese=0.0).startswith("空压机"), "by words alone it is lost"


def test_meaning_may_lift_the_other_languages_chunk_above_matching_words(index):
    question = "主轴轴承润滑之前要检查什么"  # 检查 and 之前 stand in the Chinese manual
    assert first(index, question) == "mill: Spindle"
    assert first(index, question, foreign_weight=0.0).startswith("空压机")
    assert first(index, "检查之前要切断电源吗") == "空压机: 安全", "its own language comes first where it answers"


def test_words_of_the_other_language_raise_the_chunk_that_holds_them(index):
    retriever = HybridRetriever(index, HashingEmbedder())  # knows no Chinese: only the listed words lead there
    assert retriever._translated("What is the oil level gauge for?", ["oil", "level", "gaug"]).max() == 0
    held = retriever._translated("What is the highest discharge temperature?", ["highest", "discharg", "temperatur"])
    [place] = held.nonzero()[0]
    assert "排气温度" in index.chunks_at([int(place)])[0].text and 0.5 < held[place] < 1
    assert not retriever._translated(
        "temperature of the mill's spindle bearing", ["temperatur", "mill", "spindl", "bear"]
    ).any()
    found = first(index, "discharge temperature", translated_weight=0.9, dense_weight=0.0)
    assert found == "空压机: 日常检查"


def test_words_keep_their_full_say_where_they_match(index):
    retriever = HybridRetriever(index, Translating())
    words = ["coolant", "pump"]
    best = float(index.lexical.scores(words).max())
    assert retriever._say_of_words(words, best, 0.4) == 1.0
    assert retriever._say_of_words(["coolant", *"abcdefgh"], best, 0.4) < 1.0
    assert retriever._say_of_words([], 0.0, 0.4) == 0.0


def test_fusion_is_a_weighted_mean_of_both_sides_shares():
    lexical, cosine = np.array([4.0, 2.0, 0.0], dtype=np.float32), np.array([0.2, -0.1, 0.4], dtype=np.float32)
    np.testing.assert_allclose(_fuse(lexical, cosine, 1.0), [0.75, 0.25, 0.5])
    np.testing.assert_allclose(_fuse(lexical, cosine, 1.0, say=0.0), [0.5, 0.0, 1.0])
    np.testing.assert_allclose(_fuse(np.zeros(3, np.float32), cosine, 0.0), [0, 0, 0])


def test_equal_requests_get_equal_answers_and_k_is_kept(index):
    retriever = HybridRetriever(index, Translating())
    once, twice = (retriever.search("coolant of the press", 4) for _ in range(2))
    assert [h.chunk.id for h in once] == [h.chunk.id for h in twice]
    assert [h.rank for h in once] == [1, 2, 3, 4]
    assert [h.score for h in once] == sorted((h.score for h in once), reverse=True)


@pytest.mark.parametrize(
    ("question", "text", "share"),
    [
        ("What is the slide stroke?", "Slide stroke | 500 | mm", 1.0),
        ("What is the slide stroke?", "The slide stops within a stroke.", 0.0),
        ("What is the slide stroke?", "slide | stroke", 0.0),  # two cells
        ("maximum slide stroke", "The slide-strokes are counted.", 0.5),
        ("Which pump?", "The pump", 0.0),
        ("滑块行程是多少", "滑块行程", 0.0),  # pairs of characters are searched anyway
    ],
)
def test_neighbouring_words_of_a_question_are_told_from_scattered_ones(question, text, share):
    assert WordPairs(question, lambda word: 1.0).share_in(text) == share
