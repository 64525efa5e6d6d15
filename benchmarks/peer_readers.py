"""The peers' extractive readers, with our reader's weights: what the same network gives in haystack's and in txtai's hands.

No other extractive reading model can be had where nothing but packages can be reached, so the comparison is of what is
around the network: which passages are read, what of them is shown to it, and which span is taken.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import CACHE, product_model
from finetune.network import Body
from finetune.reading.model import with_differences
from finetune.version_model import HEAD, LAYERS
from indexer.model_folder import file_sha256

PASSAGES = 8  # read for a question, as many as ours reads


def question_answering_folder(version: Path) -> Path:
    """A version of the reader as a `BertForQuestionAnswering` with its tokenizer, in float32; made once."""
    from safetensors.numpy import load_file
    from torch import from_numpy
    from transformers import AutoTokenizer, BertForQuestionAnswering

    weights = (version / LAYERS, version / HEAD)
    folder = CACHE / "peer_reader" / "-".join(file_sha256(file)[:12] for file in weights)
    if (folder / "config.json").is_file():
        return folder
    made = folder.with_name(folder.name + ".part")
    shutil.rmtree(made, ignore_errors=True)
    body = Body(Path(product_model()), CACHE / "model")
    head = load_file(version / HEAD)
    layers = with_differences(body.layers(), load_file(version / LAYERS))
    model = BertForQuestionAnswering.from_pretrained(product_model(), num_labels=2)
    state = model.state_dict()
    learnt = {f"bert.{name}": value for name, value in layers.items()}
    learnt |= {"qa_outputs.weight": head["edges.weight"], "qa_outputs.bias": head["edges.bias"]}
    unknown = sorted(set(learnt) - set(state))
    if unknown:
        raise ValueError(f"the network has no place for {', '.join(unknown[:3])}; its layers are named otherwise")
    state |= {name: from_numpy(value.astype("float32")) for name, value in learnt.items()}
    model.load_state_dict(state)
    model.save_pretrained(made)
    AutoTokenizer.from_pretrained(product_model()).save_pretrained(made)
    made.rename(folder)
    return folder


class HaystackReader:
    """haystack's ExtractiveReader; the best span over all passages."""

    name = "haystack: its extractive reader with our weights"

    def __init__(self, folder: Path) -> None:
        from haystack.utils import ComponentDevice
        from haystack_integrations.components.readers.transformers import (
            TransformersExtractiveReader as ExtractiveReader,
        )

        logging.getLogger("haystack").setLevel(logging.ERROR)
        self._reader = ExtractiveReader(
            model=str(folder), device=ComponentDevice.from_str("cpu"), top_k=1, no_answer=False, max_seq_length=304
        )
        self._reader.warm_up()

    def answer(self, question: str, passages: Sequence[str]) -> str:
        """The words of the likeliest span, "" where there is none."""
        from haystack import Document

        documents = [Document(content=text) for text in passages if text.strip()]
        found: list[Any] = self._reader.run(query=question, documents=documents)["answers"] if documents else []
        return str(found[0].data or "") if found else ""


class TxtaiReader:
    """txtai's Questions pipeline, which marks a span in one passage; it is given the first."""

    name = "txtai: its extractive questions with our weights"

    def __init__(self, folder: Path) -> None:
        from txtai.pipeline import Questions

        self._reader = Questions(str(folder), gpu=False)

    def answer(self, question: str, passages: Sequence[str]) -> str:
        """The words of the span that it takes of the first passage, "" where it takes none."""
        first = next((text for text in passages if text.strip()), "")
        try:
            found: list[Any] = self._reader([question], [first]) if first else []
        except TypeError as error:  # where the likeliest span lies outside the passage, it fails just so
            if "word_index" in str(error) or "NoneType" in str(error):
                return ""
            raise
        return str(found[0] or "") if found else ""


def readers(version: Path) -> dict[str, HaystackReader | TxtaiReader]:
    """By the start of the name of the search that each belongs to; LangChain has no reader that marks words."""
    folder = question_answering_folder(version)
    return {"haystack": HaystackReader(folder), "txtai": TxtaiReader(folder)}
