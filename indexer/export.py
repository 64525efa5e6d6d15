"""Torch model -> ONNX graph in a cache folder, once; later runs need no torch.

    <cache_dir>/encoder/<fingerprint>/encoder.onnx   the graph: transformer, pooling, dense layers, L2 normalisation
                                      weights.bin    its weights, beside the graph so that runtimes map them
                                      card.json      sizes and sha256 of both, written last

The export runs in a child process (`python -m indexer.export REQUEST`), so that torch never loads in ours. The folder
is made aside and renamed: it is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from indexer.errors import EncoderError
from indexer.model_folder import DenseLayer, ModelFolder, file_sha256

GRAPH, WEIGHTS, CARD = "encoder.onnx", "weights.bin", "card.json"
FORMAT = 1  # raise it when the graph that we write changes
_TIMEOUT_S = 900


def exported_folder(model: ModelFolder, cache_dir: Path, weights_sha256: str) -> Path:
    """Return the folder with the exported graph of `model`, exporting it when it is missing or its sizes are wrong.

    Raises EncoderError when torch or transformers is not installed, the disk is full, or the export fails.
    """
    target = cache_dir / "encoder" / f"{model.graph_fingerprint(weights_sha256)[:32]}-{FORMAT}"
    if is_whole(target):
        return target
    return _export(model, target)


def is_whole(folder: Path, *, thorough: bool = False) -> bool:
    """Tell whether the files have the sizes on the card; `thorough` hashes them too."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        for name, (size, digest) in card["files"].items():
            if (folder / name).stat().st_size != size or (thorough and file_sha256(folder / name) != digest):
                return False
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def discard(folder: Path) -> None:
    """Remove an exported graph, so that the next use exports it again."""
    shutil.rmtree(folder, ignore_errors=True)


def _export(model: ModelFolder, target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".export-", dir=target.parent))
    except OSError as error:
        raise EncoderError(f"Cannot write the encoder's cache in {target.parent}: {error}") from error
    try:
        _run_child(model, aside)
        try:
            _write_card(model, aside)
            if not is_whole(target):  # another process may have been faster; its work is as good as ours
                discard(target)
                with contextlib.suppress(OSError):
                    os.rename(aside, target)
        except OSError as error:
            raise EncoderError(f"Cannot write the encoder's cache in {target.parent}: {error}") from error
    finally:
        discard(aside)
    if not is_whole(target):
        raise EncoderError(f"The exported encoder could not be moved to {target}; check the folder's permissions")
    return target


def _write_card(model: ModelFolder, folder: Path) -> None:
    files = {name: [(folder / name).stat().st_size, file_sha256(folder / name)] for name in (GRAPH, WEIGHTS)}
    card = {"format": FORMAT, "model": model.name, "pooling": model.pooling, "dimension": model.dimension}
    card |= {"exported_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "files": files}
    with (folder / CARD).open("w", encoding="utf-8") as file:
        json.dump(card, file, indent=1)
        file.flush()
        os.fsync(file.fileno())


def _run_child(model: ModelFolder, folder: Path) -> None:
    request = {
        "transformer": str(model.transformer),
        "pooling": model.pooling,
        "dense": [
            [str(model.path / d.folder), d.in_features, d.out_features, d.bias, d.activation] for d in model.dense
        ],
        "out": str(folder),
    }
    root = str(Path(__file__).resolve().parent.parent)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONWARNINGS": "ignore",
        "PYTHONIOENCODING": "utf-8",
    }
    command = [sys.executable, "-m", "indexer.export", json.dumps(request)]
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EncoderError(f"The export of {model.name} did not run: {error}; try again") from error
    if done.returncode == 0 and (folder / GRAPH).is_file() and (folder / WEIGHTS).is_file():
        return
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    last = lines[-1] if lines else f"exit status {done.returncode}"
    if "ModuleNotFoundError" in last:
        raise EncoderError(
            f"The encoder {model.name} must be exported once, and that needs torch, transformers and onnx ({last}); "
            f"install them, or copy the cache folder {folder.parent} from a machine that has them"
        )
    if "No space left" in done.stderr or "Errno 28" in done.stderr:
        raise EncoderError(f"No space left to export {model.name} into {folder.parent}; free some, then try again")
    raise EncoderError(f"The export of {model.name} from {model.path} failed: {last[:300]}")


def _child(request: dict[str, Any]) -> None:
    """Load the transformer with eager attention (its plain pattern is what CPU runtimes fuse best) and export it."""
    import onnx
    import torch
    from transformers import AutoModel

    torch.set_grad_enabled(False)
    body = AutoModel.from_pretrained(
        request["transformer"], attn_implementation="eager", local_files_only=True, dtype=torch.float32
    ).eval()
    if getattr(body.config, "is_encoder_decoder", False):
        body = body.get_encoder()
    dense = [_load_dense(*entry) for entry in request["dense"]]
    pooling = list(request["pooling"])

    class Sentence(torch.nn.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.body = body
            self.dense = torch.nn.ModuleList(dense)

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            states = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            vector = torch.cat([_pool(mode, states, attention_mask) for mode in pooling], dim=-1)
            for layer in self.dense:
                vector = layer(vector)
            return torch.nn.functional.normalize(vector, dim=-1)

    out = Path(request["out"])
    ids = torch.randint(5, 50, (2, 16))
    mask = torch.ones_like(ids)
    mask[1, 12:] = 0  # a padded row, so that no branch for "nothing masked" is traced into the graph
    names = ["input_ids", "attention_mask"]
    axes = {name: {0: "batch", 1: "tokens"} for name in names} | {"embedding": {0: "batch"}}
    whole = out / "whole.onnx"
    torch.onnx.export(
        Sentence(),
        (ids, mask),
        str(whole),
        input_names=names,
        output_names=["embedding"],
        dynamic_axes=axes,
        dynamo=False,
        opset_version=17,
    )
    graph = onnx.load(str(whole))
    for extra in out.iterdir():
        extra.unlink()  # above 2 GB the exporter itself leaves one file per tensor
    onnx.save_model(
        graph,
        str(out / GRAPH),
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=WEIGHTS,
        size_threshold=1024,
    )


def _pool(mode: str, states: Any, attention_mask: Any) -> Any:
    import torch

    if mode == "cls":
        return states[:, 0]
    kept = attention_mask.unsqueeze(-1).to(states.dtype)
    if mode == "lasttoken":  # rows are padded on the right
        last = attention_mask.sum(1) - 1
        return states[torch.arange(states.shape[0]), last]
    if mode == "max":
        return (states * kept - 1e9 * (1 - kept)).max(1).values
    total, count = (states * kept).sum(1), kept.sum(1).clamp(min=1e-9)
    return total / (count.sqrt() if mode == "mean_sqrt_len_tokens" else count)


def _load_dense(folder: str, in_features: int, out_features: int, bias: bool, activation: str) -> Any:
    import torch

    file = DenseLayer(folder, in_features, out_features, bias, activation)
    safe = Path(folder) / "model.safetensors"
    if safe.is_file():
        from safetensors.torch import load_file

        state = load_file(str(safe))
    else:
        state = torch.load(Path(folder) / "pytorch_model.bin", map_location="cpu", weights_only=True)
    linear = torch.nn.Linear(file.in_features, file.out_features, bias=file.bias)
    linear.load_state_dict({key.rpartition(".")[2]: value.float() for key, value in state.items()})
    return torch.nn.Sequential(linear, getattr(torch.nn, file.activation)()).eval()


if __name__ == "__main__":
    _child(json.loads(sys.argv[1]))
