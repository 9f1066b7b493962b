"""Why a run stopped and what the board told the outside. Plain values, no behaviour."""

from enum import IntEnum
from typing import NamedTuple


class Stop(IntEnum):
    """Why `Board.run` came back."""

    LIMIT = 0  # the cycle counter reached the limit
    EVENT = 1  # something is in the event queue
    HALTED = 2  # asleep, and nothing inside the chip can ever wake it
    BAD_OPCODE = 3  # the program counter stands at a reserved opcode


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
        cause: the flag that MCUSR got: 8 for the watchdog.
        cycle: when.
    """

    cause: int
    cycle: int


class PinChanged(NamedTuple):
    """The program changed the level of at least one pin of a port, or a peripheral that of a watched pin.

    Attributes:
        port: "B", "C" or "D".
        value: level of the port's eight pins, bit n for pin n, pull-ups and driven inputs included.
        cycle: cycle of the write, or of the edge.
    """

    port: str
    value: int
    cycle: int


Event = UartSent | AdcStarted | PinChanged | SerialSent | ResetBegan
