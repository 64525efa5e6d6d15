"""One transformer encoder on CPU runtimes, without torch: texts in, unit vectors out.

Few texts (questions) run on ONNX Runtime in float32: quick to load, little memory. Many texts (documents) run on
OpenVINO, in bfloat16 where the CPU multiplies that natively, with one stream per core; where OpenVINO is not
installed, ONNX Runtime does both. Batches hold texts of equal length, so that hardly any padding is computed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from indexer.chinese import simplified
from indexer.errors import EncoderError
from indexer.export import GRAPH, discard, exported_folder, is_whole
from indexer.model_folder import ModelFolder
from indexer.protocols import FloatMatrix

log = logging.getLogger(__name__)

WINDOW_TEXTS = 4096  # texts tokenised, sorted and held at a time: bounds the memory; more hardly saves padding
BATCH_TOKENS = 2048  # tokens in one batch of the bulk path: activations stay in the cores' caches
LENGTH_STEP = 8  # lengths are rounded up to it: few distinct shapes, so that compiled kernels are met again
FEW_PADDING = 24  # tokens: more padding in a batch of the path for few texts costs more than another run
FEW_TEXTS = 16  # up to here loading the bulk runtime costs more than it gains

IntMatrix = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded input: `ids` and `mask` are (n, tokens) int64; `rows` (n,) says which texts these are."""

    rows: npt.NDArray[np.int64]
    ids: IntMatrix
    mask: IntMatrix


class Runtime(Protocol):
    """Runs batches; `sink` is called once for each, in any order, with its (n, dimension) float32 result."""

    description: str

    def run(self, batches: Iterable[Batch], sink: Callable[[Batch, FloatMatrix], None]) -> None: ...


def available_cores() -> int:
    """CPU cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def tokenisable(text: str) -> str:
    """A text as tokenisers get it: in simplified characters, and without half surrogate pairs, which stop them.

    The length stays, so that offsets of tokens are those of the text.
    """
    return text if text.isascii() else simplified(text.encode("utf-8", "replace").decode("utf-8"))


class TextTokens:
    """The model's own tokeniser with our limits instead of those stored in its file. Safe to share between threads."""

    def __init__(self, model: ModelFolder, max_tokens: int | None) -> None:
        """`max_tokens` cuts a text, special tokens included; None keeps it whole."""
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(model.tokenizer))
        except Exception as error:  # the library raises bare Exception
            raise EncoderError(f"Cannot read {model.tokenizer}: {error}; copy the whole model again") from error
        self._tokenizer.no_padding()
        if max_tokens is None:
            self._tokenizer.no_truncation()
        else:
            self._tokenizer.enable_truncation(max_tokens)
        self._lower = model.lower_case

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text."""
        return [encoding.ids for encoding in self._encode(texts)]

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        return [len(encoding) for encoding in self._encode(texts)]

    def _encode(self, texts: Sequence[str]) -> Any:
        return self._tokenizer.encode_batch_fast([self._clean(text) for text in texts])

    def _clean(self, text: str) -> str:
        text = tokenisable(text)
        return text.lower() if self._lower else text


def knows_characters(tokeniser: TextTokens, characters: str) -> bool:
    """Whether the model's tokeniser knows these characters.

    One that does not gives the same unknown token for them or, if it works on bytes, several tokens for each.
    """
    nothing, unknown, found = tokeniser.ids(["", "𪚥", characters])  # the second is in hardly any vocabulary
    own = [token for token in found if token not in nothing]
    known = [token for token in own if token not in unknown]
    return len(own) <= len(characters) + 1 and len(known) >= 0.9 * len(own) > 0


class Encoder:
    """A model folder made runnable. Weights load on first use; every method may be called from several threads."""

    def __init__(self, model: ModelFolder, cache_dir: Path, max_tokens: int, threads: int | None = None) -> None:
        """`threads` limits the cores used, all by default; `cache_dir` keeps the exported graph."""
        self.model = model
        self.max_tokens = max_tokens
        self.threads = threads or available_cores()
        self._cache_dir = cache_dir
        self._load_lock = threading.RLock()
        self._bulk_lock = threading.Lock()
        self._tokens: TextTokens | None = None
        self._few: Runtime | None = None
        self._bulk: Runtime | None = None

    def encode_few(self, texts: Sequence[str]) -> FloatMatrix:
        """Return (n, dimension) float32 unit vectors in float32 arithmetic, quickly for a few texts."""
        return self._encode(texts, self._few_runtime(), None, few=True)

    def encode_many(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> FloatMatrix:
        """Return (n, dimension) float32 unit vectors as fast as the machine goes; `progress` gets the texts done."""
        if len(texts) <= FEW_TEXTS:
            return self._encode(texts, self._few_runtime(), progress, few=True)
        runtime = self._bulk_runtime()
        with self._bulk_lock:  # the cores are all in use anyway, and the queue of requests has one owner
            return self._encode(texts, runtime, progress)

    def bulk_description(self) -> str:
        """Say what the bulk path runs on, as "OpenVINO bf16, 2 streams"; loads it."""
        return self._bulk_runtime().description

    def verify(self) -> bool:
        """Hash the exported files against their card; False means damaged. Exports them when there are none."""
        return is_whole(self._exported(), thorough=True)

    def _encode(
        self, texts: Sequence[str], runtime: Runtime, progress: Callable[[int], None] | None, *, few: bool = False
    ) -> FloatMatrix:
        result = np.empty((len(texts), self.model.dimension), dtype=np.float32)
        for start in range(0, len(texts), WINDOW_TEXTS):
            window = texts[start : start + WINDOW_TEXTS]
            done = _counter(start, progress)
            result[start : start + len(window)] = self._encode_window(window, runtime, done, few)
            if progress:
                progress(start + len(window))
        return result

    def _encode_window(
        self, texts: Sequence[str], runtime: Runtime, done: Callable[[int], None], few: bool
    ) -> FloatMatrix:
        rows: dict[str, int] = {}  # equal texts are encoded once
        inverse = [rows.setdefault(text, len(rows)) for text in texts]
        copies = np.bincount(inverse, minlength=len(rows))
        vectors = np.empty((len(rows), self.model.dimension), dtype=np.float32)

        def sink(batch: Batch, output: FloatMatrix) -> None:
            vectors[batch.rows] = output
            done(int(copies[batch.rows].sum()))

        ids, pad_id = self.tokeniser().ids(list(rows)), self.model.pad_id
        batches = make_batches(ids, pad_id, step=1, most_padding=FEW_PADDING) if few else make_batches(ids, pad_id)
        try:
            runtime.run(batches, sink)
        except (RuntimeError, MemoryError, ValueError) as error:
            raise EncoderError(
                f"The encoder {self.model.name} stopped in {runtime.description}: {_first_line(error)}; "
                f"free some memory, or remove {self._cache_dir / 'encoder'} to have it exported again"
            ) from error
        return vectors if len(rows) == len(texts) else vectors[inverse]

    def tokeniser(self) -> TextTokens:
        """The model's tokeniser, cut at `max_tokens`."""
        with self._load_lock:
            if self._tokens is None:
                self._tokens = TextTokens(self.model, self.max_tokens)
            return self._tokens

    def _few_runtime(self) -> Runtime:
        with self._load_lock:
            if self._few is None:
                self._few = self._load(lambda graph: OnnxRuntime(graph, self.threads))
            return self._few

    def _bulk_runtime(self) -> Runtime:
        with self._load_lock:
            if self._bulk is None:
                if _openvino() is None:
                    self._bulk = self._few_runtime()
                else:
                    self._bulk = self._load(lambda graph: OpenVinoRuntime(graph, self.threads))
            return self._bulk

    def _exported(self) -> Path:
        return exported_folder(self.model, self._cache_dir, self.model.weights_sha256())

    def _load(self, make: Callable[[Path], Runtime]) -> Runtime:
        folder = exported_folder(self.model, self._cache_dir, known_sha256(self.model, self._cache_dir))
        try:
            return make(folder / GRAPH)
        except Exception as error:  # each runtime has its own classes; all mean that it does not load
            log.warning("The exported encoder in %s does not load (%s); exporting it again", folder, _first_line(error))
        discard(folder)
        folder = self._exported()
        try:
            return make(folder / GRAPH)
        except Exception as error:
            raise EncoderError(
                f"The encoder {self.model.name} exported to {folder} does not load: {_first_line(error)}; "
                f"reinstall onnxruntime and openvino, or use another model"
            ) from error


def known_sha256(model: ModelFolder, cache_dir: Path) -> str:
    """Return the digest of the model's weights, hashed again only when a file's size or time has changed.

    The export itself always hashes, so that what runs was made from weights that were whole.
    """
    memo = cache_dir / "encoder" / "weights.json"
    try:
        stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in model.weights]
    except OSError as error:
        raise EncoderError(f"Cannot read the weights of {model.name} in {model.path}: {error}") from error
    key = json.dumps([stats, model.expected_sha256])
    known: dict[str, str] = {}
    try:
        loaded = json.loads(memo.read_text(encoding="utf-8"))
        known = {str(k): str(v) for k, v in loaded.items()} if isinstance(loaded, dict) else {}
    except (OSError, ValueError):
        pass  # only a saving of time is lost
    if key in known:
        return known[key]
    digest = model.weights_sha256()
    aside = memo.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    try:
        memo.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(known | {key: digest}), encoding="utf-8")
        os.replace(aside, memo)
    except OSError:  # the folder cannot be written: the export will say so, if there is one to do
        with contextlib.suppress(OSError):
            aside.unlink()
    return digest


def make_batches(
    ids: Sequence[Sequence[int]],
    pad_id: int,
    batch_tokens: int = BATCH_TOKENS,
    step: int = LENGTH_STEP,
    most_padding: int | None = None,
) -> Iterator[Batch]:
    """Cut token ids into batches of at most `batch_tokens` tokens and `most_padding` of padding, longest texts first."""
    lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        width = max(1, -(-int(lengths[order[start]]) // step) * step)
        rows = order[start : start + max(1, batch_tokens // width)]
        if most_padding is not None:
            rows = rows[: max(1, int((np.cumsum(width - lengths[rows]) <= most_padding).sum()))]
        start += len(rows)
        matrix = np.full((len(rows), width), pad_id, dtype=np.int64)
        mask = np.zeros((len(rows), width), dtype=np.int64)
        for place, row in enumerate(rows):
            matrix[place, : lengths[row]] = ids[row]
            mask[place, : lengths[row]] = 1
        yield Batch(rows, matrix, mask)


class OnnxRuntime:
    """ONNX Runtime in float32: loads in about a tenth of a second, weights mapped from disk."""

    def __init__(self, graph: Path, threads: int) -> None:
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False  # the arena keeps its peak for ever; a question needs little
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other stages want the cores too
        self._session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        self.description = f"ONNX Runtime f32, {threads} threads"

    def run(self, batches: Iterable[Batch], sink: Callable[[Batch, FloatMatrix], None]) -> None:
        """Run the batches one after another."""
        for batch in batches:
            (output,) = self._session.run(None, {"input_ids": batch.ids, "attention_mask": batch.mask})
            sink(batch, output)


class OpenVinoRuntime:
    """OpenVINO with one stream per core: each batch stays on one core and never waits for the other."""

    def __init__(self, graph: Path, threads: int) -> None:
        openvino = _openvino()
        core = openvino.Core()
        precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
        options = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
            "ENABLE_CPU_PINNING": True,  # a stream that wanders between cores loses its cache
        }
        self._queue = openvino.AsyncInferQueue(core.compile_model(str(graph), "CPU", options), threads)
        self._queue.set_callback(_finish)
        self.description = f"OpenVINO {precision}, {threads} streams"

    def run(self, batches: Iterable[Batch], sink: Callable[[Batch, FloatMatrix], None]) -> None:
        """Run the batches in parallel; `sink` is called on the runtime's threads, one call at a time."""
        lock = threading.Lock()
        errors: list[BaseException] = []
        try:
            for batch in batches:
                if errors:
                    break
                inputs = {"input_ids": batch.ids, "attention_mask": batch.mask}
                self._queue.start_async(inputs, (batch, sink, lock, errors), share_inputs=True)
        finally:
            self._queue.wait_all()
        if errors:
            raise errors[0]


def _finish(request: Any, state: Any) -> None:
    batch, sink, lock, errors = state
    try:
        with lock:
            sink(batch, request.get_output_tensor(0).data)
    except BaseException as error:  # an exception cannot cross the runtime's own thread
        errors.append(error)


def _openvino() -> Any:
    """Import openvino without its telemetry, which would call a web service; None where it is not installed."""
    # A None entry makes `import openvino_telemetry` fail, which openvino takes as "not installed".
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except (ImportError, OSError) as error:  # OSError: a shared library that this system cannot load
        log.warning("openvino cannot be imported (%s); documents are encoded by onnxruntime, more slowly", error)
        return None
    return openvino


def _counter(start: int, progress: Callable[[int], None] | None) -> Callable[[int], None]:
    done = start

    def add(texts: int) -> None:
        nonlocal done
        done += texts
        if progress:
            progress(done)

    return add


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
