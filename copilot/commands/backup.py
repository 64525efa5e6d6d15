"""`copilot backup` and `copilot restore`."""

from __future__ import annotations

from pathlib import Path

from copilot import terminal
from copilot.backup import Backup
from copilot.commands.common import DONE
from copilot.config import Settings


def backup(settings: Settings, file: Path, as_json: bool) -> int:
    """Pack the home folder into one file."""
    from copilot import backup

    with terminal.progress(plain=False) as tell:
        made = backup.backup(settings.home, file, tell)
    return _told(made, "Backed up", as_json)


def restore(settings: Settings, file: Path, force: bool, as_json: bool) -> int:
    """Make the home folder out of a backup, whole or not at all."""
    from copilot import backup

    with terminal.progress(plain=False) as tell:
        made = backup.restore(file, settings.home, force, tell)
    return _told(made, f"Restored into {settings.home}", as_json)


def _told(made: Backup, what: str, as_json: bool) -> int:
    if as_json:
        terminal.write_json(
            {
                "file": str(made.path),
                "files": made.files,
                "bytes": made.size,
                "index_version": made.index_version,
                "created_at": made.created_at.isoformat(),
            }
        )
    else:
        index = f"index {made.index_version}" if made.index_version else "no index"
        terminal.write(
            f"{what}: {made.files} files, {made.size / 1e6:.1f} MB, {index}; made {made.created_at:%Y-%m-%d %H:%M} UTC, "
            f"{made.path}"
        )
    return DONE
