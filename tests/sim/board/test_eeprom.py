"""The EEPROM against the datasheet (sections 8.4 and 8.6): the unlock window, times, halts, what survives."""

from collections.abc import Callable

import pytest

from unosim.board import Board, Stop

MakeBoard = Callable[..., Board]

EECR = 0x3F
EEPE = 2
ADDRESS = 0x134
CONTENT = bytes([0x0F]) * 1024

WRITE = """
    ldi r16, lo8(0x134)
    out EEARL, r16
    ldi r16, hi8(0x134)
    out EEARH, r16
    ldi r16, 0x5A
    out EEDR, r16
    ldi r16, {mode} << EEPM0
    out EECR, r16
    sbi EECR, EEMPE
    {between}
    sbi EECR, EEPE
    in r20, EECR
loop:
    rjmp loop
"""
STARTED = 8 + 2 + 2  # cycles to the end of the SBI that sets EEPE, if nothing is between
ERASE_AND_WRITE = 54_400  # 3.4 ms


def writing_board(asm_board: MakeBoard, mode: int = 0, between: str = "") -> Board:
    return asm_board(WRITE.format(mode=mode, between=between), eeprom=CONTENT)


@pytest.mark.parametrize(
    ("mode", "cycles", "after"),
    [
        pytest.param(0, ERASE_AND_WRITE, 0x5A, id="erase and write"),
        pytest.param(1, 28_800, 0xFF, id="erase only"),
        pytest.param(2, 28_800, 0x0A, id="write only clears bits"),
    ],
)
def test_write_time(asm_board: MakeBoard, mode: int, cycles: int, after: int) -> None:
    board = writing_board(asm_board, mode)
    board.run(STARTED + cycles - 2)
    assert (board.eeprom[ADDRESS], board.read_data(EECR, 1)[0] & EEPE) == (0x0F, EEPE)
    board.run(STARTED + cycles)
    assert (board.eeprom[ADDRESS], board.read_data(EECR, 1)[0] & EEPE) == (after, 0)
    assert board.eeprom == CONTENT[:ADDRESS] + bytes([after]) + CONTENT[ADDRESS + 1 :]


@pytest.mark.parametrize(
    ("between", "starts"),
    [("", True), ("nop\n nop", True), ("nop\n nop\n nop", False), ("nop\n nop\n nop\n nop", False)],
    ids=["2 cycles later", "4 cycles later", "5 cycles later", "6 cycles later"],
)
def test_eepe_must_follow_eempe_within_four_cycles(
    asm_board: MakeBoard, between: str, *, starts: bool
) -> None:
    board = writing_board(asm_board, between=between)
    board.run(100)
    assert bool(board.read_data(EECR, 1)[0] & EEPE) == starts


def test_the_cpu_halts_two_cycles_for_a_write(asm_board: MakeBoard) -> None:
    board = writing_board(asm_board)
    board.run(STARTED - 1)
    assert board.cycle == STARTED + 2
    board.step()
    assert (board.cycle, board.read_data(20, 1)[0]) == (STARTED + 3, EEPE)


def test_the_cpu_halts_four_cycles_for_a_read(asm_board: MakeBoard) -> None:
    board = asm_board(
        "ldi r16, 3\n out EEARL, r16\n sbi EECR, EERE\n in r20, EEDR\n loop: rjmp loop\n",
        eeprom=b"\x10\x11\x12\x13",
    )
    for _ in range(3):
        board.step()
    assert board.cycle == 1 + 1 + 2 + 4
    board.step()
    assert board.read_data(20, 1) == b"\x13"


def test_ready_interrupt_comes_when_the_write_ends(c_board: MakeBoard) -> None:
    board = c_board(
        """
        #include <avr/eeprom.h>
        #include <avr/interrupt.h>
        #include <avr/sleep.h>
        static uint8_t next;
        ISR(EE_READY_vect) {
            if (next == 3) { EECR = 0; return; }
            EEAR = next; EEDR = 0x20 + next; next++;
            EECR |= _BV(EEMPE); EECR |= _BV(EEPE);
        }
        int main(void) {
            EECR = _BV(EERIE); set_sleep_mode(SLEEP_MODE_ADC); sei();
            while (next < 3) sleep_mode();
            eeprom_busy_wait(); cli(); sleep_mode();
            for (;;) {}
        }"""
    )
    assert board.run(2**40) == Stop.HALTED
    assert board.eeprom[:4] == b"\x20\x21\x22\xff"
    assert 3 * ERASE_AND_WRITE < board.cycle < 3 * ERASE_AND_WRITE + 400


def test_a_reset_does_not_stop_a_write(asm_board: MakeBoard) -> None:
    board = writing_board(asm_board)
    board.run(20_000)
    board.reset()
    assert board.read_data(EECR, 1)[0] & EEPE
    board.run(STARTED + ERASE_AND_WRITE)
    assert board.eeprom[ADDRESS] == 0x5A


def torn_bytes(board: Board, cycles: list[int]) -> list[int]:
    """What a power cut at each of these cycles of the write leaves."""
    left = []
    for cycle in cycles:
        board.run(STARTED + cycle)
        alive = board.snapshot()
        board.power_cycle()
        assert board.read_data(EECR, 1)[0] & EEPE == 0
        assert (
            board.eeprom == CONTENT[:ADDRESS] + board.eeprom[ADDRESS : ADDRESS + 1] + CONTENT[ADDRESS + 1 :]
        )
        left.append(board.eeprom[ADDRESS])
        board.restore(alive)
    return left


def test_a_power_cut_while_erasing_leaves_some_bits_as_they_were(asm_board: MakeBoard) -> None:
    left = torn_bytes(writing_board(asm_board), list(range(10, ERASE_AND_WRITE // 2, 500)))
    assert all(byte & 0x0F == 0x0F for byte in left)  # ones stay ones
    assert left[0] == 0x0F
    assert len(set(left)) > 8
    assert sum(byte.bit_count() for byte in left[:10]) < sum(byte.bit_count() for byte in left[-10:])


def test_a_power_cut_while_writing_leaves_some_zeros_unwritten(asm_board: MakeBoard) -> None:
    left = torn_bytes(
        writing_board(asm_board), list(range(ERASE_AND_WRITE // 2 + 10, ERASE_AND_WRITE - 10, 500))
    )
    assert all(byte & 0x5A == 0x5A for byte in left)
    assert left[0] == 0xFF
    assert len(set(left)) > 8
    assert sum(byte.bit_count() for byte in left[:10]) > sum(byte.bit_count() for byte in left[-10:])


@pytest.mark.parametrize(("mode", "ones"), [(1, 0x0F), (2, 0x0A)], ids=["erase only", "write only"])
def test_a_power_cut_in_half_a_write_does_half_of_its_work(
    asm_board: MakeBoard, mode: int, ones: int
) -> None:
    left = torn_bytes(writing_board(asm_board, mode), list(range(10, 28_000, 500)))
    assert all(byte & ones == ones for byte in left)
    assert all(byte & ~0x0F == 0 for byte in left) == (mode == 2)
    assert left[0] == 0x0F
    assert len(set(left)) > 2


def test_the_same_cut_tears_in_the_same_way(asm_board: MakeBoard) -> None:
    assert torn_bytes(writing_board(asm_board), [9_000, 40_000]) == torn_bytes(
        writing_board(asm_board), [9_000, 40_000]
    )
