"""The HTTP client inside the module, as `AT+HTTPCLIENT` and its relatives drive it: one request at a time.

Framing is h11's; this module gives it a connection and a time limit. A connection serves one request.

What it does not do: redirections and cookies.
"""

from dataclasses import dataclass
from typing import Protocol

import h11

from unosim.modem.channel import Channel
from unosim.modem.context import Context
from unosim.modem.kernel import Timer

SILENCE_NS = 10_000_000_000
"""How long a server may say nothing (estimate)."""
PIECE_BYTES = 512
"""What one line of output brings at most (dialogues in public issues, esp-at 846)."""
USER_AGENT = "ESP32 HTTP Client/1.0"
"""What ESP-IDF's client calls itself on every chip."""


@dataclass(frozen=True)
class Request:
    """What is asked, and of whom."""

    method: str
    host: str
    port: int
    target: str
    """Path and query."""
    ssl: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Listener(Protocol):
    """Who wants to know the answer."""

    def on_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Take the status and the header fields, names in small letters."""

    def on_piece(self, data: bytes) -> None:
        """Take at most `PIECE_BYTES` of the body."""

    def on_end(self, status: int | None) -> None:
        """Take note of the end: the status of a complete answer, or None."""


class HttpClient:
    """The client.

    Args:
        context: the shared parts of the engine.
        channel: its connection.
    """

    def __init__(self, context: Context, channel: Channel) -> None:
        self._context = context
        self._channel = channel
        self._request: Request | None = None
        self._listener: Listener | None = None
        self._connection: h11.Connection | None = None
        self._status: int | None = None
        self._body = bytearray()
        self._silence: Timer | None = None

    def reset(self) -> None:
        """Forget the request without a word."""
        self._context.kernel.cancel(self._silence)
        self._channel.close()
        self._request, self._listener, self._connection, self._status = None, None, None, None
        self._body.clear()

    def ask(self, request: Request, listener: Listener) -> None:
        """Send a request, and report what comes of it."""
        self.reset()
        self._request, self._listener = request, listener
        self._connection = h11.Connection(h11.CLIENT)
        self._channel.open(self, request.host, request.port, ssl=request.ssl)

    def on_open(self) -> None:
        """Send the request."""
        request, connection = self._request, self._connection
        if request is None or connection is None:
            return
        host = request.host if request.port in {80, 443} else f"{request.host}:{request.port}"
        headers = [("User-Agent", USER_AGENT), ("Host", host), *request.headers]
        headers.append(("Content-Length", str(len(request.body))))
        try:
            head = h11.Request(method=request.method, target=request.target, headers=headers)
            data = connection.send(head) or b""
        except h11.LocalProtocolError:  # the host typed a header or path that HTTP does not allow
            self._finish(None)
            return
        if request.body:
            data += connection.send(h11.Data(request.body)) or b""
        connection.send(h11.EndOfMessage())
        self._channel.send(data)
        self._rearm()

    def on_data(self, data: bytes) -> None:
        """Take what the server sends."""
        self._rearm()
        self._feed(data)

    def on_gone(self) -> None:
        """Take note of the end of the connection, which may be the end of the answer."""
        if self._connection is None or self._connection.our_state is h11.IDLE:
            self._finish(None)
        else:
            self._feed(b"")

    def _feed(self, data: bytes) -> None:
        """Run bytes through the framing; none of them stands for the end of the connection."""
        connection = self._connection
        if connection is None:
            return
        try:
            connection.receive_data(data)
            while self._listener:
                event = connection.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                self._take(event)
        except h11.RemoteProtocolError:
            self._finish(None)

    def _take(self, event: object) -> None:
        if isinstance(event, h11.Response) and self._listener:
            self._status = event.status_code
            self._listener.on_head(event.status_code, list(event.headers))
        elif isinstance(event, h11.Data):
            self._body += event.data
            while len(self._body) >= PIECE_BYTES:
                self._hand_over(PIECE_BYTES)
        elif isinstance(event, h11.EndOfMessage):
            self._finish(self._status)
        elif isinstance(event, h11.ConnectionClosed):
            self._finish(None)

    def _hand_over(self, count: int) -> None:
        piece = bytes(self._body[:count])
        del self._body[:count]
        if self._listener:
            self._listener.on_piece(piece)

    def _finish(self, status: int | None) -> None:
        if self._body:
            self._hand_over(len(self._body))
        listener = self._listener
        self.reset()
        if listener:
            listener.on_end(status)

    def _rearm(self) -> None:
        self._context.kernel.cancel(self._silence)
        self._silence = self._context.kernel.after(SILENCE_NS, lambda: self._finish(None))
