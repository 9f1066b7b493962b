"""Bytes in, requests out, one at a time: where head and body end, and how much of either is read.

Rules:

* A request is read to its end and no further; what is behind it waits until `begin_next`.
* A head has at most HEAD_BYTES_MAX. A body beyond BODY_BYTES_MAX is not kept; each piece of it goes to
  `on_excess`, and after DISCARD_BYTES_MAX more it is not read any further (`is_cut`).
* One empty line before a request is read over (RFC 9112, section 2.2).

It has no socket and no clock, and it does not know what a request is for.
"""

import re
from collections.abc import Callable

from unoingest.front.chunks import Chunks
from unoingest.front.head import Head, malformed, read_head
from unoingest.problems import HEAD_TOO_LARGE, ProblemError
from unoingest.request_body import BODY_BYTES_MAX, DISCARD_BYTES_MAX

HEAD_BYTES_MAX = 16 * 1024
OnExcess = Callable[[bytes], object]
_VISIBLE = re.compile(rb"[!-~]|\r\Z")
_END = b"\r\n\r\n"
_EMPTY_LINE = b"\r\n"
_HEAD = "HEAD"


class RequestReader:
    """Reads the requests of one connection."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_chunks",
        "_looked_bytes",
        "_unread",
        "head",
        "is_cut",
    )

    def __init__(self) -> None:
        self._unread = b""
        self._looked_bytes = 0
        self.begin_next()

    def begin_next(self) -> None:
        """Forget the request that was read."""
        self.head: Head | None = None
        self.is_cut = False
        self._chunks: Chunks | None = None
        self._body: bytes | bytearray = b""
        self._body_bytes = 0

    @property
    def has_unread(self) -> bool:
        """Whether there are bytes of a request that is not complete, or of a further one."""
        return bool(self._unread)

    @property
    def is_for_head(self) -> bool:
        """Whether the request is a HEAD, as far as one can tell of what may be no request."""
        if self.head is not None:
            return self.head.method == _HEAD
        return self._unread.removeprefix(_EMPTY_LINE).startswith(f"{_HEAD} ".encode())

    @property
    def body(self) -> bytes:
        """The body as far as it was kept: nothing of one that is too large."""
        return bytes(self._body)

    @property
    def is_too_large(self) -> bool:
        """Whether more of the body came than is kept."""
        return self._body_bytes > BODY_BYTES_MAX

    def receive(self, data: bytes) -> None:
        """Take bytes, to be read by `advance`."""
        self._unread = self._unread + data if self._unread else data

    def advance(self, on_excess: OnExcess) -> bool:
        """Read on; tell whether a request is complete. `head` is there as soon as it is.

        Args:
            on_excess: Takes the pieces of a body that is too large to be kept.

        Raises:
            ProblemError: malformed_request or head_too_large; nothing after it can be read.
        """
        head = self.head
        if head is None:
            head = self._read_head()
            if head is None:
                return False
        if head.is_chunked:
            return self._read_chunks(on_excess)
        return head.length_bytes is None or self._read_length(head.length_bytes, on_excess)

    def _read_head(self) -> Head | None:
        data = self._unread
        end = data.find(_END, self._looked_bytes)
        begin = len(_EMPTY_LINE) if data.startswith(_EMPTY_LINE) else 0
        if end == 0 or (begin and data.startswith(_EMPTY_LINE, begin)):
            raise malformed("There are empty lines in place of a request")
        if max(end, 0) - begin > HEAD_BYTES_MAX or (end < 0 and len(data) - begin > HEAD_BYTES_MAX):
            raise ProblemError(HEAD_TOO_LARGE, f"A head may have {HEAD_BYTES_MAX} bytes; this one has more")
        if end < 0:
            # what speaks TLS, or ends its lines otherwise, would wait for an answer until its time is up
            if len(data) > begin and not _VISIBLE.match(data, begin):
                raise malformed("This is no HTTP")
            if b"\n" in data and _EMPTY_LINE not in data:
                raise malformed("A line of the head does not end with CR LF")
            self._looked_bytes = max(0, len(data) - len(_END) + 1)
            return None
        self.head = head = read_head(data[begin:end])
        self._unread, self._looked_bytes = data[end + len(_END) :], 0
        if head.is_chunked:
            self._chunks = Chunks()
        return head

    def _read_length(self, length_bytes: int, on_excess: OnExcess) -> bool:
        left_bytes = length_bytes - self._body_bytes
        data = self._unread
        if len(data) <= left_bytes:
            self._unread = b""
        else:
            self._unread = data[left_bytes:]
            data = data[:left_bytes]
        self._keep(data, on_excess)
        return self.is_cut or self._body_bytes == length_bytes

    def _read_chunks(self, on_excess: OnExcess) -> bool:
        assert self._chunks is not None  # noqa: S101 - made with the head
        data, self._unread = self._chunks.take(self._unread)
        self._keep(data, on_excess)
        return self.is_cut or self._chunks.is_done

    def _keep(self, data: bytes, on_excess: OnExcess) -> None:
        if not data:
            return
        before_bytes = self._body_bytes
        self._body_bytes += len(data)
        if self._body_bytes > BODY_BYTES_MAX:
            if self._body:
                on_excess(bytes(self._body))
                self._body = b""
            on_excess(data)
            self.is_cut = self._body_bytes >= BODY_BYTES_MAX + DISCARD_BYTES_MAX
        elif not before_bytes:
            self._body = data
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += data
