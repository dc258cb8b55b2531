"""Metrics: what Prometheus is told (names as prometheus.io/docs/practices/naming asks for).

Labels are route templates, methods and words from this project, never anything that a request
brought: a label is neither an identifier nor unbounded.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ledger.log import Log

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED: Final = "unmatched"

# A second series beside each counter, which no query of Prometheus needs.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """One service's metrics, in a registry of their own."""

    def __init__(self, log: Log) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "counterfoil_http_requests",
            "Requests answered",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.duration = Histogram(
            "counterfoil_http_request_duration_seconds",
            "From a request's headers to the end of its handler",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "counterfoil_http_requests_in_flight", "Requests under way", registry=self.registry
        )
        self.refused = Counter(
            "counterfoil_http_refused",
            "Requests or connections refused to keep the service within its limits",
            ("limit",),
            registry=self.registry,
        )
        self.denied = Counter(
            "counterfoil_denied_reads",
            "Requests of authenticated callers for what they may not see or do",
            ("reason",),
            registry=self.registry,
        )
        self.logins = Counter(
            "counterfoil_logins",
            "Token requests, by what was shown and how it ended",
            ("by", "result"),
            registry=self.registry,
        )
        self.unforeseen = Counter(
            "counterfoil_unforeseen_errors", "Faults of the service", registry=self.registry
        )
        self.loop_lag = Gauge(
            "counterfoil_event_loop_lag_seconds",
            "Longest delay of the event loop in the last ten seconds",
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(_LogMetrics(log))

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        method = method if method in _METHODS else "other"
        self.requests.labels(route, method, str(status)).inc()
        self.duration.labels(route, method).observe(seconds)

    def render(self) -> bytes:
        """The text that Prometheus reads. Reads the store: not on the event loop."""
        return generate_latest(self.registry)


class _LogMetrics(Collector):
    """What is asked of the log when somebody looks."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._size_at_start = log.reader.checkpoint.size

    def collect(self) -> Iterator[Metric]:
        size = self._log.reader.checkpoint.size
        published = self._log.published
        yield GaugeMetricFamily("counterfoil_log_size", "Entries in the log", size)
        yield CounterMetricFamily(
            "counterfoil_entries_appended",
            "Entries appended since the start, epochs too",
            size - self._size_at_start,
        )
        yield GaugeMetricFamily(
            "counterfoil_published_size",
            "Entries that the published checkpoint covers",
            published.size,
        )
        yield GaugeMetricFamily(
            "counterfoil_checkpoint_age_seconds",
            "Since the published checkpoint was signed",
            max(0.0, time.time() - published.signed_s),
        )
