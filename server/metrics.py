"""Counters for an operator's dashboards, in Prometheus text. They hold no health data and name no person.

Under `dmp serve` the workers keep them in a common folder and any of them answers for all; elsewhere they are those of
the process.
"""

from __future__ import annotations

import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # any other counts as OTHER

REQUESTS = Counter("dmp_requests_total", "Answers sent, by route and status class.", ("route", "method", "status"))
SECONDS = Histogram(
    "dmp_request_seconds",
    "Time from a request's headers to the start of its answer, by route.",
    ("route",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


def observe(route: str, method: str, status: int, seconds: float) -> None:
    """Counts one answer. `route` is a rule of the application, never a path that a client wrote."""
    REQUESTS.labels(route, method if method in METHODS else "OTHER", f"{status // 100}xx").inc()
    SECONDS.labels(route).observe(seconds)


def render() -> bytes:
    """Everything counted so far, in Prometheus text."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
