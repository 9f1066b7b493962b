"""Structured log lines in the format that Cloud Logging's agents read from a container's output.

Rules:

* One line is one `os.write` of at most 4,096 bytes: a pipe keeps writes up to PIPE_BUF whole (POSIX, write),
  so lines of several threads or processes never mix.
* Time is `timestampSeconds` and `timestampNanos`, which every agent understands, and it is the server's:
  an entry with a device's 1970 would be accepted and never stored.
* `insertId` is fixed by the reading's identity, has a fixed width and sorts by boot and seq, so that an entry
  delivered twice is shown once and entries of equal time keep their order.
* What a device sent stands below the one key `reading`: at top level it could choose its log or its project.
* Integers beyond 2^53 are strings, because an entry's payload holds numbers as doubles.

Readings go to stdout and the service's own events to stderr, each in this format; agents collect both.
This module does not buffer, queue or send anything.
"""

import contextlib
import hashlib
import os
from collections.abc import Mapping
from typing import Any

import msgspec

from unoingest.timestamps import NS_PER_S, rfc3339
from unoingest.trace_context import TraceContext, derive_trace_id

STDOUT, STDERR = 1, 2
LINE_BYTES_MAX = 4096
DOUBLE_EXACT_MAX = 2**53
EVENT_TEXT_CHARS_MAX = 2000

_PREFIX = "logging.googleapis.com/"


class ReadingFields(msgspec.Struct):
    """What the device sent, and the moment it was measured."""

    device: str
    boot: int
    seq: int
    age_ms: int
    timestamp: str
    values: Mapping[str, int | float | str]


class ReadingEntry(
    msgspec.Struct,
    rename={
        "timestamp_seconds": "timestampSeconds",
        "timestamp_nanos": "timestampNanos",
        "insert_id": _PREFIX + "insertId",
        "labels": _PREFIX + "labels",
        "trace": _PREFIX + "trace",
        "span_id": _PREFIX + "spanId",
        "trace_sampled": _PREFIX + "trace_sampled",
    },
):
    """One reading as a log entry; the names are those of the agents' special fields."""

    severity: str
    message: str
    timestamp_seconds: int
    timestamp_nanos: int
    insert_id: str
    labels: Mapping[str, str]
    trace: str
    span_id: str | msgspec.UnsetType
    trace_sampled: bool | msgspec.UnsetType
    reading: ReadingFields


class ReadingLog:
    """Encodes the readings of one request.

    Args:
        device: Device name, 1..32 characters.
        boot: Boot counter, 0..2^32-1.
        received_at_ns: When the server received the request, nanoseconds since the Unix epoch, not negative.
        trace: The request's trace, or None to derive one from each reading's identity.
        project: Google Cloud project that holds the traces, or "" to write the bare trace id.
    """

    def __init__(
        self, device: str, boot: int, received_at_ns: int, trace: TraceContext | None, project: str
    ) -> None:
        self._device = device
        self._boot = boot
        self._seconds, self._nanos = divmod(received_at_ns, NS_PER_S)
        self._trace = trace
        self._trace_prefix = f"projects/{project}/traces/" if project else ""
        self._labels = {"device": device, "boot": str(boot)}
        # the name's hash stands in for the name: names differ in length, and the id must not
        self._insert_id_prefix = f"{hashlib.sha256(device.encode()).hexdigest()[:16]}-{boot:010d}-"

    def encode(self, seq: int, age_ms: int, timestamp_ns: int, values: Mapping[str, int | float]) -> bytes:
        """Return the line of one reading, newline included, at most 4,096 bytes for any valid reading.

        Args:
            seq: Sequence number, 0..2^32-1.
            age_ms: Age of the reading when it was sent, 0..2^32-1.
            timestamp_ns: Moment of measurement, nanoseconds since the Unix epoch.
            values: Channel name to finite number, 1..32 channels.
        """
        trace_id = self._trace.trace_id if self._trace else derive_trace_id(self._device, self._boot, seq)
        entry = ReadingEntry(
            severity="INFO",
            message=f"reading {self._device} boot {self._boot} seq {seq}",
            timestamp_seconds=self._seconds,
            timestamp_nanos=self._nanos,
            insert_id=f"{self._insert_id_prefix}{seq:010d}",
            labels=self._labels,
            trace=self._trace_prefix + trace_id,
            span_id=self._trace.span_id if self._trace else msgspec.UNSET,
            trace_sampled=self._trace.sampled if self._trace else msgspec.UNSET,
            reading=ReadingFields(
                self._device,
                self._boot,
                seq,
                age_ms,
                rfc3339(timestamp_ns),
                {name: _exact(value) for name, value in values.items()},
            ),
        )
        return msgspec.json.encode(entry) + b"\n"


def encode_event(
    severity: str, event: str, message: str, at_ns: int, fields: Mapping[str, Any] | None = None
) -> bytes:
    """Return one line of the service's own log, newline included, at most 4,096 bytes.

    Args:
        severity: INFO, WARNING (odd, nothing lost) or ERROR (data lost, or a human is needed).
        event: Stable name of what happened.
        message: One sentence for people.
        at_ns: When, nanoseconds since the Unix epoch, not negative.
        fields: Further members; texts are shortened from the front until the line fits.
    """
    seconds, nanos = divmod(at_ns, NS_PER_S)
    chars_max = EVENT_TEXT_CHARS_MAX
    while True:
        entry = {
            "severity": severity,
            "message": _shorten(message, chars_max),
            "timestampSeconds": seconds,
            "timestampNanos": nanos,
            "event": event,
            **_shorten(fields or {}, chars_max),
        }
        line = msgspec.json.encode(entry) + b"\n"
        if len(line) <= LINE_BYTES_MAX:
            return line
        chars_max //= 2


def write_stdout(line: bytes) -> None:
    """Write one line to standard output. Raises OSError if it was not written whole."""
    _write_whole(STDOUT, line)


def write_stderr(line: bytes) -> None:
    """Write one line to standard error. If that fails, it fails silently: there is nowhere left to say so."""
    with contextlib.suppress(OSError):
        _write_whole(STDERR, line)


def _write_whole(descriptor: int, line: bytes) -> None:
    written_bytes = os.write(descriptor, line)
    if written_bytes != len(line):
        raise OSError(f"only {written_bytes} of {len(line)} bytes were written to descriptor {descriptor}")


def _exact(value: float) -> int | float | str:
    if isinstance(value, int) and abs(value) > DOUBLE_EXACT_MAX:
        return str(value)
    return value


def _shorten(value: Any, chars_max: int) -> Any:
    """Return `value` with each text in it cut to its last characters: a traceback ends with the error."""
    if isinstance(value, str):
        # a path may hold any byte a client sent; what is no character must not break the line
        text = value if len(value) <= chars_max else "…" + value[len(value) - chars_max :]
        return text.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {name: _shorten(member, chars_max) for name, member in value.items()}
    return value
