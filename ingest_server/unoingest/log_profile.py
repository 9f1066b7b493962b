"""What a log line's special fields are called, by who reads the lines.

Each agent of Cloud Logging takes certain top-level keys out of a JSON line and makes the entry's own fields
of them; under another name a key stays an ordinary part of the payload. Keys of the profiles:

* `gke`, `cloudrun`: the logging agents of Google Kubernetes Engine and Cloud Run (Cloud Logging's page
  "Structured logging", special fields).
* `ops-agent`: the Ops Agent, whose parser wants the prefix on severity and httpRequest as well (its page
  "Special fields in structured payloads").
* `plain`: for people and other systems, with one RFC 3339 time and no prefixes.

`timestampSeconds` and `timestampNanos` are the form of the time that every agent takes; a `time` is taken
only where the agent's parser is told to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

_PREFIX = "logging.googleapis.com/"


class ReadingFields(msgspec.Struct):
    """What the device sent, and the moment it was measured: the payload below `reading`."""

    device: str
    boot: int
    seq: int
    age_ms: int | None
    timestamp: str
    values: msgspec.Raw


class StatusFields(msgspec.Struct):
    """A device's own counters, beside the reading `seq` with which they came: the payload below `status`."""

    device: str
    boot: int
    seq: int
    counters: msgspec.Raw


_ENTRY_FIELDS: list[tuple[str, Any] | tuple[str, Any, Any]] = [
    ("severity", str),
    ("message", str),
    ("seconds", int | UnsetType),
    ("nanos", int | UnsetType),
    ("time", str | UnsetType),
    ("insert_id", str),
    ("labels", Mapping[str, str]),
    ("trace", str),
    ("span_id", str | UnsetType),
    ("trace_sampled", bool | UnsetType),
    ("reading", ReadingFields | UnsetType, UNSET),
    ("status", StatusFields | UnsetType, UNSET),
]
_GKE = {
    "seconds": "timestampSeconds",
    "nanos": "timestampNanos",
    "insert_id": _PREFIX + "insertId",
    "labels": _PREFIX + "labels",
    "trace": _PREFIX + "trace",
    "span_id": _PREFIX + "spanId",
    "trace_sampled": _PREFIX + "trace_sampled",
}
_OPS_AGENT = {**_GKE, "severity": _PREFIX + "severity", "http_request": _PREFIX + "httpRequest"}
_PLAIN = {"insert_id": "insertId", "span_id": "spanId", "trace_sampled": "traceSampled"}


# compared by identity, which is faster than by value: there is one of each
@dataclass(frozen=True, slots=True, eq=False)
class LogProfile:
    """One way to write lines.

    Args:
        severity_key: Key of the severity.
        http_request_key: Key of the description of an HTTP request.
        has_rfc3339_time: Whether time is one text instead of seconds and nanoseconds.
        entry: Makes the entry of a reading or a status, which `msgspec.json.encode` turns into a line.
    """

    severity_key: str
    http_request_key: str
    has_rfc3339_time: bool
    entry: Any


def _profile(names: Mapping[str, str], *, has_rfc3339_time: bool = False) -> LogProfile:
    return LogProfile(
        names.get("severity", "severity"),
        names.get("http_request", "httpRequest"),
        has_rfc3339_time,
        msgspec.defstruct("Entry", _ENTRY_FIELDS, rename=names.get),
    )


GKE = _profile(_GKE)
PROFILES: Mapping[str, LogProfile] = {
    "gke": GKE,
    "cloudrun": GKE,
    "ops-agent": _profile(_OPS_AGENT),
    "plain": _profile(_PLAIN, has_rfc3339_time=True),
}
