"""Entries of Cloud Logging in its own protobuf type, serialised for the outbox.

Rules:

* A frame is one `entries` field of a WriteLogEntriesRequest: frames joined are a request's body, to which the
  sender adds log name and resource.
* An entry is made from what its line is made from (`unoingest.reading_log`), so both say the same.
* Messages are kept and changed in place, a few for each thread: making them anew costs three times as much.

The types come from google-cloud-logging, which takes 0.3 s and 40 MB to import; so this module is imported
only where an outbox is wanted.
"""

import threading
from typing import Any

from google.cloud.logging_v2.types import WriteLogEntriesRequest
from msgspec import UNSET

TEMPLATES_MAX = 64
"""Sets of channels for which a thread keeps a message; a fleet has a few."""

_RequestPb: Any = WriteLogEntriesRequest.pb()
_SEVERITY_INFO = 200  # google/logging/type/log_severity.proto


class _Template:
    """A request with one entry of a reading or status, and references to the parts of it that change.

    A reference into a protobuf map stays good as long as nothing is added to the map.
    """

    def __init__(self, kind: str, scalars: tuple[str, ...], nested: str, names: tuple[str, ...]) -> None:
        self.request = _RequestPb()
        self.entry = self.request.entries.add()
        self.entry.severity = _SEVERITY_INFO
        payload = self.entry.json_payload.fields
        fields = payload[kind].struct_value.fields
        for name in scalars:
            fields[name].null_value = 0
        numbers = fields[nested].struct_value.fields
        for name in names:
            numbers[name].null_value = 0
        payload["message"].null_value = 0
        self.message = payload["message"]
        self.scalars = [(name, fields[name]) for name in scalars]
        self.numbers = [(name, numbers[name]) for name in names]


class _Templates(threading.local):
    """This thread's templates, by kind and names of numbers."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, tuple[str, ...]], _Template] = {}

    def of(self, kind: str, record: Any, nested: str, names: tuple[str, ...]) -> _Template:
        template = self._made.get((kind, names))
        if template is None:
            if len(self._made) >= TEMPLATES_MAX:
                self._made.clear()
            scalars = tuple(name for name in record.__struct_fields__ if name != nested)
            template = self._made[kind, names] = _Template(kind, scalars, nested, names)
        return template


_templates = _Templates()


def encode_frame(entry: Any, at_ns: int) -> bytes:
    """Return the frame of an entry.

    Args:
        entry: Of `unoingest.log_profile.LogProfile.entry`, with a reading or a status.
        at_ns: Its time, nanoseconds since the Unix epoch, not negative.
    """
    if entry.reading is not UNSET:
        kind, record, nested = "reading", entry.reading, "values"
    else:
        kind, record, nested = "status", entry.status, "counters"
    numbers = getattr(record, nested)
    template = _templates.of(kind, record, nested, tuple(numbers))
    target = template.entry
    target.insert_id = entry.insert_id
    target.timestamp.FromNanoseconds(at_ns)
    target.labels.clear()
    for name, text in entry.labels.items():
        target.labels[name] = text
    target.trace = entry.trace
    target.span_id = "" if entry.span_id is UNSET else entry.span_id
    target.trace_sampled = entry.trace_sampled is True
    template.message.string_value = entry.message
    for name, value in template.scalars:
        _set(value, getattr(record, name))
    for name, value in template.numbers:
        _set(value, numbers[name])
    frame: bytes = template.request.SerializeToString()
    return frame


def _set(value: Any, content: float | str | None) -> None:
    if content is None:
        value.null_value = 0
    elif isinstance(content, str):
        value.string_value = content
    else:
        value.number_value = content
