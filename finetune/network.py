"""The transformer of a model version as an ONNX graph, built from its weights without torch, and run.

The body is a BERT (Devlin et al. 2019). Its word vectors are never fine-tuned, so that all versions share the table of
the body's own file, mapped from disk: the graph takes the vectors of the words and holds the layers only (42 MB).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finetune.errors import RegistryError
from indexer.encoder import TextTokens, available_cores, known_sha256
from indexer.model_folder import ModelFolder, resolve_model

WORD_VECTORS = "embeddings.word_embeddings.weight"
GRAPH_FORMAT = 2  # part of a cached graph's name: raise it when the graph changes
_WEIGHTS = "model.safetensors"
_OPSET = 17

Matrix = npt.NDArray[np.float32]
Layers = Mapping[str, Matrix]


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers of a BERT that its weights do not tell."""

    heads: int
    norm_epsilon: float

    @classmethod
    def of(cls, folder: ModelFolder) -> Shape:
        """Read the model's config.json. Raises RegistryError when this is no BERT."""
        path = folder.transformer / "config.json"
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            if config["model_type"] != "bert" or config["hidden_act"] != "gelu":
                raise KeyError(f"model_type {config['model_type']}, hidden_act {config['hidden_act']}")
            return cls(int(config["num_attention_heads"]), float(config["layer_norm_eps"]))
        except (OSError, ValueError, KeyError) as error:
            raise RegistryError(f"{path} does not describe a BERT model ({error}); reinstall the program") from error


class Body:
    """The shared body: its tokeniser, its table of word vectors and its unchanged layers. Light until used."""

    def __init__(self, folder: Path, cache: Path) -> None:
        """`folder` is a sentence-transformers folder as `finetune.body.compose` writes it; `cache` remembers its digest."""
        self.folder = resolve_model(folder)
        self.name = self.folder.name
        self._cache = cache

    @cached_property
    def sha256(self) -> str:
        """Digest of the weights: what a version's card names as its parent."""
        return known_sha256(self.folder, self._cache)

    @cached_property
    def words(self) -> Matrix:
        """(tokens, d) float32 word vectors, mapped: only the rows that are read come into memory."""
        path = self.folder.transformer / _WEIGHTS
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            entry = json.loads(file.read(size))[WORD_VECTORS]
        if entry["dtype"] != "F32":
            raise RegistryError(f"{path}: the word vectors are {entry['dtype']}, not F32; reinstall the program")
        begin = 8 + size + entry["data_offsets"][0]
        return np.memmap(path, dtype=np.float32, mode="r", offset=begin, shape=tuple(entry["shape"]))

    def layers(self) -> dict[str, Matrix]:
        """All other weights by name, float32."""
        from safetensors import safe_open

        with safe_open(self.folder.transformer / _WEIGHTS, framework="numpy") as file:
            names = [name for name in file.keys() if name != WORD_VECTORS and "pooler" not in name]  # noqa: SIM118
            return {name: file.get_tensor(name).astype(np.float32) for name in names if "position_ids" not in name}

    def tokens(self, max_tokens: int) -> TextTokens:
        """The tokeniser, cutting at `max_tokens`."""
        return TextTokens(self.folder, max_tokens)

    @cached_property
    def shape(self) -> Shape:
        """Heads and epsilon."""
        return Shape.of(self.folder)


class Network:
    """Layers made runnable. The graph is built once and kept in `cache`; safe to share between threads."""

    def __init__(
        self, body: Body, key: str, layers: Callable[[], Layers], cache: Path | None, threads: int | None = None,
        *, int8: bool = False,
    ) -> None:  # fmt: skip
        """`layers` gives the weights; it is called only if no graph called `key` is in `cache`, None keeping none.

        `int8` multiplies in eight bits, scaled by what each call brings: two to three times as fast, a little less exact.
        """
        self._int8 = int8
        self._body, self._key, self._layers, self._cache = body, key, layers, cache
        self._threads = threads or available_cores()
        self._lock = threading.Lock()
        self._session: Any = None

    def hidden(self, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None = None) -> list[Matrix]:
        """Last hidden states, one (tokens, d) float32 array per text, in order. `types` tells a pair's second text.

        Texts run in batches of like length.
        """
        out: list[Matrix | None] = [None] * len(ids)
        order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
        at = 0
        while at < len(order):
            width = max(1, len(ids[order[at]]))
            rows = order[at : at + max(1, 4_096 // width)]
            at += len(rows)
            matrix = np.full((len(rows), width), self._body.folder.pad_id, dtype=np.int64)
            mask = np.zeros((len(rows), width), dtype=np.float32)
            kind = np.zeros((len(rows), width), dtype=np.int64)
            for place, row in enumerate(rows):
                matrix[place, : len(ids[row])] = ids[row]
                mask[place, : len(ids[row])] = 1
                if types is not None:
                    kind[place, : len(ids[row])] = types[row]
            feed = {"words": np.asarray(self._body.words[matrix]), "mask": mask, "types": kind}
            (result,) = self._run().run(None, feed)
            for place, row in enumerate(rows):
                out[row] = result[place, : len(ids[row])]
        return [matrix for matrix in out if matrix is not None]

    def pooled(self, ids: Sequence[Sequence[int]]) -> Matrix:
        """(n, d) float32 unit vectors: the mean over a text's tokens, as the body's own."""
        if not ids:
            return np.zeros((0, self._body.words.shape[1]), dtype=np.float32)
        means = np.stack([hidden.mean(axis=0) for hidden in self.hidden(ids)])
        return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12), dtype=np.float32)

    def _run(self) -> Any:
        with self._lock:
            if self._session is None:
                self._session = self._load()
            return self._session

    def _load(self) -> Any:
        if self._cache is None:
            return _session(self._graph(), self._threads)
        path = self._cache / "heads" / f"{self._key}-{GRAPH_FORMAT}{'-int8' if self._int8 else ''}.onnx"
        try:
            return _session(path, self._threads)
        except Exception:  # not there, or damaged: it can be made again
            return _session(_keep(path, self._graph()), self._threads)

    def _graph(self) -> bytes:
        graph = build_graph(self._layers(), self._body.shape)
        return quantised(graph) if self._int8 else graph


def _session(graph: Path | bytes, threads: int) -> Any:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = graph if isinstance(graph, bytes) else str(graph)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _keep(path: Path, graph: bytes) -> Path | bytes:
    """Write a graph aside and move it into place; where the cache cannot be written, the graph itself.

    The weights get a file of their own, which the runtime maps instead of copying: half the time to load, less memory.
    """
    import onnx

    weights = path.with_suffix(".weights")
    aside = path.parent / f".{path.stem}-{os.getpid()}-{threading.get_ident()}"
    try:
        aside.mkdir(parents=True)
        onnx.save_model(
            onnx.load_from_string(graph), str(aside / path.name), save_as_external_data=True, location=weights.name
        )
        shutil.copymode(aside / path.name, aside / weights.name)
        os.replace(aside / weights.name, weights)  # before the graph that names it
        os.replace(aside / path.name, path)
    except OSError:
        return graph
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return path


def quantised(graph: bytes) -> bytes:
    """A graph whose products with weights are made in int8 (dynamic quantisation, a scale for each column of a weight).

    Weights keep seven bits: processors without VNNI add pairs of products in 16 bits, which eight would overflow.
    """
    import tempfile

    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder, _without_advice():
        target = Path(folder) / "int8.onnx"
        quantize_dynamic(
            onnx.load_from_string(graph), target, op_types_to_quantize=["MatMul"], per_channel=True, reduce_range=True,
            weight_type=QuantType.QInt8, extra_options={"MatMulConstBOnly": True},
        )  # fmt: skip
        return target.read_bytes()


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """The quantiser advises by a warning of the root logger to prepare the graph before; ours needs no preparing."""
    root = logging.getLogger()

    def wanted(record: logging.LogRecord) -> bool:
        return "pre-processing before quantization" not in record.getMessage()

    root.addFilter(wanted)
    try:
        yield
    finally:
        root.removeFilter(wanted)


def unchanged(body: Body, cache: Path, threads: int | None = None) -> Network:
    """The body as it is, without any version's changes."""
    return Network(body, f"{body.sha256[:12]}-unchanged", body.layers, cache, threads)


def merged(layers: Mapping[str, Matrix], changes: Mapping[str, Matrix]) -> dict[str, Matrix]:
    """The body's `layers` with what `finetune.learner.Learner.changes` gave."""
    out = dict(layers)
    for name, value in changes.items():
        if name.endswith(".a"):
            weight = name[:-2]
            out[weight] = layers[weight] + changes[f"{weight}.b"].astype(np.float32) @ value.astype(np.float32)
        elif not name.endswith(".b"):
            out[name] = value.astype(np.float32)
    return out


def build_graph(layers: Layers, shape: Shape) -> bytes:
    """A serialised ONNX model: words (n, t, d), mask (n, t), types (n, t) int64 -> hidden (n, t, d)."""
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes: list[Any] = []
    constants: dict[str, Any] = {}

    def constant(name: str, value: Any) -> str:
        constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"{kind}{len(nodes)}"
        nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def linear(value: str, name: str) -> str:
        product = add("MatMul", value, constant(f"{name}.weight", layers[f"{name}.weight"].T))
        return add("Add", product, constant(f"{name}.bias", layers[f"{name}.bias"]))

    def norm(value: str, name: str) -> str:
        scale, bias = (constant(f"{name}.{part}", layers[f"{name}.{part}"]) for part in ("weight", "bias"))
        return add("LayerNormalization", value, scale, bias, axis=-1, epsilon=shape.norm_epsilon)

    def gelu(value: str) -> str:
        error = add("Erf", add("Div", value, constant("root2", np.float32(np.sqrt(2)))))
        twice = add("Mul", value, add("Add", error, constant("one", np.float32(1))))
        return add("Mul", twice, constant("half", np.float32(0.5)))

    width = int(layers["embeddings.LayerNorm.weight"].shape[0])
    size = width // shape.heads
    split = constant("split", np.array([0, 0, shape.heads, size], dtype=np.int64))
    join = constant("join", np.array([0, 0, width], dtype=np.int64))

    length = add("Slice", add("Shape", "words"), *(constant(f"axis{i}", np.array([i], dtype=np.int64)) for i in (1, 2)))
    table = constant("positions", layers["embeddings.position_embeddings.weight"])
    positions = add("Slice", table, constant("axis0", np.array([0], dtype=np.int64)), length)
    kinds = add("Gather", constant("kinds", layers["embeddings.token_type_embeddings.weight"]), "types")
    state = norm(add("Add", add("Add", "words", kinds), positions), "embeddings.LayerNorm")
    # Added to the scores: 0 where a token is, very little where padding is; (n, 1, 1, t).
    hide = add("Mul", add("Sub", "mask", constant("one", np.float32(1))), constant("much", np.float32(1e4)))
    hide = add("Unsqueeze", hide, constant("middle", np.array([1, 2], dtype=np.int64)))

    number = 0
    while (layer := f"encoder.layer.{number}") + ".output.dense.weight" in layers:
        query, key, value = (
            add("Reshape", linear(state, f"{layer}.attention.self.{part}"), split) for part in ("query", "key", "value")
        )
        query, value = (add("Transpose", part, perm=[0, 2, 1, 3]) for part in (query, value))
        scores = add("MatMul", query, add("Transpose", key, perm=[0, 2, 3, 1]))
        scores = add("Add", add("Div", scores, constant("root", np.float32(np.sqrt(size)))), hide)
        mixed = add("Transpose", add("MatMul", add("Softmax", scores, axis=-1), value), perm=[0, 2, 1, 3])
        attended = linear(add("Reshape", mixed, join), f"{layer}.attention.output.dense")
        state = norm(add("Add", attended, state), f"{layer}.attention.output.LayerNorm")
        inner = gelu(linear(state, f"{layer}.intermediate.dense"))
        state = norm(add("Add", linear(inner, f"{layer}.output.dense"), state), f"{layer}.output.LayerNorm")
        number += 1
    nodes.append(helper.make_node("Identity", [state], ["hidden"]))

    real, whole = TensorProto.FLOAT, TensorProto.INT64
    inputs = [
        helper.make_tensor_value_info("words", real, ["n", "t", width]),
        helper.make_tensor_value_info("mask", real, ["n", "t"]),
        helper.make_tensor_value_info("types", whole, ["n", "t"]),
    ]
    outputs = [helper.make_tensor_value_info("hidden", real, ["n", "t", width])]
    graph = helper.make_graph(nodes, "layers", inputs, outputs, list(constants.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised
