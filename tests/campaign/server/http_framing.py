"""Requests whose end two HTTP parsers might see in different places (CWE-444, request smuggling).

Each case is a post with a second request behind its body. Where a proxy and the server disagree about the
end of the first, somebody else's request begins in the middle. A case is `clear` if RFC 9112 leaves no
doubt about its end and everybody sees it in the same place; behind all others the server must answer
nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

BODY = b'{"device":"framing","boot":1,"readings":[{"seq":1,"age_ms":0,"values":{"a0":1}}]}'
SECOND = b"GET /behind HTTP/1.1\r\nHost: a\r\n\r\n"
LINE = b"POST /v1/readings HTTP/1.1"
_LENGTH = b"Content-Length: %d" % len(BODY)
_CHUNKED = b"Transfer-Encoding: chunked"
_SIZE = b"%x" % len(BODY)

_CODINGS = {
    True: [b"chunked", b"Chunked", b" chunked", b"chunked ", b"\tchunked"],
    False: [
        b"chunked\x0b",
        b"\x0bchunked",
        b"chunked, identity",
        b"identity",
        b"xchunked",
        b'"chunked"',
        b"chunked;q=1",
        b"\xa0chunked",
        b"chunked\x85",
        b"",
        b",",
        b"chunk",
        b"chunked\x00",
        b"\xef\xbb\xbfchunked",
    ],
}
_NAMES = [b"Transfer-Encoding ", b" Transfer-Encoding", b"Transfer_Encoding", b"Transfer-Encoding\x0b"]
_NAMES += [b"\x0bTransfer-Encoding", b"Transfer\xadEncoding", b"Transfer-Encoding\x00", b"Transfer Encoding"]
_DIGITS = b"%d" % len(BODY)
_LENGTHS = {
    True: [_DIGITS, b" " + _DIGITS, _DIGITS + b" ", b"0" + _DIGITS],
    False: [
        b"+" + _DIGITS,
        b"-" + _DIGITS,
        b"0x" + _SIZE,
        b"%b,0" % _DIGITS,
        _DIGITS + b"\x0b",
        b"1 " + _DIGITS,
        _DIGITS + b".0",
        _DIGITS + b"e0",
        b"",
        b"\xb2",
        b"9" * 23,
        b"\xd9\xa1",
        _DIGITS + b"\x00",
        b"1_0",
    ],
}
_SIZES = {
    True: [_SIZE, b"0" + _SIZE, b"0" * 12 + _SIZE, _SIZE + b";a=b", _SIZE + b';a="b"'],
    False: [
        b"0x" + _SIZE,
        b"+" + _SIZE,
        b"-" + _SIZE,
        _SIZE + b"_",
        b"1" + _SIZE.rjust(16, b"0"),
        b"g",
        b"",
        _SIZE + b";\n",
        _SIZE + b"\x0b",
        _SIZE + b";a\r",
        _SIZE + b"\x00",
        b"\xef\xbc\x95" + _SIZE,
    ],
}
_LINES = [b"POST /v1/readings HTTP/0.9", b"POST /v1/readings", b"POST  /v1/readings HTTP/1.1"]
_LINES += [b"POST\t/v1/readings HTTP/1.1", b"POST /v1/readings HTTP/2.0", b"POST /v1/readings HTTP/1.1 "]
_LINES += [b"POST /v1/read ings HTTP/1.1", b"POST /v1/readings HTTP/1.10", b"POST /v1/readings http/1.1"]
_ENDS = [b"\r", b"\r\r\n", b"\n\r"]


@dataclass(frozen=True, slots=True)
class Case:
    """A request with another behind it.

    Args:
        name: What is odd about it.
        data: Both requests.
        clear: Nobody can doubt where the first one ends.
    """

    name: str
    data: bytes
    clear: bool


def cases() -> Iterator[Case]:
    """Yield every case once."""
    for clear in (True, False):
        for coding in _CODINGS[clear]:
            header = b"Transfer-Encoding:" + coding
            yield Case(f"coding {coding!r}", _head(header) + _chunks() + SECOND, clear)
            yield Case(
                f"coding {coding!r}, then a length", _head(header, _LENGTH) + _chunks() + SECOND, clear=False
            )
            yield Case(f"length, then coding {coding!r}", _head(_LENGTH, header) + BODY + SECOND, clear=False)
        for length in _LENGTHS[clear]:
            yield Case(f"length {length!r}", _head(b"Content-Length: " + length) + BODY + SECOND, clear)
        for size in _SIZES[clear]:
            yield Case(f"chunk size {size!r}", _head(_CHUNKED) + _chunks(size) + SECOND, clear)
    for name in _NAMES:
        yield Case(f"name {name!r}", _head(name + b": chunked", _LENGTH) + _chunks() + SECOND, clear=False)
    for line in _LINES:
        yield Case(f"line {line!r}", _head(_LENGTH, line=line) + BODY + SECOND, clear=False)
        yield Case(f"line {line!r}, chunked", _head(_CHUNKED, line=line) + _chunks() + SECOND, clear=False)
    for end in _ENDS:
        yield Case(f"chunks end with {end!r}", _head(_CHUNKED) + _chunks(end=end) + SECOND, clear=False)
        yield Case(
            f"lines end with {end!r}", _head(_LENGTH).replace(b"\r\n", end) + BODY + SECOND, clear=False
        )
    yield from _repeated_and_folded()


def _repeated_and_folded() -> Iterator[Case]:
    none = b"Content-Length: 0"
    for name, data, clear in (
        ("two lengths", _head(_LENGTH, none) + BODY, False),
        ("two lengths, the first of them 0", _head(none, _LENGTH) + BODY, False),
        ("folded coding", _head(b"Transfer-Encoding:\r\n chunked", _LENGTH) + _chunks(), False),
        ("folded length", _head(b"Content-Length:\r\n " + _DIGITS) + BODY, False),
        ("chunks end with a line feed", _head(_CHUNKED) + _chunks(end=b"\n"), False),
        ("a length in the trailer", _head(_CHUNKED) + _chunks()[:-2] + b"Content-Length: 5\r\n\r\n", True),
        ("nul in a header", _head(b"X: a\0b", _LENGTH) + BODY, False),
        ("HTTP/1.0 and chunked", _head(_CHUNKED, line=LINE[:-1] + b"0") + _chunks(), False),
        ("body of a GET", _head(_LENGTH, line=LINE.replace(b"POST", b"GET")) + BODY, True),
        ("absolute target", _head(_LENGTH, line=LINE.replace(b" /", b" http://b/")) + BODY, True),
        ("empty line before", b"\r\n" + _head(_LENGTH) + BODY, True),
        ("upgrade to HTTP/2", _head(b"Upgrade: h2c", b"Connection: Upgrade", _LENGTH) + BODY, True),
        ("HTTP/2 at once", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", False),
    ):
        yield Case(name, data + SECOND, clear)


def _head(*headers: bytes, line: bytes = LINE) -> bytes:
    lines = [line, b"Host: a", b"Content-Type: application/json", *headers, b"", b""]
    return b"\r\n".join(lines)


def _chunks(size: bytes = _SIZE, end: bytes = b"\r\n") -> bytes:
    return size + end + BODY + end + b"0" + end + end
