"""Why a run stopped, what the board told the outside, and its fuses. Plain values, no behaviour."""

from enum import IntEnum
from typing import NamedTuple


class Stop(IntEnum):
    """Why `Board.run` came back."""

    LIMIT = 0  # the cycle counter reached the limit
    EVENT = 1  # something is in the event queue
    HALTED = 2  # asleep, and nothing inside the chip can ever wake it
    BAD_OPCODE = (
        3  # PC stands at a reserved opcode, or in flash that cannot be read while a page is programmed
    )
    BREAKPOINT = 4  # PC stands at a breakpoint of the observer
    WATCHPOINT = 5  # the last instruction has written a byte that the observer watches


class UartSent(NamedTuple):
    """USART0 has sent a frame; told at the end of its stop bit.

    Attributes:
        data: the byte, 0..255, or with nine data bits 0..511; parity is not part of it.
        start_cycle: falling edge of the start bit.
        end_cycle: end of the last stop bit.
        bit_cycles_q8: bit time in 1/256 cycles.
    """

    data: int
    start_cycle: int
    end_cycle: int
    bit_cycles_q8: int


class AdcStarted(NamedTuple):
    """A conversion has begun; the voltage set now is the one it samples.

    Attributes:
        channel: ADMUX channel, 0..15.
        cycle: rising edge of the ADC clock at which it began.
    """

    channel: int
    cycle: int


class SerialSent(NamedTuple):
    """The device of `Board.attach_serial` has received a frame, told when it samples the stop bit.

    Attributes:
        data: the byte, 0..255.
        start_cycle: falling edge of the start bit.
        sampled_cycle: middle of the stop bit by the device's own bit time.
        bit_cycles_q8: that bit time in 1/256 cycles.
        framing_error: the line was low where the stop bit should be.
    """

    data: int
    start_cycle: int
    sampled_cycle: int
    bit_cycles_q8: int
    framing_error: bool


class ResetBegan(NamedTuple):
    """The chip has reset itself.

    Attributes:
        cause: the flag that MCUSR got: 8 for the watchdog, 4 for the brown-out detector.
        cycle: when.
    """

    cause: int
    cycle: int


class PinChanged(NamedTuple):
    """The program or a reset changed the level of a pin of a port, or a peripheral that of a watched pin.

    Attributes:
        port: "B", "C" or "D".
        value: level of the port's eight pins, bit n for pin n, pull-ups and driven inputs included.
        cycle: cycle of the write, or of the edge.
    """

    port: str
    value: int
    cycle: int


class SpiStarted(NamedTuple):
    """SPI has begun to send a byte; `Board.spi_reply` answers it.

    Attributes:
        data: the byte, 0..255.
        cycle: when; the first bit is sampled half a period of SCK later.
        period_cycles_q8: period of SCK in 1/256 cycles; the byte takes eight.
    """

    data: int
    cycle: int
    period_cycles_q8: int


class TwiStep(IntEnum):
    """What happens on the two-wire bus."""

    START = 0
    REPEATED_START = 1
    WRITE = 2  # the master sends an address or a byte: `Board.twi_answer` acknowledges it
    READ = 3  # the master receives a byte: `Board.twi_answer` gives it
    STOP = 4


class TwiBegan(NamedTuple):
    """TWI has begun a step on the bus.

    Attributes:
        step: which.
        data: WRITE: the byte, 0..255, the first after a START being the address and the direction; READ: 1 if
            the master is going to acknowledge; otherwise 0.
        cycle: when.
        period_cycles_q8: period of SCL in 1/256 cycles; a byte takes nine.
    """

    step: TwiStep
    data: int
    cycle: int
    period_cycles_q8: int


class Fuses(NamedTuple):
    """Fuse and lock bytes, 0..255 each; a programmed bit is 0.

    What counts is BOOTRST, BOOTSZ and WDTON in `high`, BODLEVEL in `extended`, BLB01 and BLB11 in `lock`. The
    defaults are those of an Uno without its boot loader: resets begin at address 0, brown-out at 2.7 V.
    """

    low: int = 0xFF
    high: int = 0xDF
    extended: int = 0xFD
    lock: int = 0xFF


BOOT_LOADER_FUSES = Fuses(high=0xDE)
"""An Uno with Optiboot: resets begin in its 512 bytes at 0x7E00."""

Event = UartSent | AdcStarted | PinChanged | SerialSent | ResetBegan | SpiStarted | TwiBegan
