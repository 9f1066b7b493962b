r"""What arrives on a link: printed as `+IPD` at once, or held for a host that reads by itself.

Theory of operation. Actively, data is printed in pieces of a segment or two. Passively, a link holds what
fits into its window and tells the host how much there is; what exceeds the window waits on the peer's behalf.
The 1.x line tells of every arrival and holds plain TCP only. ESP-AT 2 tells once, and again after each read
that leaves something; it holds everything, datagrams one by one, and keeps a link that its peer has closed
until it is drained.
"""

from collections.abc import Callable

from unosim.modem import events
from unosim.modem.actions import Kind
from unosim.modem.context import Context
from unosim.modem.link import Link, Phase
from unosim.modem.settings import PeerRule


class Receiver:
    """Prints and holds.

    Args:
        context: the shared parts of the engine.
        on_drained: called when the host has read all of a link whose peer is gone.
    """

    def __init__(self, context: Context, on_drained: Callable[[Link], None]) -> None:
        self._context = context
        self._on_drained = on_drained

    def take(self, link: Link, event: events.Received) -> None:
        """Print what arrived, or hold it."""
        if self._context.session.passing_through:
            self._context.kernel.write(event.data)
        elif link.kind is Kind.UDP:
            self._take_datagram(link, event)
        elif self._holds(link):
            if link.store(event.data):
                self._tell(link)
        else:
            self._print(link, event.data, (link.address, link.remote_port))

    def is_drained(self, link: Link) -> bool:
        """Return whether nothing stands between a closed peer and the end of its link."""
        return not link.backlog and not (self._context.profile.drains_before_closing and link.held_bytes)

    def read(self, link: Link, count: int) -> tuple[bytes, tuple[str, int]]:
        """Return up to `count` bytes that the link holds for the host, and who sent them."""
        if link.datagrams:
            data, sender = link.datagrams.popleft()
            data, more = data[:count], False
        else:
            (data, more), sender = link.read(count), (link.address, link.remote_port)
        link.told = False
        if more or link.peer_finished or self._context.profile.tells_once:
            # What follows comes once the answer of this read is out.
            self._context.kernel.after(0, lambda: self._after_read(link, arrived=more))
        return data, sender

    def tell_again(self, links: list[Link]) -> None:
        """Tell the host anew of all that is held."""
        for link in links:
            link.told = False
            if link.held_bytes:
                self._tell(link)

    def release(self, links: list[Link]) -> None:
        """Print what is held: the host does not read by itself any more."""
        for link in links:
            while link.held_bytes:
                data, sender = self.read(link, link.held_bytes)
                self._print(link, data, sender)

    def _holds(self, link: Link) -> bool:
        session, profile = self._context.session, self._context.profile
        return session.passive_receive and (link.kind is Kind.TCP or profile.holds_every_kind)

    def _take_datagram(self, link: Link, event: events.Received) -> None:
        """Take a datagram, and let its sender become the peer if the link's rule says so."""
        sender = event.sender or (link.address, link.remote_port)
        rule = link.target.peer_rule
        if rule is PeerRule.CHANGES_ALWAYS or (rule is PeerRule.CHANGES_ONCE and not link.peer_moved):
            link.peer_moved = True
            link.address, link.remote_port = sender
        if not self._holds(link):
            self._print(link, event.data, sender)
        elif link.store_datagram(event.data, sender):
            self._tell(link)

    def _print(self, link: Link, data: bytes, sender: tuple[str, int]) -> None:
        profile = self._context.profile
        piece_bytes = len(data) if link.kind is Kind.UDP else profile.ipd_bytes
        for start in range(0, len(data), piece_bytes):
            piece = data[start : start + piece_bytes]
            head = f"\r\n+IPD,{self._context.link_prefix(link.number)}{len(piece)}"
            if self._context.session.peer_in_ipd:
                head += profile.ipd_peer % sender
            self._context.kernel.write(f"{head}:".encode() + piece + profile.ipd_tail)

    def _after_read(self, link: Link, *, arrived: bool) -> None:
        left = arrived or (self._context.profile.tells_once and link.held_bytes)
        if left and link.phase is Phase.OPEN:
            self._tell(link)
        if link.peer_finished and self.is_drained(link):
            self._on_drained(link)

    def _tell(self, link: Link) -> None:
        """Tell the host how much a link holds, unless it knows that there is something."""
        if link.told and self._context.profile.tells_once:
            return
        link.told = True
        prefix = self._context.link_prefix(link.number)
        self._context.kernel.write(f"\r\n+IPD,{prefix}{link.held_bytes}\r\n".encode())
