"""The link table: TCP connections from `AT+CIPSTART` to `CLOSED`, and what arrives on them.

Theory of operation. `REACTIONS` says, by phase and event, what the table does. An event that is not in the
table came too late: the link was closed, or even opened anew, while the event was on its way. A real stack
drops such a segment, and so do we. There is no half-close: a peer that finishes ends the link.

Order of lines: a failed connection is `ERROR`, then `CLOSED`; a link that dies during a send is `CLOSED`,
then `SEND FAIL`.

What it does not do: UDP, SSL, inbound connections. Keep-alive is accepted and has no effect.
"""

import enum
from collections.abc import Callable

from unosim.modem import actions, events
from unosim.modem.context import Context
from unosim.modem.link import Link, Phase
from unosim.modem.replies import ERROR, OK, failure
from unosim.modem.sending import Sender

SEGMENT_BYTES = 1_460
"""The largest TCP segment, hence the largest `+IPD` (lwIP options of the Espressif NONOS SDK)."""

LINK_CONN = 2
"""Bit of `AT+SYSMSG` that turns `CONNECT` into `+LINK_CONN`."""


class Status(enum.IntEnum):
    """What `AT+CIPSTATUS` reports."""

    HAS_ADDRESS = 2
    LINKED = 3
    UNLINKED = 4
    NOT_JOINED = 5


class LinkTable:
    """The five links of the module.

    Args:
        context: the shared parts of the engine.
    """

    def __init__(self, context: Context) -> None:
        self.links = [Link(number) for number in range(events.LINKS)]
        self.status = Status.NOT_JOINED
        self.sender = Sender(context, self._transmit)
        self._context = context

    def open(self) -> list[Link]:
        """Return the links that are up."""
        return [link for link in self.links if link.phase is Phase.OPEN]

    def connect(self, link: Link, host: str, port: int, *, reachable: bool) -> None:
        """Start a connection on a free link; without a route it simply finds nobody."""
        link.drop_data()
        link.abort_on_close = False
        link.phase = Phase.CONNECTING
        link.started_ns = self._context.kernel.now_ns
        self._rearm(link, self._context.profile.connect_timeout_ns, lambda: self._give_up(link))
        if reachable:
            self._context.kernel.act(actions.Connect(link.number, host, port))

    def close(self, link: Link) -> None:
        """End an open link on the host's behalf."""
        abort, link.abort_on_close = link.abort_on_close, False
        self._context.kernel.act(actions.Close(link.number, abort))
        self._closed(link)

    def drop_all(self) -> None:
        """End every link: the station has lost its address."""
        for link in self.links:
            if link.phase is Phase.CONNECTING:
                self._give_up(link)
            elif link.phase is Phase.OPEN:
                self._abort(link)

    def reset(self) -> None:
        """Forget every link without a word to the host: the module restarts or sleeps."""
        self.sender.forget()
        for link in self.links:
            if link.phase is not Phase.FREE:
                self._context.kernel.act(actions.Close(link.number, abort=True))
            self._free(link)
            link.drop_data()
            link.abort_on_close = False
        self.status = Status.NOT_JOINED

    def hear(self, event: events.LinkEvent) -> None:
        """Take what the network reports of a link."""
        link = self.links[event.link]
        react = REACTIONS.get((link.phase, type(event)))
        if react:
            react(self, link, event)

    def read(self, link: Link, count: int) -> bytes:
        """Return up to `count` bytes that the link holds for the host."""
        data, more = link.read(count)
        if more or link.peer_finished:
            # The window opens only once the answer of this read is out.
            self._context.kernel.after(0, lambda: self._after_read(link, notify=more))
        return data

    def _after_read(self, link: Link, *, notify: bool) -> None:
        if notify:
            self._notify(link)
        if link.peer_finished and not link.backlog:
            self._closed(link)

    def on_connected(self, link: Link, event: events.Connected) -> None:
        """Take a connection that has come about."""
        self._context.kernel.cancel(link.timer)
        link.phase = Phase.OPEN
        link.address, link.remote_port, link.local_port = event.address, event.remote_port, event.local_port
        self.status = Status.LINKED
        if self._context.running.messages & LINK_CONN:
            ports = f"{link.remote_port},{link.local_port}"
            line = f'+LINK_CONN:0,{link.number},"TCP",0,"{link.address}",{ports}\r\n'
        else:
            line = f"{self._context.link_prefix(link.number)}CONNECT\r\n"
        self._context.finish(line.encode() + OK)

    def on_failed(self, link: Link, event: events.ConnectFailed) -> None:
        """Take a connection that has not."""
        if event.reason is events.Failure.NO_NAME:
            self._free(link)
            self._context.finish(failure("DNS Fail"))
        elif event.reason is events.Failure.TIMEOUT:
            self._failed(link)
        else:
            due_ns = link.started_ns + self._context.profile.refused_ns
            self._rearm(link, max(0, due_ns - self._context.kernel.now_ns), lambda: self._failed(link))

    def on_acknowledged(self, link: Link, event: events.Acknowledged) -> None:
        """Count off what was sent; what acknowledges more is left over from an earlier connection."""
        if event.count > link.unacknowledged_bytes:
            return
        link.unacknowledged_bytes -= event.count
        if link.unacknowledged_bytes:
            self._rearm_patience(link)
        else:
            self._context.kernel.cancel(link.timer)
            self.sender.acknowledged(link)

    def on_received(self, link: Link, event: events.Received) -> None:
        """Print what arrived segment by segment, or hold it for the host."""
        if self._context.session.passive_receive:
            if link.store(event.data):
                self._notify(link)
            return
        for start in range(0, len(event.data), SEGMENT_BYTES):
            segment = event.data[start : start + SEGMENT_BYTES]
            self._context.kernel.write(self._ipd_head(link, len(segment)) + segment)

    def on_peer_closed(self, link: Link, _event: events.PeerClosed) -> None:
        """End the link, once all that the peer sent has found room."""
        if link.backlog:
            link.peer_finished = True
        else:
            self._closed(link)

    def _ipd_head(self, link: Link, count: int) -> bytes:
        head = f"\r\n+IPD,{self._context.link_prefix(link.number)}{count}"
        if self._context.session.peer_in_ipd:
            head += f",{link.address},{link.remote_port}"
        return f"{head}:".encode()

    def _notify(self, link: Link) -> None:
        """Tell the host how much a link holds."""
        prefix = self._context.link_prefix(link.number)
        self._context.kernel.write(f"\r\n+IPD,{prefix}{len(link.held)}\r\n".encode())

    def _transmit(self, link: Link, data: bytes) -> None:
        link.unacknowledged_bytes += len(data)
        self._rearm_patience(link)
        self._context.kernel.act(actions.Send(link.number, data))

    def _rearm_patience(self, link: Link) -> None:
        self._rearm(link, self._context.profile.retransmit_limit_ns, lambda: self._abort(link))

    def _rearm(self, link: Link, delay_ns: int, run: Callable[[], None]) -> None:
        self._context.kernel.cancel(link.timer)
        link.timer = self._context.kernel.after(delay_ns, run)

    def _give_up(self, link: Link) -> None:
        """End an attempt to connect that leads nowhere."""
        self._context.kernel.act(actions.Close(link.number, abort=True))
        self._failed(link)

    def _failed(self, link: Link) -> None:
        self._free(link)
        self._context.finish(ERROR)
        self._say_closed(link)

    def _abort(self, link: Link) -> None:
        """End an open link whose peer cannot be reached any more."""
        self._context.kernel.act(actions.Close(link.number, abort=True))
        self._closed(link)

    def _closed(self, link: Link) -> None:
        self._free(link)
        if not self.open():
            self.status = Status.UNLINKED
        self._say_closed(link)
        self.sender.died(link)

    def _say_closed(self, link: Link) -> None:
        self._context.announce(f"{self._context.link_prefix(link.number)}CLOSED\r\n".encode())

    def _free(self, link: Link) -> None:
        self._context.kernel.cancel(link.timer)
        link.phase, link.unacknowledged_bytes = Phase.FREE, 0
        link.drop_backlog()


REACTIONS: dict[tuple[Phase, type[events.LinkEvent]], Callable[..., None]] = {
    (Phase.CONNECTING, events.Connected): LinkTable.on_connected,
    (Phase.CONNECTING, events.ConnectFailed): LinkTable.on_failed,
    (Phase.OPEN, events.Acknowledged): LinkTable.on_acknowledged,
    (Phase.OPEN, events.Received): LinkTable.on_received,
    (Phase.OPEN, events.PeerClosed): LinkTable.on_peer_closed,
}
