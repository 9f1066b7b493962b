"""The plain form of a body: JSON with names for everything, as software sends it.

This module knows nothing of HTTP, keys, the store or the clock.
"""

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from unoingest.json_body import decode, refuse_duplicates
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


class PlainReading(Struct, forbid_unknown_fields=True):
    """One reading as it is sent."""

    seq: Uint32
    age_ms: Uint32
    values: Annotated[dict[ChannelName, int | float], Meta(min_length=1, max_length=CHANNELS_MAX)]


class PlainRequest(Struct, forbid_unknown_fields=True):
    """The whole body as it is sent."""

    device: DeviceName
    boot: Uint32
    readings: Annotated[list[PlainReading], Meta(min_length=1, max_length=READINGS_MAX)]


_decoder = msgspec.json.Decoder(PlainRequest)


def decode_plain_body(body: bytes) -> SentBatch:
    """Return the valid batch in `body` (at most 64 KiB, not limited here).

    Raises:
        ProblemError: malformed_json, invalid_reading, or identity_conflict within the batch.
    """
    raw = decode(_decoder, body, is_wrong_key=_is_no_channel, is_wrong_value=_is_no_number)
    refuse_duplicates(body, 3 + sum(3 + len(reading.values) for reading in raw.readings))
    readings = each_seq_once([_reading(reading, index) for index, reading in enumerate(raw.readings)])
    return SentBatch(raw.device, raw.boot, readings)


def _reading(raw: PlainReading, index: int) -> SentReading:
    values = {
        name: canonical_at(raw.values[name], "readings", index, "values", name) for name in sorted(raw.values)
    }
    return SentReading(index, raw.seq, raw.age_ms, values, encode_values(values))


def _is_no_channel(name: str, _value: Any) -> bool:
    return not re.match(CHANNEL_PATTERN, name)


def _is_no_number(_name: str, value: Any) -> bool:
    return type(value) not in (int, float)
