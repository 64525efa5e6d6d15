"""What stands behind the browser page and the HTTP API: one `Service` per process."""

from copilot.service.service import Service

__all__ = ["Service"]
