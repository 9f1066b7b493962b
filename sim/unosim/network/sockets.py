"""A network of real sockets in real time, for a modem that runs at the pace of the wall clock.

Nothing blocks: sockets are non-blocking (`connection`, `datagrams`, `reception`), names are looked up and
echo requests sent in threads (`lookup`), and a caller waits on `readers()`, `writers()` and `next_deadline()`
until there is something to `poll`.

Rules: with routes, connections go to the addresses given and nowhere else. Acknowledgements are the peer's
own, looked for every `LOOK_NS`. A peer is paused by its TCP window when the modem has no room. What goes
wrong on the way is told in words, too (`tell`), because a module says no more than ERROR.

What it does not do: IPv6 (the module has none). The time of day is this machine's, not an SNTP server's.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from unosim.clock import NS_PER_MS, earliest
from unosim.modem import actions, events
from unosim.modem.actions import Kind
from unosim.network.connection import READ_BYTES, Connection, Failed, failure_of, make_socket
from unosim.network.datagrams import DATAGRAM_BYTES_MAX, DatagramPort
from unosim.network.lookup import Lookups
from unosim.network.reception import Reception
from unosim.network.schedule import Schedule
from unosim.network.seam import Directory, HasFileno, Latency, dotted
from unosim.network.tls import Tls, TlsSession

LOOK_NS = NS_PER_MS
"""Between two questions to the kernel while something is unacknowledged: below the shortest round trip over
Wi-Fi."""

Address = tuple[str, int]
Room = Callable[[int], int]


@dataclass
class _Link:
    """What a link of the modem is over here; neither end while its name is looked up."""

    action: actions.Connect | None
    """None for a caller."""
    connection: Connection | None = None
    datagrams: DatagramPort | None = None
    look_ns: int | None = None

    @property
    def end(self) -> Connection | DatagramPort | None:
        """Return the end that there is."""
        return self.connection or self.datagrams


class SocketNetwork:
    """Connects modem links to real servers, and callers to the module.

    Args:
        routes: where (host name or address, port) of the module's world really is; None to let it connect to
            anywhere this machine can.
        room: how many bytes a link (0-4) takes now.
        tls: whom SSL links trust.
        inbound: by port of the module, the address and port of this machine where callers find it.
        tell: is told, in one line, why something came to nothing.

    Raises:
        InboundError: an address for callers cannot be had.
    """

    def __init__(
        self,
        routes: Mapping[Address, Address] | None,
        room: Room,
        *,
        tls: Tls | None = None,
        inbound: Mapping[int, Address] | None = None,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._directory = None if routes is None else Directory(routes, Latency())
        self._room = room
        self._tls = tls or Tls()
        self._tell = tell
        self._reception = Reception(inbound or {})
        self._lookups = Lookups()
        self._links: dict[int, _Link] = {}
        self._due: Schedule[events.NetworkEvent] = Schedule()
        self._now_ns = 0

    @property
    def inbound(self) -> dict[int, Address]:
        """By port of the module, where callers find it."""
        return self._reception.addresses

    def close(self) -> None:
        """Close everything that is open."""
        for number in list(self._links):
            self._drop(number, abort=False)
        self._reception.close()
        self._lookups.close()

    def readers(self) -> list[HasFileno]:
        """Return what to wait for until it can be read."""
        waiting: list[HasFileno] = [self._lookups.bell, *self._reception.readers()]
        for number, link in self._links.items():
            end = link.end
            if end and self._listens_to(number, link):
                waiting.append(end)
        return waiting

    def writers(self) -> list[HasFileno]:
        """Return what to wait for until it can be written."""
        connections = [link.connection for link in self._links.values()]
        return [one for one in connections if one and one.wants_to_write]

    def perform(self, action: actions.NetworkAction, now_ns: int) -> None:
        """Start what the modem asks for."""
        self._now_ns = now_ns
        match action:
            case actions.Connect():
                self._connect(action)
            case actions.Send(number, data, to):
                self._send(number, data, to)
            case actions.Close(number, abort):
                self._drop(number, abort=abort)
                self._due.drop(lambda event: getattr(event, "link", None) == number)
            case actions.Resolve() | actions.Ping():
                self._ask(action)
            case actions.Listen(port):
                self._listen(port)
            case actions.StopListening():
                self._reception.stop()
            case actions.Accept(caller, number):
                self._accept(caller, number)
            case actions.Refuse(caller):
                self._reception.refuse(caller)
            case actions.SyncTime():
                self._report(events.TimeTold(int(time.time())))

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next event or look; sockets that become ready have none."""
        looks = (link.look_ns for link in self._links.values())
        return earliest(self._due.next_deadline(), self._reception.next_deadline(), *looks)

    def poll(self, now_ns: int) -> list[events.NetworkEvent]:
        """Return what has happened, in order."""
        self._now_ns = now_ns
        self._lookups.take_answers()
        caller = self._reception.greet(now_ns)
        if caller:
            self._report(caller)
        for number, link in list(self._links.items()):
            if link.datagrams:
                self._take_datagram(number, link.datagrams)
            elif link.connection and link.connection.is_open:
                self._serve(number, link, link.connection)
            elif link.connection:
                self._go_on_connecting(number, link, link.connection)
        reported: list[events.NetworkEvent] = []
        while due := self._due.pop_due(now_ns):
            reported.append(due[1])
        return reported

    def _report(self, event: events.NetworkEvent) -> None:
        self._due.add(self._now_ns, event)

    def _listens_to(self, number: int, link: _Link) -> bool:
        """Return whether what can be read on a link would be taken."""
        if link.datagrams:
            return self._room(number) >= DATAGRAM_BYTES_MAX
        return link.connection is not None and (not link.connection.is_open or self._room(number) > 0)

    def _connect(self, action: actions.Connect) -> None:
        """Begin a connection; what answers where is known at once or asked of the system."""
        self._drop(action.link, abort=True)
        target: Address | events.Failure = (action.host, action.port)
        if self._directory:
            target = self._directory.find(action.host, action.port)
            if action.kind is Kind.UDP and target is not events.Failure.NO_NAME:
                target = (Directory.ADDRESS, action.port)  # the module's own idea of it
        link = self._links[action.link] = _Link(action)
        if isinstance(target, events.Failure):
            self._fail(link, target, "no route leads there")
            return
        port = target[1]
        self._look_up(target[0], lambda address: self._open(link, address, port))

    def _open(self, link: _Link, address: str | None, port: int) -> None:
        """Open a socket to an address, unless the attempt has been given up meanwhile."""
        action = link.action
        if action is None or self._links.get(action.link) is not link:
            return
        if address is None:
            self._fail(link, events.Failure.NO_NAME, "the name is not known")
            return
        try:
            if action.kind is Kind.UDP:
                link.datagrams = DatagramPort(action.local_port, everybody=self._directory is None)
                up = events.Connected(action.link, address, action.port, link.datagrams.local_port)
                self._report(up)
                return
            session = self._session(action)
            link.connection = Connection(make_socket(), session)
            link.connection.connect(address, port)
        except Failed as failed:
            self._fail(link, failure_of(failed), failed.reason)
        except ValueError as error:
            self._fail(link, events.Failure.HANDSHAKE, f"TLS cannot ask for this name: {error}")
        except OSError as error:  # no descriptors, or the local port is taken
            self._fail(link, events.Failure.UNSUPPORTED, (error.strerror or str(error)).lower())

    def _session(self, action: actions.Connect) -> TlsSession | None:
        if action.kind is not Kind.SSL:
            return None
        return self._tls.session(action.host, verify=action.verify_server, present=action.present_certificate)

    def _go_on_connecting(self, number: int, link: _Link, connection: Connection) -> None:
        """See whether an attempt has come to an end."""
        try:
            if not connection.establish():
                return
            address, port, local_port = connection.ends
        except Failed as failed:
            self._fail(link, failure_of(failed), failed.reason)
            return
        except OSError as error:  # reset between its first packets and this look
            self._fail(link, events.Failure.TIMEOUT, (error.strerror or str(error)).lower())
            return
        if self._directory and link.action:
            address, port = Directory.ADDRESS, link.action.port
        self._report(events.Connected(number, address, port, local_port))

    def _fail(self, link: _Link, reason: events.Failure, words: str) -> None:
        if link.action:
            self._drop(link.action.link, abort=True)
            self._tell(f"no connection to {link.action.host}:{link.action.port}: {words}")
            self._report(events.ConnectFailed(link.action.link, reason))

    def _send(self, number: int, data: bytes, to: Address | None) -> None:
        link = self._links.get(number)
        if link is None:
            return  # the peer has closed, and the event that says so is on its way
        if link.datagrams and to:
            self._send_datagram(link.datagrams, data, to)
        elif link.connection and link.connection.is_open:
            link.connection.send(data)
            link.look_ns = self._now_ns

    def _send_datagram(self, port: DatagramPort, data: bytes, to: Address) -> None:
        """Send a datagram where the module wants it; one that no route leads to is lost."""
        real = self._directory.find(*to) if self._directory else to
        if isinstance(real, events.Failure):
            return

        def send(address: str | None, real_port: int = real[1]) -> None:
            if address:
                port.send(data, (address, real_port), to)

        self._look_up(real[0], send)

    def _serve(self, number: int, link: _Link, connection: Connection) -> None:
        """Send, count what was acknowledged, and take what arrived, of an open connection."""
        connection.flush()
        room_bytes = self._room(number)
        data = connection.receive(min(room_bytes, READ_BYTES)) if room_bytes else None
        if connection.unacknowledged and (data is not None or (link.look_ns or 0) <= self._now_ns):
            count = connection.take_acknowledged()  # before what came in answer to it
            if count:
                self._report(events.Acknowledged(number, count))
        waits = connection.unacknowledged or connection.holds_more
        link.look_ns = self._now_ns + LOOK_NS if waits else None
        if data:
            self._report(events.Received(number, data))
        elif data is not None:
            self._drop(number, abort=False)
            self._report(events.PeerClosed(number))

    def _take_datagram(self, number: int, port: DatagramPort) -> None:
        room_bytes = self._room(number)
        while room_bytes >= DATAGRAM_BYTES_MAX:
            received = port.receive()
            if received is None:
                return
            room_bytes -= len(received[0])
            self._report(events.Received(number, *received))

    def _drop(self, number: int, *, abort: bool) -> None:
        link = self._links.pop(number, None)
        if link and link.connection:
            link.connection.close(abort=abort)
        elif link and link.datagrams:
            link.datagrams.close()

    def _listen(self, port: int) -> None:
        try:
            self._reception.listen(port)
        except OSError as error:
            self._tell(f"nobody can call port {port}: {(error.strerror or str(error)).lower()}")
            return
        if port not in self.inbound:
            self._tell(f"the module listens on port {port}, and nothing of this machine leads there")

    def _accept(self, caller: int, number: int) -> None:
        connection = self._reception.accept(caller)
        self._drop(number, abort=True)
        if connection:
            self._links[number] = _Link(None, connection)
        else:
            self._report(events.PeerClosed(number))

    def _ask(self, request: actions.Resolve | actions.Ping) -> None:
        """Answer a look-up or an echo request, from the routes or from the real network."""
        host = request.host
        if self._directory:
            took_ns, event = self._directory.answer(request)
            self._due.add(self._now_ns + took_ns, event)
        elif isinstance(request, actions.Resolve):
            self._look_up(host, lambda address: self._report(events.Resolved(host, address)))
        else:
            self._lookups.echo(host, lambda ms: self._report(events.Pong(host, ms)))

    def _look_up(self, host: str, take: Callable[[str | None], None]) -> None:
        """Pass on the dotted address of a host, or None; from `poll` if it has to be asked for."""
        if dotted(host):
            take(host)
        else:
            self._lookups.name(host, take)
