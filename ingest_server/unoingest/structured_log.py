"""Structured log lines in the format that Cloud Logging's agents read from a container's output.

Rules:

* One line is one `os.write` of at most 4,096 bytes: a pipe keeps writes up to PIPE_BUF whole (POSIX, write),
  so lines of several threads or processes never mix.
* A process writes all its lines by one profile (`unoingest.log_profile`), chosen when it starts.
* Readings go to stdout (`unoingest.reading_log`) and the service's own events to stderr; agents collect both.

This module does not buffer, queue or send anything.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from unoingest.log_profile import PROFILES, LogProfile
from unoingest.timestamps import NS_PER_S, rfc3339

STDOUT, STDERR = 1, 2
LINE_BYTES_MAX = 4096
EVENT_TEXT_CHARS_MAX = 2000
PROFILE_DEFAULT = "gke"

_chosen = PROFILES[PROFILE_DEFAULT]

# JSON needs an escape only below U+0020; these, in UTF-8, a terminal obeys (DEL, C1), a reader of lines takes
# for an end (U+0085, U+2028, U+2029), or turns the text around (the directional characters of Unicode)
_ACTIVE = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def use_profile(name: str) -> None:
    """Write this process's lines by the profile `name` from now on; it is set once, before any line."""
    global _chosen  # noqa: PLW0603 - a process has one standard output and one standard error
    _chosen = PROFILES[name]


def profile() -> LogProfile:
    """Return the profile by which this process writes."""
    return _chosen


def encode_event(
    severity: str, event: str, message: str, at_ns: int, fields: Mapping[str, Any] | None = None
) -> bytes:
    """Return one line of the service's own log, newline included, at most 4,096 bytes.

    Args:
        severity: INFO, WARNING (odd, nothing lost) or ERROR (data lost, or a human is needed).
        event: Stable name of what happened.
        message: One sentence for people.
        at_ns: When, nanoseconds since the Unix epoch, not negative.
        fields: Further members, `httpRequest` as Cloud Logging has it among them; texts are shortened from
            the front until the line fits.
    """
    seconds, nanos = divmod(at_ns, NS_PER_S)
    time = (
        {"time": rfc3339(at_ns)}
        if _chosen.has_rfc3339_time
        else {"timestampSeconds": seconds, "timestampNanos": nanos}
    )
    named = {
        _chosen.http_request_key if name == "httpRequest" else name: value
        for name, value in (fields or {}).items()
    }
    chars_max = EVENT_TEXT_CHARS_MAX
    while True:
        entry = {
            _chosen.severity_key: severity,
            "message": _shorten(message, chars_max),
            **time,
            "event": event,
            **_shorten(named, chars_max),
        }
        line = _inert(msgspec.json.encode(entry)) + b"\n"
        if len(line) <= LINE_BYTES_MAX:
            return line
        chars_max //= 2


def packed(lines: Iterable[bytes]) -> list[bytes]:
    """Return the lines joined to pieces that one write keeps whole: a write costs more than a line."""
    pieces: list[bytes] = []
    joined = b""
    for line in lines:
        if joined and len(joined) + len(line) > LINE_BYTES_MAX:
            pieces.append(joined)
            joined = b""
        joined += line
    return [*pieces, joined] if joined else pieces


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


def _inert(json_text: bytes) -> bytes:
    """Return the same JSON with escapes for characters that do something where it is shown."""
    if json_text.isascii() and b"\x7f" not in json_text:
        return json_text
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text.decode()).encode()


def _shorten(value: Any, chars_max: int) -> Any:
    """Return `value` with each text in it cut to its last characters: a traceback ends with the error."""
    if isinstance(value, str):
        # a path may hold any byte a client sent; what is no character must not break the line
        text = value if len(value) <= chars_max else "…" + value[len(value) - chars_max :]
        return text.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {name: _shorten(member, chars_max) for name, member in value.items()}
    return value
