"""What docs/wire-protocol.md allows in the body of a request, checked before a gateway takes it.

A gateway answers for the server: what the server would refuse must not be taken. Nothing is changed or kept;
`check` says what is wrong, or nothing.
"""

import json
import math
import re
from typing import Any, NoReturn

BODY_BYTES_MAX = 65_536
_UINT32_MAX = 0xFFFF_FFFF
_NAME = re.compile(r"[a-z][a-z0-9_]{0,15}")
_MEMBERS = {"boot", "channels", "readings", "status"}


class BodyError(Exception):
    """The body breaks the page; `code` is that of the page."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def parse(body: bytes) -> dict[str, Any]:
    """Return the members of a body.

    Raises:
        BodyError: it breaks the page.
    """
    try:
        parsed = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BodyError("malformed_json", str(error)) from error
    if not isinstance(parsed, dict):
        raise BodyError("invalid_reading", "the body is no object")
    if unknown := set(parsed) - _MEMBERS:
        raise BodyError("invalid_reading", f"unknown member {min(unknown)!r}")
    _check(_is_uint32(parsed.get("boot")), "boot is an integer from 0 to 4294967295")
    channels: Any = parsed.get("channels")
    _check(_are_names(channels, 32), "channels are 1 to 32 names, each once")
    rows: Any = parsed.get("readings")
    _check(isinstance(rows, list) and 1 <= len(rows) <= 100, "readings are 1 to 100 rows")
    for row in rows:
        _check_row(row, len(channels))
    _check(len({row[0] for row in rows}) == len(rows), "a seq stands twice")
    _check_status(parsed.get("status", {}))
    return parsed


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BodyError("invalid_reading", otherwise)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BodyError("invalid_reading", "a name stands twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_uint32(value: Any) -> bool:
    return _is_integer(value) and 0 <= value <= _UINT32_MAX


def _is_value(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (_is_integer(value) and -(1 << 63) <= value < 1 << 63)


def _are_names(names: Any, most: int) -> bool:
    return (
        isinstance(names, list)
        and 1 <= len(names) <= most
        and all(isinstance(name, str) and _NAME.fullmatch(name) for name in names)
        and len(set(names)) == len(names)
    )


def _check_row(row: Any, channels: int) -> None:
    _check(isinstance(row, list) and len(row) == 2 + channels, "a row is seq, age_ms and a value a channel")
    seq, age_ms, *values = row
    _check(_is_uint32(seq), "seq is an integer from 0 to 4294967295")
    _check(age_ms is None or _is_uint32(age_ms), "age_ms is null or an integer from 0 to 4294967295")
    _check(all(_is_value(value) for value in values), "a value is a 64-bit integer, a finite number or null")
    _check(any(value is not None for value in values), "a row has at least one number")


def _check_status(status: Any) -> None:
    _check(isinstance(status, dict) and len(status) <= 16, "status has at most 16 members")
    for name, value in status.items():
        _check(
            bool(_NAME.fullmatch(name)) and _is_integer(value) and -(1 << 63) <= value < 1 << 63,
            "status holds integers under names like those of channels",
        )
