"""The graph without torch gives what the trained model gives, whatever the padding and the state of the cache."""

from __future__ import annotations

import json
import shutil
import threading

import numpy as np
import pytest
import torch

from finetune import learner as learner_module
from finetune.errors import RegistryError
from finetune.learner import METHODS, Learner, pad, pooled
from finetune.network import GRAPH_FORMAT, Body, Network, Shape, build_graph, merged

TEXTS = [
    "pump leaks oil", "a", "", "How often must the bearing of the main spindle be greased? 主轴轴承多久加一次油",
    "replace " * 200, "E-207 stop",
]  # fmt: skip


@pytest.fixture
def exact(monkeypatch):
    """torch in float32, also on processors that have bfloat16."""
    monkeypatch.setattr(learner_module, "half_precision", lambda device: False)


def taught(body: Body, method: str, steps: int = 3) -> Learner:
    """A learner whose every trainable weight has moved a good way."""
    learner = Learner(body, method, rank=4, seed=1)
    parameters = [p for p in learner.parameters() if p.requires_grad]
    learner.train()
    ids, mask = pad(body.tokens(32).ids(TEXTS[:4]))
    optimizer = torch.optim.Adam(parameters, lr=0.02) if parameters else None
    for _ in range(steps if optimizer else 0):
        loss = pooled(learner(ids, mask), mask).matmul(torch.linspace(-1, 1, learner.width)).square().sum()
        optimizer.zero_grad()
        (-loss).backward()
        optimizer.step()
    return learner.eval()


def by_torch(learner: Learner, ids, types=None):
    """One text at a time: nothing is padded."""
    out = []
    with torch.no_grad():
        for place, row in enumerate(ids):
            kind = None if types is None else torch.tensor([types[place]])
            out.append(learner(torch.tensor([row]), torch.ones(1, len(row), dtype=torch.long), kind)[0].numpy())
    return out


@pytest.mark.parametrize("method", METHODS)
def test_the_graph_gives_what_torch_gives(small, exact, method):
    learner = taught(small.body, method)
    changes = learner.changes()
    before = small.body.layers()
    now = merged(before, changes)
    assert set(now) == set(before) and all(now[name].shape == before[name].shape for name in before)
    moved = [name for name in before if not np.allclose(now[name], before[name], atol=1e-4)]
    assert (not moved) if method == "head" else len(moved) > 8
    assert not any("embeddings" in name for name in [*moved, *changes])
    ids = small.body.tokens(64).ids(TEXTS)
    network = Network(small.body, "unused", lambda: now, None, 1)
    for mine, other in zip(network.hidden(ids), by_torch(learner, ids), strict=True):
        assert mine.shape == other.shape and np.abs(mine - other).max() < 1e-4
    rows, mask = pad(ids)
    with torch.no_grad():
        assert np.abs(network.pooled(ids) - pooled(learner(rows, mask), mask).numpy()).max() < 1e-4
    if method != "head":
        plain = Network(small.body, "unused", small.body.layers, None, 1).pooled(ids)
        assert np.abs(network.pooled(ids) - plain).max() > 0.01


def test_changes_are_enough_in_half_the_bits(small, exact):
    """A version keeps them as float16."""
    learner = taught(small.body, "lora")
    half = {name: value.astype(np.float16) for name, value in learner.changes().items()}
    ids = small.body.tokens(64).ids(TEXTS)
    network = Network(small.body, "unused", lambda: merged(small.body.layers(), half), None, 1)
    rows, mask = pad(ids)
    with torch.no_grad():
        cosines = (network.pooled(ids) * pooled(learner(rows, mask), mask).numpy()).sum(1)
    assert cosines.min() > 0.9999


def test_the_second_text_of_a_pair_is_told_apart(small, exact):
    learner = taught(small.body, "head")
    ids = small.body.tokens(64).ids(TEXTS[:4])
    types = [[0] * (len(row) // 2) + [1] * (len(row) - len(row) // 2) for row in ids]
    network = Network(small.body, "unused", small.body.layers, None, 1)
    for mine, other in zip(network.hidden(ids, types), by_torch(learner, ids, types), strict=True):
        assert np.abs(mine - other).max() < 1e-4
    assert np.abs(network.hidden(ids, types)[0] - network.hidden(ids)[0]).max() > 0.01


def test_padding_and_order_change_nothing(small):
    network = Network(small.body, "unused", small.body.layers, None, 1)
    texts = [" ".join(["pump", "leaks", "oil"][: 1 + i % 3] * (1 + i % 17)) for i in range(230)]  # several batches
    ids = small.body.tokens(64).ids(texts)
    together = network.pooled(ids)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for place in (0, 1, 16, 100, 229):
        assert np.abs(network.pooled([ids[place]])[0] - together[place]).max() < 1e-5
    backwards = network.pooled(ids[::-1])[::-1]
    assert np.abs(backwards - together).max() < 1e-5
    assert network.pooled([]).shape == (0, 32) and network.hidden([]) == []


# --- the cache --------------------------------------------------------------------------------------------------


def test_a_graph_is_made_once_and_again_when_damaged(small, tmp_path):
    made = []

    def layers():
        made.append(1)
        return small.body.layers()

    ids = small.body.tokens(64).ids(TEXTS)

    def vectors():
        return Network(small.body, "key", layers, tmp_path / "cache", 1).pooled(ids)

    first = vectors()
    file = tmp_path / "cache" / "heads" / f"key-{GRAPH_FORMAT}.onnx"
    weights = file.with_suffix(".weights")
    wholes = {path: path.read_bytes() for path in (file, weights)}
    assert np.array_equal(vectors(), first) and len(made) == 1
    made.clear()
    for path, whole in wholes.items():
        for damage in (b"", whole[:1000], *([b"\0" * len(whole)] if path == file else []), whole[:-5000]):
            path.write_bytes(damage)
            assert np.array_equal(vectors(), first)
            assert path.read_bytes() == whole
    assert len(made) == 7
    weights.unlink()
    assert np.array_equal(vectors(), first) and len(made) == 8
    assert {path.name for path in file.parent.iterdir()} == {file.name, weights.name}
    assert weights.stat().st_mode == file.stat().st_mode  # other people of the machine may use the cache


def test_without_a_cache_that_can_be_written_it_works_all_the_same(small, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file where the folder should be")
    ids = small.body.tokens(64).ids(TEXTS)
    expected = Network(small.body, "key", small.body.layers, None, 1).pooled(ids)
    blocked = Network(small.body, "key", small.body.layers, tmp_path / "cache", 1)
    assert np.array_equal(blocked.pooled(ids), expected)
    body = Body(small.body.folder.path, tmp_path / "cache")
    assert body.sha256 == small.body.sha256

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    assert np.array_equal(Network(small.body, "key", small.body.layers, tmp_path / "new", 1).pooled(ids), expected)
    assert list((tmp_path / "new" / "heads").iterdir()) == []


def test_threads_share_a_network(small, tmp_path):
    made = []

    def layers():
        made.append(1)
        return small.body.layers()

    network = Network(small.body, "key", layers, tmp_path, 1)
    ids = small.body.tokens(64).ids(TEXTS)
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(network.pooled(ids))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len(found) == 4 and all(np.array_equal(one, found[0]) for one in found)


# --- the body ---------------------------------------------------------------------------------------------------


def test_word_vectors_are_mapped_and_shared(small):
    body = Body(small.body.folder.path, small.cache)
    assert isinstance(body.words, np.memmap) and body.words.shape == (30522, 32)
    assert not body.words.flags.writeable
    learner = Learner(body, "head")
    table = learner.bert.embeddings.word_embeddings.weight.detach().numpy()
    assert np.array_equal(body.words[[0, 101, 30521]], table[[0, 101, 30521]])
    assert not any("pooler" in name or "word_embeddings" in name for name in body.layers())


@pytest.mark.parametrize(
    ("key", "value"), [("model_type", "roberta"), ("hidden_act", "relu"), ("layer_norm_eps", None)]
)
def test_another_architecture_is_refused_in_one_line(small, tmp_path, key, value):
    shutil.copytree(small.body.folder.path, tmp_path / "other")
    config = json.loads((tmp_path / "other" / "config.json").read_text())
    config[key] = value
    if value is None:
        del config[key]
    (tmp_path / "other" / "config.json").write_text(json.dumps(config))
    body = Body(tmp_path / "other", tmp_path / "cache")
    with pytest.raises(RegistryError, match="does not describe a BERT") as caught:
        _ = body.shape
    assert "\n" not in str(caught.value)


def test_a_graph_holds_the_layers_only(small):
    graph = build_graph(small.body.layers(), small.body.shape)
    assert len(graph) < 200_000 < small.body.words.nbytes
    assert Shape.of(small.body.folder) == Shape(4, 1e-12)
