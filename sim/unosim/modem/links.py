"""The link table: connections from `AT+CIPSTART` to `CLOSED`, and what arrives on them.

Theory of operation. `REACTIONS` says, by phase and event, what the table does. An event that is not in the
table came too late: the link was closed, or even opened anew, while the event was on its way. A real stack
drops such a segment, and so do we. There is no half-close: a peer that finishes ends the link.

Order of lines: a failed connection is `ERROR`, then `CLOSED`; a link that dies during a send is `CLOSED`,
then `SEND FAIL`. When the Wi-Fi goes, UDP links stay: they have nothing that could break.

What it does not do: keep-alive is accepted and has no effect.
"""

import enum
from collections.abc import Callable

from unosim.modem import actions, events
from unosim.modem.actions import Kind
from unosim.modem.context import Context
from unosim.modem.errors import LocalProtocolError
from unosim.modem.line import State
from unosim.modem.link import BACKLOG_BYTES, Link, Phase, Segments
from unosim.modem.receiving import Receiver
from unosim.modem.replies import OK
from unosim.modem.sending import Sender
from unosim.modem.settings import LINKS, Target

LINK_CONN = 2
"""Bit of `AT+SYSMSG` that turns `CONNECT` into `+LINK_CONN`."""

PRESENT_CERTIFICATE, VERIFY_SERVER = 1, 2
"""Bits of `AT+CIPSSLCCONF`."""


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
        on_closed: called when an open link has ended, after the line that says so.
    """

    def __init__(self, context: Context, on_closed: Callable[[Link], None]) -> None:
        self.links = [Link(number, context.profile.window_bytes) for number in range(LINKS)]
        self.status = Status.NOT_JOINED
        self.sender = Sender(context, self.transmit)
        self.receiver = Receiver(context, self._closed)
        self._context = context
        self._on_closed = on_closed
        self._news: list[events.Received | events.PeerClosed] = []
        """What waits for the end of a prompt, in profiles that hold it back."""

    def open(self) -> list[Link]:
        """Return the links that are up."""
        return [link for link in self.links if link.phase is Phase.OPEN]

    def connect(
        self,
        link: Link,
        target: Target,
        *,
        reachable: bool,
        on_outcome: Callable[[bool], None] | None = None,
    ) -> None:
        """Start a connection on a free link; without a route it simply finds nobody.

        Args:
            link: a free link.
            target: where it leads.
            reachable: whether there is a route.
            on_outcome: called with the outcome; without it the host is told, who waits for it.
        """
        self._begin(link, target, Phase.CONNECTING)
        link.on_outcome = on_outcome
        self._rearm(link, self._context.profile.connect_timeout_ns, lambda: self._give_up(link))
        if reachable:
            checks = self._ssl_checks(link) if target.kind is Kind.SSL else 0
            self._context.kernel.act(
                actions.Connect(
                    link.number,
                    target.host,
                    target.port,
                    target.kind,
                    target.local_port,
                    verify_server=bool(checks & VERIFY_SERVER),
                    present_certificate=bool(checks & PRESENT_CERTIFICATE),
                )
            )

    def admit(self, link: Link, incoming: events.Incoming) -> None:
        """Let an incoming connection be a free link."""
        self._begin(link, Target(incoming.address, incoming.remote_port), Phase.OPEN)
        link.inbound = True
        link.address, link.remote_port = incoming.address, incoming.remote_port
        link.local_port = incoming.local_port
        self._context.kernel.act(actions.Accept(incoming.connection, link.number))
        self.status = Status.LINKED
        self._context.announce(self._connect_line(link))
        self._note_activity(link)

    def abandon(self, link: Link) -> None:
        """Give a connection attempt up without a word to anybody."""
        self._context.kernel.act(actions.Close(link.number, abort=True))
        self._free(link)

    def close(self, link: Link) -> None:
        """End an open link on the host's behalf."""
        if self._context.profile.drains_before_closing:
            link.drop_data()
        resets = self._context.session.tcp_options[link.number].linger_s == 0
        abort, link.abort_on_close = link.abort_on_close or resets, False
        self._context.kernel.act(actions.Close(link.number, abort))
        self._closed(link)

    def drop_all(self) -> None:
        """End every link that needs the station's address, which is lost."""
        for link in self.links:
            if link.phase is Phase.CONNECTING:
                self._give_up(link)
            elif link.phase is Phase.OPEN and link.kind is not Kind.UDP:
                self._abort(link)

    def reset(self) -> None:
        """Forget every link without a word to the host: the module restarts or sleeps."""
        self.sender.forget()
        self._news.clear()
        for link in self.links:
            if link.phase is not Phase.FREE:
                self._context.kernel.act(actions.Close(link.number, abort=True))
            self._free(link)
            link.drop_data()
            link.abort_on_close = False
        self.status = Status.NOT_JOINED

    def hear(self, event: events.LinkEvent) -> None:
        """Take what the network reports of a link, now or when the host has answered its prompt.

        Raises:
            LocalProtocolError: the network has ignored the receive window for too long.
        """
        link = self.links[event.link]
        if self._holds_news() and isinstance(event, events.Received | events.PeerClosed):
            self._hold(event)
            return
        react = REACTIONS.get((link.phase, type(event)))
        if react:
            react(self, link, event)

    def release_news(self) -> None:
        """Take what was held back during a prompt."""
        news, self._news = self._news, []
        for event in news:
            self.hear(event)

    def receive_window(self, link: Link) -> int:
        """Return how many bytes the network may deliver on a link before its peer would be paused."""
        return max(0, link.room_bytes - self._held_back_bytes(link.number))

    def transmit(self, link: Link, data: bytes, to: tuple[str, int] | None = None) -> None:
        """Hand bytes (at least one) to an open link's connection; `to` is another peer for this datagram."""
        self._note_activity(link)
        if link.kind is Kind.UDP:
            self._context.kernel.act(actions.Send(link.number, data, to or (link.address, link.remote_port)))
            return
        link.unacknowledged_bytes += len(data)
        self._rearm_patience(link)
        self._context.kernel.act(actions.Send(link.number, data))

    def on_connected(self, link: Link, event: events.Connected) -> None:
        """Take a connection that has come about."""
        self._context.kernel.cancel(link.timer)
        link.phase = Phase.OPEN
        link.address, link.remote_port, link.local_port = event.address, event.remote_port, event.local_port
        self.status = Status.LINKED
        if link.on_outcome:
            self._context.announce(self._connect_line(link))
            link.on_outcome(True)
        else:
            self._context.finish(self._connect_line(link) + OK)

    def on_failed(self, link: Link, event: events.ConnectFailed) -> None:
        """Take a connection that has not."""
        if link.on_outcome:
            self._free(link)
            link.on_outcome(False)
        elif event.reason is events.Failure.NO_NAME:
            self._free(link)
            self._context.finish(self._context.failure("DNS Fail"))
        elif event.reason is events.Failure.UNSUPPORTED:
            self._free(link)
            diagnosis = f"{self._context.link_prefix(link.number)}CONNECT FAIL"
            self._context.finish(self._context.failure(diagnosis))
        elif event.reason is events.Failure.REFUSED:
            due_ns = link.started_ns + self._context.profile.refused_ns
            self._rearm(link, max(0, due_ns - self._context.kernel.now_ns), lambda: self._failed(link))
        else:
            self._failed(link)

    def on_acknowledged(self, link: Link, event: events.Acknowledged) -> None:
        """Count off what was sent; what acknowledges more is left over from an earlier connection."""
        if event.count > link.unacknowledged_bytes:
            return
        link.unacknowledged_bytes -= event.count
        for number in link.segments.acknowledge(event.count):
            self._say_segment(link, number, "SEND OK")
        if link.unacknowledged_bytes:
            self._rearm_patience(link)
        else:
            self._context.kernel.cancel(link.timer)
            self.sender.acknowledged(link)

    def on_received(self, link: Link, event: events.Received) -> None:
        """Print what arrived, or hold it for the host; nothing arrives behind a peer's end."""
        self._note_activity(link)
        if not link.peer_finished:
            self.receiver.take(link, event)

    def on_peer_closed(self, link: Link, _event: events.PeerClosed | None = None) -> None:
        """End the link, once all that the peer sent has found room, or a reader."""
        if self.receiver.is_drained(link):
            self._closed(link)
        else:
            link.peer_finished = True

    def _begin(self, link: Link, target: Target, phase: Phase) -> None:
        link.drop_data()
        link.target, link.phase, link.inbound, link.peer_moved = target, phase, False, False
        link.abort_on_close, link.segments, link.on_outcome = False, Segments(), None
        link.started_ns = self._context.kernel.now_ns

    def _ssl_checks(self, link: Link) -> int:
        """Return what is checked when a link does SSL; each version has one way of setting it."""
        return self._context.session.ssl_checks | self._context.running.ssl_options[link.number].checks

    def _holds_news(self) -> bool:
        return self._context.profile.holds_news_while_prompting and self._context.line.state is State.DATA

    def _held_back_bytes(self, number: int) -> int:
        return sum(
            len(event.data)
            for event in self._news
            if isinstance(event, events.Received) and event.link == number
        )

    def _hold(self, event: events.Received | events.PeerClosed) -> None:
        """Keep an event of an open link for later; nothing follows a link's end."""
        if self.links[event.link].phase is not Phase.OPEN or events.PeerClosed(event.link) in self._news:
            return
        if isinstance(event, events.Received):
            held_bytes = self._held_back_bytes(event.link)
            if held_bytes + len(event.data) > BACKLOG_BYTES:
                raise LocalProtocolError(
                    f"link {event.link} has {held_bytes} bytes waiting for the end of a prompt, "
                    f"and the network brought {len(event.data)} more; ask receive_window() before sending"
                )
        self._news.append(event)

    def _connect_line(self, link: Link) -> bytes:
        if not self._context.running.messages & LINK_CONN:
            return f"{self._context.link_prefix(link.number)}CONNECT\r\n".encode()
        ends = f'{int(link.inbound)},"{link.address}",{link.remote_port},{link.local_port}'
        return f'+LINK_CONN:0,{link.number},"{link.kind.value}",{ends}\r\n'.encode()

    def _note_activity(self, link: Link) -> None:
        """Give an inbound link its full idle time again."""
        self._context.kernel.cancel(link.idle_timer)
        idle_ns = self._context.session.server_timeout_s * 1_000_000_000
        if link.inbound and idle_ns:
            link.idle_timer = self._context.kernel.after(idle_ns, lambda: self.close(link))

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
        if link.on_outcome:
            link.on_outcome(False)
            return
        self._context.finish(self._context.failure())
        if self._context.profile.closes_failed_links:
            self._say_closed(link)

    def _abort(self, link: Link) -> None:
        """End an open link whose peer cannot be reached any more."""
        self._context.kernel.act(actions.Close(link.number, abort=True))
        self._context.kernel.cancel(link.timer)
        link.drop_backlog()  # the peer's own, which it cannot send any more
        self.on_peer_closed(link)

    def _closed(self, link: Link) -> None:
        self._free(link)
        if not self.open():
            self.status = Status.UNLINKED
        self._say_closed(link)
        for number, _ in link.segments.waiting:
            self._say_segment(link, number, "SEND FAIL")
        self.sender.died(link)
        self._on_closed(link)

    def _say_closed(self, link: Link) -> None:
        self._context.announce(f"{self._context.link_prefix(link.number)}CLOSED\r\n".encode())

    def _say_segment(self, link: Link, number: int, verdict: str) -> None:
        prefix = self._context.link_prefix(link.number)
        self._context.announce(f"\r\n{prefix}{number},{verdict}\r\n".encode())

    def _free(self, link: Link) -> None:
        self._context.kernel.cancel(link.timer)
        self._context.kernel.cancel(link.idle_timer)
        link.phase, link.unacknowledged_bytes = Phase.FREE, 0
        link.drop_backlog()


REACTIONS: dict[tuple[Phase, type[events.LinkEvent]], Callable[..., None]] = {
    (Phase.CONNECTING, events.Connected): LinkTable.on_connected,
    (Phase.CONNECTING, events.ConnectFailed): LinkTable.on_failed,
    (Phase.OPEN, events.Acknowledged): LinkTable.on_acknowledged,
    (Phase.OPEN, events.Received): LinkTable.on_received,
    (Phase.OPEN, events.PeerClosed): LinkTable.on_peer_closed,
}
