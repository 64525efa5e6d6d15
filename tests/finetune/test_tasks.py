"""Each head learns a problem that its body can solve; the terms of the losses by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import toys
from torch.nn import functional

from finetune.evaluate import span_f1
from finetune.learner import Learner
from finetune.tasks import (
    NO_CLASS,
    UNLABELLED,
    Pairs,
    PairTask,
    SequenceTask,
    SpanTask,
    TokenTask,
    contrast,
    distillation,
)
from finetune.train import TrainSettings, train

FAST = TrainSettings(
    epochs=10, batch_size=16, learning_rate=4e-3, lora_learning_rate=2e-2, head_learning_rate=2e-2, token_dropout=0.0,
    label_smoothing=0.0, patience=50, rank=8, device="cpu",
)  # fmt: skip
WIDTH = 32


def sequence(small, examples, held=(), settings=FAST, change=None):
    tokenise = small.body.tokens(32).ids
    place = {label: number for number, label in enumerate(toys.LABELS)}
    targets, others = (
        np.array([place.get(e.label, NO_CLASS) for e in group], dtype=np.int64) for group in (examples, held)
    )
    first = (np.zeros((3, WIDTH), np.float32), np.zeros(3, np.float32))
    return SequenceTask(
        tokenise,
        [e.text for e in examples],
        targets,
        first,
        settings,
        ([e.text for e in held], others) if held else None,
        change,
    )


def pairs(small, count: int, seed: int, target):
    """A question and a text; `target` (question word, words of the text) says what is to be found there."""
    tokens = small.body.tokens(None)
    rng = np.random.default_rng(seed)
    ids, types, targets = [], [], []
    for number in range(count):
        asked = ["who", "where"][number % 2]
        words = [
            str(word) for word in rng.choice(["left", "right", "front", "door", "lamp", "motor"], 4, replace=False)
        ]
        words[int(rng.integers(4))] = ["peter", "berlin"][int(rng.integers(2))]
        first, second = tokens.ids([asked, " ".join(words)])
        assert len(second) == 6
        ids.append(first + second[1:])
        types.append([0] * len(first) + [1] * (len(second) - 1))
        targets.append(target(asked, words, len(first)))
    return Pairs(ids, types, targets)


# --- each learns ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_class_for_a_text(small, method):
    examples = toys.rows(120, seed=1)
    held = toys.apart(60, examples, seed=2)
    settings = replace(FAST, method=method, epochs=12)
    learner = Learner(small.body, method, settings.rank)
    task = sequence(small, examples, held, settings)
    learner.eval()
    with torch.no_grad():
        before = task.score(learner)
    trained = train(learner, task, settings)
    assert before < 0.5 and trained.score is not None and trained.score > 0.9
    with torch.no_grad():
        assert task.score(learner) == trained.score


def test_a_class_for_every_word(small):
    tokens = small.body.tokens(None)

    def tagged(seed: int, count: int):
        rng = np.random.default_rng(seed)
        ids, targets = [], []
        for _ in range(count):
            words = [str(word) for word in rng.choice([*toys.FILLERS[:10], *toys.WORDS["howto"]], 6)]
            row, target = [101], [NO_CLASS]
            for word in words:
                own = tokens.ids([word])[0][1:-1]
                row += own
                target += [1 if word in toys.WORDS["howto"] else 0] + [NO_CLASS] * (len(own) - 1)
            ids.append([*row, 102])
            targets.append([*target, NO_CLASS])
        return ids, targets

    held = tagged(2, 30)

    def measure(found):
        names = ["O", "B-Act"]
        kept = [
            [
                [names[n] for n, wanted in zip(row, own, strict=True) if wanted != NO_CLASS]
                for row, own in zip(rows, held[1], strict=True)
            ]
            for rows in (held[1], found)
        ]
        return span_f1(*kept)["f1"]

    task = TokenTask(*tagged(1, 60), 2, WIDTH, FAST, held, measure)
    trained = train(Learner(small.body, "full"), task, FAST)
    assert trained.score is not None and trained.score > 0.95


def test_how_well_a_pair_belongs_together(small):
    def answers(asked, words, offset):
        return float(("peter" in words) == (asked == "who"))

    settings = replace(FAST, epochs=6, learning_rate=1e-2, layer_decay=1.0)
    held = pairs(small, 60, 2, answers)
    task = PairTask(pairs(small, 160, 1, answers), WIDTH, settings, held)
    trained = train(Learner(small.body, "full"), task, settings)
    assert trained.score is not None and trained.score > 0.9


def test_where_an_answer_stands_and_that_there_is_none(small):
    def place(asked, words, offset):
        wanted = "peter" if asked == "who" else "berlin"
        return (offset + words.index(wanted),) * 2 if wanted in words else (0, 0)

    settings = replace(FAST, epochs=6, learning_rate=1e-2, layer_decay=1.0)
    held = pairs(small, 60, 2, place)
    assert 10 < sum(target == (0, 0) for target in held.targets) < 50
    task = SpanTask(pairs(small, 160, 1, place), WIDTH, settings, held)
    trained = train(Learner(small.body, "full"), task, settings)
    assert trained.score is not None and trained.score > 0.85


def test_a_span_never_lies_in_the_question(small):
    given = pairs(small, 4, 1, lambda asked, words, offset: (0, 0))
    task = SpanTask(given, WIDTH, FAST, given)
    learner = Learner(small.body, "head").eval()
    with torch.no_grad():
        begin, end = task._edges(learner, given, np.arange(4))
    for edges in (begin, end):
        assert (edges[:, 1:3] < -1e3).all() and (edges[:, 0] > -1e3).all() and (edges[:, 3:8] > -1e3).all()


# --- terms ------------------------------------------------------------------------------------------------------


def test_contrast_by_hand():
    vectors = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    # Of the first two, each has the other as its only partner; the third has none.
    terms = [-(0.6 - np.log(np.exp(0.6) + np.exp(0.0))), -(0.6 - np.log(np.exp(0.6) + np.exp(0.8)))]
    assert float(contrast(vectors, torch.tensor([0, 0, 1]), 1.0)) == pytest.approx(np.mean(terms), abs=1e-5)
    assert float(contrast(vectors, torch.tensor([0, 1, 2]), 0.1)) == 0.0


def test_texts_of_no_class_make_the_head_undecided(small):
    examples = [*toys.rows(90, seed=1), *toys.rows(40, labels=("out_of_scope",), seed=3)]
    strangers = small.body.tokens(32).ids([e.text for e in toys.rows(30, labels=("out_of_scope",), seed=5)])
    surest = {}
    for outlier in (0.0, 2.0):
        settings = replace(FAST, outlier=outlier, contrast=0.0, epochs=8)
        learner, task = Learner(small.body, "full"), sequence(small, examples, settings=settings)
        train(learner, task, settings)
        learner.eval()
        with torch.no_grad():
            from finetune.learner import pad, pooled

            ids, mask = pad(strangers)
            surest[outlier] = float(
                functional.softmax(task.head(pooled(learner(ids, mask), mask)), -1).max(-1).values.mean()
            )
    assert surest[2.0] < surest[0.0] - 0.05


def test_a_batch_without_any_class_costs_nothing(small):
    task = sequence(small, toys.rows(8, labels=("out_of_scope",)), settings=replace(FAST, outlier=0.0))
    learner = Learner(small.body, "full")
    losses = task.losses(learner, np.arange(4))
    assert float(sum(losses.values()).detach()) == 0.0
    sum(losses.values()).backward()
    only = sequence(small, toys.rows(8, labels=("out_of_scope",))).losses(learner, np.arange(4))
    assert set(only) == {"outliers"} and float(only["outliers"].detach()) == pytest.approx(0.5 * np.log(3), abs=1e-4)


def test_held_out_rows_without_a_class_do_not_count(small):
    learner = Learner(small.body, "head").eval()
    strangers = toys.rows(5, labels=("out_of_scope",))
    known = toys.rows(9)
    with torch.no_grad():
        assert sequence(small, known, strangers).score(learner) is None
        assert sequence(small, known).score(learner) is None
        assert sequence(small, known, [*known, *strangers]).score(learner) == sequence(small, known, known).score(
            learner
        )


def test_rare_classes_weigh_more_when_balanced(small):
    examples = [*toys.rows(40, labels=("fault",)), *toys.rows(4, labels=("howto",))]
    task = sequence(small, examples, settings=replace(FAST, class_weights="balanced"))
    assert task._weights is not None
    fault, howto, value = task._weights.tolist()
    assert howto == pytest.approx(10 * fault) and np.isfinite(value)


def test_augmentation_changes_other_texts_in_every_epoch(small):
    settings = replace(FAST, augment=0.5)
    seen: list[str] = []

    def change(text, rng):
        seen.append(text)
        return text + " please" * int(rng.integers(1, 9))

    examples = toys.rows(40)
    task = sequence(small, examples, settings=settings, change=change)
    plain = sequence(small, examples).lengths(0)
    first, second = task.lengths(0), task.lengths(1)
    assert 8 <= (first > plain).sum() <= 32 and (first >= plain).all()
    assert not np.array_equal(first, second)
    again = sequence(small, examples, settings=settings, change=change)
    assert np.array_equal(again.lengths(1), second), "an epoch is the same after a restart"


def test_distillation_by_hand():
    logits, wanted = torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.8, 0.2], [0.5, 0.5]])
    roots = np.sqrt([0.8, 0.2])
    soft = roots / roots.sum()
    found = np.exp([1.0, 0.0]) / np.exp([1.0, 0.0]).sum()
    apart = float((soft * np.log(soft / found)).sum())
    assert float(distillation(logits, wanted, 2.0)) == pytest.approx(4 * apart / 2, abs=1e-5)
    assert float(distillation(torch.log(wanted), wanted, 3.0)) == pytest.approx(0, abs=1e-6)


def test_teachers_and_labels_share_the_loss_and_the_unlabelled_have_teachers_alone(small):
    examples = toys.rows(6)
    said = np.full((6, 3), 1 / 3, np.float32)
    said[5] = 0  # no teacher spoke
    targets = np.array([0, 1, 2, UNLABELLED, UNLABELLED, 0])
    learner = Learner(small.body, "head").eval()

    def losses(rows, given=said, **more):
        settings = replace(FAST, contrast=0.0, **more)
        first = (np.eye(3, WIDTH, dtype=np.float32), np.zeros(3, np.float32))
        task = SequenceTask(
            small.body.tokens(32).ids, [e.text for e in examples], targets, first, settings, shares=given
        )
        return {name: float(value.detach()) for name, value in task.losses(learner, np.array(rows)).items()}

    plain = losses([0, 1, 2], None)
    mixed = losses([0, 1, 2], distil=0.7)
    assert mixed["cross-entropy"] == pytest.approx(0.3 * plain["cross-entropy"], rel=1e-5)
    assert mixed["distillation"] == pytest.approx(7 * losses([0, 1, 2], distil=0.1)["distillation"], rel=1e-4)
    assert set(losses([3, 4])) == {"distillation"}, "nobody labelled them, nor called them outliers"
    assert set(losses([5])) == {"cross-entropy"}
