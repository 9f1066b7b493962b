"""The body of `POST /v1/readings`: its types, its limits, and what is said when it breaks them.

msgspec decodes and validates in one pass. Three things it lets through are checked here: a member name that
appears twice in one object (the last would win, silently), an integer beyond 64 bits, and one sequence number
with two different sets of values.
This module knows nothing of HTTP, the store or the clock.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from unoingest.problems import IDENTITY_CONFLICT, INVALID_READING, MALFORMED_JSON, ProblemError

READINGS_MAX = 100
CHANNELS_MAX = 32
UINT32_MAX = 2**32 - 1
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
INTEGRAL_FLOAT_MAX = 2**53
# a client's own texts are quoted in its answer, and small devices have small buffers
DETAIL_CHARS_MAX = 200

# \Z and not $: the latter would let a name end with a newline
DEVICE_PATTERN = r"^[A-Za-z0-9._-]{1,32}\Z"
CHANNEL_PATTERN = r"^[a-z][a-z0-9_]{0,15}\Z"

Uint32 = Annotated[int, Meta(ge=0, le=UINT32_MAX)]
ChannelName = Annotated[str, Meta(pattern=CHANNEL_PATTERN)]


class RawReading(Struct, forbid_unknown_fields=True):
    """One reading as it is sent."""

    seq: Uint32
    age_ms: Uint32
    values: Annotated[dict[ChannelName, int | float], Meta(min_length=1, max_length=CHANNELS_MAX)]


class RawRequest(Struct, forbid_unknown_fields=True):
    """The whole body as it is sent."""

    device: Annotated[str, Meta(pattern=DEVICE_PATTERN)]
    boot: Uint32
    readings: Annotated[list[RawReading], Meta(min_length=1, max_length=READINGS_MAX)]


@dataclass(frozen=True, slots=True)
class SentReading:
    """One valid reading.

    Args:
        index: Its place in the request, from 0.
        seq: Sequence number, 0..2^32-1.
        age_ms: Age of the reading when it was sent, 0..2^32-1.
        values: Channel name to number, in the order of the names.
        values_json: The same as canonical JSON, equal for equal values.
    """

    index: int
    seq: int
    age_ms: int
    values: dict[str, int | float]
    values_json: bytes


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A valid request: each sequence number once, in the order sent."""

    device: str
    boot: int
    readings: tuple[SentReading, ...]


_decoder = msgspec.json.Decoder(RawRequest)
_MESSAGE = re.compile(r"(?s)(.*?)(?: - at (?:(`key`) in )?`(\$[^`]*)`)?")
_PATH_STEP = re.compile(r"\.([a-z_]+)|\[(\d+)\]")
_MISSING_OR_UNKNOWN = re.compile(r"(?s)Object (?:missing required|contains unknown) field `(.*)`")


def decode_batch(body: bytes) -> SentBatch:
    """Return the valid batch in `body` (at most 64 KiB, not limited here).

    Raises:
        ProblemError: malformed_json, invalid_reading, or identity_conflict within the batch.
    """
    try:
        raw = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(body, str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(MALFORMED_JSON, str(error)) from error
    _refuse_duplicate_members(body, raw)
    return SentBatch(raw.device, raw.boot, _unique_readings(raw))


def pointer_of(*steps: str | int) -> str:
    """Return the JSON pointer with these reference tokens (RFC 6901, section 3)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def _unique_readings(raw: RawRequest) -> tuple[SentReading, ...]:
    unique: dict[int, SentReading] = {}
    for index, reading in enumerate(raw.readings):
        values = {name: _canonical(reading, index, name) for name in sorted(reading.values)}
        sent = SentReading(index, reading.seq, reading.age_ms, values, msgspec.json.encode(values))
        first = unique.setdefault(sent.seq, sent)
        if first.values_json != sent.values_json:
            raise ProblemError(
                IDENTITY_CONFLICT,
                f"seq {sent.seq} is sent twice in this request, with different values",
                pointer_of("readings", index),
            )
    return tuple(unique.values())


def _canonical(reading: RawReading, index: int, name: str) -> int | float:
    """Return a channel's number so that equal numbers are written equally: 512.0 and 5.12e2 are 512."""
    value = reading.values[name]
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= INTEGRAL_FLOAT_MAX else value
    if not INT64_MIN <= value <= INT64_MAX:
        raise ProblemError(
            INVALID_READING,
            "Expected an integer of at most 64 bits with sign",
            pointer_of("readings", index, "values", name),
        )
    return value


def _refuse_duplicate_members(body: bytes, raw: RawRequest) -> None:
    """Raise if a member name appears twice in one object.

    No string in a valid body can hold a colon, so the body has one colon for each member. Counting them costs
    a fraction of decoding the body a second time.
    """
    members = 3 + sum(3 + len(reading.values) for reading in raw.readings)
    if body.count(b":") != members:
        steps = _find_duplicate(json.loads(body, object_pairs_hook=_object_or_duplicate))
        raise ProblemError(INVALID_READING, "Object contains the same member twice", pointer_of(*steps))


@dataclass(frozen=True, slots=True)
class _Duplicate:
    """Stands for an object in which `name` appears twice."""

    name: str


def _object_or_duplicate(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Duplicate:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return _Duplicate(name)
        seen.add(name)
    return dict(pairs)


def _find_duplicate(node: Any) -> tuple[str | int, ...]:
    """Return the path to the member that appears twice below `node`, or () if there is none."""
    if isinstance(node, _Duplicate):
        return (node.name,)
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, member in members:
        below = _find_duplicate(member)
        if below:
            return (step, *below)
    return ()


def _invalid(body: bytes, message: str) -> ProblemError:
    """Return the problem for msgspec's `message`, with its path turned into a JSON pointer."""
    match = _MESSAGE.fullmatch(message)
    assert match is not None  # noqa: S101 - every part of the pattern is optional
    detail, at_key, path = match.groups()
    steps: list[str | int] = [name or int(index) for name, index in _PATH_STEP.findall(path or "")]
    named = _MISSING_OR_UNKNOWN.fullmatch(detail)
    if named:
        steps.append(named[1])
    elif at_key:
        steps.extend(_first_member(body, steps, lambda name, _: not re.match(CHANNEL_PATTERN, name)))
    elif path and path.endswith("[...]"):
        steps.extend(_first_member(body, steps, lambda _, value: type(value) not in (int, float)))
    pointer = pointer_of(*steps)
    if len(pointer) > DETAIL_CHARS_MAX:
        pointer = pointer_of(*steps[:-1])
    return ProblemError(INVALID_READING, detail[:DETAIL_CHARS_MAX], pointer)


def _first_member(
    body: bytes, steps: list[str | int], is_wrong: Callable[[str, Any], bool]
) -> tuple[str, ...]:
    """Return the name of the first wrong member of the object at `steps`, which msgspec does not name.

    Returns () if it is not there: the rest of the body, which msgspec had not reached, may be no JSON, or may
    hold the same member again with something else in it.
    """
    try:
        node = msgspec.json.decode(body)
        for step in steps:
            node = node[step]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError):
        return ()
    members = node.items() if isinstance(node, dict) else ()
    return next(((name,) for name, value in members if is_wrong(name, value)), ())
