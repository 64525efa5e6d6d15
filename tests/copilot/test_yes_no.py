from __future__ import annotations

import pytest
from fakes_knowledge import FakeKnowledge, chunk, source

from copilot.sentences import split
from copilot.types import Citation, Question
from copilot.understand import Understander
from copilot.yes_no import asks_yes_or_no, yes_or_no
from finetune.router import SeedRouter, load_routes

SCANNER = source("scanner.pdf", None)


def verdict(question, text, relevance=0.0):
    knowledge = FakeKnowledge((), (), (), ())
    routes = load_routes()
    understanding = Understander(knowledge, SeedRouter(routes), routes).understand(Question(question))
    quoted = chunk("c", text, SCANNER)
    units = split(text)
    cited = Citation(1, SCANNER, (1, 1), text[units[0].start : units[-1].end], "c", start=units[0].start)
    return yes_or_no(understanding, [cited], {"c": quoted}, {"c": relevance})


@pytest.mark.parametrize(
    ("question", "text", "answer"),
    [
        ("Can the label roll be reused?", "The label roll can be reused.", "Yes"),
        ("Can the label roll be reused?", "The label roll must not be reused.", "No"),
        ("Does the scanner support barcode rotation?", "The scanner supports barcode rotation.", "Yes"),
        ("Is the bracket compatible with model 960?", "The bracket is compatible with model 960.", "Yes"),
        ("滤网可以水洗吗？", "滤网可以水洗。", "是"),
        ("滤网可以水洗吗？", "滤网不可水洗。", "否"),
        # nothing that says more, less, or something else is a yes
        ("Can the label roll be reused?", "The label roll can be reused only once.", ""),
        ("Can the label roll be reused?", "If the label roll is reused, the head is damaged.", ""),
        ("Can I reuse the label roll?", "Reuse of the label roll damages the head.", ""),
        ("Is the bracket compatible with model 960?", "The bracket is compatible with model 950.", ""),
        ("Can the label roll not be reused?", "The label roll can be reused.", ""),
        ("Does the scanner support barcode rotation?", "The scanner has a red lamp.", ""),
        ("滤网可以水洗吗？", "如果滤网水洗，可以延长寿命。", ""),
    ],
)
def test_only_a_sentence_that_settles_it_is_yes_or_no(question, text, answer):
    assert verdict(question, text) == answer


def test_a_sentence_that_says_it_in_part_counts_where_a_reader_finds_the_passage_relevant():
    question, text = "Does the rental scanner print shipping labels?", "The scanner also prints labels for shipping."
    assert verdict(question, text, 0.5) == ""
    assert verdict(question, text, 0.9) == "Yes"
    assert verdict(question, "The scanner does not print labels for shipping.", 0.9) == "No"
    assert verdict(question, "The scanner only prints labels for shipping.", 0.9) == ""
    assert verdict(question, "The scanner has a red lamp.", 0.9) == ""


def test_two_sentences_that_disagree_settle_nothing():
    assert (
        verdict("Can the label roll be reused?", "The label roll can be reused. The label roll cannot be reused.") == ""
    )


@pytest.mark.parametrize(
    ("question", "wants"),
    [
        ("Is it 5 or 6 bar?", False),
        ("How is it set?", False),
        ("Is there a fuse?", True),
        ("是不是要停机？", True),
        ("是什么？", False),
        ("能否带电更换", True),
    ],
)
def test_which_questions_want_yes_or_no(question, wants):
    assert asks_yes_or_no(question) is wants
