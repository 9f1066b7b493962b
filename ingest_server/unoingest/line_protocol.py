"""InfluxDB line protocol: one point a line, as Telegraf and many others write it.

    weather,room=attic temperature=21.5,humidity=60i 1465839830100400200

Rules: a reading is a line; a channel is called by measurement, tags and field, so that no two series are
mixed up: `weather,room=attic.temperature`. Tags are sorted by their keys. Numbers are stored as they are and
truth values as 1 and 0; text is refused, because a channel is a number. Syntax: docs.influxdata.com, InfluxDB
v2, "Line protocol".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from unoingest.points import Point
from unoingest.sent import CHANNELS_MAX, canonical, encode_values

LINES_MAX = 2000
NAME_BYTES_MAX = 128
NAMES_BYTES_MAX = 2000
"""Of all channels of a reading together: its log line has at most 4,096 bytes."""
TIME_NS_MIN, TIME_NS_MAX = -(2**63), 2**63 - 1
PRECISIONS: Mapping[str, int] = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    # as the first version of the API called them
    "n": 1,
    "u": 1_000,
    "\N{MICRO SIGN}": 1_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}

_LINE = re.compile(
    r"(?P<measurement>(?:[^,\s\\]|\\.)(?:[^,\s\\]|\\.)*)"
    r"(?P<tags>(?:,(?:[^,=\s\\]|\\.)+=(?:[^,=\s\\]|\\.)+)*)"
    r"[ ]+(?P<fields>(?:[^\s\"\\]|\\.|\"(?:[^\"\\]|\\.)*\")+)"
    r"(?:[ ]+(?P<time>-?[0-9]{1,19}))?[ ]*"
)
_TAG = re.compile(r",((?:[^,=\s\\]|\\.)+)=((?:[^,=\s\\]|\\.)+)")
_FIELD = re.compile(r"((?:[^,=\s\\\"]|\\.)+)=(\"(?:[^\"\\]|\\.)*\"|[^,\s\"]+)(?:,|\Z)")
_INTEGER = re.compile(r"([-+]?[0-9]{1,20})[iu]")
# digits in one way only: a second one would cost the square of their number, and a body may have a million
_FLOAT = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?")
_TRUTH = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), 1),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), 0),
}


@dataclass(frozen=True, slots=True)
class Lines:
    """What a body holds.

    Args:
        points: The valid ones, in order.
        errors: Line number, from 1, and what is wrong there.
    """

    points: tuple[Point, ...]
    errors: tuple[tuple[int, str], ...]


def decode_lines(text: str, precision: str) -> Lines:
    """Return the points in `text`, and what is wrong with other lines.

    Args:
        text: At most LINES_MAX lines count; what is beyond is one error.
        precision: A key of PRECISIONS.
    """
    points: list[Point] = []
    errors: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if len(points) + len(errors) >= LINES_MAX:
            errors.append((number, f"more than {LINES_MAX} lines in one request"))
            break
        try:
            points.append(_point(stripped, PRECISIONS[precision]))
        except ValueError as error:
            errors.append((number, str(error)))
    return Lines(tuple(points), tuple(errors))


def _point(line: str, unit_ns: int) -> Point:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("expected measurement[,tag=value...] field=value[,...] [time]")
    tags = sorted(_TAG.findall(match["tags"]))
    series = match["measurement"] + "".join(f",{key}={value}" for key, value in tags)
    values = check_values({f"{series}.{key}": number for key, number in _fields(match["fields"])})
    return Point(_time_ns(match["time"], unit_ns), values, encode_values(values))


def _fields(text: str) -> list[tuple[str, int | float]]:
    fields: list[tuple[str, int | float]] = []
    at = 0
    while at < len(text):
        match = _FIELD.match(text, at)
        if match is None:
            raise ValueError(f"expected field=value at {text[at : at + 20]!r}")
        fields.append((match[1], _number(match[1], match[2])))
        at = match.end()
    if text.endswith(","):
        raise ValueError("expected field=value after the last comma")
    if len({key for key, _ in fields}) != len(fields):
        raise ValueError("a field is there twice")
    return fields


def _number(key: str, text: str) -> int | float:
    if text in _TRUTH:
        return _TRUTH[text]
    integer = _INTEGER.fullmatch(text)
    if integer:
        return int(integer[1])
    if not _FLOAT.fullmatch(text):
        what = "text, and channels are numbers" if text.startswith('"') else "no number"
        raise ValueError(f"field {key[:40]!r} is {what}")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"field {key[:40]!r} is too large")
    return value


def _time_ns(text: str | None, unit_ns: int) -> int | None:
    if text is None:
        return None
    time_ns = int(text) * unit_ns
    if not TIME_NS_MIN <= time_ns <= TIME_NS_MAX:
        raise ValueError("the time is out of range for the precision")
    return time_ns


def check_values(values: Mapping[str, int | float]) -> dict[str, int | float]:
    """Return canonical values in the order of their names.

    Raises:
        ValueError: too many channels, too long names, a name that does not begin with a letter or digit or
            holds control characters, or an integer of more than 64 bits.
    """
    if not 1 <= len(values) <= CHANNELS_MAX:
        raise ValueError(f"a reading has 1 to {CHANNELS_MAX} channels")
    sizes = [len(name.encode()) for name in values]
    if max(sizes) > NAME_BYTES_MAX or sum(sizes) > NAMES_BYTES_MAX:
        raise ValueError(
            f"a channel's name may have {NAME_BYTES_MAX} bytes, a reading's {NAMES_BYTES_MAX} together"
        )
    for name in values:
        # a name that begins with a sign would be a formula in a spreadsheet
        if not name[:1].isalnum() or not name.isprintable():
            raise ValueError(f"a name begins with a letter or digit and is printable: {name[:40]!r}")
    return {name: canonical(values[name]) for name in sorted(values)}
