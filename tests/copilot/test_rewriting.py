"""A language model rewrites follow-ups; what it adds that the conversation does not hold is not used."""

from __future__ import annotations

import pytest
from fakes_knowledge import FakeKnowledge
from scripted_server import ScriptedServer

from copilot.followup import topic_of
from copilot.generate.openai import OpenAIModel
from copilot.generate.pump import Limits
from copilot.generate.rewriting import ModelRewriter, objection
from copilot.types import Question, Turn
from copilot.understand import Understander
from finetune.router import SeedRouter, load_routes

ROUTES = load_routes()


def turn(text: str, machine: str | None = None, codes: tuple[str, ...] = ()) -> Turn:
    return Turn(text, text, topic_of(text), "en", "procedure", machine, codes)


BELT = turn("How do I replace the drive belt of the HP-200?", "HP-200")
FILTER = turn("如何更换注塑机ZS120的油滤芯？", "注塑机ZS120")


@pytest.fixture(scope="module")
def server():
    with ScriptedServer().running() as running:
        yield running


def rewriter(server: ScriptedServer) -> ModelRewriter:
    return ModelRewriter(OpenAIModel(server.url, "tiny", retries=0, limits=Limits(1.0, 5.0, 5.0)))


def understood(server: ScriptedServer, text: str, *earlier: Turn, rewriting: bool = True):
    understander = Understander(FakeKnowledge(), SeedRouter(ROUTES), ROUTES, rewriter=rewriter(server))
    return understander.understand(Question(text, earlier=earlier), rewriting=rewriting)


@pytest.mark.parametrize(
    ("text", "before", "written", "machine"),
    [
        ("And how tight?", BELT, "How tight is the drive belt of the HP-200?", "HP-200"),
        ("油要加多少？", FILTER, "更换注塑机ZS120的油滤芯，油要加多少？", "注塑机ZS120"),
    ],
)
def test_the_rewritten_question_is_what_is_searched_with(server, text, before, written, machine):
    server.says(written)
    found = understood(server, text, before)
    assert found.text == written and found.machine == machine and found.follows
    assert (
        before.text in server.asked[0]["messages"][1]["content"] and text in server.asked[0]["messages"][1]["content"]
    )


@pytest.mark.parametrize(
    ("text", "before", "written"),
    [
        ("And how tight?", BELT, "How tight is the drive belt of the VM-5?"),
        ("And how tight?", BELT, "Is the drive belt of the HP-200 tightened with 45 Nm?"),
        ("And how tight?", BELT, "How tight is the Gates drive belt of the HP-200?"),
        ("And how tight?", BELT, "Replace the hydraulic accumulator and bleed every hose first."),
        ("And how tight?", BELT, "驱动皮带要多紧？"),
        ("What about 12 bar?", BELT, "How do I replace the drive belt of the HP-200?"),
        ("油要加多少？", FILTER, "注塑机ZS120的液压泵E-207报警怎么处理？"),
        ("And how tight?", BELT, "One line.\nAnother line."),
    ],
)
def test_what_the_conversation_does_not_hold_is_not_used(server, text, before, written):
    assert objection(written, text, [before])
    server.says(written)
    alone = understood(server, text, before, rewriting=False)
    assert understood(server, text, before).text == alone.text


@pytest.mark.parametrize("status", [500, 401])
def test_a_model_that_fails_leaves_the_rules_result(server, status):
    server.plays(lambda reply: reply.fails(status, "no"))
    found = understood(server, "How long does that take?", BELT)
    assert found.text == "How long does that take? (replace the drive belt of the HP-200)"


def test_it_is_not_asked_without_a_conversation_nor_where_the_rules_replace_a_code(server):
    server.says("What does E-300 mean?")
    assert understood(server, "What does E-207 mean?").text == "What does E-207 mean?"
    found = understood(server, "what about E-208?", turn("What does E-207 mean?", "HP-200", ("E-207",)))
    assert found.text == "What does E-208 mean?" and server.asked == []


def test_a_question_that_stands_alone_stays(server):
    server.says("  Question: How is the gripper cleaned?  ")
    found = understood(server, "How is the gripper cleaned?", BELT)
    assert found.text == "How is the gripper cleaned?" and not found.follows
