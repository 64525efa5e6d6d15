"""Small models made on the spot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from indexer.model_folder import resolve_model


def tiny_model(folder: Path, pooling: dict[str, Any], **options: Any) -> Path:
    """Make a sentence-transformers folder: a two-layer BERT with random weights and the default's tokeniser."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=96,
        initializer_range=0.2,  # with the usual 0.02 all texts come out nearly equal
    )
    folder.mkdir(parents=True)
    BertModel(config).save_pretrained(folder)
    source = resolve_model().path
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(source / name, folder / name)
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32} | pooling))
    if options.get("dense"):
        modules.append(("2_Dense", "Dense"))
        (folder / "2_Dense").mkdir()
        dense = {"in_features": 32, "out_features": 20, "bias": True}
        dense["activation_function"] = "torch.nn.modules.activation.Tanh"
        (folder / "2_Dense" / "config.json").write_text(json.dumps(dense))
        state = {"linear.weight": torch.randn(20, 32), "linear.bias": torch.randn(20)}
        save_file(state, str(folder / "2_Dense" / "model.safetensors"))
    modules.append(("9_Normalize", "Normalize"))
    (folder / "9_Normalize").mkdir()
    rows = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(rows))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 64, "do_lower_case": False}))
    extra = {"prompts": options.get("prompts", {}), "default_prompt_name": None}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(extra))
    return folder
