"""What the log says of all readings of one device since its start: made once, kept while it is heard of.

Rules: a line is what `msgspec` makes of the profile's entry, taken apart where readings differ; joining its
pieces costs a third of encoding it. What is kept is bounded.
This module knows no reading.
"""

import functools
import hashlib
from typing import Any

import msgspec
from msgspec import UNSET

from unoingest.log_profile import LogProfile, ReadingFields
from unoingest.trace_context import TraceContext

SOURCES_KEPT = 8192
"""Of the devices that were last heard of; a kilobyte each."""
_HOLE = "~"
"""It is in no name and no id (`unoingest.sent`, `unoingest.config`)."""


class Source(msgspec.Struct, frozen=True):
    """What lines and entries of one device's start have in common.

    Args:
        insert_id_prefix: Of a fixed width; ten digits of seq follow.
        trace_prefix: A trace id follows.
        line: In eight pieces, between which go: seq, ten digits of seq, trace id, seq, age, moment of
            measurement, values. The second piece has a %s for each part of the time.
    """

    insert_id_prefix: str
    trace_prefix: str
    line: tuple[str, ...]


def make_source(
    profile: LogProfile, project: str, device: str, boot: int, trace: TraceContext | None = None
) -> Source:
    """Return what the log says of this device.

    Args:
        profile: Who reads the lines.
        project: Google Cloud project that holds the traces, or "" to write the bare trace id.
        device: Device name, 1..32 characters.
        boot: Boot counter, 0..2^32-1.
        trace: The request's, if it named one.
    """
    trace_prefix = f"projects/{project}/traces/" if project else ""
    # the name's hash stands in for the name: names differ in length, and the id must not
    insert_id_prefix = f"{hashlib.sha256(device.encode()).hexdigest()[:16]}-{boot:010d}-"
    time: Any = msgspec.Raw(b"%s")
    number: Any = msgspec.Raw(_HOLE.encode())
    entry = profile.entry(
        *("INFO", f"reading {device} boot {boot} seq {_HOLE}"),
        *((UNSET, UNSET, "%s") if profile.has_rfc3339_time else (time, time, UNSET)),
        *(insert_id_prefix + _HOLE, {"device": device, "boot": str(boot)}, trace_prefix + _HOLE),
        *((trace.span_id, trace.sampled) if trace else (UNSET, UNSET)),
        ReadingFields(device, boot, number, number, _HOLE, number),
    )
    line = msgspec.json.encode(entry).decode() + "\n"
    return Source(insert_id_prefix, trace_prefix, tuple(line.split(_HOLE)))


source_of = functools.lru_cache(maxsize=SOURCES_KEPT)(make_source)
