"""A network of real sockets on this machine, under a simulated clock.

A real server takes wall time, and when its bytes arrive is chance. So that a run stays repeatable, nothing
is accepted when it happens to arrive. Data and callers are looked for at instants that follow from the
device's own actions alone: a modelled answer time after the last send, a round trip after it has begun to
listen. At such an instant the simulated clock stands still until somebody has spoken and has then been quiet
for a moment, and everything that was said arrives at that one instant.

Rules: connections go to addresses given as routes and nowhere else; callers come to those given as `inbound`.
Every wait is bounded. Who stays silent through a wait is asked again a simulated second later, a named number
of times. Addresses and ports that the device sees are modelled: the real ones differ from run to run.
"""

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from unosim.clock import NS_PER_S, earliest
from unosim.modem import actions, events
from unosim.modem.actions import Kind
from unosim.network.connection import READ_BYTES, Connection, Failed, failure_of, make_socket
from unosim.network.datagrams import DatagramPort
from unosim.network.lookup import resolve
from unosim.network.reception import Reception
from unosim.network.schedule import Schedule
from unosim.network.seam import Directory, HasFileno, Latency
from unosim.network.system import is_ready
from unosim.network.tls import Tls
from unosim.network.virtual import EPOCH_S, VirtualNetwork

CONNECT_WAIT_S = 2.0
ANSWER_WAIT_S = 2.0
"""The longest wall time a look for an answer or for a caller takes."""
QUIET_S = 0.02
"""Who has said nothing for this long has said all."""
LOOKS_PER_SEND = 10
"""After this many looks in vain, only another send (or `AT+CIPSERVER`) makes the network look again."""
PIECES_PER_LOOK = 16
"""Reads after which a speaker that never goes quiet is interrupted until the next look."""

Address = tuple[str, int]
_Taken = TypeVar("_Taken")


@dataclass
class _Look:
    """When somebody is listened to next, and how often in vain."""

    at_ns: int | None = None
    left: int = 0

    def renew(self, at_ns: int) -> None:
        """Listen at an instant, and patiently from then on."""
        self.at_ns, self.left = at_ns, LOOKS_PER_SEND

    def is_due(self, now_ns: int) -> bool:
        """Return whether it is time to listen."""
        return self.at_ns is not None and self.at_ns <= now_ns

    def taken(self, now_ns: int, *, in_vain: bool) -> None:
        """Take note of what a look has brought."""
        self.left -= 1
        self.at_ns = now_ns + NS_PER_S if in_vain and self.left else None


class _Link:
    """One open link, and the looks still to be taken for its answer."""

    def __init__(self, end: Connection | DatagramPort, *, inbound: bool = False) -> None:
        self.end = end
        self.inbound = inbound
        self.look = _Look()

    def close(self) -> None:
        """Close its socket."""
        if isinstance(self.end, Connection):
            self.end.close(abort=False)
        else:
            self.end.close()


class LoopbackNetwork:
    """Connects modem links to servers on this machine, and callers on this machine to the module.

    Args:
        routes: where (host name or address, port) of the simulated world really is: a loopback address and
            port.
        latency: the modelled delays; the real ones are not seen by the device.
        tls: whom SSL links trust.
        inbound: by port of the module, the address and port where callers find it.

    Raises:
        InboundError: an address for callers cannot be had.
    """

    def __init__(
        self,
        routes: Mapping[Address, Address],
        *,
        latency: Latency | None = None,
        tls: Tls | None = None,
        inbound: Mapping[int, Address] | None = None,
    ) -> None:
        self._latency = latency or Latency()
        self._directory = Directory(routes, self._latency)
        self._tls = tls or Tls()
        self._reception = Reception(inbound or {})
        self._callers = _Look()
        self._links: dict[int, _Link] = {}
        self._local_ports = itertools.count(50_000)
        self._due: Schedule[events.NetworkEvent] = Schedule()

    @property
    def inbound(self) -> dict[int, Address]:
        """By port of the module, where callers find it."""
        return self._reception.addresses

    def perform(self, action: actions.NetworkAction, now_ns: int) -> None:
        """Start what the modem asks for."""
        match action:
            case actions.Connect():
                self._connect(action, now_ns)
            case actions.Send(link, data, to):
                self._send(link, data, to, now_ns)
            case actions.Close(link):
                self._drop(link, now_ns)
                self._due.drop(lambda event: getattr(event, "link", None) == link)
            case actions.Resolve() | actions.Ping():
                took_ns, event = self._directory.answer(action)
                self._due.add(now_ns + took_ns, event)
            case actions.Listen(port):
                self._reception.listen(port)
                self._expect_callers(now_ns)
            case actions.StopListening():
                self._reception.stop()
                self._callers.at_ns = None
            case actions.Accept(caller, number):
                self._accept(caller, number, now_ns)
            case actions.Refuse(caller):
                self._reception.refuse(caller)
                self._expect_callers(now_ns)
            case actions.SyncTime():
                told_ns = now_ns + self._latency.name_ns + self._latency.round_trip_ns
                self._due.add(told_ns, events.TimeTold(EPOCH_S + told_ns // NS_PER_S))

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next event or look, or None if nothing is under way."""
        looks = (link.look.at_ns for link in self._links.values())
        return earliest(self._due.next_deadline(), self._callers.at_ns, *looks)

    def poll(self, now_ns: int) -> list[events.NetworkEvent]:
        """Return the events that are due, in order; this is where the clock may stand still."""
        reported: list[events.NetworkEvent] = []
        while due := self._due.pop_due(now_ns):
            reported.append(due[1])
        for number, link in list(self._links.items()):
            if link.look.is_due(now_ns):
                reported += self._look(number, link, now_ns)
        if self._callers.is_due(now_ns):
            reported += self._look_for_caller(now_ns)
        return reported

    def close(self) -> None:
        """Close every socket."""
        for number in list(self._links):
            self._links.pop(number).close()
        self._reception.close()

    def _connect(self, action: actions.Connect, now_ns: int) -> None:
        self._drop(action.link, now_ns)
        answered_ns = now_ns + self._latency.name_ns + self._latency.round_trip_ns
        target = self._directory.find(action.host, action.port)
        if action.kind is Kind.UDP and target is not events.Failure.NO_NAME:
            self._links[action.link] = _Link(DatagramPort(0, everybody=False))
            port = action.local_port or next(self._local_ports)
            self._due.add(
                now_ns + self._latency.name_ns,
                events.Connected(action.link, Directory.ADDRESS, action.port, port),
            )
            return
        if action.kind is Kind.SSL:
            answered_ns += self._latency.handshake_ns
        connection = self._open(action, target) if not isinstance(target, events.Failure) else target
        if isinstance(connection, events.Failure):
            self._due.add(answered_ns, events.ConnectFailed(action.link, connection))
        elif connection:
            self._links[action.link] = _Link(connection)
            local_port = next(self._local_ports)
            connected = events.Connected(action.link, Directory.ADDRESS, action.port, local_port)
            self._due.add(answered_ns, connected)

    def _open(self, action: actions.Connect, target: Address) -> Connection | events.Failure | None:
        """Return a connection, or why there is none; None where the modem's patience has to end it."""
        address = resolve(target[0])
        if address is None:
            return events.Failure.NO_NAME
        session = None
        if action.kind is Kind.SSL:
            verify, present = action.verify_server, action.present_certificate
            session = self._tls.session(action.host, verify=verify, present=present)
        connection = Connection(make_socket(window=False), session)
        give_up_s = time.monotonic() + CONNECT_WAIT_S
        try:
            connection.connect(address, target[1])
            while not connection.establish():
                if not _wait(connection, give_up_s, write=connection.wants_to_write):
                    connection.close(abort=True)
                    return None
        except Failed as failed:
            connection.close(abort=True)
            return failure_of(failed)
        return connection

    def _send(self, number: int, data: bytes, to: Address | None, now_ns: int) -> None:
        link = self._links.get(number)
        if link is None:
            return
        acknowledged_ns = now_ns + self._latency.round_trip_ns
        if isinstance(link.end, Connection):
            link.end.send(data)
            give_up_s = time.monotonic() + ANSWER_WAIT_S
            while link.end.wants_to_write and _wait(link.end, give_up_s, write=True):
                link.end.flush()
            if link.end.broken:
                self._drop(number, now_ns)
                self._due.add(acknowledged_ns, events.PeerClosed(number))
                return
            self._due.add(acknowledged_ns, events.Acknowledged(number, len(data)))
        elif to:
            real = self._directory.find(*to)
            address = None if isinstance(real, events.Failure) else resolve(real[0])
            if address and not isinstance(real, events.Failure):
                link.end.send(data, (address, real[1]), to)
        link.look.renew(acknowledged_ns + self._latency.answer_ns)

    def _accept(self, caller: int, number: int, now_ns: int) -> None:
        connection = self._reception.accept(caller)
        if connection:
            self._links[number] = _Link(connection, inbound=True)
            self._links[number].look.renew(now_ns + self._latency.answer_ns)
        else:
            self._due.add(now_ns, events.PeerClosed(number))

    def _look(self, number: int, link: _Link, now_ns: int) -> list[events.NetworkEvent]:
        """Hold the clock until the peer has answered and gone quiet, or the wait is over."""
        if isinstance(link.end, DatagramPort):
            datagrams = _until_quiet(link.end, link.end.receive)
            link.look.taken(now_ns, in_vain=not datagrams)
            return [events.Received(number, *one) for one in datagrams]
        connection = link.end
        pieces = _until_quiet(connection, lambda: connection.receive(READ_BYTES))
        data, closed = b"".join(pieces), b"" in pieces
        reported: list[events.NetworkEvent] = [events.Received(number, data)] if data else []
        if len(pieces) == PIECES_PER_LOOK:
            link.look.renew(now_ns + self._latency.answer_ns)
        else:
            link.look.taken(now_ns, in_vain=not pieces)
        if closed:
            self._drop(number, now_ns)
            reported.append(events.PeerClosed(number))
        return reported

    def _look_for_caller(self, now_ns: int) -> list[events.NetworkEvent]:
        """Hold the clock until somebody has called, or the wait is over."""
        for listener in self._reception.readers():
            _wait(listener, time.monotonic() + ANSWER_WAIT_S, write=False)
        caller = self._reception.greet(now_ns)
        self._callers.taken(now_ns, in_vain=caller is None)
        if caller is None:
            return []
        address, port = VirtualNetwork.CALLER_ADDRESS, next(self._local_ports)
        return [events.Incoming(caller.connection, address, port, caller.local_port)]

    def _expect_callers(self, now_ns: int) -> None:
        if self._reception.readers():
            self._callers.renew(now_ns + self._latency.round_trip_ns)

    def _drop(self, number: int, now_ns: int) -> None:
        link = self._links.pop(number, None)
        if link:
            link.close()
        if link and link.inbound:
            self._expect_callers(now_ns)


def _wait(end: HasFileno, give_up_s: float, *, write: bool) -> bool:
    """Wait in wall time until a socket is ready; return whether it became so in time."""
    left_s = give_up_s - time.monotonic()
    if left_s <= 0:
        return False
    return is_ready(end, left_s, write=write)


def _until_quiet(end: HasFileno, take: Callable[[], _Taken | None]) -> list[_Taken]:
    """Return what was said until the speaker went quiet or ended, the wait was over, or it was too much."""
    said: list[_Taken] = []
    give_up_s = time.monotonic() + ANSWER_WAIT_S
    while len(said) < PIECES_PER_LOOK and time.monotonic() < give_up_s:
        piece = take()
        if piece is not None:
            said.append(piece)
        if piece == b"":
            break
        until_s = min(time.monotonic() + QUIET_S, give_up_s) if said else give_up_s
        if piece is None and not _wait(end, until_s, write=False):
            break
    return said
