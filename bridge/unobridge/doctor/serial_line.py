"""The doctor's line to a module on a real serial port, and what was said on it."""

import select
import time
from collections.abc import Callable

from unobridge.errors import PortError, PortLostError
from unobridge.serial_port import SerialPort
from unosim.trace import Channel, Entry

SETTLE_MS = 2_000
"""Opening a port resets a Uno, whose boot loader listens for so long."""


class SerialLine:
    """A serial port as `probe` sees it.

    Args:
        name: the port.
        baud: the rate in bits per second at first.
        power_cycle: switches the module off and on; returns whether that was possible.

    Raises:
        PortError: the port cannot be opened.
    """

    def __init__(self, name: str, baud: int, power_cycle: Callable[[], bool]) -> None:
        self.said: list[Entry] = []
        """Everything that was said and heard; instants count from the opening of the port."""
        self._port = SerialPort(name, baud)
        self._baud = baud
        self._power_cycle = power_cycle
        self._began_ns = time.monotonic_ns()
        self.listen(SETTLE_MS, lambda _heard: True)

    def close(self) -> None:
        """Give the port back."""
        self._port.close()

    def set_baud(self, baud: int) -> None:
        """Speak and listen at a rate in bits per second."""
        if baud != self._baud:
            self._baud = baud
            self._port.set_baud(baud)

    def write(self, data: bytes) -> None:
        """Say something; what was heard before and not asked for is forgotten."""
        self._note(Channel.UNO_TX, data)
        self._port.write(data)

    def listen(self, wait_ms: int, until: Callable[[bytes], bool]) -> bytes:
        """Return what is heard within a time in ms, or until it is enough.

        Raises:
            PortError: the port is lost.
        """
        heard = bytearray()
        deadline_s = time.monotonic() + wait_ms / 1_000
        while (left_s := deadline_s - time.monotonic()) > 0:
            select.select(self._port.readers(), [], [], left_s)
            try:
                data = self._port.take()
            except PortLostError as error:
                raise PortError(f"the port was lost: {error}", hint="plug it in and start again") from error
            if data:
                self._note(Channel.ESP_TX, data)
                heard += data
                if until(bytes(heard)):
                    break
        return bytes(heard)

    def power_cycle(self) -> bool:
        """Switch the module off and on, if that is possible."""
        return self._power_cycle()

    def _note(self, channel: Channel, data: bytes) -> None:
        self.said.append(Entry(time.monotonic_ns() - self._began_ns, channel, data, self._baud))
