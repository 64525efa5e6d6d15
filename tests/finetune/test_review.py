"""Feedback and reviews into examples: who is believed, what is capped, what is said about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from finetune.review import Caps, Decision, Review, Stored, queue, resolve
from finetune.types import Example, Feedback, Verdict

START = datetime(2025, 3, 1, tzinfo=UTC)
ROUTES = ("troubleshooting", "procedure", "safety")


class Plant:
    """Entries and reviews in the order they come, one minute apart."""

    def __init__(self):
        self.entries, self.reviews, self.minutes = [], [], 0

    def say(self, question, route="procedure", correct=None, author="u-a", up=None, confidence=None, source="operator"):
        self.minutes += 1
        verdict = Verdict.UP if (correct is None if up is None else up) else Verdict.DOWN
        at = START + timedelta(minutes=self.minutes)
        feedback = Feedback("", question, route, verdict, correct, "", (), at, confidence, author)
        self.entries.append(Stored(f"{len(self.entries):016x}", feedback, source))
        return self.entries[-1].id

    def rule(self, entry, decision, route=None):
        self.minutes += 1
        self.reviews.append(Review(entry, decision, route, "u-boss", START + timedelta(minutes=self.minutes)))

    def resolve(self, caps=None, others=None):
        return resolve(self.entries, self.reviews, ROUTES, caps, others)

    def labels(self, **kwargs):
        return {example.text: example.label for example in self.resolve(**kwargs)[0]}


@pytest.fixture
def plant():
    return Plant()


def test_what_each_verdict_teaches(plant):
    plant.say("up", "safety")
    plant.say("down and corrected", "safety", "procedure")
    plant.say("up and corrected", "safety", "procedure", up=True)
    plant.say("down", "safety", up=False)
    examples, report = plant.resolve()
    assert examples == (
        Example("up", "safety", "feedback"),
        Example("down and corrected", "procedure", "feedback"),
        Example("up and corrected", "procedure", "feedback"),
    )
    assert (report.entries, report.examples, report.unlabelled) == (4, 3, 1)
    assert report.by_label == {"procedure": 2, "safety": 1}
    assert any("wait for a reviewer" in line for line in report.lines())


def test_reviews_outweigh_operators_and_the_last_one_counts(plant):
    kept = plant.say("a", "safety", "procedure")
    moved = plant.say("b", "safety", up=False)
    accepted = plant.say("c", "safety", up=False)
    dropped = plant.say("d", "safety")
    for author in ("u-1", "u-2", "u-3"):
        plant.say("B?", "safety", author=author)
    plant.rule(kept, Decision.ACCEPT)
    plant.rule(moved, Decision.DROP)
    plant.rule(moved, Decision.CORRECT, "troubleshooting")
    plant.rule(accepted, Decision.ACCEPT)
    plant.rule(dropped, Decision.DROP)
    examples, report = plant.resolve()
    labels = {example.text.lower(): example.label for example in examples}
    assert labels == {"a": "procedure", "b": "troubleshooting", "c": "safety"}
    assert (report.reviewed, report.dropped) == (3, 1)
    (contradiction,) = report.contradictions
    assert contradiction.decided_by == "reviewer" and contradiction.label == "troubleshooting"
    assert contradiction.votes == {"safety": 3, "troubleshooting": 1}


def test_one_vote_per_author_and_the_same_question_in_other_writings(plant):
    for _ in range(9):
        plant.say("Why does E-207 come?", "procedure", author="u-loud")
    plant.say("why does E-207 come", "procedure", "troubleshooting", author="u-1")
    plant.say("WHY DOES  Ｅ-207 COME!", "procedure", "troubleshooting", author="u-2")
    examples, report = plant.resolve()
    assert [example.label for example in examples] == ["troubleshooting"]
    assert report.duplicates == 10
    assert report.contradictions[0].votes == {"troubleshooting": 2, "procedure": 1}


def test_the_newest_word_of_an_author_counts(plant):
    plant.say("q", "procedure")
    plant.say("q", "procedure", "safety")
    assert plant.labels() == {"q": "safety"}


def test_ties_give_no_example_and_are_reported(plant):
    plant.say("q", "procedure", author="u-1")
    plant.say("q", "procedure", "safety", author="u-2")
    examples, report = plant.resolve()
    assert examples == ()
    assert report.contradictions[0].decided_by == "tie"
    assert any("undecided" in line and "procedure (1), safety (1)" in line for line in report.lines())


def test_nobody_in_particular_counts_only_where_nobody_named_has_spoken(plant):
    for _ in range(5):
        plant.say("a", "procedure", "safety", author="")
    plant.say("a", "procedure", author="u-1")
    plant.say("b", "procedure", "safety", author="")
    assert plant.labels() == {"a": "procedure", "b": "safety"}


def test_unknown_labels_and_empty_questions_are_counted(plant):
    plant.say("q", "procedure", "nonsense")
    plant.say("...", "procedure")
    plant.say("Peter Kern", "procedure")
    examples, report = plant.resolve()
    assert examples == () and report.unknown_labels == {"nonsense": 1} and report.empty == 2
    assert any("'nonsense'" in line for line in report.lines())


def test_examples_are_masked_and_names_do_not_make_questions_differ(plant):
    plant.say("Ask Peter about E-207", "procedure", author="u-1")
    plant.say("Ask Anna about E-207", "procedure", author="u-2")
    examples, report = plant.resolve()
    assert examples == (Example("Ask <name> about E-207", "procedure", "feedback"),)
    assert report.masked == {"name": 1}


def test_one_author_gives_at_most_a_share_and_the_newest_are_kept(plant):
    for number in range(50):
        plant.say(f"mine {number}", "procedure", author="u-loud")
    for number in range(40):
        plant.say(f"other {number}", "procedure", author=f"u-{number}")
    labels = plant.labels(caps=Caps(share=0.2, least=5))
    mine = [text for text in labels if text.startswith("mine")]
    assert mine == [f"mine {number}" for number in range(40, 50)]  # 10 of 50 are a fifth
    assert plant.resolve(Caps(share=0.2, least=5))[1].capped == {"u-loud": 40}
    assert len([text for text in plant.labels(caps=Caps(share=0.2, least=15)) if text.startswith("mine")]) == 15


def test_several_loud_authors_are_held_to_their_share_together(plant):
    for author in ("u-1", "u-2"):
        for number in range(200):
            plant.say(f"{author} {number}", "procedure", author=author)
    for number in range(60):
        plant.say(f"other {number}", "procedure", author=f"u-o{number}")
    examples, report = plant.resolve(Caps(share=0.2, least=5))
    kept = {author: sum(e.text.startswith(f"{author} ") for e in examples) for author in ("u-1", "u-2")}
    assert kept["u-1"] == kept["u-2"] and 15 <= kept["u-1"] <= 0.2 * len(examples)
    assert report.capped == {"u-1": 200 - kept["u-1"], "u-2": 200 - kept["u-2"]}


def test_what_a_reviewer_or_a_second_operator_bears_out_is_not_capped(plant):
    for number in range(30):
        entry = plant.say(f"reviewed {number}", "procedure", "safety", author="u-1")
        plant.rule(entry, Decision.ACCEPT)
        plant.say(f"agreed {number}", "procedure", "safety", author="u-1")
        plant.say(f"agreed {number}", "procedure", "safety", author="u-2")
        plant.say(f"alone {number}", "procedure", "safety", author="u-3")
        plant.say(f"alone {number}", "procedure", "safety", author="")  # perhaps the same person
    texts = list(plant.labels(caps=Caps(least=1, share=0.0, moved_least=1)))
    assert sum(text.startswith("reviewed") for text in texts) == 30
    assert sum(text.startswith("agreed") for text in texts) == 30
    assert sum(text.startswith("alone") for text in texts) == 1


def test_a_hostile_operator_cannot_empty_a_class(plant):
    for number in range(100):
        plant.say(f"guard question {number}", "safety", "procedure", author="u-hostile")
        plant.say(f"guard answer {number}", "", "procedure", author="u-hostile")  # claims no route at all
    others = {"safety": 200, "procedure": 300, "troubleshooting": 500}
    moved = [text for text in plant.labels(others=others) if text.startswith("guard question")]
    assert len(moved) == 4  # 2 % of 200
    assert len(plant.labels(others=others)) == 8  # without a route: as if from the smallest class


def test_confirmations_and_imported_files_are_not_held_to_the_cap_on_moved_questions(plant):
    for number in range(15):
        plant.say(f"fine {number}", "safety", author="u-1")
        plant.say(f"file {number}", "", "safety", author="u-import", source="import")
    assert len(plant.labels()) == 30


def test_the_order_of_entries_does_not_decide(plant):
    for number in range(40):
        plant.say(f"q{number % 13}", "procedure", ROUTES[number % 3], author=f"u-{number % 7}")
    forward = resolve(plant.entries, (), ROUTES)
    backward = resolve(plant.entries[::-1], (), ROUTES)
    assert set(forward[0]) == set(backward[0])
    assert {(c.text, c.label) for c in forward[1].contradictions} == {
        (c.text, c.label) for c in backward[1].contradictions
    }


def test_the_queue_begins_with_the_least_certain(plant):
    sure = plant.say("sure", confidence=0.9)
    unknown = plant.say("unknown")
    doubtful = plant.say("doubtful", confidence=0.3)
    disputed = plant.say("disputed", confidence=0.9)
    plant.say("disputed", correct="safety", confidence=0.95, author="u-2")
    order = [stored.id for stored, _ in queue(plant.entries, ())]
    assert order[:3] == [doubtful, disputed, sure] and order[-1] == unknown
    assert dict(queue(plant.entries, ()))[plant.entries[3]] is True
    assert dict(queue(plant.entries, ()))[plant.entries[0]] is False


def test_a_decided_question_waits_again_only_when_somebody_disagrees_later(plant):
    first = plant.say("q", author="u-1")
    plant.say("Q?", correct="safety", author="u-2")
    plant.rule(first, Decision.ACCEPT)
    assert queue(plant.entries, plant.reviews) == []
    plant.say("q", author="u-3")
    assert queue(plant.entries, plant.reviews) == []
    later = plant.say("q", correct="safety", author="u-4")
    assert [stored.id for stored, _ in queue(plant.entries, plant.reviews)] == [later]
    plant.rule(later, Decision.DROP)
    assert queue(plant.entries, plant.reviews) == []
    assert plant.labels() == {"q": "procedure"}


def test_only_what_one_operator_alone_moves_is_judged(plant):
    asked = []

    def judge(voices):
        asked.extend(voices)
        return ["safety" if voice.judged else None for voice in voices]

    plant.say("moved", "safety", "procedure")
    plant.say("confirmed", "safety")
    plant.say("imported", "safety", "procedure", source="file")
    for author in ("u-a", "u-b"):
        plant.say("agreed", "safety", "procedure", author=author)
    plant.rule(plant.say("reviewed", "safety", "procedure"), Decision.ACCEPT)
    plant.say("nobody's", "safety", "procedure", author="")
    examples, report = resolve(plant.entries, plant.reviews, ROUTES, judge=judge)
    assert [voice.text for voice in asked if voice.judged] == ["moved", "nobody's"]
    assert {voice.text: voice.author for voice in asked if voice.author is None} == {"agreed": None, "reviewed": None}
    assert [example.text for example in examples] == ["confirmed", "imported", "agreed", "reviewed"]
    assert [(one.text, one.label, one.expected) for one in report.doubted] == [
        ("moved", "procedure", "safety"),
        ("nobody's", "procedure", "safety"),
    ]
    assert any("2 correction(s) of one operator alone wait for a reviewer" in line for line in report.lines())


def test_a_doubted_correction_still_waits_in_the_queue_and_counts_once_accepted(plant):
    entry = plant.say("moved", "safety", "procedure")
    waiting = [stored.id for stored, _ in queue(plant.entries, plant.reviews)]
    plant.rule(entry, Decision.ACCEPT)
    examples, report = resolve(
        plant.entries, plant.reviews, ROUTES, judge=lambda voices: ["safety" if v.judged else None for v in voices]
    )
    assert waiting == [entry]
    assert [example.label for example in examples] == ["procedure"] and not report.doubted


def test_doubted_corrections_take_no_place_under_the_caps(plant):
    for i in range(4):
        plant.say(f"good {i}", "safety", "procedure")
    for i in range(4):
        plant.say(f"bad {i}", "safety", "procedure")
    caps = Caps(moved_share=0.0, moved_least=4)
    judge = lambda voices: ["safety" if voice.text.startswith("bad") else None for voice in voices]  # noqa: E731
    examples, _ = resolve(plant.entries, plant.reviews, ROUTES, caps, judge=judge)
    assert [example.text for example in examples] == [f"good {i}" for i in range(4)]


def test_in_a_tie_the_confirmed_route_is_judged_too_each_side_without_the_other(plant):
    plant.say("guard open?", "procedure", "safety", author="u-a")
    plant.say("guard open?", "procedure", author="u-b")  # confirms the route that u-a moves away from
    plant.say("undisputed", "procedure", author="u-b")
    asked = []

    def judge(voices):
        asked.extend(voices)
        return ["safety" if v.judged and v.label == "procedure" else None for v in voices]

    examples, _ = resolve(plant.entries, plant.reviews, ROUTES, judge=judge)
    assert {(v.text, v.author): (v.judged, v.against) for v in asked} == {
        ("guard open?", "u-a"): (True, frozenset({"u-b"})),
        ("guard open?", "u-b"): (True, frozenset({"u-a"})),
        ("undisputed", "u-b"): (False, frozenset()),
    }
    assert {example.text: example.label for example in examples} == {"guard open?": "safety", "undisputed": "procedure"}


def test_of_a_tie_the_label_that_the_rest_bears_out_counts(plant):
    plant.say("guard open?", "procedure", "safety", author="u-a")
    plant.say("guard open?", "procedure", "troubleshooting", author="u-b")
    plant.say("who knows", "procedure", "safety", author="u-a")
    plant.say("who knows", "procedure", "troubleshooting", author="u-b")

    def judge(voices):
        return ["safety" if v.text == "guard open?" and v.label != "safety" else None for v in voices]

    examples, report = resolve(plant.entries, plant.reviews, ROUTES, judge=judge)
    assert [(example.text, example.label) for example in examples] == [("guard open?", "safety")]
    assert [(one.label, one.decided_by) for one in report.contradictions] == [("safety", "the rest"), (None, "tie")]
    assert not report.doubted and len(report.lines()) == 2
