"""The server's side of a sequence: the real ingest application over a real store, on a socket that comes and
goes.

It answers one request at a time, over real TCP connections, while the bridge that has asked waits; so it
takes part in the order of things as if it were called.
"""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.device import KEY, NAME, sign
from unoingest.app import create_app_of
from unoingest.key_file import KeyFile, Kind
from unoingest.key_ring import KeyRing
from unoingest.mqtt.subscriber import Broker, Subscriber
from unoingest.service import Service
from unoingest.store import SqliteStore, StoredReading, read_readings
from unosim.network import WsgiPeer

JOIN_WAIT_S = 20.0
READ_BYTES = 65_536
Application = Callable[[dict[str, Any], Callable[..., Any]], Any]
MODES = (
    "500 unsigned",
    "503 10",
    "503 4000",
    "429 20",
    "204 unsigned",
    "204 of another",
    "200 of a portal",
    "400 unsigned",
    "401 unsigned",
    "hangs up before",
    "hangs up behind",
)
"""What may be wrong with a server that can be reached."""


class HangUp(Exception):  # noqa: N818  # it tells what happens
    """The connection is reset instead of an answer."""


class Server:
    """The application behind a socket, and what may be wrong with it.

    Args:
        folder: an empty folder for store and keys.
        clock_ns: its time of day.
    """

    def __init__(self, folder: Path, clock_ns: Callable[[], int]) -> None:
        self.mode = ""
        """One of `MODES`, or nothing for all is well."""
        self.before: Callable[[], None] | None = None
        self.behind: Callable[[], None] | None = None
        """Called once before, or behind, the next request that reaches the application."""
        self.emitted: list[str] = []
        """The `insertId` of each reading when it was stored: its identity."""
        self.deliveries = 0
        self._path = folder / "readings.db"
        KeyFile(folder / "server-keys.db").add(NAME, Kind.DEVICE, 0, KEY)
        self._store = SqliteStore(self._path)
        self._keys = KeyRing(folder / "server-keys.db")
        self.service = Service(
            self._store,
            self._keys,
            clock_ns=clock_ns,
            emit=self._emit,
            log=lambda _line: None,
            requests_per_s=0,
        )
        self._application = create_app_of(self.service).wsgi_app
        self._listener: socket.socket | None = None
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._subscriber: Subscriber | None = None
        self.port = 0
        self.come()

    def come(self) -> None:
        """Listen, at the same port as before."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self.port = self._listener.getsockname()[1]
            self._start(self._accept, self._listener)

    def go(self) -> None:
        """Listen no more, and reset what is open."""
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes whoever waits in accept(2)
            self._listener.close()
            self._listener = None
        self.hang_up()

    def hang_up(self) -> None:
        """Reset what is open."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    def subscribe(self, port: int) -> None:
        """Also take readings from a broker on this machine."""
        broker = Broker("127.0.0.1", port, "", "", False, None, "ingest", "unolink")  # its fields
        subscribed = threading.Event()

        def log(line: bytes) -> None:
            if b'"subscribed"' in line:
                subscribed.set()

        self._subscriber = Subscriber(broker, self.service, log=log)
        self._start(self._subscriber.run)
        assert subscribed.wait(JOIN_WAIT_S)

    def stored(self) -> list[StoredReading]:
        return list(read_readings(self._path))

    def close(self) -> None:
        self.go()
        if self._subscriber:
            self._subscriber.stop()
        for thread in self._threads:
            thread.join(JOIN_WAIT_S)
        self._store.close()
        self._keys.close()

    def _emit(self, lines: bytes) -> None:
        entries = [json.loads(line) for line in lines.splitlines()]
        self.emitted += [one["logging.googleapis.com/insertId"] for one in entries if "reading" in one]

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self._connections.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        peer = WsgiPeer(self._answer)
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(READ_BYTES):
                try:
                    replies = list(peer.receive(data, 0))
                except HangUp:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                for reply in replies:
                    connection.sendall(reply.data)
                    if reply.close:
                        return

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        self.deliveries += 1
        _once(self, "before")
        status, _, detail = self.mode.partition(" ")
        if status.isdigit():
            fields = [("Content-Length", "0")] if status != "204" else []
            fields += [("Retry-After", detail)] if detail.isdigit() else []
            fields += [("Unolink-Tag", sign(b"204\nsomething else"))] if detail == "of another" else []
            start_response(f"{status} Reason", fields)
            return [b""]
        if detail == "up before":
            raise HangUp
        answer = self._application(environ, start_response)
        _once(self, "behind")
        if detail == "up behind":
            raise HangUp
        return answer


def _once(server: Server, name: str) -> None:
    """Call what is to be called once."""
    call = getattr(server, name)
    if call:
        setattr(server, name, None)
        call()
