"""The model while it learns: the unchanged body's transformer, its word vectors kept, and rows of its own for new tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from finetune.errors import BodyError
from indexer.model_folder import resolve_model

METHODS = ("rows", "lora", "full")


class Student(nn.Module):  # type: ignore[misc]  # torch is not followed by the type checker
    """Token ids in, unit vectors out (mean pooling), as the body itself does.

    `row_of` says which row an id reads: one of the frozen old ones, or, from the old vocabulary's size on, one of `rows`.
    Nothing is dropped out: the teacher's vectors are the regulariser.
    """

    def __init__(
        self,
        first_rows: npt.NDArray[np.float32],
        row_of: npt.NDArray[np.int64],
        method: str = "full",
        fused_attention: bool = False,
    ) -> None:
        """`first_rows` (new rows, d); `row_of` (ids,), see `vocabulary.row_sources`; `method` is one of METHODS.

        Raises BodyError for another method.
        """
        from transformers import AutoModel

        super().__init__()
        if method not in METHODS:
            raise BodyError(f"There is no method {method!r}; choose from {', '.join(METHODS)}")
        folder = resolve_model().transformer
        attention = "sdpa" if fused_attention else "eager"
        self.bert: Any = AutoModel.from_pretrained(str(folder), add_pooling_layer=False, attn_implementation=attention)
        self.known = int(self.bert.config.vocab_size)
        self.rows = nn.Parameter(torch.from_numpy(first_rows.copy()))
        self.register_buffer("row_of", torch.from_numpy(row_of.astype(np.int64)), persistent=False)
        words = self.bert.embeddings.word_embeddings
        words.weight.requires_grad_(False)
        if method == "rows":
            self.bert.requires_grad_(False)
        elif method == "lora":
            from peft import LoraConfig, get_peft_model

            config = LoraConfig(
                r=64, lora_alpha=128, lora_dropout=0.0, target_modules=["query", "key", "value", "dense"]
            )
            self.bert = get_peft_model(self.bert, config)
        self.method = method

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(n, tokens) ids and mask -> (n, d) float32 unit vectors."""
        row = self.row_of[ids]
        old = self._words(row.clamp(max=self.known - 1))
        new = nn.functional.embedding((row - self.known).clamp(min=0), self.rows)
        embedded = torch.where((row >= self.known)[..., None], new, old)
        hidden = self.bert(inputs_embeds=embedded, attention_mask=mask).last_hidden_state.float()
        weights = mask[..., None].float()
        mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
        return nn.functional.normalize(mean, dim=-1)

    def _words(self, ids: Tensor) -> Tensor:
        base = self.bert.get_base_model() if self.method == "lora" else self.bert
        found: Tensor = base.embeddings.word_embeddings(ids)
        return found

    def load_layers(self, weights: Mapping[str, npt.NDArray[np.float32]]) -> None:
        """Take over the layers that another student's `weights` gave."""
        own = self.bert.get_base_model() if self.method == "lora" else self.bert
        own.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()}, strict=False)

    def layer_parameters(self) -> list[nn.Parameter]:
        """What may change besides the rows."""
        return [p for p in self.bert.parameters() if p.requires_grad]

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """The transformer's weights by the name they have in the body's file, word vectors left out; LoRA merged in."""
        bert = self.bert
        if self.method == "lora":
            import copy

            bert = copy.deepcopy(bert).merge_and_unload()
        return {
            name: value.detach().float().cpu().numpy()
            for name, value in bert.state_dict().items()
            if value.is_floating_point() and "word_embeddings" not in name
        }
