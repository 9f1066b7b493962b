"""What the simulation knows of a network, and what every network models alike: delays and names."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from unosim.clock import NS_PER_MS
from unosim.modem import actions, events

Server = TypeVar("Server")


@dataclass(frozen=True)
class Latency:
    """Delays of a home network, in ns. All are estimates within ranges seen in the field."""

    name_ns: int = 30 * NS_PER_MS
    """Looking up a name (20-300 ms)."""
    round_trip_ns: int = 4 * NS_PER_MS
    """From the module to a server in the same network and back (1-10 ms)."""
    handshake_ns: int = 1_500 * NS_PER_MS
    """From a TCP connection to an SSL session; the module's processor takes most of it (1.5-5 s)."""
    answer_ns: int = 5 * NS_PER_MS
    """A server's time from the last byte of a request to the first of its answer."""


def dotted(host: str) -> bool:
    """Return whether a host is an IPv4 address in dotted decimal, and not a name."""
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


class HasFileno(Protocol):
    """Something that select(2) can wait for."""

    def fileno(self) -> int:
        """Return the descriptor."""


class Network(Protocol):
    """Carries out what the modem asks for and reports what came of it.

    The caller passes the clock's instant to every call; it never goes back. What a network has no means for
    at the moment (a socket, a port) fails with `Failure.UNSUPPORTED`.
    """

    def perform(self, action: actions.NetworkAction, now_ns: int) -> None:
        """Start what the modem asks for."""

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next event, or None if nothing is under way."""

    def poll(self, now_ns: int) -> list[events.NetworkEvent]:
        """Return the events that are due, in order."""


class Directory(Generic[Server]):
    """The names of a network: one machine at one address, with a server behind each (name, port).

    Args:
        servers: the servers by (host name, port).
        latency: the delays of lookups and of echo replies.
    """

    ADDRESS = "192.168.1.2"
    """The dotted address to which every name leads."""

    def __init__(self, servers: Mapping[tuple[str, int], Server], latency: Latency) -> None:
        self._servers = servers
        self._latency = latency

    def find(self, host: str, port: int) -> Server | events.Failure:
        """Return the server at a host name or address and a port, or why there is none."""
        if not self._knows(host):
            return events.Failure.NO_NAME
        for (name, open_port), server in self._servers.items():
            if open_port == port and host in {name, self.ADDRESS}:
                return server
        return events.Failure.REFUSED

    def answer(self, request: actions.Resolve | actions.Ping) -> tuple[int, events.NetworkEvent]:
        """Return what comes of a lookup or an echo request, and how long it takes in ns."""
        if isinstance(request, actions.Resolve):
            address = self.ADDRESS if self._knows(request.host) else None
            return self._latency.name_ns, events.Resolved(request.host, address)
        ms = self._latency.round_trip_ns // NS_PER_MS if self._knows(request.host) else None
        return self._latency.round_trip_ns, events.Pong(request.host, ms)

    def _knows(self, host: str) -> bool:
        return host == self.ADDRESS or any(host == name for name, _ in self._servers)
