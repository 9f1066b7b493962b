"""An Arduino Uno's ATmega328P, cycle for cycle.

The core is written in C (`_core`); its state is one plain struct, so a snapshot is a copy of its bytes.
`Board` is its Python face and `load_image` reads the program to put into it. Time is the cycle counter;
nothing here reads a clock.

Modelled: every opcode with its flags and cycles, interrupts, ports B, C and D with pull-ups and input levels,
timer 0, USART0 as 8N1, the ADC, the EEPROM with its write times, sleep modes with the clocks they stop.

Not modelled:

- registers that read back what was written and do nothing: timer 1 (TCCR1A-C, TCNT1, ICR1, OCR1A/B, TIMSK1),
  timer 2 (TCCR2A/B, TCNT2, OCR2A/B, TIMSK2, ASSR), SPI (SPCR, SPSR, SPDR), TWI (TWBR, TWSR, TWAR, TWDR, TWCR,
  TWAMR), watchdog (WDTCSR; WDR is a NOP), analog comparator (ACSR, DIDR0, DIDR1), external and pin-change
  interrupts (EICRA, EIMSK, PCICR, PCMSK0-2), CLKPR, OSCCAL, MCUCR apart from PUD, and PRR apart from PRTIM0;
- flag registers that read as zero, because nothing sets them: TIFR1, TIFR2, PCIFR, EIFR;
- SPM does nothing and SPMCSR reads as zero: no self-programming, no boot loader section, no moved vectors;
- pin outputs of timers and the transmit pin as a port pin: a UART byte is an event, not a level on PD1;
- start-up time after reset and, beyond four cycles, after waking; nothing modelled wakes from the deeper
  sleep modes.

Data addresses above RAMEND read as zero and ignore writes; a reserved opcode stops the run with
`Stop.BAD_OPCODE`.
"""

from unosim.board.board import Board
from unosim.board.errors import BoardError, ImageError, UartInputError
from unosim.board.events import AdcStarted, Event, PinChanged, Stop, UartSent
from unosim.board.image import Image, Symbol, load_image

__all__ = [
    "AdcStarted",
    "Board",
    "BoardError",
    "Event",
    "Image",
    "ImageError",
    "PinChanged",
    "Stop",
    "Symbol",
    "UartInputError",
    "UartSent",
    "load_image",
]
