"""The likest passages, the wrong ones among which are hard negatives: by words, and by meaning as a search would meet them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from indexer.analysis import question_tokens, tokens
from indexer.protocols import Embedder

Finder = Callable[[Sequence[str], Sequence[str], int], list[list[int]]]
_BLOCK = 512


def nearest_by_words(questions: Sequence[str], passages: Sequence[str], count: int) -> list[list[int]]:
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


def nearest_by_both(embedder: Embedder) -> Finder:
    """Passages likest by words and by the embedder's vectors in turn, without repetition, as the hybrid search finds them."""

    def find(questions: Sequence[str], passages: Sequence[str], count: int) -> list[list[int]]:
        by_words = nearest_by_words(questions, passages, count)
        table = embedder.embed_documents(list(passages)).T
        asked = embedder.embed_questions(list(questions))
        out: list[list[int]] = []
        for begin in range(0, len(questions), _BLOCK):
            best = np.argsort(-(asked[begin : begin + _BLOCK] @ table), axis=1, kind="stable")[:, :count]
            for words, meaning in zip(by_words[begin : begin + _BLOCK], best.tolist(), strict=True):
                turns = [place for both in zip(words, meaning, strict=True) for place in both]
                out.append(list(dict.fromkeys(turns))[:count])
        return out

    return find
