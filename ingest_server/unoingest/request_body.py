"""Reading a body from a WSGI environment, with its limits.

The limit is judged here and not by the framework: a body without Content-Length (chunked) would otherwise be
cut at the limit and pass for a complete one.
"""

import re
from collections.abc import Callable
from typing import Any, BinaryIO

from unoingest.problems import (
    BODY_TOO_LARGE,
    INVALID_LENGTH,
    LENGTH_REQUIRED,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemError,
)

BODY_BYTES_MAX = 64 * 1024
# A client that is still sending may not see an answer given early (RFC 9112, section 9.6), so this much more
# of an oversized body is read and thrown away before it is refused.
DISCARD_BYTES_MAX = 1024 * 1024
_DISCARD_PIECE_BYTES = 64 * 1024

_DIGITS = re.compile(r"[0-9]{1,18}")
_JSON_TYPE = re.compile(r"\s*application/json\s*(?:;\s*charset\s*=\s*\"?utf-8\"?\s*)?", re.IGNORECASE)


def read_json_body(environ: dict[str, Any]) -> bytes:
    """Return the whole body, which is announced as JSON, at most 64 KiB.

    Args:
        environ: As for `read_body`.

    Raises:
        ProblemError: unsupported_media_type, or as `read_body`.
    """
    body = read_body(environ)
    check_media_type(environ.get("CONTENT_TYPE", ""), environ.get("HTTP_CONTENT_ENCODING", ""))
    return body


def read_body(environ: dict[str, Any], oversize: Callable[[bytes], object] = len) -> bytes:
    """Return the whole request body, at most 64 KiB.

    Args:
        environ: The WSGI environment (PEP 3333). `wsgi.input_terminated` in it, which several servers set,
            means that the input ends with the body.
        oversize: Is given every piece of a body that is too large, as far as it is read.

    Raises:
        ProblemError: body_too_large, invalid_length or length_required.
    """
    length_bytes = _announced_length(environ)
    too_large = length_bytes is not None and length_bytes > BODY_BYTES_MAX
    wanted_bytes = BODY_BYTES_MAX + 1 if length_bytes is None else min(length_bytes, BODY_BYTES_MAX)
    stream = environ["wsgi.input"]
    body = _read_up_to(stream, wanted_bytes)
    if too_large or len(body) > BODY_BYTES_MAX:
        oversize(body)
        _discard(stream, DISCARD_BYTES_MAX if length_bytes is None else length_bytes - len(body), oversize)
        raise body_too_large()
    check_length(length_bytes, len(body))
    return body


def body_too_large() -> ProblemError:
    """Return the problem of a body beyond the limit."""
    return ProblemError(BODY_TOO_LARGE, f"A body may have {BODY_BYTES_MAX} bytes; this one has more")


def parse_length(text: str) -> int:
    """Return a Content-Length in bytes. Raises ProblemError, invalid_length."""
    if not _DIGITS.fullmatch(text):
        raise ProblemError(INVALID_LENGTH, f"Content-Length {text[:40]!r} is not a number of bytes")
    return int(text)


def check_length(announced_bytes: int | None, came_bytes: int) -> None:
    """Raise ProblemError, invalid_length, unless as much came as was announced, if it was."""
    if announced_bytes not in (None, came_bytes):
        raise ProblemError(
            INVALID_LENGTH, f"Content-Length is {announced_bytes}, but {came_bytes} bytes came"
        )


def _announced_length(environ: dict[str, Any]) -> int | None:
    """Return Content-Length in bytes, or None if the input itself ends with the body."""
    text = environ.get("CONTENT_LENGTH") or ""
    if text:
        return parse_length(text)
    if environ.get("wsgi.input_terminated"):
        return None
    if environ.get("HTTP_TRANSFER_ENCODING"):
        raise ProblemError(LENGTH_REQUIRED, "The body is chunked and its end cannot be found")
    return 0


def media_type_of(content_type: str) -> str:
    """Return a Content-Type in lower case and without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def check_media_type(content_type: str, content_encoding: str) -> None:
    """Raise ProblemError, unsupported_media_type, unless these headers announce JSON as it is."""
    if not _JSON_TYPE.fullmatch(content_type):
        raise ProblemError(UNSUPPORTED_MEDIA_TYPE, f"Content-Type is {content_type[:80]!r}")
    if content_encoding.strip().lower() not in ("", "identity"):
        raise ProblemError(UNSUPPORTED_MEDIA_TYPE, f"Content-Encoding is {content_encoding[:40]!r}")


def _read_up_to(stream: BinaryIO, count_bytes: int) -> bytes:
    """Return `count_bytes` bytes, or fewer if the stream ends; one read may return less than asked for."""
    pieces = []
    while count_bytes > 0:
        piece = stream.read(count_bytes)
        if not piece:
            break
        pieces.append(piece)
        count_bytes -= len(piece)
    return b"".join(pieces)


def _discard(stream: BinaryIO, count_bytes: int, oversize: Callable[[bytes], object]) -> None:
    left_bytes = min(count_bytes, DISCARD_BYTES_MAX)
    while left_bytes > 0:
        piece = stream.read(min(left_bytes, _DISCARD_PIECE_BYTES))
        if not piece:
            break
        oversize(piece)
        left_bytes -= len(piece)
