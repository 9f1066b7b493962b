"""An Arduino Uno's ATmega328P, cycle for cycle.

The core is written in C (`_core`); its state is one plain struct, so a snapshot is a copy of its bytes.
`Board` is its Python face and `load_image` reads the program to put into it. Time is the cycle counter;
nothing here reads a clock.

Modelled: every opcode with its flags and cycles, interrupts, ports B, C and D with pull-ups and input levels,
external and pin-change interrupts, timers 0, 1 and 2 in every mode with their compare outputs and input
capture, USART0 with 5 to 9 bits and parity, TXD as a pin, the ADC, the EEPROM with its write times, the
watchdog, sleep modes with the clocks they stop and what wakes from them. `attach_serial` puts a serial device
on two pins.

Not modelled:

- registers that read back what was written and do nothing: SPI (SPCR, SPSR, SPDR), TWI (TWBR, TWSR, TWAR,
  TWDR, TWCR, TWAMR), analog comparator (ACSR, DIDR0, DIDR1), ASSR, CLKPR, OSCCAL, MCUCR apart from PUD, and
  PRR apart from the timers;
- external clocks on T0 and T1, asynchronous operation of timer 2, synchronous and SPI mode of the USART, ADC
  triggers other than free running;
- SPM does nothing and SPMCSR reads as zero: no self-programming, no boot loader section, no moved vectors;
- RXD as a port pin: a received frame is no level on PD0;
- brown-out, and start-up time after reset.

Data addresses above RAMEND read as zero and ignore writes; a reserved opcode stops the run with
`Stop.BAD_OPCODE`.
"""

from unosim.board.board import Board
from unosim.board.errors import BoardError, ImageError, UartInputError
from unosim.board.events import AdcStarted, Event, PinChanged, ResetBegan, SerialSent, Stop, UartSent
from unosim.board.image import Image, Symbol, load_image

__all__ = [
    "AdcStarted",
    "Board",
    "BoardError",
    "Event",
    "Image",
    "ImageError",
    "PinChanged",
    "ResetBegan",
    "SerialSent",
    "Stop",
    "Symbol",
    "UartInputError",
    "UartSent",
    "load_image",
]
