"""The entry below the application: bodies in pieces, late, short or too large, and the WSGI environment."""

import asyncio
import io
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPResponse
from types import SimpleNamespace
from typing import Any

import pytest
from granian.constants import HTTPModes, Interfaces
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined] # an alias marked for no export
from granian.server.embed import Server as EmbeddedServer

from unoingest.app import create_app
from unoingest.request_body import BODY_BYTES_MAX, DISCARD_BYTES_MAX
from unoingest.rsgi import RsgiEntry, environ_of

Body = Callable[..., bytes]
KB = 1024
AT_ONCE = 0.0
STALL = b""
GONE = b"the client has closed the connection"


@dataclass
class FakeExchange:
    """RSGI's side of one request: the pieces of a body, of which STALL never comes."""

    pieces: list[bytes]
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    taken_bytes: int = 0

    async def __call__(self) -> bytes:
        return b"".join([piece async for piece in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if piece is STALL:
                await asyncio.Event().wait()
            if piece is GONE:
                raise ProtocolClosed
            self.taken_bytes += len(piece)
            yield piece

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answers.append((status, dict(headers), body))


def scope(method: str = "POST", path: str = "/v1/readings", **fields: str) -> Any:
    headers = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in fields.items()}}
    return SimpleNamespace(
        method=method,
        path=path,
        query_string="a=1",
        scheme="http",
        http_version="1.1",
        client="192.0.2.7:4711",
        server="127.0.0.1:8080",
        headers=headers,
    )


def ask(ingest: Any, request: Any, *pieces: bytes, body_read_s: float = 60) -> tuple[FakeExchange, str]:
    """Return the exchange, and the code of its problem or "" for a 200."""
    exchange = FakeExchange(list(pieces))
    log: list[bytes] = []
    application = create_app(ingest.store, clock_ns=lambda: ingest.now_ns, emit=log.append, log=log.append)
    entry = RsgiEntry(application, body_read_s=body_read_s)
    asyncio.run(entry.__rsgi__(request, exchange))
    entry.__rsgi_del__()
    ((status, headers, answer),) = exchange.answers
    assert headers["content-length"] == str(len(answer))
    return exchange, "" if status == 200 else json.loads(answer)["code"]


@pytest.mark.parametrize("announce", [True, False])
def test_a_body_in_pieces_is_one_body(ingest: Any, body: Body, announce: bool) -> None:
    content = body(17)
    length = {"content_length": str(len(content))} if announce else {}
    exchange, code = ask(ingest, scope(**length), content[:9], content[9:30], content[30:])
    assert code == ""
    assert exchange.answers[0][2] == b'{"boot":3,"acked":[17]}'


@pytest.mark.parametrize(
    ("announced", "pieces", "code"),
    [
        ("99", [b"{", STALL], "body_timeout"),
        (None, [b"{", STALL], "body_timeout"),
        (str(2 * BODY_BYTES_MAX), [b"{", STALL], "body_timeout"),
        ("9" * 15, [STALL], "body_timeout"),
        ("99", [b"{"], "invalid_length"),
        ("99", [b"{", GONE], "invalid_length"),
        ("²", [b"{"], "invalid_length"),
        ("2", [b"{}"], "invalid_reading"),
        (None, [b"{}"], "invalid_reading"),
        (None, [b" " * KB] * 64, "malformed_json"),
        (None, [*[b" " * KB] * 64, b" "], "body_too_large"),
        (str(BODY_BYTES_MAX + 1), [b" " * KB] * 65, "body_too_large"),
    ],
)
def test_bodies_and_their_problems(
    ingest: Any, announced: str | None, pieces: list[bytes], code: str
) -> None:
    length = {} if announced is None else {"content_length": announced}
    body_read_s = AT_ONCE if STALL in pieces else 60
    assert ask(ingest, scope(**length), *pieces, body_read_s=body_read_s)[1] == code


def test_an_oversized_body_is_read_to_a_limit(ingest: Any) -> None:
    exchange, code = ask(ingest, scope(), *[b" " * 64 * KB] * 1000)
    assert code == "body_too_large"
    assert exchange.taken_bytes == BODY_BYTES_MAX + DISCARD_BYTES_MAX


def test_the_environment() -> None:
    request = scope(path="/caf\u00e9", x_a="1")
    request.headers = SimpleNamespace(items=lambda: [("x-a", "1"), ("x-a", "2"), ("content-length", "2")])
    environ = environ_of(request, io.BytesIO(b"{}"))
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/caf\u00e9"
    assert (environ["HTTP_X_A"], environ["CONTENT_LENGTH"]) == ("1,2", "2")
    assert (environ["REMOTE_ADDR"], environ["SERVER_NAME"], environ["SERVER_PORT"]) == (
        "192.0.2.7",
        "127.0.0.1",
        "8080",
    )
    assert (environ["REQUEST_METHOD"], environ["QUERY_STRING"]) == ("POST", "a=1")


def test_the_end_comes_after_the_last_answer(ingest: Any) -> None:
    ended = []
    entry = RsgiEntry(create_app(ingest.store), on_end=lambda: ended.append(True))
    entry.__rsgi_del__()
    assert ended == [True]


@pytest.fixture
def impatient_port(ingest: Any) -> Iterator[int]:
    """A port where granian serves the application in this process, with no time for bodies."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    loop = asyncio.new_event_loop()
    entry = RsgiEntry(create_app(ingest.store, log=lambda _line: None), body_read_s=0.05)
    server = EmbeddedServer(
        entry.__rsgi__,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        log_enabled=False,
    )
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve()))
    thread.start()
    yield port
    loop.call_soon_threadsafe(server.stop)
    thread.join()
    loop.close()


def connect(port: int) -> socket.socket:
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            continue


def test_a_late_body_over_a_real_socket(impatient_port: int) -> None:
    with connect(impatient_port) as connection:
        connection.sendall(b"POST /v1/readings HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        answer = HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["code"]) == (408, "body_timeout")
        # what comes after the missing rest could not be told from it
        assert connection.recv(1) == b""
