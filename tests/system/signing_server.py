"""A server of a few lines, read from docs/wire-protocol.md: it checks tags, keeps readings, signs answers.

It is quicker than the real one, and obeys: `status` says what it answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from unosim.lab import KEY
from unosim.network import Reply
from unosim.signed import answer_tag, parse_post, request_tag

DATE = b"Date: Sat, 21 Nov 2026 12:00:00 GMT\r\n"
Identity = tuple[str, int, int]


@dataclass
class SigningServer:
    """What all connections share.

    Attributes:
        status: of the next answers.
        answer_ns: how long it thinks.
        stored: values by identity, as they first came.
        conflicts: readings that came again with other values.
        posts: how many requests had a right tag.
    """

    status: int = 204
    answer_ns: int = 5_000_000
    stored: dict[Identity, dict[str, object]] = field(default_factory=dict)
    conflicts: list[Identity] = field(default_factory=list)
    posts: int = 0
    bad_requests: int = 0

    def connection(self) -> "_Connection":
        """Return a peer for one connection."""
        return _Connection(self)

    def replies(self, request: bytes) -> list[Reply]:
        """Return what is said to one whole request."""
        return [self.answer(request)]

    def answer(self, request: bytes) -> Reply:
        """Answer one whole request."""
        post = parse_post(request)
        if post is None or request_tag(KEY, post.device, post.body) != post.tag:
            self.bad_requests += 1
            return Reply(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", self.answer_ns)
        self.posts += 1
        if self.status == 204:
            for identity, values in post.readings().items():
                if self.stored.setdefault(identity, dict(values)) != values:
                    self.conflicts.append(identity)
        tag = answer_tag(KEY, self.status, post.tag).encode()
        length = b"" if self.status == 204 else b"Content-Length: 0\r\n"
        head = b"HTTP/1.1 %d X\r\nUnolink-Tag: %s\r\n" % (self.status, tag)
        return Reply(head + length + DATE + b"\r\n", self.answer_ns)


class _Connection:
    """Finds the ends of requests."""

    def __init__(self, server: SigningServer) -> None:
        self._server = server
        self._data = b""

    def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:  # noqa: ARG002  # it has no clock
        self._data += data
        replies: list[Reply] = []
        while b"\r\n\r\n" in self._data:
            head, _, rest = self._data.partition(b"\r\n\r\n")
            digits = head.partition(b"Content-Length: ")[2].split(b"\r\n")[0]
            if not digits.isdigit():
                self._server.bad_requests += 1
                return [*replies, Reply(b"HTTP/1.1 400 Bad Request\r\n\r\n", close=True)]
            if len(rest) < int(digits):
                break
            length = len(head) + 4 + int(digits)
            replies += self._server.replies(self._data[:length])
            self._data = self._data[length:]
        return replies
