"""Who may sign in: names, roles, passwords as scrypt hashes, sessions and tokens, in SQLite in the home folder.

Passwords are hashed with scrypt (RFC 7914; N = 2^15, r = 8, p = 1, as OWASP asks for at least half of that with p = 3).
Sessions and tokens are 256 random bits, shown once and stored as SHA-256: nothing in the file signs anybody in.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from copilot.errors import CopilotError
from copilot.service.access import Role, User
from copilot.service.errors import LimitError

FILE = "users.sqlite"
LEAST_PASSWORD = 8
SESSION_HOURS = 12
TOKEN_PREFIX = "fc_"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS tokens (
    digest TEXT PRIMARY KEY, id TEXT NOT NULL, name TEXT NOT NULL, label TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS sessions (digest TEXT PRIMARY KEY, name TEXT NOT NULL, expires REAL NOT NULL) STRICT;
"""
_NAME = re.compile(r"[\w][\w.@-]{0,63}")
_RESERVED = frozenset({"local"})
_N, _R, _P = 2**15, 8, 1
_FREE_TRIES, _LONGEST_WAIT_S, _REMEMBERED = 5, 900.0, 10_000


class UsersError(CopilotError):
    """A name, role or password cannot be taken, or the file of users cannot be used."""


class SignInError(CopilotError):
    """The name and the password do not belong together."""


@dataclass(frozen=True, slots=True)
class Account:
    """One user. `tokens` are (id, label) of those that stand."""

    name: str
    role: Role
    created_at: str
    tokens: tuple[tuple[str, str], ...] = ()


class Users:
    """The users of one home folder. Light; safe with many threads and processes."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """`path` is the file `FILE` in the home folder; it appears with the first user."""
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None
        self._tries = Tries(clock)

    # --- accounts ---

    def any(self) -> bool:
        """Whether there is a user, so that sign-in is asked for."""
        return self._path.exists() and bool(self._all("SELECT 1 FROM users LIMIT 1"))

    def accounts(self) -> list[Account]:
        """All users in the order of their names."""
        if not self._path.exists():
            return []
        tokens = self._all("SELECT name, id, label FROM tokens ORDER BY created_at")
        return [
            Account(name, Role(role), created, tuple((t[1], t[2]) for t in tokens if t[0] == name))
            for name, role, created in self._all("SELECT name, role, created_at FROM users ORDER BY name")
        ]

    def add(self, name: str, role: str, password: str) -> None:
        """Add a user. Raises UsersError when the name is taken, or the name, role or password is none."""
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise UsersError(f"{name!r} is no name for a user; use letters, digits, '.', '_', '-' and '@', at most 64")
        if role not in list(Role):
            raise UsersError(f"there is no role {role!r}; choose from {', '.join(Role)}")
        hashed = _hashed(_checked(password))
        try:
            self._change("INSERT INTO users VALUES (?, ?, ?, ?)", (name, role, hashed, _now()))
        except sqlite3.IntegrityError:
            raise UsersError(
                f"there is a user {name!r} already; change the password with `copilot users passwd`"
            ) from None

    def remove(self, name: str) -> None:
        """Remove a user with all sessions and tokens. Raises UsersError when there is none of that name."""
        self._known(name)
        for table in ("sessions", "tokens", "users"):
            self._change(f"DELETE FROM {table} WHERE name = ?", (name,))

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; their sessions end."""
        self._known(name)
        self._change("UPDATE users SET password = ? WHERE name = ?", (_hashed(_checked(password)), name))
        self._change("DELETE FROM sessions WHERE name = ?", (name,))

    def set_role(self, name: str, role: str) -> None:
        """Give a user another role, in force with the next request."""
        self._known(name)
        if role not in list(Role):
            raise UsersError(f"there is no role {role!r}; choose from {', '.join(Role)}")
        self._change("UPDATE users SET role = ? WHERE name = ?", (role, name))

    # --- signing in ---

    def sign_in(self, name: str, password: str, address: str) -> str:
        """Begin a session; returns its secret for the cookie.

        Raises SignInError, and LimitError after several wrong tries under this name or from this address.
        """
        self._tries.check(name, address)
        found = self._all("SELECT password FROM users WHERE name = ?", (name,)) if self._path.exists() else []
        # As long as for a user who exists, so that the time does not tell which names do.
        right = _matches(password, found[0][0] if found else _NOBODY)
        if not found or not right:
            self._tries.failed(name, address)
            raise SignInError("the name or the password is wrong")
        self._tries.succeeded(name, address)
        secret = secrets.token_urlsafe(32)
        self._change("DELETE FROM sessions WHERE expires < ?", (self._clock(),))
        expires = self._clock() + SESSION_HOURS * 3600
        self._change("INSERT INTO sessions VALUES (?, ?, ?)", (_digest(secret), name, expires))
        return secret

    def sign_out(self, secret: str) -> None:
        """End a session."""
        if self._path.exists():
            self._change("DELETE FROM sessions WHERE digest = ?", (_digest(secret),))

    def of_session(self, secret: str, address: str = "") -> User | None:
        """Whose session this is; None when it is none or over."""
        return self._user(
            "SELECT u.name, u.role FROM sessions s JOIN users u USING (name) WHERE s.digest = ? AND s.expires >= ?",
            (_digest(secret), self._clock()), address,
        )  # fmt: skip

    # --- tokens ---

    def make_token(self, name: str, label: str = "") -> str:
        """A token by which another program asks as this user; shown this once."""
        self._known(name)
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        row = (_digest(secret), secrets.token_hex(4), name, label.strip()[:80], _now())
        self._change("INSERT INTO tokens VALUES (?, ?, ?, ?, ?)", row)
        return secret

    def revoke_token(self, name: str, token_id: str) -> None:
        """End a token by the id that `accounts` shows."""
        if not self._change("DELETE FROM tokens WHERE name = ? AND id = ?", (name, token_id)):
            raise UsersError(f"{name} has no token {token_id!r}; `copilot users list` shows them")

    def of_token(self, secret: str, address: str = "") -> User | None:
        """Whose token this is, or None."""
        return self._user(
            "SELECT u.name, u.role FROM tokens t JOIN users u USING (name) WHERE t.digest = ?",
            (_digest(secret),), address,
        )  # fmt: skip

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _user(self, sql: str, values: Sequence[Any], address: str) -> User | None:
        rows = self._all(sql, values) if self._path.exists() else []
        return User(rows[0][0], Role(rows[0][1]), address) if rows else None

    def _known(self, name: str) -> None:
        if not self._path.exists() or not self._all("SELECT 1 FROM users WHERE name = ?", (name,)):
            raise UsersError(f"there is no user {name!r}; `copilot users list` shows them")

    def _all(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._db().execute(sql, tuple(values)).fetchall()
            except sqlite3.DatabaseError as error:
                raise self._damaged(error) from error

    def _change(self, sql: str, values: Sequence[Any]) -> int:
        with self._lock:
            try:
                with self._db() as db:
                    return db.execute(sql, tuple(values)).rowcount
            except sqlite3.IntegrityError:
                raise
            except sqlite3.DatabaseError as error:
                raise self._damaged(error) from error

    def _db(self) -> sqlite3.Connection:
        if self._opened is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._opened = sqlite3.connect(self._path, check_same_thread=False, timeout=30)
            self._opened.execute("PRAGMA journal_mode = WAL")
            self._opened.executescript(_SCHEMA)
            self._path.chmod(0o600)
        return self._opened

    def _damaged(self, error: sqlite3.Error) -> UsersError:
        return UsersError(f"{self._path} cannot be used ({error}); restore it from a backup")


class Tries:
    """Wrong passwords of late, by name and by address: five are free, then each doubles the wait, up to 15 minutes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def check(self, name: str, address: str) -> None:
        """Raise LimitError while a wait is on."""
        now = self._clock()
        with self._lock:
            waits = [self._wait(key, now) for key in _keys(name, address)]
        if (wait := max(waits)) > 0:
            raise LimitError(f"too many wrong tries; try again in {wait:.0f} s", wait)

    def failed(self, name: str, address: str) -> None:
        """Count a wrong try."""
        now = self._clock()
        with self._lock:
            for key in _keys(name, address):
                count, last = self._wrong.pop(key, (0, now))
                self._wrong[key] = (count + 1 if now - last < 2 * _LONGEST_WAIT_S else 1, now)
            while len(self._wrong) > _REMEMBERED:
                self._wrong.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the wrong tries under this name; those from the address stay, else one own account would clear them."""
        with self._lock:
            self._wrong.pop(_keys(name, address)[0], None)

    def _wait(self, key: str, now: float) -> float:
        count, last = self._wrong.get(key, (0, 0.0))
        if count < _FREE_TRIES:
            return 0.0
        return float(last + min(_LONGEST_WAIT_S, 2.0 ** (count - _FREE_TRIES)) - now)


def _keys(name: str, address: str) -> tuple[str, str]:
    return f"name:{name.casefold()[:64]}", f"address:{address}"


def _checked(password: str) -> str:
    if len(password) < LEAST_PASSWORD:
        raise UsersError(f"the password has {len(password)} characters; at least {LEAST_PASSWORD} are needed")
    if len(password) > 1024:
        raise UsersError("the password has more than 1024 characters; shorten it")
    return password


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"scrypt${_N}${_R}${_P}${salt.hex()}${_scrypt(password, salt, _N, _R, _P).hex()}"


def _matches(password: str, stored: str) -> bool:
    _, n, r, p, salt, digest = stored.split("$")
    made = _scrypt(password[:1024], bytes.fromhex(salt), int(n), int(r), int(p))
    return hmac.compare_digest(made, bytes.fromhex(digest))


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    data = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(data, salt=salt, n=n, r=r, p=p, maxmem=2 * 128 * n * r, dklen=32)


_NOBODY = f"scrypt${_N}${_R}${_P}${'00' * 16}${'00' * 32}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
