"""Who calls the module: the ports it may listen on, as listening sockets of this machine.

A module's port is reachable only where somebody has said so (`inbound`): a program of ours opens no port of
a machine because a firmware asks for it. A socket that never listens holds the address from the start, so a
port in use is found out before anything runs; unless the module listens, callers are refused.

Rules: nothing blocks. A caller waits for the module's word in `_waiting`; it has at most `WAITING_MAX` of
them.
"""

import errno
import itertools
import socket
from collections.abc import Mapping

from unosim.clock import NS_PER_S
from unosim.errors import UserError
from unosim.modem import events
from unosim.network.connection import Connection, make_socket
from unosim.network.system import share_address

WAITING_MAX = 5
"""Callers that the module has not answered yet, which it does at once; more wait in the kernel."""
EXHAUSTED_NS = NS_PER_S
"""How long nobody is let in after the system had no descriptors left."""

Address = tuple[str, int]


class InboundError(UserError):
    """An address for callers cannot be had."""


class Reception:
    """Listens for the module.

    Args:
        inbound: by port of the module, the address and port of this machine where callers find it; port 0
            there is any that is free.

    Raises:
        InboundError: an address cannot be bound.
    """

    def __init__(self, inbound: Mapping[int, Address]) -> None:
        self._numbers = itertools.count(1)
        self._waiting: dict[int, socket.socket] = {}
        self._held: dict[int, socket.socket] = {}
        self._listener: socket.socket | None = None
        self._port = 0
        self._closed_until_ns = 0
        for port, address in inbound.items():
            self._held[port] = self._hold(address)

    @property
    def addresses(self) -> dict[int, Address]:
        """By port of the module, where callers find it."""
        return {port: held.getsockname()[:2] for port, held in self._held.items()}

    def readers(self) -> list[socket.socket]:
        """Return what can be read when somebody calls."""
        if self._listener is None or self._closed_until_ns or len(self._waiting) >= WAITING_MAX:
            return []
        return [self._listener]

    def next_deadline(self) -> int | None:
        """Return the instant in ns from which callers are let in again."""
        return self._closed_until_ns or None

    def listen(self, port: int) -> None:
        """Let callers in at a port of the module, if it is reachable from anywhere."""
        self.stop()
        if port in self._held:
            self._port = port
            self._listener = _bound(self._held[port].getsockname())
            self._listener.listen()

    def stop(self) -> None:
        """Refuse callers from now on, and those who wait."""
        if self._listener:
            self._listener.close()
            self._listener = None
        for number in list(self._waiting):
            self.refuse(number)

    def greet(self, now_ns: int) -> events.Incoming | None:
        """Return the next caller, or None if there is none."""
        if self._closed_until_ns and self._closed_until_ns <= now_ns:
            self._closed_until_ns = 0
        if self._listener is None or not self.readers():
            return None
        try:
            caller, (address, remote_port) = self._listener.accept()
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                self._closed_until_ns = now_ns + EXHAUSTED_NS
            return None  # else gone before it could be let in
        number = next(self._numbers)
        self._waiting[number] = caller
        return events.Incoming(number, address, remote_port, self._port)

    def accept(self, number: int) -> Connection | None:
        """Return the connection of a caller, who is a link from now on; None if the caller is unknown."""
        caller = self._waiting.pop(number, None)
        return Connection(caller, open_already=True) if caller else None

    def refuse(self, number: int) -> None:
        """Send a caller away with a reset."""
        caller = self.accept(number)
        if caller:
            caller.close(abort=True)

    def close(self) -> None:
        """Close every port."""
        self.stop()
        for held in self._held.values():
            held.close()

    def _hold(self, address: Address) -> socket.socket:
        try:
            return _bound(address)
        except (OSError, ValueError, OverflowError) as error:
            self.close()
            raise InboundError(
                f"callers cannot be let in at {address[0]}:{address[1]}: "
                f"{getattr(error, 'strerror', None) or error}",
                hint="choose an address of this machine and a port that is free, or 0 for any",
            ) from error


def _bound(address: Address) -> socket.socket:
    """Return a socket at an address, where others of ours may be, too."""
    bound = make_socket()
    try:
        share_address(bound)
        bound.setblocking(False)
        bound.bind(address)
    except BaseException:
        bound.close()
        raise
    return bound
