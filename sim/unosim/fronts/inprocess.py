"""A stream within this process: the host is another thread.

Rules: the host's methods may be called from any thread, the stream's belong to the driver. What the host says
keeps the rate at which it was said.
"""

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Sequence

from unosim.fronts.stream import Said
from unosim.network.seam import HasFileno
from unosim.wire import BACKLOG_BYTES_MAX

RECEIVED_BYTES_MAX = 65_536
"""What is kept for a host that does not read: as much as a pySerial host on Linux can have waiting."""


class InProcessStream:
    """Both ends: the stream for the driver, and the host's verbs.

    Args:
        baud: the host's rate in bits per second at first.
    """

    def __init__(self, baud: int) -> None:
        self._baud = baud
        self._said: deque[Said] = deque()
        self._received = bytearray()
        self._changed = threading.Condition()
        self._bell, self._button = socket.socketpair()
        self._bell.setblocking(False)
        self._button.setblocking(False)
        self._closed = False

    @property
    def name(self) -> str:
        """A name for messages; nothing can be opened by it."""
        return "in-process"

    @property
    def baud(self) -> int:
        """The host's rate in bits per second."""
        return self._baud

    def readers(self) -> Sequence[HasFileno]:
        """Return what to wait for until `read` has something."""
        return [self._bell]

    def read(self) -> list[Said]:
        """Return what the host has said."""
        with contextlib.suppress(BlockingIOError):  # nobody has rung
            self._bell.recv(BACKLOG_BYTES_MAX)
        with self._changed:
            said = list(self._said)
            self._said.clear()
            self._changed.notify_all()
        return said

    def write(self, data: bytes) -> int:
        """Hand bytes to the host; return how many found room."""
        with self._changed:
            taken = data[: RECEIVED_BYTES_MAX - len(self._received)]
            self._received += taken
            self._changed.notify_all()
        return len(taken)

    def close(self) -> None:
        """End the stream: whoever waits for bytes gets none."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._bell.close()
        self._button.close()

    def set_baud(self, baud: int) -> None:
        """Run the host's UART at another rate from now on."""
        self._baud = baud

    def say(self, data: bytes, timeout_s: float | None) -> bool:
        """Send bytes to the module, once there is room.

        Args:
            data: what to say.
            timeout_s: how long to wait for room, in seconds; None for ever.

        Returns:
            Whether there was room in time.
        """
        with self._changed:
            if not self._changed.wait_for(self._has_room, timeout_s):
                return False
            self._said.append(Said(data, self._baud))
        self._ring()
        return True

    def waiting_bytes(self) -> int:
        """Return how many bytes have arrived and have not been taken."""
        with self._changed:
            return len(self._received)

    def take(self, count: int, timeout_s: float | None) -> bytes:
        """Return up to `count` bytes: all of them, or what came within a time in seconds (None: any)."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._received) >= count, timeout_s)
            data = bytes(self._received[:count])
            del self._received[:count]
        return data

    def forget_received(self) -> None:
        """Drop what has arrived."""
        with self._changed:
            self._received.clear()

    def forget_said(self) -> None:
        """Drop what the wire has not been given yet."""
        with self._changed:
            self._said.clear()

    def _has_room(self) -> bool:
        return self._closed or sum(len(said.data) for said in self._said) < BACKLOG_BYTES_MAX

    def _ring(self) -> None:
        """Wake the driver; a bell that takes no more has been rung."""
        with contextlib.suppress(BlockingIOError):
            self._button.send(b"!")
