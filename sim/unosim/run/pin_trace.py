"""The levels of all pins of an Uno as a value change dump.

Every edge is there at its CPU cycle: those of the program, of timers and of the UART, and those of parts.
The wires are named as the board's pins are. A logic analyser's decoders read the protocols: UART on D0 and
D1, for example.

What it does not do: show what a module at a SoftwareSerial's pins sends.
"""

from typing import TextIO

from unosim.pins import PORT_PINS, Pin
from unosim.uno import Uno
from unosim.vcd import Signal, VcdWriter


class PinTrace:
    """Writes what happens at the pins from now on.

    Args:
        file: where to.
        uno: whose pins.
    """

    def __init__(self, file: TextIO, uno: Uno) -> None:
        self._uno = uno
        self._pins = [Pin(port, bit) for port, pins in PORT_PINS.items() for bit in range(len(pins))]
        for pin in self._pins:
            uno.watch(pin)
        self._writer = VcdWriter(file, "uno", [Signal(str(pin), int(uno.level(pin))) for pin in self._pins])
        uno.observe(self._show)

    def write(self, *, last: bool) -> None:
        """Write everything up to now; the last time, the end of the trace, too.

        Raises:
            OSError: the file cannot be written.
        """
        if last:
            self._writer.end(self._uno.now_ns)
        else:
            self._writer.flush(self._uno.now_ns)

    def _show(self, at_ns: int, port: str, levels: int) -> None:
        for pin in self._pins:
            if pin.port == port:
                self._writer.change(at_ns, str(pin), int(bool(levels & pin.mask)))
