"""The router that notices promotions: it answers all the time, each question whole by one version."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import toys

from finetune.errors import RegistryError
from finetune.registry import Registry
from finetune.retrain import Request, retrain
from finetune.router import FineTunedRouter
from finetune.train import TrainSettings
from finetune.types import OUT_OF_SCOPE

ROWS = toys.rows(60, seed=1)


@pytest.fixture
def plant(small, tmp_path):
    """A registry whose two versions give other labels to the same questions; the first answers."""
    registry = Registry(tmp_path / "models")
    settings = TrainSettings(method="head")
    turned = [replace(e, label=toys.LABELS[(toys.LABELS.index(e.label) + 1) % 3]) for e in ROWS]
    for rows in (ROWS, turned):
        retrain(Request("router", tuple(rows), fresh=True), settings, registry, small.body, tmp_path / "cache")
    assert registry.current("router").version == "v0001"
    return registry, FineTunedRouter(registry, small.body, tmp_path / "cache")


def test_it_decides_names_its_version_and_shows_what_is_near(plant):
    _, router = plant
    assert router.name == "router/v0001" and router.labels() == (*toys.LABELS, OUT_OF_SCOPE)
    decision = router.route(ROWS[0].text)
    assert decision.route == ROWS[0].label and set(decision.probabilities) == set(router.labels())
    assert decision.confidence == decision.probabilities[decision.route]
    assert sum(decision.probabilities.values()) == pytest.approx(1, abs=1e-4)
    assert router.route_many([ROWS[0].text, ROWS[1].text])[0].route == decision.route
    near = router.nearest(ROWS[0].text, 2)
    assert near[0].text == ROWS[0].text and near[0].label == ROWS[0].label and len(near) == 2


def test_it_answers_all_the_time_while_versions_change(plant):
    registry, router = plant
    question = ROWS[0].text
    possible = {router.route(question).route}
    registry.promote("router", "v0002", "by hand")
    possible.add(router.route(question).route)
    registry.rollback("router")
    assert len(possible) == 2
    found: list[str] = []
    errors: list[BaseException] = []
    ended = threading.Event()

    def ask() -> None:
        try:
            while not ended.is_set():
                found.append(router.route(question).route)
                assert router.name in ("router/v0001", "router/v0002")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            count = len(found)
            registry.promote("router", "v0002", "by hand")
            assert router.name == "router/v0002"
            registry.rollback("router")
            assert router.name == "router/v0001"
            while len(found) < count + 8 and not errors:
                ended.wait(0.002)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert errors == [] and set(found) == possible and len(found) >= 48
    assert router.route(question).route == ROWS[0].label


def test_a_version_is_loaded_once(plant, monkeypatch):
    from finetune import router as router_module

    registry, router = plant
    made = []
    real = router_module.Classifier
    monkeypatch.setattr(router_module, "Classifier", lambda *args: made.append(args[0].name) or real(*args))
    for _ in range(3):
        router.route("pump leaks")
    registry.promote("router", "v0002", "by hand")
    for _ in range(3):
        router.route("pump leaks")
    assert made == ["v0001", "v0002"]


def test_without_a_version_it_says_how_to_get_one(small, tmp_path):
    router = FineTunedRouter(Registry(tmp_path), small.body, tmp_path / "cache")
    with pytest.raises(RegistryError, match="copilot finetune run --task router"):
        router.route("pump leaks")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_version_is_one_line_until_it_is_rolled_back(plant):
    registry, router = plant
    registry.promote("router", "v0002", "by hand")
    head = registry.current("router").folder / "head.safetensors"
    whole = head.read_bytes()
    head.write_bytes(whole[:-1])
    with pytest.raises(RegistryError) as caught:
        router.route("pump leaks")
    assert "\n" not in str(caught.value) and "head.safetensors" in str(caught.value)
    registry.rollback("router")
    assert router.route(ROWS[0].text).route == ROWS[0].label
