"""The watchdog (DS40002061 section 11.8): time-outs, modes, the timed sequence, and what a reset leaves."""

from collections.abc import Callable

import pytest

from unosim.board import Board, ResetBegan, Stop

MakeBoard = Callable[..., Board]

MS = 16_000
WDTCSR, MCUSR = 0x60, 0x54
WDRF, PORF, EXTRF = 8, 1, 2

PRELUDE = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>
#include <util/delay.h>
#define NOTES ((volatile uint8_t *)0x200)
static void change(uint8_t control) { WDTCSR = _BV(WDCE) | _BV(WDE); WDTCSR = control; }
"""


def first_reset(board: Board, until: int = 200_000 * MS) -> int:
    """The cycle of the first reset by the chip itself."""
    assert board.run(until) == Stop.EVENT
    (event,) = board.take_events()
    assert isinstance(event, ResetBegan)
    assert event.cause == WDRF
    return event.cycle


@pytest.mark.parametrize(
    ("time_out", "milliseconds"),
    [("WDTO_15MS", 16), ("WDTO_120MS", 128), ("WDTO_1S", 1024), ("WDTO_8S", 8192)],
)
def test_time_out(c_board: MakeBoard, time_out: str, milliseconds: int) -> None:
    board = c_board(PRELUDE + f"int main(void) {{ wdt_enable({time_out}); for (;;) {{}} }}")
    assert 0 < first_reset(board) - milliseconds * MS < 100  # the program's start
    assert board.read_data(MCUSR, 1)[0] == PORF | WDRF
    assert (board.pc, board.sp) == (0, 0x8FF)


def test_wdr_puts_it_off(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + "int main(void) { wdt_enable(WDTO_15MS);"
        + " for (uint8_t i = 0; i < 10; i++) { _delay_ms(15); wdt_reset(); } for (;;) {} }"
    )
    at = first_reset(board)
    assert 166 * MS <= at < 166.5 * MS


def test_after_its_reset_it_runs_on_with_16_ms_until_wdrf_is_cleared(c_board: MakeBoard) -> None:
    board = c_board(PRELUDE + "int main(void) { if (!(MCUSR & _BV(WDRF))) wdt_enable(WDTO_1S); for (;;) {} }")
    first = first_reset(board)
    assert board.read_data(WDTCSR, 1)[0] == 0x08
    assert first_reset(board) - first == pytest.approx(16 * MS, abs=4)  # the instruction that it waits for
    cleared = c_board(
        PRELUDE + "int main(void) { uint8_t was = MCUSR; MCUSR = 0; wdt_disable();"
        " if (!(was & _BV(WDRF))) wdt_enable(WDTO_15MS); for (;;) {} }"
    )
    first_reset(cleared)
    assert cleared.run(cleared.cycle + 100 * MS) == Stop.LIMIT


def test_wdrf_holds_wde(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + "int main(void) { if (!(MCUSR & _BV(WDRF))) wdt_enable(WDTO_15MS); else wdt_disable();"
        + " for (;;) {} }"
    )
    first = first_reset(board)
    assert first_reset(board) - first == pytest.approx(16 * MS, abs=100)


def test_the_sketch_that_hangs_is_back_after_an_external_reset(c_board: MakeBoard) -> None:
    board = c_board(PRELUDE + "int main(void) { for (;;) {} }")
    board.run(1000)
    board.reset()
    assert board.read_data(MCUSR, 1)[0] == PORF | EXTRF
    assert board.run(100 * MS) == Stop.LIMIT


INTERRUPT = "ISR(WDT_vect) { NOTES[0]++; NOTES[1] = WDTCSR; }\n"


def test_interrupt_mode_wakes_from_power_down_again_and_again(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + INTERRUPT
        + "int main(void) { NOTES[0] = 0; wdt_reset(); change(_BV(WDIE) | 6); SMCR = 5; sei();"
        + " for (;;) sleep_cpu(); }"
    )
    board.run(3 * 1024 * MS + 20_000)
    assert tuple(board.read_data(0x200, 2)) == (3, 0x46)
    assert board.asleep


def test_interrupt_and_reset_mode_interrupts_first_and_resets_next(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + INTERRUPT
        + "int main(void) { NOTES[0] = 0; wdt_reset(); change(_BV(WDIE) | _BV(WDE)); sei(); for (;;) {} }"
    )
    assert board.run(20 * MS) == Stop.LIMIT
    assert tuple(board.read_data(0x200, 2)) == (1, 0x08)  # WDIE is cleared by the entry
    assert first_reset(board) == pytest.approx(32 * MS, abs=100)


def test_without_interrupts_the_second_time_out_resets(c_board: MakeBoard) -> None:
    board = c_board(PRELUDE + "int main(void) { wdt_reset(); change(_BV(WDIE) | _BV(WDE)); for (;;) {} }")
    assert first_reset(board) == pytest.approx(32 * MS, abs=100)


@pytest.mark.parametrize(
    ("between", "control"),
    [("nop\n" * 1, 0x06), ("nop\n" * 2, 0x06), ("nop\n" * 3, 0x08)],
    ids=["three cycles later", "four", "five"],
)
def test_the_time_out_can_be_changed_for_four_cycles(
    asm_board: MakeBoard, between: str, control: int
) -> None:
    board = asm_board(
        f"ldi r16, 0x18\n ldi r17, 0x06\n sts WDTCSR, r16\n {between} sts WDTCSR, r17\n nop\n"
        "loop: rjmp loop\n"
    )
    board.run(30)
    assert board.read_data(WDTCSR, 1)[0] & 0x2F == control


def test_a_deadlock_with_interrupts_off_ends(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE + "int main(void) { wdt_enable(WDTO_15MS); cli(); SMCR = 5; for (;;) sleep_cpu(); }"
    )
    assert first_reset(board) == pytest.approx(16 * MS, abs=100)
