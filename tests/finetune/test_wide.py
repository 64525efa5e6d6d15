"""Words and pieces of words as features."""

from __future__ import annotations

import math

import numpy as np
import pytest

from finetune.wide import BUCKETS, Wide, counts, pieces


def test_pieces_of_words_and_of_chinese():
    assert set(pieces("Dpr u/s")) == {
        "c<d", "cdp", "cpr", "cr>", "c<dp", "cdpr", "cpr>", "c<dpr", "cdpr>", "c<u", "cu>", "c<u>", "c<s", "cs>", "c<s>",
        "wdpr", "wu", "ws", "pdpr u", "pu s",
    }  # fmt: skip
    assert set(pieces("轴承坏")) == {"c轴承", "c承坏", "c轴承坏", "w轴", "w承", "w坏", "p轴 承", "p承 坏"}
    assert list(pieces(" -- ")) == [] and list(pieces("")) == []


@pytest.mark.parametrize(
    ("one", "other"), [("PUMP Leaks", "pump leaks"), ("Ｅ207？", "e207?"), ("pump,  leaks", "pump leaks")]
)
def test_case_width_and_commas_do_not_matter(one, other):
    assert counts(one) == counts(other) != {}


def test_rows_are_as_long_as_asked_and_know_training_only():
    wide = Wide.of(["pump leaks", "pump stops", "泵漏油"], 0.3)
    for text in ("pump leaks", "the pump leaks leaks badly", "泵", "pump 泵"):
        buckets, values = wide.row(text)
        assert len(buckets) == len(values) == len(set(buckets.tolist())) > 0 and values.dtype == np.float32
        assert math.isclose(float(np.linalg.norm(values)), 0.3, rel_tol=1e-5)
        assert (wide.idf[buckets] > 0).all()
    for text in ("", "???", "q"):
        buckets, values = wide.row(text)
        assert len(buckets) == len(values) == 0


def test_rare_pieces_weigh_more_and_repeats_less_than_twice():
    wide = Wide.of(["pump leaks", "pump stops", "pump runs"], 1.0)
    pump, leaks = (next(iter(counts(word).keys() - counts("x").keys())) for word in ("pump", "leaks"))
    assert wide.idf[leaks] > wide.idf[pump] == pytest.approx(1.0)
    assert wide.idf[leaks] == pytest.approx(math.log(4 / 2) + 1)
    once, twice = (
        dict(zip(*(part.tolist() for part in wide.row(text)), strict=True))
        for text in ("pump leaks", "pump leaks leaks")
    )
    ratio = (twice[leaks] / twice[pump]) / (once[leaks] / once[pump])
    assert ratio == pytest.approx(1 + math.log(2), rel=1e-4)


def test_a_matrix_holds_the_rows():
    texts = ["pump leaks", "", "new words 泵", "stops"]
    wide = Wide.of(texts[:2], 0.5)
    matrix = wide.matrix(texts)
    assert matrix.shape == (4, BUCKETS)
    for place, text in enumerate(texts):
        buckets, values = wide.row(text)
        dense = np.zeros(BUCKETS, dtype=np.float32)
        dense[buckets] = values
        assert np.array_equal(matrix[place].toarray()[0], dense)
    assert wide.matrix([]).shape == (0, BUCKETS)
