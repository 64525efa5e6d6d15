"""Errors of the service, each with what an HTTP server says of it.

ServiceError
├── AccessError      403: the user's role, or the document, does not allow it
├── NotFoundError    404: no such answer, document, chunk, job or conversation, or none that the user may see
├── ConflictError    409: someone else changed it meanwhile
├── TooLargeError    413: an upload above the limit
├── LimitError       429: too many questions in a short time
├── BusyError        503: too many questions wait already
└── TimedOutError    504: no answer within the time allowed
"""

from __future__ import annotations

from copilot.errors import CopilotError


class ServiceError(CopilotError):
    """Base of what the service refuses. `status` is the HTTP status, `retry_after_s` when to try again."""

    status = 400

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class AccessError(ServiceError):
    """The user may not do this."""

    status = 403


class NotFoundError(ServiceError):
    """There is no such thing, or none that this user may see."""

    status = 404


class ConflictError(ServiceError):
    """Another change came first."""

    status = 409


class TooLargeError(ServiceError):
    """More is sent than is taken."""

    status = 413


class LimitError(ServiceError):
    """One user asks too much in a short time."""

    status = 429


class BusyError(ServiceError):
    """Too many questions wait already."""

    status = 503


class TimedOutError(ServiceError):
    """The answer took too long."""

    status = 504
