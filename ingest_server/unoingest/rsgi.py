"""The entry below `unoingest serve`: granian's RSGI in, the WSGI application in threads behind it.

Rules:

* A body is read here, by the event loop, and only then gets a thread: a client that stops in mid-body costs
  a coroutine and at most 64 KiB until its time is up, and never a thread that others need.
* A body has BODY_READ_S_MAX to arrive. The application then answers as to any other problem, because its
  input raises one, and granian closes the connection, whose rest has no meaning.
* Of an oversized body as much is read as `unoingest.request_body` would, so that its client sees the answer.

The application stays plain WSGI and can be served by any WSGI server, without this protection.
RSGI is granian's own interface (its specification: "Rust Server Gateway Interface").
"""

import asyncio
import contextlib
import io
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined] # an alias marked for no export
from werkzeug.wsgi import ClosingIterator

from unoingest.answers import Answer
from unoingest.hot_path import HotPath
from unoingest.problems import BODY_TIMEOUT, ProblemError
from unoingest.request_body import BODY_BYTES_MAX, DISCARD_BYTES_MAX
from unoingest.service import Service
from unoingest.signed_posts import is_signed
from unoingest.time_limit import TimeLimit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

NO_CONTENT = 204
THREADS = 64
"""Requests that may wait for the disk together: what one sync serves at best."""
LENGTH_DIGITS_MAX = 18
"""A longer Content-Length is no number for `unoingest.request_body` either."""
BODY_READ_S_MAX = 30.0
"""Total, not per piece: a trickle must end, too. An AT+CIPSEND of 2,048 bytes takes 2.1 s at 9600 baud."""


class Headers(Protocol):
    """Header fields of a request; names in lower case, in the order sent."""

    def get(self, name: str) -> str | None:
        """Return the first value of a field, or None."""

    def get_all(self, name: str) -> list[str]:
        """Return every value of a field."""

    def items(self) -> list[tuple[str, str]]:
        """Return names and values; a repeated field is there repeatedly."""


class Scope(Protocol):
    """What RSGI says of a request."""

    method: str
    path: str
    query_string: str
    scheme: str
    http_version: str
    client: str
    server: str
    headers: Headers


class Exchange(Protocol):
    """RSGI's protocol object: the body, whole or in pieces, then the answer."""

    async def __call__(self) -> bytes:
        """Return the whole body; it ends early if the client goes away."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the pieces of the body; they end early if the client goes away."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer."""

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Answer without a body."""

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> "Stream":
        """Begin an answer of unknown length; it ends when the stream is dropped."""


class Stream(Protocol):
    """The body of an answer on its way."""

    async def send_bytes(self, data: bytes) -> None:
        """Send a piece, when there is room for it."""


class LateBody(io.RawIOBase):
    """The input of a request whose body did not come in time."""

    def read(self, _size: int = -1) -> bytes:
        """Raise the problem."""
        raise ProblemError(BODY_TIMEOUT, "The body was not complete when the time for it was up")


class RsgiEntry:
    """Serves a WSGI application, but for signed posts, which take the hot path.

    Args:
        application: Called in one of `THREADS` threads with the whole body in `wsgi.input`.
        service: What the application serves.
        on_end: Called when the worker ends, after the last answer.
        body_read_s: How long a body may take, in seconds.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        service: Service,
        *,
        on_end: Callable[[], None] = lambda: None,
        body_read_s: float = BODY_READ_S_MAX,
    ) -> None:
        self._application = application
        self._on_end = on_end
        self._limit = TimeLimit(body_read_s)
        self._service = service
        self._hot_path = HotPath(service, self._limit)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="request")

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        """Take one request and answer it."""
        if scope.method == "POST" and scope.path == "/v1/readings":
            # what is sent twice is no credential; joined it is none either
            headers = scope.headers
            authorization = ",".join(headers.get_all("authorization"))
            if is_signed(authorization):
                answer = await self._hot_path.post(scope, headers, exchange, authorization)
                self._service.metrics.answered("hot", answer.status)
                _send(exchange, answer)
                return
        body = await self._read_body(scope, exchange)
        self._loop = loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._pool, self._answer, scope, exchange, body)

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop | None = None) -> None:
        """End: granian calls this after it has answered what it accepted."""
        self._hot_path.close()
        self._pool.shutdown()
        self._on_end()

    async def _read_body(self, scope: Scope, exchange: Exchange) -> io.IOBase:
        try:
            if _fits(scope.headers):
                # one turn of the event loop instead of one for each piece
                return io.BytesIO(await self._limit.within(exchange()))
            return io.BytesIO(await self._limit.within(_read_pieces(exchange)))
        except TimeoutError:
            return LateBody()
        except ProtocolClosed:
            # nobody will read the answer, but the log shall name the request
            return io.BytesIO()

    def _answer(self, scope: Scope, exchange: Exchange, body: io.IOBase) -> None:
        """Run the application and answer from its thread, which spares the event loop another turn."""
        status, headers, pieces = self._call(environ_of(scope, body))
        with contextlib.closing(pieces):
            if status == NO_CONTENT:
                exchange.response_empty(status, headers)
            elif any(name == "content-length" for name, _ in headers):
                exchange.response_bytes(status, headers, b"".join(pieces))
            else:
                self._stream(exchange.response_stream(status, headers), pieces)

    def _stream(self, stream: Stream, pieces: Iterable[bytes]) -> None:
        """Send an answer of unknown length piece by piece, no faster than the client takes it."""
        for piece in pieces:
            asyncio.run_coroutine_threadsafe(_send_piece(stream, piece), self._loop).result()

    def _call(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], "ClosingIterator"]:
        answer: list[tuple[int, list[tuple[str, str]]]] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], _error: Any = None
        ) -> Callable[[bytes], object]:
            answer.append((int(status.split(" ", 1)[0]), headers))
            return _refuse_write

        pieces = self._application(environ, start_response)
        status, headers = answer[-1]
        # field names in lower case, as granian's own and as HTTP/2 has them
        lower = [(name.lower(), value) for name, value in headers]
        return status, lower, ClosingIterator(pieces, [getattr(pieces, "close", lambda: None)])


async def _send_piece(stream: Stream, piece: bytes) -> None:
    await stream.send_bytes(piece)


def _send(exchange: Exchange, answer: Answer) -> None:
    # field names in lower case, as granian's own and as HTTP/2 has them
    headers = [(name.lower(), value) for name, value in answer.headers]
    if answer.body:
        exchange.response_bytes(answer.status, headers, answer.body)
    else:
        exchange.response_empty(answer.status, headers)


def _fits(headers: Headers) -> bool:
    """Tell whether the head announces a body within the limit; granian holds a client to its length."""
    lengths = [value for name, value in headers.items() if name == "content-length"]
    if not lengths:
        return False
    return (
        len(lengths[0]) <= LENGTH_DIGITS_MAX and lengths[0].isdecimal() and int(lengths[0]) <= BODY_BYTES_MAX
    )


async def _read_pieces(exchange: Exchange) -> bytearray:
    body = bytearray()
    left_bytes = BODY_BYTES_MAX + DISCARD_BYTES_MAX
    async for piece in exchange:
        # one byte too many shows the application that the body is too large
        body += piece[: BODY_BYTES_MAX + 1 - len(body)]
        left_bytes -= len(piece)
        if left_bytes <= 0:
            break
    return body


def environ_of(scope: Scope, body: io.IOBase) -> dict[str, Any]:
    """Return the WSGI environment (PEP 3333) of a request whose whole body is `body`."""
    server_name, _, server_port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        # PEP 3333: the bytes of the path, each as the character of that number
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server_name.strip("[]"),
        "SERVER_PORT": server_port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = "HTTP_" + key
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def _refuse_write(_data: bytes) -> object:
    raise NotImplementedError("the application returns its body (PEP 3333 calls write() a relic)")
