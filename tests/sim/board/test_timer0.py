"""Timer 0 against a counter that ticks clock by clock, written from the datasheet's text (section 15)."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from unosim.board import Board, PinChanged

MakeBoard = Callable[..., Board]

TIFR0, TCNT0 = 0x35, 0x46
TOV, OCFA, OCFB = 1, 2, 4
MODES = {0: "normal", 1: "phase correct", 2: "CTC", 3: "fast", 5: "phase correct OCRA", 7: "fast OCRA"}
DIVISORS = {1: 1, 2: 8, 3: 64, 4: 256, 5: 1024}


@dataclass
class SlowTimer:
    """Timer 0 as the datasheet describes it, one timer clock at a time."""

    mode: int
    tcnt: int
    buffers: tuple[int, int]
    compare: tuple[int, int]
    flags: int = 0
    down: bool = False
    blocked: bool = True  # TCNT0 has just been written

    def clock(self) -> None:
        top = self.compare[0] if self.mode in {2, 5, 7} else 255
        if not self.blocked:
            self.flags |= OCFA * (self.tcnt == self.compare[0]) | OCFB * (self.tcnt == self.compare[1])
        at_top = self.tcnt == top and not (self.blocked and self.mode not in {1, 5})
        self.blocked = False
        if self.mode in {1, 5}:
            self._clock_both_ways(top)
        elif at_top and self.mode != 0:
            self.flags |= TOV * (self.mode != 2 or top == 255)
            self._wrap()
        else:
            self.flags |= TOV * (self.tcnt == 255 and self.mode in {0, 2})
            if self.tcnt == 255:
                self._wrap()
            else:
                self.tcnt += 1

    def _wrap(self) -> None:
        self.tcnt = 0
        if self.mode in {3, 7}:
            self.compare = self.buffers

    def _clock_both_ways(self, top: int) -> None:
        if self.down and self.tcnt == 0:
            self.down = False
            self.flags |= TOV
        elif not self.down and self.tcnt >= top:
            self.down = True
            self.compare = self.buffers
        if self.down:
            self.tcnt = max(self.tcnt - 1, 0)
        elif (self.compare[0] if self.mode == 5 else 255) > 0:
            self.tcnt += 1


PROGRAM = """
    ldi r16, {mode_low}
    out TCCR0A, r16
    ldi r16, {mode_high}
    out TCCR0B, r16
    ldi r16, {ocra}
    out OCR0A, r16
    ldi r16, {ocrb}
    out OCR0B, r16
    ldi r16, 0x07
    out TIFR0, r16
    ldi r16, {tcnt}
    out TCNT0, r16
    ldi r16, {clock} | {mode_high}
    out TCCR0B, r16
    ldi r17, {enabled}
    sts TIMSK0, r17
loop:
    rjmp loop
"""
CLOCK_STARTS = 15  # the cycle after the OUT that selects the clock, the prescaler having run since cycle 0


@pytest.mark.parametrize("mode", MODES, ids=MODES.get)
@pytest.mark.parametrize("enabled", [0, TOV | OCFA | OCFB], ids=["looked at", "interrupts planned"])
def test_count_and_flags_agree_with_a_slow_timer(asm_board: MakeBoard, mode: int, enabled: int) -> None:
    rng = random.Random(f"{mode} {enabled}")  # noqa: S311 - test data, not secrets
    for clock in (1, 2, 3):
        ocra, ocrb = rng.randrange(256), rng.randrange(256)
        tcnt = ocra if clock == 1 else rng.randrange(256)  # a match that the write of TCNT0 blocks
        text = PROGRAM.format(
            mode_low=mode & 3,
            mode_high=(mode & 4) << 1,
            clock=clock,
            ocra=ocra,
            ocrb=ocrb,
            tcnt=tcnt,
            enabled=enabled,
        )
        board = asm_board(text)
        buffered = mode in {1, 3, 5, 7}
        slow = SlowTimer(mode, tcnt, (ocra, ocrb), (0, 0) if buffered else (ocra, ocrb))
        cycle = CLOCK_STARTS - 1
        for _ in range(60):
            board.run(max(board.cycle, 20) + rng.randrange(1, 90 * DIVISORS[clock]))
            while cycle < board.cycle:
                cycle += 1
                if cycle >= CLOCK_STARTS and cycle % DIVISORS[clock] == 0:
                    slow.clock()
            seen = (board.read_data(TCNT0, 1)[0], board.read_data(TIFR0, 1)[0])
            assert seen == (slow.tcnt, slow.flags), f"{text} at cycle {cycle}: (TCNT0, TIFR0) differ"


def test_a_long_time_unlooked_at_is_the_same_as_many_short_ones(asm_board: MakeBoard) -> None:
    text = PROGRAM.format(mode_low=1, mode_high=8, clock=1, ocra=77, ocrb=200, tcnt=3, enabled=0)
    looked_at, left_alone = asm_board(text), asm_board(text)
    while looked_at.cycle < 1_000_001:
        looked_at.run(looked_at.cycle + 997)
        looked_at.read_data(TCNT0, 1)
    left_alone.run(looked_at.cycle)
    assert left_alone.read_data(TCNT0, 1) == looked_at.read_data(TCNT0, 1)


TOGGLE_IN_INTERRUPT = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
ISR({vector}) {{ PINB = 1; }}
int main(void) {{ DDRB = 1; {settings} sei(); for (;;) sleep_mode(); }}
"""
OVERFLOW, COMPARE_A = "TIMER0_OVF_vect", "TIMER0_COMPA_vect"


@pytest.mark.parametrize(
    ("vector", "settings", "period"),
    [
        (OVERFLOW, "TIMSK0 = 1; TCCR0B = 1;", 256),
        (OVERFLOW, "TIMSK0 = 1; TCCR0B = 2;", 256 * 8),
        (OVERFLOW, "TIMSK0 = 1; TCCR0B = 3;", 256 * 64),
        (OVERFLOW, "TIMSK0 = 1; TCCR0B = 4;", 256 * 256),
        (OVERFLOW, "TIMSK0 = 1; TCCR0B = 5;", 256 * 1024),
        (COMPARE_A, "TIMSK0 = 2; OCR0A = 249; TCCR0A = _BV(WGM01); TCCR0B = 3;", 250 * 64),
        (COMPARE_A, "TIMSK0 = 2; OCR0A = 99; TCCR0A = _BV(WGM01); TCCR0B = 2;", 100 * 8),
        (OVERFLOW, "TIMSK0 = 1; TCCR0A = _BV(WGM00); TCCR0B = 2;", 510 * 8),
    ],
)
def test_interrupt_period(c_board: MakeBoard, vector: str, settings: str, period: int) -> None:
    board = c_board(TOGGLE_IN_INTERRUPT.format(vector=vector, settings=settings))
    toggles: list[int] = []
    while len(toggles) < 12:
        board.run(2**40)
        toggles += [event.cycle for event in board.take_events() if isinstance(event, PinChanged)]
    assert [b - a for a, b in itertools.pairwise(toggles[2:])] == [period] * 9


@pytest.mark.parametrize(
    ("instructions", "read"),
    [
        pytest.param("in r18, TCNT0", 0, id="the next cycle"),
        pytest.param("nop\n in r18, TCNT0", 1, id="one later"),
        pytest.param("nop\n lds r18, 0x46", 2, id="LDS reads in its second cycle"),
    ],
)
def test_reading_sees_the_count_of_the_reading_cycle(
    asm_board: MakeBoard, instructions: str, read: int
) -> None:
    board = asm_board(
        f"ldi r16, 1\n out TCCR0B, r16\n ldi r17, 0\n out TCNT0, r17\n {instructions}\n rjmp .-2\n"
    )
    board.run(20)
    assert board.read_data(18, 1)[0] == read


def test_flags_are_cleared_one_by_one(asm_board: MakeBoard) -> None:
    board = asm_board("ldi r16, 1\n out TCCR0B, r16\n" + "nop\n" * 300 + "sbi TIFR0, OCF0A\n rjmp .-2\n")
    board.run(302)
    assert board.read_data(TIFR0, 1)[0] == TOV | OCFA | OCFB
    board.run(305)
    assert board.read_data(TIFR0, 1)[0] == TOV | OCFB


def test_prescaler_reset_starts_its_count_anew(asm_board: MakeBoard) -> None:
    reset_in_cycle_6 = (
        "ldi r16, 3\n out TCCR0B, r16\n ldi r17, 1\n nop\n nop\n nop\n out GTCCR, r17\n rjmp .-2\n"
    )
    board = asm_board(reset_in_cycle_6)
    board.run(69)  # the reset takes effect at cycle 7
    assert (board.cycle, board.read_data(TCNT0, 1)[0]) == (69, 0)
    board.run(71)
    assert (board.cycle, board.read_data(TCNT0, 1)[0]) == (71, 1)
