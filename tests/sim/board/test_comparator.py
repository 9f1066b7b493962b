"""The analog comparator (DS40002061 section 23): inputs, interrupt edges, input capture, the multiplexer."""

from collections.abc import Callable

import pytest

from unosim.board import AIN0, AIN1, Board, Stop

MakeBoard = Callable[..., Board]

ACSR, NOTES = 0x50, 0x200
ACO, ACI = 0x20, 0x10

PRELUDE = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#define NOTES ((volatile uint8_t *)0x200)
ISR(ANALOG_COMP_vect) { NOTES[0]++; NOTES[1] = ACSR; }
"""


def board_with(c_board: MakeBoard, settings: str, loop: str = "") -> Board:
    board = c_board(PRELUDE + f"int main(void) {{ NOTES[0] = 0; {settings} sei(); for (;;) {{ {loop} }} }}")
    board.set_analog_mv(AIN0, 1000)
    board.set_analog_mv(AIN1, 2000)
    board.run(1000)
    return board


@pytest.mark.parametrize(
    ("settings", "voltages", "output"),
    [
        ("", {AIN0: 2001, AIN1: 2000}, True),
        ("", {AIN0: 2000, AIN1: 2000}, False),
        ("", {AIN0: 1999, AIN1: 2000}, False),
        ("ACSR = _BV(ACBG);", {AIN0: 0, AIN1: 1099}, True),  # the bandgap's 1.1 V
        ("ACSR = _BV(ACBG);", {AIN0: 5000, AIN1: 1100}, False),
        ("ADCSRB = _BV(ACME); ADMUX = 3;", {AIN0: 500, AIN1: 0, 3: 600}, False),
        ("ADCSRB = _BV(ACME); ADMUX = 3;", {AIN0: 500, AIN1: 5000, 3: 400}, True),
        ("ADCSRB = _BV(ACME); ADMUX = 3; ADCSRA = _BV(ADEN);", {AIN0: 500, AIN1: 5000, 3: 400}, False),
        ("ACSR = _BV(ACD);", {AIN0: 5000, AIN1: 0}, False),
    ],
)
def test_output(c_board: MakeBoard, settings: str, voltages: dict[int, int], *, output: bool) -> None:
    board = board_with(c_board, settings)
    for channel, millivolts in voltages.items():
        board.set_analog_mv(channel, millivolts)
    assert bool(board.read_data(ACSR, 1)[0] & ACO) == output


def test_the_multiplexer_is_looked_at_when_it_is_switched(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + """int main(void) {
            ADCSRB = _BV(ACME); ADMUX = 1; NOTES[2] = ACSR; ADMUX = 2; NOTES[3] = ACSR;
            ADCSRA = _BV(ADEN); NOTES[4] = ACSR; for (;;) {} }"""
    )
    for channel, millivolts in {AIN0: 1000, AIN1: 0, 1: 500, 2: 1500}.items():
        board.set_analog_mv(channel, millivolts)
    board.run(200)
    assert [bool(note & ACO) for note in board.read_data(NOTES + 2, 3)] == [True, False, True]


@pytest.mark.parametrize(
    ("acis", "interrupts"), [(0, 4), (2, 2), (3, 2)], ids=["toggle", "falling", "rising"]
)
def test_interrupts_at_the_chosen_edges(c_board: MakeBoard, acis: int, interrupts: int) -> None:
    board = board_with(c_board, f"ACSR = _BV(ACIE) | _BV(ACI) | {acis};")
    outputs = []
    for millivolts in (3000, 3100, 1000, 4000, 0):
        board.set_analog_mv(AIN0, millivolts)
        before = board.read_data(NOTES, 1)[0]
        board.run(board.cycle + 100)
        if board.read_data(NOTES, 1)[0] != before:
            outputs.append(bool(board.read_data(NOTES + 1, 1)[0] & ACO))
    assert board.read_data(NOTES, 1)[0] == interrupts
    assert outputs == {0: [True, False] * 2, 2: [False] * 2, 3: [True] * 2}[acis]
    assert board.read_data(ACSR, 1)[0] & ACI == 0  # cleared by entering the handler


def test_its_flag_is_cleared_by_a_one(c_board: MakeBoard) -> None:
    board = board_with(c_board, "", "if (ACSR & _BV(ACI)) { NOTES[2] = 1; ACSR = _BV(ACI); }")
    board.set_analog_mv(AIN0, 3000)
    board.run(board.cycle + 100)
    assert board.read_data(NOTES + 2, 1) == b"\x01"
    assert board.read_data(ACSR, 1)[0] & ACI == 0


@pytest.mark.parametrize(("mode", "wakes"), [("IDLE", True), ("PWR_DOWN", False)])
def test_it_wakes_from_idle_only(c_board: MakeBoard, mode: str, *, wakes: bool) -> None:
    board = c_board(
        PRELUDE
        + f"int main(void) {{ NOTES[0] = 0; ACSR = _BV(ACIE); set_sleep_mode(SLEEP_MODE_{mode});"
        + "sleep_enable(); sei(); for (;;) sleep_cpu(); }"
    )
    assert board.run(1000) == (Stop.LIMIT if wakes else Stop.HALTED)
    board.set_analog_mv(AIN0, 100)
    board.run(2000)
    assert board.read_data(NOTES, 1)[0] == int(wakes)


def test_it_can_be_the_source_of_input_capture(c_board: MakeBoard) -> None:
    board = c_board(PRELUDE + "int main(void) { ACSR = _BV(ACIC); TCCR1B = _BV(ICES1) | 1; for (;;) {} }")
    board.drive_pin("B", 0, level=False)
    board.run(1000)
    board.drive_pin("B", 0, level=True)  # ICP1 is disconnected
    board.run(2000)
    assert board.read_data(0x86, 2) == b"\0\0"
    count = int.from_bytes(board.read_data(0x84, 2), "little")
    board.set_analog_mv(AIN0, 100)
    assert int.from_bytes(board.read_data(0x86, 2), "little") == count
