"""A network in this process: host names lead to peers, and every delay is computed.

Rules: no socket, no wall clock, no randomness. A peer sees a connection's bytes at the instant they would
reach it, and its answer arrives half a round trip after it was given. A datagram's peer is whoever serves the
address and port that it goes to; one that goes to nobody is lost. An SSL link takes its time to come about
and is then like any other: what a peer sees of it is plain text. SNTP servers tell `unix_s` plus the instant.

What it does not do: tell a server that speaks TLS from one that does not; segments, windows, losses.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple, Protocol

from unosim.clock import NS_PER_S
from unosim.modem import actions, events
from unosim.network.schedule import Schedule
from unosim.network.seam import Directory, Latency

EPOCH_S = 1_767_225_600
"""2026-01-01T00:00:00Z: a time of day that is the same in every run."""


class Reply(NamedTuple):
    """What a peer says: bytes (may be empty), how long after it was asked in ns, whether it then closes."""

    data: bytes
    after_ns: int = 0
    close: bool = False


class Peer(Protocol):
    """One connection as its server sees it."""

    def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:
        """Take bytes that reached the server at an instant in ns; return what it answers, in order."""


class Caller(Peer, Protocol):
    """Somebody who connects to the module."""

    def let_in(self, now_ns: int) -> Iterable[Reply]:
        """Take note that the module has let it in; return what it says first."""

    def sent_away(self, now_ns: int) -> None:
        """Take note that the module has refused it, or ended the connection."""


class _Call(NamedTuple):
    """Somebody on the way to a port of the module."""

    caller: Caller
    port: int


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
        untrusted: the servers whose certificate nobody has signed: a module that verifies refuses them.
        unix_s: the time of day at the instant 0, in seconds since 1970.
    """

    CALLER_ADDRESS = "192.168.1.3"
    """The dotted address from which callers come."""

    def __init__(
        self,
        servers: Mapping[tuple[str, int], Callable[[], Peer]],
        *,
        latency: Latency | None = None,
        untrusted: Collection[tuple[str, int]] = (),
        unix_s: int = EPOCH_S,
    ) -> None:
        self._untrusted = untrusted
        self._unix_s = unix_s
        self._now_ns = 0
        self._listening_on: int | None = None
        self._waiting: dict[int, Caller] = {}
        self._callers: dict[int, Caller] = {}
        self._call_numbers = itertools.count(1)
        self._latency = latency or Latency()
        self._directory = Directory(servers, self._latency)
        self._peers: dict[int, Peer] = {}
        self._datagram_peers: dict[int, dict[tuple[str, int], Peer]] = {}
        """For each open UDP link, those it has sent to."""
        self._local_ports = itertools.count(50_000)
        self._due: Schedule[events.NetworkEvent | _Arrival | _Call] = Schedule()

    def call(self, port: int, caller: Caller) -> None:
        """Let somebody connect to a port (1-65535) of the module, beginning now."""
        self._due.add(self._now_ns + self._latency.round_trip_ns // 2, _Call(caller, port))

    def perform(self, action: actions.NetworkAction, now_ns: int) -> None:
        """Start what the modem asks for."""
        self._now_ns = max(self._now_ns, now_ns)
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
                self._part(self._callers.pop(link, None), now_ns)
            case actions.Listen() | actions.StopListening() | actions.Accept() | actions.Refuse():
                self._attend(action, now_ns)
            case actions.SyncTime():
                told = events.TimeTold(self._unix_s + (now_ns + self._latency.round_trip_ns) // NS_PER_S)
                self._due.add(now_ns + self._latency.name_ns + self._latency.round_trip_ns, told)
            case actions.Resolve() | actions.Ping():
                took_ns, event = self._directory.answer(action)
                self._due.add(now_ns + took_ns, event)

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next event, or None if nothing is under way."""
        return self._due.next_deadline()

    def poll(self, now_ns: int) -> list[events.NetworkEvent]:
        """Return the events that are due, in order."""
        self._now_ns = max(self._now_ns, now_ns)
        reported: list[events.NetworkEvent] = []
        while due := self._due.pop_due(now_ns):
            at_ns, what = due
            if isinstance(what, _Arrival):
                self._arrive(what, at_ns)
            elif isinstance(what, _Call):
                reported += self._ring(what, at_ns)
            else:
                reported.append(what)
        return reported

    def _connect(self, action: actions.Connect, now_ns: int) -> None:
        server = self._directory.find(action.host, action.port)
        answered_ns = now_ns + self._latency.name_ns + self._latency.round_trip_ns
        if action.kind is actions.Kind.SSL and not isinstance(server, events.Failure):
            answered_ns += self._latency.handshake_ns
            if action.verify_server and (action.host, action.port) in self._untrusted:
                server = events.Failure.HANDSHAKE
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
        self._carry_back(arrival.link, arrival.peer.receive(arrival.data, now_ns), back_ns)

    def _carry_back(self, link: int, replies: Iterable[Reply], back_ns: int) -> None:
        """Let what a peer says arrive at the module, the earliest of it at an instant."""
        for reply in replies:
            if reply.data:
                self._due.add(back_ns + reply.after_ns, events.Received(link, reply.data))
            if reply.close:
                self._peers.pop(link, None)
                self._callers.pop(link, None)
                self._due.add(back_ns + reply.after_ns, events.PeerClosed(link))

    def _attend(
        self,
        action: actions.Listen | actions.StopListening | actions.Accept | actions.Refuse,
        now_ns: int,
    ) -> None:
        """Treat callers as the modem wants it."""
        match action:
            case actions.Listen(port):
                self._listening_on = port
            case actions.StopListening():
                self._listening_on = None
            case actions.Accept(number, link):
                self._accept(number, link, now_ns)
            case actions.Refuse(number):
                self._part(self._waiting.pop(number, None), now_ns)

    def _ring(self, call: _Call, now_ns: int) -> list[events.NetworkEvent]:
        """Report somebody who has reached the module, or send them away: nobody listens there."""
        if call.port != self._listening_on:
            self._part(call.caller, now_ns)
            return []
        number = next(self._call_numbers)
        self._waiting[number] = call.caller
        return [events.Incoming(number, self.CALLER_ADDRESS, next(self._local_ports), call.port)]

    def _accept(self, number: int, link: int, now_ns: int) -> None:
        caller = self._waiting.pop(number)
        self._peers[link] = self._callers[link] = caller
        half_ns = self._latency.round_trip_ns // 2
        self._carry_back(link, caller.let_in(now_ns + half_ns), now_ns + 2 * half_ns)

    def _part(self, caller: Caller | None, now_ns: int) -> None:
        """Tell somebody that their call is over."""
        if caller:
            caller.sent_away(now_ns + self._latency.round_trip_ns // 2)

    def _arrive_datagram(self, arrival: _Arrival, now_ns: int) -> None:
        """Let a peer take a datagram; each of its replies is one, too."""
        back_ns = now_ns + self._latency.round_trip_ns // 2
        for reply in arrival.peer.receive(arrival.data, now_ns):
            if reply.data:
                received = events.Received(arrival.link, reply.data, arrival.to)
                self._due.add(back_ns + reply.after_ns, received)
