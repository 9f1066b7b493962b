"""A chunked body (RFC 9112, section 7.1), strictly: sizes are plain hexadecimal, lines end with CR LF.

Extensions and trailers are read over, within limits. This module keeps nothing of the body.
"""

import enum
import re

from unoingest.front.head import malformed

CHUNKS_MAX = 8192
"""Of one body, so that a body in chunks of a byte is not more work than a hundred posts."""
LINE_BYTES_MAX = 1024
"""Of a line with a size or with a trailer field."""
TRAILER_LINES_MAX = 32
_SHOWN_BYTES_MAX = 40

_WORD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;%b(?:=(?:%b|%b))?)*" % (_WORD, _WORD, _QUOTED))
_FIELD = re.compile(rb"%b:[\t -~\x80-\xff]*" % _WORD)
_CRLF = b"\r\n"


class _Awaited(enum.Enum):
    SIZE = enum.auto()
    CONTENT = enum.auto()
    END_OF_CONTENT = enum.auto()
    TRAILER = enum.auto()
    NOTHING = enum.auto()


class Chunks:
    """Decodes one body."""

    def __init__(self) -> None:
        self._awaited = _Awaited.SIZE
        self._left_bytes = 0
        self._chunks = 0
        self._trailer_lines = 0

    @property
    def is_done(self) -> bool:
        """Whether the body and its trailer were read."""
        return self._awaited is _Awaited.NOTHING

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what of the body is in the data, and what of the data was not read.

        While `is_done` is false the latter is wanted again, with more behind it.

        Raises:
            ProblemError: malformed_request.
        """
        pieces: list[bytes] = []
        at, end = -1, 0
        while end != at and self._awaited is not _Awaited.NOTHING:
            at = end
            if self._awaited is _Awaited.CONTENT:
                end = min(len(data), at + self._left_bytes)
                pieces.append(data[at:end])
                self._left_bytes -= end - at
                if not self._left_bytes:
                    self._awaited = _Awaited.END_OF_CONTENT
            elif self._awaited is _Awaited.END_OF_CONTENT:
                end = self._take_end(data, at)
            else:
                end = self._take_line(data, at)
        return b"".join(pieces), data[end:]

    def _take_end(self, data: bytes, at: int) -> int:
        """Take the end of the line behind a chunk, if it is all there; return where it ends."""
        end = data[at : at + len(_CRLF)]
        if end == _CRLF:
            self._awaited = _Awaited.SIZE
            return at + len(_CRLF)
        if not _CRLF.startswith(end):
            raise malformed("A chunk is longer than its size")
        return at

    def _take_line(self, data: bytes, at: int) -> int:
        """Take a line with a size or a trailer field, if it is all there; return where it ends."""
        end = data.find(_CRLF, at, at + LINE_BYTES_MAX)
        if end < 0:
            if len(data) - at >= LINE_BYTES_MAX:
                raise malformed("A line between chunks is too long")
            return at
        line = data[at:end]
        if self._awaited is _Awaited.SIZE:
            self._begin_chunk(line)
        else:
            self._take_trailer(line)
        return end + len(_CRLF)

    def _begin_chunk(self, line: bytes) -> None:
        found = _SIZE.fullmatch(line)
        if found is None:
            raise malformed(f"{line[:_SHOWN_BYTES_MAX]!r} is no chunk size")
        self._chunks += 1
        if self._chunks > CHUNKS_MAX:
            raise malformed("There are too many chunks")
        self._left_bytes = int(found[1], 16)
        self._awaited = _Awaited.CONTENT if self._left_bytes else _Awaited.TRAILER

    def _take_trailer(self, line: bytes) -> None:
        self._trailer_lines += 1
        if not line:
            self._awaited = _Awaited.NOTHING
        elif self._trailer_lines > TRAILER_LINES_MAX or not _FIELD.fullmatch(line):
            raise malformed("The trailer is malformed")
