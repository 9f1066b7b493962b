"""The Uno's UART as a pseudo-terminal, as the USB cable shows it: what other programs open by its name.

The rate that the other program sets on it counts: at a wrong one, garbage goes both ways.

What it does not do: reset the Uno when the port is opened, as the Uno's USB chip does by way of DTR, which a
pseudo-terminal has not.
"""

import select
import time
from pathlib import Path

from unosim.fronts.pty import PtyStream
from unosim.terminal import Terminal


class SerialPort:
    """A pseudo-terminal and what is to be wired to the simulated UART.

    Args:
        link: a symbolic link to make to it; None for none.

    Raises:
        FrontError: the link cannot be made.
    """

    def __init__(self, link: Path | None) -> None:
        self.lost_bytes = 0
        """What the Uno said and nobody read."""
        self._stream = PtyStream(link)
        self._said = bytearray()
        self.terminal = Terminal(self._stream.baud, self._said.extend)
        """What to wire to the UART."""

    @property
    def name(self) -> str:
        """What the other program opens."""
        return self._stream.name

    def exchange(self, now_ns: int, wait_s: float) -> None:
        """Carry bytes both ways; wait for some of the other program's.

        Args:
            now_ns: the simulated instant.
            wait_s: the longest wait in wall seconds; 0 or less for none.
        """
        if self._said:
            self.lost_bytes += len(self._said) - self._stream.write(bytes(self._said))
            self._said.clear()
        until_s = time.monotonic() + wait_s
        select.select(self._stream.readers(), [], [], max(0.0, wait_s))
        for said in self._stream.read():
            self.terminal.say(said.data, now_ns)
        if self._stream.baud != self.terminal.baud:
            self.terminal.set_baud(self._stream.baud, now_ns)
        time.sleep(max(0.0, until_s - time.monotonic()))

    def close(self) -> None:
        """Take the port away, and the link that leads to it."""
        self._stream.close()
