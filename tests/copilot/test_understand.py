from __future__ import annotations

import pytest
from fakes_knowledge import FakeKnowledge

from copilot.errors import QuestionError
from copilot.machine_names import find_machine
from copilot.types import Question
from copilot.understand import Understander
from finetune.router import SeedRouter, load_routes
from finetune.types import AnswerForm, RouteDecision

MACHINES = ["HP-200", "HP-300", "RX-7 Robot", "Hydraulic press 5", "Conveyor Alpha", "注塑机ZS120"]


@pytest.fixture(scope="module")
def understand():
    routes = load_routes()
    understander = Understander(FakeKnowledge(), SeedRouter(routes), routes)
    return lambda text, machine=None: understander.understand(Question(text, machine))


@pytest.mark.parametrize(
    ("text", "machine"),
    [
        ("What is wrong with the HP-200?", "HP-200"),
        ("hp 200 leaks", "HP-200"),
        ("HP200 leaks", "HP-200"),
        ("hp_300 oil", "HP-300"),
        ("the HP-2000 leaks", None),
        ("rx-7 does not move", "RX-7 Robot"),
        ("the RX7 robot stops", "RX-7 Robot"),
        ("hydraulic press 5 is loud", "Hydraulic press 5"),
        ("hydraulic press 6 is loud", None),
        ("hydraulik press 5 is loud", "Hydraulic press 5"),
        ("conveyer alpha stops", "Conveyor Alpha"),
        ("compare HP-200 and HP-300", None),
        ("注塑机ZS120漏油", "注塑机ZS120"),
        ("zs120漏油怎么办", "注塑机ZS120"),
        ("the pump leaks", None),
    ],
)
def test_machines_are_found_in_a_question(text, machine):
    found = find_machine(text, MACHINES)
    assert (found[0] if found else None) == machine


def test_a_named_machine_limits_the_search_and_leaves_the_terms(understand):
    found = understand("What is the rated pressure of the hp 200?")
    assert (found.machine, found.machine_known, found.language) == ("HP-200", True, "en")
    assert "rate" in found.terms and "200" not in found.terms and "hp" not in found.terms


def test_a_given_machine_outweighs_a_named_one_and_is_spelled_as_in_the_index(understand):
    found = understand("alarm on the hp 200", "rx-7 robot")
    assert (found.machine, found.machine_known) == ("RX-7 Robot", True)


def test_an_unknown_given_machine_is_kept_and_marked(understand):
    found = understand("oil pressure", "Lathe 9")
    assert (found.machine, found.machine_known) == ("Lathe 9", False)


def test_a_machine_that_is_chosen_may_have_a_plain_name():
    class Plant(FakeKnowledge):
        def machines(self):
            return ["press", "HY"]

    routes = load_routes()
    understander = Understander(Plant(), SeedRouter(routes), routes)
    for given, spelled in (("press", "press"), ("hy", "HY")):
        found = understander.understand(Question("How much oil?", given))
        assert (found.machine, found.machine_known) == (spelled, True)


def test_codes_are_looked_up_and_slips_suggested(understand):
    assert [match.entry.code for match in understand("what is e 207").codes] == ["E-207"]
    slip = understand("what is E-270?")
    assert slip.codes == () and ("E-270", "E-207") in slip.suggestions and slip.unknown_codes == ("E-270",)
    assert understand("what is E-999?").unknown_codes == ("E-999",)


def test_the_route_sets_plan_and_form_only_when_sure(understand):
    sure = understand("How do I replace the belt?")
    assert (sure.sure, sure.form, sure.plan.weights["fault_report"]) == (True, AnswerForm.STEPS, 0.2)
    unsure = understand("the blue one")
    assert (unsure.sure, unsure.form, dict(unsure.plan.weights)) == (
        False, AnswerForm.AUTO, {"manual": 1.0, "fault_report": 1.0},
    )  # fmt: skip


class _Undecided:
    """A router that takes every question for one on the past, more or less surely."""

    def __init__(self, confidence):
        self._confidence = confidence

    def route(self, question):
        rest = {"procedure": 0.8 * (1 - self._confidence), "safety": 0.2 * (1 - self._confidence)}
        return RouteDecision("history", self._confidence, {"history": self._confidence, **rest})


@pytest.mark.parametrize(
    ("question", "confidence", "form"),
    [
        ("What do I do after the spindle ran into the fixture?", 0.6, AnswerForm.STEPS),
        ("What do I do after the spindle ran into the fixture?", 0.9, AnswerForm.HISTORY),
        ("When did the spindle last run into the fixture?", 0.6, AnswerForm.HISTORY),
        ("主轴撞了夹具怎么弄", 0.6, AnswerForm.STEPS),
        ("主轴上次撞夹具是谁修的", 0.6, AnswerForm.HISTORY),
    ],
)
def test_a_question_is_on_the_past_where_its_words_or_a_sure_router_say_so(question, confidence, form):
    understander = Understander(FakeKnowledge(), _Undecided(confidence), load_routes())
    found = understander.understand(Question(question))
    assert found.form is form
    assert (found.plan.weights["fault_report"] <= 0.3) is (form is not AnswerForm.HISTORY)


def test_chinese_questions(understand):
    found = understand("如何短接安全门？")
    assert found.language == "zh" and found.unsafe
    assert understand("报警 E-51 是什么意思").codes[0].entry.chunk_id == "zh-alarm"


@pytest.mark.parametrize(("text", "said"), [("  \n ", "empty"), ("a" * 2001, "2001")])
def test_what_cannot_be_a_question_is_refused(understand, text, said):
    with pytest.raises(QuestionError, match=said):
        understand(text)


@pytest.mark.parametrize("text", ["How do I reset the Delta PLUS E207?", "Delta PLUS E-999 怎么复位"])
def test_a_products_name_that_ends_like_a_code_is_no_unknown_code(understand, text):
    assert understand(text).unknown_codes == ()


def test_a_products_name_finds_only_a_code_written_alike(understand):
    assert [match.entry.code for match in understand("the Delta PLUS E207").codes] == ["E-207"]
    assert understand("the Delta PLUS A207").codes == ()
