"""Where on the Uno a module's UART is wired: pins 0 and 1 with the USART, or two pins with a SoftwareSerial.

Rules: frames go to the board ahead of their time, as many as it has room for. What the board says comes back
as the byte that the module's receiver makes of it, by its own rate; a framing error is kept, as the ESP8266's
driver does.
"""

from typing import NamedTuple, Protocol

from unosim.board import CLOCK_HZ, Board, Event, SerialSent, UartSent
from unosim.clock import cycles_at, ns_at
from unosim.pins import pin_at
from unosim.uart import Q8, Line, sample


class Heard(NamedTuple):
    """A frame of the board: what it sent, what the module makes of it, when in ns, at which rate."""

    sent: int
    byte: int
    at_ns: int
    baud: int


class BoardSerial(Protocol):
    """One UART of the board, as what is wired to it sees it."""

    baud: int
    """The rate in bits per second at which the module listens."""

    def feed(self, line: Line) -> None:
        """Put as many of a line's frames on the board's pin as it can know of in advance."""

    def set_baud(self, baud: int) -> None:
        """Listen at another rate in bits per second."""

    def hear(self, event: Event) -> Heard | None:
        """Return the frame that an event tells of; None for an event of something else."""


class HardwareSerial:
    """The USART on pins 0 and 1.

    Args:
        board: the Uno.
        baud: the module's rate in bits per second.
    """

    def __init__(self, board: Board, baud: int) -> None:
        self._board = board
        self.set_baud(baud)

    def feed(self, line: Line) -> None:
        """Put as many of a line's frames on pin 0 as the board can know of in advance."""
        if not line:
            return
        for frame in line.take(self._board.uart_input_room):
            self._board.uart_input(frame.data, cycles_at(frame.start_ns, CLOCK_HZ), _bit_q8(frame.baud))

    def set_baud(self, baud: int) -> None:
        """Listen at another rate in bits per second."""
        self.baud = baud

    def hear(self, event: Event) -> Heard | None:
        """Return the frame that has left at pin 1, or None."""
        if not isinstance(event, UartSent):
            return None
        byte, _ = sample(event.data, event.bit_cycles_q8, _bit_q8(self.baud))
        baud = CLOCK_HZ * Q8 // event.bit_cycles_q8
        return Heard(event.data, byte, ns_at(event.end_cycle, CLOCK_HZ), baud)


class PinSerial:
    """Two pins of the program's choice, bit by bit.

    Args:
        board: the Uno.
        baud: the module's rate in bits per second.
        receives: the pin on which the program receives, as `unosim.pins.pin_at` has it.
        sends: the pin on which it sends.
    """

    def __init__(self, board: Board, baud: int, *, receives: int | str = 2, sends: int | str = 3) -> None:
        self._board = board
        self._receives, self._sends = pin_at(receives), pin_at(sends)
        self.set_baud(baud)

    def feed(self, line: Line) -> None:
        """Put as many of a line's frames on the program's receiving pin as the board can know of."""
        for frame in line.take(self._board.serial_input_room):
            self._board.serial_input(frame.data, cycles_at(frame.start_ns, CLOCK_HZ), _bit_q8(frame.baud))

    def set_baud(self, baud: int) -> None:
        """Listen at another rate in bits per second."""
        self.baud = baud
        self._board.attach_serial(listens=self._sends, drives=self._receives, bit_cycles_q8=_bit_q8(baud))

    def hear(self, event: Event) -> Heard | None:
        """Return the frame that the device has sampled, at its own rate; None for another event."""
        if not isinstance(event, SerialSent):
            return None
        return Heard(event.data, event.data, ns_at(event.sampled_cycle, CLOCK_HZ), self.baud)


def _bit_q8(baud: int) -> int:
    return CLOCK_HZ * Q8 // baud
