"""A modem with its UART and its network, without I/O: bytes and instants in, bytes at their instants out.

This is what every front drives with the wall clock, and what a replay drives with recorded instants. Bytes
of the host take their time on the wire like those of the modem, 10 bit times each, so the modem sees the
same gaps as on silicon even when the host hands over a whole command at once.

Rules: time is an argument and never runs backwards. Everything between two calls happens at its own instant:
being late changes when the caller hears of something, not what happened. Each direction is sampled with the
receiver's rate: where the rates differ, garbage comes out. Characters that leave back to back are given to
the modem together as far as it has patience, that is, as far as nothing could come of them before the last.

What it does not do: frames other than 8N1, RTS and CTS, breaks.
"""

from unosim.clock import NS_PER_S, earliest
from unosim.module_end import ModuleEnd, Watch
from unosim.network.seam import Network
from unosim.trace import Channel, Entry
from unosim.uart import Line, Run, sampled
from unosim.uart_module import UartModule

BACKLOG_BYTES_MAX = 4_096
"""What may wait for the wire in each direction before its source is asked to pause: the buffer of a serial
driver."""

_PS_PER_S = 1_000 * NS_PER_S


class WiredModem:
    """Runs a modem between a host's UART and a network.

    Args:
        modem: the module, not powered yet.
        network: what it reaches.
        watch: is shown everything that is said.
    """

    def __init__(self, modem: UartModule, network: Network, watch: Watch) -> None:
        self.modem = modem
        self.now_ns = 0
        self._end = ModuleEnd(modem, network, watch)
        self._watch = watch
        self._from_host = Line(modem.baud)

    @property
    def listening(self) -> bool:
        """Return whether the host's side of the wire has room for more."""
        return len(self._from_host) < BACKLOG_BYTES_MAX

    def room(self, link: int) -> int:
        """Return how many bytes the network may bring on a link (0-4) now."""
        return max(0, min(self.modem.receive_window(link), BACKLOG_BYTES_MAX - len(self._end.to_host)))

    def power_on(self, now_ns: int) -> None:
        """Apply power to the module."""
        self._end.power_on(now_ns)

    def say(self, data: bytes, baud: int | None, now_ns: int) -> None:
        """Put bytes of the host on the wire, behind those still leaving.

        Args:
            data: what the host says.
            baud: the host's rate in bits per second; None for a host that has none and follows the modem.
            now_ns: the instant.
        """
        self._from_host.set_baud(baud or self.modem.baud)
        self._from_host.write(data, now_ns)

    def station_joins(self, mac: str, now_ns: int) -> None:
        """Let a station come to the module's own access point."""
        self._end.apply(self.modem.guest_joined(mac, now_ns), now_ns)

    def station_leaves(self, mac: str, now_ns: int) -> None:
        """Let a station leave the module's own access point."""
        self._end.apply(self.modem.guest_left(mac, now_ns), now_ns)

    def next_deadline(self) -> int | None:
        """Return the instant in ns at which something happens next, or None if nothing is under way."""
        return earliest(self._next_event(), self._end.to_host.next_end_ns())

    def run(self, now_ns: int) -> None:
        """Let time pass up to an instant."""
        while (due_ns := self._next_event()) is not None and due_ns <= now_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self._hear_host()
            self._end.settle(self.now_ns)
        self.now_ns = now_ns
        self._end.settle(now_ns)  # a network of real sockets may have something that nobody announced

    def heard(self, baud: int | None, now_ns: int) -> bytes:
        """Return what the host's UART has received up to an instant, by its rate (None follows the modem)."""
        data = bytearray()
        for run in self._end.to_host.take_ended(now_ns):
            data += _received(run, baud or run.baud)
        return bytes(data)

    def _next_event(self) -> int | None:
        """Return the instant in ns of the next event at the modem."""
        heard_ns = self._from_host.next_end_ns(self.modem.patience_bytes)
        return earliest(heard_ns, self._end.next_deadline())

    def _hear_host(self) -> None:
        """Give the modem what of the host has arrived by now."""
        for run in self._from_host.take_ended(self.now_ns):
            for index in range(len(run.data)):
                said = run.data[index : index + 1]
                self._watch(Entry(run.end_of(index), Channel.UNO_TX, said, run.baud))
            self._end.hear(_received(run, self.modem.baud), self.now_ns)


def _received(run: Run, baud: int) -> bytes:
    """Return what a receiver at a rate makes of characters; like drivers, it keeps those with no stop bit."""
    return run.data.translate(sampled(_PS_PER_S // run.baud, _PS_PER_S // baud))
