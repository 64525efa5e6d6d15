"""Folders watched because somebody said so: kept, refused twice, followed and let go."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from copilot import assemble
from copilot.config import load_settings
from copilot.service.access import LOCAL, Role, User
from copilot.service.errors import AccessError, ConflictError, NotFoundError, ServiceError
from copilot.service.watched import FILE, Watched, WatchedFolder
from copilot.types import Question

EGON = User("egon", Role.ENGINEER)


def folder(path: Path, **fields) -> WatchedFolder:
    return WatchedFolder(
        str(path), **{"machine": None, "kind": None, "by": "anna", "since": "2026-01-02T03:04:05", **fields}
    )


def test_folders_are_kept_over_restarts_and_none_twice(tmp_path):
    changes = []
    watched = Watched(tmp_path / "home", lambda: changes.append(1))
    assert watched.folders() == []
    watched.add(folder(tmp_path, machine="HP-200"))
    for again in (tmp_path, tmp_path / "below"):
        with pytest.raises(ConflictError, match="is watched already, since 2026-01-02T03:04"):
            watched.add(folder(again))
    kept = Watched(tmp_path / "home")
    assert kept.folders() == [folder(tmp_path, machine="HP-200")] and kept.folders()[0].reachable
    watched.remove(str(tmp_path))
    with pytest.raises(NotFoundError):
        watched.remove(str(tmp_path))
    assert Watched(tmp_path / "home").folders() == [] and len(changes) == 2
    (tmp_path / "home" / FILE).write_text("{damaged", encoding="utf-8")
    assert Watched(tmp_path / "home").folders() == []


def waited(condition, seconds=120):
    for _ in range(seconds * 10):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it never came")


@pytest.mark.slow
def test_a_folder_named_on_the_page_is_followed_until_it_is_let_go(own_home, tmp_path):
    manuals = tmp_path / "manuals"
    manuals.mkdir()
    (manuals / "one.md").write_text("# Splicer\n\nThe splicer tension is 31 N.\n", encoding="utf-8")
    made = assemble.make_service(load_settings(own_home))
    try:
        made.start()
        with pytest.raises(AccessError):
            made.watch_folder(manuals, EGON)
        with pytest.raises(NotFoundError):
            made.watch_folder(tmp_path / "none", LOCAL)
        with pytest.raises(ServiceError, match="is a file"):
            made.watch_folder(manuals / "one.md", LOCAL)
        job = made.watch_folder(manuals, LOCAL, machine="SP-1")
        waited(lambda: made.job(job, LOCAL).finished_at)
        assert made.job(job, LOCAL).error == ""
        assert [(step.document_id, step.state, step.pages) for step in made.job(job, LOCAL).steps] == [
            ("one.md", "read", 1)
        ]
        with pytest.raises(ConflictError):
            made.watch_folder(manuals, LOCAL)
        (watched,) = made.watched(EGON)
        assert (watched.path, watched.machine) == (str(manuals.resolve()), "SP-1")
        time.sleep(2)  # until the folder is watched
        (manuals / "one.md").write_text("# Splicer\n\nThe splicer tension is 87 N.\n", encoding="utf-8")
        waited(lambda: "87 N" in made.answer(Question("What is the splicer tension?"), LOCAL).text)
        made.unwatch_folder(watched.path, EGON)
        assert made.watched(EGON) == [] and made.documents(EGON).records  # its documents stay
        jobs = len(made.jobs(EGON))
        time.sleep(1.5)
        (manuals / "one.md").write_text("# Splicer\n\nThe splicer tension is 99 N.\n", encoding="utf-8")
        time.sleep(4)
        assert len(made.jobs(EGON)) == jobs
    finally:
        made.close()
