"""SenML in JSON (RFC 8428): a pack of records, which the server makes readings of.

Rules: a record's channel is its resolved name (base name and name); records that follow each other with one
time are one reading. Numbers are stored as they are and truth values as 1 and 0; text, data and sums are
refused, because a channel is a number. Units are checked to be text and not stored: they belong to the name.
A time below 2^28 is relative to the request (section 4.5.3). A field that is not known is ignored, but for
one whose name ends with `_` (section 4.4).
"""

import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from unoingest.json_body import pointer_of, refuse_duplicates_anywhere
from unoingest.line_protocol import TIME_NS_MAX, TIME_NS_MIN, check_values
from unoingest.points import Point
from unoingest.problems import INVALID_READING, MALFORMED_JSON, ProblemError
from unoingest.sent import CHANNELS_MAX, READINGS_MAX, encode_values
from unoingest.timestamps import NS_PER_S

RECORDS_MAX = 1000
VERSION = 10
RELATIVE_BELOW_S = 2**28
SECONDS_MAX = 2**40

# section 4.5.1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")
_TEXTS = ("bn", "n", "bu", "u")
_NUMBERS = ("bt", "t", "bv", "v", "bver", "ut")
_REFUSED = {"vs": "text", "vd": "data", "s": "a sum", "bs": "a base sum"}

# a time in seconds as a double would be known to a quarter of a microsecond
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def decode_senml(body: bytes, received_at_ns: int) -> tuple[Point, ...]:
    """Return the readings in a pack (at most 64 KiB, not limited here).

    Args:
        body: JSON.
        received_at_ns: What relative times refer to, nanoseconds since the Unix epoch.

    Raises:
        ProblemError: malformed_json or invalid_reading.
    """
    try:
        pack = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(MALFORMED_JSON, str(error)) from error
    except InvalidOperation as error:
        # an exponent of twenty digits, say, wherever it stands
        raise ProblemError(INVALID_READING, "A number is out of range", "") from error
    if not isinstance(pack, list) or not 1 <= len(pack) <= RECORDS_MAX:
        raise ProblemError(INVALID_READING, f"Expected a list of 1 to {RECORDS_MAX} records", "")
    refuse_duplicates_anywhere(body)
    groups: list[tuple[int | None, dict[str, int | float], int]] = []
    base: dict[str, Any] = {}
    for index, record in enumerate(pack):
        name, value, time_ns = _resolve(record, base, index, received_at_ns)
        last = groups[-1] if groups else None
        if last is None or last[0] != time_ns or name in last[1] or len(last[1]) == CHANNELS_MAX:
            groups.append((time_ns, {name: value}, index))
        else:
            last[1][name] = value
    if len(groups) > READINGS_MAX:
        raise ProblemError(INVALID_READING, f"More than {READINGS_MAX} readings in one pack", "")
    return tuple(_point(*group) for group in groups)


def _resolve(
    record: Any, base: dict[str, Any], index: int, received_at_ns: int
) -> tuple[str, int | float, int | None]:
    """Return a record's name, value and time, with the base fields of it and of those before."""
    if not isinstance(record, dict):
        raise ProblemError(INVALID_READING, "Expected a record", pointer_of(index))
    _check_fields(record, index)
    base.update({key: record[key] for key in ("bn", "bt", "bv", "bver") if key in record})
    if base.get("bver", VERSION) != VERSION:
        raise _invalid(f"Expected version {VERSION}", index, "bver")
    name = base.get("bn", "") + record.get("n", "")
    if not _NAME.fullmatch(name):
        raise _invalid(f"{name[:40]!r} is no name", index, "n")
    return name, _value(record, base, index), _time_ns(record, base, index, received_at_ns)


def _check_fields(record: dict[str, Any], index: int) -> None:
    for key, value in record.items():
        if key in _TEXTS and not isinstance(value, str):
            raise _invalid("Expected text", index, key)
        if key in _NUMBERS and (isinstance(value, bool) or not isinstance(value, int | Decimal)):
            raise _invalid("Expected a number", index, key)
        if key in _REFUSED:
            raise _invalid(f"{_REFUSED[key]} cannot be stored, only numbers", index, key)
        if key.endswith("_"):
            raise _invalid("A field that must be understood is not", index, key[:40])


def _value(record: dict[str, Any], base: dict[str, Any], index: int) -> int | float:
    if ("v" in record) == ("vb" in record):
        raise ProblemError(INVALID_READING, "Expected one of v and vb", pointer_of(index))
    if "vb" in record:
        if not isinstance(record["vb"], bool):
            raise _invalid("Expected true or false", index, "vb")
        return int(record["vb"])
    try:
        total = record["v"] + base.get("bv", 0)
    except ArithmeticError:
        raise _invalid("The value is too large", index, "v") from None
    if isinstance(total, int):
        return int(total)
    value = float(total)
    if not math.isfinite(value):
        raise _invalid("The value is too large", index, "v")
    return value


def _time_ns(record: dict[str, Any], base: dict[str, Any], index: int, received_at_ns: int) -> int | None:
    parts_s = (Decimal(base.get("bt", 0)), Decimal(record.get("t", 0)))
    if not all(-SECONDS_MAX < part_s < SECONDS_MAX for part_s in parts_s):
        raise _invalid("The time is out of range", index, "t")
    time_s = sum(parts_s, Decimal(0))
    if time_s == 0:
        return None
    offset_ns = int(time_s * NS_PER_S)
    time_ns = offset_ns if time_s >= RELATIVE_BELOW_S else received_at_ns + offset_ns
    if not TIME_NS_MIN <= time_ns <= TIME_NS_MAX:
        raise _invalid("The time is out of range", index, "t")
    return time_ns


def _point(time_ns: int | None, values: dict[str, int | float], index: int) -> Point:
    try:
        checked = check_values(values)
    except ValueError as error:
        raise ProblemError(INVALID_READING, str(error), pointer_of(index)) from error
    return Point(time_ns, checked, encode_values(checked))


def _invalid(detail: str, index: int, key: str) -> ProblemError:
    return ProblemError(INVALID_READING, detail, pointer_of(index, key))
