"""External and pin-change interrupts (DS40002061 section 13), and waking by them (section 10)."""

from collections.abc import Callable

import pytest

from unosim.board import Board, PinChanged, Stop

MakeBoard = Callable[..., Board]

PIND, PCIFR, EIFR = 0x29, 0x3B, 0x3C
NOTES = 0x200

COUNT = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#define NOTES ((volatile uint8_t *)0x200)
ISR(INT0_vect) { NOTES[0]++; }
ISR(INT1_vect) { NOTES[1]++; }
ISR(PCINT0_vect) { NOTES[2]++; }
ISR(PCINT1_vect) { NOTES[3]++; }
ISR(PCINT2_vect) { NOTES[4]++; }
"""
PULSES = [True, False, True, False, False, True]  # three rising and two falling edges after a low level


def counting_board(c_board: MakeBoard, settings: str, loop: str = "") -> Board:
    board = c_board(
        COUNT
        + "int main(void) { for (uint8_t i = 0; i < 5; i++) NOTES[i] = 0;"
        + f"{settings} sei(); for (;;) {{ {loop} }} }}"
    )
    for port in "BCD":
        for bit in range(8):
            board.drive_pin(port, bit, level=False)
    board.run(1000)
    return board


def pulse(board: Board, port: str, bit: int) -> list[int]:
    for level in PULSES:
        board.drive_pin(port, bit, level=level)
        board.run(board.cycle + 200)
    return list(board.read_data(NOTES, 5))


@pytest.mark.parametrize(
    ("settings", "pin", "counts"),
    [
        ("EICRA = 1; EIMSK = 1;", ("D", 2), [5, 0, 0, 0, 0]),
        ("EICRA = 2; EIMSK = 1;", ("D", 2), [2, 0, 0, 0, 0]),
        ("EICRA = 3; EIMSK = 1;", ("D", 2), [3, 0, 0, 0, 0]),
        ("EICRA = 4; EIMSK = 2;", ("D", 3), [0, 5, 0, 0, 0]),
        ("EICRA = 8; EIMSK = 2;", ("D", 3), [0, 2, 0, 0, 0]),
        ("EICRA = 12; EIMSK = 2;", ("D", 3), [0, 3, 0, 0, 0]),
        ("EICRA = 12; EIMSK = 1; EIMSK = 2;", ("D", 2), [0, 0, 0, 0, 0]),
        ("PCICR = 1; PCMSK0 = 0x20;", ("B", 5), [0, 0, 5, 0, 0]),
        ("PCICR = 1; PCMSK0 = 0x20;", ("B", 4), [0, 0, 0, 0, 0]),
        ("PCICR = 2; PCMSK1 = 0x01;", ("C", 0), [0, 0, 0, 5, 0]),
        ("PCICR = 4; PCMSK2 = 0x80;", ("D", 7), [0, 0, 0, 0, 5]),
        ("PCICR = 3; PCMSK2 = 0x80;", ("D", 7), [0, 0, 0, 0, 0]),
    ],
)
def test_edges_are_counted(
    c_board: MakeBoard, settings: str, pin: tuple[str, int], counts: list[int]
) -> None:
    assert pulse(counting_board(c_board, settings), *pin) == counts


def test_the_low_level_interrupts_as_long_as_it_lasts(c_board: MakeBoard) -> None:
    board = counting_board(c_board, "EIMSK = 1;")  # low from the start
    many = board.read_data(NOTES, 1)[0]
    assert many > 10
    board.drive_pin("D", 2, level=True)
    board.run(board.cycle + 100)
    stopped_at = board.read_data(NOTES, 1)[0]
    board.run(board.cycle + 1000)
    assert board.read_data(NOTES, 1)[0] == stopped_at


def test_an_output_pin_interrupts_too(c_board: MakeBoard) -> None:
    board = counting_board(c_board, "DDRD = 4; EICRA = 3; EIMSK = 1;", "PORTD ^= 4;")
    board.take_events()
    while board.run(2000) == Stop.EVENT:
        board.take_events()
    assert board.read_data(NOTES, 1)[0] > 10


def test_flags_rise_three_cycles_after_the_edge_and_are_cleared_by_ones(asm_board: MakeBoard) -> None:
    board = asm_board(
        "ldi r16, 1\n sts EICRA, r16\n ldi r16, 4\n sts PCMSK2, r16\n"
        + "nop\n" * 20
        + "sbi EIFR, INTF0\n nop\n sbi PCIFR, PCIF2\n loop: rjmp loop\n"
    )
    board.run(10)
    board.drive_pin("D", 2, level=True)
    seen = []
    for cycle in range(11, 16):
        board.run(cycle)
        seen.append((board.read_data(EIFR, 1)[0], board.read_data(PCIFR, 1)[0]))
    assert seen == [(0, 0), (0, 0), (1, 4), (1, 4), (1, 4)]
    board.run(29)
    assert (board.read_data(EIFR, 1)[0], board.read_data(PCIFR, 1)[0]) == (0, 4)
    board.run(32)
    assert (board.read_data(EIFR, 1)[0], board.read_data(PCIFR, 1)[0]) == (0, 0)


SLEEP = "SMCR = {mode} << 1 | 1; {settings}"
IDLE, NOISE_REDUCTION, POWER_DOWN, POWER_SAVE, STANDBY = 0, 1, 2, 3, 6
PIN_CHANGE = "PCICR = 4; PCMSK2 = 4;"


@pytest.mark.parametrize(
    ("mode", "settings", "woken", "start_up"),
    [
        pytest.param(IDLE, PIN_CHANGE, True, 3, id="pin change, idle"),
        pytest.param(NOISE_REDUCTION, PIN_CHANGE, True, 0, id="pin change, noise reduction"),
        pytest.param(POWER_DOWN, PIN_CHANGE, True, 16_384, id="pin change, power-down"),
        pytest.param(POWER_SAVE, PIN_CHANGE, True, 16_384, id="pin change, power-save"),
        pytest.param(STANDBY, PIN_CHANGE, True, 6, id="pin change, standby"),
        pytest.param(IDLE, "EICRA = 2; EIMSK = 1;", True, 3, id="edge, idle"),
        pytest.param(POWER_DOWN, "EICRA = 2; EIMSK = 1;", False, 0, id="edge, power-down"),
        pytest.param(POWER_DOWN, "EICRA = 0; EIMSK = 1;", True, 16_384, id="level, power-down"),
    ],
)
def test_what_wakes_and_how_long_it_takes(
    c_board: MakeBoard, mode: int, settings: str, woken: bool, start_up: int
) -> None:
    handlers = COUNT.replace("NOTES[0]++;", "EIMSK = 0; NOTES[0]++;")
    text = SLEEP.format(mode=mode, settings=settings)
    board = c_board(
        handlers + f"int main(void) {{ NOTES[0] = NOTES[4] = 0; {text} sei(); for (;;) sleep_cpu(); }}"
    )
    board.drive_pin("D", 2, level=True)
    assert board.run(100_000) == (Stop.LIMIT if woken else Stop.HALTED)
    board.run(100_000)
    edge_at = board.cycle
    board.drive_pin("D", 2, level=False)
    while board.asleep and board.run(board.cycle + 1) == Stop.LIMIT and board.cycle < 200_000:
        pass
    assert board.asleep != woken
    if woken:
        assert board.cycle - edge_at == start_up + 4
        board.run(board.cycle + 100)
        assert sum(board.read_data(NOTES, 5)[i] for i in (0, 4)) == 1


BIT = 1664  # cycles, 9600 baud


def test_rxd_shows_the_line_from_the_first_frame_on(asm_board: MakeBoard) -> None:
    board = asm_board("loop: rjmp loop\n")
    board.run(1000)
    assert board.read_data(0x29, 1)[0] & 1 == 0  # nobody there, no pull-up
    board.uart_input(0b0101_0011, 10_000, BIT * 256)
    levels = []
    for bit in range(12):
        board.run(10_000 + bit * BIT - BIT // 2)
        levels.append(board.read_data(0x29, 1)[0] & 1)
    assert levels == [1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1]  # at rest, start, eight data bits, stop, at rest


@pytest.mark.parametrize(("edge", "level"), [(9_997, 0), (9_998, 0), (9_999, 1)])
def test_rxd_passes_the_synchroniser_of_its_pin(asm_board: MakeBoard, edge: int, level: int) -> None:
    board = asm_board("loop: rjmp loop\n")
    board.uart_input(0x00, edge, BIT * 256)
    board.run(10_000)
    assert (board.cycle, board.read_data(0x29, 1)[0] & 1) == (10_000, level)


def test_rxd_edges_are_told_to_a_watcher_at_their_cycles(asm_board: MakeBoard) -> None:
    board = asm_board("loop: rjmp loop\n")
    board.watch_pins("D", 1)
    for n, byte in enumerate(b"\x0f\xff"):
        board.uart_input(byte, 10_000 + 20_000 * n, BIT * 256)
    edges = []
    while board.cycle < 60_000:
        if board.run(60_000) == Stop.EVENT:
            edges += [(e.cycle, e.value & 1) for e in board.take_events() if isinstance(e, PinChanged)]
    assert edges == [
        (10_000, 0),
        (10_000 + BIT, 1),
        (10_000 + 5 * BIT, 0),
        (10_000 + 9 * BIT, 1),
        (30_000, 0),
        (30_000 + BIT, 1),
    ]


def test_a_start_bit_wakes_a_sleeper_by_a_pin_change(c_board: MakeBoard) -> None:
    text = SLEEP.format(mode=POWER_DOWN, settings="PCICR = 4; PCMSK2 = 1;")
    board = c_board(COUNT + f"int main(void) {{ NOTES[4] = 0; {text} sei(); for (;;) sleep_cpu(); }}")
    board.uart_input(0x00, 100_000, BIT * 256)
    assert board.run(100_000 - 1) == Stop.LIMIT
    assert board.asleep
    board.run(100_000 + 16_384 + 200)
    assert board.read_data(NOTES + 4, 1)[0] >= 1


def test_an_enabled_receiver_makes_its_pin_an_input(asm_board: MakeBoard) -> None:
    board = asm_board(
        "sbi DDRD, 0\n nop\n in r20, PIND\n"
        "ldi r16, 0x10\n sts UCSR0B, r16\n nop\n nop\n nop\n in r21, PIND\n"
        "loop: rjmp loop\n"
    )
    board.uart_input(0xFF, 50_000, BIT * 256)  # the line is high until then
    while board.run(100) == Stop.EVENT:
        board.take_events()
    assert [byte & 1 for byte in board.read_data(20, 2)] == [0, 1]
