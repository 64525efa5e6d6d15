"""Counters for Prometheus. Nothing here tells one person from another."""

from __future__ import annotations

from collections.abc import Callable


class Metrics:
    """The metrics of one service; `text` is what Prometheus reads."""

    def __init__(self, running: Callable[[], int], waiting: Callable[[], int], ready: Callable[[], bool]) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        from prometheus_client.exposition import CONTENT_TYPE_LATEST
        from prometheus_client.process_collector import ProcessCollector

        registry = self._registry = CollectorRegistry()
        self.media_type = CONTENT_TYPE_LATEST
        ProcessCollector(registry=registry)
        buckets = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
        self.answers = Counter("copilot_answers", "Answers by how they ended", ["status", "route"], registry=registry)
        self.failures = Counter(
            "copilot_failures", "Questions without an answer, by why", ["reason"], registry=registry
        )
        self.answer_seconds = Histogram(
            "copilot_answer_seconds",
            "From question to whole answer, waiting included",
            buckets=buckets,
            registry=registry,
        )
        self.first_seconds = Histogram(
            "copilot_first_piece_seconds",
            "From question to the first piece of text",
            buckets=buckets,
            registry=registry,
        )
        self.searches = Counter("copilot_searches", "Searches", registry=registry)
        self.reports = Counter("copilot_fault_reports_recorded", "Fault reports recorded here", registry=registry)
        self.feedback = Counter("copilot_feedback", "Feedback by verdict", ["verdict"], registry=registry)
        self.jobs = Counter("copilot_jobs", "Jobs by kind and outcome", ["kind", "state"], registry=registry)
        Gauge("copilot_questions_running", "Questions being answered", registry=registry).set_function(running)
        Gauge("copilot_questions_waiting", "Questions that wait", registry=registry).set_function(waiting)
        Gauge("copilot_ready", "1 when questions are answered at once", registry=registry).set_function(ready)

    def text(self) -> bytes:
        """All metrics in Prometheus's text format."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)
