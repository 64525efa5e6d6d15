"""Model versions: staged, published, promoted, rolled back.

    <task>/v0003/         a finished version, never changed again (`finetune.version_folder`)
    <task>/CURRENT        the version that answers; below it those that answered before, newest first
    <task>/log.jsonl      every decision: time, what, version, reason
    <task>/staging-*/     the version being trained; swept by the next training if it was cut short
    <task>/train.lock     held by the one training, <task>/registry.lock for the moment of a change

What answers and what it can go back to stand in one file, replaced by one rename, so no crash can leave them at odds.
The log only says why. The version that comes with the program is called `shipped`; it answers as long as there is no
pointer, and is never written to. Reading takes no lock and writes nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from finetune.durable import append_json, is_disk_full, read_json_lines, sync_folder, write_text
from finetune.errors import BusyTrainingError, FinetuneError, RegistryError
from finetune.version_folder import (
    CARD,
    Card,
    check_task_name,
    check_version_name,
    created_at,
    is_model_card,
    read_card,
    seal,
    verify_folder,
)

SHIPPED = "shipped"
"""The name of the version that comes with the program."""
SHIPPED_FOLDER = Path(__file__).with_name("weights")
PROMOTED, KEPT, DAMAGED = "promoted", "kept", "damaged"
_POINTER, _LOG, _STAGING = "CURRENT", "log.jsonl", "staging-"
_NUMBER = re.compile(r"v(\d{4,})")
_PATIENCE_S = 20
_NOT_JUDGED = "published, but nothing was decided about it yet"


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One version of one task.

    `state` is "promoted" (it answers, or a roll-back may return to it), "kept" (it does not), "shipped" or "damaged";
    `reason` says why. `card` is empty for a damaged version.
    """

    task: str
    version: str
    folder: Path
    created_at: datetime
    current: bool
    state: str
    reason: str
    card: Card


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of a task's log. `what` is published, promoted, kept, rolled_back, or a word of the caller's."""

    time: datetime
    what: str
    version: str
    reason: str


class PointerToken(NamedTuple):
    """What a server remembers to notice that a task's pointer moved; `stamp` is None while there is no pointer."""

    task: str
    stamp: tuple[int, ...] | None


class Registry:
    """The versions below one folder (`<home>/models`), and those that come with the program (`shipped`).

    Constructing it touches nothing. Every method checks the task's name first and raises RegistryError for a bad one.
    """

    def __init__(self, folder: Path, shipped: Path | None = None) -> None:
        """`shipped` holds one read-only version per task, in `<task>/`; None means that nothing is shipped."""
        self._folder = folder
        self._shipped = shipped

    # --- reading ---

    def tasks(self) -> list[str]:
        """The tasks that have a version, in the order of their names."""
        found = set()
        for folder in _folders(self._folder):
            with contextlib.suppress(RegistryError):
                if self._own(check_task_name(folder.name)) or (folder / _POINTER).is_file():
                    found.add(folder.name)
        if self._shipped is not None:
            found.update(folder.name for folder in _folders(self._shipped) if self._has_shipped(folder.name))
        return sorted(found)

    def versions(self, task: str) -> list[VersionInfo]:
        """All versions of a task, the shipped one first, then oldest first. Damaged ones are listed as such."""
        log = self.decisions(task)
        history = self._history_or_log(task, log)
        names = [SHIPPED] if self._has_shipped(task) else []
        current = history[0] if history else SHIPPED
        return [self._info(task, name, current, history, log) for name in names + self._own(task)]

    def current(self, task: str) -> VersionInfo | None:
        """The version that answers, or None when the task has none.

        Files are compared by size only; call `verify` before reading weights. Raises RegistryError when the pointer
        or the version is damaged.
        """
        history = self._history(task)
        if not history:
            return None
        folder = self._version_folder(task, history[0])
        if not (folder / CARD).is_file():
            raise RegistryError(
                f"{self._task(task) / _POINTER} names the version {history[0]!r}, which is not there; "
                f"run `copilot finetune rollback --task {task}`"
            )
        info = self._info(task, history[0], history[0], history, self.decisions(task))
        if info.state == DAMAGED:
            raise RegistryError(info.reason)
        return info

    def get(self, task: str, version: str) -> VersionInfo:
        """One version; raises RegistryError naming those there are."""
        check_version_name(version)
        known = self.versions(task)
        for info in known:
            if info.version == version:
                return info
        there = ", ".join(info.version for info in known) or "none; train one with `copilot finetune run`"
        raise RegistryError(f"Task {task!r} has no version {version!r}; there are: {there}")

    def decisions(self, task: str) -> list[Decision]:
        """The task's log, oldest first."""
        found = []
        for entry in read_json_lines(self._task(task) / _LOG):
            with contextlib.suppress(KeyError, TypeError, ValueError):
                when = datetime.fromisoformat(entry["time"])
                found.append(
                    Decision(when, str(entry["what"]), str(entry.get("version", "")), str(entry.get("reason", "")))
                )
        return found

    def verify(self, folder: Path) -> Card:
        """Check a version's folder: every file against the card by sha256, nothing unlisted, the right task and name.

        Returns the card; raises RegistryError with the remedy.
        """
        if self._shipped is not None and folder.parent == self._shipped:
            return verify_folder(folder, folder.name)
        if folder.parent.parent == self._folder:
            return verify_folder(folder, folder.parent.name, folder.name)
        return verify_folder(folder)

    def pointer_token(self, task: str) -> PointerToken:
        """The pointer's present state, by one `stat`."""
        try:
            status = (self._task(task) / _POINTER).stat()
        except OSError:
            return PointerToken(task, None)
        return PointerToken(task, (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size))

    def changed_since(self, token: PointerToken) -> bool:
        """Whether the pointer was written since the token was taken; cheap enough for every request."""
        return self.pointer_token(token.task) != token

    # --- writing ---

    @contextlib.contextmanager
    def stage(self, task: str) -> Iterator[Path]:
        """A new, empty folder to train into, under the task's training lock; deleted unless it was published.

        Raises BusyTrainingError at once when another training of the task is running, RegistryError when the folder
        cannot be written or the disk fills up while it is held.
        """
        from filelock import FileLock, Timeout

        folder = self._task(task)
        try:
            self._same_spelling(task)
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(str(folder / "train.lock"), timeout=0)
            lock.acquire()
        except Timeout as error:
            pids = [entry.name.split("-")[1] for entry in _folders(folder) if entry.name.startswith(_STAGING)]
            who = f" (process {', '.join(pids)})" if pids else ""
            raise BusyTrainingError(
                f"Another training of task {task!r} is running{who}; wait until it ends, or stop it"
            ) from error
        except OSError as error:
            raise self._disk(task, error) from error
        staged = folder / f"{_STAGING}{os.getpid()}-{secrets.token_hex(4)}"
        try:
            for left in _folders(folder):  # we hold the lock, so nobody is at work on it
                if left.name.startswith(_STAGING):
                    shutil.rmtree(left, ignore_errors=True)
            staged.mkdir()
            yield staged
        except Exception as error:
            if is_disk_full(error) and not isinstance(error, FinetuneError):
                raise self._disk(task, error) from error
            raise
        finally:
            shutil.rmtree(staged, ignore_errors=True)
            lock.release()

    def publish(self, task: str, staged: Path, card: Mapping[str, Any]) -> str:
        """Turn a staged folder into the next version and return its name. It does not answer until it is promoted.

        `card` needs the keys `finetune.version_folder.GIVEN`. Raises RegistryError.
        """
        folder = self._task(task)
        if staged.parent != folder or not staged.name.startswith(_STAGING) or not staged.is_dir():
            raise RegistryError(f"{staged} is not a folder staged for task {task!r}; get one from stage()")
        with self._writing(task):
            version = self._next(task)
            seal(staged, task, version, card)
            os.rename(staged, folder / version)
            sync_folder(folder)
            self._log_done(task, "published", version, "")
        return version

    def promote(self, task: str, version: str, reason: str, *, instead_of: str | None = None) -> None:
        """Make a version answer, after checking every file of it. One rename; readers see the old one or the new.

        `instead_of` is the version it was compared with: if another answers by now, nothing changes and
        RegistryError says so. Promoting the version that answers does nothing.
        """
        info = self.get(task, version)
        self.verify(info.folder)
        with self._writing(task):
            try:
                history = self._history(task)
            except RegistryError:  # a damaged pointer is mended by writing it
                history = self._history_or_log(task, self.decisions(task))
            answers = history[0] if history else None
            if instead_of is not None and answers != instead_of:
                raise RegistryError(
                    f"Version {version!r} of task {task!r} was compared with {instead_of!r}, but {answers!r} answers by "
                    f"now; compare again"
                )
            if answers == version and (self._task(task) / _POINTER).is_file():
                return
            self._point(task, [version, *(history if answers != version else history[1:])])
            self._log_done(task, PROMOTED, version, reason)

    def keep(self, task: str, version: str, reason: str) -> None:
        """Note that a version was judged and does not answer, and why. Raises RegistryError if it is the one that does."""
        info = self.get(task, version)
        if info.current:
            raise RegistryError(
                f"Version {version!r} of task {task!r} answers; run `copilot finetune rollback --task {task}` first"
            )
        with self._writing(task):
            self._log(task, KEPT, version, reason)

    def rollback(self, task: str, reason: str = "asked for") -> str:
        """Answer with the version that answered before the current one, and return its name; again, one further back.

        Versions that are gone or damaged are passed over. Raises RegistryError when there is none to go back to.
        """
        if not self._task(task).is_dir():
            raise RegistryError(f"Task {task!r} has no versions in {self._folder}, so there is nothing to roll back")
        with self._writing(task):
            log = self.decisions(task)
            try:
                history = self._history(task)
            except RegistryError:
                history = [_POINTER]
            known = self._replayed(task, log)
            if known and history[:1] != known[:1] and not self._is_there(task, history[0] if history else ""):
                history += [version for version in known if version not in history]  # the pointer leads nowhere
            passed: list[str] = []
            for place, version in enumerate(history[1:], start=1):
                try:
                    self.verify(self._version_folder(task, version))
                except RegistryError:
                    passed.append(version)
                    continue
                self._point(task, history[place:])
                more = f"; passed over as damaged or gone: {', '.join(passed)}" if passed else ""
                self._log_done(task, "rolled_back", history[0], f"{reason}; {version} answers again{more}")
                return version
        held = f"; {', '.join(passed)} cannot be used" if passed else ""
        raise RegistryError(
            f"Task {task!r} has no earlier version to go back to{held}; choose one of `copilot finetune versions` with "
            f"`copilot finetune promote --task {task} VERSION`"
        )

    def record(self, task: str, what: str, reason: str, version: str = "") -> None:
        """Add a decision to the log that changes nothing here, such as a training that failed."""
        with self._writing(task):
            self._log(task, what, version, reason)

    def prune(self, task: str, keep: int = 5) -> list[str]:
        """Delete the oldest versions that were kept back, but for the newest `keep` of them; returns their names.

        What answers, what a roll-back may return to and what waits for a decision stays, and so does the log.
        """
        with self._writing(task):
            mine = [v for v in self.versions(task) if v.state == KEPT and v.reason != _NOT_JUDGED]
            gone = mine[: max(0, len(mine) - keep)]
            for info in gone:
                shutil.rmtree(info.folder, ignore_errors=True)
                self._log(task, "pruned", info.version, f"more than {keep} versions were kept back")
        return [info.version for info in gone]

    # --- within ---

    def _task(self, task: str) -> Path:
        return self._folder / check_task_name(task)

    def _version_folder(self, task: str, version: str) -> Path:
        if version == SHIPPED and self._shipped is not None:
            return self._shipped / check_task_name(task)
        return self._task(task) / check_version_name(version)

    def _has_shipped(self, task: str) -> bool:
        return self._shipped is not None and is_model_card(self._shipped / check_task_name(task))

    def _own(self, task: str) -> list[str]:
        """The finished versions in the home folder, oldest first."""
        names = [
            entry.name
            for entry in _folders(self._task(task))
            if not entry.name.startswith(_STAGING) and entry.name != SHIPPED and (entry / CARD).is_file()
        ]
        return sorted(names, key=lambda name: (_number(name), name))

    def _next(self, task: str) -> str:
        """A name never used before, not even by a version that was deleted since."""
        used = [entry.name for entry in _folders(self._task(task))] + [d.version for d in self.decisions(task)]
        return f"v{max(map(_number, used), default=0) + 1:04d}"

    def _history(self, task: str) -> list[str]:
        """What answers and what answered before, newest first. Raises RegistryError for a pointer that makes no sense."""
        pointer = self._task(task) / _POINTER
        try:
            lines = pointer.read_text(encoding="utf-8").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return [SHIPPED] if self._has_shipped(task) else []
        except (OSError, UnicodeDecodeError) as error:
            raise self._bad_pointer(task, f"cannot be read ({error})") from error
        try:
            if not lines:
                raise self._bad_pointer(task, "is empty")
            return [check_version_name(line) for line in lines]
        except RegistryError as error:
            raise self._bad_pointer(task, f"is damaged ({lines[0][:40] if lines else ''!r})") from error

    def _history_or_log(self, task: str, log: list[Decision]) -> list[str]:
        """The history; where the pointer is damaged, the one that the log tells."""
        try:
            return self._history(task)
        except RegistryError:
            return self._replayed(task, log)

    def _replayed(self, task: str, log: list[Decision]) -> list[str]:
        """What the log says was promoted and not rolled back since, newest first."""
        history = [SHIPPED] if self._has_shipped(task) else []
        for decision in log:
            if decision.what == PROMOTED:
                history.insert(0, decision.version)
            elif decision.what == "rolled_back" and decision.version in history:
                del history[: history.index(decision.version) + 1]
        return history

    def _is_there(self, task: str, version: str) -> bool:
        try:
            return (self._version_folder(task, version) / CARD).is_file()
        except RegistryError:
            return False

    def _bad_pointer(self, task: str, what: str) -> RegistryError:
        return RegistryError(
            f"{self._task(task) / _POINTER} {what}; run `copilot finetune rollback --task {task}` to answer with the "
            f"last good version"
        )

    def _info(self, task: str, version: str, current: str, history: list[str], log: list[Decision]) -> VersionInfo:
        folder = self._version_folder(task, version)
        state = SHIPPED if version == SHIPPED else PROMOTED if version in history else KEPT
        reason = next((d.reason for d in reversed(log) if d.version == version and d.what in _SAYS[state]), "")
        if state == SHIPPED:
            reason = reason or "comes with the program"
        elif not reason and state == KEPT:
            reason = _NOT_JUDGED
        try:
            card = read_card(folder, task, None if version == SHIPPED else version)
            when = created_at(card, folder)
        except RegistryError as error:
            state, reason, card, when = DAMAGED, str(error), MappingProxyType({}), datetime.fromtimestamp(0, UTC)
        return VersionInfo(task, version, folder, when, version == current, state, reason, card)

    def _point(self, task: str, history: list[str]) -> None:
        write_text(self._task(task) / _POINTER, "".join(f"{version}\n" for version in history))

    def _log(self, task: str, what: str, version: str, reason: str) -> None:
        entry = {"time": datetime.now(UTC).isoformat(timespec="microseconds"), "what": what, "version": version}
        append_json(self._task(task) / _LOG, entry | {"reason": reason})

    def _log_done(self, task: str, what: str, version: str, reason: str) -> None:
        """Log what has happened already: a full disk must not make it look undone."""
        with contextlib.suppress(OSError):
            self._log(task, what, version, reason)

    @contextlib.contextmanager
    def _writing(self, task: str) -> Iterator[None]:
        """Hold the task for the moment of a change; other processes wait."""
        from filelock import FileLock, Timeout

        folder = self._task(task)
        try:
            self._same_spelling(task)
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(str(folder / "registry.lock"), timeout=_PATIENCE_S):
                yield
        except Timeout as error:
            raise RegistryError(
                f"Another process has been changing the versions of task {task!r} for {_PATIENCE_S} seconds; try again"
            ) from error
        except OSError as error:
            raise self._disk(task, error) from error

    def _same_spelling(self, task: str) -> None:
        """Two tasks whose names differ in capitals only would share a folder on some systems."""
        for folder in _folders(self._folder):
            if folder.name != task and folder.name.casefold() == task.casefold():
                raise RegistryError(
                    f"There is a task {folder.name!r} already; write {folder.name!r} instead of {task!r}"
                )

    def _disk(self, task: str, error: Exception) -> RegistryError:
        if is_disk_full(error):
            return RegistryError(
                f"The disk is full in {self._folder} (task {task!r}); free some space and run it again: nothing was "
                f"promoted, and the version before still answers"
            )
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        return RegistryError(
            f"Cannot write to {self._task(task)}: {said}; check its permissions, or use another --home"
        )


_SAYS: Mapping[str, tuple[str, ...]] = {
    SHIPPED: (PROMOTED, "rolled_back"),
    PROMOTED: (PROMOTED,),
    KEPT: (KEPT, "rolled_back"),
}


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _number(version: str) -> int:
    found = _NUMBER.fullmatch(version)
    return int(found.group(1)) if found else 0
