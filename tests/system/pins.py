"""An Uno whose modem is wired to other pins: the line on pins 2 and 3, the modem's reset on pin 4.

To the simulation it is a board like any other: what the image sends on pin 3 comes as if the hardware UART
had sent it.
"""

from collections.abc import Callable

from unosim.board import CLOCK_HZ, Board, PinChanged, Stop, UartSent
from unosim.board.events import Event, SerialSent
from unosim.uart import Q8
from unosim.uart_module import UartModule

RESET_BIT = 4


class PinBoard(Board):
    """The board of image `uno_softserial`, or with `soft=False` of `uno`, with the reset pin wired.

    Args:
        flash: the image.
        eeprom: what the node was told.
        modem: whose rate the pins' other end has.
        soft: the modem is on pins 2 and 3.
        on_reset: called when the image lets the modem's reset pin go after it has held it.
    """

    def __init__(
        self,
        flash: bytes,
        eeprom: bytes,
        modem: UartModule,
        *,
        soft: bool = True,
        on_reset: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(flash, eeprom=eeprom)
        self.resets = 0
        self._modem = modem
        self._soft = soft
        self._on_reset = on_reset
        self._baud = 0
        self._held = False
        self.drive_pin("D", RESET_BIT, level=True)
        self._follow_baud()

    def _follow_baud(self) -> None:
        if self._soft and self._baud != self._modem.baud:
            self._baud = self._modem.baud
            bit = CLOCK_HZ * Q8 // self._baud
            self.attach_serial(listens=("D", 3), drives=("D", 2), bit_cycles_q8=bit)

    def run(self, until_cycle: int) -> Stop:
        """Run with the modem's present rate on the pins."""
        self._follow_baud()
        return super().run(until_cycle)

    def take_events(self) -> list[Event]:
        """Return what happened, with the pins' bytes in place of the hardware UART's."""
        events: list[Event] = []
        for event in super().take_events():
            if isinstance(event, PinChanged) and event.port == "D":
                self.on_port_d(event)
            elif isinstance(event, SerialSent):
                events.append(
                    UartSent(event.data, event.start_cycle, event.sampled_cycle, event.bit_cycles_q8)
                )
            elif not (self._soft and isinstance(event, UartSent)):
                events.append(event)
        return events

    def on_port_d(self, event: PinChanged) -> None:
        """Look at the pins that somebody is wired to."""
        low = not event.value >> RESET_BIT & 1
        if self._held and not low:
            self.resets += 1
            self._on_reset()
        self._held = low

    def uart_input(self, data: int, start_cycle: int, bit_cycles_q8: int, bits: int = 8) -> None:
        """Let the modem send a frame to the image."""
        if self._soft:
            self.serial_input(data, start_cycle, bit_cycles_q8)
        else:
            super().uart_input(data, start_cycle, bit_cycles_q8, bits)

    @property
    def uart_input_room(self) -> int:
        """How many frames may be put on the line in advance."""
        return self.serial_input_room if self._soft else super().uart_input_room
