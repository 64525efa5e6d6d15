"""Who may do and read what: roles, and the least role that reads a document."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from copilot.service.errors import AccessError


class Role(StrEnum):
    """What a user may do; each role includes those before it."""

    OPERATOR = "operator"  # asks, reports faults, says what was right or wrong
    TECHNICIAN = "technician"  # the same, and sees more where [access] says so
    ENGINEER = "engineer"  # documents, indexing, feedback to review, trainings
    ADMIN = "admin"  # all of it, and the audit log

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(Role).index(self)

    def includes(self, other: Role) -> bool:
        """Whether this role may do what the other may."""
        return self.rank >= other.rank


@dataclass(frozen=True, slots=True)
class User:
    """Who asks. `address` is where the request came from, "" within the process."""

    name: str
    role: Role
    address: str = ""

    def require(self, role: Role, what: str) -> None:
        """Raise AccessError unless the user's role includes this one."""
        if not self.role.includes(role):
            raise AccessError(f"{what} takes the role {role.value}; {self.name} has {self.role.value}")


LOCAL = User("local", Role.ADMIN)
"""Whoever sits at the machine while sign-in is off."""


class AccessRules:
    """The table [access]: glob patterns of document ids -> the least role that reads them.

    "*" stands for any characters, "/" included; case and width do not matter. Where several patterns fit, the highest
    role counts; what no pattern fits, everybody reads.
    """

    def __init__(self, patterns: Mapping[str, str] | None = None) -> None:
        self._patterns = tuple((_folded(pattern), Role(role)) for pattern, role in (patterns or {}).items())
        self._least = functools.lru_cache(maxsize=100_000)(self._least_role)

    def least_role(self, document_id: str) -> Role:
        """The least role that reads a document."""
        return self._least(document_id)

    def _least_role(self, document_id: str) -> Role:
        name = _folded(document_id)
        fitting = [role for pattern, role in self._patterns if fnmatchcase(name, pattern)]
        return max(fitting, key=lambda role: role.rank, default=Role.OPERATOR)

    def reads(self, role: Role, document_id: str) -> bool:
        """Whether a role reads a document."""
        return role.includes(self.least_role(document_id))

    def hidden_from(self, role: Role) -> Callable[[str], bool]:
        """A test for document ids that a role must not see."""
        return lambda document_id: not self.reads(role, document_id)

    def tiers(self) -> dict[Role, Role]:
        """Each role -> the least role that reads the same documents: what may share one view of the index."""
        named = {role for _, role in self._patterns} | {Role.OPERATOR}
        return {role: max((one for one in named if role.includes(one)), key=lambda one: one.rank) for role in Role}


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("\\", "/")
