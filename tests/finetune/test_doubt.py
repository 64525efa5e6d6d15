"""Corrections that everything else contradicts, and what speaks for them."""

from __future__ import annotations

import numpy as np
import pytest

from finetune import doubt
from finetune.doubt import contradicted
from finetune.review import Voice
from finetune.types import Example

TOPICS = ("bolts", "oil", "alarms")


def vectors(texts):
    """The topic a text begins with as a direction, and a little noise that depends on the text alone."""
    rows = []
    for text in texts:
        rng = np.random.default_rng(list(text.encode()))
        row = rng.normal(0, 0.15, 12)
        row[TOPICS.index(text.split()[0])] += 1
        rows.append(row / np.linalg.norm(row))
    return np.array(rows, dtype=np.float32)


TRUSTED = [Example(f"{topic} trusted {i}", topic) for topic in TOPICS for i in range(30)]


def said(topic, label, author, count=1, judged=True, first=0):
    return [Voice(f"{topic} asked {author} {i}", label, author, judged) for i in range(first, first + count)]


def test_a_correction_against_all_is_doubted_and_an_honest_one_is_not():
    voices = [*said("bolts", "oil", "u-1"), *said("bolts", "bolts", "u-2", 20)]
    found = contradicted(voices, TRUSTED, vectors)
    assert found == ["bolts"] + [None] * 20


@pytest.mark.parametrize("count", [5, 60])
def test_many_entries_of_one_author_do_not_bear_each_other_out(count):
    assert contradicted(said("bolts", "oil", "u-1", count), TRUSTED, vectors) == ["bolts"] * count


def test_other_people_of_the_same_mind_do():
    voices = [voice for author in range(40) for voice in said("bolts", "oil", f"u-{author}", 2)]
    assert contradicted(voices, TRUSTED, vectors).count(None) > 70


def test_what_is_borne_out_speaks_on_others_and_is_not_judged():
    agreed = [Voice(f"bolts agreed {i}", "oil", None, False) for i in range(80)]
    found = contradicted([*said("bolts", "oil", "u-1", 3), *agreed], TRUSTED, vectors)
    assert found == [None] * 83


def test_confirmations_are_evidence_but_never_doubted():
    voices = said("bolts", "oil", "u-1", 3, judged=False) + said("oil", "bolts", "u-1", 1)
    assert contradicted(voices, TRUSTED, vectors) == [None, None, None, "oil"]


def test_in_a_dispute_neither_side_is_judged_by_what_the_other_teaches():
    dispute = [
        Voice("bolts asked", "bolts", "u-1", True, frozenset({"u-2"})),
        Voice("bolts asked", "oil", "u-2", True, frozenset({"u-1"})),
    ]
    flood = said("bolts", "oil", "u-2", 200, judged=False)
    assert contradicted([*dispute, *flood], TRUSTED, vectors)[:2] == [None, "bolts"]
    alone = [Voice("bolts asked", "bolts", "u-1", True), *flood]
    assert contradicted(alone, TRUSTED, vectors)[0] == "oil"  # which is what the flood is for


def test_a_label_that_nobody_else_has_taught_is_not_doubted():
    assert contradicted(said("bolts", "torque", "u-1", 9), TRUSTED, vectors) == [None] * 9
    taught = [*TRUSTED, *(Example(f"oil torque {i}", "torque") for i in range(doubt.LEAST_OF_LABEL))]
    assert contradicted(said("bolts", "torque", "u-1", 9), taught, vectors) == ["bolts"] * 9


def test_examples_learnt_from_the_same_feedback_do_not_speak_for_it():
    voices = said("bolts", "oil", "u-1", 60)
    learnt = [Example(voice.text.upper().replace("BOLTS", "bolts") + "?", voice.label, "feedback") for voice in voices]
    assert contradicted(voices, [*TRUSTED, *learnt], vectors) == ["bolts"] * 60


def test_too_little_is_known_to_contradict_anybody():
    few = TRUSTED[:: len(TRUSTED) // (doubt.LEAST_TRUSTED - 6)][: doubt.LEAST_TRUSTED - 1]
    assert contradicted(said("bolts", "oil", "u-1"), few, vectors) == [None]


def test_nothing_is_computed_where_nobody_is_judged():
    def never(texts):
        raise AssertionError("asked for vectors")

    assert contradicted([], TRUSTED, never) == []
    assert contradicted(said("bolts", "oil", "u-1", judged=False), TRUSTED, never) == [None]


def test_trusted_examples_that_overlap_raise_what_it_takes_to_doubt():
    rng = np.random.default_rng(0)
    muddled = [Example(f"{topic} muddled {i}", str(rng.choice(TOPICS))) for topic in TOPICS for i in range(60)]
    assert contradicted(said("bolts", "oil", "u-1"), [*TRUSTED, *muddled], vectors) == [None]
