"""What the log says of a reading: a line for an agent, and an entry for the outbox, which say the same.

Rules:

* The time of an entry is the server's: one with a device's 1970 would be accepted and never stored. The
  moment of measurement stands in it as `timestamp`; where the device knew none it is the server's time, and
  `age_ms` is null.
* `insertId` is fixed by the reading's identity, has a fixed width and sorts by boot and seq: an entry that is
  delivered twice is shown once (with its time it is what Cloud Logging knows a duplicate by;
  google/logging/v2/log_entry.proto, insert_id), and entries of equal time keep their order.
* What a device sent stands below the one key `reading` or `status`: at top level it could choose its log or
  its project.
* Integers beyond 2^53 are texts, because an entry's payload holds numbers as doubles.

This module stores, buffers and sends nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from unoingest import structured_log
from unoingest.log_profile import ReadingFields, StatusFields
from unoingest.log_source import make_source, source_of
from unoingest.store import NewReading, NewStatus
from unoingest.timestamps import NS_PER_MS, NS_PER_S, rfc3339
from unoingest.trace_context import TraceContext, derive_trace_id

DOUBLE_EXACT_MAX = 2**53

_encode = msgspec.json.Encoder().encode

FrameEncoder = Callable[[Any, int, Mapping[str, Any]], bytes]


def no_frame(_entry: Any, _at_ns: int, _numbers: Mapping[str, Any]) -> bytes:
    """Encode nothing: for a server without an outbox."""
    return b""


class ReadingLog:
    """Encodes the readings of one request, and the status that came with them.

    Args:
        device: Device name, 1..32 characters.
        boot: Boot counter, 0..2^32-1.
        received_at_ns: When the server received the request, nanoseconds since the Unix epoch, not negative.
        trace: The request's trace, or None to derive one from each reading's identity.
        project: Google Cloud project that holds the traces, or "" to write the bare trace id.
        encode_frame: `unoingest.cloud_entry.encode_frame`, or `no_frame`.
    """

    def __init__(
        self,
        device: str,
        boot: int,
        received_at_ns: int,
        *,
        trace: TraceContext | None = None,
        project: str = "",
        encode_frame: FrameEncoder = no_frame,
    ) -> None:
        self._device = device
        self._boot = boot
        self._received_at_ns = received_at_ns
        self._trace = trace
        self._encode_frame = encode_frame
        self._profile = profile = structured_log.profile()
        if trace is None:
            self._source = source_of(profile, project, device, boot)
        else:
            # not kept: each request has a trace of its own
            self._source = make_source(profile, project, device, boot, trace)
        self._time: tuple[Any, ...] = (
            (rfc3339(received_at_ns),) if profile.has_rfc3339_time else divmod(received_at_ns, NS_PER_S)
        )
        before, with_time, *self._line = self._source.line
        self._begin = (before, with_time % self._time)
        # entries of one request share them, as `encode_frame` wants it
        self._labels: dict[str, str] = {}

    def reading(
        self,
        seq: int,
        age_ms: int | None,
        values: Mapping[str, int | float | None],
        values_json: bytes,
        time_ns: int | None = None,
    ) -> NewReading:
        """Return a reading as the store takes it; its line has at most 4,096 bytes.

        Args:
            seq: Sequence number, 0..2^32-1.
            age_ms: Age of the reading when the request was received, 0..2^33, or None if it is not known.
            values: Channel name to finite number, 1..32 channels.
            values_json: The same as canonical JSON.
            time_ns: Moment of measurement, where it is known better than by its age.
        """
        if time_ns is not None:
            timestamp_ns: int | None = time_ns
            age_ms = (self._received_at_ns - time_ns) // NS_PER_MS
        else:
            timestamp_ns = None if age_ms is None else self._received_at_ns - age_ms * NS_PER_MS
        exact = _exact(values)
        exact_json = values_json if exact is values else _encode(exact)
        measured = rfc3339(self._received_at_ns if timestamp_ns is None else timestamp_ns)
        trace_id = self._trace.trace_id if self._trace else derive_trace_id(self._device, self._boot, seq)
        before, after_seq = self._begin
        after_id, after_trace, after_seq_again, after_age, after_moment, end = self._line
        digits = str(seq)
        # fmt: off
        line = "".join((
            before, digits, after_seq, digits.rjust(10, "0"), after_id, trace_id, after_trace, digits,
            after_seq_again, "null" if age_ms is None else str(age_ms), after_age, measured, after_moment,
            exact_json.decode(), end,
        ))
        # fmt: on
        frame = b""
        if self._encode_frame is not no_frame:
            fields = ReadingFields(self._device, self._boot, seq, age_ms, measured, msgspec.Raw(exact_json))
            entry = self._entry("reading", seq, trace_id, reading=fields)
            frame = self._encode_frame(entry, self._received_at_ns, exact)
        return NewReading(seq, timestamp_ns, values_json, line.encode(), frame)

    def status(self, seq: int, counters: Mapping[str, int]) -> NewStatus:
        """Return the device's counters as the store takes them.

        Args:
            seq: Of the last reading in the request.
            counters: Name to 64-bit integer, 1..16 of them.
        """
        exact = _exact(counters)
        fields = StatusFields(self._device, self._boot, seq, msgspec.Raw(_encode(exact)))
        trace_id = self._trace.trace_id if self._trace else derive_trace_id(self._device, self._boot, seq)
        entry = self._entry("status", seq, trace_id, id_suffix="-status", status=fields)
        frame = self._encode_frame(entry, self._received_at_ns, exact)
        return NewStatus(_encode(counters), _encode(entry) + b"\n", frame)

    def _entry(
        self,
        kind: str,
        seq: int,
        trace_id: str,
        *,
        id_suffix: str = "",
        **payload: ReadingFields | StatusFields,
    ) -> Any:
        if not self._labels:
            self._labels = {"device": self._device, "boot": str(self._boot)}
        return self._profile.entry(
            *("INFO", f"{kind} {self._device} boot {self._boot} seq {seq}"),
            *((UNSET, UNSET, *self._time) if self._profile.has_rfc3339_time else (*self._time, UNSET)),
            *(f"{self._source.insert_id_prefix}{seq:010}{id_suffix}", self._labels),
            self._source.trace_prefix + trace_id,
            *((self._trace.span_id, self._trace.sampled) if self._trace else (UNSET, UNSET)),
            **payload,
        )


def _exact(numbers: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the numbers with those as text that a double cannot hold; the same object if there are none."""
    for number in numbers.values():
        if isinstance(number, int) and not -DOUBLE_EXACT_MAX <= number <= DOUBLE_EXACT_MAX:
            return {name: _text_if_large(one) for name, one in numbers.items()}
    return numbers


def _text_if_large(number: Any) -> Any:
    return str(number) if isinstance(number, int) and abs(number) > DOUBLE_EXACT_MAX else number
