"""`copilot doctor`: is everything there that answering and indexing need?"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata

from copilot import assemble, terminal
from copilot.commands.common import DONE, FAILED
from copilot.config import Settings, SettingsError
from finetune.errors import FinetuneError
from indexer.errors import IndexerError, NoIndexError
from indexer.scanned_words import SUFFIX as WORDS

_PACKAGES = (
    "numpy",
    "onnxruntime",
    "faiss-cpu",
    "tokenizers",
    "openvino",
    "torch",
    "transformers",
    "pypdfium2",
    "gradio",
)
_LITTLE_SPACE = 1 << 30  # bytes: a warning
_NO_SPACE = 100 << 20  # bytes: an index cannot be written


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"  # works, with less than there could be
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `detail` says what was found and, when something is wrong, what to do."""

    name: str
    state: State
    detail: str


def examine(settings: Settings) -> list[Check]:
    """Look at everything."""
    checks = []
    for name, look in _CHECKS.items():
        try:
            checks += [Check(name, state, detail) for state, detail in look(settings)]
        except (IndexerError, FinetuneError, OSError) as error:
            checks.append(Check(name, State.BROKEN, terminal.one_line(str(error))))
    return checks


def doctor(settings: Settings, as_json: bool) -> int:
    """Look at everything and say what is broken; exit code 1 when something is."""
    checks = examine(settings)
    broken = [check for check in checks if check.state is State.BROKEN]
    if as_json:
        terminal.write_json(
            {
                "ok": not broken,
                "home": str(settings.home),
                "checks": [
                    {"name": check.name, "state": check.state.value, "detail": check.detail} for check in checks
                ],
            }
        )
    else:
        terminal.table(["check", "state", "found"], [[check.name, check.state.value, check.detail] for check in checks])
        terminal.write("\n" + (f"{len(broken)} broken." if broken else "Nothing is broken."))
    return FAILED if broken else DONE


Findings = Iterator[tuple[State, str]]


def _python(_: Settings) -> Findings:
    found = f"{platform.python_version()} ({platform.machine()}, {platform.system()}), {sys.executable}"
    yield State.OK, found  # an older one cannot install or even read this package


def _packages(_: Settings) -> Findings:
    found, missing = [], []
    for name in ("factory-copilot", *_PACKAGES):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    needed = [
        name for name in missing if name not in ("factory-copilot", "openvino", "gradio", "torch", "transformers")
    ]
    if needed:
        yield State.BROKEN, f"not installed: {', '.join(needed)}; run pip install --force-reinstall factory-copilot"
    elif missing:
        yield State.WARNING, f"not installed: {', '.join(missing)}; there are {', '.join(found)}"
    else:
        yield State.OK, ", ".join(found)


def _settings(settings: Settings) -> Findings:
    yield State.OK, f"from {settings.file}" if settings.file else "the defaults (no copilot.toml)"


def _encoder(settings: Settings) -> Findings:
    from indexer.model_folder import resolve_model

    model = resolve_model(assemble.embedder_model(settings))
    yield State.OK, f"{model.name}, sha256 {model.weights_sha256()[:12]}…, {model.dimension} dimensions"


def _export(settings: Settings) -> Findings:
    from indexer.export import FORMAT, is_whole
    from indexer.model_folder import resolve_model

    model = resolve_model(assemble.embedder_model(settings))
    name = f"{model.graph_fingerprint(model.weights_sha256())[:32]}-{FORMAT}"
    folder = assemble.make_home(settings).cache_folder / "encoder" / name
    if not folder.exists():
        yield State.WARNING, "not made yet; the first index or question makes it"
    elif not is_whole(folder, thorough=True):
        yield State.BROKEN, f"{folder} is damaged; delete it, it is made again"
    else:
        vector = assemble.make_embedder(settings).embed_questions(["E-207"])[0]
        yield State.OK, f"whole; a question gives a vector of {len(vector)} numbers"


def _ocr(settings: Settings) -> Findings:
    program = shutil.which("tesseract")
    if not settings.indexer.ocr:
        yield State.OK, "switched off by the settings"
    elif program is None:
        yield (
            State.WARNING,
            "tesseract is not installed: scanned pages give no text (Debian: apt-get install tesseract-ocr)",
        )
    else:
        listed = subprocess.run([program, "--list-langs"], capture_output=True, text=True, timeout=20, check=False)
        there = set(listed.stdout.split())
        lacking = [language for language in settings.indexer.ocr_languages.split("+") if language not in there]
        if lacking:
            yield State.WARNING, f"tesseract lacks the languages {', '.join(lacking)}; install its language data"
        else:
            yield State.OK, f"{program} with {settings.indexer.ocr_languages}"


def _home(settings: Settings) -> Findings:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=settings.home, prefix=".doctor-"):
            pass
    except OSError as error:
        yield State.BROKEN, f"{settings.home} cannot be written to ({error.strerror or error}); use another --home"
    else:
        yield State.OK, f"{settings.home} can be written to"


def _disk(settings: Settings) -> Findings:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    state = State.BROKEN if free < _NO_SPACE else State.WARNING if free < _LITTLE_SPACE else State.OK
    yield state, f"{free / (1 << 30):.1f} GiB free" + ("" if state is State.OK else "; free some space")


def _index(settings: Settings) -> Findings:
    from indexer.model_folder import file_sha256

    try:
        index = assemble.open_index(settings, assemble.make_embedder(settings))
    except NoIndexError:
        yield State.WARNING, "nothing has been indexed yet; run `copilot index FOLDER`"
        return
    with index:
        manifest = index.manifest
        damaged = [
            name for name, stamp in manifest.files.items() if file_sha256(index.folder / name) != stamp.split(":")[1]
        ]
        if damaged:
            yield (
                State.BROKEN,
                (
                    f"{index.folder / damaged[0]} is damaged (its sha256 differs); run `copilot index --rollback` or "
                    "`copilot index --rebuild`"
                ),
            )
            return
        yield (
            State.OK,
            f"version {manifest.version}: {len(manifest.documents)} documents, {manifest.chunk_count} chunks, "
            f"{len(manifest.files)} files whole",
        )
        if left_out := index.quarantine():
            yield State.WARNING, f"{len(left_out)} inputs were left out; `copilot documents` says why"


def _models(settings: Settings) -> Findings:
    registry = assemble.make_registry(settings)
    for task in registry.tasks():
        info = registry.current(task)
        if info is None:
            yield State.WARNING, f"{task}: no version answers; copilot finetune promote --task {task} VERSION"
            continue
        registry.verify(info.folder)
        yield State.OK, f"{task}: version {info.version}, every file whole"
    router, _ = assemble.make_router(settings, assemble.make_embedder(settings))
    yield State.OK, f"questions are routed by {router.name}"


def _language_model(settings: Settings) -> Findings:
    from copilot.errors import GeneratorError

    try:
        model = assemble.make_language_model(settings)
        found = "none: answers are quotations" if model is None else model.check()
    except SettingsError as error:
        yield State.BROKEN, terminal.one_line(str(error))
    except GeneratorError as error:  # answers are quotations then
        yield State.WARNING, terminal.one_line(str(error))
    else:
        yield State.OK, found


def _originals(settings: Settings) -> Findings:
    try:
        index = assemble.open_index(settings)
    except IndexerError:
        return
    folder = assemble.make_home(settings).documents_folder
    with index:
        names = [name for name in os.listdir(folder) if not name.endswith(WORDS)] if folder.is_dir() else []
        there = {name.split(".")[0] for name in names}
        missing = sorted(name for name, sha256 in index.manifest.documents.items() if sha256 not in there)
    if missing:
        yield State.WARNING, f"{len(missing)} originals are missing ({missing[0]}); their citations cannot be opened"
    else:
        yield State.OK, f"all {len(index.manifest.documents)} are kept"


_CHECKS: dict[str, Callable[[Settings], Findings]] = {
    "python": _python,
    "packages": _packages,
    "settings": _settings,
    "encoder": _encoder,
    "encoder export": _export,
    "ocr": _ocr,
    "home": _home,
    "disk": _disk,
    "models": _models,
    "language model": _language_model,
    "index": _index,
    "originals": _originals,
}
