"""Answers as bytes (RFC 9112, section 4): status line, fields, length, date.

A status without a body gets no Content-Length (RFC 9110, section 8.6).
"""

import email.utils
import functools
import http
from collections.abc import Iterable, Sequence

Fields = Iterable[tuple[str, str]]

LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE = "Connection: close\r\n"
_EMPTY = frozenset({http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED})


@functools.cache
def status_line(status: int) -> str:
    """Return the first line of an answer; any status of RFC 9110."""
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n"


@functools.lru_cache(maxsize=4)
def date_line(now_s: int) -> str:
    """Return the field Date, which an answer of 2xx, 3xx and 4xx has (RFC 9110, section 6.6.1)."""
    return f"Date: {email.utils.formatdate(now_s, usegmt=True)}\r\n"


def encode_head(status: int, fields: Fields, now_s: int, *, closes: bool) -> bytes:
    """Return a head, with the fields that are given, Date, and that the connection ends here."""
    lines = [status_line(status)]
    lines += [f"{name}: {value}\r\n" for name, value in fields]
    lines += [date_line(now_s), CLOSE if closes else "", "\r\n"]
    return "".join(lines).encode("latin-1")


def encode_answer(
    status: int, fields: Sequence[tuple[str, str]], body: bytes, now_s: int, *, closes: bool
) -> bytes:
    """Return an answer with its whole body; the fields do not tell its length."""
    if status not in _EMPTY:
        fields = [*fields, ("Content-Length", str(len(body)))]
    return encode_head(status, fields, now_s, closes=closes) + body


def encode_chunk(data: bytes) -> bytes:
    """Return a piece of a body as a chunk (RFC 9112, section 7.1); it has at least one byte."""
    return b"%x\r\n%b\r\n" % (len(data), data)
