"""The sample plant that comes with the package: four invented machines, their manuals, work orders and test questions.

The documents stand in `plant_folder()`, one folder per machine; the questions stand beside it, so that indexing the
plant does not index them. README.md in this folder tells how it was made.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def _inside(name: str) -> Path:
    path = Path(str(resources.files(__name__) / name))
    if not path.exists():
        raise FileNotFoundError(f"the sample plant lacks {path}: reinstall the package with its data files")
    return path


def plant_folder() -> Path:
    """The folder to index: `HP-200/`, `VM-5/`, `PK-3/`, `AC-75/` and `fault_reports.csv`.

    Raises FileNotFoundError when the package was installed without its data files.
    """
    return _inside("plant")


def questions_file() -> Path:
    """The sixty questions as JSON lines; `document` is relative to `plant_folder()`, `page` is 1-based.

    Raises FileNotFoundError when the package was installed without its data files.
    """
    return _inside("questions.jsonl")
