"""What the store must hold after requests were accepted: their bodies, read a second time.

Nothing of the server is used here. Only what was accepted is read, so this need not know what is wrong;
docs/ingest-api.md and docs/wire-protocol.md say what the right forms mean.
"""

import datetime as dt
import decimal
import gzip
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Identity = tuple[str, int, int]
Values = Mapping[str, int | float]
NS_PER_MS, NS_PER_S = 1_000_000, 1_000_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_UNITS_NS = {
    "ns": 1,
    "n": 1,
    "us": 1_000,
    "u": 1_000,
    "µ": 1_000,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_RELATIVE_BELOW_S = 2**28
_CHANNELS_MAX = 32


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading: when it was measured, in nanoseconds since the Unix epoch, if that is known, and what."""

    time_ns: int | None
    values: Values


def of_device(device: str, body: bytes, held_ms: int, now_ns: int) -> Iterator[tuple[Identity, Reading]]:
    """Yield what a device's request holds."""
    sent = json.loads(body)
    for seq, age_ms, *numbers in sent["readings"]:
        time_ns = None if age_ms is None else now_ns - (int(age_ms) + held_ms) * NS_PER_MS
        values = {name: one for name, one in zip(sent["channels"], numbers, strict=True) if one is not None}
        yield (device, int(sent["boot"]), int(seq)), Reading(time_ns, values)


def of_numbered(body: bytes, now_ns: int) -> Iterator[tuple[Identity, Reading]]:
    """Yield what plain JSON with numbers holds."""
    sent = json.loads(body)
    for one in sent["readings"]:
        identity = (sent["device"], int(sent["boot"]), int(one["seq"]))
        yield identity, Reading(now_ns - int(one["age_ms"]) * NS_PER_MS, one["values"])


def of_points(body: bytes, now_ns: int) -> Iterator[Reading]:
    """Yield what plain JSON without numbers holds."""
    for one in json.loads(body)["readings"]:
        time_ns = None
        if "age_ms" in one:
            time_ns = now_ns - int(one["age_ms"]) * NS_PER_MS
        elif "timestamp" in one:
            moment = dt.datetime.fromisoformat(one["timestamp"].upper())
            time_ns = (moment - _EPOCH) // dt.timedelta(microseconds=1) * 1000
        yield Reading(time_ns, one["values"])


def of_senml(body: bytes, now_ns: int) -> list[Reading]:
    """Return what a SenML pack holds (RFC 8428): records of one time in a row are a reading."""
    groups: list[tuple[int | None, dict[str, int | float]]] = []
    base: dict[str, Any] = {}
    with decimal.localcontext(prec=60):
        for record in json.loads(body, parse_float=Decimal):
            base |= {key: record[key] for key in ("bn", "bt", "bv") if key in record}
            name = base.get("bn", "") + record.get("n", "")
            total = record["vb"] if "vb" in record else record["v"] + base.get("bv", 0)
            seconds = base.get("bt", 0) + record.get("t", 0)
            offset_ns = int(seconds * NS_PER_S)
            time_ns = offset_ns + (0 if seconds >= _RELATIVE_BELOW_S else now_ns) if seconds else None
            value = int(total) if isinstance(total, int) else float(total)
            if (
                groups
                and groups[-1][0] == time_ns
                and name not in groups[-1][1]
                and len(groups[-1][1]) < _CHANNELS_MAX
            ):
                groups[-1][1][name] = value
            else:
                groups.append((time_ns, {name: value}))
    return [Reading(*group) for group in groups]


def of_lines(
    body: bytes, precision: str, refused: Collection[int] = (), refused_more: int = 0
) -> Iterator[Reading]:
    """Yield what line protocol holds, but for what was refused.

    Args:
        body: As sent.
        precision: The unit of its times.
        refused: Numbers of lines, from 1.
        refused_more: How many were refused behind those; here it must be known what is wrong.

    Raises:
        ValueError: a line cannot be read and was not refused, or the other way round.
    """
    text = (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode()
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.strip().startswith("#") and number not in refused:
            try:
                yield _of_line(line.strip(), _UNITS_NS[precision])
            except ValueError:
                if not refused_more or number < max(refused):
                    raise
                refused_more -= 1
    if refused_more:
        raise ValueError(f"{refused_more} lines more were refused than cannot be read")


def _of_line(line: str, unit_ns: int) -> Reading:
    head, fields, *time = _cut(line, " ")
    measurement, *tags = _cut(head, ",")
    pairs = sorted(tuple(_cut(tag, "=")) for tag in tags)
    series = measurement + "".join(f",{key}={value}" for key, value in pairs)
    values = {
        f"{series}.{key}": _number(one) for key, one in (_cut(field, "=") for field in _cut(fields, ","))
    }
    time_ns = int(time[0]) * unit_ns if time else None
    if time_ns is not None and not -(2**63) <= time_ns < 2**63:
        raise ValueError(f"no time: {time_ns} ns")
    return Reading(time_ns, values)


def _cut(text: str, at: str) -> list[str]:
    """Return the parts between such characters, but for those behind a backslash."""
    return re.findall(rf"(?:\\.|[^{at}\\])+", text)


def _number(text: str) -> int | float:
    if text[0] in "tTfF":
        return int(text[0] in "tT")
    return int(text[:-1]) if text[-1] in "iu" else float(text)


def identity_of_point(point: Reading) -> tuple[int | None, str]:
    """Return what a point is known by; equal numbers are written equally."""
    return point.time_ns, repr(sorted((name, _canonical(value)) for name, value in point.values.items()))


def _canonical(value: float) -> int | float:
    return int(value) if value == int(value) and abs(value) <= 2**53 else value
