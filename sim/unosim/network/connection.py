"""One TCP connection of a link, with TLS on it or without, on a non-blocking socket.

Rules: nothing blocks. The peer's own acknowledgements are told, as the kernel counts them (`system`), and
none for a connection that has broken: what was on its way then may be lost. The receive window is that of the
module, so a peer that sends faster than the UART carries is slowed by TCP itself, not by a buffer here.
With TLS, plain text counts as acknowledged when all that was encrypted is.

What it does not do: half-open connections. A peer that finishes has ended the connection, as for the module.
"""

import enum
import errno
import socket
import ssl

from unosim.modem import events
from unosim.network import system
from unosim.network.tls import TlsSession

WINDOW_BYTES = 5_840
"""The receive window, four segments (lwIP options of the Espressif NONOS SDK); the kernel doubles the figure
for its own accounts (socket(7), SO_RCVBUF)."""
SEGMENT_BYTES = 1_460
"""The largest segment the module takes (lwIP options of the Espressif NONOS SDK)."""
SEND_BUFFER_BYTES = 16_384
"""What the kernel holds for a peer; more than a module, whose sends have 2,048 bytes."""
UNSENT_BYTES_MAX = 65_536
"""What waits here for a peer that takes nothing, before the connection is given up. Only pass-through mode
gets so far: any other send waits for the acknowledgement of the one before."""
READ_BYTES = 65_536


class Failed(Exception):  # noqa: N818  # an outcome that every caller expects
    """A connection did not come about.

    Attributes:
        refused: whether the peer's machine answered, and nobody listens there.
        handshake: whether TCP was up, and TLS has failed.
        reason: why, in words.
    """

    def __init__(self, reason: str, *, refused: bool = False, handshake: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.refused, self.handshake = reason, refused, handshake


class Phase(enum.Enum):
    """How far a connection has come."""

    CONNECTING = enum.auto()
    HANDSHAKE = enum.auto()
    OPEN = enum.auto()


def make_socket(*, window: bool = True) -> socket.socket:
    """Return a TCP socket, with the module's window and segments unless the pace is not that of a module.

    Raises:
        OSError: there are no more.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if not window:
        return made
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    system.limit_segments(made, SEGMENT_BYTES)
    return made


class Connection:
    """A connection from its first packet to its end.

    Args:
        connection: its socket; connected already, or about to be by `connect`.
        tls: a session that has not begun; None for bare TCP.
        open_already: whether somebody else has connected it.
    """

    def __init__(
        self, connection: socket.socket, tls: TlsSession | None = None, *, open_already: bool = False
    ) -> None:
        self.phase = Phase.OPEN if open_already else Phase.CONNECTING
        self._socket = connection
        self._tls = tls
        self._unsent = bytearray()
        self._unacknowledged_bytes = 0
        self.broken = False
        """Whether it has been reset, or given up."""
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    @property
    def is_open(self) -> bool:
        """Whether it has come about."""
        return self.phase is Phase.OPEN

    @property
    def wants_to_write(self) -> bool:
        """Whether something is to be done once the socket can be written."""
        return self.phase is Phase.CONNECTING or bool(self._unsent)

    @property
    def unacknowledged(self) -> bool:
        """Whether something that was sent has not been acknowledged."""
        return self._unacknowledged_bytes > 0 and not self.broken

    @property
    def holds_more(self) -> bool:
        """Whether there may be something to `receive` without anything to be read from the socket."""
        return self._tls is not None and self._tls.holds_more

    @property
    def ends(self) -> tuple[str, int, int]:
        """Return the peer's address and port, and our own port, of an open connection."""
        address, port = self._socket.getpeername()[:2]
        return address, port, self._socket.getsockname()[1]

    def connect(self, address: str, port: int) -> None:
        """Begin to connect to a dotted address and a port (0-65535).

        Raises:
            Failed: it is certain already that this leads nowhere.
        """
        code = self._socket.connect_ex((address, port))
        if code not in system.UNDER_WAY:
            raise _failed(code)

    def establish(self) -> bool:
        """Go on with connecting; return whether the connection is open by now.

        Raises:
            Failed: it will not come about.
        """
        if self.phase is Phase.CONNECTING:
            if not system.is_ready(self._socket, 0, write=True):
                return False
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise _failed(code)
            self.phase = Phase.HANDSHAKE if self._tls else Phase.OPEN
        if self.phase is Phase.HANDSHAKE and self._tls:
            self._shake_hands(self._tls)
        return self.is_open

    def send(self, data: bytes) -> None:
        """Send bytes (1 or more) behind those that wait."""
        self._unacknowledged_bytes += len(data)
        if self._tls:
            self._tls.write(data)
            data = self._tls.take()
        self._unsent += data
        self.flush()
        if len(self._unsent) > UNSENT_BYTES_MAX:
            self._break()

    def flush(self) -> None:
        """Hand the kernel what it takes."""
        if not self._unsent:
            return
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self._break()
            return
        del self._unsent[:sent]

    def take_acknowledged(self) -> int:
        """Return how many bytes the peer has acknowledged since the last call."""
        if not self.unacknowledged:
            return 0
        in_flight_bytes = len(self._unsent) + system.in_flight_bytes(self._socket)
        if self._tls:
            in_flight_bytes = self._unacknowledged_bytes if in_flight_bytes else 0
        count = max(0, self._unacknowledged_bytes - in_flight_bytes)
        self._unacknowledged_bytes -= count
        return count

    def receive(self, room_bytes: int) -> bytes | None:
        """Return up to `room_bytes` (1 or more) of what has arrived; nothing at the end; None for not yet."""
        if not self._tls:
            return self._recv(room_bytes)
        while True:
            try:
                data = self._tls.read(room_bytes)
            except ssl.SSLError:
                return b""  # what arrived is no TLS: nothing more can come of this connection
            self._unsent += self._tls.take()  # an answer to a new key (RFC 8446, section 4.6.3)
            if data is not None:
                return data
            arrived = self._recv(READ_BYTES)
            if arrived is None:
                return None
            self._tls.put(arrived)

    def close(self, *, abort: bool) -> None:
        """End the connection in an orderly way or with a reset, once the kernel was offered what waits."""
        if self._tls and self.is_open and not abort:
            self._unsent += self._tls.farewell()
        self.flush()
        if abort:
            system.reset_on_close(self._socket)
        self._socket.close()

    def _recv(self, count: int) -> bytes | None:
        if self.broken:
            return b""
        try:
            return self._socket.recv(count)
        except BlockingIOError:
            return None
        except OSError:
            self.broken = True
            return b""  # reset by the peer, as good as closed

    def _shake_hands(self, tls: TlsSession) -> None:
        while True:
            try:
                complete = tls.handshake()
            except ssl.SSLError as error:
                self._unsent += tls.take()  # the alert that tells the server why
                self.flush()
                raise Failed(_in_words(error), handshake=True) from error
            self._unsent += tls.take()
            self.flush()
            if complete:
                self.phase = Phase.OPEN
                return
            arrived = self._recv(READ_BYTES)
            if arrived is None:
                return
            tls.put(arrived)

    def _break(self) -> None:
        """Give the connection up; reading it tells."""
        self.broken = True
        self._unsent.clear()


def failure_of(failed: Failed) -> events.Failure:
    """Return what the module makes of a connection that did not come about."""
    if failed.handshake:
        return events.Failure.HANDSHAKE
    return events.Failure.REFUSED if failed.refused else events.Failure.TIMEOUT


def _failed(code: int) -> Failed:
    """Return what an error number of connect(2) means."""
    return Failed(system.words_of(code), refused=code == errno.ECONNREFUSED)


def _in_words(error: ssl.SSLError) -> str:
    """Return why a handshake has failed, without the name of a C file."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    return (error.reason or str(error)).replace("_", " ").lower()
