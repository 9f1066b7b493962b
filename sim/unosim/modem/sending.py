"""The dialogue of `AT+CIPSEND` and `AT+CIPSENDEX`: prompt, data, `Recv`, and the verdict.

Rules: one send at a time for the whole module. `SEND OK` means that the peer's TCP acknowledged every byte. A
link that dies before the data is complete does not end the dialogue: the data is still taken, and then
answered `SEND FAIL`.
"""

from collections.abc import Callable

from unosim.modem.context import Context
from unosim.modem.link import Link, Phase

SEND_BYTES = 2048
"""The most that one `AT+CIPSEND` takes (Espressif AT instruction set)."""


class Sender:
    """Runs the dialogue.

    Args:
        context: the shared parts of the engine.
        transmit: hands data to an open link's connection.
    """

    def __init__(self, context: Context, transmit: Callable[[Link, bytes], None]) -> None:
        self._context = context
        self._transmit = transmit
        self._link: Link | None = None
        self._handed_over = False

    def begin(self, link: Link, count: int, *, escaped: bool) -> None:
        """Prompt for `count` bytes (1 to `SEND_BYTES`) to an open link, with escapes or without."""
        self._link, self._handed_over = link, False
        self._context.kernel.write(self._context.profile.send_prompt)
        self._context.line.expect(count, escaped=escaped)

    def complete(self, data: bytes) -> None:
        """Take the data, complete."""
        self._context.kernel.after(self._context.profile.received_line_ns, lambda: self._hand_over(data))

    def forget(self) -> None:
        """Drop the dialogue: cancelled by the host, or by a restart."""
        self._link = None

    def acknowledged(self, link: Link) -> None:
        """Take note that everything handed to a link has been acknowledged."""
        if link is self._link and self._handed_over:
            self._end(b"\r\nSEND OK\r\n")

    def died(self, link: Link) -> None:
        """Take note that a link is gone, after its line said so."""
        if link is self._link and self._handed_over:
            self._end(self._context.profile.send_fail)

    def _hand_over(self, data: bytes) -> None:
        link = self._link
        if link is None:
            return
        self._context.kernel.write(b"\r\nRecv %d bytes\r\n" % len(data))
        if link.phase is Phase.OPEN and data:
            self._handed_over = True
            self._transmit(link, data)
        else:
            self._end(self._context.profile.send_fail)

    def _end(self, verdict: bytes) -> None:
        self._link = None
        self._context.finish(verdict)
