"""Questions that the documents did not answer, as people reported them: `gaps.jsonl` in the home folder.

Append-only, safe with many writers, whole after a crash (`finetune.journal`). Personal data in a question is masked
before it is written. `clusters` puts together what asks for the same thing about one machine, so that whoever keeps the
documents sees what is missing most.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from copilot.types import Answer
from finetune.journal import Journal, locked
from finetune.privacy import mask
from indexer.protocols import FloatMatrix

FILE = "gaps.jsonl"
SCHEMA = 1
NEAR = 0.45
"""Cosine distance, 0..2: the mean between two groups below which they are one."""
_MOST = 2_000  # different questions per machine that are compared with each other, the newest ones
_NEAREST = 3


@dataclass(frozen=True, slots=True)
class Gap:
    """A question without an answer. `nearest` are (document, 1-based page) of the nearest hits; `source` says who
    reported it: "cli", "service", or a word of the caller's."""

    question: str
    machine: str | None
    language: str
    route: str
    status: str
    evidence_score: float
    nearest: tuple[tuple[str, int], ...]
    index_version: str
    source: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Cluster:
    """Gaps that ask for much the same about one machine (None: no machine named), oldest first.

    `question` is the one nearest to all that were asked; `nearest` the places most often near, at most three.
    """

    machine: str | None
    question: str
    gaps: tuple[Gap, ...]
    nearest: tuple[tuple[str, int], ...]

    @property
    def first(self) -> datetime:
        """When it was first asked."""
        return self.gaps[0].created_at

    @property
    def last(self) -> datetime:
        """When it was last asked."""
        return self.gaps[-1].created_at


def of_answer(answer: Answer, source: str = "cli") -> Gap:
    """The gap that an answer without evidence leaves, personal data masked."""
    understanding = answer.understanding
    return Gap(
        question=mask(answer.question.text).text,
        machine=understanding.machine if understanding.machine_known else None,
        language=understanding.language,
        route=understanding.route.route,
        status=answer.status.value,
        evidence_score=round(answer.evidence_score, 4),
        nearest=tuple((hit.chunk.source.document_id, hit.chunk.pages[0]) for hit in answer.evidence[:_NEAREST]),
        index_version=answer.index_version,
        source=source,
        created_at=datetime.now(UTC),
    )


def append(home: Path, gap: Gap) -> None:
    """Add a gap to the home folder's log, on disk when this returns. Raises FeedbackError: full disk, no permission."""
    fields = to_json(gap)
    journal = _journal(home)
    with locked(home, "gaps.lock"):
        journal.append([json.dumps(fields, ensure_ascii=False, allow_nan=False).encode("utf-8")])


def to_json(gap: Gap) -> dict[str, Any]:
    """A gap in plain values, as it stands in the file."""
    return {"schema": SCHEMA, **asdict(gap), "created_at": gap.created_at.isoformat(timespec="seconds")}


def read(home: Path) -> list[Gap]:
    """The gaps of a home folder, oldest first; lines that are none are passed over. Raises FeedbackError."""
    found = []
    for line in _journal(home).lines():
        try:
            found.append(from_json(json.loads(line)))
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
    return sorted(found, key=lambda gap: gap.created_at)


def clusters(gaps: Sequence[Gap], embed: Callable[[Sequence[str]], FloatMatrix]) -> list[Cluster]:
    """Gaps by machine and meaning, the most frequent first, among equals the newest.

    `embed` gives (n, d) float32 unit vectors, such as `Embedder.embed_questions`. Within a machine the different
    questions are put together by average linkage on cosine distance, up to `NEAR`.
    """
    found: list[Cluster] = []
    for machine in dict.fromkeys(gap.machine for gap in gaps):
        mine = [gap for gap in gaps if gap.machine == machine]
        texts = list(dict.fromkeys(gap.question for gap in reversed(mine)))[:_MOST]
        vectors = np.asarray(embed(texts), dtype=np.float32)
        labels = _labels(vectors)
        for label in sorted(set(labels)):
            places = [place for place, one in enumerate(labels) if one == label]
            asked = {texts[place] for place in places}
            own = tuple(gap for gap in mine if gap.question in asked)
            often = Counter(gap.question for gap in own)
            likeness = vectors[places] @ sum(often[texts[place]] * vectors[place] for place in places)
            near = Counter(place for gap in own for place in gap.nearest)
            central = texts[places[int(np.argmax(likeness))]]
            found.append(Cluster(machine, central, own, tuple(place for place, _ in near.most_common(_NEAREST))))
    return sorted(found, key=lambda cluster: (-len(cluster.gaps), -cluster.last.timestamp()))


def _labels(vectors: FloatMatrix) -> list[int]:
    """A group's number per row."""
    if len(vectors) < 2:
        return [0] * len(vectors)
    from sklearn.cluster import AgglomerativeClustering

    grouping = AgglomerativeClustering(n_clusters=None, metric="cosine", linkage="average", distance_threshold=NEAR)
    return [int(label) for label in grouping.fit_predict(vectors)]


def cluster_to_json(cluster: Cluster) -> dict[str, Any]:
    """A cluster as `copilot eval gaps --json` prints it."""
    return {
        "machine": cluster.machine,
        "question": cluster.question,
        "count": len(cluster.gaps),
        "questions": list(dict.fromkeys(gap.question for gap in cluster.gaps)),
        "first": cluster.first.isoformat(),
        "last": cluster.last.isoformat(),
        "nearest": [{"document": document, "page": page} for document, page in cluster.nearest],
    }


def _journal(home: Path) -> Journal:
    return Journal(home / FILE, lambda: locked(home, "gaps.lock"))


def from_json(fields: dict[str, Any]) -> Gap:
    """The inverse of `to_json`. Raises ValueError, KeyError or TypeError for what is none."""
    if fields["schema"] != SCHEMA or not isinstance(fields["question"], str) or not fields["question"]:
        raise ValueError(fields["schema"])
    when = datetime.fromisoformat(fields["created_at"])
    machine = fields["machine"]
    return Gap(
        question=fields["question"],
        machine=machine if isinstance(machine, str) else None,
        language=str(fields["language"]),
        route=str(fields["route"]),
        status=str(fields["status"]),
        evidence_score=float(fields["evidence_score"]),
        nearest=tuple((str(document), int(page)) for document, page in fields["nearest"]),
        index_version=str(fields["index_version"]),
        source=str(fields["source"]),
        created_at=when if when.tzinfo is not None else when.replace(tzinfo=UTC),
    )
