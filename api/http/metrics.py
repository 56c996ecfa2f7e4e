"""What operators watch, in Prometheus's words.

In: finished requests, swaps and refusals of models. Out: the text of `/metrics`.
Never: an id of a person, a product or a key as a label.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The figures of one process; with PROMETHEUS_MULTIPROC_DIR set, the text adds up all."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mokhatab_requests_total",
            "Requests by route and status",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "mokhatab_request_seconds",
            "Time until an answer began",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._refused = Counter(
            "mokhatab_models_refused_total",
            "Versions that failed their manifest and were not served",
            registry=self._registry,
        )
        self._degraded = Gauge(
            "mokhatab_model_degraded",
            "1 while another version than the champion answers",
            multiprocess_mode="livemax",
            registry=self._registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def finished(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one request."""
        found = self._children.get((method, route, status))
        if found is None:
            found = (
                self._requests.labels(method, route, str(status)),
                self._seconds.labels(route),
            )
            self._children[method, route, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def refused(self) -> None:
        """Counts a version that failed its manifest."""
        self._refused.inc()

    def text(self, *, degraded: bool) -> bytes:
        """All figures, of all processes where they share a folder."""
        self._degraded.set(degraded)
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
