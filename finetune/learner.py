"""The shared body while it learns, and what it has learnt: low-rank matrices (LoRA, Hu et al. 2021) or whole layers.

The word vectors never change, so that every version shares the body's table. Imports torch: for training only.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from finetune.errors import TrainingError
from finetune.network import Body, Matrix

METHODS = ("full", "lora", "head")
_LORA_PARTS = ["query", "key", "value", "dense"]


class Learner(nn.Module):  # type: ignore[misc]  # torch is not followed by the type checker
    """Token ids in, last hidden states out; `method` says what of the body may change."""

    def __init__(self, body: Body, method: str, rank: int = 16, seed: int = 0, frozen: int = 0) -> None:
        """`frozen` of the layers, from below, never change. Raises TrainingError for a method that is not one of METHODS."""
        from transformers import AutoModel
        from transformers.utils import logging

        super().__init__()
        if method not in METHODS:
            raise TrainingError(f"There is no method {method!r}; choose from {', '.join(METHODS)}")
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        # Dropout inside the layers costs a CPU two fifths of a step; whole tokens are dropped instead, see `forward`.
        self.bert: Any = AutoModel.from_pretrained(
            str(body.folder.transformer), add_pooling_layer=False, attn_implementation="eager",
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )  # fmt: skip
        self.width = int(self.bert.config.hidden_size)
        self.layers = int(self.bert.config.num_hidden_layers)
        self.method = method
        self.rank = rank
        self._before = {name: value.detach().clone() for name, value in self.bert.named_parameters()}
        self.bert.embeddings.requires_grad_(False)
        for layer in self.bert.encoder.layer[:frozen]:
            layer.requires_grad_(False)
        if method == "head":
            self.bert.requires_grad_(False)
        elif method == "lora":
            from peft import LoraConfig, get_peft_model

            torch.manual_seed(seed)
            warnings.filterwarnings(
                "ignore", category=FutureWarning, module="transformers"
            )  # peft's doing, not the user's
            config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=_LORA_PARTS)
            self.bert = get_peft_model(self.bert, config)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor | None = None, token_dropout: float = 0.0) -> Tensor:
        """(n, t) ids and mask -> (n, t, d) float32. While training, a share of the tokens is hidden, never the first."""
        if self.training and token_dropout:
            kept = torch.rand(mask.shape, device=mask.device) >= token_dropout
            kept[:, 0] = True
            mask = mask * kept
        with torch.autocast(ids.device.type, dtype=torch.bfloat16, enabled=half_precision(ids.device.type)):
            hidden: Tensor = self.bert(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state
        return hidden.float()

    def groups(self, rate: float, decay: float, weight_decay: float) -> list[dict[str, Any]]:
        """Parameters for the optimiser: lower layers learn more slowly, by `decay` a layer (Howard & Ruder 2018)."""
        out = []
        for name, parameter in self.bert.named_parameters():
            if not parameter.requires_grad:
                continue
            below = next((self.layers - 1 - i for i in range(self.layers) if f"layer.{i}." in name), self.layers)
            out.append({
                "params": [parameter], "lr": rate * decay**below, "weight_decay": weight_decay if parameter.ndim > 1 else 0.0,
            })  # fmt: skip
        return out

    def changes(self) -> dict[str, Matrix]:
        """What was learnt, by name: `<weight>.a` (rank, in) and `<weight>.b` (out, rank) for LoRA, else the weights."""
        if self.method == "head":
            return {}
        out: dict[str, Matrix] = {}
        if self.method == "full":
            for name, value in self.bert.named_parameters():
                if value.requires_grad and not torch.equal(value, self._before[name].to(value.device)):
                    out[name] = value.detach().float().cpu().numpy()
            return out
        state = {name: value for name, value in self.bert.named_parameters() if "lora_" in name}
        for name, value in state.items():
            plain = name.removeprefix("base_model.model.")
            kind = "a" if ".lora_A." in plain else "b"
            weight = plain.split(".lora_")[0] + ".weight"
            scaled = value.detach().float().cpu().numpy() * (2.0 if kind == "b" else 1.0)  # alpha / rank
            out[f"{weight}.{kind}"] = scaled
        return out


def half_precision(device: str) -> bool:
    """Whether bfloat16 pays: on a GPU, and on processors that multiply it natively; emulated, it is slower."""
    if device != "cpu":
        return True
    capability = getattr(torch.backends.cpu, "get_cpu_capability", lambda: "")()
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and "AVX512" in capability


def pad(ids: Sequence[Sequence[int]], device: str = "cpu", value: int = 0) -> tuple[Tensor, Tensor]:
    """(n, longest) int64 ids and mask."""
    width = max(map(len, ids))
    matrix = np.full((len(ids), width), value, dtype=np.int64)
    mask = np.zeros((len(ids), width), dtype=np.int64)
    for place, row in enumerate(ids):
        matrix[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return torch.from_numpy(matrix).to(device), torch.from_numpy(mask).to(device)


def pooled(hidden: Tensor, mask: Tensor) -> Tensor:
    """(n, t, d) -> (n, d) unit vectors: the mean over a text's tokens, as the body's own."""
    weights = mask[..., None].float()
    return nn.functional.normalize((hidden * weights).sum(1) / weights.sum(1).clamp(min=1), dim=-1)
