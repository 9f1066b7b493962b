"""What a request sends, whatever form its body has: valid readings, each sequence number once.

Rules: equal values have equal bytes (`values_json`), so that a reading sent again can be told from another
one with the same identity; an integer has at most 64 bits with sign; a double is finite.
This module decodes nothing: the forms are `device_body`, `plain_body`, `senml` and `line_protocol`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from unoingest.json_body import INT64_MAX, INT64_MIN, pointer_of
from unoingest.problems import IDENTITY_CONFLICT, INVALID_READING, ProblemError

READINGS_MAX = 100
CHANNELS_MAX = 32
UINT32_MAX = 2**32 - 1
INTEGRAL_FLOAT_MAX = 2**53

# \Z and not $: the latter would let a name end with a newline
DEVICE_PATTERN = r"^[A-Za-z0-9._-]{1,32}\Z"
CHANNEL_PATTERN = r"^[a-z][a-z0-9_]{0,15}\Z"

Uint32 = Annotated[int, Meta(ge=0, le=UINT32_MAX)]
DeviceName = Annotated[str, Meta(pattern=DEVICE_PATTERN)]
ChannelName = Annotated[str, Meta(pattern=CHANNEL_PATTERN)]


class SentReading(msgspec.Struct, frozen=True, gc=False):
    """One valid reading.

    Args:
        index: Its place in the request, from 0.
        seq: Sequence number, 0..2^32-1.
        age_ms: Age of the reading when it was sent, 0..2^32-1, or None if it has no time of its own.
        values: Channel name to number, in the order of the names.
        values_json: The same as canonical JSON, equal for equal values.
    """

    index: int
    seq: int
    age_ms: int | None
    values: dict[str, int | float]
    values_json: bytes


class SentBatch(msgspec.Struct, frozen=True, gc=False):
    """A valid request: each sequence number once, in the order sent.

    Args:
        device: Device name, 1..32 characters.
        boot: Boot counter, 0..2^32-1.
        readings: At least one.
        status: The device's own counters, or None if it sent none.
    """

    device: str
    boot: int
    readings: tuple[SentReading, ...]
    status: Mapping[str, int] | None = None


def canonical(value: float) -> int | float:
    """Return a number so that equal numbers are written equally: 512.0 and 5.12e2 are 512.

    Args:
        value: Finite.

    Raises:
        ValueError: it is an integer of more than 64 bits.
    """
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= INTEGRAL_FLOAT_MAX else value
    if not INT64_MIN <= value <= INT64_MAX:
        raise ValueError("Expected an integer of at most 64 bits with sign")
    return value


def canonical_at(value: float, *steps: str | int) -> int | float:
    """Return `canonical(value)` for the number at this place of the body.

    Raises:
        ProblemError: invalid_reading.
    """
    try:
        return canonical(value)
    except ValueError as error:
        raise ProblemError(INVALID_READING, str(error), pointer_of(*steps)) from error


def encode_values(values: Mapping[str, int | float]) -> bytes:
    """Return canonical values, in the order of their names, as JSON."""
    return _encode(values)


_encode = msgspec.json.Encoder().encode


def each_seq_once(readings: Sequence[SentReading]) -> tuple[SentReading, ...]:
    """Return the readings without those that were sent twice.

    Raises:
        ProblemError: identity_conflict, if a sequence number comes with two sets of values.
    """
    if len(readings) == 1 or len({reading.seq for reading in readings}) == len(readings):
        return tuple(readings)
    unique: dict[int, SentReading] = {}
    for reading in readings:
        first = unique.setdefault(reading.seq, reading)
        if first.values_json != reading.values_json:
            raise ProblemError(
                IDENTITY_CONFLICT,
                f"seq {reading.seq} is sent twice in this request, with different values",
                pointer_of("readings", reading.index),
            )
    return tuple(unique.values())
