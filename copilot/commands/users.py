"""`copilot users add`, `list`, `remove`, `passwd` and `token`."""

from __future__ import annotations

import getpass
import sys

from copilot import terminal
from copilot.commands.common import DONE, UsageError
from copilot.config import Settings
from copilot.users import FILE, Users


def _users(settings: Settings) -> Users:
    return Users(settings.home / FILE)


def add(settings: Settings, name: str, role: str, from_stdin: bool, as_json: bool) -> int:
    """Add a user; the password is asked for, or read from stdin."""
    _users(settings).add(name, role, _password(from_stdin))
    if as_json:
        terminal.write_json({"name": name, "role": role})
    else:
        terminal.write(f"{name} may sign in as {role}.")
    return DONE


def list_users(settings: Settings, as_json: bool) -> int:
    """List the users with their roles and tokens; no secrets are kept that could be shown."""
    found = _users(settings).accounts()
    if as_json:
        terminal.write_json(
            {
                "users": [
                    {
                        "name": one.name,
                        "role": one.role.value,
                        "created_at": one.created_at,
                        "tokens": [{"id": token, "label": label} for token, label in one.tokens],
                    }
                    for one in found
                ]
            }
        )
    elif not found:
        terminal.write("There are no users: sign-in is off, and the server listens on this machine only.")
    else:
        rows = [
            [one.name, one.role.value, one.created_at, ", ".join(f"{t} {label}".strip() for t, label in one.tokens)]
            for one in found
        ]
        terminal.table(["name", "role", "since", "tokens"], rows)
    return DONE


def remove(settings: Settings, name: str, as_json: bool) -> int:
    """Remove a user; sessions and tokens end at once."""
    _users(settings).remove(name)
    if as_json:
        terminal.write_json({"removed": name})
    else:
        terminal.write(f"{name} is removed.")
    return DONE


def passwd(settings: Settings, name: str, role: str | None, from_stdin: bool, as_json: bool) -> int:
    """Give a user another password, or with a role only that."""
    users = _users(settings)
    if role is not None:
        users.set_role(name, role)
    else:
        users.set_password(name, _password(from_stdin))
    if as_json:
        terminal.write_json({"name": name, "changed": "role" if role is not None else "password"})
    else:
        terminal.write(f"{name} has the role {role}." if role is not None else f"{name} has another password.")
    return DONE


def token(settings: Settings, name: str, label: str, revoke: str | None, as_json: bool) -> int:
    """Make a token, shown this once, or end one."""
    users = _users(settings)
    if revoke is not None:
        users.revoke_token(name, revoke)
        if as_json:
            terminal.write_json({"name": name, "revoked": revoke})
        else:
            terminal.write(f"The token {revoke} of {name} is ended.")
        return DONE
    secret = users.make_token(name, label)
    if as_json:
        terminal.write_json({"name": name, "token": secret})
    else:
        terminal.write(secret)
        terminal.note("Keep it now: it is not stored and cannot be shown again.")
    return DONE


def _password(from_stdin: bool) -> str:
    if from_stdin or not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise UsageError("stdin holds no password; write it there, on one line")
        return password
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise UsageError("the two passwords differ; nothing was changed")
    return password
