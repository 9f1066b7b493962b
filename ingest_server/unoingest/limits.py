"""How often: requests of one device or client, and wrong keys from one address.

Both count in the time they are given and never look at a clock; a clock that is set back gives nobody a rest
and nobody a penalty. What is kept is bounded: devices are those with a key, addresses the last ADDRESSES_MAX.
"""

import collections
import math
import threading
from dataclasses import dataclass

from unoingest.timestamps import NS_PER_S

BURST_S = 2
"""A device may save up the requests of so many seconds: it comes back from an outage with a backlog."""
FAILURES_MAX = 10
"""Wrong keys from one address in FAILURE_WINDOW_S that get a 401 each. By the protocol a device tries three
times and then every five minutes."""
FAILURE_WINDOW_S = 60
ADDRESSES_MAX = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_ns: int


class RateLimit:
    """A token bucket for each name. Safe to use from several threads.

    Args:
        per_s: Requests a second, or 0 for no limit.
    """

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._burst = max(1.0, per_s * BURST_S)
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def wait_s(self, name: str, now_ns: int) -> int:
        """Take one request of `name`, or say in how many seconds (at least 1) it may try again; 0 if taken.

        Args:
            name: Of an authenticated device or client.
            now_ns: Present time.
        """
        if self._per_s == 0:
            return 0
        with self._lock:
            bucket = self._buckets.setdefault(name, _Bucket(self._burst, now_ns))
            elapsed_s = max(0, now_ns - bucket.at_ns) / NS_PER_S
            bucket.tokens = min(self._burst, bucket.tokens + elapsed_s * self._per_s)
            bucket.at_ns = now_ns
            if bucket.tokens >= 1:
                bucket.tokens -= 1
                return 0
            return math.ceil((1 - bucket.tokens) / self._per_s)


@dataclass(slots=True)
class _Failures:
    since_ns: int
    count: int = 0


class FailureLimit:
    """Counts wrong keys by address. Safe to use from several threads."""

    def __init__(self) -> None:
        self._addresses: collections.OrderedDict[str, _Failures] = collections.OrderedDict()
        self._lock = threading.Lock()

    def count(self, address: str, now_ns: int) -> int:
        """Count a wrong key and return how many came from there in the present window, this one included."""
        with self._lock:
            failures = self._addresses.get(address)
            if failures is None or abs(now_ns - failures.since_ns) >= FAILURE_WINDOW_S * NS_PER_S:
                failures = self._addresses[address] = _Failures(now_ns)
                self._addresses.move_to_end(address)
                if len(self._addresses) > ADDRESSES_MAX:
                    self._addresses.popitem(last=False)
            failures.count += 1
            return failures.count
