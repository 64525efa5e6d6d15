"""The reader at work, without torch: question and passages in; relevance, "not in here", and answer spans out.

A version's folder: head.safetensors (relevance, edges), layers.safetensors (differences to the body's layers, int8 with a
scale a row), card.json. The network runs in int8 unless told otherwise.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finetune.body.delta import SCALE, packed_into, unpacked
from finetune.errors import RegistryError
from finetune.network import Body, Layers, Matrix, Network
from finetune.reading.pairs import Pair, PairTokens
from finetune.reading.spans import best_spans
from finetune.version_model import HEAD, LAYERS, opened
from indexer.model_folder import file_sha256
from indexer.types import Reading, Span

KIND = "reader"
CALIBRATION = "calibration.json"
MAX_TOKENS = 304
LONGEST_SPAN = 64
_SPANS = 3
_REMEMBERED = 64


class Reader:
    """A version of the reader on the shared body. Weights load on first use; safe to share between threads."""

    def __init__(
        self, folder: Path, body: Body, cache: Path | None, threads: int | None = None, *, int8: bool = True
    ) -> None:
        """Raises RegistryError when the version is damaged or was made on another body."""
        with opened(folder, body, KIND) as (model, head, packed):
            self._head: Mapping[str, Matrix] = {
                name: np.asarray(value, dtype=np.float32) for name, value in head.items()
            }
            self.max_tokens = int(model.get("max_tokens", MAX_TOKENS))
        self.calibration = _calibration(folder / CALIBRATION)
        digest = file_sha256(folder / LAYERS)[:24]
        self.version = digest[:12]
        self._tokens = PairTokens(body.folder)
        self._memory = Memory()
        self._network = Network(
            body,
            f"{body.sha256[:12]}-{digest}",
            lambda: with_differences(body.layers(), packed),
            cache,
            threads,
            int8=int8,
        )

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        """One reading for each passage, in order. What does not fit into the model's window is cut off at the end."""
        return self._memory.of(question, passages, self._read)

    def _read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        """Each by itself: without padding that is quicker, and in int8 what stands beside a passage would change its scale."""
        asked, *shown = self._tokens.tokens([question, *passages])
        pairs = [self._tokens.pair(asked, passage, self.max_tokens) for passage in shown]
        return [self._reading(self._network.hidden([pair.ids], [pair.types])[0], pair) for pair in pairs]

    def _reading(self, hidden: Matrix, pair: Pair) -> Reading:
        head = self._head
        relevance = float(hidden[0] @ head["relevance.weight"][0] + head["relevance.bias"][0])
        edges = hidden @ head["edges.weight"].T + head["edges.bias"]
        inside = edges[pair.first : pair.first + len(pair.passage.ids)]
        nothing = float(edges[0].sum())
        offsets = pair.passage.offsets
        found = best_spans(inside[:, 0], inside[:, 1], LONGEST_SPAN, _SPANS) if len(inside) else []
        spans = [Span(offsets[first][0], offsets[last][1], _sigmoid(score - nothing)) for first, last, score in found]
        return Reading(_sigmoid(relevance), tuple(spans))


class Memory:
    """The last readings: a question that finds no evidence is searched again, and finds most of the same passages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], Reading] = OrderedDict()

    def of(
        self, question: str, passages: Sequence[str], read: Callable[[str, Sequence[str]], list[Reading]]
    ) -> list[Reading]:
        """One for each passage, in order; `read` is called for those that are not remembered."""
        with self._lock:
            known = {text: self._known[question, text] for text in passages if (question, text) in self._known}
        missing = [text for text in dict.fromkeys(passages) if text not in known]
        if missing:
            known.update(zip(missing, read(question, missing), strict=True))
        with self._lock:
            for text, reading in known.items():
                self._known[question, text] = reading
                self._known.move_to_end((question, text))
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return [known[text] for text in passages]


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(logit, -30, 30))))


def _calibration(path: Path) -> Mapping[str, Any]:
    """How scores become decisions, fitted after the training; empty before."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RegistryError(f"{path} cannot be read ({error}); promote another version") from error


def with_differences(layers: Layers, packed: Mapping[str, npt.NDArray[Any]]) -> dict[str, Matrix]:
    """The body's layers with the differences of a version added."""
    changed = {name: layers[name] + unpacked(packed, name) for name in packed if not name.endswith(SCALE)}
    return {**layers, **changed}


def write_reader(folder: Path, head: Mapping[str, Matrix], learnt: Layers, layers: Layers) -> dict[str, Any]:
    """Write a version's arrays into `folder`: `learnt` are whole weights, stored as differences to the body's `layers`.

    Returns the card's "model".
    """
    from safetensors.numpy import save_file

    packed: dict[str, npt.NDArray[Any]] = {}
    for name, value in learnt.items():
        packed_into(packed, name, value - layers[name])
    save_file(packed, folder / LAYERS)
    save_file({name: np.ascontiguousarray(value, dtype=np.float32) for name, value in head.items()}, folder / HEAD)
    return {"kind": KIND, "max_tokens": MAX_TOKENS}
