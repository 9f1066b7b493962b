"""The part of Cloud Logging's query language that the fake understands: comparisons joined by AND.

`field op value`, with `=`, `!=`, `>=`, `>`, `<=`, `<` and `:` (contains, or present for `:*`); a field is a
path such as `logName`, `insertId`, `timestamp`, `severity`, `textPayload`, `labels."a/b"`, `resource.type` or
`jsonPayload.reading.seq`. Values are bare or quoted. OR, NOT, parentheses, functions and searches without a
field are refused, not ignored: a test must not pass on a filter that did nothing.

Source: the documentation's page "Logging query language".
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from google.logging.type import log_severity_pb2  # type: ignore[import-untyped]
from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]

_STRING = r'"(?:[^"\\]|\\.)*"'
_COMPARISON = re.compile(
    rf"\s*((?:[A-Za-z_][\w-]*)(?:\.(?:[\w-]+|{_STRING}))*)\s*(>=|<=|!=|=|>|<|:)\s*({_STRING}|[^\s()\"]+)"
)
_AND = re.compile(r"\s+(?:AND\s+)?|\s*$")
_STEP = re.compile(rf"{_STRING}|[^.\"]+")
_OFFSET = re.compile(r"(T.*[+-]\d\d)(\d\d)$")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}

Predicate = Callable[[Mapping[str, Any]], bool]


class FilterError(ValueError):
    """A filter that the fake does not understand."""


def parse_filter(text: str) -> Predicate:
    """Return a predicate over an entry in the JSON form of the API.

    Raises:
        FilterError: the text is outside the part that is understood.
    """
    comparisons = []
    place = 0
    while text[place:].strip():
        match = _COMPARISON.match(text, place)
        separator = _AND.match(text, match.end()) if match else None
        if match is None or separator is None:
            raise FilterError(
                f"this fake does not understand the filter from {text[place : place + 80]!r} on"
            )
        comparisons.append(_comparison(*match.groups()))
        place = separator.end()
    return lambda entry: all(comparison(entry) for comparison in comparisons)


def _comparison(field: str, sign: str, literal: str) -> Predicate:
    path = [_unquoted(step) for step in _STEP.findall(field)]
    wanted = _unquoted(literal)

    def holds(entry: Mapping[str, Any]) -> bool:
        found: Any = entry
        for step in path:
            found = found.get(step) if isinstance(found, Mapping) else None
        if path == ["severity"]:
            found = found or "DEFAULT"
        if found is None:
            # a comparison of a missing field is false, and so is its negation
            return False
        if sign == ":":
            return wanted == "*" or wanted.lower() in str(found).lower()
        return _OPERATORS[sign](*_comparable(path, found, wanted))

    # a literal that does not fit the field is the filter's fault, whatever entries there are
    if path in (["severity"], ["timestamp"], ["receiveTimestamp"]) and sign != ":":
        _comparable(path, "DEFAULT" if path == ["severity"] else "1970-01-01T00:00:00Z", wanted)
    return holds


def _comparable(path: list[str], found: Any, wanted: str) -> tuple[Any, Any]:
    try:
        if path in (["timestamp"], ["receiveTimestamp"]):
            return _nanoseconds(found), _nanoseconds(wanted)
        if path == ["severity"]:
            return (log_severity_pb2.LogSeverity.Value(found), log_severity_pb2.LogSeverity.Value(wanted))
        if isinstance(found, bool):
            return str(found).lower(), wanted.lower()
        if isinstance(found, int | float):
            return float(found), float(wanted)
    except ValueError as error:
        raise FilterError(f"{wanted!r} cannot be compared with {'.'.join(path)}") from error
    return str(found), wanted


def _nanoseconds(text: str) -> int:
    timestamp = Timestamp()
    # Google's own Python client writes an offset without its colon, and the service takes a date for a time
    text = _OFFSET.sub(r"\1:\2", text)
    timestamp.FromJsonString(text if "T" in text else text + "T00:00:00Z")
    nanoseconds: int = timestamp.ToNanoseconds()
    return nanoseconds


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
