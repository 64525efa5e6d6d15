"""An ensemble taught to one student: who learns what, what is kept, and what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import toys

from finetune import ensemble as ensemble_module
from finetune.classifier import read_kept_examples
from finetune.ensemble import EnsembleSettings, fit_ensemble, lesson_texts, shares
from finetune.errors import TrainingError
from finetune.fit import Lessons, fit_classifier
from finetune.network import Network, merged
from finetune.registry import Registry
from finetune.retrain import Request, retrain
from finetune.train import TrainSettings
from finetune.types import OUT_OF_SCOPE, Example

LORA = TrainSettings(
    method="lora", epochs=4, batch_size=16, lora_learning_rate=1e-2, head_learning_rate=2e-2, patience=9, rank=8,
    device="cpu",
)  # fmt: skip
TWO = EnsembleSettings(members=2)
EXAMPLES = toys.rows(60, seed=1)


def politely(text, rng):
    return f"please {text} {'now soon today'.split()[int(rng.integers(3))]}"


def fitted(small, examples=EXAMPLES, ensemble=TWO, settings=LORA, validation=(), **more):
    return fit_ensemble(
        examples, validation, settings, small.body, small.cache, ensemble, **{"change": politely, **more}
    )


def answers(small, parts, texts):
    network = Network(small.body, "x", lambda: merged(small.body.layers(), parts.changes), None, 1)
    return parts.decide(network.pooled(small.body.tokens(96).ids(texts)), texts)


# --- what the student hears -------------------------------------------------------------------------------------


def test_lessons_are_the_examples_their_variants_and_what_nobody_labelled():
    more = ("weather report", "Oil?", "oil", "", EXAMPLES[0].text.upper(), "the judge")
    judged = [Example("the judge", "fault")]
    texts, origins = lesson_texts(EXAMPLES, judged, EnsembleSettings(2, 2, more), politely, 0)
    assert texts[:60] == origins[:60] == tuple(e.text for e in EXAMPLES)
    assert len(set(texts)) == len(texts) and texts[-2:] == ("weather report", "Oil?") and origins[-2:] == ("", "")
    variants = list(zip(texts[60:-2], origins[60:-2], strict=True))
    assert 60 <= len(variants) <= 120 and all(origin in text and text != origin for text, origin in variants)
    assert lesson_texts(EXAMPLES, judged, EnsembleSettings(2, 2, more), politely, 0) == (texts, origins)
    assert len(lesson_texts(EXAMPLES, (), TWO, None, 0)[0]) == 60


def test_a_variant_that_reads_like_another_example_is_left_out():
    examples = [Example("pump leaks", "fault"), Example("pump", "howto")]
    texts, _ = lesson_texts(examples, (), TWO, lambda text, rng: "PUMP!", 0)
    assert texts == ("pump leaks", "pump")


def test_the_members_mean_is_taken(small):
    parts = [
        fit_classifier(EXAMPLES, (), TrainSettings(method="head", seed=seed), small.body, small.cache).parts
        for seed in (0, 1)
    ]
    other = replace(parts[1], scope=replace(parts[1].scope, temperature=5.0))
    texts = [e.text for e in EXAMPLES[:7]]
    one, two, both = (shares(some, texts, small.body) for some in (parts[:1], [other], [parts[0], other]))
    assert both.shape == (7, 3) and np.allclose(both.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(both, (one + two) / 2, atol=1e-6) and two.max() < one.max()


# --- what is learnt ---------------------------------------------------------------------------------------------


def test_a_student_is_one_classifier_and_says_from_whom_it_learnt(small):
    said: list[str] = []
    found = fitted(small, say=said.append)
    assert found.held_out is not None and 10 <= found.held_out.n <= 14
    assert sorted(e.text for e in found.examples) == sorted(e.text for e in EXAMPLES), "no variant is replayed"
    assert len(found.vectors) == 60 and found.settings["members"] == 2 and found.settings["method"] == "lora"
    assert found.notes[0].startswith("learnt from what 2 versions say together (seeds 0, 1) of 12")
    assert "this one 0." in found.notes[0] or "this one 1." in found.notes[0]
    for name in ("member 1 of 2: ", "member 2 of 2: ", "student: epoch 1 of at most 2"):
        assert any(line.startswith(name) for line in said)
    held = toys.apart(45, EXAMPLES, seed=2)
    right = [p.label == e.label for p, e in zip(answers(small, found.parts, [e.text for e in held]), held, strict=True)]
    assert np.mean(right) > 0.7


def test_a_student_follows_its_teachers_beyond_the_labels(small):
    """Texts without a label, of which only the teachers know that they are faults."""
    strange = [f"{word} {filler}" for word in ("rattles", "howls") for filler in toys.FILLERS]
    sure = np.zeros((len(strange), 3), np.float32)
    sure[:, toys.LABELS.index("fault")] = 1
    lessons = Lessons(tuple(strange), ("",) * len(strange), sure)
    settings = replace(LORA, epochs=6)
    asked = [f"{word} {filler} left" for word in ("rattles", "howls") for filler in toys.FILLERS[:5]]

    def faults(given) -> float:
        parts = fit_classifier(EXAMPLES, (), settings, small.body, small.cache, lessons=given).parts
        return float(np.mean([p.label == "fault" for p in answers(small, parts, asked)]))

    assert faults(lessons) > 0.8 > faults(None)


def test_variants_of_what_is_held_out_are_held_out_too(small, monkeypatch):
    """Else the examples that judge would have been seen in another dress."""
    from finetune.tasks import SequenceTask

    learnt: list[list[str]] = []
    real = SequenceTask.__init__

    def noted(self, tokenise, texts, *args, **more):
        learnt.append(list(texts))
        real(self, tokenise, texts, *args, **more)

    monkeypatch.setattr(SequenceTask, "__init__", noted)
    found = fitted(small, settings=replace(LORA, epochs=2))
    assert found.held_out is not None and len(learnt) in (3, 4, 5, 6)
    firsts = [texts for texts in learnt if len([t for t in texts if not t.startswith("please")]) < 60]
    member, student = firsts[0], firsts[-1]
    held = {e.text for e in EXAMPLES} - set(member)
    assert held and len(held) == found.held_out.n and not held & set(student)
    assert len(student) > len(member) and not [t for t in student if any(text in t for text in held)]


def test_out_of_scope_is_taught_too(small):
    examples = toys.rows(160, seed=1, labels=(*toys.LABELS, OUT_OF_SCOPE))
    found = fitted(small, examples, settings=replace(LORA, epochs=8))
    assert found.parts.outliers and found.parts.labels == toys.LABELS
    held = toys.apart(80, examples, seed=2, labels=(*toys.LABELS, OUT_OF_SCOPE))
    said = answers(small, found.parts, [e.text for e in held])
    outside = [p.label == OUT_OF_SCOPE for p, e in zip(said, held, strict=True) if e.label == OUT_OF_SCOPE]
    assert np.mean(outside) > 0.5


@pytest.mark.parametrize("count", [6, 12])
def test_a_few_outliers_teach_no_class(small, count):
    """Fewer than ten get no logit; of 300 rows, a dozen get one for the last step but none in the layers."""
    examples = [*toys.rows(300, seed=1), *toys.rows(count, seed=1, labels=(OUT_OF_SCOPE,))]
    found = fitted(small, examples, settings=replace(LORA, epochs=1, batch_size=32))
    assert found.parts.outliers == (count >= 10) and len(found.parts.linear.bias) == 3 + (count >= 10)


def test_validation_rows_are_heard_by_nobody(small):
    validation = toys.apart(24, EXAMPLES, seed=2)
    found = fitted(small, validation=validation, settings=replace(LORA, epochs=2))
    assert found.held_out is not None and found.held_out.n == 24
    assert not {e.text for e in validation} & {e.text for e in found.examples}


# --- what is kept -----------------------------------------------------------------------------------------------


class Stop(BaseException):
    pass


def test_a_training_cut_short_keeps_the_finished_members(small, tmp_path):
    def stop(line: str) -> None:
        if line.startswith("member 2 of 2: epoch 3 "):
            raise Stop

    with pytest.raises(Stop):
        fitted(small, work=tmp_path / "cut", say=stop)
    said: list[str] = []
    found = fitted(small, work=tmp_path / "cut", say=said.append)
    assert "member 1 of 2: kept from before" in said
    assert next(line for line in said if "member 2 of 2: epoch" in line).startswith("member 2 of 2: epoch 3 ")
    whole = fitted(small, work=tmp_path / "whole")
    assert np.array_equal(found.parts.linear.weight, whole.parts.linear.weight) and found.notes == whole.notes
    assert found.examples == whole.examples and np.array_equal(found.vectors, whole.vectors)
    assert not list((tmp_path / "cut").glob("*.training")) and not list((tmp_path / "cut").glob("*.part"))


def test_how_it_teaches_does_not_have_the_members_learnt_again_but_their_settings_do(small, tmp_path):
    quick = replace(LORA, epochs=1)
    fitted(small, work=tmp_path, settings=quick)
    for other, kept in ((replace(quick, distil=0.3, distil_temperature=4.0), 2), (replace(quick, rank=4), 0)):
        said: list[str] = []
        fitted(small, work=tmp_path, settings=other, say=said.append)
        assert sum("kept from before" in line for line in said) == kept
    more: list[str] = []
    fitted(small, work=tmp_path, settings=quick, ensemble=EnsembleSettings(3), say=more.append)
    assert sum("kept from before" in line for line in more) == 2, "one more member is all that is learnt"


def test_a_damaged_member_is_learnt_again(small, tmp_path):
    quick = replace(LORA, epochs=1)
    fitted(small, work=tmp_path, settings=quick)
    first, second = sorted(tmp_path.glob("member-*"))
    (first / "head.safetensors").write_bytes(b"half")
    shutil.rmtree(second)
    said: list[str] = []
    fitted(small, work=tmp_path, settings=quick, say=said.append)
    assert not any("kept from before" in line for line in said)
    assert (first / "head.safetensors").stat().st_size > 100


def test_a_full_disk_is_one_line_and_leaves_no_half_member(small, tmp_path, monkeypatch):
    def full(*args, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ensemble_module, "write_classifier", full)
    with pytest.raises(TrainingError, match="make room") as caught:
        fitted(small, work=tmp_path, settings=replace(LORA, epochs=1))
    assert "\n" not in str(caught.value)
    assert not [path for path in tmp_path.glob("member-*") if not path.name.endswith(".training")]


# --- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ensemble", "settings", "said"),
    [
        (EnsembleSettings(1), LORA, "2 versions or more"),
        (EnsembleSettings(2, -1), LORA, "0 or more"),
        (TWO, replace(LORA, method="head"), "whatever the seed"),
        (TWO, replace(LORA, distil=1.5), "distil"),
        (TWO, replace(LORA, distil_temperature=0.0), "distil_temperature"),
    ],
)
def test_what_makes_no_ensemble_is_one_line(small, ensemble, settings, said):
    with pytest.raises(TrainingError, match=said) as caught:
        fitted(small, ensemble=ensemble, settings=settings)
    assert "\n" not in str(caught.value)


# --- in the loop ------------------------------------------------------------------------------------------------


def test_a_retraining_teaches_no_row_that_judges(small, tmp_path, monkeypatch):
    registry = Registry(tmp_path / "registry")
    judges = toys.apart(20, EXAMPLES, seed=2)
    heard: list[tuple[str, ...]] = []
    real = ensemble_module.shares

    def noted(members, texts, *more):
        heard.append(tuple(texts))
        return real(members, texts, *more)

    monkeypatch.setattr(ensemble_module, "shares", noted)
    request = Request(
        "lines", tuple(EXAMPLES), frozen=tuple(judges), ensemble=2,
        unlabelled=("rattles and howls", judges[0].text.upper()), command="copilot finetune run --ensemble 2",
    )  # fmt: skip
    outcome = retrain(request, replace(LORA, epochs=2), registry, small.body, tmp_path / "cache", change=politely)
    assert outcome.promoted and "2 versions say together" in outcome.notes[0]
    assert "rattles and howls" in heard[0] and not {e.text for e in judges} & set(heard[0])
    assert judges[0].text.upper() not in heard[0]
    info = registry.get("lines", outcome.version)
    assert info.card["hyper_parameters"]["members"] == 2 and info.card["command"].endswith("--ensemble 2")
    assert (info.folder / "curve.jsonl").is_file() and len(read_kept_examples(info.folder)) == 60
    assert not list((tmp_path / "cache" / "training").glob("*"))
