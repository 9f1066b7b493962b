"""The UDP link of a real network: one socket, and who may be heard on it.

Rules: nothing blocks. Datagrams that find no room are lost, as UDP allows. What is longer than one frame
never reaches a module (it does not put fragments together), so it does not come here, either.
"""

import socket

DATAGRAM_BYTES_MAX = 1_472
"""One Ethernet frame, less the headers of IP and UDP."""

Address = tuple[str, int]


class DatagramPort:
    """A UDP socket.

    Args:
        local_port: the port to be reached at; 0 for any that is free.
        everybody: whether datagrams of strangers are heard, or only of those that were sent to.

    Raises:
        OSError: the port is taken, or there are no more sockets.
    """

    def __init__(self, local_port: int, *, everybody: bool) -> None:
        self._everybody = everybody
        self._names: dict[Address, Address] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            self._socket.setblocking(False)
            self._socket.bind(("", local_port))
        except OSError:
            self._socket.close()
            raise
        self.local_port = int(self._socket.getsockname()[1])

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    def send(self, data: bytes, real: Address, asked: Address) -> None:
        """Send a datagram, which may be lost.

        Args:
            data: its content.
            real: where it goes.
            asked: the address and port by which the module knows that.
        """
        self._names[real] = asked
        try:
            self._socket.sendto(data, real)
        except OSError:
            return  # no route, no room: lost

    def receive(self) -> tuple[bytes, Address] | None:
        """Return the next datagram and its sender as the module knows them, or None if there is none now."""
        while True:
            try:
                data, sender = self._socket.recvfrom(DATAGRAM_BYTES_MAX + 1)
            except OSError:
                return None
            known = self._names.get(sender, sender if self._everybody else None)
            if known and 0 < len(data) <= DATAGRAM_BYTES_MAX:
                return data, known

    def close(self) -> None:
        """Hear nobody any more."""
        self._socket.close()
