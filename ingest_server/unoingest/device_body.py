"""The body of a device's request as docs/wire-protocol.md has it: channels once, then a row for each reading.

This module knows nothing of signatures, HTTP, the store or the clock.
"""

import functools
import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from unoingest.json_body import INT64_MAX, INT64_MIN, decode, pointer_of, refuse_duplicates
from unoingest.problems import INVALID_READING, ProblemError
from unoingest.sent import (
    CHANNEL_PATTERN,
    CHANNELS_MAX,
    READINGS_MAX,
    UINT32_MAX,
    ChannelName,
    SentBatch,
    SentReading,
    Uint32,
    canonical_at,
    each_seq_once,
    encode_values,
)

STATUS_COUNTERS_MAX = 16
_FIRST_VALUE = 2
"""A row's place of the first value, behind seq and age_ms."""

Row = Annotated[
    list[int | float | None], Meta(min_length=_FIRST_VALUE + 1, max_length=_FIRST_VALUE + CHANNELS_MAX)
]


class DeviceRequest(Struct, forbid_unknown_fields=True):
    """The whole body as it is sent."""

    boot: Uint32
    channels: Annotated[list[ChannelName], Meta(min_length=1, max_length=CHANNELS_MAX)]
    readings: Annotated[list[Row], Meta(min_length=1, max_length=READINGS_MAX)]
    status: Annotated[dict[ChannelName, int], Meta(max_length=STATUS_COUNTERS_MAX)] | UnsetType = UNSET


_decoder = msgspec.json.Decoder(DeviceRequest)


def decode_device_body(device: str, body: bytes) -> SentBatch:
    """Return the valid batch of `device` in `body` (at most 64 KiB, not limited here).

    Raises:
        ProblemError: malformed_json, invalid_reading, or identity_conflict within the batch.
    """
    raw = decode(_decoder, body, is_wrong_key=_is_no_channel, is_wrong_value=_is_no_integer)
    refuse_duplicates(body, 3 if raw.status is UNSET else 4 + len(raw.status))
    columns = _columns(tuple(raw.channels))
    readings = each_seq_once([_reading(row, index, columns) for index, row in enumerate(raw.readings)])
    return SentBatch(device, raw.boot, readings, _status(raw))


# a fleet has a few sets of channels
@functools.lru_cache(maxsize=1024)
def _columns(channels: tuple[str, ...]) -> Sequence[tuple[str, int]]:
    """Return names and places in the order of the names, which that of the values in the store follows."""
    if len(set(channels)) != len(channels):
        twice = next(n for n, name in enumerate(channels) if name in channels[:n])
        raise ProblemError(INVALID_READING, "The same channel is named twice", pointer_of("channels", twice))
    return sorted((name, place) for place, name in enumerate(channels, _FIRST_VALUE))


def _reading(row: list[int | float | None], index: int, columns: Sequence[tuple[str, int]]) -> SentReading:
    if len(row) != _FIRST_VALUE + len(columns):
        raise ProblemError(
            INVALID_READING,
            f"Expected seq, age_ms and a value for each of {len(columns)} channels, got {len(row)} numbers",
            pointer_of("readings", index),
        )
    seq, age_ms = row[0], row[1]
    if not isinstance(seq, int) or not 0 <= seq <= UINT32_MAX:
        raise _not_uint32("seq", index, 0)
    if age_ms is not None and (not isinstance(age_ms, int) or not 0 <= age_ms <= UINT32_MAX):
        raise _not_uint32("age_ms", index, 1)
    values: dict[str, int | float] = {}
    for name, place in columns:
        value = row[place]
        if type(value) is int and INT64_MIN <= value <= INT64_MAX:
            values[name] = value
        elif value is not None:
            values[name] = canonical_at(value, "readings", index, place)
    if not values:
        raise ProblemError(INVALID_READING, "The reading has no value at all", pointer_of("readings", index))
    return SentReading(index, seq, age_ms, values, encode_values(values))


def _status(raw: DeviceRequest) -> dict[str, int] | None:
    if raw.status is UNSET:
        return None
    for name, count in raw.status.items():
        canonical_at(count, "status", name)
    return raw.status


def _not_uint32(what: str, index: int, place: int) -> ProblemError:
    return ProblemError(
        INVALID_READING,
        f"Expected {what}, an integer of 0 to {UINT32_MAX}",
        pointer_of("readings", index, place),
    )


def _is_no_channel(name: str, _value: Any) -> bool:
    return not re.match(CHANNEL_PATTERN, name)


def _is_no_integer(_name: str, value: Any) -> bool:
    return type(value) is not int
