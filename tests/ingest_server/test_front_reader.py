"""Requests out of bytes, however the bytes are cut, and as two other readers of HTTP take them."""

import itertools
import random
from dataclasses import dataclass, field

import h11
import httptools
import pytest

from unoingest.front.chunks import CHUNKS_MAX, LINE_BYTES_MAX, TRAILER_LINES_MAX
from unoingest.front.reader import HEAD_BYTES_MAX, RequestReader
from unoingest.problems import ProblemError
from unoingest.request_body import BODY_BYTES_MAX, DISCARD_BYTES_MAX

KB = 1024
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
GET = b"GET /g HTTP/1.1\r\nHost: a\r\n\r\n"
IN_CHUNKS = POST + b"Transfer-Encoding: chunked\r\n\r\n"
Read = list[tuple[str, str, bytes]]


def read(data: bytes, *cuts: int) -> tuple[Read, str]:
    """Return the requests in data that comes in pieces, and the code of what stopped the reading."""
    reader = RequestReader()
    requests: Read = []
    edges = [0, *cuts, len(data)]
    for begin, end in itertools.pairwise(edges):
        reader.receive(data[begin:end])
        try:
            while reader.advance(len):
                assert reader.head is not None
                requests.append((reader.head.method, reader.head.path, reader.body))
                reader.begin_next()
        except ProblemError as problem:
            return requests, problem.kind.code
    return requests, ""


STREAMS = [
    (GET, [("GET", "/g", b"")], ""),
    (GET * 3, [("GET", "/g", b"")] * 3, ""),
    (b"\r\n" + GET + b"\r\n" + GET, [("GET", "/g", b"")] * 2, ""),
    (POST + b"Content-Length: 3\r\n\r\nabc" + GET, [("POST", "/", b"abc"), ("GET", "/g", b"")], ""),
    (POST + b"Content-Length: 0\r\n\r\n" + GET, [("POST", "/", b""), ("GET", "/g", b"")], ""),
    (POST + b"Content-Length: 3\r\n\r\nab", [], ""),
    (
        IN_CHUNKS + b'2;a;b=c;d="e;\\""\r\nab\r\n01\r\nc\r\n000\r\nX: y\r\n\r\n' + GET,
        [("POST", "/", b"abc"), ("GET", "/g", b"")],
        "",
    ),
    (IN_CHUNKS + b"0\r\n\r\n" + GET, [("POST", "/", b""), ("GET", "/g", b"")], ""),
    (IN_CHUNKS + b"1\r\na\r\n", [], ""),
    (IN_CHUNKS + b"1\r\nab\r\n0\r\n\r\n" + GET, [], "malformed_request"),
    (IN_CHUNKS + b"2\r\na\r\n0\r\n\r\n" + GET, [], "malformed_request"),
    (IN_CHUNKS + b"1 \r\na\r\n0\r\n\r\n", [], "malformed_request"),
    (IN_CHUNKS + b"1\na\n0\n\n" + GET, [], "malformed_request"),
    (IN_CHUNKS + b'1;a="\r\na\r\n0\r\n\r\n', [], "malformed_request"),
    (IN_CHUNKS + b"\r\na\r\n0\r\n\r\n", [], "malformed_request"),
    (IN_CHUNKS + b"-1\r\na\r\n0\r\n\r\n", [], "malformed_request"),
    (IN_CHUNKS + b"0\r\nX y\r\n\r\n" + GET, [], "malformed_request"),
    (IN_CHUNKS + b"0\r\n X: y\r\n\r\n" + GET, [], "malformed_request"),
    (GET + b"\r\n\r\n" + GET, [("GET", "/g", b"")], "malformed_request"),
    (b"\x16\x03\x01\x02", [], "malformed_request"),
    (b"\r\n\x16\x03\x01\x02", [], "malformed_request"),
    (b"GET / HTTP/1.1\nHost: a\n\n", [], "malformed_request"),
    (b"\n\n", [], "malformed_request"),
]


@pytest.mark.parametrize(("data", "requests", "code"), STREAMS)
def test_streams_however_they_are_cut(data: bytes, requests: Read, code: str) -> None:
    assert read(data) == (requests, code)
    assert read(data, *range(1, len(data))) == (requests, code)
    chance = random.Random(data)  # noqa: S311 - repeatable on purpose
    for _ in range(20):
        cuts = sorted(chance.sample(range(1, len(data)), min(3, len(data) - 1)))
        assert read(data, *cuts) == (requests, code), cuts


@pytest.mark.parametrize(
    ("data", "count", "code"),
    [
        (b"GET / HTTP/1.1\r\nX:" + b"y" * (HEAD_BYTES_MAX - 18) + b"\r\n\r\n", 1, ""),
        (b"GET / HTTP/1.1\r\nX:" + b"y" * (HEAD_BYTES_MAX - 17) + b"\r\n\r\n", 0, "head_too_large"),
        (b"GET / HTTP/1.1\r\nX:" + b"y" * HEAD_BYTES_MAX, 0, "head_too_large"),
        (IN_CHUNKS + b"1\r\na\r\n" * CHUNKS_MAX + b"0\r\n\r\n", 0, "malformed_request"),
        (IN_CHUNKS + b"1\r\na\r\n" * (CHUNKS_MAX - 1) + b"0\r\n\r\n", 1, ""),
        (IN_CHUNKS + b"1;" + b"a" * LINE_BYTES_MAX, 0, "malformed_request"),
        (IN_CHUNKS + b"0\r\n" + b"X: y\r\n" * TRAILER_LINES_MAX + b"\r\n", 1, ""),
        (IN_CHUNKS + b"0\r\n" + b"X: y\r\n" * (TRAILER_LINES_MAX + 1), 0, "malformed_request"),
    ],
    ids=range(8),
)
def test_limits(data: bytes, count: int, code: str) -> None:
    requests, stopped = read(data)
    assert (len(requests), stopped) == (count, code)


@pytest.mark.parametrize("in_chunks", [True, False])
def test_a_body_that_is_too_large_goes_by(in_chunks: bool) -> None:
    came: list[bytes] = []
    reader = RequestReader()
    size_bytes = BODY_BYTES_MAX + 5 * KB
    length = b"Content-Length: %d\r\n\r\n" % size_bytes
    reader.receive(IN_CHUNKS + b"%x\r\n" % size_bytes if in_chunks else POST + length)
    sent = 0
    while sent < size_bytes:
        assert not reader.advance(came.append)
        reader.receive(b"x" * KB)
        sent += KB
    if in_chunks:
        reader.receive(b"\r\n0\r\n\r\n")
    assert reader.advance(came.append)
    assert sum(map(len, came)) == size_bytes
    assert (reader.is_too_large, reader.is_cut, reader.body) == (True, False, b"")


def test_more_than_is_thrown_away_is_not_read() -> None:
    came: list[bytes] = []
    reader = RequestReader()
    reader.receive(POST + b"Content-Length: 999999999\r\n\r\n")
    while not reader.advance(came.append):
        reader.receive(b"x" * 64 * KB)
    assert (reader.is_cut, sum(map(len, came))) == (True, BODY_BYTES_MAX + DISCARD_BYTES_MAX)


def by_h11(data: bytes) -> tuple[Read, bool]:
    """Return the requests as h11 reads them, and whether it refused what came then."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    requests: Read = []
    method = target = body = b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                method, target, body = event.method, event.target, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                requests.append((method.decode(), target.decode(), body))
                connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is h11.MUST_CLOSE:
                    return requests, True
                connection.start_next_cycle()
            else:
                return requests, False
    except h11.RemoteProtocolError:
        return requests, True


@dataclass
class ByLlhttp:
    """What llhttp hears."""

    requests: Read = field(default_factory=list)
    target: bytes = b""
    body: bytes = b""

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.requests.append((self.parser.get_method().decode(), self.target.decode(), self.body))
        self.target = self.body = b""

    def read(self, data: bytes) -> tuple[Read, bool]:
        self.parser = httptools.HttpRequestParser(self)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            return self.requests, True
        return self.requests, False


PARTS = [
    *(b"GET", b"POST", b" ", b" ", b"/", b"HTTP/1.1", b"\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b":"),
    *(b"Content-Length: 3", b"Content-Length: 0", b"Transfer-Encoding: chunked", b"chunked", b"Host: a"),
    *(b"3\r\nabc\r\n", b"0\r\n\r\n", b"abc", b"\t", b"\0", b"\x80", b",", b";", b"0", b"X: y", b"HTTP/1.0"),
]


def mutated(chance: random.Random) -> bytes:
    """Return a stream of requests with something cut out, put in, or changed."""
    data = bytearray(b"".join(one[0] for one in chance.choices(STREAMS, k=2)))
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        at = chance.randrange(len(data) + 1)
        data[at : at + chance.choice((0, 0, 1, 2, 8))] = chance.choice([b"", *PARTS])
    return bytes(data)


def test_what_we_take_two_other_readers_take_as_we_do() -> None:
    agreed = {"h11": 0, "llhttp": 0}
    for number in range(4000):
        data = mutated(random.Random(number))  # noqa: S311 - repeatable on purpose
        ours, _ = read(data)
        for name, (theirs, has_refused) in {"h11": by_h11(data), "llhttp": ByLlhttp().read(data)}.items():
            common = min(len(ours), len(theirs))
            assert theirs[:common] == ours[:common], (name, number, data)
            # they refuse unknown methods, no Host, an empty line before a request: nothing of the framing
            assert has_refused or len(ours) <= len(theirs), (name, number, data)
            agreed[name] += common
    assert min(agreed.values()) > 1000, agreed
