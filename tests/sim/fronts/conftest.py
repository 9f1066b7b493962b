"""A front in a thread, and an HTTP server for the module to talk to. Loopback only, waits bounded."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from unosim.esp01 import Address, Module
from unosim.fronts.driver import Driver, make_driver
from unosim.fronts.stream import Stream
from unosim.trace import Entry

JOIN_WAIT_S = 10.0

RunFront = Callable[..., Driver]


@contextmanager
def running(
    stream: Stream, routes: dict[Address, Address], watch: Callable[[Entry], None], module: Module
) -> Iterator[Driver]:
    driver = make_driver(module.make(), stream, routes, watch=watch)
    thread = threading.Thread(target=driver.run)
    thread.start()
    try:
        yield driver
    finally:
        driver.stop()
        thread.join(JOIN_WAIT_S)
        assert not thread.is_alive()
        driver.close()


@pytest.fixture
def run_front() -> Iterator[RunFront]:
    """Run a module behind a stream until the test ends."""
    with ExitStack() as stack:

        def run(
            stream: Stream,
            routes: dict[Address, Address] | None = None,
            watch: Callable[[Entry], None] = lambda _entry: None,
            module: Module | None = None,
        ) -> Driver:
            return stack.enter_context(running(stream, routes or {}, watch, module or Module()))

        yield run


class HttpServer(ThreadingHTTPServer):
    """Repeats what it is asked, once for each `release`: as far away as the test needs it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._gate = threading.Semaphore(0)

    @property
    def address(self) -> Address:
        return "127.0.0.1", self.server_port

    def release(self) -> None:
        self._gate.release()

    def wait(self) -> None:
        assert self._gate.acquire(timeout=JOIN_WAIT_S)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment: some clients read one +IPD and go
    server: HttpServer

    def do_GET(self) -> None:
        self._answer(b"you asked for " + self.path.encode())

    def do_POST(self) -> None:
        self._answer(b"you said " + self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        self.server.wait()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Keep the test's output clean."""


@pytest.fixture
def http_server() -> Iterator[HttpServer]:
    with HttpServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(JOIN_WAIT_S)
        assert not thread.is_alive()
