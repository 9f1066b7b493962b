"""USART0's frame formats: 5 to 9 data bits, parity, stop bits, multi-processor mode, and TXD as a pin."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from unosim.board import Board, PinChanged, Stop, UartSent

MakeBoard = Callable[..., Board]

BIT = 1664  # cycles, 9600 baud
FE, DOR, UPE = 0x10, 0x08, 0x04
NOTES = 0x200

PRELUDE = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#define NOTES ((volatile uint8_t *)0x200)
static void done(void) { cli(); sleep_enable(); sleep_cpu(); for (;;) {} }
"""


class Format(NamedTuple):
    """A frame format and the bits that choose it."""

    name: str
    ucsz2: int
    ucsr0c: int
    size: int
    parity: int | None  # 0 even, 1 odd
    stop_bits: int


FORMATS = [
    Format("5N1", 0, 0x00, 5, None, 1),
    Format("6N1", 0, 0x02, 6, None, 1),
    Format("7N2", 0, 0x0C, 7, None, 2),
    Format("7E1", 0, 0x24, 7, 0, 1),
    Format("8E1", 0, 0x26, 8, 0, 1),
    Format("8O1", 0, 0x36, 8, 1, 1),
    Format("8O2", 0, 0x3E, 8, 1, 2),
    Format("9N1", 1, 0x06, 9, None, 1),
    Format("9E2", 1, 0x2E, 9, 0, 2),
]


def bits_of(data: int, size: int, parity: int | None) -> list[int]:
    """Data bits and parity as they follow the start bit."""
    bits = [data >> n & 1 for n in range(size)]
    return bits if parity is None else [*bits, (sum(bits) + parity) % 2]


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@pytest.mark.parametrize("data", [0x1A5, 0x05B])
def test_a_sent_frame_is_a_wave_at_the_pin(c_board: MakeBoard, form: Format, data: int) -> None:
    board = c_board(
        PRELUDE
        + f"""int main(void) {{
            UBRR0 = 103; UCSR0C = {form.ucsr0c}; UCSR0B = {form.ucsz2 << 2} | _BV(TXEN0) | {data >> 8};
            UDR0 = {data & 0xFF};
            while (!(UCSR0A & _BV(TXC0))) {{}}
            UCSR0B = 0; done();
        }}"""
    )
    board.watch_pins("D", 2)
    events = []
    while board.run(1_000_000) == Stop.EVENT:
        events += board.take_events()
    (sent,) = (event for event in events if isinstance(event, UartSent))
    bits = [0, *bits_of(data, form.size, form.parity), *[1] * form.stop_bits]
    assert sent.data == data & (1 << form.size) - 1
    assert sent.end_cycle - sent.start_cycle == len(bits) * BIT

    levels = [(event.cycle, event.value >> 1 & 1) for event in events if isinstance(event, PinChanged)]
    middles = [sent.start_cycle + n * BIT + BIT // 2 for n in range(len(bits))]
    assert [[level for at, level in levels if at <= middle][-1] for middle in middles] == bits
    assert board.read_data(0x29, 1)[0] & 2 == 0  # released


READ_ONE = """int main(void) {{
    UBRR0 = 103; UCSR0C = {ucsr0c}; UCSR0B = {ucsz2} << 2 | _BV(RXEN0); UCSR0A = {mpcm};
    while (!(UCSR0A & _BV(RXC0))) {{}}
    NOTES[0] = UCSR0A; NOTES[1] = UCSR0B >> 1 & 1; NOTES[2] = UDR0;
    done();
}}"""


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@pytest.mark.parametrize("wrong_parity", [False, True])
def test_a_frame_is_received(c_board: MakeBoard, form: Format, wrong_parity: bool) -> None:
    board = c_board(PRELUDE + READ_ONE.format(ucsz2=form.ucsz2, ucsr0c=form.ucsr0c, mpcm=0))
    data = 0x1B3 & (1 << form.size) - 1
    bits = bits_of(data, form.size, form.parity)
    if wrong_parity and form.parity is not None:
        bits[-1] ^= 1
    board.uart_input(sum(bit << n for n, bit in enumerate(bits)), 5000, BIT * 256, len(bits))
    assert board.run(1_000_000) == Stop.HALTED
    status, ninth, low = board.read_data(NOTES, 3)
    assert (ninth << 8 | low, status & (FE | DOR)) == (data, 0)
    assert bool(status & UPE) == (wrong_parity and form.parity is not None)


def test_in_multi_processor_mode_only_addresses_are_received(c_board: MakeBoard) -> None:
    board = c_board(PRELUDE + READ_ONE.format(ucsz2=1, ucsr0c=6, mpcm="_BV(MPCM0)"))
    for n, data in enumerate((0x041, 0x042, 0x143, 0x044)):
        board.uart_input(data, 5000 + n * 11 * BIT, BIT * 256, 9)
    assert board.run(1_000_000) == Stop.HALTED
    assert board.read_data(NOTES + 1, 2) == b"\x01\x43"


@pytest.mark.parametrize(
    ("data", "bits", "message"), [(256, 8, "data must be 0..255"), (0, 17, "bits must be 0..16")]
)
def test_frames_that_cannot_be_are_refused(data: int, bits: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Board(b"").uart_input(data, 100, BIT * 256, bits)
