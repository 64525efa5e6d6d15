"""What the routing benchmark compares: our classifier by each method, and plain ones on the same texts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.common import CACHE, RESAMPLES, SEED, percent
from finetune.body.compose import composed_folder
from finetune.classifier import ClassifierParts
from finetune.evaluate import Evaluation, evaluate
from finetune.fit import Fitted, fit_classifier
from finetune.linear import fit_linear
from finetune.network import Body, Matrix, Network, merged, unchanged
from finetune.types import OUT_OF_SCOPE, Example

METHODS = ("full", "lora", "head")
_BLOCK = 2_048
_TOKENS = 96

Marks = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answers:
    """What one training answered, in the order of the questions.

    `said` are its labels with refusals, `forced` its best labels in scope; `confidence` (n,) is `said`'s, None where the
    system knows no probabilities. `seconds` is the wall time of the training.
    """

    said: list[str]
    forced: list[str]
    confidence: npt.NDArray[np.floating[Any]] | None
    seconds: float
    notes: tuple[str, ...] = ()

    def measures(self, gold: Sequence[str]) -> Evaluation:
        """Without probabilities the calibration means nothing."""
        sure = np.ones(len(gold)) if self.confidence is None else self.confidence
        return evaluate(gold, self.said, [float(value) for value in sure])


System = Callable[[Sequence[Example], Sequence[str], int], Answers]
"""(examples to learn from, questions, seed) -> answers."""


@cache
def shared_body() -> Body:
    """The bilingual body."""
    return Body(composed_folder(CACHE / "model"), CACHE / "model")


@cache
def _unchanged() -> Network:
    return unchanged(shared_body(), CACHE / "model")


def pooled(network: Network, texts: Sequence[str], tokens: int = _TOKENS) -> Matrix:
    """(n, d) unit vectors."""
    counter = shared_body().tokens(tokens)
    parts = [network.pooled(counter.ids(texts[i : i + _BLOCK])) for i in range(0, len(texts), _BLOCK)]
    return np.concatenate(parts)


def plain_vectors(texts: Sequence[str]) -> Matrix:
    """(n, d) unit vectors of the unchanged body; a text's is computed once."""
    known = _known_vectors()
    new = [text for text in dict.fromkeys(texts) if text not in known]
    known.update(zip(new, pooled(_unchanged(), new) if new else (), strict=True))
    return np.stack([known[text] for text in texts])


@cache
def _known_vectors() -> dict[str, Matrix]:
    return {}


# ours


def fine_tune(examples: Sequence[Example], method: str, seed: int, quiet: bool = False) -> tuple[Fitted, float]:
    """A training with the settings of the product, and its wall time in seconds."""
    from finetune.train import TrainSettings

    start = time.perf_counter()
    fitted = fit_classifier(
        examples, [], TrainSettings(method=method, seed=seed), shared_body(), CACHE / "model",
        say=None if quiet else lambda line: print(f"    {line}", flush=True),
    )  # fmt: skip
    return fitted, time.perf_counter() - start


def answers(parts: ClassifierParts, texts: Sequence[str], seconds: float = 0.0, notes: tuple[str, ...] = ()) -> Answers:
    """What a fine-tuned classifier says."""
    body = shared_body()
    network = _unchanged()
    if parts.changes:
        network = Network(body, "none", lambda: merged(body.layers(), parts.changes), None)
    vectors = pooled(network, texts, parts.max_tokens)
    found = parts.decide(vectors, texts)
    logits, _ = parts.logits(vectors, texts)
    return Answers(
        [one.label for one in found], [parts.labels[i] for i in logits.argmax(axis=1)],
        np.array([one.confidence for one in found]), seconds, notes,
    )  # fmt: skip


def ours(method: str, quiet: bool = False) -> System:
    """Our classifier, fine-tuned by one of METHODS."""

    def run(examples: Sequence[Example], texts: Sequence[str], seed: int) -> Answers:
        fitted, seconds = fine_tune(examples, method, seed, quiet)
        return answers(fitted.parts, texts, seconds, fitted.notes)

    return run


# plain ones


def _coded(examples: Sequence[Example]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The labels, out of scope last where it is learnt from, and every example's place among them."""
    labels = sorted({example.label for example in examples}, key=lambda label: (label == OUT_OF_SCOPE, label))
    place = {label: number for number, label in enumerate(labels)}
    return labels, np.array([place[example.label] for example in examples], dtype=np.int64)


def _judged(scores: npt.NDArray[Any], labels: Sequence[str], certain: bool, seconds: float) -> Answers:
    """Answers from (n, labels) scores: log-odds that a softmax turns into probabilities, or (not `certain`) margins."""
    inside = scores[:, :-1] if labels[-1] == OUT_OF_SCOPE else scores
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return Answers(
        [labels[i] for i in scores.argmax(axis=1)], [labels[i] for i in inside.argmax(axis=1)],
        (weights / weights.sum(axis=1, keepdims=True)).max(axis=1) if certain else None, seconds,
    )  # fmt: skip


def frozen(examples: Sequence[Example], texts: Sequence[str], seed: int) -> Answers:
    """Logistic regression on the unchanged body's vectors; out of scope is a label like any other."""
    labels, targets = _coded(examples)
    start = time.perf_counter()
    own = [example.text for example in examples]
    linear = fit_linear(pooled(_unchanged(), own), own, targets, len(labels), wide_weight=0.0)
    seconds = time.perf_counter() - start
    return _judged(linear.logits(pooled(_unchanged(), texts), texts), labels, True, seconds)


def words(kind: str) -> System:
    """tf-idf of words (1-2) and letters (1-4, within words) into a linear classifier, "SVM" or "logistic regression"."""

    def run(examples: Sequence[Example], texts: Sequence[str], seed: int) -> Answers:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline, make_union
        from sklearn.svm import LinearSVC

        labels, targets = _coded(examples)
        features = make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True),
        )
        last = LinearSVC(random_state=seed) if kind == "SVM" else LogisticRegression(C=30, max_iter=200, tol=1e-3)
        model = make_pipeline(features, last)
        start = time.perf_counter()
        model.fit([example.text for example in examples], targets)
        seconds = time.perf_counter() - start
        scores = np.asarray(model.decision_function(list(texts)))
        if scores.ndim == 1:
            scores = np.stack([-scores / 2, scores / 2], axis=1)
        return _judged(scores, labels, kind != "SVM", seconds)

    return run


def setfit(examples: Sequence[Example], texts: Sequence[str], seed: int) -> Answers:
    """The SetFit package on the same body: one epoch over 20 pairs of a kind for each text (Tunstall et al. 2022)."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    labels, targets = _coded(examples)
    data = Dataset.from_dict({"text": [example.text for example in examples], "label": targets.tolist()})
    model = SetFitModel.from_pretrained(str(composed_folder(CACHE / "model")))
    arguments = TrainingArguments(
        num_epochs=1, num_iterations=20, seed=seed, report_to="none", output_dir=str(CACHE / "setfit")
    )
    start = time.perf_counter()
    Trainer(model=model, args=arguments, train_dataset=data).train()
    seconds = time.perf_counter() - start
    likely = np.asarray(model.predict_proba(list(texts), as_numpy=True), dtype=np.float64)
    return _judged(np.log(np.maximum(likely, 1e-12)), labels, True, seconds)


PLAIN: Mapping[str, System] = {
    "frozen body + logistic regression": frozen,
    "tf-idf + linear SVM": words("SVM"),
    "tf-idf + logistic regression": words("logistic regression"),
}


# cells of tables


def cell(marks: Sequence[npt.NDArray[Any]]) -> str:
    """Mean over seeds and questions with its interval; the lowest and highest seed behind it, where there are several."""
    matrix = np.asarray(marks, dtype=np.float64)
    if not matrix.size:
        return "-"
    text = percent(matrix.mean(axis=0))
    own = 100 * matrix.mean(axis=1)
    return text if len(matrix) < 2 else f"{text} ({own.min():.1f}-{own.max():.1f})"


def right(said: Sequence[str], gold: Sequence[str], rows: npt.NDArray[np.bool_] | None = None) -> Marks:
    """1.0 where the label is right, of the chosen rows."""
    marks = np.array([a == b for a, b in zip(said, gold, strict=True)], dtype=np.float64)
    return marks if rows is None else marks[rows]


def inside(gold: Sequence[str]) -> npt.NDArray[np.bool_]:
    """(n,) which questions are in scope."""
    return np.array([label != OUT_OF_SCOPE for label in gold])


def macro_f1(gold: Sequence[str], said: Sequence[str]) -> str:
    """Over the labels of `gold`, as a percentage with its 95 % bootstrap interval over questions."""
    if not gold:
        return "-"
    names = sorted({*gold}) + sorted({*said} - {*gold})
    place = {name: number for number, name in enumerate(names)}
    asked, told = (np.array([place[label] for label in labels]) for labels in (gold, said))
    rows = np.random.default_rng(SEED).integers(0, len(gold), (RESAMPLES, len(gold)))

    def of(sample: npt.NDArray[np.int64]) -> float:
        a, b = asked[sample], told[sample]
        there, given, hits = (np.bincount(part, minlength=len(names)) for part in (a, b, a[a == b]))
        known = there > 0
        return float(np.mean(2 * hits[known] / (there + given)[known]))

    low, high = np.percentile([of(sample) for sample in rows], (2.5, 97.5))
    return f"{100 * of(np.arange(len(gold))):.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def about_body() -> str:
    """The body in one line, for the record."""
    body = shared_body()
    return f"shared body: {body.name}, weights {body.sha256[:12]}"
