"""The observer: where it stops, what it counts, and that it changes nothing."""

from collections.abc import Callable

import pytest

from unosim.board import Board, Image, Stop, UartSent

MakeBoard = Callable[..., Board]

FOREVER = 2**40


def observed(board: Board, *, breakpoints: tuple[int, ...] = (), watched: tuple[int, ...] = ()) -> Board:
    for pc in breakpoints:
        board.observer.set_breakpoint(pc)
    for address in watched:
        board.observer.set_watchpoint(address)
    board.observer.start()
    return board


LOOP = "ldi r16, 3\n again: dec r16\n brne again\n nop\n loop: rjmp loop\n"


def test_a_breakpoint_stops_before_its_instruction_and_is_passed_by_the_next_run(
    asm_board: MakeBoard,
) -> None:
    board = observed(asm_board(LOOP), breakpoints=(1,))
    seen = []
    for _ in range(3):
        assert board.run(100) == Stop.BREAKPOINT
        seen.append((board.pc, board.read_data(16, 1)[0]))
    assert seen == [(1, 3), (1, 2), (1, 1)]
    assert board.run(100) == Stop.LIMIT
    assert board.pc == 4


def test_a_breakpoint_on_the_branch_of_a_pair_is_seen(asm_board: MakeBoard) -> None:
    board = observed(asm_board(LOOP), breakpoints=(2,))
    assert board.run(100) == Stop.BREAKPOINT
    assert (board.pc, board.read_data(16, 1)[0]) == (2, 2)


def test_a_step_leaves_a_breakpoint_behind(asm_board: MakeBoard) -> None:
    board = observed(asm_board(LOOP), breakpoints=(1, 2))
    assert board.run(100) == Stop.BREAKPOINT
    assert board.step() == Stop.LIMIT  # the limit comes first
    assert board.pc == 2
    assert (board.run(100), board.pc) == (Stop.BREAKPOINT, 2)


def test_a_breakpoint_reached_together_with_an_event_still_stops(asm_board: MakeBoard) -> None:
    board = observed(asm_board("sbi DDRB, 5\n sbi PORTB, 5\n nop\n loop: rjmp loop\n"), breakpoints=(2,))
    assert [board.run(100), board.pc] == [Stop.EVENT, 2]
    assert [board.run(100), board.pc, board.cycle] == [Stop.BREAKPOINT, 2, 4]


def test_a_breakpoint_that_was_taken_away_passes_no_other(asm_board: MakeBoard) -> None:
    board = observed(asm_board(LOOP), breakpoints=(1,))
    assert board.run(100) == Stop.BREAKPOINT
    board.observer.set_breakpoint(1, on=False)
    board.observer.set_breakpoint(2)
    assert (board.run(100), board.pc, board.read_data(16, 1)) == (Stop.BREAKPOINT, 2, b"\x02")


def test_breakpoints_can_be_taken_away_and_rest_while_nobody_observes(asm_board: MakeBoard) -> None:
    board = observed(asm_board(LOOP), breakpoints=(1, 3))
    board.observer.set_breakpoint(1, on=False)
    assert (board.run(100), board.pc) == (Stop.BREAKPOINT, 3)
    board.observer.stop()
    assert board.run(100) == Stop.LIMIT


def test_a_handler_that_runs_before_the_breakpoint_does_not_swallow_it(asm_board: MakeBoard) -> None:
    board = observed(
        asm_board(
            "jmp main\n .org 0x40\n inc r20\n reti\n .org 0x68\n"
            "main: ldi r16, 1\n sts TIMSK0, r16\n ldi r17, 0xF8\n out TCNT0, r17\n out TCCR0B, r16\n sei\n"
            "here: nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n loop: rjmp loop\n"
        ),
        breakpoints=(0x34 + 9, 0x20),
    )
    seen = []
    for _ in range(2):
        assert board.run(60) == Stop.BREAKPOINT
        seen.append(board.pc)
    assert seen == [0x34 + 9, 0x20]
    assert board.run(60) == Stop.LIMIT


def test_an_interrupt_at_the_start_of_a_run_keeps_both_breakpoints(asm_board: MakeBoard) -> None:
    """The one that the run begins at is passed only by the instruction there."""
    here = 0x34 + 5
    board = observed(
        asm_board(
            "jmp main\n jmp handler\n .org 0x68\n"
            "main: ldi r16, 1\n out EIMSK, r16\n ldi r17, 0\n sei\n nop\n"
            "here: inc r20\n rjmp here\n handler: out EIMSK, r17\n reti\n"
        ),
        breakpoints=(here, 2),
    )
    board.drive_pin("D", 2, level=True)
    assert (board.run(100), board.pc) == (Stop.BREAKPOINT, here)
    board.drive_pin("D", 2, level=False)  # INT0 by its low level
    assert (board.run(100), board.pc) == (Stop.BREAKPOINT, 2)
    assert (board.run(100), board.pc) == (Stop.BREAKPOINT, here)


@pytest.mark.parametrize(
    ("store", "address"),
    [
        ("sts 0x300, r16", 0x300),
        ("ldi r26, 0x10\n ldi r27, 3\n st X+, r16", 0x310),
        ("ldi r30, 0x10\n ldi r31, 3\n std Z+5, r16", 0x315),
        ("push r16", 0x8FF),
        ("out PORTC, r16", 0x28),
        ("sbi PORTB, 5", 0x25),
        ("sts TCCR1A, r16", 0x80),
        ("rcall sub", 0x8FE),
    ],
)
def test_a_watched_byte_stops_after_its_store(asm_board: MakeBoard, store: str, address: int) -> None:
    board = observed(asm_board(f"nop\n {store}\n sub: nop\n loop: rjmp loop\n"), watched=(address,))
    assert board.run(100) == Stop.WATCHPOINT
    assert board.observer.watched_address == address
    assert board.cycle < 12
    board.take_events()
    assert board.run(100) == Stop.LIMIT


def test_cycles_are_counted_where_they_are_spent(asm_board: MakeBoard) -> None:
    board = observed(
        asm_board("ldi r16, 3\n again: dec r16\n brne again\n lpm\n rcall sub\n loop: rjmp loop\nsub: ret\n")
    )
    board.run(1 + 3 + 5 + 3 + 3 + 4 + 2 * 10)
    assert list(board.observer.cycles[:7]) == [1, 3, 5, 3, 3, 20, 4]
    assert sum(board.observer.cycles) == board.cycle


def test_entering_an_interrupt_counts_at_its_vector_and_sleep_nowhere(asm_board: MakeBoard) -> None:
    board = observed(
        asm_board(
            "jmp main\n .org 0x40\n reti\n .org 0x68\n main: ldi r16, 1\n out SMCR, r16\n sts TIMSK0, r16\n"
            "out TCCR0B, r16\n sei\n again: sleep\n rjmp again\n"
        )
    )
    board.run(256 * 3 + 100)
    counts = board.observer.cycles
    assert counts[0x20] == 3 * (4 + 4)  # entry and RETI
    assert sum(counts) < board.cycle // 4


def test_written_bytes_and_the_depth_of_the_stack(c_board: MakeBoard) -> None:
    board = c_board(
        """
        #include <avr/io.h>
        static volatile uint8_t used[3], unused[5];
        static uint8_t __attribute__((noinline)) deep(uint8_t n) {
            volatile uint8_t frame[10];
            for (uint8_t i = 0; i < 10; i++) frame[i] = n;
            return n ? deep(n - 1) + frame[3] : frame[4];
        }
        int main(void) { used[0] = used[2] = deep(2); for (;;) GPIOR0 = unused[1]; }"""
    )
    board.observer.start()
    board.run(5000)
    stack = 0x8FF - board.observer.stack_low
    assert 3 * 12 < stack < 3 * 30
    assert board.observer.written[board.observer.stack_low + 1 : 0x900].count(0) == 0
    assert 1 not in board.observer.written[0x200:0x800]
    assert board.observer.written[0x3E] == 1  # GPIOR0


def test_start_forgets_what_was_counted(asm_board: MakeBoard) -> None:
    board = observed(asm_board("push r0\n sts 0x200, r0\n pop r0\n loop: rjmp loop\n"))
    board.run(100)
    assert (board.observer.stack_low, board.observer.written[0x200]) == (0x8FE, 1)
    board.observer.start()
    assert (board.observer.stack_low, board.observer.written[0x200]) == (0x8FF, 0)
    assert sum(board.observer.cycles) == 0


BUSY = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <stdlib.h>
static volatile uint16_t ticks; static char text[12];
ISR(TIMER0_OVF_vect) { ticks++; PINB = 32; }
int main(void) {
    DDRB = 32; TCCR0B = 1; TIMSK0 = 1; UBRR0 = 8; UCSR0B = _BV(TXEN0); sei();
    for (;;) {
        ltoa(ticks * 31415L, text, 10);
        for (char *c = text; *c; c++) { while (!(UCSR0A & _BV(UDRE0))) {} UDR0 = *c; }
    }
}
"""


def test_observing_changes_nothing(avr_compile: Callable[[str], Image]) -> None:
    told: list[list[UartSent]] = []
    ends = []
    for observes in (False, True):
        board = Board(avr_compile(BUSY).flash)
        if observes:
            board.observer.start()
        heard = []
        while board.cycle < 400_000:
            if board.run(400_000) == Stop.EVENT:
                heard += [event for event in board.take_events() if isinstance(event, UartSent)]
        told.append(heard)
        ends.append(board.snapshot())
    assert told[0] == told[1]
    assert len(told[0]) > 100
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda board: board.observer.set_breakpoint(0x4000), "pc in words must be 0..16383, not 16384"),
        (lambda board: board.observer.set_watchpoint(0x900), "address must be 0..2303, not 2304"),
    ],
)
def test_places_are_checked(call: Callable[[Board], None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(Board(b""))
