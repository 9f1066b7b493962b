"""Nanosecond timestamps as text. All arithmetic is on integers: a float is too coarse."""

import datetime as dt
import functools

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def rfc3339(time_ns: int) -> str:
    """Return nanoseconds since the Unix epoch (negative before it) in UTC with nine decimals (RFC 3339)."""
    seconds, nanos = divmod(time_ns, NS_PER_S)
    return f"{_to_the_second(seconds)}.{nanos:09d}Z"


# readings that arrive together were mostly taken in the same few seconds, and this runs for each log line
@functools.lru_cache(maxsize=128)
def _to_the_second(seconds: int) -> str:
    return f"{_EPOCH + dt.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}"
