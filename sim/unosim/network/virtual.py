"""A network in this process: host names lead to peers, and every delay is computed.

Rules: no socket, no wall clock, no randomness. A peer sees a connection's bytes at the instant they would
reach it, and its answer arrives half a round trip after it was given. A datagram's peer is whoever serves the
address and port that it goes to; one that goes to nobody is lost. There is no SSL, and nobody calls the
module.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from unosim.modem import actions, events
from unosim.network.schedule import Schedule
from unosim.network.seam import Directory, Latency


class Reply(NamedTuple):
    """What a peer says: bytes (may be empty), how long after it was asked in ns, whether it then closes."""

    data: bytes
    after_ns: int = 0
    close: bool = False


class Peer(Protocol):
    """One connection as its server sees it."""

    def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:
        """Take bytes that reached the server at an instant in ns; return what it answers, in order."""


class _Arrival(NamedTuple):
    """Bytes on their way to a peer."""

    peer: Peer
    link: int
    data: bytes
    to: tuple[str, int] | None
    """Where a datagram goes; None on a connection."""


class VirtualNetwork:
    """Connects modem links to peers in this process.

    Args:
        servers: what answers at (host name or address, port); called once for each connection.
        latency: the delays of this network.
    """

    def __init__(
        self, servers: Mapping[tuple[str, int], Callable[[], Peer]], *, latency: Latency | None = None
    ) -> None:
        self._latency = latency or Latency()
        self._directory = Directory(servers, self._latency)
        self._peers: dict[int, Peer] = {}
        self._datagram_peers: dict[int, dict[tuple[str, int], Peer]] = {}
        """For each open UDP link, those it has sent to."""
        self._local_ports = itertools.count(50_000)
        self._due: Schedule[events.NetworkEvent | _Arrival] = Schedule()

    def perform(self, action: actions.NetworkAction, now_ns: int) -> None:
        """Start what the modem asks for."""
        match action:
            case actions.Connect():
                self._connect(action, now_ns)
            case actions.Send(link, data, to):
                peer = self._datagram_peer(link, to) if to else self._peers.get(link)
                if peer:
                    arrival = now_ns + self._latency.round_trip_ns // 2
                    self._due.add(arrival, _Arrival(peer, link, data, to))
            case actions.Close(link):
                self._peers.pop(link, None)
                self._datagram_peers.pop(link, None)
                self._due.drop(lambda what: getattr(what, "link", None) == link)
            case actions.Resolve() | actions.Ping():
                took_ns, event = self._directory.answer(action)
                self._due.add(now_ns + took_ns, event)

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next event, or None if nothing is under way."""
        return self._due.next_deadline()

    def poll(self, now_ns: int) -> list[events.NetworkEvent]:
        """Return the events that are due, in order."""
        reported: list[events.NetworkEvent] = []
        while due := self._due.pop_due(now_ns):
            at_ns, what = due
            if isinstance(what, _Arrival):
                self._arrive(what, at_ns)
            else:
                reported.append(what)
        return reported

    def _connect(self, action: actions.Connect, now_ns: int) -> None:
        server = self._directory.find(action.host, action.port)
        answered_ns = now_ns + self._latency.name_ns + self._latency.round_trip_ns
        if action.kind is actions.Kind.SSL:
            server = events.Failure.UNSUPPORTED
        if action.kind is actions.Kind.UDP and server is not events.Failure.NO_NAME:
            self._datagram_peers[action.link] = {}
            port = action.local_port or next(self._local_ports)
            up = events.Connected(action.link, Directory.ADDRESS, action.port, port)
            self._due.add(now_ns + self._latency.name_ns, up)
            return
        if isinstance(server, events.Failure):
            self._due.add(answered_ns, events.ConnectFailed(action.link, server))
            return
        self._peers[action.link] = server()
        connected = events.Connected(action.link, Directory.ADDRESS, action.port, next(self._local_ports))
        self._due.add(answered_ns, connected)

    def _datagram_peer(self, link: int, to: tuple[str, int]) -> Peer | None:
        """Return who serves an address and port, one peer for each UDP link that sends there."""
        known = self._datagram_peers.get(link)
        server = self._directory.find(*to)
        if known is None or isinstance(server, events.Failure):
            return None
        if to not in known:
            known[to] = server()
        return known[to]

    def _arrive(self, arrival: _Arrival, now_ns: int) -> None:
        """Let a peer take bytes; acknowledge them and carry back what it answers."""
        if arrival.to:
            self._arrive_datagram(arrival, now_ns)
            return
        if self._peers.get(arrival.link) is not arrival.peer:
            return  # the peer has closed: TCP answers with a reset, and the close is already under way
        back_ns = now_ns + self._latency.round_trip_ns // 2
        self._due.add(back_ns, events.Acknowledged(arrival.link, len(arrival.data)))
        for reply in arrival.peer.receive(arrival.data, now_ns):
            if reply.data:
                self._due.add(back_ns + reply.after_ns, events.Received(arrival.link, reply.data))
            if reply.close:
                self._peers.pop(arrival.link, None)
                self._due.add(back_ns + reply.after_ns, events.PeerClosed(arrival.link))

    def _arrive_datagram(self, arrival: _Arrival, now_ns: int) -> None:
        """Let a peer take a datagram; each of its replies is one, too."""
        back_ns = now_ns + self._latency.round_trip_ns // 2
        for reply in arrival.peer.receive(arrival.data, now_ns):
            if reply.data:
                received = events.Received(arrival.link, reply.data, arrival.to)
                self._due.add(back_ns + reply.after_ns, received)
