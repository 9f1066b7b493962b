"""Interrupt response, its order and its delays (DS40002061 section 7.7), and sleeping (section 10)."""

from collections.abc import Callable

import pytest

from unosim.board import Board, Stop, UartSent

MakeBoard = Callable[..., Board]

VECTOR_OVF0, VECTOR_UDRE, VECTOR_TX = 0x20, 0x26, 0x28  # word addresses
SREG_I = 0x80
TCNT0 = 0x46

# Vectors that return at once, then `main`.
VECTORS = """
    jmp main
    .org 0x40
    reti
    .org 0x4C
    reti
    .org 0x50
    reti
    .org 0x54
    reti
    .org 0x68
main:
"""
MAIN = 0x34
UDRE_PENDS = "ldi r16, (1 << UDRIE0)\n sts UCSR0B, r16\n"  # three words
TIMER_PENDS = "ldi r16, 1\n sts TIMSK0, r16\n out TCCR0B, r16\n"
RECEIVE_ENABLED = "ldi r16, 0x90\n sts UCSR0B, r16\n"
POWER_DOWN = "ldi r16, 5\n out SMCR, r16\n"


def run_to(board: Board, pc: int) -> int:
    """Step until the program counter is there; the cycle."""
    for _ in range(2000):
        if board.pc == pc:
            return board.cycle
        board.step()
    raise AssertionError(f"program counter 0x{board.pc:x} never reached 0x{pc:x}")


def steps(board: Board, count: int) -> list[tuple[int, int]]:
    """Step; where the program counter went and how many cycles it took."""
    seen = []
    for _ in range(count):
        before = board.cycle
        board.step()
        seen.append((board.pc, board.cycle - before))
    return seen


def test_entry_and_return_take_four_cycles_each(asm_board: MakeBoard) -> None:
    board = asm_board(VECTORS + UDRE_PENDS + "ldi r16, 0x40\n sei\n loop: rjmp loop\n")
    loop = MAIN + 5
    run_to(board, loop)
    sp = board.sp
    assert steps(board, 1) == [(loop, 2)]  # the instruction after SEI
    assert steps(board, 1) == [(VECTOR_UDRE, 4)]
    assert (board.sp, board.sreg & SREG_I) == (sp - 2, 0)
    assert board.read_data(board.sp + 1, 2) == loop.to_bytes(2, "big")
    assert steps(board, 1) == [(loop, 4)]
    assert (board.sp, board.sreg & SREG_I) == (sp, SREG_I)


@pytest.mark.parametrize(
    "enable",
    [
        pytest.param("sei", id="SEI"),
        pytest.param("out SREG, r17", id="OUT SREG"),
        pytest.param("reti", id="RETI"),
    ],
)
def test_one_instruction_comes_before_a_pending_interrupt(asm_board: MakeBoard, enable: str) -> None:
    board = asm_board(
        VECTORS
        + UDRE_PENDS
        + "ldi r17, 0x80\n rcall sub\n nop\n nop\n rjmp .-2\nsub: nop\n"
        + ("" if enable == "reti" else "pop r0\n pop r0\n")
        + enable
        + "\n nop\n nop\n nop\n"
    )
    while not board.sreg & SREG_I:
        board.step()
    after = board.pc
    assert [pc for pc, _ in steps(board, 2)] == [after + 1, VECTOR_UDRE]


def test_cli_is_immediate(asm_board: MakeBoard) -> None:
    board = asm_board(VECTORS + UDRE_PENDS + "sei\n cli\n nop\n nop\n loop: rjmp loop\n")
    run_to(board, MAIN + 7)
    assert board.sp == 0x8FF


def test_the_main_program_gets_one_instruction_between_two_handlers(
    asm_board: MakeBoard,
) -> None:
    board = asm_board(VECTORS + UDRE_PENDS + "sei\n loop: inc r20\n rjmp loop\n")
    run_to(board, VECTOR_UDRE)
    counts = []
    for _ in range(4):
        counts.append(board.read_data(20, 1)[0])
        board.step()
        run_to(board, VECTOR_UDRE)
    assert len(set(counts)) >= 2  # UDRE is a level: without the rule main would stand still


def test_the_lower_vector_goes_first(asm_board: MakeBoard) -> None:
    board = asm_board(
        VECTORS
        + "ldi r16, 1\n sts TIMSK0, r16\n ldi r17, 0xFF\n out TCNT0, r17\n out TCCR0B, r16\n nop\n nop\n"
        + UDRE_PENDS
        + "sei\n nop\n loop: rjmp loop\n"
    )
    first = run_to(board, VECTOR_OVF0)
    assert run_to(board, VECTOR_UDRE) > first


def test_sleep_jumps_to_the_interrupt_and_waking_takes_four_cycles_more(
    asm_board: MakeBoard,
) -> None:
    board = asm_board(
        VECTORS
        + "ldi r16, 1\n out SMCR, r16\n sts TIMSK0, r16\n ldi r17, 5\n out TCCR0B, r17\n sei\n sleep\n"
        + "loop: rjmp loop\n"
    )
    run_to(board, MAIN + 8)
    assert board.asleep
    overflow = 256 * 1024
    assert board.run(overflow - 1) == Stop.LIMIT
    assert (board.cycle, board.asleep) == (overflow - 1, True)
    assert run_to(board, VECTOR_OVF0) == overflow + 4 + 4
    assert steps(board, 1) == [(MAIN + 8, 4)]


def test_sei_sleep_does_not_lose_a_pending_interrupt(asm_board: MakeBoard) -> None:
    board = asm_board(
        VECTORS + UDRE_PENDS + "ldi r16, 1\n out SMCR, r16\n sei\n sleep\n cli\n loop: rjmp loop\n"
    )
    run_to(board, VECTOR_UDRE)
    assert board.read_data(board.sp + 1, 2) == (MAIN + 7).to_bytes(2, "big")  # back to CLI, behind SLEEP


@pytest.mark.parametrize(
    ("prepare", "stop"),
    [
        pytest.param("cli", Stop.HALTED, id="interrupts off"),
        pytest.param("sei", Stop.HALTED, id="nothing enabled"),
        pytest.param(RECEIVE_ENABLED + "sei", Stop.LIMIT, id="a byte may come"),
        pytest.param(TIMER_PENDS + "cli", Stop.HALTED, id="timer, interrupts off"),
        pytest.param(POWER_DOWN + RECEIVE_ENABLED + "sei", Stop.HALTED, id="power-down"),
        pytest.param(
            POWER_DOWN + TIMER_PENDS + "sei",
            Stop.HALTED,
            id="power-down stops timer 0",
        ),
    ],
)
def test_halted_means_that_nothing_can_wake_it(asm_board: MakeBoard, prepare: str, stop: Stop) -> None:
    board = asm_board(VECTORS + f"ldi r16, 1\n out SMCR, r16\n {prepare}\n sleep\n loop: rjmp loop\n")
    assert board.run(100_000) == stop
    assert board.asleep


def test_clocks_that_sleep_stops_go_on_where_they_stood(asm_board: MakeBoard) -> None:
    text = (
        VECTORS
        + "ldi r16, 4\n out TCCR0B, r16\n ldi r16, 1\n sts TIMSK0, r16\n"
        + "ldi r16, (1 << TXEN0)\n sts UCSR0B, r16\n ldi r16, 51\n sts UBRR0L, r16\n sts UDR0, r16\n"
        + "ldi r16, (1 << ADEN) | (1 << ADIE) | 7\n sts ADCSRA, r16\n ldi r16, 3\n out SMCR, r16\n sei\n"
        + "{noise_reduction}\n ldi r16, 0\n sts ADCSRA, r16\n ldi r16, 1\n out SMCR, r16\n"
        + "idle: sleep\n rjmp idle\n"
    )
    awake = asm_board(text.format(noise_reduction="nop"))
    sleeper = asm_board(text.format(noise_reduction="sleep"))
    while not sleeper.asleep:
        sleeper.step()
    asleep_at = sleeper.cycle
    while sleeper.asleep:
        sleeper.run(sleeper.cycle + 1)
    stopped = sleeper.cycle - 4 - asleep_at  # less the four cycles of waking, during which the clocks run
    assert 25 * 128 <= stopped <= 26 * 128  # a first conversion
    counts, frame_ends = [], []
    for board, delay in ((awake, 0), (sleeper, stopped)):
        seen = []
        for cycle in range(
            2000, 22_000, 100
        ):  # both in idle sleep by then, where a run ends at its very limit
            while board.run(cycle + delay) == Stop.EVENT:
                frame_ends += [e.end_cycle - delay for e in board.take_events() if isinstance(e, UartSent)]
            seen.append((board.cycle - delay, board.read_data(TCNT0, 1)[0]))
        counts.append(seen)
    assert counts[0] == counts[1]
    assert frame_ends[0] == frame_ends[1]


@pytest.mark.parametrize("nops", range(8))
def test_a_flag_that_rises_while_sei_runs_waits_for_one_instruction_too(
    asm_board: MakeBoard, nops: int
) -> None:
    board = asm_board(
        VECTORS
        + "ldi r16, 1\n sts TIMSK0, r16\n ldi r17, 0xFC\n out TCNT0, r17\n out TCCR0B, r16\n"
        + "nop\n" * nops
        + "sei\n inc r20\n loop: rjmp loop\n"
    )
    run_to(board, VECTOR_OVF0)
    assert board.read_data(20, 1)[0] == 0xA5 + 1


def test_sleep_without_se_does_nothing(asm_board: MakeBoard) -> None:
    board = asm_board("sleep\n ldi r20, 7\n loop: rjmp loop\n")
    board.run(10)
    assert (board.asleep, board.read_data(20, 1)) == (False, b"\x07")


def test_a_reserved_opcode_stops_the_run_where_it_is(asm_board: MakeBoard) -> None:
    board = asm_board("nop\n nop\n .word 0x9404\n nop\n")
    for _ in range(2):
        assert board.run(1000) == Stop.BAD_OPCODE
        assert (board.pc, board.cycle) == (2, 2)
