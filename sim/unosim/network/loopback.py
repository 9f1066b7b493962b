"""A network of real sockets on this machine, under a simulated clock.

A real server takes wall time, and when its bytes arrive is chance. So that a run stays repeatable, nothing
is accepted when it happens to arrive. Data is looked for at instants that follow from the device's own
actions alone: a modelled answer time after the last send. At such an instant the simulated clock stands
still until the server has answered and has then been quiet for a moment, and everything it said arrives at
that one instant.

Rules: connections go to addresses given as routes and nowhere else. Every wait is bounded. A server that
stays silent through a wait is asked again a simulated second later, a named number of times.
"""

import itertools
import select
import socket
import time
from collections.abc import Mapping

from unosim.clock import NS_PER_S, earliest
from unosim.modem import actions, events
from unosim.network.schedule import Schedule
from unosim.network.seam import Directory, Latency

CONNECT_WAIT_S = 2.0
ANSWER_WAIT_S = 2.0
"""The longest wall time a look for an answer takes."""
QUIET_S = 0.02
"""A server that has said nothing for this long has said all."""
LOOKS_PER_SEND = 10
"""After this many looks in vain, only another send makes the network look again."""
_READ_BYTES = 65_536


class _Link:
    """One open socket, and the looks still to be taken for its answer."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.look_ns: int | None = None
        self.looks_left = 0


class LoopbackNetwork:
    """Connects modem links to servers on this machine.

    Args: routes: where (host name or address, port) of the simulated world really is: a loopback address
        and port. latency: the modelled delays; the real ones are not seen by the device.
    """

    def __init__(
        self, routes: Mapping[tuple[str, int], tuple[str, int]], *, latency: Latency | None = None
    ) -> None:
        self._latency = latency or Latency()
        self._directory = Directory(routes, self._latency)
        self._links: dict[int, _Link] = {}
        self._local_ports = itertools.count(50_000)
        self._due: Schedule[events.NetworkEvent] = Schedule()

    def perform(self, action: actions.NetworkAction, now_ns: int) -> None:
        """Start what the modem asks for."""
        match action:
            case actions.Connect():
                self._connect(action, now_ns)
            case actions.Send(link, data):
                self._send(link, data, now_ns)
            case actions.Close(link):
                self._drop(link)
                self._due.drop(lambda event: getattr(event, "link", None) == link)
            case actions.Resolve() | actions.Ping():
                took_ns, event = self._directory.answer(action)
                self._due.add(now_ns + took_ns, event)

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next event or look, or None if nothing is under way."""
        return earliest(self._due.next_deadline(), *(link.look_ns for link in self._links.values()))

    def poll(self, now_ns: int) -> list[events.NetworkEvent]:
        """Return the events that are due, in order; this is where the clock may stand still."""
        reported: list[events.NetworkEvent] = []
        while due := self._due.pop_due(now_ns):
            reported.append(due[1])
        for number, link in list(self._links.items()):
            if link.look_ns is not None and link.look_ns <= now_ns:
                reported += self._look(number, link, now_ns)
        return reported

    def close(self) -> None:
        """Close every socket."""
        for number in list(self._links):
            self._drop(number)

    def _connect(self, action: actions.Connect, now_ns: int) -> None:
        answered_ns = now_ns + self._latency.name_ns + self._latency.round_trip_ns
        if action.kind is not actions.Kind.TCP:
            self._due.add(answered_ns, events.ConnectFailed(action.link, events.Failure.UNSUPPORTED))
            return
        target = self._directory.find(action.host, action.port)
        if isinstance(target, events.Failure):
            self._due.add(answered_ns, events.ConnectFailed(action.link, target))
            return
        try:
            connection = socket.create_connection(target, timeout=CONNECT_WAIT_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError:
            return  # nobody answers; the modem's own patience ends the attempt
        except OSError:
            self._due.add(answered_ns, events.ConnectFailed(action.link, events.Failure.REFUSED))
            return
        self._drop(action.link)
        self._links[action.link] = _Link(connection)
        # Address and port that the device sees are modelled: the real port differs from run to run.
        connected = events.Connected(action.link, Directory.ADDRESS, action.port, next(self._local_ports))
        self._due.add(answered_ns, connected)

    def _send(self, number: int, data: bytes, now_ns: int) -> None:
        link = self._links.get(number)
        if link is None:
            return
        acknowledged_ns = now_ns + self._latency.round_trip_ns
        try:
            link.connection.sendall(data)
        except OSError:
            self._drop(number)
            self._due.add(acknowledged_ns, events.PeerClosed(number))
            return
        self._due.add(acknowledged_ns, events.Acknowledged(number, len(data)))
        link.look_ns = acknowledged_ns + self._latency.answer_ns
        link.looks_left = LOOKS_PER_SEND

    def _look(self, number: int, link: _Link, now_ns: int) -> list[events.NetworkEvent]:
        """Hold the clock until the server has answered and gone quiet, or the wait is over."""
        data, closed = _read_until_quiet(link.connection)
        link.looks_left -= 1
        link.look_ns = now_ns + NS_PER_S if not data and not closed and link.looks_left else None
        reported: list[events.NetworkEvent] = [events.Received(number, data)] if data else []
        if closed:
            self._drop(number)
            reported.append(events.PeerClosed(number))
        return reported

    def _drop(self, number: int) -> None:
        link = self._links.pop(number, None)
        if link:
            link.connection.close()


def _read_until_quiet(connection: socket.socket) -> tuple[bytes, bool]:
    """Return what a server said until it went quiet, and whether it then closed the connection."""
    data = bytearray()
    give_up_s = time.monotonic() + ANSWER_WAIT_S
    while True:
        left_s = give_up_s - time.monotonic()
        wait_s = min(QUIET_S, left_s) if data else left_s
        if wait_s <= 0 or not select.select([connection], [], [], wait_s)[0]:
            return bytes(data), False
        try:
            received = connection.recv(_READ_BYTES)
        except OSError:
            return bytes(data), True  # reset by the server, as good as closed
        if not received:
            return bytes(data), True
        data += received
