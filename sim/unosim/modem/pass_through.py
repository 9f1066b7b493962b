"""Pass-through mode: the UART becomes a wire to one peer, until `+++` stands alone.

Theory of operation. What the host says is gathered into packets. A packet ends when the line has been quiet
for 20 ms or the packet is full. A packet that is one chunk between two such quiets and exactly `+++` ends the
mode; the link stays. A link that breaks is connected again for ever, out of the host's sight; what the host
says meanwhile is lost. Received data is printed bare by the link table.
"""

from unosim.modem.actions import Kind
from unosim.modem.context import Context
from unosim.modem.kernel import Timer
from unosim.modem.link import Link, Phase
from unosim.modem.links import LinkTable
from unosim.modem.settings import Target

PACKET_BYTES = 2_048
"""A packet is sent when it has this many bytes (Espressif AT instruction set, `AT+CIPSEND`)."""
ESCAPE = b"+++"
RECONNECT_INTERVAL_NS = 100_000_000
"""Unit of the time between two attempts to bring a lost link back: one of them in the NONOS line (observed),
and in ESP-AT as many as `AT+CIPRECONNINTV` says."""
ANNOUNCE_END = 1
"""Bit of `AT+SYSMSG` that announces the end of the mode with `+QUITT`."""


class PassThrough:
    """Runs the mode on link 0.

    Args:
        context: the shared parts of the engine.
        links: connects and transmits.
    """

    def __init__(self, context: Context, links: LinkTable) -> None:
        self._context = context
        self._links = links
        self._reachable = False
        self._packet = bytearray()
        self._chunks = 0
        self._quiet: Timer | None = None
        self._retry: Timer | None = None

    @property
    def _link(self) -> Link:
        return self._links.links[0]

    def reset(self) -> None:
        """Forget what was gathered: the module restarts or sleeps."""
        self._packet.clear()
        self._chunks, self._reachable = 0, False

    def enter(self) -> None:
        """Take the host's bytes for data, over the open link 0."""
        self.reset()
        self._reachable = True
        self._context.session.passing_through = True
        self._context.line.pass_through()

    def start(self, target: Target) -> None:
        """Enter the mode at the start of the module; the link comes when there is an address."""
        self._link.target = target
        self.enter()
        self._reachable = False

    def take(self, chunk: bytes) -> None:
        """Gather a chunk."""
        self._packet += chunk
        self._chunks += 1
        while len(self._packet) >= PACKET_BYTES:
            self._send(bytes(self._packet[:PACKET_BYTES]))
            del self._packet[:PACKET_BYTES]
        self._context.kernel.cancel(self._quiet)
        self._quiet = self._context.kernel.after(
            self._context.profile.pass_through_quiet_ns, self._end_packet
        )

    def link_closed(self, link: Link) -> None:
        """Bring the link back if it is ours and the mode lasts."""
        if self._context.session.passing_through and link is self._link:
            self._retry_soon()

    def set_reachable(self, *, reachable: bool) -> None:
        """Take note that the station has got an address, or lost it."""
        self._reachable = reachable
        if reachable and self._context.session.passing_through and self._link.phase is Phase.FREE:
            self._connect()

    def _end_packet(self) -> None:
        packet = bytes(self._packet)
        alone = self._chunks == 1
        self._packet.clear()
        self._chunks = 0
        if packet == ESCAPE and alone:
            self._leave()
        elif packet:
            self._send(packet)

    def _send(self, data: bytes) -> None:
        if self._link.phase is Phase.OPEN:
            self._links.transmit(self._link, data)

    def _leave(self) -> None:
        session = self._context.session
        session.passing_through = False
        self._context.kernel.cancel(self._retry)
        if self._link.phase is Phase.CONNECTING:
            self._links.abandon(self._link)
        if self._context.running.messages & ANNOUNCE_END:
            self._context.kernel.write(self._context.profile.quit_line)
        self._context.line.idle()

    def _retry_soon(self) -> None:
        self._context.kernel.cancel(self._retry)
        delay_ns = self._context.running.reconnect_intervals * RECONNECT_INTERVAL_NS
        self._retry = self._context.kernel.after(delay_ns, self._connect)

    def _connect(self) -> None:
        """Try to bring the link back; without an address there is nothing to try."""
        if self._reachable and self._link.phase is Phase.FREE:
            self._links.connect(self._link, self._link.target, reachable=True, on_outcome=self._outcome)

    def _outcome(self, connected: bool) -> None:
        if not connected:
            self._retry_soon()


def is_suitable(link: Link) -> bool:
    """Return whether a link can be passed through: TCP, SSL, or UDP with a fixed peer."""
    return link.phase is Phase.OPEN and (link.kind is not Kind.UDP or not link.target.peer_rule)
