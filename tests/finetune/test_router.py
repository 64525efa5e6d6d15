from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from finetune.errors import RoutesError
from finetune.router import SeedRouter, load_routes
from finetune.types import OUT_OF_SCOPE, AnswerForm

NAMES = ["troubleshooting", "procedure", "specification", "safety", "maintenance", "history", OUT_OF_SCOPE]


class LetterEmbedder:
    """Letter-pair counts, normalised: enough that near-identical questions are near."""

    name, weights_sha256, dimension, max_tokens = "letters", "", 257, 256

    def __init__(self) -> None:
        self.calls = 0

    def embed_documents(self, texts, progress=None):
        self.calls += 1
        out = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for first, second in zip(text.lower(), text.lower()[1:], strict=False):
                out[row, (ord(first) * 31 + ord(second)) % self.dimension] += 1
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)

    embed_questions = embed_documents


@pytest.fixture(scope="module")
def routes():
    return load_routes()


def test_shipped_routes_are_complete_in_both_languages(routes):
    assert [route.name for route in routes] == NAMES
    for route in routes:
        chinese = [seed for seed in route.seeds if re.search(r"[\u4e00-\u9fff]", seed)]
        assert len(chinese) >= 12 and len(route.seeds) - len(chinese) >= 12
        assert len(set(route.seeds)) == len(route.seeds)
        assert route.description and route.cues and route.plan.k >= 1
    assert len({seed for route in routes for seed in route.seeds}) == sum(len(route.seeds) for route in routes)
    assert {route.name: route.form for route in routes}["procedure"] is AnswerForm.STEPS


@pytest.mark.parametrize(
    ("question", "route"),
    [
        ("What does alarm F12 mean?", "troubleshooting"),
        ("How do I replace the suction hose?", "procedure"),
        ("What is the maximum pressure of the pump?", "specification"),
        ("Which protective equipment is needed at the furnace?", "safety"),
        ("How often must the chain be lubricated?", "maintenance"),
        ("How many times did the feeder fail last year?", "history"),
        ("Tell me a joke", OUT_OF_SCOPE),
        ("电机过热是什么原因？", "troubleshooting"),
        ("如何更换油封？", "procedure"),
        ("主轴额定功率是多少？", "specification"),
        ("进入机器人单元有什么危险？", "safety"),
        ("滤网多久清洁一次？", "maintenance"),
        ("上次液压泵漏油是怎么修好的？", "history"),
        ("今天天气怎么样", OUT_OF_SCOPE),
    ],
)
@pytest.mark.parametrize("with_embedder", [False, True])
def test_plain_questions_go_where_they_belong(routes, question, route, with_embedder):
    router = SeedRouter(routes, LetterEmbedder() if with_embedder else None)
    assert router.route(question).route == route


@pytest.mark.parametrize(
    "question",
    [
        "Tell me a joke about alarm E-207",
        "hello, the pump is leaking",
        "What is the gearbox?",
        "你好，报警 E51 怎么处理？",
        "weather seal torque 30 Nm",
        "xyzzy",
        "",
    ],
)
def test_a_question_that_may_be_the_plants_is_never_out_of_scope(routes, question):
    decision = SeedRouter(routes, LetterEmbedder()).route(question)
    assert decision.route != OUT_OF_SCOPE
    assert decision.probabilities[OUT_OF_SCOPE] == 0.0


def test_probabilities_sum_to_one_and_confidence_is_that_of_the_route(routes):
    decision = SeedRouter(routes, LetterEmbedder()).route("How do I adjust the belt?")
    assert math.isclose(sum(decision.probabilities.values()), 1.0, abs_tol=1e-5)
    assert decision.confidence == decision.probabilities[decision.route] == max(decision.probabilities.values())


def test_without_any_ground_the_confidence_is_low(routes):
    assert SeedRouter(routes).route("the blue one").confidence < 0.25


def test_seeds_are_embedded_once_and_only_when_needed(routes):
    embedder = LetterEmbedder()
    router = SeedRouter(routes, embedder)
    assert embedder.calls == 0
    router.route("How do I adjust the belt?")
    router.route("How do I adjust the chain?")
    assert embedder.calls == 3


def test_a_cue_inside_a_longer_one_does_not_count(tmp_path):
    path = tmp_path / "routes.toml"
    path.write_text(
        '[a]\ndescription = "a"\nform = "value"\ncues = ["how many"]\nseeds = ["x"]\n'
        '[b]\ndescription = "b"\nform = "history"\ncues = ["how many times"]\nseeds = ["y"]\n',
        encoding="utf-8",
    )
    router = SeedRouter(load_routes(path))
    assert router.route("how many times did it stop").route == "b"
    assert router.route("how many bolts").route == "a"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no routes"),
        ("a = 1", "not a table"),
        ('[a]\ndescription = "d"\nform = "value"\n', "lacks 'seeds'"),
        ('[a]\ndescription = "d"\nform = "poem"\nseeds = ["x"]\n', "'poem'"),
        ('[a]\ndescription = "d"\nform = "value"\nseeds = ["x"]\ncolour = 1\n', "'colour'"),
        ('[a]\ndescription = "d"\nform = "value"\nseeds = ["x"]\nweights = {web = 1}\n', "fault_report"),
        ('[a]\ndescription = "d"\nform = "value"\nseeds = ["x"]\nweights = {manual = 0}\n', "above 0"),
        ('[a]\ndescription = "d"\nform = "value"\nseeds = ["x"]\nk = 0\n', "1 or more"),
        ('[a]\ndescription = "d"\nform = "value"\nseeds = []\n', "no seeds"),
        ('[a]\ndescription = "d"\nform = "value"\nseeds = [1]\n', "list of texts"),
        ("[a", "cannot be read"),
    ],
)
def test_a_faulty_routes_file_is_refused_in_one_line(tmp_path: Path, text, said):
    path = tmp_path / "routes.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RoutesError) as caught:
        load_routes(path)
    assert said in str(caught.value) and "\n" not in str(caught.value) and "routes.toml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RoutesError, match=r"nowhere\.toml"):
        load_routes(tmp_path / "nowhere.toml")
