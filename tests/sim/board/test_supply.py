"""Power: brown-out by the supply's voltage (DS40002061 section 11), a loss of it, noise in RAM."""

from collections.abc import Callable

import pytest

from unosim.board import Board, Fuses, PinChanged, ResetBegan, Stop

MakeBoard = Callable[..., Board]

MCUSR, NOTES = 0x54, 0x200
PORF, EXTRF, BORF, WDRF = 1, 2, 4, 8
LEVELS = {
    "4.3 V": (Fuses(extended=0xFC), 4300),
    "2.7 V": (Fuses(), 2700),
    "1.8 V": (Fuses(extended=0xFE), 1800),
}
QUIET = "ldi r16, 0x55\n sts 0x300, r16\n sbi DDRB, 5\n sbi PORTB, 5\n loop: inc r20\n rjmp loop\n"


def causes(board: Board) -> list[int]:
    return [event.cause for event in board.take_events() if isinstance(event, ResetBegan)]


def quiet_board(asm_board: MakeBoard, fuses: Fuses = Fuses()) -> Board:  # noqa: B008 - immutable
    board = Board(asm_board(QUIET).flash, fuses=fuses)
    while board.run(1000) == Stop.EVENT:
        board.take_events()
    return board


@pytest.mark.parametrize("name", LEVELS)
def test_below_the_level_the_chip_is_held_in_reset(asm_board: MakeBoard, name: str) -> None:
    fuses, level = LEVELS[name]
    board = quiet_board(asm_board, fuses)
    board.set_supply_mv(level)
    assert causes(board) == []
    board.set_supply_mv(level - 1)
    assert causes(board) == [BORF]
    assert board.run(50_000) == Stop.LIMIT
    assert (board.pc, board.cycle, board.read_data(0x25, 1)) == (0, 50_000, b"\0")
    board.set_supply_mv(level + 49)
    board.run(60_000)
    assert board.pc == 0  # hysteresis
    board.set_supply_mv(level + 50)
    board.run(60_003)
    assert board.pc > 0
    assert board.read_data(MCUSR, 1)[0] == PORF | BORF
    assert board.read_data(0x300, 1) == b"\x55"  # SRAM has survived
    assert causes(board) == []


def test_with_the_detector_off_a_dip_passes(asm_board: MakeBoard) -> None:
    board = quiet_board(asm_board, Fuses(extended=0xFF))
    board.set_supply_mv(1000)
    assert causes(board) == []
    before = board.read_data(20, 1)
    board.run(board.cycle + 10)
    assert board.read_data(20, 1) != before


@pytest.mark.parametrize(
    ("fuses", "flags"), [(Fuses(), PORF | BORF), (Fuses(extended=0xFF), PORF)], ids=["2.7 V", "no detector"]
)
def test_without_power_sram_is_lost_and_the_way_back_is_a_power_on(
    asm_board: MakeBoard, fuses: Fuses, flags: int
) -> None:
    board = quiet_board(asm_board, fuses)
    board.set_supply_mv(0)
    board.run(100_000)
    board.set_supply_mv(5000, ram_fill=0x3C)
    assert board.read_data(0x300, 1) == b"\x3c"
    assert board.read_data(MCUSR, 1)[0] == flags
    board.run(board.cycle + 100)
    assert board.read_data(0x300, 1) == b"\x55"


def test_a_brown_out_lets_a_write_of_eeprom_end_and_a_loss_of_power_does_not(asm_board: MakeBoard) -> None:
    """Section "Preventing EEPROM Corruption": the write is completed as long as the voltage suffices."""
    board = asm_board(
        "ldi r16, 7\n out EEARL, r16\n ldi r16, 0x5A\n out EEDR, r16\n sbi EECR, EEMPE\n sbi EECR, EEPE\n"
        "loop: rjmp loop\n",
        eeprom=b"\0" * 8,
    )
    board.run(20_000)
    in_mid_write = board.snapshot()
    board.set_supply_mv(2000)
    board.run(100_000)
    assert board.eeprom[7] == 0x5A
    board.restore(in_mid_write)
    board.set_supply_mv(500)
    board.run(100_000)
    assert board.eeprom[7] not in {0, 0x5A}


def test_the_serial_line_falls_silent_in_a_brown_out(c_board: MakeBoard) -> None:
    board = c_board(
        "#include <avr/io.h>\nint main(void) { UBRR0 = 8; UCSR0B = _BV(TXEN0); for (;;) {"
        " while (!(UCSR0A & _BV(UDRE0))) {} UDR0 = 'x'; } }"
    )
    board.watch_pins("D", 2)
    while board.cycle < 10_000:
        board.run(10_000)
        board.take_events()
    board.set_supply_mv(2600)
    board.take_events()
    assert board.run(1_000_000) == Stop.LIMIT
    board.set_supply_mv(5000)
    assert board.run(2_000_000) == Stop.EVENT


def test_pins_let_go_at_a_reset_and_that_is_told(asm_board: MakeBoard) -> None:
    board = quiet_board(asm_board)
    at = board.cycle
    board.reset()
    assert board.take_events() == [PinChanged("B", 0, at)]


def test_the_watchdog_may_be_on_for_good(asm_board: MakeBoard) -> None:
    """Fuse WDTON: the program cannot switch it off."""
    flash = asm_board(
        "ldi r16, 0x18\n sts WDTCSR, r16\n ldi r16, 0\n sts WDTCSR, r16\n loop: rjmp loop\n"
    ).flash
    assert Board(flash).run(1_000_000) == Stop.LIMIT
    board = Board(flash, fuses=Fuses(high=0xCF))
    assert board.run(1_000_000) == Stop.EVENT
    assert causes(board) == [WDRF]
    assert board.cycle == pytest.approx(16 * 16_000, abs=20)


def test_ram_may_hold_noise_made_from_a_seed() -> None:
    def ram(board: Board) -> bytes:
        return board.read_data(0, 32) + board.read_data(0x100, 0x800)

    one, same, other = (Board(b"", ram_seed=seed) for seed in (1, 1, 2))
    assert ram(one) == ram(same)
    assert ram(one) != ram(other)
    assert len(set(ram(one))) > 200
    assert (one.sp, one.read_data(MCUSR, 1)) == (0x8FF, b"\x01")  # registers of peripherals are reset
    one.power_cycle(ram_seed=2)
    assert ram(one) == ram(other)
    one.set_supply_mv(0)
    one.set_supply_mv(5000, ram_seed=1)
    assert ram(one) == ram(same)


def test_power_is_checked() -> None:
    board = Board(b"")
    with pytest.raises(ValueError, match=r"millivolts must be 0\.\.65535, not -1"):
        board.set_supply_mv(-1)
    with pytest.raises(ValueError, match=r"ram_fill must be 0\.\.255, not 256"):
        board.power_cycle(256)
