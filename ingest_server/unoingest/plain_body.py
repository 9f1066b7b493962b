"""The plain form of a body: JSON with names for everything, as software sends it.

Two kinds: with `boot` and a `seq` in each reading, which the sender counts, or with neither, and the server
counts (`unoingest.points`). This module knows nothing of HTTP, keys, the store or the clock.
"""

import datetime as dt
import re
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from unoingest.json_body import (
    INT64_MAX,
    INT64_MIN,
    decode,
    pointer_of,
    refuse_duplicates,
    refuse_duplicates_anywhere,
)
from unoingest.points import Point
from unoingest.problems import INVALID_READING, ProblemError
from unoingest.sent import (
    CHANNEL_PATTERN,
    CHANNELS_MAX,
    READINGS_MAX,
    ChannelName,
    DeviceName,
    SentBatch,
    SentReading,
    Uint32,
    canonical_at,
    each_seq_once,
    encode_values,
)
from unoingest.timestamps import NS_PER_MS

Values = Annotated[dict[ChannelName, int | float], Meta(min_length=1, max_length=CHANNELS_MAX)]


class PlainReading(Struct, forbid_unknown_fields=True):
    """One reading with a number, as it is sent."""

    seq: Uint32
    age_ms: Uint32
    values: Values


class PlainRequest(Struct, forbid_unknown_fields=True):
    """A body whose readings have numbers."""

    device: DeviceName
    boot: Uint32
    readings: Annotated[list[PlainReading], Meta(min_length=1, max_length=READINGS_MAX)]


class PlainPoint(Struct, forbid_unknown_fields=True):
    """One reading without a number, as it is sent; at most one of `age_ms` and `timestamp`."""

    values: Values
    age_ms: Uint32 | UnsetType = UNSET
    timestamp: Annotated[dt.datetime, Meta(tz=True)] | UnsetType = UNSET


class PlainPoints(Struct, forbid_unknown_fields=True):
    """A body whose readings have no numbers."""

    readings: Annotated[list[PlainPoint], Meta(min_length=1, max_length=READINGS_MAX)]
    device: DeviceName | UnsetType = UNSET


_decoder = msgspec.json.Decoder(PlainRequest)
_points_decoder = msgspec.json.Decoder(PlainPoints)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def decode_plain_body(body: bytes) -> SentBatch:
    """Return the valid batch in `body` (at most 64 KiB, not limited here).

    Raises:
        ProblemError: malformed_json, invalid_reading, or identity_conflict within the batch.
    """
    raw = decode(_decoder, body, is_wrong_key=_is_no_channel, is_wrong_value=_is_no_number)
    refuse_duplicates(body, 3 + sum(3 + len(reading.values) for reading in raw.readings))
    readings = each_seq_once([_reading(reading, index) for index, reading in enumerate(raw.readings)])
    return SentBatch(raw.device, raw.boot, readings)


def has_numbers(body: bytes) -> bool:
    """Tell whether a body means to have numbers of its own: its outermost object has a `boot`."""
    try:
        outermost = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # no JSON, or no object: either decoder says so
        return False
    return "boot" in outermost


def decode_plain_points(body: bytes, received_at_ns: int) -> tuple[str | None, tuple[Point, ...]]:
    """Return the device that the body names, if any, and its readings without numbers.

    Args:
        body: At most 64 KiB, not limited here.
        received_at_ns: What ages refer to, nanoseconds since the Unix epoch.

    Raises:
        ProblemError: malformed_json or invalid_reading.
    """
    raw = decode(_points_decoder, body, is_wrong_key=_is_no_channel, is_wrong_value=_is_no_number)
    refuse_duplicates_anywhere(body)
    points = tuple(_point(point, index, received_at_ns) for index, point in enumerate(raw.readings))
    return (None if raw.device is UNSET else raw.device), points


def _reading(raw: PlainReading, index: int) -> SentReading:
    values = _canonical_values(raw.values, index)
    return SentReading(index, raw.seq, raw.age_ms, values, encode_values(values))


def _point(raw: PlainPoint, index: int, received_at_ns: int) -> Point:
    values = _canonical_values(raw.values, index)
    if raw.age_ms is not UNSET and raw.timestamp is not UNSET:
        raise ProblemError(
            INVALID_READING, "Expected age_ms or timestamp, not both", pointer_of("readings", index)
        )
    time_ns = None
    if raw.age_ms is not UNSET:
        time_ns = received_at_ns - raw.age_ms * NS_PER_MS
    elif raw.timestamp is not UNSET:
        time_ns = (raw.timestamp - _EPOCH) // dt.timedelta(microseconds=1) * 1000
        if not INT64_MIN <= time_ns <= INT64_MAX:
            raise ProblemError(
                INVALID_READING,
                "Expected a year of 1678 to 2261",
                pointer_of("readings", index, "timestamp"),
            )
    return Point(time_ns, values, encode_values(values))


def _canonical_values(values: dict[str, int | float], index: int) -> dict[str, int | float]:
    return {name: canonical_at(values[name], "readings", index, "values", name) for name in sorted(values)}


def _is_no_channel(name: str, _value: Any) -> bool:
    return not re.match(CHANNEL_PATTERN, name)


def _is_no_number(_name: str, value: Any) -> bool:
    return type(value) not in (int, float)
