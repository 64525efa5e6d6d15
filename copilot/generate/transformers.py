"""Language models that run in this process: any causal or sequence-to-sequence model of the transformers library."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot.errors import CutOffError, GeneratorError, ModelAwayError
from copilot.generate.pump import Emit, Limits, Stop, pumped
from copilot.prompt import Message

_ENDLESS = 1 << 20  # tokenizers without a limit of their own give 10^30
_LARGE = 4 << 30  # bytes of weights from which a processor computes in bfloat16: as fast or slower, but half the memory


@dataclass(frozen=True, slots=True)
class _Loaded:
    tokenizer: Any
    model: Any
    device: str
    reads_and_writes: bool
    """Whether it is a sequence-to-sequence model, whose text is not preceded by the prompt."""


class TransformersModel:
    """A model by folder, or by the name under which it lies in this machine's cache.

    Nothing is fetched unless `download` is true, and no code that comes with a model is ever run. A graphics card is
    used where there is one. One text at a time is written; others wait.
    """

    def __init__(
        self,
        model: str,
        *,
        limits: Limits | None = None,
        context_tokens: int = 4096,
        temperature: float = 0.0,
        download: bool = False,
    ) -> None:
        self._model = model
        self._limits = limits or Limits()
        self._context_tokens = context_tokens
        self._temperature = temperature
        self._download = download
        self._loaded: _Loaded | None = None
        self._loading = threading.Lock()
        self._writing = threading.Lock()

    @property
    def name(self) -> str:
        return f"transformers:{Path(self._model).name}"

    def context_tokens(self) -> int:
        loaded = self._load()
        own = [
            getattr(loaded.model.config, "max_position_embeddings", None),
            getattr(loaded.tokenizer, "model_max_length", None),
        ]
        return min([self._context_tokens, *(size for size in own if isinstance(size, int) and 0 < size < _ENDLESS)])

    def count_tokens(self, text: str) -> int:
        return len(self._load().tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        """See `copilot.protocols.LanguageModel`."""

        def make(emit: Emit, stop: Stop) -> None:
            loaded = self._load()
            with self._writing:
                if not stop:
                    self._write(loaded, messages, max_tokens, emit, stop)

        yield from pumped(make, self._limits)

    def check(self) -> str:
        with self._explained():
            from transformers import AutoConfig, AutoTokenizer

            config = AutoConfig.from_pretrained(self._model, **self._source())
            AutoTokenizer.from_pretrained(self._model, **self._source())
        return f"{self._model}: {config.model_type} on {_device()}"

    def _load(self) -> _Loaded:
        with self._loading:
            if self._loaded is None:
                with self._explained():
                    self._loaded = self._read()
            return self._loaded

    def _read(self) -> _Loaded:
        if self._download:  # the command line switches the libraries' network off before anything is imported
            os.environ.update(HF_HUB_OFFLINE="0", TRANSFORMERS_OFFLINE="0")
        import transformers

        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        source = self._source()
        config = transformers.AutoConfig.from_pretrained(self._model, **source)
        tokenizer = transformers.AutoTokenizer.from_pretrained(self._model, **source)
        both = bool(getattr(config, "is_encoder_decoder", False))
        kind = transformers.AutoModelForSeq2SeqLM if both else transformers.AutoModelForCausalLM
        device = _device()
        model = kind.from_pretrained(
            self._model, dtype=_dtype(config, device, self._model), use_safetensors=True, **source
        )
        return _Loaded(tokenizer, model.to(device).eval(), device, both)

    def _write(self, loaded: _Loaded, messages: Sequence[Message], max_tokens: int, emit: Emit, stop: Stop) -> None:
        import torch
        from transformers import StoppingCriteria, StoppingCriteriaList, TextStreamer

        class Streamer(TextStreamer):  # type: ignore[misc]
            def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
                emit(text)

        class Unwanted(StoppingCriteria):  # type: ignore[misc]
            def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
                return torch.full((input_ids.shape[0],), bool(stop), dtype=torch.bool, device=input_ids.device)

        inputs = encoded(loaded.tokenizer, messages).to(loaded.device)
        inputs.pop("token_type_ids", None)
        chosen: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if self._temperature > 0:
            chosen = {"do_sample": True, "temperature": self._temperature}
        with torch.inference_mode():
            out = loaded.model.generate(
                **inputs,
                max_new_tokens=max_tokens,
                streamer=Streamer(loaded.tokenizer, skip_prompt=not loaded.reads_and_writes, skip_special_tokens=True),
                stopping_criteria=StoppingCriteriaList([Unwanted()]),
                pad_token_id=_padding(loaded),
                **chosen,
            )[0]
        written = len(out) - (1 if loaded.reads_and_writes else inputs["input_ids"].shape[1])
        if not stop and written >= max_tokens and int(out[-1]) not in _ends(loaded):
            raise CutOffError(f"the text was not finished after {max_tokens} tokens; raise llm_max_tokens")

    def _source(self) -> dict[str, Any]:
        return {"local_files_only": not self._download, "trust_remote_code": False}

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except ImportError as error:
            raise ModelAwayError(f"the language model needs a package that is not installed: {error}") from error
        except (OSError, ValueError, KeyError) as error:
            words = " ".join(str(error).split())[:200]
            raise ModelAwayError(
                f"the language model {self._model} cannot be loaded ({words}); give the folder of a transformers model "
                "with safetensors weights in the setting `model`"
            ) from error
        except RuntimeError as error:
            raise GeneratorError(
                f"the language model {self._model} cannot be loaded: {' '.join(str(error).split())[:200]}"
            ) from error


def encoded(tokenizer: Any, messages: Sequence[Message]) -> Any:
    """The messages as input ids (1, n): by the tokenizer's chat template if it has one, else as plain text."""
    if not getattr(tokenizer, "chat_template", None):
        return tokenizer(plain_text(messages), return_tensors="pt", verbose=False)
    chat = [{"role": message.role, "content": message.content} for message in messages]
    # A template that knows a thinking mode is asked to leave it off; others ignore the word.
    wanted = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": True, "enable_thinking": False}
    try:
        return tokenizer.apply_chat_template(chat, **wanted)
    except Exception:  # jinja's, raised by templates that know no system message: it goes before the user's words
        one = [{"role": "user", "content": "\n\n".join(message.content for message in messages)}]
        return tokenizer.apply_chat_template(one, **wanted)


def plain_text(messages: Sequence[Message]) -> str:
    """The prompt of a model without a chat format."""
    return "\n\n".join(message.content for message in messages) + "\n\nAnswer:"


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _dtype(config: Any, device: str, model: str) -> Any:
    """The checkpoint's own on a graphics card; on a processor float32, or bfloat16 for what is large."""
    import torch

    if device != "cpu":
        return "auto"
    folder = Path(model)
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors")) if folder.is_dir() else 0
    half = getattr(config, "dtype", None) in (torch.float16, torch.bfloat16, "float16", "bfloat16")
    return torch.bfloat16 if half and size > _LARGE else torch.float32


def _padding(loaded: _Loaded) -> int | None:
    pad = loaded.tokenizer.pad_token_id
    ends = _ends(loaded)
    return pad if pad is not None else next(iter(ends), None)


def _ends(loaded: _Loaded) -> list[int]:
    end = loaded.model.generation_config.eos_token_id
    if end is None:
        end = loaded.tokenizer.eos_token_id
    return [] if end is None else [int(one) for one in (end if isinstance(end, list) else [end])]
