"""A TCP socket: the bytes of the wire and nothing else, for emulators and for `socket://` of pySerial.

One host at a time, as a wire has one other end; another one is turned away. A socket has no rate: the host
hears and speaks at whatever rate the module has. While nobody is connected, what the module says is lost.
"""

import errno
import socket
from collections.abc import Sequence

from unosim.fronts.stream import READ_BYTES, FrontError, Said
from unosim.network.seam import HasFileno


class TcpStream:
    """Listens on an address and passes bytes to and from the one host that is connected.

    Args:
        host: the address to listen on.
        port: the port; 0 for any that is free.

    Raises:
        FrontError: the address cannot be listened on.
    """

    scheme = "socket"

    def __init__(self, host: str, port: int) -> None:
        try:
            self._listener = socket.create_server((host, port))
        except (OSError, OverflowError) as error:
            raise FrontError(f"cannot listen on {host}:{port}: {_why(error)}", hint=_hint(error)) from error
        self._listener.setblocking(False)
        self._host: socket.socket | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The address and the port in force."""
        host, port = self._listener.getsockname()[:2]
        return host, port

    @property
    def name(self) -> str:
        """What the host opens, as pySerial writes it."""
        return f"{self.scheme}://{self.address[0]}:{self.address[1]}"

    @property
    def baud(self) -> int | None:
        """None: a socket has no rate."""
        return None

    def readers(self) -> Sequence[HasFileno]:
        """Return what to wait for until `read` has something."""
        return [self._listener, self._host] if self._host else [self._listener]

    def read(self) -> list[Said]:
        """Return what the host has said; let a new one in where there is none."""
        self._welcome()
        if self._host is None:
            return []
        try:
            data = self._host.recv(READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            data = b""  # reset by the host, as good as closed
        if data:
            return self._take(data)
        self._part()
        return []

    def write(self, data: bytes) -> int:
        """Hand bytes to the host; return how many found room."""
        return len(data) if self._put(data) else 0

    def close(self) -> None:
        """Stop listening, and part with the host."""
        self._listener.close()
        self._part()

    def _on_host(self) -> None:
        """Greet a host that has just connected; a raw socket has nothing to say."""

    def _take(self, data: bytes) -> list[Said]:
        """Return what a host's bytes say."""
        return [Said(data, None)]

    def _put(self, data: bytes) -> bool:
        """Send bytes to the host; one that does not read for so long that they find no room is dropped."""
        if self._host is None:
            return False
        try:
            if self._host.send(data) == len(data):
                return True
        except OSError:
            pass
        self._part()
        return False

    def _welcome(self) -> None:
        try:
            newcomer, _ = self._listener.accept()
        except BlockingIOError:
            return
        if self._host:
            newcomer.close()
            return
        newcomer.setblocking(False)
        newcomer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = newcomer
        self._on_host()

    def _part(self) -> None:
        if self._host:
            self._host.close()
            self._host = None


def _why(error: OSError | OverflowError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _hint(error: OSError | OverflowError) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return "another program listens there: choose another port, or 0 for any that is free"
        case errno.EACCES:
            return "ports below 1024 need permission: choose a higher one"
        case _:
            return "give an address of this machine and a port from 0 to 65535, such as 127.0.0.1:4000"
