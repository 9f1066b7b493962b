"""Entries of Cloud Logging in its own protobuf type, serialised for the outbox.

Rules:

* A frame is one `entries` field of a WriteLogEntriesRequest: frames joined are a request's body, to which the
  sender adds log name and resource.
* An entry is made from what its line is made from (`unoingest.reading_log`), so both say the same.
* Messages are kept and changed in place, a few for each thread: making them anew costs three times as much.
  Not for ever, though: a message's memory is an arena, which keeps every text that was ever set in it.

The types come from google-cloud-logging, which takes 0.3 s and 40 MB to import; so this module is imported
only where an outbox is wanted.
"""

import threading
from collections.abc import Mapping
from typing import Any

from google.cloud.logging_v2.types import WriteLogEntriesRequest
from google.protobuf import json_format  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from msgspec import UNSET

from unoingest.timestamps import NS_PER_S

TEMPLATES_MAX = 64
"""Sets of channels for which a thread keeps a message; a fleet has a few."""
TEMPLATE_USES_MAX = 256
"""Each use costs the arena some 160 bytes; making a template costs as much time as three uses."""

_RequestPb: Any = WriteLogEntriesRequest.pb()
_SEVERITY_INFO = 200  # google/logging/type/log_severity.proto


class _Template:
    """A request with one entry of a reading or status, and references to the parts of it that change.

    A reference into a protobuf map stays good as long as nothing is added to the map.
    """

    def __init__(self, kind: str, nested: str, names: tuple[str, ...]) -> None:
        self.request = _RequestPb()
        self.entry = self.request.entries.add()
        self.entry.severity = _SEVERITY_INFO
        payload = self.entry.json_payload.fields
        payload["message"].null_value = 0
        fields = payload[kind].struct_value.fields
        scalars = ("device", "boot", "seq", "age_ms", "timestamp")
        for name in scalars if kind == "reading" else scalars[:3]:
            fields[name].null_value = 0
        numbers = fields[nested].struct_value.fields
        for name in names:
            numbers[name].null_value = 0
        self.message = payload["message"]
        self.device, self.boot, self.seq = (fields[name] for name in scalars[:3])
        self.age_ms, self.timestamp = (fields.get(name) for name in scalars[3:])
        self.numbers = [numbers[name] for name in names]
        # what the entry says for all readings of a request; the labels stand for the request
        self.labels: object = None
        self.uses_left = TEMPLATE_USES_MAX

    def set_request(self, entry: Any, at_ns: int, device: str, boot: int) -> None:
        """Set what is the same for all readings of a request."""
        target = self.entry
        target.timestamp.seconds, target.timestamp.nanos = divmod(at_ns, NS_PER_S)
        for name, text in entry.labels.items():
            target.labels[name] = text
        target.span_id = "" if entry.span_id is UNSET else entry.span_id
        target.trace_sampled = entry.trace_sampled is True
        self.device.string_value = device
        self.boot.number_value = boot
        self.labels = entry.labels


class _Templates(threading.local):
    """This thread's templates, by kind and names of numbers."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, tuple[str, ...]], _Template] = {}

    def of(self, kind: str, nested: str, names: tuple[str, ...]) -> _Template:
        template = self._made.get((kind, names))
        if template is None or not template.uses_left:
            if len(self._made) >= TEMPLATES_MAX:
                self._made.clear()
            template = self._made[kind, names] = _Template(kind, nested, names)
        template.uses_left -= 1
        return template


_templates = _Templates()


def encode_frame(entry: Any, at_ns: int, numbers: Mapping[str, int | float | str | None]) -> bytes:
    """Return the frame of an entry.

    Args:
        entry: Of `unoingest.log_profile.LogProfile.entry`, with a reading or a status. Entries that share
            their labels (the same object) are of one request.
        at_ns: Its time, nanoseconds since the Unix epoch, not negative.
        numbers: The reading's values or the status's counters, which `entry` has as bytes.
    """
    is_reading = entry.reading is not UNSET
    kind, nested = ("reading", "values") if is_reading else ("status", "counters")
    template = _templates.of(kind, nested, tuple(numbers))
    record = entry.reading if is_reading else entry.status
    if template.labels is not entry.labels:
        template.set_request(entry, at_ns, record.device, record.boot)
    template.entry.insert_id = entry.insert_id
    template.entry.trace = entry.trace
    template.message.string_value = entry.message
    template.seq.number_value = record.seq
    if is_reading:
        _set(template.age_ms, record.age_ms)
        _set(template.timestamp, record.timestamp)
    for value, number in zip(template.numbers, numbers.values(), strict=True):
        _set(value, number)
    frame: bytes = template.request.SerializeToString()
    return frame


def _set(value: Any, content: float | str | None) -> None:
    if content is None:
        value.null_value = 0
    elif isinstance(content, str):
        value.string_value = content
    else:
        value.number_value = content


def entry_of_frame(frame: bytes) -> Any:
    """Return the entry in the JSON form of the API, or None if the frame is damaged."""
    try:
        entries = _RequestPb.FromString(frame).entries
    except DecodeError:
        return None
    return json_format.MessageToDict(entries[0]) if len(entries) == 1 else None
