"""Two people change the same thing: what the first decided stands, and the second is told."""

from __future__ import annotations

import shutil
import threading
from types import SimpleNamespace

import pytest

from copilot import assemble
from copilot.config import load_settings
from copilot.service.access import Role, User
from copilot.service.errors import ConflictError
from copilot.service.training import promote, roll_back

ANNA, EGON = User("anna", Role.ENGINEER), User("egon", Role.ENGINEER)


@pytest.fixture
def service(plant_home, tmp_path):
    shutil.copytree(plant_home, tmp_path / "home")
    made = assemble.make_service(load_settings(tmp_path / "home"))
    yield made
    made.close()


def test_a_document_that_is_being_removed_is_not_removed_twice(service, monkeypatch):
    go_on, calls = threading.Event(), []

    def run(update, paths=(), **task):
        calls.append(task["remove"])
        go_on.wait(10)
        return {}

    monkeypatch.setattr(service._index_runner, "run", run)
    job = service.remove_document("fault_reports.csv", ANNA)
    try:
        with pytest.raises(ConflictError, match="being removed already"):
            service.remove_document("fault_reports.csv", EGON)
        other = service.remove_document("PK-3/PK-3_manual.md", EGON)
    finally:
        go_on.set()
    for one in (job, other):
        while service.job(one, ANNA).finished_at is None:
            threading.Event().wait(0.01)
    assert calls == [["fault_reports.csv"], ["PK-3/PK-3_manual.md"]]


class Registry:
    """Versions of one task, of which one answers."""

    def __init__(self):
        self.history = ["v0003", "v0002", "v0001"]

    def versions(self, task):
        return [SimpleNamespace(version=name, current=name == self.history[0]) for name in sorted(self.history)]

    def promote(self, task, version, reason):
        self.history.insert(0, version)

    def rollback(self, task, reason):
        self.history.pop(0)
        return self.history[0]


def test_two_who_roll_back_from_the_same_version_go_back_once():
    registry = Registry()
    assert roll_back(registry, "router", "anna", seen="v0003") == "v0002"
    with pytest.raises(ConflictError, match="v0002 of router answers by now, and no longer v0003"):
        roll_back(registry, "router", "egon", seen="v0003")
    with pytest.raises(ConflictError):
        promote(registry, "router", "v0001", "egon", seen="v0003")
    assert registry.history == ["v0002", "v0001"]
    promote(registry, "router", "v0001", "egon", seen="v0002")
    assert (
        roll_back(registry, "router", "anna") == "v0002"
    )  # on the command line and in old clients nobody has seen a list
