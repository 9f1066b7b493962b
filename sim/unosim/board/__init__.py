"""An Arduino Uno's ATmega328P, cycle for cycle.

The core is written in C (`_core`); its state is one plain struct, so a snapshot is a copy of its bytes.
`Board` is its Python face and `load_image` reads the program to put into it. Time is the cycle counter;
nothing here reads a clock.

Modelled: every opcode with its flags and cycles, interrupts, ports B, C and D with pull-ups and input levels,
external and pin-change interrupts, timers 0, 1 and 2 in every mode with their compare outputs, input capture
and external clocks, USART0 with 5 to 9 bits and parity, TXD and RXD as pins, SPI and TWI as masters, the ADC
with its triggers, the analog comparator, the EEPROM with its write times, self-programming with the boot
loader section, the watchdog, brown-out, sleep modes with the clocks they stop and what wakes from them.
`attach_serial` puts a serial device on two pins. `observer` is for debuggers and profilers.

Not modelled:

- registers that read back what was written and do nothing: TWAR and TWAMR (TWI as a slave), DIDR0, DIDR1,
  ASSR, CLKPR, OSCCAL, MCUCR's BODS, and PRR's bits for USART and ADC;
- SPI as a slave, asynchronous operation of timer 2, synchronous and SPI mode of the USART;
- start-up time after reset.

Data addresses above RAMEND read as zero and ignore writes; a reserved opcode stops the run with
`Stop.BAD_OPCODE`.
"""

from unosim.board.board import AIN0, AIN1, AREF, CLOCK_HZ, Board
from unosim.board.errors import BoardError, ImageError, UartInputError
from unosim.board.events import (
    BOOT_LOADER_FUSES,
    AdcStarted,
    Event,
    Fuses,
    PinChanged,
    ResetBegan,
    SerialSent,
    SpiStarted,
    Stop,
    TwiBegan,
    TwiStep,
    UartSent,
)
from unosim.board.image import Image, Symbol, load_image
from unosim.board.observer import Observer

__all__ = [
    "AIN0",
    "AIN1",
    "AREF",
    "BOOT_LOADER_FUSES",
    "CLOCK_HZ",
    "AdcStarted",
    "Board",
    "BoardError",
    "Event",
    "Fuses",
    "Image",
    "ImageError",
    "Observer",
    "PinChanged",
    "ResetBegan",
    "SerialSent",
    "SpiStarted",
    "Stop",
    "Symbol",
    "TwiBegan",
    "TwiStep",
    "UartInputError",
    "UartSent",
    "load_image",
]
