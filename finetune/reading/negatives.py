"""The likest passages by words, the wrong ones among which are hard negatives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indexer.analysis import question_tokens, tokens

_BLOCK = 512


def nearest(questions: Sequence[str], passages: Sequence[str], count: int) -> list[list[int]]:
    """For every question the places of the `count` likest passages by TF-IDF over the indexer's own tokens, best first."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer=list, sublinear_tf=True, dtype=np.float32)
    table = vectors.fit_transform([tokens(text) for text in passages]).T.tocsr()
    asked = vectors.transform([question_tokens(text) for text in questions])
    out: list[list[int]] = []
    for begin in range(0, len(questions), _BLOCK):
        scores = (asked[begin : begin + _BLOCK] @ table).toarray()
        best = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        out += best.tolist()
    return out
