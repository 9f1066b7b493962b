"""The trace a reading belongs to: from the request's `traceparent`, or derived from the reading's identity.

A device cannot afford a header for tracing. Deriving the id from (device, boot, seq) lets every hop name
the same trace without a byte on the wire.
"""

import hashlib
import re
from dataclasses import dataclass

# version, trace id, parent id, flags; a version above 00 may append fields (W3C Trace Context, section 3.2)
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_VERSION_FORBIDDEN = "ff"
_SAMPLED_FLAG = 0x01


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A caller's position in a trace.

    Args:
        trace_id: 32 lower-case hexadecimal digits, not all zero.
        span_id: 16 lower-case hexadecimal digits, not all zero.
        sampled: Whether the caller may have recorded the trace.
    """

    trace_id: str
    span_id: str
    sampled: bool


def parse_traceparent(header: str | None) -> TraceContext | None:
    """Return the context in a `traceparent` header, or None if it is absent or invalid.

    An invalid header is ignored, not refused (W3C Trace Context, section 3.2.2.3: restart the trace).
    """
    match = _TRACEPARENT.fullmatch(header) if header else None
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == _VERSION_FORBIDDEN or (version == "00" and rest is not None):
        return None
    if int(trace_id, 16) == 0 or int(span_id, 16) == 0:
        return None
    return TraceContext(trace_id, span_id, sampled=bool(int(flags, 16) & _SAMPLED_FLAG))


def format_traceparent(trace: TraceContext) -> str:
    """Return the `traceparent` header (version 00) that says this."""
    return f"00-{trace.trace_id}-{trace.span_id}-{_SAMPLED_FLAG if trace.sampled else 0:02x}"


def derive_trace_id(device: str, boot: int, seq: int) -> str:
    """Return the trace id of a reading: the first 16 bytes of SHA-256 over `device/boot/seq`, in hexadecimal.

    The separator cannot occur in a device name, so no two identities share an input.
    """
    return hashlib.sha256(f"{device}/{boot}/{seq}".encode()).hexdigest()[:32]
