"""What operating systems do differently with sockets: everything of that kind is here, and nowhere else.

What the peer has acknowledged is asked of the system. Linux counts what is under way (SIOCOUTQ, tcp(7), the
same number as TIOCOUTQ), and so does macOS, whose TCP keeps in the send buffer what is not acknowledged
(SO_NWRITE, sys/socket.h of XNU). Other systems, Windows among them, do not tell: there, what the system has
taken counts as acknowledged.
"""

import contextlib
import errno
import os
import select
import socket
import struct
import sys

from unosim.network.seam import HasFileno

UNDER_WAY = {0, errno.EWOULDBLOCK if sys.platform == "win32" else errno.EINPROGRESS}
"""What connect_ex says of an attempt that goes on."""
_SO_NWRITE = 0x1024

if sys.platform == "linux":
    import fcntl
    import termios

    def in_flight_bytes(connection: socket.socket) -> int:
        """Return how many bytes that were sent the peer has not acknowledged."""
        answer = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(answer, sys.byteorder)

elif sys.platform == "darwin":

    def in_flight_bytes(connection: socket.socket) -> int:
        """Return how many bytes that were sent the peer has not acknowledged."""
        return connection.getsockopt(socket.SOL_SOCKET, _SO_NWRITE)

else:

    def in_flight_bytes(connection: socket.socket) -> int:
        """Return 0: this system does not tell."""
        del connection
        return 0


def is_ready(end: HasFileno, wait_s: float, *, write: bool) -> bool:
    """Return whether an end can be read or written, or has failed, within some seconds."""
    if hasattr(select, "poll"):
        waiting = select.poll()  # unlike select(2), it knows descriptors of any number
        waiting.register(end, select.POLLOUT if write else select.POLLIN)
        return bool(waiting.poll(wait_s * 1_000))
    ends = [end]
    ready = select.select([] if write else ends, ends if write else [], ends, wait_s)
    return any(ready)


def limit_segments(connection: socket.socket, segment_bytes: int) -> None:
    """Take no larger segments than this, where the system lets itself be told."""
    option = getattr(socket, "TCP_MAXSEG", None)
    if option is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, option, segment_bytes)


def share_address(bound: socket.socket) -> None:
    """Let an address be bound although its last connections are not forgotten yet.

    On Windows that needs no option, and the one of this name would let anybody take the address.
    """
    if sys.platform != "win32":
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def reset_on_close(connection: socket.socket) -> None:
    """Let the closing of a connection be a reset.

    The members of Windows' `struct linger` are half as long; these bytes mean the same there.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def words_of(code: int) -> str:
    """Return what an error number of a socket means, in small letters."""
    words = os.strerror(code).lower()
    # Windows has no words for the numbers of its sockets there
    return errno.errorcode.get(code, words).lower() if words.startswith("unknown error") else words
