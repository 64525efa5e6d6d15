"""Adapters that give encoders the shape of `indexer.protocols.Embedder`."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.encoder import Encoder, TextTokens, known_sha256, knows_characters
from indexer.errors import EncoderError
from indexer.model_folder import DEFAULT_MAX_TOKENS, DEFAULT_MODEL, ModelFolder, resolve_model
from indexer.protocols import FloatMatrix

# Everyday characters of manuals; a vocabulary that holds nine in ten of them was made for Chinese.
_COMMON_CHINESE = "的机电压力检查更换报警过热停止启动设备故障原因处理参数输出温度控制油泵阀轴承传感器安全操作维护"


class ModelTokenCounter:
    """Counts tokens as the encoder sees a document: its prompt and the special tokens included, nothing cut off."""

    def __init__(self, model: ModelFolder) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._tokens: TextTokens | None = None

    def __call__(self, text: str) -> int:
        """Return the number of tokens of one text."""
        return self.count_many([text])[0]

    def count_many(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text; several times faster than one by one."""
        with self._lock:
            if self._tokens is None:
                self._tokens = TextTokens(self._model, max_tokens=None)
        prompt = self._model.document_prompt
        return self._tokens.lengths([prompt + text for text in texts] if prompt else texts)


class Memory:
    """The last vectors made, by text. Safe to share between threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._known: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()

    def vectors(self, texts: Sequence[str], make: Callable[[Sequence[str]], FloatMatrix]) -> FloatMatrix:
        """(n, dimension), in this order; `make` is called for those that are not remembered."""
        if not self._most or not texts:
            return make(texts)
        with self._lock:
            known = {text: self._known[text] for text in texts if text in self._known}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(zip(missing, make(missing), strict=True))
        with self._lock:
            for text, vector in known.items():
                self._known[text] = vector
                self._known.move_to_end(text)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        found: FloatMatrix = np.stack([known[text] for text in texts])
        return found


class OnnxEmbedder:
    """Any sentence-transformers model of this machine, exported to ONNX once and run without torch.

    The constructor reads the model's small configuration files only; weights load at the first text. One object may
    serve several threads.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        cache_dir: Path,
        max_tokens: int = DEFAULT_MAX_TOKENS,
        threads: int | None = None,
        remember: int = 0,
    ) -> None:
        """Take a model by name or folder (see `resolve_model`).

        `remember` is how many vectors of `embed_questions` are kept, the last used: a server meets the same questions
        and the same sentences again and again. `cache_dir` keeps the exported graph. Texts are cut at `max_tokens` or at the model's own limit, whichever is
        less. Raises EncoderError when the model is not on this machine or `max_tokens` leaves no room for a text.
        """
        if max_tokens < 8:
            raise EncoderError(f"max_tokens is {max_tokens}; give at least 8, so that a text fits beside its markers")
        self._model = resolve_model(model)
        self._cache_dir = Path(cache_dir)
        self.name = self._model.name
        self.dimension = self._model.dimension
        self.max_tokens = min(max_tokens, self._model.max_tokens)
        self.encoder = Encoder(self._model, self._cache_dir, self.max_tokens, threads)
        self._counter = ModelTokenCounter(self._model)
        self._memory = Memory(remember)

    @cached_property
    def weights_sha256(self) -> str:
        """Digest of the weight files; hashing them takes a moment the first time, no runtime is loaded."""
        return known_sha256(self._model, self._cache_dir)

    @cached_property
    def reads_chinese(self) -> bool:
        """Whether the tokeniser knows Chinese characters; an English model takes nearly all of them for one unknown."""
        return knows_characters(self.encoder.tokeniser(), _COMMON_CHINESE)

    def embed_documents(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> FloatMatrix:
        """Return (n, dimension) float32 unit vectors in the order of `texts`; made for any number of them."""
        prompt = self._model.document_prompt
        return self.encoder.encode_many([prompt + text for text in texts] if prompt else texts, progress)

    def embed_questions(self, texts: Sequence[str]) -> FloatMatrix:
        """Return (n, dimension) float32 unit vectors; quick for a few texts."""
        prompt = self._model.question_prompt
        return self._memory.vectors([prompt + text for text in texts] if prompt else texts, self.encoder.encode_few)

    def token_counter(self) -> ModelTokenCounter:
        """Return the counter of this model's tokens; it shares the tokeniser of this object's other counters."""
        return self._counter
