"""What stands behind the browser page and the HTTP API: one `Service` per process.

`Service` is loaded when it is first asked for, so that one part of this package costs no more than that part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from copilot.service.service import Service

__all__ = ["Service"]


def __getattr__(name: str) -> Any:
    if name != "Service":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from copilot.service.service import Service

    return Service
