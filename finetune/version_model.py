"""What the versions of classifiers and taggers share: the card's check, the head's and the layers' files, the network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from finetune.errors import RegistryError
from finetune.network import Body, Layers, Matrix, Network, merged
from indexer.model_folder import file_sha256

HEAD, LAYERS = "head.safetensors", "layers.safetensors"


def read_card(folder: Path) -> dict[str, Any]:
    """A version's card. Raises RegistryError."""
    try:
        card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        return card
    except (OSError, ValueError) as error:
        raise RegistryError(f"The card in {folder} cannot be read ({error}); promote another version") from error


def write_layers(folder: Path, changes: Layers) -> None:
    """Write what changed in the layers, in half precision; no file where nothing did."""
    from safetensors.numpy import save_file

    if changes:
        save_file({name: np.ascontiguousarray(v.astype(np.float16)) for name, v in changes.items()}, folder / LAYERS)


@contextmanager
def opened(
    folder: Path, body: Body, kind: str
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Matrix]]]:
    """(the card's "model", the head's arrays, the changed layers) of a version of this kind, made on this body.

    Raises RegistryError when it is of another kind or body, and for whatever goes wrong inside: it is damaged then.
    """
    from safetensors.numpy import load_file

    card = read_card(folder)
    try:
        model = card["model"]
        if model["kind"] != kind:
            raise RegistryError(f"{folder} holds a {model['kind']}, not a {kind}; name the right task")
        if card["parent_body"]["sha256"] != body.sha256:
            raise RegistryError(
                f"{folder} was fine-tuned on the body {card['parent_body']['name']}, this is {body.name} with other "
                f"weights; fine-tune it again"
            )
        yield model, load_file(folder / HEAD), load_file(folder / LAYERS) if (folder / LAYERS).is_file() else {}
    except RegistryError:
        raise
    except Exception as error:  # safetensors has its own class; each means that the folder is not whole
        raise RegistryError(f"{folder} is damaged ({str(error)[:160]}); promote another version") from error


def network_of(folder: Path, changes: Layers, body: Body, cache: Path, threads: int | None) -> Network:
    """The network of a version; its graph is known by the digests of the body and of the changed layers."""
    key = file_sha256(folder / LAYERS)[:24] if changes else "unchanged"
    return Network(body, f"{body.sha256[:12]}-{key}", lambda: merged(body.layers(), changes), cache, threads)
