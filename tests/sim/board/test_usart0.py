"""USART0 against the datasheet (section 20): frame times, buffers, overrun, framing errors, interrupts."""

import itertools
from collections.abc import Callable

import pytest

from unosim.board import Board, Stop, UartInputError, UartSent

MakeBoard = Callable[..., Board]

BIT_9600 = 1664  # cycles, UBRR0 = 103 (U2X0 = 0) or 207 (U2X0 = 1)
RXC, TXC, UDRE, FE, DOR = 0x80, 0x40, 0x20, 0x10, 0x08
SRAM = 0x200  # where the programs below leave their notes

PRELUDE = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <util/delay.h>
#define NOTES ((volatile uint8_t *)0x200)
static void done(void) { cli(); sleep_enable(); sleep_cpu(); for (;;) {} }
static void at_9600(void) { UBRR0 = 103; UCSR0B = _BV(RXEN0) | _BV(TXEN0); }
"""


def finish(board: Board) -> list[UartSent]:
    """Run to the end of the program; what it sent."""
    sent = []
    while board.run(50_000_000) == Stop.EVENT:
        sent += [event for event in board.take_events() if isinstance(event, UartSent)]
    assert board.run(50_000_000) == Stop.HALTED
    return sent


def feed(board: Board, data: bytes, *, start: int, bit_cycles: float = BIT_9600) -> None:
    """Put bytes back to back on the receive line."""
    for n, byte in enumerate(data):
        board.uart_input(byte, start + round(n * 10 * bit_cycles), round(bit_cycles * 256))


@pytest.mark.parametrize(
    ("ubrr", "u2x", "bit_cycles"),
    [
        pytest.param(103, 0, 16 * 104, id="9600"),
        pytest.param(207, 1, 8 * 208, id="9600 U2X"),
        pytest.param(8, 0, 16 * 9, id="115200"),
        pytest.param(16, 1, 8 * 17, id="115200 U2X"),
        pytest.param(0, 1, 8, id="2M"),
    ],
)
def test_a_frame_takes_exactly_ten_bit_times(
    c_board: MakeBoard, ubrr: int, u2x: int, bit_cycles: int
) -> None:
    board = c_board(
        PRELUDE
        + f"""
        int main(void) {{
            UBRR0 = {ubrr}; UCSR0A = {u2x} << U2X0; UCSR0B = _BV(TXEN0);
            for (const char *c = "Uno"; *c; c++) {{ while (!(UCSR0A & _BV(UDRE0))) {{}} UDR0 = *c; }}
            done();
        }}"""
    )
    sent = finish(board)
    assert bytes(frame.data for frame in sent) == b"Uno"
    assert [frame.bit_cycles_q8 for frame in sent] == [256 * bit_cycles] * 3
    assert [frame.end_cycle - frame.start_cycle for frame in sent] == [10 * bit_cycles] * 3
    if bit_cycles > 8:  # at 2 Mbit/s the loop is slower than the line
        assert [frame.start_cycle for frame in sent[1:]] == [frame.end_cycle for frame in sent[:2]]


def test_transmitter_is_double_buffered(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + """
        int main(void) {
            at_9600();
            NOTES[0] = UCSR0A;
            UDR0 = 'A'; NOTES[1] = UCSR0A;
            UDR0 = 'B'; NOTES[2] = UCSR0A;
            UDR0 = 'C'; // no room: lost
            while (!(UCSR0A & _BV(TXC0))) {}
            NOTES[3] = UCSR0A;
            UCSR0A = _BV(TXC0); NOTES[4] = UCSR0A;
            done();
        }"""
    )
    sent = finish(board)
    assert [chr(frame.data) for frame in sent] == ["A", "B"]
    assert [f"{note:02x}" for note in board.read_data(SRAM, 5)] == [
        f"{note:02x}" for note in (UDRE, UDRE, 0, UDRE | TXC, UDRE)
    ]


READ_ALL_AFTER_60_MS = (
    PRELUDE
    + """
    int main(void) {
        at_9600();
        _delay_ms(60);
        uint8_t n = 0;
        for (;;) {
            uint8_t status = UCSR0A;
            if (!(status & _BV(RXC0))) break;
            NOTES[n++] = status; NOTES[n++] = UDR0;
        }
        NOTES[n] = 0;
        done();
    }"""
)


@pytest.mark.parametrize(
    ("fed", "kept"),
    [
        ("A", [("A", 0)]),
        ("AB", [("A", 0), ("B", 0)]),
        ("ABC", [("A", 0), ("B", 0), ("C", 0)]),
        ("ABCD", [("A", 0), ("B", 0), ("D", DOR)]),
        ("ABCDE", [("A", 0), ("B", 0), ("E", DOR)]),
        ("ABCDEF", [("A", 0), ("B", 0), ("F", DOR)]),
    ],
)
def test_unread_frames_fill_two_bytes_and_a_shift_register(
    c_board: MakeBoard, fed: str, kept: list[tuple[str, int]]
) -> None:
    board = c_board(READ_ALL_AFTER_60_MS)
    feed(board, fed.encode(), start=10_000)
    finish(board)
    notes = board.read_data(SRAM, 2 * len(kept) + 1)
    assert [(chr(notes[i + 1]), notes[i] & (FE | DOR)) for i in range(0, 2 * len(kept), 2)] == kept
    assert notes[-1] == 0


def test_data_overrun_ends_with_the_frame_that_carries_it(c_board: MakeBoard) -> None:
    board = c_board(READ_ALL_AFTER_60_MS.replace("break;", "{ if (NOTES[n] = 0, n > 6) break; continue; }"))
    feed(board, b"ABCD", start=10_000)
    board.uart_input(ord("E"), 61 * 16_000, BIT_9600 * 256)  # the others have been read by then
    finish(board)
    notes = board.read_data(SRAM, 8)
    assert [(chr(notes[i + 1]), notes[i] & DOR) for i in range(0, 8, 2)] == [
        ("A", 0),
        ("B", 0),
        ("D", DOR),
        ("E", 0),
    ]


@pytest.mark.parametrize(
    ("sender_bit", "data", "received", "flags"),
    [
        pytest.param(1.00, 0x55, 0x55, 0, id="right baud"),
        pytest.param(0.96, 0x55, 0x55, 0, id="4 % fast"),
        pytest.param(1.04, 0x55, 0x55, 0, id="4 % slow"),
        pytest.param(0.92, 0x00, 0x80, 0, id="8 % fast: the stop bit is taken for bit 7"),
        pytest.param(1.08, 0x00, 0x00, FE, id="8 % slow: bit 7 is taken for the stop bit"),
        pytest.param(2.00, 0x0F, 0xFE, 0, id="half the baud rate: each bit twice"),
        pytest.param(2.00, 0x00, 0x00, FE, id="half the baud rate: no stop bit in sight"),
    ],
)
def test_wrong_baud_gives_garbage_and_framing_errors(
    c_board: MakeBoard, sender_bit: float, data: int, received: int, flags: int
) -> None:
    board = c_board(READ_ALL_AFTER_60_MS)
    feed(board, bytes([data]), start=10_000, bit_cycles=sender_bit * BIT_9600)
    finish(board)
    status, byte = board.read_data(SRAM, 2)
    assert (f"{byte:02x}", status & (FE | DOR)) == (f"{received:02x}", flags)


@pytest.mark.parametrize(
    ("stop_bit_begins", "flags"),
    [
        pytest.param(151.5, 0, id="two or three votes high"),
        pytest.param(153.5, FE, id="at most one vote high"),
    ],
)
@pytest.mark.parametrize(
    "phase", [0, 26, 52, 78]
)  # of the sender against the receiver's sample clock, cycles
def test_two_votes_of_three_decide_a_bit(
    c_board: MakeBoard, stop_bit_begins: float, flags: int, phase: int
) -> None:
    board = c_board(READ_ALL_AFTER_60_MS)
    sample = BIT_9600 // 16
    feed(board, b"\0", start=10_000 + phase, bit_cycles=stop_bit_begins * sample / 9)
    finish(board)
    assert board.read_data(SRAM, 1)[0] & FE == flags


def test_a_low_pulse_shorter_than_half_a_bit_is_no_start_bit(c_board: MakeBoard) -> None:
    board = c_board(READ_ALL_AFTER_60_MS)
    board.uart_input(0xFF, 10_000, 700 * 256)
    board.uart_input(ord("A"), 20_000, BIT_9600 * 256)
    finish(board)
    status, byte, end = board.read_data(SRAM, 3)
    assert (chr(byte), status & FE, end) == ("A", 0, 0)


def test_switching_the_receiver_off_flushes_it(c_board: MakeBoard) -> None:
    board = c_board(
        READ_ALL_AFTER_60_MS.replace("uint8_t n = 0;", "uint8_t n = 0; UCSR0B = 0; UCSR0B = _BV(RXEN0);")
    )
    feed(board, b"ABCD", start=10_000)
    finish(board)
    assert board.read_data(SRAM, 1) == b"\0"


def test_receive_complete_comes_in_the_middle_of_the_stop_bit(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + """
        ISR(USART_RX_vect) { NOTES[0] = UDR0; PORTB = 1; }
        int main(void) { at_9600(); DDRB = 1; UCSR0B |= _BV(RXCIE0); sei(); for (;;) {} }"""
    )
    board.uart_input(0xA7, 20_000, BIT_9600 * 256)
    assert board.run(100_000) == Stop.EVENT
    assert board.read_data(SRAM, 1) == b"\xa7"
    sample = BIT_9600 / 16
    middle = 20_000 + 9 * BIT_9600 + 9 * sample  # the last of three votes, section 20.8.2
    assert middle <= board.cycle <= middle + 2 * sample  # phase, entry


def test_transmit_interrupts_send_a_string(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + """
        static const char text[] = "interrupts";
        static volatile uint8_t next;
        ISR(USART_UDRE_vect) { if (text[next]) UDR0 = text[next++]; else UCSR0B &= ~_BV(UDRIE0); }
        ISR(USART_TX_vect) { NOTES[0] = UCSR0A; done(); }
        int main(void) {
            at_9600(); UCSR0B |= _BV(UDRIE0) | _BV(TXCIE0); sei();
            for (;;) sleep_mode();
        }"""
    )
    sent = finish(board)
    assert bytes(frame.data for frame in sent) == b"interrupts"
    assert all(a.end_cycle == b.start_cycle for a, b in itertools.pairwise(sent))
    assert board.read_data(SRAM, 1)[0] & TXC == 0  # the handler's entry clears it


def test_input_in_the_past_out_of_order_or_beyond_the_queue_is_refused(
    c_board: MakeBoard,
) -> None:
    board = c_board(PRELUDE + "int main(void) { at_9600(); for (;;) {} }")
    board.run(1000)
    with pytest.raises(UartInputError, match=r"byte 0x41 at cycle 999: it starts in the past \(now 1000"):
        board.uart_input(0x41, 999, BIT_9600 * 256)
    board.uart_input(0x41, 2000, BIT_9600 * 256)
    with pytest.raises(UartInputError, match="it overlaps"):
        board.uart_input(0x42, 2000 + 8 * BIT_9600, BIT_9600 * 256)
    room = board.uart_input_room
    assert room >= 256
    feed(board, bytes(room), start=100_000)
    with pytest.raises(UartInputError, match="the queue of received frames is full"):
        board.uart_input(0x43, 100_000_000, BIT_9600 * 256)
    board.run(100_000 + 100 * 10 * BIT_9600)
    assert board.uart_input_room >= 98
