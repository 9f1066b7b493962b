"""What the server tells Prometheus: counts as they happen, and the state of the store when it is asked.

No label holds a device's name: a server with thousands of devices would have as many time series.
"""

import collections
import shutil
import threading
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from unoingest.errors import StoreUnavailableError
from unoingest.queries import Queries
from unoingest.timestamps import NS_PER_S

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Collector):
    """Counts and gauges of one service. Safe to use from several threads.

    Args:
        queries: About the store.
    """

    def __init__(self, queries: Queries) -> None:
        self._collectors = CollectorRegistry()
        self._collectors.register(_StoreState(queries))
        # plain numbers: a Counter of prometheus-client costs several times as much, at each request
        self._lock = threading.Lock()
        self._answers: collections.Counter[tuple[str, int]] = collections.Counter()
        self._readings_stored = 0
        self._collectors.register(self)

    def answered(self, entry: str, statuses: Iterable[int]) -> None:
        """Count answers that `entry` gave: "hot", "flask", or "http" to what is no request."""
        with self._lock:
            self._answers.update([(entry, status) for status in statuses])

    def stored(self, readings: int) -> None:
        """Count new readings on disk."""
        with self._lock:
            self._readings_stored += readings

    def describe(self) -> Iterable[Metric]:
        """Return nothing: what there is shows when it is asked for."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield what was counted; called by prometheus-client."""
        answers = CounterMetricFamily(
            "unoingest_answers", "HTTP answers, by entry and status.", labels=["entry", "status"]
        )
        with self._lock:
            counted, stored = dict(self._answers), self._readings_stored
        for (entry, status), count in counted.items():
            answers.add_metric([entry, str(status)], count)
        yield answers
        yield CounterMetricFamily(
            "unoingest_readings_stored", "Readings that were new and are on disk.", value=stored
        )

    def exposition(self) -> bytes:
        """Return everything in Prometheus's text format.

        Raises:
            StoreUnavailableError: the store cannot be read now.
        """
        return generate_latest(self._collectors)


class _StoreState(Collector):
    """Asks the store at each scrape."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registering must not open the store."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield the gauges; those of the outbox only while it holds something."""
        readable = GaugeMetricFamily("unoingest_store_readable", "Whether the store can be read.")
        try:
            waiting, oldest_ns = self._queries.outbox_extent()
        except StoreUnavailableError:
            yield _with(readable, 0)
            return
        yield _with(readable, 1)
        yield _with(GaugeMetricFamily("unoingest_outbox_requests", "Requests whose entries wait."), waiting)
        if oldest_ns is not None:
            oldest = GaugeMetricFamily(
                "unoingest_outbox_oldest_received_seconds", "Unix time at which the oldest was received."
            )
            yield _with(oldest, oldest_ns / NS_PER_S)
        free = GaugeMetricFamily("unoingest_disk_free_bytes", "Free space where the store is.")
        yield _with(free, shutil.disk_usage(self._queries.path.parent).free)
        size = GaugeMetricFamily("unoingest_store_bytes", "Size of the store's file.")
        yield _with(size, self._queries.path.stat().st_size)


def _with(family: GaugeMetricFamily, value: float) -> GaugeMetricFamily:
    family.add_metric([], value)
    return family
