"""A client's side of the front without sockets: what it sends, byte by byte if need be, and what it hears."""

import asyncio
import contextlib
import http.client
import io
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from unoingest.app import create_app_of
from unoingest.entry import Entry
from unoingest.front.connection import Connection
from unoingest.front.front import Front
from unoingest.service import Service

WAIT_S = 30.0


@dataclass
class Answered:
    """An answer; names of header fields in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """The transport of a connection, as asyncio describes it.

    Args:
        turn: Has something called in the event loop.
        client: Its address.
    """

    def __init__(self, turn: Callable[[Callable[[], object]], object], client: str) -> None:
        self._turn = turn
        self._client = client
        self.heard = b""
        self.is_reading = True
        self.is_half_closed = False
        self.is_closed = False
        self.is_aborted = False
        self.protocol: Connection

    def get_extra_info(self, _name: str) -> tuple[str, int]:
        return self._client, 4711

    def write(self, data: bytes) -> None:
        assert not self.is_closed
        assert not self.is_half_closed
        self.heard += data

    def write_eof(self) -> None:
        self.is_half_closed = True

    def pause_reading(self) -> None:
        assert self.is_reading
        self.is_reading = False

    def resume_reading(self) -> None:
        assert not self.is_reading
        self.is_reading = True

    def close(self) -> None:
        self._end()

    def abort(self) -> None:
        self.is_aborted = True
        self._end()

    def _end(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._turn(lambda: self.protocol.connection_lost(None))


@dataclass
class Side:
    """An event loop that turns when it is told to, and a front on it."""

    front: Front = field(init=False)
    entry: Entry = field(init=False)
    calls: "queue.SimpleQueue[Callable[[], object]]" = field(default_factory=queue.SimpleQueue)

    def connect(self, client: str = "192.0.2.7") -> Wire:
        wire = Wire(self.calls.put, client)
        wire.protocol = self.front.connect()
        wire.protocol.connection_made(cast("asyncio.Transport", wire))
        return wire

    def turn_until(self, is_done: Callable[[], object]) -> None:
        """Let the event loop turn until something is so."""
        while not is_done():
            self.calls.get(timeout=WAIT_S)()


@contextlib.contextmanager
def serving(service: Service, application: Any = None, connections_max: int = 100) -> Iterator[Side]:
    """Serve a service through its entry while the block runs."""
    side = Side()
    application = application or create_app_of(service).wsgi_app
    side.entry = Entry(application, service, ("127.0.0.1", 8080), side.calls.put, side.calls.put)
    side.front = Front(side.entry, connections_max)
    yield side
    side.entry.close()
    while not side.calls.empty():
        side.calls.get()()


def head_of(fields: list[tuple[str, str]], method: str = "POST", path: str = "/v1/readings") -> bytes:
    """Return a head; Host is there unless the fields have one."""
    hosts = [] if any(name.lower() == "host" for name, _ in fields) else [("Host", "127.0.0.1:8080")]
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in [*hosts, *fields])]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def chunked(*pieces: bytes) -> list[bytes]:
    """Return a body in chunks, and the last chunk."""
    return [*(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces), b"0\r\n\r\n"]


def ask(
    side: Side, *data: bytes, then: Callable[[Wire], object] = lambda _wire: None, client: str = "192.0.2.7"
) -> Answered:
    """Send a request in these pieces over a connection that ends with it, and return the answer."""
    wire = side.connect(client)
    for piece in filter(None, data):
        # what the server does not read stays in the client's hands
        if wire.is_reading:
            wire.protocol.data_received(piece)
    if wire.is_reading:
        then(wire)
        wire.protocol.eof_received()
    side.turn_until(lambda: wire.heard and (wire.is_closed or wire.is_half_closed))
    (answer,) = answers_in(wire.heard, data[0].split(b" ", 1)[0].decode())
    return answer


def answers_in(heard: bytes, method: str = "GET") -> list[Answered]:
    """Return the answers that came to requests of a method, `100 Continue` left out."""
    stream = io.BytesIO(heard)
    answers = []
    while stream.tell() < len(heard):
        response = http.client.HTTPResponse(cast("Any", _Socket(stream)), method=method)
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        answers.append(Answered(response.status, headers, response.read()))
    return answers


@dataclass
class _Socket:
    stream: io.BytesIO

    def makefile(self, _mode: str) -> Any:
        return _Unclosed(self.stream)


class _Unclosed:
    """The stream as http.client reads it, which would close it behind an answer."""

    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def close(self) -> None:
        pass
