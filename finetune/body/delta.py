"""The shipped difference between the taught body and the unchanged one, in int8.

    delta.safetensors   new_rows and, for every weight that changed, its difference; matrices as int8 with one float16
                        scale a row (symmetric, half a step = 1/254 of the row's largest number), vectors as float16
    vocabulary.json     the added tokens
    card.json           parent and its sha256, sha256 of the two files above, data, licences, figures

A difference is small beside the weight it changes, so that eight bits of it cost next to nothing of the result.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finetune.body.vocabulary import Vocabulary
from finetune.errors import BodyError
from indexer.model_folder import file_sha256

DELTA, VOCABULARY, CARD = "delta.safetensors", "vocabulary.json", "card.json"
FORMAT = 1
SCALE, _ROWS = "|scale", "new_rows"

Weights = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Delta:
    """A delta read into memory. `rows` is (own new rows, d); `differences` is by the weight's name."""

    vocabulary: Vocabulary
    rows: npt.NDArray[np.float32]
    differences: Weights
    card: Mapping[str, Any]


def write_delta(
    folder: Path, taught: Weights, parent: Weights, vocabulary: Path, card: Mapping[str, Any], *, parent_sha256: str
) -> None:
    """Write the three files into `folder`, made if need be. `taught` has `new_rows` and the parent's names."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    out: dict[str, npt.NDArray[Any]] = {}
    packed_into(out, _ROWS, taught[_ROWS])
    for name, value in taught.items():
        if name == _ROWS:
            continue
        if name not in parent:
            raise BodyError(f"The parent has no weight {name!r}; the taught body does not belong to it")
        difference = value - parent[name]
        if np.abs(difference).max() > 1e-7:
            packed_into(out, name, difference)
    save_file(out, folder / DELTA)
    (folder / DELTA).chmod(0o644)  # the library makes it readable by its owner only
    if vocabulary.resolve() != (folder / VOCABULARY).resolve():
        shutil.copyfile(vocabulary, folder / VOCABULARY)
    whole = {
        "format": FORMAT, "parent_sha256": parent_sha256,
        "files": {name: file_sha256(folder / name) for name in (DELTA, VOCABULARY)}, **card,
    }  # fmt: skip
    (folder / CARD).write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a delta, its files not yet checked. Raises BodyError when it is missing or not ours."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        missing = {"parent_sha256", "files"} - set(card) or {DELTA, VOCABULARY} - set(card["files"])
        if missing:
            raise KeyError(*missing)
        if card["format"] != FORMAT:
            raise BodyError(f"{folder / CARD} has format {card['format']}, this program reads {FORMAT}; reinstall it")
        return dict(card)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BodyError(f"The bilingual body in {folder} cannot be read ({error}); reinstall the program") from error


def read_delta(folder: Path) -> Delta:
    """Read and check a delta. Raises BodyError when a file is missing or is not the one on the card."""
    from safetensors.numpy import load_file

    card = read_card(folder)
    for name, expected in card["files"].items():
        path = folder / name
        found = file_sha256(path) if path.is_file() else "no file"
        if found != expected:
            raise BodyError(f"{path} is damaged: sha256 {found[:12]}, expected {expected[:12]}; reinstall the program")
    packed = load_file(folder / DELTA)
    differences = {name: unpacked(packed, name) for name in packed if not name.endswith(SCALE)}
    rows = differences.pop(_ROWS)
    return Delta(Vocabulary.read(folder / VOCABULARY), rows, differences, card)


def packed_into(out: dict[str, npt.NDArray[Any]], name: str, value: npt.NDArray[np.float32]) -> None:
    """Add a difference to `out`: matrices in int8 with a scale a row, the rest in half precision."""
    if value.ndim != 2:
        out[name] = value.astype(np.float16)
        return
    scale = (np.abs(value).max(axis=1) / 127).astype(np.float16)
    steps = np.where(scale > 0, scale, 1).astype(np.float32)[:, None]
    out[name] = np.clip(np.rint(value / steps), -127, 127).astype(np.int8)
    out[name + SCALE] = scale


def unpacked(packed: Mapping[str, npt.NDArray[Any]], name: str) -> npt.NDArray[np.float32]:
    """The difference that `packed_into` put under `name`."""
    value: npt.NDArray[np.float32] = packed[name].astype(np.float32)
    if name + SCALE in packed:
        value *= packed[name + SCALE].astype(np.float32)[:, None]
    return value
