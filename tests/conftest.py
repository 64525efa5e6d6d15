"""What the tests share: no network for any library, and one home with the sample plant per test session."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent

# Before any library is imported: none of those above reads these.
os.environ.update(
    HF_HUB_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
    GRADIO_ANALYTICS_ENABLED="False",
    TOKENIZERS_PARALLELISM="false",
)
for _name in [name for name in os.environ if name.startswith("COPILOT_")]:
    del os.environ[_name]  # settings of whoever runs the tests


@pytest.fixture(autouse=True)
def logging_left_as_it_was():
    """`--debug` in this process would go on writing to the test's own stderr, which is closed after it."""
    root = logging.getLogger()
    level, before = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    for handler in root.handlers[:]:
        if handler not in before and type(handler) is logging.StreamHandler:
            root.removeHandler(handler)


@dataclass(frozen=True)
class Ran:
    """What a finished command line left behind."""

    code: int
    out: str
    err: str

    def json(self):
        """stdout, which must be one JSON object."""
        lines = self.out.splitlines()
        assert len(lines) == 1, self.out
        return json.loads(lines[0])

    def lines(self):
        """stdout, which must be one JSON object per line."""
        return [json.loads(line) for line in self.out.splitlines()]


def run_copilot(*arguments, stdin=b"", cwd=None, env=None) -> Ran:
    """`copilot ARGUMENTS` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "copilot.cli", *map(str, arguments)],
        input=stdin, capture_output=True, timeout=240, cwd=cwd or REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(env or {})}, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


@pytest.fixture(scope="session")
def command():
    """The command line as a function of its arguments."""
    return run_copilot


@pytest.fixture(scope="session")
def plant_home(tmp_path_factory) -> Path:
    """A home folder with the bundled sample plant, indexed by the real encoder. Not to be written to."""
    from copilot.sample_plant import plant_folder

    home = tmp_path_factory.mktemp("plant") / "home"
    ran = run_copilot("index", plant_folder(), "--home", home, "--json")
    assert ran.code == 0, ran.err
    return home


def link_encoder(source: Path, home: Path) -> None:
    """Give a home the composed and exported encoder of another: linked, since nothing changes those files in place."""
    for part in ("body", "encoder"):
        shutil.copytree(source / "cache" / part, home / "cache" / part, copy_function=os.link)


@pytest.fixture
def own_home(tmp_path, plant_home) -> Path:
    """An empty home folder that a test may write to, its encoder exported already."""
    home = tmp_path / "home"
    link_encoder(plant_home, home)
    return home
