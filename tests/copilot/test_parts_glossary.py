"""Parts of machines across languages: which a passage in the other language lacks."""

from __future__ import annotations

import pytest
from fakes_knowledge import FakeKnowledge, chunk

from copilot.evidence import EvidenceJudge
from copilot.parts_glossary import parts_missing, parts_named
from copilot.types import Question
from copilot.understand import Understander
from finetune.router import SeedRouter, load_routes
from indexer.types import Hit, Stage


@pytest.mark.parametrize(
    ("question", "passage", "missing"),
    [
        ("Which oil goes into the gearbox?", "润滑油每 4000 小时更换一次。", ("gearbox",)),
        ("Which oil goes into the gearbox?", "减速箱加注齿轮油 2 升。", ()),
        ("How are the ball bearings greased?", "滚珠轴承每月加脂。", ()),
        ("减速机用什么油？", "The spindle is lubricated with oil.", ("减速机",)),
        ("减速机用什么油？", "Fill the gear reducer with 2 l of oil.", ()),
        ("联轴器怎么对中？", "Align the couplings with a dial gauge.", ()),
        ("How much oil is needed?", "加油 45 L。", ()),
    ],
)
def test_parts_under_another_languages_names(question, passage, missing):
    assert parts_missing(parts_named(question), [passage]) == missing


@pytest.mark.parametrize(
    ("question", "lacks", "holds"),
    [
        ("Which oil goes into the gearbox?", "润滑油每 4000 小时更换一次。", "齿轮箱润滑油每 4000 小时更换一次。"),
        ("联轴器多久检查一次？", "Check the flange every 500 hours.", "Check the coupling every 500 hours."),
    ],
)
def test_evidence_without_the_part_is_worth_less(question, lacks, holds):
    routes = load_routes()
    understanding = Understander(FakeKnowledge(), SeedRouter(routes), routes).understand(Question(question))

    def score(text: str) -> float:
        return EvidenceJudge(Alike()).judge(understanding, [Hit(chunk("c", text), 1.0, 1, Stage.FUSED)]).score

    assert score(lacks) < 0.4 <= score(holds)


class Alike:
    """An encoder to which all texts mean much the same."""

    name, dimension = "alike", 2

    def embed_questions(self, texts):
        import numpy as np

        first = np.array([[1.0, 0.0]], dtype=np.float32)
        rest = np.array([[0.5, 0.866]] * (len(texts) - 1), dtype=np.float32).reshape(-1, 2)
        return np.concatenate([first, rest])

    embed_documents = embed_questions
