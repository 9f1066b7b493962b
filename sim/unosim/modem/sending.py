"""The dialogue of `AT+CIPSEND` and its relatives: prompt, data, `Recv`, and the verdict.

Rules: one send at a time for the whole module. `SEND OK` means that the peer's TCP acknowledged every byte;
for UDP, and always in ESP-AT 2, that the stack has taken the data. A link that dies before the data is
complete does not end the dialogue: the data is still taken, and then answered `SEND FAIL`. A segment of
`AT+CIPSENDBUF` ends the dialogue with its `Recv`; its verdict comes later, from the link table.
"""

from collections.abc import Callable
from dataclasses import dataclass

from unosim.modem.actions import Kind
from unosim.modem.context import Context
from unosim.modem.link import Link, Phase

SEND_BYTES = 2048
"""The most that one `AT+CIPSEND` takes (Espressif AT instruction set)."""

Transmit = Callable[[Link, bytes, tuple[str, int] | None], None]


@dataclass(frozen=True)
class Send:
    """One use of the dialogue."""

    link: Link
    to: tuple[str, int] | None = None
    """UDP: the peer of this datagram, if it is not the link's."""
    segment: bool = False
    """A numbered segment, whose verdict comes later."""


class Sender:
    """Runs the dialogue.

    Args:
        context: the shared parts of the engine.
        transmit: hands data to an open link's connection.
    """

    def __init__(self, context: Context, transmit: Transmit) -> None:
        self._context = context
        self._transmit = transmit
        self._send: Send | None = None
        self._handed_over = False

    def begin(self, send: Send, count: int, *, escaped: bool) -> None:
        """Prompt for `count` bytes (1 to `SEND_BYTES`) to an open link, with escapes or without."""
        self._send, self._handed_over = send, False
        self._context.expect(count, self._complete, escaped=escaped)

    def _complete(self, data: bytes) -> None:
        """Take the data, complete."""
        self._context.kernel.after(self._context.profile.received_line_ns, lambda: self._hand_over(data))

    def forget(self) -> None:
        """Drop the dialogue: cancelled by the host, or by a restart."""
        self._send = None

    def acknowledged(self, link: Link) -> None:
        """Take note that everything handed to a link has been acknowledged."""
        if self._context.profile.buffered_ns is None:
            self._accepted(link)

    def died(self, link: Link) -> None:
        """Take note that a link is gone, after its line said so."""
        if self._send and link is self._send.link and self._handed_over:
            self._end(self._context.profile.send_fail)

    def _hand_over(self, data: bytes) -> None:
        send = self._send
        if send is None:
            return
        self._context.kernel.write(b"\r\nRecv %d bytes\r\n" % len(data))
        if send.link.phase is not Phase.OPEN or not data:
            self._end(self._context.profile.send_fail)
        elif send.segment:
            send.link.segments.add(len(data))
            self._transmit(send.link, data, None)
            self._end(b"")
        else:
            self._handed_over = True
            self._transmit(send.link, data, send.to)
            if send.link.kind is Kind.UDP:
                self._accepted(send.link)
            elif self._context.profile.buffered_ns is not None:
                self._context.kernel.after(self._context.profile.buffered_ns, lambda: self._buffered(send))

    def _buffered(self, send: Send) -> None:
        """Report success of a send that is still in progress: its link may have died meanwhile."""
        if send is self._send:
            self._accepted(send.link)

    def _accepted(self, link: Link) -> None:
        if self._send and link is self._send.link and self._handed_over:
            self._end(b"\r\nSEND OK\r\n")

    def _end(self, verdict: bytes) -> None:
        self._send = None
        self._context.finish(verdict)
