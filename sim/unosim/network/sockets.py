"""A network of real sockets in real time, for a modem that runs at the pace of the wall clock.

Nothing blocks: sockets are non-blocking, names are looked up and echo requests are sent in threads, and a
caller waits on `readers()` and `writers()` until there is something to `poll`.

Rules: with routes, connections go to the addresses given and nowhere else. An acknowledgement is the peer's
own: the kernel is asked how much of what was sent is still unacknowledged (SIOCOUTQ, tcp(7)), at intervals
of `LOOK_NS`. The peer is paused by its TCP window when the modem has no room.

What it does not do: UDP and SSL links, which fail; inbound connections, which never come; IPv6 (the module
has none). The time of day is this machine's, not that of an SNTP server.
"""

import errno
import fcntl
import ipaddress
import queue
import select
import socket
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from unosim.clock import NS_PER_MS, earliest
from unosim.modem import actions, events
from unosim.network.schedule import Schedule
from unosim.network.seam import Directory, Latency

LOOK_NS = NS_PER_MS
"""Between two questions to the kernel while something is unacknowledged: below the shortest round trip over
Wi-Fi."""
PING_WAIT_S = 2.0
"""The longest wait for an echo reply; the module's own patience is shorter (`Profile.ping_ns`)."""
_READ_BYTES = 65_536

Address = tuple[str, int]
Room = Callable[[int], int]
_Answer = TypeVar("_Answer")


class _Link:
    """One connection: looked up, then opened, then open."""

    def __init__(self, action: actions.Connect) -> None:
        self.action = action
        self.connection: socket.socket | None = None
        self.open = False
        self.unsent = bytearray()
        self.unacknowledged_bytes = 0
        self.look_ns: int | None = None


class SocketNetwork:
    """Connects modem links to real servers.

    Args:
        routes: where (host name or address, port) of the module's world really is; None to let it connect to
            anywhere this machine can.
        room: how many bytes a link (0-4) takes now.
    """

    def __init__(self, routes: Mapping[Address, Address] | None, room: Room) -> None:
        self._directory = None if routes is None else Directory(routes, Latency())
        self._room = room
        self._links: dict[int, _Link] = {}
        self._due: Schedule[events.NetworkEvent] = Schedule()
        self._answers: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._bell, self._button = socket.socketpair()
        self._bell.setblocking(False)
        self._now_ns = 0

    def close(self) -> None:
        """Close everything that is open."""
        for number in list(self._links):
            self._drop(number, abort=False)
        self._bell.close()
        self._button.close()

    def readers(self) -> list[socket.socket]:
        """Return what to wait for until it can be read."""
        return [self._bell, *(link.connection for link in self._readable() if link.connection)]

    def writers(self) -> list[socket.socket]:
        """Return what to wait for until it can be written."""
        links = self._links.values()
        return [link.connection for link in links if link.connection and (link.unsent or not link.open)]

    def perform(self, action: actions.NetworkAction, now_ns: int) -> None:
        """Start what the modem asks for."""
        self._now_ns = now_ns
        match action:
            case actions.Connect():
                self._connect(action)
            case actions.Send(number, data):
                self._send(number, data)
            case actions.Close(number, abort):
                self._drop(number, abort=abort)
                self._due.drop(lambda event: getattr(event, "link", None) == number)
            case actions.Resolve() | actions.Ping():
                self._ask(action)
            case actions.SyncTime():
                self._report(events.TimeTold(int(time.time())))
            case actions.Listen() | actions.StopListening() | actions.Accept() | actions.Refuse():
                pass  # nobody ever connects

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next event or look; sockets that become ready have none."""
        return earliest(self._due.next_deadline(), *(link.look_ns for link in self._links.values()))

    def poll(self, now_ns: int) -> list[events.NetworkEvent]:
        """Return what has happened, in order."""
        self._now_ns = now_ns
        self._take_answers()
        for number, link in list(self._links.items()):
            if link.connection and not link.open:
                self._look_for_connection(number, link)
            elif link.open:
                self._serve(number, link)
        reported: list[events.NetworkEvent] = []
        while due := self._due.pop_due(now_ns):
            reported.append(due[1])
        return reported

    def _report(self, event: events.NetworkEvent) -> None:
        self._due.add(self._now_ns, event)

    def _readable(self) -> list[_Link]:
        return [link for number, link in self._links.items() if link.open and self._room(number)]

    def _connect(self, action: actions.Connect) -> None:
        """Begin a connection; what answers where is known at once or asked of the system."""
        target: Address | events.Failure = (action.host, action.port)
        if action.kind is not actions.Kind.TCP:
            target = events.Failure.UNSUPPORTED
        elif self._directory:
            target = self._directory.find(action.host, action.port)
        if isinstance(target, events.Failure):
            self._report(events.ConnectFailed(action.link, target))
            return
        link = self._links[action.link] = _Link(action)
        port = target[1]
        self._look_up(target[0], lambda address: self._open(link, address, port))

    def _open(self, link: _Link, address: str | None, port: int) -> None:
        """Open a socket to an address, unless the attempt has been given up meanwhile."""
        number = link.action.link
        if self._links.get(number) is not link:
            return
        if address is None:
            self._fail(number, events.Failure.NO_NAME)
            return
        link.connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        link.connection.setblocking(False)
        link.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = link.connection.connect_ex((address, port))
        if code not in {0, errno.EINPROGRESS}:
            self._fail(number, _reason(code))

    def _look_for_connection(self, number: int, link: _Link) -> None:
        """See whether an attempt has come to an end."""
        connection = link.connection
        if connection is None or not select.select([], [connection], [], 0)[1]:
            return
        code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._fail(number, _reason(code))
            return
        link.open = True
        address, port = connection.getpeername()
        if self._directory:
            address, port = Directory.ADDRESS, link.action.port
        self._report(events.Connected(number, address, port, connection.getsockname()[1]))

    def _fail(self, number: int, reason: events.Failure) -> None:
        self._drop(number, abort=False)
        self._report(events.ConnectFailed(number, reason))

    def _send(self, number: int, data: bytes) -> None:
        link = self._links.get(number)
        if link is None:
            return  # the peer has closed, and the event that says so is on its way
        link.unsent += data
        link.unacknowledged_bytes += len(data)
        link.look_ns = self._now_ns
        self._flush(link)

    def _flush(self, link: _Link) -> None:
        """Hand the kernel what it takes; a connection that is gone shows itself when it is read."""
        if not link.unsent or link.connection is None:
            return
        try:
            sent = link.connection.send(link.unsent)
        except BlockingIOError:
            return
        except OSError:
            sent = len(link.unsent)
        del link.unsent[:sent]

    def _serve(self, number: int, link: _Link) -> None:
        """Send, count what was acknowledged, and take what arrived, of an open connection."""
        connection = link.connection
        if connection is None:
            return
        self._flush(link)
        if link.look_ns is not None and link.look_ns <= self._now_ns:
            in_flight_bytes = len(link.unsent) + _unacknowledged(connection)
            count = link.unacknowledged_bytes - in_flight_bytes
            link.unacknowledged_bytes = in_flight_bytes
            link.look_ns = self._now_ns + LOOK_NS if in_flight_bytes else None
            if count > 0:
                self._report(events.Acknowledged(number, count))
        room_bytes = self._room(number)
        if not room_bytes:
            return
        try:
            data = connection.recv(min(room_bytes, _READ_BYTES))
        except BlockingIOError:
            return
        except OSError:
            data = b""  # reset by the peer, as good as closed
        if data:
            self._report(events.Received(number, data))
        else:
            self._drop(number, abort=False)
            self._report(events.PeerClosed(number))

    def _drop(self, number: int, *, abort: bool) -> None:
        link = self._links.pop(number, None)
        if link is None or link.connection is None:
            return
        self._flush(link)
        if abort:
            link.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.connection.close()

    def _ask(self, request: actions.Resolve | actions.Ping) -> None:
        """Answer a look-up or an echo request, from the routes or from the real network."""
        if self._directory:
            took_ns, event = self._directory.answer(request)
            self._due.add(self._now_ns + took_ns, event)
        elif isinstance(request, actions.Resolve):
            host = request.host
            self._look_up(host, lambda address: self._report(events.Resolved(host, address)))
        else:
            self._in_thread(lambda: _ping(request.host), self._report)

    def _look_up(self, host: str, take: Callable[[str | None], None]) -> None:
        """Pass on the dotted address of a host, or None; from `poll` if it has to be asked for."""
        try:
            take(str(ipaddress.IPv4Address(host)))
        except ValueError:
            self._in_thread(lambda: _resolve(host), take)

    def _in_thread(self, ask: Callable[[], _Answer], take: Callable[[_Answer], None]) -> None:
        """Ask in a thread of its own, and take the answer in `poll`."""
        threading.Thread(
            target=_ask_and_ring,
            args=(ask, take, self._answers, self._button),
            name="unosim-network",
            daemon=True,
        ).start()

    def _take_answers(self) -> None:
        """Act on what the threads have found out."""
        if select.select([self._bell], [], [], 0)[0]:
            self._bell.recv(_READ_BYTES)  # first the bell: an answer that comes now rings again
        while not self._answers.empty():
            self._answers.get()()


def _ask_and_ring(
    ask: Callable[[], _Answer],
    take: Callable[[_Answer], None],
    answers: queue.SimpleQueue[Callable[[], None]],
    button: socket.socket,
) -> None:
    """Ask, leave the answer, and wake whoever waits for it."""
    answer = ask()
    answers.put(lambda: take(answer))
    try:
        button.send(b"!")
    except OSError:
        return  # the network has been closed: nobody waits any more


def _resolve(host: str) -> str | None:
    """Return the first IPv4 address of a host name, or None."""
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # a name that no encoding of host names can hold is not found either
        return None
    return str(found[0][4][0])


def _ping(host: str) -> events.Pong:
    """Send one ICMP echo request through an unprivileged socket (icmp(7), `ping_group_range`)."""
    request = struct.pack("!BBHHH", 8, 0, 0, 0, 1) + b"unosim"  # the kernel fills in checksum and identifier
    address = _resolve(host)
    if address is None:
        return events.Pong(host, None)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as pinging:
            pinging.settimeout(PING_WAIT_S)
            started_ns = time.monotonic_ns()
            pinging.sendto(request, (address, 0))
            pinging.recv(_READ_BYTES)
    except OSError:  # refused, unreachable, or silent for too long
        return events.Pong(host, None)
    return events.Pong(host, (time.monotonic_ns() - started_ns) // NS_PER_MS)


def _reason(code: int) -> events.Failure:
    """Return what the module makes of an error number of connect(2)."""
    return events.Failure.REFUSED if code == errno.ECONNREFUSED else events.Failure.TIMEOUT


def _unacknowledged(connection: socket.socket) -> int:
    """Return how many bytes the peer has not acknowledged (SIOCOUTQ, the same number as TIOCOUTQ)."""
    answer = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(answer, sys.byteorder)
