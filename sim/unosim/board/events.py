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
        data: the byte, 0..255.
        start_cycle: falling edge of the start bit.
        end_cycle: end of the stop bit.
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


class PinChanged(NamedTuple):
    """The program changed the level of at least one pin of a port.

    Attributes:
        port: "B", "C" or "D".
        value: level of the port's eight pins, bit n for pin n, pull-ups and driven inputs included.
        cycle: cycle of the write.
    """

    port: str
    value: int
    cycle: int


Event = UartSent | AdcStarted | PinChanged
