"""The HTTP API over a `copilot.service.Service`."""
