"""Counters for an operator's dashboards, in Prometheus text. They hold no health data and name no person.

Under `dmp serve` the workers keep them in a common folder and any of them answers for all; elsewhere they are those of
the process. They are mapped files, and a write to a page that a full disk has no room for kills whoever writes: a
worker takes all the room it will need before it counts, and does not count where there is none.
"""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
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
OUTLETS = Gauge(
    "dmp_audit_outlet_lag",
    "Events of the audit log that a repository has not confirmed yet.",
    ("destination",),
    multiprocess_mode="mostrecent",
)
LEFT_OUT = Counter(
    "dmp_audit_left_out_total", "Events too long for a datagram, which a repository never gets.", ("destination",)
)
RECEIVED = Counter(
    "dmp_audit_received_total", "Audit messages taken from other nodes, and what was refused.", ("transport", "result")
)
MESSAGES = Counter("dmp_hl7_messages_total", "HL7 v2 messages, by kind and acknowledgement.", ("kind", "result"))
MESSAGE_SECONDS = Histogram(
    "dmp_hl7_message_seconds",
    "Time from the last byte of an HL7 v2 message to its acknowledgement, by kind.",
    ("kind",),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # variable that prometheus_client reads on import
KINDS = ("counter", "histogram")  # of the metrics above, as it names its files
FILE_BYTES = 1024 * 1024  # for all routes, methods and statuses there are

_taken = 0  # process id of whoever has taken its room


def observe(route: str, method: str, status: int, seconds: float) -> None:
    """Counts one answer. `route` is a rule of the application, never a path that a client wrote."""
    if not _has_room():
        return
    REQUESTS.labels(route, method if method in METHODS else "OTHER", f"{status // 100}xx").inc()
    SECONDS.labels(route).observe(seconds)


def observe_message(kind: str, result: str, seconds: float) -> None:
    """Counts one HL7 v2 message: `kind` is one that is served, or OTHER, `result` MSA-1, or NONE without an answer."""
    if not _has_room():
        return
    MESSAGES.labels(kind, result).inc()
    MESSAGE_SECONDS.labels(kind).observe(seconds)


def observe_outlet(destination: str, lag: int) -> None:
    """Notes how many events a repository has not confirmed; `destination` is as in the settings."""
    OUTLETS.labels(destination).set(lag)


def count_left_out(destination: str) -> None:
    """Counts one event that a repository never gets."""
    LEFT_OUT.labels(destination).inc()


def count_received(transport: str, result: str, count: int = 1) -> None:
    """Counts what came in by `transport`: the format of messages that were stored, or why something was not."""
    RECEIVED.labels(transport, result).inc(count)


def render() -> bytes:
    """Everything counted so far, in Prometheus text."""
    if FOLDER not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _has_room() -> bool:
    """Whether this process has its files, every page of them on the disk."""
    global _taken
    if FOLDER not in os.environ or _taken == os.getpid():
        return True
    for kind in KINDS:
        file = Path(os.environ[FOLDER]) / f"{kind}_{os.getpid()}.db"
        try:
            with file.open("ab") as opened:
                os.posix_fallocate(opened.fileno(), 0, FILE_BYTES)
        except OSError:
            file.unlink(missing_ok=True)
            return False
    _taken = os.getpid()
    return True
